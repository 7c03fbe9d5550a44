"""The board of a plan in a browser without script: said, made, asked why, moved, put in force.

The power plant's, on Saturday 21 November 2026.
"""

import re

import pytest

from service.demo.story import say_hours
from tests.service.demonstration import demonstration_client
from tests.service.nation import act_for
from tests.service.planning import LI, ZHOU, made, say, work

DISCIPLINES = {
    "disciplines.name": ["pressure", "temperature", ""],
    "disciplines.quantities": ["", "", ""],
    "disciplines.hours_per_week": ["10", "8", ""],
    "disciplines.hours_per_item": ["2", "2", ""],
    "disciplines.fee": ["120", "", ""],
}
PERSONS = {
    "persons.person_id": [LI, ZHOU],
    "persons.disciplines": ["pressure，temperature", ""],
    "persons.hours_per_week": ["20", ""],
}
LEAVE = {"leave.person_id": [LI], "leave.first": ["2026-12-07"], "leave.last": ["2026-12-11"],
         "leave.reason": ["annual"]}  # fmt: skip


@pytest.fixture
def page(demo, database, keys, tmp_path):
    """Open the plant's pages in English."""
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        act_for(client, "TPP")
        client.cookies.set("lang", "en")
        yield client


def form(**changed):
    return DISCIPLINES | PERSONS | LEAVE | {"weeks": "26", "reason": "the year 2027"} | changed


def board(page):
    answer = page.get("/plans")
    assert answer.status_code == 200
    return answer.text


def test_a_book_without_hours_is_led_to_say_them(page):
    assert "Say first what the laboratory can do" in board(page)
    assert "pressure" in page.get("/plans/settings").text  # suggested from the ledger


def test_the_demonstration_has_hours_to_make_a_plan_from(page, demo):
    say_hours(demo, page.app.state.engine, today=demo.as_of)
    first_seen = board(page)

    plan = made(page)

    assert "Make a plan" in first_seen
    assert "Say first" not in first_seen
    assert (plan["checked"]["unplaced"], plan["items"]) == (0, 26)
    settings = page.get("/v1/plans/settings", headers={"accept": "application/json"}).json()
    assert settings["remarks"] == []
    assert settings["reason"] == "示例 / example"


def test_what_is_typed_is_kept_and_shown_again(page):
    answer = page.post("/plans/settings", data=form())

    assert (answer.status_code, answer.headers["location"]) == (303, "/plans")
    kept = page.get("/v1/plans/settings", headers={"accept": "application/json"}).json()["settings"]
    assert [row["name"] for row in kept["disciplines"]] == ["pressure", "temperature"]
    assert [row["person_id"] for row in kept["persons"]] == [LI]
    assert kept["persons"][0]["disciplines"] == ["pressure", "temperature"]
    assert kept["persons"][0]["leave"][0]["last"] == "2026-12-11"
    assert 'value="annual"' in page.get("/plans/settings").text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"leave.last": ["2026-12-01"]}, "before it begins"),
        ({"disciplines.hours_per_week": ["ten", "8", ""]}, "disciplines/0/hours_per_week"),
        ({"disciplines.name": ["pressure", "pressure", ""]}, "2 times"),
        ({"weeks": "2"}, "only 2 weeks"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(page, typed, told):
    answer = page.post("/plans/settings", data=form(**typed))

    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="annual"' in answer.text
    assert 'value="the year 2027"' in answer.text


def test_a_plan_is_made_while_the_board_tells_how_far_it_is(page):
    say(page)

    answer = page.post("/plans", data={})
    waiting = board(page)
    work(page)
    done = board(page)

    assert answer.headers["location"] == "/plans"
    assert "A plan is being made" in waiting
    assert '<meta http-equiv="refresh"' in waiting
    assert "A plan is being made" not in done
    assert "Workload a week" in done


def test_a_plan_that_waits_is_called_off_on_the_board(page):
    say(page)
    page.post("/plans", data={})
    cancel = first(r'action="(/plans/jobs/[^"]+/cancel)"', board(page))

    assert page.post(cancel).status_code == 303
    assert "There is no plan yet" in board(page)


def first(pattern, text):
    """Return what a pattern finds first."""
    return re.findall(pattern, text)[0]


def links(text):
    return re.findall(r'href="(/plans/[^"]+/items/[^"]+)"', text)


def test_an_item_is_moved_by_a_form_that_tells_the_price(page):
    say(page)
    made(page)
    why = links(board(page))[0]
    text = page.get(why).text
    weeks = re.findall(r'name="week_on" value="([^"]+)" required(?! checked)(?! disabled)>', text)
    frozen = first(r'value="([^"]+)" required checked', text)

    moved = page.post(why, data={"week_on": weeks[0], "reason": "the site asks for it"})

    assert weeks[0] != frozen
    assert moved.status_code == 303
    after = page.get(moved.headers["location"]).text
    assert "an item moved by hand" in after


def test_a_move_that_cannot_be_is_told_with_the_reason_and_loses_nothing(page):
    say(page)
    made(page)
    why = links(board(page))[0]

    refused = page.post(why, data={"week_on": "2030-01-07", "reason": "just so"})

    assert refused.status_code == 422
    assert "name a week by its Monday" in refused.text
    assert 'value="just so"' in refused.text


def test_a_plan_is_put_in_force_and_its_next_weeks_are_frozen(page):
    say(page)
    plan = made(page)

    assert "a proposal" in board(page)
    page.post(f"/plans/{plan['id']}/acceptance")

    assert "in force" in board(page)
    assert "are frozen" in board(page)


def test_the_filters_narrow_the_board(page):
    say(page)
    made(page)

    every, pressure = board(page), page.get("/plans?discipline=pressure").text
    none = page.get("/plans?q=nobody+has+this+name").text

    assert 0 < len(links(pressure)) < len(links(every))
    assert "No item fits this filter." in none
    assert "/items/" not in page.get("/plans?week=none").text


def test_one_selection_is_one_order_with_packing_list_and_labels(page):
    say(page)
    made(page)
    text = board(page)
    chosen = re.findall(r'name="item" value="([^"]+)"', text)[:3]
    action = first(r'action="(/plans/[^"]+/work-orders)"', text)

    order = page.post(action, data={"item": chosen})

    assert order.status_code == 303
    packing = page.get(order.headers["location"] + "/packing-list").text
    labels = page.get(order.headers["location"] + "/labels").text
    assert packing.count('class="qr"') == labels.count('class="label"') == 3
    again = page.post(action, data={"item": chosen})
    assert again.status_code == 422
    assert "stands in the work order" in again.text


def test_the_board_speaks_chinese(page):
    say(page)
    made(page)
    page.cookies.set("lang", "zh")

    text = board(page)

    assert "周检计划" in text
    assert "每周工作量" in text
    assert "Without a week" not in text
