"""Setting periods and due dates, and recording what befalls an item: each a new fact."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from service import audit
from service.actions import due
from service.clock import day_of
from service.due_dates import plans_of
from service.errors import InvalidField, NotFound
from service.store import items as item_store
from service.store import people as people_store
from service.store import schedule as store
from service.tables.schedule import DueOverride, ItemEvent, PeriodPolicy
from service.tenancy import TenantSession
from traceability.schedule import Activity, Override, require_allowed

STATES = {"sealed": "sealed", "unsealed": "in_use"}  # in which an event leaves an item


def set_period(
    session: TenantSession,
    *,
    activity: str,
    rule: str,
    subject: str,
    months: int | None,
    usage_limit: float | None,
    usage_unit: str | None,
    source: str,
    actor_id: UUID,
    now: datetime,
) -> PeriodPolicy:
    """Set a period for all items, a type, a level or one item; the newest of its kind holds.

    Raises:
        NotFound: the subject is an item that the ledger has not.
        InvalidField: the rule has no subject, or the subject is no item's id.
    """
    if rule == "item":
        item_store.get(session, _item_id(subject))
    if (rule == "organization") != (subject == ""):
        raise InvalidField("/subject", "name what the period is for; for all items, nothing")
    if (usage_limit is None) != (usage_unit is None):
        raise InvalidField("/usage_unit", "a limit of use and its unit come together")
    policy = PeriodPolicy(
        organization_id=session.organization_id,
        activity=activity,
        rule=rule,
        subject=subject,
        months=months,
        usage_limit=usage_limit,
        usage_unit=usage_unit,
        source=source,
        recorded_by=actor_id,
        recorded_at=now,
    )
    session.add(policy)
    session.flush()
    due.derive_when_written(session, _concerned(session, rule, subject))
    told = {"activity": activity, "rule": rule, "subject": subject, "months": str(months)}
    audit.record(session, "period.set", policy.id, actor_id=actor_id, now=now, said=told)
    return policy


def override(
    session: TenantSession,
    item_id: UUID,
    *,
    activity: str,
    valid_until: date,
    reason: str,
    approved_by: UUID,
    actor_id: UUID,
    now: datetime,
) -> DueOverride:
    """Set the due date of an item until it is done next, with the reason and who approved it.

    Raises:
        NotFound: the ledger has no such item, the organization no such person.
        InvalidField: the item has no such activity.
        LegalPeriodExceeded: the law sets the period, and ends it sooner.
    """
    if people_store.get(session, approved_by) is None:
        raise NotFound("person", approved_by)
    today = day_of(now)
    histories = store.histories(session, on=today, item_ids=[item_id])
    if not histories:
        raise NotFound("item", item_id)
    plans = plans_of(histories[0], store.policies(session), on=today)
    plan = next((plan for plan in plans if plan.activity is Activity(activity)), None)
    if plan is None:
        raise InvalidField("/activity", f"the item has no plan for {activity}")
    require_allowed(
        plan,
        Override(
            valid_until=valid_until, recorded_on=today, reason=reason, approved_by=approved_by
        ),
    )
    row = DueOverride(
        organization_id=session.organization_id,
        item_id=item_id,
        activity=activity,
        valid_until=valid_until,
        reason=reason,
        approved_by=approved_by,
        recorded_on=today,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    due.derive_when_written(session, [item_id])
    told = {"valid_until": str(valid_until), "reason": reason}
    audit.record(session, "due.overridden", item_id, actor_id=actor_id, now=now, said=told)
    return row


def record_event(
    session: TenantSession,
    item_id: UUID,
    *,
    kind: str,
    happened_on: date,
    note: str,
    value: float | None,
    unit: str | None,
    actor_id: UUID,
    now: datetime,
) -> ItemEvent:
    """Record a check, a maintenance, a repair, storage or a usage reading of an item.

    One that is sealed is in that state from then on, one that is unsealed in use.

    Raises:
        NotFound: the ledger has no such item.
        InvalidField: the day lies ahead, or value and unit do not belong to the kind.
    """
    item = item_store.get(session, item_id)
    if happened_on > day_of(now):
        raise InvalidField("/happened_on", f"{happened_on} has not come yet")
    if (kind == "usage") != (value is not None) or (value is None) != (unit is None):
        raise InvalidField("/value", "a usage reading has a value and a unit; nothing else has")
    event = ItemEvent(
        organization_id=session.organization_id,
        item_id=item_id,
        kind=kind,
        happened_on=happened_on,
        note=note,
        value=value,
        unit=unit,
        recorded_by=actor_id,
        recorded_at=now,
    )
    session.add(event)
    session.flush()
    if kind in STATES and item.status != STATES[kind]:
        item.status, item.status_since, item.changed_at = STATES[kind], happened_on, now
    due.derive_when_written(session, [item_id])
    told = {"kind": kind, "happened_on": str(happened_on), "note": note}
    audit.record(session, "item.event", item_id, actor_id=actor_id, now=now, said=told)
    return event


def _concerned(session: TenantSession, rule: str, subject: str) -> Collection[UUID]:
    """Return the items that a period is for."""
    if rule == "item":
        return [_item_id(subject)]
    return item_store.alike(
        session,
        type_designation=subject if rule == "item_type" else None,
        energy_level=subject if rule == "criticality" else None,
    )


def _item_id(subject: str) -> UUID:
    try:
        return UUID(subject)
    except ValueError:
        raise InvalidField("/subject", f"{subject!r} is no item's id") from None
