"""`suyuan figures`: shares, days and what is overdue in one organization's book."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from service.commands.at_hand import book_of, present, settings_at_hand, site_of
from service.commands.language import language_of

DAY = ["%Y-%m-%d"]
NAMES = {
    "within_validity": ("检定率", "within validity"),
    "mandatory_within_validity": ("强检受检率", "mandatory, within validity"),
    "conforming": ("合格率", "conforming"),
    "first_time": ("一次合格率", "first-pass yield"),
    "turn_around": ("周转天数（中位数）", "turn-around, median days"),
}


def figures(
    *,
    book: Annotated[
        str, typer.Option("--book", "--organization", metavar="CODE", help="Of whose book.")
    ],
    first: Annotated[
        datetime | None, typer.Option("--first", formats=DAY, help="First day of the period.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--last", formats=DAY, help="Last day of the period.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of this site; of all otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    lang: Annotated[str | None, typer.Option("--lang", help="zh or en.")] = None,
) -> None:
    """Tell a book's figures, each with how many it is counted from. Unknown is told as unknown.

    Example: suyuan figures --book TPP --first 2026-01-01
    """
    from service.api.figures import figures_answer  # noqa: PLC0415  (--help stays quick)
    from service.clock import day_of  # noqa: PLC0415
    from service.figures import period  # noqa: PLC0415

    settings = settings_at_hand()
    today = day_of(present(settings))
    begins, ends = period(first and first.date(), last and last.date(), today)
    with book_of(settings, book, read_only=True) as session:
        site_id = None if site is None else site_of(session, site)
        told = figures_answer(session, begins, ends, on=today, site_id=site_id)
    if as_json:
        typer.echo(told.model_dump_json(indent=2))
        return
    position = 0 if language_of(lang) == "zh" else 1
    for one in told.figures:
        counted = f"{one.of}" if one.counted is None else f"{one.counted}/{one.of}"
        typer.echo(
            f"{_value(one.value, one.unit, position)}\t{counted}\t{NAMES[one.name][position]}"
        )
    late = sum(one.up_to_30 + one.up_to_90 + one.up_to_180 + one.longer for one in told.overdue)
    where = " ".join(filter(None, (book, site)))
    Console(stderr=True).print(f"suyuan: {where}, {begins} to {ends}: {late} overdue on {today}")


def _value(value: float | None, unit: str, position: int) -> str:
    if value is None:
        return ("未知", "unknown")[position]
    return f"{value:.1f}" if unit == "d" else f"{value:.1%}"
