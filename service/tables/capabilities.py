"""The register of accredited calibration and measurement capabilities (CMC)."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from service.tables.base import APPEND_ONLY, TenantRow, UtcDateTime, finite, within_tenant


class MeasurementCapability(TenantRow, table=True):
    """One line of a scope of accreditation: the smallest U (CMC) over a range of a quantity.

    A line is corrected, or ended, by another that supersedes it.

    Attributes:
        quantity: as items of the ledger name theirs.
        procedure_code: of the one procedure that it is for; None for any.
        expression: U over `value`, in `uncertainty_unit`; `procedures.capability` reads it.
        accreditation: the number of the accreditation, as the operator entered it as seen.
        note: why it was entered, corrected or ended.
    """

    __tablename__ = "measurement_capability"
    __table_args__ = (
        within_tenant(["supersedes_id"], "measurement_capability"),
        UniqueConstraint("organization_id", "supersedes_id"),
        CheckConstraint("supersedes_id <> id", name="supersedes_another"),
        CheckConstraint("lower <= upper", name="range"),
        CheckConstraint("valid_until >= valid_from", name="validity"),
        finite("lower", "upper"),
        APPEND_ONLY,
    )

    quantity: str
    procedure_code: str | None = None
    lower: float
    upper: float
    unit: str
    expression: str
    uncertainty_unit: str
    accreditation: str
    valid_from: date
    valid_until: date | None = None
    supersedes_id: UUID | None = None
    note: str = ""
    is_demonstration: bool = False
    recorded_by: UUID
    recorded_at: datetime = Field(sa_type=UtcDateTime)
