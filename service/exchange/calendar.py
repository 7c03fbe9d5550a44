"""Due dates as a calendar (RFC 5545): one event a day and area, not one an item."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from icalendar import Calendar, Event

from service.errors import NotFound
from service.lookup import LookupKeys

NAMED: Final = 20  # items by name in one event
AHEAD: Final = timedelta(days=400)
BEHIND: Final = timedelta(days=90)
WORDS: Final = {
    "zh": {
        "calendar": "计量器具到期",
        "summary": "{count} 件器具到期:{area}",
        "more": "另有 {count} 件",
    },
    "en": {"calendar": "Due dates", "summary": "{count} due: {area}", "more": "and {count} more"},
}
SEAL: Final = 16  # octets


def write_calendar(
    due: Iterable[tuple[date, str, str]], *, feed_id: UUID, language: str, now: datetime
) -> bytes:
    """Return the calendar of what is due.

    Args:
        due: (day, area, item) each, in any order.
    """
    words = WORDS[language]
    calendar = Calendar()
    calendar.add("prodid", "-//Suyuan//Due dates//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", words["calendar"])
    calendar.add("refresh-interval", timedelta(hours=6), parameters={"VALUE": "DURATION"})
    days: dict[tuple[date, str], list[str]] = {}
    for day, area, item in due:
        days.setdefault((day, area), []).append(item)
    for (day, area), items in sorted(days.items()):
        calendar.add_component(_event(day, area, sorted(items), words, feed_id=feed_id, now=now))
    return bytes(calendar.to_ical())


def _event(
    day: date,
    area: str,
    items: Sequence[str],
    words: dict[str, str],
    *,
    feed_id: UUID,
    now: datetime,
) -> Event:
    event = Event()
    event.add("uid", f"{uuid5(feed_id, f'{day} {area}')}@suyuan")  # the same at every reading
    event.add("dtstamp", now)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("summary", words["summary"].format(count=len(items), area=area or "—"))
    more = [words["more"].format(count=len(items) - NAMED)] if len(items) > NAMED else []
    event.add("description", "\n".join([*items[:NAMED], *more]))
    return event


def token_of(keys: LookupKeys, organization_id: UUID, feed_id: UUID) -> str:
    """Return what stands in a calendar's address: whose it is, sealed so that none is guessed."""
    named = organization_id.bytes + feed_id.bytes
    return urlsafe_b64encode(named + _seal(keys, named)).decode().rstrip("=")


def read_token(keys: LookupKeys, token: str) -> tuple[UUID, UUID]:
    """Return the organization and the calendar that an address names.

    Raises:
        NotFound: nobody was given this address.
    """
    try:
        told = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        told = b""
    named, seal = told[:32], told[32:]
    if len(told) != 32 + SEAL or not hmac.compare_digest(seal, _seal(keys, named)):
        raise NotFound("calendar", "of this address")
    return UUID(bytes=named[:16]), UUID(bytes=named[16:])


def _seal(keys: LookupKeys, named: bytes) -> bytes:
    return keys.derived(f"calendar:{named.hex()}")[:SEAL]
