"""A new calibration enters the graph only below what was there: no later reference, no cycle."""

from datetime import date
from uuid import UUID

import pytest

from traceability.errors import CycleInTraceability, EntryRefused, ReferenceLaterThanUser
from traceability.graph import Link, Reference, build_graph, check_entry

FIRST, SECOND, THIRD = (UUID(int=n) for n in (1, 2, 3))


def link(calibration_id, performed_on, *reference_ids):
    return Link(
        calibration_id=calibration_id,
        performed_on=performed_on,
        references=tuple(
            Reference(position=position, reference_id=id_)
            for position, id_ in enumerate(reference_ids)
        ),
    )


@pytest.fixture
def graph():
    return build_graph([link(FIRST, date(2026, 3, 1)), link(SECOND, date(2026, 3, 2), FIRST)])


def test_a_reference_of_the_same_day_is_accepted(graph):
    check_entry(graph, link(THIRD, date(2026, 3, 2), SECOND))


def test_a_later_reference_is_refused_with_its_place_and_both_dates(graph):
    with pytest.raises(ReferenceLaterThanUser) as refused:
        check_entry(graph, link(THIRD, date(2026, 3, 1), FIRST, SECOND))

    assert refused.value.position == 1
    assert refused.value.reference_performed_on == date(2026, 3, 2)


def test_a_calibration_against_itself_is_refused(graph):
    with pytest.raises(CycleInTraceability) as refused:
        check_entry(graph, link(THIRD, date(2026, 3, 3), THIRD))

    assert refused.value.path == (THIRD, THIRD)


def test_a_cycle_within_one_day_is_refused_and_its_path_named(graph):
    with pytest.raises(CycleInTraceability) as refused:
        check_entry(graph, link(FIRST, date(2026, 3, 2), SECOND))

    assert refused.value.path == (FIRST, SECOND, FIRST)
    assert isinstance(refused.value, EntryRefused)


def test_every_event_of_the_demonstration_world_enters_in_its_order(demo_nation):
    entered = build_graph([])

    for event in demo_nation.links:
        check_entry(entered, event)
        entered.update(build_graph([event]))

    assert len(entered) == 574
