"""What due dates depend on besides calibrations: periods agreed, overrides, what befell an item."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from service.tables.base import APPEND_ONLY, TenantRow, UtcDateTime, finite, one_of, within_tenant

ACTIVITIES = ("verification", "calibration", "intermediate_check", "maintenance", "replacement")
EVENTS = (
    "intermediate_check", "maintenance", "replacement", "repair", "overload", "failed_check",
    "sealed", "unsealed", "usage",
)  # fmt: skip


class PeriodPolicy(TenantRow, table=True):
    """A period that the organization set; of one rule, subject and activity the newest holds.

    Attributes:
        subject: of `organization` nothing, of `item_type` the type designation, of `criticality`
            the energy level of the ledger, of `item` the item's id.
        months: None ends the policy, unless a usage is limited.
        usage_limit: how much an item may be used between two times, in `usage_unit`.
    """

    __tablename__ = "period_policy"
    __table_args__ = (
        one_of("activity", *ACTIVITIES),
        one_of("rule", "organization", "item_type", "criticality", "item"),
        CheckConstraint("months >= 1", name="months"),
        CheckConstraint("usage_limit > 0", name="usage_limit"),
        CheckConstraint("(usage_limit IS NULL) = (usage_unit IS NULL)", name="usage_whole"),
        CheckConstraint("(rule = 'organization') = (subject = '')", name="subject_of_rule"),
        finite("usage_limit"),
        APPEND_ONLY,
    )

    activity: str
    rule: str
    subject: str = ""
    months: int | None = None
    usage_limit: float | None = None
    usage_unit: str | None = None
    source: str
    recorded_by: UUID
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class DueOverride(TenantRow, table=True):
    """A due date that a person set, with the reason and who approved it."""

    __tablename__ = "due_override"
    __table_args__ = (
        within_tenant(["item_id"], "item"),
        within_tenant(["approved_by"], "person"),
        one_of("activity", *ACTIVITIES),
        Index(None, "organization_id", "item_id"),
        APPEND_ONLY,
    )

    item_id: UUID
    activity: str
    valid_until: date
    reason: str
    approved_by: UUID
    recorded_on: date
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class ItemEvent(TenantRow, table=True):
    """What befell an item and is no calibration: a check, a repair, storage, a usage reading.

    `value` and `unit` are the total of a usage reading; of other events they are nothing.
    """

    __tablename__ = "item_event"
    __table_args__ = (
        within_tenant(["item_id"], "item"),
        one_of("kind", *EVENTS),
        CheckConstraint("(kind = 'usage') = (value IS NOT NULL)", name="usage_has_value"),
        CheckConstraint("(value IS NULL) = (unit IS NULL)", name="value_has_unit"),
        CheckConstraint("value >= 0", name="value"),
        finite("value"),
        Index(None, "organization_id", "item_id"),
        APPEND_ONLY,
    )

    item_id: UUID
    kind: str
    happened_on: date
    note: str = ""
    value: float | None = None
    unit: str | None = None
    recorded_by: UUID
    recorded_at: datetime = Field(sa_type=UtcDateTime)
