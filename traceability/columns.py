"""A book's calibrations as columns, the form in which a network takes them in.

Dates are days since 1950-01-01 in 16 bits, moments seconds since 1970 in 32, coefficients
and uncertainties single precision: the network screens and counts, what a certificate says
is calculated in `influences`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import ceil, floor, sqrt
from typing import Any
from uuid import UUID

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from traceability.errors import DateOutOfRange
from traceability.graph import MAIN_TRACK, Flaw, Link, breaks_at, build_graph, documented

Bools = NDArray[np.bool_]
Days = NDArray[np.uint16]
Seconds = NDArray[np.uint32]
Indices = NDArray[np.int32]
Singles = NDArray[np.float32]
Identifiers = NDArray[np.uint64]

FIRST_DAY = date(1950, 1, 1)
UNLIMITED = 65535
LAST_DAY = date.fromordinal(FIRST_DAY.toordinal() + UNLIMITED - 1)
# The flaws of use that the arrays see for themselves; all others are told to them as `flawed`.
_FLAWS_SEEN = frozenset(
    {
        Flaw.UNDOCUMENTED,
        Flaw.NO_PATH_TO_ROOT,
        Flaw.REFERENCE_LATER_THAN_USER,
        Flaw.REFERENCE_NOT_VALID_WHEN_USED,
        Flaw.SUPERSEDED_WHEN_USED,
        Flaw.WITHDRAWN_AFTER_USE,
        Flaw.RATIO_EXCEEDS_RULE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkColumns:
    """Calibrations and their references as columns, as a book's rows come: in any order.

    n calibrations, m references. Unknown uncertainties are NaN, and stay unknown in whatever
    rests on them.

    Attributes:
        calibration_ids, item_ids: (2, n), the high and the low halves of UUIDs; an item of
            zeros is unknown.
        performed_on, valid_until: (n,), days since 1950-01-01; UNLIMITED for no end.
        recorded_at: (n,), seconds since 1970, rounded up.
        terminal: (n,), whether a chain may end here.
        flawed: (n,), whether `find_breaks` found what arrays do not see (units, intervals,
            uncertainties, authorisation); it is found when a calibration is written.
        main: (n,), whether the item's due date follows this calibration.
        own_uncertainty: (n,), what the calibration itself adds, in its own unit.
        user: (m,), row of the calibration that used the reference, ascending.
        reference_ids: (2, m), the calibration used.
        coefficient: (m,), user's unit per reference's unit, signed.
        ratio: (m,), accuracy ratio over its limit; 0 where there is no rule.
        superseded_ids: (2, s), superseded or withdrawn calibrations; superseded_at (s,) in
            seconds since 1970, rounded up; withdrawn (s,), whether no successor replaced it.
    """

    calibration_ids: Identifiers
    item_ids: Identifiers
    performed_on: Days
    valid_until: Days
    recorded_at: Seconds
    terminal: Bools
    flawed: Bools
    main: Bools
    own_uncertainty: Singles
    user: Indices
    reference_ids: Identifiers
    coefficient: Singles
    ratio: Singles
    superseded_ids: Identifiers
    superseded_at: Seconds
    withdrawn: Bools


def days_of(field: str, day: date) -> int:
    """Return a date as the network counts it.

    Raises:
        DateOutOfRange: it lies before 1950-01-01 or after 2129-06-04.
    """
    days = day.toordinal() - FIRST_DAY.toordinal()
    if not 0 <= days < UNLIMITED:
        raise DateOutOfRange(field, day, FIRST_DAY, LAST_DAY)
    return days


def seconds_of(field: str, moment: datetime, *, up: bool) -> int:
    """Return an aware moment as the network counts it, rounded up or down to a second.

    Raises:
        DateOutOfRange: it lies before 1970 or after 2106-02-07.
    """
    seconds = ceil(moment.timestamp()) if up else floor(moment.timestamp())
    if not 0 <= seconds < 2**32:
        limits = (datetime.fromtimestamp(s, UTC) for s in (0, 2**32 - 1))
        raise DateOutOfRange(field, moment, *limits)
    return seconds


def identifiers(ids: Sequence[UUID | None]) -> Identifiers:
    """Return ids as the network keeps them, shape (2, n); None as zeros."""
    raw = b"".join(bytes(16) if id_ is None else id_.bytes for id_ in ids)
    halves = np.frombuffer(raw, dtype=">u8").reshape(-1, 2)
    return np.ascontiguousarray(halves.T, dtype=np.uint64)


def uuid_of(identifier: Identifiers) -> UUID:
    """Return one id as a UUID."""
    high, low = identifier.tolist()
    return UUID(int=high << 64 | low)


def columns_of(
    links: Iterable[Link], *, behind: Iterable[Link] = (), ended: Iterable[Link] = ()
) -> NetworkColumns:
    """Return links as columns.

    The uncertainty of each calibration is taken at the point where it used its first
    reference, otherwise at the upper end of its interval; the coefficient of an edge is what
    the reference contributed per unit of that, so the references of one calibration are
    taken as one influence over its whole interval.

    Args:
        links: the calibrations.
        behind: references of theirs that are no rows of these columns.
        ended: calibrations that are none either, but have ended since they were.

    Raises:
        DateOutOfRange: a date or moment cannot be held.
    """
    links = tuple(links)
    graph = build_graph((*behind, *links))
    return NetworkColumns(
        **_calibrations(links, graph),
        **_uses(links, graph),
        **_endings([link for link in (*links, *ended) if link.superseded_at is not None]),
    )


def _calibrations(links: tuple[Link, ...], graph: "nx.MultiDiGraph[UUID]") -> dict[str, Any]:
    performed_on = [days_of("performed_on", link.performed_on) for link in links]
    valid_until = [
        UNLIMITED if link.valid_until is None else days_of("valid_until", link.valid_until)
        for link in links
    ]
    recorded_at = [
        seconds_of("recorded_at", link.recorded_at, up=True) if link.recorded_at else 0
        for link in links
    ]
    flawed = [
        any(found.flaw not in _FLAWS_SEEN for found in breaks_at(graph, link.calibration_id))
        for link in links
    ]
    return {
        "calibration_ids": identifiers([link.calibration_id for link in links]),
        "item_ids": identifiers([link.item_id for link in links]),
        "performed_on": np.array(performed_on, np.uint16),
        "valid_until": np.array(valid_until, np.uint16),
        "recorded_at": np.array(recorded_at, np.uint32),
        "terminal": np.array([link.terminal_reason is not None for link in links], np.bool_),
        "flawed": np.array(flawed, np.bool_),
        "main": np.array([link.track == MAIN_TRACK for link in links], np.bool_),
        "own_uncertainty": np.array([_own_uncertainty(link) for link in links], np.float32),
    }


def _uses(links: tuple[Link, ...], graph: "nx.MultiDiGraph[UUID]") -> dict[str, Any]:
    edges = [(n, reference) for n, link in enumerate(links) for reference in link.references]
    coefficients = [
        _coefficient(
            reference.contributed_standard_uncertainty,
            reference.conversion_factor,
            documented(graph, reference.reference_id),
        )
        for _, reference in edges
    ]
    ratios = [
        reference.ratio / reference.ratio_limit
        if reference.ratio is not None and reference.ratio_limit
        else 0
        for _, reference in edges
    ]
    return {
        "user": np.array([n for n, _ in edges], np.int32),
        "reference_ids": identifiers([reference.reference_id for _, reference in edges]),
        "coefficient": np.array(coefficients, np.float32),
        "ratio": np.array(ratios, np.float32),
    }


def _endings(ended: list[Link]) -> dict[str, Any]:
    superseded_at = [
        seconds_of("superseded_at", link.superseded_at, up=True)
        for link in ended
        if link.superseded_at
    ]
    return {
        "superseded_ids": identifiers([link.calibration_id for link in ended]),
        "superseded_at": np.array(superseded_at, np.uint32),
        "withdrawn": np.array([link.successor_id is None for link in ended], np.bool_),
    }


def _own_uncertainty(link: Link) -> float:
    """Return what a calibration adds to its references' contributions; NaN if unknown."""
    u = uncertainty_at_its_point(link)
    contributed = [reference.contributed_standard_uncertainty for reference in link.references]
    if u is None or None in contributed:
        return float("nan")
    return sqrt(max(0.0, u**2 - sum(part**2 for part in contributed if part is not None)))


def uncertainty_at_its_point(link: Link) -> float | None:
    """Return u where a calibration used its first reference, or at its upper end; None: unknown."""
    if link.uncertainty is None:
        return None
    point = link.references[0].user_value if link.references else None
    if point is None and link.interval is not None:
        point = link.interval.upper
    if point is None and link.uncertainty.model == "relative":
        return None
    return link.uncertainty.standard_at(point or 0.0)


def _coefficient(contributed: float | None, factor: float | None, used: Link | None) -> float:
    """Return the user's unit per reference's unit, so that it carries what was contributed."""
    u = None if used is None else uncertainty_at_its_point(used)
    if contributed is None or not u:
        return float("nan")
    return contributed / u * (-1.0 if factor is not None and factor < 0 else 1.0)
