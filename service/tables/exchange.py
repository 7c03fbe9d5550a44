"""What travels between organizations: documents, never rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field

from service.tables.base import APPEND_ONLY, Json, TenantRow, UtcDateTime, one_of


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
