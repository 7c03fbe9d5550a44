"""Reading the certificates of one book as a list: of which item, and where each stands on a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from certificates.revisions import DUE_SOON_DAYS, Standing, standing_on
from service.clock import LEGAL_TIME, day_of
from service.tables.calibrations import Calibration
from service.tables.certificates import Certificate, CertificateCalibration, CertificateStatus
from service.tables.items import Item
from service.tenancy import TenantSession

STANDINGS = (
    Standing.VALID,
    Standing.DUE_SOON,
    Standing.EXPIRED,
    Standing.AMENDED,
    Standing.WITHDRAWN,
    Standing.VOIDED,
)
DUE_SOON = timedelta(days=DUE_SOON_DAYS)
ENDED = {Standing.AMENDED, Standing.WITHDRAWN, Standing.VOIDED}  # said of it, whatever the day


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which certificates are asked for, in which order; what is empty or None does not count.

    Attributes:
        text: in the certificate's number, the item's names, serial and asset number.
        is_own: issued by the book's organization, or received by it.
        first, last: the days of issue, both included.
        sort: issued, number, item_zh, item_en or until.
    """

    text: str = ""
    kind: str = ""
    standing: Standing | None = None
    is_own: bool | None = None
    first: date | None = None
    last: date | None = None
    sort: str = "issued"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """A certificate, one calibration it tells of and its item; `became` is what was said last."""

    certificate: Certificate
    calibration: Calibration
    item: Item
    became: str

    def standing(self, on: date) -> Standing:
        """Return where the certificate stands on a day."""
        if self.became in ENDED:
            return Standing(self.became)
        issued_on = day_of(self.certificate.issued_at)
        return standing_on(
            on, issued_on=issued_on, valid_until=self.calibration.valid_until
        ).standing


def listed(
    session: TenantSession, asked: Asked, *, on: date, limit: int | None = None, offset: int = 0
) -> list[Listed]:
    """Return certificates of the book, one row an item, where each stands on a day."""
    columns = select_columns(Certificate, Calibration, Item, col(CertificateStatus.status))
    statement = _joined(columns, asked, on).order_by(*_order(asked))
    if limit is not None:
        statement = statement.limit(limit).offset(offset)
    return [Listed(*row) for row in session.execute(statement)]


def count(session: TenantSession, asked: Asked, *, on: date) -> int:
    """Return how many rows are asked for."""
    statement = _joined(select_columns(func.count(col(Certificate.id))), asked, on)
    return int(session.execute(statement).scalar_one())


def _joined(
    statement: Select[*tuple[Any, ...]], asked: Asked, on: date
) -> Select[*tuple[Any, ...]]:
    said, link = CertificateStatus, CertificateCalibration
    newest = (
        select(said.certificate_id, func.max(said.recorded_at).label("recorded_at"))
        .group_by(col(said.certificate_id))
        .subquery()
    )
    statement = (
        statement.select_from(Certificate)
        .join(link, col(link.certificate_id) == Certificate.id)
        .join(Calibration, col(Calibration.id) == link.calibration_id)
        .join(Item, col(Item.id) == Calibration.item_id)
        .join(newest, newest.c.certificate_id == Certificate.id)
        .join(
            said,
            (col(said.certificate_id) == newest.c.certificate_id)
            & (col(said.recorded_at) == newest.c.recorded_at),
        )
    )
    return statement.where(*_conditions(asked, on))


def _conditions(asked: Asked, on: date) -> Iterator[ColumnElement[bool]]:
    if asked.text:
        searched = (Certificate.number, Item.name_zh, Item.name_en, Item.serial_number,
                    Item.asset_number)  # fmt: skip
        text = asked.text.lower()
        yield or_(*(func.lower(col(name)).contains(text, autoescape=True) for name in searched))
    if asked.kind:
        yield col(Certificate.kind) == asked.kind
    if asked.is_own is not None:
        issuer, own = col(Certificate.issuer_id), col(Certificate.organization_id)
        yield issuer == own if asked.is_own else issuer != own
    if asked.first:
        yield col(Certificate.issued_at) >= _midnight(asked.first)
    if asked.last:
        yield col(Certificate.issued_at) < _midnight(asked.last + timedelta(days=1))
    if asked.standing:
        yield from _stands(asked.standing, on)


def _stands(standing: Standing, on: date) -> Iterator[ColumnElement[bool]]:
    said, until = col(CertificateStatus.status), col(Calibration.valid_until)
    if standing in ENDED:
        yield said == standing.value
        return
    yield said.not_in([ended.value for ended in ENDED])
    if standing is Standing.VALID:
        yield or_(until.is_(None), until > on + DUE_SOON)
    elif standing is Standing.DUE_SOON:
        yield until.between(on, on + DUE_SOON)
    else:
        yield until < on


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=LEGAL_TIME)


def _order(asked: Asked) -> Iterator[ColumnElement[Any]]:
    """Yield what is sorted by; what has no end counts as the latest."""
    until = col(Calibration.valid_until)
    keys: dict[str, list[Any]] = {
        "issued": [col(Certificate.issued_at)],
        "number": [],
        "item_zh": [col(Item.name_zh)],
        "item_en": [col(Item.name_en)],
        "until": [until.is_(None), until],
    }
    for key in (*keys[asked.sort], col(Certificate.number), col(Item.serial_number)):
        yield key.desc() if asked.descending else key.asc()
