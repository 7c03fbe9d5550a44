"""The keeper of the power plant's ledger hands one in, decides, connects systems, reads the log.

It is 21 November 2026; each page is looked at in both languages.
"""

import pytest

from service.auth import ACTING_COOKIE
from service.demo.world import identifier
from service.web import addresses
from tests.service.demonstration import demonstration_client

HEADER = "管理编号,器具名称,型号规格,出厂编号,测量范围\n"
LEDGER = HEADER + "NEW-1,压力表,Y-100,N 1,(0~1)MPa\nX-1,压力表,Y-150,0083105,\nX-2,表,Y-1,4E+12,\n"


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        keeper = f"{identifier('TPP')}.{identifier('person:TPP:4')}"
        client.cookies.set(ACTING_COOKIE, keeper)
        yield client


def shown(client, path, language="en", **params):
    answer = client.get(path, params={**params, "lang": language})
    if answer.status_code == 303:  # which remembers the language
        answer = client.get(answer.headers["location"])
    assert answer.status_code == 200, path
    return answer.text


@pytest.mark.parametrize(("language", "heading"), [("en", "Ledger"), ("zh", "台账")])
def test_the_ledger_is_filtered_and_sorted(client, language, heading):
    page = shown(client, addresses.LEDGER_ROUTE, language)

    assert f"<h1>{heading}</h1>" in page
    assert "0083105" in shown(client, addresses.LEDGER_ROUTE, language, q="0083105")
    assert "TPP-" not in shown(client, addresses.LEDGER_ROUTE, language, q="no such thing")
    in_use = shown(client, addresses.LEDGER_ROUTE, language, status="in_use", sort="due")
    assert 'aria-sort="ascending"' in in_use
    assert client.get(addresses.LEDGER_ROUTE, params={"sort": "colour"}).status_code == 422


def test_a_ledger_is_dropped_decided_and_written(client):
    file = {"file": ("台账.csv", LEDGER.encode("gb18030"), "text/csv")}

    dropped = client.post(addresses.IMPORTS_ROUTE, files=file)
    address = dropped.headers["location"]
    page = shown(client, address)

    assert dropped.status_code == 303
    assert "Nothing is written yet." in page
    assert "A spreadsheet has damaged this number" in page
    gauge = str(identifier("TPP.PG.05"))
    assert f'value="{gauge}"' in page
    assert "电子表格已损坏此编号" in shown(client, address, "zh")
    decided = client.post(f"{address}/decisions", data={"row-3": "new"})
    assert decided.status_code == 303
    assert client.post(f"{address}/confirmation").status_code == 303
    page = shown(client, address)
    assert "Written." in page
    assert "Refused rows" in page
    refused = client.get(f"{address}/refused-rows")
    assert "X-2" in refused.content.decode("gb18030")
    assert "NEW-1" in shown(client, addresses.LEDGER_ROUTE, q="NEW-1")
    assert address in shown(client, addresses.IMPORTS_ROUTE)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "No row names columns"), ("zh", "没有可识别")]
)
def test_a_file_that_is_no_ledger_is_told_of_on_the_page(client, language, told):
    shown(client, addresses.IMPORTS_ROUTE, language)

    answer = client.post(addresses.IMPORTS_ROUTE, files={"file": ("a.csv", b"a,b\n1,2\n")})

    assert answer.status_code == 422
    assert told in answer.text


def test_the_ledger_comes_out_as_a_file(client):
    page = shown(client, addresses.LEDGER_ROUTE)

    assert "/ledger/file?layout=b3&amp;form=xlsx" in page
    answer = client.get(addresses.ledger_file("b3", "xlsx"))
    assert answer.content.startswith(b"PK")


def test_connections_are_made_and_ended(client):
    base = addresses.CONNECTIONS_ROUTE
    page = client.post(f"{base}/webhooks", data={"url": "https://a.example/", "events": "a.b *"})
    assert "whsec_" in page.text
    assert "whsec_" not in shown(client, base)
    wrong = client.post(f"{base}/webhooks", data={"url": "https://10.0.0.1/", "events": "*"})
    assert (wrong.status_code, "public internet" in wrong.text) == (422, True)
    webhook = page.text.split(f"{base}/webhooks/")[1].split("/")[0]
    for step, told in (("test", "webhook.tested"), ("rotate", "whsec_"), ("disable", "at rest"),
                       ("enable", "Let it rest")):  # fmt: skip
        assert told in client.post(f"{base}/webhooks/{webhook}/{step}").text
    assert client.post(f"{base}/calendars", data={"area": ""}).status_code == 303
    page = shown(client, base, "zh")
    assert ".ics" in page
    feed = page.split(f"{base}/calendars/")[1].split("/")[0]
    assert client.post(f"{base}/calendars/{feed}/end").status_code == 303
    assert ".ics" not in shown(client, base)
    pulled = client.post(f"{base}/pulls", data={"url": "https://a.example/l", "every_minutes": 60})
    pull = pulled.text.split(f"{base}/pulls/")[1].split("/")[0]
    assert client.post(f"{base}/pulls/{pull}/end").status_code == 303


def test_who_only_reads_is_offered_no_change(client):
    client.cookies.set(ACTING_COOKIE, f"{identifier('TPP')}.{identifier('person:TPP:2')}")
    base = addresses.CONNECTIONS_ROUTE

    assert '<form method="post" action="/connections' not in shown(client, base)
    assert client.post(f"{base}/calendars", data={}).status_code == 403


def test_the_audit_log_is_read_and_checked(client):
    page = shown(client, addresses.AUDIT_LOG_ROUTE)
    checked = shown(client, addresses.AUDIT_LOG_ROUTE, "zh", check="1")

    assert "calibration.recorded" in page or "item.registered" in page
    assert "Older" in page
    assert "封印全部相符" in checked
    some = shown(client, addresses.AUDIT_LOG_ROUTE, action="item.")
    assert "calibration.recorded" not in some
    assert "No entry fits" in shown(client, addresses.AUDIT_LOG_ROUTE, action="nothing")
