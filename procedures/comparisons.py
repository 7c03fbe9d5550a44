"""Comparisons of laboratories: reference value, consistency, degrees of equivalence, scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, islice
from math import comb, fsum, hypot, isfinite, sqrt
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from procedures.errors import InvalidInput
from procedures.fields import (
    require_finite,
    require_not_negative,
    require_positive,
    require_probability,
)
from procedures.roots import root_of_falling

FloatArray = NDArray[np.float64]

MOST_SUBSETS = 200_000  # every subset of 20 laboratories
SMALLEST = 1e-75  # whose square and its inverse are floats, and their squares too
SUBSETS_AT_ONCE = 20_000


class Method(StrEnum):
    """How a reference value was formed."""

    STATED = "stated"
    WEIGHTED_MEAN = "weighted_mean"
    LARGEST_CONSISTENT_SUBSET = "largest_consistent_subset"
    DERSIMONIAN_LAIRD = "dersimonian_laird"
    MANDEL_PAULE = "mandel_paule"


class Performance(StrEnum):
    """What a score says of a laboratory."""

    SATISFACTORY = "satisfactory"
    QUESTIONABLE = "questionable"
    UNSATISFACTORY = "unsatisfactory"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryResult:
    """What one laboratory reported, with its standard uncertainty u > 0, in a common unit."""

    laboratory: str
    value: float
    standard_uncertainty: float

    def __post_init__(self) -> None:
        value = require_finite(f"{self.laboratory}.value", self.value)
        u = require_positive(f"{self.laboratory}.standard_uncertainty", self.standard_uncertainty)
        if abs(value) > 1 / SMALLEST:
            raise InvalidInput(f"{self.laboratory}.value", f"is too large, got {value}")
        if not SMALLEST <= u <= 1 / SMALLEST:
            raise InvalidInput(
                f"{self.laboratory}.standard_uncertainty",
                f"must lie in [{SMALLEST:g}, {1 / SMALLEST:g}] to be weighted, got {u}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """The chi-squared test of results against their weighted mean.

    Attributes:
        p_value: the probability of a chi-squared at least as large if all stated uncertainties
            are right.
    """

    chi_squared: float
    degrees_of_freedom: int
    p_value: float

    @property
    def birge_ratio(self) -> float:
        """√(χ²/ν), by how much the results scatter more than their uncertainties say."""
        return sqrt(self.chi_squared / self.degrees_of_freedom) if self.degrees_of_freedom else 0.0

    def holds(self, *, significance: float = 0.05) -> bool:
        """Say whether the results may be called consistent; a single one always may."""
        require_probability("significance", significance)
        return self.p_value >= significance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceValue:
    """A reference value of a comparison.

    Attributes:
        weights: of the laboratories that it rests on; the others have none.
        between_laboratory_standard_deviation: τ, the dark uncertainty of random-effects methods.
        consistency: of the laboratories that it rests on; None for a stated value.
    """

    value: float
    standard_uncertainty: float
    method: Method
    weights: Mapping[str, float]
    between_laboratory_standard_deviation: float = 0.0
    consistency: Consistency | None = None

    @property
    def laboratories(self) -> tuple[str, ...]:
        """The laboratories that it rests on."""
        return tuple(self.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class DegreeOfEquivalence:
    """How far a laboratory is from the reference value.

    Attributes:
        difference: d = x - x_ref.
        standard_uncertainty: u(d), which knows whether x is a part of x_ref.
    """

    laboratory: str
    difference: float
    standard_uncertainty: float

    def expanded_uncertainty(self, *, coverage_factor: float = 2.0) -> float:
        """Return U(d) = k u(d)."""
        return coverage_factor * self.standard_uncertainty

    def normalized_error(self, *, coverage_factor: float = 2.0) -> "Score":
        """Return E_n = d/U(d).

        Raises:
            InvalidInput: u(d) is zero: the laboratory alone is the reference value.
        """
        expanded = self.expanded_uncertainty(coverage_factor=coverage_factor)
        require_positive(f"{self.laboratory}.standard_uncertainty of d", expanded)
        return _score("E_n", self.difference / expanded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score of a laboratory and what it says."""

    name: str
    value: float
    performance: Performance


def stated_reference(value: float, standard_uncertainty: float) -> ReferenceValue:
    """Return a reference value from outside the comparison, for instance of the pilot."""
    require_finite("value", value)
    require_not_negative("standard_uncertainty", standard_uncertainty)
    return ReferenceValue(
        value=value,
        standard_uncertainty=standard_uncertainty,
        method=Method.STATED,
        weights=MappingProxyType({}),
    )


def weighted_mean(results: Iterable[LaboratoryResult]) -> ReferenceValue:
    """Return the mean weighted by 1/u², and the chi-squared test of its consistency.

    Raises:
        InvalidInput: there are no results, or a laboratory stands twice.

    Source: M. G. Cox, Metrologia 39 (2002) 589, procedure A; JJF 1117-2010.
    """
    return _weighted(_checked(results), method=Method.WEIGHTED_MEAN)


def largest_consistent_subset(
    results: Iterable[LaboratoryResult], *, significance: float = 0.05
) -> ReferenceValue:
    """Return the weighted mean of the largest subset that is consistent.

    Of several such subsets the one with the smallest chi-squared counts.

    Raises:
        InvalidInput: there are no results, a laboratory stands twice, or so many would have to be
            left out of so many that the subsets cannot be counted through.

    Source: M. G. Cox, Metrologia 44 (2007) 187.
    """
    checked = _checked(results)
    for left_out in range(len(checked)):
        size = len(checked) - left_out
        if comb(len(checked), size) > MOST_SUBSETS:
            raise InvalidInput(
                "results", f"{comb(len(checked), size)} subsets of {size} are too many to try"
            )
        subset = _most_consistent(checked, size)
        reference = _weighted(subset, method=Method.LARGEST_CONSISTENT_SUBSET)
        if reference.consistency is None or reference.consistency.holds(significance=significance):
            return reference
    raise AssertionError("a single result is consistent with itself")


def dersimonian_laird(results: Iterable[LaboratoryResult]) -> ReferenceValue:
    """Return the random-effects mean with τ² = (χ² - ν)/(Σw - Σw²/Σw), at least 0.

    Its standard uncertainty is 1/√Σ 1/(u² + τ²).

    Raises:
        InvalidInput: fewer than two results, or a laboratory stands twice.

    Source: R. DerSimonian and N. Laird, Controlled Clinical Trials 7 (1986) 177.
    """
    checked = _checked(results, at_least=2)
    u = np.array([result.standard_uncertainty for result in checked])
    x = np.array([result.value for result in checked])
    w = 1 / u**2
    excess = _chi_squared(x, u) - (len(checked) - 1)
    variance = max(0.0, excess / float(w.sum() - (w**2).sum() / w.sum()))
    return _weighted(checked, method=Method.DERSIMONIAN_LAIRD, variance_between=variance)


def mandel_paule(results: Iterable[LaboratoryResult]) -> ReferenceValue:
    """Return the random-effects mean with the τ that makes χ² equal to its degrees of freedom.

    τ is 0 where the results scatter less than that. The standard uncertainty is 1/√Σ 1/(u² + τ²).

    Raises:
        InvalidInput: fewer than two results, or a laboratory stands twice.

    Source: R. C. Paule and J. Mandel, J. Res. NBS 87 (1982) 377.
    """
    checked = _checked(results, at_least=2)
    u = np.array([result.standard_uncertainty for result in checked])
    x = np.array([result.value for result in checked])
    wanted = len(checked) - 1

    def excess(variance: float) -> float:
        return _chi_squared(x, np.sqrt(u**2 + variance)) - wanted

    variance = 0.0
    if excess(0.0) > 0:
        # At τ² = Σ(x - x̄)²/ν, χ² is at most Σ(x - x̄)²/τ² = ν.
        variance = root_of_falling(excess, 0.0, float(np.sum((x - x.mean()) ** 2)) / wanted)
    return _weighted(checked, method=Method.MANDEL_PAULE, variance_between=variance)


def degrees_of_equivalence(
    results: Iterable[LaboratoryResult], reference: ReferenceValue
) -> tuple[DegreeOfEquivalence, ...]:
    """Return how far each laboratory is from the reference value.

    u²(d) = (1 - 2w) u² + u²(x_ref), w being the laboratory's weight in the reference value: the
    familiar u² - u²(x_ref) for a part of the weighted mean, u² + u²(x_ref) for an outsider. The
    dark uncertainty of a random-effects mean enters u(x_ref) only, and excuses nobody's distance.

    Source: M. G. Cox, Metrologia 39 (2002) 589; JJF 1117-2010.
    """
    return tuple(_degree_of_equivalence(result, reference) for result in _checked(results))


def normalized_error(
    value: float,
    reference_value: float,
    *,
    expanded_uncertainty: float,
    reference_expanded_uncertainty: float,
) -> Score:
    """Return E_n = (x - X)/√(U² + U_ref²) of independent x and X; both U with the same k.

    Source: ISO/IEC 17043:2023; ISO 13528:2022, 9.7.

    >>> round(normalized_error(
    ...     10.012, 10.0, expanded_uncertainty=0.01, reference_expanded_uncertainty=0.004
    ... ).value, 4)
    1.1142
    """
    return _score_of_difference(
        "E_n",
        value,
        reference_value,
        expanded_uncertainty=expanded_uncertainty,
        reference_expanded_uncertainty=reference_expanded_uncertainty,
    )


def zeta_score(
    value: float,
    reference_value: float,
    *,
    standard_uncertainty: float,
    reference_standard_uncertainty: float,
) -> Score:
    """Return ζ = (x - X)/√(u² + u_ref²) of independent x and X.

    Source: ISO 13528:2022, 9.6.
    """
    return _score_of_difference(
        "ζ",
        value,
        reference_value,
        standard_uncertainty=standard_uncertainty,
        reference_standard_uncertainty=reference_standard_uncertainty,
    )


def z_prime_score(
    value: float,
    reference_value: float,
    *,
    standard_deviation_for_assessment: float,
    reference_standard_uncertainty: float,
) -> Score:
    """Return z' = (x - X)/√(σ_pt² + u_ref²); with u_ref = 0 it is the plain z.

    Source: ISO 13528:2022, 9.5.
    """
    return _score_of_difference(
        "z'",
        value,
        reference_value,
        standard_deviation_for_assessment=standard_deviation_for_assessment,
        reference_standard_uncertainty=reference_standard_uncertainty,
    )


def _checked(
    results: Iterable[LaboratoryResult], *, at_least: int = 1
) -> tuple[LaboratoryResult, ...]:
    checked = tuple(results)
    if len(checked) < at_least:
        raise InvalidInput("results", f"needs at least {at_least}, got {len(checked)}")
    seen: set[str] = set()
    for result in checked:
        if result.laboratory in seen:
            raise InvalidInput("results", f"{result.laboratory!r} stands twice")
        seen.add(result.laboratory)
    return checked


def _weighted(
    results: Sequence[LaboratoryResult], *, method: Method, variance_between: float = 0.0
) -> ReferenceValue:
    x = np.array([result.value for result in results])
    u = np.array([result.standard_uncertainty for result in results])
    weights = 1 / (u**2 + variance_between)
    total = fsum(weights)
    chi_squared, nu = _chi_squared(x, u), len(results) - 1
    return ReferenceValue(
        value=_mean(x, weights),
        standard_uncertainty=1 / sqrt(total),
        method=method,
        weights=MappingProxyType(
            {
                result.laboratory: float(weight / total)
                for result, weight in zip(results, weights, strict=True)
            }
        ),
        between_laboratory_standard_deviation=sqrt(variance_between),
        consistency=Consistency(
            chi_squared=chi_squared,
            degrees_of_freedom=nu,
            p_value=float(chdtrc(nu, chi_squared)) if nu else 1.0,
        ),
    )


def _mean(x: FloatArray, weights: FloatArray) -> float:
    """Return the weighted mean, exact also far from zero."""
    shift = float(x[0])
    return shift + fsum(weights * (x - shift)) / fsum(weights)


def _chi_squared(x: FloatArray, u: FloatArray) -> float:
    return fsum(((x - _mean(x, 1 / u**2)) / u) ** 2)


def _most_consistent(results: Sequence[LaboratoryResult], size: int) -> list[LaboratoryResult]:
    """Return the subset of that size with the smallest chi-squared."""
    x = np.array([result.value for result in results])
    x = x - x.mean()
    w = 1 / np.array([result.standard_uncertainty for result in results]) ** 2
    subsets = combinations(range(len(results)), size)
    best: tuple[float, NDArray[np.intp]] | None = None
    while chunk := list(islice(subsets, SUBSETS_AT_ONCE)):
        index = np.array(chunk)
        weights, values = w[index], x[index]
        means = (weights * values).sum(axis=1) / weights.sum(axis=1)
        chi_squared = (weights * (values - means[:, None]) ** 2).sum(axis=1)
        smallest = int(np.argmin(chi_squared))
        if best is None or chi_squared[smallest] < best[0]:
            best = float(chi_squared[smallest]), index[smallest]
    assert best is not None  # noqa: S101 — a size of at least 1 has subsets
    return [results[i] for i in best[1]]


def _degree_of_equivalence(
    result: LaboratoryResult, reference: ReferenceValue
) -> DegreeOfEquivalence:
    weight = reference.weights.get(result.laboratory, 0.0)
    variance = (1 - 2 * weight) * result.standard_uncertainty**2
    variance += reference.standard_uncertainty**2
    return DegreeOfEquivalence(
        laboratory=result.laboratory,
        difference=result.value - reference.value,
        standard_uncertainty=sqrt(max(0.0, variance)),
    )


def _score(name: str, value: float) -> Score:
    """Judge a score: E_n by 1, the others by 2 and 3 (ISO 13528:2022, 9.4.2)."""
    satisfactory, unsatisfactory = (1.0, 1.0) if name == "E_n" else (2.0, 3.0)
    if abs(value) <= satisfactory:
        performance = Performance.SATISFACTORY
    elif abs(value) < unsatisfactory:
        performance = Performance.QUESTIONABLE
    else:
        performance = Performance.UNSATISFACTORY
    return Score(name=name, value=value, performance=performance)


def _score_of_difference(
    name: str, value: float, reference_value: float, **uncertainties: float
) -> Score:
    """Judge a difference over the root sum of squares of the uncertainties, each with its name."""
    difference = require_finite("value", value) - require_finite("reference_value", reference_value)
    total = hypot(*(require_not_negative(field, u) for field, u in uncertainties.items()))
    require_positive(next(iter(uncertainties)), total)
    score = difference / total
    if not isfinite(score):
        raise InvalidInput("value", "is too far from the reference value for a score")
    return _score(name, score)
