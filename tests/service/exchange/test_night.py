"""A night of 5,000 items from the asset system, and the same night again, and again."""

import time

from sqlmodel import func, select

from service.exchange import ledger_import
from service.store import items as item_store
from service.tables.exchange import LedgerImport
from service.tables.operations import AuditEntry, Outbox
from tests.proofs import how_many
from tests.service.books import ACTOR, NOW

ITEMS = 5000


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
