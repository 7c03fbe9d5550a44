"""`suyuan log`: what the transparency log of an issuer says and proves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from service.commands.at_hand import FINDINGS, engine_of, settings_at_hand

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.store.log import Issuer

log = typer.Typer(no_args_is_help=True, help="Checkpoints and proofs of the transparency logs.")
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


@log.command()
def checkpoint(
    code: Annotated[str, typer.Argument(help="The issuer's code, as its numbers begin.")],
) -> None:
    """Print the newest signed checkpoint of a log, after building its tree from every entry.

    Keep it elsewhere: with it anyone notices later what was taken out, changed or cut off. Exit
    code 3 if the entries do not lead to what was signed.

    Example: suyuan log checkpoint TPP > checkpoint.txt
    """
    from certificates.errors import LogError, SealError  # noqa: PLC0415
    from certificates.log_files import open_checkpoint  # noqa: PLC0415
    from service.store import log as store  # noqa: PLC0415

    with _log_of(code) as (engine, issuer):
        note = store.checkpoint(engine, issuer.id)
        try:
            signed, _ = open_checkpoint(note, store.seals(engine, issuer.id))
            tree = store.rebuilt(engine, issuer.id)
        except (LogError, SealError) as error:
            _found(str(error))
    if (tree.size, tree.root()) != (signed.size, signed.root):
        _found(f"{tree.size} entries do not lead to the checkpoint over {signed.size}")
    typer.echo(note, nl=False)


@log.command()
def prove(
    of: Annotated[
        str, typer.Argument(metavar="NUMBER|CODE", help="A certificate; with --since, an issuer.")
    ],
    *,
    since: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A checkpoint or proof kept from before."),
    ] = None,
) -> None:
    """Print the proof of a certificate's newest event, or that a log only grew since.

    Exit code 3 if the log does not begin with what the kept checkpoint says.

    Example: suyuan log prove TPP --since checkpoint.txt > grown.consistency
    """
    from service.errors import NotFound  # noqa: PLC0415
    from service.store import log as store  # noqa: PLC0415

    with _log_of(of.partition("-")[0]) as (engine, issuer):
        if since is not None:
            typer.echo(_grown(engine, issuer, since), nl=False)
            return
        proofs = store.inclusion(engine, issuer.id, of)
    if not proofs:
        raise NotFound("entry of the log for", of)
    typer.echo(proofs[-1].text(), nl=False)


def _grown(engine: "Engine", issuer: "Issuer", kept: Path) -> str:
    from certificates.errors import LogError  # noqa: PLC0415
    from certificates.log_files import decoded, read_checkpoint  # noqa: PLC0415
    from service.store import log as store  # noqa: PLC0415

    trusted = store.seals(engine, issuer.id)
    old = read_checkpoint(decoded(kept.read_bytes()), trusted)
    try:
        proof = store.consistency(engine, issuer.id, old.size)
        proof.check(old, trusted)
    except LogError as error:
        _found(f"{old.origin} was cut or changed since it had {old.size} entries: {error}")
    return proof.text()


@contextmanager
def _log_of(code: str) -> "Iterator[tuple[Engine, Issuer]]":
    from service.store import log as store  # noqa: PLC0415

    with engine_of(settings_at_hand()) as engine:
        yield engine, store.issuer(engine, code)


def _found(what: str) -> NoReturn:
    stderr.print(f"suyuan: {what}", style="red", markup=False)
    raise typer.Exit(FINDINGS)
