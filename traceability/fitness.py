"""Whether an item is fit for a use: metrological confirmation against a stated need.

Source: ISO 10012:2003, 7.1 and 7.3.1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import hypot
from uuid import UUID

from traceability.audit import EXCUSED_STATES, calibration_in_force
from traceability.graph import (
    Break,
    Link,
    MeasuringInterval,
    build_graph,
    find_breaks,
    require_finite,
)

DAYS_PER_YEAR = 365.25


class Unfitness(StrEnum):
    """Why an item does not serve a use."""

    NOT_CALIBRATED = "not_calibrated"
    OUT_OF_SERVICE = "out_of_service"
    EXPIRED = "expired"
    CHAIN_BROKEN = "chain_broken"
    UNIT_MISMATCH = "unit_mismatch"
    RANGE_NOT_COVERED = "range_not_covered"
    UNCERTAINTY_UNKNOWN = "uncertainty_unknown"
    UNCERTAINTY_TOO_LARGE = "uncertainty_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """What is to be said of an item for a use on a day: fit if no reason stands against it.

    Attributes:
        calibration_id: the calibration in force; None if there is none.
        breaks: of its chain as its references were used.
        calibrated_standard_uncertainty: at the point, on the day of calibration.
        predicted_standard_uncertainty: at the point, on the day of use, drift included;
            None where the drift is unknown. The reasons then rest on the calibrated one.
    """

    calibration_id: UUID | None
    reasons: tuple[Unfitness, ...]
    breaks: tuple[Break, ...]
    calibrated_standard_uncertainty: float | None
    predicted_standard_uncertainty: float | None

    @property
    def fit(self) -> bool:
        """Whether no reason stands against the use."""
        return not self.reasons


def fitness(
    links: Iterable[Link],
    item_id: UUID,
    *,
    at: float,
    unit: str,
    required_standard_uncertainty: float,
    on: date,
    state: str = "in_use",
    drift_standard_uncertainty_per_year: float | None = None,
) -> Fitness:
    """Return whether an item serves to measure a value with a required u on a day.

    Args:
        links: the item's calibrations and all behind them.
        item_id: the item.
        at: the value to be measured, in `unit`.
        unit: the unit of the value and of the uncertainties.
        required_standard_uncertainty: the largest u that serves, above 0.
        on: the day of use.
        state: in_use, limited, sealed or out_of_service.
        drift_standard_uncertainty_per_year: u of the change in a year since calibration,
            in `unit`; None if nobody has evaluated it.

    Raises:
        InvalidValue: a number is not finite, or negative where it may not be.
    """
    require_finite("at", at)
    require_finite("required_standard_uncertainty", required_standard_uncertainty, minimum=0)
    drift = drift_standard_uncertainty_per_year
    require_finite("drift_standard_uncertainty_per_year", drift, minimum=0)
    links = tuple(links)
    newest = calibration_in_force((link for link in links if link.item_id == item_id), on=on)
    breaks: tuple[Break, ...] = ()
    u = predicted = None
    if newest is not None:
        breaks = find_breaks(build_graph(links), newest.calibration_id)
        known = newest.uncertainty is not None and newest.uncertainty.unit == unit
        u = newest.uncertainty.standard_at(at) if newest.uncertainty and known else None
        years = (on - newest.performed_on).days / DAYS_PER_YEAR
        predicted = None if u is None or drift is None else hypot(u, drift * years)
    return Fitness(
        calibration_id=None if newest is None else newest.calibration_id,
        reasons=(
            *([Unfitness.OUT_OF_SERVICE] if state in EXCUSED_STATES else []),
            *_reasons_of_calibration(newest, breaks, at=at, unit=unit, on=on),
            *_reasons_of_uncertainty(
                newest, u if predicted is None else predicted, required_standard_uncertainty
            ),
        ),
        breaks=breaks,
        calibrated_standard_uncertainty=u,
        predicted_standard_uncertainty=predicted,
    )


def _reasons_of_calibration(
    link: Link | None, breaks: tuple[Break, ...], *, at: float, unit: str, on: date
) -> Iterator[Unfitness]:
    if link is None:
        yield Unfitness.NOT_CALIBRATED
        return
    if link.valid_until is not None and link.valid_until < on:
        yield Unfitness.EXPIRED
    if breaks:
        yield Unfitness.CHAIN_BROKEN
    if link.interval is None:
        yield Unfitness.RANGE_NOT_COVERED
    elif link.interval.unit != unit:
        yield Unfitness.UNIT_MISMATCH
    elif not link.interval.covers(MeasuringInterval(lower=at, upper=at, unit=unit)):
        yield Unfitness.RANGE_NOT_COVERED


def _reasons_of_uncertainty(
    link: Link | None, u: float | None, required: float
) -> Iterator[Unfitness]:
    if link is None:
        return
    if u is None:
        yield Unfitness.UNCERTAINTY_UNKNOWN
    elif u > required:
        yield Unfitness.UNCERTAINTY_TOO_LARGE
