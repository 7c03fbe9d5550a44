"""The life of a lot of like instruments in use, such as electricity meters, from what failed when.

An instrument fails between two ages (found beyond its limits at the second), or has not failed by
its last age. The lot's reliability R(t) is Weibull's, exp(-(t/η)^β), or exponential (β = 1). A
replacement before failure (适前更换) and a status evaluation (状态评价) rest on its lower limit.
Ages are in any one unit, which is then that of the answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, inf, log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, chdtrc, chdtri, gammaincinv, stdtrit

from procedures.errors import InvalidInput
from procedures.fields import (
    require_finite,
    require_not_negative,
    require_positive,
    require_probability,
)

FloatArray = NDArray[np.float64]

FARTHEST: Final = 1.5  # times the oldest age seen: beyond it a reliability is extrapolated
SHAPES: Final = np.exp(np.linspace(log(0.2), log(15), 87))
ROUNDS: Final = 45  # of halving
FLATTEST, STEEPEST = -60.0, 8.0  # log of -ln R: R from 1 - 1e-26 to exp(-2981)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtAge:
    """Instruments of a lot that fared alike.

    Attributes:
        after: the last age, ≥ 0, at which they were found good.
        by: the age > after at which they were found failed; None if they have not failed.
        count: how many, ≥ 1.
    """

    after: float
    by: float | None = None
    count: int = 1

    def __post_init__(self) -> None:
        require_not_negative("after", self.after)
        if self.by is not None and not require_finite("by", self.by) > self.after:
            raise InvalidInput("by", f"must be > {self.after}, got {self.by}")
        if self.by is None and self.after == 0:
            raise InvalidInput("after", "an instrument that was never seen again says nothing")
        if self.count < 1:
            raise InvalidInput("count", f"must be ≥ 1, got {self.count}")


class NoLife(StrEnum):
    """Why a lot has no estimate of its life."""

    NO_FAILURES = "no_failures"
    ONLY_FAILURES_AT_ONCE = "only_failures_at_once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """R at an age, with the limits of its confidence interval.

    Attributes:
        estimate: None where nothing has failed: then only `low` is known.
        is_extrapolated: whether the age lies more than half again beyond the oldest one seen.
    """

    estimate: float | None
    low: float
    high: float
    is_extrapolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLife:
    """The life of a lot.

    Attributes:
        failures, instruments: how many there were.
        scale: η > 0, the age by which 63 % have failed; None where nothing has.
        shape: β > 0; above 1 they wear out.
        reason: why there is none.
        p_exponential: of the likelihood ratio of β = 1 against any β: small where the
            exponential is not to be used.
        oldest: the oldest age seen.
    """

    rows: tuple[AtAge, ...]
    failures: int
    instruments: int
    scale: float | None
    shape: float | None
    reason: NoLife | None
    p_exponential: float | None
    log_likelihood: float
    oldest: float

    def reliability(self, age: float, *, confidence: float = 0.9) -> Reliability:
        """Return R at an age > 0, with the profile likelihood's two-sided limits.

        Where nothing has failed the lower limit is one-sided and holds for a constant rate.

        Raises:
            InvalidInput: an argument lies outside its range.
        """
        require_positive("age", age)
        require_probability("confidence", confidence)
        beyond = age > FARTHEST * self.oldest
        if self.scale is None or self.shape is None:
            rate = exponential_rate(self.failures, _exposure(self.rows), confidence=confidence)
            return Reliability(
                estimate=None, low=exp(-rate.high * age), high=1.0, is_extrapolated=beyond
            )
        top = self.shape * log(age / self.scale)  # log of -ln R, where the profile is highest
        enough = self.log_likelihood - 0.5 * float(chdtri(1, 1 - confidence))
        likelihood = _likelihood_at(self.rows, age)

        def holds(place: float) -> bool:
            return bool(likelihood(place) >= enough)

        return Reliability(
            estimate=_survival(top),
            low=_survival(_edge(holds, top, STEEPEST)),
            high=_survival(_edge(holds, top, FLATTEST)),
            is_extrapolated=beyond,
        )

    def replacement_age(
        self, target_reliability: float, *, confidence: float = 0.9, latest: float
    ) -> "ReplacementAge":
        """Return until which age the lot may stay in use at a target in (0, 1).

        Args:
            confidence: of the band whose lower limit is to hold the target.
            latest: the age, > 0, by which it is replaced in any case (到期轮换).

        Raises:
            InvalidInput: an argument lies outside its range.
        """
        require_probability("target_reliability", target_reliability)
        require_positive("latest", latest)

        place = log(-log(target_reliability))

        def estimate_holds(age: float) -> bool:
            if self.scale is None or self.shape is None:
                return True
            return self.shape * log(age / self.scale) <= place

        def low_holds(age: float) -> bool:
            """Tell whether the target lies below the limits at an age, not between them."""
            if self.scale is None:
                return self.reliability(age, confidence=confidence).low >= target_reliability
            enough = self.log_likelihood - 0.5 * float(chdtri(1, 1 - confidence))
            return estimate_holds(age) and _likelihood_at(self.rows, age)(place) < enough

        nothing = 1e-9 * latest
        cautious = _edge(low_holds, nothing, latest)
        return ReplacementAge(
            age=cautious,
            best_estimate=None if self.scale is None else _edge(estimate_holds, nothing, latest),
            is_limited_by_latest=low_holds(latest),
            is_extrapolated=cautious > FARTHEST * self.oldest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementAge:
    """When a lot is replaced before it fails.

    Attributes:
        age: until which the lower limit of the reliability holds the target.
        best_estimate: until which the estimate does; None where nothing has failed.
        is_limited_by_latest: whether the latest age allowed comes first.
    """

    age: float
    best_estimate: float | None
    is_limited_by_latest: bool
    is_extrapolated: bool


def fit_life(rows: Sequence[AtAge]) -> LotLife:
    """Fit the life of a lot by maximum likelihood to ages known between limits.

    Raises:
        InvalidInput: there are no instruments.
    """
    if not rows:
        raise InvalidInput("rows", "hold no instruments")
    kept = tuple(rows)
    failures = sum(row.count for row in kept if row.by is not None)
    instruments = sum(row.count for row in kept)
    oldest = max(row.after if row.by is None else row.by for row in kept)
    reason = NoLife.NO_FAILURES if failures == 0 else None
    if failures and all(row.by is not None and row.after == 0 for row in kept):
        reason = NoLife.ONLY_FAILURES_AT_ONCE
    if reason is not None:
        return LotLife(
            rows=kept,
            failures=failures,
            instruments=instruments,
            scale=None,
            shape=None,
            reason=reason,
            p_exponential=None,
            log_likelihood=0.0,
            oldest=oldest,
        )
    free = _highest(kept, oldest, SHAPES)
    exponential = _highest(kept, oldest, np.ones(1))
    ratio = max(0.0, 2 * (free[0] - exponential[0]))
    shape = free[2]
    return LotLife(
        rows=kept,
        failures=failures,
        instruments=instruments,
        scale=oldest * exp(-free[1] / shape),
        shape=shape,
        reason=None,
        p_exponential=float(chdtrc(1, ratio)),
        log_likelihood=free[0],
        oldest=oldest,
    )


# ── A constant rate ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRate:
    """A constant rate of failure; `estimate` is None where nothing failed, and `high` one-sided."""

    estimate: float | None
    low: float
    high: float


def exponential_rate(failures: int, exposure: float, *, confidence: float = 0.9) -> FailureRate:
    """Return the rate of r failures in a total time, limits with 2r and 2r + 2 degrees of freedom.

    Not to be quoted where β = 1 is rejected: on lots that wear out its band holds the truth far
    more rarely than it says.

    Raises:
        InvalidInput: failures < 0, the exposure not > 0, or the confidence not in (0, 1).

    >>> rate = exponential_rate(3, 1200)
    >>> rate.estimate, round(rate.low, 6), round(rate.high, 6)
    (0.0025, 0.000681, 0.006461)
    """
    if failures < 0:
        raise InvalidInput("failures", f"must be ≥ 0, got {failures}")
    require_positive("exposure", exposure)
    require_probability("confidence", confidence)
    if failures == 0:
        return FailureRate(estimate=None, low=0.0, high=-log(1 - confidence) / exposure)
    tail = (1 - confidence) / 2
    return FailureRate(
        estimate=failures / exposure,
        low=float(gammaincinv(failures, tail)) / exposure,
        high=float(gammaincinv(failures + 1, 1 - tail)) / exposure,
    )


# ── Status, and an error that grows with age ─────────────────────────────────────────────────


class LotStatus(StrEnum):
    """What is to be done with a lot in use (状态评价)."""

    KEEP = "keep"
    WATCH = "watch"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvaluation:
    """The status of a lot by the time it is looked at again, and what it rests on."""

    status: LotStatus
    reliability: Reliability
    age: float
    target_reliability: float


def evaluate_status(
    life: LotLife, *, next_age: float, target_reliability: float, confidence: float = 0.9
) -> StatusEvaluation:
    """Judge a lot by its reliability at the age at which it is looked at next.

    Keep it if the lower limit holds the target; replace it if the estimate does not; else watch
    it: look sooner, or at more instruments.

    Raises:
        InvalidInput: an argument lies outside its range.
    """
    require_probability("target_reliability", target_reliability)
    found = life.reliability(next_age, confidence=confidence)
    if found.low >= target_reliability and not found.is_extrapolated:
        status = LotStatus.KEEP
    elif found.estimate is not None and found.estimate < target_reliability:
        status = LotStatus.REPLACE
    else:
        status = LotStatus.WATCH
    return StatusEvaluation(
        status=status, reliability=found, age=next_age, target_reliability=target_reliability
    )


def nonconforming_share(
    nonconforming: int, tested: int, *, confidence: float = 0.9
) -> tuple[float, float]:
    """Return the two-sided limits of the share of a lot, from a random sample (Clopper–Pearson).

    Raises:
        InvalidInput: 0 ≤ nonconforming ≤ tested and 1 ≤ tested do not hold.
    """
    if tested < 1:
        raise InvalidInput("tested", f"must be ≥ 1, got {tested}")
    if not 0 <= nonconforming <= tested:
        raise InvalidInput("nonconforming", f"must be 0 to {tested}, got {nonconforming}")
    require_probability("confidence", confidence)
    x, n, tail = nonconforming, tested, (1 - confidence) / 2
    low = float(betaincinv(x, n - x + 1, tail)) if x else 0.0
    return low, float(betaincinv(x + 1, n - x, 1 - tail)) if x < n else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """When an error that grows with age reaches its limit; None for never within a long time.

    Attributes:
        slope: per unit of age.
        expected: where the line reaches the limit.
        cautious: where the one-sided prediction limit of a single error does.
    """

    slope: float
    expected: float | None
    cautious: float | None
    is_extrapolated: bool


def drift_crossing(
    ages: Sequence[float], errors: Sequence[float], *, limit: float, confidence: float = 0.95
) -> Crossing:
    """Return when errors that grow along a line reach a limit ±L.

    Raises:
        InvalidInput: fewer than 3 errors, ages all alike, or an argument outside its range.
    """
    require_positive("limit", limit)
    require_probability("confidence", confidence)
    if len(ages) != len(errors):
        raise InvalidInput("errors", f"are {len(errors)} at {len(ages)} ages")
    if len(ages) < 3:
        raise InvalidInput("errors", "are fewer than 3")
    t = np.array([require_not_negative(f"ages[{i}]", age) for i, age in enumerate(ages)])
    e = np.array([require_finite(f"errors[{i}]", error) for i, error in enumerate(errors)])
    n, spread = len(t), float(((t - t.mean()) ** 2).sum())
    if spread == 0:
        raise InvalidInput("ages", "are all alike")
    slope = float(((t - t.mean()) * e).sum() / spread)
    s = sqrt(float(((e - e.mean() - slope * (t - t.mean())) ** 2).sum()) / (n - 2))
    factor = float(stdtrit(n - 2, confidence))
    sign = 1 if slope >= 0 else -1

    def line(age: float) -> float:
        return sign * (float(e.mean()) + slope * (age - float(t.mean())))

    def upper(age: float) -> float:
        half = factor * s * sqrt(1 + 1 / n + (age - float(t.mean())) ** 2 / spread)
        return line(age) + half

    far = 100 * float(t.max())
    expected = _edge(lambda age: line(age) <= limit, 0.0, far)
    cautious = _edge(lambda age: upper(age) <= limit, 0.0, far)
    return Crossing(
        slope=slope,
        expected=expected if expected < far else None,
        cautious=cautious if cautious < far else None,
        is_extrapolated=cautious > FARTHEST * float(t.max()),
    )


# ── The likelihood ───────────────────────────────────────────────────────────────────────────


def _likelihood(
    rows: Sequence[AtAge], unit: float, log_hazard: FloatArray, shape: FloatArray
) -> FloatArray:
    """Return the log-likelihood where -ln R at an age is exp(log_hazard) (age/unit)^shape."""
    after = np.array([row.after for row in rows]) / unit
    by = np.array([inf if row.by is None else row.by for row in rows]) / unit
    count = np.array([row.count for row in rows], dtype=float)
    failed = np.isfinite(by)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        log_after = np.where(after > 0, np.log(after), -inf)
        before = np.exp(log_hazard[..., None] + shape[..., None] * log_after)
        log_by = np.log(np.where(failed, by, 1.0))
        more = np.exp(log_hazard[..., None] + shape[..., None] * log_by) - before
        # R(after) - R(by) = exp(-before) (1 - exp(-more))
        gone = np.where(failed, np.log(-np.expm1(-np.maximum(more, 1e-300))), 0.0)
        total: FloatArray = ((gone - before) * count).sum(axis=-1)
    return np.where(np.isfinite(total), total, -inf)


def _likelihood_at(rows: Sequence[AtAge], age: float) -> Callable[[float], float]:
    """Return the profile log-likelihood of the log of -ln R(age), over every shape."""

    def profile(place: float) -> float:
        low, high = float(np.log(SHAPES[0])), float(np.log(SHAPES[-1]))
        best = -inf
        for _ in range(4):
            shapes = np.exp(np.linspace(low, high, 25))
            found = _likelihood(rows, age, np.full(len(shapes), place), shapes)
            i = int(np.argmax(found))
            best = max(best, float(found[i]))
            low, high = log(shapes[max(i - 1, 0)]), log(shapes[min(i + 1, len(shapes) - 1)])
        return best

    return profile


def _highest(rows: Sequence[AtAge], unit: float, shapes: FloatArray) -> tuple[float, float, float]:
    """Return the highest log-likelihood, the log of -ln R(unit) there, and the shape."""
    center, log_shape, width = 0.0, float(np.log(shapes).mean()), 12.0
    shape_width = float(np.log(shapes[-1] / shapes[0])) / 2
    best = -inf
    for _ in range(40):
        hazards = np.linspace(center - width, center + width, 17)
        of_shape = np.linspace(log_shape - shape_width, log_shape + shape_width, 17)
        of_shape = np.clip(of_shape, log(0.05), log(40)) if shape_width else of_shape[:1]
        a, b = np.meshgrid(hazards, of_shape, indexing="ij")
        found = _likelihood(rows, unit, a, np.exp(b))
        i, j = np.unravel_index(int(np.argmax(found)), found.shape)
        best, center, log_shape = float(found[i, j]), float(a[i, j]), float(b[i, j])
        width *= 0.7
        shape_width *= 0.7
    return best, center, exp(log_shape)


def _exposure(rows: Sequence[AtAge]) -> float:
    return sum(row.count * (row.after if row.by is None else row.by) for row in rows)


def _survival(log_hazard: float) -> float:
    return exp(-exp(min(log_hazard, 7.0)))


def _edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return the place between two where a statement that holds inside ends to hold."""
    if holds(outside):
        return outside
    for _ in range(ROUNDS):
        middle = (inside + outside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
