"""What an item found out of tolerance on the bench asks for: the recall of what rests on it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from procedures.conformity import Verdict
from procedures.method import MethodResult, ProcedureEdition
from service.actions import figures, recalls
from service.affected import Fault
from service.clock import day_of
from service.store import calibrations as calibration_store
from service.store import recalls as store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tenancy import TenantSession

DAY = timedelta(days=1)


def suggest_recall(
    session: TenantSession,
    item: Item,
    row: Calibration,
    found: MethodResult | None,
    previous: Calibration | None,
    earlier_ids: Sequence[UUID],
    *,
    edition: ProcedureEdition,
    actor_id: UUID,
    now: datetime,
) -> dict[str, str] | None:
    """Suggest the recall of what rests on an item found out of tolerance; return what was done.

    One worksheet has one recall: measured anew, what it suggested before is dropped; what a person
    has confirmed meanwhile stands.

    Args:
        found: as the item was found; None of a new one.
        previous: the calibration on which its users relied.
        earlier_ids: what the worksheet recorded before, and was sent back.
    """
    for suggested in store.suggested_by(session, earlier_ids):
        decided = store.decision(session, suggested.recall_id)
        if decided is None:
            recalls.decide(
                session, suggested.recall_id, confirms=False,
                reason=f"measured anew as {row.id}", actor_id=actor_id, now=now,
            )  # fmt: skip
        elif decided.decision == "confirmed":
            return {"recall_id": str(suggested.recall_id)}
    if found is None or previous is None or found.verdict is not Verdict.FAIL:
        return None
    if not calibration_store.is_used(session, previous.id):
        return {"none": "nothing_rests"}
    fault = _fault(session, item, previous, found, edition, found_on=day_of(now))
    if fault is None:
        return {"none": "other_unit", "calibration_id": str(previous.id)}
    opened = recalls.suggest(
        session, previous.id, fault, found_by_id=row.id, actor_id=actor_id, now=now
    )
    return {"recall_id": str(opened.id)}


def _fault(
    session: TenantSession,
    item: Item,
    previous: Calibration,
    found: MethodResult,
    edition: ProcedureEdition,
    *,
    found_on: date,
) -> Fault | None:
    """Return how wrong an item was found, in the unit of its calibration; None if it cannot be.

    It was good on the day of its newest calibration that does not say otherwise; where none is on
    record every use of its last one is in doubt.
    """
    unit = previous.interval_unit or found.unit
    told = figures.errors_found(found, edition, unit)
    if told is None:
        return None
    good_on = _last_good_on(session, item, previous) or previous.performed_on - DAY
    return Fault(
        last_good_on=min(good_on, found_on - DAY),
        found_on=found_on,
        as_found=told[0],
        unit=unit,
        standard_uncertainty=told[1],
    )


def _last_good_on(session: TenantSession, item: Item, previous: Calibration) -> date | None:
    for row in calibration_store.of_item(session, item.id):
        has_ended = calibration_store.supersession(session, row.id) is not None
        if has_ended or row.performed_on > previous.performed_on or row.track != previous.track:
            continue
        stated = calibration_store.conformity_statements(session, row.id)
        if all(said.verdict == Verdict.PASS for said in stated):
            return row.performed_on
    return None
