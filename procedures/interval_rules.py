"""Rules that change one interval after each calibration (ILAC-G24/OIML D 10, JJF 1139-2005).

They need no history to speak of and promise no reliability but the one they come to rest at.
Their factors are whoever's choice who applies them: the documents give examples, no law. What was
read of JJF 1139 only in public summaries is marked `UNVERIFIED`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import log
from typing import Final

import numpy as np

from procedures.errors import InvalidInput
from procedures.fields import (
    require_finite,
    require_not_negative,
    require_positive,
    require_probability,
)

UNVERIFIED: Final = frozenset({"fixed_step", "incremental"})  # JJF 1139-2005: text not read
STAIRCASE_SHARE: Final = 0.8  # of the MPE, the example of ILAC-G24, method 1
MOVING_RANGE: Final = 1.128  # d_2 of two values
CONTROL_LIMIT: Final = 3.0  # in standard deviations


class Change(StrEnum):
    """What a rule made of the interval."""

    EXTENDED = "extended"
    KEPT = "kept"
    REDUCED = "reduced"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedInterval:
    """The next interval, in the unit of the present one, and which way it went."""

    length: float
    change: Change


# ── Staircase, fixed step, incremental response ──────────────────────────────────────────────


def staircase(
    current_interval: float,
    *,
    error: float,
    maximum_permissible_error: float,
    extension: float,
    reduction: float,
    share: float = STAIRCASE_SHARE,
) -> ChangedInterval:
    """Return the interval after one calibration: longer well inside the MPE, shorter beyond it.

    Args:
        current_interval: > 0.
        error: as found.
        maximum_permissible_error: > 0, in the unit of the error.
        extension: > 1, the factor after an error within `share` of the MPE.
        reduction: in (0, 1), the factor after an error beyond the MPE.
        share: in (0, 1].

    Raises:
        InvalidInput: an argument lies outside its range.

    Source: ILAC-G24:2022/OIML D 10:2022, automatic adjustment ("staircase").

    >>> staircase(12, error=0.3, maximum_permissible_error=0.5, extension=1.5, reduction=0.5)
    ChangedInterval(length=18.0, change=<Change.EXTENDED: 'extended'>)
    """
    require_positive("current_interval", current_interval)
    require_finite("error", error)
    require_positive("maximum_permissible_error", maximum_permissible_error)
    if not require_finite("extension", extension) > 1:
        raise InvalidInput("extension", f"must be > 1, got {extension}")
    require_probability("reduction", reduction)
    if not 0 < share <= 1:
        raise InvalidInput("share", f"must lie in (0, 1], got {share}")
    if abs(error) > maximum_permissible_error:
        return ChangedInterval(length=current_interval * reduction, change=Change.REDUCED)
    if abs(error) <= share * maximum_permissible_error:
        return ChangedInterval(length=current_interval * extension, change=Change.EXTENDED)
    return ChangedInterval(length=current_interval, change=Change.KEPT)


def fixed_step(
    current_interval: float,
    *,
    found_in_tolerance: bool,
    increase: float = 0.1,
    decrease: float = 0.55,
) -> ChangedInterval:
    """Return I (1 + a) after an item found in tolerance, I (1 - b) after one that was not.

    Raises:
        InvalidInput: the interval is not > 0, a not > 0, or b not in (0, 1).

    Source: JJF 1139-2005, fixed step (unverified; NCSLI RP-1, method A1).
    """
    require_positive("current_interval", current_interval)
    require_positive("increase", increase)
    require_probability("decrease", decrease)
    if found_in_tolerance:
        return ChangedInterval(length=current_interval * (1 + increase), change=Change.EXTENDED)
    return ChangedInterval(length=current_interval * (1 - decrease), change=Change.REDUCED)


def resting_reliability(*, increase: float = 0.1, decrease: float = 0.55) -> float:
    """Return the reliability at which fixed steps come to rest: (1 + a)^R (1 - b)^(1 - R) = 1.

    >>> round(resting_reliability(), 3)
    0.893
    """
    require_positive("increase", increase)
    require_probability("decrease", decrease)
    return -log(1 - decrease) / (log(1 + increase) - log(1 - decrease))


def incremental(
    current_interval: float,
    *,
    found_in_tolerance: Sequence[bool],
    target_reliability: float,
    first_step: float = 0.5,
) -> Iterator[float]:
    """Yield the interval after each calibration: I [1 + D (-R)^(1-y) (1-R)^y].

    The step D is halved each time the finding y (1 for in tolerance) changes, so that the
    interval settles where the reliability is R.

    Raises:
        InvalidInput: an argument lies outside its range.

    Source: NCSLI RP-1, method A2; JJF 1139-2005 (the form there unverified).

    >>> [round(one, 2) for one in incremental(
    ...     12, found_in_tolerance=[True, True, False], target_reliability=0.9)]
    [12.6, 13.23, 10.25]
    """
    require_positive("current_interval", current_interval)
    require_probability("target_reliability", target_reliability)
    require_probability("first_step", first_step)
    interval, step = float(current_interval), first_step
    for i, is_good in enumerate(found_in_tolerance):
        if i and is_good != found_in_tolerance[i - 1]:
            step /= 2
        interval *= 1 + step * ((1 - target_reliability) if is_good else -target_reliability)
        yield interval


# ── Control chart ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """Errors at one point over time.

    Attributes:
        centre: their mean.
        standard_deviation: from the moving range, so that a slow drift does not widen it.
        out_of_control: indices of errors more than 3 standard deviations from the centre.
        drift: the slope by least squares, per unit of time.
        length: the time in which |drift| and twice the scatter use up the MPE; None without end
            or where the scatter alone is too large already.
    """

    centre: float
    standard_deviation: float
    out_of_control: tuple[int, ...]
    drift: float
    length: float | None


def control_chart(
    times: Sequence[float], errors: Sequence[float], *, maximum_permissible_error: float
) -> ControlChart:
    """Return the control chart of at least three errors, undoing no adjustment.

    Raises:
        InvalidInput: the two do not match, are fewer than 3, or the times do not ascend.

    Source: ILAC-G24:2022/OIML D 10:2022, control chart.
    """
    require_positive("maximum_permissible_error", maximum_permissible_error)
    if len(times) != len(errors):
        raise InvalidInput("errors", f"are {len(errors)} at {len(times)} times")
    if len(errors) < 3:
        raise InvalidInput("errors", "are fewer than 3")
    for name, numbers in (("times", times), ("errors", errors)):
        for i, number in enumerate(numbers):
            require_finite(f"{name}[{i}]", number)
    if not all(a < b for a, b in pairwise(times)):
        raise InvalidInput("times", "must ascend")
    t, e = np.array(times, dtype=float), np.array(errors, dtype=float)
    scatter = float(np.abs(np.diff(e)).mean()) / MOVING_RANGE
    drift = float(np.polyfit(t - t.mean(), e, 1)[0])
    room = maximum_permissible_error - 2 * scatter
    return ControlChart(
        centre=float(e.mean()),
        standard_deviation=scatter,
        out_of_control=tuple(map(int, np.flatnonzero(abs(e - e.mean()) > CONTROL_LIMIT * scatter))),
        drift=drift,
        length=room / abs(drift) if room > 0 and drift else None,
    )


# ── In-use time, and checks in service ───────────────────────────────────────────────────────


def calendar_interval(hours_of_use: float, *, hours_per_day: float) -> float | None:
    """Return in how many days so many hours of use are reached; None where it is not used.

    Any method of this package takes hours of use for its times; this brings the answer back.

    Raises:
        InvalidInput: the hours are not > 0, or those of a day not in [0, 24].

    Source: ILAC-G24:2022/OIML D 10:2022, in-use time.
    """
    require_positive("hours_of_use", hours_of_use)
    if require_not_negative("hours_per_day", hours_per_day) > 24:
        raise InvalidInput("hours_per_day", f"must be ≤ 24, got {hours_per_day}")
    return hours_of_use / hours_per_day if hours_per_day else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InServiceChecks:
    """What checks in service say of an item that is calibrated when they do ("black box").

    Attributes:
        failed: index of the first check beyond the limit; None where all held.
        largest_share: of the limit, used by the largest error.
    """

    failed: int | None
    largest_share: float

    @property
    def is_due(self) -> bool:
        """Whether the item is to be calibrated now."""
        return self.failed is not None


def in_service_checks(errors: Sequence[float], *, limit: float) -> InServiceChecks:
    """Return whether an item's checks in service call for a calibration.

    Raises:
        InvalidInput: there is no check, an error is not finite, or the limit not > 0.

    Source: ILAC-G24:2022/OIML D 10:2022, in-service checking ("black box").
    """
    require_positive("limit", limit)
    if not errors:
        raise InvalidInput("errors", "there is no check")
    sizes = [abs(require_finite(f"errors[{i}]", error)) for i, error in enumerate(errors)]
    return InServiceChecks(
        failed=next((i for i, size in enumerate(sizes) if size > limit), None),
        largest_share=max(sizes) / limit,
    )
