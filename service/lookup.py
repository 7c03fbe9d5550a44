"""The keys under which the public directory of certificates is looked up.

A key is an HMAC, so that a copy of the directory is no list of serial numbers.
"""

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from certificates.numbers import normalize_number, normalize_serial_number


@dataclass(frozen=True, slots=True)
class LookupKeys:
    """The installation's secret for look-up keys."""

    secret: bytes

    def of_number(self, number: str) -> str:
        """Return the key of a certificate number, however it was typed."""
        return self._key("number", normalize_number(number))

    def of_serial_number(self, serial_number: str) -> str:
        """Return the key of an item's serial number, however it was typed."""
        return self._key("serial_number", normalize_serial_number(serial_number))

    def of_file(self, sha256: str) -> str:
        """Return the key of a file of a certificate by its SHA-256 in hexadecimal."""
        return self._key("file", sha256.lower())

    def derived(self, purpose: str) -> bytes:
        """Return a secret of 32 octets for another purpose, from which this one does not follow."""
        return hmac.digest(self.secret, f"secret for {purpose}".encode(), "sha256")

    def _key(self, kind: str, text: str) -> str:
        return hmac.digest(self.secret, f"{kind}:{text}".encode(), "sha256").hex()


def open_lookup_keys(path: Path) -> LookupKeys:
    """Read the secret from its file; make one, readable by its owner alone, at first start."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
    except FileExistsError:
        return LookupKeys(bytes.fromhex(path.read_text()))
    secret = secrets.token_bytes(32)
    with open(descriptor, "w") as file:  # noqa: PTH123  (a descriptor has no path)
        file.write(secret.hex())
    return LookupKeys(secret)
