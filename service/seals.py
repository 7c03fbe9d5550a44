"""The keys with which each organization seals its certificates: files that only the service reads.

A folder holds, for each organization code and each of its keys, `CODE-1.key` (the private key in
PEM, mode 0600), or `CODE-1.token` (the label of the token that keeps it), and `CODE-1.pem` (its
certificate). The key of the highest number seals.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certificates.errors import KeyUnusable
from certificates.signer import KeySigner, SealCertificate, Signer, read_certificates, read_key
from service.errors import SealMissing
from service.settings import Settings
from service.tokens import Token

OF_OTHERS = 0o077  # what a mode grants group and world
VALIDITY = timedelta(days=5 * 365)
_NAME = re.compile(r"(?P<code>[A-Z0-9]+)-(?P<index>[1-9]\d*)\.pem")


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key of an organization, by its place in the folder."""

    code: str
    index: int
    certificate: SealCertificate


@dataclass(frozen=True)
class Seals:
    """The keys of a folder; `passphrase` encrypts what is written and opens what is read.

    With a token, new keys are made in it and stay there.
    """

    folder: Path
    passphrase: bytes | None = None
    token: Token | None = None
    _signers: dict[str, Signer] = field(default_factory=dict, compare=False)
    _certificates: dict[str, SealCertificate] = field(default_factory=dict, compare=False)

    def signer(self, code: str) -> Signer:
        """Return who seals for an organization: its newest key.

        Raises:
            SealMissing: it has none.
            KeyUnusable: file, passphrase, token or certificate is not as it should be.
        """
        held = self.held(code)
        if not held:
            raise SealMissing(code)
        name = f"{code}-{held[-1].index}"
        if name not in self._signers:
            self._signers[name] = KeySigner(held[-1].certificate, self._key(name))
        return self._signers[name]

    def held(self, code: str | None = None) -> Sequence[HeldKey]:
        """Return the keys that have a certificate, the newest of each organization last."""
        names = (_NAME.fullmatch(path.name) for path in self.folder.glob("*.pem"))
        found = [
            HeldKey(name["code"], int(name["index"]), self._certificate(name.string))
            for name in names
            if name and code in (None, name["code"])
        ]
        return sorted(found, key=lambda key: (key.code, key.index))

    def create(self, code: str, holder: str, *, now: datetime) -> HeldKey:
        """Make the organization's next key, with a certificate signed by itself.

        Args:
            holder: the organization's name, as the certificate tells it.
        """
        index = self._next(code)
        key = self._make_key(f"{code}-{index}")
        certificate = self_signed(key, code=code, holder=holder, now=now)
        self._path(f"{code}-{index}", "pem").write_text(certificate.pem)
        return HeldKey(code, index, certificate)

    def request(self, code: str, holder: str) -> str:
        """Make the organization's next key; return the request for its certificate (PKCS #10, PEM).

        The key seals once `install` has its certificate.
        """
        key = self._make_key(f"{code}-{self._next(code)}")
        builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(code, holder))
        return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()

    def install(self, code: str, certificate: SealCertificate) -> HeldKey:
        """Take what an authority has issued for the organization's last requested key.

        Raises:
            KeyUnusable: no key waits for a certificate, or it is of another key.
        """
        index = self._next(code) - 1
        name = f"{code}-{index}"
        if not index or self._path(name, "pem").exists():
            raise KeyUnusable(f"no key of {code} waits for a certificate")
        KeySigner(certificate, self._key(name))
        self._path(name, "pem").write_text(certificate.pem)
        return HeldKey(code, index, certificate)

    def _make_key(self, name: str) -> ec.EllipticCurvePrivateKey:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.token is not None:
            made = self.token.make_key(name)
            self._path(name, "token").write_text(self.token.label)
            return made
        key = ec.generate_private_key(ec.SECP256R1())
        encryption = BestAvailableEncryption(self.passphrase) if self.passphrase else NoEncryption()
        path = self._path(name, "key")
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        return key

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        kept_by = self._path(name, "token")
        if not kept_by.exists():
            path = self._path(name, "key")
            if path.stat().st_mode & OF_OTHERS:
                raise KeyUnusable(f"{path} may be read by others than its owner: chmod 600")
            return read_key(path.read_bytes(), passphrase=self.passphrase)
        if self.token is None or kept_by.read_text() != self.token.label:
            raise KeyUnusable(f"{name} is kept by the token {kept_by.read_text()}")
        return self.token.key(name)

    def _next(self, code: str) -> int:
        paths = (*self.folder.glob(f"{code}-*.key"), *self.folder.glob(f"{code}-*.token"))
        names = (path.stem.rpartition("-") for path in paths)
        return 1 + max((int(index) for named, _, index in names if named == code), default=0)

    def _certificate(self, name: str) -> SealCertificate:
        if name not in self._certificates:  # a key has one certificate, whose file stays
            self._certificates[name] = read_certificates((self.folder / name).read_bytes())[0]
        return self._certificates[name]

    def _path(self, name: str, form: str) -> Path:
        return self.folder / f"{name}.{form}"


def open_seals(settings: Settings) -> Seals:
    """Return the keys of an installation."""
    token = None
    if settings.pkcs11_module is not None:
        pin = settings.pkcs11_pin.get_secret_value()
        token = Token(settings.pkcs11_module, settings.pkcs11_token, pin)
    passphrase = settings.key_passphrase.get_secret_value().encode()
    return Seals(settings.key_folder, passphrase or None, token)


def self_signed(
    key: ec.EllipticCurvePrivateKey, *, code: str, holder: str, now: datetime
) -> SealCertificate:
    """Return a certificate of a key signed by itself, valid from a moment on for five years."""
    name = _subject(code, holder)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + VALIDITY)
        .add_extension(identifier, critical=False)
        .sign(key, SHA256())
    )
    return SealCertificate(certificate.public_bytes(Encoding.DER))


def _subject(code: str, holder: str) -> x509.Name:
    oid = x509.NameOID
    return x509.Name(
        [
            x509.NameAttribute(oid.ORGANIZATION_NAME, holder[:64]),
            x509.NameAttribute(oid.COMMON_NAME, f"{code} certificate seal"),
        ]
    )
