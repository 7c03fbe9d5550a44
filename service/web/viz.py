"""Geometry of the drawings of the pages: plain numbers; `templates/_charts.html` draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from service.exchange.special.answer import Mark, Plot
from traceability.drawing import Band, Drawing, Point, wrap

LEFT, RIGHT, TOP, BOTTOM = 56, 18, 16, 30
CORNER = 8.0
LEVEL_WIDTH = 100.0
HEADROOM = 1.25
DAYS_AROUND = 90
TICKS_WANTED = 5
NAMES, ROW = 120, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPoint:
    """The error of indication at one point of the item, found on a day, with its U.

    Attributes:
        as_left: the error after an adjustment; None if the item was not adjusted.
        conforming: False where the error as found lay beyond the permissible one.
    """

    on: date
    error: Decimal
    expanded_uncertainty: Decimal
    coverage_factor: Decimal
    as_left: Decimal | None = None
    conforming: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftMark:
    """Where a point, its bar from error - U to error + U, and its value as left are drawn."""

    point: DriftPoint
    x: float
    y: float
    upper_y: float
    lower_y: float
    left_y: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place on an axis and what is written there."""

    at: float
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPlot:
    """Errors over time in a box of `width` by `height`; y runs downwards, as in SVG.

    Attributes:
        joins: from each calibration as left to the next as found: (x1, y1, x2, y2).
        limit: the maximum permissible error, drawn at both signs; None if there is none.
        today_x, due_x: None where there is no such day.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    marks: tuple[DriftMark, ...]
    joins: tuple[tuple[float, float, float, float], ...]
    years: tuple[Tick, ...]
    values: tuple[Tick, ...]
    limit: Decimal | None
    limit_ys: tuple[float, float] | None
    today_x: float
    due_x: float | None


def draw_drift(
    points: Sequence[DriftPoint],
    *,
    today: date,
    limit: Decimal | None = None,
    due_on: date | None = None,
    width: int = 760,
    height: int = 330,
) -> DriftPlot:
    """Return the geometry of at least one point over time.

    Raises ValueError if there is no point to draw.
    """
    if not points:
        raise ValueError("no point to draw")
    points = sorted(points, key=lambda point: point.on)
    right, bottom = width - RIGHT, height - BOTTOM
    days = [point.on for point in points] + [today] + ([due_on] if due_on else [])
    first, last = min(days) - timedelta(DAYS_AROUND), max(days) + timedelta(DAYS_AROUND)
    reach = HEADROOM * float(max([limit or Decimal(0), *map(_furthest, points)]) or 1)

    def x(on: date) -> float:
        return round(LEFT + (right - LEFT) * ((on - first).days / (last - first).days), 1)

    def y(value: Decimal) -> float:
        return round(TOP + (bottom - TOP) * (1 - (float(value) / reach + 1) / 2), 1)

    marks = tuple(
        DriftMark(
            point=point,
            x=x(point.on),
            y=y(point.error),
            upper_y=y(point.error + point.expanded_uncertainty),
            lower_y=y(point.error - point.expanded_uncertainty),
            left_y=None if point.as_left is None else y(point.as_left),
        )
        for point in points
    )
    years = range(first.year + 1, last.year + 1)
    return DriftPlot(
        width=width,
        height=height,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=bottom,
        marks=marks,
        joins=tuple(
            (a.x, a.y if a.left_y is None else a.left_y, b.x, b.y) for a, b in pairwise(marks)
        ),
        years=tuple(Tick(at=x(date(year, 1, 1)), value=Decimal(year)) for year in years),
        values=tuple(Tick(at=y(value), value=value) for value in round_values(reach)),
        limit=limit,
        limit_ys=None if limit is None else (y(limit), y(-limit)),
        today_x=x(today),
        due_x=x(due_on) if due_on else None,
    )


def _furthest(point: DriftPoint) -> Decimal:
    left = Decimal(0) if point.as_left is None else point.as_left
    return max(abs(point.error) + point.expanded_uncertainty, abs(left))


def round_values(reach: float) -> tuple[Decimal, ...]:
    """Return round values from -reach to +reach, symmetric about zero, about five of them.

    >>> [str(value) for value in round_values(0.045)]
    ['-0.04', '-0.02', '0.00', '0.02', '0.04']
    """
    rough = Decimal(repr(2 * reach / TICKS_WANTED))
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    count = int(Decimal(repr(reach)) / step)
    return tuple(step * i for i in range(-count, count + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """Where the error is expected, some years after the last calibration, and how far about it."""

    on: date
    expected: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPlot:
    """Errors found, and where the next are expected, in a box of `width` by `height`.

    Attributes:
        marks: (x, y) of each error as found.
        band, line: the d of an SVG path: where nine in ten are expected, and their middle.
        limit_ys: of the permissible error at both signs.
        ends: (x, kind) of the last day of an interval; kind is advised, proposed or legal.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    marks: tuple[tuple[float, float], ...]
    band: str
    line: str
    values: tuple[Tick, ...]
    years: tuple[Tick, ...]
    limit: Decimal
    limit_ys: tuple[float, float]
    ends: tuple[tuple[float, str], ...]


def draw_forecast(
    found: Sequence[tuple[date, float]],
    foretold: Sequence[Foretold],
    *,
    limit: float,
    ends: Sequence[tuple[date, str]],
    width: int = 760,
    height: int = 330,
) -> ForecastPlot:
    """Return the geometry of errors found and foretold; what lies beyond the box is cut off.

    Raises ValueError if nothing is foretold.
    """
    if not foretold:
        raise ValueError("nothing is foretold")
    right, bottom = width - RIGHT, height - BOTTOM
    first = min([on for on, _ in found] + [foretold[0].on]) - timedelta(DAYS_AROUND)
    last = foretold[-1].on
    reach = HEADROOM * max([limit, *(abs(error) for _, error in found)])

    def x(on: date) -> float:
        return round(LEFT + (right - LEFT) * ((on - first).days / (last - first).days), 1)

    def y(value: float) -> float:
        share = min(1.0, max(-1.0, value / reach))
        return round(TOP + (bottom - TOP) * (1 - (share + 1) / 2), 1)

    upper = [f"{x(one.on):g} {y(one.highest):g}" for one in foretold]
    lower = [f"{x(one.on):g} {y(one.lowest):g}" for one in reversed(foretold)]
    middle = [f"{x(one.on):g} {y(one.expected):g}" for one in foretold]
    years = range(first.year + 1, last.year + 1)
    step = max(1, len(years) // 8)
    return ForecastPlot(
        width=width,
        height=height,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=bottom,
        marks=tuple((x(on), y(error)) for on, error in found),
        band=f"M{'L'.join(upper + lower)}Z",
        line=f"M{'L'.join(middle)}",
        values=tuple(Tick(at=y(float(one)), value=one) for one in round_values(reach)),
        years=tuple(Tick(at=x(date(one, 1, 1)), value=Decimal(one)) for one in years[::step]),
        limit=Decimal(repr(limit)),
        limit_ys=(y(limit), y(-limit)),
        ends=tuple((x(on), kind) for on, kind in ends if on <= last),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMark:
    """Where a value stands, and its bar from value - U to value + U; None without U."""

    mark: Mark
    x: float
    y: float
    bar: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesPlot:
    """Values one under the other on a common axis, in a box of `width` by `height`.

    Attributes:
        limit_xs: where the limits are; only those that there are.
        zero_x: None where zero is outside of the box.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    marks: tuple[ValueMark, ...]
    ticks: tuple[Tick, ...]
    limit_xs: tuple[float, ...]
    zero_x: float | None


def draw_values(plot: Plot, *, width: int = 520) -> ValuesPlot:
    """Return the geometry of at least one value, each on a row of its own."""
    left, right, top = NAMES, width - 3 * RIGHT, TOP
    bottom = top + ROW * len(plot.marks)
    limits = [limit for limit in plot.limits if limit is not None]
    ends = [end for mark in plot.marks for end in _ends(mark)] + limits
    low, high = min(ends), max(ends)
    if 0 < low < high / 2:
        low = 0.0
    room = (high - low) / 20 or abs(high) / 20 or 1.0
    low, high = low - (room if low else 0.0), high + room

    def x(value: float) -> float:
        return round(left + (right - left) * (value - low) / (high - low), 1)

    return ValuesPlot(
        width=width,
        height=bottom + BOTTOM,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        marks=tuple(
            ValueMark(
                mark=mark,
                x=x(mark.value),
                y=top + ROW * place + ROW / 2,
                bar=(x(_ends(mark)[0]), x(_ends(mark)[1])) if mark.expanded_uncertainty else None,
            )
            for place, mark in enumerate(plot.marks)
        ),
        ticks=tuple(Tick(at=x(float(value)), value=value) for value in round_between(low, high)),
        limit_xs=tuple(map(x, limits)),
        zero_x=x(0.0) if low <= 0 <= high else None,
    )


def _ends(mark: Mark) -> tuple[float, float]:
    half = mark.expanded_uncertainty or 0.0
    return mark.value - half, mark.value + half


def round_between(low: float, high: float) -> tuple[Decimal, ...]:
    """Return about five round values from `low` to `high`, which is larger.

    >>> [str(value) for value in round_between(10020.6, 10028.9)]
    ['10022', '10024', '10026', '10028']
    """
    rough = Decimal(repr((high - low) / TICKS_WANTED))
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = -int(-Decimal(repr(low)) // step)
    last = int(Decimal(repr(high)) // step)
    return tuple(step * i for i in range(first, last + 1) if low <= float(step * i) <= high)


def path(points: Sequence[Point]) -> str:
    """Return a line through the points with rounded corners, as the d of an SVG path.

    >>> path([(10, 0), (10, 40), (90, 40)])
    'M10 0L10 32Q10 40 18 40L90 40'
    """
    parts = [f"M{_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        parts.append(f"L{_at(_toward(corner, before))}Q{_at(corner)} {_at(_toward(corner, after))}")
    return "".join(parts) + f"L{_at(points[-1])}"


def _toward(corner: Point, other: Point) -> Point:
    """Return the point a corner's radius away, at most half way to the other point."""
    (x, y), (to_x, to_y) = corner, other
    length = abs(to_x - x) + abs(to_y - y)  # the lines are level or upright
    share = min(CORNER, length / 2) / length
    return x + (to_x - x) * share, y + (to_y - y) * share


def _at(point: Point) -> str:
    return f"{point[0]:g} {point[1]:g}"


def level_lines(drawing: Drawing, band: Band, levels: Mapping[UUID, str]) -> tuple[str, ...]:
    """Return the name of a row's level on lines that fit beside it, if its boxes share one."""
    names = {levels.get(box.calibration_id) for box in drawing.boxes if box.y == round(band.y, 1)}
    name = names.pop() if len(names) == 1 else None
    return wrap(name, LEVEL_WIDTH, lines=4) if name else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekBar:
    """One week: the parts of its bar from below, (name, y, height, count), and where it stands."""

    monday: date
    x: float
    width: float
    top: float
    total: int
    parts: tuple[tuple[str, float, float, int], ...]
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekPlot:
    """How much each week holds, beside what can be done; y runs downwards, as in SVG.

    Attributes:
        names: of the parts that occur, the lowest first.
        capacity_y: None where nobody said what can be done.
    """

    width: int
    height: int
    left: int
    right: int
    bottom: int
    bars: tuple[WeekBar, ...]
    names: tuple[str, ...]
    values: tuple[Tick, ...]
    capacity_y: float | None


def draw_weeks(
    weeks: Sequence[tuple[date, Mapping[str, int]]],
    *,
    capacity: int | None,
    width: int,
    height: int,
) -> WeekPlot:
    """Return the weeks as bars in their parts, to a scale that begins at nought.

    Args:
        weeks: the Monday of each, and how many there are of each part.
        capacity: of one week; None if unknown.
    """
    left, right, top, bottom = 34, width - 6, 22, height - 34
    totals = [sum(parts.values()) for _, parts in weeks]
    highest = max([*totals, capacity or 0, 1])
    step = _whole_step(highest)
    scale = (bottom - top) / (-(-highest // step) * step)
    room = (right - left) / len(weeks)
    names = tuple(dict.fromkeys(name for _, parts in weeks for name in sorted(parts)))
    bars = []
    for position, ((monday, parts), total) in enumerate(zip(weeks, totals, strict=True)):
        drawn, y = [], float(bottom)
        for name in names:
            if count := parts.get(name, 0):
                y -= count * scale
                drawn.append((name, round(y, 1), round(count * scale, 1), count))
        bars.append(
            WeekBar(
                monday=monday,
                x=round(left + room * (position + 0.16), 1),
                width=round(room * 0.68, 1),
                top=round(y, 1),
                total=total,
                parts=tuple(drawn),
                is_over=capacity is not None and total > capacity,
            )
        )
    return WeekPlot(
        width=width,
        height=height,
        left=left,
        right=right,
        bottom=bottom,
        bars=tuple(bars),
        names=names,
        values=tuple(
            Tick(at=round(bottom - value * scale, 1), value=Decimal(value))
            for value in range(0, highest + step, step)
            if bottom - value * scale >= top - 1
        ),
        capacity_y=None if capacity is None else round(bottom - capacity * scale, 1),
    )


def _whole_step(highest: int) -> int:
    """Return the step of an axis from 0 to a count: 1, 2 or 5 with noughts, in at most 5 steps."""
    step = 1
    while True:
        for step_wanted in (step, 2 * step, 5 * step):
            if highest <= 5 * step_wanted:
                return step_wanted
        step *= 10
