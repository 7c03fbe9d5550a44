"""Reading who answers for what, how people want to be told, and what they were told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select

from service.errors import NotFound
from service.places import PLACES
from service.tables.schedule import (
    DueDigest,
    DueNotice,
    KeptDueDate,
    NoticePreference,
    Responsibility,
)
from service.tenancy import TenantSession


def responsibilities(session: TenantSession) -> dict[str, Responsibility]:
    """Return who answers for each area now; areas that nobody answers for are left out."""
    rows = session.exec(
        select(Responsibility).order_by(col(Responsibility.recorded_at), col(Responsibility.id))
    )
    newest = {row.area: row for row in rows}
    return {area: row for area, row in sorted(newest.items()) if row.person_id is not None}


def keeper_of(place: str, kept: Mapping[str, Responsibility]) -> Responsibility | None:
    """Return who answers for a place: of the areas that it lies in the narrowest counts.

    Args:
        place: its parts joined, the widest first.
        kept: by area, as `responsibilities` returns it.
    """
    parts = place.split(PLACES)
    areas = (PLACES.join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((kept[area] for area in (*areas, "") if area in kept), None)


def places_of(session: TenantSession, person_id: UUID) -> list[str]:
    """Return the places of own items for which a person answers."""
    row, kept = KeptDueDate, responsibilities(session)
    places = session.exec(select(row.area).where(col(row.is_ended).is_(False)).distinct())
    return [
        place
        for place in places
        if (keeper := keeper_of(place, kept)) and keeper.person_id == person_id
    ]


def preferences(session: TenantSession) -> dict[UUID, NoticePreference]:
    """Return how each person wants to be told, of those who ever said."""
    rows = session.exec(
        select(NoticePreference).order_by(
            col(NoticePreference.recorded_at), col(NoticePreference.id)
        )
    )
    return {row.person_id: row for row in rows}


def told(session: TenantSession, item_ids: Collection[UUID]) -> set[tuple[UUID, str, date, str]]:
    """Return of which due dates of some items somebody was told, and at which stage."""
    row = DueNotice
    rows = session.exec(select(row).where(col(row.item_id).in_(item_ids)))
    return {(one.item_id, one.activity, one.due_on, one.stage) for one in rows}


def of_day(session: TenantSession, day: date) -> Sequence[DueDigest]:
    """Return the digests of a day."""
    return session.exec(
        select(DueDigest).where(DueDigest.told_on == day).order_by(col(DueDigest.id))
    ).all()


def newest(
    session: TenantSession,
    *,
    person_id: UUID | None = None,
    before: UUID | None = None,
    limit: int,
) -> Sequence[DueDigest]:
    """Return so many digests written before the one of an id, the newest first.

    Args:
        person_id: whose; None for all people's.
    """
    statement = select(DueDigest).order_by(col(DueDigest.id).desc())
    if before is not None:
        statement = statement.where(col(DueDigest.id) < before)
    if person_id is not None:
        statement = statement.where(DueDigest.person_id == person_id)
    return session.exec(statement.limit(limit)).all()


def get(session: TenantSession, digest_id: UUID) -> DueDigest:
    """Return one digest.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(DueDigest, (session.organization_id, digest_id))
    if row is None:
        raise NotFound("digest", digest_id)
    return row


def to_send(session: TenantSession, *, now: datetime, limit: int) -> Sequence[DueDigest]:
    """Return digests whose mail is due and nobody's; locked for this one."""
    row = DueDigest
    return session.exec(
        select(row)
        .where(row.mail == "waiting", row.due_at <= now)
        .where((col(row.lease_until).is_(None)) | (col(row.lease_until) < now))
        .order_by(col(row.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
