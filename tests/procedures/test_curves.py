"""Calibration curves: the published fits, what they predict, and curves of other forms."""

import json
from math import nan, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from procedures.curves import (
    CurveNotFound,
    NotOnCurve,
    Polynomial,
    PolynomialFromZero,
    Power,
    fit_generalized,
    fit_ordinary,
    fit_weighted,
)
from procedures.errors import InvalidInput

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text("utf-8"))[
    "vectors"
]
# ISO/TS 28037:2010, clause 7: both coordinates uncertain
X = [1.2, 1.9, 2.9, 4.0, 4.7, 5.9]
Y = [3.4, 4.4, 7.2, 8.5, 10.8, 13.5]
U_X = [0.2] * 6
U_Y = [0.2, 0.2, 0.2, 0.4, 0.4, 0.4]


def regression_vectors(method):
    return [vector for vector in VECTORS if vector.get("method") == method]


def figures(curve):
    return {
        "intercept": curve.coefficients[0],
        "slope": curve.coefficients[1],
        "u_intercept": curve.standard_uncertainties[0],
        "u_slope": curve.standard_uncertainties[1],
        "correlation": curve.correlation(0, 1),
        "cov": curve.covariance[0][1],
        "s": curve.residual_standard_deviation,
        "ssr": curve.chi_squared,
        "chi2": curve.chi_squared,
        "chi2_crit_95": curve.critical_chi_squared(),
        "chi2_over_dof": curve.chi_squared / curve.degrees_of_freedom,
    }


def assert_published(curve, expected):
    named = {
        name: entry
        for name, entry in expected.items()
        if isinstance(entry, dict) and "tol_abs" in entry
    }
    found = figures(curve)
    assert {name: found[name] for name in named} == {
        name: pytest.approx(entry["value"], abs=entry["tol_abs"]) for name, entry in named.items()
    }
    assert len(named) >= 4


def test_the_thermometer_of_the_guide_has_its_printed_correction_curve():
    (vector,) = [v for v in regression_vectors("ols") if v["id"] == "GUM-H3"]

    curve = fit_ordinary(vector["x"], vector["y"])  # t - 20 °C, b in °C

    assert curve.coefficients == pytest.approx((-0.1712, 0.00218), abs=5e-5)
    assert curve.standard_uncertainties == pytest.approx((0.0029, 0.00067), abs=5e-5)
    assert curve.correlation(0, 1) == pytest.approx(-0.930, abs=5e-4)
    assert curve.residual_standard_deviation == pytest.approx(0.0035, abs=5e-5)
    assert curve.degrees_of_freedom == 9
    at_30 = curve.predict(10.0)
    assert at_30.value == pytest.approx(-0.1494, abs=5e-5)
    assert at_30.standard_uncertainty == pytest.approx(0.0041, abs=5e-5)
    assert at_30.is_extrapolated


def test_every_published_ordinary_fit_is_reproduced():
    vectors = regression_vectors("ols")

    assert len(vectors) == 4
    for vector in vectors:
        assert_published(fit_ordinary(vector["x"], vector["y"]), vector["expected"])


def test_a_new_observation_is_less_certain_than_the_mean_curve():
    (vector,) = [v for v in regression_vectors("ols") if v["id"] == "Natrella-5-4.1"]

    curve = fit_ordinary(vector["x"], vector["y"])

    for published in vector["expected"]["predict"]:
        mean = curve.predict(published["x"])
        single = curve.predict_observation(published["x"])
        assert mean.value == single.value
        assert mean.value == pytest.approx(published["mean"]["value"], rel=1e-12)
        assert mean.standard_uncertainty == pytest.approx(published["u_mean"]["value"], rel=1e-9)
        assert single.standard_uncertainty == pytest.approx(
            published["u_single"]["value"], rel=1e-9
        )


def test_a_weighted_line_and_its_inverse_are_those_of_iso_28037():
    (vector,) = regression_vectors("wls")

    curve = fit_weighted(vector["x"], vector["y"], uncertainty_of_y=vector["u_y"])

    assert_published(curve, vector["expected"])
    (published,) = vector["expected"]["inverse"]
    inverse = curve.invert(published["y"], standard_uncertainty=published["u_y"])
    assert inverse.value == pytest.approx(published["x"]["value"], rel=1e-9)
    assert inverse.standard_uncertainty == pytest.approx(published["u_x"]["value"], rel=1e-9)
    assert curve.p_value is not None
    assert curve.p_value > 0.05
    assert curve.chi_squared < curve.critical_chi_squared()


def test_the_data_of_pearson_with_the_weights_of_york_have_the_known_line():
    (vector,) = regression_vectors("gdr")

    curve = fit_generalized(
        vector["x"],
        vector["y"],
        uncertainty_of_x=vector["u_x"],
        uncertainty_of_y=vector["u_y"],
    )

    assert_published(curve, vector["expected"])
    assert curve.coefficients == pytest.approx((5.47991022, -0.480533407), abs=1e-8)


def test_a_polynomial_from_zero_is_zero_there_and_reads_backwards():
    curve = fit_ordinary([1, 2, 3, 4], [2.1, 3.9, 6.2, 7.9], form=PolynomialFromZero(1))

    assert curve.degrees_of_freedom == 3
    assert curve.coefficients == pytest.approx(((2.1 + 7.8 + 18.6 + 31.6) / 30,))
    assert curve.predict(0.0).value == curve.predict(0.0).standard_uncertainty == 0
    assert curve.invert(curve.predict(2.5).value).value == pytest.approx(2.5)


def test_the_gas_analysis_function_of_iso_6143_is_reproduced():
    (vector,) = regression_vectors("iso6143_gdr")
    content, u_content, response, u_response = zip(*vector["calibration"], strict=True)
    expected = vector["expected"]

    curve = fit_generalized(
        response, content, uncertainty_of_x=u_response, uncertainty_of_y=u_content
    )

    assert list(curve.coefficients) == [
        pytest.approx(b["value"], abs=b["tol_abs"]) for b in expected["b"]
    ]
    assert list(curve.standard_uncertainties) == [
        pytest.approx(u["value"], abs=u["tol_abs"]) for u in expected["u_b"]
    ]
    assert curve.chi_squared == pytest.approx(expected["sum_sq"]["value"], rel=1e-9)
    gamma = expected["gamma_max_residual"]["value"]
    assert curve.largest_weighted_deviation == pytest.approx(gamma, rel=1e-6)
    for (measured, u), published in zip(vector["measurements"], expected["x"], strict=True):
        result = curve.predict(measured, standard_uncertainty=u)
        assert result.value == pytest.approx(published["value"]["value"], rel=1e-7)
        assert result.standard_uncertainty == pytest.approx(published["u"]["value"], rel=1e-6)


def test_full_covariance_matches_an_independent_minimisation():
    x, y = np.array(X), np.array(Y)
    n = len(x)
    generator = np.random.default_rng(3)
    root = 0.2 * (np.eye(2 * n) + 0.3 * generator.normal(size=(2 * n, 2 * n)))
    covariance = root @ root.T

    curve = fit_generalized(
        x,
        y,
        uncertainty_of_x=covariance[:n, :n],
        uncertainty_of_y=covariance[n:, n:],
        covariance_of_x_and_y=covariance[:n, n:],
    )

    whiten = np.linalg.inv(np.linalg.cholesky(covariance))

    def whitened_distances(p):
        return whiten @ np.concatenate((x - p[2:], y - p[0] - p[1] * p[2:]))

    independent = least_squares(
        whitened_distances, np.concatenate(([0.5, 2.0], x)), xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    assert curve.coefficients == pytest.approx(tuple(independent.x[:2]), rel=1e-6)
    assert curve.chi_squared == pytest.approx(2 * independent.cost, rel=1e-9)
    jacobian = np.asarray(independent.jac)
    expected = np.linalg.inv(jacobian.T @ jacobian)[:2, :2]
    assert np.array(curve.covariance) == pytest.approx(expected, rel=1e-4)


def test_without_uncertainty_of_x_the_generalized_fit_is_the_weighted_one():
    generalized = fit_generalized(
        X,
        Y,
        uncertainty_of_x=[0.0] * 6,
        uncertainty_of_y=U_Y,
    )
    weighted = fit_weighted(X, Y, uncertainty_of_y=U_Y)

    assert generalized.coefficients == pytest.approx(weighted.coefficients, rel=1e-12)
    assert np.array(generalized.covariance) == pytest.approx(
        np.array(weighted.covariance), rel=1e-12
    )


def test_a_common_error_of_all_points_stays_in_the_intercept():
    x, y = [1.0, 2.0, 3.0, 4.0], [1.1, 1.9, 3.2, 3.9]
    own = 0.1**2 * np.eye(4)

    apart = fit_weighted(x, y, uncertainty_of_y=own)
    together = fit_weighted(x, y, uncertainty_of_y=own + 0.5**2)

    assert together.coefficients == pytest.approx(apart.coefficients, rel=1e-9)
    assert together.standard_uncertainties[1] == pytest.approx(apart.standard_uncertainties[1])
    assert together.standard_uncertainties[0] == pytest.approx(
        sqrt(apart.standard_uncertainties[0] ** 2 + 0.5**2)
    )


def test_a_cubic_of_a_furnace_keeps_its_digits_at_1500_degrees():
    t = np.linspace(0.0, 1500.0, 16)
    emf = 0.1 + 0.04 * t + 2e-5 * t**2 - 5e-9 * t**3

    curve = fit_weighted(t, emf, uncertainty_of_y=[0.01] * 16, form=Polynomial(3))

    assert curve.coefficients == pytest.approx((0.1, 0.04, 2e-5, -5e-9), rel=1e-9)
    back = curve.invert(float(emf[7]), standard_uncertainty=0.01)
    assert back.value == pytest.approx(t[7], rel=1e-10)


def test_a_parabola_agrees_with_numpy():
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    y = np.array([1.0, 2.2, 4.9, 10.3, 16.8, 26.1])

    curve = fit_ordinary(x, y, form=Polynomial(2))

    coefficients, covariance = np.polyfit(x, y, 2, cov=True)
    assert curve.coefficients == pytest.approx(tuple(coefficients[::-1]), rel=1e-9)
    assert np.array(curve.covariance) == pytest.approx(covariance[::-1, ::-1], rel=1e-9)


def test_a_power_curve_through_exact_points_is_found():
    response = np.array([0.2, 0.8, 2.0, 3.5, 5.0])
    content = 0.3 + 4.0 * response**1.2

    curve = fit_generalized(
        response,
        content,
        uncertainty_of_x=0.01 * response,
        uncertainty_of_y=0.01 * content,
        form=Power(),
    )

    assert curve.coefficients == pytest.approx((0.3, 4.0, 0.2), rel=1e-8)
    assert curve.largest_weighted_deviation == pytest.approx(0, abs=1e-6)
    assert curve.invert(0.3 + 4.0 * 2.5**1.2).value == pytest.approx(2.5, rel=1e-9)


@pytest.mark.parametrize(
    ("form", "truth"),
    [(Polynomial(2), (0.5, 2.0, 0.1)), (Power(), (0.5, 2.0, 0.15))],
    ids=["parabola", "power"],
)
def test_the_stated_covariance_is_the_scatter_of_repeated_calibrations(form, truth):
    x = np.linspace(1.0, 6.0, 8)
    y = form.values(x, np.array(truth))
    generator = np.random.default_rng(11)
    u_x, u_y = np.full(8, 0.01), np.full(8, 0.02)
    fits = [
        fit_generalized(
            x + generator.normal(0, u_x),
            y + generator.normal(0, u_y),
            uncertainty_of_x=u_x,
            uncertainty_of_y=u_y,
            form=form,
        )
        for _ in range(400)
    ]

    scatter = np.std([fit.coefficients for fit in fits], axis=0, ddof=1)
    stated = np.mean([fit.standard_uncertainties for fit in fits], axis=0)
    assert stated == pytest.approx(scatter, rel=0.12)
    assert np.mean([fit.chi_squared for fit in fits]) == pytest.approx(5, rel=0.1)


def test_a_value_met_twice_or_never_is_not_read_off():
    x = [-2.0, -1.0, 0.0, 1.0, 2.0]
    parabola = fit_ordinary(x, [4.1, 0.9, 0.1, 0.9, 4.1], form=Polynomial(2))

    with pytest.raises(NotOnCurve) as twice:
        parabola.invert(1.0)
    with pytest.raises(NotOnCurve, match="nowhere"):
        parabola.invert(-5.0)

    assert len(twice.value.found) == 2


def test_a_straight_line_is_read_backwards_outside_its_interval_and_says_so():
    line = fit_ordinary([0.0, 1.0, 2.0], [0.0, 1.1, 1.9])

    assert line.invert(5.0).is_extrapolated
    assert not line.invert(1.0).is_extrapolated


def test_points_exactly_on_a_line_have_no_residual_uncertainty():
    line = fit_ordinary([0.0, 1.0, 2.0], [1.0, 2.0, 3.0])

    assert line.residual_standard_deviation == pytest.approx(0, abs=1e-12)
    assert line.correlation(0, 1) <= 0


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        pytest.param(lambda: fit_ordinary([], []), "x", id="no points"),
        pytest.param(lambda: fit_ordinary([1, 2], [1, 2]), "x", id="no scatter to judge by"),
        pytest.param(lambda: fit_ordinary([1, 2, 3], [1, 2]), "y", id="unequal"),
        pytest.param(lambda: fit_ordinary([1, 2, nan], [1, 2, 3]), "x", id="nan"),
        pytest.param(lambda: fit_ordinary([1, 2, 3], ["1", "2", "three"]), "y", id="text"),
        pytest.param(lambda: Polynomial(0), "order", id="order 0"),
        pytest.param(
            lambda: fit_ordinary([0, 1, 2, 3], [0, 1, 2, 3], form=Power()), "x", id="power at 0"
        ),
        pytest.param(
            lambda: fit_weighted([1, 2], [1, 2], uncertainty_of_y=[0.1, -0.1]),
            "uncertainty_of_y",
            id="u < 0",
        ),
        pytest.param(
            lambda: fit_weighted([1, 2], [1, 2], uncertainty_of_y=[0.1]),
            "uncertainty_of_y",
            id="one u for two",
        ),
        pytest.param(
            lambda: fit_weighted([1, 2], [1, 2], uncertainty_of_y=[[1, 2], [2, 1]]),
            "uncertainty_of_y",
            id="impossible covariance",
        ),
        pytest.param(
            lambda: fit_weighted([1, 2], [1, 2], uncertainty_of_y=[[1.0, 0.5], [0.0, 1.0]]),
            "uncertainty_of_y",
            id="not symmetric",
        ),
        pytest.param(
            lambda: fit_weighted([1, 2], [1, 2], uncertainty_of_y=[1, 1]).predict_observation(1),
            "residual_standard_deviation",
            id="no s",
        ),
        pytest.param(
            lambda: fit_ordinary([1, 2, 3], [1, 2, 4]).predict(nan), "x", id="x not a number"
        ),
        pytest.param(
            lambda: fit_ordinary([1, 2, 3], [1, 2, 4]).invert(1, standard_uncertainty=-1),
            "standard_uncertainty",
            id="u(y) < 0",
        ),
    ],
)
def test_a_fit_that_cannot_be_asked_for_is_refused_by_field(ask, field):
    with pytest.raises(InvalidInput) as refused:
        ask()

    assert refused.value.field == field


def test_points_over_one_x_determine_no_line():
    with pytest.raises(CurveNotFound, match="too few different x"):
        fit_ordinary([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])


def test_a_point_known_exactly_cannot_be_weighted():
    with pytest.raises(CurveNotFound, match="no uncertainty"):
        fit_weighted([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], uncertainty_of_y=[0.1, 0.0, 0.1])


lines = st.tuples(
    st.floats(-100, 100),
    st.floats(0.1, 10),
    st.lists(st.floats(-0.3, 0.3), min_size=5, max_size=5),
)


@given(lines)
def test_a_line_read_forwards_and_backwards_is_where_it_started(line):
    a, b, noise = line
    x = np.arange(5.0)
    curve = fit_weighted(x, a + b * x + b * np.array(noise), uncertainty_of_y=[0.2] * 5)

    there = curve.predict(2.5).value

    assert curve.invert(there).value == pytest.approx(2.5, abs=1e-9)


@given(lines)
def test_exchanging_the_axes_of_an_uncertain_line_gives_the_same_line(line):
    a, b, noise = line
    x = np.arange(5.0)
    y = a + b * x + 0.3 * b * np.array(noise)
    u_x, u_y = np.full(5, 0.1), np.full(5, 0.1 * b)

    one = fit_generalized(x, y, uncertainty_of_x=u_x, uncertainty_of_y=u_y)
    other = fit_generalized(y, x, uncertainty_of_x=u_y, uncertainty_of_y=u_x)

    assert other.coefficients[1] == pytest.approx(1 / one.coefficients[1], rel=1e-6)
    assert other.chi_squared == pytest.approx(one.chi_squared, rel=1e-6, abs=1e-9)


def test_numbers_beyond_the_range_of_floats_are_refused_by_name():
    with pytest.raises(CurveNotFound):
        fit_ordinary([1, 2, 3, 1e200], [1, 2, 3, 4], form=Polynomial(2))
    with pytest.raises(InvalidInput, match="uncertainty_of_y"):
        fit_weighted([1, 2, 3], [1, 2, 3], uncertainty_of_y=[1, 1, 1e160])
