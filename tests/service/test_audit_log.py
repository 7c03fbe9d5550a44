"""Each organization's audit log is one chain of digests, which anyone can compute again."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select
from uuid_utils.compat import uuid7

from certificates.seal import digest
from service import audit
from service.actions import calibrations
from service.errors import NotFound
from service.tables.operations import AuditEntry
from service.tenancy import TenantSession
from tests.service import books
from tests.service.books import ACTOR, NOW


def sealed_again(entry: AuditEntry) -> str:
    """Return the digest that an entry's content has now."""
    return digest(
        {
            "position": entry.position,
            "recorded_at": entry.recorded_at.isoformat(),
            "actor_id": str(entry.actor_id),
            "action": entry.action,
            "subject_id": str(entry.subject_id),
            "said": entry.said,
            "previous_sha256": entry.previous_sha256,
        }
    )


def first_broken(entries: list[AuditEntry]) -> int | None:
    """Return the place of the first entry that does not fit; None in an intact log."""
    previous = audit.GENESIS
    for position, entry in enumerate(entries):
        fits = entry.position == position and entry.previous_sha256 == previous
        if not fits or entry.sha256 != sealed_again(entry):
            return position
        previous = entry.sha256
    return None


def log(session: Session, organization_id: Any) -> list[AuditEntry]:
    return list(
        session.exec(
            select(AuditEntry)
            .where(AuditEntry.organization_id == organization_id)
            .order_by(col(AuditEntry.position))
        )
    )


def test_every_entry_seals_the_one_before(owner, names, story):
    with Session(owner) as session:
        logs = {code: log(session, id_) for code, id_ in vars(names).items()}

    assert {code: first_broken(entries) for code, entries in logs.items()} == dict.fromkeys(logs)
    assert {code: bool(entries) for code, entries in logs.items()} == {
        "NIM": True, "LAB": True, "ENT": True, "OTH": False,
    }  # fmt: skip


def test_every_action_of_the_story_has_one_entry_in_its_order(open_as, names, story):
    with open_as("LAB") as session:
        entries = log(session, names.LAB)

    assert [entry.action for entry in entries] == [
        *["person.added"] * 3,
        "item.registered",
        "calibration.received",
        "calibration.published",
        "item.registered",
        "calibration.recorded",
        "item.registered",
        "calibration.recorded",
        "calibration.calibrated",
        "calibration.checked",
        "calibration.approved",
        "certificate.issued",
        "calibration.delivered",
    ]
    (issued,) = [entry for entry in entries if entry.action == "certificate.issued"]
    assert issued.actor_id == story.people["approved"].id
    assert issued.subject_id == story.certificate
    assert issued.said["number"] == story.number


TAMPERED = [
    "action = 'calibration.withdrawn'",
    'said = \'{"number": "another"}\'',
    "actor_id = subject_id",
    "recorded_at = '2020-01-01 00:00:00+00:00'",
    "previous_sha256 = sha256",
    "sha256 = previous_sha256",
    "position = 1000",
]
UNGUARD = {
    "sqlite": "DROP TRIGGER audit_entry_no_update",
    "postgresql": "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only",
}


@pytest.mark.parametrize("change", TAMPERED)
def test_a_changed_entry_is_found_by_computing_the_digests_again(
    owner: Engine, names, story, change: str
):
    """Whoever owns the database can switch the guard off; the digests tell."""
    if owner.dialect.name == "sqlite":
        change = change.replace("+00:00", ".000000")  # as SQLite keeps a moment
    with owner.begin() as connection:
        connection.execute(text(UNGUARD[owner.dialect.name]))
        changed = connection.execute(
            text(f"UPDATE audit_entry SET {change} WHERE action = 'certificate.issued'")  # noqa: S608 (our own words)
        )
        assert changed.rowcount == 1

    with Session(owner) as session:
        entries = log(session, names.LAB)
        assert first_broken(entries) == 13


def test_an_entry_taken_out_is_found_too(owner, names, story):
    with owner.begin() as connection:
        unguard = UNGUARD[owner.dialect.name].replace("no_update", "no_delete")
        connection.execute(text(unguard))
        connection.execute(text("DELETE FROM audit_entry WHERE action = 'person.added'"))

    with Session(owner) as session:
        assert first_broken(log(session, names.LAB)) == 0


def test_what_was_refused_leaves_no_entry(open_as, owner, names, story):
    def end():
        with open_as("LAB") as session, session.begin():
            calibrations.end(session, story.working, reason="drift", actor_id=ACTOR, now=NOW)
            calibrations.end(session, story.national, reason="drift", actor_id=ACTOR, now=NOW)

    books.refusing(owner, end, NotFound)
    with open_as("LAB") as session, session.begin():
        books.register(session, "after it")
        assert first_broken(log(session, names.LAB)) is None


def test_two_transactions_at_once_write_one_chain(engine, names):
    def enter(number: int) -> None:
        with TenantSession(engine, names.LAB) as session, session.begin():
            books.register(session, f"gauge {number}")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(enter, range(8)))

    with TenantSession(engine, names.LAB) as session:
        entries = log(session, names.LAB)
        assert len(entries) == 8
        assert first_broken(entries) is None


def enter(session: TenantSession, action: str, now: datetime = NOW) -> None:
    audit.record(session, action, uuid7(), actor_id=ACTOR, now=now)


def test_an_undone_savepoint_leaves_no_gap(open_as, names):
    with open_as("LAB") as session, session.begin():
        enter(session, "before")
        for _ in range(2):
            with suppress(KeyError), session.begin_nested():
                enter(session, "undone")
                raise KeyError
        enter(session, "after")

    with open_as("LAB") as session:
        entries = log(session, names.LAB)
        assert [entry.action for entry in entries] == ["before", "after"]
        assert first_broken(entries) is None


def test_a_kept_savepoint_is_part_of_the_chain(open_as, names):
    with open_as("LAB") as session, session.begin():
        enter(session, "before")
        with session.begin_nested():
            enter(session, "within")
            with suppress(KeyError), session.begin_nested():
                enter(session, "undone")
                raise KeyError
            enter(session, "within again")
        enter(session, "after")

    with open_as("LAB") as session:
        entries = log(session, names.LAB)
        assert [entry.action for entry in entries] == ["before", "within", "within again", "after"]
        assert first_broken(entries) is None


def test_two_sessions_of_which_one_undoes_a_savepoint_write_one_chain(engine, names):
    """What the savepoint locked is free again when it is undone: the next entry locks anew."""

    def write(_number: int) -> None:
        with TenantSession(engine, names.LAB) as session, session.begin():
            with suppress(KeyError), session.begin_nested():
                enter(session, "undone")
                raise KeyError
            enter(session, "kept")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, range(8)))

    with TenantSession(engine, names.LAB) as session:
        entries = log(session, names.LAB)
        assert [entry.action for entry in entries] == ["kept"] * 8
        assert first_broken(entries) is None


def test_a_moment_in_another_zone_is_sealed_as_it_is_kept(open_as, names):
    beijing = datetime(2026, 3, 1, 16, tzinfo=timezone(timedelta(hours=8)))
    with open_as("LAB") as session, session.begin():
        enter(session, "in Beijing", beijing)

    with open_as("LAB") as session:
        entries = log(session, names.LAB)
        assert entries[0].recorded_at == beijing
        assert first_broken(entries) is None
