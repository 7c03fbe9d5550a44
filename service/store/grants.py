"""Reading grants: what a book lets regulators read, and what others let the organization read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, and_
from sqlmodel import col, select

from service.tables.organizations import AccessGrant, AccessGrantEnding, Organization
from service.tenancy import TenantSession


class GrantState(StrEnum):
    """How a grant stands at a moment."""

    WAITING = "waiting"
    IN_FORCE = "in force"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant with its end, if it was taken back, and the organization on its other side."""

    row: AccessGrant
    ending: AccessGrantEnding | None
    other: Organization

    def state(self, at: datetime) -> GrantState:
        """Return how the grant stands: from its beginning on, up to but not at its end."""
        if self.ending is not None and self.ending.ended_at <= at:
            return GrantState.REVOKED
        if at >= self.row.expires_at:
            return GrantState.EXPIRED
        begun = at >= self.row.granted_at and (not self.row.starts_at or at >= self.row.starts_at)
        return GrantState.IN_FORCE if begun else GrantState.WAITING


def given(session: TenantSession) -> list[Grant]:
    """Return what the book lets others read, or once did, the newest first."""
    mine = col(AccessGrant.organization_id) == session.organization_id
    return _found(session, mine, other=AccessGrant.grantee_id)


def received(session: TenantSession) -> list[Grant]:
    """Return what others let the organization read, or once did, the newest first."""
    mine = col(AccessGrant.grantee_id) == session.organization_id
    return _found(session, mine, other=AccessGrant.organization_id)


def in_force(
    session: TenantSession, grantor_id: UUID, *, at: datetime, part: str | None = None
) -> list[Grant]:
    """Return by which grants the organization may read another's book, or one part of it."""
    return [
        grant
        for grant in received(session)
        if grant.row.organization_id == grantor_id
        and grant.state(at) is GrantState.IN_FORCE
        and (part is None or part in (grant.row.parts or ()))
    ]


def open_books(session: TenantSession, *, at: datetime) -> list[tuple[Organization, list[Grant]]]:
    """Return whose books the organization may read at a moment, with the grants, by code."""
    found: dict[UUID, tuple[Organization, list[Grant]]] = {}
    for grant in received(session):
        if grant.state(at) is GrantState.IN_FORCE:
            found.setdefault(grant.other.id, (grant.other, []))[1].append(grant)
    return sorted(found.values(), key=lambda book: book[0].code)


def parts_of(grants: Iterable[Grant]) -> Sequence[str]:
    """Return the parts that grants let read, each once, by name."""
    return sorted({part for grant in grants for part in grant.row.parts or ()})


def _found(session: TenantSession, mine: ColumnElement[bool], *, other: UUID) -> list[Grant]:
    row, ending = AccessGrant, AccessGrantEnding
    ended = and_(col(ending.organization_id) == row.organization_id, col(ending.grant_id) == row.id)
    rows = session.exec(
        select(row, ending, Organization)
        .outerjoin(ending, ended)
        .join(Organization, col(Organization.id) == other)
        .where(mine)
        .order_by(col(row.granted_at).desc(), col(row.id).desc())
    )
    return [Grant(*found) for found in rows]
