"""What a plan costs, and whether it holds: computed afresh, by none of the planners' code."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import fsum
from typing import Any

import networkx as nx

from traceability.planning.problem import Plan, PlanningProblem

NEARLY = 1e-6  # hours


class Rule(StrEnum):
    """What a plan must keep."""

    PERMITTED_WEEK = "permitted_week"
    LABORATORY_HOURS = "laboratory_hours"
    PERSONS_HOURS = "persons_hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that a plan breaks: by which item, or for which disciplines in which week.

    `need` and `have` are hours; None where the rule is about a week.
    """

    rule: Rule
    week: int
    item_id: str | None = None
    disciplines: frozenset[str] = frozenset()
    need: float | None = None
    have: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCost:
    """The cost of a plan, term by term."""

    overdue: float
    early: float
    downtime: float
    trips: float
    peak: float
    overtime: float
    unplaced: float
    moved: float

    @property
    def total(self) -> float:
        """The sum of the terms."""
        return fsum(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPlan:
    """A plan with what it costs, what it breaks, and the counts that people ask for.

    Attributes:
        overdue_weeks: over all items; one without a week counts as overdue to the horizon.
    """

    plan: Plan
    cost: PlanCost
    violations: tuple[Violation, ...]
    unplaced: int
    trips: int
    overdue_weeks: int
    moved: int

    @property
    def is_feasible(self) -> bool:
        """Whether it breaks no rule; an item without a week breaks none."""
        return not self.violations


def check_plan(problem: PlanningProblem, plan: Plan) -> CheckedPlan:
    """Return a plan's cost and everything it breaks.

    Args:
        problem: what was planned.
        plan: of each item its week, or None.

    Raises:
        ValueError: the plan has another length than the problem's items.
    """
    placed = [
        (item, week) for item, week in zip(problem.items, plan, strict=True) if week is not None
    ]
    load: dict[str, Counter[int]] = defaultdict(Counter)
    for item, week in placed:
        load[item.discipline][week] += item.hours  # type: ignore[assignment]
    trips = len({(item.site, week) for item, week in placed})
    missing = [item for item, week in zip(problem.items, plan, strict=True) if week is None]
    moved = sum(
        item.booked_week is not None and week != item.booked_week
        for item, week in zip(problem.items, plan, strict=True)
    )
    late = sum(max(0, week - item.due_week) for item, week in placed)
    return CheckedPlan(
        plan=plan,
        cost=_cost(problem, plan, load, trips=trips, moved=moved),
        violations=(
            *_outside(problem, plan),
            *_over_capacity(problem, load),
            *_short_of_persons(problem, load),
        ),
        unplaced=len(missing),
        trips=trips,
        overdue_weeks=late + sum(max(0, problem.weeks - item.due_week) for item in missing),
        moved=moved,
    )


def _cost(
    problem: PlanningProblem,
    plan: Plan,
    load: Mapping[str, Mapping[int, float]],
    *,
    trips: int,
    moved: int,
) -> PlanCost:
    prices = problem.prices
    overdue = early = downtime = peak = overtime = 0.0
    for item, week in zip(problem.items, plan, strict=True):
        if week is None:
            continue
        overdue += prices.overdue_per_week * max(0, week - item.due_week)
        early += item.early_cost_per_week * max(0, item.due_week - week)
        if week not in problem.shutdown_weeks.get(item.site, frozenset()):
            downtime += item.downtime_cost
    for discipline, by_week in load.items():
        for week, hours in by_week.items():
            if not 0 <= week < problem.weeks:
                continue
            capacity = problem.capacity_hours[discipline][week]
            peak += prices.peak_per_hour * max(0.0, hours - prices.peak_share * capacity)
            overtime += prices.overtime_per_hour * max(0.0, hours - capacity)
    return PlanCost(
        overdue=overdue,
        early=early,
        downtime=downtime,
        trips=prices.trip * trips,
        peak=peak,
        overtime=overtime,
        unplaced=prices.unplaced * sum(week is None for week in plan),
        moved=prices.moved * moved,
    )


def _outside(problem: PlanningProblem, plan: Plan) -> list[Violation]:
    return [
        Violation(rule=Rule.PERMITTED_WEEK, week=week, item_id=item.id)
        for item, week in zip(problem.items, plan, strict=True)
        if week is not None and week not in problem.permitted_weeks(item)
    ]


def _over_capacity(
    problem: PlanningProblem, load: Mapping[str, Mapping[int, float]]
) -> list[Violation]:
    found = []
    for discipline, by_week in load.items():
        for week, need in sorted(by_week.items()):
            if not 0 <= week < problem.weeks:
                continue
            have = problem.capacity_hours[discipline][week] * (1 + problem.prices.overtime_share)
            if need > have + NEARLY:
                found.append(
                    Violation(
                        rule=Rule.LABORATORY_HOURS,
                        week=week,
                        disciplines=frozenset({discipline}),
                        need=need,
                        have=have,
                    )
                )
    return found


def _short_of_persons(
    problem: PlanningProblem, load: Mapping[str, Mapping[int, float]]
) -> list[Violation]:
    """Return the weeks in which the persons cannot do the work, with the disciplines that starve.

    A maximum flow from persons to disciplines shows it; the minimum cut names the disciplines.
    """
    found = []
    for week in range(problem.weeks):
        need = {of: by_week[week] for of, by_week in load.items() if by_week.get(week)}
        if not need:
            continue
        graph: Any = nx.DiGraph()
        graph.add_nodes_from(("source", "sink"))
        for person in problem.persons:
            graph.add_edge("source", ("person", person.name), capacity=person.hours[week])
            for discipline in person.disciplines & need.keys():
                graph.add_edge(("person", person.name), ("discipline", discipline))
        for discipline, hours in need.items():
            graph.add_edge(("discipline", discipline), "sink", capacity=hours)
        done, (_, starving) = nx.minimum_cut(graph, "source", "sink")
        if done < sum(need.values()) - NEARLY:
            short = frozenset(node[1] for node in starving if node[0] == "discipline")
            found.append(
                Violation(
                    rule=Rule.PERSONS_HOURS,
                    week=week,
                    disciplines=short,
                    need=sum(need[of] for of in short),
                    have=sum(p.hours[week] for p in problem.persons if p.disciplines & short),
                )
            )
    return found


def trip_weeks(problem: PlanningProblem, plan: Plan) -> frozenset[tuple[str, int]]:
    """Return the distinct pairs of site and week in which a plan travels."""
    return frozenset(
        (item.site, week)
        for item, week in zip(problem.items, plan, strict=True)
        if week is not None
    )
