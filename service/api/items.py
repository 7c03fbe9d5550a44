"""Items of the ledger."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import SQLModel

from service.auth import Reading
from service.store import calibrations as calibration_store
from service.store import items as store

router = APIRouter(prefix="/items", tags=["items"])


class CalibrationOfItem(SQLModel):
    """One calibration in an item's history."""

    id: UUID
    kind: str
    performed_on: date
    valid_until: date | None
    certificate_number: str | None
    laboratory_zh: str
    laboratory_en: str


class ItemAnswer(SQLModel):
    """An item, with its calibrations, newest first."""

    id: UUID
    kind: str
    standard_rank: str | None
    level_zh: str | None
    name_zh: str
    name_en: str
    manufacturer_zh: str
    manufacturer_en: str
    type_designation: str
    serial_number: str
    asset_number: str | None
    quantity: str
    range_lower: float | None
    range_upper: float | None
    range_unit: str | None
    range_text: str | None
    accuracy_text: str
    location: list[str]
    procedure_code: str | None
    period_months: int | None
    status: str
    is_demonstration: bool
    calibrations: list[CalibrationOfItem]


@router.get("/{item_id}")
def get_item(session: Reading, item_id: UUID) -> ItemAnswer:
    """Return an item of the own ledger with its calibrations, newest first."""
    item = store.get(session, item_id)
    history = calibration_store.of_item(session, item_id)
    rows = [CalibrationOfItem.model_validate(row, from_attributes=True) for row in history]
    return ItemAnswer.model_validate(item, update={"calibrations": rows}, from_attributes=True)
