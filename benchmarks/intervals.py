"""How long the intervals of ten thousand histories take on one core, beside A3 and S2.

    OMP_NUM_THREADS=1 uv run python benchmarks/intervals.py          # 1 000 histories, scaled
    OMP_NUM_THREADS=1 uv run python benchmarks/intervals.py 10000    # all of them

Families of forty with 3 to 24 calibrations, planted laws in turn. Processor time, so that other
load counts little; each part is timed in the same run, family by family, one after the other.
"""

import sys
import time
from collections import defaultdict
from itertools import pairwise
from os import getloadavg
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from procedures.drift import History, analyse
from procedures.intervals import FoundAfter, interval_test
from procedures.reliability_models import compare_models
from tests.procedures.planted_drift import LAWS, planted

FAMILY = 40
ALL = 10_000
LIMITS = {"grid": 60.0, "refined": 300.0}


def engine(family: list[History], *, refined: bool) -> None:
    found = analyse(family, generator=np.random.default_rng(1), refined=refined)
    for member in found.members:
        member.interval(0.95)


def a3(family: list[History]) -> None:
    for history in family:
        found = [abs(one.as_found or 0.0) <= 1 for one in history.records[1:]]
        interval_test(found, current_interval=1, target_reliability=0.95, confidence=0.9)


def s2(family: list[History]) -> None:
    rows: defaultdict[float, list[bool]] = defaultdict(list)
    for history in family:
        for before, after in pairwise(history.records):
            elapsed = max(0.5, round(2 * (after.years - before.years)) / 2)
            rows[elapsed].append(abs(after.as_found or 0.0) <= 1)
    compare_models(
        [
            FoundAfter(interval=t, calibrations=len(found), in_tolerance=sum(found))
            for t, found in rows.items()
        ]
    )


def main(histories: int) -> None:
    parts = {
        "grid": lambda family: engine(family, refined=False),
        "refined": lambda family: engine(family, refined=True),
        "A3": a3,
        "S2": s2,
    }
    spent: defaultdict[str, float] = defaultdict(float)
    laws = list(LAWS.values())
    for i in range(histories // FAMILY):
        generator = np.random.default_rng(i)
        family = [planted(laws[i % len(laws)], generator) for _ in range(FAMILY)]
        for name, part in parts.items():
            start = time.process_time()
            part(family)
            spent[name] += time.process_time() - start
    print(f"load {getloadavg()[0]:.1f}; {histories} histories in families of {FAMILY}")
    for name, seconds in spent.items():
        scaled = seconds * ALL / histories
        limit = f", of {LIMITS[name]:.0f} s" if name in LIMITS else ""
        ratio = f", {scaled / (spent['A3'] * ALL / histories):.0f} × A3"
        print(f"{name:8s} {scaled:7.1f} s for {ALL} histories{limit}{ratio}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
