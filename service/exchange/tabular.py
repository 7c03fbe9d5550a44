"""Tables as people keep them: CSV in whatever encoding and separator, or XLSX, to rows of text.

Nothing is understood here but where the header is: the first rows may be titles.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO, StringIO
from typing import Final
from zipfile import BadZipFile, ZipFile

import polars as pl

from service.errors import UnreadableFile

LARGEST_FILE: Final = 20 * 1024 * 1024  # octets
LARGEST_SHEETS: Final = 80 * 1024 * 1024  # octets, of all parts of an XLSX, unpacked
LARGEST_RATIO: Final = 100  # unpacked to packed
MOST_PARTS: Final = 200
MOST_ROWS: Final = 200_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 2000  # letters
TITLE_ROWS: Final = 20  # among which the header is looked for
ENCODINGS: Final = ("utf-8-sig", "gb18030")
SEPARATORS: Final = (",", ";", "\t", "，")
SECONDS_A_SHEET: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file's rows as text.

    Attributes:
        titles: the rows above the header.
        header: the names of the columns, as written.
        frame: one text column each, named "0", "1", …, and `row`, the row's number in the file
            as a spreadsheet counts it, from 1.
        separator: None in an XLSX.
    """

    titles: tuple[tuple[str, ...], ...]
    header: tuple[str, ...]
    frame: pl.DataFrame
    encoding: str = "utf-8-sig"
    separator: str | None = ","


def read_table(content: bytes, *, is_header: Callable[[Sequence[str]], int]) -> Table:
    """Return the table in a file.

    Args:
        is_header: how many names of columns it knows in a row; the row with the most, of the
            first twenty, is the header.

    Raises:
        UnreadableFile: with what is wrong with it, and where.
    """
    if len(content) > LARGEST_FILE:
        raise UnreadableFile("too_large", f"the file is larger than {LARGEST_FILE >> 20} MiB")
    if not content.strip(b"\0 \r\n\t"):
        raise UnreadableFile("empty", "the file is empty")
    if content.startswith(b"PK"):
        return _from_rows(_sheet_rows(content), is_header, separator=None)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile("old_or_locked", "save it as .xlsx, without a password, or as CSV")
    text, encoding = _decoded(content)
    separator = _separator(text)
    first = _first_rows(text, separator)
    at = _header_index(first, is_header)
    header = tuple(first[at])
    try:
        frame = pl.read_csv(
            text.encode(),
            has_header=False,
            skip_rows=at + 1,
            separator=separator,
            schema={str(i): pl.String for i in range(len(header))},
            n_rows=MOST_ROWS + 1,
        )
    except (pl.exceptions.PolarsError, UnicodeError):
        rows = _all_rows(text, separator, at)  # slower, and it can say which row is wrong
        return replace(_from_rows(rows, is_header, separator=separator), encoding=encoding)
    table = Table(
        titles=tuple(map(tuple, first[:at])),
        header=header,
        frame=_numbered(frame, at),
        encoding=encoding,
        separator=separator,
    )
    return _within_limits(table)


def _decoded(content: bytes) -> tuple[str, str]:
    if b"\0" in content[:4096]:
        raise UnreadableFile("not_text", "the file is neither text nor an .xlsx")
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise UnreadableFile("encoding", "the text is neither UTF-8 nor GB18030: save it as UTF-8")


def _separator(text: str) -> str:
    """Return the separator that the first lines agree on most."""
    lines = [line for line in text[:20_000].splitlines()[:TITLE_ROWS] if line.strip()]
    found = max(SEPARATORS, key=lambda mark: max(line.count(mark) for line in lines or [""]))
    return found if found.isascii() else ","


def _first_rows(text: str, separator: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(StringIO(text, newline=""), delimiter=separator):
            rows.append(row)
            if len(rows) == TITLE_ROWS:
                break
    except csv.Error as error:
        raise UnreadableFile("csv", f"row {len(rows) + 1}: {error}") from error
    return rows


def _all_rows(text: str, separator: str, at: int) -> list[list[str]]:
    """Return every row of a table whose header is the row `at`; no further than a wrong one."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True):
            rows.append(row)
            if len(rows) > at + 1:
                _require_width(len(rows), row, rows[at])
            if len(rows) > MOST_ROWS + TITLE_ROWS:
                break
    except csv.Error as error:
        raise UnreadableFile("csv", f"row {len(rows) + 1}: {error}") from error
    return rows


def _require_width(number: int, row: Sequence[str], header: Sequence[str]) -> None:
    if any(cell.strip() for cell in row[len(header) :]):
        raise UnreadableFile(
            "ragged", f"row {number} has {len(row)} cells, the header has {len(header)}"
        )


def _from_rows(
    rows: list[list[str]], is_header: Callable[[Sequence[str]], int], *, separator: str | None
) -> Table:
    at = _header_index(rows[:TITLE_ROWS], is_header)
    header = tuple(rows[at])
    body = rows[at + 1 :]
    for number, row in enumerate(body, start=at + 2):
        _require_width(number, row, header)
    width = len(header)
    padded = [[*row[:width], *[""] * (width - len(row))] for row in body]
    frame = pl.DataFrame(
        padded, schema={str(i): pl.String for i in range(width)}, orient="row"
    )  # fmt: skip
    return _within_limits(
        Table(
            titles=tuple(map(tuple, rows[:at])),
            header=header,
            frame=_numbered(frame, at),
            separator=separator,
        )
    )


def _numbered(frame: pl.DataFrame, header_index: int) -> pl.DataFrame:
    """Return the rows that say something, numbered as the file has them."""
    numbered = frame.with_row_index("row", offset=header_index + 2)
    return numbered.filter(
        pl.any_horizontal(pl.exclude("row").str.strip_chars().str.len_chars() > 0)
    )


def _header_index(rows: Sequence[Sequence[str]], is_header: Callable[[Sequence[str]], int]) -> int:
    if max(map(len, rows), default=0) > MOST_COLUMNS:
        raise UnreadableFile("too_wide", f"a row of more than {MOST_COLUMNS} cells")
    known = [is_header(row) for row in rows]
    if max(known, default=0) == 0:
        seen = next((row for row in rows if any(cell.strip() for cell in row)), [])
        raise UnreadableFile(
            "no_header", f"no row of the first {TITLE_ROWS} names columns we know; the first "
            f"says {', '.join(cell.strip()[:20] for cell in seen[:10])}",
        )  # fmt: skip
    return known.index(max(known))


def _within_limits(table: Table) -> Table:
    if len(table.frame) > MOST_ROWS:
        raise UnreadableFile("too_long", f"more than {MOST_ROWS} rows: hand it in in parts")
    if len(table.frame) == 0:
        raise UnreadableFile("no_rows", "there is no row below the header")
    longest = table.frame.select(pl.exclude("row").str.len_chars().max()).max_horizontal().item()
    if longest > LONGEST_CELL:
        raise UnreadableFile("long_cell", f"a cell holds more than {LONGEST_CELL} letters")
    return table


def _sheet_rows(content: bytes) -> list[list[str]]:
    _require_harmless(content)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "service.exchange.sheets"],
            input=content,
            capture_output=True,
            timeout=SECONDS_A_SHEET,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise UnreadableFile(
            "workbook", "the workbook cannot be read: save it anew as .xlsx, or as CSV"
        ) from error
    return [json.loads(line) for line in done.stdout.splitlines()]


def _require_harmless(content: bytes) -> None:
    """Refuse an archive that unpacks to more than it should, before anything is unpacked."""
    try:
        parts = ZipFile(BytesIO(content)).infolist()
    except (BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise UnreadableFile("workbook", "the workbook is damaged") from error
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS:
        raise UnreadableFile("archive", f"the workbook has more than {MOST_PARTS} parts")
    if unpacked > LARGEST_SHEETS or unpacked > LARGEST_RATIO * max(len(content), 1):
        raise UnreadableFile("archive", "the workbook unpacks to more than a ledger may be")
