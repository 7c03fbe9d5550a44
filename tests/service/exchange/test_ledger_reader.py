"""A ledger is read as people keep it: encodings, separators, titles, dates, widths, damage.

The file is one a plant might send: two title rows, Chinese headers, four instruments.
"""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import UnreadableFile
from service.exchange.ledger_columns import COLUMNS, LAYOUTS, column_named
from service.exchange.ledger_files import write_table
from service.exchange.ledger_reader import read_items, read_ledger

LEDGER = """\
示例电厂 2026 年计量器具台账,,,,,,,,,,
,,,,,,,,,,
计量器具名称,型号规格,准确度等级,测量范围,出厂编号,用能单位管理编号,检定日期,有效期至,检定周期/校准间隔,状态,备注
压力表,Y-150,1.6级,（０～1.6）ＭＰａ,0083105,TPP-01,2025.3.1,2026年2月28日,12个月,在用,一号炉
电能表,DTZ,0.2S级,3×220/380V,０１２３,TPP-02,20250301,46081,1年,合格,

温度计,WZP,±0.5%FS,-40…80℃,77,TPP-03,2025-03-01,,半年,封存,
流量计,,,10 t/h,78,TPP-04,,,24,限用,"大门, 左"
"""


def rows_of(text: str, encoding: str = "utf-8"):
    return read_ledger(text.encode(encoding)).frame.rows_by_key("row", named=True, unique=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_ledger_reads_the_same_in_every_encoding_and_separator(encoding, separator):
    table = pl.read_csv(LEDGER.encode(), has_header=False, infer_schema=False)
    text = table.write_csv(include_header=False, separator=separator)

    read = read_ledger(text.encode(encoding))

    assert read.errors == ()
    assert read.ignored == ("备注",)
    assert read.frame["serial_number"].to_list() == ["0083105", "0123", "77", "78"]
    assert read.frame.drop("row").equals(read_ledger(LEDGER.encode()).frame.drop("row"))


def test_a_workbook_reads_as_its_csv_does():
    table = pl.read_csv(LEDGER.encode(), has_header=False, infer_schema=False).fill_null("")
    workbook = write_table([], table.row(0), table.slice(1), form="xlsx")

    assert read_ledger(workbook).frame.equals(read_ledger(LEDGER.encode()).frame)


def test_rows_are_numbered_as_a_spreadsheet_numbers_them():
    assert list(rows_of(LEDGER)) == [4, 5, 7, 8]


def test_cells_say_what_people_mean():
    gauge, meter, thermometer, flow = rows_of(LEDGER).values()

    assert (gauge["range_lower"], gauge["range_upper"], gauge["range_unit"]) == (0, 1.6, "MPa")
    assert gauge["range_text"] == "（０～1.6）ＭＰａ"  # as it was written
    assert gauge["accuracy_text"] == "1.6级"
    assert gauge["calibrated_on"] == date(2025, 3, 1)
    assert gauge["valid_until"] == date(2026, 2, 28)
    assert gauge["period_months"] == 12
    assert meter["range_lower"] is meter["range_unit"] is None  # no interval, and not refused
    assert (meter["calibrated_on"], meter["valid_until"]) == (date(2025, 3, 1), date(2026, 2, 28))
    assert meter["accuracy_text"] == "0.2S级"
    assert (meter["period_months"], meter["status"]) == (12, "in_use")
    assert (thermometer["range_lower"], thermometer["range_unit"]) == (-40, "°C")
    assert (thermometer["period_months"], thermometer["status"]) == (6, "sealed")
    assert flow["range_lower"] is None
    assert flow["type_designation"] is None
    assert flow["status"] == "limited"


DAYS = {
    "2025-03-01": (2025, 3, 1), "2025.3.1": (2025, 3, 1), "2025/3/1": (2025, 3, 1),
    "2025年3月1日": (2025, 3, 1), "20250301": (2025, 3, 1), "45717": (2025, 3, 1),
    "２０２５－０３－０１": (2025, 3, 1), "2024-2-29": (2024, 2, 29),
    "2025-03-01 00:00:00": (2025, 3, 1), "2025-2-29": None, "2025-13-1": None, "2025.3": None,
    "3/1/2025": None, "soon": None, "2025-03-01 10:30:00": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "day"), DAYS.items())
def test_dates_as_people_write_them(text, day):
    """3/1/2025 is the third of January or the first of March: nobody guesses."""
    read = read_items([{"asset_number": "A", "calibrated_on": text}])

    assert read.frame["calibrated_on"].to_list() == [date(*day) if day else None]
    assert [error.code for error in read.errors] == ([] if day else ["not_a_date"])


DAMAGED = ["3.30001E+11", "3e5", "1234567890123450000", "1.23456789012345E+21"]
WHOLE = [
    "0083105",
    "1234567890123456789012",
    "12E",
    "E5",
    "123456789012345",
    "A1234567890123450000",
]


@pytest.mark.parametrize("number", DAMAGED)
def test_a_number_that_a_spreadsheet_damaged_is_refused(number):
    (error,) = read_items([{"asset_number": "A", "serial_number": number}]).errors

    assert (error.code, error.column, error.row) == ("damaged_number", "serial_number", 0)


@pytest.mark.parametrize("number", WHOLE)
def test_a_number_that_nothing_damaged_is_kept(number):
    read = read_items([{"asset_number": "A", "serial_number": number}])

    assert read.errors == ()
    assert read.frame["serial_number"].to_list() == [number]


def test_a_number_stored_as_a_number_in_a_workbook_is_damaged_after_fifteen_digits():
    """A spreadsheet's own cell, not text: 22 digits cannot be in it any more."""
    from io import BytesIO  # noqa: PLC0415

    import xlsxwriter  # noqa: PLC0415

    file = BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["管理编号", "器具名称", "出厂编号", "检定日期"])
        sheet.write_row(1, 0, ["A-1", "压力表"])
        sheet.write_number(1, 2, 1234567890123456789012)
        sheet.write_datetime(1, 3, date(2025, 3, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_row(2, 0, ["A-2", "压力表"])
        sheet.write_number(2, 2, 83105)

    read = read_ledger(file.getvalue())

    assert [(error.row, error.code) for error in read.errors] == [(2, "damaged_number")]
    assert read.frame["serial_number"].to_list() == [None, "83105"]
    assert read.frame["calibrated_on"].to_list() == [date(2025, 3, 1), None]


REFUSED = {
    "empty": b"",
    "not_text": b"\x00\x01\x02\x03" * 10,
    "no_header": "甲,乙,丙\n1,2,3\n".encode(),
    "no_rows": "管理编号,器具名称\n".encode(),
    "no_key": "器具名称,型号规格\n压力表,Y-150\n".encode(),
    "column_twice": "管理编号,设备编号,器具名称\nA,B,压力表\n".encode(),
    "ragged": "管理编号,器具名称\nA,压力表,多,余\n".encode(),
    "encoding": b"asset number,name\n\xff\xff\xff\xff,x\n",
    "old_or_locked": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
    "workbook": b"PK\x03\x04 not an archive",
    "long_cell": "管理编号,器具名称\nA,{}\n".format("长" * 2001).encode(),
}


@pytest.mark.parametrize(("code", "content"), REFUSED.items(), ids=REFUSED)
def test_a_file_that_is_no_ledger_is_refused_with_the_reason(code, content):
    with pytest.raises(UnreadableFile) as refused:
        read_ledger(content)

    assert refused.value.code == code


def test_a_file_with_one_wrong_row_says_which():
    with pytest.raises(UnreadableFile, match="row 3 has 4 cells, the header has 2"):
        read_ledger("管理编号,器具名称\nA,压力表\nB,压力表,多,余\n".encode())


def test_every_header_of_every_layout_and_of_our_own_is_known():
    for layout in LAYOUTS.values():
        assert [column_named(title) for _, title in layout.columns] == [
            name for name, _ in layout.columns
        ]
    for column in COLUMNS:
        names = (column.name, column.zh, column.en, *column.also)
        assert {column_named(name) for name in names} == {column.name}


def test_one_column_of_place_and_use_is_two():
    read = read_items([{"asset_number": "A", "location_and_use": "锅炉房 / 1 号；贸易结算"},
                       {"asset_number": "B", "location_and_use": "大门"}])  # fmt: skip

    assert read.frame.select("location", "use").rows() == [
        ("锅炉房 / 1 号", "trade"),
        ("大门", None),
    ]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_whatever_a_cell_says_it_is_read_or_its_row_is_named(cells):
    """Nothing raises, and nothing that says something becomes nothing without an error."""
    items = [dict.fromkeys((c.name for c in COLUMNS if c.name != "location_and_use"), cell)
             for cell in cells]  # fmt: skip

    read = read_items(items)

    assert len(read.frame) == len(cells)
    for error in read.errors:
        assert read.frame[error.row, error.column] is None or error.column == "valid_until"
