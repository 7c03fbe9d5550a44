"""Adds plans: what a laboratory can do, what is planned from it, and which plan is in force.

Revision: e7a4c15b2d90, after 0c5e91b7d4a8
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "e7a4c15b2d90"
down_revision = "0c5e91b7d4a8"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["planning_settings", "planning_problem", "plan", "plan_placement", "plan_acceptance"]
ACTIVITIES = "'verification', 'calibration', 'intermediate_check', 'maintenance', 'replacement'"
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


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


def of_organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id")
    )


def within(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{other}.organization_id", f"{other}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
    )


def create_tables() -> None:
    op.create_table(
        "planning_settings",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        of_organization("planning_settings"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_planning_settings")),
        info={"append_only": True},
    )
    op.create_table(
        "planning_problem",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("settings_id", sa.Uuid(), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("known_on", sa.Date(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("left_out", JSON, nullable=False),
        of_organization("planning_problem"),
        within("planning_problem", "settings_id", "planning_settings"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_planning_problem")),
        info={"append_only": True},
    )
    op.create_table(
        "plan",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("problem_id", sa.Uuid(), nullable=False),
        sa.Column("follows_id", sa.Uuid(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("checked", JSON, nullable=False),
        sa.Column("call_off", JSON, nullable=False),
        sa.Column("bound", sa.Float(), nullable=True),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("conflicts", JSON, nullable=False),
        sa.Column("solver", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("origin IN ('made', 'moved')", name=op.f("ck_plan_origin")),
        sa.CheckConstraint(
            "method IN ('earliest_due_first', 'local_search', 'integer_program')",
            name=op.f("ck_plan_method"),
        ),
        sa.CheckConstraint(
            "origin = 'made' OR follows_id IS NOT NULL", name=op.f("ck_plan_moved_from")
        ),
        sa.CheckConstraint(
            "(bound IS NULL OR bound BETWEEN -1e300 AND 1e300)", name=op.f("ck_plan_finite")
        ),
        of_organization("plan"),
        within("plan", "problem_id", "planning_problem"),
        within("plan", "follows_id", "plan"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_plan")),
        info={"append_only": True},
    )
    op.create_table(
        "plan_placement",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("week_on", sa.Date(), nullable=True),
        sa.CheckConstraint(f"activity IN ({ACTIVITIES})", name=op.f("ck_plan_placement_activity")),
        of_organization("plan_placement"),
        within("plan_placement", "plan_id", "plan"),
        within("plan_placement", "item_id", "item"),
        sa.PrimaryKeyConstraint(
            "organization_id", "plan_id", "position", name=op.f("pk_plan_placement")
        ),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_plan_placement_organization_id_item_id"),
        "plan_placement",
        ["organization_id", "item_id"],
    )
    op.create_table(
        "plan_acceptance",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("accepted_by", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        of_organization("plan_acceptance"),
        within("plan_acceptance", "plan_id", "plan"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_plan_acceptance")),
        info={"append_only": True},
    )
