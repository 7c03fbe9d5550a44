"""Calibration and measurement capability (CMC): the smallest U that an accreditation covers.

Source: ILAC-P14:09/2020: the CMC is stated as an expanded uncertainty over a range, as one figure
or as an expression in the measured value, and no smaller U is reported under the accreditation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from procedures.errors import InvalidInput, ModelRefused, UnitMismatch
from procedures.evaluation import evaluate_expression
from procedures.models import compile_model
from procedures.units import convert, convert_difference, parse_unit

VALUE = "value"  # the one symbol of an expression: the measured value, in the unit of the range
RELATIVE = "%"
TRIED = 32  # places of the range at which an expression is tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One line of a scope of accreditation.

    Attributes:
        lower, upper: the range, both ends within it, in `unit`.
        expression: the expanded uncertainty over `value`, as editions write limits: "0.002" or
            "0.001 + 5e-4*abs(value)", in `uncertainty_unit`.
        uncertainty_unit: one of the dimension of `unit`; % is of the value, unless the range
            itself is in %.

    Raises InvalidInput, naming the field: no range, no such unit, or an expression that has no
    value, or a negative one, somewhere in the range.
    """

    lower: float
    upper: float
    unit: str
    expression: str
    uncertainty_unit: str

    def __post_init__(self) -> None:
        if not (isfinite(self.lower) and isfinite(self.upper) and self.lower <= self.upper):
            raise InvalidInput("upper", "is not above the lower end of the range")
        try:
            parse_unit(self.unit)
            compile_model(self.expression, (VALUE,))
        except UnitMismatch as error:
            raise InvalidInput("unit", error.reason) from error
        except ModelRefused as error:
            raise InvalidInput("expression", str(error)) from error
        try:
            tried = [self._at(self.lower + (self.upper - self.lower) * place / TRIED)
                     for place in range(TRIED + 1)]  # fmt: skip
        except UnitMismatch as error:
            raise InvalidInput("uncertainty_unit", error.reason) from error
        except InvalidInput as error:
            raise InvalidInput("expression", error.reason) from error
        if min(tried) < 0 or max(tried) <= 0:
            raise InvalidInput("expression", "an expanded uncertainty is above zero")

    def at(self, value: float, unit: str) -> float | None:
        """Return the CMC at a value, both in `unit`; None where the value is not covered."""
        try:
            own = convert(value, unit, self.unit)
        except UnitMismatch:
            return None
        if not self.lower <= own <= self.upper:
            return None
        return convert_difference(self._at(own), self.unit, unit)

    def _at(self, value: float) -> float:
        """Return the CMC at a value, both in the unit of the range."""
        found = float(evaluate_expression(self.expression, {VALUE: value}))
        if self.uncertainty_unit == RELATIVE and self.unit != RELATIVE:
            return abs(value) * found / 100
        return convert_difference(found, self.uncertainty_unit, self.unit)


def capability_at(capabilities: Iterable[Capability], value: float, unit: str) -> float | None:
    """Return the CMC at a value: the greatest where ranges meet, None where none covers it.

    >>> low = Capability(lower=0, upper=1, unit="MPa", expression="0.5", uncertainty_unit="kPa")
    >>> capability_at([low], 0.8, "MPa"), capability_at([low], 1.2, "MPa")
    (0.0005, None)
    """
    found = [cmc for row in capabilities if (cmc := row.at(value, unit)) is not None]
    return max(found, default=None)
