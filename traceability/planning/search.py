"""Plans found by hand's ways: earliest due first, local search site by site, repair.

The search lets hours be taken that nobody has, at a price; beside it each full week of a discipline
collects a toll, first what the relaxation prices it at, that grows from sweep to sweep while the
week stays over-full, so that whoever can work elsewhere leaves it to whom it alone suits. What is
still over-full in the end is repaired: a repaired plan breaks no rule. Nothing is random: one
problem has one plan.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traceability.planning.arrays import ENOUGH, FloatArray, IntArray, Load, ProblemArrays
from traceability.planning.model import Priced

CALL_OFF_WEEKS = 4  # how long before its due week the earliest-due-first plan takes an item
LAST_SWEEPS = 2  # when hours that nobody has are closed
FIRST_PRICE, LAST_PRICE = 40.0, 1500.0  # of an hour that nobody has
LONGEST_CHAIN = 6  # of items that make room for one
LEAST_DEARER, MOST_DEARER = 0.2, 40.0  # times the price of an overdue week, on top of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How tolls change in a search.

    Attributes:
        sweeps: how often each site is taken up meanwhile.
        first: times the relaxation's tolls, in the first sweep.
        step: an hour and sweep, of a week over-full by a fifth of its capacity or more.
    """

    sweeps: int
    first: float
    step: float


PACES = (Pace(sweeps=24, first=1.0, step=50.0), Pace(sweeps=24, first=1.5, step=50.0))
PACES_OF_MANY = (Pace(sweeps=14, first=1.5, step=100.0), Pace(sweeps=14, first=2.0, step=100.0))


def earliest_due_first(arrays: ProblemArrays) -> IntArray:
    """Return what a call-off list gives: by due week, each item into its first week with room.

    An item is called at most `CALL_OFF_WEEKS` before its due week; what finds no room from there
    on finds no week.
    """
    problem = arrays.problem
    weeks = np.full(len(problem.items), -1, dtype=np.int64)
    load = Load(arrays, weeks)
    by_due = sorted(
        range(len(problem.items)),
        key=lambda i: (problem.items[i].due_week, problem.items[i].latest_week, i),
    )
    for i in by_due:
        permitted = problem.permitted_weeks(problem.items[i])
        called = max(permitted.start, problem.items[i].due_week - CALL_OFF_WEEKS)
        room = load.room[arrays.discipline[i], called : max(called, permitted.stop)]
        fits = room + ENOUGH >= arrays.hours[i]
        if fits.any():
            weeks[i] = called + int(np.argmax(fits))
            load.put(np.array([i]), weeks[i : i + 1])
    return weeks


def search(
    arrays: ProblemArrays,
    start: IntArray,
    *,
    worth: Priced,
    pace: Pace,
    overdue_weeks: int,
    progress: Callable[[float], bool] = lambda _share: True,
) -> IntArray:
    """Improve a plan site by site while tolls and prices change, then repair and polish it.

    Args:
        arrays: the problem.
        start: the plan to begin with: the call-off list's.
        worth: what hours and overdue weeks are worth by the relaxation.
        pace: how tolls change.
        overdue_weeks: for how many weeks all items together may be overdue; overdue weeks grow
            dearer from sweep to sweep while they are more, and cheaper while they are not.
        progress: is told the share done, in [0, 1], after each site; False ends the search.
    """
    weeks, load = start.copy(), Load(arrays, start)
    load.toll = pace.first * worth.toll
    usual = arrays.problem.prices.overdue_per_week
    dearer = min(worth.overdue / usual, MOST_DEARER) if usual else 0.0
    steps = pace.sweeps + LAST_SWEEPS
    for sweep, price in enumerate(np.geomspace(FIRST_PRICE, LAST_PRICE, pace.sweeps)):
        priced = _priced(arrays, dearer)
        if not _sweep(priced, load, weeks, float(price), progress, (sweep, steps)):
            break
        load.toll = _next_toll(load, pace.step)
        is_late = arrays.overdue_of(weeks) > overdue_weeks
        dearer = np.clip(1.25 * dearer, LEAST_DEARER, MOST_DEARER) if is_late else 0.8 * dearer
    weeks = settle(
        arrays, repair(priced, weeks), listed=start, overdue_weeks=overdue_weeks, dearer=dearer
    )
    for sweep in range(pace.sweeps, steps):
        load = Load(arrays, weeks)
        goes_on = _sweep(_priced(arrays, dearer), load, weeks, np.inf, progress, (sweep, steps))
        if not goes_on:
            return weeks
        weeks = settle(arrays, weeks, listed=start, overdue_weeks=overdue_weeks, dearer=dearer)
    return weeks


def _priced(arrays: ProblemArrays, dearer: float) -> ProblemArrays:
    return arrays.with_overdue_at(dearer * arrays.problem.prices.overdue_per_week)


def _sweep(
    arrays: ProblemArrays,
    load: Load,
    weeks: IntArray,
    price: float,
    progress: Callable[[float], bool],
    place: tuple[int, int],
) -> bool:
    """Take up each site once; return whether to go on. `place` is which sweep of how many."""
    sweep, steps = place
    by_site = np.argsort(arrays.site, kind="stable")
    members = np.split(by_site, np.cumsum(np.bincount(arrays.site, minlength=1))[:-1])
    for position, of_site in enumerate(members):
        _Site(arrays, of_site).rearrange(load, weeks, price)
        if not progress((sweep + (position + 1) / len(members)) / steps):
            return False
    return True


def _next_toll(load: Load, most: float) -> FloatArray:
    """Return tolls that grew where a week is over-full, and fell where it has room."""
    usual = np.maximum(load.arrays.capacity.mean(axis=1, keepdims=True), ENOUGH)
    step = np.clip(-load.room / (0.2 * usual), -0.5, 1.0)
    toll: FloatArray = np.maximum(0.0, load.toll + most * step)
    return toll


def settle(
    arrays: ProblemArrays,
    weeks: IntArray,
    *,
    listed: IntArray,
    overdue_weeks: int,
    dearer: float = 0.0,
) -> IntArray:
    """Hasten a plan until it is overdue for no longer than allowed.

    Overdue weeks grow dearer as long as they are too many. Where moves do not help, what is later
    than in the call-off list is pressed into its week there, the latest first, and stays there
    while others are: in the end that is the list itself.
    """
    weeks = hasten(_priced(arrays, dearer), weeks)
    while arrays.overdue_of(weeks) > overdue_weeks and dearer < MOST_DEARER:
        dearer = min(max(1.0, 4 * dearer), MOST_DEARER)
        weeks = hasten(_priced(arrays, dearer), weeks)
    held = np.zeros(len(weeks), dtype=np.bool_)
    while (excess := arrays.overdue_of(weeks) - overdue_weeks) > 0:
        late = arrays.overdue_each(weeks) - arrays.overdue_each(listed)
        worst = np.argsort(np.where(held, 0.0, -late), kind="stable")
        worst = worst[(late[worst] > 0) & ~held[worst]]
        if not len(worst):
            break
        held[worst[: 1 + np.searchsorted(np.cumsum(late[worst]), excess)]] = True
        weeks = _press(_priced(arrays, dearer), weeks, held, listed)
    return weeks


def _press(
    arrays: ProblemArrays, weeks: IntArray, held: NDArray[np.bool_], listed: IntArray
) -> IntArray:
    """Return a plan in which some items have their weeks of the list, whoever must leave them."""
    items = np.flatnonzero(held)
    pressed, bound = np.where(held, listed, weeks), copy(arrays)
    bound.base, bound.unplaced = arrays.base.copy(), arrays.unplaced.copy()
    bound.base[items] = bound.unplaced[items] = np.inf  # whatever else they could do
    bound.base[items, listed[items]] = arrays.base[items, listed[items]]
    return repair(bound, pressed)


class _Work:
    """A plan while single items are moved in it: its weeks, its load and its trips."""

    def __init__(self, arrays: ProblemArrays, weeks: IntArray) -> None:
        self.arrays = arrays
        self.weeks = weeks.copy()
        self.load = Load(arrays, weeks)
        self.trips = np.zeros((len(arrays.sites), arrays.problem.weeks), dtype=np.int64)
        placed = weeks >= 0
        np.add.at(self.trips, (arrays.site[placed], weeks[placed]), 1)
        pairs = zip(arrays.discipline.tolist(), arrays.hours.tolist(), strict=True)
        self.classes = sorted(set(pairs))

    def is_in(self, discipline: int, hours: float) -> NDArray[np.bool_]:
        """Return which items are placed, of a discipline and so many hours."""
        arrays = self.arrays
        same = (arrays.discipline == discipline) & (arrays.hours == hours)
        return np.asarray(same & (self.weeks >= 0))

    def move(self, i: int, week: int) -> None:
        """Put an item into a week, −1 for none, out of that in which it is."""
        if self.weeks[i] >= 0:
            self.trips[self.arrays.site[i], self.weeks[i]] -= 1
            self.load.put(np.array([i]), self.weeks[i : i + 1], sign=-1.0)
        self.weeks[i] = week
        if week >= 0:
            self.trips[self.arrays.site[i], week] += 1
            self.load.put(np.array([i]), self.weeks[i : i + 1])

    def price(self, items: IntArray) -> FloatArray:
        """Return what items cost in each week, the trip included; (items, weeks)."""
        trip = self.arrays.problem.prices.trip * (self.trips[self.arrays.site[items]] == 0)
        price: FloatArray = self.arrays.base[items] + trip
        return price


def repair(arrays: ProblemArrays, weeks: IntArray) -> IntArray:
    """Return a plan without over-full weeks: of those the items cheapest to move are moved.

    What finds no week with room is left without one, and placed where room is left in the end.
    """
    work = _Work(arrays, weeks)
    while True:
        discipline, week = np.unravel_index(np.argmin(work.load.room), work.load.room.shape)
        if work.load.room[discipline, week] >= -1e-7:
            break
        _move_one(work, int(discipline), int(week))
    for i in np.flatnonzero(work.weeks < 0):
        _insert(work, int(i))
    return work.weeks


def _move_one(work: _Work, discipline: int, week: int) -> None:
    """Take the item that is cheapest to move, per hour, out of an over-full week."""
    arrays, load = work.arrays, work.load
    members = np.flatnonzero(
        (work.weeks == week) & _guilty(arrays, load, discipline, week)[arrays.discipline]
    )
    fits = load.room[arrays.discipline[members]] + ENOUGH >= arrays.hours[members, None]
    fits[:, week] = False
    elsewhere = np.where(fits, work.price(members), np.inf)
    cheapest = np.minimum(elsewhere.min(axis=1), arrays.unplaced[members])
    cost = cheapest - arrays.base[members, week]
    best = int(np.argmin(cost / arrays.hours[members]))
    finds = elsewhere[best].min() < arrays.unplaced[members[best]]
    work.move(int(members[best]), int(np.argmin(elsewhere[best])) if finds else -1)


def _guilty(arrays: ProblemArrays, load: Load, discipline: int, week: int) -> NDArray[np.bool_]:
    """Return which disciplines fill a week beyond what a discipline can have in it."""
    if load.hours[discipline, week] > arrays.most[discipline, week] + ENOUGH:
        return np.asarray(np.arange(len(arrays.disciplines)) == discipline)
    return load.short_set(discipline, week)


def _insert(work: _Work, i: int) -> None:
    """Place an item where there is room, if that is cheaper than leaving it out."""
    one = np.array([i])
    cost = (work.price(one) + work.load.price(one, np.inf))[0]
    week = int(np.argmin(cost))
    if cost[week] < work.arrays.unplaced[i]:
        work.move(i, week)


def hasten(arrays: ProblemArrays, weeks: IntArray) -> IntArray:
    """Return a plan in which late items, and those without a week, took room where that pays.

    An item takes a week with room, or the place of another item of its discipline, which takes the
    place of the next, and so on: the last goes to a week with room, or is left without one.
    """
    work = _Work(arrays, weeks)
    late = np.where(weeks < 0, np.inf, arrays.overdue[np.arange(len(weeks)), weeks])
    for i in np.argsort(-late, kind="stable")[: np.count_nonzero(late)]:
        _hasten_one(work, int(i))
    return work.weeks


def _hasten_one(work: _Work, i: int) -> None:
    arrays, one = work.arrays, np.array([i])
    discipline, hours = int(arrays.discipline[i]), float(arrays.hours[i])
    now = arrays.unplaced[i] if work.weeks[i] < 0 else arrays.base[i, work.weeks[i]]
    gain = work.price(one)[0] - now
    alone = gain + work.load.price(one, np.inf)[0]
    best, moves = float(alone.min()), [(i, int(np.argmin(alone)))]
    full = work.load.room[discipline] + ENOUGH < hours
    for of, gone in work.classes:
        room = work.load.room_without(discipline, gone, of=of)
        enters = np.where(full & (room + ENOUGH >= hours), gain, np.inf)
        mates = np.flatnonzero(work.is_in(of, gone)) if np.isfinite(enters).any() else one
        price, chain = _chain(work, i, enters, mates[mates != i])
        if price < best:
            best, moves = price, chain
    if best < -ENOUGH:
        for item, week in moves:
            work.move(item, week)


def _chain(
    work: _Work, i: int, enters: FloatArray, mates: IntArray
) -> tuple[float, list[tuple[int, int]]]:
    """Return the cheapest chain of moves that makes room for an item, with what it costs.

    Args:
        i: the item.
        enters: what it costs more than now, in the weeks where one mate makes room; (weeks,).
        mates: placed items of one discipline, of equal hours.
    """
    if not len(mates):
        return np.inf, []
    arrays, load, horizon = work.arrays, work.load, work.arrays.problem.weeks
    mates = mates[np.argsort(work.weeks[mates], kind="stable")]
    theirs = work.weeks[mates]
    away = np.column_stack([work.price(mates), arrays.unplaced[mates]])
    away -= arrays.base[mates, theirs][:, None]  # the last column: left without a week
    away[np.arange(len(mates)), theirs] = np.inf
    held, starts = np.unique(theirs, return_index=True)
    step = np.minimum.reduceat(away, starts)  # (weeks held, weeks + 1)
    stay = np.append(load.price(mates[:1], np.inf)[0], 0.0)
    reached = enters[held]
    came: list[IntArray] = []
    best, length, week = -ENOUGH, 0, horizon
    for _ in range(LONGEST_CHAIN):
        through = reached[:, None] + step
        came.append(np.argmin(through, axis=0))
        arrived = through.min(axis=0)
        total = arrived + stay
        if total.min() < best:
            best, length, week = float(total.min()), len(came), int(np.argmin(total))
        reached = arrived[held]
    moves, visited = [], {week}
    for origins in reversed(came[:length]):
        start = int(origins[week])
        mine = slice(int(starts[start]), int(starts[start + 1]) if start + 1 < len(held) else None)
        leaving = int(mates[mine][np.argmin(away[mine, week])])
        moves.append((leaving, -1 if week == horizon else week))
        week = int(held[start])
        visited.add(week)
    if not length or len(visited) <= length:
        return np.inf, []
    return best, [*moves, (i, week)]


class _Site:
    """One site's items, whose trips are chosen anew while all other work stays where it is."""

    def __init__(self, arrays: ProblemArrays, members: IntArray) -> None:
        self.members = members
        self.base = arrays.base[members]
        self.unplaced = arrays.unplaced[members]
        self.trip = arrays.problem.prices.trip

    def rearrange(self, load: Load, weeks: IntArray, missing: float) -> None:
        """Take the items out, place them anew, and keep what is cheaper.

        Args:
            load: of all items; it is kept true.
            weeks: of all items; this site's are changed.
            missing: the price of an hour that nobody has.
        """
        before = weeks[self.members]
        full = load.cost_in(_distinct(before), missing)
        load.put(self.members, before, sign=-1.0)
        paid = self._paid(before) + full - load.cost_in(_distinct(before), missing)
        cost = self.base + load.price(self.members, missing)
        travels = self._choose_trips(cost, before)
        bare = load.cost_in(np.arange(self.base.shape[1]), missing)
        after = self._fill(load, cost, travels, missing)
        full = load.cost_in(np.arange(self.base.shape[1]), missing)
        if self._paid(after) + full - bare + ENOUGH < paid:
            weeks[self.members] = after
            return
        load.put(self.members, after, sign=-1.0)
        load.put(self.members, before)

    def _paid(self, chosen: IntArray) -> float:
        """Return what the items cost where they are, trips included, hours apart."""
        placed = chosen >= 0
        base = self.base[placed, chosen[placed]].sum() + self.unplaced[~placed].sum()
        return float(base + self.trip * len(_distinct(chosen)))

    def _choose_trips(self, cost: FloatArray, before: IntArray) -> NDArray[np.bool_]:
        """Return the weeks to travel in, (weeks,): added, dropped and moved while it pays."""
        cost = np.minimum(cost, self.unplaced[:, None])
        travels = np.zeros(cost.shape[1], dtype=np.bool_)
        travels[_distinct(before)] = True
        while True:
            gone = np.flatnonzero(travels)
            near = np.column_stack([cost[:, gone], self.unplaced, self.unplaced])
            order = np.argsort(near, axis=1, kind="stable")[:, :2]
            reach, second = np.take_along_axis(near, order, axis=1).T
            added = self.trip + np.minimum(cost - reach[:, None], 0.0).sum(axis=0)
            added[gone] = np.inf
            # without one of the trips: (trips, items)
            without = np.where(order[:, 0] == np.arange(len(gone))[:, None], second, reach)
            dropped = (without - reach).sum(axis=1) - self.trip
            moved = np.minimum(without[:, :, None], cost).sum(axis=1) - reach.sum()
            moved[:, gone] = np.inf
            best = np.array([added.min(), dropped.min(initial=np.inf), moved.min(initial=np.inf)])
            if best.min() >= -ENOUGH:
                return travels
            way = int(np.argmin(best))
            if way == 0:
                travels[np.argmin(added)] = True
            elif way == 1:
                travels[gone[np.argmin(dropped)]] = False
            else:
                leaving, week = np.unravel_index(np.argmin(moved), moved.shape)
                travels[gone[leaving]] = False
                travels[week] = True

    def _fill(
        self, load: Load, cost: FloatArray, travels: NDArray[np.bool_], missing: float
    ) -> IntArray:
        """Place the items, those that lose most by waiting first; (members,)."""
        chosen = np.full(len(self.members), -1, dtype=np.int64)
        in_reach = np.minimum(np.where(travels, cost, np.inf), self.unplaced[:, None])
        reach = np.sort(in_reach, axis=1)[:, :2]
        order = np.argsort(reach[:, 0] - reach[:, -1], kind="stable")
        now = cost + self.trip * ~travels
        travels = travels.copy()
        for position in order:
            week = int(np.argmin(now[position]))
            if now[position, week] < self.unplaced[position]:
                chosen[position] = week
                load.put_one(int(self.members[position]), week)
                column = slice(week, week + 1)
                now[:, column] = self.base[:, column] + load.price(self.members, missing, column)
        return chosen


def _distinct(weeks: IntArray) -> IntArray:
    return np.flatnonzero(np.bincount(weeks[weeks >= 0]))
