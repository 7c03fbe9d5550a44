"""What rests on the province's piston gauge, in its book, in others', and over the nation.

Every answer is held against brute force over the demonstration world's own data.
"""

import re
from collections import Counter
from datetime import UTC, date, datetime
from math import sqrt

import pytest
from sqlalchemy import event

from service import affected, networks
from service.actions import calibrations
from service.affected import Fault
from service.database import open_engine
from service.demo.world import identifier, moment
from service.errors import InvalidField, NotFound
from service.networks import Standing
from service.store import directory
from service.store import networks as store
from service.tenancy import TenantSession
from tests.service import books
from tests.service.books import ACTOR, NOW
from tests.service.nation import PISTON, in_book_of, resting_on
from traceability.errors import SnapshotTruncated
from traceability.graph import UncertaintyStatement
from traceability.impact import DriftAssumption
from traceability.network import audit_items, descendants

SLOW = moment("2026-11-21", 23)
LATER = datetime(2026, 4, 1, tzinfo=UTC)
ALWAYS_WRONG = Fault(
    last_good_on=date(2025, 6, 27),
    found_on=date(2026, 11, 21),
    as_found=((0.0, 0.001), (60.0, 0.001)),
    unit="MPa",
)


def ids_of(names):
    return {identifier(name) for name in names}


def published_id(engine, code, event_id):
    with TenantSession(engine, identifier(code), read_only=True) as session:
        found = store.publications(session)
    return next(published for published, own in found.items() if own == identifier(event_id))


def asked(engine, code, calibration_id, *, on, known_at=SLOW):
    with TenantSession(engine, identifier(code), read_only=True) as session:
        return networks.dependents(session, calibration_id, on=on, known_at=known_at)


def found_in(engine, code, calibration_id, *, on):
    answer = asked(engine, code, calibration_id, on=on)
    return {one.link.calibration_id for one in answer.dependents}


def test_each_book_tells_all_that_it_holds_and_no_other(demo, engine):
    everything = resting_on(demo, PISTON)
    piston = published_id(engine, "PROV", PISTON)

    found = {code: found_in(engine, code, piston, on=demo.as_of)
             for code in ("PROV", "TPP", "CEM", "STL")}  # fmt: skip

    city = published_id(engine, "CITY", "ev:C.PRES.D:2026-06-03")
    for code, ids in found.items():
        mine = ids_of(in_book_of(demo, code, everything))
        assert ids == (mine if code == "PROV" else mine | {city})
    assert len(everything) == 35
    assert {code: len(ids) for code, ids in found.items()} == {
        "PROV": 10, "TPP": 18, "CEM": 10, "STL": 9,
    }  # fmt: skip


def test_a_calibration_that_is_published_is_told_once_under_the_id_of_the_book(demo, engine):
    """The institute holds the piston gauge's calibration; the province publishes it."""
    national = identifier("ev:N.PRES.2:2024-04-04")

    answer = asked(engine, "NIM", national, on=demo.as_of)

    told = Counter(one.link.calibration_id for one in answer.dependents)
    assert set(told.values()) == {1}
    assert identifier(PISTON) in told
    assert published_id(engine, "PROV", PISTON) not in told


def test_levels_and_standings_add_up(demo, engine):
    answer = asked(engine, "TPP", published_id(engine, "PROV", PISTON), on=date(2027, 2, 1))

    counts = answer.counts()
    assert {level: sum(row.values()) for level, row in counts.items()} == answer.radius.by_level
    assert sum(row[Standing.EXPIRED] for row in counts.values()) > 0
    assert all(one.link.item_id is not None for one in answer.dependents if one.is_in_force)
    assert sum(one.is_in_force for one in answer.dependents) == len(answer.radius.items)


def test_what_was_made_after_the_day_does_not_count_yet(demo, engine):
    day = date(2026, 6, 30)
    piston = published_id(engine, "PROV", PISTON)

    found = found_in(engine, "TPP", piston, on=day)

    made = {id_ for id_ in resting_on(demo, PISTON) if id_.rpartition(":")[2] <= "2026-06-30"}
    city = published_id(engine, "CITY", "ev:C.PRES.D:2026-06-03")
    assert found == ids_of(in_book_of(demo, "TPP", made)) | {city}


def test_what_was_recorded_after_the_moment_is_not_known_yet(demo, engine):
    piston = published_id(engine, "PROV", PISTON)

    answer = asked(engine, "TPP", piston, on=demo.as_of, known_at=moment("2026-02-01"))

    assert 0 < len(answer.dependents) < 18
    assert all(one.link.performed_on <= date(2026, 2, 1) for one in answer.dependents)


def test_a_book_knows_nothing_of_a_foreign_calibration(demo, engine):
    with pytest.raises(NotFound):
        asked(engine, "TPP", identifier("ev:CEM.PRES.D:2026-08-26"), on=demo.as_of)


def test_the_radius_is_known_before_anything_happens(demo, engine):
    with TenantSession(engine, identifier("PROV"), read_only=True) as session:
        radius = networks.blast_radius(session, identifier(PISTON), on=demo.as_of, known_at=SLOW)

    assert dict(radius.by_level) == {1: 10}
    assert len(radius.items) == 9


def test_over_all_books_a_recall_reaches_exactly_what_rests_on_the_fault(demo, engine):
    books_ = directory.organization_ids(engine)

    found = networks.recall_over_books(
        engine,
        books_,
        identifier(PISTON),
        ALWAYS_WRONG,
        assumption=DriftAssumption.STEP_AT_START,
        on=demo.as_of,
        known_at=SLOW,
    )

    reached = resting_on(demo, PISTON)
    events = {row["id"]: row for row in demo.data["events"]}
    results = sum(len(events[id_]["results"]) for id_ in reached)
    assert found.recall.calibration_ids == ids_of(reached)
    assert len(found.recall.affected) == results


def test_over_all_books_each_event_is_told_once_by_its_maker(demo, engine):
    links = networks.all_links(engine, directory.organization_ids(engine), known_at=SLOW)

    ids = {link.calibration_id for link in links}
    assert len(links) == len(ids) == len(demo.data["events"])
    assert {used.reference_id for link in links for used in link.references} <= ids


def test_no_question_walks_a_whole_book(templates):
    """Every table is entered by a key or an index that narrows more than to the organization."""
    engine = open_engine(f"sqlite:///{templates('sqlite', 'demo')}")
    asked_for = []
    event.listen(engine, "before_cursor_execute", lambda *said: asked_for.append(said[2:4]))

    asked(engine, "PROV", identifier(PISTON), on=date(2026, 11, 21))

    with engine.connect() as connection:
        plan = [
            row.detail
            for statement, values in tuple(asked_for)
            if statement.startswith(("SELECT", "WITH"))
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    engine.dispose()
    assert len(plan) > 20
    assert [
        step for step in plan if re.search(r"SCAN (?!anon_)|\(organization_id=\?\)", step)
    ] == []


def test_a_stranger_cannot_put_itself_beneath_another_by_taking_its_id(engine, story, open_as):
    """OTH records a calibration under the id of NIM's, and publishes it: that is another one."""
    with open_as("OTH") as session, session.begin():
        taken = books.calibrate(
            session, "taken", date(2025, 2, 1), id=story.national, terminal_reason="of its own"
        )
        published = calibrations.publish(session, taken.id, actor_id=ACTOR, now=NOW).id
        user = books.calibrate(session, "user", date(2025, 3, 1), books.use(reference_id=taken.id))
        calibrations.publish(session, user.id, actor_id=ACTOR, now=NOW)

    with open_as("NIM", read_only=True) as session:
        mine = networks.dependents(session, story.national, on=date(2026, 3, 2), known_at=LATER)
        theirs = networks.dependents(session, published, on=date(2026, 3, 2), known_at=LATER)

    assert {one.link.calibration_id for one in mine.dependents} == {story.reference}
    assert theirs.root.calibration_id == published
    assert {one.link.item_name_en for one in theirs.dependents} == {"user"}


def test_a_withdrawn_calibration_is_told_as_withdrawn(engine, story, open_as):
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, reason="out of order", actor_id=ACTOR, now=NOW)

    with open_as("LAB", read_only=True) as session:
        found = networks.dependents(session, story.reference, on=date(2026, 3, 5), known_at=LATER)

    standings = {one.link.calibration_id: (one.level, one.standing) for one in found.dependents}
    assert standings == {
        story.working: (1, Standing.WITHDRAWN),
        story.meter: (2, Standing.VALID),
    }


def test_a_result_in_another_unit_than_its_calibration_is_told_apart(engine, story, open_as):
    """The recall knows the shift in MPa; what was reported in kPa it cannot judge."""
    with open_as("LAB") as session, session.begin():
        in_kpa = books.calibrate(
            session,
            "in kPa",
            date(2026, 2, 2),
            books.use(reference_id=story.working),
            results=(books.result(unit="kPa"), books.result()),
        ).id
    fault = Fault(
        last_good_on=date(2026, 2, 1),
        found_on=date(2026, 3, 1),
        as_found=((0.0, 0.01), (1.6, 0.01)),
    )

    with open_as("LAB", read_only=True) as session:
        found = affected.recall(
            session,
            story.working,
            fault,
            assumption=DriftAssumption.STEP_AT_START,
            on=date(2026, 3, 1),
            known_at=LATER,
        )

    assert [result.calibration_id for result in found.other_units] == [in_kpa]
    assert [case.result.calibration_id for case in found.recall.affected] == [in_kpa]
    assert found.units[found.recall.affected[0].result.result_id] == "MPa"


def test_an_item_calibrated_anew_from_elsewhere_is_closed_and_no_longer_relies(
    engine, story, open_as
):
    """The meter is calibrated again, now straight from the reference standard."""
    fault = Fault(
        last_good_on=date(2026, 1, 1), found_on=date(2026, 2, 10), as_found=((0, 0.1), (2, 0.1))
    )
    with open_as("LAB") as session, session.begin():
        books.calibrate(
            session,
            "",
            date(2026, 2, 20),
            books.use(reference_id=story.reference),
            item_id=story.lab_item,
        )

    def open_and_relying(day):
        with open_as("LAB", read_only=True) as session:
            asked_for = {"on": day, "known_at": LATER}
            found = affected.recall(
                session, story.working, fault, assumption=DriftAssumption.LINEAR, **asked_for
            )
            below = networks.dependents(session, story.working, **asked_for)
        return len(found.recall.affected), len(found.open_ids), len(below.radius.items)

    assert open_and_relying(date(2026, 2, 19)) == (2, 2, 1)
    assert open_and_relying(date(2026, 2, 20)) == (2, 0, 0)


def test_a_snapshot_holds_the_nation_and_is_read_from_the_file(demo, engine, tmp_path):
    file = tmp_path / "nation.network"

    networks.write_snapshot(engine, directory.organization_ids(engine), file, known_at=SLOW)
    network = networks.read_snapshot(file)

    below = descendants(network, network.numbers_of([identifier(PISTON)]))
    found = {network.calibration_id(number) for number in below.nonzero()[0].tolist()}
    assert found == ids_of(resting_on(demo, PISTON))
    assert network.watermark == SLOW.isoformat()
    assert network.size == len(demo.data["events"])
    assert [path.name for path in tmp_path.glob("*.network")] == ["nation.network"]


def test_a_snapshot_grows_by_what_was_recorded_since_and_tells_what_a_new_one_tells(
    demo, engine, tmp_path
):
    """Half of the demonstration's calibrations are recorded later, and a standard is withdrawn."""
    all_books = directory.organization_ids(engine)
    old, new = tmp_path / "old.network", tmp_path / "new.network"
    networks.write_snapshot(engine, all_books, old, known_at=moment("2026-01-15"))
    before = networks.read_snapshot(old).size
    with TenantSession(engine, identifier("NIM")) as session, session.begin():
        calibrations.end(
            session, identifier(PISTON), reason="x", actor_id=ACTOR, now=moment("2026-10-01")
        )

    networks.update_snapshot(engine, all_books, old, known_at=SLOW)
    networks.write_snapshot(engine, all_books, new, known_at=SLOW)

    def told(file):
        network = networks.read_snapshot(file)
        items = audit_items(network, on=demo.as_of)
        return {
            network.item_id(place): (
                network.calibration_id(number), bool(items.overdue[place]),
                bool(items.unbroken[place]),
            )
            for place, number in enumerate(items.in_force.tolist())
        }  # fmt: skip

    assert before < networks.read_snapshot(old).size == len(demo.data["events"])
    assert told(old) == told(new)
    assert {unbroken for _, _, unbroken in told(old).values()} == {True, False}
    with pytest.raises(InvalidField, match="already"):
        networks.update_snapshot(engine, all_books, old, known_at=moment("2026-01-15"))
    old.write_bytes(old.read_bytes()[:-1])
    torn = old.read_bytes()
    with pytest.raises(SnapshotTruncated):
        networks.update_snapshot(engine, all_books, old, known_at=SLOW)
    assert old.read_bytes() == torn


def test_a_snapshot_that_cannot_be_made_leaves_the_old_one(engine, tmp_path, names, monkeypatch):
    file = tmp_path / "nation.network"
    file.write_bytes(b"the old one")

    def broken(_network):
        yield b"half"
        raise OSError("the disk is full")

    monkeypatch.setattr(networks, "snapshot_of", broken)
    with pytest.raises(OSError, match="full"):
        networks.write_snapshot(engine, [names.NIM], file, known_at=LATER)

    assert file.read_bytes() == b"the old one"
    assert list(tmp_path.glob(".nation*")) == []
    with pytest.raises(SnapshotTruncated):
        networks.read_snapshot(file)


# --- A standard's certificate is replaced


def test_a_replaced_certificate_is_carried_down_for_future_work_and_nothing_is_written(
    engine, owner, story, open_as
):
    """The working standard's new U is twice as large: 0.008 of 0.004 MPa comes into the meter."""
    with open_as("LAB") as session, session.begin():
        successor = books.calibrate(
            session, "", date(2026, 2, 20), books.use(reference_id=story.reference),
            item_id=story.working_item, now=LATER,
            uncertainty=UncertaintyStatement(
                model="absolute", coefficient=0.016, coverage_factor=2.0, unit="MPa"
            ),
        ).id  # fmt: skip
    before = books.count_rows(owner)

    with open_as("LAB", read_only=True) as session:
        found = networks.reevaluation(
            session, story.working, successor, on=date(2026, 3, 1), known_at=LATER
        )
        with pytest.raises(InvalidField, match="another calibration of that item"):
            networks.reevaluation(
                session, story.working, story.reference, on=date(2026, 3, 1), known_at=LATER
            )

    (meter,) = found.dependents
    assert meter.link.calibration_id == story.meter
    assert meter.before == pytest.approx(0.010)
    assert meter.after == pytest.approx(sqrt(0.010**2 - 0.004**2 + 0.008**2))
    assert story.meter in found.in_force
    assert books.count_rows(owner) == before
