"""What the numbers of a question must be; each check names the field that it refuses."""

from math import isfinite

import numpy as np

from procedures.errors import InvalidInput


def require_finite(field: str, value: float) -> float:
    """Return the value as a float, or raise InvalidInput where it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise InvalidInput(field, f"must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise InvalidInput(field, "must be a finite number, is too large") from None
    if not isfinite(number):
        raise InvalidInput(field, f"must be a finite number, got {value}")
    return number


def require_not_negative(field: str, value: float) -> float:
    """Return the value as a float, or raise InvalidInput where it is not finite and ≥ 0."""
    number = require_finite(field, value)
    if number < 0:
        raise InvalidInput(field, f"must be ≥ 0, got {value}")
    return number


def require_positive(field: str, value: float) -> float:
    """Return the value as a float, or raise InvalidInput where it is not finite and > 0."""
    number = require_finite(field, value)
    if number <= 0:
        raise InvalidInput(field, f"must be > 0, got {value}")
    return number


def require_probability(field: str, value: float) -> float:
    """Return the value, or raise InvalidInput where it is not in (0, 1); 95 is none."""
    if not 0 < value < 1:
        raise InvalidInput(field, f"must lie in (0, 1), got {value}")
    return value
