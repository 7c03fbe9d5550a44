"""From a combined standard uncertainty to an expanded one: k for a probability and ν_eff."""

from math import inf, nan

import pytest

from procedures.coverage import coverage_factor, welch_satterthwaite
from procedures.errors import InvalidInput


@pytest.mark.parametrize(
    ("probability", "nu", "k"),
    [  # JCGM 100:2008, table G.2
        (0.95, 1, 12.71),
        (0.95, 9, 2.26),
        (0.95, 19, 2.09),
        (0.99, 16, 2.92),
        (0.9545, 10, 2.28),
        (0.6827, 3, 1.20),
        (0.95, inf, 1.96),
        (0.99, inf, 2.576),
        (0.9545, inf, 2.0),
    ],
)
def test_table_g2(probability, nu, k):
    assert coverage_factor(probability, nu) == pytest.approx(k, abs=0.005)


def test_degrees_of_freedom_are_truncated_unless_taken_as_they_are():
    assert coverage_factor(0.99, 16.75) == coverage_factor(0.99, 16)
    assert (
        coverage_factor(0.99, 17)
        < coverage_factor(0.99, 16.75, truncated=False)
        < coverage_factor(0.99, 16)
    )


@pytest.mark.parametrize("probability", [0, 1, 95, -0.5, nan])
def test_95_is_not_a_probability(probability):
    with pytest.raises(InvalidInput, match="coverage_probability"):
        coverage_factor(probability, 10)


@pytest.mark.parametrize("nu", [0.99, 0, -3, nan])
def test_less_than_one_degree_of_freedom_has_no_coverage_factor(nu):
    with pytest.raises(InvalidInput, match="degrees_of_freedom"):
        coverage_factor(0.95, nu)


def test_product_of_three_means_has_19_degrees_of_freedom():
    # JCGM 100:2008, G.4.1: relative uncertainties 0.25 %, 0.57 %, 0.82 % of 10, 5, 15 readings.
    assert welch_satterthwaite([(0.25, 9), (0.57, 4), (0.82, 14)]) == pytest.approx(19.0, abs=0.05)


def test_known_uncertainties_leave_infinitely_many_degrees_of_freedom():
    assert welch_satterthwaite([(1, inf), (2, inf)]) == inf
    assert welch_satterthwaite([(0, 3)]) == inf
    assert welch_satterthwaite([]) == inf


def test_the_unit_of_the_output_does_not_matter():
    in_metres = welch_satterthwaite([(25e-160, 18), (9.7e-160, 25.6)])

    assert in_metres == pytest.approx(welch_satterthwaite([(25, 18), (9.7, 25.6)]), rel=1e-12)


@pytest.mark.parametrize("u", [inf, -inf, nan])
def test_a_component_that_is_not_finite_has_no_degrees_of_freedom(u):
    with pytest.raises(InvalidInput, match="components"):
        welch_satterthwaite([(1.0, 4), (u, 9)])


def test_components_whose_fourth_powers_are_no_floats_have_theirs():
    rows = [(3.0, 4), (4.0, 4)]

    for scale in (1e-160, 1e160, 1e300):
        scaled = [(scale * u, nu) for u, nu in rows]
        assert welch_satterthwaite(scaled) == pytest.approx(welch_satterthwaite(rows), rel=1e-12)
