"""What hours are worth and what no plan can cost less than, on laboratories easily reckoned.

The oracle is every plan there is (`best_of_all`), or a price found by hand.
"""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scheduling import fleet
from tests.proofs import how_many
from tests.traceability.planning.test_planner import best_of_all, searched, small_problems
from traceability.planning import model
from traceability.planning.arrays import ProblemArrays
from traceability.planning.check import check_plan
from traceability.planning.model import price_hours, solve
from traceability.planning.planner import plan
from traceability.planning.problem import DueItem, Person, PlanningProblem, Prices
from traceability.planning.search import earliest_due_first


def crowded() -> PlanningProblem:
    """Return three gauges of two hours, all due in week 0, where Li has three hours for them."""
    return PlanningProblem(
        weeks=3,
        items=tuple(
            DueItem(id=id_, site="A", discipline="pressure", hours=2, due_week=0, latest_week=2)
            for id_ in "abc"
        ),
        capacity_hours={"pressure": (8.0, 8.0, 8.0)},
        persons=(Person(name="Li", disciplines=frozenset({"pressure"}), hours=(3.0, 8.0, 8.0)),),
        prices=Prices(trip=0, overdue_per_week=400),
    )


def test_an_hour_is_worth_what_it_costs_to_go_elsewhere():
    """A week's wait costs 400 and frees two hours; three of the six that are due have to wait."""
    priced = price_hours(ProblemArrays(crowded()), overdue_weeks=10, seconds=10.0)

    assert priced.bound == pytest.approx(3 / 2 * 400, rel=1e-3)
    assert priced.toll[0] == pytest.approx([400 / 2, 0.0, 0.0], abs=0.5)
    assert priced.overdue == pytest.approx(0.0, abs=0.5)


def test_a_limit_of_overdue_weeks_has_a_price_too():
    """A week and a half of waiting is the least, but one week is allowed.

    The first price is 400 × log(5/2 ÷ 2), and half a week too many costs half of it.
    """
    priced = price_hours(ProblemArrays(crowded()), overdue_weeks=1, seconds=10.0)

    assert priced.overdue == pytest.approx(400 * log(5 / 4), rel=1e-2)
    assert priced.bound == pytest.approx(3 / 2 * 400 + priced.overdue / 2, rel=1e-3)


def test_overdue_weeks_that_cost_nothing_get_no_price():
    problem = replace(crowded(), prices=Prices(trip=0, overdue_per_week=0))

    priced = price_hours(ProblemArrays(problem), overdue_weeks=1, seconds=10.0)

    assert priced.overdue == 0.0


@given(small_problems(), st.sampled_from((1, 10, 100)))
@settings(max_examples=how_many(30, full=1000), deadline=None)
def test_no_plan_costs_less_than_the_bound_however_early_the_prices_are_stopped(
    problem: PlanningProblem, steps: int
):
    arrays = ProblemArrays(problem)
    allowed = check_plan(problem, arrays.plan_of(earliest_due_first(arrays))).overdue_weeks

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "ROUNDS", (steps, steps))  # overdue weeks are dearer in the second
        priced = price_hours(arrays, overdue_weeks=allowed, seconds=10.0)

    assert np.isfinite(priced.toll).all()
    assert (priced.toll >= -1e-9).all()
    assert 0.0 <= priced.bound <= best_of_all(problem).cost.total + 1e-6


@given(small_problems(), st.sampled_from((1, 10, 100)))
@settings(max_examples=how_many(30, full=1000), deadline=None)
def test_the_best_parts_of_an_hours_price_never_lower_the_bound(
    problem: PlanningProblem, steps: int
):
    arrays = ProblemArrays(problem)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "ROUNDS", (steps,))
        sharp = price_hours(arrays, overdue_weeks=10, seconds=10.0)
        patch.setattr(model, "_sharpen", lambda _arrays, _laid, dual: dual)
        blunt = price_hours(arrays, overdue_weeks=10, seconds=10.0)

    assert sharp.bound >= blunt.bound - 1e-6 * (1.0 + blunt.bound)


def test_on_a_fleet_the_best_parts_of_an_hours_price_raise_the_bound(
    monkeypatch: pytest.MonkeyPatch,
):
    arrays = ProblemArrays(fleet(400))
    monkeypatch.setattr(model, "ROUNDS", (100,))

    sharp = price_hours(arrays, overdue_weeks=0, seconds=10.0)
    monkeypatch.setattr(model, "_sharpen", lambda _arrays, _laid, dual: dual)
    blunt = price_hours(arrays, overdue_weeks=0, seconds=10.0)

    assert sharp.bound > 1.01 * blunt.bound


def test_the_program_begins_with_the_plan_that_it_is_given():
    problem = fleet(200)
    arrays = ProblemArrays(problem)
    found = searched(problem).best

    solved = solve(
        arrays,
        seconds=60.0,
        overdue_weeks=found.overdue_weeks,
        start=arrays.weeks_of(found.plan),
        progress=lambda _share: False,
    )

    assert solved.weeks is not None
    cost = check_plan(problem, arrays.plan_of(solved.weeks)).cost.total
    assert cost <= found.cost.total * (1 + 1e-9)
    assert not solved.is_optimal


def test_who_ends_the_program_keeps_what_the_search_found():
    problem = fleet(200)

    made = plan(
        problem,
        clock=lambda: 0.0,
        progress=lambda stage, share: stage != "program" or share == 0.0,
    )

    assert not made.is_complete
    assert made.best.is_feasible
    assert made.best.cost.total <= searched(problem).best.cost.total


def test_who_ends_the_pricing_of_hours_gets_the_bound_of_its_first_round():
    problem, told = fleet(400), []

    def progress(stage: str, share: float) -> bool:
        told.append((stage, share))
        return stage == "bound" and share == 0.0

    made = plan(problem, clock=lambda: 0.0, progress=progress)

    assert told[:2] == [("bound", 0.0), ("bound", 1 / 2)]
    assert "program" not in {stage for stage, _ in told}
    assert made.best.is_feasible
    assert made.bound is not None
    assert not made.is_complete


def test_when_the_time_is_over_no_program_is_begun():
    """By a clock that stands still until the search has begun, and then strikes an hour."""
    stages: list[str] = []

    def progress(stage: str, _share: float) -> bool:
        stages.append(stage)
        return True

    made = plan(fleet(200), clock=lambda: 3_600.0 if "search" in stages else 0.0, progress=progress)

    assert "program" not in stages
    assert not made.is_complete


def test_a_plan_without_its_program_is_not_complete():
    assert not searched(fleet(200)).is_complete


def test_who_ends_before_anything_is_tried_keeps_the_call_off_list():
    made = plan(fleet(200), clock=lambda: 0.0, progress=lambda _stage, _share: False)

    assert made.best == made.earliest_due_first
    assert made.bound is None
    assert not made.is_complete


def test_the_solver_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]):
    """A plan's id is all that `suyuan plan make` writes on standard output."""
    arrays = ProblemArrays(crowded())

    price_hours(arrays, overdue_weeks=10, seconds=10.0)
    solve(arrays, seconds=10.0, overdue_weeks=10, start=np.array([-1, -1, -1]))

    assert capfd.readouterr() == ("", "")


def test_a_limit_shorter_than_the_lists_is_kept_though_it_costs_more():
    """By the list b is a week late, and c, which need not hurry, has week 0 with room for one."""
    problem = PlanningProblem(
        weeks=3,
        items=(
            DueItem(id="c", site="A", discipline="pressure", hours=2, due_week=0, latest_week=2),
            DueItem(id="b", site="B", discipline="pressure", hours=2, due_week=0, latest_week=2),
        ),
        capacity_hours={"pressure": (4.0, 4.0, 4.0)},
        persons=(Person(name="Li", disciplines=frozenset({"pressure"}), hours=(2.0, 4.0, 4.0)),),
        most_overdue_weeks=0,
    )

    made = plan(problem, clock=lambda: 0.0)

    assert made.earliest_due_first.overdue_weeks == 1
    assert made.bound is None  # no plan keeps such a limit
