"""The chain of one result to its references: every branch, U at each step, breaks beside each.

A step appears once with its branches; where another branch reaches it again it is marked
`repeated` and its branches stand at its first place, so a chain grows with its edges.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import networkx as nx

from traceability.errors import ChainTooDeep
from traceability.graph import (
    MOST_LEVELS,
    Break,
    Link,
    MeasuringInterval,
    Reference,
    UncertaintyStatement,
    breaks_at,
    build_graph,
    documented,
    find_breaks,
    link_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """One calibration in a chain, as the step before it used it.

    Attributes:
        link: None where the calibration is only referred to, not documented.
        reference: how the step before used it; None for the result itself.
        level: 0 for the result, otherwise one more than the farthest of its users.
        value: the point used, in `unit`, the unit of this calibration.
        expanded_uncertainty: U there, with its coverage factor.
        standard_uncertainty: u there.
        contributed_standard_uncertainty: u in the result of the step before, in `user_unit`.
        breaks: the flaws of this calibration, and of its use by the step before.
        repeated: whether its branches are shown at an earlier place.
    """

    calibration_id: UUID
    link: Link | None
    reference: Reference | None
    level: int
    value: float | None = None
    unit: str | None = None
    expanded_uncertainty: float | None = None
    coverage_factor: float | None = None
    standard_uncertainty: float | None = None
    contributed_standard_uncertainty: float | None = None
    user_unit: str | None = None
    breaks: tuple[Break, ...] = ()
    repeated: bool = False
    steps: tuple["ChainStep", ...] = ()

    def walk(self) -> Iterator["ChainStep"]:
        """Yield this step and all behind it, depth first."""
        yield self
        for step in self.steps:
            yield from step.walk()

    def as_mapping(self) -> dict[str, object]:
        """Return the step and all behind it as plain JSON values."""
        return {
            "calibration_id": str(self.calibration_id),
            "level": self.level,
            **_link_mapping(self.link),
            "reference": None if self.reference is None else _reference_mapping(self.reference),
            "value": self.value,
            "unit": self.unit,
            "expanded_uncertainty": self.expanded_uncertainty,
            "coverage_factor": self.coverage_factor,
            "standard_uncertainty": self.standard_uncertainty,
            "contributed_standard_uncertainty": self.contributed_standard_uncertainty,
            "user_unit": self.user_unit,
            "breaks": [break_mapping(found) for found in self.breaks],
            "repeated": self.repeated,
            "steps": [step.as_mapping() for step in self.steps],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceabilityChain:
    """The chain of one result to its references (VIM 2.42).

    Attributes:
        on: the day on which every link was asked to be valid as well; None if only the
            validity when used was asked for.
        breaks: every break, nearest to the result first.
    """

    calibration_id: UUID
    on: date | None
    result: ChainStep
    breaks: tuple[Break, ...]

    @property
    def unbroken(self) -> bool:
        """Whether the chain is a documented unbroken one."""
        return not self.breaks

    @property
    def ends(self) -> tuple[ChainStep, ...]:
        """The steps that use no reference: where the chain ends, rightly or not."""
        return tuple(
            step
            for step in self.walk()
            if not step.repeated and (step.link is None or not step.link.references)
        )

    def walk(self) -> Iterator[ChainStep]:
        """Yield every step, depth first from the result."""
        return self.result.walk()

    def as_mapping(self) -> dict[str, object]:
        """Return the chain as plain JSON values: dates as ISO text, unknown as null."""
        return {
            "calibration_id": str(self.calibration_id),
            "on": None if self.on is None else self.on.isoformat(),
            "unbroken": self.unbroken,
            "breaks": [break_mapping(found) for found in self.breaks],
            "result": self.result.as_mapping(),
        }


def trace(
    links: Iterable[Link], calibration_id: UUID, *, on: date | None = None
) -> TraceabilityChain:
    """Return the chain behind a calibration, broken or not.

    Args:
        links: at least the ancestry of the calibration; others are left aside.
        calibration_id: the result that is asked about.
        on: asks as well whether every link is valid on that day.

    Raises:
        UnknownCalibration: the calibration is not among the links.
        ChainTooDeep: it has more than 200 levels.
    """
    graph = build_graph(links)
    link = link_of(graph, calibration_id)
    chain = graph.subgraph(nx.descendants(graph, calibration_id) | {calibration_id})
    tracing = _Tracing(chain, calibration_id, on)
    if (deepest := max(tracing.levels.values())) > MOST_LEVELS:
        raise ChainTooDeep(deepest, MOST_LEVELS)
    return TraceabilityChain(
        calibration_id=calibration_id,
        on=on,
        result=tracing.step(link.calibration_id, None),
        breaks=find_breaks(chain, calibration_id, on=on),
    )


def levels_from(graph: "nx.MultiDiGraph[UUID]", calibration_id: UUID) -> dict[UUID, int]:
    """Return how many steps lie between the result and each calibration, at most.

    In a graph with a cycle, which no book accepts but a stranger's data may hold, the
    shortest way counts instead.
    """
    if not nx.is_directed_acyclic_graph(graph):
        return dict(nx.single_source_shortest_path_length(graph, calibration_id))
    levels = {calibration_id: 0}
    for user in nx.topological_sort(graph):
        for reference in graph.successors(user):
            levels[reference] = max(levels.get(reference, 0), levels[user] + 1)
    return levels


class _Tracing:
    """Builds the steps of one chain, remembering which were shown already."""

    def __init__(
        self, graph: "nx.MultiDiGraph[UUID]", calibration_id: UUID, on: date | None
    ) -> None:
        self.graph = graph
        self.on = on
        self.levels = levels_from(graph, calibration_id)
        self.shown: set[UUID] = set()

    def step(
        self, calibration_id: UUID, used: Reference | None, breaks_of_use: tuple[Break, ...] = ()
    ) -> ChainStep:
        """Return a calibration as it was `used`, with the breaks of that use and its branches."""
        link = documented(self.graph, calibration_id)
        repeated = calibration_id in self.shown
        self.shown.add(calibration_id)
        breaks = () if repeated else tuple(breaks_at(self.graph, calibration_id, on=self.on))
        references = () if link is None or repeated else link.references
        value, unit = _point(link, used)
        stated = None if link is None or value is None else link.uncertainty
        return ChainStep(
            calibration_id=calibration_id,
            link=link,
            reference=used,
            level=self.levels[calibration_id],
            value=value,
            unit=unit,
            expanded_uncertainty=stated.expanded_at(value)
            if stated and value is not None
            else None,
            coverage_factor=stated.coverage_factor if stated else None,
            standard_uncertainty=_standard_uncertainty(used, stated, value),
            contributed_standard_uncertainty=(
                None if used is None else used.contributed_standard_uncertainty
            ),
            user_unit=None if used is None else used.user_unit,
            breaks=(*breaks_of_use, *(found for found in breaks if found.reference_id is None)),
            repeated=repeated,
            steps=tuple(
                self.step(
                    reference.reference_id,
                    reference,
                    tuple(b for b in breaks if b.reference_id == reference.reference_id),
                )
                for reference in references
            ),
        )


def _point(link: Link | None, reference: Reference | None) -> tuple[float | None, str | None]:
    """Return where a calibration was used, for the result itself where it used its reference."""
    if reference is not None:
        return reference.at_value, reference.at_unit
    if link is None or not link.references:
        return None, None
    return link.references[0].user_value, link.references[0].user_unit


def _standard_uncertainty(
    used: Reference | None, stated: UncertaintyStatement | None, value: float | None
) -> float | None:
    """Return u as the user took it, otherwise as the calibration states it."""
    if used is not None and used.standard_uncertainty is not None:
        return used.standard_uncertainty
    return None if stated is None or value is None else stated.standard_at(value)


def break_mapping(found: Break) -> dict[str, object]:
    """Return a break as plain JSON values, without what does not apply to its flaw."""
    mapping = {
        "flaw": found.flaw.value,
        "calibration_id": None if found.calibration_id is None else str(found.calibration_id),
        "reference_id": None if found.reference_id is None else str(found.reference_id),
        "item_ids": [str(id_) for id_ in found.item_ids] or None,
        "ratio": found.ratio,
        "ratio_limit": found.ratio_limit,
    }
    return {key: value for key, value in mapping.items() if value is not None}


def _link_mapping(link: Link | None) -> dict[str, object]:
    if link is None:
        return {"documented": False}
    return {
        "documented": True,
        "item_id": None if link.item_id is None else str(link.item_id),
        "item_name_zh": link.item_name_zh,
        "item_name_en": link.item_name_en,
        "laboratory_zh": link.laboratory_zh,
        "laboratory_en": link.laboratory_en,
        "certificate_number": link.certificate_number,
        "kind": link.kind,
        "procedure_code": link.procedure_code,
        "performed_on": link.performed_on.isoformat(),
        "valid_until": None if link.valid_until is None else link.valid_until.isoformat(),
        "superseded_at": None if link.superseded_at is None else link.superseded_at.isoformat(),
        "successor_id": None if link.successor_id is None else str(link.successor_id),
        "terminal_reason": link.terminal_reason,
        "claimed_terminal_reason": link.claimed_terminal_reason,
        "interval": _interval_mapping(link.interval),
    }


def _reference_mapping(reference: Reference) -> dict[str, object]:
    return {
        "position": reference.position,
        "method_zh": reference.method_zh,
        "method_en": reference.method_en,
        "basis": reference.basis,
        "ratio": reference.ratio,
        "ratio_limit": reference.ratio_limit,
        "user_value": reference.user_value,
        "conversion_factor": reference.conversion_factor,
        "conversion_model": reference.conversion_model,
        "extension": reference.extension,
        "interval": _interval_mapping(reference.interval),
    }


def _interval_mapping(interval: MeasuringInterval | None) -> dict[str, object] | None:
    if interval is None:
        return None
    return {"lower": interval.lower, "upper": interval.upper, "unit": interval.unit}
