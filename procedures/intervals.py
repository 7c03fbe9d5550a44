"""Calibration-interval analysis from as-found history (ILAC-G24/OIML D 10).

Three methods of three kinds of history: found in tolerance or not after equal intervals (A3), the
same after different intervals (exponential reliability), and deviations measured after different
intervals (drift). Times are in any one unit, which is then that of the interval. What they answer
is advice to whoever sets the interval; a legal verification period is not theirs to lengthen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, expm1, fsum, isfinite, log, sqrt

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

FloatArray = NDArray[np.float64]


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
    require_positive("current_interval", current_interval)
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
        require_positive("interval", self.interval)
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
        return CalibrationInterval(
            length=length, is_extrapolated=length > self.longest_observed
        )


def exponential_reliability(history: Iterable[FoundAfter]) -> ExponentialReliability:
    """Estimate a constant rate of going out of tolerance, by maximum likelihood.

    A history without a single out-of-tolerance has no estimate, and one without a single
    in-tolerance neither: the likelihood then has its maximum at λ = 0 or at infinity. Method S2
    would compare other reliability models with this one; here there is only this one.

    Raises:
        InvalidInput: there are no calibrations.

    Source: NCSLI RP-1, method S2 and appendix D, exponential model.
    """
    found = tuple(history)
    if not found:
        raise InvalidInput("history", "there are no calibrations")
    longest = max(one.interval for one in found)
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
    """Return the λ at which the slope of the log-likelihood passes 0, by bisection of ln λ."""

    def slope(rate: float) -> float:
        return fsum(
            one.interval
            / longest
            * ((one.calibrations - one.in_tolerance) * _odds(rate * one.interval) - one.in_tolerance)
            for one in found
        )

    low = high = 1 / longest
    while slope(low) < 0:
        low /= 2
    while slope(high) > 0:
        high *= 2
    while (middle := sqrt(low * high)) not in (low, high):
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return high


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
        return sqrt(initial_standard_uncertainty**2 + of_deviation**2)

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
        require_not_negative("initial_standard_uncertainty", initial_standard_uncertainty)
        room = polynomial.polysub([target**2], self._variance(initial_standard_uncertainty))
        return self._until(_first_loss(room, self.longest_observed))

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
            reliability: p, in (0, 1), with which the value is to lie in tolerance.
            initial_value: y_0, as left by the calibration at time 0.
            initial_standard_uncertainty: u_0 ≥ 0, of that calibration.

        Raises:
            InvalidInput: an argument lies outside its range.

        Source: NASA-HDBK-8739.19-5, variables data, reliability target (tables 7-4 to 7-6).
        """
        require_probability("reliability", reliability)
        require_finite("initial_value", initial_value)
        require_not_negative("initial_standard_uncertainty", initial_standard_uncertainty)
        limits = [x for x in (tolerance.lower, tolerance.upper) if x is not None]
        upper_quantile = (1 + reliability) / 2 if len(limits) == 2 else reliability
        factor = float(stdtrit(self.curve.degrees_of_freedom, upper_quantile))
        drifted = np.array([initial_value, *self.curve.coefficients])
        spread = factor * abs(factor) * self._variance(initial_standard_uncertainty)
        losses = []
        for limit in limits:
            inwards = 1.0 if limit == tolerance.upper else -1.0
            distance = inwards * polynomial.polysub([limit], drifted)
            losses.append(_first_loss_of_distance(distance, spread, self.longest_observed))
        return self._until(min(losses, key=lambda loss: float("inf") if loss is None else loss))

    def _variance(self, initial_standard_uncertainty: float) -> FloatArray:
        """Return the coefficients of u²(t) as a polynomial in t."""
        s = self.curve.residual_standard_deviation or 0.0
        size = len(self.curve.coefficients)
        variance = np.zeros(2 * size + 1)
        variance[0] = initial_standard_uncertainty**2 + s * s
        for i, row in enumerate(self.curve.covariance, start=1):
            variance[i + 1 : i + 1 + size] += row
        return variance

    def _until(self, loss: float | None) -> CalibrationInterval:
        if loss is None:
            return CalibrationInterval(reason=NoInterval.NEVER_EXCEEDED)
        if loss == 0:
            return CalibrationInterval(reason=NoInterval.EXCEEDED_AT_ONCE)
        return CalibrationInterval(length=loss, is_extrapolated=loss > self.longest_observed)


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
    for i, time in enumerate(elapsed):
        require_positive(f"elapsed[{i}]", time)
    return Drift(curve=fit_ordinary(elapsed, deviations, form=PolynomialFromZero(order)))


def _first_loss_of_distance(
    distance: FloatArray, spread: FloatArray, scale: float
) -> float | None:
    """Return the first t ≥ 0 at which distance ≥ √spread is lost; None if it never is.

    `spread` may be negative throughout, which stands for a factor below 0 (reliability < 0.5).
    """
    squares = polynomial.polysub(polynomial.polymul(distance, distance), spread)
    if spread[0] < 0:  # then it is lost where distance < -√|spread|
        squares = -polynomial.polyadd(polynomial.polymul(distance, distance), spread)
    del scale
    return _first_loss(squares, 1.0)


def _first_loss(room: FloatArray, scale: float) -> float | None:
    """Return the first t ≥ 0 at which a polynomial falls below 0; None if it never does."""
    if room[0] <= 0:
        return 0.0
    scaled = polynomial.polytrim(room * scale ** np.arange(len(room)))
    roots = polynomial.polyroots(scaled)
    positive = [r.real for r in roots if r.real > 0 and abs(r.imag) <= 1e-9 * abs(r)]
    return scale * float(min(positive)) if positive else None
