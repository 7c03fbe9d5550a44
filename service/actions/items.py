"""Registering items."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service import audit
from service.actions import due
from service.actions.admission import require_admissible_item
from service.clock import day_of
from service.store import items as store
from service.tables.items import Item
from service.tables.schedule import ItemEvent
from service.tenancy import TenantSession

SEALED = "sealed"


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
    due.derive_when_written(session, [item.id])
    audit.record(session, "item.registered", item.id, actor_id=actor_id, now=now)
    return item


def change(
    session: TenantSession,
    item_id: UUID,
    facts: Mapping[str, Any],
    *,
    actor_id: UUID,
    now: datetime,
) -> Item:
    """Change facts of an item; the audit log keeps what they were.

    Raises:
        NotFound: the ledger has no such item.
        InvalidField: a range, permissible error or uncertainty that cannot be.
    """
    item = store.get(session, item_id)
    changed = {name: value for name, value in facts.items() if getattr(item, name) != value}
    if not changed:
        return item
    require_admissible_item(item.model_dump() | changed)
    said = {name: f"{getattr(item, name)} → {value}" for name, value in changed.items()}
    if "status" in changed:
        changed["status_since"] = day_of(now)
        note_storage(session, item.id, item.status, changed["status"], actor_id=actor_id, now=now)
    item.sqlmodel_update({**changed, "changed_at": now})
    session.flush()
    due.derive_when_written(session, [item.id])
    audit.record(session, "item.changed", item.id, actor_id=actor_id, now=now, said=said)
    return item


def note_storage(
    session: TenantSession, item_id: UUID, was: str, is_: str, *, actor_id: UUID, now: datetime
) -> None:
    """Record that an item was stored, or came back: then it is due until it is checked."""
    if (was == SEALED) == (is_ == SEALED):
        return
    event = {
        "id": uuid7(),
        "item_id": item_id,
        "kind": "sealed" if is_ == SEALED else "unsealed",
        "happened_on": day_of(now),
        "note": "",
        "recorded_by": actor_id,
        "recorded_at": now,
    }
    session.insert(ItemEvent, [event])
