"""Many instruments of one kind at once: ten thousand meters by one edition, at the same points.

The values, limits and verdicts are those of `method.evaluate_readings`, calculated as arrays. The
uncertainty is that of the first order, which is the whole of it where the model is linear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from procedures.conformity import Verdict
from procedures.edition import ProcedureEdition
from procedures.errors import InvalidInput
from procedures.evaluation import (
    Evaluated,
    Sheet,
    Symbols,
    Values,
    evaluate_expression,
    evaluate_sheets,
)
from procedures.method import (
    FROM_GOOD_TO_BAD,
    Objection,
    PointReadings,
    RatioResult,
    ReferenceStandard,
    chosen_options,
    figures_of,
    objections_to_conditions,
    ratio_objections,
    ratio_of,
    require_readings,
    require_standard,
    words_at,
)
from procedures.models import compile_model
from procedures.rounding import freed_of_binary_noise

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int8]

PASS = FROM_GOOD_TO_BAD.index(Verdict.PASS)
UNDETERMINED = FROM_GOOD_TO_BAD.index(Verdict.UNDETERMINED)
FAIL = FROM_GOOD_TO_BAD.index(Verdict.FAIL)
STANDARD_UNCERTAINTY_OF_HALF_WIDTH = {
    "normal": 1.0,
    "rectangular": 1 / sqrt(3),
    "triangular": 1 / sqrt(6),
    "u_shaped": 1 / sqrt(2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPoint:
    """A point at which every instrument of the batch was read."""

    nominal: float = 0.0
    test: str = "main"
    conditions: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What was found of every instrument.

    Attributes:
        values: of every check, (n, p) each, as `procedures.evaluation.Values`.
        codes: (n,); the place of each verdict in `method.FROM_GOOD_TO_BAD`.
        expanded_uncertainties: (n,); U of each instrument's decisive value.
        objections: of the whole batch; nothing is decided while there are any.
    """

    procedure: str
    unit: str
    values: tuple[Values, ...]
    codes: IntArray
    expanded_uncertainties: FloatArray
    objections: tuple[Objection, ...]
    ratio: RatioResult | None

    def verdict(self, instrument: int) -> Verdict:
        """Return the verdict of one instrument."""
        return FROM_GOOD_TO_BAD[self.codes[instrument]]

    def count(self, verdict: Verdict) -> int:
        """Return how many instruments have a verdict."""
        return int((self.codes == FROM_GOOD_TO_BAD.index(verdict)).sum())


def evaluate_batch(
    edition: ProcedureEdition,
    *,
    accuracy_class: str,
    points: Sequence[BatchPoint],
    readings: Mapping[str, FloatArray],
    environment: Mapping[str, float],
    standard: ReferenceStandard,
    options: Mapping[str, str] | None = None,
    inspections: Mapping[str, BoolArray] | None = None,
    **parameters: float,
) -> BatchResult:
    """Judge the readings of n instruments by a procedure edition.

    Args:
        accuracy_class, environment, standard, options, parameters: as `evaluate_readings`; of all.
        points: at which every instrument was read; those of one test stand in their order.
        readings: by symbol, (n, p) or (n, p, r) with p the points of the symbol's test.
        inspections: by name, (n,): whether each instrument meets the requirement.

    Raises:
        UnknownAccuracyClass, InvalidInput: as `evaluate_readings`; besides, a shape is wrong.
    """
    known = edition.accuracy_class(accuracy_class)
    words = chosen_options(edition, options or {})
    figures = figures_of(edition, known, words, parameters)
    arrays = {symbol: np.asarray(values, dtype=float) for symbol, values in readings.items()}
    count = _require_shapes(edition, points, arrays)
    first = _first_instrument(edition, points, arrays)
    require_readings(edition, first)
    sheets = _sheets(edition, points, arrays, words)
    evaluated = evaluate_sheets(
        edition, sheets, accuracy_class=known.name, options=words, figures=figures
    )
    judged = evaluated.of_check(edition.model.judges)
    if not judged:
        raise InvalidInput("points", f"there are none for {edition.model.judges}")
    ratio = ratio_of(edition, standard, evaluated, known.name, words)
    codes, missing = _inspected(edition, inspections or {}, known.name, words, count)
    objections = (
        *objections_to_conditions(edition, first, environment, figures, known.name, words),
        *missing,
        *ratio_objections(ratio),
    )
    uncertainties = _expanded_uncertainties(edition, judged, evaluated, standard)
    for values in evaluated.values:
        if values.check.sense != "none":
            guard = uncertainties if values in judged else np.zeros(count)
            codes = np.maximum(codes, _codes(edition, values, guard, values in judged))
    if objections or edition.conformity.rule == "no_statement":
        codes = np.full(count, UNDETERMINED, dtype=np.int8)
    return BatchResult(
        procedure=edition.name,
        unit=edition.measurand.unit,
        values=evaluated.values,
        codes=codes,
        expanded_uncertainties=uncertainties,
        objections=objections,
        ratio=ratio,
    )


def _require_shapes(
    edition: ProcedureEdition, points: Sequence[BatchPoint], arrays: Mapping[str, FloatArray]
) -> int:
    """Return how many instruments there are."""
    tests = {reading.symbol: reading.test for reading in edition.readings}
    counts: set[int] = set()
    for symbol, values in arrays.items():
        where = f"readings.{symbol}"
        if symbol not in tests:
            raise InvalidInput(where, f"{edition.name} does not take it")
        wanted = sum(point.test == tests[symbol] for point in points)
        if values.ndim not in (2, 3) or values.shape[1] != wanted or not values.size:
            shapes = f"(n, {wanted}) or (n, {wanted}, r)"
            raise InvalidInput(where, f"must be of the shape {shapes}, got {values.shape}")
        if not np.isfinite(values).all():
            raise InvalidInput(where, "must be finite")
        counts.add(len(values))
    if len(counts) != 1:
        raise InvalidInput("readings", "must be of as many instruments each, at least one")
    return counts.pop()


def _first_instrument(
    edition: ProcedureEdition, points: Sequence[BatchPoint], arrays: Mapping[str, FloatArray]
) -> list[PointReadings]:
    """Return the readings of the first instrument: the points of all are checked by them."""
    tests = {reading.symbol: reading.test for reading in edition.readings}
    places: dict[str, int] = {}
    rows = []
    for point in points:
        place = places.setdefault(point.test, 0)
        places[point.test] += 1
        rows.append(
            PointReadings(
                nominal=point.nominal,
                test=point.test,
                conditions=dict(point.conditions),
                readings={
                    symbol: np.atleast_1d(values[0, place]).tolist()
                    for symbol, values in arrays.items()
                    if tests[symbol] == point.test
                },
            )
        )
    return rows


def _sheets(
    edition: ProcedureEdition,
    points: Sequence[BatchPoint],
    arrays: Mapping[str, FloatArray],
    words: Mapping[str, str],
) -> dict[str, Sheet]:
    sheets = {}
    for test in edition.tests:
        here = [(i, point) for i, point in enumerate(points) if point.test == test.name]
        if here:
            sheets[test.name] = Sheet(
                test=test,
                nominals=np.array([point.nominal for _, point in here], dtype=float),
                words=tuple(words_at(words, dict(point.conditions)) for _, point in here),
                numbers={
                    row.name: np.array([float(point.conditions[row.name]) for _, point in here])
                    for row in test.conditions
                    if row.unit is not None
                },
                readings={
                    row.symbol: arrays[row.symbol].reshape(*arrays[row.symbol].shape[:2], -1)
                    for row in edition.readings
                    if row.test == test.name
                },
                positions=tuple(i for i, _ in here),
            )
    return sheets


def _inspected(
    edition: ProcedureEdition,
    told: Mapping[str, BoolArray],
    accuracy_class: str,
    words: Mapping[str, str],
    count: int,
) -> tuple[IntArray, list[Objection]]:
    """Return a fail for whatever is not met, and what nobody has told."""
    codes = np.full(count, PASS, dtype=np.int8)
    wanted = [row for row in edition.inspections if row.suits(accuracy_class, words)]
    for name, met in told.items():
        if name not in {row.name for row in edition.inspections}:
            raise InvalidInput(f"inspections.{name}", f"{edition.name} does not ask for it")
        if np.shape(met) != (count,):
            raise InvalidInput(f"inspections.{name}", f"must be of {count} instruments")
    missing = []
    for row in wanted:
        if row.name in told:
            codes[~np.asarray(told[row.name], dtype=bool)] = FAIL
        else:
            what = f"inspections.{row.name}"
            missing.append(Objection(field=what, actual=None, lowest=None, highest=None))
    return codes, missing


def _codes(
    edition: ProcedureEdition, values: Values, guard: FloatArray, is_of_model: bool
) -> IntArray:
    """Return the worst verdict of each instrument by one value of a check, (n,)."""
    rule = edition.conformity.rule if is_of_model else "simple_acceptance"
    limits = np.broadcast_to(values.limits, values.judged.shape)
    w = np.broadcast_to(guard[:, np.newaxis], limits.shape)
    if rule == "jjf_1094":
        scales = np.broadcast_to(np.abs(limits), w.shape)
        w = np.where(freed_of_binary_noise(3 * w, scales) <= limits, 0.0, w)
    elif rule != "guarded_acceptance":
        w = np.zeros_like(limits)
    scales = np.maximum(np.abs(limits), np.abs(w))
    inner, outer = (freed_of_binary_noise(limits + by, scales) for by in (-w, w))
    if values.check.sense == "at_least":
        passes, fails = values.judged >= outer, values.judged <= inner
    else:
        size = np.abs(values.judged)
        passes, fails = size <= inner, size >= outer
    if rule != "jjf_1094":
        fails = ~passes
    fails |= ~passes & (w == 0)
    codes = np.where(passes, PASS, np.where(fails, FAIL, UNDETERMINED))
    is_open = np.isnan(limits) | (values.lower_bounds & ~passes)
    worst: IntArray = np.where(is_open, UNDETERMINED, codes).max(axis=1).astype(np.int8)
    return worst


def _expanded_uncertainties(
    edition: ProcedureEdition,
    judged: Sequence[Values],
    evaluated: Evaluated,
    standard: ReferenceStandard,
) -> FloatArray:
    """Return U = k u_c of each instrument at its decisive value, (n,)."""
    shares = np.stack([values.shares for values in judged])  # (names, n, p)
    sizes = np.stack([np.abs(values.judged) for values in judged])
    usable = np.where(np.isnan(shares), -1.0, shares)
    usable = np.where((usable < 0).all(axis=(0, 2), keepdims=True), sizes, usable)
    names, count, places = usable.shape
    at = usable.transpose(1, 0, 2).reshape(count, names * places).argmax(axis=1)
    name, place = at // places, at % places
    symbols = _at_decisive(evaluated.symbols[judged[0].check.test], place)
    symbols |= dict(standard.symbols())
    symbols["mpe"] = np.stack([values.limits for values in judged])[name, place]
    if edition.model.indications:
        told = [
            np.broadcast_to(
                evaluate_expression(edition.model.indications[values.name], symbols), (count,)
            )
            for values in judged
        ]
        symbols["indication"] = np.stack(told)[name, np.arange(count)]
    return edition.model.coverage_factor * _combined(edition, symbols, count)


def _at_decisive(symbols: Symbols, place: NDArray[np.intp]) -> dict[str, float | FloatArray]:
    """Return every symbol at the decisive point of each instrument: a float, or (n,)."""
    found: dict[str, float | FloatArray] = {}
    for name, value in symbols.items():
        array = np.asarray(value)
        if array.ndim == 0:
            found[name] = float(array)
        elif array.ndim == 1:
            found[name] = array[place]
        else:
            rows = np.arange(len(place)) if array.shape[0] > 1 else np.zeros_like(place)
            found[name] = array[rows, place if array.shape[1] > 1 else np.zeros_like(place)]
    return found


def _combined(edition: ProcedureEdition, symbols: Symbols, count: int) -> FloatArray:
    """Return u_c of independent contributors by their sensitivity coefficients, (n,)."""
    estimates, widths = {}, {}
    for row in edition.contributors:
        require_standard(row, symbols)
        width = row.half_width or row.standard_uncertainty or ""
        factor = STANDARD_UNCERTAINTY_OF_HALF_WIDTH[row.distribution]
        estimate = evaluate_expression(row.estimate, symbols)
        estimates[row.symbol] = np.broadcast_to(estimate, (count,))
        widths[row.symbol] = factor * evaluate_expression(width, symbols)
    model = compile_model(edition.model.expression, tuple(estimates))
    gradient = model.gradient(estimates)
    squares = [(gradient[symbol] * widths[symbol]) ** 2 for symbol in estimates]
    return np.asarray(np.sqrt(np.sum(squares, axis=0)))
