"""Recalls of the own book: opened, told to the customers, settled item by item."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlmodel import SQLModel

from service import recalls
from service.actions import recalls as actions
from service.api.calibrations import Strict
from service.api.dependents import FaultIn, fault_of
from service.api.paging import FORMS, Asked, answered
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.recalls import AffectedItem, RecallProgress
from service.store import recalls as store
from service.tables.recalls import RecallCase, RecallClosing

router = APIRouter(prefix="/recalls", tags=["recalls"])


class RecallIn(FaultIn):
    """The standard's calibration, by its id of the own book or of the reference layer."""

    calibration_id: UUID


class ClosingIn(Strict):
    """The item that is settled; without a statement by its new calibration, which is looked for."""

    item_id: UUID
    statement: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class DecisionIn(Strict):
    """Whether a person goes through with a suggested recall; to drop it takes a reason."""

    confirms: bool
    reason: Annotated[str, Field(max_length=2000)] = ""


class DecisionAnswer(SQLModel):
    """What was decided on a suggested recall, by whom and when."""

    decision: Literal["confirmed", "dropped"]
    reason: str
    person_id: UUID
    decided_at: datetime


class CaseAnswer(SQLModel):
    """A result as recorded and as corrected, in `unit`; unknown numbers are null."""

    result_id: UUID
    calibration_id: UUID
    unit: str
    value: float
    error: float | None
    shift: float | None
    corrected_error: float | None
    standard_uncertainty: float | None
    maximum_permissible_error: float | None
    recorded_verdict: Literal["conforming", "nonconforming", "unknown"]
    corrected_verdict: Literal["conforming", "nonconforming", "unknown"]
    probability_of_nonconformity: float | None
    is_overturned: bool


class ClosingAnswer(SQLModel):
    """How an item was settled: by a new calibration, or as a statement says."""

    item_id: UUID
    calibration_id: UUID | None
    statement: str | None
    closed_at: datetime


class RecallItemAnswer(SQLModel):
    """An affected item; `is_judged` false: a result is not on record, or in another unit."""

    item_id: UUID
    name_zh: str
    name_en: str
    serial_number: str
    customer_id: UUID | None
    calibration_id: UUID
    certificate_number: str | None
    steps_below: int
    is_judged: bool
    told_at: datetime | None
    closing: ClosingAnswer | None
    results: list[CaseAnswer]


class RecallSummary(SQLModel):
    """A recall and how far it has come.

    `found_by_id` is the measurement that suggested it, null where a person opened it; a suggested
    one waits for a `decision`.
    """

    id: UUID
    status: Literal["suggested", "dropped", "open", "closed"]
    found_by_id: UUID | None
    decision: DecisionAnswer | None
    calibration_id: UUID | None
    published_id: UUID | None
    item_name_zh: str
    item_name_en: str
    certificate_number: str | None
    last_good_on: date
    found_on: date
    unit: str
    as_found: list[tuple[float, float]]
    standard_uncertainty: float | None
    assumption: Literal["step_at_start", "linear", "worst_case"]
    opened_at: datetime
    closed_at: datetime | None
    items: int
    items_closed: int
    results: int
    overturned: int


class RecordedRecall(RecallSummary):
    """A recall with every item it affects, those still open first."""

    affected: list[RecallItemAnswer]


class LetterAnswer(SQLModel):
    """A letter that was sent: the notice's id in the customer's inbox."""

    delivery_id: UUID
    customer_id: UUID
    sent_at: datetime


@router.post("", status_code=201)
def open_recall(session: Transaction, actor: Acting, now: Now, said: RecallIn) -> RecordedRecall:
    """Record that a standard was out of tolerance, and every result of the own book it affected.

    `POST /v1/calibrations/{id}/recall` tells the same without recording it. Nobody is told yet.
    """
    row = actions.open_recall(
        session,
        said.calibration_id,
        fault_of(said),
        assumption=said.assumption,
        actor_id=actor.person_id,
        now=now,
    )
    return recorded(recalls.progress(session, row.id))


@router.get("", response_model=list[RecallSummary], responses=FORMS)
def list_recalls(request: Request, session: Reading, page: Asked) -> Response:
    """Return the recalls of the own book, the newest first, a page at a time."""

    def rows(before: UUID | None, limit: int) -> list[RecallSummary]:
        found = store.page(session, before=before, limit=limit)
        return [RecallSummary(**_told(recalls.progress(session, row.id))) for row in found]

    return answered(request, session, page, rows, RecallSummary)


@router.get("/{recall_id}")
def get_recall(session: Reading, recall_id: UUID) -> RecordedRecall:
    """Return a recall with every item it affects and how each was settled."""
    return recorded(recalls.progress(session, recall_id))


@router.post("/{recall_id}/decision", status_code=201)
def decide_on_recall(
    session: Transaction, actor: Acting, now: Now, recall_id: UUID, said: DecisionIn
) -> RecordedRecall:
    """Confirm a recall that a measurement suggested, or drop it with the reason.

    Until it is confirmed no letter is sent and nothing of it is settled.
    """
    actions.decide(
        session,
        recall_id,
        confirms=said.confirms,
        reason=said.reason,
        actor_id=actor.person_id,
        now=now,
    )
    return recorded(recalls.progress(session, recall_id))


@router.post("/{recall_id}/extensions", status_code=201)
def extend_recall(session: Transaction, actor: Acting, now: Now, recall_id: UUID) -> RecordedRecall:
    """List what has been entered since and is affected too, such as a back-dated calibration."""
    actions.extend(session, recall_id, actor_id=actor.person_id, now=now)
    return recorded(recalls.progress(session, recall_id))


@router.post("/{recall_id}/letters", status_code=201)
def send_letters(
    session: Transaction, actor: Acting, now: Now, recall_id: UUID
) -> list[LetterAnswer]:
    """Send each customer the notice of its affected results that it has not been told yet."""
    sent = actions.send_letters(session, recall_id, actor_id=actor.person_id, now=now)
    return [
        LetterAnswer(delivery_id=row.id, customer_id=row.organization_id, sent_at=row.sent_at)
        for row in sent
    ]


@router.post("/{recall_id}/closings", status_code=201)
def close_item(
    session: Transaction, actor: Acting, now: Now, recall_id: UUID, said: ClosingIn
) -> ClosingAnswer:
    """Settle one item: by its new calibration or, where a statement says how, without one."""
    row = actions.close_item(
        session,
        recall_id,
        said.item_id,
        statement=said.statement,
        actor_id=actor.person_id,
        now=now,
    )
    return _closing(row)


@router.post("/{recall_id}/re-verifications", status_code=201)
def close_calibrated_anew(
    session: Transaction, actor: Acting, now: Now, recall_id: UUID
) -> list[ClosingAnswer]:
    """Settle every open item that has been calibrated anew from what the fault leaves untouched."""
    closed = actions.close_calibrated_anew(session, recall_id, actor_id=actor.person_id, now=now)
    return [_closing(row) for row in closed]


def _told(found: RecallProgress) -> dict[str, Any]:
    return found.row.model_dump(exclude={"organization_id"}) | {
        "status": found.status,
        "found_by_id": found.suggestion.found_by_id if found.suggestion else None,
        "decision": found.decision.model_dump() if found.decision else None,
        "item_name_zh": found.standard.item_name_zh,
        "item_name_en": found.standard.item_name_en,
        "certificate_number": found.certificate_number,
        "closed_at": found.closed_at,
        "items": len(found.items),
        "items_closed": found.closed,
        "results": found.results,
        "overturned": found.overturned,
    }


def recorded(found: RecallProgress) -> RecordedRecall:
    """Return a recall with everything it affects as it is answered."""
    return RecordedRecall(**_told(found), affected=[_item(item) for item in found.items])


def _item(found: AffectedItem) -> RecallItemAnswer:
    return RecallItemAnswer(
        item_id=found.item.id,
        name_zh=found.item.name_zh,
        name_en=found.item.name_en,
        serial_number=found.item.serial_number,
        customer_id=found.customer_id,
        calibration_id=found.calibration.id,
        certificate_number=found.certificate_number,
        steps_below=found.steps,
        is_judged=found.is_judged,
        told_at=found.told_at,
        closing=_closing(found.closing) if found.closing else None,
        results=_cases(found.cases),
    )


def _cases(rows: Sequence[RecallCase]) -> list[CaseAnswer]:
    return [
        CaseAnswer.model_validate(
            row, update={"is_overturned": store.is_overturned(row)}, from_attributes=True
        )
        for row in rows
    ]


def _closing(row: RecallClosing) -> ClosingAnswer:
    return ClosingAnswer.model_validate(row, from_attributes=True)
