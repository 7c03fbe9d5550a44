"""The database's schema: brought up to date, and checked before anything is served."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from service.errors import DatabaseNotReady
from service.guards import missing_guards

ABOVE_THE_WALL = text("""
    SELECT rolsuper OR rolbypassrls OR EXISTS (
        SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND pg_has_role(current_user, relowner, 'MEMBER')
    ) FROM pg_roles WHERE rolname = current_user
""")


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


def require_application_role(engine: Engine) -> None:
    """Refuse to serve as a role that row-level security does not hold; SQLite has no roles.

    Raises:
        DatabaseNotReady: with the setting that mends it.
    """
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        if connection.scalar(ABOVE_THE_WALL):
            raise DatabaseNotReady(
                f"{engine.url.username} owns the tables or passes row-level security: let "
                "SUYUAN_DATABASE_URL name the role suyuan_app"
            )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "migrations:.")
    config.set_main_option("path_separator", "os")
    return config
