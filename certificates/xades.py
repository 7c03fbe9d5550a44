"""Seals a digital document in XML, so that xmlsec1 alone can check it, and opens the seal again.

The seal is one enveloped XAdES-B-B signature, the last child of the root. Who opens it does not
search the document for what a signature covers: the file is built anew from the bytes that remain
without the seal, and must be the same to the last byte. So no signature can be wrapped in anything.
Source: XMLDSIG 1.1; Canonical XML 1.1; ETSI EN 319 132-1 V1.2.1, 6.3 (level B-B).
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from lxml import etree

from certificates.dcc.names import SIGNATURE as DS
from certificates.errors import SealBroken, SealMalformed
from certificates.signer import SealCertificate, Signer, as_scalars, from_scalars

MAXIMUM_SIZE = 32 * 2**20  # bytes
MAXIMUM_SEAL_SIZE = 2**14
XADES = "http://uri.etsi.org/01903/v1.3.2#"
C14N = "http://www.w3.org/2006/12/xml-c14n11"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'

_SIGNED_PROPERTIES = """\
<xades:SignedProperties{namespaces} Id="seal-properties"><xades:SignedSignatureProperties>\
<xades:SigningTime>{sealed_at}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert>\
<xades:CertDigest><ds:DigestMethod Algorithm="{sha256}"></ds:DigestMethod>\
<ds:DigestValue>{certificate_digest}</ds:DigestValue></xades:CertDigest></xades:Cert>\
</xades:SigningCertificateV2></xades:SignedSignatureProperties><xades:SignedDataObjectProperties>\
<xades:DataObjectFormat ObjectReference="#seal-document"><xades:MimeType>text/xml</xades:MimeType>\
</xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>"""
_SIGNED_INFO = """\
<ds:SignedInfo{namespaces}><ds:CanonicalizationMethod Algorithm="{c14n}">\
</ds:CanonicalizationMethod><ds:SignatureMethod \
Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod>\
<ds:Reference Id="seal-document" URI=""><ds:Transforms><ds:Transform \
Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform \
Algorithm="{c14n}"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="{sha256}">\
</ds:DigestMethod><ds:DigestValue>{document_digest}</ds:DigestValue></ds:Reference>\
<ds:Reference Type="http://uri.etsi.org/01903#SignedProperties" URI="#seal-properties">\
<ds:Transforms><ds:Transform Algorithm="{c14n}"></ds:Transform></ds:Transforms><ds:DigestMethod \
Algorithm="{sha256}"></ds:DigestMethod><ds:DigestValue>{properties_digest}</ds:DigestValue>\
</ds:Reference></ds:SignedInfo>"""
_SIGNATURE = """\
<ds:Signature xmlns:ds="{ds}" Id="seal">{signed_info}<ds:SignatureValue>{value}\
</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}\
</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object><xades:QualifyingProperties \
xmlns:xades="{xades}" Target="#seal">{signed_properties}</xades:QualifyingProperties></ds:Object>\
</ds:Signature>"""
_SEAL = re.compile(
    rb"<ds:Signature .*<ds:SignatureValue>(?P<value>[A-Za-z0-9+/]{86}==)</ds:SignatureValue>.*"
    rb"<xades:SigningTime>(?P<sealed_at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)</xades:SigningTime>.*"
    rb"</ds:Signature>"
)


@dataclass(frozen=True, slots=True)
class OpenedXml:
    """A document whose seal holds: the bytes that were sealed, by whose key, and when."""

    document: bytes
    certificate: SealCertificate
    sealed_at: datetime


def seal_xml(document: bytes, signer: Signer, *, now: datetime) -> bytes:
    """Return a document with its seal: canonical XML in UTF-8, the signature before its end.

    Raises SealMalformed if it is no XML, or sealed already.
    """
    root = _parse(document)
    if next(root.iter(f"{{{DS}}}Signature"), None) is not None:
        raise SealMalformed("the document is signed already")
    namespaces = {prefix: uri for prefix, uri in root.nsmap.items() if prefix is not None}
    if len(namespaces) != len(root.nsmap):
        raise SealMalformed("a document that is sealed names its namespaces")
    canonical = etree.tostring(root, method="c14n", with_comments=False)
    signed_info, properties = _signed(canonical, namespaces, signer.certificate, now)
    value = as_scalars(signer.sign(signed_info.encode()))
    return _assembled(canonical, namespaces, signed_info, properties, signer.certificate, value)


def open_xml(document: bytes, trusted: Sequence[SealCertificate]) -> OpenedXml:
    """Return what was sealed, by the key of one of the trusted certificates.

    Raises SealMalformed for what has no seal of this form, SealBroken for one that does not hold.
    """
    if len(document) > MAXIMUM_SIZE:
        raise SealMalformed(f"larger than {MAXIMUM_SIZE} bytes")
    start = document.rfind(b"<ds:Signature ")
    found = _SEAL.match(document, start, start + MAXIMUM_SEAL_SIZE) if start > 0 else None
    if found is None or not document.startswith(DECLARATION):
        raise SealMalformed("no seal of this form on the document")
    canonical = document[len(DECLARATION) : found.start()] + document[found.end() :]
    namespaces = {
        prefix: uri for prefix, uri in _parse(canonical).nsmap.items() if prefix is not None
    }
    sealed_at = _moment(found["sealed_at"].decode())
    value = base64.b64decode(found["value"])
    for certificate in trusted:
        signed_info, properties = _signed(canonical, namespaces, certificate, sealed_at)
        if document != _assembled(
            canonical, namespaces, signed_info, properties, certificate, value
        ):
            continue
        if not certificate.verifies(from_scalars(value), signed_info.encode()):
            raise SealBroken("the signature of the document does not hold")
        if not certificate.was_valid(sealed_at):
            raise SealBroken(f"sealed at {sealed_at}, when the certificate was not valid")
        return OpenedXml(DECLARATION + canonical, certificate, sealed_at)
    raise SealBroken("the document is not as it was sealed, or not sealed by a trusted key")


def _signed(
    canonical: bytes, namespaces: Mapping[str, str], certificate: SealCertificate, at: datetime
) -> tuple[str, str]:
    """Return the canonical text of what is signed: the references, and the seal's properties."""
    properties = _SIGNED_PROPERTIES.format(
        namespaces=_declared({**namespaces, "ds": DS, "xades": XADES}),
        sealed_at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        certificate_digest=_digest(certificate.der),
        sha256=SHA256,
    )
    signed_info = _SIGNED_INFO.format(
        namespaces=_declared({**namespaces, "ds": DS}),
        document_digest=_digest(canonical),
        properties_digest=_digest(properties.encode()),
        sha256=SHA256,
        c14n=C14N,
    )
    return signed_info, properties


def _assembled(
    canonical: bytes,
    namespaces: Mapping[str, str],
    signed_info: str,
    properties: str,
    certificate: SealCertificate,
    value: bytes,
) -> bytes:
    """Return the file: the seal stands before the end tag of the root.

    Within the document what is signed inherits its namespaces and does not declare them again.
    """
    inherited = _declared({**namespaces, "ds": DS})
    signature = _SIGNATURE.format(
        ds=DS,
        xades=XADES,
        signed_info=signed_info.replace(inherited, "", 1),
        signed_properties=properties.replace(
            _declared({**namespaces, "ds": DS, "xades": XADES}), "", 1
        ),
        value=_base64(value),
        certificate=_base64(certificate.der),
    )
    content, end, tag = canonical.rpartition(b"</")
    return b"".join((DECLARATION, content, signature.encode(), end, tag))


def _declared(namespaces: Mapping[str, str]) -> str:
    """Return namespace declarations as canonical XML orders them (Canonical XML 1.1, 2.2)."""
    return "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in sorted(namespaces.items()))


def _parse(document: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SealMalformed(f"not well-formed XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise SealMalformed("a document type is not accepted")
    return root


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SealMalformed(f"no moment: {text}") from error


def _digest(content: bytes) -> str:
    return _base64(sha256(content).digest())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
