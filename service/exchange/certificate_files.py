"""A certificate's file from outside, a DCC or a PDF that carries one, and what it gives a book."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from certificates.dcc import read_dcc
from certificates.dcc.document import ReadCertificate
from certificates.intake import Recovered, recover
from certificates.numbers import normalize_serial_number
from certificates.pdf.attachments import PDF_MAGIC, attached_dcc
from service.actions import intake
from service.actions.intake import Confirmed, MatchedStandard
from service.dcc_schemas import errors_of
from service.errors import InvalidField
from service.exchange.bundles import ZIP_MAGIC, bundled_dcc
from service.store import documents as store
from service.store import items as item_store
from service.tables.documents import ReceivedDocument
from service.tables.items import Item
from service.tables.people import Person
from service.tenancy import TenantSession


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """What a file is and says.

    Attributes:
        schema_errors: what PTB's schema of its own version finds wrong; None where no schema of it
            is here.
    """

    media_type: str
    certificate: ReadCertificate
    schema_errors: tuple[str, ...] | None


def read_certificate_file(content: bytes, *, schemas: Path | None) -> ReadFile:
    """Return what a certificate's file says, whatever its schema finds wrong.

    Args:
        schemas: the folder of PTB's schemas, `dcc/v3.3.0/dcc.xsd` and so on; None to ask none.

    Raises:
        DccUnreadable: it is no digital calibration certificate, nor a PDF or a bundle with one.
    """
    document, media_type = content, "application/xml"
    if content.startswith(PDF_MAGIC):
        document, media_type = attached_dcc(content), "application/pdf"
    elif content.startswith(ZIP_MAGIC):
        document, media_type = bundled_dcc(content), "application/zip"
    certificate = read_dcc(document)
    return ReadFile(
        media_type=media_type,
        certificate=certificate,
        schema_errors=errors_of(document, certificate.schema_version, schemas),
    )


def receive(
    session: TenantSession, content: bytes, *, name: str, person_id: UUID, now: datetime
) -> ReceivedDocument:
    """Keep a file that is, or carries, a digital certificate.

    Raises:
        InvalidField: no file was sent.
        DccUnreadable: no certificate can be read from it; nothing is kept.
    """
    if not content:
        raise InvalidField("/file", "no file was sent")
    read = read_certificate_file(content, schemas=None)
    person = session.get_one(Person, (session.organization_id, person_id))
    return intake.receive(
        session, content, name=name, media_type=read.media_type, person=person, now=now
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a received file would give the book.

    Attributes:
        recovered: what the certificate says.
        items: those of the ledger that carry a serial number which it names.
        standards: what is known here of the standards that it names.
        entered: the calibrations that were entered from it already.
    """

    document: ReceivedDocument
    file: ReadFile
    recovered: Recovered
    items: tuple[Item, ...]
    standards: tuple[MatchedStandard, ...]
    entered: tuple[UUID, ...]


def preview(
    session: TenantSession,
    document: ReceivedDocument,
    *,
    schemas: Path | None,
    coverage_factor: Decimal | None = None,
) -> Preview:
    """Return what a received file would give the book; nothing is written.

    Args:
        coverage_factor: of expanded uncertainties that state none.

    Raises:
        DccUnreadable: no certificate can be read from it.
    """
    file = read_certificate_file(document.content, schemas=schemas)
    recovered = recover(file.certificate, coverage_factor=coverage_factor)
    on = recovered.performed_on or date.max
    return Preview(
        document=document,
        file=file,
        recovered=recovered,
        items=tuple(_items(session, recovered)),
        standards=intake.match_standards(session, recovered.standards, on=on),
        entered=tuple(store.calibrations_from(session, document.id)),
    )


def _items(session: TenantSession, recovered: Recovered) -> Iterator[Item]:
    numbers = [number for item in recovered.items for number in item.serial_numbers]
    spellings = dict.fromkeys((*numbers, *map(normalize_serial_number, numbers)))
    found = (item for typed in spellings for item in item_store.by_serial_number(session, typed))
    yield from {item.id: item for item in found}.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person says to a preview: which item it is, and what the certificate leaves open.

    `None` keeps what the certificate says.
    """

    item_id: UUID
    kind: str = "calibration"
    recognized: bool = False
    performed_on: date | None = None
    valid_until: date | None = None
    procedure_code: str | None = None


def confirmed(seen: Preview, choice: Choice) -> Confirmed:
    """Return what is entered of a certificate, as a person confirmed it.

    Raises:
        InvalidField: the certificate names no day of the work, and the person gave none.
    """
    recovered = seen.recovered
    performed_on = choice.performed_on or recovered.performed_on
    if performed_on is None:
        raise InvalidField("/performed_on", "the certificate names no day of the work")
    procedures = recovered.procedures
    return Confirmed(
        item_id=choice.item_id,
        kind=choice.kind,
        number=recovered.number,
        laboratory=recovered.laboratory,
        performed_on=performed_on,
        valid_until=choice.valid_until or recovered.valid_until,
        procedure_code=choice.procedure_code or (procedures[0] if procedures else None),
        results=intake.results_of(recovered),
        standards=recovered.standards,
        recognized=choice.recognized,
        statement=intake.statement_of(recovered),
        is_demonstration=recovered.is_demonstration,
        replaces=recovered.replaces,
    )
