"""JCGM 102:2011, clause 9: a complex quantity as magnitude and phase, by Monte Carlo.

Real and imaginary part are normal with u = 0.010 and uncorrelated; the first is 0.001, close to 0,
where the law of propagation no longer holds. The second test is of a quantity far from 0.
"""

import pytest

from procedures.models import compile_model
from procedures.multivariate import evaluate_all, rectangular_region, simulate_all
from procedures.quantities import InputQuantity

POLAR = compile_model({"magnitude": "hypot(re, im)", "phase": "atan2(im, re)"}, ["re", "im"])


def parts(re):
    return [
        InputQuantity(symbol="re", estimate=re, standard_uncertainty=0.010),
        InputQuantity(symbol="im", estimate=0.0, standard_uncertainty=0.010),
    ]


def test_9_4_near_zero_the_phase_may_be_any():
    # printed: magnitude 0.013 with u = 0.007; phase 0 with u = 1.744
    trials = simulate_all(POLAR, parts(0.001), trials=1_000_000, seed=102)

    magnitude, phase = trials.estimates
    (v_magnitude, _), (_, v_phase) = trials.covariance
    assert magnitude == pytest.approx(0.013, abs=0.0005)
    assert phase == pytest.approx(0.0, abs=0.01)
    assert v_magnitude**0.5 == pytest.approx(0.007, abs=0.0005)
    assert v_phase**0.5 == pytest.approx(1.744, abs=0.005)


def test_far_from_zero_the_law_of_propagation_says_the_same():
    linear = evaluate_all(POLAR, parts(0.1))
    trials = simulate_all(POLAR, parts(0.1), trials=300_000, seed=102)

    (v_magnitude, _), (_, v_phase) = trials.covariance
    assert linear.covariance[0][0] == pytest.approx(v_magnitude, rel=0.02)
    assert linear.covariance[1][1] == pytest.approx(v_phase, rel=0.05)
    by_law = rectangular_region(linear, 0.95)
    by_trials = trials.rectangular_region(0.95)
    assert by_law.half_widths == pytest.approx(by_trials.half_widths, rel=0.05)
