"""Work orders (委托): what was asked for, and the steps taken since."""

from datetime import date, datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from service.tables.base import APPEND_ONLY, TenantRow, UtcDateTime, one_of, within_tenant


class WorkOrder(TenantRow, table=True):
    """That an item is to be verified or calibrated by a procedure."""

    __tablename__ = "work_order"
    __table_args__ = (within_tenant(["item_id"], "item"), APPEND_ONLY)

    number: str
    item_id: UUID
    customer_id: UUID = Field(foreign_key="organization.id")
    procedure_code: str
    requested_on: date
    due_on: date | None = None


class WorkOrderStep(SQLModel, table=True):
    """One step of a work order; the newest says where it stands."""

    __tablename__ = "work_order_step"
    __table_args__ = (
        within_tenant(["work_order_id"], "work_order"),
        within_tenant(["person_id"], "person"),
        within_tenant(["calibration_id"], "calibration"),
        one_of("state", "requested", "accepted", "received", "assigned", "measured", "checked",
               "approved", "issued", "returned", "cancelled"),
        APPEND_ONLY,
    )  # fmt: skip

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    work_order_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    state: str
    person_id: UUID
    calibration_id: UUID | None = None
    recorded_at: datetime = Field(sa_type=UtcDateTime)
