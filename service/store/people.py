"""Reading people and what they are authorised for."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import col, func, select

from service.tables.people import Person, PersonAuthorisation
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


def get(session: TenantSession, person_id: UUID) -> Person | None:
    """Return one person of the organization; None if there is none of this id."""
    return session.get(Person, (session.organization_id, person_id))
