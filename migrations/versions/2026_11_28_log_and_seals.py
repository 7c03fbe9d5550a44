"""Creates the transparency log of each issuer and the record of its seals, for anyone to read.

Revision: 8c2f6b1d4e70, after 9a2f6b3c71d4
"""

import sqlalchemy as sa
from alembic import op

revision = "8c2f6b1d4e70"
down_revision = "9a2f6b3c71d4"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["log_leaf", "log_node", "seal_record"]


def upgrade() -> None:
    create_tables()
    for table in TABLES:
        guard_postgresql(table) if is_postgresql() else guard_sqlite(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def guard_sqlite(table: str) -> None:
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def guard_postgresql(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY readable ON {table} FOR SELECT USING (true)")
    op.execute(f"CREATE POLICY addable ON {table} FOR INSERT WITH CHECK (issuer_id = {ME})")
    op.execute(f"GRANT SELECT, INSERT ON {table} TO suyuan_app")
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )


def create_tables() -> None:
    op.create_table(
        "log_leaf",
        sa.Column("issuer_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("checkpoint", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuer_id"], ["organization.id"], name=op.f("fk_log_leaf_issuer_id")
        ),
        sa.PrimaryKeyConstraint("issuer_id", "position", name=op.f("pk_log_leaf")),
        info={"append_only": True},
    )
    op.create_index(op.f("ix_log_leaf_issuer_id_number"), "log_leaf", ["issuer_id", "number"])
    op.create_table(
        "log_node",
        sa.Column("issuer_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuer_id"], ["organization.id"], name=op.f("fk_log_node_issuer_id")
        ),
        sa.PrimaryKeyConstraint("issuer_id", "level", "position", name=op.f("pk_log_node")),
        info={"append_only": True},
    )
    op.create_table(
        "seal_record",
        sa.Column("issuer_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuer_id"], ["organization.id"], name=op.f("fk_seal_record_issuer_id")
        ),
        sa.PrimaryKeyConstraint("issuer_id", "sha256", name=op.f("pk_seal_record")),
        info={"append_only": True},
    )
