"""What travels between organizations: documents, never rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from service.tables.base import (
    APPEND_ONLY,
    Json,
    TenantRow,
    UtcDateTime,
    one_of,
    within_tenant,
)


class Delivery(TenantRow, table=True):
    """A document in `organization_id`'s inbox; only here may another organization write."""

    __tablename__ = "delivery"
    __table_args__ = (
        one_of("kind", "order", "acceptance", "calibration", "notice"),
        APPEND_ONLY,
    )

    sender_id: UUID = Field(foreign_key="organization.id")
    kind: str
    version: int
    content: dict[str, Any] = Field(sa_type=Json)
    sent_at: datetime = Field(sa_type=UtcDateTime)


class Dispatch(SQLModel, table=True):
    """That the organization told another of a calibration or certificate, by which delivery.

    The delivery itself lies in the recipient's inbox, where its sender no longer sees it.
    """

    __tablename__ = "dispatch"
    __table_args__ = (
        one_of("kind", "order", "acceptance", "calibration", "notice"),
        Index(None, "organization_id", "subject_id"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    delivery_id: UUID = Field(primary_key=True)
    subject_id: UUID = Field(primary_key=True)
    recipient_id: UUID = Field(foreign_key="organization.id")
    kind: str
    sent_at: datetime = Field(sa_type=UtcDateTime)


class DeliveryReceipt(SQLModel, table=True):
    """That a document of the inbox was taken into the book."""

    __tablename__ = "delivery_receipt"
    __table_args__ = (within_tenant(["delivery_id"], "delivery"), APPEND_ONLY)

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    delivery_id: UUID = Field(primary_key=True)
    taken_in_at: datetime = Field(sa_type=UtcDateTime)
