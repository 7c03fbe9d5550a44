"""Reading when items are due from what is kept of it: the board of a book, counted and paged."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, false, tuple_
from sqlalchemy import select as select_columns
from sqlmodel import and_, col, func, or_, select

from service.places import PLACES, Stretch
from service.store.items import AT_ONCE, by_ids
from service.store.sites import in_stretches
from service.tables.items import Item
from service.tables.schedule import KeptDueDate
from service.tables.work_orders import WorkOrderLine, WorkOrderStep
from service.tenancy import TenantSession
from service.work_order_states import ENDED, State

DONE = ENDED | {State.ISSUED}
Place = tuple[date, UUID, str]  # in the list by date: the last where nothing falls due


class DueStatus(StrEnum):
    """How near a due date is."""

    OVERDUE = "overdue"
    WITHIN_30 = "within 30 days"
    WITHIN_60 = "31 to 60 days"
    WITHIN_90 = "61 to 90 days"
    LATER = "later"
    NONE = "no due date"
    STOPPED = "stopped"


LAST_DAYS = {  # the most days left of each
    DueStatus.OVERDUE: -1,
    DueStatus.WITHIN_30: 30,
    DueStatus.WITHIN_60: 60,
    DueStatus.WITHIN_90: 90,
}


def due_status(on: date, due_on: date | None, *, is_stopped: bool = False) -> DueStatus:
    """Return how near a due date is on a day; an item is overdue from the day after."""
    if is_stopped:
        return DueStatus.STOPPED
    if due_on is None:
        return DueStatus.NONE
    days = (due_on - on).days
    return next((status for status, last in LAST_DAYS.items() if days <= last), DueStatus.LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of the board is asked for, and in which order.

    Attributes:
        text: in a name, number or place.
        area: only items that stand in it; "" for all.
        places: only items that stand at one of these very places; None for all.
        stretches: only items that stand in one of these, as those of a site do; None for all.
        activity, status: one of them, or "" for all.
        sort: due, name, serial, area.
    """

    text: str = ""
    area: str = ""
    places: Collection[str] | None = None
    stretches: Collection[Stretch] | None = None
    activity: str = ""
    status: str = ""
    sort: str = "due"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """An item and when one of its activities is due."""

    item: Item
    row: KeptDueDate


@dataclass(frozen=True, slots=True)
class Tallied:
    """How many due dates of an activity are of one day; of none where nothing falls due."""

    due_on: date | None
    activity: str
    is_stopped: bool
    count: int


def kept(session: TenantSession, item_ids: Collection[UUID]) -> Sequence[KeptDueDate]:
    """Return what is kept of some items, of activities that ended too."""
    return session.exec(select(KeptDueDate).where(col(KeptDueDate.item_id).in_(item_ids))).all()


def due(
    session: TenantSession,
    *,
    on: date,
    asked: Asked = Asked(),
    offset: int = 0,
    limit: int | None = None,
) -> list[Due]:
    """Return what is due of the own items as asked for, what never falls due last."""
    return _whole(session, _keys(session, on=on, asked=asked, offset=offset, limit=limit))


def next_due(
    session: TenantSession,
    *,
    after: Place | None,
    limit: int,
    last: date | None = None,
    stretches: Collection[Stretch] | None = None,
) -> list[Due]:
    """Return so many due dates behind a place, the next first, what never falls due last.

    Args:
        last: leaves out what falls due later, and what never does.
        stretches: only items that stand in one of these; None for all.
    """
    row = KeptDueDate
    place = (col(row.due_on), col(row.item_id), col(row.activity))
    keys = select(row.item_id, row.activity).where(*_fits(Asked(stretches=stretches), date.max))
    dated = keys.where(col(row.due_on) <= (last or date.max)).order_by(*place)
    undated = keys.where(col(row.due_on).is_(None)).order_by(*place[1:])
    if after is not None and after[0] == date.max:
        dated, undated = dated.where(false()), undated.where(tuple_(*place[1:]) > after[1:])
    elif after is not None:
        dated = dated.where(tuple_(*place) > after)
    found = list(session.exec(dated.limit(limit)))
    if last is None and len(found) < limit:
        found += session.exec(undated.limit(limit - len(found)))
    return _whole(session, found)


def _whole(session: TenantSession, keys: Sequence[tuple[UUID, str]]) -> list[Due]:
    found: list[Due] = []
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        ids = {item_id for item_id, _ in part}
        rows = {(row.item_id, row.activity): row for row in kept(session, ids)}
        items = by_ids(session, ids)
        found += [Due(items[key[0]], rows[key]) for key in part]
    return found


def _keys(
    session: TenantSession, *, on: date, asked: Asked, offset: int, limit: int | None
) -> list[tuple[UUID, str]]:
    """Return item and activity of what is asked for, in the order of an index where there is one.

    A list by date is read in two parts, because engines differ in where they put what has none.
    """
    row = KeptDueDate
    statement = select(row.item_id, row.activity).where(*_fits(asked, on))
    if asked.sort != "due":
        key = {"name": col(row.words), "serial": col(row.serial_number),
               "area": col(row.area)}[asked.sort]  # fmt: skip
        ordered = statement.order_by(*_turned(asked, key, col(row.item_id), col(row.activity)))
        return list(session.exec(ordered.offset(offset).limit(limit)).all())
    dated = statement.where(col(row.due_on).is_not(None)).order_by(
        *_turned(asked, col(row.due_on), col(row.item_id), col(row.activity))
    )
    found = list(session.exec(dated.offset(offset).limit(limit)).all())
    if limit is not None and len(found) >= limit:
        return found
    before = 0 if found else _count(session, dated)
    undated = statement.where(col(row.due_on).is_(None)).order_by(
        col(row.item_id), col(row.activity)
    )
    rest = undated.offset(max(0, offset - before)).limit(limit and limit - len(found))
    return found + list(session.exec(rest).all())


def _count(session: TenantSession, statement: Any) -> int:
    inner = statement.order_by(None).subquery()
    return int(session.execute(select_columns(func.count()).select_from(inner)).scalar_one())


def _turned(asked: Asked, *keys: Any) -> list[Any]:
    return [key.desc() if asked.descending else key for key in keys]


def until(session: TenantSession, last: date) -> list[tuple[UUID, str, date, str]]:
    """Return item, activity, date and area of what falls due until a day, the next first."""
    row = KeptDueDate
    rows = session.execute(
        select_columns(col(row.item_id), col(row.activity), col(row.due_on), col(row.area))
        .where(_standing(), col(row.due_on) <= last)
        .order_by(col(row.due_on), col(row.item_id), col(row.activity))
    )
    return [(item_id, activity, due_on, area) for item_id, activity, due_on, area in rows if due_on]


def tally(session: TenantSession, *, asked: Asked = Asked()) -> list[Tallied]:
    """Return how many due dates there are of each day, of those asked for but of any status."""
    row = KeptDueDate
    keys = (col(row.due_on), col(row.activity), col(row.is_stopped))
    fits = _fits(asked, date.max, of_status=False)
    rows = session.execute(select_columns(*keys, func.count()).where(*fits).group_by(*keys))
    return [Tallied(*found) for found in rows]


def counts(tallied: Iterable[Tallied], *, on: date) -> dict[DueStatus, int]:
    """Return how many due dates there are of each status."""
    found = dict.fromkeys(DueStatus, 0)
    for one in tallied:
        found[due_status(on, one.due_on, is_stopped=one.is_stopped)] += one.count
    return found


def under_way(session: TenantSession, item_ids: Collection[UUID]) -> set[UUID]:
    """Return for which of some items a work order is open."""
    rows = session.execute(
        select_columns(col(WorkOrderLine.id), col(WorkOrderLine.item_id), col(WorkOrderStep.state))
        .join(WorkOrderStep, col(WorkOrderStep.line_id) == WorkOrderLine.id)
        .where(col(WorkOrderLine.item_id).in_(item_ids))
        .order_by(col(WorkOrderStep.line_id), col(WorkOrderStep.position))
    )
    newest = {line_id: (item_id, State(state)) for line_id, item_id, state in rows}
    return {item_id for item_id, state in newest.values() if state not in DONE}


def places(session: TenantSession) -> Sequence[str]:
    """Return the places where own items stand, each of joined parts."""
    return session.exec(select(KeptDueDate.area).where(_standing()).distinct()).all()


def areas(session: TenantSession) -> list[str]:
    """Return the first two parts of the places where own items stand."""
    return sorted({PLACES.join(place.split(PLACES)[:2]) for place in places(session) if place})


def _standing() -> ColumnElement[bool]:
    return col(KeptDueDate.is_ended) == false()


def _fits(asked: Asked, on: date, *, of_status: bool = True) -> list[ColumnElement[bool]]:
    fits = [_standing()]
    if asked.text:
        fits.append(col(KeptDueDate.words).contains(asked.text.lower(), autoescape=True))
    if asked.area:
        here = col(KeptDueDate.area)
        fits.append(or_(here == asked.area, here.startswith(asked.area + PLACES, autoescape=True)))
    if asked.places is not None:
        fits.append(col(KeptDueDate.area).in_(asked.places))
    if asked.stretches is not None:
        fits.append(in_stretches(asked.stretches))
    if asked.activity:
        fits.append(col(KeptDueDate.activity) == asked.activity)
    if of_status and asked.status:
        fits.append(_of_status(DueStatus(asked.status), on))
    return fits


def _of_status(status: DueStatus, on: date) -> ColumnElement[bool]:
    row = KeptDueDate
    if status is DueStatus.STOPPED:
        return col(row.is_stopped).is_(True)
    if status is DueStatus.NONE:
        return and_(col(row.is_stopped).is_(False), col(row.due_on).is_(None))
    names = list(LAST_DAYS)
    last = LAST_DAYS.get(status)
    before = names[: names.index(status)] if last is not None else names
    after = LAST_DAYS[before[-1]] if before else None
    bounds = [] if last is None else [col(row.due_on) <= on + timedelta(days=last)]
    if after is not None:
        bounds.append(col(row.due_on) > on + timedelta(days=after))
    return and_(*bounds)
