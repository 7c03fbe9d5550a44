"""Which sums over organizations may be told, so that no single one is told from them. Pure.

A sum is told where at least three organizations add to it, it is not small, and nobody who adds to
it finds out another's part by taking away the own one: neither the second largest, which must not
come within a tenth of the largest, nor the largest, to which the others must leave room enough not
to be one each. Totals are of what is told: whoever subtracts finds nothing that is withheld. A
later period is compared with each earlier one: where only one or two organizations joined or left a
sum, their part would be the difference.

Source: the threshold and the p % rule of statistical disclosure control (Hundepool et al.,
Statistical Disclosure Control, Wiley 2012, chapter 4).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final
from uuid import UUID

FEWEST: Final = 3  # organizations behind a sum
SMALLEST: Final = 10  # sum
LEAST_MEAN: Final = 2  # of the parts besides the largest; with 1 each would be known
CLOSEST: Final = Fraction(1, 10)  # of the largest part, to which nobody may estimate it

Cell = tuple[str, str]
Table = Mapping[Cell, Mapping[UUID, int]]  # how many each organization adds to a cell


def is_safe(parts: Iterable[int]) -> bool:
    """Return whether the sum of what organizations add tells of none of them.

    >>> is_safe([40, 30, 20]), is_safe([40, 30]), is_safe([100, 5, 4])
    (True, False, False)
    """
    largest = sorted((part for part in parts if part > 0), reverse=True)
    return (
        len(largest) >= FEWEST
        and sum(largest) >= SMALLEST
        and sum(largest[1:]) >= LEAST_MEAN * len(largest[1:])
        and sum(largest[2:]) >= CLOSEST * largest[0]
    )


def told(periods: Sequence[Table]) -> dict[Cell, int]:
    """Return the sums of the last period that may be told, by cell; the others are withheld.

    Args:
        periods: every period up to the one asked about, the oldest first.
    """
    shown: defaultdict[Cell, list[frozenset[UUID]]] = defaultdict(list)
    sums: dict[Cell, int] = {}
    for table in periods:
        sums = {}
        for cell, parts in table.items():
            who = frozenset(name for name, part in parts.items() if part > 0)
            apart = any(0 < len(who ^ before) < FEWEST for before in shown[cell])
            if is_safe(parts.values()) and not apart:
                shown[cell].append(who)
                sums[cell] = sum(parts.values())
    return sums
