"""Issued certificates. Rows are never updated: amendment and withdrawal are new rows."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.tables.base import APPEND_ONLY, Json, TenantRow, UtcDateTime, one_of, within_tenant

PROOF_LASTS = timedelta(seconds=300)  # how old the proof of identity behind a signature may be


def proven_just_before() -> tuple[CheckConstraint, CheckConstraint]:
    """Return the check that a signature follows its proof of identity, in each engine's words."""
    lasts = f"{PROOF_LASTS.total_seconds():.0f}"
    known = "reauthenticated_at IS NULL OR reauthenticated_at <= signed_at AND "
    sqlite = f"round((julianday(signed_at) - julianday(reauthenticated_at)) * 86400, 3) <= {lasts}"
    postgresql = f"signed_at - reauthenticated_at <= interval '{lasts} seconds'"
    return (
        CheckConstraint(known + sqlite, name="proof").ddl_if(dialect="sqlite"),
        CheckConstraint(known + postgresql, name="proof").ddl_if(dialect="postgresql"),
    )


class Certificate(TenantRow, table=True):
    """One certificate, in the book of its issuer and in the book of whoever received it."""

    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        within_tenant(["amends_id"], "certificate"),
        APPEND_ONLY,
    )

    issuer_id: UUID = Field(foreign_key="organization.id")
    number: str
    kind: str
    issued_at: datetime = Field(sa_type=UtcDateTime)
    content_sha256: str
    amends_id: UUID | None = None


class CertificateStatus(SQLModel, table=True):
    """What became of a certificate; the newest row holds."""

    __tablename__ = "certificate_status"
    __table_args__ = (
        within_tenant(["certificate_id"], "certificate"),
        one_of("status", "issued", "amended", "withdrawn", "voided"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    certificate_id: UUID = Field(primary_key=True)
    recorded_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    status: str
    reason: str | None = None


class CertificateCalibration(SQLModel, table=True):
    """Which calibrations a certificate tells of; one may tell of several items."""

    __tablename__ = "certificate_calibration"
    __table_args__ = (
        within_tenant(["certificate_id"], "certificate"),
        within_tenant(["calibration_id"], "calibration"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    calibration_id: UUID = Field(primary_key=True)
    certificate_id: UUID = Field(primary_key=True)


class CertificateFile(SQLModel, table=True):
    """The bytes of one form of a certificate; `json` is the content all other forms print."""

    __tablename__ = "certificate_file"
    __table_args__ = (
        within_tenant(["certificate_id"], "certificate"),
        one_of("form", "json", "pdf", "xml", "html", "proof"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    certificate_id: UUID = Field(primary_key=True)
    form: str = Field(primary_key=True)
    sha256: str
    content: bytes


class ProposedAmendment(TenantRow, table=True):
    """What a certificate is to say instead, and why; three persons sign it before it is issued.

    Attributes:
        content: the corrected certificate, still under the number that it amends.
        sha256: of the content and the reasons, which is what is signed.
    """

    __tablename__ = "proposed_amendment"
    __table_args__ = (
        within_tenant(["certificate_id"], "certificate"),
        within_tenant(["proposed_by"], "person"),
        Index(None, "organization_id", "certificate_id"),
        APPEND_ONLY,
    )

    certificate_id: UUID
    content: dict[str, Any] = Field(sa_type=Json)
    reason_zh: str
    reason_en: str
    sha256: str
    proposed_by: UUID
    proposed_at: datetime = Field(sa_type=UtcDateTime)


class Signature(TenantRow, table=True):
    """That a person calibrated, checked or approved what a digest names.

    One identity signs a subject once, so calibrated, checked and approved are three humans,
    whatever accounts they have.
    """

    __tablename__ = "signature"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "person_id", "identity_id"],
            ["person.organization_id", "person.id", "person.identity_id"],
        ),
        UniqueConstraint("organization_id", "subject_id", "meaning"),
        UniqueConstraint("organization_id", "subject_id", "identity_id"),
        one_of("meaning", "calibrated", "checked", "approved"),
        *proven_just_before(),
        APPEND_ONLY,
    )

    subject_id: UUID
    subject_sha256: str
    meaning: str
    person_id: UUID
    identity_id: UUID
    signed_at: datetime = Field(sa_type=UtcDateTime)
    method: str
    reauthenticated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CertificateSigning(SQLModel, table=True):
    """Which humans signed what a certificate tells of: three, or two where nobody checks.

    Attributes:
        subject_id: the calibration, or the amendment, that each of them has signed.
        signatories: how many the organization's policy asked for when it was issued.
    """

    __tablename__ = "certificate_signing"
    __table_args__ = (
        within_tenant(["certificate_id"], "certificate"),
        *(
            ForeignKeyConstraint(
                ["organization_id", "subject_id", who],
                ["signature.organization_id", "signature.subject_id", "signature.identity_id"],
            )
            for who in ("calibrated_by", "checked_by", "approved_by")
        ),
        CheckConstraint(
            "calibrated_by <> approved_by AND "
            "(checked_by IS NULL OR checked_by <> calibrated_by AND checked_by <> approved_by)",
            name="distinct_persons",
        ),
        CheckConstraint(
            "signatories = 3 AND checked_by IS NOT NULL OR signatories = 2", name="signatories"
        ),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    certificate_id: UUID = Field(primary_key=True)
    subject_id: UUID
    signatories: int
    calibrated_by: UUID
    checked_by: UUID | None = None
    approved_by: UUID


class NumberCounter(SQLModel, table=True):
    """The last certificate number of a year; counted in the transaction that issues."""

    __tablename__ = "number_counter"

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    issuer_code: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    last: int
