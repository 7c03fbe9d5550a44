"""Says whether a file is the certificate that an issuer sealed and logged, offline.

Whoever asks has the file, the proof beside it, and the certificates of the seals that he trusts.
What is told of the certificate is read from the bytes that were sealed, and from nothing else.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from certificates.content import CertificateContent, CertificateKind, Meaning
from certificates.dcc import ReadCertificate, read_dcc, write_dcc
from certificates.errors import (
    CertificateError,
    FieldMalformed,
    LogError,
    ProofMalformed,
    SealError,
    SealMalformed,
)
from certificates.log import Checkpoint, LogEntry
from certificates.log_files import ConsistencyFile, InclusionFile, open_checkpoint
from certificates.pades import MAXIMUM_SIZE, open_pdf
from certificates.seal import canonical_bytes, sha256_hex
from certificates.signer import SealCertificate
from certificates.xades import open_xml

_CALIBRATION = f"suyuan_{CertificateKind.CALIBRATION_CERTIFICATE}"
_PERSON = "person-"  # begins who somebody is, in the description of a person


class Form(StrEnum):
    """The forms of a certificate; the last two have no seal of their own, the log vouches."""

    PDF = "pdf"
    XML = "xml"
    JSON = "json"
    HTML = "html"


class Check(StrEnum):
    """What is checked of a file."""

    SEAL = "seal"  # over every byte, by a trusted key that was valid then
    PERSONS = "persons"  # distinct, one for each signature needed, within what is sealed
    DIGEST = "digest"  # the log's entry names these bytes
    LOG = "log"  # the entry stands under a checkpoint that a trusted key signed


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that the file does not pass, and why."""

    check: Check
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """What a file turned out to be.

    Attributes:
        form: None where the file is of no form that a certificate has.
        says: what the sealed bytes say; None where no seal or log vouches for them, and for HTML.
        sealed_by, sealed_at: whose key, and when; None where the form has no seal of its own.
        entry, checkpoint: what the log says; None where it proves nothing.
    """

    form: Form | None
    failures: tuple[Failure, ...]
    says: ReadCertificate | None = None
    sealed_by: SealCertificate | None = None
    sealed_at: datetime | None = None
    entry: LogEntry | None = None
    checkpoint: Checkpoint | None = None

    @property
    def is_authentic(self) -> bool:
        """Whether every check was passed."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class _Opened:
    """The document in a file and, where it has a seal, who set it and when."""

    document: bytes
    dcc: bytes | None = None  # as it is attached
    sealed_by: SealCertificate | None = None
    sealed_at: datetime | None = None


def authenticate(
    document: bytes, *, trusted: Sequence[SealCertificate], proof: InclusionFile | None
) -> Authentication:
    """Return whether a file is a certificate as a trusted key sealed it and its log proves it.

    The first thing that is wrong with the seal or the log ends the matter; nothing foreign is
    fetched, and nothing raises for what a file holds.
    """
    form = form_of(document)
    if form is None:
        return _refused(None, Check.SEAL, "not a form of a certificate")

    # 1 the seal: whose, over which bytes
    try:
        opened = _opened(document, form, trusted)
    except SealError as error:
        return _refused(form, Check.SEAL, str(error))

    # 2 the log: is there an entry of exactly these bytes, under a signed checkpoint
    failures = list(_unproved(document, form, opened, trusted, proof))
    vouched = opened.sealed_by is not None or not failures

    # 3 what is said, and the three persons in it
    says = None
    if vouched and form is not Form.HTML:
        try:
            says, persons = _said(opened, form)
        except CertificateError as error:
            return _refused(form, Check.PERSONS, str(error))
        failures += _not_signed_by_each(says, persons)
        if proof is not None and says.number != proof.entry.number:
            reason = f"the proof is of {proof.entry.number}, the file of {says.number}"
            failures.append(Failure(Check.DIGEST, reason))
    return Authentication(
        form=form,
        failures=tuple(failures),
        says=says,
        sealed_by=opened.sealed_by,
        sealed_at=opened.sealed_at,
        entry=proof.entry if proof and not failures else None,
        checkpoint=open_checkpoint(proof.note, trusted)[0] if proof and not failures else None,
    )


def form_of(document: bytes) -> Form | None:
    """Return which form of a certificate the first bytes of a file tell of."""
    beginnings = {b"%pdf-": Form.PDF, b"<?xml": Form.XML, b"{": Form.JSON, b"<!doctype": Form.HTML}
    start = document[:16].lower()
    return next((form for begun, form in beginnings.items() if start.startswith(begun)), None)


def digests_of(entry: LogEntry) -> dict[Form, str | None]:
    """Return the SHA-256 of each form that an entry of a log names."""
    return {
        Form.JSON: entry.content_sha256,
        Form.XML: entry.dcc_sha256,
        Form.PDF: entry.pdf_sha256,
        Form.HTML: entry.html_sha256,
    }


def unchanged_since(
    old: Checkpoint,
    *,
    trusted: Sequence[SealCertificate],
    checkpoints: Sequence[Checkpoint],
    proofs: Sequence[ConsistencyFile],
) -> Checkpoint:
    """Return the newest checkpoint under which a log still begins with all that an old one held.

    Args:
        old: what was kept.
        checkpoints: what the proofs of certificates at hand lead to.
        proofs: of consistency, from the old size on.

    Raises:
        LogError, SealError: something was taken out, changed or cut off since, or nothing at hand
            shows that it was not.
    """
    mine = [seen for seen in checkpoints if seen.origin == old.origin]
    now = [proof.check(old, trusted) for proof in proofs]
    now += [seen for seen in mine if seen.size == old.size]
    if not now:
        raise ProofMalformed(f"no proof at hand that the log of {old.size} only grew since")
    newest = max(now, key=lambda seen: seen.size)
    for known in (old, newest):
        for seen in mine:
            if seen.size == known.size and seen.root != known.root:
                raise ProofMalformed(f"two logs of one size, {seen.size}: one of them is forged")
    return newest


def _refused(form: Form | None, check: Check, reason: str) -> Authentication:
    return Authentication(form=form, failures=(Failure(check, reason),))


def _opened(document: bytes, form: Form, trusted: Sequence[SealCertificate]) -> _Opened:
    """Return what a seal covers; a document without a seal of its own as it is."""
    if len(document) > MAXIMUM_SIZE:
        raise SealMalformed(f"larger than {MAXIMUM_SIZE} bytes")
    if form is Form.XML:
        xml = open_xml(document, trusted)
        return _Opened(xml.document, document, xml.certificate, xml.sealed_at)
    if form is Form.PDF:
        pdf = open_pdf(document, trusted)
        xml = open_xml(pdf.attachment, trusted)
        return _Opened(xml.document, pdf.attachment, pdf.certificate, pdf.sealed_at)
    return _Opened(document)


def _unproved(
    document: bytes,
    form: Form,
    opened: _Opened,
    trusted: Sequence[SealCertificate],
    proof: InclusionFile | None,
) -> Iterator[Failure]:
    """Yield why the log does not vouch for a file."""
    if proof is None:
        yield Failure(Check.LOG, "no proof that the log knows it is at hand")
        return
    try:
        checkpoint = proof.check(trusted)
    except (LogError, SealError) as error:
        yield Failure(Check.LOG, str(error))
        return
    entry = proof.entry
    code = checkpoint.origin.split("/")[1]
    if not entry.number.startswith(f"{code}-"):
        yield Failure(Check.LOG, f"{entry.number} is not of the log {checkpoint.origin}")
    if digests_of(entry)[form] != sha256_hex(document):
        yield Failure(Check.DIGEST, f"the log knows another {form} of {entry.number}")
    elif opened.dcc is not None and entry.dcc_sha256 != sha256_hex(opened.dcc):
        yield Failure(Check.DIGEST, f"the log knows another DCC of {entry.number}")


def _said(opened: _Opened, form: Form) -> tuple[ReadCertificate, list[tuple[str, str]]]:
    """Return what a document says, and the role and the id of each person in it."""
    if form is Form.JSON:
        content = _content(opened.document)
        signed = [(who.meaning.value, who.person_id) for who in content.signatories]
        return read_dcc(write_dcc(content)), signed
    says = read_dcc(opened.document)
    return says, [
        (person.role, text.removeprefix(_PERSON))
        for person in says.persons
        for _, text in person.description.contents
        if text.startswith(_PERSON)
    ]


def _content(document: bytes) -> CertificateContent:
    """Return the content of a JSON form. Raises ContentError."""
    try:
        content = CertificateContent.from_mapping(json.loads(document))
    except (ValueError, RecursionError) as error:
        raise FieldMalformed("content", f"not JSON: {error}") from error
    if canonical_bytes(content.as_mapping()) != document:
        raise FieldMalformed("content", "not the canonical bytes of a content")
    return content


def _not_signed_by_each(
    says: ReadCertificate, persons: Sequence[tuple[str, str]]
) -> Iterator[Failure]:
    """Yield why those who signed are not three persons, one of each meaning.

    A calibration certificate may be signed by two, where the laboratory has nobody check.
    """
    roles = sorted(role for role, _ in persons)
    is_calibration = any(_CALIBRATION in statement.ref_types for statement in says.statements)
    two = is_calibration and roles == sorted((Meaning.CALIBRATED, Meaning.APPROVED))
    if roles != sorted(Meaning) and not two:
        yield Failure(Check.PERSONS, "not calibrated, checked and approved, once each")
    elif len({person for _, person in persons if person}) != len(roles):
        yield Failure(Check.PERSONS, "one person signed for two")
