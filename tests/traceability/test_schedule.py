"""When a pressure gauge of the demonstration's kind is due, and which rule says so.

It is verified by JJG 52, whose period is at most six months, last on 2026-06-15.
"""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.edition import last_valid_day
from traceability.errors import InvalidValue, LegalPeriodExceeded
from traceability.schedule import (
    Activity,
    ItemState,
    Override,
    Period,
    Plan,
    Rule,
    StateChange,
    Usage,
    due_date,
    require_allowed,
)

TODAY = date(2026, 11, 21)
JJG_52 = Period(rule=Rule.PROCEDURE, months=6, source="JJG 52-2013")
GAUGE = Plan(
    activity=Activity.VERIFICATION,
    known_since=date(2020, 1, 1),
    performed_on=(date(2025, 12, 10), date(2026, 6, 15)),
    periods=(JJG_52,),
)


def test_the_period_counts_from_the_newest_verification():
    due = due_date(GAUGE, on=TODAY)

    assert due.valid_until == date(2026, 12, 14)
    assert due.winner is not None
    assert (due.winner.rule, due.winner.source) == (Rule.PROCEDURE, "JJG 52-2013")
    assert due.last_performed_on == date(2026, 6, 15)


def test_the_last_valid_day_is_not_overdue_and_the_day_after_is():
    due = due_date(GAUGE, on=TODAY)

    assert due.days_left(date(2026, 12, 14)) == 0
    assert not due.is_overdue(date(2026, 12, 14))
    assert due.is_overdue(date(2026, 12, 15))


def test_a_period_agreed_shortens_the_procedures():
    plan = replace(GAUGE, periods=(JJG_52, Period(rule=Rule.ITEM, months=3, source="PM-7")))

    due = due_date(plan, on=TODAY)

    assert due.valid_until == date(2026, 9, 14)
    assert due.winner is not None
    assert due.winner.rule is Rule.ITEM


def test_a_period_agreed_does_not_lengthen_the_procedures():
    plan = replace(GAUGE, periods=(JJG_52, Period(rule=Rule.ORGANIZATION, months=12, source="QM")))

    due = due_date(plan, on=TODAY)

    assert due.winner is not None
    assert due.winner.rule is Rule.PROCEDURE
    assert [one.rule for one in due.candidates] == [Rule.PROCEDURE, Rule.ORGANIZATION]


def test_of_several_agreed_the_most_specific_counts():
    agreed = (
        Period(rule=Rule.ORGANIZATION, months=2, source="all"),
        Period(rule=Rule.CRITICALITY, months=5, source="A"),
        Period(rule=Rule.ITEM_TYPE, months=4, source="gauges"),
    )

    due = due_date(replace(GAUGE, periods=(JJG_52, *agreed)), on=TODAY)

    assert due.valid_until == date(2026, 11, 14)  # five months
    assert Rule.ORGANIZATION not in {one.rule for one in due.candidates}


def test_a_shorter_validity_on_the_certificate_counts():
    assert due_date(replace(GAUGE, valid_until=date(2026, 10, 1)), on=TODAY).valid_until == date(
        2026, 10, 1
    )


def test_what_was_never_verified_is_due_since_it_is_known():
    due = due_date(replace(GAUGE, performed_on=()), on=TODAY)

    assert due.is_overdue(date(2020, 1, 1))
    assert due.winner is not None
    assert due.winner.rule is Rule.NEVER_DONE


def test_no_period_is_no_end_and_not_today():
    due = due_date(replace(GAUGE, periods=()), on=TODAY)

    assert due.valid_until is None
    assert due.days_left(TODAY) is None
    assert not due.is_overdue(TODAY)


def test_usage_ends_the_period_early_at_the_present_pace():
    usage = Usage(limit=1000, unit="h", used=900, read_on=date(2026, 7, 1), per_day=8)

    due = due_date(replace(GAUGE, usage=usage), on=TODAY)

    assert due.valid_until == date(2026, 7, 13)  # 100 h last twelve whole days
    assert due.winner is not None
    assert (due.winner.rule, due.winner.source) == (Rule.USAGE, "1000 h")


def test_usage_at_an_unknown_pace_sets_no_date():
    usage = Usage(limit=1000, unit="h", used=900, read_on=date(2026, 7, 1), per_day=None)

    assert due_date(replace(GAUGE, usage=usage), on=TODAY).valid_until == date(2026, 12, 14)


def test_after_a_repair_it_is_due_at_once():
    repaired = StateChange(happened_on=date(2026, 8, 3), reason="spring replaced")

    due = due_date(replace(GAUGE, changes=(repaired,)), on=TODAY)

    assert due.is_overdue(date(2026, 8, 3))
    assert due.winner is not None
    assert due.winner.source == "spring replaced"


def test_a_repair_before_the_last_verification_is_settled():
    repaired = StateChange(happened_on=date(2026, 6, 15), reason="spring replaced")

    assert due_date(replace(GAUGE, changes=(repaired,)), on=TODAY).valid_until == date(2026, 12, 14)


def test_storage_stops_the_clock():
    stored = replace(GAUGE, state=ItemState.SEALED, state_since=date(2026, 7, 1))

    due = due_date(stored, on=date(2027, 11, 21))

    assert due.is_stopped
    assert due.valid_until is None
    assert due.candidates  # what would hold is still told


def test_out_of_storage_it_is_due_until_it_is_checked():
    back = replace(GAUGE, state_since=date(2026, 9, 1), was_sealed=True)
    checked = replace(back, performed_on=(date(2026, 9, 2),))

    due = due_date(back, on=TODAY)

    assert due.winner is not None
    assert due.winner.rule is Rule.REENTRY
    assert due_date(checked, on=TODAY).valid_until == date(2027, 3, 1)


def override(valid_until: date, recorded_on: date = date(2026, 7, 1)) -> Override:
    return Override(
        valid_until=valid_until,
        recorded_on=recorded_on,
        reason="shutdown in spring",
        approved_by=UUID(int=7),
    )


def test_an_override_counts_until_the_next_verification():
    plan = replace(GAUGE, overrides=(override(date(2027, 1, 31)),))
    again = replace(plan, performed_on=(date(2026, 7, 2),))

    assert due_date(plan, on=TODAY).valid_until == date(2027, 1, 31)
    assert due_date(again, on=TODAY).valid_until == date(2027, 1, 1)


def test_of_two_overrides_the_newer_counts():
    both = (override(date(2027, 1, 31)), override(date(2026, 12, 1), date(2026, 8, 1)))

    assert due_date(replace(GAUGE, overrides=both), on=TODAY).valid_until == date(2026, 12, 1)


def test_a_mandatory_period_is_not_extended():
    mandatory = replace(GAUGE, is_mandatory=True)
    later = override(date(2027, 1, 31))

    with pytest.raises(LegalPeriodExceeded, match="allows 2026-12-14"):
        require_allowed(mandatory, later)

    smuggled = due_date(replace(mandatory, overrides=(later,)), on=TODAY)
    assert smuggled.valid_until == date(2026, 12, 14)


def test_a_mandatory_period_may_be_shortened():
    mandatory = replace(GAUGE, is_mandatory=True)
    sooner = override(date(2026, 11, 30))

    require_allowed(mandatory, sooner)

    assert due_date(replace(mandatory, overrides=(sooner,)), on=TODAY).valid_until == date(
        2026, 11, 30
    )


def test_an_override_does_not_excuse_a_repair():
    repaired = StateChange(happened_on=date(2026, 8, 3), reason="overload")
    plan = replace(GAUGE, changes=(repaired,), overrides=(override(date(2027, 1, 31)),))

    assert due_date(plan, on=TODAY).is_overdue(date(2026, 8, 3))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"performed_on": (TODAY + timedelta(days=1),)}, "performed_on"),
        ({"known_since": TODAY + timedelta(days=1)}, "known_since"),
    ],
)
def test_what_lies_ahead_is_refused(changed: dict[str, object], field: str):
    with pytest.raises(InvalidValue) as refused:
        due_date(replace(GAUGE, **changed), on=TODAY)  # type: ignore[arg-type]

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("limit", "used"), [(0.0, 0.0), (float("nan"), 0.0), (10.0, -1.0), (float("inf"), 1.0)]
)
def test_a_usage_that_cannot_be_is_refused(limit: float, used: float):
    with pytest.raises(InvalidValue):
        Usage(limit=limit, unit="h", used=used, read_on=TODAY, per_day=1)


def test_a_period_of_no_months_is_refused():
    with pytest.raises(InvalidValue, match="months must be at least 1"):
        Period(rule=Rule.ITEM, months=0, source="")


@given(st.integers(0, 365 * 15), st.integers(1, 60))
def test_a_later_verification_never_ends_earlier(day: int, months: int):
    """Every anchor of fifteen years; one period is no chain of shorter ones."""
    anchor = date(2019, 1, 1) + timedelta(days=day)

    assert last_valid_day(anchor, months) <= last_valid_day(anchor + timedelta(days=1), months)


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.booleans(),
    st.integers(-400, 400),
)
def test_no_rule_lengthens_a_mandatory_period(months: list[int], sealed: bool, moved: int):
    rules = (Rule.ORGANIZATION, Rule.ITEM_TYPE, Rule.CRITICALITY, Rule.ITEM)
    agreed = tuple(
        Period(rule=rule, months=period, source="")
        for rule, period in zip(rules, months, strict=False)
    )
    plan = replace(
        GAUGE,
        is_mandatory=True,
        periods=(JJG_52, *agreed),
        overrides=(override(date(2026, 12, 14) + timedelta(days=moved)),),
        was_sealed=sealed,
        state_since=date(2026, 7, 1),
    )

    found = due_date(plan, on=TODAY).valid_until

    assert found is not None
    assert found <= date(2026, 12, 14)
