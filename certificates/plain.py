"""Dataclasses to nested plain values and back: what can be kept as JSON and read back equal.

Only what certificates are made of: text, truth values, dates, moments, names of an enumeration,
dataclasses, tuples of one kind, and None.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from certificates.errors import FieldMalformed

BEFORE = "before"  # in the metadata of a field: what it is read as where it was not there yet


def join_path(path: str, name: str) -> str:
    """Return the path of a field inside another; the outermost has none before it."""
    return f"{path}.{name}" if path else name


def to_plain(value: Any) -> Any:
    """Return dataclasses as mappings, tuples as lists, dates and names as text."""
    if isinstance(value, tuple):
        return [to_plain(member) for member in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        return {name: to_plain(told) for name, told in _told(value)}
    return value


def _told(value: Any) -> Iterable[tuple[str, Any]]:
    """Yield the fields of a dataclass, but those that were added to it and say nothing.

    So what was written before they were there, and its digest, come again.
    """
    for field in fields(value):
        told = getattr(value, field.name)
        if BEFORE not in field.metadata or told != field.metadata[BEFORE]:
            yield field.name, told


def from_plain(kind: Any, value: Any, path: str) -> Any:
    """Return what `to_plain` wrote as the annotated type `kind` again.

    Raises FieldMalformed, naming the path, for a missing, unknown or wrongly typed entry.
    """
    if get_origin(kind) is UnionType:
        if value is None:
            return None
        kind = next(member for member in get_args(kind) if member is not NoneType)
    if get_origin(kind) is tuple:
        return tuple(_members(get_args(kind)[0], value, path))
    if is_dataclass(kind):
        return _record(kind, value, path)
    if issubclass(kind, StrEnum | date):
        return _parsed(kind if issubclass(kind, StrEnum) else kind.fromisoformat, value, path)
    if type(value) is not kind:
        raise FieldMalformed(path, f"a {kind.__name__} is expected")
    return value


def _members(kind: Any, values: Any, path: str) -> Iterable[Any]:
    if not isinstance(values, list | tuple):
        raise FieldMalformed(path, "a list is expected")
    return (from_plain(kind, value, f"{path}[{index}]") for index, value in enumerate(values))


def _record(kind: Any, mapping: Any, path: str) -> Any:
    if not isinstance(mapping, Mapping):
        raise FieldMalformed(path or "content", "a mapping is expected")
    hints = _hints(kind)
    mapping = {
        field.name: to_plain(field.metadata[BEFORE])
        for field in fields(kind)
        if BEFORE in field.metadata
    } | dict(mapping)
    for name in mapping.keys() ^ hints.keys():
        reason = "no such field" if name in mapping else "the field is missing"
        raise FieldMalformed(join_path(path, str(name)), reason)
    return kind(
        **{name: from_plain(hints[name], mapping[name], join_path(path, name)) for name in hints}
    )


def _parsed(parse: Callable[[str], Any], value: Any, path: str) -> Any:
    try:
        return parse(value)
    except (TypeError, ValueError) as error:
        raise FieldMalformed(path, str(error)) from error


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
