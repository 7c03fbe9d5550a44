"""Writing a ledger that was handed in: thousands of items at once, and what is kept of the file."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import polars as pl

from procedures.errors import ProcedureError
from procedures.units import parse_unit
from service import audit
from service.actions import due, due_in_bulk, items
from service.bulk import differing
from service.outbox import announce
from service.store import ledger as ledger_store
from service.store import organizations
from service.tables.calibrations import Calibration
from service.tables.exchange import LedgerImport
from service.tables.items import Item
from service.tenancy import TenantSession

DEFAULTS: Final[Mapping[str, Any]] = {
    "kind": "measuring_instrument", "name_zh": "", "name_en": "", "manufacturer_zh": "",
    "manufacturer_en": "", "type_designation": "", "serial_number": "", "accuracy_text": "",
    "quantity": "unknown", "is_mandatory": False, "is_published": False, "is_carbon_meter": False,
    "status": "in_use", "location": "[]",
}  # fmt: skip
QUANTITIES: Final = {"Pa": "pressure", "K": "temperature", "kg": "mass", "m": "length"}
RANGE: Final = ("range_lower", "range_upper", "range_unit")


def write_items(
    session: TenantSession, frame: pl.DataFrame, *, import_id: UUID, actor_id: UUID, now: datetime
) -> pl.DataFrame:
    """Create and change items; return the rows with the id of each one's item.

    A row's new item has an id that follows from the import and the row, so that the same row
    written again is the same item.

    Args:
        frame: `row`, `item_id` (null for a new item) and the columns told; null says nothing.
    """
    with_ids = frame.with_columns(_ids(frame, import_id).alias("id"))
    is_new = pl.col("item_id").is_null()
    _create(session, with_ids.filter(is_new), now=now)
    if not (changed := with_ids.filter(~is_new)).is_empty():
        was = ledger_store.held(session)
        _note_storage(session, changed, was, actor_id=actor_id, now=now)
        _change(session, changed, was, now=now)
    due.derive_when_written(session, map(UUID, with_ids["id"]))
    return with_ids.select("row", "id")


def _create(session: TenantSession, rows: pl.DataFrame, *, now: datetime) -> None:
    if not rows.is_empty():
        session.upsert(Item, _as_columns(session, _quantified(rows), now=now), changing=())


def _change(
    session: TenantSession, rows: pl.DataFrame, was: pl.DataFrame, *, now: datetime
) -> None:
    told = [name for name in rows.columns if name in Item.model_fields and name != "id"]
    whole = _completed(rows, was)
    changing = differing(whole, was, key=["id"], names=told)
    table = _placed(whole.select("id", *changing))
    session.change_rows(Item, table.with_columns(pl.lit(now).alias("changed_at")))


def _note_storage(
    session: TenantSession,
    rows: pl.DataFrame,
    was: pl.DataFrame,
    *,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Record which items the ledger now tells to be stored, or to have come back."""
    if "status" not in rows.columns:
        return
    statuses = was.select("id", pl.col("status").alias("was"))
    told = rows.join(statuses, on="id").filter(pl.col("status") != pl.col("was"))
    for id_, before, after in told.select("id", "was", "status").rows():
        items.note_storage(session, UUID(id_), before, after, actor_id=actor_id, now=now)


def _ids(frame: pl.DataFrame, import_id: UUID) -> pl.Series:
    prefix = import_id.hex[:24]
    return pl.Series(
        [item_id or f"{prefix}{row:08x}" for row, item_id in frame.select("row", "item_id").rows()],
        dtype=pl.String,
    )


def _completed(rows: pl.DataFrame, was: pl.DataFrame) -> pl.DataFrame:
    """Return changed rows with what is held wherever the ledger says nothing."""
    names = [name for name in was.columns if name != "id"]
    held = was.select("id", *(pl.col(name).alias(f"held:{name}") for name in names))
    joined = rows.join(held, on="id", how="left", maintain_order="left")
    told = [name for name in names if name in rows.columns]
    if "range_text" in told:  # the ends and the unit go with the text that they were read from
        told = [name for name in told if name not in RANGE]
        is_silent = pl.col("range_text").is_null()
        joined = joined.with_columns(
            pl.when(is_silent).then(pl.col(f"held:{name}")).otherwise(pl.col(name)).alias(name)
            for name in RANGE
        )
    return joined.with_columns(
        *(pl.coalesce(name, f"held:{name}").alias(name) for name in told),
        *(pl.col(f"held:{name}").alias(name) for name in names if name not in rows.columns),
    ).drop([f"held:{name}" for name in names])


def _quantified(rows: pl.DataFrame) -> pl.DataFrame:
    """Say what a new item measures where its unit leaves no doubt."""
    if "range_unit" not in rows.columns:
        return rows
    units = rows["range_unit"].drop_nulls().unique().to_list()
    known = {unit: quantity for unit in units if (quantity := quantity_of_unit(unit))}
    read = pl.col("range_unit").replace_strict(known, default=None, return_dtype=pl.String)
    told = [pl.col("quantity")] if "quantity" in rows.columns else []
    return rows.with_columns(pl.coalesce(*told, read).alias("quantity"))


def quantity_of_unit(unit: str) -> str | None:
    """Return the quantity whose unit this can only be.

    >>> quantity_of_unit("MPa"), quantity_of_unit("V")
    ('pressure', None)
    """
    try:
        dimension = parse_unit(unit).dimension
    except ProcedureError:
        return None
    return next(
        (name for base, name in QUANTITIES.items() if parse_unit(base).dimension == dimension), None
    )


def _as_columns(session: TenantSession, rows: pl.DataFrame, *, now: datetime) -> pl.DataFrame:
    """Return new rows as the table has them: places as JSON, nothing where nothing may be."""
    columns = [name for name in rows.columns if name in Item.model_fields]
    return _placed(rows.select(columns)).with_columns(
        *(pl.col(name).fill_null(value) for name, value in DEFAULTS.items() if name in columns),
        *(pl.lit(value).alias(name) for name, value in DEFAULTS.items() if name not in columns),
        pl.lit(organizations.own(session).is_demonstration).alias("is_demonstration"),
        pl.lit(now).alias("recorded_at"),
    )


def _placed(table: pl.DataFrame) -> pl.DataFrame:
    """Return rows with their places as JSON."""
    if "location" not in table.columns:
        return table
    places = {text: json.dumps(text.split(ledger_store.JOINT), ensure_ascii=False)
              for text in table["location"].drop_nulls().unique()}  # fmt: skip
    return table.with_columns(pl.col("location").replace(places))


def write_calibrations(session: TenantSession, rows: pl.DataFrame, *, now: datetime) -> None:
    """Record what the ledger tells of calibrations elsewhere; their chains are not known.

    Args:
        rows: item_id, calibrated_on, and what is known of valid_until, certificate_number and
            laboratory.
    """
    if rows.is_empty():
        return
    days = rows.select("item_id", "calibrated_on").rows()
    told = rows.with_columns(
        pl.Series("id", [uuid5(UUID(id_), f"calibrated on {day}").hex for id_, day in days])
    ).join(ledger_store.names(session), on="item_id")
    laboratory = pl.col("laboratory").fill_null("")
    is_demonstration = organizations.own(session).is_demonstration
    table = told.select(
        "id",
        "item_id",
        "item_name_zh",
        "item_name_en",
        "certificate_number",
        "valid_until",
        performed_on="calibrated_on",
        laboratory_zh=laboratory,
        laboratory_en=laboratory,
        source=pl.lit("external"),
        kind=pl.lit("calibration"),
        track=pl.lit("main"),
        place=pl.lit("laboratory"),
        is_adjusted=pl.lit(value=False),
        is_demonstration=pl.lit(is_demonstration),
        recorded_at=pl.lit(now),
    )
    session.upsert(Calibration, table, changing=())
    due_in_bulk.refresh(session, rows["item_id"])
    due.derive_when_written(session, map(UUID, rows["item_id"]))


def finish(session: TenantSession, row: LedgerImport, *, actor_id: UUID, now: datetime) -> None:
    """Mark an import as applied, seal it in the audit log, and announce it."""
    row.state, row.applied_at = "applied", now
    counts = {name: str(count) for name, count in row.counts.items()}
    audit.record(
        session, "ledger.imported", row.id, actor_id=actor_id, now=now,
        said={"file_sha256": row.sha256, "changes_sha256": audit.digest_of(row.changes), **counts},
    )  # fmt: skip
    announce(session, "ledger.imported", {"import_id": str(row.id), **row.counts}, now=now)
