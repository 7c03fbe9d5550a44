"""Plans (周检计划): what is due placed into weeks, each placement explained, moved and accepted."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlmodel import SQLModel

from service import plans
from service.actions import plans as actions
from service.api import paging
from service.api import work_orders as work_order_doors
from service.api.calibrations import Strict
from service.api.due_dates import ActivityName
from service.api.given import Day
from service.api.work_orders import WorkOrderAnswer
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.errors import NotFound
from service.exchange.plan_files import PlannedItem, write_calendar, write_csv
from service.planning_settings import PlanningSettings
from service.plans import KeptPlan
from service.store import people as people_store
from service.store import plans as store
from service.store import sites as site_store
from service.store import work_orders as order_store
from service.tables.operations import Job
from service.tables.plans import PlanningSettingsRecord, PlanRecord
from service.tenancy import TenantSession
from traceability.planning.explanation import WeekCost

router = APIRouter(prefix="/plans", tags=["plans"])

Why = Annotated[str, Field(min_length=1, max_length=500)]
Activity = Annotated[ActivityName, Query(description="Which of the item's plans.")]
EXAMPLE: dict[str, Any] = {
    "reason": "the year 2027",
    "settings": {
        "disciplines": [{"name": "pressure", "hours_per_week": 40, "hours_per_item": 2}],
        "persons": [],
        "sites": [{"name": "Unit 1", "downtime_cost": 200,
                   "shutdowns": [{"first": "2027-03-01", "last": "2027-03-19"}]}],
    },
}  # fmt: skip
CALENDAR: dict[int | str, dict[str, Any]] = {200: {"content": {"text/calendar": {}}}}
TABLE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


class SettingsIn(Strict):
    """What the laboratory can do from now on, and why it is said."""

    model_config = Strict.model_config | {"json_schema_extra": {"examples": [EXAMPLE]}}

    settings: PlanningSettings
    reason: Why


class Remark(SQLModel):
    """What may well be meant: no_hours and nobody leave items without a week, no_site is unknown.

    The site is none of `/v1/sites`.
    """

    pointer: str
    code: Literal["no_hours", "nobody", "no_site"]


class SettingsAnswer(SQLModel):
    """What the laboratory can do, as it was said last."""

    id: UUID
    settings: PlanningSettings
    remarks: list[Remark]
    reason: str
    recorded_by: UUID
    recorded_at: datetime


class PlanIn(Strict):
    """How long the planner may take, in seconds."""

    seconds: Annotated[int, Field(ge=1, le=actions.MOST_SECONDS)] = actions.USUAL_SECONDS


class PlanningAnswer(SQLModel):
    """The making of a plan: how far it is in per cent, and which plan came of it."""

    id: UUID
    state: Literal["waiting", "done", "failed"]
    progress: int | None
    is_cancelled: bool
    plan_id: UUID | None
    failure: str | None


class CostAnswer(SQLModel):
    """A cost, term by term, in the currency of the settings."""

    overdue: float
    early: float
    downtime: float
    trips: float
    peak: float
    overtime: float
    unplaced: float
    moved: float
    total: float


class CheckedAnswer(SQLModel):
    """Cost and counts of a plan, as the checker finds them.

    What has no week counts as overdue to the end of the plan.
    """

    cost: CostAnswer
    unplaced: int
    trips: int
    overdue_weeks: int
    moved: int
    is_feasible: bool


class PlanAnswer(SQLModel):
    """A plan beside the call-off list that it beats and the bound that no plan beats."""

    id: UUID
    begins_on: date
    known_on: date
    weeks: int
    items: int
    follows_id: UUID | None
    origin: Literal["made", "moved"]
    method: Literal["earliest_due_first", "local_search", "integer_program"]
    is_complete: bool
    is_in_force: bool
    checked: CheckedAnswer
    call_off_list: CheckedAnswer
    bound: float | None
    solver: str
    reason: str
    made_by: UUID
    made_at: datetime


class LeftOutAnswer(SQLModel):
    """What was due and stands in no plan: under way in a work order, or of no known discipline."""

    item_id: UUID
    activity: ActivityName
    reason: Literal["under_way", "no_capacity_known"]


class PlacementAnswer(SQLModel):
    """The week of one item, by its Monday; null where it has none."""

    item_id: UUID
    activity: ActivityName
    name_zh: str
    name_en: str
    serial_number: str
    asset_number: str | None
    site: str
    discipline: str
    hours: float
    valid_until: date
    is_mandatory: bool
    is_frozen: bool
    week_on: date | None


class WeekAnswer(SQLModel):
    """What an item would cost in a week, term by term, all others where they are."""

    week_on: date
    overdue: float
    early: float
    downtime: float
    moved: float
    trip: float
    hours: float
    total: float
    has_room: bool


class ExplanationAnswer(SQLModel):
    """An item's week beside the cheapest other one with room, and all that were permitted."""

    item_id: UUID
    activity: ActivityName
    chosen: WeekAnswer | None
    runner_up: WeekAnswer | None
    weeks: list[WeekAnswer]


class LoadAnswer(SQLModel):
    """The hours of a discipline in a week: planned, and there without overtime."""

    discipline: str
    week_on: date
    hours: float
    capacity_hours: float
    items: int


class RemedyAnswer(SQLModel):
    """One way out of a conflict; `cost` is null where it has no price."""

    way: Literal["more_hours", "authorise", "earlier", "later"]
    hours: float
    cost: float | None
    person: str | None
    discipline: str | None
    item_ids: list[UUID]


class ConflictAnswer(SQLModel):
    """The fewest items that cannot all be placed, and the ways out, the cheapest first."""

    shortage: Literal["time", "laboratory_hours", "persons_hours", "fit"]
    item_ids: list[UUID]
    disciplines: list[str]
    first_week_on: date
    last_week_on: date
    need_hours: float
    have_hours: float
    remedies: list[RemedyAnswer]


class MoveIn(Strict):
    """Into which week an item is put, by its Monday; null takes it out.

    With `only_try` nothing is kept, and the answer says what it would cost.
    """

    item_id: UUID
    activity: ActivityName
    week_on: Day | None
    reason: Why
    only_try: bool = False


class MoveAnswer(SQLModel):
    """A move with its price; `plan` is the new one, null where nothing was kept."""

    before: CostAnswer
    after: CostAnswer
    price: float
    plan: PlanAnswer | None


class OrderIn(Strict):
    """Which week of the plan is sent in, or which items of it, and to whom."""

    week_on: Day | None = None
    item_ids: Annotated[tuple[UUID, ...], Field(max_length=200)] = ()
    laboratory_id: UUID | None = None


@router.get("/settings")
def get_planning_settings(session: Reading, today: Today) -> SettingsAnswer:
    """Return what the laboratory can do, with what in it leaves items without a week."""
    record = store.settings(session)
    if record is None:
        raise NotFound("settings", "of planning")
    return _settings(session, record, on=today)


@router.put("/settings")
def say_planning_settings(
    session: Transaction, actor: Acting, now: Now, today: Today, said: SettingsIn
) -> SettingsAnswer:
    """Say what the laboratory can do from now on; what was said before stays on record."""
    record = actions.say_settings(
        session, said.settings, reason=said.reason, actor_id=actor.person_id, now=now
    )
    return _settings(session, record, on=today)


@router.post("", status_code=202)
def make_plan(
    session: Transaction, actor: Acting, now: Now, today: Today, response: Response, said: PlanIn
) -> PlanningAnswer:
    """Let a plan be made of what is due; look at its address until it is done."""
    job = actions.request(
        session, seconds=said.seconds, on=today, actor_id=actor.person_id, now=now
    )
    response.headers["Location"] = f"/v1/plans/jobs/{job.id}"
    return planning_answer(job)


@router.get("/jobs/{job_id}")
def get_planning(session: Reading, job_id: UUID) -> PlanningAnswer:
    """Return how far the making of a plan is, and which plan came of it."""
    return planning_answer(store.job(session, job_id))


@router.delete("/jobs/{job_id}")
def cancel_planning(session: Transaction, actor: Acting, now: Now, job_id: UUID) -> PlanningAnswer:
    """End the making of a plan; one under way keeps the best plan found so far."""
    return planning_answer(actions.cancel(session, job_id, actor_id=actor.person_id, now=now))


@router.get("", response_model=list[PlanAnswer], responses=paging.FORMS)
def list_plans(request: Request, session: Reading, page: paging.Asked) -> Response:
    """Return the plans, the newest first, a page at a time."""

    def rows(after: UUID | None, limit: int) -> list[PlanAnswer]:
        found = store.plans(session, before=after, limit=limit)
        return [plan_answer(session, row) for row in found]

    return paging.answered(request, session, page, rows, PlanAnswer)


@router.get("/{plan_id}")
def get_plan(session: Reading, plan_id: UUID) -> PlanAnswer:
    """Return a plan with its cost, term by term, beside the call-off list and the bound."""
    return plan_answer(session, store.get(session, plan_id))


@router.get("/{plan_id}/placements", response_model=list[PlacementAnswer], responses=paging.FORMS)
def list_placements(
    request: Request,
    session: Reading,
    part: paging.AskedPart,
    plan_id: UUID,
    week_on: Annotated[Day | None, Query()] = None,
) -> Response:
    """Return the items of a plan, those without a week first, or those of one week, in pages."""
    found = plans.planned_items(session, plans.load(session, plan_id))
    told = [placement_answer(row) for row in found if week_on in (None, row.week_on)]
    return paging.part_of(request, told, part, PlacementAnswer)


@router.get("/{plan_id}/placements.csv", responses=TABLE, response_class=Response)
def download_plan(session: Reading, plan_id: UUID) -> Response:
    """Return the items of a plan as CSV for a spreadsheet."""
    rows = plans.planned_items(session, plans.load(session, plan_id))
    return Response(
        write_csv(rows),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="plan-{str(plan_id)[-6:]}.csv"'},
    )


@router.get("/{plan_id}/calendar.ics", responses=CALENDAR, response_class=Response)
def download_plan_calendar(
    session: Reading,
    now: Now,
    plan_id: UUID,
    lang: Annotated[Literal["zh", "en"], Query()] = "zh",
) -> Response:
    """Return a plan as a calendar: one event a week and site."""
    rows = plans.planned_items(session, plans.load(session, plan_id))
    return Response(
        write_calendar(rows, plan_id=plan_id, language=lang, now=now),
        media_type="text/calendar",
        headers={"Content-Disposition": f'attachment; filename="plan-{str(plan_id)[-6:]}.ics"'},
    )


@router.get("/{plan_id}/placements/{item_id}")
def explain_placement(
    session: Reading, plan_id: UUID, item_id: UUID, activity: Activity
) -> ExplanationAnswer:
    """Return why an item has its week: what each permitted week would cost, term by term."""
    plan = plans.load(session, plan_id)
    told = plans.explanation(plan, item_id, activity)
    return ExplanationAnswer(
        item_id=item_id,
        activity=activity,
        chosen=_week(plan, told.chosen),
        runner_up=_week(plan, told.runner_up),
        weeks=[week for cost in told.weeks if (week := _week(plan, cost))],
    )


@router.get("/{plan_id}/workload")
def get_plan_workload(session: Reading, plan_id: UUID) -> list[LoadAnswer]:
    """Return the hours of each discipline in each week, planned and there."""
    loads = plans.workload(plans.load(session, plan_id))
    return [LoadAnswer.model_validate(row, from_attributes=True) for row in loads]


@router.get("/{plan_id}/conflicts")
def list_plan_conflicts(session: Reading, plan_id: UUID) -> list[ConflictAnswer]:
    """Return why items have no week: the fewest that compete, and the ways out."""
    plan = plans.load(session, plan_id)
    return [conflict_answer(plan, one) for one in plan.record.conflicts]


@router.get("/{plan_id}/left-out", response_model=list[LeftOutAnswer], responses=paging.FORMS)
def list_left_out(
    request: Request, session: Reading, part: paging.AskedPart, plan_id: UUID
) -> Response:
    """Return what was due and stands in no plan, and why, a page at a time."""
    rows = [LeftOutAnswer(**row) for row in plans.load(session, plan_id).kept.left_out]
    return paging.part_of(request, rows, part, LeftOutAnswer)


@router.post("/{plan_id}/moves")
def move_placement(
    session: Transaction, actor: Acting, now: Now, plan_id: UUID, said: MoveIn
) -> MoveAnswer:
    """Put an item of a plan into another week: checked and priced, and a plan of its own."""
    moved = actions.move(session, plan_id, **said.model_dump(), actor_id=actor.person_id, now=now)
    before, after = actions.as_checked(moved.before), actions.as_checked(moved.after)
    return MoveAnswer(
        before=CostAnswer(**before["cost"]),
        after=CostAnswer(**after["cost"]),
        price=moved.after.cost.total - moved.before.cost.total,
        plan=plan_answer(session, moved.plan) if moved.plan else None,
    )


@router.post("/{plan_id}/acceptance")
def accept_plan(session: Transaction, actor: Acting, now: Now, plan_id: UUID) -> PlanAnswer:
    """Put a plan in force: its weeks are bookings, and the next of them stand frozen."""
    actions.accept(session, plan_id, actor_id=actor.person_id, now=now)
    return plan_answer(session, store.get(session, plan_id))


@router.post("/{plan_id}/work-orders", status_code=201)
def order_week(
    session: Transaction, actor: Acting, now: Now, plan_id: UUID, said: OrderIn
) -> WorkOrderAnswer:
    """Ask in one work order for what a plan holds for a week, or for some items of it."""
    placed = actions.order(
        session,
        plan_id,
        **said.model_dump(),
        requested_by=people_store.acting(session, actor.person_id),
        now=now,
    )
    return work_order_doors.order_answer(order_store.of_order(session, placed.id))


def plan_answer(session: TenantSession, row: PlanRecord) -> PlanAnswer:
    """Return a plan as it is answered."""
    kept, accepted = store.problem(session, row), store.acceptance(session)
    return PlanAnswer(
        **row.model_dump(exclude={"organization_id", "checked", "call_off", "conflicts"}),
        begins_on=kept.begins_on,
        known_on=kept.known_on,
        weeks=kept.content["weeks"],
        items=len(kept.content["items"]),
        is_in_force=accepted is not None and accepted.plan_id == row.id,
        checked=CheckedAnswer(**row.checked),
        call_off_list=CheckedAnswer(**row.call_off),
    )


def conflict_answer(plan: KeptPlan, kept: dict[str, Any]) -> ConflictAnswer:
    """Return a conflict as it is answered: items by their ids, weeks by their Mondays."""
    return ConflictAnswer(
        shortage=kept["shortage"],
        item_ids=_item_ids(kept["item_ids"]),
        disciplines=kept["disciplines"],
        first_week_on=plan.week_on(kept["first_week"]),
        last_week_on=plan.week_on(kept["last_week"]),
        need_hours=kept["need"],
        have_hours=kept["have"],
        remedies=[
            RemedyAnswer(**row | {"item_ids": _item_ids(row["item_ids"])})
            for row in kept["remedies"]
        ],
    )


def planning_answer(job: Job) -> PlanningAnswer:
    """Return the making of a plan as it is answered."""
    told = job.model_dump(include={"id", "state", "progress", "failure"})
    is_cancelled = bool(job.content.get("is_cancelled"))
    return PlanningAnswer(
        **told, is_cancelled=is_cancelled, plan_id=(job.answer or {}).get("plan_id")
    )


def _settings(
    session: TenantSession, record: PlanningSettingsRecord, *, on: date
) -> SettingsAnswer:
    settings = PlanningSettings.model_validate(record.content)
    sites = site_store.by_name(session, on=on)
    return SettingsAnswer(
        **record.model_dump(include={"id", "reason", "recorded_by", "recorded_at"}),
        settings=settings,
        remarks=[
            Remark.model_validate({"pointer": f"/settings{where}", "code": code})
            for where, code in settings.remarks(on=on, sites=sites)
        ],
    )


def placement_answer(row: PlannedItem) -> PlacementAnswer:
    """Return an item of a plan as it is answered."""
    told = {name: getattr(row, name) for name in row.__slots__ if name != "planned"}
    names = ("site", "discipline", "hours", "is_mandatory", "is_frozen")
    return PlacementAnswer(**told, **{name: getattr(row.planned, name) for name in names})


def _week(plan: KeptPlan, cost: WeekCost | None) -> WeekAnswer | None:
    if cost is None:
        return None
    names = ("overdue", "early", "downtime", "moved", "trip", "hours", "total", "has_room")
    return WeekAnswer(
        week_on=plan.week_on(cost.week), **{name: getattr(cost, name) for name in names}
    )


def _item_ids(keys: list[str]) -> list[UUID]:
    return [UUID(key.partition("/")[0]) for key in keys]
