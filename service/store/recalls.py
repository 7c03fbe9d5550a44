"""Reading recalls of one book: what each affected, whom it told, and what is settled."""

from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import UUID

from sqlmodel import col, select

from service.errors import NotFound
from service.store import certificates as certificate_store
from service.tables.calibrations import Calibration
from service.tables.exchange import Dispatch
from service.tables.items import Item
from service.tables.published import PublishedCalibration
from service.tables.recalls import (
    RecallCalibration,
    RecallCase,
    RecallClosing,
    RecallDecision,
    RecallRecord,
    RecallSuggestion,
)
from service.tenancy import TenantSession

AT_ONCE = 5000  # ids in one statement
Status = Literal["suggested", "dropped", "open", "closed"]


def get(session: TenantSession, recall_id: UUID) -> RecallRecord:
    """Return one recall of the book.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(RecallRecord, (session.organization_id, recall_id))
    if row is None:
        raise NotFound("recall", recall_id)
    return row


def all_of_them(session: TenantSession) -> Sequence[RecallRecord]:
    """Return every recall of the book, the newest first."""
    row = RecallRecord
    return session.exec(select(row).order_by(col(row.opened_at).desc(), col(row.id).desc())).all()


def page(session: TenantSession, *, before: UUID | None, limit: int) -> Sequence[RecallRecord]:
    """Return so many recalls of the book before the one of an id, the newest first."""
    id_ = col(RecallRecord.id)
    rows = select(RecallRecord).order_by(id_.desc()).limit(limit)
    return session.exec(rows if before is None else rows.where(id_ < before)).all()


def suggestion(session: TenantSession, recall_id: UUID) -> RecallSuggestion | None:
    """Return which measurement suggested a recall; None if a person opened it."""
    return session.get(RecallSuggestion, (session.organization_id, recall_id))


def decision(session: TenantSession, recall_id: UUID) -> RecallDecision | None:
    """Return what a person decided on a suggested recall; None while nobody has."""
    return session.get(RecallDecision, (session.organization_id, recall_id))


def standing(suggestion: RecallSuggestion | None, decision: RecallDecision | None) -> Status:
    """Return whether a recall is open, or still suggested, or dropped."""
    if decision is not None:
        return "open" if decision.decision == "confirmed" else "dropped"
    return "open" if suggestion is None else "suggested"


def suggested_by(
    session: TenantSession, calibration_ids: Iterable[UUID]
) -> Sequence[RecallSuggestion]:
    """Return the recalls that some measurements suggested, the oldest first."""
    row = RecallSuggestion
    return session.exec(
        select(row).where(col(row.found_by_id).in_(calibration_ids)).order_by(col(row.recall_id))
    ).all()


def calibrations(
    session: TenantSession, recall_id: UUID
) -> Sequence[tuple[RecallCalibration, Calibration, Item]]:
    """Return the calibrations that a recall affects, with their items, by day."""
    row = RecallCalibration
    return session.exec(
        select(row, Calibration, Item)
        .join(Calibration, col(Calibration.id) == row.calibration_id)
        .join(Item, col(Item.id) == row.item_id)
        .where(row.recall_id == recall_id)
        .order_by(col(Calibration.performed_on), col(Calibration.id))
    ).all()


def cases(session: TenantSession, recall_id: UUID) -> Sequence[RecallCase]:
    """Return the results that a recall affects, those most likely nonconforming first."""
    row = RecallCase
    found = session.exec(select(row).where(row.recall_id == recall_id)).all()
    return sorted(
        found,
        key=lambda case: (
            not is_overturned(case),
            -(case.probability_of_nonconformity or 0),
            case.result_id,
        ),
    )


def is_overturned(case: RecallCase) -> bool:
    """Return whether a result conformed as recorded and no longer does."""
    return (case.recorded_verdict, case.corrected_verdict) == ("conforming", "nonconforming")


def closings(session: TenantSession, recall_id: UUID) -> Sequence[RecallClosing]:
    """Return how items of a recall were settled."""
    return session.exec(select(RecallClosing).where(RecallClosing.recall_id == recall_id)).all()


def letters(session: TenantSession, recall_id: UUID) -> Sequence[Dispatch]:
    """Return what was sent about a recall: a row for each calibration that a letter told of."""
    about = select(Dispatch.delivery_id).where(Dispatch.subject_id == recall_id)
    return session.exec(
        select(Dispatch)
        .where(col(Dispatch.delivery_id).in_(about), Dispatch.subject_id != recall_id)
        .order_by(col(Dispatch.sent_at))
    ).all()


def standard(session: TenantSession, row: RecallRecord) -> Calibration | PublishedCalibration:
    """Return the faulty calibration of a recall, of the book or of the reference layer."""
    if row.calibration_id is not None:
        return session.get_one(Calibration, (session.organization_id, row.calibration_id))
    return session.get_one(PublishedCalibration, row.published_id)


def calibration_named(session: TenantSession, name: UUID | str) -> UUID:
    """Return the id of a calibration by that id or by the number of its certificate.

    Raises:
        NotFound: neither the book nor the reference layer has it.
    """
    if isinstance(name, UUID):
        return name
    for table in (Calibration, PublishedCalibration):
        found = session.exec(select(table.id).where(table.certificate_number == name)).first()
        if found is not None:
            return found
    issued = certificate_store.by_number(session, name)
    return certificate_store.calibrations_of(session, issued.id)[0]


def certificate_number(
    session: TenantSession, row: Calibration | PublishedCalibration
) -> str | None:
    """Return the number of the certificate that tells of a calibration; None if there is none."""
    if row.certificate_number is not None or isinstance(row, PublishedCalibration):
        return row.certificate_number
    certificate = certificate_store.of_calibration(session, row.id)
    return certificate.number if certificate else None


def items_of(
    session: TenantSession, calibration_ids: Iterable[UUID]
) -> dict[UUID, tuple[UUID, UUID | None]]:
    """Return item and customer of those calibrations that the book has of an item."""
    ids = tuple(calibration_ids)
    found: dict[UUID, tuple[UUID, UUID | None]] = {}
    for start in range(0, len(ids), AT_ONCE):
        rows = session.exec(
            select(Calibration.id, Item.id, Item.customer_id)
            .join(Item, col(Item.id) == Calibration.item_id)
            .where(col(Calibration.id).in_(ids[start : start + AT_ONCE]))
        )
        found |= {id_: (item_id, customer_id) for id_, item_id, customer_id in rows}
    return found
