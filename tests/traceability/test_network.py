"""The network as arrays says of every calibration what the small graph says, at any moment."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceability.audit import ItemStatus, audit, calibration_in_force, without_path_to_root
from traceability.columns import columns_of
from traceability.errors import CycleInTraceability, DateOutOfRange, UnknownCalibration
from traceability.graph import Flaw, Link, Reference, as_known, build_graph, find_breaks
from traceability.network import (
    NOBODY,
    audit_items,
    audit_network,
    descendants,
    dominators,
    in_force,
    lost_without,
    recalled,
    single_points_of_failure,
    unbroken_chains,
)
from traceability.numbering import build_network, merged

START = date(2024, 1, 1)
MIDNIGHT = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 400)


def calibration(number):
    return UUID(int=(number + 1) * 0x9E3779B97F4A7C15)


def item(number):
    return UUID(int=(number + 1) << 70)


@st.composite
def books(draw):
    """Return links of up to fourteen calibrations of five items, each resting on earlier ones."""
    links = []
    for n in range(draw(st.integers(1, 14))):
        used = draw(st.lists(st.integers(0, n - 1), max_size=3)) if n else []
        performed = START + timedelta(days=draw(DAYS))
        recorded = MIDNIGHT + timedelta(days=draw(DAYS), hours=draw(st.integers(0, 23)))
        ended = draw(st.none() | DAYS)
        links.append(
            Link(
                calibration_id=calibration(n),
                item_id=draw(st.none() | st.integers(0, 4).map(item)),
                performed_on=performed,
                valid_until=draw(st.none() | DAYS.map(lambda d: START + timedelta(days=d))),
                recorded_at=recorded,
                superseded_at=None if ended is None else MIDNIGHT + timedelta(days=ended),
                successor_id=None if ended is None else draw(st.none() | st.just(calibration(99))),
                terminal_reason=draw(st.sampled_from([None, "si_realisation"])),
                laboratory_authorised=draw(st.sampled_from([None, True, True, False])),
                track=draw(st.sampled_from(["main", "main", "main", "W"])),
                references=tuple(
                    Reference(
                        position=position,
                        reference_id=calibration(m),
                        ratio=draw(st.sampled_from([None, 0.2, 0.4])),
                        ratio_limit=1 / 3,
                    )
                    for position, m in enumerate(used)
                ),
            )
        )
    return links


def marked(network, marks):
    """Return the ids of the calibrations that an array marks."""
    return {network.calibration_id(number) for number in np.flatnonzero(marks).tolist()}


@settings(deadline=None, max_examples=60)
@given(books(), st.none() | DAYS)
def test_unbroken_chains_are_those_without_breaks_in_the_graph(links, day):
    on = None if day is None else START + timedelta(days=day)
    network, graph = build_network(columns_of(links)), build_graph(links)

    audited = audit_network(network, every_link_valid_on=on)

    unbroken = {
        link.calibration_id for link in links if not find_breaks(graph, link.calibration_id, on=on)
    }
    assert marked(network, audited.unbroken) == unbroken
    if on is None:
        assert marked(network, unbroken_chains(network)) == unbroken


@settings(deadline=None, max_examples=60)
@given(books(), DAYS, DAYS)
def test_time_travel_equals_a_replay_of_the_log_up_to_that_moment(links, day, known_day):
    on, known_at = START + timedelta(days=day), MIDNIGHT + timedelta(days=known_day)
    network = build_network(columns_of(links))

    then = audit_items(network, on=on, known_at=known_at)

    replayed = as_known(links, known_at)
    graph = build_graph(replayed)
    numbers = {network.calibration_id(n): n for n in range(network.size)}
    for number in range(5):
        own = [link for link in replayed if link.item_id == item(number)]
        if not any(link.item_id == item(number) for link in links):
            continue
        row = network.item_ids.T.tolist().index([item(number).int >> 64, item(number).int % 2**64])
        newest = calibration_in_force(own, on=on)
        if newest is None:
            assert then.in_force[row] == NOBODY
            assert not then.overdue[row]
            continue
        assert network.calibration_id(then.in_force[row]) in {
            link.calibration_id
            for link in own
            if (link.performed_on, link.recorded_at) == (newest.performed_on, newest.recorded_at)
        }
        in_force_link = next(
            link for link in own if numbers[link.calibration_id] == then.in_force[row]
        )
        expires = in_force_link.valid_until
        assert then.overdue[row] == (expires is not None and expires < on)
        # What was used was known by then, or the user is a later entry about an earlier day.
        behind = nx.descendants(graph, in_force_link.calibration_id)
        if all("link" in graph.nodes[node] for node in behind):
            assert then.unbroken[row] == (not find_breaks(graph, in_force_link.calibration_id))


@settings(deadline=None, max_examples=60)
@given(books(), st.lists(st.integers(0, 13), min_size=1, max_size=3))
def test_what_rests_on_some_calibrations_is_what_the_graph_reaches(links, chosen):
    seeds = {links[min(number, len(links) - 1)].calibration_id for number in chosen}
    network, graph = build_network(columns_of(links)), build_graph(links)

    reached = descendants(network, network.numbers_of(seeds))

    assert marked(network, reached) == set().union(*(nx.ancestors(graph, seed) for seed in seeds))


@settings(deadline=None, max_examples=60)
@given(books(), st.integers(0, 13), DAYS, st.integers(1, 200))
def test_a_recall_window_counts_uses_by_their_day(links, number, day, length):
    seed = links[min(number, len(links) - 1)].calibration_id
    last_good_on = START + timedelta(days=day)
    found_on = last_good_on + timedelta(days=length)
    network, graph = build_network(columns_of(links)), build_graph(links)

    reached = recalled(
        network, network.numbers_of([seed]), last_good_on=last_good_on, found_on=found_on
    )

    direct = {
        user
        for user in graph.predecessors(seed)
        if last_good_on < graph.nodes[user]["link"].performed_on <= found_on
    }
    assert marked(network, reached) == direct.union(*(nx.ancestors(graph, user) for user in direct))


@settings(deadline=None, max_examples=60)
@given(books())
def test_dominators_are_those_of_networkx(links):
    links = [replace(link, terminal_reason="root") for link in links]
    network, graph = build_network(columns_of(links)), build_graph(links)

    nearest = dominators(network)

    root = UUID(int=0)
    flow: nx.DiGraph[UUID] = nx.DiGraph(graph.reverse())
    flow.add_edges_from((root, node) for node in list(flow) if not graph.out_degree(node))
    expected = nx.immediate_dominators(flow, root)
    for number in range(network.size):
        name = network.calibration_id(number)
        ours = root if nearest[number] == NOBODY else network.calibration_id(nearest[number])
        assert ours == expected[name]


@settings(deadline=None, max_examples=60)
@given(books(), st.integers(0, 13))
def test_what_is_lost_without_a_standard_has_no_other_path(links, number):
    seed = links[min(number, len(links) - 1)].calibration_id
    links = [replace(link, laboratory_authorised=None, superseded_at=None) for link in links]
    network, graph = build_network(columns_of(links)), build_graph(links)

    lost = lost_without(network, network.numbers_of([seed]))

    graph.remove_node(seed)
    roots = [
        link.calibration_id
        for link in links
        if link.terminal_reason and not link.references and link.calibration_id != seed
    ]
    alive = set(roots).union(*(nx.ancestors(graph, root) for root in roots))
    assert marked(network, lost) == {link.calibration_id for link in links} - alive


@settings(deadline=None, max_examples=60)
@given(books(), st.integers(0, 14), DAYS)
def test_a_network_grown_in_steps_is_the_network_built_at_once(links, first, day):
    on = START + timedelta(days=day)
    whole = build_network(columns_of(links))

    grown = build_network(columns_of(links[:first]))
    # The flaws that arrays cannot see are found with the whole chain at hand.
    later = columns_of(links[first:])
    grown = merged(grown, later, watermark="later")

    assert grown.size == whole.size
    assert grown.watermark == "later"
    assert marked(grown, audit_network(grown).unbroken) == marked(
        whole, audit_network(whole).unbroken
    )
    forces = [
        {
            tuple(network.item_ids[:, i].tolist()): network.calibration_id(number)
            for i, number in enumerate(in_force(network, on=on).tolist())
            if number != NOBODY
        }
        for network in (grown, whole)
    ]
    keys = {(x.item_id, x.performed_on, x.recorded_at) for x in links}
    if len(keys) == len(links):  # two of one item, day and moment: either may be in force
        assert forces[0] == forces[1]


def test_the_demonstration_world_is_unbroken_and_nothing_overdue(demo_nation):
    network = build_network(columns_of(demo_nation.links))

    items = audit_items(network, on=demo_nation.today)

    assert network.size == 574
    assert items.unbroken.all()
    excused = {s.item_id for s in demo_nation.statuses if s.state in ("sealed", "out_of_service")}
    overdue = {UUID(int=int(a) << 64 | int(b)) for a, b in network.item_ids.T[items.overdue]}
    assert overdue <= excused


@pytest.mark.parametrize("code", ["F1", "F2", "F3", "F4", "F5", "F6"])
def test_each_planted_fault_breaks_the_same_chains_as_in_the_audit(demo_nation, code):
    fault = next(f for f in demo_nation.document["faults"] if f["id"] == code)
    nation = demo_nation.patched(fault["patch"])
    links = nation.links
    network, graph = build_network(columns_of(links)), build_graph(links)

    audited = audit_network(network)

    found = audit(links, [ItemStatus(item_id=s.item_id) for s in nation.statuses], on=nation.today)
    flawed = {b.calibration_id for b in found if b.calibration_id is not None}
    broken = flawed.union(*(nx.ancestors(graph, node) for node in flawed))
    assert marked(network, ~audited.unbroken) == broken
    assert without_path_to_root(graph) == {
        b.calibration_id for b in found if b.flaw == Flaw.NO_PATH_TO_ROOT
    }


def test_the_nearest_expiry_and_the_largest_ratio_of_a_chain_are_told(demo_nation):
    links = demo_nation.links
    network, graph = build_network(columns_of(links)), build_graph(links)
    gauge_id = demo_nation.id_of("ev:TPP.PG.05:2026-06-12")
    gauge = network.numbers_of([gauge_id])[0]
    behind = nx.descendants(graph, gauge_id) | {gauge_id}

    audited = audit_network(network)

    edges: list[tuple[UUID, UUID, Reference]] = list(graph.subgraph(behind).edges(data="reference"))
    uses = [
        (graph.nodes[user]["link"], graph.nodes[used]["link"], reference)
        for user, used, reference in edges
    ]
    assert audited.slack[gauge] == min(
        (used.valid_until - user.performed_on).days for user, used, _ in uses if used.valid_until
    )
    assert audited.ratio[gauge] == pytest.approx(
        max(r.ratio / r.ratio_limit for _, _, r in uses if r.ratio and r.ratio_limit), rel=1e-6
    )


def test_the_national_pressure_standard_is_a_single_point_of_failure(demo_nation):
    network = build_network(columns_of(demo_nation.links))
    national = network.numbers_of([demo_nation.id_of("ev:N.PRES.1:2010-03-02")])

    lost = single_points_of_failure(network, on=demo_nation.today)

    without = lost_without(network, national)
    numbers = in_force(network, on=demo_nation.today)
    assert lost[national[0]] == without[numbers[numbers != NOBODY]].sum() > 10


def test_a_cycle_is_refused_and_its_path_named():
    a, b = calibration(1), calibration(2)
    links = [
        Link(
            calibration_id=x,
            performed_on=START,
            references=(Reference(position=0, reference_id=y),),
        )
        for x, y in ((a, b), (b, a))
    ]

    with pytest.raises(CycleInTraceability) as refused:
        build_network(columns_of(links))

    assert set(refused.value.path) == {a, b}
    assert refused.value.path[0] == refused.value.path[-1]


@pytest.mark.parametrize("day", [date(1949, 12, 31), date(2130, 1, 1)])
def test_a_date_out_of_range_is_refused_by_name(day):
    with pytest.raises(DateOutOfRange, match="performed_on"):
        columns_of([Link(calibration_id=calibration(1), performed_on=day)])


def test_a_day_asked_out_of_range_is_refused_by_name(demo_nation):
    network = build_network(columns_of(demo_nation.links))

    with pytest.raises(DateOutOfRange, match="on must lie"):
        in_force(network, on=date(1900, 1, 1))


def test_a_calibration_the_network_lacks_is_named(demo_nation):
    network = build_network(columns_of(demo_nation.links))

    with pytest.raises(UnknownCalibration):
        network.numbers_of([calibration(5)])


def test_ids_whose_low_halves_coincide_are_told_apart():
    twins = [UUID(int=n << 64 | 7) for n in (1, 2, 3)]
    links = [Link(calibration_id=id_, performed_on=START, terminal_reason="r") for id_ in twins]
    network = build_network(columns_of(links))

    assert [network.calibration_id(n) for n in network.numbers_of(twins).tolist()] == twins
    with pytest.raises(UnknownCalibration):
        network.numbers_of([UUID(int=9 << 64 | 7)])


def test_an_empty_book_has_an_empty_network():
    network = build_network(columns_of([]))

    assert network.size == 0
    assert len(in_force(network, on=START)) == 0
    assert len(audit_network(network).unbroken) == 0
