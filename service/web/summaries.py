"""The page of sums over organizations, and of what the own one stated."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from service import permissions, summaries
from service.actions import summaries as actions
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.store import summaries as store
from service.store.summaries import STATES
from service.summaries import Summary
from service.suppression import FEWEST
from service.web import addresses
from service.web.frame import TEMPLATES, render_page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummariesPage:
    """The sums of a month; None: there are none of any month yet."""

    periods: tuple[str, ...]
    summary: Summary | None
    states: tuple[str, ...]
    fewest: int
    stated: tuple[tuple[str, datetime], ...]
    may_state: bool


TEMPLATES[SummariesPage] = "summaries.html"


@router.get(addresses.SUMMARIES_ROUTE)
def show_summaries(
    request: Request,
    session: Reading,
    actor: Acting,
    today: Today,
    period: Annotated[str, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] | None = None,
) -> HTMLResponse:
    """Show the sums of a month, of the newest one if none is asked for."""
    engine = request.app.state.engine
    periods = summaries.periods(engine, today=today)
    asked = period or next(iter(periods), None)
    page = SummariesPage(
        periods=tuple(periods),
        summary=summaries.summary(engine, asked, today=today) if asked else None,
        states=STATES,
        fewest=FEWEST,
        stated=tuple((row.period, row.stated_at) for row in store.own(session)),
        may_state=permissions.needed("POST", "summaries") in actor.allowed,
    )
    return render_page(request, page)


@router.post(addresses.SUMMARIES_ROUTE)
def state_summary(session: Transaction, actor: Acting, now: Now) -> RedirectResponse:
    """State the own counts of the month that is running."""
    actions.state(session, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.SUMMARIES_ROUTE, 303)
