"""Eight people issue at once: every number once, none left out, nobody turned away.

Each transaction counts a number and writes its audit line, as issuing does. How long they wait is
printed, and is no test: `./suyuan test -s -k eight_writers` shows it. SUYUAN_PROOFS=full counts
10 000 numbers.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from statistics import quantiles

from sqlmodel import col, select
from uuid_utils.compat import uuid7

from service import audit
from service.actions.certificates import next_number
from service.tables.operations import AuditEntry
from service.tenancy import TenantSession
from tests.proofs import how_many
from tests.service.books import ACTOR, NOW

WRITERS = 8
NUMBERS = how_many(400, full=10_000)


def test_eight_writers_leave_no_gap_and_no_duplicate(engine, names, open_as):
    def issue(_n):
        started = time.perf_counter()
        with TenantSession(engine, names.LAB) as session, session.begin():
            number = next_number(session, 2026)
            audit.record(session, "number.counted", uuid7(), actor_id=ACTOR, now=NOW,
                         said={"number": number})  # fmt: skip
        return number, time.perf_counter() - started

    with ThreadPoolExecutor(WRITERS) as pool:
        issued = list(pool.map(issue, range(NUMBERS)))

    counted = sorted(int(number.split("-")[2]) for number, _ in issued)
    assert counted == list(range(1, NUMBERS + 1))
    with open_as("LAB") as session:
        chain = session.exec(select(AuditEntry).order_by(col(AuditEntry.position))).all()
    assert [entry.position for entry in chain] == list(range(NUMBERS))
    assert all(a.sha256 == b.previous_sha256 for a, b in pairwise(chain))
    p99 = quantiles([seconds for _, seconds in issued], n=100)[-1]
    print(f"\n{engine.dialect.name}: {NUMBERS} numbers, p99 {1000 * p99:.0f} ms")  # noqa: T201
