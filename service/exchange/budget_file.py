"""Uncertainty budgets as files: TOML or JSON text, and back.

A file holds what the body of `POST /v1/uncertainty-budgets` holds, under the same names.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import ValidationError

from service.errors import ServiceError
from service.exchange.budget_request import BudgetRequest

Form = Literal["toml", "json"]

MOST_BYTES: Final = 10_000_000
MOST_FAULTS_TOLD: Final = 20


class BudgetFileInvalid(ServiceError):
    """A file is not a budget; `faults` are (pointer, reason), as in RFC 6901."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        self.faults = faults
        told = [f"{pointer}: {reason}" if pointer else reason for pointer, reason in faults]
        more = len(told) - MOST_FAULTS_TOLD
        if more > 0:
            told[MOST_FAULTS_TOLD:] = [f"and {more} more"]
        super().__init__("\n  ".join(["this is not an uncertainty budget", *told]))


def read(content: bytes, form: Form) -> BudgetRequest:
    """Return the budget that a file asks for.

    Raises:
        BudgetFileInvalid: it is not UTF-8 text in that form, or has fields in error.
    """
    if len(content) > MOST_BYTES:
        raise BudgetFileInvalid([("", f"larger than {MOST_BYTES:_} bytes".replace("_", " "))])
    try:
        text = content.decode("utf-8-sig")
        said = tomllib.loads(text) if form == "toml" else json.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BudgetFileInvalid([("", f"not {form.upper()}: {error}")]) from error
    try:
        return BudgetRequest.model_validate(said)
    except ValidationError as error:
        faults = [
            ("/" + "/".join(str(part) for part in found["loc"]), found["msg"])
            for found in error.errors(include_input=False, include_url=False)
        ]
        raise BudgetFileInvalid(faults) from error


def write(request: BudgetRequest, form: Form) -> str:
    """Return a budget as the text of a file; `read` gives the same budget again."""
    said = request.model_dump(mode="json", exclude_defaults=True)
    if form == "json":
        return json.dumps(said, ensure_ascii=False, indent=2) + "\n"
    return "\n".join(_toml(said)) + "\n"


def _toml(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines: single values first, then a table for each part of each list."""
    tables = {
        name: value
        for name, value in said.items()
        if isinstance(value, list) and all(isinstance(part, dict) for part in value)
    }
    for name, value in said.items():
        if name not in tables:
            yield f"{name} = {_inline(value)}"
    for name, parts in tables.items():
        for part in parts:
            yield f"\n[[{name}]]"
            yield from (f"{_key(field)} = {_inline(value)}" for field, value in part.items())


def _inline(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(_inline(part) for part in value)}]"
        case dict():
            fields = (f"{_key(name)} = {_inline(part)}" for name, part in value.items())
            return f"{{ {', '.join(fields)} }}"
    raise TypeError(value)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _quoted(name)


def _quoted(text: str) -> str:
    """Return a basic string of TOML: JSON's escapes, and DEL which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
