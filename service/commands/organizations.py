"""`suyuan organization create` and `suyuan person invite`: how the first people come in."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

organization = typer.Typer(no_args_is_help=True, help="Create organizations.")
person = typer.Typer(no_args_is_help=True, help="Invite people.")

KINDS = (
    "national_institute",
    "regional_institute",
    "accredited_laboratory",
    "enterprise",
    "regulator",
)
Zh = Annotated[str, typer.Option("--name-zh", help="The name in Chinese.")]
En = Annotated[str, typer.Option("--name-en", help="The name in English.")]


@organization.command()
def create(
    code: Annotated[str, typer.Argument(help="Begins its certificate numbers: A-Z and 0-9.")],
    name_zh: Zh,
    name_en: En,
    kind: Annotated[str, typer.Option(help=", ".join(KINDS))],
    address: Annotated[str, typer.Option(help="As certificates print it.")],
    administrator_zh: Annotated[str, typer.Option(help="The first person, in Chinese.")],
    administrator_en: Annotated[str, typer.Option(help="The same in English.")],
    contact: Annotated[
        str, typer.Option(help="Telephone, post code, e-mail: a verification certificate has it.")
    ] = "",
) -> None:
    """Create an organization, as the owner of the tables, and invite its first administrator.

    Prints the one-time address at which the administrator sets a name and a password; there is no
    default password.

    Example: suyuan organization create LAB --kind accredited_laboratory … --administrator-en "Li"
    """
    from sqlmodel import Session  # noqa: PLC0415  (each command loads its own)

    from service.actions import accounts, organizations  # noqa: PLC0415
    from service.clock import now  # noqa: PLC0415
    from service.commands.at_hand import engine_at, engine_of, require_ready  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415
    from service.tenancy import TenantSession  # noqa: PLC0415

    if kind not in KINDS:
        raise typer.BadParameter(f"one of {', '.join(KINDS)}", param_hint="--kind")
    settings = Settings()
    require_ready(settings)
    with (
        engine_at(settings.owner_url) as engine,
        Session(engine) as owner,
        owner.begin(),
    ):
        row = organizations.create_organization(
            owner, code=code, name_zh=name_zh, name_en=name_en, kind=kind, address=address,
            contact=contact,
        )  # fmt: skip
        organization_id = row.id
    with (
        engine_of(settings) as engine,
        TenantSession(engine, organization_id) as session,
        session.begin(),
    ):
        invited = accounts.invite(
            session, role="administrator", authorised={}, actor_id=None, now=now(),
            name_zh=administrator_zh, name_en=administrator_en,
        )  # fmt: skip
    typer.echo(f"organization {organization_id}", err=True)
    typer.echo(f"{settings.public_url.rstrip('/')}/invitations/{invited.token}")


@person.command()
def invite(
    organization_code: Annotated[str, typer.Argument(metavar="ORGANIZATION")],
    *,
    name_zh: Annotated[str, typer.Option(help="A new person, in Chinese.")] = "",
    name_en: Annotated[str, typer.Option(help="The same in English.")] = "",
    role: Annotated[str, typer.Option(help="What a new person may do.")] = "viewer",
    person_id: Annotated[UUID | None, typer.Option("--person", help="One of the book.")] = None,
) -> None:
    """Invite a new person, or one of the book again, whose password is lost.

    Prints the one-time address, which holds for seven days.

    Example: suyuan person invite LAB --name-zh 王芳 --name-en "Fang Wang" --role checker
    """
    from service.actions import accounts  # noqa: PLC0415
    from service.clock import now  # noqa: PLC0415
    from service.commands.at_hand import book_of, require_ready  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415

    if (person_id is None) == (not name_zh or not name_en):
        raise typer.BadParameter("a new person by both names, or one of the book by --person")
    settings = Settings()
    require_ready(settings)
    moment: datetime = now()
    with book_of(settings, organization_code, read_only=False) as session, session.begin():
        invited = (
            accounts.invite_again(session, person_id, actor_id=None, now=moment)
            if person_id
            else accounts.invite(
                session, role=role, authorised={}, actor_id=None, now=moment,
                name_zh=name_zh, name_en=name_en,
            )
        )  # fmt: skip
    typer.echo(f"person {invited.person_id}", err=True)
    typer.echo(f"{settings.public_url.rstrip('/')}/invitations/{invited.token}")
