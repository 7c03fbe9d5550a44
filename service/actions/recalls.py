"""Recalling what a standard out of tolerance affected: open, tell the customers, settle, close.

A person opens a recall, or confirms one that a measurement of the standard suggested. What a
recall found is kept as it was found. Whether an item is settled is asked anew each time, for the
new calibration must not rest on the same fault.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from certificates.notice_wording import out_of_tolerance_wording
from certificates.wording import Bilingual
from service import audit
from service.actions import notices
from service.affected import Fault, RecallList, recall
from service.clock import day_of
from service.errors import AlreadyThere, InvalidField, NotFound, RecallNotOpen
from service.outbox import announce
from service.store import recalls as store
from service.tables.calibrations import Calibration
from service.tables.exchange import Delivery
from service.tables.recalls import (
    RecallCalibration,
    RecallCase,
    RecallClosing,
    RecallDecision,
    RecallRecord,
    RecallSuggestion,
)
from service.tenancy import TenantSession
from traceability.impact import AffectedResult, DriftAssumption


def open_recall(
    session: TenantSession,
    calibration_id: UUID,
    fault: Fault,
    *,
    assumption: DriftAssumption,
    actor_id: UUID,
    now: datetime,
) -> RecallRecord:
    """Record that a standard was out of tolerance, and every result of the book it affected.

    Args:
        calibration_id: the standard's, by its id of the book or of the reference layer.
        fault: with its unit, the standard's own.

    Raises:
        NotFound: neither the book nor the reference layer has the calibration.
        InvalidField: the errors are in another unit than the standard, or in none.
        InvalidValue: the days or the points are in disorder.
    """
    row = _enter(
        session, calibration_id, fault, action="recall.opened", assumption=assumption,
        actor_id=actor_id, now=now,
    )  # fmt: skip
    _announce_opened(session, row, now=now)
    return row


def suggest(
    session: TenantSession,
    calibration_id: UUID,
    fault: Fault,
    *,
    found_by_id: UUID,
    actor_id: UUID,
    now: datetime,
) -> RecallRecord:
    """Open a recall, with its numbers, for a person to confirm or to drop.

    No customer is told meanwhile. Until somebody knows better the errors are taken as there from
    the day after the last good one.

    Args:
        found_by_id: the measurement of the standard that found it out of tolerance.

    Raises: as `open_recall`.
    """
    row = _enter(
        session, calibration_id, fault, action="recall.suggested",
        assumption=DriftAssumption.STEP_AT_START, actor_id=actor_id, now=now,
    )  # fmt: skip
    session.insert(RecallSuggestion, [{"recall_id": row.id, "found_by_id": found_by_id}])
    told = {"recall_id": row.id, "calibration_id": calibration_id, "found_by_id": found_by_id}
    announce(session, "recall.suggested", {name: str(id_) for name, id_ in told.items()}, now=now)
    return row


def decide(
    session: TenantSession,
    recall_id: UUID,
    *,
    confirms: bool,
    reason: str = "",
    actor_id: UUID,
    now: datetime,
) -> RecallDecision:
    """Go through with a suggested recall, or drop it; dropped it stays on record, with the reason.

    Confirmed, it lists what was entered since, too.

    Raises:
        NotFound: the book has no such recall.
        AlreadyThere: it needs no decision, or has one.
        InvalidField: it is dropped, and no reason is given.
    """
    session.lock_book()
    row = store.get(session, recall_id)
    _require_undecided(session, recall_id)
    if not confirms and not reason.strip():
        raise InvalidField("/reason", "say why nothing is recalled")
    decision = RecallDecision(
        organization_id=session.organization_id,
        recall_id=recall_id,
        decision="confirmed" if confirms else "dropped",
        reason=reason.strip(),
        person_id=actor_id,
        decided_at=now,
    )
    session.add(decision)
    session.flush()
    audit.record(
        session, f"recall.{decision.decision}", recall_id, actor_id=actor_id, now=now,
        said={"reason": decision.reason},
    )  # fmt: skip
    if confirms:
        extend(session, recall_id, actor_id=actor_id, now=now)
        _announce_opened(session, row, now=now)
    else:
        announce(session, "recall.dropped", {"recall_id": str(recall_id)}, now=now)
    return decision


def extend(session: TenantSession, recall_id: UUID, *, actor_id: UUID, now: datetime) -> int:
    """List what has been entered since the recall was opened and is affected too; return how many.

    Raises:
        NotFound: the book has no such recall.
        RecallNotOpen: nobody has confirmed it, or it was dropped.
    """
    row = _open_one(session, recall_id)
    listed = _list_affected(session, recall_id, found_now(session, row, now=now), now=now)
    if listed:
        audit.record(
            session, "recall.extended", recall_id, actor_id=actor_id, now=now,
            said={"calibrations": str(listed)},
        )  # fmt: skip
    return listed


def send_letters(
    session: TenantSession, recall_id: UUID, *, actor_id: UUID, now: datetime
) -> list[Delivery]:
    """Send each customer the notice of its affected results; what it was told is not told again.

    Raises:
        NotFound, RecallNotOpen: as `extend`.
    """
    row = _open_one(session, recall_id)
    told = {(letter.recipient_id, letter.subject_id) for letter in store.letters(session, row.id)}
    waiting: defaultdict[UUID, list[RecallCalibration]] = defaultdict(list)
    for affected, _calibration, _item in store.calibrations(session, row.id):
        customer_id = affected.customer_id
        if customer_id is not None and (customer_id, affected.calibration_id) not in told:
            waiting[customer_id].append(affected)
    return [
        notices.send(
            session,
            customer_id,
            letter(session, row, {one.calibration_id for one in affected}),
            subject_ids={row.id, *(one.calibration_id for one in affected)},
            actor_id=actor_id,
            now=now,
        )
        for customer_id, affected in sorted(waiting.items())
    ]


def close_item(
    session: TenantSession,
    recall_id: UUID,
    item_id: UUID,
    *,
    statement: str | None = None,
    actor_id: UUID,
    now: datetime,
) -> RecallClosing:
    """Settle an item: by its new calibration or, where a statement says how, without one.

    Raises:
        NotFound: the book has no such recall, or it does not affect the item.
        RecallNotOpen: nobody has confirmed the recall, or it was dropped.
        AlreadyThere: the item is settled already.
        InvalidField: no statement is given, and the item has not been calibrated anew from what
            the recall leaves untouched; or the statement is empty.
    """
    row = _open_one(session, recall_id)
    if item_id not in {one.item_id for one, _, _ in store.calibrations(session, recall_id)}:
        raise NotFound("affected item", item_id)
    if item_id in {closing.item_id for closing in store.closings(session, recall_id)}:
        raise AlreadyThere(f"item {item_id} is settled already")
    if statement is not None and not statement.strip():
        raise InvalidField("/statement", "say how the item was settled")
    calibration_id = None
    if statement is None:
        calibration_id = settled_by(session, row, now=now).get(item_id)
        if calibration_id is None:
            raise InvalidField("/item_id", "the item has not been calibrated anew from elsewhere")
    closing = RecallClosing(
        organization_id=session.organization_id,
        recall_id=recall_id,
        item_id=item_id,
        calibration_id=calibration_id,
        statement=statement,
        closed_at=now,
    )
    session.add(closing)
    session.flush()
    audit.record(
        session, "recall.item_closed", recall_id, actor_id=actor_id, now=now,
        said={"item_id": str(item_id),
              "by": statement if statement is not None else str(calibration_id)},
    )  # fmt: skip
    _close_if_all_are(session, recall_id, actor_id=actor_id, now=now)
    return closing


def close_calibrated_anew(
    session: TenantSession, recall_id: UUID, *, actor_id: UUID, now: datetime
) -> list[RecallClosing]:
    """Settle every open item that has been calibrated anew from what the recall leaves untouched.

    Raises:
        NotFound, RecallNotOpen: as `extend`.
    """
    row = _open_one(session, recall_id)
    closed = {closing.item_id for closing in store.closings(session, recall_id)}
    new = settled_by(session, row, now=now)
    return [
        close_item(session, recall_id, item_id, actor_id=actor_id, now=now)
        for item_id in sorted(new.keys() - closed)
    ]


def found_now(session: TenantSession, row: RecallRecord, *, now: datetime) -> RecallList:
    """Return what a recall finds by what the book knows at a moment."""
    return recall(
        session,
        row.calibration_id or row.published_id,  # type: ignore[arg-type]  # a checked pair
        Fault(
            last_good_on=row.last_good_on,
            found_on=row.found_on,
            as_found=tuple((value, error) for value, error in row.as_found),
            unit=row.unit,
            standard_uncertainty=row.standard_uncertainty,
        ),
        assumption=DriftAssumption(row.assumption),
        on=day_of(now),
        known_at=now,
    )


def settled_by(session: TenantSession, row: RecallRecord, *, now: datetime) -> dict[UUID, UUID]:
    """Return the new calibration of each affected item of which every affected one was replaced."""
    replaced = found_now(session, row, now=now).calibrated_anew
    by_item: defaultdict[UUID, list[UUID | None]] = defaultdict(list)
    for affected, _calibration, _item in store.calibrations(session, row.id):
        by_item[affected.item_id].append(replaced.get(affected.calibration_id))
    return {
        item_id: new[-1]
        for item_id, new in by_item.items()
        if new[-1] is not None and None not in new
    }


def letter(session: TenantSession, row: RecallRecord, calibration_ids: set[UUID]) -> dict[str, Any]:
    """Return the notice of what a recall makes of some calibrations of one customer."""
    standard = store.standard(session, row)
    number = store.certificate_number(session, standard)
    listed = {
        calibration.id: (affected, calibration)
        for affected, calibration, _item in store.calibrations(session, row.id)
        if calibration.id in calibration_ids
    }
    named = {
        id_: {
            "calibration_id": str(id_),
            "item_name_zh": calibration.item_name_zh,
            "item_name_en": calibration.item_name_en,
            "certificate_number": store.certificate_number(session, calibration),
        }
        for id_, (_affected, calibration) in listed.items()
    }
    cases = [case for case in store.cases(session, row.id) if case.calibration_id in listed]
    numbered = f" ({number})" if number else ""
    message = out_of_tolerance_wording(
        Bilingual(f"{standard.item_name_zh}{numbered}", f"{standard.item_name_en}{numbered}"),
        found_on=row.found_on.isoformat(),
        last_good_on=row.last_good_on.isoformat(),
        results=len(cases),
        overturned=sum(map(store.is_overturned, cases)),
    )
    return {
        "kind": "out_of_tolerance",
        "message_zh": message.zh,
        "message_en": message.en,
        "recall_id": str(row.id),
        "standard_zh": standard.item_name_zh,
        "standard_en": standard.item_name_en,
        "certificate_number": number,
        "unit": row.unit,
        "last_good_on": row.last_good_on.isoformat(),
        "found_on": row.found_on.isoformat(),
        "as_found": row.as_found,
        "assumption": row.assumption,
        "affected": [
            named[case.calibration_id]
            | {name: getattr(case, name) for name in CASE}
            | {"result_id": str(case.result_id)}
            for case in cases
        ],
        "unjudged": [named[id_] for id_, (affected, _) in listed.items() if not affected.is_judged],
    }


CASE = (
    "unit",
    "value",
    "error",
    "shift",
    "corrected_error",
    "standard_uncertainty",
    "maximum_permissible_error",
    "recorded_verdict",
    "corrected_verdict",
    "probability_of_nonconformity",
)


def _enter(
    session: TenantSession,
    calibration_id: UUID,
    fault: Fault,
    *,
    action: str,
    assumption: DriftAssumption,
    actor_id: UUID,
    now: datetime,
) -> RecallRecord:
    """Write a recall and every result it affects; raises as `open_recall`."""
    if fault.unit is None:
        raise InvalidField("/unit", "say in which unit the errors were found")
    found = recall(
        session, calibration_id, fault, assumption=assumption, on=day_of(now), known_at=now
    )
    root_id = found.root.calibration_id
    is_own = session.get(Calibration, (session.organization_id, root_id)) is not None
    row = RecallRecord(
        organization_id=session.organization_id,
        calibration_id=root_id if is_own else None,
        published_id=None if is_own else root_id,
        last_good_on=fault.last_good_on,
        found_on=fault.found_on,
        unit=fault.unit,
        as_found=[list(point) for point in fault.as_found],
        standard_uncertainty=fault.standard_uncertainty,
        assumption=assumption.value,
        opened_at=now,
    )
    session.add(row)
    session.flush()
    listed = _list_affected(session, row.id, found, now=now)
    audit.record(
        session, action, row.id, actor_id=actor_id, now=now,
        said={"calibration_id": str(root_id), "calibrations": str(listed),
              "results": str(len(found.recall.affected))},
    )  # fmt: skip
    return row


def _announce_opened(session: TenantSession, row: RecallRecord, *, now: datetime) -> None:
    standard_id = row.calibration_id or row.published_id
    told = {"recall_id": str(row.id), "calibration_id": str(standard_id)}
    announce(session, "recall.opened", told, now=now)


def _require_undecided(session: TenantSession, recall_id: UUID) -> None:
    if store.suggestion(session, recall_id) is None:
        raise AlreadyThere(f"recall {recall_id} was opened by a person, and needs no decision")
    if known := store.decision(session, recall_id):
        raise AlreadyThere(f"recall {recall_id} is {known.decision} already")


def _open_one(session: TenantSession, recall_id: UUID) -> RecallRecord:
    """Return a recall that something may be done about. Raises NotFound or RecallNotOpen."""
    row = store.get(session, recall_id)
    suggestion, decision = store.suggestion(session, recall_id), store.decision(session, recall_id)
    begun = store.standing(suggestion, decision)
    if begun != "open":
        raise RecallNotOpen(begun)
    return row


def _list_affected(
    session: TenantSession, recall_id: UUID, found: RecallList, *, now: datetime
) -> int:
    """Write what a recall affects and does not list yet; return how many calibrations that is."""
    unjudged = found.unjudged()
    cases: defaultdict[UUID, list[AffectedResult]] = defaultdict(list)
    for case in found.recall.affected:
        cases[case.result.calibration_id].append(case)
    listed = {one.calibration_id for one, _, _ in store.calibrations(session, recall_id)}
    affected = (unjudged | cases.keys()) - listed
    items = store.items_of(session, affected)
    session.insert(
        RecallCalibration,
        [
            {
                "recall_id": recall_id,
                "calibration_id": id_,
                "item_id": item_id,
                "customer_id": customer_id,
                "path": [str(step) for step in found.recall.paths[id_]],
                "is_judged": id_ not in unjudged,
                "listed_at": now,
            }
            for id_, (item_id, customer_id) in items.items()
        ],
    )
    session.insert(
        RecallCase,
        [
            _case_row(case, found.units) | {"recall_id": recall_id}
            for id_ in items
            for case in cases[id_]
        ],
    )
    return len(items)


def _case_row(case: AffectedResult, units: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "result_id": case.result.result_id,
        "calibration_id": case.result.calibration_id,
        "unit": units[case.result.result_id],
        "value": case.result.value,
        "error": case.result.error,
        "shift": case.shift,
        "corrected_error": case.corrected_error,
        "standard_uncertainty": case.standard_uncertainty,
        "maximum_permissible_error": case.result.limit,
        "recorded_verdict": case.recorded_verdict.value,
        "corrected_verdict": case.corrected_verdict.value,
        "probability_of_nonconformity": case.probability_of_nonconformity,
    }


def _close_if_all_are(
    session: TenantSession, recall_id: UUID, *, actor_id: UUID, now: datetime
) -> None:
    items = {one.item_id for one, _, _ in store.calibrations(session, recall_id)}
    if items == {closing.item_id for closing in store.closings(session, recall_id)}:
        audit.record(session, "recall.closed", recall_id, actor_id=actor_id, now=now)
        announce(session, "recall.closed", {"recall_id": str(recall_id)}, now=now)
