"""The log of what happened to certificates: a Merkle tree that can only grow.

Leaves are canonical bytes of log entries. Whoever kept a checkpoint can prove later that nothing
was taken out or changed since. Source: RFC 9162, 2.1 (the tree hash and proofs of RFC 6962).
"""

import base64
import binascii
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from certificates.errors import CheckpointMalformed, ContentError, EntryMalformed, EntryUnknown
from certificates.plain import from_plain
from certificates.seal import canonical_bytes

HASH_SIZE = 32
_WHOLE = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
EMPTY_ROOT = sha256(b"").digest()


class LoggedEvent(StrEnum):
    """What can happen to a certificate."""

    ISSUED = "issued"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One event of one certificate: its files by their SHA-256, at an aware moment.

    A certificate of the time before the service has no files. `replaced_by` is the number of the
    certificate that amends this one.
    """

    number: str
    event: LoggedEvent
    occurred_at: datetime
    content_sha256: str
    dcc_sha256: str | None = None
    pdf_sha256: str | None = None
    html_sha256: str | None = None
    replaced_by: str | None = None

    def text(self) -> bytes:
        """Return the canonical bytes, whose hash stands in the tree."""
        plain: dict[str, Any] = asdict(self)
        moment = self.occurred_at.astimezone(UTC).isoformat()
        return canonical_bytes({**plain, "event": self.event.value, "occurred_at": moment})

    def leaf(self) -> bytes:
        """Return the hash with which the entry stands in the tree."""
        return leaf_hash(self.text())

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Return the entry that `text` wrote. Raises EntryMalformed."""
        try:
            entry: Self = from_plain(cls, json.loads(text), "")
        except (ValueError, RecursionError, ContentError) as error:
            raise EntryMalformed(f"no entry of a log: {error}") from error
        if entry.occurred_at.tzinfo is None or entry.text() != text:
            raise EntryMalformed("not the canonical bytes of an entry")
        return entry


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162, 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class LogHead:
    """The tree's size and the roots of its complete subtrees, the largest first.

    It is all that a transaction needs to append: as many hashes as the size has binary ones.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.peaks) != self.size.bit_count():
            raise EntryUnknown(f"a log of {self.size} has {self.size.bit_count()} peaks")

    def appended(self, leaf: bytes) -> Self:
        """Return the head after one more leaf."""
        peaks, complete = [*self.peaks, leaf], self.size
        while complete & 1:
            right, left = peaks.pop(), peaks.pop()
            peaks.append(node_hash(left, right))
            complete >>= 1
        return type(self)(self.size + 1, tuple(peaks))

    def root(self) -> bytes:
        """Return the tree hash; that of an empty log is the hash of nothing."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


class Tree(ABC):
    """A tree that proves what its head says; where its nodes are kept, each kind says.

    A root or a proof of any size takes O(log² n).
    """

    @property
    @abstractmethod
    def size(self) -> int:
        """How many leaves there are."""

    @abstractmethod
    def node(self, level: int, position: int) -> bytes:
        """Return the root of a complete subtree: of the 2^level leaves from position · 2^level."""

    def root(self, size: int | None = None) -> bytes:
        """Return the tree hash of the first `size` leaves. Raises EntryUnknown."""
        size = self._known(size)
        return self._subtree(0, size) if size else EMPTY_ROOT

    def head(self) -> LogHead:
        """Return the head with which another process can append."""
        return LogHead(self.size, tuple(self.node(*peak) for peak in peaks_of(self.size)))

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the hashes that prove a leaf to be in the first `size` (RFC 9162, 2.1.3.1).

        Raises EntryUnknown.
        """
        size = self._known(size)
        if not 0 <= index < size:
            raise EntryUnknown(f"no entry {index} in a log of {size}")
        proof, start, end = [], 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._subtree(middle, end))
                end = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        return tuple(reversed(proof))

    def consistency_proof(self, old_size: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the hashes that prove the first `old_size` unchanged (RFC 9162, 2.1.4.1).

        Raises EntryUnknown unless 0 < old_size ≤ size.
        """
        size = self._known(size)
        if not 0 < old_size <= size:
            raise EntryUnknown(f"no proof from size {old_size} to size {size}")
        proof, start, end = [], 0, size
        while end != old_size:
            middle = start + _split(end - start)
            if old_size <= middle:
                proof.append(self._subtree(middle, end))
                end = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        if start:
            proof.append(self._subtree(start, end))
        return tuple(reversed(proof))

    def _subtree(self, start: int, end: int) -> bytes:
        """Return the tree hash of the leaves from start to end; complete subtrees are kept."""
        width = end - start
        if width & (width - 1) == 0 and start % width == 0:
            level = width.bit_length() - 1
            return self.node(level, start >> level)
        middle = start + _split(width)
        return node_hash(self._subtree(start, middle), self._subtree(middle, end))

    def _known(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise EntryUnknown(f"no size {size} in a log of {self.size}")
        return size


class MerkleLog(Tree):
    """The whole tree in memory. Appending is constant time on average."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0])

    def node(self, level: int, position: int) -> bytes:
        """Return the root of a complete subtree."""
        return self._levels[level][position]

    def append(self, leaf: bytes) -> int:
        """Add a leaf and return its index."""
        index = self.size
        self._levels[0].append(leaf)
        position, level = index, 0
        while position & 1:
            if level + 1 == len(self._levels):
                self._levels.append([])
            children = self._levels[level]
            self._levels[level + 1].append(node_hash(children[position - 1], children[position]))
            position, level = position >> 1, level + 1
        return index


class KeptTree(Tree):
    """A tree of which only the nodes that a question needs were fetched, by level and position."""

    def __init__(self, size: int, nodes: Mapping[tuple[int, int], bytes]) -> None:
        self._size, self._nodes = size, nodes

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    def node(self, level: int, position: int) -> bytes:
        """Return the root of a complete subtree. Raises EntryUnknown if it was not fetched."""
        try:
            return self._nodes[level, position]
        except KeyError:
            raise EntryUnknown(f"node {position} of level {level} is missing") from None


def nodes_needed(size: int, question: Callable[[Tree], object]) -> frozenset[tuple[int, int]]:
    """Return which nodes of a tree of a size a question looks at, by level and position.

    >>> sorted(nodes_needed(3, lambda tree: tree.inclusion_proof(0)))
    [(0, 1), (0, 2)]
    """
    asked: set[tuple[int, int]] = set()

    class Asked(KeptTree):
        def node(self, level: int, position: int) -> bytes:
            asked.add((level, position))
            return EMPTY_ROOT

    question(Asked(size, {}))
    return frozenset(asked)


def peaks_of(size: int) -> tuple[tuple[int, int], ...]:
    """Return the level and position of each complete subtree of a size, the largest first.

    >>> peaks_of(6)
    ((2, 0), (1, 2))
    """
    levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
    return tuple((level, (size >> level) - 1) for level in levels)


def nodes_completed(head: LogHead, leaf: bytes) -> tuple[tuple[int, int, bytes], ...]:
    """Return the nodes that appending a leaf completes: level, position and hash, the leaf first.

    >>> [node[:2] for node in nodes_completed(LogHead(1, (EMPTY_ROOT,)), EMPTY_ROOT)]
    [(0, 1), (1, 0)]
    """
    completed = [(0, head.size, leaf)]
    for peak in reversed(head.peaks):
        level, position, node = completed[-1]
        if not position & 1:
            break
        completed.append((level + 1, position >> 1, node_hash(peak, node)))
    return tuple(completed)


def _split(width: int) -> int:
    """Return the largest power of two smaller than a width of at least two."""
    return 1 << ((width - 1).bit_length() - 1)


# --- For those who only have the proof ------------------------------------------------------------


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether the proof shows the leaf at this index under this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old_size: int, size: int, proof: Sequence[bytes], *, old_root: bytes, root: bytes
) -> bool:
    """Say whether the proof shows the old log to be the beginning of the new (RFC 9162, 2.1.4.2).

    An empty log is the beginning of every log, and needs no proof.
    """
    if old_size == size:
        return not proof and old_root == root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if not 0 < old_size < size or not proof:
        return False
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_found = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_found, found = node_hash(sibling, old_found), node_hash(sibling, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


# --- Checkpoints ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself at a moment: whose it is, its size and its root.

    The text is that of the C2SP tlog-checkpoint, to which signatures can be added.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or self.origin != self.origin.strip() or "\n" in self.origin:
            raise CheckpointMalformed("the origin is one line of text")
        if self.size < 0 or len(self.root) != HASH_SIZE:
            raise CheckpointMalformed("the size or the root is impossible")

    def text(self) -> str:
        """Return three lines: the origin, the size, the root in base64."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the checkpoint that `text` wrote. Raises CheckpointMalformed."""
        origin, size, root, *rest = (*text.split("\n"), "", "", "")
        if any(rest) or not _WHOLE.fullmatch(size):
            raise CheckpointMalformed("not the three lines of a checkpoint")
        try:
            return cls(origin, int(size), base64.b64decode(root, validate=True))
        except binascii.Error as error:
            raise CheckpointMalformed("the root is not base64") from error
