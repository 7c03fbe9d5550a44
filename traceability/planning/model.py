"""The planning problem as an integer program, solved by HiGHS; its relaxation bounds every plan.

x[i, w] says whether item i is placed in week w, u[i] that it is not, y[s, w] whether site s is
visited; peak[d, w] and ot[d, w] are hours, h[p, d, w] those of a person on a discipline. One row
for each (i, w) ties x to y: summed rows would weaken the bound.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from traceability.planning.arrays import FloatArray, IntArray, ProblemArrays

OPTIMAL = 0


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


class _Program:
    """Variables and rows of a linear program, gathered piece by piece."""

    def __init__(self) -> None:
        self.cost: list[FloatArray] = []
        self.upper: list[FloatArray] = []
        self.integer: list[NDArray[np.int8]] = []
        self.count = 0
        self.rows: list[IntArray] = []
        self.columns: list[IntArray] = []
        self.values: list[FloatArray] = []
        self.low: list[FloatArray] = []
        self.high: list[FloatArray] = []
        self.row_count = 0

    def variables(
        self, cost: FloatArray, *, upper: float = np.inf, integer: bool = False
    ) -> IntArray:
        """Add variables ≥ 0; return their columns."""
        columns = np.arange(self.count, self.count + len(cost))
        self.cost.append(cost)
        self.upper.append(np.full(len(cost), upper))
        self.integer.append(np.full(len(cost), integer, dtype=np.int8))
        self.count += len(cost)
        return columns

    def constrain(self, low: FloatArray, high: FloatArray) -> IntArray:
        """Add rows low ≤ … ≤ high; return their numbers."""
        rows = np.arange(self.row_count, self.row_count + len(low))
        self.low.append(low)
        self.high.append(high)
        self.row_count += len(low)
        return rows

    def enter(self, rows: IntArray, columns: IntArray, values: FloatArray | float) -> None:
        """Write coefficients into rows."""
        self.rows.append(rows)
        self.columns.append(columns)
        self.values.append(np.broadcast_to(np.asarray(values, dtype=np.float64), rows.shape))

    def solve(
        self, *, relaxed: bool, seconds: float, gap: float
    ) -> tuple[FloatArray | None, float | None, bool]:
        """Return the best point, a lower bound of the cost, and whether the gap was reached."""
        matrix = coo_array(
            (
                np.concatenate(self.values),
                (np.concatenate(self.rows), np.concatenate(self.columns)),
            ),
            shape=(self.row_count, self.count),
        ).tocsc()
        found = milp(
            np.concatenate(self.cost),
            integrality=None if relaxed else np.concatenate(self.integer),
            bounds=Bounds(0.0, np.concatenate(self.upper)),
            constraints=LinearConstraint(
                matrix, np.concatenate(self.low), np.concatenate(self.high)
            ),
            options={"time_limit": seconds, "mip_rel_gap": gap},
        )
        bound = found.fun if relaxed else found.mip_dual_bound
        point: FloatArray | None = found.x
        return point, None if bound is None else float(bound), found.status == OPTIMAL


def solve(
    arrays: ProblemArrays,
    *,
    seconds: float,
    overdue_weeks: int,
    gap: float = 0.0,
    trips: NDArray[np.bool_] | None = None,
) -> Solved:
    """Solve the problem to a relative gap or for a time.

    Args:
        arrays: the problem.
        overdue_weeks: for how many weeks all items together may be overdue.
        seconds: > 0, after which the best plan found so far is returned.
        gap: in [0, 1), the distance from the bound that is near enough.
        trips: (sites, weeks), the only trips that may be made; all, if not given.
    """
    program, cells = _program(arrays, trips, overdue_weeks)
    point, bound, is_optimal = program.solve(relaxed=False, seconds=seconds, gap=gap)
    if point is None:
        return Solved(weeks=None, bound=bound, is_optimal=False)
    weeks = np.full(len(arrays.hours), -1, dtype=np.int64)
    chosen = point[: len(cells[0])] > 0.5
    weeks[cells[0][chosen]] = cells[1][chosen]
    return Solved(weeks=weeks, bound=bound, is_optimal=is_optimal)


def lower_bound(arrays: ProblemArrays, *, overdue_weeks: int, seconds: float) -> float | None:
    """Return what no plan can cost less than, by the relaxation; None if time did not suffice."""
    program, _ = _program(arrays, None, overdue_weeks)
    point, bound, is_optimal = program.solve(relaxed=True, seconds=seconds, gap=0.0)
    return bound if point is not None and is_optimal else None


def _program(
    arrays: ProblemArrays, trips: NDArray[np.bool_] | None, overdue_weeks: int
) -> tuple[_Program, tuple[IntArray, IntArray]]:
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

    # 3. The laboratory's hours, its peak and its overtime.
    cells, cell = np.unique(
        arrays.discipline[item] * arrays.problem.weeks + week, return_inverse=True
    )
    capacity = arrays.capacity.ravel()[cells]
    peak = program.variables(np.full(len(cells), prices.peak_per_hour))
    overtime = program.variables(np.full(len(cells), prices.overtime_per_hour))
    limits: tuple[tuple[FloatArray, IntArray | None], ...] = (
        (arrays.most.ravel()[cells], None),
        (prices.peak_share * capacity, peak),
        (capacity, overtime),
    )
    for limit, relief in limits:
        rows = program.constrain(np.full(len(cells), -np.inf), limit)
        program.enter(rows[cell], x, arrays.hours[item])
        if relief is not None:
            program.enter(rows, relief, -1.0)

    # 4. No longer overdue than allowed.
    late = program.constrain(np.array([-np.inf]), np.array([float(overdue_weeks)]))
    program.enter(np.repeat(late, len(x)), x, arrays.overdue[item, week])
    program.enter(np.repeat(late, len(u)), u, arrays.overdue_unplaced)

    # 5. The hours of people, each on the disciplines they are authorised for.
    _add_persons(program, arrays, cells, x, cell, arrays.hours[item])
    return program, (item, week)


def _add_persons(
    program: _Program,
    arrays: ProblemArrays,
    cells: IntArray,
    x: IntArray,
    cell: IntArray,
    hours: FloatArray,
) -> None:
    discipline, week = np.divmod(cells, arrays.problem.weeks)
    done = program.constrain(np.full(len(cells), -np.inf), np.zeros(len(cells)))
    program.enter(done[cell], x, hours)
    for person in arrays.problem.persons:
        may = np.array([name in person.disciplines for name in arrays.disciplines])
        mine = np.flatnonzero(may[discipline])
        if not len(mine):
            continue
        h = program.variables(np.zeros(len(mine)))
        program.enter(done[mine], h, -1.0)
        weeks, of_week = np.unique(week[mine], return_inverse=True)
        rows = program.constrain(np.full(len(weeks), -np.inf), np.array(person.hours)[weeks])
        program.enter(rows[of_week], h, 1.0)
