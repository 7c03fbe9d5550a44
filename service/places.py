"""Places and the sites that they name: an item stands at the innermost of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

PLACES: Final = " / "  # between the parts of a place
S = TypeVar("S")


def site_at(location: Sequence[str], sites: Mapping[str, S]) -> S | None:
    """Return the site of an item: the innermost of its places that is the name of one.

    >>> site_at(["plant", "switchyard", "bay 1"], {"plant": 1, "switchyard": 2})
    2
    """
    return next((sites[place] for place in reversed(location) if place in sites), None)


@dataclass(frozen=True, slots=True)
class Stretch:
    """All places within one, but for those within some others; each of joined parts."""

    within: str
    but: tuple[str, ...]


def stretches(places: Iterable[str], names: Collection[str], name: str) -> tuple[Stretch, ...]:
    """Return where a site is the innermost: few stretches, however many places there are.

    Args:
        places: all that there are, each of joined parts.
        names: of all sites; `name` is one of them.
    """
    ends = sorted({end for place in places for end in _ends(place, names)})
    return tuple(
        Stretch(end, tuple(inner for inner in ends if inner.startswith(end + PLACES)))
        for end in ends
        if end.split(PLACES)[-1] == name
    )


def _ends(place: str, names: Collection[str]) -> Iterator[str]:
    """Yield the beginnings of a place that end with the name of a site."""
    parts = place.split(PLACES)
    for position, part in enumerate(parts, start=1):
        if part in names:
            yield PLACES.join(parts[:position])
