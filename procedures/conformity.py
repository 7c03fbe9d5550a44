"""Conformity with requirements: tolerance intervals, decision rules and statements.

JCGM 106:2012 gives the words and the probabilities, ILAC-G8 and JJF 1094-2002 the rules. A verdict
is a value; an exception here means that the question was not one. The risks of whole processes and
the guard bands made from them stand in `risks`.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite

from scipy.special import ndtr

from procedures.errors import InvalidInput
from procedures.fields import require_finite, require_not_negative
from procedures.rounding import without_binary_noise

SMALLEST_POSSIBLE_SHARE = 1e-12

DEFINITIONS = {
    "conformance_probability": (
        "the probability that the true value lies in the tolerance interval, given this measured "
        "value and its standard uncertainty (JCGM 106:2012, 3.3.7)"
    ),
    "specific_risk": (
        "the probability that this verdict on this item is wrong: of an accepted item that it is "
        "out of tolerance, of a rejected one that it is in tolerance (JCGM 106:2012, 3.3.13, "
        "3.3.14)"
    ),
}


class Verdict(StrEnum):
    """What may be said of conformity; the conditional ones are ILAC-G8's non-binary statements."""

    PASS = "pass"  # noqa: S105 — a verdict, not a password
    CONDITIONAL_PASS = "conditional_pass"  # noqa: S105 — a verdict, not a password
    UNDETERMINED = "undetermined"
    CONDITIONAL_FAIL = "conditional_fail"
    FAIL = "fail"


class RuleName(StrEnum):
    """The decision rules by name."""

    SIMPLE_ACCEPTANCE = "simple_acceptance"
    GUARDED_ACCEPTANCE = "guarded_acceptance"
    GUARDED_WITH_UNDETERMINED_ZONE = "guarded_with_undetermined_zone"
    NON_BINARY = "non_binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A closed interval, open to one side where a limit is None."""

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        for field in ("lower", "upper"):
            limit = getattr(self, field)
            if limit is not None and not isfinite(limit):
                raise InvalidInput(field, f"must be finite or absent, got {limit}")
        if self.lower is None and self.upper is None:
            raise InvalidInput("lower", "an interval needs at least one limit")

    def contains(self, value: float) -> bool:
        """Say whether a value lies within the limits, the limits included."""
        return self.lowest <= value <= self.highest

    @property
    def lowest(self) -> float:
        """The lower limit, -inf where there is none."""
        return -inf if self.lower is None else self.lower

    @property
    def highest(self) -> float:
        """The upper limit, inf where there is none."""
        return inf if self.upper is None else self.upper


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceInterval(Interval):
    """The permissible values of a property, T_L to T_U (JCGM 106:2012, 3.3.5)."""

    def __post_init__(self) -> None:
        Interval.__post_init__(self)
        if self.lowest > self.highest:
            raise InvalidInput("lower", f"must not exceed upper, got {self.lower}, {self.upper}")

    @classmethod
    def of_maximum_permissible_error(cls, mpe: float) -> "ToleranceInterval":
        """Return -MPE to +MPE."""
        require_not_negative("maximum_permissible_error", mpe)
        return cls(lower=-mpe, upper=mpe)

    @property
    def half_width(self) -> float:
        """(T_U - T_L)/2, MPEV of a symmetric interval; infinite when one-sided."""
        return self.highest / 2 - self.lowest / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceInterval(Interval):
    """The measured values that are accepted, A_L to A_U (JCGM 106:2012, 3.3.9).

    Guard bands wider than the tolerance leave it empty: A_L > A_U, nothing is accepted.
    """

    @property
    def is_empty(self) -> bool:
        """Whether no measured value at all is accepted."""
        return self.lowest > self.highest


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """How a measured value and a tolerance interval become a verdict.

    Attributes:
        name: which rule.
        guard_band: w at each limit, in the unit of the tolerance. w > 0 moves the acceptance limit
            inwards (guarded acceptance), w < 0 outwards (guarded rejection).
        reason: the clause or condition that chose the rule, in words for the record.

    Source: JCGM 106:2012, clause 8; ILAC-G8:09/2019.
    """

    name: RuleName
    guard_band: float = 0.0
    reason: str = ""

    def __post_init__(self) -> None:
        require_finite("guard_band", self.guard_band)
        if self.name is RuleName.SIMPLE_ACCEPTANCE and self.guard_band != 0:
            raise InvalidInput("guard_band", "simple acceptance has none")
        if self.name is not RuleName.GUARDED_ACCEPTANCE and self.guard_band < 0:
            raise InvalidInput("guard_band", f"must be ≥ 0 with zones, got {self.guard_band}")

    def acceptance_interval(self, tolerance: ToleranceInterval) -> AcceptanceInterval:
        """Return T_L + w to T_U - w."""
        return AcceptanceInterval(
            lower=_moved(tolerance.lower, self.guard_band),
            upper=_moved(tolerance.upper, -self.guard_band),
        )

    def verdict(self, value: float, tolerance: ToleranceInterval) -> Verdict:
        """Return what this rule says of a measured value.

        With an undetermined zone (待定) the verdict is fail from T + w outwards, that limit
        included; a non-binary rule says conditional pass or fail within ±w of the limit T.
        """
        require_finite("value", value)
        if self.acceptance_interval(tolerance).contains(value):
            return Verdict.PASS
        if self.name in (RuleName.SIMPLE_ACCEPTANCE, RuleName.GUARDED_ACCEPTANCE):
            return Verdict.FAIL
        lower_end = _moved(tolerance.lower, -self.guard_band)
        upper_end = _moved(tolerance.upper, self.guard_band)
        if (lower_end is not None and value <= lower_end) or (
            upper_end is not None and value >= upper_end
        ):
            return Verdict.FAIL
        if self.name is RuleName.GUARDED_WITH_UNDETERMINED_ZONE:
            return Verdict.UNDETERMINED
        return Verdict.CONDITIONAL_PASS if tolerance.contains(value) else Verdict.CONDITIONAL_FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformityStatement:
    """One statement of conformity with everything that it rests on (ISO/IEC 17025:2017, 7.8.6).

    Attributes:
        value: the measured value that was judged, in the unit of the tolerance.
        standard_uncertainty: u, or None where a verification judges without it.
        conformance_probability: p_c, or None where u is not known. Unknown is not 1.
    """

    value: float
    standard_uncertainty: float | None
    tolerance: ToleranceInterval
    rule: DecisionRule
    verdict: Verdict
    conformance_probability: float | None

    @property
    def acceptance(self) -> AcceptanceInterval:
        """The measured values that the rule accepts."""
        return self.rule.acceptance_interval(self.tolerance)

    @property
    def specific_risk(self) -> float | None:
        """The probability that this very verdict is wrong; None where there is no telling.

        Of an accepted item 1 - p_c (specific consumer's risk), of a rejected one p_c (specific
        producer's risk).

        Source: JCGM 106:2012, 3.3.13 and 3.3.14.
        """
        if self.conformance_probability is None or self.verdict is Verdict.UNDETERMINED:
            return None
        if self.verdict in (Verdict.PASS, Verdict.CONDITIONAL_PASS):
            return 1 - self.conformance_probability
        return self.conformance_probability


def simple_acceptance(*, reason: str = "") -> DecisionRule:
    """Return the rule that accepts up to the tolerance limit itself: the risk is shared."""
    return DecisionRule(name=RuleName.SIMPLE_ACCEPTANCE, reason=reason)


def guarded_acceptance(guard_band: float, *, reason: str = "") -> DecisionRule:
    """Return the binary rule with a guard band w; negative w is guarded rejection."""
    return DecisionRule(name=RuleName.GUARDED_ACCEPTANCE, guard_band=guard_band, reason=reason)


def guarded_with_undetermined_zone(guard_band: float, *, reason: str = "") -> DecisionRule:
    """Return the rule that passes within T - w, fails from T + w on, and decides nothing between.

    Source: JJF 1094-2002 (待定区).
    """
    return DecisionRule(
        name=RuleName.GUARDED_WITH_UNDETERMINED_ZONE, guard_band=guard_band, reason=reason
    )


def non_binary(guard_band: float, *, reason: str = "") -> DecisionRule:
    """Return ILAC-G8's rule with conditional pass and conditional fail within ±w of the limit."""
    return DecisionRule(name=RuleName.NON_BINARY, guard_band=guard_band, reason=reason)


def jjf_1094(expanded_uncertainty: float, tolerance: ToleranceInterval) -> DecisionRule:
    """Return the rule of JJF 1094 for an error of indication with expanded uncertainty U95.

    Where U95 ≤ MPEV/3 the uncertainty may be left out of account (simple acceptance); otherwise
    w = U95, with the undetermined zone.

    Raises:
        InvalidInput: U95 is negative or not finite, or the tolerance is one-sided.

    Source: JJF 1094-2002.
    """
    require_not_negative("expanded_uncertainty", expanded_uncertainty)
    mpev = tolerance.half_width
    if not isfinite(mpev):
        raise InvalidInput("tolerance", "JJF 1094 compares U95 with MPEV: give both limits")
    if without_binary_noise(3 * expanded_uncertainty, scale=mpev) <= mpev:
        return simple_acceptance(reason="U95 ≤ MPEV/3 (JJF 1094)")
    return guarded_with_undetermined_zone(expanded_uncertainty, reason="U95 > MPEV/3 (JJF 1094)")


def state_conformity(
    value: float,
    *,
    tolerance: ToleranceInterval,
    rule: DecisionRule,
    standard_uncertainty: float | None = None,
) -> ConformityStatement:
    """Judge a measured value by a rule and say how probable conformance is.

    Args:
        value: the measured value, for instance an error of indication.
        tolerance: the permissible values, in the same unit.
        rule: the decision rule agreed beforehand.
        standard_uncertainty: u ≥ 0 of the measured value, normal; None leaves the probability
            unknown.

    Raises:
        InvalidInput: the value is not finite or u < 0.
    """
    probability = (
        None
        if standard_uncertainty is None
        else conformance_probability(value, standard_uncertainty, tolerance)
    )
    return ConformityStatement(
        value=value,
        standard_uncertainty=standard_uncertainty,
        tolerance=tolerance,
        rule=rule,
        verdict=rule.verdict(value, tolerance),
        conformance_probability=probability,
    )


def conformance_probability(
    estimate: float,
    standard_uncertainty: float,
    tolerance: ToleranceInterval,
    *,
    possible: Interval | None = None,
) -> float:
    """Return p_c, the probability that a normally distributed measurand lies in tolerance.

    A standard uncertainty of zero is answered with 1 or 0.

    Args:
        estimate: the measured value.
        standard_uncertainty: u ≥ 0, in the same unit.
        tolerance: the permissible values.
        possible: the values that the measurand can have at all, for instance a mass fraction from
            0 to 1; the normal distribution is then cut off there.

    Raises:
        InvalidInput: the estimate is not finite, u < 0, or the distribution leaves less than
            1e-12 of its probability to the possible values.

    Source: JCGM 106:2012, 7.2 to 7.4.

    >>> round(conformance_probability(-5.47, 0.05, ToleranceInterval(upper=-5.40)), 2)
    0.92
    """
    below, above = tail_probabilities(estimate, standard_uncertainty, tolerance)
    if possible is None or standard_uncertainty == 0:
        return max(0.0, 1 - below - above)
    inside = probability_between(possible, estimate, standard_uncertainty)
    if not inside >= SMALLEST_POSSIBLE_SHARE:
        raise InvalidInput("possible", "the measured value lies too far outside of it")
    both = Interval(
        lower=_finite(max(tolerance.lowest, possible.lowest)),
        upper=_finite(min(tolerance.highest, possible.highest)),
    )
    return max(0.0, min(1.0, probability_between(both, estimate, standard_uncertainty) / inside))


def tail_probabilities(
    estimate: float, standard_uncertainty: float, tolerance: ToleranceInterval
) -> tuple[float, float]:
    """Return the probabilities that a normal measurand lies below T_L and above T_U.

    Raises:
        InvalidInput: the estimate is not finite or u < 0.
    """
    require_finite("estimate", estimate)
    require_not_negative("standard_uncertainty", standard_uncertainty)
    if standard_uncertainty == 0:
        return float(estimate < tolerance.lowest), float(estimate > tolerance.highest)
    return (
        float(ndtr((tolerance.lowest - estimate) / standard_uncertainty)),
        float(ndtr((estimate - tolerance.highest) / standard_uncertainty)),
    )


def probability_between(interval: Interval, mean: float, standard_deviation: float) -> float:
    """Return the probability that a normal quantity lies in an interval, exact in either tail.

    0 where the limits have passed each other.
    """
    low = (interval.lowest - mean) / standard_deviation
    high = (interval.highest - mean) / standard_deviation
    if low > high:
        return 0.0
    if low > 0:
        low, high = -high, -low
    return float(ndtr(high) - ndtr(low))


def _moved(limit: float | None, by: float) -> float | None:
    """Return a limit moved, so that 0.3 - 0.1 is 0.2 and accepts 0.2."""
    if limit is None:
        return None
    return without_binary_noise(limit + by, scale=max(abs(limit), abs(by)))


def _finite(limit: float) -> float | None:
    return limit if isfinite(limit) else None
