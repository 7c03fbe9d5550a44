"""Keys that never leave a token: a hardware module or a smart card, by PKCS #11.

The package python-pkcs11 is an extra (`suyuan[pkcs11]`); nothing here is imported without one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Never, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from certificates.errors import KeyUnusable
from certificates.signer import canonical_signature, from_scalars

SECP256R1 = bytes.fromhex("06082a8648ce3d030107")  # its object identifier, in DER


@dataclass(frozen=True, slots=True)
class Token:
    """A token, found by its label through the maker's module."""

    module: Path
    label: str
    pin: str

    def make_key(self, name: str) -> "TokenKey":
        """Make a key pair in the token, from which the private key cannot be taken.

        Raises:
            KeyUnusable: the token has a key of this name, or refuses.
        """
        import pkcs11  # noqa: PLC0415  (an extra)

        with self._session(writing=True) as session:
            if list(session.get_objects({pkcs11.Attribute.LABEL: name})):
                raise KeyUnusable(f"the token has a key {name} already")
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: SECP256R1}, local=True
            )
            parameters.generate_keypair(
                store=True,
                label=name,
                private_template={
                    pkcs11.Attribute.SENSITIVE: True,
                    pkcs11.Attribute.EXTRACTABLE: False,
                },
            )
        return self.key(name)

    def key(self, name: str) -> "TokenKey":
        """Return a key of the token.

        Raises:
            KeyUnusable: there is none of this name, or the token is not to be reached.
        """
        import pkcs11  # noqa: PLC0415

        with self._session() as session:
            public = session.get_key(pkcs11.ObjectClass.PUBLIC_KEY, label=name)
            point = public[pkcs11.Attribute.EC_POINT]
        return TokenKey(self, name, _public_key(point))

    def sign(self, name: str, digest: bytes) -> bytes:
        """Return the signature of a SHA-256 by a key of the token, in DER.

        Raises:
            KeyUnusable: as for `key`.
        """
        import pkcs11  # noqa: PLC0415

        with self._session() as session:
            private = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=name)
            # The raw mechanism: not every token has one that hashes as well.
            return from_scalars(private.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))

    @contextmanager
    def _session(self, *, writing: bool = False) -> Iterator[Any]:
        import pkcs11  # noqa: PLC0415

        try:
            token = pkcs11.lib(str(self.module)).get_token(token_label=self.label)
            with token.open(rw=writing, user_pin=self.pin) as session:
                yield session
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise KeyUnusable(f"token {self.label}: {type(error).__name__} {error}") from error


class TokenKey(ec.EllipticCurvePrivateKey):
    """A private key in a token, in the place of one in memory: it signs, and gives nothing away."""

    def __init__(self, token: Token, name: str, public: ec.EllipticCurvePublicKey) -> None:
        self._token, self._name, self._public = token, name, public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Return the signature of these bytes by ECDSA with SHA-256, in DER."""
        if not isinstance(signature_algorithm.algorithm, SHA256):
            raise KeyUnusable("a seal signs by SHA-256")
        return canonical_signature(self._token.sign(self._name, sha256(bytes(data)).digest()))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public key."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve, P-256."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """The size in bits."""
        return self._public.key_size

    def exchange(self, *_: Any) -> Never:
        """Refuse: a seal agrees on no secrets."""
        raise KeyUnusable("the key signs, and does nothing else")

    def private_numbers(self) -> Never:
        """Refuse: the key stays in the token."""
        raise KeyUnusable("the key stays in the token")

    def private_bytes(self, *_: Any, **__: Any) -> Never:
        """Refuse: the key stays in the token."""
        raise KeyUnusable("the key stays in the token")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


def _public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key of a point, which tokens wrap in an OCTET STRING."""
    uncompressed = point[2:] if point[:1] == b"\x04" and len(point) > 65 else point
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), uncompressed)
