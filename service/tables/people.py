"""People: who someone is, as whom they act in an organization, and what they may do there."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from service.tables.base import APPEND_ONLY, Json, TenantRow, UtcDateTime, within_tenant


class Identity(SQLModel, table=True):
    """One human, whatever organizations he or she acts in; read by the log-in alone."""

    __tablename__ = "identity"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Person(TenantRow, table=True):
    """A human's membership in one organization."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("organization_id", "id", "identity_id"), APPEND_ONLY)

    identity_id: UUID = Field(foreign_key="identity.id")
    name_zh: str
    name_en: str
    role: str


class PersonAuthorisation(TenantRow, table=True):
    """That a person may work by a procedure, until a date (ISO/IEC 17025:2017, 6.2.6)."""

    __tablename__ = "person_authorisation"
    __table_args__ = (within_tenant(["person_id"], "person"), APPEND_ONLY)

    person_id: UUID
    procedure_code: str
    valid_until: date


class PersonRole(TenantRow, table=True):
    """That a person has another role from now on, or has left (None); the newest row holds."""

    __tablename__ = "person_role"
    __table_args__ = (within_tenant(["person_id"], "person"), APPEND_ONLY)

    person_id: UUID
    role: str | None = None
    given_at: datetime = Field(sa_type=UtcDateTime)


class ApiKey(TenantRow, table=True):
    """A machine's way into the book, in the name of the person who answers for it.

    Attributes:
        secret_hmac: of the key's secret, which is shown once and kept nowhere.
        scopes: what the key may do, at most; what its person may not, it may not either.
        used_at: the last use, to the hour.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        within_tenant(["person_id"], "person"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
    )

    person_id: UUID
    name: str
    secret_hmac: str
    scopes: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
