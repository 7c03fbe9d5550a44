"""How numbers, uncertainties and dates are written for people. Decimal only; digits are kept."""

from datetime import date, datetime
from decimal import Decimal

from babel.dates import format_date

from procedures.rounding import round_uncertainty
from service.clock import LEGAL_TIME
from service.web.i18n import language
from service.web.views import ExpandedUncertainty, MeasuringInterval

NARROW_SPACE = "\u202f"  # no-break; between groups of digits, and between value and unit
MINUS = "\u2212"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SMALLEST_PLAIN_EXPONENT = -4
LARGEST_PLAIN_EXPONENT = 6


def number(value: Decimal | int, *, column: bool = False) -> str:
    """Return a number as written, its digits in groups of three on both sides.

    Four digits stay together, except in a column. Very small and large ones are written with
    a power of ten.

    >>> number(Decimal("-100.00025")).replace(NARROW_SPACE, " ")
    '−100.000 25'
    >>> number(Decimal("0.000000040"))
    '4.0\u2009×\u200910⁻⁸'
    """
    value = Decimal(value)
    exponent = value.adjusted()
    if value and not SMALLEST_PLAIN_EXPONENT <= exponent < LARGEST_PLAIN_EXPONENT:
        power = str(exponent).translate(SUPERSCRIPT)
        return f"{_plain(value.scaleb(-exponent), column=False)}\u2009×\u200910{power}"
    return _plain(value, column=column)


def _plain(value: Decimal, *, column: bool) -> str:
    whole, _, fraction = f"{abs(value):f}".partition(".")
    if len(whole) > (3 if column else 4):
        start = len(whole) % 3
        groups = [whole[:start]] * bool(start)
        groups += [whole[i : i + 3] for i in range(start, len(whole), 3)]
        whole = NARROW_SPACE.join(groups)
    if len(fraction) > 4:
        fraction = NARROW_SPACE.join(fraction[i : i + 3] for i in range(0, len(fraction), 3))
    return (MINUS if value < 0 else "") + (f"{whole}.{fraction}" if fraction else whole)


def signed(value: Decimal, unit: str = "") -> str:
    """Return an error of indication with its sign, and its unit if given; zero has no sign.

    >>> signed(Decimal("0.001"), "MPa").replace(NARROW_SPACE, " ")
    '+0.001 MPa'
    """
    return ("+" if value > 0 else "") + quantity(value, unit)


def quantity(value: Decimal, unit: str) -> str:
    """Return a value with its unit; a plain number has none."""
    return number(value) + (f"{NARROW_SPACE}{unit}" if unit else "")


def interval(limits: MeasuringInterval) -> str:
    """Return a measuring interval, or the one value that it is."""
    if limits.lower == limits.upper:
        return quantity(limits.upper, limits.unit)
    return f"{number(limits.lower)} – {quantity(limits.upper, limits.unit)}"


def expanded(uncertainty: ExpandedUncertainty) -> str:
    """Return U with its unit and its coverage factor: 0.12 mg (k = 2)."""
    stated = quantity(uncertainty.value, uncertainty.unit)
    return f"{stated} (k\u2009=\u2009{number(uncertainty.coverage_factor)})"


def two_digits(value: Decimal) -> Decimal:
    """Return an uncertainty with two significant digits at most, rounded as on certificates.

    >>> two_digits(Decimal("0.0069463")), two_digits(Decimal("0.007"))
    (Decimal('0.0069'), Decimal('0.007'))
    """
    return value if len(value.as_tuple().digits) <= 2 else round_uncertainty(value)


def day(value: date) -> str:
    """Return a date for reading: 8 Dec 2026, 2026年12月8日."""
    if language() == "zh":
        return format_date(value, "yyyy年M月d日", locale="zh_Hans_CN")
    return format_date(value, "d MMM yyyy", locale="en_GB")


def moment(value: datetime) -> str:
    """Return a moment for reading, in Chinese time: 8 Dec 2026 14:05."""
    local = value.astimezone(LEGAL_TIME)
    return f"{day(local.date())} {local:%H:%M}"


def size(octets: int) -> str:
    """Return the size of a file in kB."""
    return f"{max(1, round(octets / 1000))}{NARROW_SPACE}kB"
