"""Keeping procedure editions in a book: those worked by, and those of an organization's own."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from certificates.seal import sha256_hex
from procedures.edition import CertificateKind, ProcedureEdition
from procedures.edition_reader import EditionUnreadable
from service import audit
from service.catalogue import BuiltIn, built_in_editions, compared_with_catalogue
from service.errors import AlreadyThere, InvalidField
from service.store import procedures as store
from service.tables.calibrations import ProcedureEditionRecord
from service.tenancy import TenantSession


def keep(session: TenantSession, text: str, *, actor_id: UUID, now: datetime) -> BuiltIn:
    """Keep an edition word for word, after reading it strictly; a kept one is never changed.

    Raises:
        InvalidField: it cannot be read, bears the name of a regulation of the catalogue, or departs
            from one and would verify.
        AlreadyThere: the book has an edition of this code and name, with other words.
    """
    try:
        read = compared_with_catalogue(text.encode(), name="toml")
    except EditionUnreadable as error:
        where = f"{error.field}: " if error.field else ""
        raise InvalidField("/toml", f"{where}{error.problem}") from error
    edition = read.edition
    names = [(row.edition.code, row.edition.edition) for row in built_in_editions()]
    if (edition.code, edition.edition) in names:
        raise InvalidField(
            "/toml",
            f"code: {edition.code}-{edition.edition} is an edition of the catalogue; give yours a "
            "code of its own and name that one in based_on",
        )
    _require_no_verification(edition)
    for kept in store.own(session):
        if (kept.edition.code, kept.edition.edition) == (edition.code, edition.edition):
            if kept.text == text:
                return kept
            raise AlreadyThere(
                f"{kept.edition.name} is kept already with other words: a change is a new edition"
            )
    audit.record(
        session,
        "procedure_edition.keep",
        id_of_text(session, edition, text),
        actor_id=actor_id,
        now=now,
        said={"name": edition.name, "sha256": sha256_hex(text.encode())},
    )
    return read


def _require_no_verification(edition: ProcedureEdition) -> None:
    """Refuse to call it a verification where a regulation is departed from."""
    if not edition.deviations:
        return
    told = f"it departs from {edition.based_on} in {', '.join(edition.deviations)}"
    if edition.kind.is_verification:
        raise InvalidField("/toml", f"kind: {told}, so it is no verification: say calibration")
    for verdict, kind in edition.certificates.items():
        if kind is not CertificateKind.CALIBRATION_CERTIFICATE:
            raise InvalidField(
                "/toml", f"certificates.{verdict}: {told}: lead to a calibration_certificate"
            )


def id_of_text(session: TenantSession, edition: ProcedureEdition, text: str) -> UUID:
    """Return the id under which the book keeps an edition, word for word; keep it if it is new."""
    sha256 = sha256_hex(text.encode())
    known = store.id_of(session, sha256)
    if known is not None:
        return known
    id_ = uuid7()
    session.insert(
        ProcedureEditionRecord,
        [
            {
                "id": id_,
                "code": edition.code,
                "edition": edition.edition,
                "in_force_from": edition.in_force_from,
                "in_force_until": edition.in_force_until,
                "sha256": sha256,
                "content": text,
            }
        ],
    )
    return id_
