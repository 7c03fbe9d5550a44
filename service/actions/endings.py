"""Ending a calibration's standing, in the book and, where it is published, for everyone."""

from datetime import datetime
from typing import Any
from uuid import UUID

from service.actions import due
from service.actions.verdicts import judge_touched_by
from service.errors import NotPublishable
from service.store import calibrations as store
from service.tables.calibrations import CalibrationSupersession
from service.tables.published import PublishedSupersession
from service.tenancy import TenantSession


def write_end(
    session: TenantSession,
    calibration_id: UUID,
    *,
    successor_id: UUID | None,
    reason: str,
    now: datetime,
) -> None:
    """Write that a calibration which stood until now is superseded, or withdrawn.

    The chains that rest on it are judged anew.

    Raises:
        NotPublishable: the calibration is published, and its successor is not.
    """
    said: dict[str, Any] = {"superseded_at": now, "reason": reason}
    session.insert(
        CalibrationSupersession,
        [{"calibration_id": calibration_id, "successor_id": successor_id, **said}],
    )
    if published := store.publication(session, calibration_id):
        successor = successor_id and published_id(session, successor_id)
        session.insert(
            PublishedSupersession,
            [{"published_id": published.published_id, "successor_id": successor, **said}],
        )
    judge_touched_by(session, calibration_id, now=now)
    item_id = store.get(session, calibration_id).item_id
    if item_id is not None:
        due.refresh(session, item_id)


def published_id(session: TenantSession, calibration_id: UUID | None) -> UUID:
    """Return under which id a calibration of the book is published.

    Raises:
        NotPublishable: it is not published.
    """
    publication = calibration_id and store.publication(session, calibration_id)
    if not publication:
        raise NotPublishable(f"calibration {calibration_id} is not published")
    return publication.published_id
