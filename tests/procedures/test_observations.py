"""Type A evaluation of repeated, pooled, autocorrelated, grouped and simultaneous observations."""

import json
from math import inf, nan, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.budget import evaluate
from procedures.errors import InvalidInput
from procedures.models import compile_model
from procedures.observations import (
    autocorrelated_observations,
    one_way_anova,
    pooled_standard_deviation,
    repeated_observations,
    simultaneous_observations,
)

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text("utf-8"))[
    "vectors"
]
TEMPERATURES = [  # °C, JCGM 100:2008, table 1
    *(96.90, 98.18, 98.25, 98.61, 99.03, 99.49, 99.56, 99.74, 99.89, 100.07),
    *(100.33, 100.42, 100.68, 100.95, 101.11, 101.20, 101.57, 101.84, 102.36, 102.72),
]
IMPEDANCE = {  # JCGM 100:2008, table H.2: V, A, rad
    "V": [5.007, 4.994, 5.005, 4.990, 4.999],
    "I": [19.663e-3, 19.639e-3, 19.640e-3, 19.685e-3, 19.678e-3],
    "phi": [1.0456, 1.0438, 1.0468, 1.0428, 1.0433],
}


def vector(identifier):
    return next(vector for vector in VECTORS if vector["id"] == identifier)


def test_twenty_readings_of_the_guide_have_the_printed_mean_and_uncertainty():
    result = repeated_observations(TEMPERATURES)

    assert result.mean == pytest.approx(100.145, abs=5e-4)
    assert result.experimental_standard_deviation == pytest.approx(1.489, abs=5e-4)
    assert result.standard_uncertainty == pytest.approx(0.333, abs=5e-4)
    assert result.degrees_of_freedom == 19


def test_the_full_digits_of_the_same_example_are_met():
    example = vector("GUM-4.4.3")

    result = repeated_observations(example["observations"])

    expected = example["expected"]
    assert result.mean == pytest.approx(expected["mean"]["value"], rel=1e-12)
    assert result.experimental_standard_deviation == pytest.approx(expected["s"]["value"], rel=1e-9)
    assert result.standard_uncertainty == pytest.approx(expected["u"]["value"], rel=1e-9)


def test_a_large_offset_takes_no_digits_from_the_scatter():
    scatter = [0.25, 0.5, 0.75, 1.0]

    far = repeated_observations([2.0**40 + value for value in scatter])

    assert far.experimental_standard_deviation == pytest.approx(np.std(scatter, ddof=1), rel=1e-12)


def test_equal_readings_have_no_uncertainty_and_are_answered():
    result = repeated_observations([5.0, 5.0, 5.0])

    assert (result.mean, result.standard_uncertainty) == (5.0, 0.0)


def test_pooling_weighs_each_series_by_its_degrees_of_freedom():
    example = vector("pooled-sd")

    pooled = pooled_standard_deviation(
        [group["s"] for group in example["groups"]], [group["n"] for group in example["groups"]]
    )

    expected = example["expected"]
    assert pooled.standard_deviation == pytest.approx(expected["s_pooled"]["value"], rel=1e-9)
    assert pooled.degrees_of_freedom == expected["dof"]
    assert pooled.of_mean(2) == pytest.approx(expected["u_mean_of_2"]["value"], rel=1e-9)


def test_a_repeatability_study_of_jjf_1033_is_reproduced(shared_dir):
    examples = json.loads((shared_dir / "data" / "worked_examples.json").read_text("utf-8"))
    study = examples["jjf1033"]["repeatability_n10"]

    result = repeated_observations(study["x"])

    assert result.experimental_standard_deviation == pytest.approx(study["s"], rel=1e-12)


def test_white_noise_keeps_the_uncertainty_of_independent_observations():
    noise = np.random.default_rng(1).normal(size=1000)

    result = autocorrelated_observations(list(noise))

    assert result.autocorrelations == () or max(map(abs, result.autocorrelations)) < 0.1
    independent = repeated_observations(list(noise)).standard_uncertainty
    assert result.standard_uncertainty == pytest.approx(independent, rel=0.2)


def test_a_series_that_remembers_has_a_larger_uncertainty_as_its_ensemble_shows():
    memory, n = 0.8, 2000
    generator = np.random.default_rng(2)
    runs = []
    for _ in range(200):
        steps = generator.normal(size=n + 100)
        series = np.zeros(n + 100)
        for i in range(1, n + 100):
            series[i] = memory * series[i - 1] + steps[i]
        runs.append(series[100:])
    true_u = float(np.std([run.mean() for run in runs], ddof=1))

    stated = [autocorrelated_observations(list(run)).standard_uncertainty for run in runs[:40]]
    naive = [repeated_observations(list(run)).standard_uncertainty for run in runs[:40]]

    assert float(np.mean(stated)) == pytest.approx(true_u, rel=0.25)
    assert float(np.mean(naive)) < 0.5 * true_u


def test_effective_observations_are_fewer_where_neighbours_resemble_each_other():
    trend = [float(i // 10) for i in range(100)]

    result = autocorrelated_observations(trend)

    assert result.effective_count < 10
    assert result.degrees_of_freedom < 9


def test_equal_observations_have_no_autocorrelation():
    result = autocorrelated_observations([1.0] * 12)

    assert result.autocorrelations == ()
    assert result.standard_uncertainty == 0


def test_four_bottles_of_ten_readings_have_the_published_analysis_of_variance():
    example = vector("anova-balanced-4x10")
    expected = {
        name: entry["value"]
        for name, entry in example["expected"].items()
        if isinstance(entry, dict) and "value" in entry
    }

    result = one_way_anova(example["groups"])

    assert result.mean == pytest.approx(expected["grand_mean"], rel=1e-12)
    assert result.mean_square_between == pytest.approx(expected["MS_between"], rel=1e-7)
    assert result.mean_square_within == pytest.approx(expected["MS_within"], rel=1e-7)
    assert result.f_statistic == pytest.approx(expected["F"], rel=1e-7)
    assert result.p_value == pytest.approx(expected["p"], rel=1e-7)
    assert result.critical_f() == pytest.approx(expected["F_crit_95"], rel=1e-7)
    assert result.effective_group_size == expected["n0"]
    assert result.standard_deviation_within == pytest.approx(expected["s_within"], rel=1e-7)
    assert result.variance_between == pytest.approx(expected["s_between2"], rel=1e-7)
    assert result.standard_deviation_between == 0
    u_star = expected["u_star_bb"]
    assert result.hidden_standard_deviation_between == pytest.approx(u_star, rel=1e-7)
    assert result.degrees_of_freedom_between == example["expected"]["dof_between"]
    assert result.degrees_of_freedom_within == example["expected"]["dof_within"]


def test_days_that_differ_give_the_mean_of_the_guide_with_nine_degrees_of_freedom():
    """JCGM 100:2008, H.5: ten days of five voltages, given by their means and deviations."""
    means = [10.000172, 10.000116, 10.000013, 10.000144, 10.000106]
    means += [10.000031, 10.000060, 10.000125, 10.000163, 10.000041]
    deviations = [60e-6, 77e-6, 111e-6, 101e-6, 67e-6, 93e-6, 80e-6, 73e-6, 88e-6, 86e-6]
    spread = np.array([-2, -1, 0, 1, 2]) / sqrt(2.5)  # five values with s = 1

    result = one_way_anova(
        [list(mean + s * spread) for mean, s in zip(means, deviations, strict=True)]
    )

    assert result.mean == pytest.approx(10.000097, abs=5e-7)
    assert sqrt(result.mean_square_between) == pytest.approx(128e-6, abs=1e-6)  # 5 s²(V̄_j)
    assert result.standard_deviation_within == pytest.approx(85e-6, abs=5e-7)
    assert result.f_statistic is not None
    assert result.f_statistic == pytest.approx(2.25, abs=0.05)
    assert result.critical_f() < result.f_statistic < result.critical_f(significance=0.025)
    assert result.standard_deviation_between == pytest.approx(43e-6, abs=1e-6)
    mean = result.mean_of_all()
    assert mean.standard_uncertainty == pytest.approx(18e-6, abs=5e-7)
    assert mean.degrees_of_freedom == 9


def test_groups_that_make_no_difference_count_as_one_series():
    result = one_way_anova([[1.0, 2.0, 3.0], [1.1, 2.1, 2.9]])

    mean = result.mean_of_all()

    one_series = repeated_observations([1.0, 2.0, 3.0, 1.1, 2.1, 2.9])
    assert mean.standard_uncertainty == pytest.approx(one_series.standard_uncertainty, rel=1e-12)
    assert mean.degrees_of_freedom == 5


def test_unequal_groups_recover_the_variances_they_were_drawn_with():
    generator = np.random.default_rng(7)
    sizes = [2, 3, 5, 8] * 200
    groups = [list(generator.normal(generator.normal(10, 2), 1, size)) for size in sizes]

    result = one_way_anova(groups)

    assert result.effective_group_size < np.mean(sizes)
    assert result.standard_deviation_between == pytest.approx(2, rel=0.06)
    assert result.standard_deviation_within == pytest.approx(1, rel=0.04)


def test_groups_without_any_scatter_have_no_f():
    result = one_way_anova([[1.0, 1.0], [2.0, 2.0]])

    assert result.f_statistic is None
    assert result.p_value is None


def test_simultaneous_readings_of_the_guide_give_its_impedance():
    observed = simultaneous_observations(IMPEDANCE, units={"V": "V", "I": "A", "phi": "rad"})

    r = {(c.first, c.second): c.coefficient for c in observed.correlations}
    assert r["V", "I"] == pytest.approx(-0.36, abs=5e-3)
    assert r["V", "phi"] == pytest.approx(0.86, abs=5e-3)
    assert r["I", "phi"] == pytest.approx(-0.65, abs=6e-3)
    budget = evaluate(
        compile_model("V / I * cos(phi)", ["V", "I", "phi"]),
        observed.inputs,
        correlations=observed.correlations,
        ensembles=[observed.ensemble],
    )
    assert budget.estimate == pytest.approx(127.732, abs=5e-4)
    assert budget.combined_standard_uncertainty == pytest.approx(0.071, abs=5e-4)
    assert observed.ensemble.degrees_of_freedom == 4


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        pytest.param(lambda: repeated_observations([]), "observations", id="none"),
        pytest.param(lambda: repeated_observations([1.0]), "observations", id="one"),
        pytest.param(lambda: repeated_observations([1.0, nan]), "observations[1]", id="nan"),
        pytest.param(
            lambda: autocorrelated_observations([1.0] * 9), "observations", id="short series"
        ),
        pytest.param(lambda: pooled_standard_deviation([0.1], [5, 6]), "counts", id="mismatch"),
        pytest.param(lambda: pooled_standard_deviation([0.1], [1]), "counts[0]", id="n = 1"),
        pytest.param(
            lambda: pooled_standard_deviation([-0.1], [5]), "standard_deviations[0]", id="s < 0"
        ),
        pytest.param(
            lambda: pooled_standard_deviation([], []), "standard_deviations", id="nothing pooled"
        ),
        pytest.param(lambda: one_way_anova([[1.0, 2.0]]), "groups", id="one group"),
        pytest.param(lambda: one_way_anova([[1.0, 2.0], []]), "groups[1]", id="empty group"),
        pytest.param(lambda: one_way_anova([[1.0], [2.0]]), "groups", id="nothing repeats"),
        pytest.param(lambda: one_way_anova([[1.0, inf], [2.0]]), "groups[0][1]", id="infinite"),
        pytest.param(
            lambda: simultaneous_observations({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}),
            "series",
            id="unequal series",
        ),
        pytest.param(lambda: simultaneous_observations({}), "series", id="no series"),
    ],
)
def test_observations_that_say_nothing_are_refused_by_field(ask, field):
    with pytest.raises(InvalidInput) as refused:
        ask()

    assert refused.value.field == field


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.randoms())
def test_the_order_of_independent_observations_does_not_matter(observations, random):
    shuffled = random.sample(observations, len(observations))

    one, other = repeated_observations(observations), repeated_observations(shuffled)

    assert one.mean == pytest.approx(other.mean, abs=1e-6)
    assert one.standard_uncertainty == pytest.approx(other.standard_uncertainty, abs=1e-6)
    slack = 1e-9 * max(map(abs, observations))
    assert min(observations) - slack <= one.mean <= max(observations) + slack


def test_an_observation_too_large_to_be_squared_is_refused_by_its_place():
    with pytest.raises(InvalidInput, match="too large") as error:
        repeated_observations([1.0, 1e200])

    assert error.value.field == "observations[1]"
