"""Adds the register of accredited capabilities (CMC), below which no U is reported.

Revision: 3f8a51d9c27e, after e7a4c15b2d90
"""

import sqlalchemy as sa
from alembic import op

revision = "3f8a51d9c27e"
down_revision = "e7a4c15b2d90"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLE = "measurement_capability"


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
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=True),
        sa.Column("lower", sa.Float(), nullable=False),
        sa.Column("upper", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("expression", sa.String(), nullable=False),
        sa.Column("uncertainty_unit", sa.String(), nullable=False),
        sa.Column("accreditation", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("supersedes_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "supersedes_id <> id", name=op.f("ck_measurement_capability_supersedes_another")
        ),
        sa.CheckConstraint("lower <= upper", name=op.f("ck_measurement_capability_range")),
        sa.CheckConstraint(
            "valid_until >= valid_from", name=op.f("ck_measurement_capability_validity")
        ),
        sa.CheckConstraint(
            "(lower IS NULL OR lower BETWEEN -1e300 AND 1e300) AND "
            "(upper IS NULL OR upper BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_measurement_capability_finite"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_measurement_capability_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "supersedes_id"],
            ["measurement_capability.organization_id", "measurement_capability.id"],
            name=op.f("fk_measurement_capability_organization_id_supersedes_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_measurement_capability")),
        sa.UniqueConstraint(
            "organization_id",
            "supersedes_id",
            name=op.f("uq_measurement_capability_organization_id_supersedes_id"),
        ),
        info={"append_only": True},
    )
