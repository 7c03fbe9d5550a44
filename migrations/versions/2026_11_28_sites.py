"""Adds the sites of an organization: where its items stand, with name and address.

Revision: a4c19e3d70f6, after 5b9d2e71c0a4
"""

import sqlalchemy as sa
from alembic import op

revision = "a4c19e3d70f6"
down_revision = "5b9d2e71c0a4"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLE = "site"


def upgrade() -> None:
    create_table()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()


def downgrade() -> None:
    op.drop_table(TABLE)


def guard_postgresql() -> None:
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY readable ON {TABLE} FOR SELECT USING (organization_id = {ME})")
    op.execute(f"CREATE POLICY addable ON {TABLE} FOR INSERT WITH CHECK (organization_id = {ME})")
    op.execute(f"CREATE POLICY editable ON {TABLE} FOR UPDATE USING (organization_id = {ME})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO suyuan_app")


def create_table() -> None:
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("address_zh", sa.String(), nullable=False),
        sa.Column("address_en", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_because", sa.String(), nullable=True),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("code <> '' AND name_zh <> ''", name=op.f("ck_site_named")),
        sa.CheckConstraint(
            "(ended_on IS NULL) = (ended_because IS NULL)", name=op.f("ck_site_ended_whole")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_site_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_site")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_site_organization_id_code")),
        sa.UniqueConstraint(
            "organization_id", "name_zh", name=op.f("uq_site_organization_id_name_zh")
        ),
    )
