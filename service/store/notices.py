"""Reading who was told of what, and the notices of the inbox."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlmodel import col, func, select

from service.errors import NotFound
from service.tables.exchange import Delivery, DeliveryReceipt, Dispatch
from service.tenancy import TenantSession


def holders(session: TenantSession, subject_ids: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    """Return to whom calibrations and certificates were delivered: which of them, by holder.

    Whoever was told of a calibration that cites another holds the other one too.
    """
    row = Dispatch
    rows = session.exec(
        select(row.recipient_id, row.subject_id)
        .where(col(row.subject_id).in_(tuple(subject_ids)), row.kind == "calibration")
        .distinct()
    )
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for recipient_id, subject_id in rows:
        found[recipient_id].add(subject_id)
    return dict(found)


def get(session: TenantSession, delivery_id: UUID) -> tuple[Delivery, DeliveryReceipt | None]:
    """Return one notice of the inbox, and when it was taken in.

    Raises:
        NotFound: the inbox has no notice of this id.
    """
    key = (session.organization_id, delivery_id)
    row = session.get(Delivery, key)
    if row is None or row.kind != "notice":
        raise NotFound("notice", delivery_id)
    return row, session.get(DeliveryReceipt, key)


def received(
    session: TenantSession, *, limit: int, before: UUID | None = None
) -> Sequence[tuple[Delivery, DeliveryReceipt | None]]:
    """Return the notices of the inbox, the newest first, each with its receipt if it has one.

    Args:
        limit: how many at most.
        before: the last notice of the page before; its id says when it was sent.
    """
    notices = (
        select(Delivery, DeliveryReceipt)
        .outerjoin(DeliveryReceipt, col(DeliveryReceipt.delivery_id) == Delivery.id)
        .where(Delivery.kind == "notice")
    )
    if before is not None:
        notices = notices.where(col(Delivery.id) < before)
    return session.exec(notices.order_by(col(Delivery.id).desc()).limit(limit)).all()


def count(session: TenantSession) -> tuple[int, int]:
    """Return how many notices the inbox has, and how many of them are not taken in."""
    total, taken_in = session.exec(
        select(func.count(col(Delivery.id)), func.count(col(DeliveryReceipt.delivery_id)))
        .outerjoin(DeliveryReceipt, col(DeliveryReceipt.delivery_id) == Delivery.id)
        .where(Delivery.kind == "notice")
    ).one()
    return total, total - taken_in
