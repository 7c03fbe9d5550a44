"""What a standard's new certificate makes of the uncertainties that rest on the old one."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import SQLModel

from service import networks
from service.api.dependents import CalibrationNamed, KnownAt, On, named
from service.auth import Reading
from service.clock import Now, Today

router = APIRouter(prefix="/calibrations", tags=["calibrations"])


class ReevaluatedAnswer(SQLModel):
    """A calibration that rests on the replaced one; u where it used its first reference.

    `before` as certified, `after` for work to come; null where a contribution is not on record.
    `ratio_exceeded`: with the new U its reference would no longer meet the procedure's rule.
    """

    calibration: CalibrationNamed
    standard_uncertainty_before: float | None
    standard_uncertainty_after: float | None
    ratio_exceeded: bool
    is_in_force: bool


class ReevaluationAnswer(SQLModel):
    """What rests on a calibration, as it would be with its successor's uncertainty."""

    calibration: CalibrationNamed
    successor: CalibrationNamed
    on: date
    dependents: list[ReevaluatedAnswer]


@router.get("/{calibration_id}/re-evaluation")
def get_reevaluation(
    session: Reading,
    calibration_id: UUID,
    today: Today,
    now: Now,
    successor_id: Annotated[UUID, Query(description="the standard's new calibration")],
    on: On = None,
    known_at: KnownAt = None,
) -> ReevaluationAnswer:
    """Return what a standard's new certificate makes of what rests on the old one.

    For future work only: nothing is written, and certificates that were issued stay as they are.
    """
    day = on or today
    found = networks.reevaluation(
        session, calibration_id, successor_id, on=day, known_at=known_at or now
    )
    return ReevaluationAnswer(
        calibration=named(found.root),
        successor=named(found.successor),
        on=day,
        dependents=[
            ReevaluatedAnswer(
                calibration=named(one.link),
                standard_uncertainty_before=one.before,
                standard_uncertainty_after=one.after,
                ratio_exceeded=one.ratio_exceeded,
                is_in_force=one.link.calibration_id in found.in_force,
            )
            for one in found.dependents
        ],
    )
