"""Which method a budget takes: the simplest that is good enough, and it says why."""

import json
from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procedures.budget import Propagation, Reason, evaluate, recompute
from procedures.errors import InvalidInput, ModelUndefined, QuantityUnknown
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
    budget = budget_of("exp(x)", quantity("x", 0, 0.5))

    exact = sqrt((exp(0.25) - 1) * exp(0.25))
    assert reasons(budget) == [Reason.SECOND_ORDER_SIGNIFICANT, Reason.REFUTED_BY_MONTE_CARLO]
    assert budget.method == "monte_carlo"
    assert budget.combined_standard_uncertainty == pytest.approx(exact, abs=0.005)
    assert budget.coverage_interval(0.95).low == pytest.approx(exp(-0.98), abs=0.005)
    assert budget.comparison is not None
    assert not budget.comparison.agrees


def test_the_distance_of_two_nearly_equal_points_is_not_differentiable():
    budget = budget_of("abs(a - b)", quantity("a", 1, 0.1), quantity("b", 1, 0.1))

    half_normal = sqrt(0.02) * sqrt(1 - 2 / 3.141592653589793)
    assert reasons(budget)[0] is Reason.DERIVATIVE_MISSING
    assert budget.combined_standard_uncertainty == pytest.approx(half_normal, rel=0.02)
    with pytest.raises(ModelUndefined, match="no derivative by a, b"):
        budget_of("abs(a - b)", quantity("a", 1, 1), quantity("b", 1, 1), method="first_order")


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


# ── Many budgets of one model ────────────────────────────────────────────────────────────────


def test_many_measurements_of_one_model_have_the_same_budgets_one_by_one():
    model = compile_model("V / I * cos(phi)", ["V", "I", "phi"])
    nu = {"V": 9, "phi": 4}
    propagation = Propagation(model, nu)
    rows = [(5.0 + i / 1000, 0.02, 1.0 + i / 5000) for i in range(5000)]
    u = (0.003, 1e-5, 0.001)

    y, combined, effective = propagation.many(list(np.array(rows).T), [np.float64(x) for x in u])

    for i in (0, 4095, 4096, 4999):
        inputs = [
            quantity(name, x, ux, nu.get(name, float("inf")))
            for name, x, ux in zip(model.names, rows[i], u, strict=True)
        ]
        budget = evaluate(model, inputs)
        expected = (
            budget.estimate,
            budget.combined_standard_uncertainty,
            budget.effective_degrees_of_freedom,
        )
        assert (y[i], combined[i], effective[i]) == pytest.approx(expected, rel=1e-12)
        assert propagation.one(rows[i], u) == pytest.approx(expected, rel=1e-12)


def test_a_propagation_names_what_it_cannot_take():
    model = compile_model("1 / x", ["x"])

    with pytest.raises(QuantityUnknown, match="'z'"):
        Propagation(model, {"z": 4})
    with pytest.raises(InvalidInput, match=r"x\.degrees_of_freedom"):
        Propagation(model, {"x": 0.5})
    with pytest.raises(ModelUndefined):
        Propagation(model).one([0.0], [0.1])
    assert Propagation(model).one([2.0], [0.0]) == (0.5, 0.0, float("inf"))
