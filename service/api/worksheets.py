"""Worksheets: read and written under a version, judged as they are typed, submitted once whole."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response, UploadFile
from pydantic import Field, FiniteFloat
from sqlmodel import SQLModel

from procedures.method import MethodResult
from procedures.worksheet import MOST_POINTS, Course, Judged, Limitation, Row, Sheet
from service import worksheets
from service.actions import environment
from service.actions import worksheets as actions
from service.api.paging import FORMS, Asked, answered
from service.api.work_orders import Strict
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.errors import StaleVersion, VersionMissing
from service.exchange.sheet_file import read_sheet_file, with_readings
from service.exchange.tabular import LARGEST_FILE
from service.store import people as people_store
from service.store import work_orders as store
from service.worksheets import Opened
from traceability.standards import Proposal

router = APIRouter(prefix="/worksheets", tags=["work-orders"])
log = APIRouter(prefix="/environment-readings", tags=["work-orders"])

Cell = Annotated[str, Field(max_length=100)]
Text = Annotated[str, Field(max_length=2000)]
Cells = Annotated[dict[Cell, Cell], Field(max_length=200)]
IfMatch = Annotated[str | None, Header(alias="If-Match")]


class RowIn(Strict):
    """One test point: its nominal value and its readings by symbol, numbers as written."""

    nominal: Cell = ""
    readings: Cells = Field(default={})
    test: Cell = "main"
    conditions: Cells = Field(default={})


class LimitationIn(Strict):
    """For which part of its interval the item is judged (限用), and why."""

    lower: Cell
    upper: Cell
    reason: Text


class SheetIn(Strict):
    """What is written on a worksheet. All numbers are text, with the digits as written.

    `rows` decide on use; of an adjusted item they are as left, and `as_found` what was found.
    Further repeats of a reading `up` are `up#2`, `up#3`. Inspections are `met` or `not_met`.
    `confirmed` holds readings that were suspected and read again, by pointer, as written.
    `remarks` are what the certificate states besides, in both languages, as `deviations_zh` and
    `deviations_en`: `deviations` from the method, `sampling`, `external_results` with their
    `external_provider`, `opinion` with its `opinion_basis`.
    """

    accuracy_class: Cell
    parameters: Cells = Field(default={})
    environment: Cells = Field(default={})
    standard: Cell = ""
    course: Course = Course.MEASURED
    rows: Annotated[list[RowIn], Field(max_length=MOST_POINTS)] = Field(default=[])
    as_found: Annotated[list[RowIn], Field(max_length=MOST_POINTS)] = Field(default=[])
    adjustment: Text = ""
    no_as_found: Text = ""
    limitation: LimitationIn | None = None
    options: Cells = Field(default={})
    inspections: Cells = Field(default={})
    confirmed: Cells = Field(default={})
    remarks: Annotated[dict[Cell, Text], Field(max_length=20)] = Field(default={})


class ReadingName(SQLModel):
    """A reading that the edition asks for at every point."""

    symbol: str
    test: str
    unit: str
    is_repeated: bool
    zh: str
    en: str


class StandardAnswer(SQLModel):
    """A standard that was considered: `reasons` stand against its use, none if it may be used.

    `ratio` is by the edition's rule; `test_uncertainty_ratio` is |MPE| of the item over U.
    """

    calibration_id: UUID
    name_zh: str
    name_en: str
    certificate_number: str | None
    valid_until: str | None
    ratio: float | None
    ratio_limit: float | None
    test_uncertainty_ratio: float | None
    reasons: list[str]


class ProblemAnswer(SQLModel):
    """Why a sheet cannot be submitted yet; `pointer` names the field."""

    pointer: str
    detail: str


class SuspicionAnswer(SQLModel):
    """A reading that looks like a slip; `meant` is what may have been read."""

    pointer: str
    slip: str
    read: str
    expected: str
    meant: str | None


class ValueAnswer(SQLModel):
    """A value calculated at one point, with its limit: an error of indication, a hysteresis."""

    nominal: float
    check: str
    name: str
    reported: str
    limit: float | None
    is_within_limit: bool


class ResultAnswer(SQLModel):
    """What the readings come to: U with its k, and what the edition's rule says of it.

    `capability` is the accredited capability (CMC) that U keeps, null where none is registered;
    `evaluated_uncertainty` what the budget gives; `outside_capability` the nominal values that are
    not covered.
    """

    unit: str
    expanded_uncertainty: float
    evaluated_uncertainty: float
    capability: float | None
    outside_capability: list[float]
    coverage_factor: float
    verdict: str
    values: list[ValueAnswer]


class Evaluation(SQLModel):
    """A sheet judged as it stands; the verdict is undetermined while anything is missing."""

    verdict: str
    problems: list[ProblemAnswer]
    suspicions: list[SuspicionAnswer]
    result: ResultAnswer | None
    as_found: ResultAnswer | None


class WorksheetAnswer(SQLModel):
    """A worksheet as it stands; revision 0 was never saved, and is filled in as far as is known."""

    line_id: UUID
    work_order_id: UUID
    number: str
    item_id: UUID
    state: str
    procedure: str
    unverified: list[str]
    unit: str
    revision: int
    readings: list[ReadingName]
    sheet: dict[str, Any]
    standards: list[StandardAnswer]
    evaluation: Evaluation


class Submitted(SQLModel):
    """What came of a worksheet: the calibration that was recorded, and its verdict."""

    calibration_id: UUID
    verdict: str | None
    performed_on: str


class RevisionAnswer(SQLModel):
    """One revision of a worksheet, as it was saved."""

    revision: int
    person_id: UUID
    saved_at: datetime
    sha256: str
    sheet: dict[str, Any]


@router.get("/{line_id}")
def get_worksheet(session: Reading, now: Now, line_id: UUID, response: Response) -> WorksheetAnswer:
    """Return the worksheet of one item of a work order, with the standards that suit it.

    `ETag` is its version: send it back as `If-Match`.
    """
    opened = worksheets.open_worksheet(session, line_id, now=now)
    response.headers["ETag"] = version(opened.revision)
    return _answer(opened)


@router.put("/{line_id}")
def save_worksheet(
    session: Transaction,
    actor: Acting,
    now: Now,
    line_id: UUID,
    said: SheetIn,
    response: Response,
    if_match: IfMatch = None,
) -> WorksheetAnswer:
    """Save a worksheet as its next revision, whatever is missing in it.

    Refused with 412 where somebody saved it since it was read: nothing is overwritten.
    """
    saved = actions.save(
        session,
        line_id,
        sheet_of(said),
        after=revision_of(if_match),
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    response.headers["ETag"] = version(saved.revision)
    return _answer(worksheets.open_worksheet(session, line_id, now=now))


@router.post("/{line_id}/readings")
def upload_readings(
    session: Transaction,
    actor: Acting,
    now: Now,
    line_id: UUID,
    file: UploadFile,
    response: Response,
    if_match: IfMatch = None,
) -> WorksheetAnswer:
    """Put the readings of a file onto the worksheet and save it: CSV or XLSX, or a calibrator's.

    Wide: a row for each point, a column for each reading, headed by its symbol or its name. Long:
    a row for each reading, with `nominal`, `reading`, `value` and, where it was adjusted, `stage`.
    """
    opened = worksheets.open_worksheet(session, line_id, now=now)
    told = read_sheet_file(file.file.read(LARGEST_FILE + 1), opened.edition)
    saved = actions.save(
        session,
        line_id,
        with_readings(opened.sheet, told),
        after=revision_of(if_match),
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    response.headers["ETag"] = version(saved.revision)
    return _answer(worksheets.open_worksheet(session, line_id, now=now))


@router.post("/{line_id}/evaluation")
def evaluate_worksheet(session: Reading, now: Now, line_id: UUID, said: SheetIn) -> Evaluation:
    """Judge a sheet as it is being typed; nothing is kept."""
    return evaluation_answer(worksheets.evaluate(session, line_id, sheet_of(said), now=now))


@router.post("/{line_id}/submission", status_code=201)
def submit_worksheet(
    session: Transaction, actor: Acting, now: Now, line_id: UUID, if_match: IfMatch = None
) -> Submitted:
    """Record what the saved worksheet says, and sign it as the one who calibrated.

    Refused, and kept as it is, while anything stands against it: a reading that is missing or
    suspected, an environment out of limits, a standard that may not be used, a person who is not
    authorised, a proof of identity older than 300 s.
    """
    row = actions.submit(
        session,
        line_id,
        revision=revision_of(if_match),
        person=people_store.acting(session, actor.person_id),
        authenticated_at=actor.authenticated_at,
        now=now,
    )
    said = store.measured(session, line_id)
    return Submitted(
        calibration_id=row.id,
        verdict=said.said["verdict"] if said else None,
        performed_on=row.performed_on.isoformat(),
    )


@router.get("/{line_id}/revisions")
def list_revisions(session: Reading, line_id: UUID) -> list[RevisionAnswer]:
    """List every revision of a worksheet, the oldest first."""
    store.line(session, line_id)
    return [
        RevisionAnswer(**row.model_dump(exclude={"content"}), sheet=row.content)
        for row in store.worksheet_revisions(session, line_id)
    ]


class EnvironmentIn(Strict):
    """One reading of a place: its condition is named as the editions name it, `temperature`."""

    place: Annotated[str, Field(min_length=1, max_length=100)] = worksheets.PLACE
    condition: Annotated[str, Field(min_length=1, max_length=60)]
    value: Annotated[FiniteFloat, Field(ge=-1e9, le=1e9)]
    unit: Annotated[str, Field(min_length=1, max_length=20)]
    read_at: datetime | None = None


class EnvironmentAnswer(SQLModel):
    """One reading of a place's environment."""

    id: UUID
    place: str
    condition: str
    value: float
    unit: str
    read_at: datetime
    person_id: UUID


@log.post("", status_code=201)
def record_environment(
    session: Transaction, actor: Acting, now: Now, said: EnvironmentIn
) -> EnvironmentAnswer:
    """Log the temperature, humidity or another condition of a place."""
    row = environment.record(
        session,
        **said.model_dump(exclude={"read_at"}),
        read_at=said.read_at or now,
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    return EnvironmentAnswer.model_validate(row, from_attributes=True)


@log.get("", response_model=list[EnvironmentAnswer], responses=FORMS)
def list_environment(
    request: Request,
    session: Reading,
    now: Now,
    page: Asked,
    place: Annotated[str, Query(min_length=1, max_length=100)] = worksheets.PLACE,
    hours: Annotated[int, Query(ge=1, le=24 * 366)] = 24,
) -> Response:
    """List what was logged of a place in the last hours, the oldest first, a page at a time."""
    return answered(
        request,
        session,
        page,
        lambda after, limit: store.environment(
            session, place, since=now - timedelta(hours=hours), until=now, after=after, limit=limit
        ),
        EnvironmentAnswer,
    )


def version(revision: int) -> str:
    """Return the strong entity tag of a revision."""
    return f'"{revision}"'


def revision_of(if_match: str | None) -> int:
    """Return the revision that a change is of.

    Raises:
        VersionMissing: the request does not say.
        StaleVersion: it names what never was a version.
    """
    if if_match is None:
        raise VersionMissing("say in If-Match which version was read: its ETag")
    text = if_match.strip().removeprefix('"').removesuffix('"')
    if not text.isascii() or not text.isdigit():
        raise StaleVersion("worksheet", if_match, "another")
    return int(text)


def sheet_of(said: SheetIn) -> Sheet:
    """Return the worksheet of a request."""
    told = said.model_dump(exclude={"rows", "as_found", "limitation", "course"})
    return Sheet(
        **told,
        course=said.course,
        rows=tuple(Row(**row.model_dump()) for row in said.rows),
        as_found=tuple(Row(**row.model_dump()) for row in said.as_found),
        limitation=Limitation(**said.limitation.model_dump()) if said.limitation else None,
    )


def evaluation_answer(judged: Judged) -> Evaluation:
    """Return a judged sheet as the API tells it."""
    return Evaluation(
        verdict=judged.verdict.value,
        problems=[ProblemAnswer(pointer=p.pointer, detail=p.reason) for p in judged.problems],
        suspicions=[
            SuspicionAnswer(
                pointer=pointer,
                slip=found.slip.value,
                read=str(found.read),
                expected=str(found.expected),
                meant=_text(found.meant),
            )
            for pointer, found in judged.suspicions.items()
        ],
        result=_result(judged.result),
        as_found=_result(judged.as_found),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _result(result: MethodResult | None) -> ResultAnswer | None:
    if result is None:
        return None
    return ResultAnswer(
        unit=result.unit,
        expanded_uncertainty=result.expanded_uncertainty,
        evaluated_uncertainty=result.evaluated_uncertainty,
        capability=result.capability,
        outside_capability=list(result.outside),
        coverage_factor=result.coverage_factor,
        verdict=result.verdict.value,
        values=[
            ValueAnswer(
                nominal=point.nominal,
                check=value.check,
                name=value.name,
                reported=str(value.reported),
                limit=value.limit,
                is_within_limit=value.is_within_limit,
            )
            for point in result.points
            for value in point.values
        ],
    )


def _answer(opened: Opened) -> WorksheetAnswer:
    edition = opened.edition
    return WorksheetAnswer(
        line_id=opened.line.id,
        work_order_id=opened.order.id,
        number=opened.order.number,
        item_id=opened.item.id,
        state=opened.step.state,
        procedure=edition.name,
        unverified=list(edition.unverified),
        unit=edition.measurand.unit,
        revision=opened.revision,
        readings=[
            ReadingName(
                symbol=row.symbol,
                test=row.test,
                unit=row.unit,
                is_repeated=row.repeats is not None,
                zh=row.label.zh,
                en=row.label.en,
            )
            for row in edition.readings
        ],
        sheet=actions.as_content(opened.sheet),
        standards=[_standard(proposal) for proposal in opened.proposals],
        evaluation=evaluation_answer(opened.judged),
    )


def _standard(proposal: Proposal) -> StandardAnswer:
    link = proposal.candidate.link
    return StandardAnswer(
        calibration_id=link.calibration_id,
        name_zh=link.item_name_zh,
        name_en=link.item_name_en,
        certificate_number=link.certificate_number,
        valid_until=link.valid_until.isoformat() if link.valid_until else None,
        ratio=proposal.ratio,
        ratio_limit=proposal.ratio_limit,
        test_uncertainty_ratio=proposal.test_uncertainty_ratio,
        reasons=[reason.value for reason in proposal.reasons],
    )
