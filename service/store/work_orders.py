"""Reading work orders: their items and steps, worksheets, photos, the room's log, the policy."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, or_
from sqlalchemy import select as select_columns  # sqlmodel's stops at four columns
from sqlalchemy.orm import aliased
from sqlmodel import and_, col, func, select

from service.errors import NotFound
from service.tables.calibrations import Calibration, OriginalRecord
from service.tables.exchange import Delivery, DeliveryReceipt
from service.tables.items import Item
from service.tables.organizations import Organization
from service.tables.people import Person
from service.tables.work_orders import (
    EnvironmentReading,
    LaboratoryPolicy,
    WorkOrder,
    WorkOrderLine,
    WorkOrderPhoto,
    WorkOrderStep,
    WorksheetRevision,
)
from service.tenancy import TenantSession
from service.work_order_states import ENDED, State

MOST_RECORDS = 50  # of a type, looked at for what is usual


@dataclass(frozen=True, slots=True)
class Listed:
    """One item of a work order and where it stands."""

    order: WorkOrder
    line: WorkOrderLine
    item: Item
    step: WorkOrderStep
    customer: Organization
    assigned_to: Person | None

    @property
    def state(self) -> State:
        """Where the item stands."""
        return State(self.step.state)


def get(session: TenantSession, order_id: UUID) -> WorkOrder:
    """Return one work order of the book.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(WorkOrder, (session.organization_id, order_id))
    if row is None:
        raise NotFound("work order", order_id)
    return row


def line(session: TenantSession, line_id: UUID) -> WorkOrderLine:
    """Return one item of a work order.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(WorkOrderLine, (session.organization_id, line_id))
    if row is None:
        raise NotFound("item of a work order", line_id)
    return row


def lines(session: TenantSession, order_id: UUID) -> Sequence[WorkOrderLine]:
    """Return the items of a work order, in their order."""
    row = WorkOrderLine
    return session.exec(
        select(row).where(row.work_order_id == order_id).order_by(col(row.position))
    ).all()


def count(session: TenantSession) -> int:
    """Return how many work orders the book holds."""
    return session.exec(select(func.count()).select_from(WorkOrder)).one()


def steps(session: TenantSession, line_id: UUID) -> Sequence[WorkOrderStep]:
    """Return the steps of one item, the first one first."""
    row = WorkOrderStep
    return session.exec(select(row).where(row.line_id == line_id).order_by(col(row.position))).all()


def last_step(session: TenantSession, line_id: UUID) -> WorkOrderStep:
    """Return the newest step of one item."""
    return steps(session, line_id)[-1]


def measured(session: TenantSession, line_id: UUID) -> WorkOrderStep | None:
    """Return the newest step by which one item was measured; None if it never was."""
    found = [row for row in steps(session, line_id) if row.state == State.MEASURED]
    return found[-1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which items of work orders are asked for, in which order; what is None does not count.

    Attributes:
        text: in the order's number, the item's names and number, the customer, the procedure.
        sort: number, item_zh, item_en, due, planned or state.
    """

    order_ids: Collection[UUID] | None = None
    item_id: UUID | None = None
    states: Collection[State] | None = None
    assigned_to_id: UUID | None = None
    text: str = ""
    sort: str = "number"
    descending: bool = True


ALL = Wanted()


def listed(
    session: TenantSession, wanted: Wanted = ALL, *, limit: int | None = None, offset: int = 0
) -> list[Listed]:
    """Return items of work orders, where each stands."""
    statement = _joined(
        select_columns(WorkOrder, WorkOrderLine, Item, WorkOrderStep, Organization, Person), wanted
    ).order_by(*_order(wanted))
    if limit is not None:
        statement = statement.limit(limit).offset(offset)
    return [Listed(*row) for row in session.execute(statement)]


def page(
    session: TenantSession,
    wanted: Wanted,
    *,
    after: UUID | None,
    limit: int,
    updated_since: datetime | None = None,
) -> list[UUID]:
    """Return the ids of so many work orders before the one of an id, the newest first."""
    id_ = col(WorkOrder.id)
    statement = _joined(select_columns(id_), wanted).group_by(id_)
    if after is not None:
        statement = statement.where(id_ < after)
    if updated_since is not None:
        stepped = (
            select(WorkOrderLine.work_order_id)
            .join(WorkOrderStep, col(WorkOrderStep.line_id) == WorkOrderLine.id)
            .where(col(WorkOrderStep.recorded_at) >= updated_since)
        )
        statement = statement.where(id_.in_(stepped))
    return [row[0] for row in session.execute(statement.order_by(id_.desc()).limit(limit))]


def of_order(session: TenantSession, order_id: UUID) -> list[Listed]:
    """Return the items of one work order, in their order, where each stands."""
    return listed(session, Wanted(order_ids=[order_id], descending=False))


def count_listed(session: TenantSession, wanted: Wanted) -> int:
    """Return how many items of work orders are asked for."""
    statement = _joined(select_columns(func.count(col(WorkOrderLine.id))), wanted)
    return int(session.execute(statement).scalar_one())


def count_by_state(session: TenantSession) -> dict[State, int]:
    """Return how many items of work orders stand where, in the order of the states."""
    statement = _joined(
        select_columns(col(WorkOrderStep.state), func.count(col(WorkOrderLine.id))), ALL
    ).group_by(col(WorkOrderStep.state))
    counts = {str(row[0]): int(row[1]) for row in session.execute(statement)}
    return {state: counts[state] for state in State if state in counts}


def _joined(statement: Select[*tuple[Any, ...]], wanted: Wanted) -> Select[*tuple[Any, ...]]:
    """Return a statement over items of work orders with their newest step, as asked for."""
    newest = (
        select(WorkOrderStep.line_id, func.max(WorkOrderStep.position).label("position"))
        .group_by(col(WorkOrderStep.line_id))
        .subquery()
    )
    statement = (
        statement.select_from(WorkOrder)
        .join(WorkOrderLine, col(WorkOrderLine.work_order_id) == WorkOrder.id)
        .join(Item, col(Item.id) == WorkOrderLine.item_id)
        .join(newest, newest.c.line_id == WorkOrderLine.id)
        .join(
            WorkOrderStep,
            (col(WorkOrderStep.line_id) == newest.c.line_id)
            & (col(WorkOrderStep.position) == newest.c.position),
        )
        .join(Organization, col(Organization.id) == WorkOrder.customer_id)
        .outerjoin(Person, col(Person.id) == WorkOrderStep.assigned_to_id)
    )
    return statement.where(*_conditions(wanted))


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.order_ids is not None:
        yield col(WorkOrder.id).in_(wanted.order_ids)
    if wanted.item_id is not None:
        yield col(WorkOrderLine.item_id) == wanted.item_id
    if wanted.states is not None:
        yield col(WorkOrderStep.state).in_([state.value for state in wanted.states])
    if wanted.assigned_to_id is not None:
        yield col(WorkOrderStep.assigned_to_id) == wanted.assigned_to_id
    if wanted.text:
        searched = (
            WorkOrder.number,
            Item.name_zh,
            Item.name_en,
            Item.serial_number,
            Organization.name_zh,
            Organization.name_en,
            WorkOrderLine.procedure_code,
        )
        text = wanted.text.lower()
        yield or_(*(func.lower(col(name)).contains(text, autoescape=True) for name in searched))


def _order(wanted: Wanted) -> Iterator[ColumnElement[Any]]:
    """Yield what is sorted by; an empty date comes last going up, first going down."""
    progress = case({state.value: place for place, state in enumerate(State)},
                    value=col(WorkOrderStep.state))  # fmt: skip
    keys: dict[str, list[Any]] = {
        "number": [],
        "item_zh": [col(Item.name_zh)],
        "item_en": [col(Item.name_en)],
        "due": [col(WorkOrder.due_on).is_(None), col(WorkOrder.due_on)],
        "planned": [col(WorkOrderStep.planned_on).is_(None), col(WorkOrderStep.planned_on)],
        "state": [progress],
    }
    for key in (*keys[wanted.sort], col(WorkOrder.number)):
        yield key.desc() if wanted.descending else key.asc()
    yield col(WorkOrderLine.position).asc()


def given(session: TenantSession, person_id: UUID, planned_on: date) -> int:
    """Return how many items a person is given for a day."""
    return loads(session, planned_on).get(person_id, 0)


def loads(session: TenantSession, planned_on: date) -> dict[UUID, int]:
    """Return how many items each person is given for a day, measured by now or not."""
    step, later = WorkOrderStep, aliased(WorkOrderStep)
    rows = session.exec(
        select(step.assigned_to_id, func.count())
        .outerjoin(
            later,
            (col(later.line_id) == col(step.line_id))
            & (col(later.position) > col(step.position))
            & (col(later.state) == State.ASSIGNED),
        )
        .where(col(later.line_id).is_(None))
        .where(step.state == State.ASSIGNED, step.planned_on == planned_on)
        .group_by(col(step.assigned_to_id))
    ).all()
    return {person_id: number for person_id, number in rows if person_id is not None}


def line_of_calibration(session: TenantSession, calibration_id: UUID) -> WorkOrderLine | None:
    """Return the item of a work order that a calibration was made for; None if for none."""
    row = WorkOrderStep
    line_id = session.exec(
        select(row.line_id)
        .where(row.calibration_id == calibration_id, row.state == State.MEASURED)
        .limit(1)
    ).first()
    return None if line_id is None else line(session, line_id)


def open_lines_of_item(session: TenantSession, item_id: UUID) -> list[Listed]:
    """Return where an item stands in work orders that have not ended with it."""
    return listed(session, Wanted(item_id=item_id, states=set(State) - ENDED))


def photos(session: TenantSession, line_id: UUID) -> Sequence[WorkOrderPhoto]:
    """Return the photos of one item as it came in."""
    row = WorkOrderPhoto
    return session.exec(
        select(row).where(row.line_id == line_id).order_by(col(row.recorded_at), col(row.id))
    ).all()


def photo(session: TenantSession, photo_id: UUID) -> WorkOrderPhoto:
    """Return one photo.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(WorkOrderPhoto, (session.organization_id, photo_id))
    if row is None:
        raise NotFound("photo", photo_id)
    return row


def worksheet(session: TenantSession, line_id: UUID) -> WorksheetRevision | None:
    """Return the newest revision of the worksheet of one item; None if none was saved."""
    row = WorksheetRevision
    return session.exec(
        select(row).where(row.line_id == line_id).order_by(col(row.revision).desc()).limit(1)
    ).first()


def worksheet_revisions(session: TenantSession, line_id: UUID) -> Sequence[WorksheetRevision]:
    """Return every revision of the worksheet of one item, the oldest first."""
    row = WorksheetRevision
    return session.exec(select(row).where(row.line_id == line_id).order_by(col(row.revision))).all()


def environment(
    session: TenantSession,
    place: str,
    *,
    since: datetime,
    until: datetime,
    after: UUID | None = None,
    limit: int | None = None,
) -> Sequence[EnvironmentReading]:
    """Return what was read of a place's environment between two moments, the oldest first.

    Args:
        after: the reading behind which so many begin.

    Raises:
        NotFound: the book has no reading of that id.
    """
    row = EnvironmentReading
    statement = (
        select(row)
        .where(row.place == place, row.read_at >= since, row.read_at <= until)
        .order_by(col(row.read_at), col(row.id))
        .limit(limit)
    )
    if after is not None:
        last = session.get(row, (session.organization_id, after))
        if last is None:
            raise NotFound("reading", after)
        statement = statement.where(
            or_(
                col(row.read_at) > last.read_at,
                and_(row.read_at == last.read_at, col(row.id) > last.id),
            )
        )
    return session.exec(statement).all()


def policy(session: TenantSession) -> LaboratoryPolicy | None:
    """Return what the organization last asked of its laboratory; None if nothing yet."""
    row = LaboratoryPolicy
    return session.exec(select(row).order_by(col(row.position).desc()).limit(1)).first()


def records_of_type(
    session: TenantSession, item: Item, procedure_code: str
) -> list[tuple[UUID, dict[str, Any]]]:
    """Return what was read of items of a type by a procedure, with the item's id; newest first.

    The item itself is of its type; records without readings are left out.
    """
    rows = session.execute(
        select_columns(col(Calibration.item_id), col(OriginalRecord.content))
        .join(OriginalRecord, col(OriginalRecord.calibration_id) == Calibration.id)
        .join(Item, col(Item.id) == Calibration.item_id)
        .where(
            col(Calibration.procedure_code) == procedure_code,
            col(Item.type_designation) == item.type_designation,
            col(Item.range_lower) == item.range_lower,
            col(Item.range_upper) == item.range_upper,
        )
        .order_by(col(Calibration.recorded_at).desc())
        .limit(MOST_RECORDS)
    ).all()
    told = [(item_id, content["readings"]) for item_id, content in rows]
    return [
        (item_id, readings)
        for item_id, readings in told
        if isinstance(readings.get("points"), list) and readings["points"]
    ]


def inbox(session: TenantSession) -> Sequence[tuple[Delivery, DeliveryReceipt | None]]:
    """Return the orders and answers that others sent, the newest first, each with its receipt."""
    row = Delivery
    return session.exec(
        select(row, DeliveryReceipt)
        .outerjoin(DeliveryReceipt, col(DeliveryReceipt.delivery_id) == row.id)
        .where(col(row.kind).in_(("order", "acceptance")))
        .order_by(col(row.sent_at).desc(), col(row.id))
    ).all()


def results_waiting(session: TenantSession, *, limit: int) -> Sequence[Delivery]:
    """Return the calibrations that others sent and nobody has taken in yet, the newest first."""
    row = Delivery
    return session.exec(
        select(row)
        .outerjoin(DeliveryReceipt, col(DeliveryReceipt.delivery_id) == row.id)
        .where(row.kind == "calibration", col(DeliveryReceipt.delivery_id).is_(None))
        .order_by(col(row.sent_at).desc(), col(row.id))
        .limit(limit)
    ).all()


def count_results_waiting(session: TenantSession) -> int:
    """Return how many calibrations that others sent nobody has taken in yet."""
    row = Delivery
    return session.exec(
        select(func.count())
        .select_from(row)
        .outerjoin(DeliveryReceipt, col(DeliveryReceipt.delivery_id) == row.id)
        .where(row.kind == "calibration", col(DeliveryReceipt.delivery_id).is_(None))
    ).one()


def certificate_number_of(document: Mapping[str, Any]) -> str | None:
    """Return the number of the certificate that a delivered result tells of; None without one."""
    certificate = document.get("certificate") or {}
    number = certificate.get("number") or document.get("certificate_number")
    return str(number) if number else None
