"""The tables as text: what `docs/decisions/schema.txt` holds, so that a change of them is seen.

uv run python -m tests.migrations.snapshot > docs/decisions/schema.txt
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import CheckConstraint, Column, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

import service.tables  # noqa: F401  (fills the metadata)
from service.tenancy import TENANT_TABLES

REFRESH = "uv run python -m tests.migrations.snapshot > docs/decisions/schema.txt"
SNAPSHOT = Path(__file__).parents[2] / "docs" / "decisions" / "schema.txt"


def schema_text() -> str:
    """Return every table: columns with their types on PostgreSQL, keys, checks and indexes."""
    tables = [SQLModel.metadata.tables[name] for name in sorted(SQLModel.metadata.tables)]
    head = f"Generated from the tables; a test keeps it equal. To refresh:\n{REFRESH}\n"
    return "\n".join((head, *("\n".join(_table(table)) + "\n" for table in tables)))


def _table(table: Table) -> Iterator[str]:
    place = "book" if table.name in TENANT_TABLES else "without tenant"
    kind = "append-only" if table.info.get("append_only") else "editable"
    yield f"{table.name}  ({place}, {kind})"
    yield from (f"  {_column(column)}" for column in table.columns)
    yield f"  primary key ({', '.join(column.name for column in table.primary_key)})"
    yield from sorted(_constraints(table))


def _column(column: Column[object]) -> str:
    told = column.type.compile(dialect=postgresql.dialect())
    return f"{column.name} {told.lower()}{' null' if column.nullable else ''}"


def _constraints(table: Table) -> Iterator[str]:
    for key in table.foreign_key_constraints:
        columns = ", ".join(key.column_keys)
        target = ", ".join(element.column.name for element in key.elements)
        yield f"  foreign key ({columns}) -> {key.referred_table.name} ({target})"
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield f"  check {constraint.sqltext}"
        elif isinstance(constraint, UniqueConstraint):
            yield f"  unique ({', '.join(column.name for column in constraint.columns)})"
    for index in table.indexes:
        yield f"  index ({', '.join(column.name for column in index.columns)})"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
