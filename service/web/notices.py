"""Notices: what others say became of results that the own book holds, as a list and as letters."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from service.actions import notices as actions
from service.actions.notice_documents import (
    EndNotice,
    OutOfToleranceNotice,
    ToldAffected,
    ToldUnjudged,
    read_notice,
)
from service.auth import Acting, Reading, Transaction
from service.clock import Now, day_of
from service.store import notices as store
from service.tables.calibrations import Calibration
from service.tables.exchange import Delivery, DeliveryReceipt
from service.tables.organizations import Organization
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.telling import decimal
from service.web.views import Bilingual
from traceability.impact import DriftAssumption, Verdict

router = APIRouter(include_in_schema=False)

NOTICES_A_PAGE = 50
ERROR_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """One notice of the list; `taken_in_on` None: it waits."""

    notice_id: UUID
    kind: str
    sender: Bilingual
    message: Bilingual
    sent_on: date
    taken_in_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesPage:
    """The notices of the inbox; `waiting` of all of them are not taken in."""

    rows: tuple[NoticeRow, ...]
    total: int
    waiting: int
    next_before: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRow:
    """One affected result of a letter; without a unit one that its sender cannot judge."""

    item: Bilingual
    certificate_number: str | None
    unit: str | None = None
    value: Decimal | None = None
    error: Decimal | None = None
    shift: Decimal | None = None
    corrected_error: Decimal | None = None
    limit: Decimal | None = None
    recorded_verdict: Verdict = Verdict.UNKNOWN
    corrected_verdict: Verdict = Verdict.UNKNOWN
    chance: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice as it is read and printed.

    Attributes:
        sent_on: None for one that is not sent yet.
        reference: the sender's recall, to be named in an answer.
        as_found: (value, error) in `unit`, of an out-of-tolerance notice.
    """

    kind: str
    sender: Bilingual
    sender_address: str
    recipient: Bilingual
    sent_on: date | None
    message: Bilingual
    ended: tuple[Bilingual, ...] = ()
    reference: UUID | None = None
    standard: Bilingual | None = None
    standard_certificate: str | None = None
    last_good_on: date | None = None
    found_on: date | None = None
    assumption: DriftAssumption | None = None
    unit: str = ""
    as_found: tuple[tuple[Decimal, Decimal], ...] = ()
    rows: tuple[LetterRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePage:
    """One notice of the inbox; `concerned` are the calibrations of the own book it tells of.

    `certificates` are those that ended, each with the number of the one that amends it.
    """

    notice_id: UUID
    letter: Letter
    taken_in_on: date | None
    concerned: tuple[tuple[UUID, Bilingual], ...]
    certificates: tuple[tuple[str, str | None], ...]


TEMPLATES[NoticesPage] = "notices.html"
TEMPLATES[NoticePage] = "notice.html"


@router.get(addresses.NOTICES_ROUTE)
def show_notices(request: Request, session: Reading, before: UUID | None = None) -> HTMLResponse:
    """Show what came, the newest first."""
    rows = store.received(session, limit=NOTICES_A_PAGE + 1, before=before)
    total, waiting = store.count(session)
    shown = rows[:NOTICES_A_PAGE]
    view = NoticesPage(
        rows=tuple(_row(session, row, receipt) for row, receipt in shown),
        total=total,
        waiting=waiting,
        next_before=shown[-1][0].id if len(rows) > len(shown) else None,
    )
    return render_page(request, view)


@router.get(addresses.NOTICE_ROUTE)
def show_notice(request: Request, session: Reading, notice_id: UUID) -> HTMLResponse:
    """Show one notice as the letter that it is."""
    row, receipt = store.get(session, notice_id)
    said = read_notice(row.version, row.content)
    view = NoticePage(
        notice_id=notice_id,
        letter=letter_of(
            said,
            sender=session.get_one(Organization, row.sender_id),
            recipient=session.get_one(Organization, session.organization_id),
            sent_on=day_of(row.sent_at),
            names=_names(session, said),
        ),
        taken_in_on=day_of(receipt.taken_in_at) if receipt else None,
        concerned=tuple(_names(session, said).items()),
        certificates=tuple((told.number, told.amended_by) for told in said.certificates)
        if isinstance(said, EndNotice)
        else (),
    )
    return render_page(request, view)


@router.post(addresses.NOTICE_RECEIPT_ROUTE)
def take_in_notice(
    session: Transaction, actor: Acting, now: Now, notice_id: UUID
) -> RedirectResponse:
    """Take a notice into the own book, and show it again."""
    actions.take_in(session, notice_id, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.notice(notice_id), 303)


def letter_of(
    said: EndNotice | OutOfToleranceNotice,
    *,
    sender: Organization,
    recipient: Organization,
    sent_on: date | None,
    names: dict[UUID, Bilingual],
) -> Letter:
    """Return a notice as a letter; `names` are those of calibrations that the reader knows."""
    message = Bilingual(zh=said.message_zh, en=said.message_en)
    if isinstance(said, EndNotice):
        return Letter(
            kind=said.kind,
            sender=_named(sender),
            sender_address=sender.address,
            recipient=_named(recipient),
            sent_on=sent_on,
            message=message,
            ended=tuple(names.values()),
        )
    return Letter(
        kind=said.kind,
        sender=_named(sender),
        sender_address=sender.address,
        recipient=_named(recipient),
        sent_on=sent_on,
        message=message,
        reference=said.recall_id,
        standard=Bilingual(zh=said.standard_zh, en=said.standard_en),
        standard_certificate=said.certificate_number,
        last_good_on=said.last_good_on,
        found_on=said.found_on,
        assumption=DriftAssumption(said.assumption),
        unit=said.unit,
        as_found=tuple((decimal(value), decimal(error)) for value, error in said.as_found),
        rows=(*map(_affected, said.affected), *map(_unjudged, said.unjudged)),
    )


def _row(session: TenantSession, row: Delivery, receipt: DeliveryReceipt | None) -> NoticeRow:
    said = read_notice(row.version, row.content)
    return NoticeRow(
        notice_id=row.id,
        kind=said.kind,
        sender=_named(session.get_one(Organization, row.sender_id)),
        message=Bilingual(zh=said.message_zh, en=said.message_en),
        sent_on=day_of(row.sent_at),
        taken_in_on=day_of(receipt.taken_in_at) if receipt else None,
    )


def _names(session: TenantSession, said: EndNotice | OutOfToleranceNotice) -> dict[UUID, Bilingual]:
    """Return the calibrations of the book that a notice tells of, by the names of their items."""
    told = said.calibrations if isinstance(said, EndNotice) else (*said.affected, *said.unjudged)
    names = {}
    for calibration_id in dict.fromkeys(one.calibration_id for one in told):
        row = session.get(Calibration, (session.organization_id, calibration_id))
        if row is not None:
            names[row.id] = Bilingual(zh=row.item_name_zh, en=row.item_name_en)
    return names


def _named(organization: Organization) -> Bilingual:
    return Bilingual(zh=organization.name_zh, en=organization.name_en)


def _unjudged(one: ToldUnjudged) -> LetterRow:
    return LetterRow(
        item=Bilingual(zh=one.item_name_zh, en=one.item_name_en),
        certificate_number=one.certificate_number,
    )


def _affected(one: ToldAffected) -> LetterRow:
    return LetterRow(
        item=Bilingual(zh=one.item_name_zh, en=one.item_name_en),
        certificate_number=one.certificate_number,
        unit=one.unit,
        value=decimal(one.value),
        error=rounded(one.error),
        shift=rounded(one.shift),
        corrected_error=rounded(one.corrected_error),
        limit=rounded(one.maximum_permissible_error),
        recorded_verdict=Verdict(one.recorded_verdict),
        corrected_verdict=Verdict(one.corrected_verdict),
        chance=percent(one.probability_of_nonconformity),
    )


def rounded(value: float | None) -> Decimal | None:
    """Return an error for reading; None stays unknown."""
    return None if value is None else decimal(value, ERROR_DIGITS)


def percent(probability: float | None) -> Decimal | None:
    """Return a probability in percent, to one tenth; None stays unknown."""
    return None if probability is None else Decimal(f"{100 * probability:.1f}")
