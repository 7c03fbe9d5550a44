"""What a plan costs and breaks, worked out by hand.

Two pressure gauges at one site, 2 h each, due in week 1; the laboratory has 3 h a week and may
exceed them by 15 %; a trip costs 600, an hour above 85 % of 3 h costs 20, overtime 60 more.
"""

from typing import Any

import pytest

from traceability.errors import InvalidValue
from traceability.planning.check import Rule, check_plan
from traceability.planning.problem import DueItem, Person, PlanningProblem


def gauge(id_: str, **changed: Any) -> DueItem:
    values = {"hours": 2.0, "due_week": 1, "latest_week": 3} | changed
    return DueItem(
        id=id_,
        site="A",
        discipline="pressure",
        early_cost_per_week=6,
        downtime_cost=200,
        **values,
    )


def problem(*items: DueItem, person_hours: float = 32.0) -> PlanningProblem:
    return PlanningProblem(
        weeks=4,
        items=items or (gauge("a"), gauge("b")),
        capacity_hours={"pressure": (3.0,) * 4},
        persons=(
            Person(name="Li", disciplines=frozenset({"pressure"}), hours=(person_hours,) * 4),
        ),
        shutdown_weeks={"A": frozenset({0})},
    )


def test_each_term_of_the_cost_is_its_own():
    cost = check_plan(problem(), (0, 2)).cost

    assert cost.early == 6  # one week
    assert cost.overdue == 400
    assert cost.downtime == 200  # only in week 2; in week 0 the site stands still
    assert cost.trips == 1200
    assert (cost.peak, cost.overtime, cost.unplaced, cost.moved) == (0, 0, 0, 0)
    assert cost.total == 1806


def test_hours_above_the_share_cost_and_above_the_capacity_cost_more():
    both = (gauge("a", hours=1.5), gauge("b", hours=1.7))

    cost = check_plan(problem(*both), (1, 1)).cost

    assert cost.peak == pytest.approx(20 * (3.2 - 0.85 * 3))
    assert cost.overtime == pytest.approx(60 * 0.2)


def test_an_item_without_a_week_counts_as_overdue_to_the_horizon():
    checked = check_plan(problem(), (1, None))

    assert checked.unplaced == 1
    assert checked.cost.unplaced == 20_000
    assert checked.overdue_weeks == 3
    assert checked.is_feasible


def test_too_many_hours_of_the_laboratory_are_a_violation():
    (found,) = check_plan(problem(), (1, 1)).violations

    assert found.rule is Rule.LABORATORY_HOURS
    assert (found.week, found.need) == (1, 4)
    assert found.have == pytest.approx(3.45)


def test_people_without_time_are_a_violation():
    (found,) = check_plan(problem(person_hours=1.0), (1, 2)).violations[:1]

    assert found.rule is Rule.PERSONS_HOURS
    assert found.disciplines == {"pressure"}
    assert (found.need, found.have) == (2, 1)


def test_one_person_for_two_disciplines_is_counted_once():
    """Zhao alone is authorised for both and has 8 h; each discipline by itself would have room."""
    items = (
        DueItem(id="p", site="A", discipline="pressure", hours=5, due_week=0, latest_week=0),
        DueItem(id="t", site="A", discipline="temperature", hours=4, due_week=0, latest_week=0),
    )
    shared = PlanningProblem(
        weeks=1,
        items=items,
        capacity_hours={"pressure": (8.0,), "temperature": (8.0,)},
        persons=(
            Person(name="Zhao", disciplines=frozenset(("pressure", "temperature")), hours=(8.0,)),
        ),
    )

    (found,) = check_plan(shared, (0, 0)).violations

    assert found.disciplines == {"pressure", "temperature"}
    assert (found.need, found.have) == (9, 8)


def test_a_week_before_or_after_the_permitted_ones_is_a_violation():
    late = gauge("a", latest_week=1)

    (found,) = check_plan(problem(late), (2,)).violations

    assert (found.rule, found.item_id, found.week) == (Rule.PERMITTED_WEEK, "a", 2)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (gauge("a", hours=0), "items.0.hours"),
        (gauge("a", hours=float("nan")), "items.0.hours"),
        (
            DueItem(id="a", site="A", discipline="mass", hours=1, due_week=0, latest_week=0),
            "items.0.discipline",
        ),
    ],
)
def test_a_problem_that_cannot_be_is_refused_with_the_field(item: DueItem, field: str):
    with pytest.raises(InvalidValue) as refused:
        problem(item)

    assert refused.value.field == field


def test_hours_of_fewer_weeks_than_planned_are_refused():
    with pytest.raises(InvalidValue, match=r"capacity_hours.mass must have 2 weeks, got 1"):
        PlanningProblem(weeks=2, items=(), capacity_hours={"mass": (8.0,)}, persons=())


def test_one_id_for_two_items_is_refused():
    with pytest.raises(InvalidValue, match=r"items.1.id must be unique"):
        problem(gauge("a"), gauge("a"))
