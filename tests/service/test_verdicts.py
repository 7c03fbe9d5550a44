"""The verdict on each chain is stored as it is written, and judged anew only where an end touches.

The story: NIM's national standard is behind LAB's reference, that behind LAB's working standard,
and that behind ENT's meter (see `story`).
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, func, select

from service.actions import calibrations, notices, verdicts
from service.answers import chain
from service.jobs.worker import Worker
from service.network import Network
from service.store import calibrations as calibration_store
from service.store import notices as notice_store
from service.store import verdicts as store
from service.tables.calibrations import ChainVerdict
from service.tables.organizations import Authorisation, Organization
from tests.conftest import KEYS
from tests.service import books
from tests.service.books import ACTOR, NOW, calibrate, use
from traceability.graph import Flaw

LATER = NOW + timedelta(days=30)
MUCH_LATER = LATER + timedelta(days=30)
WITHDRAWN: dict[str, Any] = {"reason": "out of order", "actor_id": ACTOR, "now": LATER}


def rows(session: Any) -> int:
    return int(session.exec(select(func.count()).select_from(ChainVerdict)).one())


def test_every_calibration_is_judged_as_it_is_written(open_as, story):
    """Made, received and cited ones, each as its whole chain is judged."""
    for code in ("NIM", "LAB", "ENT"):
        with open_as(code) as session:
            ids = calibration_store.all_ids(session)
            found = store.current(session, ids)

            assert set(found) == set(ids)
            for id_ in ids:
                judged = chain(session, id_, on=None, known_at=NOW)
                assert found[id_].is_unbroken == judged.unbroken


def test_a_broken_chain_is_stored_with_its_breaks(open_as, story):
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        loose = calibrate(session, "loose", date(2026, 1, 1)).id
        user = calibrate(session, "user", date(2026, 2, 1), use(reference_id=loose)).id
    with open_as("LAB") as session:
        found = store.current(session, [user])[user]

    assert not found.is_unbroken
    assert found.breaks == [[Flaw.NO_PATH_TO_ROOT.value, str(loose), None]]


def test_an_end_judges_anew_what_rests_on_it_and_nothing_else(open_as, story):
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        other = calibrate(session, "other", date(2026, 1, 1), use(reference_id=story.reference)).id
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        before = rows(session)
        calibrations.end(session, story.working, **WITHDRAWN)
        after = rows(session)
        found = store.current(session, [story.meter, other, story.working])

    assert after - before == 1  # the meter's
    assert {id_: row.is_unbroken for id_, row in found.items()} == {
        story.meter: False,
        other: True,
        story.working: True,
    }
    assert found[story.meter].breaks[0][0] == Flaw.WITHDRAWN_AFTER_USE.value


def test_a_notice_judges_anew_in_the_holders_book(open_as, story):
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, **WITHDRAWN)
    with open_as("ENT") as session, session.begin():
        assert store.current(session, [story.meter])[story.meter].is_unbroken
        for row, _receipt in notice_store.received(session, limit=9):
            notices.take_in(session, row.id, actor_id=ACTOR, now=MUCH_LATER)

        assert not store.current(session, [story.meter])[story.meter].is_unbroken


def test_a_verdict_that_a_published_end_outdated_is_passed_over_until_judged_anew(open_as, story):
    """NIM withdraws its national standard, which LAB's book rests on only through the layer."""
    with open_as("LAB") as session:
        ids = set(calibration_store.all_ids(session))
    with open_as("NIM") as session, session.begin():
        calibrations.end(session, story.national, **WITHDRAWN)

    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        assert store.current(session, ids) == {}
        judged = verdicts.catch_up(session, now=MUCH_LATER)
        found = store.current(session, ids)

    assert judged == len(ids) == len(found)
    assert not any(row.is_unbroken for row in found.values())


def test_the_worker_judges_anew_once_after_a_published_end(open_as, engine, story):
    worker = Worker(engine, KEYS, clock=lambda: MUCH_LATER, network=Network(()))
    with open_as("LAB") as session:
        ids = set(calibration_store.all_ids(session))
    with open_as("NIM") as session, session.begin():
        calibrations.end(session, story.national, **WITHDRAWN)

    worker.run_once()
    with open_as("LAB") as session:
        found, stored = store.current(session, ids), rows(session)
    worker.run_once()

    assert set(found) == ids
    with open_as("LAB") as session:
        assert rows(session) == stored


def test_catching_up_where_nothing_happened_writes_nothing(open_as, owner, story):
    before = books.count_rows(owner)
    with open_as("LAB") as session, session.begin():
        assert verdicts.catch_up(session, now=MUCH_LATER) == 0

    assert books.count_rows(owner) == before


def test_a_calibration_that_was_undone_leaves_no_verdict(open_as, story):
    with open_as("LAB") as session, session.begin():
        before = rows(session)
        savepoint = session.begin_nested()
        calibrate(session, "undone", date(2026, 1, 1))
        savepoint.rollback()
    with open_as("LAB") as session:
        assert rows(session) == before


# --- The laboratory was authorised on that day


def authorise(owner: Any, code: str, until: date) -> None:
    """Let the operator enter that an organization may calibrate by JJG 52, from 2024 on."""
    with Session(owner) as session, session.begin():
        holder = session.exec(select(Organization.id).where(Organization.code == code)).one()
        session.add(
            Authorisation(
                holder_id=holder,
                number=f"{code}-1",
                kind_zh="计量授权",
                scope=[books.PROCEDURE],
                valid_from=date(2024, 1, 1),
                valid_until=until,
            )
        )


def flaws(open_as: Any, calibration_id: UUID) -> list[tuple[Flaw, UUID | None]]:
    with open_as("ENT") as session:
        found = chain(session, calibration_id, on=None, known_at=NOW)
    return [(one.flaw, one.calibration_id) for one in found.breaks]


def test_work_after_the_authorisation_lapsed_breaks_every_chain_through_it(open_as, owner, story):
    authorise(owner, "LAB", date(2025, 12, 31))  # the meter was calibrated on 2026-02-01

    assert flaws(open_as, story.meter) == [(Flaw.LABORATORY_NOT_AUTHORISED, story.meter)]


def test_work_on_the_last_day_of_an_authorisation_is_authorised(open_as, owner, story):
    authorise(owner, "LAB", date(2026, 2, 1))

    assert flaws(open_as, story.meter) == []


def test_a_lapsed_authorisation_that_was_renewed_holds(open_as, owner, story):
    authorise(owner, "LAB", date(2025, 12, 31))
    with Session(owner) as session, session.begin():
        holder = session.exec(select(Organization.id).where(Organization.code == "LAB")).one()
        session.add(
            Authorisation(
                holder_id=holder,
                number="LAB-2",
                kind_zh="计量授权",
                scope=[books.PROCEDURE],
                valid_from=date(2026, 1, 1),
                valid_until=date(2028, 1, 1),
            )
        )

    assert flaws(open_as, story.meter) == []


def test_where_no_authorisation_is_on_record_nobody_is_accused(open_as, story):
    assert flaws(open_as, story.meter) == []
