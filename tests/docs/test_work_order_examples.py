"""docs/work-orders.md names every command of `suyuan work-order`, and its profile can be read."""

from pathlib import Path

from service.catalogue import built_in_editions
from service.commands.work_order import work_order
from service.exchange.sheet_file import read_sheet_file

TEXT = (Path(__file__).parents[2] / "docs" / "work-orders.md").read_text(encoding="utf-8")
GAUGES = next(row.edition for row in built_in_editions() if row.edition.name == "JJG 52-2013")


def test_every_command_stands_on_the_page():
    table = TEXT[TEXT.index("## From the command line") :]
    names = {
        command.name or getattr(command.callback, "__name__", "").strip("_")
        for command in work_order.registered_commands
    }

    assert len(names) >= 13
    assert [name for name in sorted(names) if f"`{name.replace('_', '-')}" not in table] == []


def test_the_profile_of_documenting_calibrators_reads_as_the_page_shows_it():
    lines = [line.strip() for line in TEXT.splitlines()]
    start = lines.index("stage,nominal,reading,value")
    shown = "\n".join(lines[start : start + 3])
    above = "Maker,Example Instruments\nModel,DPC-1\nSerial number,77\n\n"

    told = read_sheet_file((above + shown).encode(), GAUGES)

    assert told["as_found"][0].readings["up_before_tapping"] == "0.84"
    assert told["rows"][0].readings["up_before_tapping"] == "0.81"


def test_a_calibrators_columns_may_be_named_in_chinese_and_parted_by_semicolons():
    told = read_sheet_file(
        "reading;value;标称值\n升压 轻敲前;0.82;0.8\n升压 轻敲后;0.81;0.80\n".encode("gb18030"),
        GAUGES,
    )

    readings = [row.readings for row in told["rows"]]
    assert readings[0]["up_before_tapping"] == "0.82"
    assert sum(len([text for text in row.values() if text]) for row in readings) == 2
