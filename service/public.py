"""What anyone may ask of a certificate: where it stands, and whether a file is the issued one.

Nobody logs in. The directory tells what an issuer says to all. Result values are told to who holds
the paper alone, by the code that stands in its QR code.
"""

import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import Engine

from certificates.content import CertificateContent
from certificates.dcc import read_dcc
from certificates.errors import CertificateError, DccUnreadable
from certificates.numbers import normalize_number, other_readings
from certificates.pdf.attachments import PDF_MAGIC, attached_dcc
from certificates.revisions import Standing, StandingOn
from certificates.seal import PAPER_CODE_SIZE, paper_code, sha256_hex
from service.errors import InvalidField
from service.lookup import LookupKeys
from service.store import certificates as store
from service.store import directory
from service.store.directory import Entry
from service.tenancy import TenantSession

SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LOOKS_LIKE = str.maketrans("oil", "011")  # hexadecimal digits have none of these letters
_BETWEEN = re.compile(r"[\s\-–—]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known of a number on a day.

    Attributes:
        number: as its issuer prints it, or as it was read where nobody issued it.
        entry: None where the directory has no such certificate.
        code_is_right: whether the code given is that of this certificate's paper; None where none
            was given, or the certificate has no paper of ours.
        paper: what the certificate says, for who gave the right code.
    """

    number: str
    standing: StandingOn
    entry: Entry | None = None
    code_is_right: bool | None = None
    paper: CertificateContent | None = None


class Finding(StrEnum):
    """What a file turns out to be."""

    ISSUED = "issued"  # byte for byte what was issued
    ALTERED = "altered"  # it names a certificate of ours, and is none of its files
    UNKNOWN = "unknown"  # neither its digest nor a number in it is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a file is, by its SHA-256, and where the certificate stands that it is or names."""

    sha256: str
    finding: Finding
    answer: Answer | None = None


def look_up(engine: Engine, keys: LookupKeys, number: str, *, on: date, code: str = "") -> Answer:
    """Return where the certificate of a number, as somebody typed it, stands on a day."""
    entry = find_by_number(engine, keys, number)
    if entry is None:
        unknown = StandingOn(standing=Standing.UNKNOWN, on=on)
        return Answer(number=normalize_number(number), standing=unknown)
    paper = _content(engine, entry) if code else None
    right = None if paper is None else _is_code(code, paper)
    return Answer(
        number=entry.number,
        standing=entry.standing(on),
        entry=entry,
        code_is_right=right,
        paper=paper if right else None,
    )


def find_by_number(engine: Engine, keys: LookupKeys, number: str) -> Entry | None:
    """Return the certificate of a number; of letters that look alike, the one reading there is."""
    found = directory.find(engine, keys.of_number(number))
    if not found:
        found = [
            entry
            for reading in other_readings(number)
            for entry in directory.find(engine, keys.of_number(reading))
        ]
    return found[0] if len(found) == 1 else None


def judge(engine: Engine, keys: LookupKeys, document: bytes, sha256: str, *, on: date) -> Verdict:
    """Return the verdict on what somebody sent: a file, or else a digest.

    Raises:
        InvalidField: neither was sent, or no SHA-256.
    """
    if document:
        return judge_file(engine, keys, document, on=on)
    if sha256.strip():
        return judge_digest(engine, keys, sha256, on=on)
    raise InvalidField("/file", "neither a file nor a digest was sent")


def judge_digest(engine: Engine, keys: LookupKeys, sha256: str, *, on: date) -> Verdict:
    """Return whether a file of this SHA-256 was issued.

    Raises:
        InvalidField: it is no SHA-256 in hexadecimal.
    """
    digest = _BETWEEN.sub("", sha256).lower()
    if not SHA256.fullmatch(digest):
        raise InvalidField("/sha256", "not the 64 hexadecimal digits of a SHA-256")
    found = directory.find(engine, keys.of_file(digest))
    if not found:
        return Verdict(sha256=digest, finding=Finding.UNKNOWN)
    entry = found[0]
    return Verdict(sha256=digest, finding=Finding.ISSUED, answer=answer_of(entry, on=on))


def answer_of(entry: Entry, *, on: date) -> Answer:
    """Return what anyone is told of a certificate in the directory."""
    return Answer(number=entry.number, standing=entry.standing(on), entry=entry)


def judge_file(engine: Engine, keys: LookupKeys, document: bytes, *, on: date) -> Verdict:
    """Return whether a file is one that was issued; if not, what of ours it claims to be."""
    verdict = judge_digest(engine, keys, sha256_hex(document), on=on)
    if verdict.finding is Finding.ISSUED:
        return verdict
    for number in _numbers_in(document):
        claimed = look_up(engine, keys, number, on=on)
        if claimed.entry is not None:
            return Verdict(sha256=verdict.sha256, finding=Finding.ALTERED, answer=claimed)
    return verdict


def _content(engine: Engine, entry: Entry) -> CertificateContent | None:
    """Return what a certificate says, from its issuer's book; None where it is on paper only."""
    with TenantSession(engine, entry.issuer_id, read_only=True) as session:
        file = store.file(session, entry.certificate_id, "json")
        return CertificateContent.from_mapping(json.loads(file.content)) if file else None


def _is_code(code: str, content: CertificateContent) -> bool:
    typed = _BETWEEN.sub("", code).lower().translate(_LOOKS_LIKE)
    right = paper_code(content.as_mapping())
    return len(typed) == PAPER_CODE_SIZE and hmac.compare_digest(typed.encode(), right.encode())


def _numbers_in(document: bytes) -> Iterator[str]:
    """Yield the certificate number that a DCC, a PDF with one, or a certificate's JSON names."""
    try:
        if document.startswith(PDF_MAGIC):
            document = attached_dcc(document)
        if document.lstrip()[:1] == b"{":
            yield CertificateContent.from_mapping(json.loads(document)).number
        else:
            yield read_dcc(document).number
    except (DccUnreadable, CertificateError, ValueError, RecursionError):
        return
