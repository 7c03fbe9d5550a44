"""Lets people log in and machines in: accounts, sessions, invitations, roles, keys.

Revision: 7c20f1a94d31, after 6a2f4e0d7c31
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7c20f1a94d31"
down_revision = "6a2f4e0d7c31"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
MINE = "organization_id = NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
LOGGING_IN = "current_setting('suyuan.log_in', true) = 'on'"
BOOKS = ["api_key", "person_role"]
OF_THE_LOG_IN = ["account", "membership", "invitation", "login_session", "federated_identity"]


def upgrade() -> None:
    create_tables()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()
    else:
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER person_role_no_{verb} BEFORE {verb.upper()} ON person_role "
                "BEGIN SELECT RAISE(ABORT, 'person_role is append-only'); END"
            )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP POLICY addable ON identity")
        op.execute("REVOKE INSERT ON identity FROM suyuan_app")
    for table in (*BOOKS, *OF_THE_LOG_IN):
        op.drop_table(table)


def guard_postgresql() -> None:
    for table in (*BOOKS, *OF_THE_LOG_IN):
        allowed = MINE if table in BOOKS else LOGGING_IN
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY readable ON {table} FOR SELECT USING ({allowed})")
        op.execute(f"CREATE POLICY addable ON {table} FOR INSERT WITH CHECK ({allowed})")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO suyuan_app")
        if table != "person_role":
            op.execute(f"CREATE POLICY editable ON {table} FOR UPDATE USING ({allowed})")
            op.execute(f"GRANT UPDATE ON {table} TO suyuan_app")
    op.execute(
        "CREATE TRIGGER person_role_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON person_role FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )
    op.execute(
        f"CREATE POLICY addable ON identity FOR INSERT TO suyuan_app WITH CHECK ({LOGGING_IN})"
    )
    op.execute("GRANT INSERT ON identity TO suyuan_app")


def create_tables() -> None:
    op.create_table(
        "account",
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("totp_secret", sa.String(), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "(totp_secret IS NULL) = (totp_last_step IS NULL)", name=op.f("ck_account_totp_whole")
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], name=op.f("fk_account_identity_id")
        ),
        sa.PrimaryKeyConstraint("identity_id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "membership",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], name=op.f("fk_membership_identity_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_membership_organization_id")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_membership")),
        sa.UniqueConstraint(
            "identity_id", "organization_id", name=op.f("uq_membership_identity_id_organization_id")
        ),
    )
    op.create_table(
        "invitation",
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], name=op.f("fk_invitation_identity_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_invitation_organization_id")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_identity_id"), "invitation", ["identity_id"])
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("authenticated_at", MOMENT, nullable=False),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], name=op.f("fk_login_session_identity_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_login_session_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_login_session_token_sha256")),
    )
    op.create_index(op.f("ix_login_session_identity_id"), "login_session", ["identity_id"])
    op.create_table(
        "federated_identity",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("linked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], name=op.f("fk_federated_identity_identity_id")
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_federated_identity")),
        sa.UniqueConstraint(
            "identity_id", "issuer", name=op.f("uq_federated_identity_identity_id_issuer")
        ),
    )
    op.create_table(
        "person_role",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("given_at", MOMENT, nullable=False),
        *of_a_person("person_role"),
        info={"append_only": True},
    )
    op.create_table(
        "api_key",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hmac", sa.String(), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_api_key_expires_later")),
        *of_a_person("api_key"),
    )


def of_a_person(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["person.organization_id", "person.id"],
            name=op.f(f"fk_{table}_organization_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    ]
