"""The public directory of certificates, read by anyone who knows a number or a serial number.

These reads belong to no organization: they go past the tenant's session, in Core text, over the
one table that is public, and are on the reviewed list of `tests/service/test_core_reads.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Date, Engine, Uuid, text

FOUND = text("""
    SELECT e.certificate_id, e.issuer_id, o.name_zh AS issuer_zh, o.name_en AS issuer_en,
        e.number, e.kind, e.status, e.issued_on, e.valid_until, e.item_name_zh, e.item_name_en,
        e.manufacturer_zh, e.manufacturer_en, e.type_designation, e.content_sha256,
        e.is_demonstration
    FROM certificate_entry e JOIN organization o ON o.id = e.issuer_id
    WHERE e.lookup_key = :lookup_key AND e.recorded_at = (
        SELECT max(newer.recorded_at) FROM certificate_entry newer
        WHERE newer.lookup_key = e.lookup_key AND newer.certificate_id = e.certificate_id)
    ORDER BY e.issued_on DESC, e.number DESC
""").columns(certificate_id=Uuid, issuer_id=Uuid, issued_on=Date, valid_until=Date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the directory tells of a certificate, as its newest status has it."""

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


def find(engine: Engine, lookup_key: str) -> Sequence[Entry]:
    """Return the certificates under a look-up key, the newest first: none, one or many."""
    with engine.connect().execution_options(read_only=True) as connection:
        rows = connection.execute(FOUND, {"lookup_key": lookup_key}).mappings().all()
    return [Entry(**{**row, "is_demonstration": bool(row["is_demonstration"])}) for row in rows]


def organization_ids(engine: Engine) -> Sequence[UUID]:
    """Return the ids of all organizations, by code; their names are known to all."""
    statement = text("SELECT id FROM organization ORDER BY code").columns(id=Uuid)
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.scalars(statement).all()
