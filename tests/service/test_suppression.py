"""Whatever organizations add to sums, what is told says nothing of what any one of them adds."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.suppression import CLOSEST, FEWEST, SMALLEST, is_safe, told

CELL = ("pressure", "valid")
NAMES = [UUID(int=number) for number in range(1, 9)]
CELLS = [(quantity, state) for quantity in ("mass", "pressure") for state in ("valid", "overdue")]

parts = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 60), max_size=7)
tables = st.dictionaries(st.sampled_from(CELLS), parts, max_size=4)
histories = st.lists(tables, min_size=1, max_size=4)


def table(*counts):
    return {CELL: dict(zip(NAMES, counts, strict=False))}


@pytest.mark.parametrize(
    ("counts", "sum_"),
    [
        ([40, 30, 20], 90),
        ([10, 10, 1], 21),  # the second takes its own ten away: 11 is a tenth off the first's
        ([40, 30], None),  # each of two knows the other
        ([100, 0, 0, 0], None),
        ([0, 0, 0], None),  # a sum of nothing would tell of everybody
        ([1000, 900, 50], None),  # the second comes within 5 %
        ([5, 0, 5, 0, 5], 15),
        ([3, 3, 3], None),  # small
        ([1] * 7 + [3], None),  # the one with three knows that the others have one each
        ([100, 1, 1, 1, 1, 1, 9], None),
    ],
)
def test_a_sum_is_told_where_three_add_to_it_and_none_is_nearly_all(counts, sum_):
    assert told([table(*counts)]).get(CELL) == sum_


@given(parts)
def test_no_organization_that_adds_to_a_sum_comes_close_to_another(adding):
    """An oracle by hand: each takes its own part away, and guesses that the rest is one other."""
    if not is_safe(adding.values()):
        return
    total = sum(adding.values())

    for mine, count in adding.items():
        for theirs, other in adding.items():
            if theirs != mine and other > 0:
                assert total - count - other >= CLOSEST * other
    assert total >= SMALLEST
    assert (many := sum(count > 0 for count in adding.values())) >= FEWEST
    assert all(total - count >= 2 * (many - 1) for count in adding.values())


@given(histories, st.data())
def test_what_is_withheld_leaves_no_trace_in_what_is_told(periods, data):
    """Other parts in a withheld cell, withheld as well, change nothing that anybody sees."""
    seen = told(periods)
    withheld = [cell for cell in periods[-1] if cell not in seen]
    if not withheld:
        return
    cell = data.draw(st.sampled_from(withheld))
    others = data.draw(parts)
    changed = [*periods[:-1], periods[-1] | {cell: others}]
    if cell in told(changed):
        return

    assert told(changed) == seen


@given(histories)
def test_no_difference_between_two_periods_is_the_part_of_one_or_two(periods):
    shown = [told(periods[: length + 1]) for length in range(len(periods))]

    for late, late_sums in enumerate(shown):
        for early in range(late):
            for cell in late_sums.keys() & shown[early].keys():
                before, after = (
                    {name for name, part in periods[number][cell].items() if part > 0}
                    for number in (early, late)
                )
                assert len(before ^ after) not in (1, 2)


def test_who_joins_alone_is_not_told_by_the_month_before():
    first, second, third = table(9, 8, 7), table(9, 8, 7, 6), table(9, 8, 7, 6, 5, 4)

    assert told([first]) == {CELL: 24}
    assert told([first, second]) == {}
    assert told([first, second, third]) == {CELL: 39}
