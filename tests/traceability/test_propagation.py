"""Uncertainties over the arrays equal those of `uncertainties` and of the sparse influences."""

from datetime import date
from math import sqrt
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uncertainties import covariance_matrix as oracle_covariance
from uncertainties import ufloat
from uncertainties.core import AffineScalarFunc

from traceability.columns import columns_of, identifiers
from traceability.errors import InvalidValue
from traceability.graph import Link, Reference, UncertaintyStatement
from traceability.network import audit_network
from traceability.numbering import build_network, merged
from traceability.propagation import (
    components,
    covariance_matrix,
    exact_variances,
    standard_uncertainty_of_sum,
)


@st.composite
def networks(draw):
    """Return random calibrations as (references with coefficients, own u), references first."""
    number = st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0])
    return [
        (
            draw(st.lists(st.tuples(st.integers(0, n - 1), number), max_size=3)) if n else [],
            draw(st.sampled_from([0.125, 0.5, 1.0, 2.0])),
        )
        for n in range(draw(st.integers(2, 12)))
    ]


def columns(rows, first=0):
    """Return columns of rows, whose own u and coefficients are given directly."""
    links = [
        Link(
            calibration_id=UUID(int=first + n + 1),
            performed_on=date(2024, 1, 1),
            references=tuple(
                Reference(position=p, reference_id=UUID(int=m + 1)) for p, (m, _) in enumerate(uses)
            ),
        )
        for n, (uses, _) in enumerate(rows)
    ]
    plain = columns_of(links)
    plain.own_uncertainty[:] = [u for _, u in rows]
    plain.coefficient[:] = [c for uses, _ in rows for _, c in uses]
    return plain


def oracle(rows):
    values: list[AffineScalarFunc] = []
    for uses, u in rows:
        values.append(sum((c * values[m] for m, c in uses), ufloat(0, u)))
    return values


def numbers_in_order(network, count):
    return network.numbers_of([UUID(int=n + 1) for n in range(count)])


@settings(deadline=None)
@given(networks(), st.integers(0, 12))
def test_every_covariance_equals_that_of_the_uncertainties_package(rows, first):
    network = merged(
        build_network(columns(rows[:first])),
        columns(rows[first:], min(first, len(rows))),
        watermark="",
    )
    numbers = numbers_in_order(network, len(rows))

    expected = np.array(oracle_covariance(oracle(rows)))
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    assert np.abs((covariance_matrix(network, numbers) - expected) / scale).max() < 1e-12
    assert exact_variances(network, numbers) == pytest.approx(expected.diagonal(), rel=1e-12)
    total = standard_uncertainty_of_sum(network, numbers)
    assert total == pytest.approx(
        sqrt(max(0.0, expected.sum())), rel=1e-6, abs=1e-6 * sqrt(scale.sum())
    )


def test_two_hundred_meters_on_one_standard_add_up_with_their_correlation():
    rows = [([], 0.25), *([([(0, 1.0)], 1.0)] * 200)]
    network = build_network(columns(rows))
    meters = numbers_in_order(network, 201)[1:]

    u = standard_uncertainty_of_sum(network, meters)

    assert u == pytest.approx(sqrt(200 + (200 / 4) ** 2), rel=1e-14)


def test_the_screen_of_an_audit_is_exact_where_branches_share_nothing():
    rows = [([], 1.0), ([], 2.0), ([(0, 3.0), (1, 1.0)], 0.5)]
    network = build_network(columns(rows))
    last = numbers_in_order(network, 3)[2:]

    screened = audit_network(network).variance[last]

    assert screened == pytest.approx(exact_variances(network, last), rel=1e-6)
    assert screened == pytest.approx(9 + 4 + 0.25)


def test_an_unknown_uncertainty_stays_unknown_in_all_that_rests_on_it():
    rows = [([], float("nan")), ([(0, 1.0)], 1.0), ([], 1.0)]
    network = build_network(columns(rows))
    numbers = numbers_in_order(network, 3)

    assert standard_uncertainty_of_sum(network, numbers) is None
    assert np.isnan(exact_variances(network, numbers)).tolist() == [True, True, False]


def test_only_ancestors_are_touched():
    rows = [([], 1.0), ([(0, 1.0)], 1.0), ([], 1.0), ([(2, 1.0)], 1.0)]
    network = build_network(columns(rows))
    numbers = numbers_in_order(network, 4)

    touched = components(network, numbers[3:], result=np.zeros(1, int), weight=np.ones(1))

    assert set(touched.number.tolist()) == set(numbers[2:].tolist())


def test_weights_must_be_one_for_each_calibration():
    network = build_network(columns([([], 1.0)]))

    with pytest.raises(InvalidValue, match="weights"):
        standard_uncertainty_of_sum(network, numbers_in_order(network, 1), [1.0, 2.0])


def test_the_demonstration_worlds_contributions_come_back_out_of_the_arrays(demo_nation):
    links = demo_nation.links
    network = build_network(columns_of(links))
    link = next(
        link
        for link in links
        if link.calibration_id == demo_nation.id_of("ev:TPP.PG.05:2026-06-12")
    )
    gauge = network.numbers_of([link.calibration_id])

    variance = exact_variances(network, gauge)[0]

    assert isinstance(link.uncertainty, UncertaintyStatement)
    assert sqrt(variance) == pytest.approx(link.uncertainty.standard_at(0.8), rel=1e-3)
    assert identifiers([link.calibration_id]).shape == (2, 1)
