"""A procedure edition as data: points, limits, conditions, model, rounding, rule, period."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final, Literal

from procedures.conformity import Verdict
from procedures.errors import InvalidInput, ProcedureError

MAIN_TEST: Final = "main"
NOT_BY_REGULATION: Final = "非规程"  # printed as it stands in both languages


class UnknownAccuracyClass(ProcedureError):
    """An accuracy class that the edition does not have; carries those it has."""

    def __init__(self, procedure: str, accuracy_class: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"{procedure} has no accuracy class {accuracy_class!r}; it has {', '.join(known)}"
            if known
            else f"{procedure} has no accuracy classes, got {accuracy_class!r}"
        )
        self.accuracy_class = accuracy_class
        self.known = known


DecisionRuleOfEdition = Literal[
    "simple_acceptance", "guarded_acceptance", "jjf_1094", "no_statement"
]


class Confidence(StrEnum):
    """Where a figure of an edition comes from."""

    SOURCE = "S"
    KNOWN = "K"
    UNSURE = "U"


class ProcedureKind(StrEnum):
    """What following the procedure amounts to."""

    VERIFICATION = "verification"
    CALIBRATION = "calibration"
    IN_SITU = "in_situ"
    REMOTE = "remote"

    @property
    def is_verification(self) -> bool:
        """Whether it leads to a verdict; the others are calibrations, wherever they are done."""
        return self is ProcedureKind.VERIFICATION


class InForce(StrEnum):
    """Whether an edition may be used on a day."""

    YES = "yes"
    NOT_YET = "not_yet"
    ENDED = "ended"
    UNKNOWN = "unknown"


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
class Option:
    """A choice that somebody makes for the whole measurement, such as its purpose.

    Attributes:
        choices: the words that may be chosen, each with its text.
        figures: what expressions may use once a word is chosen, by word and symbol.
        default: the choice where nobody chooses; None where one must be made.
    """

    name: str
    title: Bilingual
    choices: Mapping[str, Bilingual]
    figures: Mapping[str, Mapping[str, float]]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyClass:
    """An accuracy class, the other ways to write it, and its figures by symbol.

    Attributes:
        mark: where this class alone is less sure than the field; None where it is as sure.
    """

    name: str
    also: tuple[str, ...]
    figures: Mapping[str, float]
    mark: Confidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """For which classes, options and conditions something holds; an empty one holds for all.

    Attributes:
        classes: the names of the classes; empty for every class.
        where: the words of options and of conditions of a point, by their names.
    """

    classes: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def suits(self, accuracy_class: str, words: Mapping[str, str]) -> bool:
        """Say whether a class and the words chosen are among those of the case."""
        if self.classes and accuracy_class not in self.classes:
            return False
        return all(words.get(name) in wanted for name, wanted in self.where.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSegment(Case):
    """A limit within its bounds; of several segments the first that suits a point counts.

    Attributes:
        of: the quantity that the bounds are about, an expression; the nominal value by default.
        from_, above, below, up_to: its bounds: ≥, >, <, ≤; expressions, None for no bound.
        expression: the limit; None where the edition's figure is not known.
        is_lower_bound: whether the limit is at least this and no more is known: to keep it is to
            pass, to exceed it decides nothing.
        mark: where this figure alone is less sure than the field.
    """

    of: str = "nominal"
    from_: str | None = None
    above: str | None = None
    below: str | None = None
    up_to: str | None = None
    expression: str | None
    is_lower_bound: bool = False
    mark: Confidence | None = None

    @property
    def is_unbounded(self) -> bool:
        """Whether the segment suits every point of every class, so that none after it counts."""
        bounds = (self.from_, self.above, self.below, self.up_to)
        return not self.classes and not self.where and bounds == (None,) * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredPoint(Case):
    """A test point that may not be missing, where its case holds.

    Attributes:
        at: its nominal value, an expression.
        conditions: the conditions under which it is wanted; those not named are free.
    """

    at: str
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCondition:
    """What a test point is measured at besides its nominal value.

    Attributes:
        unit: of a condition that is a number; None where it is one of `choices`.
        said: what a choice is called, where its word does not say it.
    """

    name: str
    title: Bilingual
    unit: str | None = None
    choices: tuple[str, ...] = ()
    said: Mapping[str, Bilingual] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPoints:
    """One test of the edition: the rule for its points, and those that may not be missing.

    Attributes:
        name: `main`, or that of a further test.
        title: of a further test.
        unit: of the nominal values; "" where the test has no nominal value and is done once.
        within: how far from its nominal value a required point may lie, an expression.
        at_least: the least number of points, an expression.
        uses_mpe: whether the maximum permissible errors of the edition belong to its points.
    """

    __test__ = False  # not a test class

    name: str = MAIN_TEST
    title: Bilingual
    rule: Bilingual
    unit: str
    required: tuple[RequiredPoint, ...] = ()
    conditions: tuple[PointCondition, ...] = ()
    within: str | None = None
    at_least: str | None = None
    uses_mpe: bool = True

    @property
    def is_done_once(self) -> bool:
        """Whether the test has no nominal values: its one point has the nominal value 0."""
        return not self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading taken at every point of a test.

    Attributes:
        unit: "" where it is a plain number.
        repeats: the least number of repeats, an expression; None where it is read once.
    """

    symbol: str
    label: Bilingual
    test: str = MAIN_TEST
    unit: str = ""
    repeats: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A quantity calculated from the readings of a test, repeat by repeat."""

    symbol: str
    expression: str
    test: str = MAIN_TEST
    title: Bilingual | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One figure over the points of a test.

    Attributes:
        of: an expression at each point.
        take: what is made of its values; `at` takes that of the one point at a nominal value.
        at: that nominal value, an expression.
    """

    symbol: str
    of: str
    take: Literal["max", "min", "mean", "range", "s", "sum", "count", "at"]
    at: str | None = None
    test: str = MAIN_TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Case):
    """A requirement at every point of a test: |each value| ≤ the limit, or each value ≥ it.

    One of the sense `none` requires nothing: its values are only reported.

    Attributes:
        values: expressions over readings and nominal, by name.
        limits: of |value|, or of the value where the sense is `at_least`; in the unit of the check.
        reported: whether the certificate prints the values.
        labels: what each value is, where that is not the title.
        unit: of values and limit; None for that of the measurand.
        step: the rounding interval, an expression; None for that of the edition.
        judged: whether the rounded or the calculated values are; None for as the edition says.
        mark: where this requirement alone is less sure than the field.
    """

    name: str
    title: Bilingual
    values: Mapping[str, str]
    limits: tuple[LimitSegment, ...]
    reported: bool
    test: str = MAIN_TEST
    sense: Literal["at_most", "at_least", "none"] = "at_most"
    labels: Mapping[str, Bilingual] = field(default_factory=dict)
    unit: str | None = None
    step: str | None = None
    judged: Literal["calculated", "rounded"] | None = None
    mark: Confidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection(Case):
    """A requirement that is met or not, without a number: appearance, starting, creep."""

    name: str
    title: Bilingual
    mark: Confidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCase(Case):
    """The limits of an influence quantity for some classes."""

    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCondition:
    """The limits of one influence quantity during the measurement.

    Attributes:
        cases: closer limits for some classes; the first that suits counts.
    """

    name: str
    title: Bilingual
    unit: str
    lowest: float | None
    highest: float | None
    cases: tuple[EnvironmentCase, ...] = ()

    def bounds(
        self, accuracy_class: str, words: Mapping[str, str]
    ) -> tuple[float | None, float | None]:
        """Return the lowest and highest value allowed for a class."""
        for case in self.cases:
            if case.suits(accuracy_class, words):
                return case.lowest, case.highest
        return self.lowest, self.highest


COMMON_CONDITIONS: Final = tuple(
    EnvironmentCondition(name=name, title=title, unit=unit, lowest=None, highest=None)
    for name, title, unit in (
        ("temperature", Bilingual(zh="环境温度", en="ambient temperature"), "°C"),
        ("humidity", Bilingual(zh="相对湿度", en="relative humidity"), "%"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredStandard:
    """A standard or device that the measurement needs, and what it must be."""

    name: Bilingual
    requirement: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioCase(Case):
    """The largest ratio allowed for some classes."""

    maximum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioRule:
    """How much better than the instrument its standard must be.

    Attributes:
        basis: MPE of the standard, or U of it, over |MPE| of the instrument.
        maximum: the largest ratio allowed.
        standard: that figure of the standard at a point, an expression; None for what is told of
            the standard in use.
        cases: other ratios for some classes; the first that suits counts.
    """

    basis: Literal["MPE/MPE", "U/MPE"]
    maximum: float
    standard: str | None = None
    cases: tuple[RatioCase, ...] = ()

    def maximum_for(self, accuracy_class: str, words: Mapping[str, str]) -> float:
        """Return the largest ratio allowed for a class."""
        for case in self.cases:
            if case.suits(accuracy_class, words):
                return case.maximum
        return self.maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodCase(Case):
    """The longest period for some classes, or in a case told in words alone.

    Attributes:
        when: the case in words, where classes and options do not say it; then it is shown and
            never applied by itself.
    """

    months: int
    when: Bilingual | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """One input quantity of the measurement model; figures are expressions.

    Attributes:
        estimate: x_i.
        half_width: a of a rectangular, triangular or U-shaped distribution.
        standard_uncertainty: u(x_i); exactly one of the two is given.
        degrees_of_freedom: infinite unless given.
        unit: None for that of the measurand.
    """

    symbol: str
    source: Bilingual
    evaluation: Literal["A", "B"]
    distribution: Literal["normal", "rectangular", "triangular", "u_shaped"]
    estimate: str
    half_width: str | None
    standard_uncertainty: str | None
    degrees_of_freedom: str | None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The measurement model of the values that one check judges.

    Attributes:
        expression: over the symbols of the contributors.
        judges: the name of that check.
        indications: what `indication` stands for in the figures of the contributors, for each value
            of the check; empty where they do not use it.
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
        rule: simple acceptance; guarded acceptance with w = U; JJF 1094, which is simple where
            U ≤ MPEV/3 and guarded with an undetermined zone otherwise; or no statement of
            conformity at all, as a calibration may have it.
    """

    rule: DecisionRuleOfEdition
    reason: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureEdition:
    """One edition of a verification regulation (JJG), calibration specification (JJF) or method.

    Attributes:
        in_force_from: the first day on which it may be used; None where it is not known.
        in_force_no_later_than: a day on which it certainly was in force, where that is all that is
            known.
        in_force_until: the last day; None while nothing replaces it.
        replaced_by: the edition that replaces it.
        based_on: the edition from which this one was written, for instance `JJG 52-2013`.
        deviations: the fields in which it differs from that one; see `compared_with`.
        measuring_interval: the lowest and highest nominal value it is for, expressions.
        period_months: the longest period of validity of a result; None where the edition has none.
        period_cases: longest periods of single classes.
        readings, derived, summaries: what is read, what is calculated of it repeat by repeat, and
            the figures over all points.
        maximum_permissible_error: of points; no segment where the edition has none or it is not
            known.
        certificates: the document for each verdict that leads to one.
        certificate_without_statement: the document where no statement of conformity is made.
        wording: what the document says of conformity, by verdict; {accuracy_class} and {failed}
            stand for the class and the failed checks.
        marks: how sure each field is.
    """

    code: str
    edition: str
    kind: ProcedureKind
    title: Bilingual
    issued_on: date | None
    in_force_from: date | None
    in_force_no_later_than: date | None = None
    in_force_until: date | None
    replaces: tuple[str, ...]
    replaced_by: str | None = None
    based_on: str | None = None
    deviations: tuple[str, ...] = ()
    note: Bilingual | None = None
    measurand: Measurand
    measuring_interval: tuple[str | None, str | None] = (None, None)
    period_months: int | None
    period_cases: tuple[PeriodCase, ...] = ()
    parameters: tuple[Parameter, ...]
    options: tuple[Option, ...] = ()
    classes: tuple[AccuracyClass, ...]
    maximum_permissible_error: tuple[LimitSegment, ...]
    test_points: TestPoints
    further_tests: tuple[TestPoints, ...] = ()
    readings: tuple[Reading, ...]
    derived: tuple[Derived, ...] = ()
    summaries: tuple[Summary, ...] = ()
    checks: tuple[Check, ...]
    inspections: tuple[Inspection, ...] = ()
    environment: tuple[EnvironmentCondition, ...]
    standards: tuple[RequiredStandard, ...] = ()
    ratio: RatioRule | None
    model: Model
    contributors: tuple[Contributor, ...]
    rounding: Rounding
    conformity: ConformityRule
    certificates: Mapping[Verdict, CertificateKind]
    certificate_without_statement: CertificateKind | None = None
    wording: Mapping[Verdict, Bilingual] = field(default_factory=dict)
    marks: Mapping[str, Confidence]

    @property
    def name(self) -> str:
        """The code and the edition, JJG 52-2013; marked where it is not by the regulation."""
        return f"{self.code}-{self.edition_as_printed}"

    @property
    def edition_as_printed(self) -> str:
        """The edition, marked where it is not by the regulation."""
        return f"{self.edition} ({NOT_BY_REGULATION})" if self.deviations else self.edition

    @property
    def recorded_conditions(self) -> tuple[EnvironmentCondition, ...]:
        """What is recorded of the environment: what the edition limits, else what is common.

        A certificate tells of it either way.
        """
        return self.environment or COMMON_CONDITIONS

    @property
    def tests(self) -> tuple[TestPoints, ...]:
        """The main test and the further ones, in the order of the edition."""
        return (self.test_points, *self.further_tests)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The fields marked unsure; wherever they are shown, this is shown with them."""
        fields = [field for field, mark in self.marks.items() if mark is Confidence.UNSURE]
        fields += ["in_force_from"] if self.in_force_from is None else []
        parts = [path for path, mark in self._parts() if mark is Confidence.UNSURE]
        return tuple(dict.fromkeys([*fields, *parts]))

    def _parts(self) -> Iterable[tuple[str, Confidence | None]]:
        """Yield what has a mark of its own, with its path."""
        for parameter in self.parameters:
            yield f"parameters.{parameter.symbol}", parameter.confidence
        for accuracy_class in self.classes:
            yield f"classes.{accuracy_class.name}", accuracy_class.mark
        for segment in self.maximum_permissible_error:
            classes = ".".join(("maximum_permissible_error", *segment.classes))
            yield classes, segment.mark
        for check in self.checks:
            marks = {check.mark, *(segment.mark for segment in check.limits)}
            yield (
                f"checks.{check.name}",
                Confidence.UNSURE if Confidence.UNSURE in marks else check.mark,
            )
        for inspection in self.inspections:
            yield f"inspections.{inspection.name}", inspection.mark

    def accuracy_class(self, name: str) -> AccuracyClass:
        """Return the class of that name, in any of its spellings.

        An edition without classes has one without a name.

        Raises:
            UnknownAccuracyClass: the edition has no such class.
        """
        for accuracy_class in self.classes or (NO_CLASS,):
            if name == accuracy_class.name or name in accuracy_class.also:
                return accuracy_class
        raise UnknownAccuracyClass(self.name, name, tuple(known.name for known in self.classes))

    def check(self, name: str) -> Check:
        """Return the check of that name; KeyError where the edition has none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def label_of(self, check: str, name: str) -> Bilingual:
        """Return what a value of a check is: its label, or the reading it is made of, or its title.

        KeyError where the edition has no such check.
        """
        found = self.check(check)
        labels = {reading.symbol: reading.label for reading in self.readings}
        read = self.model.indications.get(name, "") if check == self.model.judges else ""
        return found.labels.get(name) or labels.get(read) or found.title

    def in_force(self, on: date) -> InForce:
        """Say whether the edition may be used on a day, and unknown where nobody has told."""
        if self.in_force_until is not None and on > self.in_force_until:
            return InForce.ENDED
        if self.in_force_from is not None:
            return InForce.YES if on >= self.in_force_from else InForce.NOT_YET
        if self.in_force_no_later_than is not None and on >= self.in_force_no_later_than:
            return InForce.YES
        return InForce.UNKNOWN

    def is_in_force(self, on: date) -> bool:
        """Say whether the edition may be used on a day; an unknown first day is no."""
        return self.in_force(on) is InForce.YES

    def period_for(self, accuracy_class: str, words: Mapping[str, str]) -> int | None:
        """Return the longest period of a class in months; None where the edition has none."""
        for case in self.period_cases:
            if case.when is None and case.suits(accuracy_class, words):
                return case.months
        return self.period_months

    def valid_until(self, performed_on: date) -> date | None:
        """Return the last valid day of a passed instrument, by the longest period allowed."""
        if self.period_months is None:
            return None
        return last_valid_day(performed_on, self.period_months)


NO_CLASS: Final = AccuracyClass(name="", also=(), figures={})
NORMATIVE: Final = (
    "measurand",
    "measuring_interval",
    "period_months",
    "period_cases",
    "parameters",
    "options",
    "classes",
    "maximum_permissible_error",
    "test_points",
    "further_tests",
    "readings",
    "derived",
    "summaries",
    "checks",
    "inspections",
    "environment",
    "ratio",
    "model",
    "rounding",
    "conformity",
)
NOT_BINDING: Final = ("note", "also")


def compared_with(edition: ProcedureEdition, original: ProcedureEdition) -> ProcedureEdition:
    """Return an edition that says in which fields it departs from the one it was written from.

    Words that only people read and marks of confidence do not count; every figure, point, condition
    and rule does.
    """
    changed = tuple(
        name
        for name in NORMATIVE
        if _normative(getattr(edition, name)) != _normative(getattr(original, name))
    )
    return replace(edition, deviations=changed)


def _normative(value: Any) -> Any:
    """Return what binds in a part of an edition, as something that compares by its content."""
    if isinstance(value, Bilingual | Confidence):
        return None
    if is_dataclass(value):
        parts = ((part.name, getattr(value, part.name)) for part in fields(value))
        return tuple((name, _normative(part)) for name, part in parts if name not in NOT_BINDING)
    if isinstance(value, Mapping):
        return tuple(sorted((key, _normative(part)) for key, part in value.items()))
    return tuple(map(_normative, value)) if isinstance(value, tuple) else value


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
