"""Adds the stored verdict on the chain behind each calibration.

Revision: c3d1e8a4f562, after b3d18f6a7e52
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c3d1e8a4f562"
down_revision = "b3d18f6a7e52"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["chain_verdict"]


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
        "chain_verdict",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("is_unbroken", sa.Boolean(), nullable=False),
        sa.Column("breaks", JSON, nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_chain_verdict_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_chain_verdict_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_chain_verdict")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_chain_verdict_organization_id_calibration_id"),
        "chain_verdict",
        ["organization_id", "calibration_id"],
        unique=False,
    )
