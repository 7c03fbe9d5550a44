"""What keeps the service honest and its callers in step: audit, idempotency, outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from service.tables.base import APPEND_ONLY, Json, TenantRow, UtcDateTime, one_of


class AuditEntry(SQLModel, table=True):
    """Who did what, when and why; each entry of an organization seals the one before."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "organization_id", "subject_id"), APPEND_ONLY)

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    position: int = Field(primary_key=True)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    actor_id: UUID
    action: str
    subject_id: UUID
    said: dict[str, Any] = Field(sa_type=Json)
    previous_sha256: str
    sha256: str


class IdempotencyKey(SQLModel, table=True):
    """The answer once given to a request, kept so that its repetition gets the same."""

    __tablename__ = "idempotency_key"
    __table_args__ = (APPEND_ONLY,)

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    key: str = Field(primary_key=True)
    request_sha256: str
    status_code: int
    answer: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Outbox(TenantRow, table=True):
    """An event to be told to the outside after the transaction that wrote it.

    `told_at` is when it was handed to whoever listens, one message each.
    """

    __tablename__ = "outbox"

    event: str
    content: dict[str, Any] = Field(sa_type=Json)
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Job(TenantRow, table=True):
    """Work that is due at a moment, done by whichever worker leases it first.

    Attributes:
        kind: what to do, `content` with what.
        progress, total: how far it came; None before it began.
        answer: what came of it, once `state` is done; `failure` why it did not.
    """

    __tablename__ = "job"
    __table_args__ = (
        one_of("state", "waiting", "done", "failed"),
        Index(None, "organization_id", "state", "due_at"),
    )

    kind: str
    content: dict[str, Any] = Field(sa_type=Json)
    state: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    progress: int | None = None
    total: int | None = None
    answer: dict[str, Any] | None = Field(default=None, sa_type=Json)
    failure: str | None = None
    created_by: UUID
    created_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
