"""Accredited capabilities (CMC): listed, entered, corrected and ended."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, FiniteFloat
from sqlmodel import SQLModel

from service.actions import capabilities as actions
from service.actions.capabilities import Scope
from service.api.calibrations import Strict
from service.api.given import Day
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.store import capabilities as store

router = APIRouter(prefix="/capabilities", tags=["capabilities"])

Name = Annotated[str, Field(min_length=1, max_length=100)]
Unit = Annotated[str, Field(min_length=1, max_length=40)]


class CapabilityIn(Strict):
    """One line of a scope of accreditation.

    `expression` is U over `value`, the measured value in `unit`: `0.002` or
    `0.001 + 5e-4*abs(value)`, in `uncertainty_unit`, which is `unit` where it is left out; `%` is
    of the value. `quantity` is as items of the ledger name theirs. The line named in
    `supersedes_id` holds no longer.
    """

    quantity: Name
    procedure_code: Name | None = None
    lower: FiniteFloat
    upper: FiniteFloat
    unit: Unit
    expression: Annotated[str, Field(min_length=1, max_length=500)]
    uncertainty_unit: Annotated[str, Field(max_length=40)] = ""
    accreditation: Name
    valid_from: date
    valid_until: date | None = None
    note: Annotated[str, Field(max_length=500)] = ""
    supersedes_id: UUID | None = None


class EndingIn(Strict):
    """The last day on which a line holds, and why it ends."""

    last_on: date
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class CapabilityAnswer(SQLModel):
    """One line of the register."""

    id: UUID
    quantity: str
    procedure_code: str | None
    lower: float
    upper: float
    unit: str
    expression: str
    uncertainty_unit: str
    accreditation: str
    valid_from: date
    valid_until: date | None
    supersedes_id: UUID | None
    note: str
    recorded_at: datetime


On = Annotated[Day | None, Query(description="Only what holds on this day.")]


@router.get("")
def list_capabilities(session: Reading, on: On = None) -> list[CapabilityAnswer]:
    """List the register: every line that no other supersedes, past ones too unless `on` is given.

    Under an accreditation no smaller U is reported than its line says (ILAC-P14:09/2020).
    """
    return [
        CapabilityAnswer.model_validate(row, from_attributes=True)
        for row in store.in_register(session)
        if on is None
        or (row.valid_from <= on and (row.valid_until is None or row.valid_until >= on))
    ]


@router.post("", status_code=201)
def add_capability(
    session: Transaction, actor: Acting, now: Now, said: CapabilityIn
) -> CapabilityAnswer:
    """Enter a line of the register, or correct one by naming it in `supersedes_id`."""
    row = actions.add(
        session,
        Scope(**said.model_dump(exclude={"supersedes_id"})),
        supersedes_id=said.supersedes_id,
        actor_id=actor.person_id,
        now=now,
    )
    return CapabilityAnswer.model_validate(row, from_attributes=True)


@router.post("/{capability_id}/ending", status_code=201)
def end_capability(
    session: Transaction, actor: Acting, now: Now, capability_id: UUID, said: EndingIn
) -> CapabilityAnswer:
    """End a line of the register; the answer is the line that supersedes it."""
    row = actions.end(
        session, capability_id, **said.model_dump(), actor_id=actor.person_id, now=now
    )
    return CapabilityAnswer.model_validate(row, from_attributes=True)
