"""The short examples in the clauses and annexes of JCGM 100:2008, with their printed figures."""

import pytest

from procedures.budget import evaluate
from procedures.models import compile_model
from procedures.observations import repeated_observations
from procedures.quantities import Correlation, InputQuantity, Rectangular, Triangular, resolution
from procedures.rounding import shorthand


def quantity(symbol, estimate, u, **more):
    return InputQuantity(symbol=symbol, estimate=estimate, standard_uncertainty=u, **more)


def test_4_4_3_twenty_observations_of_a_temperature():
    # table 1: mean 100.145 °C, s = 1.489 °C, u = 0.333 °C
    observed = repeated_observations(
        [
            *(96.90, 98.18, 98.25, 98.61, 99.03, 99.49, 99.56, 99.74, 99.89, 100.07),
            *(100.33, 100.42, 100.68, 100.95, 101.11, 101.20, 101.57, 101.84, 102.36, 102.72),
        ]
    )

    assert observed.mean == pytest.approx(100.145, abs=0.0005)
    assert observed.experimental_standard_deviation == pytest.approx(1.489, abs=0.0005)
    assert observed.standard_uncertainty == pytest.approx(0.333, abs=0.0005)


def test_4_3_7_a_temperature_between_two_limits():
    # 96 °C … 104 °C, nothing else known: u = 2.3 °C; with values near the middle likelier 1.6 °C.
    assert Rectangular(96, 104).standard_uncertainty == pytest.approx(2.3, abs=0.05)
    assert Triangular(96, 104).standard_uncertainty == pytest.approx(1.6, abs=0.05)


def test_f_2_2_1_a_digital_indication():
    # u = 0.29 δx
    assert resolution(10.0, step=1.0).standard_uncertainty == pytest.approx(0.29, abs=0.005)


def test_4_3_3_a_certificate_states_three_standard_deviations():
    # m_S = 1000.000325 g, 240 µg at three standard deviations: u = 80 µg.
    mass = InputQuantity.from_certificate(
        "m_S", 1000.000325, expanded_uncertainty=240e-6, coverage_factor=3, unit="g"
    )

    assert mass.standard_uncertainty == pytest.approx(80e-6)


def test_5_2_2_ten_resistors_in_series():
    # each 1000 Ω, u = 100 mΩ, compared with one standard: u_c = 1 Ω, not 0.32 Ω.
    inputs = [quantity(f"R{i}", 1000, 0.1, unit="Ω") for i in range(1, 11)]
    pairs = [
        Correlation(f"R{i}", f"R{j}", 1, "one standard resistor")
        for i in range(1, 11)
        for j in range(1, i)
    ]
    series = compile_model(" + ".join(x.symbol for x in inputs), [x.symbol for x in inputs])

    assert evaluate(
        series, inputs, correlations=pairs
    ).combined_standard_uncertainty == pytest.approx(1.0, rel=1e-12)
    assert evaluate(series, inputs).combined_standard_uncertainty == pytest.approx(0.32, abs=0.005)


def test_g_4_1_a_product_of_three_means():
    # relative u of 0.25 %, 0.57 %, 0.82 % from 10, 5, 15 readings: 1.03 %, ν_eff = 19.0, U95 2.2 %.
    inputs = [
        quantity("x1", 1, 0.0025, degrees_of_freedom=9),
        quantity("x2", 1, 0.0057, degrees_of_freedom=4),
        quantity("x3", 1, 0.0082, degrees_of_freedom=14),
    ]

    budget = evaluate(compile_model("x1 * x2 * x3", ["x1", "x2", "x3"]), inputs)

    assert budget.combined_standard_uncertainty == pytest.approx(0.0103, abs=0.00005)
    assert budget.effective_degrees_of_freedom == pytest.approx(19.0, abs=0.05)
    k = budget.coverage_factor(0.95, truncated=False)
    assert k == pytest.approx(2.09, abs=0.005)
    assert budget.expanded_uncertainty(k) == pytest.approx(0.022, abs=0.0005)


def test_h_1_7_second_order_terms_of_the_end_gauge():
    # H.1.7: l_S δα θ adds 11.7 nm and l_S α_S δθ 1.7 nm, and u_c grows from 32 nm to 34 nm.
    inputs = [
        quantity("l_S", 50000623.0, 25.0),
        quantity("d", 215.0, 9.7),
        InputQuantity.distributed("delta_alpha", Rectangular.about(0, 1e-6)),
        quantity("theta", -0.1, 0.41),
        InputQuantity.distributed("alpha_S", Rectangular.about(11.5e-6, 2e-6)),
        InputQuantity.distributed("delta_theta", Rectangular.about(0, 0.05)),
    ]
    model = compile_model(
        "l_S + d - l_S * (delta_alpha * theta + alpha_S * delta_theta)", [x.symbol for x in inputs]
    )

    assert round(evaluate(model, inputs).combined_standard_uncertainty) == 32
    budget = evaluate(model, inputs, method="second_order")
    assert round(budget.combined_standard_uncertainty) == 34


def test_7_2_2_the_ways_to_state_a_result():
    assert shorthand(100.02147, 0.00035, unit="g") == "100.021 47(35) g"
