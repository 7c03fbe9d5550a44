"""Signed checkpoints and proof files: what anyone checks offline, and what openssl says of it."""

import base64
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certificates.errors import LogError, ProofMalformed, SealBroken, SealError
from certificates.log import Checkpoint, LogEntry, LoggedEvent, LogHead, MerkleLog, nodes_completed
from certificates.log_files import (
    ConsistencyFile,
    InclusionFile,
    open_checkpoint,
    origin_of,
    read_checkpoint,
    sign_checkpoint,
)
from tests.seals import new_signer

ORIGIN = origin_of("TPP", "0190")


def entry(number):
    return LogEntry(
        number=f"TPP-2026-{number:05d}-X",
        event=LoggedEvent.ISSUED,
        occurred_at=datetime(2026, 11, 21, 6, tzinfo=UTC),
        content_sha256=f"{number:064x}",
        pdf_sha256="ab" * 32,
    )


ENTRIES = [entry(number) for number in range(20)]


def note(log, size, signer):
    return sign_checkpoint(Checkpoint(ORIGIN, size, log.root(size)), signer)


@pytest.fixture(scope="module")
def log():
    return MerkleLog(each.leaf() for each in ENTRIES)


@pytest.fixture(scope="module")
def proof(log, signer):
    """The proof of the twelfth of twenty entries."""
    return InclusionFile(ENTRIES[11], 11, log.inclusion_proof(11), note(log, 20, signer))


def test_an_entry_is_read_back_equal_and_in_one_form_only():
    text = ENTRIES[3].text()

    assert LogEntry.parse(text) == ENTRIES[3]
    for attack in (b"", b"{}", b"[" * 10**5, text + b" ", text.replace(b"issued", b"lost"),
                   text.replace(b"+00:00", b""), text.replace(b'"', b"'")):  # fmt: skip
        with pytest.raises(LogError):
            LogEntry.parse(attack)


def test_a_checkpoint_is_checked_by_openssl_alone(log, signer, tmp_path):
    text, _, signatures = note(log, 20, signer).rpartition("\n\n")
    signed = base64.b64decode(signatures.split(" ")[2])
    (tmp_path / "checkpoint.txt").write_text(text + "\n")
    (tmp_path / "checkpoint.sig").write_bytes(signed[4:])
    (tmp_path / "key.pem").write_bytes(
        signer.certificate.x509.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
    )

    told = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "checkpoint.sig",  # noqa: S607
         "checkpoint.txt"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout == "Verified OK\n"


def test_a_witness_may_sign_under_the_checkpoint(log, signer):
    """Who does not know the witness passes over its line; who knows it, finds it too."""
    witness = new_signer("WIT")
    mine, theirs = note(log, 20, signer), note(log, 20, witness)
    both = mine + theirs.rpartition("\n\n")[2]

    assert open_checkpoint(both, [signer.certificate])[1] == signer.certificate
    assert open_checkpoint(both, [witness.certificate])[1] == witness.certificate
    with pytest.raises(SealBroken, match="no trusted key"):
        open_checkpoint(both, [new_signer().certificate])


def test_a_proof_is_read_back_equal_and_holds(proof, signer):
    assert InclusionFile.parse(proof.text()) == proof
    assert proof.check([signer.certificate]).size == 20
    assert proof.text().startswith("c2sp.org/tlog-proof@v1\nextra ")


def test_no_character_of_a_proof_can_be_changed(proof, signer):
    text, tried = proof.text(), 0
    for place in range(len(text)):
        for other in {"A", "0", "\n", " ", text[place].swapcase()} - {text[place]}:
            with pytest.raises((LogError, SealError)):
                InclusionFile.parse(text[:place] + other + text[place + 1 :]).check(
                    [signer.certificate]
                )
            tried += 1
    assert tried > 3000


def test_a_log_that_grew_is_consistent_with_every_checkpoint_kept(log, signer):
    for old_size in range(1, 21):
        old = open_checkpoint(note(log, old_size, signer), [signer.certificate])[0]
        file = ConsistencyFile(old_size, log.consistency_proof(old_size), note(log, 20, signer))

        assert ConsistencyFile.parse(file.text()) == file
        assert file.check(old, [signer.certificate]).size == 20


@pytest.mark.parametrize("changed", ["an entry lost", "an entry changed", "the tail cut"])
def test_a_log_from_which_something_was_taken_is_noticed(log, signer, changed):
    kept = open_checkpoint(note(log, 12, signer), [signer.certificate])[0]
    leaves = [each.leaf() for each in ENTRIES]
    if changed == "an entry lost":
        del leaves[5]
    elif changed == "an entry changed":
        leaves[5] = entry(99).leaf()
    else:
        del leaves[9:]
    forged = MerkleLog(leaves)
    hashes = forged.consistency_proof(12) if forged.size >= 12 else ()
    file = ConsistencyFile(12, hashes, note(forged, forged.size, signer))

    with pytest.raises(ProofMalformed, match="does not begin with the 12 that were kept"):
        file.check(kept, [signer.certificate])


def test_the_checkpoint_of_another_log_or_of_another_size_proves_nothing(log, signer):
    file = ConsistencyFile(12, log.consistency_proof(12), note(log, 20, signer))

    for kept in (
        Checkpoint("suyuan/OTH/1", 12, log.root(12)),
        Checkpoint(ORIGIN, 11, log.root(11)),
    ):
        with pytest.raises(ProofMalformed):
            file.check(kept, [signer.certificate])


def test_a_proof_carries_a_checkpoint_that_can_be_kept(proof, signer):
    for text in (proof.text(), proof.note):
        assert read_checkpoint(text, [signer.certificate]).size == 20


def test_the_nodes_that_appending_completes_are_those_of_the_tree(log):
    head = LogHead()
    kept: dict[tuple[int, int], bytes] = {}
    for leaf in (each.leaf() for each in ENTRIES):
        kept |= {(level, at): node for level, at, node in nodes_completed(head, leaf)}
        head = head.appended(leaf)

    assert len(kept) == sum(20 >> level for level in range(5))
    assert all(log.node(level, at) == node for (level, at), node in kept.items())
