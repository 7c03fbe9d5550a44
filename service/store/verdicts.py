"""Reading the stored verdicts on chains, and what an end behind them touches."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, or_, select

from service.store.calibrations import is_in, publication
from service.store.networks import resting
from service.tables.calibrations import CalibrationReference, ChainVerdict
from service.tables.published import PublishedReference, PublishedSupersession
from service.tenancy import TenantSession

AT_ONCE = 5000  # ids in one statement


def newest(session: TenantSession, calibration_ids: Iterable[UUID]) -> dict[UUID, ChainVerdict]:
    """Return the verdict last stored of each calibration; none where it was never judged."""
    ids = tuple(calibration_ids)
    found: dict[UUID, ChainVerdict] = {}
    for start in range(0, len(ids), AT_ONCE):
        rows = session.exec(
            select(ChainVerdict)
            .where(col(ChainVerdict.calibration_id).in_(ids[start : start + AT_ONCE]))
            .order_by(col(ChainVerdict.id))
        )
        found |= {row.calibration_id: row for row in rows}
    return found


def current(session: TenantSession, calibration_ids: Iterable[UUID]) -> dict[UUID, ChainVerdict]:
    """Return the stored verdicts that still hold: nothing published behind them ended since."""
    found = newest(session, calibration_ids)
    if not found:
        return {}
    since = min(row.judged_at for row in found.values())
    ended = session.exec(
        select(PublishedSupersession.published_id, PublishedSupersession.superseded_at).where(
            col(PublishedSupersession.superseded_at) >= since
        )
    ).all()
    for published_id, superseded_at in ended:
        for id_ in touched_by_published(session, [published_id]):
            if id_ in found and found[id_].judged_at <= superseded_at:
                del found[id_]
    return found


def last_published_end(session: TenantSession) -> datetime | None:
    """Return when something published ended last; None if nothing ever did."""
    return session.exec(select(func.max(PublishedSupersession.superseded_at))).one()


def touched_by(session: TenantSession, calibration_id: UUID) -> Sequence[UUID]:
    """Return every calibration of the book that rests on one of it, by whatever path."""
    edge = CalibrationReference
    own = resting(
        select(col(edge.calibration_id).label("id")).where(edge.reference_id == calibration_id)
    )
    found = set(session.exec(select(own.c.id)).all())
    if row := publication(session, calibration_id):
        found.update(touched_by_published(session, [row.published_id]))
    return sorted(found)


def touched_by_published(session: TenantSession, published_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return every calibration of the book that rests on some of the reference layer."""
    edge, above = CalibrationReference, PublishedReference
    layer = (
        select(col(above.calibration_id).label("id"))
        .where(col(above.reference_id).in_(published_ids))
        .cte(recursive=True)
    )
    layer = layer.union(
        select(col(above.calibration_id)).join(layer, col(above.reference_id) == layer.c.id)
    )
    own = resting(
        select(col(edge.calibration_id).label("id")).where(
            or_(col(edge.published_id).in_(published_ids), is_in(edge.published_id, layer))
        )
    )
    return session.exec(select(own.c.id)).all()
