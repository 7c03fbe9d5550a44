"""A planning problem as arrays, and the hours a plan has used so far.

Items are rows, weeks are columns. `base` is what an item costs in a week whatever else is planned.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from traceability.planning.problem import Plan, PlanningProblem

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ENOUGH = 1e-9  # hours, and money that is worth a change
ALL_SUBSETS_UP_TO = 10  # disciplines that share people


class ProblemArrays:
    """The numbers of a planning problem.

    Attributes:
        base: (items, weeks), overdue, early, downtime and moving; infinite where not permitted.
        unplaced: (items,), what an item costs that finds no week.
        overdue: (items, weeks), for how many weeks an item is overdue then.
        overdue_unplaced: (items,), the same to the horizon, of an item without a week.
        hours, site, discipline: (items,).
        capacity: (disciplines, weeks), the laboratory's hours.
        most: (disciplines, weeks), with overtime: the hours that may not be exceeded.
        sets: (sets, disciplines), which disciplines each set holds whose people are counted.
        people: (sets, weeks), hours of the people authorised for any discipline of the set.
    """

    def __init__(self, problem: PlanningProblem) -> None:
        self.problem = problem
        self.sites = sorted({item.site for item in problem.items})
        self.disciplines = sorted(problem.capacity_hours)
        site_number = {name: number for number, name in enumerate(self.sites)}
        number = {name: number for number, name in enumerate(self.disciplines)}
        self.hours = np.array([item.hours for item in problem.items])
        self.site = np.array([site_number[item.site] for item in problem.items], dtype=np.int64)
        self.discipline = np.array(
            [number[item.discipline] for item in problem.items], dtype=np.int64
        )
        self.base = _base(problem)
        self.unplaced = np.full(len(problem.items), problem.prices.unplaced)
        self.overdue = _overdue(problem)
        self.overdue_unplaced = np.array(
            [max(0, problem.weeks - item.due_week) for item in problem.items], dtype=np.float64
        )
        self.capacity = np.array([problem.capacity_hours[name] for name in self.disciplines])
        self.most = self.capacity * (1 + problem.prices.overtime_share)
        self.sets = _sets(problem, number)
        self.people = _people(problem, number, self.sets)
        self.holding = [np.flatnonzero(column) for column in self.sets.T]

    def with_overdue_at(self, price: float) -> "ProblemArrays":
        """Return the same problem, in which each overdue week costs so much more."""
        priced = copy(self)
        priced.base = self.base + price * self.overdue
        priced.unplaced = self.unplaced + price * self.overdue_unplaced
        return priced

    def add_set(self, disciplines: Iterable[str]) -> None:
        """Count one more set of disciplines, found to be short of people."""
        row = np.array([[name in frozenset(disciplines) for name in self.disciplines]])
        self.sets = np.vstack([self.sets, row])
        number = {name: position for position, name in enumerate(self.disciplines)}
        self.people = np.vstack([self.people, _people(self.problem, number, row)])
        self.holding = [np.flatnonzero(column) for column in self.sets.T]

    def plan_of(self, weeks: IntArray) -> Plan:
        """Return the plan that an array of weeks stands for; -1 is no week."""
        return tuple(None if week < 0 else int(week) for week in weeks)

    def weeks_of(self, plan: Plan) -> IntArray:
        """Return a plan as an array of weeks; -1 is no week."""
        return np.array([-1 if week is None else week for week in plan], dtype=np.int64)


class Load:
    """The hours that placed items take, of the laboratory and of its people.

    `toll` is a price for each hour of a discipline in a week, (disciplines, weeks), that the search
    sets to keep weeks free; it is no part of a plan's cost.
    """

    def __init__(self, arrays: ProblemArrays, weeks: IntArray) -> None:
        self.arrays = arrays
        self.hours = np.zeros(arrays.capacity.shape)
        placed = weeks >= 0
        np.add.at(self.hours, (arrays.discipline[placed], weeks[placed]), arrays.hours[placed])
        self.of_sets = arrays.sets.astype(np.float64) @ self.hours
        self.toll = np.zeros(arrays.capacity.shape)

    def add(self, discipline: int, week: int, hours: float) -> None:
        """Place hours, or take them out again if they are negative."""
        self.hours[discipline, week] += hours
        self.of_sets[self.arrays.holding[discipline], week] += hours

    def room(self) -> FloatArray:
        """Return the hours that still fit, (disciplines, weeks); negative where too full."""
        laboratory = self.arrays.most - self.hours
        left = self.arrays.people - self.of_sets
        persons = np.stack(
            [left[holds].min(axis=0) for holds in self.arrays.holding]
        )  # each discipline is in a set of its own at least
        result: FloatArray = np.minimum(laboratory, persons)
        return result

    def room_at(self, discipline: int, week: int) -> float:
        """Return the hours of a discipline that still fit into a week."""
        holds = self.arrays.holding[discipline]
        persons = (self.arrays.people[holds, week] - self.of_sets[holds, week]).min()
        laboratory = self.arrays.most[discipline, week] - self.hours[discipline, week]
        return float(min(laboratory, persons))

    def price(self, discipline: int, hours: float, missing: float) -> FloatArray:
        """Return what more hours of a discipline cost in each week, (weeks,).

        Args:
            discipline: whose.
            hours: how many.
            missing: the price of an hour that nobody has; infinite, and there is no such hour.
        """
        arrays, before = self.arrays, self.hours[discipline]
        capacity = arrays.capacity[discipline]
        cost = _hours_cost(arrays, before + hours, capacity) - _hours_cost(arrays, before, capacity)
        cost = cost + hours * self.toll[discipline]
        holds = arrays.holding[discipline]
        left = np.minimum(
            arrays.most[discipline] - before,
            (arrays.people[holds] - self.of_sets[holds]).min(axis=0),
        )
        lacking = np.clip(hours - left, 0.0, hours)
        if np.isinf(missing):
            return np.where(lacking > ENOUGH, np.inf, cost)
        result: FloatArray = cost + missing * lacking
        return result

    def cost_in(self, weeks: IntArray, missing: float) -> float:
        """Return what the hours of some weeks cost; those that nobody has at a price each.

        At an infinite price a week that lacks hours costs infinitely much.
        """
        arrays, hours = self.arrays, self.hours[:, weeks]
        cost = _hours_cost(arrays, hours, arrays.capacity[:, weeks]).sum()
        cost += (hours * self.toll[:, weeks]).sum()
        laboratory = np.maximum(0.0, hours - arrays.most[:, weeks]).sum()
        persons = np.maximum(0.0, self.of_sets[:, weeks] - arrays.people[:, weeks])
        lacking = float(laboratory + persons.max(axis=0, initial=0.0).sum())
        if lacking <= ENOUGH:
            return float(cost)
        return float(cost + missing * lacking)


def _hours_cost(arrays: ProblemArrays, hours: FloatArray, capacity: FloatArray) -> FloatArray:
    """Return the price of a load: of its peak and of its overtime."""
    prices = arrays.problem.prices
    cost: FloatArray = prices.peak_per_hour * np.maximum(
        0.0, hours - prices.peak_share * capacity
    ) + prices.overtime_per_hour * np.maximum(0.0, hours - capacity)
    return cost


def _base(problem: PlanningProblem) -> FloatArray:
    weeks = np.arange(problem.weeks)
    prices = problem.prices
    base = np.full((len(problem.items), problem.weeks), np.inf)
    for row, item in zip(base, problem.items, strict=True):
        permitted = problem.permitted_weeks(item)
        if not permitted:
            continue
        window = slice(permitted.start, permitted.stop)
        week = weeks[window]
        cost = prices.overdue_per_week * np.maximum(0, week - item.due_week)
        cost = cost + item.early_cost_per_week * np.maximum(0, item.due_week - week)
        if item.downtime_cost:
            still = np.isin(week, list(problem.shutdown_weeks.get(item.site, ())))
            cost = cost + np.where(still, 0.0, item.downtime_cost)
        if item.booked_week is not None:
            cost = cost + np.where(week == item.booked_week, 0.0, prices.moved)
        row[window] = cost
    return base


def _overdue(problem: PlanningProblem) -> FloatArray:
    due = np.array([item.due_week for item in problem.items], dtype=np.float64)
    overdue: FloatArray = np.maximum(0.0, np.arange(problem.weeks) - due[:, None])
    return overdue


def _sets(problem: PlanningProblem, number: Mapping[str, int]) -> NDArray[np.bool_]:
    """Return sets of disciplines whose people are worth counting (Hall's condition).

    All subsets of disciplines that share people, where those are few; else single ones, pairs and
    the whole, to which `add_set` adds what a check finds.
    """
    rows: list[tuple[int, ...]] = []
    for together in _connected(problem, number):
        few = len(together) <= ALL_SUBSETS_UP_TO
        sizes = range(1, len(together) + 1) if few else (1, 2, len(together))
        rows += [subset for size in sizes for subset in combinations(together, size)]
    sets = np.zeros((len(rows), len(number)), dtype=np.bool_)
    for position, row in enumerate(rows):
        sets[position, list(row)] = True
    return sets


def _connected(problem: PlanningProblem, number: Mapping[str, int]) -> list[list[int]]:
    """Return the disciplines grouped by whom they share people with."""
    group = {name: {name} for name in number}
    for person in problem.persons:
        shared = [name for name in person.disciplines if name in number]
        if shared:
            joined = set().union(*(group[name] for name in shared))
            group.update(dict.fromkeys(joined, joined))
    return [
        list(positions)
        for positions in {tuple(sorted(number[name] for name in names)) for names in group.values()}
    ]


def _people(
    problem: PlanningProblem, number: Mapping[str, int], sets: NDArray[np.bool_]
) -> FloatArray:
    people = np.zeros((len(sets), problem.weeks))
    for person in problem.persons:
        disciplines = [number[name] for name in person.disciplines if name in number]
        people[sets[:, disciplines].any(axis=1)] += np.array(person.hours)
    return people
