"""Propagation of distributions: what is drawn, when it stops, and that it can be repeated."""

from math import exp, inf, log, nan, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from procedures.errors import InvalidInput, ModelUndefined
from procedures.models import compile_model
from procedures.monte_carlo import (
    Interval,
    MonteCarloResult,
    Sampler,
    compare,
    numerical_tolerance,
    simulate,
)
from procedures.quantities import (
    Correlation,
    CurvilinearTrapezoidal,
    Ensemble,
    Exponential,
    Gamma,
    InputQuantity,
    Normal,
    Rectangular,
    StudentT,
    Trapezoidal,
    Triangular,
    UShaped,
)


def quantity(symbol, estimate, u, nu=inf):
    return InputQuantity(
        symbol=symbol, estimate=estimate, standard_uncertainty=u, degrees_of_freedom=nu
    )


def drawn(distribution, size=200_000):
    model = compile_model("x", ["x"])
    sampler = Sampler(model, [InputQuantity.distributed("x", distribution)])
    (values,) = sampler.draw(7, 0, size)
    return np.asarray(values)


SHAPES = {
    "normal": (Normal(1, 2), stats.norm(1, 2)),
    "t": (StudentT(1, 2, 5), stats.t(5, 1, 2)),
    "rectangular": (Rectangular(1, 3), stats.uniform(1, 2)),
    "triangular": (Triangular(1, 3), stats.triang(0.5, 1, 2)),
    "u-shaped": (UShaped(1, 3), stats.arcsine(1, 2)),
    "trapezoidal": (Trapezoidal(1, 3, 0.5), stats.trapezoid(0.25, 0.75, 1, 2)),
    "exponential": (Exponential(3), stats.expon(0, 3)),
    "gamma": (Gamma(13, 0.5), stats.gamma(13, 0, 0.5)),
}


@pytest.mark.parametrize(("distribution", "expected"), SHAPES.values(), ids=SHAPES)
def test_what_is_drawn_has_the_distribution(distribution, expected):
    assert stats.kstest(drawn(distribution), expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize(("distribution", "expected"), SHAPES.values(), ids=SHAPES)
def test_what_is_drawn_correlated_has_it_too(distribution, expected):
    model = compile_model("x + z", ["x", "z"])
    inputs = [InputQuantity.distributed("x", distribution), quantity("z", 0, 1)]
    sampler = Sampler(model, inputs, [Correlation("x", "z", 0.7)])

    x, z = sampler.draw(7, 0, 200_000)

    assert stats.kstest(np.asarray(x), expected.cdf).pvalue > 1e-3
    assert np.corrcoef(x, z)[0, 1] == pytest.approx(0.7, abs=0.08)  # a normal copula's r


@pytest.mark.parametrize(("distribution", "expected"), SHAPES.values(), ids=SHAPES)
def test_a_distribution_knows_its_own_shape(distribution, expected):
    skewness, excess_kurtosis = (float(m) for m in expected.stats("sk"))

    assert distribution.skewness == pytest.approx(skewness, abs=1e-9)
    if distribution.kind != "t":  # budgets take a t as the normal it stands for
        assert distribution.excess_kurtosis == pytest.approx(excess_kurtosis, abs=1e-9)


def test_limits_that_are_inexact_round_the_rectangle():
    shape = CurvilinearTrapezoidal.about(0, 1, inexactness=0.5)
    values = drawn(shape, 1_000_000)

    assert values.std() == pytest.approx(shape.standard_uncertainty, rel=2e-3)
    assert np.abs(values).max() <= 1.5
    assert stats.kurtosis(values) == pytest.approx(shape.excess_kurtosis, abs=0.01)


def test_a_mean_of_few_readings_is_drawn_from_students_t():
    # JCGM 101:2008, 6.4.9: u = s/√n is the scale; the standard deviation is larger.
    result = simulate(
        compile_model("x", ["x"]), [quantity("x", 0, 1, 5)], seed=1, rule="fixed", trials=1_000_000
    )

    assert result.standard_uncertainty == pytest.approx(sqrt(5 / 3), rel=0.01)
    assert result.symmetric.high == pytest.approx(2.571, abs=0.015)


@pytest.mark.parametrize(("nu", "has_mean"), [(2, True), (1, False)])
def test_what_an_input_does_not_have_is_unknown_not_large(nu, has_mean):
    result = simulate(compile_model("x", ["x"]), [quantity("x", 0, 1, nu)], seed=1, tolerance=0.5)

    assert result.standard_uncertainty is None
    assert (result.estimate is not None) is has_mean
    assert result.median == pytest.approx(0, abs=0.1)
    assert result.symmetric.high == pytest.approx(stats.t.ppf(0.975, nu), abs=0.5)


def test_an_ensemble_is_one_multivariate_t():
    model = compile_model("a - b", ["a", "b"])
    inputs = [quantity("a", 1, 0.1), quantity("b", 2, 0.1)]

    result = simulate(
        model,
        inputs,
        seed=1,
        correlations=[Correlation("a", "b", 0.5)],
        ensembles=[Ensemble(("a", "b"), 8)],
        rule="fixed",
        trials=1_000_000,
    )

    assert result.estimate == pytest.approx(-1, abs=1e-3)
    assert result.standard_uncertainty == pytest.approx(0.1 * sqrt(8 / 6), rel=0.01)
    assert result.symmetric.high + 1 == pytest.approx(0.1 * stats.t.ppf(0.975, 8), rel=0.01)


def test_a_curvilinear_trapezoid_is_not_drawn_correlated():
    inputs = [
        InputQuantity.distributed("a", CurvilinearTrapezoidal.about(0, 1, inexactness=0.1)),
        quantity("b", 0, 1),
    ]

    with pytest.raises(InvalidInput, match=r"a\.distribution"):
        simulate(
            compile_model("a + b", ["a", "b"]),
            inputs,
            seed=1,
            correlations=[Correlation("a", "b", 0.5)],
        )


# ── Repeating a run ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"rule": "jcgm101"},
        {"rule": "fixed", "trials": 100_001},
        {"tolerance": 0.05, "coverage_probability": 0.99},
    ],
    ids=["stein", "jcgm101", "fixed", "wider"],
)
def test_a_run_is_repeated_bit_for_bit(choice):
    model = compile_model("a * exp(b)", ["a", "b"])
    inputs = [quantity("a", 2, 0.1, 9), InputQuantity.distributed("b", Rectangular(0, 0.1))]

    first, again = (simulate(model, inputs, seed=42, **choice) for _ in range(2))

    assert first == again
    assert first != simulate(model, inputs, seed=43, **choice)


def test_more_trials_begin_with_the_same_ones():
    model = compile_model("a", ["a"])
    sampler = Sampler(model, [quantity("a", 0, 1)])

    short, long = (sampler.draw(1, 0, size)[0] for size in (10, 1000))

    assert np.asarray(short).tolist() == np.asarray(long)[:10].tolist()


def test_progress_is_told_to_the_end():
    told: list[tuple[int, int]] = []

    simulate(
        compile_model("a", ["a"]),
        [quantity("a", 0, 1)],
        seed=1,
        rule="fixed",
        trials=100_000,
        progress=lambda done, planned: told.append((done, planned)),
    )

    assert told[-1] == (100_000, 100_000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# ── When it stops, and what it says ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("u", "digits", "delta"),
    [  # JCGM 101:2008, 7.9.2: u = 0.00035 g, 2 digits, δ = 0.000005; and u = 2 K, 1 digit, 0.5 K
        (0.00035, 2, 0.000005),
        (2, 1, 0.5),
        (35.8, 2, 0.5),
        (0.0996, 2, 0.005),  # is 0.10
        (0.999, 1, 0.5),  # is 1
        (1e-300, 2, 5e-302),
        (1e-321, 2, 5e-323),
    ],
)
def test_the_tolerance_is_half_a_unit_of_the_last_digit(u, digits, delta):
    assert numerical_tolerance(u, significant_digits=digits) == pytest.approx(delta, rel=1e-12)


@pytest.mark.parametrize("u", [0, -1, nan, inf])
def test_there_is_no_tolerance_of_no_uncertainty(u):
    with pytest.raises(InvalidInput, match="standard_uncertainty"):
        numerical_tolerance(u)


@pytest.mark.parametrize("u", [5e-324, 1e-323])
def test_an_uncertainty_whose_tolerance_is_no_float_is_refused(u):
    with pytest.raises(InvalidInput, match="too small to have a tolerance") as error:
        numerical_tolerance(u)

    assert error.value.field == "standard_uncertainty"


@pytest.mark.parametrize("u", [1e-200, 1e200, 1.7e308])
@pytest.mark.parametrize("choice", [{"rule": "stein"}, {"rule": "jcgm101"}, {"trials": 10_000}])
def test_trials_whose_squares_are_no_floats_are_refused_by_name(u, choice):
    rule = {"rule": "fixed"} | choice

    with pytest.raises(ModelUndefined, match=r"^y: "):
        simulate(compile_model("a", ["a"]), [quantity("a", 0, u)], seed=1, **rule)


def test_a_tolerance_out_of_all_proportion_is_not_reached():
    result = simulate(
        compile_model("a", ["a"]),
        [quantity("a", 0, 1)],
        seed=1,
        tolerance=1e-300,
        most_trials=200_000,
    )

    assert not result.tolerance_reached


def test_it_says_when_the_tolerance_is_out_of_reach():
    result = simulate(
        compile_model("a", ["a"]),
        [quantity("a", 0, 1)],
        seed=1,
        tolerance=1e-6,
        most_trials=300_000,
    )

    assert not result.tolerance_reached
    assert result.trials == 300_000


def test_a_certain_result_has_an_interval_of_no_width():
    result = simulate(compile_model("2 * a", ["a"]), [quantity("a", 3, 0)], seed=1)

    assert (result.estimate, result.standard_uncertainty) == (6, 0)
    assert result.symmetric == result.shortest == Interval(6, 6)
    assert result.tolerance_reached


def test_the_shortest_interval_of_a_skewed_result_begins_at_its_steep_side():
    # JCGM 101:2008, 9.4.2.2.1 with δ = x² of a normal about 0: exact end −2σ² ln 0.05.
    inputs = [quantity("X1", 0, 0.005), quantity("X2", 0, 0.005)]
    result = simulate(
        compile_model("X1**2 + X2**2", ["X1", "X2"]), inputs, seed=3, rule="fixed", trials=1_000_000
    )

    assert result.shortest.low == pytest.approx(0, abs=1e-7)
    assert result.shortest.high == pytest.approx(-5e-5 * log(0.05), rel=0.01)
    assert result.symmetric.low == pytest.approx(-5e-5 * log(0.975), rel=0.02)


def test_a_model_without_a_value_in_some_trials_says_in_how_many():
    with pytest.raises(ModelUndefined, match=r"no finite value in \d+ of 10000 trials"):
        simulate(compile_model("sqrt(x)", ["x"]), [quantity("x", 1, 1)], seed=1)


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"coverage_probability": 95}, "coverage_probability"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"rule": "until tired"}, "rule"),
        ({"trials": 10_000}, "trials"),
        ({"rule": "fixed"}, "trials"),
        ({"rule": "fixed", "trials": 10}, "trials"),
        ({"tolerance": 0}, "tolerance"),
        ({"tolerance": nan}, "tolerance"),
    ],
    ids=str,
)
def test_a_choice_out_of_range_is_named(choice, field):
    with pytest.raises(InvalidInput) as error:
        simulate(compile_model("a", ["a"]), [quantity("a", 0, 1)], **({"seed": 1} | choice))

    assert error.value.field == field


def result_with(low, high):
    return MonteCarloResult(
        output="y",
        estimate=0,
        standard_uncertainty=2,
        median=0,
        coverage_probability=0.95,
        symmetric=Interval(low, high),
        shortest=Interval(low, high),
        trials=10**6,
        rule="fixed",
        seed=1,
        tolerance=None,
        tolerance_reached=False,
    )


def test_clause_8_compares_both_ends():
    assert compare(-3.92, 3.92, result_with(-3.88, 3.88), tolerance=0.05).agrees
    assert not compare(-3.92, 3.92, result_with(-3.88, 3.86), tolerance=0.05).agrees
    verdict = compare(-3.92, 3.92, result_with(-3.88, 3.86), tolerance=0.05)
    assert verdict.largest_difference == pytest.approx(0.06)


@settings(deadline=None, max_examples=25)
@given(st.floats(-5, 5), st.floats(0.01, 3), st.floats(0.5, 0.99), st.integers(0, 1000))
def test_the_estimate_lies_in_its_interval_and_the_shortest_is_shortest(x, u, p, seed):
    result = simulate(
        compile_model("exp(x)", ["x"]),
        [quantity("x", x, u)],
        seed=seed,
        coverage_probability=p,
        rule="fixed",
        trials=20_000,
    )

    assert result.symmetric.low < result.median < result.symmetric.high
    shortest = result.shortest.high - result.shortest.low
    # 20 000 trials tell lengths apart to about a hundredth
    assert shortest <= 1.03 * (result.symmetric.high - result.symmetric.low)
    assert result.median == pytest.approx(exp(x), rel=0.2 * u * pi)
