"""The section of an item's page that says how long the item may run."""

from datetime import date, timedelta
from decimal import Decimal
from math import floor
from typing import Final

import numpy as np

from procedures.edition import last_valid_day
from service.intervals import DAYS_A_YEAR, ItemInterval
from service.web.views import Bilingual, ChanceRow, IntervalSection
from service.web.viz import ForecastPlot, Foretold, draw_forecast

HALF_OF_90_PERCENT: Final = 1.645
NARROW: Final = {"width": 352, "height": 240}
SHORTEST, LONGEST = 24, 120  # months that are foretold
STEPS: Final = 24
CHANCES_TOLD: Final = (3, 6, 12, 18, 24, 36, 60)


def interval_section(found: ItemInterval) -> IntervalSection | None:
    """Return what the page says of an item's interval; None for one never calibrated."""
    if found.performed_on is None:
        return None
    advice, proposal = found.advice, found.advice.proposal
    return IntervalSection(
        sentences=tuple(Bilingual(zh=one.zh, en=one.en) for one in found.sentences),
        target=Decimal(f"{100 * found.target_reliability:g}"),
        calibrations=len(found.history),
        family=found.family,
        is_mandatory=advice.is_mandatory,
        advised=advice.months,
        proposed=proposal.months,
        cautious=proposal.cautious_months,
        legal=advice.legal_months,
        current=advice.current_months,
        forecast=_forecast(found),
        forecast_narrow=_forecast(found, **NARROW),
        unit=found.unit or "",
        at=f"{found.at} {found.unit}" if found.at is not None else "",
        chances=_chances(found),
    )


def _forecast(found: ItemInterval, *, width: int = 760, height: int = 330) -> ForecastPlot | None:
    """Return the errors found, and the expected ones with a band, jumps apart."""
    member, performed_on = found.member, found.performed_on
    if member is None or member.unanswered or performed_on is None or found.tolerance is None:
        return None
    months = {
        "legal": found.advice.legal_months,
        "proposed": found.advice.proposal.months,
        "advised": found.advice.months,
    }
    told = [one for one in months.values() if one]
    ahead = min(LONGEST, max(SHORTEST, floor(1.25 * max(told, default=SHORTEST))))
    years = np.linspace(0, ahead / 12, STEPS)
    expected, deviation = member.expected_error(years)
    half = HALF_OF_90_PERCENT * deviation
    foretold = [
        Foretold(
            on=performed_on + timedelta(round(float(t) * DAYS_A_YEAR)),
            expected=float(error),
            lowest=float(error - width_),
            highest=float(error + width_),
        )
        for t, error, width_ in zip(years, expected, half, strict=True)
    ]
    return draw_forecast(
        [(on, one.as_found) for on, one in found.history if one.as_found is not None],
        foretold,
        limit=found.tolerance,
        ends=[(_end(performed_on, one), kind) for kind, one in months.items() if one],
        width=width,
        height=height,
    )


def _end(performed_on: date, months: int) -> date:
    return last_valid_day(performed_on, months)


def _chances(found: ItemInterval) -> tuple[ChanceRow, ...]:
    member = found.member
    if member is None or member.unanswered:
        return ()
    told = member.probability([months / 12 for months in CHANCES_TOLD])
    return tuple(
        ChanceRow(
            months=months,
            probability=_percent(p),
            low=_percent(low),
            high=_percent(high),
        )
        for months, p, low, high in zip(
            CHANCES_TOLD, told.mean.tolist(), told.low.tolist(), told.high.tolist(), strict=True
        )
    )


def _percent(probability: float) -> Decimal:
    """Return a probability in percent, rounded so that it never looks better than it is."""
    return Decimal(floor(1000 * probability)) / 10
