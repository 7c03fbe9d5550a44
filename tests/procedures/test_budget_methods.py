"""Which method a budget takes: the simplest that is good enough, and it says why."""

import json
from hashlib import sha256
from math import exp, pi, sqrt
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procedures.budget import Reason, evaluate, recompute
from procedures.errors import (
    DegreesOfFreedomUnknown,
    InvalidInput,
    ModelUndefined,
    ProcedureError,
)
from procedures.models import compile_model
from procedures.quantities import (
    Correlation,
    Ensemble,
    Exponential,
    InputQuantity,
    Normal,
    Rectangular,
)


def quantity(symbol, estimate, u, nu=float("inf")):
    return InputQuantity(
        symbol=symbol, estimate=estimate, standard_uncertainty=u, degrees_of_freedom=nu
    )


def budget_of(expression, *inputs, **more):
    names = [x.symbol for x in inputs]
    return evaluate(compile_model(expression, names), inputs, **({"method": "auto"} | more))


def reasons(budget):
    return [remark.reason for remark in budget.remarks]


def test_a_linear_model_of_normal_quantities_stays_first_order():
    budget = budget_of("a + 2 * b", quantity("a", 1, 0.1, 9), quantity("b", 1, 0.1))

    assert budget.method == "first_order"
    assert reasons(budget) == [Reason.LINEAR]


def test_a_model_curved_little_over_its_uncertainties_stays_first_order():
    budget = budget_of("a * b", quantity("a", 1, 0.001), quantity("b", 1, 0.001))

    assert budget.method == "first_order"
    assert reasons(budget) == [Reason.SECOND_ORDER_NEGLIGIBLE]
    assert budget.second_order is not None


def test_a_curved_model_climbs_and_is_judged_by_trials():
    budget = budget_of("exp(x)", quantity("x", 0, 0.2))

    exact = sqrt((exp(0.04) - 1) * exp(0.04))
    assert reasons(budget) == [Reason.SECOND_ORDER_SIGNIFICANT, Reason.REFUTED_BY_MONTE_CARLO]
    assert budget.method == "monte_carlo"
    assert budget.combined_standard_uncertainty == pytest.approx(exact, abs=0.005)
    assert budget.coverage_interval(0.95).low == pytest.approx(exp(-0.392), abs=0.005)
    assert budget.comparison is not None
    assert not budget.comparison.agrees


def test_the_distance_of_two_nearly_equal_points_is_not_differentiable():
    budget = budget_of("abs(a - b)", quantity("a", 1, 0.1), quantity("b", 1, 0.1))

    half_normal = sqrt(0.02) * sqrt(1 - 2 / pi)
    assert reasons(budget)[0] is Reason.DERIVATIVE_MISSING
    assert budget.combined_standard_uncertainty == pytest.approx(half_normal, rel=0.02)
    with pytest.raises(ModelUndefined, match="no derivative by a, b"):
        budget_of("abs(a - b)", quantity("a", 1, 1), quantity("b", 1, 1), method="first_order")


def test_a_kink_near_the_estimate_is_seen_by_trials():
    near = budget_of("abs(x)", quantity("x", 0.01, 1))
    far = budget_of("abs(x)", quantity("x", 10, 1))

    assert reasons(near) == [Reason.NOT_SMOOTH, Reason.REFUTED_BY_MONTE_CARLO]
    assert near.combined_standard_uncertainty == pytest.approx(sqrt(1 - 2 / pi), rel=0.02)
    assert reasons(far) == [Reason.NOT_SMOOTH, Reason.CONFIRMED_BY_MONTE_CARLO]
    assert far.method == "first_order"


def test_degrees_of_freedom_of_a_vanishing_derivative_are_unknown_not_infinite():
    budget = budget_of("x**2", quantity("x", 0, 1, 4), method="second_order")

    assert budget.effective_degrees_of_freedom is None
    assert reasons(budget) == [Reason.DEGREES_OF_FREEDOM_UNKNOWN]
    with pytest.raises(DegreesOfFreedomUnknown):
        budget.coverage_factor(0.95)


def test_one_dominant_rectangle_is_not_covered_by_two_u():
    # EA-4/02, S9: k = 1.65 covers 95 % of a dominant rectangular contribution.
    budget = budget_of(
        "a + b",
        InputQuantity.distributed("a", Rectangular.about(0.1, 0.05)),
        quantity("b", 0, 0.001),
    )

    assert Reason.NOT_NORMAL in reasons(budget)
    assert budget.remarks[1].symbols == ("a",)
    assert budget.method == "monte_carlo"
    assert budget.coverage_factor(0.95) == pytest.approx(1.65, abs=0.01)
    with pytest.raises(InvalidInput, match=r"the trials were evaluated for 0\.95"):
        budget.coverage_factor(0.99)


def test_trials_can_confirm_what_was_doubted():
    # Three equal rectangles: kurtosis says doubtful, 101's clause 8 with two digits says fine.
    rectangles = [InputQuantity.distributed(s, Rectangular.about(0, 1)) for s in "abc"]
    budget = budget_of("a + b + c", *rectangles, coverage_probability=0.9)

    assert budget.effective_degrees_of_freedom == float("inf")
    assert budget.method == "first_order"


def test_a_skewed_input_is_far_from_normal():
    budget = budget_of("a", InputQuantity.distributed("a", Exponential(3)))

    assert budget.method == "monte_carlo"
    assert budget.coverage_interval(0.95).low > 0


def test_second_order_of_a_product_is_exact():
    # JCGM 100:2008, 5.1.2, note: u² = b²u_a² + a²u_b² + u_a²u_b².
    budget = budget_of("a * b", quantity("a", 2, 0.3), quantity("b", 5, 0.4), method="second_order")

    exact = sqrt(25 * 0.09 + 4 * 0.16 + 0.09 * 0.16)
    assert budget.combined_standard_uncertainty == pytest.approx(exact, rel=1e-12)
    assert budget.estimate == 10


def test_second_order_takes_the_third_derivative_with_the_first():
    # JCGM 100:2008, 5.1.2, note: of exp(x) about 0, u² (1 + 3u²/2); the bias is u²/2.
    budget = budget_of("exp(x)", quantity("x", 0, 0.1), method="second_order")

    assert budget.combined_standard_uncertainty == pytest.approx(sqrt(0.01 + 1.5e-4), rel=1e-12)
    assert budget.estimate == pytest.approx(1.005, rel=1e-12)


def test_second_order_knows_the_shape_of_the_input():
    # x² of a rectangle on ±1: mean 1/3, variance 4/45.
    x = InputQuantity.distributed("x", Rectangular(-1, 1))

    budget = budget_of("x**2", x, method="second_order")

    assert budget.estimate == pytest.approx(1 / 3)
    assert budget.combined_standard_uncertainty == pytest.approx(sqrt(4 / 45))


def test_second_order_of_correlated_quantities():
    # a·a written as two fully correlated inputs is a².
    pair = [quantity("a", 0, 0.3), quantity("b", 0, 0.3)]
    product = budget_of("a * b", *pair, correlations=[Correlation("a", "b", 1)])
    square = budget_of("a**2", pair[0])

    assert product.second_order == square.second_order


@settings(deadline=None, max_examples=20)
@given(st.floats(-2, 2), st.floats(0.05, 0.5), st.floats(-2, 2), st.floats(0.05, 0.5))
def test_second_order_of_a_quadratic_is_what_trials_show(a, ua, b, ub):
    inputs = [quantity("a", a, ua), quantity("b", b, ub)]
    exact = budget_of("a**2 - a * b + b", *inputs, method="second_order")
    trials = budget_of("a**2 - a * b + b", *inputs, method="monte_carlo")

    assert trials.monte_carlo is not None
    assert trials.estimate == pytest.approx(exact.estimate, abs=4 * trials.monte_carlo.tolerance)
    assert trials.combined_standard_uncertainty == pytest.approx(
        exact.combined_standard_uncertainty, rel=0.02
    )


def test_a_model_with_no_value_in_some_trials_is_not_validated():
    budget = budget_of("sqrt(x)", quantity("x", 0.3, 0.15))

    assert budget.method == "second_order"
    assert reasons(budget)[-1] is Reason.MONTE_CARLO_HAS_NO_VALUE


def test_a_method_nobody_knows_is_refused():
    with pytest.raises(InvalidInput, match="method"):
        budget_of("x", quantity("x", 1, 0.1), method="third_order")
    with pytest.raises(InvalidInput, match="coverage_probability"):
        budget_of("x", quantity("x", 1, 0.1), coverage_probability=95)


@pytest.mark.parametrize("method", ["first_order", "second_order", "monte_carlo", "auto"])
def test_a_stored_budget_recomputes_bit_for_bit(method):
    inputs = [
        quantity("a", 2, 0.3, 5),
        quantity("b", 5, 0.4),
        InputQuantity.distributed("c", Normal(1, 0.2), source="manual"),
    ]
    budget = budget_of(
        "a * b**2 / c",
        *inputs,
        correlations=[Correlation("a", "b", 0.3, "same bridge")],
        ensembles=[Ensemble(("a", "b"), 5)],
        method=method,
        seed=7,
        unit="W",
    )

    stored = json.loads(json.dumps(budget.as_mapping(), allow_nan=False))
    again = recompute(stored)

    assert again == budget
    assert again.content_hash == budget.content_hash


def test_a_stored_budget_of_another_kind_is_not_read():
    with pytest.raises(InvalidInput, match="schema"):
        recompute({"schema": "somebody/else/1"})
    with pytest.raises(InvalidInput, match="inputs: is missing"):
        recompute({"schema": "suyuan/uncertainty-budget/1"})


def test_a_budget_with_a_shared_influence_recomputes_too():
    shared = UUID(int=3)
    inputs = [
        InputQuantity(
            symbol=symbol,
            estimate=1,
            standard_uncertainty=0.1,
            degrees_of_freedom=6,
            influence_id=shared,
        )
        for symbol in "ab"
    ]
    budget = budget_of("a * b", *inputs)

    assert recompute(budget.as_mapping()).content_hash == budget.content_hash


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"correlations": [{"first": "a"}]}, "correlations"),
        ({"ensembles": [{}]}, "ensembles"),
        ({"ensembles": 3}, "ensembles"),
        ({"requested": "guess"}, "method"),
        ({"seed": -1, "requested": "monte_carlo"}, "seed"),
        ({"trials": {"rules": "stein"}}, "trials"),
        ({"trials": {"rule": "often"}}, "rule"),
        ({"trials": {"significant_digits": 3}}, "significant_digits"),
        ({"trials": {"rule": "fixed", "significant_digits": 2}}, "trials"),
        ({"complex": 3}, "complex"),
    ],
    ids=str,
)
def test_a_stored_budget_that_was_spoiled_is_refused_by_its_field(change, field):
    content = budget_of("a", quantity("a", 1, 0.1)).as_mapping()

    with pytest.raises(InvalidInput) as error:
        recompute(content | change)

    assert error.value.field == field


@pytest.mark.parametrize("expression", ["a", "a**2", "exp(a) * a", "0 * a"])
@pytest.mark.parametrize("method", ["first_order", "second_order", "monte_carlo", "auto"])
def test_no_value_and_no_uncertainty_are_answered(expression, method):
    budget = budget_of(expression, quantity("a", 0, 0), method=method)

    assert budget.estimate == 0
    assert budget.combined_standard_uncertainty == 0
    assert budget.relative_standard_uncertainty is None


def test_an_uncertainty_too_small_to_be_squared_is_not_lost():
    budget = budget_of("a + b", quantity("a", 0, 3e-200, 4), quantity("b", 0, 4e-200, 4))

    assert budget.combined_standard_uncertainty == pytest.approx(5e-200)
    assert [row.share for row in budget.contributions] == pytest.approx([0.36, 0.64])
    assert budget.effective_degrees_of_freedom == pytest.approx(625 / (81 + 256) * 4)


# ── What a reader of a stored budget can check ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("u_of_a", "method"), [(0.1, "auto"), (0.1, "monte_carlo"), (0, "auto"), (0, "first_order")]
)
def test_a_derivative_that_is_missing_is_stored_as_null_and_can_be_checked(u_of_a, method):
    budget = budget_of("abs(a) + b", quantity("a", 0, u_of_a), quantity("b", 1, 0.2), method=method)

    stored = json.loads(json.dumps(budget.as_mapping(), allow_nan=False))

    canonical = json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert sha256(canonical.encode()).hexdigest() == budget.content_hash
    assert recompute(stored).content_hash == budget.content_hash
    of_a, of_b = stored["contributions"]
    assert of_a["sensitivity_coefficient"] is None
    assert of_a["standard_uncertainty"] == (None if u_of_a else 0)
    assert of_b["sensitivity_coefficient"] == 1
    assert of_b["share"] == (None if u_of_a else 1)


def test_a_result_with_neither_derivative_nor_standard_deviation_is_refused():
    with pytest.raises(ModelUndefined, match="neither a standard deviation nor a derivative by a"):
        budget_of("abs(a)", quantity("a", 0, 0.1, 2))


EXTREMES = [0.0, 5e-324, 1e-320, 1e-200, 1e-80, 1.0, 1e80, 1e155, 1e200, 1e307, 1.7e308]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(
        ["a + b", "a - b", "a * b", "a / b", "a**2 + b", "abs(a) * b", "exp(a) + b", "hypot(a, b)"]
    ),
    st.tuples(*[st.sampled_from(EXTREMES)] * 4),
    st.tuples(*[st.sampled_from([1, 2, 5, float("inf")])] * 2),
    st.sampled_from(["first_order", "second_order", "auto"]),
    st.booleans(),
)
def test_numbers_at_the_edge_are_answered_finitely_or_refused_by_name(
    expression, numbers, nus, method, correlated
):
    x, y, u, v = numbers
    pairs = [Correlation("a", "b", 0.5)] if correlated else []
    groups = [Ensemble(("a", "b"), 5)] if correlated else []

    try:
        budget = budget_of(
            expression,
            quantity("a", x, u, nus[0]),
            quantity("b", y, v, nus[1]),
            correlations=pairs,
            ensembles=groups,
            method=method,
        )
    except ProcedureError:
        return

    assert json.dumps(budget.as_mapping(), allow_nan=False)
    nu = budget.effective_degrees_of_freedom
    assert nu is None or nu >= 1 - 1e-9
