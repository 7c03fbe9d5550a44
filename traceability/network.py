"""The whole network of calibrations as arrays: in force, audit, what rests on what, what is lost.

Calibrations are numbered so that references come before their users: by level, by how many
references they have, by the first of them. All of one level and one number of references
make a block, whose references are a rectangle; one gather per column answers for all of
them. Later calibrations follow in a part of their own, so that a few thousand new ones cost
nothing that grows with the network.

Dates are days since 1950-01-01 in 16 bits, moments seconds since 1970 in 32, coefficients
and uncertainties single precision: the network screens and counts, what a certificate says
is calculated in `influences`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from math import ceil, floor, sqrt
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from traceability.errors import CycleInTraceability, DateOutOfRange, UnknownCalibration
from traceability.graph import (
    MAIN_TRACK,
    RECORDED_DIGITS,
    Flaw,
    Link,
    breaks_at,
    build_graph,
    documented,
)

Bools = NDArray[np.bool_]
Days = NDArray[np.uint16]
Seconds = NDArray[np.uint32]
Indices = NDArray[np.int32]
Singles = NDArray[np.float32]
Identifiers = NDArray[np.uint64]

FIRST_DAY = date(1950, 1, 1)
UNLIMITED = 65535
LAST_DAY = date.fromordinal(FIRST_DAY.toordinal() + UNLIMITED - 1)
NOBODY = -1
MOST_SLACK = 32767
# The flaws of use that the arrays see for themselves; all others are told to them as `flawed`.
_FLAWS_SEEN = frozenset(
    {
        Flaw.UNDOCUMENTED,
        Flaw.NO_PATH_TO_ROOT,
        Flaw.REFERENCE_LATER_THAN_USER,
        Flaw.REFERENCE_NOT_VALID_WHEN_USED,
        Flaw.SUPERSEDED_WHEN_USED,
        Flaw.WITHDRAWN_AFTER_USE,
        Flaw.RATIO_EXCEEDS_RULE,
    }
)
# Events of a block that are worked on at once, so that what they gather stays in the cache.
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkColumns:
    """Calibrations and their references as columns, as a book's rows come: in any order.

    n calibrations, m references. Unknown uncertainties are NaN, and stay unknown in whatever
    rests on them.

    Attributes:
        calibration_ids, item_ids: (2, n), the high and the low halves of UUIDs; an item of
            zeros is unknown.
        performed_on, valid_until: (n,), days since 1950-01-01; UNLIMITED for no end.
        recorded_at: (n,), seconds since 1970, rounded up.
        terminal: (n,), whether a chain may end here.
        flawed: (n,), whether `find_breaks` found what arrays do not see (units, intervals,
            uncertainties, authorisation); it is found when a calibration is written.
        main: (n,), whether the item's due date follows this calibration.
        own_uncertainty: (n,), what the calibration itself adds, in its own unit.
        user: (m,), row of the calibration that used the reference, ascending.
        reference_ids: (2, m), the calibration used.
        coefficient: (m,), user's unit per reference's unit, signed.
        ratio: (m,), accuracy ratio over its limit; 0 where there is no rule.
        superseded_ids: (2, s), superseded or withdrawn calibrations; superseded_at (s,) in
            seconds since 1970, rounded up; withdrawn (s,), whether no successor replaced it.
    """

    calibration_ids: Identifiers
    item_ids: Identifiers
    performed_on: Days
    valid_until: Days
    recorded_at: Seconds
    terminal: Bools
    flawed: Bools
    main: Bools
    own_uncertainty: Singles
    user: Indices
    reference_ids: Identifiers
    coefficient: Singles
    ratio: Singles
    superseded_ids: Identifiers
    superseded_at: Seconds
    withdrawn: Bools


class Block(NamedTuple):
    """Calibrations start … stop, each with `degree` references, column after column from offset."""

    start: int
    stop: int
    degree: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A run of calibrations that rest on one another and on earlier parts only.

    Attributes:
        first: number of its first calibration in the network.
        blocks: (b, 4), see `Block`; start and stop count in the network, offset in `references`.
        sound: no flaw at the calibration or in its own uses, supersessions left aside.
        slack: days between use and expiry of the reference that was nearest to it.
        ratio: largest accuracy ratio over its limit among its own uses.
        history: its calibrations of the main track by item, then date, then moment of record;
            those of item_with_history[i] begin at history_start[i].
        id_order: its calibrations by the low half of their id.
    """

    first: int
    blocks: NDArray[np.int64]
    references: Indices
    coefficients: Singles
    performed_on: Days
    valid_until: Days
    sound: Bools
    slack: NDArray[np.int16]
    ratio: Singles
    own_uncertainty: Singles
    history: Indices
    history_performed_on: Days
    history_recorded_at: Seconds
    history_start: Indices
    item_with_history: Indices
    calibration_ids: Identifiers
    id_order: Indices

    @property
    def stop(self) -> int:
        """The number after its last calibration."""
        return self.first + len(self.performed_on)

    def chunks(self, *, roots: bool = False) -> Iterator[tuple[slice, list[slice]]]:
        """Yield pieces of blocks: calibrations, and the places of each column of references.

        Blocks without references are left out unless `roots` are asked for.
        """
        for row in self.blocks.tolist():
            block = Block(*row)
            count = block.stop - block.start
            if not block.degree and not roots:
                continue
            for low in range(0, count, _CHUNK):
                high = min(low + _CHUNK, count)
                columns = [block.offset + k * count for k in range(block.degree)]
                yield (
                    slice(block.start + low, block.start + high),
                    [slice(column + low, column + high) for column in columns],
                )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A network: its parts, its items and which of its calibrations ended.

    Attributes:
        item_ids: (2, i), in the order of their numbers; item_order by their low halves.
        superseded: numbers of superseded or withdrawn calibrations.
        watermark: how far the log was read, in the words of whoever read it.
    """

    parts: tuple[Part, ...]
    item_ids: Identifiers
    item_order: Indices
    superseded: Indices
    superseded_at: Seconds
    withdrawn: Bools
    watermark: str = ""

    @property
    def size(self) -> int:
        """How many calibrations it has."""
        return self.parts[-1].stop

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of all parts, in the order of the numbers."""
        columns = [getattr(part, name) for part in self.parts]
        return columns[0] if len(columns) == 1 else np.concatenate(columns)

    def calibration_id(self, number: int) -> UUID:
        """Return the id of a calibration."""
        part = next(part for part in self.parts if number < part.stop)
        return uuid_of(part.calibration_ids[:, number - part.first])

    def numbers_of(self, ids: Iterable[UUID]) -> Indices:
        """Return the numbers of calibrations.

        Raises:
            UnknownCalibration: one of them is not in the network.
        """
        ids = tuple(ids)
        numbers = _numbers(self.parts, identifiers(ids))
        for id_, number in zip(ids, numbers, strict=True):
            if number == NOBODY:
                raise UnknownCalibration(id_)
        return numbers

    def own_uncertainty_of(self, number: int) -> float:
        """Return what a calibration itself adds; NaN if unknown."""
        part = next(part for part in self.parts if number < part.stop)
        return float(part.own_uncertainty[number - part.first])

    def references_of(self, number: int) -> tuple[list[int], list[float]]:
        """Return the numbers of the references of one calibration, and their coefficients."""
        part = next(part for part in self.parts if number < part.stop)
        row = int(np.searchsorted(part.blocks[:, 0], number, side="right")) - 1
        block = Block(*part.blocks[row].tolist())
        places = slice(
            block.offset + number - block.start,
            block.offset + block.degree * (block.stop - block.start),
            block.stop - block.start,
        )
        return part.references[places].tolist(), part.coefficients[places].tolist()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkAudit:
    """What is to be said of the chain of each calibration, by number.

    Attributes:
        unbroken: whether no flaw was found anywhere in its chain.
        slack: days that the reference nearest to its expiry had left when used; MOST_SLACK
            where none of the chain expires.
        ratio: the largest accuracy ratio over its limit in the chain.
        variance: combined from the chain as if its branches shared nothing: a screen, exact
            where they do not; NaN where an uncertainty is unknown.
    """

    unbroken: Bools
    slack: NDArray[np.int16]
    ratio: Singles
    variance: Singles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemAudit:
    """What is to be said of each item on a day, by its number in the network.

    Attributes:
        in_force: the calibration in force; NOBODY where there is none.
        overdue: whether it had expired.
        unbroken: whether its chain is unbroken; False where there is none in force.
    """

    in_force: Indices
    overdue: Bools
    unbroken: Bools


# --- into arrays ----------------------------------------------------------------------------


def days_of(field: str, day: date) -> int:
    """Return a date as the network counts it.

    Raises:
        DateOutOfRange: it lies before 1950-01-01 or after 2129-06-04.
    """
    days = day.toordinal() - FIRST_DAY.toordinal()
    if not 0 <= days < UNLIMITED:
        raise DateOutOfRange(field, day, FIRST_DAY, LAST_DAY)
    return days


def seconds_of(field: str, moment: datetime, *, up: bool) -> int:
    """Return an aware moment as the network counts it, rounded up or down to a second.

    Raises:
        DateOutOfRange: it lies before 1970 or after 2106-02-07.
    """
    seconds = ceil(moment.timestamp()) if up else floor(moment.timestamp())
    if not 0 <= seconds < 2**32:
        limits = (datetime.fromtimestamp(s, UTC) for s in (0, 2**32 - 1))
        raise DateOutOfRange(field, moment, *limits)
    return seconds


def identifiers(ids: Sequence[UUID | None]) -> Identifiers:
    """Return ids as the network keeps them, shape (2, n); None as zeros."""
    raw = b"".join(bytes(16) if id_ is None else id_.bytes for id_ in ids)
    halves = np.frombuffer(raw, dtype=">u8").reshape(-1, 2)
    return np.ascontiguousarray(halves.T, dtype=np.uint64)


def uuid_of(identifier: Identifiers) -> UUID:
    """Return one id as a UUID."""
    high, low = identifier.tolist()
    return UUID(int=high << 64 | low)


def columns_of(links: Iterable[Link]) -> NetworkColumns:
    """Return links as columns.

    The uncertainty of each calibration is taken at the point where it used its first
    reference, otherwise at the upper end of its interval; the coefficient of an edge is what
    the reference contributed per unit of that, so the references of one calibration are
    taken as one influence over its whole interval.

    Raises:
        DateOutOfRange: a date or moment cannot be held.
    """
    links = tuple(links)
    graph = build_graph(links)
    edges = [(n, reference) for n, link in enumerate(links) for reference in link.references]
    ended = [link for link in links if link.superseded_at is not None]
    return NetworkColumns(
        calibration_ids=identifiers([link.calibration_id for link in links]),
        item_ids=identifiers([link.item_id for link in links]),
        performed_on=np.array(
            [days_of("performed_on", link.performed_on) for link in links], np.uint16
        ),
        valid_until=np.array(
            [
                UNLIMITED if link.valid_until is None else days_of("valid_until", link.valid_until)
                for link in links
            ],
            np.uint16,
        ),
        recorded_at=np.array(
            [
                seconds_of("recorded_at", link.recorded_at, up=True) if link.recorded_at else 0
                for link in links
            ],
            np.uint32,
        ),
        terminal=np.array([link.terminal_reason is not None for link in links], np.bool_),
        flawed=np.array(
            [
                any(b.flaw not in _FLAWS_SEEN for b in breaks_at(graph, link.calibration_id))
                for link in links
            ],
            np.bool_,
        ),
        main=np.array([link.track == MAIN_TRACK for link in links], np.bool_),
        own_uncertainty=np.array([_own_uncertainty(link) for link in links], np.float32),
        user=np.array([n for n, _ in edges], np.int32),
        reference_ids=identifiers([reference.reference_id for _, reference in edges]),
        coefficient=np.array(
            [
                _coefficient(
                    reference.contributed_standard_uncertainty,
                    reference.conversion_factor,
                    documented(graph, reference.reference_id),
                )
                for _, reference in edges
            ],
            np.float32,
        ),
        ratio=np.array(
            [
                reference.ratio / reference.ratio_limit
                if reference.ratio is not None and reference.ratio_limit
                else 0
                for _, reference in edges
            ],
            np.float32,
        ),
        superseded_ids=identifiers([link.calibration_id for link in ended]),
        superseded_at=np.array(
            [
                seconds_of("superseded_at", link.superseded_at, up=True)
                for link in ended
                if link.superseded_at
            ],
            np.uint32,
        ),
        withdrawn=np.array([link.successor_id is None for link in ended], np.bool_),
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
    superseded = _numbers(parts, columns.superseded_ids)
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
    numbers = _places(network.item_ids, network.item_order, ids)
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


def _numbers(parts: Sequence[Part], ids: Identifiers) -> Indices:
    """Return the number of each id, NOBODY where no part has it."""
    numbers = np.full(ids.shape[1], NOBODY, np.int32)
    for part in parts:
        places = _places(part.calibration_ids, part.id_order, ids)
        numbers[places != NOBODY] = part.first + places[places != NOBODY]
    return numbers


def _places(known: Identifiers, order: Indices, ids: Identifiers) -> Indices:
    """Return where each id is in `known`, whose low halves ascend in `order`."""
    places = np.full(ids.shape[1], NOBODY, np.int32)
    low = np.searchsorted(known[1], ids[1], sorter=order)
    sought = np.arange(ids.shape[1])
    while len(sought):  # more than once only where low halves coincide
        sought = sought[low[sought] < len(order)]
        at = order[low[sought]]
        same_half = known[1, at] == ids[1, sought]
        sought, at = sought[same_half], at[same_half]
        found = known[0, at] == ids[0, sought]
        places[sought[found]] = at[found]
        sought = sought[~found]
        low[sought] += 1
    return places


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
    history_items, history_start = np.unique(items[history], return_index=True)
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
        item_with_history=history_items.astype(np.int32),
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
    known = _numbers(parts, columns.reference_ids)
    fresh = _places(columns.calibration_ids, id_order, columns.reference_ids)
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
    users, where = np.unique(uses.user[places], return_index=True)
    first_use = np.full(count, NOBODY, np.int64)
    first_use[users] = places[where]
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
        degrees, counts = np.unique(degree[rows], return_counts=True)
        for one, many in zip(degrees.tolist(), counts.tolist(), strict=True):
            blocks.append((next_number, next_number + many, one))
            next_number += many
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
        frontier = np.unique(reached[pending[reached] == 0])
        depth += 1
    if done < count:
        raise _RowsInCycle(_cycle(user, reference, pending))
    return level


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
) -> tuple[Indices, Singles, NDArray[np.int64]]:
    """Return references and coefficients column after column of each block, and the blocks."""
    if len(uses.user):
        reference = uses.reference.copy()
        reference[uses.new] = number[uses.reference[uses.new]]
    else:
        reference = uses.reference
    start = np.searchsorted(uses.user, np.arange(len(number)))
    references = np.empty(len(reference), np.int32)
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


def _own_uncertainty(link: Link) -> float:
    """Return what a calibration adds to its references' contributions; NaN if unknown."""
    u = _uncertainty_at_its_point(link)
    contributed = [reference.contributed_standard_uncertainty for reference in link.references]
    if u is None or None in contributed:
        return float("nan")
    return sqrt(max(0.0, u**2 - sum(part**2 for part in contributed if part is not None)))


def _uncertainty_at_its_point(link: Link) -> float | None:
    if link.uncertainty is None:
        return None
    point = link.references[0].user_value if link.references else None
    if point is None and link.interval is not None:
        point = link.interval.upper
    if point is None and link.uncertainty.model == "relative":
        return None
    return link.uncertainty.standard_at(point or 0.0)


def _coefficient(contributed: float | None, factor: float | None, used: Link | None) -> float:
    """Return the user's unit per reference's unit, so that it carries what was contributed."""
    u = None if used is None else _uncertainty_at_its_point(used)
    if contributed is None or not u:
        return float("nan")
    return contributed / u * (-1.0 if factor is not None and factor < 0 else 1.0)


# --- questions ------------------------------------------------------------------------------


def in_force(network: Network, *, on: date, known_at: datetime | None = None) -> Indices:
    """Return the number of the calibration in force of each item, NOBODY where there is none.

    The newest of the main track performed by that day and not superseded before it, as known
    at a moment (now, if not given). It may have expired.

    Raises:
        DateOutOfRange: the day or the moment cannot be held.
    """
    day = days_of("on", on)
    known = None if known_at is None else seconds_of("known_at", known_at, up=False)
    ended = _ended_before(network, day, known)
    numbers = np.full(network.item_ids.shape[1], NOBODY, np.int32)
    performed = np.zeros(len(numbers), np.uint16)
    recorded = np.zeros(len(numbers), np.uint32)
    for part in network.parts:
        if not len(part.history):
            continue
        eligible = part.history_performed_on <= day
        if known is not None:
            eligible &= part.history_recorded_at <= known
        if ended is not None:
            eligible &= ~ended[part.history]
        last = _last_of_each(eligible, part.history_start)
        items, last = part.item_with_history[last != NOBODY], last[last != NOBODY]
        if part is not network.parts[0]:
            newer = _newer(part, last, performed[items], recorded[items], numbers[items])
            items, last = items[newer], last[newer]
        numbers[items] = part.history[last]
        if len(network.parts) > 1:
            performed[items] = part.history_performed_on[last]
            recorded[items] = part.history_recorded_at[last]
    return numbers


def _last_of_each(eligible: Bools, start: Indices) -> Indices:
    """Return the last eligible place of each run, NOBODY where it has none."""
    place = np.arange(len(eligible), dtype=np.int32)
    place[~eligible] = NOBODY
    return np.maximum.reduceat(place, start)


def _newer(
    part: Part, place: Indices, performed: Days, recorded: Seconds, number: Indices
) -> Bools:
    made_on, recorded_at = part.history_performed_on[place], part.history_recorded_at[place]
    later_that_day = (made_on == performed) & (recorded_at > recorded)
    newer: Bools = (made_on > performed) | later_that_day | (number == NOBODY)
    return newer


def _ended(network: Network, known: int | None) -> Bools:
    """Return which of `network.superseded` were known to have ended at a moment."""
    if known is None:
        return np.ones(len(network.superseded), np.bool_)
    result: Bools = network.superseded_at <= known
    return result


def _superseded_on(network: Network) -> NDArray[np.int64]:
    """Return the days on which `network.superseded` ended."""
    unix_day = network.superseded_at.astype(np.int64) // 86400
    return unix_day + (date(1970, 1, 1) - FIRST_DAY).days


def _ended_before(network: Network, day: int, known: int | None) -> Bools | None:
    """Return a mark on each calibration superseded before a day; None if there is none."""
    which = _ended(network, known) & (_superseded_on(network) < day)
    if not which.any():
        return None
    ended = np.zeros(network.size, np.bool_)
    ended[network.superseded[which]] = True
    return ended


def audit_network(
    network: Network,
    *,
    known_at: datetime | None = None,
    every_link_valid_on: date | None = None,
) -> NetworkAudit:
    """Return what is to be said of every chain, judged by what held when references were used.

    Args:
        network: the network.
        known_at: leaves aside what was superseded or withdrawn only later.
        every_link_valid_on: asks the second question as well: a calibration that is not
            valid on that day breaks every chain it is in.

    Raises:
        DateOutOfRange: the day or the moment cannot be held.
    """
    unbroken = _sound(network, known_at)
    if every_link_valid_on is not None:
        unbroken &= _valid_on(network, every_link_valid_on, known_at)
    slack = network.column("slack").astype(np.int16)
    ratio = network.column("ratio").astype(np.float32)
    variance = np.square(network.column("own_uncertainty"), dtype=np.float32)
    for part in network.parts:
        for users, columns in part.chunks():
            for column in columns:
                used = part.references[column]
                unbroken[users] &= unbroken.take(used)
                np.minimum(slack[users], slack.take(used), out=slack[users])
                np.maximum(ratio[users], ratio.take(used), out=ratio[users])
                share = variance.take(used)
                share *= part.coefficients[column]
                share *= part.coefficients[column]
                variance[users] += share
    return NetworkAudit(unbroken=unbroken, slack=slack, ratio=ratio, variance=variance)


def audit_items(
    network: Network, *, on: date, known_at: datetime | None = None, unbroken: Bools | None = None
) -> ItemAudit:
    """Return what is to be said of every item on a day.

    Args:
        network: the network.
        on: the day that decides which calibration is in force and whether it has expired.
        known_at: as in `in_force`.
        unbroken: of an audit of the network known at the same moment, if it is at hand.

    Raises:
        DateOutOfRange: the day or the moment cannot be held.
    """
    numbers = in_force(network, on=on, known_at=known_at)
    if unbroken is None:
        unbroken = unbroken_chains(network, known_at=known_at)
    some = numbers != NOBODY
    expires_on = network.column("valid_until").take(numbers, mode="clip")
    return ItemAudit(
        in_force=numbers,
        overdue=some & (expires_on < days_of("on", on)),
        unbroken=some & unbroken.take(numbers, mode="clip"),
    )


def unbroken_chains(network: Network, *, known_at: datetime | None = None) -> Bools:
    """Return only whether each chain is unbroken, as `audit_network` does."""
    unbroken = _sound(network, known_at)
    for part in network.parts:
        for users, columns in part.chunks():
            for column in columns:
                unbroken[users] &= unbroken.take(part.references[column])
    return unbroken


def _sound(network: Network, known_at: datetime | None) -> Bools:
    """Return which calibrations have no flaw of their own or in their own uses."""
    known = None if known_at is None else seconds_of("known_at", known_at, up=False)
    sound = network.column("sound").astype(np.bool_)
    which = _ended(network, known)
    if not which.any():
        return sound
    ended = np.zeros(network.size, np.bool_)
    ended[network.superseded[which]] = True
    ended_on = dict(
        zip(network.superseded[which].tolist(), _superseded_on(network)[which], strict=True)
    )
    withdrawn = set(network.superseded[which & network.withdrawn].tolist())
    performed_on = network.column("performed_on")
    for part in network.parts:
        for users, columns in part.chunks():
            for column in columns:
                hits = np.flatnonzero(ended.take(part.references[column]))
                for hit in hits.tolist():
                    user, used = users.start + hit, int(part.references[column][hit])
                    if used in withdrawn or ended_on[used] < performed_on[user]:
                        sound[user] = False
    return sound


def _valid_on(network: Network, on: date, known_at: datetime | None) -> Bools:
    day = days_of("every_link_valid_on", on)
    known = None if known_at is None else seconds_of("known_at", known_at, up=False)
    valid: Bools = (network.column("performed_on") <= day) & (network.column("valid_until") >= day)
    ended = _ended_before(network, day, known)
    return valid if ended is None else valid & ~ended


def descendants(network: Network, numbers: Indices) -> Bools:
    """Return which calibrations rest on any of those given, by whatever path."""
    return _rests_on(network, numbers, 0, UNLIMITED)


def recalled(network: Network, numbers: Indices, *, last_good_on: date, found_on: date) -> Bools:
    """Return which calibrations a fault has reached: used in the window, or resting on such a use.

    Args:
        network: the network.
        numbers: the calibrations of the faulty standard.
        last_good_on: the last day it was good; uses count from the day after.
        found_on: the last day on which uses count.
    """
    return _rests_on(
        network, numbers, days_of("last_good_on", last_good_on) + 1, days_of("found_on", found_on)
    )


def _rests_on(network: Network, numbers: Indices, from_day: int, to_day: int) -> Bools:
    """Return what used the calibrations given from a day to a day, and what rests on that."""
    seeds, reached = np.uint8(1), np.uint8(2)
    state = np.zeros(network.size, np.uint8)
    state[numbers] = seeds
    lowest = int(min(numbers, default=network.size))
    for part in network.parts:
        for users, columns in part.chunks():
            if users.stop <= lowest:
                continue
            got = state.take(part.references[columns[0]])
            for column in columns[1:]:
                got |= state.take(part.references[column])
            performed = part.performed_on[users.start - part.first : users.stop - part.first]
            direct = (got & seeds).view(np.bool_) & (performed >= from_day) & (performed <= to_day)
            state[users] |= (got & reached) | (direct.view(np.uint8) << np.uint8(1))
    result: Bools = state >= reached
    return result


def lost_without(network: Network, numbers: Indices) -> Bools:
    """Return which calibrations have no path left to where a chain may end, without those given."""
    alive = np.ones(network.size, np.bool_)
    for part in network.parts:
        roots = part.blocks[part.blocks[:, 2] == 0]
        for start, stop in roots[:, :2].tolist():
            alive[start:stop] = part.sound[start - part.first : stop - part.first]
    alive[numbers] = False
    gone = np.zeros(network.size, np.bool_)
    gone[numbers] = True
    for part in network.parts:
        for users, columns in part.chunks():
            some = alive.take(part.references[columns[0]])
            for column in columns[1:]:
                some |= alive.take(part.references[column])
            alive[users] = some & ~gone[users]
    return ~alive


def dominators(network: Network) -> Indices:
    """Return of each calibration the nearest one that all its paths to a root go through.

    NOBODY where its paths share none: it is a root, or rests on different ones. Whoever is
    on the way from one to the next in this array is a single point of failure for it.
    """
    nearest = np.full(network.size, NOBODY, np.int32)
    depth = np.zeros(network.size, np.int32)
    for part in network.parts:
        for users, columns in part.chunks():
            common = part.references[columns[0]].copy()
            for column in columns[1:]:
                common = _nearest_common(nearest, depth, common, part.references[column].copy())
            nearest[users] = common
            depth[users] = np.where(common == NOBODY, 0, depth.take(common, mode="clip") + 1)
    return nearest


def _nearest_common(nearest: Indices, depth: Indices, a: Indices, b: Indices) -> Indices:
    """Return where two ways up the tree of dominators meet, NOBODY if nowhere."""
    open_ = np.flatnonzero(a != b)
    while len(open_):
        left, right = a[open_], b[open_]
        depth_left = np.where(left == NOBODY, -1, depth.take(left, mode="clip"))
        depth_right = np.where(right == NOBODY, -1, depth.take(right, mode="clip"))
        climb = depth_left >= depth_right
        a[open_[climb]] = nearest[left[climb]]
        climb = depth_right >= depth_left
        b[open_[climb]] = nearest[right[climb]]
        open_ = open_[a[open_] != b[open_]]
    return a


def single_points_of_failure(
    network: Network, *, on: date, known_at: datetime | None = None
) -> NDArray[np.int64]:
    """Return how many items would lose every path if a calibration were gone, by its number.

    Items count by their calibration in force on the day; it counts as resting on itself.
    """
    nearest = dominators(network)
    numbers = in_force(network, on=on, known_at=known_at)
    items = np.bincount(numbers[numbers != NOBODY], minlength=network.size)
    for part in reversed(network.parts):
        for users, _ in reversed(list(part.chunks())):
            above = nearest[users]
            some = above != NOBODY
            np.add.at(items, above[some], items[users][some])
    return items
