"""The signature that stands in a sealed PDF: CMS SignedData, detached, one signer.

Source: RFC 5652; RFC 5035 (signing-certificate-v2); ETSI EN 319 142-1 V1.2.1, 6.3 (level B-B:
the moment stands in the PDF and not here).
"""

from hashlib import sha256

from certificates.der import der, integer, object_identifier, octets, sequence, set_of
from certificates.signer import SealCertificate

DATA = object_identifier("1.2.840.113549.1.7.1")
SIGNED_DATA = object_identifier("1.2.840.113549.1.7.2")
CONTENT_TYPE = object_identifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = object_identifier("1.2.840.113549.1.9.4")
SIGNING_CERTIFICATE = object_identifier("1.2.840.113549.1.9.16.2.47")
SHA256 = sequence(object_identifier("2.16.840.1.101.3.4.2.1"))
ECDSA_WITH_SHA256 = sequence(object_identifier("1.2.840.10045.4.3.2"))
_SET, _IMPLICIT_0 = b"\x31", b"\xa0"  # how the attributes are tagged: to be signed, and inside


def attributes_to_sign(digest: bytes, certificate: SealCertificate) -> bytes:
    """Return the signed attributes of a document's SHA-256, as they are signed (RFC 5652, 5.4)."""
    hash_of_certificate = octets(sha256(certificate.der).digest())
    return set_of(
        sequence(CONTENT_TYPE, set_of(DATA)),
        sequence(MESSAGE_DIGEST, set_of(octets(digest))),
        sequence(SIGNING_CERTIFICATE, set_of(sequence(sequence(sequence(hash_of_certificate))))),
    )


def signed_data(digest: bytes, certificate: SealCertificate, signature: bytes) -> bytes:
    """Return the CMS of a document's SHA-256 and the signature of its attributes, in DER."""
    attributes = attributes_to_sign(digest, certificate).replace(_SET, _IMPLICIT_0, 1)
    issuer = certificate.x509.issuer.public_bytes()
    signer_info = sequence(
        integer(1),
        sequence(issuer, integer(certificate.x509.serial_number)),
        SHA256,
        attributes,
        ECDSA_WITH_SHA256,
        octets(signature),
    )
    return sequence(
        SIGNED_DATA,
        der(
            0xA0,
            sequence(
                integer(1),
                set_of(SHA256),
                sequence(DATA),
                der(0xA0, certificate.der),
                set_of(signer_info),
            ),
        ),
    )
