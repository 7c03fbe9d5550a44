"""The states of one item in a work order, and which may follow which. Pure: no database, no clock.

    requested → accepted → received → assigned → measured → checked → approved → issued → returned
        │           │          │          ↑          │          │         │
     declined   cancelled   returned      └──────────┴──────────┴─────────┘ sent back

Until it is received an item's order can be cancelled; afterwards the item is given back, measured
or not. Sent back, it is measured anew; what was signed before stays with the record it was of.
An order placed with another laboratory knows only what that one tells: requested, accepted or
declined, issued, returned.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from service.errors import StepOutOfOrder


class State(StrEnum):
    """Where one item of a work order stands."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    RECEIVED = "received"
    ASSIGNED = "assigned"
    MEASURED = "measured"
    CHECKED = "checked"
    APPROVED = "approved"
    ISSUED = "issued"
    RETURNED = "returned"
    DECLINED = "declined"
    CANCELLED = "cancelled"


ENDED = frozenset({State.RETURNED, State.DECLINED, State.CANCELLED})
IN_THE_LABORATORY: Mapping[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.ACCEPTED, State.DECLINED, State.CANCELLED}),
    State.ACCEPTED: frozenset({State.RECEIVED, State.CANCELLED}),
    State.RECEIVED: frozenset({State.ASSIGNED, State.RETURNED}),
    State.ASSIGNED: frozenset({State.ASSIGNED, State.MEASURED, State.RETURNED}),
    State.MEASURED: frozenset({State.CHECKED, State.ASSIGNED}),
    State.CHECKED: frozenset({State.APPROVED, State.ASSIGNED}),
    State.APPROVED: frozenset({State.ISSUED, State.ASSIGNED}),
    State.ISSUED: frozenset({State.RETURNED}),
    State.RETURNED: frozenset(),
    State.DECLINED: frozenset(),
    State.CANCELLED: frozenset(),
}
# Two persons sign where the organization's policy has two: nobody checks in between.
OF_TWO_PERSONS: Mapping[State, frozenset[State]] = {
    **IN_THE_LABORATORY,
    State.MEASURED: frozenset({State.APPROVED, State.ASSIGNED}),
}
AT_THE_CUSTOMER: Mapping[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.ACCEPTED, State.DECLINED}),
    State.ACCEPTED: frozenset({State.ISSUED, State.RETURNED}),
    State.ISSUED: frozenset({State.RETURNED}),
    State.RETURNED: frozenset(),
    State.DECLINED: frozenset(),
}


def require_next(
    before: State, after: State, rule: Mapping[State, frozenset[State]] = IN_THE_LABORATORY
) -> None:
    """Refuse a step that may not follow.

    Raises:
        StepOutOfOrder: naming where the item stands, and what may follow.

    >>> require_next(State.MEASURED, State.CHECKED)
    """
    if after not in rule[before]:
        raise StepOutOfOrder(before, after, sorted(rule[before]))


def order_state(states: Iterable[State]) -> State:
    """Return where an order of several items stands: as far as the one that is least far.

    Items declined or cancelled count only where nothing else is left.

    >>> order_state([State.ISSUED, State.ASSIGNED, State.CANCELLED])
    <State.ASSIGNED: 'assigned'>
    """
    progress = list(State)
    known = list(states)
    under_way = [state for state in known if state not in (State.DECLINED, State.CANCELLED)]
    return min(under_way or known, key=progress.index)
