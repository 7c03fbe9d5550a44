"""The traceability graph: calibrations as nodes, "was calibrated against" as edges, and its breaks.

Nodes are calibrations, not items, because traceability is a property of results
(VIM 2.41). Two standards compared with each other in different years make a cycle of items
but never one of calibrations.

A chain is judged by what held when each reference was used; a day `on` asks the second
question as well, whether every calibration in it is valid on that day.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from math import hypot, isfinite
from typing import Literal, get_args
from uuid import UUID

import networkx as nx

from traceability.errors import (
    CycleInTraceability,
    InvalidValue,
    ReferenceLaterThanUser,
    TraceabilityBroken,
    UnknownCalibration,
)

UncertaintyModel = Literal["absolute", "relative"]
Basis = Literal["U", "MPE"]
Extension = Literal["build_up", "substitution", "ratio"]

MAIN_TRACK = "main"
MOST_LEVELS = 200
# Ratios and uncertainties are recorded with six significant digits, interval bounds with all.
RECORDED_DIGITS = 1e-5
BOUND_DIGITS = 1e-9


def require_finite(field: str, value: float | None, *, minimum: float | None = None) -> None:
    """Refuse NaN, infinity and values below `minimum`; None (unknown) passes.

    Raises:
        InvalidValue: naming the field.
    """
    if value is None:
        return
    if not isfinite(value):
        raise InvalidValue(field, value, "be finite")
    if minimum is not None and value < minimum:
        raise InvalidValue(field, value, f"be at least {minimum:g}")


def require_one_of(field: str, value: str | None, names: object) -> None:
    """Refuse a name that is not one of a Literal's; None passes.

    Raises:
        InvalidValue: naming the field.
    """
    if value is not None and value not in get_args(names):
        raise InvalidValue(field, value, f"be one of {', '.join(get_args(names))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertaintyStatement:
    """The expanded uncertainty of a calibration over its interval.

    Attributes:
        model: "absolute", U = coefficient in `unit`; "relative", U = coefficient times |value|.
        coverage_factor: k > 0.
    """

    model: UncertaintyModel
    coefficient: float
    coverage_factor: float
    unit: str

    def __post_init__(self) -> None:
        require_one_of("model", self.model, UncertaintyModel)
        require_finite("coefficient", self.coefficient, minimum=0)
        require_finite("coverage_factor", self.coverage_factor)
        if self.coverage_factor <= 0:
            raise InvalidValue("coverage_factor", self.coverage_factor, "be above 0")

    def expanded_at(self, value: float) -> float:
        """Return U at a value, in the unit of the value."""
        return statement_at(self.model, self.coefficient, value)

    def standard_at(self, value: float) -> float:
        """Return u = U/k at a value, in the unit of the value."""
        return self.expanded_at(value) / self.coverage_factor


def statement_at(model: UncertaintyModel, coefficient: float, value: float) -> float:
    """Return an absolute coefficient as it is, a relative one times |value|.

    >>> statement_at("relative", 0.001, -20.0)
    0.02
    """
    return coefficient * abs(value) if model == "relative" else coefficient


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringInterval:
    """A calibrated measuring interval, bounds included (VIM 4.7)."""

    lower: float
    upper: float
    unit: str

    def __post_init__(self) -> None:
        require_finite("lower", self.lower)
        require_finite("upper", self.upper, minimum=self.lower)

    def covers(self, other: "MeasuringInterval") -> bool:
        """Whether another interval of the same unit lies within this one."""
        return (
            self.unit == other.unit
            and other.lower >= self.lower - BOUND_DIGITS * abs(self.lower)
            and other.upper <= self.upper + BOUND_DIGITS * abs(self.upper)
        )

    def converted(self, factor: float, unit: str) -> "MeasuringInterval":
        """Return this interval multiplied by a conversion factor, which may be negative."""
        lower, upper = sorted((self.lower * factor, self.upper * factor))
        return MeasuringInterval(lower=lower, upper=upper, unit=unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One use of a reference in a calibration: an edge of the graph.

    Whatever the certificate does not say is None.

    Attributes:
        position: the place among the references of the calibration, from 0.
        reference_id: the calibration referred to.
        basis: "U" or "MPE", which of the reference's statements the ratio takes.
        ratio: basis value over the user's maximum permissible error; `ratio_limit` is the
            procedure's rule for it.
        at_value: where the reference was used, in `at_unit`; `user_value` in `user_unit` is
            the same point of the user.
        conversion_factor: user's unit per reference's unit; None where they are one.
        extension: a named method that carries the value outside the reference's interval.
        interval: the part of the user's interval that this reference served.
        standard_uncertainty: u of the reference at that point, in `at_unit`.
        contributed_standard_uncertainty: what it contributes to the user, in `user_unit`.
    """

    position: int
    reference_id: UUID
    method_zh: str | None = None
    method_en: str | None = None
    basis: Basis | None = None
    ratio: float | None = None
    ratio_limit: float | None = None
    at_value: float | None = None
    at_unit: str | None = None
    user_value: float | None = None
    user_unit: str | None = None
    conversion_factor: float | None = None
    conversion_model: str | None = None
    extension: Extension | None = None
    interval: MeasuringInterval | None = None
    standard_uncertainty: float | None = None
    contributed_standard_uncertainty: float | None = None

    def __post_init__(self) -> None:
        require_one_of("basis", self.basis, Basis)
        require_one_of("extension", self.extension, Extension)
        for field in ("at_value", "user_value", "conversion_factor"):
            require_finite(field, getattr(self, field))
        for field in (
            "ratio",
            "ratio_limit",
            "standard_uncertainty",
            "contributed_standard_uncertainty",
        ):
            require_finite(field, getattr(self, field), minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One calibration as its chain sees it.

    Attributes:
        item_id: None where the certificate that cites the calibration does not name the item's id.
        performed_on: the date the item was calibrated.
        valid_until: the last date its result may serve as a reference; None if unlimited.
        recorded_at, superseded_at: moments in UTC; a link superseded by no successor is withdrawn.
        terminal_reason: why a chain may end here (national standard, certified reference
            material, recognized certificate, SI realisation); None where it may not.
        claimed_terminal_reason: the reason that somebody else told for its end, where the
            laboratory that it names is not recognized for the work: a claim, and no end.
        interval: the calibrated measuring interval.
        laboratory_authorised: on that day, for that work; None where nobody recorded it.
        track: which of the item's properties was calibrated; "main" is the one its
            due date follows.
    """

    calibration_id: UUID
    performed_on: date
    item_id: UUID | None = None
    item_name_zh: str = ""
    item_name_en: str = ""
    laboratory_zh: str = ""
    laboratory_en: str = ""
    certificate_number: str | None = None
    kind: str = "calibration"
    procedure_code: str | None = None
    valid_until: date | None = None
    recorded_at: datetime | None = None
    superseded_at: datetime | None = None
    successor_id: UUID | None = None
    terminal_reason: str | None = None
    interval: MeasuringInterval | None = None
    uncertainty: UncertaintyStatement | None = None
    references: tuple[Reference, ...] = ()
    laboratory_authorised: bool | None = None
    claimed_terminal_reason: str | None = None
    track: str = MAIN_TRACK

    def superseded_by(self, day: date) -> bool:
        """Whether it was superseded or withdrawn before a day; on the day itself it still holds."""
        return self.superseded_at is not None and self.superseded_at.date() < day

    def valid_on(self, day: date) -> bool:
        """Whether it was performed, not yet superseded and not expired on a day."""
        return (
            self.performed_on <= day
            and (self.valid_until is None or day <= self.valid_until)
            and not self.superseded_by(day)
        )


class Flaw(StrEnum):
    """Why a chain is broken, or an item not confirmed."""

    UNDOCUMENTED = "undocumented"
    NO_PATH_TO_ROOT = "no_path_to_root"
    REFERENCE_LATER_THAN_USER = "reference_later_than_user"
    REFERENCE_NOT_VALID_WHEN_USED = "reference_not_valid_when_used"
    SUPERSEDED_WHEN_USED = "superseded_when_used"
    WITHDRAWN_AFTER_USE = "withdrawn_after_use"
    UNIT_MISMATCH = "unit_mismatch"
    RANGE_NOT_COVERED = "range_not_covered"
    RATIO_EXCEEDS_RULE = "ratio_exceeds_rule"
    UNCERTAINTY_BELOW_REFERENCE = "uncertainty_below_reference"
    LABORATORY_NOT_AUTHORISED = "laboratory_not_authorised"
    NOT_VALID_ON_DATE = "not_valid_on_date"
    ITEM_LEVEL_LOOP = "item_level_loop"
    OVERDUE = "overdue"


# A flaw of these belongs to the user's calibration; which reference shows it is detail.
_FLAWS_OF_THE_USER = frozenset({Flaw.RATIO_EXCEEDS_RULE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A place where the chain is not a documented unbroken one, or an item not confirmed.

    Attributes:
        calibration_id: where it is; for a flaw of use, the calibration that used the reference.
        reference_id: the reference used, for a flaw of use.
        item_ids: the items, for a flaw of items (overdue, item_level_loop), sorted.
        ratio, ratio_limit: for `ratio_exceeds_rule`.
    """

    flaw: Flaw
    calibration_id: UUID | None = None
    reference_id: UUID | None = None
    item_ids: tuple[UUID, ...] = ()
    ratio: float | None = None
    ratio_limit: float | None = None

    @property
    def subjects(self) -> tuple[UUID, ...]:
        """The ids by which the finding is known: items, or the user and its reference."""
        if self.item_ids:
            return self.item_ids
        reference_id = None if self.flaw in _FLAWS_OF_THE_USER else self.reference_id
        return tuple(id_ for id_ in (self.calibration_id, reference_id) if id_ is not None)


def as_known(links: Iterable[Link], known_at: datetime) -> tuple[Link, ...]:
    """Return the links as the book knew them at a moment: later records and endings undone."""
    known = []
    for link in links:
        if link.recorded_at is not None and link.recorded_at > known_at:
            continue
        unended = link.superseded_at is not None and link.superseded_at > known_at
        known.append(replace(link, superseded_at=None, successor_id=None) if unended else link)
    return tuple(known)


def build_graph(links: Iterable[Link]) -> "nx.MultiDiGraph[UUID]":
    """Return the graph with an edge from each calibration to each of its references.

    Nodes carry `link`, edges carry `reference` and are keyed by its position: one standard
    used twice in a calibration makes two edges.
    """
    graph: nx.MultiDiGraph[UUID] = nx.MultiDiGraph()
    for link in links:
        graph.add_node(link.calibration_id, link=link)
        for reference in link.references:
            graph.add_edge(
                link.calibration_id,
                reference.reference_id,
                key=reference.position,
                reference=reference,
            )
    return graph


def link_of(graph: "nx.MultiDiGraph[UUID]", calibration_id: UUID) -> Link:
    """Return the link of a calibration.

    Raises:
        UnknownCalibration: there is none.
    """
    link = documented(graph, calibration_id)
    if link is None:
        raise UnknownCalibration(calibration_id)
    return link


def documented(graph: "nx.MultiDiGraph[UUID]", calibration_id: UUID) -> Link | None:
    """Return the link of a calibration, None where it is only referred to."""
    link: Link | None = graph.nodes.get(calibration_id, {}).get("link")
    return link


def find_breaks(
    graph: "nx.MultiDiGraph[UUID]", calibration_id: UUID, *, on: date | None = None
) -> tuple[Break, ...]:
    """Return every break in the chain behind a calibration; an unbroken chain has none.

    Each break stands where it is, nearest to the result first: a reference is judged by the
    day of its use. With `on`, a calibration that is not valid on that day is a break as well.

    Raises:
        UnknownCalibration: the calibration itself is not in the graph.

    Source: VIM 2.41 and 2.42; ISO/IEC 17025:2017, 6.5.1.
    """
    link_of(graph, calibration_id)
    chain = [calibration_id, *(node for _, node in nx.bfs_edges(graph, calibration_id))]
    return tuple(found for node in chain for found in breaks_at(graph, node, on=on))


def require_unbroken(graph: "nx.MultiDiGraph[UUID]", calibration_id: UUID) -> None:
    """Refuse a calibration whose chain was broken when its references were used.

    Raises:
        TraceabilityBroken: carrying the breaks.
        UnknownCalibration: the calibration itself is not in the graph.
    """
    if breaks := find_breaks(graph, calibration_id):
        raise TraceabilityBroken(calibration_id, breaks)


def breaks_at(
    graph: "nx.MultiDiGraph[UUID]", calibration_id: UUID, *, on: date | None = None
) -> Iterator[Break]:
    """Yield the breaks at one calibration and in its own use of references, not those behind."""
    link = documented(graph, calibration_id)
    if link is None:  # told of at its user, as undocumented
        return
    if on is not None and not link.valid_on(on):
        yield Break(flaw=Flaw.NOT_VALID_ON_DATE, calibration_id=calibration_id)
    if not link.references and link.terminal_reason is None:
        yield Break(flaw=Flaw.NO_PATH_TO_ROOT, calibration_id=calibration_id)
    if link.laboratory_authorised is False:
        yield Break(flaw=Flaw.LABORATORY_NOT_AUTHORISED, calibration_id=calibration_id)
    for reference in link.references:
        yield from _breaks_of_use(link, reference, documented(graph, reference.reference_id))
    if _uncertainty_below_references(link):
        yield Break(flaw=Flaw.UNCERTAINTY_BELOW_REFERENCE, calibration_id=calibration_id)


def check_entry(graph: "nx.MultiDiGraph[UUID]", link: Link) -> None:
    """Refuse a new calibration that names a later reference, or that would rest on itself.

    The graph holds what is recorded already, at least the ancestry of the references.

    Raises:
        ReferenceLaterThanUser: a reference was performed after the new calibration.
        CycleInTraceability: a reference is the calibration itself or rests on it.
    """
    for reference in link.references:
        if reference.reference_id == link.calibration_id:
            raise CycleInTraceability((link.calibration_id, link.calibration_id))
        if reference.reference_id not in graph:
            continue
        if link.calibration_id in graph and nx.has_path(
            graph, reference.reference_id, link.calibration_id
        ):
            path = nx.shortest_path(graph, reference.reference_id, link.calibration_id)
            raise CycleInTraceability((link.calibration_id, *path))
        used = documented(graph, reference.reference_id)
        if used is not None and used.performed_on > link.performed_on:
            raise ReferenceLaterThanUser(
                link.calibration_id,
                reference.reference_id,
                position=reference.position,
                performed_on=link.performed_on,
                reference_performed_on=used.performed_on,
            )


def _breaks_of_use(user: Link, reference: Reference, used: Link | None) -> Iterator[Break]:
    def found(flaw: Flaw) -> Break:
        return Break(
            flaw=flaw, calibration_id=user.calibration_id, reference_id=reference.reference_id
        )

    if used is None:
        yield found(Flaw.UNDOCUMENTED)
        return
    if used.performed_on > user.performed_on:
        yield found(Flaw.REFERENCE_LATER_THAN_USER)
    if used.valid_until is not None and used.valid_until < user.performed_on:
        yield found(Flaw.REFERENCE_NOT_VALID_WHEN_USED)
    if used.superseded_by(user.performed_on):
        yield found(Flaw.SUPERSEDED_WHEN_USED)
    elif used.superseded_at is not None and used.successor_id is None:
        yield found(Flaw.WITHDRAWN_AFTER_USE)
    if not _units_agree(user, reference, used):
        yield found(Flaw.UNIT_MISMATCH)
    elif not _interval_covered(reference, used):
        yield found(Flaw.RANGE_NOT_COVERED)
    if _ratio_exceeded(reference):
        yield Break(
            flaw=Flaw.RATIO_EXCEEDS_RULE,
            calibration_id=user.calibration_id,
            reference_id=reference.reference_id,
            ratio=reference.ratio,
            ratio_limit=reference.ratio_limit,
        )


def _units_agree(user: Link, reference: Reference, used: Link) -> bool:
    """Whether the units meet at both ends of the edge, as far as they are known."""
    pairs = [
        (reference.at_unit, used.interval.unit if used.interval else None),
        (reference.user_unit, user.interval.unit if user.interval else None),
    ]
    if reference.conversion_factor is None:
        pairs.append((reference.at_unit, reference.user_unit))
    return all(a is None or b is None or a == b for a, b in pairs)


def _interval_covered(reference: Reference, used: Link) -> bool:
    if reference.extension is not None or reference.interval is None or used.interval is None:
        return True
    factor = 1.0 if reference.conversion_factor is None else reference.conversion_factor
    return used.interval.converted(factor, reference.interval.unit).covers(reference.interval)


def _ratio_exceeded(reference: Reference) -> bool:
    return (
        reference.ratio is not None
        and reference.ratio_limit is not None
        and reference.ratio > reference.ratio_limit * (1 + RECORDED_DIGITS)
    )


def _uncertainty_below_references(link: Link) -> bool:
    """Whether u stated at the point of use is smaller than what the references contribute."""
    if link.uncertainty is None or not link.references:
        return False
    point = link.references[0].user_value
    if point is None:
        return False
    contributed = hypot(*(r.contributed_standard_uncertainty or 0 for r in link.references))
    return link.uncertainty.standard_at(point) < contributed * (1 - RECORDED_DIGITS)
