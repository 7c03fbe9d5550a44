"""Writing the audit log: append-only, each entry of an organization sealing the one before."""

from collections.abc import Mapping
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
    entry = {
        "position": position + 1,
        "recorded_at": now.astimezone(UTC).isoformat(),  # as the database keeps it
        "actor_id": str(actor_id),
        "action": action,
        "subject_id": str(subject_id),
        "said": dict(said or {}),
        "previous_sha256": previous,
    }
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
