"""`suyuan import` and `suyuan export`: a ledger from and to a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from service.commands.at_hand import (
    FINDINGS,
    OPERATOR,
    book_of,
    engine_of,
    organization_named,
    settings_at_hand,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.exchange import ledger_import

Organization = Annotated[
    str, typer.Option("--organization", "--book", metavar="CODE", help="Whose ledger.")
]


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    *,
    organization: Organization,
    layout: Annotated[
        str | None, typer.Option("--layout", help="generic, b3 … b7, sap; known by its headers.")
    ] = None,
    match_by: Annotated[
        str | None, typer.Option("--match-by", help="asset_number, plate or id.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would do; write nothing.")
    ] = False,
    all_or_nothing: Annotated[
        bool, typer.Option("--all-or-nothing", help="Write nothing while a row is refused.")
    ] = False,
    refused: Annotated[
        Path | None, typer.Option("--refused", help="Keep the refused rows in this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Take a ledger of items from CSV or XLSX. Exit code 3 if rows are refused or undecided.

    Example: suyuan import ledger.xlsx --organization TPP --dry-run
    """
    from service.exchange import ledger_import  # noqa: PLC0415
    from service.exchange.ledger_plan import KEY_COLUMNS  # noqa: PLC0415

    if match_by not in (None, *KEY_COLUMNS):
        raise typer.BadParameter(", ".join(KEY_COLUMNS), param_hint="--match-by")
    how = ledger_import.Settings(
        layout=layout,
        match_by=match_by,
        all_or_nothing=all_or_nothing,
    )
    with engine_of(settings_at_hand()) as engine:
        told, written = _take_in(engine, organization, file, how, dry_run=dry_run)
    if refused is not None and written is not None:
        refused.write_bytes(written[0])
    _tell(told, dry_run=dry_run, as_json=as_json)
    if told["counts"]["conflict"] or told["counts"]["rejected"]:
        raise typer.Exit(FINDINGS)


def export(
    *,
    organization: Organization,
    layout: Annotated[str, typer.Option("--layout", help="generic, b3 … b7, sap.")] = "generic",
    out: Annotated[
        Path | None, typer.Option("--out", help="A .csv or .xlsx; CSV on stdout otherwise.")
    ] = None,
) -> None:
    """Write the ledger as a file that can be taken in again, unchanged.

    Example: suyuan export --organization TPP --layout b3 --out ledger.xlsx
    """
    from service.exchange.ledger_columns import LAYOUTS  # noqa: PLC0415
    from service.exchange.ledger_files import write_ledger  # noqa: PLC0415
    from service.store import ledger as store  # noqa: PLC0415

    if layout not in LAYOUTS:
        raise typer.BadParameter(", ".join(LAYOUTS), param_hint="--layout")
    if out is not None and out.suffix not in (".csv", ".xlsx"):
        raise typer.BadParameter("a .csv or an .xlsx", param_hint="--out")
    with book_of(settings_at_hand(), organization, read_only=True) as session:
        items, in_force = store.held(session), store.in_force(session)
    content = write_ledger(
        items,
        in_force,
        layout=LAYOUTS[layout],
        form="xlsx" if out is not None and out.suffix == ".xlsx" else "csv",
    )
    if out is None:
        typer.echo(content.decode("utf-8-sig"), nl=False)
    else:
        out.write_bytes(content)


def _take_in(
    engine: "Engine", organization: str, file: Path, how: "ledger_import.Settings", *, dry_run: bool
) -> tuple[dict[str, Any], tuple[bytes, str] | None]:
    """Return what became of a file's rows, and the file of those refused."""
    from service.clock import now  # noqa: PLC0415
    from service.exchange import ledger_import  # noqa: PLC0415
    from service.tenancy import TenantSession  # noqa: PLC0415

    owner, moment = organization_named(engine, organization), now()
    with TenantSession(engine, owner) as session, session.begin() as transaction:
        row, _ = ledger_import.preview(
            session, file.read_bytes(), file_name=file.name, settings=how,
            actor_id=OPERATOR, now=moment,
        )  # fmt: skip
        if not dry_run:
            row = ledger_import.confirm(session, row.id, actor_id=OPERATOR, now=moment)
        told: dict[str, Any] = {"import_id": str(row.id), "state": row.state, "counts": row.counts,
                                "ignored_columns": row.settings["ignored"],
                                "at_no_site": row.settings["at_no_site"],
                                "answers": row.answers}  # fmt: skip
        written = ledger_import.refused(row)
        job_id = ledger_import.job_of(session, row)
        if dry_run:
            transaction.rollback()
    if job_id is not None:
        ledger_import.run_job(lambda: TenantSession(engine, owner), job_id, now=now)
        told["state"] = "applied"
    return told, written


def _tell(told: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for answer in told["answers"]:
            cells = (answer["row"], answer["outcome"], answer["column"] or "", answer["reason"])
            typer.echo("\t".join(map(str, cells)))
    counts = ", ".join(f"{count} {name}" for name, count in told["counts"].items())
    stderr.print(f"suyuan: {counts}{'; nothing was written' if dry_run else ''}", markup=False)
    if told["at_no_site"]:
        count = told["at_no_site"]
        stderr.print(f"suyuan: {count} of these stand at no known site (suyuan site list)")
    if told["state"] == "refused":
        stderr.print("suyuan: nothing was written: some rows are refused", markup=False)
