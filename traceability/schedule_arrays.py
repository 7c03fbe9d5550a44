"""The due dates of many items of one kind at once: as `schedule.due_date` gives them, in arrays.

For items that nothing befell but calibrations: no override, no event, no limit of use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from traceability.schedule import RANKS, Period, Rule, counting

Days = NDArray[np.datetime64]  # of unit day; NaT where there is none
Whole = NDArray[np.int64]

ONE_DAY: Final = np.timedelta64(1, "D")
ONE_MONTH: Final = np.timedelta64(1, "M")


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDays:
    """When each of many items is due.

    Attributes:
        valid_until: the last valid day; NaT where nothing sets an end.
        winner: which of `rules` set it; -1 for none.
        rules: what may set it; those beyond the periods have none.
    """

    valid_until: Days
    winner: Whole
    rules: tuple[tuple[Rule, Period | None], ...]


def last_valid_days(performed_on: Days, months: int) -> Days:
    """Return the last day on which each result is valid, as `last_valid_day` does one by one.

    >>> last_valid_days(np.array(["2025-01-31", "2024-02-29"], dtype="datetime64[D]"), 1).tolist()
    [datetime.date(2025, 2, 28), datetime.date(2024, 3, 28)]
    """
    month = performed_on.astype("datetime64[M]")
    into_month = performed_on - month.astype("datetime64[D]")
    ends_in = month + np.timedelta64(months, "M")
    first = ends_in.astype("datetime64[D]")
    days_of_month = (ends_in + ONE_MONTH).astype("datetime64[D]") - first
    last: Days = first + np.minimum(into_month, days_of_month) - ONE_DAY
    return last


def due_days(
    periods: Sequence[Period], *, known_since: Days, last: Days, certificate: Days
) -> DueDays:
    """Return when items that share their periods are due; of equal dates the same rule wins.

    Args:
        known_since: the day each came into the ledger.
        last: when it was done last with an acceptable result; NaT for never.
        certificate: what the newest certificate says; NaT where it says nothing.
    """
    rules: list[tuple[Rule, Period | None]] = [
        (period.rule, period) for period in counting(periods) if period.months is not None
    ]
    rules = sorted([*rules, (Rule.CERTIFICATE, None)], key=lambda one: RANKS[one[0]])
    valid_until = np.full(last.shape, np.datetime64("NaT"), dtype="datetime64[D]")
    winner = np.full(last.shape, -1, dtype=np.int64)
    never = np.isnat(last)
    for position, (_, period) in enumerate(rules):
        ends = certificate
        if period is not None and period.months is not None:
            ends = last_valid_days(last, period.months)
        sooner = ~never & ~np.isnat(ends) & (np.isnat(valid_until) | (ends < valid_until))
        valid_until[sooner], winner[sooner] = ends[sooner], position
    valid_until[never], winner[never] = known_since[never] - ONE_DAY, len(rules)
    return DueDays(
        valid_until=valid_until,
        winner=winner,
        rules=(*rules, (Rule.NEVER_DONE, None)),
    )
