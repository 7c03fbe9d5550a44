"""The audit log: who did what, when and why; each entry seals the one before."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from sqlmodel import SQLModel

from service import audit
from service.api.paging import at_most
from service.auth import Acting, Reading
from service.store import audit as store
from service.tables.operations import AuditEntry
from service.tenancy import TenantSession

router = APIRouter(prefix="/audit-entries", tags=["audit"])

JSON_LINES = "application/jsonl"
Seal = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]


class EntryAnswer(SQLModel):
    """One entry; `sha256` seals all the rest of it, and so everything before it."""

    position: int
    recorded_at: datetime
    actor_id: UUID
    action: str
    subject_id: UUID
    said: dict[str, Any]
    previous_sha256: str
    sha256: str


class ChainAnswer(SQLModel):
    """Whether the chain holds; if not, the first entry at which it does not, and why."""

    holds: bool
    broken_position: int | None
    reason: str | None


@router.get("")
def list_audit_entries(
    session: Reading,
    limit: Annotated[int, at_most(500, 100)],
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    subject_id: UUID | None = None,
    action: Annotated[str, Query(max_length=100, examples=["certificate."])] = "",
) -> list[EntryAnswer]:
    """Return entries of the own book, the newest first; `action` is how theirs begins."""
    rows = store.newest(session, before=before, subject_id=subject_id, action=action, limit=limit)
    return [answer_of(row) for row in rows]


@router.get("/check")
def check_audit_entries(
    session: Reading,
    kept_position: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    kept_sha256: Seal = None,
) -> ChainAnswer:
    """Say whether the chain holds from its first entry on, and reaches an end kept elsewhere."""
    end = None
    if kept_position is not None and kept_sha256 is not None:
        end = (kept_position, kept_sha256)
    broken = audit.first_broken(store.chain(session), end=end)
    return ChainAnswer(
        holds=broken is None,
        broken_position=broken.position if broken else None,
        reason=broken.reason if broken else None,
    )


@router.get("/export", response_class=StreamingResponse,
            responses={200: {"content": {JSON_LINES: {}}}})  # fmt: skip
def export_audit_entries(request: Request, actor: Acting) -> StreamingResponse:
    """Return the whole chain as JSON lines, the oldest first, to be kept and checked elsewhere."""
    engine, owner = request.app.state.engine, actor.organization_id

    def lines() -> Iterator[str]:
        with TenantSession(engine, owner, read_only=True) as session:
            for row in store.chain(session):
                yield json.dumps(answer_of(row).model_dump(mode="json"), ensure_ascii=False) + "\n"

    return StreamingResponse(
        lines(),
        media_type=JSON_LINES,
        headers={"Content-Disposition": 'attachment; filename="audit-log.jsonl"'},
    )


def answer_of(row: AuditEntry) -> EntryAnswer:
    """Return what is told of an entry."""
    return EntryAnswer.model_validate(row, from_attributes=True)
