"""Stating how many items the own book holds and how they stand, for sums over organizations."""

from datetime import datetime
from uuid import UUID

from service import audit
from service.clock import day_of
from service.store import summaries as store
from service.tables.organizations import OrganizationSummary
from service.tenancy import TenantSession


def state(session: TenantSession, *, actor_id: UUID, now: datetime) -> OrganizationSummary:
    """State the counts of the own book for the month that is running; the last word of it holds.

    Nobody else reads them: others see sums over organizations, once the month is over. What was
    stated at the very same moment stands.
    """
    today = day_of(now)
    stated = session.get(OrganizationSummary, (session.organization_id, f"{today:%Y-%m}", now))
    if stated is not None:
        return stated
    counts = store.counts(session, on=today)
    row = OrganizationSummary(
        holder_id=session.organization_id,
        period=f"{today:%Y-%m}",
        stated_at=now,
        counts=counts,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, "summary.stated", session.organization_id, actor_id=actor_id, now=now,
        said={"period": row.period, "sha256": audit.digest_of(counts)},
    )  # fmt: skip
    return row
