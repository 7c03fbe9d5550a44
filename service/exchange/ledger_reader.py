"""A table of text to typed rows of a ledger, and what is wrong with the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from service.errors import UnreadableFile
from service.exchange.ledger_columns import (
    BY_NAME,
    COLUMNS,
    ERROR_HEADERS,
    NOTHING,
    PLACE_AND_USE,
    Layout,
    column_named,
    known_columns,
    plain_range,
    range_end,
    range_unit,
)
from service.exchange.tabular import Table, read_table

FORMULA = r"^'([=+\-@\t\r].*)$"  # how we write a text that a spreadsheet would calculate
READABLE = frozenset(column.name for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell that says no value of its column."""

    row: int
    column: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A ledger that was handed in, read.

    Attributes:
        frame: `row`, then a typed column each; null where the cell says nothing.
        columns: those that the file has.
        errors: the cells that cannot be read; their rows are in `frame` too.
        ignored: headers that we do not know.
        table: the file as it came; None where the rows came otherwise.
    """

    frame: pl.DataFrame
    columns: tuple[str, ...]
    errors: tuple[CellError, ...]
    ignored: tuple[str, ...] = ()
    table: Table | None = None


def read_ledger(content: bytes, *, layout: Layout | None = None) -> Ledger:
    """Read a file; columns are known by their headers, in Chinese or English.

    Args:
        layout: the form it is said to be; what that fixes, every row says.

    Raises:
        UnreadableFile: it is no table, or names no column that we know, or one twice.
    """
    table = read_table(content, is_header=known_columns)
    names: dict[str, str] = {}
    ignored = []
    for position, header in enumerate(table.header):
        name = column_named(header)
        if name is None:
            if header.strip() and header.strip().lower() not in ERROR_HEADERS:
                ignored.append(header.strip())
        elif name in names:
            first = table.header[int(names[name])].strip()
            raise UnreadableFile(
                "column_twice", f"{first} and {header.strip()} both mean {BY_NAME[name].en}"
            )
        else:
            names[name] = str(position)
    if not names.keys() & {"asset_number", "serial_number", "id"}:
        raise UnreadableFile(
            "no_key", "no column tells items apart: an asset number (管理编号), a serial number "
            "(出厂编号) or an id",
        )  # fmt: skip
    raw = table.frame.select("row", *(pl.col(at).alias(name) for name, at in names.items()))
    ledger = read_rows(raw, fixed=layout.fixed if layout else {})
    return Ledger(
        frame=ledger.frame,
        columns=ledger.columns,
        errors=ledger.errors,
        ignored=tuple(ignored),
        table=table,
    )


def read_items(items: Sequence[Mapping[str, str | None]]) -> Ledger:
    """Read items that came one by one, as the API takes them; the first is row 0.

    Raises:
        UnreadableFile: one has a name that is no column of a ledger.
    """
    names = list(dict.fromkeys(name for item in items for name in item))
    unknown = [name for name in names if name not in READABLE]
    if unknown:
        raise UnreadableFile("unknown_column", f"a ledger has no column {unknown[0]}")
    schema = dict.fromkeys(names, pl.String)
    raw = pl.DataFrame({name: [item.get(name) for item in items] for name in names}, schema=schema)
    return read_rows(raw.with_row_index("row"), fixed={})


def read_rows(raw: pl.DataFrame, *, fixed: Mapping[str, str]) -> Ledger:
    """Read every cell by the rule of its column."""
    names = [name for name in raw.columns if name != "row"]
    said = raw.with_columns(_said(pl.col(name)).alias(name) for name in names)
    if "location_and_use" in names:
        said, names = _apart(said, names)
    said = said.with_columns(
        pl.lit(word).alias(name) for name, word in fixed.items() if name not in names
    )
    names += [name for name in fixed if name not in names]
    frame = said.select("row", *(BY_NAME[name].read(pl.col(name)).alias(name) for name in names))
    errors = [
        CellError(row, name, BY_NAME[name].code, BY_NAME[name].reason)
        for name in names
        for row in _unread(said, frame, name)
    ]
    errors += _upside_down(frame)
    if "range_text" in names:
        frame = _with_interval(frame)
    return Ledger(
        frame=frame, columns=tuple(names), errors=tuple(sorted(errors, key=lambda e: e.row))
    )


def _said(cell: pl.Expr) -> pl.Expr:
    """Return what a cell says; null where it says nothing, in one of the ways people do."""
    text = cell.str.strip_chars().str.replace(FORMULA, "${1}")
    return pl.when(~text.str.to_lowercase().is_in(NOTHING)).then(text)


def _apart(said: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Split the one column of place and use into two."""
    both = pl.col("location_and_use").str.replace_all("[;；]", PLACE_AND_USE)
    parts = both.str.split(PLACE_AND_USE)
    place = pl.when(parts.list.len() > 1).then(
        parts.list.head(parts.list.len() - 1).list.join(PLACE_AND_USE)
    ).otherwise(both)  # fmt: skip
    use = pl.when(parts.list.len() > 1).then(parts.list.last())
    rest = [name for name in names if name not in ("location_and_use", "location", "use")]
    split = said.with_columns(_said(place).alias("location"), _said(use).alias("use"))
    return split.drop("location_and_use"), [*rest, "location", "use"]


def _unread(said: pl.DataFrame, read: pl.DataFrame, name: str) -> list[int]:
    lost = said[name].is_not_null() & read[name].is_null()
    return said.filter(lost)["row"].to_list()


def _upside_down(frame: pl.DataFrame) -> list[CellError]:
    """Return the rows that say until when, but not since when, or a later day for the former."""
    if "valid_until" not in frame.columns:
        return []
    if "calibrated_on" not in frame.columns:
        alone = frame.filter(pl.col("valid_until").is_not_null())["row"].to_list()
        later: list[int] = []
    else:
        since, until = pl.col("calibrated_on"), pl.col("valid_until")
        alone = frame.filter(until.is_not_null() & since.is_null())["row"].to_list()
        later = frame.filter(until < since)["row"].to_list()
    return [
        *(CellError(row, "valid_until", "no_beginning", "say on which day it was calibrated")
          for row in alone),
        *(CellError(row, "valid_until", "before_beginning", "before the day of the calibration")
          for row in later),
    ]  # fmt: skip


def _with_interval(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the ends and the unit of each range; a text that many items share is read once."""
    texts = frame.select("range_text").unique()
    read = texts.with_columns(*_interval())
    return frame.join(read, on="range_text", how="left", nulls_equal=True, maintain_order="left")


def _interval() -> list[pl.Expr]:
    """Return the ends and the unit of a range that is an interval; else none of the three."""
    said = plain_range(pl.col("range_text"))
    lower, upper, unit = range_end(said, 1), range_end(said, 2), range_unit(said)
    whole = lower.is_not_null() & upper.is_not_null() & unit.is_not_null()
    return [
        pl.when(whole).then(value).alias(name)
        for name, value in (("range_lower", lower), ("range_upper", upper), ("range_unit", unit))
    ]
