"""The page of a lot of like instruments: what became of it, how long it lives, when to replace it.

The question is the page's address, so that it can be kept and sent; nothing is stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from service.errors import InvalidField
from service.exchange.lot_request import LotAnswer, LotRequest, ReliabilityTold, answer
from service.throttle import LOOK_UPS, throttled
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.viz import Tick, round_between

router = APIRouter(include_in_schema=False)

MOST_TEXT = 6_000  # characters of the rows
EXAMPLE = "0 2 1\n2 4 3\n4 6 8\n6 8 12\n8 - 376"
LEFT, TOP, BELOW = 46, 14, 30  # around the plot


@dataclass(frozen=True, slots=True, kw_only=True)
class LotPlot:
    """R over age, with its limits; y runs downwards, as in SVG.

    Attributes:
        line: the estimate's path; None where nothing has failed.
        band: the outline between the limits.
        marks: (x, what stands there): the next look, the replacement.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    line: str | None
    band: str
    target_y: float
    ages: tuple[Tick, ...]
    shares: tuple[Tick, ...]
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsPage:
    """A lot as it was asked for, and what it comes to; `wrong` is the place of what cannot be."""

    rows: str
    unit: str
    target: str
    next_age: str
    latest: str
    answer: LotAnswer | None = None
    plot: LotPlot | None = None
    plot_narrow: LotPlot | None = None
    wrong: str = ""
    reason: str = ""


TEMPLATES[LotsPage] = "lots.html"


@router.get(addresses.LOTS_ROUTE, dependencies=[throttled("look-up", LOOK_UPS)])
def show_lot(
    request: Request,
    rows: Annotated[str, Query(max_length=MOST_TEXT)] = EXAMPLE,
    unit: Annotated[str, Query(max_length=20)] = "a",
    target: Annotated[str, Query(max_length=20)] = "0.9",
    next_age: Annotated[str, Query(max_length=20)] = "9",
    latest: Annotated[str, Query(max_length=20)] = "16",
) -> HTMLResponse:
    """Show a lot's life, its status and when it is to be replaced."""
    page = LotsPage(rows=rows, unit=unit, target=target, next_age=next_age, latest=latest)
    try:
        told = answer(_asked(page))
    except InvalidField as error:
        wrong = LotsPage(
            rows=rows, unit=unit, target=target, next_age=next_age, latest=latest,
            wrong=error.pointer, reason=error.reason,
        )  # fmt: skip
        return render_page(request, wrong, status=422)
    shown = LotsPage(
        rows=rows, unit=unit, target=target, next_age=next_age, latest=latest, answer=told,
        plot=draw_lot(told, width=760, height=300),
        plot_narrow=draw_lot(told, width=352, height=240),
    )  # fmt: skip
    return render_page(request, shown)


def _asked(page: LotsPage) -> LotRequest:
    """Return the question of a page's fields.

    Raises:
        InvalidField: one of them cannot be read.
    """
    said: dict[str, Any] = {
        "rows": [_row(line, i) for i, line in enumerate(page.rows.splitlines()) if line.strip()],
        "unit": page.unit.strip(),
        "target_reliability": _number(page.target, "/target_reliability"),
        "next_age": _number(page.next_age, "/next_age"),
        "latest": _number(page.latest, "/latest"),
    }
    try:
        return LotRequest.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidField("/" + "/".join(map(str, first["loc"])), first["msg"]) from None


def _row(line: str, position: int) -> dict[str, Any]:
    """Return a line of three: good at, failed by (- for not failed), how many."""
    parts = line.replace(",", " ").split()
    if len(parts) != 3:
        raise InvalidField(f"/rows/{position}", "three numbers: good at, failed by (or -), count")
    after, by, count = parts
    if not count.isascii() or not count.isdigit():
        raise InvalidField(f"/rows/{position}/count", "a whole number")
    return {
        "after": _number(after, f"/rows/{position}/after"),
        "by": None if by == "-" else _number(by, f"/rows/{position}/by"),
        "count": int(count),
    }


def _number(text: str, pointer: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidField(pointer, "a number") from None


def draw_lot(told: LotAnswer, *, width: int, height: int) -> LotPlot:
    """Return R over age in a box, the limits as a band about it."""
    right, bottom = width - 14, height - BELOW
    farthest = told.curve[-1].age
    lowest = min(told.target_reliability, *(point.low for point in told.curve))
    floor = max(0.0, lowest - (1 - lowest) / 10)

    def x(age: float) -> float:
        return round(LEFT + (right - LEFT) * age / farthest, 1)

    def y(share: float) -> float:
        return round(bottom - (bottom - TOP) * (share - floor) / (1 - floor), 1)

    start = (x(0), y(1))
    highs, lows = (
        _places(told.curve, lambda one: one.high),
        _places(told.curve, lambda one: one.low),
    )
    estimates = [(one.age, one.estimate) for one in told.curve if one.estimate is not None]
    drawn = [(x(age), y(share)) for age, share in estimates]
    outline = [start, *((x(a), y(r)) for a, r in highs), *((x(a), y(r)) for a, r in lows[::-1])]
    return LotPlot(
        width=width,
        height=height,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=bottom,
        line=_path([start, *drawn]) if drawn else None,
        band=_path(outline) + "Z",
        target_y=y(told.target_reliability),
        ages=tuple(
            Tick(at=x(float(age)), value=age) for age in (Decimal(0), *round_between(0, farthest))
        ),
        shares=tuple(
            Tick(at=y(float(share)), value=share) for share in round_between(floor, 1) if share <= 1
        ),
        marks=(
            (x(told.at_next_age.age), "next"),
            (x(min(told.replacement.age, farthest)), "replaced"),
        ),
    )


def _places(
    curve: Sequence[ReliabilityTold], share: Callable[[ReliabilityTold], float]
) -> list[tuple[float, float]]:
    return [(point.age, share(point)) for point in curve]


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in places)
