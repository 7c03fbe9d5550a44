"""Several output quantities together: their covariance and coverage regions (JCGM 102:2011).

A complex quantity is a pair of real ones; what a model of complex quantities gives is a pair too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from procedures.budget import (
    DEFAULT_SEED,
    DEFAULT_TRIALS,
    Method,
    UncertaintyBudget,
    evaluate,
    independent_groups,
)
from procedures.errors import InvalidInput, ModelUndefined, QuantityUnknown
from procedures.fields import require_probability
from procedures.models import MeasurementModel, compile_complex_model
from procedures.monte_carlo import HowManyTrials, Progress, Sampler, fixed_outputs
from procedures.quantities import (
    Correlation,
    Ensemble,
    InputQuantity,
    correlation_matrix,
)

CELLS_PER_SIDE: Final = 100
JOINT_TRIALS: Final = 300_000

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MultivariateBudget:
    """The budgets of several output quantities of the same inputs, and what they share.

    Attributes:
        budgets: one per output quantity.
        covariance: of the outputs, in their order; shape (m, m), in the product of their units.
        trials: of all outputs together, whose covariance it is where an output is not first order;
            None where it is that of the law of propagation.
    """

    budgets: tuple[UncertaintyBudget, ...]
    covariance: tuple[tuple[float, ...], ...]
    trials: "JointTrials | None" = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output quantities."""
        return tuple(budget.output for budget in self.budgets)

    @property
    def estimates(self) -> tuple[float, ...]:
        """y_1, …, y_m."""
        return tuple(budget.estimate for budget in self.budgets)

    def budget(self, output: str) -> UncertaintyBudget:
        """Return the budget of one output quantity.

        Raises:
            QuantityUnknown: there is none of this name.
        """
        return self.budgets[self._position(output)]

    def correlation(self, first: str, second: str) -> float | None:
        """Return r(y_1, y_2), or None where one of them has no uncertainty."""
        i, j = self._position(first), self._position(second)
        scale = sqrt(self.covariance[i][i]) * sqrt(self.covariance[j][j])
        return max(-1.0, min(1.0, self.covariance[i][j] / scale)) if scale else None

    def _position(self, output: str) -> int:
        if output not in self.outputs:
            raise QuantityUnknown(output, known=self.outputs, where="output quantities")
        return self.outputs.index(output)


@dataclass(frozen=True, slots=True)
class EllipticalRegion:
    """All η with (η − y)ᵀ V⁻¹ (η − y) ≤ k², at coverage probability p (JCGM 102:2011, 3.25)."""

    center: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    coverage_factor: float
    coverage_probability: float

    def contains(self, values: Sequence[float]) -> bool:
        """Return whether a point lies in the region."""
        away = np.subtract(values, self.center)
        return bool(away @ np.linalg.solve(self.covariance, away) <= self.coverage_factor**2)

    @property
    def content(self) -> float:
        """The area of the ellipse, or the volume of the ellipsoid, in the product of the units."""
        m = len(self.center)
        unit_ball = np.pi ** (m / 2) / special.gamma(m / 2 + 1)
        scale = sqrt(float(np.linalg.det(self.covariance)))
        return float(unit_ball * self.coverage_factor**m * scale)


@dataclass(frozen=True, slots=True)
class RectangularRegion:
    """All η with |η_j − y_j| ≤ k u(y_j), at coverage probability p (JCGM 102:2011, 3.26)."""

    center: tuple[float, ...]
    half_widths: tuple[float, ...]
    coverage_factor: float
    coverage_probability: float

    def contains(self, values: Sequence[float]) -> bool:
        """Return whether a point lies in the region."""
        away = np.abs(np.subtract(values, self.center))
        return bool((away <= np.array(self.half_widths)).all())


@dataclass(frozen=True, slots=True)
class SmallestRegion:
    """The cells of a plane mesh that hold p of the trials and are fewest (JCGM 102:2011, 7.7.4).

    Attributes:
        low: the corner of the mesh.
        cell: the sides of one cell.
        covered: which cells, row by row, belong to the region.
        area: of the region, in the product of the units.
        coverage_probability: p.
    """

    low: tuple[float, float]
    cell: tuple[float, float]
    covered: tuple[tuple[bool, ...], ...]
    area: float
    coverage_probability: float


def evaluate_all(
    model: MeasurementModel,
    inputs: Iterable[InputQuantity],
    *,
    correlations: Iterable[Correlation] = (),
    ensembles: Iterable[Ensemble] = (),
    units: Mapping[str, str] | None = None,
    method: Method | Literal["auto"] = "first_order",
    coverage_probability: float = 0.95,
    seed: int = DEFAULT_SEED,
    trials: HowManyTrials = DEFAULT_TRIALS,
    progress: Progress | None = None,
) -> MultivariateBudget:
    """Propagate the uncertainty of the input quantities to every output of a model.

    Each output gets the budget it would get alone. Where all of them are first order, so is their
    covariance; else it is that of joint trials. Where those have none (t with ν ≤ 2), or the model
    no value in some of them, the covariances between outputs stay those of first order.

    Args:
        model: Y_j = f_j(X_1, …, X_N).
        inputs: one quantity for each name of the model.
        correlations: of pairs of inputs.
        ensembles: inputs that were observed simultaneously, with their common ν.
        units: of the outputs, by name.
        method: of each budget, as `budget.evaluate` takes it.
        coverage_probability: p, in (0, 1), for which intervals are compared.
        seed: ≥ 0, of the Monte Carlo trials, should there be any.
        trials: how many of them each budget makes; those of all together are 300 000.
        progress: told the number of those trials done and planned.

    Raises:
        As `budget.evaluate`.

    Source: JCGM 102:2011, 6.2 and clause 7.
    """
    quantities, stated, groups = tuple(inputs), tuple(correlations), tuple(ensembles)
    unit_of = units or {}
    budgets = tuple(
        evaluate(
            model,
            quantities,
            correlations=stated,
            ensembles=groups,
            output=output,
            unit=unit_of.get(output, "1"),
            method=method,
            coverage_probability=coverage_probability,
            seed=seed,
            trials=trials,
            progress=progress,
        )
        for output in model.outputs
    )
    if any(budget.method != "first_order" for budget in budgets):
        together = _joint_trials(Sampler(model, quantities, stated, groups), seed, progress)
        if together is not None:
            return MultivariateBudget(budgets, together.covariance, together)
    return MultivariateBudget(budgets, _rows(_covariance(budgets)))


def _covariance(budgets: Sequence[UncertaintyBudget]) -> FloatArray:
    """Return the covariance matrix by the law of propagation (JCGM 102:2011, 6.2.1.3)."""
    components = np.array([[row.component for row in b.contributions] for b in budgets])
    symbols = [row.symbol for row in budgets[0].contributions]
    covariance = components @ correlation_matrix(symbols, budgets[0].correlations) @ components.T
    for i, budget in enumerate(budgets):
        covariance[i, i] = budget.combined_standard_uncertainty**2
    return np.asarray(covariance, dtype=np.float64)


def _joint_trials(sampler: Sampler, seed: int, progress: Progress | None) -> "JointTrials | None":
    """Return trials of all outputs; None where they have no covariance or are not all finite."""
    if sampler.moments < 2:
        return None
    outputs = sampler.model.outputs
    try:
        values = fixed_outputs(sampler, outputs, seed, JOINT_TRIALS, progress)
    except ModelUndefined:
        return None
    values.setflags(write=False)
    return JointTrials(outputs, values, seed)


def elliptical_region(result: MultivariateBudget, coverage_probability: float) -> EllipticalRegion:
    """Return the elliptical coverage region of normally distributed outputs.

    Raises:
        InvalidInput: p lies outside (0, 1), or the outputs have no region of that kind, being
            exactly related.

    Source: JCGM 102:2011, 6.5.2 and table 1.
    """
    require_probability("coverage_probability", coverage_probability)
    _require_regular(np.array(result.covariance))
    k = sqrt(float(special.chdtri(len(result.outputs), 1 - coverage_probability)))
    return EllipticalRegion(result.estimates, result.covariance, k, coverage_probability)


def rectangular_region(
    result: MultivariateBudget, coverage_probability: float
) -> RectangularRegion:
    """Return a rectangular region of at least p for normally distributed outputs.

    Source: JCGM 102:2011, 6.5.3 (Bonferroni).
    """
    require_probability("coverage_probability", coverage_probability)
    m = len(result.outputs)
    k = float(special.ndtri(1 - (1 - coverage_probability) / (2 * m)))
    half_widths = tuple(k * budget.combined_standard_uncertainty for budget in result.budgets)
    return RectangularRegion(result.estimates, half_widths, k, coverage_probability)


# ── By Monte Carlo ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class JointTrials:
    """M trials of several output quantities, drawn together.

    Attributes:
        outputs: their names.
        values: shape (m, M), read only.
        seed: with which the same trials come out again.
    """

    outputs: tuple[str, ...]
    values: FloatArray
    seed: int

    @property
    def estimates(self) -> tuple[float, ...]:
        """The means (JCGM 102:2011, 7.6)."""
        return tuple(float(x) for x in self.values.mean(axis=1))

    @property
    def covariance(self) -> tuple[tuple[float, ...], ...]:
        """The covariance matrix of the trials (JCGM 102:2011, 7.6)."""
        return _rows(np.atleast_2d(np.cov(self.values)))

    def elliptical_region(self, coverage_probability: float) -> EllipticalRegion:
        """Return the ellipse of the trials' covariance that holds p of them (7.7.2)."""
        require_probability("coverage_probability", coverage_probability)
        covariance = np.array(self.covariance)
        _require_regular(covariance)
        away = self.values - self.values.mean(axis=1, keepdims=True)
        scaled = np.linalg.solve(np.linalg.cholesky(covariance), away)
        k = sqrt(_quantile(np.square(scaled).sum(axis=0), coverage_probability))
        return EllipticalRegion(self.estimates, self.covariance, k, coverage_probability)

    def rectangular_region(self, coverage_probability: float) -> RectangularRegion:
        """Return the rectangle of sides in proportion to u(y_j) that holds p of them (7.7.3)."""
        require_probability("coverage_probability", coverage_probability)
        u = self.values.std(axis=1, ddof=1)
        _require_regular(np.diag(u))
        away = np.abs(self.values - self.values.mean(axis=1, keepdims=True)) / u[:, None]
        k = _quantile(away.max(axis=0), coverage_probability)
        half_widths = tuple(float(k * x) for x in u)
        return RectangularRegion(self.estimates, half_widths, k, coverage_probability)

    def smallest_region(self, coverage_probability: float) -> SmallestRegion:
        """Return the approximately smallest region of two outputs that holds p of the trials.

        Raises:
            InvalidInput: p lies outside (0, 1), or there are not two outputs.
        """
        require_probability("coverage_probability", coverage_probability)
        if len(self.outputs) != 2:
            raise InvalidInput("outputs", f"a smallest region is of two, not {len(self.outputs)}")
        counts, first, second = np.histogram2d(self.values[0], self.values[1], bins=CELLS_PER_SIDE)
        order = np.argsort(counts, axis=None)[::-1]
        running = np.cumsum(counts.ravel()[order])
        fewest = int(np.searchsorted(running, coverage_probability * running[-1])) + 1
        covered = np.zeros(counts.size, dtype=bool)
        covered[order[:fewest]] = True
        cell = (float(first[1] - first[0]), float(second[1] - second[0]))
        mesh = covered.reshape(counts.shape)
        return SmallestRegion(
            low=(float(first[0]), float(second[0])),
            cell=cell,
            covered=tuple(tuple(bool(c) for c in row) for row in mesh),
            area=fewest * cell[0] * cell[1],
            coverage_probability=coverage_probability,
        )


def simulate_all(
    model: MeasurementModel,
    inputs: Iterable[InputQuantity],
    *,
    correlations: Iterable[Correlation] = (),
    ensembles: Iterable[Ensemble] = (),
    trials: int = 1_000_000,
    seed: int = DEFAULT_SEED,
) -> JointTrials:
    """Draw the outputs of a model together, M times.

    Raises:
        ModelUndefined: an output has no value at some of the trials.
        InvalidInput: M lies outside 1000 … 10 000 000.

    Source: JCGM 102:2011, clause 7.
    """
    if not 1000 <= trials <= 10_000_000:
        raise InvalidInput("trials", f"must lie in 1000 … 10 000 000, got {trials}")
    sampler = Sampler(model, inputs, correlations, ensembles)
    values = fixed_outputs(sampler, model.outputs, seed, trials)
    values.setflags(write=False)
    return JointTrials(model.outputs, values, seed)


# ── Complex quantities ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplexQuantity:
    """A complex input quantity: the estimates of its real and imaginary part and their covariance.

    Attributes:
        symbol: the name under which a complex model takes it.
        estimate: x + iy, in `unit`.
        covariance: ((u²(x), u(x, y)), (u(x, y), u²(y))), in the square of the unit.
        degrees_of_freedom: ν ≥ 1, common to both parts.
        unit: of both parts.
    """

    symbol: str
    estimate: complex
    covariance: tuple[tuple[float, float], tuple[float, float]]
    degrees_of_freedom: float = float("inf")
    unit: str = "1"

    def parts(self) -> tuple[list[InputQuantity], list[Correlation], list[Ensemble]]:
        """Return the two real quantities this is, how they are correlated, and their ensemble."""
        (variance_re, covariance), (transposed, variance_im) = self.covariance
        if not (variance_re >= 0 and variance_im >= 0 and covariance == transposed):
            raise InvalidInput(f"{self.symbol}.covariance", "must be symmetric, variances ≥ 0")
        u_re, u_im = sqrt(variance_re), sqrt(variance_im)
        re, im = f"{self.symbol}_re", f"{self.symbol}_im"
        quantities = [
            InputQuantity(
                symbol=name,
                estimate=x,
                standard_uncertainty=u,
                degrees_of_freedom=self.degrees_of_freedom,
                unit=self.unit,
            )
            for name, x, u in ((re, self.estimate.real, u_re), (im, self.estimate.imag, u_im))
        ]
        correlations = []
        if covariance:
            if not u_re * u_im:
                raise InvalidInput(f"{self.symbol}.covariance", "correlates what is certain")
            coefficient = covariance / (u_re * u_im)
            correlations = [Correlation(re, im, coefficient, "parts of one complex quantity")]
        ensembles = []
        if isfinite(self.degrees_of_freedom):
            ensembles = [Ensemble((re, im), self.degrees_of_freedom)]
        return quantities, correlations, ensembles


def evaluate_complex(
    expressions: str | Mapping[str, str], inputs: Iterable[ComplexQuantity]
) -> MultivariateBudget:
    """Propagate the uncertainty of complex quantities through a complex measurement model.

    Each output Y comes as two, Y_re and Y_im. A formula may use + - * / and whole powers, `i`,
    and exp, log, sqrt, abs, arg, conj, real and imag.

    Raises:
        As `compile_complex_model` and `budget.evaluate`.

    >>> z = ComplexQuantity(symbol="z", estimate=3 + 4j, covariance=((0.01, 0), (0, 0.01)))
    >>> evaluate_complex("abs(z)", [z]).estimates
    (5.0, 0.0)
    """
    given = list(inputs)
    model = compile_complex_model(expressions, [x.symbol for x in given])
    quantities: list[InputQuantity] = []
    correlations: list[Correlation] = []
    ensembles: list[Ensemble] = []
    for x in given:
        parts = x.parts()
        quantities += parts[0]
        correlations += parts[1]
        ensembles += parts[2]
    return evaluate_all(model, quantities, correlations=correlations, ensembles=ensembles)


def complex_degrees_of_freedom(
    components: Iterable[tuple[ArrayLike, float]],
) -> float:
    """Return ν_eff of a sum of independent complex components.

    Args:
        components: (V_i, ν_i) of each, V_i its 2 × 2 covariance matrix in the unit of the sum.

    Source: R. Willink and B. D. Hall, Metrologia 39 (2002) 361–369 (total-variance formula).
    """
    rows = [(np.asarray(covariance, dtype=np.float64), nu) for covariance, nu in components]
    total = np.sum([covariance for covariance, _ in rows], axis=0)
    denominator = sum(_spread(covariance) / nu for covariance, nu in rows if isfinite(nu))
    return float(_spread(total) / denominator) if denominator else float("inf")


def degrees_of_freedom_of_pair(result: MultivariateBudget, output: str) -> float | None:
    """Return ν_eff of a complex output, of which `result` has the parts; infinite at most.

    None where it is unknown: inputs with finite ν are correlated outside an ensemble, or the parts
    are not first order.

    Raises:
        QuantityUnknown: the result has no parts of this name.

    Source: R. Willink and B. D. Hall, Metrologia 39 (2002) 361–369.
    """
    parts = [result.budget(f"{output}_{part}") for part in ("re", "im")]
    if any(part.method != "first_order" for part in parts):
        return None
    components = np.array([[row.component for row in part.contributions] for part in parts])
    components /= np.abs(components).max() or 1.0  # so that no square leaves the range of a float
    quantities = [row.quantity for row in parts[0].contributions]
    symbols = [quantity.symbol for quantity in quantities]
    matrix = correlation_matrix(symbols, parts[0].correlations)
    group_of, nu_of = independent_groups(quantities, parts[0].ensembles)
    of_group = {g: np.array([i == g for i in group_of]) for g in set(group_of)}
    between = 0.0
    for g, members in of_group.items():
        across = components[:, members] @ matrix[members][:, ~members] @ components[:, ~members].T
        if isfinite(nu_of[g]) and across.any():
            return None
        between = between + across
    within = [
        (components[:, m] @ matrix[m][:, m] @ components[:, m].T, nu_of[g])
        for g, m in of_group.items()
    ]
    return complex_degrees_of_freedom([*within, (np.zeros((2, 2)) + between, float("inf"))])


def complex_region(
    result: MultivariateBudget, output: str, coverage_probability: float
) -> EllipticalRegion | None:
    """Return the elliptical coverage region of a complex output with its own ν_eff.

    None where ν_eff is unknown or not above 1, or one part is exactly related to the other.

    Source: R. Willink and B. D. Hall, Metrologia 39 (2002) 361–369.
    """
    nu = degrees_of_freedom_of_pair(result, output)
    at = [result.outputs.index(f"{output}_{part}") for part in ("re", "im")]
    covariance = np.array(result.covariance)[np.ix_(at, at)]
    if nu is None or nu <= 1 or not _is_regular(covariance):
        return None
    k = complex_coverage_factor(coverage_probability, nu)
    center = tuple(result.estimates[i] for i in at)
    return EllipticalRegion(center, _rows(covariance), k, coverage_probability)


def complex_coverage_factor(coverage_probability: float, degrees_of_freedom: float) -> float:
    """Return k of an elliptical region of a complex quantity with ν degrees of freedom.

    Args:
        coverage_probability: p, in (0, 1).
        degrees_of_freedom: ν > 1.

    Source: R. Willink and B. D. Hall, Metrologia 39 (2002) 361–369: k² = 2ν/(ν−1) F_p(2, ν−1).

    >>> round(complex_coverage_factor(0.95, float("inf")), 2)
    2.45
    """
    require_probability("coverage_probability", coverage_probability)
    nu = degrees_of_freedom
    if not nu > 1:
        raise InvalidInput("degrees_of_freedom", f"must be > 1, got {nu}")
    if not isfinite(nu):
        return sqrt(float(special.chdtri(2, 1 - coverage_probability)))
    return sqrt(2 * nu / (nu - 1) * float(special.fdtri(2, nu - 1, coverage_probability)))


def _spread(covariance: FloatArray) -> float:
    v11, v12, v22 = covariance[0, 0], covariance[0, 1], covariance[1, 1]
    return float(2 * v11 * v11 + v11 * v22 + v12 * v12 + 2 * v22 * v22)


def _quantile(values: FloatArray, p: float) -> float:
    ordered = np.sort(values)
    return float(ordered[min(int(np.ceil(p * len(ordered))), len(ordered)) - 1])


def _rows(matrix: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(x) for x in row) for row in matrix)


def _is_regular(covariance: FloatArray) -> bool:
    u = np.sqrt(np.diag(covariance))
    return bool(u.all()) and bool(np.linalg.eigvalsh(covariance / np.outer(u, u))[0] >= 1e-12)


def _require_regular(covariance: FloatArray) -> None:
    if not _is_regular(covariance):
        raise InvalidInput("outputs", "are exactly related or certain: they have no such region")
