"""The figures of a book, each counted from the very rows that it drills to; nothing is written.

A share of nothing is unknown, and so is whatever nobody recorded: neither is nought. The
definitions are ours and stand beside the numbers; no regulation that we have read fixes them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median, quantiles
from typing import Final
from uuid import UUID

from service.clock import day_of
from service.errors import InvalidField
from service.store import digests as digest_store
from service.store import due as due_store
from service.store import figures as store
from service.store.figures import Named
from service.tenancy import TenantSession

A_YEAR: Final = timedelta(days=365)
AGES: Final = (30, 90, 180)  # days overdue, the most of each class but the last
SECONDS_A_DAY: Final = 86_400


class FigureName(StrEnum):
    """What is counted."""

    WITHIN_VALIDITY = "within_validity"  # 检定率
    MANDATORY_WITHIN_VALIDITY = "mandatory_within_validity"  # 强检受检率
    CONFORMING = "conforming"  # 合格率
    FIRST_TIME = "first_time"  # 一次合格率
    TURN_AROUND = "turn_around"  # 周转天数


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a figure says, in both languages; `unit` is "1" for a share, "d" for days."""

    zh: str
    en: str
    unit: str = "1"


DEFINITIONS: Final[Mapping[FigureName, Definition]] = {
    FigureName.WITHIN_VALIDITY: Definition(
        zh="在用自有器具中，本身周期（检定、校准或到期轮换）有期限者，当日仍在有效期内的占比。"
        "封存、停用及无期限者不计；从未检定或校准者按未在期内计。",
        en="Of the own items in use whose verification, calibration or replacement has an end: how "
        "many are within it today. What is stored or has no end does not count; what was never "
        "verified or calibrated counts as not within it.",
    ),
    FigureName.MANDATORY_WITHIN_VALIDITY: Definition(
        zh="同上，仅计强制检定的器具。",
        en="The same, of the items under mandatory verification alone.",
    ),
    FigureName.CONFORMING: Definition(
        zh="期间内对自有器具所做、仍然有效记录的检定与校准中，有合格或不合格结论者，合格的占比。"
        "无结论或未定者另列为未知。",
        en="Of the verifications and calibrations of own items made in the period that stand and "
        "passed or failed: how many passed. Those without a verdict are told apart as unknown.",
    ),
    FigureName.FIRST_TIME: Definition(
        zh="期间内本机构所做、有合格或不合格结论者，未经调整即合格的占比。",
        en="Of those that this organization made itself in the period and that passed or failed: "
        "how many passed without an adjustment.",
    ),
    FigureName.TURN_AROUND: Definition(
        zh="期间内出具证书的委托器具，自收样至出证的日历天数，取中位数。",
        en="The calendar days from an item's receipt to its certificate, of the items of work "
        "orders whose certificate was issued in the period: the median.",
        unit="d",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One row that a figure is counted from.

    Attributes:
        counts: whether it is among those counted; None where nobody knows.
        value: days, of a figure that is no share.
        on: the day that decides: the last valid one, of performance, of issue.
    """

    item: Named
    on: date | None
    counts: bool | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure over its rows.

    Attributes:
        counted, of: numerator and denominator of a share; of another figure `of` is how many.
        unknown: rows of which nobody knows whether they count; they are in neither.
        value: None where it is unknown, a share of nothing among them.
        nine_in_ten: what nine in ten do not exceed, of a figure that is no share.
    """

    name: FigureName
    counted: int | None
    of: int
    unknown: int
    value: float | None
    nine_in_ten: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueOf:
    """How much is overdue of what somebody answers for, by age; `person_id` None for nobody."""

    person_id: UUID | None
    by_age: tuple[int, ...]


def figure(name: FigureName, rows: Sequence[FigureRow]) -> Figure:
    """Return a figure of its rows.

    >>> figure(FigureName.CONFORMING, ()).value is None
    True
    """
    if DEFINITIONS[name].unit == "d":
        days = sorted(row.value for row in rows if row.value is not None)
        tenths = quantiles(days, n=10, method="inclusive") if len(days) > 1 else days * 9
        return Figure(
            name=name,
            counted=None,
            of=len(days),
            unknown=len(rows) - len(days),
            value=median(days) if days else None,
            nine_in_ten=tenths[8] if days else None,
        )
    found = Counter(row.counts for row in rows)
    of = found[True] + found[False]
    return Figure(
        name=name,
        counted=found[True],
        of=of,
        unknown=found[None],
        value=found[True] / of if of else None,
    )


def figures(
    session: TenantSession,
    *,
    first: date,
    last: date,
    on: date,
    only: Collection[UUID] | None = None,
) -> list[Figure]:
    """Return all figures: those of a state on a day, the others over a period of days."""
    return [
        figure(name, rows_of(session, name, first=first, last=last, on=on, only=only))
        for name in FigureName
    ]


def period(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """Return the first and the last day of a period, a year until today if none is named.

    Raises:
        InvalidField: it ends before it begins.
    """
    ends = last or today
    begins = first or ends - A_YEAR
    if begins > ends:
        raise InvalidField("/first", f"{begins} lies after {ends}")
    return begins, ends


def rows_of(
    session: TenantSession,
    name: FigureName,
    *,
    first: date,
    last: date,
    on: date,
    only: Collection[UUID] | None = None,
) -> list[FigureRow]:
    """Return the rows that a figure is counted from, or those of some items alone."""
    loads: Mapping[FigureName, Callable[[], list[FigureRow]]] = {
        FigureName.WITHIN_VALIDITY: lambda: _within(session, on),
        FigureName.MANDATORY_WITHIN_VALIDITY: lambda: _within(session, on, mandatory=True),
        FigureName.CONFORMING: lambda: _judged(session, first, last),
        FigureName.FIRST_TIME: lambda: _first_time(session, first, last),
        FigureName.TURN_AROUND: lambda: _turned_round(session, first, last),
    }
    return [row for row in loads[name]() if only is None or row.item.item_id in only]


def overdue(
    session: TenantSession, *, on: date, only: Collection[UUID] | None = None
) -> list[OverdueOf]:
    """Return what is overdue by who answers for it and by age, most of all first."""
    kept = digest_store.responsibilities(session)
    found: dict[UUID | None, Counter[int]] = {}
    for item_id, _, due_on, area in due_store.until(session, on - timedelta(days=1)):
        if only is not None and item_id not in only:
            continue
        keeper = digest_store.keeper_of(area, kept)
        age = sum((on - due_on).days > most for most in AGES)
        found.setdefault(keeper.person_id if keeper else None, Counter())[age] += 1
    told = [
        OverdueOf(person_id=person_id, by_age=tuple(ages[n] for n in range(len(AGES) + 1)))
        for person_id, ages in found.items()
    ]
    return sorted(told, key=lambda one: (-sum(one.by_age), str(one.person_id)))


def _within(session: TenantSession, on: date, *, mandatory: bool = False) -> list[FigureRow]:
    return [
        FigureRow(item=item, on=due_on, counts=due_on >= on)
        for item, due_on, is_mandatory in store.ending(session)
        if is_mandatory or not mandatory
    ]


def _judged(session: TenantSession, first: date, last: date) -> list[FigureRow]:
    return [
        FigureRow(item=one.item, on=one.performed_on, counts=one.has_passed)
        for one in store.judged(session, first, last)
        if one.is_own_item
    ]


def _first_time(session: TenantSession, first: date, last: date) -> list[FigureRow]:
    return [
        FigureRow(
            item=one.item,
            on=one.performed_on,
            counts=None if one.has_passed is None else one.has_passed and not one.is_adjusted,
        )
        for one in store.judged(session, first, last)
        if one.is_made_here
    ]


def _turned_round(session: TenantSession, first: date, last: date) -> list[FigureRow]:
    return [
        FigureRow(
            item=item,
            on=day_of(issued_at),
            value=None
            if received_at is None
            else (issued_at - received_at).total_seconds() / SECONDS_A_DAY,
        )
        for item, received_at, issued_at in store.issued(session)
        if first <= day_of(issued_at) <= last
    ]
