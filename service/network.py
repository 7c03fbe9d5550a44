"""The way out to other machines; the one place that speaks HTTP as a client.

Whoever registers an address chooses where we knock, so every name is resolved here, every address
it has is checked, and one of those checked is dialled: nothing is resolved twice. No redirect is
followed, no proxy of the environment is used, no more is read than was asked for.
"""

import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from service.errors import InvalidField, Unreachable

PORTS: Final = (443, 8443)
SECONDS: Final = 5.0  # for each step
SECONDS_IN_ALL: Final = 30.0  # for an answer, however it drips
LARGEST_ANSWER: Final = 64 * 1024  # octets
LONGEST_URL: Final = 2000
TRANSLATED: Final = ip_network("64:ff9b::/96")  # NAT64: an IPv4 address in the last 32 bits
Resolver = Callable[[str, int], Iterable[str]]
FAILURES: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What another machine said."""

    status: int
    content: bytes


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public(address: str) -> bool:
    """Return whether an address is one that anybody on the internet may mean.

    >>> is_public("93.184.216.34"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(
        part.is_global and not part.is_multicast and not part.is_reserved
        for part in (found, *_embedded(found))
    )


def _embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses to which an IPv6 one is carried on."""
    if isinstance(address, IPv4Address):
        return []
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in TRANSLATED or not int(address) >> 32:
        inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [part for part in inside if part is not None]


def require_reachable(url: str, *, admitted: Collection[str] = ()) -> None:
    """Refuse an address that we would not knock at, before anybody does.

    Args:
        admitted: `host:port` that the operator lets us reach though they are not public.

    Raises:
        InvalidField: with the reason.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise InvalidField("/url", "not an address") from error
    host = parts.hostname or ""
    if len(url) > LONGEST_URL or not host or not url.isascii() or not url.isprintable():
        raise InvalidField("/url", f"an ASCII address of up to {LONGEST_URL} letters")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidField("/url", "neither a user, nor a password, nor a fragment")
    if f"{host}:{port}" in admitted and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" or port not in PORTS:
        raise InvalidField("/url", f"https on port {' or '.join(map(str, PORTS))}")
    if _looks_like_an_address(host) and not is_public(host):
        raise InvalidField("/url", "this address is not on the public internet")


def _looks_like_an_address(host: str) -> bool:
    """Return whether a host is a number in any of the ways that resolvers take for an address."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return ":" in host or last.isdigit() or last.startswith("0x")


class _CheckedBackend(httpcore.NetworkBackend):
    """Opens connections to checked addresses alone."""

    def __init__(self, resolver: Resolver, admitted: Collection[str]) -> None:
        self._resolve = resolver
        self._admitted = admitted
        self._dial = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = list(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no address")
        if f"{host}:{port}" not in self._admitted and not all(map(is_public, addresses)):
            raise httpcore.ConnectError(f"{host} is not on the public internet")
        return self._dial.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    def sleep(self, seconds: float) -> None:
        self._dial.sleep(seconds)


class _CheckedTransport(httpx.BaseTransport):
    """Carries requests of httpx over connections to checked addresses."""

    def __init__(self, resolver: Resolver, admitted: Collection[str], largest: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=_CheckedBackend(resolver, admitted),
        )
        self._largest = largest

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        content, until = b"", monotonic() + SECONDS_IN_ALL
        try:
            for part in answer.iter_stream():
                content += part
                if monotonic() > until:
                    raise httpx.ReadTimeout("the answer drips")
                if len(content) > self._largest:
                    raise httpx.ReadError(f"the answer is longer than {self._largest} octets")
        finally:
            answer.close()
        headers = [(name, value) for name, value in answer.headers
                   if name.lower() != b"content-encoding"]  # fmt: skip
        return httpx.Response(answer.status, headers=headers, content=content)

    def close(self) -> None:
        self._pool.close()


class Network:
    """How this installation reaches others.

    Attributes:
        admitted: `host:port` that it may reach though they are not public: what the operator
            names, such as an asset system of the plant.
    """

    def __init__(self, admitted: Collection[str] = (), *, resolver: Resolver = resolve) -> None:
        self.admitted = frozenset(admitted)
        self._resolve = resolver

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        largest: int = LARGEST_ANSWER,
        seconds: float = SECONDS,
    ) -> Answer:
        """Send one request and return its answer, whatever it is; a redirect is an answer.

        Raises:
            InvalidField: an address that we do not knock at.
            Unreachable: nobody answered, or not as HTTP has it.
        """
        require_reachable(url, admitted=self.admitted)
        transport = _CheckedTransport(self._resolve, self.admitted, largest)
        plain = {"accept-encoding": "identity", "user-agent": "Suyuan", **headers}
        try:
            with httpx.Client(
                transport=transport, timeout=seconds, follow_redirects=False, trust_env=False
            ) as client:
                answer = client.request(method, url, headers=plain, content=content)
        except FAILURES as error:
            raise Unreachable(_told(error)) from error
        return Answer(answer.status_code, answer.content)


def _told(error: Exception) -> str:
    """Return what to say of a failure: its kind, not what a machine inside may have answered."""
    if isinstance(error, httpcore.TimeoutException | httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpcore.ConnectError | httpx.ConnectError):
        return "no connection"
    return str(error)[:200] or type(error).__name__
