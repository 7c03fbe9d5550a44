"""What is kept of due dates, so that a board is quick: the same as deriving each when asked.

LAB's own gauges on 1 March 2026; a customer's item is not its to watch.
"""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from service import due_dates
from service.actions import calibrations, due, due_in_bulk, items, schedule
from service.store import due as store
from service.store import items as item_store
from service.store.due import Asked, DueStatus, due_status
from service.tables.calibrations import Calibration
from service.tables.items import ItemDue
from service.tables.schedule import KeptDueDate
from tests.service import books
from tests.service.books import ACTOR, NOW

TODAY = date(2026, 3, 1)


@pytest.fixture
def register(open_as, names):
    """Enter gauges of LAB by name, in transactions of their own."""

    def register(name, **facts):
        with open_as("LAB") as session, session.begin():
            return books.register(session, name, **facts).id

    return register


@pytest.fixture
def calibrate(open_as):
    def calibrate(item_id, day, **said):
        with open_as("LAB") as session, session.begin():
            books.calibrate(session, "", day, item_id=item_id, **said)

    return calibrate


@pytest.fixture
def kept(open_as):
    """Return what is kept of LAB's items: the name, the activity, the date and its rule."""

    def kept(**asked):
        with open_as("LAB", read_only=True) as session:
            return [
                (one.item.name_en, one.row.activity, one.row.due_on, one.row.rule)
                for one in store.due(session, on=TODAY, asked=Asked(**asked))
            ]

    return kept


def as_derived(session):
    """Return when each item is due, derived now, as it would be kept."""
    return {
        (one.item.id, one.due.activity.value): (
            one.due.valid_until, one.due.winner and one.due.winner.rule.value, one.due.is_stopped
        )
        for one in due_dates.due_dates(session, on=date.max)
    }  # fmt: skip


def as_kept(session):
    return {
        (one.item.id, one.row.activity): (one.row.due_on, one.row.rule, one.row.is_stopped)
        for one in store.due(session, on=TODAY)
    }


def whole(session):
    """Return all that is kept, as it is."""
    rows = session.exec(select(KeptDueDate))
    return {(row.item_id, row.activity): row.model_dump() for row in rows}


def test_the_next_due_stands_first_and_a_customers_item_is_not_ours_to_watch(
    register, calibrate, kept, names
):
    for name, until in (("late", date(2027, 1, 31)), ("soon", date(2026, 3, 31))):
        calibrate(register(name), date(2026, 2, 1), valid_until=until)
    calibrate(register("unlimited"), date(2026, 2, 1), valid_until=None)
    calibrate(register("boiler", customer_id=names.ENT), date(2026, 2, 1))
    register("new")

    assert [(name, day) for name, _, day, _ in kept()] == [
        ("new", date(2026, 2, 28)),  # never done: due since it is in the ledger
        ("soon", date(2026, 3, 31)),
        ("late", date(2027, 1, 31)),
        ("unlimited", None),
    ]


def test_a_withdrawn_calibration_leaves_the_one_before(open_as, register, kept):
    item_id = register("gauge")
    with open_as("LAB") as session, session.begin():
        for year in (2024, 2025):
            made = books.calibrate(
                session, "", date(year, 2, 1), item_id=item_id, valid_until=date(year + 2, 1, 31),
                terminal_reason="purchased",
            )  # fmt: skip
            id_ = made.id
    assert [day for *_, day, _ in kept()] == [date(2027, 1, 31)]

    with open_as("LAB") as session, session.begin():
        calibrations.end(session, id_, reason="worn", actor_id=ACTOR, now=NOW)

    assert [day for *_, day, _ in kept()] == [date(2026, 1, 31)]


def period(session, **said):
    whole: dict[str, Any] = {
        "activity": "calibration", "rule": "organization", "subject": "", "months": 6,
        "usage_limit": None, "usage_unit": None, "source": "QM 7.1",
    }  # fmt: skip
    schedule.set_period(session, **(whole | said), actor_id=ACTOR, now=NOW)


@pytest.mark.parametrize(
    ("said", "touched"),
    [
        ({}, {"a", "b"}),
        ({"rule": "item_type", "subject": "Y-100"}, {"b"}),
        ({"rule": "criticality", "subject": "A"}, {"a"}),
    ],
)
def test_a_period_reaches_the_items_it_is_for(open_as, register, calibrate, kept, said, touched):
    for name, facts in (("a", {"energy_level": "A"}), ("b", {"type_designation": "Y-100"})):
        calibrate(register(name, **facts), date(2026, 2, 1), valid_until=date(2027, 1, 31))

    with open_as("LAB") as session, session.begin():
        period(session, **said)

    assert {name for name, _, day, _ in kept() if day == date(2026, 7, 31)} == touched


def test_a_period_that_is_ended_asks_nothing_any_more(open_as, register, kept):
    item_id = register("gauge")
    for months in (3, None):
        with open_as("LAB") as session, session.begin():
            period(session, activity="maintenance", rule="item", subject=str(item_id),
                   months=months)  # fmt: skip
        found = kept(activity="maintenance")

    assert found == []


def test_what_is_exchanged_at_its_end_is_due_for_replacement_and_not_for_verification(
    open_as, register, calibrate, kept
):
    """首次检定、到期轮换: the type's period of use counts from the first verification."""
    with open_as("LAB") as session, session.begin():
        period(session, activity="replacement", rule="item_type", subject="DDS", months=96)
    calibrate(register("meter", type_designation="DDS", is_mandatory=True), date(2026, 2, 1),
              valid_until=None)  # fmt: skip

    assert kept() == [("meter", "replacement", date(2034, 1, 31), "item_type")]


def test_a_replacement_begins_the_time_anew(open_as, register, calibrate, kept):
    with open_as("LAB") as session, session.begin():
        period(session, activity="replacement", rule="item_type", subject="DDS", months=12)
    item_id = register("meter", type_designation="DDS")
    calibrate(item_id, date(2025, 2, 1), valid_until=date(2026, 1, 31))

    with open_as("LAB") as session, session.begin():
        schedule.record_event(session, item_id, kind="replacement", happened_on=date(2026, 1, 20),
                              note="", value=None, unit=None, actor_id=ACTOR, now=NOW)  # fmt: skip

    assert [day for *_, day, _ in kept()] == [date(2027, 1, 19)]


def test_storage_stops_the_time_and_reentry_asks_for_a_check(open_as, register, calibrate, kept):
    item_id = register("gauge")
    calibrate(item_id, date(2026, 2, 1), valid_until=date(2027, 1, 31))
    with open_as("LAB") as session, session.begin():
        items.change(session, item_id, {"status": "sealed"}, actor_id=ACTOR, now=NOW)
    stored = kept(status="stopped")

    with open_as("LAB") as session, session.begin():
        items.change(session, item_id, {"status": "in_use"}, actor_id=ACTOR, now=NOW)
    back = kept()
    calibrate(item_id, TODAY, valid_until=date(2027, 2, 28))

    assert stored == [("gauge", "calibration", None, None)]
    assert back == [("gauge", "calibration", date(2026, 2, 28), "reentry")]
    assert [day for *_, day, _ in kept()] == [date(2027, 2, 28)]


def test_an_item_that_is_sealed_is_in_that_state(open_as, register):
    item_id = register("gauge")

    with open_as("LAB") as session, session.begin():
        schedule.record_event(session, item_id, kind="sealed", happened_on=TODAY, note="",
                              value=None, unit=None, actor_id=ACTOR, now=NOW)  # fmt: skip

    with open_as("LAB") as session:
        item = item_store.get(session, item_id)
        assert (item.status, item.status_since) == ("sealed", TODAY)


def test_what_is_kept_is_what_is_derived_and_deriving_again_changes_nothing(open_as, story):
    for code in ("NIM", "LAB", "ENT"):
        with open_as(code) as session, session.begin():
            assert as_kept(session) == as_derived(session) != {}
            assert due.derive(session) == 0


def test_in_bulk_comes_what_comes_one_by_one(open_as, register, calibrate, monkeypatch):
    """Gauges of two types: stored, never done, failed, repaired, overridden by their own period."""
    monkeypatch.setattr(due, "AT_ONCE", 10**6)
    with open_as("LAB") as session, session.begin():
        period(session, rule="item_type", subject="Y-100", months=7)
        period(session, activity="maintenance", rule="criticality", subject="A", months=2)
    for number in range(6):
        item_id = register(f"g{number}", type_designation="Y-100" if number % 2 else "Y-150",
                           energy_level="A" if number % 3 else None, procedure_code="JJG 52",
                           status="sealed" if number == 4 else "in_use")  # fmt: skip
        if number != 3:
            for year in (2024, 2025):
                calibrate(item_id, date(year, 8, 31), valid_until=date(year + 1, 2, 27))
    with open_as("LAB") as session, session.begin():
        period(session, rule="item", subject=str(item_id), months=1)
    monkeypatch.undo()
    with open_as("LAB") as session:
        one_by_one = whole(session)
        assert len(one_by_one) == 6 + 4 + 3  # verifications, maintenance at A, the type's own

    with open_as("LAB") as session, session.begin():
        for row in session.exec(select(KeptDueDate)):
            row.source, row.months, row.area = "?", 99, "?"
    with open_as("LAB") as session, session.begin():
        changed = due.derive(session)

    with open_as("LAB") as session:
        assert changed == len(one_by_one)
        assert whole(session) == one_by_one


def test_what_is_in_force_comes_in_bulk_as_one_by_one(open_as, register, calibrate):
    """The newest one holds, failed, was withdrawn, says no end; two of one day; a foreign track."""
    failed = calibrations.Statement(decision_rule="x", basis="x", verdict="fail")
    for name in ("holds", "failed", "withdrawn", "endless", "mended"):
        item_id = register(name)
        calibrate(item_id, date(2025, 2, 1), valid_until=date(2026, 1, 31),
                  statement=failed if name == "mended" else None)  # fmt: skip
        for until in (date(2027, 1, 30), date(2027, 1, 31)):
            calibrate(item_id, date(2026, 2, 1), valid_until=None if name == "endless" else until,
                      statement=failed if name == "failed" else None)  # fmt: skip
        if name == "withdrawn":
            with open_as("LAB") as session, session.begin():
                for one in session.exec(select(Calibration).where(
                    Calibration.item_id == item_id, Calibration.performed_on == date(2026, 2, 1)
                )).all():  # fmt: skip
                    calibrations.end(session, one.id, reason="worn", actor_id=ACTOR, now=NOW)
    in_force = lambda session: {  # noqa: E731
        row.item_id: (row.calibration_id, row.due_on) for row in session.exec(select(ItemDue))
    }
    with open_as("LAB") as session:
        one_by_one = in_force(session)
        assert len(set(one_by_one.values())) == len(one_by_one) == 5

    with open_as("LAB") as session, session.begin():
        for row in session.exec(select(ItemDue)):
            row.calibration_id, row.due_on = None, date(2000, 1, 1)
        due_in_bulk.refresh(session, pl.Series([id_.hex for id_ in one_by_one]))

    with open_as("LAB") as session:
        assert in_force(session) == one_by_one


def test_a_book_of_before_is_derived_whole(open_as, register, engine):
    """After a migration nothing is kept yet; the worker derives it all."""
    register("gauge")
    with open_as("LAB") as session, session.begin():
        for row in session.exec(select(KeptDueDate)):
            row.due_on = row.rule = None
            row.is_ended = True
    with open_as("LAB") as session:
        assert as_kept(session) == {}

    with open_as("LAB") as session, session.begin():
        assert due.derive(session) == 1

    with open_as("LAB") as session:
        assert as_kept(session) == as_derived(session)


def test_the_board_is_asked_by_area_kind_words_and_status(register, calibrate, kept, open_as):
    boiler, turbine = (
        register("boiler", location=["厂区", "锅炉房"]),
        register("turbine", location=["厂区", "汽机房"]),
    )
    calibrate(boiler, date(2026, 2, 1), valid_until=date(2026, 3, 31))
    calibrate(turbine, date(2026, 2, 1), valid_until=date(2026, 2, 20))
    names = lambda **asked: [name for name, *_ in kept(**asked)]  # noqa: E731

    assert names(area="厂区 / 锅炉房") == ["boiler"]
    assert names(area="厂区") == ["turbine", "boiler"]
    assert names(area="厂") == []
    assert names(places=[]) == []
    assert names(status="overdue") == ["turbine"]
    assert names(text="锅炉") == ["boiler"]
    assert names(activity="maintenance") == []
    assert names(sort="name", descending=True) == ["turbine", "boiler"]
    with open_as("LAB") as session:
        assert store.areas(session) == ["厂区 / 汽机房", "厂区 / 锅炉房"]
        counts = store.counts(store.tally(session), on=TODAY)
    assert (counts[DueStatus.OVERDUE], counts[DueStatus.WITHIN_30]) == (1, 1)


def test_a_long_list_is_read_a_few_at_a_time_in_the_same_order(open_as, register, calibrate):
    """Several items of one day, two activities of an item, and some that never fall due."""
    with open_as("LAB") as session, session.begin():
        period(session, activity="maintenance", rule="item_type", subject="Y-100", months=12)
    for number in range(9):
        item_id = register(f"g{number}", type_designation="Y-100" if number % 2 else "Y-150",
                           status="sealed" if number == 8 else "in_use")  # fmt: skip
        until = None if number % 4 == 0 else date(2027, 1, 30 + number % 2)
        calibrate(item_id, date(2026, 2, 1), valid_until=until)

    with open_as("LAB", read_only=True) as session:
        whole_list = [(due_dates.place(one)) for one in due_dates.due_dates(session, on=TODAY)]
        assert len(whole_list) == 9 + 4
        for limit in (1, 3, 50):
            found: list[Any] = []
            while part := store.next_due(session, after=(found or [None])[-1], limit=limit):
                assert len(part) <= limit
                found += [(one.row.due_on or date.max, one.item.id, one.row.activity)
                          for one in part]  # fmt: skip
            assert found == whole_list
        within = store.next_due(session, after=None, limit=50, last=date(2027, 1, 30))
    assert [one.row.due_on for one in within] == [
        day for day, *_ in whole_list if day <= date(2027, 1, 30)
    ]


def test_the_board_finds_capitals_small_letters_and_signs_as_they_are_written(register, kept):
    register("Gauge É 100%", asset_number="AB-7", serial_number="x_1")
    register("gauge 2", asset_number="ab-8", serial_number="xy1")
    names = lambda text: [name for name, *_ in kept(text=text, sort="serial")]  # noqa: E731

    assert names("gauge") == names("AB-") == ["Gauge É 100%", "gauge 2"]
    assert names("é") == names("%") == names("x_1") == ["Gauge É 100%"]


@given(st.integers(-400, 400), st.sampled_from(list(DueStatus)))
def test_the_days_of_the_statuses_do_not_overlap(days, status):
    """Each day has one status, and its neighbours are of the same or the next."""
    order = list(DueStatus)[:5]
    here = due_status(TODAY, TODAY + timedelta(days=days))
    after = due_status(TODAY, TODAY + timedelta(days=days + 1))

    assert order.index(after) - order.index(here) in (0, 1)
    assert due_status(TODAY, None) is DueStatus.NONE
