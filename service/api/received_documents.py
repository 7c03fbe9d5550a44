"""Certificates from off-platform: a file is received, and its facts become a calibration."""

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, status
from fastapi.concurrency import run_in_threadpool
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from certificates.intake import LeftOut, RecoveredResult
from certificates.wording import Bilingual
from procedures.conformity import Verdict
from service.actions import calibrations, intake
from service.actions.intake import Confirmed
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.exchange import certificate_files
from service.exchange.certificate_files import Choice, Preview
from service.store import documents as store
from service.tenancy import TenantSession
from service.uploads import Upload, read_upload

router = APIRouter(tags=["received-documents"])

FILE = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            }
        },
    }
}
CoverageFactor = Annotated[
    Decimal | None,
    Query(ge=1, le=10, description="Of expanded uncertainties that state none."),
]


class ResultTaken(SQLModel):
    """A result as it would be recorded; `nominal` is None where the certificate states none."""

    is_error: bool
    name_zh: str
    name_en: str
    unit: str
    nominal: str | None
    estimate: str
    expanded_uncertainty: str | None
    coverage_factor: str | None
    coverage_probability: str | None
    standard_uncertainty: str | None
    maximum_permissible_error: str | None
    verdict: Verdict | None
    stage: str | None


class StandardNamed(SQLModel):
    """A standard that the certificate names; `is_known` if its calibration is here."""

    name_zh: str
    name_en: str
    certificate_number: str
    is_known: bool


class ItemFound(SQLModel):
    """An item of the ledger with a serial number that the certificate names."""

    id: UUID
    name_zh: str
    name_en: str
    serial_number: str


class ReceivedAnswer(SQLModel):
    """A received certificate and what it would give the book.

    `schema_errors` is what PTB's schema finds wrong, None where no schema of its version is here;
    `replaces` the number of the certificate that it amends, whose calibration is superseded when
    this one is entered; `left_out` how many numbers are not taken over, by reason; `entered` the
    calibrations that were entered from it.
    """

    id: UUID
    sha256: str
    media_type: str
    schema_version: str
    schema_errors: list[str] | None
    is_signed: bool
    number: str
    replaces: str | None
    laboratory_zh: str
    laboratory_en: str
    performed_on: date | None
    valid_until: date | None
    procedures: list[str]
    verdict: Verdict | None
    results: list[ResultTaken]
    standards: list[StandardNamed]
    items: list[ItemFound]
    left_out: dict[LeftOut, int]
    problems: list[str]
    entered: list[UUID]


class ChoiceAsked(SQLModel):
    """Which item a received certificate is of, and what it leaves open."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)  # type: ignore[assignment]

    item_id: UUID
    kind: str = Field(default="calibration", pattern="^(calibration|verification|certification)$")
    recognized: bool = False
    performed_on: date | None = None
    valid_until: date | None = None
    procedure_code: str | None = Field(default=None, max_length=100)
    coverage_factor: Decimal | None = Field(default=None, ge=1, le=10)


class PaperResultAsked(SQLModel):
    """A result as the paper says it; numbers are text, for their digits count."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)  # type: ignore[assignment]

    measurand: str = Field(pattern="^(error_of_indication|value)$")
    unit: str = Field(max_length=30)
    nominal: Decimal
    estimate: Decimal
    expanded_uncertainty: Decimal | None = None
    coverage_factor: float | None = None
    coverage_probability: float | None = None
    degrees_of_freedom: float | None = None
    maximum_permissible_error: Decimal | None = None


class PaperAsked(SQLModel):
    """A certificate on paper, typed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)  # type: ignore[assignment]

    item_id: UUID
    kind: str = Field(default="calibration", pattern="^(calibration|verification|certification)$")
    number: str = Field(min_length=1, max_length=100)
    laboratory_zh: str = Field(min_length=1, max_length=200)
    laboratory_en: str = Field(min_length=1, max_length=200)
    performed_on: date
    valid_until: date | None = None
    procedure_code: str | None = Field(default=None, max_length=100)
    recognized: bool = False
    results: list[PaperResultAsked] = Field(min_length=1, max_length=2000)


class EnteredAnswer(SQLModel):
    """The calibration that was entered."""

    calibration_id: UUID


@router.post("/received-documents", status_code=status.HTTP_201_CREATED, openapi_extra=FILE)
async def receive_document(
    request: Request, session: Transaction, actor: Acting, now: Now
) -> ReceivedAnswer:
    """Receive a certificate's file, DCC 2.3 to 3.x or a PDF that carries one, and say what it says.

    The file is kept byte for byte; the same file again is the same document. What its schema finds
    wrong is told and nothing is lost for it. Nothing is entered yet.
    """
    upload = await read_upload(request)
    return await run_in_threadpool(_received, request, session, actor.person_id, upload, now)


def _received(
    request: Request, session: TenantSession, person_id: UUID, upload: Upload, now: Now
) -> ReceivedAnswer:
    schemas = request.app.state.settings.dcc_schema_dir
    document = certificate_files.receive(
        session, upload.content, name=upload.name, person_id=person_id, now=now
    )
    return _answer(certificate_files.preview(session, document, schemas=schemas))


@router.get("/received-documents/{document_id}")
def get_received_document(
    request: Request,
    session: Reading,
    document_id: UUID,
    coverage_factor: CoverageFactor = None,
) -> ReceivedAnswer:
    """Say what a received certificate would give the book."""
    return _answer(
        certificate_files.preview(
            session,
            store.get(session, document_id),
            schemas=request.app.state.settings.dcc_schema_dir,
            coverage_factor=coverage_factor,
        )
    )


@router.post("/received-documents/{document_id}/calibrations", status_code=status.HTTP_201_CREATED)
def enter_received_certificate(
    session: Transaction, actor: Acting, now: Now, document_id: UUID, asked: ChoiceAsked
) -> EnteredAnswer:
    """Enter the calibration that a received certificate tells of; nothing of it is retyped.

    The standards that it names become its references where their certificates are known here.
    """
    document = store.get(session, document_id)
    seen = certificate_files.preview(
        session, document, schemas=None, coverage_factor=asked.coverage_factor
    )
    choice = Choice(**asked.model_dump(exclude={"coverage_factor"}))
    row = intake.enter(
        session,
        certificate_files.confirmed(seen, choice),
        document=document,
        entered_by=actor.person_id,
        now=now,
    )
    return EnteredAnswer(calibration_id=row.id)


@router.post("/external-calibrations", status_code=status.HTTP_201_CREATED)
def enter_paper_certificate(
    session: Transaction, actor: Acting, now: Now, asked: PaperAsked
) -> EnteredAnswer:
    """Enter the calibration of a certificate on paper."""
    facts = asked.model_dump(exclude={"laboratory_zh", "laboratory_en", "results"})
    row = intake.enter(
        session,
        Confirmed(
            **facts,
            laboratory=Bilingual(asked.laboratory_zh, asked.laboratory_en),
            results=tuple(calibrations.Result(**result.model_dump()) for result in asked.results),
        ),
        document=None,
        entered_by=actor.person_id,
        now=now,
    )
    return EnteredAnswer(calibration_id=row.id)


def _answer(seen: Preview) -> ReceivedAnswer:
    recovered, errors = seen.recovered, seen.file.schema_errors
    return ReceivedAnswer(
        id=seen.document.id,
        sha256=seen.document.sha256,
        media_type=seen.document.media_type,
        schema_version=seen.file.certificate.schema_version,
        schema_errors=None if errors is None else list(errors),
        is_signed=seen.file.certificate.is_signed,
        number=recovered.number,
        replaces=recovered.replaces or None,
        laboratory_zh=recovered.laboratory.zh,
        laboratory_en=recovered.laboratory.en,
        performed_on=recovered.performed_on,
        valid_until=recovered.valid_until,
        procedures=list(recovered.procedures),
        verdict=recovered.verdict,
        results=[_taken(row) for row in recovered.results],
        standards=[
            StandardNamed(
                name_zh=standard.named.name.zh,
                name_en=standard.named.name.en,
                certificate_number=standard.named.certificate_number,
                is_known=standard.is_known,
            )
            for standard in seen.standards
        ],
        items=[
            ItemFound(
                id=item.id,
                name_zh=item.name_zh,
                name_en=item.name_en,
                serial_number=item.serial_number,
            )
            for item in seen.items
        ],
        left_out=dict(recovered.left_out),
        problems=list(recovered.problems),
        entered=list(seen.entered),
    )


def _taken(row: RecoveredResult) -> ResultTaken:
    return ResultTaken(
        is_error=row.is_error,
        name_zh=row.name.zh,
        name_en=row.name.en,
        unit=row.unit,
        nominal=_text(row.nominal),
        estimate=str(row.estimate),
        expanded_uncertainty=_text(row.expanded_uncertainty),
        coverage_factor=_text(row.coverage_factor),
        coverage_probability=_text(row.coverage_probability),
        standard_uncertainty=_text(row.standard_uncertainty),
        maximum_permissible_error=_text(row.maximum_permissible_error),
        verdict=row.verdict,
        stage=row.stage,
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
