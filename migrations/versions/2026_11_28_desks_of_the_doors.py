"""Creates the desks of the doors: ledgers that come in, jobs, webhooks, calendars, due dates.

Revision: 7d2f40c1ab36, after 8a4e6c0d2f31

An item's measuring interval may be unknown from now on. SQLite has no statement for that; its
manual edits the table's text, which changes no row, instead of making the table anew
("Making Other Kinds Of Table Schema Changes", lang_altertable.html).
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7d2f40c1ab36"
down_revision = "8a4e6c0d2f31"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
DESKS = [
    "calendar_feed",
    "item_due",
    "job",
    "ledger_import",
    "ledger_pull",
    "webhook",
    "webhook_message",
]
RANGE = {"range_lower": sa.Float(), "range_upper": sa.Float(), "range_unit": sa.String()}
RANGE_WHOLE = (
    "(range_lower IS NULL) = (range_upper IS NULL) AND (range_lower IS NULL) = (range_unit IS NULL)"
)
# The newest calibration of each item's main track that has not ended; none if it failed.
IN_FORCE = """
    INSERT INTO item_due (organization_id, item_id, calibration_id, due_on)
    SELECT c.organization_id, c.item_id,
        CASE WHEN failed.calibration_id IS NULL THEN c.id END,
        CASE WHEN failed.calibration_id IS NULL THEN c.valid_until END
    FROM (
        SELECT organization_id, item_id, id, valid_until, row_number() OVER (
            PARTITION BY organization_id, item_id ORDER BY performed_on DESC, id DESC) AS newness
        FROM calibration
        WHERE item_id IS NOT NULL AND track = 'main' AND NOT EXISTS (
            SELECT 1 FROM calibration_supersession ended
            WHERE ended.organization_id = calibration.organization_id
                AND ended.calibration_id = calibration.id)
    ) c
    LEFT JOIN (
        SELECT DISTINCT organization_id, calibration_id FROM conformity_statement
        WHERE verdict = 'fail'
    ) failed ON failed.organization_id = c.organization_id AND failed.calibration_id = c.id
    WHERE c.newness = 1
"""


def upgrade() -> None:
    create_desks()
    op.add_column("outbox", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("item", sa.Column("range_text", sa.String(), nullable=True))
    op.add_column("item", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_item_organization_id_asset_number"), "item", ["organization_id", "asset_number"]
    )
    if op.get_bind().dialect.name == "postgresql":
        let_range_be_unknown()
        guard_postgresql()
    else:
        rewrite_item_on_sqlite(known=True)
    op.execute(IN_FORCE)


def downgrade() -> None:
    op.execute(
        "UPDATE item SET range_lower = coalesce(range_lower, 0), "
        "range_upper = coalesce(range_upper, 0), range_unit = coalesce(range_unit, '')"
    )
    for table in ("webhook_message", *(name for name in DESKS if name != "webhook_message")):
        op.drop_table(table)
    op.drop_index(op.f("ix_item_organization_id_asset_number"), "item")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_item_range_whole", "item")
        for column, type_ in RANGE.items():
            op.alter_column("item", column, existing_type=type_, nullable=False)
    else:
        rewrite_item_on_sqlite(known=False)
    for table, column in (("item", "range_text"), ("item", "changed_at"), ("outbox", "told_at")):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def let_range_be_unknown() -> None:
    for column, type_ in RANGE.items():
        op.alter_column("item", column, existing_type=type_, nullable=True)
    op.create_check_constraint(op.f("ck_item_range_whole"), "item", RANGE_WHOLE)


def guard_postgresql() -> None:
    for table in DESKS:
        mine = f"organization_id = {ME}"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY readable ON {table} FOR SELECT USING ({mine})")
        op.execute(f"CREATE POLICY addable ON {table} FOR INSERT WITH CHECK ({mine})")
        op.execute(f"CREATE POLICY editable ON {table} FOR UPDATE USING ({mine})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO suyuan_app")


def rewrite_item_on_sqlite(*, known: bool) -> None:
    """Edit the text of the table, as SQLite's manual says; no row is touched."""
    connection = op.get_bind()
    told = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'item'"))
    changes = {f"{name} {type_} NOT NULL": f"{name} {type_}"
               for name, type_ in (("range_lower", "FLOAT"), ("range_upper", "FLOAT"),
                                   ("range_unit", "VARCHAR"))}  # fmt: skip
    check = f"CONSTRAINT ck_item_range_whole CHECK ({RANGE_WHOLE}), "
    changes["CONSTRAINT ck_item_range CHECK"] = check + "CONSTRAINT ck_item_range CHECK"
    for before, after in changes.items():
        old, new = (before, after) if known else (after, before)
        if old not in told:
            raise LookupError(f"the table item is not as this migration knows it: no {old}")
        told = told.replace(old, new)
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :told WHERE type = 'table' AND name = 'item'"),
        {"told": told},
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")


def create_desks() -> None:
    op.create_table(
        "calendar_feed",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("area", sa.String(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_calendar_feed_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_calendar_feed")),
    )
    op.create_table(
        "job",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("answer", JSON, nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name=op.f("ck_job_state")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_job_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_job")),
    )
    op.create_index(
        op.f("ix_job_organization_id_state_due_at"),
        "job",
        ["organization_id", "state", "due_at"],
        unique=False,
    )
    op.create_table(
        "ledger_import",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("decisions", JSON, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("answers", JSON, nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('previewed', 'queued', 'applied', 'refused')",
            name=op.f("ck_ledger_import_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_ledger_import_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_ledger_import")),
    )
    op.create_index(
        op.f("ix_ledger_import_organization_id_created_at"),
        "ledger_import",
        ["organization_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "ledger_pull",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_answer", sa.String(), nullable=True),
        sa.CheckConstraint("every_minutes >= 5", name=op.f("ck_ledger_pull_every_minutes")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_ledger_pull_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_ledger_pull")),
    )
    op.create_table(
        "webhook",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("former_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_webhook_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "webhook_message",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_answer", sa.String(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'dead')", name=op.f("ck_webhook_message_state")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "event_id"],
            ["outbox.organization_id", "outbox.id"],
            name=op.f("fk_webhook_message_organization_id_event_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "webhook_id"],
            ["webhook.organization_id", "webhook.id"],
            name=op.f("fk_webhook_message_organization_id_webhook_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_webhook_message_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_message")),
        sa.UniqueConstraint(
            "organization_id",
            "webhook_id",
            "event_id",
            name=op.f("uq_webhook_message_organization_id_webhook_id_event_id"),
        ),
    )
    op.create_index(
        op.f("ix_webhook_message_organization_id_state_due_at"),
        "webhook_message",
        ["organization_id", "state", "due_at"],
        unique=False,
    )
    op.create_table(
        "item_due",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_item_due_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_item_due_organization_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_item_due_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "item_id", name=op.f("pk_item_due")),
    )
    op.create_index(
        op.f("ix_item_due_organization_id_due_on"),
        "item_due",
        ["organization_id", "due_on"],
        unique=False,
    )
