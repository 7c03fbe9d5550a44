"""Files that came from outside, kept byte for byte, and what was entered from them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from service.tables.base import APPEND_ONLY, TenantRow, UtcDateTime, one_of, within_tenant


class ReceivedDocument(TenantRow, table=True):
    """A certificate's file as it was received: the evidence behind what was entered from it."""

    __tablename__ = "received_document"
    __table_args__ = (
        UniqueConstraint("organization_id", "sha256"),
        within_tenant(["received_by"], "person"),
        one_of("media_type", "application/xml", "application/pdf", "application/zip"),
        APPEND_ONLY,
    )

    name: str
    media_type: str
    sha256: str
    content: bytes
    received_by: UUID
    received_at: datetime = Field(sa_type=UtcDateTime)


class CalibrationDocument(SQLModel, table=True):
    """From which received file a calibration was entered."""

    __tablename__ = "calibration_document"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        within_tenant(["document_id"], "received_document"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    calibration_id: UUID = Field(primary_key=True)
    document_id: UUID = Field(primary_key=True)
