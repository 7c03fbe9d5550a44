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
MANY = 10_000  # items; of more one search is enough if it comes near, and no program is solved
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
        closed: (closed sets, disciplines), of all sets that the same people serve, the largest:
            where its people suffice, so they do for the others.
        closed_people: (closed sets, weeks), their hours.
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
        self._close()

    def with_overdue_at(self, price: float) -> "ProblemArrays":
        """Return the same problem, in which each overdue week costs so much more."""
        priced = copy(self)
        priced.base = self.base + price * self.overdue
        priced.unplaced = self.unplaced + price * self.overdue_unplaced
        return priced

    def overdue_each(self, weeks: IntArray) -> FloatArray:
        """Return for how many weeks each item is overdue; without a week, to the horizon."""
        placed: FloatArray = self.overdue[np.arange(len(weeks)), weeks]
        return np.where(weeks < 0, self.overdue_unplaced, placed)

    def overdue_of(self, weeks: IntArray) -> float:
        """Return for how many weeks all items together are overdue."""
        return float(self.overdue_each(weeks).sum())

    def add_set(self, disciplines: Iterable[str]) -> None:
        """Count one more set of disciplines, found to be short of people."""
        row = np.array([[name in frozenset(disciplines) for name in self.disciplines]])
        self.sets = np.vstack([self.sets, row])
        self.people = np.vstack([self.people, self._people_of(row)])
        self._close()

    def _people_of(self, sets: NDArray[np.bool_]) -> FloatArray:
        number = {name: position for position, name in enumerate(self.disciplines)}
        return _people(self.problem, number, sets)

    def _close(self) -> None:
        may = np.array(
            [[name in one.disciplines for name in self.disciplines] for one in self.problem.persons]
        ).reshape(-1, len(self.disciplines))  # (persons, disciplines)
        strangers = ~(self.sets.astype(np.int64) @ may.T.astype(np.int64)).astype(np.bool_)
        closed = (strangers.astype(np.int64) @ may.astype(np.int64) == 0) & may.any(axis=0)
        self.closed = np.unique(closed | self.sets, axis=0)
        self.closed_people = self._people_of(self.closed)

    def plan_of(self, weeks: IntArray) -> Plan:
        """Return the plan that an array of weeks stands for; -1 is no week."""
        return tuple(None if week < 0 else int(week) for week in weeks)

    def weeks_of(self, plan: Plan) -> IntArray:
        """Return a plan as an array of weeks; -1 is no week."""
        return np.array([-1 if week is None else week for week in plan], dtype=np.int64)


class Load:
    """The hours that placed items take, of the laboratory and of its people.

    `toll` is a price for each hour of a discipline in a week, (disciplines, weeks), that the search
    sets to keep weeks free; it is no part of a plan's cost. `room` are the hours that still fit,
    (disciplines, weeks), negative where too full.
    """

    def __init__(self, arrays: ProblemArrays, weeks: IntArray) -> None:
        self.arrays = arrays
        self.hours = np.zeros(arrays.capacity.shape)
        self.toll = np.zeros(arrays.capacity.shape)
        self.room = np.zeros(arrays.capacity.shape)
        self._people_left = np.zeros(arrays.capacity.shape)
        self._sets_left = np.zeros((arrays.problem.weeks, len(arrays.closed)))
        self._sets = arrays.closed.astype(np.float64)
        self._elsewhere = np.where(arrays.closed.T, 0.0, np.inf)  # (disciplines, sets)
        placed = weeks >= 0
        np.add.at(self.hours, (arrays.discipline[placed], weeks[placed]), arrays.hours[placed])
        self._count(np.arange(arrays.problem.weeks))

    def put(self, items: IntArray, weeks: IntArray, *, sign: float = 1.0) -> None:
        """Place items into a week each; −1 is no week. A sign of −1 takes them out again."""
        placed = weeks >= 0
        items, weeks = items[placed], weeks[placed]
        arrays = self.arrays
        np.add.at(self.hours, (arrays.discipline[items], weeks), sign * arrays.hours[items])
        self._count(np.flatnonzero(np.bincount(weeks)))

    def put_one(self, item: int, week: int) -> None:
        """Place one item into a week, as `put` does, and quicker."""
        arrays = self.arrays
        self.hours[arrays.discipline[item], week] += arrays.hours[item]
        hours = self.hours[:, week]
        left = arrays.closed_people[:, week] - self._sets @ hours
        persons = (left + self._elsewhere).min(axis=1, initial=np.inf)
        self._sets_left[week] = left
        self._people_left[:, week] = persons
        self.room[:, week] = np.minimum(arrays.most[:, week] - hours, persons)

    def _count(self, weeks: IntArray) -> None:
        """Count anew what room is left in some weeks."""
        arrays = self.arrays
        left = arrays.closed_people[:, weeks].T - self.hours[:, weeks].T @ self._sets.T
        self._sets_left[weeks] = left
        persons = (left[:, None, :] + self._elsewhere).min(axis=2, initial=np.inf).T
        self._people_left[:, weeks] = persons
        self.room[:, weeks] = np.minimum(arrays.most[:, weeks] - self.hours[:, weeks], persons)

    def short_set(self, discipline: int, week: int) -> NDArray[np.bool_]:
        """Return the set of disciplines with the fewest hours of people left, of those it is in."""
        left = self._sets_left[week] + self._elsewhere[discipline]
        return np.asarray(self.arrays.closed[int(np.argmin(left))])

    def room_without(self, discipline: int, hours: float, *, of: int) -> FloatArray:
        """Return the hours of a discipline that fit in each week if `hours` of another are gone."""
        left = self._sets_left + hours * self._sets[:, of]
        persons = (left + self._elsewhere[discipline]).min(axis=1, initial=np.inf)
        laboratory = self.arrays.most[discipline] - self.hours[discipline]
        result: FloatArray = np.minimum(laboratory + hours * (of == discipline), persons)
        return result

    def price(self, items: IntArray, missing: float, weeks: slice = slice(None)) -> FloatArray:
        """Return what the hours of items would cost, each placed alone; (items, weeks).

        Args:
            items: which, (items,).
            missing: the price of an hour that nobody has; infinite, and there is no such hour.
            weeks: in which weeks; all, if not given.
        """
        arrays, prices = self.arrays, self.arrays.problem.prices
        of, hours = arrays.discipline[items], arrays.hours[items, None]
        reached = self.hours[:, weeks][of] + hours
        capacity = arrays.capacity[:, weeks][of]
        cost = prices.peak_per_hour * _part(reached - prices.peak_share * capacity, hours)
        cost += prices.overtime_per_hour * _part(reached - capacity, hours)
        cost += hours * self.toll[:, weeks][of]
        lacking = _part(hours - self.room[:, weeks][of], hours)
        if np.isinf(missing):
            return np.where(lacking > ENOUGH, np.inf, cost)
        cost += missing * lacking
        return cost

    def cost_in(self, weeks: IntArray, missing: float) -> float:
        """Return what the hours of some weeks cost; those that nobody has at a price each.

        At an infinite price a week that lacks hours costs infinitely much.
        """
        arrays, prices = self.arrays, self.arrays.problem.prices
        hours, capacity = self.hours[:, weeks], arrays.capacity[:, weeks]
        cost = prices.peak_per_hour * np.maximum(0.0, hours - prices.peak_share * capacity).sum()
        cost += prices.overtime_per_hour * np.maximum(0.0, hours - capacity).sum()
        cost += (hours * self.toll[:, weeks]).sum()
        laboratory = np.maximum(0.0, hours - arrays.most[:, weeks]).sum()
        persons = np.maximum(0.0, -self._people_left[:, weeks]).max(axis=0, initial=0.0).sum()
        lacking = float(laboratory + persons)
        return float(cost + missing * lacking if lacking > ENOUGH else cost)


def _part(over: FloatArray, hours: FloatArray) -> FloatArray:
    """Return how much of some hours lies beyond a limit that they reach `over`."""
    part: FloatArray = np.minimum(np.maximum(over, 0.0), hours)
    return part


def _base(problem: PlanningProblem) -> FloatArray:
    """Return what each item costs in each week by itself; infinite where it may not be."""
    prices, items, week = problem.prices, problem.items, np.arange(problem.weeks)
    early_cost = np.array([item.early_cost_per_week for item in items], dtype=np.float64)[:, None]
    due = np.array([item.due_week for item in items])[:, None]
    base: FloatArray = prices.overdue_per_week * np.maximum(0, week - due) + early_cost * (
        np.maximum(0, due - week)
    )
    still = {
        site: np.isin(week, list(weeks)) for site, weeks in problem.shutdown_weeks.items() if weeks
    }
    for i, item in enumerate(items):
        permitted = problem.permitted_weeks(item)
        base[i, : permitted.start] = np.inf
        base[i, max(permitted.stop, 0) :] = np.inf
        if item.downtime_cost:
            base[i] += np.where(still.get(item.site, False), 0.0, item.downtime_cost)
        if item.booked_week is not None:
            base[i] += np.where(week == item.booked_week, 0.0, prices.moved)
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
