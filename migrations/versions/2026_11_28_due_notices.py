"""Adds who answers for an area, how people are told of what falls due, and what they were told.

Revision: f08b3d6c91e4, after e41c7a9d2b58
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "f08b3d6c91e4"
down_revision = "e41c7a9d2b58"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
ACTIVITIES = "'verification', 'calibration', 'intermediate_check', 'maintenance', 'replacement'"
FACTS = ["responsibility", "notice_preference", "due_notice"]  # append-only


def upgrade() -> None:
    create_tables()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()
    else:
        guard_sqlite()


def downgrade() -> None:
    for table in ("due_digest", *reversed(FACTS)):
        op.drop_table(table)


def guard_sqlite() -> None:
    for table in FACTS:
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def guard_postgresql() -> None:
    mine = f"organization_id = {ME}"
    for table in (*FACTS, "due_digest"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY readable ON {table} FOR SELECT USING ({mine})")
        op.execute(f"CREATE POLICY addable ON {table} FOR INSERT WITH CHECK ({mine})")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO suyuan_app")
    for table in FACTS:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )
    op.execute(f"CREATE POLICY editable ON due_digest FOR UPDATE USING ({mine})")
    op.execute("GRANT UPDATE ON due_digest TO suyuan_app")


def create_tables() -> None:
    op.create_table(
        "responsibility",
        *_row_of_a_book("responsibility"),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        _of_a_person("responsibility", "person_id"),
        _of_a_person("responsibility", "manager_id"),
        info={"append_only": True},
    )
    op.create_table(
        "notice_preference",
        *_row_of_a_book("notice_preference"),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "channel IN ('mail', 'none')", name=op.f("ck_notice_preference_channel")
        ),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_notice_preference_language")),
        sa.CheckConstraint(
            "channel = 'none' OR address IS NOT NULL",
            name=op.f("ck_notice_preference_mail_has_address"),
        ),
        _of_a_person("notice_preference", "person_id"),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_notice_preference_organization_id_person_id"),
        "notice_preference",
        ["organization_id", "person_id"],
    )
    op.create_table(
        "due_digest",
        *_row_of_a_book("due_digest"),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.Column("lines", JSON, nullable=False),
        sa.Column("mail", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_answer", sa.String(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "mail IN ('none', 'waiting', 'sent', 'failed')", name=op.f("ck_due_digest_mail")
        ),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_due_digest_language")),
        sa.CheckConstraint(
            "mail = 'none' OR address IS NOT NULL", name=op.f("ck_due_digest_mail_has_address")
        ),
        _of_a_person("due_digest", "person_id"),
        sa.UniqueConstraint(
            "organization_id",
            "person_id",
            "told_on",
            name=op.f("uq_due_digest_organization_id_person_id_told_on"),
        ),
    )
    op.create_index(
        op.f("ix_due_digest_organization_id_mail_due_at"),
        "due_digest",
        ["organization_id", "mail", "due_at"],
    )
    op.create_table(
        "due_notice",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.CheckConstraint(f"activity IN ({ACTIVITIES})", name=op.f("ck_due_notice_activity")),
        sa.CheckConstraint(
            "stage IN ('90', '60', '30', 'overdue')", name=op.f("ck_due_notice_stage")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_due_notice_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_due_notice_organization_id_item_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "item_id",
            "activity",
            "due_on",
            "stage",
            name=op.f("pk_due_notice"),
        ),
        info={"append_only": True},
    )


def _row_of_a_book(table: str) -> list[Any]:
    return [
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    ]


def _of_a_person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        ["person.organization_id", "person.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
    )
