"""Whoever registers an address chooses where we knock; we knock only where anybody may.

A listener on this machine counts who connects. Names are resolved by a table, so that one can
turn on us after it was checked.
"""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import service
from service.errors import InvalidField, Unreachable
from service.network import LARGEST_ANSWER, Network, is_public, require_reachable

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
def listener() -> Iterator[SimpleNamespace]:
    """Something inside that must not be reached: it counts who connects, and answers them."""
    told = SimpleNamespace(connections=0, answer=OK, asked=b"")
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    told.port = server.getsockname()[1]
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            told.connections += 1
            with connection:
                connection.settimeout(2)
                told.asked = connection.recv(65536)
                connection.sendall(told.answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield told
    stop.set()
    thread.join()
    server.close()


# ruff: noqa: S104  (an address that must not be reached)
INSIDE = [
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001",
    "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0x7f.1", "0", "0.0.0.0", "00000000", "localhost",
    "localhost.", "LOCALHOST", "ip6-localhost", "10.0.0.1", "10.255.255.255", "172.16.0.1",
    "172.31.255.255", "192.168.0.1", "192.168.1.254", "169.254.169.254", "169.254.1.1",
    "2852039166", "0xa9fea9fe", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fc00::1]",
    "[fd12:3456::1]", "[ff02::1]", "[2001:db8::1]", "[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]",
    "[2002:7f00:1::]", "[2002:a00:1::]", "[2001:0:7f00:1::]", "[100::1]",
    "[::ffff:169.254.169.254]",
    "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1",
]  # fmt: skip
NAMES = {  # what a name turns out to be
    "inside.example": ["127.0.0.1"], "both.example": ["93.184.216.34", "10.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"], "metadata.example": ["169.254.169.254"],
    "link.example": ["fe80::1%eth0"], "nothing.example": [], "nat.example": ["64:ff9b::a00:1"],
    "odd.example": ["not an address"],
}  # fmt: skip
FORMS = [
    "http://93.184.216.34/", "https://93.184.216.34:22/", "https://93.184.216.34:6379/",
    "ftp://files.example/", "file:///etc/passwd", "gopher://files.example/", "https://",
    "https:///path", "https://user@example.com/", "https://user:secret@example.com/",
    "https://example.com#@127.0.0.1/", "https://example.com:99999/", "https://[::1/",
    "https://exa mple.com/", "https://example.com/\r\nHost: inside", "javascript:alert(1)", "",
    "//127.0.0.1/", "https://" + "a" * 3000 + ".example/",
]  # fmt: skip


def resolve_inside(host: str, _port: int) -> list[str]:
    """Resolve what the system's resolver would: names by the table, all else on this machine."""
    return NAMES.get(host, ["127.0.0.1"])


def refused(url: str, *, network: Network) -> bool:
    try:
        network.send("POST", url, headers={}, content=b"{}", seconds=0.5)
    except (InvalidField, Unreachable):
        return True
    return False


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_form_of_an_address_inside_is_ever_connected_to(listener, scheme):
    network = Network(resolver=resolve_inside)
    urls = [f"{scheme}://{host}{port}/hook" for host in (*INSIDE, *NAMES)
            for port in ("", f":{listener.port}", ":8443")]  # fmt: skip

    assert all(refused(url, network=network) for url in (*urls, *FORMS))

    assert len(INSIDE) + len(NAMES) + len(FORMS) >= 60
    assert listener.connections == 0


def test_a_name_that_turns_on_us_after_it_was_checked_is_dialled_as_it_was_checked(listener):
    """Rebinding: the second answer would be this machine; nobody asks a second time."""
    answers = iter([["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def turning(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    assert refused("https://turning.example/", network=Network(resolver=turning))

    assert asked == ["turning.example"]
    assert listener.connections == 0


def test_a_redirect_is_an_answer_and_is_not_followed(listener):
    inside = f"127.0.0.1:{listener.port}"
    listener.answer = (
        f"HTTP/1.1 302 Found\r\nlocation: http://{inside}/secret\r\ncontent-length: 0\r\n\r\n"
    ).encode()
    network = Network([inside])

    answer = network.send("POST", f"http://{inside}/", headers={}, content=b"{}")

    assert answer.status == 302
    assert listener.connections == 1


def test_what_the_operator_admits_is_reached_and_nothing_beside_it(listener):
    inside = f"127.0.0.1:{listener.port}"
    network = Network([inside])

    answer = network.send("POST", f"http://{inside}/hook", headers={"x-a": "b"}, content=b"{}")

    assert (answer.status, answer.content) == (200, b"ok")
    assert b"POST /hook" in listener.asked
    assert b"x-a: b" in listener.asked
    assert refused("http://127.0.0.1:1/", network=network)
    assert refused(f"http://localhost:{listener.port}/", network=network)


def test_no_proxy_of_the_environment_is_used(listener, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.port}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{listener.port}")

    assert refused("https://inside.example/", network=Network(resolver=resolve_inside))

    assert listener.connections == 0


def test_more_than_was_asked_for_is_not_read(listener):
    listener.answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LARGEST_ANSWER + 1)
    inside = f"127.0.0.1:{listener.port}"

    with pytest.raises(Unreachable, match="longer than"):
        Network([inside]).send("GET", f"http://{inside}/", headers={})


def test_what_is_public_is_public():
    for address in ("93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"):
        assert is_public(address)
    for url in ("https://example.com/", "https://example.com:8443/a?b=c", "https://8.8.8.8/"):
        require_reachable(url)


def test_one_module_speaks_to_the_network():
    folder = Path(service.__path__[0])

    found = {
        path.name
        for path in folder.rglob("*.py")
        if any(f"import {name}" in path.read_text("utf-8") for name in ("httpx", "httpcore"))
    }

    assert found == {"network.py"}
