"""How often somebody without a log-in may ask what is public.

Whoever acts for an organization is known, and is not counted here. The counts live in the memory
of the process: several processes admit as many times more.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import time
from typing import NoReturn

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency
from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from service.auth import actor_of
from service.errors import TooManyRequests

SITE_BITS = 64  # what one site holds of IPv6


LOOK_UPS = RateLimitItemPerMinute(60)  # by one address; a person scans or types far fewer
UPLOADS = RateLimitItemPerMinute(10)


class Throttle:
    """Counts what was asked, by whom, in a window that moves: two numbers a caller."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def admit(self, limit: RateLimitItem, *whose: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: there were as many in the window as the limit allows.
        """
        if not self._limiter.hit(limit, *whose):
            self._refuse(limit, *whose)

    def require_left(self, limit: RateLimitItem, *whose: str) -> None:
        """Count nothing, but refuse what is beyond the limit.

        Raises:
            TooManyRequests: there were as many in the window as the limit allows.
        """
        if not self._limiter.test(limit, *whose):
            self._refuse(limit, *whose)

    def count(self, limit: RateLimitItem, *whose: str) -> None:
        """Count what has happened already."""
        self._limiter.hit(limit, *whose)

    def left(self, limit: RateLimitItem, *whose: str) -> WindowStats:
        """Return how many more the limit admits, and when it admits more again (POSIX, s)."""
        return self._limiter.get_window_stats(limit, *whose)

    def forget(self, limit: RateLimitItem, *whose: str) -> None:
        """Begin to count anew."""
        self._limiter.clear(limit, *whose)

    def _refuse(self, limit: RateLimitItem, *whose: str) -> NoReturn:
        again_at = self.left(limit, *whose).reset_time
        raise TooManyRequests(max(1, ceil(again_at - time())))


def throttled(name: str, limit: RateLimitItem) -> Dependency:
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
