"""JCGM 100:2008, H.3: a thermometer's corrections b(t) = y_1 + y_2 (t − t_0), by least squares.

Eleven observed temperatures t_k and corrections b_k in °C, table H.6; t_0 = 20 °C is exact.
"""

import pytest

from procedures.curves import fit_ordinary

T_0 = 20.0
TEMPERATURES = [
    21.521, 22.012, 22.512, 23.003, 23.507, 23.999, 24.513, 25.002, 25.503, 26.010, 26.511,
]  # fmt: skip
CORRECTIONS = [
    -0.171, -0.169, -0.166, -0.159, -0.164, -0.165, -0.156, -0.157, -0.159, -0.161, -0.160,
]  # fmt: skip


def curve_about(t_0):
    return fit_ordinary([t - t_0 for t in TEMPERATURES], CORRECTIONS)


def test_h_3_3_intercept_and_slope_with_their_correlation():
    curve = curve_about(T_0)

    assert curve.coefficients == pytest.approx((-0.1712, 0.00218), abs=5e-5)
    assert curve.coefficients[1] == pytest.approx(0.00218, abs=5e-6)
    u_1, u_2 = curve.standard_uncertainties
    assert u_1 == pytest.approx(0.0029, abs=5e-5)
    assert u_2 == pytest.approx(0.00067, abs=5e-6)
    assert curve.correlation(0, 1) == pytest.approx(-0.930, abs=5e-4)
    assert curve.residual_standard_deviation == pytest.approx(0.0035, abs=5e-5)


@pytest.mark.parametrize(
    ("k", "predicted", "difference"),
    [(0, -0.1679, -0.0031), (3, -0.1646, 0.0056), (6, -0.1614, 0.0054), (10, -0.1570, -0.0030)],
)
def test_table_h6_predicted_corrections(k, predicted, difference):
    at = curve_about(T_0).predict(TEMPERATURES[k] - T_0)

    assert at.value == pytest.approx(predicted, abs=5e-5)
    assert CORRECTIONS[k] - at.value == pytest.approx(difference, abs=5e-5)


def test_h_3_4_the_correction_at_30_degrees_needs_the_correlation():
    curve = curve_about(T_0)

    at_30 = curve.predict(30.0 - T_0)

    assert at_30.value == pytest.approx(-0.1494, abs=5e-5)
    assert at_30.standard_uncertainty == pytest.approx(0.0041, abs=5e-5)
    assert at_30.is_extrapolated
    u_1, u_2 = curve.standard_uncertainties
    assert (u_1**2 + (10 * u_2) ** 2) ** 0.5 > 0.007  # what leaving the correlation out would say


def test_h_3_5_about_the_mean_temperature_nothing_is_correlated():
    mean = sum(TEMPERATURES) / len(TEMPERATURES)

    curve = curve_about(mean)

    assert mean == pytest.approx(24.0085, abs=5e-5)
    assert curve.correlation(0, 1) == pytest.approx(0, abs=1e-9)
    assert curve.coefficients[0] == pytest.approx(-0.1625, abs=5e-5)
    assert curve.standard_uncertainties[0] == pytest.approx(0.0011, abs=5e-5)
    at_30 = curve.predict(30.0 - mean)  # as before
    assert at_30.value == pytest.approx(-0.1494, abs=5e-5)
    assert at_30.standard_uncertainty == pytest.approx(0.0041, abs=5e-5)
