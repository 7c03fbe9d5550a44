"""What a laboratory knows of an input quantity: limits, a certificate, a count, a few readings."""

from math import inf, nan, sqrt
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.errors import CorrelationsImpossible, InvalidInput, QuantityUnknown
from procedures.quantities import (
    KINDS,
    Correlation,
    CurvilinearTrapezoidal,
    Ensemble,
    Exponential,
    Gamma,
    InputQuantity,
    Normal,
    Rectangular,
    StudentT,
    Trapezoidal,
    Triangular,
    UShaped,
    correlation_matrix,
    distribution_from_mapping,
    lower_factor,
    rectangular,
    resolution,
)


@pytest.mark.parametrize(
    ("distribution", "expectation", "standard_uncertainty"),
    [
        (Rectangular(96, 104), 100, 4 / sqrt(3)),  # JCGM 100:2008, 4.3.7 with a = 4 °C
        (Triangular(96, 104), 100, 1.6329931618554523),  # 4.3.9 prints 1.6 °C
        (UShaped.about(0, 0.5), 0, 0.5 / sqrt(2)),
        (Trapezoidal.about(0, 1, top_ratio=0), 0, 1 / sqrt(6)),
        (Trapezoidal.about(0, 1, top_ratio=1), 0, 1 / sqrt(3)),
        (CurvilinearTrapezoidal.about(0, 0.05, inexactness=0.025), 0, 0.030046260628866582),
        (StudentT(0, 7, 8), 0, 7 * sqrt(8 / 6)),
        (StudentT(0, 7, 2), 0, inf),
        (Exponential(3), 3, 3),
        (Gamma(13, 1), 13, sqrt(13)),
        (Gamma.of_counts(0), 1, 1),  # no counts seen is not "no rate, exactly"
        (resolution(2.5, step=0.1), 2.5, 0.05 / sqrt(3)),
        (Normal(1, 0), 1, 0),
    ],
)
def test_a_distribution_gives_the_estimate_and_its_uncertainty(
    distribution, expectation, standard_uncertainty
):
    assert distribution.expectation == pytest.approx(expectation, rel=1e-15)
    assert distribution.standard_uncertainty == pytest.approx(standard_uncertainty, rel=1e-15)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_distribution_is_read_back_as_it_was_written(kind):
    example = {
        StudentT: StudentT(1, 2, 5),
        Trapezoidal: Trapezoidal(1, 2, 0.5),
        CurvilinearTrapezoidal: CurvilinearTrapezoidal(1, 2, 0.25),
        Exponential: Exponential(2),
    }.get(kind) or kind(1, 2)

    assert distribution_from_mapping(example.as_mapping()) == example


BAD_PARAMETERS = {
    "limits the wrong way round": (lambda: Rectangular(1, 0), "low"),
    "an infinite limit": (lambda: Rectangular(0, inf), "high"),
    "a negative half-width": (lambda: Rectangular.about(0, -1), "half_width"),
    "a mean that is NaN": (lambda: Normal(nan, 1), "mean"),
    "a mean that is a truth value": (lambda: Normal(True, 1), "mean"),
    "a negative deviation": (lambda: Normal(0, -1), "standard_deviation"),
    "less than one degree of freedom": (lambda: StudentT(0, 1, 0.5), "degrees_of_freedom"),
    "a top wider than the base": (lambda: Trapezoidal(0, 1, 1.5), "top_ratio"),
    "limits less certain than wide": (lambda: CurvilinearTrapezoidal(0, 1, 0.6), "inexactness"),
    "an exponential of mean 0": (lambda: Exponential(0), "mean"),
    "a negative scale": (lambda: Gamma(1, -1), "scale"),
    "a negative count": (lambda: Gamma.of_counts(-1), "counts"),
    "a negative resolution": (lambda: resolution(1, step=-0.1), "step"),
    "an unknown kind": (lambda: distribution_from_mapping({"kind": "cauchy"}), "distribution"),
    "a missing parameter": (
        lambda: distribution_from_mapping({"kind": "normal", "mean": 0}),
        "distribution",
    ),
    "text for a number": (
        lambda: distribution_from_mapping({"kind": "exponential", "mean": "1"}),
        "mean",
    ),
}


@pytest.mark.parametrize(("make", "field"), BAD_PARAMETERS.values(), ids=BAD_PARAMETERS)
def test_parameters_that_describe_no_distribution_are_named(make, field):
    with pytest.raises(InvalidInput) as error:
        make()

    assert error.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"estimate": nan}, "T.estimate"),
        ({"estimate": inf}, "T.estimate"),
        ({"standard_uncertainty": -0.1}, "T.standard_uncertainty"),
        ({"standard_uncertainty": nan}, "T.standard_uncertainty"),
        ({"standard_uncertainty": inf}, "T.standard_uncertainty"),
        ({"degrees_of_freedom": 0}, "T.degrees_of_freedom"),
        ({"degrees_of_freedom": 0.5}, "T.degrees_of_freedom"),
        ({"degrees_of_freedom": -inf}, "T.degrees_of_freedom"),
        ({"degrees_of_freedom": nan}, "T.degrees_of_freedom"),
        ({"evaluation": "C"}, "T.evaluation"),
        ({"distribution": Normal(21, 0.1)}, "T.estimate"),
        ({"distribution": Normal(20, 0.2)}, "T.standard_uncertainty"),
    ],
)
def test_an_unusable_quantity_names_itself_and_its_field(changes, field):
    with pytest.raises(InvalidInput) as error:
        InputQuantity(**{"symbol": "T", "estimate": 20.0, "standard_uncertainty": 0.1} | changes)

    assert error.value.field == field


def test_a_certificate_states_u_and_k():
    mass = InputQuantity.from_certificate(
        "m_S", 10.000005, expanded_uncertainty=45e-6, coverage_factor=2, unit="kg", source="M-17"
    )

    assert mass.standard_uncertainty == 22.5e-6
    assert mass.degrees_of_freedom == inf


def test_a_quantity_is_read_back_as_it_was_written():
    quantity = InputQuantity.distributed(
        "d",
        Rectangular.about(0.25, 0.05),
        degrees_of_freedom=8,
        unit="mm",
        source="resolution of the caliper",
        influence_id=UUID(int=7),
    )

    assert InputQuantity.from_mapping(quantity.as_mapping()) == quantity


def test_an_infinite_number_is_a_word_in_json():
    mapping = InputQuantity(symbol="x", estimate=1, standard_uncertainty=0).as_mapping()

    assert mapping["degrees_of_freedom"] == "infinite"
    assert InputQuantity.from_mapping(mapping).degrees_of_freedom == inf


def test_a_field_nobody_knows_is_refused():
    with pytest.raises(InvalidInput, match="uncertainty: not a field"):
        InputQuantity.from_mapping({"symbol": "x", "estimate": 1, "uncertainty": 2})
    with pytest.raises(InvalidInput, match="standard_uncertainty: is missing"):
        InputQuantity.from_mapping({"symbol": "x", "estimate": 1})
    with pytest.raises(InvalidInput, match=r"x\.estimate: must be a number"):
        InputQuantity.from_mapping({"symbol": "x", "estimate": "1", "standard_uncertainty": 0})


def test_half_the_width_over_the_root_of_three():
    assert rectangular(0.05) == 0.05 / sqrt(3)
    with pytest.raises(InvalidInput):
        rectangular(-0.05)


# ── Correlations ─────────────────────────────────────────────────────────────────────────────


def test_three_quantities_cannot_contradict_each_other():
    # a goes with b, b with c, yet a against c: no such quantities exist.
    pairs = [Correlation("a", "b", 0.9), Correlation("b", "c", 0.9), Correlation("a", "c", -0.9)]

    with pytest.raises(CorrelationsImpossible) as error:
        correlation_matrix(["a", "b", "c", "d"], pairs)

    assert error.value.symbols == ("a", "b", "c")
    assert error.value.smallest_eigenvalue == pytest.approx(-0.8)


@pytest.mark.parametrize("coefficient", [1.2, -1.0000001, nan, inf])
def test_a_correlation_coefficient_lies_between_minus_one_and_one(coefficient):
    with pytest.raises(InvalidInput, match=r"r\(a, b\)"):
        Correlation("a", "b", coefficient)


def test_a_pair_is_stated_once_and_of_two_known_quantities():
    with pytest.raises(InvalidInput, match="is stated twice"):
        correlation_matrix("ab", [Correlation("a", "b", 0.1), Correlation("b", "a", 0.1)])
    with pytest.raises(QuantityUnknown, match="'z'"):
        correlation_matrix("ab", [Correlation("a", "z", 0.1)])
    with pytest.raises(InvalidInput, match="not correlated with itself"):
        Correlation("a", "a", 1)


def test_an_ensemble_names_each_quantity_once_and_has_degrees_of_freedom():
    with pytest.raises(InvalidInput, match="each quantity once"):
        Ensemble(("a", "a"), 4)
    with pytest.raises(InvalidInput, match="degrees_of_freedom"):
        Ensemble(("a", "b"), 0)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_the_factor_of_any_correlation_matrix_multiplies_back(size, rank, seed):
    loadings = np.random.default_rng(seed).normal(size=(size, rank))
    loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
    matrix = loadings @ loadings.T

    lower = lower_factor(matrix)

    assert lower @ lower.T == pytest.approx(matrix, abs=1e-7)
    assert np.triu(lower, 1).max(initial=0) == 0
