"""Keeps the certificates' files that came from outside, and what was entered from them.

Revision: c92e7d41b0a6, after 8c2f6b1d4e70
"""

import sqlalchemy as sa
from alembic import op

revision = "c92e7d41b0a6"
down_revision = "8c2f6b1d4e70"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["received_document", "calibration_document"]


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
        "received_document",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_by", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "media_type IN ('application/xml', 'application/pdf', 'application/zip')",
            name=op.f("ck_received_document_media_type"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_received_document_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "received_by"],
            ["person.organization_id", "person.id"],
            name=op.f("fk_received_document_organization_id_received_by"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_received_document")),
        sa.UniqueConstraint(
            "organization_id", "sha256", name=op.f("uq_received_document_organization_id_sha256")
        ),
    )
    op.create_table(
        "calibration_document",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_calibration_document_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_calibration_document_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "document_id"],
            ["received_document.organization_id", "received_document.id"],
            name=op.f("fk_calibration_document_organization_id_document_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "calibration_id",
            "document_id",
            name=op.f("pk_calibration_document"),
        ),
    )
