"""Sums over organizations, of which no single one can be told; and what the own one states."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from sqlmodel import SQLModel

from service import summaries
from service.actions import summaries as actions
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.store import summaries as store

router = APIRouter(prefix="/summaries", tags=["summaries"])

Period = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", examples=["2026-10"])]


class StatementAnswer(SQLModel):
    """What the own organization stated of a month: items by quantity and state."""

    period: str
    stated_at: datetime
    counts: dict[str, dict[str, int]]


class QuantityAnswer(SQLModel):
    """How many items of a quantity stand how; null is withheld, never 0."""

    quantity: str
    valid: int | None
    overdue: int | None
    not_calibrated: int | None


class TotalsAnswer(SQLModel):
    """The totals of the sums that are told; nothing withheld is in them."""

    valid: int | None
    overdue: int | None
    not_calibrated: int | None


class SummaryAnswer(SQLModel):
    """The sums of a month over all organizations that stated theirs.

    `organizations` is null where they are fewer than three.
    """

    period: str
    organizations: int | None
    quantities: list[QuantityAnswer]
    totals: TotalsAnswer


@router.post("", status_code=201)
def state_summary(session: Transaction, actor: Acting, now: Now) -> StatementAnswer:
    """State how many of the own items are valid, overdue or not calibrated now, by quantity.

    It counts for the month that is running; the last statement of the month holds. Others never
    read it: they see sums, once the month is over.
    """
    row = actions.state(session, actor_id=actor.person_id, now=now)
    return StatementAnswer.model_validate(row, from_attributes=True)


@router.get("/own")
def list_own_summaries(session: Reading) -> list[StatementAnswer]:
    """Return what the own organization stated, the newest first."""
    return [StatementAnswer.model_validate(row, from_attributes=True) for row in store.own(session)]


@router.get("")
def list_summaries(request: Request, _actor: Acting, today: Today) -> list[str]:
    """Return the months that are over and of which there are sums, the newest first."""
    return summaries.periods(request.app.state.engine, today=today)


@router.get("/{period}")
def get_summary(request: Request, _actor: Acting, today: Today, period: Period) -> SummaryAnswer:
    """Return the sums of a month; what would tell of a single organization is withheld.

    A sum is told where at least three organizations add to it, it is at least ten, and none of
    them could find out another's part by taking away its own.
    """
    found = summaries.summary(request.app.state.engine, period, today=today)
    return SummaryAnswer(
        period=found.period,
        organizations=found.organizations,
        quantities=[
            QuantityAnswer(quantity=one.quantity, **one.counts) for one in found.quantities
        ],
        totals=TotalsAnswer(**found.totals),
    )
