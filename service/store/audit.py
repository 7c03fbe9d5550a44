"""Reading the audit log of one book."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, select

from service.tables.operations import AuditEntry
from service.tenancy import TenantSession

AT_ONCE = 2000


def newest(
    session: TenantSession,
    *,
    before: int | None = None,
    subject_id: UUID | None = None,
    actor_id: UUID | None = None,
    action: str = "",
    until: datetime | None = None,
    limit: int,
) -> Sequence[AuditEntry]:
    """Return entries, the newest first.

    Args:
        before: the position that all of them precede; None for the end of the chain.
        action: how their action begins, such as `certificate.`.
        until: the moment before which they were written.
    """
    asked = select(AuditEntry).order_by(col(AuditEntry.position).desc()).limit(limit)
    if before is not None:
        asked = asked.where(AuditEntry.position < before)
    if subject_id is not None:
        asked = asked.where(AuditEntry.subject_id == subject_id)
    if actor_id is not None:
        asked = asked.where(AuditEntry.actor_id == actor_id)
    if until is not None:
        asked = asked.where(AuditEntry.recorded_at < until)
    if action:
        asked = asked.where(
            func.substr(col(AuditEntry.action), 1, len(action)) == action,
        )
    return session.exec(asked).all()


def chain(session: TenantSession) -> Iterator[AuditEntry]:
    """Yield every entry in order, some thousand at a time."""
    last = None
    while True:
        asked = select(AuditEntry).order_by(col(AuditEntry.position)).limit(AT_ONCE)
        if last is not None:
            asked = asked.where(AuditEntry.position > last)
        rows = session.exec(asked).all()
        yield from rows
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].position
