"""Keys of machines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, ConfigDict, Field
from sqlmodel import SQLModel

from service.actions import keys as actions
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.errors import NotFound
from service.permissions import needed
from service.store import people as store
from service.tables.people import ApiKey

router = APIRouter(prefix="/api-keys", tags=["keys"])


class KeyIn(SQLModel):
    """A key to be made, in the name of whoever asks."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["nightly ledger"])]
    scopes: Annotated[
        list[str], Field(min_length=1, max_length=50, examples=[["book:read", "items:write"]])
    ]
    expires_at: Annotated[AwareDatetime, Field(examples=["2027-03-01T00:00:00Z"])]


class KeyAnswer(SQLModel):
    """A key, but for its secret."""

    id: UUID
    person_id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None


class KeyMade(KeyAnswer):
    """A key with its text, which is told this once."""

    key: str


@router.get("")
def list_api_keys(session: Reading) -> list[KeyAnswer]:
    """Return the organization's keys, the newest first, without their secrets."""
    return [_answer(row) for row in store.api_keys(session)]


@router.post("", status_code=201)
def create_api_key(
    request: Request,
    response: Response,
    session: Transaction,
    actor: Acting,
    now: Now,
    said: KeyIn,
) -> KeyMade:
    """Make a key in the own name; its text is told this once and kept nowhere."""
    row, text = actions.create(
        session,
        actor.person_id,
        name=said.name,
        scopes=said.scopes,
        expires_at=said.expires_at,
        pepper=request.app.state.keys.derived("API keys"),
        now=now,
    )
    response.headers["Cache-Control"] = "no-store"
    return KeyMade(**_answer(row).model_dump(), key=text)


@router.post("/{key_id}/revocation", status_code=201)
def revoke_api_key(session: Transaction, actor: Acting, now: Now, key_id: UUID) -> KeyAnswer:
    """End a key at once: one's own, or, for whoever manages people, anybody's."""
    row = store.api_key(session, key_id)
    if row is None:
        raise NotFound("key", key_id)
    if row.person_id != actor.person_id:
        actor.require(needed("POST", "people"))
    return _answer(actions.revoke(session, key_id, actor_id=actor.person_id, now=now))


def _answer(row: ApiKey) -> KeyAnswer:
    return KeyAnswer.model_validate(row, from_attributes=True)
