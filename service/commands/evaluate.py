"""`suyuan procedure evaluate`: a special evaluation of a file, as a table with its verdict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console, ConsoleDimensions
from rich.table import Table

from service.commands.at_hand import FINDINGS
from service.commands.language import Language, language_of

if TYPE_CHECKING:
    from service.exchange.special.answer import EvaluationReport


def evaluate(
    kind: Annotated[
        str,
        typer.Argument(
            help="emission-monitors, belt-weigher-methods, emission-balance, heat-capacity, "
            "flow-traverse, in-line-comparison or remote-record."
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="What is asked, as CSV, TOML or JSON."),
    ] = None,
    *,
    example: Annotated[
        bool, typer.Option("--example", help="Print a file to start from, as CSV.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    lang: Annotated[
        str | None, typer.Option("--lang", help="zh or en; the locale decides otherwise.")
    ] = None,
) -> None:
    """Make a special evaluation of a file; exit 3 where its requirement is not met.

    The file holds what the body of POST /v1/evaluations/KIND holds; docs/special-evaluations.md
    explains each by an example. Nothing is recorded.

    Example: suyuan procedure evaluate heat-capacity runs.csv
    """
    from procedures.conformity import Verdict  # noqa: PLC0415  (--help stays quick)
    from service.exchange.special import file as files  # noqa: PLC0415

    if example:
        typer.echo(files.example(kind), nl=False)
        return
    files.request_named(kind)
    if file is None:
        raise typer.BadParameter("a file, or --example for one", param_hint="FILE")
    report = files.read(kind, file.read_bytes()).evaluate().report
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        _print(report, language_of(lang))
    if report.verdict not in (None, Verdict.PASS):
        raise typer.Exit(FINDINGS)


def _print(report: "EvaluationReport", language: Language) -> None:
    from procedures.method_views import VERDICTS  # noqa: PLC0415
    from service.exchange.special.answer import as_shown  # noqa: PLC0415

    in_zh = language == "zh"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(
        ("对象", "量", "值", "U (k = 2)", "单位", "限值", "")
        if in_zh
        else ("of", "quantity", "value", "U (k = 2)", "unit", "limit", "")
    ):
        table.add_column(heading, justify="right" if place in (2, 3) else "left", no_wrap=True)
    for row in report.figures:
        value, expanded, limit = as_shown(row)
        unit = "" if row.unit == "1" else row.unit
        said = VERDICTS[row.verdict] if row.verdict else None
        kept = "" if said is None else said.zh if in_zh else said.en
        label = row.label.zh if in_zh else row.label.en
        table.add_row(row.subject, label, value, expanded, unit, limit, kept)
    console = Console(highlight=False, markup=False, emoji=False)
    width = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    console.size = ConsoleDimensions(max(console.width, width), console.height)
    console.print(table)
    for remark in report.remarks:
        console.print(remark.zh if in_zh else remark.en, soft_wrap=True)
    title, conclusion = report.title, report.conclusion
    told = f"{title.zh}: {conclusion.zh}" if in_zh else f"{title.en}: {conclusion.en}"
    console.print(told, soft_wrap=True)
