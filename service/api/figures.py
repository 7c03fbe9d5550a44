"""The figures of a book: shares, days, what is overdue, what each week holds; with their rows."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import SQLModel

from service import figures
from service.api.due_dates import AtSite
from service.api.given import Day
from service.api.paging import FORMS, AskedPart, part_of
from service.auth import Reading
from service.clock import Today
from service.figures import DEFINITIONS, Figure, FigureName, FigureRow
from service.sites import items_at, stretches_of
from service.store import due as due_store
from service.store import sites as site_store
from service.tenancy import TenantSession
from service.workload import weekly_capacity, weekly_hours, weeks_ahead

router = APIRouter(prefix="/figures", tags=["figures"])

First = Annotated[Day | None, Query(description="Of the period; a year before its last day.")]
Last = Annotated[Day | None, Query(description="Of the period; today otherwise.")]


class FigureAnswer(SQLModel):
    """A figure: `value` is `counted` over `of`, or a median of days; null where it is unknown.

    `unknown` rows are in neither; `source` says whose definition it is: ours.
    """

    name: FigureName
    unit: Literal["1", "d"]
    counted: int | None
    of: int
    unknown: int
    value: float | None
    nine_in_ten: float | None
    definition_zh: str
    definition_en: str
    source: Literal["ours"] = "ours"


class OverdueAnswer(SQLModel):
    """What is overdue of what a person answers for (null: nobody), by days overdue."""

    person_id: UUID | None
    up_to_30: int
    up_to_90: int
    up_to_180: int
    longer: int


class WeekAnswer(SQLModel):
    """How much falls due in the week of a Monday, and how much the laboratory can do in one.

    `capacity` is in items, by what the own people are given a day; `capacity_hours` are the hours
    of that week, as they were said for plans. Either is null where nobody said it.
    """

    monday: date
    due: int
    capacity: int | None
    capacity_hours: float | None


class FiguresAnswer(SQLModel):
    """All figures: of the state `on` today, and of the period from `first` to `last`."""

    on: date
    first: date
    last: date
    figures: list[FigureAnswer]
    overdue: list[OverdueAnswer]
    weeks: list[WeekAnswer]


class FigureRowAnswer(SQLModel):
    """A row that a figure is counted from; `counts` is null where nobody knows."""

    item_id: UUID
    name_zh: str
    name_en: str
    serial_number: str
    on: date | None
    counts: bool | None
    value: float | None


@router.get("")
def get_figures(
    session: Reading,
    today: Today,
    first: First = None,
    last: Last = None,
    site_id: AtSite = None,
) -> FiguresAnswer:
    """Return the figures of the book, or of a site; each can be asked for its rows."""
    begins, ends = figures.period(first, last, today)
    return figures_answer(session, begins, ends, on=today, site_id=site_id)


@router.get("/{name}/rows", response_model=list[FigureRowAnswer], responses=FORMS)
def list_figure_rows(
    request: Request,
    session: Reading,
    today: Today,
    part: AskedPart,
    name: FigureName,
    first: First = None,
    last: Last = None,
    site_id: AtSite = None,
) -> Response:
    """Return the rows that a figure is counted from: the same ones, a page at a time."""
    begins, ends = figures.period(first, last, today)
    only = None if site_id is None else items_at(session, site_id, on=today)
    rows = figures.rows_of(session, name, first=begins, last=ends, on=today, only=only)
    return part_of(request, [row_answer(row) for row in rows], part, FigureRowAnswer)


def figures_answer(
    session: TenantSession, first: date, last: date, *, on: date, site_id: UUID | None
) -> FiguresAnswer:
    """Return all that is told of the figures; of a site, what its items count.

    What the laboratory can do in a week is told whole then too.
    """
    here = None if site_id is None else stretches_of(session, site_id, on=on)
    only = None if here is None else site_store.items_in(session, here)
    capacity = weekly_capacity(session)
    tallied = due_store.tally(session, asked=due_store.Asked(stretches=here))
    weeks = weeks_ahead(tallied, on=on)
    hours = weekly_hours(session, (monday for monday, _ in weeks)) or {}
    return FiguresAnswer(
        on=on,
        first=first,
        last=last,
        figures=[
            figure_answer(one)
            for one in figures.figures(session, first=first, last=last, on=on, only=only)
        ],
        overdue=[
            OverdueAnswer(
                person_id=one.person_id,
                up_to_30=one.by_age[0],
                up_to_90=one.by_age[1],
                up_to_180=one.by_age[2],
                longer=one.by_age[3],
            )
            for one in figures.overdue(session, on=on, only=only)
        ],
        weeks=[
            WeekAnswer(
                monday=monday,
                due=sum(parts.values()),
                capacity=capacity,
                capacity_hours=hours.get(monday),
            )
            for monday, parts in weeks
        ],
    )


def figure_answer(one: Figure) -> FigureAnswer:
    """Return what is told of a figure."""
    definition = DEFINITIONS[one.name]
    return FigureAnswer(
        name=one.name,
        unit="d" if definition.unit == "d" else "1",
        counted=one.counted,
        of=one.of,
        unknown=one.unknown,
        value=one.value,
        nine_in_ten=one.nine_in_ten,
        definition_zh=definition.zh,
        definition_en=definition.en,
    )


def row_answer(row: FigureRow) -> FigureRowAnswer:
    """Return what is told of a row."""
    return FigureRowAnswer(
        item_id=row.item.item_id,
        name_zh=row.item.name_zh,
        name_en=row.item.name_en,
        serial_number=row.item.serial_number,
        on=row.on,
        counts=row.counts,
        value=row.value,
    )
