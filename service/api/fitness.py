"""Whether an item is fit for a use."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import FiniteFloat
from sqlmodel import SQLModel

from service import networks
from service.api.given import Day, Moment
from service.auth import Reading
from service.clock import Now
from traceability.chain import break_mapping
from traceability.fitness import Unfitness

router = APIRouter(prefix="/items", tags=["items"])


class FitnessAnswer(SQLModel):
    """Fit if no reason stands against it; u at the point, in `unit`, null where unknown.

    `calibrated_standard_uncertainty` is that of the day of calibration, the predicted one that
    of the day of use, known only where the drift is. `breaks` are those of its chain.
    """

    item_id: UUID
    on: date
    fit: bool
    reasons: list[Unfitness]
    calibration_id: UUID | None
    certificate_number: str | None
    at: float
    unit: str
    required_standard_uncertainty: float
    calibrated_standard_uncertainty: float | None
    predicted_standard_uncertainty: float | None
    breaks: list[dict[str, Any]]


@router.get("/{item_id}/fitness")
def get_fitness(
    session: Reading,
    item_id: UUID,
    now: Now,
    quantity: Annotated[str, Query(min_length=1, description="what is to be measured")],
    at: Annotated[FiniteFloat, Query(description="the value to be measured")],
    required_u: Annotated[
        FiniteFloat, Query(gt=0, description="the largest standard uncertainty that serves")
    ],
    on: Annotated[Day, Query(description="the day of use")],
    unit: Annotated[
        str | None, Query(min_length=1, description="of the value and of u; else the item's")
    ] = None,
    drift_u_per_year: Annotated[
        FiniteFloat | None,
        Query(ge=0, description="u of the change in a year, if somebody has evaluated it"),
    ] = None,
    known_at: Annotated[Moment | None, Query(description="as known at this moment")] = None,
) -> FitnessAnswer:
    """Return whether an item of the own ledger serves to measure a value on a day, and why not.

    The day is asked for, not taken: fitness is always that of a day. Source: ISO 10012:2003,
    7.1 and 7.3.1.
    """
    found = networks.fitness(
        session,
        item_id,
        quantity=quantity,
        at=at,
        unit=unit,
        required_standard_uncertainty=required_u,
        drift_standard_uncertainty_per_year=drift_u_per_year,
        on=on,
        known_at=known_at or now,
    )
    said = found.fitness
    return FitnessAnswer(
        item_id=item_id,
        on=on,
        fit=said.fit,
        reasons=list(said.reasons),
        calibration_id=said.calibration_id,
        certificate_number=found.certificate_number,
        at=at,
        unit=found.unit,
        required_standard_uncertainty=required_u,
        calibrated_standard_uncertainty=said.calibrated_standard_uncertainty,
        predicted_standard_uncertainty=said.predicted_standard_uncertainty,
        breaks=[break_mapping(found_break) for found_break in said.breaks],
    )
