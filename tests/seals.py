"""Keys for tests: one for each organization that asks, in no file."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from certificates.signer import KeySigner, Signer
from service.seals import Seals, self_signed

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


def new_signer(code: str = "TPP") -> KeySigner:
    """Return a new key with a certificate signed by itself, valid from 2025 on."""
    key = generate_private_key(SECP256R1())
    return KeySigner(self_signed(key, code=code, holder=f"{code} (example)", now=BEGINNING), key)


class SealsInMemory(Seals):
    """Makes a key at the first question for one."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))

    def signer(self, code: str) -> Signer:
        """Return who seals for an organization."""
        return self._signers.setdefault(code, new_signer(code))


SEALS = SealsInMemory()
