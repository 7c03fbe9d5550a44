"""Who is asking, and the session in whose book they act.

A key in `Authorization: Bearer` is a machine; a cookie is a person's log-in; and a demonstration,
on loopback, acts for a person whom it names on every page until somebody logs in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from sqlalchemy import Engine

from service import idempotency, permissions
from service.actions import accounts, certificates, keys
from service.actions.accounts import LoggedIn, digest_of
from service.clock import Now
from service.errors import NotAuthenticated, NotPermitted
from service.settings import Settings
from service.store import accounts as account_store
from service.store import people as people_store
from service.tables.accounts import LoginSession
from service.tables.people import ApiKey
from service.tenancy import LogInSession, TenantSession

ACTING_COOKIE = "acting"
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)  # how long a log-in lasts
MINUTE = timedelta(minutes=1)
UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody acting for an organization.

    Attributes:
        organization_id: in whose book.
        person_id: as whom; a key acts in the name of the person who answers for it.
        authenticated_at: the last proof of identity; None for a machine, which never signs. In the
            demonstration the moment of the request, for nobody there has a password.
        role: of `permissions.ROLES`.
        allowed: what the actor may do, as `permissions.needed` says it.
        second_factor: whether the last proof had one.
        login_id: of a person's log-in; None for a key and in the demonstration.
        key_id: of a machine's key.
    """

    organization_id: UUID
    person_id: UUID
    authenticated_at: datetime | None = None
    role: str = "viewer"
    allowed: frozenset[str] = field(default=frozenset({permissions.READ}), repr=False)
    second_factor: bool = False
    login_id: UUID | None = None
    key_id: UUID | None = None

    def require(self, permission: str) -> None:
        """Refuse what the role or the key does not cover.

        Raises:
            NotPermitted: with what was needed.
        """
        if permission not in self.allowed:
            raise NotPermitted(
                f"the {'key' if self.key_id else 'role'} does not cover {permission}"
            )
        changes = permission != permissions.READ and self.key_id is None
        if self.role in permissions.NEEDS_SECOND_FACTOR and not self.second_factor and changes:
            raise NotPermitted(
                f"a person of role {self.role} needs a second factor: set one up on the page of "
                "the account"
            )


def actor_of(request: Request) -> Actor | None:
    """Return for whom a request acts; None if it acts for nobody.

    Raises:
        NotAuthenticated: it carries a key that does not hold.
    """
    known: Any = getattr(request.state, "actor", UNKNOWN)
    if known is UNKNOWN:
        request.state.actor = None  # for the page that tells of a refusal
        known = request.state.actor = _find_actor(request)
    actor: Actor | None = known
    return actor


def _find_actor(request: Request) -> Actor | None:
    now: datetime = request.app.state.clock()
    if "authorization" in request.headers:
        return _machine(request, now)
    return _person(request, now) or _demonstrator(request, now)


# --- Machines ------------------------------------------------------------------------------------


def _machine(request: Request, now: datetime) -> Actor:
    scheme, _, text = request.headers["authorization"].partition(" ")
    named = keys.read(text.strip()) if scheme.casefold() == "bearer" else None
    if named is None:
        raise NotAuthenticated("no key of ours: `Authorization: Bearer suyuan_…`")
    organization_id, key_id, secret = named
    engine: Engine = request.app.state.engine
    pepper = request.app.state.keys.derived("API keys")
    with TenantSession(engine, organization_id, read_only=True) as session:
        row = people_store.api_key(session, key_id)
        if row is None or not keys.is_right(row, secret, pepper=pepper, now=now):
            raise NotAuthenticated("the key is unknown, revoked or expired")
        person = people_store.get(session, row.person_id)
        role = people_store.role_of(session, person) if person else None
    if role is None:
        raise NotAuthenticated("the person who answers for the key has left")
    if row.used_at is None or now - row.used_at > keys.HOUR:
        _note_use(engine, row, now)
    allowed = permissions.of_key(role, row.scopes)
    return Actor(organization_id, row.person_id, role=role, allowed=allowed, key_id=row.id)


def _note_use(engine: Engine, row: ApiKey, now: datetime) -> None:
    with TenantSession(engine, row.organization_id) as session, session.begin():
        keys.note_use(session, row.id, now=now)


# --- People --------------------------------------------------------------------------------------


def cookie_name(request: Request) -> str:
    """Return the name of a log-in's cookie: bound to this host wherever the service is reached.

    Browsers keep `__Host-` to HTTPS; on loopback, over plain HTTP, the name is plain.
    """
    return "__Host-suyuan" if _is_secure(request) else "suyuan"


def remember(request: Request, response: Response, started: LoggedIn) -> None:
    """Put a log-in's token into the browser's cookie."""
    response.set_cookie(
        cookie_name(request),
        started.token,
        max_age=int(ABSOLUTE.total_seconds()),
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
        path="/",
    )


def forget(request: Request, response: Response) -> None:
    """Take a log-in's cookie out of the browser."""
    response.delete_cookie(
        cookie_name(request), secure=_is_secure(request), httponly=True, samesite="lax", path="/"
    )


def _is_secure(request: Request) -> bool:
    settings: Settings = request.app.state.settings
    return settings.public_url.startswith("https://")


def _person(request: Request, now: datetime) -> Actor | None:
    token = request.cookies.get(cookie_name(request))
    if not token:
        return None
    engine: Engine = request.app.state.engine
    with LogInSession(engine, read_only=True) as logins:
        login = account_store.login(logins, digest_of(token))
    if login is None or not _lasts(login, now):
        return None
    with TenantSession(engine, login.organization_id, read_only=True) as session:
        person = people_store.get(session, login.person_id)
        role = people_store.role_of(session, person) if person else None
    if role is None:
        return None
    if now - login.seen_at >= MINUTE:
        with LogInSession(engine) as logins, logins.begin():
            accounts.touch(logins, login.id, now=now)
    return Actor(
        login.organization_id,
        login.person_id,
        authenticated_at=login.authenticated_at,
        role=role,
        allowed=permissions.of_role(role),
        second_factor=login.second_factor,
        login_id=login.id,
    )


def _lasts(login: LoginSession, now: datetime) -> bool:
    return (
        login.ended_at is None and now - login.seen_at < IDLE and now - login.started_at < ABSOLUTE
    )


# --- The demonstration ---------------------------------------------------------------------------


def _demonstrator(request: Request, now: datetime) -> Actor | None:
    """Return the person of the demonstration whom the visitor chose, or the one it begins with."""
    settings: Settings = request.app.state.settings
    if settings.demonstration_person is None or settings.demonstration_organization is None:
        return None
    chosen = _chosen(request)
    if chosen is not None:
        found = _of_demonstration(request.app.state.engine, *chosen, now)
        if found is not None:
            return found
    begins_with = settings.demonstration_organization, settings.demonstration_person
    return _of_demonstration(request.app.state.engine, *begins_with, now)


def _of_demonstration(
    engine: Engine, organization_id: UUID, person_id: UUID, now: datetime
) -> Actor | None:
    with TenantSession(engine, organization_id, read_only=True) as session:
        person = people_store.get(session, person_id)
        role = people_store.role_of(session, person) if person else None
    if role is None:
        return None
    allowed = permissions.of_role(role)
    return Actor(organization_id, person_id, now, role, allowed, second_factor=True)


def _chosen(request: Request) -> tuple[UUID, UUID] | None:
    try:
        organization_id, person_id = map(UUID, request.cookies[ACTING_COOKIE].split("."))
    except (KeyError, ValueError):
        return None
    return organization_id, person_id


# --- What a route asks for -----------------------------------------------------------------------


def acting(request: Request) -> Actor:
    """Return the actor, who may do what the route's resource needs."""
    actor = actor_of(request)
    if actor is None:
        raise NotAuthenticated("log in, or send a key: `Authorization: Bearer suyuan_…`")
    actor.require(permissions.needed(request.method, resource_of(request.scope["route"])))
    return actor


def resource_of(route: Any) -> str:
    """Return what a route is about: its first tag, or of a page the first segment."""
    tags = getattr(route, "tags", None)
    return str(tags[0]) if tags else str(route.path).strip("/").split("/", maxsplit=1)[0]


Acting = Annotated[Actor, Depends(acting)]


def _reauthenticated(actor: Acting, now: Now) -> Actor:
    """Return the actor if the proof of identity is fresh, as a signature needs it."""
    certificates.require_fresh(actor.authenticated_at, now=now)
    return actor


Reauthenticated = Annotated[Actor, Depends(_reauthenticated)]


def _reading(request: Request, actor: Acting) -> Iterator[TenantSession]:
    with TenantSession(request.app.state.engine, actor.organization_id, read_only=True) as session:
        yield session


def own_book(request: Request) -> TenantSession:
    """Return a session that reads the actor's book, where a route asks for it only sometimes."""
    engine: Engine = request.app.state.engine
    return TenantSession(engine, acting(request).organization_id, read_only=True)


def _transaction(request: Request, actor: Acting) -> Iterator[TenantSession]:
    """Yield the request's session; commit before the response is sent, or roll back."""
    engine: Engine = request.app.state.engine
    with TenantSession(engine, actor.organization_id) as session, session.begin():
        idempotency.begin(session, request)
        yield session


def _logging_in(request: Request) -> Iterator[LogInSession]:
    """Yield a transaction of the log-in, begun when it is known who asks."""
    actor_of(request)
    with LogInSession(request.app.state.engine) as session, session.begin():
        yield session


Reading = Annotated[TenantSession, Depends(_reading, scope="function")]
Transaction = Annotated[TenantSession, Depends(_transaction, scope="function")]
LoggingIn = Annotated[LogInSession, Depends(_logging_in, scope="function")]
