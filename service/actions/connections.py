"""Calendars that others subscribe to, and ledgers elsewhere that we read."""

from datetime import datetime
from typing import Final
from uuid import UUID

from service import audit
from service.errors import AlreadyThere, InvalidField, NotFound
from service.network import Network, require_reachable
from service.store import ledger as ledger_store
from service.store import webhooks as store
from service.store.jobs import LEDGER_PULL
from service.tables.exchange import CalendarFeed, LedgerPull
from service.tables.operations import Job
from service.tenancy import TenantSession

MOST: Final = 50  # calendars of one organization
MOST_PULLS: Final = 5
SHORTEST: Final = 5  # minutes
LONGEST: Final = 7 * 24 * 60


def open_feed(
    session: TenantSession, *, area: str | None, actor_id: UUID, now: datetime
) -> CalendarFeed:
    """Let whoever gets its address read the due dates, of one area or of all.

    Raises:
        AlreadyThere: there are as many as an organization may have.
    """
    if len(store.feeds(session)) >= MOST:
        raise AlreadyThere(f"an organization has at most {MOST} calendars")
    row = CalendarFeed(
        organization_id=session.organization_id,
        area=area or None,
        created_by=actor_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(session, "calendar.opened", row.id, actor_id=actor_id, now=now)
    return row


def end_feed(session: TenantSession, feed_id: UUID, *, actor_id: UUID, now: datetime) -> None:
    """Let nobody read a calendar any more.

    Raises:
        NotFound: there is none of this id.
    """
    row = store.feed(session, feed_id)
    if row is None:
        raise NotFound("calendar", feed_id)
    row.ended_at = now
    audit.record(session, "calendar.ended", row.id, actor_id=actor_id, now=now)


def open_pull(
    session: TenantSession,
    url: str,
    *,
    match_by: str,
    every_minutes: int,
    network: Network,
    actor_id: UUID,
    now: datetime,
) -> LedgerPull:
    """Read a ledger elsewhere from now on, every so many minutes.

    Raises:
        InvalidField: an address that we do not knock at, or a time too short or too long.
        AlreadyThere: there are as many as an organization may have.
    """
    require_reachable(url, admitted=network.admitted)
    if not SHORTEST <= every_minutes <= LONGEST:
        raise InvalidField("/every_minutes", f"from {SHORTEST} to {LONGEST}")
    if len(ledger_store.pulls(session)) >= MOST_PULLS:
        raise AlreadyThere(f"an organization reads at most {MOST_PULLS} ledgers elsewhere")
    row = LedgerPull(
        organization_id=session.organization_id,
        url=url,
        every_minutes=every_minutes,
        settings={"match_by": match_by},
        created_by=actor_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    session.add(
        Job(
            organization_id=session.organization_id,
            kind=LEDGER_PULL,
            content={"pull_id": str(row.id)},
            state="waiting",
            due_at=now,
            created_by=actor_id,
            created_at=now,
        )
    )
    audit.record(session, "pull.opened", row.id, actor_id=actor_id, now=now, said={"url": url})
    return row


def end_pull(session: TenantSession, pull_id: UUID, *, actor_id: UUID, now: datetime) -> None:
    """Read a ledger elsewhere no more.

    Raises:
        NotFound: there is none of this id.
    """
    row = session.get(LedgerPull, (session.organization_id, pull_id))
    if row is None or row.ended_at is not None:
        raise NotFound("pull", pull_id)
    row.ended_at = now
    audit.record(session, "pull.ended", row.id, actor_id=actor_id, now=now)
