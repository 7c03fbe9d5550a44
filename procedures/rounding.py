"""The digits of a reported result: rounded once, last (GB/T 8170-2008, JCGM 100:2008 7.2.6).

Every other module calculates in floats; what leaves this one are `Decimal`s with their digits
kept, so that 10.00 stays 10.00.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal, InvalidOperation, localcontext
from math import floor, isfinite, log10
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from procedures.errors import InvalidInput

DIGITS_A_FLOAT_HOLDS = 15
WIDE = Context(prec=700)  # any two floats, to the last digit
LARGEST_LOSS_BY_ROUNDING_DOWN = Decimal("0.05")
DIGITS_OF_CALCULATION = 12  # what is left of 15 when binary noise is taken away
LARGEST_EXACT_POWER = 22  # the powers of ten up to it are floats
CLOSE_TO_A_TIE = 1e-6  # in steps; there floats do not decide

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedResult:
    """A value and its expanded uncertainty as a certificate prints them, never one alone.

    Attributes:
        value: aligned to the last digit of the expanded uncertainty.
        expanded_uncertainty: U, with at most two significant digits.
        unit: the unit of both.
        coverage_factor: k, with which U was calculated.
        coverage_probability: p in (0, 1), or None where only k is stated.
    """

    value: Decimal
    expanded_uncertainty: Decimal
    unit: str
    coverage_factor: Decimal
    coverage_probability: Decimal | None = None

    def __str__(self) -> str:
        """(100.021 47 ± 0.000 79) g, k = 2.26, 95 %: the form of JCGM 100:2008, 7.2.4."""
        numbers = f"({group_digits(self.value)} ± {group_digits(self.expanded_uncertainty)})"
        text = f"{numbers} {self.unit}".rstrip() + f", k = {self.coverage_factor}"
        if self.coverage_probability is None:
            return text
        return f"{text}, {plain(self.coverage_probability * 100)} %"


def round_to_step(
    value: Decimal | float | str, step: Decimal | float | str, *, field: str = "value"
) -> Decimal:
    """Return the multiple of a rounding interval (修约间隔) nearest to a value, ties to even.

    The 0.5-unit and 0.2-unit rounding of GB/T 8170 are steps such as "0.5", "5", "0.2", "20". The
    result has the decimals of the step as written: "0.10" gives two. A float is taken at the 15
    digits it holds, so that 0.1 + 0.2 counts as 0.3.

    Raises:
        InvalidInput: the value is not a finite number, or the step is not a positive one.

    Source: GB/T 8170-2008, clause 3.

    >>> round_to_step("60.25", "0.5")
    Decimal('60.0')
    """
    exact, interval = _decimal(value, field), _decimal(step, "step")
    if interval <= 0:
        raise InvalidInput("step", f"must be a number > 0, got {step!r}")
    decimals = min(int(interval.as_tuple().exponent), 0)
    with localcontext(WIDE):
        rounded = exact - exact.remainder_near(interval)  # ties to the even multiple
        rounded = rounded.quantize(Decimal(1).scaleb(decimals))
    return _without_negative_zero(rounded)


def round_uncertainty(
    uncertainty: Decimal | float | str,
    *,
    significant_digits: Literal[1, 2] = 2,
    at_least: Decimal | float | str = 0,
) -> Decimal:
    """Return an uncertainty with at most two significant digits.

    Rounded to the nearest, ties to even; upwards where that would take away more than 5 %, or fall
    below `at_least`, such as an accredited capability that U keeps. Of two digits rounding never
    takes as much, so the first guard speaks for one-digit uncertainties, where a leading 1 or 2
    needs it. Always rounding up is allowed by JJF 1059.1 too and not done here: a value printed
    with U may then be compared with another laboratory's.

    Raises:
        InvalidInput: the uncertainty is negative or not finite.

    Source: JCGM 100:2008, 7.2.6; EA-4/02 M:2022, 6.3.

    >>> round_uncertainty(0.0996)
    Decimal('0.10')
    """
    exact = _decimal(uncertainty, "uncertainty")
    if exact < 0:
        raise InvalidInput("uncertainty", f"must be ≥ 0, got {uncertainty!r}")
    if exact == 0:
        return Decimal(0)
    rounded = _significant(exact, significant_digits, ROUND_HALF_EVEN)
    lowest = min(_decimal(at_least, "at_least"), exact)
    if exact - rounded > exact * LARGEST_LOSS_BY_ROUNDING_DOWN or rounded < lowest:
        return _significant(exact, significant_digits, ROUND_UP)
    return rounded


def align(value: Decimal | float | str, reported_uncertainty: Decimal) -> Decimal:
    """Return a value rounded to the last digit of its reported uncertainty.

    A zero uncertainty has no last digit: the value then keeps the digits it has.

    Source: JCGM 100:2008, 7.2.6.
    """
    exact = _decimal(value, "value")
    if reported_uncertainty == 0:
        return _without_negative_zero(exact)
    last_digit = Decimal(1).scaleb(int(reported_uncertainty.as_tuple().exponent))
    return round_to_step(exact, last_digit)


def report(
    value: float,
    expanded_uncertainty: float,
    *,
    unit: str,
    coverage_factor: float,
    coverage_probability: float | None = None,
    significant_digits: Literal[1, 2] = 2,
) -> ReportedResult:
    """Return a result as a certificate prints it: U first, the value to U's last digit.

    Args:
        value: y, in `unit`.
        expanded_uncertainty: U = k u_c(y) ≥ 0, in `unit`.
        unit: as printed.
        coverage_factor: k; two decimals at most are printed.
        coverage_probability: p in (0, 1), if stated.
        significant_digits: of U.

    Raises:
        InvalidInput: a number is not finite, U < 0, k ≤ 0 or p outside (0, 1).

    >>> str(report(0.02, 0.006946, unit="MPa", coverage_factor=2))
    '(0.0200 ± 0.0069) MPa, k = 2'
    """
    if not coverage_factor > 0:
        raise InvalidInput("coverage_factor", f"must be > 0, got {coverage_factor!r}")
    if coverage_probability is not None and not 0 < coverage_probability < 1:
        raise InvalidInput(
            "coverage_probability", f"must be in (0, 1), got {coverage_probability!r}"
        )
    uncertainty = round_uncertainty(expanded_uncertainty, significant_digits=significant_digits)
    return ReportedResult(
        value=align(value, uncertainty),
        expanded_uncertainty=uncertainty,
        unit=unit,
        coverage_factor=Decimal(plain(round_to_step(coverage_factor, "0.01"))),
        coverage_probability=(
            None
            if coverage_probability is None
            else _decimal(coverage_probability, "coverage_probability")
        ),
    )


def shorthand(value: float, standard_uncertainty: float, *, unit: str = "") -> str:
    """Return y with u_c(y) in parentheses, two digits of it, in units of its last digits.

    Where u_c(y) has a decimal point itself, it is written with it: 100.0(1.2).

    Source: JCGM 100:2008, 7.2.2, form 2; written by the `uncertainties` package.

    >>> shorthand(100.02147, 0.00035, unit="g")
    '100.021 47(35) g'
    """
    from uncertainties import ufloat  # noqa: PLC0415  (half a second that budgets need not pay)

    if standard_uncertainty == 0:
        return f"{group_digits(_decimal(value, 'value'))}(0) {unit}".rstrip()
    number, in_parentheses = f"{ufloat(value, standard_uncertainty):.2ufS}".split("(")
    return f"{group_digits(Decimal(number))}({in_parentheses} {unit}".rstrip()


def group_digits(number: Decimal) -> str:
    """Return a number in positional notation, in groups of three digits (JCGM 100:2008, 7.2.2).

    Groups are parted by a plain space; four digits stay together on either side of the point.

    >>> group_digits(Decimal("-12345.00079"))
    '-12 345.000 79'
    """
    sign, whole, fraction = _parts(number)
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", " ")
    if len(fraction) > 4:
        fraction = " ".join(fraction[i : i + 3] for i in range(0, len(fraction), 3))
    return sign + whole + ("." + fraction if fraction else "")


def plain(number: Decimal) -> str:
    """Return a number in positional notation without trailing zeros after the point."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def without_binary_noise(value: float, *, scale: float) -> float:
    """Return a float freed of the noise that binary arithmetic leaves below 12 digits of `scale`.

    0.82 - 0.8 is 0.019999999999999907 in binary; against readings of size 1 it is 0.02. A verdict
    at exactly the limit must not hang on that.

    Args:
        value: the result of a calculation.
        scale: the largest magnitude that went into it, in the same unit.
    """
    if scale == 0:
        return value
    return round(value, DIGITS_OF_CALCULATION - 1 - floor(log10(scale)))


def freed_of_binary_noise(values: FloatArray, scales: FloatArray) -> FloatArray:
    """Return an array freed of binary noise, each value as `without_binary_noise` does it.

    Args:
        values: the results of a calculation, any shape; NaN stays NaN.
        scales: the largest magnitudes that went into them, of a shape that broadcasts to theirs.
    """
    with np.errstate(divide="ignore"):
        decimals = DIGITS_OF_CALCULATION - 1 - np.floor(np.log10(scales))
    decimals = np.broadcast_to(decimals, values.shape)
    freed = values.copy()
    for count in np.unique(decimals[np.isfinite(decimals) & np.isfinite(values)]):
        here = (decimals == count) & np.isfinite(values)
        if 0 <= count <= LARGEST_EXACT_POWER:
            power = 10.0**count
            freed[here] = np.rint(values[here] * power) / power
        else:
            freed[here] = [round(value, int(count)) for value in values[here].tolist()]
    return freed


def nearest_multiples(values: FloatArray, step: float) -> FloatArray:
    """Return the multiples of a rounding interval nearest to values, as `round_to_step` has them.

    Floats decide where a value lies clearly between two multiples, decimals where it is a tie.

    Args:
        values: finite, any shape.
        step: the rounding interval, > 0.

    Raises:
        InvalidInput: the step is not a positive number.

    >>> nearest_multiples(np.array([0.149, 0.525]), 0.05).tolist()
    [0.15, 0.5]
    """
    if not (isfinite(step) and step > 0):
        raise InvalidInput("step", f"must be a number > 0, got {step!r}")
    steps = values / step
    rounded: FloatArray = np.rint(steps) * step
    rounded = freed_of_binary_noise(rounded, np.maximum(np.abs(rounded), step)) + 0.0
    close = np.abs(np.abs(steps - np.floor(steps)) - 0.5) < CLOSE_TO_A_TIE
    rounded[close] = [float(round_to_step(value, step)) for value in values[close].tolist()]
    return rounded


def _parts(number: Decimal) -> tuple[str, str, str]:
    text = format(number, "f")
    sign = "-" if text.startswith("-") else ""
    whole, _, fraction = text.removeprefix("-").partition(".")
    return sign, whole, fraction


def _significant(exact: Decimal, count: int, rounding: str) -> Decimal:
    step = Decimal(1).scaleb(exact.adjusted() - count + 1)
    rounded = exact.quantize(step, rounding=rounding)
    if rounded.adjusted() > exact.adjusted():  # 0.0996 carries to 0.100, two digits are 0.10
        rounded = rounded.quantize(step.scaleb(1))
    return rounded


def _decimal(value: Decimal | float | str, field: str) -> Decimal:
    if isinstance(value, float):
        if not isfinite(value):
            raise InvalidInput(field, f"must be a finite number, got {value!r}")
        return Decimal(f"{value:.{DIGITS_A_FLOAT_HOLDS}g}")
    try:
        exact = Decimal(value)
    except InvalidOperation:
        raise InvalidInput(field, f"must be a number, got {value!r}") from None
    if not exact.is_finite():
        raise InvalidInput(field, f"must be a finite number, got {value!r}")
    return exact


def _without_negative_zero(number: Decimal) -> Decimal:
    return number.copy_abs() if number == 0 else number
