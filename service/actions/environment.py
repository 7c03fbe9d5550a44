"""Logging the environment of a place."""

from datetime import datetime, timedelta
from math import isfinite

from uuid_utils.compat import uuid7

from service import audit
from service.errors import InvalidField
from service.tables.people import Person
from service.tables.work_orders import EnvironmentReading
from service.tenancy import TenantSession

LATEST = timedelta(minutes=5)  # by which clocks may differ


def record(
    session: TenantSession,
    *,
    place: str,
    condition: str,
    value: float,
    unit: str,
    read_at: datetime,
    person: Person,
    now: datetime,
) -> EnvironmentReading:
    """Log one reading of a place's environment.

    Raises:
        InvalidField: the value is not finite, a name is empty, or it was not read yet.
    """
    for name, text in (("place", place), ("condition", condition), ("unit", unit)):
        if not text.strip():
            raise InvalidField(f"/{name}", "is missing")
    if not isfinite(value):
        raise InvalidField("/value", f"{value} is not a finite number")
    if read_at.tzinfo is None or read_at > now + LATEST:
        raise InvalidField("/read_at", f"{read_at} is no moment of the past with its time zone")
    row = EnvironmentReading(
        organization_id=session.organization_id,
        id=uuid7(),
        place=place.strip(),
        condition=condition.strip(),
        value=value,
        unit=unit.strip(),
        person_id=person.id,
        read_at=read_at,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, "environment.read", row.id, actor_id=person.id, now=now,
        said={"place": row.place, "condition": row.condition, "value": repr(value)},
    )  # fmt: skip
    return row
