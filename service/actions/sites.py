"""Entering sites and changing them; none is deleted, one that is no more has its last day."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from service import audit
from service.errors import InvalidField
from service.places import PLACES
from service.store import sites as store
from service.tables.sites import Site
from service.tenancy import TenantSession

UNIQUE = ("code", "name_zh")


def add(session: TenantSession, *, actor_id: UUID, now: datetime, **facts: Any) -> Site:
    """Enter a site.

    Args:
        facts: the columns of `Site`.

    Raises:
        InvalidField: it has no code or name, or another site's.
    """
    session.lock_book()
    site = Site(organization_id=session.organization_id, recorded_at=now, **_plain(facts))
    _require_admissible(session, site)
    session.add(site)
    session.flush()
    said = {"code": site.code, "name_zh": site.name_zh}
    audit.record(session, "site.entered", site.id, actor_id=actor_id, now=now, said=said)
    return site


def change(
    session: TenantSession,
    site_id: UUID,
    facts: Mapping[str, Any],
    *,
    actor_id: UUID,
    now: datetime,
) -> Site:
    """Change facts of a site, its last day among them; the audit log keeps what they were.

    Raises:
        NotFound: the book has no such site.
        InvalidField: it would have no code or name, or another site's, or an end without a reason.
    """
    session.lock_book()
    site = store.get(session, site_id)
    changed = {name: value for name, value in _plain(facts).items() if getattr(site, name) != value}
    if not changed:
        return site
    said = {name: f"{getattr(site, name)} → {value}" for name, value in changed.items()}
    _require_admissible(session, site.model_copy(update=changed))
    site.sqlmodel_update({**changed, "changed_at": now})
    session.flush()
    audit.record(session, "site.changed", site.id, actor_id=actor_id, now=now, said=said)
    return site


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as they are kept: no space around a text, no reason without an end."""
    told = {name: value.strip() if isinstance(value, str) else value
            for name, value in facts.items()}  # fmt: skip
    if "ended_on" in told and told["ended_on"] is None:
        told["ended_because"] = None
    return told


def _require_admissible(session: TenantSession, site: Site) -> None:
    for name in UNIQUE:
        if not getattr(site, name):
            raise InvalidField(f"/{name}", "is missing")
    if PLACES in site.name_zh:
        raise InvalidField("/name_zh", "is a place within a place: name the inner one")
    if site.ended_on is None and site.ended_because:
        raise InvalidField("/ended_on", "is missing")
    if site.ended_on is not None and not site.ended_because:
        raise InvalidField("/ended_because", "is missing")
    for name in UNIQUE:
        other = select(Site.id).where(
            col(getattr(Site, name)) == getattr(site, name), col(Site.id) != site.id
        )
        if session.exec(other).first() is not None:
            raise InvalidField(f"/{name}", "another site has it")
