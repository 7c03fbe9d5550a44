"""Somebody walks an order through the pages of the demonstration, on both engines.

It is 21 November 2026 at the power plant. One gauge is on the bench, half read; another came in.
"""

import csv
from io import StringIO

import pytest

from service.auth import ACTING_COOKIE
from service.demo.story import leave_open
from service.demo.world import identifier
from service.store import work_orders as store
from service.tenancy import TenantSession
from service.web import addresses
from tests.service.demonstration import demonstration_client, live_story

PLANT = identifier("TPP")
LIST = addresses.WORK_ORDERS_ROUTE
PASTED = """\
nominal\tup_before_tapping\tup_after_tapping\tdown_before_tapping\tdown_after_tapping
0.8\t0.82\t0.81\t0.82\t0.82
1.2\t1.21\t1.21\t1.22\t1.22
1.6\t1.61\t1.61\t1.61\t1.61
"""


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        live_story(demo, client)
        yield client


@pytest.fixture
def line(demo, client):
    """The item on the bench, whose worksheet is half read."""
    return leave_open(demo, client.app.state.engine, today=demo.as_of)


def act_as(client, number):
    client.cookies.set(ACTING_COOKIE, f"{PLANT}.{identifier(f'person:TPP:{number}')}")


def fields_of(page):
    """Return what a browser would send of a page's worksheet, unchanged."""
    form = page[page.index('id="worksheet"') : page.index("</form>", page.index('id="worksheet"'))]
    found = {}
    for tag in form.split("<input ")[1:]:
        head = tag.split(">", 1)[0]
        values = dict(part.split('="', 1) for part in head.split('" ') if '="' in part)
        kind, name = values.get("type", "text"), values.get("name", "").rstrip('"')
        checked = head.rstrip().endswith("checked")
        if name and kind != "file" and (kind not in ("radio", "checkbox") or checked):
            found[name] = values.get("value", "on").rstrip('"').replace("&amp;", "&")
    found["accuracy_class"] = "1.6"
    return found


def test_the_list_is_filtered_sorted_and_exported(client, line):
    everything = client.get(LIST).text
    under_way = client.get(LIST, params={"state": "open", "mine": "1"}).text
    found = client.get(LIST, params={"q": "0083105", "sort": "item", "descending": "0"}).text
    nothing = client.get(LIST, params={"q": "no such thing"}).text
    exported = client.get(LIST + "/list.csv", params={"state": "assigned"})

    assert everything.count('href="/work-orders/0') == 3
    assert under_way.count("0050026") == 1
    assert "0034540" not in under_way
    assert 'aria-sort="ascending"' in found
    assert "No item of a work order fits this filter." in nothing
    rows = list(csv.DictReader(StringIO(exported.content.decode("utf-8-sig"))))
    assert [row["serial_number"] for row in rows] == ["0050026"]


def test_a_worksheet_goes_from_a_slip_to_a_certificate(client, line):
    address = addresses.worksheet(line)
    opened = client.get(address).text
    typed = fields_of(opened)
    assert typed["rows.2.r.up_after_tapping"] == "8.1"
    assert "perhaps 0.81" in opened
    assert "10 readings are missing" in opened

    pasted = client.post(address, data=typed | {"act": "paste", "paste": PASTED})
    again = client.get(pasted.headers["location"]).text
    assert "Saved as revision 2." in again
    assert "Conforms" in again
    typed = fields_of(again)
    judged = client.post(address + "/judged", data=typed | {"e.temperature": "27"}).text
    assert "27 is out of limits (15 to 25)" in judged
    assert "Not determined" in judged
    refused = client.post(address, data=typed | {"act": "submit", "e.temperature": "27"})
    assert refused.status_code == 422
    assert "The worksheet is kept, but cannot be submitted yet." in refused.text
    stale = client.post(address, data=typed | {"act": "save", "adjustment": "mine"})
    assert stale.status_code == 412
    assert "Somebody saved revision 3 meanwhile." in stale.text
    assert 'value="mine"' in stale.text
    typed = fields_of(stale.text) | {"e.temperature": "20.6"}
    submitted = client.post(address, data=typed | {"act": "submit"})
    assert submitted.status_code == 303, submitted.text
    order = submitted.headers["location"]

    act_as(client, 2)  # who checks reads what was read, and cannot change it
    assert f'href="{address}"' in client.get(order).text
    assert '<fieldset class="all" disabled>' in client.get(address).text
    assert '<fieldset class="all" disabled>' not in opened
    act_as(client, 1)

    steps = addresses.work_order_line(line, "")
    own = client.post(steps + "checked")
    assert own.status_code == 422
    assert "You have signed this record already" in own.text
    for number, step in ((2, "checked"), (3, "approved"), (3, "issued"), (2, "returned")):
        act_as(client, number)
        answer = client.post(steps + step, data={"handed_to": "the boiler house"})
        assert answer.status_code == 303, (step, answer.text)
    page = client.get(order).text
    assert "TPP-2026-00027" in page
    assert "the boiler house" in page


def test_an_order_is_placed_accepted_and_received_with_a_photo(client, line):
    found = client.get(LIST + "/new", params={"q": "air receiver 1"}).text
    item = found.split('name="item" value="')[1].split('"')[0]
    placed = client.post(LIST + "/new", data={"item": [item], "due_on": "2026-12-31"})
    order = placed.headers["location"]
    assert "Accept the order" in client.get(order).text
    twice = client.post(LIST + "/new", data={"item": [item]})
    assert twice.status_code == 422
    assert "stands in the work order TPP-WO-2026-00003 already." in twice.text

    client.post(order + "/answer", data={"accepts": "yes"})
    with TenantSession(client.app.state.engine, PLANT, read_only=True) as session:
        (line,) = store.lines(session, order_id=store.listed(session)[0].order.id)
    steps = addresses.work_order_line(line.id, "")
    pixel = b"\x89PNG\r\n\x1a\n" + bytes(16)
    received = client.post(
        steps + "received",
        data={"condition": "glass cracked"},
        files={"photos": ("a.png", pixel, "image/png")},
    )
    assert received.status_code == 303
    assigned = client.post(
        steps + "assigned",
        data={"person_id": str(identifier("person:TPP:4")), "planned_on": "2026-11-21"},
    )
    assert assigned.status_code == 422
    assert "Yulan Zheng is not authorised for JJG 52." in assigned.text
    page = client.get(order).text
    assert "glass cracked" in page
    photo = page.split('<img src="')[1].split('"')[0]
    assert client.get(photo).content == pixel
    labels = client.get(order + "/labels").text
    assert labels.count("<svg") >= 2  # the brand, and the code
    assert "0043653" in labels


def test_an_order_of_another_organization_is_taken_in_from_the_inbox(client, line):
    laboratory = identifier("CITY")
    found = client.get(LIST + "/new", params={"q": "air receiver 1"}).text
    item = found.split('name="item" value="')[1].split('"')[0]
    client.post(LIST + "/new", data={"item": [item], "laboratory_id": str(laboratory)})
    client.cookies.set(ACTING_COOKIE, f"{laboratory}.{identifier('person:CITY:1')}")

    inbox = client.get(LIST + "/inbox").text
    delivery = inbox.split(f'action="{LIST}/inbox/')[1].split('"')[0]
    taken = client.post(f"{LIST}/inbox/{delivery}")
    page = client.get(taken.headers["location"]).text

    assert "CITY-WO-2026-00001" in page
    assert "TPP-WO-2026-00003" in page
    assert client.post(f"{LIST}/inbox/{delivery}").status_code == 422


def test_both_languages_say_their_own(client, line):
    client.cookies.set("lang", "zh")

    sheet = client.get(addresses.worksheet(line)).text

    assert "还缺 10 个读数" in sheet
    assert "可能是 0.81" in sheet
    assert "readings are missing" not in sheet
