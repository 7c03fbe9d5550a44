"""Calendars of due dates for others to subscribe to, and ledgers elsewhere that are read."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service.actions import connections as actions
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.errors import NotFound
from service.exchange import calendar
from service.exchange.ledger_plan import MatchBy
from service.store import items as item_store
from service.store import ledger as ledger_store
from service.store import webhooks as store
from service.tables.exchange import CalendarFeed, LedgerPull
from service.tenancy import TenantSession
from service.throttle import LOOK_UPS, throttled
from service.webhooks import secret_of, told_secret

router = APIRouter(tags=["connections"])
public = APIRouter(tags=["connections"])

CALENDAR = "text/calendar; charset=utf-8"


class FeedRequest(SQLModel):
    """Of which area the due dates are: the first parts of the items' place; none for all."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]

    area: Annotated[str | None, Field(max_length=200)] = None


class FeedAnswer(SQLModel):
    """A calendar; whoever has its address may read it, until it is ended."""

    id: UUID
    area: str | None
    created_at: datetime
    address: str


class PullRequest(SQLModel):
    """A ledger elsewhere that is to be read every so many minutes."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]

    url: Annotated[str, Field(max_length=2000, examples=["https://erp.example.com/ledger.json"])]
    match_by: MatchBy = "asset_number"
    every_minutes: Annotated[int, Field(ge=5, le=10_080)] = 1440


class PullAnswer(SQLModel):
    """A ledger elsewhere, when it was read last and what came of it."""

    id: UUID
    url: str
    match_by: MatchBy
    every_minutes: int
    created_at: datetime
    last_at: datetime | None
    last_answer: str | None


class PullWithSecret(PullAnswer):
    """The same, with the secret that signs our questions: shown now and never again."""

    secret: str


@router.post("/calendar-feeds", status_code=201)
def open_calendar_feed(
    request: Request, session: Transaction, actor: Acting, now: Now, body: FeedRequest
) -> FeedAnswer:
    """Make a calendar of due dates, with a secret address to subscribe to."""
    row = actions.open_feed(session, area=body.area, actor_id=actor.person_id, now=now)
    return feed_answer(request, row)


@router.get("/calendar-feeds")
def list_calendar_feeds(request: Request, session: Reading) -> list[FeedAnswer]:
    """Return the calendars that may be read, with their addresses."""
    return [feed_answer(request, row) for row in store.feeds(session)]


@router.delete("/calendar-feeds/{feed_id}", status_code=204)
def end_calendar_feed(session: Transaction, actor: Acting, now: Now, feed_id: UUID) -> None:
    """Let nobody read a calendar any more; a new one has a new address."""
    actions.end_feed(session, feed_id, actor_id=actor.person_id, now=now)


@router.post("/ledger-pulls", status_code=201)
def open_ledger_pull(
    request: Request, session: Transaction, actor: Acting, now: Now, body: PullRequest
) -> PullWithSecret:
    """Read a ledger elsewhere from now on; its answer is a JSON object with `items`."""
    row = actions.open_pull(
        session, body.url, match_by=body.match_by, every_minutes=body.every_minutes,
        network=request.app.state.network, actor_id=actor.person_id, now=now,
    )  # fmt: skip
    secret = told_secret(secret_of(request.app.state.keys, "pull", row.id, 1))
    return PullWithSecret(**pull_answer(row).model_dump(), secret=secret)


@router.get("/ledger-pulls")
def list_ledger_pulls(session: Reading) -> list[PullAnswer]:
    """Return the ledgers elsewhere that are read, the oldest first."""
    return [pull_answer(row) for row in ledger_store.pulls(session)]


@router.delete("/ledger-pulls/{pull_id}", status_code=204)
def end_ledger_pull(session: Transaction, actor: Acting, now: Now, pull_id: UUID) -> None:
    """Read a ledger elsewhere no more."""
    actions.end_pull(session, pull_id, actor_id=actor.person_id, now=now)


@public.get(
    "/calendar/{token}.ics",
    response_class=Response,
    dependencies=[throttled("calendar", LOOK_UPS)],
    responses={200: {"content": {"text/calendar": {}}}},
)
def get_calendar(
    request: Request, now: Now, today: Today, token: str, lang: Literal["zh", "en"] = "zh"
) -> Response:
    """Return the calendar of this secret address: what is due, one event a day and area."""
    state = request.app.state
    organization_id, feed_id = calendar.read_token(state.keys, token)
    with TenantSession(state.engine, organization_id, read_only=True) as session:
        feed = store.feed(session, feed_id)
        if feed is None:
            raise NotFound("calendar", "of this address")
        due = item_store.due_between(
            session, today - calendar.BEHIND, today + calendar.AHEAD, area=feed.area
        )
        named = [
            (day, area, f"{zh if lang == 'zh' else en} {serial}")
            for day, area, zh, en, serial in due
        ]
    content = calendar.write_calendar(named, feed_id=feed_id, language=lang, now=now)
    return Response(
        content, media_type=CALENDAR, headers={"Cache-Control": "private, max-age=3600"}
    )


def feed_answer(request: Request, row: CalendarFeed) -> FeedAnswer:
    """Return what is told of a calendar."""
    state = request.app.state
    token = calendar.token_of(state.keys, row.organization_id, row.id)
    address = f"{state.settings.public_url}/calendar/{token}.ics"
    return FeedAnswer.model_validate(row, update={"address": address}, from_attributes=True)


def pull_answer(row: LedgerPull) -> PullAnswer:
    """Return what is told of a ledger elsewhere."""
    told = {"match_by": row.settings["match_by"]}
    return PullAnswer.model_validate(row, update=told, from_attributes=True)
