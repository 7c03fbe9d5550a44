"""The demonstration world, loaded by the actions a user would call, and its planted faults."""

import pytest
from sqlmodel import Session, col, func, select

from service.answers import audit_books
from service.demo.loader import load
from service.demo.world import identifier, moment, read_world
from service.tables.calibrations import Calibration, CalibrationReference
from service.tables.certificates import Certificate, NumberCounter
from service.tables.items import Item
from service.tables.organizations import Organization

FAULTS = ("F1", "F2", "F3", "F4", "F5", "F6")  # F8 plants nothing: see test_story.py


def findings_of(world, engine):
    """Return the findings over all books, by the names of the world."""
    known = {identifier(row["id"]): row["id"]
             for kind in ("events", "items") for row in world.data[kind]}  # fmt: skip
    organizations = [identifier(row["code"]) for row in world.data["organizations"]]
    found = audit_books(engine, organizations, on=world.as_of, known_at=moment(world.as_of, 23))
    return {(finding.flaw.value, *sorted(known[id_] for id_ in finding.subjects))
            for finding in found}  # fmt: skip


def expected(world):
    return {(row["type"], *sorted(row["ids"])) for row in world.fault["expect"]}


def test_the_sound_world_audits_clean(demo, engine):
    assert findings_of(demo, engine) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_shows_exactly_its_findings(fault, owner, engine, keys):
    world = read_world(fault)

    load(world, owner, engine, keys=keys, progress=lambda _count: None)

    assert findings_of(world, engine) == expected(world)


def test_every_event_stands_in_the_book_of_its_maker_and_of_its_owner(demo, owner):
    events = demo.data["events"]
    received = [event for event in events if event["receiver"] != event["maker"]]

    with Session(owner) as session:
        rows = session.exec(
            select(Calibration.source, func.count()).group_by(Calibration.source)
        ).all()

    counted = dict(rows)
    assert counted["made"] == len(events) == 574
    assert counted["received"] == len(received)


def test_the_columns_that_the_service_calculates_are_those_of_the_data(demo, owner):
    """Ratios and contributions are calculated from the items' own limits, not copied."""
    told = {
        (identifier(event["id"]), position): reference
        for event in demo.data["events"]
        for position, reference in enumerate(event["references"])
    }

    with Session(owner) as session:
        rows = session.exec(
            select(CalibrationReference, Calibration.source).join(
                Calibration,
                (col(Calibration.id) == CalibrationReference.calibration_id)
                & (col(Calibration.organization_id) == CalibrationReference.organization_id),
            )
        ).all()

    made = {(row.calibration_id, row.position): row for row, source in rows if source == "made"}
    assert made.keys() == told.keys()
    for key, row in made.items():
        ratio = told[key]["ratio"]
        assert (row.ratio is None) == (ratio is None)
        assert (row.ratio or 0) == pytest.approx(ratio or 0, rel=1e-4, abs=2e-6)
        assert row.contributed_standard_uncertainty == pytest.approx(
            told[key]["u_in_child"], rel=1e-4
        )


def test_certificate_numbers_are_carried_over_and_counted_on_from(demo, owner):
    with Session(owner) as session:
        numbers = set(session.exec(select(Certificate.number)).all())
        codes = dict(session.exec(select(Organization.id, Organization.code)).all())
        last = {
            (codes[row.organization_id], row.year): row.last
            for row in session.exec(select(NumberCounter)).all()
        }

    assert numbers == {event["certificate_number"] for event in demo.data["events"]}
    for (code, year), count in last.items():
        assert count == sum(number.startswith(f"{code}-{year}-") for number in numbers)


def test_ten_organizations_keep_276_items_of_their_own(demo, owner):
    with Session(owner) as session:
        own = session.exec(
            select(func.count()).select_from(Item).where(col(Item.customer_id).is_(None))
        ).one()
        organizations = session.exec(select(func.count()).select_from(Organization)).one()

    assert (organizations, own) == (10, 276)
