"""Requests said again: under one `Idempotency-Key` a POST has one effect and one answer.

The answer is kept in the transaction of the effect, so there is never one without the other. On
PostgreSQL a repetition that comes while the first is at work is told so; on SQLite, which lets one
writer in at a time, it waits and gets the first one's answer.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine
from functools import partial
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive

from service.clock import now
from service.errors import (
    AlreadyAnswered,
    InvalidField,
    KeyInFlight,
    KeyUsedOtherwise,
    TooLarge,
)
from service.store import operations as store
from service.tables.operations import IdempotencyKey
from service.tenancy import TenantSession
from service.uploads import BESIDE_THE_FILE, LARGEST_FILE

HEADER = "Idempotency-Key"
KEPT_HEADERS = ("content-type", "location", "etag")
LONGEST = LARGEST_FILE + BESIDE_THE_FILE  # octets
ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def answering_once(router: APIRouter) -> APIRouter:
    """Let every POST of a router take an `Idempotency-Key`; return the router."""
    for route in router.routes:
        if isinstance(route, APIRoute) and "POST" in (route.methods or ()) and not takes_key(route):
            made = partial(_handler, route.get_route_handler)
            route.get_route_handler = made  # type: ignore[method-assign]
    return router


def takes_key(route: Any) -> bool:
    """Return whether a route answers once under a key."""
    made = route.get_route_handler
    return isinstance(made, partial) and made.func is _handler


def _handler(make: Callable[[], Handler]) -> Handler:
    handle = make()

    async def answer(request: Request) -> Response:
        if HEADER not in request.headers:
            return await handle(request)
        body = await _read(request)
        request.state.said_sha256 = _digest(request, body)
        response = await handle(Request(request.scope, _reading_again(request, body)))
        session: TenantSession | None = getattr(request.state, "writing", None)
        if session is not None:  # or the route writes into no book
            await run_in_threadpool(_keep, session, request, response)
        return response

    return answer


async def _read(request: Request) -> bytes:
    """Return the body, of which as much is read as any route takes.

    Raises:
        TooLarge: it is longer.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise TooLarge(LARGEST_FILE)
    return bytes(body)


def _reading_again(request: Request, body: bytes) -> Receive:
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(parts, None) or await request.receive()

    return receive


def _digest(request: Request, body: bytes) -> str:
    """Return what tells one request from another: method, address and body.

    The boundary of a form is drawn anew each time, and does not count.
    """
    head = f"{request.method} {request.url.path}?{request.url.query}\n"
    boundary = request.headers.get("content-type", "").partition("boundary=")[2].encode()
    return sha256(head.encode() + (body.replace(boundary, b"") if boundary else body)).hexdigest()


def begin(session: TenantSession, request: Request) -> None:
    """Refuse or answer a request whose key the book knows; a new one begins its transaction here.

    Raises:
        AlreadyAnswered: with the answer once given.
        KeyUsedOtherwise: the key stands for another request.
        KeyInFlight: the same request is at work.
        InvalidField: the key is none.
    """
    request.state.writing = session
    said_sha256 = getattr(request.state, "said_sha256", None)
    if said_sha256 is None:  # no key came, or the route takes none
        return
    key = request.headers[HEADER]
    if not ACCEPTABLE.fullmatch(key):
        raise InvalidField(f"/{HEADER}", "1 to 200 visible ASCII characters")
    if not session.try_lock(f"idempotency {key}"):
        raise KeyInFlight("the same request is at work: ask again in a moment")
    kept = store.idempotency_key(session, key)
    if kept is None:
        return
    if kept.request_sha256 != said_sha256:
        raise KeyUsedOtherwise(f"{HEADER} {key} stands for another request")
    raise AlreadyAnswered(kept.status_code, kept.answer)


def _keep(session: TenantSession, request: Request, response: Response) -> None:
    """Keep an answer beside its effect; but for a secret, which is told once."""
    told_once = response.headers.get("cache-control") == "no-store"
    answer: dict[str, Any] = {"headers": {}, "body": None}
    if not told_once:
        kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        answer = {"headers": kept, "body": b64encode(bytes(response.body)).decode()}
    session.insert(
        IdempotencyKey,
        [
            {
                "key": request.headers[HEADER],
                "request_sha256": request.state.said_sha256,
                "status_code": response.status_code,
                "answer": answer,
                "created_at": now(),
            }
        ],
    )


def told_again(error: AlreadyAnswered) -> Response | None:
    """Return the answer once given; None where it held a secret, which is told once."""
    if error.answer["body"] is None:
        return None
    headers = {**error.answer["headers"], "Idempotency-Replayed": "true"}
    return Response(b64decode(error.answer["body"]), error.status_code, headers)
