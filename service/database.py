"""The engine."""

from collections import deque
from threading import Lock
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlmodel import create_engine

HELD: Final = "holds the write lock"
CACHE_KIB: Final = 32_768  # at most, of each connection
PATIENCE: Final = 10.0  # seconds, for those before us and for other processes


def open_engine(url: str) -> Engine:
    """Return an engine; on SQLite, one that enforces foreign keys and append-only tables.

    A SQLite transaction takes the write lock when it begins, so that no writer fails halfway;
    under the execution option `read_only` it takes none. The writers of this process queue for
    it in turn, instead of asking SQLite again and again.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        queue = _Queue()
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", queue.begin)
        event.listen(engine, "commit", queue.commit)
        event.listen(engine, "rollback", queue.rollback)
    return engine


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # or the driver begins when it likes
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # or REPLACE would rewrite rows
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")  # or a long import writes pages twice
    connection.execute(f"PRAGMA busy_timeout = {1000 * PATIENCE:.0f}")


class _Turns:
    """A lock that those who wait get in the order in which they came; Python's own is not fair."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_taken = False
        self._waiting: deque[Lock] = deque()

    def take(self, *, timeout: float) -> bool:
        """Return whether the turn came within so many seconds."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._guard:
            if mine not in self._waiting:  # it was given in this very moment
                return True
            self._waiting.remove(mine)
            return False

    def give(self) -> None:
        """Let the next one in."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class _Queue:
    """The writers of this process, one after another; SQLite admits no two, and is not fair."""

    def __init__(self) -> None:
        self._turns = _Turns()

    def begin(self, connection: Connection) -> None:
        if connection.get_execution_options().get("read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        connection.info[HELD] = self._turns.take(timeout=PATIENCE)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            self._let_go(connection)
            raise

    def commit(self, connection: Connection) -> None:
        if connection.info.get(HELD):
            connection.exec_driver_sql("COMMIT")  # before the next writer is let in
            self._let_go(connection)

    def rollback(self, connection: Connection) -> None:
        if connection.info.get(HELD):
            if connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
                connection.exec_driver_sql("ROLLBACK")
            self._let_go(connection)

    def _let_go(self, connection: Connection) -> None:
        if connection.info.pop(HELD, False):
            self._turns.give()
