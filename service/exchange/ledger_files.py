"""A ledger as a file: the whole of it in one of the layouts, or the refused rows as they came."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final, Literal

import polars as pl
import xlsxwriter

from service.exchange.ledger_columns import (
    LAYOUTS,
    PLACE_AND_USE,
    STATUS_WORDS,
    USE_WORDS,
    Layout,
)
from service.exchange.tabular import Table

Form = Literal["csv", "xlsx"]
MEDIA_TYPES: Final[dict[Form, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMULA: Final = r"^([=+\-@\t\r].*)$"  # how a spreadsheet recognizes one


def write_ledger(
    items: pl.DataFrame, in_force: pl.DataFrame, *, layout: Layout, form: Form
) -> bytes:
    """Return the ledger in a layout; what the layout fixes chooses the items.

    Args:
        items: as `store.ledger.held` returns them.
        in_force: of each, the calibration in force, as `store.ledger.in_force` does.
    """
    rows = items.join(in_force, on="id", how="left", maintain_order="left")
    if layout.certified:
        rows = rows.with_columns(
            pl.coalesce("certified_class", "accuracy_text").alias("accuracy_text")
        )
    for name, word in layout.fixed.items():
        rows = rows.filter(pl.col(name) == word)
    in_chinese = layout.name not in ("generic", "sap")
    rows = rows.sort("asset_number", "id", nulls_last=True).with_columns(
        _words() if in_chinese else []
    )
    texts = rows.select(
        _cell(name).alias(str(position)) for position, (name, _) in enumerate(layout.columns)
    )
    header = [title for _, title in layout.columns]
    titles = [[layout.title]] if layout.title else []
    return write_table(titles, header, texts, form=form)


def _words() -> list[pl.Expr]:
    return [
        pl.col("status").replace_strict(STATUS_WORDS, default=pl.col("status")),
        pl.col("use").replace_strict(USE_WORDS, default=pl.col("use"), return_dtype=pl.String),
        *(
            pl.when(pl.col(name)).then(pl.lit("是")).otherwise(pl.lit("否")).alias(name)
            for name in ("is_mandatory", "is_carbon_meter")
        ),
    ]


def _cell(name: str) -> pl.Expr:
    if name == "location_and_use":
        return pl.concat_str(
            pl.col("location").fill_null(""),
            pl.when(pl.col("use").is_not_null()).then(PLACE_AND_USE + pl.col("use")).fill_null(""),
        )
    return pl.col(name).cast(pl.String).fill_null("")


def refused_rows(table: Table, reasons: dict[int, str]) -> tuple[bytes, Form]:
    """Return the rows that were not taken as the same kind of file, with why beside each.

    Mended, the file can be handed in again: the added column is known and left aside.
    """
    names = [name for name in table.frame.columns if name != "row"]
    rows = table.frame.filter(pl.col("row").is_in(list(reasons)))
    told = pl.Series([reasons[row] for row in rows["row"]], dtype=pl.String)
    texts = rows.select(pl.col(name).fill_null("") for name in names).with_columns(
        told.alias(str(len(names)))
    )
    header = [*table.header, "错误" if _is_chinese(table.header) else "Error"]
    form: Form = "xlsx" if table.separator is None else "csv"
    return (
        write_table(
            table.titles, header, texts, form=form,
            separator=table.separator or ",", encoding=table.encoding,
        ),
        form,
    )  # fmt: skip


def _is_chinese(header: Sequence[str]) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for name in header for letter in name)


def write_table(
    titles: Sequence[Sequence[str]],
    header: Sequence[str],
    texts: pl.DataFrame,
    *,
    form: Form,
    separator: str = ",",
    encoding: str = "utf-8-sig",
) -> bytes:
    """Return a table of texts as a file; no cell of it is calculated by a spreadsheet."""
    if form == "xlsx":
        return _workbook(titles, header, texts)
    guarded = texts.with_columns(
        pl.when(pl.col(name).str.contains(FORMULA) & ~pl.col(name).str.contains(r"^-?\d+(\.\d+)?$"))
        .then("'" + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts.columns
    )
    head = pl.DataFrame(
        [[*row, *[""] * (len(header) - len(row))] for row in (*titles, header)],
        schema=dict.fromkeys(texts.columns, pl.String),
        orient="row",
    )
    text = pl.concat([head, guarded]).write_csv(include_header=False, separator=separator)
    return text.encode(encoding)


def _workbook(titles: Sequence[Sequence[str]], header: Sequence[str], texts: pl.DataFrame) -> bytes:
    file = BytesIO()
    book = xlsxwriter.Workbook(
        file,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        },
    )
    sheet, bold = book.add_worksheet("ledger"), book.add_format({"bold": True})
    at = 0
    for at, row in enumerate(titles):
        for column, text in enumerate(row):
            sheet.write_string(at, column, text, bold)
    at += len(titles) > 0
    for column, text in enumerate(header):
        sheet.write_string(at, column, text, bold)
    sheet.freeze_panes(at + 1, 0)
    for below, cells in enumerate(texts.iter_rows(), start=at + 1):
        for column, text in enumerate(cells):
            if text:
                sheet.write_string(below, column, text)
    book.close()
    return file.getvalue()


def layouts_told() -> list[dict[str, Any]]:
    """Return what each layout is, for whoever chooses one."""
    return [
        {"name": layout.name, "title": layout.title, "unverified": layout.unverified,
         "columns": [title for _, title in layout.columns]}
        for layout in LAYOUTS.values()
    ]  # fmt: skip
