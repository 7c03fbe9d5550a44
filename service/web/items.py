"""An item's page: what it is, when it is due and why, and what people put on record of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service import permissions
from service.actions import schedule as actions
from service.auth import Acting, Actor, Reading, Transaction
from service.clock import Now, Today
from service.errors import InvalidField
from service.store import people as people_store
from service.store import schedule as store
from service.tables.schedule import EVENTS
from service.tenancy import TenantSession
from service.web import addresses, loading
from service.web import typed as typed_as
from service.web.frame import render_page
from service.web.loading import bilingual
from service.web.reasons import told
from service.web.views import Bilingual, ItemActs, ItemFact
from traceability.errors import LegalPeriodExceeded
from traceability.schedule import Activity

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=500)]


@router.get(addresses.ITEM_ROUTE)
def show_item(
    request: Request, session: Reading, actor: Acting, today: Today, now: Now, item_id: UUID
) -> HTMLResponse:
    """Show an item, its due dates, its drift and its events."""
    return _page(request, session, actor, item_id, today=today, now=now)


@router.post(addresses.ITEM_EVENTS_ROUTE)
def record_event(
    request: Request,
    session: Transaction,
    actor: Acting,
    today: Today,
    now: Now,
    item_id: UUID,
    *,
    kind: Text = "",
    happened_on: Text = "",
    note: Text = "",
    value: Text = "",
    unit: Text = "",
) -> Response:
    """Put on record what befell an item: a check, a repair, storage, a usage reading."""
    typed = {"kind": kind, "happened_on": happened_on, "note": note, "value": value, "unit": unit}
    try:
        actions.record_event(
            session,
            item_id,
            kind=_known(kind),
            happened_on=typed_as.present("happened_on", typed_as.day("happened_on", happened_on)),
            note=note,
            value=typed_as.number("value", value),
            unit=unit.strip() or None,
            actor_id=actor.person_id,
            now=now,
        )
    except InvalidField as error:
        return _page(
            request, session, actor, item_id, today=today, now=now, typed=typed, refused=error
        )
    return RedirectResponse(addresses.item(item_id), 303)


@router.post(addresses.ITEM_OVERRIDES_ROUTE)
def override_due_date(
    request: Request,
    session: Transaction,
    actor: Acting,
    today: Today,
    now: Now,
    item_id: UUID,
    *,
    activity: Text = "",
    valid_until: Text = "",
    reason: Text = "",
    approved_by: Annotated[UUID, Form()],
) -> Response:
    """Set an item's due date until it is done next, with the reason and who approved it."""
    typed = {"activity": activity, "valid_until": valid_until, "reason": reason}
    try:
        actions.override(
            session,
            item_id,
            activity=_activity(activity),
            valid_until=typed_as.present("valid_until", typed_as.day("valid_until", valid_until)),
            reason=_reason(reason),
            approved_by=approved_by,
            actor_id=actor.person_id,
            now=now,
        )
    except (InvalidField, LegalPeriodExceeded) as error:
        return _page(
            request, session, actor, item_id, today=today, now=now, typed=typed, refused=error
        )
    return RedirectResponse(addresses.item(item_id), 303)


def _known(kind: str) -> str:
    if kind not in EVENTS:
        raise InvalidField("/kind", f"one of {', '.join(EVENTS)}")
    return kind


def _activity(text: str) -> str:
    if text not in list(Activity):
        raise InvalidField("/activity", f"one of {', '.join(Activity)}")
    return text


def _reason(text: str) -> str:
    if not text.strip():
        raise InvalidField("/reason", "is missing")
    return text.strip()


def _page(
    request: Request,
    session: TenantSession,
    actor: Actor,
    item_id: UUID,
    *,
    today: date,
    now: datetime,
    typed: Mapping[str, str] | None = None,
    refused: Exception | None = None,
) -> HTMLResponse:
    page = loading.item_page(session, item_id, on=today, known_at=now)
    people = {row.id: bilingual(row, "name") for row in people_store.of_organization(session)}
    page = replace(page, facts=tuple(_facts(session, item_id, people)))
    if permissions.needed("POST", "due") in actor.allowed:
        roles = people_store.roles(session)
        acts = ItemActs(
            activities=tuple(one.activity.value for one in page.due),
            events=EVENTS,
            people=tuple((id_, name) for id_, name in people.items() if roles[id_]),
            me=actor.person_id,
            typed=typed or {},
            refused=told(refused) if refused else None,
        )
        page = replace(page, acts=acts)
    return render_page(request, page, status=422 if refused else 200)


def _facts(
    session: TenantSession, item_id: UUID, people: Mapping[UUID, Bilingual]
) -> Iterator[ItemFact]:
    """Yield what is on record of an item beside its calibrations, the newest first."""
    events, overrides = store.facts_of(session, item_id)
    found = [
        (event.recorded_at, ItemFact(
            kind=event.kind, on=event.happened_on, told=event.note,
            by=people.get(event.recorded_by),
            reading=f"{event.value:g} {event.unit}" if event.value is not None else "",
        ))
        for event in events
    ] + [
        (one.recorded_at, ItemFact(
            kind="override", on=one.recorded_on, told=one.reason, by=people.get(one.approved_by),
            activity=one.activity, until=one.valid_until,
        ))
        for one in overrides
    ]  # fmt: skip
    return (fact for _, fact in sorted(found, key=lambda one: one[0], reverse=True))
