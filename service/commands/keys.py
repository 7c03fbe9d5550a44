"""`suyuan key`: the keys with which organizations seal their certificates and logs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from service.commands.at_hand import engine_of, settings_at_hand

if TYPE_CHECKING:
    from service.seals import HeldKey, Seals
    from service.settings import Settings
    from service.store.log import Issuer

key = typer.Typer(no_args_is_help=True, help="Make, rotate and show the keys of seals.")
stderr = Console(stderr=True, highlight=False, soft_wrap=True)

Code = Annotated[str, typer.Argument(help="The organization's code, as its numbers begin.")]


@key.command()
def create(
    code: Code,
    *,
    request: Annotated[
        bool, typer.Option("--request", help="Print a request (PKCS #10) to an authority.")
    ] = False,
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Install what the authority issued."),
    ] = None,
) -> None:
    """Make an organization's first key: certified by itself, or by an authority in two steps.

    The private key is written with mode 0600, encrypted by SUYUAN_KEY_PASSPHRASE if that is set.

    Example: suyuan key create TPP
    """
    from certificates.signer import read_certificates  # noqa: PLC0415

    seals, issuer = _at_hand(code)
    if certificate is not None:
        _tell(seals, seals.install(code, read_certificates(certificate.read_bytes())[0]))
        return
    if seals.held(code):
        raise typer.BadParameter(f"{code} has a key: suyuan key rotate {code}")
    _make(seals, issuer, request=request)


@key.command()
def rotate(
    code: Code,
    *,
    request: Annotated[
        bool, typer.Option("--request", help="Print a request (PKCS #10) to an authority.")
    ] = False,
) -> None:
    """Make an organization's next key, which seals from now on.

    What was sealed before stays authentic by the old certificate: publish both. The old private
    key may be destroyed. With --request the new key seals once `key create --certificate` has it.

    Example: suyuan key rotate TPP
    """
    seals, issuer = _at_hand(code)
    if not seals.held(code):
        raise typer.BadParameter(f"{code} has no key: suyuan key create {code}")
    _make(seals, issuer, request=request)


@key.command("list")
def list_(code: Annotated[str | None, typer.Argument()] = None) -> None:
    """List the keys: code and index, fingerprint, last day, holder; the last of a code seals.

    Example: suyuan key list
    """
    from service.seals import open_seals  # noqa: PLC0415

    for held in open_seals(settings_at_hand()).held(code):
        until = held.certificate.x509.not_valid_after_utc.date()
        name = f"{held.code}-{held.index}"
        typer.echo(f"{name}\t{held.certificate.sha256}\t{until}\t{held.certificate.holder}")


@key.command()
def show(code: Code) -> None:
    """Print the certificates of an organization's seals as PEM, the newest last.

    They are what others trust: `suyuan authenticate FILE --key seal.pem`.

    Example: suyuan key show TPP > seal.pem
    """
    from service.errors import SealMissing  # noqa: PLC0415
    from service.seals import open_seals  # noqa: PLC0415

    held = open_seals(settings_at_hand()).held(code)
    if not held:
        raise SealMissing(code)
    typer.echo("".join(each.certificate.pem for each in held), nl=False)


def _at_hand(code: str) -> "tuple[Seals, Issuer]":
    from service.seals import open_seals  # noqa: PLC0415
    from service.store import log  # noqa: PLC0415

    settings = settings_at_hand()
    with engine_of(settings) as engine:
        return open_seals(settings), log.issuer(engine, code)


def _make(seals: "Seals", issuer: "Issuer", *, request: bool) -> None:
    from service.clock import now  # noqa: PLC0415

    if request:
        typer.echo(seals.request(issuer.code, issuer.name_en), nl=False)
        stderr.print(f"suyuan: a key waits for its certificate in {seals.folder}")
    else:
        _tell(seals, seals.create(issuer.code, issuer.name_en, now=now()))


def _tell(seals: "Seals", held: "HeldKey") -> None:
    name = f"{held.code}-{held.index}"
    if seals.token is not None:
        where = f"the key {name} of the token {seals.token.label}"
    else:
        plain = "" if seals.passphrase else ", not encrypted: SUYUAN_KEY_PASSPHRASE is not set"
        where = f"{seals.folder / name}.key (mode 0600{plain})"
    fingerprint = held.certificate.sha256[:16]
    stderr.print(f"suyuan: {held.code} seals with {where}, fingerprint {fingerprint}…")


def make_missing(settings: "Settings") -> None:
    """Make a key for each organization that has none, and say so: nothing is issued unsealed."""
    from service.clock import now  # noqa: PLC0415
    from service.seals import open_seals  # noqa: PLC0415
    from service.store import log  # noqa: PLC0415

    seals = open_seals(settings)
    with engine_of(settings) as engine:
        for issuer in log.issuers(engine):
            if not seals.held(issuer.code):
                _tell(seals, seals.create(issuer.code, issuer.name_en, now=now()))
