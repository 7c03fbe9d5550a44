"""The sites of a book, and what stands at each; nothing is written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from service.places import PLACES, Stretch, site_at, stretches
from service.store import due as due_store
from service.store import sites as store
from service.tables.sites import Site
from service.tenancy import TenantSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many of the own items stand at a site, and how many of their due dates are overdue.

    Attributes:
        site: None for what stands at none.
    """

    site: Site | None
    items: int
    overdue: int


def standings(session: TenantSession, *, on: date) -> list[Standing]:
    """Return what stands at each site that there is on a day, by code; last what stands at none."""
    sites = store.by_name(session, on=on)
    items = _counted(store.items_by_place(session), sites)
    late = due_store.until(session, on - timedelta(days=1))
    overdue = _counted(((area, 1) for _, _, _, area in late), sites)
    return [
        Standing(site=site, items=items[name], overdue=overdue[name])
        for name, site in (*sites.items(), (None, None))
    ]


def _counted(found: Iterable[tuple[str, int]], sites: dict[str, Site]) -> Counter[str | None]:
    """Return how many there are by the name of the site at which they stand."""
    counts: Counter[str | None] = Counter()
    for place, count in found:
        site = site_at(place.split(PLACES), sites)
        counts[site.name_zh if site else None] += count
    return counts


def items_at(session: TenantSession, site_id: UUID, *, on: date) -> set[UUID]:
    """Return the own items whose innermost site is this one.

    Raises:
        NotFound: the book has no such site.
    """
    return store.items_in(session, stretches_of(session, site_id, on=on))


def stretches_of(session: TenantSession, site_id: UUID, *, on: date) -> tuple[Stretch, ...]:
    """Return the places of the own items whose innermost site is this one.

    Raises:
        NotFound: the book has no such site.
    """
    name = store.get(session, site_id).name_zh
    names = {*store.by_name(session, on=on), name}
    return stretches(due_store.places(session), names, name)
