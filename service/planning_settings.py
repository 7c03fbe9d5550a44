"""What a laboratory can do in a week and what a plan costs: one document, refused where it is odd.

Hours are of a week of five working days. Where two windows overlap, the one that leaves less hours
holds: a plan may then be dearer than need be, and never promises hours that are not there.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.written import Day
from traceability.planning.problem import MOST_WEEKS

WORKING_DAYS: Final = 5
Hours = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Money = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    """A part of the document: an unknown field is an error, not noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(_Part):
    """Days from the first to the last, both of them within."""

    first: Day
    last: Day
    reason: Reason = ""

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"it ends on {self.last}, before it begins on {self.first}")
        return self

    def holds(self, day: date) -> bool:
        """Return whether a day lies within."""
        return self.first <= day <= self.last


class Absence(Window):
    """Days on which a standard is away, and the hours a week that remain without it."""

    hours_per_week: Hours = 0.0


class Discipline(_Part):
    """What the laboratory can do of one kind of work.

    Attributes:
        quantities: of the ledger's items that it works on; the one of its own name, if none.
        hours_per_item, fee: of one calibration; the fee says what a week of validity is worth.
    """

    name: Name
    quantities: Annotated[tuple[Name, ...], Field(max_length=60)] = ()
    hours_per_week: Hours
    hours_per_item: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
    fee: Money = 0.0
    absences: Annotated[tuple[Absence, ...], Field(max_length=200)] = ()

    @property
    def works_on(self) -> tuple[str, ...]:
        """The quantities that it works on."""
        return self.quantities or (self.name,)


class Worker(_Part):
    """A person of the laboratory: what they do of it, how long, and when not.

    Attributes:
        disciplines: those named; if not given, those of whose procedures the book authorises the
            person for one at least, in each week in which that is valid to its end.
    """

    person_id: UUID
    disciplines: Annotated[tuple[Name, ...], Field(max_length=60)] | None = None
    hours_per_week: Hours
    leave: Annotated[tuple[Window, ...], Field(max_length=200)] = ()


class Site(_Part):
    """A place of the ledger to which one travels, when it stands still, and what a stop costs.

    Attributes:
        downtime_cost: of taking one item out of service while the site does not stand still.
    """

    name: Name
    downtime_cost: Money = 0.0
    shutdowns: Annotated[tuple[Window, ...], Field(max_length=200)] = ()


class PlanPrices(_Part):
    """Prices of `traceability.planning.problem.Prices`, in one currency."""

    overdue_per_week: Money = 400.0
    trip: Money = 600.0
    peak_per_hour: Money = 20.0
    overtime_per_hour: Money = 60.0
    peak_share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.85
    overtime_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.15
    unplaced: Money = 20_000.0
    moved: Money = 200.0


class PlanningSettings(_Part):
    """All that a plan depends on besides the due dates.

    Attributes:
        frozen_weeks: for how many weeks from now the bookings of the plan in force stand.
        max_weeks_late: how long after its due week an item may be placed that no law binds.
    """

    weeks: Annotated[int, Field(ge=1, le=MOST_WEEKS)] = 52
    frozen_weeks: Annotated[int, Field(ge=0, le=MOST_WEEKS)] = 4
    max_weeks_early: Annotated[int, Field(ge=0, le=MOST_WEEKS)] = 13
    max_weeks_late: Annotated[int, Field(ge=0, le=MOST_WEEKS)] = 12
    disciplines: Annotated[tuple[Discipline, ...], Field(min_length=1, max_length=60)]
    persons: Annotated[tuple[Worker, ...], Field(max_length=500)]
    sites: Annotated[tuple[Site, ...], Field(max_length=500)] = ()
    prices: PlanPrices = PlanPrices()

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield where two parts do not go together: a pointer and the reason."""
        known = [row.name for row in self.disciplines]
        quantities = [one for row in self.disciplines for one in row.works_on]
        if self.frozen_weeks > self.weeks:
            yield "/frozen_weeks", f"only {self.weeks} weeks are planned"
        yield from _twice("/disciplines", known)
        if len(set(known)) == len(known):
            yield from _twice("/disciplines", quantities)
        yield from _twice("/persons", [str(row.person_id) for row in self.persons])
        yield from _twice("/sites", [row.name for row in self.sites])
        for position, row in enumerate(self.persons):
            for name in sorted(set(row.disciplines or ()) - set(known)):
                yield f"/persons/{position}/disciplines", f"there is no discipline {name!r}"

    def remarks(self, *, on: date, sites: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield what may well be meant, and is told: where, why.

        What nobody does leaves items without a week; a site that is none of `sites`, the
        organization's own, may be a slip of the pen.
        """
        mondays = [monday_of(on) + timedelta(weeks=week) for week in range(self.weeks)]
        for position, row in enumerate(self.disciplines):
            if not any(_hours_of(row, monday) for monday in mondays):
                yield f"/disciplines/{position}", "no_hours"
            elif not any(
                (one.disciplines is None or row.name in one.disciplines)
                and any(worked_hours(one, day) for day in mondays)
                for one in self.persons
            ):
                yield f"/disciplines/{position}", "nobody"
        for position, site in enumerate(self.sites):
            if site.name not in sites:
                yield f"/sites/{position}", "no_site"


def capacity_of(
    settings: PlanningSettings, mondays: Iterable[date]
) -> dict[str, tuple[float, ...]]:
    """Return the hours of each discipline in each of some weeks."""
    weeks = tuple(mondays)
    return {
        row.name: tuple(_hours_of(row, monday) for monday in weeks) for row in settings.disciplines
    }


def worked_hours(worker: Worker, monday: date) -> float:
    """Return the hours of a person in a week, less the days of leave."""
    days = [day for day in working_days(monday) if not any(w.holds(day) for w in worker.leave)]
    return worker.hours_per_week * len(days) / WORKING_DAYS


def stands_still(site: Site, monday: date) -> bool:
    """Return whether a site stands still on all working days of a week."""
    return all(any(w.holds(day) for w in site.shutdowns) for day in working_days(monday))


def working_days(monday: date) -> tuple[date, ...]:
    """Return the working days of a week, Monday to Friday."""
    return tuple(monday + timedelta(days=day) for day in range(WORKING_DAYS))


def monday_of(day: date) -> date:
    """Return the Monday of a day's week.

    >>> monday_of(date(2026, 11, 21))
    datetime.date(2026, 11, 16)
    """
    return day - timedelta(days=day.weekday())


def _hours_of(row: Discipline, monday: date) -> float:
    left = [
        min(
            (a.hours_per_week for a in row.absences if a.holds(day)),
            default=row.hours_per_week,
        )
        for day in working_days(monday)
    ]
    return sum(min(hours, row.hours_per_week) for hours in left) / WORKING_DAYS


def _twice(pointer: str, names: list[Any]) -> Iterator[tuple[str, str]]:
    for name, count in Counter(names).items():
        if count > 1:
            yield pointer, f"{name!r} stands in it {count} times"
