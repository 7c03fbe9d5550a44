"""Several results of the same inputs: how they are correlated, and where they lie together."""

import pickle
from math import inf, log, pi, sqrt

import numpy as np
import pytest

from procedures.errors import InvalidInput, ModelRefused, QuantityUnknown
from procedures.models import compile_complex_model, compile_model
from procedures.multivariate import (
    ComplexQuantity,
    complex_coverage_factor,
    complex_degrees_of_freedom,
    complex_region,
    degrees_of_freedom_of_pair,
    elliptical_region,
    evaluate_all,
    evaluate_complex,
    rectangular_region,
    simulate_all,
)
from procedures.quantities import Correlation, InputQuantity


def quantity(symbol, estimate, u):
    return InputQuantity(symbol=symbol, estimate=estimate, standard_uncertainty=u)


PAIR = compile_model({"first": "s + a", "second": "s + b"}, ["s", "a", "b"])
PAIR_INPUTS = [quantity("s", 10, 0.05), quantity("a", 0, 0.01), quantity("b", 1, 0.02)]


def test_two_instruments_calibrated_against_one_standard_are_correlated():
    result = evaluate_all(PAIR, PAIR_INPUTS, units={"first": "mm"})

    assert result.outputs == ("first", "second")
    assert result.estimates == (10, 11)
    assert result.covariance[0][1] == pytest.approx(0.05**2)
    assert result.correlation("first", "second") == pytest.approx(
        0.05**2 / sqrt((0.05**2 + 0.01**2) * (0.05**2 + 0.02**2))
    )
    assert result.budget("first").unit == "mm"
    with pytest.raises(QuantityUnknown, match="'third'"):
        result.correlation("first", "third")


def test_what_is_certain_is_correlated_with_nothing():
    model = compile_model({"x": "a", "y": "2 * pi"}, ["a"])

    assert evaluate_all(model, [quantity("a", 1, 0.1)]).correlation("x", "y") is None


@pytest.mark.parametrize(
    ("p", "ellipse", "rectangle"),
    [(0.95, 2.45, 2.24), (0.90, 2.15, 1.96), (0.99, 3.03, 2.81)],
)
def test_coverage_factors_of_two_quantities(p, ellipse, rectangle):
    # JCGM 102:2011, 6.5.2, table 1, and 6.5.3.
    result = evaluate_all(PAIR, PAIR_INPUTS)

    assert elliptical_region(result, p).coverage_factor == pytest.approx(ellipse, abs=0.006)
    assert rectangular_region(result, p).coverage_factor == pytest.approx(rectangle, abs=0.006)


def test_regions_of_trials_hold_what_they_say():
    trials = simulate_all(PAIR, PAIR_INPUTS, trials=200_000, seed=4)
    ellipse = trials.elliptical_region(0.95)
    rectangle = trials.rectangular_region(0.95)
    smallest = trials.smallest_region(0.95)
    fresh = simulate_all(PAIR, PAIR_INPUTS, trials=20_000, seed=5).values.T

    assert ellipse.coverage_factor == pytest.approx(sqrt(-2 * log(0.05)), abs=0.01)
    assert np.mean([ellipse.contains(point) for point in fresh]) == pytest.approx(0.95, abs=0.005)
    assert np.mean([rectangle.contains(point) for point in fresh]) == pytest.approx(0.95, abs=0.005)
    first_order = elliptical_region(evaluate_all(PAIR, PAIR_INPUTS), 0.95)
    assert ellipse.content == pytest.approx(first_order.content, rel=0.01)
    assert smallest.area == pytest.approx(first_order.content, rel=0.05)


def test_the_area_of_the_ellipse_of_two_independent_quantities():
    model = compile_model({"x": "a", "y": "b"}, ["a", "b"])
    result = evaluate_all(model, [quantity("a", 0, 0.1), quantity("b", 0, 0.2)])

    region = elliptical_region(result, 0.95)

    assert region.content == pytest.approx(pi * -2 * log(0.05) * 0.1 * 0.2)
    assert region.contains((0, 0))
    assert not region.contains((0.3, 0))


def test_trials_are_repeated_bit_for_bit():
    first, again = (simulate_all(PAIR, PAIR_INPUTS, trials=50_000, seed=9) for _ in range(2))

    assert first.values.tobytes() == again.values.tobytes()
    assert not first.values.flags.writeable


def test_exactly_related_results_have_no_ellipse():
    model = compile_model({"x": "a", "y": "2 * a"}, ["a"])
    result = evaluate_all(model, [quantity("a", 1, 0.1)])

    with pytest.raises(InvalidInput, match="exactly related"):
        elliptical_region(result, 0.95)
    with pytest.raises(InvalidInput, match="coverage_probability"):
        elliptical_region(evaluate_all(PAIR, PAIR_INPUTS), 95)
    alone = simulate_all(compile_model("a", ["a"]), [quantity("a", 1, 0.1)], trials=1000)
    with pytest.raises(InvalidInput, match="a smallest region is of two"):
        alone.smallest_region(0.95)


def test_magnitude_and_phase_of_a_noisy_phasor():
    # JCGM 102:2011, 9.3, table 6 (x1 = 0.001, r = 0): u(magnitude) 0.007, u(phase) 1.744.
    model = compile_model({"mag": "hypot(re, im)", "phase": "atan2(im, re)"}, ["re", "im"])
    inputs = [quantity("re", 0.001, 0.010), quantity("im", 0, 0.010)]

    trials = simulate_all(model, inputs, trials=500_000, seed=2)

    assert trials.estimates[0] == pytest.approx(0.013, abs=0.0005)
    assert sqrt(trials.covariance[0][0]) == pytest.approx(0.007, abs=0.0005)
    assert sqrt(trials.covariance[1][1]) == pytest.approx(1.744, abs=0.004)


# ── Complex quantities ───────────────────────────────────────────────────────────────────────


def test_a_sum_of_three_complex_quantities():
    # R. Willink and B. D. Hall, Metrologia 39 (2002) 365: 11.34 degrees of freedom.
    terms = [
        (((0.96, -0.34), (-0.34, 0.27)), 5),
        (((0.51, 0.33), (0.33, 0.31)), 3),
        (((0.45, 0.28), (0.28, 1.65)), 6),
    ]
    inputs = [
        ComplexQuantity(symbol=f"x{i}", estimate=1j * i, covariance=v, degrees_of_freedom=nu)
        for i, (v, nu) in enumerate(terms)
    ]

    result = evaluate_complex("x0 + x1 + x2", inputs)

    assert result.estimates == (0, 3)
    assert np.array(result.covariance) == pytest.approx(np.array([[1.92, 0.27], [0.27, 2.23]]))
    assert complex_degrees_of_freedom(terms) == pytest.approx(11.34, abs=0.005)
    assert complex_degrees_of_freedom([(v, inf) for v, _ in terms]) == inf


def test_the_coverage_factor_of_a_complex_quantity_grows_with_few_observations():
    assert complex_coverage_factor(0.95, inf) == pytest.approx(2.448, abs=0.001)
    assert complex_coverage_factor(0.95, 4) == pytest.approx(sqrt(8 / 3 * 9.5521), rel=1e-4)
    with pytest.raises(InvalidInput, match="degrees_of_freedom"):
        complex_coverage_factor(0.95, 1)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("z * w", (1 + 2j) * (3 - 1j)),
        ("z / w", (1 + 2j) / (3 - 1j)),
        ("z / 2 + i", (1 + 2j) / 2 + 1j),
        ("z**3 - w**-1", (1 + 2j) ** 3 - 1 / (3 - 1j)),
        ("conj(z) + abs(w)", (1 - 2j) + abs(3 - 1j)),
        ("real(z) - imag(w) * i", 1 + 1j),
        ("exp(log(z))", 1 + 2j),
        ("sqrt(z) * sqrt(z)", 1 + 2j),
        ("arg(i)", pi / 2),
    ],
)
def test_a_complex_formula_is_calculated_in_its_parts(formula, expected):
    model = compile_complex_model(formula, ["z", "w"])
    values = {"z_re": 1.0, "z_im": 2.0, "w_re": 3.0, "w_im": -1.0}

    got = complex(*(model.evaluate(values, output=part) for part in ("y_re", "y_im")))

    assert got == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("formula", "position"), [("z**0.5", 3), ("z**w", 3), ("z**99", 3), ("sin(z)", 0), ("z + q", 4)]
)
def test_a_complex_formula_is_refused_with_a_pointer(formula, position):
    with pytest.raises(ModelRefused) as refusal:
        compile_complex_model(formula, ["z", "w"])

    assert refusal.value.position == position


def test_a_real_quantity_stands_in_a_complex_formula_as_itself():
    model = compile_complex_model("z * r", ["z"], real=["r"])
    values = {"z_re": 1.0, "z_im": 2.0, "r": 3.0}

    assert model.names == ("z_re", "z_im", "r")
    assert [model.evaluate(values, output=part) for part in model.outputs] == [3.0, 6.0]
    assert not model.is_constant("y_im")
    assert compile_complex_model("abs(z)", ["z"]).is_constant("y_im")
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 our own
    assert (again.names, again.complex_names) == (model.names, ("z",))
    for wrong in ({"real": ["z_re"]}, {"real": ["z"]}, {"real": ["i"]}):
        with pytest.raises(InvalidInput, match="names"):
            compile_complex_model("z", ["z"], **wrong)


def test_a_covariance_is_one():
    lopsided = ComplexQuantity(symbol="z", estimate=1, covariance=((1, 0.5), (0.4, 1)))

    with pytest.raises(InvalidInput, match=r"z\.covariance"):
        evaluate_complex("z", [lopsided])
    with pytest.raises(InvalidInput, match="'i' is the imaginary unit"):
        compile_complex_model("i", ["i"])


def test_a_stated_correlation_acts_on_every_output():
    result = evaluate_all(PAIR, PAIR_INPUTS, correlations=[Correlation("a", "b", 1)])

    assert result.covariance[0][1] == pytest.approx(0.05**2 + 0.01 * 0.02)


def test_where_one_output_is_not_first_order_the_covariance_is_that_of_joint_trials():
    # q = (s - 10)²: E q = u², var q = 2u⁴, and the parabola is not correlated with s
    model = compile_model({"first": "s + a", "q": "(s - 10) ** 2"}, ["s", "a"])
    inputs = PAIR_INPUTS[:2]

    result = evaluate_all(model, inputs, method="auto")
    again = evaluate_all(model, inputs, method="auto")

    assert [budget.method for budget in result.budgets] == ["first_order", "monte_carlo"]
    assert result.trials is not None
    assert result.covariance == result.trials.covariance == again.covariance
    assert result.covariance[1][1] == pytest.approx(2 * 0.05**4, rel=0.02)
    assert result.correlation("first", "q") == pytest.approx(0, abs=0.01)


def test_without_a_standard_deviation_or_a_value_the_covariance_stays_that_of_first_order():
    model = compile_model({"first": "s + a", "root": "sqrt(s)"}, ["s", "a"])
    near_zero = [quantity("s", 0.01, 0.004), quantity("a", 1, 0.001)]
    heavy = [
        InputQuantity.from_mapping(q.as_mapping() | {"degrees_of_freedom": 2}) for q in near_zero
    ]

    for inputs in (near_zero, heavy):
        result = evaluate_all(model, inputs, method="second_order")

        assert result.trials is None
        assert result.covariance[0][1] == pytest.approx(0.004**2 / (2 * 0.1), rel=1e-9)


def test_the_region_of_a_complex_result_knows_its_degrees_of_freedom():
    z = ComplexQuantity(
        symbol="z", estimate=1 + 1j, covariance=((4, 1), (1, 9)), degrees_of_freedom=5
    )

    result = evaluate_complex("2 * z", [z])
    region = complex_region(result, "y", 0.95)

    assert degrees_of_freedom_of_pair(result, "y") == pytest.approx(5)
    assert region is not None
    assert region.coverage_factor == pytest.approx(complex_coverage_factor(0.95, 5))
    assert region.covariance == pytest.approx(np.array([[16, 4], [4, 36]]))
    assert complex_region(evaluate_complex("abs(z)", [z]), "y", 0.95) is None
    few = ComplexQuantity(symbol="z", estimate=1, covariance=((1, 0), (0, 1)), degrees_of_freedom=1)
    assert complex_region(evaluate_complex("z", [few]), "y", 0.95) is None


def test_parts_correlated_outside_an_ensemble_have_no_known_degrees_of_freedom():
    model = compile_complex_model("z", ["z"])
    parts = [
        InputQuantity(symbol=s, estimate=1, standard_uncertainty=1, degrees_of_freedom=4)
        for s in model.names
    ]

    related = evaluate_all(model, parts, correlations=[Correlation("z_re", "z_im", 0.5)])
    apart = evaluate_all(model, parts)

    assert degrees_of_freedom_of_pair(related, "y") is None
    assert degrees_of_freedom_of_pair(apart, "y") == pytest.approx((2 + 1 + 2) / (2 / 4 + 2 / 4))
