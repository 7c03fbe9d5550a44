"""Work orders (委托): what was asked for, the steps taken since, worksheets, and the room's log."""

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


class WorkOrder(TenantRow, table=True):
    """That a customer asked a laboratory for work on some items.

    It stands in the books of both under one id; each numbers it for itself.
    """

    __tablename__ = "work_order"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        CheckConstraint(
            "customer_id = organization_id OR laboratory_id = organization_id", name="party"
        ),
        APPEND_ONLY,
    )

    number: str
    customer_id: UUID = Field(foreign_key="organization.id")
    laboratory_id: UUID = Field(foreign_key="organization.id")
    customer_number: str | None = None
    requested_on: date
    due_on: date | None = None
    remarks: str = ""


class WorkOrderLine(TenantRow, table=True):
    """One item of a work order, and by which procedure it is to be verified or calibrated."""

    __tablename__ = "work_order_line"
    __table_args__ = (
        UniqueConstraint("organization_id", "work_order_id", "position"),
        within_tenant(["work_order_id"], "work_order"),
        within_tenant(["item_id"], "item"),
        Index(None, "organization_id", "item_id"),
        APPEND_ONLY,
    )

    work_order_id: UUID
    position: int
    item_id: UUID
    procedure_code: str
    is_initial: bool = False


class WorkOrderStep(SQLModel, table=True):
    """One step of an item of a work order; the newest says where it stands."""

    __tablename__ = "work_order_step"
    __table_args__ = (
        within_tenant(["line_id"], "work_order_line"),
        within_tenant(["person_id"], "person"),
        within_tenant(["assigned_to_id"], "person"),
        within_tenant(["calibration_id"], "calibration"),
        one_of("state", "requested", "accepted", "received", "assigned", "measured", "checked",
               "approved", "issued", "returned", "declined", "cancelled"),
        CheckConstraint(
            "(state = 'assigned') = (assigned_to_id IS NOT NULL) "
            "AND (state = 'assigned') = (planned_on IS NOT NULL)",
            name="assignment",
        ),
        CheckConstraint("state <> 'measured' OR calibration_id IS NOT NULL", name="measured"),
        Index(None, "organization_id", "calibration_id"),
        APPEND_ONLY,
    )  # fmt: skip

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    line_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    state: str
    person_id: UUID
    assigned_to_id: UUID | None = None
    planned_on: date | None = None
    calibration_id: UUID | None = None
    said: dict[str, Any] = Field(sa_type=Json)
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class WorkOrderPhoto(TenantRow, table=True):
    """How an item looked when it came in."""

    __tablename__ = "work_order_photo"
    __table_args__ = (
        UniqueConstraint("organization_id", "line_id", "sha256"),
        within_tenant(["line_id"], "work_order_line"),
        within_tenant(["person_id"], "person"),
        one_of("media_type", "image/jpeg", "image/png", "image/webp"),
        APPEND_ONLY,
    )

    line_id: UUID
    person_id: UUID
    media_type: str
    sha256: str
    content: bytes
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class WorksheetRevision(SQLModel, table=True):
    """A worksheet as it was saved once; the newest revision holds, none is ever lost.

    That no two revisions of a worksheet share a number is what refuses the second of two savers.
    """

    __tablename__ = "worksheet_revision"
    __table_args__ = (
        within_tenant(["line_id"], "work_order_line"),
        within_tenant(["person_id"], "person"),
        CheckConstraint("revision >= 1", name="revision"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    line_id: UUID = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    person_id: UUID
    content: dict[str, Any] = Field(sa_type=Json)
    sha256: str
    saved_at: datetime = Field(sa_type=UtcDateTime)


class EnvironmentReading(TenantRow, table=True):
    """One reading of a place's environment: 20.6 °C in the pressure room."""

    __tablename__ = "environment_reading"
    __table_args__ = (
        within_tenant(["person_id"], "person"),
        finite("value"),
        Index(None, "organization_id", "place", "read_at"),
        APPEND_ONLY,
    )

    place: str
    condition: str
    value: float
    unit: str
    person_id: UUID
    read_at: datetime = Field(sa_type=UtcDateTime)


class LaboratoryPolicy(SQLModel, table=True):
    """What an organization asks of its own laboratory from a moment on; the newest holds.

    Attributes:
        signatories: 3, or 2 where nobody checks between the work and the approval, which a
            calibration certificate allows and a verification's never does.
        items_a_day: how many items one person is given for one day; None for no limit.
    """

    __tablename__ = "laboratory_policy"
    __table_args__ = (
        within_tenant(["person_id"], "person"),
        CheckConstraint("signatories IN (2, 3)", name="signatories"),
        CheckConstraint("items_a_day >= 1", name="items_a_day"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    position: int = Field(primary_key=True)
    signatories: int
    items_a_day: int | None = None
    reason: str
    person_id: UUID
    recorded_at: datetime = Field(sa_type=UtcDateTime)
