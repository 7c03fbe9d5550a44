"""The likelihood of as-found histories under many laws of drift at once, by a Kalman filter.

Errors are in units of the tolerance, times in years. State: the level of the item and its rate of
drift. A step without and one with a jump are weighed and made one again after every calibration.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

JUMP = 1.6  # standard deviation of a jump, in tolerances: wide, so that no walk passes for one
LOG_2_PI = float(np.log(2 * pi))
RARE = 1e-300  # probability below which a record is as good as impossible


class Row(IntEnum):
    """What one calibration tells the filter."""

    VALUE = 0  # an as-found error
    WITHIN = 1  # in tolerance as found, no value
    BEYOND = 2  # out of tolerance as found, no value
    RESTART = 3  # a new series of the same item: its level is known anew, its drift goes on
    REPLACED = 4  # another item in its place: nothing goes on but the law


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One history with its adjustments undone; all arrays have shape (k,), k ≥ 1 rows.

    Attributes:
        years: ascending, of each row.
        values: the level as found plus all that was adjusted before; NaN where there is none.
        rows: what each row is; the first one is a start whatever it says.
        undone: what was adjusted before each row; a record without a value lies in
            undone - 1 to undone + 1.
        noise: the standard uncertainty of one calibration, as stated, > 0.
        left_undone: what was adjusted in all: as left = level - left_undone.
    """

    years: FloatArray
    values: FloatArray
    rows: IntArray
    undone: FloatArray
    noise: float
    left_undone: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """Laws of drift, one an index; all arrays have shape (g,).

    Attributes:
        noise: of a calibration, as a multiple of the stated standard uncertainty.
        step: standard deviation of the step at each calibration, in tolerances.
        walk: of the random walk, in tolerances per √year.
        spread: of the rates of drift in the family, in tolerances per year.
    """

    noise: FloatArray
    step: FloatArray
    walk: FloatArray
    spread: FloatArray

    def __len__(self) -> int:
        return len(self.noise)

    def at(self, indices: IntArray) -> "Laws":
        """Return the laws of these indices."""
        return Laws(
            noise=self.noise[indices],
            step=self.step[indices],
            walk=self.walk[indices],
            spread=self.spread[indices],
        )

    def joined(self, other: "Laws") -> "Laws":
        """Return these laws and then the others."""
        return Laws(
            noise=np.concatenate([self.noise, other.noise]),
            step=np.concatenate([self.step, other.step]),
            walk=np.concatenate([self.walk, other.walk]),
            spread=np.concatenate([self.spread, other.spread]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """What the filter says of n histories under g laws; all arrays have shape (n, g).

    Attributes:
        log_likelihood: of the values, each given those before it.
        information: of the mean rate of drift m: minus the second derivative by it.
        score: the first derivative by m, at the m that was asked.
        jumps: how many are expected to have happened.
        level, rate: at the last row, their means; `level_by_mean` and `rate_by_mean` say how
            these move with m.
        level_variance, covariance, rate_variance: of the two.
    """

    log_likelihood: FloatArray
    information: FloatArray
    score: FloatArray
    jumps: FloatArray
    level: FloatArray
    rate: FloatArray
    level_by_mean: FloatArray
    rate_by_mean: FloatArray
    level_variance: FloatArray
    covariance: FloatArray
    rate_variance: FloatArray


def run(
    family: Sequence[Series], laws: Laws, *, means: FloatArray, jumps_per_year: float
) -> Filtered:
    """Return the likelihoods and the state after the last row of each history.

    Args:
        family: n ≥ 1 histories.
        laws: g ≥ 1 of them.
        means: m, the mean rate of drift in the family under each law, shape (g,).
        jumps_per_year: λ ≥ 0.
    """
    # 1. the longest first, so that those with another row are always the first ones
    order = np.argsort([-len(one.years) for one in family], kind="stable")
    table = _Table.of([family[i] for i in order])
    state = _State.at_the_start(table, laws, means)
    # 2. row by row
    for k in range(1, table.years.shape[1]):
        n = int(np.count_nonzero(table.lengths > k))
        state.advance(table, laws, k, n, jumps_per_year)
    # 3. back into the order in which they came
    return state.told(np.argsort(order))


@dataclass(frozen=True, slots=True)
class _Table:
    """Histories as rectangles, shape (n, k); what lies beyond a history's end is not looked at."""

    years: FloatArray
    values: FloatArray
    rows: IntArray
    undone: FloatArray
    noise: FloatArray
    lengths: IntArray

    @classmethod
    def of(cls, family: Sequence[Series]) -> "_Table":
        lengths = np.array([len(one.years) for one in family])
        shape = (len(family), int(lengths.max()))
        years, values, undone = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        rows = np.zeros(shape, dtype=np.int64)
        for i, one in enumerate(family):
            end = len(one.years)
            years[i, :end], values[i, :end] = one.years, one.values
            rows[i, :end], undone[i, :end] = one.rows, one.undone
        noise = np.array([one.noise for one in family])
        return cls(years, values, rows, undone, noise, lengths)


class _State:
    """Means and covariances of level and rate, shape (n, g), and what was counted on the way."""

    def __init__(self, table: _Table, laws: Laws, means: FloatArray) -> None:
        shape = (len(table.lengths), len(laws))
        self.means = means
        self.noise_variance = (table.noise[:, None] * laws.noise) ** 2
        self.level, self.rate = np.zeros(shape), np.tile(means, (shape[0], 1))
        self.level_by_mean, self.rate_by_mean = np.zeros(shape), np.ones(shape)
        self.level_variance, self.covariance = np.zeros(shape), np.zeros(shape)
        self.rate_variance = np.tile(laws.spread**2, (shape[0], 1))
        self.log_likelihood, self.information = np.zeros(shape), np.zeros(shape)
        self.score, self.jumps = np.zeros(shape), np.zeros(shape)

    @classmethod
    def at_the_start(cls, table: _Table, laws: Laws, means: FloatArray) -> "_State":
        """Return the state after the first rows: a level as found, or anywhere in tolerance."""
        state = cls(table, laws, means)
        has_value = np.isfinite(table.values[:, 0])
        state.level[:] = np.where(has_value, table.values[:, 0], table.undone[:, 0])[:, None]
        state.level_variance[:] = np.where(has_value[:, None], state.noise_variance, 1 / 3)
        return state

    def advance(self, table: _Table, laws: Laws, k: int, n: int, jumps_per_year: float) -> None:
        """Go on to row k of the first n histories and learn from it."""
        elapsed = (table.years[:n, k] - table.years[:n, k - 1])[:, None]
        self._predict(laws, elapsed, n)
        rows = table.rows[:n, k]
        with_jump = -np.expm1(-jumps_per_year * elapsed)
        if (rows == Row.VALUE).all():
            self._learn(slice(0, n), table.values[:n, k, None], with_jump)
            return
        for row in np.unique(rows):
            (where,) = np.nonzero(rows == row)
            if row == Row.VALUE:
                self._learn(where, table.values[where, k, None], with_jump[where])
            elif row in (Row.WITHIN, Row.BEYOND):
                centre = table.undone[where, k, None]
                self._learn_of_window(where, centre, with_jump[where], inside=row == Row.WITHIN)
            else:
                self._restart(where, table.values[where, k, None], laws, replaced=row == 4)

    def _predict(self, laws: Laws, elapsed: FloatArray, n: int) -> None:
        level_variance = self.level_variance[:n]
        level_variance += elapsed * (2 * self.covariance[:n] + elapsed * self.rate_variance[:n])
        level_variance += elapsed * laws.walk**2 + laws.step**2
        self.covariance[:n] += elapsed * self.rate_variance[:n]
        self.level[:n] += elapsed * self.rate[:n]
        self.level_by_mean[:n] += elapsed * self.rate_by_mean[:n]

    def _learn(self, at: slice | IntArray, value: FloatArray, with_jump: FloatArray) -> None:
        """Learn from a value: two branches weighed by how well they foretold it, then made one."""
        v = value - self.level[at]
        p_11, p_12 = self.level_variance[at], self.covariance[at]
        noise = self.noise_variance[at]
        s_0 = p_11 + noise
        s_1 = s_0 + JUMP**2
        density = (1 - with_jump) * np.exp(-0.5 * v * v / s_0) / np.sqrt(s_0)
        jumped = with_jump * np.exp(-0.5 * v * v / s_1) / np.sqrt(s_1)
        both = density + jumped + RARE
        w_1 = jumped / both
        w_0 = 1 - w_1
        k_0, k_1 = p_11 / s_0, 1 - noise / s_1
        l_0, l_1 = p_12 / s_0, p_12 / s_1
        gain, rate_gain = w_0 * k_0 + w_1 * k_1, w_0 * l_0 + w_1 * l_1
        apart = w_0 * w_1 * v * v
        h = self.level_by_mean[at]
        precision = w_0 / s_0 + w_1 / s_1
        self.log_likelihood[at] += np.log(both) - 0.5 * LOG_2_PI
        self.information[at] += h * h * precision
        self.score[at] += h * v * precision
        self.jumps[at] += w_1
        self.level[at] += gain * v
        self.rate[at] += rate_gain * v
        self.rate_by_mean[at] -= rate_gain * h
        self.level_by_mean[at] = h * (1 - gain)
        self.level_variance[at] = noise * gain + apart * (k_1 - k_0) ** 2
        self.rate_variance[at] -= p_12 * rate_gain - apart * (l_1 - l_0) ** 2
        self.covariance[at] = noise * rate_gain + apart * (k_1 - k_0) * (l_1 - l_0)

    def _learn_of_window(
        self, at: IntArray, centre: FloatArray, with_jump: FloatArray, *, inside: bool
    ) -> None:
        """Learn that the value as found lay in its tolerance, or that it did not.

        The two branches become one before the window is looked through: its moments are then
        those of a normal distribution cut off at the limits.
        """
        p_11, p_12 = self.level_variance[at], self.covariance[at]
        s = p_11 + self.noise_variance[at]
        chances = [
            _window(centre, self.level[at], np.sqrt(variance), inside=inside)
            for variance in (s, s + JUMP**2)
        ]
        likelihoods = [one[0] for one in chances]
        both = (1 - with_jump) * likelihoods[0] + with_jump * likelihoods[1] + RARE
        w_1 = with_jump * likelihoods[1] / both
        _, shift, kept = _window(centre, self.level[at], np.sqrt(s + w_1 * JUMP**2), inside=inside)
        s = s + w_1 * JUMP**2
        k, rate_k = (p_11 + w_1 * JUMP**2) / s, p_12 / s
        self.log_likelihood[at] += np.log(both)
        self.jumps[at] += w_1
        self.level[at] += k * shift
        self.rate[at] += rate_k * shift
        self.level_variance[at] = p_11 + w_1 * JUMP**2 - k * k * (s - kept)
        self.rate_variance[at] -= rate_k * rate_k * (s - kept)
        self.covariance[at] = p_12 - k * rate_k * (s - kept)

    def _restart(self, at: IntArray, value: FloatArray, laws: Laws, *, replaced: bool) -> None:
        """Begin a new series at a value as left; its drift goes on unless it is another item."""
        self.level[at] = value
        self.level_by_mean[at] = self.covariance[at] = 0.0
        self.level_variance[at] = self.noise_variance[at]
        if replaced:
            self.rate[at], self.rate_by_mean[at] = self.means, 1.0
            self.rate_variance[at] = laws.spread**2

    def told(self, order: IntArray) -> Filtered:
        return Filtered(
            log_likelihood=self.log_likelihood[order],
            information=self.information[order],
            score=self.score[order],
            jumps=self.jumps[order],
            level=self.level[order],
            rate=self.rate[order],
            level_by_mean=self.level_by_mean[order],
            rate_by_mean=self.rate_by_mean[order],
            level_variance=self.level_variance[order],
            covariance=self.covariance[order],
            rate_variance=np.maximum(self.rate_variance[order], 0.0),
        )


def _window(
    centre: FloatArray, mean: FloatArray, deviation: FloatArray, *, inside: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the probability of the window, the shift of the mean in it, and the variance in it."""
    low, high = (centre - 1 - mean) / deviation, (centre + 1 - mean) / deviation
    phi_low, phi_high = (np.exp(-0.5 * x * x) / sqrt(2 * pi) for x in (low, high))
    chance = ndtr(high) - ndtr(low)
    first, second = phi_low - phi_high, low * phi_low - high * phi_high
    if not inside:
        chance, first, second = 1 - chance, -first, -second
    chance = np.maximum(chance, 1e-12)
    first, second = first / chance, second / chance
    variance = np.maximum(1 + second - first * first, 1e-6)
    return chance, deviation * first, deviation**2 * variance
