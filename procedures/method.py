"""A procedure edition applied: from the readings of one instrument to its verdict and budget.

The edition itself, as data, stands in `edition`; `edition_reader` reads it from TOML; `evaluation`
calculates its values, `batch` those of many instruments at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from math import inf, isfinite, nan

import numpy as np

from procedures import budget as budgets
from procedures.budget import UncertaintyBudget
from procedures.capability import Capability, capability_at
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
    MAIN_TEST,
    AccuracyClass,
    Bilingual,
    CertificateKind,
    Confidence,
    Contributor,
    EnvironmentCondition,
    Parameter,
    ProcedureEdition,
    ProcedureKind,
    TestPoints,
    last_valid_day,
)
from procedures.edition_reader import EditionUnreadable, load_catalogue, read_edition
from procedures.errors import InvalidInput
from procedures.evaluation import (
    Evaluated,
    Sheet,
    Values,
    evaluate_expression,
    evaluate_sheets,
    finite_or_none,
)
from procedures.models import compile_model, identifiers
from procedures.quantities import InputQuantity, Normal, Rectangular, Triangular, UShaped
from procedures.rounding import round_to_step, round_uncertainty, without_binary_noise

__all__ = [
    "Bilingual",
    "CertificateKind",
    "CheckResult",
    "CheckValue",
    "Confidence",
    "EditionUnreadable",
    "InspectionResult",
    "MethodResult",
    "Objection",
    "PlannedPoint",
    "PointReadings",
    "PointResult",
    "ProcedureEdition",
    "ProcedureKind",
    "RatioResult",
    "ReferenceStandard",
    "evaluate_readings",
    "last_valid_day",
    "load_catalogue",
    "planned_points",
    "read_edition",
]

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
    """The readings at one point of a test, by the symbols of the edition and in its units.

    Attributes:
        nominal: in the unit of the test; 0 where the test has no nominal values.
        readings: one number each, or one for every repeat.
        test: `main`, or the name of a further test.
        conditions: what else the point is measured at: a number, or one of the words known.
    """

    nominal: float = 0.0
    readings: Mapping[str, float | Sequence[float]]
    test: str = MAIN_TEST
    conditions: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceStandard:
    """What is known of the standard in use, in the unit of the measurand; unknown is None."""

    maximum_permissible_error: float | None = None
    expanded_uncertainty: float | None = None

    def __post_init__(self) -> None:
        for name in ("maximum_permissible_error", "expanded_uncertainty"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise InvalidInput(f"standard.{name}", f"must be finite and ≥ 0, got {value}")

    def symbols(self) -> dict[str, float]:
        """Return what is known, by the symbols that expressions use."""
        known = {
            "standard_mpe": self.maximum_permissible_error,
            "standard_U": self.expanded_uncertainty,
        }
        return {symbol: value for symbol, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckValue:
    """One value of a check at one point, in the unit of the check.

    Attributes:
        value: as judged: calculated, or rounded where the edition judges after rounding.
        reported: with the digits of the rounding interval.
        limit: the largest |value| allowed, or the least value; None where the edition's is unknown.
        unit: of value and limit.
        sense: `at_most`, `at_least`, or `none` where nothing is required.
        point: the place of the point among those given.
        limit_is_lower_bound: whether the limit is at least that, and no more is known.
    """

    check: str
    name: str
    nominal: float
    value: float
    reported: Decimal
    limit: float | None
    unit: str
    sense: str = "at_most"
    point: int = 0
    limit_is_lower_bound: bool = False

    @property
    def is_within_limit(self) -> bool:
        """Whether the limit is kept, the uncertainty left out of account; an unknown one is not."""
        if self.limit is None:
            return False
        return self.value >= self.limit if self.sense == "at_least" else self._size <= self.limit

    @property
    def share_of_limit(self) -> float:
        """How much of its limit the value uses; infinite where nothing but 0 is allowed.

        NaN where the limit is not known.
        """
        if self.limit is None:
            return nan
        if self.sense == "at_least":
            return self.limit / self.value if self.value > 0 else inf
        if self.limit == 0:
            return 0.0 if self.value == 0 else inf
        return self._size / self.limit

    @property
    def _size(self) -> float:
        return abs(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointResult:
    """What was found at one point.

    Attributes:
        maximum_permissible_error: None where the test has none or the edition's is not known.
    """

    nominal: float
    maximum_permissible_error: float | None
    values: tuple[CheckValue, ...]
    test: str = MAIN_TEST
    conditions: Mapping[str, float | str] = field(default_factory=dict)

    def value(self, name: str) -> CheckValue:
        """Return the value of that name; KeyError where the edition has none."""
        for value in self.values:
            if value.name == name:
                return value
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check over all points; `worst` uses up most of its limit.

    The verdict is undetermined where a limit is not known.
    """

    name: str
    title: Bilingual
    reported: bool
    worst: CheckValue
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionResult:
    """What was found of a requirement without a number; None where nobody has looked."""

    name: str
    title: Bilingual
    is_met: bool | None


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
        field: `environment.temperature`, `ratio`, `test_points`, `test_points.at_least`,
            `measuring_interval`, `readings.<symbol>` (too few repeats), `further_tests.<name>` (not
            done, or a point of it), `inspections.<name>` (nobody has looked), or
            `checks.<name>.limit` (the edition's figure is not known).
        actual: what was recorded; None where nothing was.
        lowest: the least allowed (for a missing test point: where it should lie).
        highest: the most allowed.
        nominal: of the point that it is about.
    """

    field: str
    actual: float | None
    lowest: float | None
    highest: float | None
    nominal: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """The result of one instrument by one procedure edition.

    Attributes:
        unit: of the measurand.
        verdict: by the edition's rule; undetermined while there are objections, and where the
            edition makes no statement of conformity.
        guarded_verdict: what guarded acceptance with w = U would say (JJF 1094 with its
            undetermined zone), for the record.
        decisive: the judged value that uses up most of its limit; the budget belongs to it.
        budget: of that value, in the unit of the measurand.
        certificate: the document this leads to; None while undetermined. No verification document
            follows from an edition that is not by the regulation.
        period_months: the longest period of validity; None where the edition has none.
        wording: what the document says of conformity, where the edition has words for it.
        capability: the accredited capability (CMC), the greatest over the points it covers;
            None where none is registered.
        outside: the nominal values of the points that a registered capability does not cover.
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
    inspections: tuple[InspectionResult, ...] = ()
    states_conformity: bool = True
    period_months: int | None = None
    wording: Bilingual | None = None
    capability: float | None = None
    outside: tuple[float, ...] = ()

    @property
    def failed_checks(self) -> tuple[CheckResult, ...]:
        """The checks that failed, in the order of the edition."""
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    @property
    def evaluated_uncertainty(self) -> float:
        """U = k u_c, in the unit of the measurand."""
        return self.coverage_factor * self.budget.combined_standard_uncertainty

    @property
    def expanded_uncertainty(self) -> float:
        """U = k u_c, but no smaller than the accredited capability (ILAC-P14:09/2020)."""
        return max(self.evaluated_uncertainty, self.capability or 0.0)

    @property
    def reported_uncertainty(self) -> Decimal:
        """U with two digits, which still is no smaller than the accredited capability."""
        return round_uncertainty(self.expanded_uncertainty, at_least=self.capability or 0)

    @property
    def is_raised(self) -> bool:
        """Whether U is the accredited capability, and not what the budget gives."""
        return self.evaluated_uncertainty < (self.capability or 0.0)

    @property
    def uncertainty_ratio(self) -> float:
        """U over the limit at the decisive value; NaN where that is not known."""
        if self.decisive.limit is None:
            return nan
        return self.expanded_uncertainty / self.decisive.limit if self.decisive.limit else inf

    def decisive_values(self) -> tuple[tuple[float, float], ...]:
        """Return (nominal, value) of the decisive value and its like at other points, by nominal.

        Where one nominal value was read under several conditions the value farthest from zero.
        """
        found: dict[float, float] = {}
        test = self.points[self.decisive.point].test
        for point in self.points:
            for value in point.values if point.test == test else ():
                if (value.check, value.name) == (self.decisive.check, self.decisive.name):
                    known = found.get(point.nominal, 0.0)
                    found[point.nominal] = max(known, value.value, key=abs)
        return tuple(sorted(found.items()))

    def valid_until(self, performed_on: date) -> date | None:
        """Return the last valid day of what passed, by the longest period allowed."""
        if self.period_months is None:
            return None
        return last_valid_day(performed_on, self.period_months)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPoint:
    """A point that the edition wants measured, with the least number of repeats of each reading."""

    test: str
    nominal: float
    conditions: Mapping[str, str]
    repeats: Mapping[str, int]


def evaluate_readings(
    edition: ProcedureEdition,
    *,
    accuracy_class: str,
    points: Sequence[PointReadings],
    environment: Mapping[str, float],
    standard: ReferenceStandard,
    options: Mapping[str, str] | None = None,
    inspections: Mapping[str, bool] | None = None,
    capabilities: Sequence[Capability] = (),
    **parameters: float,
) -> MethodResult:
    """Judge the readings of one instrument by a procedure edition.

    Args:
        edition: the procedure edition.
        accuracy_class: of the instrument, in any spelling the edition knows; "" where it has none.
        points: the readings, in the units of the edition.
        environment: what was recorded, by the names of the edition's conditions; a condition not
            recorded is an objection, not a pass.
        standard: the standard in use.
        options: the choice of each option; those with a default may be left out.
        inspections: whether each requirement without a number is met; one not told of is an
            objection, not a pass.
        capabilities: what the laboratory is accredited for; U is no smaller than they say.
        parameters: the edition's parameters by symbol, for instance span=1.6, division=0.05; those
            with a default may be left out.

    Raises:
        UnknownAccuracyClass: the edition has no such class.
        InvalidInput: an option, parameter, point, reading or figure of the standard is missing,
            unknown or not finite.
        ProcedureError: an expression of the edition has no value for these figures.
    """
    known = edition.accuracy_class(accuracy_class)
    words = chosen_options(edition, options or {})
    figures = figures_of(edition, known, words, parameters)
    require_readings(edition, points)
    sheets = {
        test.name: _sheet(edition, test, points, words)
        for test in edition.tests
        if any(point.test == test.name for point in points)
    }
    evaluated = evaluate_sheets(
        edition, sheets, accuracy_class=known.name, options=words, figures=figures
    )
    results = _point_results(edition, points, sheets, evaluated)
    judged = _values_of(edition.model.judges, results)
    if not judged:
        raise InvalidInput("points", f"there are none for {edition.model.judges}")
    looked_at = _inspected(edition, inspections or {}, known.name, words)
    ratio = ratio_of(edition, standard, evaluated, known.name, words)
    objections = (
        *objections_to_conditions(edition, points, environment, figures, known.name, words),
        *_limit_objections(results),
        *_inspection_objections(looked_at),
        *ratio_objections(ratio),
    )
    decisive = _worst(judged)
    budget = _budget(edition, decisive, points, evaluated, standard)
    capability, outside = _capability(capabilities, judged, edition.measurand.unit)
    evaluated_uncertainty = edition.model.coverage_factor * budget.combined_standard_uncertainty
    uncertainty = max(evaluated_uncertainty, capability or 0.0)
    checks = _judge(edition, results, partial(rule_of_edition, edition, uncertainty))
    guarded = guarded_with_undetermined_zone(uncertainty)
    if_guarded = _judge(edition, results, lambda _value: guarded)
    states_conformity = edition.conformity.rule != "no_statement"
    is_open = bool(objections) or not states_conformity
    verdict = Verdict.UNDETERMINED if is_open else _worst_verdict(checks, looked_at)
    return MethodResult(
        procedure=edition.name,
        accuracy_class=known.name,
        unit=edition.measurand.unit,
        points=results,
        checks=checks,
        objections=objections,
        ratio=ratio,
        verdict=verdict,
        guarded_verdict=Verdict.UNDETERMINED if is_open else _worst_verdict(if_guarded, looked_at),
        rule=rule_of_edition(edition, uncertainty, decisive),
        decisive=decisive,
        budget=budget,
        coverage_factor=edition.model.coverage_factor,
        certificate=_certificate(edition, verdict, objections),
        inspections=looked_at,
        states_conformity=states_conformity,
        period_months=edition.period_for(known.name, words),
        wording=_wording(edition, verdict, known.name, checks, looked_at)
        if states_conformity
        else None,
        capability=capability,
        outside=outside,
    )


def _capability(
    capabilities: Sequence[Capability], judged: Sequence[CheckValue], unit: str
) -> tuple[float | None, tuple[float, ...]]:
    """Return the greatest capability over the judged values, and where none is registered.

    One U is reported for all points, so the greatest counts. Nothing is outside of no register.
    """
    found = {value.nominal: capability_at(capabilities, value.nominal, unit) for value in judged}
    known = [capability for capability in found.values() if capability is not None]
    outside = tuple(nominal for nominal, capability in found.items() if capability is None)
    return max(known, default=None), outside if capabilities else ()


def planned_points(
    edition: ProcedureEdition,
    *,
    accuracy_class: str,
    options: Mapping[str, str] | None = None,
    **parameters: float,
) -> tuple[PlannedPoint, ...]:
    """Return the points that an edition wants measured for one instrument, in their order.

    A test without nominal values has one point; one without required points has none here, since
    its rule leaves the choice to whoever measures.

    Args:
        parameters: those that the points depend on; the others may be left out.

    Raises:
        UnknownAccuracyClass, InvalidInput: as `evaluate_readings`.
    """
    known = edition.accuracy_class(accuracy_class)
    words = chosen_options(edition, options or {})
    figures = figures_of(edition, known, words, _with_unneeded(edition, parameters))
    return tuple(
        PlannedPoint(
            test=test.name,
            nominal=nominal,
            conditions=conditions,
            repeats={
                reading.symbol: _least_repeats(reading.repeats, figures)
                for reading in edition.readings
                if reading.test == test.name
            },
        )
        for test in edition.tests
        if _is_wanted(edition, test, known.name, words)
        for nominal, conditions in _wanted_points(test, figures, known.name, words)
    )


def _with_unneeded(edition: ProcedureEdition, given: Mapping[str, float]) -> Mapping[str, float]:
    """Return parameters with those that no point depends on filled in, whatever they are."""
    expressions = [
        expression
        for test in edition.tests
        for expression in (*(row.at for row in test.required), test.within, test.at_least)
    ]
    expressions += [reading.repeats for reading in edition.readings]
    needed = {name for expression in expressions if expression for name in identifiers(expression)}
    for parameter in reversed(edition.parameters):
        if parameter.symbol in needed and parameter.default is not None:
            needed |= identifiers(parameter.default)
    unneeded = [row.symbol for row in edition.parameters if row.symbol not in needed]
    return {**dict.fromkeys(unneeded, 1.0), **given}


def _wanted_points(
    test: TestPoints, figures: Mapping[str, float], accuracy_class: str, words: Mapping[str, str]
) -> list[tuple[float, Mapping[str, str]]]:
    if test.is_done_once:
        return [(0.0, {})]
    wanted = [point for point in test.required if point.suits(accuracy_class, words)]
    nominals = [float(evaluate_expression(point.at, figures)) for point in wanted]
    scale = max((abs(nominal) for nominal in nominals), default=0.0)
    return [
        (without_binary_noise(nominal, scale=scale), point.conditions)
        for nominal, point in zip(nominals, wanted, strict=True)
    ]


def _is_wanted(
    edition: ProcedureEdition, test: TestPoints, accuracy_class: str, words: Mapping[str, str]
) -> bool:
    """Say whether any check that applies belongs to a test."""
    return any(
        check.test == test.name and check.suits(accuracy_class, words) for check in edition.checks
    )


def _least_repeats(repeats: str | None, figures: Mapping[str, float]) -> int:
    return 1 if repeats is None else round(float(evaluate_expression(repeats, figures)))


def chosen_options(edition: ProcedureEdition, given: Mapping[str, str]) -> dict[str, str]:
    """Return the choice of every option: the one given, or its default.

    Raises:
        InvalidInput: an option is missing, or it or the choice is not known.
    """
    known = {option.name: option for option in edition.options}
    for name in given:
        if name not in known:
            raise InvalidInput(f"options.{name}", f"{edition.name} does not have it")
    chosen = {}
    for name, option in known.items():
        word = given.get(name, option.default)
        if word not in option.choices:
            problem = "is missing" if word is None else f"{word!r} is no choice"
            raise InvalidInput(
                f"options.{name}",
                f"{problem} ({option.title.en}): one of {', '.join(option.choices)}",
            )
        chosen[name] = str(word)
    return chosen


def figures_of(
    edition: ProcedureEdition,
    accuracy_class: AccuracyClass,
    words: Mapping[str, str],
    parameters: Mapping[str, float],
) -> dict[str, float]:
    """Return every figure that expressions may use: of parameters, the class and the options."""
    figures = known_parameters(edition, parameters) | dict(accuracy_class.figures)
    for option in edition.options:
        figures |= option.figures[words[option.name]]
    return figures


def known_parameters(edition: ProcedureEdition, given: Mapping[str, float]) -> dict[str, float]:
    """Return the figure of every parameter: the one given, or its default.

    Raises:
        InvalidInput: a parameter is missing, not known or not finite.
    """
    known = {parameter.symbol for parameter in edition.parameters}
    for symbol, figure in given.items():
        if symbol not in known:
            raise InvalidInput(f"parameters.{symbol}", f"{edition.name} does not use it")
        if not isfinite(figure):
            raise InvalidInput(f"parameters.{symbol}", f"must be finite, got {figure}")
    figures: dict[str, float] = {}
    for parameter in edition.parameters:
        figures[parameter.symbol] = _parameter(parameter, given, figures)
    return figures


def _parameter(
    parameter: Parameter, given: Mapping[str, float], earlier: Mapping[str, float]
) -> float:
    if parameter.symbol in given:
        return float(given[parameter.symbol])
    if parameter.default is None:
        raise InvalidInput(f"parameters.{parameter.symbol}", f"is missing ({parameter.title.en})")
    return float(evaluate_expression(parameter.default, earlier))


def require_readings(edition: ProcedureEdition, points: Sequence[PointReadings]) -> None:
    """Refuse readings that an edition cannot take: each is named.

    Raises:
        InvalidInput: a point, a condition or a reading is missing, unknown, twice or not finite.
    """
    if not points:
        raise InvalidInput("points", "there are none")
    tests = {test.name: test for test in edition.tests}
    seen = set()
    for number, point in enumerate(points):
        field = f"points[{number}]"
        if point.test not in tests:
            raise InvalidInput(f"{field}.test", f"{edition.name} has no test {point.test!r}")
        if not isfinite(point.nominal):
            raise InvalidInput(f"{field}.nominal", f"must be finite, got {point.nominal}")
        _require_conditions(tests[point.test], point, field)
        place = (point.test, point.nominal, tuple(sorted(point.conditions.items())))
        if place in seen:
            raise InvalidInput(f"{field}.nominal", f"{point.nominal} stands twice")
        seen.add(place)
        _require_values(edition, point, field)


def _require_conditions(test: TestPoints, point: PointReadings, field: str) -> None:
    known = {condition.name: condition for condition in test.conditions}
    for name in sorted(known.keys() ^ point.conditions.keys()):
        problem = "is missing" if name in known else "the edition has no such condition"
        raise InvalidInput(f"{field}.conditions.{name}", problem)
    for name, value in point.conditions.items():
        condition = known[name]
        if condition.choices and value not in condition.choices:
            raise InvalidInput(
                f"{field}.conditions.{name}",
                f"must be one of {', '.join(condition.choices)}, got {value!r}",
            )
        if not condition.choices and (isinstance(value, str) or not isfinite(value)):
            raise InvalidInput(f"{field}.conditions.{name}", f"must be a number, got {value!r}")


def _require_values(edition: ProcedureEdition, point: PointReadings, field: str) -> None:
    symbols = {
        reading.symbol: reading for reading in edition.readings if reading.test == point.test
    }
    for symbol in sorted(symbols.keys() ^ point.readings.keys()):
        problem = "is missing" if symbol in symbols else f"{edition.name} does not take it"
        raise InvalidInput(f"{field}.readings.{symbol}", problem)
    counts = set()
    for symbol, given in point.readings.items():
        values = _repeats(given)
        where = f"{field}.readings.{symbol}"
        if not values:
            raise InvalidInput(where, "is missing")
        for value in values:
            if not isfinite(value):
                raise InvalidInput(where, f"must be finite, got {value}")
        if symbols[symbol].repeats is None and len(values) > 1:
            raise InvalidInput(where, f"is read once, got {len(values)} values")
        if symbols[symbol].repeats is not None:
            counts.add(len(values))
        if len(counts) > 1:
            raise InvalidInput(where, "has not as many repeats as the readings before it")


def _repeats(given: float | Sequence[float]) -> Sequence[float]:
    return (given,) if isinstance(given, int | float | np.floating) else given


def words_at(options: Mapping[str, str], conditions: Mapping[str, float | str]) -> dict[str, str]:
    """Return the words that choose a limit at a point: options, and conditions of the point."""
    return {**options, **{name: str(value) for name, value in conditions.items()}}


def _sheet(
    edition: ProcedureEdition,
    test: TestPoints,
    points: Sequence[PointReadings],
    words: Mapping[str, str],
) -> Sheet:
    """Return the readings of one test as arrays of one instrument."""
    positions = [number for number, point in enumerate(points) if point.test == test.name]
    here = [points[number] for number in positions]
    numbers = [condition.name for condition in test.conditions if condition.unit is not None]
    readings = {}
    for reading in edition.readings:
        if reading.test == test.name:
            rows = [_repeats(point.readings[reading.symbol]) for point in here]
            longest = max(map(len, rows))
            readings[reading.symbol] = np.array(
                [[[*row, *([nan] * (longest - len(row)))] for row in rows]], dtype=float
            )
    return Sheet(
        test=test,
        nominals=np.array([point.nominal for point in here], dtype=float),
        words=tuple(words_at(words, point.conditions) for point in here),
        numbers={
            name: np.array([float(point.conditions[name]) for point in here]) for name in numbers
        },
        readings=readings,
        positions=tuple(positions),
    )


def _point_results(
    edition: ProcedureEdition,
    points: Sequence[PointReadings],
    sheets: Mapping[str, Sheet],
    evaluated: Evaluated,
) -> tuple[PointResult, ...]:
    found: list[list[CheckValue]] = [[] for _ in points]
    mpes: list[float | None] = [None for _ in points]
    for values in evaluated.values:
        unit = values.check.unit or edition.measurand.unit
        for i, position in enumerate(sheets[values.check.test].positions):
            found[position].append(
                _check_value(values, i, position, points[position].nominal, unit)
            )
    for test, limits in evaluated.maximum_permissible_errors.items():
        for limit, position in zip(limits.tolist(), sheets[test].positions, strict=True):
            mpes[position] = finite_or_none(limit)
    return tuple(
        PointResult(
            nominal=point.nominal,
            maximum_permissible_error=mpe,
            values=tuple(values),
            test=point.test,
            conditions=point.conditions,
        )
        for point, mpe, values in zip(points, mpes, found, strict=True)
    )


def _check_value(values: Values, i: int, position: int, nominal: float, unit: str) -> CheckValue:
    calculated = float(values.calculated[0, i])
    return CheckValue(
        check=values.check.name,
        name=values.name,
        nominal=nominal,
        value=float(values.judged[0, i]),
        reported=round_to_step(calculated, values.step),
        limit=finite_or_none(float(values.limits[i])),
        unit=unit,
        sense=values.check.sense,
        point=position,
        limit_is_lower_bound=bool(values.lower_bounds[i]),
    )


def _judge(
    edition: ProcedureEdition,
    points: Sequence[PointResult],
    rule_for: Callable[[CheckValue], DecisionRule],
) -> tuple[CheckResult, ...]:
    """Judge every check: the one the model belongs to by the rule, the others by their limits."""
    results = []
    for check in edition.checks:
        values = _values_of(check.name, points)
        if not values or check.sense == "none":
            continue
        is_of_model = check.name == edition.model.judges
        verdicts = [
            _verdict_by_rule(value, rule_for) if is_of_model else _verdict_by_limit(value)
            for value in values
        ]
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


def _verdict_by_rule(value: CheckValue, rule_for: Callable[[CheckValue], DecisionRule]) -> Verdict:
    if value.limit is None:
        return Verdict.UNDETERMINED
    verdict = rule_for(value).verdict(value.value, tolerance_of(value))
    return _if_certain(verdict, value)


def _verdict_by_limit(value: CheckValue) -> Verdict:
    if value.limit is None:
        return Verdict.UNDETERMINED
    return _if_certain(Verdict.PASS if value.is_within_limit else Verdict.FAIL, value)


def _if_certain(verdict: Verdict, value: CheckValue) -> Verdict:
    """Return the verdict; undetermined where it is no pass and the limit may be larger."""
    is_open = value.limit_is_lower_bound and verdict is not Verdict.PASS
    return Verdict.UNDETERMINED if is_open else verdict


def _values_of(check: str, points: Sequence[PointResult]) -> list[CheckValue]:
    return [value for point in points for value in point.values if value.check == check]


def _worst(values: Sequence[CheckValue]) -> CheckValue:
    """Return the value that uses up most of its limit; the largest where no limit is known."""
    known = [value for value in values if value.limit is not None]
    if not known:
        return max(values, key=lambda value: abs(value.value))
    return max(known, key=lambda value: value.share_of_limit)


def _worst_verdict(
    checks: Sequence[CheckResult], inspections: Sequence[InspectionResult]
) -> Verdict:
    verdicts = [check.verdict for check in checks]
    verdicts += [Verdict.FAIL for inspection in inspections if inspection.is_met is False]
    return max(verdicts, key=FROM_GOOD_TO_BAD.index)


def _certificate(
    edition: ProcedureEdition, verdict: Verdict, objections: Sequence[Objection]
) -> CertificateKind | None:
    if objections:
        return None
    if edition.conformity.rule == "no_statement":
        return edition.certificate_without_statement
    kind = edition.certificates.get(verdict)
    if kind is not None and edition.deviations:
        return CertificateKind.CALIBRATION_CERTIFICATE
    return kind


def _wording(
    edition: ProcedureEdition,
    verdict: Verdict,
    accuracy_class: str,
    checks: Sequence[CheckResult],
    inspections: Sequence[InspectionResult],
) -> Bilingual | None:
    words = edition.wording.get(verdict)
    if words is None:
        return None
    failed = [check.title for check in checks if check.verdict is Verdict.FAIL]
    failed += [inspection.title for inspection in inspections if inspection.is_met is False]
    return Bilingual(
        zh=words.zh.format(
            accuracy_class=accuracy_class, failed="、".join(title.zh for title in failed)
        ),
        en=words.en.format(
            accuracy_class=accuracy_class, failed=", ".join(title.en for title in failed)
        ),
    )


def _budget(
    edition: ProcedureEdition,
    decisive: CheckValue,
    points: Sequence[PointReadings],
    evaluated: Evaluated,
    standard: ReferenceStandard,
) -> UncertaintyBudget:
    test = points[decisive.point].test
    place = sum(point.test == test for point in points[: decisive.point])
    symbols = {
        name: _of_instrument(value, place) for name, value in evaluated.symbols[test].items()
    } | standard.symbols()
    if decisive.limit is not None:
        symbols["mpe"] = decisive.limit
    if edition.model.indications:
        symbols["indication"] = float(
            evaluate_expression(edition.model.indications[decisive.name], symbols)
        )
    inputs = [
        _input_quantity(contributor, symbols, edition) for contributor in edition.contributors
    ]
    model = compile_model(edition.model.expression, tuple(quantity.symbol for quantity in inputs))
    return budgets.evaluate(model, inputs, unit=edition.measurand.unit)


def _of_instrument(value: object, place: int) -> float:
    """Return the value of a symbol at one point of the one instrument."""
    array = np.asarray(value, dtype=float)
    return float(
        array if array.ndim == 0 else array[..., place if array.shape[-1] > 1 else 0].flat[0]
    )


def _input_quantity(
    contributor: Contributor, symbols: Mapping[str, float], edition: ProcedureEdition
) -> InputQuantity:
    expression = contributor.half_width or contributor.standard_uncertainty or ""
    require_standard(contributor, symbols)
    _require_tests(edition, contributor, symbols)
    estimate = float(evaluate_expression(contributor.estimate, symbols))
    width = float(evaluate_expression(expression, symbols))
    distribution = (
        Normal(estimate, width)
        if contributor.distribution == "normal"
        else BOUNDED[contributor.distribution].about(estimate, width)
    )
    return InputQuantity(
        symbol=contributor.symbol,
        estimate=distribution.expectation,
        standard_uncertainty=distribution.standard_uncertainty,
        degrees_of_freedom=float(evaluate_expression(contributor.degrees_of_freedom, symbols))
        if contributor.degrees_of_freedom
        else inf,
        evaluation=contributor.evaluation,
        distribution=distribution,
        unit=contributor.unit or edition.measurand.unit,
        source=contributor.source.zh,
    )


def require_standard(contributor: Contributor, symbols: Mapping[str, object]) -> None:
    """Refuse a contributor that needs a figure of the standard that nobody has told.

    Raises:
        InvalidInput: the standard lacks it.
    """
    for expression in (
        contributor.estimate,
        contributor.half_width,
        contributor.standard_uncertainty,
    ):
        for symbol in ("standard_mpe", "standard_U"):
            if expression and symbol in identifiers(expression) and symbol not in symbols:
                what = "maximum permissible error" if symbol == "standard_mpe" else "U"
                raise InvalidInput(
                    "standard", f"its {what} is not told, and {contributor.symbol} rests on it"
                )


def _require_tests(
    edition: ProcedureEdition, contributor: Contributor, symbols: Mapping[str, object]
) -> None:
    """Refuse a contributor that rests on a test that was not done."""
    width = contributor.half_width or contributor.standard_uncertainty or ""
    for summary in edition.summaries:
        if summary.symbol in identifiers(width) and summary.symbol not in symbols:
            raise InvalidInput(
                f"further_tests.{summary.test}",
                f"was not done, and {contributor.symbol} rests on it",
            )


def rule_of_edition(
    edition: ProcedureEdition, uncertainty: float, value: CheckValue
) -> DecisionRule:
    """Return the decision rule for one judged value, U in its unit."""
    reason = edition.conformity.reason.en
    match edition.conformity.rule:
        case "simple_acceptance" | "no_statement":
            return simple_acceptance(reason=reason)
        case "guarded_acceptance":
            return guarded_acceptance(uncertainty, reason=reason)
        case "jjf_1094":
            if value.limit is None:
                return guarded_with_undetermined_zone(uncertainty, reason=reason)
            return jjf_1094(uncertainty, tolerance_of(value))


def tolerance_of(value: CheckValue) -> ToleranceInterval:
    """Return the permissible values around a judged value whose limit is known."""
    if value.limit is None:
        raise InvalidInput(f"checks.{value.check}.limit", "is not known")
    if value.sense == "at_least":
        return ToleranceInterval(lower=value.limit)
    return ToleranceInterval.of_maximum_permissible_error(value.limit)


def ratio_of(
    edition: ProcedureEdition,
    standard: ReferenceStandard,
    evaluated: Evaluated,
    accuracy_class: str,
    words: Mapping[str, str],
) -> RatioResult | None:
    """Return the largest ratio of the standard to the judged limit over all points."""
    rule = edition.ratio
    if rule is None:
        return None
    judged = evaluated.of_check(edition.model.judges)[0]
    own = "standard_mpe" if rule.basis == "MPE/MPE" else "standard_U"
    expression = rule.standard or own
    symbols = {**evaluated.symbols[judged.check.test], **standard.symbols()}
    if own in identifiers(expression) and own not in symbols:
        raise InvalidInput("standard", f"the ratio {rule.basis} needs a figure of it")
    of_standard = evaluate_expression(expression, symbols)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = of_standard / judged.limits
    ratios = np.where((judged.limits == 0) & (of_standard == 0), 0.0, ratios)
    known = ratios[~np.isnan(ratios)]
    if not known.size:
        return None
    value = float(known.max())
    value = without_binary_noise(value, scale=value) if isfinite(value) else value
    return RatioResult(
        basis=rule.basis, value=value, maximum=rule.maximum_for(accuracy_class, words)
    )


def objections_to_conditions(
    edition: ProcedureEdition,
    points: Sequence[PointReadings],
    environment: Mapping[str, float],
    figures: Mapping[str, float],
    accuracy_class: str,
    words: Mapping[str, str],
) -> tuple[Objection, ...]:
    """Return what the conditions, the points and the repeats lack, whatever was read there.

    Raises:
        InvalidInput: a condition is not known or not finite.
    """
    return (
        *_environment_objections(edition.environment, environment, accuracy_class, words),
        *_point_objections(edition, points, figures, accuracy_class, words),
        *_repeat_objections(edition, points, figures),
    )


def _environment_objections(
    conditions: Sequence[EnvironmentCondition],
    recorded: Mapping[str, float],
    accuracy_class: str,
    words: Mapping[str, str],
) -> Iterator[Objection]:
    names = {condition.name for condition in conditions}
    for name, value in recorded.items():
        if name not in names:
            raise InvalidInput(f"environment.{name}", "the edition sets no such condition")
        if not isfinite(value):
            raise InvalidInput(f"environment.{name}", f"must be finite, got {value}")
    for condition in conditions:
        lowest, highest = condition.bounds(accuracy_class, words)
        actual = recorded.get(condition.name)
        if actual is None or not _lies_between(lowest, actual, highest):
            yield Objection(
                field=f"environment.{condition.name}",
                actual=actual,
                lowest=lowest,
                highest=highest,
            )


def _lies_between(lowest: float | None, actual: float, highest: float | None) -> bool:
    return (lowest is None or lowest <= actual) and (highest is None or actual <= highest)


def _point_objections(
    edition: ProcedureEdition,
    points: Sequence[PointReadings],
    figures: Mapping[str, float],
    accuracy_class: str,
    words: Mapping[str, str],
) -> Iterator[Objection]:
    """Yield tests that were not done, points that are missing, too few, or out of the interval."""
    lowest, highest = (
        None if end is None else float(evaluate_expression(end, figures))
        for end in edition.measuring_interval
    )
    for test in edition.tests:
        here = [point for point in points if point.test == test.name]
        is_main = test.name == MAIN_TEST
        field = "test_points" if is_main else f"further_tests.{test.name}"
        if not here:
            if _is_wanted(edition, test, accuracy_class, words):
                yield Objection(field=field, actual=None, lowest=None, highest=None)
            continue
        yield from _missing(test, here, figures, accuracy_class, words, field)
        for point in here:
            if is_main and not _lies_between(lowest, point.nominal, highest):
                yield Objection(
                    field="measuring_interval",
                    actual=point.nominal,
                    lowest=lowest,
                    highest=highest,
                    nominal=point.nominal,
                )


def _missing(
    test: TestPoints,
    here: Sequence[PointReadings],
    figures: Mapping[str, float],
    accuracy_class: str,
    words: Mapping[str, str],
    field: str,
) -> Iterator[Objection]:
    within = 0.0 if test.within is None else float(evaluate_expression(test.within, figures))
    wanted = _wanted_points(test, figures, accuracy_class, words)
    scale = max((abs(nominal) for nominal, _ in wanted), default=0.0)
    for nominal, conditions in wanted:
        off = [
            without_binary_noise(abs(point.nominal - nominal), scale=scale)
            for point in here
            if conditions.items() <= point.conditions.items()
        ]
        if not any(distance <= within for distance in off):
            yield Objection(
                field=field,
                actual=None,
                lowest=nominal - within,
                highest=nominal + within,
                nominal=nominal,
            )
    if test.at_least is not None:
        least = float(evaluate_expression(test.at_least, figures))
        if len(here) < least:
            yield Objection(
                field=f"{field}.at_least", actual=float(len(here)), lowest=least, highest=None
            )


def _repeat_objections(
    edition: ProcedureEdition, points: Sequence[PointReadings], figures: Mapping[str, float]
) -> Iterator[Objection]:
    for reading in edition.readings:
        least = _least_repeats(reading.repeats, figures)
        for point in points:
            if point.test == reading.test:
                count = len(_repeats(point.readings[reading.symbol]))
                if count < least:
                    yield Objection(
                        field=f"readings.{reading.symbol}",
                        actual=float(count),
                        lowest=float(least),
                        highest=None,
                        nominal=point.nominal,
                    )


def _limit_objections(points: Sequence[PointResult]) -> Iterator[Objection]:
    """Yield the checks whose limits are not known well enough, each once, at its first point."""
    named = set()
    for point in points:
        for value in point.values:
            is_unknown = value.limit is None or (
                value.limit_is_lower_bound and not value.is_within_limit
            )
            if is_unknown and value.sense != "none" and value.check not in named:
                named.add(value.check)
                yield Objection(
                    field=f"checks.{value.check}.limit",
                    actual=None,
                    lowest=None,
                    highest=None,
                    nominal=point.nominal,
                )


def _inspected(
    edition: ProcedureEdition,
    told: Mapping[str, bool],
    accuracy_class: str,
    words: Mapping[str, str],
) -> tuple[InspectionResult, ...]:
    known = {inspection.name for inspection in edition.inspections}
    for name in told:
        if name not in known:
            raise InvalidInput(f"inspections.{name}", f"{edition.name} does not ask for it")
    return tuple(
        InspectionResult(
            name=inspection.name, title=inspection.title, is_met=told.get(inspection.name)
        )
        for inspection in edition.inspections
        if inspection.suits(accuracy_class, words)
    )


def _inspection_objections(inspections: Sequence[InspectionResult]) -> Iterator[Objection]:
    for inspection in inspections:
        if inspection.is_met is None:
            yield Objection(
                field=f"inspections.{inspection.name}", actual=None, lowest=None, highest=None
            )


def ratio_objections(ratio: RatioResult | None) -> list[Objection]:
    """Return the objection to a standard that is not good enough, if it is not."""
    if ratio is None or ratio.holds:
        return []
    return [Objection(field="ratio", actual=ratio.value, lowest=None, highest=ratio.maximum)]
