"""Somebody keeps the readings of a scale in a spreadsheet and saves it as CSV."""

import pytest

from procedures.conformity import Verdict
from procedures.method import evaluate_readings
from service.catalogue import edition_named
from service.errors import InvalidField
from service.exchange import readings_file

EDITION = edition_named("JJG 539", "2016").edition
FILE = """\
what,name,value
class,,Ⅲ
parameter,e,0.02
parameter,max_capacity,60
option,purpose,initial
inspection,discrimination,yes
inspection,tare,是

test,nominal,position,shown,added,repeated_shown,repeated_added,eccentric_shown,eccentric_added
,0.2,,0.20,0.010,,,,
main,0.4,,0.40,0.010,,,,
,10,,10.00,0.010,,,,
,30,,30.00,0.006,,,,
,40,,40.00,0.006,,,,
,60,,60.00,0.002,,,,
repeatability,30,,,,30.00,0.010,,
repeatability,30,,,,30.00,0.008,,
repeatability,30,,,,30.00,0.010,,
eccentricity,20,1,,,,,20.00,0.010
eccentricity,20,2,,,,,20.00,0.008
eccentricity,20,3,,,,,20.00,0.012
eccentricity,20,4,,,,,20.00,0.010
"""


def test_a_file_says_everything_that_is_asked():
    told = readings_file.read(FILE, EDITION)

    result = evaluate_readings(EDITION, **told.arguments())

    assert result.verdict is Verdict.PASS
    assert (told.accuracy_class, told.parameters) == ("Ⅲ", {"e": 0.02, "max_capacity": 60.0})
    assert told.inspections == {"discrimination": True, "tare": True}
    (repeated,) = [row for row in told.points if row.test == "repeatability"]
    assert repeated.readings["repeated_added"] == [0.010, 0.008, 0.010]
    assert str(result.points[5].value("corrected_error").reported) == "0.008"


def test_a_file_of_a_spreadsheet_is_read_with_its_mark_and_its_line_ends():
    windows = "\N{BYTE ORDER MARK}" + FILE.replace("\n", "\r\n")

    assert readings_file.read(windows, EDITION).points == readings_file.read(FILE, EDITION).points


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ("parameter,e,0.02", "parameter,e,two", "/lines/3/value"),
        ("parameter,e,0.02", "parameter,e,nan", "/lines/3/value"),
        ("parameter,e,0.02", "colour,e,0.02", "/lines/3/what"),
        ("parameter,e,0.02", "standard,accuracy,0.02", "/lines/3/name"),
        ("discrimination,yes", "discrimination,perhaps", "/lines/6/value"),
        ("shown,added", "shown,extra", "/lines/9/extra"),
        ("shown,added", "shown,shown", "/lines/9/shown"),
        ("main,0.4", "mean,0.4", "/lines/11/test"),
        (",10,,10.00", ",ten,,10.00", "/lines/12/nominal"),
        (",10,,10.00", ",10,,1O.00", "/lines/12/shown"),
        (",10,,10.00", ",10,1,10.00", "/lines/12/position"),
        ("0.010,,,,\n,30", "0.010,,,,,,\n,30", "/lines/12"),
    ],
)
def test_what_is_wrong_is_pointed_at_by_line_and_column(old, new, pointer):
    assert old in FILE

    with pytest.raises(InvalidField) as refused:
        readings_file.read(FILE.replace(old, new, 1), EDITION)

    assert refused.value.pointer == pointer


def test_a_file_without_its_second_part_is_refused():
    with pytest.raises(InvalidField, match="an empty line and then the readings"):
        readings_file.read(FILE.split("\n\n", maxsplit=1)[0], EDITION)


def test_an_endless_file_is_refused():
    with pytest.raises(InvalidField, match="more than 4000000 characters"):
        readings_file.read("x" * 4_000_001, EDITION)
