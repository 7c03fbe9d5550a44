"""Reading what is due: jobs, events and messages."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, select

from service.tables.exchange import WebhookMessage
from service.tables.operations import Job, Outbox
from service.tenancy import TenantSession

LEDGER_IMPORT = "ledger.import"
LEDGER_PULL = "ledger.pull"


def of_import(session: TenantSession, import_id: UUID) -> Job | None:
    """Return the job that writes a ledger; None where it was written at once."""
    jobs = session.exec(
        select(Job).where(Job.kind == LEDGER_IMPORT).order_by(col(Job.created_at).desc()).limit(200)
    )
    return next((job for job in jobs if job.content.get("import_id") == str(import_id)), None)


def counts(session: TenantSession) -> dict[str, int]:
    """Return how many jobs there are by state."""
    rows = session.exec(select(Job.state, func.count()).group_by(col(Job.state)))
    return dict(rows.all())


def is_idle(session: TenantSession, *, now: datetime) -> bool:
    """Return whether nothing is due in the book: no event, no message, no job."""
    event = select(Outbox.id).where(col(Outbox.told_at).is_(None), Outbox.due_at <= now)
    message = select(WebhookMessage.id).where(
        WebhookMessage.state == "waiting", WebhookMessage.due_at <= now
    )
    job = select(Job.id).where(Job.state == "waiting", Job.due_at <= now)
    return not any(session.exec(asked.limit(1)).first() for asked in (event, message, job))


def due(session: TenantSession, *, now: datetime, limit: int) -> list[Job]:
    """Return jobs that are due and nobody's, the longest waiting first; locked for this one."""
    return list(
        session.exec(
            select(Job)
            .where(Job.state == "waiting", Job.due_at <= now)
            .where((col(Job.lease_until).is_(None)) | (col(Job.lease_until) < now))
            .order_by(col(Job.due_at))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
