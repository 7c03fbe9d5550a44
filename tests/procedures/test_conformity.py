"""Statements of conformity: an error of indication against ±0.0256 MPa, and the rules that judge.

The gauge is that of the pressure-gauge example: MPEV 0.0256 MPa, U = 0.006856 MPa (k = 2).
"""

import json
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.conformity import (
    DEFINITIONS,
    AcceptanceInterval,
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
    tail_probabilities,
)
from procedures.errors import InvalidInput

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text("utf-8"))[
    "vectors"
]
GAUGE = ToleranceInterval.of_maximum_permissible_error(0.0256)
U = 0.006856391467


def test_jjf_1094_leaves_uncertainty_aside_up_to_a_third_of_the_limit():
    assert jjf_1094(U, GAUGE).name is RuleName.SIMPLE_ACCEPTANCE
    assert jjf_1094(0.0086, GAUGE).name is RuleName.GUARDED_WITH_UNDETERMINED_ZONE

    third = ToleranceInterval.of_maximum_permissible_error(0.3)
    assert jjf_1094(0.1, third).name is RuleName.SIMPLE_ACCEPTANCE


@pytest.mark.parametrize(
    ("error", "simple", "guarded"),
    [
        (0.012, "pass", "pass"),
        (0.020, "pass", "undetermined"),
        (0.024, "pass", "undetermined"),
        (0.030, "fail", "undetermined"),
        (0.034, "fail", "fail"),
        (-0.034, "fail", "fail"),
    ],
)
def test_the_published_decisions_are_reproduced(error, simple, guarded):
    assert simple_acceptance().verdict(error, GAUGE) == simple
    assert guarded_with_undetermined_zone(U).verdict(error, GAUGE) == guarded


def test_a_value_at_the_acceptance_limit_passes_although_binary_arithmetic_says_less():
    tolerance = ToleranceInterval.of_maximum_permissible_error(0.3)
    assert 0.3 - 0.1 < 0.2

    assert guarded_acceptance(0.1).verdict(0.2, tolerance) is Verdict.PASS


def test_at_the_limits_of_the_undetermined_zone_the_verdict_is_clear():
    tolerance = ToleranceInterval.of_maximum_permissible_error(1.0)
    rule = guarded_with_undetermined_zone(0.25)

    assert rule.verdict(0.75, tolerance) is Verdict.PASS
    assert rule.verdict(1.0, tolerance) is Verdict.UNDETERMINED
    assert rule.verdict(1.25, tolerance) is Verdict.FAIL


def test_the_non_binary_rule_says_conditional_within_the_guard_band():
    tolerance = ToleranceInterval.of_maximum_permissible_error(1.0)
    rule = non_binary(0.25)

    verdicts = [rule.verdict(error, tolerance) for error in (0.75, 1.0, 1.1, 1.25)]
    assert verdicts == [
        Verdict.PASS,
        Verdict.CONDITIONAL_PASS,
        Verdict.CONDITIONAL_FAIL,
        Verdict.FAIL,
    ]


def test_a_negative_guard_band_rejects_only_what_is_surely_out():
    tolerance = ToleranceInterval.of_maximum_permissible_error(1.0)

    assert guarded_acceptance(-0.25).verdict(1.2, tolerance) is Verdict.PASS
    assert guarded_acceptance(0.25).verdict(0.8, tolerance) is Verdict.FAIL


def test_a_guard_band_wider_than_the_tolerance_accepts_nothing():
    rule = guarded_acceptance(0.03)

    assert rule.acceptance_interval(GAUGE).is_empty
    assert rule.verdict(0.0, GAUGE) is Verdict.FAIL


def test_a_statement_carries_what_it_rests_on():
    statement = state_conformity(
        0.02, tolerance=GAUGE, rule=jjf_1094(U, GAUGE), standard_uncertainty=U / 2
    )

    assert statement.verdict is Verdict.PASS
    assert statement.rule.reason == "U95 ≤ MPEV/3 (JJF 1094)"
    assert statement.acceptance == AcceptanceInterval(lower=-0.0256, upper=0.0256)
    assert statement.conformance_probability == pytest.approx(0.94882, abs=1e-5)
    assert statement.specific_risk == pytest.approx(1 - 0.94882, abs=1e-5)


def test_of_a_rejected_item_the_risk_is_that_it_was_good():
    statement = state_conformity(
        0.03, tolerance=GAUGE, rule=simple_acceptance(), standard_uncertainty=U / 2
    )

    assert statement.verdict is Verdict.FAIL
    assert statement.specific_risk == statement.conformance_probability
    assert statement.specific_risk == pytest.approx(0.0997, abs=1e-4)


def test_without_an_uncertainty_the_probability_is_unknown_and_not_one():
    statement = state_conformity(0.02, tolerance=GAUGE, rule=simple_acceptance())

    assert statement.verdict is Verdict.PASS
    assert statement.conformance_probability is None
    assert statement.specific_risk is None


def test_an_undecided_item_has_no_risk_of_a_wrong_verdict():
    statement = state_conformity(
        0.024,
        tolerance=GAUGE,
        rule=guarded_with_undetermined_zone(U),
        standard_uncertainty=U / 2,
    )

    assert statement.verdict is Verdict.UNDETERMINED
    assert statement.specific_risk is None


def test_the_zener_diode_of_jcgm_106_conforms_with_probability_0_92():
    assert round(conformance_probability(-5.47, 0.05, ToleranceInterval(upper=-5.40)), 2) == 0.92


def test_every_published_specific_risk_is_reproduced():
    (vector,) = [vector for vector in VECTORS if vector["id"] == "specific-risk-normal"]

    assert len(vector["expected"]["items"]) == 4
    for item in vector["expected"]["items"]:
        tolerance = ToleranceInterval(lower=item["lower"], upper=item["upper"])
        lower, upper = tail_probabilities(item["y"], item["u"], tolerance)
        probability = conformance_probability(item["y"], item["u"], tolerance)
        assert lower == pytest.approx(item["risk_lower"]["value"], rel=1e-9, abs=0)
        assert upper == pytest.approx(item["risk_upper"]["value"], rel=1e-9, abs=0)
        assert probability == pytest.approx(item["p_conform"]["value"], abs=1e-12)


def test_a_mass_fraction_is_never_more_than_one():
    limit = ToleranceInterval(lower=0.99)

    unbounded = conformance_probability(0.999, 0.005, limit)
    bounded = conformance_probability(0.999, 0.005, limit, possible=Interval(lower=0, upper=1))

    # Φ((1 - 0.999)/0.005) - Φ((0.99 - 0.999)/0.005) over Φ((1 - 0.999)/0.005)
    assert unbounded == pytest.approx(0.964070, abs=1e-6)
    assert bounded == pytest.approx((0.579260 - 0.035930) / 0.579260, abs=1e-5)


def test_an_exactly_known_value_conforms_or_does_not():
    assert conformance_probability(0.0256, 0.0, GAUGE) == 1.0
    assert conformance_probability(0.0257, 0.0, GAUGE) == 0.0


def test_every_probability_has_a_definition_to_print_beside_it():
    assert "true value lies in the tolerance interval" in DEFINITIONS["conformance_probability"]
    assert "verdict on this item is wrong" in DEFINITIONS["specific_risk"]


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        pytest.param(ToleranceInterval, "lower", id="no limit at all"),
        pytest.param(lambda: ToleranceInterval(lower=1, upper=-1), "lower", id="limits swapped"),
        pytest.param(lambda: ToleranceInterval(upper=nan), "upper", id="limit not a number"),
        pytest.param(
            lambda: ToleranceInterval.of_maximum_permissible_error(-0.1),
            "maximum_permissible_error",
            id="negative mpe",
        ),
        pytest.param(lambda: guarded_acceptance(inf), "guard_band", id="infinite guard band"),
        pytest.param(lambda: non_binary(-0.1), "guard_band", id="negative zone"),
        pytest.param(
            lambda: DecisionRule(name=RuleName.SIMPLE_ACCEPTANCE, guard_band=0.1),
            "guard_band",
            id="simple acceptance with a guard band",
        ),
        pytest.param(lambda: jjf_1094(-1, GAUGE), "expanded_uncertainty", id="negative U"),
        pytest.param(
            lambda: jjf_1094(0.1, ToleranceInterval(upper=1)), "tolerance", id="one-sided"
        ),
        pytest.param(
            lambda: simple_acceptance().verdict(nan, GAUGE), "value", id="value not a number"
        ),
        pytest.param(
            lambda: conformance_probability(0, -1, GAUGE), "standard_uncertainty", id="negative u"
        ),
        pytest.param(
            lambda: conformance_probability(9, 0.1, GAUGE, possible=Interval(upper=1)),
            "possible",
            id="measured value not possible",
        ),
    ],
)
def test_a_question_of_conformity_that_makes_no_sense_is_refused_by_field(ask, field):
    with pytest.raises(InvalidInput) as refused:
        ask()

    assert refused.value.field == field


@given(
    error=st.floats(-3, 3),
    guard_band=st.floats(0, 2),
    tolerance=st.floats(0.001, 2).map(ToleranceInterval.of_maximum_permissible_error),
)
def test_a_guard_band_never_turns_a_fail_into_a_pass(error, guard_band, tolerance):
    guarded = guarded_acceptance(guard_band).verdict(error, tolerance)
    simple = simple_acceptance().verdict(error, tolerance)

    assert not (guarded is Verdict.PASS and simple is Verdict.FAIL)


@given(estimate=st.floats(-5, 5), u=st.floats(0.001, 5), shift=st.floats(-5, 5))
def test_only_the_distance_to_the_limits_matters(estimate, u, shift):
    here = conformance_probability(estimate, u, ToleranceInterval(lower=-1, upper=1))
    there = conformance_probability(
        estimate + shift, u, ToleranceInterval(lower=-1 + shift, upper=1 + shift)
    )

    assert 0 <= here <= 1
    assert here == pytest.approx(there, abs=1e-9)
