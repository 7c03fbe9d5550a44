"""The database's schema: brought up to date, and checked before anything is served."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from service.errors import DatabaseNotReady
from service.guards import missing_guards


def upgrade(engine: Engine, revision: str = "head") -> str | None:
    """Bring the database to a revision, in one transaction; return where it stands then."""
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        return MigrationContext.configure(connection).get_current_revision()


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take the database back to a revision, in one transaction."""
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def require_ready(engine: Engine) -> None:
    """Refuse a database that is not migrated, or that has lost one of its guards.

    Raises:
        DatabaseNotReady: with what is missing, and the command that mends it.
    """
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current != head:
            raise DatabaseNotReady(
                f"the database is at revision {current or 'none'}, this version needs {head}: "
                "run `suyuan db upgrade` first"
            )
        if missing := missing_guards(connection):
            raise DatabaseNotReady(
                f"the database has lost guards ({', '.join(missing)}): restore it from a backup, "
                "or find out who removed them"
            )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "migrations:.")
    config.set_main_option("path_separator", "os")
    return config
