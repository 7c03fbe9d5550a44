"""The planning problem of a book: what is due, what the laboratory can do, what is promised.

Loaded and decided, and nothing written; `service.actions.plans` keeps what comes of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from service import due_dates
from service.due_dates import ItemDueDate
from service.places import site_at
from service.planning_settings import (
    WORKING_DAYS,
    Discipline,
    PlanningSettings,
    capacity_of,
    monday_of,
    stands_still,
    worked_hours,
    working_days,
)
from service.store import people as people_store
from service.store import plans as store
from service.store import work_orders as order_store
from service.tables.plans import PlanPlacement
from service.tenancy import TenantSession
from service.work_order_states import ENDED, State
from traceability.planning.problem import DueItem, Person, PlanningProblem, Prices
from traceability.schedule import Activity

PLANNED = frozenset({Activity.VERIFICATION, Activity.CALIBRATION, Activity.INTERMEDIATE_CHECK})
WEEKS_OF_A_YEAR = 52
USUAL_MONTHS = 12


class LeftOut(StrEnum):
    """Why something due stands in no plan."""

    UNDER_WAY = "under_way"  # in a work order already
    NO_CAPACITY_KNOWN = "no_capacity_known"  # nobody said which discipline works on its quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A planning problem with what each of its items is in the book.

    Attributes:
        begins_on: the Monday of week 0.
        rows: item, activity and last valid day, in the order of the problem's items.
        left_out: (item, activity, reason) of what is due and is not planned.
    """

    problem: PlanningProblem
    begins_on: date
    rows: tuple[tuple[UUID, str, date], ...]
    left_out: tuple[tuple[UUID, str, LeftOut], ...]


def frame(session: TenantSession, settings: PlanningSettings, *, on: date) -> Framed:
    """Return the problem of planning what is due of the own items, as known on a day."""
    monday = monday_of(on)
    mondays = [monday + timedelta(weeks=week) for week in range(settings.weeks)]
    booked = bookings(session)
    ordered = under_way(session)
    disciplines = {name: row for row in settings.disciplines for name in row.works_on}
    items, rows, left_out = [], [], []
    procedures: dict[str, set[str]] = {row.name: set() for row in settings.disciplines}
    for found in due_dates.due_dates(session, on=on):
        if not _is_planned(
            found, until=mondays[-1] + timedelta(weeks=1 + settings.max_weeks_early)
        ):
            continue
        item, activity = found.item, found.due.activity
        discipline = disciplines.get(item.quantity)
        if item.id in ordered:
            left_out.append((item.id, activity.value, LeftOut.UNDER_WAY))
        elif discipline is None:
            left_out.append((item.id, activity.value, LeftOut.NO_CAPACITY_KNOWN))
        else:
            promised = booked.get((item.id, activity.value))
            ends = found.due.valid_until or on
            # a due date that has moved on since was met, and the promise with it
            week_on = promised.week_on if promised and promised.valid_until >= ends else None
            items.append(due_item(found, discipline, settings, on=on, week_on=week_on))
            rows.append((item.id, activity.value, ends))
            if item.procedure_code:
                procedures[discipline.name].add(item.procedure_code)
    problem = PlanningProblem(
        weeks=settings.weeks,
        items=tuple(items),
        capacity_hours=capacity_of(settings, mondays),
        persons=tuple(_persons(session, settings, mondays, procedures)),
        shutdown_weeks={
            site.name: frozenset(
                week for week, day in enumerate(mondays) if stands_still(site, day)
            )
            for site in settings.sites
        },
        prices=Prices(**settings.prices.model_dump()),
        max_weeks_early=settings.max_weeks_early,
    )
    return Framed(problem=problem, begins_on=monday, rows=tuple(rows), left_out=tuple(left_out))


def due_item(
    found: ItemDueDate,
    discipline: Discipline,
    settings: PlanningSettings,
    *,
    on: date,
    week_on: date | None,
) -> DueItem:
    """Return what is due as the planner sees it, in weeks from that of `on`.

    What the law binds is placed before it is overdue; if it is overdue already it may not be used,
    and any week is better than none.
    """
    item, monday = found.item, monday_of(on)
    due = due_week(found.due.valid_until or on, on=on)
    is_mandatory = item.is_mandatory and found.due.activity is Activity.VERIFICATION
    late = due if is_mandatory and due >= 0 else due + settings.max_weeks_late
    booked = None if week_on is None else (week_on - monday).days // 7
    if booked is not None and booked < 0:
        booked = None  # it was not kept
    site = site_at(item.location, {site.name: site for site in settings.sites})
    months = item.period_months or USUAL_MONTHS
    return DueItem(
        id=key_of(item.id, found.due.activity.value),
        site=site.name if site else " / ".join(item.location[:1]),
        discipline=discipline.name,
        hours=discipline.hours_per_item,
        due_week=due,
        latest_week=late if due >= 0 else settings.weeks - 1,
        downtime_cost=site.downtime_cost if site else 0.0,
        early_cost_per_week=discipline.fee / (months / 12 * WEEKS_OF_A_YEAR),
        is_mandatory=is_mandatory,
        booked_week=booked,
        is_frozen=booked is not None and booked < settings.frozen_weeks,
    )


def due_week(valid_until: date, *, on: date) -> int:
    """Return the last week, counted from that of `on`, whose work is done before it is overdue.

    What ends on a Wednesday is due in the week before; what ends within this week, in this one.

    >>> [due_week(date(2026, 11, day), on=date(2026, 11, 16)) for day in (18, 20, 25, 27)]
    [0, 0, 0, 1]
    """
    friday = monday_of(on) + timedelta(days=WORKING_DAYS - 1)
    week = (valid_until - friday).days // 7
    return max(0, week) if valid_until >= on else min(-1, week)


def bookings(session: TenantSession) -> Mapping[tuple[UUID, str], PlanPlacement]:
    """Return for which week the plan in force promises each item and activity."""
    plan = store.in_force(session)
    if plan is None:
        return {}
    return {(row.item_id, row.activity): row for row in store.placements(session, plan.id)}


def under_way(session: TenantSession) -> frozenset[UUID]:
    """Return the items that stand in a work order that has not ended with them."""
    wanted = order_store.Wanted(states=set(State) - ENDED)
    return frozenset(row.item.id for row in order_store.listed(session, wanted))


def key_of(item_id: UUID, activity: str) -> str:
    """Return under which id a problem holds an item's activity."""
    return f"{item_id}/{activity}"


def as_content(problem: PlanningProblem) -> dict[str, Any]:
    """Return a problem as JSON holds it."""
    told = asdict(problem)
    told["persons"] = [row | {"disciplines": sorted(row["disciplines"])} for row in told["persons"]]
    told["shutdown_weeks"] = {name: sorted(of) for name, of in told["shutdown_weeks"].items()}
    return told


def from_content(content: Mapping[str, Any]) -> PlanningProblem:
    """Return a problem as it was kept."""
    return PlanningProblem(
        weeks=content["weeks"],
        items=tuple(DueItem(**row) for row in content["items"]),
        capacity_hours={name: tuple(row) for name, row in content["capacity_hours"].items()},
        persons=tuple(
            Person(
                name=row["name"],
                disciplines=frozenset(row["disciplines"]),
                hours=tuple(row["hours"]),
            )
            for row in content["persons"]
        ),
        shutdown_weeks={name: frozenset(row) for name, row in content["shutdown_weeks"].items()},
        prices=Prices(**content["prices"]),
        max_weeks_early=content["max_weeks_early"],
        most_overdue_weeks=content["most_overdue_weeks"],
    )


def _is_planned(found: ItemDueDate, *, until: date) -> bool:
    ends = found.due.valid_until
    return found.due.activity in PLANNED and ends is not None and ends < until


def _persons(
    session: TenantSession,
    settings: PlanningSettings,
    mondays: list[date],
    procedures: Mapping[str, Collection[str]],
) -> Iterator[Person]:
    """Yield the people who are still here, each under a name that no two of them share.

    Args:
        procedures: of each discipline, those by which its items are done.
    """
    names = {
        row.id: f"{row.name_zh} {row.name_en}" for row in people_store.of_organization(session)
    }
    roles = people_store.roles(session)
    shared = [names[row.person_id] for row in settings.persons]
    until = {(row.person_id, row.procedure_code): row.valid_until
             for row in people_store.authorisations(session)}  # fmt: skip
    for position, row in enumerate(settings.persons):
        if roles.get(row.person_id) is None:
            continue
        name = names[row.person_id]
        name = name if shared.count(name) == 1 else f"{name} ({position + 1})"
        hours = [worked_hours(row, monday) for monday in mondays]
        if row.disciplines is not None:
            yield Person(name=name, disciplines=frozenset(row.disciplines), hours=tuple(hours))
            continue
        ends = {
            discipline: max(
                (until[row.person_id, code] for code in codes if (row.person_id, code) in until),
                default=date.min,
            )
            for discipline, codes in procedures.items()
        }
        yield from _while_authorised(name, hours, mondays, ends)


def _while_authorised(
    name: str, hours: Sequence[float], mondays: Sequence[date], ends: Mapping[str, date]
) -> Iterator[Person]:
    """Yield a person once for each set of disciplines that he or she may do, with its weeks.

    Args:
        ends: of each discipline, the last day of authorisation; a week counts that ends by then.
    """
    may = [
        frozenset(of for of, end in ends.items() if working_days(monday)[-1] <= end)
        for monday in mondays
    ]
    for disciplines in dict.fromkeys(may):
        first = mondays[may.index(disciplines)]
        yield Person(
            name=name if first == mondays[0] else f"{name} ({first} …)",
            disciplines=disciplines,
            hours=tuple(
                worked if now == disciplines else 0.0
                for worked, now in zip(hours, may, strict=True)
            ),
        )
