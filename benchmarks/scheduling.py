"""How good plans of large fleets are, and how long they take, beside a call-off list.

    uv run python benchmarks/scheduling.py            # 1 000 and 5 000 items, about five minutes
    uv run python benchmarks/scheduling.py 20000      # one size, 60 s

Fleets are drawn from a seed: forty items a site, ten disciplines, 52 weeks, the laboratory loaded
to 80 % on the average, people with 1.15 times the hours needed and two weeks of leave each, each
site with two shutdowns of three weeks. The peer is the list that calls each item off in its first
week with room; the bound is that of the relaxation, of which no plan can cost less.
"""

import sys
import time
from os import getloadavg

import numpy as np

from traceability.planning.planner import plan
from traceability.planning.problem import DueItem, Person, PlanningProblem

WEEKS = 52
DISCIPLINES = tuple(f"D{number}" for number in range(10))
SECONDS = {1_000: 60.0, 5_000: 180.0, 20_000: 60.0}
SEED = 1


def fleet(count: int, *, seed: int = SEED) -> PlanningProblem:
    """Return a problem of so many items, drawn from a seed."""
    rng = np.random.default_rng(seed)
    sites = [f"S{number:03d}" for number in range(max(1, count // 40))]
    site_shares = rng.dirichlet(np.full(len(sites), 4.0))
    discipline_shares = rng.dirichlet(np.full(len(DISCIPLINES), 6.0))
    items = tuple(
        _item(rng, number, sites, site_shares, discipline_shares) for number in range(count)
    )
    need = {
        name: sum(item.hours for item in items if item.discipline == name) for name in DISCIPLINES
    }
    return PlanningProblem(
        weeks=WEEKS,
        items=items,
        capacity_hours={name: _capacity(rng, hours) for name, hours in need.items()},
        persons=_persons(rng, sum(need.values())),
        shutdown_weeks={site: _shutdowns(rng) for site in sites},
    )


def _item(
    rng: np.random.Generator,
    number: int,
    sites: list[str],
    site_shares: np.ndarray,
    discipline_shares: np.ndarray,
) -> DueItem:
    is_mandatory = bool(rng.random() < 0.36)
    first = -3 if rng.random() < 0.03 else 0
    due = int(rng.integers(first, WEEKS - 2))
    fee = float(rng.choice([300, 600, 1200]) * rng.choice([0.5, 0.75, 1, 1.25]))
    return DueItem(
        id=f"i{number:05d}",
        site=sites[rng.choice(len(sites), p=site_shares)],
        discipline=DISCIPLINES[rng.choice(len(DISCIPLINES), p=discipline_shares)],
        hours=float(rng.choice([0.5, 1, 2, 4], p=[0.32, 0.36, 0.23, 0.09])),
        due_week=due,
        latest_week=max(0, due) if is_mandatory else due + 12,
        downtime_cost=float(rng.choice([0, 200, 1500], p=[0.64, 0.28, 0.08])),
        early_cost_per_week=fee / float(rng.choice([26, 52, 104])),
        is_mandatory=is_mandatory,
    )


def _capacity(rng: np.random.Generator, need: float) -> tuple[float, ...]:
    """Return hours a week that the need loads to 80 %; half the standards are away once."""
    hours = np.full(WEEKS, max(8.0, np.ceil(need / WEEKS / 0.8 / 4) * 4))
    if rng.random() < 0.5:
        away = int(rng.integers(0, WEEKS - 2))
        hours[away : away + 2] *= 0.25
    return tuple(hours.tolist())


def _persons(rng: np.random.Generator, need: float) -> tuple[Person, ...]:
    count = max(4, int(np.ceil(1.15 * need / WEEKS / 32)))
    return tuple(
        Person(
            name=f"P{number}",
            disciplines=frozenset(
                name
                for position, name in enumerate(DISCIPLINES)
                if number % 10 in {position, (position + 3) % 10, (position + 7) % 10}
                or (count < 10 and number in {position % count, (position + 1) % count})
            ),
            hours=_with_leave(rng),
        )
        for number in range(count)
    )


def _with_leave(rng: np.random.Generator) -> tuple[float, ...]:
    hours = np.full(WEEKS, 32.0)
    leave = int(rng.integers(0, WEEKS - 2))
    hours[leave : leave + 2] = 0.0
    return tuple(hours.tolist())


def _shutdowns(rng: np.random.Generator) -> frozenset[int]:
    return frozenset(
        week
        for first in rng.integers(0, WEEKS - 3, size=2).tolist()
        for week in range(first, first + 3)
    )


def main() -> None:
    """Plan each size once, and print what came of it."""
    sizes = [int(size) for size in sys.argv[1:]] or [1_000, 5_000]
    for size in sizes:
        problem, seconds = fleet(size), SECONDS.get(size, 60.0)
        started, load = time.perf_counter(), getloadavg()[0]
        made = plan(problem, clock=time.monotonic, seconds=seconds)
        took = time.perf_counter() - started
        edf, best = made.earliest_due_first, made.best
        gap = "no bound" if made.gap is None else f"{made.gap:.1%} above the bound"
        print(
            f"{size} items × {WEEKS} weeks in {took:.0f} s (load {load:.1f}): "
            f"cost {best.cost.total:,.0f} = {best.cost.total / edf.cost.total:.2f} × the call-off "
            f"list's {edf.cost.total:,.0f}; {gap}; {made.method}"
        )
        print(
            f"    unplaced {best.unplaced} against {edf.unplaced}, weeks overdue "
            f"{best.overdue_weeks} against {edf.overdue_weeks}, trips {best.trips} against "
            f"{edf.trips}; {len(best.violations)} rules broken"
        )


if __name__ == "__main__":
    main()
