"""The uncertainty budget of an output quantity (JCGM 100:2008, clause 5).

A budget is evaluated by the simplest method that is good enough: first order; second order, where
the model is curved over the uncertainties; Monte Carlo, where that does not suffice either. The
budget says which it was and why.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from hashlib import sha256
from itertools import repeat
from math import hypot, inf, isfinite, nan, sqrt
from typing import Any, Final, Literal, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from procedures.coverage import coverage_factor, welch_satterthwaite
from procedures.errors import (
    DegreesOfFreedomUnknown,
    InvalidInput,
    ModelUndefined,
    QuantityUnknown,
)
from procedures.fields import require_probability
from procedures.models import MeasurementModel, compile_complex_model, compile_model
from procedures.monte_carlo import (
    Comparison,
    HowManyTrials,
    Interval,
    MonteCarloResult,
    Progress,
    compare,
    numerical_tolerance,
    simulate,
)
from procedures.quantities import (
    Correlation,
    Ensemble,
    InputQuantity,
    correlation_matrix,
    in_order,
    lower_factor,
    number_or_infinite,
    with_shared_influences,
)

SCHEMA: Final = "suyuan/uncertainty-budget/1"
DEFAULT_SEED: Final = 1
DEFAULT_TRIALS: Final = HowManyTrials()
RECOMPUTED_FROM: Final = (
    "inputs",
    "output",
    "expression",
    "correlations",
    "ensembles",
    "unit",
    "requested",
    "coverage_probability",
    "seed",
)
MOST_TRIALS_OF_LADDER: Final = 3_000_000

FloatArray = NDArray[np.float64]
Item = TypeVar("Item")
Method = Literal["first_order", "second_order", "monte_carlo"]


class Reason(StrEnum):
    """Why a budget was evaluated as it was, and what is to be known about it."""

    LINEAR = "linear"
    SECOND_ORDER_NEGLIGIBLE = "second_order_negligible"
    SECOND_ORDER_SIGNIFICANT = "second_order_significant"
    SECOND_ORDER_UNKNOWN = "second_order_unknown"
    DERIVATIVE_VANISHES = "derivative_vanishes"
    DERIVATIVE_MISSING = "derivative_missing"
    NOT_SMOOTH = "not_smooth"
    NOT_NORMAL = "not_normal"
    CONFIRMED_BY_MONTE_CARLO = "confirmed_by_monte_carlo"
    REFUTED_BY_MONTE_CARLO = "refuted_by_monte_carlo"
    MONTE_CARLO_HAS_NO_VALUE = "monte_carlo_has_no_value"
    TOLERANCE_NOT_REACHED = "tolerance_not_reached"
    DEGREES_OF_FREEDOM_UNKNOWN = "degrees_of_freedom_unknown"


@dataclass(frozen=True, slots=True)
class Remark:
    """One reason, and the input quantities it concerns."""

    reason: Reason
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecondOrder:
    """What the curvature of the model adds.

    Attributes:
        bias: by how much the expectation of Y differs from f(x_1, …, x_N), in the unit of Y.
        standard_uncertainty: u(y) with the terms of next higher order, in the unit of Y.
    """

    bias: float
    standard_uncertainty: float


class Contribution(NamedTuple):
    """One row of a budget: what an input quantity X_i adds to the uncertainty of Y.

    Attributes:
        quantity: X_i.
        sensitivity_coefficient: c_i = ∂f/∂x_i, in the unit of Y per unit of X_i; not finite where
            the model has no derivative.
        share: of the variance of Y, its covariances counted half to each side; the shares add up
            to 1, and one may be negative. None where Y has no uncertainty, or the model no
            derivative by an uncertain X_i.
    """

    quantity: InputQuantity
    sensitivity_coefficient: float
    share: float | None

    @property
    def symbol(self) -> str:
        """The name of X_i in the model."""
        return self.quantity.symbol

    @property
    def component(self) -> float:
        """c_i u(x_i) with its sign, in the unit of Y; 0 where X_i is certain."""
        u = self.quantity.standard_uncertainty
        return self.sensitivity_coefficient * u if u else 0.0

    @property
    def standard_uncertainty(self) -> float:
        """u_i(y) = |c_i| u(x_i), in the unit of Y."""
        return abs(self.component)


@dataclass(frozen=True, slots=True)
class UncertaintyBudget:
    """The estimate y of an output quantity Y and the contributions to its uncertainty.

    Attributes:
        output: the name of Y.
        expression: the model of Y.
        estimate: y, in `unit`.
        combined_standard_uncertainty: u_c(y) ≥ 0, in `unit`.
        effective_degrees_of_freedom: ν_eff, not truncated; infinite where nothing limits it; None
            where it is unknown: inputs with finite ν are correlated outside an ensemble, or act
            through the curvature of the model only; and by Monte Carlo, which needs none.
        contributions: one row per input quantity of the model, in the order of its names.
        correlations: as stated, and those that follow from shared elementary influences.
        ensembles: the series of simultaneous observations, likewise.
        unit: of Y.
        method: how y and u_c(y) were found. By Monte Carlo they are mean and standard deviation of
            the trials; the rows are those of first order in any case.
        requested: the method asked for.
        coverage_probability: p, for which the methods were compared.
        seed: of the Monte Carlo trials, should there be any.
        remarks: why this method, and what is to be known about it.
        second_order: what the curvature adds, where it was calculated.
        monte_carlo: the trials, where there were any.
        comparison: first or second order against those trials (JCGM 101:2008, clause 8).
        complex_names: the complex quantities of the model; Y is then a part of a complex one.
        trials: how many Monte Carlo trials were asked for, should there be any.
    """

    output: str
    expression: str
    estimate: float
    combined_standard_uncertainty: float
    effective_degrees_of_freedom: float | None
    contributions: tuple[Contribution, ...]
    correlations: tuple[Correlation, ...]
    ensembles: tuple[Ensemble, ...]
    unit: str = "1"
    method: Method = "first_order"
    requested: Method | Literal["auto"] = "first_order"
    coverage_probability: float = 0.95
    seed: int = DEFAULT_SEED
    remarks: tuple[Remark, ...] = ()
    second_order: SecondOrder | None = None
    monte_carlo: MonteCarloResult | None = None
    comparison: Comparison | None = None
    complex_names: tuple[str, ...] = ()
    trials: HowManyTrials = DEFAULT_TRIALS

    @property
    def relative_standard_uncertainty(self) -> float | None:
        """u_c(y)/|y|, or None where y = 0."""
        if self.estimate == 0:
            return None
        return self.combined_standard_uncertainty / abs(self.estimate)

    def expanded_uncertainty(self, coverage_factor: float = 2) -> float:
        """Return U = k u_c(y), in the unit of Y.

        Raises:
            InvalidInput: k is not a number > 0.
        """
        if not (isfinite(coverage_factor) and coverage_factor > 0):
            raise InvalidInput("coverage_factor", f"must be > 0, got {coverage_factor}")
        return coverage_factor * self.combined_standard_uncertainty

    def coverage_factor(self, coverage_probability: float, *, truncated: bool = True) -> float:
        """Return k_p: of ν_eff, truncated to a whole number or as it is, or of the trials.

        Raises:
            DegreesOfFreedomUnknown: ν_eff is unknown.
            InvalidInput: p lies outside (0, 1), or is not the one the trials were evaluated for.
        """
        if self.method == "monte_carlo":
            interval = self.coverage_interval(coverage_probability)
            if not self.combined_standard_uncertainty:
                raise InvalidInput("coverage_probability", "a result without uncertainty has no k")
            return (interval.high - interval.low) / 2 / self.combined_standard_uncertainty
        if self.effective_degrees_of_freedom is None:
            raise DegreesOfFreedomUnknown(
                "input quantities with finite degrees of freedom are correlated, for which the "
                "ensemble of simultaneous observations must be stated, or act in second order only"
            )
        return coverage_factor(
            coverage_probability, self.effective_degrees_of_freedom, truncated=truncated
        )

    def coverage_interval(self, coverage_probability: float) -> Interval:
        """Return y ± k_p u_c(y), or the probabilistically symmetric interval of the trials.

        Raises:
            DegreesOfFreedomUnknown: ν_eff is unknown.
            InvalidInput: p lies outside (0, 1), or is not the one the trials were evaluated for.
        """
        if self.method == "monte_carlo" and self.monte_carlo is not None:
            if coverage_probability != self.monte_carlo.coverage_probability:
                p = self.monte_carlo.coverage_probability
                raise InvalidInput("coverage_probability", f"the trials were evaluated for {p}")
            return self.monte_carlo.symmetric
        k = self.coverage_factor(coverage_probability)
        half_width = k * self.combined_standard_uncertainty
        return Interval(self.estimate - half_width, self.estimate + half_width)

    def contribution(self, symbol: str) -> Contribution:
        """Return the row of one input quantity.

        Raises:
            QuantityUnknown: the budget has no such row.
        """
        for row in self.contributions:
            if row.symbol == symbol:
                return row
        symbols = [row.symbol for row in self.contributions]
        raise QuantityUnknown(symbol, known=symbols, where="contributions")

    @property
    def influence_components(self) -> dict[UUID, float]:
        """Σ c_i u(x_i) by elementary influence, signed, in the unit of Y.

        Rows without an influence id are not in it; they are this result's own.
        """
        components: dict[UUID, float] = {}
        for row in self.contributions:
            influence = row.quantity.influence_id
            if influence is not None:
                components[influence] = components.get(influence, 0.0) + row.component
        return components

    def as_mapping(self) -> dict[str, Any]:
        """Return the budget as JSON values: what it was made of and what it came to.

        Every number is finite; a derivative that the model does not have is null.
        """
        nu = self.effective_degrees_of_freedom
        unusual: dict[str, Any] = (
            {"complex": list(self.complex_names)} if self.complex_names else {}
        )
        if self.trials != DEFAULT_TRIALS:
            unusual["trials"] = asdict(self.trials)
        return {
            "schema": SCHEMA,
            "output": self.output,
            "expression": self.expression,
            **unusual,
            "unit": self.unit,
            "inputs": [row.quantity.as_mapping() for row in self.contributions],
            "correlations": [asdict(correlation) for correlation in self.correlations],
            "ensembles": [
                {"symbols": list(e.symbols), "degrees_of_freedom": e.degrees_of_freedom}
                for e in self.ensembles
            ],
            "requested": self.requested,
            "coverage_probability": self.coverage_probability,
            "seed": self.seed,
            "method": self.method,
            "remarks": [
                {"reason": remark.reason.value, "symbols": list(remark.symbols)}
                for remark in self.remarks
            ],
            "second_order": None if self.second_order is None else asdict(self.second_order),
            "monte_carlo": None if self.monte_carlo is None else asdict(self.monte_carlo),
            "comparison": None if self.comparison is None else asdict(self.comparison),
            "estimate": self.estimate,
            "combined_standard_uncertainty": self.combined_standard_uncertainty,
            "effective_degrees_of_freedom": None if nu is None else number_or_infinite(nu),
            "contributions": [
                {
                    "symbol": row.symbol,
                    "sensitivity_coefficient": _if_finite(row.sensitivity_coefficient),
                    "standard_uncertainty": _if_finite(row.standard_uncertainty),
                    "share": row.share,
                }
                for row in self.contributions
            ],
        }

    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of the canonical JSON of `as_mapping`."""
        text = json.dumps(
            self.as_mapping(),
            ensure_ascii=False,
            allow_nan=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return sha256(text.encode()).hexdigest()


def _if_finite(number: float) -> float | None:
    return number if isfinite(number) else None


def evaluate(
    model: MeasurementModel,
    inputs: Iterable[InputQuantity],
    *,
    correlations: Iterable[Correlation] = (),
    ensembles: Iterable[Ensemble] = (),
    output: str | None = None,
    unit: str = "1",
    method: Method | Literal["auto"] = "first_order",
    coverage_probability: float = 0.95,
    seed: int = DEFAULT_SEED,
    trials: HowManyTrials = DEFAULT_TRIALS,
    progress: Progress | None = None,
) -> UncertaintyBudget:
    """Propagate the uncertainty of the input quantities through a measurement model.

    The method "auto" climbs: first order, where the second order would not change two digits of
    u(y) and the distribution of Y is near enough to normal or t; else second order or first, where
    a Monte Carlo run confirms its coverage interval; else that run. No other method is left alone
    with u(y) = 0 either, when an input acts on Y through its curvature only: it climbs as well.
    Two inputs with one influence id are that one influence: they are taken as fully correlated.

    Args:
        model: Y = f(X_1, …, X_N).
        inputs: one quantity for each name of the model, in any order.
        correlations: of pairs of inputs; a pair not named is uncorrelated.
        ensembles: inputs that were observed simultaneously, with their common ν.
        output: which output quantity, where the model has several.
        unit: of Y.
        method: "auto", or the method to use.
        coverage_probability: p, in (0, 1), for which intervals are compared.
        seed: ≥ 0, of the Monte Carlo trials, should there be any.
        trials: how many of them; its digits are also those that a method may not change.
        progress: told the number of those trials done and planned.

    Raises:
        QuantityUnknown: an input is missing, or is not one of the model's.
        ModelUndefined: the model has no value at the estimates or in the trials, or, unless Monte
            Carlo may be used, no derivative by an input that has an uncertainty.
        CorrelationsImpossible: the correlation coefficients contradict each other.
        InvalidInput: a quantity stands twice, or in two ensembles.

    Source: JCGM 100:2008, 5.1.2, 5.2.2 and G.4.1; JCGM 101:2008, 5.6 to 5.8 and clause 8.
    """
    ladder = _Ladder(
        model,
        inputs,
        correlations,
        ensembles,
        output,
        unit,
        coverage_probability,
        seed,
        trials,
        progress,
    )
    match method:
        case "first_order":
            return ladder.first_order()
        case "second_order":
            return ladder.second_order()
        case "monte_carlo":
            return ladder.monte_carlo((), requested="monte_carlo")
        case "auto":
            return ladder.climb()
    raise InvalidInput(
        "method", f"must be auto, first_order, second_order or monte_carlo: {method!r}"
    )


def recompute(content: Mapping[str, Any]) -> UncertaintyBudget:
    """Evaluate again what `UncertaintyBudget.as_mapping` wrote, from the inputs it stores.

    Bit for bit the same on one version of this program and its libraries: compare the
    `content_hash` of the two.

    Raises:
        InvalidInput: a field is missing or unusable.
        ModelRefused: the stored expression is not a model.
    """
    if content.get("schema") != SCHEMA:
        raise InvalidInput("schema", f"must be {SCHEMA}, got {content.get('schema')!r}")
    for field in RECOMPUTED_FROM:
        if field not in content:
            raise InvalidInput(field, "is missing")
    inputs = [InputQuantity.from_mapping(item) for item in content["inputs"]]
    correlations = _read("correlations", content, lambda item: Correlation(**item))
    ensembles = _read(
        "ensembles",
        content,
        lambda item: Ensemble(tuple(item["symbols"]), item["degrees_of_freedom"]),
    )
    return evaluate(
        _stored_model(content, [x.symbol for x in inputs]),
        inputs,
        correlations=correlations,
        ensembles=ensembles,
        output=content["output"],
        unit=content["unit"],
        method=content["requested"],
        coverage_probability=content["coverage_probability"],
        seed=content["seed"],
        trials=_stored_trials(content),
    )


def _stored_trials(content: Mapping[str, Any]) -> HowManyTrials:
    try:
        return HowManyTrials(**content.get("trials", {}))
    except TypeError as error:
        raise InvalidInput("trials", f"cannot be read ({error})") from None


def _stored_model(content: Mapping[str, Any], symbols: Sequence[str]) -> MeasurementModel:
    output, expression = content["output"], content["expression"]
    complex_names = _read("complex", {"complex": ()} | dict(content), str)
    if not complex_names:
        return compile_model({output: expression}, symbols)
    parts = {f"{name}_{part}" for name in complex_names for part in ("re", "im")}
    plain = [symbol for symbol in symbols if symbol not in parts]
    return compile_complex_model({output.rpartition("_")[0]: expression}, complex_names, real=plain)


def _read(field: str, content: Mapping[str, Any], make: Callable[[Any], Item]) -> list[Item]:
    try:
        return [make(item) for item in content[field]]
    except (TypeError, KeyError) as error:
        raise InvalidInput(field, f"cannot be read ({error})") from None


# ── The ladder ───────────────────────────────────────────────────────────────────────────────


class _Ladder:
    """One question, and the methods that can answer it, from the simplest up."""

    def __init__(
        self,
        model: MeasurementModel,
        inputs: Iterable[InputQuantity],
        correlations: Iterable[Correlation],
        ensembles: Iterable[Ensemble],
        output: str | None,
        unit: str,
        coverage_probability: float,
        seed: int,
        trials: HowManyTrials,
        progress: Progress | None,
    ) -> None:
        require_probability("coverage_probability", coverage_probability)
        self.model = model
        self.name = model.output_named(output)
        self.unit = unit
        self.p = coverage_probability
        self.seed = seed
        self.trials = trials
        self.progress = progress
        self.quantities = in_order(model.names, inputs)
        self.correlations, self.ensembles = with_shared_influences(
            self.quantities, correlations, ensembles
        )
        self.factor: FloatArray | None = None
        self.matrix: FloatArray | None = None
        if self.correlations:
            self.matrix = correlation_matrix(model.names, self.correlations)
            self.factor = lower_factor(self.matrix)
        self.y, *self.sensitivities = model.value_and_gradient(
            [quantity.estimate for quantity in self.quantities], self.name
        )
        if not isfinite(self.y):
            raise ModelUndefined(self.name, "the model has no finite value at these estimates")
        self.components = [
            c * quantity.standard_uncertainty if quantity.standard_uncertainty else 0.0
            for c, quantity in zip(self.sensitivities, self.quantities, strict=True)
        ]
        self.missing = () if all(map(isfinite, self.components)) else self._missing()

    # The rungs

    def first_order(self) -> UncertaintyBudget:
        vanishing = self._vanishing() if 0.0 in self.components else ()
        if not vanishing:
            return self._linear_budget("first_order")
        remarks = (Remark(Reason.DERIVATIVE_VANISHES, vanishing),)
        if any(self.components):
            return self._linear_budget("first_order", remarks)
        return self._curved_budget("first_order", remarks)

    def second_order(self) -> UncertaintyBudget:
        return self._curved_budget("second_order", ())

    def climb(self) -> UncertaintyBudget:
        if self.missing:
            remark = Remark(Reason.DERIVATIVE_MISSING, self.missing)
            return self.monte_carlo((remark,), requested="auto")
        budget = self._linear_budget("auto")
        if self.model.is_linear(self.name):
            return self._if_normal(budget, (Remark(Reason.LINEAR),))
        return self._climb_by_curvature(budget)

    def _climb_by_curvature(self, budget: UncertaintyBudget) -> UncertaintyBudget:
        curved = self._curvature()
        if curved is None:
            return self.monte_carlo((Remark(Reason.SECOND_ORDER_UNKNOWN),), requested="auto")
        unseen = self._unseen()
        if unseen:
            remark = Remark(Reason.DERIVATIVE_VANISHES, unseen)
            return self.monte_carlo((remark,), requested="auto", second_order=curved)
        if self.model.has_kinks(self.name) and budget.combined_standard_uncertainty:
            budget = replace(budget, second_order=curved)
            return self._confirmed_or_refuted(budget, (Remark(Reason.NOT_SMOOTH),))
        if self._negligible(budget, curved):
            remark = Remark(Reason.SECOND_ORDER_NEGLIGIBLE)
            return self._if_normal(replace(budget, second_order=curved), (remark,))
        remark = Remark(Reason.SECOND_ORDER_SIGNIFICANT, self._vanishing())
        return self._confirmed_or_refuted(self._with_curvature(budget, curved), (remark,))

    def monte_carlo(
        self,
        remarks: tuple[Remark, ...],
        *,
        requested: Method | Literal["auto"],
        second_order: SecondOrder | None = None,
    ) -> UncertaintyBudget:
        trials = self._simulate(None)
        budget = self._linear_budget(requested)
        return self._from_trials(
            replace(budget, second_order=second_order), trials, (*budget.remarks, *remarks)
        )

    # What the rungs are made of

    def _linear_budget(
        self, requested: Method | Literal["auto"], remarks: tuple[Remark, ...] = ()
    ) -> UncertaintyBudget:
        if self.missing and requested not in {"auto", "monte_carlo"}:
            reason = f"the model has no derivative by {', '.join(self.missing)} at these estimates"
            raise ModelUndefined(self.name, reason)
        u, shares = self._uncertainty_and_shares()
        if not self.missing and not isfinite(u):
            raise ModelUndefined(self.name, "its uncertainty leaves the range of a float")
        nu = inf if self.missing else self._effective_degrees_of_freedom()
        return UncertaintyBudget(
            self.name,
            self.model.expression(self.name),
            self.y,
            u,
            nu,
            tuple(
                map(
                    Contribution,
                    self.quantities,
                    [c + 0.0 for c in self.sensitivities],
                    repeat(None) if shares is None else shares,
                )
            ),
            self.correlations,
            self.ensembles,
            self.unit,
            "first_order",
            requested,
            self.p,
            self.seed,
            remarks if nu is not None else (Remark(Reason.DEGREES_OF_FREEDOM_UNKNOWN), *remarks),
            complex_names=self.model.complex_names,
            trials=self.trials,
        )

    def _uncertainty_and_shares(self) -> tuple[float, list[float] | None]:
        if self.missing:  # the trials will say what u(y) is
            return nan, None
        if self.factor is None or self.matrix is None:
            u = hypot(*self.components)
            return u, [(component / u) ** 2 for component in self.components] if u else None
        with np.errstate(over="ignore", invalid="ignore"):
            u = hypot(*(self.factor.T @ self.components).tolist())
        relative = np.array(self.components) / u if u else np.zeros(0)
        return u, (relative * (self.matrix @ relative)).tolist() if u else None

    def _curved_budget(self, requested: Method, remarks: tuple[Remark, ...]) -> UncertaintyBudget:
        budget = self._linear_budget(requested)
        curved = self._curvature()
        if curved is None:
            remarks += (Remark(Reason.SECOND_ORDER_UNKNOWN),)
            return self.monte_carlo(remarks, requested=requested)
        unseen = self._unseen()
        if unseen and not curved.standard_uncertainty:
            remarks += (Remark(Reason.DERIVATIVE_VANISHES, unseen),)
            return self.monte_carlo(remarks, requested=requested, second_order=curved)
        budget = self._with_curvature(budget, curved)
        return replace(budget, remarks=(*budget.remarks, *remarks))

    def _with_curvature(self, budget: UncertaintyBudget, curved: SecondOrder) -> UncertaintyBudget:
        vanishing = self._vanishing()
        if any(isfinite(q.degrees_of_freedom) for q in self.quantities if q.symbol in vanishing):
            remark = Remark(Reason.DEGREES_OF_FREEDOM_UNKNOWN, vanishing)
            budget = replace(
                budget, effective_degrees_of_freedom=None, remarks=(*budget.remarks, remark)
            )
        return replace(
            budget,
            estimate=self.y + curved.bias,
            combined_standard_uncertainty=curved.standard_uncertainty,
            method="second_order",
            second_order=curved,
        )

    def _if_normal(
        self, budget: UncertaintyBudget, remarks: tuple[Remark, ...]
    ) -> UncertaintyBudget:
        """First order, unless the distribution of Y is too far from normal for its k."""
        far = self._far_from_normal(budget.combined_standard_uncertainty)
        if far:
            remarks += (Remark(Reason.NOT_NORMAL, far),)
            return self._confirmed_or_refuted(budget, remarks)
        return replace(budget, remarks=(*budget.remarks, *remarks))

    def _confirmed_or_refuted(
        self, budget: UncertaintyBudget, remarks: tuple[Remark, ...]
    ) -> UncertaintyBudget:
        """Clause 8: keep a budget whose coverage interval a Monte Carlo run confirms."""
        remarks = (*budget.remarks, *remarks)
        tolerance = self._tolerance(budget.combined_standard_uncertainty)
        try:
            trials = self._simulate(tolerance)
        except ModelUndefined:
            remark = Remark(Reason.MONTE_CARLO_HAS_NO_VALUE)
            return replace(budget, remarks=(*remarks, remark))
        if budget.effective_degrees_of_freedom is None:
            return self._from_trials(budget, trials, remarks)
        interval = budget.coverage_interval(self.p)
        comparison = compare(interval.low, interval.high, trials, tolerance=tolerance)
        close = comparison.largest_difference <= 2 * tolerance
        if close and self.trials.rule != "fixed":  # a close call asks for δ/5 (8.2)
            trials = self._simulate(tolerance / 5)
            comparison = compare(interval.low, interval.high, trials, tolerance=tolerance)
        budget = replace(budget, comparison=comparison)
        if comparison.agrees:
            remark = Remark(Reason.CONFIRMED_BY_MONTE_CARLO)
            return replace(budget, monte_carlo=trials, remarks=(*remarks, remark))
        remarks += (Remark(Reason.REFUTED_BY_MONTE_CARLO),)
        return self._from_trials(budget, trials, remarks)

    def _from_trials(
        self,
        budget: UncertaintyBudget,
        trials: MonteCarloResult,
        remarks: tuple[Remark, ...],
    ) -> UncertaintyBudget:
        if not trials.tolerance_reached and trials.rule != "fixed":
            remarks += (Remark(Reason.TOLERANCE_NOT_REACHED),)
        if trials.standard_uncertainty is not None:
            u = trials.standard_uncertainty
        elif self.missing:
            reason = f"has neither a standard deviation nor a derivative by {self.missing[0]}"
            raise ModelUndefined(self.name, reason)
        else:  # t with ν ≤ 2 has no standard deviation; what the GUM calls u stands
            u = budget.combined_standard_uncertainty
        return replace(
            budget,
            estimate=self.y if trials.estimate is None else trials.estimate,
            combined_standard_uncertainty=u,
            effective_degrees_of_freedom=None,
            method="monte_carlo",
            monte_carlo=trials,
            remarks=remarks,
        )

    def _simulate(self, tolerance: float | None) -> MonteCarloResult:
        return simulate(
            self.model,
            self.quantities,
            seed=self.seed,
            correlations=self.correlations,
            ensembles=self.ensembles,
            output=self.name,
            coverage_probability=self.p,
            rule=self.trials.rule,
            trials=self.trials.trials,
            tolerance=tolerance,
            significant_digits=self.trials.significant_digits,
            most_trials=MOST_TRIALS_OF_LADDER,
            progress=self.progress,
        )

    # What decides

    def _tolerance(self, u: float) -> float:
        return numerical_tolerance(u, significant_digits=self.trials.significant_digits)

    def _missing(self) -> tuple[str, ...]:
        """Return the inputs with an uncertainty by which the model has no derivative."""
        return tuple(
            [
                quantity.symbol
                for quantity, component in zip(self.quantities, self.components, strict=True)
                if not isfinite(component)
            ]
        )

    def _vanishing(self) -> tuple[str, ...]:
        """Return the inputs that act on Y, but not in first order."""
        constant = self.model.constant_derivatives(self.name)
        return tuple(
            quantity.symbol
            for i, quantity in enumerate(self.quantities)
            if not self.components[i] and quantity.standard_uncertainty and not constant[i]
        )

    def _unseen(self) -> tuple[str, ...]:
        """Return the inputs that act on Y, but neither in first nor in second order."""
        vanishing = self._vanishing()
        if not vanishing:
            return ()
        second, _ = self._derivatives(np.diag([q.standard_uncertainty for q in self.quantities]))
        return tuple(
            quantity.symbol
            for i, quantity in enumerate(self.quantities)
            if quantity.symbol in vanishing and not np.any(second[i])
        )

    def _derivatives(self, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
        estimates = [quantity.estimate for quantity in self.quantities]
        derivatives = self.model.curvature(estimates, directions, self.name)
        if derivatives is None:
            empty = np.full_like(directions, np.nan)
            return empty, empty
        return derivatives

    def _curvature(self) -> SecondOrder | None:
        """Return mean and variance with the terms of next higher order (JCGM 100:2008, 5.1.2).

        The inputs are written as x + D L z with z independent of variance 1; where nothing is
        correlated, z keeps the skewness and kurtosis of the inputs' distributions.
        """
        u = np.array([quantity.standard_uncertainty for quantity in self.quantities])
        directions = np.diag(u) if self.factor is None else u[:, None] * self.factor
        second, third = self._derivatives(directions)
        skewness, kurtosis = self._shapes()
        with np.errstate(over="ignore", invalid="ignore"):
            g = directions.T @ np.where(u > 0, self.sensitivities, 0.0)
            h = directions.T @ np.where(u[:, None] > 0, second, 0.0)
            t = directions.T @ np.where(u[:, None] > 0, third, 0.0)  # t[k, l] = f_kll
            variance = g @ g + g @ (np.diag(h) * skewness)
            variance += (np.diag(h) ** 2 / 4) @ (kurtosis - 1) + (np.triu(h, 1) ** 2).sum()
            variance += g @ t.sum(axis=1) + g @ (np.diag(t) * (kurtosis / 3 - 1))
            bias = float(np.trace(h)) / 2
        if not (isfinite(variance) and isfinite(self.y + bias)):
            return None
        if variance < 0 or (variance == 0 and g.any()):
            return None
        return SecondOrder(bias, sqrt(float(variance)))

    def _shapes(self) -> tuple[FloatArray, FloatArray]:
        """Skewness and kurtosis of the inputs; those of the normal, where they are correlated."""
        shapes = [
            (0.0, 3.0)
            if self.factor is not None or quantity.distribution is None
            else (quantity.distribution.skewness, quantity.distribution.excess_kurtosis + 3)
            for quantity in self.quantities
        ]
        table = np.array(shapes)
        return table[:, 0], table[:, 1]

    def _negligible(self, budget: UncertaintyBudget, curved: SecondOrder) -> bool:
        u = budget.combined_standard_uncertainty
        if not u:
            return not curved.standard_uncertainty
        tolerance = self._tolerance(u)
        change = abs(curved.standard_uncertainty - u)
        return max(change, abs(curved.bias)) <= tolerance

    def _far_from_normal(self, u: float) -> tuple[str, ...]:
        """Return the inputs whose shape moves the interval's ends by more than the tolerance.

        By how much is judged from the skewness and kurtosis of Y (Cornish and Fisher).
        """
        shaped = (
            [
                (quantity, component / u)
                for quantity, component in zip(self.quantities, self.components, strict=True)
                if component and quantity.distribution is not None
            ]
            if u
            else []
        )
        skewness = sum(q.distribution.skewness * r**3 for q, r in shaped if q.distribution)
        excess = sum(q.distribution.excess_kurtosis * r**4 for q, r in shaped if q.distribution)
        z = coverage_factor(self.p, inf)
        moved = abs(skewness * (z * z - 1) / 6) + abs(excess * (z**3 - 3 * z) / 24)
        if not u or moved * u <= self._tolerance(u):
            return ()
        return tuple(q.symbol for q, r in shaped if r * r > 0.1)

    def _effective_degrees_of_freedom(self) -> float | None:
        if not self.correlations and not self.ensembles:
            return welch_satterthwaite(
                [
                    (u, quantity.degrees_of_freedom)
                    for u, quantity in zip(self.components, self.quantities, strict=True)
                ]
            )
        return _of_ensembles(self.quantities, self.components, self.correlations, self.ensembles)


def _of_ensembles(
    quantities: Sequence[InputQuantity],
    components: Sequence[float],
    correlations: Sequence[Correlation],
    ensembles: Sequence[Ensemble],
) -> float | None:
    """Return ν_eff by Welch–Satterthwaite, each ensemble being one component.

    None where quantities with finite ν are correlated outside an ensemble.

    Source: R. Willink and B. D. Hall, Metrologia 39 (2002) 361–369.
    """
    index = {q.symbol: i for i, q in enumerate(quantities)}
    group_of, nu_of = independent_groups(quantities, ensembles)
    variances = dict.fromkeys(nu_of, 0.0)
    largest = max(map(abs, components), default=0.0) or 1.0
    components = [component / largest for component in components]  # so that no square overflows
    for i, component in enumerate(components):
        variances[group_of[i]] += component * component
    for pair in correlations:
        i, j = index[pair.first], index[pair.second]
        covariance = 2 * pair.coefficient * components[i] * components[j]
        if not covariance:
            continue
        if group_of[i] == group_of[j]:
            variances[group_of[i]] += covariance
        elif isfinite(nu_of[group_of[i]]) or isfinite(nu_of[group_of[j]]):
            return None
        else:
            variances[group_of[i]] += covariance / 2
            variances[group_of[j]] += covariance / 2
    total = sum(variances.values())
    if total <= 0:
        return inf
    squared = sum(v * v / nu_of[g] for g, v in variances.items())
    return total * total / squared if squared else inf


def independent_groups(
    quantities: Sequence[InputQuantity], ensembles: Sequence[Ensemble]
) -> tuple[list[int], dict[int, float]]:
    """Return the number of each input's group, and the ν of each: one ensemble is one group."""
    index = {quantity.symbol: i for i, quantity in enumerate(quantities)}
    group_of = list(range(len(quantities)))
    nu_of = {i: quantity.degrees_of_freedom for i, quantity in enumerate(quantities)}
    for number, ensemble in enumerate(ensembles, start=len(quantities)):
        nu_of[number] = ensemble.degrees_of_freedom
        for symbol in ensemble.symbols:
            group_of[index[symbol]] = number
    return group_of, nu_of
