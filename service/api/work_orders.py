"""Work orders (委托): asked for, answered, received, assigned, signed off, issued, given back."""

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service.actions import order_exchange, signing_off
from service.actions import work_orders as actions
from service.actions.work_orders import Asked
from service.api import conditions, paging
from service.api.conditions import IfMatch, IfNoneMatch
from service.api.given import Day
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today
from service.errors import InvalidField
from service.store import people as people_store
from service.store import work_orders as store
from service.store.work_orders import Listed
from service.tables.work_orders import WorkOrder
from service.tenancy import TenantSession
from service.work_order_states import State, order_state

router = APIRouter(prefix="/work-orders", tags=["work-orders"])

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Remarks = Annotated[str, Field(max_length=2000)]


class Strict(SQLModel):
    """A part of a request: an unknown field is an error, not noise."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type


class AskedIn(Strict):
    """What is asked for of one item; `is_initial` for one that never was in use."""

    item_id: UUID
    procedure_code: Annotated[str, Field(min_length=1, max_length=60)]
    is_initial: bool = False


class WorkOrderIn(Strict):
    """What is asked for; `laboratory_id` only where another organization shall do it."""

    items: Annotated[list[AskedIn], Field(min_length=1, max_length=actions.MOST_ITEMS)]
    laboratory_id: UUID | None = None
    due_on: date | None = None
    remarks: Remarks = ""


class AnswerIn(Strict):
    """Whether the laboratory does the work; if not, why."""

    accepts: bool
    reason: Remarks = ""


class ReceptionIn(Strict):
    """In which condition an item came; photos are JPEG, PNG or WebP in base64."""

    condition: Text
    accessories: Remarks = ""
    photos: Annotated[list[str], Field(max_length=actions.MOST_PHOTOS)] = []


class AssignmentIn(Strict):
    """Who is to do the work, and on which day."""

    person_id: UUID
    planned_on: date
    reason: Remarks = ""


class SignatureIn(Strict):
    """As what the acting person signs what was measured."""

    meaning: Literal["checked", "approved"]


class ReasonIn(Strict):
    """Why."""

    reason: Text


class ReturnIn(Strict):
    """To whom an item is handed back."""

    handed_to: Text
    remarks: Remarks = ""


MOST_RESULTS = 200  # listed while they wait
OF_A_RESULT = (
    "id",
    "kind",
    "item_name_zh",
    "item_name_en",
    "procedure_code",
    "performed_on",
    "valid_until",
)


class TakeInIn(Strict):
    """For a result: which ordered item it is of."""

    line_id: UUID | None = None


class PolicyIn(Strict):
    """What the organization asks of its laboratory; strict where nothing was said."""

    signatories: Literal[2, 3] = 3
    items_a_day: Annotated[int, Field(ge=1, le=100_000)] | None = None
    reason: Text


class StepAnswer(SQLModel):
    """One step of an item."""

    state: State
    person_id: UUID
    assigned_to_id: UUID | None
    planned_on: date | None
    calibration_id: UUID | None
    said: dict[str, Any]
    recorded_at: datetime


class LineAnswer(SQLModel):
    """One item of a work order and where it stands."""

    id: UUID
    work_order_id: UUID
    number: str
    position: int
    item_id: UUID
    item_name_zh: str
    item_name_en: str
    serial_number: str
    procedure_code: str
    is_initial: bool
    state: State
    assigned_to_id: UUID | None
    planned_on: date | None


class LineWithSteps(LineAnswer):
    """One item of a work order with all that happened to it."""

    steps: list[StepAnswer]
    photo_ids: list[UUID]
    worksheet_revision: int


class WorkOrderAnswer(SQLModel):
    """A work order; its state is that of the item that is least far."""

    id: UUID
    number: str
    customer_id: UUID
    customer_zh: str
    customer_en: str
    laboratory_id: UUID
    customer_number: str | None
    requested_on: date
    due_on: date | None
    remarks: str
    state: State
    changed_at: datetime
    items: list[LineAnswer]


class InboxAnswer(SQLModel):
    """A document about a work order that another organization sent."""

    id: UUID
    kind: str
    sender_id: UUID
    sent_at: datetime
    is_taken_in: bool
    content: dict[str, Any]


class PolicyAnswer(SQLModel):
    """What the organization asks of its laboratory."""

    signatories: int
    items_a_day: int | None
    reason: str


class LoadAnswer(SQLModel):
    """How many items a person is given for a day."""

    person_id: UUID
    name_zh: str
    name_en: str
    items: int
    most: int | None


class CertificateAnswer(SQLModel):
    """The certificate that was issued."""

    id: UUID
    number: str
    kind: str
    issued_at: datetime
    content_sha256: str


@router.get("", response_model=list[WorkOrderAnswer], responses=paging.FORMS)
def list_work_orders(
    request: Request,
    session: Reading,
    page: paging.Asked,
    updated_since: paging.Since = None,
    state: State | None = None,
    item_id: UUID | None = None,
    assigned_to_id: UUID | None = None,
) -> Response:
    """List work orders, newest first, a page at a time; as CSV or JSON lines all of them.

    A filter keeps an order of which one item fits it. No order is ever deleted: what was declined
    or cancelled says so, so that whoever keeps in step by `updated_since` learns of it.
    """
    wanted = store.Wanted(
        states=None if state is None else [state], item_id=item_id, assigned_to_id=assigned_to_id
    )

    def rows(after: UUID | None, limit: int) -> list[WorkOrderAnswer]:
        ids = store.page(session, wanted, after=after, limit=limit, updated_since=updated_since)
        grouped: dict[UUID, list[Listed]] = {id_: [] for id_ in ids}
        for row in store.listed(session, store.Wanted(order_ids=ids, descending=False)):
            grouped[row.order.id].append(row)
        return [order_answer(own) for own in grouped.values()]

    return paging.answered(request, session, page, rows, WorkOrderAnswer)


@router.post("", status_code=201)
def place_work_order(
    session: Transaction, actor: Acting, now: Now, said: WorkOrderIn
) -> WorkOrderAnswer:
    """Ask for items to be verified or calibrated; another laboratory is sent the order.

    An item that stands in an order already is refused, and so is an order of several customers.
    """
    order = order_exchange.place(
        session,
        [Asked(**row.model_dump()) for row in said.items],
        requested_by=people_store.acting(session, actor.person_id),
        now=now,
        laboratory_id=said.laboratory_id,
        due_on=said.due_on,
        remarks=said.remarks,
    )
    return order_answer(store.of_order(session, order.id))


@router.get("/inbox")
def list_inbox(session: Reading) -> list[InboxAnswer]:
    """List the orders and answers that other organizations sent, and the results that wait.

    Of a result `content` has what it is of; take it in with the `line_id` of the ordered item. At
    most 200 waiting results are listed, the newest first.
    """
    results = [
        InboxAnswer(
            id=row.id,
            kind=row.kind,
            sender_id=row.sender_id,
            sent_at=row.sent_at,
            is_taken_in=False,
            content={name: row.content.get(name) for name in OF_A_RESULT}
            | {"certificate_number": store.certificate_number_of(row.content)},
        )
        for row in store.results_waiting(session, limit=MOST_RESULTS)
    ]
    return [*results, *_documents(session)]


def _documents(session: TenantSession) -> list[InboxAnswer]:
    return [
        InboxAnswer(
            id=row.id,
            kind=row.kind,
            sender_id=row.sender_id,
            sent_at=row.sent_at,
            is_taken_in=receipt is not None,
            content=row.content,
        )
        for row, receipt in store.inbox(session)
    ]


@router.post("/inbox/{delivery_id}")
def take_in_document(
    session: Transaction, actor: Acting, now: Now, delivery_id: UUID, said: TakeInIn
) -> WorkOrderAnswer:
    """Take an order, an answer, or with `line_id` the result of an ordered item into the book."""
    person = people_store.acting(session, actor.person_id)
    if said.line_id is None:
        order: WorkOrder = order_exchange.take_in(session, delivery_id, person=person, now=now)
    else:
        order_exchange.take_in_result(session, delivery_id, said.line_id, person=person, now=now)
        order = store.get(session, store.line(session, said.line_id).work_order_id)
    return order_answer(store.of_order(session, order.id))


@router.get("/policy", response_model=PolicyAnswer, responses={304: {"description": "As it was."}})
def get_policy(session: Reading, response: Response, if_none_match: IfNoneMatch = None) -> Any:
    """Tell what the organization asks of its laboratory: how many sign, how much a day."""
    return conditions.unless_known(response, if_none_match, _policy(session))


@router.put("/policy")
def set_policy(
    session: Transaction,
    response: Response,
    actor: Acting,
    now: Now,
    said: PolicyIn,
    if_match: IfMatch = None,
) -> PolicyAnswer:
    """Say what is asked from now on, where that is still what was read.

    What was asked before stays in the book. With two signatories nobody checks a calibration; a
    verification is signed by three always.
    """
    session.lock_book()
    conditions.require_match("policy", if_match, conditions.etag_of(_policy(session)))
    actions.set_policy(
        session, **said.model_dump(), person=people_store.acting(session, actor.person_id), now=now
    )
    answer = _policy(session)
    response.headers["ETag"] = conditions.etag_of(answer)
    return answer


@router.get("/loads")
def list_loads(
    session: Reading,
    today: Today,
    procedure_code: Annotated[str, Query(min_length=1, max_length=60)],
    on: Day | None = None,
) -> list[LoadAnswer]:
    """List who is authorised for a procedure on a day, and how many items each has for it."""
    day = on or today
    loads, most = store.loads(session, day), actions.policy(session).items_a_day
    return [
        LoadAnswer(
            person_id=person.id,
            name_zh=person.name_zh,
            name_en=person.name_en,
            items=loads.get(person.id, 0),
            most=most,
        )
        for person in people_store.authorised(session, procedure_code, on=day)
    ]


@router.get("/{order_id}")
def get_work_order(session: Reading, order_id: UUID) -> WorkOrderAnswer:
    """Return a work order with its items and where each stands."""
    store.get(session, order_id)
    return order_answer(store.of_order(session, order_id))


@router.post("/{order_id}/answer")
def answer_work_order(
    session: Transaction, actor: Acting, now: Now, order_id: UUID, said: AnswerIn
) -> WorkOrderAnswer:
    """Accept an order, or decline it with the reason; the customer who sent it is told."""
    order = order_exchange.answer(
        session,
        order_id,
        accepts=said.accepts,
        reason=said.reason,
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    return order_answer(store.of_order(session, order.id))


@router.get("/lines/{line_id}")
def get_line(session: Reading, line_id: UUID) -> LineWithSteps:
    """Return one item of a work order with all that happened to it."""
    return _line(session, line_id)


@router.post("/lines/{line_id}/reception")
def receive_item(
    session: Transaction, actor: Acting, now: Now, line_id: UUID, said: ReceptionIn
) -> LineWithSteps:
    """Take an item in, with the condition in which it came and photos of it."""
    actions.receive(
        session,
        line_id,
        condition=said.condition,
        accessories=said.accessories,
        photos=[_octets(f"/photos/{index}", text) for index, text in enumerate(said.photos)],
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    return _line(session, line_id)


@router.post("/lines/{line_id}/assignment")
def assign_item(
    session: Transaction, actor: Acting, now: Now, line_id: UUID, said: AssignmentIn
) -> LineWithSteps:
    """Give an item to a person who is authorised for its procedure on that day and has room."""
    actions.assign(
        session,
        line_id,
        said.person_id,
        planned_on=said.planned_on,
        reason=said.reason,
        assigned_by=people_store.acting(session, actor.person_id),
        now=now,
    )
    return _line(session, line_id)


@router.post("/lines/{line_id}/signature")
def sign_item(
    session: Transaction, actor: Acting, now: Now, line_id: UUID, said: SignatureIn
) -> LineWithSteps:
    """Sign what was measured as checked or approved: another person than who signed before.

    The proof of identity behind it is at most 300 s old.
    """
    signing_off.sign_off(
        session,
        line_id,
        State(said.meaning),
        person=people_store.acting(session, actor.person_id),
        authenticated_at=actor.authenticated_at,
        now=now,
    )
    return _line(session, line_id)


@router.post("/lines/{line_id}/sending-back")
def send_item_back(
    session: Transaction, actor: Acting, now: Now, line_id: UUID, said: ReasonIn
) -> LineWithSteps:
    """Send what was measured back to be measured anew; its signatures do not carry over."""
    signing_off.send_back(
        session,
        line_id,
        reason=said.reason,
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    return _line(session, line_id)


@router.post("/lines/{line_id}/certificate", status_code=201)
def issue_certificate_of_line(
    request: Request, session: Transaction, actor: Acting, now: Now, line_id: UUID
) -> CertificateAnswer:
    """Issue the certificate of what was measured and approved; the customer is sent it."""
    state = request.app.state
    certificate = signing_off.issue(
        session,
        line_id,
        render=state.render,
        url=state.settings.public_url + "/c/{number}",
        person=people_store.acting(session, actor.person_id),
        keys=state.keys,
        seals=state.seals,
        now=now,
    )
    return CertificateAnswer.model_validate(certificate, from_attributes=True)


@router.post("/lines/{line_id}/return")
def return_item(
    session: Transaction, actor: Acting, now: Now, line_id: UUID, said: ReturnIn
) -> LineWithSteps:
    """Hand an item back to its customer."""
    actions.give_back(
        session,
        line_id,
        handed_to=said.handed_to,
        remarks=said.remarks,
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    return _line(session, line_id)


@router.post("/lines/{line_id}/cancellation")
def cancel_item(
    session: Transaction, actor: Acting, now: Now, line_id: UUID, said: ReasonIn
) -> LineWithSteps:
    """Cancel the order of an item that has not come in."""
    actions.cancel(
        session,
        line_id,
        reason=said.reason,
        person=people_store.acting(session, actor.person_id),
        now=now,
    )
    return _line(session, line_id)


@router.get("/photos/{photo_id}", response_class=Response)
def get_photo(session: Reading, photo_id: UUID) -> Response:
    """Return a photo of an item as it came in."""
    row = store.photo(session, photo_id)
    return Response(row.content, media_type=row.media_type, headers={"ETag": f'"{row.sha256}"'})


def _octets(pointer: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise InvalidField(pointer, "is not base64") from None


def _policy(session: TenantSession) -> PolicyAnswer:
    return PolicyAnswer.model_validate(actions.policy(session), from_attributes=True)


def order_answer(rows: list[Listed]) -> WorkOrderAnswer:
    """Return a work order as it is answered."""
    order, customer = rows[0].order, rows[0].customer
    return WorkOrderAnswer.model_validate(
        order,
        from_attributes=True,
        update={
            "customer_zh": customer.name_zh,
            "customer_en": customer.name_en,
            "state": order_state(row.state for row in rows),
            "changed_at": max(row.step.recorded_at for row in rows),
            "items": [LineAnswer(**_facts(row)) for row in rows],
        },
    )


def _line(session: TenantSession, line_id: UUID) -> LineWithSteps:
    line = store.line(session, line_id)
    rows = store.of_order(session, line.work_order_id)
    (row,) = [row for row in rows if row.line.id == line_id]
    saved = store.worksheet(session, line_id)
    return LineWithSteps(
        **_facts(row),
        steps=[
            StepAnswer.model_validate(step, from_attributes=True)
            for step in store.steps(session, line_id)
        ],
        photo_ids=[photo.id for photo in store.photos(session, line_id)],
        worksheet_revision=saved.revision if saved else 0,
    )


def _facts(row: Listed) -> dict[str, Any]:
    return {
        "id": row.line.id,
        "work_order_id": row.order.id,
        "number": row.order.number,
        "position": row.line.position,
        "item_id": row.item.id,
        "item_name_zh": row.item.name_zh,
        "item_name_en": row.item.name_en,
        "serial_number": row.item.serial_number,
        "procedure_code": row.line.procedure_code,
        "is_initial": row.line.is_initial,
        "state": row.state,
        "assigned_to_id": row.step.assigned_to_id,
        "planned_on": row.step.planned_on,
    }
