"""JCGM 100:2008, H.2: resistance and reactance of an element from simultaneous observations.

Five observations each of V (volts), I (amperes) and φ (radians), made together; table H.2.
"""

import pytest

from procedures.models import compile_model
from procedures.multivariate import evaluate_all
from procedures.observations import simultaneous_observations

READINGS = {
    "V": [5.007, 4.994, 5.005, 4.990, 4.999],
    "I": [19.663e-3, 19.639e-3, 19.640e-3, 19.685e-3, 19.678e-3],
    "phi": [1.0456, 1.0438, 1.0468, 1.0428, 1.0433],
}
MODEL = compile_model({"R": "V / I * cos(phi)", "X": "V / I * sin(phi)", "Z": "V / I"}, READINGS)


@pytest.fixture
def result():
    series = simultaneous_observations(READINGS, units={"V": "V", "I": "A", "phi": "rad"})
    return evaluate_all(
        MODEL, series.inputs, correlations=series.correlations, ensembles=[series.ensemble]
    )


@pytest.mark.parametrize(
    ("output", "estimate", "u"),
    [("R", 127.732, 0.071), ("X", 219.847, 0.295), ("Z", 254.260, 0.236)],
)
def test_table_h3(result, output, estimate, u):
    budget = result.budget(output)

    assert budget.estimate == pytest.approx(estimate, abs=0.0005)
    # u(X) is 0.29558; the document prints 0.295
    assert budget.combined_standard_uncertainty == pytest.approx(u, abs=0.0006)


@pytest.mark.parametrize(
    ("first", "second", "r"), [("R", "X", -0.588), ("R", "Z", -0.485), ("X", "Z", 0.993)]
)
def test_the_results_are_correlated(result, first, second, r):
    assert result.correlation(first, second) == pytest.approx(r, abs=0.0006)


def test_five_simultaneous_observations_leave_four_degrees_of_freedom(result):
    for budget in result.budgets:
        assert budget.effective_degrees_of_freedom == pytest.approx(4, rel=1e-9)
