"""The board of what is due and who is told of it, as pages of the demonstration's power plant.

It is 21 November 2026; the gauge of the story is verified by JJG 52, at most every six months.
"""

import csv
from io import StringIO

import pytest

from service.demo.world import identifier
from service.web import addresses
from tests.service.demonstration import demonstration_client, links_of
from tests.service.nation import act_for

LI = identifier("person:TPP:1")


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        act_for(client, "TPP")
        client.cookies.set("lang", "en")
        yield client


@pytest.fixture
def gauge(demo):
    return identifier(demo.data["story"]["item"])


def items_of(page):
    return [link for link in links_of(page.text, "/due") if link.startswith("/i/")]


def test_each_row_says_by_which_rule_it_is_due(client, gauge):
    rows = csv.DictReader(StringIO(client.get("/due.csv").content.decode("utf-8-sig")))
    page = client.get("/due", params={"q": "0083105"}).text

    (row,) = [row for row in rows if row["serial_number"] == "0083105"]
    assert (row["activity"], row["rule"], row["months"]) == ("verification", "procedure", "6")
    assert row["source"].startswith("JJG 52")
    assert row["counted_from"] == row["last_performed_on"]
    assert "Period of the procedure" in page
    assert f"{row['source']}" in page


def test_an_item_tells_every_rule_that_had_a_say(client, gauge):
    page = client.get(addresses.item(gauge)).text

    section = page.split('id="h-due"')[1].split("</section>")[0]
    assert section.count('class="won"') == 1
    assert "Period of the procedure" in section
    assert "Validity on the certificate" in section


def test_what_is_chosen_on_the_board_stands_in_the_order(client):
    chosen = [link.rpartition("/")[2] for link in items_of(client.get("/due"))[:3]]

    form = client.get("/work-orders/new", params={"item_id": chosen}).text

    assert form.count(" checked") == 3
    assert all(f'value="{item_id}"' in form for item_id in chosen)
    placed = client.post("/work-orders/new", data={"item": chosen})
    assert placed.status_code == 303
    board = client.get("/due").text
    assert board.count(">ordered<") >= 3


def test_the_board_is_narrowed_to_an_area_a_kind_and_whoever_answers(client):
    everything = items_of(client.get("/due"))
    area = client.get("/due").text.split('name="area"')[1].split("<option>")[1].split("<")[0]
    said = {"area": area, "person_id": str(LI), "manager_id": ""}

    assert client.post(addresses.RESPONSIBILITIES_ROUTE, data=said).status_code == 303

    here = items_of(client.get("/due", params={"area": area}))
    his = items_of(client.get("/due", params={"owner": str(LI)}))
    assert here
    assert set(his) == set(here) != set(everything)
    assert items_of(client.get("/due", params={"activity": "maintenance"})) == []
    assert client.get("/due", params={"activity": "magic"}).status_code == 422
    assert area in client.get(addresses.DUE_NOTICES_ROUTE).text


def test_everybody_says_how_he_is_told(client):
    wanted = {"channel": "mail", "address": "li@plant.example", "language": "en"}

    kept = client.post(addresses.NOTICE_PREFERENCE_ROUTE, data=wanted)
    page = client.get(addresses.DUE_NOTICES_ROUTE).text
    wrong = client.post(addresses.NOTICE_PREFERENCE_ROUTE, data=wanted | {"address": "li"})

    assert kept.status_code == 303
    assert 'value="li@plant.example"' in page
    assert "This installation sends no mail" in page
    assert wrong.status_code == 422
    assert "This is no address of mail." in wrong.text


def test_a_digest_stands_on_the_page_of_whom_it_told(client):
    json = {"accept": "application/json"}
    said = {"area": "", "person_id": str(LI)}
    client.post("/v1/due-dates/responsibilities", json=said, headers=json)

    foretold = client.post("/v1/due-dates/digests", json={"dry_run": True}, headers=json).json()
    told = client.post("/v1/due-dates/digests", json={}, headers=json).json()
    again = client.post("/v1/due-dates/digests", json={}, headers=json).json()

    mine = [one for one in told if one["person_id"] == str(LI)]
    assert [one["lines"] for one in foretold] == [one["lines"] for one in told]
    assert len(mine) == 1
    assert again == []
    page = client.get(addresses.DUE_NOTICES_ROUTE).text
    assert page.count(f'href="{addresses.item(mine[0]["lines"][0]["item_id"])}"') >= 1
    listed = client.get("/v1/due-dates/digests", params={"person_id": str(LI)}, headers=json)
    assert [one["id"] for one in listed.json()] == [mine[0]["id"]]
    assert "next" not in listed.links


def test_digests_come_in_pages_the_last_written_first(client):
    json = {"accept": "application/json"}
    said = {"area": "", "person_id": str(LI)}
    client.post("/v1/due-dates/responsibilities", json=said, headers=json)
    written = [
        one["id"]
        for day in ("2026-11-21", "2027-02-21", "2027-05-21")
        for one in client.post("/v1/due-dates/digests", json={"on": day}, headers=json).json()
    ]

    pages, next_ = [], "/v1/due-dates/digests?limit=1"
    while next_:
        answer = client.get(next_, headers=json)
        pages += [one["id"] for one in answer.json()]
        next_ = answer.links.get("next", {}).get("url")

    assert pages == sorted(written, reverse=True)
    assert len(pages) > 1


def test_nobody_is_mailed_who_named_no_address(client):
    json = {"accept": "application/json"}

    told = client.get("/v1/notice-preference", headers=json).json()

    assert told == {"channel": "none", "address": None, "language": "zh"}
    refused = client.put("/v1/notice-preference", json={"channel": "mail"}, headers=json)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/address"]
