"""Reading the sites of an organization, and where its items stand."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, false
from sqlmodel import and_, col, func, not_, or_, select

from service.errors import NotFound
from service.places import PLACES, Stretch
from service.tables.schedule import KeptDueDate
from service.tables.sites import Site
from service.tenancy import TenantSession


def get(session: TenantSession, site_id: UUID) -> Site:
    """Return one site.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(Site, (session.organization_id, site_id))
    if row is None:
        raise NotFound("site", site_id)
    return row


def page(
    session: TenantSession, *, after: UUID | None, limit: int, updated_since: datetime | None = None
) -> Sequence[Site]:
    """Return so many sites after the one of an id, by id; those that ended too."""
    statement = select(Site).order_by(col(Site.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(Site.id) > after)
    if updated_since is not None:
        statement = statement.where(
            func.coalesce(Site.changed_at, Site.recorded_at) >= updated_since
        )
    return session.exec(statement).all()


def by_code(session: TenantSession) -> Sequence[Site]:
    """Return all sites, by code; those that ended too."""
    return session.exec(select(Site).order_by(col(Site.code))).all()


def by_name(session: TenantSession, *, on: date) -> dict[str, Site]:
    """Return the sites that there are on a day, by the name that the ledger writes."""
    rows = session.exec(
        select(Site)
        .where(or_(col(Site.ended_on).is_(None), col(Site.ended_on) >= on))
        .order_by(col(Site.code))
    )
    return {row.name_zh: row for row in rows}


def items_by_place(session: TenantSession) -> list[tuple[str, int]]:
    """Return each place at which own items stand, of joined parts, and how many stand there."""
    row = KeptDueDate
    rows = session.exec(
        select(row.area, func.count())
        .where(col(row.is_main).is_(True), col(row.is_ended).is_(False))
        .group_by(col(row.area))
    )
    return list(rows)


def items_in(session: TenantSession, stretches: Collection[Stretch]) -> set[UUID]:
    """Return the own items that stand in some stretches."""
    row = KeptDueDate
    rows = session.exec(
        select(row.item_id).where(
            col(row.is_main).is_(True), col(row.is_ended).is_(False), in_stretches(stretches)
        )
    )
    return set(rows)


def in_stretches(stretches: Collection[Stretch]) -> ColumnElement[bool]:
    """Return whether an item stands in one of some stretches; letters are told apart by case."""
    return or_(
        false(),
        *(and_(_within(one.within), *(not_(_within(but)) for but in one.but)) for one in stretches),
    )


def _within(place: str) -> ColumnElement[bool]:
    here, inner = col(KeptDueDate.area), place + PLACES
    return or_(here == place, func.substr(here, 1, len(inner)) == inner)
