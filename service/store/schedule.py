"""Reading what due dates depend on, for a whole book or one item of it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select as select_columns  # sqlmodel's stops at four columns
from sqlmodel import col, select

from service.tables.calibrations import Calibration, CalibrationSupersession
from service.tables.calibrations import ConformityStatementRecord as Statement
from service.tables.items import Item
from service.tables.schedule import DueOverride, ItemEvent, PeriodPolicy
from service.tenancy import TenantSession
from traceability.graph import MAIN_TRACK

Row = TypeVar("Row", DueOverride, ItemEvent)


@dataclass(frozen=True, slots=True)
class Done:
    """A calibration that stands: when it was done, and until when it said to be valid."""

    performed_on: date
    valid_until: date | None
    has_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemHistory:
    """An item with everything on record that its due dates depend on.

    Attributes:
        done: its calibrations that stand, the oldest first.
    """

    item: Item
    done: Sequence[Done]
    overrides: Sequence[DueOverride]
    events: Sequence[ItemEvent]


def histories(
    session: TenantSession, *, on: date, item_ids: Collection[UUID] | None = None
) -> list[ItemHistory]:
    """Return the own items, or some items, as they stood on a day, by asset number."""
    found = done(session, on=on, item_ids=item_ids)
    overrides = _by_item(session, DueOverride, "recorded_on", on=on, item_ids=item_ids)
    events = _by_item(session, ItemEvent, "happened_on", on=on, item_ids=item_ids)
    items = select(Item).order_by(col(Item.asset_number), col(Item.id))
    if item_ids is None:
        items = items.where(col(Item.customer_id).is_(None))
    else:
        items = items.where(col(Item.id).in_(item_ids))
    return [
        ItemHistory(
            item=item, done=found[item.id], overrides=overrides[item.id], events=events[item.id]
        )
        for item in session.exec(items)
    ]


def policies(session: TenantSession) -> Sequence[PeriodPolicy]:
    """Return the policies that hold: of one activity, rule and subject the newest."""
    rows = session.exec(
        select(PeriodPolicy).order_by(col(PeriodPolicy.recorded_at), col(PeriodPolicy.id))
    )
    return tuple({(row.activity, row.rule, row.subject): row for row in rows}.values())


def befallen(session: TenantSession) -> set[UUID]:
    """Return the items that have an event or an override on record."""
    return {
        item_id
        for table in (ItemEvent, DueOverride)
        for item_id in session.exec(select(col(table.item_id)).distinct())
    }


def facts_of(
    session: TenantSession, item_id: UUID
) -> tuple[Sequence[ItemEvent], Sequence[DueOverride]]:
    """Return what befell an item, and what due dates were set for it."""
    return (
        session.exec(select(ItemEvent).where(ItemEvent.item_id == item_id)).all(),
        session.exec(select(DueOverride).where(DueOverride.item_id == item_id)).all(),
    )


def periods(session: TenantSession) -> Sequence[PeriodPolicy]:
    """Return every period that was ever set, the newest first."""
    return session.exec(
        select(PeriodPolicy).order_by(
            col(PeriodPolicy.recorded_at).desc(), col(PeriodPolicy.id).desc()
        )
    ).all()


def done(
    session: TenantSession, *, on: date, item_ids: Collection[UUID] | None = None
) -> Mapping[UUID, Sequence[Done]]:
    """Return the calibrations that stand of the book's items, or of some, until a day."""
    end = CalibrationSupersession
    rows = (
        select_columns(
            col(Calibration.id),
            col(Calibration.item_id),
            col(Calibration.performed_on),
            col(Calibration.valid_until),
        )
        .outerjoin(end, col(end.calibration_id) == Calibration.id)
        .where(col(end.calibration_id).is_(None), col(Calibration.performed_on) <= on)
        .where(col(Calibration.track) == MAIN_TRACK, col(Calibration.item_id).is_not(None))
        .order_by(col(Calibration.performed_on), col(Calibration.id))
    )
    failures = select(Statement.calibration_id).where(Statement.verdict == "fail")
    if item_ids is not None:
        rows = rows.where(col(Calibration.item_id).in_(item_ids))
        of_items = select(Calibration.id).where(col(Calibration.item_id).in_(item_ids))
        failures = failures.where(col(Statement.calibration_id).in_(of_items))
    failed = set(session.exec(failures))
    found: dict[UUID, list[Done]] = defaultdict(list)
    for id_, of_item, performed_on, valid_until in session.execute(rows):
        if of_item is not None:
            found[of_item].append(Done(performed_on, valid_until, id_ in failed))
    return found


def _by_item(
    session: TenantSession,
    table: type[Row],
    day: str,
    *,
    on: date,
    item_ids: Collection[UUID] | None,
) -> Mapping[UUID, Sequence[Row]]:
    rows = select(table).where(getattr(table, day) <= on).order_by(getattr(table, day))
    if item_ids is not None:
        rows = rows.where(col(table.item_id).in_(item_ids))
    found: dict[UUID, list[Row]] = defaultdict(list)
    for row in session.exec(rows):
        found[row.item_id].append(row)
    return found
