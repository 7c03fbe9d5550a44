"""Many due dates at once are those that come one by one, and which rule won is the same."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from procedures.edition import last_valid_day
from traceability.schedule import SPECIFICITY, Activity, Period, Plan, Rule, due_date
from traceability.schedule_arrays import due_days, last_valid_days

FIRST = date(2019, 1, 1)
days = st.integers(0, 365 * 15).map(lambda day: FIRST + timedelta(days=day))
months = st.none() | st.integers(1, 60)


def periods_of(chosen: dict[Rule, int | None]) -> tuple[Period, ...]:
    return tuple(Period(rule=rule, months=count, source=rule) for rule, count in chosen.items())


def test_every_anchor_of_fifteen_years_ends_on_the_day_of_the_scalar_function():
    anchors = [FIRST + timedelta(days=day) for day in range(365 * 15)]
    array = np.array(anchors, dtype="datetime64[D]")

    for period in (1, 2, 6, 12, 13, 48, 60):
        ends = last_valid_days(array, period).tolist()
        assert ends == [last_valid_day(anchor, period) for anchor in anchors]


@given(
    st.dictionaries(st.sampled_from([Rule.PROCEDURE, *SPECIFICITY]), months),
    st.lists(st.tuples(days, st.none() | days, st.none() | days), min_size=1, max_size=8),
)
def test_the_same_rule_wins_with_the_same_date(
    chosen: dict[Rule, int | None], items: list[tuple[date, date | None, date | None]]
):
    periods = periods_of(chosen)
    nothing = np.datetime64("NaT", "D")

    found = due_days(
        periods,
        known_since=np.array([known for known, _, _ in items], dtype="datetime64[D]"),
        last=np.array([last or nothing for _, last, _ in items], dtype="datetime64[D]"),
        certificate=np.array([told or nothing for _, _, told in items], dtype="datetime64[D]"),
    )

    for position, (known, last, told) in enumerate(items):
        one = due_date(
            Plan(
                activity=Activity.CALIBRATION,
                known_since=min(known, last or known),
                performed_on=() if last is None else (last,),
                valid_until=told,
                periods=periods,
            ),
            on=date.max,
        )
        winner = int(found.winner[position])
        assert found.valid_until[position].tolist() == one.valid_until
        assert (found.rules[winner][0] if winner >= 0 else None) == (
            one.winner.rule if one.winner else None
        )
