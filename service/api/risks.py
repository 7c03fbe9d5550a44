"""Coverage gaps, single points of failure and concentration of risk in the own book."""

from datetime import date
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from sqlmodel import SQLModel

from service import risks
from service.api.dependents import CalibrationNamed, KnownAt, On, named
from service.auth import Reading
from service.clock import Now, Today
from service.risks import Risks

router = APIRouter(prefix="/risks", tags=["risks"])


class GapAnswer(SQLModel):
    """An item in use without a valid traceable result on the day."""

    item_id: UUID
    name_zh: str
    name_en: str
    serial_number: str
    gap: Literal["not_calibrated", "expired", "chain_broken"]


class ConcentrationAnswer(SQLModel):
    """How many items hang on one calibration of a standard.

    `resting` by whatever path, `lost` without any other path; `share` of the calibrated items.
    """

    calibration: CalibrationNamed
    resting: int
    lost: int
    share: float


class RisksAnswer(SQLModel):
    """The own items in use on a day: the gaps, and what most of them hang on."""

    on: date
    items: int
    calibrated: int
    gaps: list[GapAnswer]
    concentrations: list[ConcentrationAnswer]


@router.get("")
def get_risks(
    session: Reading, today: Today, now: Now, on: On = None, known_at: KnownAt = None
) -> RisksAnswer:
    """Return the coverage gaps of the own book, and the single points of failure behind it."""
    return risks_answer(risks.risks(session, on=on or today, known_at=known_at or now))


def risks_answer(found: Risks) -> RisksAnswer:
    """Return gaps and concentrations as they are answered."""
    return RisksAnswer(
        on=found.on,
        items=found.items,
        calibrated=found.calibrated,
        gaps=[
            GapAnswer(
                item_id=one.item.id,
                name_zh=one.item.name_zh,
                name_en=one.item.name_en,
                serial_number=one.item.serial_number,
                gap=one.gap.value,
            )
            for one in found.gaps
        ],
        concentrations=[
            ConcentrationAnswer(
                calibration=named(one.link), resting=one.resting, lost=one.lost, share=one.share
            )
            for one in found.concentrations
        ],
    )
