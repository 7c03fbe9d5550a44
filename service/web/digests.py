"""The page of who is told of what falls due: digests, who answers for an area, how one is told."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service import permissions
from service.actions import digests as actions
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.errors import InvalidField
from service.store import digests as store
from service.store import due as due_store
from service.store import items as item_store
from service.store import people as people_store
from service.tables.items import Item
from service.tables.schedule import DueDigest
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.loading import bilingual
from service.web.views import Bilingual
from traceability.escalation import Stage
from traceability.schedule import Activity

router = APIRouter(include_in_schema=False)

DIGESTS_SHOWN = 14
LINES_SHOWN = 50  # of one digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """A due date of which somebody was told; `name` is None where the item is gone."""

    item_id: UUID
    name: Bilingual | None
    serial_number: str
    activity: Activity
    due_on: date
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRow:
    """What was told on one day: the first lines, and how many there are."""

    told_on: date
    mail: str
    lines: tuple[LineRow, ...]
    lines_in_all: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRow:
    """Who answers for an area; `manager` is None where nobody is named."""

    area: str
    person: Bilingual
    manager: Bilingual | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNoticesPage:
    """The own digests, how one is told, and who answers for which area."""

    digests: tuple[DigestRow, ...]
    channel: str
    mail_address: str
    mail_language: str
    may_mail: bool
    areas: tuple[AreaRow, ...]
    places: tuple[str, ...]
    people: tuple[tuple[UUID, Bilingual], ...]
    may_change: bool
    wrong: str | None = None


TEMPLATES[DueNoticesPage] = "due_notices.html"


def _page(
    request: Request, session: TenantSession, actor: Acting, *, wrong: str | None = None
) -> HTMLResponse:
    digests = store.newest(session, person_id=actor.person_id, limit=DIGESTS_SHOWN)
    ids = {UUID(line["item_id"]) for row in digests for line in row.lines[:LINES_SHOWN]}
    items = item_store.by_ids(session, ids)
    people = {row.id: bilingual(row, "name") for row in people_store.of_organization(session)}
    wanted = store.preferences(session).get(actor.person_id)
    page = DueNoticesPage(
        digests=tuple(_digest(row, items) for row in digests),
        channel=wanted.channel if wanted else "none",
        mail_address=(wanted.address if wanted else None) or "",
        mail_language=wanted.language if wanted else "zh",
        may_mail=bool(request.app.state.settings.smtp_host),
        areas=tuple(
            AreaRow(
                area=area,
                person=people[row.person_id],
                manager=people[row.manager_id] if row.manager_id else None,
            )
            for area, row in store.responsibilities(session).items()
            if row.person_id
        ),
        places=tuple(due_store.areas(session)),
        people=tuple(people.items()),
        may_change=permissions.needed("POST", "due") in actor.allowed,
        wrong=wrong,
    )
    return render_page(request, page, status=422 if wrong else 200)


def _digest(row: DueDigest, items: dict[UUID, Item]) -> DigestRow:
    return DigestRow(
        told_on=row.told_on,
        mail=row.mail,
        lines=tuple(_line(line, items) for line in row.lines[:LINES_SHOWN]),
        lines_in_all=len(row.lines),
    )


def _line(line: dict[str, str], items: dict[UUID, Item]) -> LineRow:
    item_id = UUID(line["item_id"])
    item = items.get(item_id)
    return LineRow(
        item_id=item_id,
        name=bilingual(item, "name") if item else None,
        serial_number=item.serial_number if item else "",
        activity=Activity(line["activity"]),
        due_on=date.fromisoformat(line["due_on"]),
        stage=Stage(line["stage"]),
    )


@router.get(addresses.DUE_NOTICES_ROUTE)
def show_due_notices(request: Request, session: Reading, actor: Acting) -> HTMLResponse:
    """Show what one was told of, how one is told, and who answers for which area."""
    return _page(request, session, actor)


@router.post(addresses.NOTICE_PREFERENCE_ROUTE)
def set_preference(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    channel: Annotated[Literal["mail", "none"], Form()],
    address: Annotated[str, Form(max_length=254)] = "",
    language: Annotated[Literal["zh", "en"], Form()] = "zh",
) -> Response:
    """Say how one wants to be told."""
    try:
        actions.prefer(session, actor.person_id, channel=channel, address=address,
                       language=language, now=now)  # fmt: skip
    except InvalidField as error:
        return _page(request, session, actor, wrong=error.pointer)
    return RedirectResponse(addresses.DUE_NOTICES_ROUTE, 303)


@router.post(addresses.RESPONSIBILITIES_ROUTE)
def name_responsible(
    session: Transaction,
    actor: Acting,
    now: Now,
    area: Annotated[str, Form(max_length=400)] = "",
    person_id: Annotated[str, Form(max_length=40)] = "",
    manager_id: Annotated[str, Form(max_length=40)] = "",
) -> RedirectResponse:
    """Name who answers for an area from now on; nobody ends it."""
    actions.answer_for(
        session, area=area.strip(), person_id=_person(person_id, "/person_id"),
        manager_id=_person(manager_id, "/manager_id") if person_id else None,
        actor_id=actor.person_id, now=now,
    )  # fmt: skip
    return RedirectResponse(addresses.DUE_NOTICES_ROUTE, 303)


def _person(text: str, pointer: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidField(pointer, "choose one of the people") from None
