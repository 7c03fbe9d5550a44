"""Plans found by hand's ways: earliest due first, local search site by site, repair.

The search lets hours be taken that nobody has, at a price; beside it each full week of a discipline
collects a toll that grows from sweep to sweep while the week stays over-full, so that whoever can
work elsewhere leaves it to whom it alone suits. What is still over-full in the end is repaired:
a repaired plan breaks no rule. Nothing is random: one problem has one plan.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from traceability.planning.arrays import ENOUGH, FloatArray, IntArray, Load, ProblemArrays

CALL_OFF_WEEKS = 4  # how long before its due week the earliest-due-first plan takes an item
SWEEPS = 24  # of all sites, while tolls grow
LAST_SWEEPS = 3  # when hours that nobody has are closed
FIRST_PRICE, LAST_PRICE = 40.0, 600.0  # of an hour that nobody has
TOLL = 100.0  # an hour and sweep, of a week over-full by a fifth of its capacity or more
TOLL_GROWTH, TOLL_KEPT = 1.06, 0.97  # from sweep to sweep
OVERDUE_TOLL = 5.0  # times the price of an overdue week, on top of it


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
        for week in range(called, permitted.stop):
            if load.room_at(int(arrays.discipline[i]), week) + ENOUGH >= arrays.hours[i]:
                weeks[i] = week
                load.add(int(arrays.discipline[i]), week, float(arrays.hours[i]))
                break
    return weeks


def search(
    arrays: ProblemArrays,
    start: IntArray,
    *,
    sweeps: int = SWEEPS,
    progress: Callable[[float], bool] = lambda _share: True,
) -> IntArray:
    """Improve a plan site by site while tolls and prices grow, then repair and polish it.

    Args:
        arrays: the problem.
        start: the plan to begin with.
        sweeps: how often each site is taken up; with fewer, tolls grow faster.
        progress: is told the share done, in [0, 1], after each site; False ends the search.
    """
    priced = arrays.with_overdue_at(OVERDUE_TOLL * arrays.problem.prices.overdue_per_week)
    weeks, load = start.copy(), Load(priced, start)
    sites = [np.flatnonzero(arrays.site == number) for number in range(len(arrays.sites))]
    for sweep, price in enumerate(np.geomspace(FIRST_PRICE, LAST_PRICE, sweeps)):
        for position, members in enumerate(sites):
            _Site(priced, load, members, float(price)).rearrange(weeks)
            if not progress((sweep + (position + 1) / len(sites)) / (sweeps + LAST_SWEEPS)):
                return hasten(priced, repair(priced, weeks))
        load.toll = TOLL_KEPT * load.toll + _new_toll(load, SWEEPS / sweeps * TOLL_GROWTH**sweep)
    weeks = hasten(priced, repair(priced, weeks))
    load = Load(priced, weeks)
    for sweep in range(sweeps, sweeps + LAST_SWEEPS):
        for position, members in enumerate(sites):
            _Site(priced, load, members, np.inf).rearrange(weeks)
            if not progress((sweep + (position + 1) / len(sites)) / (sweeps + LAST_SWEEPS)):
                return weeks
    return hasten(priced, weeks)


def _new_toll(load: Load, growth: float) -> FloatArray:
    usual = np.maximum(load.arrays.capacity.mean(axis=1, keepdims=True), ENOUGH)
    toll: FloatArray = TOLL * growth * np.clip(-load.room() / (0.2 * usual), 0.0, 1.0)
    return toll


def repair(arrays: ProblemArrays, weeks: IntArray) -> IntArray:
    """Return a plan without over-full weeks: of those the items cheapest to move are moved.

    What finds no week with room is left without one, and placed where room is left in the end.
    """
    weeks = weeks.copy()
    load = Load(arrays, weeks)
    trips = _Trips(arrays, weeks)
    while True:
        room = load.room()
        discipline, week = np.unravel_index(np.argmin(room), room.shape)
        if room[discipline, week] >= -1e-7:
            break
        _move_one(arrays, load, trips, weeks, int(discipline), int(week))
    for i in np.flatnonzero(weeks < 0):
        _insert(arrays, load, trips, weeks, int(i))
    return weeks


class _Trips:
    """How many items each site has in each week."""

    def __init__(self, arrays: ProblemArrays, weeks: IntArray) -> None:
        self.count = np.zeros((len(arrays.sites), arrays.problem.weeks), dtype=np.int64)
        placed = weeks >= 0
        np.add.at(self.count, (arrays.site[placed], weeks[placed]), 1)

    def price(self, arrays: ProblemArrays, sites: IntArray) -> FloatArray:
        """Return what a trip to each site costs in each week: nothing where there is one."""
        price: FloatArray = arrays.problem.prices.trip * (self.count[sites] == 0)
        return price


def hasten(arrays: ProblemArrays, weeks: IntArray) -> IntArray:
    """Return a plan in which late items, and those without a week, took room where that pays.

    An item takes a week with room, or the place of one other item of its discipline, which then
    goes to the cheapest week with room for it.
    """
    weeks = weeks.copy()
    load, trips = Load(arrays, weeks), _Trips(arrays, weeks)
    late = np.where(weeks < 0, np.inf, arrays.overdue[np.arange(len(weeks)), weeks])
    for i in np.argsort(-late, kind="stable")[: np.count_nonzero(late)]:
        _hasten_one(arrays, load, trips, weeks, int(i))
    return weeks


def _hasten_one(arrays: ProblemArrays, load: Load, trips: _Trips, weeks: IntArray, i: int) -> None:
    hours, discipline = float(arrays.hours[i]), int(arrays.discipline[i])
    now = arrays.unplaced[i] if weeks[i] < 0 else arrays.base[i, weeks[i]]
    wanted = arrays.base[i] + trips.price(arrays, arrays.site[i : i + 1])[0]
    best: tuple[float, int, int, int] = (-ENOUGH, -1, -1, -1)  # price, week, who leaves, whither
    for week in np.flatnonzero(wanted < now):
        room = load.room_at(discipline, int(week))
        if room + ENOUGH >= hours:
            best = min(best, (float(wanted[week] - now), int(week), -1, -1))
            continue
        mates = (weeks == week) & (arrays.discipline == discipline)
        for j in np.flatnonzero(mates & (arrays.hours + room + ENOUGH >= hours)):
            cost = arrays.base[j] + load.price(discipline, float(arrays.hours[j]), np.inf)
            cost = cost + trips.price(arrays, arrays.site[j : j + 1])[0] - arrays.base[j, week]
            cost[week] = np.inf
            price = float(wanted[week] - now + cost.min())
            best = min(best, (price, int(week), int(j), int(np.argmin(cost))))
    _price, chosen, leaving, whither = best
    if chosen < 0:
        return
    if leaving >= 0:
        _take_out(arrays, load, trips, weeks, leaving)
        _put(arrays, load, trips, weeks, leaving, whither)
    if weeks[i] >= 0:
        _take_out(arrays, load, trips, weeks, i)
    _put(arrays, load, trips, weeks, i, chosen)


def _move_one(
    arrays: ProblemArrays,
    load: Load,
    trips: _Trips,
    weeks: IntArray,
    discipline: int,
    week: int,
) -> None:
    """Take the item that is cheapest to move, per hour, out of an over-full week."""
    members = np.flatnonzero(
        (weeks == week) & _guilty(arrays, load, discipline, week)[arrays.discipline]
    )
    room = load.room()[arrays.discipline[members]]
    fits = room + ENOUGH >= arrays.hours[members, None]
    fits[:, week] = False
    elsewhere = np.where(fits, arrays.base[members], np.inf)
    elsewhere += trips.price(arrays, arrays.site[members])
    cheapest = np.minimum(elsewhere.min(axis=1), arrays.unplaced[members])
    cost = cheapest - arrays.base[members, week]
    best = int(np.argmin(cost / arrays.hours[members]))
    _take_out(arrays, load, trips, weeks, int(members[best]))
    if elsewhere[best].min() < arrays.unplaced[members[best]]:
        _put(arrays, load, trips, weeks, int(members[best]), int(np.argmin(elsewhere[best])))


def _guilty(arrays: ProblemArrays, load: Load, discipline: int, week: int) -> NDArray[np.bool_]:
    """Return which disciplines fill a week beyond what a discipline can have in it."""
    if load.hours[discipline, week] > arrays.most[discipline, week] + ENOUGH:
        return np.asarray(np.arange(len(arrays.disciplines)) == discipline)
    over = np.where(
        arrays.sets[:, discipline], load.of_sets[:, week] - arrays.people[:, week], -np.inf
    )
    return np.asarray(arrays.sets[int(np.argmax(over))])


def _insert(arrays: ProblemArrays, load: Load, trips: _Trips, weeks: IntArray, i: int) -> None:
    """Place an item where there is room, if that is cheaper than leaving it out."""
    cost = arrays.base[i] + load.price(int(arrays.discipline[i]), float(arrays.hours[i]), np.inf)
    cost = cost + trips.price(arrays, arrays.site[i : i + 1])[0]
    week = int(np.argmin(cost))
    if cost[week] < arrays.unplaced[i]:
        _put(arrays, load, trips, weeks, i, week)


def _put(
    arrays: ProblemArrays, load: Load, trips: _Trips, weeks: IntArray, i: int, week: int
) -> None:
    weeks[i] = week
    trips.count[arrays.site[i], week] += 1
    load.add(int(arrays.discipline[i]), week, float(arrays.hours[i]))


def _take_out(arrays: ProblemArrays, load: Load, trips: _Trips, weeks: IntArray, i: int) -> None:
    week = int(weeks[i])
    weeks[i] = -1
    trips.count[arrays.site[i], week] -= 1
    load.add(int(arrays.discipline[i]), week, -float(arrays.hours[i]))


class _Site:
    """One site's items, whose trips are chosen anew while all other work stays where it is."""

    def __init__(self, arrays: ProblemArrays, load: Load, members: IntArray, price: float) -> None:
        self.arrays = arrays
        self.load = load
        self.members = members
        self.price = price
        self.prices = arrays.problem.prices
        self.unplaced = arrays.unplaced[members]

    def rearrange(self, weeks: IntArray) -> None:
        """Take the items out, place them anew, and keep what is cheaper."""
        before = weeks[self.members]
        self._place(before, -1.0)
        cost = np.stack([self._cost(position) for position in range(len(self.members))])
        after = self._fill(cost, self._choose_trips(cost, before))
        if self._paid(after) + ENOUGH < self._paid(before):
            weeks[self.members] = after
        self._place(weeks[self.members], 1.0)

    def _place(self, chosen: IntArray, sign: float) -> None:
        for i, week in zip(self.members, chosen, strict=True):
            if week >= 0:
                self.load.add(
                    int(self.arrays.discipline[i]), int(week), sign * float(self.arrays.hours[i])
                )

    def _cost(self, position: int) -> FloatArray:
        """Return what one item costs in each week with the load as it is, trips apart."""
        i = int(self.members[position])
        hours = float(self.arrays.hours[i])
        cost: FloatArray = self.arrays.base[i] + self.load.price(
            int(self.arrays.discipline[i]), hours, self.price
        )
        return cost

    def _choose_trips(self, cost: FloatArray, before: IntArray) -> NDArray[np.bool_]:
        """Return the weeks to travel in, (weeks,): added, dropped and swapped while it pays."""
        travels = np.zeros(cost.shape[1], dtype=np.bool_)
        travels[before[before >= 0]] = True
        paid = self._with_trips(cost, travels)
        while True:
            trials = np.concatenate([_toggled(travels), _swapped(travels)])
            prices = [self._with_trips(cost, trial) for trial in trials]
            best = int(np.argmin(prices))
            if prices[best] + ENOUGH >= paid:
                return travels
            travels, paid = trials[best], prices[best]

    def _with_trips(self, cost: FloatArray, travels: NDArray[np.bool_]) -> float:
        in_reach = np.where(travels, cost, np.inf).min(axis=1)
        placed = np.minimum(in_reach, self.unplaced).sum()
        return float(placed + self.prices.trip * travels.sum())

    def _fill(self, cost: FloatArray, travels: NDArray[np.bool_]) -> IntArray:
        """Place the items one by one, those that lose most by waiting first; (members,)."""
        chosen = np.full(len(self.members), -1, dtype=np.int64)
        travels = travels.copy()
        in_reach = np.where(travels, cost, np.inf)
        reach = np.sort(np.minimum(in_reach, self.unplaced[:, None]), axis=1)
        regret = reach[:, 1] - reach[:, 0] if reach.shape[1] > 1 else reach[:, 0]
        for position in np.argsort(-regret, kind="stable"):
            now = self._cost(int(position)) + self.prices.trip * ~travels
            week = int(np.argmin(now))
            if now[week] < self.unplaced[position]:
                chosen[position] = week
                travels[week] = True
                i = self.members[position]
                self.load.add(int(self.arrays.discipline[i]), week, float(self.arrays.hours[i]))
        self._place(chosen, -1.0)
        return chosen

    def _paid(self, chosen: IntArray) -> float:
        """Return what the items cost where they are, trips and the hours they add included."""
        placed = chosen >= 0
        weeks = np.unique(chosen[placed])
        base = self.arrays.base[self.members[placed], chosen[placed]].sum()
        before = self.load.cost_in(weeks, self.price)
        self._place(chosen, 1.0)
        hours = self.load.cost_in(weeks, self.price) - before
        self._place(chosen, -1.0)
        unplaced = self.unplaced[~placed].sum()
        return float(base + hours + self.prices.trip * len(weeks) + unplaced)


def _toggled(travels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return every set of trips with one week more or one less, (weeks, weeks)."""
    return travels ^ np.eye(len(travels), dtype=np.bool_)


def _swapped(travels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return every set of trips with one week moved to the week before or after."""
    rows = []
    for week in np.flatnonzero(travels):
        for other in (week - 1, week + 1):
            if 0 <= other < len(travels) and not travels[other]:
                row = travels.copy()
                row[week], row[other] = False, True
                rows.append(row)
    return np.array(rows, dtype=np.bool_).reshape(len(rows), len(travels))
