"""How fast readings become verdicts: one worksheet, and ten thousand meters, by JJG 596-2012.

    uv run python benchmarks/worksheet.py

One worksheet has 60 points with two readings each. Targets: at most 5 ms of processor time for one
worksheet, at least 1000 meters a second on one core for a batch.

The peer is a program written for this one regulation, in plain Python: limits in `if`s, decimals
for the rounding, no uncertainty, no conditions, no ratio. It shows what the generality of editions
as data costs. Each figure is the median of five runs in which the contenders take turns, in
processor times of this process, the fastest and the slowest in brackets.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from os import getloadavg
from statistics import median

import numpy as np

from procedures.batch import BatchPoint, evaluate_batch
from procedures.conformity import Verdict
from procedures.method import (
    MethodResult,
    PointReadings,
    ReferenceStandard,
    evaluate_readings,
    load_catalogue,
)
from procedures.rounding import round_to_step

RUNS = 5
METERS = 10_000
I_N, I_MAX = 1.5, 6.0
WANTED = [0.015, 0.075, 0.15, 0.3, 1.5, 6.0]  # A, by the edition
OTHERS = [0.04, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 2.0, 3.0, 4.0, 5.0]
REACTIVE = [*WANTED[1:], *OTHERS, 5.5]  # from 0.02 I_n on
POINTS = [(current, "1") for current in WANTED + OTHERS]
POINTS += [(current, factor) for factor in ("0.5L", "0.8C") for current in REACTIVE]
EDITION = next(row for row in load_catalogue() if row.name == "JJG 596-2012")
TOLD = {
    "accuracy_class": "0.2S",
    "environment": {"temperature": 23.0, "humidity": 60.0},
    "standard": ReferenceStandard(maximum_permissible_error=0.05),
    "options": {"connection": "through_transformers", "phases": "single", "clock": "absent"},
    "i_n": I_N,
    "i_max": I_MAX,
    "influence": 0.01,
}
INSPECTIONS = [row.name for row in EDITION.inspections]


def made_readings() -> np.ndarray:
    """Return the errors of meters in %, (meters, points, 2)."""
    random = np.random.default_rng(596)
    own = random.normal(0.0, 0.04, (METERS, 1, 1))
    return (own + random.normal(0.0, 0.015, (METERS, len(POINTS), 2))).round(4)


def one_worksheet(readings: np.ndarray) -> MethodResult:
    """Judge one meter as the service does it."""
    points = [
        PointReadings(
            nominal=current,
            conditions={"power_factor": factor, "load": "balanced"},
            readings={"gamma": pair},
        )
        for (current, factor), pair in zip(POINTS, readings.tolist(), strict=True)
    ]
    met = dict.fromkeys(INSPECTIONS, True)
    return evaluate_readings(EDITION, points=points, inspections=met, **TOLD)


def all_meters(readings: np.ndarray) -> object:
    """Judge every meter at once."""
    points = [
        BatchPoint(nominal=current, conditions={"power_factor": factor, "load": "balanced"})
        for current, factor in POINTS
    ]
    met = {name: np.ones(len(readings), dtype=bool) for name in INSPECTIONS}
    return evaluate_batch(
        EDITION, points=points, readings={"gamma": readings}, inspections=met, **TOLD
    )


def by_hand(readings: np.ndarray) -> bool:
    """Judge the errors of one meter of class 0.2S, and nothing else."""
    passes = True
    for (current, factor), (first, second) in zip(POINTS, readings.tolist(), strict=True):
        if factor == "1":
            limit = "0.4" if current < 0.05 * I_N else "0.2"
        else:
            limit = "0.5" if current < 0.1 * I_N else "0.3"
        passes &= abs(round_to_step((first + second) / 2, "0.02")) <= Decimal(limit)
    return passes


def seconds(work: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - started) / calls


def told(times: list[float]) -> str:
    return f"{1000 * median(times):.3g} ms ({1000 * min(times):.3g} to {1000 * max(times):.3g})"


def main() -> None:
    readings = made_readings()
    for i in range(3):  # the same verdicts, before anything is timed
        result = one_worksheet(readings[i])
        if result.objections or (result.verdict is Verdict.PASS) != by_hand(readings[i]):
            raise SystemExit(f"the contenders disagree about meter {i}")
    contenders = {
        "worksheet": (lambda: one_worksheet(readings[0]), 100),
        "by hand": (lambda: by_hand(readings[0]), 100),
        "batch": (lambda: all_meters(readings), 1),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(RUNS):
        for name, (work, calls) in contenders.items():
            times[name].append(seconds(work, calls))
    worksheet, hand = median(times["worksheet"]), median(times["by hand"])
    rate = METERS / median(times["batch"])
    print(
        f"{len(POINTS)} points × 2 readings, class 0.2S; load of the machine {getloadavg()[0]:.1f}"
    )
    print(f"one worksheet          {told(times['worksheet'])}   target ≤ 5 ms")
    print(f"  the regulation by hand {told(times['by hand'])}   ratio {worksheet / hand:.2f}")
    print(f"{METERS} meters         {told(times['batch'])}")
    print(f"  {rate:,.0f} meters/s   target ≥ 1000; {rate * worksheet:.0f} × one by one,"
          f" {rate * hand:.0f} × by hand")  # fmt: skip


if __name__ == "__main__":
    main()
