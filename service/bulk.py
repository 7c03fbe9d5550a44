"""Many rows at once, by the driver: what the session's tenant wall hands down, and nothing else.

A table of the session's own organization, written or read in columns. PostgreSQL takes no COPY
into a table behind row-level security, so rows go to a temporary table first; SQLite takes them
one by one, which in one transaction is as quick.
"""
# ruff: noqa: S608  (the names are those of the tables, never a caller's text)

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, Table

STAGE: Final = "suyuan_stage"
SQLITE_MOMENT: Final = "%Y-%m-%d %H:%M:%S%.6f"  # as the dialect writes a DateTime
SQLITE_DAY: Final = "%Y-%m-%d"


def upsert(
    connection: Connection,
    table: Table,
    frame: pl.DataFrame,
    *,
    organization_id: UUID,
    changing: Sequence[str],
) -> None:
    """Add rows; where the primary key is there already, change some columns of that row.

    Args:
        frame: a column for each of the table's that is told, the organization's left out; ids
            as 32 hexadecimal digits.
    """
    names = frame.columns
    key = ", ".join(column.name for column in table.primary_key)
    changes = ", ".join(f"{name} = excluded.{name}" for name in changing)
    conflict = f"ON CONFLICT ({key}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")
    into = f"INSERT INTO {table.name} (organization_id, {', '.join(names)})"
    if connection.dialect.name == "sqlite":
        values = ", ".join("?" * (len(names) + 1))
        cursor = connection.connection.cursor()
        cursor.executemany(
            f"{into} VALUES ({values}) {conflict}",
            _for_sqlite(
                frame.select(pl.lit(organization_id.hex).alias("organization_id"), "*")
            ).rows(),
        )
        return
    staged = ", ".join(f"{name} {_type(table, name, connection)}" for name in names)
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {STAGE} ({staged}) ON COMMIT DROP")
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {STAGE} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(frame.write_csv(include_header=False, quote_style="non_numeric").encode())
    connection.exec_driver_sql(
        f"{into} SELECT '{organization_id}'::uuid, {', '.join(names)} FROM {STAGE} {conflict}"
    )
    connection.exec_driver_sql(f"DROP TABLE {STAGE}")


def columns(
    connection: Connection, table: Table, names: Sequence[str], *, organization_id: UUID
) -> dict[str, Iterable[Any]]:
    """Return some columns of an organization's rows, as the driver gives them."""
    mark, given = ("?", organization_id.hex)
    if connection.dialect.name == "postgresql":
        mark, given = "%s", str(organization_id)
    cursor = connection.connection.cursor()
    cursor.execute(
        f"SELECT {', '.join(names)} FROM {table.name} WHERE organization_id = {mark}", (given,)
    )
    rows = cursor.fetchall()
    return (
        dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    )


def _type(table: Table, name: str, connection: Connection) -> str:
    return table.columns[name].type.compile(dialect=connection.dialect)


def _for_sqlite(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with moments and days as the dialect keeps them."""
    written = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Datetime):
            written.append(pl.col(name).dt.strftime(SQLITE_MOMENT))
        elif kind == pl.Date:
            written.append(pl.col(name).dt.strftime(SQLITE_DAY))
    return frame.with_columns(written)
