"""The page of gaps, single points of failure and concentration of risk in the own book."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service import risks
from service.auth import Reading
from service.clock import Now, Today
from service.risks import Gap, Risks
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.notices import percent
from service.web.telling import item_name, laboratory
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """An item in use without a valid traceable result."""

    item_id: UUID
    name: Bilingual
    serial_number: str
    gap: Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcentrationRow:
    """A calibration on which items hang; `share` in percent of all calibrated items."""

    calibration_id: UUID
    name: Bilingual
    laboratory: Bilingual
    certificate_number: str | None
    resting: int
    lost: int
    share: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RisksPage:
    """Gaps and concentrations of the own book on a day."""

    on: date
    items: int
    calibrated: int
    gaps: tuple[GapRow, ...]
    concentrations: tuple[ConcentrationRow, ...]


TEMPLATES[RisksPage] = "risks.html"


@router.get(addresses.RISKS_ROUTE)
def show_risks(
    request: Request, session: Reading, today: Today, now: Now, on: date | None = None
) -> HTMLResponse:
    """Show the gaps of the own book, and what most of its items hang on."""
    found = risks.risks(session, on=on or today, known_at=now)
    return render_page(request, risks_page(found))


def risks_page(found: Risks) -> RisksPage:
    """Return gaps and concentrations for reading."""
    return RisksPage(
        on=found.on,
        items=found.items,
        calibrated=found.calibrated,
        gaps=tuple(
            GapRow(
                item_id=one.item.id,
                name=Bilingual(zh=one.item.name_zh, en=one.item.name_en),
                serial_number=one.item.serial_number,
                gap=one.gap,
            )
            for one in found.gaps
        ),
        concentrations=tuple(
            ConcentrationRow(
                calibration_id=one.link.calibration_id,
                name=item_name(one.link),
                laboratory=laboratory(one.link),
                certificate_number=one.link.certificate_number,
                resting=one.resting,
                lost=one.lost,
                share=percent(one.share),
            )
            for one in found.concentrations
        ),
    )
