"""`suyuan risks`: coverage gaps, single points of failure and concentration over all books."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from service.commands.at_hand import FINDINGS, all_books, end_of, present, settings_at_hand

DAY = ["%Y-%m-%d"]


def risks(
    *,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=DAY, help="The day asked about.")
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option("--known-at", formats=DAY, help="As known at the end of this day."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """List items without a valid traceable result, and the standards most items hang on.

    Exit code 3 if an item in use has a gap.

    Example: suyuan risks --on 2026-11-21
    """
    from service.api.risks import risks_answer  # noqa: PLC0415  (--help stays quick)
    from service.clock import day_of  # noqa: PLC0415
    from service.risks import risks_over_books  # noqa: PLC0415

    settings = settings_at_hand()
    moment = end_of(known_at, settings)
    with all_books(settings) as books:
        found = risks_over_books(
            books.engine,
            books.ids,
            on=on.date() if on else day_of(present(settings)),
            known_at=moment,
            progress=books.progress,
        )
    told = risks_answer(found)
    if as_json:
        typer.echo(told.model_dump_json(indent=2))
    else:
        for gap in told.gaps:
            typer.echo(f"{gap.gap}\t{gap.name_en} ({gap.serial_number})")
        for one in told.concentrations:
            name = f"{one.calibration.item_name_en} ({one.calibration.certificate_number})"
            typer.echo(f"{one.lost} lost of {one.resting} resting ({one.share:.1%})\t{name}")
    Console(stderr=True).print(
        f"suyuan: {found.items} items in use on {found.on}, {found.calibrated} calibrated, "
        f"{len(found.gaps)} gaps, {len(found.concentrations)} single points of failure",
        highlight=False,
        soft_wrap=True,
    )
    if found.gaps:
        raise typer.Exit(FINDINGS)
