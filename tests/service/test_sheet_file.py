"""Readings come from files in two forms; each error points at its line."""

from io import BytesIO

import pytest
import xlsxwriter

from procedures.worksheet import Row, Sheet
from service.catalogue import built_in_editions
from service.errors import InvalidField, UnreadableFile
from service.exchange.sheet_file import read_sheet_file, with_readings

GAUGES = next(row.edition for row in built_in_editions() if row.edition.name == "JJG 52-2013")
METERS = next(row.edition for row in built_in_editions() if row.edition.name == "JJG 596-2012")
WIDE = """\
标称值,升压 轻敲前,升压 轻敲后,降压 轻敲前,降压 轻敲后
0.8,0.82,0.81,0.82,0.820
"""
READ = {"up_before_tapping": "0.82", "up_after_tapping": "0.81", "down_before_tapping": "0.82",
        "down_after_tapping": "0.820"}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_wide_file_has_a_row_for_each_point_and_keeps_its_digits(encoding):
    (row,) = read_sheet_file(WIDE.encode(encoding), GAUGES)["rows"]

    assert (row.nominal, row.readings) == ("0.8", READ)


def test_a_workbook_says_the_same():
    octets = BytesIO()
    with xlsxwriter.Workbook(octets, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for line, cells in enumerate(WIDE.splitlines()):
            sheet.write_row(line, 0, cells.split(","))

    (row,) = read_sheet_file(octets.getvalue(), GAUGES)["rows"]

    assert row.readings == READ


def test_a_documenting_calibrator_writes_a_row_for_each_reading_and_stage():
    told = read_sheet_file(
        b"stage,nominal,reading,value\n"
        b"as_found,0.8,up_before_tapping,0.84\n"
        b"as_left,0.8,up_before_tapping,0.81\n",
        GAUGES,
    )
    sheet = Sheet(accuracy_class="1.6", parameters={}, environment={}, rows=(
        Row(nominal="0.80", readings={"up_before_tapping": "", "up_after_tapping": "0.8"}),
    ))  # fmt: skip

    filled = with_readings(sheet, told)

    assert filled.course == "adjusted"
    assert filled.as_found[0].readings["up_before_tapping"] == "0.84"
    assert filled.rows[0].readings["up_before_tapping"] == "0.81"
    assert filled.rows[0].readings["up_after_tapping"] == "0.8"


def test_a_second_row_of_a_point_is_its_next_repeat():
    told = read_sheet_file(
        b"nominal,power_factor,load,gamma\n5,1,balanced,0.10\n5,1,balanced,0.12\n", METERS
    )

    (row,) = told["rows"]
    assert row.readings == {"gamma": "0.10", "gamma#2": "0.12"}
    assert row.conditions == {"power_factor": "1", "load": "balanced"}


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("nominal,up_before_tapping,colour\n0.8,0.82,red\n", "/lines/header"),
        ("nominal,reading,value\n0.8,colour,red\n", "/lines/2/reading"),
        ("stage,nominal,reading,value\nlater,0.8,up_before_tapping,1\n", "/lines/2/stage"),
        ("test,nominal,up_before_tapping\ncreep,0.8,1\n", "/lines/2/test"),
    ],
)
def test_an_error_points_at_its_line(text, pointer):
    with pytest.raises(InvalidField) as refused:
        read_sheet_file(text.encode(), GAUGES)

    assert refused.value.pointer == pointer


def test_what_is_no_table_is_refused():
    with pytest.raises(UnreadableFile):
        read_sheet_file(b"", GAUGES)
