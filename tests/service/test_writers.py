"""Eight writers at once: each waits its turn, none is refused, and every number is given once."""

import threading
import time
from collections import Counter

import pytest
from sqlmodel import select

from service import audit
from service.tables.operations import AuditEntry
from tests.proofs import how_many
from tests.service.books import ACTOR, NOW

WRITERS = 8


def test_eight_writers_are_all_served_and_the_audit_chain_has_no_gap(open_as):
    each = how_many(25, full=1250)
    waits: list[float] = []
    failures: list[Exception] = []

    def write() -> None:
        for _ in range(each):
            began = time.monotonic()
            try:
                with open_as("LAB") as session, session.begin():
                    audit.record(session, "tried", ACTOR, actor_id=ACTOR, now=NOW)
            except Exception as error:  # noqa: BLE001  (whatever it is, it must not be)
                failures.append(error)
            waits.append(time.monotonic() - began)

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with open_as("LAB", read_only=True) as session:
        positions = session.exec(select(AuditEntry.position)).all()
    assert Counter(positions) == Counter(range(WRITERS * each))
    assert sorted(waits)[int(0.99 * len(waits))] < 5  # half a second on an idle machine


def test_a_writer_that_fails_lets_the_next_one_in(open_as):
    def fail() -> None:
        with open_as("LAB") as session, session.begin():
            audit.record(session, "tried", ACTOR, actor_id=ACTOR, now=NOW)
            raise LookupError("in the middle")

    for _ in range(3):
        with pytest.raises(LookupError):
            fail()
    began = time.monotonic()
    with open_as("LAB") as session, session.begin():
        audit.record(session, "tried", ACTOR, actor_id=ACTOR, now=NOW)

    assert time.monotonic() - began < 5
    with open_as("LAB", read_only=True) as session:
        assert len(session.exec(select(AuditEntry)).all()) == 1
