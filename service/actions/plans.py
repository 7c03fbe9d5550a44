"""Making plans, moving an item in one, and putting one in force: each a new fact."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from service import audit
from service.actions import order_exchange
from service.actions.work_orders import MOST_ITEMS, Asked
from service.clock import day_of
from service.errors import AlreadyThere, InvalidField, NotFound
from service.planning import Framed, as_content, from_content
from service.planning_settings import PlanningSettings
from service.store import items as item_store
from service.store import people as people_store
from service.store import plans as store
from service.tables.operations import Job
from service.tables.people import Person
from service.tables.plans import (
    PlanAcceptance,
    PlanningProblemRecord,
    PlanningSettingsRecord,
    PlanPlacement,
    PlanRecord,
)
from service.tables.work_orders import WorkOrder
from service.tenancy import TenantSession
from traceability.planning.check import CheckedPlan, Rule, check_plan
from traceability.planning.conflicts import Conflict, find_conflict
from traceability.planning.planner import Planned
from traceability.planning.problem import Plan, PlanningProblem

MOST_SECONDS: Final = 300
USUAL_SECONDS: Final = 30
MOST_CONFLICTS: Final = 20  # looked for; an item that one of them names is not looked for again
WHY_NOT: Final = {
    Rule.PERMITTED_WEEK: "it may not be placed in that week: too early, too late, or frozen",
    Rule.LABORATORY_HOURS: "the laboratory has not the hours in that week",
    Rule.PERSONS_HOURS: "nobody who is authorised has the hours in that week",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One item of a plan put into another week: both plans as the checker sees them.

    Attributes:
        plan: the new plan; None where it was only tried.
    """

    before: CheckedPlan
    after: CheckedPlan
    plan: PlanRecord | None


def say_settings(
    session: TenantSession,
    settings: PlanningSettings,
    *,
    reason: str,
    actor_id: UUID,
    now: datetime,
) -> PlanningSettingsRecord:
    """Say what the laboratory can do from now on.

    Raises:
        InvalidField: two parts contradict one another, or a person is not of the organization.
    """
    for pointer, why in settings.contradictions():
        raise InvalidField(f"/settings{pointer}", why)
    for position, row in enumerate(settings.persons):
        if people_store.get(session, row.person_id) is None:
            raise InvalidField(f"/settings/persons/{position}/person_id", "nobody here has this id")
    record = PlanningSettingsRecord(
        organization_id=session.organization_id,
        content=settings.model_dump(mode="json"),
        reason=reason,
        recorded_by=actor_id,
        recorded_at=now,
    )
    session.add(record)
    session.flush()
    audit.record(
        session, "planning.settings_said", record.id, actor_id=actor_id, now=now,
        said={"reason": reason},
    )  # fmt: skip
    return record


def settings_of(session: TenantSession) -> tuple[PlanningSettingsRecord, PlanningSettings]:
    """Return what holds of the laboratory.

    Raises:
        InvalidField: nothing was said yet, and hours that nobody named are not guessed.
    """
    record = store.settings(session)
    if record is None:
        raise InvalidField("/settings", "say first what the laboratory can do: its settings")
    return record, PlanningSettings.model_validate(record.content)


# --- Making --------------------------------------------------------------------------------------


def request(
    session: TenantSession, *, seconds: int, on: date, actor_id: UUID, now: datetime
) -> Job:
    """Let the worker make a plan of what is due, as known on a day.

    Raises:
        InvalidField: nobody said what the laboratory can do.
        AlreadyThere: one is being made.
    """
    settings_of(session)
    session.lock_book()
    if store.job_under_way(session) is not None:
        raise AlreadyThere("a plan is being made already")
    job = Job(
        organization_id=session.organization_id,
        kind=store.PLAN_MAKING,
        content={"seconds": seconds, "on": on.isoformat()},
        state="waiting",
        due_at=now,
        total=100,
        created_by=actor_id,
        created_at=now,
    )
    session.add(job)
    session.flush()
    audit.record(session, "plan.requested", job.id, actor_id=actor_id, now=now)
    return job


def cancel(session: TenantSession, job_id: UUID, *, actor_id: UUID, now: datetime) -> Job:
    """End the making of a plan: one under way keeps the best plan found so far.

    Raises:
        NotFound: no plan of this id is made.
        AlreadyThere: it has ended.
    """
    job = store.job(session, job_id)
    if job.state != "waiting":
        raise AlreadyThere("the plan is made, or could not be")
    job.content = job.content | {"is_cancelled": True}
    if job.attempts == 0:
        job.state, job.failure, job.finished_at = "failed", "cancelled", now
    audit.record(session, "plan.cancelled", job.id, actor_id=actor_id, now=now)
    return job


def keep(
    session: TenantSession,
    framed: Framed,
    made: Planned,
    *,
    settings_id: UUID,
    on: date,
    actor_id: UUID,
    now: datetime,
) -> PlanRecord:
    """Keep a plan with all that it was made from; it is in force once somebody accepts it."""
    problem = PlanningProblemRecord(
        organization_id=session.organization_id,
        settings_id=settings_id,
        begins_on=framed.begins_on,
        known_on=on,
        content=as_content(framed.problem),
        left_out=[
            {"item_id": str(item_id), "activity": activity, "reason": reason.value}
            for item_id, activity, reason in framed.left_out
        ],
    )
    session.add(problem)
    session.flush()
    former = store.in_force(session)
    plan = _save(
        session,
        problem,
        made.best,
        origin="made",
        method=made.method.value,
        call_off=as_checked(made.earliest_due_first),
        bound=made.bound,
        is_complete=made.is_complete,
        conflicts=[as_conflict(one) for one in conflicts_of(framed.problem, made.best.plan)],
        follows_id=former.id if former else None,
        rows=framed.rows,
        actor_id=actor_id,
        now=now,
    )
    told = {"items": str(len(framed.rows)), "unplaced": str(made.best.unplaced)}
    audit.record(session, "plan.made", plan.id, actor_id=actor_id, now=now, said=told)
    return plan


def conflicts_of(problem: PlanningProblem, plan: Plan) -> Iterator[Conflict]:
    """Yield why items have no week, each item in one conflict at most."""
    told: set[str] = set()
    looked_for = 0
    for item, week in zip(problem.items, plan, strict=True):
        if week is not None or item.id in told or looked_for == MOST_CONFLICTS:
            continue
        looked_for += 1
        conflict = find_conflict(problem, item.id)
        if conflict is not None:
            told |= set(conflict.item_ids)
            yield conflict


# --- Moving and accepting ------------------------------------------------------------------------


def move(
    session: TenantSession,
    plan_id: UUID,
    item_id: UUID,
    *,
    activity: str,
    week_on: date | None,
    reason: str,
    actor_id: UUID,
    now: datetime,
    only_try: bool = False,
) -> Move:
    """Put one item of a plan into another week, or out of it: checked, priced, a plan of its own.

    Raises:
        NotFound: there is no such plan, or it does not hold the item.
        InvalidField: it is no week of the plan, or a rule would be broken in it.
    """
    parent = store.get(session, plan_id)
    kept = store.problem(session, parent)
    problem, rows = from_content(kept.content), store.placements(session, parent.id)
    position = position_of(rows, item_id, activity)
    weeks = weeks_of(rows, kept.begins_on)
    week = None if week_on is None else week_of(week_on, kept.begins_on, problem.weeks)
    moved = (*weeks[:position], week, *weeks[position + 1 :])
    before, after = check_plan(problem, weeks), check_plan(problem, moved)
    if broken := set(after.violations) - set(before.violations):
        raise InvalidField("/week_on", WHY_NOT[min(broken, key=lambda one: one.week).rule])
    if only_try or moved == weeks:
        return Move(before=before, after=after, plan=None)
    plan = _save(
        session,
        kept,
        after,
        origin="moved",
        method=parent.method,
        call_off=parent.call_off,
        bound=parent.bound,
        is_complete=parent.is_complete,
        conflicts=parent.conflicts,
        follows_id=parent.id,
        reason=reason,
        rows=[(row.item_id, row.activity, row.valid_until) for row in rows],
        actor_id=actor_id,
        now=now,
    )
    told = {"item_id": str(item_id), "week_on": str(week_on), "reason": reason}
    audit.record(session, "plan.moved", plan.id, actor_id=actor_id, now=now, said=told)
    return Move(before=before, after=after, plan=plan)


def accept(
    session: TenantSession, plan_id: UUID, *, actor_id: UUID, now: datetime
) -> PlanAcceptance:
    """Put a plan in force: its weeks are bookings, and the next of them are frozen.

    Raises:
        NotFound: there is no such plan.
        AlreadyThere: it is in force.
    """
    plan = store.get(session, plan_id)
    session.lock_book()
    last = store.acceptance(session)
    if last is not None and last.plan_id == plan.id:
        raise AlreadyThere("this plan is in force")
    row = PlanAcceptance(
        organization_id=session.organization_id,
        plan_id=plan.id,
        accepted_by=actor_id,
        accepted_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(session, "plan.accepted", plan.id, actor_id=actor_id, now=now)
    return row


def order(
    session: TenantSession,
    plan_id: UUID,
    *,
    week_on: date | None = None,
    item_ids: Sequence[UUID] = (),
    laboratory_id: UUID | None = None,
    requested_by: Person,
    now: datetime,
) -> WorkOrder:
    """Ask in one work order for what a plan holds for a week, or for some items of it.

    It is due on the Friday of the earliest of their weeks.

    Raises:
        NotFound: there is no such plan.
        InvalidField: the plan has not these items, or nothing for that week, or too many for one
            order, or no procedure is known of one.
        AlreadyThere: an item stands in a work order already.
    """
    placed = store.placements(session, store.get(session, plan_id).id, week_on=week_on)
    planned = {row.item_id: row.week_on for row in placed}
    chosen = list(dict.fromkeys(item_ids or (planned if week_on else ())))
    if strange := [id_ for id_ in chosen if id_ not in planned]:
        raise InvalidField("/item_ids", f"{strange[0]} is not planned so")
    if not 1 <= len(chosen) <= MOST_ITEMS:
        raise InvalidField("/item_ids", f"an order has 1 to {MOST_ITEMS} items, not {len(chosen)}")
    weeks = [week for id_ in chosen if (week := planned[id_]) is not None]
    return order_exchange.place(
        session,
        list(_asked(session, chosen)),
        laboratory_id=laboratory_id,
        due_on=max(min(weeks) + timedelta(days=4), day_of(now)) if weeks else None,
        remarks="",
        requested_by=requested_by,
        now=now,
    )


def _asked(session: TenantSession, item_ids: Iterable[UUID]) -> Iterator[Asked]:
    for position, id_ in enumerate(item_ids):
        item = item_store.get(session, id_)
        if not item.procedure_code:
            raise InvalidField(f"/item_ids/{position}", f"{item.serial_number} has no procedure")
        yield Asked(item_id=id_, procedure_code=item.procedure_code)


# --- What is kept --------------------------------------------------------------------------------


def weeks_of(rows: Sequence[PlanPlacement], begins_on: date) -> Plan:
    """Return the weeks of a plan as the planner counts them."""
    return tuple(None if r.week_on is None else (r.week_on - begins_on).days // 7 for r in rows)


def week_of(week_on: date, begins_on: date, weeks: int) -> int:
    """Return a week as the planner counts it.

    Raises:
        InvalidField: it begins on no Monday, or lies outside the plan.
    """
    week, rest = divmod((week_on - begins_on).days, 7)
    if rest or not 0 <= week < weeks:
        last = begins_on + timedelta(weeks=weeks - 1)
        raise InvalidField("/week_on", f"name a week by its Monday, {begins_on} to {last}")
    return week


def position_of(rows: Sequence[PlanPlacement], item_id: UUID, activity: str) -> int:
    """Return where a plan's problem holds an item's activity.

    Raises:
        NotFound: it does not.
    """
    for row in rows:
        if (row.item_id, row.activity) == (item_id, activity):
            return row.position
    raise NotFound("placement", item_id)


def as_checked(checked: CheckedPlan) -> dict[str, Any]:
    """Return a plan's cost and counts as JSON holds them."""
    return {
        "cost": asdict(checked.cost) | {"total": checked.cost.total},
        "unplaced": checked.unplaced,
        "trips": checked.trips,
        "overdue_weeks": checked.overdue_weeks,
        "moved": checked.moved,
        "is_feasible": checked.is_feasible,
    }


def as_conflict(conflict: Conflict) -> dict[str, Any]:
    """Return a conflict as JSON holds it."""
    return asdict(conflict) | {"disciplines": sorted(conflict.disciplines)}


def _save(
    session: TenantSession,
    problem: PlanningProblemRecord,
    checked: CheckedPlan,
    *,
    rows: Sequence[tuple[UUID, str, date]],
    actor_id: UUID,
    now: datetime,
    **said: Any,
) -> PlanRecord:
    plan = PlanRecord(
        organization_id=session.organization_id,
        id=uuid7(),
        problem_id=problem.id,
        checked=as_checked(checked),
        solver=f"highspy {version('highspy')}",
        made_by=actor_id,
        made_at=now,
        **said,
    )
    session.add(plan)
    session.flush()
    session.insert(
        PlanPlacement,
        [
            {
                "plan_id": plan.id,
                "position": position,
                "item_id": item_id,
                "activity": activity,
                "valid_until": valid_until,
                "week_on": None if week is None else problem.begins_on + timedelta(weeks=week),
            }
            for position, ((item_id, activity, valid_until), week) in enumerate(
                zip(rows, checked.plan, strict=True)
            )
        ],
    )
    return plan
