"""Codes of a second factor by time (TOTP, RFC 6238): six digits, new every 30 s."""

from base64 import b32encode, urlsafe_b64encode
from datetime import datetime
from hmac import compare_digest, digest

import pyotp
from cryptography.fernet import Fernet

STEP = 30  # s


def proposed(secret: bytes, token: str) -> str:
    """Return the secret proposed to whoever holds a token; nothing is kept until it is confirmed.

    Args:
        secret: the installation's, for second factors.
        token: of the invitation or the log-in.
    """
    return b32encode(digest(secret, token.encode(), "sha256")[:20]).decode()


def address_of(totp_secret: str, name: str) -> str:
    """Return what an authenticator reads from the QR code."""
    return pyotp.TOTP(totp_secret, name=name, issuer="Suyuan").provisioning_uri()


def step_of(totp_secret: str, code: str, *, after: int, now: datetime) -> int | None:
    """Return the step whose code was given: this one or a neighbour, later than `after`."""
    totp, this = pyotp.TOTP(totp_secret), int(now.timestamp()) // STEP
    given = "".join(code.split())
    for step in (this - 1, this, this + 1):
        if step > after and compare_digest(totp.generate_otp(step).encode(), given.encode()):
            return step
    return None


def sealed(secret: bytes, totp_secret: str) -> str:
    """Return a secret as the database keeps it."""
    return _box(secret).encrypt(totp_secret.encode()).decode()


def opened(secret: bytes, kept: str) -> str:
    """Return a secret that the database kept."""
    return _box(secret).decrypt(kept.encode()).decode()


def _box(secret: bytes) -> Fernet:
    return Fernet(urlsafe_b64encode(secret))
