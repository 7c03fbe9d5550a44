"""Which standards of an organization may be used on a day, and which it is blocked from using.

A blocked standard is not used; it is still checked, calibrated and adjusted, as any other item.
"""

from datetime import date, datetime
from uuid import UUID

from service.actions.calibrations import permissible_error
from service.errors import StandardNotUsable
from service.store import calibrations as store
from service.store import items as item_store
from service.tables.items import Item
from service.tenancy import TenantSession
from traceability.graph import MAIN_TRACK, Basis, MeasuringInterval
from traceability.standards import Candidate, Ineligibility, Proposal, propose_standards


def candidates_of(
    session: TenantSession, *, quantity: str, on: date, known_at: datetime
) -> list[Candidate]:
    """Return the standards of a quantity that were ever calibrated, as they stand."""
    found = (
        _candidate(session, standard, on=on, known_at=known_at)
        for standard in item_store.standards(session, quantity=quantity)
    )
    return [candidate for candidate in found if candidate is not None]


def require_usable(
    session: TenantSession,
    calibration_id: UUID,
    item: Item,
    *,
    interval: MeasuringInterval | None,
    basis: Basis,
    ratio_limit: float | None,
    on: date,
    known_at: datetime,
    pointer: str,
) -> Proposal:
    """Return what is to be said of a standard that was chosen, if it may be used.

    Raises:
        NotFound: the book has no such calibration of a standard.
        StandardNotUsable: it may not, for the reasons told; or another calibration of it is in
            force by now, so that what was read rests on a certificate that no longer holds.
    """
    row = store.get(session, calibration_id)
    standard = item_store.get(session, row.item_id or calibration_id)
    candidate = _candidate(session, standard, on=on, known_at=known_at)
    if standard.id == item.id or candidate is None:
        raise StandardNotUsable(pointer, standard.name_en, ["nothing is measured by itself"])
    (proposal,) = propose_standards(
        [candidate],
        interval=interval,
        on=on,
        user_mpe=permissible_error(item),
        ratio_limit=ratio_limit,
        basis=basis,
    )
    reasons = [reason.value for reason in proposal.reasons]
    if candidate.link.calibration_id != calibration_id:
        reasons.append(Ineligibility.SUPERSEDED.value)
    if reasons:
        raise StandardNotUsable(pointer, standard.name_en, list(dict.fromkeys(reasons)))
    return proposal


def _candidate(
    session: TenantSession, standard: Item, *, on: date, known_at: datetime
) -> Candidate | None:
    """Return a standard with the calibration that counts on a day, in force or the last one."""
    row = store.in_force(session, standard.id, on=on, known_at=known_at)
    in_force = row is not None
    if row is None:
        row = next(
            (
                earlier
                for earlier in store.of_item(session, standard.id)
                if earlier.track == MAIN_TRACK and earlier.performed_on <= on
            ),
            None,
        )
    if row is None:
        return None
    verdicts = {said.verdict for said in store.conformity_statements(session, row.id)}
    return Candidate(
        link=store.links_of(session, [row.id], known_at=known_at)[0],
        maximum_permissible_error=permissible_error(standard),
        state=standard.status,
        has_failed=not in_force and "fail" in verdicts,
    )
