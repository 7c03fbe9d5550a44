"""Elementary influences of results, and the covariance between any two of them.

A result keeps a sparse vector {influence id: signed component}: the component is what one
standard deviation of that influence does to the result, in the result's unit. Influences are
independent of one another, so two results are correlated exactly by those they share.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, hypot, sqrt
from types import MappingProxyType
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from traceability.errors import InvalidValue
from traceability.graph import require_finite


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluencedResult:
    """A result with its signed components, each in the result's unit."""

    result_id: UUID
    components: Mapping[UUID, float]

    def __post_init__(self) -> None:
        for influence_id, component in self.components.items():
            require_finite(f"components[{influence_id}]", component)
        object.__setattr__(self, "components", MappingProxyType(dict(self.components)))

    @property
    def standard_uncertainty(self) -> float:
        """The combined standard uncertainty, in the result's unit."""
        return hypot(*self.components.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationAssumption:
    """What is assumed of the values of a certificate that states only U and k.

    Attributes:
        family_id: the values that share it; one certificate may have several families.
        correlation: between any two values of the family, in [0, 1].
        reason: why it is assumed; shown wherever the covariance is.
    """

    family_id: UUID
    correlation: float
    reason: str

    def __post_init__(self) -> None:
        require_finite("correlation", self.correlation, minimum=0)
        if self.correlation > 1:
            raise InvalidValue("correlation", self.correlation, "be at most 1")
        if not self.reason.strip():
            raise InvalidValue("reason", self.reason, "say why the correlation is assumed")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedInfluence:
    """One influence that two results share: its part of their covariance and its share of it."""

    influence_id: UUID
    covariance: float
    share: float


def propagate(
    result_id: UUID,
    uses: Iterable[tuple[float, InfluencedResult]],
    *,
    own: Mapping[UUID, float],
) -> InfluencedResult:
    """Return a result that rests on others: own components and those of each, times sensitivity.

    Args:
        result_id: the new result.
        uses: sensitivity coefficient (result's unit per that of the other) and the other.
        own: signed components of what the calibration itself adds.

    Source: JCGM 100:2008, 5.2.2 and F.1.2.3.
    """
    terms: defaultdict[UUID, list[float]] = defaultdict(list)
    for sensitivity, used in uses:
        require_finite("sensitivity", sensitivity)
        for influence_id, component in used.components.items():
            terms[influence_id].append(sensitivity * component)
    for influence_id, component in own.items():
        terms[influence_id].append(component)
    return InfluencedResult(
        result_id=result_id, components={id_: fsum(parts) for id_, parts in terms.items()}
    )


def foreign_results(
    standard_uncertainties: Mapping[UUID, float], assumption: CorrelationAssumption
) -> tuple[InfluencedResult, ...]:
    """Return the values of a certificate that states only U and k, under an assumption.

    Each value has √r·u on the influence of its family and √(1−r)·u on one of its own.

    Args:
        standard_uncertainties: u = U/k of each result, by result id.
        assumption: of the correlation between them; to be recorded with them.
    """
    shared, single = sqrt(assumption.correlation), sqrt(1 - assumption.correlation)
    results = []
    for result_id, u in standard_uncertainties.items():
        require_finite("standard_uncertainty", u, minimum=0)
        own_id = uuid5(assumption.family_id, str(result_id))
        components = {assumption.family_id: shared * u, own_id: single * u}
        results.append(
            InfluencedResult(
                result_id=result_id,
                components={id_: part for id_, part in components.items() if part},
            )
        )
    return tuple(results)


def covariance(a: InfluencedResult, b: InfluencedResult) -> float:
    """Return the covariance of two results, in the product of their units.

    Source: JCGM 100:2008, F.1.2.3, equation (F.2).
    """
    return fsum(part for _, part in _products(a, b))


def correlation(a: InfluencedResult, b: InfluencedResult) -> float | None:
    """Return the correlation coefficient of two results; None where one has no uncertainty."""
    scale = a.standard_uncertainty * b.standard_uncertainty
    return covariance(a, b) / scale if scale > 0 else None


def shared_influences(a: InfluencedResult, b: InfluencedResult) -> tuple[SharedInfluence, ...]:
    """Return what correlates two results, the largest part first.

    Shares add up to 1; where parts of opposite sign meet, single shares may exceed it. Where
    the parts cancel to nothing, there is no share to speak of and each is 0.
    """
    total = covariance(a, b)
    return tuple(
        SharedInfluence(
            influence_id=influence_id, covariance=part, share=part / total if total else 0.0
        )
        for influence_id, part in sorted(
            _products(a, b), key=lambda product: (-abs(product[1]), product[0])
        )
    )


def covariance_matrix(results: Sequence[InfluencedResult]) -> NDArray[np.float64]:
    """Return the covariance matrix of any set of results, shape (n, n), in their order."""
    rows = _rows(results)
    return np.asarray((rows @ rows.T).toarray(), dtype=np.float64)


def standard_uncertainty_of_sum(
    results: Sequence[InfluencedResult], weights: Sequence[float] | None = None
) -> float:
    """Return u of a weighted sum of results, with all their covariances.

    Args:
        results: of one unit, or with weights that bring them to one.
        weights: one for each result; all 1 if not given.

    Raises:
        InvalidValue: weights are not one for each result, or not finite.
    """
    if weights is None:
        weights = [1.0] * len(results)
    if len(weights) != len(results):
        raise InvalidValue("weights", len(weights), f"be {len(results)}, one for each result")
    return propagate(UUID(int=0), zip(weights, results, strict=True), own={}).standard_uncertainty


def _products(a: InfluencedResult, b: InfluencedResult) -> list[tuple[UUID, float]]:
    fewer, more = sorted((a.components, b.components), key=len)
    return [(id_, part * more[id_]) for id_, part in fewer.items() if id_ in more]


def _rows(results: Sequence[InfluencedResult]) -> "csr_array[np.float64, tuple[int, int]]":
    columns: dict[UUID, int] = {}
    indices = [columns.setdefault(id_, len(columns)) for r in results for id_ in r.components]
    data = np.array([part for r in results for part in r.components.values()], dtype=np.float64)
    starts = np.cumsum([0, *(len(r.components) for r in results)])
    return csr_array((data, indices, starts), shape=(len(results), len(columns)))
