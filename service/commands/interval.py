"""`suyuan interval`: how long an item may run until its next calibration."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from service.commands.at_hand import FINDINGS, end_of, engine_of, present, settings_at_hand
from service.commands.language import Language, language_of

if TYPE_CHECKING:
    from service.api.intervals import ItemIntervalAnswer
    from service.intervals import ItemInterval
    from service.settings import Settings
    from service.tables.items import Item

WIDTH: Final = 30  # characters of a bar from 0 to 1
HEADINGS: Final = {
    "zh": ("月", "合格概率", "90 % 区间", ""),
    "en": ("months", "P(in tolerance)", "90 % band", ""),
}


def interval(
    serial: Annotated[str, typer.Argument(help="The item's serial number.")] = "",
    *,
    lot: Annotated[
        Path | None,
        typer.Option("--lot", help="A lot of like instruments, as JSON, instead of an item."),
    ] = None,
    target: Annotated[
        float, typer.Option("--target", help="P(in tolerance) wanted, in (0, 1).")
    ] = 0.95,
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="Calibrations until this day."),
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option("--known-at", formats=["%Y-%m-%d"], help="As known at the end of this day."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    lang: Annotated[
        str | None, typer.Option("--lang", help="zh or en; the locale decides otherwise.")
    ] = None,
) -> None:
    """Say how long an item may run, from its calibrations in each book that holds it.

    A mandatory period is never lengthened. Exit code 3 if no interval can be gone by.

    With --lot: the life of a lot of like instruments, such as electricity meters, and when it is
    to be replaced. Exit code 3 if that is now, or cannot be said.

    Example: suyuan interval 11.030.2157 --target 0.9

    Example: suyuan interval --lot meters.json
    """
    if lot is not None:
        _tell_lot(lot, as_json=as_json, language=language_of(lang))
        return
    if not serial:
        raise typer.BadParameter("name an item's serial number, or --lot FILE")
    from service.api.intervals import item_interval_answer  # noqa: PLC0415  (--help stays quick)
    from service.clock import day_of  # noqa: PLC0415

    language = language_of(lang)
    if not 0 < target < 1:
        raise typer.BadParameter("lies in (0, 1): 0.95, not 95", param_hint="--target")
    settings = settings_at_hand()
    moment = end_of(known_at, settings)
    day = on.date() if on else day_of(present(settings))
    found = _in_every_book(settings, serial, target, day, moment)
    if not found:
        typer.echo(f"suyuan: no item has the serial number {serial}", err=True)
        raise typer.Exit(1)
    answers = [item_interval_answer(one) for _, one in found]
    if as_json:
        typer.echo("[" + ",\n".join(one.model_dump_json(indent=2) for one in answers) + "]")
    else:
        for (item, _), answer in zip(found, answers, strict=True):
            _print(item, answer, language)
    if all(one.months is None for one in answers):
        raise typer.Exit(FINDINGS)


def _tell_lot(path: Path, *, as_json: bool, language: Language) -> None:
    from procedures.lots import LotStatus  # noqa: PLC0415  (--help stays quick)
    from service.exchange.lot_request import answer, read_lot  # noqa: PLC0415

    try:
        told = answer(read_lot(path.read_text("utf-8")))
    except OSError as error:
        raise typer.BadParameter(str(error), param_hint="--lot") from error
    if as_json:
        typer.echo(told.model_dump_json(indent=2))
    else:
        for sentence in told.sentences:
            typer.echo(sentence.zh if language == "zh" else sentence.en)
        table = Table(told.unit, "R", f"{told.confidence:.0%}", "", box=box.SIMPLE)
        for point in told.curve:
            estimate = "" if point.estimate is None else f"{point.estimate:.3f}"
            bar = "█" * round(WIDTH * point.low)
            table.add_row(f"{point.age:.1f}", estimate, f"{point.low:.3f} – {point.high:.3f}", bar)
        Console(highlight=False, markup=False, emoji=False).print(table)
    if told.status is not LotStatus.KEEP:
        raise typer.Exit(FINDINGS)


def _in_every_book(
    settings: "Settings", serial: str, target: float, on: date, known_at: datetime
) -> "list[tuple[Item, ItemInterval]]":
    """Return the interval of each item with this number; of two books' copies the fuller one."""
    from service.intervals import interval_of  # noqa: PLC0415
    from service.store import directory  # noqa: PLC0415
    from service.store import items as item_store  # noqa: PLC0415
    from service.tenancy import TenantSession  # noqa: PLC0415

    found: dict[UUID, tuple[Item, ItemInterval]] = {}
    with engine_of(settings) as engine:
        for book in directory.organization_ids(engine):
            with TenantSession(engine, book, read_only=True) as session:
                for item in item_store.by_serial_number(session, serial):
                    one = interval_of(
                        session, item.id, target_reliability=target, on=on, known_at=known_at
                    )
                    if item.id not in found or len(one.history) > len(found[item.id][1].history):
                        session.expunge(item)
                        found[item.id] = item, one
    return list(found.values())


def _print(item: "Item", answer: "ItemIntervalAnswer", language: Language) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    name = item.name_zh if language == "zh" else item.name_en
    at = f" · {answer.at} {answer.unit}" if answer.at else ""
    console.print(f"{name} {item.type_designation} {item.serial_number}{at}")
    for sentence in answer.sentences:
        console.print(sentence.zh if language == "zh" else sentence.en)
    if not answer.curve:
        return
    table = Table(*HEADINGS[language], box=box.SIMPLE)
    for column in table.columns[:3]:
        column.justify = "right"
    for point in answer.curve:
        mark = " ◀" if point.months == answer.months else ""
        bar = "█" * round(WIDTH * point.probability)
        table.add_row(
            f"{point.months}{mark}",
            f"{point.probability:.3f}",
            f"{point.low:.3f} – {point.high:.3f}",
            bar,
        )
    console.print(table)
