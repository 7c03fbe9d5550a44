"""What holds of every plan, tried on fleets drawn from seeds: two bounded, two hundred in full.

Each fleet has 120 items at three sites over 26 weeks, the laboratory loaded to 80 % and short of
people now and then. Bounded, only the search plans; in full, the integer program too.
"""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest

from tests.proofs import how_many
from tests.traceability.planning.test_planner import planned, searched
from traceability.planning.check import check_plan
from traceability.planning.problem import DueItem, Person, PlanningProblem

WEEKS, ITEMS = 26, 120
DISCIPLINES = ("mass", "pressure", "temperature")
SEEDS = range(how_many(2, full=200))
IN_FULL = how_many(0, full=1)


def fleet(seed: int) -> PlanningProblem:
    """Return a problem drawn from a seed."""
    rng = np.random.default_rng(seed)
    items = tuple(_item(rng, number) for number in range(ITEMS))
    need = {name: sum(i.hours for i in items if i.discipline == name) for name in DISCIPLINES}
    return PlanningProblem(
        weeks=WEEKS,
        items=items,
        capacity_hours={
            name: (max(4.0, float(ceil(hours / WEEKS / 0.8))),) * WEEKS
            for name, hours in need.items()
        },
        persons=tuple(_person(rng, number, sum(need.values())) for number in range(3)),
        shutdown_weeks={site: frozenset(rng.integers(0, WEEKS, 3).tolist()) for site in "ABC"},
    )


def _item(rng: np.random.Generator, number: int) -> DueItem:
    is_mandatory = bool(rng.random() < 0.36)
    due = int(rng.integers(-2, WEEKS))
    booked = int(rng.integers(0, WEEKS)) if rng.random() < 0.1 else None
    return DueItem(
        id=f"i{number}",
        site=str(rng.choice(list("ABC"))),
        discipline=str(rng.choice(DISCIPLINES)),
        hours=float(rng.choice([0.5, 1, 2, 4])),
        due_week=due,
        latest_week=max(0, due) if is_mandatory else due + 12,
        downtime_cost=float(rng.choice([0, 200, 1500])),
        early_cost_per_week=float(rng.choice([3, 6, 12])),
        is_mandatory=is_mandatory,
        booked_week=booked,
        is_frozen=booked is not None and booked < 4,
    )


def _person(rng: np.random.Generator, number: int, need: float) -> Person:
    hours = np.full(WEEKS, ceil(1.15 * need / WEEKS / 3))
    leave = int(rng.integers(0, WEEKS - 2))
    hours[leave : leave + 2] = 0
    may = {DISCIPLINES[number], DISCIPLINES[(number + 1) % 3]}
    return Person(name=str(number), disciplines=frozenset(may), hours=tuple(hours.tolist()))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_breaks_no_rule_and_is_never_worse_than_the_call_off_list(seed: int):
    problem = fleet(seed)

    made = planned(problem, seconds=2.0) if IN_FULL else searched(problem)

    checked = check_plan(problem, made.best.plan)
    assert checked == made.best
    assert checked.violations == ()
    assert checked.cost.total <= made.earliest_due_first.cost.total
    assert checked.overdue_weeks <= made.earliest_due_first.overdue_weeks
    for item, week in zip(problem.items, checked.plan, strict=True):
        if week is not None and item.is_mandatory and not item.is_frozen:
            assert week <= item.latest_week
        if week is not None and item.is_frozen:
            assert week == item.booked_week
    if made.bound is not None:
        assert made.bound <= checked.cost.total * (1 + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_problem_has_one_plan_in_whatever_order_its_people_stand(seed: int):
    """The search alone: a program cut off by time may end elsewhere."""
    problem = fleet(seed)
    turned = replace(problem, persons=problem.persons[::-1])

    first, again = searched(problem), searched(problem)

    assert first.best.plan == again.best.plan
    other = searched(turned).best
    assert other.cost.total == pytest.approx(first.best.cost.total)
