"""Writing the audit log: append-only, each entry of an organization sealing the one before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import SessionTransaction
from sqlmodel import col, select

from certificates.seal import digest
from service.tables.operations import AuditEntry
from service.tenancy import TenantSession

GENESIS = "0" * 64
REMEMBERED = "end of the audit chain"


def record(
    session: TenantSession,
    action: str,
    subject_id: UUID,
    *,
    actor_id: UUID,
    now: datetime,
    said: Mapping[str, str] | None = None,
) -> None:
    """Append one entry to the organization's chain, within the transaction of the action."""
    position, previous = _end_of_chain(session)
    entry = _sealed(position + 1, now, actor_id, action, subject_id, dict(said or {}), previous)
    sha256 = digest(entry)
    session.insert(
        AuditEntry,
        [
            entry
            | {
                "recorded_at": now,
                "actor_id": actor_id,
                "subject_id": subject_id,
                "sha256": sha256,
            }
        ],
    )
    _remember(session, position + 1, sha256)


@dataclass(frozen=True, slots=True)
class BrokenEntry:
    """The first entry at which a chain no longer holds, and why."""

    position: int
    reason: str


def first_broken(
    entries: Iterable[AuditEntry], *, end: tuple[int, str] | None = None
) -> BrokenEntry | None:
    """Return the first entry that does not fit those before it; None where the chain holds.

    A chain cut off at its end still holds by itself: only who kept an end can tell.

    Args:
        entries: the whole chain, in order.
        end: position and seal of an entry that was kept elsewhere.
    """
    position, previous = -1, GENESIS
    for row in entries:
        position += 1
        if row.position != position:
            return BrokenEntry(position, f"is missing: {row.position} stands in its place")
        if row.previous_sha256 != previous:
            return BrokenEntry(position, "does not seal the entry before it")
        if seal_of(row) != row.sha256:
            return BrokenEntry(position, "says something else than when it was sealed")
        previous = row.sha256
        if end is not None and end[0] == position and end[1] != previous:
            return BrokenEntry(position, "has another seal than the one kept elsewhere")
    if end is not None and end[0] > position:
        return BrokenEntry(position + 1, f"is missing: the chain once reached {end[0]}")
    return None


def seal_of(row: AuditEntry) -> str:
    """Return the seal that belongs to an entry as it stands."""
    return digest(
        _sealed(
            row.position, row.recorded_at, row.actor_id, row.action, row.subject_id, row.said,
            row.previous_sha256,
        )
    )  # fmt: skip


def _sealed(
    position: int,
    now: datetime,
    actor_id: UUID,
    action: str,
    subject_id: UUID,
    said: Mapping[str, str],
    previous: str,
) -> dict[str, Any]:
    """Return what the seal of an entry is taken over."""
    return {
        "position": position,
        "recorded_at": now.astimezone(UTC).isoformat(),  # as the database keeps it
        "actor_id": str(actor_id),
        "action": action,
        "subject_id": str(subject_id),
        "said": said,
        "previous_sha256": previous,
    }


def digest_of(value: Any) -> str:
    """Return the digest of something too long to be said in an entry, kept elsewhere."""
    return digest(value)


def _end_of_chain(session: TenantSession) -> tuple[int, str]:
    """Return the position and the seal of the newest entry.

    What was remembered holds in its own savepoint only: undone, that takes its entries with it.
    """
    transaction, *end = session.info.get(REMEMBERED, (None, -1, GENESIS))
    if transaction is None or transaction is not _innermost(session):
        session.lock_book()
        newest_first = select(AuditEntry.position, AuditEntry.sha256).order_by(
            col(AuditEntry.position).desc()
        )
        end = session.exec(newest_first.limit(1)).first() or (-1, GENESIS)
    position, sha256 = end
    return position, sha256


def _remember(session: TenantSession, position: int, sha256: str) -> None:
    session.info[REMEMBERED] = (_innermost(session), position, sha256)


def _innermost(session: TenantSession) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()
