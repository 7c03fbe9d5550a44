"""Items: what can be calibrated, as one organization knows them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from service.tables.base import Json, TenantRow, UtcDateTime, finite, one_of, within_tenant


class Item(TenantRow, table=True):
    """A measuring instrument, measuring system, material measure, standard or material.

    A laboratory registers what a customer brings in as well (`customer_id`); the item of the
    customer's own book carries the same id. A maximum permissible error or an expanded
    uncertainty (k = 2) is `coefficient` in `range_unit` (model absolute) or times the value
    (model relative).

    Attributes:
        range_lower, range_upper, range_unit: None where the measuring interval is not known as
            an interval, such as 3×220/380 V; `range_text` is what the ledger writes of it.
        changed_at: when a fact of it last changed; None if none did since it was recorded.
    """

    __tablename__ = "item"
    __table_args__ = (
        Index(None, "organization_id", "serial_number"),
        Index(None, "organization_id", "asset_number"),
        CheckConstraint("range_lower <= range_upper", name="range"),
        CheckConstraint(
            "(range_lower IS NULL) = (range_upper IS NULL) AND "
            "(range_lower IS NULL) = (range_unit IS NULL)",
            name="range_whole",
        ),
        CheckConstraint("maximum_permissible_error_coefficient > 0", name="mpe_positive"),
        CheckConstraint("expanded_uncertainty_coefficient > 0", name="uncertainty_positive"),
        one_of("maximum_permissible_error_model", "absolute", "relative"),
        one_of("expanded_uncertainty_model", "absolute", "relative"),
        CheckConstraint(
            "(maximum_permissible_error_model IS NULL) = "
            "(maximum_permissible_error_coefficient IS NULL) AND "
            "(expanded_uncertainty_model IS NULL) = (expanded_uncertainty_coefficient IS NULL)",
            name="models_whole",
        ),
        one_of("status", "in_use", "limited", "sealed", "out_of_service"),
        finite(
            "range_lower",
            "range_upper",
            "maximum_permissible_error_coefficient",
            "expanded_uncertainty_coefficient",
        ),
    )

    customer_id: UUID | None = Field(default=None, foreign_key="organization.id")
    kind: str
    standard_rank: str | None = None
    level_zh: str | None = None
    name_zh: str
    name_en: str
    manufacturer_zh: str
    manufacturer_en: str
    type_designation: str
    serial_number: str
    asset_number: str | None = None
    quantity: str
    range_lower: float | None = None
    range_upper: float | None = None
    range_unit: str | None = None
    range_text: str | None = None
    accuracy_text: str
    maximum_permissible_error_model: str | None = None
    maximum_permissible_error_coefficient: float | None = None
    expanded_uncertainty_model: str | None = None
    expanded_uncertainty_coefficient: float | None = None
    location: list[str] = Field(sa_type=Json)
    use: str | None = None
    is_mandatory: bool = False
    is_published: bool = False
    is_carbon_meter: bool = False
    energy_level: str | None = None
    procedure_code: str | None = None
    period_months: int | None = None
    status: str = "in_use"
    status_since: date | None = None
    confidence: str | None = None
    is_demonstration: bool = False
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ItemDue(SQLModel, table=True):
    """Until when each item's calibration in force is valid: derived, kept so that it is quick.

    `service.actions.due` writes it whenever a calibration of the item is recorded or ends; an
    item without a row was never calibrated, one without a calibration has none in force.
    """

    __tablename__ = "item_due"
    __table_args__ = (
        within_tenant(["item_id"], "item"),
        within_tenant(["calibration_id"], "calibration"),
        Index(None, "organization_id", "due_on"),
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    item_id: UUID = Field(primary_key=True)
    calibration_id: UUID | None = None
    due_on: date | None = None
