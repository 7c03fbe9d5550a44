"""Statements of conformity: a measured value judged by a decision rule, never stored."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import isfinite
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from certificates.wording import verdict_wording
from procedures import conformity, risks
from procedures.conformity import (
    ConformityStatement,
    DecisionRule,
    Interval,
    RuleName,
    ToleranceInterval,
    Verdict,
    conformance_probability,
    guarded_acceptance,
    guarded_with_undetermined_zone,
    jjf_1094,
    non_binary,
    simple_acceptance,
    state_conformity,
)
from procedures.errors import InvalidInput
from procedures.risks import GlobalRisks, Process, global_risks
from service.errors import InvalidField
from service.exchange.budget_answer import Said
from service.exchange.budget_request import (
    CoverageFactor,
    NotNegative,
    Number,
    Positive,
    Strict,
    Unit,
)

router = APIRouter(prefix="/conformity-statements", tags=["uncertainty"])

RULES: Final[dict[RuleName, Said]] = {
    RuleName.SIMPLE_ACCEPTANCE: Said(zh="简单接受", en="simple acceptance"),
    RuleName.GUARDED_ACCEPTANCE: Said(zh="有保护带的接受", en="acceptance with a guard band"),
    RuleName.GUARDED_WITH_UNDETERMINED_ZONE: Said(
        zh="有保护带,设待定区", en="guard band with an undetermined zone"
    ),
    RuleName.NON_BINARY: Said(zh="非二元判定", en="non-binary statement"),
}
IN_ENGLISH: Final = {
    **risks.DEFINITIONS,
    "tolerance_uncertainty_ratio": (
        "TUR: half the width of the tolerance interval, divided by the expanded uncertainty U"
    ),
    "tolerance_accuracy_ratio": (
        "TAR: half the width of the tolerance interval, divided by the maximum permissible error "
        "of the standard alone; it leaves every other contribution out of account"
    ),
}
DEFINITIONS: Final[dict[str, Said]] = {
    name: Said(zh=zh, en=IN_ENGLISH[name])
    for name, zh in {
        "conformance_probability": (
            "在给定被测量的测得值及其标准不确定度时，其真值落在容许区间内的概率"
            "(JCGM 106:2012,3.3.7)"
        ),
        "specific_risk": (
            "对这一件的这一结论为错的概率：被接收者实际超出容许区间，或被拒收者实际在容许区间内"
            "(JCGM 106:2012,3.3.13、3.3.14)"
        ),
        "false_acceptance": (
            "从该过程中任取一件，它超出容许区间且将被接收的概率：总体消费者风险，无条件 PFA"
            "(JCGM 106:2012,3.3.15)"
        ),
        "false_rejection": (
            "从该过程中任取一件，它在容许区间内且将被拒收的概率：总体生产者风险，无条件 PFR"
            "(JCGM 106:2012,3.3.16)"
        ),
        "conditional_false_acceptance": (
            "已被接收的一件超出容许区间的概率：条件 PFA,即误接收概率除以接收比例"
        ),
        "conditional_false_rejection": (
            "已被拒收的一件在容许区间内的概率：条件 PFR,即误拒收概率除以拒收比例"
        ),
        "accepted_fraction": "从该过程中任取一件，它将被接收的概率",
        "in_tolerance_probability": "从该过程中任取一件，测量之前它在容许区间内的概率",
        "tolerance_uncertainty_ratio": "TUR：容许区间的半宽除以扩展不确定度 U",
        "tolerance_accuracy_ratio": (
            "TAR：容许区间的半宽除以标准器本身的最大允许误差，未计入其他不确定度来源"
        ),
    }.items()
}

RequestedRule = Literal[
    "simple_acceptance",
    "guarded_acceptance",
    "guarded_with_undetermined_zone",
    "non_binary",
    "jjf_1094",
    "ilac_g8",
    "conformance_probability",
    "z540_3_method_5",
    "z540_3_method_6",
    "root_sum_square",
    "rp_10",
]
PARAMETERS: Final[Mapping[str, str]] = {
    "guarded_acceptance": "guard_band",
    "guarded_with_undetermined_zone": "guard_band",
    "non_binary": "guard_band",
    "ilac_g8": "ratio",
    "conformance_probability": "conformance_probability",
    "z540_3_method_5": "target",
}


# ── The request ──────────────────────────────────────────────────────────────────────────────


class IntervalRequest(Strict):
    """A closed interval; leave a limit out where there is none."""

    lower: Number | None = None
    upper: Number | None = None


class RuleRequest(Strict):
    """A decision rule by name, agreed beforehand (ISO/IEC 17025:2017, 7.1.3).

    `guarded_acceptance`, `guarded_with_undetermined_zone` and `non_binary` take `guard_band` (U
    where it is left out), `ilac_g8` takes `ratio` (w = r U), `conformance_probability` the least
    probability at the acceptance limit, `z540_3_method_5` the largest false acceptance `target`
    and a process. `jjf_1094` leaves U out of account where U95 ≤ MPEV/3, else sets an undetermined
    zone.
    """

    name: RequestedRule
    guard_band: Annotated[
        Number | None, Field(description="w at each limit, in the unit of the value.")
    ] = None
    ratio: Annotated[NotNegative | None, Field(description="r of w = r U; 1 by default.")] = None
    conformance_probability: Annotated[
        float | None,
        Field(strict=True, ge=0.5, lt=1, description="0.95 by default."),
    ] = None
    target: Annotated[
        float | None, Field(strict=True, gt=0, lt=1, description="0.02 by default.")
    ] = None


class ProcessRequest(Strict):
    """The items before they are measured: mean and standard deviation, or the share in tolerance.

    By the share alone, the process is taken as normal in the middle of the tolerance interval.
    """

    mean: Number | None = None
    standard_deviation: Positive | None = None
    in_tolerance_probability: Annotated[float | None, Field(strict=True, gt=0, lt=1)] = None


class ConformityRequest(Strict):
    """A measured value, what is permitted, and by which rule it is judged."""

    value: Annotated[Number, Field(description="For instance an error of indication.")]
    unit: Annotated[Unit, Field(description="Of every number here.")] = "1"
    standard_uncertainty: NotNegative | None = None
    expanded_uncertainty: Annotated[
        NotNegative | None, Field(description="U; give it or the standard uncertainty.")
    ] = None
    coverage_factor: Annotated[
        CoverageFactor, Field(description="k, that joins the two uncertainties.")
    ] = 2.0
    tolerance: IntervalRequest | None = None
    maximum_permissible_error: Annotated[
        NotNegative | None, Field(description="MPE, for a tolerance of −MPE to +MPE.")
    ] = None
    standard_maximum_permissible_error: Annotated[
        Positive | None, Field(description="|MPE| of the standard, for the ratio TAR.")
    ] = None
    rule: RuleRequest
    possible: Annotated[
        IntervalRequest | None,
        Field(description="The values the measurand can have at all, such as 0 to 1."),
    ] = None
    process: ProcessRequest | None = None


# ── The answer ───────────────────────────────────────────────────────────────────────────────


class IntervalTold(BaseModel):
    """A closed interval; null is no limit."""

    lower: float | None
    upper: float | None


class AcceptanceTold(IntervalTold):
    """The measured values that the rule accepts."""

    is_empty: Annotated[bool, Field(description="The guard bands leave nothing to accept.")]


class RuleTold(Said):
    """The rule that was applied, in the end."""

    name: RuleName
    guard_band: float
    reason: str


class RisksTold(BaseModel):
    """The risks of the rule for items of the process; `definitions` says what each is."""

    false_acceptance: float
    false_rejection: float
    conditional_false_acceptance: float | None
    conditional_false_rejection: float | None
    accepted_fraction: float
    in_tolerance_probability: float


class ConformityAnswer(BaseModel):
    """A statement of conformity and what it rests on; null is unknown, never certain."""

    verdict: Verdict
    verdict_said: Said
    statement: Annotated[Said, Field(description="The verdict and its rule as a sentence.")]
    value: float
    unit: str
    standard_uncertainty: float | None
    expanded_uncertainty: float | None
    coverage_factor: float
    tolerance: IntervalTold
    acceptance_interval: AcceptanceTold
    rule: RuleTold
    conformance_probability: float | None
    specific_risk: Annotated[
        float | None, Field(description="null where u is unknown or nothing is decided.")
    ]
    tolerance_uncertainty_ratio: float | None
    tolerance_accuracy_ratio: Annotated[
        float | None, Field(description="null where the standard's MPE is not given.")
    ]
    global_risks: RisksTold | None
    definitions: Annotated[
        dict[str, Said], Field(description="What each probability and ratio here means.")
    ]


EXAMPLES: Final[dict[str, Any]] = {
    "jjf_1094": {
        "summary": "The error of indication of a pressure gauge, judged by JJF 1094",
        "value": {
            "value": 0.012,
            "unit": "MPa",
            "expanded_uncertainty": 0.0069,
            "maximum_permissible_error": 0.04,
            "rule": {"name": "jjf_1094"},
        },
    },
    "undetermined": {
        "summary": "Too near the limit for its uncertainty: nothing can be decided",
        "value": {
            "value": 0.035,
            "unit": "MPa",
            "expanded_uncertainty": 0.02,
            "maximum_permissible_error": 0.04,
            "rule": {"name": "jjf_1094"},
        },
    },
    "with_process": {
        "summary": "Guarded acceptance for 2 % false acceptance of a known process",
        "value": {
            "value": 0.7,
            "unit": "mV",
            "standard_uncertainty": 0.125,
            "tolerance": {"lower": -1, "upper": 1},
            "rule": {"name": "z540_3_method_5", "target": 0.02},
            "process": {"in_tolerance_probability": 0.9},
        },
    },
    "one_sided": {
        "summary": "A breakdown voltage with an upper limit (JCGM 106:2012, 7.3)",
        "value": {
            "value": -5.47,
            "unit": "V",
            "standard_uncertainty": 0.05,
            "tolerance": {"upper": -5.40},
            "rule": {"name": "simple_acceptance"},
        },
    },
}


@router.post("")
def make_conformity_statement(
    said: Annotated[ConformityRequest, Body(openapi_examples=EXAMPLES)],
) -> ConformityAnswer:
    """Judge a measured value by a decision rule (JCGM 106, ILAC-G8, JJF 1094); nothing is stored.

    Verdict, rule, acceptance interval, conformance probability and specific risk; for a known
    process also the global and conditional risks. Every probability has its definition beside it,
    for figures of "the" false accept risk differ because the definitions do.
    """
    return stated(said)


# ── Judging ──────────────────────────────────────────────────────────────────────────────────


def stated(said: ConformityRequest) -> ConformityAnswer:
    """Return the statement of conformity that is asked for.

    Raises:
        InvalidField: something in the request cannot be so; points at it.
    """
    u, expanded = _uncertainties(said)
    with _pointing(said), np.errstate(all="ignore"):
        tolerance = _tolerance(said)
        possible = _interval(said.possible, "/possible")
        process = _process(said, tolerance, possible)
        rule = _rule(said, tolerance, u, expanded, process)
        statement = state_conformity(
            said.value, tolerance=tolerance, rule=rule, standard_uncertainty=u
        )
        if possible is not None and u is not None:
            probability = conformance_probability(said.value, u, tolerance, possible=possible)
            statement = replace(statement, conformance_probability=probability)
        found = _global_risks(statement, process)
        ratios = _ratios(said, tolerance, expanded)
    return _answer(said, statement, expanded, found, ratios)


def _uncertainties(said: ConformityRequest) -> tuple[float | None, float | None]:
    """Return u and U, each from the other."""
    u, expanded, k = said.standard_uncertainty, said.expanded_uncertainty, said.coverage_factor
    if u is not None and expanded is not None:
        raise InvalidField(
            "/expanded_uncertainty", "give this or the standard uncertainty, not both"
        )
    if u is not None:
        return u, k * u
    return (None, None) if expanded is None else (expanded / k, expanded)


def _tolerance(said: ConformityRequest) -> ToleranceInterval:
    if (said.tolerance is None) == (said.maximum_permissible_error is None):
        raise InvalidField("/tolerance", "give either this or maximum_permissible_error")
    if said.tolerance is None:
        mpe = said.maximum_permissible_error or 0.0
        return ToleranceInterval.of_maximum_permissible_error(mpe)
    with _within("/tolerance"):
        return ToleranceInterval(lower=said.tolerance.lower, upper=said.tolerance.upper)


def _interval(said: IntervalRequest | None, pointer: str) -> Interval | None:
    if said is None:
        return None
    with _within(pointer):
        found = Interval(lower=said.lower, upper=said.upper)
    if found.lowest > found.highest:
        raise InvalidField(f"{pointer}/lower", "must not exceed upper")
    return found


def _process(
    said: ConformityRequest, tolerance: ToleranceInterval, possible: Interval | None
) -> Process | None:
    asked = said.process
    if asked is None:
        return None
    if said.standard_uncertainty is None and said.expanded_uncertainty is None:
        raise InvalidField("/standard_uncertainty", "the risks of a process need it")
    if asked.in_tolerance_probability is None:
        if asked.mean is None or asked.standard_deviation is None:
            reason = "give mean and standard_deviation, or in_tolerance_probability"
            raise InvalidField("/process", reason)
        with _within("/process"):
            return Process(
                mean=asked.mean, standard_deviation=asked.standard_deviation, possible=possible
            )
    if asked.mean is not None or asked.standard_deviation is not None:
        reason = "not together with mean and standard_deviation"
        raise InvalidField("/process/in_tolerance_probability", reason)
    return replace(
        Process.centred(tolerance, in_tolerance_probability=asked.in_tolerance_probability),
        possible=possible,
    )


def _rule(
    said: ConformityRequest,
    tolerance: ToleranceInterval,
    u: float | None,
    expanded: float | None,
    process: Process | None,
) -> DecisionRule:
    asked = said.rule
    for field in ("guard_band", "ratio", "conformance_probability", "target"):
        if getattr(asked, field) is not None and PARAMETERS.get(asked.name) != field:
            raise InvalidField(f"/rule/{field}", f"the rule {asked.name} takes none")
    if asked.name == "simple_acceptance":
        return simple_acceptance()
    if PARAMETERS.get(asked.name) == "guard_band":
        return _rule_by_guard_band(asked, expanded)
    if u is None or expanded is None:
        raise InvalidField("/expanded_uncertainty", f"the rule {asked.name} needs it")
    if asked.name == "jjf_1094":
        return jjf_1094(expanded, tolerance)
    return _guard_band(asked, tolerance, u, expanded, process).rule()


def _rule_by_guard_band(asked: RuleRequest, expanded: float | None) -> DecisionRule:
    make = {
        "guarded_acceptance": guarded_acceptance,
        "guarded_with_undetermined_zone": guarded_with_undetermined_zone,
        "non_binary": non_binary,
    }[asked.name]
    if asked.guard_band is not None:
        return make(asked.guard_band, reason="w as stated")
    if expanded is None:
        raise InvalidField("/rule/guard_band", "give it, or an uncertainty: w is then U")
    return make(expanded, reason="w = U")


def _guard_band(
    asked: RuleRequest,
    tolerance: ToleranceInterval,
    u: float,
    expanded: float,
    process: Process | None,
) -> risks.GuardBand:
    match asked.name:
        case "ilac_g8":
            ratio = 1.0 if asked.ratio is None else asked.ratio
            return risks.guard_band_of_uncertainty(expanded, ratio=ratio)
        case "conformance_probability":
            return risks.guard_band_for_conformance(u, asked.conformance_probability or 0.95)
        case "z540_3_method_6":
            return risks.guard_band_method_6(expanded, tolerance=tolerance)
        case "root_sum_square":
            return risks.guard_band_root_sum_square(expanded, tolerance=tolerance)
        case "rp_10":
            return risks.guard_band_rp_10(expanded, tolerance=tolerance)
    if process is None:
        raise InvalidField("/process", f"the rule {asked.name} needs it")
    return risks.guard_band_for_false_acceptance(
        process, u, tolerance=tolerance, target=asked.target or 0.02
    )


def _global_risks(statement: ConformityStatement, process: Process | None) -> GlobalRisks | None:
    if process is None or statement.standard_uncertainty is None:
        return None
    return global_risks(
        process,
        statement.standard_uncertainty,
        tolerance=statement.tolerance,
        acceptance=statement.acceptance,
    )


def _ratios(
    said: ConformityRequest, tolerance: ToleranceInterval, expanded: float | None
) -> dict[str, float | None]:
    """Return TUR and TAR; None where one cannot be had."""
    of_standard = said.standard_maximum_permissible_error
    found: dict[str, float | None] = {
        "tolerance_uncertainty_ratio": None,
        "tolerance_accuracy_ratio": None,
    }
    if expanded and isfinite(tolerance.half_width):
        found["tolerance_uncertainty_ratio"] = risks.ratio_of_tolerance_to_uncertainty(
            tolerance, expanded
        )
    if of_standard is not None:
        found["tolerance_accuracy_ratio"] = risks.ratio_of_tolerance_to_accuracy(
            tolerance, of_standard
        )
    return found


@contextmanager
def _pointing(said: ConformityRequest) -> Iterator[None]:
    """Turn an error of the science into one that points at a field of the request."""
    u = "standard_uncertainty" if said.expanded_uncertainty is None else "expanded_uncertainty"
    pointers = {
        "standard_uncertainty": f"/{u}",
        "expanded_uncertainty": f"/{u}",
        "guard_band": "/rule/guard_band",
        "in_tolerance_probability": "/process/in_tolerance_probability",
        "possible": "/possible",
        "tolerance": "/tolerance" if said.tolerance else "/maximum_permissible_error",
        "standard_maximum_permissible_error": "/standard_maximum_permissible_error",
    }
    try:
        yield
    except InvalidInput as error:
        raise InvalidField(pointers.get(error.field, "/rule"), error.reason) from error
    except InvalidField:
        raise
    except (ArithmeticError, ValueError) as error:  # numbers at the end of their range
        reason = "cannot be calculated with this tolerance and uncertainty"
        raise InvalidField("/rule", reason) from error


@contextmanager
def _within(pointer: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise InvalidField(f"{pointer}/{error.field}", error.reason) from error


def _answer(
    said: ConformityRequest,
    statement: ConformityStatement,
    expanded: float | None,
    found: GlobalRisks | None,
    ratios: dict[str, float | None],
) -> ConformityAnswer:
    rule, words = statement.rule, verdict_wording(statement.verdict)
    verdict, named = Said(zh=words.zh, en=words.en), RULES[statement.rule.name]
    because = [rule.reason] if rule.reason else []
    numbers = {name for name, ratio in ratios.items() if ratio is not None}
    numbers |= set(conformity.DEFINITIONS) if found is None else set(risks.DEFINITIONS)
    return ConformityAnswer(
        verdict=statement.verdict,
        verdict_said=verdict,
        statement=Said(
            zh=f"结论：{verdict.zh}。判定规则：{'，'.join([named.zh, *because])}。",
            en=f"Conclusion: {verdict.en}. Decision rule: {', '.join([named.en, *because])}.",
        ),
        value=statement.value,
        unit=said.unit,
        standard_uncertainty=statement.standard_uncertainty,
        expanded_uncertainty=expanded,
        coverage_factor=said.coverage_factor,
        tolerance=IntervalTold.model_validate(statement.tolerance, from_attributes=True),
        acceptance_interval=AcceptanceTold.model_validate(
            statement.acceptance, from_attributes=True
        ),
        rule=RuleTold(
            zh=named.zh,
            en=named.en,
            name=rule.name,
            guard_band=rule.guard_band,
            reason=rule.reason,
        ),
        conformance_probability=statement.conformance_probability,
        specific_risk=statement.specific_risk,
        tolerance_uncertainty_ratio=ratios["tolerance_uncertainty_ratio"],
        tolerance_accuracy_ratio=ratios["tolerance_accuracy_ratio"],
        global_risks=(
            None if found is None else RisksTold.model_validate(found, from_attributes=True)
        ),
        definitions={name: text for name, text in DEFINITIONS.items() if name in numbers},
    )
