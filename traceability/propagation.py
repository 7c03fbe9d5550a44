"""Uncertainties over the network's arrays: what correlated results say together.

Each calibration adds an influence of its own, and takes over those of its references times
its coefficients: x_n = Σ c_np x_p + u_n e_n. Results are NaN, or None for single numbers,
where an uncertainty on the way is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from traceability.columns import Bools, Indices
from traceability.errors import InvalidValue
from traceability.network import Network, Part


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Components:
    """What the own influence of each calibration makes of each of some results.

    Attributes:
        result: (n,), which result, by its place.
        number: (n,), which calibration's influence.
        component: (n,), signed, in the result's unit.
    """

    result: NDArray[np.int64]
    number: NDArray[np.int64]
    component: NDArray[np.float64]


def components(
    network: Network,
    numbers: Indices,
    *,
    result: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> Components:
    """Return the components of results, each a weighted sum of calibrations.

    Walks from the calibrations to the roots, a block at a time, and touches their ancestors
    only: what it costs does not grow with the network.

    Args:
        network: the network.
        numbers: (n,), calibrations.
        result: (n,), the place of the result to which each belongs, from 0.
        weight: (n,), its weight in it.
    """
    count = int(result.max(initial=0)) + 1
    keys, weights = _summed(numbers.astype(np.int64) * count + result, weight)
    found_keys, found = [np.empty(0, np.int64)], [np.empty(0, np.float64)]
    while len(keys):
        part, block = network.block_of(int(keys[-1] // count))
        cut = np.searchsorted(keys, block.start * count)
        mine, sensitivity = keys[cut:], weights[cut:]
        number, row = np.divmod(mine, count)
        found_keys.append(mine)
        found.append(sensitivity * part.own_uncertainty[number - part.first])
        column = block.offset + number - block.start
        height = block.stop - block.start
        used = np.concatenate([column + k * height for k in range(block.degree)] or [column[:0]])
        keys, weights = _summed(
            np.concatenate([keys[:cut], part.references[used] * count + np.resize(row, len(used))]),
            np.concatenate(
                [weights[:cut], part.coefficients[used] * np.resize(sensitivity, len(used))]
            ),
        )
    number, row = np.divmod(np.concatenate(found_keys), count)
    return Components(result=row, number=number, component=np.concatenate(found))


def standard_uncertainty_of_sum(
    network: Network, numbers: Indices, weights: Sequence[float] | None = None
) -> float | None:
    """Return u of a weighted sum of results with all their covariances; None if unknown.

    Raises:
        InvalidValue: weights are not one for each calibration, or not finite.
    """
    given = np.ones(len(numbers)) if weights is None else np.array(weights, np.float64)
    if len(given) != len(numbers):
        raise InvalidValue("weights", len(given), f"be {len(numbers)}, one for each calibration")
    if not np.isfinite(given).all():
        raise InvalidValue("weights", weights, "be finite")
    result = np.zeros(len(numbers), np.int64)
    found = components(network, numbers, result=result, weight=given)
    u = sqrt(float(found.component @ found.component))
    return None if isnan(u) else u


def covariance_matrix(network: Network, numbers: Indices) -> NDArray[np.float64]:
    """Return the covariance matrix of any set of results, shape (n, n), in their order."""
    count = len(numbers)
    found = components(network, numbers, result=np.arange(count), weight=np.ones(count))
    _, column = np.unique(found.number, return_inverse=True)
    rows = csr_array((found.component, (found.result, column)), shape=(count, len(column)))
    return np.asarray((rows @ rows.T).toarray(), dtype=np.float64)


def _summed(
    keys: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each key once, ascending, with the sum of its weights."""
    unique, place = np.unique(keys, return_inverse=True)
    return unique, np.bincount(place, weights, len(unique)).astype(np.float64)


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
