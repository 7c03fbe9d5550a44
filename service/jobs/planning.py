"""Making a plan by a job: what is due is loaded, planned outside of any transaction, and kept."""

import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Final
from uuid import UUID

from service.actions import plans as actions
from service.planning import frame
from service.store import plans as store
from service.tables.operations import Job
from service.tenancy import TenantSession
from traceability.planning.planner import plan

STAGES: Final = {"bound": (0, 20), "search": (20, 50), "program": (50, 99), "done": (99, 99)}
BETWEEN_NOTES: Final = 0.5  # seconds


def run_job(
    open_session: Callable[[], TenantSession],
    job_id: UUID,
    *,
    now: Callable[[], datetime],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Plan what is due and keep the best plan found, when the time or somebody's patience ends."""
    with open_session() as session:
        job = store.job(session, job_id)
        on, seconds, actor_id = (
            date.fromisoformat(job.content["on"]), job.content["seconds"], job.created_by,
        )  # fmt: skip
        record, settings = actions.settings_of(session)
        framed, settings_id = frame(session, settings, on=on), record.id
    note = _Notes(open_session, job_id, clock)
    made = plan(framed.problem, clock=clock, seconds=seconds, progress=note)
    with open_session() as session, session.begin():
        row = actions.keep(
            session, framed, made, settings_id=settings_id, on=on, actor_id=actor_id, now=now()
        )
        job = session.get_one(Job, (session.organization_id, job_id))
        job.state, job.progress, job.finished_at = "done", job.total, now()
        job.answer = {"plan_id": str(row.id)}


class _Notes:
    """How far the planner is, noted now and then; it is told to end once somebody cancels."""

    def __init__(
        self,
        open_session: Callable[[], TenantSession],
        job_id: UUID,
        clock: Callable[[], float],
    ) -> None:
        self._open = open_session
        self._job_id = job_id
        self._clock = clock
        self._noted_at: float | None = None
        self._goes_on = True

    def __call__(self, stage: str, share: float) -> bool:
        moment = self._clock()
        is_due = self._noted_at is None or moment - self._noted_at >= BETWEEN_NOTES
        if is_due or share == 0.0:
            self._noted_at = moment
            first, last = STAGES[stage]
            with self._open() as session, session.begin():
                job = store.job(session, self._job_id)
                job.progress = round(first + (last - first) * share)
                self._goes_on = not job.content.get("is_cancelled", False)
        return self._goes_on
