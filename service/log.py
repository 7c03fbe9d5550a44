"""The service's own log: one JSON line a request on stderr, with its id; no body, no secret."""

import re
import sys
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
SECRET_PATHS = ("/invitations/",)  # what follows is a secret, and no log tells it
ACCEPTABLE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def configure() -> None:
    """Write JSON lines to stderr; a line break in a value cannot begin another line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


class RequestLog:
    """Middleware: every answer carries its request's id, and the log tells how it went."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, started, status = request_id_of(Headers(scope=scope)), time.monotonic(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                structlog.get_logger().info(
                    "request",
                    method=scope["method"],
                    path=without_secret(scope["path"]),
                    status=status,
                    milliseconds=round(1000 * (time.monotonic() - started), 1),
                )


def request_id_of(headers: Headers) -> str:
    """Return the id that the caller gave the request, if it is a plain one, or a new one."""
    given = headers.get(HEADER, "")
    return given if ACCEPTABLE.fullmatch(given) else str(uuid4())


def without_secret(path: str) -> str:
    """Return a path as a log may tell it."""
    return next((f"{known}…" for known in SECRET_PATHS if path.startswith(known)), path)
