"""Where traceability is missing, and what much of it hangs on: gaps, single points of failure.

Asked for one organization's book with the reference layer behind it, or by the operator over all.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import numpy as np
from sqlalchemy import Engine

from service import networks
from service.store import calibrations as calibration_store
from service.store import items as item_store
from service.store import networks as store
from service.tables.items import Item
from service.tenancy import TenantSession
from traceability.audit import EXCUSED_STATES
from traceability.columns import columns_of
from traceability.graph import Link
from traceability.network import (
    NOBODY,
    Network,
    audit_items,
    descendants,
    single_points_of_failure,
)
from traceability.numbering import build_network

MOST_STANDARDS = 50


class Gap(StrEnum):
    """Why an item in use has no valid traceable result on a day."""

    NOT_CALIBRATED = "not_calibrated"
    EXPIRED = "expired"
    CHAIN_BROKEN = "chain_broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFound:
    """An item in use without a valid traceable result."""

    item: Item
    gap: Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """How many items hang on one calibration of a standard.

    Attributes:
        resting: items whose result in force rests on it, by whatever path.
        lost: those of them that would have no path left without it.
        share: of all calibrated items that rest on it, in [0, 1].
    """

    link: Link
    resting: int
    lost: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Risks:
    """What is to be said of a set of items on a day.

    Attributes:
        items: how many are in use; `calibrated` of them have a result in force.
        concentrations: those on which most items hang, at most 50, the largest loss first.
    """

    on: date
    items: int
    calibrated: int
    gaps: tuple[GapFound, ...]
    concentrations: tuple[Concentration, ...]


def risks(session: TenantSession, *, on: date, known_at: datetime) -> Risks:
    """Return the gaps of one book and what most of its items hang on."""
    links = calibration_store.book(session, known_at=known_at)
    own_of = store.publications(session)
    told_once = [link for link in links if link.calibration_id not in own_of]
    return risks_of(
        [store.in_own_ids(link, own_of) for link in told_once], item_store.own(session), on=on
    )


def risks_over_books(
    engine: Engine,
    organization_ids: Sequence[UUID],
    *,
    on: date,
    known_at: datetime,
    progress: Callable[[int], None] = lambda _count: None,
) -> Risks:
    """Return the gaps of all books and what most items of the nation hang on."""
    links = networks.all_links(engine, organization_ids, known_at=known_at, progress=progress)
    items: list[Item] = []
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as session:
            items += item_store.own(session)
    return risks_of(links, items, on=on)


def risks_of(links: Iterable[Link], items: Iterable[Item], *, on: date) -> Risks:
    """Return the gaps of some items, and what most of them hang on.

    Args:
        links: their calibrations and all behind them, each told once.
        items: those in use count; sealed ones and ones out of service may wait.
        on: the day.

    Raises:
        CycleInTraceability, DateOutOfRange: of the records.
    """
    by_id = {link.calibration_id: link for link in links if link.performed_on <= on}
    in_use = {item.id: item for item in items if item.status not in EXCUSED_STATES}
    network = build_network(columns_of(by_id.values()))
    found = audit_items(network, on=on)
    states = {
        network.item_id(place): (number != NOBODY, bool(overdue), bool(unbroken))
        for place, (number, overdue, unbroken) in enumerate(
            zip(found.in_force.tolist(), found.overdue, found.unbroken, strict=True)
        )
    }
    gaps = [
        GapFound(item=item, gap=gap)
        for id_, item in in_use.items()
        for gap in [_gap(*states.get(id_, (False, False, False)))]
        if gap is not None
    ]
    gaps.sort(key=lambda one: (list(Gap).index(one.gap), one.item.name_en, one.item.id))
    return Risks(
        on=on,
        items=len(in_use),
        calibrated=sum(states.get(id_, (False,))[0] for id_ in in_use),
        gaps=tuple(gaps),
        concentrations=tuple(_concentrations(network, by_id, on=on)),
    )


def _gap(is_calibrated: bool, is_expired: bool, is_unbroken: bool) -> Gap | None:
    if not is_calibrated:
        return Gap.NOT_CALIBRATED
    if is_expired:
        return Gap.EXPIRED
    return None if is_unbroken else Gap.CHAIN_BROKEN


def _concentrations(
    network: Network, links: dict[UUID, Link], *, on: date
) -> Iterable[Concentration]:
    """Return the calibrations without which most items lose every path, the largest loss first."""
    lost = single_points_of_failure(network, on=on)
    in_force = audit_items(network, on=on).in_force
    in_force = in_force[in_force != NOBODY]
    lost[in_force] -= 1  # of itself an item is always the single point
    found = []
    for number in np.argsort(-lost, kind="stable")[:MOST_STANDARDS].tolist():
        if not lost[number]:
            break
        resting = int(descendants(network, np.array([number], np.int32))[in_force].sum())
        found.append(
            Concentration(
                link=links[network.calibration_id(number)],
                resting=resting,
                lost=int(lost[number]),
                share=resting / len(in_force),
            )
        )
    return found
