"""The network of a synthetic nation as arrays, beside networkx, SQL recursion and `uncertainties`.

    python benchmarks/network.py --size 1000000

A nation of N items has seven levels, four yearly calibrations of each item and one to three
references in each (60, 25 and 15 %). Peers run at --peer-size in the same process, the arrays
there too, so every ratio compares equal sizes. The memory limit is the speed of a plain copy
measured in the same run: no audit can be faster than reading and writing its arrays once.
"""

import argparse
import mmap
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from uncertainties import ufloat

from traceability.columns import FIRST_DAY, NetworkColumns, uuid_of
from traceability.network import (
    NOBODY,
    Network,
    audit_items,
    audit_network,
    descendants,
    dominators,
    in_force,
    recalled,
)
from traceability.numbering import build_network, merged
from traceability.propagation import exact_variances, standard_uncertainty_of_sum
from traceability.snapshot import open_snapshot, snapshot_of

SHARES_OF_LEVELS = (2e-5, 2e-4, 2e-3, 2e-2, 8e-2, 0.2)
EVENTS_PER_ITEM = 4
NOON_OF_TIME = date(2022, 9, 1)
LAST = date(2024, 12, 31)
LARGEST_FOR_SQL = 1_000_000


@dataclass
class Nation:
    columns: NetworkColumns
    national: NDArray[np.uint64]
    working: NDArray[np.uint64]


def nation(items: int, seed: int = 1) -> Nation:
    """Return a synthetic nation; its first items are the national standards."""
    rng = np.random.default_rng(seed)
    bounds = np.cumsum([0, *(max(3, round(share * items)) for share in SHARES_OF_LEVELS)])
    bounds = np.append(bounds, max(items, bounds[-1] + 1))
    level = np.repeat(np.arange(7), np.diff(bounds))
    items = len(level)
    start = (date(2021, 1, 1) - FIRST_DAY).days + 40 * level + rng.integers(0, 30, items)
    performed = (
        start[:, None]
        + 365 * np.arange(EVENTS_PER_ITEM)
        + rng.integers(-10, 10, (items, EVENTS_PER_ITEM))
    )
    performed = performed.ravel().astype(np.int64)
    events = items * EVENTS_PER_ITEM
    item = np.repeat(np.arange(items), EVENTS_PER_ITEM)
    users = np.flatnonzero(level[item] > 0)
    degree = rng.choice([1, 2, 3], len(users), p=[0.6, 0.25, 0.15])
    user = np.repeat(users, degree)
    above = level[item[user]] - 1
    standard = rng.integers(bounds[above], bounds[above + 1])
    # The newest calibration of the standard that was made by the day of use.
    reference = standard * EVENTS_PER_ITEM - 1
    for nth in range(EVENTS_PER_ITEM):
        reference += performed[standard * EVENTS_PER_ITEM + nth] <= performed[user]
    ids = rng.integers(1, 2**63, (2, events), dtype=np.uint64)
    item_ids = rng.integers(1, 2**63, (2, items), dtype=np.uint64)
    validity = np.where(rng.random(events) < 0.01, 200, 400)
    columns = NetworkColumns(
        calibration_ids=ids,
        item_ids=np.ascontiguousarray(item_ids[:, item]),
        performed_on=performed.astype(np.uint16),
        valid_until=(performed + validity).astype(np.uint16),
        recorded_at=((performed - 7305 + 5) * 86400).astype(np.uint32),
        terminal=level[item] == 0,
        flawed=np.zeros(events, np.bool_),
        main=np.ones(events, np.bool_),
        own_uncertainty=rng.uniform(0.5, 1.5, events).astype(np.float32),
        user=user.astype(np.int32),
        reference_ids=np.ascontiguousarray(ids[:, reference]),
        coefficient=rng.uniform(0.2, 0.5, len(user)).astype(np.float32),
        ratio=rng.uniform(0.1, 0.9, len(user)).astype(np.float32),
        superseded_ids=np.empty((2, 0), np.uint64),
        superseded_at=np.empty(0, np.uint32),
        withdrawn=np.empty(0, np.bool_),
    )
    used = np.bincount(item[reference], minlength=items)
    busiest = EVENTS_PER_ITEM * int(bounds[3] + np.argmax(used[bounds[3] : bounds[4]]))
    return Nation(columns, ids[:, :EVENTS_PER_ITEM], ids[:, busiest : busiest + EVENTS_PER_ITEM])


def later_events(columns: NetworkColumns, count: int) -> NetworkColumns:
    """Return new calibrations of random items against references that are there."""
    rng = np.random.default_rng(2)
    chosen = rng.integers(0, len(columns.performed_on), count)
    used = rng.integers(0, columns.reference_ids.shape[1], count)
    day = np.uint16((LAST - FIRST_DAY).days)
    return NetworkColumns(
        calibration_ids=rng.integers(1, 2**63, (2, count), dtype=np.uint64),
        item_ids=np.ascontiguousarray(columns.item_ids[:, chosen]),
        performed_on=np.full(count, day),
        valid_until=np.full(count, day + np.uint16(365)),
        recorded_at=np.full(count, columns.recorded_at.max()),
        terminal=np.zeros(count, np.bool_),
        flawed=np.zeros(count, np.bool_),
        main=np.ones(count, np.bool_),
        own_uncertainty=np.ones(count, np.float32),
        user=np.arange(count, dtype=np.int32),
        reference_ids=np.ascontiguousarray(columns.reference_ids[:, used]),
        coefficient=np.full(count, np.float32(0.3)),
        ratio=np.full(count, np.float32(0.5)),
        superseded_ids=np.empty((2, 0), np.uint64),
        superseded_at=np.empty(0, np.uint32),
        withdrawn=np.empty(0, np.bool_),
    )


def require_equal(agreed: Any, what: str) -> None:
    """Stop if the arrays and a peer disagree: a faster wrong answer is none."""
    if not agreed:
        raise SystemExit(f"{what}: the arrays and their peer disagree")


def best(work: Callable[[], Any], times: int = 5) -> float:
    """Return the shortest of some runs, in seconds."""
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return min(took)


def bytes_per_second() -> float:
    source = np.ones(64 << 20, np.uint32)
    target = np.empty_like(source)
    return 2 * source.nbytes / best(lambda: np.copyto(target, source), 7)


def audit_bytes(network: Network) -> int:
    """Return the bytes an audit has to read and write at least."""
    names = ("sound", "slack", "ratio", "own_uncertainty")
    return sum(
        part.references.nbytes
        + part.coefficients.nbytes
        + 2 * sum(getattr(part, name).nbytes for name in names)
        for part in network.parts
    )


def networkx_graph(network: Network) -> "nx.MultiDiGraph[int]":
    """Return the same calibrations as a networkx graph, users to references."""
    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    (part,) = network.parts
    columns = (part.sound, part.slack, part.ratio, part.own_uncertainty, part.performed_on)
    for number, (sound, slack, ratio, u, performed) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        graph.add_node(number, sound=sound, slack=slack, ratio=ratio, u=u, performed=performed)
    for users, places in part.chunks():
        for place in places:
            graph.add_edges_from(
                (user, used, {"c": c})
                for user, used, c in zip(
                    range(users.start, users.stop),
                    part.references[place].tolist(),
                    part.coefficients[place].tolist(),
                    strict=True,
                )
            )
    return graph


def networkx_audit(graph: "nx.MultiDiGraph[int]") -> list[tuple[bool, int, float, float]]:
    """Audit in the order of the numbers, which is topological: as plain as Python can."""
    state: list[tuple[bool, int, float, float]] = []
    nodes = graph.nodes
    for number in range(len(graph)):
        node = nodes[number]
        sound, slack, ratio, variance = node["sound"], node["slack"], node["ratio"], node["u"] ** 2
        for used, uses in graph.adj[number].items():
            other = state[used]
            sound = sound and other[0]
            slack = min(slack, other[1])
            ratio = max(ratio, other[2])
            for use in uses.values():
                variance += use["c"] ** 2 * other[3]
        state.append((sound, slack, ratio, variance))
    return state


def sql_descendants(network: Network, seeds: Sequence[int]) -> tuple[float, int]:
    """Return the time and the count of a recursion over a table as a book has it."""
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE TABLE calibration_reference (organization_id BLOB, calibration_id BLOB, "
        "position INTEGER, reference_id BLOB, "
        "PRIMARY KEY (organization_id, calibration_id, position)) WITHOUT ROWID"
    )
    book = bytes(16)
    (part,) = network.parts
    ids = [high.to_bytes(8) + low.to_bytes(8) for high, low in part.calibration_ids.T.tolist()]
    for users, places in part.chunks():
        for position, place in enumerate(places):
            database.executemany(
                "INSERT INTO calibration_reference VALUES (?, ?, ?, ?)",
                (
                    (book, ids[user], position, ids[used])
                    for user, used in zip(
                        range(users.start, users.stop),
                        part.references[place].tolist(),
                        strict=True,
                    )
                ),
            )
    database.execute(
        "CREATE INDEX by_reference ON calibration_reference (organization_id, reference_id)"
    )
    database.execute("CREATE TABLE seed (id BLOB)")
    database.executemany("INSERT INTO seed VALUES (?)", [(ids[seed],) for seed in seeds])
    query = """
        WITH RECURSIVE below(id) AS (
            SELECT calibration_id FROM calibration_reference
            WHERE organization_id = :book AND reference_id IN (SELECT id FROM seed)
            UNION SELECT edge.calibration_id FROM calibration_reference AS edge
            JOIN below ON edge.organization_id = :book AND edge.reference_id = below.id)
        SELECT count(*) FROM below"""
    begin = time.perf_counter()
    (count,) = database.execute(query, {"book": book}).fetchone()
    return time.perf_counter() - begin, count


def sql_chain(network: Network, numbers: Sequence[int]) -> tuple[float, float]:
    """Return the median time of one ancestry and of one look-up by key, in a book's table."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "book.db")
        database.execute(
            "CREATE TABLE calibration_reference (organization_id BLOB, calibration_id BLOB, "
            "position INTEGER, reference_id BLOB, "
            "PRIMARY KEY (organization_id, calibration_id, position)) WITHOUT ROWID"
        )
        book = bytes(16)
        (part,) = network.parts
        ids = [high.to_bytes(8) + low.to_bytes(8) for high, low in part.calibration_ids.T.tolist()]
        for users, places in part.chunks():
            for position, place in enumerate(places):
                database.executemany(
                    "INSERT INTO calibration_reference VALUES (?, ?, ?, ?)",
                    (
                        (book, ids[user], position, ids[used])
                        for user, used in zip(
                            range(users.start, users.stop),
                            part.references[place].tolist(),
                            strict=True,
                        )
                    ),
                )
        database.commit()
        chain = """
            WITH RECURSIVE own(id) AS (
                SELECT :id UNION SELECT edge.reference_id FROM calibration_reference AS edge
                JOIN own ON edge.organization_id = :book AND edge.calibration_id = own.id)
            SELECT edge.* FROM calibration_reference AS edge
            WHERE edge.organization_id = :book AND edge.calibration_id IN (SELECT id FROM own)"""
        look_up = """SELECT * FROM calibration_reference
            WHERE organization_id = :book AND calibration_id = :id"""
        took: dict[str, list[float]] = {chain: [], look_up: []}
        for number in numbers:
            for query, times in took.items():  # interleaved
                begin = time.perf_counter()
                database.execute(query, {"book": book, "id": ids[number]}).fetchall()
                times.append(time.perf_counter() - begin)
        return float(np.median(took[chain])), float(np.median(took[look_up]))


def resident(path: Path) -> int:
    """Return how many bytes of a mapped file this process holds in memory; 0 where unknown."""
    total, inside = 0, False
    smaps = Path("/proc/self/smaps")
    for line in smaps.read_text().splitlines() if smaps.exists() else ():
        if "-" in line.split(" ", 1)[0] and ":" not in line.split(" ", 1)[0]:
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def uncertainties_deviations(network: Network, numbers: NDArray[np.int32]) -> list[float]:
    values: dict[int, Any] = {}
    needed = sorted(ancestors(network, numbers.tolist()))
    for number in needed:
        used, coefficients = network.references_of(number)
        values[number] = sum(
            (c * values[r] for r, c in zip(used, coefficients, strict=True)),
            ufloat(0, network.own_uncertainty_of(number)),
        )
    return [values[number].std_dev for number in numbers.tolist()]


def ancestors(network: Network, numbers: list[int]) -> set[int]:
    found = set(numbers)
    waiting = list(numbers)
    while waiting:
        new = set(network.references_of(waiting.pop())[0]) - found
        found |= new
        waiting += new
    return found


def megabytes(network: Network, *, ids: bool) -> float:
    total = sum(
        getattr(part, field.name).nbytes
        for part in network.parts
        for field in fields(part)
        if field.name != "first" and (ids or field.name not in ("calibration_ids", "id_order"))
    )
    return (total + (network.item_ids.nbytes + network.item_order.nbytes) * ids) / 1e6


class Report:
    def __init__(self) -> None:
        self.missed = 0

    def line(self, what: str, ours: float, *, beside: str = "", met: bool | None = None) -> None:
        self.missed += met is False
        mark = {None: "", True: "met", False: "MISSED"}[met]
        print(f"{what:<58}{1000 * ours:>11.3f} ms   {beside:<60}{mark}", flush=True)


def whole(size: int, report: Report) -> None:
    """Measure the arrays alone, against the speed of memory."""
    speed = bytes_per_second()
    print(f"copying runs at {speed / 1e9:.1f} GB/s; {os.cpu_count()} processors")
    begin = time.perf_counter()
    made = nation(size)
    columns = made.columns
    print(f"generated in {time.perf_counter() - begin:.1f} s")
    begin = time.perf_counter()
    network = build_network(columns, watermark="generated")
    print(
        f"{network.item_ids.shape[1]} items, {network.size} calibrations, "
        f"{len(columns.user)} references; built once in {time.perf_counter() - begin:.1f} s"
    )
    per_million = network.item_ids.shape[1] / 1e6
    arrays, everything = megabytes(network, ids=False), megabytes(network, ids=True)
    print(
        f"arrays {arrays / per_million:.0f} MB per 10⁶ items "
        f"({'met' if arrays / per_million <= 200 else 'MISSED'}: ≤ 200), "
        f"with the UUIDs {everything / per_million:.0f} MB"
    )
    limit = audit_bytes(network) / speed
    took = best(lambda: audit_network(network))
    report.line(
        "audit of every calibration",
        took,
        beside=f"{took / limit:.1f} × the copy limit {1000 * limit:.2f} ms (≤ 10)",
        met=took <= 10 * limit,
    )
    unbroken = audit_network(network).unbroken
    took = best(lambda: audit_items(network, on=NOON_OF_TIME, unbroken=unbroken))
    report.line("every item on a day, chain verdicts at hand", took)
    took = best(lambda: audit_items(network, on=NOON_OF_TIME))
    report.line("every item on a day, cold", took)
    national = network.numbers_of(uuids(made.national))
    took = best(lambda: descendants(network, national))
    report.line(
        "descendants of a national standard",
        took,
        beside=f"{descendants(network, national).sum()} found",
    )
    if size <= LARGEST_FOR_SQL:
        walking, count = sql_descendants(network, national.tolist())
        require_equal(count == descendants(network, national).sum(), "descendants by SQL")
        ratio(report, "the same beside SQL", took, walking, "SQLite recursion", 1000)
    working = network.numbers_of(uuids(made.working))
    touched = sum(
        part.references.nbytes + part.performed_on.nbytes + 2 * len(part.performed_on)
        for part in network.parts
    )
    for name, seeds, last_good_on in (
        ("national", national, date(2022, 1, 1)),
        ("level-3", working, date(2022, 5, 1)),
    ):
        window = {"last_good_on": last_good_on, "found_on": last_good_on + timedelta(days=200)}
        took = best(lambda seeds=seeds, window=window: recalled(network, seeds, **window))
        report.line(
            f"recall window of 200 days, {name} standard",
            took,
            beside=f"{took * speed / touched:.1f} × the copy limit (≤ 30), "
            f"{recalled(network, seeds, **window).sum()} found",
            met=took * speed / touched <= 30,
        )
    uncertainties_of(network, report)
    took = best(lambda: dominators(network), 1)
    report.line("dominators of every calibration", took)
    snapshots(network, per_million, report)
    new = later_events(columns, 10_000)
    took = best(lambda: merged(network, new, watermark="later"))
    report.line("10 000 new calibrations merged", took, beside="≤ 100 ms", met=took <= 0.1)
    grown = merged(network, new, watermark="later")
    took = best(lambda: audit_network(grown))
    report.line("audit of every calibration after the merge", took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory of the process, generator included: {peak:.2f} GB")


def uncertainties_of(network: Network, report: Report) -> None:
    numbers = in_force(network, on=LAST)
    numbers = numbers[numbers != NOBODY]
    meters = np.random.default_rng(3).choice(numbers[-len(numbers) // 2 :], 200, replace=False)
    took = best(lambda: standard_uncertainty_of_sum(network, meters), 20)
    report.line("u of a total of 200 meters", took, beside="≤ 5 ms", met=took <= 0.005)
    took = best(lambda: exact_variances(network, numbers), 1)
    report.line("exact variance of every item", took)


def snapshots(network: Network, per_million: float, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.snapshot"
        begin = time.perf_counter()
        with path.open("wb") as file:
            for piece in snapshot_of(network):
                file.write(piece)
        report.line("snapshot written", time.perf_counter() - begin)

        def opened() -> Network:
            with path.open("rb") as file:
                return open_snapshot(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

        took = best(opened)
        report.line(
            "snapshot opened",
            took,
            beside="≤ 50 ms per 10⁶ items",
            met=took <= 0.05 * max(1.0, per_million),
        )
        report.line(
            "snapshot opened, every item on a day from it",
            best(lambda: audit_items(opened(), on=NOON_OF_TIME)),
        )
        kept = opened()
        audit_items(kept, on=NOON_OF_TIME)
        audit_network(kept)
        megabytes_held = resident(path) / 1e6 / per_million
        print(
            f"of the mapped snapshot {megabytes_held:.0f} MB per 10⁶ items are in memory after "
            f"both audits; UUIDs stay in the file ({'met' if megabytes_held <= 200 else 'MISSED'}: "
            "≤ 200)"
        )


def uuids(ids: NDArray[np.uint64]) -> list[Any]:
    return [uuid_of(pair) for pair in ids.T]


def beside_peers(size: int, report: Report) -> None:
    """Measure the arrays beside their peers, all at one size."""
    made = nation(size)
    network = build_network(made.columns)
    print(f"\nbeside peers at {size} items, {network.size} calibrations")
    begin = time.perf_counter()
    graph = networkx_graph(network)
    building = time.perf_counter() - begin
    begin = time.perf_counter()
    theirs = networkx_audit(graph)
    auditing = time.perf_counter() - begin
    ours = audit_network(network)
    require_equal([row[0] for row in theirs] == ours.unbroken.tolist(), "unbroken")
    require_equal(np.allclose([row[3] for row in theirs], ours.variance, rtol=1e-4), "variance")
    took = best(lambda: audit_network(network))
    ratio(report, "audit of every calibration", took, auditing, "networkx", 500)
    took = best(lambda: audit_items(network, on=NOON_OF_TIME))
    ratio(report, "cold audit at a day", took, building + auditing, "networkx with its build", 200)
    national = network.numbers_of(uuids(made.national))
    reverse = graph.reverse(copy=False)
    begin = time.perf_counter()
    reached = set().union(*(nx.descendants(reverse, n) for n in national.tolist()))
    walking = time.perf_counter() - begin
    require_equal(len(reached) == descendants(network, national).sum(), "descendants")
    took = best(lambda: descendants(network, national))
    ratio(report, "descendants of a national standard", took, walking, "networkx", 200)
    numbers = in_force(network, on=LAST)
    some = np.random.default_rng(4).choice(numbers[numbers != NOBODY], 2000, replace=False)
    chain, look_up = sql_chain(network, some.tolist())
    report.line(
        "one chain through SQL",
        chain,
        beside=f"a raw look-up {1e6 * look_up:.0f} µs: {chain / look_up:.1f} × (≤ 12)",
        met=chain <= 12 * look_up,
    )
    begin = time.perf_counter()
    expected = uncertainties_deviations(network, numbers)
    propagating = time.perf_counter() - begin
    require_equal(
        np.allclose(np.sqrt(exact_variances(network, numbers)), expected, rtol=1e-12),
        "exact variance",
    )
    took = best(lambda: exact_variances(network, numbers), 3)
    ratio(report, "exact variance of every item", took, propagating, "uncertainties", 40)


def ratio(report: Report, what: str, ours: float, theirs: float, peer: str, goal: int) -> None:
    report.line(
        what,
        ours,
        beside=f"{peer} {1000 * theirs:.0f} ms: {theirs / ours:.0f} × (≥ {goal})",
        met=theirs / ours >= goal,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1_000_000, help="items of the nation")
    parser.add_argument(
        "--peer-size", type=int, default=100_000, help="items for the peers; 0: none"
    )
    arguments = parser.parse_args()
    report = Report()
    whole(arguments.size, report)
    if arguments.peer_size:
        beside_peers(arguments.peer_size, report)
    print(f"{report.missed} goal(s) missed")
    return 3 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
