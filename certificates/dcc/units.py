r"""Our unit texts in the D-SI form of digital certificates: kPa becomes \kilo\pascal.

Source: D-SI Guide (SmartCom, 2.2), 3; the SI Brochure, 9th edition, tables 4, 7 and 8.
"""

import re
import unicodedata
from functools import cache

from certificates.errors import UnknownUnit

_PREFIXES = {
    "": "", "Y": r"\yotta", "Z": r"\zetta", "E": r"\exa", "P": r"\peta", "T": r"\tera",
    "G": r"\giga", "M": r"\mega", "k": r"\kilo", "h": r"\hecto", "da": r"\deca", "d": r"\deci",
    "c": r"\centi", "m": r"\milli", "µ": r"\micro", "u": r"\micro", "n": r"\nano", "p": r"\pico",
    "f": r"\femto", "a": r"\atto", "z": r"\zepto", "y": r"\yocto",
}  # fmt: skip
_WITH_PREFIX = {
    "m": r"\metre", "g": r"\gram", "s": r"\second", "A": r"\ampere", "K": r"\kelvin",
    "mol": r"\mole", "cd": r"\candela", "Hz": r"\hertz", "N": r"\newton", "Pa": r"\pascal",
    "J": r"\joule", "W": r"\watt", "C": r"\coulomb", "V": r"\volt", "F": r"\farad",
    "Ω": r"\ohm", "ohm": r"\ohm", "S": r"\siemens", "Wb": r"\weber", "T": r"\tesla",
    "H": r"\henry", "lm": r"\lumen", "lx": r"\lux", "Bq": r"\becquerel", "Gy": r"\gray",
    "Sv": r"\sievert", "kat": r"\katal", "rad": r"\radian", "sr": r"\steradian",
    "L": r"\litre", "l": r"\litre", "t": r"\tonne", "eV": r"\electronvolt", "bar": r"\bar",
    "B": r"\bel",
}  # fmt: skip
_WITHOUT_PREFIX = {
    "1": r"\one", "%": r"\percent", "ppm": r"\ppm", "°C": r"\degreecelsius",
    "degC": r"\degreecelsius", "kg": r"\kilogram", "min": r"\minute", "h": r"\hour",
    "d": r"\day", "°": r"\degree", "′": r"\arcminute", "″": r"\arcsecond", "mmHg": r"\mmHg",
    "%RH": r"\percent", "%mol": r"\percent", "%C": r"\percent", "%S": r"\percent",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_FACTOR = re.compile(r"([^\d^\s⁻⁰¹²³⁴-⁹-]+|1)\^?\(?(-?\d{1,2})?\)?")


@cache
def d_si_unit(unit: str) -> str:
    r"""Return the D-SI form of a unit; the empty unit is \one. Raises UnknownUnit.

    Factors stand between · or spaces, a divisor after one /; %RH, %mol, %C and %S are percent of
    what the measurand names.

    >>> d_si_unit("m³/h"), d_si_unit("µmol/mol"), d_si_unit("MPa")
    ('\\metre\\tothe{3}\\per\\hour', '\\micro\\mole\\per\\mole', '\\mega\\pascal')
    """
    text = unit.replace("\N{OHM SIGN}", "Ω").replace("\N{DEGREE CELSIUS}", "°C")
    text = unicodedata.normalize("NFC", text).replace("\N{GREEK SMALL LETTER MU}", "µ").strip()
    text = re.sub("[⁰¹²³⁴-⁹⁻]+", lambda digits: "^" + digits[0].translate(_SUPERSCRIPTS), text)
    dividend, *divisors = (part.strip() for part in text.split("/"))
    if len(divisors) > 1 or (divisors and not divisors[0]):
        raise UnknownUnit(unit)
    factors = _factors(dividend, unit) if dividend not in {"", "1"} else ""
    if divisors:
        below = divisors[0].removeprefix("(").removesuffix(")")
        factors += rf"\per{_factors(below, unit)}"  # all that follows \per divides
    return factors if dividend not in {"", "1"} else rf"\one{factors}"


def _factors(text: str, unit: str) -> str:
    if text in _WITHOUT_PREFIX:
        return _WITHOUT_PREFIX[text]
    return "".join(_factor(factor, unit) for factor in re.split(r"[·⋅*\s]+", text))


def _factor(text: str, unit: str) -> str:
    match = _FACTOR.fullmatch(text)
    if match is None:
        raise UnknownUnit(unit)
    symbol, exponent = match.groups()
    name = _symbol(symbol, unit)
    return rf"{name}\tothe{{{exponent}}}" if exponent not in {None, "1"} else name


def _symbol(symbol: str, unit: str) -> str:
    if symbol in _WITHOUT_PREFIX:
        return _WITHOUT_PREFIX[symbol]
    if symbol in _WITH_PREFIX:
        return _WITH_PREFIX[symbol]
    for length in (2, 1):
        prefix, rest = symbol[:length], symbol[length:]
        if prefix in _PREFIXES and rest in _WITH_PREFIX:
            return _PREFIXES[prefix] + _WITH_PREFIX[rest]
    raise UnknownUnit(unit)


# --- The other way --------------------------------------------------------------------------------

_SYMBOLS = {
    **{name: symbol for symbol, name in reversed(_WITHOUT_PREFIX.items())},
    **{name: symbol for symbol, name in reversed(_WITH_PREFIX.items())},
    r"\percent": "%",
    r"\degreecelsius": "°C",
    r"\one": "1",
}
_PREFIX_SYMBOLS = {name: symbol for symbol, name in reversed(_PREFIXES.items()) if name}
_TOKEN = re.compile(r"(\\[a-zA-Z]+)(?:\{(-?\d{1,2})\})?")
_POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@cache
def plain_unit(d_si: str) -> str:
    r"""Return the unit of a D-SI form as people write it; what has no such form as it is.

    >>> plain_unit(r"\metre\tothe{3}\per\hour"), plain_unit(r"\mega\pascal"), plain_unit(r"\one")
    ('m³/h', 'MPa', '')
    """
    tokens = [match.groups() for match in _TOKEN.finditer(d_si)]
    if "".join(f"{name}{{{n}}}" if n else name for name, n in tokens) != d_si.strip():
        return d_si
    above: list[str] = []
    below: list[str] = []
    prefix, factors = "", above
    for name, exponent in tokens:
        if name == r"\per":
            factors = below
        elif name == r"\tothe" and factors and exponent:
            factors[-1] += exponent.translate(_POWERS)
        elif name in _PREFIX_SYMBOLS:
            prefix = _PREFIX_SYMBOLS[name]
        elif name in _SYMBOLS:
            factors.append(prefix + _SYMBOLS[name])
            prefix = ""
        else:
            return d_si
    if prefix or not above or (len(below) > 1 and factors is not below):
        return d_si
    if not below:
        return "" if above == ["1"] else "·".join(above)
    divisor = "·".join(below)
    return f"{'·'.join(above)}/{f'({divisor})' if len(below) > 1 else divisor}"
