"""How much one caller may ask of everything together, told in `RateLimit-*` on each answer."""

from hashlib import sha256
from math import ceil
from time import time

from fastapi import Request
from limits import RateLimitItemPerMinute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.auth import cookie_name
from service.errors import TooManyRequests
from service.problems import tell
from service.throttle import Throttle, site_of

FREE = ("/static/", "/vendor/", "/healthz", "/readyz")


class RateLimit:
    """Middleware: counts by key, by log-in, or else by address; the address counts always.

    Args:
        a_minute: requests of one key or log-in; of one address, behind which many may sit, five
            times as many.
    """

    def __init__(self, app: ASGIApp, throttle: Throttle, a_minute: int) -> None:
        self.app = app
        self.throttle = throttle
        self.limit = RateLimitItemPerMinute(a_minute)
        self.of_address = RateLimitItemPerMinute(5 * a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or tell when to come again."""
        if scope["type"] != "http" or scope["path"].startswith(FREE):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        whose, limit = ("caller", _caller(request)), self.limit
        if not whose[1]:
            whose, limit = ("address", site_of(request)), self.of_address

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                left = self.throttle.left(limit, *whose)
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Limit"] = str(limit.amount)
                headers["RateLimit-Remaining"] = str(left.remaining)
                headers["RateLimit-Reset"] = str(max(0, ceil(left.reset_time - time())))
            await send(message)

        try:
            self.throttle.admit(self.of_address, "address", site_of(request))
            if whose[0] == "caller":
                self.throttle.admit(limit, *whose)
        except TooManyRequests as error:
            await tell(request, error)(scope, receive, send_with_limit)
            return
        await self.app(scope, receive, send_with_limit)


def _caller(request: Request) -> str:
    """Return what tells one key or log-in from another; nothing where there is neither."""
    shown = request.headers.get("authorization") or request.cookies.get(cookie_name(request), "")
    return sha256(shown.encode()).hexdigest() if shown else ""
