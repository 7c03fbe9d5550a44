"""The audit of a set of calibrations and items: every break, every overdue item, every loop."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import networkx as nx

from traceability.graph import (
    MAIN_TRACK,
    Break,
    Flaw,
    Link,
    breaks_at,
    build_graph,
    documented,
)

Finding = Break

# An item in these states may wait: nobody measures with it.
EXCUSED_STATES = frozenset({"sealed", "out_of_service"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatus:
    """An item as an audit sees it; `state` is in_use, limited, sealed or out_of_service."""

    item_id: UUID
    state: str = "in_use"


def audit(links: Iterable[Link], items: Iterable[ItemStatus], *, on: date) -> tuple[Finding, ...]:
    """Return every finding of a set of calibrations and items on a day.

    A chain is judged by what held when its references were used; the day decides which items
    are overdue. `no_path_to_root` is found of every calibration that has none, not only of
    the one where the path ends.

    Order: by calibration as given, then overdue items, then loops.
    """
    links = tuple(links)
    graph = build_graph(links)
    return (
        *_breaks_of_calibrations(graph, links),
        *_overdue(links, items, on),
        *_item_level_loops(links),
    )


def calibration_in_force(links: Iterable[Link], *, on: date) -> Link | None:
    """Return the newest calibration of the main track on a day, None if there is none.

    Of two on one day the one recorded later is newer. A superseded one is never in force; an
    expired one may be: whether it is still valid is `valid_on`.
    """
    performed = (
        link
        for link in links
        if link.track == MAIN_TRACK and link.performed_on <= on and not link.superseded_by(on)
    )
    return max(performed, key=performed_and_recorded, default=None)


def performed_and_recorded(link: Link) -> tuple[date, datetime]:
    """Return what orders the calibrations of an item: by day, then by moment of record."""
    return link.performed_on, link.recorded_at or datetime.min.replace(tzinfo=UTC)


def without_path_to_root(graph: "nx.MultiDiGraph[UUID]") -> frozenset[UUID]:
    """Return the calibrations of which some branch does not end at a recognized reference."""
    loose = [
        node
        for node in graph
        if (link := documented(graph, node)) is None
        or (not link.references and link.terminal_reason is None)
    ]
    users = graph.reverse(copy=False)
    return frozenset(loose) | frozenset(
        user for node in loose for _, user in nx.bfs_edges(users, node)
    )


def _breaks_of_calibrations(
    graph: "nx.MultiDiGraph[UUID]", links: tuple[Link, ...]
) -> Iterator[Finding]:
    rootless = without_path_to_root(graph)
    for link in links:
        breaks = tuple(breaks_at(graph, link.calibration_id))
        yield from breaks
        if link.calibration_id in rootless and not any(
            found.flaw == Flaw.NO_PATH_TO_ROOT for found in breaks
        ):
            yield Break(flaw=Flaw.NO_PATH_TO_ROOT, calibration_id=link.calibration_id)


def _overdue(links: tuple[Link, ...], items: Iterable[ItemStatus], on: date) -> Iterator[Finding]:
    by_item: defaultdict[UUID, list[Link]] = defaultdict(list)
    for link in links:
        if link.item_id is not None:
            by_item[link.item_id].append(link)
    for item in items:
        if item.state in EXCUSED_STATES:
            continue
        newest = calibration_in_force(by_item[item.item_id], on=on)
        if newest is not None and newest.valid_until is not None and newest.valid_until < on:
            yield Break(flaw=Flaw.OVERDUE, item_ids=(item.item_id,))


def _item_level_loops(links: tuple[Link, ...]) -> Iterator[Finding]:
    """Yield items calibrated against themselves, and sets of items that rest on one another."""
    item_of = {link.calibration_id: link.item_id for link in links}
    items: nx.DiGraph[UUID] = nx.DiGraph()
    items.add_edges_from(
        (link.item_id, reference_item)
        for link in links
        for reference in link.references
        if link.item_id is not None
        and (reference_item := item_of.get(reference.reference_id)) is not None
    )
    for item in nx.nodes_with_selfloops(items):
        yield Break(flaw=Flaw.ITEM_LEVEL_LOOP, item_ids=(item,))
    for loop in nx.strongly_connected_components(items):
        if len(loop) > 1:
            yield Break(flaw=Flaw.ITEM_LEVEL_LOOP, item_ids=tuple(sorted(loop)))
