"""When the power plant's gauges are due, on 21 November 2026, and what may change that.

The data are the demonstration's. The gauge of the story is verified by JJG 52, at most every six
months.
"""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import select

import service.due_dates
from service.api.due_dates import answer
from service.demo.world import identifier
from service.due_dates import due_dates
from service.tables.items import Item
from service.tenancy import TenantSession
from tests.service.demonstration import demonstration_client
from tests.service.nation import act_for
from traceability.schedule import Rule

TODAY = date(2026, 11, 21)


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        act_for(client, "TPP")
        yield client


@pytest.fixture
def gauge(demo):
    return str(identifier(demo.data["story"]["item"]))


def of(doors, item_id, **query):
    response = doors.get("/v1/due-dates", params={"item_id": item_id, "on": str(TODAY)} | query)
    assert response.status_code == 200, response.text
    return response.json()


def test_every_due_date_of_the_demonstration_is_what_its_newest_certificate_says(
    demo, engine, names_by_code
):
    """Nothing else was agreed, so the rules come to what the laboratories wrote, or end sooner."""
    for organization_id in names_by_code.values():
        with TenantSession(engine, organization_id, read_only=True) as session:
            found = due_dates(session, on=TODAY)

        for one in found:
            written = [
                row.valid_until or date.max
                for row in one.due.candidates
                if row.rule is Rule.CERTIFICATE
            ]
            if written and not one.due.is_stopped:
                assert (one.due.valid_until or date.max) <= written[0]


def test_nothing_of_the_demonstration_is_overdue_as_its_audit_says(engine, names_by_code):
    """A steam meter's regulation has periods of 12 to 48 months by its kind: which is not known."""
    for organization_id in names_by_code.values():
        with TenantSession(engine, organization_id, read_only=True) as session:
            late = [one for one in due_dates(session, on=TODAY) if one.due.is_overdue(TODAY)]

        assert [one.item.serial_number for one in late if one.due.last_performed_on] == []


@pytest.fixture
def names_by_code(demo):
    return {row["code"]: identifier(row["code"]) for row in demo.data["organizations"]}


def test_a_due_date_names_the_rule_that_won(doors, gauge):
    (told,) = of(doors, gauge, explain=1)

    rules = {one["rule"]: one["valid_until"] for one in told["candidates"]}
    assert told["activity"] == "verification"
    assert told["valid_until"] == min(day for day in rules.values() if day)
    assert rules[told["rule"]] == told["valid_until"]
    assert any(one["source"].startswith("JJG 52") for one in told["candidates"])


def test_the_board_lists_the_next_due_first(doors):
    told = doors.get("/v1/due-dates", params={"within_days": 60, "on": str(TODAY)}).json()

    days = [one["days_left"] for one in told]
    assert told
    assert days == sorted(days)
    assert max(days) <= 60


def test_the_next_page_goes_on_where_the_last_one_ended_though_its_last_row_has_moved(doors):
    first = doors.get("/v1/due-dates", params={"limit": 3, "on": str(TODAY)})
    next_ = first.links["next"]["url"]
    before = doors.get(next_).json()
    last = first.json()[-1]
    said = {"activity": last["activity"], "rule": "item", "subject": last["item_id"], "months": 1,
            "source": "quality manual, 7.1"}  # fmt: skip

    assert doors.post("/v1/due-dates/periods", json=said).status_code == 201

    again = doors.get("/v1/due-dates", params={"limit": 3, "on": str(TODAY)}).json()
    assert again != first.json()
    assert doors.get(next_).json() == before


@pytest.mark.parametrize("code", ["TPP", "NIM"])
@pytest.mark.parametrize("query", [{}, {"explain": True}, {"within_days": 90}])
def test_what_is_kept_is_told_as_it_would_be_derived(doors, engine, code, query):
    act_for(doors, code)
    with TenantSession(engine, identifier(code), read_only=True) as session:
        derived = [
            answer(one, on=TODAY, explain="explain" in query).model_dump(mode="json")
            for one in due_dates(session, on=TODAY)
        ]
    if "within_days" in query:
        derived = [one for one in derived if (one["days_left"] or 0) <= 90 and one["valid_until"]]

    pages, address = [], doors.get("/v1/due-dates", params={"limit": 7} | query)
    while "next" in address.links:
        pages += address.json()
        address = doors.get(address.links["next"]["url"])
    lines = doors.get("/v1/due-dates", params=query, headers={"accept": "application/x-ndjson"})

    assert pages + address.json() == derived != []
    assert [json.loads(line) for line in lines.text.splitlines()] == derived


def test_a_page_of_today_derives_no_more_than_it_tells(doors, monkeypatch):
    """Another day is derived from the whole book; of today only why, and of the page alone."""
    asked: list[Any] = []
    derive = service.due_dates.due_dates_of_items

    def noted(session, item_ids, *, on):
        asked.append(item_ids and len(item_ids))
        return derive(session, item_ids, on=on)

    monkeypatch.setattr("service.due_dates.due_dates_of_items", noted)

    for query in ({}, {"explain": 1}, {"on": str(TODAY - timedelta(days=1))}):
        assert len(doors.get("/v1/due-dates", params={"limit": 5} | query).json()) == 5

    assert asked == [6, None]


def test_a_period_set_for_one_item_shortens_its_own_date_alone(doors, gauge):
    before = {one["item_id"]: one["valid_until"] for one in doors.get("/v1/due-dates").json()}
    said = {"activity": "verification", "rule": "item", "subject": gauge, "months": 1,
            "source": "quality manual, 7.1"}  # fmt: skip

    assert doors.post("/v1/due-dates/periods", json=said).status_code == 201

    after = {one["item_id"]: one["valid_until"] for one in doors.get("/v1/due-dates").json()}
    assert {item for item in before if before[item] != after[item]} == {gauge}
    assert after[gauge] < before[gauge]


def test_a_later_period_takes_the_place_of_an_earlier_one_and_none_ends_it(doors, gauge):
    said = {"activity": "intermediate_check", "rule": "item", "subject": gauge, "source": "QM"}

    doors.post("/v1/due-dates/periods", json=said | {"months": 1})
    asked = [one for one in of(doors, gauge) if one["activity"] == "intermediate_check"]
    doors.post("/v1/due-dates/periods", json=said | {"months": None})

    assert [one["rule"] for one in asked] == ["never_done"]
    assert [one["activity"] for one in of(doors, gauge)] == ["verification"]


def test_a_repair_makes_it_due_at_once(doors, gauge):
    said = {"item_id": gauge, "kind": "repair", "happened_on": "2026-11-20", "note": "new spring"}

    (told,) = doors.post("/v1/due-dates/events", json=said).json()

    assert (told["rule"], told["is_overdue"]) == ("state", True)


def test_hours_of_use_bring_the_date_nearer(doors, gauge):
    """A limit of 100 h since the last verification; 10 h a day are read."""
    period = {"activity": "verification", "rule": "item", "subject": gauge, "months": 6,
              "usage_limit": 100, "usage_unit": "h", "source": "maker"}  # fmt: skip
    doors.post("/v1/due-dates/periods", json=period)
    for day, total in (("2026-11-10", 40.0), ("2026-11-15", 90.0)):
        reading = {"item_id": gauge, "kind": "usage", "happened_on": day, "value": total,
                   "unit": "h"}  # fmt: skip
        told = doors.post("/v1/due-dates/events", json=reading).json()

    usage = [one for one in told[0]["candidates"] if one["rule"] == "usage"]
    assert [one["valid_until"] for one in usage] == ["2026-11-20"]


def test_an_override_is_dated_and_approved(doors, gauge, owner):
    person = str(identifier("person:TPP:1"))
    said = {"item_id": gauge, "activity": "verification", "valid_until": "2026-11-25",
            "reason": "shutdown begins", "approved_by": person}  # fmt: skip

    response = doors.post("/v1/due-dates/overrides", json=said)

    assert response.status_code == 201, response.text
    assert response.json()[0]["valid_until"] <= "2026-11-25"


@pytest.mark.parametrize(
    ("said", "status", "pointer"),
    [
        ({"valid_until": "2026-11-25", "approved_by": str(identifier("nobody"))}, 404, None),
        ({"activity": "maintenance"}, 422, "/activity"),
        ({"reason": ""}, 422, "/reason"),
    ],
)
def test_an_override_that_cannot_be_is_refused(doors, gauge, said, status, pointer):
    whole = {"item_id": gauge, "activity": "verification", "valid_until": "2026-11-25",
             "reason": "why", "approved_by": str(identifier("person:TPP:1"))}  # fmt: skip
    whole |= said

    response = doors.post("/v1/due-dates/overrides", json=whole)

    assert response.status_code == status, response.text
    if pointer:
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_a_mandatory_verification_is_not_put_off(doors, engine):
    with TenantSession(engine, identifier("TPP"), read_only=True) as session:
        items = session.exec(select(Item).where(Item.is_mandatory)).all()
        dated = [
            one
            for one in due_dates(session, on=TODAY)
            if one.item.is_mandatory and one.due.valid_until and not one.due.is_stopped
        ]
        assert items
        one = dated[0]
        later = str((one.due.valid_until or TODAY) + timedelta(days=400))
        said = {"item_id": str(one.item.id), "activity": one.due.activity.value,
                "valid_until": later, "reason": "no time",
                "approved_by": str(identifier("person:TPP:1"))}  # fmt: skip

    response = doors.post("/v1/due-dates/overrides", json=said)

    assert response.status_code == 409
    assert response.json()["type"] == "/problems/legal-period-exceeded"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"happened_on": "2027-01-01"}, "/happened_on"),
        ({"kind": "usage"}, "/value"),
        ({"value": 3.0, "unit": "h"}, "/value"),
        ({"value": -1.0, "unit": "h"}, "/value"),
    ],
)
def test_an_event_that_cannot_be_is_refused(doors, gauge, said, pointer):
    whole = {"item_id": gauge, "kind": "repair", "happened_on": "2026-11-20"} | said

    response = doors.post("/v1/due-dates/events", json=whole)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_another_organizations_item_is_not_there(doors, demo):
    act_for(doors, "CEM")

    response = doors.get(
        "/v1/due-dates", params={"item_id": str(identifier(demo.data["story"]["item"]))}
    )

    assert response.status_code == 404
