"""Notices of the own inbox: what others say became of results that the own book holds."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlmodel import SQLModel

from service.actions import notices as actions
from service.api.paging import FORMS, Asked, answered
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.store import notices as store
from service.tables.exchange import Delivery, DeliveryReceipt

router = APIRouter(prefix="/notices", tags=["notices"])


class NoticeAnswer(SQLModel):
    """A notice as it was sent; `taken_in_at` null: the book does not know it yet.

    `content` is the document: its kind (amended, withdrawn, out_of_tolerance), its words in both
    languages, and the calibrations, certificates or results that it tells of.
    """

    id: UUID
    sender_id: UUID
    version: int
    content: dict[str, Any]
    sent_at: datetime
    taken_in_at: datetime | None


@router.get("", response_model=list[NoticeAnswer], responses=FORMS)
def list_notices(request: Request, session: Reading, page: Asked) -> Response:
    """Return the notices of the own inbox, the newest first, a page at a time."""

    def rows(after: UUID | None, limit: int) -> list[NoticeAnswer]:
        return [_answer(*found) for found in store.received(session, limit=limit, before=after)]

    return answered(request, session, page, rows, NoticeAnswer)


@router.get("/{notice_id}")
def get_notice(session: Reading, notice_id: UUID) -> NoticeAnswer:
    """Return one notice of the own inbox."""
    return _answer(*store.get(session, notice_id))


@router.post("/{notice_id}/receipt", status_code=201)
def take_in_notice(session: Transaction, actor: Acting, now: Now, notice_id: UUID) -> NoticeAnswer:
    """Take a notice into the own book: what its sender ended has ended here too, from now on.

    Refused where it speaks of what this sender did not tell us, and where the calibration that
    replaces another has not been taken in yet.
    """
    actions.take_in(session, notice_id, actor_id=actor.person_id, now=now)
    return _answer(*store.get(session, notice_id))


def _answer(row: Delivery, receipt: DeliveryReceipt | None) -> NoticeAnswer:
    return NoticeAnswer.model_validate(
        row, update={"taken_in_at": receipt and receipt.taken_in_at}, from_attributes=True
    )
