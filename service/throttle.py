"""How often somebody without a log-in may ask what is public.

Whoever acts for an organization is known, and is not counted here. The counts live in the memory
of the process: several processes admit as many times more.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import floor
from threading import Lock
from time import time

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency

from service.auth import actor_of
from service.errors import TooManyRequests

SITE_BITS = 64  # what one site holds of IPv6


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may be asked in a window of time."""

    times: int
    seconds: int


LOOK_UPS = Limit(60, 60)  # by one address; a person scans or types far fewer
UPLOADS = Limit(10, 60)


@dataclass(slots=True)
class _Count:
    """What was asked in a window of the clock, and in the one before it."""

    window: int
    before: int
    asked: int
    ends: float


class Throttle:
    """Counts what was asked, by whom, in a window that moves.

    Two numbers a caller: of the clock's window before, the part counts that the moving one still
    holds, as if all of it had been asked evenly.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], _Count] = {}
        self._lock = Lock()
        self._swept_at = 0.0

    def admit(self, limit: Limit, *whose: str) -> int:
        """Count one request; return how many more the limit admits now.

        Raises:
            TooManyRequests: there were as many in the window as the limit allows.
        """
        with self._lock:
            left = self._left(limit, whose)
            self._counts[whose].asked += 1
        return left - 1

    def require_left(self, limit: Limit, *whose: str) -> None:
        """Count nothing, but refuse what is beyond the limit.

        Raises:
            TooManyRequests: there were as many in the window as the limit allows.
        """
        with self._lock:
            self._left(limit, whose)

    def count(self, limit: Limit, *whose: str) -> None:
        """Count what has happened already."""
        with self._lock:
            self._of(limit, whose, time()).asked += 1

    def forget(self, *whose: str) -> None:
        """Begin to count anew."""
        with self._lock:
            self._counts.pop(whose, None)

    def _left(self, limit: Limit, whose: tuple[str, ...]) -> int:
        at = time()
        count = self._of(limit, whose, at)
        part = at % limit.seconds / limit.seconds  # of the clock's window, that has passed
        left = limit.times - count.asked - floor(count.before * (1 - part))
        if left > 0:
            return left
        free = limit.times - count.asked
        until = 1 - free / count.before if free > 0 else 1.0
        seconds = floor(limit.seconds * (until - part)) + 1
        raise TooManyRequests(max(1, min(limit.seconds, seconds)))

    def _of(self, limit: Limit, whose: tuple[str, ...], at: float) -> _Count:
        window = int(at // limit.seconds)
        count = self._counts.get(whose)
        if count is None:
            self._forget_the_past(at)
            count = self._counts[whose] = _Count(window, 0, 0, 0.0)
        elif count.window != window:
            count.before = count.asked if count.window == window - 1 else 0
            count.window, count.asked = window, 0
        count.ends = (window + 2) * limit.seconds
        return count

    def _forget_the_past(self, at: float) -> None:
        """Once a minute, let go of what weighs nothing any more."""
        if at - self._swept_at > 60:
            self._swept_at = at
            self._counts = {who: count for who, count in self._counts.items() if count.ends > at}


def throttled(name: str, limit: Limit) -> Dependency:
    """Return the dependency that admits so many requests of one name from one address."""

    async def admit(request: Request) -> None:
        if await _is_nobody(request):
            throttle: Throttle = request.app.state.throttle
            throttle.admit(limit, name, site_of(request))

    dependency: Dependency = Depends(admit)
    return dependency


async def _is_nobody(request: Request) -> bool:
    """Whether a request acts for nobody; who shows nothing is not looked for in a thread."""
    shows = "authorization" in request.headers or request.cookies
    if not shows and request.app.state.settings.demonstration_person is None:
        return True
    return await run_in_threadpool(actor_of, request) is None


def site_of(request: Request) -> str:
    """Return from where a request comes: its address, of IPv6 the site's part."""
    return site_at(request.client.host if request.client else "")


@lru_cache(maxsize=10_000)
def site_at(host: str) -> str:
    """Return the site of an address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> SITE_BITS << SITE_BITS))
    return str(address)
