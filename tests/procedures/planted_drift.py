"""Histories whose law is known, so that what is said of them can be held against the truth.

A law is noise, step per cycle, walk per √year, mean drift and spread of drift per year, all in
tolerances, and jumps per year; an error beyond 0.7 of the tolerance is adjusted to 0 as measured.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from procedures.drift import Found, History
from procedures.drift_filter import Laws, Row, Series, run

ADJUSTED_BEYOND = 0.7
MONTHS = np.arange(121) / 12
SHORTEST = 0.05  # years, below which an interval is none


@dataclass(frozen=True)
class Law:
    noise: float
    step: float = 0.0
    walk: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    jumps: float = 0.0


LAWS = {
    "noise": Law(noise=0.12),
    "step": Law(noise=0.1, step=0.15),
    "drift": Law(noise=0.12, mean=0.15, spread=0.1),
    "drift0": Law(noise=0.1, spread=0.25),
    "walk": Law(noise=0.1, walk=0.25),
    "driftwalk": Law(noise=0.1, walk=0.15, mean=0.1, spread=0.08),
    "jump": Law(noise=0.12, jumps=0.08),
    "jumpwalk": Law(noise=0.1, walk=0.15, jumps=0.05),
}


def planted(law, generator):
    """Return a history of 3 to 24 calibrations of an item that follows a law."""
    nominal = 2 ** generator.uniform(-1, 1)
    rate = generator.normal(law.mean, law.spread)
    level, years, records = generator.normal(0, 0.2), 0.0, []
    for k in range(generator.integers(3, 25)):
        if k:
            elapsed = nominal * np.exp(0.35 * generator.normal())
            years += elapsed
            level += rate * elapsed + law.walk * np.sqrt(elapsed) * generator.normal()
            level += law.step * generator.normal()
            for _ in range(generator.poisson(law.jumps * elapsed)):
                level += generator.choice((-1, 1)) * generator.uniform(0.6, 2)
        found = level + law.noise * generator.normal()
        is_adjusted = abs(found) > ADJUSTED_BEYOND
        left = 0.0 if is_adjusted else None
        level -= found if is_adjusted else 0.0
        records.append(Found(years=years, as_found=found, as_left=left, is_adjusted=is_adjusted))
    return History(records=tuple(records), tolerance=1.0, standard_uncertainty=law.noise)


def series_of(history):
    """Return a history of values only, its adjustments undone by the definition."""
    undone = np.cumsum(
        [0.0]
        + [0.0 if one.as_left is None else one.as_found - one.as_left for one in history.records]
    )
    found = np.array([one.as_found for one in history.records])
    return Series(
        years=np.array([one.years for one in history.records]),
        values=found + undone[:-1],
        rows=np.full(len(found), Row.VALUE),
        undone=undone[:-1],
        noise=history.standard_uncertainty,
        left_undone=float(undone[-1]),
    )


def known(history, law, years=MONTHS):
    """Return P(in tolerance) at times after the last calibration if the law is known."""
    series = series_of(history)
    one = Laws(
        noise=np.array([law.noise / series.noise]),
        step=np.array([law.step]),
        walk=np.array([law.walk]),
        spread=np.array([law.spread]),
    )
    found = run([series], one, means=np.array([law.mean]), jumps_per_year=law.jumps)
    mean = found.level[0, 0] - series.left_undone + found.rate[0, 0] * years
    variance = (
        found.level_variance[0, 0]
        + (2 * found.covariance[0, 0] + law.walk**2) * years
        + found.rate_variance[0, 0] * years**2
        + law.step**2
    )
    deviation = np.sqrt(variance)
    held = ndtr((1 - mean) / deviation) - ndtr((-1 - mean) / deviation)
    return held * np.exp(-law.jumps * years)


def until(probability, target=0.95):
    """Return the longest time, of MONTHS, until which a probability stays at or above a target."""
    below = np.flatnonzero(probability < target)
    if not len(below):
        return float(MONTHS[-1])
    i = below[0]
    if i == 0:
        return SHORTEST
    p, q = probability[i - 1], probability[i]
    return float(MONTHS[i - 1] + (p - target) / (p - q) / 12)
