"""How much one caller may ask of everything together, told in `RateLimit-*` on each answer."""

from hashlib import sha256
from math import ceil
from time import time

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.auth import cookie_name
from service.errors import TooManyRequests
from service.problems import tell
from service.throttle import Limit, Throttle, site_of

FREE = ("/static/", "/vendor/", "/healthz", "/readyz")
MINUTE = 60  # seconds
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
        self.of_caller = Limit(a_minute, MINUTE)
        self.of_address = Limit(5 * a_minute, MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or tell when to come again."""
        if scope["type"] != "http" or scope["path"].startswith(FREE):
            await self.app(scope, receive, send)
            return
        request, left, refused = Request(scope), 0, None
        caller = _caller(request)
        limit = self.of_caller if caller else self.of_address
        try:
            left = self.throttle.admit(self.of_address, "address", site_of(request))
            if caller:
                left = self.throttle.admit(limit, "caller", caller)
        except TooManyRequests as error:
            refused = error
        told = [
            (b"ratelimit-limit", b"%d" % limit.times),
            (b"ratelimit-remaining", b"%d" % left),
            (b"ratelimit-reset", b"%d" % ceil(MINUTE - time() % MINUTE)),
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
