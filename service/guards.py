"""Whether the database still has the guards that it was migrated with; asked at every start.

What they are stands beside this, one a line, in the words of each engine's catalogue. After a
migration that changes them: `python -m tests.migrations.guards`.
"""

from importlib.resources import files

from sqlalchemy import Connection, text

SWITCHES = ("foreign_keys", "recursive_triggers")
SQLITE = text("SELECT name || ': ' || sql FROM sqlite_master WHERE type = 'trigger'")
POSTGRESQL = text("""
    WITH tables AS (
        SELECT * FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
    ), application AS (
        SELECT 0::oid AS oid, 'everyone' AS rolname
        UNION ALL SELECT oid, rolname FROM pg_roles WHERE rolname = 'suyuan_app'
    )
    SELECT relname || ': walled' FROM tables WHERE relrowsecurity AND relforcerowsecurity
    UNION ALL
    SELECT concat_ws(' ', tablename || ': policy', policyname, lower(permissive), lower(cmd), 'for',
        CASE roles WHEN '{public}' THEN 'all' WHEN ARRAY[tableowner] THEN 'the owner'
            ELSE roles::text END,
        'sees ' || qual, 'adds ' || with_check)
    FROM pg_policies JOIN pg_tables USING (schemaname, tablename) WHERE schemaname = 'public'
    UNION ALL
    SELECT concat_ws(' ', relname || ': trigger', tgname, tgtype, tgenabled, tgqual, tgattr,
        proname, btrim(prosrc), proconfig::text)
    FROM pg_trigger JOIN tables ON tgrelid = tables.oid JOIN pg_proc ON tgfoid = pg_proc.oid
    WHERE NOT tgisinternal
    UNION ALL
    SELECT concat_ws(' ', relname || ':', rolname, 'may', lower(privilege_type),
        CASE WHEN is_grantable THEN 'and grant it' END)
    FROM tables, aclexplode(relacl) JOIN application ON grantee = application.oid
    UNION ALL
    SELECT concat_ws(' ', relname || ':', rolname, 'may', lower(privilege_type), attname)
    FROM tables JOIN pg_attribute ON attrelid = tables.oid, aclexplode(attacl)
    JOIN application ON grantee = application.oid
    UNION ALL
    SELECT relname || ': owned by suyuan_app'
    FROM tables JOIN application ON relowner = application.oid
    UNION ALL
    SELECT 'suyuan_app: belongs to ' || pg_get_userbyid(roleid)
    FROM pg_auth_members JOIN application ON member = application.oid
    UNION ALL
    SELECT concat_ws(' ', 'suyuan_app:',
        CASE WHEN rolsuper THEN 'superuser' END,
        CASE WHEN rolbypassrls THEN 'passes row-level security' END,
        CASE WHEN rolcreaterole THEN 'creates roles' END)
    FROM pg_roles WHERE rolname = 'suyuan_app'
    UNION ALL
    SELECT relname || ': constraint ' || conname
    FROM pg_constraint JOIN tables ON conrelid = tables.oid
    WHERE contype IN ('c', 'f', 'p', 'u') AND convalidated
""")


def guards(connection: Connection) -> set[str]:
    """Return the guards that the database's catalogue tells of, each in a line."""
    question = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    return set(connection.scalars(question))


def missing_guards(connection: Connection) -> list[str]:
    """Return what is missing or was added; an intact database answers with an empty list."""
    engine = connection.dialect.name
    kept = files("service").joinpath(f"guards_{engine}.txt").read_text("utf-8")
    wanted, found = set(kept.splitlines()), guards(connection)
    off = [
        switch
        for switch in (SWITCHES if engine == "sqlite" else ())
        if connection.execute(text(f"PRAGMA {switch}")).scalar() != 1
    ]
    return [
        *off,
        *(f"lost {guard}" for guard in sorted(wanted - found)),
        *(f"not ours {guard}" for guard in sorted(found - wanted)),
    ]
