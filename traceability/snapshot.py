"""A network as bytes, laid out so that an open file mapped into memory is the network.

The prefix is eight letters, the version, the length of the description and its CRC-32; the
description is JSON; the arrays follow, each on a boundary of 64 bytes. Opening reads the
description only. Who writes the bytes to a file puts it beside the old one and renames it.
"""

import json
from collections.abc import Iterator
from mmap import mmap
from struct import Struct
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from traceability.errors import SnapshotOfAnotherVersion, SnapshotTruncated, SnapshotUnreadable
from traceability.network import Network, Part

VERSION = 1
_LETTERS = b"SUYUANNW"
_PREFIX = Struct("<8sIII")
_BOUNDARY = 64
_ARRAYS_OF_PART = (
    "blocks",
    "references",
    "coefficients",
    "performed_on",
    "valid_until",
    "sound",
    "slack",
    "ratio",
    "own_uncertainty",
    "history",
    "history_performed_on",
    "history_recorded_at",
    "history_start",
    "item_with_history",
    "calibration_ids",
    "id_order",
)
_ARRAYS_OF_NETWORK = ("item_ids", "item_order", "superseded", "superseded_at", "withdrawn")


def snapshot_of(network: Network) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a snapshot, piece after piece."""
    arrays: list[NDArray[Any]] = []

    def described(owner: object, names: tuple[str, ...]) -> dict[str, Any]:
        table = {}
        for name in names:
            array = np.ascontiguousarray(getattr(owner, name))
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            place = sum(_padded(a.nbytes) for a in arrays)
            table[name] = [array.dtype.str, list(array.shape), place]
            arrays.append(array)
        return table

    description: dict[str, Any] = {
        "watermark": network.watermark,
        "network": described(network, _ARRAYS_OF_NETWORK),
        "parts": [
            {"first": part.first, "arrays": described(part, _ARRAYS_OF_PART)}
            for part in network.parts
        ],
    }
    description["bytes"] = sum(_padded(array.nbytes) for array in arrays)
    text = json.dumps(description).encode()
    yield _PREFIX.pack(_LETTERS, VERSION, len(text), crc32(text))
    yield text + bytes(_padded(_PREFIX.size + len(text)) - _PREFIX.size - len(text))
    for array in arrays:
        yield array.reshape(-1).view(np.uint8).data
        yield bytes(_padded(array.nbytes) - array.nbytes)


def open_snapshot(data: "bytes | bytearray | memoryview | mmap") -> Network:
    """Return the network of a snapshot without copying its arrays; they are read-only.

    Raises:
        SnapshotTruncated: it has other than the bytes that it announces.
        SnapshotOfAnotherVersion: it was written in another version of the format.
        SnapshotUnreadable: it is no snapshot, or its description is damaged.
    """
    view = memoryview(data).toreadonly()
    if len(view) < _PREFIX.size:
        raise SnapshotTruncated(_PREFIX.size, len(view))
    letters, version, length, checksum = _PREFIX.unpack_from(view)
    if letters != _LETTERS:
        raise SnapshotUnreadable("these bytes are no snapshot of a network")
    if version != VERSION:
        raise SnapshotOfAnotherVersion(version, VERSION)
    text = bytes(view[_PREFIX.size : _PREFIX.size + length])
    start = _padded(_PREFIX.size + length)
    if len(text) < length:
        raise SnapshotTruncated(start, len(view))
    if crc32(text) != checksum:
        raise SnapshotUnreadable("the description of the snapshot is damaged")
    description = json.loads(text)
    if len(view) != start + description["bytes"]:
        raise SnapshotTruncated(start + description["bytes"], len(view))
    body = view[start:]
    return Network(
        parts=tuple(
            Part(first=part["first"], **_arrays(body, part["arrays"]))
            for part in description["parts"]
        ),
        watermark=description["watermark"],
        **_arrays(body, description["network"]),
    )


def _arrays(body: memoryview, table: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {
        name: np.frombuffer(body, dtype, int(np.prod(shape)), place).reshape(shape)
        for name, (dtype, shape, place) in table.items()
    }


def _padded(size: int) -> int:
    return -(-size // _BOUNDARY) * _BOUNDARY
