"""How loudly a due date is told of as it comes nearer, and to whom."""

from enum import StrEnum


class Stage(StrEnum):
    """How near a due date is when somebody is told of it; each is told of once."""

    WITHIN_90 = "90"
    WITHIN_60 = "60"
    WITHIN_30 = "30"
    OVERDUE = "overdue"


ESCALATED = frozenset({Stage.WITHIN_30, Stage.OVERDUE})  # told to the manager too


def stage_of(days_left: int) -> Stage | None:
    """Return the stage of a due date with so many days left; None while it is far away.

    On its last valid day nothing is overdue yet.

    >>> stage_of(91), stage_of(90), stage_of(0), stage_of(-1)
    (None, <Stage.WITHIN_90: '90'>, <Stage.WITHIN_30: '30'>, <Stage.OVERDUE: 'overdue'>)
    """
    if days_left < 0:
        return Stage.OVERDUE
    near = (Stage.WITHIN_30, Stage.WITHIN_60, Stage.WITHIN_90)
    return next((stage for stage in near if days_left <= int(stage)), None)
