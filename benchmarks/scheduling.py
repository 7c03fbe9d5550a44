"""How good plans of large fleets are, and how long they take, beside a call-off list.

    uv run python -m benchmarks.scheduling            # 1 000 and 5 000 items, about a minute
    uv run python -m benchmarks.scheduling 20000      # one size, 60 s
    uv run python -m benchmarks.scheduling seeds 5000 200    # by the search alone, seed by seed
    uv run python -m benchmarks.scheduling due        # 10⁶ due dates; a board of 50 000 items

Fleets are drawn from a seed: forty items a site, ten disciplines, 52 weeks, the laboratory loaded
to 80 % on the average, people with 1.15 times the hours needed and two weeks of leave each, each
site with two shutdowns of three weeks. The peer is the list that calls each item off in its first
week with room; the bound is what no plan can cost less than, by the prices of the relaxation.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from os import getloadavg
from statistics import median
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Engine
from sqlmodel import Session

from service.actions import due as due_action
from service.actions import organizations
from service.api.due_dates import kept
from service.database import open_engine
from service.due_dates import due_dates as due_dates_of_book
from service.schema import upgrade
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tenancy import TenantSession
from service.web.due import DueFilter, due_page
from tests.engines import application_url, fresh_database, postgresql_server
from traceability.planning.planner import plan
from traceability.planning.problem import DueItem, Person, PlanningProblem
from traceability.schedule import Activity, Period, Plan, Rule, due_date
from traceability.schedule_arrays import due_days

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


# --- Due dates -----------------------------------------------------------------------------------


def due_dates(count: int = 1_000_000) -> None:
    """Derive so many due dates in arrays, some of them one by one beside."""
    rng = np.random.default_rng(SEED)
    last = np.datetime64("2024-01-01") + rng.integers(0, 1000, count).astype("timedelta64[D]")
    certificate = last + rng.integers(150, 500, count).astype("timedelta64[D]")
    last[rng.random(count) < 0.05] = np.datetime64("NaT")
    known_since = np.full(count, np.datetime64("2023-06-01"))
    periods = (
        Period(rule=Rule.PROCEDURE, months=12, source="JJG"),
        Period(rule=Rule.ITEM_TYPE, months=6, source="type"),
        Period(rule=Rule.ITEM, months=9, source="ledger"),
    )
    took = timed(
        lambda: due_days(periods, known_since=known_since, last=last, certificate=certificate)
    )
    some = 20_000
    plans = [
        Plan(activity=Activity.VERIFICATION, known_since=date(2023, 6, 1), periods=periods,
             performed_on=() if day is None else (day,), valid_until=told)
        for day, told in zip(last[:some].tolist(), certificate[:some].tolist(), strict=True)
    ]  # fmt: skip
    alone = timed(lambda: [due_date(plan, on=date.max) for plan in plans]) * count / some
    print(
        f"due     {count} due dates of three periods and a certificate each in {took:.2f} s "
        f"(5 asked); one by one {alone:.0f} s (of {some})"
    )


def board(items: int = 50_000) -> None:
    """Ask the board and the list of one organization's items, as page and door do."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/bench.db")
        upgrade(engine)
        _ask_board(engine, _book(engine, engine, items), items)
        engine.dispose()
    with postgresql_server() as server, fresh_database(server, "bench") as url:
        owning, engine = open_engine(url), open_engine(application_url(url))
        upgrade(owning)
        _ask_board(engine, _book(owning, engine, items), items)
        owning.dispose()
        engine.dispose()


def _ask_board(engine: Engine, book: UUID, items: int) -> None:
    name, on = engine.dialect.name, date(2026, 11, 21)
    with TenantSession(engine, book) as session, session.begin():
        derived = timed(lambda: due_action.derive(session))
    print(
        f"due     {name}: due dates of a book of {items} items derived and kept in {derived:.1f} s"
    )
    asked: dict[str, Callable[[TenantSession], object]] = {
        told: partial(due_page, asked=one, on=on)
        for told, one in {
            "first page": DueFilter(),
            "page 500": DueFilter(page=500),
            "one area": DueFilter(area="area 3"),
            "overdue": DueFilter(status="overdue"),
            "sorted by name": DueFilter(sort="name"),
            "sorted by serial number": DueFilter(sort="serial"),
            "words": DueFilter(text="00031"),
            "words of all": DueFilter(text="压力"),
        }.items()
    }
    asked |= {
        f"GET /v1/due-dates{query}": partial(
            kept, after=None, limit=51, on=on, last=None, explain=explain
        )
        for query, explain in (("", False), ("?explain=1", True))
    }
    asked["GET /v1/due-dates?on=the day before"] = partial(due_dates_of_book, on=on)
    for told, ask in asked.items():
        took, worked = [], []
        for _ in range(7):
            with TenantSession(engine, book, read_only=True) as reading:
                before = time.process_time()
                took.append(timed(lambda: ask(reading)))  # noqa: B023
                worked.append(time.process_time() - before)
        print(
            f"due     {name}, {items} items, {told}: {1e3 * median(worked):.0f} ms of our "
            f"processor time, {1e3 * median(took):.0f} ms in all (100 asked of the board)"
        )


def _book(owner: Engine, engine: Engine, items: int) -> UUID:
    with Session(owner) as owning, owning.begin():
        mine = organizations.create_organization(
            owning, code="BENCH", name_zh="基准", name_en="Bench", kind="enterprise", address=""
        ).id
    now, rng = datetime(2026, 1, 1, tzinfo=UTC), np.random.default_rng(SEED)
    ids = [uuid4() for _ in range(items)]
    with TenantSession(engine, mine) as session, session.begin():
        session.insert(Item, [
            {"id": id_, "kind": "measuring_instrument", "name_zh": "压力表", "name_en": "gauge",
             "manufacturer_zh": "", "manufacturer_en": "", "type_designation": f"Y-{n % 40}",
             "serial_number": f"{n:08d}", "asset_number": f"A{n}", "quantity": "pressure",
             "accuracy_text": "1.6", "location": [f"area {n % 12}", f"room {n % 100}"],
             "is_mandatory": n % 3 == 0, "is_published": False, "is_carbon_meter": False,
             "procedure_code": "JJG 52", "status": "sealed" if n % 50 == 0 else "in_use",
             "is_demonstration": False, "recorded_at": now}
            for n, id_ in enumerate(ids)
        ])  # fmt: skip
        session.insert(Calibration, [
            {"id": uuid4(), "source": "external", "item_id": id_, "kind": "verification",
             "item_name_zh": "压力表", "item_name_en": "gauge", "laboratory_zh": "",
             "laboratory_en": "", "performed_on": day, "valid_until": day + timedelta(days=180),
             "track": "main", "place": "laboratory", "is_adjusted": False,
             "is_demonstration": False, "recorded_at": now}
            for id_, days in zip(ids, rng.integers(0, 190, items).tolist(), strict=True)
            for day in [date(2026, 5, 20) + timedelta(days=days)]
        ])  # fmt: skip
    return mine


def seeds(count: int, many: int) -> None:
    """Plan fleets of so many items by the search alone, and print what came of each and of all."""
    shares, gaps, worked = [], [], []
    for seed in range(many):
        problem, before = fleet(count, seed=seed), time.process_time()
        made = plan(
            problem,
            clock=time.process_time,
            seconds=600.0,
            progress=lambda stage, _share: stage != "program",
        )
        worked.append(time.process_time() - before)
        edf, best = made.earliest_due_first, made.best
        shares.append(best.cost.total / edf.cost.total)
        gaps.append(made.gap or float("inf"))
        print(
            f"{count} items, seed {seed}: {worked[-1]:.1f} s of processor time, {shares[-1]:.4f} × "
            f"the list, {gaps[-1]:.1%} above the bound; unplaced {best.unplaced} against "
            f"{edf.unplaced}, weeks overdue {best.overdue_weeks} against {edf.overdue_weeks}",
            flush=True,
        )
    for told, values in (("seconds", worked), ("× the list", shares), ("above the bound", gaps)):
        print(f"{told}: {min(values):.4f} to {max(values):.4f}, median {median(values):.4f}")


def timed(act: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    """Plan each size once, and print what came of it."""
    if sys.argv[1:] == ["due"]:
        due_dates()
        board()
        return
    if sys.argv[1:2] == ["seeds"]:
        seeds(int(sys.argv[2]), int(sys.argv[3]))
        return
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
