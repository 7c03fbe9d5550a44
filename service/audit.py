"""Writing the audit log: append-only, each entry of an organization sealing the one before."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from certificates.seal import digest
from service.tables.operations import AuditEntry
from service.tenancy import TenantSession

GENESIS = "0" * 64


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
        "recorded_at": now.isoformat(),
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
    session.end_of_audit_chain = (position + 1, sha256)


def _end_of_chain(session: TenantSession) -> tuple[int, str]:
    if session.end_of_audit_chain is None:
        session.lock_book()
        newest_first = select(AuditEntry.position, AuditEntry.sha256).order_by(
            col(AuditEntry.position).desc()
        )
        session.end_of_audit_chain = session.exec(newest_first.limit(1)).first() or (-1, GENESIS)
    return session.end_of_audit_chain
