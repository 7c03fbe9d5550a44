"""Fixtures of every test: a migrated database on each engine, and the demonstration world."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from service.actions import organizations
from service.database import open_engine
from service.demo.loader import load
from service.demo.world import read_world
from service.lookup import LookupKeys
from service.schema import upgrade
from service.seals import Seals
from service.settings import Settings
from service.tenancy import TenantSession
from tests.engines import application_url, fresh_database, postgresql_server
from tests.seals import SEALS

ENGINES = ("sqlite", "postgresql")
KEYS = LookupKeys(b"a secret of the tests")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of shared data that is not part of the project (tests/skips.txt)."""
    folder = os.environ.get("SUYUAN_SHARED_DIR")
    if not folder:
        pytest.skip("SUYUAN_SHARED_DIR is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def dcc_schemas(shared_dir: Path) -> Path:
    """PTB's schemas, where the operator's setting says they are, or in the shared data."""
    return Settings().dcc_schema_dir or shared_dir / "data/dcc/xsd"


@pytest.fixture(scope="session")
def templates(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Callable[[str, str], Any]]:
    """Make databases once a session, to be copied by each test: ("sqlite", "empty") is one.

    "empty" is migrated; "demo" holds the demonstration world besides.
    """
    made: dict[tuple[str, str], Any] = {}
    with ExitStack() as stack:

        def template(engine: str, content: str) -> Any:
            if (engine, content) not in made:
                make = _sqlite_template if engine == "sqlite" else _postgresql_template
                made[engine, content] = make(stack, tmp_path_factory, worker_id, template, content)
            return made[engine, content]

        yield template


def _sqlite_template(
    _stack: ExitStack, factory: pytest.TempPathFactory, _worker: str, _template: Any, content: str
) -> Path:
    path = factory.mktemp("sqlite") / f"{content}.db"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    if content == "demo":
        load(read_world(), engine, engine, keys=KEYS, progress=lambda _count: None)
    engine.dispose()
    return path


def _postgresql_template(
    stack: ExitStack, _factory: pytest.TempPathFactory, worker: str, template: Any, content: str
) -> tuple[str, str]:
    """Return the server's URL and the name of a database on it, kept for the session."""
    if content == "empty":
        server = stack.enter_context(postgresql_server())
        url = stack.enter_context(fresh_database(server, f"empty_{worker}"))
        _with_owner(url, upgrade)
    else:
        server, empty = template("postgresql", "empty")
        url = stack.enter_context(fresh_database(server, f"demo_{worker}", template=empty))
        _with_owner(url, lambda owner: _load(owner, url))
    return server, f"{content}_{worker}"


def _with_owner(url: str, act: Callable[[Engine], Any]) -> None:
    engine = open_engine(url)
    act(engine)
    engine.dispose()


def _load(owner: Engine, url: str) -> None:
    application = open_engine(application_url(url))
    load(read_world(), owner, application, keys=KEYS, progress=lambda _count: None)
    application.dispose()


@pytest.fixture
def database(request: pytest.FixtureRequest, templates: Any, tmp_path: Path, worker_id: str) -> Any:
    """The URLs of a database of the test's own: of its owner and of the application.

    Parametrized indirectly by (engine, content).
    """
    engine, content = request.param
    template = templates(engine, content)
    if engine == "sqlite":
        path = tmp_path / "suyuan.db"
        shutil.copyfile(template, path)
        yield SimpleNamespace(owner=f"sqlite:///{path}", application=f"sqlite:///{path}")
        return
    server, name = template
    with fresh_database(server, f"test_{worker_id}", template=name) as url:
        yield SimpleNamespace(owner=url, application=application_url(url))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever needs a database on both engines, with the world where it asks for `demo`."""
    if "database" in metafunc.fixturenames:
        content = "demo" if "demo" in metafunc.fixturenames else "empty"
        metafunc.parametrize(
            "database", [(engine, content) for engine in ENGINES], indirect=True, ids=ENGINES
        )


@pytest.fixture
def owner(database: Any) -> Iterator[Engine]:
    """The engine of the owner of the tables: migrations, and the creation of organizations."""
    engine = open_engine(database.owner)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database: Any) -> Iterator[Engine]:
    """The engine of the application: on PostgreSQL, of a role that owns nothing."""
    engine = open_engine(database.application)
    yield engine
    engine.dispose()


@pytest.fixture
def demo() -> Any:
    """The demonstration world, which the test's database holds."""
    return read_world()


@pytest.fixture
def keys() -> LookupKeys:
    """The look-up keys under which the test's databases were filled."""
    return KEYS


@pytest.fixture
def names(owner: Engine) -> SimpleNamespace:
    """An institute, a laboratory, its customer and a stranger, by their ids."""
    ids = {}
    with Session(owner) as session, session.begin():
        for code in ("NIM", "LAB", "ENT", "OTH"):
            row = organizations.create_organization(
                session,
                code=code,
                name_zh=f"{code} 机构",
                name_en=code.title(),
                kind="accredited_laboratory",
                address="1 Example Road",
                contact="0000-0000000 office@example.test",
            )
            ids[code] = row.id
    return SimpleNamespace(**ids)


@pytest.fixture
def open_as(engine: Engine, names: SimpleNamespace) -> Callable[..., TenantSession]:
    """Open a session in one of the four organizations' books."""

    def open_(code: str, **values: Any) -> TenantSession:
        return TenantSession(engine, getattr(names, code), **values)

    return open_


@pytest.fixture(scope="session")
def seals() -> Seals:
    """The keys of the organizations' seals."""
    return SEALS
