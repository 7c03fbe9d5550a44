"""Webhooks: who is told of events, and how far each telling is (Standard Webhooks 1.0)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service.actions import webhooks as actions
from service.api.paging import FORMS, Asked, answered
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.lookup import LookupKeys
from service.store import webhooks as store
from service.tables.exchange import Webhook, WebhookMessage
from service.webhooks import secret_of, told_secret

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


class WebhookRequest(SQLModel):
    """An address that is to be told of events: names, `thing.*`, or `*` for all."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]

    url: Annotated[str, Field(max_length=2000, examples=["https://erp.example.com/hooks/suyuan"])]
    events: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(min_length=1, max_length=50, examples=[["certificate.*", "ledger.imported"]]),
    ]


class WebhookAnswer(SQLModel):
    """An address that is told of events."""

    id: UUID
    url: str
    events: list[str]
    created_at: datetime
    former_secret_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None


class WebhookWithSecret(WebhookAnswer):
    """The same, with the secret that signs: shown now and never again."""

    secret: str


class MessageAnswer(SQLModel):
    """One event on its way to one address; `dead` after the last attempt, until it is replayed."""

    id: UUID
    event_id: UUID
    event: str
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    due_at: datetime
    last_answer: str | None
    finished_at: datetime | None


@router.post("", status_code=201)
def register_webhook(
    request: Request, session: Transaction, actor: Acting, now: Now, body: WebhookRequest
) -> WebhookWithSecret:
    """Let an https address be told of events; the answer shows the secret that signs, once."""
    row = actions.register(
        session, body.url, body.events, network=request.app.state.network,
        actor_id=actor.person_id, now=now,
    )  # fmt: skip
    return with_secret(row, request.app.state.keys)


@router.get("")
def list_webhooks(session: Reading) -> list[WebhookAnswer]:
    """Return the addresses that are told of events, the oldest first."""
    return [webhook_answer(row) for row in store.all_of_them(session)]


@router.get("/{webhook_id}")
def get_webhook(session: Reading, webhook_id: UUID) -> WebhookAnswer:
    """Return an address that is told of events."""
    return webhook_answer(store.get(session, webhook_id))


@router.delete("/{webhook_id}")
def disable_webhook(
    session: Transaction, actor: Acting, now: Now, webhook_id: UUID
) -> WebhookAnswer:
    """Tell an address nothing more; what was told it stays on record."""
    row = actions.disable(
        session, webhook_id, reason="disabled here", actor_id=actor.person_id, now=now
    )
    return webhook_answer(row)


@router.put("/{webhook_id}/activity")
def enable_webhook(
    session: Transaction, actor: Acting, now: Now, webhook_id: UUID
) -> WebhookAnswer:
    """Tell an address of events again."""
    return webhook_answer(actions.enable(session, webhook_id, actor_id=actor.person_id, now=now))


@router.post("/{webhook_id}/rotations", status_code=201)
def rotate_webhook_secret(
    request: Request, session: Transaction, actor: Acting, now: Now, webhook_id: UUID
) -> WebhookWithSecret:
    """Make a new secret, shown once; for 24 hours the former one signs beside it."""
    row = actions.rotate(session, webhook_id, actor_id=actor.person_id, now=now)
    return with_secret(row, request.app.state.keys)


@router.post("/{webhook_id}/tests", status_code=201)
def test_webhook(session: Transaction, actor: Acting, now: Now, webhook_id: UUID) -> MessageAnswer:
    """Send the event `webhook.tested` to this address alone."""
    row = actions.send_test(session, webhook_id, actor_id=actor.person_id, now=now)
    session.flush()
    return message_answer(row, actions.TEST_EVENT)


@router.get("/{webhook_id}/messages", response_model=list[MessageAnswer], responses=FORMS)
def list_webhook_messages(
    request: Request,
    session: Reading,
    page: Asked,
    webhook_id: UUID,
    state: Literal["waiting", "delivered", "dead"] | None = None,
) -> Response:
    """Return what this address was told or is to be told, the newest first, a page at a time."""
    store.get(session, webhook_id)

    def told(before: UUID | None, limit: int) -> list[MessageAnswer]:
        rows = store.messages(session, webhook_id, state=state, before=before, limit=limit)
        return [message_answer(row, event) for row, event in rows]

    return answered(request, session, page, told, MessageAnswer)


@router.post("/{webhook_id}/messages/{message_id}/replays", status_code=201)
def replay_webhook_message(
    session: Transaction, actor: Acting, now: Now, webhook_id: UUID, message_id: UUID
) -> MessageAnswer:
    """Send a message again, under the same id, so that the receiver can tell."""
    store.get(session, webhook_id)
    row = actions.replay(session, message_id, actor_id=actor.person_id, now=now)
    return message_answer(row, store.event(session, row.event_id).event)


def webhook_answer(row: Webhook) -> WebhookAnswer:
    """Return what is told of a webhook."""
    return WebhookAnswer.model_validate(
        row, update={"former_secret_until": row.former_until}, from_attributes=True
    )


def with_secret(row: Webhook, keys: LookupKeys) -> WebhookWithSecret:
    """Return a webhook with its secret."""
    secret = told_secret(secret_of(keys, "webhook", row.id, row.generation))
    return WebhookWithSecret(**webhook_answer(row).model_dump(), secret=secret)


def message_answer(row: WebhookMessage, event: str) -> MessageAnswer:
    """Return what is told of a message."""
    return MessageAnswer.model_validate(row, update={"event": event}, from_attributes=True)
