"""What the log-in alone reads and writes: accounts, memberships, invitations, sessions.

They belong to no organization, for one human may act in several; a `TenantSession` reaches none.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from service.tables.base import UtcDateTime


class Account(SQLModel, table=True):
    """How one human logs in here: a name, a password's hash, a second factor.

    Attributes:
        totp_secret: sealed under the installation's secret; None without a second factor.
        totp_last_step: of 30 s since 1970, the last whose code was used: none is used twice.
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("(totp_secret IS NULL) = (totp_last_step IS NULL)", name="totp_whole"),
    )

    identity_id: UUID = Field(foreign_key="identity.id", primary_key=True)
    name: str = Field(unique=True)
    password_hash: str | None = None
    totp_secret: str | None = None
    totp_last_step: int | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)


class Membership(SQLModel, table=True):
    """As which person an identity acts in an organization; the book itself says what it may."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("identity_id", "organization_id"),)

    person_id: UUID = Field(primary_key=True)
    identity_id: UUID = Field(foreign_key="identity.id")
    organization_id: UUID = Field(foreign_key="organization.id")


class Invitation(SQLModel, table=True):
    """A one-time token by which a human sets a name and a password; also for a new password."""

    __tablename__ = "invitation"

    token_sha256: str = Field(primary_key=True)
    identity_id: UUID = Field(foreign_key="identity.id", index=True)
    organization_id: UUID = Field(foreign_key="organization.id")
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LoginSession(SQLModel, table=True):
    """That a human is logged in, as a member of one organization.

    Attributes:
        token_sha256: of the cookie's token, which is kept nowhere.
        authenticated_at: the last proof of identity.
        second_factor: whether that proof had one.
        seen_at: the last request, to the minute.
    """

    __tablename__ = "login_session"
    __table_args__ = (Index(None, "identity_id"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    token_sha256: str = Field(unique=True)
    identity_id: UUID = Field(foreign_key="identity.id")
    organization_id: UUID = Field(foreign_key="organization.id")
    person_id: UUID
    device: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    authenticated_at: datetime = Field(sa_type=UtcDateTime)
    second_factor: bool
    seen_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FederatedIdentity(SQLModel, table=True):
    """That an identity provider's subject is a human we know (OpenID Connect Core 1.0, 2)."""

    __tablename__ = "federated_identity"
    __table_args__ = (UniqueConstraint("identity_id", "issuer"),)

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    identity_id: UUID = Field(foreign_key="identity.id")
    linked_at: datetime = Field(sa_type=UtcDateTime)
