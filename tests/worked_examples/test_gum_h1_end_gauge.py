"""JCGM 100:2008, H.1: a 50 mm end gauge compared with a known standard of the same length.

The numbers below are the standard's own; lengths are in metres, temperatures in kelvin.
"""

from math import floor

import pytest

from procedures.budget import UncertaintyBudget, evaluate
from procedures.models import compile_model
from procedures.quantities import InputQuantity, Rectangular

nm = 1e-9

# H.1.2, equation (H.3): the length of the end gauge at 20 °C.
END_GAUGE_LENGTH = "l_S + d - l_S * (delta_alpha * theta + alpha_S * delta_theta)"


@pytest.fixture
def budget() -> UncertaintyBudget:
    inputs = [
        InputQuantity(
            symbol="l_S",
            estimate=0.050000623,
            standard_uncertainty=25 * nm,
            degrees_of_freedom=18,
            unit="m",
        ),
        InputQuantity(
            symbol="d",
            estimate=215 * nm,
            standard_uncertainty=9.7 * nm,
            degrees_of_freedom=25.6,
            evaluation="A",
            unit="m",
        ),
        InputQuantity.distributed(
            "delta_alpha", Rectangular.about(0, 1e-6), degrees_of_freedom=50, unit="1/K"
        ),
        InputQuantity(symbol="theta", estimate=-0.1, standard_uncertainty=0.41, unit="K"),
        InputQuantity.distributed("alpha_S", Rectangular.about(11.5e-6, 2e-6), unit="1/K"),
        InputQuantity.distributed(
            "delta_theta", Rectangular.about(0, 0.05), degrees_of_freedom=2, unit="K"
        ),
    ]
    model = compile_model(END_GAUGE_LENGTH, [x.symbol for x in inputs])
    return evaluate(model, inputs, unit="m")


def test_length_of_the_end_gauge(budget):
    assert budget.estimate == pytest.approx(0.050000838, abs=0.5 * nm)


@pytest.mark.parametrize(
    ("symbol", "contribution_nm"),
    [
        ("l_S", 25),
        ("d", 9.7),
        ("delta_alpha", 2.9),
        ("theta", 0),
        ("alpha_S", 0),
        ("delta_theta", 16.6),
    ],
)
def test_table_h1_contributions(budget, symbol, contribution_nm):
    row = budget.contribution(symbol)

    assert row.standard_uncertainty / nm == pytest.approx(contribution_nm, abs=0.05)


def test_combined_standard_uncertainty_is_32_nm(budget):
    assert round(budget.combined_standard_uncertainty / nm) == 32


def test_99_percent_expanded_uncertainty_is_93_nm(budget):
    k = budget.coverage_factor(0.99)

    # printed as 16.7, from contributions already rounded
    assert floor(budget.effective_degrees_of_freedom) == 16
    assert k == pytest.approx(2.92, abs=0.005)
    assert budget.expanded_uncertainty(k) / nm == pytest.approx(93, abs=0.6)
