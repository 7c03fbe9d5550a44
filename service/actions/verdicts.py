"""Keeping the verdict on each chain: judged when a calibration is written, anew when one ends.

Whoever withdraws what is published tells all at once and writes in no other book: there a stored
verdict is passed over (`store.verdicts.current`) until `catch_up` has judged anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import event
from uuid_utils.compat import uuid7

from service.store import calibrations as calibration_store
from service.store import verdicts as store
from service.tables.calibrations import ChainVerdict
from service.tenancy import TenantSession
from traceability.graph import build_graph, documented, find_breaks

AT_ONCE = 500  # chains loaded together
WAITING = "calibrations to be judged"


def judge_when_written(
    session: TenantSession, calibration_ids: Iterable[UUID], *, now: datetime
) -> None:
    """Have new calibrations judged as their transaction commits, all of them together."""
    waiting: dict[UUID, datetime] = session.info.setdefault(WAITING, {})
    if not waiting:
        event.listen(session, "before_commit", _judge_waiting, once=True)
    waiting |= dict.fromkeys(calibration_ids, now)


def _judge_waiting(session: TenantSession) -> None:
    waiting: dict[UUID, datetime] = session.info.pop(WAITING, {})
    if waiting:
        judge(session, list(waiting), now=max(waiting.values()))


def judge(session: TenantSession, calibration_ids: Sequence[UUID], *, now: datetime) -> int:
    """Store what is found of the chains behind calibrations, where that is new; return how many."""
    written = 0
    for start in range(0, len(calibration_ids), AT_ONCE):
        ids = calibration_ids[start : start + AT_ONCE]
        graph = build_graph(calibration_store.ancestry_of_all(session, ids, known_at=now))
        known = store.newest(session, ids)
        rows = []
        for id_ in ids:
            if documented(graph, id_) is None:  # undone with the savepoint that wrote it
                continue
            breaks = [
                [found.flaw.value, str(found.calibration_id),
                 found.reference_id and str(found.reference_id)]
                for found in find_breaks(graph, id_)
            ]  # fmt: skip
            if id_ not in known or known[id_].breaks != breaks or known[id_].judged_at < now:
                rows.append(
                    {
                        "id": uuid7(),
                        "calibration_id": id_,
                        "is_unbroken": not breaks,
                        "breaks": breaks,
                        "judged_at": now,
                    }
                )
        session.insert(ChainVerdict, rows)
        written += len(rows)
    return written


def judge_touched_by(session: TenantSession, calibration_id: UUID, *, now: datetime) -> int:
    """Judge anew what rests on a calibration that has ended, and nothing else; return how many."""
    return judge(session, store.touched_by(session, calibration_id), now=now)


def catch_up(session: TenantSession, *, now: datetime) -> int:
    """Judge anew the calibrations whose stored verdict no longer holds; return how many."""
    ids = calibration_store.all_ids(session)
    current = store.current(session, ids)
    return judge(session, [id_ for id_ in ids if id_ not in current], now=now)
