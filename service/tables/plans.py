"""Plans as they are kept: what a laboratory can do, what was planned from it, what was accepted."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from service.tables.base import (
    APPEND_ONLY,
    Json,
    TenantRow,
    UtcDateTime,
    finite,
    one_of,
    within_tenant,
)
from service.tables.schedule import ACTIVITIES


class PlanningSettingsRecord(TenantRow, table=True):
    """What a laboratory can do and what it costs, as of a moment; the newest holds.

    `content` is a `service.planning_settings.PlanningSettings`.
    """

    __tablename__ = "planning_settings"
    __table_args__ = (APPEND_ONLY,)

    content: dict[str, Any] = Field(sa_type=Json)
    reason: str
    recorded_by: UUID
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class PlanningProblemRecord(TenantRow, table=True):
    """All that a plan was made from, so that it can be explained and checked years later.

    Attributes:
        begins_on: the Monday of week 0.
        known_on: the day on which the due dates stood so.
        content: a `traceability.planning.problem.PlanningProblem`.
        left_out: what was due and could not be planned, with the reason of each.
    """

    __tablename__ = "planning_problem"
    __table_args__ = (within_tenant(["settings_id"], "planning_settings"), APPEND_ONLY)

    settings_id: UUID
    begins_on: date
    known_on: date
    content: dict[str, Any] = Field(sa_type=Json)
    left_out: list[dict[str, Any]] = Field(sa_type=Json)


class PlanRecord(TenantRow, table=True):
    """A plan; what replaces it is another one that names it.

    Attributes:
        follows_id: the plan in force when this one was made, or the one whose item was moved.
        origin: made by the planner, or moved by a person.
        checked, call_off: cost and counts of it, and of the call-off list, by the checker.
        bound: no plan costs less; None where there was no time to find one.
        is_complete: whether nothing was cut short by time or by a person.
        conflicts: why items have no week.
    """

    __tablename__ = "plan"
    __table_args__ = (
        within_tenant(["problem_id"], "planning_problem"),
        within_tenant(["follows_id"], "plan"),
        one_of("origin", "made", "moved"),
        one_of("method", "earliest_due_first", "local_search", "integer_program"),
        CheckConstraint("origin = 'made' OR follows_id IS NOT NULL", name="moved_from"),
        finite("bound"),
        APPEND_ONLY,
    )

    problem_id: UUID
    follows_id: UUID | None = None
    origin: str
    method: str
    checked: dict[str, Any] = Field(sa_type=Json)
    call_off: dict[str, Any] = Field(sa_type=Json)
    bound: float | None = None
    is_complete: bool
    conflicts: list[dict[str, Any]] = Field(sa_type=Json)
    solver: str
    reason: str = ""
    made_by: UUID
    made_at: datetime = Field(sa_type=UtcDateTime)


class PlanPlacement(SQLModel, table=True):
    """The week of one item in a plan, by its Monday; None where it has none.

    `position` is that of the item in the problem.
    """

    __tablename__ = "plan_placement"
    __table_args__ = (
        within_tenant(["plan_id"], "plan"),
        within_tenant(["item_id"], "item"),
        one_of("activity", *ACTIVITIES),
        Index(None, "organization_id", "item_id"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    plan_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    item_id: UUID
    activity: str
    valid_until: date
    week_on: date | None = None


class PlanAcceptance(TenantRow, table=True):
    """That a plan is in force from now on: its weeks are bookings. The newest holds."""

    __tablename__ = "plan_acceptance"
    __table_args__ = (within_tenant(["plan_id"], "plan"), APPEND_ONLY)

    plan_id: UUID
    accepted_by: UUID
    accepted_at: datetime = Field(sa_type=UtcDateTime)
