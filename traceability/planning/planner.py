"""The plan: the best that search and integer programming find, never worse than a call-off list."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from traceability.planning.arrays import IntArray, ProblemArrays
from traceability.planning.check import CheckedPlan, Rule, check_plan
from traceability.planning.model import lower_bound, solve
from traceability.planning.problem import PlanningProblem
from traceability.planning.search import earliest_due_first, repair, search, settle

EXACT_UP_TO = 60  # items, whose best plan is proven
WHOLE_MODEL_UP_TO = 1_500
BOUND_UP_TO = 5_000
PROGRAM_UP_TO = 10_000
GAP = 0.01
KEPT_FOR_THE_END = 0.1  # of the time, in which a plan is repaired, settled and checked


class Method(StrEnum):
    """Which way the plan that was kept was found."""

    EARLIEST_DUE_FIRST = "earliest_due_first"
    LOCAL_SEARCH = "local_search"
    INTEGER_PROGRAM = "integer_program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, beside the call-off list that it beats and the bound that nothing beats.

    Attributes:
        best: the plan.
        method: how it was found.
        earliest_due_first: what a call-off list would have given.
        bound: no plan costs less; None where none was computed.
        is_complete: whether nothing was cut short by time or by the caller.
    """

    best: CheckedPlan
    method: Method
    earliest_due_first: CheckedPlan
    bound: float | None
    is_complete: bool

    @property
    def gap(self) -> float | None:
        """How far the cost may lie above the least possible, as a share of it."""
        if self.bound is None or self.bound <= 0:
            return None
        return self.best.cost.total / self.bound - 1


class Stopwatch:
    """How much of a time limit is left, by a clock that the caller lends.

    Args:
        clock: seconds that only grow.
        seconds: > 0, the limit.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds left, ≥ 0."""
        return max(0.0, self._end - self._clock())


Progress = Callable[[str, float], bool]  # a stage, the share of it done; False: end here


def plan(
    problem: PlanningProblem,
    *,
    clock: Callable[[], float],
    seconds: float = 60.0,
    progress: Progress = lambda _stage, _share: True,
) -> Planned:
    """Plan everything that is due: feasibly, as cheaply as time allows.

    1. Earliest due first, which every later plan must beat.
    2. Local search with rising prices of hours that nobody has, then repair.
    3. The integer program: whole for small problems, on the search's own trips for larger ones.
    The cheapest plan is kept that breaks no rule and is overdue for no longer than allowed.

    Args:
        problem: what is due, and what there is.
        clock: seconds that only grow.
        seconds: > 0, how long it may take; what the last step needs is set aside.
        progress: is told the stage and the share of it done.
    """
    watch = Stopwatch(clock, seconds)
    arrays = ProblemArrays(problem)
    contest = _Contest(problem, arrays)
    edf = contest.edf
    go_on = True

    def searching(share: float) -> bool:
        nonlocal go_on
        go_on = progress("search", share) and watch.left > KEPT_FOR_THE_END * seconds
        return go_on

    found = search(
        arrays,
        arrays.weeks_of(edf.plan),
        overdue_weeks=contest.overdue_weeks,
        progress=searching,
    )
    contest.enter(Method.LOCAL_SEARCH, found)
    bound, is_complete = None, go_on
    if go_on and 0 < len(problem.items) <= PROGRAM_UP_TO:
        bound, is_complete = _solve(arrays, contest, found, watch, progress)
    return Planned(
        best=contest.best,
        method=contest.method,
        earliest_due_first=edf,
        bound=bound,
        is_complete=is_complete,
    )


class _Contest:
    """The best feasible plan so far."""

    def __init__(self, problem: PlanningProblem, arrays: ProblemArrays) -> None:
        self.problem = problem
        self.arrays = arrays
        self.method = Method.EARLIEST_DUE_FIRST
        self.edf = check_plan(problem, arrays.plan_of(earliest_due_first(arrays)))
        self.best = self.edf
        allowed = problem.most_overdue_weeks
        self.overdue_weeks = self.best.overdue_weeks if allowed is None else allowed

    def enter(self, method: Method, weeks: IntArray) -> None:
        """Check a plan, mend what the search did not see, and keep it if it is the best."""
        checked = check_plan(self.problem, self.arrays.plan_of(weeks))
        while short := [v for v in checked.violations if v.rule is not Rule.PERMITTED_WEEK]:
            for violation in short:
                self.arrays.add_set(violation.disciplines)
            checked = check_plan(self.problem, self.arrays.plan_of(repair(self.arrays, weeks)))
        is_cheaper = checked.cost.total < self.best.cost.total
        if is_cheaper and checked.overdue_weeks <= self.overdue_weeks:
            self.best, self.method = checked, method


def _solve(
    arrays: ProblemArrays, contest: _Contest, found: IntArray, watch: Stopwatch, progress: Progress
) -> tuple[float | None, bool]:
    """Enter the integer program's plan; return a bound of every plan, and whether it was solved.

    A large problem is solved on the trips of the plan found by search, and on those that the
    call-off list makes for what that plan is late with.
    """
    count, limit = len(arrays.problem.items), contest.overdue_weeks
    is_whole = count <= WHOLE_MODEL_UP_TO
    if not progress("program", 0.0):
        return None, False
    wants_bound = not is_whole and count <= BOUND_UP_TO
    solved = solve(
        arrays,
        seconds=watch.left * (0.5 if wants_bound else 1 - KEPT_FOR_THE_END),
        overdue_weeks=limit,
        gap=0.0 if count <= EXACT_UP_TO else GAP,
        trips=None if is_whole else _trips(arrays, contest, found),
    )
    bound = solved.bound if is_whole else None
    if solved.weeks is not None:
        mended = settle(
            arrays,
            repair(arrays, solved.weeks),
            listed=arrays.weeks_of(contest.edf.plan),
            overdue_weeks=limit,
        )
        contest.enter(Method.INTEGER_PROGRAM, mended)
    if bound is None and count <= BOUND_UP_TO and watch.left > 0 and progress("bound", 0.0):
        bound = lower_bound(arrays, overdue_weeks=limit, seconds=watch.left)
    progress("done", 1.0)
    return bound, solved.is_optimal


def _trips(arrays: ProblemArrays, contest: _Contest, found: IntArray) -> NDArray[np.bool_]:
    trips = np.zeros((len(arrays.sites), arrays.problem.weeks), dtype=np.bool_)
    placed = found >= 0
    trips[arrays.site[placed], found[placed]] = True
    listed = arrays.weeks_of(contest.edf.plan)
    late = (listed >= 0) & (~placed | (arrays.overdue[np.arange(len(found)), found] > 0))
    trips[arrays.site[late], listed[late]] = True
    return trips
