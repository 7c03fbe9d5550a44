"""Reading what the log-in keeps: accounts, invitations, log-ins."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from service.tables.accounts import (
    Account,
    FederatedIdentity,
    Invitation,
    LoginSession,
    Membership,
)
from service.tenancy import LogInSession


def by_name(session: LogInSession, name: str) -> Account | None:
    """Return the account of a log-in name, as `actions.accounts.normalized` writes it."""
    return session.exec(select(Account).where(Account.name == name)).one_or_none()


def of_identity(session: LogInSession, identity_id: UUID) -> Account | None:
    """Return the account of a human; None if there is none yet."""
    return session.get(Account, identity_id)


def of_subject(session: LogInSession, issuer: str, subject: str) -> FederatedIdentity | None:
    """Return whom an identity provider's subject is; None if nobody linked it."""
    return session.get(FederatedIdentity, (issuer, subject))


def is_linked(session: LogInSession, identity_id: UUID, issuer: str) -> bool:
    """Return whether a human has an account at an identity provider that is linked here."""
    row = FederatedIdentity
    held = select(row).where(row.identity_id == identity_id, row.issuer == issuer)
    return session.exec(held.limit(1)).first() is not None


def memberships(session: LogInSession, identity_id: UUID) -> Sequence[Membership]:
    """Return as whom a human acts where."""
    return session.exec(
        select(Membership)
        .where(Membership.identity_id == identity_id)
        .order_by(col(Membership.organization_id))
    ).all()


def member(session: LogInSession, organization_id: UUID, person_id: UUID) -> Membership | None:
    """Return the membership of one person of an organization."""
    row = session.get(Membership, person_id)
    return row if row and row.organization_id == organization_id else None


def invitation(session: LogInSession, token_sha256: str, *, now: datetime) -> Invitation | None:
    """Return an invitation that can still be taken."""
    row = session.get(Invitation, token_sha256)
    return row if row and row.used_at is None and now < row.expires_at else None


def login(session: LogInSession, token_sha256: str) -> LoginSession | None:
    """Return the log-in of a token, ended or not."""
    return session.exec(
        select(LoginSession).where(LoginSession.token_sha256 == token_sha256)
    ).one_or_none()


def logins(session: LogInSession, identity_id: UUID) -> Sequence[LoginSession]:
    """Return the log-ins of a human that nobody ended, the newest first."""
    return session.exec(
        select(LoginSession)
        .where(LoginSession.identity_id == identity_id, col(LoginSession.ended_at).is_(None))
        .order_by(col(LoginSession.started_at).desc())
    ).all()
