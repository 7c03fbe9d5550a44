"""Organizations, the tenants, known to all by name; and what they are authorised to do."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from service.tables.base import APPEND_ONLY, Json, TenantRow, UtcDateTime, one_of


class Organization(SQLModel, table=True):
    """A tenant. Its code begins its certificate numbers, so no two can issue the same one."""

    __tablename__ = "organization"
    __table_args__ = (
        UniqueConstraint("id", "code"),
        one_of(
            "kind",
            "national_institute",
            "regional_institute",
            "accredited_laboratory",
            "enterprise",
            "regulator",
        ),
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    code: str = Field(unique=True)
    name_zh: str
    name_en: str
    kind: str
    address: str
    contact: str = ""
    is_demonstration: bool = False


class Authorisation(SQLModel, table=True):
    """What an authority lets an organization do (计量授权, accreditation), and until when.

    Written by the operator when the document has been seen, never by the holder itself.
    """

    __tablename__ = "authorisation"
    __table_args__ = (APPEND_ONLY,)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    holder_id: UUID = Field(foreign_key="organization.id", index=True)
    number: str
    kind_zh: str
    scope: list[str] = Field(sa_type=Json)
    valid_from: date
    valid_until: date


class OrganizationSummary(SQLModel, table=True):
    """Counts that an organization states for its regulators; small counts are suppressed."""

    __tablename__ = "organization_summary"
    __table_args__ = (APPEND_ONLY,)

    holder_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    period: str = Field(primary_key=True)
    stated_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    counts: dict[str, Any] = Field(sa_type=Json)


class AccessGrant(TenantRow, table=True):
    """Leave that an organization gives a regulator to read parts of its book.

    Attributes:
        parts: of `service.tenancy.PARTS`; where nothing is said, nothing may be read.
        starts_at: None: from the moment at which it was granted.
        reason: why, as the organization says it: a law, an order, an agreement.
    """

    __tablename__ = "access_grant"
    __table_args__ = (Index(None, "organization_id", "id", "grantee_id", unique=True), APPEND_ONLY)

    grantee_id: UUID = Field(foreign_key="organization.id", index=True)
    granted_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    starts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    parts: list[str] = Field(default_factory=list, sa_type=Json, nullable=True)
    reason: str | None = None
    granted_by: UUID | None = None


class AccessGrantEnding(SQLModel, table=True):
    """That a grant was taken back; it says whose it was, so that the grantee may read it too."""

    __tablename__ = "access_grant_ending"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "grant_id", "grantee_id"],
            ["access_grant.organization_id", "access_grant.id", "access_grant.grantee_id"],
        ),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    grant_id: UUID = Field(primary_key=True)
    grantee_id: UUID = Field(foreign_key="organization.id", index=True)
    ended_at: datetime = Field(sa_type=UtcDateTime)
    ended_by: UUID
    reason: str
