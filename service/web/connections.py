"""The connections of an organization: webhooks, calendars, ledgers elsewhere."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from service import permissions
from service.actions import connections as actions
from service.actions import webhooks as webhook_actions
from service.auth import Acting, Reading, Transaction
from service.clock import Now, day_of
from service.errors import InvalidField
from service.exchange import calendar
from service.exchange.ledger_plan import MatchBy
from service.lookup import LookupKeys
from service.store import ledger as ledger_store
from service.store import webhooks as store
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.webhooks import secret_of, told_secret

router = APIRouter(include_in_schema=False)

MESSAGES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """One telling of an event."""

    message_id: UUID
    event: str
    state: str
    attempts: int
    last_answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """An address that is told of events, with what it was told last."""

    webhook_id: UUID
    url: str
    events: str
    disabled: bool
    reason: str
    messages: tuple[MessageRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A calendar."""

    feed_id: UUID
    area: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRow:
    """A ledger elsewhere."""

    pull_id: UUID
    url: str
    every_minutes: int
    last_on: date | None
    last_answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsPage:
    """All connections; `secret` is shown once, `wrong` is the field that was refused."""

    webhooks: tuple[WebhookRow, ...]
    feeds: tuple[FeedRow, ...]
    pulls: tuple[PullRow, ...]
    may_change: bool
    secret: str | None = None
    wrong: str | None = None


TEMPLATES[ConnectionsPage] = "connections.html"


def _page(
    request: Request,
    session: TenantSession,
    actor: Acting,
    *,
    secret: str | None = None,
    wrong: str | None = None,
) -> HTMLResponse:
    keys: LookupKeys = request.app.state.keys
    public_url = request.app.state.settings.public_url
    page = ConnectionsPage(
        webhooks=tuple(
            WebhookRow(
                webhook_id=row.id,
                url=row.url,
                events=", ".join(row.events),
                disabled=row.disabled_at is not None,
                reason=row.disabled_reason or "",
                messages=tuple(
                    MessageRow(
                        message_id=message.id,
                        event=event,
                        state=message.state,
                        attempts=message.attempts,
                        last_answer=message.last_answer or "",
                    )
                    for message, event in store.messages(session, row.id, limit=MESSAGES_SHOWN)
                ),
            )
            for row in store.all_of_them(session)
        ),
        feeds=tuple(
            FeedRow(
                feed_id=row.id,
                area=row.area or "",
                address=f"{public_url}/calendar/"
                f"{calendar.token_of(keys, row.organization_id, row.id)}.ics",
            )
            for row in store.feeds(session)
        ),
        pulls=tuple(
            PullRow(
                pull_id=row.id,
                url=row.url,
                every_minutes=row.every_minutes,
                last_on=day_of(row.last_at) if row.last_at else None,
                last_answer=row.last_answer or "",
            )
            for row in ledger_store.pulls(session)
        ),
        may_change=permissions.needed("POST", "connections") in actor.allowed,
        secret=secret,
        wrong=wrong,
    )
    return render_page(request, page, status=422 if wrong else 200)


@router.get(addresses.CONNECTIONS_ROUTE)
def show_connections(request: Request, session: Reading, actor: Acting) -> HTMLResponse:
    """Show who is told of what, who reads due dates, and which ledgers are read."""
    return _page(request, session, actor)


@router.post(addresses.CONNECTIONS_ROUTE + "/webhooks")
def register(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    url: Annotated[str, Form(max_length=2000)],
    events: Annotated[str, Form(max_length=1000)] = "*",
) -> HTMLResponse:
    """Let an address be told of events, and show its secret once."""
    try:
        row = webhook_actions.register(
            session, url.strip(), events.replace(",", " ").split(),
            network=request.app.state.network, actor_id=actor.person_id, now=now,
        )  # fmt: skip
    except InvalidField as error:
        return _page(request, session, actor, wrong=error.pointer)
    secret = told_secret(secret_of(request.app.state.keys, "webhook", row.id, row.generation))
    return _page(request, session, actor, secret=secret)


@router.post(addresses.CONNECTIONS_ROUTE + "/webhooks/{webhook_id}/{step}")
def change_webhook(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    webhook_id: UUID,
    step: Literal["test", "rotate", "disable", "enable"],
) -> HTMLResponse:
    """Test a webhook, give it a new secret, or let it rest."""
    by, secret = actor.person_id, None
    if step == "test":
        webhook_actions.send_test(session, webhook_id, actor_id=by, now=now)
    elif step == "disable":
        webhook_actions.disable(session, webhook_id, reason="disabled here", actor_id=by, now=now)
    elif step == "enable":
        webhook_actions.enable(session, webhook_id, actor_id=by, now=now)
    else:
        row = webhook_actions.rotate(session, webhook_id, actor_id=by, now=now)
        secret = told_secret(secret_of(request.app.state.keys, "webhook", row.id, row.generation))
    session.flush()
    return _page(request, session, actor, secret=secret)


@router.post(addresses.CONNECTIONS_ROUTE + "/messages/{message_id}/replay")
def replay(session: Transaction, actor: Acting, now: Now, message_id: UUID) -> RedirectResponse:
    """Send a message again."""
    webhook_actions.replay(session, message_id, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.CONNECTIONS_ROUTE, 303)


@router.post(addresses.CONNECTIONS_ROUTE + "/calendars")
def open_calendar(
    session: Transaction, actor: Acting, now: Now, area: Annotated[str, Form(max_length=200)] = ""
) -> RedirectResponse:
    """Make a calendar of due dates."""
    actions.open_feed(session, area=area.strip() or None, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.CONNECTIONS_ROUTE, 303)


@router.post(addresses.CONNECTIONS_ROUTE + "/calendars/{feed_id}/end")
def end_calendar(session: Transaction, actor: Acting, now: Now, feed_id: UUID) -> RedirectResponse:
    """Let nobody read a calendar any more."""
    actions.end_feed(session, feed_id, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.CONNECTIONS_ROUTE, 303)


@router.post(addresses.CONNECTIONS_ROUTE + "/pulls")
def open_pull(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    url: Annotated[str, Form(max_length=2000)],
    match_by: Annotated[MatchBy, Form()] = "asset_number",
    every_minutes: Annotated[int, Form()] = 1440,
) -> HTMLResponse:
    """Read a ledger elsewhere from now on, and show the secret once."""
    try:
        row = actions.open_pull(
            session, url.strip(), match_by=match_by, every_minutes=every_minutes,
            network=request.app.state.network, actor_id=actor.person_id, now=now,
        )  # fmt: skip
    except InvalidField as error:
        return _page(request, session, actor, wrong=error.pointer)
    secret = told_secret(secret_of(request.app.state.keys, "pull", row.id, 1))
    return _page(request, session, actor, secret=secret)


@router.post(addresses.CONNECTIONS_ROUTE + "/pulls/{pull_id}/end")
def end_pull(session: Transaction, actor: Acting, now: Now, pull_id: UUID) -> RedirectResponse:
    """Read a ledger elsewhere no more."""
    actions.end_pull(session, pull_id, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.CONNECTIONS_ROUTE, 303)
