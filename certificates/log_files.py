"""Checkpoints that are signed, and proofs as files that anyone can check offline.

Source: C2SP signed-note (ECDSA signatures, type 0x02), tlog-checkpoint, tlog-proof v1.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from certificates.errors import CheckpointMalformed, ProofMalformed, SealBroken
from certificates.log import HASH_SIZE, Checkpoint, LogEntry, is_consistent, is_included
from certificates.signer import SealCertificate, Signer

PROOF = "c2sp.org/tlog-proof@v1"
CONSISTENCY = "suyuan/log-consistency@v1"
MAXIMUM_SIZE = 2**16  # bytes of a file of either kind
MAXIMUM_SIGNATURES = 16
_KEY_ID_SIZE = 4
_WHOLE = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


def origin_of(code: str, organization_id: object) -> str:
    """Return the name of an organization's log, which its checkpoints and signatures carry."""
    return f"suyuan/{code}/{organization_id}"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """Return the signed note of a checkpoint."""
    text = checkpoint.text()
    signed = _key_id(signer.certificate) + signer.sign(text.encode())
    return f"{text}\n— {checkpoint.origin} {_base64(signed)}\n"


def open_checkpoint(
    note: str, trusted: Sequence[SealCertificate]
) -> tuple[Checkpoint, SealCertificate]:
    """Return what a signed note says, and whose signature stands under it.

    Signatures of unknown keys, such as witnesses', are passed over. Raises CheckpointMalformed;
    SealBroken for a wrong signature of a trusted key, or if no trusted key signed.
    """
    text, separator, signatures = note.rpartition("\n\n")
    checkpoint = Checkpoint.parse(text + "\n")
    lines = signatures.split("\n")
    if not separator or lines.pop() != "" or not 0 < len(lines) <= MAXIMUM_SIGNATURES:
        raise CheckpointMalformed("no signatures under the checkpoint")
    by: SealCertificate | None = None
    for line in lines:
        dash, name, signed = (*line.split(" "), "", "", "")[:3]
        if dash != "—" or line != f"— {name} {signed}":
            raise CheckpointMalformed("not the line of a signature")
        if name == checkpoint.origin and (found := _signer(signed, trusted, text + "\n")):
            by = by or found
    if by is None:
        raise SealBroken("no trusted key signed the checkpoint")
    return checkpoint, by


def _signer(signed: str, trusted: Sequence[SealCertificate], text: str) -> SealCertificate | None:
    """Return who of the trusted signed; None for a key that is not known."""
    decoded = _from_base64(signed)
    key_id, signature = decoded[:_KEY_ID_SIZE], decoded[_KEY_ID_SIZE:]
    known = [certificate for certificate in trusted if _key_id(certificate) == key_id]
    for certificate in known:
        if certificate.verifies(signature, text.encode()):
            return certificate
    if known:
        raise SealBroken("the signature of the checkpoint does not hold")
    return None


def _key_id(certificate: SealCertificate) -> bytes:
    return sha256(certificate.public_key_info).digest()[:_KEY_ID_SIZE]


@dataclass(frozen=True, slots=True)
class InclusionFile:
    """A proof that an entry stands in a log: the entry, its place, the hashes, the signed head."""

    entry: LogEntry
    index: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """Return the file, as C2SP tlog-proof has it; the entry is its extra data."""
        extra, place = f"extra {_base64(self.entry.text())}", f"index {self.index}"
        return "\n".join((PROOF, extra, place, *map(_base64, self.hashes), "", self.note))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the proof that `text` wrote. Raises ProofMalformed or EntryMalformed."""
        first, extra, place, *hashes = _lines(text)
        index = place.removeprefix("index ")
        if first != PROOF or not extra.startswith("extra ") or not place.startswith("index "):
            raise ProofMalformed(f"not a proof of the form {PROOF}")
        entry = LogEntry.parse(_from_base64(extra.removeprefix("extra ")))
        return cls(entry, _whole(index), _hashes(hashes), _note(text))

    def check(self, trusted: Sequence[SealCertificate]) -> Checkpoint:
        """Return the checkpoint under which the entry is proved to stand.

        Raises CheckpointMalformed, SealBroken, or ProofMalformed if the hashes do not lead there.
        """
        checkpoint, _ = open_checkpoint(self.note, trusted)
        if not is_included(
            self.entry.leaf(), self.index, checkpoint.size, self.hashes, checkpoint.root
        ):
            raise ProofMalformed("the hashes do not lead from the entry to the checkpoint")
        return checkpoint


@dataclass(frozen=True, slots=True)
class ConsistencyFile:
    """A proof that a log only grew since it had a size: the hashes, and the signed head of now."""

    old_size: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """Return the file: a line of its form, one of the old size, the hashes, the signed head."""
        place = f"from {self.old_size}"
        return "\n".join((CONSISTENCY, place, *map(_base64, self.hashes), "", self.note))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the proof that `text` wrote. Raises ProofMalformed."""
        first, old_size, *hashes = _lines(text)
        if first != CONSISTENCY or not old_size.startswith("from "):
            raise ProofMalformed(f"not a proof of the form {CONSISTENCY}")
        return cls(_whole(old_size.removeprefix("from ")), _hashes(hashes), _note(text))

    def check(self, old: Checkpoint, trusted: Sequence[SealCertificate]) -> Checkpoint:
        """Return the checkpoint of now, which begins with all that the old one held.

        Raises CheckpointMalformed, SealBroken, or ProofMalformed if the log was cut or changed.
        """
        checkpoint, _ = open_checkpoint(self.note, trusted)
        if checkpoint.origin != old.origin:
            raise ProofMalformed(f"of another log: {checkpoint.origin}, not {old.origin}")
        if self.old_size != old.size:
            raise ProofMalformed(f"from size {self.old_size}, not from {old.size}")
        if not is_consistent(
            old.size, checkpoint.size, self.hashes, old_root=old.root, root=checkpoint.root
        ):
            raise ProofMalformed(
                f"the log of {checkpoint.size} does not begin with the {old.size} that were kept"
            )
        return checkpoint


def read_checkpoint(text: str, trusted: Sequence[SealCertificate]) -> Checkpoint:
    """Return the checkpoint of a signed note, or of the proof that ends with one.

    Raises LogError or SealBroken.
    """
    note = _note(text) if text.startswith((PROOF, CONSISTENCY)) else text
    return open_checkpoint(note, trusted)[0]


def decoded(document: bytes) -> str:
    """Return the text of a log's file. Raises ProofMalformed."""
    if len(document) > MAXIMUM_SIZE:
        raise ProofMalformed(f"larger than {MAXIMUM_SIZE} bytes")
    try:
        return document.decode()
    except UnicodeDecodeError as error:
        raise ProofMalformed("not UTF-8") from error


def _lines(text: str) -> list[str]:
    """Return the lines before the first empty one, and at least three."""
    if len(text) > MAXIMUM_SIZE or "\n\n" not in text:
        raise ProofMalformed("no checkpoint stands below a proof")
    return [*text.partition("\n\n")[0].split("\n"), "", ""]


def _note(text: str) -> str:
    return text.partition("\n\n")[2]


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ProofMalformed("not a whole number as it is written")
    return int(text)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Return the hashes of the lines, without the two that `_lines` adds."""
    found = tuple(_from_base64(line) for line in lines if line)
    if any(len(each) != HASH_SIZE for each in found):
        raise ProofMalformed("a hash has 32 bytes")
    return found


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _from_base64(text: str) -> bytes:
    """Return the bytes of the one base64 text they have. Raises ProofMalformed."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProofMalformed("not base64") from error
    if _base64(value) != text:
        raise ProofMalformed("not the base64 of these bytes")
    return value
