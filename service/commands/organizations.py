"""`suyuan organization create` and `suyuan person invite`: how the first people come in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from sqlmodel import Session

organization = typer.Typer(
    no_args_is_help=True, help="Create organizations, and record what they are authorised for."
)
person = typer.Typer(no_args_is_help=True, help="Invite people.")

KINDS = (
    "national_institute",
    "regional_institute",
    "accredited_laboratory",
    "enterprise",
    "regulator",
)
DAY = ["%Y-%m-%d"]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
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
    from service.actions import accounts, organizations  # noqa: PLC0415
    from service.clock import now  # noqa: PLC0415
    from service.commands.at_hand import engine_of  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415
    from service.tenancy import TenantSession  # noqa: PLC0415

    if kind not in KINDS:
        raise typer.BadParameter(f"one of {', '.join(KINDS)}", param_hint="--kind")
    settings = Settings()
    with _owner() as owner:
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


@organization.command()
def authorise(
    code: Annotated[str, typer.Argument(help="Whose it is.")],
    number: Annotated[str, typer.Argument(help="Its number, as certificates print it.")],
    *,
    scope: Annotated[
        list[str], typer.Option("--for", help="A procedure's code; once for each.", metavar="CODE")
    ],
    valid_from: Annotated[datetime, typer.Option("--from", formats=DAY, help="Its first day.")],
    valid_until: Annotated[datetime, typer.Option("--until", formats=DAY, help="Its last day.")],
    kind_zh: Annotated[
        str,
        typer.Option("--kind-zh", help="Known by its words: 计量授权, 实验室认可, 计量标准考核."),
    ] = "计量授权",
) -> None:
    """Put an accreditation or authorisation on record, when its document has been seen.

    Verification certificates need an authorisation (计量授权) for their procedure; an accreditation
    and the assessment of a standard are printed beside it. By each of them it is believed where a
    chain ends. It is never edited: a renewal is another one.

    Example: suyuan organization authorise LAB CNAS-L0000 --for "JJG 52" --from 2026-01-01 --until …
    """
    from service.actions import organizations  # noqa: PLC0415

    with _owner() as session:
        organizations.authorise(
            session, code, number=number, kind_zh=kind_zh, scope=scope,
            valid_from=valid_from.date(), valid_until=valid_until.date(),
        )  # fmt: skip
    typer.echo(f"{code} {number} {', '.join(scope)}", err=True)


@organization.command()
def change(
    code: Annotated[str, typer.Argument(help="Whose facts they are.")],
    *,
    name_zh: Annotated[str | None, typer.Option(help="The name in Chinese.")] = None,
    name_en: Annotated[str | None, typer.Option(help="The name in English.")] = None,
    address: Annotated[str | None, typer.Option(help="As certificates print it.")] = None,
    contact: Annotated[str | None, typer.Option(help="Telephone, post code, e-mail.")] = None,
) -> None:
    """Change what certificates say of an organization from now on; issued ones stay as they are.

    Example: suyuan organization change LAB --contact "010-0000000 lab@example.test"
    """
    from service.actions import organizations  # noqa: PLC0415
    from service.clock import now  # noqa: PLC0415
    from service.commands.at_hand import OPERATOR, book_of  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415

    said = {"name_zh": name_zh, "name_en": name_en, "address": address, "contact": contact}
    facts = {name: text for name, text in said.items() if text is not None}
    with _owner() as owner:
        changed = organizations.change(owner, code, facts)
    with book_of(Settings(), code, read_only=False) as session, session.begin():
        organizations.note_change(session, changed, actor_id=OPERATOR, now=now())
    for name, told in changed.items():
        typer.echo(f"{name}\t{told}")


@organization.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the organizations, each with what it is authorised for and until when.

    Example: suyuan organization list
    """
    from service.store import organizations as store  # noqa: PLC0415

    with _owner() as session:
        told: list[dict[str, Any]] = [
            {
                "code": row.code, "name_zh": row.name_zh, "name_en": row.name_en, "kind": row.kind,
                "authorisations": [
                    {"number": one.number, "kind_zh": one.kind_zh, "scope": one.scope,
                     "valid_from": str(one.valid_from), "valid_until": str(one.valid_until)}
                    for one in held
                ],
            }
            for row, held in store.with_what_they_hold(session)
        ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    for row in () if as_json else told:
        typer.echo(f"{row['code']}\t{row['kind']}\t{row['name_zh']} / {row['name_en']}")
        for one in row["authorisations"]:
            days = f"{one['valid_from']} … {one['valid_until']}"
            typer.echo(f"\t{one['number']}\t{days}\t{', '.join(one['scope'])}")


@contextmanager
def _owner() -> "Iterator[Session]":
    """Open the database as the owner of its tables, for one transaction."""
    from sqlmodel import Session  # noqa: PLC0415

    from service.commands.at_hand import engine_at, require_ready  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415

    settings = Settings()
    require_ready(settings)
    with engine_at(settings.owner_url) as engine, Session(engine) as session, session.begin():
        yield session


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
