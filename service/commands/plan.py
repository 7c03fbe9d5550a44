"""`suyuan plan`: make a plan of what is due, look at it, ask why, put it in force, take it along.

A command acts as the operator of the machine. Data go to stdout, the progress bar to stderr.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer
from rich.console import Console

from service.commands.at_hand import FINDINGS, OPERATOR, book_of, present, settings_at_hand
from service.commands.language import language_of

if TYPE_CHECKING:
    from pydantic import ValidationError

    from service.plans import KeptPlan
    from service.tenancy import TenantSession

plan = typer.Typer(no_args_is_help=True, help="Plans: what is due, placed into weeks.")

Book = Annotated[
    str, typer.Option("--book", "--organization", metavar="CODE", help="In whose book.")
]
PlanId = Annotated[
    str | None, typer.Option("--plan", metavar="ID", help="Which plan; the newest otherwise.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Lang = Annotated[str | None, typer.Option("--lang", help="zh or en.")]
HEADINGS = {
    "zh": ("周一", "器具", "出厂编号", "地点", "专业", "工时", "有效期至"),
    "en": ("Monday", "item", "serial number", "site", "discipline", "hours", "valid until"),
}
TERMS = {
    "zh": ("周一", "超期", "提前", "停机", "改期", "出行", "工时", "合计"),
    "en": ("Monday", "overdue", "early", "downtime", "moved", "trip", "hours", "total"),
}
NOTES = {
    "zh": {"chosen": "已选", "runner_up": "次选", "full": "工时不足"},
    "en": {"chosen": "chosen", "runner_up": "runner-up", "full": "no room"},
}


@plan.command("settings")
def settings_(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="JSON; what holds, if none.")
    ] = None,
    *,
    book: Book,
    reason: Annotated[str, typer.Option("--reason", help="Why it is said.")] = "",
) -> None:
    """Say what the laboratory can do from now on, from a file; or print what holds.

    Example: suyuan plan settings --book TPP laboratory.json --reason "the year 2027"
    """
    from pydantic import ValidationError  # noqa: PLC0415  (each command loads its own)

    from service.actions import plans as actions  # noqa: PLC0415
    from service.clock import day_of  # noqa: PLC0415
    from service.planning_settings import PlanningSettings  # noqa: PLC0415
    from service.store import sites as site_store  # noqa: PLC0415

    if file is None:
        with book_of(settings_at_hand(), book, read_only=True) as session:
            typer.echo(actions.settings_of(session)[1].model_dump_json(indent=2))
        return
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    try:
        said = PlanningSettings.model_validate_json(file.read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise typer.BadParameter(_first(error), param_hint=str(file)) from error
    with _writing(book) as (session, now):
        actions.say_settings(session, said, reason=reason, actor_id=OPERATOR, now=now)
        sites = set(site_store.by_name(session, on=day_of(now)))
    for where, code in said.remarks(on=day_of(now), sites=sites):
        Console(stderr=True).print(f"suyuan: {where}: {code}", highlight=False, soft_wrap=True)


@plan.command()
def make(
    *,
    book: Book,
    seconds: Annotated[int, typer.Option("--seconds", min=1, help="At most, about.")] = 30,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="As known on this day.")
    ] = None,
    lang: Lang = None,
) -> None:
    """Make a plan; Ctrl-C keeps the best one found so far. Exit code 3 if an item has no week.

    Example: suyuan plan make --book TPP --seconds 60
    """
    import time  # noqa: PLC0415

    from service.actions import plans as actions  # noqa: PLC0415
    from service.planning import frame  # noqa: PLC0415
    from traceability.planning.planner import plan as find_plan  # noqa: PLC0415

    day = _today(on)
    with book_of(settings_at_hand(), book, read_only=True) as session:
        record, settings = actions.settings_of(session)
        framed, settings_id = frame(session, settings, on=day), record.id
    with _progress() as note:
        found = find_plan(framed.problem, clock=time.monotonic, seconds=seconds, progress=note)
    with _writing(book) as (session, now):
        row = actions.keep(
            session, framed, found, settings_id=settings_id, on=day, actor_id=OPERATOR, now=now
        )
        plan_id = row.id
    typer.echo(str(plan_id))
    cost, edf = found.best.cost.total, found.earliest_due_first.cost.total
    gap = "" if found.gap is None else f", {found.gap:.1%} above the bound"
    told = {
        "zh": f"{len(framed.rows)} 项,{found.best.unplaced} 项未排入;费用 {cost:,.0f},"
              f"按到期先后为 {edf:,.0f}{gap and f',高于下界 {found.gap:.1%}'}",
        "en": f"{len(framed.rows)} items, {found.best.unplaced} without a week; cost {cost:,.0f} "
              f"against {edf:,.0f} of the call-off list{gap}",
    }  # fmt: skip
    Console(stderr=True).print(
        f"suyuan: {told[language_of(lang)]}", highlight=False, soft_wrap=True
    )
    if found.best.unplaced:
        raise typer.Exit(FINDINGS)


@plan.command()
def show(*, book: Book, plan_id: PlanId = None, as_json: AsJson = False, lang: Lang = None) -> None:
    """Show a plan: the week of each item, and why some have none. Exit code 3 if some have none.

    Example: suyuan plan show --book TPP
    """
    from rich.table import Table  # noqa: PLC0415

    from service import plans  # noqa: PLC0415
    from service.api.plans import conflict_answer, placement_answer, plan_answer  # noqa: PLC0415

    with book_of(settings_at_hand(), book, read_only=True) as session:
        kept = _plan(session, plan_id)
        rows = plans.planned_items(session, kept)
        if as_json:
            told = plan_answer(session, kept.record).model_dump(mode="json")
            told["placements"] = [placement_answer(row).model_dump(mode="json") for row in rows]
            told["conflicts"] = [
                conflict_answer(kept, one).model_dump(mode="json") for one in kept.record.conflicts
            ]
            typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        else:
            zh = language_of(lang) == "zh"
            table = Table(*HEADINGS["zh" if zh else "en"], box=None)
            for row in rows:
                table.add_row(
                    str(row.week_on or "—"), row.name_zh if zh else row.name_en,
                    row.serial_number, row.planned.site, row.planned.discipline,
                    f"{row.planned.hours:g}", str(row.valid_until),
                )  # fmt: skip
            Console().print(table)
            for one in kept.record.conflicts:
                _print_conflict(conflict_answer(kept, one))
    if any(row.week_on is None for row in rows):
        raise typer.Exit(FINDINGS)


@plan.command()
def explain(
    item: Annotated[str, typer.Argument(help="Serial number, asset number or id.")],
    *,
    book: Book,
    plan_id: PlanId = None,
    lang: Lang = None,
) -> None:
    """Tell why an item has its week: what each permitted week would cost, term by term.

    Example: suyuan plan explain 0083105 --book TPP
    """
    from rich.table import Table  # noqa: PLC0415

    from service import plans  # noqa: PLC0415

    language = language_of(lang)
    with book_of(settings_at_hand(), book, read_only=True) as session:
        kept = _plan(session, plan_id)
        found = [
            row
            for row in plans.planned_items(session, kept)
            if item in (row.serial_number, row.asset_number, str(row.item_id))
        ]
    if not found:
        raise typer.BadParameter(f"the plan holds no item {item}", param_hint="ITEM")
    for row in found:
        told = plans.explanation(kept, row.item_id, row.activity)
        table = Table(*TERMS[language], "", title=f"{row.serial_number} {row.activity}", box=None)
        for week in told.weeks:
            marks = {told.chosen: "chosen", told.runner_up: "runner_up"}
            mark = marks.get(week, "" if week.has_room else "full")
            figures = (week.overdue, week.early, week.downtime, week.moved, week.trip, week.hours,
                       week.total)  # fmt: skip
            table.add_row(
                str(kept.week_on(week.week)), *(f"{one:,.0f}" for one in figures),
                NOTES[language].get(mark, ""),
            )  # fmt: skip
        Console().print(table)


@plan.command()
def accept(*, book: Book, plan_id: PlanId = None) -> None:
    """Put a plan in force: its weeks are bookings, and the next of them stand frozen.

    Example: suyuan plan accept --book TPP
    """
    from service.actions import plans as actions  # noqa: PLC0415

    with _writing(book) as (session, now):
        kept = _plan(session, plan_id)
        actions.accept(session, kept.record.id, actor_id=OPERATOR, now=now)
        typer.echo(str(kept.record.id))


@plan.command()
def export(
    *,
    book: Book,
    plan_id: PlanId = None,
    form: Annotated[Literal["csv", "ics"], typer.Option("--form", help="csv or ics.")] = "csv",
    lang: Lang = None,
) -> None:
    """Write a plan to stdout, for a spreadsheet or a calendar.

    Example: suyuan plan export --book TPP --form ics > plan.ics
    """
    from service import plans  # noqa: PLC0415
    from service.exchange.plan_files import write_calendar, write_csv  # noqa: PLC0415

    with book_of(settings_at_hand(), book, read_only=True) as session:
        kept = _plan(session, plan_id)
        rows = plans.planned_items(session, kept)
    if form == "csv":
        content = write_csv(rows)
    else:
        content = write_calendar(
            rows, plan_id=kept.record.id, language=language_of(lang), now=kept.record.made_at
        )
    typer.echo(content, nl=False)


@contextmanager
def _progress() -> Iterator[Any]:
    """Yield what the planner tells its progress to; Ctrl-C ends it with the best plan so far."""
    import signal  # noqa: PLC0415

    from rich.progress import Progress  # noqa: PLC0415

    from service.jobs.planning import STAGES  # noqa: PLC0415

    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: stopped.append(number))
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=100)

            def note(stage: str, share: float) -> bool:
                first, last = STAGES[stage]
                bar.update(task, completed=first + (last - first) * share, description=stage)
                return not stopped

            yield note
    finally:
        signal.signal(signal.SIGINT, before)


def _print_conflict(conflict: Any) -> None:
    hours = f"{conflict.need_hours:g} h > {conflict.have_hours:g} h"
    Console(stderr=True).print(
        f"suyuan: {conflict.shortage}: {len(conflict.item_ids)} items, "
        f"{', '.join(conflict.disciplines)}, {conflict.first_week_on} … {conflict.last_week_on}, "
        f"{hours}",
        highlight=False,
        soft_wrap=True,
    )
    for remedy in conflict.remedies[:1]:
        price = "" if remedy.cost is None else f", {remedy.cost:,.0f}"
        person = f" {remedy.person}" if remedy.person else ""
        Console(stderr=True).print(
            f"        {remedy.way}{person}: {remedy.hours:g} h{price}", highlight=False
        )


def _plan(session: "TenantSession", plan_id: str | None) -> "KeptPlan":
    from service import plans  # noqa: PLC0415
    from service.store import plans as store  # noqa: PLC0415

    if plan_id is not None:
        try:
            return plans.load(session, UUID(plan_id))
        except ValueError as error:
            raise typer.BadParameter(f"{plan_id!r} is no id", param_hint="--plan") from error
    newest = store.newest(session)
    if newest is None:
        raise typer.BadParameter("there is no plan yet: suyuan plan make", param_hint="--plan")
    return plans.load(session, newest.id)


@contextmanager
def _writing(code: str) -> Iterator[tuple["TenantSession", datetime]]:
    settings = settings_at_hand()
    with book_of(settings, code, read_only=False) as session, session.begin():
        yield session, present(settings)


def _today(on: datetime | None) -> date:
    from service.clock import day_of  # noqa: PLC0415

    if on is not None:
        return on.date()
    return day_of(present(settings_at_hand()))


def _first(error: "ValidationError | UnicodeDecodeError") -> str:
    """Return the first of what is wrong with a file, and where."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    told = error.errors()[0]
    return f"/{'/'.join(map(str, told['loc']))}: {told['msg']}"
