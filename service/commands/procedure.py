"""`suyuan procedure`: the editions there are, one edition, and trying a new one on readings."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich import box
from rich.console import Console, ConsoleDimensions
from rich.table import Table

from service.commands.at_hand import FINDINGS
from service.commands.language import Language, language_of

if TYPE_CHECKING:
    from procedures.edition import Bilingual, ProcedureEdition
    from procedures.method import MethodResult

Text = TypeVar("Text")

procedure = typer.Typer(
    no_args_is_help=True,
    help="Show procedure editions, check or try one of your own, and make special evaluations.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Lang = Annotated[str | None, typer.Option("--lang", help="zh or en; the locale decides otherwise.")]
On = Annotated[
    datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="In force on this day.")
]
EditionFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="A procedure edition as TOML.")
]


@procedure.command("list")
def list_(*, on: On = None, as_json: AsJson = False, lang: Lang = None) -> None:
    """List the editions of the catalogue, with what is unverified in each.

    Example: suyuan procedure list --on 2026-11-28
    """
    from procedures.method_views import IN_FORCE, KINDS  # noqa: PLC0415  (--help stays quick)
    from service.catalogue import built_in_editions  # noqa: PLC0415

    language, day = language_of(lang), on.date() if on else None
    editions = [row.edition for row in built_in_editions()]
    if day:
        editions = [edition for edition in editions if edition.is_in_force(day)]
    if as_json:
        typer.echo(json.dumps([_summary(edition) for edition in editions], ensure_ascii=False))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in _in(language, ("规程", "名称", "种类", "状态", "未核实"),
                       ("procedure", "title", "kind", "today", "unverified")):  # fmt: skip
        table.add_column(heading)
    today = day or _today()
    for edition in editions:
        table.add_row(
            edition.name,
            _say(edition.title, language),
            _say(KINDS[edition.kind], language),
            _say(IN_FORCE[edition.in_force(today)], language),
            str(len(edition.unverified) or ""),
        )
    _print(table)


@procedure.command()
def show(
    code: Annotated[str, typer.Argument(help='The code or the name: "JJG 52", "JJG 52-2013".')],
    edition: Annotated[str | None, typer.Argument(help="The edition; else the newest.")] = None,
    *,
    toml: Annotated[bool, typer.Option("--toml", help="Print the edition's own text.")] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show one edition of the catalogue: its limits, points, conditions and marks.

    Example: suyuan procedure show "JJG 52" 2013 --toml > mine.toml
    """
    from service.catalogue import edition_named, newest_edition  # noqa: PLC0415
    from service.errors import NotFound  # noqa: PLC0415

    code, _, named = code.partition("-")
    named = edition or named
    try:
        found = edition_named(code, named) if named else newest_edition(code)
    except NotFound as error:
        raise typer.BadParameter(f"{error}; `suyuan procedure list` names all") from error
    if toml:
        typer.echo(found.text, nl=False)
    elif as_json:
        typer.echo(json.dumps(_summary(found.edition), ensure_ascii=False, indent=2))
    else:
        _print_edition(found.edition, language_of(lang))


@procedure.command()
def check(file: EditionFile, *, as_json: AsJson = False, lang: Lang = None) -> None:
    """Read an edition of your own strictly, and say what it is and where it leaves the regulation.

    Example: suyuan procedure check mine.toml
    """
    edition = _read(file)
    if as_json:
        typer.echo(json.dumps(_summary(edition), ensure_ascii=False, indent=2))
    else:
        _print_edition(edition, language_of(lang))


@procedure.command("try")
def try_(
    file: EditionFile,
    readings: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Readings as CSV.")],
    *,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Judge readings by an edition, and record nothing; exit 3 where it does not conform.

    Example: suyuan procedure try mine.toml readings.csv
    """
    from procedures.conformity import Verdict  # noqa: PLC0415
    from procedures.method import evaluate_readings  # noqa: PLC0415
    from service.exchange import readings_file  # noqa: PLC0415
    from service.exchange.procedure_answer import result_mapping  # noqa: PLC0415

    edition = _read(file)
    told = readings_file.read(readings.read_text(encoding="utf-8-sig"), edition)
    result = evaluate_readings(edition, **told.arguments())
    if as_json:
        typer.echo(json.dumps(result_mapping(edition, result), ensure_ascii=False, indent=2))
    else:
        _print_result(edition, result, language_of(lang))
    if result.states_conformity and result.verdict is not Verdict.PASS:
        raise typer.Exit(FINDINGS)
    if result.objections:
        raise typer.Exit(FINDINGS)


def _read(file: Path) -> "ProcedureEdition":
    """Return the edition of a file, compared with the one of the catalogue it was written from."""
    from service.catalogue import compared_with_catalogue  # noqa: PLC0415

    return compared_with_catalogue(file.read_bytes(), name=file.name).edition


def _summary(edition: "ProcedureEdition") -> dict[str, Any]:
    from service.exchange.procedure_answer import edition_mapping  # noqa: PLC0415

    return edition_mapping(edition)


def _print_edition(edition: "ProcedureEdition", language: Language) -> None:
    from procedures.method_views import KINDS, RULES, interval_text  # noqa: PLC0415

    lines = [
        f"{edition.name}  {_say(edition.title, language)}",
        _say(KINDS[edition.kind], language)
        + f"; {_say(edition.measurand.name, language)}, {edition.measurand.unit}",
        *_deviations(edition, language),
        _in(language, "级别: ", "classes: ")
        + (", ".join(row.name for row in edition.classes) or "—"),
        _in(language, "测试点: ", "test points: ") + _say(edition.test_points.rule, language),
        *(f"  + {_say(test.title, language)}" for test in edition.further_tests),
        _in(language, "检定项目: ", "checks: ")
        + ", ".join(_say(title, language) for title in _requirements(edition)),
        _in(language, "环境: ", "environment: ")
        + ", ".join(
            f"{_say(row.title, language)} {interval_text(row.lowest, row.highest, row.unit)}"
            for row in edition.environment
            if row.lowest is not None or row.highest is not None
        ),
        _in(language, "判定: ", "decision rule: ") + _say(RULES[edition.conformity.rule], language),
        _in(language, "参数: ", "parameters: ")
        + (", ".join(f"{row.symbol} ({row.unit})" for row in edition.parameters) or "—"),
        _in(language, "未核实: ", "unverified: ") + (", ".join(edition.unverified) or "—"),
    ]
    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(line, soft_wrap=True)


def _requirements(edition: "ProcedureEdition") -> list["Bilingual"]:
    checks = [row.title for row in edition.checks]
    return [*checks, *(row.title for row in edition.inspections)]


def _deviations(edition: "ProcedureEdition", language: Language) -> list[str]:
    if not edition.deviations:
        return []
    told = _in(language, "与所依据规程不同之处: ", "departs from the regulation in: ")
    return [told + ", ".join(edition.deviations)]


def _print_result(edition: "ProcedureEdition", result: "MethodResult", language: Language) -> None:
    from procedures.method_views import (  # noqa: PLC0415
        VERDICTS,
        limit_text,
        objection_sentence,
    )
    from procedures.rounding import plain, round_uncertainty  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in _in(language, ("项目", "点", "值", "限值", "单位", "结论"),
                       ("check", "point", "value", "limit", "unit", "")):  # fmt: skip
        table.add_column(heading, no_wrap=True)
    for point in result.points:
        conditions = " ".join(str(value) for value in point.conditions.values())
        for value in point.values:
            kept = "" if value.sense == "none" else "✓" if value.is_within_limit else "✗"
            table.add_row(
                _say(edition.label_of(value.check, value.name), language),
                f"{point.nominal:g} {conditions}".strip(),
                str(value.reported),
                limit_text(value),
                value.unit,
                "?" if value.limit is None and value.sense != "none" else kept,
            )
    _print(table)
    expanded = plain(round_uncertainty(result.expanded_uncertainty))
    lines = [f"U = {expanded} {result.unit} (k = {result.coverage_factor:g})"]
    lines += [_say(objection_sentence(edition, row), language) for row in result.objections]
    if result.states_conformity:
        lines += [f"{edition.name}: {_say(VERDICTS[result.verdict], language)}"]
    if result.wording:
        lines += [_say(result.wording, language)]
    if edition.unverified:
        lines += [_in(language, "未核实: ", "unverified: ") + ", ".join(edition.unverified)]
    for line in lines:
        Console(highlight=False, markup=False, emoji=False).print(line, soft_wrap=True)


def _print(table: Table) -> None:
    """Print a table as wide as it is: a terminal may break a line, but no digit is cut off."""
    console = Console(highlight=False, markup=False, emoji=False)
    width = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    console.size = ConsoleDimensions(max(console.width, width), console.height)
    console.print(table)


def _say(text: "Bilingual", language: Language) -> str:
    return text.zh if language == "zh" else text.en


def _in(language: Language, zh: Text, en: Text) -> Text:
    return zh if language == "zh" else en


def _today() -> date:
    from service.clock import day_of, now  # noqa: PLC0415

    return day_of(now())
