"""PTB's schemas of the DCC, which an operator keeps in a folder, and what they find wrong."""

from functools import cache
from pathlib import Path
from threading import Lock

from lxml import etree

from certificates.dcc import SCHEMA_VERSION
from certificates.dcc.schema import compile_schema, schema_errors
from certificates.errors import DccInvalid, SchemaUnknown

ONE_AT_A_TIME = Lock()  # a compiled schema is for one thread


def errors_of(document: bytes, version: str, folder: Path | None) -> tuple[str, ...] | None:
    """Return what the schema of a version finds wrong; None where no schema of it is at hand."""
    if folder is None:
        return None
    try:
        schema = _schema(folder, version)
    except SchemaUnknown:
        return None
    with ONE_AT_A_TIME:
        return schema_errors(document, schema)


def require_valid(document: bytes, folder: Path | None) -> None:
    """Hold a DCC of ours against its schema; where no folder is set, nobody can.

    Raises:
        DccInvalid: the schema refuses it.
        SchemaUnknown: a folder is set, and the schema is not in it.
    """
    if folder is None:
        return
    schema = _schema(folder, SCHEMA_VERSION)
    with ONE_AT_A_TIME:
        errors = schema_errors(document, schema)
    if errors:
        raise DccInvalid(errors)


def held_against(folder: Path | None) -> str | None:
    """Return the version of the schema that certificates are held against; None if none is."""
    if folder is None:
        return None
    try:
        _schema(folder, SCHEMA_VERSION)
    except SchemaUnknown:
        return None
    return SCHEMA_VERSION


@cache
def _schema(folder: Path, version: str) -> etree.XMLSchema:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.xsd")
    }
    return compile_schema(files, version)
