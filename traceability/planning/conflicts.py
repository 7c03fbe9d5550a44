"""Why items find no week: the smallest conflict, and the ways out of it.

A conflict is a set of items that all must lie within some weeks, and hours that do not suffice for
them there. Where the hours would suffice but cannot be cut to fit (items of four hours in weeks of
six), an integer program shows it and items are dropped one by one until nothing can be spared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from traceability.planning.arrays import FloatArray, ProblemArrays
from traceability.planning.check import NEARLY
from traceability.planning.model import solve
from traceability.planning.problem import DueItem, Person, PlanningProblem

MOST_ITEMS_TRIED = 60  # one by one, by the integer program
SECONDS_PER_TRIAL = 2.0


class Shortage(StrEnum):
    """What there is not enough of."""

    TIME = "time"  # the last permitted week has passed
    LABORATORY_HOURS = "laboratory_hours"
    PERSONS_HOURS = "persons_hours"
    FIT = "fit"  # hours enough in sum, but not in one piece


class WayOut(StrEnum):
    """What would place the items."""

    MORE_HOURS = "more_hours"  # overtime of the laboratory, beyond what is allowed
    AUTHORISE = "authorise"  # a person with hours to spare for one more discipline
    EARLIER = "earlier"  # call items off before the weeks in which all is full
    LATER = "later"  # let items that are not mandatory be placed after their latest week


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One way out of a conflict.

    Attributes:
        hours: how many more are needed, or can be given.
        cost: in the currency of the prices; None where it has no price.
        person: whom to authorise, and for which `discipline`.
        item_ids: which items to move.
    """

    way: WayOut
    hours: float
    cost: float | None = None
    person: str | None = None
    discipline: str | None = None
    item_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Items that cannot all be placed.

    Attributes:
        item_ids: that compete, in order of the problem; without any one of them all would fit.
        disciplines: whose hours they need.
        first_week, last_week: between which they must lie.
        need, have: hours.
        remedies: the cheapest first.
    """

    shortage: Shortage
    item_ids: tuple[str, ...]
    disciplines: frozenset[str]
    first_week: int
    last_week: int
    need: float
    have: float
    remedies: tuple[Remedy, ...]


def find_conflict(problem: PlanningProblem, item_id: str) -> Conflict | None:
    """Return the smallest conflict that leaves an item without a week; None if there is none.

    Without a conflict the item could be placed: the plan left it out because that was cheaper.

    Raises:
        KeyError: the problem has no such item.
    """
    item = {item.id: item for item in problem.items}[item_id]
    if not problem.permitted_weeks(item):
        return _out_of_time(problem, item)
    return min(
        _short_of_hours(problem, item),
        key=lambda conflict: (len(conflict.item_ids), conflict.last_week - conflict.first_week),
        default=None,
    ) or _does_not_fit(problem, item)


def _out_of_time(problem: PlanningProblem, item: DueItem) -> Conflict:
    late = Remedy(way=WayOut.LATER, hours=item.hours, item_ids=(item.id,))
    return Conflict(
        shortage=Shortage.TIME,
        item_ids=(item.id,),
        disciplines=frozenset({item.discipline}),
        first_week=max(0, item.due_week - problem.max_weeks_early),
        last_week=item.latest_week,
        need=item.hours,
        have=0.0,
        remedies=() if item.is_mandatory else (late,),
    )


def _short_of_hours(problem: PlanningProblem, item: DueItem) -> Iterator[Conflict]:
    """Yield where the items that lie wholly within some weeks need more hours than there are."""
    own = problem.permitted_weeks(item)
    arrays = ProblemArrays(problem)
    need = _hours_within(problem, arrays)[:, : own.start + 1, own.stop - 1 :]
    laboratory = _hours_from_to(arrays.most)[:, : own.start + 1, own.stop - 1 :]
    people = _hours_from_to(arrays.people)[:, : own.start + 1, own.stop - 1 :]
    alone = arrays.disciplines.index(item.discipline)
    for first, last in _tightest(need[alone] > laboratory[alone] + NEARLY):
        yield _conflict(
            problem, item, Shortage.LABORATORY_HOURS, frozenset({item.discipline}),
            first, last + own.stop - 1, float(laboratory[alone, first, last]),
        )  # fmt: skip
    for row in np.flatnonzero(arrays.sets[:, alone]):
        disciplines = frozenset(np.array(arrays.disciplines)[arrays.sets[row]].tolist())
        over = need[arrays.sets[row]].sum(axis=0) > people[row] + NEARLY
        for first, last in _tightest(over):
            yield _conflict(
                problem, item, Shortage.PERSONS_HOURS, disciplines,
                first, last + own.stop - 1, float(people[row, first, last]),
            )  # fmt: skip


def _tightest(over: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the shortest of the spans (first, last) that are over-full; none if none is."""
    spans = [(int(first), int(last)) for first, last in np.argwhere(over)]
    return sorted(spans, key=lambda span: (span[1] - span[0], span))[:1]


def _hours_within(problem: PlanningProblem, arrays: ProblemArrays) -> FloatArray:
    """Return the hours of items whose weeks lie in [first, last], (disciplines, first, last)."""
    hours = np.zeros((len(arrays.disciplines), problem.weeks, problem.weeks))
    for discipline, item in zip(arrays.discipline, problem.items, strict=True):
        weeks = problem.permitted_weeks(item)
        if weeks:
            hours[discipline, weeks.start, weeks.stop - 1] += item.hours
    from_first = hours[:, ::-1].cumsum(axis=1)[:, ::-1]
    result: FloatArray = from_first.cumsum(axis=2)
    return result


def _hours_from_to(hours: FloatArray) -> FloatArray:
    """Return the hours from week `first` through `last`, (rows, first, last)."""
    through = hours.cumsum(axis=1)
    before = through - hours
    result: FloatArray = through[:, None, :] - before[:, :, None]
    return result


def _conflict(
    problem: PlanningProblem,
    item: DueItem,
    shortage: Shortage,
    disciplines: frozenset[str],
    first: int,
    last: int,
    have: float,
) -> Conflict:
    inside = [
        other
        for other in problem.items
        if other.discipline in disciplines and _lies_within(problem, other, first, last)
    ]
    least = _least(inside, item, have)
    return Conflict(
        shortage=shortage,
        item_ids=tuple(other.id for other in least),
        disciplines=disciplines,
        first_week=first,
        last_week=last,
        need=sum(other.hours for other in least),
        have=have,
        remedies=tuple(_remedies(problem, shortage, least, disciplines, first, last, have)),
    )


def _lies_within(problem: PlanningProblem, item: DueItem, first: int, last: int) -> bool:
    weeks = problem.permitted_weeks(item)
    return bool(weeks) and first <= weeks.start and weeks.stop - 1 <= last


def _least(inside: Sequence[DueItem], item: DueItem, have: float) -> list[DueItem]:
    """Return the item and the fewest others that still need more than there is."""
    kept, need = [item], item.hours
    others = sorted(
        (other for other in inside if other.id != item.id), key=lambda other: -other.hours
    )
    for other in others:
        if need > have + NEARLY:
            break
        kept.append(other)
        need += other.hours
    order = {other.id: number for number, other in enumerate(inside)}
    return sorted(kept, key=lambda other: order[other.id])


def _remedies(
    problem: PlanningProblem,
    shortage: Shortage,
    items: Sequence[DueItem],
    disciplines: frozenset[str],
    first: int,
    last: int,
    have: float,
) -> Iterator[Remedy]:
    """Yield the ways out, those with a price first and the cheapest of them first."""
    missing = sum(item.hours for item in items) - have
    prices = problem.prices
    hour = prices.overtime_per_hour + prices.peak_per_hour
    if shortage is Shortage.LABORATORY_HOURS:
        yield Remedy(way=WayOut.MORE_HOURS, hours=missing, cost=missing * hour)
    else:
        for person in problem.persons:
            spare = _spare(problem, person, first, last)
            if not person.disciplines & disciplines and spare > NEARLY:
                yield Remedy(
                    way=WayOut.AUTHORISE,
                    hours=min(spare, missing),
                    person=person.name,
                    discipline=min(disciplines),
                )
    earlier = [item for item in items if problem.permitted_weeks(item).start > 0]
    if earlier:
        yield Remedy(
            way=WayOut.EARLIER,
            hours=missing,
            cost=min(item.early_cost_per_week for item in earlier),
            item_ids=tuple(_enough(earlier, missing)),
        )
    later = [item for item in items if not item.is_mandatory and not item.is_frozen]
    if later and last < problem.weeks - 1:
        yield Remedy(way=WayOut.LATER, hours=missing, item_ids=tuple(_enough(later, missing)))


def _spare(problem: PlanningProblem, person: Person, first: int, last: int) -> float:
    """Return a person's hours beyond what all work of their disciplines could ask in some weeks."""
    asked = sum(
        item.hours
        for item in problem.items
        if item.discipline in person.disciplines and _lies_within(problem, item, first, last)
    )
    return max(0.0, sum(person.hours[first : last + 1]) - asked)


def _enough(items: Iterable[DueItem], hours: float) -> Iterator[str]:
    """Yield the longest items until their hours suffice."""
    for item in sorted(items, key=lambda item: (-item.hours, item.id)):
        if hours <= NEARLY:
            return
        yield item.id
        hours -= item.hours


def _does_not_fit(problem: PlanningProblem, item: DueItem) -> Conflict | None:
    """Return a minimal set of items that the integer program cannot place together."""
    weeks = problem.permitted_weeks(item)
    rivals = [
        other
        for other in problem.items
        if other.id != item.id
        and other.discipline == item.discipline
        and set(problem.permitted_weeks(other)) <= set(weeks)
    ][: MOST_ITEMS_TRIED - 1]
    kept = [item, *rivals]
    if _fits(problem, kept):
        return None
    for other in rivals:
        without = [one for one in kept if one.id != other.id]
        if not _fits(problem, without):
            kept = without
    capacity = problem.capacity_hours[item.discipline][weeks.start : weeks.stop]
    return Conflict(
        shortage=Shortage.FIT,
        item_ids=tuple(other.id for other in problem.items if other in kept),
        disciplines=frozenset({item.discipline}),
        first_week=weeks.start,
        last_week=weeks.stop - 1,
        need=sum(other.hours for other in kept),
        have=sum(capacity) * (1 + problem.prices.overtime_share),
        remedies=(Remedy(way=WayOut.MORE_HOURS, hours=item.hours),),
    )


def _fits(problem: PlanningProblem, items: Sequence[DueItem]) -> bool:
    alone = replace(problem, items=tuple(items))
    solved = solve(
        ProblemArrays(alone),
        overdue_weeks=sum(problem.weeks + abs(item.due_week) for item in items),
        start=np.full(len(items), -1, dtype=np.int64),
        seconds=SECONDS_PER_TRIAL,
    )
    return solved.weeks is not None and bool((solved.weeks >= 0).all())
