"""Seals a PDF of our own typesetter, so that any reader of PDF can check it, and opens the seal.

The seal is one increment behind the typeset bytes: a signature field without a picture, and one
PAdES-B-B signature over the whole file. Who opens it builds the increment anew from the bytes
before it; the file must be the same to the last byte. So nothing can be added behind the seal,
laid over it, or hidden in the room that is kept for the signature.
Source: ISO 32000-1, 7.5.6 and 12.8; ETSI EN 319 142-1 V1.2.1, 6.3 (level B-B).
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from certificates.cms import attributes_to_sign, signed_data
from certificates.errors import SealBroken, SealMalformed
from certificates.signer import SealCertificate, Signer

MAXIMUM_SIZE = 32 * 2**20  # bytes
LARGEST_SIGNATURE = 72  # bytes of an ECDSA signature on P-256 in DER
_END = b"%%EOF\n"
_TRAILER = re.compile(
    rb"trailer\n<</Size (?P<size>\d+)/Root (?P<root>\d+) 0 R/Info (?P<info>\d+) 0 R"
    rb"/ID\[(?P<first>\([^()\\]*\))\([^()\\]*\)\]>>\nstartxref\n(?P<table>\d+)\n%%EOF\n\Z"
)
_PAGES = re.compile(rb"/Type/Pages/Count \d+/Kids\[(?P<page>\d+) 0 R")
_SEALED = re.compile(
    rb"/M\(D:(?P<sealed_at>\d{14})Z\)/ByteRange\[0 \d+ \d+ \d+\] */Contents"
    rb"<(?P<cms>(?:[0-9a-f]{2})+)>"
)
_ATTACHMENT = re.compile(
    rb"<</Length (?P<length>\d+)/Type/EmbeddedFile/Filter/FlateDecode/Subtype/application#2Fxml"
    rb"/Params<</Size (?P<size>\d+)[^>]*>>>>\nstream\n"
)


@dataclass(frozen=True, slots=True)
class OpenedPdf:
    """A PDF whose seal holds: the bytes that were sealed, the DCC in it, by whose key and when."""

    document: bytes
    attachment: bytes
    certificate: SealCertificate
    sealed_at: datetime


def seal_pdf(document: bytes, signer: Signer, *, now: datetime) -> bytes:
    """Return a typeset PDF with its seal behind it.

    Raises SealMalformed for a PDF that the typesetter has not written so.
    """
    certificate = signer.certificate
    before, after = _increment(document, now, certificate)
    digest = sha256(before + after).digest()
    signature = signer.sign(attributes_to_sign(digest, certificate))
    return _joined(before, signed_data(digest, certificate, signature), after)


def open_pdf(document: bytes, trusted: Sequence[SealCertificate]) -> OpenedPdf:
    """Return what was sealed, by the key of one of the trusted certificates.

    Raises SealMalformed for what has no seal of this form, SealBroken for one that does not hold.
    """
    if len(document) > MAXIMUM_SIZE:
        raise SealMalformed(f"larger than {MAXIMUM_SIZE} bytes")
    end = document.rfind(_END, 0, -len(_END))
    found = _SEALED.search(document, max(end, 0))
    if found is None:
        raise SealMalformed("no seal of this form on the PDF")
    original, sealed_at = document[: end + len(_END)], _moment(found["sealed_at"].decode())
    for certificate in trusted:
        before, after = _increment(original, sealed_at, certificate)
        if not (document.startswith(before) and document.endswith(after)):
            continue
        digest = sha256(before + after).digest()
        signature = _signature_in(bytes.fromhex(found["cms"].decode()), digest, certificate)
        if document != _joined(before, signed_data(digest, certificate, signature), after):
            continue
        if not certificate.verifies(signature, attributes_to_sign(digest, certificate)):
            raise SealBroken("the signature of the PDF does not hold")
        if not certificate.was_valid(sealed_at):
            raise SealBroken(f"sealed at {sealed_at}, when the certificate was not valid")
        return OpenedPdf(original, _attachment(original), certificate, sealed_at)
    raise SealBroken("the PDF is not as it was sealed, or not sealed by a trusted key")


def _increment(
    document: bytes, sealed_at: datetime, certificate: SealCertificate
) -> tuple[bytes, bytes]:
    """Return the file before and after the hole for the signature, as the field asks for it."""
    document = document if document.endswith(b"\n") else document + b"\n"  # or PDF/A breaks
    trailer = _TRAILER.search(document, max(len(document) - 1024, 0))
    pages = _PAGES.search(document, 0, 1024)
    if trailer is None or pages is None:
        raise SealMalformed("not a PDF as the typesetter writes it")
    size, root, page = int(trailer["size"]), int(trailer["root"]), int(pages["page"])
    table = int(trailer["table"])
    field = size + 1
    moment = sealed_at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    objects = {
        page: _with_entry(_object(document, table, page), b"/Annots[%d 0 R]" % field),
        root: _with_entry(
            _object(document, table, root), b"/AcroForm<</Fields[%d 0 R]/SigFlags 3>>" % field
        ),
        field: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Seal)/F 132/Rect[0 0 0 0]"
        b"/P %d 0 R/V %d 0 R>>" % (page, size),
        size: b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(D:%s)/ByteRange"
        % moment.encode(),
    }
    body, offsets = bytearray(document), {}
    for number, content in objects.items():
        offsets[number] = len(body)
        body += b"%d 0 obj\n%s" % (number, content)
        if number != size:
            body += b"\nendobj\n"
    hole = 2 * len(signed_data(bytes(32), certificate, bytes(LARGEST_SIGNATURE))) + 2
    start = len(body) + _RANGE_SIZE + len(b"/Contents")
    after = b">>\nendobj\n" + _cross_references(
        offsets, start + hole + len(b">>\nendobj\n"), trailer, sha256(document).hexdigest()[:32]
    )
    byte_range = b"[0 %d %d %d]" % (start, start + hole, len(after))
    return bytes(body) + byte_range.ljust(_RANGE_SIZE) + b"/Contents", after


_RANGE_SIZE = 48


def _cross_references(
    offsets: dict[int, int], start: int, trailer: re.Match[bytes], changed: str
) -> bytes:
    """Return the table of the objects of the increment, and its trailer (ISO 32000-1, 7.5.4)."""
    lines = [b"xref\n"]
    for number, offset in sorted(offsets.items()):
        lines.append(b"%d 1\n%010d 00000 n\r\n" % (number, offset))
    lines.append(
        b"trailer\n<</Size %d/Root %s 0 R/Info %s 0 R/ID[%s<%s>]/Prev %s>>\nstartxref\n%d\n%s"
        % (
            int(trailer["size"]) + 2,
            trailer["root"],
            trailer["info"],
            trailer["first"],
            changed.encode(),
            trailer["table"],
            start,
            _END,
        )
    )
    return b"".join(lines)


def _object(document: bytes, table: int, number: int) -> bytes:
    """Return the dictionary of an object, found by the table of cross references."""
    first = document.find(b"\n0 ", table, table + 8)
    entries = document.find(b"\n", first + 1) + 1
    entry = document[entries + 20 * number : entries + 20 * number + 10]
    start = b"%d 0 obj\n" % number
    offset = int(entry) if entry.isdigit() else len(document)
    end = document.find(b"\nendobj", offset)
    content = document[offset + len(start) : end]
    if first < 0 or not document.startswith(start, offset) or not content.endswith(b">>"):
        raise SealMalformed("not a PDF as the typesetter writes it")
    return content


def _with_entry(dictionary: bytes, entry: bytes) -> bytes:
    """Return a dictionary with one more entry at its end."""
    if re.search(rb"/(Annots|AcroForm)\b", dictionary):
        raise SealMalformed("the PDF has annotations or a form already")
    return dictionary[:-2] + entry + b">>"


def _joined(before: bytes, cms: bytes, after: bytes) -> bytes:
    """Return the whole file; what the signature leaves of its hole is filled with zeros."""
    hole = len(before) and int(before[before.rfind(b"[0 ") :].split()[2]) - len(before)
    return before + b"<" + cms.hex().encode().ljust(hole - 2, b"0") + b">" + after


def _signature_in(cms: bytes, digest: bytes, certificate: SealCertificate) -> bytes:
    """Return the signature at the end of a CMS, whose other bytes are known.

    Its length tells where it begins; whether the CMS is the one of this signature, the caller sees.
    """
    for size in range(8, LARGEST_SIGNATURE + 1):
        whole = len(signed_data(digest, certificate, bytes(size)))
        signature = cms[whole - size : whole]
        if signature[:2] == bytes((0x30, size - 2)):
            return signature
    raise SealBroken("no signature in the PDF's seal")


def _attachment(document: bytes) -> bytes:
    """Return the XML that is attached to a PDF whose seal holds. Raises SealMalformed."""
    found = _ATTACHMENT.search(document)
    if found is None:
        raise SealMalformed("nothing is attached to the PDF")
    unpacked = zlib.decompressobj()
    start = found.end()
    packed = document[start : start + int(found["length"])]
    return unpacked.decompress(packed, MAXIMUM_SIZE)


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise SealMalformed(f"no moment: {text}") from error
