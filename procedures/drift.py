"""Drift, noise and jumps between calibrations: whether time is the risk, and how long it may run.

A history of as-found errors is one series once its adjustments are undone, with the noise of a
calibration in it once per calibration: two consecutive differences share one. Between
calibrations there may be a drift (its rate normal in the family), a random walk, and jumps; at
each calibration a step that does not grow with time (transport, re-zeroing). All of it is weighed
over many laws at once; none is chosen. Times are in years, errors in the unit of the tolerance.
What comes out is advice: a legal period is an upper bound that nothing here can lengthen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise, product
from math import floor, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from procedures.drift_filter import Filtered, Laws, Row, Series, run
from procedures.errors import InvalidInput
from procedures.fields import (
    require_finite,
    require_not_negative,
    require_positive,
    require_probability,
)

FloatArray = NDArray[np.float64]

FEWEST_VALUES: Final = 3  # of a history on its own: with fewer only the prior speaks
FEWEST_FOR_A_MEAN: Final = 3  # histories of a family, for its mean rate of drift
FEWEST_FOR_JUMPS: Final = 5  # of a family: with fewer the jump rate cannot be known
MOST_RECORDS: Final = 1_000  # of a history
GROWS_ABOVE: Final = 9.2  # likelihood ratio: chi-squared of 2 degrees of freedom, 1 %
SETTLED_BELOW: Final = 6.6
SHUFFLES: Final = 999
LONGEST_YEARS: Final = 10.0

# the prior: weights of each coordinate of the grid, for a single history and before a family speaks
NOISES: Final = {0.5: 0.2, 0.8: 0.3, 1.2: 0.35, 2.0: 0.15}
STEPS: Final = {0.0: 0.5, 0.05: 0.2, 0.12: 0.2, 0.3: 0.1}
WALKS: Final = {0.0: 0.55, 0.06: 0.2, 0.15: 0.15, 0.4: 0.1}
SPREADS: Final = {0.0: 0.55, 0.06: 0.2, 0.15: 0.15, 0.4: 0.1}
WEIGHT_OF_PRIOR: Final = 2.0  # in histories
SHARED: Final = 0.5  # that a member's law is the one its family shares
PRIOR_JUMPS, PRIOR_YEARS = 0.3, 15.0
LAWS_FOR_JUMPS: Final = 6
PRIOR_MEAN: Final = 0.5  # standard deviation of a family's mean rate, in tolerances per year
LN_NOISE_SD: Final = 0.7  # of the true noise about the stated standard uncertainty
UNSTATED_NOISE: Final = 0.1  # in tolerances, where neither a statement nor differences tell

NEGLIGIBLE: Final = 1e-3  # of a law's weight, where probabilities are formed
LEVEL_NODES, LEVEL_WEIGHTS = (0.0, -sqrt(3), sqrt(3)), (2 / 3, 1 / 6, 1 / 6)  # Gauss–Hermite
# quantiles of the jump rate, wider than 90 %: how many there were is itself estimated
JUMP_NODES, JUMP_WEIGHTS = (0.03, 0.5, 0.97), (1 / 4, 1 / 2, 1 / 4)
LONGEST_MOVE, SHORTEST_MOVE, AROUND = 0.8, 0.1, 0.35  # of the search, in its coordinates
LEAST_GAIN: Final = 1e-3  # in log-likelihood
MOST_MOVES: Final = 20
SCALE: Final = 0.02  # where the coordinates of the search turn from linear to logarithmic


# ── What is known ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One calibration of a history.

    Attributes:
        years: since any origin.
        as_found: the error; None where it was not recorded.
        as_left: the error after an adjustment; None where nothing was adjusted, or where it is
            not known what was.
        is_within: where there is no as-found value: whether it was found in tolerance; None if
            that is not known either.
        is_adjusted: whether the item was adjusted.
        is_replaced: whether another item of the kind took its place before this calibration.
    """

    years: float
    as_found: float | None = None
    as_left: float | None = None
    is_within: bool | None = None
    is_adjusted: bool = False
    is_replaced: bool = False

    def __post_init__(self) -> None:
        require_finite("years", self.years)
        for name in ("as_found", "as_left"):
            value = getattr(self, name)
            if value is not None:
                require_finite(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The calibrations of one item in the order of time.

    Attributes:
        tolerance: half the width of the symmetric tolerance interval, > 0, as the errors.
        standard_uncertainty: of one calibration, as stated, > 0; None where it is not stated.
    """

    records: tuple[Found, ...]
    tolerance: float
    standard_uncertainty: float | None = None

    def __post_init__(self) -> None:
        require_positive("tolerance", self.tolerance)
        if self.standard_uncertainty is not None:
            require_positive("standard_uncertainty", self.standard_uncertainty)
        if len(self.records) > MOST_RECORDS:
            raise InvalidInput("records", f"are more than {MOST_RECORDS}")
        for i, (before, after) in enumerate(pairwise(self.records)):
            if not after.years > before.years:
                raise InvalidInput(f"records[{i + 1}].years", "must be later than the one before")
        for i, record in enumerate(self.records):
            for name in ("as_found", "as_left"):
                value = getattr(record, name)
                if value is not None and abs(value) > 1e6 * self.tolerance:
                    raise InvalidInput(f"records[{i}].{name}", "is no error of this tolerance")


class Unanswered(StrEnum):
    """Why a history gives no interval of its own; the period in force then stays."""

    NO_HISTORY = "no_history"
    TOO_FEW_CALIBRATIONS = "too_few_calibrations"
    AS_LEFT_UNKNOWN = "as_left_unknown"
    NO_VALUES = "no_values"
    ALREADY_TOO_UNSURE = "already_too_unsure"


class Growth(StrEnum):
    """What the histories say of time as a risk."""

    GROWS = "grows"
    NOT_SETTLED = "not_settled"
    NOT_DETECTABLE = "not_detectable"


# ── What is said of it ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthStatement:
    """Whether the errors grow with time, told only where two different tests agree.

    Attributes:
        likelihood_ratio: twice the log of it, growth against none.
        smallest_p: of the tests by resampling (lengths of time, signs of changes, signs of
            items); None where the ratio gave no reason to ask them.
        unseen_drift: the rate below which a drift would most likely go unseen (with 95 %), in
            tolerances per year; None where the data hold no change over time at all.
        has_equal_intervals: then a step at each calibration and a walk in time look alike.
    """

    growth: Growth
    likelihood_ratio: float
    smallest_p: float | None
    unseen_drift: float | None
    has_equal_intervals: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Probability:
    """P(in tolerance) after times, shape (t,), with its 90 % band."""

    years: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedInterval:
    """How long the item may run at a target reliability.

    Attributes:
        years: the longest time until which P(in tolerance) never falls below the target; None
            where there is none.
        months: the same in whole months, rounded down; 0 says that no whole month is left.
        cautious_months: the same for the lower limit of the band.
        is_limited: whether the data would allow longer than the longest time asked about.
        reason: why there is none.
        advised_months: the months to go by: the cautious ones where the family is too small for
            its jumps to be known.
    """

    years: float | None = None
    months: int | None = None
    cautious_months: int | None = None
    advised_months: int | None = None
    is_limited: bool = False
    reason: Unanswered | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberDrift:
    """What is known of one item of a family after its last calibration.

    Attributes:
        unanswered: why its future cannot be told; None where it can.
        needless_adjustments: indices of records that adjusted an error smaller than 2u: that
            adds the noise of the calibration to the item instead of taking an error away.
        weight, level, rate, level_variance, covariance, rate_variance, walk, step: of each law
            that matters, shape (g,); errors and rates in tolerances, the level as left.
        jump_shape, jump_rate: of the gamma posterior of the jumps per year.
        family_size: how many histories the laws were weighed by.
    """

    unanswered: Unanswered | None
    needless_adjustments: tuple[int, ...]
    tolerance: float
    weight: FloatArray
    level: FloatArray
    rate: FloatArray
    level_variance: FloatArray
    covariance: FloatArray
    rate_variance: FloatArray
    walk: FloatArray
    step: FloatArray
    jump_shape: float
    jump_rate: float
    family_size: int

    def expected_error(self, years: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected error at times after the last calibration, and its deviation.

        Both in the unit of the tolerance and without jumps, shape of `years`.
        """
        means, variances = self._law_by_law(np.asarray(years, dtype=float))
        mean = self.weight @ means
        variance = self.weight @ (variances + means**2) - mean**2
        return self.tolerance * mean, self.tolerance * np.sqrt(np.maximum(variance, 0.0))

    def in_tolerance(self, years: Sequence[float] | FloatArray) -> FloatArray:
        """Return P(in tolerance) at times ≥ 0 after the last calibration; a jump is a loss."""
        t = np.asarray(years, dtype=float)
        means, variances = self._law_by_law(t)
        jumpless = (self.jump_rate / (self.jump_rate + t)) ** self.jump_shape
        held: FloatArray = self.weight @ _within(means, np.sqrt(variances)) * jumpless
        return held

    def probability(self, years: Sequence[float] | FloatArray) -> Probability:
        """Return P(in tolerance) at times ≥ 0 with the band that law, level and jumps leave."""
        t = np.asarray(years, dtype=float)
        # 1. what a known level leaves of the variances
        shrink = self.covariance / self.level_variance
        of_rate = np.maximum(self.rate_variance - self.covariance * shrink, 0.0)
        left = of_rate[:, None] * t**2 + self.walk[:, None] ** 2 * t + self.step[:, None] ** 2
        # 2. every law at every node of its level
        held = []
        for node in LEVEL_NODES:
            off = node * np.sqrt(self.level_variance)
            at = (self.level + off)[:, None] + (self.rate + shrink * off)[:, None] * t
            held.append(_within(at, np.sqrt(left + 1e-12)))
        # 3. at every node of the jump rate
        rates = gammaincinv(self.jump_shape, JUMP_NODES) / self.jump_rate
        jumpless = np.exp(-np.multiply.outer(rates, t))
        values = (np.stack(held)[:, :, None, :] * jumpless).reshape(-1, len(t))
        weights = np.multiply.outer(np.array(LEVEL_WEIGHTS), self.weight)
        weights = np.multiply.outer(weights, np.array(JUMP_WEIGHTS)).reshape(-1)
        low, high = _quantiles(values, weights, (0.05, 0.95))
        mean = self.in_tolerance(t)
        return Probability(
            years=t, mean=mean, low=np.minimum(low, mean), high=np.maximum(high, mean)
        )

    def interval(
        self, target_reliability: float, *, longest_years: float = LONGEST_YEARS
    ) -> ProposedInterval:
        """Return how long P(in tolerance) stays at or above a target, in (0, 1).

        Raises:
            InvalidInput: an argument lies outside its range.
        """
        require_probability("target_reliability", target_reliability)
        require_positive("longest_years", longest_years)
        if self.unanswered is not None:
            return ProposedInterval(reason=self.unanswered)
        months = np.arange(floor(12 * longest_years) + 1)
        years = _last_above(self.in_tolerance(months / 12), months / 12, target_reliability)
        if years is None:
            return ProposedInterval(reason=Unanswered.ALREADY_TOO_UNSURE)
        few = np.concatenate([[0.0], np.geomspace(1 / 12, months[-1] / 12, 28)])
        cautious = _last_above(self.probability(few).low, few, target_reliability)
        whole = floor(12 * years + 1e-9)
        whole_cautious = min(whole, floor(12 * (cautious or 0.0) + 1e-9))
        return ProposedInterval(
            years=years,
            months=whole,
            cautious_months=whole_cautious,
            advised_months=whole if self.family_size >= FEWEST_FOR_JUMPS else whole_cautious,
            is_limited=whole == months[-1],
        )

    def costs(
        self, months: Sequence[int], *, calibration: float, out_of_tolerance: float
    ) -> FloatArray:
        """Return the expected cost per year of intervals, shape of `months`.

        Args:
            months: the intervals, each ≥ 1.
            calibration: what one costs, ≥ 0, in any currency.
            out_of_tolerance: what it costs to find the item out of tolerance, ≥ 0.

        Raises:
            InvalidInput: an argument lies outside its range.
        """
        require_not_negative("calibration", calibration)
        require_not_negative("out_of_tolerance", out_of_tolerance)
        if any(one < 1 for one in months):
            raise InvalidInput("months", "must be ≥ 1")
        years = np.asarray(months, dtype=float) / 12
        lost = 1 - self.in_tolerance(years)
        cost: FloatArray = (calibration + out_of_tolerance * lost) / years
        return cost

    def _law_by_law(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the error under each law, shape (g, t)."""
        means = self.level[:, None] + self.rate[:, None] * t
        variances = (
            self.level_variance[:, None]
            + (2 * self.covariance + self.walk**2)[:, None] * t
            + self.rate_variance[:, None] * t**2
            + self.step[:, None] ** 2
        )
        return means, np.maximum(variances, 1e-18)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyDrift:
    """What the histories of a family say together, and of each member.

    Attributes:
        statement: None where not one history has two values, or growth was not searched for.
        mean_drift: the mean rate of the most likely law with growth, in tolerances per year; 0
            where the family is too small for one.
        jumps_per_year: the expected rate of jumps.
    """

    statement: GrowthStatement | None
    mean_drift: float
    jumps_per_year: float
    members: tuple[MemberDrift, ...]


def analyse(
    family: Sequence[History],
    *,
    generator: np.random.Generator,
    refined: bool = True,
) -> FamilyDrift:
    """Analyse the histories of a family of like items together; a single one is a family.

    Args:
        family: ≥ 1 histories; those without a usable record are answered with the reason.
        generator: shuffles, where a growth is to be confirmed.
        refined: whether the most likely laws are searched for beyond the grid. Without it
            nothing is said of growth but for one history or two.

    Raises:
        InvalidInput: there is no history.
    """
    if not family:
        raise InvalidInput("family", "holds no history")
    # 1. adjustments undone; what cannot be told of, told why
    reasons = [_unanswered(one, alone=len(family) < FEWEST_FOR_A_MEAN) for one in family]
    usable = [i for i, one in enumerate(family) if _usable(one)]
    if not usable:
        members = tuple(_silent(one, why) for one, why in zip(family, reasons, strict=True))
        return FamilyDrift(statement=None, mean_drift=0.0, jumps_per_year=0.0, members=members)
    noise = _noises([family[i] for i in usable])
    series = [undo_adjustments(family[i], u) for i, u in zip(usable, noise, strict=True)]
    # 2. every law of the grid, jumps and mean rates; then the most likely laws
    weighed = _weigh(series, refined=refined)
    # 3. what each member may expect
    place = {i: row for row, i in enumerate(usable)}
    members = tuple(
        _member(weighed, place[i], series[place[i]], one, reasons[i])
        if i in place
        else _silent(one, reasons[i])
        for i, one in enumerate(family)
    )
    return FamilyDrift(
        statement=_statement(series, weighed, generator),
        mean_drift=weighed.mean_drift,
        jumps_per_year=weighed.jump_shape / weighed.jump_rate,
        members=members,
    )


# ── From records to a series ─────────────────────────────────────────────────────────────────


def _usable(history: History) -> bool:
    """Whether the history has a value to start from."""
    return any(one.as_found is not None or one.as_left is not None for one in history.records)


def _unanswered(history: History, *, alone: bool) -> Unanswered | None:
    records = history.records
    if not records:
        return Unanswered.NO_HISTORY
    if not _usable(history):
        return Unanswered.NO_VALUES
    last = records[-1]
    if last.is_adjusted and last.as_left is None:
        return Unanswered.AS_LEFT_UNKNOWN
    told = sum(one.as_found is not None or one.is_within is not None for one in records)
    if alone and told < FEWEST_VALUES:
        return Unanswered.TOO_FEW_CALIBRATIONS
    return None


def _noises(family: Sequence[History]) -> list[float]:
    """Return the stated standard uncertainty of each in tolerances, or what differences say.

    Where it is not stated: the median difference over √2 of all, as of pure noise; never 0.
    """
    changes = [
        abs(after.as_found - (before.as_found if before.as_left is None else before.as_left))
        / one.tolerance
        for one in family
        for before, after in pairwise(one.records)
        if after.as_found is not None and before.as_found is not None
    ]
    guess = float(np.median(changes)) / (0.6745 * sqrt(2)) if len(changes) > 1 else UNSTATED_NOISE
    return [
        max(guess if u is None else u / one.tolerance, 1e-6)
        for one in family
        for u in [one.standard_uncertainty]
    ]


def undo_adjustments(history: History, noise: float) -> Series:
    """Return a history that has a value as one series: anew where its level was lost.

    Args:
        noise: the standard uncertainty of one calibration, in tolerances, > 0.
    """
    rows: list[tuple[float, float, Row, float]] = []
    undone, is_lost = 0.0, False
    for record in history.records:
        found = None if record.as_found is None else record.as_found / history.tolerance
        left = None if record.as_left is None else record.as_left / history.tolerance
        if found is not None:
            kind = Row.REPLACED if record.is_replaced else Row.RESTART if is_lost else Row.VALUE
            if kind is not Row.VALUE:
                undone = 0.0
            rows.append((record.years, found + undone, kind, undone))
            is_lost = record.is_adjusted and left is None
            if left is not None:
                undone += found - left
            continue
        if record.is_within is not None and not is_lost and not record.is_replaced:
            kind = Row.WITHIN if record.is_within else Row.BEYOND
            rows.append((record.years, np.nan, kind, undone))
        if left is not None:
            undone = 0.0
            kind = Row.REPLACED if record.is_replaced else Row.RESTART
            rows.append((record.years, left, kind, 0.0))
            is_lost = False
        elif record.is_adjusted or record.is_replaced:
            is_lost = True
    first = next(i for i, row in enumerate(rows) if row[2] is not Row.BEYOND)
    years, values, kinds, before = zip(*rows[first:], strict=True)
    return Series(
        years=np.array(years),
        values=np.array(values),
        rows=np.array(kinds, dtype=np.int64),
        undone=np.array(before),
        noise=noise,
        left_undone=undone,
    )


def _needless(history: History) -> tuple[int, ...]:
    u = history.standard_uncertainty
    return tuple(
        i
        for i, one in enumerate(history.records)
        if u is not None
        and one.as_found is not None
        and (one.is_adjusted or (one.as_left is not None and one.as_left != one.as_found))
        and abs(one.as_found) < 2 * u
    )


# ── Weighing the laws ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Weighed:
    """The laws with what the histories make of them; (n, g) where not said otherwise.

    Attributes:
        means, mean_variances: of the mean rate of drift under each law, shape (g,).
        of_member: the weight of each law for each member; rows sum to 1.
        steady: the filter at the most likely law without growth, shape (n, 1).
    """

    laws: Laws
    means: FloatArray
    mean_variances: FloatArray
    filtered: Filtered
    of_member: FloatArray
    steady: Filtered
    likelihood_ratio: float | None
    mean_drift: float
    jump_shape: float
    jump_rate: float


def _grid() -> tuple[Laws, FloatArray]:
    """Return the 256 laws of the grid and their prior weights."""
    points = np.array(list(product(NOISES, STEPS, WALKS, SPREADS)))
    weights = np.array(
        [
            NOISES[a] * STEPS[b] * WALKS[c] * SPREADS[d]
            for a, b, c, d in product(NOISES, STEPS, WALKS, SPREADS)
        ]
    )
    return _laws(points), weights


def _laws(points: FloatArray) -> Laws:
    return Laws(noise=points[:, 0], step=points[:, 1], walk=points[:, 2], spread=points[:, 3])


GRID, PRIOR = _grid()
STEADY: Final = _laws(  # the laws without growth, more finely
    np.array(
        [
            (a, b, 0.0, 0.0)
            for a in np.geomspace(0.3, 3, 12)
            for b in (0.0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.3, 0.45)
        ]
    )
)


def _weigh(series: Sequence[Series], *, refined: bool) -> _Weighed:
    n = len(series)
    exposed = PRIOR_YEARS + sum(one.years[-1] - one.years[0] for one in series)
    rate = PRIOR_JUMPS / PRIOR_YEARS
    laws, prior = GRID, PRIOR
    means = variances = np.zeros(len(laws))
    # 1. the grid: mean rates and the rate of jumps go on from pass to pass
    for _ in range(2):
        filtered = run(series, laws, means=means, jumps_per_year=rate)
        of_member = _member_weights(filtered.log_likelihood, prior)
        jumps = _jumps(series, laws, means, of_member, rate, exposed)
        rate = jumps / exposed
        if n >= FEWEST_FOR_A_MEAN:
            means, variances = _means(filtered, means, laws)
    filtered = run(series, laws, means=means, jumps_per_year=rate)
    together = filtered.log_likelihood.sum(axis=0) + _log_prior_of_noise(laws)
    # 2. the most likely laws without and with growth, and those around them
    if n >= FEWEST_FOR_A_MEAN and refined:
        search = _Search(series, rate)
        steady, steady_law = search.climb(_start(together, grows=False), with_growth=False)
        grown, _ = search.climb(_start(together, grows=True), with_growth=True)
        ratio: float | None = 2 * (grown - steady)
        mean_drift = search.mean
        extra, extra_means = search.seen()
        more = run(series, extra, means=extra_means, jumps_per_year=rate)
        variances = np.concatenate([variances, _mean_variances(more, extra_means)])
        laws, means = laws.joined(extra), np.concatenate([means, extra_means])
        filtered = _beside(filtered, more)
        prior = np.concatenate([prior / 2, _shared_out(extra) / 2])
    else:
        fine = run(series, STEADY, means=np.zeros(len(STEADY)), jumps_per_year=rate)
        of_fine = fine.log_likelihood.sum(axis=0) + _log_prior_of_noise(STEADY)
        best = int(np.argmax(of_fine))
        steady_law, mean_drift = STEADY.at(np.array([best])), float(means[np.argmax(together)])
        is_small = n < FEWEST_FOR_A_MEAN
        ratio = 2 * float(together.max() - of_fine[best]) if is_small else None
    return _Weighed(
        laws=laws,
        means=means,
        mean_variances=variances,
        filtered=filtered,
        of_member=_member_weights(filtered.log_likelihood, prior),
        steady=run(series, steady_law, means=np.zeros(1), jumps_per_year=rate),
        likelihood_ratio=None if ratio is None else max(0.0, ratio),
        mean_drift=mean_drift,
        jump_shape=jumps,
        jump_rate=exposed,
    )


def _shared_out(extra: Laws) -> FloatArray:
    """Return prior weights of the laws found: half to those without growth, half to the others."""
    steady = (extra.walk == 0) & (extra.spread == 0)
    weights: FloatArray = 0.5 / np.where(steady, steady.sum(), (~steady).sum())
    return weights


def _jumps(
    series: Sequence[Series],
    laws: Laws,
    means: FloatArray,
    of_member: FloatArray,
    rate: float,
    exposed: float,
) -> float:
    """Return how many jumps are expected, the prior's among them, by EM under the best laws."""
    best = np.argsort(of_member.sum(axis=0))[-LAWS_FOR_JUMPS:]
    few, weights = laws.at(best), of_member[:, best]
    weights = weights / weights.sum(axis=1, keepdims=True)
    for _ in range(8):
        found = run(series, few, means=means[best], jumps_per_year=rate)
        jumps = PRIOR_JUMPS + float((weights * found.jumps).sum())
        rate = jumps / exposed
    return jumps


def _member_weights(log_likelihood: FloatArray, prior: FloatArray) -> FloatArray:
    """Return the weight of each law for each member of a family.

    A member has the law that the others share, or one of those found in the family, by EM: half
    each before its own history speaks, so that an odd one out goes its own way. A single history
    keeps the prior.
    """
    likelihood = _likelihood(log_likelihood)
    if len(likelihood) < 2:
        return _per_member(likelihood * prior)
    others = log_likelihood.sum(axis=0) - log_likelihood
    shared = _per_member(_likelihood(others) * prior)
    weights = prior
    for _ in range(60):
        own = _per_member(likelihood * weights)
        weights = (own.sum(axis=0) + WEIGHT_OF_PRIOR * prior) / (len(own) + WEIGHT_OF_PRIOR)
    return _per_member(likelihood * (SHARED * shared + (1 - SHARED) * weights))


def _likelihood(log_likelihood: FloatArray) -> FloatArray:
    likelihood: FloatArray = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    return likelihood


def _per_member(weights: FloatArray) -> FloatArray:
    shares: FloatArray = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _means(filtered: Filtered, means: FloatArray, laws: Laws) -> tuple[FloatArray, FloatArray]:
    """Return the most likely mean rate under each law that drifts, and its variance; else 0."""
    variances = _mean_variances(filtered, means)
    score = filtered.score.sum(axis=0) - means / PRIOR_MEAN**2
    drifts = laws.spread > 0
    return np.where(drifts, means + variances * score, 0.0), np.where(drifts, variances, 0.0)


def _mean_variances(filtered: Filtered, means: FloatArray) -> FloatArray:
    variances = 1 / (filtered.information.sum(axis=0) + 1 / PRIOR_MEAN**2)
    return np.where(means != 0, variances, 0.0)


def _log_prior_of_noise(laws: Laws) -> FloatArray:
    logs: FloatArray = -0.5 * (np.log(laws.noise) / LN_NOISE_SD) ** 2
    return logs


def _start(log_likelihood: FloatArray, *, grows: bool) -> FloatArray:
    """Return the most likely point of the grid with growth, or of those without."""
    kind = ((GRID.walk > 0) | (GRID.spread > 0)) == grows
    i = int(np.argmax(np.where(kind, log_likelihood, -np.inf)))
    return np.array([GRID.noise[i], GRID.step[i], GRID.walk[i], GRID.spread[i]])


class _Search:
    """A search of the most likely law of a family among neighbours that draw together."""

    def __init__(self, series: Sequence[Series], jumps_per_year: float) -> None:
        self.series = series
        self.jumps_per_year = jumps_per_year
        self.mean = 0.0
        self._points: list[FloatArray] = []
        self._means: list[float] = []

    def climb(self, start: FloatArray, *, with_growth: bool) -> tuple[float, Laws]:
        """Return the greatest log-likelihood found, and the law."""
        axes = 4 if with_growth else 2
        moves = np.array(list(product((0.0, -1.0, 1.0), repeat=axes)))
        moves = np.hstack([moves, np.zeros((len(moves), 4 - axes))])
        place, length, mean, best = _to_search(start), LONGEST_MOVE, 0.0, -np.inf
        for _ in range(MOST_MOVES):
            places = _moved(place, length * moves)
            found, means = self._profile(places, mean, with_growth)
            top = int(np.argmax(found))
            gains = found[top] > best + LEAST_GAIN
            if gains:
                best, place, mean = float(found[top]), places[top], float(means[top])
            if top == 0 or not gains:
                length /= 2
            if length < SHORTEST_MOVE:
                break
        # what lies around the maximum joins the grid
        around = np.unique(_moved(place, AROUND * moves[:: 2 if with_growth else 1]), axis=0)
        _, means = self._profile(around, mean, with_growth)
        self._points.extend(_from_search(around))
        self._means.extend(means)
        self.mean = mean
        return best, _laws(_from_search(place[None, :]))

    def seen(self) -> tuple[Laws, FloatArray]:
        """Return the laws around the maxima, and their mean rates of drift."""
        return _laws(np.array(self._points)), np.array(self._means)

    def _profile(
        self, places: FloatArray, mean: float, with_growth: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Return the log-likelihood of laws at their own best mean rate, and that rate."""
        laws = _laws(_from_search(places))
        means = np.full(len(laws), mean)
        filtered = run(self.series, laws, means=means, jumps_per_year=self.jumps_per_year)
        found = filtered.log_likelihood.sum(axis=0) + _log_prior_of_noise(laws)
        if not with_growth:
            return found, means
        information = filtered.information.sum(axis=0) + 1 / PRIOR_MEAN**2
        shift = (filtered.score.sum(axis=0) - mean / PRIOR_MEAN**2) / information
        return found + 0.5 * shift**2 * information, means + shift


def _moved(place: FloatArray, moves: FloatArray) -> FloatArray:
    """Return the places around one, none of them beyond 0 in step, walk or spread."""
    places = place + moves
    places[:, 1:] = np.maximum(places[:, 1:], 0.0)
    return places


def _to_search(point: FloatArray) -> FloatArray:
    return np.concatenate([np.log(point[:1]), np.arcsinh(point[1:] / SCALE)])


def _from_search(places: FloatArray) -> FloatArray:
    return np.hstack([np.exp(places[:, :1]), SCALE * np.sinh(places[:, 1:])])


def _beside(one: Filtered, other: Filtered) -> Filtered:
    return Filtered(
        **{
            name: np.hstack([getattr(one, name), getattr(other, name)])
            for name in Filtered.__slots__
        }
    )


# ── Whether time is the risk ─────────────────────────────────────────────────────────────────


def _statement(
    series: Sequence[Series], weighed: _Weighed, generator: np.random.Generator
) -> GrowthStatement | None:
    changes = [one for one in map(_changes, series) if len(one[0])]
    ratio = weighed.likelihood_ratio
    if not changes or ratio is None:
        return None
    smallest = min(_resampled(changes, generator)) if ratio >= SETTLED_BELOW else None
    if ratio > GROWS_ABOVE and smallest is not None and smallest < 0.01:
        growth = Growth.GROWS
    elif ratio >= SETTLED_BELOW:
        growth = Growth.NOT_SETTLED
    else:
        growth = Growth.NOT_DETECTABLE
    information = float(weighed.steady.information.sum())
    elapsed = np.concatenate([one[1] for one in changes])
    return GrowthStatement(
        growth=growth,
        likelihood_ratio=ratio,
        smallest_p=smallest,
        unseen_drift=(sqrt(GROWS_ABOVE) + 1.645) / sqrt(information) if information > 0 else None,
        has_equal_intervals=bool(elapsed.max() <= 1.1 * elapsed.min()),
    )


def _changes(one: Series) -> tuple[FloatArray, FloatArray]:
    """Return the changes between consecutive values of one series, in u, and the times between."""
    follows = (one.rows[1:] == Row.VALUE) & np.isfinite(one.values[:-1])
    return np.diff(one.values)[follows] / one.noise, np.diff(one.years)[follows]


def _resampled(
    changes: Sequence[tuple[FloatArray, FloatArray]], generator: np.random.Generator
) -> Iterator[float]:
    """Yield the p-values of three ways to shuffle what growth with time would have ordered.

    1. Do larger changes follow longer times? The times of each item are shuffled.
    2. Do the changes of an item keep their sign? Each sign is drawn anew; the noise they share
       makes this test careful.
    3. Do the items change the same way? The sign of each item is drawn anew.
    """
    sizes = np.concatenate([np.abs(d) for d, _ in changes]).argsort().argsort() * 1.0
    times = np.concatenate([t for _, t in changes]).argsort().argsort() * 1.0
    bounds = np.cumsum([0, *(len(d) for d, _ in changes)])
    sizes -= sizes.mean()
    by_time = np.empty(SHUFFLES)
    for i in range(SHUFFLES):
        shuffled = (
            np.concatenate([generator.permutation(times[a:b]) for a, b in pairwise(bounds)])
            if i
            else times
        )
        by_time[i] = sizes @ shuffled
    yield _p(by_time)
    starts = bounds[:-1]
    flat = np.concatenate([d for d, _ in changes])
    signs = generator.choice((-1.0, 1.0), size=(SHUFFLES, len(flat)))
    signs[0] = 1
    sums = np.add.reduceat(signs * flat, starts, axis=1)
    squares = np.maximum(np.add.reduceat(flat**2, starts), 1e-30)
    yield _p((sums**2 / squares).sum(axis=1))
    of_item = generator.choice((-1.0, 1.0), size=(SHUFFLES, len(starts)))
    of_item[0] = 1
    slopes = sums[0] / np.add.reduceat(np.concatenate([t for _, t in changes]), starts)
    yield _p(np.abs(of_item @ slopes))


def _p(statistics: FloatArray) -> float:
    """Return the share of the shuffles, the real order among them, at least as large as it."""
    return float(np.count_nonzero(statistics >= statistics[0] * (1 - 1e-12)) / len(statistics))


# ── What a member may expect ─────────────────────────────────────────────────────────────────


def _member(
    weighed: _Weighed, row: int, series: Series, history: History, reason: Unanswered | None
) -> MemberDrift:
    weight = weighed.of_member[row]
    kept = weight > NEGLIGIBLE * weight.max()
    found, laws = weighed.filtered, weighed.laws
    v = weighed.mean_variances[kept]
    level_by, rate_by = found.level_by_mean[row, kept], found.rate_by_mean[row, kept]
    return MemberDrift(
        unanswered=reason,
        needless_adjustments=_needless(history),
        tolerance=history.tolerance,
        weight=weight[kept] / weight[kept].sum(),
        level=found.level[row, kept] - series.left_undone,
        rate=found.rate[row, kept],
        level_variance=found.level_variance[row, kept] + level_by**2 * v,
        covariance=found.covariance[row, kept] + level_by * rate_by * v,
        rate_variance=found.rate_variance[row, kept] + rate_by**2 * v,
        walk=laws.walk[kept],
        step=laws.step[kept],
        jump_shape=weighed.jump_shape,
        jump_rate=weighed.jump_rate,
        family_size=len(weighed.of_member),
    )


def _silent(history: History, reason: Unanswered | None) -> MemberDrift:
    nothing = np.zeros(0)
    return MemberDrift(
        unanswered=reason or Unanswered.NO_VALUES,
        needless_adjustments=_needless(history),
        tolerance=history.tolerance,
        weight=nothing,
        level=nothing,
        rate=nothing,
        level_variance=nothing,
        covariance=nothing,
        rate_variance=nothing,
        walk=nothing,
        step=nothing,
        jump_shape=PRIOR_JUMPS,
        jump_rate=PRIOR_YEARS,
        family_size=0,
    )


def _within(mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return the probability of a normal distribution between -1 and 1."""
    inside: FloatArray = ndtr((1 - mean) / deviation) - ndtr((-1 - mean) / deviation)
    return inside


def _quantiles(
    values: FloatArray, weights: FloatArray, probabilities: Sequence[float]
) -> list[FloatArray]:
    """Return weighted quantiles of each column of values."""
    order = np.argsort(values, axis=0)
    sorted_values = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(weights[order], axis=0)
    columns = np.arange(values.shape[1])
    last = len(values) - 1
    return [
        sorted_values[np.minimum((reached < p).sum(axis=0), last), columns] for p in probabilities
    ]


def _last_above(probability: FloatArray, years: FloatArray, target: float) -> float | None:
    """Return the time until which a probability never falls below the target."""
    below = np.flatnonzero(probability < target)
    if not len(below):
        return float(years[-1])
    i = int(below[0])
    if i == 0:
        return None
    p_0, p_1 = probability[i - 1], probability[i]
    return float(years[i - 1] + (years[i] - years[i - 1]) * (p_0 - target) / (p_0 - p_1))
