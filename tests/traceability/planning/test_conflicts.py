"""Why an item finds no week, and what would help."""

from dataclasses import replace

import pytest

from tests.traceability.planning.cases import problem_of, read_cases
from tests.traceability.planning.test_planner import planned
from traceability.planning.conflicts import Shortage, WayOut, find_conflict
from traceability.planning.problem import DueItem, Person, PlanningProblem, Prices


def mandatory(id_: str, hours: float, *, discipline: str = "mass", week: int = 1) -> DueItem:
    return DueItem(
        id=id_, site="A", discipline=discipline, hours=hours, due_week=week, latest_week=week,
        is_mandatory=True,
    )  # fmt: skip


def laboratory(*items: DueItem, capacity: float, person: float = 32.0) -> PlanningProblem:
    return PlanningProblem(
        weeks=2,
        items=items,
        capacity_hours={"mass": (capacity,) * 2, "pressure": (8.0,) * 2},
        persons=(
            Person(name="Wu", disciplines=frozenset({"mass"}), hours=(person,) * 2),
            Person(name="Li", disciplines=frozenset({"pressure"}), hours=(32.0,) * 2),
        ),
        prices=Prices(overtime_share=0.0),
    )


def test_the_planted_conflict_is_named():
    case = read_cases()["infeasible-legal"]
    problem = problem_of(case)
    (left_out,) = [
        item.id
        for item, week in zip(problem.items, planned(problem).best.plan, strict=True)
        if week is None
    ]

    conflict = find_conflict(problem, left_out)

    assert conflict is not None
    assert list(conflict.item_ids) == case["conflict"]["items"]
    assert conflict.shortage is Shortage.LABORATORY_HOURS
    assert conflict.disciplines == {"electric"}
    assert (conflict.first_week, conflict.last_week) == (0, 1)
    assert conflict.need == case["conflict"]["need_hours"]
    assert conflict.have == case["conflict"]["have_hours"]


def test_a_conflict_names_no_item_that_it_could_spare():
    problem = problem_of(read_cases()["infeasible-legal"])
    conflict = find_conflict(problem, "e0")
    assert conflict is not None

    for spared in conflict.item_ids:
        rest = tuple(item for item in problem.items if item.id != spared)
        assert planned(replace(problem, items=rest)).best.unplaced == 0


def test_overtime_is_offered_at_its_price():
    problem = laboratory(mandatory("a", 3), mandatory("b", 3), capacity=2.5)

    conflict = find_conflict(problem, "a")

    assert conflict is not None
    assert conflict.remedies[0].way is WayOut.MORE_HOURS
    assert conflict.remedies[0].hours == 1
    assert conflict.remedies[0].cost == 80  # 60 of overtime, 20 of the peak


def test_somebody_with_time_could_be_authorised():
    problem = laboratory(mandatory("a", 3), mandatory("b", 3), capacity=8, person=2)

    conflict = find_conflict(problem, "a")

    assert conflict is not None
    assert conflict.shortage is Shortage.PERSONS_HOURS
    (remedy,) = [one for one in conflict.remedies if one.way is WayOut.AUTHORISE]
    assert (remedy.person, remedy.discipline, remedy.hours) == ("Li", "mass", 2)


def test_hours_that_suffice_in_sum_but_not_in_one_piece_are_named():
    """Three items of 4 h need 12 h; two weeks of 6 h have 12 h, and room for two items."""
    problem = laboratory(*(mandatory(name, 4) for name in "abc"), capacity=6)

    conflict = find_conflict(problem, "a")

    assert conflict is not None
    assert conflict.shortage is Shortage.FIT
    assert conflict.item_ids == ("a", "b", "c")
    assert conflict.need == conflict.have == 12


def test_a_window_that_has_passed_is_said_to_have_passed():
    conflict = find_conflict(laboratory(mandatory("a", 1, week=-1), capacity=8), "a")

    assert conflict is not None
    assert conflict.shortage is Shortage.TIME
    assert conflict.remedies == ()  # the law sets the period


def test_an_item_that_fits_is_in_no_conflict():
    assert find_conflict(laboratory(mandatory("a", 1), capacity=8), "a") is None


def test_an_unknown_item_is_in_no_problem():
    with pytest.raises(KeyError):
        find_conflict(laboratory(capacity=8), "a")
