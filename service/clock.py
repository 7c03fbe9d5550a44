"""The time, asked for in one place so that tests and the demonstration can set it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field

LEGAL_TIME = timezone(timedelta(hours=8))  # of China, in which dates are written

# A day that a page is asked about: its midnight is a moment in every zone.
AskedDay = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the current moment in UTC."""
    return datetime.now(UTC)


def standing_on(day: date) -> Clock:
    """Return a clock that stands in the evening of a day, when its work is done."""
    evening = datetime.combine(day, time(18), tzinfo=LEGAL_TIME).astimezone(UTC)
    return lambda: evening


def day_of(moment: datetime) -> date:
    """Return the calendar day of a moment, as certificates write it."""
    return moment.astimezone(LEGAL_TIME).date()


def _now(request: Request) -> datetime:
    clock: Clock = request.app.state.clock
    return clock()


def _today(moment: Annotated[datetime, Depends(_now)]) -> date:
    return day_of(moment)


Now = Annotated[datetime, Depends(_now)]
Today = Annotated[date, Depends(_today)]
