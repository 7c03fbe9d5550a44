"""Coverage factors and expanded uncertainty (JCGM 100:2008, clause 6 and annex G)."""

from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import import_module
from math import floor, hypot, inf, isfinite, isinf, sqrt
from typing import Any

from procedures.errors import InvalidInput
from procedures.fields import require_probability


@cache
def special_functions() -> Any:
    """Return `scipy.special`, loaded when first asked: it is most of what a program starts with."""
    return import_module("scipy.special")


def coverage_factor(
    coverage_probability: float, degrees_of_freedom: float, *, truncated: bool = True
) -> float:
    """Return k_p for a coverage interval of a t-distributed output quantity.

    Finite degrees of freedom are truncated to the next lower integer, as the standard's own
    examples do; `truncated=False` takes ν_eff as it is, which the standard calls interpolation.
    Infinite ones give the normal distribution.

    Args:
        coverage_probability: p, in (0, 1); 0.95 and 0.9545 are different requests.
        degrees_of_freedom: ν_eff ≥ 1.
        truncated: whether ν_eff is truncated.

    Raises:
        InvalidInput: p or ν_eff lies outside its range.

    Source: JCGM 100:2008, G.3.2 and G.4.1.

    >>> round(coverage_factor(0.99, 16.7), 2)
    2.92
    """
    require_probability("coverage_probability", coverage_probability)
    if not degrees_of_freedom >= 1:
        raise InvalidInput("degrees_of_freedom", f"must be ≥ 1, got {degrees_of_freedom}")
    upper_quantile = (1 + coverage_probability) / 2
    if isinf(degrees_of_freedom):
        return float(special_functions().ndtri(upper_quantile))
    if truncated:
        return _quantile_of_whole(floor(degrees_of_freedom), upper_quantile)
    return float(special_functions().stdtrit(degrees_of_freedom, upper_quantile))


@lru_cache(maxsize=1024)
def _quantile_of_whole(degrees_of_freedom: int, probability: float) -> float:
    """Return a quantile of t; a laboratory asks for the same few over and over."""
    return float(special_functions().stdtrit(degrees_of_freedom, probability))


def trapezoidal_coverage_factor(coverage_probability: float, top_ratio: float) -> float:
    """Return k_p of a symmetric trapezoidal distribution; 1 is rectangular, 0 triangular.

    Two rectangular contributions of half-widths a ≥ b give a trapezoid of top ratio
    (a − b)/(a + b).

    Args:
        coverage_probability: p, in (0, 1).
        top_ratio: β = top/base, in [0, 1].

    Raises:
        InvalidInput: p or β lies outside its range.

    Source: EA-4/02 M:2022, S9.14 and S10.13; JCGM 101:2008, 6.4.4.

    >>> round(trapezoidal_coverage_factor(0.95, 0.33), 2)
    1.84
    """
    require_probability("coverage_probability", coverage_probability)
    if not 0 <= top_ratio <= 1:
        raise InvalidInput("top_ratio", f"must lie in [0, 1], got {top_ratio}")
    if coverage_probability <= 2 * top_ratio / (1 + top_ratio):  # the interval ends on the top
        half_width = coverage_probability * (1 + top_ratio) / 2
    else:
        half_width = 1 - sqrt((1 - coverage_probability) * (1 - top_ratio**2))
    return half_width / sqrt((1 + top_ratio**2) / 6)


def welch_satterthwaite(components: Iterable[tuple[float, float]]) -> float:
    """Return ν_eff of a sum of independent components, by the Welch–Satterthwaite formula.

    Components with infinitely many degrees of freedom add nothing to the denominator; if all
    have, or if every component is zero, the result is infinite.

    Args:
        components: (u_i(y), ν_i) of each, u_i(y) in the unit of the output quantity, ν_i ≥ 1.

    Returns:
        ν_eff, a number without unit, not yet truncated to an integer.

    Raises:
        InvalidInput: a component is not finite.

    Source: JCGM 100:2008, G.4.1, equation (G.2b).

    >>> int(welch_satterthwaite([(25, 18), (9.7, 25.6), (2.9, 50), (16.6, 2)]))
    16
    """
    rows = list(components)
    variance = denominator = 0.0
    for u, nu in rows:
        square = u * u
        variance += square
        denominator += square * square / nu
    if 1e-250 < denominator < 1e250:
        return variance * variance / denominator
    return _welch_satterthwaite_scaled(rows)


def _welch_satterthwaite_scaled(rows: list[tuple[float, float]]) -> float:
    """Do the same where the fourth powers would leave the range of a float."""
    largest = hypot(*(u for u, _ in rows))
    if not largest:
        return inf
    if not isfinite(largest):
        raise InvalidInput("components", "must be finite")
    scaled = [(u / largest, nu) for u, nu in rows]
    denominator = sum(u**4 / nu for u, nu in scaled)
    return sum(u * u for u, _ in scaled) ** 2 / denominator if denominator else inf
