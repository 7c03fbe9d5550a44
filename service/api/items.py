"""Items of the ledger."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service.actions import items as actions
from service.api import conditions
from service.api.conditions import IfMatch, IfNoneMatch
from service.api.paging import FORMS, Asked, Since, answered
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.store import calibrations as calibration_store
from service.store import items as store
from service.store import verdicts
from service.tenancy import TenantSession

router = APIRouter(prefix="/items", tags=["items"])


class CalibrationOfItem(SQLModel):
    """One calibration in an item's history.

    `chain_unbroken` is the stored verdict on its chain as its references were used; null where
    something published behind it has ended since: ask for the chain itself then.
    """

    id: UUID
    kind: str
    performed_on: date
    valid_until: date | None
    certificate_number: str | None
    laboratory_zh: str
    laboratory_en: str
    chain_unbroken: bool | None


class ItemSummary(SQLModel):
    """An item as a list tells it.

    No item is ever deleted: one out of use has the status `out_of_service`, so that whoever keeps
    in step by `updated_since` learns of its end.
    """

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
    maximum_permissible_error_model: str | None
    maximum_permissible_error_coefficient: float | None
    location: list[str]
    procedure_code: str | None
    period_months: int | None
    status: str
    status_since: date | None
    recorded_at: datetime
    changed_at: datetime | None
    is_demonstration: bool


class ItemAnswer(ItemSummary):
    """An item, with its calibrations, newest first."""

    calibrations: list[CalibrationOfItem]


class ItemChange(SQLModel):
    """What shall be otherwise of an item; what is left out stays."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type

    asset_number: Annotated[str | None, Field(max_length=100, examples=["TPP-0042"])] = None
    location: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]],
        Field(max_length=10, examples=[["Unit 1", "Boiler hall"]]),
    ] = []
    use: Annotated[str | None, Field(max_length=200)] = None
    procedure_code: Annotated[str | None, Field(max_length=100)] = None
    period_months: Annotated[int | None, Field(ge=1, le=600)] = None
    status: Literal["in_use", "limited", "sealed", "out_of_service"] = "in_use"
    maximum_permissible_error_model: Literal["absolute", "relative"] | None = None
    maximum_permissible_error_coefficient: Annotated[
        float | None,
        Field(gt=0, le=1e15, allow_inf_nan=False, description="In the range's unit, or × value."),
    ] = None


@router.get("", response_model=list[ItemSummary], responses=FORMS)
def list_items(
    request: Request,
    session: Reading,
    page: Asked,
    updated_since: Since = None,
    serial_number: Annotated[str | None, Query(max_length=100, examples=["0083105"])] = None,
) -> Response:
    """Return the ledger's items by id, a page at a time; as CSV or JSON lines all of them."""
    return answered(
        request,
        session,
        page,
        lambda after, limit: store.page(
            session, after=after, limit=limit, updated_since=updated_since,
            serial_number=serial_number,
        ),
        ItemSummary,
    )  # fmt: skip


@router.get("/{item_id}", response_model=ItemAnswer, responses={304: {"description": "As it was."}})
def get_item(
    session: Reading, response: Response, item_id: UUID, if_none_match: IfNoneMatch = None
) -> Any:
    """Return an item of the own ledger with its calibrations, newest first."""
    return conditions.unless_known(response, if_none_match, _answer(session, item_id))


@router.patch("/{item_id}")
def change_item(
    session: Transaction,
    response: Response,
    actor: Acting,
    now: Now,
    item_id: UUID,
    said: ItemChange,
    if_match: IfMatch = None,
) -> ItemAnswer:
    """Change facts of an item that is still as it was read."""
    conditions.require_match("item", if_match, conditions.etag_of(_answer(session, item_id)))
    facts = said.model_dump(exclude_unset=True)
    actions.change(session, item_id, facts, actor_id=actor.person_id, now=now)
    answer = _answer(session, item_id)
    response.headers["ETag"] = conditions.etag_of(answer)
    return answer


def _answer(session: TenantSession, item_id: UUID) -> ItemAnswer:
    item = store.get(session, item_id)
    history = calibration_store.of_item(session, item_id)
    found = verdicts.current(session, [row.id for row in history])
    rows = [
        CalibrationOfItem.model_validate(
            row,
            update={"chain_unbroken": found[row.id].is_unbroken if row.id in found else None},
            from_attributes=True,
        )
        for row in history
    ]
    return ItemAnswer.model_validate(item, update={"calibrations": rows}, from_attributes=True)
