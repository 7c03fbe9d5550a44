"""A plan as a table for a spreadsheet, and as a calendar: one event a week and site."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Final
from uuid import UUID, uuid5

from icalendar import Calendar, Event

from service.exchange.calendar import NAMED
from traceability.planning.problem import DueItem

COLUMNS: Final = (
    "week_on", "item_id", "activity", "name_zh", "name_en", "serial_number", "asset_number",
    "site", "discipline", "hours", "valid_until", "is_mandatory", "is_frozen",
)  # fmt: skip
WORDS: Final = {
    "zh": {"calendar": "周检计划", "summary": "{count} 件:{site}", "more": "另有 {count} 件"},
    "en": {"calendar": "Plan", "summary": "{count} planned: {site}", "more": "and {count} more"},
}
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedItem:
    """One item of a plan with its names; `planned` is what the planner knows of it."""

    item_id: UUID
    activity: str
    name_zh: str
    name_en: str
    serial_number: str
    asset_number: str | None
    valid_until: date
    week_on: date | None
    planned: DueItem


def write_csv(rows: Iterable[PlannedItem]) -> bytes:
    """Return a plan as CSV, one line an item; no text is taken for a formula."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        names = (row.name_zh, row.name_en, row.serial_number, row.asset_number or "",
                 row.planned.site, row.planned.discipline)  # fmt: skip
        writer.writerow(
            [row.week_on, row.item_id, row.activity, *map(_cell, names), row.planned.hours,
             row.valid_until, row.planned.is_mandatory, row.planned.is_frozen]
        )  # fmt: skip
    return text.getvalue().encode("utf-8-sig")  # or a spreadsheet misreads Chinese


def write_calendar(
    rows: Iterable[PlannedItem], *, plan_id: UUID, language: str, now: datetime
) -> bytes:
    """Return a plan as a calendar (RFC 5545); what has no week is not in it."""
    words = WORDS[language]
    calendar = Calendar()
    calendar.add("prodid", "-//Suyuan//Plan//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", words["calendar"])
    weeks: dict[tuple[date, str], list[str]] = {}
    for row in rows:
        if row.week_on is not None:
            name = row.name_zh if language == "zh" else row.name_en
            weeks.setdefault((row.week_on, row.planned.site), []).append(
                f"{name} {row.serial_number}"
            )
    for (week_on, site), items in sorted(weeks.items()):
        calendar.add_component(_event(week_on, site, sorted(items), words, plan_id, now))
    return bytes(calendar.to_ical())


def _event(
    week_on: date, site: str, items: Sequence[str], words: dict[str, str], plan_id: UUID,
    now: datetime,
) -> Event:  # fmt: skip
    event = Event()
    event.add("uid", f"{uuid5(plan_id, f'{week_on} {site}')}@suyuan")  # the same at every reading
    event.add("dtstamp", now)
    event.add("dtstart", week_on)
    event.add("dtend", week_on + timedelta(days=5))
    event.add("transp", "TRANSPARENT")
    event.add("summary", words["summary"].format(count=len(items), site=site or "—"))
    more = [words["more"].format(count=len(items) - NAMED)] if len(items) > NAMED else []
    event.add("description", "\n".join([*items[:NAMED], *more]))
    return event


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
