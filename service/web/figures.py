"""The page of figures: each beside its definition and its numbers, and each down to its rows."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from service import figures
from service.auth import Reading
from service.clock import Today
from service.figures import DEFINITIONS, FigureName, FigureRow
from service.places import Stretch
from service.sites import items_at, stretches_of
from service.store import due as due_store
from service.store import people as people_store
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.loading import ROWS_A_PAGE, bilingual
from service.web.pages import _cell as cell
from service.web.sites import site_choices
from service.web.views import Bilingual
from service.web.viz import WeekPlot, draw_weeks
from service.workload import hours_in_all, weekly_capacity, weeks_ahead

router = APIRouter(include_in_schema=False)

FULL = 240  # units wide: the bar of a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTile:
    """A figure as it is shown.

    Attributes:
        value: in percent, or days; None where it is unknown.
        bar: how wide the bar of the share is, of `FULL`; None where there is none.
    """

    name: FigureName
    definition: Bilingual
    unit: str
    value: Decimal | None
    counted: int | None
    of: int
    unknown: int
    nine_in_ten: Decimal | None
    bar: float | None
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueRow:
    """What is overdue of what somebody answers for, by age; `parts` are (x, width) of its bar."""

    owner: Bilingual | None
    address: str
    by_age: tuple[int, ...]
    parts: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresPage:
    """All figures of a book."""

    on: date
    first: date
    last: date
    figures: tuple[FigureTile, ...]
    overdue: tuple[OverdueRow, ...]
    weeks: WeekPlot
    weeks_narrow: WeekPlot
    capacity: int | None
    hours: float | None
    site: str
    sites: tuple[tuple[str, Bilingual], ...]
    full: int = FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRowsPage:
    """The rows that a figure is counted from, those that do not count first."""

    on: date
    figure: FigureTile
    rows: tuple[tuple[FigureRow, Bilingual], ...]
    page: int
    pages: int
    matching: int
    address: str
    csv: str
    full: int = FULL


TEMPLATES[FiguresPage] = "figures.html"
TEMPLATES[FigureRowsPage] = "figure_rows.html"


@dataclass(frozen=True, slots=True)
class FiguresFilter:
    """The days asked about, and the id of the site at which the items stand; "" for all."""

    first: date
    last: date
    site: str

    @property
    def query(self) -> str:
        """Return it as the query of an address."""
        asked = {"first": str(self.first), "last": str(self.last)}
        return urlencode(asked | ({"site": self.site} if self.site else {}))

    def stretches(self, session: TenantSession, *, on: date) -> tuple[Stretch, ...] | None:
        """Return the places asked about; None for all."""
        return stretches_of(session, UUID(self.site), on=on) if self.site else None

    def only(self, session: TenantSession, *, on: date) -> set[UUID] | None:
        """Return the items asked about; None for all."""
        return items_at(session, UUID(self.site), on=on) if self.site else None


def _asked(
    today: Today,
    first: date | None = None,
    last: date | None = None,
    site: UUID | Literal[""] = "",
) -> FiguresFilter:
    return FiguresFilter(*figures.period(first, last, today), str(site))


Asked = Annotated[FiguresFilter, Depends(_asked)]


@router.get(addresses.FIGURES_ROUTE)
def show_figures(request: Request, session: Reading, today: Today, asked: Asked) -> HTMLResponse:
    """Show the figures of the own book."""
    people = {row.id: bilingual(row, "name") for row in people_store.of_organization(session)}
    only = asked.only(session, on=today)
    late = figures.overdue(session, on=today, only=only)
    most = max((sum(one.by_age) for one in late), default=1)
    here = due_store.Asked(stretches=asked.stretches(session, on=today))
    weeks = weeks_ahead(due_store.tally(session, asked=here), on=today)
    capacity = weekly_capacity(session)
    page = FiguresPage(
        on=today,
        first=asked.first,
        last=asked.last,
        figures=tuple(
            _tile(one, asked)
            for one in figures.figures(
                session, first=asked.first, last=asked.last, on=today, only=only
            )
        ),
        overdue=tuple(
            OverdueRow(
                owner=people[one.person_id] if one.person_id else None,
                address=_overdue_address(str(one.person_id or ""), asked.site),
                by_age=one.by_age,
                parts=_stacked(one.by_age, most),
            )
            for one in late
        ),
        weeks=draw_weeks(weeks, capacity=capacity, width=1280, height=200),
        weeks_narrow=draw_weeks(weeks[:6], capacity=capacity, width=352, height=180),
        capacity=capacity,
        hours=hours_in_all(session, weeks),
        site=asked.site,
        sites=tuple(site_choices(session, on=today)),
    )
    return render_page(request, page)


@router.get(addresses.FIGURE_CSV_ROUTE)
def download_figure(session: Reading, today: Today, name: FigureName, asked: Asked) -> Response:
    """Send the rows that a figure is counted from as CSV for a spreadsheet."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(["name_zh", "name_en", "serial_number", "on", "counts", "days"])
    for row in _rows(session, name, asked, today):
        item = row.item
        counts = "" if row.counts is None else int(row.counts)
        writer.writerow(
            [*map(cell, (item.name_zh, item.name_en, item.serial_number)), row.on, counts,
             "" if row.value is None else f"{row.value:.2f}"]
        )  # fmt: skip
    return Response(
        text.getvalue().encode("utf-8-sig"),  # or a spreadsheet misreads Chinese
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name.value}-{asked.last}.csv"'},
    )


@router.get(addresses.FIGURE_ROUTE)
def show_figure(
    request: Request,
    session: Reading,
    today: Today,
    name: FigureName,
    asked: Asked,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """Show the rows that a figure is counted from."""
    rows = _rows(session, name, asked, today)
    rows = sorted(rows, key=lambda row: (row.counts is not False, row.counts is not None))
    pages = max(1, -(-len(rows) // ROWS_A_PAGE))
    page = min(page, pages)
    shown = rows[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE]
    address = addresses.figure(name.value)
    told = FigureRowsPage(
        on=today,
        figure=_tile(figures.figure(name, rows), asked),
        rows=tuple((row, Bilingual(zh=row.item.name_zh, en=row.item.name_en)) for row in shown),
        page=page,
        pages=pages,
        matching=len(rows),
        address=f"{address}?{asked.query}",
        csv=f"{address}.csv?{asked.query}",
    )
    return render_page(request, told)


def _rows(
    session: TenantSession, name: FigureName, asked: FiguresFilter, today: date
) -> list[FigureRow]:
    return figures.rows_of(
        session, name, first=asked.first, last=asked.last, on=today,
        only=asked.only(session, on=today),
    )  # fmt: skip


def _tile(one: figures.Figure, asked: FiguresFilter) -> FigureTile:
    definition = DEFINITIONS[one.name]
    is_share = definition.unit == "1"
    return FigureTile(
        name=one.name,
        definition=Bilingual(zh=definition.zh, en=definition.en),
        unit="%" if is_share else "d",
        value=_written(one.value, percent=is_share),
        counted=one.counted,
        of=one.of,
        unknown=one.unknown,
        nine_in_ten=_written(one.nine_in_ten, percent=False),
        bar=round(FULL * one.value, 1) if is_share and one.value is not None else None,
        rows=f"{addresses.figure(one.name.value)}?{asked.query}",
    )


def _written(value: float | None, *, percent: bool) -> Decimal | None:
    """Return a value to one place; a share that is not whole is never written as 100.0 %."""
    if value is None:
        return None
    told = Decimal(100 * value if percent else value).quantize(Decimal("0.1"))
    return min(told, Decimal("99.9")) if percent and value < 1 else told


def _stacked(by_age: Sequence[int], most: int) -> tuple[tuple[float, float], ...]:
    """Return where the parts of a bar begin and how wide they are."""
    parts, x = [], 0.0
    for count in by_age:
        width = FULL * count / most
        parts.append((round(x, 1), round(width, 1)))
        x += width
    return tuple(parts)


def _overdue_address(owner: str, site: str) -> str:
    where = {name: value for name, value in (("owner", owner), ("site", site)) if value}
    asked = {"status": "overdue"} | where
    return f"{addresses.DUE_ROUTE}?{urlencode(asked)}"
