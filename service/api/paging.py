"""Lists a page at a time, or whole as CSV or JSON lines; the next page is a `Link` (RFC 8288)."""

import csv
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.params import Depends as Dependency
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from service.api.given import Moment
from service.errors import InvalidField, LimitTooLarge
from service.tenancy import TenantSession

MOST, USUAL = 200, 50  # rows a page
AT_ONCE = 100  # rows of an export in the memory
CSV, LINES = "text/csv", "application/x-ndjson"
Place = TypeVar("Place")
Row = TypeVar("Row")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {"Link": {"schema": {"type": "string"}, "description": 'rel="next"'}},
        "content": {CSV: {"schema": {"type": "string"}}, LINES: {"schema": {"type": "string"}}},
    }
}


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: so many rows after the one of an id."""

    limit: int
    after: UUID | None


Cursor = Annotated[
    str | None, Query(max_length=100, description="From the `Link` of the page before.")
]


Limit = Annotated[
    int,
    Query(description=f"Rows, 1 to {MOST}.", json_schema_extra={"minimum": 1, "maximum": MOST}),
]


def _page(limit: Limit = USUAL, cursor: Cursor = None) -> Page:
    """Return the page asked for.

    Raises:
        LimitTooLarge: more than are given, or none.
        InvalidField: the cursor is none of ours.
    """
    _require_given(limit)
    return Page(limit, None if cursor is None else place_of(cursor, lambda at: UUID(bytes=at)))


Asked = Annotated[Page, Depends(_page)]
Since = Annotated[
    Moment | None,
    Query(description="Recorded or changed at this moment or later.",
          examples=["2026-11-21T00:00:00Z"]),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list is asked for that is calculated whole: so many rows from a place on."""

    limit: int
    start: int


def _part(limit: Limit = USUAL, cursor: Cursor = None) -> Part:
    """Return the part asked for.

    Raises:
        LimitTooLarge: more than are given, or none.
        InvalidField: the cursor is none of ours.
    """
    _require_given(limit)
    return Part(limit, 0 if cursor is None else place_of(cursor, _number))


def _require_given(limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise LimitTooLarge(f"limit is 1 to {MOST}; ask for the next page, or for {LINES}")


def _number(octets: bytes) -> int:
    if not octets.isdigit():
        raise ValueError(octets)
    return int(octets)


AskedPart = Annotated[Part, Depends(_part)]


def at_most(most: int, usual: int) -> Dependency:
    """Return the dependency that reads how many rows are asked for at once.

    Args:
        most: beyond which the answer is 400, not fewer rows than were asked for.
    """
    stated = {"minimum": 1, "maximum": most}

    def limit(
        limit: Annotated[
            int, Query(description=f"Rows, 1 to {most}.", json_schema_extra=stated)
        ] = usual,
    ) -> int:
        if not 1 <= limit <= most:
            raise LimitTooLarge(f"limit is 1 to {most}")
        return limit

    dependency: Dependency = Depends(limit)
    return dependency


def place_of(cursor: str, read: Callable[[bytes], Place]) -> Place:
    """Return the place that a cursor stands for.

    Args:
        read: gives the place of its octets, and raises ValueError where they are of none.

    Raises:
        InvalidField: the cursor is none of ours.
    """
    try:
        return read(urlsafe_b64decode(cursor.encode("ascii") + b"=="))
    except ValueError as error:
        raise InvalidField("/cursor", "none of ours: take it from the Link header") from error


def cursor_of(id_: UUID) -> str:
    """Return the cursor that stands behind a row."""
    return cursor_at(id_.bytes)


def cursor_at(place: bytes) -> str:
    """Return the cursor that stands for a place in a list."""
    return urlsafe_b64encode(place).decode().rstrip("=")


def answered(
    request: Request,
    session: TenantSession,
    page: Page,
    rows: Callable[[UUID | None, int], Sequence[Any]],
    answer: type[BaseModel],
) -> Response:
    """Return a page of a list as JSON, or the whole of it as CSV or JSON lines, by `Accept`.

    Args:
        session: of the request; the whole list is read in a transaction of its own.
        rows: gives so many rows, each with an `id`, after the one of an id, in the order of ids,
            or of the newest first.
        answer: as what a row is told.
    """
    if wants_all(request):
        return all_of(request, each(session, rows, lambda row: row.id), answer)
    found = rows(page.after, page.limit + 1)
    return first_of(request, found, page.limit, lambda row: cursor_of(row.id), answer)


def part_of(request: Request, rows: Sequence[Any], part: Part, answer: type[BaseModel]) -> Response:
    """Return a page of a list that is calculated whole, or all of it, as `answered` does.

    The next page begins where this one ends in the list as it is then.
    """
    if wants_all(request):
        return all_of(request, rows, answer)
    end = part.start + part.limit
    found = rows[part.start : end + 1]
    return first_of(request, found, part.limit, lambda _: cursor_at(b"%d" % end), answer)


def wants_all(request: Request) -> bool:
    """Return whether a list is asked for as CSV or JSON lines, which is: the whole of it."""
    accepted = request.headers.get("accept", "")
    return CSV in accepted or LINES in accepted


def all_of(request: Request, rows: Iterable[Any], answer: type[BaseModel]) -> Response:
    """Return every row as CSV or JSON lines, by `Accept`."""
    told = (_told(row, answer) for row in rows)
    if CSV in request.headers.get("accept", ""):
        return StreamingResponse(_as_csv(told, list(answer.model_fields)), media_type=CSV)
    return StreamingResponse(_as_lines(told), media_type=LINES)


def first_of(
    request: Request,
    found: Sequence[Any],
    limit: int,
    cursor: Callable[[Any], str],
    answer: type[BaseModel],
) -> Response:
    """Return so many of the rows as JSON, and if there are more, where the next page is."""
    response = JSONResponse([_told(row, answer) for row in found[:limit]])
    if len(found) > limit:
        next_ = request.url.include_query_params(cursor=cursor(found[limit - 1]))
        response.headers["Link"] = f'<{next_.path}?{next_.query}>; rel="next"'
    return response


def each(
    session: TenantSession,
    rows: Callable[[Place | None, int], Sequence[Row]],
    place: Callable[[Row], Place],
) -> Iterator[Row]:
    """Yield every row of a list; the request's own transaction has ended when the answer is sent.

    Args:
        rows: gives so many rows behind a place.
        place: where a row stands.
    """
    with session:
        after: Place | None = None
        while found := rows(after, AT_ONCE):
            after = place(found[-1])
            yield from found
            session.expunge_all()


def _told(row: Any, answer: type[BaseModel]) -> dict[str, Any]:
    return answer.model_validate(row, from_attributes=True).model_dump(mode="json")


def _as_lines(told: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in told)


def _as_csv(told: Iterable[dict[str, Any]], names: list[str]) -> Iterator[str]:
    yield "\ufeff" + ",".join(names) + "\r\n"  # or a spreadsheet misreads Chinese
    for row in told:
        text = StringIO()
        csv.writer(text).writerow([_cell(row[name]) for name in names])
        yield text.getvalue()


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
