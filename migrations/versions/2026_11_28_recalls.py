"""Adds recalls: a standard out of tolerance, what it affected, and how each item was settled.

Revision: 9a2f6b3c71d4, after 7c20f1a94d31
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "9a2f6b3c71d4"
down_revision = "7c20f1a94d31"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["recall", "recall_calibration", "recall_case", "recall_closing"]


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
        "recall",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=True),
        sa.Column("published_id", sa.Uuid(), nullable=True),
        sa.Column("last_good_on", sa.Date(), nullable=False),
        sa.Column("found_on", sa.Date(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("as_found", JSON, nullable=False),
        sa.Column("standard_uncertainty", sa.Float(), nullable=True),
        sa.Column("assumption", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "assumption IN ('step_at_start', 'linear', 'worst_case')",
            name=op.f("ck_recall_assumption"),
        ),
        sa.CheckConstraint(
            "(calibration_id IS NULL) <> (published_id IS NULL)",
            name=op.f("ck_recall_one_standard"),
        ),
        sa.CheckConstraint(
            "(standard_uncertainty IS NULL OR standard_uncertainty BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_recall_finite"),
        ),
        sa.CheckConstraint(
            "found_on > last_good_on", name=op.f("ck_recall_found_after_it_was_good")
        ),
        sa.CheckConstraint(
            "standard_uncertainty >= 0", name=op.f("ck_recall_standard_uncertainty")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_recall_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_recall_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["published_id"], ["published_calibration.id"], name=op.f("fk_recall_published_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_recall")),
        info={"append_only": True},
    )
    op.create_table(
        "recall_calibration",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("recall_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("path", JSON, nullable=False),
        sa.Column("is_judged", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["organization.id"], name=op.f("fk_recall_calibration_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_recall_calibration_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_recall_calibration_organization_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "recall_id"],
            ["recall.organization_id", "recall.id"],
            name=op.f("fk_recall_calibration_organization_id_recall_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_recall_calibration_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "recall_id", "calibration_id", name=op.f("pk_recall_calibration")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "recall_case",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("recall_id", sa.Uuid(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("error", sa.Float(), nullable=True),
        sa.Column("shift", sa.Float(), nullable=True),
        sa.Column("corrected_error", sa.Float(), nullable=True),
        sa.Column("standard_uncertainty", sa.Float(), nullable=True),
        sa.Column("maximum_permissible_error", sa.Float(), nullable=True),
        sa.Column("recorded_verdict", sa.String(), nullable=False),
        sa.Column("corrected_verdict", sa.String(), nullable=False),
        sa.Column("probability_of_nonconformity", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "corrected_verdict IN ('conforming', 'nonconforming', 'unknown')",
            name=op.f("ck_recall_case_corrected_verdict"),
        ),
        sa.CheckConstraint(
            "recorded_verdict IN ('conforming', 'nonconforming', 'unknown')",
            name=op.f("ck_recall_case_recorded_verdict"),
        ),
        sa.CheckConstraint(
            "(value IS NULL OR value BETWEEN -1e300 AND 1e300) AND (error IS NULL OR error BETWEEN -1e300 AND 1e300) AND (shift IS NULL OR shift BETWEEN -1e300 AND 1e300) AND (corrected_error IS NULL OR corrected_error BETWEEN -1e300 AND 1e300) AND (standard_uncertainty IS NULL OR standard_uncertainty BETWEEN -1e300 AND 1e300) AND (maximum_permissible_error IS NULL OR maximum_permissible_error BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_recall_case_finite"),
        ),
        sa.CheckConstraint(
            "probability_of_nonconformity BETWEEN 0 AND 1", name=op.f("ck_recall_case_probability")
        ),
        sa.CheckConstraint(
            "standard_uncertainty >= 0", name=op.f("ck_recall_case_standard_uncertainty")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "recall_id", "calibration_id"],
            [
                "recall_calibration.organization_id",
                "recall_calibration.recall_id",
                "recall_calibration.calibration_id",
            ],
            name=op.f("fk_recall_case_organization_id_recall_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "result_id"],
            ["calibration_result.organization_id", "calibration_result.id"],
            name=op.f("fk_recall_case_organization_id_result_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_recall_case_organization_id")
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "recall_id", "result_id", name=op.f("pk_recall_case")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "recall_closing",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("recall_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=True),
        sa.Column("statement", sa.String(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(calibration_id IS NULL) <> (statement IS NULL)",
            name=op.f("ck_recall_closing_one_way"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_recall_closing_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_recall_closing_organization_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "recall_id"],
            ["recall.organization_id", "recall.id"],
            name=op.f("fk_recall_closing_organization_id_recall_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_recall_closing_organization_id")
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "recall_id", "item_id", name=op.f("pk_recall_closing")
        ),
        info={"append_only": True},
    )
