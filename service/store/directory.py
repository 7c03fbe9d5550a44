"""The public directory of certificates, read by anyone who knows a number or a serial number.

These reads belong to no organization: they go past the tenant's session, in Core text, over the
one table that is public, and are on the reviewed list of `tests/service/test_core_reads.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Uuid, text

from certificates.log import LoggedEvent
from certificates.revisions import Change, StandingOn, standing_on
from service.clock import day_of

TOLD = (
    "certificate_id", "issuer_id", "issuer_zh", "issuer_en", "number", "kind", "status",
    "issued_on", "valid_until", "item_name_zh", "item_name_en", "manufacturer_zh",
    "manufacturer_en", "type_designation", "content_sha256", "is_demonstration", "recorded_at",
    "replaced_by",
)  # fmt: skip
SUMMARY = (
    "number", "kind", "status", "issued_on", "valid_until", "issuer_zh", "issuer_en",
    "item_name_zh", "item_name_en", "manufacturer_zh", "manufacturer_en", "type_designation",
    "content_sha256", "is_demonstration",
)  # fmt: skip
OF_SUMMARY = itemgetter(*map(TOLD.index, SUMMARY))
FOUND = """
    SELECT e.certificate_id, e.issuer_id, o.name_zh AS issuer_zh, o.name_en AS issuer_en,
        e.number, e.kind, e.status, e.issued_on, e.valid_until, e.item_name_zh, e.item_name_en,
        e.manufacturer_zh, e.manufacturer_en, e.type_designation, e.content_sha256,
        e.is_demonstration, e.recorded_at, e.replaced_by
    FROM certificate_entry e JOIN organization o ON o.id = e.issuer_id
    WHERE e.lookup_key = :lookup_key
    ORDER BY e.issued_on DESC, e.number DESC, e.certificate_id, e.recorded_at
"""
FOUND_ON_POSTGRESQL = FOUND.replace(":lookup_key", "%(lookup_key)s")
OF_SQLITE: dict[str, Callable[[Any], Any]] = {  # which keeps ids, days and moments as text
    "certificate_id": UUID,
    "issuer_id": UUID,
    "issued_on": date.fromisoformat,
    "valid_until": lambda text_: date.fromisoformat(text_) if text_ else None,
    "recorded_at": lambda text_: datetime.fromisoformat(text_).replace(tzinfo=UTC),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the directory tells of a certificate, as its newest status has it.

    `changes` are what became of it since it was issued, in their order.
    """

    certificate_id: UUID
    issuer_id: UUID
    issuer_zh: str
    issuer_en: str
    number: str
    kind: str
    status: str
    issued_on: date
    valid_until: date | None
    item_name_zh: str
    item_name_en: str
    manufacturer_zh: str
    manufacturer_en: str
    type_designation: str
    content_sha256: str
    is_demonstration: bool
    changes: tuple[Change, ...] = ()

    def standing(self, on: date) -> StandingOn:
        """Return where the certificate stands on a day."""
        return standing_on(
            on, issued_on=self.issued_on, valid_until=self.valid_until, changes=self.changes
        )


def find(engine: Engine, lookup_key: str) -> Sequence[Entry]:
    """Return the certificates under a look-up key, the newest first: none, one or many."""
    rows = [dict(zip(TOLD, row, strict=True)) for row in _told(engine, lookup_key)]
    if engine.dialect.name == "sqlite":
        rows = [row | {name: read(row[name]) for name, read in OF_SQLITE.items()} for row in rows]
    return [_entry(list(told)) for _, told in groupby(rows, lambda row: row["certificate_id"])]


def summaries(engine: Engine, lookup_key: str) -> list[dict[str, Any]]:
    """Return what `find` does of each certificate as JSON has it."""
    newest = {row[0]: row for row in _told(engine, lookup_key)}  # of each, what was told last
    told = [dict(zip(SUMMARY, OF_SUMMARY(row), strict=True)) for row in newest.values()]
    for row in told:
        row["is_demonstration"] = bool(row["is_demonstration"])
    return told


def _told(engine: Engine, lookup_key: str) -> Sequence[Sequence[Any]]:
    """Return all that was told under a key, by the driver alone: anyone asks this, most often.

    On SQLite it takes a hundredth of a millisecond; on PostgreSQL one round trip, prepared, in no
    transaction that would be begun and ended around it.
    """
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    asked = {"lookup_key": lookup_key}
    try:
        if engine.dialect.name == "sqlite":
            rows: list[tuple[Any, ...]] = driver.execute(FOUND, asked).fetchall()
            return rows
        driver.autocommit = True
        rows = driver.execute(FOUND_ON_POSTGRESQL, asked, prepare=True).fetchall()
        driver.autocommit = False
    except BaseException:
        connection.invalidate()  # or a transaction of somebody's would commit by itself
        raise
    finally:
        connection.close()
    return rows


def _entry(told: Sequence[Any]) -> Entry:
    """Return an entry from all that was told of one certificate, in order."""
    newest = {name: told[-1][name] for name in Entry.__dataclass_fields__ if name != "changes"}
    return Entry(
        **newest | {"is_demonstration": bool(newest["is_demonstration"])},
        changes=tuple(
            Change(
                became=LoggedEvent(row["status"]),
                on=day_of(row["recorded_at"]),
                replaced_by=row["replaced_by"],
            )
            for row in told
            if row["status"] != LoggedEvent.ISSUED
        ),
    )


def organization_codes(engine: Engine) -> dict[str, UUID]:
    """Return the ids of all organizations by their codes; both are known to all."""
    statement = text("SELECT code, id FROM organization ORDER BY code").columns(id=Uuid)
    with engine.connect().execution_options(read_only=True) as connection:
        return {row.code: row.id for row in connection.execute(statement)}


def organization_ids(engine: Engine) -> Sequence[UUID]:
    """Return the ids of all organizations, by code; their names are known to all."""
    statement = text("SELECT id FROM organization ORDER BY code").columns(id=Uuid)
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.scalars(statement).all()


def organization_id(engine: Engine, code: str) -> UUID | None:
    """Return the id of the organization of a code; None if there is none."""
    statement = text("SELECT id FROM organization WHERE code = :code").columns(id=Uuid)
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.scalars(statement, {"code": code}).one_or_none()
