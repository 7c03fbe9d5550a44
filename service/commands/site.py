"""`suyuan site`: where the items of an organization stand, listed, entered and ended."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.commands.at_hand import OPERATOR, book_of, end_of, present, settings_at_hand, site_of

if TYPE_CHECKING:
    from service.tables.sites import Site

site = typer.Typer(no_args_is_help=True, help="Keep the sites at which items stand.")
Organization = Annotated[
    str, typer.Option("--organization", "--book", metavar="CODE", help="Whose sites.")
]
Day = ["%Y-%m-%d"]
COLUMNS = ("code", "name_zh", "name_en", "address_zh", "address_en", "items", "overdue")


@site.command("list")
def list_(
    *,
    organization: Organization,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=Day, help="As on this day; today otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """List the sites, how many items stand at each and how many due dates there are overdue.

    The last line is of what stands at no site.

    Example: suyuan site list --organization TPP
    """
    from service.clock import day_of  # noqa: PLC0415  (--help stays quick)
    from service.sites import standings  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=True) as session:
        told = [
            _told(one.site) | {"items": one.items, "overdue": one.overdue}
            for one in standings(session, on=day_of(end_of(on, settings)))
        ]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    table = Table(*COLUMNS, box=None)
    for row in told:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in COLUMNS))
    Console().print(table)


def _told(row: "Site | None") -> dict[str, Any]:
    """Return a site as the API tells it; of none each is null."""
    from service.api.sites import SiteAnswer  # noqa: PLC0415

    if row is None:
        return dict.fromkeys(SiteAnswer.model_fields)
    return SiteAnswer.model_validate(row, from_attributes=True).model_dump(mode="json")


@site.command()
def add(
    code: Annotated[str, typer.Argument(help="Its short name, of one site.")],
    name_zh: Annotated[str, typer.Argument(help="The place as the ledger writes it.")],
    *,
    organization: Organization,
    name_en: Annotated[str, typer.Option(help="The name in English.")] = "",
    address_zh: Annotated[str, typer.Option(help="As certificates print it.")] = "",
    address_en: Annotated[str, typer.Option(help="The same in English.")] = "",
    contact: Annotated[str, typer.Option(help="Telephone, e-mail.")] = "",
) -> None:
    """Enter a site; print its id.

    Example: suyuan site add PLANT-2 二号机组 --organization TPP --name-en "Unit 2"
    """
    from service.actions import sites as actions  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        row = actions.add(
            session, code=code, name_zh=name_zh, name_en=name_en, address_zh=address_zh,
            address_en=address_en, contact=contact, actor_id=OPERATOR, now=present(settings),
        )  # fmt: skip
        typer.echo(row.id)


@site.command()
def end(
    code: Annotated[str, typer.Argument(help="As `list` prints it.")],
    *,
    organization: Organization,
    last_on: Annotated[datetime, typer.Option(formats=Day, help="The last day of the site.")],
    reason: Annotated[str, typer.Option(help="Why it is a site no more.")],
) -> None:
    """End a site; it stays in the book.

    Example: suyuan site end PLANT-2 --organization TPP --last-on 2026-12-31 --reason closed
    """
    from service.actions import sites as actions  # noqa: PLC0415

    settings = settings_at_hand()
    with book_of(settings, organization, read_only=False) as session, session.begin():
        facts = {"ended_on": last_on.date(), "ended_because": reason}
        site_id = site_of(session, code)
        actions.change(session, site_id, facts, actor_id=OPERATOR, now=present(settings))
