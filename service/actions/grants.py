"""Letting a regulator read the book, in parts and for a time, and taking that back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service import audit
from service.errors import AlreadyThere, InvalidField, NotFound
from service.store import grants as store
from service.store.grants import Grant
from service.tables.organizations import AccessGrant, AccessGrantEnding, Organization
from service.tenancy import PARTS, TenantSession


def give(
    session: TenantSession,
    grantee_id: UUID,
    *,
    parts: Sequence[str],
    reason: str,
    starts_at: datetime | None = None,
    expires_at: datetime,
    actor_id: UUID,
    now: datetime,
) -> Grant:
    """Let a regulator read parts of the own book until a moment.

    Raises:
        InvalidField: no regulator, no part or no reason named, or a time that is over.
    """
    grantee = session.get(Organization, grantee_id)
    if grantee is None or grantee.kind != "regulator":
        raise InvalidField("/grantee_id", "no regulator: a book is opened to regulators alone")
    if grantee_id == session.organization_id:
        raise InvalidField("/grantee_id", "the organization itself")
    if not parts or not set(parts) <= PARTS.keys():
        raise InvalidField("/parts", f"one or more of {', '.join(PARTS)}")
    if not reason.strip():
        raise InvalidField("/reason", "say why: a law, an order, an agreement")
    if expires_at <= max(now, starts_at or now):
        raise InvalidField("/expires_at", f"{expires_at.isoformat()} is over, or before the start")
    row = AccessGrant(
        organization_id=session.organization_id,
        grantee_id=grantee_id,
        granted_at=now,
        starts_at=starts_at,
        expires_at=expires_at,
        parts=sorted(set(parts)),
        reason=reason.strip(),
        granted_by=actor_id,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, "grant.given", row.id, actor_id=actor_id, now=now,
        said={"grantee": grantee.code, "parts": " ".join(row.parts), "reason": reason.strip(),
              "expires_at": expires_at.isoformat()},
    )  # fmt: skip
    return Grant(row, None, grantee)


def revoke(
    session: TenantSession, grant_id: UUID, *, reason: str, actor_id: UUID, now: datetime
) -> Grant:
    """Take a grant back, from this moment on; what was read until then stays told.

    Raises:
        NotFound: the book gave no grant of this id.
        AlreadyThere: it was taken back before.
        InvalidField: nothing is said of why.
    """
    grant = next((found for found in store.given(session) if found.row.id == grant_id), None)
    if grant is None:
        raise NotFound("grant", grant_id)
    if grant.ending is not None:
        raise AlreadyThere(f"grant {grant_id} was taken back before")
    if not reason.strip():
        raise InvalidField("/reason", "say why it is taken back")
    ending = AccessGrantEnding(
        organization_id=session.organization_id,
        grant_id=grant_id,
        grantee_id=grant.row.grantee_id,
        ended_at=now,
        ended_by=actor_id,
        reason=reason.strip(),
    )
    session.add(ending)
    session.flush()
    audit.record(
        session, "grant.revoked", grant_id, actor_id=actor_id, now=now,
        said={"grantee": grant.other.code, "reason": ending.reason},
    )  # fmt: skip
    return Grant(grant.row, ending, grant.other)
