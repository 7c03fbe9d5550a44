"""Books that their organizations opened to this regulator: read, never written, always audited."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from sqlmodel import SQLModel

from service import answers, regulated
from service.api.calibrations import CalibrationAnswer
from service.api.certificates import CERTIFICATE_FORMS, certificate_in_form
from service.api.items import ItemSummary
from service.api.paging import FORMS, Asked, AskedPart, answered, part_of
from service.auth import Acting, Reading
from service.clock import Now, Today
from service.store import calibrations as calibration_store
from service.store import certificates as certificate_store
from service.store import grants as store
from service.store import items as item_store
from service.tenancy import GrantedSession

router = APIRouter(prefix="/regulated-books", tags=["regulated-books"])
book = APIRouter(prefix="/regulated-books/{organization_id}", tags=["regulated-books"])


class BookAnswer(SQLModel):
    """A book that is open now: whose, which parts of it, and until when the last of them."""

    organization_id: UUID
    code: str
    name_zh: str
    name_en: str
    kind: str
    parts: list[str]
    expires_at: datetime


class CertificateOfBook(SQLModel):
    """A certificate that the book holds; `status` is what became of it last."""

    id: UUID
    number: str
    kind: str
    issued_at: datetime
    status: str
    content_sha256: str


class FindingAnswer(SQLModel):
    """What the audit of the book finds; the ids are those of the book."""

    flaw: str
    calibration_id: UUID | None
    reference_id: UUID | None
    item_ids: list[UUID]
    on: date | None


def opened(part: str) -> Callable[..., Iterator[GrantedSession]]:
    """Return what a route depends on that reads one part of a granted book."""

    def open_(
        request: Request, actor: Acting, now: Now, organization_id: UUID
    ) -> Iterator[GrantedSession]:
        query = f"?{request.url.query}" if request.url.query else ""
        what = request.url.path.partition(f"{organization_id}/")[2] + query
        engine = request.app.state.engine
        with regulated.granted(engine, actor, organization_id, part, what=what, now=now) as session:
            yield session

    return open_


def _granted(part: str) -> Any:
    return Depends(opened(part), scope="function")


Items = Annotated[GrantedSession, _granted("items")]
Calibrations = Annotated[GrantedSession, _granted("calibrations")]
Certificates = Annotated[GrantedSession, _granted("certificates")]
Findings = Annotated[GrantedSession, _granted("findings")]


@router.get("")
def list_regulated_books(session: Reading, now: Now) -> list[BookAnswer]:
    """Return the books that are open to the own organization now, by code."""
    return [
        BookAnswer(
            organization_id=holder.id,
            **holder.model_dump(include={"code", "name_zh", "name_en", "kind"}),
            parts=list(store.parts_of(grants)),
            expires_at=max(grant.row.expires_at for grant in grants),
        )
        for holder, grants in store.open_books(session, at=now)
    ]


@book.get("/items", response_model=list[ItemSummary], responses=FORMS)
def list_items_of_granted_book(request: Request, session: Items, page: Asked) -> Response:
    """Return the items of a granted book by id, a page at a time; as CSV or JSON lines all."""
    return answered(
        request, session, page,
        lambda after, limit: item_store.page(session, after=after, limit=limit),
        ItemSummary,
    )  # fmt: skip


@book.get("/calibrations", response_model=list[CalibrationAnswer], responses=FORMS)
def list_calibrations_of_granted_book(
    request: Request, session: Calibrations, page: Asked
) -> Response:
    """Return the calibrations of a granted book by id: its own, received and cited ones."""
    return answered(
        request, session, page,
        lambda after, limit: calibration_store.page(session, after=after, limit=limit),
        CalibrationAnswer,
    )  # fmt: skip


@book.get("/certificates", response_model=list[CertificateOfBook], responses=FORMS)
def list_certificates_of_granted_book(
    request: Request, session: Certificates, page: Asked
) -> Response:
    """Return the certificates that a granted book holds, by id, with what became of each."""
    return answered(
        request, session, page,
        lambda after, limit: certificate_store.page(session, after=after, limit=limit),
        CertificateOfBook,
    )  # fmt: skip


@book.get(
    "/certificates/{number}",
    response_class=Response,
    responses=CERTIFICATE_FORMS,
)
def get_certificate_of_granted_book(
    session: Certificates, number: str, accept: Annotated[str, Header()] = "application/json"
) -> Response:
    """Return a certificate of a granted book as JSON, HTML, PDF, DCC XML or log proof."""
    return certificate_in_form(session, number, accept)


@book.get("/findings", response_model=list[FindingAnswer], responses=FORMS)
def list_findings_of_granted_book(
    request: Request, session: Findings, today: Today, now: Now, part: AskedPart
) -> Response:
    """Return what the audit finds in a granted book and the reference layer behind it, today."""
    found = answers.audit_book(session, on=today, known_at=now)
    return part_of(request, list(found), part, FindingAnswer)
