"""Notices of what falls due: who answers for what, who was told, and how people want to be told."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlmodel import SQLModel

from service.actions import digests as actions
from service.api.calibrations import Strict
from service.api.given import Day
from service.api.paging import FORMS, Asked, answered
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.errors import NotPermitted
from service.store import digests as store
from service.tables.schedule import DueDigest
from traceability.escalation import Stage

router = APIRouter(prefix="/due-dates", tags=["due-dates"])
account = APIRouter(tags=["account"])

ActivityName = Literal[
    "verification", "calibration", "intermediate_check", "maintenance", "replacement"
]


class DigestLine(SQLModel):
    """A due date of which a person was told, and how near it was."""

    item_id: UUID
    activity: ActivityName
    due_on: date
    stage: Stage


class DigestAnswer(SQLModel):
    """What one person was told on one day; `mail` says how its mail went, `none` for no mail."""

    id: UUID | None
    person_id: UUID
    told_on: date
    mail: Literal["none", "waiting", "sent", "failed"]
    last_answer: str | None
    lines: list[DigestLine]


class NotifyIn(Strict):
    """Of which day the digests are; with `dry_run` nothing is written."""

    on: Day | None = None
    dry_run: bool = False


class ResponsibilityIn(Strict):
    """Who answers for the items of an area, the beginning of their place; "" for the rest."""

    area: Annotated[str, Field(max_length=400)] = ""
    person_id: UUID | None = None
    manager_id: UUID | None = None


class ResponsibilityAnswer(SQLModel):
    """Who answers for an area, and to whom that is escalated."""

    area: str
    person_id: UUID | None
    manager_id: UUID | None
    recorded_at: datetime


class PreferenceIn(Strict):
    """How you want to be told: by mail to an address, or in the book alone."""

    channel: Literal["mail", "none"]
    address: Annotated[str, Field(max_length=254)] | None = None
    language: Literal["zh", "en"] = "zh"


class PreferenceAnswer(SQLModel):
    """How you are told of what falls due."""

    channel: Literal["mail", "none"]
    address: str | None
    language: Literal["zh", "en"]


@router.get("/digests", response_model=list[DigestAnswer], responses=FORMS)
def list_due_digests(
    request: Request, session: Reading, page: Asked, person_id: UUID | None = None
) -> Response:
    """Return who was told of what falls due, the newest digests first, a page at a time."""
    return answered(
        request, session, page,
        lambda before, limit: [
            digest_answer(row)
            for row in store.newest(session, person_id=person_id, before=before, limit=limit)
        ],
        DigestAnswer,
    )  # fmt: skip


@router.post("/digests", status_code=201)
def write_due_digests(
    request: Request, session: Transaction, now: Now, today: Today, said: NotifyIn
) -> list[DigestAnswer]:
    """Write the digests of a day that were not yet written, as the worker does each morning.

    Each due date is told of once at each stage: 90, 60, 30 days before, and overdue.
    """
    day = said.on or today
    if said.dry_run:
        return dry_run(actions.pending(session, on=day), on=day)
    by_mail = bool(request.app.state.settings.smtp_host)
    written = actions.notify(session, on=day, now=now, by_mail=by_mail)
    return [digest_answer(row) for row in written]


@router.get("/responsibilities")
def list_responsibilities(session: Reading) -> list[ResponsibilityAnswer]:
    """Return who answers for which area now."""
    return [
        ResponsibilityAnswer.model_validate(row, from_attributes=True)
        for row in store.responsibilities(session).values()
    ]


@router.post("/responsibilities", status_code=201)
def name_responsible(
    session: Transaction, actor: Acting, now: Now, said: ResponsibilityIn
) -> ResponsibilityAnswer:
    """Name who answers for an area from now on, and his manager; nobody ends it."""
    row = actions.answer_for(session, **said.model_dump(), actor_id=actor.person_id, now=now)
    return ResponsibilityAnswer.model_validate(row, from_attributes=True)


@account.get("/notice-preference")
def get_notice_preference(session: Reading, actor: Acting) -> PreferenceAnswer:
    """Return how you are told of what falls due; in the book alone until you say otherwise."""
    row = store.preferences(session).get(actor.person_id)
    if row is None:
        return PreferenceAnswer(channel="none", address=None, language="zh")
    return PreferenceAnswer.model_validate(row, from_attributes=True)


@account.put("/notice-preference")
def set_notice_preference(
    session: Transaction, actor: Acting, now: Now, said: PreferenceIn
) -> PreferenceAnswer:
    """Say how you want to be told of what falls due; a person says so, no machine for him."""
    if actor.key_id is not None:
        raise NotPermitted("a person says how he wants to be told; log in")
    row = actions.prefer(session, actor.person_id, **said.model_dump(), now=now)
    return PreferenceAnswer.model_validate(row, from_attributes=True)


def digest_answer(row: DueDigest) -> DigestAnswer:
    """Return what is told of a digest."""
    return DigestAnswer.model_validate(row, from_attributes=True)


def dry_run(pending: dict[UUID, list[actions.Line]], *, on: date) -> list[DigestAnswer]:
    """Return the digests as they would be written, with no id yet."""
    return [
        DigestAnswer(
            id=None,
            person_id=person_id,
            told_on=on,
            mail="none",
            last_answer=None,
            lines=[DigestLine.model_validate(line.as_told()) for line in lines],
        )
        for person_id, lines in pending.items()
    ]
