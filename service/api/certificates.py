"""Certificates: found by a serial number, and told in the form that is asked for."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic_core import to_json
from sqlmodel import SQLModel

from certificates.html import stylesheet
from service import auth
from service.api.paging import FORMS, Asked, Since, answered
from service.auth import Reading
from service.errors import FormNotThere
from service.store import certificates as store
from service.store import directory
from service.tenancy import TenantSession
from service.throttle import LOOK_UPS, throttled

router = APIRouter(prefix="/certificates", tags=["certificates"])

MEDIA_TYPES = {
    "application/json": "json",
    "text/html": "html",
    "application/pdf": "pdf",
    "application/xml": "xml",
    "text/plain": "proof",
}
AS_JSON = {
    "application/json": {  # as `certificates.content` has it
        "schema": {"type": "object", "required": ["kind", "number"]},
        "example": {
            "kind": "calibration_certificate",
            "number": "LAB-2026-00041-M",
            "issued_on": "2026-11-21",
            "item": {"name_en": "Pressure gauge", "serial_number": "0083105"},
        },
    }
}
CERTIFICATE_FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {form: {} for form in MEDIA_TYPES} | AS_JSON}
}


class CertificateSummary(SQLModel):
    """What the public directory tells of a certificate: never the customer."""

    number: str
    kind: str
    status: str
    issued_on: date
    valid_until: date | None
    issuer_zh: str
    issuer_en: str
    item_name_zh: str
    item_name_en: str
    manufacturer_zh: str
    manufacturer_en: str
    type_designation: str
    content_sha256: str
    is_demonstration: bool


class CertificateHeld(SQLModel):
    """A certificate that the own book holds, issued or received, and what became of it last.

    No certificate is ever deleted: one that was amended, withdrawn or voided has that `status`
    since `status_at`, so that whoever keeps in step by `updated_since` learns of its end.
    """

    id: UUID
    number: str
    kind: str
    issuer_id: UUID
    issued_at: datetime
    content_sha256: str
    amends_id: UUID | None
    calibration_ids: list[UUID]
    status: str
    status_at: datetime
    status_reason: str | None


@router.get(
    "",
    response_model=list[CertificateSummary] | list[CertificateHeld],
    responses=FORMS,
    dependencies=[throttled("look-up", LOOK_UPS)],
)
def find_certificates(
    request: Request,
    page: Asked,
    serial_number: Annotated[
        str | None, Query(min_length=1, max_length=100, examples=["0083105"])
    ] = None,
    updated_since: Since = None,
) -> Response:
    """Find certificates by an item's serial number, or list those of the own book.

    With `serial_number` anyone is told what the public directory has, newest first: none, one or
    many; two makers may have given one serial number, maker and type tell them apart. Without it,
    whoever acts for an organization is told of the certificates in its book, issued and received,
    by id, a page at a time; as CSV or JSON lines all of them.
    """
    state = request.app.state
    if serial_number is not None:
        key = state.keys.of_serial_number(serial_number)
        found = directory.summaries(state.engine, key)
        return Response(to_json(found), media_type="application/json")
    with auth.own_book(request) as session:

        def rows(after: UUID | None, limit: int) -> list[CertificateHeld]:
            held = store.page_with_ends(
                session, after=after, limit=limit, updated_since=updated_since
            )
            return [_of_book(row) for row in held]

        return answered(request, session, page, rows, CertificateHeld)


@router.get("/certificate.css", include_in_schema=False)
def certificate_stylesheet() -> Response:
    """Return the stylesheet that a certificate's HTML form refers to."""
    return Response(stylesheet(), media_type="text/css")


@router.get(
    "/{number}",
    response_class=Response,
    responses=CERTIFICATE_FORMS,
)
def get_certificate(
    session: Reading, number: str, accept: Annotated[str, Header()] = "application/json"
) -> Response:
    """Return a certificate of the own book as JSON, HTML, PDF, DCC XML or log proof, by `Accept`.

    A certificate carried over from the time before the service has no files here: 406.
    """
    return certificate_in_form(session, number, accept)


def certificate_in_form(session: TenantSession, number: str, accept: str) -> Response:
    """Return a certificate of a book in the form that is liked best.

    Raises:
        NotFound: the book holds none of this number.
        FormNotThere: it is not there in any form that is accepted.
    """
    certificate = store.by_number(session, number)
    media_type = preferred(accept)
    form = MEDIA_TYPES[media_type] if media_type else accept
    file = store.file(session, certificate.id, form) if media_type else None
    if file is None:
        raise FormNotThere(certificate.number, form)
    name = f"{certificate.number}.{form}"
    return Response(
        file.content,
        media_type=media_type,
        headers={
            "ETag": f'"{file.sha256}"',
            "Vary": "Accept",
            "Content-Disposition": f'inline; filename="{name}"',
        },
    )


def _of_book(held: store.Held) -> CertificateHeld:
    return CertificateHeld.model_validate(
        held.certificate,
        update={
            "calibration_ids": held.calibration_ids,
            "status": held.status.status,
            "status_at": held.status.recorded_at,
            "status_reason": held.status.reason,
        },
        from_attributes=True,
    )


def preferred(accept: str) -> str | None:
    """Return the form an Accept header likes best (RFC 9110, 12.5.1); None if it takes none.

    >>> preferred("application/pdf, text/html;q=0.9")
    'application/pdf'
    >>> preferred("*/*")
    'application/json'
    """
    best, best_quality = None, 0.0
    for media_type in MEDIA_TYPES:
        quality = max((q for pattern, q in _ranges(accept) if _matches(media_type, pattern)),
                      default=0.0)  # fmt: skip
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _ranges(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for part in accept.split(","):
        pattern, *parameters = (text.strip() for text in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            ranges.append((pattern.lower(), float(quality)))
        except ValueError:
            continue
    return ranges


def _matches(media_type: str, pattern: str) -> bool:
    return pattern in (media_type, "*/*", media_type.split("/", maxsplit=1)[0] + "/*")
