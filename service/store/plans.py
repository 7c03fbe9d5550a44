"""Reading plans, the problems they were made from, and what is in force."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import col, select

from service.errors import NotFound
from service.tables.operations import Job
from service.tables.plans import (
    PlanAcceptance,
    PlanningProblemRecord,
    PlanningSettingsRecord,
    PlanPlacement,
    PlanRecord,
)
from service.tenancy import TenantSession

PLAN_MAKING = "plan.make"


def settings(session: TenantSession) -> PlanningSettingsRecord | None:
    """Return what was said last of the laboratory; None if nothing was."""
    return session.exec(
        select(PlanningSettingsRecord).order_by(col(PlanningSettingsRecord.id).desc()).limit(1)
    ).one_or_none()


def get(session: TenantSession, plan_id: UUID) -> PlanRecord:
    """Return a plan.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(PlanRecord, (session.organization_id, plan_id))
    if row is None:
        raise NotFound("plan", plan_id)
    return row


def problem(session: TenantSession, plan: PlanRecord) -> PlanningProblemRecord:
    """Return what a plan was made from."""
    return session.get_one(PlanningProblemRecord, (session.organization_id, plan.problem_id))


def plans(session: TenantSession, *, before: UUID | None, limit: int) -> Sequence[PlanRecord]:
    """Return plans, the newest first, after the one of an id."""
    rows = select(PlanRecord).order_by(col(PlanRecord.id).desc()).limit(limit)
    return session.exec(rows if before is None else rows.where(col(PlanRecord.id) < before)).all()


def newest(session: TenantSession) -> PlanRecord | None:
    """Return the plan that was made last; None if there is none."""
    return next(iter(plans(session, before=None, limit=1)), None)


def acceptance(session: TenantSession) -> PlanAcceptance | None:
    """Return which plan was accepted last; None if none was."""
    return session.exec(
        select(PlanAcceptance).order_by(col(PlanAcceptance.id).desc()).limit(1)
    ).one_or_none()


def in_force(session: TenantSession) -> PlanRecord | None:
    """Return the plan in force: the one accepted last."""
    accepted = acceptance(session)
    return None if accepted is None else get(session, accepted.plan_id)


def placements(
    session: TenantSession,
    plan_id: UUID,
    *,
    week_on: date | None = None,
    item_id: UUID | None = None,
) -> Sequence[PlanPlacement]:
    """Return the placements of a plan in the order of its problem; those of a week or an item."""
    row = PlanPlacement
    found = select(row).where(row.plan_id == plan_id).order_by(col(row.position))
    if week_on is not None:
        found = found.where(row.week_on == week_on)
    if item_id is not None:
        found = found.where(row.item_id == item_id)
    return session.exec(found).all()


def job(session: TenantSession, job_id: UUID) -> Job:
    """Return the making of a plan.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(Job, (session.organization_id, job_id))
    if row is None or row.kind != PLAN_MAKING:
        raise NotFound("planning", job_id)
    return row


def job_under_way(session: TenantSession) -> Job | None:
    """Return the plan that is being made, or waits to be; None if none is."""
    return session.exec(
        select(Job).where(Job.kind == PLAN_MAKING, Job.state == "waiting").limit(1)
    ).one_or_none()


def last_failure(session: TenantSession) -> str | None:
    """Return why the newest plan could not be made; None if it was, or is being made."""
    row = session.exec(
        select(Job).where(Job.kind == PLAN_MAKING).order_by(col(Job.id).desc()).limit(1)
    ).one_or_none()
    return row.failure if row is not None and row.state == "failed" else None
