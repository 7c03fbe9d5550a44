"""The stranger OTH comes to every door there is, with everything it could know of LAB's ids.

The laboratory's book is full (a row in every table); whatever of it no other organization may
read is a canary. The doors, and what to send to them, are derived from the routes, so a new one is
tried without being named here; how many there are stands in `docs/api.md`.

Source: OWASP API Security Top 10 2023, API1 and API5.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from sqlmodel import Session, SQLModel
from starlette.routing import Mount

from service import auth
from service.tables.certificates import CertificateFile
from service.tenancy import PARTS, TENANT_TABLES, TenantSession
from service.web import pages
from tests.api_page import doors
from tests.service import entering
from tests.service.test_wall import story as full_book

SHORTEST = 6  # letters of a canary: a shorter text is in every language
A_DATE = re.compile(r"[\dTZ.:+ -]+")  # or a number: they are in every book
PRINCIPALS = ("anonymous", "viewer", "metrologist", "administrator", "key", "expired key")
WRITE_NOTHING = ("anonymous", "viewer", "expired key")  # who may send a key that LAB's book knows
NOT_ASKED = ("/static", "/vendor/docs", "/openapi.json")  # say the same to everybody


@dataclass(frozen=True)
class Case:
    """One request: a door with ids of LAB's in it."""

    method: str
    template: str
    path: str
    query: dict[str, str]
    body: Any
    who: tuple[str, ...]

    def __str__(self):
        return f"{self.method} {self.template}"


@dataclass(frozen=True)
class Secrets:
    """What LAB alone may see, and what a stranger could know of it and send."""

    texts: re.Pattern[str]
    files: frozenset[bytes]
    ids: dict[str, list[UUID]]
    words: list[str]
    key: str
    people: list[UUID]


def texts_of(value: Any) -> Iterator[str]:
    """Yield each text in a value of a row, of JSON within it too."""
    if isinstance(value, str | UUID):
        yield str(value)
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts_of(member)


story = full_book


def rows_everywhere(owner) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every table, as the owner sees them, past every wall."""
    with Session(owner) as session:
        return {
            table.name: [dict(row) for row in session.execute(select(table)).mappings()]
            for table in SQLModel.metadata.sorted_tables
        }


@pytest.fixture
def secrets(owner, names, story):
    rows = rows_everywhere(owner)
    lab = {
        name: [row for row in found if row["organization_id"] == names.LAB]
        for name, found in rows.items()
        if name in TENANT_TABLES
    }
    everybodys = {
        text
        for name, found in rows.items()
        for row in found
        if name not in TENANT_TABLES or row["organization_id"] not in (names.LAB, names.ENT)
        for value in row.values()
        for text in texts_of(value)
    }
    told = {
        text
        for found in lab.values()
        for row in found
        for value in row.values()
        for text in texts_of(value)
        if len(text) >= SHORTEST and re.search(r"[^a-z_.]", text) and not A_DATE.fullmatch(text)
    }
    canaries = sorted(told - everybodys - vocabulary(), key=len, reverse=True)
    assert len(canaries) > 100
    return Secrets(
        texts=re.compile("|".join(map(re.escape, canaries))),
        files=frozenset(row["content"] for row in lab[CertificateFile.__tablename__]),
        ids={name: [row["id"] for row in found if "id" in row] for name, found in lab.items()}
        | {"organization": [names.LAB]},
        words=[story.number, "SN meter"],
        key=lab["idempotency_key"][0]["key"],
        people=[row["id"] for row in lab["person"]],
    )


def vocabulary() -> set[str]:
    """Return the words of our own that stand in rows: kinds, states, names of columns."""
    from service.web.words import WORDS  # noqa: PLC0415

    known = {word for table in WORDS.values() for word in table}
    columns = {column.name for table in SQLModel.metadata.tables.values() for column in table.c}
    checks = {
        word
        for table in SQLModel.metadata.tables.values()
        for check in table.constraints
        for word in re.findall(r"'([^']+)'", str(getattr(check, "sqltext", "")))
    }
    return known | columns | checks


# --- The doors -----------------------------------------------------------------------------------


def routes(app):
    """Return every route with its methods, but for those that tell everybody the same."""
    return [
        door
        for door in iter_route_contexts(app.routes)
        if not isinstance(door.original_route, Mount) and not str(door.path).startswith(NOT_ASKED)
    ]


def ids_for(name: str, secrets: Secrets) -> list[UUID]:
    """Return which ids of LAB's a parameter could mean: of the table it names, or of every one."""
    kind = name.removesuffix("_id")
    named = [t for t, ids in secrets.ids.items() if ids and (t == kind or t.endswith(f"_{kind}"))]
    tables = named or list(secrets.ids)
    return [secrets.ids[table][0] for table in tables if secrets.ids[table]]


def said_of(schema: dict[str, Any], schemas: dict[str, Any], name: str, secrets: Secrets) -> Any:
    """Return a value of a schema, with LAB's ids wherever an id is asked for."""
    schema = schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    if "properties" in schema:
        return {
            key: said_of(member, schemas, key, secrets)
            for key, member in schema["properties"].items()
            if key in schema.get("required", ()) or key.endswith("_id")
        }
    if choices := [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]:
        return said_of(choices[0], schemas, name, secrets)
    if schema.get("format") == "uuid":
        return str(ids_for(name, secrets)[0])
    if told := schema.get("examples") or schema.get("enum"):
        return told[0]
    if schema.get("type") == "array":
        return [said_of(schema.get("items", {}), schemas, name.removesuffix("s"), secrets)]
    plain = {"integer": 1, "number": 1.0, "boolean": True, "object": {}, "string": secrets.words[0]}
    by_format = {"date": "2026-02-01", "date-time": "2026-02-01T00:00:00Z"}
    return by_format.get(schema.get("format", ""), plain.get(schema.get("type", "string"), "x"))


def cases(app, secrets: Secrets) -> Iterator[Case]:
    """Yield each door with LAB's ids in its path, query and body."""
    told = app.openapi()
    schemas = told["components"]["schemas"]
    for door in routes(app):
        template = str(door.path)
        names = re.findall(r"{(\w+)(?::\w+)?}", template)
        for method in sorted(door.methods - {"HEAD"}):
            operation = told["paths"].get(template, {}).get(method.lower(), {})
            query = {
                parameter["name"]: str(
                    said_of(parameter["schema"], schemas, parameter["name"], secrets)
                )
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "query" and parameter["name"] not in ("limit", "cursor")
                and (parameter.get("required") or "id" in parameter["name"])
            }  # fmt: skip
            content = operation.get("requestBody", {}).get("content", {})
            body = (
                said_of(content["application/json"]["schema"], schemas, "", secrets)
                if "application/json" in content
                else None
            )
            for position, path in enumerate(filled(template, names, secrets)):
                who = PRINCIPALS if position == 0 else ("administrator",)
                yield Case(method, template, path, query, body, who)


def filled(template: str, names: list[str], secrets: Secrets) -> Iterator[str]:
    words = {"format": ["pdf", "json"], "step": ["start"], "part": sorted(PARTS)}
    choices = [
        list(map(str, ids_for(name, secrets))) if name.endswith("_id")
        else words.get(name, secrets.words[:1])
        for name in names
    ]  # fmt: skip
    for position in range(max(map(len, choices), default=1)):
        path = template
        for name, values in zip(names, choices, strict=True):
            value = values[min(position, len(values) - 1)]
            path = re.sub(rf"{{{name}(:\w+)?}}", value, path)
        yield path


# --- Who comes -----------------------------------------------------------------------------------


@pytest.fixture
def principals(database, tmp_path, clock, names, story):
    """Let the strangers in, each with a client of its own."""
    with entering.application(
        database.application, tmp_path, clock, requests_a_minute=10**6
    ) as app:
        inside = {
            role: entering.entered(app, names.OTH, role, f"other-{role}")
            for role in ("viewer", "metrologist", "administrator")
        }
        keys = [
            entering.key_of(inside["metrologist"], "book:read", "items:write", "calibrations:write",
                            "work-orders:write", "ledger:write", expires_at=expires_at)
            for expires_at in ("2026-06-01T00:00:00Z",
                               (clock.now + timedelta(seconds=1)).isoformat())
        ]  # fmt: skip
        clock.now += timedelta(seconds=2)
        for name, key in zip(("key", "expired key"), keys, strict=True):
            inside[name] = entering.browser(app)
            inside[name].headers["authorization"] = f"Bearer {key}"
        inside["anonymous"] = entering.browser(app)
        for client in inside.values():
            transport: Any = client._transport  # noqa: SLF001
            transport.raise_server_exceptions = False  # a 500 is a finding, not our end
        yield app, inside


def answers(client, name: str, case: Case, secrets: Secrets):
    """Ask as a browser and as a machine does, with LAB's ids in headers and cookies too."""
    acting = f"acting={secrets.ids['item'][0]}.{secrets.people[0]}"
    forms = {"text/html", "application/json"}
    for accept in sorted(forms if case.method == "GET" else {"application/json"}):
        yield client.request(
            case.method,
            case.path,
            params=case.query,
            json=case.body,
            headers={
                **({"idempotency-key": secrets.key} if name in WRITE_NOTHING else {}),
                "accept": accept,
                "x-organization-id": str(secrets.people[0]),
                "if-match": "*",
                "cookie": "; ".join([acting, *(f"{k}={v}" for k, v in client.cookies.items())]),
            },
        )


def leaks_of(answer, case: Case, secrets: Secrets) -> list[str]:
    """Return what of LAB's is in an answer and was not in the request."""
    if answer.content in secrets.files:
        return ["a file"]
    sent = f"{case.path} {case.query} {json.dumps(case.body)}"
    told = f"{answer.headers} {answer.content.decode('utf-8', 'replace')}"
    return [text for text in secrets.texts.findall(told) if text not in sent]


def test_no_door_tells_a_stranger_a_byte(principals, secrets):
    app, inside = principals
    asked, statuses, leaks = set(), set(), []

    for case in cases(app, secrets):
        for name in case.who:
            for answer in answers(inside[name], name, case, secrets):
                asked.add((case.method, case.template))
                statuses.add(answer.status_code)
                leaks += [(str(case), name, text) for text in leaks_of(answer, case, secrets)]
                if answer.status_code >= 500:
                    leaks.append((str(case), name, f"broke: {answer.status_code}"))

    assert leaks == []
    everywhere = {door for door in doors(app) if not door[1].startswith(NOT_ASKED)}
    assert asked == everywhere
    assert len(asked) > 100
    assert {200, 401, 403, 404, 422} <= statuses


def test_without_the_wall_the_doors_of_books_turn_red(principals, secrets, names):
    """Whatever door shows LAB's own people something shows it to a stranger given LAB's book."""
    app, inside = principals
    shown = red_doors(app, entering.entered(app, names.LAB, "administrator", "chen"), secrets)
    for reader in (auth._reading, auth._transaction, pages._book_if_any):  # noqa: SLF001
        app.dependency_overrides[reader] = lab_book(app, names.LAB)

    red = red_doors(app, inside["administrator"], secrets)

    assert len(shown) > 20
    assert len(red & shown) >= 0.9 * len(shown), sorted(shown - red)


def red_doors(app, client, secrets) -> set[tuple[str, str]]:
    """Return the doors at which somebody reads what is LAB's alone."""
    return {
        (case.method, case.template)
        for case in cases(app, secrets)
        if case.method == "GET"
        for answer in answers(client, "administrator", case, secrets)
        if leaks_of(answer, case, secrets)
    }


def lab_book(app, organization_id):
    def open_():
        with TenantSession(app.state.engine, organization_id, read_only=True) as session:
            yield session

    return open_
