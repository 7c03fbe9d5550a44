"""Calibrations away from the laboratory: in line with the process, and at a distance.

What is added is uncertainty that a laboratory does not have: two series that are not quite
simultaneous, conditions that are not the reference conditions, a transfer standard that travels.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from procedures import budget as budgets
from procedures.budget import UncertaintyBudget
from procedures.errors import InvalidInput
from procedures.fields import require_finite, require_not_negative
from procedures.models import compile_model
from procedures.observations import autocorrelated_observations
from procedures.quantities import InputQuantity, Normal, Rectangular

FloatArray = NDArray[np.float64]

LEAST_SAMPLES: Final = 10
RESERVED: Final = ("error", "standard", "synchronisation", "drift")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Samples of one instrument: seconds, increasing, and values in the unit of the measurand."""

    seconds: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.seconds) != len(self.values) or len(self.seconds) < 2:
            raise InvalidInput("series", "needs as many values as times, at least two")
        for value in (*self.seconds, *self.values):
            require_finite("series", value)
        if any(b <= a for a, b in pairwise(self.seconds)):
            raise InvalidInput("series.seconds", "must increase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A process condition that differs from the reference condition, and what it does.

    Attributes:
        half_width: of its effect on the error, in the unit of the measurand.
    """

    name: str
    half_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InLineComparison:
    """An instrument against a reference in series with it, while the process runs.

    Attributes:
        samples: how many of the instrument's samples lie within the reference's time.
        error: mean of instrument less reference at the same moments.
        drift: change of the error from the first to the last sample, by its line of least squares.
        budget: of the error, with synchronisation and conditions.
    """

    samples: int
    error: float
    drift: float
    budget: UncertaintyBudget

    @property
    def expanded_uncertainty(self) -> float:
        """U of the error with k = 2."""
        return 2 * self.budget.combined_standard_uncertainty


def compare_in_line(
    instrument: Series,
    reference: Series,
    *,
    unit: str,
    reference_standard_uncertainty: float,
    delay: float = 0.0,
    time_half_width: float,
    conditions: Sequence[Condition] = (),
) -> InLineComparison:
    """Return the error of an instrument in line, with the terms that a laboratory does not have.

    The reference is interpolated to the instrument's moments. That the clocks agree only to
    ± `time_half_width` adds the slope of the process, as a root mean square, times u of the time.
    The repeatability is that of correlated samples: neighbours in a process are not independent.

    Args:
        instrument: of the item.
        reference: of the reference in series with it.
        unit: of the measurand.
        reference_standard_uncertainty: u of the reference, from its certificate.
        delay: seconds by which the instrument's flow comes after the reference's.
        time_half_width: a of the difference between the two clocks, s.
        conditions: process conditions that act on the error, rectangular.

    Raises:
        InvalidInput: fewer than ten samples in common, or a figure that is not usable.
    """
    require_not_negative("time_half_width", time_half_width)
    moments = np.asarray(instrument.seconds, dtype=float) - require_finite("delay", delay)
    times = np.asarray(reference.seconds, dtype=float)
    inside = (moments >= times[0]) & (moments <= times[-1])
    if int(inside.sum()) < LEAST_SAMPLES:
        raise InvalidInput(
            "instrument", f"needs {LEAST_SAMPLES} samples within the reference's time"
        )
    values = np.asarray(reference.values, dtype=float)
    aligned = np.interp(moments[inside], times, values)
    errors = np.asarray(instrument.values, dtype=float)[inside] - aligned
    inputs = [
        *_repeatability_and_reference(errors, reference_standard_uncertainty, unit),
        _bounded("synchronisation", _slope(times, values) * time_half_width, unit),
        _bounded("drift", abs(_drift(moments[inside], errors)) / 2, unit),
        *(_bounded(row.name, row.half_width, unit) for row in conditions),
    ]
    names = [quantity.symbol for quantity in inputs]
    if len(set(names)) < len(names):
        raise InvalidInput("conditions", f"a name stands twice, or is one of {', '.join(RESERVED)}")
    model = compile_model(" + ".join(names), tuple(names))
    return InLineComparison(
        samples=len(errors),
        error=float(errors.mean()),
        drift=_drift(moments[inside], errors),
        budget=budgets.evaluate(model, inputs, unit=unit),
    )


def _repeatability_and_reference(
    errors: FloatArray, u_reference: float, unit: str
) -> list[InputQuantity]:
    found = autocorrelated_observations(errors.tolist())
    require_not_negative("reference_standard_uncertainty", u_reference)
    reference = Normal(0.0, u_reference)
    return [
        found.as_input("error", unit=unit),
        InputQuantity(
            symbol="standard",
            estimate=0.0,
            standard_uncertainty=reference.standard_uncertainty,
            distribution=reference,
            evaluation="B",
            unit=unit,
        ),
    ]


def _bounded(symbol: str, half_width: float, unit: str) -> InputQuantity:
    require_not_negative(f"{symbol}.half_width", half_width)
    distribution = Rectangular.about(0.0, half_width)
    return InputQuantity(
        symbol=symbol,
        estimate=0.0,
        standard_uncertainty=distribution.standard_uncertainty,
        distribution=distribution,
        evaluation="B",
        unit=unit,
    )


def _slope(times: FloatArray, values: FloatArray) -> float:
    """Return the root mean square of the slope of the process."""
    return float(np.sqrt(np.mean((np.diff(values) / np.diff(times)) ** 2)))


def _drift(moments: FloatArray, errors: FloatArray) -> float:
    slope = float(np.polyfit(moments - moments[0], errors, 1)[0])
    return slope * float(moments[-1] - moments[0])


# ── At a distance ────────────────────────────────────────────────────────────────────────────


class RemoteFlaw(StrEnum):
    """Why a remote record cannot be signed."""

    STANDARD_NOT_VALID = "standard_not_valid"
    STANDARD_UNIDENTIFIED = "standard_unidentified"
    SEAL_BROKEN = "seal_broken"
    TRANSFER_NOT_CLOSED = "transfer_not_closed"
    ENVIRONMENT_MISSING = "environment_missing"
    READINGS_CHANGED = "readings_changed"
    NO_READINGS = "no_readings"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStandard:
    """A standard that travelled, checked where it belongs before and after.

    Attributes:
        valid_until: of its certificate.
        seal_departure, seal_arrival: the numbers of its seal.
        before, after: its error at home before and after the journey; None while not back.
    """

    serial_number: str
    certificate_number: str
    valid_until: date
    seal_departure: str
    seal_arrival: str
    before: float
    after: float | None = None

    @property
    def transport_half_width(self) -> float | None:
        """Half of the change during the journey; None while it is not known."""
        return None if self.after is None else abs(self.after - self.before) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReading:
    """One reading as it was sent: when, of what, at which nominal value."""

    at: datetime
    symbol: str
    nominal: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRecord:
    """A calibration at a distance: its standard, conditions and readings, bound by a digest.

    Attributes:
        video_sha256: of the recording of the session.
        digest: of the readings when they were taken; see `digest_of`.
    """

    standard: TransferStandard
    environment: Mapping[str, float]
    readings: tuple[RemoteReading, ...]
    video_sha256: str
    digest: str
    required_conditions: tuple[str, ...] = field(default=("temperature",))


def digest_of(
    readings: Sequence[RemoteReading], *, standard: TransferStandard, video_sha256: str
) -> str:
    """Return the SHA-256 that binds readings to their standard and their recording."""
    content = {
        "readings": [
            [row.at.isoformat(), row.symbol, repr(row.nominal), repr(row.value)] for row in readings
        ],
        "standard": [standard.serial_number, standard.certificate_number, standard.seal_arrival],
        "video_sha256": video_sha256,
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def flaws_of(record: RemoteRecord, *, on: date) -> tuple[RemoteFlaw, ...]:
    """Return why a remote record cannot be signed on a day; none where it can.

    An audit that replays the record calls this again: what was changed since has another digest.
    """
    standard = record.standard
    replayed = digest_of(record.readings, standard=standard, video_sha256=record.video_sha256)
    days = [row.at.date() for row in record.readings] or [on]
    found = {
        RemoteFlaw.STANDARD_UNIDENTIFIED: not (
            standard.serial_number and standard.certificate_number
        ),
        RemoteFlaw.STANDARD_NOT_VALID: max(days) > standard.valid_until,
        RemoteFlaw.SEAL_BROKEN: standard.seal_departure != standard.seal_arrival,
        RemoteFlaw.TRANSFER_NOT_CLOSED: standard.after is None,
        RemoteFlaw.ENVIRONMENT_MISSING: not set(record.required_conditions)
        <= set(record.environment),
        RemoteFlaw.NO_READINGS: not record.readings,
        RemoteFlaw.READINGS_CHANGED: replayed != record.digest,
    }
    return tuple(flaw for flaw, is_there in found.items() if is_there)


def remote_standard_uncertainty(
    laboratory: float, standard: TransferStandard, *, conditions: Sequence[Condition] = ()
) -> float:
    """Return u of a remote result: that of the laboratory, the journey and the conditions there.

    Args:
        laboratory: u of the same measurement in the laboratory.
        standard: the standard that travelled.
        conditions: what the place adds, rectangular.

    Raises:
        InvalidInput: the journey is not closed, so that what it did is not known.
    """
    require_not_negative("laboratory", laboratory)
    transport = standard.transport_half_width
    if transport is None:
        raise InvalidInput("standard.after", "is not known: the journey is not closed")
    widths = [transport, *(row.half_width for row in conditions)]
    for width in widths:
        require_not_negative("half_width", width)
    return sqrt(laboratory**2 + sum(width**2 / 3 for width in widths))
