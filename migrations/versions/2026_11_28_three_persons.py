"""Lets the database compare the humans behind a certificate, and the age of their proofs.

Revision: 1f8d3a6e92c7, after e2b7c40f5a18

`certificate_signing` holds them in one row, filled here for the certificates that are there. A
signature's proof of identity is at most 300 s old; SQLite adds that check by an edit of the table's
text, which changes no row ("Making Other Kinds Of Table Schema Changes", lang_altertable.html).
"""

import sqlalchemy as sa
from alembic import op

revision = "1f8d3a6e92c7"
down_revision = "e2b7c40f5a18"

ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLE = "certificate_signing"
KNOWN = "reauthenticated_at IS NULL OR reauthenticated_at <= signed_at AND "
SQLITE = "round((julianday(signed_at) - julianday(reauthenticated_at)) * 86400, 3) <= 300"
POSTGRESQL = "signed_at - reauthenticated_at <= interval '300 seconds'"
# Not of amendments: which of the proposals that were signed became one stands in no row.
ISSUED = """
    INSERT INTO certificate_signing (organization_id, certificate_id, subject_id, signatories,
        calibrated_by, checked_by, approved_by)
    SELECT c.organization_id, c.id, calibrated.subject_id,
        CASE WHEN checked.identity_id IS NULL THEN 2 ELSE 3 END,
        calibrated.identity_id, checked.identity_id, approved.identity_id
    FROM certificate c
    JOIN certificate_calibration told ON told.organization_id = c.organization_id
        AND told.certificate_id = c.id
    JOIN signature calibrated ON calibrated.organization_id = c.organization_id
        AND calibrated.subject_id = told.calibration_id AND calibrated.meaning = 'calibrated'
    JOIN signature approved ON approved.organization_id = c.organization_id
        AND approved.subject_id = told.calibration_id AND approved.meaning = 'approved'
    LEFT JOIN signature checked ON checked.organization_id = c.organization_id
        AND checked.subject_id = told.calibration_id AND checked.meaning = 'checked'
    WHERE c.issuer_id = c.organization_id AND c.amends_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM certificate_calibration first WHERE first.organization_id = c.organization_id
            AND first.certificate_id = c.id AND first.calibration_id < told.calibration_id)
"""


def upgrade() -> None:
    create_table()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(ISSUED)
        op.create_check_constraint(op.f("ck_signature_proof"), "signature", KNOWN + POSTGRESQL)
        guard_postgresql()
    else:
        op.execute(ISSUED)
        rewrite_signature_on_sqlite(checked=True)
        guard_sqlite()


def downgrade() -> None:
    op.drop_table(TABLE)
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_signature_proof", "signature")
    else:
        rewrite_signature_on_sqlite(checked=False)


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


def rewrite_signature_on_sqlite(*, checked: bool) -> None:
    """Edit the text of the table, as SQLite's manual says; no row is touched."""
    connection = op.get_bind()
    told = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'signature'"))
    before = "CONSTRAINT ck_signature_meaning CHECK"
    after = f"CONSTRAINT ck_signature_proof CHECK ({KNOWN + SQLITE}), {before}"
    old, new = (before, after) if checked else (after, before)
    if old not in told:
        raise LookupError(f"the table signature is not as this migration knows it: no {old}")
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    op.execute("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :told WHERE type = 'table' AND name = 'signature'"),
        {"told": told.replace(old, new)},
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")


def create_table() -> None:
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("signatories", sa.Integer(), nullable=False),
        sa.Column("calibrated_by", sa.Uuid(), nullable=False),
        sa.Column("checked_by", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "calibrated_by <> approved_by AND "
            "(checked_by IS NULL OR checked_by <> calibrated_by AND checked_by <> approved_by)",
            name=op.f("ck_certificate_signing_distinct_persons"),
        ),
        sa.CheckConstraint(
            "signatories = 3 AND checked_by IS NOT NULL OR signatories = 2",
            name=op.f("ck_certificate_signing_signatories"),
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", "subject_id", who],
                ["signature.organization_id", "signature.subject_id", "signature.identity_id"],
                name=op.f(f"fk_{TABLE}_organization_id_subject_id_{who}"),
            )
            for who in ("calibrated_by", "checked_by", "approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "certificate_id"],
            ["certificate.organization_id", "certificate.id"],
            name=op.f("fk_certificate_signing_organization_id_certificate_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_certificate_signing_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "certificate_id", name=op.f("pk_certificate_signing")
        ),
        info={"append_only": True},
    )
