"""The page of the API as text: what `docs/api.md` holds, so that a change of a door is seen.

uv run python -m tests.api_page > docs/api.md
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from service.api.description import DESCRIPTION
from service.app import create_app
from service.settings import Settings

REFRESH = "uv run python -m tests.api_page > docs/api.md"
PAGE = Path(__file__).parents[1] / "docs" / "api.md"


def application(folder: Path) -> FastAPI:
    """Return the service as anybody runs it, with no database behind."""
    url = f"sqlite:///{folder}/none.db"
    return create_app(Settings(database_url=url, lookup_key_file=folder / "key"))


def doors(app: FastAPI) -> list[tuple[str, str]]:
    """Return the method and the path of every route and mount there is."""
    found = {
        (method, str(door.path))
        for door in iter_route_contexts(app.routes)
        if not isinstance(door.original_route, Mount)
        for method in door.methods or {"WS"}
        if method != "HEAD"
    }
    mounts = {("MOUNT", route.path) for route in app.routes if isinstance(route, Mount)}
    return sorted(found | mounts, key=lambda door: (door[1], door[0]))


def page_text(app: FastAPI) -> str:
    """Return every operation with its parameters, and below them the pages."""
    told = app.openapi()
    described = set(told["paths"])
    lines = [
        "# The API",
        "",
        f"Generated from the routes; a test keeps it equal. To refresh: `{REFRESH}`.",
        "`/openapi.json` describes the same for machines, `/api/docs` lets one try it.",
        "",
        DESCRIPTION,
        *_operations(told),
        "## Pages and files",
        "",
        *(f"    {method:5} {path}" for method, path in doors(app) if path not in described),
        "",
    ]
    return "\n".join(lines)


def _operations(told: dict[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["operations"])[0]
            by_tag.setdefault(tag, []).append((path, method.upper(), operation))
    for tag in sorted(by_tag):
        yield from (f"## {tag}", "")
        for path, method, operation in sorted(by_tag[tag], key=lambda row: row[:2]):
            yield from (f"### `{method} {path}`", "", *_operation(operation), "")


def _operation(operation: dict[str, Any]) -> Iterator[str]:
    text = operation.get("description", operation["summary"]).strip()
    yield f"**{operation['operationId']}**: {text}"
    yield ""
    for parameter in operation.get("parameters", ()):
        needed = "" if parameter.get("required") else ", optional"
        where = parameter["in"]
        told = f": {parameter['description']}" if "description" in parameter else ""
        yield f"- `{parameter['name']}` ({where}{needed}){told}"
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        yield f"- body `{media_type}`{_schema(body)}"
    for status, answer in operation["responses"].items():
        if status != "4XX":
            forms = answer.get("content") or {"": {}}
            told = ", ".join(f"`{form}`{_schema(body)}" for form, body in forms.items() if form)
            yield f"- {status}{': ' + told if told else ''}"


def _schema(body: dict[str, Any]) -> str:
    schema = body.get("schema", {})
    name = schema.get("$ref") or schema.get("items", {}).get("$ref") or ""
    many = "list of " if "items" in schema else ""
    return f" {many}{name.rsplit('/', maxsplit=1)[-1]}" if name else ""


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        sys.stdout.write(page_text(application(Path(folder))))
