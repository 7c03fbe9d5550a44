"""Webhooks: who is told of what, and how far each telling is."""

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from service import audit
from service.errors import AlreadyThere, InvalidField
from service.network import Network, require_reachable
from service.outbox import EVENT_NAME
from service.store import webhooks as store
from service.tables.exchange import Webhook, WebhookMessage
from service.tables.operations import Outbox
from service.tenancy import TenantSession
from service.webhooks import BOTH_COUNT, listens, next_attempt

MOST_WEBHOOKS: Final = 20  # of one organization
TEST_EVENT: Final = "webhook.tested"
GONE: Final = 410


def register(
    session: TenantSession,
    url: str,
    events: Sequence[str],
    *,
    network: Network,
    actor_id: UUID,
    now: datetime,
) -> Webhook:
    """Let an address be told of events.

    Args:
        events: names, `thing.*`, or `*` for all.

    Raises:
        InvalidField: an address that we do not knock at, or no name of an event.
        AlreadyThere: there are as many webhooks as an organization may have.
    """
    require_reachable(url, admitted=network.admitted)
    for position, name in enumerate(events):
        if name != "*" and not EVENT_NAME.fullmatch(name.replace(".*", ".any")):
            raise InvalidField(f"/events/{position}", "a name like certificate.issued, thing.*, *")
    if not events:
        raise InvalidField("/events", "name at least one event, or *")
    if len(store.active(session)) >= MOST_WEBHOOKS:
        raise AlreadyThere(f"an organization has at most {MOST_WEBHOOKS} webhooks")
    row = Webhook(
        organization_id=session.organization_id,
        url=url,
        events=list(events),
        created_by=actor_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, "webhook.registered", row.id, actor_id=actor_id, now=now, said={"url": url}
    )
    return row


def rotate(session: TenantSession, webhook_id: UUID, *, actor_id: UUID, now: datetime) -> Webhook:
    """Give a webhook a new secret; for a day the former one signs beside it."""
    row = store.get(session, webhook_id)
    row.generation, row.former_until = row.generation + 1, now + BOTH_COUNT
    audit.record(session, "webhook.secret_rotated", row.id, actor_id=actor_id, now=now)
    return row


def enable(session: TenantSession, webhook_id: UUID, *, actor_id: UUID, now: datetime) -> Webhook:
    """Tell a webhook of events again."""
    row = store.get(session, webhook_id)
    if row.disabled_at is not None:
        row.disabled_at = row.disabled_reason = None
        audit.record(session, "webhook.enabled", row.id, actor_id=actor_id, now=now)
    return row


def disable(
    session: TenantSession, webhook_id: UUID, *, reason: str, actor_id: UUID, now: datetime
) -> Webhook:
    """Tell a webhook nothing more; what waits for it is dead until somebody replays it."""
    row = store.get(session, webhook_id)
    if row.disabled_at is None:
        row.disabled_at, row.disabled_reason = now, reason
        for message in store.waiting(session, webhook_id):
            message.state, message.finished_at, message.last_answer = "dead", now, reason
        audit.record(
            session, "webhook.disabled", row.id, actor_id=actor_id, now=now, said={"reason": reason}
        )
    return row


def send_test(
    session: TenantSession, webhook_id: UUID, *, actor_id: UUID, now: datetime
) -> WebhookMessage:
    """Tell one webhook that it is tested."""
    row = store.get(session, webhook_id)
    event = Outbox(
        organization_id=session.organization_id,
        event=TEST_EVENT,
        content={"webhook_id": str(row.id), "asked_by": str(actor_id)},
        due_at=now,
        told_at=now,
    )
    session.add(event)
    session.flush()
    return _message(session, row.id, event.id, now=now)


def replay(
    session: TenantSession, message_id: UUID, *, actor_id: UUID, now: datetime
) -> WebhookMessage:
    """Send a message again, under the same id.

    Raises:
        AlreadyThere: it still waits to be sent.
    """
    row = store.message(session, message_id)
    if row.state == "waiting":
        raise AlreadyThere(f"message {message_id} waits to be sent")
    row.state, row.due_at, row.attempts, row.finished_at = "waiting", now, 0, None
    audit.record(session, "webhook.replayed", row.id, actor_id=actor_id, now=now)
    return row


def hand_on(session: TenantSession, *, now: datetime, limit: int) -> int:
    """Make a message of each event for each webhook that listens; return how many events."""
    events = store.untold(session, now=now, limit=limit)
    listeners = store.active(session) if events else []
    for event in events:
        for webhook in listeners:
            if listens(webhook.events, event.event):
                _message(session, webhook.id, event.id, now=now)
        event.told_at = now
    return len(events)


def settle(
    session: TenantSession,
    message_id: UUID,
    *,
    status: int | None,
    told: str,
    now: datetime,
    random: Random,
) -> None:
    """Note how an attempt went: 2xx is delivered, 410 ends the webhook, all else is tried again.

    Args:
        status: None where nobody answered.
        told: what to keep of it.
    """
    row = store.message(session, message_id)
    row.attempts, row.lease_until, row.last_answer = row.attempts + 1, None, told[:200]
    again = next_attempt(row.attempts, now=now, random=random)
    if status is not None and 200 <= status < 300:
        row.state, row.finished_at = "delivered", now
    elif status == GONE:
        row.state, row.finished_at = "dead", now
        webhook = store.get(session, row.webhook_id)
        disable(
            session, webhook.id, reason="answered 410 Gone", actor_id=webhook.created_by, now=now
        )
    elif again is None:
        row.state, row.finished_at = "dead", now
    else:
        row.due_at = again


def _message(
    session: TenantSession, webhook_id: UUID, event_id: UUID, *, now: datetime
) -> WebhookMessage:
    row = WebhookMessage(
        organization_id=session.organization_id,
        id=uuid7(),
        webhook_id=webhook_id,
        event_id=event_id,
        state="waiting",
        due_at=now,
    )
    session.add(row)
    return row
