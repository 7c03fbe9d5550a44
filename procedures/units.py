"""Units: their dimensions, conversion, and whether a measurement model agrees with them.

A Celsius temperature and a temperature difference are two things: 20 °C is 293.15 K, and a
difference of 20 °C is one of 20 K. The D-SI text of a unit is the certificate's business.

Source: SI Brochure, 9th edition, tables 2, 4, 7 and 8.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import isclose, pi
from typing import Final

from procedures.errors import QuantityUnknown, UnitMismatch
from procedures.models import MeasurementModel

ZERO_CELSIUS: Final = 273.15
LONGEST_UNIT: Final = 100
BASE: Final = ("m", "kg", "s", "A", "K", "mol", "cd")

Dimension = tuple[Fraction, ...]
_NONE: Final[Dimension] = (Fraction(0),) * len(BASE)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, as a factor to the coherent SI unit of its dimension.

    Attributes:
        text: as written.
        factor: > 0; 1 kPa is 1000 times 1 kg m⁻¹ s⁻².
        dimension: the exponents of m, kg, s, A, K, mol and cd.
        is_celsius: whether values are Celsius temperatures, whose zero is 273.15 K.
    """

    text: str
    factor: float
    dimension: Dimension
    is_celsius: bool = False

    @property
    def dimension_text(self) -> str:
        """The dimension in base units: "m kg s^-2"; "1" for a number."""
        parts = [
            base if exponent == 1 else f"{base}^{exponent}"
            for base, exponent in zip(BASE, self.dimension, strict=True)
            if exponent
        ]
        return " ".join(parts) or "1"

    def is_same_as(self, other: "Unit") -> bool:
        """Return whether a number means the same in both units."""
        return (
            self.dimension == other.dimension
            and self.is_celsius == other.is_celsius
            and isclose(self.factor, other.factor, rel_tol=1e-12)
        )


def parse_unit(text: str, *, field: str = "unit") -> Unit:
    """Return the unit a text means: factors between · or spaces, one /, exponents as ² or ^2.

    The empty text and "1" are the unit of a number; %RH, %mol, %C and %S are percent of what the
    quantity names. °C within a product or quotient is a difference, the kelvin.

    Raises:
        UnitMismatch: the text is not a unit.

    >>> parse_unit("kJ/(kg·K)").dimension_text
    'm^2 s^-2 K^-1'
    """
    unit = _parsed(text) if len(text) <= LONGEST_UNIT else None
    if unit is None:
        raise UnitMismatch(field, f"{text[:40]!r} is not a unit known here")
    return unit


def convert(value: float, unit: str, target: str) -> float:
    """Return a value in another unit of its dimension; a temperature in °C is shifted.

    Raises:
        UnitMismatch: a text is not a unit, or the dimensions differ.

    >>> convert(20.0, "°C", "K"), convert(36.0, "km/h", "m/s")
    (293.15, 10.0)
    """
    source, wanted = _pair(unit, target)
    si = value * source.factor + (ZERO_CELSIUS if source.is_celsius else 0.0)
    return (si - (ZERO_CELSIUS if wanted.is_celsius else 0.0)) / wanted.factor


def convert_difference(value: float, unit: str, target: str) -> float:
    """Return a difference, or an uncertainty, in another unit: 1 °C is then 1 K.

    Raises:
        UnitMismatch: a text is not a unit, or the dimensions differ.

    >>> convert_difference(0.5, "°C", "K")
    0.5
    """
    source, wanted = _pair(unit, target)
    return value * source.factor / wanted.factor


def _pair(unit: str, target: str) -> tuple[Unit, Unit]:
    source, wanted = parse_unit(unit), parse_unit(target, field="target")
    if source.dimension != wanted.dimension:
        reason = f"{unit} ({source.dimension_text}) is not {target} ({wanted.dimension_text})"
        raise UnitMismatch("target", reason)
    return source, wanted


# ── Reading units ────────────────────────────────────────────────────────────────────────────


def _dimension(**exponents: int) -> Dimension:
    return tuple(Fraction(exponents.get(base, 0)) for base in BASE)


_PREFIXES: Final = {
    "": 1.0, "Y": 1e24, "Z": 1e21, "E": 1e18, "P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3,
    "h": 1e2, "da": 1e1, "d": 1e-1, "c": 1e-2, "m": 1e-3, "µ": 1e-6, "u": 1e-6, "n": 1e-9,
    "p": 1e-12, "f": 1e-15, "a": 1e-18, "z": 1e-21, "y": 1e-24,
}  # fmt: skip
_ENERGY: Final = _dimension(m=2, kg=1, s=-2)
_WITH_PREFIX: Final[dict[str, tuple[float, Dimension]]] = {
    "m": (1.0, _dimension(m=1)),
    "g": (1e-3, _dimension(kg=1)),
    "s": (1.0, _dimension(s=1)),
    "A": (1.0, _dimension(A=1)),
    "K": (1.0, _dimension(K=1)),
    "mol": (1.0, _dimension(mol=1)),
    "cd": (1.0, _dimension(cd=1)),
    "rad": (1.0, _NONE),
    "sr": (1.0, _NONE),
    "Hz": (1.0, _dimension(s=-1)),
    "N": (1.0, _dimension(m=1, kg=1, s=-2)),
    "Pa": (1.0, _dimension(m=-1, kg=1, s=-2)),
    "bar": (1e5, _dimension(m=-1, kg=1, s=-2)),
    "J": (1.0, _ENERGY),
    "eV": (1.602176634e-19, _ENERGY),
    "W": (1.0, _dimension(m=2, kg=1, s=-3)),
    "var": (1.0, _dimension(m=2, kg=1, s=-3)),
    "C": (1.0, _dimension(s=1, A=1)),
    "V": (1.0, _dimension(m=2, kg=1, s=-3, A=-1)),
    "F": (1.0, _dimension(m=-2, kg=-1, s=4, A=2)),
    "Ω": (1.0, _dimension(m=2, kg=1, s=-3, A=-2)),
    "ohm": (1.0, _dimension(m=2, kg=1, s=-3, A=-2)),
    "S": (1.0, _dimension(m=-2, kg=-1, s=3, A=2)),
    "Wb": (1.0, _dimension(m=2, kg=1, s=-2, A=-1)),
    "T": (1.0, _dimension(kg=1, s=-2, A=-1)),
    "H": (1.0, _dimension(m=2, kg=1, s=-2, A=-2)),
    "lm": (1.0, _dimension(cd=1)),
    "lx": (1.0, _dimension(m=-2, cd=1)),
    "Bq": (1.0, _dimension(s=-1)),
    "Gy": (1.0, _dimension(m=2, s=-2)),
    "Sv": (1.0, _dimension(m=2, s=-2)),
    "kat": (1.0, _dimension(s=-1, mol=1)),
    "L": (1e-3, _dimension(m=3)),
    "l": (1e-3, _dimension(m=3)),
    "t": (1e3, _dimension(kg=1)),
    "Wh": (3600.0, _ENERGY),
}
_WITHOUT_PREFIX: Final[dict[str, tuple[float, Dimension]]] = {
    "1": (1.0, _NONE),
    "%": (1e-2, _NONE),
    "%RH": (1e-2, _NONE),
    "%mol": (1e-2, _NONE),
    "%C": (1e-2, _NONE),
    "%S": (1e-2, _NONE),
    "‰": (1e-3, _NONE),
    "ppm": (1e-6, _NONE),
    "ppb": (1e-9, _NONE),
    "dB": (1.0, _NONE),
    "°C": (1.0, _dimension(K=1)),
    "degC": (1.0, _dimension(K=1)),
    "min": (60.0, _dimension(s=1)),
    "h": (3600.0, _dimension(s=1)),
    "d": (86400.0, _dimension(s=1)),
    "°": (pi / 180, _NONE),
    "′": (pi / 10800, _NONE),
    "″": (pi / 648000, _NONE),
    "mmHg": (133.322, _dimension(m=-1, kg=1, s=-2)),
}
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_FACTOR: Final = re.compile(r"([^\d\s^()⁻⁰¹²³⁴-⁹-]+|1)(?:\^?\(?(-?\d{1,2})\)?)?")


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Unit | None:
    cleaned = text.replace("\N{OHM SIGN}", "Ω").replace("\N{DEGREE CELSIUS}", "°C")
    cleaned = unicodedata.normalize("NFC", cleaned).replace("\N{GREEK SMALL LETTER MU}", "µ")
    cleaned = re.sub("[⁰¹²³⁴-⁹⁻]+", lambda digits: digits[0].translate(_SUPERSCRIPTS), cleaned)
    above, *below = (part.strip() for part in cleaned.strip().split("/"))
    if len(below) > 1 or (below and not below[0]):
        return None
    if not below and above in {"°C", "degC"}:
        return Unit(text, 1.0, _dimension(K=1), is_celsius=True)
    dividend = _product(above or "1")
    divisor = _product(below[0].removeprefix("(").removesuffix(")")) if below else (1.0, _NONE)
    if dividend is None or divisor is None:
        return None
    dimension = tuple(a - b for a, b in zip(dividend[1], divisor[1], strict=True))
    return Unit(text, dividend[0] / divisor[0], dimension)


def _product(text: str) -> tuple[float, Dimension] | None:
    factor, dimension = 1.0, _NONE
    for part in [text] if text in _WITHOUT_PREFIX else re.split(r"[·⋅*\s]+", text):
        match = _FACTOR.fullmatch(part)
        known = None if match is None else _symbol(match[1])
        if match is None or known is None:
            return None
        exponent = int(match[2] or 1)
        factor *= known[0] ** exponent
        dimension = tuple(d + exponent * k for d, k in zip(dimension, known[1], strict=True))
    return factor, dimension


def _symbol(symbol: str) -> tuple[float, Dimension] | None:
    if symbol in _WITHOUT_PREFIX:
        return _WITHOUT_PREFIX[symbol]
    for length in (0, 1, 2):
        prefix, rest = symbol[:length], symbol[length:]
        if prefix in _PREFIXES and rest in _WITH_PREFIX:
            factor, dimension = _WITH_PREFIX[rest]
            return _PREFIXES[prefix] * factor, dimension
    return None


# ── Does a model agree with its units? ───────────────────────────────────────────────────────

_NUMBER: Final = Unit("1", 1.0, _NONE)
_KELVIN: Final = Unit("K", 1.0, _dimension(K=1))
_OF_ONE_UNIT: Final = frozenset({"min", "max", "hypot", "atan2"})


def unit_of_output(
    model: MeasurementModel, units: Mapping[str, str], *, output: str | None = None
) -> Unit:
    """Return the unit the result of a model has when its inputs have theirs.

    A number in a formula has the unit it is added to, and none where it multiplies. Nothing is
    converted: millimetres added to metres are refused. °C less °C is K, °C and K added are °C.

    Args:
        model: Y = f(X_1, …, X_N).
        units: of every input quantity, by name.
        output: which output quantity, where the model has several.

    Raises:
        UnitMismatch: the formula adds what cannot be added, or takes a function or a power of what
            has a unit; the field is the output's name.
        QuantityUnknown: an input has no unit.
    """
    name = model.output_named(output)
    for symbol in model.names:
        if symbol not in units:
            raise QuantityUnknown(symbol, known=units, where="quantities with a unit")
    parsed = {symbol: parse_unit(units[symbol], field=f"{symbol}.unit") for symbol in model.names}
    known: list[Unit | None] = []
    numbers: list[float | None] = []
    for kind, *operands in model.steps(name):
        numbers.append(float(operands[0]) if kind == "constant" else None)
        if kind == "constant":
            known.append(None)
        elif kind == "input":
            known.append(parsed[operands[0]])
        else:
            exponent = numbers[operands[1]] if kind == "pow" else None
            negated = kind == "-" and numbers[operands[0]] == 0
            parts = [known[operand] for operand in operands[int(negated) :]]
            known.append(_Rule(name, kind, exponent).unit("abs" if negated else kind, parts))
    return known[-1] or _NUMBER


def require_unit(
    model: MeasurementModel, units: Mapping[str, str], unit: str, *, output: str | None = None
) -> None:
    """Refuse a model whose result, in the units of its inputs, is not in the unit it is given.

    Raises:
        UnitMismatch: it is not, or as `unit_of_output`.
    """
    field = f"{model.output_named(output)}.unit"
    found, stated = unit_of_output(model, units, output=output), parse_unit(unit, field=field)
    if not found.is_same_as(stated):
        if found.dimension != stated.dimension:
            reason = f"{unit} is {stated.dimension_text}, the model gives {found.dimension_text}"
        elif found.is_celsius != stated.is_celsius:
            reason = f"{unit}, but the model gives {'°C' if found.is_celsius else 'a difference'}"
        else:
            reason = f"{unit}, but the model gives {found.factor / stated.factor:.6g} of it"
        raise UnitMismatch(field, reason)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one step of a formula makes of the units of its operands; None is a bare number."""

    output: str
    step: str
    exponent: float | None

    def unit(self, kind: str, operands: list[Unit | None]) -> Unit | None:
        if all(operand is None for operand in operands):
            return None
        if kind in {"+", "-"}:
            return self._added(kind, *operands)
        if kind in _OF_ONE_UNIT:
            first, second = operands
            same = self._same(first or second, second or first)
            return _NUMBER if kind == "atan2" else same
        if any(operand is not None and operand.is_celsius for operand in operands):
            raise self._refused("a Celsius temperature; take a difference or kelvins")
        if kind in {"*", "/"}:
            return self._multiplied(kind, *(operand or _NUMBER for operand in operands))
        if kind == "abs":
            return operands[0]
        return self._raised_or_called(kind, operands)

    def _added(self, kind: str, first: Unit | None, second: Unit | None) -> Unit | None:
        celsius = [unit is not None and unit.is_celsius for unit in (first, second)]
        if celsius == [True, True] or (celsius == [True, False] and second is None):
            if kind == "-":
                return _KELVIN
            if second is None:
                return first
            raise self._refused("two Celsius temperatures added")
        if any(celsius):
            difference = second if celsius[0] else first
            if (kind == "-" and celsius[1]) or difference is None:
                raise self._refused("a Celsius temperature taken away from a difference")
            self._same(_KELVIN, difference)
            return first if celsius[0] else second
        return self._same(first or second, second or first)

    def _same(self, first: Unit | None, second: Unit | None) -> Unit | None:
        if first is None or second is None or first.is_same_as(second):
            return first
        if first.dimension != second.dimension:
            what = f"{first.text} ({first.dimension_text}) and {second.text}"
            raise self._refused(f"{what} ({second.dimension_text}) together")
        raise self._refused(f"{first.text} and {second.text} together without conversion")

    def _multiplied(self, kind: str, first: Unit, second: Unit) -> Unit:
        sign = 1 if kind == "*" else -1
        dimension = tuple(
            a + sign * b for a, b in zip(first.dimension, second.dimension, strict=True)
        )
        return Unit(
            f"({first.text}){kind}({second.text})"[:60],
            first.factor * second.factor**sign,
            dimension,
        )

    def _raised_or_called(self, kind: str, operands: list[Unit | None]) -> Unit:
        first = operands[0] or _NUMBER
        exponent = 0.5 if kind == "sqrt" else self.exponent
        if exponent is not None:
            power = Fraction(exponent).limit_denominator(1000)
            dimension = tuple(power * d for d in first.dimension)
            return Unit(f"({first.text})^{power}"[:60], first.factor**exponent, dimension)
        for operand in operands:
            if operand is not None and not operand.is_same_as(_NUMBER):
                raise self._refused(f"{kind} of {operand.text}, which is not a plain number")
        return _NUMBER

    def _refused(self, reason: str) -> UnitMismatch:
        return UnitMismatch(self.output, f"the model takes {reason}")
