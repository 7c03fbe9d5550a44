"""The audit log as a page: found by who did it, what it was and until which day.

The demonstration's power plant on 21 November 2026, after the story of its gauge.
"""

import re

import pytest

from service.demo.world import identifier
from service.web import addresses
from tests.service.demonstration import demonstration_client, live_story
from tests.service.nation import act_for

PAGE = addresses.AUDIT_LOG_ROUTE


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        live_story(demo, client)
        act_for(client, "TPP")
        client.cookies.set("lang", "en")
        yield client


def entries_of(page):
    """Return the action and the person of each entry on a page."""
    row = r'<td class="code">([^<]+)</td><td>(?:<span class="dim">)?([^<]+)<'
    return re.findall(row, page)


def test_the_log_is_asked_who_did_what(client):
    approver = identifier("person:TPP:3")

    by_all = entries_of(client.get(PAGE, params={"action": "work_order."}).text)
    by_one = entries_of(client.get(PAGE, params={"action": "work_order.", "by": approver}).text)

    assert [entry for entry in by_all if entry[1] == "Shijie Lin"] == by_one
    assert [action for action, _ in by_one] == ["work_order.issued", "work_order.approved"]


def test_older_entries_are_asked_of_the_same_person_until_the_same_day(client):
    before = client.get(PAGE, params={"until": "2026-11-20"}).text
    older = re.search(r'rel="next" href="([^"]+)"', before)

    assert "work_order." not in "".join(action for action, _ in entries_of(before))
    assert older
    assert "until=2026-11-20" in older.group(1)
    assert client.get(older.group(1).replace("&amp;", "&")).status_code == 200


def test_an_entry_leads_to_its_item_and_a_day_that_is_none_is_refused(client, demo):
    page = client.get(PAGE, params={"action": "work_order."}).text

    assert f'href="{addresses.item(identifier(demo.data["story"]["item"]))}"' in page
    assert client.get(PAGE, params={"until": "0001-01-01"}).status_code == 422
    assert "Show all" in client.get(PAGE, params={"action": "no such"}).text
