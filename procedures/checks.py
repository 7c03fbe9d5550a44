"""Checks of what was written down, before it is judged: slips of the pen and of the keyboard.

A slip is suspected, never corrected: who reads says whether it was read so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import median

from procedures.errors import InvalidInput


class Slip(StrEnum):
    """How a number may have been written down wrongly."""

    DECIMAL_POINT = "decimal_point"
    SIGN = "sign"
    TRANSPOSITION = "transposition"
    OUTLIER = "outlier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A reading that is far from what was expected, and what may have been meant.

    Attributes:
        expected: where a reading there should lie, in its unit.
        meant: the number that the slip would have been made of; None where no slip explains it.
    """

    slip: Slip
    read: Decimal
    expected: Decimal
    meant: Decimal | None


def suspect(read: Decimal, *, nominal: Decimal, earlier: Sequence[Decimal], tolerance: Decimal
            ) -> Suspicion | None:  # fmt: skip
    """Return the suspicion that a reading is a slip; None where it may well be right.

    Expected is the median of the readings of earlier times at this point, else the nominal value.
    A reading within `tolerance` of that, or of the nominal value, is taken as it is; otherwise a
    decimal point moved by one to three places, a lost sign or two digits exchanged are tried, in
    this order, and the first that comes within the tolerance is what may have been meant.

    Args:
        read: with the digits as written.
        nominal: what the standard shows there, in the unit of the reading.
        earlier: readings of the item, or of its type, at this point; none is allowed.
        tolerance: ≥ 0, in the same unit, for instance three times the permissible error.

    Raises:
        InvalidInput: the tolerance is negative.

    >>> suspect(Decimal("8.1"), nominal=Decimal("0.8"), earlier=[], tolerance=Decimal("0.08")).meant
    Decimal('0.81')
    """
    if tolerance < 0:
        raise InvalidInput("tolerance", f"must be ≥ 0, got {tolerance}")
    expected = median(earlier) if earlier else nominal
    if min(abs(read - expected), abs(read - nominal)) <= tolerance:
        return None
    for slip, meant in _what_may_have_been_meant(read):
        if abs(meant - expected) <= tolerance:
            return Suspicion(slip=slip, read=read, expected=expected, meant=meant)
    return Suspicion(slip=Slip.OUTLIER, read=read, expected=expected, meant=None)


def _what_may_have_been_meant(read: Decimal) -> Iterator[tuple[Slip, Decimal]]:
    for places in (1, -1, 2, -2, 3, -3):
        yield Slip.DECIMAL_POINT, _moved(read, places)
    yield Slip.SIGN, -read
    yield from ((Slip.TRANSPOSITION, meant) for meant in _exchanged(read))


def _moved(read: Decimal, places: int) -> Decimal:
    """Return a number with its decimal point moved, its digits kept: 8.1 and 0.81."""
    sign, digits, exponent = read.as_tuple()
    return Decimal((sign, digits, int(exponent) - places))


def _exchanged(read: Decimal) -> Iterator[Decimal]:
    """Yield a number with each two neighbouring digits of it exchanged, the zeros before it too."""
    sign, digits, exponent = read.as_tuple()
    places = max(len(digits), 1 - int(exponent))  # 0.21 is written with three digits
    written = (0,) * (places - len(digits)) + digits
    for left in range(places - 1):
        if written[left] != written[left + 1]:
            swapped = list(written)
            swapped[left], swapped[left + 1] = swapped[left + 1], swapped[left]
            yield Decimal((sign, tuple(swapped), int(exponent)))
