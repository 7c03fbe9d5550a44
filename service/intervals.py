"""How long an item may run, from the calibrations of its book: load, decide, return.

Like items of the book (one maker's type, measured at the same point) are analysed as a family.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import numpy as np

from certificates import interval_wording
from certificates.wording import Bilingual
from procedures.drift import (
    FamilyDrift,
    Found,
    History,
    MemberDrift,
    ProposedInterval,
    Unanswered,
    analyse,
)
from procedures.fields import require_probability
from procedures.interval_advice import IntervalAdvice, advise
from service.catalogue import edition_in_force
from service.errors import NotFound
from service.store import calibrations as calibration_store
from service.store import items as item_store
from service.tables.calibrations import CalibrationResult
from service.tables.items import Item
from service.tenancy import TenantSession
from traceability.graph import MAIN_TRACK, Link

DAYS_A_YEAR: Final = 365.25
SEED: Final = 2007  # of the shuffles: the same history gets the same answer
LARGEST_FAMILY: Final = 20
DEFAULT_TARGET: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemInterval:
    """How long one item may run.

    Attributes:
        performed_on: of its last calibration; None where it has none.
        unit, at: of the errors, and the value at which they were found; None where there are none.
        tolerance: the maximum permissible error there; None where none is known.
        history: its calibrations at that point, oldest first.
        family: as many like items as were analysed with it, itself among them.
        member: None where there was nothing to analyse.
    """

    item_id: UUID
    on: date
    target_reliability: float
    performed_on: date | None
    unit: str | None
    at: Decimal | None
    tolerance: float | None
    history: tuple[tuple[date, Found], ...]
    family: int
    drift: FamilyDrift | None
    member: MemberDrift | None
    advice: IntervalAdvice

    @property
    def sentences(self) -> tuple[Bilingual, ...]:
        """What it says, in words: the advice, whether time is the risk, what to be careful of."""
        statement = self.drift.statement if self.drift else None
        told = [
            interval_wording.advice_wording(self.advice, target_reliability=self.target_reliability)
        ]
        if statement is not None:
            told.append(interval_wording.statement_wording(statement))
        if self.member is not None:
            told.extend(interval_wording.warnings_of(self.member, statement))
        return tuple(told)


def interval_of(
    session: TenantSession,
    item_id: UUID,
    *,
    target_reliability: float = DEFAULT_TARGET,
    on: date,
    known_at: datetime,
) -> ItemInterval:
    """Return how long an item of the ledger may run after its last calibration by a day.

    Raises:
        NotFound: the ledger has none of this id.
        InvalidInput: the target is not in (0, 1).
    """
    # 1. the item and those like it, each with what was found at the item's own point
    item = item_store.get(session, item_id)
    kin = [item, *(one for one in item_store.like(session, item) if one.id != item.id)]
    kin = kin[:LARGEST_FAMILY]
    book = _Book.of(session, [one.id for one in kin], on=on, known_at=known_at)
    point = book.point_of(item.id)
    tolerance = book.tolerance_at(item.id, point)
    # 2. the family
    histories = [book.history(one.id, point, tolerance) for one in kin]
    own = histories[0]
    drift = member = None
    if tolerance is not None and own:
        told = [one for one in histories if one]
        drift = analyse(
            [_analysable(one, tolerance) for one in told], generator=np.random.default_rng(SEED)
        )
        member = drift.members[0]
    # 3. against law and what is in force
    reason = Unanswered.NO_HISTORY if not book.of_item[item.id] else Unanswered.NO_VALUES
    proposal = _proposed(member, reason, target_reliability)
    legal = _legal_months(item, on=on)
    return ItemInterval(
        item_id=item.id,
        on=on,
        target_reliability=target_reliability,
        performed_on=max((one.performed_on for one in book.of_item[item.id]), default=None),
        unit=point[1] if point else None,
        at=point[0] if point else None,
        tolerance=tolerance,
        history=tuple((row.on, row.found) for row in own),
        family=len([one for one in histories if one]),
        drift=drift,
        member=member,
        advice=advise(
            proposal,
            is_mandatory=item.is_mandatory,
            legal_months=legal,
            current_months=item.period_months,
        ),
    )


def results_at_one_point(
    results: Iterable[CalibrationResult], links: Mapping[UUID, Link]
) -> dict[UUID, list[CalibrationResult]]:
    """Return the errors of indication at one nominal value, by event of the main track.

    Of the nominal values that most events have, the middle one.
    """
    by_point: defaultdict[tuple[Decimal, str], dict[UUID, list[CalibrationResult]]]
    by_point = defaultdict(dict)
    for result in results:
        link = links.get(result.calibration_id)
        if link and link.track == MAIN_TRACK and link.superseded_at is None and _has_u(result):
            at_point = by_point[result.nominal, result.unit]
            at_point.setdefault(result.calibration_id, []).append(result)
    most = max((len(events) for events in by_point.values()), default=0)
    points = sorted(point for point, events in by_point.items() if len(events) == most)
    return by_point[points[len(points) // 2]] if points else {}


@dataclass(frozen=True, slots=True)
class _Row:
    on: date
    found: Found
    standard_uncertainty: float | None


@dataclass(frozen=True, slots=True)
class _Book:
    """The calibrations of some items, what they gave, and what was stated of them."""

    of_item: Mapping[UUID, Sequence[Link]]
    results: Mapping[UUID, Sequence[CalibrationResult]]
    verdicts: Mapping[UUID, str]
    adjusted: frozenset[UUID]

    @classmethod
    def of(
        cls, session: TenantSession, item_ids: Sequence[UUID], *, on: date, known_at: datetime
    ) -> "_Book":
        rows = calibration_store.of_items(session, item_ids)
        ids = [row.id for row in rows]
        of_item: defaultdict[UUID, list[Link]] = defaultdict(list)
        for link in calibration_store.links_of(session, ids, known_at=known_at):
            stands = link.superseded_at is None and link.track == MAIN_TRACK
            if stands and link.performed_on <= on and link.item_id is not None:
                of_item[link.item_id].append(link)
        results: defaultdict[UUID, list[CalibrationResult]] = defaultdict(list)
        for result in calibration_store.results(session, *ids):
            results[result.calibration_id].append(result)
        return cls(
            of_item=of_item,
            results=results,
            verdicts=calibration_store.verdicts(session, ids),
            adjusted=frozenset(row.id for row in rows if row.is_adjusted),
        )

    def point_of(self, item_id: UUID) -> tuple[Decimal, str] | None:
        links = {link.calibration_id: link for link in self.of_item[item_id]}
        found = results_at_one_point((one for id_ in links for one in self.results[id_]), links)
        first = next(iter(found.values()), None)
        return (first[0].nominal, first[0].unit) if first else None

    def tolerance_at(self, item_id: UUID, point: tuple[Decimal, str] | None) -> float | None:
        """Return the maximum permissible error beside the newest result at the point."""
        newest = sorted(self.of_item[item_id], key=lambda link: link.performed_on, reverse=True)
        for link in newest:
            for one in self.results[link.calibration_id]:
                limit = one.maximum_permissible_error
                if limit is not None and (one.nominal, one.unit) == point:
                    return float(limit) or None
        return None

    def history(
        self, item_id: UUID, point: tuple[Decimal, str] | None, tolerance: float | None
    ) -> list[_Row]:
        """Return what each calibration found at a point, oldest first; one a day."""
        rows: dict[date, _Row] = {}
        for link in sorted(self.of_item[item_id], key=lambda link: link.performed_on):
            row = self._row(link, point)
            if row is not None and tolerance is not None:
                rows[link.performed_on] = row
        return list(rows.values())

    def _row(self, link: Link, point: tuple[Decimal, str] | None) -> _Row | None:
        at = [
            one
            for one in self.results[link.calibration_id]
            if (one.nominal, one.unit) == point and _has_u(one)
        ]
        found = _estimate([one for one in at if one.stage != "as_left"])
        left = _estimate([one for one in at if one.stage == "as_left"])
        verdict = self.verdicts.get(link.calibration_id)
        is_adjusted = link.calibration_id in self.adjusted
        within = None if found is not None or verdict is None else verdict == "pass"
        if found is None and left is None and within is None and not is_adjusted:
            return None
        u = [one.standard_uncertainty or _stated_u(one) for one in at]
        return _Row(
            on=link.performed_on,
            found=Found(
                years=link.performed_on.toordinal() / DAYS_A_YEAR,
                as_found=found,
                as_left=left,
                is_within=within,
                is_adjusted=is_adjusted,
            ),
            standard_uncertainty=max((one for one in u if one), default=None),
        )


def _estimate(results: Sequence[CalibrationResult]) -> float | None:
    """Return the mean of an event's errors at one point (rising and falling, say)."""
    return sum(float(one.estimate) for one in results) / len(results) if results else None


def _stated_u(result: CalibrationResult) -> float | None:
    if result.expanded_uncertainty is None or not result.coverage_factor:
        return None
    return float(result.expanded_uncertainty) / result.coverage_factor


def _has_u(result: CalibrationResult) -> bool:
    return (
        result.measurand == "error_of_indication"
        and result.expanded_uncertainty is not None
        and result.coverage_factor is not None
    )


def _analysable(rows: Sequence[_Row], tolerance: float) -> History:
    stated = [row.standard_uncertainty for row in rows if row.standard_uncertainty]
    return History(
        records=tuple(row.found for row in rows),
        tolerance=tolerance,
        standard_uncertainty=float(np.median(stated)) if stated else None,
    )


def _proposed(
    member: MemberDrift | None, reason: Unanswered, target_reliability: float
) -> ProposedInterval:
    require_probability("target_reliability", target_reliability)
    return member.interval(target_reliability) if member else ProposedInterval(reason=reason)


def _legal_months(item: Item, *, on: date) -> int | None:
    """Return the longest period of the item's procedure; None where the catalogue has none."""
    try:
        return edition_in_force(item.procedure_code or "", on=on).edition.period_months
    except NotFound:
        return None
