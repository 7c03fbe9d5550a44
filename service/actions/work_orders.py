"""Work orders: what was asked for, and how far it has come."""

from datetime import date, datetime
from uuid import UUID

from sqlmodel import func, select
from uuid_utils.compat import uuid7

from service import audit
from service.store import items as item_store
from service.tables.organizations import Organization
from service.tables.people import Person
from service.tables.work_orders import WorkOrder, WorkOrderStep
from service.tenancy import TenantSession


def open_order(
    session: TenantSession,
    item_id: UUID,
    *,
    procedure_code: str,
    due_on: date | None,
    requested_by: Person,
    now: datetime,
) -> WorkOrder:
    """Ask for an item to be verified or calibrated by a procedure.

    Raises:
        NotFound: the ledger has no such item.
    """
    item = item_store.get(session, item_id)
    session.lock_book()
    count = session.exec(select(func.count()).select_from(WorkOrder)).one()
    code = session.get_one(Organization, session.organization_id).code
    order = WorkOrder(
        organization_id=session.organization_id,
        id=uuid7(),
        number=f"{code}-WO-{now.year}-{count + 1:05d}",
        item_id=item.id,
        customer_id=item.customer_id or session.organization_id,
        procedure_code=procedure_code,
        requested_on=now.date(),
        due_on=due_on,
    )
    session.add(order)
    session.flush()
    advance(session, order, "requested", person=requested_by, now=now)
    return order


def advance(
    session: TenantSession,
    order: WorkOrder,
    state: str,
    *,
    person: Person,
    now: datetime,
    calibration_id: UUID | None = None,
) -> None:
    """Enter the next step of a work order."""
    step = WorkOrderStep
    steps = session.exec(
        select(func.count()).select_from(step).where(step.work_order_id == order.id)
    ).one()
    session.insert(
        step,
        [
            {
                "work_order_id": order.id,
                "position": steps,
                "state": state,
                "person_id": person.id,
                "calibration_id": calibration_id,
                "recorded_at": now,
            }
        ],
    )
    audit.record(
        session, f"work_order.{state}", order.id, actor_id=person.id, now=now,
        said={"number": order.number},
    )  # fmt: skip
