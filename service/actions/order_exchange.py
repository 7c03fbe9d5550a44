"""Work orders between organizations: placed, taken in, answered, and their results come back.

An order stands in the books of both under one id. Between them travel documents: order, acceptance
and, once it is issued, the calibration.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from service.actions import deliveries, items, work_orders
from service.actions.documents import VERSION
from service.actions.order_documents import (
    AnswerDocument,
    ToldItem,
    read_answer,
    read_order,
)
from service.actions.work_orders import Asked
from service.errors import AlreadyThere, NotFound, NotTheSenders
from service.store import items as item_store
from service.store import work_orders as store
from service.tables.calibrations import Calibration
from service.tables.exchange import Delivery, DeliveryReceipt
from service.tables.items import Item
from service.tables.people import Person
from service.tables.work_orders import WorkOrder
from service.tenancy import TenantSession
from service.work_order_states import State

ITEM = tuple(name for name in ToldItem.model_fields if name != "id")


def place(
    session: TenantSession,
    asked: Sequence[Asked],
    *,
    requested_by: Person,
    now: datetime,
    laboratory_id: UUID | None = None,
    due_on: date | None = None,
    remarks: str = "",
) -> WorkOrder:
    """Ask for work on items; where another laboratory shall do it, send it the order.

    Raises:
        NotFound, InvalidField, AlreadyThere: as `work_orders.request`.
    """
    order = work_orders.request(
        session,
        asked,
        laboratory_id=laboratory_id,
        due_on=due_on,
        remarks=remarks,
        requested_by=requested_by,
        now=now,
    )
    if order.laboratory_id != session.organization_id:
        content = {
            "id": str(order.id),
            "number": order.number,
            "due_on": order.due_on.isoformat() if order.due_on else None,
            "remarks": order.remarks,
            "lines": [
                {
                    "id": str(line.id),
                    "item": _told_item(item_store.get(session, line.item_id)),
                    "procedure_code": line.procedure_code,
                    "is_initial": line.is_initial,
                }
                for line in store.lines(session, order.id)
            ],
        }
        read_order(VERSION, content)  # what this service could not read itself is not sent
        _send(session, order.laboratory_id, "order", content, order.id, now=now)
    return order


def answer(
    session: TenantSession,
    order_id: UUID,
    *,
    accepts: bool,
    person: Person,
    now: datetime,
    reason: str = "",
) -> WorkOrder:
    """Accept or decline an order, and tell the customer who sent it.

    Raises:
        NotFound, InvalidField, StepOutOfOrder: as `work_orders.accept` and `decline`.
    """
    if accepts:
        order = work_orders.accept(session, order_id, person=person, now=now)
    else:
        order = work_orders.decline(session, order_id, reason=reason, person=person, now=now)
    if order.customer_number is not None:
        content = {
            "order_id": str(order.id),
            "number": order.number,
            "decision": "accepted" if accepts else "declined",
            "reason": reason.strip(),
        }
        read_answer(VERSION, content)
        _send(session, order.customer_id, "acceptance", content, order.id, now=now)
    return order


def take_in(
    session: TenantSession, delivery_id: UUID, *, person: Person, now: datetime
) -> WorkOrder:
    """Take an order, or the answer to one, into the book.

    Raises:
        NotFound: the inbox has no such document, or the book no order that it answers.
        AlreadyThere: it was taken in already.
        InvalidField: the document cannot be read.
        NotTheSenders: it speaks of another's order or items.
        StepOutOfOrder: the order does not wait for it.
    """
    delivery = session.get(Delivery, (session.organization_id, delivery_id))
    if delivery is None or delivery.kind not in ("order", "acceptance"):
        raise NotFound("document of a work order", delivery_id)
    if session.get(DeliveryReceipt, (session.organization_id, delivery_id)) is not None:
        raise AlreadyThere(f"document {delivery_id} was taken in already")
    if delivery.kind == "order":
        order = _take_in_order(session, delivery, person=person, now=now)
    else:
        order = _take_in_answer(session, delivery, person=person, now=now)
    deliveries.note_receipt(session, delivery, now=now)
    return order


def take_in_result(
    session: TenantSession, delivery_id: UUID, line_id: UUID, *, person: Person, now: datetime
) -> Calibration:
    """Take in the calibration of an item that was ordered; its order is issued thereby.

    Raises:
        NotFound: the inbox has no such calibration, or the book no such item of an order.
        NotTheSenders: the order was not placed with the sender.
        AlreadyThere, InvalidField: as `deliveries.take_in`.
        StepOutOfOrder: the order does not wait for a result.
    """
    line = store.line(session, line_id)
    delivery = session.get(Delivery, (session.organization_id, delivery_id))
    if delivery is None:
        raise NotFound("delivery", delivery_id)
    if store.get(session, line.work_order_id).laboratory_id != delivery.sender_id:
        raise NotTheSenders("the order was not placed with the sender")
    row = deliveries.take_in(session, delivery_id, line.item_id, actor_id=person.id, now=now)
    work_orders.take_step(
        session, line, State.ISSUED, person=person, now=now, calibration_id=row.id
    )
    return row


def _take_in_order(
    session: TenantSession, delivery: Delivery, *, person: Person, now: datetime
) -> WorkOrder:
    """Enter a customer's order; its items that are not in the ledger are entered there too."""
    said = read_order(delivery.version, delivery.content)
    if session.get(WorkOrder, (session.organization_id, said.id)) is not None:
        raise AlreadyThere(f"order {said.id} is in the book already")
    for line in said.lines:
        known = session.get(Item, (session.organization_id, line.item.id))
        if known is not None and known.customer_id != delivery.sender_id:
            raise NotTheSenders(f"item {line.item.id} is not one of the sender's")
        if known is None:
            items.register(
                session,
                actor_id=person.id,
                now=now,
                customer_id=delivery.sender_id,
                location=[],
                **line.item.model_dump(),
            )
    return work_orders.enter(
        session,
        id_=said.id,
        asked={
            line.id: Asked(
                item_id=line.item.id,
                procedure_code=line.procedure_code,
                is_initial=line.is_initial,
            )
            for line in said.lines
        },
        customer_id=delivery.sender_id,
        laboratory_id=session.organization_id,
        customer_number=said.number,
        due_on=said.due_on,
        remarks=said.remarks,
        person=person,
        now=now,
    )


def _take_in_answer(
    session: TenantSession, delivery: Delivery, *, person: Person, now: datetime
) -> WorkOrder:
    said: AnswerDocument = read_answer(delivery.version, delivery.content)
    order = store.get(session, said.order_id)
    if order.laboratory_id != delivery.sender_id:
        raise NotTheSenders(f"order {order.number} was not placed with the sender")
    for line in store.lines(session, order.id):
        work_orders.take_step(
            session,
            line,
            State(said.decision),
            person=person,
            now=now,
            said={"laboratory_number": said.number, "reason": said.reason},
        )
    return order


def _told_item(item: Item) -> dict[str, Any]:
    return {"id": str(item.id)} | {name: getattr(item, name) for name in ITEM}


def _send(
    session: TenantSession,
    recipient_id: UUID,
    kind: str,
    content: dict[str, Any],
    order_id: UUID,
    *,
    now: datetime,
) -> None:
    delivery = Delivery(
        organization_id=recipient_id,
        sender_id=session.organization_id,
        kind=kind,
        version=VERSION,
        content=content,
        sent_at=now,
    )
    session.add(delivery)
    session.flush()
    deliveries.note_dispatch(session, delivery, [order_id])
