"""`suyuan due`: what falls due in one organization's book, and why."""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from service.commands.at_hand import (
    FINDINGS,
    book_of,
    engine_of,
    present,
    settings_at_hand,
    site_of,
)
from service.commands.language import language_of

if TYPE_CHECKING:
    from service.due_dates import ItemDueDate

HEADINGS = {
    "zh": ("到期日", "剩余天数", "器具", "出厂编号", "项目", "依据"),
    "en": ("due on", "days left", "item", "serial number", "activity", "rule"),
}
WORDS = {
    "verification": "检定", "calibration": "校准", "intermediate_check": "期间核查",
    "maintenance": "维护", "replacement": "更换", "procedure": "规程周期",
    "organization": "机构规定", "item_type": "型号规定", "criticality": "等级规定",
    "item": "器具周期", "usage": "使用量", "state": "状态变化", "certificate": "证书有效期",
    "never_done": "从未进行", "reentry": "启封未核查", "override": "人工设定",
}  # fmt: skip


due = typer.Typer(help="What falls due, and who is told of it.")


@due.callback(invoke_without_command=True)
def list_due(
    context: typer.Context,
    *,
    book: Annotated[
        str, typer.Option("--book", "--organization", metavar="CODE", help="In whose book.")
    ] = "",
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="As known on this day.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="CODE", help="At this site; at all otherwise.")
    ] = None,
    within: Annotated[int, typer.Option("--within", min=0, help="Days ahead.")] = 30,
    explain: Annotated[bool, typer.Option("--explain", help="Every rule that had a say.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    lang: Annotated[str | None, typer.Option("--lang", help="zh or en.")] = None,
) -> None:
    """List what is overdue or falls due soon. Exit code 3 if something is overdue.

    Example: suyuan due --book TPP --within 60 --explain
    """
    if context.invoked_subcommand:
        return
    if not book:
        raise typer.BadParameter("in whose book: suyuan due --book CODE", param_hint="--book")
    from service import due_dates  # noqa: PLC0415  (each command loads its own)
    from service.api.due_dates import answer  # noqa: PLC0415
    from service.clock import day_of  # noqa: PLC0415
    from service.sites import items_at  # noqa: PLC0415

    settings = settings_at_hand()
    today = day_of(present(settings))
    day = on.date() if on else today
    with book_of(settings, book, read_only=True) as session:
        only = None if site is None else items_at(session, site_of(session, site), on=today)
        found = [
            one
            for one in due_dates.due_dates(session, on=day)
            if (left := one.due.days_left(day)) is not None and left <= within
            if only is None or one.item.id in only
        ]
        if as_json:
            told = [answer(one, on=day, explain=explain).model_dump(mode="json") for one in found]
            typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            _print(found, day, language_of(lang), explain=explain)
    overdue = sum(one.due.is_overdue(day) for one in found)
    where = " ".join(filter(None, (book, site)))
    Console(stderr=True).print(
        f"suyuan: {where} on {day}: {len(found)} due within {within} days, {overdue} overdue"
    )
    if overdue:
        raise typer.Exit(FINDINGS)


@due.command()
def notify(
    *,
    book: Annotated[
        str | None,
        typer.Option(
            "--book", "--organization", metavar="CODE", help="In whose book; in all otherwise."
        ),
    ] = None,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="Of this day.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell who would be told; write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Write the day's digests of what falls due: one a person, each due date once a stage.

    Said again on the same day it does nothing. The worker does it each morning, and sends mail.

    Example: suyuan due notify --book TPP --on 2026-11-21 --dry-run
    """
    from service.actions import digests  # noqa: PLC0415
    from service.api.digests import DigestAnswer, digest_answer  # noqa: PLC0415
    from service.api.digests import dry_run as as_written  # noqa: PLC0415
    from service.clock import day_of  # noqa: PLC0415
    from service.store import directory  # noqa: PLC0415

    settings = settings_at_hand()
    now = present(settings)
    day = on.date() if on else day_of(now)
    told: list[DigestAnswer] = []
    with engine_of(settings) as engine:
        codes = [book] if book else directory.organization_codes(engine)
    for code in codes:
        with book_of(settings, code, read_only=dry_run) as session, session.begin():
            if dry_run:
                told += as_written(digests.pending(session, on=day), on=day)
            else:
                by_mail = bool(settings.smtp_host)
                rows = digests.notify(session, on=day, now=now, by_mail=by_mail)
                told += [digest_answer(row) for row in rows]
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in told], indent=2))
    else:
        for one in told:
            typer.echo(f"{one.told_on}  {one.person_id}  {len(one.lines)} due dates, {one.mail}")
    verb = "would be" if dry_run else "were"
    Console(stderr=True).print(f"suyuan: {len(told)} people {verb} told on {day}")


def _print(found: list["ItemDueDate"], on: date, lang: str, *, explain: bool) -> None:
    from rich.table import Table  # noqa: PLC0415

    def say(word: str) -> str:
        return WORDS[word] if lang == "zh" else word.replace("_", " ")

    table = Table(*HEADINGS[lang], box=None)
    for one in found:
        item, winner = one.item, one.due.winner
        table.add_row(
            str(one.due.valid_until),
            str(one.due.days_left(on)),
            item.name_zh if lang == "zh" else item.name_en,
            item.serial_number,
            say(one.due.activity.value),
            f"{say(winner.rule.value)} {winner.source}".strip() if winner else "",
        )
        for rule in one.due.candidates if explain else ():
            ends = "—" if rule.valid_until is None else str(rule.valid_until)
            table.add_row("", "", "", "", "", f"{ends}  {say(rule.rule.value)} {rule.source}")
    Console().print(table)
