"""Due dates: derived from events by rules, each of which may be asked for."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlmodel import SQLModel

from service import due_dates
from service.actions import schedule as actions
from service.api import paging
from service.api.calibrations import Strict
from service.api.given import Day
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.due_dates import ItemDueDate
from service.places import Stretch
from service.sites import items_at, stretches_of
from service.store import due as store
from service.store import schedule as schedule_store
from service.store.due import Place
from service.tables.items import Item
from service.tenancy import TenantSession
from traceability.schedule import Activity, DueDate

router = APIRouter(prefix="/due-dates", tags=["due-dates"])

ActivityName = Literal[
    "verification", "calibration", "intermediate_check", "maintenance", "replacement"
]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
On = Annotated[Day | None, Query(description="As known on this day; today otherwise.")]
AtSite = Annotated[
    UUID | None, Query(description="Only items that stand there today, at no site within it.")
]
Explain = Annotated[bool, Query(description="Tell every rule that had a say.")]


class CandidateAnswer(SQLModel):
    """A date that one rule gives: the last valid day, null where the rule sets no end."""

    rule: str
    valid_until: date | None
    anchor: date | None
    months: int | None
    source: str


class DueDateAnswer(SQLModel):
    """When one activity of an item is due; `rule` names what set it, null where nothing does."""

    item_id: UUID
    name_zh: str
    name_en: str
    serial_number: str
    asset_number: str | None
    activity: ActivityName
    is_mandatory: bool
    last_performed_on: date | None
    valid_until: date | None
    days_left: int | None
    is_overdue: bool
    is_stopped: bool
    rule: str | None
    candidates: list[CandidateAnswer] | None = None


class PeriodIn(Strict):
    """A period for all items, a type designation, an energy level or one item."""

    activity: ActivityName
    rule: Literal["organization", "item_type", "criticality", "item"]
    subject: Annotated[str, Field(max_length=200)] = ""
    months: Annotated[int, Field(ge=1, le=1200)] | None = None
    usage_limit: Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)] | None = None
    usage_unit: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    source: Reason


class PeriodAnswer(SQLModel):
    """A period as it was set."""

    id: UUID
    activity: ActivityName
    rule: str
    subject: str
    months: int | None
    usage_limit: float | None
    usage_unit: str | None
    source: str
    recorded_at: datetime


class OverrideIn(Strict):
    """A due date set by a person: why, and who approved it."""

    item_id: UUID
    activity: ActivityName
    valid_until: date
    reason: Reason
    approved_by: UUID


class EventIn(Strict):
    """What befell an item; a usage reading has a total and its unit."""

    item_id: UUID
    kind: Literal[
        "intermediate_check", "maintenance", "replacement", "repair", "overload", "failed_check",
        "sealed", "unsealed", "usage",
    ]  # fmt: skip
    happened_on: date
    note: Annotated[str, Field(max_length=500)] = ""
    value: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None
    unit: Annotated[str, Field(min_length=1, max_length=20)] | None = None


@router.get("", response_model=list[DueDateAnswer], responses=paging.FORMS)
def list_due_dates(
    request: Request,
    session: Reading,
    today: Today,
    limit: Annotated[int, paging.at_most(paging.MOST, paging.USUAL)],
    cursor: paging.Cursor = None,
    on: On = None,
    item_id: UUID | None = None,
    site_id: AtSite = None,
    explain: Explain = False,
    within_days: Annotated[int | None, Query(ge=0, le=36_525)] = None,
) -> Response:
    """Return what is due of the own items, or of one, the next first, a page at a time.

    `within_days` leaves out what falls due later, and what never does. What is due today is read as
    it is kept; each page of another day (`on`) is derived from the whole book.
    """
    day = on or today
    last = None if within_days is None else _day_after(day, within_days)
    if item_id is None and day == today:
        here = None if site_id is None else stretches_of(session, site_id, on=today)
        rows = partial(kept, session, on=day, last=last, explain=explain, stretches=here)
    else:
        only = None if site_id is None else items_at(session, site_id, on=today)
        found = [
            one
            for one in _derived(session, item_id, on=day, last=last)
            if only is None or one.item.id in only
        ]
        rows = partial(_part, found, on=day, explain=explain)
    if paging.wants_all(request):
        return paging.all_of(request, paging.each(session, rows, place), DueDateAnswer)
    after = None if cursor is None else paging.place_of(cursor, _read)
    return paging.first_of(request, rows(after, limit + 1), limit, _cursor, DueDateAnswer)


def kept(
    session: TenantSession,
    after: Place | None,
    limit: int,
    *,
    on: date,
    last: date | None,
    explain: bool,
    stretches: Collection[Stretch] | None = None,
) -> list[DueDateAnswer]:
    """Return due dates as they are kept; the rules that had a say are derived for these alone.

    Those of items that stand in some stretches, or all.
    """
    found = store.next_due(session, after=after, limit=limit, last=last, stretches=stretches)
    explained = (
        due_dates.due_dates_of_items(session, {one.item.id for one in found}, on=on)
        if explain
        else ()
    )
    rules = {(one.item.id, one.due.activity.value): _candidates(one.due) for one in explained}
    return [
        _answer(
            one.item,
            activity=one.row.activity,
            last_performed_on=one.row.last_performed_on,
            valid_until=one.row.due_on,
            is_stopped=one.row.is_stopped,
            rule=one.row.rule,
            candidates=rules.get((one.item.id, one.row.activity), []) if explain else None,
            on=on,
        )
        for one in found
    ]


def _derived(
    session: TenantSession, item_id: UUID | None, *, on: date, last: date | None
) -> list[ItemDueDate]:
    if item_id is None:
        found = due_dates.due_dates(session, on=on)
    else:
        found = sorted(due_dates.due_dates_of(session, item_id, on=on), key=due_dates.place)
    return [one for one in found if last is None or (one.due.valid_until or date.max) <= last]


def _part(
    found: Sequence[ItemDueDate], after: Place | None, limit: int, *, on: date, explain: bool
) -> list[DueDateAnswer]:
    first = 0 if after is None else bisect_right(found, after, key=due_dates.place)
    return [answer(one, on=on, explain=explain) for one in found[first : first + limit]]


def _day_after(day: date, days: int) -> date:
    """Return the day so many days later; before the last one, which stands for none."""
    latest = date.max - timedelta(days=1)
    return day + timedelta(days=min(days, (latest - day).days))


def place(row: DueDateAnswer) -> Place:
    """Return where a due date stands in the list."""
    return row.valid_until or date.max, row.item_id, row.activity


def _cursor(row: DueDateAnswer) -> str:
    day, item_id, activity = place(row)
    return paging.cursor_at(f"{day} {item_id.hex} {activity}".encode("ascii"))


def _read(cursor: bytes) -> Place:
    day, item_id, activity = cursor.decode("ascii").split(" ")
    return date.fromisoformat(day), UUID(item_id), Activity(activity).value


@router.get("/periods")
def list_periods(session: Reading) -> list[PeriodAnswer]:
    """Return the periods that hold, the newest first; one without months or a limit ended.

    Beside them the procedure's own period counts, and the ledger's of the item.
    """
    holding = {row.id for row in schedule_store.policies(session)}
    return [
        PeriodAnswer.model_validate(row, from_attributes=True)
        for row in schedule_store.periods(session)
        if row.id in holding
    ]


@router.post("/periods", status_code=201)
def set_period(session: Transaction, actor: Acting, now: Now, said: PeriodIn) -> PeriodAnswer:
    """Set a period; of one activity, rule and subject the newest holds. The law may be shorter."""
    row = actions.set_period(session, **said.model_dump(), actor_id=actor.person_id, now=now)
    return PeriodAnswer.model_validate(row, from_attributes=True)


@router.post("/overrides", status_code=201)
def override_due_date(
    session: Transaction, actor: Acting, now: Now, today: Today, said: OverrideIn
) -> list[DueDateAnswer]:
    """Set an item's due date until it is done next; a mandatory one only earlier."""
    actions.override(session, **said.model_dump(), actor_id=actor.person_id, now=now)
    return _of_item(session, said.item_id, today)


@router.post("/events", status_code=201)
def record_item_event(
    session: Transaction, actor: Acting, now: Now, today: Today, said: EventIn
) -> list[DueDateAnswer]:
    """Record a check, a repair, storage or a usage reading; return what is due since."""
    actions.record_event(session, **said.model_dump(), actor_id=actor.person_id, now=now)
    return _of_item(session, said.item_id, today)


def answer(found: ItemDueDate, *, on: date, explain: bool) -> DueDateAnswer:
    """Return a due date as it is answered on a day, with every rule's date if asked."""
    due = found.due
    return _answer(
        found.item,
        activity=due.activity.value,
        last_performed_on=due.last_performed_on,
        valid_until=due.valid_until,
        is_stopped=due.is_stopped,
        rule=due.winner.rule.value if due.winner else None,
        candidates=_candidates(due) if explain else None,
        on=on,
    )


def _answer(item: Item, *, valid_until: date | None, on: date, **told: Any) -> DueDateAnswer:
    return DueDateAnswer(
        item_id=item.id,
        name_zh=item.name_zh,
        name_en=item.name_en,
        serial_number=item.serial_number,
        asset_number=item.asset_number,
        is_mandatory=item.is_mandatory,
        valid_until=valid_until,
        days_left=None if valid_until is None else (valid_until - on).days,
        is_overdue=valid_until is not None and on > valid_until,
        **told,
    )


def _candidates(due: DueDate) -> list[CandidateAnswer]:
    return [
        CandidateAnswer(
            rule=one.rule.value,
            valid_until=one.valid_until,
            anchor=one.anchor,
            months=one.months,
            source=one.source,
        )
        for one in due.candidates
    ]


def _of_item(session: TenantSession, item_id: UUID, today: date) -> list[DueDateAnswer]:
    found = due_dates.due_dates_of(session, item_id, on=today)
    return [answer(one, on=today, explain=True) for one in found]
