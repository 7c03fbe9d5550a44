"""One organization's book: calibrations, what each was made against, and what each gave."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from service.tables.base import (
    APPEND_ONLY,
    Json,
    ReportedDecimal,
    TenantRow,
    UtcDateTime,
    finite,
    one_of,
    within_tenant,
)


def calibration_checks() -> tuple[CheckConstraint, ...]:
    """Return the checks of a table that holds `CalibrationFacts`."""
    return (
        CheckConstraint("valid_until >= performed_on", name="validity"),
        CheckConstraint("interval_lower <= interval_upper", name="interval"),
        CheckConstraint("uncertainty_coefficient > 0", name="uncertainty_positive"),
        CheckConstraint(
            "(uncertainty_coefficient IS NULL) = (uncertainty_model IS NULL) AND "
            "(uncertainty_coefficient IS NULL OR "
            "coverage_factor IS NOT NULL AND interval_unit IS NOT NULL)",
            name="uncertainty_whole",
        ),
        one_of("uncertainty_model", "absolute", "relative"),
        CheckConstraint("coverage_factor > 0", name="coverage_factor_positive"),
        one_of("kind", "calibration", "verification", "certification"),
        one_of("place", "laboratory", "site", "in-line", "remote"),
        finite("interval_lower", "interval_upper", "uncertainty_coefficient", "coverage_factor"),
    )


def reference_checks() -> tuple[CheckConstraint, ...]:
    """Return the checks of a table that holds `ReferenceFacts`."""
    return (
        CheckConstraint("ratio >= 0 AND ratio_limit > 0", name="ratio"),
        CheckConstraint("standard_uncertainty >= 0", name="standard_uncertainty"),
        CheckConstraint("contributed_standard_uncertainty >= 0", name="contribution"),
        one_of("basis", "U", "MPE"),
        one_of("extension", "build_up", "substitution", "ratio"),
        finite(
            "ratio",
            "ratio_limit",
            "at_value",
            "user_value",
            "conversion_factor",
            "interval_lower",
            "interval_upper",
            "standard_uncertainty",
            "contributed_standard_uncertainty",
        ),
    )


class CalibrationFacts(SQLModel):
    """What a certificate says of a calibration (VIM 2.39), in a book as in the reference layer.

    Attributes:
        track: which of the item's separately calibrated quantities; "main" for the only one.
        level_zh: the item's level in the hierarchy of standards, as its keeper names it.
        terminal_reason: why a chain may end here; None if it rests on references.
        uncertainty_model: the expanded uncertainty is `uncertainty_coefficient` in the unit of
            the interval ("absolute"), or times the value ("relative").
    """

    kind: str
    track: str = "main"
    item_name_zh: str
    item_name_en: str
    level_zh: str | None = None
    laboratory_zh: str
    laboratory_en: str
    certificate_number: str | None = None
    procedure_code: str | None = None
    place: str = "laboratory"
    performed_on: date
    valid_until: date | None = None
    terminal_reason: str | None = None
    interval_lower: float | None = None
    interval_upper: float | None = None
    interval_unit: str | None = None
    uncertainty_model: str | None = None
    uncertainty_coefficient: float | None = None
    coverage_factor: float | None = None
    is_adjusted: bool = False
    is_demonstration: bool = False
    recorded_at: datetime = Field(sa_type=UtcDateTime)


class ReferenceFacts(SQLModel):
    """How a reference was used: where, by which method, and what it adds to the uncertainty.

    Attributes:
        basis: whether the reference counts by its U or by its maximum permissible error.
        at_value: the value, in `at_unit`, at which the reference was used; `user_value` and
            `user_unit` say the same for the item calibrated.
        extension: the method that carries the value beyond the reference's own interval.
        standard_uncertainty: of the reference there, in `at_unit`; what it contributes to the
            user's result stands beside it in `user_unit`.
    """

    method_zh: str
    method_en: str
    basis: str | None = None
    ratio: float | None = None
    ratio_limit: float | None = None
    at_value: float | None = None
    at_unit: str | None = None
    user_value: float | None = None
    user_unit: str | None = None
    conversion_factor: float | None = None
    conversion_model: str | None = None
    extension: str | None = None
    interval_lower: float | None = None
    interval_upper: float | None = None
    interval_unit: str | None = None
    standard_uncertainty: float | None = None
    contributed_standard_uncertainty: float | None = None


class Calibration(TenantRow, CalibrationFacts, table=True):
    """One calibration, verification or certification as this organization's book has it.

    `made` by itself, `received` from the laboratory that made it, `cited` by a received one (a
    frozen copy of what the certificate names), or `external`: from a certificate off-platform.
    """

    __tablename__ = "calibration"
    __table_args__ = (
        within_tenant(["item_id"], "item"),
        within_tenant(["procedure_edition_id"], "procedure_edition"),
        one_of("source", "made", "received", "cited", "external"),
        CheckConstraint("(source = 'cited') = (item_id IS NULL)", name="item_unless_cited"),
        CheckConstraint(
            "(source IN ('received', 'cited')) = (received_from_id IS NOT NULL)", name="sender"
        ),
        *calibration_checks(),
        Index(None, "organization_id", "item_id", "performed_on"),
        APPEND_ONLY,
    )

    source: str
    item_id: UUID | None = None
    received_from_id: UUID | None = Field(default=None, foreign_key="organization.id")
    procedure_edition_id: UUID | None = None


class CalibrationSupersession(SQLModel, table=True):
    """The end of a calibration's standing: replaced by `successor_id`, or withdrawn if none."""

    __tablename__ = "calibration_supersession"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        within_tenant(["successor_id"], "calibration"),
        CheckConstraint("successor_id <> calibration_id", name="successor_is_another"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    calibration_id: UUID = Field(primary_key=True)
    successor_id: UUID | None = None
    superseded_at: datetime = Field(sa_type=UtcDateTime)
    reason: str


class CalibrationReference(ReferenceFacts, table=True):
    """An edge: the calibration was made against one of its own book, or a published one."""

    __tablename__ = "calibration_reference"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        within_tenant(["reference_id"], "calibration"),
        CheckConstraint("(reference_id IS NULL) <> (published_id IS NULL)", name="one_reference"),
        CheckConstraint("reference_id <> calibration_id", name="reference_is_another"),
        *reference_checks(),
        Index(None, "organization_id", "reference_id"),
        Index(None, "organization_id", "published_id"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    calibration_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    reference_id: UUID | None = None
    published_id: UUID | None = Field(default=None, foreign_key="published_calibration.id")


class Publication(SQLModel, table=True):
    """The two keys that tie a published calibration to the row of the book it repeats."""

    __tablename__ = "publication"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        ForeignKeyConstraint(
            ["organization_id", "published_id"],
            ["published_calibration.holder_id", "published_calibration.id"],
        ),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    calibration_id: UUID = Field(primary_key=True)
    published_id: UUID


class CalibrationResult(TenantRow, table=True):
    """One reported value of a calibration with its uncertainty, its digits kept as reported.

    `stage` says whether it was as found or as left; None where nothing was adjusted. The
    calculated `standard_uncertainty` (in `unit`) stands beside the reported digits. The detail
    tells a result from others of its nominal value: rising, falling.
    """

    __tablename__ = "calibration_result"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        CheckConstraint("coverage_factor > 0", name="coverage_factor_positive"),
        CheckConstraint(
            "coverage_probability > 0 AND coverage_probability < 1", name="probability"
        ),
        CheckConstraint("standard_uncertainty >= 0", name="standard_uncertainty"),
        CheckConstraint("degrees_of_freedom >= 1", name="degrees_of_freedom"),
        one_of("stage", "as_found", "as_left"),
        one_of("measurand", "error_of_indication", "value"),
        finite(
            "coverage_factor", "coverage_probability", "standard_uncertainty", "degrees_of_freedom"
        ),
        Index(None, "organization_id", "calibration_id"),
        APPEND_ONLY,
    )

    calibration_id: UUID
    position: int
    stage: str | None = None
    measurand: str
    detail_zh: str | None = None
    detail_en: str | None = None
    unit: str
    nominal: Decimal = Field(sa_type=ReportedDecimal)
    estimate: Decimal = Field(sa_type=ReportedDecimal)
    expanded_uncertainty: Decimal | None = Field(default=None, sa_type=ReportedDecimal)
    maximum_permissible_error: Decimal | None = Field(default=None, sa_type=ReportedDecimal)
    coverage_factor: float | None = None
    coverage_probability: float | None = None
    standard_uncertainty: float | None = None
    degrees_of_freedom: float | None = None


class ChainVerdict(TenantRow, table=True):
    """What was found of the chain behind a calibration when it was written or touched.

    Judged by what held when references were used; the newest row of a calibration holds until
    something behind it ends.

    Attributes:
        breaks: [[flaw, calibration id, reference id or null], …], the nearest first.
    """

    __tablename__ = "chain_verdict"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        Index(None, "organization_id", "calibration_id"),
        APPEND_ONLY,
    )

    calibration_id: UUID
    is_unbroken: bool
    breaks: list[Any] = Field(sa_type=Json)
    judged_at: datetime = Field(sa_type=UtcDateTime)


class Influence(TenantRow, table=True):
    """The name of an elementary influence, in the books of those who may name it."""

    __tablename__ = "influence"
    __table_args__ = (APPEND_ONLY,)

    label_zh: str
    label_en: str


class ResultInfluence(SQLModel, table=True):
    """A signed component of a result's uncertainty, in the result's unit.

    `influence_id` is opaque and the same in every book, so that covariance survives delivery.
    """

    __tablename__ = "result_influence"
    __table_args__ = (
        within_tenant(["result_id"], "calibration_result"),
        finite("component"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    result_id: UUID = Field(primary_key=True)
    influence_id: UUID = Field(primary_key=True)
    component: float


class ResultSensitivity(SQLModel, table=True):
    """How much of a reference's value, by its position, goes into one result."""

    __tablename__ = "result_sensitivity"
    __table_args__ = (
        within_tenant(["result_id"], "calibration_result"),
        finite("coefficient"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    result_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    coefficient: float


class UncertaintyBudgetRecord(SQLModel, table=True):
    """The budget behind a result, as evaluated: content-hashed, recomputable, never edited."""

    __tablename__ = "uncertainty_budget"
    __table_args__ = (within_tenant(["result_id"], "calibration_result"), APPEND_ONLY)

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    result_id: UUID = Field(primary_key=True)
    content: dict[str, Any] = Field(sa_type=Json)
    sha256: str


class ConformityStatementRecord(TenantRow, table=True):
    """A verdict on a calibration, or on one of its results, with the rule that led to it."""

    __tablename__ = "conformity_statement"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        within_tenant(["result_id"], "calibration_result"),
        one_of("verdict", "pass", "fail", "undetermined"),
        CheckConstraint("conformance_probability BETWEEN 0 AND 1", name="probability"),
        Index(None, "organization_id", "calibration_id"),
        APPEND_ONLY,
    )

    calibration_id: UUID
    result_id: UUID | None = None
    decision_rule: str
    basis: str
    verdict: str
    checks: list[dict[str, Any]] = Field(sa_type=Json)
    conformance_probability: float | None = None
    stated_at: datetime = Field(sa_type=UtcDateTime)


class OriginalRecord(SQLModel, table=True):
    """The readings and conditions as they were taken (原始记录), under a number of their own."""

    __tablename__ = "original_record"
    __table_args__ = (within_tenant(["calibration_id"], "calibration"), APPEND_ONLY)

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    calibration_id: UUID = Field(primary_key=True)
    number: str
    content: dict[str, Any] = Field(sa_type=Json)
    sha256: str


class ProcedureEditionRecord(TenantRow, table=True):
    """An edition of a procedure as this organization used it, word for word."""

    __tablename__ = "procedure_edition"
    __table_args__ = (APPEND_ONLY,)

    code: str
    edition: str
    in_force_from: date | None = None
    in_force_until: date | None = None
    sha256: str
    content: str
