"""Thousands of rows by the driver, on both engines: what is written is read, in one's own book.

The same item stands in LAB's book and in ENT's, under one id.
"""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from sqlmodel import select

from service.bulk import differing
from service.tables.items import Item
from service.tables.organizations import Organization
from service.tables.schedule import KeptDueDate
from service.tenancy import CrossesTenants

AT = datetime(2026, 3, 1, 8, 30, 0, 250, tzinfo=UTC)
TEXTS = ["", "a,b", 'say "压力"', "two\nlines", "\\N", "NULL", "‘é’\t%"]
IDS = [UUID(int=number).hex for number in range(1, 8)]
ITEMS = pl.DataFrame({
    "id": IDS,
    "name_zh": TEXTS,
    "range_text": [text or None for text in TEXTS],
    "range_lower": [0.0, 0.1, 1e-7, -1.6, None, 12345678.9, 1 / 3],
    "range_upper": [0.0, 0.2, 1e-6, 1.6, None, 12345679.9, 2 / 3],
    "range_unit": ["MPa"] * 4 + [None] + ["MPa"] * 2,
    "location": ['["厂区", "3 号"]', "[]"] + ['["a, b"]'] * 5,
    "period_months": [6, None, 1, 12, 24, 36, 48],
    "is_mandatory": [True, False] * 3 + [True],
    "status_since": [date(2026, 2, 28), None] * 3 + [date(2024, 2, 29)],
}).with_columns(
    *(pl.lit(text).alias(name) for name, text in {
        "kind": "measuring_instrument", "name_en": "", "manufacturer_zh": "", "manufacturer_en": "",
        "type_designation": "", "serial_number": "", "quantity": "pressure", "accuracy_text": "",
        "status": "in_use",
    }.items()),
    *(pl.lit(value=False).alias(name)
      for name in ("is_published", "is_carbon_meter", "is_demonstration")),
    pl.lit(AT).alias("recorded_at"),
)  # fmt: skip


@pytest.fixture
def books_of_two(open_as):
    for code in ("LAB", "ENT"):
        with open_as(code) as session, session.begin():
            session.upsert(Item, ITEMS, changing=())


def told(open_as, code):
    with open_as(code, read_only=True) as session:
        return session.columns(Item, ITEMS.columns).filter(pl.col("id").is_in(IDS)).sort("id")


def test_what_is_written_is_read(open_as, books_of_two):
    found = told(open_as, "LAB")

    places = pl.col("location").str.json_decode(pl.List(pl.String))
    assert found.with_columns(places).equals(ITEMS.with_columns(places))
    with open_as("LAB", read_only=True) as session:
        rows = {row.id.hex: row for row in session.exec(select(Item)) if row.id.hex in IDS}
    assert [rows[id_].name_zh for id_ in IDS] == TEXTS
    assert [rows[id_].range_upper for id_ in IDS] == ITEMS["range_upper"].to_list()
    assert {row.recorded_at for row in rows.values()} == {AT}


def test_what_is_changed_is_ones_own_and_only_what_is_told(open_as, books_of_two):
    some = ITEMS.select("id", period_months=pl.lit(3), changed_at=pl.lit(AT)).head(3)

    with open_as("LAB") as session, session.begin():
        session.change_rows(Item, some)

    assert told(open_as, "ENT").equals(told(open_as, "ENT").with_columns(ITEMS["period_months"]))
    changed = told(open_as, "LAB")
    assert changed["period_months"].to_list() == [3, 3, 3, 12, 24, 36, 48]
    rest = pl.exclude("period_months")
    assert changed.select(rest).equals(told(open_as, "ENT").select(rest))


@pytest.mark.parametrize("write", ["upsert", "change_rows"])
def test_a_session_that_reads_and_a_table_of_no_book_are_refused(open_as, write):
    more: dict[str, Any] = {"changing": ()} if write == "upsert" else {}
    for table, read_only in ((Item, True), (Organization, False)):
        with open_as("LAB", read_only=read_only) as session, pytest.raises(CrossesTenants):
            getattr(session, write)(table, ITEMS.select("id"), **more)


def test_of_no_rows_there_are_columns_all_the_same(open_as):
    with open_as("OTH", read_only=True) as session:
        found = session.columns(KeptDueDate, ["item_id", "due_on", "is_ended"])

    assert found.is_empty()
    assert found.schema == {"item_id": pl.String, "due_on": pl.Date, "is_ended": pl.Boolean}


def test_what_differs_in_no_row_is_not_told_as_differing():
    old = pl.DataFrame({"id": [1, 2, 3], "a": [None, 1, 2], "b": ["x", None, "z"]})
    new = pl.DataFrame({"id": [3, 1, 4], "a": [2, None, 9], "b": ["z", None, "new"]})

    assert differing(new, old, key=["id"], names=["a", "b"]) == ["b"]
