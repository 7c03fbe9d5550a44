"""When each item of a book is due, and why: loaded and decided, and nothing written."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from service.catalogue import built_in_editions
from service.clock import day_of
from service.errors import NotFound
from service.store import schedule as store
from service.store.schedule import ItemHistory
from service.tables.items import Item
from service.tables.schedule import ItemEvent, PeriodPolicy
from service.tenancy import TenantSession
from traceability.schedule import (
    Activity,
    DueDate,
    ItemState,
    Override,
    Period,
    Plan,
    Rule,
    StateChange,
    Usage,
    due_date,
)

UPSETTING = frozenset({"repair", "overload", "failed_check"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDueDate:
    """An item and when one of its activities is due."""

    item: Item
    due: DueDate


def due_dates(session: TenantSession, *, on: date) -> list[ItemDueDate]:
    """Return what is due of the own items on a day, the next first, what never falls due last."""
    return sorted(due_dates_of_items(session, None, on=on), key=place)


def place(one: ItemDueDate) -> tuple[date, UUID, str]:
    """Return where a due date stands in a list: by its last valid day, its item, its activity."""
    return one.due.valid_until or date.max, one.item.id, one.due.activity.value


def due_dates_of(session: TenantSession, item_id: UUID, *, on: date) -> list[ItemDueDate]:
    """Return what is due of one item on a day, one row an activity.

    Raises:
        NotFound: the ledger has no such item.
    """
    found = due_dates_of_items(session, [item_id], on=on)
    if not found:
        raise NotFound("item", item_id)
    return found


def due_dates_of_items(
    session: TenantSession, item_ids: Collection[UUID] | None, *, on: date
) -> list[ItemDueDate]:
    """Return what is due of some items on a day, or of all own ones."""
    policies = store.policies(session)
    return [
        ItemDueDate(item=history.item, due=due_date(plan, on=on))
        for history in store.histories(session, on=on, item_ids=item_ids)
        for plan in plans_of(history, policies, on=on)
    ]


def plans_of(history: ItemHistory, policies: Sequence[PeriodPolicy], *, on: date) -> Iterator[Plan]:
    """Yield an item's plans: its own period's, and what a policy asks besides.

    A policy that was ended (no months, no limit of use) asks nothing.
    """
    applying = [policy for policy in policies if _asks(policy) and _applies(policy, history.item)]
    main = main_activity(history.item, applying)
    activities = {main} | {Activity(policy.activity) for policy in applying}
    for activity in sorted(activities, key=lambda one: (one != main, one)):
        of_activity = [policy for policy in applying if policy.activity == activity]
        yield _plan(history, activity, of_activity, is_main=activity == main, on=on)


def main_activity(item: Item, applying: Iterable[PeriodPolicy]) -> Activity:
    """Return what an item's own period is of: a regulation verifies, everything else calibrates.

    What is verified once and then exchanged (首次检定、到期轮换) is due for replacement instead.
    """
    if any(policy.activity == Activity.REPLACEMENT for policy in applying):
        return Activity.REPLACEMENT
    is_verified = item.is_mandatory or (item.procedure_code or "").startswith("JJG")
    return Activity.VERIFICATION if is_verified else Activity.CALIBRATION


def _plan(
    history: ItemHistory,
    activity: Activity,
    policies: Iterable[PeriodPolicy],
    *,
    is_main: bool,
    on: date,
) -> Plan:
    item, policies = history.item, tuple(policies)
    passed = [one for one in history.done if not one.has_failed] if is_main else []
    done = [one.performed_on for one in passed]
    done += [event.happened_on for event in history.events if event.kind == activity]
    is_told = passed and passed[-1].performed_on == max(done)
    valid_until = passed[-1].valid_until if is_told else None
    return Plan(
        activity=activity,
        known_since=min(day_of(item.recorded_at), *done, on),
        performed_on=done,
        valid_until=valid_until,
        periods=(
            *(_legal(item) if is_main else ()),
            *_agreed(item, policies, of_ledger=is_main and activity != Activity.REPLACEMENT),
        ),
        usage=_usage(history.events, policies, since=max(done, default=None)),
        changes=tuple(_changes(history)),
        overrides=tuple(
            Override(
                valid_until=row.valid_until,
                recorded_on=row.recorded_on,
                reason=row.reason,
                approved_by=row.approved_by,
            )
            for row in history.overrides
            if row.activity == activity
        ),
        is_mandatory=item.is_mandatory and is_main,
        state=ItemState(item.status),
        state_since=max(
            (e.happened_on for e in history.events if e.kind == "unsealed"), default=None
        ),
        was_sealed=any(event.kind == "sealed" for event in history.events),
    )


def _changes(history: ItemHistory) -> Iterator[StateChange]:
    """Yield what leaves an item not to be relied on: a failure, a repair, an overload."""
    for event in history.events:
        if event.kind in UPSETTING:
            yield StateChange(happened_on=event.happened_on, reason=event.note or event.kind)
    for one in history.done:
        if one.has_failed:
            yield StateChange(happened_on=one.performed_on, reason="failed")


def _legal(item: Item) -> Iterator[Period]:
    """Yield the period of the newest edition of the item's procedure that the catalogue knows.

    Where the edition has several, which of them is the item's is not on record: only the longest
    surely bounds it, and what its certificate says counts within that.
    """
    editions = [
        built_in.edition
        for built_in in built_in_editions()
        if built_in.edition.code == item.procedure_code
    ]
    if editions and editions[-1].period_months is not None:
        newest = editions[-1]
        months = max(newest.period_months or 0, *(case.months for case in newest.period_cases), 0)
        yield Period(rule=Rule.PROCEDURE, months=months, source=newest.name)


def _agreed(item: Item, policies: Sequence[PeriodPolicy], *, of_ledger: bool) -> Iterator[Period]:
    """Yield the policies' periods, and the ledger's where no policy is of the very item."""
    is_set = any(policy.rule == Rule.ITEM for policy in policies)
    if of_ledger and item.period_months is not None and not is_set:
        yield Period(rule=Rule.ITEM, months=item.period_months, source="")
    for policy in policies:
        if policy.months is not None:
            yield Period(rule=Rule(policy.rule), months=policy.months, source=policy.source)


def _usage(
    events: Sequence[ItemEvent], policies: Iterable[PeriodPolicy], *, since: date | None
) -> Usage | None:
    """Return how much was used since the last time, by the readings of the limited unit."""
    limited = [policy for policy in policies if policy.usage_limit is not None]
    if not limited:
        return None
    limit = min(limited, key=lambda policy: policy.usage_limit or 0.0)
    readings = [e for e in events if e.kind == "usage" and e.unit == limit.usage_unit]
    started = [e for e in readings if since is not None and e.happened_on <= since][-1:]
    readings = started + [e for e in readings if since is None or e.happened_on > since]
    if not readings or limit.usage_limit is None or limit.usage_unit is None:
        return None
    first, last = readings[0], readings[-1]
    days = (last.happened_on - first.happened_on) / timedelta(days=1)
    used = (last.value or 0.0) - ((first.value or 0.0) if since is not None else 0.0)
    return Usage(
        limit=limit.usage_limit,
        unit=limit.usage_unit,
        used=max(0.0, used),
        read_on=last.happened_on,
        per_day=max(0.0, (last.value or 0.0) - (first.value or 0.0)) / days if days else None,
    )


def _asks(policy: PeriodPolicy) -> bool:
    return policy.months is not None or policy.usage_limit is not None


def _applies(policy: PeriodPolicy, item: Item) -> bool:
    return {
        Rule.ORGANIZATION: True,
        Rule.ITEM_TYPE: policy.subject == item.type_designation,
        Rule.CRITICALITY: policy.subject == item.energy_level,
        Rule.ITEM: policy.subject == str(item.id),
    }[Rule(policy.rule)]
