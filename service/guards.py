"""Whether the database still has the guards that the tables ask for; asked at every start."""

from sqlalchemy import Connection, text
from sqlmodel import SQLModel

import service.tables  # noqa: F401  (fills the metadata)

POSTGRESQL = text("""
    SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled,
        EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS has_policy,
        EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled = 'O'
            AND t.tgname = c.relname || '_append_only')
            AND NOT has_table_privilege('suyuan_app', c.oid, 'UPDATE, DELETE, TRUNCATE')
            AS append_only
    FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
""")


def missing_guards(connection: Connection) -> list[str]:
    """Return what is missing, in words; an intact database answers with an empty list."""
    tables = SQLModel.metadata.sorted_tables
    append_only = {table.name for table in tables if table.info.get("append_only")}
    if connection.dialect.name == "sqlite":
        switches = [
            switch
            for switch in ("foreign_keys", "recursive_triggers")
            if connection.execute(text(f"PRAGMA {switch}")).scalar() != 1
        ]
        found = set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type='trigger'")))
        wanted = {f"{name}_no_{verb}" for name in append_only for verb in ("update", "delete")}
        return switches + sorted(wanted - found)
    rows = {row.relname: row for row in connection.execute(POSTGRESQL)}
    return [
        f"{table.name}: {guard}"
        for table in tables
        for guard in (
            "walled",
            "has_policy",
            *(["append_only"] if table.name in append_only else []),
        )
        if not getattr(rows.get(table.name), guard, False)
    ]
