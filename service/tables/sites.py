"""Sites: the places of an organization that have a name, an address and items."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from service.tables.base import TenantRow, UtcDateTime


class Site(TenantRow, table=True):
    """A plant, a laboratory, a station: where items stand and people travel to.

    An item stands at the innermost of its places that is the name of a site. A site is changed as
    an item is, and never deleted: one that is no more has its last day, and the reason.

    Attributes:
        name_zh: as the ledger writes the place.
        name_en, address_zh, address_en, contact: "" where nobody told.
        ended_on: the last day on which it is a site; None while nobody said one.
        changed_at: when a fact of it last changed; None if none did since it was recorded.
    """

    __tablename__ = "site"
    __table_args__ = (
        UniqueConstraint("organization_id", "code"),
        UniqueConstraint("organization_id", "name_zh"),
        CheckConstraint("code <> '' AND name_zh <> ''", name="named"),
        CheckConstraint("(ended_on IS NULL) = (ended_because IS NULL)", name="ended_whole"),
    )

    code: str
    name_zh: str
    name_en: str = ""
    address_zh: str = ""
    address_en: str = ""
    contact: str = ""
    ended_on: date | None = None
    ended_because: str | None = None
    is_demonstration: bool = False
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
