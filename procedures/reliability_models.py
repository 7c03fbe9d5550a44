"""Reliability over time from items found in tolerance or not, by three models (NCSLI RP-1, S2).

R(t) is exp(-λt), exp(-(λt)^β), or (1 + λt)^-β, the mixture of exponentials whose rates differ
from item to item. Each is fitted by maximum likelihood; the one to go by has the smallest AIC of
those that the data do not reject.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, expm1, log
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, xlogy

from procedures.errors import InvalidInput
from procedures.fields import require_probability
from procedures.intervals import CalibrationInterval, FoundAfter, NoInterval

FloatArray = NDArray[np.float64]

REJECTED_BELOW: Final = 0.01  # p-value of the deviance
ROUNDS: Final = 60  # of drawing together
SMALLEST, LARGEST = 1e-15, 1 - 1e-15  # of a reliability, in a likelihood


class Model(StrEnum):
    """How the reliability falls."""

    EXPONENTIAL = "exponential"
    WEIBULL = "weibull"
    MIXED_EXPONENTIAL = "mixed_exponential"


PARAMETERS: Final = {Model.EXPONENTIAL: 1, Model.WEIBULL: 2, Model.MIXED_EXPONENTIAL: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """A model fitted to a history.

    Attributes:
        rate: λ > 0, per unit of the history's times.
        shape: β > 0; 1 of the exponential.
        negative_log_likelihood: without the binomial coefficients.
        p_value: of the deviance against a reliability of its own for each interval; None where
            there are no intervals left to test by.
        longest_observed: the longest interval of the history.
    """

    model: Model
    rate: float
    shape: float
    negative_log_likelihood: float
    p_value: float | None
    longest_observed: float

    @property
    def akaike(self) -> float:
        """AIC: twice the parameters plus twice the negative log-likelihood."""
        return 2 * (PARAMETERS[self.model] + self.negative_log_likelihood)

    def reliability(self, elapsed: float) -> float:
        """Return R(t) after a time ≥ 0."""
        return float(_reliability(self.model, self.rate * elapsed, self.shape))

    def interval(self, *, target_reliability: float) -> CalibrationInterval:
        """Return the time after which the reliability has fallen to a target in (0, 1)."""
        require_probability("target_reliability", target_reliability)
        fallen = -log(target_reliability)
        if self.model is Model.MIXED_EXPONENTIAL:
            length = expm1(fallen / self.shape) / self.rate
        else:
            length = fallen ** (1 / self.shape) / self.rate
        return CalibrationInterval(length=length, is_extrapolated=length > self.longest_observed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """The models of a history, the one to go by first; or the reason why there are none."""

    models: tuple[FittedModel, ...]
    reason: NoInterval | None

    @property
    def best(self) -> FittedModel | None:
        """The model to go by."""
        return self.models[0] if self.models else None


def compare_models(history: Sequence[FoundAfter]) -> ModelComparison:
    """Fit all models to a history; one with a single kind of finding supports none.

    Raises:
        InvalidInput: there are no calibrations.

    Source: NCSLI RP-1, method S2 and appendix D; JJF 1139-2005, maximum likelihood.
    """
    if not history:
        raise InvalidInput("history", "there are no calibrations")
    if all(one.in_tolerance == one.calibrations for one in history):
        return ModelComparison(models=(), reason=NoInterval.NEVER_OUT_OF_TOLERANCE)
    if all(one.in_tolerance == 0 for one in history):
        return ModelComparison(models=(), reason=NoInterval.NEVER_IN_TOLERANCE)
    several = len({one.interval for one in history}) > 1
    fitted = [_fit(history, model) for model in (Model if several else [Model.EXPONENTIAL])]
    return ModelComparison(
        models=tuple(sorted(fitted, key=lambda one: (_is_rejected(one), one.akaike))), reason=None
    )


def _is_rejected(fitted: FittedModel) -> bool:
    return fitted.p_value is not None and fitted.p_value < REJECTED_BELOW


def _fit(history: Sequence[FoundAfter], model: Model) -> FittedModel:
    times = np.array([one.interval for one in history])
    n = np.array([one.calibrations for one in history], dtype=float)
    x = np.array([one.in_tolerance for one in history], dtype=float)
    longest = float(times.max())

    def cost(log_rate: FloatArray, log_shape: FloatArray) -> FloatArray:
        """Return the negative log-likelihood of pairs, shape (p,); λ in 1/longest."""
        at = np.exp(log_rate)[:, None] * (times / longest)
        r = np.clip(_reliability(model, at, np.exp(log_shape)[:, None]), SMALLEST, LARGEST)
        total: FloatArray = -(x * np.log(r) + (n - x) * np.log1p(-r)).sum(axis=1)
        return total

    rate, shape, least = _least(cost, shapes=1 if model is Model.EXPONENTIAL else 9)
    share = x / n
    saturated = -float((xlogy(x, share) + xlogy(n - x, 1 - share)).sum())
    left = len(set(times)) - PARAMETERS[model]
    deviance = max(0.0, 2 * (least - saturated))
    return FittedModel(
        model=model,
        rate=exp(rate) / longest,
        shape=exp(shape),
        negative_log_likelihood=least,
        p_value=float(chdtrc(left, deviance)) if left > 0 else None,
        longest_observed=longest,
    )


def _reliability(model: Model, at: FloatArray | float, shape: FloatArray | float) -> FloatArray:
    """Return R at λt."""
    found: FloatArray
    if model is Model.MIXED_EXPONENTIAL:
        found = np.exp(-shape * np.log1p(at))
    elif model is Model.WEIBULL:
        found = np.exp(-(at**shape))
    else:
        found = np.exp(-np.asarray(at))
    return found


def _least(
    cost: Callable[[FloatArray, FloatArray], FloatArray], *, shapes: int
) -> tuple[float, float, float]:
    """Return log λ, log β and the cost at its least: a lattice that draws together about it."""
    rate, shape, width = 0.0, 0.0, 6.0
    for _ in range(ROUNDS):
        rates = np.linspace(rate - width, rate + width, 9)
        of_shape = (
            np.linspace(shape - width / 4, shape + width / 4, shapes) if shapes > 1 else [0.0]
        )
        pairs = np.array([(a, b) for a in rates for b in of_shape])
        found = cost(pairs[:, 0], pairs[:, 1])
        best = int(np.argmin(found))
        rate, shape = float(pairs[best, 0]), float(pairs[best, 1])
        width *= 0.75
    return rate, shape, float(found[best])
