"""Reading what the due dates of a whole book depend on, in columns; ids as 32 hex digits."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

import polars as pl
from sqlmodel import select

from service.clock import LEGAL_TIME
from service.places import PLACES
from service.tables.calibrations import Calibration, CalibrationSupersession
from service.tables.calibrations import ConformityStatementRecord as Statement
from service.tables.items import Item
from service.tenancy import TenantSession
from traceability.graph import MAIN_TRACK

TOLD: Final = ("name_zh", "name_en", "asset_number", "serial_number", "type_designation", "area")


def items(session: TenantSession, item_ids: Collection[UUID] | None) -> pl.DataFrame:
    """Return the own items, or some of them: what is kept of each, and what its periods depend on.

    `known_since` is the day it came into the ledger, `words` what it is found by.
    """
    asked = [name for name in TOLD if name != "area"] + [
        "id", "location", "procedure_code", "energy_level", "period_months", "is_mandatory",
        "status", "recorded_at", "customer_id",
    ]  # fmt: skip
    found = session.columns(Item, asked).filter(pl.col("customer_id").is_null())
    if item_ids is not None:
        found = found.filter(pl.col("id").is_in({item_id.hex for item_id in item_ids}))
    offset = LEGAL_TIME.utcoffset(None)
    return found.with_columns(
        pl.col("location").str.json_decode(pl.List(pl.String)).list.join(PLACES).alias("area"),
        (pl.col("recorded_at") + offset).dt.date().alias("known_since"),
    ).with_columns(_words())


def _words() -> pl.Expr:
    told = (pl.col(name).fill_null("") for name in TOLD)
    return pl.concat_str(*told, separator="\n").str.to_lowercase().alias("words")


def newest_done(session: TenantSession) -> pl.DataFrame:
    """Return the newest calibration that stands of each item that has one.

    In columns: item_id, calibration_id, performed_on, certificate (what it says to be valid until),
    has_failed, and has_ever_failed of any that stands of the item.
    """
    names = ["id", "item_id", "performed_on", "valid_until", "track"]
    ended = session.columns(CalibrationSupersession, ["calibration_id"])
    failures = session.exec(select(Statement.calibration_id).where(Statement.verdict == "fail"))
    has_failed = pl.col("id").is_in([id_.hex for id_ in failures])
    return (
        session.columns(Calibration, names)
        .filter(pl.col("track") == MAIN_TRACK, pl.col("item_id").is_not_null())
        .join(ended, left_on="id", right_on="calibration_id", how="anti")
        .with_columns(has_failed.alias("has_failed"))
        .with_columns(pl.col("has_failed").any().over("item_id").alias("has_ever_failed"))
        .sort("performed_on", "id")
        .unique("item_id", keep="last")
        .rename({"id": "calibration_id", "valid_until": "certificate"})
        .drop("track")
    )
