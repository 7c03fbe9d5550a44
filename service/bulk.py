"""Many rows at once, by the driver: what the session's tenant wall hands down, and nothing else.

A table of the session's own organization, written or read in columns. PostgreSQL takes no COPY
into a table behind row-level security, so rows go to a temporary table first; SQLite takes them
one by one, which in one transaction is as quick.
"""
# ruff: noqa: S608  (the names are those of the tables, never a caller's text)

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, Table

READ_AT_ONCE: Final = 2000  # rows, or the collector of garbage looks at all of them again and again
STAGE: Final = "suyuan_stage"
SQLITE_MOMENT: Final = "%Y-%m-%d %H:%M:%S%.6f"  # as the dialect writes a DateTime
SQLITE_DAY: Final = "%Y-%m-%d"
MOMENTS: Final = ("DATETIME", "TIMESTAMP WITH TIME ZONE")
AT_UTC: Final = " AT TIME ZONE 'UTC'"
RAW: Final = {"INTEGER": pl.Int64, "FLOAT": pl.Float64, "BOOLEAN": pl.Int64}
POSTGRESQL_RAW: Final = {"INTEGER": pl.Int64, "FLOAT": pl.Float64}
# How what the engines write of a type is read.
READ: Final[Mapping[str, Callable[[pl.Expr], pl.Expr]]] = {
    "UUID": lambda written: written.str.replace_all("-", "", literal=True),
    "DATE": lambda written: written.str.to_date("%Y-%m-%d"),
    "BOOLEAN": lambda written: written.cast(pl.String).is_in(["1", "t"]),
    **dict.fromkeys(
        MOMENTS, lambda written: written.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_zone="UTC")
    ),
}


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
    with _staged(connection, table, frame):
        connection.exec_driver_sql(
            f"{into} SELECT '{organization_id}'::uuid, {', '.join(names)} FROM {STAGE} {conflict}"
        )


def change(
    connection: Connection, table: Table, frame: pl.DataFrame, *, organization_id: UUID
) -> None:
    """Change rows that are there: every column of the frame that is not of the primary key."""
    key = [column.name for column in table.primary_key if column.name in frame.columns]
    changing = [name for name in frame.columns if name not in key]
    if connection.dialect.name == "sqlite":
        values = ", ".join(f"{name} = ?" for name in changing)
        found = " AND ".join(f"{name} = ?" for name in key)
        connection.connection.cursor().executemany(
            f"UPDATE {table.name} SET {values} WHERE {found} AND "
            f"organization_id = '{organization_id.hex}'",
            _for_sqlite(frame.select(*changing, *key)).rows(),
        )
        return
    values = ", ".join(f"{name} = {STAGE}.{name}" for name in changing)
    found = " AND ".join(f"{table.name}.{name} = {STAGE}.{name}" for name in key)
    with _staged(connection, table, frame):
        connection.exec_driver_sql(
            f"UPDATE {table.name} SET {values} FROM {STAGE} "
            f"WHERE {found} AND {table.name}.organization_id = '{organization_id}'"
        )


@contextmanager
def _staged(connection: Connection, table: Table, frame: pl.DataFrame) -> Iterator[None]:
    """Have the rows in a temporary table, with the types of the one they are for."""
    names = frame.columns
    staged = ", ".join(f"{name} {_type(table, name, connection)}" for name in names)
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {STAGE} ({staged}) ON COMMIT DROP")
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {STAGE} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(frame.write_csv(include_header=False, quote_style="non_numeric").encode())
    yield
    connection.exec_driver_sql(f"DROP TABLE {STAGE}")


def differing(
    new: pl.DataFrame, old: pl.DataFrame, *, key: Sequence[str], names: Sequence[str]
) -> list[str]:
    """Return the columns in which a row differs from the one of the same key.

    What changes in none is not written: an index of it stays as it is.
    """
    both = new.join(old, on=key, suffix=" of old")
    return [name for name in names if both[name].ne_missing(both[f"{name} of old"]).any()]


def columns(
    connection: Connection, table: Table, names: Sequence[str], *, organization_id: UUID
) -> pl.DataFrame:
    """Return some columns of an organization's rows, the first of which no row may lack.

    Ids are 32 hexadecimal digits, moments in UTC; JSON is its text.
    """
    kinds = {name: _type(table, name, connection) for name in names}
    cursor = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        raw = pl.Schema({name: RAW.get(kind, pl.String) for name, kind in kinds.items()})
        asked = f"SELECT {', '.join(names)} FROM {table.name} WHERE organization_id = ?"
        cursor.execute(asked, (organization_id.hex,))
        parts = [raw.to_frame()]
        while rows := cursor.fetchmany(READ_AT_ONCE):
            columns = zip(*rows, strict=True)
            parts.append(pl.DataFrame(dict(zip(names, columns, strict=True)), schema=raw))
        frame = pl.concat(parts)
    else:
        raw = pl.Schema({n: POSTGRESQL_RAW.get(kind, pl.String) for n, kind in kinds.items()})
        asked = ", ".join(f"{name}{AT_UTC if kinds[name] in MOMENTS else ''}" for name in names)
        with cursor.copy(
            f"COPY (SELECT {asked} FROM {table.name} WHERE organization_id = '{organization_id}') "
            "TO STDOUT (FORMAT csv)"
        ) as copy:
            content = BytesIO()
            for part in copy:
                content.write(part)
        frame = pl.read_csv(content.getvalue(), has_header=False, schema=raw, raise_if_empty=False)
    return frame.with_columns(
        READ[kind](pl.col(name)).alias(name) for name, kind in kinds.items() if kind in READ
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
