"""Creating organizations and their people: the operator's work, done as the database's owner."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, select
from uuid_utils.compat import uuid7

from service import audit
from service.errors import InvalidField, NotFound
from service.tables.organizations import Authorisation, Organization
from service.tables.people import Identity, Person, PersonAuthorisation
from service.tenancy import TenantSession


def create_organization(
    session: Session, *, authorisations: Sequence[Mapping[str, Any]] = (), **facts: Any
) -> Organization:
    """Create a tenant, with what authorities let it do; `session` is the owner's.

    Args:
        session: of the owner of the tables; tenants may not create one another.
        authorisations: the columns of `Authorisation`, but for the holder.
        facts: the columns of `Organization`.
    """
    organization = Organization(**facts)
    session.add(organization)
    session.flush()
    session.add_all(Authorisation(holder_id=organization.id, **row) for row in authorisations)
    session.flush()
    return organization


def change(session: Session, code: str, facts: Mapping[str, str]) -> dict[str, str]:
    """Change names, address or contact; return what was and is. `session` is the owner's.

    Raises:
        NotFound: the code is nobody's.
        InvalidField: a fact is empty.
    """
    row = _named(session, code)
    for name, text in facts.items():
        if not text.strip():
            raise InvalidField(f"/{name}", "is missing")
    told = {name: text.strip() for name, text in facts.items()}
    changed = {name: text for name, text in told.items() if getattr(row, name) != text}
    said = {name: f"{getattr(row, name)} → {text}" for name, text in changed.items()}
    row.sqlmodel_update(changed)
    session.flush()
    return said


def note_change(
    session: TenantSession, said: Mapping[str, str], *, actor_id: UUID, now: datetime
) -> None:
    """Keep in the organization's own audit log what the operator changed of it."""
    if said:
        mine = session.organization_id
        audit.record(
            session, "organization.changed", mine, actor_id=actor_id, now=now, said=dict(said)
        )


def authorise(
    session: Session,
    code: str,
    *,
    number: str,
    kind_zh: str,
    scope: Sequence[str],
    valid_from: date,
    valid_until: date,
) -> Authorisation:
    """Put on record what an authority lets an organization do; `session` is the owner's.

    Args:
        code: the organization's.
        number: of the certificate of accreditation or authorisation, as certificates print it.
        scope: codes of procedures, such as "JJG 52".

    Raises:
        NotFound: the code is nobody's.
        InvalidField: it ends before it begins, is for nothing, or has no number or kind.
    """
    holder = _named(session, code)
    codes = [text.strip() for text in scope if text.strip()]
    if not codes:
        raise InvalidField("/scope", "name the procedures that it is for")
    if valid_until < valid_from:
        raise InvalidField("/valid_until", f"{valid_until} is before {valid_from}")
    for name, text in (("number", number), ("kind_zh", kind_zh)):
        if not text.strip():
            raise InvalidField(f"/{name}", "is missing")
    row = Authorisation(
        holder_id=holder.id, number=number.strip(), kind_zh=kind_zh.strip(), scope=codes,
        valid_from=valid_from, valid_until=valid_until,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _named(session: Session, code: str) -> Organization:
    row = session.exec(select(Organization).where(Organization.code == code)).one_or_none()
    if row is None:
        raise NotFound("organization", code)
    return row


def create_identity(session: Session, *, now: datetime, identity_id: UUID | None = None) -> UUID:
    """Register one human; `session` is the owner's."""
    identity = Identity(id=identity_id or uuid7(), created_at=now)
    session.add(identity)
    session.flush()
    return identity.id


def add_person(
    session: TenantSession,
    identity_id: UUID,
    *,
    actor_id: UUID,
    now: datetime,
    authorised: Mapping[str, date],
    **facts: Any,
) -> Person:
    """Make a human a member of the organization, authorised for procedures until a date each."""
    mine = session.organization_id
    person = Person(organization_id=mine, identity_id=identity_id, **facts)
    session.add(person)
    session.flush()
    session.insert(
        PersonAuthorisation,
        [
            {"id": uuid7(), "person_id": person.id, "procedure_code": code, "valid_until": until}
            for code, until in authorised.items()
        ],
    )
    audit.record(session, "person.added", person.id, actor_id=actor_id, now=now)
    return person
