"""`suyuan capability`: what an organization is accredited for, listed, entered and ended."""

import json
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.commands.at_hand import OPERATOR, book_of, present, settings_at_hand

capability = typer.Typer(no_args_is_help=True, help="Keep the register of accredited CMC.")
Organization = Annotated[
    str, typer.Option("--organization", "--book", metavar="CODE", help="Whose register.")
]
Day = ["%Y-%m-%d"]
COLUMNS = ("id", "quantity", "procedure", "range", "CMC", "accreditation", "from", "until")


@capability.command("list")
def list_(
    *,
    organization: Organization,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=Day, help="Only what holds on this day.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """List the lines of the register that no other supersedes.

    Example: suyuan capability list --organization PROV --on 2026-11-21
    """
    from service.api.capabilities import list_capabilities  # noqa: PLC0415

    with book_of(settings_at_hand(), organization, read_only=True) as session:
        rows = list_capabilities(session, on.date() if on else None)
    if as_json:
        told = [row.model_dump(mode="json") for row in rows]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column, no_wrap=column == "id")
    for row in rows:
        table.add_row(
            str(row.id),
            row.quantity,
            row.procedure_code or "",
            f"{row.lower:g} ~ {row.upper:g} {row.unit}",
            f"{row.expression} {row.uncertainty_unit}",
            row.accreditation,
            str(row.valid_from),
            str(row.valid_until or ""),
        )
    Console().print(table)


@capability.command()
def add(
    quantity: Annotated[str, typer.Argument(help="As the ledger's items name it: pressure.")],
    lower: Annotated[float, typer.Argument(help="The lower end of the range.")],
    upper: Annotated[float, typer.Argument(help="The upper end.")],
    unit: Annotated[str, typer.Argument(help="Of the range.")],
    expression: Annotated[str, typer.Argument(help="U over value: 0.001 + 5e-4*abs(value).")],
    *,
    organization: Organization,
    accreditation: Annotated[str, typer.Option(help="Its number.")],
    valid_from: Annotated[datetime, typer.Option(formats=Day, help="The first day.")],
    valid_until: Annotated[
        datetime | None, typer.Option(formats=Day, help="The last day, if there is one.")
    ] = None,
    uncertainty_unit: Annotated[
        str, typer.Option(help="Of U, if another; % is of the value.")
    ] = "",
    procedure_code: Annotated[
        str | None, typer.Option("--procedure", help="The one that it is for; any otherwise.")
    ] = None,
) -> None:
    """Enter a line of the register; print its id.

    Example: suyuan capability add pressure 0 2.5 MPa 0.0006 --organization LAB
    --accreditation "CNAS L0000" --valid-from 2026-01-01
    """
    from service.actions import capabilities as actions  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        row = actions.add(
            session,
            actions.Scope(
                quantity=quantity,
                procedure_code=procedure_code,
                lower=lower,
                upper=upper,
                unit=unit,
                expression=expression,
                uncertainty_unit=uncertainty_unit,
                accreditation=accreditation,
                valid_from=valid_from.date(),
                valid_until=valid_until.date() if valid_until else None,
            ),
            actor_id=OPERATOR,
            now=present(settings),
        )
        typer.echo(row.id)


@capability.command()
def end(
    capability_id: Annotated[str, typer.Argument(help="The id that `list` prints.")],
    *,
    organization: Organization,
    last_on: Annotated[datetime, typer.Option(formats=Day, help="The last day on which it holds.")],
    reason: Annotated[str, typer.Option(help="Why it ends.")],
) -> None:
    """End a line of the register; print the id of the line that supersedes it.

    Example: suyuan capability end 0197… --organization LAB --last-on 2026-12-31 --reason reduced
    """
    from uuid import UUID  # noqa: PLC0415

    from service.actions import capabilities as actions  # noqa: PLC0415

    try:
        id_ = UUID(capability_id)
    except ValueError as error:
        raise typer.BadParameter("no id of a line", param_hint="CAPABILITY_ID") from error
    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        row = actions.end(
            session, id_, last_on=last_on.date(), reason=reason, actor_id=OPERATOR,
            now=present(settings),
        )  # fmt: skip
        typer.echo(row.id)
