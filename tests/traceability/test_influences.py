"""Two hundred gas meters calibrated against one working standard are not independent."""

from math import sqrt
from uuid import UUID

import GTC
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uncertainties import covariance_matrix as oracle_covariance
from uncertainties import ufloat
from uncertainties.core import AffineScalarFunc

from traceability.errors import InvalidValue
from traceability.influences import (
    CorrelationAssumption,
    InfluencedResult,
    correlation,
    covariance,
    covariance_matrix,
    foreign_results,
    propagate,
    shared_influences,
    standard_uncertainty_of_sum,
)

STANDARD = UUID(int=1)


def own(number):
    return UUID(int=1000 + number)


def meters(count, *, ratio):
    """Return meters of u = 1 by their own, all against one standard of u = 1/ratio."""
    standard = InfluencedResult(result_id=STANDARD, components={STANDARD: 1 / ratio})
    return [propagate(own(n), [(1.0, standard)], own={own(n): 1.0}) for n in range(count)]


@st.composite
def networks(draw):
    """Return random results, each resting on up to three earlier ones: (sensitivities, own u)."""
    count = draw(st.integers(2, 12))
    number = st.floats(-3, 3).map(lambda x: round(x, 3))
    return [
        (
            draw(st.lists(st.tuples(st.integers(0, n - 1), number), max_size=3)) if n else [],
            draw(st.floats(0.01, 5)),
        )
        for n in range(count)
    ]


@given(networks())
def test_covariances_equal_those_of_the_uncertainties_package(network):
    ours: list[InfluencedResult] = []
    theirs: list[AffineScalarFunc] = []
    for n, (uses, u) in enumerate(network):
        ours.append(propagate(own(n), [(c, ours[p]) for p, c in uses], own={own(n): u}))
        theirs.append(sum((c * theirs[p] for p, c in uses), ufloat(0, u)))

    expected = np.array(oracle_covariance(theirs))
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    assert np.abs((covariance_matrix(ours) - expected) / scale).max() < 1e-12
    assert covariance(ours[0], ours[-1]) == pytest.approx(
        expected[0, -1], rel=1e-12, abs=1e-12 * scale[0, -1]
    )
    assert standard_uncertainty_of_sum(ours) == pytest.approx(
        sum(theirs[1:], theirs[0]).std_dev, rel=1e-9, abs=1e-12 * sqrt(scale.max())
    )


@given(networks())
def test_covariances_equal_those_of_gtc(network):
    ours: list[InfluencedResult] = []
    theirs: list[GTC.lib.UncertainReal] = []
    for n, (uses, u) in enumerate(network):
        ours.append(propagate(own(n), [(c, ours[p]) for p, c in uses], own={own(n): u}))
        theirs.append(GTC.result(sum((c * theirs[p] for p, c in uses), GTC.ureal(0, u))))

    a, b = ours[0], ours[-1]
    scale = a.standard_uncertainty * b.standard_uncertainty
    assert covariance(a, b) == pytest.approx(
        GTC.get_covariance(theirs[0], theirs[-1]), rel=1e-12, abs=1e-12 * scale
    )
    assert b.standard_uncertainty == pytest.approx(theirs[-1].u, rel=1e-12)


def test_a_shared_standard_gives_the_analytic_correlation():
    a, b = meters(2, ratio=4)

    assert correlation(a, b) == pytest.approx((1 / 16) / (1 + 1 / 16), rel=1e-15)


def test_the_total_of_200_meters_is_understated_without_their_covariance():
    results = meters(200, ratio=4)

    u = standard_uncertainty_of_sum(results)

    naive = sqrt(sum(result.standard_uncertainty**2 for result in results))
    assert u == pytest.approx(sqrt(200 + (200 / 4) ** 2), rel=1e-14)
    assert u / naive == pytest.approx(3.56, abs=0.01)


def test_a_difference_of_two_meters_is_free_of_their_standard():
    assert standard_uncertainty_of_sum(meters(2, ratio=1), [1, -1]) == pytest.approx(sqrt(2))


def test_what_correlates_two_results_is_named_with_its_share():
    working = InfluencedResult(result_id=STANDARD, components={STANDARD: 3.0, own(9): 4.0})
    a, b = (propagate(own(n), [(1.0, working)], own={own(n): 1.0}) for n in (1, 2))

    shared = shared_influences(a, b)

    assert [(s.influence_id, s.covariance) for s in shared] == [(own(9), 16), (STANDARD, 9)]
    assert [s.share for s in shared] == [pytest.approx(16 / 25), pytest.approx(9 / 25)]


def test_results_that_share_nothing_are_independent():
    a, b = (InfluencedResult(result_id=own(n), components={own(n): 1.0}) for n in (1, 2))

    assert covariance(a, b) == 0
    assert shared_influences(a, b) == ()


def test_a_foreign_certificate_keeps_u_and_the_assumed_correlation():
    assumption = CorrelationAssumption(
        family_id=STANDARD, correlation=0.8, reason="one working standard, as the laboratory says"
    )

    a, b = foreign_results({own(1): 0.5, own(2): 2.0}, assumption)

    assert (a.standard_uncertainty, b.standard_uncertainty) == pytest.approx((0.5, 2.0))
    assert correlation(a, b) == pytest.approx(0.8)


def test_an_assumption_without_a_reason_is_refused():
    with pytest.raises(InvalidValue, match="reason"):
        CorrelationAssumption(family_id=STANDARD, correlation=0.5, reason=" ")


@pytest.mark.parametrize("r", [-0.1, 1.1, float("nan")])
def test_a_correlation_outside_its_range_is_refused(r):
    with pytest.raises(InvalidValue, match="correlation"):
        CorrelationAssumption(family_id=STANDARD, correlation=r, reason="none")


def test_weights_must_be_one_for_each_result():
    with pytest.raises(InvalidValue, match="weights"):
        standard_uncertainty_of_sum(meters(3, ratio=4), [1, 1])


def test_an_infinite_component_is_refused():
    with pytest.raises(InvalidValue, match="components"):
        InfluencedResult(result_id=STANDARD, components={STANDARD: float("inf")})


def test_the_correlation_of_a_result_without_uncertainty_is_unknown():
    exact = InfluencedResult(result_id=STANDARD, components={})

    assert correlation(exact, meters(1, ratio=4)[0]) is None
