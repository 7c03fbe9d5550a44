"""Lets a grant say which parts of a book a regulator may read, from when and why, and be ended.

Revision: e7b40c6d19a2, after f08b3d6c91e4
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "e7b40c6d19a2"
down_revision = "f08b3d6c91e4"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLE = "access_grant_ending"
ADDED = {
    "starts_at": sa.DateTime(timezone=True),
    "parts": JSON,
    "reason": sa.String(),
    "granted_by": sa.Uuid(),
}
WHOSE = "ix_access_grant_organization_id_id_grantee_id"


def upgrade() -> None:
    for name, type_ in ADDED.items():
        op.add_column("access_grant", sa.Column(name, type_, nullable=True))
    op.create_index(
        op.f(WHOSE), "access_grant", ["organization_id", "id", "grantee_id"], unique=True
    )
    create_table()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()
    else:
        guard_sqlite()


def downgrade() -> None:
    op.drop_table(TABLE)
    op.drop_index(op.f(WHOSE), "access_grant")
    for name in reversed(ADDED):
        op.execute(f"ALTER TABLE access_grant DROP COLUMN {name}")


def guard_sqlite() -> None:
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {TABLE}_no_{verb} BEFORE {verb.upper()} ON {TABLE} "
            f"BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
        )


def guard_postgresql() -> None:
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY readable ON {TABLE} FOR SELECT "
        f"USING (organization_id = {ME} OR grantee_id = {ME})"
    )
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
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("grantee_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grantee_id"], ["organization.id"], name=op.f("fk_access_grant_ending_grantee_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "grant_id", "grantee_id"],
            ["access_grant.organization_id", "access_grant.id", "access_grant.grantee_id"],
            name=op.f("fk_access_grant_ending_organization_id_grant_id_grantee_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_access_grant_ending_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "grant_id", name=op.f("pk_access_grant_ending")),
    )
    op.create_index(op.f("ix_access_grant_ending_grantee_id"), TABLE, ["grantee_id"])
