"""Reading the register of accredited capabilities."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from service.errors import NotFound
from service.tables.capabilities import MeasurementCapability
from service.tenancy import TenantSession


def get(session: TenantSession, capability_id: UUID) -> MeasurementCapability:
    """Return one line of the register.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(MeasurementCapability, (session.organization_id, capability_id))
    if row is None:
        raise NotFound("capability", capability_id)
    return row


def in_register(session: TenantSession) -> Sequence[MeasurementCapability]:
    """Return the lines that no other supersedes, past ones too, by quantity and range."""
    row, later = MeasurementCapability, aliased(MeasurementCapability)
    return session.exec(
        select(row)
        .outerjoin(later, col(later.supersedes_id) == col(row.id))
        .where(col(later.id).is_(None))
        .order_by(col(row.quantity), col(row.unit), col(row.lower), col(row.id))
    ).all()


def in_force(
    session: TenantSession, *, quantity: str | None, procedure_code: str | None, on: date
) -> Sequence[MeasurementCapability]:
    """Return the lines for a quantity and procedure that hold on a day."""
    row, later = MeasurementCapability, aliased(MeasurementCapability)
    return session.exec(
        select(row)
        .outerjoin(later, col(later.supersedes_id) == col(row.id))
        .where(
            col(later.id).is_(None),
            col(row.quantity) == quantity,
            or_(col(row.procedure_code).is_(None), col(row.procedure_code) == procedure_code),
            col(row.valid_from) <= on,
            or_(col(row.valid_until).is_(None), col(row.valid_until) >= on),
        )
        .order_by(col(row.lower), col(row.id))
    ).all()
