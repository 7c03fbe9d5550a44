"""A worksheet of JJG 52: the readings of the worked example are judged as they are typed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.conformity import Verdict
from procedures.errors import InvalidInput
from procedures.method import ReferenceStandard
from procedures.worksheet import (
    Course,
    Limitation,
    Row,
    Sheet,
    columns,
    judge,
    plan_rows,
    propose_points,
    read_number,
)
from service.catalogue import built_in_editions

EDITION = next(row.edition for row in built_in_editions() if row.edition.name == "JJG 52-2013")
STANDARD = ReferenceStandard(maximum_permissible_error=0.00125)
SYMBOLS = [reading.symbol for reading in EDITION.readings]
READ = {
    "0": ("0.00", "0.00", "0.00", "0.00"),
    "0.4": ("0.41", "0.41", "0.41", "0.41"),
    "0.8": ("0.82", "0.81", "0.82", "0.82"),
    "1.2": ("1.21", "1.21", "1.22", "1.22"),
    "1.6": ("1.61", "1.61", "1.61", "1.61"),
}


def row(nominal, *readings):
    return Row(nominal=nominal, readings=dict(zip(SYMBOLS, readings, strict=True)))


ROWS = tuple(row(nominal, *readings) for nominal, readings in READ.items())
SHEET = Sheet(
    accuracy_class="1.6",
    parameters={"span": "1.6", "division": "0.05", "repeatability": "0.0012"},
    environment={"temperature": "20.6", "humidity": "48", "rest_time": "2"},
    rows=ROWS,
    standard="the module",
)


def judged(**changes):
    return judge(EDITION, replace(SHEET, **changes), STANDARD)


def pointers(judged):
    return [problem.pointer for problem in judged.problems]


def changed(index, **readings):
    rows = list(ROWS)
    rows[index] = replace(rows[index], readings={**rows[index].readings, **readings})
    return tuple(rows)


def test_a_whole_sheet_passes_with_the_figures_of_the_worked_example():
    found = judged()

    assert found.problems == ()
    assert found.verdict is Verdict.PASS
    assert found.result is not None
    assert found.result.expanded_uncertainty == pytest.approx(0.006946, abs=1e-6)


def test_nothing_is_passed_by_default():
    empty = tuple(row(nominal, "", "", "", "") for nominal in READ)
    one_cell = changed(2, up_after_tapping="")

    assert judged(rows=()).verdict is Verdict.UNDETERMINED
    assert judged(rows=empty).verdict is Verdict.UNDETERMINED
    assert judged(rows=one_cell).verdict is Verdict.UNDETERMINED
    assert pointers(judged(rows=one_cell)) == ["/rows/2/up_after_tapping"]
    assert judge(EDITION, SHEET, None).verdict is Verdict.UNDETERMINED


def test_what_is_whole_is_judged_while_the_rest_is_still_typed():
    found = judged(rows=(*ROWS[:2], *(row(n, "", "", "", "") for n in ("0.8", "1.2", "1.6"))))

    assert found.result is not None
    assert [point.nominal for point in found.result.points] == [0.0, 0.4]
    assert found.verdict is Verdict.UNDETERMINED


def test_every_field_in_error_is_named():
    found = judged(
        rows=changed(1, up_before_tapping="0,41", down_after_tapping="x"),
        environment={"temperature": "27", "humidity": "", "rest_time": "2"},
    )

    assert set(pointers(found)) == {
        "/rows/1/up_before_tapping",
        "/rows/1/down_after_tapping",
        "/environment/temperature",
        "/environment/humidity",
    }
    told = {problem.pointer: problem.reason for problem in found.problems}
    assert "as a point" in told["/rows/1/up_before_tapping"]
    assert told["/environment/temperature"] == "27 is out of limits: 15 to 25"


def test_a_parameter_that_is_missing_and_an_unknown_class_are_named():
    assert "/parameters/division" in pointers(judged(parameters={"span": "1.6"}))
    assert "/accuracy_class" in pointers(judged(accuracy_class="0.4"))


def test_a_point_that_stands_twice_or_is_missing_is_named():
    twice = (*ROWS, row("0.80", *READ["0.8"]))

    assert pointers(judged(rows=twice)) == ["/rows/5/nominal"]
    assert pointers(judged(rows=ROWS[:4])) == ["/rows"]


def test_a_slip_stands_against_submitting_until_it_is_confirmed_as_it_is_written():
    slipped = changed(2, up_after_tapping="0.18")
    pointer = "/rows/2/up_after_tapping"

    suspected = judged(rows=slipped)
    confirmed = judged(rows=slipped, confirmed={pointer: "0.18"})
    changed_since = judged(rows=slipped, confirmed={pointer: "0.81"})

    assert pointers(suspected) == [pointer]
    assert suspected.verdict is Verdict.UNDETERMINED
    assert confirmed.problems == ()
    assert confirmed.verdict is Verdict.FAIL
    assert pointers(changed_since) == [pointer]


def test_an_adjusted_item_is_judged_as_left_and_as_found():
    found_high = changed(2, up_after_tapping="0.84", down_after_tapping="0.84")

    adjusted = judged(course=Course.ADJUSTED, as_found=found_high, adjustment="zero and span")

    assert adjusted.problems == ()
    assert adjusted.verdict is Verdict.PASS
    assert adjusted.as_found is not None
    assert adjusted.as_found.verdict is Verdict.FAIL
    assert pointers(judged(course=Course.ADJUSTED, as_found=ROWS)) == ["/adjustment"]
    assert "/as_found" in pointers(judged(course=Course.ADJUSTED, adjustment="zero"))


def test_of_a_new_item_somebody_says_why_nothing_is_as_found():
    assert pointers(judged(course=Course.INITIAL)) == ["/no_as_found"]
    assert judged(course=Course.INITIAL, no_as_found="new").verdict is Verdict.PASS


def test_an_item_that_passes_in_a_part_of_its_interval_is_judged_for_that_part():
    """At 1.6 MPa it reads 1.66, beyond 0.04; up to 1.2 MPa it is within its limits."""
    high = changed(4, up_after_tapping="1.66", down_after_tapping="1.66")
    to_1_2 = Limitation(lower="0", upper="1.2", reason="over its limit at 1.6 MPa")

    whole = judged(rows=high)
    limited = judged(rows=high, limitation=to_1_2)
    not_read_above = judged(rows=ROWS[:4], limitation=to_1_2)

    assert whole.verdict is Verdict.FAIL
    assert limited.verdict is Verdict.PASS
    assert limited.result is not None
    assert [point.nominal for point in limited.result.points] == [0, 0.4, 0.8, 1.2]
    assert not_read_above.verdict is Verdict.PASS
    assert pointers(judged(limitation=replace(to_1_2, reason=" "))) == ["/limitation/reason"]
    assert pointers(judged(limitation=replace(to_1_2, upper=""))) == ["/limitation/upper"]
    assert "/limitation" in pointers(judged(limitation=replace(to_1_2, lower="5", upper="6")))


def test_a_standard_that_is_not_good_enough_is_named():
    found = judge(EDITION, SHEET, ReferenceStandard(maximum_permissible_error=0.01))

    assert pointers(found) == ["/standard"]


@pytest.mark.parametrize("edition", built_in_editions(), ids=lambda row: row.edition.name)
def test_every_edition_draws_a_sheet_that_has_no_verdict_yet(edition):
    drawn = plan_rows(
        edition.edition,
        accuracy_class=edition.edition.classes[0].name if edition.edition.classes else "",
        options={option.name: option.default or next(iter(option.choices))
                 for option in edition.edition.options},
        parameters={},
        lower=0,
        upper=100,
    )  # fmt: skip
    sheet = Sheet(accuracy_class="", parameters={}, environment={}, rows=drawn)

    found = judge(edition.edition, sheet, STANDARD)

    assert found.verdict is Verdict.UNDETERMINED
    assert found.problems
    for row in drawn:
        keys = [column.key for column in columns(edition.edition, row.test, row.readings)]
        assert keys == list(row.readings)


def test_a_reading_is_repeated_at_conditions_and_looked_at_besides():
    """An energy meter by JJG 596: twice at each load; a row that is not whole is named."""
    meter = next(row.edition for row in built_in_editions() if row.edition.name == "JJG 596-2012")
    options = {option.name: option.default or next(iter(option.choices))
               for option in meter.options}  # fmt: skip
    drawn = plan_rows(
        meter, accuracy_class=meter.classes[0].name, options=options,
        parameters={"basic_current": 5, "maximum_current": 60}, lower=0, upper=60,
    )  # fmt: skip
    assert all(set(row.conditions) == {"power_factor", "load"} for row in drawn if
               row.test == "main")  # fmt: skip
    row = Row(nominal="5", readings={"gamma": "0.1", "gamma#2": "x"},
              conditions={"power_factor": "1", "load": "half"})  # fmt: skip

    found = judge(
        meter,
        Sheet(accuracy_class="1", parameters={}, environment={}, rows=(row,), options=options),
        STANDARD,
    )

    assert [problem.pointer for problem in found.problems][:2] == [
        "/rows/0/gamma#2",
        "/rows/0/conditions/load",
    ]


def test_points_to_begin_with_are_evenly_spaced():
    assert propose_points(lower=0, upper=2.5) == ["0", "0.625", "1.25", "1.875", "2.5"]
    assert propose_points(lower=5, upper=5) == ["5"]


@pytest.mark.parametrize(
    ("text", "number"), [(" 0.80 ", "0.80"), ("−1.5", "-1.5"), ("0．8", "0.8")]
)
def test_a_number_keeps_the_digits_it_was_written_with(text, number):
    assert str(read_number(text)) == number


@pytest.mark.parametrize("text", ["", "NaN", "inf", "1e99", "0,8", "1 2", "٣٫٥x", "1" * 50])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InvalidInput):
        read_number(text)


@given(
    st.lists(
        st.tuples(*(st.sampled_from(["", "0.8", "1.61", "x", "-", "1e400", "８"]),) * 5),
        max_size=4,
    )
)
def test_whatever_is_typed_is_answered_and_never_passed_half(rows):
    sheet = replace(SHEET, rows=tuple(row(*cells) for cells in rows))

    found = judge(EDITION, sheet, STANDARD)

    assert found.problems
    assert found.verdict is Verdict.UNDETERMINED
