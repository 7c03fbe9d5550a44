"""When an item is due next, and which rule says so: derived from events, never typed.

An item has one plan for each activity. What it was last done on, its periods, its usage and its
state give candidates; the earliest is the due date, and all of them are told. A legal period is an
upper bound: whatever else is agreed may shorten it and never lengthens it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from math import floor, isfinite
from uuid import UUID

from procedures.edition import last_valid_day
from traceability.errors import InvalidValue, LegalPeriodExceeded


class Activity(StrEnum):
    """What a plan repeats."""

    VERIFICATION = "verification"
    CALIBRATION = "calibration"
    INTERMEDIATE_CHECK = "intermediate_check"
    MAINTENANCE = "maintenance"
    REPLACEMENT = "replacement"  # of what is verified once and then exchanged (到期轮换)


class Rule(StrEnum):
    """What sets a due date. Of the periods agreed the most specific counts: the later in this list.

    The others each give a date of their own, and the earliest of all dates counts.
    """

    PROCEDURE = "procedure"  # the period of the procedure's edition: an upper bound
    ORGANIZATION = "organization"
    ITEM_TYPE = "item_type"
    CRITICALITY = "criticality"
    ITEM = "item"
    USAGE = "usage"  # so many hours, cycles or cubic metres
    STATE = "state"  # after repair, overload, a failed check
    CERTIFICATE = "certificate"  # what the newest one says
    NEVER_DONE = "never_done"
    REENTRY = "reentry"  # out of storage, and not checked since
    OVERRIDE = "override"


RANKS = {rule: rank for rank, rule in enumerate(Rule)}  # which of equal dates is told first
SPECIFICITY = (Rule.ORGANIZATION, Rule.ITEM_TYPE, Rule.CRITICALITY, Rule.ITEM)


class ItemState(StrEnum):
    """Whether an item's time runs."""

    IN_USE = "in_use"
    LIMITED = "limited"
    SEALED = "sealed"
    OUT_OF_SERVICE = "out_of_service"


TIME_RUNS = frozenset({ItemState.IN_USE, ItemState.LIMITED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A period that somebody set.

    Attributes:
        rule: on what ground: the procedure, or one of `SPECIFICITY`.
        months: ≥ 1; None where it sets no end.
        source: who or what says so, for people to read: "JJG 52-2013".
    """

    rule: Rule
    months: int | None
    source: str

    def __post_init__(self) -> None:
        if self.months is not None and self.months < 1:
            raise InvalidValue("months", self.months, "be at least 1; an unknown period is none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much an item may be used between two times, and how fast it is used.

    Attributes:
        limit: > 0, in `unit`.
        used: ≥ 0 since the last time, read on `read_on`.
        per_day: ≥ 0; None where the pace is unknown.
    """

    limit: float
    unit: str
    used: float
    read_on: date
    per_day: float | None

    def __post_init__(self) -> None:
        if not (isfinite(self.limit) and self.limit > 0):
            raise InvalidValue("usage.limit", self.limit, "be finite and positive")
        if not (isfinite(self.used) and self.used >= 0):
            raise InvalidValue("usage.used", self.used, "be finite and not negative")
        if self.per_day is not None and not (isfinite(self.per_day) and self.per_day >= 0):
            raise InvalidValue("usage.per_day", self.per_day, "be finite and not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """Something happened to an item after which it may not be relied on: a repair, an overload."""

    happened_on: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A due date set by a person, on record: the newest one counts.

    Attributes:
        valid_until: the last valid day that it sets.
        recorded_on: the day of the decision; a later performance ends it.
        approved_by: who answers for it.
    """

    valid_until: date
    recorded_on: date
    reason: str
    approved_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be repeated on an item, and everything its date depends on.

    Attributes:
        known_since: the day the item came into the ledger: then it is due if it was never done.
        performed_on: the days on which it was done with an acceptable result, in any order.
        valid_until: what the newest certificate says; None where it says nothing.
        is_mandatory: whether the law sets the period (强制检定).
        state_since: when the item's present state began; None if it was always so.
    """

    activity: Activity
    known_since: date
    performed_on: Sequence[date] = ()
    valid_until: date | None = None
    periods: Sequence[Period] = ()
    usage: Usage | None = None
    changes: Sequence[StateChange] = ()
    overrides: Sequence[Override] = ()
    is_mandatory: bool = False
    state: ItemState = ItemState.IN_USE
    state_since: date | None = None
    was_sealed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A date that one rule gives.

    Attributes:
        valid_until: the last valid day; None where the rule sets no end.
        anchor: the day from which it counts; None where it counts from none.
        source: who or what says so.
    """

    rule: Rule
    valid_until: date | None
    anchor: date | None
    source: str
    months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDate:
    """When an activity is due.

    Attributes:
        valid_until: the last day on which the item may be used without it; None for no end.
        winner: the candidate that set it; None where time does not run or nothing sets an end.
        candidates: every rule's date, the earliest first.
        is_stopped: whether the item is out of use, so that nothing falls due.
        last_performed_on: when it was done last; None for never.
    """

    activity: Activity
    valid_until: date | None
    winner: Candidate | None
    candidates: tuple[Candidate, ...]
    is_stopped: bool
    last_performed_on: date | None

    def days_left(self, on: date) -> int | None:
        """Return the days left after `on`, negative if overdue; None where nothing falls due."""
        return None if self.valid_until is None else (self.valid_until - on).days

    def is_overdue(self, on: date) -> bool:
        """Tell whether the last valid day has passed."""
        return self.valid_until is not None and on > self.valid_until


def due_date(plan: Plan, *, on: date) -> DueDate:
    """Return when a plan's activity is due, as known on a day, with every rule that had a say.

    Raises:
        InvalidValue: it was performed after `on`, or came into the ledger after it.
    """
    if plan.known_since > on:
        raise InvalidValue("known_since", plan.known_since, f"not lie after {on}")
    if late := [day for day in plan.performed_on if day > on]:
        raise InvalidValue("performed_on", max(late), f"not lie after {on}")
    last = max(plan.performed_on, default=None)
    candidates = sorted(
        _candidates(plan, last),
        key=lambda one: (one.valid_until or date.max, RANKS[one.rule]),
    )
    is_stopped = plan.state not in TIME_RUNS
    winner = None if is_stopped else _winner(candidates)
    return DueDate(
        activity=plan.activity,
        valid_until=winner.valid_until if winner else None,
        winner=winner,
        candidates=tuple(candidates),
        is_stopped=is_stopped,
        last_performed_on=last,
    )


def require_allowed(plan: Plan, override: Override) -> None:
    """Refuse an override that the law does not leave to anybody.

    Raises:
        LegalPeriodExceeded: the plan is mandatory and the override is later than its legal end.
    """
    if not plan.is_mandatory:
        return
    last = max(plan.performed_on, default=None)
    legal = _legal_end(plan, last)
    if legal is None or override.valid_until > legal:
        raise LegalPeriodExceeded(override.valid_until, legal)


def _winner(candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the earliest date; an override stands above all but what the law and state say."""
    ending = [one for one in candidates if one.valid_until is not None]
    override = next((one for one in ending if one.rule is Rule.OVERRIDE), None)
    if override is not None:
        binding = (Rule.STATE, Rule.REENTRY)
        ending = [override, *(one for one in ending if one.rule in binding)]
    return min(ending, key=lambda one: one.valid_until or date.max, default=None)


def _candidates(plan: Plan, last: date | None) -> Iterator[Candidate]:
    if last is None:
        yield Candidate(
            rule=Rule.NEVER_DONE,
            valid_until=plan.known_since - timedelta(days=1),
            anchor=plan.known_since,
            source="",
        )
    else:
        yield from _by_period(plan, last)
    yield from _by_usage(plan)
    yield from _by_state(plan, last)
    yield from _by_override(plan, last)


def _by_period(plan: Plan, last: date) -> Iterator[Candidate]:
    """Yield the procedure's upper bound and the most specific period agreed."""
    for period in counting(plan.periods):
        yield _after(last, period)
    if plan.valid_until is not None:
        yield Candidate(rule=Rule.CERTIFICATE, valid_until=plan.valid_until, anchor=last, source="")


def counting(periods: Sequence[Period]) -> list[Period]:
    """Return the periods that have a say: the procedure's, and of those agreed the most special."""
    agreed = [period for period in periods if period.rule in SPECIFICITY]
    most_specific = max(agreed, key=lambda period: SPECIFICITY.index(period.rule), default=None)
    of_procedure = [period for period in periods if period.rule is Rule.PROCEDURE]
    return of_procedure + ([most_specific] if most_specific else [])


def _after(last: date, period: Period) -> Candidate:
    ends = None if period.months is None else last_valid_day(last, period.months)
    return Candidate(
        rule=period.rule,
        valid_until=ends,
        anchor=last,
        source=period.source,
        months=period.months,
    )


def _by_usage(plan: Plan) -> Iterator[Candidate]:
    """Yield the day on which the usage reaches its limit at its present pace."""
    usage = plan.usage
    if usage is None:
        return
    if usage.used >= usage.limit:
        left: int | None = -1
    elif usage.per_day:
        left = min(floor((usage.limit - usage.used) / usage.per_day), 36_525)
    else:
        left = None
    yield Candidate(
        rule=Rule.USAGE,
        valid_until=None if left is None else usage.read_on + timedelta(days=left),
        anchor=usage.read_on,
        source=f"{usage.limit:g} {usage.unit}",
    )


def _by_state(plan: Plan, last: date | None) -> Iterator[Candidate]:
    """Yield what happened since the item was last looked at: from that day on it is due."""
    for change in plan.changes:
        if last is None or change.happened_on > last:
            yield Candidate(
                rule=Rule.STATE,
                valid_until=change.happened_on - timedelta(days=1),
                anchor=change.happened_on,
                source=change.reason,
            )
    since = plan.state_since
    if plan.was_sealed and since is not None and (last is None or last < since):
        yield Candidate(
            rule=Rule.REENTRY,
            valid_until=since - timedelta(days=1),
            anchor=since,
            source="",
        )


def _by_override(plan: Plan, last: date | None) -> Iterator[Candidate]:
    """Yield the newest override that no later performance has ended, within the law."""
    standing = [one for one in plan.overrides if last is None or one.recorded_on >= last]
    if not standing:
        return
    newest = max(standing, key=lambda one: one.recorded_on)
    legal = _legal_end(plan, last) if plan.is_mandatory else None
    yield Candidate(
        rule=Rule.OVERRIDE,
        valid_until=newest.valid_until if legal is None else min(newest.valid_until, legal),
        anchor=newest.recorded_on,
        source=newest.reason,
    )


def _legal_end(plan: Plan, last: date | None) -> date | None:
    """Return the last day that the procedure's period allows; None if it was never done."""
    if last is None:
        return None
    ends = [
        last_valid_day(last, period.months)
        for period in plan.periods
        if period.rule is Rule.PROCEDURE and period.months is not None
    ]
    if plan.valid_until is not None:
        ends.append(plan.valid_until)
    return min(ends, default=None)
