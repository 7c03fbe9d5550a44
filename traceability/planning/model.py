"""The planning problem as an integer program, solved by HiGHS, and what its hours are worth.

x[i, w] says whether item i is placed in week w, u[i] that it is not, y[s, w] whether site s is
visited; peak[d, w] and ot[d, w] are hours, h[g, d, w] those of people on a discipline, all who are
authorised for the same counted together. One row for each (i, w) ties x to y: summed rows would
weaken the bound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array

from traceability.planning.arrays import FloatArray, IntArray, ProblemArrays

ROUNDS = (1_000, 500)  # steps of the first-order method that prices hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What the relaxation says that hours and time are worth.

    Attributes:
        bound: no plan costs less.
        toll: (disciplines, weeks), ≥ 0, for each hour of a discipline, besides peak and overtime.
        overdue: ≥ 0, for each overdue week, besides its price.
    """

    bound: float
    toll: FloatArray
    overdue: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What the solver found.

    Attributes:
        weeks: (items,), -1 for none; None if no plan was found in time.
        bound: no plan of this model costs less; None if the solver gave none.
        is_optimal: whether the gap asked for was reached.
    """

    weeks: IntArray | None
    bound: float | None
    is_optimal: bool


class _SilentHighs(highspy.Highs):
    """HiGHS that prints nothing, not even its greeting when its callbacks are enabled."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def enableCallbacks(self) -> None:  # noqa: N802 - HiGHS's name
        self.silent()
        super().enableCallbacks()  # type: ignore[no-untyped-call]


class _Program:
    """Variables and rows of a linear program, gathered piece by piece."""

    def __init__(self) -> None:
        self._cost: list[FloatArray] = []
        self._upper: list[FloatArray] = []
        self._integer: list[NDArray[np.bool_]] = []
        self._count = 0
        self._rows: list[IntArray] = []
        self._columns: list[IntArray] = []
        self._values: list[FloatArray] = []
        self._low: list[FloatArray] = []
        self._high: list[FloatArray] = []
        self.row_count = 0

    def variables(
        self, cost: FloatArray, *, upper: FloatArray | float, integer: bool = False
    ) -> IntArray:
        """Add variables in [0, upper], which is finite; return their columns."""
        columns = np.arange(self._count, self._count + len(cost))
        self._cost.append(cost)
        self._upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), cost.shape))
        self._integer.append(np.full(len(cost), integer))
        self._count += len(cost)
        return columns

    def constrain(self, low: FloatArray, high: FloatArray) -> IntArray:
        """Add rows low ≤ … ≤ high; return their numbers."""
        rows = np.arange(self.row_count, self.row_count + len(low))
        self._low.append(low)
        self._high.append(high)
        self.row_count += len(low)
        return rows

    def enter(self, rows: IntArray, columns: IntArray, values: FloatArray | float) -> None:
        """Write coefficients into rows."""
        self._rows.append(rows)
        self._columns.append(columns)
        self._values.append(np.broadcast_to(np.asarray(values, dtype=np.float64), rows.shape))

    def solver(self, *, integer: bool, seconds: float) -> highspy.Highs:
        """Return HiGHS with this program and a time limit, to be run on one core."""
        solver, model, matrix = _SilentHighs(), highspy.HighsLp(), self._matrix()
        solver.setOptionValue("time_limit", seconds)
        solver.setOptionValue("threads", 1)
        model.num_row_, model.num_col_ = matrix.shape
        model.col_cost_ = self.costs()
        model.col_lower_ = np.zeros(self._count)
        model.col_upper_ = np.concatenate(self._upper)
        model.row_lower_ = np.concatenate(self._low)
        model.row_upper_ = np.concatenate(self._high)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = matrix.indptr
        model.a_matrix_.index_ = matrix.indices
        model.a_matrix_.value_ = matrix.data
        if integer:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            model.integrality_ = [kinds[int(one)] for one in np.concatenate(self._integer)]
        solver.passModel(model)
        return solver

    def costs(self) -> FloatArray:
        """Return what a unit of each variable costs."""
        return np.concatenate(self._cost)

    def signed(self, dual: FloatArray) -> FloatArray:
        """Return duals of rows, 0 where one would price what its row does not limit."""
        low, high = np.concatenate(self._low), np.concatenate(self._high)
        return np.where(
            dual > 0, np.where(np.isinf(low), 0.0, dual), np.where(np.isinf(high), 0.0, dual)
        )

    def bound(self, dual: FloatArray, cost: FloatArray) -> float:
        """Return what no point costs less than at some costs, by whatever signed duals of rows.

        The rows are relaxed at their prices, and each variable stands at that of its ends which is
        cheaper then: so the bound holds however early the solver was stopped.
        """
        side = np.where(dual > 0, np.concatenate(self._low), np.concatenate(self._high))
        rows = (dual[dual != 0] * side[dual != 0]).sum()
        reduced = cost - self._matrix().T @ dual
        columns = (np.minimum(reduced, 0.0) * np.concatenate(self._upper)).sum()
        return float(rows + columns)

    def _matrix(self) -> csc_array:
        matrix = coo_array(
            (
                np.concatenate(self._values),
                (np.concatenate(self._rows), np.concatenate(self._columns)),
            ),
            shape=(self.row_count, self._count),
        ).tocsc()
        matrix.sum_duplicates()
        return matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class _HourRows:
    """The rows of hours, one a cell: the laboratory's most, its peak, its overtime, its people.

    Attributes:
        hard, done: those of the laboratory's most and of its people.
        all: all of them, the limits of people's own hours too.
    """

    hard: IntArray
    done: IntArray
    all: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlanProgram:
    """The program of a planning problem, and which of its variables and rows are which.

    Attributes:
        item, week: of each x; x are the first variables, u follow.
        visit: of each y, site × weeks + week; `y` their columns.
        cell: of each week of a discipline that anyone may use, discipline × weeks + week.
        hours: the rows of hours.
        late: for how many weeks a unit of each variable is overdue.
    """

    program: _Program
    item: IntArray
    week: IntArray
    u: IntArray
    y: IntArray
    visit: IntArray
    cell: IntArray
    hours: _HourRows
    late: FloatArray


def price_hours(
    arrays: ProblemArrays,
    *,
    overdue_weeks: int,
    seconds: float,
    progress: Callable[[float], bool] = lambda _share: True,
) -> Priced:
    """Price hours by the relaxation, near enough to plan with them, for so many steps or so long.

    By a first-order method (PDLP), begun anew from where it has come: simplex and interior points
    take a minute and more from 5 000 items on. The limit of overdue weeks is no row, which would
    tie all items together and keep the method from converging: it has a price, changed from round
    to round. Of the prices that it comes by, the best are kept.

    Args:
        arrays: the problem.
        overdue_weeks: for how many weeks all items together may be overdue.
        seconds: > 0, after which the prices found so far are returned.
        progress: is told the share done, in (0, 1], after each round; False ends it.
    """
    laid, usual = _lay(arrays, None), arrays.problem.prices.overdue_per_week
    solver = laid.program.solver(integer=False, seconds=seconds)
    solver.setOptionValue("solver", "pdlp")
    solver.setOptionValue("presolve", "off")
    best = (0.0, np.zeros(laid.program.row_count), 0.0)
    cost, dearer = laid.program.costs(), 0.0
    for done, steps in enumerate(ROUNDS, start=1):
        solver.setOptionValue("pdlp_iteration_limit", steps)
        solver.run()
        is_optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        found = solver.getSolution()
        if not (found.dual_valid and found.value_valid):
            break
        dual = _sharpen(arrays, laid, laid.program.signed(np.asarray(found.row_dual)))
        bound = laid.program.bound(dual, cost) - dearer * overdue_weeks
        best = max(best, (bound, dual, dearer), key=itemgetter(0))
        late, before = float(laid.late @ np.asarray(found.col_value)), dearer
        dearer = _next_dearer(before, usual=usual, late=late, limit=overdue_weeks)
        if not progress(done / len(ROUNDS)) or (is_optimal and dearer == before):
            break
        cost = laid.program.costs() + dearer * laid.late
        solver.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32), cost)
        solver.setSolution(found)  # which the solver forgets when costs change
    bound, dual, dearer = best
    toll = np.zeros(arrays.capacity.size)
    toll[laid.cell] = -dual[laid.hours.hard] - dual[laid.hours.done]
    return Priced(bound=bound, toll=toll.reshape(arrays.capacity.shape), overdue=dearer)


def _sharpen(arrays: ProblemArrays, laid: _PlanProgram, dual: FloatArray) -> FloatArray:
    """Return prices by which an hour costs whoever takes it the same, and the bound is higher.

    What an hour costs in all is near its best long before its parts are: those of the laboratory's
    peak, overtime and end, and those of people. They are the prices of a small program, in which
    taking an hour earns what it costs in all.
    """
    cells, rows = len(laid.cell), laid.hours.all
    in_all = -dual[rows[: 4 * cells]].reshape(4, cells).sum(axis=0)
    small = _Program()
    taken = small.variables(-in_all, upper=arrays.most.ravel()[laid.cell] + 1.0)  # never reached
    _add_hours(small, arrays, laid.cell, (np.arange(cells), taken, 1.0))
    solver = small.solver(integer=False, seconds=60.0)
    solver.run()
    sharp = dual.copy()
    sharp[rows] = small.signed(np.asarray(solver.getSolution().row_dual))
    return sharp


def _next_dearer(dearer: float, *, usual: float, late: float, limit: float) -> float:
    """Return what an overdue week should cost besides its usual price, ≥ 0.

    For each usual price more, about a third as many weeks are overdue.

    Args:
        dearer: what it cost when `late` weeks were overdue; ≥ 0.
        usual: its price; ≥ 0.
        late: ≥ 0, to which the solver comes within its tolerance.
        limit: ≥ 0, how many may be.
    """
    return max(0.0, dearer + usual * float(np.log((1.0 + max(0.0, late)) / (1.0 + limit))))


def solve(
    arrays: ProblemArrays,
    *,
    seconds: float,
    overdue_weeks: int,
    start: IntArray,
    gap: float = 0.0,
    trips: NDArray[np.bool_] | None = None,
    progress: Callable[[float], bool] = lambda _share: True,
) -> Solved:
    """Solve the problem to a relative gap or for a time.

    Args:
        arrays: the problem.
        overdue_weeks: for how many weeks all items together may be overdue.
        start: (items,), a plan that the solver need not find itself.
        seconds: > 0, after which the best plan found so far is returned.
        gap: in [0, 1), the distance from the bound that is near enough.
        trips: (sites, weeks), the only trips that may be made; all, if not given.
        progress: is told the share of the time that is gone; False ends it.
    """

    def heed(event: highspy.HighsCallbackEvent) -> None:
        if not progress(min(1.0, event.data_out.running_time / seconds)):
            event.interrupt()

    laid = _lay(arrays, trips)
    _limit_overdue(laid, overdue_weeks)
    solver = laid.program.solver(integer=True, seconds=seconds)
    solver.setOptionValue("mip_rel_gap", gap)
    columns, values = _point(arrays, laid, start)
    solver.setSolution(len(columns), columns, values)
    solver.cbMipInterrupt.subscribe(heed)
    solver.run()
    info = solver.getInfo()
    bound = info.mip_dual_bound if np.isfinite(info.mip_dual_bound) else None
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Solved(weeks=None, bound=bound, is_optimal=False)
    point = np.asarray(solver.getSolution().col_value)
    weeks = np.full(len(arrays.hours), -1, dtype=np.int64)
    chosen = point[: len(laid.item)] > 0.5
    weeks[laid.item[chosen]] = laid.week[chosen]
    is_optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return Solved(weeks=weeks, bound=bound, is_optimal=is_optimal)


def _point(
    arrays: ProblemArrays, laid: _PlanProgram, weeks: IntArray
) -> tuple[IntArray, FloatArray]:
    """Return the columns of whole numbers, and their values in a plan."""
    x = (weeks[laid.item] == laid.week).astype(np.float64)
    u = (weeks < 0).astype(np.float64)
    placed = weeks >= 0
    y = np.isin(laid.visit, arrays.site[placed] * arrays.problem.weeks + weeks[placed])
    columns = np.concatenate([np.arange(len(x)), laid.u, laid.y])
    return columns, np.concatenate([x, u, y.astype(np.float64)])


def _lay(arrays: ProblemArrays, trips: NDArray[np.bool_] | None) -> _PlanProgram:
    program, prices = _Program(), arrays.problem.prices
    open_ = np.isfinite(arrays.base)
    if trips is not None:
        open_ &= trips[arrays.site]
    item, week = np.nonzero(open_)

    # 1. Each item is placed once, or not at all.
    x = program.variables(arrays.base[item, week], upper=1.0, integer=True)
    u = program.variables(np.full(len(arrays.hours), prices.unplaced), upper=1.0)
    once = program.constrain(np.ones(len(arrays.hours)), np.ones(len(arrays.hours)))
    program.enter(once[item], x, 1.0)
    program.enter(once, u, 1.0)

    # 2. Where an item is placed, its site is visited.
    visits, visit = np.unique(arrays.site[item] * arrays.problem.weeks + week, return_inverse=True)
    y = program.variables(np.full(len(visits), prices.trip), upper=1.0, integer=True)
    tied = program.constrain(np.full(len(x), -np.inf), np.zeros(len(x)))
    program.enter(tied, x, 1.0)
    program.enter(tied, y[visit], -1.0)

    # 3. Who is placed takes hours.
    cells, cell = np.unique(
        arrays.discipline[item] * arrays.problem.weeks + week, return_inverse=True
    )
    hours = _add_hours(program, arrays, cells, (cell, x, arrays.hours[item]))

    late = np.zeros(len(program.costs()))
    late[x], late[u] = arrays.overdue[item, week], arrays.overdue_unplaced
    return _PlanProgram(
        program=program, item=item, week=week, u=u, y=y, visit=visits, cell=cells,
        hours=hours, late=late,
    )  # fmt: skip


def _add_hours(
    program: _Program,
    arrays: ProblemArrays,
    cells: IntArray,
    work: tuple[IntArray, IntArray, FloatArray | float],
) -> _HourRows:
    """Limit the hours of cells, discipline × weeks + week, by the laboratory and by its people.

    Args:
        program: what the rows are added to.
        arrays: the problem.
        cells: (cells,), those that are used.
        work: by position in `cells`, which variables take hours there, and how many.
    """
    cell, columns, hours = work
    first, prices = program.row_count, arrays.problem.prices
    capacity, most = arrays.capacity.ravel()[cells], arrays.most.ravel()[cells]
    hard = program.constrain(np.full(len(cells), -np.inf), most)
    program.enter(hard[cell], columns, hours)
    for limit, price in (
        (prices.peak_share * capacity, prices.peak_per_hour),
        (capacity, prices.overtime_per_hour),
    ):
        beyond = program.variables(np.full(len(cells), price), upper=most)  # never reached
        rows = program.constrain(np.full(len(cells), -np.inf), limit)
        program.enter(rows[cell], columns, hours)
        program.enter(rows, beyond, -1.0)
    done = program.constrain(np.full(len(cells), -np.inf), np.zeros(len(cells)))
    program.enter(done[cell], columns, hours)
    _add_people(program, arrays, cells, done)
    return _HourRows(hard=hard, done=done, all=np.arange(first, program.row_count))


def _limit_overdue(laid: _PlanProgram, weeks: int) -> None:
    """Let all items together be overdue for no longer than so many weeks."""
    row = laid.program.constrain(np.array([-np.inf]), np.array([float(weeks)]))
    is_late = np.flatnonzero(laid.late)
    laid.program.enter(np.repeat(row, len(is_late)), is_late, laid.late[is_late])


def _add_people(program: _Program, arrays: ProblemArrays, cells: IntArray, done: IntArray) -> None:
    """Let all who are authorised for the same work their hours together, on any of it."""
    discipline, week = np.divmod(cells, arrays.problem.weeks)
    hours: dict[tuple[str, ...], FloatArray] = {}
    for person in arrays.problem.persons:
        alike = tuple(sorted(person.disciplines))
        hours[alike] = hours.get(alike, 0.0) + np.array(person.hours)
    for alike in sorted(hours):
        may = np.array([name in alike for name in arrays.disciplines], dtype=np.bool_)
        mine = np.flatnonzero(may[discipline])
        h = program.variables(np.zeros(len(mine)), upper=hours[alike][week[mine]])
        program.enter(done[mine], h, -1.0)
        weeks, of_week = np.unique(week[mine], return_inverse=True)
        rows = program.constrain(np.full(len(weeks), -np.inf), hours[alike][weeks])
        program.enter(rows[of_week], h, 1.0)
