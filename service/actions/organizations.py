"""Creating organizations and their people: the operator's work, done as the database's owner."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session
from uuid_utils.compat import uuid7

from service import audit
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
