"""The reference layer: what organizations publish, readable by all, written by its holder.

It never points into a book: keys go from books to here, as from distributed to reference tables.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from service.tables.base import APPEND_ONLY, UtcDateTime, one_of
from service.tables.calibrations import (
    CalibrationFacts,
    ReferenceFacts,
    calibration_checks,
    reference_checks,
)


def by_its_holder(column: str) -> ForeignKeyConstraint:
    """Return a foreign key to a published calibration that only its holder can satisfy."""
    return ForeignKeyConstraint(
        ["holder_id", column], ["published_calibration.holder_id", "published_calibration.id"]
    )


class PublishedCalibration(CalibrationFacts, table=True):
    """A calibration of a measurement standard that its holder publishes in the catalogue (名录).

    `calibration_id` and `item_id` are the ids of the holder's book; no key leads there.
    """

    __tablename__ = "published_calibration"
    __table_args__ = (
        UniqueConstraint("holder_id", "calibration_id"),
        UniqueConstraint("holder_id", "id"),
        *calibration_checks(),
        APPEND_ONLY,
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    holder_id: UUID = Field(foreign_key="organization.id")
    calibration_id: UUID
    item_id: UUID


class PublishedReference(ReferenceFacts, table=True):
    """An edge within the reference layer."""

    __tablename__ = "published_reference"
    __table_args__ = (
        by_its_holder("calibration_id"),
        *reference_checks(),
        APPEND_ONLY,
    )

    calibration_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    reference_id: UUID = Field(foreign_key="published_calibration.id", index=True)
    holder_id: UUID = Field(foreign_key="organization.id")


class PublishedSupersession(SQLModel, table=True):
    """The end of a published calibration's standing, said once, by its holder, to all."""

    __tablename__ = "published_supersession"
    __table_args__ = (by_its_holder("published_id"), by_its_holder("successor_id"), APPEND_ONLY)

    published_id: UUID = Field(primary_key=True)
    holder_id: UUID = Field(foreign_key="organization.id")
    successor_id: UUID | None = None
    superseded_at: datetime = Field(sa_type=UtcDateTime)
    reason: str


class CertificateEntry(SQLModel, table=True):
    """What anyone may learn of a certificate who knows its number or the item's serial number.

    One row a key and a status; the newest says what holds. Keys are of the number, of the item's
    serial number and of each file's digest. It tells one maker's item from another's, and never
    names the customer. Distributed by `lookup_key`.

    Attributes:
        replaced_by: the number of the certificate that amends this one.
    """

    __tablename__ = "certificate_entry"
    __table_args__ = (
        one_of("status", "issued", "amended", "withdrawn", "voided"),
        CheckConstraint("number LIKE issuer_code || '-%'", name="number_in_own_name"),
        ForeignKeyConstraint(
            ["issuer_id", "issuer_code"], ["organization.id", "organization.code"]
        ),
        APPEND_ONLY,
    )

    lookup_key: str = Field(primary_key=True)
    certificate_id: UUID = Field(primary_key=True)
    recorded_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    issuer_id: UUID
    issuer_code: str
    number: str
    kind: str
    status: str
    issued_on: date
    valid_until: date | None = None
    item_name_zh: str
    item_name_en: str
    manufacturer_zh: str
    manufacturer_en: str
    type_designation: str
    content_sha256: str
    is_demonstration: bool = False
    replaced_by: str | None = None
