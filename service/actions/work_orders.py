"""Work orders: asked for, accepted, received, assigned, given back. One function, one fact.

What is measured stands in `worksheets`, who signs it in `signing_off`; between organizations an
order and its acceptance travel as documents (`order_documents`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from certificates.content import Meaning
from certificates.seal import sha256_hex
from service import audit
from service.actions import certificates
from service.clock import day_of
from service.errors import AlreadyThere, InvalidField, NoCapacity, NotAuthorised, NotFound
from service.outbox import announce
from service.store import calibrations as calibration_store
from service.store import items as item_store
from service.store import people as people_store
from service.store import work_orders as store
from service.tables.organizations import Organization
from service.tables.people import Person
from service.tables.work_orders import (
    LaboratoryPolicy,
    WorkOrder,
    WorkOrderLine,
    WorkOrderPhoto,
    WorkOrderStep,
)
from service.tenancy import TenantSession
from service.work_order_states import (
    AT_THE_CUSTOMER,
    IN_THE_LABORATORY,
    OF_TWO_PERSONS,
    State,
    require_next,
)

MOST_ITEMS = 200  # in one order
MOST_PHOTOS = 8  # of one item
MOST_OCTETS = 4_000_000  # of one photo
BEGINNINGS = {  # of a picture's bytes
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"RIFF": "image/webp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for of one item; `is_initial` for one that never was in use."""

    item_id: UUID
    procedure_code: str
    is_initial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an organization asks of its laboratory; `items_a_day` None is no limit."""

    signatories: int = 3
    items_a_day: int | None = None
    reason: str = ""


def request(
    session: TenantSession,
    asked: Sequence[Asked],
    *,
    requested_by: Person,
    now: datetime,
    laboratory_id: UUID | None = None,
    due_on: date | None = None,
    remarks: str = "",
) -> WorkOrder:
    """Ask for items to be verified or calibrated: of the own laboratory, or of another one.

    Items in the own laboratory are all of one customer, who may be the organization itself.

    Raises:
        NotFound: the ledger has no such item, or there is no such laboratory.
        InvalidField: no item or too many, one twice, items of several customers, a customer's
            item for another laboratory, a code without text, or a due date in the past.
        AlreadyThere: an item stands in a work order already that has not ended with it.
    """
    _require_askable(session, asked, due_on=due_on, now=now)
    mine = session.organization_id
    customers = {item_store.get(session, row.item_id).customer_id or mine for row in asked}
    if len(customers) > 1:
        raise InvalidField("/items", "they are of several customers: one order for each")
    customer_id = customers.pop()
    if laboratory_id not in (None, mine):
        if customer_id != mine:
            raise InvalidField("/laboratory_id", "another's items are not passed on")
        if session.get(Organization, laboratory_id) is None:
            raise NotFound("organization", str(laboratory_id))
    return enter(
        session,
        id_=uuid7(),
        asked={uuid7(): row for row in asked},
        customer_id=customer_id,
        laboratory_id=laboratory_id or mine,
        due_on=due_on,
        remarks=remarks,
        person=requested_by,
        now=now,
    )


def enter(
    session: TenantSession,
    *,
    id_: UUID,
    asked: Mapping[UUID, Asked],
    customer_id: UUID,
    laboratory_id: UUID,
    due_on: date | None,
    remarks: str,
    person: Person,
    now: datetime,
    customer_number: str | None = None,
) -> WorkOrder:
    """Write a work order under the book's next number; `asked` by the id of each of its items."""
    session.lock_book()
    code = session.get_one(Organization, session.organization_id).code
    today = day_of(now)
    order = WorkOrder(
        organization_id=session.organization_id,
        id=id_,
        number=f"{code}-WO-{today.year}-{store.count(session) + 1:05d}",
        customer_id=customer_id,
        laboratory_id=laboratory_id,
        customer_number=customer_number,
        requested_on=today,
        due_on=due_on,
        remarks=remarks,
    )
    session.add(order)
    session.flush()
    session.insert(
        WorkOrderLine,
        [
            {
                "id": line_id,
                "work_order_id": order.id,
                "position": position,
                "item_id": row.item_id,
                "procedure_code": row.procedure_code,
                "is_initial": row.is_initial,
            }
            for position, (line_id, row) in enumerate(asked.items())
        ],
    )
    for line_id in asked:
        take_step(session, store.line(session, line_id), State.REQUESTED, person=person, now=now)
    return order


def accept(session: TenantSession, order_id: UUID, *, person: Person, now: datetime) -> WorkOrder:
    """Accept every item of an order: the laboratory can do it, and has agreed with the customer.

    Source: ISO/IEC 17025:2017, 7.1.

    Raises:
        NotFound: the book has no such order.
        InvalidField: the order was placed with another laboratory.
        StepOutOfOrder: an item of it is not merely requested.
    """
    order = _own_work(session, order_id)
    for line in store.lines(session, order.id):
        take_step(session, line, State.ACCEPTED, person=person, now=now)
    return order


def decline(
    session: TenantSession, order_id: UUID, *, reason: str, person: Person, now: datetime
) -> WorkOrder:
    """Decline an order, with the reason that its customer is told.

    Raises:
        NotFound, InvalidField, StepOutOfOrder: as `accept`; or no reason is given.
    """
    order = _own_work(session, order_id)
    _require_text("/reason", reason)
    for line in store.lines(session, order.id):
        take_step(
            session, line, State.DECLINED, person=person, now=now, said={"reason": reason.strip()}
        )
    return order


def cancel(
    session: TenantSession, line_id: UUID, *, reason: str, person: Person, now: datetime
) -> None:
    """Cancel the order of one item that has not come in.

    Raises:
        NotFound: the book has no such item of an order.
        InvalidField: no reason is given.
        StepOutOfOrder: the item has come in; it is given back instead.
    """
    _require_text("/reason", reason)
    line = store.line(session, line_id)
    take_step(
        session, line, State.CANCELLED, person=person, now=now, said={"reason": reason.strip()}
    )


def receive(
    session: TenantSession,
    line_id: UUID,
    *,
    condition: str,
    person: Person,
    now: datetime,
    accessories: str = "",
    photos: Iterable[bytes] = (),
) -> None:
    """Take an item in, in the condition in which it came.

    Source: ISO/IEC 17025:2017, 7.4.

    Raises:
        NotFound: the book has no such item of an order.
        InvalidField: the condition is not told, or a photo is none, too large, or one too many.
        StepOutOfOrder: the item is not expected.
    """
    _require_text("/condition", condition)
    line = store.line(session, line_id)
    said = {"condition": condition.strip(), "accessories": accessories.strip()}
    take_step(session, line, State.RECEIVED, person=person, now=now, said=said)
    rows: dict[str, dict[str, Any]] = {}
    for index, content in enumerate(photos):
        pointer = f"/photos/{index}"
        if index >= MOST_PHOTOS:
            raise InvalidField(pointer, f"an item has at most {MOST_PHOTOS} photos")
        digest = sha256_hex(content)
        rows[digest] = {
            "id": uuid7(),
            "line_id": line.id,
            "person_id": person.id,
            "media_type": _media_type(pointer, content),
            "sha256": digest,
            "content": content,
            "recorded_at": now,
        }
    session.insert(WorkOrderPhoto, list(rows.values()))


def assign(
    session: TenantSession,
    line_id: UUID,
    person_id: UUID,
    *,
    planned_on: date,
    assigned_by: Person,
    now: datetime,
    reason: str = "",
) -> None:
    """Give an item to a person who may work by its procedure on that day, and has room for it.

    Raises:
        NotFound: the book has no such item of an order, or no such person.
        NotAuthorised: the person is not authorised for the procedure on that day.
        NoCapacity: the policy's number of items a day is reached.
        InvalidField: the day is over.
        StepOutOfOrder: the item is not here, or is measured already.
    """
    line = store.line(session, line_id)
    worker = people_store.get(session, person_id)
    if worker is None:
        raise NotFound("person", person_id)
    if planned_on < day_of(now):
        raise InvalidField("/planned_on", f"{planned_on} is over")
    require_authorised(session, worker, line.procedure_code, on=planned_on)
    most = policy(session).items_a_day
    if most is not None and store.given(session, person_id, planned_on) >= most:
        raise NoCapacity(
            f"{worker.name_en} has {most} items on {planned_on} already, which is the most"
        )
    before = store.last_step(session, line_id)
    if before.state not in (State.RECEIVED, State.ASSIGNED):
        require_next(State(before.state), State.RECEIVED)
    take_step(
        session,
        line,
        State.ASSIGNED,
        person=assigned_by,
        now=now,
        assigned_to_id=person_id,
        planned_on=planned_on,
        said={"reason": reason.strip()} if reason.strip() else {},
    )


def give_back(
    session: TenantSession,
    line_id: UUID,
    *,
    handed_to: str,
    person: Person,
    now: datetime,
    remarks: str = "",
) -> None:
    """Hand an item back to its customer, measured or not.

    Raises:
        NotFound: the book has no such item of an order.
        InvalidField: nobody is named.
        StepOutOfOrder: the item is not here, or what was measured is not issued yet.
    """
    _require_text("/handed_to", handed_to)
    said = {"handed_to": handed_to.strip(), "remarks": remarks.strip()}
    take_step(
        session, store.line(session, line_id), State.RETURNED, person=person, now=now, said=said
    )


def set_policy(
    session: TenantSession,
    *,
    signatories: int,
    items_a_day: int | None,
    reason: str,
    person: Person,
    now: datetime,
) -> None:
    """Say what the organization asks of its laboratory from now on.

    Raises:
        InvalidField: another number of signatories than 2 or 3, no item a day, or no reason.
    """
    _require_text("/reason", reason)
    if signatories not in (2, 3):
        raise InvalidField("/signatories", "three persons sign, or two")
    if items_a_day is not None and items_a_day < 1:
        raise InvalidField("/items_a_day", "at least one item a day, or no limit")
    session.lock_book()
    known = store.policy(session)
    position = known.position + 1 if known else 0
    said = {"signatories": signatories, "items_a_day": items_a_day, "reason": reason.strip()}
    row = {"position": position, "recorded_at": now, "person_id": person.id}
    session.insert(LaboratoryPolicy, [said | row])
    audit.record(
        session, "laboratory.policy_set", person.id, actor_id=person.id, now=now,
        said={name: str(value) for name, value in said.items()},
    )  # fmt: skip


def policy(session: TenantSession) -> Policy:
    """Return what the organization asks of its laboratory; strict where it said nothing."""
    row = store.policy(session)
    if row is None:
        return Policy()
    return Policy(signatories=row.signatories, items_a_day=row.items_a_day, reason=row.reason)


def require_authorised(session: TenantSession, person: Person, code: str, *, on: date) -> None:
    """Refuse a person who may not work by a procedure on a day.

    Raises:
        NotAuthorised: saying until when the person was authorised, if ever.
    """
    until = people_store.authorised_until(session, person.id, code)
    if until is None:
        raise NotAuthorised(f"{person.name_en} is not authorised for {code}")
    if until < on:
        raise NotAuthorised(f"{person.name_en} is authorised for {code} until {until}, not on {on}")


def next_states(session: TenantSession, line: WorkOrderLine) -> frozenset[State]:
    """Return which states may follow where an item stands."""
    return _rule(session, line)[State(store.last_step(session, line.id).state)]


def take_step(
    session: TenantSession,
    line: WorkOrderLine,
    state: State,
    *,
    person: Person,
    now: datetime,
    assigned_to_id: UUID | None = None,
    planned_on: date | None = None,
    calibration_id: UUID | None = None,
    said: Mapping[str, Any] | None = None,
) -> None:
    """Enter the next step of one item, tell the outside of it, and write the audit line.

    Raises:
        StepOutOfOrder: the step may not follow where the item stands.
    """
    session.lock_book()
    before = store.steps(session, line.id)
    if before:
        require_next(State(before[-1].state), state, _rule(session, line))
    elif state is not State.REQUESTED:
        raise NotFound("step before this of an item of a work order", line.id)
    session.insert(
        WorkOrderStep,
        [
            {
                "line_id": line.id,
                "position": len(before),
                "state": state.value,
                "person_id": person.id,
                "assigned_to_id": assigned_to_id,
                "planned_on": planned_on,
                "calibration_id": calibration_id,
                "said": dict(said or {}),
                "recorded_at": now,
            }
        ],
    )
    order = store.get(session, line.work_order_id)
    about = {
        "work_order_id": str(order.id),
        "number": order.number,
        "line_id": str(line.id),
        "item_id": str(line.item_id),
        **({"calibration_id": str(calibration_id)} if calibration_id else {}),
    }
    announce(session, f"work_order.{state.value}", about | {"step": len(before)}, now=now)
    audit.record(
        session, f"work_order.{state.value}", line.id, actor_id=person.id, now=now,
        said={"number": order.number, "item_id": str(line.item_id)},
    )  # fmt: skip


def _rule(session: TenantSession, line: WorkOrderLine) -> Mapping[State, frozenset[State]]:
    """Return which states may follow which for an item, in whose laboratory it is asked for."""
    order = store.get(session, line.work_order_id)
    if order.laboratory_id != session.organization_id:
        return AT_THE_CUSTOMER
    step = store.measured(session, line.id)
    if step is None or step.calibration_id is None:
        return IN_THE_LABORATORY
    row = calibration_store.get(session, step.calibration_id)
    needed = certificates.meanings_needed(session, row)
    return IN_THE_LABORATORY if Meaning.CHECKED in needed else OF_TWO_PERSONS


def _own_work(session: TenantSession, order_id: UUID) -> WorkOrder:
    order = store.get(session, order_id)
    if order.laboratory_id != session.organization_id:
        raise InvalidField("/order_id", "the order was placed with another laboratory")
    return order


def _require_askable(
    session: TenantSession, asked: Sequence[Asked], *, due_on: date | None, now: datetime
) -> None:
    if not 1 <= len(asked) <= MOST_ITEMS:
        raise InvalidField("/items", f"an order is of 1 to {MOST_ITEMS} items")
    if due_on is not None and due_on < day_of(now):
        raise InvalidField("/due_on", f"{due_on} is over")
    seen: set[UUID] = set()
    for index, row in enumerate(asked):
        _require_text(f"/items/{index}/procedure_code", row.procedure_code)
        if row.item_id in seen:
            raise InvalidField(f"/items/{index}/item_id", "stands in the order twice")
        seen.add(row.item_id)
        item_store.get(session, row.item_id)
        for under_way in store.open_lines_of_item(session, row.item_id):
            raise AlreadyThere(
                f"{under_way.item.name_en} is {under_way.state} in {under_way.order.number}"
            )


def _require_text(pointer: str, text: str) -> None:
    if not text.strip():
        raise InvalidField(pointer, "is missing")


def _media_type(pointer: str, content: bytes) -> str:
    if len(content) > MOST_OCTETS:
        raise InvalidField(pointer, f"a photo has at most {MOST_OCTETS // 1_000_000} MB")
    for beginning, media_type in BEGINNINGS.items():
        is_webp = media_type != "image/webp" or content[8:12] == b"WEBP"
        if content.startswith(beginning) and is_webp:
            return media_type
    raise InvalidField(pointer, "not a JPEG, PNG or WebP picture")
