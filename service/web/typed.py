"""What people type into the fields of forms, read; what cannot be read is told with its field."""

from datetime import date
from typing import TypeVar

from procedures.errors import InvalidInput
from procedures.worksheet import read_number
from service.errors import InvalidField

Value = TypeVar("Value")


def day(name: str, text: str) -> date | None:
    """Return a day; None where nothing was typed.

    Raises:
        InvalidField: it is none.
    """
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidField(f"/{name}", f"{text!r} is no day") from None


def number(name: str, text: str) -> float | None:
    """Return a number; None where nothing was typed.

    Raises:
        InvalidField: it is none.
    """
    if not text.strip():
        return None
    try:
        return float(read_number(text))
    except InvalidInput as error:
        raise InvalidField(f"/{name}", error.reason) from error


def present(name: str, value: Value | None) -> Value:
    """Return a value that must be there.

    Raises:
        InvalidField: nothing was typed.
    """
    if value is None:
        raise InvalidField(f"/{name}", "is missing")
    return value
