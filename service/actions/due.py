"""Keeping until when each item's calibration is valid where a list of thousands is read at once."""

from uuid import UUID

from service.store import items as store
from service.tables.items import ItemDue
from service.tenancy import TenantSession


def refresh(session: TenantSession, item_id: UUID) -> None:
    """Derive an item's due date anew, after a calibration of it was recorded or ended."""
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
