"""Reading the ledger of items."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, func, or_, select

from service.errors import NotFound
from service.places import PLACES, Stretch
from service.store.sites import in_stretches
from service.tables.calibrations import (
    Calibration,
    CalibrationSupersession,
    ConformityStatementRecord,
)
from service.tables.items import Item
from service.tables.schedule import KeptDueDate
from service.tenancy import TenantSession
from traceability.graph import MAIN_TRACK

AT_ONCE = 1000  # ids a statement


def get(session: TenantSession, item_id: UUID) -> Item:
    """Return one item of the ledger.

    Raises:
        NotFound: the ledger has none of this id.
    """
    row = session.get(Item, (session.organization_id, item_id))
    if row is None:
        raise NotFound("item", item_id)
    return row


def words_of(item: Item) -> str:
    """Return what an item is found by, in small letters, a line each; its place comes last."""
    told = (item.name_zh, item.name_en, item.asset_number or "", item.serial_number,
            item.type_designation, PLACES.join(item.location))  # fmt: skip
    return "\n".join(told).lower()


def page(
    session: TenantSession,
    *,
    after: UUID | None,
    limit: int,
    updated_since: datetime | None = None,
    serial_number: str | None = None,
) -> Sequence[Item]:
    """Return so many items of the ledger after the one of an id, by id."""
    statement = select(Item).order_by(col(Item.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(Item.id) > after)
    if updated_since is not None:
        statement = statement.where(
            func.coalesce(Item.changed_at, Item.recorded_at) >= updated_since
        )
    if serial_number is not None:
        statement = statement.where(Item.serial_number == serial_number)
    return session.exec(statement).all()


def own(session: TenantSession) -> Sequence[Item]:
    """Return the organization's own items, by asset number."""
    return session.exec(
        select(Item).where(col(Item.customer_id).is_(None)).order_by(col(Item.asset_number))
    ).all()


def like(session: TenantSession, item: Item) -> Sequence[Item]:
    """Return the items of one maker's type in the ledger, this one among them."""
    return session.exec(
        select(Item)
        .where(
            Item.manufacturer_en == item.manufacturer_en,
            Item.type_designation == item.type_designation,
            Item.quantity == item.quantity,
        )
        .order_by(col(Item.id))
    ).all()


def alike(
    session: TenantSession, *, type_designation: str | None = None, energy_level: str | None = None
) -> Sequence[UUID]:
    """Return the ids of the own items of a type or level; of all where none is named."""
    statement = select(Item.id).where(col(Item.customer_id).is_(None))
    if type_designation is not None:
        statement = statement.where(Item.type_designation == type_designation)
    if energy_level is not None:
        statement = statement.where(Item.energy_level == energy_level)
    return session.exec(statement).all()


def by_serial_number(session: TenantSession, serial_number: str) -> Sequence[Item]:
    """Return every item of the ledger with this serial number: none, one or many."""
    return session.exec(
        select(Item)
        .where(Item.serial_number == serial_number)
        .order_by(col(Item.manufacturer_en), col(Item.id))
    ).all()


def newest_standing(session: TenantSession, item_id: UUID) -> Calibration | None:
    """Return the calibration of an item's main track that holds; None if the newest one failed.

    Whether it is still valid on a day is not asked.
    """
    end = CalibrationSupersession
    newest = session.exec(
        select(Calibration)
        .outerjoin(end, col(end.calibration_id) == Calibration.id)
        .where(Calibration.item_id == item_id, Calibration.track == MAIN_TRACK)
        .where(col(end.calibration_id).is_(None))
        .order_by(col(Calibration.performed_on).desc(), col(Calibration.id).desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    failed = session.exec(
        select(ConformityStatementRecord.verdict).where(
            ConformityStatementRecord.calibration_id == newest.id,
            ConformityStatementRecord.verdict == "fail",
        )
    ).first()
    return None if failed else newest


def listed(
    session: TenantSession,
    *,
    text: str = "",
    status: str = "",
    level: str = "",
    stretches: Collection[Stretch] | None = None,
    sort: str = "asset",
    descending: bool = False,
    offset: int,
    limit: int,
) -> tuple[list[tuple[Item, date | None]], int]:
    """Return some of the own items with their due dates, and how many fit in all.

    Args:
        stretches: of the places where they stand; None for all.
    """
    fits: list[ColumnElement[bool]] = [col(Item.customer_id).is_(None)]
    if text:
        fits.append(
            or_(
                *(
                    col(column).icontains(text, autoescape=True)
                    for column in (Item.name_zh, Item.name_en, Item.asset_number,
                                   Item.serial_number, Item.type_designation)
                )
            )
        )  # fmt: skip
    if stretches is not None:
        fits.append(in_stretches(stretches))
    if status:
        fits.append(col(Item.status) == status)
    if level:
        fits.append(col(Item.energy_level) == level)
    order: dict[str, Any] = {
        "asset": col(Item.asset_number),
        "name": col(Item.name_zh),
        "serial": col(Item.serial_number),
        "due": col(KeptDueDate.due_on),
    }
    key = order[sort]
    is_its_main = (col(KeptDueDate.item_id) == Item.id) & col(KeptDueDate.is_main)
    rows = session.exec(
        select(Item, KeptDueDate)
        .outerjoin(KeptDueDate, is_its_main)
        .where(*fits)
        .order_by(key.is_(None), key.desc() if descending else key, col(Item.id))
        .offset(offset)
        .limit(limit)
    ).all()
    counted = select(func.count(col(Item.id))).where(*fits)
    if stretches is not None:
        counted = counted.join(KeptDueDate, is_its_main)
    matching = session.exec(counted).one()
    return [(item, getattr(due, "due_on", None)) for item, due in rows], matching


def by_ids(session: TenantSession, item_ids: Collection[UUID]) -> dict[UUID, Item]:
    """Return items of the ledger by their ids."""
    rows = session.exec(select(Item).where(col(Item.id).in_(item_ids)))
    return {row.id: row for row in rows}


def due_between(
    session: TenantSession, first: date, last: date, *, area: str | None = None
) -> list[tuple[date, str, str, str, str]]:
    """Return day, area, names (zh, en) and serial number of each own item due in some days.

    An area is the first parts of a place; items that wait (sealed, out of service) are not due,
    and one that is due twice on a day is told twice.
    """
    rows = session.exec(
        select(KeptDueDate, Item)
        .join(Item, col(Item.id) == KeptDueDate.item_id)
        .where(col(KeptDueDate.due_on).between(first, last), col(KeptDueDate.is_ended).is_(False))
        .order_by(col(KeptDueDate.due_on))
    )
    return [
        (due.due_on, PLACES.join(item.location[:2]), item.name_zh, item.name_en, item.serial_number)
        for due, item in rows
        if due.due_on and (area is None or PLACES.join(item.location).startswith(area))
    ]


def quantities(session: TenantSession) -> Sequence[str]:
    """Return what the ledger's items measure, each quantity once."""
    return session.exec(select(Item.quantity).distinct().order_by(col(Item.quantity))).all()


def types(session: TenantSession) -> Sequence[str]:
    """Return the type designations in the ledger, each once."""
    return session.exec(
        select(Item.type_designation)
        .where(Item.type_designation != "")
        .distinct()
        .order_by(Item.type_designation)
    ).all()


def standards(session: TenantSession, *, quantity: str) -> Sequence[Item]:
    """Return the organization's own standards and material measures of a quantity."""
    return session.exec(
        select(Item)
        .where(
            col(Item.customer_id).is_(None),
            Item.quantity == quantity,
            col(Item.kind) != "measuring_instrument",
        )
        .order_by(col(Item.asset_number))
    ).all()


def plates(session: TenantSession) -> Sequence[tuple[str, str]]:
    """Return the serial number and the manufacturer (zh) of each of the organization's own items.

    As on their plates: a serial number alone may stand on two makers' items.
    """
    return session.exec(
        select(Item.serial_number, Item.manufacturer_zh).where(col(Item.customer_id).is_(None))
    ).all()
