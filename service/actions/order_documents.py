"""The documents of a work order between organizations: what is asked for, and the answer.

Whoever reads them has only the sender's word; they are parsed as strictly as a told calibration.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, model_validator

from service.actions.documents import Number, Positive, Told, read_as
from traceability.graph import UncertaintyModel

Text = Annotated[str, Field(min_length=1, max_length=200)]
Remarks = Annotated[str, Field(max_length=2000)]


class ToldItem(Told):
    """An item as its owner's ledger describes it, under the id of that ledger."""

    id: UUID
    kind: Text
    standard_rank: str | None
    name_zh: Text
    name_en: Text
    manufacturer_zh: str
    manufacturer_en: str
    type_designation: str
    serial_number: Text
    asset_number: str | None
    quantity: Text
    range_lower: Number | None
    range_upper: Number | None
    range_unit: str | None
    accuracy_text: str
    maximum_permissible_error_model: UncertaintyModel | None
    maximum_permissible_error_coefficient: Positive | None
    expanded_uncertainty_model: UncertaintyModel | None
    expanded_uncertainty_coefficient: Positive | None
    is_mandatory: bool
    procedure_code: str | None
    period_months: Annotated[int, Field(ge=1, le=1200)] | None
    is_demonstration: bool


class ToldLine(Told):
    """One item of the order, and by which procedure it is to be verified or calibrated."""

    id: UUID
    item: ToldItem
    procedure_code: Text
    is_initial: bool


class OrderDocument(Told):
    """What a customer asks a laboratory for."""

    id: UUID
    number: Text
    due_on: date | None
    remarks: Remarks
    lines: Annotated[tuple[ToldLine, ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for ids in ([line.id for line in self.lines], [line.item.id for line in self.lines]):
            if len(set(ids)) != len(ids):
                raise ValueError("an item stands in the order twice")
        return self


class AnswerDocument(Told):
    """What the laboratory answers; `number` is its own number of the order."""

    order_id: UUID
    number: Text
    decision: Literal["accepted", "declined"]
    reason: Remarks


def read_order(version: int, content: Mapping[str, Any]) -> OrderDocument:
    """Return the order that was sent.

    Raises:
        InvalidField: another version than this service reads, or the first field in error.
    """
    return read_as(TypeAdapter(OrderDocument), version, content)


def read_answer(version: int, content: Mapping[str, Any]) -> AnswerDocument:
    """Return the answer that was sent.

    Raises:
        InvalidField: as `read_order`.
    """
    return read_as(TypeAdapter(AnswerDocument), version, content)
