"""A database with rows in it comes from every revision to the next, and loses nothing.

The rows are an organization, an item, its calibration, an event and an audit entry, written by the
columns that the first revision had; the database is brought up step by step, down and up again.
"""

from datetime import UTC, date, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from service.guards import guards, missing_guards
from service.schema import downgrade, upgrade

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
OWNER, ITEM, CALIBRATION, EVENT, ACTOR = (UUID(int=number) for number in range(1, 6))
FACTS = {
    "organization_id": OWNER, "actor_id": ACTOR, "item_id": ITEM, "code": "ENT", "name_zh": "厂",
    "name_en": "Works", "address": "-", "contact": "", "manufacturer_zh": "", "track": "main",
    "manufacturer_en": "", "type_designation": "Y", "serial_number": "0083105", "quantity": "p",
    "range_lower": 0.0, "range_upper": 1.6, "range_unit": "MPa", "accuracy_text": "1.6",
    "location": ["a"], "status": "in_use", "item_name_zh": "表", "item_name_en": "Gauge",
    "laboratory_zh": "", "laboratory_en": "", "place": "laboratory", "source": "external",
    "performed_on": date(2026, 1, 5), "valid_until": date(2026, 7, 4), "event": "a.happened",
    "content": {}, "due_at": NOW, "attempts": 0, "position": 0, "action": "tried",
    "subject_id": ITEM, "said": {}, "previous_sha256": "0" * 64, "sha256": "1" * 64,
    "recorded_at": NOW,
}  # fmt: skip
ROWS: dict[str, dict[str, object]] = {
    "organization": {"id": OWNER, "kind": "enterprise"},
    "item": {"id": ITEM, "kind": "measuring_instrument"},
    "calibration": {"id": CALIBRATION, "kind": "calibration"},
    "outbox": {"id": EVENT},
    "audit_entry": {},
}


def revisions() -> list[str]:
    """Return every revision, the oldest first."""
    config = Config()
    config.set_main_option("script_location", "migrations:.")
    config.set_main_option("path_separator", "os")
    newest_first = ScriptDirectory.from_config(config).walk_revisions()
    return [script.revision for script in newest_first][::-1]


def value_of(column: sa.Column[object], own: dict[str, object]) -> object:
    """Return what stands in a column that must have something; nothing in the others."""
    if column.name in own:
        return own[column.name]
    if column.name in FACTS:
        return FACTS[column.name]
    if column.nullable or column.server_default is not None:
        return None
    return False if isinstance(column.type, sa.Boolean) else FACTS[column.name]


def fill(connection: sa.Connection) -> None:
    metadata = sa.MetaData()
    metadata.reflect(connection, only=list(ROWS))
    for name, own in ROWS.items():
        table = metadata.tables[name]
        told = {c.name: value_of(c, own) for c in table.columns if c.name != "content" or own}
        connection.execute(sa.insert(table), _typed(table, told, connection))


def _typed(
    table: sa.Table, told: dict[str, object], connection: sa.Connection
) -> dict[str, object]:
    """Return the row as a reflected table of SQLite, which forgets its types, takes it."""
    if connection.dialect.name == "postgresql":
        return told
    kinds = {UUID: lambda v: v.hex, datetime: lambda v: v.replace(tzinfo=None)}
    return {name: kinds.get(type(value), lambda v: v)(value) for name, value in told.items()}


def held(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return what the rows say in the columns that the first revision had."""
    return {
        name: [tuple(row) for row in connection.execute(sa.text(f"SELECT {columns} FROM {name}"))]  # noqa: S608
        for name, columns in (
            ("organization", "code, name_zh"),
            ("item", "serial_number, range_lower, range_upper, range_unit, accuracy_text"),
            ("calibration", "item_name_zh, source, performed_on, valid_until"),
            ("outbox", "event, attempts"),
            ("audit_entry", "action, sha256, previous_sha256"),
        )
    }


def test_rows_are_carried_from_every_revision_to_the_next_and_back(owner):
    with owner.connect() as connection:
        fresh = guards(connection)
    first, *later = revisions()
    downgrade(owner)
    upgrade(owner, first)
    with owner.begin() as connection:
        fill(connection)
        before = held(connection)

    for revision in later:
        upgrade(owner, revision)
        with owner.connect() as connection:
            assert held(connection) == before, revision

    with owner.connect() as connection:
        assert missing_guards(connection) == []
        assert guards(connection) == fresh  # triggers, policies, grants, keys: as in a new one
        assert connection.scalar(sa.text("SELECT count(*) FROM item_due")) == 1
    downgrade(owner, first)
    with owner.connect() as connection:
        assert held(connection) == before
    upgrade(owner)
    with owner.connect() as connection:
        assert held(connection) == before
        assert guards(connection) == fresh
        if owner.dialect.name == "sqlite":
            assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
