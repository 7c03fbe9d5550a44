"""A database is brought up from nothing, taken down, and refused where it is not what we need."""

from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, inspect, text
from sqlmodel import SQLModel

from service.errors import DatabaseNotReady
from service.guards import missing_guards
from service.schema import downgrade, require_application_role, require_ready, upgrade


def tables_of(owner: Engine) -> set[str]:
    return set(inspect(owner).get_table_names()) - {"alembic_version"}


def ready(engine: Engine) -> bool:
    require_ready(engine)
    return True


def test_the_migrated_database_is_what_the_tables_say(owner):
    """Columns, types, keys, indexes: nothing left to generate."""
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, SQLModel.metadata) == []
        assert missing_guards(connection) == []


def test_every_check_of_the_tables_is_in_the_database(owner):
    """Alembic does not compare these."""
    told = {
        (table.name, str(check.name).removeprefix(f"ck_{table.name}_"))
        for table in SQLModel.metadata.sorted_tables
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }

    database = inspect(owner)
    found = {
        (table, str(check["name"]).removeprefix(f"ck_{table}_"))
        for table in tables_of(owner)
        for check in database.get_check_constraints(table)
    }

    assert found == told
    assert len(found) > 40


def test_down_to_nothing_and_up_again(owner):
    full = tables_of(owner)

    downgrade(owner)
    assert tables_of(owner) == set()
    upgrade(owner)

    assert tables_of(owner) == full == set(SQLModel.metadata.tables)
    with owner.connect() as connection:
        assert missing_guards(connection) == []
    assert ready(owner)


def test_a_filled_database_goes_down_and_up_too(owner, names):
    downgrade(owner)
    upgrade(owner)

    with owner.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM organization")) == 0


def test_a_second_upgrade_changes_nothing(owner):
    before = upgrade(owner)

    assert upgrade(owner) == before is not None


def test_a_ready_database_is_taken_by_the_application(engine):
    """Its role may read the revision, though it owns nothing."""
    assert ready(engine)


def test_a_database_that_is_not_migrated_is_refused_with_the_command(owner):
    downgrade(owner)

    with pytest.raises(DatabaseNotReady, match=r"at revision none, .*`suyuan db upgrade`"):
        require_ready(owner)


def test_a_database_of_another_revision_is_refused(owner):
    with owner.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of tomorrow'"))

    with pytest.raises(DatabaseNotReady, match="at revision of tomorrow, this version needs"):
        require_ready(owner)


# One guard each, and how it is told.
LOST = {
    "sqlite": SimpleNamespace(
        act="DROP TRIGGER calibration_no_update", told="lost calibration_no_update"
    ),
    "postgresql": SimpleNamespace(
        act="ALTER TABLE calibration DISABLE ROW LEVEL SECURITY", told="lost calibration: walled"
    ),
}


def test_a_database_that_lost_a_guard_is_refused_and_the_guard_is_named(owner, engine):
    lost = LOST[owner.dialect.name]
    with owner.begin() as connection:
        connection.execute(text(lost.act))

    with pytest.raises(DatabaseNotReady, match=lost.told):
        require_ready(engine)


def test_who_owns_the_tables_does_not_serve(owner, engine):
    """The role of the application does; on SQLite there are no roles to tell apart."""
    require_application_role(engine)

    if owner.dialect.name == "sqlite":
        require_application_role(owner)
        return
    with pytest.raises(DatabaseNotReady, match="SUYUAN_DATABASE_URL name the role suyuan_app"):
        require_application_role(owner)


def test_a_role_that_came_to_own_one_table_does_not_serve(owner, engine):
    if owner.dialect.name == "postgresql":
        with owner.begin() as connection:
            connection.execute(text("ALTER TABLE item OWNER TO suyuan_app"))

        with pytest.raises(DatabaseNotReady, match="suyuan_app owns the tables"):
            require_application_role(engine)
