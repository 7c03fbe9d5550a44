"""Changes under a condition: a strong `ETag`, asked for by `If-Match` (RFC 9110, 13)."""

from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

from certificates.seal import sha256_hex
from service.errors import StaleVersion, VersionMissing

IfMatch = Annotated[
    str | None,
    Header(description="The `ETag` of what is to be changed; without it 428.", examples=['"3f…"']),
]
IfNoneMatch = Annotated[
    str | None, Header(description="The `ETag` that is known already; unchanged is 304.")
]


def etag_of(answer: BaseModel) -> str:
    """Return the strong validator of an answer: it changes with any field of it."""
    return f'"{sha256_hex(answer.model_dump_json().encode())}"'


def unless_known(response: Response, if_none_match: str | None, answer: BaseModel) -> Any:
    """Return an answer with its `ETag`; nothing but that (304) where the caller knows it."""
    etag = etag_of(answer)
    if if_none_match is not None and names(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return answer


def require_match(kind: str, if_match: str | None, etag: str) -> None:
    """Refuse a change of something that is no longer as it was read.

    Raises:
        VersionMissing: no `If-Match` was sent.
        StaleVersion: it names another state.
    """
    if if_match is None:
        raise VersionMissing("send If-Match with the ETag of what you read")
    if not names(if_match, etag):
        raise StaleVersion(kind, if_match, etag)


def names(header: str, etag: str) -> bool:
    """Return whether a list of validators names one; a weak one never does.

    >>> names('"a", "b"', '"b"'), names('W/"b"', '"b"'), names("*", '"b"')
    (True, False, True)
    """
    return header.strip() == "*" or etag in (part.strip() for part in header.split(","))
