"""What a command finds at hand: the database's settings, the moment asked about, the exit codes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress

from service.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.tenancy import TenantSession

OPERATOR: Final = UUID(int=0)  # who acts at the command line, in the audit log
FINDINGS: Final = 3  # besides 0 ok, 1 error, 2 usage


def settings_at_hand() -> Settings:
    """Return the settings; of the demonstration where there is no other database.

    Raises:
        DatabaseNotReady: it is not migrated.
    """
    from service.demo import database as database_of_demo  # noqa: PLC0415  (--help stays quick)

    settings = Settings()
    demonstration = database_of_demo.FOLDER / database_of_demo.NAME
    is_default = settings.database_url == Settings.model_fields["database_url"].default
    if is_default and not Path("suyuan.db").exists() and demonstration.exists():
        told = f"suyuan: reading the demonstration in {demonstration}"
        Console(stderr=True).print(told, highlight=False, soft_wrap=True)
        settings = database_of_demo.settings_of()
    require_ready(settings)
    return settings


def require_ready(settings: Settings) -> None:
    """Refuse a database that is not there, not migrated or without its guards.

    Raises:
        DatabaseNotReady: it is one of these.
    """
    from service.errors import DatabaseNotReady  # noqa: PLC0415
    from service.schema import require_ready as require_schema  # noqa: PLC0415

    path = settings.database_url.removeprefix("sqlite:///")
    if path != settings.database_url and not Path(path).exists():
        raise DatabaseNotReady(
            f"there is no database {path}: run `suyuan db upgrade` for an empty one, "
            "or `suyuan demo` for the demonstration"
        )
    with engine_of(settings) as engine:
        require_schema(engine)


def engine_of(settings: Settings) -> "AbstractContextManager[Engine]":
    """Open the database for one command, and close all that it opened."""
    return engine_at(settings.database_url)


@contextmanager
def engine_at(url: str) -> Iterator["Engine"]:
    """Open what is at an address, such as the database as its owner, for one command."""
    from service.database import open_engine  # noqa: PLC0415

    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def book_of(settings: Settings, code: str, *, read_only: bool) -> Iterator["TenantSession"]:
    """Open an organization's book for one command.

    Raises:
        typer.BadParameter: the code is nobody's.
    """
    from service.tenancy import TenantSession  # noqa: PLC0415

    with engine_of(settings) as engine:
        owner = organization_named(engine, code)
        with TenantSession(engine, owner, read_only=read_only) as session:
            yield session


@dataclass(frozen=True, slots=True)
class Books:
    """All books of the database, and what is told of each that is done."""

    engine: "Engine"
    ids: Sequence[UUID]
    progress: Callable[[int], None]


@contextmanager
def all_books(settings: Settings, *, passes: int = 1) -> Iterator[Books]:
    """Open the database to go through all books so many times, with a bar for whoever looks on."""
    from service.store import directory  # noqa: PLC0415

    with engine_of(settings) as engine:
        ids = directory.organization_ids(engine)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("books", total=passes * len(ids))
            yield Books(engine, ids, lambda count: bar.advance(task, count))


def organization_named(engine: "Engine", code: str) -> UUID:
    """Return whose book a command works in.

    Raises:
        typer.BadParameter: the code is nobody's.
    """
    from service.store import directory  # noqa: PLC0415

    known = directory.organization_codes(engine)
    found = known.get(code) or known.get(code.upper())
    if found is None:
        there = ", ".join(known) or "none yet"
        raise typer.BadParameter(f"no organization {code}; there are: {there}")
    return found


def site_of(session: "TenantSession", code: str) -> UUID:
    """Return the site of a short name in a book, even if it ended.

    Raises:
        typer.BadParameter: the book has none.
    """
    from service.store import sites  # noqa: PLC0415

    known = {row.code: row.id for row in sites.by_code(session)}
    if code not in known:
        raise typer.BadParameter(f"no site {code}; there are: {', '.join(known) or 'none yet'}")
    return known[code]


def end_of(day: datetime | None, settings: Settings) -> datetime:
    """Return the end of a day in China; the present moment where no day is given."""
    from service.clock import LEGAL_TIME  # noqa: PLC0415

    return day.replace(hour=23, minute=59, tzinfo=LEGAL_TIME) if day else present(settings)


def present(settings: Settings) -> datetime:
    """Return the present moment; of the demonstration that at which its pages stand."""
    from service.clock import now, standing_on  # noqa: PLC0415

    today = settings.demonstration_today
    return standing_on(today)() if today else now()
