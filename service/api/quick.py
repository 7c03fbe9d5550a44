"""The two look-ups that anyone asks most, answered before a route is searched for.

A plain question, by nobody in particular, is answered here by what its route calls too. All else,
and what the route has to refuse, goes on to the routes.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import unquote_plus

from fastapi import Request
from pydantic_core import to_json
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.certificate_statuses import signed_status
from service.clock import day_of
from service.errors import TooManyRequests
from service.problems import tell
from service.public import answer_of
from service.store import directory
from service.throttle import LOOK_UPS, site_of

BY_SERIAL_NUMBER = re.compile(rb"serial_number=([^&=;]{1,300})")
STATUS_OF_NUMBER = re.compile(r"/v1/certificates/([^/]+)/status")
LONGEST = 100  # characters of a serial number
WHO = frozenset({b"authorization", b"cookie"})
STREAMED = (b"csv", b"ndjson")

T = TypeVar("T")


class QuickLookups:
    """Middleware: tells where certificates stand, by serial number or by their own number.

    Args:
        headers: that every answer of the application carries.
    """

    def __init__(self, app: ASGIApp, state: State, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.app = app
        self.state = state
        self.headers = [(b"content-type", b"application/json"), *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        body = None
        if scope["type"] == "http" and scope["path"].startswith("/v1/certificates"):
            try:
                body = await self._answer(scope)
            except TooManyRequests as error:
                await tell(Request(scope), error)(scope, receive, send)
                return
        if body is None:
            await self.app(scope, receive, send)
            return
        headers = [*self.headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope) -> bytes | None:
        """Return what is told; None where the routes are to answer."""
        if scope["method"] != "GET" or not self._is_plain(scope):
            return None
        if scope["path"] == "/v1/certificates":
            asked = BY_SERIAL_NUMBER.fullmatch(scope["query_string"])
            serial_number = unquote_plus(asked[1].decode("latin-1")) if asked else ""
            if not 1 <= len(serial_number) <= LONGEST:
                return None
            self._admit(scope)
            key = self.state.keys.of_serial_number(serial_number)
            return to_json(await self._read(directory.summaries, key))
        number = STATUS_OF_NUMBER.fullmatch(scope["path"])
        if number is None or scope["query_string"]:
            return None
        found = await self._read(directory.find, self.state.keys.of_number(number[1]))
        if len(found) != 1:  # nobody's, or to be read otherwise
            return None
        self._admit(scope)
        now = self.state.clock()
        answer = answer_of(found[0], on=day_of(now))
        return signed_status(answer, self.state.seals, stated_at=now).model_dump_json().encode()

    async def _read(self, read: Callable[[Engine, str], T], key: str) -> T:
        """Return what the directory tells; SQLite is quicker than handing it to a thread."""
        engine: Engine = self.state.engine
        if engine.dialect.name == "sqlite":
            return read(engine, key)
        return await run_in_threadpool(read, engine, key)

    def _is_plain(self, scope: Scope) -> bool:
        """Whether nobody in particular asks, and for JSON."""
        if self.state.settings.demonstration_person is not None:
            return False
        for name, value in scope["headers"]:
            if name in WHO or (name == b"accept" and any(form in value for form in STREAMED)):
                return False
        return True

    def _admit(self, scope: Scope) -> None:
        self.state.throttle.admit(LOOK_UPS, "look-up", site_of(Request(scope)))
