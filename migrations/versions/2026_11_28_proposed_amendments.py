"""Adds what a certificate is to say instead, for three persons to sign before it is issued.

Revision: b3d18f6a7e52, after c92e7d41b0a6
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "b3d18f6a7e52"
down_revision = "c92e7d41b0a6"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLE = "proposed_amendment"


def upgrade() -> None:
    create_table()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()
    else:
        guard_sqlite()


def downgrade() -> None:
    op.drop_table(TABLE)


def guard_sqlite() -> None:
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {TABLE}_no_{verb} BEFORE {verb.upper()} ON {TABLE} "
            f"BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
        )


def guard_postgresql() -> None:
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY readable ON {TABLE} FOR SELECT USING (organization_id = {ME})")
    op.execute(f"CREATE POLICY addable ON {TABLE} FOR INSERT WITH CHECK (organization_id = {ME})")
    op.execute(f"GRANT SELECT, INSERT ON {TABLE} TO suyuan_app")
    op.execute(
        f"CREATE TRIGGER {TABLE}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        f"ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )


def create_table() -> None:
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("reason_zh", sa.String(), nullable=False),
        sa.Column("reason_en", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_proposed_amendment_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "certificate_id"],
            ["certificate.organization_id", "certificate.id"],
            name=op.f("fk_proposed_amendment_organization_id_certificate_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "proposed_by"],
            ["person.organization_id", "person.id"],
            name=op.f("fk_proposed_amendment_organization_id_proposed_by"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_proposed_amendment")),
    )
    op.create_index(
        op.f("ix_proposed_amendment_organization_id_certificate_id"),
        TABLE,
        ["organization_id", "certificate_id"],
    )
