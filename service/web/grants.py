"""Grants as pages: what the own book lets regulators read, and the books that others opened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from service import permissions, regulated
from service.actions import grants as actions
from service.auth import Acting, Reading, Transaction
from service.clock import LEGAL_TIME, Now, Today, day_of
from service.errors import InvalidField, NotFound
from service.store import calibrations as calibration_store
from service.store import certificates as certificate_store
from service.store import grants as store
from service.store import items as item_store
from service.store import organizations as organization_store
from service.store.grants import GrantState
from service.tenancy import PARTS, GrantedSession, TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.loading import bilingual, findings_of_granted
from service.web.views import Bilingual, FindingsPage

router = APIRouter(include_in_schema=False)

ROWS_A_PAGE = 50
Part = Literal["items", "calibrations", "certificates", "findings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRow:
    """A grant of the own book; `until` is its last day, `ended_on` the day it was taken back."""

    grant_id: UUID
    grantee: Bilingual
    parts: tuple[str, ...]
    since: date
    until: date
    state: GrantState
    reason: str
    ended_on: date | None
    ending_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsPage:
    """The grants of the own book; `wrong` is the field that was refused."""

    rows: tuple[GrantRow, ...]
    regulators: tuple[tuple[UUID, Bilingual], ...]
    parts: tuple[str, ...]
    until: date
    may_change: bool
    wrong: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRow:
    """A book that is open now."""

    organization_id: UUID
    name: Bilingual
    kind: str
    parts: tuple[str, ...]
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksPage:
    """The books that others opened to the own organization."""

    rows: tuple[BookRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRow:
    """An item, a calibration or a certificate of a granted book; `on` is its day."""

    name: Bilingual | None = None
    number: str = ""
    detail: str = ""
    laboratory: Bilingual | None = None
    on: date | None = None
    until: date | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookPage:
    """One part of a granted book; `findings` where that is the part, `rows` otherwise."""

    organization_id: UUID
    name: Bilingual
    parts: tuple[str, ...]
    part: str
    until: date
    rows: tuple[ReadRow, ...] = ()
    findings: FindingsPage | None = None
    next_after: UUID | None = None

    def more(self) -> str:
        """Return the address of the rows behind these."""
        address = addresses.regulated_book(self.organization_id, self.part)
        return f"{address}?{urlencode({'after': self.next_after})}"


TEMPLATES |= {
    GrantsPage: "grants.html",
    BooksPage: "regulated_books.html",
    BookPage: "regulated_book.html",
}


# --- The own book --------------------------------------------------------------------------------


@router.get(addresses.GRANTS_ROUTE)
def show_grants(
    request: Request, session: Reading, actor: Acting, now: Now, today: Today
) -> HTMLResponse:
    """Show which regulators may read the own book, which parts and until when."""
    may_change = permissions.needed("POST", "grants") in actor.allowed
    return render_page(request, _grants_page(session, now, today, may_change=may_change))


@router.post(addresses.GRANTS_ROUTE)
def give_grant(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    today: Today,
    grantee_id: Annotated[UUID, Form()],
    until: Annotated[date, Form()],
    reason: Annotated[str, Form(max_length=500)] = "",
    parts: Annotated[tuple[Part, ...], Form()] = (),
) -> HTMLResponse:
    """Let a regulator read parts of the own book to the end of a day, in Chinese time."""
    wrong = None
    try:
        actions.give(
            session, grantee_id, parts=parts, reason=reason, expires_at=_end_of(until),
            actor_id=actor.person_id, now=now,
        )  # fmt: skip
    except InvalidField as error:
        wrong = error.pointer
    page = _grants_page(session, now, today, may_change=True, wrong=wrong)
    return render_page(request, page, status=422 if wrong else 200)


@router.post(addresses.GRANTS_ROUTE + "/{grant_id}/revocation")
def revoke_grant(
    session: Transaction,
    actor: Acting,
    now: Now,
    grant_id: UUID,
    reason: Annotated[str, Form(min_length=1, max_length=500)],
) -> RedirectResponse:
    """Take a grant back."""
    actions.revoke(session, grant_id, reason=reason, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.GRANTS_ROUTE, 303)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=LEGAL_TIME)


def _last_day(moment: datetime) -> date:
    return day_of(moment - timedelta(microseconds=1))


def _grants_page(
    session: TenantSession,
    now: datetime,
    today: date,
    *,
    may_change: bool,
    wrong: str | None = None,
) -> GrantsPage:
    return GrantsPage(
        rows=tuple(
            GrantRow(
                grant_id=grant.row.id,
                grantee=bilingual(grant.other, "name"),
                parts=_parts([grant]),
                since=day_of(grant.row.starts_at or grant.row.granted_at),
                until=_last_day(grant.row.expires_at),
                state=grant.state(now),
                reason=grant.row.reason or "",
                ended_on=day_of(grant.ending.ended_at) if grant.ending else None,
                ending_reason=grant.ending.reason if grant.ending else "",
            )
            for grant in store.given(session)
        ),
        regulators=tuple(
            (row.id, bilingual(row, "name"))
            for row in organization_store.all_of_them(session)
            if row.kind == "regulator" and row.id != session.organization_id
        ),
        parts=tuple(PARTS),
        until=date(today.year, 12, 31),
        may_change=may_change,
        wrong=wrong,
    )


# --- The books of others -------------------------------------------------------------------------


@router.get(addresses.REGULATED_BOOKS_ROUTE)
def show_books(request: Request, session: Reading, now: Now) -> HTMLResponse:
    """Show the books that are open to the own organization now."""
    rows = tuple(
        BookRow(
            organization_id=holder.id,
            name=bilingual(holder, "name"),
            kind=holder.kind,
            parts=_parts(grants),
            until=_last_day(max(grant.row.expires_at for grant in grants)),
        )
        for holder, grants in store.open_books(session, at=now)
    )
    return render_page(request, BooksPage(rows=rows))


@router.get(addresses.REGULATED_BOOK_ROUTE)
def show_book(
    request: Request,
    session: Reading,
    actor: Acting,
    now: Now,
    today: Today,
    organization_id: UUID,
    part: Part,
    after: UUID | None = None,
) -> HTMLResponse:
    """Show one part of a granted book; that it was looked at is told in both books."""
    grants = store.in_force(session, organization_id, at=now)
    if not grants:
        raise NotFound("granted book", organization_id)
    holder, parts = grants[0].other, _parts(grants)
    until = _last_day(max(grant.row.expires_at for grant in grants))
    what = part + (f"?after={after}" if after else "")
    engine = request.app.state.engine
    with regulated.granted(engine, actor, organization_id, part, what=what, now=now) as book:
        page = BookPage(
            organization_id=organization_id, name=bilingual(holder, "name"), parts=parts,
            part=part, until=until,
            findings=findings_of_granted(book, on=today, known_at=now)
            if part == "findings" else None,
        )  # fmt: skip
        rows = _rows(book, part, after)
    shown = rows[:ROWS_A_PAGE]
    page = replace(
        page,
        rows=tuple(row for _, row in shown),
        next_after=shown[-1][0] if len(rows) > len(shown) else None,
    )
    return render_page(request, page)


def _parts(grants: Sequence[store.Grant]) -> tuple[str, ...]:
    """Return the parts that grants let read, in the order of the pages."""
    granted = store.parts_of(grants)
    return tuple(part for part in PARTS if part in granted)


def _rows(book: GrantedSession, part: Part, after: UUID | None) -> list[tuple[UUID, ReadRow]]:
    """Return one more row than a page shows, each with its id."""
    limit = ROWS_A_PAGE + 1
    if part == "items":
        return [
            (
                row.id,
                ReadRow(name=bilingual(row, "name"), number=row.serial_number,
                        detail=row.type_designation, state=row.status),
            )
            for row in item_store.page(book, after=after, limit=limit)
        ]  # fmt: skip
    if part == "calibrations":
        return [
            (
                row.id,
                ReadRow(name=bilingual(row, "item_name"), number=row.certificate_number or "",
                        detail=row.procedure_code or "", laboratory=bilingual(row, "laboratory"),
                        on=row.performed_on, until=row.valid_until),
            )
            for row in calibration_store.page(book, after=after, limit=limit)
        ]  # fmt: skip
    if part == "certificates":
        return [
            (row.id, ReadRow(number=row.number, on=day_of(row.issued_at), state=row.status))
            for row in certificate_store.page(book, after=after, limit=limit)
        ]
    return []
