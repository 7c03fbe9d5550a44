"""What a webhook is sent and how it is signed: Standard Webhooks 1.0.

A secret follows from the installation's own and is kept nowhere; it changes by counting its
generation up.
"""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from service.lookup import LookupKeys

PREFIX: Final = "whsec_"
BOTH_COUNT: Final = timedelta(hours=24)  # how long the former secret signs too, after a rotation
DELAYS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)  # between attempts; the last one is made three days after the first


def secret_of(keys: LookupKeys, kind: str, id_: UUID, generation: int) -> bytes:
    """Return the secret of a webhook or of a pull, 32 octets."""
    return keys.derived(f"{kind}:{id_}:{generation}")


def told_secret(secret: bytes) -> str:
    """Return a secret as its holder writes it down.

    >>> told_secret(bytes(24))
    'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    return PREFIX + base64.b64encode(secret).decode()


def headers(
    secrets: Sequence[bytes], message_id: str, content: bytes, *, now: datetime
) -> dict[str, str]:
    """Return the headers that let the receiver know who speaks, when, and that nothing changed.

    Args:
        secrets: one, or two while the former one still counts.
    """
    timestamp = str(int(now.timestamp()))
    signatures = [signature(secret, message_id, timestamp, content) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def signature(secret: bytes, message_id: str, timestamp: str, content: bytes) -> str:
    """Return the signature of one message: HMAC-SHA256 over id, timestamp and content."""
    signed = b".".join((message_id.encode(), timestamp.encode(), content))
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def body(event: str, content: Mapping[str, Any], *, announced_at: datetime) -> bytes:
    """Return what is sent: the event, its moment, and ids; the receiver reads the rest."""
    said = {"type": event, "timestamp": announced_at.isoformat(), "data": dict(content)}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def listens(events: Sequence[str], event: str) -> bool:
    """Return whether whoever asked for some events is told of this one.

    >>> listens(["certificate.*"], "certificate.issued"), listens(["*"], "recall.opened")
    (True, True)
    >>> listens(["certificate.issued"], "certificate.amended")
    False
    """
    thing = event.partition(".")[0]
    return any(asked in ("*", event, f"{thing}.*") for asked in events)


def next_attempt(attempts: int, *, now: datetime, random: Random) -> datetime | None:
    """Return when to try again after so many attempts, give or take a tenth; None: no more."""
    if attempts > len(DELAYS):
        return None
    return now + DELAYS[attempts - 1] * random.uniform(0.9, 1.1)
