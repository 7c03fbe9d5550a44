"""The log that can only grow: whoever kept a checkpoint notices what is taken out or changed.

The expected roots and proofs come from the definitions of RFC 9162, 2.1, written down here as they
stand there, and from the eight leaves of the test data of Certificate Transparency.
"""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates.errors import CheckpointMalformed, EntryUnknown
from certificates.log import (
    EMPTY_ROOT,
    Checkpoint,
    LogEntry,
    LoggedEvent,
    LogHead,
    MerkleLog,
    is_consistent,
    is_included,
    leaf_hash,
)

# --- RFC 9162, 2.1, as it is written --------------------------------------------------------------


def mth(entries):
    """2.1.1: the Merkle Tree Hash of an ordered list of entries."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m, entries):
    """2.1.3.1: the inclusion path of entry m."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m, entries, b):
    """2.1.4.1: the consistency proof from the first m entries."""
    if m == len(entries):
        return [] if b else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], b), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def split(n):
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


SIZES = range(1, 34)
ENTRIES = [f"certificate {number}".encode() for number in range(33)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


@pytest.fixture(scope="module")
def log():
    return MerkleLog(LEAVES)


# --- Roots ----------------------------------------------------------------------------------------

CERTIFICATE_TRANSPARENCY = {
    "": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "00": "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "10": "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "2021": "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "3031": "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "40414243": "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "5051525354555657": "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "606162636465666768696a6b6c6d6e6f": (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    ),
}


def test_the_roots_of_certificate_transparencys_eight_leaves():
    log = MerkleLog()

    for entry, root in CERTIFICATE_TRANSPARENCY.items():
        log.append(leaf_hash(bytes.fromhex(entry)))
        assert log.root().hex() == root


def test_every_root_is_the_one_the_definition_gives(log):
    assert MerkleLog().root() == EMPTY_ROOT == mth([])

    for size in SIZES:
        assert log.root(size) == mth(ENTRIES[:size])


def test_a_head_carries_all_that_appending_needs(log):
    head = LogHead()

    for size, leaf in enumerate(LEAVES, start=1):
        head = head.appended(leaf)
        assert head.root() == log.root(size)
        assert len(head.peaks) == size.bit_count()

    assert head == log.head()
    assert head.appended(LEAVES[0]) == MerkleLog([*LEAVES, LEAVES[0]]).head()


def test_a_head_of_the_wrong_number_of_peaks_is_refused():
    with pytest.raises(EntryUnknown):
        LogHead(3, (LEAVES[0],))


# --- Proofs ---------------------------------------------------------------------------------------


def test_every_inclusion_proof_is_the_one_the_definition_gives_and_holds(log):
    proved = 0
    for size in SIZES:
        for index in range(size):
            proof = log.inclusion_proof(index, size)
            assert list(proof) == path(index, ENTRIES[:size])
            assert is_included(LEAVES[index], index, size, proof, log.root(size))
            proved += 1
    assert proved == 33 * 34 // 2


def test_every_consistency_proof_is_the_one_the_definition_gives_and_holds(log):
    proved = 0
    for size in SIZES:
        for old_size in range(1, size + 1):
            proof = log.consistency_proof(old_size, size)
            assert list(proof) == subproof(old_size, ENTRIES[:size], True)
            assert is_consistent(
                old_size, size, proof, old_root=log.root(old_size), root=log.root(size)
            )
            proved += 1
    assert proved == 33 * 34 // 2


def test_a_leaf_is_not_proved_elsewhere_or_in_another_log(log):
    for size in (1, 2, 7, 8, 33):
        for index in range(size):
            proof, root = log.inclusion_proof(index, size), log.root(size)
            assert not is_included(LEAVES[index], index, size, proof, sha256(root).digest())
            assert not is_included(sha256(LEAVES[index]).digest(), index, size, proof, root)
            assert not is_included(LEAVES[index], index + 1, size, proof, root)
            assert not is_included(LEAVES[index], -1, size, proof, root)
            assert not is_included(LEAVES[index], index, size, (*proof, root), root)
            assert not proof or not is_included(LEAVES[index], index, size, proof[:-1], root)


@given(old=st.integers(1, 32), new=st.integers(2, 33), changed=st.integers(0, 31))
def test_a_log_whose_past_was_changed_is_never_consistent(old, new, changed):
    old, new = min(old, new), max(old, new)
    changed %= old
    honest = MerkleLog(LEAVES[:old])
    forged = MerkleLog(
        [leaf_hash(b"forged") if n == changed else leaf for n, leaf in enumerate(LEAVES[:new])]
    )

    proof = forged.consistency_proof(old)

    assert not is_consistent(old, new, proof, old_root=honest.root(), root=forged.root())


@given(kept=st.integers(1, 33), left=st.integers(0, 32))
def test_a_log_that_was_cut_short_has_no_proof_for_an_older_checkpoint(kept, left):
    left = min(left, kept - 1)
    cut = MerkleLog(LEAVES[:left])

    with pytest.raises(EntryUnknown):
        cut.consistency_proof(kept)
    assert not is_consistent(kept, left, (), old_root=mth(ENTRIES[:kept]), root=cut.root())


def test_an_empty_log_is_the_beginning_of_every_log(log):
    assert is_consistent(0, 33, (), old_root=EMPTY_ROOT, root=log.root())
    assert not is_consistent(0, 33, (), old_root=log.root(), root=log.root())
    assert not is_consistent(0, 33, (LEAVES[0],), old_root=EMPTY_ROOT, root=log.root())


@pytest.mark.parametrize(("index", "size"), [(33, 33), (-1, 33), (0, 0), (0, 34), (5, 5)])
def test_what_lies_beyond_the_log_has_no_proof(log, index, size):
    with pytest.raises(EntryUnknown):
        log.inclusion_proof(index, size)


@pytest.mark.parametrize(("old_size", "size"), [(0, 33), (34, 34), (9, 8), (-1, 3)])
def test_sizes_beyond_the_log_have_no_proof(log, old_size, size):
    with pytest.raises(EntryUnknown):
        log.consistency_proof(old_size, size)


# --- Entries and checkpoints ----------------------------------------------------------------------

ENTRY = LogEntry(
    number="TPP-2026-00123-D",
    event=LoggedEvent.ISSUED,
    occurred_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
    content_sha256="0f" * 32,
    dcc_sha256="1e" * 32,
    pdf_sha256="2d" * 32,
)


@pytest.mark.parametrize(
    "change",
    [
        {"number": "TPP-2026-00124-B"},
        {"event": LoggedEvent.WITHDRAWN},
        {"occurred_at": datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC)},
        {"pdf_sha256": None},
        {"replaced_by": "TPP-2026-00124-B"},
    ],
)
def test_anything_changed_in_an_entry_is_another_leaf(change):
    assert replace(ENTRY, **change).leaf() != ENTRY.leaf()
    assert replace(ENTRY).leaf() == ENTRY.leaf()


def test_a_checkpoint_reads_back_as_it_was_written(log):
    checkpoint = Checkpoint("suyuan.example/TPP", log.size, log.root())

    text = checkpoint.text()

    assert text.splitlines()[:2] == ["suyuan.example/TPP", "33"]
    assert Checkpoint.parse(text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "suyuan.example/TPP\n33\n",
        "suyuan.example/TPP\n-1\n" + "A" * 43 + "=\n",
        "suyuan.example/TPP\n033\n" + "A" * 43 + "=\n",
        "suyuan.example/TPP\n³\n" + "A" * 43 + "=\n",
        "suyuan.example/TPP\n33\nnot base64\n",
        "suyuan.example/TPP\n33\nAAAA\n",
        "\n33\n" + "A" * 43 + "=\n",
        "suyuan.example/TPP\n33\n" + "A" * 43 + "=\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(CheckpointMalformed):
        Checkpoint.parse(text)
