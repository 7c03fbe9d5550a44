"""Reading the procedure editions that an organization may work by: the catalogue's and its own."""

from datetime import date
from functools import lru_cache
from uuid import UUID

from sqlmodel import col, select

from procedures.edition import InForce
from service.catalogue import (
    BuiltIn,
    built_in_editions,
    compared_with_catalogue,
    edition_in_force,
    edition_named,
)
from service.errors import NotFound
from service.tables.calibrations import ProcedureEditionRecord
from service.tenancy import TenantSession


def own(session: TenantSession) -> tuple[BuiltIn, ...]:
    """Return the editions of the organization's own, by code and edition.

    A book also keeps the text of every regulation it worked by; those are the catalogue's.
    """
    row = ProcedureEditionRecord
    regulations = {(known.edition.code, known.edition.edition) for known in built_in_editions()}
    found = session.exec(select(row).order_by(col(row.code), col(row.edition))).all()
    return tuple(
        _read(kept.sha256, kept.content)
        for kept in found
        if (kept.code, kept.edition) not in regulations
    )


def id_of(session: TenantSession, sha256: str) -> UUID | None:
    """Return the id under which the book keeps a text, None where it does not."""
    row = ProcedureEditionRecord
    return session.exec(select(row.id).where(row.sha256 == sha256)).first()


@lru_cache(maxsize=1024)
def _read(sha256: str, content: str) -> BuiltIn:
    return compared_with_catalogue(content.encode(), name=sha256[:12])


def all_of_them(session: TenantSession) -> tuple[BuiltIn, ...]:
    """Return the editions of the catalogue and the organization's own."""
    return (*built_in_editions(), *own(session))


def get(session: TenantSession, code: str, edition: str) -> BuiltIn:
    """Return one edition, in force or not.

    Raises:
        NotFound: neither the catalogue nor the book has it.
    """
    for kept in own(session):
        if (kept.edition.code, kept.edition.edition) == (code, edition):
            return kept
    return edition_named(code, edition)


def in_force(session: TenantSession, code: str, *, on: date) -> BuiltIn:
    """Return the edition of a code that is in force on a day; one of the organization's own first.

    Raises:
        NotFound: there is none; the editions that ended or have not begun are named.
    """
    mine = [kept for kept in own(session) if kept.edition.code == code]
    for kept in mine:
        if kept.edition.in_force(on) is InForce.YES:
            return kept
    return edition_in_force(code, on=on, beside=mine)


def of_code(session: TenantSession, code: str) -> tuple[BuiltIn, ...]:
    """Return every edition of a code, the newest first.

    Raises:
        NotFound: there is none.
    """
    found = [row for row in all_of_them(session) if row.edition.code == code]
    if not found:
        raise NotFound("procedure", code)
    return tuple(sorted(found, key=lambda row: row.edition.edition, reverse=True))
