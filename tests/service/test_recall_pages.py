"""The province finds its piston gauge wrong: what if, the recall, its letters, the inbox."""

import re

import pytest

from service.demo.world import identifier
from service.web import addresses
from tests.service.demonstration import demonstration_client, links_of, live_recalls
from tests.service.nation import PISTON, act_for

PISTON_ID = identifier(PISTON)
SAID = {"last_good_on": "2026-06-30", "found_on": "2026-11-21", "as_found": "0=0.001 60=0.001"}
IN_ENGLISH = {"lang": "en"}


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        act_for(client, "PROV")
        yield client


def open_recall(client, **said):
    data = SAID | {"unit": "MPa", "assumption": "step_at_start"} | said
    return client.post(f"/calibrations/{PISTON_ID}/recall", data=data)


def numbers(page, heading):
    """Return the numbers of each row of the table under a heading."""
    table = page.split(f'id="{heading}"')[1].split("<tbody>")[1].split("</tbody>")[0]
    return [re.findall(r'num[^>]*">([\d.]+)<', row) for row in table.split("<tr>")[1:]]


def test_what_would_be_is_told_under_each_assumption_before_anything_is_written(client):
    page = client.get(addresses.what_if(PISTON_ID, **SAID, **IN_ENGLISH)).text

    assert numbers(page, "h-when") == [["3", "9", "3"], ["3", "9", "0"], ["3", "9", "3"]]
    assert numbers(page, "h-ladder") == [["1", "3", "9", "3", "0"]]
    assert "96.9 %" in page
    assert "7 uses are left out" in page
    assert "No recalls" in client.get("/recalls", params=IN_ENGLISH).text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"found_on": "2026-06-30"}, "found_on must be after 2026-06-30"),
        ({"found_on": "soon"}, "is not a date"),
        ({"as_found": "ten"}, "as 10=-0.002"),
        ({"as_found": "1=x"}, "is not a number"),
        ({"as_found": "0=nan"}, "be finite"),
        ({"as_found": "2=0.1 1=0.1"}, "ascending order"),
        ({"u": "-1"}, "at least 0"),
    ],
)
def test_a_form_that_cannot_be_read_says_so_and_keeps_what_was_typed(client, change, told):
    answer = client.get(addresses.what_if(PISTON_ID, **SAID | IN_ENGLISH | change))

    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="2026-06-30" required' in answer.text
    refused = open_recall(client, **change)
    assert refused.status_code == 422
    assert "No recalls" in client.get("/recalls", params=IN_ENGLISH).text


def test_an_opened_recall_lists_each_customer_and_its_letters(client):
    there = open_recall(client).headers["location"]

    page = client.get(there, params=IN_ENGLISH).text
    letters = [link for link in links_of(page, there) if "/letters/" in link]
    assert page.count("not told yet") == 2
    assert ">0 / 3<" in page
    assert len(letters) == 2
    cement = next(link for link in letters if str(identifier("CEM")) in link)
    letter = client.get(cement, params=IN_ENGLISH).text
    assert "not sent yet" in letter
    assert "Our standard Piston gauge standard 0.02" in letter
    assert "我机构所用标准" in letter
    assert letter.count("Does not conform") == 3

    client.post(f"{there}/letters")
    assert "not told yet" not in client.get(there, params=IN_ENGLISH).text


def test_the_plant_reads_its_letter_and_takes_it_in(client):
    client.cookies.clear()
    _recall, notice = live_recalls(client)

    before = client.get("/notices", params=IN_ENGLISH).text
    letter = client.get(f"/notices/{notice}", params=IN_ENGLISH).text
    taken_in = client.post(f"/notices/{notice}/receipt")
    after = client.get(f"/notices/{notice}", params=IN_ENGLISH).text

    assert "1 waits to be taken in" in before
    assert "Example Provincial Institute of Metrology" in letter
    assert "Take in" in letter
    assert (taken_in.status_code, taken_in.headers["location"]) == (303, f"/notices/{notice}")
    assert "Taken in" in after
    assert "receipt" not in after
    assert client.post(f"/notices/{notice}/receipt").status_code == 409
    for link in links_of(after, f"/notices/{notice}"):
        if link.startswith(("/calibrations/", "/notices")):
            assert client.get(link).status_code == 200, link


def test_an_item_is_settled_by_what_was_typed(client):
    there = open_recall(client).headers["location"]
    item = re.findall(r'name="item_id" value="([^"]+)"', client.get(there).text)[0]

    said = {"item_id": item, "statement": "replaced <b>by</b> the works"}
    assert client.post(f"{there}/closings", data=said).status_code == 303

    page = client.get(there, params=IN_ENGLISH).text
    assert "replaced &lt;b&gt;by&lt;/b&gt; the works" in page
    assert ">1 / 3<" in page
    assert "1 / 3" in client.get("/recalls", params=IN_ENGLISH).text
    assert client.post(f"{there}/closings").status_code == 422
    assert client.post(f"{there}/rumours").status_code == 422
    assert client.post(f"{there}/re-verifications").status_code == 303
    assert client.post(f"{there}/extensions").status_code == 303


def test_what_rests_on_a_standard_leads_to_what_if(client):
    page = client.get(addresses.impact(PISTON_ID), params=IN_ENGLISH).text

    assert addresses.what_if(PISTON_ID) in links_of(page, "/")
    assert "What was found" in client.get(addresses.what_if(PISTON_ID), params=IN_ENGLISH).text


def test_another_books_recalls_and_notices_are_not_there(client):
    there = open_recall(client).headers["location"]
    client.post(f"{there}/letters")
    act_for(client, "STL")

    assert client.get(there).status_code == 404
    assert client.post(f"{there}/letters").status_code == 404
    assert "No notices" in client.get("/notices", params=IN_ENGLISH).text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pages_keep_the_rules_of_every_page(client, language):
    there = open_recall(client).headers["location"]

    said = {"lang": language}
    for address in (addresses.what_if(PISTON_ID, **SAID | said), there, "/recalls", "/notices"):
        page = client.get(address, params=None if "?" in address else said).text
        assert page.count("<h1") == 1
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", page)
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert bool(re.search("[\u4e00-\u9fff]", page.split("<main")[1])) is (language == "zh")
