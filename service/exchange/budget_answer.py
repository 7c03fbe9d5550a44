"""What is answered of an uncertainty budget: the one form of the API's answer and of `--json`."""

from dataclasses import dataclass
from math import floor, isfinite, isinf, isnan
from typing import Annotated, Any, Final, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field

from procedures.budget import (
    MOST_TRIALS_OF_LADDER,
    Contribution,
    Method,
    Remark,
    UncertaintyBudget,
    evaluate,
)
from procedures.budget_views import DISTRIBUTIONS, METHODS, remark_text
from procedures.errors import DegreesOfFreedomUnknown, InvalidInput, ModelUndefined
from procedures.monte_carlo import (
    Comparison,
    MonteCarloResult,
    Progress,
    compare,
    numerical_tolerance,
    simulate,
)
from procedures.multivariate import (
    JOINT_TRIALS,
    MultivariateBudget,
    complex_region,
    degrees_of_freedom_of_pair,
    elliptical_region,
    evaluate_all,
    rectangular_region,
)
from procedures.quantities import Ensemble
from procedures.rounding import report, shorthand
from service.errors import InvalidField
from service.exchange.budget_request import (
    BudgetRequest,
    Question,
    pointing_into,
    question_of,
)

MOST_WORK: Final = 2_000_000_000
WORK_OF_AN_INPUT: Final = 10
WORK_OF_A_CORRELATED_INPUT: Final = 500  # drawn through the quantile of its distribution

Answer = TypeVar("Answer", bound=BaseModel)
InfiniteOr = Annotated[
    float | Literal["infinite"] | None, Field(description="null where it is unknown.")
]


class Said(BaseModel):
    """The same in Chinese and English."""

    zh: str
    en: str


class ContributionAnswer(BaseModel):
    """One row of the budget: what an input quantity adds to the uncertainty of Y."""

    symbol: str
    estimate: float
    unit: str
    evaluation: Annotated[Literal["A", "B"], Field(description="Type A or Type B.")]
    distribution: str
    distribution_said: Said
    standard_uncertainty: Annotated[float, Field(description="u(x_i), in the input's unit.")]
    degrees_of_freedom: float | Literal["infinite"]
    sensitivity_coefficient: Annotated[
        float | None, Field(description="c_i = ∂f/∂x_i; null where there is no derivative.")
    ]
    component: Annotated[
        float | None, Field(description="c_i·u(x_i) with its sign, in the unit of Y.")
    ]
    share: Annotated[float | None, Field(description="Of the variance; the shares add up to 1.")]
    source: str
    influence_id: str | None


class CorrelationAnswer(BaseModel):
    """A correlation as stated, or as it follows from a shared influence or series."""

    first: str
    second: str
    coefficient: float
    reason: str


class EnsembleAnswer(BaseModel):
    """Inputs with degrees of freedom in common."""

    symbols: list[str]
    degrees_of_freedom: float


class RemarkAnswer(Said):
    """Why this method, or what is to be known of the result."""

    reason: str
    symbols: list[str]


class IntervalAnswer(BaseModel):
    """A coverage interval, in the unit of Y."""

    low: float
    high: float


class SecondOrderAnswer(BaseModel):
    """What the curvature of the model adds, in the unit of Y."""

    bias: float
    standard_uncertainty: float


class TrialsAnswer(BaseModel):
    """What the Monte Carlo trials say of Y (JCGM 101)."""

    trials: int
    rule: Literal["stein", "jcgm101", "fixed"]
    seed: int
    estimate: float | None
    standard_uncertainty: float | None
    median: float
    coverage_probability: float
    symmetric: IntervalAnswer
    shortest: IntervalAnswer
    tolerance: float | None
    tolerance_reached: bool


class ValidationAnswer(Said):
    """The law of propagation against Monte Carlo (JCGM 101:2008, clause 8): a verdict."""

    agrees: bool
    low_difference: Annotated[float, Field(description="|y − U_p − y_low|, in the unit of Y.")]
    high_difference: Annotated[float, Field(description="|y + U_p − y_high|.")]
    tolerance: Annotated[float, Field(description="δ, which neither may exceed.")]
    trials: int
    seed: int


class ReportedAnswer(BaseModel):
    """The digits of a certificate, as text: rounded once, last."""

    value: str
    expanded_uncertainty: str
    unit: str
    coverage_factor: str
    coverage_probability: str | None
    text: str


class BudgetAnswer(BaseModel):
    """An evaluated uncertainty budget; infinite degrees of freedom are the text "infinite"."""

    output: str
    expression: str
    unit: str
    estimate: float
    combined_standard_uncertainty: float
    relative_standard_uncertainty: Annotated[
        float | None, Field(description="u_c/|y|; null where y = 0.")
    ]
    effective_degrees_of_freedom: InfiniteOr
    effective_degrees_of_freedom_truncated: InfiniteOr
    units_checked: Annotated[
        bool, Field(description="Whether the units were found to agree with the model.")
    ]
    coverage_probability: Annotated[
        float | None, Field(description="p of k and U; null where k was stated.")
    ]
    coverage_factor: Annotated[
        float | None, Field(description="k; null where ν_eff, or u_c ≠ 0, is wanting.")
    ]
    coverage_factor_of_interpolated_degrees_of_freedom: float | None
    expanded_uncertainty: Annotated[float | None, Field(description="U = k·u_c(y).")]
    coverage_interval: Annotated[
        IntervalAnswer | None, Field(description="For the coverage probability asked for.")
    ]
    method: Method
    method_said: Said
    remarks: list[RemarkAnswer]
    contributions: list[ContributionAnswer]
    correlations: list[CorrelationAnswer]
    ensembles: list[EnsembleAnswer]
    second_order: SecondOrderAnswer | None
    monte_carlo: TrialsAnswer | None
    validation: Annotated[
        ValidationAnswer | None, Field(description="null where the two were not compared.")
    ]
    reported: Annotated[ReportedAnswer | None, Field(description="null where k is.")]
    shorthand: Annotated[str, Field(description="y with u_c(y) in its last digits, as text.")]
    content_hash: Annotated[
        str, Field(description="SHA-256 of `record` as JSON, keys sorted, without blanks.")
    ]
    record: Annotated[
        dict[str, Any], Field(description="What to keep: from it the budget is recomputed.")
    ]


class EllipseAnswer(BaseModel):
    """All η with (η − y)ᵀ V⁻¹ (η − y) ≤ k², V being the covariance (JCGM 102:2011, 3.25)."""

    center: list[float]
    coverage_factor: float
    content: Annotated[float, Field(description="Its area, of two outputs; else its volume.")]


class RectangleAnswer(BaseModel):
    """All η with |η_j − y_j| ≤ half_widths_j (JCGM 102:2011, 3.26)."""

    center: list[float]
    half_widths: list[float]
    coverage_factor: float


class ComplexAnswer(BaseModel):
    """A complex result, of which the budgets tell the parts."""

    output: str
    real: float
    imaginary: float
    effective_degrees_of_freedom: InfiniteOr
    elliptical_region: Annotated[
        EllipseAnswer | None,
        Field(description="With k² = 2ν/(ν−1) F_p(2, ν−1); null where ν or a region is wanting."),
    ]


class BudgetsAnswer(BaseModel):
    """Several output quantities of the same inputs, and how they are correlated."""

    outputs: list[str]
    budgets: list[BudgetAnswer]
    covariance: Annotated[
        list[list[float]], Field(description="In the order of `outputs`, in their units.")
    ]
    correlation: Annotated[
        list[list[float | None]], Field(description="null beside a result without uncertainty.")
    ]
    covariance_by: Annotated[
        Literal["law_of_propagation", "monte_carlo"],
        Field(description="monte_carlo where a budget is not first order: of joint trials."),
    ]
    trials: Annotated[int | None, Field(description="How many joint trials, if any.")]
    coverage_probability: Annotated[float, Field(description="p of the regions.")]
    elliptical_region: Annotated[
        EllipseAnswer | None,
        Field(description="null where some ν is finite, or the results are exactly related."),
    ]
    rectangular_region: Annotated[
        RectangleAnswer | None, Field(description="null where some ν is finite.")
    ]
    complex: Annotated[list[ComplexAnswer], Field(description="Of a complex model only.")]


# ── Evaluating ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The budgets that a request asks for, and the answer that tells them."""

    budgets: tuple[UncertaintyBudget, ...]
    answer: BudgetAnswer | BudgetsAnswer


def evaluated(request: BudgetRequest, *, progress: Progress | None = None) -> Evaluated:
    """Return the budget or budgets that a request asks for, with their answer.

    Raises:
        InvalidField: something in the request cannot be so; points at it.
    """
    question = question_of(request)
    with pointing_into(request), np.errstate(all="ignore"):  # what is not finite is refused
        if request.has_one_result:
            (output,) = question.model.outputs
            budget = _budget(question, request, output, request.method, progress)
            return Evaluated((budget,), _answer(request, question, budget, progress))
        result = evaluate_all(
            question.model,
            question.inputs,
            correlations=question.correlations,
            ensembles=question.ensembles,
            units=question.units,
            method=request.method,
            coverage_probability=request.coverage_probability,
            seed=request.seed,
            trials=request.monte_carlo.how_many,
            progress=progress,
        )
        return Evaluated(result.budgets, _answer_of_all(request, question, result, progress))


def bounded(request: BudgetRequest) -> Progress:
    """Return what stops an evaluation that would take longer than a request may.

    It refuses more than 3 000 000 trials a run, and trials whose work exceeds 2·10⁹: a matter of
    the request alone, not of the machine. A trial is as much work as the expression has characters,
    and 10 for each input, 500 for a correlated one; and so for each output.
    """
    together = {name for series in request.simultaneous_observations for name in series.series}
    correlated = {end for pair in request.correlations for end in (pair.first, pair.second)}
    correlated |= together | {name for group in request.ensembles for name in group.symbols}
    of_inputs = WORK_OF_AN_INPUT * (
        len(request.inputs) + len(together)
    ) + WORK_OF_A_CORRELATED_INPUT * len(correlated)
    parts = 2 if request.complex else 1
    work_of_a_trial = sum(parts * (len(m.expression) + of_inputs) for m in request.models)

    if (request.monte_carlo.trials or 0) > MOST_TRIALS_OF_LADDER:
        reason = f"more than the {MOST_TRIALS_OF_LADDER} of a request; use `suyuan budget`"
        raise InvalidField("/monte_carlo/trials", reason)

    def refuse_too_much(_done: int, planned: int) -> None:
        if planned * work_of_a_trial > MOST_WORK:
            reason = (
                f"{planned} Monte Carlo trials of this model are more than a request may take; "
                "shorten it, ask for first_order, or use `suyuan budget`"
            )
            raise InvalidField(request.pointer_to_model("expression", ""), reason)

    return refuse_too_much


def _budget(
    question: Question,
    request: BudgetRequest,
    output: str,
    method: Literal["auto", "first_order", "second_order", "monte_carlo"],
    progress: Progress | None,
) -> UncertaintyBudget:
    return evaluate(
        question.model,
        question.inputs,
        correlations=question.correlations,
        ensembles=question.ensembles,
        output=output,
        unit=question.units[output],
        method=method,
        coverage_probability=request.coverage_probability,
        seed=request.seed,
        trials=request.monte_carlo.how_many,
        progress=progress,
    )


def _require_finite(budget: UncertaintyBudget) -> None:
    nu = budget.effective_degrees_of_freedom
    numbers = (budget.estimate, budget.combined_standard_uncertainty)
    if not all(map(isfinite, numbers)) or (nu is not None and isnan(nu)):
        raise ModelUndefined(budget.output, "y, u_c(y) or ν_eff is too large a number")


def _validation(
    question: Question,
    request: BudgetRequest,
    budget: UncertaintyBudget,
    progress: Progress | None,
) -> ValidationAnswer | None:
    """Return how the law of propagation compares with Monte Carlo, where both can be had."""
    if budget.comparison is not None and budget.monte_carlo is not None:
        return _told(budget.comparison, budget.monte_carlo)
    if budget.method == "monte_carlo":
        return _against_first_order(question, request, budget)
    u = budget.combined_standard_uncertainty
    unknown = budget.effective_degrees_of_freedom is None
    if not request.compare_with_monte_carlo or unknown or not u:
        return None
    how_many = request.monte_carlo.how_many
    tolerance = numerical_tolerance(u, significant_digits=how_many.significant_digits)
    trials = simulate(
        question.model,
        question.inputs,
        seed=request.seed,
        correlations=question.correlations,
        ensembles=question.ensembles,
        output=budget.output,
        coverage_probability=request.coverage_probability,
        rule=how_many.rule,
        trials=how_many.trials,
        tolerance=tolerance / 5,
        most_trials=MOST_TRIALS_OF_LADDER,
        progress=progress,
    )
    return _compared(budget, trials, request)


def _against_first_order(
    question: Question, request: BudgetRequest, budget: UncertaintyBudget
) -> ValidationAnswer | None:
    trials = budget.monte_carlo
    try:
        linear = _budget(question, request, budget.output, "first_order", None)
    except ModelUndefined:  # it has no derivative here
        return None
    if trials is None or linear.method != "first_order":
        return None
    if linear.effective_degrees_of_freedom is None or not linear.combined_standard_uncertainty:
        return None
    return _compared(linear, trials, request)


def _compared(
    linear: UncertaintyBudget, trials: MonteCarloResult, request: BudgetRequest
) -> ValidationAnswer:
    interval = linear.coverage_interval(request.coverage_probability)
    tolerance = numerical_tolerance(
        linear.combined_standard_uncertainty,
        significant_digits=request.monte_carlo.significant_digits,
    )
    return _told(compare(interval.low, interval.high, trials, tolerance=tolerance), trials)


def _told(comparison: Comparison, trials: MonteCarloResult) -> ValidationAnswer:
    zh = "蒙特卡洛法验证通过" if comparison.agrees else "蒙特卡洛法验证未通过"
    en = "validated by Monte Carlo" if comparison.agrees else "not validated by Monte Carlo"
    return ValidationAnswer(
        agrees=comparison.agrees,
        low_difference=comparison.low_difference,
        high_difference=comparison.high_difference,
        tolerance=comparison.tolerance,
        trials=trials.trials,
        seed=trials.seed,
        zh=f"{zh}（JCGM 101，8）",
        en=f"{en} (JCGM 101, clause 8)",
    )


# ── Telling ──────────────────────────────────────────────────────────────────────────────────


def _answer(
    request: BudgetRequest,
    question: Question,
    budget: UncertaintyBudget,
    progress: Progress | None,
) -> BudgetAnswer:
    _require_finite(budget)
    p, stated = request.coverage_probability, request.coverage_factor
    k = stated or _coverage_factor(budget, p)
    u, nu = budget.combined_standard_uncertainty, budget.effective_degrees_of_freedom
    return BudgetAnswer(
        output=budget.output,
        expression=budget.expression,
        unit=budget.unit,
        estimate=budget.estimate,
        combined_standard_uncertainty=u,
        relative_standard_uncertainty=budget.relative_standard_uncertainty,
        effective_degrees_of_freedom=_infinite_or(nu),
        effective_degrees_of_freedom_truncated=_infinite_or(_truncated(nu)),
        units_checked=question.units_checked,
        coverage_probability=None if stated else p,
        coverage_factor=k,
        coverage_factor_of_interpolated_degrees_of_freedom=(
            None if stated or nu is None else budget.coverage_factor(p, truncated=False)
        ),
        expanded_uncertainty=k * u if k is not None else (None if u else 0.0),
        coverage_interval=_coverage_interval(budget, p),
        method=budget.method,
        method_said=_said(METHODS[budget.method]),
        remarks=[_remark(remark) for remark in budget.remarks],
        contributions=[_row(row) for row in budget.contributions],
        correlations=[_copied(CorrelationAnswer, pair) for pair in budget.correlations],
        ensembles=[_ensemble(ensemble) for ensemble in budget.ensembles],
        second_order=budget.second_order and _copied(SecondOrderAnswer, budget.second_order),
        monte_carlo=budget.monte_carlo and _copied(TrialsAnswer, budget.monte_carlo),
        validation=_validation(question, request, budget, progress),
        reported=None if k is None else _reported(budget, k, None if stated else p),
        shorthand=f"{budget.output} = {shorthand(budget.estimate, u, unit=_unit(budget))}",
        content_hash=budget.content_hash,
        record=budget.as_mapping(),
    )


def _answer_of_all(
    request: BudgetRequest,
    question: Question,
    result: MultivariateBudget,
    progress: Progress | None,
) -> BudgetsAnswer:
    p, outputs = request.coverage_probability, result.outputs
    ellipse, rectangle = _regions(result, p)
    by_trials = result.trials is not None
    return BudgetsAnswer(
        outputs=list(outputs),
        budgets=[_answer(request, question, each, progress) for each in result.budgets],
        covariance=[list(row) for row in result.covariance],
        correlation=[[result.correlation(a, b) for b in outputs] for a in outputs],
        covariance_by="monte_carlo" if by_trials else "law_of_propagation",
        trials=JOINT_TRIALS if by_trials else None,
        coverage_probability=p,
        elliptical_region=ellipse,
        rectangular_region=rectangle,
        complex=[_complex(result, m.symbol, p) for m in request.models] if request.complex else [],
    )


def _regions(
    result: MultivariateBudget, p: float
) -> tuple[EllipseAnswer | None, RectangleAnswer | None]:
    """Return the regions of the joint trials, or of normal outputs, where there are such."""
    nus = [budget.effective_degrees_of_freedom for budget in result.budgets]
    if result.trials is None and not all(nu is not None and isinf(nu) for nu in nus):
        return None, None
    ellipse = rectangle = None
    try:
        if result.trials is None:
            rectangle = _copied(RectangleAnswer, rectangular_region(result, p))
            ellipse = _copied(EllipseAnswer, elliptical_region(result, p))
        else:
            rectangle = _copied(RectangleAnswer, result.trials.rectangular_region(p))
            ellipse = _copied(EllipseAnswer, result.trials.elliptical_region(p))
    except InvalidInput:  # exactly related, or certain: they have no such region
        pass
    return ellipse, rectangle


def _complex(result: MultivariateBudget, output: str, p: float) -> ComplexAnswer:
    region = complex_region(result, output, p)
    return ComplexAnswer(
        output=output,
        real=result.budget(f"{output}_re").estimate,
        imaginary=result.budget(f"{output}_im").estimate,
        effective_degrees_of_freedom=_infinite_or(degrees_of_freedom_of_pair(result, output)),
        elliptical_region=region and _copied(EllipseAnswer, region),
    )


def _copied(answer: type[Answer], value: object) -> Answer:
    """Return the answer that has the fields of a value of the science."""
    return answer.model_validate(value, from_attributes=True)


def _ensemble(ensemble: Ensemble) -> EnsembleAnswer:
    return EnsembleAnswer(
        symbols=list(ensemble.symbols), degrees_of_freedom=ensemble.degrees_of_freedom
    )


def _remark(remark: Remark) -> RemarkAnswer:
    return RemarkAnswer(
        reason=remark.reason.value,
        symbols=list(remark.symbols),
        zh=remark_text(remark, language="zh"),
        en=remark_text(remark, language="en"),
    )


def _row(row: Contribution) -> ContributionAnswer:
    x = row.quantity
    kind = _kind(row)
    exists = isfinite(row.sensitivity_coefficient)
    return ContributionAnswer(
        symbol=row.symbol,
        estimate=x.estimate,
        unit=x.unit,
        evaluation=x.evaluation,
        distribution=kind,
        distribution_said=_said(DISTRIBUTIONS[kind]),
        standard_uncertainty=x.standard_uncertainty,
        degrees_of_freedom="infinite" if isinf(x.degrees_of_freedom) else x.degrees_of_freedom,
        sensitivity_coefficient=row.sensitivity_coefficient if exists else None,
        component=row.component if exists else None,
        share=row.share if row.share is None or isfinite(row.share) else None,
        source=x.source,
        influence_id=None if x.influence_id is None else str(x.influence_id),
    )


def _kind(row: Contribution) -> str:
    if row.quantity.distribution is not None:
        return row.quantity.distribution.kind
    return "normal" if isinf(row.quantity.degrees_of_freedom) else "t"


def _reported(budget: UncertaintyBudget, k: float, p: float | None) -> ReportedAnswer:
    stated = report(
        budget.estimate,
        k * budget.combined_standard_uncertainty,
        unit=_unit(budget),
        coverage_factor=k,
        coverage_probability=p,
    )
    return ReportedAnswer(
        value=f"{stated.value:f}",
        expanded_uncertainty=f"{stated.expanded_uncertainty:f}",
        unit=budget.unit,
        coverage_factor=str(stated.coverage_factor),
        coverage_probability=(
            None if stated.coverage_probability is None else str(stated.coverage_probability)
        ),
        text=f"{budget.output} = {stated}",
    )


def _unit(budget: UncertaintyBudget) -> str:
    return "" if budget.unit == "1" else budget.unit


def _coverage_factor(budget: UncertaintyBudget, p: float) -> float | None:
    """Return k_p; None where ν_eff is unknown, or where trials found no uncertainty at all."""
    if budget.method == "monte_carlo" and not budget.combined_standard_uncertainty:
        return None
    try:
        return budget.coverage_factor(p)
    except DegreesOfFreedomUnknown:
        return None


def _coverage_interval(budget: UncertaintyBudget, p: float) -> IntervalAnswer | None:
    try:
        interval = budget.coverage_interval(p)
    except DegreesOfFreedomUnknown:
        return None
    return IntervalAnswer(low=interval.low, high=interval.high)


def _truncated(nu: float | None) -> float | None:
    return nu if nu is None or isinf(nu) else floor(nu)


def _infinite_or(value: float | None) -> float | Literal["infinite"] | None:
    return "infinite" if value is not None and isinf(value) else value


def _said(pair: tuple[str, str]) -> Said:
    return Said(zh=pair[0], en=pair[1])
