"""Reading how many items a book holds and how they stand, and what organizations stated of that."""

from collections import Counter, defaultdict
from datetime import date
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import col, select

from service.suppression import Table
from service.tables.items import Item, ItemDue
from service.tables.organizations import OrganizationSummary
from service.tenancy import SummingSession, TenantSession

IN_USE = ("in_use", "limited")
STATES = ("valid", "overdue", "not_calibrated")


def counts(session: TenantSession, *, on: date) -> dict[str, dict[str, int]]:
    """Return how many own items in use are valid, overdue or not calibrated, by quantity."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = session.exec(
        select(Item.quantity, ItemDue)
        .outerjoin(ItemDue, col(ItemDue.item_id) == Item.id)
        .where(col(Item.customer_id).is_(None), col(Item.status).in_(IN_USE))
    )
    for quantity, due in rows:
        found[quantity][_state(due, on=on)] += 1
    return {quantity: dict(states) for quantity, states in sorted(found.items())}


def _state(due: ItemDue | None, *, on: date) -> str:
    if due is None or due.calibration_id is None:
        return "not_calibrated"
    return "overdue" if due.due_on is not None and due.due_on < on else "valid"


def own(session: TenantSession) -> list[OrganizationSummary]:
    """Return what the organization itself stated, the newest first."""
    row = OrganizationSummary
    return list(session.exec(select(row).order_by(col(row.stated_at).desc())).all())


def stated(engine: Engine, *, until: str) -> dict[str, Table]:
    """Return what each organization stated last of each period up to one, the oldest first.

    The only read of what others stated: what may be told of it, `service.suppression` says.
    """
    row = OrganizationSummary
    with SummingSession(engine) as session:
        rows = session.exec(
            select(row).where(row.period <= until).order_by(col(row.period), col(row.stated_at))
        ).all()
    newest = {(found.period, found.holder_id): found.counts for found in rows}
    periods: dict[str, dict[tuple[str, str], dict[UUID, int]]] = {}
    for (period, holder_id), told in newest.items():
        table = periods.setdefault(period, {})
        for quantity, states in told.items():
            for state, count in states.items():
                table.setdefault((quantity, state), {})[holder_id] = count
    return dict(periods)
