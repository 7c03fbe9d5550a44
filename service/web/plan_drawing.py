"""The hours of a plan week by week, as stacked bars under the line of the capacity: geometry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

from service.plans import Load

WIDTH, HEIGHT = 1000, 250
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 26, 40
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
    shown = [one for one in loads if one.week_on in set(weeks)]
    totals: dict[str, float] = {}
    for one in shown:
        totals[one.discipline] = totals.get(one.discipline, 0.0) + one.hours
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    alone = ranked if len(ranked) <= SHADES else ranked[: SHADES - 1]
    shade = {name: min(position, len(alone)) for position, name in enumerate(ranked)}
    by_week = {week: [one for one in shown if one.week_on == week] for week in weeks}
    most = max(
        (
            max(sum(o.hours for o in of), sum(o.capacity_hours for o in of))
            for of in by_week.values()
        ),
        default=0.0,
    )
    step = max(1, ceil(most * 1.08 / TICKS))
    scale = (HEIGHT - TOP - BOTTOM) / (step * TICKS)
    each = (WIDTH - LEFT - RIGHT) / max(1, len(weeks))
    bottom = HEIGHT - BOTTOM
    bars, line = [], []
    for position, week in enumerate(weeks):
        of = by_week[week]
        x = LEFT + each * (position + (1 - BAR) / 2)
        parts, y = [], float(bottom)
        for number in sorted(set(shade.values())):
            height = scale * sum(one.hours for one in of if shade[one.discipline] == number)
            if height:
                y -= height
                parts.append(Part(shade=number, y=round(y, 1), height=round(height, 1)))
        capacity = sum(one.capacity_hours for one in of)
        level = round(bottom - scale * capacity, 1)
        line += [
            f"{round(LEFT + each * position, 1)} {level}",
            f"{round(LEFT + each * (position + 1), 1)} {level}",
        ]
        bars.append(
            Bar(
                week_on=week,
                x=round(x, 1),
                mid=round(x + each * BAR / 2, 1),
                width=round(each * BAR, 1),
                top=round(y, 1),
                hours=sum(one.hours for one in of),
                capacity_hours=capacity,
                items=sum(one.items for one in of),
                parts=tuple(parts),
            )
        )
    return LoadPlot(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        bottom=bottom,
        bars=tuple(bars),
        capacity="M" + "L".join(line) if line else "",
        ticks=tuple((round(bottom - scale * step * n, 1), step * n) for n in range(TICKS + 1)),
        shades=tuple(alone),
        others=len(ranked) - len(alone),
    )
