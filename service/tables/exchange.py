"""What comes in and goes out: documents between organizations, ledgers, calls to others."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
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


class LedgerImport(TenantRow, table=True):
    """A ledger that somebody handed in: the file as it came, and what became of each row.

    Attributes:
        content: the octets as they came, `sha256` their digest.
        settings: the layout, the key that items are matched by, whether it is all or nothing.
        decisions: what a person decided of rows whose item was not certain, by row.
        counts: rows created, updated, unchanged, in conflict and rejected; together all rows.
        answers: of each row that is not plainly one of the first three, what is wrong with it.
        changes: old and new value of each column changed, by the id of the item.
    """

    __tablename__ = "ledger_import"
    __table_args__ = (
        one_of("state", "previewed", "queued", "applied", "refused"),
        Index(None, "organization_id", "created_at"),
    )

    file_name: str
    content: bytes
    sha256: str
    settings: dict[str, Any] = Field(sa_type=Json)
    decisions: dict[str, Any] = Field(sa_type=Json)
    state: str
    counts: dict[str, Any] = Field(sa_type=Json)
    answers: list[Any] = Field(sa_type=Json)
    changes: dict[str, Any] = Field(sa_type=Json)
    created_by: UUID
    created_at: datetime = Field(sa_type=UtcDateTime)
    applied_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LedgerPull(TenantRow, table=True):
    """A ledger elsewhere that is read every so many minutes until `ended_at`."""

    __tablename__ = "ledger_pull"
    __table_args__ = (CheckConstraint("every_minutes >= 5", name="every_minutes"),)

    url: str
    every_minutes: int
    settings: dict[str, Any] = Field(sa_type=Json)
    created_by: UUID
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_answer: str | None = None


class Webhook(TenantRow, table=True):
    """An address that is told of events; its secret is derived, not kept.

    Attributes:
        events: names of events, or `thing.*`; `*` for all.
        generation: counts the rotations of its secret; the one before counts until `former_until`.
        disabled_at: since when it is told nothing, with the reason.
    """

    __tablename__ = "webhook"

    url: str
    events: list[str] = Field(sa_type=Json)
    generation: int = 1
    former_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_by: UUID
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_reason: str | None = None


class WebhookMessage(TenantRow, table=True):
    """One event on its way to one webhook; `dead` once every attempt failed."""

    __tablename__ = "webhook_message"
    __table_args__ = (
        within_tenant(["webhook_id"], "webhook"),
        within_tenant(["event_id"], "outbox"),
        UniqueConstraint("organization_id", "webhook_id", "event_id"),
        one_of("state", "waiting", "delivered", "dead"),
        Index(None, "organization_id", "state", "due_at"),
    )

    webhook_id: UUID
    event_id: UUID
    state: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    last_answer: str | None = None
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CalendarFeed(TenantRow, table=True):
    """A calendar of due dates that whoever holds its address may read, until it is ended."""

    __tablename__ = "calendar_feed"

    area: str | None = None
    created_by: UUID
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
