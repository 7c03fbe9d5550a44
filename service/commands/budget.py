"""`suyuan budget`: evaluates the uncertainty budget of a file and prints it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

import typer
from rich import box
from rich.console import Console, ConsoleDimensions
from rich.progress import Progress
from rich.table import Table

from service.commands.language import Language, language_of
from service.errors import InvalidField

if TYPE_CHECKING:
    from procedures.budget import UncertaintyBudget
    from service.exchange.budget_answer import BudgetAnswer, BudgetsAnswer, ComplexAnswer, Evaluated
    from service.exchange.budget_file import Form

WAIT_BEFORE_PROGRESS: Final = 0.5
SYMBOLS: Final = (
    "X_i",
    "x_i",
    "",
    "",
    "",
    "u(x_i)",
    "ν_i",
    "c_i",
    "c_i u(x_i)",
    "%",
    "",
)  # fmt: skip  (the headings of a narrow terminal)
TO_THE_RIGHT: Final = frozenset({1, 5, 6, 7, 8, 9})  # the columns of numbers


def budget(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A budget as TOML or JSON.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    svg: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Draw the shares of the variance into this file."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write the budget's file again, as .toml or .json."),
    ] = None,
    lang: Annotated[
        str | None, typer.Option("--lang", help="zh or en; the locale decides otherwise.")
    ] = None,
) -> None:
    """Evaluate the uncertainty budget of a file: its table, its result, and why this method.

    The file holds what the body of POST /v1/uncertainty-budgets holds; docs/uncertainty.md
    explains it by examples.

    Example: suyuan budget end_gauge.toml --svg shares.svg
    """
    from procedures.budget_views import share_charts  # noqa: PLC0415  (--help stays quick)
    from service.exchange import budget_file  # noqa: PLC0415
    from service.exchange.budget_answer import evaluated  # noqa: PLC0415

    language, form = language_of(lang), _form(file, "FILE")
    exported_as = _form(export, "--export") if export else form
    request = budget_file.read(file.read_bytes(), form)
    with ProgressOfTrials(Console(stderr=True), language) as progress:
        try:
            found = evaluated(request, progress=progress)
        except InvalidField as error:
            raise _with_caret(error) from error
    if svg:
        _write(svg, share_charts(found.budgets, language=language))
    if export:
        _write(export, budget_file.write(request, exported_as))
    if as_json:
        typer.echo(found.answer.model_dump_json(indent=2))
    else:
        _print(found, language)


class ProgressOfTrials:
    """A bar on stderr once a Monte Carlo run has taken half a second, gone when it is done."""

    def __init__(self, console: Console, language: Language) -> None:
        self._bar = Progress(console=console, transient=True)
        said = "蒙特卡洛试验" if language == "zh" else "Monte Carlo trials"
        self._task = self._bar.add_task(said, total=None)
        self._start = time.monotonic()
        self.is_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_shown:
            self._bar.stop()

    def __call__(self, done: int, planned: int) -> None:
        """Show how many trials are done of those planned."""
        if not self.is_shown and time.monotonic() - self._start >= WAIT_BEFORE_PROGRESS:
            self._bar.start()
            self.is_shown = True
        self._bar.update(self._task, completed=done, total=planned)


def _print(found: "Evaluated", language: Language) -> None:
    from service.exchange.budget_answer import BudgetAnswer  # noqa: PLC0415

    console = Console(highlight=False, markup=False, emoji=False)
    answer = found.answer
    if isinstance(answer, BudgetAnswer):
        _print_budget(console, found.budgets[0], answer, language)
        return
    for one, told in zip(found.budgets, answer.budgets, strict=True):
        _print_budget(console, one, told, language)
        console.print()
    _print_together(console, answer, language)


def _print_budget(
    console: Console, found: "UncertaintyBudget", answer: "BudgetAnswer", language: Language
) -> None:
    from procedures.budget_views import HEADINGS, table  # noqa: PLC0415

    rows = [row.cells for row in table(found, language=language)]
    drawn = _drawn(HEADINGS[language], rows)
    if console.is_terminal and _width(console, drawn) > console.width:
        drawn = _drawn(SYMBOLS, rows)
    console.print(f"{answer.output} = {answer.expression}", soft_wrap=True)
    _print_whole(console, drawn)
    for line in _result(answer, language):
        console.print(line, soft_wrap=True)


def _print_whole(console: Console, drawn: Table) -> None:
    """Print a table so wide that a terminal may break a line, but no digit is cut off."""
    size = console.size
    console.size = ConsoleDimensions(max(console.width, _width(console, drawn)), console.height)
    console.print(drawn)
    console.size = size


def _print_together(console: Console, answer: "BudgetsAnswer", language: Language) -> None:
    """Print the correlation matrix of several results, and ν_eff of the complex ones."""
    in_zh = language == "zh"
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("相关系数" if in_zh else "Correlation", no_wrap=True)
    for output in answer.outputs:
        drawn.add_column(output, justify="right", no_wrap=True)
    for output, row in zip(answer.outputs, answer.correlation, strict=True):
        drawn.add_row(output, *("—" if r is None else f"{r + 0.0:.3f}" for r in row))
    _print_whole(console, drawn)
    if answer.covariance_by == "monte_carlo":
        said = "联合蒙特卡洛试验" if in_zh else "joint Monte Carlo trials"
        console.print(f"{said}: {answer.trials}")
    for one in answer.complex:
        console.print(f"{one.output}: ν_eff = {_degrees_of_freedom(one)}")


def _drawn(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        justify: Literal["left", "right"] = "right" if place in TO_THE_RIGHT else "left"
        drawn.add_column(heading, justify=justify, no_wrap=True)
    for row in rows:
        drawn.add_row(*row)
    return drawn


def _width(console: Console, drawn: Table) -> int:
    """Return how many columns a table takes where nothing is cut."""
    return console.measure(drawn, options=console.options.update(max_width=10_000)).maximum


def _result(answer: "BudgetAnswer", language: Language) -> list[str]:
    """Return what stands under the table: y ± U, u_c and ν_eff, interval, method and remarks."""
    in_zh = language == "zh"
    said = [answer.method_said, *answer.remarks]
    if answer.validation and answer.record["comparison"] is None:  # else a remark says it
        said.append(answer.validation)
    return [
        answer.reported.text
        if answer.reported
        else ("扩展不确定度未知" if in_zh else "expanded uncertainty unknown"),
        f"{answer.shorthand}, ν_eff = {_degrees_of_freedom(answer)}",
        *_correlations(answer),
        *_interval(answer, "包含区间" if in_zh else "coverage interval"),
        *(each.zh if in_zh else each.en for each in said),
        f"SHA-256 {answer.content_hash}",
    ]


def _correlations(answer: "BudgetAnswer") -> list[str]:
    """Return the correlations of the inputs in one line: they are why a share may be negative."""
    told = [
        f"r({pair.first}, {pair.second}) = {pair.coefficient:.3g}" for pair in answer.correlations
    ]
    return [", ".join(told)] if told else []


def _interval(answer: "BudgetAnswer", words: str) -> list[str]:
    from procedures.rounding import align, group_digits, round_uncertainty  # noqa: PLC0415

    if answer.coverage_interval is None:
        return []
    digits = round_uncertainty(answer.combined_standard_uncertainty)
    low, high = (
        group_digits(align(end, digits))
        for end in (answer.coverage_interval.low, answer.coverage_interval.high)
    )
    unit = "" if answer.unit == "1" else f" {answer.unit}"
    return [f"{words} [{low}, {high}]{unit}, {100 * answer.record['coverage_probability']:g} %"]


def _degrees_of_freedom(answer: "BudgetAnswer | ComplexAnswer") -> str:
    nu = answer.effective_degrees_of_freedom
    if nu is None:
        return "—"
    return "∞" if nu == "infinite" else f"{nu:.4g}"


def _with_caret(error: InvalidField) -> InvalidField:
    """Return an error that also marks the refused place of the model, in its line."""
    from procedures.errors import ModelRefused  # noqa: PLC0415

    refused = error.__cause__
    if not isinstance(refused, ModelRefused):
        return error
    expression = refused.expression
    before, after = expression[: refused.position], expression[refused.position :]
    start = before.rpartition("\n")[2]
    line = start + after.partition("\n")[0]
    return InvalidField(error.pointer, f"{error.reason}\n  {line}\n  {' ' * len(start)}^")


def _form(file: Path, hint: str) -> "Form":
    match file.suffix.lower():
        case ".toml":
            return "toml"
        case ".json":
            return "json"
    raise typer.BadParameter("a .toml or a .json file", param_hint=hint)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"cannot be written: {error.strerror}: {file}") from error
