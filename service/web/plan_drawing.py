"""The hours of a plan week by week, as stacked bars under the line of the capacity: geometry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

from service.plans import Load

WIDTH, HEIGHT = 1000, 250
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 26, 40
BASE = HEIGHT - BOTTOM  # where the bars stand
SHADES = 3  # disciplines with a colour of their own; the others share the last
BAR = 0.62  # of the width of a week
TICKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a bar: `shade` counts from 0."""

    shade: int
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A week: its hours in all, its items, and where it is drawn."""

    week_on: date
    x: float
    mid: float
    width: float
    top: float
    hours: float
    capacity_hours: float
    items: int
    parts: tuple[Part, ...]

    @property
    def is_over(self) -> bool:
        """Whether it takes overtime."""
        return self.hours > self.capacity_hours + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlot:
    """Bars of some weeks; `shades` are the disciplines by colour, `others` those of the last."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    bars: tuple[Bar, ...]
    capacity: str
    ticks: tuple[tuple[float, int], ...]
    shades: tuple[str, ...]
    others: int


def draw_load(loads: Sequence[Load], weeks: Sequence[date]) -> LoadPlot:
    """Return the bars of some weeks, the disciplines with the most hours at the bottom."""
    by_week = {week: [one for one in loads if one.week_on == week] for week in weeks}
    alone, others = _shades([one for of in by_week.values() for one in of])
    most = max((max(_hours(of), _capacity(of)) for of in by_week.values()), default=0.0)
    step = max(1, ceil(most * 1.08 / TICKS))
    scale = (HEIGHT - TOP - BOTTOM) / (step * TICKS)
    each = (WIDTH - LEFT - RIGHT) / max(1, len(weeks))
    lefts = [LEFT + each * position for position in range(len(weeks))]
    levels = [round(BASE - scale * _capacity(of), 1) for of in by_week.values()]
    line = [
        f"{round(x, 1)} {level}"
        for left, level in zip(lefts, levels, strict=True)
        for x in (left, left + each)
    ]
    return LoadPlot(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        bottom=BASE,
        bars=tuple(
            _bar(week, of, alone, x=left + each * (1 - BAR) / 2, width=each * BAR, scale=scale)
            for (week, of), left in zip(by_week.items(), lefts, strict=True)
        ),
        capacity="M" + "L".join(line) if line else "",
        ticks=tuple((round(BASE - scale * step * n, 1), step * n) for n in range(TICKS + 1)),
        shades=tuple(alone),
        others=others,
    )


def _shades(loads: Sequence[Load]) -> tuple[list[str], int]:
    """Return the disciplines with a colour of their own, and how many share the last colour."""
    totals: dict[str, float] = {}
    for one in loads:
        totals[one.discipline] = totals.get(one.discipline, 0.0) + one.hours
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    alone = ranked if len(ranked) <= SHADES else ranked[: SHADES - 1]
    return alone, len(ranked) - len(alone)


def _bar(
    week: date, loads: Sequence[Load], alone: Sequence[str], *, x: float, width: float, scale: float
) -> Bar:
    y, parts = float(BASE), []
    for shade, name in enumerate((*alone, None)):
        height = scale * _hours(
            [one for one in loads
             if (one.discipline == name if name else one.discipline not in alone)]
        )  # fmt: skip
        if height:
            y -= height
            parts.append(Part(shade=shade, y=round(y, 1), height=round(height, 1)))
    return Bar(
        week_on=week,
        x=round(x, 1),
        mid=round(x + width / 2, 1),
        width=round(width, 1),
        top=round(y, 1),
        hours=_hours(loads),
        capacity_hours=_capacity(loads),
        items=sum(one.items for one in loads),
        parts=tuple(parts),
    )


def _hours(loads: Sequence[Load]) -> float:
    return sum(one.hours for one in loads)


def _capacity(loads: Sequence[Load]) -> float:
    return sum(one.capacity_hours for one in loads)
