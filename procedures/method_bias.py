"""The bias between two ways to measure the same thing, with its uncertainty: ζ, E_n and a verdict.

Belt weighers are tested by material, roller chains or hung weights; emissions are measured in the
stack or calculated from the fuel. Both ask whether the difference is more than chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from procedures.comparisons import Performance, Score, zeta_score
from procedures.errors import InvalidInput
from procedures.fields import require_not_negative, require_positive
from procedures.observations import repeated_observations

MOLAR_VOLUME: Final = 22.414  # m³/kmol of an ideal gas at 0 °C and 101.325 kPa
MOLAR_MASS_OF_CO2: Final = 44.01  # kg/kmol
CARBON_TO_CO2: Final = 44 / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A value with its standard uncertainty, split into what is new each time and what is common.

    Attributes:
        standard_uncertainty: u, all of it.
        common: the part of u that is the same in every period, such as one certificate's; ≤ u.
    """

    value: float
    standard_uncertainty: float
    common: float = 0.0

    def __post_init__(self) -> None:
        require_not_negative("standard_uncertainty", self.standard_uncertainty)
        require_not_negative("common", self.common)
        if self.common > self.standard_uncertainty:
            raise InvalidInput("common", "must not exceed the standard uncertainty")

    @property
    def random(self) -> float:
        """The part of u that differs from period to period."""
        return sqrt(self.standard_uncertainty**2 - self.common**2)

    def times(self, factor: float) -> "Measured":
        """Return it in another unit, `factor` > 0 of which make one of its own."""
        require_positive("factor", factor)
        return Measured(
            value=self.value * factor,
            standard_uncertainty=self.standard_uncertainty * factor,
            common=self.common * factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """By how much one way differs from the other.

    Attributes:
        difference: first less second.
        zeta: ζ of the difference; |ζ| ≤ 2 is satisfactory, ≥ 3 is not.
    """

    difference: float
    standard_uncertainty: float
    zeta: Score

    @property
    def expanded_uncertainty(self) -> float:
        """U of the difference with k = 2."""
        return 2 * self.standard_uncertainty

    @property
    def normalized_error(self) -> float:
        """E_n = d/U(d), k = 2."""
        return self.difference / self.expanded_uncertainty

    @property
    def is_significant(self) -> bool:
        """Whether the two ways contradict each other: |E_n| > 1."""
        return abs(self.normalized_error) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodErrors:
    """The errors of one belt weigher found by one method.

    Attributes:
        method: `material`, `chain`, `weights` or another name.
        errors: of each run, in %, at least two.
        reference_standard_uncertainty: u of the method's reference, in %.
    """

    method: str
    errors: Sequence[float]
    reference_standard_uncertainty: float

    def result(self) -> Measured:
        """Return the mean error with u from its repeats and its reference."""
        runs = repeated_observations(self.errors)
        reference = require_not_negative(
            f"{self.method}.reference_standard_uncertainty", self.reference_standard_uncertainty
        )
        u = sqrt(runs.standard_uncertainty**2 + reference**2)
        return Measured(value=runs.mean, standard_uncertainty=u, common=reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Two ways compared over several periods.

    Attributes:
        periods: the bias of each.
        overall: of the totals; what is common to all periods does not average out.
    """

    periods: tuple[Bias, ...]
    overall: Bias

    @property
    def performance(self) -> Performance:
        """What ζ of the totals says."""
        return self.overall.zeta.performance


def bias_between(first: Measured, second: Measured) -> Bias:
    """Return the bias of one independent result against another.

    Raises:
        InvalidInput: neither has an uncertainty.

    Source: ISO 13528:2022, 9.6.
    """
    u = sqrt(first.standard_uncertainty**2 + second.standard_uncertainty**2)
    require_positive("standard_uncertainty", u)
    return Bias(
        difference=first.value - second.value,
        standard_uncertainty=u,
        zeta=zeta_score(
            first.value,
            second.value,
            standard_uncertainty=first.standard_uncertainty,
            reference_standard_uncertainty=second.standard_uncertainty,
        ),
    )


def compare_methods(
    methods: Sequence[MethodErrors], *, against: str = "material"
) -> Mapping[str, Bias]:
    """Return the bias of every method on one belt weigher against one of them.

    Raises:
        InvalidInput: that method is missing, a name stands twice, or a method has fewer than two
            runs.
    """
    results = {row.method: row.result() for row in methods}
    if len(results) < len(methods):
        raise InvalidInput("methods", "a method stands twice")
    if against not in results:
        raise InvalidInput("methods", f"{against!r} is missing, which the others are compared with")
    return {
        name: bias_between(result, results[against])
        for name, result in results.items()
        if name != against
    }


def compare_series(first: Sequence[Measured], second: Sequence[Measured]) -> Series:
    """Return the bias in each period and of the totals.

    The random parts of the periods add in squares, the common ones by their sum: a certificate
    used for twelve months is one error, not twelve.

    Raises:
        InvalidInput: there are no periods, or not as many of each.
    """
    if not first or len(first) != len(second):
        raise InvalidInput("periods", "must be as many of one way as of the other, at least one")
    return Series(
        periods=tuple(bias_between(*pair) for pair in zip(first, second, strict=True)),
        overall=bias_between(total(first), total(second)),
    )


def total(periods: Sequence[Measured]) -> Measured:
    """Return the sum over periods, what is common to them fully correlated."""
    common = sum(row.common for row in periods)
    random = sqrt(sum(row.random**2 for row in periods))
    return Measured(
        value=sum(row.value for row in periods),
        standard_uncertainty=sqrt(common**2 + random**2),
        common=common,
    )


def stack_emission(
    volume_fraction: float,
    dry_flow: float,
    *,
    relative_standard_uncertainty: float,
    common_share: float = 1.0,
) -> Measured:
    """Return the mass of CO2 that leaves a stack in an hour, in kg, measured directly.

    Args:
        volume_fraction: of CO2 in the dry gas, in (0, 1).
        dry_flow: m³/h at 0 °C and 101.325 kPa.
        relative_standard_uncertainty: of the product.
        common_share: how much of u is the same in every period: a monitor's calibration is.

    Raises:
        InvalidInput: a figure is outside its range.

    >>> round(stack_emission(0.132, 1.9e6, relative_standard_uncertainty=0.031).value / 1000, 1)
    492.4
    """
    if not 0 < volume_fraction < 1:
        raise InvalidInput("volume_fraction", f"must lie in (0, 1), got {volume_fraction}")
    require_positive("dry_flow", dry_flow)
    mass = volume_fraction * dry_flow * MOLAR_MASS_OF_CO2 / MOLAR_VOLUME
    return _relative(mass, relative_standard_uncertainty, common_share)


def fuel_emission(
    fuel: float,
    *,
    net_calorific_value: float,
    carbon_content: float,
    oxidation: float,
    relative_standard_uncertainty: float,
    common_share: float = 1.0,
) -> Measured:
    """Return the mass of CO2 that fuel gives, in t: FC NCV CC OF 44/12.

    Args:
        fuel: t burnt.
        net_calorific_value: GJ/t.
        carbon_content: t of carbon per GJ.
        oxidation: in (0, 1].
        relative_standard_uncertainty: of the product.
        common_share: how much of u is the same in every period.

    >>> mass = fuel_emission(
    ...     1.25e6, net_calorific_value=21.5, carbon_content=0.02678, oxidation=0.99,
    ...     relative_standard_uncertainty=0.0081315,
    ... )
    >>> round(mass.value)
    2612556
    """
    for name, figure in (
        ("fuel", fuel),
        ("net_calorific_value", net_calorific_value),
        ("carbon_content", carbon_content),
        ("oxidation", oxidation),
    ):
        require_positive(name, figure)
    if oxidation > 1:
        raise InvalidInput("oxidation", f"must not exceed 1, got {oxidation}")
    mass = fuel * net_calorific_value * carbon_content * oxidation * CARBON_TO_CO2
    return _relative(mass, relative_standard_uncertainty, common_share)


def _relative(value: float, relative: float, common_share: float) -> Measured:
    require_not_negative("relative_standard_uncertainty", relative)
    if not 0 <= common_share <= 1:
        raise InvalidInput("common_share", f"must lie in [0, 1], got {common_share}")
    u = abs(value) * relative
    return Measured(value=value, standard_uncertainty=u, common=common_share * u)
