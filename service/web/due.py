"""The page of what is due: counted, by week, and row by row with the rule that set each date."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from io import StringIO
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from service.auth import Reading
from service.clock import Today
from service.sites import stretches_of
from service.store import digests as digest_store
from service.store import due as store
from service.store import organizations as organization_store
from service.store import people as people_store
from service.store.due import Due, DueStatus, due_status
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.loading import ROWS_A_PAGE, bilingual, location
from service.web.pages import _cell as cell
from service.web.sites import site_choices
from service.web.views import Bilingual
from service.web.viz import WeekPlot, draw_weeks
from service.workload import hours_in_all, weekly_capacity, weeks_ahead
from traceability.schedule import Activity, Rule

router = APIRouter(include_in_schema=False)

PLAIN = {
    "q": "", "site": "", "area": "", "owner": "", "activity": "", "status": "", "sort": "due",
    "descending": "", "page": "1",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFilter:
    """What the reader asked for; it is the query string of the page and of its CSV.

    Attributes:
        site: the id of the site at which items stand; "" for all.
        area, activity: where, and of which kind; "" for all.
        owner: the id of the person who answers for it; "" for anybody.
        status: a value of `DueStatus`, or "" for all.
        sort: due, name, serial or area; `descending` turns it round.
    """

    text: str = ""
    site: str = ""
    area: str = ""
    owner: str = ""
    activity: str = ""
    status: str = ""
    sort: str = "due"
    descending: bool = False
    page: int = 1

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.text or self.area or self.owner or self.activity or self.status)

    def address(self, **changes: Any) -> str:
        """Return where the list is with some of it asked otherwise; `csv` for a spreadsheet."""
        path = addresses.DUE_CSV_ROUTE if changes.pop("csv", False) else addresses.DUE_ROUTE
        asked = replace(self, **({"page": 1} | changes))
        if changes.get("sort") == self.sort:
            asked = replace(asked, descending=not self.descending)
        elif "sort" in changes:
            asked = replace(asked, descending=False)
        query = {
            "q": asked.text,
            "site": asked.site,
            "area": asked.area,
            "owner": asked.owner,
            "activity": asked.activity,
            "status": asked.status,
            "sort": asked.sort,
            "descending": "1" if asked.descending else "",
            "page": str(asked.page),
        }
        given = {name: value for name, value in query.items() if value != PLAIN[name]}
        return path + (f"?{urlencode(given)}" if given else "")

    def of_store(self, session: TenantSession, *, on: date) -> store.Asked:
        """Return the same as the store is asked it, by the sites that there are on a day."""
        owner = UUID(self.owner) if self.owner else None
        return store.Asked(
            text=self.text,
            area=self.area,
            places=digest_store.places_of(session, owner) if owner else None,
            stretches=stretches_of(session, UUID(self.site), on=on) if self.site else None,
            activity=self.activity,
            status=self.status,
            sort=self.sort,
            descending=self.descending,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRow:
    """One activity of an item in the list, and the rule that set its date.

    Attributes:
        due_on: the last valid day; None where nothing falls due.
        days_left: negative when overdue, None without a date.
        rule, source, months, anchor_on: what set it, and from when it counts; None without a date.
        is_ordered: whether a work order of it is open.
    """

    item_id: UUID
    name: Bilingual
    serial_number: str
    asset_number: str | None
    location: str
    activity: Activity
    is_mandatory: bool
    is_carbon_meter: bool
    due_on: date | None
    status: DueStatus
    days_left: int | None
    rule: Rule | None
    source: str
    months: int | None
    anchor_on: date | None
    last_performed_on: date | None
    is_ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePage:
    """What is due. `counts` are of what was asked for, whatever its status.

    Attributes:
        weeks, weeks_narrow: how much falls due in each of the weeks ahead.
    """

    on: date
    rows: tuple[DueRow, ...]
    counts: Mapping[DueStatus, int]
    filter: DueFilter
    matching: int
    sites: tuple[tuple[str, Bilingual], ...]
    areas: tuple[str, ...]
    owners: tuple[tuple[str, Bilingual], ...]
    weeks: WeekPlot
    weeks_narrow: WeekPlot
    capacity: int | None
    hours: float | None
    pages: int = 1
    activities: tuple[Activity, ...] = tuple(Activity)


TEMPLATES[DuePage] = "due.html"


def _asked(
    q: Annotated[str, Query(max_length=100)] = "",
    site: UUID | Literal[""] = "",
    area: Annotated[str, Query(max_length=200)] = "",
    owner: UUID | Literal[""] = "",
    activity: Activity | Literal[""] = "",
    status: DueStatus | Literal[""] = "",
    sort: Literal["due", "name", "serial", "area"] = "due",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    *,
    descending: bool = False,
) -> DueFilter:
    return DueFilter(
        text=q.strip(),
        site=str(site),
        area=area.strip(),
        owner=str(owner),
        activity=str(activity),
        status=str(status),
        sort=sort,
        descending=descending,
        page=page,
    )


Asked = Annotated[DueFilter, Depends(_asked)]


@router.get(addresses.DUE_ROUTE)
def show_due(request: Request, session: Reading, today: Today, asked: Asked) -> HTMLResponse:
    """Show what is due of the own items."""
    return render_page(request, due_page(session, asked, on=today))


@router.get(addresses.DUE_CSV_ROUTE)
def download_due(session: Reading, today: Today, asked: Asked) -> Response:
    """Send the due list as it was asked for, all its pages, as CSV for a spreadsheet."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["name_zh", "name_en", "serial_number", "asset_number", "location", "activity", "due_on",
         "days_left", "status", "rule", "source", "months", "counted_from", "last_performed_on",
         "is_mandatory"]
    )  # fmt: skip
    for row in _rows(
        session, store.due(session, on=today, asked=asked.of_store(session, on=today)), today
    ):
        told = (row.name.zh, row.name.en, row.serial_number, row.asset_number, row.location)
        writer.writerow(
            [*map(cell, told), row.activity.value, row.due_on, row.days_left, row.status.value,
             row.rule.value if row.rule else None, cell(row.source), row.months, row.anchor_on,
             row.last_performed_on, int(row.is_mandatory)]
        )  # fmt: skip
    return Response(
        text.getvalue().encode("utf-8-sig"),  # or a spreadsheet misreads Chinese
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="due-{today}.csv"'},
    )


def due_page(session: TenantSession, asked: DueFilter, *, on: date) -> DuePage:
    """Return one page of what is due of the organization's own items, as asked for."""
    of_store = asked.of_store(session, on=on)
    tallied = store.tally(session, asked=of_store)
    counts = store.counts(tallied, on=on)
    matching = counts[DueStatus(asked.status)] if asked.status else sum(counts.values())
    pages = max(1, -(-matching // ROWS_A_PAGE))
    page = min(asked.page, pages)
    found = store.due(
        session, on=on, asked=of_store, offset=(page - 1) * ROWS_A_PAGE, limit=ROWS_A_PAGE
    )
    ordered = store.under_way(session, [one.item.id for one in found])
    weeks, capacity = weeks_ahead(tallied, on=on), weekly_capacity(session)
    return DuePage(
        on=on,
        rows=tuple(
            replace(row, is_ordered=row.item_id in ordered) for row in _rows(session, found, on)
        ),
        counts=counts,
        filter=replace(asked, page=page),
        matching=matching,
        sites=tuple(site_choices(session, on=on)),
        areas=tuple(store.areas(session)),
        owners=tuple(_owners(session)),
        weeks=draw_weeks(weeks, capacity=capacity, width=1280, height=220),
        weeks_narrow=draw_weeks(weeks[:6], capacity=capacity, width=352, height=180),
        capacity=capacity,
        hours=hours_in_all(session, weeks),
        pages=pages,
    )


def _owners(session: TenantSession) -> Iterator[tuple[str, Bilingual]]:
    """Yield the people who answer for some area."""
    answering = {row.person_id for row in digest_store.responsibilities(session).values()}
    for person in people_store.of_organization(session):
        if person.id in answering:
            yield str(person.id), bilingual(person, "name")


def _rows(session: TenantSession, found: Sequence[Due], on: date) -> Iterator[DueRow]:
    holder = bilingual(organization_store.own(session), "name")
    for one in found:
        item, kept = one.item, one.row
        yield DueRow(
            item_id=item.id,
            name=bilingual(item, "name"),
            serial_number=item.serial_number,
            asset_number=item.asset_number,
            location=location(item, holder) or "",
            activity=Activity(kept.activity),
            is_mandatory=item.is_mandatory,
            is_carbon_meter=item.is_carbon_meter,
            due_on=kept.due_on,
            status=due_status(on, kept.due_on, is_stopped=kept.is_stopped),
            days_left=(kept.due_on - on).days if kept.due_on else None,
            rule=Rule(kept.rule) if kept.rule else None,
            source=kept.source,
            months=kept.months,
            anchor_on=kept.anchor_on,
            last_performed_on=kept.last_performed_on,
        )
