"""Adds what an organization sent to whom, and what it took in, so that holders can be told.

Revision: 7c41a0e2d9f3, after 5e1c0d5a9b10
"""

import sqlalchemy as sa
from alembic import op

revision = "7c41a0e2d9f3"
down_revision = "5e1c0d5a9b10"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["dispatch", "delivery_receipt"]


def upgrade() -> None:
    create_tables()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()
    else:
        guard_sqlite()


def downgrade() -> None:
    for table in TABLES:
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
        "dispatch",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('order', 'acceptance', 'calibration', 'notice')",
            name=op.f("ck_dispatch_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_dispatch_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["organization.id"], name=op.f("fk_dispatch_recipient_id")
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "delivery_id", "subject_id", name=op.f("pk_dispatch")
        ),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_dispatch_organization_id_subject_id"),
        "dispatch",
        ["organization_id", "subject_id"],
        unique=False,
    )
    op.create_table(
        "delivery_receipt",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("taken_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "delivery_id"],
            ["delivery.organization_id", "delivery.id"],
            name=op.f("fk_delivery_receipt_organization_id_delivery_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_delivery_receipt_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "delivery_id", name=op.f("pk_delivery_receipt")),
        info={"append_only": True},
    )
