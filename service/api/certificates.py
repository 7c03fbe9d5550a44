"""Certificates: found by a serial number, and told in the form that is asked for."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic_core import to_json
from sqlmodel import SQLModel

from certificates.html import stylesheet
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


@router.get(
    "", response_model=list[CertificateSummary], dependencies=[throttled("look-up", LOOK_UPS)]
)
async def find_certificates(
    request: Request,
    serial_number: Annotated[str, Query(min_length=1, max_length=100, examples=["0083105"])],
) -> Response:
    """Find the certificates of every item with this serial number, newest first.

    None, one or many: two makers may have given one serial number; maker and type tell them apart.
    """
    state = request.app.state
    key = state.keys.of_serial_number(serial_number)
    if state.engine.dialect.name == "sqlite":  # quicker than handing it to a thread
        found = directory.summaries(state.engine, key)
    else:
        found = await run_in_threadpool(directory.summaries, state.engine, key)
    return Response(to_json(found), media_type="application/json")


@router.get("/certificate.css", include_in_schema=False)
def certificate_stylesheet() -> Response:
    """Return the stylesheet that a certificate's HTML form refers to."""
    return Response(stylesheet(), media_type="text/css")


@router.get(
    "/{number}",
    response_class=Response,
    responses={200: {"content": {media_type: {} for media_type in MEDIA_TYPES}}},
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
