"""EA-4/02 M:2022, supplements 1 and 2: calibrations with their printed budgets.

S1 and S8 are introductions. S13, the ring gauge, is missing: we do not know its inputs securely.
"""

from math import sqrt

import pytest

from procedures.budget import evaluate
from procedures.coverage import trapezoidal_coverage_factor
from procedures.models import compile_model
from procedures.observations import repeated_observations
from procedures.quantities import InputQuantity, Rectangular, Triangular, UShaped


def budget_of(expression, inputs, **more):
    return evaluate(compile_model(expression, [x.symbol for x in inputs]), inputs, **more)


def normal(symbol, estimate, u, **more):
    return InputQuantity(symbol=symbol, estimate=estimate, standard_uncertainty=u, **more)


def within(symbol, estimate, half_width):
    return InputQuantity.distributed(symbol, Rectangular.about(estimate, half_width))


def test_s2_a_weight_of_10_kg():
    # grams: m_X = 10.000 025 kg ± 59 mg, u = 29.3 mg (printed from rounded contributions)
    inputs = [
        InputQuantity.from_certificate("m_S", 10_000.005, expanded_uncertainty=0.045),
        within("dm_D", 0, 0.015),
        normal("dm", 0.020, 0.025 / sqrt(3)),
        within("dm_C", 0, 0.010),
        within("dB", 0, 0.010),
    ]

    budget = budget_of("m_S + dm_D + dm + dm_C + dB", inputs, unit="g")

    assert budget.estimate == pytest.approx(10_000.025, abs=1e-9)
    assert budget.combined_standard_uncertainty == pytest.approx(0.0293, abs=0.0002)
    assert budget.expanded_uncertainty(2) == pytest.approx(0.059, abs=0.001)


def test_s3_a_standard_resistor_of_10_kohm():
    # ohms: 10 000.178 Ω ± 0.017 Ω, u = 8.33 mΩ; five readings of the ratio r of two resistors
    ratio = repeated_observations([1.0000104, 1.0000107, 1.0000106, 1.0000103, 1.0000105])
    inputs = [
        InputQuantity.from_certificate("R_S", 10_000.053, expanded_uncertainty=0.005),
        within("dR_D", 0.020, 0.010),
        within("dR_TS", 0, 0.002_75),
        within("dR_TX", 0, 0.005_5),
        InputQuantity.distributed("r_C", Triangular.about(1.0, 1.0e-6)),
        ratio.as_input("r"),
    ]

    budget = budget_of("(R_S + dR_D + dR_TS) * r_C * r - dR_TX", inputs, unit="Ω")

    assert budget.estimate == pytest.approx(10_000.178, abs=0.0005)
    assert budget.combined_standard_uncertainty == pytest.approx(0.00833, abs=5e-6)
    assert budget.expanded_uncertainty(2) == pytest.approx(0.017, abs=0.0005)
    assert budget.contribution("dR_D").standard_uncertainty == pytest.approx(0.0058, abs=5e-5)
    assert budget.contribution("r_C").standard_uncertainty == pytest.approx(0.0041, abs=5e-5)
    assert budget.contribution("r").standard_uncertainty == pytest.approx(0.0007, abs=5e-5)


def test_s4_a_gauge_block_of_50_mm():
    # nanometres: 49.999 926 mm ± 73 nm, u = 36.4 nm; δα Δt̄ enters as one input
    inputs = [
        InputQuantity.from_certificate("l_S", 50_000_020, expanded_uncertainty=30),
        within("dl_D", 0, 30),
        normal("dl", -94, 12 / sqrt(5)),
        within("dl_C", 0, 32),
        within("dt", 0, 0.05),
        normal("dadt", 0, 0.236e-6),
        within("dl_V", 0, 6.7),
    ]

    budget = budget_of("l_S + dl_D + dl + dl_C - 50e6 * (11.5e-6 * dt + dadt) - dl_V", inputs)

    assert budget.estimate == pytest.approx(49_999_926)
    assert budget.combined_standard_uncertainty == pytest.approx(36.4, abs=0.06)
    assert budget.contribution("dt").standard_uncertainty == pytest.approx(16.6, abs=0.05)
    assert budget.contribution("dadt").standard_uncertainty == pytest.approx(11.8, abs=0.05)


def test_s5_a_thermocouple_and_the_temperature_of_its_furnace():
    # °C: two type R thermocouples give the furnace 1000.5 °C, u = 0.641 °C
    furnace = budget_of(
        "t_S + dt_S + 0.077 * (dV_1 + dV_2 + dV_R) - 0.077 / 0.189 * dt_0 + dt_D + dt_F",
        [
            normal("t_S", 1000.5, 0.10, degrees_of_freedom=9, evaluation="A"),
            InputQuantity.from_certificate("dt_S", 0, expanded_uncertainty=0.3),
            normal("dV_1", 0, 1.00),
            within("dV_2", 0, 0.50),
            within("dV_R", 0, 2.0),
            within("dt_0", 0, 0.1),
            within("dt_D", 0, 0.3),
            within("dt_F", 0, 1.0),
        ],
        unit="°C",
    )
    assert furnace.estimate == pytest.approx(1000.5)
    assert furnace.combined_standard_uncertainty == pytest.approx(0.641, abs=0.0005)
    assert furnace.expanded_uncertainty(2) == pytest.approx(1.3, abs=0.05)

    # microvolts: the type N thermocouple gives 36 229 µV ± 50 µV at 1000 °C
    thermocouple = budget_of(
        "V_iX + dV_1 + dV_2 + dV_R + dV_LX + Dt / 0.026 - dt_0 / 0.039",
        [
            normal("V_iX", 36_248, 1.60, degrees_of_freedom=9, evaluation="A"),
            normal("dV_1", 0, 1.00),
            within("dV_2", 0, 0.50),
            within("dV_R", 0, 2.0),
            within("dV_LX", 0, 5.0),
            normal("Dt", 1000 - furnace.estimate, furnace.combined_standard_uncertainty),
            within("dt_0", 0, 0.1),
        ],
        unit="µV",
    )
    assert thermocouple.estimate == pytest.approx(36_229, abs=0.5)
    assert thermocouple.combined_standard_uncertainty == pytest.approx(25.0, abs=0.05)
    assert thermocouple.expanded_uncertainty(2) == pytest.approx(50, abs=0.5)


def test_s6_a_power_sensor_whose_mismatch_matters_most():
    # K_X = 0.933 ± 0.032, u = 0.0162; reflection coefficients of 0.02 and 0.07 (transfer standard),
    # 0.02 and 0.10 (reference sensor), 0.02 and 0.12 (unknown) at 50 MHz and at the high frequency
    def mismatch(symbol, source, load):
        return InputQuantity.distributed(symbol, UShaped.about(1, 2 * source * load))

    ratio = repeated_observations([0.9772, 0.9671, 0.9836])
    inputs = [
        normal("K_S", 0.957, 0.0055),
        within("dK_D", -0.001, 0.002),
        mismatch("M_Sr", 0.02, 0.02),
        mismatch("M_Sc", 0.07, 0.10),
        mismatch("M_Xr", 0.02, 0.02),
        mismatch("M_Xc", 0.07, 0.12),
        normal("p_Cr", 1, 0.0014),
        normal("p_Cc", 1, 0.0014),
        ratio.as_input("p"),
    ]

    budget = budget_of("(K_S + dK_D) * M_Sr * M_Xc / (M_Sc * M_Xr) * p_Cr * p_Cc * p", inputs)

    assert budget.estimate == pytest.approx(0.933, abs=0.0005)
    assert budget.combined_standard_uncertainty == pytest.approx(0.0162, abs=0.0001)
    assert budget.expanded_uncertainty(2) == pytest.approx(0.032, abs=0.0005)
    assert budget.contribution("p").standard_uncertainty == pytest.approx(0.0046, abs=5e-5)
    assert max(budget.contributions, key=lambda row: row.share or 0).symbol == "M_Xc"


def test_s7_a_step_attenuator():
    # 30.043 dB ± 0.045 dB, u = 0.0224 dB, dominated by the mismatch
    inputs = [
        normal("L_S", 30.0402, 0.0091, degrees_of_freedom=3, evaluation="A"),
        within("dL_S", 0.0030, 0.0025 * sqrt(3)),
        InputQuantity.distributed("dL_D", UShaped.about(0, 0.0014 * sqrt(2))),
        InputQuantity.distributed("dL_M", UShaped.about(0, 0.0200 * sqrt(2))),
        InputQuantity.distributed("dL_K", UShaped.about(0, 0.0030)),
        within("dL_ib", 0, 0.0003 * sqrt(3)),
        within("dL_ia", 0, 0.0003 * sqrt(3)),
        normal("dL_0b", 0, 0.0020),
        normal("dL_0a", 0, 0.0020),
    ]

    budget = budget_of(
        "L_S + dL_S + dL_D + dL_M + dL_K + dL_ib - dL_ia + dL_0b - dL_0a", inputs, unit="dB"
    )

    assert budget.estimate == pytest.approx(30.043, abs=0.0005)
    assert budget.combined_standard_uncertainty == pytest.approx(0.0224, abs=0.0001)
    assert max(budget.contributions, key=lambda row: row.share or 0).symbol == "dL_M"


def test_s9_a_multimeter_whose_resolution_dominates():
    # volts: 0.10 V ± 0.05 V with k = 1.65, the rectangle of the resolution dominating
    inputs = [
        normal("V_iX", 100.1, 0),
        InputQuantity.from_certificate("V_S", 100.0, expanded_uncertainty=0.002),
        within("dV_iX", 0, 0.050),
        within("dV_S", 0, 0.011),
    ]

    budget = budget_of("V_iX - V_S + dV_iX - dV_S", inputs, method="auto", unit="V")

    assert budget.combined_standard_uncertainty == pytest.approx(0.030, abs=0.0005)
    assert budget.method == "monte_carlo"
    # The document takes the rectangle alone; with the other inputs the exact factor is larger.
    assert trapezoidal_coverage_factor(0.95, 1) == pytest.approx(1.65, abs=0.005)
    assert 1.65 < budget.coverage_factor(0.95) < 1.8
    interval = budget.coverage_interval(0.95)
    assert (interval.high - interval.low) / 2 == pytest.approx(0.05, abs=0.005)


def test_s10_a_caliper_of_two_dominant_rectangles():
    # millimetres: 0.10 mm ± 0.06 mm with k = 1.83 of a trapezoid with β = 0.33
    inputs = [
        normal("l_iX", 150.10, 0),
        within("l_S", 150.00, 0.0008),
        within("Dt", 0, 2),
        within("dl_iX", 0, 0.025),
        within("dl_M", 0, 0.050),
    ]

    budget = budget_of("l_iX - l_S + 150 * 11.5e-6 * Dt + dl_iX + dl_M", inputs, method="auto")

    top_ratio = (0.050 - 0.025) / (0.050 + 0.025)
    k = trapezoidal_coverage_factor(0.95, top_ratio)
    assert k == pytest.approx(1.83, abs=0.006)
    assert budget.combined_standard_uncertainty == pytest.approx(0.033, abs=0.001)
    assert budget.coverage_factor(0.95) == pytest.approx(k, abs=0.02)
    assert k * budget.combined_standard_uncertainty == pytest.approx(0.06, abs=0.002)


def test_s11_a_block_calibrator_whose_axial_gradient_dominates():
    # °C: 180.1 °C ± 0.3 °C, u = 164 mK, with the k of a trapezoid of the two dominant rectangles
    inputs = [
        InputQuantity.from_certificate("t_S", 180.1, expanded_uncertainty=0.030),
        normal("dt_S", 0, 0.010),
        within("dt_D", 0, 0.040),
        within("dt_iX", 0, 0.050),
        within("dt_R", 0, 0.100),
        within("dt_A", 0, 0.250),
        within("dt_H", 0, 0.050),
        within("dt_V", 0, 0.030),
    ]

    budget = budget_of(
        "t_S + dt_S + dt_D - dt_iX + dt_R + dt_A + dt_H + dt_V", inputs, method="auto", unit="°C"
    )

    k = trapezoidal_coverage_factor(0.95, (0.250 - 0.100) / (0.250 + 0.100))
    assert budget.estimate == pytest.approx(180.1, abs=0.001)
    assert budget.combined_standard_uncertainty == pytest.approx(0.164, abs=0.001)
    assert k * budget.combined_standard_uncertainty == pytest.approx(0.3, abs=0.05)
    assert budget.coverage_factor(0.95) == pytest.approx(k, abs=0.06)  # all eight, exactly


def test_s12_a_water_meter_of_three_runs():
    # The mean of three runs scatters by 0.60·10⁻³ with ν = 2, one run is known to 0.68·10⁻³:
    # u = 0.91·10⁻³, ν_eff = 10, k = 2.28, U = 2·10⁻³.
    inputs = [
        normal("e_X", 0.001, 0.60e-3, degrees_of_freedom=2, evaluation="A"),
        normal("de_X", 0, 0.68e-3),
    ]

    budget = budget_of("e_X + de_X", inputs)

    k = budget.coverage_factor(0.9545)
    assert budget.combined_standard_uncertainty == pytest.approx(0.91e-3, abs=5e-6)
    assert int(budget.effective_degrees_of_freedom) == 10
    assert k == pytest.approx(2.28, abs=0.005)
    assert budget.expanded_uncertainty(k) == pytest.approx(0.002, abs=0.0005)
