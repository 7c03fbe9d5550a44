"""Reading the ledger as a whole: every own item in columns, to be compared with another ledger."""

import json
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import polars as pl
from sqlalchemy.orm import defer
from sqlmodel import col, select

from service.tables.calibrations import Calibration
from service.tables.certificates import Certificate, CertificateCalibration, CertificateFile
from service.tables.exchange import LedgerImport, LedgerPull
from service.tables.items import Item, ItemDue
from service.tenancy import TenantSession

JOINT: Final = " / "  # between the parts of a place
FILES_AT_ONCE: Final = 100
TEXTS: Final = (
    "asset_number", "serial_number", "name_zh", "name_en", "manufacturer_zh", "manufacturer_en",
    "type_designation", "range_text", "range_unit", "accuracy_text", "use", "energy_level", "kind",
    "quantity", "procedure_code", "status",
)  # fmt: skip
HELD: Final = pl.Schema(
    {
        "id": pl.String,
        "location": pl.String,
        **dict.fromkeys(TEXTS, pl.String),
        "range_lower": pl.Float64,
        "range_upper": pl.Float64,
        "period_months": pl.Int64,
        "is_mandatory": pl.Boolean,
        "is_carbon_meter": pl.Boolean,
        "status_since": pl.Date,
    }
)


def held(session: TenantSession) -> pl.DataFrame:
    """Return the organization's own items.

    Ids are 32 hexadecimal digits, places and ranges one text each.
    """
    found = session.columns(Item, [*HELD, "customer_id"])
    own = found.filter(pl.col("customer_id").is_null()).drop("customer_id")
    place = pl.col("location").str.json_decode(pl.List(pl.String)).list.join(JOINT)
    return own.with_columns(place, _range_text())


def _range_text() -> pl.Expr:
    """Return the range as the ledger has it; written from its ends where that is not told."""
    lower, upper = (
        pl.col(name).cast(pl.String).str.strip_suffix(".0")
        for name in ("range_lower", "range_upper")
    )
    written = pl.format("({} ~ {}) {}", lower, upper, "range_unit")
    return pl.coalesce("range_text", written).alias("range_text")


def names(session: TenantSession) -> pl.DataFrame:
    """Return the names of the items: item_id, item_name_zh, item_name_en."""
    found = session.columns(Item, ["id", "name_zh", "name_en"])
    return found.rename({"id": "item_id", "name_zh": "item_name_zh", "name_en": "item_name_en"})


def calibrated_days(session: TenantSession) -> pl.DataFrame:
    """Return on which days each item was calibrated, by whomever; nothing twice."""
    found = session.columns(Calibration, ["performed_on", "item_id"])
    return found.select("item_id", pl.col("performed_on").alias("calibrated_on")).unique()


def in_force(session: TenantSession) -> pl.DataFrame:
    """Return of each own item the calibration in force: its day, validity, certificate, maker.

    `certified_class` is the accuracy class that the newest certificate of it states, where the book
    holds that certificate.
    """
    rows = session.exec(
        select(ItemDue.item_id, Calibration)
        .join(Calibration, col(Calibration.id) == ItemDue.calibration_id)
        .order_by(col(ItemDue.item_id))
    ).all()
    classes = _certified_classes(session)
    schema = {"id": pl.String, "calibrated_on": pl.Date, "valid_until": pl.Date,
              "certificate_number": pl.String, "laboratory": pl.String,
              "certified_class": pl.String}  # fmt: skip
    told = [
        (item_id.hex, row.performed_on, row.valid_until, row.certificate_number, row.laboratory_zh,
         classes.get(row.id))
        for item_id, row in rows
    ]  # fmt: skip
    return pl.DataFrame(told, schema=schema, orient="row")


def _certified_classes(session: TenantSession) -> dict[UUID, str]:
    """Return which accuracy class is certified, by the calibration in force of each item."""
    link, file = CertificateCalibration, CertificateFile
    rows = session.exec(
        select(link.calibration_id, file.content)
        .join(ItemDue, col(ItemDue.calibration_id) == link.calibration_id)
        .join(Certificate, col(Certificate.id) == link.certificate_id)
        .join(file, col(file.certificate_id) == link.certificate_id)
        .where(file.form == "json")
        .order_by(col(Certificate.issued_at))
        .execution_options(yield_per=FILES_AT_ONCE)
    )
    stated = ((id_, json.loads(content)["item"]["accuracy_text"]) for id_, content in rows)
    return {id_: text for id_, text in stated if text}


def imports(
    session: TenantSession, *, limit: int, before: UUID | None = None
) -> Sequence[LedgerImport]:
    """Return so many ledgers handed in before the one of an id, the newest first, without files."""
    id_ = col(LedgerImport.id)
    large = [defer(getattr(LedgerImport, name)) for name in ("content", "answers", "changes")]
    rows = select(LedgerImport).options(*large).order_by(id_.desc()).limit(limit)
    return session.exec(rows if before is None else rows.where(id_ < before)).all()


def pulls(session: TenantSession) -> list[LedgerPull]:
    """Return the ledgers elsewhere that are read on a schedule, the oldest first."""
    return list(
        session.exec(
            select(LedgerPull)
            .where(col(LedgerPull.ended_at).is_(None))
            .order_by(col(LedgerPull.created_at))
        )
    )
