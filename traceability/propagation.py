"""Uncertainties over the network's arrays: what correlated results say together.

Each calibration adds an influence of its own, and takes over those of its references times
its coefficients: x_n = Σ c_np x_p + u_n e_n. Results are NaN, or None for single numbers,
where an uncertainty on the way is unknown.
"""

from collections import defaultdict
from collections.abc import Sequence
from heapq import heappop, heappush
from math import fsum, isnan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from traceability.errors import InvalidValue
from traceability.graph import require_finite
from traceability.network import Bools, Indices, Network, Part

Components = dict[int, float]


def components(network: Network, numbers: Indices, weights: Sequence[float]) -> Components:
    """Return what each calibration's own influence makes of a weighted sum.

    Walks from the results to the roots and touches their ancestors only.

    Raises:
        InvalidValue: weights are not one for each calibration, or not finite.
    """
    if len(weights) != len(numbers):
        raise InvalidValue("weights", len(weights), f"be {len(numbers)}, one for each calibration")
    sensitivity: defaultdict[int, float] = defaultdict(float)
    for number, weight in zip(numbers.tolist(), weights, strict=True):
        require_finite("weights", weight)
        sensitivity[number] += weight
    waiting = [-number for number in sensitivity]
    waiting.sort()
    found: Components = {}
    while waiting:
        number = -heappop(waiting)
        found[number] = sensitivity[number] * network.own_uncertainty_of(number)
        for reference, coefficient in zip(*network.references_of(number), strict=True):
            if reference not in sensitivity:
                heappush(waiting, -reference)
            sensitivity[reference] += coefficient * sensitivity[number]
    return found


def standard_uncertainty_of_sum(
    network: Network, numbers: Indices, weights: Sequence[float] | None = None
) -> float | None:
    """Return u of a weighted sum of results with all their covariances; None if unknown.

    Raises:
        InvalidValue: weights are not one for each calibration, or not finite.
    """
    parts = components(network, numbers, [1.0] * len(numbers) if weights is None else weights)
    u = sqrt(fsum(part * part for part in parts.values()))
    return None if isnan(u) else u


def covariance_matrix(network: Network, numbers: Indices) -> NDArray[np.float64]:
    """Return the covariance matrix of any set of results, shape (n, n), in their order."""
    columns: dict[int, int] = {}
    indices, data, starts = [], [], [0]
    for number in numbers:
        parts = components(network, np.array([number]), [1.0])
        indices += [columns.setdefault(influence, len(columns)) for influence in parts]
        data += list(parts.values())
        starts.append(len(data))
    rows = csr_array((data, indices, starts), shape=(len(numbers), len(columns)))
    return np.asarray((rows @ rows.T).toarray(), dtype=np.float64)


def exact_variances(network: Network, numbers: Indices) -> NDArray[np.float64]:
    """Return the variance of each result, its branches' shared ancestors counted as shared.

    Costs a sweep over all that the results rest on; a row of influences is kept for those
    calibrations only on which another one rests.
    """
    needed, kept = _needed(network, numbers)
    rank = np.cumsum(kept) - 1
    width = int(kept.sum())
    rows = csr_array((0, width), dtype=np.float64)
    variances = np.full(network.size, np.nan)
    for part in network.parts:
        for users, columns in part.chunks(roots=True):
            chosen = np.flatnonzero(needed[users])
            own = part.own_uncertainty[users.start - part.first + chosen].astype(np.float64)
            combined = _combined(part, columns, chosen, rank, rows)
            variances[users.start + chosen] = _row_sums_of_squares(combined) + own**2
            inner = np.flatnonzero(kept[users][chosen])
            if len(inner):
                at = rank[users.start + chosen[inner]]
                diagonal = csr_array(
                    (own[inner], at, np.arange(len(inner) + 1)), shape=(len(inner), width)
                )
                rows = vstack(
                    [rows, combined[inner] + diagonal if columns else diagonal], format="csr"
                )
    return variances[numbers]


def _needed(network: Network, numbers: Indices) -> tuple[Bools, Bools]:
    """Return which calibrations the results rest on, themselves included, and which are used."""
    needed = np.zeros(network.size, np.bool_)
    kept = np.zeros(network.size, np.bool_)
    needed[numbers] = True
    for part in reversed(network.parts):
        for users, columns in reversed(list(part.chunks())):
            chosen = needed[users]
            for column in columns:
                kept[part.references[column][chosen]] = True
                needed[part.references[column][chosen]] = True
    return needed, kept


def _combined(
    part: Part,
    columns: list[slice],
    chosen: NDArray[np.int64],
    rank: NDArray[np.int64],
    rows: "csr_array[np.float64, tuple[int, int]]",
) -> "csr_array[np.float64, tuple[int, int]]":
    """Return what the chosen calibrations take over from their references, a row each."""
    references = np.array([rank[part.references[column][chosen]] for column in columns]).T
    coefficients = np.array([part.coefficients[column][chosen] for column in columns]).T
    starts = np.arange(len(chosen) + 1) * len(columns)
    uses = csr_array(
        (coefficients.astype(np.float64).ravel(), references.ravel(), starts),
        shape=(len(chosen), rows.shape[0]),
    )
    return csr_array(uses @ rows)


def _row_sums_of_squares(
    rows: "csr_array[np.float64, tuple[int, int]]",
) -> NDArray[np.float64]:
    squares = np.concatenate([[0.0], np.cumsum(np.square(rows.data))])
    sums: NDArray[np.float64] = squares[rows.indptr[1:]] - squares[rows.indptr[:-1]]
    return sums
