"""Registering items."""

from datetime import datetime
from typing import Any
from uuid import UUID

from service import audit
from service.actions.admission import require_admissible_item
from service.tables.items import Item
from service.tenancy import TenantSession


def register(session: TenantSession, *, actor_id: UUID, now: datetime, **facts: Any) -> Item:
    """Enter an item, the organization's own or a customer's, into the ledger.

    Args:
        facts: the columns of `Item`; `id` only where the customer's book has given one.

    Raises:
        InvalidField: a range, permissible error or uncertainty that cannot be.
    """
    require_admissible_item(facts)
    item = Item(organization_id=session.organization_id, recorded_at=now, **facts)
    session.add(item)
    session.flush()
    audit.record(session, "item.registered", item.id, actor_id=actor_id, now=now)
    return item
