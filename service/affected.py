"""What a standard out of tolerance has affected in one book, asked before a recall and in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from service.errors import InvalidField
from service.store import networks as store
from service.tenancy import TenantSession
from traceability import impact
from traceability.graph import Link
from traceability.impact import DriftAssumption, OutOfTolerance, Recall, RecordedResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is known of a standard out of tolerance, in the unit of its calibration.

    Attributes:
        as_found: (value, error) by value; the error is the value it gave less the true one.
        unit: the unit in which they are told, which must be the standard's own; None takes it
            as that.
    """

    last_good_on: date
    found_on: date
    as_found: tuple[tuple[float, float], ...]
    unit: str | None = None
    standard_uncertainty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallList:
    """A recall with the names behind its ids.

    Attributes:
        links: every calibration it names, by id.
        units: the unit of each affected result, by result id.
        calibrated_anew: of each affected calibration the one that has replaced it by `on`.
        open_ids: affected results whose item has not been calibrated anew by `on`.
        other_units: results in another unit than their calibration's interval; the recall
            cannot say what becomes of them.
        without_results: affected calibrations of which no result is on record.
    """

    root: Link
    on: date
    recall: Recall
    links: Mapping[UUID, Link]
    units: Mapping[UUID, str]
    calibrated_anew: Mapping[UUID, UUID]
    open_ids: frozenset[UUID]
    other_units: tuple[RecordedResult, ...]
    without_results: frozenset[UUID]

    def unjudged(self) -> frozenset[UUID]:
        """Return the affected calibrations of which the recall cannot say what became of them."""
        in_other_units = {result.calibration_id for result in self.other_units}
        return self.without_results | in_other_units


def recall(
    session: TenantSession,
    calibration_id: UUID,
    fault: Fault,
    *,
    assumption: DriftAssumption,
    on: date,
    known_at: datetime,
) -> RecallList:
    """Return what a standard out of tolerance has affected in one book; nothing is written.

    Raises:
        NotFound: neither the book nor the reference layer has the calibration.
        InvalidField: the as-found errors are in another unit than the standard.
        InvalidValue: the days or the points are in disorder.
    """
    loaded = store.beneath(session, calibration_id, known_at=known_at)
    radius = impact.blast_radius(loaded.links, [loaded.root_id], on=on)
    recorded = list(store.recorded_results(session, radius.calibration_ids))
    return recalled(loaded.links, loaded.root_id, recorded, fault, assumption=assumption, on=on)


def recalled(
    links: Sequence[Link],
    root_id: UUID,
    recorded: Iterable[tuple[RecordedResult, str, str | None]],
    fault: Fault,
    *,
    assumption: DriftAssumption,
    on: date,
) -> RecallList:
    """Return what a standard has affected among calibrations and results that were loaded.

    Args:
        links: the standard's calibration, all that rests on it, and later ones of those items.
        root_id: the standard's calibration.
        recorded: results with their unit and that of their calibration's interval.

    Raises:
        InvalidField, InvalidValue: as in `recall`.
    """
    root = next(link for link in links if link.calibration_id == root_id)
    if root.interval is not None and root.interval.unit != (fault.unit or root.interval.unit):
        raise InvalidField("/unit", f"the standard is calibrated in {root.interval.unit}")
    recorded = tuple(recorded)
    found = impact.recall(
        links,
        [result for result, unit, of_interval in recorded if unit == (of_interval or unit)],
        OutOfTolerance(
            calibration_ids=frozenset({root_id}),
            last_good_on=fault.last_good_on,
            found_on=fault.found_on,
            as_found=fault.as_found,
            standard_uncertainty=fault.standard_uncertainty,
        ),
        assumption=assumption,
    )
    by_id = {link.calibration_id: link for link in links}
    replaced = impact.calibrated_anew(found, links, on=on)
    named = {root_id, *found.calibration_ids, *found.untouched, *replaced.values()}
    return RecallList(
        root=root,
        on=on,
        recall=found,
        links={id_: by_id[id_] for id_ in named},
        units={result.result_id: unit for result, unit, _ in recorded},
        calibrated_anew=replaced,
        open_ids=frozenset(
            case.result.result_id
            for case in found.affected
            if case.result.calibration_id not in replaced
        ),
        other_units=tuple(
            result
            for result, unit, of_interval in recorded
            if unit != (of_interval or unit) and result.calibration_id in found.calibration_ids
        ),
        without_results=found.calibration_ids
        - {result.calibration_id for result, _, _ in recorded},
    )
