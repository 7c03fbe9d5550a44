"""`suyuan audit`: what is wrong with the chains of every book; `audit check`: with their log."""

import json
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from service.commands.at_hand import (
    FINDINGS,
    all_books,
    end_of,
    engine_of,
    present,
    settings_at_hand,
)

audit = typer.Typer(help="Audit every book; `check`: whether its audit log was altered.")

stderr = Console(stderr=True, highlight=False, soft_wrap=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
DAY = ["%Y-%m-%d"]


@audit.callback(invoke_without_command=True)
def audit_chains(
    context: typer.Context,
    *,
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=DAY, help="Also: every link valid on this day."),
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option("--known-at", formats=DAY, help="As known at the end of this day."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Audit every book: broken chains, overdue items, loops. Exit code 3 if something is found.

    Example: suyuan audit --on 2026-11-21
    """
    from service import answers  # noqa: PLC0415  (--help stays quick)
    from service.clock import day_of  # noqa: PLC0415

    if context.invoked_subcommand is not None:
        return
    settings = settings_at_hand()
    moment = end_of(known_at, settings)
    day = on.date() if on else day_of(present(settings))
    with all_books(settings) as books:
        findings = answers.audit_books(
            books.engine, books.ids, on=day, known_at=moment, progress=books.progress
        )
        names = answers.names_of(books.engine, books.ids)
    if as_json:
        told = [{"flaw": f.flaw.value, "subjects": [str(id_) for id_ in f.subjects],
                 "ratio": f.ratio, "ratio_limit": f.ratio_limit} for f in findings]  # fmt: skip
        typer.echo(json.dumps(told, indent=2))
    else:
        for finding in findings:
            subjects = " ← ".join(names.get(id_, str(id_)) for id_ in finding.subjects)
            typer.echo(f"{finding.flaw.value}\t{subjects}")
    stderr.print(f"suyuan: {len(books.ids)} books on {day}: {len(findings)} findings")
    if findings:
        raise typer.Exit(FINDINGS)


@audit.command()
def check(*, as_json: AsJson = False) -> None:
    """Check the seals of every book's audit log, and name the first broken entry of each.

    Prints the end of each chain: kept elsewhere, it also shows what is cut off. Exit code 3 if one
    is broken.

    Example: suyuan audit check
    """
    from service import audit as log  # noqa: PLC0415
    from service.store import audit as store  # noqa: PLC0415
    from service.store import directory  # noqa: PLC0415
    from service.tenancy import TenantSession  # noqa: PLC0415

    told, broken = [], 0
    with engine_of(settings_at_hand()) as engine:
        for code, owner in directory.organization_codes(engine).items():
            with TenantSession(engine, owner, read_only=True) as session:
                found = log.first_broken(store.chain(session))
                newest = next(iter(store.newest(session, limit=1)), None)
            broken += found is not None
            told.append(
                {
                    "organization": code,
                    "broken_position": found.position if found else None,
                    "reason": found.reason if found else None,
                    "end_position": newest.position if newest else None,
                    "end_sha256": newest.sha256 if newest else None,
                }
            )
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    for row in () if as_json else told:
        state = f"entry {row['broken_position']} {row['reason']}" if row["reason"] else "holds"
        end = f"{row['end_position']} {row['end_sha256']}" if row["end_sha256"] else "empty"
        typer.echo(f"{row['organization']}\t{state}\t{end}")
    stderr.print(f"suyuan: {len(told)} audit logs, {broken} broken")
    if broken:
        raise typer.Exit(FINDINGS)
