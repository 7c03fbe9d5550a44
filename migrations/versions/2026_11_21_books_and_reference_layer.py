"""Creates the books of organizations, the reference layer, and the guards that keep them.

Revision: 5e1c0d5a9b10, after none
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "5e1c0d5a9b10"
down_revision = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
BOOKS = [
    "audit_entry",
    "calibration",
    "calibration_reference",
    "calibration_result",
    "calibration_supersession",
    "certificate",
    "certificate_calibration",
    "certificate_file",
    "certificate_status",
    "conformity_statement",
    "idempotency_key",
    "influence",
    "item",
    "number_counter",
    "original_record",
    "outbox",
    "person",
    "person_authorisation",
    "procedure_edition",
    "publication",
    "result_influence",
    "result_sensitivity",
    "signature",
    "uncertainty_budget",
    "work_order",
    "work_order_step",
]
SHARED = {
    "certificate_entry": "issuer_id",
    "organization_summary": "holder_id",
    "published_calibration": "holder_id",
    "published_reference": "holder_id",
    "published_supersession": "holder_id",
}
# table: (who reads a row, who may add one)
POLICIES = {
    "identity": ("false", None),
    "organization": ("true", None),
    "authorisation": ("true", None),
    "delivery": (f"organization_id = {ME}", f"sender_id = {ME}"),
    "access_grant": (f"organization_id = {ME} OR grantee_id = {ME}", f"organization_id = {ME}"),
    **dict.fromkeys(BOOKS, (f"organization_id = {ME}",) * 2),
    **{table: ("true", f"{writer} = {ME}") for table, writer in SHARED.items()},
}
EDITABLE = ["item", "number_counter", "outbox"]
OPERATED = ["identity", "organization", "authorisation"]  # by the owner, who creates tenants
APPEND_ONLY = sorted(POLICIES.keys() - {"identity", "organization", *EDITABLE})


def upgrade() -> None:
    create_tables()
    if op.get_bind().dialect.name == "postgresql":
        guard_postgresql()
    else:
        guard_sqlite()


def downgrade() -> None:
    metadata = sa.MetaData()
    metadata.reflect(op.get_bind(), only=list(POLICIES))
    metadata.drop_all(op.get_bind())
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse()")


def guard_sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def guard_postgresql() -> None:
    op.execute(
        "DO $$ BEGIN CREATE ROLE suyuan_app LOGIN NOBYPASSRLS; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    op.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table, (readable, writable) in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY readable ON {table} FOR SELECT USING ({readable})")
        op.execute(f"GRANT SELECT ON {table} TO suyuan_app")
        if writable:
            op.execute(f"CREATE POLICY addable ON {table} FOR INSERT WITH CHECK ({writable})")
            op.execute(f"GRANT INSERT ON {table} TO suyuan_app")
        if table in APPEND_ONLY:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
                f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
            )
    for table in OPERATED:
        op.execute(f"CREATE POLICY operated ON {table} TO CURRENT_USER USING (true)")
    for table in EDITABLE:
        op.execute(f"CREATE POLICY editable ON {table} FOR UPDATE USING (organization_id = {ME})")
        op.execute(f"GRANT UPDATE ON {table} TO suyuan_app")
    op.execute("GRANT SELECT ON alembic_version TO suyuan_app")


def create_tables() -> None:
    op.create_table(
        "identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
    )
    op.create_table(
        "organization",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('national_institute', 'regional_institute', 'accredited_laboratory', 'enterprise', 'regulator')",
            name=op.f("ck_organization_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sa.UniqueConstraint("code", name=op.f("uq_organization_code")),
        sa.UniqueConstraint("id", "code", name=op.f("uq_organization_id_code")),
    )
    op.create_table(
        "access_grant",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("grantee_id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["grantee_id"], ["organization.id"], name=op.f("fk_access_grant_grantee_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_access_grant_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_access_grant")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_access_grant_grantee_id"), "access_grant", ["grantee_id"], unique=False
    )

    op.create_table(
        "audit_entry",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("said", JSON, nullable=False),
        sa.Column("previous_sha256", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_audit_entry_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "position", name=op.f("pk_audit_entry")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_audit_entry_organization_id_subject_id"),
        "audit_entry",
        ["organization_id", "subject_id"],
        unique=False,
    )

    op.create_table(
        "authorisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind_zh", sa.String(), nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["organization.id"], name=op.f("fk_authorisation_holder_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorisation")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_authorisation_holder_id"), "authorisation", ["holder_id"], unique=False
    )

    op.create_table(
        "certificate",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issuer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("amends_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["issuer_id"], ["organization.id"], name=op.f("fk_certificate_issuer_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "amends_id"],
            ["certificate.organization_id", "certificate.id"],
            name=op.f("fk_certificate_organization_id_amends_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_certificate_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_certificate")),
        sa.UniqueConstraint(
            "organization_id", "number", name=op.f("uq_certificate_organization_id_number")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "certificate_entry",
        sa.Column("lookup_key", sa.String(), nullable=False),
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issuer_id", sa.Uuid(), nullable=False),
        sa.Column("issuer_code", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("item_name_zh", sa.String(), nullable=False),
        sa.Column("item_name_en", sa.String(), nullable=False),
        sa.Column("manufacturer_zh", sa.String(), nullable=False),
        sa.Column("manufacturer_en", sa.String(), nullable=False),
        sa.Column("type_designation", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "number LIKE issuer_code || '-%'", name=op.f("ck_certificate_entry_number_in_own_name")
        ),
        sa.CheckConstraint(
            "status IN ('issued', 'amended', 'withdrawn', 'voided')",
            name=op.f("ck_certificate_entry_status"),
        ),
        sa.ForeignKeyConstraint(
            ["issuer_id", "issuer_code"],
            ["organization.id", "organization.code"],
            name=op.f("fk_certificate_entry_issuer_id_issuer_code"),
        ),
        sa.PrimaryKeyConstraint(
            "lookup_key", "certificate_id", "recorded_at", name=op.f("pk_certificate_entry")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "delivery",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('order', 'acceptance', 'calibration', 'notice')",
            name=op.f("ck_delivery_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_delivery_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["sender_id"], ["organization.id"], name=op.f("fk_delivery_sender_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_delivery")),
        info={"append_only": True},
    )
    op.create_table(
        "idempotency_key",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("answer", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_idempotency_key_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_idempotency_key")),
        info={"append_only": True},
    )
    op.create_table(
        "influence",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("label_zh", sa.String(), nullable=False),
        sa.Column("label_en", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_influence_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_influence")),
        info={"append_only": True},
    )
    op.create_table(
        "item",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("standard_rank", sa.String(), nullable=True),
        sa.Column("level_zh", sa.String(), nullable=True),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("manufacturer_zh", sa.String(), nullable=False),
        sa.Column("manufacturer_en", sa.String(), nullable=False),
        sa.Column("type_designation", sa.String(), nullable=False),
        sa.Column("serial_number", sa.String(), nullable=False),
        sa.Column("asset_number", sa.String(), nullable=True),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("range_lower", sa.Float(), nullable=False),
        sa.Column("range_upper", sa.Float(), nullable=False),
        sa.Column("range_unit", sa.String(), nullable=False),
        sa.Column("accuracy_text", sa.String(), nullable=False),
        sa.Column("maximum_permissible_error_model", sa.String(), nullable=True),
        sa.Column("maximum_permissible_error_coefficient", sa.Float(), nullable=True),
        sa.Column("expanded_uncertainty_model", sa.String(), nullable=True),
        sa.Column("expanded_uncertainty_coefficient", sa.Float(), nullable=True),
        sa.Column("location", JSON, nullable=False),
        sa.Column("use", sa.String(), nullable=True),
        sa.Column("is_mandatory", sa.Boolean(), nullable=False),
        sa.Column("is_published", sa.Boolean(), nullable=False),
        sa.Column("is_carbon_meter", sa.Boolean(), nullable=False),
        sa.Column("energy_level", sa.String(), nullable=True),
        sa.Column("procedure_code", sa.String(), nullable=True),
        sa.Column("period_months", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_since", sa.Date(), nullable=True),
        sa.Column("confidence", sa.String(), nullable=True),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "expanded_uncertainty_model IN ('absolute', 'relative')",
            name=op.f("ck_item_expanded_uncertainty_model"),
        ),
        sa.CheckConstraint(
            "maximum_permissible_error_model IN ('absolute', 'relative')",
            name=op.f("ck_item_maximum_permissible_error_model"),
        ),
        sa.CheckConstraint(
            "status IN ('in_use', 'limited', 'sealed', 'out_of_service')",
            name=op.f("ck_item_status"),
        ),
        sa.CheckConstraint(
            "(maximum_permissible_error_model IS NULL) = (maximum_permissible_error_coefficient IS NULL) AND (expanded_uncertainty_model IS NULL) = (expanded_uncertainty_coefficient IS NULL)",
            name=op.f("ck_item_models_whole"),
        ),
        sa.CheckConstraint(
            "(range_lower IS NULL OR range_lower BETWEEN -1e300 AND 1e300) AND (range_upper IS NULL OR range_upper BETWEEN -1e300 AND 1e300) AND (maximum_permissible_error_coefficient IS NULL OR maximum_permissible_error_coefficient BETWEEN -1e300 AND 1e300) AND (expanded_uncertainty_coefficient IS NULL OR expanded_uncertainty_coefficient BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_item_finite"),
        ),
        sa.CheckConstraint(
            "expanded_uncertainty_coefficient > 0", name=op.f("ck_item_uncertainty_positive")
        ),
        sa.CheckConstraint(
            "maximum_permissible_error_coefficient > 0", name=op.f("ck_item_mpe_positive")
        ),
        sa.CheckConstraint("range_lower <= range_upper", name=op.f("ck_item_range")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["organization.id"], name=op.f("fk_item_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_item_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_item")),
    )
    op.create_index(
        op.f("ix_item_organization_id_serial_number"),
        "item",
        ["organization_id", "serial_number"],
        unique=False,
    )

    op.create_table(
        "number_counter",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("issuer_code", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_number_counter_organization_id")
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "issuer_code", "year", name=op.f("pk_number_counter")
        ),
    )
    op.create_table(
        "organization_summary",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["organization.id"], name=op.f("fk_organization_summary_holder_id")
        ),
        sa.PrimaryKeyConstraint(
            "holder_id", "period", "stated_at", name=op.f("pk_organization_summary")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "outbox",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_outbox_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_due_at"), "outbox", ["due_at"], unique=False)

    op.create_table(
        "person",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("name_zh", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identity.id"], name=op.f("fk_person_identity_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_person_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_person")),
        sa.UniqueConstraint(
            "organization_id",
            "id",
            "identity_id",
            name=op.f("uq_person_organization_id_id_identity_id"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "procedure_edition",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=True),
        sa.Column("in_force_until", sa.Date(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_procedure_edition_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_procedure_edition")),
        info={"append_only": True},
    )
    op.create_table(
        "published_calibration",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("track", sa.String(), nullable=False),
        sa.Column("item_name_zh", sa.String(), nullable=False),
        sa.Column("item_name_en", sa.String(), nullable=False),
        sa.Column("level_zh", sa.String(), nullable=True),
        sa.Column("laboratory_zh", sa.String(), nullable=False),
        sa.Column("laboratory_en", sa.String(), nullable=False),
        sa.Column("certificate_number", sa.String(), nullable=True),
        sa.Column("procedure_code", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("performed_on", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("terminal_reason", sa.String(), nullable=True),
        sa.Column("interval_lower", sa.Float(), nullable=True),
        sa.Column("interval_upper", sa.Float(), nullable=True),
        sa.Column("interval_unit", sa.String(), nullable=True),
        sa.Column("uncertainty_model", sa.String(), nullable=True),
        sa.Column("uncertainty_coefficient", sa.Float(), nullable=True),
        sa.Column("coverage_factor", sa.Float(), nullable=True),
        sa.Column("is_adjusted", sa.Boolean(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('calibration', 'verification', 'certification')",
            name=op.f("ck_published_calibration_kind"),
        ),
        sa.CheckConstraint(
            "place IN ('laboratory', 'site', 'in-line', 'remote')",
            name=op.f("ck_published_calibration_place"),
        ),
        sa.CheckConstraint(
            "uncertainty_model IN ('absolute', 'relative')",
            name=op.f("ck_published_calibration_uncertainty_model"),
        ),
        sa.CheckConstraint(
            "(interval_lower IS NULL OR interval_lower BETWEEN -1e300 AND 1e300) AND (interval_upper IS NULL OR interval_upper BETWEEN -1e300 AND 1e300) AND (uncertainty_coefficient IS NULL OR uncertainty_coefficient BETWEEN -1e300 AND 1e300) AND (coverage_factor IS NULL OR coverage_factor BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_published_calibration_finite"),
        ),
        sa.CheckConstraint(
            "(uncertainty_coefficient IS NULL) = (uncertainty_model IS NULL) AND (uncertainty_coefficient IS NULL OR coverage_factor IS NOT NULL AND interval_unit IS NOT NULL)",
            name=op.f("ck_published_calibration_uncertainty_whole"),
        ),
        sa.CheckConstraint(
            "coverage_factor > 0", name=op.f("ck_published_calibration_coverage_factor_positive")
        ),
        sa.CheckConstraint(
            "interval_lower <= interval_upper", name=op.f("ck_published_calibration_interval")
        ),
        sa.CheckConstraint(
            "uncertainty_coefficient > 0",
            name=op.f("ck_published_calibration_uncertainty_positive"),
        ),
        sa.CheckConstraint(
            "valid_until >= performed_on", name=op.f("ck_published_calibration_validity")
        ),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["organization.id"], name=op.f("fk_published_calibration_holder_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_calibration")),
        sa.UniqueConstraint(
            "holder_id",
            "calibration_id",
            name=op.f("uq_published_calibration_holder_id_calibration_id"),
        ),
        sa.UniqueConstraint("holder_id", "id", name=op.f("uq_published_calibration_holder_id_id")),
        info={"append_only": True},
    )
    op.create_table(
        "calibration",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("track", sa.String(), nullable=False),
        sa.Column("item_name_zh", sa.String(), nullable=False),
        sa.Column("item_name_en", sa.String(), nullable=False),
        sa.Column("level_zh", sa.String(), nullable=True),
        sa.Column("laboratory_zh", sa.String(), nullable=False),
        sa.Column("laboratory_en", sa.String(), nullable=False),
        sa.Column("certificate_number", sa.String(), nullable=True),
        sa.Column("procedure_code", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("performed_on", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("terminal_reason", sa.String(), nullable=True),
        sa.Column("interval_lower", sa.Float(), nullable=True),
        sa.Column("interval_upper", sa.Float(), nullable=True),
        sa.Column("interval_unit", sa.String(), nullable=True),
        sa.Column("uncertainty_model", sa.String(), nullable=True),
        sa.Column("uncertainty_coefficient", sa.Float(), nullable=True),
        sa.Column("coverage_factor", sa.Float(), nullable=True),
        sa.Column("is_adjusted", sa.Boolean(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("received_from_id", sa.Uuid(), nullable=True),
        sa.Column("procedure_edition_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(source = 'cited') = (item_id IS NULL)", name=op.f("ck_calibration_item_unless_cited")
        ),
        sa.CheckConstraint(
            "(source IN ('received', 'cited')) = (received_from_id IS NOT NULL)",
            name=op.f("ck_calibration_sender"),
        ),
        sa.CheckConstraint(
            "kind IN ('calibration', 'verification', 'certification')",
            name=op.f("ck_calibration_kind"),
        ),
        sa.CheckConstraint(
            "place IN ('laboratory', 'site', 'in-line', 'remote')",
            name=op.f("ck_calibration_place"),
        ),
        sa.CheckConstraint(
            "source IN ('made', 'received', 'cited', 'external')",
            name=op.f("ck_calibration_source"),
        ),
        sa.CheckConstraint(
            "uncertainty_model IN ('absolute', 'relative')",
            name=op.f("ck_calibration_uncertainty_model"),
        ),
        sa.CheckConstraint(
            "(interval_lower IS NULL OR interval_lower BETWEEN -1e300 AND 1e300) AND (interval_upper IS NULL OR interval_upper BETWEEN -1e300 AND 1e300) AND (uncertainty_coefficient IS NULL OR uncertainty_coefficient BETWEEN -1e300 AND 1e300) AND (coverage_factor IS NULL OR coverage_factor BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_calibration_finite"),
        ),
        sa.CheckConstraint(
            "(uncertainty_coefficient IS NULL) = (uncertainty_model IS NULL) AND (uncertainty_coefficient IS NULL OR coverage_factor IS NOT NULL AND interval_unit IS NOT NULL)",
            name=op.f("ck_calibration_uncertainty_whole"),
        ),
        sa.CheckConstraint(
            "coverage_factor > 0", name=op.f("ck_calibration_coverage_factor_positive")
        ),
        sa.CheckConstraint(
            "interval_lower <= interval_upper", name=op.f("ck_calibration_interval")
        ),
        sa.CheckConstraint(
            "uncertainty_coefficient > 0", name=op.f("ck_calibration_uncertainty_positive")
        ),
        sa.CheckConstraint("valid_until >= performed_on", name=op.f("ck_calibration_validity")),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_calibration_organization_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "procedure_edition_id"],
            ["procedure_edition.organization_id", "procedure_edition.id"],
            name=op.f("fk_calibration_organization_id_procedure_edition_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_calibration_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["received_from_id"], ["organization.id"], name=op.f("fk_calibration_received_from_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_calibration")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_calibration_organization_id_item_id_performed_on"),
        "calibration",
        ["organization_id", "item_id", "performed_on"],
        unique=False,
    )

    op.create_table(
        "certificate_file",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "form IN ('json', 'pdf', 'xml', 'html', 'proof')", name=op.f("ck_certificate_file_form")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "certificate_id"],
            ["certificate.organization_id", "certificate.id"],
            name=op.f("fk_certificate_file_organization_id_certificate_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_certificate_file_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "certificate_id", "form", name=op.f("pk_certificate_file")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "certificate_status",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "status IN ('issued', 'amended', 'withdrawn', 'voided')",
            name=op.f("ck_certificate_status_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "certificate_id"],
            ["certificate.organization_id", "certificate.id"],
            name=op.f("fk_certificate_status_organization_id_certificate_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_certificate_status_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "certificate_id", "recorded_at", name=op.f("pk_certificate_status")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "person_authorisation",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["person.organization_id", "person.id"],
            name=op.f("fk_person_authorisation_organization_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_person_authorisation_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_person_authorisation")),
        info={"append_only": True},
    )
    op.create_table(
        "published_reference",
        sa.Column("method_zh", sa.String(), nullable=False),
        sa.Column("method_en", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=True),
        sa.Column("ratio", sa.Float(), nullable=True),
        sa.Column("ratio_limit", sa.Float(), nullable=True),
        sa.Column("at_value", sa.Float(), nullable=True),
        sa.Column("at_unit", sa.String(), nullable=True),
        sa.Column("user_value", sa.Float(), nullable=True),
        sa.Column("user_unit", sa.String(), nullable=True),
        sa.Column("conversion_factor", sa.Float(), nullable=True),
        sa.Column("conversion_model", sa.String(), nullable=True),
        sa.Column("extension", sa.String(), nullable=True),
        sa.Column("interval_lower", sa.Float(), nullable=True),
        sa.Column("interval_upper", sa.Float(), nullable=True),
        sa.Column("interval_unit", sa.String(), nullable=True),
        sa.Column("standard_uncertainty", sa.Float(), nullable=True),
        sa.Column("contributed_standard_uncertainty", sa.Float(), nullable=True),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("basis IN ('U', 'MPE')", name=op.f("ck_published_reference_basis")),
        sa.CheckConstraint(
            "extension IN ('build_up', 'substitution', 'ratio')",
            name=op.f("ck_published_reference_extension"),
        ),
        sa.CheckConstraint(
            "(ratio IS NULL OR ratio BETWEEN -1e300 AND 1e300) AND (ratio_limit IS NULL OR ratio_limit BETWEEN -1e300 AND 1e300) AND (at_value IS NULL OR at_value BETWEEN -1e300 AND 1e300) AND (user_value IS NULL OR user_value BETWEEN -1e300 AND 1e300) AND (conversion_factor IS NULL OR conversion_factor BETWEEN -1e300 AND 1e300) AND (interval_lower IS NULL OR interval_lower BETWEEN -1e300 AND 1e300) AND (interval_upper IS NULL OR interval_upper BETWEEN -1e300 AND 1e300) AND (standard_uncertainty IS NULL OR standard_uncertainty BETWEEN -1e300 AND 1e300) AND (contributed_standard_uncertainty IS NULL OR contributed_standard_uncertainty BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_published_reference_finite"),
        ),
        sa.CheckConstraint(
            "contributed_standard_uncertainty >= 0",
            name=op.f("ck_published_reference_contribution"),
        ),
        sa.CheckConstraint(
            "ratio >= 0 AND ratio_limit > 0", name=op.f("ck_published_reference_ratio")
        ),
        sa.CheckConstraint(
            "standard_uncertainty >= 0", name=op.f("ck_published_reference_standard_uncertainty")
        ),
        sa.ForeignKeyConstraint(
            ["holder_id", "calibration_id"],
            ["published_calibration.holder_id", "published_calibration.id"],
            name=op.f("fk_published_reference_holder_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["organization.id"], name=op.f("fk_published_reference_holder_id")
        ),
        sa.ForeignKeyConstraint(
            ["reference_id"],
            ["published_calibration.id"],
            name=op.f("fk_published_reference_reference_id"),
        ),
        sa.PrimaryKeyConstraint("calibration_id", "position", name=op.f("pk_published_reference")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_published_reference_reference_id"),
        "published_reference",
        ["reference_id"],
        unique=False,
    )

    op.create_table(
        "published_supersession",
        sa.Column("published_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id", "published_id"],
            ["published_calibration.holder_id", "published_calibration.id"],
            name=op.f("fk_published_supersession_holder_id_published_id"),
        ),
        sa.ForeignKeyConstraint(
            ["holder_id", "successor_id"],
            ["published_calibration.holder_id", "published_calibration.id"],
            name=op.f("fk_published_supersession_holder_id_successor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["organization.id"], name=op.f("fk_published_supersession_holder_id")
        ),
        sa.PrimaryKeyConstraint("published_id", name=op.f("pk_published_supersession")),
        info={"append_only": True},
    )
    op.create_table(
        "signature",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("subject_sha256", sa.String(), nullable=False),
        sa.Column("meaning", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("reauthenticated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "meaning IN ('calibrated', 'checked', 'approved')", name=op.f("ck_signature_meaning")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id", "identity_id"],
            ["person.organization_id", "person.id", "person.identity_id"],
            name=op.f("fk_signature_organization_id_person_id_identity_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_signature_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_signature")),
        sa.UniqueConstraint(
            "organization_id",
            "subject_id",
            "identity_id",
            name=op.f("uq_signature_organization_id_subject_id_identity_id"),
        ),
        sa.UniqueConstraint(
            "organization_id",
            "subject_id",
            "meaning",
            name=op.f("uq_signature_organization_id_subject_id_meaning"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "work_order",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("requested_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["organization.id"], name=op.f("fk_work_order_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "item_id"],
            ["item.organization_id", "item.id"],
            name=op.f("fk_work_order_organization_id_item_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_work_order_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_work_order")),
        info={"append_only": True},
    )
    op.create_table(
        "calibration_reference",
        sa.Column("method_zh", sa.String(), nullable=False),
        sa.Column("method_en", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=True),
        sa.Column("ratio", sa.Float(), nullable=True),
        sa.Column("ratio_limit", sa.Float(), nullable=True),
        sa.Column("at_value", sa.Float(), nullable=True),
        sa.Column("at_unit", sa.String(), nullable=True),
        sa.Column("user_value", sa.Float(), nullable=True),
        sa.Column("user_unit", sa.String(), nullable=True),
        sa.Column("conversion_factor", sa.Float(), nullable=True),
        sa.Column("conversion_model", sa.String(), nullable=True),
        sa.Column("extension", sa.String(), nullable=True),
        sa.Column("interval_lower", sa.Float(), nullable=True),
        sa.Column("interval_upper", sa.Float(), nullable=True),
        sa.Column("interval_unit", sa.String(), nullable=True),
        sa.Column("standard_uncertainty", sa.Float(), nullable=True),
        sa.Column("contributed_standard_uncertainty", sa.Float(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=True),
        sa.Column("published_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("basis IN ('U', 'MPE')", name=op.f("ck_calibration_reference_basis")),
        sa.CheckConstraint(
            "extension IN ('build_up', 'substitution', 'ratio')",
            name=op.f("ck_calibration_reference_extension"),
        ),
        sa.CheckConstraint(
            "(ratio IS NULL OR ratio BETWEEN -1e300 AND 1e300) AND (ratio_limit IS NULL OR ratio_limit BETWEEN -1e300 AND 1e300) AND (at_value IS NULL OR at_value BETWEEN -1e300 AND 1e300) AND (user_value IS NULL OR user_value BETWEEN -1e300 AND 1e300) AND (conversion_factor IS NULL OR conversion_factor BETWEEN -1e300 AND 1e300) AND (interval_lower IS NULL OR interval_lower BETWEEN -1e300 AND 1e300) AND (interval_upper IS NULL OR interval_upper BETWEEN -1e300 AND 1e300) AND (standard_uncertainty IS NULL OR standard_uncertainty BETWEEN -1e300 AND 1e300) AND (contributed_standard_uncertainty IS NULL OR contributed_standard_uncertainty BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_calibration_reference_finite"),
        ),
        sa.CheckConstraint(
            "(reference_id IS NULL) <> (published_id IS NULL)",
            name=op.f("ck_calibration_reference_one_reference"),
        ),
        sa.CheckConstraint(
            "contributed_standard_uncertainty >= 0",
            name=op.f("ck_calibration_reference_contribution"),
        ),
        sa.CheckConstraint(
            "ratio >= 0 AND ratio_limit > 0", name=op.f("ck_calibration_reference_ratio")
        ),
        sa.CheckConstraint(
            "reference_id <> calibration_id",
            name=op.f("ck_calibration_reference_reference_is_another"),
        ),
        sa.CheckConstraint(
            "standard_uncertainty >= 0", name=op.f("ck_calibration_reference_standard_uncertainty")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_calibration_reference_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reference_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_calibration_reference_organization_id_reference_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_calibration_reference_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["published_id"],
            ["published_calibration.id"],
            name=op.f("fk_calibration_reference_published_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "calibration_id", "position", name=op.f("pk_calibration_reference")
        ),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_calibration_reference_organization_id_published_id"),
        "calibration_reference",
        ["organization_id", "published_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_calibration_reference_organization_id_reference_id"),
        "calibration_reference",
        ["organization_id", "reference_id"],
        unique=False,
    )

    op.create_table(
        "calibration_result",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("measurand", sa.String(), nullable=False),
        sa.Column("detail_zh", sa.String(), nullable=True),
        sa.Column("detail_en", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("nominal", sa.Text(), nullable=False),
        sa.Column("estimate", sa.Text(), nullable=False),
        sa.Column("expanded_uncertainty", sa.Text(), nullable=True),
        sa.Column("maximum_permissible_error", sa.Text(), nullable=True),
        sa.Column("coverage_factor", sa.Float(), nullable=True),
        sa.Column("coverage_probability", sa.Float(), nullable=True),
        sa.Column("standard_uncertainty", sa.Float(), nullable=True),
        sa.Column("degrees_of_freedom", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "measurand IN ('error_of_indication', 'value')",
            name=op.f("ck_calibration_result_measurand"),
        ),
        sa.CheckConstraint(
            "stage IN ('as_found', 'as_left')", name=op.f("ck_calibration_result_stage")
        ),
        sa.CheckConstraint(
            "(coverage_factor IS NULL OR coverage_factor BETWEEN -1e300 AND 1e300) AND (coverage_probability IS NULL OR coverage_probability BETWEEN -1e300 AND 1e300) AND (standard_uncertainty IS NULL OR standard_uncertainty BETWEEN -1e300 AND 1e300) AND (degrees_of_freedom IS NULL OR degrees_of_freedom BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_calibration_result_finite"),
        ),
        sa.CheckConstraint(
            "coverage_factor > 0", name=op.f("ck_calibration_result_coverage_factor_positive")
        ),
        sa.CheckConstraint(
            "coverage_probability > 0 AND coverage_probability < 1",
            name=op.f("ck_calibration_result_probability"),
        ),
        sa.CheckConstraint(
            "degrees_of_freedom >= 1", name=op.f("ck_calibration_result_degrees_of_freedom")
        ),
        sa.CheckConstraint(
            "standard_uncertainty >= 0", name=op.f("ck_calibration_result_standard_uncertainty")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_calibration_result_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_calibration_result_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_calibration_result")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_calibration_result_organization_id_calibration_id"),
        "calibration_result",
        ["organization_id", "calibration_id"],
        unique=False,
    )

    op.create_table(
        "calibration_supersession",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "successor_id <> calibration_id",
            name=op.f("ck_calibration_supersession_successor_is_another"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_calibration_supersession_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "successor_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_calibration_supersession_organization_id_successor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_calibration_supersession_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "calibration_id", name=op.f("pk_calibration_supersession")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "certificate_calibration",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_certificate_calibration_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "certificate_id"],
            ["certificate.organization_id", "certificate.id"],
            name=op.f("fk_certificate_calibration_organization_id_certificate_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_certificate_calibration_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "calibration_id",
            "certificate_id",
            name=op.f("pk_certificate_calibration"),
        ),
        info={"append_only": True},
    )
    op.create_table(
        "original_record",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_original_record_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_original_record_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "calibration_id", name=op.f("pk_original_record")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "publication",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("published_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_publication_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "published_id"],
            ["published_calibration.holder_id", "published_calibration.id"],
            name=op.f("fk_publication_organization_id_published_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_publication_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "calibration_id", name=op.f("pk_publication")),
        info={"append_only": True},
    )
    op.create_table(
        "work_order_step",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('requested', 'accepted', 'received', 'assigned', 'measured', 'checked', 'approved', 'issued', 'returned', 'cancelled')",
            name=op.f("ck_work_order_step_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_work_order_step_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["person.organization_id", "person.id"],
            name=op.f("fk_work_order_step_organization_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "work_order_id"],
            ["work_order.organization_id", "work_order.id"],
            name=op.f("fk_work_order_step_organization_id_work_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_work_order_step_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "work_order_id", "position", name=op.f("pk_work_order_step")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "conformity_statement",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=True),
        sa.Column("decision_rule", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("checks", JSON, nullable=False),
        sa.Column("conformance_probability", sa.Float(), nullable=True),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('pass', 'fail', 'undetermined')",
            name=op.f("ck_conformity_statement_verdict"),
        ),
        sa.CheckConstraint(
            "conformance_probability BETWEEN 0 AND 1",
            name=op.f("ck_conformity_statement_probability"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calibration_id"],
            ["calibration.organization_id", "calibration.id"],
            name=op.f("fk_conformity_statement_organization_id_calibration_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "result_id"],
            ["calibration_result.organization_id", "calibration_result.id"],
            name=op.f("fk_conformity_statement_organization_id_result_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_conformity_statement_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_conformity_statement")),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_conformity_statement_organization_id_calibration_id"),
        "conformity_statement",
        ["organization_id", "calibration_id"],
        unique=False,
    )

    op.create_table(
        "result_influence",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("influence_id", sa.Uuid(), nullable=False),
        sa.Column("component", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "(component IS NULL OR component BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_result_influence_finite"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "result_id"],
            ["calibration_result.organization_id", "calibration_result.id"],
            name=op.f("fk_result_influence_organization_id_result_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_result_influence_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "result_id", "influence_id", name=op.f("pk_result_influence")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "result_sensitivity",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("coefficient", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "(coefficient IS NULL OR coefficient BETWEEN -1e300 AND 1e300)",
            name=op.f("ck_result_sensitivity_finite"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "result_id"],
            ["calibration_result.organization_id", "calibration_result.id"],
            name=op.f("fk_result_sensitivity_organization_id_result_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_result_sensitivity_organization_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "result_id", "position", name=op.f("pk_result_sensitivity")
        ),
        info={"append_only": True},
    )
    op.create_table(
        "uncertainty_budget",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "result_id"],
            ["calibration_result.organization_id", "calibration_result.id"],
            name=op.f("fk_uncertainty_budget_organization_id_result_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_uncertainty_budget_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "result_id", name=op.f("pk_uncertainty_budget")),
        info={"append_only": True},
    )
