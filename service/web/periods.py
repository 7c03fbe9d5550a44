"""The periods that the organization set: what holds, what held before, and a form for the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service import permissions
from service.actions import schedule as actions
from service.auth import Acting, Actor, Reading, Transaction
from service.clock import Now, day_of
from service.errors import InvalidField, NotFound
from service.store import items as item_store
from service.store import schedule as store
from service.tables.schedule import ACTIVITIES
from service.tenancy import TenantSession
from service.web import addresses
from service.web import typed as typed_as
from service.web.frame import TEMPLATES, render_page
from service.web.ledger import LEVELS
from service.web.loading import bilingual
from service.web.reasons import Told, told
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

RULES = ("organization", "item_type", "criticality", "item")
LONGEST_MONTHS = 1200
Text = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRow:
    """A period: for what, how long, by which source; `holds` until one like it is newer.

    Attributes:
        item: the name, where it is one item's.
        months, usage: neither where the period was ended.
    """

    activity: str
    rule: str
    subject: str
    item: tuple[UUID, Bilingual] | None
    months: int | None
    usage: str
    source: str
    set_on: date
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodsPage:
    """The periods, those that hold first.

    Attributes:
        typed: what was typed into the form that was refused.
    """

    rows: tuple[PeriodRow, ...]
    types: tuple[str, ...]
    may_change: bool
    typed: Mapping[str, str] = field(default_factory=dict)
    refused: Told | None = None
    activities: tuple[str, ...] = ACTIVITIES
    rules: tuple[str, ...] = RULES
    levels: tuple[str, ...] = LEVELS


TEMPLATES[PeriodsPage] = "periods.html"


@router.get(addresses.PERIODS_ROUTE)
def show_periods(
    request: Request, session: Reading, actor: Acting, item: UUID | None = None
) -> HTMLResponse:
    """Show the periods; the form is for one item where the page was opened from it."""
    typed = {"rule": "item", "subject": str(item)} if item else {}
    return _page(request, session, actor, typed)


@router.post(addresses.PERIODS_ROUTE)
def set_period(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    *,
    activity: Text = "",
    rule: Text = "",
    subject: Text = "",
    months: Text = "",
    usage_limit: Text = "",
    usage_unit: Text = "",
    source: Text = "",
) -> Response:
    """Set a period; one without months and without a limit of use ends the one before."""
    typed = {
        "activity": activity, "rule": rule, "subject": subject, "months": months,
        "usage_limit": usage_limit, "usage_unit": usage_unit, "source": source,
    }  # fmt: skip
    try:
        actions.set_period(
            session,
            activity=_one_of("activity", activity, ACTIVITIES),
            rule=_one_of("rule", rule, RULES),
            subject=subject.strip(),
            months=_months(months),
            usage_limit=_above_zero(typed_as.number("usage_limit", usage_limit)),
            usage_unit=usage_unit.strip() or None,
            source=_present(source),
            actor_id=actor.person_id,
            now=now,
        )
    except (InvalidField, NotFound) as error:
        return _page(request, session, actor, typed, refused=error)
    return RedirectResponse(addresses.PERIODS_ROUTE, 303)


def _one_of(name: str, text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise InvalidField(f"/{name}", f"one of {', '.join(known)}")
    return text


def _months(text: str) -> int | None:
    months = typed_as.number("months", text)
    if months is not None and not (months.is_integer() and 1 <= months <= LONGEST_MONTHS):
        raise InvalidField("/months", f"whole months from 1 to {LONGEST_MONTHS}")
    return None if months is None else int(months)


def _above_zero(limit: float | None) -> float | None:
    if limit is not None and not limit > 0:
        raise InvalidField("/usage_limit", "is not above 0")
    return limit


def _present(text: str) -> str:
    if not text.strip():
        raise InvalidField("/source", "is missing")
    return text.strip()


def _page(
    request: Request,
    session: TenantSession,
    actor: Actor,
    typed: Mapping[str, str],
    *,
    refused: Exception | None = None,
) -> HTMLResponse:
    rows = store.periods(session)
    newest = {row.id for row in store.policies(session)}
    ids = [UUID(row.subject) for row in rows if row.rule == "item"]
    items = item_store.by_ids(session, ids)
    told_rows = [
        PeriodRow(
            activity=row.activity,
            rule=row.rule,
            subject=row.subject,
            item=(UUID(row.subject), bilingual(items[UUID(row.subject)], "name"))
            if row.rule == "item"
            else None,
            months=row.months,
            usage=f"{row.usage_limit:g} {row.usage_unit}" if row.usage_limit else "",
            source=row.source,
            set_on=day_of(row.recorded_at),
            holds=row.id in newest and (row.months is not None or row.usage_limit is not None),
        )
        for row in rows
    ]
    page = PeriodsPage(
        rows=tuple(sorted(told_rows, key=lambda row: not row.holds)),
        types=tuple(item_store.types(session)),
        may_change=permissions.needed("POST", "due") in actor.allowed,
        typed=typed,
        refused=told(refused) if refused else None,
    )
    return render_page(request, page, status=422 if refused else 200)
