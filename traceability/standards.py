"""Which standards may be used for a calibration, and what a standard contributes to it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import inf, sqrt
from typing import Final

from traceability.audit import EXCUSED_STATES
from traceability.errors import InvalidValue
from traceability.graph import (
    RECORDED_DIGITS,
    Basis,
    Extension,
    Link,
    MeasuringInterval,
    UncertaintyModel,
    UncertaintyStatement,
    require_finite,
    require_one_of,
    statement_at,
)

# Methods by which many equal parts are put together: their errors add up in proportion.
SCALING_EXTENSIONS = frozenset({"build_up", "substitution"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MaximumPermissibleError:
    """The largest error a specification permits, as a magnitude (VIM 4.26).

    Attributes:
        model: "absolute", coefficient in `unit`; "relative", coefficient times |value|.
    """

    model: UncertaintyModel
    coefficient: float
    unit: str

    def __post_init__(self) -> None:
        require_one_of("model", self.model, UncertaintyModel)
        require_finite("coefficient", self.coefficient, minimum=0)

    def limit_at(self, value: float) -> float:
        """Return the magnitude of the limit at a value, in the unit of the value."""
        return statement_at(self.model, self.coefficient, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A standard as it stands: its newest calibration, its own limit and its state.

    `has_failed` is so where that calibration is a verification which it failed.
    """

    link: Link
    maximum_permissible_error: MaximumPermissibleError | None = None
    state: str = "in_use"
    has_failed: bool = False


class Ineligibility(StrEnum):
    """Why a standard may not be used."""

    NOT_YET_CALIBRATED = "not_yet_calibrated"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    OUT_OF_SERVICE = "out_of_service"
    FAILED = "failed"
    UNIT_MISMATCH = "unit_mismatch"
    RANGE_NOT_COVERED = "range_not_covered"
    UNCERTAINTY_UNKNOWN = "uncertainty_unknown"
    PERMISSIBLE_ERROR_UNKNOWN = "permissible_error_unknown"
    RATIO_UNKNOWN = "ratio_unknown"
    RATIO_EXCEEDS_RULE = "ratio_exceeds_rule"


UNKNOWN: Final[Mapping[Basis, Ineligibility]] = {
    "U": Ineligibility.UNCERTAINTY_UNKNOWN,
    "MPE": Ineligibility.PERMISSIBLE_ERROR_UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is to be said of one standard: eligible if no reason stands against it.

    Attributes:
        ratio: the larger of the ratios at both ends of the interval; None if unknown.
        test_uncertainty_ratio: the item's |MPE| over U of the standard, the smaller of both ends;
            None if one is unknown.
    """

    candidate: Candidate
    reasons: tuple[Ineligibility, ...]
    ratio: float | None
    ratio_limit: float | None
    test_uncertainty_ratio: float | None = None

    @property
    def eligible(self) -> bool:
        """Whether no reason stands against it."""
        return not self.reasons


def propose_standards(
    candidates: Iterable[Candidate],
    *,
    interval: MeasuringInterval | None,
    on: date,
    user_mpe: MaximumPermissibleError | None,
    ratio_limit: float | None,
    basis: Basis,
) -> tuple[Proposal, ...]:
    """Return every candidate with the reasons against it: eligible ones first, best first.

    The best has the smallest ratio; of equals, the one that stays valid longest.

    Args:
        candidates: the standards, each with its calibration in force.
        interval: what is to be calibrated, in the user's unit; None where it has no values, and
            neither range nor ratio can be asked for.
        on: the day of use.
        user_mpe: the limit of the item to be calibrated; None leaves the ratio unknown.
        ratio_limit: the procedure's rule; None if it has none, then the ratio only orders.
        basis: which statement of the standard the ratio takes.
    """
    require_one_of("basis", basis, Basis)

    def proposal(candidate: Candidate) -> Proposal:
        link = candidate.link
        statement = link.uncertainty if basis == "U" else candidate.maximum_permissible_error
        if interval is None:
            return Proposal(candidate=candidate, reasons=tuple(_reasons_of_state(candidate, on)),
                            ratio=None, ratio_limit=ratio_limit,
                            test_uncertainty_ratio=None)  # fmt: skip
        same_unit = link.interval is None or link.interval.unit == interval.unit
        ratio = _worst_ratio(statement, interval, user_mpe) if same_unit else None
        of_u = _worst_ratio(link.uncertainty, interval, user_mpe) if same_unit else None
        reasons = (
            *_reasons_of_state(candidate, on),
            *_reasons_of_interval(link.interval, interval),
            *([UNKNOWN[basis]] if statement is None else []),
            *_reasons_of_ratio(ratio, ratio_limit),
        )
        return Proposal(
            candidate=candidate,
            reasons=reasons,
            ratio=ratio,
            ratio_limit=ratio_limit,
            test_uncertainty_ratio=1 / of_u if of_u else None,
        )

    return tuple(sorted(map(proposal, candidates), key=_order))


def accuracy_ratio(
    *,
    basis_value: float,
    at_value: float,
    user_limit: float,
    user_value: float,
    conversion_factor: float | None = None,
    extension: Extension | None = None,
) -> float:
    """Return the basis value of a reference over the maximum permissible error of its user.

    Args:
        basis_value: U or MPE of the reference at `at_value`, in its unit.
        at_value: where the reference is used, in its unit.
        user_limit: maximum permissible error of the user at `user_value`, above 0.
        user_value: the same point of the user, in the user's unit.
        conversion_factor: user's unit per reference's unit; None where they are one.
        extension: "build_up" and "substitution" enlarge the reference's value to the user's.

    Raises:
        InvalidValue: a number is not finite, or the user's limit is not above 0.
    """
    require_finite("basis_value", basis_value, minimum=0)
    require_finite("user_limit", user_limit)
    if user_limit <= 0:
        raise InvalidValue("user_limit", user_limit, "be above 0")
    return basis_value * _carried(at_value, user_value, conversion_factor, extension) / user_limit


def reference_contribution(
    *,
    basis: Basis,
    basis_value: float,
    at_value: float,
    user_value: float,
    coverage_factor: float = 2,
    conversion_factor: float | None = None,
    extension: Extension | None = None,
) -> tuple[float, float]:
    """Return u of a reference (its unit) and what it contributes to the user (user's unit).

    U is divided by its coverage factor; a maximum permissible error is the half-width of a
    rectangular distribution. A method that repeats one load step (级差) carries the value of
    that step: give it no extension.

    Raises:
        InvalidValue: a number is not finite, or negative where it may not be.

    Source: JCGM 100:2008, 4.3.3 and 4.3.7.
    """
    require_one_of("basis", basis, Basis)
    require_finite("basis_value", basis_value, minimum=0)
    divisor = coverage_factor if basis == "U" else sqrt(3)
    factor = 1.0 if conversion_factor is None else abs(conversion_factor)
    carried = _carried(at_value, user_value, conversion_factor, extension)
    return basis_value / divisor * carried / factor, basis_value / divisor * carried


def _carried(
    at: float, user_value: float, conversion_factor: float | None, extension: Extension | None
) -> float:
    """Return by what a value of the reference is multiplied on its way to the user."""
    for field, value in (("at_value", at), ("user_value", user_value)):
        require_finite(field, value)
    factor = 1.0 if conversion_factor is None else abs(conversion_factor)
    require_finite("conversion_factor", factor)
    if extension not in SCALING_EXTENSIONS:
        return factor
    for field, value in (("at_value", at), ("conversion_factor", factor)):
        if value == 0:
            raise InvalidValue(field, value, "not be 0 where a method enlarges the value")
    return abs(user_value) / abs(at)


def _reasons_of_state(candidate: Candidate, on: date) -> Iterator[Ineligibility]:
    link = candidate.link
    if link.performed_on > on:
        yield Ineligibility.NOT_YET_CALIBRATED
    if link.valid_until is not None and link.valid_until < on:
        yield Ineligibility.EXPIRED
    if link.superseded_at is not None and link.superseded_at.date() <= on:
        yield Ineligibility.SUPERSEDED
    if candidate.state in EXCUSED_STATES:
        yield Ineligibility.OUT_OF_SERVICE
    if candidate.has_failed:
        yield Ineligibility.FAILED


def _reasons_of_interval(
    calibrated: MeasuringInterval | None, needed: MeasuringInterval
) -> Iterator[Ineligibility]:
    if calibrated is not None and calibrated.unit != needed.unit:
        yield Ineligibility.UNIT_MISMATCH
    elif calibrated is None or not calibrated.covers(needed):
        yield Ineligibility.RANGE_NOT_COVERED


def _reasons_of_ratio(ratio: float | None, ratio_limit: float | None) -> Iterator[Ineligibility]:
    if ratio_limit is None:
        return
    if ratio is None:
        yield Ineligibility.RATIO_UNKNOWN
    elif ratio > ratio_limit * (1 + RECORDED_DIGITS):
        yield Ineligibility.RATIO_EXCEEDS_RULE


def _worst_ratio(
    statement: UncertaintyStatement | MaximumPermissibleError | None,
    interval: MeasuringInterval,
    user_mpe: MaximumPermissibleError | None,
) -> float | None:
    """Return the larger ratio of both ends; it grows or falls steadily between them."""
    if statement is None or user_mpe is None:
        return None
    ratios = [
        accuracy_ratio(
            basis_value=_basis_value(statement, value),
            at_value=value,
            user_limit=user_mpe.limit_at(value),
            user_value=value,
        )
        for value in (interval.lower, interval.upper)
        if user_mpe.limit_at(value) > 0
    ]
    return max(ratios, default=None)


def _basis_value(statement: UncertaintyStatement | MaximumPermissibleError, value: float) -> float:
    if isinstance(statement, UncertaintyStatement):
        return statement.expanded_at(value)
    return statement.limit_at(value)


def _order(proposal: Proposal) -> tuple[bool, float, int, str]:
    valid_until = proposal.candidate.link.valid_until
    return (
        not proposal.eligible,
        inf if proposal.ratio is None else proposal.ratio,
        -valid_until.toordinal() if valid_until is not None else -(10**9),
        str(proposal.candidate.link.calibration_id),
    )
