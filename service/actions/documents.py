"""The document by which one organization tells another a calibration, and what may stand in it.

Whoever reads it has only the sender's word: a field that is missing, unknown, of another type or
beyond what a record may carry is refused by its pointer, before anything is written.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from certificates.content import CertificateKind
from certificates.seal import sha256_hex
from procedures.conformity import Verdict
from service.errors import InvalidField
from traceability.graph import Basis, Extension, UncertaintyModel

VERSION = 1
DIGITS = re.compile(r"-?\d{1,30}(\.\d{1,30})?(E[+-]?\d{1,2})?", re.ASCII)
SHA256 = r"^[0-9a-f]{64}$"


def _as_reported(value: object) -> Decimal:
    """Return the digits of a text: a JSON number has lost its last zeros."""
    if not isinstance(value, str) or not DIGITS.fullmatch(value):
        raise ValueError("not the digits of a reported number")
    return Decimal(value)


def _bytes(text: str) -> str:
    bytes.fromhex(text)
    return text


Number = Annotated[float, Field(ge=-1e300, le=1e300)]
NotNegative = Annotated[float, Field(ge=0, le=1e300)]
Positive = Annotated[float, Field(gt=0, le=1e300)]
Position = Annotated[int, Field(ge=0, lt=2**31)]
Digits = Annotated[Decimal, BeforeValidator(_as_reported)]
PositiveDigits = Annotated[Digits, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=SHA256)]
T = TypeVar("T")


class Told(BaseModel):
    """A part of the document; every field is there, None where it is unknown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_enum_values=True
    )


class ToldReference(Told):
    """An edge to a calibration cited before, or to a published one."""

    position: Position
    reference_id: UUID | None = None
    published_id: UUID | None = None
    method_zh: str
    method_en: str
    basis: Basis | None
    ratio: NotNegative | None
    ratio_limit: Positive | None
    at_value: Number | None
    at_unit: str | None
    user_value: Number | None
    user_unit: str | None
    conversion_factor: Number | None
    conversion_model: str | None
    extension: Extension | None
    interval_lower: Number | None
    interval_upper: Number | None
    interval_unit: str | None
    standard_uncertainty: NotNegative | None
    contributed_standard_uncertainty: NotNegative | None

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if (self.reference_id is None) == (self.published_id is None):
            raise ValueError("names one reference, a cited or a published one")
        _require_order(self.interval_lower, self.interval_upper)
        return self


class ToldCalibration(Told):
    """The facts of one calibration, as its own book has them, and its references."""

    id: UUID
    kind: Literal["calibration", "verification", "certification"]
    track: str
    item_name_zh: str
    item_name_en: str
    level_zh: str | None
    laboratory_zh: str
    laboratory_en: str
    certificate_number: str | None
    procedure_code: str | None
    place: Literal["laboratory", "site", "in-line", "remote"]
    performed_on: date
    valid_until: date | None
    terminal_reason: str | None
    interval_lower: Number | None
    interval_upper: Number | None
    interval_unit: str | None
    uncertainty_model: UncertaintyModel | None
    uncertainty_coefficient: Positive | None
    coverage_factor: Positive | None
    is_adjusted: bool
    is_demonstration: bool
    references: tuple[ToldReference, ...]

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.performed_on:
            raise ValueError("valid_until is before performed_on")
        _require_order(self.interval_lower, self.interval_upper)
        if (self.uncertainty_coefficient is None) != (self.uncertainty_model is None):
            raise ValueError("the model and the coefficient of U go together")
        if self.uncertainty_model and not (self.coverage_factor and self.interval_unit):
            raise ValueError("U is told with its k and its unit")
        _require_distinct("position of a reference", (edge.position for edge in self.references))
        return self


class ToldResult(Told):
    """One result as reported: its digits are text."""

    id: UUID
    position: Position
    stage: Literal["as_found", "as_left"] | None
    measurand: Literal["error_of_indication", "value"]
    detail_zh: str | None
    detail_en: str | None
    unit: str
    nominal: Digits
    estimate: Digits
    expanded_uncertainty: PositiveDigits | None
    maximum_permissible_error: PositiveDigits | None
    coverage_factor: Positive | None
    coverage_probability: Annotated[float, Field(gt=0, lt=1)] | None
    standard_uncertainty: NotNegative | None
    degrees_of_freedom: Annotated[float, Field(ge=1, le=1e300)] | None

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.expanded_uncertainty is not None and self.coverage_factor is None:
            raise ValueError("U is told only with its k")
        return self


class ToldStatement(Told):
    """A verdict on the calibration, with the rule and the checks that led to it."""

    decision_rule: str
    basis: str
    verdict: Verdict
    checks: tuple[dict[str, JsonValue], ...]
    stated_at: AwareDatetime


class ToldFile(Told):
    """One form of the certificate, its bytes in hexadecimal."""

    form: Literal["json", "pdf", "xml", "html", "proof"]
    sha256: Sha256
    content: Annotated[str, AfterValidator(_bytes)]

    @model_validator(mode="after")
    def _is_what_its_digest_says(self) -> Self:
        if sha256_hex(bytes.fromhex(self.content)) != self.sha256:
            raise ValueError("the digest is not of these bytes")
        return self


class ToldCertificate(Told):
    """The certificate of the calibration, with every form of it; `amends_id` is its predecessor."""

    id: UUID
    number: str
    kind: CertificateKind
    issued_at: AwareDatetime
    content_sha256: Sha256
    amends_id: UUID | None = None
    files: tuple[ToldFile, ...]

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        _require_distinct("form", (file.form for file in self.files))
        if any(file.form == "json" and file.sha256 != self.content_sha256 for file in self.files):
            raise ValueError("content_sha256 is not of the json form")
        return self


class CalibrationDocument(ToldCalibration):
    """A calibration with all that its certificate names; the farthest citation comes first."""

    cited: tuple[ToldCalibration, ...]
    results: tuple[ToldResult, ...]
    influences: tuple[tuple[UUID, UUID, Number], ...]
    statements: tuple[ToldStatement, ...]
    certificate: ToldCertificate | None

    @model_validator(mode="after")
    def _speaks_of_itself(self) -> Self:
        """Refuse references to what comes later, and influences of results not told here."""
        told: set[UUID] = set()
        calibrations: tuple[ToldCalibration, ...] = (*self.cited, self)
        for calibration in calibrations:
            if not {edge.reference_id for edge in calibration.references} <= told | {None}:
                raise ValueError("a reference is neither published nor cited before its user")
            _require_distinct("calibration", (*told, calibration.id))
            told.add(calibration.id)
        results = [result.id for result in self.results]
        _require_distinct("result", results)
        _require_distinct("position of a result", (result.position for result in self.results))
        _require_distinct("influence", ((result, by) for result, by, _ in self.influences))
        if not {result for result, _, _ in self.influences} <= set(results):
            raise ValueError("an influence is of a result that the document does not tell")
        return self


def read_document(version: int, content: Mapping[str, Any]) -> CalibrationDocument:
    """Return the calibration that was sent.

    Raises:
        InvalidField: another version than this service reads, or the first field in error.
    """
    return read_as(TypeAdapter(CalibrationDocument), version, content)


def read_as(document: TypeAdapter[T], version: int, content: Mapping[str, Any]) -> T:
    """Return what was sent as a document of a type.

    Raises:
        InvalidField: another version than this service reads, or the first field in error.
    """
    if version != VERSION:
        raise InvalidField("/version", f"version {version} is not known, only {VERSION}")
    try:
        return document.validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        pointer = "".join(f"/{part}" for part in ("content", *first["loc"]))
        raise InvalidField(pointer, first["msg"]) from error


def _require_order(lower: float | None, upper: float | None) -> None:
    if lower is not None and upper is not None and lower > upper:
        raise ValueError("the interval begins above its end")


def _require_distinct(name: str, values: Iterable[object]) -> None:
    values = list(values)
    if len(set(values)) != len(values):
        raise ValueError(f"one {name} is told twice")
