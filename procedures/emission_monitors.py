"""Performance of continuous emission monitoring systems: tested, judged and ranked.

The limits are arguments: those of HJ 75 and HJ 76 are not in our facts, and a limit nobody gives is
unknown, never kept. Concentrations are in one unit throughout, times in seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import inf, isfinite, sqrt
from typing import Final

import numpy as np
from scipy.special import stdtrit

from procedures.conformity import Verdict
from procedures.errors import InvalidInput
from procedures.fields import require_finite, require_not_negative, require_positive
from procedures.observations import repeated_observations
from procedures.rounding import without_binary_noise

LEAST_PAIRS: Final = 9  # of the relative accuracy
STEP_SHARE: Final = 0.9  # of the step that ends the response time


class Characteristic(StrEnum):
    """What a monitor is tested for."""

    INDICATION_ERROR = "indication_error"
    RESPONSE_TIME = "response_time"
    ZERO_DRIFT = "zero_drift"
    SPAN_DRIFT = "span_drift"
    LINEARITY = "linearity"
    FLOW_ERROR = "flow_error"
    RELATIVE_ACCURACY = "relative_accuracy"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeAccuracy:
    """How well a monitor agrees with the reference method over pairs of simultaneous values.

    Attributes:
        mean_difference: d̄, monitor less reference.
        confidence_coefficient: cc = t s_d/√n, two-sided 95 %.
        mean_reference: R̄M.
        value: RA = (|d̄| + |cc|)/R̄M, in %.
    """

    pairs: int
    mean_difference: float
    confidence_coefficient: float
    mean_reference: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorTest:
    """What was measured of one monitor; whatever was not tested is absent.

    Attributes:
        gases: indications by the concentration of the standard gas.
        full_scale: of the monitor.
        response_times: s, one for each run.
        zero: indications of zero gas before and after the period of the drift.
        span: the same of span gas.
        flows: monitored velocities, each with that of the reference.
        pairs: simultaneous values of monitor and reference method.
    """

    name: str
    full_scale: float
    gases: Mapping[float, Sequence[float]]
    response_times: Sequence[float] = ()
    zero: tuple[float, float] | None = None
    span: tuple[float, float] | None = None
    flows: Sequence[tuple[float, float]] = ()
    pairs: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One characteristic of a monitor: its worst value, the limit and what follows.

    Attributes:
        value: with its sign; in % or s; None where it was not tested.
        limit: of |value|; None where nobody gave one.
        verdict: undetermined without a value or a limit.
    """

    characteristic: Characteristic
    value: float | None
    limit: float | None

    @property
    def verdict(self) -> Verdict:
        """What the limit says of the value."""
        if self.value is None or self.limit is None:
            return Verdict.UNDETERMINED
        return Verdict.PASS if abs(self.value) <= self.limit else Verdict.FAIL

    @property
    def share_of_limit(self) -> float | None:
        """|value| over its limit; None where either is not known."""
        if self.value is None or self.limit is None:
            return None
        return abs(self.value) / self.limit if self.limit else inf


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorEvaluation:
    """What was found of one monitor.

    Attributes:
        score: the largest share of a limit that it uses up, below 1 where all are kept; None while
            a characteristic is open.
    """

    name: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Fail where a limit is not kept, pass where every one is, else undetermined."""
        verdicts = {finding.verdict for finding in self.findings}
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL
        return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.UNDETERMINED

    @property
    def score(self) -> float | None:
        """The largest share of a limit; None while a characteristic is open."""
        shares = [finding.share_of_limit for finding in self.findings]
        known = [share for share in shares if share is not None]
        return max(known) if len(known) == len(shares) and known else None

    def finding(self, characteristic: Characteristic) -> Finding:
        """Return the finding of one characteristic."""
        return next(row for row in self.findings if row.characteristic is characteristic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A monitor's place among those compared; equal scores share one, an open one has none."""

    rank: int | None
    evaluation: MonitorEvaluation


def indication_error(indications: Sequence[float], concentration: float) -> float:
    """Return the error of the mean indication, in % of the concentration of the standard gas.

    Raises:
        InvalidInput: the concentration is not > 0, or an indication is not finite.

    >>> round(indication_error([50.4, 50.6, 50.5], 50.0), 6)
    1.0
    """
    require_positive("concentration", concentration)
    mean = float(np.mean([require_finite("indications", value) for value in indications]))
    return without_binary_noise((mean - concentration) / concentration * 100, scale=100.0)


def response_time(times: Sequence[float], indications: Sequence[float], *, start: float) -> float:
    """Return t90: the seconds from a step of concentration to 90 % of the change.

    The change is from the first indication to the last; between two samples it is linear.

    Raises:
        InvalidInput: fewer than two samples, times that do not increase, or no change.
    """
    if len(times) != len(indications) or len(times) < 2:
        raise InvalidInput("times", "need at least two samples, each with its time")
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise InvalidInput("times", "must increase")
    first, last = indications[0], indications[-1]
    if first == last:
        raise InvalidInput("indications", "do not change")
    changes = [(value - first) / (last - first) for value in indications]
    reached = next(i for i, change in enumerate(changes) if change >= STEP_SHARE)
    before, after = changes[reached - 1], changes[reached]
    share = (STEP_SHARE - before) / (after - before)
    return float(times[reached - 1] + share * (times[reached] - times[reached - 1]) - start)


def drift(before: float, after: float, *, full_scale: float) -> float:
    """Return the change of an indication in % of full scale."""
    require_positive("full_scale", full_scale)
    change = (require_finite("after", after) - require_finite("before", before)) / full_scale * 100
    largest = max(abs(before), abs(after)) / full_scale * 100
    return without_binary_noise(change, scale=largest)


def linearity(gases: Mapping[float, Sequence[float]], *, full_scale: float) -> float:
    """Return the largest distance of the mean indications from their own line, in % of full scale.

    The line is that of least squares over the concentrations.

    Raises:
        InvalidInput: fewer than three concentrations.
    """
    require_positive("full_scale", full_scale)
    if len(gases) < 3:
        raise InvalidInput("gases", f"a line needs at least three, got {len(gases)}")
    concentrations = np.array(sorted(gases))
    means = np.array([np.mean(gases[value]) for value in concentrations.tolist()])
    slope, intercept = np.polyfit(concentrations, means, 1)
    distances = (means - (slope * concentrations + intercept)) / full_scale * 100
    return float(distances[np.argmax(np.abs(distances))])


def relative_accuracy(pairs: Sequence[tuple[float, float]]) -> RelativeAccuracy:
    """Return RA = (|d̄| + |cc|)/R̄M with cc = t s_d/√n, of pairs (monitor, reference method).

    Raises:
        InvalidInput: fewer than nine pairs, or a mean reference that is not > 0.

    Source: HJ 75-2017 and JJF 1585-2016, by our facts.
    """
    if len(pairs) < LEAST_PAIRS:
        raise InvalidInput("pairs", f"needs at least {LEAST_PAIRS}, got {len(pairs)}")
    differences = repeated_observations([monitor - reference for monitor, reference in pairs])
    mean_reference = require_positive(
        "pairs", float(np.mean([reference for _, reference in pairs]))
    )
    n = len(pairs)
    factor = float(stdtrit(n - 1, 0.975))
    coefficient = factor * differences.experimental_standard_deviation / sqrt(n)
    return RelativeAccuracy(
        pairs=n,
        mean_difference=differences.mean,
        confidence_coefficient=coefficient,
        mean_reference=mean_reference,
        value=(abs(differences.mean) + abs(coefficient)) / mean_reference * 100,
    )


def evaluate_monitor(
    test: MonitorTest, limits: Mapping[Characteristic, float]
) -> MonitorEvaluation:
    """Judge one monitor by the limits of a test programme; each names what it is about.

    Args:
        test: what was measured.
        limits: in % (of the gas, of full scale, of the flow, of the reference) or s; a
            characteristic without a limit is not judged, and left out where it was not tested.

    Raises:
        InvalidInput: a figure is not usable, or a limit is negative.
    """
    for characteristic, limit in limits.items():
        require_not_negative(f"limits.{characteristic}", limit)
    values = _values(test)
    wanted = [each for each in Characteristic if values[each] is not None or each in limits]
    return MonitorEvaluation(
        name=test.name,
        findings=tuple(
            Finding(characteristic=each, value=values[each], limit=limits.get(each))
            for each in wanted
        ),
    )


def _values(test: MonitorTest) -> dict[Characteristic, float | None]:
    """Return the worst value of every characteristic; None for what was not tested."""
    errors = [indication_error(row, gas) for gas, row in test.gases.items() if gas]
    flows = [indication_error([monitored], reference) for monitored, reference in test.flows]
    scale = test.full_scale
    for seconds in test.response_times:
        require_not_negative("response_times", seconds)
    return {
        Characteristic.INDICATION_ERROR: _worst(errors),
        Characteristic.RESPONSE_TIME: _worst(test.response_times),
        Characteristic.ZERO_DRIFT: test.zero and drift(*test.zero, full_scale=scale),
        Characteristic.SPAN_DRIFT: test.span and drift(*test.span, full_scale=scale),
        Characteristic.LINEARITY: linearity(test.gases, full_scale=scale)
        if len(test.gases) >= 3
        else None,
        Characteristic.FLOW_ERROR: _worst(flows),
        Characteristic.RELATIVE_ACCURACY: relative_accuracy(test.pairs).value
        if test.pairs
        else None,
    }


def _worst(values: Sequence[float]) -> float | None:
    return max(values, key=abs) if values else None


def rank(evaluations: Iterable[MonitorEvaluation]) -> tuple[Place, ...]:
    """Return monitors from best to worst by the largest share of a limit that each uses up.

    Equal scores share a rank (1, 2, 2, 4); those with an open characteristic come last, unranked.
    """
    rows = list(evaluations)
    ranked = sorted(
        (row for row in rows if row.score is not None and isfinite(row.score)),
        key=lambda row: (row.score or 0.0, row.name),
    )
    ranked += [row for row in rows if row.score == inf]
    scores = [row.score for row in ranked]
    places = [Place(rank=scores.index(row.score) + 1, evaluation=row) for row in ranked]
    unranked = [Place(rank=None, evaluation=row) for row in rows if row.score is None]
    return (*places, *unranked)
