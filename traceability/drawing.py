"""Geometry of the block diagram of a chain (量值溯源框图): numbers and strings, no colours.

References stand above their users, where a chain ends on the top row, the result at the
bottom. An edge that passes rows in between keeps a lane of its own through each, so no line
runs through a box. Lengths are in pixels of a drawing whose text is 13 px high.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import Literal
from unicodedata import east_asian_width
from uuid import UUID

import networkx as nx

from traceability.chain import ChainStep, TraceabilityChain
from traceability.graph import Flaw, MeasuringInterval

Language = Literal["zh", "en"]
Role = Literal["name", "laboratory", "uncertainty", "interval", "certificate", "validity"]
Point = tuple[float, float]

TEXT_HEIGHT = 13.0
LINE_HEIGHT = 17.0
BOX_WIDTH = 268.0
BOX_HEIGHT = 150.0
BOX_PADDING = 12.0
LANE_WIDTH = 24.0
GAP_BETWEEN_BOXES = 26.0
GAP_BETWEEN_ROWS = 92.0
LEFT_MARGIN = 118.0
MARGIN = 16.0
BAR_HEIGHT = 4.0
# The bar is empty at a relative U of 1e-9 and full at 1e-1.
BAR_DECADES = (-9.0, -1.0)
_LABEL_ROOM = 6 + 6 + 2 * LINE_HEIGHT + 4
_SWEEPS = 8
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# A node of the layout is a calibration, or the place where a long edge passes a row.
_Node = tuple[UUID, int] | UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """One line of text; x is its left end, y its base line."""

    role: Role
    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Relative U on a logarithmic scale: `filled` of `width` pixels."""

    x: float
    y: float
    width: float
    height: float
    filled: float
    relative_uncertainty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One calibration; `level` is 0 for the result, `flaws` say what is wrong with it."""

    calibration_id: UUID
    level: int
    x: float
    y: float
    width: float
    height: float
    lines: tuple[TextLine, ...]
    bar: Bar | None
    flaws: tuple[Flaw, ...]
    terminal_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The method of an edge in a pill; x and y are its upper left corner."""

    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One use of a reference: a line from the reference down to its user."""

    reference_id: UUID
    user_id: UUID
    position: int
    points: tuple[Point, ...]
    label: Label | None
    flaws: tuple[Flaw, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One row of boxes; `separator_y` is the dashed line below it, None below the last."""

    row: int
    y: float
    height: float
    separator_y: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A block diagram: everything lies within width and height."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    bands: tuple[Band, ...]


def draw(chain: TraceabilityChain, *, language: Language) -> Drawing:
    """Return the block diagram of a chain, its names in one language."""
    steps = {step.calibration_id: step for step in chain.walk() if not step.repeated}
    layout = _Layout(chain, steps)
    boxes = tuple(_box(step, *layout.corner(id_), language) for id_, step in steps.items())
    edges = tuple(layout.edge(user_id, step, language) for user_id, step in _uses(chain.result))
    rows = max(layout.rows.values()) + 1
    return Drawing(
        width=round(layout.width(), 1),
        height=2 * MARGIN + rows * BOX_HEIGHT + (rows - 1) * GAP_BETWEEN_ROWS,
        boxes=boxes,
        edges=edges,
        bands=tuple(
            Band(
                row=row,
                y=_row_y(row),
                height=BOX_HEIGHT,
                separator_y=_row_y(row + 1) - GAP_BETWEEN_ROWS / 2 if row + 1 < rows else None,
            )
            for row in range(rows)
        ),
    )


def text_width(text: str, *, height: float = TEXT_HEIGHT) -> float:
    """Return an estimate of the width of a text: CJK 1 em, all else 0.6 em.

    >>> text_width("压力表", height=10.0)
    30.0
    """
    return sum(height if east_asian_width(c) in "WF" else 0.6 * height for c in text)


def wrap(text: str, width: float, *, lines: int) -> tuple[str, ...]:
    """Return a text on at most so many lines of a width; what does not fit is cut.

    A cut text ends with an ellipsis. Latin text breaks at spaces, CJK anywhere, a word too
    long for a line within itself.
    """
    words = [part for word in _words(text) for part in _fitting(word, width)]
    wrapped = [""]
    for word in words:
        if text_width(wrapped[-1] + word) > width:
            wrapped.append("")
        wrapped[-1] += word if wrapped[-1] else word.lstrip()
    wrapped = [line.rstrip() for line in wrapped if line.strip()]
    if len(wrapped) <= lines:
        return tuple(wrapped)
    last = wrapped[lines - 1]
    while text_width(last + "…") > width:
        last = last[:-1]
    return (*wrapped[: lines - 1], last.rstrip() + "…")


def _words(text: str) -> list[str]:
    words: list[str] = []
    for character in text:
        wide = east_asian_width(character) in "WF"
        if words and not wide and character != " " and not _ends_word(words[-1]):
            words[-1] += character
        else:
            words.append(character)
    return words


def _ends_word(word: str) -> bool:
    return word[-1] == " " or east_asian_width(word[-1]) in "WF"


def _fitting(word: str, width: float) -> list[str]:
    parts = [""]
    for character in word:
        if text_width(parts[-1] + character) > width:
            parts.append("")
        parts[-1] += character
    return parts


def _uses(step: ChainStep) -> list[tuple[UUID, ChainStep]]:
    """Return every edge as the user's id and the step that says how the reference was used."""
    return [(user.calibration_id, reference) for user in step.walk() for reference in user.steps]


def _row_y(row: int) -> float:
    return MARGIN + row * (BOX_HEIGHT + GAP_BETWEEN_ROWS)


class _Layout:
    """Rows, order within a row and x of every node, by the method of Sugiyama."""

    def __init__(self, chain: TraceabilityChain, steps: dict[UUID, ChainStep]) -> None:
        self.uses = _uses(chain.result)
        self.rows = _rows(steps, self.uses)
        self.paths = {
            (user_id, _position(step)): self._path(number, step.calibration_id, user_id)
            for number, (user_id, step) in enumerate(self.uses)
        }
        self.graph: nx.DiGraph[_Node] = nx.DiGraph()
        self.graph.add_nodes_from(self.rows)
        for path in self.paths.values():
            nx.add_path(self.graph, path)
        self.order = _ordered(self.graph, self.rows)
        self.x = _placed(self.graph, self.order)
        self.ports = self._ports()

    def corner(self, node: _Node) -> Point:
        return self.x[node] - _width(node) / 2, _row_y(self.rows[node])

    def width(self) -> float:
        return max(x + _width(node) / 2 for node, x in self.x.items()) + MARGIN

    def edge(self, user_id: UUID, step: ChainStep, language: Language) -> Edge:
        key = (user_id, _position(step))
        start, end = self.ports[key]
        path = self.paths[key]
        xs = [start, *(self.x[node] for node in path[1:-1]), end]
        points = [(start, _row_y(self.rows[path[0]]) + BOX_HEIGHT)]
        for (node, below), (x, x_below) in zip(pairwise(path), pairwise(xs), strict=True):
            turn = self._turn(self.rows[node], key)
            points += [(x, turn), (x_below, turn), (x_below, _row_y(self.rows[below]))]
            if below != path[-1]:
                points.append((x_below, _row_y(self.rows[below]) + BOX_HEIGHT))
        return Edge(
            reference_id=step.calibration_id,
            user_id=user_id,
            position=_position(step),
            points=_without_bends_that_are_none(points),
            label=self._label(step, start, language),
            flaws=tuple(found.flaw for found in step.breaks if found.reference_id is not None),
        )

    def _path(self, number: int, reference_id: UUID, user_id: UUID) -> list[_Node]:
        """Return the nodes of an edge, with a lane in each row that it passes."""
        lanes: list[_Node] = []
        for row in range(self.rows[reference_id] + 1, self.rows[user_id]):
            lane = (reference_id, 1000 * (number + 1) + row)
            self.rows[lane] = row
            lanes.append(lane)
        return [reference_id, *lanes, user_id]

    def _ports(self) -> dict[tuple[UUID, int], tuple[float, float]]:
        """Return where each edge leaves its reference and enters its user: spread, not crossed."""
        above: defaultdict[UUID, list[tuple[float, tuple[UUID, int]]]] = defaultdict(list)
        below: defaultdict[UUID, list[tuple[float, tuple[UUID, int]]]] = defaultdict(list)
        for (user_id, step), (key, path) in zip(self.uses, self.paths.items(), strict=True):
            below[step.calibration_id].append((self.x[path[1]], key))
            above[user_id].append((self.x[path[-2]], key))
        starts, ends = self._spread(below), self._spread(above)
        return {key: (starts[key], ends[key]) for key in self.paths}

    def _spread(
        self, edges: defaultdict[UUID, list[tuple[float, tuple[UUID, int]]]]
    ) -> dict[tuple[UUID, int], float]:
        return {
            key: self.x[node] - BOX_WIDTH / 2 + BOX_WIDTH * (place + 0.5) / len(neighbours)
            for node, neighbours in edges.items()
            for place, (_, key) in enumerate(sorted(neighbours))
        }

    def _turn(self, row: int, key: tuple[UUID, int]) -> float:
        """Return the height at which an edge runs sideways below a row, its own if possible."""
        crossing = [
            k
            for k, path in self.paths.items()
            if row in range(self.rows[path[0]], self.rows[path[-1]])
        ]
        share = (crossing.index(key) + 1) / (len(crossing) + 1)
        room = GAP_BETWEEN_ROWS - _LABEL_ROOM - 10
        return _row_y(row) + BOX_HEIGHT + _LABEL_ROOM + room * share

    def _label(self, step: ChainStep, x: float, language: Language) -> Label | None:
        used = step.reference
        method = None if used is None else used.method_zh if language == "zh" else used.method_en
        if not method:
            return None
        siblings = sum(other.calibration_id == step.calibration_id for _, other in self.uses)
        room = BOX_WIDTH / siblings - 16
        if room < TEXT_HEIGHT * 2:  # the two letters that fit would say nothing
            return None
        lines = wrap(method, room, lines=2)
        width = max(map(text_width, lines)) + 12
        top = _row_y(self.rows[step.calibration_id]) + BOX_HEIGHT + 6
        return Label(
            lines=lines, x=x - width / 2, y=top, width=width, height=6 + LINE_HEIGHT * len(lines)
        )


def _position(step: ChainStep) -> int:
    return -1 if step.reference is None else step.reference.position


def _width(node: _Node) -> float:
    return LANE_WIDTH if isinstance(node, tuple) else BOX_WIDTH


def _rows(steps: dict[UUID, ChainStep], uses: list[tuple[UUID, ChainStep]]) -> dict[_Node, int]:
    """Return the row of each calibration: 0 where a chain ends, else below all its references."""
    graph: nx.DiGraph[UUID] = nx.DiGraph()
    graph.add_nodes_from(steps)
    graph.add_edges_from((step.calibration_id, user_id) for user_id, step in uses)
    if not nx.is_directed_acyclic_graph(graph):
        deepest = max(step.level for step in steps.values())
        return {id_: deepest - step.level for id_, step in steps.items()}
    return {
        node: row for row, nodes in enumerate(nx.topological_generations(graph)) for node in nodes
    }


def _ordered(graph: "nx.DiGraph[_Node]", rows: dict[_Node, int]) -> list[list[_Node]]:
    """Return the nodes of each row in an order with few crossings, by barycentre sweeps."""
    order: list[list[_Node]] = [[] for _ in range(max(rows.values()) + 1)]
    for node, row in rows.items():
        order[row].append(node)
    place = {node: float(i) for nodes in order for i, node in enumerate(nodes)}
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for nodes in order if down else reversed(order):
            nodes.sort(key=lambda n: (_mean_of_neighbours(graph, place, n, down=down), str(n)))
            place.update({node: float(i) for i, node in enumerate(nodes)})
    return order


def _placed(graph: "nx.DiGraph[_Node]", order: list[list[_Node]]) -> dict[_Node, float]:
    """Return the middle of each node: near its neighbours, never over the next one."""
    x: dict[_Node, float] = {}
    for nodes in order:
        x.update(_pushed_apart(nodes, [0.0] * len(nodes)))
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for nodes in order if down else reversed(order):
            x.update(
                _pushed_apart(
                    nodes, [_mean_of_neighbours(graph, x, node, down=down) for node in nodes]
                )
            )
    left = min(x[node] - _width(node) / 2 for node in x)
    return {node: value - left + LEFT_MARGIN for node, value in x.items()}


def _mean_of_neighbours(
    graph: "nx.DiGraph[_Node]", x: dict[_Node, float], node: _Node, *, down: bool
) -> float:
    neighbours = list(graph.predecessors(node) if down else graph.successors(node))
    return sum(x[n] for n in neighbours) / len(neighbours) if neighbours else x[node]


def _pushed_apart(nodes: list[_Node], wanted: list[float]) -> dict[_Node, float]:
    """Return the middles nearest to those wanted that keep the order and the gaps."""
    placed: list[float] = []
    for node, want in zip(nodes, wanted, strict=True):
        if placed:
            before = nodes[len(placed) - 1]
            gap = (_width(before) + _width(node)) / 2 + GAP_BETWEEN_BOXES
            placed.append(max(want, placed[-1] + gap))
        else:
            placed.append(want)
    shift = sum(want - got for want, got in zip(wanted, placed, strict=True)) / len(nodes)
    return {node: got + shift for node, got in zip(nodes, placed, strict=True)}


def _without_bends_that_are_none(points: list[Point]) -> tuple[Point, ...]:
    """Return a polyline without the points on a straight line between their neighbours."""
    kept = [points[0]]
    for point, after in zip(points[1:], [*points[2:], None], strict=True):
        if after is not None and kept[-1][0] == point[0] == after[0]:
            continue
        if after is not None and kept[-1][1] == point[1] == after[1]:
            continue
        if point != kept[-1]:
            kept.append(point)
    return tuple((round(x, 1), round(y, 1)) for x, y in kept)


def _box(step: ChainStep, x: float, y: float, language: Language) -> Box:
    room = BOX_WIDTH - 2 * BOX_PADDING
    lines = [
        (role, part)
        for role, text, most in _texts(step, language)
        for part in wrap(text, room, lines=most)
    ]
    return Box(
        calibration_id=step.calibration_id,
        level=step.level,
        x=round(x, 1),
        y=round(y, 1),
        width=BOX_WIDTH,
        height=BOX_HEIGHT,
        lines=tuple(
            TextLine(
                role=role,
                text=text,
                x=round(x + BOX_PADDING, 1),
                y=round(y + BOX_PADDING + TEXT_HEIGHT + number * LINE_HEIGHT, 1),
            )
            for number, (role, text) in enumerate(lines)
        ),
        bar=_bar(step, x, y),
        flaws=tuple(found.flaw for found in step.breaks),
        terminal_reason=None if step.link is None else step.link.terminal_reason,
    )


def _texts(step: ChainStep, language: Language) -> list[tuple[Role, str, int]]:
    """Return what a box says, each with its role and how many lines it may take."""
    link = step.link
    if link is None:
        return [("name", str(step.calibration_id), 2)]
    zh = language == "zh"
    texts: list[tuple[Role, str | None, int]] = [
        ("name", link.item_name_zh if zh else link.item_name_en, 2),
        ("laboratory", link.laboratory_zh if zh else link.laboratory_en, 1),
        ("uncertainty", _uncertainty_text(step), 1),
        ("interval", _interval_text(link.interval), 1),
        ("certificate", link.certificate_number, 1),
        ("validity", " – ".join(str(d) for d in (link.performed_on, link.valid_until) if d), 1),
    ]
    return [(role, text, lines) for role, text, lines in texts if text]


def _uncertainty_text(step: ChainStep) -> str | None:
    if step.expanded_uncertainty is None or step.coverage_factor is None:
        return None
    return (
        f"U = {_digits(step.expanded_uncertainty, 2)} {step.unit} "
        f"(k = {step.coverage_factor:g}) @ {_digits(step.value or 0, 6)} {step.unit}"
    )


def _interval_text(interval: MeasuringInterval | None) -> str | None:
    if interval is None:
        return None
    return f"{_digits(interval.lower, 6)} … {_digits(interval.upper, 6)} {interval.unit}"


def _digits(value: float, significant: int) -> str:
    """Return a number with so many significant digits, a power of ten as people write it.

    >>> _digits(1e-9, 2)
    '1×10⁻⁹'
    """
    mantissa, _, exponent = f"{value:.{significant}g}".partition("e")
    if not exponent:
        return mantissa.replace("-", "−")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}".replace("-", "−")


def _bar(step: ChainStep, x: float, y: float) -> Bar | None:
    """Return the bar of relative U; None where U or the value is unknown or 0."""
    if not step.expanded_uncertainty or not step.value:
        return None
    relative = step.expanded_uncertainty / abs(step.value)
    low, high = BAR_DECADES
    share = min(1.0, max(0.0, (log10(relative) - low) / (high - low)))
    width = BOX_WIDTH - 2 * BOX_PADDING
    return Bar(
        x=round(x + BOX_PADDING, 1),
        y=round(y + BOX_HEIGHT - BOX_PADDING + 2, 1),
        width=width,
        height=BAR_HEIGHT,
        filled=round(width * share, 1),
        relative_uncertainty=relative,
    )
