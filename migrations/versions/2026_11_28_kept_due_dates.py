"""Keeps when each activity of an item is due, so that a board of tens of thousands is quick.

Derived: the service fills it from what is on record, the first time when a worker starts.

Revision: e41c7a9d2b58, after 4b1de2a70c95
"""

import sqlalchemy as sa
from alembic import op

revision = "e41c7a9d2b58"
down_revision = "4b1de2a70c95"

TABLE = "due_date"
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
ACTIVITIES = "'verification', 'calibration', 'intermediate_check', 'maintenance', 'replacement'"


def upgrade() -> None:
    create_table()
    if op.get_bind().dialect.name == "postgresql":
        mine = f"organization_id = {ME}"
        op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY readable ON {TABLE} FOR SELECT USING ({mine})")
        op.execute(f"CREATE POLICY addable ON {TABLE} FOR INSERT WITH CHECK ({mine})")
        op.execute(f"CREATE POLICY editable ON {TABLE} FOR UPDATE USING ({mine})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO suyuan_app")


def downgrade() -> None:
    op.drop_table(TABLE)


def create_table() -> None:
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("anchor_on", sa.Date(), nullable=True),
        sa.Column("months", sa.Integer(), nullable=True),
        sa.Column("last_performed_on", sa.Date(), nullable=True),
        sa.Column("is_stopped", sa.Boolean(), nullable=False),
        sa.Column("is_ended", sa.Boolean(), nullable=False),
        sa.CheckConstraint(f"activity IN ({ACTIVITIES})", name=op.f("ck_due_date_activity")),
        sa.CheckConstraint(
            "(due_on IS NULL) = (rule IS NULL)", name=op.f("ck_due_date_rule_of_date")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_due_date_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_due_date_organization_id_item_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "item_id", "activity", name=op.f("pk_due_date")),
    )
    op.create_index(
        "ix_due_date_due_on",
        TABLE,
        ["organization_id", "is_ended", "due_on", "item_id", "activity", "is_stopped"],
    )
    op.create_index("ix_due_date_area", TABLE, ["organization_id", "is_ended", "area"])
