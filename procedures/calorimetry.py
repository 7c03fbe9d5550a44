"""The heat capacity of a bomb calorimeter from runs with benzoic acid; whether it may be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from procedures.fields import require_positive
from procedures.observations import repeated_observations
from procedures.rounding import without_binary_noise

LARGEST_SPREAD: Final = 0.20  # %, of one run
RUNS: Final = 5
NITRIC_ACID: Final = 0.0015  # of the heat of the benzoic acid


class HeatCapacityState(StrEnum):
    """What the runs allow."""

    ACCEPTED = "accepted"
    MORE_RUNS = "more_runs"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCapacity:
    """The mean heat capacity of the runs so far.

    Attributes:
        mean: J/K.
        relative_standard_deviation: of one run, in %; None of fewer than two.
        state: accepted; more runs wanted (up to five, or a sixth where five spread too much); or
            rejected, where six spread too much.
    """

    runs: int
    mean: float
    relative_standard_deviation: float | None
    state: HeatCapacityState


def heat_capacity_of_run(
    mass: float, rise: float, *, calorific_value: float, fuse: float, degree: float = 1.0
) -> float:
    """Return E = (Q m + q1 + qn)/(H Δt) of one run, in J/K, with qn = 0.0015 Q m.

    Args:
        mass: of the benzoic acid, g.
        rise: of temperature, corrected for cooling, in degrees of the thermometer.
        calorific_value: Q of the benzoic acid, J/g.
        fuse: heat of the ignition wire q1, J.
        degree: H, kelvins of a degree of the thermometer.

    Raises:
        InvalidInput: a figure is not > 0.

    >>> round(heat_capacity_of_run(1.0, 2.65, calorific_value=26460, fuse=50))
    10019
    """
    for name, figure in (
        ("mass", mass),
        ("rise", rise),
        ("calorific_value", calorific_value),
        ("degree", degree),
    ):
        require_positive(name, figure)
    heat = calorific_value * mass * (1 + NITRIC_ACID) + fuse
    return heat / (degree * rise)


def judge_heat_capacity(capacities: Sequence[float]) -> HeatCapacity:
    """Return the mean heat capacity and what follows: five runs within 0.20 %, or six.

    Args:
        capacities: of the runs in their order, J/K.

    Raises:
        InvalidInput: there are none, or one is not > 0.

    Source: JJG 672-2018, by our facts.
    """
    for i, capacity in enumerate(capacities):
        require_positive(f"capacities[{i}]", capacity)
    count = len(capacities)
    if count < 2:
        mean = require_positive("capacities", sum(capacities))
        return HeatCapacity(
            runs=count,
            mean=mean,
            relative_standard_deviation=None,
            state=HeatCapacityState.MORE_RUNS,
        )
    found = repeated_observations(capacities)
    spread = found.experimental_standard_deviation / found.mean * 100
    spread = without_binary_noise(spread, scale=1.0)
    return HeatCapacity(
        runs=count,
        mean=found.mean,
        relative_standard_deviation=spread,
        state=_state(count, spread),
    )


def _state(count: int, spread: float) -> HeatCapacityState:
    if count < RUNS:
        return HeatCapacityState.MORE_RUNS
    if spread <= LARGEST_SPREAD:
        return HeatCapacityState.ACCEPTED
    return HeatCapacityState.MORE_RUNS if count == RUNS else HeatCapacityState.REJECTED
