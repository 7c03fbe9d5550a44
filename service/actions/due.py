"""Keeping when items are due where a list of thousands is read at once: derived, never typed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import event

from service import due_dates
from service.places import PLACES
from service.store import due as due_store
from service.store import items as store
from service.store import schedule as schedule_store
from service.store.schedule import ItemHistory
from service.tables.items import ItemDue
from service.tables.schedule import KeptDueDate, PeriodPolicy
from service.tenancy import TenantSession
from traceability.schedule import due_date

AT_ONCE = 500  # items: more are derived in bulk
ENDED = {"due_on": None, "rule": None, "is_main": False, "is_ended": True}
WAITING = "items whose due dates are to be derived"


def refresh(session: TenantSession, item_id: UUID) -> None:
    """Derive an item's due dates anew, after a calibration of it was recorded or ended."""
    session.flush()
    in_force = store.newest_standing(session, item_id)
    calibration_id = in_force.id if in_force else None
    due_on = in_force.valid_until if in_force else None
    row = session.get(ItemDue, (session.organization_id, item_id))
    if row is None:
        told = {"item_id": item_id, "calibration_id": calibration_id, "due_on": due_on}
        session.insert(ItemDue, [told])
    else:
        row.calibration_id, row.due_on = calibration_id, due_on
    derive_when_written(session, [item_id])


def derive_when_written(session: TenantSession, item_ids: Iterable[UUID]) -> None:
    """Have the due dates of items derived as their transaction commits, all of them together."""
    waiting: set[UUID] = session.info.setdefault(WAITING, set())
    if not waiting:
        event.listen(session, "before_commit", _derive_waiting, once=True)
    waiting |= set(item_ids)


def _derive_waiting(session: TenantSession) -> None:
    waiting: set[UUID] = session.info.pop(WAITING, set())
    if waiting:
        derive(session, waiting)


def derive(session: TenantSession, item_ids: Collection[UUID] | None = None) -> int:
    """Derive the due dates of some of the own items, or of all; return how many rows changed."""
    session.flush()
    if item_ids is None or len(item_ids) > AT_ONCE:
        from service.actions import due_in_bulk  # noqa: PLC0415  (who has few waits less)

        return due_in_bulk.derive(session, item_ids)
    return _derive_some(session, sorted(item_ids), schedule_store.policies(session))


def _derive_some(
    session: TenantSession, item_ids: Collection[UUID], policies: Sequence[PeriodPolicy]
) -> int:
    kept = {(row.item_id, row.activity): row for row in due_store.kept(session, item_ids)}
    told = {
        (row["item_id"], row["activity"]): row
        for history in schedule_store.histories(session, on=date.max, item_ids=item_ids)
        if history.item.customer_id is None
        for row in rows_of(history, policies)
    }
    new = [row for key, row in told.items() if key not in kept]
    session.insert(KeptDueDate, new)
    changed = 0
    for key, held in kept.items():
        row = told.get(key, ENDED)
        differing = {name: value for name, value in row.items() if getattr(held, name) != value}
        held.sqlmodel_update(differing)
        changed += bool(differing)
    return len(new) + changed


def rows_of(history: ItemHistory, policies: Sequence[PeriodPolicy]) -> Iterator[dict[str, Any]]:
    """Yield what is kept of each of an item's due dates; its own period's comes first."""
    item = history.item
    plans = due_dates.plans_of(history, policies, on=date.max)
    for position, plan in enumerate(plans):
        due = due_date(plan, on=date.max)
        winner = due.winner
        yield {
            "item_id": item.id,
            "activity": due.activity.value,
            "area": PLACES.join(item.location),
            "serial_number": item.serial_number,
            "words": store.words_of(item),
            "is_main": position == 0,
            "due_on": due.valid_until,
            "rule": winner.rule.value if winner else None,
            "source": winner.source if winner else "",
            "anchor_on": winner.anchor if winner else None,
            "months": winner.months if winner else None,
            "last_performed_on": due.last_performed_on,
            "is_stopped": due.is_stopped,
            "is_ended": False,
        }
