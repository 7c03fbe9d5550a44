"""Readings from a file or from what was copied out of a spreadsheet, onto the rows of a worksheet.

Two forms are read, as CSV or XLSX (docs/work-orders.md shows both). Wide: a row for each point,
with a column for each reading. Long, as documenting calibrators write it: a row for each reading,
with `reading` and `value`. Numbers stay text, with the digits as written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from procedures.edition import MAIN_TEST, ProcedureEdition
from procedures.worksheet import Course, Row, Sheet, columns, key_of, place_of
from service.errors import InvalidField
from service.exchange.tabular import read_table

NOMINAL = ("nominal", "标称值", "检定点", "point", "test point")
READING, VALUE, TEST, STAGE = "reading", "value", "test", "stage"
STAGES = {"": "rows", "as_left": "rows", "as_found": "as_found"}


def read_sheet_file(content: bytes, edition: ProcedureEdition) -> dict[str, tuple[Row, ...]]:
    """Return the rows that a file holds, as `rows` and, where it tells of stages, `as_found`.

    Raises:
        UnreadableFile: it is neither CSV nor XLSX.
        InvalidField: a column, a stage or a reading is not the edition's; `/lines/7/stage`.
    """
    known = _names(edition)
    table = read_table(content, is_header=lambda cells: sum(_plain(c) in known for c in cells))
    names = [known.get(_plain(cell), "") for cell in table.header]
    for cell, name in zip(table.header, names, strict=True):
        if cell.strip() and not name:
            raise InvalidField("/lines/header", f"{cell!r} is not a column of {edition.name}")
    lines = [
        (int(line[-1]), dict(zip(names, map(str, line[:-1]), strict=True)))
        for line in table.frame.select([*map(str, range(len(names))), "row"]).rows()
    ]
    found: dict[str, dict[str, Row]] = {"rows": {}, "as_found": {}}
    for number, cells in lines:
        stage = cells.get(STAGE, "").strip().lower()
        if stage not in STAGES:
            raise InvalidField(f"/lines/{number}/stage", "is as_found or as_left")
        if any(text.strip() for name, text in cells.items() if name):
            _take(found[STAGES[stage]], number, cells, edition)
    return {name: tuple(rows.values()) for name, rows in found.items() if rows}


def with_readings(sheet: Sheet, told: Mapping[str, tuple[Row, ...]]) -> Sheet:
    """Return a sheet with what a file tells; one that tells of both stages was adjusted."""
    return replace(
        sheet,
        rows=onto(sheet.rows, told.get("rows", ())),
        as_found=onto(sheet.as_found, told.get("as_found", ())),
        course=Course.ADJUSTED if told.get("as_found") else sheet.course,
    )


def onto(rows: Sequence[Row], told: Iterable[Row]) -> tuple[Row, ...]:
    """Return rows with what a file tells of them; a point that is not there is added at the end."""
    by_place = {place_of(row): row for row in rows}
    for row in told:
        place = place_of(row)
        before = by_place.get(place)
        by_place[place] = (
            replace(before, readings={**before.readings, **_filled(row)}) if before else row
        )
    return tuple(by_place.values())


def _filled(row: Row) -> dict[str, str]:
    return {key: text for key, text in row.readings.items() if text}


def _names(edition: ProcedureEdition) -> dict[str, str]:
    """Return what each heading stands for: symbols, and what the edition calls them."""
    names = dict.fromkeys(NOMINAL, "nominal")
    names |= {name: name for name in (READING, VALUE, TEST, STAGE)}
    for reading in edition.readings:
        for word in (reading.symbol, reading.label.zh, reading.label.en):
            names.setdefault(_plain(word), reading.symbol)
        for repeat in range(2, 21):
            key = key_of(reading.symbol, repeat)
            names[_plain(key)] = key
    for test in edition.tests:
        for condition in test.conditions:
            for word in (condition.name, condition.title.zh, condition.title.en):
                names.setdefault(_plain(word), condition.name)
    return names


def _plain(text: str) -> str:
    return text.strip().casefold()


def _take(
    rows: dict[str, Row], number: int, cells: Mapping[str, str], edition: ProcedureEdition
) -> None:
    here = f"/lines/{number}"
    name = cells.get(TEST, "").strip() or MAIN_TEST
    test = next((known for known in edition.tests if known.name == name), None)
    if test is None:
        raise InvalidField(f"{here}/test", f"{edition.name} has no test {name!r}")
    row = Row(
        nominal=cells.get("nominal", "").strip(),
        readings={column.key: "" for column in columns(edition, name)},
        test=name,
        conditions={c.name: cells.get(c.name, "").strip() for c in test.conditions},
    )
    row = rows.get(place_of(row), row)
    rows[place_of(row)] = replace(
        row, readings={**row.readings, **_read(row, cells, edition, here)}
    )


def _read(
    row: Row, cells: Mapping[str, str], edition: ProcedureEdition, here: str
) -> dict[str, str]:
    """Return the readings of one line; one that is there already is its next repeat."""
    symbols = {reading.symbol for reading in edition.readings if reading.test == row.test}
    if cells.get(READING):
        known = _names(edition)
        symbol = known.get(_plain(cells[READING]), "")
        if symbol.partition("#")[0] not in symbols:
            raise InvalidField(f"{here}/reading", f"{cells[READING]!r} is not read in {row.test!r}")
        told = {symbol: cells.get(VALUE, "")}
    else:
        told = {name: text for name, text in cells.items() if name.partition("#")[0] in symbols}
    return {_next_key(row, symbol): text.strip() for symbol, text in told.items() if text.strip()}


def _next_key(row: Row, symbol: str) -> str:
    if "#" in symbol:
        return symbol
    repeat = 1
    while row.readings.get(key_of(symbol, repeat), "").strip():
        repeat += 1
    return key_of(symbol, repeat)
