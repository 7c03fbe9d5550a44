"""The power plant plans half a year of its own pressure and temperature work.

The data are the demonstration's, on Saturday 21 November 2026: week 0 began on 16 November.
"""

import json
from datetime import date, timedelta

import pytest
from icalendar import Calendar
from sqlmodel import select

from service.demo.world import identifier
from service.permissions import needed
from service.planning import frame, from_content
from service.planning_settings import PlanningSettings
from service.plans import load
from service.store import plans as store
from service.tables.plans import PlanningSettingsRecord
from service.tenancy import TenantSession
from tests.service.demonstration import demonstration_client
from tests.service.nation import act_for
from tests.service.planning import LI, SETTINGS, ZHENG, made, say, work
from traceability.planning.check import check_plan
from traceability.planning.problem import PlanningProblem

TODAY, MONDAY = date(2026, 11, 21), date(2026, 11, 16)


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        act_for(client, "TPP")
        yield client


@pytest.fixture
def book(engine, doors):
    """Open the plant's book, to be read."""
    return lambda: TenantSession(engine, identifier("TPP"), read_only=True)


def all_of(doors, plan, name):
    """Return a list of a plan whole, of all its pages."""
    lines = {"accept": "application/x-ndjson"}
    answer = doors.get(f"/v1/plans/{plan['id']}/{name}", headers=lines)
    return [json.loads(line) for line in answer.text.splitlines()]


def placed(doors, plan):
    """Return the placements of a plan that have a week."""
    return [row for row in all_of(doors, plan, "placements") if row["week_on"]]


def newest(session):
    plan = store.newest(session)
    assert plan is not None
    return plan.id


def explained(doors, plan, row):
    path = f"/v1/plans/{plan['id']}/placements/{row['item_id']}"
    return doors.get(path, params={"activity": row["activity"]}).json()


def moved(doors, plan, row, week_on, **said):
    whole = {"item_id": row["item_id"], "activity": row["activity"], "week_on": week_on,
             "reason": "the site asks for it"}  # fmt: skip
    return doors.post(f"/v1/plans/{plan['id']}/moves", json=whole | said)


# --- What the laboratory can do ------------------------------------------------------------------


def test_without_a_word_of_the_laboratory_no_hours_are_guessed(doors):
    refused = doors.post("/v1/plans", json={})

    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/settings"]


def test_what_was_said_last_holds_and_the_rest_stays_on_record(doors, engine, book):
    say(doors)
    say(doors, weeks=13)

    with book() as session:
        kept = session.exec(select(PlanningSettingsRecord)).all()
    assert [row.content["weeks"] for row in kept] == [26, 13]
    assert doors.get("/v1/plans/settings").json()["settings"]["weeks"] == 13


PRESSURE, TEMPERATURE = SETTINGS["disciplines"]
WORKER = SETTINGS["persons"][0]
BACKWARDS = {"first": "2027-02-01", "last": "2027-01-01"}


@pytest.mark.parametrize(
    ("said", "pointer", "reason"),
    [
        ({"sites": [{"name": "A", "shutdowns": [BACKWARDS]}]},
         "/settings/sites/0/shutdowns/0", "before it begins"),
        ({"disciplines": [PRESSURE, PRESSURE]}, "/settings/disciplines", "2 times"),
        ({"disciplines": [PRESSURE, TEMPERATURE | {"quantities": ["pressure"]}]},
         "/settings/disciplines", "2 times"),
        ({"persons": [WORKER | {"disciplines": ["alchemy"]}]},
         "/settings/persons/0/disciplines", "alchemy"),
        ({"persons": [WORKER, WORKER]}, "/settings/persons", "2 times"),
        ({"persons": [WORKER | {"person_id": str(identifier("nobody"))}]},
         "/settings/persons/0/person_id", "nobody"),
        ({"frozen_weeks": 30}, "/settings/frozen_weeks", "26 weeks"),
        ({"disciplines": []}, "/settings/disciplines", "at least 1"),
        ({"disciplines": [PRESSURE | {"hours_per_item": 0}]},
         "/settings/disciplines/0/hours_per_item", "greater than 0"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_with_the_place(doors, said, pointer, reason):
    refused = say(doors, **said)

    error = refused.json()["errors"][0]
    assert refused.status_code == 422
    assert error["pointer"] == pointer
    assert reason in error["detail"]


def test_a_site_that_is_none_of_the_plants_is_told_and_kept(doors):
    sites = [{"name": "生产现场"}, {"name": "生产现厂", "downtime_cost": 5}]

    said = say(doors, sites=sites)

    assert [(one["pointer"], one["code"]) for one in said.json()["remarks"]] == [
        ("/settings/sites/1", "no_site"),
    ]  # fmt: skip
    assert [row["name"] for row in said.json()["settings"]["sites"]] == ["生产现场", "生产现厂"]


def test_no_hours_and_nobody_are_remarked_and_leave_items_without_a_week(doors):
    """The safe default: what nobody can do is not placed, and is told with the reason."""
    idle = PRESSURE | {"hours_per_week": 0}
    said = say(doors, disciplines=[idle, TEMPERATURE], persons=[])

    plan = made(doors)

    assert [(one["pointer"], one["code"]) for one in said.json()["remarks"]] == [
        ("/settings/disciplines/0", "no_hours"), ("/settings/disciplines/1", "nobody"),
    ]  # fmt: skip
    assert placed(doors, plan) == []
    assert plan["checked"]["unplaced"] == plan["items"] > 0
    shortages = {one["shortage"] for one in doors.get(f"/v1/plans/{plan['id']}/conflicts").json()}
    assert shortages <= {"laboratory_hours", "persons_hours", "time"}
    assert "laboratory_hours" in shortages


def test_a_standard_away_and_people_on_leave_take_their_days(doors, book):
    """Of two absences that overlap the one that leaves less holds; leave of two days is two."""
    pressure = PRESSURE | {"absences": [
        {"first": "2026-11-23", "last": "2026-11-29", "hours_per_week": 5},
        {"first": "2026-11-26", "last": "2026-11-30"},
    ]}  # fmt: skip
    li = WORKER | {"leave": [{"first": "2026-12-03", "last": "2026-12-06"}]}
    settings = PlanningSettings.model_validate(
        SETTINGS | {"disciplines": [pressure, TEMPERATURE], "persons": [li]}
    )

    with book() as session:
        problem = frame(session, settings, on=TODAY).problem

    assert list(problem.capacity_hours["pressure"][:4]) == [10, 3, 8, 10]
    assert list(problem.persons[0].hours[:4]) == [12, 12, pytest.approx(7.2), 12]
    assert problem.shutdown_weeks == {"生产现场": frozenset({7, 8})}


def test_whose_disciplines_nobody_typed_does_what_the_book_authorises_while_that_is_valid(book):
    """Li until Thursday 28 January 2027, whose week counts no more; Zheng for nothing at all."""
    persons = [{"person_id": LI, "hours_per_week": 12}, {"person_id": ZHENG, "hours_per_week": 12}]
    settings = PlanningSettings.model_validate(SETTINGS | {"persons": persons})

    with book() as session:
        authorised, expired, nothing = frame(session, settings, on=TODAY).problem.persons

    assert authorised.disciplines == {"pressure", "temperature"}
    assert authorised.hours == (12.0,) * 10 + (0.0,) * 16
    assert expired.disciplines == nothing.disciplines == frozenset()
    assert expired.hours == (0.0,) * 10 + (12.0,) * 16
    assert expired.name == f"{authorised.name} (2027-01-25 …)"


def test_where_nobody_typed_disciplines_no_discipline_is_remarked_as_without_people(doors):
    said = say(doors, persons=[{"person_id": LI, "hours_per_week": 12}]).json()

    assert said["remarks"] == []
    assert said["settings"]["persons"][0]["disciplines"] is None


# --- A plan ---------------------------------------------------------------------------------------


def test_a_plan_is_feasible_and_the_checker_comes_to_the_cost_that_is_kept(doors, book):
    say(doors)

    plan = made(doors)

    with book() as session:
        kept = load(session, newest(session))
        weeks = tuple(
            None if row.week_on is None else (row.week_on - MONDAY).days // 7
            for row in kept.placements
        )
    checked = check_plan(kept.problem, weeks)
    assert checked.is_feasible
    assert plan["checked"]["cost"]["total"] == pytest.approx(checked.cost.total)
    assert plan["checked"]["unplaced"] == checked.unplaced == 0
    assert plan["items"] == len(weeks) > 20
    assert plan["checked"]["cost"]["total"] <= plan["call_off_list"]["cost"]["total"]
    assert plan["bound"] <= plan["checked"]["cost"]["total"] * (1 + 1e-9)


def test_nothing_mandatory_is_placed_after_its_last_valid_day(doors):
    say(doors)

    rows = placed(doors, made(doors))

    legal = [row for row in rows if row["is_mandatory"] and row["valid_until"] >= str(TODAY)]
    assert legal
    for row in legal:
        friday = date.fromisoformat(row["week_on"]) + timedelta(days=4)
        this_week = row["week_on"] == str(MONDAY)
        assert this_week or str(friday) <= row["valid_until"]


def test_a_long_plan_is_told_a_page_at_a_time(doors):
    say(doors)
    plan = made(doors)

    for name in ("placements", "left-out"):
        pages, address = [], f"/v1/plans/{plan['id']}/{name}?limit=3"
        while address:
            answer = doors.get(address)
            assert len(answer.json()) <= 3
            pages += answer.json()
            address = answer.links.get("next", {}).get("url")
        assert pages == all_of(doors, plan, name) != []
        for cursor in ("x", "LTE", "MTIz" * 20):  # no place, before the first, far behind the last
            refused = doors.get(f"/v1/plans/{plan['id']}/{name}", params={"cursor": cursor})
            assert refused.status_code == (200 if len(cursor) > 9 else 422)
            assert len(cursor) <= 9 or refused.json() == []


def test_what_no_discipline_works_on_is_told_and_not_dropped(doors):
    say(doors)

    plan = made(doors)

    left_out = all_of(doors, plan, "left-out")
    assert left_out
    assert {one["reason"] for one in left_out} == {"no_capacity_known"}


def test_a_problem_reads_back_as_it_was_kept(doors, book):
    say(doors)
    made(doors)

    with book() as session:
        kept = load(session, newest(session))

    assert isinstance(kept.problem, PlanningProblem)
    assert from_content(kept.kept.content) == kept.problem


def test_a_placement_is_explained_term_by_term_beside_its_runner_up(doors):
    say(doors)
    plan = made(doors)
    row = placed(doors, plan)[0]

    told = explained(doors, plan, row)

    terms = ("overdue", "early", "downtime", "moved", "trip", "hours")
    assert told["chosen"]["week_on"] == row["week_on"]
    for week in told["weeks"]:
        assert week["total"] == pytest.approx(sum(week[term] for term in terms))
    assert told["runner_up"]["week_on"] != row["week_on"]
    assert told["runner_up"] == min(
        (w for w in told["weeks"] if w["has_room"] and w["week_on"] != row["week_on"]),
        key=lambda week: (week["total"], week["week_on"]),
    )


def test_the_workload_of_the_weeks_is_the_hours_of_what_is_placed(doors):
    say(doors)
    plan = made(doors)

    loads = doors.get(f"/v1/plans/{plan['id']}/workload").json()

    rows = placed(doors, plan)
    assert sum(one["hours"] for one in loads) == sum(row["hours"] for row in rows)
    assert sum(one["items"] for one in loads) == len(rows)
    assert {one["capacity_hours"] for one in loads if one["discipline"] == "pressure"} == {10}


def test_one_plan_is_made_at_a_time(doors):
    say(doors)
    doors.post("/v1/plans", json={})

    assert doors.post("/v1/plans", json={}).status_code == 409


def test_a_plan_that_waits_can_be_called_off(doors):
    say(doors)
    waiting = doors.post("/v1/plans", json={}).headers["location"]

    told = doors.delete(waiting).json()
    work(doors)

    assert (told["state"], told["is_cancelled"]) == ("failed", True)
    assert doors.get("/v1/plans").json() == []
    assert doors.delete(waiting).status_code == 409


# --- Moving, accepting, planning again ------------------------------------------------------------


def other_week(told, chosen):
    """Return the dearest week with room that an item could have besides its own."""
    rooms = [w for w in told["weeks"] if w["has_room"] and w["week_on"] != chosen]
    return max(rooms, key=lambda week: week["total"])


def test_a_move_is_priced_before_it_is_kept_and_is_a_plan_of_its_own(doors):
    say(doors)
    plan = made(doors)
    row = placed(doors, plan)[0]
    told = explained(doors, plan, row)
    week = other_week(told, row["week_on"])

    tried = moved(doors, plan, row, week["week_on"], only_try=True).json()
    kept = moved(doors, plan, row, week["week_on"]).json()

    assert tried["plan"] is None
    assert tried["price"] == pytest.approx(week["total"] - told["chosen"]["total"])
    assert kept["price"] == pytest.approx(tried["price"])
    assert kept["plan"]["origin"] == "moved"
    assert kept["plan"]["follows_id"] == plan["id"]
    assert kept["plan"]["checked"]["cost"]["total"] == pytest.approx(
        plan["checked"]["cost"]["total"] + tried["price"]
    )
    assert doors.get(f"/v1/plans/{plan['id']}").json() == plan  # which stays as it was


def test_a_move_that_breaks_a_rule_is_refused_with_the_reason(doors):
    say(doors)
    plan = made(doors)
    row = next(row for row in placed(doors, plan) if row["is_mandatory"])
    late = date.fromisoformat(row["valid_until"])
    after = late - timedelta(days=late.weekday()) + timedelta(weeks=1)
    assert after < MONDAY + timedelta(weeks=26)

    for week_on, reason in ((str(after), "too late"), ("2026-11-17", "Monday")):
        refused = moved(doors, plan, row, week_on)

        assert refused.status_code == 422, refused.text
        (error,) = refused.json()["errors"]
        assert error["pointer"] == "/week_on"
        assert reason in error["detail"]


def test_what_the_plan_in_force_promised_for_the_next_weeks_stands(doors):
    """A week later half the hours are gone: what is frozen stays, the rest may move at a price."""
    say(doors)
    first = made(doors)
    assert doors.post(f"/v1/plans/{first['id']}/acceptance").json()["is_in_force"]
    assert doors.post(f"/v1/plans/{first['id']}/acceptance").status_code == 409

    say(doors, disciplines=[PRESSURE | {"hours_per_week": 6}, TEMPERATURE])
    second = made(doors)

    before = {row["item_id"]: row["week_on"] for row in placed(doors, first)}
    rows = all_of(doors, second, "placements")
    frozen = [row for row in rows if row["is_frozen"]]
    assert {row["item_id"] for row in frozen} == {
        item_id for item_id, week in before.items() if week < str(MONDAY + timedelta(weeks=4))
    }
    assert all(row["week_on"] == before[row["item_id"]] for row in frozen if row["week_on"])
    assert second["follows_id"] == first["id"]
    assert second["checked"]["moved"] == sum(
        row["week_on"] != before[row["item_id"]] for row in rows if row["item_id"] in before
    )
    assert second["checked"]["cost"]["moved"] == 200 * second["checked"]["moved"]


def test_what_was_done_since_is_no_promise_any_more(doors, book):
    say(doors)
    plan = made(doors)
    doors.post(f"/v1/plans/{plan['id']}/acceptance")
    row = placed(doors, plan)[0]
    said = {"activity": row["activity"], "rule": "item", "subject": row["item_id"],
            "months": 1, "source": "QM"}  # fmt: skip
    doors.post("/v1/due-dates/periods", json=said)

    with book() as session:
        settings = PlanningSettings.model_validate(SETTINGS)
        items = {one.id: one for one in frame(session, settings, on=TODAY).problem.items}

    earlier = items[f"{row['item_id']}/{row['activity']}"]
    assert earlier.booked_week is not None  # an earlier due date keeps the promise


# --- Files and orders -----------------------------------------------------------------------------


def test_a_plan_as_a_table_and_as_a_calendar_says_the_same(doors):
    say(doors)
    plan = made(doors)
    rows = placed(doors, plan)

    table = doors.get(f"/v1/plans/{plan['id']}/placements.csv").content.decode("utf-8-sig")
    address = f"/v1/plans/{plan['id']}/calendar.ics"
    events = Calendar.from_ical(doors.get(address).content).walk("VEVENT")
    again = Calendar.from_ical(doors.get(address).content).walk("VEVENT")

    assert len(table.splitlines()) == plan["items"] + 1
    assert {str(event.decoded("dtstart")) for event in events} == {row["week_on"] for row in rows}
    assert len(events) == len({(row["week_on"], row["site"]) for row in rows})
    assert [event["uid"] for event in events] == [event["uid"] for event in again]


def test_a_week_of_the_plan_becomes_one_order(doors):
    say(doors)
    plan = made(doors)
    rows = placed(doors, plan)
    week = max({row["week_on"] for row in rows},
               key=lambda week_on: sum(row["week_on"] == week_on for row in rows))  # fmt: skip
    wanted = {row["item_id"] for row in rows if row["week_on"] == week}

    order = doors.post(f"/v1/plans/{plan['id']}/work-orders", json={"week_on": week})
    again = doors.post(f"/v1/plans/{plan['id']}/work-orders", json={"week_on": week})

    assert order.status_code == 201, order.text
    assert {line["item_id"] for line in order.json()["items"]} == wanted
    assert len(wanted) > 1
    assert again.status_code == 409  # they stand in an order already
    later = made(doors)
    assert wanted <= {
        one["item_id"] for one in all_of(doors, later, "left-out") if one["reason"] == "under_way"
    }


def test_an_item_of_another_week_is_not_sent_in_with_this_one(doors):
    say(doors)
    plan = made(doors)
    first, *_, last = placed(doors, plan)
    said = {"week_on": first["week_on"], "item_ids": [last["item_id"]]}

    refused = doors.post(f"/v1/plans/{plan['id']}/work-orders", json=said)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/item_ids"


def test_another_organizations_plan_is_not_there(doors):
    say(doors)
    plan = made(doors)
    act_for(doors, "CEM")

    assert doors.get(f"/v1/plans/{plan['id']}").status_code == 404
    assert doors.get("/v1/plans").json() == []
    assert doors.get("/v1/plans/settings").status_code == 404


def test_whoever_may_order_work_may_plan_it():
    assert needed("POST", "plans") == needed("POST", "work-orders")
