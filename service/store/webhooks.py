"""Reading webhooks, events not yet handed on, and messages on their way."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, or_, select

from service.errors import NotFound
from service.tables.exchange import CalendarFeed, Webhook, WebhookMessage
from service.tables.operations import Outbox
from service.tenancy import TenantSession


def get(session: TenantSession, webhook_id: UUID) -> Webhook:
    """Return a webhook.

    Raises:
        NotFound: the organization has none of this id.
    """
    row = session.get(Webhook, (session.organization_id, webhook_id))
    if row is None:
        raise NotFound("webhook", webhook_id)
    return row


def all_of_them(session: TenantSession) -> Sequence[Webhook]:
    """Return every webhook, the oldest first."""
    return session.exec(select(Webhook).order_by(col(Webhook.created_at))).all()


def active(session: TenantSession) -> Sequence[Webhook]:
    """Return the webhooks that are told of events."""
    return session.exec(select(Webhook).where(col(Webhook.disabled_at).is_(None))).all()


def message(session: TenantSession, message_id: UUID) -> WebhookMessage:
    """Return a message.

    Raises:
        NotFound: the organization has none of this id.
    """
    row = session.get(WebhookMessage, (session.organization_id, message_id))
    if row is None:
        raise NotFound("message", message_id)
    return row


def messages(
    session: TenantSession,
    webhook_id: UUID,
    *,
    state: str | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[tuple[WebhookMessage, str]]:
    """Return so many of a webhook's messages before the one of an id, the newest first."""
    asked = (
        select(WebhookMessage, Outbox.event)
        .join(Outbox, col(Outbox.id) == WebhookMessage.event_id)
        .where(WebhookMessage.webhook_id == webhook_id)
    )
    if state is not None:
        asked = asked.where(WebhookMessage.state == state)
    if before is not None:
        asked = asked.where(col(WebhookMessage.id) < before)
    return list(session.exec(asked.order_by(col(WebhookMessage.id).desc()).limit(limit)).all())


def waiting(session: TenantSession, webhook_id: UUID) -> Sequence[WebhookMessage]:
    """Return what waits to be sent to a webhook."""
    return session.exec(
        select(WebhookMessage).where(
            WebhookMessage.webhook_id == webhook_id, WebhookMessage.state == "waiting"
        )
    ).all()


def untold(session: TenantSession, *, now: datetime, limit: int) -> Sequence[Outbox]:
    """Return events that nobody was told of yet, the oldest first; locked for this transaction."""
    return session.exec(
        select(Outbox)
        .where(col(Outbox.told_at).is_(None), Outbox.due_at <= now)
        .order_by(col(Outbox.due_at), col(Outbox.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def due(session: TenantSession, *, now: datetime, limit: int) -> Sequence[WebhookMessage]:
    """Return messages to be sent that nobody is sending; locked for this transaction."""
    row = WebhookMessage
    return session.exec(
        select(row)
        .where(row.state == "waiting", row.due_at <= now)
        .where(or_(col(row.lease_until).is_(None), col(row.lease_until) < now))
        .order_by(col(row.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def event(session: TenantSession, event_id: UUID) -> Outbox:
    """Return an event of the outbox."""
    return session.get_one(Outbox, (session.organization_id, event_id))


def feed(session: TenantSession, feed_id: UUID) -> CalendarFeed | None:
    """Return a calendar that still may be read; None if there is none of this id."""
    row = session.get(CalendarFeed, (session.organization_id, feed_id))
    return row if row is not None and row.ended_at is None else None


def feeds(session: TenantSession) -> Sequence[CalendarFeed]:
    """Return the calendars that may be read, the oldest first."""
    return session.exec(
        select(CalendarFeed)
        .where(col(CalendarFeed.ended_at).is_(None))
        .order_by(col(CalendarFeed.created_at))
    ).all()
