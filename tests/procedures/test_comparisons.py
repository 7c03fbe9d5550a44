"""Comparisons: four laboratories of JJF 1117, CCQM-K25 PCB 105, and the cadmium of Paule-Mandel."""

import json
from math import nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.comparisons import (
    LaboratoryResult,
    Method,
    Performance,
    degrees_of_equivalence,
    dersimonian_laird,
    largest_consistent_subset,
    mandel_paule,
    normalized_error,
    stated_reference,
    weighted_mean,
    z_prime_score,
    zeta_score,
)
from procedures.errors import InvalidInput

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text("utf-8"))[
    "vectors"
]
# JJF 1117-2010: value and U with k = 2
LABORATORIES = {
    "A": (50.012, 0.010),
    "B": (50.020, 0.012),
    "C": (50.002, 0.015),
    "D": (50.060, 0.014),
}


def reported(values, uncertainties):
    return [
        LaboratoryResult(laboratory=f"{i}", value=x, standard_uncertainty=u)
        for i, (x, u) in enumerate(zip(values, uncertainties, strict=True))
    ]


def consistency_of(results):
    return weighted_mean(results).consistency


FOUR = [
    LaboratoryResult(laboratory=name, value=x, standard_uncertainty=U / 2)
    for name, (x, U) in LABORATORIES.items()
]


def test_four_laboratories_are_not_consistent():
    reference = weighted_mean(FOUR)

    assert reference.value == pytest.approx(50.02166402739139, rel=1e-14)
    assert reference.standard_uncertainty == pytest.approx(0.0030720013642196843, rel=1e-12)
    assert reference.consistency is not None
    assert reference.consistency.chi_squared == pytest.approx(40.679649047722165, rel=1e-9)
    assert reference.consistency.p_value == pytest.approx(7.646499258332027e-09, rel=1e-7)
    assert reference.consistency.birge_ratio == pytest.approx(3.6823746436107485, rel=1e-9)
    assert not reference.consistency.holds()


def test_without_the_fourth_they_are():
    reference = largest_consistent_subset(FOUR)

    assert reference.method is Method.LARGEST_CONSISTENT_SUBSET
    assert reference.laboratories == ("A", "B", "C")
    assert reference.value == pytest.approx(50.01251948051948, rel=1e-14)
    assert reference.standard_uncertainty == pytest.approx(0.003418817293789138, rel=1e-12)
    assert reference.consistency is not None
    assert reference.consistency.chi_squared == pytest.approx(3.5324675324678987, rel=1e-9)
    assert reference.consistency.p_value == pytest.approx(0.1709757122429882, rel=1e-9)


def test_en_knows_who_is_a_part_of_the_reference_value():
    reference = largest_consistent_subset(FOUR)

    scores = {
        degree.laboratory: degree.normalized_error()
        for degree in degrees_of_equivalence(FOUR, reference)
    }

    assert {name: score.value for name, score in scores.items()} == {
        "A": pytest.approx(-0.07119060773057927, rel=1e-8),
        "B": pytest.approx(0.7585674494896384, rel=1e-8),
        "C": pytest.approx(-0.7879224588430385, rel=1e-8),
        "D": pytest.approx(3.0474243844293576, rel=1e-8),
    }
    assert scores["C"].performance is Performance.SATISFACTORY
    assert scores["D"].performance is Performance.UNSATISFACTORY


def test_every_published_comparison_is_reproduced():
    vectors = [vector for vector in VECTORS if vector["kind"] == "comparison"]

    assert len(vectors) == 2
    for vector in vectors:
        expected = vector["expected"]
        results = reported(vector["x"], vector["u"])
        mean, dl, mp = weighted_mean(results), dersimonian_laird(results), mandel_paule(results)
        assert mean.consistency is not None
        found = {
            "x_ref": mean.value,
            "u_ref": mean.standard_uncertainty,
            "chi2": mean.consistency.chi_squared,
            "p": mean.consistency.p_value,
            "tau_dl": dl.between_laboratory_standard_deviation,
            "x_dl": dl.value,
            "u_dl": dl.standard_uncertainty,
            "tau_mp": mp.between_laboratory_standard_deviation,
            "x_mp": mp.value,
            "u_mp": mp.standard_uncertainty,
        }
        assert found == {
            name: pytest.approx(expected[name]["value"], rel=1e-8, abs=0) for name in found
        }
        assert mean.consistency.degrees_of_freedom == expected["dof"]
        assert mean.consistency.holds() is expected["consistent_at_5pct"]
        for degree, published in zip(
            degrees_of_equivalence(results, mean),
            expected["degrees_of_equivalence"],
            strict=True,
        ):
            assert degree.difference == pytest.approx(published["d"]["value"], abs=1e-9)
            U = published["U"]["value"]
            assert degree.expanded_uncertainty() == pytest.approx(U, rel=1e-8)


def test_every_published_score_is_reproduced():
    (vector,) = [vector for vector in VECTORS if vector["kind"] == "scores"]

    assert len(vector["expected"]["items"]) == 2
    for item in vector["expected"]["items"]:
        score = normalized_error(
            item["x"],
            item["X"],
            expanded_uncertainty=item["U"],
            reference_expanded_uncertainty=item["U_ref"],
        )
        assert score.value == pytest.approx(item["En"]["value"], rel=1e-9)
        assert score.performance == item["verdict"]


def test_consistent_results_have_no_dark_uncertainty():
    agreeing = reported([10.0, 10.1, 9.95], [0.2, 0.2, 0.2])

    assert dersimonian_laird(agreeing).between_laboratory_standard_deviation == 0
    assert mandel_paule(agreeing).between_laboratory_standard_deviation == 0
    assert mandel_paule(agreeing).value == weighted_mean(agreeing).value


def test_mandel_paule_makes_the_results_just_consistent():
    results = reported([1.0, 2.0, 4.0, 4.5], [0.1, 0.2, 0.1, 0.3])

    tau = mandel_paule(results).between_laboratory_standard_deviation

    widened = reported(
        [result.value for result in results],
        [(result.standard_uncertainty**2 + tau**2) ** 0.5 for result in results],
    )
    consistency = weighted_mean(widened).consistency
    assert consistency is not None
    assert consistency.chi_squared == pytest.approx(3, rel=1e-10)


def test_of_two_results_that_contradict_each_other_one_remains():
    reference = largest_consistent_subset(reported([0.0, 10.0], [0.1, 0.1]))

    assert len(reference.laboratories) == 1
    assert reference.consistency is not None
    assert reference.consistency.p_value == 1


def test_so_many_subsets_that_nobody_can_try_them_are_refused():
    scattered = reported([100.0 * i for i in range(40)], [0.1] * 40)

    with pytest.raises(InvalidInput, match="too many to try"):
        largest_consistent_subset(scattered)


def test_a_stated_reference_is_independent_of_everybody():
    reference = stated_reference(50.0, 0.003)

    (degree,) = degrees_of_equivalence(FOUR[:1], reference)

    assert degree.difference == pytest.approx(0.012)
    assert degree.standard_uncertainty == pytest.approx((0.005**2 + 0.003**2) ** 0.5)


@pytest.mark.parametrize(
    ("value", "performance"),
    [
        (10.2, Performance.SATISFACTORY),
        (10.25, Performance.QUESTIONABLE),
        (10.3, Performance.UNSATISFACTORY),
        (9.6, Performance.UNSATISFACTORY),
    ],
)
def test_zeta_and_z_prime_warn_beyond_two_and_act_from_three_on(value, performance):
    zeta = zeta_score(value, 10.0, standard_uncertainty=0.08, reference_standard_uncertainty=0.06)
    z_prime = z_prime_score(
        value, 10.0, standard_deviation_for_assessment=0.08, reference_standard_uncertainty=0.06
    )

    assert zeta.value == z_prime.value == pytest.approx((value - 10) / 0.1)
    assert zeta.performance is z_prime.performance is performance


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        pytest.param(lambda: weighted_mean([]), "results", id="nobody"),
        pytest.param(lambda: weighted_mean([*FOUR, FOUR[0]]), "results", id="twice"),
        pytest.param(lambda: dersimonian_laird(FOUR[:1]), "results", id="alone"),
        pytest.param(
            lambda: LaboratoryResult(laboratory="A", value=1, standard_uncertainty=0),
            "A.standard_uncertainty",
            id="u = 0",
        ),
        pytest.param(
            lambda: LaboratoryResult(laboratory="A", value=nan, standard_uncertainty=1),
            "A.value",
            id="no value",
        ),
        pytest.param(lambda: stated_reference(1, -1), "standard_uncertainty", id="u < 0"),
        pytest.param(
            lambda: normalized_error(
                1, 1, expanded_uncertainty=0, reference_expanded_uncertainty=0
            ),
            "expanded_uncertainty",
            id="nobody has an uncertainty",
        ),
        pytest.param(
            lambda: zeta_score(nan, 1, standard_uncertainty=1, reference_standard_uncertainty=1),
            "value",
            id="no value to score",
        ),
        pytest.param(lambda: consistency_of(FOUR).holds(significance=5), "significance", id="5 %"),
        pytest.param(
            degrees_of_equivalence(FOUR[:1], weighted_mean(FOUR[:1]))[0].normalized_error,
            "A.standard_uncertainty of d",
            id="compared with itself",
        ),
    ],
)
def test_a_comparison_that_says_nothing_is_refused_by_field(ask, field):
    with pytest.raises(InvalidInput) as refused:
        ask()

    assert refused.value.field == field


results_of_a_comparison = st.lists(
    st.tuples(st.floats(-1000, 1000), st.floats(0.001, 100)), min_size=2, max_size=8
).map(lambda pairs: reported([x for x, _ in pairs], [u for _, u in pairs]))


@given(results_of_a_comparison)
def test_a_reference_value_lies_among_its_results_and_is_no_worse_than_the_best(results):
    values = [result.value for result in results]
    best = min(result.standard_uncertainty for result in results)
    slack = 1e-9 * (1 + max(map(abs, values)))

    for reference in (weighted_mean(results), dersimonian_laird(results), mandel_paule(results)):
        assert min(values) - slack <= reference.value <= max(values) + slack
        assert sum(reference.weights.values()) == pytest.approx(1)
    assert weighted_mean(results).standard_uncertainty <= best * (1 + 1e-12)


@given(results_of_a_comparison)
def test_no_degree_of_equivalence_has_an_impossible_uncertainty(results):
    for reference in (weighted_mean(results), dersimonian_laird(results), mandel_paule(results)):
        for degree, result in zip(degrees_of_equivalence(results, reference), results, strict=True):
            w = reference.weights[result.laboratory]
            variance = (1 - 2 * w) * result.standard_uncertainty**2
            variance += reference.standard_uncertainty**2
            assert variance > -1e-9 * result.standard_uncertainty**2
            assert degree.standard_uncertainty >= 0


@given(results_of_a_comparison)
def test_the_largest_consistent_subset_is_consistent_and_nothing_larger_was_left(results):
    reference = largest_consistent_subset(results)
    whole = weighted_mean(results).consistency

    assert reference.consistency is not None
    assert reference.consistency.holds()
    assert whole is not None
    assert (len(reference.laboratories) == len(results)) is whole.holds()


def test_whole_numbers_are_numbers_too():
    whole = largest_consistent_subset(reported([10, 11, 30], [1, 1, 1]))

    assert whole == largest_consistent_subset(reported([10.0, 11.0, 30.0], [1.0, 1.0, 1.0]))
    assert len(whole.laboratories) == 2


@pytest.mark.parametrize(("value", "u"), [(1e80, 1.0), (1.0, 1e-80), (1.0, 1e80)])
def test_what_cannot_be_squared_is_not_compared(value, u):
    with pytest.raises(InvalidInput, match="lab"):
        LaboratoryResult(laboratory="lab", value=value, standard_uncertainty=u)
