"""Calibrations: recorded, and traced to their references."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, FiniteFloat
from sqlmodel import SQLModel
from uuid_utils.compat import uuid7

from service.actions import calibrations as actions
from service.actions.calibrations import Result, Use, Work
from service.api import conditions
from service.api.conditions import IfNoneMatch
from service.api.paging import FORMS, Asked, Since, answered
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.errors import InvalidField
from service.store import calibrations as store
from service.tables.calibrations import Calibration, CalibrationSupersession
from traceability.graph import MeasuringInterval, UncertaintyStatement

router = APIRouter(prefix="/calibrations", tags=["calibrations"])

FiniteDecimal = Annotated[Decimal, Field(allow_inf_nan=False)]
PositiveDecimal = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
PositiveFloat = Annotated[FiniteFloat, Field(gt=0)]


class Strict(SQLModel):
    """A part of a request: an unknown field is an error, not noise."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type


class IntervalIn(Strict):
    """A measuring interval."""

    lower: FiniteFloat
    upper: FiniteFloat
    unit: Annotated[str, Field(min_length=1)]


class UncertaintyIn(Strict):
    """U over the interval: `coefficient` in its unit, or times the value."""

    model: Literal["absolute", "relative"]
    coefficient: PositiveFloat
    coverage_factor: PositiveFloat


class UseIn(Strict):
    """How a reference was used; exactly one of the two ids is given."""

    reference_id: UUID | None = None
    published_id: UUID | None = None
    method_zh: str
    method_en: str
    basis: Literal["U", "MPE"] | None = None
    ratio_limit: PositiveFloat | None = None
    at_value: FiniteFloat | None = None
    at_unit: str | None = None
    user_value: FiniteFloat | None = None
    user_unit: str | None = None
    conversion_factor: FiniteFloat | None = None
    extension: Literal["build_up", "substitution", "ratio"] | None = None
    standard_uncertainty: Annotated[FiniteFloat, Field(ge=0)] | None = None
    contributed_standard_uncertainty: Annotated[FiniteFloat, Field(ge=0)] | None = None
    sensitivity_coefficient: FiniteFloat | None = None


class ResultIn(Strict):
    """One result; digits are kept as they are written, so send them as text."""

    measurand: Literal["error_of_indication", "value"]
    unit: Annotated[str, Field(min_length=1)]
    nominal: FiniteDecimal
    estimate: FiniteDecimal
    expanded_uncertainty: PositiveDecimal | None = None
    coverage_factor: PositiveFloat | None = None
    coverage_probability: Annotated[FiniteFloat, Field(gt=0, lt=1)] | None = None
    maximum_permissible_error: PositiveDecimal | None = None


class CalibrationIn(Strict):
    """A calibration that the own organization made."""

    id: UUID | None = None
    item_id: UUID
    kind: Literal["calibration", "verification", "certification"]
    performed_on: date
    valid_until: date | None = None
    procedure_code: Annotated[str, Field(min_length=1)]
    place: Literal["laboratory", "site", "in-line", "remote"] = "laboratory"
    record_number: Annotated[str, Field(min_length=1)]
    interval: IntervalIn | None = None
    uncertainty: UncertaintyIn | None = None
    uses: list[UseIn] = []
    results: list[ResultIn] = []
    terminal_reason: str | None = None


class CalibrationAnswer(SQLModel):
    """A calibration of the own book."""

    id: UUID
    item_id: UUID | None
    source: str
    kind: str
    item_name_zh: str
    item_name_en: str
    laboratory_zh: str
    laboratory_en: str
    procedure_code: str | None
    performed_on: date
    valid_until: date | None
    certificate_number: str | None
    recorded_at: datetime


class CalibrationTold(CalibrationAnswer):
    """A calibration of the own book, and whether it still stands.

    No calibration is ever deleted: one that was superseded or withdrawn has `ended_at`, so that
    whoever keeps in step by `updated_since` learns of its end.
    """

    ended_at: datetime | None = None
    ended_because: str | None = None
    successor_id: UUID | None = None


@router.get("", response_model=list[CalibrationTold], responses=FORMS)
def list_calibrations(
    request: Request,
    session: Reading,
    page: Asked,
    updated_since: Since = None,
    item_id: UUID | None = None,
) -> Response:
    """Return the calibrations of the book by id, a page at a time; as CSV or JSON lines all."""

    def rows(after: UUID | None, limit: int) -> list[CalibrationTold]:
        found = store.page_with_ends(
            session, after=after, limit=limit, updated_since=updated_since, item_id=item_id
        )
        return [_told(row, end) for row, end in found]

    return answered(request, session, page, rows, CalibrationTold)


@router.get(
    "/{calibration_id}",
    response_model=CalibrationTold,
    responses={304: {"description": "As it was."}},
)
def get_calibration(
    session: Reading, response: Response, calibration_id: UUID, if_none_match: IfNoneMatch = None
) -> Any:
    """Return one calibration of the book, and whether it still stands."""
    row = store.get(session, calibration_id)
    told = _told(row, store.supersession(session, calibration_id))
    return conditions.unless_known(response, if_none_match, told)


@router.post("", status_code=201)
def record_calibration(
    session: Transaction, actor: Acting, now: Now, said: CalibrationIn
) -> CalibrationAnswer:
    """Record a calibration with its results and what it was made against.

    Numbers that are not finite, an uncertainty that is not positive, a reference made later than
    its user and a calibration that would rest on itself are refused; nothing is written then.
    """
    row = actions.record(session, _work(said), performed_by=actor.person_id, now=now)
    return _answer(row)


def _work(said: CalibrationIn) -> Work:
    return Work(
        id=said.id or uuid7(),
        interval=MeasuringInterval(**said.interval.model_dump()) if said.interval else None,
        uncertainty=_uncertainty(said),
        uses=tuple(Use(**use.model_dump()) for use in said.uses),
        results=tuple(Result(**result.model_dump()) for result in said.results),
        readings={},
        **said.model_dump(exclude={"id", "interval", "uncertainty", "uses", "results"}),
    )


def _uncertainty(said: CalibrationIn) -> UncertaintyStatement | None:
    if said.uncertainty is None:
        return None
    if said.interval is None:
        raise InvalidField("/interval", "U is stated over an interval: give it, with its unit")
    return UncertaintyStatement(**said.uncertainty.model_dump(), unit=said.interval.unit)


def _answer(row: Calibration) -> CalibrationAnswer:
    return CalibrationAnswer.model_validate(row, from_attributes=True)


def _told(row: Calibration, end: CalibrationSupersession | None) -> CalibrationTold:
    ended = end and {
        "ended_at": end.superseded_at,
        "ended_because": end.reason,
        "successor_id": end.successor_id,
    }
    return CalibrationTold.model_validate(row, update=ended or {}, from_attributes=True)
