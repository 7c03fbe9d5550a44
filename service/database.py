"""The engine."""

from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import create_engine


def open_engine(url: str) -> Engine:
    """Return an engine; on SQLite, one that enforces foreign keys and append-only tables.

    A SQLite transaction takes the write lock when it begins, so that no writer fails halfway;
    under the execution option `read_only` it takes none.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # or the driver begins when it likes
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA recursive_triggers = ON")  # or REPLACE would rewrite rows
            connection.execute("PRAGMA busy_timeout = 10000")

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            read_only = connection.get_execution_options().get("read_only", False)
            connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
