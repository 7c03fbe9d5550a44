"""What due dates depend on besides calibrations: periods agreed, overrides, what befell an item."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
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


class KeptDueDate(SQLModel, table=True):
    """When an activity of an own item is due: derived, kept so that a board of thousands is quick.

    `service.actions.due` writes it at the end of each transaction that touches what it follows
    from; the activity that an item's own period is of has a row for every own item.

    Attributes:
        area: where the item stands, its parts joined; an area's items are found by its beginning.
        serial_number, words: by what a board is sorted and searched. The words are in small
            letters, a line each: the item's names, numbers and type, and the area.
        is_main: whether this is what the item's own period is of.
        due_on: the last valid day; None where nothing falls due.
        rule, source, anchor_on, months: what set it, as `traceability.schedule.Candidate` says it.
        is_stopped: whether the item is out of use, so that its time does not run.
        is_ended: whether nobody asks for this activity any more.
    """

    __tablename__ = "due_date"
    __table_args__ = (
        within_tenant(["item_id"], "item"),
        one_of("activity", *ACTIVITIES),
        CheckConstraint("(due_on IS NULL) = (rule IS NULL)", name="rule_of_date"),
        Index(
            "ix_due_date_due_on",
            "organization_id",
            "is_ended",
            "due_on",
            "item_id",
            "activity",
            "is_stopped",
        ),
        Index("ix_due_date_area", "organization_id", "is_ended", "area"),
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    item_id: UUID = Field(primary_key=True)
    activity: str = Field(primary_key=True)
    area: str
    serial_number: str = ""
    words: str = ""
    is_main: bool
    due_on: date | None = None
    rule: str | None = None
    source: str = ""
    anchor_on: date | None = None
    months: int | None = None
    last_performed_on: date | None = None
    is_stopped: bool
    is_ended: bool = False


class Responsibility(TenantRow, table=True):
    """Who answers for the items of an area, and to whom that is escalated; the newest row holds.

    Attributes:
        area: the beginning of a place; "" for whatever no other area is named for.
        person_id: None ends it.
        manager_id: who is told besides; the administrators where nobody is named.
    """

    __tablename__ = "responsibility"
    __table_args__ = (
        within_tenant(["person_id"], "person"),
        within_tenant(["manager_id"], "person"),
        APPEND_ONLY,
    )

    area: str
    person_id: UUID | None = None
    manager_id: UUID | None = None
    recorded_by: UUID
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class NoticePreference(TenantRow, table=True):
    """How a person wants to be told of what falls due; the newest row holds."""

    __tablename__ = "notice_preference"
    __table_args__ = (
        within_tenant(["person_id"], "person"),
        one_of("channel", "mail", "none"),
        one_of("language", "zh", "en"),
        CheckConstraint("channel = 'none' OR address IS NOT NULL", name="mail_has_address"),
        Index(None, "organization_id", "person_id"),
        APPEND_ONLY,
    )

    person_id: UUID
    channel: str
    address: str | None = None
    language: str
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class DueDigest(TenantRow, table=True):
    """What one person was told on one day of what falls due: one digest, however much it is.

    Attributes:
        lines: of each: item_id, activity, due_on and stage.
        mail: whether it is sent to `address` too, and how that went.
        due_at: when the mail is tried next.
    """

    __tablename__ = "due_digest"
    __table_args__ = (
        UniqueConstraint("organization_id", "person_id", "told_on"),
        within_tenant(["person_id"], "person"),
        one_of("mail", "none", "waiting", "sent", "failed"),
        one_of("language", "zh", "en"),
        CheckConstraint("mail = 'none' OR address IS NOT NULL", name="mail_has_address"),
        Index(None, "organization_id", "mail", "due_at"),
    )

    person_id: UUID
    told_on: date
    lines: list[Any] = Field(sa_type=Json)
    mail: str
    address: str | None = None
    language: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    last_answer: str | None = None
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DueNotice(SQLModel, table=True):
    """That a due date was told of at a stage: nobody is told of it at that stage again."""

    __tablename__ = "due_notice"
    __table_args__ = (
        within_tenant(["item_id"], "item"),
        one_of("activity", *ACTIVITIES),
        one_of("stage", "90", "60", "30", "overdue"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    item_id: UUID = Field(primary_key=True)
    activity: str = Field(primary_key=True)
    due_on: date = Field(primary_key=True)
    stage: str = Field(primary_key=True)
    told_on: date
