"""`suyuan work-order`: what is on the laboratory's benches, and worksheets filled in from files.

A command acts as the operator of the machine: it says in whose name it writes. It signs nothing,
for nobody has proved who he is.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from service.commands.at_hand import FINDINGS, end_of, settings_at_hand

if TYPE_CHECKING:
    from service.store.work_orders import Listed
    from service.tables.people import Person
    from service.tenancy import TenantSession

work_order = typer.Typer(no_args_is_help=True, help="Work orders and their worksheets.")

Organization = Annotated[
    str, typer.Option("--organization", help="In whose book: the organization's code.")
]
AsPerson = Annotated[str, typer.Option("--as", help="In whose name: a person's name, zh or en.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@dataclass(frozen=True, slots=True)
class _Book:
    """An open book of one organization."""

    session: "TenantSession"

    def person(self, name: str) -> "Person":
        """Return the person of that name."""
        from service.store import people  # noqa: PLC0415

        for person in people.of_organization(self.session):
            if name in (person.name_zh, person.name_en):
                return person
        raise typer.BadParameter(f"no person {name!r} in this organization", param_hint="--as")

    def line(self, number: str) -> "Listed":
        """Return the item of a work order, named by the order's number and its place in it."""
        from service.store import work_orders as store  # noqa: PLC0415

        wanted, _, place = number.partition("/")
        for row in store.listed(self.session):
            if row.order.number == wanted and str(row.line.position + 1) == (place or "1"):
                return row
        raise typer.BadParameter(f"no item {number} (number, or number/2 for its second item)")


def _opened(code: str, *, read_only: bool) -> "TenantSession":
    from sqlmodel import Session, select  # noqa: PLC0415

    from service.database import open_engine  # noqa: PLC0415
    from service.tables.organizations import Organization as Row  # noqa: PLC0415
    from service.tenancy import TenantSession  # noqa: PLC0415

    engine = open_engine(settings_at_hand().database_url)
    with Session(engine) as session:
        id_ = session.exec(select(Row.id).where(Row.code == code)).first()
    if id_ is None:
        raise typer.BadParameter(f"no organization {code}", param_hint="--organization")
    return TenantSession(engine, id_, read_only=read_only)


@work_order.command("list")
def list_(
    *,
    organization: Organization,
    state: Annotated[str | None, typer.Option(help="assigned, measured, …; all otherwise.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the items of work orders and where each stands.

    Example: suyuan work-order list --organization TPP --state assigned
    """
    from service.store import work_orders as store  # noqa: PLC0415

    with _opened(organization, read_only=True) as session:
        rows = [row for row in store.listed(session) if state in (None, row.state.value)]
        told = [_told(row) for row in rows]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("number", "item", "serial_number", "procedure", "assigned_to", "due_on", "state"):
        table.add_column(name.replace("_", " "))
    for row in told:
        table.add_row(
            *(
                str(row[name] or "—")
                for name in (
                    "number",
                    "item",
                    "serial_number",
                    "procedure",
                    "assigned_to",
                    "due_on",
                    "state",
                )
            )
        )
    Console().print(table)


@work_order.command()
def show(
    number: Annotated[str, typer.Argument(help="TPP-WO-2026-00002, or …/2 for its second item.")],
    *,
    organization: Organization,
    as_json: AsJson = False,
) -> None:
    """Show one item's worksheet: what is read, and what stands against submitting it. Exit code 3.

    Example: suyuan work-order show TPP-WO-2026-00002/2 --organization TPP
    """
    from service import worksheets  # noqa: PLC0415
    from service.actions.worksheets import as_content  # noqa: PLC0415

    with _opened(organization, read_only=True) as session:
        row = _Book(session).line(number)
        opened = worksheets.open_worksheet(session, row.line.id, now=end_of(None))
    told = _told(row) | {
        "revision": opened.revision,
        "procedure": opened.edition.name,
        "verdict": opened.judged.verdict.value,
        "sheet": as_content(opened.sheet),
        "problems": [
            {"pointer": problem.pointer, "detail": problem.reason}
            for problem in opened.judged.problems
        ],
    }
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print_sheet(told, [reading.symbol for reading in opened.edition.readings])
    if opened.judged.problems:
        raise typer.Exit(FINDINGS)


@work_order.command()
def fill(
    number: Annotated[str, typer.Argument(help="TPP-WO-2026-00002, or …/2 for its second item.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    *,
    organization: Organization,
    as_person: AsPerson,
) -> None:
    """Put the readings of a CSV or XLSX file onto a worksheet, as a new revision.

    Nothing is submitted or signed. Exit code 3 while something stands against submitting.

    Example: suyuan work-order fill TPP-WO-2026-00002/2 readings.csv --organization TPP --as 李子涵
    """
    from service import worksheets  # noqa: PLC0415
    from service.actions import worksheets as actions  # noqa: PLC0415
    from service.exchange.sheet_file import read_sheet_file, with_readings  # noqa: PLC0415

    now = end_of(None)
    with _opened(organization, read_only=False) as session, session.begin():
        book = _Book(session)
        line_id: UUID = book.line(number).line.id
        opened = worksheets.open_worksheet(session, line_id, now=now)
        told = read_sheet_file(file.read_bytes(), opened.edition)
        saved = actions.save(
            session,
            line_id,
            with_readings(opened.sheet, told),
            after=opened.revision,
            person=book.person(as_person),
            now=now,
        )
        judged = worksheets.open_worksheet(session, line_id, now=now).judged
        typer.echo(f"saved as revision {saved.revision}: {judged.verdict.value}")
    for problem in judged.problems:
        typer.echo(f"{problem.pointer}\t{problem.reason}")
    if judged.problems:
        raise typer.Exit(FINDINGS)


def _told(row: "Listed") -> dict[str, Any]:
    place = "" if row.line.position == 0 else f"/{row.line.position + 1}"
    return {
        "number": f"{row.order.number}{place}",
        "line_id": str(row.line.id),
        "item": row.item.name_en,
        "serial_number": row.item.serial_number,
        "procedure": row.line.procedure_code,
        "assigned_to": row.assigned_to.name_en if row.assigned_to else None,
        "due_on": row.order.due_on.isoformat() if row.order.due_on else None,
        "state": row.state.value,
    }


def _print_sheet(told: dict[str, Any], symbols: list[str]) -> None:
    console = Console()
    console.print(
        f"{told['number']} {told['item']} {told['serial_number']}: {told['procedure']}, "
        f"revision {told['revision']}, {told['verdict']}",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("nominal", *symbols):
        table.add_column(name, justify="right")
    for row in told["sheet"]["rows"]:
        table.add_row(row["nominal"], *(row["readings"].get(symbol, "") for symbol in symbols))
    console.print(table)
    for problem in told["problems"]:
        typer.echo(f"{problem['pointer']}\t{problem['detail']}")
