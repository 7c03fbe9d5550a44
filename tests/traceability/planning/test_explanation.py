"""Why this week: each week's cost is what the whole plan would cost more or less with it."""

import pytest
from hypothesis import given, settings

from tests.traceability.planning.cases import problem_of, read_cases
from tests.traceability.planning.test_planner import planned, small_problems
from traceability.planning.check import check_plan
from traceability.planning.explanation import explain
from traceability.planning.problem import PlanningProblem


def test_the_critical_gauge_goes_early_into_the_shutdown():
    problem = problem_of(read_cases()["shutdown"])

    explained = explain(problem, (4, 4), "crit")

    assert explained.chosen is not None
    assert explained.runner_up is not None
    assert explained.chosen.week == 4
    assert explained.chosen.total == 40  # two weeks early
    assert explained.runner_up.week == 6
    assert (explained.runner_up.downtime, explained.runner_up.trip) == (1500, 600)


def test_an_unknown_item_has_no_explanation():
    with pytest.raises(KeyError):
        explain(problem_of(read_cases()["shutdown"]), (4, 4), "nobody")


@given(small_problems())
@settings(max_examples=30, deadline=None)
def test_the_difference_of_two_weeks_is_the_difference_of_two_plans(problem: PlanningProblem):
    best = planned(problem).best
    for position, item in enumerate(problem.items):
        explained = explain(problem, best.plan, item.id)
        for cost in explained.weeks:
            if explained.chosen is None:
                continue
            moved = (*best.plan[:position], cost.week, *best.plan[position + 1 :])
            other = check_plan(problem, moved)

            difference = cost.total - explained.chosen.total
            assert difference == pytest.approx(other.cost.total - best.cost.total, abs=1e-6)
            assert cost.has_room == other.is_feasible
