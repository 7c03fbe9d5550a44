"""Files that people send: read to a limit and no further, before anything else is asked."""

from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.errors import InvalidField, TooLarge

LARGEST_FILE = 32 * 2**20  # octets
BESIDE_THE_FILE = 64 * 2**10  # octets, of the fields and boundaries of a form


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A form with at most one file: its name as the sender gave it, its bytes, the other fields."""

    name: str
    content: bytes
    fields: dict[str, str]


async def read_upload(request: Request) -> Upload:
    """Return what a form sends; nothing of it where it is too large.

    Raises:
        TooLarge: more than a certificate's file can be.
        InvalidField: it is no form.
    """
    limit = LARGEST_FILE + BESIDE_THE_FILE
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise TooLarge(LARGEST_FILE)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _TooLong("more than is read")  # on which the parser drops what it has kept
        return message

    scope = {name: value for name, value in request.scope.items() if name != "app"}
    try:
        async with Request(scope, receive).form(max_files=1, max_fields=100) as form:
            file = form.get("file")
            named = file if isinstance(file, UploadFile) else None
            return Upload(
                name=(named.filename or "") if named else "",
                content=await named.read() if named else b"",
                fields={name: value for name, value in form.items() if isinstance(value, str)},
            )
    except _TooLong as error:
        raise TooLarge(LARGEST_FILE) from error
    except (MultiPartException, ClientDisconnect) as error:
        raise InvalidField("/file", f"no form with a file: {error}") from error


class _TooLong(MultiPartException):
    """The form is longer than is read."""
