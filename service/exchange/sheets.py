"""A spreadsheet's first sheet as JSON: read in a process of its own, with a bounded memory.

What an XLSX holds is not known before it is opened: one cell in the last column of the last row
makes a reader ask for terabytes. This process may fail at that; the service goes on.

python -m service.exchange.sheets < ledger.xlsx > rows.json
"""

import json
import sys
from datetime import date, datetime
from io import BytesIO
from typing import Final

MEMORY: Final = 512 * 1024 * 1024  # octets of address space
SECONDS: Final = 20  # of computing
LARGEST_EXACT: Final = 10**15  # a spreadsheet keeps fifteen digits of a number


def main() -> None:
    """Read the first sheet that is visible; print its rows as lists of texts."""
    import resource  # noqa: PLC0415  (not on every system)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    from python_calamine import CalamineWorkbook, SheetVisibleEnum  # noqa: PLC0415

    workbook = CalamineWorkbook.from_filelike(BytesIO(sys.stdin.buffer.read()))
    visible = [sheet for sheet in workbook.sheets_metadata
               if sheet.visible == SheetVisibleEnum.Visible]  # fmt: skip
    sheet = workbook.get_sheet_by_name(visible[0].name)
    for row in sheet.iter_rows():
        sys.stdout.write(json.dumps([_text(cell) for cell in row], ensure_ascii=False) + "\n")


def _text(cell: object) -> str:
    """Return what a cell says; a number too long to be exact as the spreadsheet would show it."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        if abs(cell) >= LARGEST_EXACT:
            return f"{cell:.14E}"
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else str(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)


if __name__ == "__main__":
    main()
