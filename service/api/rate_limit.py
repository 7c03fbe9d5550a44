"""How much one caller may ask of everything together, told in `RateLimit-*` on each answer."""

from hashlib import sha256
from math import ceil
from time import time

from fastapi import Request
from limits import RateLimitItemPerMinute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.auth import cookie_name
from service.errors import TooManyRequests
from service.problems import tell
from service.throttle import Throttle, site_of

FREE = ("/static/", "/vendor/", "/healthz", "/readyz")
WHO = frozenset({b"authorization", b"cookie"})


class RateLimit:
    """Middleware: counts by key, by log-in, or else by address; the address counts always.

    Args:
        a_minute: requests of one key or log-in; of one address, behind which many may sit, five
            times as many.
    """

    def __init__(self, app: ASGIApp, throttle: Throttle, a_minute: int) -> None:
        self.app = app
        self.throttle = throttle
        self.of_caller = RateLimitItemPerMinute(a_minute)
        self.of_address = RateLimitItemPerMinute(5 * a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or tell when to come again."""
        if scope["type"] != "http" or scope["path"].startswith(FREE):
            await self.app(scope, receive, send)
            return
        request, refused = Request(scope), None
        caller, address = ("caller", _caller(request)), ("address", site_of(request))
        whose, limit = (caller, self.of_caller) if caller[1] else (address, self.of_address)
        try:
            self.throttle.admit(self.of_address, *address)
            if whose is caller:
                self.throttle.admit(limit, *caller)
        except TooManyRequests as error:
            refused = error
        left = self.throttle.left(limit, *whose)
        told = [
            (b"ratelimit-limit", b"%d" % limit.amount),
            (b"ratelimit-remaining", b"%d" % left.remaining),
            (b"ratelimit-reset", b"%d" % max(0, ceil(left.reset_time - time()))),
        ]

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", []).extend(told)
            await send(message)

        if refused is not None:
            await tell(request, refused)(scope, receive, send_with_limit)
            return
        await self.app(scope, receive, send_with_limit)


def _caller(request: Request) -> str:
    """Return what tells one key or log-in from another; nothing where there is neither."""
    if not any(name in WHO for name, _ in request.scope["headers"]):
        return ""
    shown = request.headers.get("authorization") or request.cookies.get(cookie_name(request), "")
    return sha256(shown.encode()).hexdigest() if shown else ""
