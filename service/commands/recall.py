"""`suyuan recall`: what a standard out of tolerance has affected, and recalls from opening to end.

`what-if` asks all books and writes nothing; the others work in the book of one organization.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from service.commands.at_hand import FINDINGS, all_books, book_of, end_of, present, settings_at_hand

if TYPE_CHECKING:
    from service.affected import Fault, RecallList
    from service.recalls import RecallProgress
    from service.tenancy import TenantSession
    from traceability.impact import AffectedResult, DriftAssumption

DAY = ["%Y-%m-%d"]
ASSUMPTIONS = ("step_at_start", "linear", "worst_case")

recall = typer.Typer(no_args_is_help=True, help="Recall what a faulty standard has affected.")

Calibration = Annotated[
    str, typer.Argument(help="The standard's calibration: its certificate number or its id.")
]
LastGoodOn = Annotated[
    datetime, typer.Option("--last-good-on", formats=DAY, help="The last day it was good.")
]
FoundOn = Annotated[
    datetime, typer.Option("--found-on", formats=DAY, help="The day it was found wrong.")
]
AsFound = Annotated[
    list[str],
    typer.Option(
        "--as-found",
        metavar="VALUE=ERROR",
        help="The value it gave less the true one, at a value; several times, ascending.",
    ),
]
Unit = Annotated[
    str | None, typer.Option("--unit", help="Of these numbers; the standard's own otherwise.")
]
U = Annotated[float | None, typer.Option("--u", min=0, help="Standard uncertainty of the errors.")]
Assumption = Annotated[
    str, typer.Option("--assumption", help="step_at_start, linear or worst_case.")
]
Book = Annotated[
    str, typer.Option("--book", "--organization", metavar="CODE", help="In whose book.")
]
AsPerson = Annotated[
    str, typer.Option("--person", help="Who acts: a name or an id of that organization.")
]
RecallId = Annotated[UUID, typer.Argument(help="The recall's id, as `list` tells it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@recall.command("what-if")
def what_if(
    calibration: Calibration,
    *,
    last_good_on: LastGoodOn,
    found_on: FoundOn,
    as_found: AsFound,
    unit: Unit = None,
    u: U = None,
    assumption: Assumption = "step_at_start",
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=DAY, help="Closed are items calibrated anew by this day."),
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option("--known-at", formats=DAY, help="As known at the end of this day."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every result in all books that a faulty standard has affected. Exit code 3 if any.

    Nothing is written: ask before anything happens, under each assumption.

    Example: suyuan recall what-if NIM-2025-00011 --last-good-on 2026-06-30 --found-on 2026-11-21
    --as-found 0=0.001 --as-found 60=0.001
    """
    fault = _fault(last_good_on, found_on, as_found, unit=unit, u=u)
    found = _ask_all_books(calibration, fault, _assumption(assumption), on=on, known_at=known_at)
    if as_json:
        typer.echo(json.dumps(_told(found, fault), ensure_ascii=False, indent=2))
    else:
        _print(found)
    _say(_summary(found))
    if found.recall.affected:
        raise typer.Exit(FINDINGS)


@recall.command("open")
def open_(
    calibration: Calibration,
    *,
    book: Book,
    person: AsPerson,
    last_good_on: LastGoodOn,
    found_on: FoundOn,
    as_found: AsFound,
    unit: Annotated[str, typer.Option("--unit", help="Of these numbers, the standard's own.")],
    u: U = None,
    assumption: Assumption = "step_at_start",
) -> None:
    """Record that a standard was out of tolerance, and every result of one book it affected.

    Nobody is told until `letters`. Exit code 3 if a result is affected.

    Example: suyuan recall open NIM-2025-00011 --book PROV --person "Sufang Cheng" --unit MPa
    --last-good-on 2026-06-30 --found-on 2026-11-21 --as-found 0=0.001 --as-found 60=0.001
    """
    from service import recalls  # noqa: PLC0415  (--help stays quick)
    from service.actions import recalls as actions  # noqa: PLC0415
    from service.store import recalls as store  # noqa: PLC0415

    fault = _fault(last_good_on, found_on, as_found, unit=unit, u=u)
    with _book(book, person) as here:
        row = actions.open_recall(
            here.session,
            store.calibration_named(here.session, _identified(calibration)),
            fault,
            assumption=_assumption(assumption),
            actor_id=here.person_id,
            now=here.now,
        )
        found = recalls.progress(here.session, row.id)
    typer.echo(row.id)
    _say(_progress(found))
    if found.items:
        raise typer.Exit(FINDINGS)


@recall.command("list")
def list_(*, book: Book) -> None:
    """List the recalls of one book: id, standard, day, items settled, where it stands.

    Example: suyuan recall list --book PROV
    """
    from service import recalls  # noqa: PLC0415
    from service.store import recalls as store  # noqa: PLC0415

    with _book(book) as here:
        found = [recalls.progress(here.session, row.id) for row in store.all_of_them(here.session)]
    for one in found:
        cells = (str(one.row.id), one.standard.item_name_en, str(one.row.found_on),
                 f"{one.closed}/{len(one.items)}", one.status)  # fmt: skip
        typer.echo("\t".join(cells))


@recall.command()
def show(recall_id: RecallId, *, book: Book, as_json: AsJson = False) -> None:
    """Print each affected item of a recall and how it was settled. Exit code 3 while one is open.

    Example: suyuan recall show 01a2202d-eac7-7189-b696-4fa8854a826a --book PROV
    """
    from service import recalls  # noqa: PLC0415
    from service.api.recalls import recorded  # noqa: PLC0415

    with _book(book) as here:
        found = recalls.progress(here.session, recall_id)
    if as_json:
        typer.echo(recorded(found).model_dump_json(indent=2))
    else:
        _print_items(found)
    _say(_progress(found))
    if found.status in ("suggested", "open"):
        raise typer.Exit(FINDINGS)


@recall.command()
def confirm(recall_id: RecallId, *, book: Book, person: AsPerson) -> None:
    """Go through with a recall that a measurement suggested. Exit code 3 while an item is open.

    Example: suyuan recall confirm 01a2202d-eac7-7189-b696-4fa8854a826a --book PROV
    --person "Sufang Cheng"
    """
    _decide(recall_id, book, person, confirms=True)


@recall.command()
def drop(
    recall_id: RecallId,
    *,
    book: Book,
    person: AsPerson,
    reason: Annotated[str, typer.Option("--reason", help="Why nothing is recalled.")],
) -> None:
    """Drop a recall that a measurement suggested; it stays on record, with the reason.

    Example: suyuan recall drop 01a2202d-eac7-7189-b696-4fa8854a826a --book PROV
    --person "Sufang Cheng" --reason "read in the wrong unit"
    """
    _decide(recall_id, book, person, confirms=False, reason=reason)


@recall.command()
def letters(recall_id: RecallId, *, book: Book, person: AsPerson) -> None:
    """Send each customer the notice of its affected results that it has not been told yet.

    Example: suyuan recall letters 01a2202d-eac7-7189-b696-4fa8854a826a --book PROV
    --person "Sufang Cheng"
    """
    from service.actions import recalls as actions  # noqa: PLC0415
    from service.tables.organizations import Organization  # noqa: PLC0415

    with _book(book, person) as here:
        sent = actions.send_letters(here.session, recall_id, actor_id=here.person_id, now=here.now)
        for letter in sent:
            customer = here.session.get_one(Organization, letter.organization_id)
            typer.echo(f"{letter.id}\t{customer.code}\t{customer.name_en}")
    _say(f"suyuan: {len(sent)} letters sent")


@recall.command()
def close(
    recall_id: RecallId,
    *,
    book: Book,
    person: AsPerson,
    item: Annotated[
        UUID | None, typer.Option("--item", help="Only this item; else all calibrated anew.")
    ] = None,
    statement: Annotated[
        str | None, typer.Option("--statement", help="How it was settled, if not here.")
    ] = None,
) -> None:
    """Settle the items that were calibrated anew from elsewhere, or one as a statement says.

    Exit code 3 while an item is open.

    Example: suyuan recall close 01a2202d-eac7-7189-b696-4fa8854a826a --book PROV
    --person "Sufang Cheng"
    """
    from service import recalls  # noqa: PLC0415
    from service.actions import recalls as actions  # noqa: PLC0415

    if statement is not None and item is None:
        raise typer.BadParameter("say of which item", param_hint="--statement")
    with _book(book, person) as here:
        by: dict[str, Any] = {"actor_id": here.person_id, "now": here.now}
        if item is None:
            actions.close_calibrated_anew(here.session, recall_id, **by)
        else:
            actions.close_item(here.session, recall_id, item, statement=statement, **by)
        found = recalls.progress(here.session, recall_id)
    _say(_progress(found))
    if found.closed_at is None:
        raise typer.Exit(FINDINGS)


def _decide(recall_id: UUID, book: str, person: str, *, confirms: bool, reason: str = "") -> None:
    from service import recalls  # noqa: PLC0415
    from service.actions import recalls as actions  # noqa: PLC0415

    with _book(book, person) as here:
        actions.decide(
            here.session,
            recall_id,
            confirms=confirms,
            reason=reason,
            actor_id=here.person_id,
            now=here.now,
        )
        found = recalls.progress(here.session, recall_id)
    _say(_progress(found))
    if found.status == "open":
        raise typer.Exit(FINDINGS)


# --- Asking ------------------------------------------------------------------------------------


def _ask_all_books(
    calibration: str,
    fault: "Fault",
    assumption: "DriftAssumption",
    *,
    on: datetime | None,
    known_at: datetime | None,
) -> "RecallList":
    from service import networks  # noqa: PLC0415
    from service.clock import day_of  # noqa: PLC0415

    settings = settings_at_hand()
    moment = end_of(known_at, settings)
    with all_books(settings, passes=2) as books:
        return networks.recall_over_books(
            books.engine,
            books.ids,
            _identified(calibration),
            fault,
            assumption=assumption,
            on=on.date() if on else day_of(present(settings)),
            known_at=moment,
            progress=books.progress,
        )


@dataclass(frozen=True, slots=True)
class _Here:
    """One organization's book in a transaction, and who acts there."""

    session: "TenantSession"
    person_id: UUID
    now: datetime


@contextmanager
def _book(code: str, person: str | None = None) -> Iterator[_Here]:
    """Open the book of an organization, to write as a person or, as nobody, only to read."""
    from service.store import people as people_store  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, code, read_only=person is None) as session:
        session.expire_on_commit = False
        with session.begin():
            members = people_store.of_organization(session) if person else ()
            acting = [
                one.id for one in members if person in (str(one.id), one.name_en, one.name_zh)
            ]
            if person is not None and len(acting) != 1:
                raise typer.BadParameter(f"{len(acting)} people of {code} are {person}")
            who = acting[0] if acting else session.organization_id
            yield _Here(session, who, present(settings))


def _fault(
    last_good_on: datetime,
    found_on: datetime,
    as_found: list[str],
    *,
    unit: str | None,
    u: float | None,
) -> "Fault":
    from service.affected import Fault  # noqa: PLC0415

    return Fault(
        last_good_on=last_good_on.date(),
        found_on=found_on.date(),
        as_found=tuple(map(_point, as_found)),
        unit=unit,
        standard_uncertainty=u,
    )


def _assumption(text: str) -> "DriftAssumption":
    from traceability.impact import DriftAssumption  # noqa: PLC0415

    if text not in ASSUMPTIONS:
        raise typer.BadParameter(", ".join(ASSUMPTIONS), param_hint="--assumption")
    return DriftAssumption(text)


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


def _print_items(found: "RecallProgress") -> None:
    """Print a line for each item: its name and serial number, the results, how it was settled."""
    for one in found.items:
        closing = one.closing
        settled = "open"
        if closing is not None:
            settled = closing.statement or f"calibrated anew: {closing.calibration_id}"
        typer.echo(
            "\t".join(
                (
                    str(one.item.id),
                    f"{one.item.name_en} ({one.item.serial_number})",
                    one.certificate_number or "no certificate",
                    f"{len(one.cases)} results, {one.overturned} overturned",
                    settled,
                )
            )
        )


def _progress(found: "RecallProgress") -> str:
    return (
        f"suyuan: {found.standard.item_name_en} ({found.certificate_number}), "
        f"{found.row.assumption}: {found.results} results affected, {found.overturned} "
        f"overturned, {found.closed} of {len(found.items)} items settled: {found.status}"
    )


def _say(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)


def _summary(found: "RecallList") -> str:
    affected = found.recall.affected
    return (
        f"suyuan: {found.root.item_name_en} ({found.root.certificate_number}), "
        f"{found.recall.assumption.value}: {len(found.recall.calibration_ids)} calibrations, "
        f"{len(affected)} results affected, {sum(case.overturned for case in affected)} "
        f"overturned, {len(found.open_ids)} open on {found.on}"
    )
