"""A work order of the first tables becomes an order of one item, and goes back as one."""

from typing import Any
from uuid import UUID

from sqlalchemy import Engine, MetaData, Table, select

from service.schema import downgrade, upgrade
from service.store import work_orders as store
from service.tenancy import TenantSession
from tests.service import books
from tests.service.books import NOW

BEFORE = "6a2f4e0d7c31-1"  # the revision that this one came after
ORDER = UUID(int=7)


def as_kept(owner: Engine, values: dict[str, Any]) -> dict[str, Any]:
    """Return values as a reflected table takes them: SQLite keeps an id as its hexadecimals."""
    if owner.dialect.name == "postgresql":
        return values
    return {k: value.hex if isinstance(value, UUID) else value for k, value in values.items()}


def rows(owner: Engine, name: str):
    with owner.connect() as connection:
        table = Table(name, MetaData(), autoload_with=connection)
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_the_first_work_orders_are_carried_over_and_back(owner, engine, open_as, names, people):
    with open_as("LAB") as session, session.begin():
        item_id = books.register(session, "gauge").id
        person_id = people["calibrated"].id
    downgrade(owner, BEFORE)
    mine = {"organization_id": names.LAB, "recorded_at": NOW, "person_id": person_id}
    with owner.begin() as connection:
        order, step = (
            Table(name, MetaData(), autoload_with=connection)
            for name in ("work_order", "work_order_step")
        )
        connection.execute(
            order.insert(),
            as_kept(
                owner,
                {"organization_id": names.LAB, "id": ORDER, "number": "LAB-WO-2026-00001",
                 "item_id": item_id, "customer_id": names.LAB, "procedure_code": "JJG 52",
                 "requested_on": NOW.date(), "due_on": None},
            ),
        )  # fmt: skip
        connection.execute(
            step.insert(),
            [as_kept(owner, mine | {"work_order_id": ORDER, "position": position, "state": state})
             for position, state in enumerate(("requested", "assigned"))],
        )  # fmt: skip

    upgrade(owner)

    with TenantSession(engine, names.LAB, read_only=True) as session:
        (listed,) = store.listed(session)
        assert (listed.order.number, listed.item.id) == ("LAB-WO-2026-00001", item_id)
        assert listed.step.assigned_to_id == person_id
        assert [row.state for row in store.steps(session, listed.line.id)] == [
            "requested",
            "assigned",
        ]
    downgrade(owner, BEFORE)
    assert [row["number"] for row in rows(owner, "work_order")] == ["LAB-WO-2026-00001"]
    assert [row["state"] for row in rows(owner, "work_order_step")] == ["requested", "assigned"]
