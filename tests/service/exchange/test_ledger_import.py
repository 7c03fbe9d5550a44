"""A plant hands in its ledger, hands it in again, and gets it back.

The plant keeps three gauges. Its file has five rows: two gauges it holds, one it renumbered, a
new one, and one that nobody can read.
"""

from datetime import date, timedelta
from itertools import product
from uuid import UUID

import polars as pl
import pytest
from sqlmodel import func, select

from service.clock import day_of
from service.demo.world import identifier
from service.errors import AlreadyThere, InvalidField, NotFound
from service.exchange import ledger_import
from service.exchange.ledger_columns import LAYOUTS
from service.exchange.ledger_files import MEDIA_TYPES, refused_rows, write_ledger
from service.exchange.ledger_import import Settings
from service.store import due as due_store
from service.store import items as item_store
from service.store import ledger as store
from service.tables.calibrations import Calibration
from service.tables.exchange import LedgerImport
from service.tables.items import Item, ItemDue
from service.tables.operations import AuditEntry, Outbox
from service.tenancy import CrossesTenants, TenantSession
from tests.service import books
from tests.service.books import ACTOR, NOW

HEADER = "管理编号,器具名称,型号规格,出厂编号,测量范围,检定日期,有效期至\n"
LEDGER = (HEADER + """\
A-1,a 压力表,Y-150,SN a,(0~1.6)MPa,,
A-2,b 压力表(已改名),Y-150,SN b,(0~2.5)MPa,2026-01-10,2027-01-09
A-9,c 压力表,Y-150,SN-c,(0~1.6)MPa,,
A-4,d 压力表,Y-150,SN d,(0~1.6)MPa,2025.12.1,2026-11-30
A-5,e 压力表,Y-150,3.3E+11,(0~1.6)MPa,,
""").encode()  # fmt: skip


@pytest.fixture
def plant(open_as):
    """A plant that holds a (A-1), b (A-2) and c (A-3)."""
    with open_as("ENT") as session, session.begin():
        for number, name in enumerate("abc", start=1):
            books.register(session, name, asset_number=f"A-{number}")
    return lambda **values: open_as("ENT", **values)


def hand_in(plant, content=LEDGER, **settings):
    with plant() as session, session.begin():
        row, _ = ledger_import.preview(
            session, content, file_name="台账.csv", settings=Settings(**settings),
            actor_id=ACTOR, now=NOW,
        )  # fmt: skip
        return row.id


def confirm(plant, import_id):
    with plant() as session, session.begin():
        row = ledger_import.confirm(session, import_id, actor_id=ACTOR, now=NOW)
        return row.state, row.counts


def decide(plant, import_id, decisions):
    with plant() as session, session.begin():
        return ledger_import.decide(session, import_id, decisions).counts


def answers(plant, import_id):
    with plant(read_only=True) as session:
        return {a["row"]: a["code"] for a in ledger_import.get(session, import_id).answers}


def held(plant):
    with plant(read_only=True) as session:
        return {row.asset_number: row.model_dump() for row in item_store.own(session)}


def count(plant, table):
    with plant(read_only=True) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_a_preview_writes_nothing_but_itself(plant):
    before = held(plant)

    hand_in(plant)

    assert held(plant) == before
    assert count(plant, LedgerImport) == 1
    assert count(plant, Outbox) == 0


def test_every_row_has_one_outcome(plant):
    import_id = hand_in(plant)

    state, counts = confirm(plant, import_id)

    assert state == "applied"
    assert counts == {"created": 1, "updated": 1, "unchanged": 1, "conflict": 1, "rejected": 1}
    assert answers(plant, import_id) == {4: "same_plate", 6: "damaged_number"}
    after = held(plant)
    assert set(after) == {"A-1", "A-2", "A-3", "A-4"}
    assert after["A-2"]["name_zh"] == "b 压力表(已改名)"
    assert after["A-2"]["name_en"] == "b"  # told in another language by itself
    assert after["A-2"]["range_upper"] == 2.5
    assert after["A-2"]["changed_at"] == NOW
    assert after["A-1"]["changed_at"] is None
    assert after["A-4"]["name_en"] == "d 压力表"  # till somebody tells the English one
    assert (after["A-4"]["quantity"], after["A-4"]["range_unit"]) == ("pressure", "MPa")
    assert after["A-4"]["status"] == "in_use"


def test_what_the_ledger_tells_of_calibrations_makes_items_due(plant):
    confirm(plant, hand_in(plant))

    with plant(read_only=True) as session:
        told = session.exec(select(Calibration)).all()
        due = {row.item_id: row.due_on for row in session.exec(select(ItemDue))}
        numbers = {row.id: row.asset_number for row in session.exec(select(Item))}
    assert {row.source for row in told} == {"external"}
    assert {row.terminal_reason for row in told} == {None}  # nobody has seen what is behind it
    assert {numbers[item]: day for item, day in due.items()} == {
        "A-2": date(2027, 1, 9), "A-4": date(2026, 11, 30),
    }  # fmt: skip


def test_what_is_imported_has_a_first_due_date(plant):
    """What the ledger tells nothing of was never done: it is due since it is in the ledger."""
    confirm(plant, hand_in(plant))

    with plant(read_only=True) as session:
        kept = {
            one.item.asset_number: (one.row.rule, one.row.due_on)
            for one in due_store.due(session, on=NOW.date())
        }
    assert set(kept) == {"A-1", "A-2", "A-3", "A-4"}
    assert kept["A-1"] == ("never_done", day_of(NOW) - timedelta(days=1))
    assert kept["A-2"][1] == date(2027, 1, 9)


def test_handing_it_in_again_changes_nothing(plant):
    confirm(plant, hand_in(plant))
    before, entries, told = held(plant), count(plant, AuditEntry), count(plant, Calibration)

    _, counts = confirm(plant, hand_in(plant))

    assert counts == {"created": 0, "updated": 0, "unchanged": 3, "conflict": 1, "rejected": 1}
    assert held(plant) == before
    assert count(plant, Calibration) == told
    assert count(plant, AuditEntry) == entries + 1  # that it was handed in


def test_a_person_decides_what_nobody_should_guess(plant):
    c = held(plant)["A-3"]["id"]
    import_id = hand_in(plant)

    counts = decide(plant, import_id, {"4": str(c)})
    confirm(plant, import_id)

    assert counts == {"created": 1, "updated": 2, "unchanged": 1, "conflict": 0, "rejected": 1}
    assert held(plant)["A-9"]["id"] == c
    assert "A-3" not in held(plant)


def test_a_person_may_say_that_it_is_another_item_or_none(plant):
    import_id = hand_in(plant)

    assert decide(plant, import_id, {"4": "new"})["created"] == 2
    assert decide(plant, import_id, {"4": "skip"})["conflict"] == 1
    assert decide(plant, import_id, {"4": "new"})["created"] == 2
    confirm(plant, import_id)

    assert {"A-3", "A-9"} <= set(held(plant))


def test_only_rows_in_conflict_are_decided_and_only_by_own_items(plant, open_as):
    with open_as("OTH") as session, session.begin():
        theirs = books.register(session, "theirs").id
    import_id = hand_in(plant)

    with pytest.raises(InvalidField, match="/decisions/2"):
        decide(plant, import_id, {"2": "new"})
    with pytest.raises(InvalidField, match="/decisions/4"):
        decide(plant, import_id, {"4": "perhaps"})
    assert decide(plant, import_id, {"4": str(theirs)})["conflict"] == 1
    with pytest.raises(NotFound), open_as("OTH") as session, session.begin():
        ledger_import.confirm(session, import_id, actor_id=ACTOR, now=NOW)


def test_an_import_is_confirmed_once(plant):
    import_id = hand_in(plant)
    confirm(plant, import_id)

    with pytest.raises(AlreadyThere, match="applied already"):
        confirm(plant, import_id)


def test_all_or_nothing_writes_nothing_while_a_row_is_refused(plant):
    before = held(plant)

    state, counts = confirm(plant, hand_in(plant, all_or_nothing=True))

    assert (state, counts["rejected"]) == ("refused", 1)
    assert held(plant) == before


CONFLICTS = {
    "ambiguous": ("A-1,x,Y-150,,,,\n", "plate"),
    "other_serial_number": ("A-1,a 压力表,Y-150,SN other,,,\n", "asset_number"),
    "twice_in_file": ("A-1,a,Y-150,SN a,,,\nA-1,a,Y-150,SN a,,,\n", "asset_number"),
    "twice_on_plate": ("B-1,x,Y-150,77,,,\nB-2,x,Y-150,077,,,\n", "asset_number"),
    "same_plate": ("B-1,x,Y-150,SN-A,,,\n", "asset_number"),
}


@pytest.mark.parametrize("code", ["other_serial_number", "twice_in_file", "twice_on_plate",
                                  "same_plate"])  # fmt: skip
def test_what_could_be_two_items_is_never_guessed(plant, code):
    rows, match_by = CONFLICTS[code]
    before = held(plant)

    import_id = hand_in(plant, (HEADER + rows).encode(), match_by=match_by)
    confirm(plant, import_id)

    assert set(answers(plant, import_id).values()) == {code}
    assert held(plant) == before


def test_a_serial_number_of_two_items_is_ambiguous_and_both_are_named(plant):
    with plant() as session, session.begin():
        twin = books.register(session, "twin", serial_number="SN a", asset_number="T-1").id

    import_id = hand_in(plant, (HEADER + "X-1,x,Y-150,sn A,,,\n").encode(), match_by="plate")

    with plant(read_only=True) as session:
        (answer,) = ledger_import.get(session, import_id).answers
    assert answer["code"] == "ambiguous"
    assert {UUID(id_) for id_ in answer["candidates"]} == {twin, held(plant)["A-1"]["id"]}


def test_rows_that_were_refused_come_back_as_the_same_file_and_go_in_once_mended(plant):
    with plant() as session, session.begin():
        row, ledger = ledger_import.preview(
            session, LEDGER.decode().encode("gb18030"), file_name="x.csv", settings=Settings(),
            actor_id=ACTOR, now=NOW,
        )  # fmt: skip
        reasons = {answer["row"]: answer["reason"] for answer in row.answers}
    assert ledger.table is not None
    content, form = refused_rows(ledger.table, reasons)

    text = content.decode("gb18030")
    assert form == "csv"
    assert text.splitlines()[0] == HEADER.strip() + ",错误"
    assert "A-5" in text
    assert "A-1" not in text
    mended = text.replace("3.3E+11", "SN e").encode("gb18030")
    _, counts = confirm(plant, hand_in(plant, mended))
    assert (counts["created"], counts["conflict"], counts["rejected"]) == (1, 1, 0)


def test_what_is_exported_comes_back_unchanged(demo, engine):
    """Of the demonstration's power plant: 100 % of its items, in every layout and form."""

    def plant(**values):
        return TenantSession(engine, identifier("TPP"), **values)

    with plant(read_only=True) as session:
        items, in_force = store.held(session), store.in_force(session)
    for layout, form in product(LAYOUTS.values(), MEDIA_TYPES):
        content = write_ledger(items, in_force, layout=layout, form=form)
        level = layout.fixed.get("energy_level")
        rows = len(items.filter(pl.col("energy_level") == level) if level else items)
        if not rows:
            continue

        import_id = hand_in(plant, content, layout=layout.name)
        _, counts = confirm(plant, import_id)

        with plant(read_only=True) as session:
            row = ledger_import.get(session, import_id)
            assert (layout.name, row.changes, row.answers) == (layout.name, {}, [])
        assert counts["unchanged"] == rows == sum(counts.values())


def test_an_empty_export_is_not_a_ledger_but_has_its_header(plant):
    with plant(read_only=True) as session:
        content = write_ledger(
            store.held(session), store.in_force(session), layout=LAYOUTS["b4"], form="csv"
        )

    assert content.decode("utf-8-sig").splitlines()[1].startswith("计量器具名称,型号规格")


def test_a_night_that_changes_nothing_leaves_nothing_behind(plant):
    night = [{"asset_number": "A-1", "name_zh": "a 压力表"}, {"asset_number": "A-2"}]

    with plant() as session, session.begin():
        plan, import_id = ledger_import.upsert(
            session, night, match_by="asset_number", actor_id=ACTOR, now=NOW
        )

    assert (plan.counts["unchanged"], import_id) == (2, None)
    assert count(plant, LedgerImport) == 0


def test_many_rows_are_written_in_the_own_book_only(plant):
    frame = pl.DataFrame({"id": ["0" * 32]})

    with plant(read_only=True) as session, pytest.raises(CrossesTenants):
        session.upsert(Item, frame, changing=())
