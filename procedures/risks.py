"""The risks of accepting and rejecting the items of a process, and the guard bands made from them.

Every risk has the sentence that defines it in `DEFINITIONS`, to be printed beside the number:
figures of "the" false accept risk differ because the definitions do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from procedures import conformity
from procedures.conformity import (
    SMALLEST_POSSIBLE_SHARE,
    AcceptanceInterval,
    DecisionRule,
    Interval,
    ToleranceInterval,
    guarded_acceptance,
    probability_between,
)
from procedures.errors import InvalidInput
from procedures.fields import (
    require_finite,
    require_not_negative,
    require_positive,
    require_probability,
)
from procedures.roots import root_of_falling

FloatArray = NDArray[np.float64]

NARROWEST = 1e-200  # of a process, in whatever unit: its density is still a float
TAIL = 37.0  # beyond as many standard deviations a normal density is 0 in floats
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)

DEFINITIONS = {
    **conformity.DEFINITIONS,
    "false_acceptance": (
        "the probability that an item drawn from the process is out of tolerance and will be "
        "accepted: global consumer's risk, unconditional PFA (JCGM 106:2012, 3.3.15)"
    ),
    "false_rejection": (
        "the probability that an item drawn from the process is in tolerance and will be "
        "rejected: global producer's risk, unconditional PFR (JCGM 106:2012, 3.3.16)"
    ),
    "conditional_false_acceptance": (
        "the probability that an item which was accepted is out of tolerance: conditional PFA, "
        "false acceptance divided by the fraction accepted"
    ),
    "conditional_false_rejection": (
        "the probability that an item which was rejected is in tolerance: conditional PFR, false "
        "rejection divided by the fraction rejected"
    ),
    "accepted_fraction": "the probability that an item drawn from the process will be accepted",
    "in_tolerance_probability": (
        "the probability that an item drawn from the process is in tolerance before it is measured"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What is known of the items before they are measured: normal true values.

    Attributes:
        mean: in the unit of the tolerance.
        standard_deviation: > 0.
        possible: the values that the property can have at all; the distribution is cut off there.
    """

    mean: float
    standard_deviation: float
    possible: Interval | None = None

    def __post_init__(self) -> None:
        require_finite("mean", self.mean)
        if require_positive("standard_deviation", self.standard_deviation) < NARROWEST:
            raise InvalidInput("standard_deviation", f"must be ≥ {NARROWEST:g}")
        if self.possible is not None and not self._share >= SMALLEST_POSSIBLE_SHARE:
            raise InvalidInput("possible", "the process lies too far outside of it")

    @classmethod
    def centred(cls, tolerance: ToleranceInterval, *, in_tolerance_probability: float) -> "Process":
        """Return the process in the middle of a two-sided tolerance with that share in tolerance.

        Raises:
            InvalidInput: the tolerance is one-sided or the probability not in (0, 1).
        """
        if not isfinite(tolerance.half_width):
            raise InvalidInput("tolerance", "needs both limits")
        require_probability("in_tolerance_probability", in_tolerance_probability)
        return cls(
            mean=(tolerance.lowest + tolerance.highest) / 2,
            standard_deviation=tolerance.half_width
            / float(ndtri((1 + in_tolerance_probability) / 2)),
        )

    @property
    def support(self) -> Interval:
        """The values that have any probability worth counting."""
        lowest = self.mean - TAIL * self.standard_deviation
        highest = self.mean + TAIL * self.standard_deviation
        if self.possible is not None:
            lowest = max(lowest, self.possible.lowest)
            highest = min(highest, self.possible.highest)
        return Interval(lower=lowest, upper=highest)

    @property
    def _share(self) -> float:
        if self.possible is None:
            return 1.0
        return probability_between(self.possible, self.mean, self.standard_deviation)

    def density(self, values: FloatArray) -> FloatArray:
        """Return the probability density at values that are possible."""
        with np.errstate(over="ignore"):  # infinitely far: density 0
            z = (values - self.mean) / self.standard_deviation
            square = z * z
        return np.exp(-0.5 * square) / (self.standard_deviation * sqrt(2 * pi) * self._share)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalRisks:
    """The risks of accepting and rejecting items of a process; `DEFINITIONS` says what each is.

    A conditional risk is None where nothing is accepted, or nothing rejected.
    """

    false_acceptance: float
    false_rejection: float
    accepted_fraction: float
    in_tolerance_probability: float

    @property
    def conditional_false_acceptance(self) -> float | None:
        """False acceptance among the accepted."""
        return self.false_acceptance / self.accepted_fraction if self.accepted_fraction else None

    @property
    def conditional_false_rejection(self) -> float | None:
        """False rejection among the rejected."""
        rejected = 1 - self.accepted_fraction
        return self.false_rejection / rejected if rejected > 0 else None


def global_risks(
    process: Process,
    standard_uncertainty: float,
    *,
    tolerance: ToleranceInterval,
    acceptance: AcceptanceInterval,
) -> GlobalRisks:
    """Return the risks when items of a process are measured and accepted by their measured value.

    Args:
        process: the items before the measurement.
        standard_uncertainty: u ≥ 0 of the measured value, a normal error around the true value.
        tolerance: the permissible true values.
        acceptance: the accepted measured values, for instance of `DecisionRule`.

    Raises:
        InvalidInput: u is negative or not finite.

    Source: JCGM 106:2012, 9.5, for a normal prior.
    """
    require_not_negative("standard_uncertainty", standard_uncertainty)

    def accepted(values: FloatArray) -> FloatArray:
        return _acceptance_probability(values, standard_uncertainty, acceptance)

    edges = _edges(process, standard_uncertainty, tolerance, acceptance)
    good = (tolerance.lowest, tolerance.highest)
    bad = ((-inf, tolerance.lowest), (tolerance.highest, inf))
    good_accepted = _expected(process, accepted, good, edges)
    bad_accepted = sum(_expected(process, accepted, part, edges) for part in bad)
    good_rejected = _expected(process, lambda values: 1 - accepted(values), good, edges)
    return GlobalRisks(
        false_acceptance=bad_accepted,
        false_rejection=good_rejected,
        accepted_fraction=good_accepted + bad_accepted,
        in_tolerance_probability=good_accepted + good_rejected,
    )


# ── Guard bands ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardBand:
    """A guard band w ≥ 0 at each tolerance limit, with the method that gave it, in words."""

    width: float
    method: str

    def __post_init__(self) -> None:
        require_not_negative("width", self.width)

    def rule(self) -> DecisionRule:
        """Return the binary rule of guarded acceptance with this guard band."""
        return guarded_acceptance(self.width, reason=self.method)


def guard_band_of_uncertainty(expanded_uncertainty: float, *, ratio: float = 1.0) -> GuardBand:
    """Return w = r U; r = 1 is ILAC-G8's own, r = 0.83 leaves 5 % with U = 2u.

    Raises:
        InvalidInput: U or r is negative or not finite.

    Source: ILAC-G8:09/2019, table 1; JCGM 106:2012, 8.3.2.
    """
    require_not_negative("expanded_uncertainty", expanded_uncertainty)
    require_not_negative("ratio", ratio)
    return GuardBand(
        width=ratio * expanded_uncertainty, method=f"w = {ratio:g} U (ILAC-G8:09/2019)"
    )


def risk_at_acceptance_limit(ratio: float, *, coverage_factor: float = 2.0) -> float:
    """Return the specific risk of an item measured right at the acceptance limit, for w = r U.

    Only the near limit is counted, as in the table of ILAC-G8.

    Source: ILAC-G8:09/2019, table 1.

    >>> round(risk_at_acceptance_limit(1.0), 4)
    0.0228
    """
    require_not_negative("ratio", ratio)
    if not (isfinite(coverage_factor) and coverage_factor > 0):
        raise InvalidInput("coverage_factor", f"must be finite and > 0, got {coverage_factor}")
    return float(ndtr(-ratio * coverage_factor))


def guard_band_for_conformance(
    standard_uncertainty: float, conformance_probability_wanted: float
) -> GuardBand:
    """Return the w that leaves every accepted item a conformance probability of at least p.

    One limit is counted; where both are near, that is not enough and p_c at the limit says so.

    Args:
        standard_uncertainty: u ≥ 0.
        conformance_probability_wanted: p in [0.5, 1).

    Source: JCGM 106:2012, 8.3.2.
    """
    require_not_negative("standard_uncertainty", standard_uncertainty)
    wanted = conformance_probability_wanted
    if not 0.5 <= wanted < 1:
        raise InvalidInput("conformance_probability_wanted", f"must be in [0.5, 1), got {wanted}")
    return GuardBand(
        width=float(ndtri(wanted)) * standard_uncertainty,
        method=f"conformance probability ≥ {wanted:g} at the acceptance limit (JCGM 106:2012)",
    )


def guard_band_for_false_acceptance(
    process: Process,
    standard_uncertainty: float,
    *,
    tolerance: ToleranceInterval,
    target: float = 0.02,
) -> GuardBand:
    """Return the smallest w with which false acceptance of the process does not exceed a target.

    Nothing is widened where the risk is below the target without a guard band: w = 0.

    Args:
        process: the items before the measurement.
        standard_uncertainty: u ≥ 0 of the measured value.
        tolerance: the permissible values.
        target: the largest unconditional false acceptance, in (0, 1).

    Source: ANSI/NCSL Z540.3 handbook, method 5.
    """
    if not 0 < target < 1:
        raise InvalidInput("target", f"must be in (0, 1), got {target}")

    def excess(width: float) -> float:
        acceptance = guarded_acceptance(width).acceptance_interval(tolerance)
        risks = global_risks(
            process, standard_uncertainty, tolerance=tolerance, acceptance=acceptance
        )
        return risks.false_acceptance - target

    method = f"false acceptance ≤ {target:g} (ANSI/NCSL Z540.3, method 5)"
    if excess(0.0) <= 0:
        return GuardBand(width=0.0, method=method)
    reach = TAIL * (process.standard_deviation + standard_uncertainty)
    return GuardBand(
        width=root_of_falling(excess, 0.0, min(tolerance.half_width, reach)), method=method
    )


def guard_band_method_6(expanded_uncertainty: float, *, tolerance: ToleranceInterval) -> GuardBand:
    """Return w = U (1.04 - exp(0.38 ln TUR - 0.54)), at least 0: PFA ≤ 2 % whatever the process.

    Raises:
        InvalidInput: the tolerance is one-sided or without width, or U ≤ 0.

    Source: ANSI/NCSL Z540.3 handbook, method 6 (Dobbert).
    """
    ratio = _ratio_to_guard(tolerance, expanded_uncertainty)
    multiplier = 1.04 - exp(0.38 * log(ratio) - 0.54)
    return GuardBand(
        width=max(0.0, expanded_uncertainty * multiplier),
        method="false acceptance ≤ 0.02 from TUR alone (ANSI/NCSL Z540.3, method 6)",
    )


def guard_band_root_sum_square(
    expanded_uncertainty: float, *, tolerance: ToleranceInterval
) -> GuardBand:
    """Return the w that leaves √(T² - U²) of the tolerance half-width T; TUR ≥ 1.

    Raises:
        InvalidInput: the tolerance is one-sided or without width, U ≤ 0, or TUR < 1.
    """
    ratio = _ratio_to_guard(tolerance, expanded_uncertainty)
    if ratio < 1:
        raise InvalidInput("expanded_uncertainty", f"exceeds the tolerance, TUR is {ratio:g}")
    return GuardBand(
        width=tolerance.half_width * (1 - sqrt(1 - ratio**-2)),
        method="acceptance limit √(T² - U²) (RSS)",
    )


def guard_band_rp_10(expanded_uncertainty: float, *, tolerance: ToleranceInterval) -> GuardBand:
    """Return the w that leaves 1.25 - 1/TUR of the tolerance, at most all of it.

    Raises:
        InvalidInput: the tolerance is one-sided or without width, or U ≤ 0.

    Source: NCSLI RP-10.
    """
    ratio = _ratio_to_guard(tolerance, expanded_uncertainty)
    return GuardBand(
        width=max(0.0, expanded_uncertainty - 0.25 * tolerance.half_width) if ratio < 4 else 0.0,
        method="acceptance limit T (1.25 - 1/TUR) (NCSLI RP-10)",
    )


def ratio_of_tolerance_to_uncertainty(
    tolerance: ToleranceInterval, expanded_uncertainty: float
) -> float:
    """Return TUR, the tolerance half-width over U95 of the measurement.

    Raises:
        InvalidInput: the tolerance is one-sided or U ≤ 0.

    Source: ANSI/NCSL Z540.3-2006.
    """
    return _ratio_of_tolerance(tolerance, expanded_uncertainty, "expanded_uncertainty")


def ratio_of_tolerance_to_accuracy(
    tolerance: ToleranceInterval, standard_maximum_permissible_error: float
) -> float:
    """Return TAR, the tolerance half-width over the |MPE| of the standard alone."""
    return _ratio_of_tolerance(
        tolerance, standard_maximum_permissible_error, "standard_maximum_permissible_error"
    )


# ── Calculation ──────────────────────────────────────────────────────────────────────────────


def _ratio_to_guard(tolerance: ToleranceInterval, expanded_uncertainty: float) -> float:
    """Return a TUR > 0; a tolerance of no width leaves nothing to guard."""
    ratio = ratio_of_tolerance_to_uncertainty(tolerance, expanded_uncertainty)
    if ratio == 0:
        raise InvalidInput("tolerance", "has no width beside the uncertainty: TUR is 0")
    return ratio


def _ratio_of_tolerance(tolerance: ToleranceInterval, divisor: float, field: str) -> float:
    if not isfinite(tolerance.half_width):
        raise InvalidInput("tolerance", "needs both limits")
    if not (isfinite(divisor) and divisor > 0):
        raise InvalidInput(field, f"must be finite and > 0, got {divisor}")
    ratio = tolerance.half_width / divisor
    if not isfinite(ratio):
        raise InvalidInput(field, f"is too small beside the tolerance, got {divisor}")
    return ratio


def _acceptance_probability(
    true_values: FloatArray, standard_uncertainty: float, acceptance: AcceptanceInterval
) -> FloatArray:
    if acceptance.is_empty:
        return np.zeros_like(true_values)
    low, high = acceptance.lowest - true_values, acceptance.highest - true_values
    if standard_uncertainty == 0:
        return ((low <= 0) & (high >= 0)).astype(float)
    with np.errstate(over="ignore"):  # a needle: infinitely far is the right answer
        low, high = low / standard_uncertainty, high / standard_uncertainty
    mirrored = low > 0
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    probability: FloatArray = ndtr(high) - ndtr(low)
    return probability


def _edges(
    process: Process,
    standard_uncertainty: float,
    tolerance: ToleranceInterval,
    acceptance: AcceptanceInterval,
) -> list[float]:
    """Return the places between which prior and acceptance probability are smooth and simple."""
    widths = (-16, -9, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 9, 16)
    edges = {process.mean + width * process.standard_deviation for width in widths}
    for limit in (acceptance.lowest, acceptance.highest, tolerance.lowest, tolerance.highest):
        edges |= {limit + width * standard_uncertainty for width in widths}
    return sorted(edge for edge in edges if isfinite(edge))


def _expected(
    process: Process,
    function: Callable[[FloatArray], FloatArray],
    between: tuple[float, float],
    edges: Sequence[float],
) -> float:
    """Return the integral of density × function over a part of the true values."""
    support = process.support
    start, end = max(between[0], support.lowest), min(between[1], support.highest)
    if not start < end:
        return 0.0
    inner = [edge for edge in edges if start < edge < end]
    bounds = np.array([start, *inner, end])
    half = np.diff(bounds)[:, None] / 2
    values = bounds[:-1, None] + half * (1 + NODES)
    return float(np.sum(half * WEIGHTS * process.density(values) * function(values)))
