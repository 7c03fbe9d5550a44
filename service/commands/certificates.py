"""`suyuan certificate …`: issue, amend, withdraw, void, take in, and fetch the schemas.

The operator of the machine acts here; signatures are people's, and are given on the pages.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from service.commands.at_hand import OPERATOR, book_of, engine_of, settings_at_hand

if TYPE_CHECKING:
    from service.settings import Settings
    from service.tables.people import Person
    from service.tenancy import TenantSession

stderr = Console(stderr=True, highlight=False, soft_wrap=True)

Number = Annotated[str, typer.Argument(help="The certificate's number, however it is typed.")]
Code = Annotated[
    str, typer.Option("--organization", "--book", metavar="CODE", help="In whose book.")
]
As = Annotated[str, typer.Option("--as", help="In whose name: a person's name or id.")]
Why = Annotated[str, typer.Option("--reason", help="As its holders are told.")]
Day = ["%Y-%m-%d"]


def issue(
    calibration: Annotated[UUID, typer.Argument(help="The calibration's id.")],
    *,
    organization: Code,
    kind: Annotated[
        str | None, typer.Option(help="What the verdict leads to, unless it is given.")
    ] = None,
    due_date_agreed: Annotated[
        bool, typer.Option("--due-date-agreed", help="The customer agreed to a due date.")
    ] = False,
    material: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Of a reference material: JSON, its texts."),
    ] = None,
) -> None:
    """Issue the certificate of a calibration that three persons signed; print its number.

    Kinds: calibration_certificate, verification_certificate, verification_rejection,
    verification_record, reference_material_certificate.

    Example: suyuan certificate issue 0197… --organization TPP
    """
    from certificates.content import CertificateKind, MaterialStatements  # noqa: PLC0415
    from certificates.plain import from_plain  # noqa: PLC0415
    from service.actions import certificates, signing_off  # noqa: PLC0415
    from service.rendering import renderer  # noqa: PLC0415
    from service.store import calibrations as calibration_store  # noqa: PLC0415

    if kind is not None and kind not in set(CertificateKind):
        raise typer.BadParameter(", ".join(CertificateKind), param_hint="--kind")
    texts = json.loads(material.read_text("utf-8")) if material else None
    settings = settings_at_hand()
    with _book(settings, organization) as (session, now):
        row = calibration_store.get(session, calibration)
        certificate = certificates.issue(
            session,
            row.id,
            compose=signing_off.composition_of(
                session,
                row,
                url=_url(settings),
                now=now,
                kind=CertificateKind(kind) if kind else None,
                due_date_agreed=due_date_agreed,
                material=from_plain(MaterialStatements, texts, "material") if texts else None,
            ),
            render=renderer(settings.dcc_schema_dir),
            actor_id=OPERATOR,
            now=now,
            **_secrets(settings),
        )
        typer.echo(certificate.number)


def amend(
    number: Number,
    *,
    reason_zh: Annotated[str, typer.Option("--reason-zh", help="Why, in Chinese.")],
    reason_en: Annotated[str, typer.Option("--reason-en", help="Why, in English.")],
    correct: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=TEXT", help="Such as item.serial_number=0083106."),
    ] = None,
    successor: Annotated[
        UUID | None, typer.Option("--successor", help="The calibration that was made anew.")
    ] = None,
    person: As = "",
) -> None:
    """Amend a certificate: propose texts to be put right, or issue that of the record made anew.

    Proposed texts are signed by three persons on the certificate's page, and then issued. A
    successor is signed already: its certificate is issued, and its number printed.

    Example: suyuan certificate amend TPP-2026-00026-F --set item.serial_number=0083106
    --reason-zh 抄录错误 --reason-en "misread" --as "Zihan Li"
    """
    from service.actions import revisions, signing_off  # noqa: PLC0415
    from service.rendering import renderer  # noqa: PLC0415
    from service.store import calibrations as calibration_store  # noqa: PLC0415

    if bool(correct) == (successor is not None):
        raise typer.BadParameter("either --set FIELD=TEXT, or --successor CALIBRATION")
    corrections = dict(_pair(text) for text in correct or ())
    settings = settings_at_hand()
    why: dict[str, Any] = {"reason_zh": reason_zh, "reason_en": reason_en}
    with _book_of(settings, number) as (session, certificate_id, now):
        if successor is None:
            proposal = revisions.propose(
                session, certificate_id, corrections=corrections,
                person=_person(session, person), now=now, **why,
            )  # fmt: skip
            typer.echo(proposal.id)
            stderr.print("suyuan: proposed; three persons sign it on the certificate's page")
            return
        row = calibration_store.get(session, successor)
        new = revisions.amend_by_successor(
            session,
            certificate_id,
            row.id,
            compose=signing_off.composition_of(session, row, url=None, now=now),
            url=_url(settings),
            render=renderer(settings.dcc_schema_dir),
            actor_id=OPERATOR,
            now=now,
            **why,
            **_secrets(settings),
        )
        typer.echo(new.number)


def withdraw(number: Number, *, reason: Why) -> None:
    """Withdraw a certificate for everyone: its results are not to be relied on.

    Example: suyuan certificate withdraw TPP-2026-00026-F --reason "standard out of tolerance"
    """
    from service.actions import revisions  # noqa: PLC0415

    _take_back(revisions.withdraw, number, reason)


def void(number: Number, *, reason: Why) -> None:
    """Void a certificate that was issued in error; its number is kept and never used again.

    Example: suyuan certificate void TPP-2026-00026-F --reason "issued for another instrument"
    """
    from service.actions import revisions  # noqa: PLC0415

    _take_back(revisions.void, number, reason)


def import_(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="A DCC, a PDF with one, or a bundle."),
    ],
    *,
    organization: Code,
    person: As,
    item: Annotated[
        str | None, typer.Option("--item", help="The item's serial number; or it is looked for.")
    ] = None,
    kind: Annotated[str, typer.Option(help="calibration, verification or certification.")] = (
        "calibration"
    ),
    recognized: Annotated[
        bool, typer.Option("--recognized", help="The chain may end at this laboratory.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it says.")] = False,
) -> None:
    """Take a certificate from elsewhere into an organization's book, without retyping anything.

    Prints the calibration's id; what the certificate says goes to stderr. First authenticate it:
    `suyuan authenticate`.

    Example: suyuan certificate import PROV-2026-00031.zip --organization TPP --as "Zihan Li"
    """
    from service.actions import intake  # noqa: PLC0415
    from service.exchange import certificate_files  # noqa: PLC0415
    from service.exchange.certificate_files import Choice  # noqa: PLC0415

    settings = settings_at_hand()
    with _book(settings, organization) as (session, now):
        document = certificate_files.receive(
            session, file.read_bytes(), name=file.name, person_id=_person(session, person).id,
            now=now,
        )  # fmt: skip
        seen = certificate_files.preview(session, document, schemas=settings.dcc_schema_dir)
        _tell(seen)
        if dry_run:
            session.rollback()
            return
        row = intake.enter(
            session,
            certificate_files.confirmed(
                seen, Choice(item_id=_item(session, seen, item), kind=kind, recognized=recognized)
            ),
            document=document,
            entered_by=OPERATOR,
            now=now,
        )
        typer.echo(row.id)


def fetch_schema(
    version: Annotated[str, typer.Option(help="Of the DCC.")] = "3.3.0",
    *,
    folder: Annotated[Path, typer.Option("--to", help="Where the schemas are kept.")] = Path(
        "suyuan.schemas"
    ),
    home: Annotated[
        str, typer.Option("--from", help="Where they are published, or a folder that has them.")
    ] = "https://ptb.de",
) -> None:
    """Fetch PTB's schema of the DCC and what it imports; without a folder this asks the network.

    Set SUYUAN_DCC_SCHEMA_DIR to where they are kept, and certificates are held against them:
    those issued here before they are sealed, those received when they are read.

    Example: suyuan certificate fetch-schema --to schemas
    """
    from service.exchange.schema_fetching import HOME, Shelf, fetch_schemas  # noqa: PLC0415
    from service.network import Network  # noqa: PLC0415

    if Path(home).is_dir():
        paths = fetch_schemas(Shelf(Path(home)), folder, version=version, home=HOME)
    else:
        paths = fetch_schemas(Network(), folder, version=version, home=home.rstrip("/"))
    for path in paths:
        typer.echo(path)


# --- What the commands share ----------------------------------------------------------------------


@contextmanager
def _book(settings: "Settings", code: str) -> Iterator[tuple["TenantSession", datetime]]:
    """Open the book of an organization, for one transaction."""
    from service.clock import now, standing_on  # noqa: PLC0415

    today = settings.demonstration_today
    moment = standing_on(today)() if today else now()
    with book_of(settings, code, read_only=False) as session, session.begin():
        yield session, moment


@contextmanager
def _book_of(settings: "Settings", number: str) -> Iterator[tuple["TenantSession", UUID, datetime]]:
    """Open the book of whoever issued a certificate, for one transaction."""
    from service import public  # noqa: PLC0415
    from service.errors import NotFound  # noqa: PLC0415
    from service.lookup import open_lookup_keys  # noqa: PLC0415

    keys = open_lookup_keys(settings.lookup_key_file)
    with engine_of(settings) as engine:
        entry = public.find_by_number(engine, keys, number)
    if entry is None:
        raise NotFound("certificate", number)
    with _book(settings, entry.number.partition("-")[0]) as (session, now):
        yield session, entry.certificate_id, now


def _take_back(action: Any, number: str, reason: str) -> None:
    settings = settings_at_hand()
    with _book_of(settings, number) as (session, certificate_id, now):
        action(
            session, certificate_id, reason=reason, actor_id=OPERATOR,
            seals=_secrets(settings)["seals"], now=now,
        )  # fmt: skip


def _secrets(settings: "Settings") -> dict[str, Any]:
    """Return the keys of the directory and of the seals."""
    from service.lookup import open_lookup_keys  # noqa: PLC0415
    from service.seals import open_seals  # noqa: PLC0415

    return {"keys": open_lookup_keys(settings.lookup_key_file), "seals": open_seals(settings)}


def _url(settings: "Settings") -> str:
    return settings.public_url.rstrip("/") + "/c/{number}"


def _person(session: "TenantSession", text: str) -> "Person":
    from service.store import people as people_store  # noqa: PLC0415

    found = [
        person
        for person in people_store.of_organization(session)
        if text in (str(person.id), person.name_zh, person.name_en)
    ]
    if len(found) != 1:
        raise typer.BadParameter(f"{len(found)} people are called {text!r}", param_hint="--as")
    return found[0]


def _item(session: "TenantSession", seen: Any, serial_number: str | None) -> UUID:
    from service.store import items as item_store  # noqa: PLC0415

    found = item_store.by_serial_number(session, serial_number) if serial_number else seen.items
    if len(found) != 1:
        numbers = serial_number or ", ".join(
            number for item in seen.recovered.items for number in item.serial_numbers
        )
        raise typer.BadParameter(
            f"{len(found)} items of the ledger carry {numbers}", param_hint="--item"
        )
    return UUID(str(found[0].id))


def _pair(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"FIELD=TEXT, not {text}", param_hint="--set")
    return field.strip(), value.strip()


def _tell(seen: Any) -> None:
    recovered, errors = seen.recovered, seen.file.schema_errors
    stderr.print(
        f"suyuan: {recovered.number} of {recovered.laboratory.en}, performed on "
        f"{recovered.performed_on}: {len(recovered.results)} results, "
        f"{sum(standard.is_known for standard in seen.standards)} of {len(seen.standards)} "
        f"standards known here"
    )
    if recovered.replaces:
        stderr.print(f"suyuan: it is in the place of {recovered.replaces}", markup=False)
    for reason, count in recovered.left_out:
        stderr.print(f"suyuan: left out, {reason}: {count}")
    for line in (*recovered.problems, *(errors or ())):
        stderr.print(f"suyuan: {line}", markup=False)
