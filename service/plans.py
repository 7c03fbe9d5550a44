"""What a plan says: its items, its weeks, why each item has its week. Loaded, and never written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from service.actions.plans import position_of, weeks_of
from service.exchange.plan_files import PlannedItem
from service.planning import from_content
from service.store import items as item_store
from service.store import plans as store
from service.tables.plans import PlanningProblemRecord, PlanPlacement, PlanRecord
from service.tenancy import TenantSession
from traceability.planning.explanation import Explanation, explain
from traceability.planning.problem import PlanningProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlan:
    """A plan as it was kept, with what it was made from."""

    record: PlanRecord
    kept: PlanningProblemRecord
    problem: PlanningProblem
    placements: Sequence[PlanPlacement]

    def week_on(self, week: int) -> date:
        """Return the Monday of a week."""
        return self.kept.begins_on + timedelta(weeks=week)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The hours of a discipline in a week: planned, and there without overtime."""

    discipline: str
    week_on: date
    hours: float
    capacity_hours: float
    items: int


def load(session: TenantSession, plan_id: UUID) -> KeptPlan:
    """Return a plan with all that it was made from.

    Raises:
        NotFound: the book has none of this id.
    """
    record = store.get(session, plan_id)
    kept = store.problem(session, record)
    return KeptPlan(
        record=record,
        kept=kept,
        problem=from_content(kept.content),
        placements=store.placements(session, record.id),
    )


def planned_items(session: TenantSession, plan: KeptPlan) -> list[PlannedItem]:
    """Return the items of a plan, the earliest week first, those without a week before all."""
    items = {item.id: item for item in item_store.own(session)}
    found = [
        PlannedItem(
            item_id=row.item_id,
            activity=row.activity,
            name_zh=items[row.item_id].name_zh,
            name_en=items[row.item_id].name_en,
            serial_number=items[row.item_id].serial_number,
            asset_number=items[row.item_id].asset_number,
            valid_until=row.valid_until,
            week_on=row.week_on,
            planned=plan.problem.items[row.position],
        )
        for row in plan.placements
        if row.item_id in items
    ]
    return sorted(
        found,
        key=lambda row: (row.week_on or date.min, row.planned.site, row.valid_until,
                         str(row.item_id)),
    )  # fmt: skip


def workload(plan: KeptPlan) -> list[Load]:
    """Return the hours of each discipline in each week, in their order."""
    weeks = weeks_of(plan.placements, plan.kept.begins_on)
    items = [
        (item, week)
        for item, week in zip(plan.problem.items, weeks, strict=True)
        if week is not None
    ]
    hours: dict[tuple[str, int], float] = {}
    counts: dict[tuple[str, int], int] = {}
    for item, week in items:
        key = (item.discipline, week)
        hours[key] = hours.get(key, 0.0) + item.hours
        counts[key] = counts.get(key, 0) + 1
    return [
        Load(
            discipline=name,
            week_on=plan.week_on(week),
            hours=hours.get((name, week), 0.0),
            capacity_hours=capacity[week],
            items=counts.get((name, week), 0),
        )
        for name, capacity in plan.problem.capacity_hours.items()
        for week in range(plan.problem.weeks)
    ]


def explanation(plan: KeptPlan, item_id: UUID, activity: str) -> Explanation:
    """Return what each permitted week of an item would cost, the rest of the plan standing.

    Raises:
        NotFound: the plan does not hold it.
    """
    position = position_of(plan.placements, item_id, activity)
    weeks = weeks_of(plan.placements, plan.kept.begins_on)
    return explain(plan.problem, weeks, plan.problem.items[position].id)
