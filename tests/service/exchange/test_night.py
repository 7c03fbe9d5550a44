"""A night of 5,000 items from the asset system, and the same night again, and again."""

import time
from datetime import date

from sqlmodel import col, func, select

from service.exchange import ledger_import
from service.store import due as due_store
from service.store import items as item_store
from service.tables.exchange import LedgerImport
from service.tables.items import Item, ItemDue
from service.tables.operations import AuditEntry, Outbox
from tests.proofs import how_many
from tests.service.books import ACTOR, NOW

ITEMS = 5000
DAY = date(2026, 3, 1)


def night(changed: int = 0):
    return [
        {
            "asset_number": f"ERP-{number:06d}",
            "name_zh": "压力表" if number >= changed else "压力表(改)",
            "manufacturer_zh": "示例仪表厂",
            "type_designation": "Y-150",
            "serial_number": f"S{number:07d}",
            "range_text": "(0~1.6)MPa",
            "accuracy_text": "1.6级",
            "location": f"厂区 / {number % 7} 号",
            "period_months": "6",
            "calibrated_on": "2026-01-05" if number % 2 else None,
            "valid_until": "2026-07-04" if number % 2 else None,
        }
        for number in range(ITEMS)
    ]


def test_a_night_replayed_twice_leaves_the_same_ledger(open_as):
    def play(items):
        with open_as("ENT") as session, session.begin():
            plan, _ = ledger_import.upsert(
                session, items, match_by="asset_number", actor_id=ACTOR, now=NOW
            )
            return plan.counts

    def state():
        with open_as("ENT", read_only=True) as session:
            rows = sorted((row.model_dump() for row in item_store.own(session)),
                          key=lambda row: str(row["asset_number"]))  # fmt: skip
            written = [session.exec(select(func.count()).select_from(table)).one()
                       for table in (AuditEntry, Outbox, LedgerImport)]  # fmt: skip
        return rows, written

    began = time.monotonic()
    first = play(night())
    seconds = time.monotonic() - began
    after_first = state()
    second, third = play(night()), play(night())

    assert (first["created"], second["unchanged"], third["unchanged"]) == (ITEMS,) * 3
    assert state() == after_first
    assert len(after_first[0]) == ITEMS
    assert play(night(changed=100))["updated"] == 100
    assert seconds <= 30 * how_many(2, full=1)


def test_a_night_of_new_calibrations_moves_the_due_dates_of_what_was_calibrated(open_as):
    """Of ten gauges every second was calibrated in January; in February the same, and two more."""
    gauges = night()[:10]
    for row in gauges[:2]:
        row |= {"calibrated_on": None, "valid_until": None}

    def play(items):
        with open_as("ENT") as session, session.begin():
            plan, _ = ledger_import.upsert(
                session, items, match_by="asset_number", actor_id=ACTOR, now=NOW
            )
        with open_as("ENT", read_only=True) as session:
            kept = {one.item.asset_number: one.row.due_on for one in due_store.due(session, on=DAY)}
            in_force = {
                asset: row.due_on
                for asset, row in session.exec(
                    select(Item.asset_number, ItemDue).join(Item, col(Item.id) == ItemDue.item_id)
                )
            }
        return plan.counts["updated"], kept, in_force

    _, kept, in_force = play(gauges)
    assert set(in_force.values()) == {date(2026, 7, 4)}
    assert sorted(in_force) == [row["asset_number"] for row in gauges if row["valid_until"]]
    assert {kept[asset] for asset in in_force} == {date(2026, 7, 4)}

    again = [row | {"calibrated_on": "2026-02-05", "valid_until": "2026-08-04"}
             if row["valid_until"] or number < 2 else row
             for number, row in enumerate(gauges)]  # fmt: skip
    updated, kept, in_force = play(again)
    assert updated == len(in_force) == 4 + 2
    assert set(in_force.values()) == {kept[asset] for asset in in_force} == {date(2026, 8, 4)}
