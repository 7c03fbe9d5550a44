"""The service's own log: one JSON line a request on stderr, with its id; no body, no secret."""

import re
import sys
import time
from datetime import UTC, datetime
from json import JSONEncoder

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid4

NAME = b"x-request-id"
SECRET_PATHS = ("/invitations/",)  # what follows is a secret, and no log tells it
ACCEPTABLE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
JSON = JSONEncoder(ensure_ascii=False)


def configure() -> None:
    """Write JSON lines to stderr; a line break in a value cannot begin another line."""
    structlog.configure(
        processors=[
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
        request_id, started, status = request_id_of(scope), time.monotonic(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((NAME, request_id.encode()))
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            told = {
                "request_id": request_id,
                "method": scope["method"],
                "path": without_secret(scope["path"]),
                "status": status,
                "milliseconds": round(1000 * (time.monotonic() - started), 1),
                "event": "request",
                "timestamp": datetime.now(UTC).isoformat(),
            }
            sys.stderr.write(JSON.encode(told) + "\n")  # structlog takes four times as long


def request_id_of(scope: Scope) -> str:
    """Return the id that the caller gave the request, if it is a plain one, or a new one."""
    given = next((value for name, value in scope["headers"] if name == NAME), b"").decode("latin-1")
    return given if ACCEPTABLE.fullmatch(given) else str(uuid4())


def without_secret(path: str) -> str:
    """Return a path as a log may tell it."""
    return next((f"{known}…" for known in SECRET_PATHS if path.startswith(known)), path)
