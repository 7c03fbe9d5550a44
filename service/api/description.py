"""The description of the API (OpenAPI 3.1): what all operations share is said here once."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from service.api.examples import add_examples
from service.auth import acting
from service.idempotency import ACCEPTABLE, HEADER
from service.problems import MEDIA_TYPE, PROBLEMS

DESCRIPTION = """\
Traceability, verification and certificates.

* **Time** is asked by `on` (valid time) and `known_at` (system time).
* **Who asks**: a machine sends a key, `Authorization: Bearer suyuan_…`, made on the page of the
  account; a person logs in on the pages; the demonstration, on loopback, acts as a person whom it
  names. What belongs to another organization is not there: 404.
* **Errors** are problem documents (RFC 9457) that point at the field (RFC 6901).
* **Said again**: a POST under an `Idempotency-Key` has one effect and one answer. The same key with
  another body is 422, `key-used-otherwise`; while the first is at work 409, `key-in-flight`.
* **Changes** name what they change by `If-Match`: 428 without, 412 if it has changed since.
* **Lists** come a page at a time with a `Link` to the next, or whole as `text/csv` or
  `application/x-ndjson`, by `Accept`. More than 200 rows a page is 400.
* **Limits** are told in `RateLimit-*`; beyond them 429 with `Retry-After`.
* **Every answer** carries `X-Request-ID`: the caller's own, if it is a plain one.
"""
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "in": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
REFUSED = {
    "description": "A problem: " + ", ".join(sorted({kind for _, kind in PROBLEMS.values()})),
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
IDEMPOTENCY_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Under one key a request has one effect and one answer.",
    "schema": {"type": "string", "pattern": f"^{ACCEPTABLE.pattern}$"},
    "example": "0199f2c4-7d0e-7a31-9c1f-2a6d5b8e4f10",
}
SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "suyuan_<id>_<secret>"},
    "login": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-suyuan",
        "description": "A person's log-in on the pages; over plain HTTP, on loopback, `suyuan`.",
    },
}


def name_of(route: APIRoute) -> str:
    """Return an operation's id: the name of its function."""
    return route.name


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of an application's API, made once."""
    if app.openapi_schema is None:
        told = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
        )
        components = told.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = PROBLEM
        components["securitySchemes"] = SCHEMES
        closed = set(_closed(app))
        for method, operation in _operations(told):
            operation["responses"].pop("422", None)
            operation["responses"]["4XX"] = REFUSED
            is_closed = operation["operationId"] in closed
            operation["security"] = [{"key": []}, {"login": []}] if is_closed else [{"key": []}, {}]
            if method == "post":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        add_examples(told)
        app.openapi_schema = told
    return app.openapi_schema


def _closed(app: FastAPI) -> Iterator[str]:
    """Yield the operations that somebody must ask who acts for an organization."""
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is not None and _asks_who(dependant):
            yield str(route.name)


def _asks_who(dependant: Dependant) -> bool:
    return any(part.call is acting or _asks_who(part) for part in dependant.dependencies)


def _operations(told: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (method, operation)
        for path in told["paths"].values()
        for method, operation in path.items()
        if isinstance(operation, dict)
    ]
