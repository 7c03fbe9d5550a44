"""Type A evaluation: what repeated observations say of a quantity (JCGM 100:2008, 4.2).

Every result carries its degrees of freedom, and becomes an input quantity of a budget by `as_input`
where it is one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, fdtri

from procedures.errors import InvalidInput
from procedures.fields import require_finite, require_not_negative, require_probability
from procedures.quantities import Correlation, Ensemble, InputQuantity

FloatArray = NDArray[np.float64]

LARGEST = 1e150  # of an observation
SIGNIFICANT_AUTOCORRELATION = 1.96  # standard deviations, 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedObservations:
    """The mean of n observations of one quantity, in their unit.

    Attributes:
        experimental_standard_deviation: s, of one observation.
        standard_uncertainty: u of the mean.
        degrees_of_freedom: of u.
    """

    count: int
    mean: float
    experimental_standard_deviation: float
    standard_uncertainty: float
    degrees_of_freedom: float

    def as_input(self, symbol: str, *, unit: str = "1", source: str = "") -> InputQuantity:
        """Return the mean as an input quantity of Type A."""
        return InputQuantity(
            symbol=symbol,
            estimate=self.mean,
            standard_uncertainty=self.standard_uncertainty,
            degrees_of_freedom=self.degrees_of_freedom,
            evaluation="A",
            unit=unit,
            source=source,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledStandardDeviation:
    """The standard deviation of one observation, from several series of the same procedure."""

    standard_deviation: float
    degrees_of_freedom: float

    def of_mean(self, count: int) -> float:
        """Return u of the mean of `count` new observations, s_p/√n; ν stays that of the pool."""
        if count < 1:
            raise InvalidInput("count", f"must be ≥ 1, got {count}")
        return self.standard_deviation / sqrt(count)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutocorrelatedObservations(RepeatedObservations):
    """The mean of a stationary series whose neighbours resemble each other.

    Attributes:
        autocorrelations: r_1 to r_c, those that count.
        effective_count: how many independent observations would know as much.
    """

    autocorrelations: tuple[float, ...]
    effective_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWayAnova:
    """The analysis of variance of observations in groups, for instance days or bottles.

    Attributes:
        group_count: J.
        count: N, of all observations.
        mean: of all observations.
        mean_square_between: with J - 1 degrees of freedom.
        mean_square_within: with N - J degrees of freedom.
        effective_group_size: n_0, the size of every group if they are equal.
        mean_variance_factor: Σ n_j²/N², how much of s²_between stays in the mean; 1/J if equal.
    """

    group_count: int
    count: int
    mean: float
    mean_square_between: float
    mean_square_within: float
    effective_group_size: float
    mean_variance_factor: float

    @property
    def degrees_of_freedom_between(self) -> int:
        """J - 1."""
        return self.group_count - 1

    @property
    def degrees_of_freedom_within(self) -> int:
        """N - J."""
        return self.count - self.group_count

    @property
    def f_statistic(self) -> float | None:
        """F = MS_between/MS_within; None where the groups do not scatter at all."""
        if self.mean_square_within == 0:
            return None
        return self.mean_square_between / self.mean_square_within

    @property
    def p_value(self) -> float | None:
        """The probability of an F at least as large where groups make no difference."""
        if self.f_statistic is None:
            return None
        return float(
            fdtrc(self.degrees_of_freedom_between, self.degrees_of_freedom_within, self.f_statistic)
        )

    def critical_f(self, *, significance: float = 0.05) -> float:
        """Return the F that is exceeded with that probability where groups make no difference."""
        require_probability("significance", significance)
        return float(
            fdtri(
                self.degrees_of_freedom_between,
                self.degrees_of_freedom_within,
                1 - significance,
            )
        )

    @property
    def standard_deviation_within(self) -> float:
        """s_within, the repeatability standard deviation."""
        return sqrt(self.mean_square_within)

    @property
    def variance_between(self) -> float:
        """The estimate of s²_between; negative where repeatability hides the groups."""
        return (self.mean_square_between - self.mean_square_within) / self.effective_group_size

    @property
    def standard_deviation_between(self) -> float:
        """s_between, 0 where its variance was estimated as negative."""
        return sqrt(max(0.0, self.variance_between))

    @property
    def hidden_standard_deviation_between(self) -> float:
        """u*_bb, the inhomogeneity that the repeatability of this study can hide.

        Source: ISO 33405:2024 (ISO Guide 35); JJF 1343-2022.
        """
        of_group_mean = sqrt(self.mean_square_within / self.effective_group_size)
        return of_group_mean * sqrt(sqrt(2 / self.degrees_of_freedom_within))

    def mean_of_all(self, *, significance: float = 0.05) -> RepeatedObservations:
        """Return the mean of all observations with its uncertainty.

        Where the groups differ significantly, u² = s²_between Σn_j²/N² + s²_within/N with J - 1
        degrees of freedom (MS_between/N for equal groups); otherwise all observations count as one
        series with N - 1.

        Source: JCGM 100:2008, H.5.2.5.
        """
        f_statistic = self.f_statistic
        if f_statistic is None or f_statistic > self.critical_f(significance=significance):
            variance = self.variance_between * self.mean_variance_factor
            variance += self.mean_square_within / self.count
            degrees_of_freedom = self.degrees_of_freedom_between
        else:
            variance = self._total_mean_square / self.count
            degrees_of_freedom = self.count - 1
        return RepeatedObservations(
            count=self.count,
            mean=self.mean,
            experimental_standard_deviation=sqrt(self._total_mean_square),
            standard_uncertainty=sqrt(variance),
            degrees_of_freedom=degrees_of_freedom,
        )

    @property
    def _total_mean_square(self) -> float:
        between = self.mean_square_between * self.degrees_of_freedom_between
        within = self.mean_square_within * self.degrees_of_freedom_within
        return (between + within) / (self.count - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimultaneousObservations:
    """Several quantities observed together n times: correlated, with degrees of freedom in common.

    The three parts are what `budget.evaluate` takes.
    """

    inputs: tuple[InputQuantity, ...]
    correlations: tuple[Correlation, ...]
    ensemble: Ensemble


def repeated_observations(observations: Sequence[float]) -> RepeatedObservations:
    """Return the mean of independent observations, u = s/√n and ν = n - 1.

    Raises:
        InvalidInput: fewer than two observations, or one is not finite.

    Source: JCGM 100:2008, 4.2.1 to 4.2.3.

    >>> repeated_observations([10.1, 10.3]).mean
    10.2
    """
    values = _finite(observations, "observations", at_least=2)
    mean, sum_of_squares = _moments(values)
    s = sqrt(sum_of_squares / (len(values) - 1))
    return RepeatedObservations(
        count=len(values),
        mean=mean,
        experimental_standard_deviation=s,
        standard_uncertainty=s / sqrt(len(values)),
        degrees_of_freedom=len(values) - 1,
    )


def pooled_standard_deviation(
    standard_deviations: Sequence[float], counts: Sequence[int]
) -> PooledStandardDeviation:
    """Return the standard deviation of several series, weighted by their degrees of freedom.

    Args:
        standard_deviations: s_j ≥ 0 of each series, in one unit.
        counts: n_j ≥ 2, how many observations each has.

    Raises:
        InvalidInput: the two do not match, s_j < 0, n_j < 2, or there are none.

    Source: JCGM 100:2008, 4.2.4 and H.3.6, note.
    """
    deviations = _finite(standard_deviations, "standard_deviations", at_least=1)
    if len(counts) != len(deviations):
        raise InvalidInput("counts", f"{len(counts)} for {len(deviations)} standard deviations")
    for number, (s, n) in enumerate(zip(deviations, counts, strict=True)):
        require_not_negative(f"standard_deviations[{number}]", s)
        if n < 2:
            raise InvalidInput(f"counts[{number}]", f"must be ≥ 2, got {n}")
    nu = sum(n - 1 for n in counts)
    variance = fsum(s * s * (n - 1) for s, n in zip(deviations, counts, strict=True)) / nu
    return PooledStandardDeviation(standard_deviation=sqrt(variance), degrees_of_freedom=nu)


def autocorrelated_observations(observations: Sequence[float]) -> AutocorrelatedObservations:
    """Return the mean of a stationary series in the order of observation.

    u² = s²/n [1 + 2 Σ (1 - i/n) r_i], summed over the lags from 1 to the last one, at most n/4,
    before an autocorrelation lies within 1.96 of its own standard deviation; this cut-off is ours.
    The degrees of freedom are those of as many independent observations, at least 1.

    Args:
        observations: at least 10, equally spaced.

    Raises:
        InvalidInput: fewer than 10 observations, or one is not finite.

    Source: N. F. Zhang, Metrologia 43 (2006) S276-S281; JCGM 100:2008, 4.2.7.
    """
    values = _finite(observations, "observations", at_least=10)
    n = len(values)
    independent = repeated_observations(observations)
    coefficients = _autocorrelations(values - independent.mean)
    lags = np.arange(1, len(coefficients) + 1)
    factor = 1 + 2 * float(np.sum((1 - lags / n) * coefficients))
    factor = max(factor, 1 / n)
    return AutocorrelatedObservations(
        count=n,
        mean=independent.mean,
        experimental_standard_deviation=independent.experimental_standard_deviation,
        standard_uncertainty=independent.standard_uncertainty * sqrt(factor),
        degrees_of_freedom=max(1.0, min(n, n / factor) - 1),
        autocorrelations=tuple(float(r) for r in coefficients),
        effective_count=n / factor,
    )


def one_way_anova(groups: Sequence[Sequence[float]]) -> OneWayAnova:
    """Return the analysis of variance of observations in groups, equal in size or not.

    Raises:
        InvalidInput: fewer than two groups, an empty one, no group with two observations, or an
            observation that is not finite.

    Source: JCGM 100:2008, H.5; n_0 for unequal groups ISO 33405:2024.
    """
    if len(groups) < 2:
        raise InvalidInput("groups", f"needs at least 2, got {len(groups)}")
    values = [_finite(group, f"groups[{i}]", at_least=1) for i, group in enumerate(groups)]
    sizes = [len(group) for group in values]
    count = sum(sizes)
    if count == len(groups):
        raise InvalidInput("groups", "none has two observations, so nothing repeats")
    moments = [_moments(group) for group in values]
    mean = fsum(fsum(group) for group in values) / count
    between = fsum(n * (m - mean) ** 2 for n, (m, _) in zip(sizes, moments, strict=True))
    within = fsum(sum_of_squares for _, sum_of_squares in moments)
    squares = sum(n * n for n in sizes)
    return OneWayAnova(
        group_count=len(groups),
        count=count,
        mean=mean,
        mean_square_between=between / (len(groups) - 1),
        mean_square_within=within / (count - len(groups)),
        effective_group_size=(count - squares / count) / (len(groups) - 1),
        mean_variance_factor=squares / count**2,
    )


def simultaneous_observations(
    series: Mapping[str, Sequence[float]], *, units: Mapping[str, str] | None = None
) -> SimultaneousObservations:
    """Return the means of quantities observed together, with the correlations of these means.

    Args:
        series: the observations of each quantity by its symbol, the i-th of all taken together.
        units: by symbol; "1" where none is given.

    Raises:
        InvalidInput: the series differ in length, or one is shorter than 2 or not finite.

    Source: JCGM 100:2008, 5.2.3, equation (17), and H.2.
    """
    if not series:
        raise InvalidInput("series", "there are none")
    evaluated = {symbol: repeated_observations(values) for symbol, values in series.items()}
    counts = {symbol: result.count for symbol, result in evaluated.items()}
    if len(set(counts.values())) > 1:
        raise InvalidInput("series", f"must be equally long, got {counts}")
    deviations = {
        symbol: np.asarray(values, dtype=float) - evaluated[symbol].mean
        for symbol, values in series.items()
    }
    symbols = tuple(series)
    nu = counts[symbols[0]] - 1
    return SimultaneousObservations(
        inputs=tuple(
            evaluated[symbol].as_input(symbol, unit=(units or {}).get(symbol, "1"))
            for symbol in symbols
        ),
        correlations=tuple(
            Correlation(first, second, coefficient, f"observed together {nu + 1} times")
            for i, first in enumerate(symbols)
            for second in symbols[i + 1 :]
            if (coefficient := _correlation(deviations[first], deviations[second]))
        ),
        ensemble=Ensemble(symbols, nu),
    )


def _finite(values: Sequence[float], field: str, *, at_least: int) -> FloatArray:
    if len(values) < at_least:
        raise InvalidInput(field, f"needs at least {at_least}, got {len(values)}")
    for number, value in enumerate(values):
        if abs(require_finite(f"{field}[{number}]", value)) > LARGEST:
            raise InvalidInput(f"{field}[{number}]", f"is too large to be squared, got {value}")
    return np.asarray(values, dtype=float)


def _moments(values: FloatArray) -> tuple[float, float]:
    """Return mean and sum of squared deviations, exact also far from zero."""
    shift = float(values[0])
    mean = shift + fsum(value - shift for value in values) / len(values)
    return mean, fsum((value - mean) ** 2 for value in values)


def _autocorrelations(deviations: FloatArray) -> FloatArray:
    """Return r_1 to r_c, all significant, c at most n/4."""
    n = len(deviations)
    total = float(deviations @ deviations)
    if total == 0:
        return np.empty(0)
    r = np.array([float(deviations[:-i] @ deviations[i:]) / total for i in range(1, n // 4 + 1)])
    earlier = np.concatenate(([0.0], np.cumsum(r[:-1] ** 2)))
    significant = np.abs(r) > SIGNIFICANT_AUTOCORRELATION * np.sqrt((1 + 2 * earlier) / n)
    return r[: len(r) if significant.all() else int(np.argmin(significant))]


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Return r of two series of deviations; 0 where one of them does not scatter."""
    scale = sqrt(float(first @ first) * float(second @ second))
    if scale == 0:
        return 0.0
    return max(-1.0, min(1.0, float(first @ second) / scale))
