"""Reading what rests on a calibration in one book, and what a recall and a covariance need."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, CompoundSelect, union
from sqlalchemy.orm import aliased
from sqlmodel import col, or_, select

from service.errors import NotFound
from service.store.calibrations import book_links, is_in, layer_links, links_from, own_links
from service.store.organizations import with_authorisation
from service.tables.calibrations import (
    Calibration,
    CalibrationReference,
    CalibrationResult,
    CalibrationSupersession,
    Influence,
    Publication,
    ResultInfluence,
)
from service.tables.items import Item
from service.tables.published import PublishedCalibration, PublishedReference
from service.tenancy import TenantSession
from traceability.graph import Link
from traceability.impact import RecordedResult
from traceability.influences import InfluencedResult

AT_ONCE = 5000  # ids in one statement; both engines allow some tens of thousands


@dataclass(frozen=True, slots=True, kw_only=True)
class Beneath:
    """What one book and the reference layer hold beneath a calibration.

    Attributes:
        root_id: the calibration asked for: its id of the book, of the reference layer where the
            book has none.
        links: it, all that rests on it, and every calibration of the items among them.
        published_ids: those of the links that only the reference layer holds.
    """

    root_id: UUID
    links: tuple[Link, ...]
    published_ids: frozenset[UUID]


def beneath(session: TenantSession, calibration_id: UUID, *, known_at: datetime) -> Beneath:
    """Return a calibration and all that rests on it, as known at a moment.

    Asked for by its id of the book or of the reference layer. What stands in both is told once,
    under its id of the book.

    Raises:
        NotFound: neither has one of this id, or had none by then.
    """
    own_id, published_ids = _ids_of(session, calibration_id)
    published = _resting_published(published_ids)
    own_of = _own_of(session, published)
    own = links_from(
        session,
        book_links(known_at).where(col(Calibration.id).in_(_own_ids(own_id, published))),
    )
    layer = links_from(
        session, layer_links(known_at).where(is_in(PublishedCalibration.id, published))
    )
    elsewhere = [link for link in layer if link.calibration_id not in own_of]
    links = tuple(in_own_ids(link, own_of) for link in (*own, *elsewhere))
    root_id = own_id or calibration_id
    if not any(link.calibration_id == root_id for link in links):
        raise NotFound("calibration", calibration_id)
    return Beneath(
        root_id=root_id,
        links=links,
        published_ids=frozenset(link.calibration_id for link in elsewhere),
    )


def _ids_of(session: TenantSession, calibration_id: UUID) -> tuple[UUID | None, list[UUID]]:
    """Return the id of a calibration in the book, and those in the reference layer."""
    own = session.get(Calibration, (session.organization_id, calibration_id))
    if own is None:
        published = session.get(PublishedCalibration, calibration_id)
        if published is None:
            raise NotFound("calibration", calibration_id)
        own = session.get(Calibration, (session.organization_id, published.calibration_id))
        if own is None or published.holder_id not in _publishers(session, own):
            return None, [published.id]
    rows = session.exec(
        select(PublishedCalibration.id).where(
            PublishedCalibration.calibration_id == own.id,
            col(PublishedCalibration.holder_id).in_(_publishers(session, own)),
        )
    )
    return own.id, list(rows)


def _publishers(session: TenantSession, row: Calibration) -> list[UUID]:
    """Return who may publish a calibration: this organization, its maker, the item's owner.

    Anybody else who publishes one under its id speaks of something else.
    """
    item = row.item_id and session.get(Item, (session.organization_id, row.item_id))
    others = (row.received_from_id, item.customer_id if item else None)
    return [session.organization_id, *(id_ for id_ in others if id_ is not None)]


def _resting_published(roots: Sequence[UUID]) -> CTE:
    """Return the ids of the reference layer that rest on some, and those themselves."""
    edge = PublishedReference
    nodes = (
        select(col(PublishedCalibration.id).label("id"))
        .where(col(PublishedCalibration.id).in_(roots))
        .cte(recursive=True)
    )
    return nodes.union(
        select(col(edge.calibration_id)).join(nodes, col(edge.reference_id) == nodes.c.id)
    )


def _own_ids(own_id: UUID | None, published: CTE) -> CompoundSelect[Any]:
    """Return the ids of the book: the root, what rests on it, and other events of those items.

    What is published rests on published ones only, so a path leaves the reference layer at one
    edge and does not come back. Written with IN: of a join SQLite would walk the whole book.
    """
    edge = CalibrationReference
    roots = [] if own_id is None else [own_id]
    seeds = [
        resting(
            select(col(edge.calibration_id).label("id")).where(col(edge.reference_id).in_(roots))
        ),
        resting(
            select(col(edge.calibration_id).label("id")).where(is_in(edge.published_id, published))
        ),
    ]
    one, other = aliased(Calibration), aliased(Calibration)
    of_their_items = [
        select(col(other.id)).where(
            col(other.item_id).in_(select(col(one.item_id)).where(is_in(one.id, nodes)))
        )
        for nodes in seeds
    ]
    root = select(col(Calibration.id)).where(col(Calibration.id).in_(roots))
    return union(root, *(select(nodes.c.id) for nodes in seeds), *of_their_items)


def resting(seed: Any) -> CTE:
    """Return the ids of the book that rest on those of a seed, and those themselves."""
    edge = CalibrationReference
    nodes: CTE = seed.cte(recursive=True)
    return nodes.union(
        select(col(edge.calibration_id)).join(nodes, col(edge.reference_id) == nodes.c.id)
    )


def _own_of(session: TenantSession, published: CTE) -> dict[UUID, UUID]:
    """Return the book's id of each published calibration that the book holds as well."""
    rows = session.exec(
        select(PublishedCalibration.id, Calibration.id)
        .join(Calibration, col(Calibration.id) == PublishedCalibration.calibration_id)
        .outerjoin(Item, col(Item.id) == Calibration.item_id)
        .where(
            is_in(PublishedCalibration.id, published),
            or_(
                PublishedCalibration.holder_id == session.organization_id,
                PublishedCalibration.holder_id == Calibration.received_from_id,
                PublishedCalibration.holder_id == Item.customer_id,
            ),
        )
    )
    return dict(rows.all())


def in_own_ids(link: Link, own_of: Mapping[UUID, UUID]) -> Link:
    """Return a link with every id under which the book itself knows a calibration."""
    return replace(
        link,
        references=tuple(
            replace(used, reference_id=own_of.get(used.reference_id, used.reference_id))
            for used in link.references
        ),
    )


def recorded_results(
    session: TenantSession, calibration_ids: Iterable[UUID]
) -> Iterator[tuple[RecordedResult, str, str | None]]:
    """Yield the results of calibrations with their unit and that of the calibration's interval."""
    row = CalibrationResult
    ids = tuple(calibration_ids)
    for start in range(0, len(ids), AT_ONCE):
        rows = session.exec(
            select(row, Calibration.interval_unit, Item.customer_id)
            .join(Calibration, col(Calibration.id) == row.calibration_id)
            .outerjoin(Item, col(Item.id) == Calibration.item_id)
            .where(col(row.calibration_id).in_(ids[start : start + AT_ONCE]))
            .order_by(col(row.calibration_id), col(row.position))
        )
        for result, unit, customer_id in rows:
            yield _recorded(result, customer_id), result.unit, unit


def _recorded(row: CalibrationResult, customer_id: UUID | None) -> RecordedResult:
    limit = row.maximum_permissible_error
    return RecordedResult(
        result_id=row.id,
        calibration_id=row.calibration_id,
        value=float(row.nominal),
        error=float(row.estimate) if row.measurand == "error_of_indication" else None,
        limit=None if limit is None else abs(float(limit)),
        standard_uncertainty=row.standard_uncertainty,
        customer_id=customer_id,
    )


def influenced_results(
    session: TenantSession, result_ids: Sequence[UUID]
) -> list[tuple[CalibrationResult, InfluencedResult]]:
    """Return results with their components, in the order asked for.

    Raises:
        NotFound: the book has no result of one of the ids.
    """
    rows = {
        row.id: row
        for row in session.exec(
            select(CalibrationResult).where(col(CalibrationResult.id).in_(result_ids))
        )
    }
    components: defaultdict[UUID, dict[UUID, float]] = defaultdict(dict)
    for part in session.exec(
        select(ResultInfluence).where(col(ResultInfluence.result_id).in_(result_ids))
    ):
        components[part.result_id][part.influence_id] = part.component
    if missing := next((id_ for id_ in result_ids if id_ not in rows), None):
        raise NotFound("result", missing)
    return [
        (rows[id_], InfluencedResult(result_id=id_, components=components[id_]))
        for id_ in result_ids
    ]


def carriers(
    session: TenantSession, calibration_ids: Iterable[UUID], influence_ids: Iterable[UUID]
) -> dict[UUID, set[UUID]]:
    """Return of each influence the calibrations, of those named, whose results it is part of."""
    rows = session.exec(
        select(ResultInfluence.influence_id, CalibrationResult.calibration_id)
        .join(CalibrationResult, col(CalibrationResult.id) == ResultInfluence.result_id)
        .where(
            col(CalibrationResult.calibration_id).in_(calibration_ids),
            col(ResultInfluence.influence_id).in_(influence_ids),
        )
        .distinct()
    )
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for influence_id, calibration_id in rows:
        found[influence_id].add(calibration_id)
    return dict(found)


def influence_names(
    session: TenantSession, influence_ids: Iterable[UUID]
) -> dict[UUID, tuple[str, str]]:
    """Return the name (zh, en) of each influence that the book may name."""
    rows = session.exec(select(Influence).where(col(Influence.id).in_(influence_ids)))
    return {row.id: (row.label_zh, row.label_en) for row in rows}


def sourced_links(
    session: TenantSession, *, known_at: datetime, since: datetime | None = None
) -> list[tuple[str, Link]]:
    """Return the calibrations of the book with their source: made, received, cited, external.

    With `since` only those recorded or ended after that moment.
    """
    if since is None:
        links = own_links(session, known_at=known_at)
        sources = dict(session.exec(select(Calibration.id, Calibration.source)).all())
    else:
        changed = or_(
            col(Calibration.recorded_at) > since,
            col(CalibrationSupersession.superseded_at) > since,
        )
        links = with_authorisation(
            session, links_from(session, book_links(known_at).where(changed))
        )
        ids = [link.calibration_id for link in links]
        sources = {}
        for start in range(0, len(ids), AT_ONCE):
            some = select(Calibration.id, Calibration.source).where(
                col(Calibration.id).in_(ids[start : start + AT_ONCE])
            )
            sources |= dict(session.exec(some).all())
    return [(sources[link.calibration_id], link) for link in links]


def links_anywhere(
    session: TenantSession, ids: Iterable[UUID], *, known_at: datetime
) -> list[Link]:
    """Return some calibrations of the book or of the reference layer, under the ids asked for."""
    ids = tuple(ids)
    found: list[Link] = []
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        found += links_from(
            session,
            book_links(known_at).where(col(Calibration.id).in_(some)),
            layer_links(known_at).where(col(PublishedCalibration.id).in_(some)),
        )
    return found


def publications(session: TenantSession) -> dict[UUID, UUID]:
    """Return the book's own id of each calibration that its organization published."""
    rows = session.exec(select(Publication.published_id, Publication.calibration_id))
    return dict(rows.all())
