"""Adds what due dates depend on: periods agreed, overrides, and events of items.

Revision: 4b1de2a70c95, after c3d1e8a4f562
"""

import sqlalchemy as sa
from alembic import op

revision = "4b1de2a70c95"
down_revision = "c3d1e8a4f562"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["period_policy", "due_override", "item_event"]
ACTIVITIES = "'verification', 'calibration', 'intermediate_check', 'maintenance', 'replacement'"


def upgrade() -> None:
    create_tables()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()
    else:
        guard_sqlite()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def guard_sqlite() -> None:
    for table in TABLES:
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def guard_postgresql() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY readable ON {table} FOR SELECT USING (organization_id = {ME})")
        op.execute(
            f"CREATE POLICY addable ON {table} FOR INSERT WITH CHECK (organization_id = {ME})"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO suyuan_app")
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )


def create_tables() -> None:
    op.create_table(
        "period_policy",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=True),
        sa.Column("usage_limit", sa.Float(), nullable=True),
        sa.Column("usage_unit", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"activity IN ({ACTIVITIES})", name=op.f("ck_period_policy_activity")),
        sa.CheckConstraint(
            "rule IN ('organization', 'item_type', 'criticality', 'item')",
            name=op.f("ck_period_policy_rule"),
        ),
        sa.CheckConstraint("months >= 1", name=op.f("ck_period_policy_months")),
        sa.CheckConstraint("usage_limit > 0", name=op.f("ck_period_policy_usage_limit")),
        sa.CheckConstraint(
            "(usage_limit IS NULL) = (usage_unit IS NULL)",
            name=op.f("ck_period_policy_usage_whole"),
        ),
        sa.CheckConstraint(
            "(rule = 'organization') = (subject = '')",
            name=op.f("ck_period_policy_subject_of_rule"),
        ),
        sa.CheckConstraint(
            "(usage_limit IS NULL OR usage_limit BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_period_policy_finite"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_period_policy_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_period_policy")),
        info={"append_only": True},
    )
    op.create_table(
        "due_override",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"activity IN ({ACTIVITIES})", name=op.f("ck_due_override_activity")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_due_override_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_due_override_organization_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "approved_by"],
            ["person.organization_id", "person.id"],
            name=op.f("fk_due_override_organization_id_approved_by"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_due_override")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_due_override_organization_id_item_id"),
        "due_override",
        ["organization_id", "item_id"],
    )
    op.create_table(
        "item_event",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('intermediate_check', 'maintenance', 'replacement', 'repair', 'overload', "
            "'failed_check', 'sealed', 'unsealed', 'usage')",
            name=op.f("ck_item_event_kind"),
        ),
        sa.CheckConstraint(
            "(kind = 'usage') = (value IS NOT NULL)", name=op.f("ck_item_event_usage_has_value")
        ),
        sa.CheckConstraint(
            "(value IS NULL) = (unit IS NULL)", name=op.f("ck_item_event_value_has_unit")
        ),
        sa.CheckConstraint("value >= 0", name=op.f("ck_item_event_value")),
        sa.CheckConstraint(
            "(value IS NULL OR value BETWEEN -1e300 AND 1e300)", name=op.f("ck_item_event_finite")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_item_event_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_item_event_organization_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_item_event")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_item_event_organization_id_item_id"), "item_event", ["organization_id", "item_id"]
    )
