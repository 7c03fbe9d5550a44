"""What rests on a calibration, and the recall of what a faulty standard has affected, in numbers.

A standard is found out of tolerance: at some points the value it gave was off by an as-found
error. Every calibration made with it since it was last known good took that error over, and
so did whatever was calibrated with those in turn. Nobody knows when the error arose: the
drift assumption says what is taken for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from math import copysign, erfc, hypot, sqrt
from uuid import UUID

import networkx as nx

from traceability.audit import calibration_in_force, performed_and_recorded
from traceability.errors import ChainTooDeep, CycleInTraceability, InvalidValue
from traceability.graph import MOST_LEVELS, Link, Reference, build_graph, documented, require_finite
from traceability.standards import SCALING_EXTENSIONS


class DriftAssumption(StrEnum):
    """How the as-found error is taken to have arisen between the two dates.

    step_at_start: whole from the day after the last good one.
    linear: in proportion to the time since.
    worst_case: the largest error of any point, from the start, in the direction that is worse.
    """

    STEP_AT_START = "step_at_start"
    LINEAR = "linear"
    WORST_CASE = "worst_case"


class Verdict(StrEnum):
    """Conformity by simple acceptance; unknown where a limit or an error is not recorded."""

    CONFORMING = "conforming"
    NONCONFORMING = "nonconforming"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfTolerance:
    """A standard found out of tolerance.

    Attributes:
        calibration_ids: the calibrations of the standard on which its users relied.
        last_good_on: the last day on which it is known to have been good.
        found_on: the day it was found; uses after it are not its fault.
        as_found: points (value, error) in the standard's unit, by value; the error is the
            value it gave less the true one. Straight between points, and beyond the first
            and last one unknown.
        standard_uncertainty: of the as-found errors, in the same unit; None if not known.
    """

    calibration_ids: frozenset[UUID]
    last_good_on: date
    found_on: date
    as_found: tuple[tuple[float, float], ...]
    standard_uncertainty: float | None = None

    def __post_init__(self) -> None:
        if self.found_on <= self.last_good_on:
            raise InvalidValue("found_on", self.found_on, f"be after {self.last_good_on}")
        if not self.as_found:
            raise InvalidValue("as_found", self.as_found, "have at least one point")
        for value, error in self.as_found:
            require_finite("as_found value", value)
            require_finite("as_found error", error)
        if any(a >= b for (a, _), (b, _) in pairwise(self.as_found)):
            raise InvalidValue("as_found", self.as_found, "be in ascending order of value")
        require_finite("standard_uncertainty", self.standard_uncertainty, minimum=0)

    def error_at(self, value: float) -> float | None:
        """Return the as-found error at a value; None outside the points."""
        points = self.as_found
        for (a, error_a), (b, error_b) in pairwise(points):
            if a <= value <= b:
                return error_a + (error_b - error_a) * (value - a) / (b - a)
        return points[0][1] if len(points) == 1 and value == points[0][0] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedResult:
    """One result of a calibration as a recall needs it.

    Attributes:
        value: the point, in the unit of the calibration; `error` the error of indication there.
        limit: maximum permissible error as a magnitude; None if there is none.
        standard_uncertainty: u of the error, in the same unit; None if not known.
        customer_id: whom the certificate was made for.
    """

    result_id: UUID
    calibration_id: UUID
    value: float
    error: float | None = None
    limit: float | None = None
    standard_uncertainty: float | None = None
    customer_id: UUID | None = None

    def __post_init__(self) -> None:
        require_finite("value", self.value)
        require_finite("error", self.error)
        require_finite("limit", self.limit, minimum=0)
        require_finite("standard_uncertainty", self.standard_uncertainty, minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedResult:
    """A result on the recall list.

    Attributes:
        path: from its calibration to the faulty standard's, both included; the shortest.
        shift: by how much the value it took from its references was off, in the result's
            unit; None where the use lies outside the as-found points. A worst case has no sign.
        corrected_error: the recorded error plus the shift: the indication was compared with
            a value that was too high by it.
        probability_of_nonconformity: that the true error exceeds the limit, the corrected
            error being normally distributed.
    """

    result: RecordedResult
    path: tuple[UUID, ...]
    shift: float | None
    corrected_error: float | None
    standard_uncertainty: float | None
    recorded_verdict: Verdict
    corrected_verdict: Verdict
    probability_of_nonconformity: float | None

    @property
    def overturned(self) -> bool:
        """Whether it conformed as recorded and no longer does."""
        return (
            self.recorded_verdict == Verdict.CONFORMING
            and self.corrected_verdict == Verdict.NONCONFORMING
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Everything a faulty standard has affected, under a named drift assumption.

    Attributes:
        paths: of every affected calibration, with results on record or without, the shortest
            path from it to the faulty standard's, both included.
        affected: every affected result, those overturned first, then by probability.
        untouched: uses of the standard that the time window or the as-found error leaves out.
    """

    assumption: DriftAssumption
    paths: Mapping[UUID, tuple[UUID, ...]]
    affected: tuple[AffectedResult, ...]
    untouched: frozenset[UUID]

    @property
    def calibration_ids(self) -> frozenset[UUID]:
        """Every affected calibration."""
        return frozenset(self.paths)

    def by_customer(self) -> dict[UUID | None, tuple[AffectedResult, ...]]:
        """Return the list of each customer; under None those of no recorded customer."""
        lists: defaultdict[UUID | None, list[AffectedResult]] = defaultdict(list)
        for affected in self.affected:
            lists[affected.result.customer_id].append(affected)
        return {customer: tuple(results) for customer, results in lists.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """What would have to be looked at if a calibration fell.

    Attributes:
        by_level: how many calibrations lie so many steps below, the shortest way.
        items: the items whose calibration in force rests on it.
    """

    by_level: Mapping[int, int]
    calibration_ids: frozenset[UUID]
    items: frozenset[UUID]


def blast_radius(
    links: Iterable[Link], calibration_ids: Iterable[UUID], *, on: date
) -> BlastRadius:
    """Return what rests on some calibrations, and which items rely on it on a day.

    Ids that are not among the links have nothing resting on them.
    """
    links = tuple(links)
    users = build_graph(links).reverse(copy=False)
    levels: dict[UUID, int] = {}
    for depth, layer in enumerate(
        nx.bfs_layers(users, [id_ for id_ in set(calibration_ids) if id_ in users])
    ):
        levels |= dict.fromkeys(layer, depth)
    below = {id_: depth for id_, depth in levels.items() if depth > 0}
    by_level: defaultdict[int, int] = defaultdict(int)
    for depth in below.values():
        by_level[depth] += 1
    in_force = _in_force(links, on)
    return BlastRadius(
        by_level=dict(by_level),
        calibration_ids=frozenset(below),
        items=frozenset(item for item, link in in_force.items() if link.calibration_id in below),
    )


def recall(
    links: Iterable[Link],
    results: Iterable[RecordedResult],
    fault: OutOfTolerance,
    *,
    assumption: DriftAssumption,
) -> Recall:
    """Return every result that a faulty standard has affected, with what it becomes.

    A use counts when it was made after `last_good_on` and not after `found_on`, and the
    as-found error is not zero all over the interval of use. Whatever rests on such a use is
    affected too, whenever it was made; a result whose shift is exactly zero at its own point
    is not.

    Raises:
        CycleInTraceability: the links hold a cycle, which no book accepts.
        ChainTooDeep: a chain has more than 200 levels.
    """
    shifts = _Shifts(build_graph(links), fault, assumption)
    affected = [
        _affected(result, shifts)
        for result in results
        if result.calibration_id in shifts.paths
        and shifts.at(result.calibration_id, result.value)[0] != 0
    ]
    affected.sort(
        key=lambda a: (
            not a.overturned,
            -(a.probability_of_nonconformity or 0),
            a.result.result_id,
        )
    )
    return Recall(
        assumption=assumption,
        paths=shifts.paths,
        affected=tuple(affected),
        untouched=frozenset(shifts.untouched - set(shifts.paths)),
    )


def calibrated_anew(recalled: Recall, links: Iterable[Link], *, on: date) -> dict[UUID, UUID]:
    """Return of each affected calibration the newest one that replaced it by a day, if any did.

    It is of the same item and track, later, and the recall does not affect it.
    """
    by_track: defaultdict[tuple[UUID, str], list[Link]] = defaultdict(list)
    affected = []
    for link in links:
        if link.item_id is None:
            continue
        if link.calibration_id in recalled.paths:
            affected.append((link.item_id, link))
        elif link.performed_on <= on and not link.superseded_by(on):
            by_track[link.item_id, link.track].append(link)
    replaced = {}
    for item_id, link in affected:
        later = [
            other
            for other in by_track[item_id, link.track]
            if performed_and_recorded(other) > performed_and_recorded(link)
        ]
        if later:
            replaced[link.calibration_id] = max(later, key=performed_and_recorded).calibration_id
    return replaced


def still_open(recalled: Recall, links: Iterable[Link], *, on: date) -> tuple[AffectedResult, ...]:
    """Return the affected results whose item has not been calibrated anew by a day."""
    replaced = calibrated_anew(recalled, links, on=on)
    return tuple(case for case in recalled.affected if case.result.calibration_id not in replaced)


def probability_of_nonconformity(
    error: float, *, standard_uncertainty: float, limit: float
) -> float:
    """Return the probability that a normally distributed error lies outside ±limit.

    Source: JCGM 106:2012, 7.2 and 7.4, whose conformance probability this completes to 1.

    >>> round(probability_of_nonconformity(0.0, standard_uncertainty=0.5, limit=1.0), 4)
    0.0455
    """
    if standard_uncertainty == 0:
        return float(abs(error) > limit)
    scale = standard_uncertainty * sqrt(2)
    return 0.5 * (erfc((limit - error) / scale) + erfc((limit + error) / scale))


class _Shifts:
    """The shift of every affected calibration, as a function of the point."""

    def __init__(
        self, graph: "nx.MultiDiGraph[UUID]", fault: OutOfTolerance, assumption: DriftAssumption
    ) -> None:
        if not nx.is_directed_acyclic_graph(graph):
            raise CycleInTraceability(tuple(edge[0] for edge in nx.find_cycle(graph)))
        if (deepest := nx.dag_longest_path_length(graph, weight="")) > MOST_LEVELS:
            raise ChainTooDeep(deepest, MOST_LEVELS)
        self.graph = graph
        self.fault = fault
        self.assumption = assumption
        self.largest = max(abs(error) for _, error in fault.as_found)
        self.untouched: set[UUID] = set()
        self.paths: dict[UUID, tuple[UUID, ...]] = {}
        self._find_paths()
        self._known: dict[tuple[UUID, float], tuple[float | None, float]] = {}

    def at(self, calibration_id: UUID, value: float) -> tuple[float | None, float]:
        """Return the shift at a value of a calibration, and what one unit of the fault makes of it.

        The shift is None where a use on the way lies outside the as-found points.
        """
        key = (calibration_id, value)
        if key not in self._known:
            link = documented(self.graph, calibration_id)
            uses = [self._of_use(link, r, value) for r in link.references] if link else []
            shifts = [shift for shift, _ in uses]
            self._known[key] = (
                None if None in shifts else sum(shift for shift in shifts if shift is not None),
                sum(sensitivity for _, sensitivity in uses),
            )
        return self._known[key]

    def _of_use(self, user: Link, reference: Reference, value: float) -> tuple[float | None, float]:
        used_id = reference.reference_id
        point, sensitivity = _point_of_use(reference, value)
        if self.assumption == DriftAssumption.WORST_CASE:
            sensitivity = abs(sensitivity)
        if used_id in self.fault.calibration_ids:
            if not self._made_with_the_fault(user, reference):
                return 0.0, 0.0
            sensitivity *= self._fraction(user.performed_on)
            error = self._error_at(point)
            return None if error is None else sensitivity * error, sensitivity
        if used_id not in self.paths:
            return 0.0, 0.0
        if point is None:
            return None, 0.0
        shift, below = self.at(used_id, point)
        return None if shift is None else sensitivity * shift, sensitivity * below

    def _find_paths(self) -> None:
        """Find the shortest path of every affected calibration, nearest ones first."""
        for used_id in sorted(self.fault.calibration_ids & set(self.graph)):
            reference: Reference
            for user_id, _, reference in self.graph.in_edges(used_id, data="reference"):
                user = documented(self.graph, user_id)
                if user is not None and self._made_with_the_fault(user, reference):
                    self.paths.setdefault(user_id, (user_id, used_id))
                else:
                    self.untouched.add(user_id)
        users = self.graph.reverse(copy=False)
        nearest = list(self.paths)
        for used_id in nearest:  # grows while it is walked: breadth first
            for user_id in users.successors(used_id):
                if user_id not in self.paths:
                    self.paths[user_id] = (user_id, *self.paths[used_id])
                    nearest.append(user_id)

    def _made_with_the_fault(self, user: Link, reference: Reference) -> bool:
        in_window = self.fault.last_good_on < user.performed_on <= self.fault.found_on
        return in_window and self._error_in_use(reference)

    def _error_in_use(self, reference: Reference) -> bool:
        """Whether the error may differ from zero anywhere in the interval of use."""
        if self.assumption == DriftAssumption.WORST_CASE:
            return self.largest > 0
        interval = reference.interval
        values = (interval.lower, interval.upper) if interval else (reference.user_value,)
        points = [None if v is None else _point_of_use(reference, v)[0] for v in values]
        known = [point for point in points if point is not None]
        if len(known) < len(points):
            return True
        low, high = min(known), max(known)
        inside = [error for value, error in self.fault.as_found if low < value < high]
        return any(error != 0 for error in (self._error_at(low), self._error_at(high), *inside))

    def _error_at(self, point: float | None) -> float | None:
        if self.assumption == DriftAssumption.WORST_CASE:
            return self.largest
        return None if point is None else self.fault.error_at(point)

    def _fraction(self, performed_on: date) -> float:
        if self.assumption != DriftAssumption.LINEAR:
            return 1.0
        since = (performed_on - self.fault.last_good_on).days
        return since / (self.fault.found_on - self.fault.last_good_on).days


def _point_of_use(reference: Reference, value: float) -> tuple[float | None, float]:
    """Return where a reference served a value of its user, and the sensitivity there.

    A built-up or substituted value repeats the reference at its one point. A ratio carries
    the relative error from that point. A conversion is proportional through the points
    recorded, its factor the sensitivity. Otherwise both are the same point.
    """
    at, user_value = reference.at_value, reference.user_value
    factor = 1.0 if reference.conversion_factor is None else reference.conversion_factor
    if reference.extension in SCALING_EXTENSIONS:
        return at, abs(value) / abs(at) if at else factor
    if reference.extension == "ratio":
        return at, factor * abs(value / user_value) if user_value else factor
    if reference.conversion_factor is None:
        return value, 1.0
    return at * value / user_value if at is not None and user_value else at, factor


def _affected(result: RecordedResult, shifts: _Shifts) -> AffectedResult:
    shift, sensitivity = shifts.at(result.calibration_id, result.value)
    corrected = None
    if result.error is not None and shift is not None:
        worse = shifts.assumption == DriftAssumption.WORST_CASE
        corrected = result.error + (copysign(shift, result.error) if worse else shift)
    u = result.standard_uncertainty
    if u is not None and shifts.fault.standard_uncertainty is not None:
        u = hypot(u, sensitivity * shifts.fault.standard_uncertainty)
    probability = None
    if corrected is not None and u is not None and result.limit is not None:
        probability = probability_of_nonconformity(
            corrected, standard_uncertainty=u, limit=result.limit
        )
    return AffectedResult(
        result=result,
        path=shifts.paths[result.calibration_id],
        shift=shift,
        corrected_error=corrected,
        standard_uncertainty=u,
        recorded_verdict=_verdict(result.error, result.limit),
        corrected_verdict=_verdict(corrected, result.limit),
        probability_of_nonconformity=probability,
    )


def _verdict(error: float | None, limit: float | None) -> Verdict:
    if error is None or limit is None:
        return Verdict.UNKNOWN
    return Verdict.CONFORMING if abs(error) <= limit else Verdict.NONCONFORMING


def _in_force(links: Iterable[Link], on: date) -> dict[UUID, Link]:
    """Return the calibration in force of each item on a day."""
    by_item: defaultdict[UUID, list[Link]] = defaultdict(list)
    for link in links:
        if link.item_id is not None:
            by_item[link.item_id].append(link)
    newest = {item: calibration_in_force(own, on=on) for item, own in by_item.items()}
    return {item: link for item, link in newest.items() if link is not None}
