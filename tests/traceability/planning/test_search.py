"""Hours counted and items moved by the search, on laboratories small enough to do it by hand."""

from itertools import count

import numpy as np
import pytest

from tests.traceability.planning.test_plan_proof import fleet
from traceability.planning.arrays import Load, ProblemArrays
from traceability.planning.planner import plan
from traceability.planning.problem import DueItem, Person, PlanningProblem
from traceability.planning.search import earliest_due_first, hasten, repair, settle


def gauge(id_: str, *, due: int, latest: int, discipline: str = "pressure") -> DueItem:
    """Return an item of two hours, which cannot be due before week 0."""
    return DueItem(
        id=id_, site="A", discipline=discipline, hours=2, due_week=due, latest_week=latest
    )


def laboratory(*items: DueItem, disciplines: tuple[str, ...] = ("pressure",)) -> PlanningProblem:
    """Return four weeks in which the one person has time for one item each."""
    return PlanningProblem(
        weeks=4,
        items=items,
        capacity_hours=dict.fromkeys(disciplines, (8.0,) * 4),
        persons=(Person(name="Li", disciplines=frozenset(disciplines), hours=(2.0,) * 4),),
    )


def test_an_item_without_a_week_is_let_in_by_a_chain_of_others():
    """Week 0 is the only one for a; b can go to 1, but c is there; c can go to 2."""
    arrays = ProblemArrays(
        laboratory(
            gauge("a", due=0, latest=0), gauge("b", due=1, latest=1), gauge("c", due=2, latest=2)
        )
    )

    weeks = hasten(arrays, np.array([-1, 0, 1]))

    assert weeks.tolist() == [0, 1, 2]


def test_who_makes_room_may_be_of_another_discipline_of_the_same_person():
    arrays = ProblemArrays(
        laboratory(
            gauge("a", due=0, latest=0),
            gauge("b", due=1, latest=1, discipline="mass"),
            disciplines=("mass", "pressure"),
        )
    )

    weeks = hasten(arrays, np.array([-1, 0]))

    assert weeks.tolist() == [0, 1]


def test_an_item_that_is_worth_less_makes_room_for_good():
    """Nothing else has room; without a week a would be overdue for four weeks and b for one."""
    arrays = ProblemArrays(laboratory(gauge("a", due=0, latest=0), gauge("b", due=3, latest=3)))
    only_week_0 = ProblemArrays(
        PlanningProblem(
            weeks=4,
            items=arrays.problem.items,
            capacity_hours={"pressure": (8.0, 0.0, 0.0, 0.0)},
            persons=arrays.problem.persons,
        )
    )

    weeks = hasten(only_week_0.with_overdue_at(400.0), np.array([-1, 0]))

    assert weeks.tolist() == [0, -1]


@pytest.mark.parametrize("seed", range(5))
def test_the_room_of_a_discipline_is_what_the_scarcest_set_of_people_leaves(seed: int):
    """Counted over every set of disciplines, the search over the few that can bind."""
    arrays = ProblemArrays(fleet(seed))
    load = Load(arrays, earliest_due_first(arrays))

    left = arrays.people - arrays.sets @ load.hours
    for discipline in range(len(arrays.disciplines)):
        people = left[arrays.sets[:, discipline]].min(axis=0)
        laboratory_hours = arrays.most[discipline] - load.hours[discipline]
        assert load.room[discipline] == pytest.approx(np.minimum(people, laboratory_hours))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_taken_out_and_put_back_leaves_the_room_as_it_was(seed: int):
    arrays = ProblemArrays(fleet(seed))
    weeks = earliest_due_first(arrays)
    load = Load(arrays, weeks)
    some = np.arange(0, len(weeks), 3)

    before = load.room.copy()
    load.put(some, weeks[some], sign=-1.0)
    roomier = load.room.copy()
    load.put(some, weeks[some])

    assert (roomier >= before).all()
    assert (roomier > before).any()
    assert load.room == pytest.approx(before)


@pytest.mark.parametrize("seed", range(5))
def test_items_put_one_by_one_leave_the_room_that_they_leave_together(seed: int):
    arrays = ProblemArrays(fleet(seed))
    weeks = earliest_due_first(arrays)
    together, load = Load(arrays, weeks), Load(arrays, np.full(len(weeks), -1))

    for item, week in enumerate(weeks.tolist()):
        if week >= 0:
            load.put_one(item, week)

    assert load.room == pytest.approx(together.room)
    assert load.hours == pytest.approx(together.hours)


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_settled_is_no_longer_overdue_than_the_list(seed: int):
    """From the plan that waits longest: all items in the last week that is permitted, repaired."""
    arrays = ProblemArrays(fleet(seed))
    listed = earliest_due_first(arrays)
    allowed = int(arrays.overdue_of(listed))
    permitted = np.isfinite(arrays.base)
    last = permitted.shape[1] - 1 - permitted[:, ::-1].argmax(axis=1)
    late = repair(arrays, np.where(permitted.any(axis=1), last, -1))

    settled = settle(arrays, late, listed=listed, overdue_weeks=allowed)

    assert arrays.overdue_of(late) > allowed
    assert arrays.overdue_of(settled) <= allowed
    assert Load(arrays, settled).room.min() > -1e-6


@pytest.mark.parametrize("seed", range(5))
def test_a_repaired_plan_is_over_full_nowhere(seed: int):
    """All items start in the first week that is permitted, whatever there is room for."""
    arrays = ProblemArrays(fleet(seed))
    permitted = np.isfinite(arrays.base)
    weeks = np.where(permitted.any(axis=1), permitted.argmax(axis=1), -1)

    repaired = repair(arrays, weeks)

    assert Load(arrays, weeks).room.min() < 0
    assert Load(arrays, repaired).room.min() > -1e-6


def test_the_search_ends_in_time_to_repair_and_check_what_it_found():
    """By a clock that strikes once each time it is asked, of a limit of fifty strokes."""
    clock, told = count(), []

    def progress(stage: str, _share: float) -> bool:
        told.append(stage)
        return True

    made = plan(fleet(0), clock=lambda: float(next(clock)), seconds=50.0, progress=progress)

    assert told.count("search") <= 46  # nine tenths of it, and the stroke that tells
    assert "program" not in told
    assert not made.is_complete
    assert made.best.is_feasible
