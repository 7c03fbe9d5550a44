"""The readings of instruments at the points of an edition, as arrays: values and their limits.

An axis of instruments comes first, so that one worksheet and a batch of ten thousand meters are
calculated alike: arrays are of shape (instruments, points), readings (instruments, points, repeats)
with NaN where a point has fewer repeats. NaN in a limit means that it is not known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from procedures.edition import (
    Check,
    LimitSegment,
    ProcedureEdition,
    Summary,
    TestPoints,
)
from procedures.errors import InvalidInput
from procedures.models import MeasurementModel, compile_model, identifiers
from procedures.rounding import (
    freed_of_binary_noise,
    nearest_multiples,
    without_binary_noise,
)

NOTHING = ("nothing",)  # a model has at least one input

OVER_POINTS: Final[Mapping[str, Callable[..., Any]]] = {
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "sum": np.sum,
    "range": np.ptp,
    "count": lambda values, axis: np.full(len(values), float(values.shape[axis])),
}

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Symbols = Mapping[str, float | FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What was read in one test.

    Attributes:
        nominals: (p,).
        words: of every point, the options chosen and the conditions that are words.
        numbers: the conditions that are numbers, (p,) each.
        readings: (n, p, r) each.
        positions: the place of every point among all that were given, for errors.
    """

    test: TestPoints
    nominals: FloatArray
    words: tuple[Mapping[str, str], ...]
    numbers: Mapping[str, FloatArray]
    readings: Mapping[str, FloatArray]
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values that one check judges under one name.

    Attributes:
        calculated: (n, p).
        judged: (n, p); the calculated ones, or those rounded where the edition judges them so.
        limits: (p,); NaN where not known.
        lower_bounds: (p,); whether the limit is at least that, and no more is known.
        step: the rounding interval.
    """

    check: Check
    name: str
    calculated: FloatArray
    judged: FloatArray
    limits: FloatArray
    lower_bounds: BoolArray
    step: float

    @property
    def shares(self) -> FloatArray:
        """How much of its limit each value uses, (n, p); infinite where nothing but 0 is allowed.

        NaN where the limit is not known.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.check.sense == "at_least":
                shares = np.where(self.judged > 0, self.limits / self.judged, np.inf)
                return np.where(np.isnan(self.limits), np.nan, shares)
            shares = np.abs(self.judged) / self.limits
        return np.where((self.limits == 0) & (self.judged == 0), 0.0, shares)

    @property
    def within(self) -> BoolArray:
        """Whether each value keeps its limit, (n, p); False where that is not known."""
        if self.check.sense == "at_least":
            return self.judged >= self.limits
        return np.abs(self.judged) <= self.limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """Every value of an edition, and the symbols behind them.

    Attributes:
        values: in the order of the edition.
        symbols: by test: each (p,), (n, 1) or (n, p).
        maximum_permissible_errors: by test, (p,); NaN where not known.
    """

    values: tuple[Values, ...]
    symbols: Mapping[str, Symbols]
    maximum_permissible_errors: Mapping[str, FloatArray]

    def of_check(self, name: str) -> tuple[Values, ...]:
        """Return the values that one check judges."""
        return tuple(values for values in self.values if values.check.name == name)


def evaluate_sheets(
    edition: ProcedureEdition,
    sheets: Mapping[str, Sheet],
    *,
    accuracy_class: str,
    options: Mapping[str, str],
    figures: Mapping[str, float],
) -> Evaluated:
    """Return every value of every check whose test was done, with its limit.

    Args:
        edition: the procedure edition.
        sheets: what was read, by test.
        accuracy_class: by its own name.
        options: the choice of every option.
        figures: parameters and figures of the class.

    Raises:
        InvalidInput: a value is not finite, or a limit is negative.
    """
    work = _Work(edition, accuracy_class, options, figures)
    for sheet in sheets.values():
        work.read(sheet)
    for summary in edition.summaries:
        if summary.test in sheets:
            work.summarize(summary, sheets[summary.test])
    values = [
        found
        for check in edition.checks
        if check.test in sheets and check.suits(accuracy_class, options)
        for found in work.values_of(check, sheets[check.test])
    ]
    return Evaluated(
        values=tuple(values),
        symbols={name: work.at(name) for name in sheets},
        maximum_permissible_errors=work.mpes,
    )


def evaluate_expression(
    expression: str,
    symbols: Symbols,
    *,
    positions: Sequence[int] = (),
    unknown_allowed: bool = False,
) -> FloatArray:
    """Return the values of an expression freed of binary noise, in the shape of what it names.

    Args:
        expression: over the symbols; a number alone is one too.
        symbols: floats, or arrays that broadcast together.
        positions: of the points, for errors.
        unknown_allowed: whether a NaN among the symbols makes a NaN, instead of an error.

    Raises:
        InvalidInput: a value is not finite.
    """
    names = sorted(identifiers(expression) & symbols.keys())
    model = compile_model(expression, tuple(names) or NOTHING)
    if all(isinstance(symbols[name], float) for name in names):
        return np.asarray(_number(model, [symbols[name] for name in names] or [0.0], expression))
    inputs = {name: np.asarray(symbols[name], dtype=float) for name in names}
    shape = np.broadcast_shapes(*(array.shape for array in inputs.values()))
    arguments = {name: np.atleast_1d(array) for name, array in inputs.items()}
    found = model.evaluate(arguments or {NOTHING[0]: np.zeros(1)})
    known = ~np.isnan(sum(arguments.values(), np.zeros(1))) if unknown_allowed else True
    wrong = ~np.isfinite(found) & known
    if wrong.any():
        point = int(np.argwhere(wrong)[0][-1])
        place = f"points[{positions[point]}]" if positions and wrong.shape[-1] > 1 else "points"
        raise InvalidInput(place, f"{expression!r} has no value there")
    return freed_of_binary_noise(found, _scales(model.gradient(arguments), arguments, found)
                                 if names else np.abs(found)).reshape(shape)  # fmt: skip


def _number(model: MeasurementModel, arguments: Sequence[Any], expression: str) -> float:
    """Return the value of an expression over numbers alone, freed of binary noise."""
    output = model.outputs[0]
    value, *gradient = model.value_and_gradient(arguments, output)
    if not isfinite(value):
        raise InvalidInput("points", f"{expression!r} has no value there")
    brought = [abs(c * x) for c, x in zip(gradient, arguments, strict=True)]
    scale = max([abs(value), *(part for part in brought if isfinite(part))])
    return without_binary_noise(value, scale=scale)


def _scales(
    gradient: Mapping[str, FloatArray], arguments: Mapping[str, FloatArray], found: FloatArray
) -> FloatArray:
    """Return the largest magnitude that any input brings into the values, in their unit."""
    scales = np.abs(found)
    with np.errstate(all="ignore"):
        for name, argument in arguments.items():
            scales = np.fmax(scales, np.abs(gradient[name] * argument))
    return np.where(np.isfinite(scales), scales, np.abs(found))


@dataclass(slots=True)
class _Work:
    """One evaluation on its way: the symbols found so far, by test."""

    edition: ProcedureEdition
    accuracy_class: str
    options: Mapping[str, str]
    figures: Mapping[str, float]
    found: dict[str, dict[str, float | FloatArray]] = field(default_factory=dict)
    mpes: dict[str, FloatArray] = field(default_factory=dict)
    lower_bounds: dict[str, BoolArray] = field(default_factory=dict)
    summaries: dict[str, FloatArray] = field(default_factory=dict)

    def at(self, test: str) -> dict[str, float | FloatArray]:
        return {**self.found[test], **self.summaries}

    def read(self, sheet: Sheet) -> None:
        """Take in a sheet: its limits, its readings, and what is derived repeat by repeat."""
        symbols: dict[str, float | FloatArray] = {
            **self.figures,
            "nominal": sheet.nominals,
            **sheet.numbers,
        }
        if sheet.test.uses_mpe:
            mpe, lower_bounds = self._limits(self.edition.maximum_permissible_error, sheet, symbols)
            self.mpes[sheet.test.name] = symbols["mpe"] = mpe
            self.lower_bounds[sheet.test.name] = lower_bounds
        by_repeat = {
            symbol: np.asarray(value)[..., np.newaxis] if np.ndim(value) else value
            for symbol, value in symbols.items()
        }
        repeated = dict(sheet.readings)
        for derived in self.edition.derived:
            if derived.test == sheet.test.name:
                repeated[derived.symbol] = evaluate_expression(
                    derived.expression, {**by_repeat, **repeated}, unknown_allowed=True
                )
        for symbol, values in repeated.items():
            symbols.update(_with_statistics(symbol, values))
        self.found[sheet.test.name] = symbols

    def summarize(self, summary: Summary, sheet: Sheet) -> None:
        """Add one figure over the points of a sheet, (n, 1)."""
        symbols = self.at(summary.test)
        values = evaluate_expression(summary.of, symbols, positions=sheet.positions)
        values = np.atleast_2d(np.broadcast_to(values, (*values.shape[:-1], len(sheet.nominals))))
        self.summaries[summary.symbol] = self._taken(summary, values, sheet)[:, np.newaxis]

    def _taken(self, summary: Summary, values: FloatArray, sheet: Sheet) -> FloatArray:
        if summary.take in OVER_POINTS:
            return np.asarray(OVER_POINTS[summary.take](values, axis=1))
        if summary.take == "s":
            if values.shape[1] < 2:
                raise InvalidInput("points", f"{summary.symbol} needs at least two points")
            return np.asarray(values.std(axis=1, ddof=1))
        at = float(evaluate_expression(summary.at or "", self.figures))
        here = np.flatnonzero(sheet.nominals == at)
        if len(here) != 1:
            raise InvalidInput("points", f"{summary.symbol} needs one point at {at:g}")
        return values[:, here[0]]

    def values_of(self, check: Check, sheet: Sheet) -> Iterable[Values]:
        """Yield the values of a check, by name."""
        symbols = self.at(check.test)
        limits, lower_bounds = self._limits(check.limits, sheet, symbols)
        step = float(evaluate_expression(check.step or self.edition.rounding.step, self.figures))
        judged_as = check.judged or self.edition.rounding.judged
        instruments = next(iter(sheet.readings.values())).shape[0]
        for name, expression in check.values.items():
            values = evaluate_expression(expression, symbols, positions=sheet.positions)
            calculated = np.broadcast_to(values, (instruments, len(sheet.nominals)))
            yield Values(
                check=check,
                name=name,
                calculated=calculated,
                judged=calculated
                if judged_as == "calculated"
                else nearest_multiples(calculated, step),
                limits=limits,
                lower_bounds=lower_bounds,
                step=step,
            )

    def _limits(
        self, segments: Sequence[LimitSegment], sheet: Sheet, symbols: Symbols
    ) -> tuple[FloatArray, BoolArray]:
        """Return a limit at every point, and whether it is only a lower bound of the limit.

        The first segment that suits a point counts; NaN where none does.

        Raises:
            InvalidInput: a limit is negative.
        """
        limits = np.full(len(sheet.nominals), np.nan)
        lower_bounds = self._inherited(segments, sheet)
        open_ = np.ones(len(sheet.nominals), dtype=bool)
        for segment in segments:
            here = open_ & self._suited(segment, sheet, symbols)
            if here.any():
                open_ &= ~here
                lower_bounds[here] |= segment.is_lower_bound
                if segment.expression is not None:
                    at_points = evaluate_expression(
                        segment.expression,
                        _selected(segment.expression, symbols, here),
                        positions=sheet.positions,
                        unknown_allowed=True,
                    )
                    limits[here] = at_points
        if (limits < 0).any():
            raise InvalidInput(
                "maximum_permissible_error", f"of {self.edition.name} is negative somewhere"
            )
        return limits, lower_bounds

    def _inherited(self, segments: Sequence[LimitSegment], sheet: Sheet) -> BoolArray:
        """Return where `mpe`, if a limit is made of it, is only a lower bound itself."""
        made_of_mpe = any("mpe" in identifiers(row.expression or "") for row in segments)
        known = self.lower_bounds.get(sheet.test.name) if made_of_mpe else None
        return np.zeros(len(sheet.nominals), dtype=bool) if known is None else known.copy()

    def _suited(self, segment: LimitSegment, sheet: Sheet, symbols: Symbols) -> BoolArray:
        suits = [segment.suits(self.accuracy_class, words) for words in sheet.words]
        here = np.array(suits, dtype=bool)
        bounds = (segment.from_, segment.above, segment.below, segment.up_to)
        if bounds == (None,) * 4 or not here.any():
            return here
        quantity = sheet.nominals
        if segment.of != "nominal":
            quantity = np.broadcast_to(
                evaluate_expression(segment.of, symbols, positions=sheet.positions), here.shape
            )
        for bound, holds in zip(
            bounds, (np.greater_equal, np.greater, np.less, np.less_equal), strict=True
        ):
            if bound is not None:
                here &= holds(quantity, evaluate_expression(bound, self.figures))
        return here


def _selected(expression: str, symbols: Symbols, here: BoolArray) -> Symbols:
    """Return the symbols of an expression at some of the points."""
    return {
        name: np.asarray(symbols[name])[here] if np.shape(symbols[name]) else symbols[name]
        for name in identifiers(expression) & symbols.keys()
    }


def _with_statistics(symbol: str, values: FloatArray) -> dict[str, FloatArray]:
    """Return the mean of repeats under its symbol, and s, range, min, max, n and t beside it.

    t is Student's two-sided 95 % factor with n - 1 degrees of freedom.

    Args:
        symbol: of the reading.
        values: (n, p, r), NaN where there are fewer repeats.
    """
    if values.shape[-1] == 1:
        only = values[..., 0]
        return {
            symbol: only,
            f"min_of_{symbol}": only,
            f"max_of_{symbol}": only,
            f"range_of_{symbol}": np.zeros_like(only),
            f"n_of_{symbol}": np.ones_like(only),
            f"s_of_{symbol}": np.full_like(only, np.nan),
            f"t_of_{symbol}": np.full_like(only, np.nan),
        }
    counts = np.sum(~np.isnan(values), axis=-1).astype(float)
    means = np.nansum(values, axis=-1) / counts
    largest, smallest = np.nanmax(values, axis=-1), np.nanmin(values, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.nansum((values - means[..., np.newaxis]) ** 2, axis=-1)
        deviations = np.where(counts > 1, np.sqrt(squares / (counts - 1)), np.nan)
    return {
        symbol: freed_of_binary_noise(means, np.maximum(np.abs(largest), np.abs(smallest))),
        f"min_of_{symbol}": smallest,
        f"max_of_{symbol}": largest,
        f"range_of_{symbol}": freed_of_binary_noise(
            largest - smallest, np.maximum(np.abs(largest), np.abs(smallest))
        ),
        f"n_of_{symbol}": counts,
        f"s_of_{symbol}": deviations,
        f"t_of_{symbol}": np.where(counts > 1, stdtrit(np.maximum(counts - 1, 1), 0.975), np.nan),
    }


def finite_or_none(value: float) -> float | None:
    """Return a number, None for the NaN that stands for one not known."""
    return float(value) if isfinite(value) else None
