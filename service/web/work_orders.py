"""Work orders as pages: the list, one order with its next steps, the inbox, the labels."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import segno
from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from certificates.errors import CertificateError
from service import recalls
from service.actions import deliveries, order_exchange, signing_off
from service.actions import work_orders as actions
from service.actions.work_orders import Asked
from service.auth import Acting, Actor, Reading
from service.clock import Now, Today
from service.errors import InvalidField, ReauthenticationRequired, ServiceError
from service.store import certificates as certificate_store
from service.store import items as item_store
from service.store import organizations as organization_store
from service.store import people as people_store
from service.store import work_orders as store
from service.store.recalls import Status
from service.store.work_orders import Listed
from service.tables.people import Person
from service.tables.work_orders import WorkOrder, WorkOrderStep
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.i18n import language_of
from service.web.loading import ROWS_A_PAGE, bilingual
from service.web.pages import _cell as cell
from service.web.reasons import Told, told
from service.web.views import Bilingual
from service.work_order_states import ENDED, State, order_state
from traceability.errors import TraceabilityError

router = APIRouter(include_in_schema=False)

LIST_CSV_ROUTE = "/work-orders/list.csv"
NEW_ROUTE = "/work-orders/new"
INBOX_ROUTE = "/work-orders/inbox"
PHOTO_ROUTE = "/work-orders/photos/{photo_id}"
OPEN = "open"
MOST_RESULTS = 50  # on the page; the others come up as these are taken in
MOST_CHOICES = 100
MOST_CHOSEN = 200  # items of a list that are ordered at once
T = TypeVar("T")
Refusal = (ServiceError, TraceabilityError, CertificateError)
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One item of a work order in the list."""

    order_id: UUID
    line_id: UUID
    number: str
    item: Bilingual
    serial_number: str
    customer: Bilingual
    procedure: str
    assigned_to: Bilingual | None
    planned_on: date | None
    due_on: date | None
    state: State
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """What of the list is asked for."""

    text: str = ""
    state: str = ""
    mine: bool = False
    sort: str = "number"
    descending: bool = True
    page: int = 1

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.text or self.state or self.mine)

    def address(self, **changes: Any) -> str:
        """Return where the list is with some of it asked otherwise; `csv` for a spreadsheet."""
        path = LIST_CSV_ROUTE if changes.pop("csv", False) else addresses.WORK_ORDERS_ROUTE
        asked = replace(self, **({"page": 1} | changes))
        if changes.get("sort") == self.sort:
            asked = replace(asked, descending=not self.descending)
        query = {
            "q": asked.text,
            "state": asked.state,
            "mine": "1" if asked.mine else "",
            "sort": "" if asked.sort == "number" else asked.sort,
            "descending": "" if asked.descending else "0",
            "page": "" if asked.page == 1 else str(asked.page),
        }
        given = {name: value for name, value in query.items() if value}
        return path + (f"?{urlencode(given)}" if given else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersPage:
    """The list of the items of work orders. `rows` are those of one page."""

    filter: OrderFilter
    rows: tuple[OrderRow, ...]
    counts: Mapping[State, int]
    matching: int
    pages: int
    on: date
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step that was taken."""

    state: State
    person: Bilingual
    assigned_to: Bilingual | None
    recorded_at: datetime
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A person to whom an item may be given; `items` that one has on the day, of at most `most`."""

    id: UUID
    name: Bilingual
    items: int
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallNote:
    """What an item found out of tolerance asks for.

    Attributes:
        status: of the recall; None where none was opened.
        address: of the recall, else of what rests on the item and could not be calculated; None
            where nothing rests on it.
    """

    status: Status | None
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePart:
    """One item of an order: what happened, and what may happen next."""

    row: OrderRow
    item_id: UUID
    steps: tuple[StepRow, ...]
    photo_ids: tuple[UUID, ...]
    next: frozenset[State]
    candidates: tuple[Candidate, ...]
    calibration_id: UUID | None
    verdict: str | None
    as_found: str | None
    certificate_number: str | None
    recall: RecallNote | None
    is_initial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPage:
    """One work order; `wrong` is why the last step was refused."""

    order: WorkOrder
    customer: Bilingual
    laboratory: Bilingual
    is_ours: bool
    state: State
    lines: tuple[LinePart, ...]
    on: date
    wrong: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrderPage:
    """The form of a new order: the items found, those chosen, the laboratories."""

    query: str
    found: tuple[tuple[UUID, Bilingual, str, str], ...]
    laboratories: tuple[tuple[UUID, Bilingual], ...]
    wrong: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is stuck on an item: a QR code of its worksheet, and words for people."""

    qr: Markup
    number: str
    name: Bilingual
    serial_number: str
    customer: Bilingual
    due_on: date | None
    place: int
    of: int
    type_designation: str
    procedure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsPage:
    """The labels of the items of one order, to be printed."""

    order_id: UUID
    number: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingPage:
    """What goes into the box with the items of one order, to be printed."""

    order_id: UUID
    number: str
    customer: Bilingual
    laboratory: Bilingual
    due_on: date | None
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A document that another organization sent."""

    id: UUID
    kind: str
    sender: Bilingual
    sent_at: datetime
    is_taken_in: bool
    number: str
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a result may be of: an ordered item, or one of the ledger; the likeliest comes first."""

    value: str
    number: str
    name: Bilingual
    serial_number: str
    is_ordered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedResult:
    """A calibration that another organization sent, and what it may be of."""

    id: UUID
    sender: Bilingual
    sent_at: datetime
    item: Bilingual
    serial_number: str
    number: str
    performed_on: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPage:
    """The orders and answers that others sent, and results that wait; `waiting` of them in all."""

    documents: tuple[Received, ...]
    results: tuple[ReceivedResult, ...]
    waiting: int
    wrong: Told | None = None


TEMPLATES[OrdersPage] = "work_orders.html"
TEMPLATES[OrderPage] = "work_order.html"
TEMPLATES[NewOrderPage] = "work_order_new.html"
TEMPLATES[LabelsPage] = "work_order_labels.html"
TEMPLATES[PackingPage] = "work_order_packing.html"
TEMPLATES[InboxPage] = "work_order_inbox.html"


# --- The list ------------------------------------------------------------------------------------


def _asked(
    q: Annotated[str, Query(max_length=100)] = "",
    state: State | Literal["", "open"] = "",
    sort: Literal["number", "item", "due", "state", "planned"] = "number",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    *,
    mine: bool = False,
    descending: bool = True,
) -> OrderFilter:
    return OrderFilter(
        text=q.strip(), state=str(state), mine=mine, sort=sort, descending=descending, page=page
    )


Wanted = Annotated[OrderFilter, Depends(_asked)]


@router.get(addresses.WORK_ORDERS_ROUTE)
def show_orders(
    request: Request, session: Reading, actor: Acting, today: Today, wanted: Wanted
) -> HTMLResponse:
    """Show the items of work orders, filtered and sorted as asked."""
    asked = _as_asked(wanted, actor, language_of(request))
    matching = store.count_listed(session, asked)
    pages = max(1, -(-matching // ROWS_A_PAGE))
    page = min(wanted.page, pages)
    found = store.listed(session, asked, limit=ROWS_A_PAGE, offset=(page - 1) * ROWS_A_PAGE)
    view = OrdersPage(
        filter=replace(wanted, page=page),
        rows=tuple(_row(row, on=today) for row in found),
        counts=store.count_by_state(session),
        matching=matching,
        pages=pages,
        on=today,
        waiting=sum(receipt is None for _, receipt in store.inbox(session))
        + store.count_results_waiting(session),
    )
    return render_page(request, view)


@router.get(LIST_CSV_ROUTE)
def download_orders(
    request: Request, session: Reading, actor: Acting, today: Today, wanted: Wanted
) -> Response:
    """Send the list as it was asked for, all its pages, as CSV for a spreadsheet."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["number", "name_zh", "name_en", "serial_number", "customer_zh", "procedure",
         "assigned_to", "planned_on", "due_on", "state"]
    )  # fmt: skip
    asked = _as_asked(wanted, actor, language_of(request))
    for row in (_row(found, on=today) for found in store.listed(session, asked)):
        names = (row.number, row.item.zh, row.item.en, row.serial_number, row.customer.zh,
                 row.procedure, row.assigned_to.zh if row.assigned_to else "")  # fmt: skip
        writer.writerow([*map(cell, names), row.planned_on, row.due_on, row.state.value])
    return Response(
        text.getvalue().encode("utf-8-sig"),  # or a spreadsheet misreads Chinese
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="work-orders-{today}.csv"'},
    )


def _as_asked(wanted: OrderFilter, actor: Actor, language: str) -> store.Wanted:
    """Return what the list asks of the book."""
    states = {"": None, OPEN: set(State) - ENDED}
    return store.Wanted(
        text=wanted.text,
        states=states[wanted.state] if wanted.state in states else [State(wanted.state)],
        assigned_to_id=actor.person_id if wanted.mine else None,
        sort=f"item_{language}" if wanted.sort == "item" else wanted.sort,
        descending=wanted.descending,
    )


def _row(found: Listed, *, on: date) -> OrderRow:
    due_on = found.order.due_on
    return OrderRow(
        order_id=found.order.id,
        line_id=found.line.id,
        number=found.order.number,
        item=bilingual(found.item, "name"),
        serial_number=found.item.serial_number,
        customer=bilingual(found.customer, "name"),
        procedure=found.line.procedure_code,
        assigned_to=bilingual(found.assigned_to, "name") if found.assigned_to else None,
        planned_on=found.step.planned_on,
        due_on=due_on,
        state=found.state,
        is_late=due_on is not None and due_on < on and found.state not in ENDED,
    )


# --- A new order ---------------------------------------------------------------------------------


@router.get(NEW_ROUTE)
def show_new_order(
    request: Request,
    session: Reading,
    q: Annotated[str, Query(max_length=100)] = "",
    item_id: Annotated[list[UUID], Query(max_length=MOST_CHOSEN)] = [],  # noqa: B006  it is copied
) -> HTMLResponse:
    """Show the form of a new order, with the items that were looked for or chosen elsewhere."""
    return render_page(request, _new_order(session, q.strip(), item_id))


@router.post(NEW_ROUTE)
def place_order(
    request: Request,
    actor: Acting,
    now: Now,
    item: Annotated[list[str], Form()] = [],  # noqa: B006  FastAPI copies it
    procedure: Text = "",
    initial: Text = "",
    laboratory_id: Text = "",
    due_on: Text = "",
    remarks: Text = "",
) -> Response:
    """Ask for work on the chosen items, and go to the order."""

    def act(session: TenantSession, person: Person) -> UUID:
        chosen = [item_store.get(session, UUID(id_)) for id_ in item]
        order = order_exchange.place(
            session,
            [
                Asked(
                    item_id=row.id,
                    procedure_code=procedure.strip() or row.procedure_code or "",
                    is_initial=bool(initial),
                )
                for row in chosen
            ],
            laboratory_id=UUID(laboratory_id) if laboratory_id else None,
            due_on=date.fromisoformat(due_on) if due_on else None,
            remarks=remarks,
            requested_by=person,
            now=now,
        )
        return order.id

    order_id, wrong = _try(request, actor, act)
    if order_id is not None:
        return RedirectResponse(addresses.work_order(order_id), 303)
    with _reading(request, actor) as session:
        chosen = [row.id for row in item_store.own(session) if str(row.id) in item]
        page = replace(_new_order(session, "", chosen), wrong=wrong)
        return render_page(request, page, status=422)


def _new_order(session: TenantSession, query: str, chosen: Sequence[UUID]) -> NewOrderPage:
    items = [item_store.get(session, id_) for id_ in dict.fromkeys(chosen)]
    items = items or list(_found(session, query))
    mine = session.organization_id
    return NewOrderPage(
        query=query,
        found=tuple(
            (row.id, bilingual(row, "name"), row.serial_number, row.procedure_code or "")
            for row in items
        ),
        laboratories=tuple(
            (row.id, bilingual(row, "name"))
            for row in organization_store.all_of_them(session)
            if row.id != mine and row.kind != "regulator"
        ),
    )


def _found(session: TenantSession, query: str) -> Sequence[Any]:
    if not query:
        return []
    text = query.casefold()
    return [
        row
        for row in item_store.own(session)
        if text in "\n".join((row.name_zh, row.name_en, row.serial_number,
                              row.asset_number or "")).casefold()
    ][:ROWS_A_PAGE]  # fmt: skip


# --- The inbox -----------------------------------------------------------------------------------


@router.get(INBOX_ROUTE)
def show_inbox(request: Request, session: Reading) -> HTMLResponse:
    """Show the orders, answers and results that other organizations sent."""
    return render_page(request, _inbox(session))


@router.post(INBOX_ROUTE + "/{delivery_id}")
def take_in(request: Request, actor: Acting, now: Now, delivery_id: UUID) -> Response:
    """Take a document into the book, and go to its order."""

    def act(session: TenantSession, person: Person) -> UUID:
        return order_exchange.take_in(session, delivery_id, person=person, now=now).id

    order_id, wrong = _try(request, actor, act)
    if order_id is not None:
        return RedirectResponse(addresses.work_order(order_id), 303)
    with _reading(request, actor) as session:
        return render_page(request, replace(_inbox(session), wrong=wrong), status=422)


@router.post(INBOX_ROUTE + "/{delivery_id}/result")
def take_in_result(
    request: Request, actor: Acting, now: Now, delivery_id: UUID, of: Text = ""
) -> Response:
    """Take a result into the book, as of an ordered item or of one of the ledger, and go there."""
    kind, _, id_ = of.partition(":")

    def act(session: TenantSession, person: Person) -> str:
        if kind == "line":
            order_exchange.take_in_result(session, delivery_id, UUID(id_), person=person, now=now)
            return addresses.work_order(store.line(session, UUID(id_)).work_order_id)
        if kind != "item":
            raise InvalidField("/of", "choose the item that the result is of")
        deliveries.take_in(session, delivery_id, UUID(id_), actor_id=person.id, now=now)
        return addresses.item(UUID(id_))

    there, wrong = _try(request, actor, act)
    if there is not None:
        return RedirectResponse(there, 303)
    with _reading(request, actor) as session:
        return render_page(request, replace(_inbox(session), wrong=wrong), status=422)


def _results(session: TenantSession, names: Mapping[UUID, Bilingual]) -> Iterator[ReceivedResult]:
    waiting = store.results_waiting(session, limit=MOST_RESULTS)
    if not waiting:
        return
    ordered = store.listed(session, store.Wanted(states=[State.ACCEPTED]))
    ledger = item_store.own(session)
    for row in waiting:
        said = row.content
        name = Bilingual(zh=str(said.get("item_name_zh")), en=str(said.get("item_name_en")))
        serial_number = serial_number_of(said)
        choices = [
            Choice(
                value=f"line:{found.line.id}",
                number=found.order.number,
                name=bilingual(found.item, "name"),
                serial_number=found.item.serial_number,
                is_ordered=True,
            )
            for found in ordered
            if found.order.laboratory_id == row.sender_id
        ]
        choices += [
            Choice(
                value=f"item:{item.id}",
                number="",
                name=bilingual(item, "name"),
                serial_number=item.serial_number,
                is_ordered=False,
            )
            for item in ledger
            if item.serial_number == serial_number or item.name_zh == name.zh
        ]
        # of the same number first, and what was ordered before what was not
        choices.sort(key=lambda one: (one.serial_number != serial_number, not one.is_ordered))
        yield ReceivedResult(
            id=row.id,
            sender=names[row.sender_id],
            sent_at=row.sent_at,
            item=name,
            serial_number=serial_number,
            number=store.certificate_number_of(said) or "",
            performed_on=str(said.get("performed_on")),
            choices=tuple(choices[:MOST_CHOICES]),
        )


def serial_number_of(document: Mapping[str, Any]) -> str:
    """Return the serial number in the certificate of a delivered result; "" where none is told."""
    try:
        files = {row["form"]: row["content"] for row in document["certificate"]["files"]}
        return str(json.loads(bytes.fromhex(files["json"]))["item"]["serial_number"])
    except (KeyError, TypeError, ValueError):  # no certificate, or another's form of one
        return ""


def _inbox(session: TenantSession) -> InboxPage:
    names = {row.id: bilingual(row, "name") for row in organization_store.all_of_them(session)}
    return InboxPage(
        documents=tuple(
            Received(
                id=row.id,
                kind=row.kind,
                sender=names[row.sender_id],
                sent_at=row.sent_at,
                is_taken_in=receipt is not None,
                number=str(row.content.get("number", "")),
                items=len(row.content.get("lines", ())),
            )
            for row, receipt in store.inbox(session)
        ),
        results=tuple(_results(session, names)),
        waiting=store.count_results_waiting(session),
    )


# --- One order -----------------------------------------------------------------------------------


@router.get(PHOTO_ROUTE)
def show_photo(session: Reading, photo_id: UUID) -> Response:
    """Send a photo of an item as it came in."""
    row = store.photo(session, photo_id)
    return Response(row.content, media_type=row.media_type)


@router.get(addresses.WORK_ORDERS_ROUTE + "/{order_id}")
def show_order(request: Request, session: Reading, today: Today, order_id: UUID) -> HTMLResponse:
    """Show a work order: its items, what happened to each, and what may happen next."""
    return render_page(request, order_page(session, order_id, on=today))


@router.get(addresses.WORK_ORDERS_ROUTE + "/{order_id}/labels")
def show_labels(request: Request, session: Reading, order_id: UUID) -> HTMLResponse:
    """Show the labels of an order's items, to be printed: a scan opens the worksheet."""
    labels = _labels(session, order_id, request.app.state.settings.public_url)
    view = LabelsPage(order_id=order_id, number=labels[0].number, labels=labels)
    return render_page(request, view)


@router.get(addresses.WORK_ORDERS_ROUTE + "/{order_id}/packing-list")
def show_packing_list(request: Request, session: Reading, order_id: UUID) -> HTMLResponse:
    """Show what goes into the box: each item to be ticked off, with its code."""
    order = store.get(session, order_id)
    names = {row.id: bilingual(row, "name") for row in organization_store.all_of_them(session)}
    view = PackingPage(
        order_id=order_id,
        number=order.number,
        customer=names[order.customer_id],
        laboratory=names[order.laboratory_id],
        due_on=order.due_on,
        labels=_labels(session, order_id, request.app.state.settings.public_url),
    )
    return render_page(request, view)


def _labels(session: TenantSession, order_id: UUID, base: str) -> tuple[Label, ...]:
    rows = store.of_order(session, store.get(session, order_id).id)
    return tuple(
        Label(
            qr=_qr(base + addresses.worksheet(row.line.id)),
            number=row.order.number,
            name=bilingual(row.item, "name"),
            serial_number=row.item.serial_number,
            customer=bilingual(row.customer, "name"),
            due_on=row.order.due_on,
            place=row.line.position + 1,
            of=len(rows),
            type_designation=row.item.type_designation,
            procedure=row.line.procedure_code,
        )
        for row in rows
    )


@router.post(addresses.WORK_ORDERS_ROUTE + "/{order_id}/answer")
def answer_order(
    request: Request, actor: Acting, now: Now, order_id: UUID, accepts: Text = "", reason: Text = ""
) -> Response:
    """Accept or decline an order."""

    def act(session: TenantSession, person: Person) -> None:
        order_exchange.answer(
            session, order_id, accepts=accepts == "yes", reason=reason, person=person, now=now
        )

    return _after(request, actor, order_id, act, now=now)


@router.post(addresses.WORK_ORDERS_ROUTE + "/lines/{line_id}/received")
def receive(
    request: Request,
    actor: Acting,
    now: Now,
    line_id: UUID,
    condition: Text = "",
    accessories: Text = "",
    photos: Annotated[list[UploadFile], File()] = [],  # noqa: B006  FastAPI copies it
) -> Response:
    """Take an item in, with the condition in which it came."""
    pictures = [photo.file.read(actions.MOST_OCTETS + 1) for photo in photos if photo.size]

    def act(session: TenantSession, person: Person) -> None:
        actions.receive(
            session, line_id, condition=condition, accessories=accessories, photos=pictures,
            person=person, now=now,
        )  # fmt: skip

    return _after_line(request, actor, line_id, act, now=now)


@router.post(addresses.WORK_ORDERS_ROUTE + "/lines/{line_id}/assigned")
def assign(
    request: Request,
    actor: Acting,
    now: Now,
    line_id: UUID,
    person_id: Annotated[UUID, Form()],
    planned_on: Annotated[date, Form()],
) -> Response:
    """Give an item to a person for a day."""

    def act(session: TenantSession, person: Person) -> None:
        actions.assign(
            session, line_id, person_id, planned_on=planned_on, assigned_by=person, now=now
        )

    return _after_line(request, actor, line_id, act, now=now)


@router.post(addresses.WORK_ORDERS_ROUTE + "/lines/{line_id}/{state}")
def take_step(
    request: Request,
    actor: Acting,
    now: Now,
    line_id: UUID,
    state: Literal["checked", "approved", "sent-back", "issued", "returned", "cancelled"],
    reason: Text = "",
    handed_to: Text = "",
) -> Response:
    """Take another step with an item: sign it, send it back, issue, hand back or cancel it."""
    app_state = request.app.state

    def act(session: TenantSession, person: Person) -> None:
        match state:
            case "checked" | "approved":
                signing_off.sign_off(
                    session, line_id, State(state), person=person,
                    authenticated_at=actor.authenticated_at, now=now,
                )  # fmt: skip
            case "sent-back":
                signing_off.send_back(session, line_id, reason=reason, person=person, now=now)
            case "issued":
                signing_off.issue(
                    session, line_id, render=app_state.render, person=person, keys=app_state.keys,
                    seals=app_state.seals, now=now,
                    url=app_state.settings.public_url + "/c/{number}",
                )  # fmt: skip
            case "returned":
                actions.give_back(session, line_id, handed_to=handed_to, person=person, now=now)
            case "cancelled":
                actions.cancel(session, line_id, reason=reason, person=person, now=now)

    return _after_line(request, actor, line_id, act, now=now)


def order_page(session: TenantSession, order_id: UUID, *, on: date) -> OrderPage:
    """Return the page of one order."""
    order = store.get(session, order_id)
    rows = store.of_order(session, order_id)
    names = {row.id: bilingual(row, "name") for row in organization_store.all_of_them(session)}
    people = {row.id: bilingual(row, "name") for row in people_store.of_organization(session)}
    return OrderPage(
        order=order,
        customer=names[order.customer_id],
        laboratory=names[order.laboratory_id],
        is_ours=order.laboratory_id == session.organization_id,
        state=order_state(row.state for row in rows),
        lines=tuple(_line(session, row, people, on=on) for row in rows),
        on=on,
    )


def _line(
    session: TenantSession, found: Listed, people: Mapping[UUID, Bilingual], *, on: date
) -> LinePart:
    steps = store.steps(session, found.line.id)
    measured = store.measured(session, found.line.id)
    # at the customer's nothing was measured: the result came with the step that issued it
    told = [step.calibration_id for step in steps if step.calibration_id]
    calibration_id = measured.calibration_id if measured else told[-1] if told else None
    certificate = (
        certificate_store.of_calibration(session, calibration_id) if calibration_id else None
    )
    may = actions.next_states(session, found.line)
    return LinePart(
        row=_row(found, on=on),
        item_id=found.item.id,
        steps=tuple(
            StepRow(
                state=State(step.state),
                person=people[step.person_id],
                assigned_to=people.get(step.assigned_to_id) if step.assigned_to_id else None,
                recorded_at=step.recorded_at,
                said=_said(step.said),
            )
            for step in steps
        ),
        photo_ids=tuple(photo.id for photo in store.photos(session, found.line.id)),
        next=may,
        candidates=tuple(_candidates(session, found, on=on))
        if State.ASSIGNED in may and found.state in (State.RECEIVED, State.ASSIGNED)
        else (),
        calibration_id=calibration_id,
        verdict=measured.said.get("verdict") if measured else None,
        as_found=measured.said.get("as_found") if measured else None,
        certificate_number=certificate.number if certificate else None,
        recall=_recall(session, measured) if measured else None,
        is_initial=found.line.is_initial,
    )


def _recall(session: TenantSession, measured: WorkOrderStep) -> RecallNote | None:
    """Return what became of what rests on an item that was found out of tolerance."""
    told = measured.said.get("recall") or {}
    if recall_id := told.get("recall_id"):
        found = recalls.progress(session, UUID(recall_id))
        return RecallNote(status=found.status, address=addresses.recall(found.row.id))
    if calibration_id := told.get("calibration_id"):
        return RecallNote(status=None, address=addresses.impact(UUID(calibration_id)))
    return RecallNote(status=None, address=None) if told else None


def _said(said: Mapping[str, Any]) -> str:
    texts = ("condition", "accessories", "reason", "sent_back", "handed_to", "remarks")
    return " · ".join(str(said[name]) for name in texts if said.get(name))


def _candidates(session: TenantSession, found: Listed, *, on: date) -> Iterator[Candidate]:
    loads, most = store.loads(session, on), actions.policy(session).items_a_day
    for person in people_store.authorised(session, found.line.procedure_code, on=on):
        items = loads.get(person.id, 0)
        yield Candidate(id=person.id, name=bilingual(person, "name"), items=items, most=most)


def _qr(address: str) -> Markup:
    drawing = BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawing, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=0
    )
    return Markup(drawing.getvalue().decode())  # noqa: S704  segno's own drawing


# --- Acting --------------------------------------------------------------------------------------


def _reading(request: Request, actor: Actor) -> TenantSession:
    return TenantSession(request.app.state.engine, actor.organization_id, read_only=True)


def _try(
    request: Request, actor: Actor, act: Callable[[TenantSession, Person], T]
) -> tuple[T | None, Told | None]:
    """Let an act happen in a transaction of its own; return what it gives, or why it is refused.

    Raises:
        ReauthenticationRequired: the person is asked to prove who it is, and comes back.
    """
    engine = request.app.state.engine
    try:
        with TenantSession(engine, actor.organization_id) as session, session.begin():
            return act(session, people_store.acting(session, actor.person_id)), None
    except ReauthenticationRequired:
        raise
    except (*Refusal, ValueError) as error:
        return None, told(error)


def _after(
    request: Request,
    actor: Actor,
    order_id: UUID,
    act: Callable[[TenantSession, Person], None],
    *,
    now: datetime,
) -> Response:
    """Go back to the order after an act, or show it with the reason of the refusal."""
    _, wrong = _try(request, actor, act)
    if wrong is None:
        return RedirectResponse(addresses.work_order(order_id), 303)
    with _reading(request, actor) as session:
        page = order_page(session, order_id, on=now.date())
        return render_page(request, replace(page, wrong=wrong), status=422)


def _after_line(
    request: Request,
    actor: Actor,
    line_id: UUID,
    act: Callable[[TenantSession, Person], None],
    *,
    now: datetime,
) -> Response:
    with _reading(request, actor) as session:
        order_id = store.line(session, line_id).work_order_id
    return _after(request, actor, order_id, act, now=now)
