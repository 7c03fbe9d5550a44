"""The plan: the best that search and integer programming find, never worse than a call-off list."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from traceability.planning.arrays import MANY, IntArray, ProblemArrays
from traceability.planning.check import CheckedPlan, Rule, check_plan
from traceability.planning.model import Solved, price_hours, solve
from traceability.planning.problem import PlanningProblem
from traceability.planning.search import (
    PACES,
    PACES_OF_MANY,
    earliest_due_first,
    repair,
    search,
    settle,
)

EXACT_UP_TO = 60  # items, whose best plan is proven
WHOLE_MODEL_UP_TO = 1_500
GAP = 0.01
NEAR = 0.1  # above the bound, where many items are not searched for once more
PRICED_WITHIN = 0.5  # of the time left, whatever the prices are then
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
        bound: no plan that is overdue for no longer than allowed costs less; None where there was
            no time to find one, or no such plan.
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
    2. The relaxation: what hours are worth, and what no plan can cost less than.
    3. Local search from those tolls with rising prices of hours that nobody has, then repair; the
       same from higher tolls, of many items only where the first is not near the bound.
    4. The integer program, from the plan found: whole for small problems, on the search's own trips
       for larger ones.
    The cheapest plan is kept that breaks no rule and is overdue for no longer than allowed.

    Args:
        problem: what is due, and what there is.
        clock: seconds that only grow.
        seconds: > 0, how long it may take; what the last step needs is set aside.
        progress: is told the stage and the share of it done.
    """
    watch = Stopwatch(clock, seconds)
    contest = _Contest(problem)
    bound, is_complete = 0.0, False
    if progress("bound", 0.0):
        bound, is_complete = _better(contest, watch, seconds, progress)
    progress("done", 1.0)
    return Planned(
        best=contest.best,
        method=contest.method,
        earliest_due_first=contest.edf,
        bound=bound if bound > 0 and contest.keeps_limit else None,
        is_complete=is_complete,
    )


class _Contest:
    """The best feasible plan so far."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.problem = problem
        self.arrays = ProblemArrays(problem)
        self.listed = earliest_due_first(self.arrays)
        self.method = Method.EARLIEST_DUE_FIRST
        self.edf = check_plan(problem, self.arrays.plan_of(self.listed))
        self.best = self.edf
        allowed = problem.most_overdue_weeks
        self.overdue_weeks = self.best.overdue_weeks if allowed is None else allowed

    @property
    def keeps_limit(self) -> bool:
        """Whether the best plan so far is overdue for no longer than allowed."""
        return self.best.overdue_weeks <= self.overdue_weeks

    def is_near(self, bound: float) -> bool:
        """Whether the best plan so far keeps the limit and costs little more than it must."""
        return self.keeps_limit and self.best.cost.total <= (1 + NEAR) * bound

    def enter(self, method: Method, weeks: IntArray) -> None:
        """Check a plan, mend what the search did not see, and keep it if it is the best."""
        checked = check_plan(self.problem, self.arrays.plan_of(weeks))
        while short := [v for v in checked.violations if v.rule is not Rule.PERMITTED_WEEK]:
            for violation in short:
                self.arrays.add_set(violation.disciplines)
            checked = check_plan(self.problem, self.arrays.plan_of(repair(self.arrays, weeks)))
        is_better = checked.cost.total < self.best.cost.total or not self.keeps_limit
        if is_better and checked.overdue_weeks <= self.overdue_weeks:
            self.best, self.method = checked, method


def _better(
    contest: _Contest, watch: Stopwatch, seconds: float, progress: Progress
) -> tuple[float, bool]:
    """Enter what search and program find; return a bound of all, and whether all was tried."""
    arrays, limit = contest.arrays, contest.overdue_weeks
    worth = price_hours(
        arrays, overdue_weeks=limit, seconds=PRICED_WITHIN * watch.left,
        progress=partial(progress, "bound"),
    )  # fmt: skip
    paces = PACES if len(arrays.hours) <= MANY else PACES_OF_MANY
    go_on = True

    def searching(searched: int, share: float) -> bool:
        nonlocal go_on
        told = progress("search", (searched + share) / len(paces))
        go_on = told and watch.left > KEPT_FOR_THE_END * seconds
        return go_on

    for searched, pace in enumerate(paces):
        if go_on and not (len(arrays.hours) > MANY and contest.is_near(worth.bound)):
            found = search(
                arrays, contest.listed, worth=worth, pace=pace, overdue_weeks=limit,
                progress=partial(searching, searched),
            )  # fmt: skip
            contest.enter(Method.LOCAL_SEARCH, found)
    go_on = go_on and watch.left > 0
    if not go_on or len(arrays.hours) > MANY:
        return worth.bound, go_on
    if not progress("program", 0.0):
        return worth.bound, False
    solved_bound, is_solved = _solve(contest, watch, progress)
    return max(worth.bound, solved_bound), is_solved


def _solve(contest: _Contest, watch: Stopwatch, progress: Progress) -> tuple[float, bool]:
    """Enter what the integer program finds; return a bound of all plans, and whether it was solved.

    It is solved on some trips alone, which is soon done and bounds no other plan; of few items it
    is solved whole, after that or at once.
    """
    count = len(contest.arrays.hours)
    is_whole = count <= WHOLE_MODEL_UP_TO
    parts = 2 if is_whole and count > EXACT_UP_TO else 1
    bound, is_solved = 0.0, True

    def solving(part: int, share: float) -> bool:
        return progress("program", (part + share) / parts)

    for part in range(parts):
        trips = None if is_whole and part == parts - 1 else _trips(contest)
        seconds = watch.left * (1 - KEPT_FOR_THE_END) / (parts - part)
        solved = _solve_on(contest, trips, seconds, partial(solving, part))
        bound = solved.bound if trips is None and solved.bound else 0.0
        is_solved = solved.is_optimal
        if not (solving(part, 1.0) and watch.left):
            return bound, False
    return bound, is_solved


def _solve_on(
    contest: _Contest,
    trips: NDArray[np.bool_] | None,
    seconds: float,
    progress: Callable[[float], bool],
) -> Solved:
    """Enter what the program finds on some trips, or on all, from the best plan so far."""
    arrays, limit = contest.arrays, contest.overdue_weeks
    solved = solve(
        arrays,
        seconds=seconds,
        overdue_weeks=limit,
        start=arrays.weeks_of(contest.best.plan),
        gap=0.0 if len(arrays.hours) <= EXACT_UP_TO else GAP,
        trips=trips,
        progress=progress,
    )
    if solved.weeks is not None:
        mended = settle(
            arrays, repair(arrays, solved.weeks), listed=contest.listed, overdue_weeks=limit
        )
        contest.enter(Method.INTEGER_PROGRAM, mended)
    return solved


def _trips(contest: _Contest) -> NDArray[np.bool_]:
    """Return the trips of the best plan, and of the list for what that plan is late with."""
    arrays, listed = contest.arrays, contest.listed
    best = arrays.weeks_of(contest.best.plan)
    is_late = (best < 0) | (arrays.overdue[np.arange(len(best)), best] > 0)
    trips = np.zeros((len(arrays.sites), arrays.problem.weeks), dtype=np.bool_)
    for weeks in (best, np.where(is_late, listed, -1)):
        placed = weeks >= 0
        trips[arrays.site[placed], weeks[placed]] = True
    return trips
