"""Who seals: a private key that signs, and the certificate by which anyone checks it.

One algorithm, so that none can be downgraded to: ECDSA on P-256 with SHA-256 (FIPS 186-5), its
signatures in DER with s in the lower half, so that one signature has one form.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from certificates.errors import KeyUnusable

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
SCALAR_SIZE = 32
_BEGIN = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class SealCertificate:
    """The X.509 certificate of a seal, by its DER bytes."""

    der: bytes

    def __post_init__(self) -> None:
        if self._key.curve.name != "secp256r1":
            raise KeyUnusable("a seal has an ECDSA key on P-256")

    @cached_property
    def x509(self) -> x509.Certificate:
        """The certificate, read. Raises KeyUnusable."""
        try:
            return x509.load_der_x509_certificate(self.der)
        except ValueError as error:
            raise KeyUnusable(f"no X.509 certificate: {error}") from error

    @cached_property
    def sha256(self) -> str:
        """The fingerprint, in hexadecimal."""
        return sha256(self.der).hexdigest()

    @cached_property
    def public_key_info(self) -> bytes:
        """The SubjectPublicKeyInfo, in DER."""
        return self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return self.x509.public_bytes(Encoding.PEM).decode()

    @property
    def holder(self) -> str:
        """To whom it was given, as RFC 4514 writes it."""
        return self.x509.subject.rfc4514_string()

    def was_valid(self, at: datetime) -> bool:
        """Say whether a moment lies within the certificate's validity."""
        return self.x509.not_valid_before_utc <= at <= self.x509.not_valid_after_utc

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Say whether the holder of this certificate's key signed these bytes."""
        try:
            if signature != canonical_signature(signature):
                return False
            self._key.verify(signature, message, ec.ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    @cached_property
    def _key(self) -> ec.EllipticCurvePublicKey:
        key = self.x509.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise KeyUnusable("a seal has an ECDSA key")
        return key


class Signer(Protocol):
    """Signs with the private key that belongs to a certificate, wherever that is kept."""

    @property
    def certificate(self) -> SealCertificate:
        """The certificate by which the signatures are checked."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of these bytes, in DER with s in the lower half."""


@dataclass(frozen=True)
class KeySigner:
    """Signs with a private key, in memory or in a token; the same bytes give the same signature.

    Source: RFC 6979 (the nonce is made from key and message, so no random generator is trusted).
    A token chooses its own nonce.
    """

    certificate: SealCertificate
    _key: ec.EllipticCurvePrivateKey

    def __post_init__(self) -> None:
        info = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if info != self.certificate.public_key_info:
            raise KeyUnusable("the private key is not that of the certificate")

    def sign(self, message: bytes) -> bytes:
        """Return the signature of these bytes, in DER with s in the lower half."""
        algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
        return canonical_signature(self._key.sign(message, algorithm))


def read_certificates(pem: bytes) -> tuple[SealCertificate, ...]:
    """Return the certificates of a PEM file, or the one of a DER file. Raises KeyUnusable."""
    if _BEGIN not in pem:
        return (SealCertificate(pem),)
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise KeyUnusable(f"no certificates: {error}") from error
    return tuple(SealCertificate(each.public_bytes(Encoding.DER)) for each in found)


def read_key(pem: bytes, *, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    """Return the private key of a PEM file. Raises KeyUnusable."""
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as error:
        raise KeyUnusable(f"the private key cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyUnusable("a seal has an ECDSA key")
    return key


def canonical_signature(signature: bytes) -> bytes:
    """Return a DER signature with s in the lower half of the group. Raises ValueError."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, ORDER - s))


def as_scalars(signature: bytes) -> bytes:
    """Return r and s of a DER signature, 32 bytes each, as XML signatures hold them."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(SCALAR_SIZE, "big") + s.to_bytes(SCALAR_SIZE, "big")


def from_scalars(scalars: bytes) -> bytes:
    """Return the DER signature of r and s. Raises ValueError for another size."""
    if len(scalars) != 2 * SCALAR_SIZE:
        raise ValueError("r and s are 32 bytes each")
    r, s = scalars[:SCALAR_SIZE], scalars[SCALAR_SIZE:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
