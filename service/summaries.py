"""Answers about all books together: sums over organizations that tell of no single one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from service.errors import NotFound
from service.store import summaries as store
from service.store.summaries import STATES
from service.suppression import FEWEST, told


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantitySummary:
    """How many items of a quantity stand how; None is withheld, never 0."""

    quantity: str
    counts: dict[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The sums of a month.

    Attributes:
        organizations: how many stated something; None where those are too few.
        quantities: those of which at least one sum is told.
        totals: of what is told above, by state: nothing withheld is in them.
    """

    period: str
    organizations: int | None
    quantities: tuple[QuantitySummary, ...]
    totals: dict[str, int | None]


def periods(engine: Engine, *, today: date) -> list[str]:
    """Return the months that are over and of which somebody stated something, the newest first."""
    return sorted(store.stated(engine, until=_last_over(today)), reverse=True)


def summary(engine: Engine, period: str, *, today: date) -> Summary:
    """Return the sums of a month that is over: from then on they stay as they are.

    Raises:
        NotFound: nobody stated anything of the month, or it is not over.
    """
    stated = store.stated(engine, until=min(period, _last_over(today)))
    if period not in stated:
        raise NotFound("summary", period)
    sums = told(list(stated.values()))
    quantities = sorted({quantity for quantity, _ in sums})
    return Summary(
        period=period,
        organizations=_enough(len({who for parts in stated[period].values() for who in parts})),
        quantities=tuple(
            QuantitySummary(
                quantity=quantity, counts={state: sums.get((quantity, state)) for state in STATES}
            )
            for quantity in quantities
        ),
        totals={
            state: _sum(
                sums[quantity, state] for quantity in quantities if (quantity, state) in sums
            )
            for state in STATES
        },
    )


def _last_over(today: date) -> str:
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    return f"{year:04}-{month:02}"


def _enough(organizations: int) -> int | None:
    return organizations if organizations >= FEWEST else None


def _sum(sums: Iterable[int]) -> int | None:
    found = list(sums)
    return sum(found) if found else None
