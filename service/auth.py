"""Who is asking, and the session in whose book they act.

Log-ins come later: until then only a demonstration, on loopback, acts for somebody, as a person
that it names on every page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import Engine

from service.clock import Now
from service.errors import NotAuthenticated, ReauthenticationRequired
from service.settings import Settings
from service.store import people as people_store
from service.tenancy import TenantSession

ACTING_COOKIE = "acting"
FRESH = timedelta(seconds=300)  # how old the proof of identity behind a signature may be


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody acting for an organization.

    Attributes:
        organization_id: in whose book.
        person_id: as whom.
        authenticated_at: the last proof of identity; None for a machine, which never signs. In the
            demonstration the moment of the request, for nobody there has a password.
    """

    organization_id: UUID
    person_id: UUID
    authenticated_at: datetime | None = None


def actor_of(request: Request) -> Actor | None:
    """Return for whom a request acts; None if it acts for nobody."""
    settings: Settings = request.app.state.settings
    if settings.demonstration_person is None or settings.demonstration_organization is None:
        return None
    now: datetime = request.app.state.clock()
    default = Actor(settings.demonstration_organization, settings.demonstration_person, now)
    return _chosen(request, now) or default


def _chosen(request: Request, now: datetime) -> Actor | None:
    """Return the person of the demonstration that the visitor chose, if there is such a one."""
    try:
        organization_id, person_id = map(UUID, request.cookies[ACTING_COOKIE].split("."))
    except (KeyError, ValueError):
        return None
    with TenantSession(request.app.state.engine, organization_id, read_only=True) as session:
        known = people_store.get(session, person_id)
    return Actor(organization_id, person_id, now) if known else None


def _acting(request: Request) -> Actor:
    actor = actor_of(request)
    if actor is None:
        raise NotAuthenticated("log-ins are not built yet: only the demonstration shows a book")
    return actor


Acting = Annotated[Actor, Depends(_acting)]


def _reauthenticated(actor: Acting, now: Now) -> Actor:
    """Return the actor if the proof of identity is fresh, as a signature needs it (11.200)."""
    if actor.authenticated_at is None:
        raise ReauthenticationRequired("a machine does not sign: log in as a person")
    if now - actor.authenticated_at > FRESH:
        raise ReauthenticationRequired(
            f"prove your identity again: the last proof is older than {FRESH.total_seconds():.0f} s"
        )
    return actor


Reauthenticated = Annotated[Actor, Depends(_reauthenticated)]


def _reading(request: Request, actor: Acting) -> Iterator[TenantSession]:
    with TenantSession(request.app.state.engine, actor.organization_id, read_only=True) as session:
        yield session


def _transaction(request: Request, actor: Acting) -> Iterator[TenantSession]:
    """Yield the request's session; commit before the response is sent, or roll back."""
    engine: Engine = request.app.state.engine
    with TenantSession(engine, actor.organization_id) as session, session.begin():
        yield session


Reading = Annotated[TenantSession, Depends(_reading, scope="function")]
Transaction = Annotated[TenantSession, Depends(_transaction, scope="function")]
