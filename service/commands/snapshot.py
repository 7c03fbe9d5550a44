"""`suyuan snapshot`: the network over all books in one file, and what it says of a day."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.commands.at_hand import all_books, end_of, settings_at_hand

if TYPE_CHECKING:
    from datetime import date

    from traceability.network import Network

DAY = ["%Y-%m-%d"]


def snapshot(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where the snapshot stands.")],
    *,
    read: Annotated[
        bool, typer.Option("--read", help="Only tell what it holds; the books are not read.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Only merge what was recorded since it was written.")
    ] = False,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=DAY, help="Tell of the items on this day.")
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option("--known-at", formats=DAY, help="The books as known at the end of this day."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Write the network over all books into a file, and tell what it holds.

    An old snapshot stays until the new one is whole. With --update only what the books recorded
    since is read, and merged.

    Example: suyuan snapshot nation.network --on 2026-11-21
    """
    from service import networks  # noqa: PLC0415  (--help stays quick)
    from service.clock import day_of, now  # noqa: PLC0415

    try:
        if not read:
            _write(file, known_at, update=update)
        network = networks.read_snapshot(file)
    except OSError as error:
        raise typer.BadParameter(f"{error.strerror}: {file}", param_hint="FILE") from error
    told = _told(network, on.date() if on else day_of(now()))
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        for name, value in told.items():
            typer.echo(f"{name}\t{value}")


def _write(file: Path, known_at: datetime | None, *, update: bool) -> None:
    from service import networks  # noqa: PLC0415

    write = networks.update_snapshot if update else networks.write_snapshot
    settings = settings_at_hand()
    moment = end_of(known_at, settings)
    with all_books(settings) as books:
        write(books.engine, books.ids, file, known_at=moment, progress=books.progress)


def _told(network: "Network", on: "date") -> dict[str, Any]:
    from traceability.network import NOBODY, audit_items  # noqa: PLC0415

    items = audit_items(network, on=on)
    calibrated = items.in_force != NOBODY
    return {
        "watermark": network.watermark,
        "calibrations": network.size,
        "items": len(items.in_force),
        "on": on.isoformat(),
        "calibrated": int(calibrated.sum()),
        "expired": int(items.overdue.sum()),
        "broken": int((calibrated & ~items.unbroken).sum()),
    }
