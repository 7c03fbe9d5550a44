"""Why an item was placed in its week: what each permitted week would cost, all else as planned."""

from dataclasses import dataclass
from math import fsum, isfinite

import numpy as np

from traceability.planning.arrays import Load, ProblemArrays
from traceability.planning.problem import Plan, PlanningProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekCost:
    """What an item would cost in one week, term by term, all other items where they are.

    Attributes:
        trip: of the trip that it alone would need; 0 where somebody travels there anyway.
        hours: of the peak and the overtime that it would add.
        has_room: whether the hours are there, of laboratory and of people.
    """

    week: int
    overdue: float
    early: float
    downtime: float
    moved: float
    trip: float
    hours: float
    has_room: bool

    @property
    def total(self) -> float:
        """The sum of the terms."""
        return fsum((self.overdue, self.early, self.downtime, self.moved, self.trip, self.hours))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An item's week beside the weeks it did not get.

    Attributes:
        chosen: the week it has; None if it has none.
        runner_up: the cheapest other week with room; None if there is none.
        weeks: all permitted weeks, in order.
    """

    item_id: str
    chosen: WeekCost | None
    runner_up: WeekCost | None
    weeks: tuple[WeekCost, ...]


def explain(problem: PlanningProblem, plan: Plan, item_id: str) -> Explanation:
    """Return what each permitted week of an item would cost, the rest of the plan standing.

    Raises:
        KeyError: the problem has no such item.
    """
    position = {item.id: number for number, item in enumerate(problem.items)}[item_id]
    item, chosen = problem.items[position], plan[position]
    others = tuple(None if number == position else week for number, week in enumerate(plan))
    arrays = ProblemArrays(problem)
    load = Load(arrays, arrays.weeks_of(others))
    one = np.array([position])
    hours, relaxed = load.price(one, np.inf)[0], load.price(one, 0.0)[0]
    travelled = {
        week
        for other, week in zip(problem.items, others, strict=True)
        if week is not None and other.site == item.site
    }
    prices, still = problem.prices, problem.shutdown_weeks.get(item.site, frozenset())
    weeks = tuple(
        WeekCost(
            week=week,
            overdue=prices.overdue_per_week * max(0, week - item.due_week),
            early=item.early_cost_per_week * max(0, item.due_week - week),
            downtime=0.0 if week in still else item.downtime_cost,
            moved=prices.moved if item.booked_week not in (None, week) else 0.0,
            trip=0.0 if week in travelled else prices.trip,
            hours=float(relaxed[week]),
            has_room=isfinite(hours[week]),
        )
        for week in problem.permitted_weeks(item)
    )
    rivals = [cost for cost in weeks if cost.has_room and cost.week != chosen]
    return Explanation(
        item_id=item_id,
        chosen=next((cost for cost in weeks if cost.week == chosen), None),
        runner_up=min(rivals, key=lambda cost: (cost.total, cost.week), default=None),
        weeks=weeks,
    )
