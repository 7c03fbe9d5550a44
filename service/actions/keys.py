"""Keys of machines: `suyuan_<id>_<secret><check>`, shown once, kept as an HMAC.

The id holds the organization's and the key's own, so that the key is found in its book alone; the
check lets a scanner of leaked texts tell a key from noise.
"""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zlib import crc32

from uuid_utils.compat import uuid7

from service import audit
from service.errors import InvalidField, NotFound
from service.permissions import SCOPES
from service.store import people as store
from service.tables.people import ApiKey
from service.tenancy import TenantSession

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX, SECRET, CHECK = "suyuan_", 43, 6  # letters; 43 of 62 hold 256 bits
LONGEST = timedelta(days=366)
HOUR = timedelta(hours=1)


def create(
    session: TenantSession,
    person_id: UUID,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime,
    pepper: bytes,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Make a key in a person's name; return it and its text, which is never told again.

    Raises:
        InvalidField: no name, an unknown scope or none, an end in the past or beyond a year.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise InvalidField("/name", "1 to 100 characters that say what the key is for")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InvalidField("/scopes", f"some of {', '.join(SCOPES)}")
    if not now < expires_at <= now + LONGEST:
        raise InvalidField("/expires_at", "from now on, within a year")
    key_id, secret = uuid7(), "".join(secrets.choice(ALPHABET) for _ in range(SECRET))
    row = ApiKey(
        organization_id=session.organization_id,
        id=key_id,
        person_id=person_id,
        name=name.strip(),
        secret_hmac=_hmac(pepper, secret),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, "api_key.created", key_id, actor_id=person_id, now=now,
        said={"name": row.name, "scopes": " ".join(row.scopes)},
    )  # fmt: skip
    return row, _written(session.organization_id, key_id, secret)


def revoke(session: TenantSession, key_id: UUID, *, actor_id: UUID, now: datetime) -> ApiKey:
    """End a key at once; a second time changes nothing.

    Raises:
        NotFound: the organization has no such key.
    """
    row = store.api_key(session, key_id)
    if row is None:
        raise NotFound("key", key_id)
    if row.revoked_at is None:
        row.revoked_at = now
        session.flush()
        audit.record(session, "api_key.revoked", key_id, actor_id=actor_id, now=now)
    return row


def read(text: str) -> tuple[UUID, UUID, str] | None:
    """Return the organization, the key and the secret that a text names; None if it is no key."""
    prefix, _, rest = text.partition("_")
    ids, _, secret = rest.partition("_")
    if prefix + "_" != PREFIX or len(ids) != 44 or len(secret) != SECRET + CHECK:
        return None
    if not (ids + secret).isalnum() or not text.isascii():
        return None
    numbers = [_number(part) for part in (ids[:22], ids[22:])]
    if secret[SECRET:] != _check(ids + secret[:SECRET]) or max(numbers) >= 2**128:
        return None
    return UUID(int=numbers[0]), UUID(int=numbers[1]), secret[:SECRET]


def is_right(row: ApiKey, secret: str, *, pepper: bytes, now: datetime) -> bool:
    """Return whether a secret is the key's, and the key still holds."""
    right = hmac.compare_digest(row.secret_hmac, _hmac(pepper, secret))
    return right and row.revoked_at is None and now < row.expires_at


def note_use(session: TenantSession, key_id: UUID, *, now: datetime) -> None:
    """Remember that a key is in use."""
    row = store.api_key(session, key_id)
    if row is not None:
        row.used_at = now


def _written(organization_id: UUID, key_id: UUID, secret: str) -> str:
    ids = _letters(organization_id.int, 22) + _letters(key_id.int, 22)
    return f"{PREFIX}{ids}_{secret}{_check(ids + secret)}"


def _check(text: str) -> str:
    return _letters(crc32(text.encode()), CHECK)


def _hmac(pepper: bytes, secret: str) -> str:
    return hmac.digest(pepper, secret.encode(), "sha256").hex()


def _letters(number: int, length: int) -> str:
    letters = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        letters = ALPHABET[digit] + letters
    return letters


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 62 + ALPHABET.index(letter)
    return number
