"""Entering accredited capabilities, and ending them; nothing of the register is overwritten."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from procedures.capability import Capability
from procedures.errors import InvalidInput
from service import audit
from service.errors import AlreadyThere, InvalidField
from service.store import capabilities as store
from service.tables.capabilities import MeasurementCapability
from service.tenancy import TenantSession

KEPT = ("quantity", "procedure_code", "lower", "upper", "unit", "expression", "uncertainty_unit",
        "accreditation", "valid_from", "is_demonstration")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One line of a scope of accreditation, as it is entered; `MeasurementCapability` says what."""

    quantity: str
    lower: float
    upper: float
    unit: str
    expression: str
    accreditation: str
    valid_from: date
    valid_until: date | None = None
    uncertainty_unit: str = ""
    procedure_code: str | None = None
    note: str = ""


def capability_of(row: MeasurementCapability) -> Capability:
    """Return what a line of the register says, as `procedures` calculates with it."""
    return Capability(
        lower=row.lower,
        upper=row.upper,
        unit=row.unit,
        expression=row.expression,
        uncertainty_unit=row.uncertainty_unit,
    )


def add(
    session: TenantSession,
    scope: Scope,
    *,
    actor_id: UUID,
    now: datetime,
    supersedes_id: UUID | None = None,
    is_demonstration: bool = False,
) -> MeasurementCapability:
    """Enter a line of the register; one that it supersedes holds no longer, and never did.

    Args:
        scope: U is in the unit of the range where its own is left out.

    Raises:
        NotFound: there is no line to be superseded.
        AlreadyThere: another line supersedes that one already.
        InvalidField: a text is missing, the range or the days are upside down, a unit is none, or
            the expression is not one of `value` that is above zero in the range.
    """
    _require_texts(scope)
    if scope.valid_until is not None and scope.valid_until < scope.valid_from:
        raise InvalidField("/valid_until", "lies before the first day")
    if supersedes_id is not None:
        store.get(session, supersedes_id)
    row = MeasurementCapability(
        organization_id=session.organization_id,
        id=uuid7(),
        quantity=scope.quantity.strip(),
        procedure_code=(scope.procedure_code or "").strip() or None,
        lower=scope.lower,
        upper=scope.upper,
        unit=scope.unit.strip(),
        expression=scope.expression.strip(),
        uncertainty_unit=scope.uncertainty_unit.strip() or scope.unit.strip(),
        accreditation=scope.accreditation.strip(),
        valid_from=scope.valid_from,
        valid_until=scope.valid_until,
        supersedes_id=supersedes_id,
        note=scope.note.strip(),
        is_demonstration=is_demonstration,
        recorded_by=actor_id,
        recorded_at=now,
    )
    try:
        capability_of(row)
    except InvalidInput as error:
        raise InvalidField(f"/{error.field}", error.reason) from error
    return _keep(session, row, "entered", actor_id=actor_id, now=now)


def end(
    session: TenantSession,
    capability_id: UUID,
    *,
    last_on: date,
    reason: str,
    actor_id: UUID,
    now: datetime,
) -> MeasurementCapability:
    """End a line of the register with a day, the last on which it holds.

    Raises:
        NotFound: there is no such line.
        AlreadyThere: another line supersedes it already.
        InvalidField: no reason is given, or the day lies before its first, or after its last.
    """
    before = store.get(session, capability_id)
    if not reason.strip():
        raise InvalidField("/reason", "is missing")
    if last_on < before.valid_from:
        raise InvalidField("/last_on", f"it begins on {before.valid_from}")
    if before.valid_until is not None and before.valid_until < last_on:
        raise InvalidField("/last_on", f"it ends on {before.valid_until} already")
    row = MeasurementCapability(
        organization_id=session.organization_id,
        id=uuid7(),
        **{name: getattr(before, name) for name in KEPT},
        valid_until=last_on,
        supersedes_id=before.id,
        note=reason.strip(),
        recorded_by=actor_id,
        recorded_at=now,
    )
    return _keep(session, row, "ended", actor_id=actor_id, now=now)


def _keep(
    session: TenantSession,
    row: MeasurementCapability,
    became: str,
    *,
    actor_id: UUID,
    now: datetime,
) -> MeasurementCapability:
    session.lock_book()
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise AlreadyThere("another line supersedes this one already") from error
    audit.record(
        session, f"capability.{became}", row.id, actor_id=actor_id, now=now,
        said={"quantity": row.quantity, "accreditation": row.accreditation,
              "supersedes_id": str(row.supersedes_id or "")},
    )  # fmt: skip
    return row


def _require_texts(scope: Scope) -> None:
    for name in ("quantity", "unit", "expression", "accreditation"):
        if not getattr(scope, name).strip():
            raise InvalidField(f"/{name}", "is missing")
