"""JCGM 100:2008, H.6: the hardness of a block on the scale Rockwell C, in its unit of 0.002 mm.

h = 100 − d + Δ_c + Δ_b + Δ_s, d being the mean of five indentations. The contributions taken are
those that H.6.6 names as significant, and the resolution; the scatter of the two machines when they
were compared, which H.6.5 also has, does not change the two digits printed.
"""

from math import sqrt

import pytest

from procedures.budget import evaluate
from procedures.models import compile_model
from procedures.quantities import InputQuantity, resolution

UNIT_IN_MM = 0.002


@pytest.fixture
def budget():
    step = resolution(0.0, step=0.1)
    inputs = [
        InputQuantity(symbol="d", estimate=36.0, standard_uncertainty=0.45 / sqrt(5)),
        InputQuantity.distributed("resolution", step),
        InputQuantity(symbol="D_c", estimate=0, standard_uncertainty=0),
        InputQuantity(symbol="D_b", estimate=0, standard_uncertainty=0.11),
        InputQuantity(symbol="D_s", estimate=0, standard_uncertainty=0.5),
    ]
    return evaluate(
        compile_model("100 - (d + resolution) + D_c + D_b + D_s", [x.symbol for x in inputs]),
        inputs,
    )


def test_h_6_6_the_hardness_is_64_with_0_55(budget):
    assert budget.estimate == pytest.approx(64.0, abs=0.05)
    assert budget.combined_standard_uncertainty == pytest.approx(0.55, abs=0.005)


def test_h_6_6_the_same_in_millimetres(budget):
    assert budget.estimate * UNIT_IN_MM == pytest.approx(0.1280, abs=5e-5)
    assert budget.combined_standard_uncertainty * UNIT_IN_MM == pytest.approx(0.0011, abs=5e-5)


def test_h_6_6_what_matters_most(budget):
    # "the national standard machine and the imperfect definition", then repeatability: 0.20
    rows = sorted(budget.contributions, key=lambda row: -row.standard_uncertainty)

    assert [row.symbol for row in rows[:3]] == ["D_s", "d", "D_b"]
    assert rows[1].standard_uncertainty == pytest.approx(0.20, abs=0.005)
