"""`suyuan work-order`: orders placed, moved on and filled in from files; what is on the benches.

A command acts as the operator of the machine: it says in whose name it writes. It signs nothing,
for nobody has proved who he is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from service.commands.at_hand import FINDINGS, book_of, present, settings_at_hand

if TYPE_CHECKING:
    from service.store.work_orders import Listed
    from service.tables.items import Item
    from service.tables.people import Person
    from service.tables.work_orders import WorkOrder, WorkOrderLine
    from service.tenancy import TenantSession

work_order = typer.Typer(
    no_args_is_help=True, help="Place work orders and move them on; worksheets from files."
)

Organization = Annotated[
    str, typer.Option("--organization", "--book", metavar="CODE", help="In whose book.")
]
AsPerson = Annotated[str, typer.Option("--as", help="In whose name: a person's name, zh or en.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
OrderNumber = Annotated[str, typer.Argument(help="Of the order: TPP-WO-2026-00002.")]
LineNumber = Annotated[str, typer.Argument(help="TPP-WO-2026-00002, or …/2 for its second item.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept and told.")]
MOST_RESULTS: Final = 200
# How each state is reached that may follow.
BY: Final = {
    "accepted": "accept",
    "declined": "decline",
    "cancelled": "cancel",
    "received": "receive",
    "assigned": "assign",
    "measured": "fill, then submit on its page",
    "checked": "sign as checked on its page",
    "approved": "sign as approved on its page",
    "issued": "issue on its page, or take in the other laboratory's result",
    "returned": "return",
}


@dataclass(frozen=True, slots=True)
class _Book:
    """An open book of one organization."""

    session: "TenantSession"

    def person(self, name: str, *, hint: str = "--as") -> "Person":
        """Return the person of that name."""
        from service.store import people  # noqa: PLC0415

        for person in people.of_organization(self.session):
            if name in (person.name_zh, person.name_en):
                return person
        raise typer.BadParameter(f"no person {name!r} in this organization", param_hint=hint)

    def item(self, named: str) -> "Item":
        """Return the item of that serial number, or of that id."""
        from service.store import items  # noqa: PLC0415

        found = [
            row for row in items.own(self.session) if named in (row.serial_number, str(row.id))
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise typer.BadParameter(f"no item {named} in the ledger", param_hint="ITEMS")
        told = ", ".join(f"{row.id} ({row.name_en}, {row.manufacturer_en})" for row in found)
        raise typer.BadParameter(f"{len(found)} items {named}: {told}", param_hint="ITEMS")

    def order(self, number: str) -> "WorkOrder":
        """Return the work order of that number."""
        return self.line(number).order

    def line(self, number: str) -> "Listed":
        """Return the item of a work order, named by the order's number and its place in it."""
        from service.store import work_orders as store  # noqa: PLC0415

        wanted, _, place = number.partition("/")
        for row in store.listed(self.session):
            if row.order.number == wanted and str(row.line.position + 1) == (place or "1"):
                return row
        raise typer.BadParameter(f"no item {number} (number, or number/2 for its second item)")


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

    with book_of(settings_at_hand(), organization, read_only=True) as session:
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
    number: LineNumber,
    *,
    organization: Organization,
    as_json: AsJson = False,
) -> None:
    """Show one item's worksheet, what stands against submitting it (exit code 3), what may follow.

    Example: suyuan work-order show TPP-WO-2026-00002/2 --organization TPP
    """
    from service import worksheets  # noqa: PLC0415
    from service.actions.worksheets import as_content  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=True) as session:
        row = _Book(session).line(number)
        opened = worksheets.open_worksheet(session, row.line.id, now=present(settings))
        following = _next(session, row)
    told = _told(row) | {
        "next": following,
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
    number: LineNumber,
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

    settings = settings_at_hand()
    now = present(settings)
    with book_of(settings, organization, read_only=False) as session, session.begin():
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


@work_order.command()
def remark(
    number: LineNumber,
    texts: Annotated[
        list[str], typer.Argument(metavar="NAME=TEXT…", help="Such as deviations_zh=未测第5点.")
    ],
    *,
    organization: Organization,
    as_person: AsPerson,
) -> None:
    """Write on a worksheet what its certificate states besides, as a new revision.

    Names, each with _zh and _en: deviations, sampling, external_results with external_provider,
    opinion with opinion_basis. An empty text takes one back. Exit code 3 while something stands
    against submitting.

    Example: suyuan work-order remark TPP-WO-2026-00002/2 deviations_zh=未测第5点
    "deviations_en=point 5 not measured" --organization TPP --as 李子涵
    """
    from dataclasses import replace  # noqa: PLC0415

    from procedures.worksheet import remarks_of  # noqa: PLC0415
    from service import worksheets  # noqa: PLC0415
    from service.actions import worksheets as actions  # noqa: PLC0415

    if not all("=" in text for text in texts):
        raise typer.BadParameter("NAME=TEXT", param_hint="TEXTS")
    told = {name: text for name, _, text in (pair.partition("=") for pair in texts)}
    settings = settings_at_hand()
    now = present(settings)
    with book_of(settings, organization, read_only=False) as session, session.begin():
        book = _Book(session)
        line_id: UUID = book.line(number).line.id
        opened = worksheets.open_worksheet(session, line_id, now=now)
        remarks = remarks_of({**opened.sheet.remarks, **told})
        saved = actions.save(
            session,
            line_id,
            replace(opened.sheet, remarks=remarks),
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


# ── Steps ────────────────────────────────────────────────────────────────────────────────────


@work_order.command()
def new(
    items: Annotated[
        list[str], typer.Argument(help="Serial numbers, or ids where a number is not unique.")
    ],
    *,
    organization: Organization,
    as_person: AsPerson,
    procedure: Annotated[
        str, typer.Option("--procedure", help="JJG 52; that of each item otherwise.")
    ] = "",
    initial: Annotated[
        bool, typer.Option("--initial", help="The items are new: nothing is as found.")
    ] = False,
    laboratory: Annotated[
        str | None, typer.Option("--laboratory", help="Another laboratory, by its code.")
    ] = None,
    due_on: Annotated[
        datetime | None, typer.Option("--due-on", formats=["%Y-%m-%d"], help="When it is wanted.")
    ] = None,
    remarks: Annotated[str, typer.Option("--remarks")] = "",
    as_json: AsJson = False,
) -> None:
    """Place a work order: of the own laboratory, or of another one, which is sent it.

    Example: suyuan work-order new 0083105 0050026 --organization TPP --as 李子涵
    """
    from service.actions import order_exchange  # noqa: PLC0415
    from service.actions.work_orders import Asked  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        book = _Book(session)
        chosen = [book.item(named) for named in items]
        order = order_exchange.place(
            session,
            [
                Asked(
                    item_id=row.id,
                    procedure_code=procedure or row.procedure_code or "",
                    is_initial=initial,
                )
                for row in chosen
            ],
            requested_by=book.person(as_person),
            now=present(settings),
            laboratory_id=_organization_id(session, laboratory) if laboratory else None,
            due_on=due_on.date() if due_on else None,
            remarks=remarks,
        )
        _tell(session, order.id, as_json=as_json)


@work_order.command()
def accept(
    number: OrderNumber,
    *,
    organization: Organization,
    as_person: AsPerson,
    as_json: AsJson = False,
) -> None:
    """Accept an order, all its items; a customer who keeps a book here is told.

    Example: suyuan work-order accept TPP-WO-2026-00003 --organization TPP --as 李子涵
    """
    _answer(number, organization, as_person, accepts=True, reason="", as_json=as_json)


@work_order.command()
def decline(
    number: OrderNumber,
    *,
    organization: Organization,
    as_person: AsPerson,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Decline an order; its customer is told why.

    Example: suyuan work-order decline TPP-WO-2026-00003 --reason "no bench free" …
    """
    _answer(number, organization, as_person, accepts=False, reason=reason, as_json=as_json)


@work_order.command()
def cancel(
    number: LineNumber,
    *,
    organization: Organization,
    as_person: AsPerson,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Cancel the order of one item that has not come in.

    Example: suyuan work-order cancel TPP-WO-2026-00003/2 --reason "sold" …
    """
    from service.actions import work_orders as actions  # noqa: PLC0415

    def act(book: _Book, line: "WorkOrderLine", person: "Person", now: datetime) -> None:
        actions.cancel(book.session, line.id, reason=reason, person=person, now=now)

    _step(number, organization, as_person, act, as_json=as_json)


@work_order.command()
def receive(
    number: LineNumber,
    *,
    organization: Organization,
    as_person: AsPerson,
    condition: Annotated[str, typer.Option("--condition", help="In which it came.")],
    accessories: Annotated[str, typer.Option("--accessories")] = "",
    photo: Annotated[
        list[Path] | None,
        typer.Option("--photo", exists=True, dir_okay=False, help="JPEG, PNG or WebP; up to 8."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take an item in, in the condition in which it came.

    Example: suyuan work-order receive TPP-WO-2026-00003 --condition 完好 --photo front.jpg …
    """
    from service.actions import work_orders as actions  # noqa: PLC0415

    def act(book: _Book, line: "WorkOrderLine", person: "Person", now: datetime) -> None:
        actions.receive(
            book.session,
            line.id,
            condition=condition,
            accessories=accessories,
            photos=[path.read_bytes() for path in photo or ()],
            person=person,
            now=now,
        )

    _step(number, organization, as_person, act, as_json=as_json)


@work_order.command()
def assign(
    number: LineNumber,
    *,
    organization: Organization,
    as_person: AsPerson,
    to: Annotated[str, typer.Option("--to", help="Who works on it: a person's name, zh or en.")],
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="The planned day; today otherwise."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason")] = "",
    as_json: AsJson = False,
) -> None:
    """Give an item to a person who is authorised for its procedure on that day, and has room.

    Example: suyuan work-order assign TPP-WO-2026-00003 --to 王芳 --on 2026-11-23 …
    """
    from service.actions import work_orders as actions  # noqa: PLC0415
    from service.clock import day_of  # noqa: PLC0415

    def act(book: _Book, line: "WorkOrderLine", person: "Person", now: datetime) -> None:
        actions.assign(
            book.session,
            line.id,
            book.person(to, hint="--to").id,
            planned_on=on.date() if on else day_of(now),
            assigned_by=person,
            now=now,
            reason=reason,
        )

    _step(number, organization, as_person, act, as_json=as_json)


@work_order.command("send-back")
def send_back(
    number: LineNumber,
    *,
    organization: Organization,
    as_person: AsPerson,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Send what was measured back to the bench, to be measured anew.

    Example: suyuan work-order send-back TPP-WO-2026-00002/2 --reason "2.5 MPa read twice" …
    """
    from service.actions import signing_off  # noqa: PLC0415

    def act(book: _Book, line: "WorkOrderLine", person: "Person", now: datetime) -> None:
        signing_off.send_back(book.session, line.id, reason=reason, person=person, now=now)

    _step(number, organization, as_person, act, as_json=as_json)


@work_order.command("return")
def return_(
    number: LineNumber,
    *,
    organization: Organization,
    as_person: AsPerson,
    handed_to: Annotated[str, typer.Option("--handed-to", help="Who took it.")],
    remarks: Annotated[str, typer.Option("--remarks")] = "",
    as_json: AsJson = False,
) -> None:
    """Hand an item back to its customer, measured or not.

    Example: suyuan work-order return TPP-WO-2026-00001 --handed-to 周强 …
    """
    from service.actions import work_orders as actions  # noqa: PLC0415

    def act(book: _Book, line: "WorkOrderLine", person: "Person", now: datetime) -> None:
        actions.give_back(
            book.session, line.id, handed_to=handed_to, remarks=remarks, person=person, now=now
        )

    _step(number, organization, as_person, act, as_json=as_json)


@work_order.command()
def inbox(*, organization: Organization, as_json: AsJson = False) -> None:
    """List what others sent and nobody has taken in: orders, answers, results.

    Example: suyuan work-order inbox --organization TPP
    """
    from service.store import work_orders as store  # noqa: PLC0415

    with book_of(settings_at_hand(), organization, read_only=True) as session:
        waiting = [row for row, receipt in store.inbox(session) if receipt is None]
        waiting += store.results_waiting(session, limit=MOST_RESULTS)
        told = [
            {
                "id": str(row.id),
                "kind": row.kind,
                "sender_id": str(row.sender_id),
                "sent_at": row.sent_at.isoformat(),
                "number": row.content.get("number") or store.certificate_number_of(row.content),
            }
            for row in waiting
        ]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for row in told:
        typer.echo(f"{row['id']}\t{row['kind']}\t{row['number'] or '—'}\t{row['sent_at']}")


@work_order.command("take-in")
def take_in(
    document: Annotated[UUID, typer.Argument(help="Its id, from `suyuan work-order inbox`.")],
    *,
    organization: Organization,
    as_person: AsPerson,
    line: Annotated[
        str | None,
        typer.Option("--line", help="Of a result: the ordered item, TPP-WO-2026-00003/2."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take an order, an answer, or the result of an ordered item into the book.

    Example: suyuan work-order take-in 019a… --line TPP-WO-2026-00003 --organization TPP --as 李子涵
    """
    from service.actions import order_exchange  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        book, now = _Book(session), present(settings)
        person = book.person(as_person)
        if line is None:
            order_id = order_exchange.take_in(session, document, person=person, now=now).id
        else:
            found = book.line(line)
            order_exchange.take_in_result(session, document, found.line.id, person=person, now=now)
            order_id = found.order.id
        _tell(session, order_id, as_json=as_json)


def _answer(
    number: str, organization: str, name: str, *, accepts: bool, reason: str, as_json: bool
) -> None:
    from service.actions import order_exchange  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        book = _Book(session)
        order = order_exchange.answer(
            session,
            book.order(number).id,
            accepts=accepts,
            reason=reason,
            person=book.person(name),
            now=present(settings),
        )
        _tell(session, order.id, as_json=as_json)


def _step(
    number: str,
    organization: str,
    name: str,
    act: Callable[[_Book, "WorkOrderLine", "Person", datetime], None],
    *,
    as_json: bool,
) -> None:
    """Let one item take a step in somebody's name, and tell where it stands then."""
    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        book = _Book(session)
        row = book.line(number)
        act(book, row.line, book.person(name), present(settings))
        _tell(session, row.order.id, line_id=row.line.id, as_json=as_json)


def _tell(
    session: "TenantSession", order_id: UUID, *, as_json: bool, line_id: UUID | None = None
) -> None:
    """Print where the items of an order stand, or one of them, and what may follow."""
    from service.store import work_orders as store  # noqa: PLC0415

    told = [
        _told(row) | {"next": _next(session, row)}
        for row in store.of_order(session, order_id)
        if line_id in (None, row.line.id)
    ]
    if as_json:
        typer.echo(json.dumps(told if line_id is None else told[0], ensure_ascii=False, indent=2))
        return
    for row in told:
        following = "; ".join(row["next"]) or "nothing"
        typer.echo(f"{row['number']}\t{row['item']}\t{row['state']}\tnext: {following}")


def _next(session: "TenantSession", row: "Listed") -> list[str]:
    """Return how each state that may follow is reached, in the order of the states."""
    from service.actions import work_orders as actions  # noqa: PLC0415
    from service.work_order_states import State  # noqa: PLC0415

    following = actions.next_states(session, row.line)
    ways = [BY[state.value] for state in State if state in following]
    if State.ASSIGNED in following and row.state in (
        State.MEASURED,
        State.CHECKED,
        State.APPROVED,
    ):
        ways[ways.index(BY["assigned"])] = "send-back"
    return ways


def _organization_id(session: "TenantSession", code: str) -> UUID:
    from service.store import organizations  # noqa: PLC0415

    for row in organizations.all_of_them(session):
        if row.code == code:
            return row.id
    raise typer.BadParameter(f"no organization {code}", param_hint="--laboratory")


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
    typer.echo(f"next: {'; '.join(told['next']) or 'nothing'}")
