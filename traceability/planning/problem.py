"""What is to be planned: items that are due, the laboratory's hours, its people, and prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from traceability.errors import InvalidValue

MOST_WEEKS = 260
MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DueItem:
    """One calibration, verification or check that is due.

    Attributes:
        id: unique within the problem.
        site: where it stands; all work at one site in one week shares one trip.
        discipline: of the laboratory's hours and of a person's authorisation.
        hours: > 0, of laboratory and person.
        due_week: the last week in which it is not overdue; negative if it is overdue already.
        latest_week: the last week in which it may be placed: of a mandatory item its due week.
        downtime_cost: ≥ 0, of taking it out of service while its site does not stand still.
        early_cost_per_week: ≥ 0, validity lost with each week before the due week.
        is_mandatory: whether the law sets its period (强制检定).
        booked_week: the week it was promised for, if it was.
        is_frozen: whether that promise is kept whatever it costs.
    """

    id: str
    site: str
    discipline: str
    hours: float
    due_week: int
    latest_week: int
    downtime_cost: float = 0.0
    early_cost_per_week: float = 0.0
    is_mandatory: bool = False
    booked_week: int | None = None
    is_frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the laboratory: what they are authorised for, and their hours in each week."""

    name: str
    disciplines: frozenset[str]
    hours: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a plan costs, in one currency; every price ≥ 0.

    Attributes:
        overdue_per_week: for each week an item is placed after its due week.
        trip: for each distinct pair of site and week.
        peak_per_hour: for each hour above `peak_share` of a discipline's capacity in a week.
        overtime_per_hour: for each hour above the capacity, besides the price of the peak.
        overtime_share: by how much of the capacity the hours may exceed it.
        unplaced: for each item without a week.
        moved: for each booking that is not kept.
    """

    overdue_per_week: float = 400.0
    trip: float = 600.0
    peak_per_hour: float = 20.0
    overtime_per_hour: float = 60.0
    peak_share: float = 0.85
    overtime_share: float = 0.15
    unplaced: float = 20_000.0
    moved: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningProblem:
    """Everything a plan depends on.

    Attributes:
        weeks: how many weeks are planned, from week 0.
        shutdown_weeks: of each site, the weeks in which it stands still anyway.
        capacity_hours: of each discipline, the laboratory's hours in each week; fewer while a
            standard is away.
        max_weeks_early: how long before its due week an item may be placed.
        most_overdue_weeks: for how many weeks all items together may be overdue, those without a
            week counted to the horizon; as many as with a call-off list, if not given.

    Raises:
        InvalidValue: a number is not finite or out of range, an id is used twice, a row of hours
            has another length than `weeks`, or an item's discipline has no capacity.
    """

    weeks: int
    items: tuple[DueItem, ...]
    capacity_hours: Mapping[str, tuple[float, ...]]
    persons: tuple[Person, ...]
    shutdown_weeks: Mapping[str, frozenset[int]] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    max_weeks_early: int = 13
    most_overdue_weeks: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.weeks <= MOST_WEEKS:
            raise InvalidValue("weeks", self.weeks, f"lie in [1, {MOST_WEEKS}]")
        if len(self.items) > MOST_ITEMS:
            raise InvalidValue("items", len(self.items), f"be at most {MOST_ITEMS}")
        _require_prices(self.prices)
        for discipline, hours in self.capacity_hours.items():
            _require_hours(f"capacity_hours.{discipline}", hours, self.weeks)
        for person in self.persons:
            _require_hours(f"persons.{person.name}.hours", person.hours, self.weeks)
        known: set[str] = set()
        for position, item in enumerate(self.items):
            _require_item(f"items.{position}", item, self.capacity_hours, known)
            known.add(item.id)

    def permitted_weeks(self, item: DueItem) -> range:
        """Return the weeks in which an item may be placed; none if its last one has passed."""
        if item.is_frozen and item.booked_week is not None:
            return range(max(item.booked_week, 0), min(item.booked_week, self.weeks - 1) + 1)
        first = max(0, item.due_week - self.max_weeks_early)
        return range(first, min(item.latest_week, self.weeks - 1) + 1)


Plan = tuple[int | None, ...]  # of each item of the problem its week, or None


def _require_prices(prices: Prices) -> None:
    for name in Prices.__slots__:
        value = getattr(prices, name)
        if not (isfinite(value) and value >= 0):
            raise InvalidValue(f"prices.{name}", value, "be finite and not negative")


def _require_hours(name: str, hours: tuple[float, ...], weeks: int) -> None:
    if len(hours) != weeks:
        raise InvalidValue(name, len(hours), f"have {weeks} weeks")
    for value in hours:
        if not (isfinite(value) and value >= 0):
            raise InvalidValue(name, value, "be finite and not negative")


def _require_item(
    name: str, item: DueItem, capacity: Mapping[str, tuple[float, ...]], known: set[str]
) -> None:
    if item.id in known:
        raise InvalidValue(f"{name}.id", item.id, "be unique")
    if item.discipline not in capacity:
        raise InvalidValue(f"{name}.discipline", item.discipline, "have hours in capacity_hours")
    if not (isfinite(item.hours) and item.hours > 0):
        raise InvalidValue(f"{name}.hours", item.hours, "be finite and positive")
    for of in ("downtime_cost", "early_cost_per_week"):
        value = getattr(item, of)
        if not (isfinite(value) and value >= 0):
            raise InvalidValue(f"{name}.{of}", value, "be finite and not negative")
