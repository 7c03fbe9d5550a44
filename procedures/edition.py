"""A procedure edition as data: points, limits, conditions, model, rounding, rule, period."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from procedures.conformity import Verdict
from procedures.errors import InvalidInput, ProcedureError


class UnknownAccuracyClass(ProcedureError):
    """An accuracy class that the edition does not have; carries those it has."""

    def __init__(self, procedure: str, accuracy_class: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"{procedure} has no accuracy class {accuracy_class!r}; it has {', '.join(known)}"
        )
        self.accuracy_class = accuracy_class
        self.known = known


DecisionRuleOfEdition = Literal["simple_acceptance", "guarded_acceptance", "jjf_1094"]


class Confidence(StrEnum):
    """Where a figure of an edition comes from."""

    SOURCE = "S"
    KNOWN = "K"
    UNSURE = "U"


class ProcedureKind(StrEnum):
    """What following the procedure amounts to."""

    VERIFICATION = "verification"
    CALIBRATION = "calibration"


class CertificateKind(StrEnum):
    """The document that a result leads to."""

    VERIFICATION_CERTIFICATE = "verification_certificate"
    NOTICE_OF_VERIFICATION_RESULT = "notice_of_verification_result"
    CALIBRATION_CERTIFICATE = "calibration_certificate"

    @property
    def heading(self) -> "Bilingual":
        """The title that the document bears."""
        return CERTIFICATE_TITLES[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """One text in Chinese and in English."""

    zh: str
    en: str


CERTIFICATE_TITLES = {
    CertificateKind.VERIFICATION_CERTIFICATE: Bilingual(
        zh="检定证书", en="Verification certificate"
    ),
    CertificateKind.NOTICE_OF_VERIFICATION_RESULT: Bilingual(
        zh="检定结果通知书", en="Notice of verification result"
    ),
    CertificateKind.CALIBRATION_CERTIFICATE: Bilingual(zh="校准证书", en="Calibration certificate"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurand:
    """What the procedure determines, and the unit of readings, errors and limits."""

    name: Bilingual
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A figure that expressions use by its symbol.

    Attributes:
        default: an expression over the parameters before it; None where the instrument or the
            laboratory must give the figure.
        confidence: of the default.
        note: what a user should know about the default.
    """

    symbol: str
    unit: str
    title: Bilingual
    default: str | None = None
    confidence: Confidence | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyClass:
    """An accuracy class, the other ways to write it, and its figures by symbol."""

    name: str
    also: tuple[str, ...]
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSegment:
    """|MPE| of the nominal values below a bound (and not below an earlier one)."""

    below: str | None
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPoints:
    """The rule for choosing the points, and the expressions of those that may not be missing."""

    __test__ = False  # not a test class

    rule: Bilingual
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading taken at every point."""

    symbol: str
    label: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A requirement at every point: |each value| ≤ the limit.

    Attributes:
        values: expressions over readings and nominal, by name.
        limit: an expression over nominal, mpe, parameters and class figures.
        reported: whether the certificate prints the values.
    """

    name: str
    title: Bilingual
    values: Mapping[str, str]
    limit: str
    reported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCondition:
    """The limits of one influence quantity during the measurement."""

    name: str
    title: Bilingual
    unit: str
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioRule:
    """How much better than the instrument its standard must be.

    Attributes:
        basis: MPE of the standard, or U of it, over |MPE| of the instrument.
        maximum: the largest ratio allowed.
    """

    basis: Literal["MPE/MPE", "U/MPE"]
    maximum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """One input quantity of the measurement model; figures are expressions.

    Attributes:
        estimate: x_i.
        half_width: a of a rectangular, triangular or U-shaped distribution.
        standard_uncertainty: u(x_i); exactly one of the two is given.
        degrees_of_freedom: infinite unless given.
    """

    symbol: str
    source: Bilingual
    evaluation: Literal["A", "B"]
    distribution: Literal["normal", "rectangular", "triangular", "u_shaped"]
    estimate: str
    half_width: str | None
    standard_uncertainty: str | None
    degrees_of_freedom: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The measurement model of the values that one check judges.

    Attributes:
        expression: over the symbols of the contributors.
        judges: the name of that check.
        indications: what `indication` stands for in the estimates, for each value of the check.
        coverage_factor: k of the expanded uncertainty.
    """

    expression: str
    judges: str
    indications: Mapping[str, str]
    coverage_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """The rounding interval of reported values, and whether these or the calculated are judged."""

    step: str
    judged: Literal["calculated", "rounded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformityRule:
    """The decision rule of the edition, with its reason.

    Attributes:
        rule: simple acceptance; guarded acceptance with w = U; or JJF 1094, which is simple where
            U ≤ MPEV/3 and guarded with an undetermined zone otherwise.
    """

    rule: DecisionRuleOfEdition
    reason: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureEdition:
    """One edition of a verification regulation (JJG) or calibration specification (JJF).

    Attributes:
        in_force_from: the first day on which it may be used.
        in_force_until: the last day; None while nothing replaces it.
        period_months: the longest period of validity of a result; None where the edition has none.
        certificates: the document for each verdict that leads to one.
        marks: how sure each field is.
    """

    code: str
    edition: str
    kind: ProcedureKind
    title: Bilingual
    issued_on: date | None
    in_force_from: date | None
    in_force_until: date | None
    replaces: tuple[str, ...]
    measurand: Measurand
    period_months: int | None
    parameters: tuple[Parameter, ...]
    classes: tuple[AccuracyClass, ...]
    maximum_permissible_error: tuple[LimitSegment, ...]
    test_points: TestPoints
    readings: tuple[Reading, ...]
    checks: tuple[Check, ...]
    environment: tuple[EnvironmentCondition, ...]
    ratio: RatioRule | None
    model: Model
    contributors: tuple[Contributor, ...]
    rounding: Rounding
    conformity: ConformityRule
    certificates: Mapping[Verdict, CertificateKind]
    marks: Mapping[str, Confidence]

    @property
    def name(self) -> str:
        """The code and the edition: JJG 52-2013."""
        return f"{self.code}-{self.edition}"

    @property
    def unverified(self) -> tuple[str, ...]:
        """The fields marked unsure; wherever they are shown, this is shown with them."""
        fields = [field for field, mark in self.marks.items() if mark is Confidence.UNSURE]
        parameters = [
            f"parameters.{parameter.symbol}"
            for parameter in self.parameters
            if parameter.confidence is Confidence.UNSURE
        ]
        return tuple(fields + parameters)

    def accuracy_class(self, name: str) -> AccuracyClass:
        """Return the class of that name, in any of its spellings.

        Raises:
            UnknownAccuracyClass: the edition has no such class.
        """
        for accuracy_class in self.classes:
            if name == accuracy_class.name or name in accuracy_class.also:
                return accuracy_class
        raise UnknownAccuracyClass(self.name, name, tuple(known.name for known in self.classes))

    def is_in_force(self, on: date) -> bool:
        """Say whether the edition may be used on a day; an unknown first day is no."""
        if self.in_force_from is None or on < self.in_force_from:
            return False
        return self.in_force_until is None or on <= self.in_force_until

    def valid_until(self, performed_on: date) -> date | None:
        """Return the last valid day of a passed instrument, by the longest period allowed."""
        if self.period_months is None:
            return None
        return last_valid_day(performed_on, self.period_months)


def last_valid_day(performed_on: date, months: int) -> date:
    """Return the last day on which a result is valid: the same day of the month, minus one.

    A month too short for that day ends the period with its own last day: one month from
    2025-01-31 ends on 2025-02-28.

    Args:
        performed_on: the day of the measurement.
        months: the period, ≥ 1.

    Raises:
        InvalidInput: months < 1, or the last day lies beyond the calendar.

    >>> last_valid_day(date(2026, 11, 21), 6)
    datetime.date(2027, 5, 20)
    """
    if months < 1:
        raise InvalidInput("months", f"a period is at least one month, got {months}")
    years, month = divmod(performed_on.month - 1 + months, 12)
    year, month = performed_on.year + years, month + 1
    if year > date.max.year:
        raise InvalidInput("months", f"{months} months from {performed_on} leave the calendar")
    if performed_on.day == 1:
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        return date(year, month, monthrange(year, month)[1])
    return date(year, month, min(performed_on.day - 1, monthrange(year, month)[1]))
