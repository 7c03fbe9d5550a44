"""Calibration-interval analysis from as-found history (ILAC-G24/OIML D 10).

Three methods of three kinds of history: found in tolerance or not after equal intervals (A3), the
same after different intervals (exponential reliability), and deviations measured after different
intervals (drift). Rules that change one interval stand in `interval_rules`, more models of
reliability in `reliability_models`, drift told from noise in `drift`, whole lots in `lots`. Times
are in any one unit, which is then that of the interval. What they answer is advice to whoever
sets the interval; a legal verification period is not theirs to lengthen.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, expm1, fsum, hypot, log

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, betaincinv, stdtrit

from procedures.conformity import ToleranceInterval
from procedures.curves import CalibrationCurve, PolynomialFromZero, fit_ordinary
from procedures.errors import InvalidInput
from procedures.fields import (
    require_finite,
    require_not_negative,
    require_positive,
    require_probability,
)
from procedures.roots import root_of_falling

FloatArray = NDArray[np.float64]

LARGEST = 1e100  # of a deviation or its uncertainty
SHORTEST = 1e-50  # of a time, in whatever unit
MOST_DIFFERENT = 1e12
NOTHING = 1e-150  # of the largest term of a polynomial
NEARLY = 1e-6  # of a time: roots so near to each other count as one


def _require_time(field: str, time: float) -> None:
    if not SHORTEST <= require_positive(field, time) <= 1 / SHORTEST:
        raise InvalidInput(field, f"must lie in [{SHORTEST:g}, {1 / SHORTEST:g}], got {time}")


def _require_size(field: str, value: float) -> None:
    if abs(value) > LARGEST:
        raise InvalidInput(field, f"is too large to calculate with, got {value}")


class NoInterval(StrEnum):
    """Why a history gives no calibration interval."""

    NEVER_OUT_OF_TOLERANCE = "never_out_of_tolerance"
    NEVER_IN_TOLERANCE = "never_in_tolerance"
    EXCEEDED_AT_ONCE = "exceeded_at_once"
    NEVER_EXCEEDED = "never_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationInterval:
    """The interval that a history supports, or the reason why it supports none.

    Attributes:
        length: > 0, in the unit of the history's times; None where there is no estimate.
        reason: why there is none; None where there is one.
        is_extrapolated: whether the interval is longer than any that was observed.
    """

    length: float | None = None
    reason: NoInterval | None = None
    is_extrapolated: bool = False


# ── In tolerance or not, after equal intervals ───────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalTest:
    """What the calibrations after one and the same interval say of that interval.

    Attributes:
        calibrations: n, how many there were.
        in_tolerance: x, how many of them were found in tolerance.
        rejection_confidence: Q, in [0, 1], with which the target reliability is rejected.
        reliability_low: lower limit of the two-sided confidence interval of the reliability.
        reliability_high: its upper limit.
        is_rejected: whether Q exceeds the confidence asked for.
        interval: the current interval, adjusted where the target is rejected.
    """

    calibrations: int
    in_tolerance: int
    rejection_confidence: float
    reliability_low: float
    reliability_high: float
    is_rejected: bool
    interval: float

    @property
    def observed_reliability(self) -> float:
        """R_0 = x/n."""
        return self.in_tolerance / self.calibrations


def interval_test(
    found_in_tolerance: Sequence[bool],
    *,
    current_interval: float,
    target_reliability: float,
    confidence: float,
) -> IntervalTest:
    """Test one interval against a target reliability, and adjust it where that is rejected.

    The adjusted interval is I_0 · 10^((R_0 - R_t) Q), Q = 1 - 2 P(x or fewer of n in tolerance)
    at the target, and likewise with "or more" where R_0 is above it. The confidence limits are
    those of Clopper and Pearson.

    Args:
        found_in_tolerance: of each calibration, as found, after the current interval.
        current_interval: I_0 > 0.
        target_reliability: R_t, in (0, 1), wanted at the end of the interval.
        confidence: in (0, 1), for the rejection and for both limits.

    Raises:
        InvalidInput: there are no calibrations, or an argument lies outside its range.

    Source: NCSLI RP-1, method A3.

    >>> tested = interval_test(
    ...     [True] * 42 + [False] * 8, current_interval=365, target_reliability=0.9, confidence=0.3
    ... )
    >>> round(tested.interval), round(tested.reliability_low, 4)
    (329, 0.8067)
    """
    n = len(found_in_tolerance)
    if n == 0:
        raise InvalidInput("found_in_tolerance", "there are no calibrations")
    _require_time("current_interval", current_interval)
    require_probability("target_reliability", target_reliability)
    require_probability("confidence", confidence)
    x = sum(map(bool, found_in_tolerance))
    below = x / n < target_reliability
    as_extreme = bdtr(x, n, target_reliability) if below else _x_or_more(x, n, target_reliability)
    rejection = max(0.0, 1 - 2 * float(as_extreme))
    rejected = rejection > confidence
    change = (x / n - target_reliability) * rejection if rejected else 0.0
    return IntervalTest(
        calibrations=n,
        in_tolerance=x,
        rejection_confidence=rejection,
        reliability_low=0.0 if x == 0 else float(betaincinv(x, n - x + 1, (1 - confidence) / 2)),
        reliability_high=1.0 if x == n else float(betaincinv(x + 1, n - x, (1 + confidence) / 2)),
        is_rejected=rejected,
        interval=current_interval * 10**change,
    )


def _x_or_more(x: int, n: int, probability: float) -> float:
    return float(bdtrc(x - 1, n, probability)) if x > 0 else 1.0


# ── In tolerance or not, after different intervals ───────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAfter:
    """The calibrations after one interval: how many, and how many were found in tolerance."""

    interval: float
    calibrations: int
    in_tolerance: int

    def __post_init__(self) -> None:
        _require_time("interval", self.interval)
        if self.calibrations < 1:
            raise InvalidInput("calibrations", f"must be ≥ 1, got {self.calibrations}")
        if not 0 <= self.in_tolerance <= self.calibrations:
            raise InvalidInput(
                "in_tolerance", f"must be 0 to {self.calibrations}, got {self.in_tolerance}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentialReliability:
    """The reliability R(t) = exp(-λt) of a history.

    Attributes:
        failure_rate: λ > 0, per unit of the history's times; None where it has no estimate.
        reason: why there is none; None where there is one.
        negative_log_likelihood: of the observations at that λ, without the binomial coefficients;
            0 at the limit of a history in which all were found alike.
        longest_observed: the longest interval of the history.
    """

    failure_rate: float | None
    reason: NoInterval | None
    negative_log_likelihood: float
    longest_observed: float

    def interval(self, *, target_reliability: float) -> CalibrationInterval:
        """Return -ln R_t/λ, after which the reliability has fallen to the target R_t in (0, 1)."""
        require_probability("target_reliability", target_reliability)
        if self.failure_rate is None:
            return CalibrationInterval(reason=self.reason)
        length = -log(target_reliability) / self.failure_rate
        return CalibrationInterval(length=length, is_extrapolated=length > self.longest_observed)


def exponential_reliability(history: Iterable[FoundAfter]) -> ExponentialReliability:
    """Estimate a constant rate of going out of tolerance, by maximum likelihood.

    A history without a single out-of-tolerance has no estimate, and one without a single
    in-tolerance neither: the likelihood then has its maximum at λ = 0 or at infinity. Method S2
    would compare other reliability models with this one; here there is only this one.

    Raises:
        InvalidInput: there are no calibrations, or their intervals lie 12 decades apart.

    Source: NCSLI RP-1, method S2 and appendix D, exponential model.
    """
    found = tuple(history)
    if not found:
        raise InvalidInput("history", "there are no calibrations")
    longest = max(one.interval for one in found)
    if longest > MOST_DIFFERENT * min(one.interval for one in found):
        raise InvalidInput("history", "its intervals are too different to calculate with")
    reason = None
    if all(one.in_tolerance == one.calibrations for one in found):
        reason = NoInterval.NEVER_OUT_OF_TOLERANCE
    elif all(one.in_tolerance == 0 for one in found):
        reason = NoInterval.NEVER_IN_TOLERANCE
    rate = None if reason else _most_likely_rate(found, longest)
    return ExponentialReliability(
        failure_rate=rate,
        reason=reason,
        negative_log_likelihood=0.0 if rate is None else _negative_log_likelihood(found, rate),
        longest_observed=longest,
    )


def _most_likely_rate(found: Sequence[FoundAfter], longest: float) -> float:
    """Return the λ at which the slope of the log-likelihood passes 0."""

    def slope(rate: float) -> float:
        return fsum(
            one.interval
            / longest
            * (
                (one.calibrations - one.in_tolerance) * _odds(rate * one.interval)
                - one.in_tolerance
            )
            for one in found
        )

    low = high = 1 / longest
    while slope(low) < 0:
        low /= 2
    while slope(high) > 0:
        high *= 2
    return root_of_falling(slope, low, high)


def _odds(exponent: float) -> float:
    """Return R/(1 - R) of R = exp(-λt), without overflow."""
    return exp(-exponent) / -expm1(-exponent)


def _negative_log_likelihood(found: Sequence[FoundAfter], rate: float) -> float:
    return fsum(
        one.in_tolerance * rate * one.interval
        - (one.calibrations - one.in_tolerance) * log(-expm1(-rate * one.interval))
        for one in found
    )


# ── Deviations measured, after different intervals ───────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far a value moves after its calibration, fitted through no deviation at time 0.

    Attributes:
        curve: the deviation after a time; its coefficients are b_1, b_2, …
    """

    curve: CalibrationCurve

    @property
    def longest_observed(self) -> float:
        """The longest time between two calibrations of the history."""
        return self.curve.interval[1]

    def deviation(self, elapsed: float) -> float:
        """Return the deviation expected after a time ≥ 0, in the unit of the deviations."""
        return self.curve.predict(require_not_negative("elapsed", elapsed)).value

    def standard_uncertainty(self, elapsed: float, *, initial_standard_uncertainty: float) -> float:
        """Return u(t) of the value after a time ≥ 0: √(u_0² + s² + u²(fit)).

        Args:
            elapsed: t ≥ 0.
            initial_standard_uncertainty: u_0 ≥ 0, of the calibration at time 0.
        """
        require_not_negative("elapsed", elapsed)
        require_not_negative("initial_standard_uncertainty", initial_standard_uncertainty)
        of_deviation = self.curve.predict_observation(elapsed).standard_uncertainty
        return hypot(initial_standard_uncertainty, of_deviation)

    def interval_for_uncertainty(
        self, target: float, *, initial_standard_uncertainty: float
    ) -> CalibrationInterval:
        """Return the time after which the standard uncertainty has grown to a target > 0.

        Args:
            target: the standard uncertainty that is still good enough.
            initial_standard_uncertainty: u_0 ≥ 0, of the calibration at time 0.

        Raises:
            InvalidInput: an argument lies outside its range.

        Source: NASA-HDBK-8739.19-5, variables data, uncertainty target (table 7-7).
        """
        require_positive("target", target)
        _require_size("target", target)
        u_0 = require_not_negative("initial_standard_uncertainty", initial_standard_uncertainty)
        difference = -self._variance(u_0)
        difference[0] += target**2
        return _first_loss(
            lambda t: target - self.standard_uncertainty(t, initial_standard_uncertainty=u_0),
            _nearly_real_roots(difference, self.longest_observed),
            self.longest_observed,
        )

    def interval_for_tolerance(
        self,
        tolerance: ToleranceInterval,
        *,
        reliability: float,
        initial_value: float,
        initial_standard_uncertainty: float,
    ) -> CalibrationInterval:
        """Return the time after which y(t) ± t_p u(t) no longer lies in the tolerance.

        Of two limits t_p is the two-sided factor of Student's distribution, of one limit the
        one-sided; its degrees of freedom are those of the fit.

        Args:
            tolerance: the permissible values.
            reliability: p, in (0.5, 1), with which the value is to lie in tolerance.
            initial_value: y_0, as left by the calibration at time 0.
            initial_standard_uncertainty: u_0 ≥ 0, of that calibration.

        Raises:
            InvalidInput: an argument lies outside its range.

        Source: NASA-HDBK-8739.19-5, variables data, reliability target (tables 7-4 to 7-6).
        """
        if not 0.5 < reliability < 1:
            raise InvalidInput("reliability", f"must lie in (0.5, 1), got {reliability}")
        y_0 = require_finite("initial_value", initial_value)
        _require_size("initial_value", initial_value)
        u_0 = require_not_negative("initial_standard_uncertainty", initial_standard_uncertainty)
        both = tolerance.lower is not None and tolerance.upper is not None
        quantile = (1 + reliability) / 2 if both else reliability
        t_p = float(stdtrit(self.curve.degrees_of_freedom, quantile))

        def room(t: float) -> float:
            value = y_0 + self.deviation(t)
            half_width = t_p * self.standard_uncertainty(t, initial_standard_uncertainty=u_0)
            return min(value - tolerance.lowest, tolerance.highest - value) - half_width

        limits = [limit for limit in (tolerance.lower, tolerance.upper) if limit is not None]
        candidates = [self._reaches(limit - y_0, t_p, u_0) for limit in limits]
        return _first_loss(room, np.sort(np.concatenate(candidates)), self.longest_observed)

    def _reaches(self, limit: float, factor: float, u_0: float) -> FloatArray:
        """Return the times at which the deviation is a limit give or take factor · u(t)."""
        _require_size("tolerance", limit)
        distance = np.array([-limit, *self.curve.coefficients])
        difference = -(factor**2) * self._variance(u_0)
        difference[: 2 * len(distance) - 1] += np.convolve(distance, distance)
        return _nearly_real_roots(difference, self.longest_observed)

    def _variance(self, initial_standard_uncertainty: float) -> FloatArray:
        """Return the coefficients of u²(t) as a polynomial in t."""
        _require_size("initial_standard_uncertainty", initial_standard_uncertainty)
        s = self.curve.residual_standard_deviation or 0.0
        size = len(self.curve.coefficients)
        variance = np.zeros(2 * size + 1)
        variance[0] = initial_standard_uncertainty**2 + s * s
        for i, row in enumerate(self.curve.covariance, start=1):
            variance[i + 1 : i + 1 + size] += row
        return variance


def fit_drift(elapsed: Sequence[float], deviations: Sequence[float], *, order: int = 1) -> Drift:
    """Fit a polynomial without a constant to deviations found after different times.

    Args:
        elapsed: > 0, from a calibration to the next, shape (n,).
        deviations: as found minus as left before, shape (n,).
        order: m ≥ 1, of the polynomial b_1 t + … + b_m t^m; fewer than there are deviations.

    Raises:
        InvalidInput: the two do not match, a time is not > 0, or there are too few.
        CurveNotFound: the times are too much alike for the order.

    Source: NASA-HDBK-8739.19-5, variables data (tables 7-2 and 7-3).
    """
    for i, deviation in enumerate(deviations):
        _require_size(f"deviations[{i}]", require_finite(f"deviations[{i}]", deviation))
    for i, time in enumerate(elapsed):
        _require_time(f"elapsed[{i}]", time)
    return Drift(curve=fit_ordinary(elapsed, deviations, form=PolynomialFromZero(order)))


def _first_loss(
    room: Callable[[float], float], candidates: FloatArray, longest_observed: float
) -> CalibrationInterval:
    """Return the time at which room falls below 0; the candidates are where it may be 0."""
    if room(0.0) <= 0:
        return CalibrationInterval(reason=NoInterval.EXCEEDED_AT_ONCE)
    held = 0.0
    for candidate in candidates:
        beyond = float(candidate) * (1 + NEARLY)
        if room(beyond) < 0:
            length = root_of_falling(room, held, beyond)
            return CalibrationInterval(length=length, is_extrapolated=length > longest_observed)
        held = beyond
    return CalibrationInterval(reason=NoInterval.NEVER_EXCEEDED)


def _nearly_real_roots(coefficients: FloatArray, scale: float) -> FloatArray:
    """Return where a polynomial is 0 or touches it, among the times > 0, in order."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = coefficients * scale ** np.arange(len(coefficients))
    if not np.isfinite(scaled).all():
        raise InvalidInput("deviations", "are too large to calculate with")
    scaled /= np.abs(scaled).max() or 1.0
    roots = polynomial.polyroots(polynomial.polytrim(scaled, tol=NOTHING))
    real = roots.real[np.abs(roots.imag) <= NEARLY * np.abs(roots)]
    return np.sort(scale * real[real > 0])
