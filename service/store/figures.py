"""Reading the rows that figures are counted from."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select as select_columns
from sqlmodel import col

from service.tables.calibrations import Calibration, CalibrationSupersession
from service.tables.calibrations import ConformityStatementRecord as Statement
from service.tables.items import Item
from service.tables.schedule import KeptDueDate
from service.tables.work_orders import WorkOrderLine, WorkOrderStep
from service.tenancy import TenantSession
from traceability.graph import MAIN_TRACK


@dataclass(frozen=True, slots=True)
class Named:
    """An item by what people call it."""

    item_id: UUID
    name_zh: str
    name_en: str
    serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A calibration that stands, and its verdict; None where it has none, or an open one."""

    item: Named
    performed_on: date
    is_own_item: bool
    is_made_here: bool
    is_adjusted: bool
    has_passed: bool | None


NAMES: tuple[Any, ...] = (
    col(Item.id), col(Item.name_zh), col(Item.name_en), col(Item.serial_number),
)  # fmt: skip


def ending(session: TenantSession) -> list[tuple[Named, date, bool]]:
    """Return the own items in use whose own period ends: the last valid day, whether by law."""
    row = KeptDueDate
    rows = session.execute(
        select_columns(*NAMES, col(row.due_on), col(Item.is_mandatory))
        .join(Item, col(Item.id) == row.item_id)
        .where(col(row.is_main).is_(True), col(row.is_ended).is_(False))
        .where(col(row.due_on).is_not(None))
        .order_by(col(row.due_on), col(Item.id))
    )
    return [(Named(*told[:4]), told[4], told[5]) for told in rows]


def judged(session: TenantSession, first: date, last: date) -> list[Judged]:
    """Return the calibrations of a period that stand, with what was said of them."""
    end, row = CalibrationSupersession, Calibration
    verdicts: dict[UUID, set[str]] = defaultdict(set)
    said = select_columns(col(Statement.calibration_id), col(Statement.verdict)).join(
        row, col(row.id) == Statement.calibration_id
    )
    for id_, verdict in session.execute(said.where(col(row.performed_on).between(first, last))):
        verdicts[id_].add(verdict)
    rows = session.execute(
        select_columns(
            *NAMES, col(row.id), col(row.performed_on), col(Item.customer_id), col(row.source),
            col(row.is_adjusted),
        )
        .join(Item, col(Item.id) == row.item_id)
        .outerjoin(end, col(end.calibration_id) == row.id)
        .where(col(end.calibration_id).is_(None), col(row.track) == MAIN_TRACK)
        .where(col(row.performed_on).between(first, last))
        .order_by(col(row.performed_on), col(row.id))
    )  # fmt: skip
    return [
        Judged(
            item=Named(*told[:4]),
            performed_on=told[5],
            is_own_item=told[6] is None,
            is_made_here=told[7] == "made",
            is_adjusted=told[8],
            has_passed=_passed(verdicts[told[4]]),
        )
        for told in rows
    ]


def _passed(verdicts: set[str]) -> bool | None:
    """Return whether all that was said is a pass; None where nothing is, or something is open."""
    if "fail" in verdicts:
        return False
    return True if verdicts == {"pass"} else None


def issued(session: TenantSession) -> list[tuple[Named, datetime | None, datetime]]:
    """Return of each item of a work order whose certificate was issued, when it came and left."""
    step = WorkOrderStep
    rows = session.execute(
        select_columns(*NAMES, col(step.line_id), col(step.state), col(step.recorded_at))
        .join(WorkOrderLine, col(WorkOrderLine.id) == step.line_id)
        .join(Item, col(Item.id) == WorkOrderLine.item_id)
        .where(col(step.state).in_(("received", "issued")))
        .order_by(col(step.line_id), col(step.position).desc())  # of a state the first time counts
    )
    items: dict[UUID, Named] = {}
    times: dict[UUID, dict[str, datetime]] = defaultdict(dict)
    for *named, line_id, state, recorded_at in rows:
        items[line_id] = Named(*named)
        times[line_id][state] = recorded_at
    return [
        (items[line_id], of_line.get("received"), of_line["issued"])
        for line_id, of_line in times.items()
        if "issued" in of_line
    ]
