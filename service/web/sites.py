"""The page of the sites: what stands at each, entered, changed and ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from certificates.seal import digest
from service import permissions
from service.actions import sites as actions
from service.auth import Acting, Actor, Reading, Transaction
from service.clock import Now, Today
from service.errors import InvalidField
from service.places import PLACES
from service.sites import standings
from service.store import due as due_store
from service.store import sites as store
from service.tables.sites import Site
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.reasons import Told, told_problem
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=500)]
TEXTS = ("code", "name_zh", "name_en", "address_zh", "address_en", "contact")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """A site; `items` and `overdue` are None of one that is no more."""

    site_id: UUID
    code: str
    name: Bilingual
    address: Bilingual
    contact: str
    is_demonstration: bool
    ended_on: date | None
    ended_because: str
    items: int | None = None
    overdue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesPage:
    """The sites that there are, and those that are no more.

    Attributes:
        elsewhere: how many of the own items stand at no site.
        places: of the ledger, of which one may be a site.
        changing: the site in the form; None for a new one.
        typed: what stands in the form, so that nothing is lost by a refusal.
        wrong: the name of the field that was refused, and why.
    """

    rows: tuple[SiteRow, ...]
    ended: tuple[SiteRow, ...]
    elsewhere: int
    places: tuple[str, ...]
    may_change: bool
    changing: SiteRow | None
    typed: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[str, Told] | None = None


TEMPLATES[SitesPage] = "sites.html"


@router.get(addresses.SITES_ROUTE)
def show_sites(
    request: Request, session: Reading, actor: Acting, today: Today, change: UUID | None = None
) -> HTMLResponse:
    """Show the sites, one of them in the form to be changed."""
    site = store.get(session, change) if change else None
    return _page(request, session, actor, today, site=site, typed=_written(site) if site else {})


@router.post(addresses.SITES_ROUTE)
def add_site(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    today: Today,
    *,
    code: Text = "",
    name_zh: Text = "",
    name_en: Text = "",
    address_zh: Text = "",
    address_en: Text = "",
    contact: Text = "",
) -> Response:
    """Enter a site."""
    typed = {
        "code": code, "name_zh": name_zh, "name_en": name_en, "address_zh": address_zh,
        "address_en": address_en, "contact": contact,
    }  # fmt: skip
    try:
        actions.add(session, **typed, actor_id=actor.person_id, now=now)
    except InvalidField as error:
        return _page(request, session, actor, today, typed=typed, error=error)
    return RedirectResponse(addresses.SITES_ROUTE, 303)


@router.post(addresses.SITE_ROUTE)
def change_site(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    today: Today,
    site_id: UUID,
    *,
    version: Text = "",
    code: Text = "",
    name_zh: Text = "",
    name_en: Text = "",
    address_zh: Text = "",
    address_en: Text = "",
    contact: Text = "",
    ended_on: Text = "",
    ended_because: Text = "",
) -> Response:
    """Change a site that is still as it was shown."""
    site = store.get(session, site_id)
    typed = {
        "code": code, "name_zh": name_zh, "name_en": name_en, "address_zh": address_zh,
        "address_en": address_en, "contact": contact, "ended_on": ended_on,
        "ended_because": ended_because, "version": version_of(site),
    }  # fmt: skip
    try:
        _require_newest(site, version)
        actions.change(session, site_id, _read(typed), actor_id=actor.person_id, now=now)
    except InvalidField as error:
        return _page(request, session, actor, today, site=site, typed=typed, error=error)
    return RedirectResponse(addresses.SITES_ROUTE, 303)


def _require_newest(site: Site, version: str) -> None:
    if version != version_of(site):
        raise InvalidField("/version", "somebody changed it meanwhile")


def version_of(site: Site) -> str:
    """Return which state of a site a form was filled with."""
    return digest(site.model_dump(mode="json"))


def _written(site: Site) -> dict[str, str]:
    """Return a site as the form has it."""
    return {
        **{name: getattr(site, name) for name in TEXTS},
        "ended_on": site.ended_on.isoformat() if site.ended_on else "",
        "ended_because": site.ended_because or "",
        "version": version_of(site),
    }


def _read(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts that were typed.

    Raises:
        InvalidField: the last day is none, or there is a reason without one.
    """
    last, reason = typed["ended_on"].strip(), typed["ended_because"].strip()
    if reason and not last:
        raise InvalidField("/ended_on", "is missing")
    try:
        ended_on = date.fromisoformat(last) if last else None
    except ValueError as error:
        raise InvalidField("/ended_on", f"{last!r} is no day") from error
    return {
        **{name: typed[name] for name in TEXTS},
        "ended_on": ended_on,
        "ended_because": reason or None,
    }


def _page(
    request: Request,
    session: TenantSession,
    actor: Actor,
    today: date,
    *,
    site: Site | None = None,
    typed: Mapping[str, str],
    error: InvalidField | None = None,
) -> HTMLResponse:
    *found, elsewhere = standings(session, on=today)
    rows = tuple(_row(one.site, one.items, one.overdue) for one in found if one.site)
    here = {row.site_id for row in rows}
    page = SitesPage(
        rows=rows,
        ended=tuple(_row(one) for one in store.by_code(session) if one.id not in here),
        elsewhere=elsewhere.items,
        places=tuple(_parts(session)),
        may_change=permissions.needed("POST", "sites") in actor.allowed,
        changing=_row(site) if site else None,
        typed=typed,
        wrong=(error.pointer.removeprefix("/"), told_problem(error.reason)) if error else None,
    )
    return render_page(request, page, status=422 if error else 200)


def _parts(session: TenantSession) -> list[str]:
    """Return the outer parts of the places of the own items: what may well be a site."""
    return sorted({part for area in due_store.areas(session) for part in area.split(PLACES)})


def _row(site: Site, items: int | None = None, overdue: int | None = None) -> SiteRow:
    return SiteRow(
        site_id=site.id,
        code=site.code,
        name=name_of(site),
        address=address_of(site),
        contact=site.contact,
        is_demonstration=site.is_demonstration,
        ended_on=site.ended_on,
        ended_because=site.ended_because or "",
        items=items,
        overdue=overdue,
    )


def name_of(site: Site) -> Bilingual:
    """Return the name of a site; what nobody told in English is as the ledger writes it."""
    return Bilingual(zh=site.name_zh, en=site.name_en or site.name_zh)


def address_of(site: Site) -> Bilingual:
    """Return the address of a site; either language stands in for the other."""
    return Bilingual(zh=site.address_zh or site.address_en, en=site.address_en or site.address_zh)


def site_choices(session: TenantSession, *, on: date) -> Iterator[tuple[str, Bilingual]]:
    """Yield the sites between which a filter lets choose."""
    for site in store.by_name(session, on=on).values():
        yield str(site.id), name_of(site)
