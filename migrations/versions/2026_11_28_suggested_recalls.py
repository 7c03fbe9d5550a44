"""Adds what suggested a recall and what a person decided on it: nothing is sent before that.

Revision: e2b7c40f5a18, after 3f8a51d9c27e
"""

import sqlalchemy as sa
from alembic import op

revision = "e2b7c40f5a18"
down_revision = "3f8a51d9c27e"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = ["recall_suggestion", "recall_decision"]


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
        "recall_suggestion",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("recall_id", sa.Uuid(), nullable=False),
        sa.Column("found_by_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "found_by_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_recall_suggestion_organization_id_found_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "recall_id"],
            ["recall.organization_id", "recall.id"],
            name=op.f("fk_recall_suggestion_organization_id_recall_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_recall_suggestion_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "recall_id", name=op.f("pk_recall_suggestion")),
        sa.UniqueConstraint(
            "organization_id",
            "found_by_id",
            name=op.f("uq_recall_suggestion_organization_id_found_by_id"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "recall_decision",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("recall_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "decision IN ('confirmed', 'dropped')", name=op.f("ck_recall_decision_decision")
        ),
        sa.CheckConstraint(
            "decision = 'confirmed' OR reason <> ''", name=op.f("ck_recall_decision_reason")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["person.organization_id", "person.id"],
            name=op.f("fk_recall_decision_organization_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "recall_id"],
            ["recall_suggestion.organization_id", "recall_suggestion.recall_id"],
            name=op.f("fk_recall_decision_organization_id_recall_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_recall_decision_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "recall_id", name=op.f("pk_recall_decision")),
        info={"append_only": True},
    )
