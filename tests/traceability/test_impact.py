"""A pressure standard is found out of tolerance: who used it, what it did to them, who is told.

The standard, last good on 2026-01-31, is found on 2026-07-31 to give 10 kPa too much at 1 MPa
and nothing wrong up to 0.5 MPa. Two transmitters and a gauge were calibrated with it; another
gauge rests on one of the transmitters.
"""

from dataclasses import replace
from datetime import date, timedelta
from math import prod
from uuid import UUID

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from traceability.errors import ChainTooDeep, CycleInTraceability, InvalidValue
from traceability.graph import Link, MeasuringInterval, Reference, build_graph
from traceability.impact import (
    DriftAssumption,
    OutOfTolerance,
    RecordedResult,
    Verdict,
    blast_radius,
    probability_of_nonconformity,
    recall,
    still_open,
)

STANDARD, EARLY, INSIDE, LOW, BELOW, AGAIN = (UUID(int=n) for n in range(1, 7))
CUSTOMER_A, CUSTOMER_B = UUID(int=100), UUID(int=200)
ITEMS = {id_: UUID(int=1000 + id_.int) for id_ in (STANDARD, EARLY, INSIDE, LOW, BELOW)}
FAULT = OutOfTolerance(
    calibration_ids=frozenset({STANDARD}),
    last_good_on=date(2026, 1, 31),
    found_on=date(2026, 7, 31),
    as_found=((0.0, 0.0), (0.5, 0.0), (1.0, 0.010)),
)


def calibrated(calibration_id, performed_on, used, *, upper=1.0, **changes):
    return Link(
        calibration_id=calibration_id,
        item_id=ITEMS.get(calibration_id, ITEMS[INSIDE]),
        performed_on=performed_on,
        terminal_reason=None if used else "external",
        references=tuple(
            Reference(
                position=0,
                reference_id=id_,
                at_value=upper,
                at_unit="MPa",
                user_value=upper,
                user_unit="MPa",
                interval=MeasuringInterval(lower=0.1, upper=upper, unit="MPa"),
                **changes,
            )
            for id_ in used
        ),
    )


@pytest.fixture
def links():
    return [
        calibrated(STANDARD, date(2025, 9, 1), []),
        calibrated(EARLY, date(2026, 1, 31), [STANDARD]),
        calibrated(INSIDE, date(2026, 5, 2), [STANDARD]),
        calibrated(LOW, date(2026, 5, 2), [STANDARD], upper=0.5),
        calibrated(BELOW, date(2026, 9, 1), [INSIDE]),
    ]


def result(calibration_id, *, value=1.0, error=0.002, customer=CUSTOMER_A):
    return RecordedResult(
        result_id=UUID(int=10_000 + calibration_id.int),
        calibration_id=calibration_id,
        value=value,
        error=error,
        limit=0.005,
        standard_uncertainty=0.001,
        customer_id=customer,
    )


@pytest.fixture
def results():
    return [
        result(EARLY),
        result(INSIDE),
        result(LOW, value=0.4),
        result(BELOW, error=-0.009, customer=CUSTOMER_B),
    ]


def recalled(links, results, assumption=DriftAssumption.STEP_AT_START, fault=FAULT):
    return recall(links, results, fault, assumption=assumption)


def test_only_uses_in_the_window_and_the_faulty_range_are_recalled(links, results):
    found = recalled(links, results)

    assert found.calibration_ids == {INSIDE, BELOW}
    assert found.untouched == {EARLY, LOW}
    assert {a.result.calibration_id: a.path for a in found.affected} == {
        INSIDE: (INSIDE, STANDARD),
        BELOW: (BELOW, INSIDE, STANDARD),
    }


def test_a_value_that_was_too_high_makes_the_error_too_low(links, results):
    overturned, kept = recalled(links, results).affected

    assert overturned.result.calibration_id == INSIDE
    assert overturned.corrected_error == pytest.approx(0.002 + 0.010)
    assert overturned.corrected_verdict == Verdict.NONCONFORMING
    assert overturned.overturned
    assert kept.corrected_error == pytest.approx(-0.009 + 0.010)
    assert (kept.recorded_verdict, kept.corrected_verdict) == (
        Verdict.NONCONFORMING,
        Verdict.CONFORMING,
    )


def test_linear_drift_has_grown_to_half_by_the_middle_of_the_time(links, results):
    found = recalled(links, results, DriftAssumption.LINEAR)

    shifts = {a.result.calibration_id: a.shift for a in found.affected}
    share = (date(2026, 5, 2) - date(2026, 1, 31)) / (date(2026, 7, 31) - date(2026, 1, 31))
    assert shifts == pytest.approx({INSIDE: 0.010 * share, BELOW: 0.010 * share})


def test_the_worst_case_takes_the_largest_error_everywhere_and_against_the_item(links, results):
    found = recalled(links, results, DriftAssumption.WORST_CASE)

    assert found.calibration_ids == {INSIDE, LOW, BELOW}
    assert {a.result.calibration_id: a.corrected_error for a in found.affected} == pytest.approx(
        {INSIDE: 0.012, LOW: 0.012, BELOW: -0.019}
    )


def test_between_the_as_found_points_the_error_is_straight(links):
    (found,) = recalled(links, [result(INSIDE, value=0.75)]).affected

    assert found.shift == pytest.approx(0.005)


def test_a_use_beyond_the_as_found_points_is_recalled_without_a_number(links):
    wide = [*links[:2], calibrated(INSIDE, date(2026, 5, 2), [STANDARD], upper=2.0)]

    (found,) = recalled(wide, [result(INSIDE, value=1.5)]).affected

    assert found.shift is None
    assert found.corrected_error is None
    assert found.corrected_verdict == Verdict.UNKNOWN


def test_a_built_up_value_takes_the_error_in_proportion(links):
    built_up = calibrated(INSIDE, date(2026, 5, 2), [STANDARD], extension="build_up")

    (found,) = recalled([*links[:2], built_up], [result(INSIDE, value=20.0)]).affected

    assert found.shift == pytest.approx(20 * 0.010)


def test_a_conversion_turns_the_error_into_the_users_unit(links):
    in_kilopascal = Reference(
        position=0,
        reference_id=STANDARD,
        at_value=1.0,
        at_unit="MPa",
        user_value=1000,
        user_unit="kPa",
        conversion_factor=1000,
    )
    user = replace(links[2], references=(in_kilopascal,))

    (found,) = recalled([links[0], user], [result(INSIDE, value=1000)]).affected

    assert found.shift == pytest.approx(10.0)


def test_the_uncertainty_of_the_as_found_error_widens_the_corrected_result(links):
    fault = replace(FAULT, standard_uncertainty=0.001)

    (found,) = recalled(links, [result(INSIDE)], fault=fault).affected

    assert found.standard_uncertainty == pytest.approx(0.001 * 2**0.5)


def test_each_customer_has_a_list_of_its_own(links, results):
    lists = recalled(links, results).by_customer()

    assert {c: [a.result.calibration_id for a in list_] for c, list_ in lists.items()} == {
        CUSTOMER_A: [INSIDE],
        CUSTOMER_B: [BELOW],
    }


def test_a_case_is_closed_by_a_calibration_that_the_recall_does_not_touch(links, results):
    found = recalled(links, results)
    again = calibrated(AGAIN, date(2026, 8, 15), [])

    before = still_open(found, links, on=date(2026, 9, 2))
    after = still_open(found, [*links, again], on=date(2026, 9, 2))

    assert {case.result.calibration_id for case in before} == {INSIDE, BELOW}
    assert {case.result.calibration_id for case in after} == {BELOW}


def test_the_blast_radius_is_known_before_anything_happens(links):
    radius = blast_radius(links, [STANDARD], on=date(2026, 9, 2))

    assert radius.by_level == {1: 3, 2: 1}
    assert radius.items == {ITEMS[id_] for id_ in (EARLY, INSIDE, LOW, BELOW)}


def test_nothing_rests_on_a_calibration_nobody_used(links):
    assert blast_radius(links, [UUID(int=99)], on=date(2026, 9, 2)).calibration_ids == frozenset()


@pytest.mark.parametrize("error", [0.0, 0.4, -1.2, 3.0])
def test_the_probability_of_nonconformity_is_that_of_the_normal_distribution(error):
    p = probability_of_nonconformity(error, standard_uncertainty=0.5, limit=1.0)

    assert p == pytest.approx(1 - (ndtr((1 - error) / 0.5) - ndtr((-1 - error) / 0.5)), rel=1e-9)


def test_a_fault_found_before_it_was_last_good_is_refused():
    with pytest.raises(InvalidValue, match="found_on"):
        replace(FAULT, found_on=FAULT.last_good_on)


def test_as_found_points_out_of_order_are_refused():
    with pytest.raises(InvalidValue, match="as_found"):
        replace(FAULT, as_found=((1.0, 0.0), (0.5, 0.0)))


def test_a_recall_over_a_cycle_is_refused(links):
    cyclic = [replace(links[0], references=links[2].references), links[2]]
    cyclic[0] = replace(
        links[0], references=(replace(links[2].references[0], reference_id=INSIDE),)
    )

    with pytest.raises(CycleInTraceability):
        recalled(cyclic, [])


@st.composite
def worlds(draw):
    """Return links where each calibration rests on some earlier ones, with sensitivities."""
    count = draw(st.integers(2, 10))
    links = []
    for n in range(count):
        used = draw(st.lists(st.integers(0, n - 1), max_size=3)) if n else []
        links.append(
            Link(
                calibration_id=UUID(int=n + 1),
                performed_on=date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 300))),
                references=tuple(
                    Reference(
                        position=position,
                        reference_id=UUID(int=m + 1),
                        at_value=1.0,
                        user_value=1.0,
                        conversion_factor=draw(st.sampled_from([1.0, -0.5, 2.0, 3.0])),
                    )
                    for position, m in enumerate(used)
                ),
            )
        )
    return links


@given(worlds(), st.sampled_from([DriftAssumption.STEP_AT_START, DriftAssumption.LINEAR]))
def test_a_recall_is_complete_and_minimal_against_every_path_walked(links, assumption):
    fault = replace(FAULT, calibration_ids=frozenset({links[0].calibration_id}))
    results = [
        RecordedResult(result_id=link.calibration_id, calibration_id=link.calibration_id, value=1.0)
        for link in links
    ]

    found = recalled(links, results, assumption, fault)

    graph = build_graph(links)
    expected = {}
    for link in links[1:]:
        shift, reached = 0.0, False
        for path in nx.all_simple_edge_paths(graph, link.calibration_id, links[0].calibration_id):
            used_on = graph.nodes[path[-1][0]]["link"].performed_on
            if fault.last_good_on < used_on <= fault.found_on:
                days = (used_on - fault.last_good_on).days
                whole = (fault.found_on - fault.last_good_on).days
                share = days / whole if assumption == DriftAssumption.LINEAR else 1
                factors = [graph.edges[e]["reference"].conversion_factor for e in map(tuple, path)]
                shift += prod(factors) * 0.010 * share
                reached = True
        if reached:
            expected[link.calibration_id] = shift
    assert found.calibration_ids == set(expected)
    assert {a.result.calibration_id: a.shift for a in found.affected} == {
        id_: pytest.approx(shift, abs=1e-12)
        for id_, shift in expected.items()
        if abs(shift) > 1e-15 or id_ in {a.result.calibration_id for a in found.affected}
    }


@pytest.mark.parametrize(("levels", "refused"), [(199, False), (1000, True)])
def test_a_recall_down_a_chain_deeper_than_any_hierarchy_is_refused(levels, refused):
    links = [calibrated(STANDARD, date(2026, 2, 1), [])]
    for n in range(levels):
        used = links[-1].calibration_id
        links.append(calibrated(UUID(int=n + 10), date(2026, 5, 2), [used]))
    results = [result(links[-1].calibration_id)]

    if refused:
        with pytest.raises(ChainTooDeep):
            recalled(links, results)
    else:
        assert recalled(links, results).affected[0].shift == pytest.approx(0.010)
