"""The whole network of calibrations as arrays: in force, audit, what rests on what, what is lost.

Calibrations are numbered so that references come before their users: by level, by how many
references they have, by the first of them. All of one level and one number of references
make a block, whose references are a rectangle; one gather per column answers for all of
them. Later calibrations follow in a part of their own, so that a few thousand new ones cost
nothing that grows with the network.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from traceability.columns import (
    FIRST_DAY,
    Bools,
    Days,
    Identifiers,
    Indices,
    Seconds,
    Singles,
    days_of,
    identifiers,
    seconds_of,
    uuid_of,
)
from traceability.errors import UnknownCalibration

Places = NDArray[np.int64]

NOBODY = -1
MOST_SLACK = 32767
BROKEN = np.int16(-32768)
# Calibrations of a block that are worked on at once, so that what they gather stays in the cache.
_CHUNK = 1 << 15


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
        references: numbers in the width in which they are gathered: narrower is slower.
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
    references: Places
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

    def item_id(self, number: int) -> UUID:
        """Return the id of an item."""
        return uuid_of(self.item_ids[:, number])

    def numbers_of(self, ids: Iterable[UUID]) -> Indices:
        """Return the numbers of calibrations.

        Raises:
            UnknownCalibration: one of them is not in the network.
        """
        ids = tuple(ids)
        numbers = find_numbers(self.parts, identifiers(ids))
        for id_, number in zip(ids, numbers, strict=True):
            if number == NOBODY:
                raise UnknownCalibration(id_)
        return numbers

    def has(self, ids: Iterable[UUID]) -> list[bool]:
        """Return whether each of some ids is that of a calibration of the network."""
        known: list[bool] = (find_numbers(self.parts, identifiers(tuple(ids))) != NOBODY).tolist()
        return known

    def block_of(self, number: int) -> tuple[Part, Block]:
        """Return the part and the block of a calibration."""
        part = next(part for part in self.parts if number < part.stop)
        row = int(np.searchsorted(part.blocks[:, 0], number, side="right")) - 1
        return part, Block(*part.blocks[row].tolist())

    def own_uncertainty_of(self, number: int) -> float:
        """Return what a calibration itself adds; NaN if unknown."""
        part = next(part for part in self.parts if number < part.stop)
        return float(part.own_uncertainty[number - part.first])

    def references_of(self, number: int) -> tuple[list[int], list[float]]:
        """Return the numbers of the references of one calibration, and their coefficients."""
        part, block = self.block_of(number)
        places = slice(
            block.offset + number - block.start,
            block.offset + block.degree * (block.stop - block.start),
            block.stop - block.start,
        )
        return part.references[places].tolist(), part.coefficients[places].tolist()


def find_numbers(parts: Sequence[Part], ids: Identifiers) -> Indices:
    """Return the number of each id, NOBODY where no part has it."""
    numbers = np.full(ids.shape[1], NOBODY, np.int32)
    for part in parts:
        places = find_places(part.calibration_ids, part.id_order, ids)
        numbers[places != NOBODY] = part.first + places[places != NOBODY]
    return numbers


def find_places(known: Identifiers, order: Indices, ids: Identifiers) -> Indices:
    """Return where each id is in `known`, whose low halves ascend in `order`."""
    places = np.full(ids.shape[1], NOBODY, np.int32)
    if ids.shape[1] * 8 < len(order):
        low = np.searchsorted(known[1], ids[1], sorter=order)
    else:  # so many that both sides are better read in order
        low = np.empty(ids.shape[1], np.int64)
        ascending = np.argsort(ids[1])
        low[ascending] = np.searchsorted(known[1, order], ids[1, ascending])
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkAudit:
    """What is to be said of the chain of each calibration, by number.

    Attributes:
        unbroken: whether no flaw was found anywhere in its chain.
        slack: days that the reference nearest to its expiry had left when used; MOST_SLACK
            where none of the chain expires, BROKEN where it is broken.
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
    sound = _sound(network, known_at)
    if every_link_valid_on is not None:
        sound &= _valid_on(network, every_link_valid_on, known_at)
    slack = np.where(sound, network.column("slack"), BROKEN)
    ratio = network.column("ratio").astype(np.float32)
    variance = np.square(network.column("own_uncertainty"))
    short, single = np.empty(_CHUNK, np.int16), np.empty(_CHUNK, np.float32)
    for part in network.parts:
        for users, columns in part.chunks():
            for column in columns:
                used = part.references[column]
                days, number = short[: len(used)], single[: len(used)]
                slack.take(used, mode="clip", out=days)
                np.minimum(slack[users], days, out=slack[users])
                ratio.take(used, mode="clip", out=number)
                np.maximum(ratio[users], number, out=ratio[users])
                variance.take(used, mode="clip", out=number)
                number *= part.coefficients[column]
                number *= part.coefficients[column]
                variance[users] += number
    return NetworkAudit(unbroken=slack != BROKEN, slack=slack, ratio=ratio, variance=variance)


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
                unbroken[users] &= unbroken.take(part.references[column], mode="clip")
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
    carries = np.zeros(network.size, np.bool_)
    carries[numbers] = True
    lowest = int(min(numbers, default=network.size))
    got = np.empty(_CHUNK, np.bool_)
    for part in network.parts:
        for users, columns in part.chunks():
            if users.stop <= lowest:
                continue
            some = got[: users.stop - users.start]
            for column in columns:
                carries.take(part.references[column], mode="clip", out=some)
                np.logical_or(carries[users], some, out=carries[users])
    # Of those given, only they that rest on another one.
    carries[numbers] = [
        carries[network.references_of(number)[0]].any() for number in numbers.tolist()
    ]
    return carries


def recalled(network: Network, numbers: Indices, *, last_good_on: date, found_on: date) -> Bools:
    """Return which calibrations a fault has reached: used in the window, or resting on such a use.

    Args:
        network: the network.
        numbers: the calibrations of the faulty standard.
        last_good_on: the last day it was good; uses count from the day after.
        found_on: the last day on which uses count.
    """
    good, found = days_of("last_good_on", last_good_on), days_of("found_on", found_on)
    seeds, reached = np.uint8(1), np.uint8(2)
    state = np.zeros(network.size, np.uint8)
    state[numbers] = seeds
    lowest = int(min(numbers, default=network.size))
    for part in network.parts:
        for users, columns in part.chunks():
            if users.stop <= lowest:
                continue
            got = state.take(part.references[columns[0]], mode="clip")
            for column in columns[1:]:
                got |= state.take(part.references[column], mode="clip")
            performed = part.performed_on[users.start - part.first : users.stop - part.first]
            direct = (got & seeds).view(np.bool_) & (performed > good) & (performed <= found)
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


def _nearest_common(nearest: Indices, depth: Indices, a: Places, b: Places) -> Places:
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
