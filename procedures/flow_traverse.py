"""The flow in a duct from velocities on a grid of its cross-section, and a meter checked by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from procedures.comparisons import (
    DegreeOfEquivalence,
    LaboratoryResult,
    ReferenceValue,
    degrees_of_equivalence,
    stated_reference,
    weighted_mean,
)
from procedures.conformity import Verdict
from procedures.errors import InvalidInput
from procedures.fields import require_finite, require_not_negative, require_positive

LEAST_POINTS: Final = 4
COVERAGE_FACTOR: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traverse:
    """The mean velocity over a cross-section and the flow through it.

    Attributes:
        mean_velocity: m/s, weighted by the areas of the grid.
        volume_flow: m³/s.
        contributions: relative standard uncertainties of the flow by name.
    """

    points: int
    mean_velocity: float
    volume_flow: float
    contributions: dict[str, float]

    @property
    def relative_standard_uncertainty(self) -> float:
        """u(q)/q of independent contributions."""
        return sqrt(sum(u**2 for u in self.contributions.values()))

    @property
    def expanded_uncertainty(self) -> float:
        """U of the flow with k = 2, m³/s."""
        return COVERAGE_FACTOR * self.relative_standard_uncertainty * self.volume_flow


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterCheck:
    """A meter in situ against a traverse, in % of the traverse's flow.

    Attributes:
        verdict: pass where |error| + U ≤ MPE, fail where |error| - U > MPE, else undetermined.
    """

    error: float
    expanded_uncertainty: float
    maximum_permissible_error: float
    verdict: Verdict

    @property
    def is_flagged(self) -> bool:
        """Whether the meter may be outside of its class: |error| + U > MPE."""
        return self.verdict is not Verdict.PASS


def velocity(pressure_difference: float, density: float, *, coefficient: float) -> float:
    """Return v = K √(2Δp/ρ) of a Pitot tube, in m/s.

    Args:
        pressure_difference: Pa, ≥ 0.
        density: of the gas where it flows, kg/m³.
        coefficient: K of the tube.

    >>> round(velocity(100.0, 1.0, coefficient=0.84), 3)
    11.879
    """
    require_not_negative("pressure_difference", pressure_difference)
    require_positive("density", density)
    require_positive("coefficient", coefficient)
    return coefficient * sqrt(2 * pressure_difference / density)


def traverse(
    velocities: Sequence[float],
    *,
    area: float,
    shares: Sequence[float] | None = None,
    relative_u_of_tube: float,
    relative_u_of_pressure: float,
    relative_u_of_density: float,
    relative_u_of_area: float,
) -> Traverse:
    """Return mean velocity and flow from velocities at the points of a grid.

    Pressure and density enter under a square root, by half. The profile adds s/√n of the weighted
    velocities: how well a finite grid stands for the section.

    Args:
        velocities: m/s, at least four; a negative one is reverse flow and counts as such.
        area: of the section, m².
        shares: of the area that each point stands for, adding up to 1; equal where not given.
        relative_u_of_tube, relative_u_of_pressure, relative_u_of_density, relative_u_of_area:
            relative standard uncertainties, ≥ 0.

    Raises:
        InvalidInput: too few points, shares that do not add up to 1, no forward flow.
    """
    require_positive("area", area)
    v = np.array([require_finite("velocities", value) for value in velocities])
    if len(v) < LEAST_POINTS:
        raise InvalidInput("velocities", f"needs at least {LEAST_POINTS} points, got {len(v)}")
    weights = np.full(len(v), 1 / len(v)) if shares is None else np.array(shares, dtype=float)
    if len(weights) != len(v) or (weights <= 0).any() or abs(weights.sum() - 1) > 1e-9:
        raise InvalidInput("shares", "must be > 0, one for each point, and add up to 1")
    mean = float(weights @ v)
    require_positive("velocities", mean)
    scatter = float(np.sqrt(np.sum(weights * (v - mean) ** 2) * len(v) / (len(v) - 1)))
    contributions = {
        "tube": require_not_negative("relative_u_of_tube", relative_u_of_tube),
        "pressure": require_not_negative("relative_u_of_pressure", relative_u_of_pressure) / 2,
        "density": require_not_negative("relative_u_of_density", relative_u_of_density) / 2,
        "area": require_not_negative("relative_u_of_area", relative_u_of_area),
        "profile": scatter / mean / sqrt(len(v)),
    }
    return Traverse(
        points=len(v),
        mean_velocity=mean,
        volume_flow=mean * area,
        contributions=contributions,
    )


def check_meter(
    meter_flow: float, reference: Traverse, *, maximum_permissible_error: float
) -> MeterCheck:
    """Return how a meter compares with a traverse, its uncertainty taken into account.

    Args:
        meter_flow: m³/s.
        reference: the traverse.
        maximum_permissible_error: of the meter, in % of the flow.
    """
    require_finite("meter_flow", meter_flow)
    require_positive("maximum_permissible_error", maximum_permissible_error)
    error = (meter_flow / reference.volume_flow - 1) * 100
    expanded = COVERAGE_FACTOR * reference.relative_standard_uncertainty * 100
    if abs(error) + expanded <= maximum_permissible_error:
        verdict = Verdict.PASS
    elif abs(error) - expanded > maximum_permissible_error:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.UNDETERMINED
    return MeterCheck(
        error=error,
        expanded_uncertainty=expanded,
        maximum_permissible_error=maximum_permissible_error,
        verdict=verdict,
    )


def compare_laboratories(
    traverses: Mapping[str, Traverse], *, pilot: str | None = None
) -> tuple[ReferenceValue, tuple[DegreeOfEquivalence, ...]]:
    """Return the reference flow of several laboratories on one duct, and how far each is from it.

    Args:
        traverses: by laboratory, at least two, of one steady flow.
        pilot: whose flow is the reference; without one it is the weighted mean of all of them.

    Raises:
        InvalidInput: fewer than two, no such pilot, or a flow without uncertainty.

    Source: JJF 1117-2010.
    """
    results = [
        LaboratoryResult(
            laboratory=name,
            value=row.volume_flow,
            standard_uncertainty=row.relative_standard_uncertainty * row.volume_flow,
        )
        for name, row in traverses.items()
    ]
    if len(results) < 2:
        raise InvalidInput("traverses", f"a comparison needs at least two, got {len(results)}")
    if pilot is None:
        reference = weighted_mean(results)
        return reference, degrees_of_equivalence(results, reference)
    own = next((row for row in results if row.laboratory == pilot), None)
    if own is None:
        raise InvalidInput("pilot", f"{pilot!r} is not among the laboratories")
    reference = stated_reference(own.value, own.standard_uncertainty)
    others = [row for row in results if row is not own]
    return reference, degrees_of_equivalence(others, reference)


def differential_pressure_uncertainty(
    beta: float,
    *,
    u_coefficient: float,
    u_expansibility: float,
    u_pipe: float,
    u_bore: float,
    u_pressure: float,
    u_density: float,
) -> float:
    """Return u(q_m)/q_m of a differential pressure meter by the coefficient method.

    u² = u_C² + u_ε² + (2β⁴/(1-β⁴))² u_D² + (2/(1-β⁴))² u_d² + ¼u_Δp² + ¼u_ρ², all relative.

    Args:
        beta: ratio of the diameters, in (0, 1).

    Raises:
        InvalidInput: β outside (0, 1) or an uncertainty < 0.

    Source: ISO 5167-1; JJG 640-2016, by our facts.
    """
    if not 0 < beta < 1:
        raise InvalidInput("beta", f"must lie in (0, 1), got {beta}")
    power = beta**4
    parts = {
        "u_coefficient": (1.0, u_coefficient),
        "u_expansibility": (1.0, u_expansibility),
        "u_pipe": (2 * power / (1 - power), u_pipe),
        "u_bore": (2 / (1 - power), u_bore),
        "u_pressure": (0.5, u_pressure),
        "u_density": (0.5, u_density),
    }
    return sqrt(sum((c * require_not_negative(name, u)) ** 2 for name, (c, u) in parts.items()))
