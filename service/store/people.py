"""Reading people and what they are authorised for."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import col, func, select

from service.errors import NotFound
from service.tables.people import ApiKey, Person, PersonAuthorisation, PersonRole
from service.tenancy import TenantSession


def authorised_until(session: TenantSession, person_id: UUID, procedure_code: str) -> date | None:
    """Return the last day on which a person may work by a procedure; None if never."""
    row = PersonAuthorisation
    return session.exec(
        select(func.max(row.valid_until)).where(
            row.person_id == person_id, row.procedure_code == procedure_code
        )
    ).one()


def authorised(session: TenantSession, procedure_code: str, *, on: date) -> Sequence[Person]:
    """Return who may work by a procedure on a day, in the order in which they joined."""
    row = PersonAuthorisation
    may = select(row.person_id).where(row.procedure_code == procedure_code, row.valid_until >= on)
    return session.exec(
        select(Person).where(col(Person.id).in_(may)).order_by(col(Person.id))
    ).all()


def of_organization(session: TenantSession) -> Sequence[Person]:
    """Return the people of the organization, in the order in which they joined."""
    return session.exec(select(Person).order_by(col(Person.id))).all()


def acting(session: TenantSession, person_id: UUID) -> Person:
    """Return the person who acts.

    Raises:
        NotFound: the organization has none of this id.
    """
    person = get(session, person_id)
    if person is None:
        raise NotFound("person", person_id)
    return person


def get(session: TenantSession, person_id: UUID) -> Person | None:
    """Return one person of the organization; None if there is none of this id."""
    return session.get(Person, (session.organization_id, person_id))


def roles(session: TenantSession) -> dict[UUID, str | None]:
    """Return the role of each person now; None for one who has left."""
    told = {person.id: person.role for person in of_organization(session)}
    given = session.exec(select(PersonRole).order_by(col(PersonRole.id)))
    return {**told, **{row.person_id: row.role for row in given}}


def role_of(session: TenantSession, person: Person) -> str | None:
    """Return the role of a person now; None for one who has left."""
    newest = session.exec(
        select(PersonRole)
        .where(PersonRole.person_id == person.id)
        .order_by(col(PersonRole.id).desc())
        .limit(1)
    ).one_or_none()
    return newest.role if newest else person.role


def authorisations(session: TenantSession) -> Sequence[PersonAuthorisation]:
    """Return what the people are authorised for, by procedure and then by date."""
    row = PersonAuthorisation
    return session.exec(
        select(row).order_by(col(row.procedure_code), col(row.valid_until), col(row.id))
    ).all()


def api_keys(session: TenantSession) -> Sequence[ApiKey]:
    """Return the organization's keys, the newest first."""
    return session.exec(select(ApiKey).order_by(col(ApiKey.id).desc())).all()


def api_key(session: TenantSession, key_id: UUID) -> ApiKey | None:
    """Return one key of the organization; None if there is none of this id."""
    return session.get(ApiKey, (session.organization_id, key_id))
