"""JCGM 100:2008, H.4: the radon activity of a water sample against a standard solution.

Six cycles of counting standard, blank and sample for T_0 = 60 minutes each, table H.7. The counts
are corrected for decay back to t = 0, so that the ratio of their rates is that of the activities.
"""

from math import exp, sqrt

import pytest

from procedures.budget import evaluate
from procedures.models import compile_model
from procedures.observations import repeated_observations, simultaneous_observations
from procedures.quantities import InputQuantity

T_0, DECAY = 60.0, 1.25894e-4  # min, 1/min
CYCLES = [  # t_S/min, C_S, t_B/min, C_B, t_x/min, C_x
    (243.74, 15380, 305.56, 4054, 367.37, 41432),
    (984.53, 14978, 1046.10, 3922, 1107.66, 38706),
    (1723.87, 14394, 1785.43, 4200, 1846.99, 35860),
    (2463.17, 13254, 2524.73, 3830, 2586.28, 32238),
    (3217.56, 12516, 3279.12, 3956, 3340.68, 29640),
    (3956.83, 11058, 4018.38, 3980, 4079.94, 26356),
]
SAMPLE = [(c_x - c_b) / T_0 * exp(DECAY * t_x) for _, _, _, c_b, t_x, c_x in CYCLES]  # R_x, 1/min
STANDARD = [(c_s - c_b) / T_0 * exp(DECAY * t_s) for t_s, c_s, _, c_b, _, _ in CYCLES]  # R_S

ACTIVITY_OF_STANDARD = InputQuantity(
    symbol="A_S", estimate=0.1368, standard_uncertainty=0.0018, unit="Bq/g"
)
MASSES = [
    InputQuantity(symbol="m_S", estimate=5.0192, standard_uncertainty=0.0050, unit="g"),
    InputQuantity(symbol="m_x", estimate=5.0571, standard_uncertainty=0.0010, unit="g"),
]


def test_table_h8_the_rates_corrected_for_decay():
    ratios = [x / s for x, s in zip(SAMPLE, STANDARD, strict=True)]

    assert pytest.approx([652.46, 666.48, 665.80, 655.68, 651.87, 623.31], abs=0.006) == SAMPLE
    assert pytest.approx([194.65, 208.58, 211.08, 214.17, 213.92, 194.13], abs=0.006) == STANDARD
    assert ratios == pytest.approx([3.3520, 3.1953, 3.1543, 3.0615, 3.0473, 3.2107], abs=0.0001)


def test_h_4_2_means_and_their_correlation():
    together = simultaneous_observations({"R_x": SAMPLE, "R_S": STANDARD})
    rate, of_standard = together.inputs

    assert (rate.estimate, of_standard.estimate) == pytest.approx((652.60, 206.09), abs=0.006)
    assert rate.standard_uncertainty == pytest.approx(6.42, abs=0.006)
    assert of_standard.standard_uncertainty == pytest.approx(3.79, abs=0.006)
    assert together.correlations[0].coefficient == pytest.approx(0.646, abs=0.0006)


def test_h_4_3_1_from_the_means_of_the_rates():
    together = simultaneous_observations({"R_x": SAMPLE, "R_S": STANDARD})
    model = compile_model("A_S * m_S / m_x * R_x / R_S", ["A_S", "m_S", "m_x", "R_x", "R_S"])

    budget = evaluate(
        model,
        [ACTIVITY_OF_STANDARD, *MASSES, *together.inputs],
        correlations=together.correlations,
        ensembles=[together.ensemble],
        unit="Bq/g",
    )

    # 0.429 95; the document multiplies the ratio after rounding it to 3.167
    assert budget.estimate == pytest.approx(0.4300, abs=6e-5)
    assert budget.combined_standard_uncertainty == pytest.approx(0.0083, abs=5e-5)
    assert budget.relative_standard_uncertainty == pytest.approx(0.0083 / 0.4300, abs=1e-4)


def test_h_4_3_2_from_the_mean_of_the_ratios():
    ratio = repeated_observations([x / s for x, s in zip(SAMPLE, STANDARD, strict=True)])
    model = compile_model("A_S * m_S / m_x * R", ["A_S", "m_S", "m_x", "R"])

    budget = evaluate(model, [ACTIVITY_OF_STANDARD, *MASSES, ratio.as_input("R")], unit="Bq/g")

    assert ratio.mean == pytest.approx(3.170, abs=5e-4)
    assert ratio.standard_uncertainty == pytest.approx(0.046, abs=5e-4)
    assert budget.estimate == pytest.approx(0.4304, abs=5e-5)
    assert budget.combined_standard_uncertainty == pytest.approx(0.0084, abs=5e-5)
    assert budget.relative_standard_uncertainty == pytest.approx(0.0195, abs=5e-5)


def test_without_the_correlation_the_ratio_would_be_less_certain():
    # H.4.3.1: u(R_x/R_S) is 1.42 % with r = 0.646, and 2.1 % if it were left out.
    x, s = (repeated_observations(rates) for rates in (SAMPLE, STANDARD))

    relative = sqrt((x.standard_uncertainty / x.mean) ** 2 + (s.standard_uncertainty / s.mean) ** 2)

    assert relative == pytest.approx(0.0208, abs=5e-4)
