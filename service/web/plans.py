"""Plans as pages: the board of weeks and items, why an item has its week, what a laboratory can do.

Everything works by forms: a move is priced on its page and checked before it is kept.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from service import permissions, plans
from service.actions import plans as actions
from service.auth import Acting, Actor, Reading
from service.clock import Now, Today, day_of
from service.errors import InvalidField, NotFound, ServiceError
from service.exchange.plan_files import PlannedItem
from service.planning import under_way
from service.planning_settings import PlanningSettings, PlanPrices, monday_of
from service.plans import KeptPlan
from service.store import items as item_store
from service.store import organizations as organization_store
from service.store import people as people_store
from service.store import plans as store
from service.store import sites as site_store
from service.tables.operations import Job
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.loading import ROWS_A_PAGE, bilingual
from service.web.plan_drawing import LoadPlot, draw_load
from service.web.reasons import Told, told, told_problem
from service.web.views import Bilingual
from traceability.errors import TraceabilityError
from traceability.planning.explanation import WeekCost

router = APIRouter(include_in_schema=False)

SETTINGS_ROUTE = addresses.PLANS_ROUTE + "/settings"
SHOWN_WEEKS = 13
T = TypeVar("T")
Typed = Mapping[str, list[str]]  # what a form sends, by name
Text = Annotated[str, Form(max_length=500)]
TERMS = ("overdue", "early", "downtime", "moved", "trip", "hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFilter:
    """What of a plan is asked for; `week` is a Monday, or `none` for what has no week."""

    plan_id: UUID | None = None
    text: str = ""
    site: str = ""
    discipline: str = ""
    week: str = ""
    first: int = 0
    page: int = 1

    def address(self, **changes: Any) -> str:
        """Return where the board is with some of it asked otherwise."""
        asked = replace(self, **({"page": 1} | changes))
        query = {
            "q": asked.text,
            "site": asked.site,
            "discipline": asked.discipline,
            "week": asked.week,
            "first": str(asked.first) if asked.first else "",
            "page": str(asked.page) if asked.page > 1 else "",
        }
        given = {name: value for name, value in query.items() if value}
        path = addresses.plan(asked.plan_id) if asked.plan_id else addresses.PLANS_ROUTE
        return path + (f"?{urlencode(given)}" if given else "")

    def takes(self, row: PlannedItem) -> bool:
        """Return whether an item is asked for."""
        names = (row.name_zh, row.name_en, row.serial_number, row.asset_number or "")
        week = "none" if row.week_on is None else str(row.week_on)
        return (
            self.text.casefold() in "\n".join(names).casefold()
            and self.site in ("", row.planned.site)
            and self.discipline in ("", row.planned.discipline)
            and self.week in ("", week)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRow:
    """One item of the board."""

    item_id: UUID
    activity: str
    name: Bilingual
    serial_number: str
    asset_number: str | None
    site: str
    discipline: str
    hours: Decimal
    valid_until: date
    week_on: date | None
    is_late: bool
    is_mandatory: bool
    is_frozen: bool
    is_under_way: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRow:
    """Items that cannot all be placed, and the cheapest way out."""

    shortage: str
    items: tuple[Bilingual, ...]
    disciplines: str
    first_on: date
    last_on: date
    need: Decimal
    have: Decimal
    way: str | None
    way_hours: Decimal
    way_cost: Decimal | None
    person: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFigures:
    """What a plan costs and leaves, beside the call-off list; `terms` by what they are paid for."""

    cost: Decimal
    call_off_cost: Decimal
    bound: Decimal | None
    placed: int
    unplaced: int
    trips: int
    call_off_trips: int
    overdue_weeks: int
    call_off_overdue_weeks: int
    terms: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """A plan that is being made, or could not be."""

    job_id: UUID
    progress: int
    is_cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPage:
    """A plan on its weeks; without a plan only what there is to do first."""

    on: date
    may_change: bool
    has_settings: bool
    making: Making | None
    failure: str | None
    plan_id: UUID | None = None
    is_in_force: bool = False
    is_moved: bool = False
    is_complete: bool = True
    made_at: datetime | None = None
    begins_on: date | None = None
    weeks: int = 0
    frozen_until: date | None = None
    method: str = ""
    figures: PlanFigures | None = None
    plot: LoadPlot | None = None
    filter: BoardFilter = field(default_factory=BoardFilter)
    sites: tuple[str, ...] = ()
    disciplines: tuple[str, ...] = ()
    mondays: tuple[date, ...] = ()
    rows: tuple[PlacedRow, ...] = ()
    matching: int = 0
    pages: int = 1
    conflicts: tuple[ConflictRow, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    laboratories: tuple[tuple[UUID, Bilingual], ...] = ()
    other_plans: tuple[tuple[UUID, datetime, bool], ...] = ()
    chosen: frozenset[str] = frozenset()
    wrong: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekRow:
    """What one week would cost an item, and how much more than the one it has."""

    week_on: date
    terms: tuple[Decimal, ...]
    total: Decimal
    more: Decimal | None
    has_room: bool
    is_chosen: bool
    is_runner_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyPage:
    """Why an item has its week; `differences` are the terms in which the runner-up differs."""

    plan_id: UUID
    row: PlacedRow
    weeks: tuple[WeekRow, ...]
    runner_up: date | None
    differences: tuple[tuple[str, Decimal], ...]
    may_change: bool
    reason: str = ""
    week_on: str = ""
    wrong: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage:
    """What the laboratory can do, as typed: each table as rows of texts, with some to spare."""

    plain: Mapping[str, str]
    tables: Mapping[str, tuple[tuple[str, ...], ...]]
    people: tuple[tuple[UUID, Bilingual], ...]
    places: tuple[str, ...]
    quantities: tuple[str, ...]
    may_change: bool
    said_at: datetime | None
    remarks: tuple[tuple[str, str], ...] = ()
    wrong: tuple[tuple[str, Told], ...] = ()


TEMPLATES[BoardPage] = "plan_board.html"
TEMPLATES[WhyPage] = "plan_why.html"
TEMPLATES[SettingsPage] = "plan_settings.html"


# --- What the laboratory can do ------------------------------------------------------------------

PLAIN = ("weeks", "frozen_weeks", "max_weeks_early", "max_weeks_late")
PRICES = tuple(PlanPrices.model_fields)
TABLES: Mapping[str, tuple[str, ...]] = {  # of the page: the columns of each, as they are sent
    "disciplines": ("name", "quantities", "hours_per_week", "hours_per_item", "fee"),
    "absences": ("discipline", "first", "last", "hours_per_week", "reason"),
    "persons": ("person_id", "disciplines", "hours_per_week"),
    "leave": ("person_id", "first", "last", "reason"),
    "sites": ("name", "downtime_cost"),
    "shutdowns": ("site", "first", "last", "reason"),
}
SPARE_ROWS = 2


@router.get(SETTINGS_ROUTE)
def show_settings(request: Request, session: Reading, actor: Acting, today: Today) -> HTMLResponse:
    """Show what the laboratory can do, as it was said last, or as the ledger suggests it."""
    record = store.settings(session)
    sites = site_store.by_name(session, on=today)
    if record is None:
        return render_page(request, _settings_page(session, actor, _suggested(session), sites))
    settings = PlanningSettings.model_validate(record.content)
    page = _settings_page(session, actor, _typed(settings), sites)
    remarks = tuple(settings.remarks(on=today, sites=sites))
    return render_page(request, replace(page, said_at=record.recorded_at, remarks=remarks))


@router.post(SETTINGS_ROUTE)
async def say_settings(request: Request, actor: Acting, now: Now) -> Response:
    """Keep what was typed and go to the board, or show it again with what is wrong."""
    form = await request.form()
    typed = {name: [str(one) for one in form.getlist(name)] for name in form}
    return await run_in_threadpool(_say, request, actor, now, typed)


def _say(request: Request, actor: Actor, now: datetime, typed: Typed) -> Response:
    wrong: tuple[tuple[str, Told], ...] = ()
    try:
        settings = PlanningSettings.model_validate(_read(typed))
        engine = request.app.state.engine
        with TenantSession(engine, actor.organization_id) as session, session.begin():
            actions.say_settings(
                session, settings, reason=_one(typed, "reason"), actor_id=actor.person_id, now=now
            )
        return RedirectResponse(addresses.PLANS_ROUTE, 303)
    except ValidationError as error:
        wrong = tuple(
            ("/".join(map(str, one["loc"])), told_problem(one["msg"])) for one in error.errors()
        )
    except InvalidField as error:
        wrong = ((error.pointer.removeprefix("/settings/"), told_problem(error.reason)),)
    with _reading(request, actor) as session:
        sites = site_store.by_name(session, on=day_of(now))
        page = replace(_settings_page(session, actor, typed, sites), wrong=wrong)
        return render_page(request, page, status=422)


def _read(typed: Typed) -> dict[str, Any]:
    """Return the document that a form says; what is left blank is not said."""
    rows = {name: list(_rows(typed, name, columns)) for name, columns in TABLES.items()}
    return {
        **{name: value for name in PLAIN if (value := _one(typed, name))},
        "prices": {name: value for name in PRICES if (value := _one(typed, f"prices.{name}"))},
        "disciplines": [
            _said(row) | {
                "quantities": _split(row["quantities"]),
                "absences": [_said(a, "discipline") for a in rows["absences"]
                             if a["discipline"] == row["name"]],
            }
            for row in rows["disciplines"]
        ],
        "persons": [
            _said(row) | {
                "disciplines": _split(row["disciplines"]) or None,
                "leave": [_said(one, "person_id") for one in rows["leave"]
                          if one["person_id"] == row["person_id"]],
            }
            for row in rows["persons"] if row["disciplines"] or row["hours_per_week"]
        ],
        "sites": [
            _said(row) | {
                "shutdowns": [_said(one, "site") for one in rows["shutdowns"]
                              if one["site"] == row["name"]],
            }
            for row in rows["sites"]
        ],
    }  # fmt: skip


def _rows(typed: Typed, table: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a table in which something was typed."""
    sent = [typed.get(f"{table}.{column}", []) for column in columns]
    for values in zip(*sent, strict=False):
        if any(value.strip() for value in values[:1]):
            yield dict(zip(columns, (value.strip() for value in values), strict=True))


def _said(row: Mapping[str, str], *but: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value and name not in but}


def _split(text: str) -> list[str]:
    return [part.strip() for part in re.split("[,，、;；]", text) if part.strip()]


def _one(typed: Typed, name: str) -> str:
    return next(iter(typed.get(name, [])), "").strip()


def _typed(settings: PlanningSettings) -> Typed:
    """Return a document as a form would send it."""
    told: dict[str, list[str]] = {name: [str(getattr(settings, name))] for name in PLAIN}
    told |= {f"prices.{name}": [f"{getattr(settings.prices, name):g}"] for name in PRICES}
    rows: dict[str, list[tuple[str, ...]]] = {
        "disciplines": [
            (d.name, ", ".join(d.quantities), f"{d.hours_per_week:g}", f"{d.hours_per_item:g}",
             f"{d.fee:g}")
            for d in settings.disciplines
        ],
        "absences": [
            (d.name, str(a.first), str(a.last), f"{a.hours_per_week:g}", a.reason)
            for d in settings.disciplines for a in d.absences
        ],
        "persons": [
            (str(p.person_id), ", ".join(p.disciplines or ()), f"{p.hours_per_week:g}")
            for p in settings.persons
        ],
        "leave": [
            (str(p.person_id), str(one.first), str(one.last), one.reason)
            for p in settings.persons for one in p.leave
        ],
        "sites": [(s.name, f"{s.downtime_cost:g}") for s in settings.sites],
        "shutdowns": [
            (s.name, str(one.first), str(one.last), one.reason)
            for s in settings.sites for one in s.shutdowns
        ],
    }  # fmt: skip
    for table, columns in TABLES.items():
        for position, column in enumerate(columns):
            told[f"{table}.{column}"] = [row[position] for row in rows[table]]
    return told


def _suggested(session: TenantSession) -> Typed:
    """Return a form in which only the names stand that the ledger knows; hours nobody knows."""
    settings = {name: [str(PlanningSettings.model_fields[name].default)] for name in PLAIN}
    prices = {f"prices.{name}": [f"{getattr(PlanPrices(), name):g}"] for name in PRICES}
    quantities = sorted({item.quantity for item in item_store.own(session)})
    blank = [""] * len(quantities)
    names = {f"disciplines.{column}": blank for column in TABLES["disciplines"]}
    return settings | prices | names | {"disciplines.name": quantities}


def _settings_page(
    session: TenantSession, actor: Actor, typed: Typed, sites: Iterable[str]
) -> SettingsPage:
    """Return the form; where no site is known, the places of the ledger are offered as such."""
    people = people_store.of_organization(session)
    roles = people_store.roles(session)
    here = tuple((one.id, bilingual(one, "name")) for one in people if roles.get(one.id))
    items = item_store.own(session)
    tables = {name: _with_spare(typed, name, columns) for name, columns in TABLES.items()}
    known = {row[0] for row in tables["persons"]}
    others = tuple((str(id_), "", "") for id_, _ in here if str(id_) not in known)
    return SettingsPage(
        plain={name: _one(typed, name)
               for name in (*PLAIN, *(f"prices.{one}" for one in PRICES), "reason")},
        tables=tables | {"persons": tuple(r for r in tables["persons"] if r[0]) + others},
        people=here,
        places=tuple(sites) or tuple(sorted({place for item in items for place in item.location})),
        quantities=tuple(sorted({item.quantity for item in items})),
        may_change=permissions.needed("POST", "plans") in actor.allowed,
        said_at=None,
    )  # fmt: skip


def _with_spare(typed: Typed, table: str, columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    rows = [tuple(row.values()) for row in _rows(typed, table, columns)]
    return (*rows, *[("",) * len(columns)] * SPARE_ROWS)


# --- The board -----------------------------------------------------------------------------------


def _asked(
    q: Annotated[str, Query(max_length=100)] = "",
    site: Annotated[str, Query(max_length=200)] = "",
    discipline: Annotated[str, Query(max_length=100)] = "",
    week: Annotated[str, Query(max_length=10)] = "",
    first: Annotated[int, Query(ge=0, le=260)] = 0,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> BoardFilter:
    return BoardFilter(
        text=q.strip(), site=site, discipline=discipline, week=week, first=first, page=page
    )


Wanted = Annotated[BoardFilter, Depends(_asked)]


@router.get(addresses.PLANS_ROUTE)
def show_board(
    request: Request, session: Reading, actor: Acting, today: Today, wanted: Wanted
) -> HTMLResponse:
    """Show the plan in force, or the newest where none is."""
    row = store.in_force(session) or store.newest(session)
    page = board_page(session, actor, row.id if row else None, wanted, on=today)
    return render_page(request, page)


@router.get(addresses.PLANS_ROUTE + "/{plan_id}")
def show_plan(
    request: Request, session: Reading, actor: Acting, today: Today, plan_id: UUID, wanted: Wanted
) -> HTMLResponse:
    """Show one plan on its weeks."""
    return render_page(request, board_page(session, actor, plan_id, wanted, on=today))


@router.post(addresses.PLANS_ROUTE)
def make_plan(
    request: Request,
    actor: Acting,
    today: Today,
    now: Now,
    seconds: Annotated[int, Form(ge=1, le=actions.MOST_SECONDS)] = actions.USUAL_SECONDS,
) -> Response:
    """Let a plan be made, and come back to the board, which tells how far it is."""

    def act(session: TenantSession) -> None:
        actions.request(session, seconds=seconds, on=today, actor_id=actor.person_id, now=now)

    return _after(request, actor, act, to=addresses.PLANS_ROUTE, plan_id=None, on=today)


@router.post(addresses.PLANS_ROUTE + "/jobs/{job_id}/cancel")
def cancel_making(
    request: Request, actor: Acting, today: Today, now: Now, job_id: UUID
) -> Response:
    """End the making of a plan, and come back to the board."""

    def act(session: TenantSession) -> None:
        actions.cancel(session, job_id, actor_id=actor.person_id, now=now)

    return _after(request, actor, act, to=addresses.PLANS_ROUTE, plan_id=None, on=today)


@router.post(addresses.PLANS_ROUTE + "/{plan_id}/acceptance")
def accept_plan(request: Request, actor: Acting, today: Today, now: Now, plan_id: UUID) -> Response:
    """Put a plan in force."""

    def act(session: TenantSession) -> None:
        actions.accept(session, plan_id, actor_id=actor.person_id, now=now)

    return _after(request, actor, act, to=addresses.plan(plan_id), plan_id=plan_id, on=today)


@router.post(addresses.PLANS_ROUTE + "/{plan_id}/work-orders")
def order_items(
    request: Request,
    actor: Acting,
    today: Today,
    now: Now,
    plan_id: UUID,
    item: Annotated[list[UUID], Form()] = [],  # noqa: B006  FastAPI copies it
    laboratory_id: Text = "",
) -> Response:
    """Ask for work on the chosen items in one order, and go to it: its list and its labels."""

    def act(session: TenantSession) -> UUID:
        order = actions.order(
            session,
            plan_id,
            item_ids=item,
            laboratory_id=UUID(laboratory_id) if laboratory_id else None,
            requested_by=people_store.acting(session, actor.person_id),
            now=now,
        )
        return order.id

    order_id, wrong = _try(request, actor, act)
    if order_id is not None:
        return RedirectResponse(addresses.work_order(order_id), 303)
    with _reading(request, actor) as session:
        page = board_page(session, actor, plan_id, BoardFilter(), on=today)
        page = replace(page, wrong=wrong, chosen=frozenset(map(str, item)))
        return render_page(request, page, status=422)


def board_page(
    session: TenantSession,
    actor: Actor,
    plan_id: UUID | None,
    wanted: BoardFilter,
    *,
    on: date,
) -> BoardPage:
    """Return the board of a plan, or of none."""
    making = store.job_under_way(session)
    empty = BoardPage(
        on=on,
        may_change=permissions.needed("POST", "plans") in actor.allowed,
        has_settings=store.settings(session) is not None,
        making=_making(making) if making else None,
        failure=store.last_failure(session),
        other_plans=_other_plans(session),
    )
    if plan_id is None:
        return empty
    plan = plans.load(session, plan_id)
    record, loads = plan.record, plans.workload(plan)
    found = plans.planned_items(session, plan)
    asked = replace(wanted, plan_id=plan_id)
    matching = [row for row in found if asked.takes(row)]
    pages = max(1, -(-len(matching) // ROWS_A_PAGE))
    page = min(asked.page, pages)
    shown = matching[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE]
    accepted = store.acceptance(session)
    mondays = tuple(plan.week_on(week) for week in range(plan.problem.weeks))
    first = min(asked.first, max(0, len(mondays) - SHOWN_WEEKS))
    of_discipline = [one for one in loads if asked.discipline in ("", one.discipline)]
    _, settings = actions.settings_of(session)
    ordered = under_way(session)
    return replace(
        empty,
        plan_id=plan_id,
        is_in_force=accepted is not None and accepted.plan_id == plan_id,
        is_moved=record.origin == "moved",
        is_complete=record.is_complete,
        made_at=record.made_at,
        begins_on=plan.kept.begins_on,
        weeks=plan.problem.weeks,
        frozen_until=monday_of(on) + timedelta(weeks=settings.frozen_weeks),
        method=record.method,
        figures=_figures(plan),
        plot=draw_load(of_discipline, mondays[first : first + SHOWN_WEEKS]),
        filter=replace(asked, page=page, first=first),
        sites=tuple(sorted({row.planned.site for row in found})),
        disciplines=tuple(plan.problem.capacity_hours),
        mondays=mondays,
        rows=tuple(_placed(row, ordered) for row in shown),
        matching=len(matching),
        pages=pages,
        conflicts=tuple(_conflicts(plan, found)),
        left_out=_count(row["reason"] for row in plan.kept.left_out),
        laboratories=tuple(
            (row.id, bilingual(row, "name"))
            for row in organization_store.all_of_them(session)
            if row.id != session.organization_id and row.kind != "regulator"
        ),
    )


def _other_plans(session: TenantSession) -> tuple[tuple[UUID, datetime, bool], ...]:
    accepted = store.acceptance(session)
    in_force = accepted.plan_id if accepted else None
    return tuple(
        (row.id, row.made_at, row.id == in_force)
        for row in store.plans(session, before=None, limit=8)
    )


def _making(job: Job) -> Making:
    return Making(
        job_id=job.id,
        progress=job.progress or 0,
        is_cancelled=bool(job.content.get("is_cancelled")),
    )


def _figures(plan: KeptPlan) -> PlanFigures:
    checked, call_off = plan.record.checked, plan.record.call_off
    terms = {name: _money(value) for name, value in checked["cost"].items() if name != "total"}
    return PlanFigures(
        cost=_money(checked["cost"]["total"]),
        call_off_cost=_money(call_off["cost"]["total"]),
        bound=None if plan.record.bound is None else _money(plan.record.bound),
        placed=len(plan.placements) - checked["unplaced"],
        unplaced=checked["unplaced"],
        trips=checked["trips"],
        call_off_trips=call_off["trips"],
        overdue_weeks=checked["overdue_weeks"],
        call_off_overdue_weeks=call_off["overdue_weeks"],
        terms={name: value for name, value in terms.items() if value},
    )


def _placed(row: PlannedItem, ordered: frozenset[UUID]) -> PlacedRow:
    planned, week_on = row.planned, row.week_on
    return PlacedRow(
        item_id=row.item_id,
        activity=row.activity,
        name=Bilingual(zh=row.name_zh, en=row.name_en),
        serial_number=row.serial_number,
        asset_number=row.asset_number,
        site=planned.site,
        discipline=planned.discipline,
        hours=Decimal(str(planned.hours)).normalize(),
        valid_until=row.valid_until,
        week_on=week_on,
        is_late=week_on is not None and week_on > row.valid_until,
        is_mandatory=planned.is_mandatory,
        is_frozen=planned.is_frozen,
        is_under_way=row.item_id in ordered,
    )


def _conflicts(plan: KeptPlan, found: Sequence[PlannedItem]) -> Iterator[ConflictRow]:
    names = {row.planned.id: Bilingual(zh=f"{row.name_zh} {row.serial_number}",
                                       en=f"{row.name_en} {row.serial_number}")
             for row in found}  # fmt: skip
    for kept in plan.record.conflicts:
        way = next(iter(kept["remedies"]), None)
        yield ConflictRow(
            shortage=kept["shortage"],
            items=tuple(names[id_] for id_ in kept["item_ids"] if id_ in names),
            disciplines=", ".join(kept["disciplines"]),
            first_on=plan.week_on(kept["first_week"]),
            last_on=plan.week_on(kept["last_week"]),
            need=_hours(kept["need"]),
            have=_hours(kept["have"]),
            way=way["way"] if way else None,
            way_hours=_hours(way["hours"]) if way else Decimal(0),
            way_cost=_money(way["cost"]) if way and way["cost"] is not None else None,
            person=way["person"] if way else None,
        )


def _count(reasons: Iterator[str] | Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return counts


def _money(value: float) -> Decimal:
    return Decimal(round(value))


def _hours(value: float) -> Decimal:
    return Decimal(str(round(value, 1))).normalize()


# --- Why this week -------------------------------------------------------------------------------


@router.get(addresses.PLANS_ROUTE + "/{plan_id}/items/{item_id}/{activity}")
def show_why(
    request: Request, session: Reading, actor: Acting, plan_id: UUID, item_id: UUID, activity: str
) -> HTMLResponse:
    """Show why an item has its week, and what another one would cost."""
    return render_page(request, why_page(session, actor, plan_id, item_id, activity))


@router.post(addresses.PLANS_ROUTE + "/{plan_id}/items/{item_id}/{activity}")
def move_item(
    request: Request,
    actor: Acting,
    now: Now,
    plan_id: UUID,
    item_id: UUID,
    activity: str,
    week_on: Text = "",
    reason: Text = "",
) -> Response:
    """Put an item into another week, and go to the plan that holds it there."""

    def act(session: TenantSession) -> UUID:
        moved = actions.move(
            session, plan_id, item_id, activity=activity, week_on=date.fromisoformat(week_on),
            reason=reason.strip(), actor_id=actor.person_id, now=now,
        )  # fmt: skip
        return moved.plan.id if moved.plan else plan_id

    kept, wrong = _try(request, actor, act)
    if kept is not None:
        return RedirectResponse(addresses.plan(kept), 303)
    with _reading(request, actor) as session:
        page = why_page(session, actor, plan_id, item_id, activity)
        page = replace(page, wrong=wrong, reason=reason, week_on=week_on)
        return render_page(request, page, status=422)


def why_page(
    session: TenantSession, actor: Actor, plan_id: UUID, item_id: UUID, activity: str
) -> WhyPage:
    """Return the page that explains one placement."""
    plan = plans.load(session, plan_id)
    told_why = plans.explanation(plan, item_id, activity)
    row = next(
        row
        for row in plans.planned_items(session, plan)
        if (row.item_id, row.activity) == (item_id, activity)
    )
    chosen, runner_up = told_why.chosen, told_why.runner_up
    return WhyPage(
        plan_id=plan_id,
        row=_placed(row, under_way(session)),
        weeks=tuple(
            _week_row(plan, cost, chosen=chosen, runner_up=runner_up) for cost in told_why.weeks
        ),
        runner_up=plan.week_on(runner_up.week) if runner_up else None,
        differences=tuple(_differences(chosen, runner_up)) if chosen and runner_up else (),
        may_change=permissions.needed("POST", "plans") in actor.allowed,
    )


def _week_row(
    plan: KeptPlan, cost: WeekCost, *, chosen: WeekCost | None, runner_up: WeekCost | None
) -> WeekRow:
    return WeekRow(
        week_on=plan.week_on(cost.week),
        terms=tuple(_money(getattr(cost, name)) for name in TERMS),
        total=_money(cost.total),
        more=None if chosen is None else _money(cost.total - chosen.total),
        has_room=cost.has_room,
        is_chosen=cost == chosen,
        is_runner_up=cost == runner_up,
    )


def _differences(chosen: WeekCost, other: WeekCost) -> Iterator[tuple[str, Decimal]]:
    """Yield the terms in which the chosen week differs from another, what it saves first."""
    told_by = {name: _money(getattr(chosen, name) - getattr(other, name)) for name in TERMS}
    yield from sorted(((n, v) for n, v in told_by.items() if v), key=lambda pair: pair[1])


# --- Acting --------------------------------------------------------------------------------------


def _reading(request: Request, actor: Actor) -> TenantSession:
    return TenantSession(request.app.state.engine, actor.organization_id, read_only=True)


def _try(
    request: Request, actor: Actor, act: Callable[[TenantSession], T]
) -> tuple[T | None, Told | None]:
    """Let an act happen in a transaction of its own; return what it gives, or why it is refused."""
    engine = request.app.state.engine
    try:
        with TenantSession(engine, actor.organization_id) as session, session.begin():
            return act(session), None
    except NotFound:
        raise
    except (ServiceError, TraceabilityError, ValueError) as error:
        return None, told(error)


def _after(
    request: Request,
    actor: Actor,
    act: Callable[[TenantSession], None],
    *,
    to: str,
    plan_id: UUID | None,
    on: date,
) -> Response:
    """Go on after an act, or show the board with the reason of the refusal."""
    _, wrong = _try(request, actor, act)
    if wrong is None:
        return RedirectResponse(to, 303)
    with _reading(request, actor) as session:
        page = board_page(session, actor, plan_id, BoardFilter(), on=on)
        return render_page(request, replace(page, wrong=wrong), status=422)
