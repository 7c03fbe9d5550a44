"""Grants: what the own book lets a regulator read, and until when."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, ConfigDict, Field
from sqlmodel import SQLModel

from service.actions import grants as actions
from service.api.given import Moment
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.store import grants as store
from service.store.grants import Grant

router = APIRouter(prefix="/grants", tags=["grants"])

Part = Literal["items", "calibrations", "certificates", "findings"]
State = Literal["waiting", "in force", "expired", "revoked"]
Reason = Annotated[
    str, Field(min_length=1, max_length=500, examples=["Supervision of 2026, notice No. 12"])
]


class GrantRequest(SQLModel):
    """Which regulator may read which parts of the own book, until when, and why."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type

    grantee_id: UUID
    parts: Annotated[list[Part], Field(min_length=1, max_length=4), AfterValidator(sorted)]
    starts_at: Moment | None = None
    expires_at: Annotated[Moment, Field(examples=["2027-01-01T00:00:00Z"])]
    reason: Reason


class Revocation(SQLModel):
    """Why a grant is taken back."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]

    reason: Reason


class GrantAnswer(SQLModel):
    """A grant of the own book; `state` is how it stands now."""

    id: UUID
    grantee_id: UUID
    grantee_code: str
    grantee_zh: str
    grantee_en: str
    parts: list[str]
    granted_at: datetime
    starts_at: datetime | None
    expires_at: datetime
    reason: str | None
    state: State
    ended_at: datetime | None
    ending_reason: str | None


@router.post("", status_code=201)
def give_grant(session: Transaction, actor: Acting, now: Now, said: GrantRequest) -> GrantAnswer:
    """Let a regulator read parts of the own book; it never writes, and each look is audited."""
    grant = actions.give(session, **said.model_dump(), actor_id=actor.person_id, now=now)
    return _answer(grant, now)


@router.get("")
def list_grants(session: Reading, now: Now) -> list[GrantAnswer]:
    """Return every grant that the own book ever gave, the newest first."""
    return [_answer(grant, now) for grant in store.given(session)]


@router.post("/{grant_id}/revocation", status_code=201)
def revoke_grant(
    session: Transaction, actor: Acting, now: Now, grant_id: UUID, said: Revocation
) -> GrantAnswer:
    """Take a grant back: from this moment on the regulator reads nothing by it."""
    grant = actions.revoke(session, grant_id, reason=said.reason, actor_id=actor.person_id, now=now)
    return _answer(grant, now)


def _answer(grant: Grant, now: datetime) -> GrantAnswer:
    row, ending, grantee = grant.row, grant.ending, grant.other
    return GrantAnswer(
        id=row.id,
        grantee_id=grantee.id,
        grantee_code=grantee.code,
        grantee_zh=grantee.name_zh,
        grantee_en=grantee.name_en,
        parts=row.parts or [],
        granted_at=row.granted_at,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        reason=row.reason,
        state=grant.state(now).value,
        ended_at=ending.ended_at if ending else None,
        ending_reason=ending.reason if ending else None,
    )
