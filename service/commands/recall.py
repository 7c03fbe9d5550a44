"""`suyuan recall`: what a standard out of tolerance has affected, in all books."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress

from service.commands.at_hand import FINDINGS, end_of, settings_at_hand

if TYPE_CHECKING:
    from service.networks import Fault, RecallList
    from traceability.impact import AffectedResult

DAY = ["%Y-%m-%d"]
ASSUMPTIONS = ("step_at_start", "linear", "worst_case")


def recall(
    calibration: Annotated[
        str, typer.Argument(help="The standard's calibration: its certificate number or its id.")
    ],
    *,
    last_good_on: Annotated[
        datetime, typer.Option("--last-good-on", formats=DAY, help="The last day it was good.")
    ],
    found_on: Annotated[
        datetime, typer.Option("--found-on", formats=DAY, help="The day it was found wrong.")
    ],
    as_found: Annotated[
        list[str],
        typer.Option(
            "--as-found",
            metavar="VALUE=ERROR",
            help="The value it gave less the true one, at a value; several times, ascending.",
        ),
    ],
    unit: Annotated[
        str | None, typer.Option("--unit", help="Of these numbers; the standard's own otherwise.")
    ] = None,
    u: Annotated[
        float | None, typer.Option("--u", min=0, help="Standard uncertainty of the errors.")
    ] = None,
    assumption: Annotated[
        str, typer.Option("--assumption", help="step_at_start, linear or worst_case.")
    ] = "step_at_start",
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=DAY, help="Closed are items calibrated anew by this day."),
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option("--known-at", formats=DAY, help="As known at the end of this day."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """List every result that a standard out of tolerance has affected. Exit code 3 if any.

    Nothing is written: ask before anything happens, under each assumption.

    Example: suyuan recall NIM-2025-00011 --last-good-on 2026-06-30 --found-on 2026-11-21
    --as-found 0=0.001 --as-found 60=0.001
    """
    from service import networks  # noqa: PLC0415  (--help stays quick)
    from service.clock import day_of  # noqa: PLC0415
    from service.database import open_engine  # noqa: PLC0415
    from service.networks import Fault  # noqa: PLC0415
    from service.store import directory  # noqa: PLC0415
    from traceability.impact import DriftAssumption  # noqa: PLC0415

    if assumption not in ASSUMPTIONS:
        raise typer.BadParameter(", ".join(ASSUMPTIONS), param_hint="--assumption")
    fault = Fault(
        last_good_on=last_good_on.date(),
        found_on=found_on.date(),
        as_found=tuple(map(_point, as_found)),
        unit=unit,
        standard_uncertainty=u,
    )
    settings = settings_at_hand()
    engine, moment = open_engine(settings.database_url), end_of(known_at)
    books = directory.organization_ids(engine)
    stderr = Console(stderr=True)
    with Progress(console=stderr, transient=True) as progress:
        task = progress.add_task("books", total=2 * len(books))
        found = networks.recall_over_books(
            engine,
            books,
            _identified(calibration),
            fault,
            assumption=DriftAssumption(assumption),
            on=on.date() if on else settings.demonstration_today or day_of(moment),
            known_at=moment,
            progress=lambda count: progress.advance(task, count),
        )
    engine.dispose()
    if as_json:
        typer.echo(json.dumps(_told(found, fault), ensure_ascii=False, indent=2))
    else:
        _print(found)
    stderr.print(_summary(found), highlight=False, soft_wrap=True)
    if found.recall.affected:
        raise typer.Exit(FINDINGS)


def _point(text: str) -> tuple[float, float]:
    value, _, error = text.partition("=")
    try:
        return float(value), float(error)
    except ValueError as refused:
        raise typer.BadParameter(
            f"a value and its error, as 10=-0.002, not {text}", param_hint="--as-found"
        ) from refused


def _identified(text: str) -> UUID | str:
    """Return an id where the text is one, else the text, which is a certificate's number."""
    try:
        return UUID(text)
    except ValueError:
        return text


def _told(found: "RecallList", fault: "Fault") -> dict[str, Any]:
    from service.api.dependents import affected_answer, named  # noqa: PLC0415

    recall_ = found.recall
    return {
        "calibration": named(found.root).model_dump(mode="json"),
        "assumption": recall_.assumption.value,
        "last_good_on": fault.last_good_on.isoformat(),
        "found_on": fault.found_on.isoformat(),
        "on": found.on.isoformat(),
        "calibrations": [
            named(found.links[id_]).model_dump(mode="json")
            for id_ in sorted(recall_.calibration_ids)
        ],
        "affected": [
            affected_answer(found, case).model_dump(mode="json") for case in recall_.affected
        ],
        "other_units": [str(result.result_id) for result in found.other_units],
    }


def _print(found: "RecallList") -> None:
    """Print a line for each result: what it belongs to, where, its error and what that becomes."""
    for case in found.recall.affected:
        link, unit = found.links[case.result.calibration_id], found.units[case.result.result_id]
        typer.echo(
            "\t".join(
                (
                    f"{link.item_name_en} ({link.certificate_number or 'no certificate'})",
                    f"{case.result.value:g} {unit}",
                    f"{_number(case.result.error)} -> {_number(case.corrected_error)}",
                    _probability(case),
                    f"{case.recorded_verdict.value} -> {case.corrected_verdict.value}",
                    "open" if case.result.result_id in found.open_ids else "closed",
                )
            )
        )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"


def _probability(case: "AffectedResult") -> str:
    chance = case.probability_of_nonconformity
    return "P unknown" if chance is None else f"P = {100 * chance:.1f} %"


def _summary(found: "RecallList") -> str:
    affected = found.recall.affected
    return (
        f"suyuan: {found.root.item_name_en} ({found.root.certificate_number}), "
        f"{found.recall.assumption.value}: {len(found.recall.calibration_ids)} calibrations, "
        f"{len(affected)} results affected, {sum(case.overturned for case in affected)} "
        f"overturned, {len(found.open_ids)} open on {found.on}"
    )
