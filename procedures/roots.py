"""Where a function of one number passes 0."""

from collections.abc import Callable


def root_of_falling(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function, ≥ 0 at `low` and < 0 at `high`, passes 0, to the last digit."""
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return high
