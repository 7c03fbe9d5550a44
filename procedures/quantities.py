"""Input quantities and what is known of them (JCGM 100:2008, clause 4; JCGM 101:2008, 6.4).

An input quantity is an estimate with a standard uncertainty. A probability distribution gives both
(Type B), and says what a Monte Carlo evaluation draws from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import hypot, inf, isfinite, isinf, sqrt
from typing import Any, ClassVar, Final, Literal, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from procedures.errors import CorrelationsImpossible, InvalidInput, QuantityUnknown
from procedures.fields import require_finite, require_not_negative, require_positive

# A correlation matrix of rounded coefficients may miss positive semidefiniteness by this much.
ROUNDING_OF_EIGENVALUES: Final = 1e-10


# ── Distributions ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Distribution:
    """Base class of the probability distributions an input quantity can be given."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for item in fields(self):
            number = require_finite(item.name, getattr(self, item.name))
            object.__setattr__(self, item.name, number)
        self.check()

    def check(self) -> None:
        """Raise InvalidInput where the parameters do not describe a distribution."""

    @property
    def expectation(self) -> float:
        """The estimate, in the unit of the quantity."""
        raise NotImplementedError

    @property
    def standard_uncertainty(self) -> float:
        """The standard deviation, in the unit of the quantity; infinite where it has none."""
        raise NotImplementedError

    @property
    def skewness(self) -> float:
        """E(X − μ)³/σ³; 0 of every symmetric distribution."""
        return 0.0

    @property
    def excess_kurtosis(self) -> float:
        """E(X − μ)⁴/σ⁴ − 3; 0 of a normal distribution."""
        return 0.0

    def as_mapping(self) -> dict[str, Any]:
        """Return kind and parameters, as `distribution_from_mapping` reads them."""
        return {"kind": self.kind} | {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """The normal distribution (JCGM 101:2008, 6.4.7)."""

    mean: float
    standard_deviation: float
    kind: ClassVar[str] = "normal"

    def check(self) -> None:
        require_not_negative("standard_deviation", self.standard_deviation)

    @property
    def expectation(self) -> float:
        return self.mean

    @property
    def standard_uncertainty(self) -> float:
        return self.standard_deviation


@dataclass(frozen=True, slots=True)
class StudentT(Distribution):
    """The scaled and shifted t-distribution of a mean of few observations (JCGM 101:2008, 6.4.9).

    Its standard deviation is scale·√(ν/(ν−2)), larger than the s/√n that is its scale.
    """

    location: float
    scale: float
    degrees_of_freedom: float
    kind: ClassVar[str] = "t"

    def check(self) -> None:
        require_not_negative("scale", self.scale)
        _require_degrees_of_freedom(self.degrees_of_freedom)

    @property
    def expectation(self) -> float:
        return self.location

    @property
    def standard_uncertainty(self) -> float:
        nu = self.degrees_of_freedom
        if nu > 2:
            return self.scale * sqrt(nu / (nu - 2))
        return inf if self.scale else 0.0


@dataclass(frozen=True, slots=True)
class _Bounded(Distribution):
    """A distribution between two limits, symmetric about their middle."""

    low: float
    high: float

    def check(self) -> None:
        if not self.low <= self.high:
            raise InvalidInput("low", f"must be ≤ high, got {self.low} and {self.high}")

    @classmethod
    def about(cls, estimate: float, half_width: float, **shape: float) -> Self:
        """Return the distribution on estimate ± half_width, half_width ≥ 0."""
        require_not_negative("half_width", half_width)
        return cls(estimate - half_width, estimate + half_width, **shape)

    @property
    def expectation(self) -> float:
        return self.low / 2 + self.high / 2

    @property
    def half_width(self) -> float:
        """a, half the distance of the limits."""
        return self.high / 2 - self.low / 2


@dataclass(frozen=True, slots=True)
class Rectangular(_Bounded):
    """Only the limits are known (JCGM 100:2008, 4.3.7)."""

    kind: ClassVar[str] = "rectangular"

    @property
    def standard_uncertainty(self) -> float:
        return self.half_width / sqrt(3)

    @property
    def excess_kurtosis(self) -> float:
        return -6 / 5


@dataclass(frozen=True, slots=True)
class Triangular(_Bounded):
    """Values near the middle are likelier (JCGM 100:2008, 4.3.9)."""

    kind: ClassVar[str] = "triangular"

    @property
    def standard_uncertainty(self) -> float:
        return self.half_width / sqrt(6)

    @property
    def excess_kurtosis(self) -> float:
        return -3 / 5


@dataclass(frozen=True, slots=True)
class UShaped(_Bounded):
    """The arcsine distribution of a sinusoidal variation (JCGM 101:2008, 6.4.6)."""

    kind: ClassVar[str] = "u_shaped"

    @property
    def standard_uncertainty(self) -> float:
        return self.half_width / sqrt(2)

    @property
    def excess_kurtosis(self) -> float:
        return -3 / 2


@dataclass(frozen=True, slots=True)
class Trapezoidal(_Bounded):
    """Symmetric, with a flat top of `top_ratio` times the base (JCGM 100:2008, 4.3.9)."""

    top_ratio: float
    kind: ClassVar[str] = "trapezoidal"

    def check(self) -> None:
        _Bounded.check(self)
        if not 0 <= self.top_ratio <= 1:
            raise InvalidInput("top_ratio", f"must lie in [0, 1], got {self.top_ratio}")

    @property
    def standard_uncertainty(self) -> float:
        return self.half_width * sqrt((1 + self.top_ratio**2) / 6)

    @property
    def excess_kurtosis(self) -> float:
        b2 = self.top_ratio**2
        return -6 / 5 * (1 + 6 * b2 + b2 * b2) / (2 * (1 + b2) ** 2)


@dataclass(frozen=True, slots=True)
class CurvilinearTrapezoidal(_Bounded):
    """Limits that are themselves known only within ±`inexactness` (JCGM 101:2008, 6.4.3)."""

    inexactness: float
    kind: ClassVar[str] = "curvilinear_trapezoidal"

    def check(self) -> None:
        _Bounded.check(self)
        if not 0 <= self.inexactness <= self.half_width:
            raise InvalidInput(
                "inexactness", f"must lie in [0, half the width], got {self.inexactness}"
            )

    @property
    def standard_uncertainty(self) -> float:
        return hypot(self.half_width / sqrt(3), self.inexactness / 3)

    @property
    def excess_kurtosis(self) -> float:
        h2, d2 = self.half_width**2, self.inexactness**2
        fourth = h2 * h2 + 2 * h2 * d2 + d2 * d2 / 5
        return 9 / 5 * fourth / (h2 + d2 / 3) ** 2 - 3 if h2 else 0.0


@dataclass(frozen=True, slots=True)
class Exponential(Distribution):
    """A quantity ≥ 0 of which only the best estimate is known (JCGM 101:2008, 6.4.10)."""

    mean: float
    kind: ClassVar[str] = "exponential"

    def check(self) -> None:
        require_positive("mean", self.mean)

    @property
    def expectation(self) -> float:
        return self.mean

    @property
    def standard_uncertainty(self) -> float:
        return self.mean

    @property
    def excess_kurtosis(self) -> float:
        return 6.0

    @property
    def skewness(self) -> float:
        return 2.0


@dataclass(frozen=True, slots=True)
class Gamma(Distribution):
    """The gamma distribution, among others of a rate from counts (JCGM 101:2008, 6.4.11)."""

    shape: float
    scale: float
    kind: ClassVar[str] = "gamma"

    def check(self) -> None:
        require_positive("shape", self.shape)
        require_positive("scale", self.scale)

    @classmethod
    def of_counts(cls, counts: int) -> Self:
        """Return what counting `counts` ≥ 0 events says of their expected number.

        Zero counts still leave an expectation of 1 with a standard uncertainty of 1.
        """
        if counts < 0 or counts != int(counts):
            raise InvalidInput("counts", f"must be a whole number ≥ 0, got {counts}")
        return cls(counts + 1.0, 1.0)

    @property
    def expectation(self) -> float:
        return self.shape * self.scale

    @property
    def standard_uncertainty(self) -> float:
        return sqrt(self.shape) * self.scale

    @property
    def excess_kurtosis(self) -> float:
        return 6 / self.shape

    @property
    def skewness(self) -> float:
        return 2 / sqrt(self.shape)


KINDS: Final[dict[str, type[Distribution]]] = {
    kind.kind: kind
    for kind in (
        Normal,
        StudentT,
        Rectangular,
        Triangular,
        UShaped,
        Trapezoidal,
        CurvilinearTrapezoidal,
        Exponential,
        Gamma,
    )
}


def distribution_from_mapping(mapping: Mapping[str, Any]) -> Distribution:
    """Return the distribution that `Distribution.as_mapping` wrote.

    Raises:
        InvalidInput: the kind is unknown or its parameters are not those of the kind.
    """
    parameters = dict(mapping)
    kind = KINDS.get(parameters.pop("kind", None))
    if kind is None:
        raise InvalidInput("distribution", f"must be one of {', '.join(KINDS)}")
    wanted = {item.name for item in fields(kind)}
    if set(parameters) != wanted:
        raise InvalidInput("distribution", f"{kind.kind} takes {', '.join(sorted(wanted))}")
    return kind(**{name: _as_float(name, value) for name, value in parameters.items()})


def resolution(indication: float, *, step: float) -> Rectangular:
    """Return what an indication of a given resolution says: ± half a step.

    Args:
        indication: as read.
        step: the resolution δx ≥ 0 of the indicating device, in the same unit.

    Source: JCGM 100:2008, F.2.2.1.
    """
    return Rectangular.about(indication, require_not_negative("step", step) / 2)


def rectangular(half_width: float) -> float:
    """Return the standard uncertainty a/√3 of a quantity known only to lie within ±a.

    Args:
        half_width: a ≥ 0, in the unit of the quantity.

    Source: JCGM 100:2008, 4.3.7, equation (7).
    """
    return require_not_negative("half_width", half_width) / sqrt(3)


# ── Input quantities ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class InputQuantity:
    """An estimate x_i of an input quantity X_i, with what is known of its uncertainty.

    Attributes:
        symbol: the name under which the model takes it.
        estimate: x_i, in `unit`.
        standard_uncertainty: u(x_i) ≥ 0, in the same unit.
        degrees_of_freedom: ν_i ≥ 1; infinite when u(x_i) is taken as exactly known.
        evaluation: Type A (statistics of observations) or Type B (anything else).
        distribution: what a Monte Carlo evaluation draws; None is normal, or Student's t of
            ν_i where that is finite. Estimate and uncertainty are then those of the distribution.
        unit: of the estimate; "1" for a number.
        source: where the value comes from, in words.
        influence_id: the elementary influence behind it, where other results share it.
    """

    symbol: str
    estimate: float
    standard_uncertainty: float
    degrees_of_freedom: float = inf
    evaluation: Literal["A", "B"] = "B"
    distribution: Distribution | None = None
    unit: str = "1"
    source: str = ""
    influence_id: UUID | None = None

    def __post_init__(self) -> None:
        require_finite(f"{self.symbol}.estimate", self.estimate)
        require_not_negative(f"{self.symbol}.standard_uncertainty", self.standard_uncertainty)
        if not isinf(self.degrees_of_freedom) or self.degrees_of_freedom < 0:
            _require_degrees_of_freedom(self.degrees_of_freedom, symbol=self.symbol)
        if self.evaluation not in {"A", "B"}:
            raise InvalidInput(f"{self.symbol}.evaluation", f"must be A or B: {self.evaluation!r}")
        if self.distribution is not None:
            _require_agreement(self, self.distribution)
        for name in ("estimate", "standard_uncertainty", "degrees_of_freedom"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @classmethod
    def distributed(
        cls,
        symbol: str,
        distribution: Distribution,
        *,
        degrees_of_freedom: float = inf,
        unit: str = "1",
        source: str = "",
        influence_id: UUID | None = None,
    ) -> Self:
        """Return the Type B quantity whose estimate and uncertainty a distribution gives.

        Raises:
            InvalidInput: the distribution has no standard deviation (t with ν ≤ 2).

        >>> InputQuantity.distributed("d", Rectangular.about(0, 0.05)).standard_uncertainty
        0.02886751345948129
        """
        return cls(
            symbol=symbol,
            estimate=distribution.expectation,
            standard_uncertainty=distribution.standard_uncertainty,
            degrees_of_freedom=degrees_of_freedom,
            distribution=distribution,
            unit=unit,
            source=source,
            influence_id=influence_id,
        )

    @classmethod
    def from_certificate(
        cls,
        symbol: str,
        estimate: float,
        *,
        expanded_uncertainty: float,
        coverage_factor: float = 2,
        degrees_of_freedom: float = inf,
        unit: str = "1",
        source: str = "",
        influence_id: UUID | None = None,
    ) -> Self:
        """Return the quantity a calibration certificate states as a value with U and k.

        Args:
            symbol: the name under which the model takes it.
            estimate: the stated value.
            expanded_uncertainty: U ≥ 0, in the unit of the estimate.
            coverage_factor: k > 0; u(x_i) is U/k.
            degrees_of_freedom: ν_eff, where the certificate states it.
            unit: of the estimate.
            source: the certificate's number.
            influence_id: one for all values of one family of the certificate.

        Source: JCGM 100:2008, 4.3.3.
        """
        return cls(
            symbol=symbol,
            estimate=estimate,
            standard_uncertainty=(
                require_not_negative(f"{symbol}.expanded_uncertainty", expanded_uncertainty)
                / require_positive(f"{symbol}.coverage_factor", coverage_factor)
            ),
            degrees_of_freedom=degrees_of_freedom,
            unit=unit,
            source=source,
            influence_id=influence_id,
        )

    def as_mapping(self) -> dict[str, Any]:
        """Return the quantity as JSON values; infinite degrees of freedom are "infinite"."""
        return {
            "symbol": self.symbol,
            "estimate": self.estimate,
            "standard_uncertainty": self.standard_uncertainty,
            "degrees_of_freedom": number_or_infinite(self.degrees_of_freedom),
            "evaluation": self.evaluation,
            "distribution": None if self.distribution is None else self.distribution.as_mapping(),
            "unit": self.unit,
            "source": self.source,
            "influence_id": None if self.influence_id is None else str(self.influence_id),
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the quantity that `as_mapping` wrote.

        Raises:
            InvalidInput: a field is missing, unknown or not usable.
        """
        known = {item.name for item in fields(cls)}
        for name in mapping:
            if name not in known:
                raise InvalidInput(str(name), f"not a field of an input quantity: {sorted(known)}")
        values = dict(mapping)
        for name in ("symbol", "estimate", "standard_uncertainty"):
            if name not in values:
                raise InvalidInput(name, "is missing")
        for name in ("estimate", "standard_uncertainty"):
            values[name] = _as_float(f"{values['symbol']}.{name}", values[name])
        nu = values.get("degrees_of_freedom", "infinite")
        values["degrees_of_freedom"] = (
            inf if nu == "infinite" else _as_float(f"{values['symbol']}.degrees_of_freedom", nu)
        )
        if values.get("distribution") is not None:
            values["distribution"] = distribution_from_mapping(values["distribution"])
        if values.get("influence_id") is not None:
            values["influence_id"] = _as_uuid(values["symbol"], values["influence_id"])
        return cls(**values)


def number_or_infinite(value: float) -> float | str:
    """Return a number that may be infinite as JSON can hold it."""
    return "infinite" if isinf(value) else value


# ── What is known of several quantities together ─────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Correlation:
    """The correlation coefficient r(x_i, x_j) of two estimates, and why they are correlated."""

    first: str
    second: str
    coefficient: float
    reason: str = ""

    def __post_init__(self) -> None:
        field = f"r({self.first}, {self.second})"
        require_finite(field, self.coefficient)
        if not -1 <= self.coefficient <= 1:
            raise InvalidInput(field, f"must lie in [-1, 1], got {self.coefficient}")
        if self.first == self.second:
            raise InvalidInput(field, "a quantity is not correlated with itself")
        object.__setattr__(self, "coefficient", float(self.coefficient))


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Quantities estimated from one series of simultaneous observations, with its ν.

    Their degrees of freedom belong to the series, not to each of them.

    Source: R. Willink and B. D. Hall, Metrologia 39 (2002) 361–369; R. Willink, Metrologia 44
    (2007) 340–349.
    """

    symbols: tuple[str, ...]
    degrees_of_freedom: float

    def __post_init__(self) -> None:
        _require_degrees_of_freedom(self.degrees_of_freedom)
        if not self.symbols or len(set(self.symbols)) < len(self.symbols):
            raise InvalidInput("ensemble", f"each quantity once, got {self.symbols}")
        object.__setattr__(self, "degrees_of_freedom", float(self.degrees_of_freedom))


def in_order(names: tuple[str, ...], inputs: Iterable[InputQuantity]) -> tuple[InputQuantity, ...]:
    """Return the inputs in the order of a model's names.

    Raises:
        QuantityUnknown: an input is missing, or is not one of the model's.
        InvalidInput: one stands twice.
    """
    quantities = tuple(inputs)
    symbols = tuple([quantity.symbol for quantity in quantities])
    if symbols == names:
        return quantities
    by_symbol = dict(zip(symbols, quantities, strict=True))
    if len(by_symbol) < len(quantities):
        twice = next(s for i, s in enumerate(symbols) if s in symbols[:i])
        raise InvalidInput("inputs", f"{twice!r} stands twice")
    for symbol in symbols:
        if symbol not in names:
            raise QuantityUnknown(symbol, known=names, where="inputs of the model")
    for name in names:
        if name not in by_symbol:
            raise QuantityUnknown(name, known=symbols, where="input quantities given")
    return tuple([by_symbol[name] for name in names])


def with_shared_influences(
    quantities: Sequence[InputQuantity],
    correlations: Iterable[Correlation],
    ensembles: Iterable[Ensemble],
) -> tuple[tuple[Correlation, ...], tuple[Ensemble, ...]]:
    """Return the correlations and ensembles with those that shared influences imply.

    Raises:
        InvalidInput: two quantities of one influence are stated otherwise than fully correlated,
            one stands in two ensembles, or has other degrees of freedom than its ensemble.
    """
    stated, groups = tuple(correlations), tuple(ensembles)
    if not stated and not groups and all(q.influence_id is None for q in quantities):
        return (), ()
    sharing: dict[UUID, list[InputQuantity]] = {}
    for quantity in quantities:
        if quantity.influence_id is not None:
            sharing.setdefault(quantity.influence_id, []).append(quantity)
    known = {frozenset((c.first, c.second)): c.coefficient for c in stated}
    grouped = {symbol for group in groups for symbol in group.symbols}
    for members in sharing.values():
        for i, first in enumerate(members):
            for second in members[i + 1 :]:
                r = known.get(frozenset((first.symbol, second.symbol)))
                if r is None:
                    reason = "one elementary influence"
                    stated += (Correlation(first.symbol, second.symbol, 1.0, reason),)
                elif abs(r) != 1:
                    pair = f"r({first.symbol}, {second.symbol})"
                    raise InvalidInput(pair, f"{r}, but both are one elementary influence")
        symbols = tuple(q.symbol for q in members)
        if len(members) > 1 and grouped.isdisjoint(symbols):
            nu = min(q.degrees_of_freedom for q in members)
            groups += (Ensemble(symbols, nu),) if isfinite(nu) else ()
    _require_ensembles_usable(quantities, groups)
    return stated, groups


def _require_ensembles_usable(
    quantities: Sequence[InputQuantity], ensembles: Sequence[Ensemble]
) -> None:
    own = {quantity.symbol: quantity.degrees_of_freedom for quantity in quantities}
    seen: set[str] = set()
    for ensemble in ensembles:
        for symbol in ensemble.symbols:
            if symbol not in own:
                raise QuantityUnknown(symbol, known=own, where="input quantities")
            if symbol in seen:
                raise InvalidInput("ensembles", f"{symbol!r} stands in two ensembles")
            if isfinite(own[symbol]) and own[symbol] != ensemble.degrees_of_freedom:
                raise InvalidInput(
                    f"{symbol}.degrees_of_freedom",
                    f"{own[symbol]}, but its ensemble has {ensemble.degrees_of_freedom}",
                )
            seen.add(symbol)


def correlation_matrix(
    symbols: Sequence[str], correlations: Iterable[Correlation]
) -> NDArray[np.float64]:
    """Return the matrix of r(x_i, x_j), in the order of `symbols`; shape (n, n).

    Raises:
        QuantityUnknown: a correlation names a quantity that is not there.
        InvalidInput: one pair is stated twice.
        CorrelationsImpossible: the coefficients contradict each other.
    """
    index = {symbol: i for i, symbol in enumerate(symbols)}
    matrix = np.eye(len(symbols))
    stated: set[frozenset[str]] = set()
    for pair in correlations:
        for symbol in (pair.first, pair.second):
            if symbol not in index:
                raise QuantityUnknown(symbol, known=symbols, where="input quantities")
        if frozenset((pair.first, pair.second)) in stated:
            raise InvalidInput(f"r({pair.first}, {pair.second})", "is stated twice")
        stated.add(frozenset((pair.first, pair.second)))
        i, j = index[pair.first], index[pair.second]
        matrix[i, j] = matrix[j, i] = pair.coefficient
    if len(stated) > 1:
        _require_possible(symbols, matrix)
    return matrix


def _require_possible(symbols: Sequence[str], matrix: NDArray[np.float64]) -> None:
    eigenvalues, vectors = np.linalg.eigh(matrix)
    smallest = float(eigenvalues[0])
    if smallest < -ROUNDING_OF_EIGENVALUES * len(symbols):
        weights = np.abs(vectors[:, 0])
        involved = [s for s, w in zip(symbols, weights, strict=True) if w > 0.01 * weights.max()]
        raise CorrelationsImpossible(involved, smallest)


def lower_factor(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return L with L Lᵀ = R of a positive semidefinite correlation matrix; shape (n, n).

    Rows of fully correlated quantities come out exactly equal, so that their differences have
    an uncertainty of exactly 0.
    """
    n = len(matrix)
    lower = np.zeros((n, n))
    for j in range(n):
        pivot = matrix[j, j] - lower[j, :j] @ lower[j, :j]
        if pivot <= ROUNDING_OF_EIGENVALUES * n:
            continue
        lower[j, j] = sqrt(pivot)
        lower[j + 1 :, j] = (matrix[j + 1 :, j] - lower[j + 1 :, :j] @ lower[j, :j]) / lower[j, j]
    return lower


# ── Checks ───────────────────────────────────────────────────────────────────────────────────


def _as_float(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(field, f"must be a number, got {value!r}")
    return float(value)


def _as_uuid(symbol: str, value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise InvalidInput(f"{symbol}.influence_id", f"must be a UUID, got {value!r}") from None


def _require_degrees_of_freedom(value: float, *, symbol: str = "") -> None:
    field = f"{symbol}.degrees_of_freedom" if symbol else "degrees_of_freedom"
    if not require_finite(field, value) >= 1:
        raise InvalidInput(field, f"must be ≥ 1, got {value}")


def _require_agreement(quantity: InputQuantity, distribution: Distribution) -> None:
    """Refuse a quantity budgeted with other numbers than its distribution would be drawn with."""
    u = distribution.standard_uncertainty
    scale = max(abs(quantity.estimate), u)
    if abs(distribution.expectation - quantity.estimate) > 1e-9 * scale:
        raise InvalidInput(
            f"{quantity.symbol}.estimate",
            f"{quantity.estimate} is not the distribution's {distribution.expectation}",
        )
    if not abs(u - quantity.standard_uncertainty) <= 1e-9 * u:
        raise InvalidInput(
            f"{quantity.symbol}.standard_uncertainty",
            f"{quantity.standard_uncertainty} is not the distribution's {u}",
        )
