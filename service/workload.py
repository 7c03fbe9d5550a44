"""How much falls due week by week, beside what the laboratory's own people can do."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

from service.planning_settings import PlanningSettings, capacity_of
from service.store import due as store
from service.store import people as people_store
from service.store import plans as plan_store
from service.store import work_orders as work_order_store
from service.tenancy import TenantSession

WEEKS: Final = 13
WORKING_DAYS: Final = 5  # a week


def weeks_ahead(
    tallied: Iterable[store.Tallied], *, on: date
) -> list[tuple[date, Mapping[str, int]]]:
    """Return the Monday of each week ahead, and how many of each activity fall due in it."""
    monday = on - timedelta(days=on.weekday())
    mondays = [monday + timedelta(weeks=week) for week in range(WEEKS)]
    found: dict[date, Counter[str]] = {day: Counter() for day in mondays}
    last = mondays[-1] + timedelta(days=6)
    for one in tallied:
        if one.due_on is not None and on <= one.due_on <= last:
            found[one.due_on - timedelta(days=one.due_on.weekday())][one.activity] += one.count
    return list(found.items())


def weekly_capacity(session: TenantSession) -> int | None:
    """Return how many items the laboratory's people are given in a week; None if nobody said."""
    policy = work_order_store.policy(session)
    if policy is None or policy.items_a_day is None:
        return None
    people = sum(role == "metrologist" for role in people_store.roles(session).values())
    return policy.items_a_day * WORKING_DAYS * people


def weekly_hours(session: TenantSession, mondays: Iterable[date]) -> Mapping[date, float] | None:
    """Return the hours of all disciplines in some weeks, as said for plans; None if nobody said."""
    record = plan_store.settings(session)
    if record is None:
        return None
    weeks = tuple(mondays)
    hours = capacity_of(PlanningSettings.model_validate(record.content), weeks).values()
    return {monday: sum(row[week] for row in hours) for week, monday in enumerate(weeks)}


def hours_in_all(
    session: TenantSession, weeks: Iterable[tuple[date, Mapping[str, int]]]
) -> float | None:
    """Return the hours that the laboratory has in some weeks together; None if nobody said."""
    hours = weekly_hours(session, (monday for monday, _ in weeks))
    return None if hours is None else sum(hours.values())
