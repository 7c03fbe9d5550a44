"""The time, asked for in one place so that tests and the demonstration can set it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated

from fastapi import Depends, Request

LEGAL_TIME = timezone(timedelta(hours=8))  # of China, in which dates are written

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the current moment in UTC."""
    return datetime.now(UTC)


def standing_on(day: date) -> Clock:
    """Return a clock that always shows a day, and the real time of day."""

    def clock() -> datetime:
        time_of_day = datetime.now(LEGAL_TIME).timetz()
        return datetime.combine(day, time_of_day).astimezone(UTC)

    return clock


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
