"""How calibrations get their numbers: columns into a network, and later ones after it."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from traceability.columns import (
    UNLIMITED,
    Bools,
    Days,
    Identifiers,
    Indices,
    NetworkColumns,
    Singles,
    uuid_of,
)
from traceability.errors import CycleInTraceability
from traceability.graph import RECORDED_DIGITS
from traceability.network import (
    MOST_SLACK,
    NOBODY,
    Block,
    Network,
    Part,
    Places,
    find_numbers,
    find_places,
)


def build_network(columns: NetworkColumns, *, watermark: str = "") -> Network:
    """Return a network of calibrations in any order.

    Raises:
        CycleInTraceability: some rest on themselves; its path is one of the cycles.
    """
    empty = Network(
        parts=(),
        item_ids=np.empty((2, 0), np.uint64),
        item_order=np.empty(0, np.int32),
        superseded=np.empty(0, np.int32),
        superseded_at=np.empty(0, np.uint32),
        withdrawn=np.empty(0, np.bool_),
    )
    return _extended(empty, columns, watermark)


def merged(network: Network, columns: NetworkColumns, *, watermark: str) -> Network:
    """Return the network with later calibrations and endings; those it has stay as they are.

    The columns hold only what is new; their references may be old or new. A reference that
    comes only after its user leaves the user undocumented until the network is built anew.

    Raises:
        CycleInTraceability: some rest on themselves.
    """
    return _extended(network, columns, watermark)


def _extended(network: Network, columns: NetworkColumns, watermark: str) -> Network:
    item_ids, item_order, items = _items(network, columns.item_ids)
    parts = network.parts
    if len(columns.performed_on) or not parts:
        try:
            parts = (*parts, _part(parts, columns, items))
        except _RowsInCycle as cycle:
            rows = columns.calibration_ids[:, cycle.rows].T
            raise CycleInTraceability(tuple(uuid_of(row) for row in rows)) from None
    superseded = find_numbers(parts, columns.superseded_ids)
    known = superseded != NOBODY
    return replace(
        network,
        parts=parts,
        item_ids=item_ids,
        item_order=item_order,
        superseded=np.concatenate([network.superseded, superseded[known]]),
        superseded_at=np.concatenate([network.superseded_at, columns.superseded_at[known]]),
        withdrawn=np.concatenate([network.withdrawn, columns.withdrawn[known]]),
        watermark=watermark,
    )


def _items(network: Network, ids: Identifiers) -> tuple[Identifiers, Indices, Indices]:
    """Return all items, their order by id, and the number of the item of each calibration."""
    numbers = find_places(network.item_ids, network.item_order, ids)
    new = np.flatnonzero((numbers == NOBODY) & ids.any(axis=0))
    new = new[np.lexsort((ids[0, new], ids[1, new]))]
    ordered = ids[:, new]
    fresh = np.ones(len(new), np.bool_)
    fresh[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    known = network.item_ids.shape[1]
    numbers[new] = known + np.cumsum(fresh, dtype=np.int32) - 1
    added = ordered[:, fresh]
    places = np.searchsorted(network.item_ids[1], added[1], sorter=network.item_order)
    order = np.insert(network.item_order, places, np.arange(known, known + added.shape[1]))
    return np.concatenate([network.item_ids, added], axis=1), order.astype(np.int32), numbers


def _part(parts: tuple[Part, ...], columns: NetworkColumns, items: Indices) -> Part:
    first, count = (parts[-1].stop if parts else 0), len(columns.performed_on)
    id_order = np.argsort(columns.calibration_ids[1]).astype(np.int32)
    uses = _uses(parts, columns, id_order)
    number, blocks = _numbered(first, count, uses)
    row = np.empty(count, np.int32)
    row[number - first] = np.arange(count)
    documented_uses = uses.chosen(uses.old | uses.new)
    references, coefficients, rows_of_blocks = _rectangles(
        documented_uses, number, row, blocks, first
    )
    sound, slack, ratio = _judged(parts, columns, uses)
    history = _history(columns, items)
    history_start = np.flatnonzero(np.diff(items[history], prepend=NOBODY))
    return Part(
        first=first,
        blocks=rows_of_blocks,
        references=references,
        coefficients=coefficients,
        performed_on=columns.performed_on[row],
        valid_until=columns.valid_until[row],
        sound=sound[row],
        slack=slack[row],
        ratio=ratio[row],
        own_uncertainty=columns.own_uncertainty[row],
        history=number[history],
        history_performed_on=columns.performed_on[history],
        history_recorded_at=columns.recorded_at[history],
        history_start=history_start.astype(np.int32),
        item_with_history=items[history[history_start]],
        calibration_ids=np.ascontiguousarray(columns.calibration_ids[:, row]),
        id_order=(number[id_order] - first).astype(np.int32),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Uses:
    """The edges of a new part, sorted by user.

    `reference` is a number of the network where `old`, a row of the columns where `new`, and
    of no meaning where neither: then nobody documented it.
    """

    user: Indices
    reference: Indices
    old: Bools
    new: Bools
    coefficient: Singles
    ratio: Singles

    def chosen(self, which: Bools) -> "_Uses":
        if which.all():
            return self
        return _Uses(
            user=self.user[which],
            reference=self.reference[which],
            old=self.old[which],
            new=self.new[which],
            coefficient=self.coefficient[which],
            ratio=self.ratio[which],
        )


def _uses(parts: tuple[Part, ...], columns: NetworkColumns, id_order: Indices) -> _Uses:
    known = find_numbers(parts, columns.reference_ids)
    fresh = find_places(columns.calibration_ids, id_order, columns.reference_ids)
    new = fresh != NOBODY
    return _Uses(
        user=columns.user,
        reference=np.where(new, fresh, known),
        old=~new & (known != NOBODY),
        new=new,
        coefficient=columns.coefficient,
        ratio=columns.ratio,
    )


def _numbered(first: int, count: int, uses: _Uses) -> tuple[Indices, list[tuple[int, int, int]]]:
    """Return the number of each row, and blocks as (start, stop, degree)."""
    level = _levels(count, uses.user[uses.new], uses.reference[uses.new])
    documented_uses = uses.old | uses.new
    degree = np.bincount(uses.user[documented_uses], minlength=count)
    number = np.full(count, NOBODY, np.int32)
    # The reference by which rows of a block are sorted: the first one documented.
    places = np.flatnonzero(documented_uses)
    first_use = np.full(count, NOBODY, np.int64)
    first_use[uses.user[places[::-1]]] = places[::-1]
    blocks: list[tuple[int, int, int]] = []
    by_level = np.argsort(level, kind="stable")
    bounds = np.flatnonzero(np.diff(level[by_level], prepend=-1))
    next_number = first
    for start, stop in pairwise([*bounds.tolist(), count]):
        rows = by_level[start:stop]
        some = first_use[rows] != NOBODY
        use = first_use[rows[some]]
        reference, new = uses.reference[use], uses.new[use]
        reference[new] = number[reference[new]]
        key = np.full(len(rows), NOBODY)
        key[some] = reference
        rows = rows[np.lexsort((key, degree[rows]))]
        number[rows] = np.arange(next_number, next_number + len(rows))
        counts = np.bincount(degree[rows])
        for one in np.flatnonzero(counts).tolist():
            blocks.append((next_number, next_number + int(counts[one]), one))
            next_number += int(counts[one])
    return number, blocks


def _levels(count: int, user: Indices, reference: Indices) -> Indices:
    """Return how many new calibrations lie behind each row at most, by peeling off the roots.

    Raises:
        CycleInTraceability: as rows, not ids; the caller does not know better.
    """
    by_reference = np.argsort(reference, kind="stable")
    users = user[by_reference]
    many = np.bincount(reference, minlength=count)
    start = np.cumsum(many) - many
    pending = np.bincount(user, minlength=count)
    level = np.zeros(count, np.int32)
    frontier, depth, done = np.flatnonzero(pending == 0), 0, 0
    while len(frontier):
        level[frontier] = depth
        done += len(frontier)
        reached = users[_ranges(start[frontier], many[frontier])]
        np.subtract.at(pending, reached, 1)
        frontier = _distinct(reached[pending[reached] == 0])
        depth += 1
    if done < count:
        raise _RowsInCycle(_cycle(user, reference, pending))
    return level


def _distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each number once, ascending; sorting beats hashing where most are distinct."""
    ordered = np.sort(numbers)
    return ordered[np.diff(ordered, prepend=-1) > 0]


class _RowsInCycle(Exception):
    """Rows of a cycle, on their way to where their ids are known."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows
        super().__init__()


def _cycle(user: Indices, reference: Indices, pending: NDArray[np.int64]) -> list[int]:
    """Return the rows of one cycle, its first row again at the end."""
    left = (pending[user] > 0) & (pending[reference] > 0)
    onward = dict(zip(user[left].tolist(), reference[left].tolist(), strict=True))
    path = [next(iter(onward))]
    while path[-1] not in path[:-1]:
        path.append(onward[path[-1]])
    return path[path.index(path[-1]) :]


def _ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return start, start + 1, … of each range, one after the other."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())


def _rectangles(
    uses: _Uses, number: Indices, row: Indices, blocks: list[tuple[int, int, int]], first: int
) -> tuple[Places, Singles, NDArray[np.int64]]:
    """Return references and coefficients column after column of each block, and the blocks."""
    if len(uses.user):
        reference = uses.reference.copy()
        reference[uses.new] = number[uses.reference[uses.new]]
    else:
        reference = uses.reference
    start = np.searchsorted(uses.user, np.arange(len(number)))
    references = np.empty(len(reference), np.int64)
    coefficients = np.empty(len(reference), np.float32)
    table, offset = [], 0
    for begin, end, degree in blocks:
        table.append(Block(begin, end, degree, offset))
        places = start[row[begin - first : end - first]]
        for k in range(degree):
            references[offset : offset + end - begin] = reference[places + k]
            coefficients[offset : offset + end - begin] = uses.coefficient[places + k]
            offset += end - begin
    return references, coefficients, np.array(table, np.int64).reshape(-1, 4)


def _judged(
    parts: tuple[Part, ...], columns: NetworkColumns, uses: _Uses
) -> tuple[Bools, NDArray[np.int16], Singles]:
    """Return what is to be said of each row by itself: sound, slack, ratio."""
    count = len(columns.performed_on)
    used_on = columns.performed_on[uses.user]
    made_on = _of_references(parts, uses, "performed_on", columns.performed_on)
    expires_on = _of_references(parts, uses, "valid_until", columns.valid_until)
    spoiled = (
        ~(uses.old | uses.new)
        | (made_on > used_on)
        | (expires_on < used_on)
        | (uses.ratio > 1 + RECORDED_DIGITS)
    )
    sound = ~columns.flawed
    sound[uses.user[spoiled]] = False
    rootless = np.bincount(uses.user, minlength=count) == 0
    sound[rootless & ~columns.terminal] = False
    left = np.clip(expires_on.astype(np.int32) - used_on, -MOST_SLACK, MOST_SLACK)
    left[expires_on == UNLIMITED] = MOST_SLACK
    slack = np.full(count, MOST_SLACK, np.int16)
    np.minimum.at(slack, uses.user, left.astype(np.int16))
    ratio = np.zeros(count, np.float32)
    np.maximum.at(ratio, uses.user, uses.ratio)
    return sound, slack, ratio


def _of_references(parts: tuple[Part, ...], uses: _Uses, name: str, own: Days) -> Days:
    values = np.zeros(len(uses.user), np.uint16)
    values[uses.new] = own[uses.reference[uses.new]]
    for part in parts:
        inside = uses.old & (uses.reference >= part.first) & (uses.reference < part.stop)
        values[inside] = getattr(part, name)[uses.reference[inside] - part.first]
    return values


def _history(columns: NetworkColumns, items: Indices) -> NDArray[np.int64]:
    rows = np.flatnonzero(columns.main & (items != NOBODY))
    order = np.lexsort((columns.recorded_at[rows], columns.performed_on[rows], items[rows]))
    return rows[order]
