"""A snapshot opens as the network that was written, or is refused by name."""

import mmap
from datetime import date, timedelta

import numpy as np
import pytest

from traceability.columns import columns_of
from traceability.errors import SnapshotOfAnotherVersion, SnapshotTruncated, SnapshotUnreadable
from traceability.network import audit_items, audit_network
from traceability.numbering import build_network, merged
from traceability.snapshot import open_snapshot, snapshot_of


@pytest.fixture
def network(demo_nation):
    links = demo_nation.links
    first = build_network(columns_of(links[:400]), watermark="event 400")
    return merged(first, columns_of(links[400:]), watermark="event 574")


@pytest.fixture
def data(network):
    return b"".join(snapshot_of(network))


def test_a_snapshot_in_a_mapped_file_answers_as_the_network_did(
    network, data, tmp_path, demo_nation
):
    path = tmp_path / "network.snapshot"
    path.write_bytes(data)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    opened = open_snapshot(mapped)

    assert opened.watermark == "event 574"
    before, after = audit_network(network), audit_network(opened)
    assert np.array_equal(before.unbroken, after.unbroken)
    assert np.array_equal(before.slack, after.slack)
    day = demo_nation.today - timedelta(days=700)
    assert np.array_equal(
        audit_items(network, on=day).in_force, audit_items(opened, on=day).in_force
    )


def test_an_opened_network_can_be_added_to_and_stays_unchanged(data, demo_nation):
    opened = open_snapshot(data)
    fault = next(f for f in demo_nation.document["faults"] if f["id"] == "F8")
    attempt = demo_nation.link(fault["attempt"]["event"])

    grown = merged(opened, columns_of([attempt]), watermark="event 575")

    number = grown.numbers_of([attempt.calibration_id])[0]
    assert (opened.size, grown.size) == (574, 575)
    assert (
        grown.references_of(number)[0]
        == opened.numbers_of([attempt.references[0].reference_id]).tolist()
    )
    assert not audit_network(grown).unbroken[number]


def test_the_arrays_of_an_opened_snapshot_cannot_be_written(data):
    with pytest.raises(ValueError, match="read-only"):
        open_snapshot(data).parts[0].performed_on[0] = 0


@pytest.mark.parametrize("kept", [0, 10, 30, 500, -64])
def test_a_truncated_snapshot_is_refused(data, kept):
    with pytest.raises(SnapshotTruncated):
        open_snapshot(data[:kept])


def test_a_snapshot_with_bytes_left_over_is_refused(data):
    with pytest.raises(SnapshotTruncated):
        open_snapshot(data + b"\0")


def test_a_snapshot_of_another_version_is_refused(data):
    newer = data[:8] + (2).to_bytes(4, "little") + data[12:]

    with pytest.raises(SnapshotOfAnotherVersion) as refused:
        open_snapshot(newer)

    assert (refused.value.version, refused.value.readable) == (2, 1)


def test_a_damaged_description_is_refused(data):
    damaged = bytearray(data)
    damaged[40] ^= 1

    with pytest.raises(SnapshotUnreadable, match="damaged"):
        open_snapshot(damaged)


def test_other_bytes_are_no_snapshot():
    with pytest.raises(SnapshotUnreadable, match="no snapshot"):
        open_snapshot(b"%PDF-1.7" + bytes(100))


def test_an_empty_network_has_a_snapshot():
    empty = build_network(columns_of([]), watermark="nothing yet")

    opened = open_snapshot(b"".join(snapshot_of(empty)))

    assert (opened.size, opened.watermark) == (0, "nothing yet")
    assert len(audit_items(opened, on=date(2026, 1, 1)).in_force) == 0
