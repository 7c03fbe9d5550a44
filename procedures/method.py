"""A procedure edition applied: from the readings of one instrument to its verdict and budget.

The edition itself, as data, stands in `edition`; `edition_reader` reads it from TOML.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from math import inf, isfinite, nan

import numpy as np
from numpy.typing import NDArray

from procedures import budget as budgets
from procedures.budget import UncertaintyBudget
from procedures.conformity import (
    DecisionRule,
    ToleranceInterval,
    Verdict,
    guarded_acceptance,
    guarded_with_undetermined_zone,
    jjf_1094,
    simple_acceptance,
)
from procedures.edition import (
    Bilingual,
    CertificateKind,
    Confidence,
    Contributor,
    EnvironmentCondition,
    Parameter,
    ProcedureEdition,
    ProcedureKind,
    last_valid_day,
)
from procedures.edition_reader import EditionUnreadable, load_catalogue, read_edition
from procedures.errors import InvalidInput
from procedures.models import compile_model
from procedures.quantities import InputQuantity, Normal, Rectangular, Triangular, UShaped
from procedures.rounding import round_to_step, without_binary_noise

__all__ = [
    "Bilingual",
    "CertificateKind",
    "CheckResult",
    "CheckValue",
    "Confidence",
    "EditionUnreadable",
    "MethodResult",
    "Objection",
    "PointReadings",
    "PointResult",
    "ProcedureEdition",
    "ProcedureKind",
    "RatioResult",
    "ReferenceStandard",
    "evaluate_readings",
    "last_valid_day",
    "load_catalogue",
    "read_edition",
]

FloatArray = NDArray[np.float64]

FROM_GOOD_TO_BAD = (
    Verdict.PASS,
    Verdict.CONDITIONAL_PASS,
    Verdict.UNDETERMINED,
    Verdict.CONDITIONAL_FAIL,
    Verdict.FAIL,
)
BOUNDED = {"rectangular": Rectangular, "triangular": Triangular, "u_shaped": UShaped}


@dataclass(frozen=True, slots=True, kw_only=True)
class PointReadings:
    """The readings at one nominal value, by the symbols of the edition and in its unit."""

    nominal: float
    readings: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceStandard:
    """What is known of the standard in use, in the unit of the measurand; unknown is None."""

    maximum_permissible_error: float | None = None
    expanded_uncertainty: float | None = None

    def __post_init__(self) -> None:
        for field in ("maximum_permissible_error", "expanded_uncertainty"):
            value = getattr(self, field)
            if value is not None and not (isfinite(value) and value >= 0):
                raise InvalidInput(f"standard.{field}", f"must be finite and ≥ 0, got {value}")

    def symbols(self) -> dict[str, float]:
        """Return what is known, by the symbols that expressions use."""
        known = {
            "standard_mpe": self.maximum_permissible_error,
            "standard_U": self.expanded_uncertainty,
        }
        return {symbol: value for symbol, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckValue:
    """One value of a check at one point, in the unit of the measurand.

    Attributes:
        value: as judged: calculated, or rounded where the edition judges after rounding.
        reported: with the digits of the edition's rounding interval.
        limit: the largest |value| allowed.
    """

    check: str
    name: str
    nominal: float
    value: float
    reported: Decimal
    limit: float

    @property
    def is_within_limit(self) -> bool:
        """Whether |value| ≤ limit, the uncertainty left out of account."""
        return abs(self.value) <= self.limit

    @property
    def share_of_limit(self) -> float:
        """|value| over its limit; infinite where nothing but 0 is allowed."""
        if self.limit == 0:
            return 0.0 if self.value == 0 else inf
        return abs(self.value) / self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class PointResult:
    """What was found at one nominal value."""

    nominal: float
    maximum_permissible_error: float
    values: tuple[CheckValue, ...]

    def value(self, name: str) -> CheckValue:
        """Return the value of that name; KeyError where the edition has none."""
        for value in self.values:
            if value.name == name:
                return value
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check over all points; `worst` uses up most of its limit."""

    name: str
    title: Bilingual
    reported: bool
    worst: CheckValue
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioResult:
    """How much better than the instrument the standard is, by the edition's ratio rule."""

    basis: str
    value: float
    maximum: float

    @property
    def holds(self) -> bool:
        """Whether the standard may be used for this instrument."""
        return self.value <= self.maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A condition of the edition that the measurement does not meet, so that nothing is decided.

    Attributes:
        field: `environment.temperature`, `ratio` or `test_points`.
        actual: what was recorded; None where nothing was.
        lowest: the least allowed (for a missing test point: where it should lie).
        highest: the most allowed.
    """

    field: str
    actual: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """The result of one instrument by one procedure edition.

    Attributes:
        verdict: by the edition's rule; undetermined while there are objections.
        guarded_verdict: what guarded acceptance with w = U would say (JJF 1094 with its
            undetermined zone), for the record.
        decisive: the judged value that uses up most of its limit; the budget belongs to it.
        budget: of that value, in the unit of the measurand.
        certificate: the document this leads to; None while undetermined.
    """

    procedure: str
    accuracy_class: str
    unit: str
    points: tuple[PointResult, ...]
    checks: tuple[CheckResult, ...]
    objections: tuple[Objection, ...]
    ratio: RatioResult | None
    verdict: Verdict
    guarded_verdict: Verdict
    rule: DecisionRule
    decisive: CheckValue
    budget: UncertaintyBudget
    coverage_factor: float
    certificate: CertificateKind | None

    @property
    def failed_checks(self) -> tuple[CheckResult, ...]:
        """The checks that failed, in the order of the edition."""
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    @property
    def expanded_uncertainty(self) -> float:
        """U = k u_c, in the unit of the measurand."""
        return self.coverage_factor * self.budget.combined_standard_uncertainty

    @property
    def uncertainty_ratio(self) -> float:
        """U over |MPE| at the decisive value."""
        return self.expanded_uncertainty / self.decisive.limit if self.decisive.limit else inf


def evaluate_readings(
    edition: ProcedureEdition,
    *,
    accuracy_class: str,
    points: Sequence[PointReadings],
    environment: Mapping[str, float],
    standard: ReferenceStandard,
    **parameters: float,
) -> MethodResult:
    """Judge the readings of one instrument by a procedure edition.

    Args:
        edition: the procedure edition.
        accuracy_class: of the instrument, in any spelling the edition knows.
        points: the readings, in the unit of the measurand.
        environment: what was recorded, by the names of the edition's conditions; a condition not
            recorded is an objection, not a pass.
        standard: the standard in use.
        parameters: the edition's parameters by symbol, for instance span=1.6, division=0.05; those
            with a default may be left out.

    Raises:
        UnknownAccuracyClass: the edition has no such class.
        InvalidInput: a parameter, point, reading or figure of the standard is missing, unknown or
            not finite.
        ProcedureError: an expression of the edition has no value for these figures.
    """
    known = edition.accuracy_class(accuracy_class)
    symbols = _parameters(edition, parameters) | dict(known.figures)
    _require_readings(edition, points)
    results = _point_results(edition, points, symbols)
    ratio = _ratio(edition, standard, results)
    objections = (
        *_environment_objections(edition.environment, environment),
        *_missing_points(edition, points, symbols),
        *_ratio_objections(ratio),
    )
    decisive = _worst(_values_of(edition.model.judges, results))
    budget = _budget(edition, decisive, points, symbols | standard.symbols())
    uncertainty = edition.model.coverage_factor * budget.combined_standard_uncertainty
    checks = _judge(edition, results, partial(_rule_of_edition, edition, uncertainty))
    guarded = guarded_with_undetermined_zone(uncertainty)
    if_guarded = _judge(edition, results, lambda _value: guarded)
    verdict = Verdict.UNDETERMINED if objections else _worst_verdict(checks)
    return MethodResult(
        procedure=edition.name,
        accuracy_class=known.name,
        unit=edition.measurand.unit,
        points=results,
        checks=checks,
        objections=objections,
        ratio=ratio,
        verdict=verdict,
        guarded_verdict=Verdict.UNDETERMINED if objections else _worst_verdict(if_guarded),
        rule=_rule_of_edition(edition, uncertainty, decisive),
        decisive=decisive,
        budget=budget,
        coverage_factor=edition.model.coverage_factor,
        certificate=edition.certificates.get(verdict),
    )


def _evaluate(expression: str, symbols: Mapping[str, float]) -> float:
    return compile_model(expression, tuple(symbols)).evaluate(symbols)


def _parameters(edition: ProcedureEdition, given: Mapping[str, float]) -> dict[str, float]:
    known = {parameter.symbol for parameter in edition.parameters}
    for symbol, figure in given.items():
        if symbol not in known:
            raise InvalidInput(f"parameters.{symbol}", f"{edition.name} does not use it")
        if not isfinite(figure):
            raise InvalidInput(f"parameters.{symbol}", f"must be finite, got {figure}")
    symbols: dict[str, float] = {}
    for parameter in edition.parameters:
        symbols[parameter.symbol] = _parameter(parameter, given, symbols)
    return symbols


def _parameter(
    parameter: Parameter, given: Mapping[str, float], earlier: Mapping[str, float]
) -> float:
    if parameter.symbol in given:
        return float(given[parameter.symbol])
    if parameter.default is None:
        raise InvalidInput(f"parameters.{parameter.symbol}", f"is missing ({parameter.title.en})")
    return _evaluate(parameter.default, earlier)


def _require_readings(edition: ProcedureEdition, points: Sequence[PointReadings]) -> None:
    if not points:
        raise InvalidInput("points", "there are none")
    symbols = {reading.symbol for reading in edition.readings}
    for number, point in enumerate(points):
        field = f"points[{number}]"
        if not isfinite(point.nominal):
            raise InvalidInput(f"{field}.nominal", f"must be finite, got {point.nominal}")
        if any(point.nominal == earlier.nominal for earlier in points[:number]):
            raise InvalidInput(f"{field}.nominal", f"{point.nominal} stands twice")
        for symbol in sorted(symbols ^ set(point.readings)):
            problem = "is missing" if symbol in symbols else f"{edition.name} does not take it"
            raise InvalidInput(f"{field}.readings.{symbol}", problem)
        for symbol, value in point.readings.items():
            if not isfinite(value):
                raise InvalidInput(f"{field}.readings.{symbol}", f"must be finite, got {value}")


def _point_results(
    edition: ProcedureEdition, points: Sequence[PointReadings], symbols: Mapping[str, float]
) -> tuple[PointResult, ...]:
    """Evaluate every expression once, for all points together."""
    nominals = np.array([point.nominal for point in points])
    readings = {
        reading.symbol: np.array([point.readings[reading.symbol] for point in points])
        for reading in edition.readings
    }
    mpes = _maximum_permissible_errors(edition, nominals, symbols)
    at_point: dict[str, float | FloatArray] = {**symbols, "nominal": nominals, "mpe": mpes}
    with_readings = at_point | readings
    scales = np.abs([nominals, mpes, *readings.values()]).max(axis=0)
    step = _evaluate(edition.rounding.step, symbols)
    values: list[list[CheckValue]] = [[] for _ in points]
    for check in edition.checks:
        limits = _evaluate_at_points(check.limit, at_point, scales)
        for name, expression in check.values.items():
            calculated = _evaluate_at_points(expression, with_readings, scales)
            for i, value in enumerate(calculated):
                reported = round_to_step(value, step)
                values[i].append(
                    CheckValue(
                        check=check.name,
                        name=name,
                        nominal=points[i].nominal,
                        value=value if edition.rounding.judged == "calculated" else float(reported),
                        reported=reported,
                        limit=limits[i],
                    )
                )
    return tuple(
        PointResult(
            nominal=point.nominal, maximum_permissible_error=float(mpe), values=tuple(found)
        )
        for point, mpe, found in zip(points, mpes, values, strict=True)
    )


def _maximum_permissible_errors(
    edition: ProcedureEdition, nominals: FloatArray, symbols: Mapping[str, float]
) -> FloatArray:
    """Return |MPE| at nominal values: of the first segment that each lies below."""
    mpes = np.full(len(nominals), nan)
    for segment in edition.maximum_permissible_error:
        here = np.isnan(mpes)
        if segment.below is not None:
            bound = _evaluate(segment.below, symbols)
            here &= nominals < without_binary_noise(bound, scale=abs(bound))
        if here.any():
            at_point: dict[str, float | FloatArray] = {**symbols, "nominal": nominals[here]}
            mpes[here] = _evaluate_at_points(segment.expression, at_point)
    if (mpes < 0).any():
        raise InvalidInput("maximum_permissible_error", f"of {edition.name} is negative")
    return mpes


def _evaluate_at_points(
    expression: str,
    symbols: Mapping[str, float | FloatArray],
    scales: FloatArray | None = None,
) -> list[float]:
    """Return the values of an expression at all points, freed of binary noise.

    `scales` are the largest magnitudes that went into them; their own, if not given.
    """
    arrays = {symbol: np.asarray(value) for symbol, value in symbols.items()}
    values = compile_model(expression, tuple(arrays)).evaluate(arrays)
    for i, value in enumerate(values):
        if not isfinite(value):
            raise InvalidInput(f"points[{i}]", f"{expression!r} has no value there")
    return [
        without_binary_noise(float(value), scale=float(scale))
        for value, scale in zip(values, np.abs(values) if scales is None else scales, strict=True)
    ]


def _judge(
    edition: ProcedureEdition,
    points: Sequence[PointResult],
    rule_for: Callable[[CheckValue], DecisionRule],
) -> tuple[CheckResult, ...]:
    """Judge every check: the one the model belongs to by the rule, the others by their limits."""
    results = []
    for check in edition.checks:
        values = _values_of(check.name, points)
        if check.name == edition.model.judges:
            verdicts = [rule_for(value).verdict(value.value, _tolerance(value)) for value in values]
        else:
            within = all(value.is_within_limit for value in values)
            verdicts = [Verdict.PASS if within else Verdict.FAIL]
        results.append(
            CheckResult(
                name=check.name,
                title=check.title,
                reported=check.reported,
                worst=_worst(values),
                verdict=max(verdicts, key=FROM_GOOD_TO_BAD.index),
            )
        )
    return tuple(results)


def _values_of(check: str, points: Sequence[PointResult]) -> list[CheckValue]:
    return [value for point in points for value in point.values if value.check == check]


def _worst(values: Sequence[CheckValue]) -> CheckValue:
    return max(values, key=lambda value: value.share_of_limit)


def _worst_verdict(checks: Sequence[CheckResult]) -> Verdict:
    return max((check.verdict for check in checks), key=FROM_GOOD_TO_BAD.index)


def _budget(
    edition: ProcedureEdition,
    decisive: CheckValue,
    points: Sequence[PointReadings],
    symbols: Mapping[str, float],
) -> UncertaintyBudget:
    point = next(point for point in points if point.nominal == decisive.nominal)
    at_point = {**symbols, "nominal": point.nominal, "mpe": decisive.limit}
    indication = _evaluate(edition.model.indications[decisive.name], {**at_point, **point.readings})
    at_point["indication"] = indication
    inputs = [
        _input_quantity(contributor, at_point, edition) for contributor in edition.contributors
    ]
    model = compile_model(edition.model.expression, tuple(quantity.symbol for quantity in inputs))
    return budgets.evaluate(model, inputs, unit=edition.measurand.unit)


def _input_quantity(
    contributor: Contributor, symbols: Mapping[str, float], edition: ProcedureEdition
) -> InputQuantity:
    estimate = _evaluate(contributor.estimate, symbols)
    width = _evaluate(contributor.half_width or contributor.standard_uncertainty or "", symbols)
    distribution = (
        Normal(estimate, width)
        if contributor.distribution == "normal"
        else BOUNDED[contributor.distribution].about(estimate, width)
    )
    return InputQuantity(
        symbol=contributor.symbol,
        estimate=distribution.expectation,
        standard_uncertainty=distribution.standard_uncertainty,
        degrees_of_freedom=contributor.degrees_of_freedom or inf,
        evaluation=contributor.evaluation,
        distribution=distribution,
        unit=edition.measurand.unit,
        source=contributor.source.zh,
    )


def _rule_of_edition(
    edition: ProcedureEdition, uncertainty: float, value: CheckValue
) -> DecisionRule:
    reason = edition.conformity.reason.en
    match edition.conformity.rule:
        case "simple_acceptance":
            return simple_acceptance(reason=reason)
        case "guarded_acceptance":
            return guarded_acceptance(uncertainty, reason=reason)
        case "jjf_1094":
            return jjf_1094(uncertainty, _tolerance(value))


def _tolerance(value: CheckValue) -> ToleranceInterval:
    return ToleranceInterval.of_maximum_permissible_error(value.limit)


def _ratio(
    edition: ProcedureEdition, standard: ReferenceStandard, points: Sequence[PointResult]
) -> RatioResult | None:
    if edition.ratio is None:
        return None
    of_standard = (
        standard.maximum_permissible_error
        if edition.ratio.basis == "MPE/MPE"
        else standard.expanded_uncertainty
    )
    if of_standard is None:
        raise InvalidInput("standard", f"the ratio {edition.ratio.basis} needs a figure of it")
    smallest = min(point.maximum_permissible_error for point in points)
    value = of_standard / smallest if smallest else inf
    value = without_binary_noise(value, scale=value) if isfinite(value) else value
    return RatioResult(basis=edition.ratio.basis, value=value, maximum=edition.ratio.maximum)


def _environment_objections(
    conditions: Sequence[EnvironmentCondition], recorded: Mapping[str, float]
) -> list[Objection]:
    names = {condition.name for condition in conditions}
    for name, value in recorded.items():
        if name not in names:
            raise InvalidInput(f"environment.{name}", "the edition sets no such condition")
        if not isfinite(value):
            raise InvalidInput(f"environment.{name}", f"must be finite, got {value}")
    return [
        Objection(
            field=f"environment.{condition.name}",
            actual=recorded.get(condition.name),
            lowest=condition.lowest,
            highest=condition.highest,
        )
        for condition in conditions
        if not _is_met(condition, recorded.get(condition.name))
    ]


def _is_met(condition: EnvironmentCondition, actual: float | None) -> bool:
    if actual is None:
        return False
    lowest = -inf if condition.lowest is None else condition.lowest
    highest = inf if condition.highest is None else condition.highest
    return lowest <= actual <= highest


def _missing_points(
    edition: ProcedureEdition, points: Sequence[PointReadings], symbols: Mapping[str, float]
) -> list[Objection]:
    required = [_evaluate(expression, symbols) for expression in edition.test_points.required]
    scale = max((abs(nominal) for nominal in required), default=0.0)
    found = {without_binary_noise(point.nominal, scale=scale) for point in points}
    return [
        Objection(field="test_points", actual=None, lowest=nominal, highest=nominal)
        for nominal in (without_binary_noise(nominal, scale=scale) for nominal in required)
        if nominal not in found
    ]


def _ratio_objections(ratio: RatioResult | None) -> list[Objection]:
    if ratio is None or ratio.holds:
        return []
    return [Objection(field="ratio", actual=ratio.value, lowest=None, highest=ratio.maximum)]
