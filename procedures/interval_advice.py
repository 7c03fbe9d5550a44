"""The interval to go by: what the statistics propose, held against law and what is in force.

A mandatory period (强制检定) may be shortened and is never lengthened. Where a history says nothing
the period in force stays; nothing is made up.
"""

from dataclasses import dataclass
from enum import StrEnum

from procedures.drift import ProposedInterval
from procedures.errors import InvalidInput


class Ground(StrEnum):
    """On what ground an interval is advised."""

    STATISTICS = "statistics"
    LEGAL_CAP = "legal_cap"  # the statistics would allow more
    LEGAL_PERIOD_UNKNOWN = "legal_period_unknown"  # mandatory: the period in force is the cap
    KEPT = "kept"  # the history says nothing: what is in force stays
    NOTHING_REACHES_THE_TARGET = "nothing_reaches_the_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalAdvice:
    """The legal cap and the statistical proposal side by side, and which of them counts.

    Attributes:
        months: to go by; None where there is none to go by.
        legal_months: the upper bound of the procedure; None where it has none or is not known.
        current_months: in force now; None where none is.
        is_mandatory: whether the law sets the period.
    """

    months: int | None
    ground: Ground
    proposal: ProposedInterval
    legal_months: int | None
    current_months: int | None
    is_mandatory: bool


def advise(
    proposal: ProposedInterval,
    *,
    is_mandatory: bool,
    legal_months: int | None,
    current_months: int | None,
) -> IntervalAdvice:
    """Return the interval to go by.

    Raises:
        InvalidInput: a period is not ≥ 1 month.
    """
    for field, months in (("legal_months", legal_months), ("current_months", current_months)):
        if months is not None and months < 1:
            raise InvalidInput(field, f"must be ≥ 1, got {months}; an unknown period is none")
    in_force = min((one for one in (legal_months, current_months) if one), default=None)
    cap = (legal_months or current_months) if is_mandatory else None
    proposed = proposal.advised_months
    if proposed is None and proposal.years is None and proposal.reason is not None:
        months, ground = in_force, Ground.KEPT
    elif not proposed:
        months, ground = None, Ground.NOTHING_REACHES_THE_TARGET
    elif is_mandatory and cap is None:
        months, ground = None, Ground.LEGAL_PERIOD_UNKNOWN
    elif cap is not None and proposed > cap:
        unknown = legal_months is None
        months, ground = cap, Ground.LEGAL_PERIOD_UNKNOWN if unknown else Ground.LEGAL_CAP
    else:
        months, ground = proposed, Ground.STATISTICS
    return IntervalAdvice(
        months=months,
        ground=ground,
        proposal=proposal,
        legal_months=legal_months,
        current_months=current_months,
        is_mandatory=is_mandatory,
    )
