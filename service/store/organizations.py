"""Reading organizations and what they are authorised to do; both are known to all."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import col, select

from service.tables.organizations import Authorisation, Organization
from service.tenancy import TenantSession


def all_of_them(session: TenantSession) -> Sequence[Organization]:
    """Return every organization, by code."""
    return session.exec(select(Organization).order_by(col(Organization.code))).all()


def own(session: TenantSession) -> Organization:
    """Return the organization whose book it is."""
    return session.get_one(Organization, session.organization_id)


def authorisations(
    session: TenantSession, holder_id: UUID, *, procedure_code: str, on: date
) -> Sequence[Authorisation]:
    """Return what authorised an organization for a procedure on a day."""
    row = Authorisation
    rows = session.exec(
        select(row)
        .where(row.holder_id == holder_id, row.valid_from <= on, row.valid_until >= on)
        .order_by(col(row.number))
    )
    return [found for found in rows if procedure_code in found.scope]
