"""Log-in, account, people and roles: each route parses, calls one function, shows or goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

import segno
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from limits import RateLimitItemPerMinute

from service import federation, permissions, second_factor
from service.actions import accounts as actions
from service.actions import keys as key_actions
from service.actions.accounts import LoggedIn, Proof, digest_of
from service.auth import (
    Acting,
    Actor,
    LoggingIn,
    Reading,
    Reauthenticated,
    Transaction,
    actor_of,
    cookie_name,
    forget,
    remember,
)
from service.clock import LEGAL_TIME, Now
from service.errors import (
    InvalidField,
    NotAuthenticated,
    NotFound,
    TooManyRequests,
)
from service.federation import Pending, Provider, Purpose
from service.settings import Settings
from service.store import accounts as account_store
from service.store import organizations as organization_store
from service.store import people as store
from service.tables.accounts import LoginSession
from service.tables.people import ApiKey
from service.tenancy import LogInSession, TenantSession
from service.throttle import Throttle, site_of
from service.web import addresses
from service.web.frame import TEMPLATES, page_before, render_page
from service.web.loading import bilingual
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

TRIES = RateLimitItemPerMinute(10, 5)  # by account; and failures by address
PENDING_COOKIE = "suyuan-pending"
A_MONTH = timedelta(days=30)

Text = Annotated[str, Form(max_length=200)]
Act = Callable[[LogInSession], LoggedIn]
Change = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInPage:
    """The form of the log-in; `wrong` keys what was wrong the last time."""

    back: str
    name: str = ""
    wrong: str = ""
    seconds: int = 0
    federated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReauthenticatePage:
    """The form by which a person proves again who it is.

    Attributes:
        password: whether there is an account here with one.
        federated: whether the human is linked at the organization's identity provider.
    """

    back: str
    password: bool = True
    second_factor: bool = True
    federated: bool = False
    wrong: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationPage:
    """The form by which an invited person names the account.

    Attributes:
        qr: of the second factor proposed, as an address of a picture.
        key: the same to be typed.
        wrong: field of what was wrong the last time.
    """

    person: Bilingual
    organization: Bilingual
    role: str
    name: str
    code_required: bool
    qr: str
    key: str
    wrong: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInRow:
    """A log-in that nobody ended."""

    id: UUID
    device: str
    started_at: datetime
    seen_at: datetime
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key; `state` keys the words."""

    id: UUID
    name: str
    person: Bilingual
    scopes: Sequence[str]
    expires_at: datetime
    used_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """Who one is here, how one logs in, and the keys one answers for."""

    person: Bilingual
    role: str
    logged_in: bool
    name: str | None
    has_second_factor: bool
    needs_second_factor: bool
    qr: str
    key: str
    log_ins: Sequence[LogInRow]
    organizations: Sequence[tuple[UUID, Bilingual]]
    keys: Sequence[KeyRow]
    may_make_keys: bool
    may_read_books: bool
    scopes: Sequence[str]
    expires_on: date
    federated: bool
    wrong: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person of the organization; `role` None for one who has left."""

    id: UUID
    name: Bilingual
    role: str | None
    authorisations: Sequence[tuple[str, date, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    """Who is here and who may do what: roles across resources."""

    people: Sequence[PersonRow]
    roles: Sequence[str]
    resources: Sequence[str]
    may_change: frozenset[tuple[str, str]]
    may_manage: bool
    me: UUID
    wrong: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldOncePage:
    """A secret that is told this once: a key or the address of an invitation."""

    what: str
    text: str
    back: str


TEMPLATES[LogInPage] = "log_in.html"
TEMPLATES[ReauthenticatePage] = "reauthenticate.html"
TEMPLATES[InvitationPage] = "invitation.html"
TEMPLATES[AccountPage] = "account.html"
TEMPLATES[PeoplePage] = "people.html"
TEMPLATES[ToldOncePage] = "told_once.html"


# --- Log-in --------------------------------------------------------------------------------------


@router.get(addresses.LOG_IN_ROUTE)
def show_log_in(request: Request, back: str = addresses.HOME_ROUTE) -> HTMLResponse:
    """Show the form of the log-in."""
    federated = request.app.state.settings.oidc_issuer is not None
    return render_page(request, LogInPage(back=within(back), federated=federated))


@router.post(addresses.LOG_IN_ROUTE)
def log_in(
    request: Request,
    now: Now,
    name: Text,
    password: Text,
    code: Text = "",
    back: Annotated[str, Form(max_length=500)] = addresses.HOME_ROUTE,
) -> Response:
    """Log in by name and password, and a code where the account has a second factor."""
    page = LogInPage(
        back=within(back), name=name, federated=request.app.state.settings.oidc_issuer is not None
    )
    try:
        started = prove(
            request,
            name,
            lambda logins: actions.log_in(
                logins, name, _proof(request, password, code), device=_device(request), now=now
            ),
        )
    except NotAuthenticated:
        return render_page(request, replace(page, wrong="refused"), status=401)
    except TooManyRequests as error:
        page = replace(page, wrong="too many", seconds=error.retry_after)
        return render_page(request, page, status=429)
    return _go_on(request, started, page.back)


def prove(request: Request, name: str, act: Act) -> LoggedIn:
    """Let somebody prove who it is, so many times and no more, in a transaction of its own.

    Raises:
        TooManyRequests, NotAuthenticated: nothing is written then.
    """
    throttle: Throttle = request.app.state.throttle
    who, where = ("account", name.strip().casefold()[:100]), ("failures", site_of(request))
    throttle.require_left(TRIES, *where)
    throttle.admit(TRIES, *who)
    try:
        with LogInSession(request.app.state.engine) as logins, logins.begin():
            started = act(logins)
    except NotAuthenticated:
        throttle.count(TRIES, *where)
        raise
    throttle.forget(TRIES, *who)
    return started


@router.get(addresses.FEDERATED_LOG_IN_ROUTE)
def begin_federated_log_in(
    request: Request, link: bool = False, prove: bool = False, back: str = addresses.HOME_ROUTE
) -> RedirectResponse:
    """Go to the organization's identity provider: to log in, to link, or to prove who one is."""
    actor = actor_of(request)
    purpose = Purpose.LOG_IN
    if actor is not None and actor.login_id is not None and (link or prove):
        purpose = Purpose.LINK if link else Purpose.PROVE
    pending = Pending.begin(purpose, within(back))
    response = RedirectResponse(federation.address_of(_provider(request), pending), 303)
    response.set_cookie(
        PENDING_COOKIE, pending.as_text(), max_age=600, httponly=True, samesite="lax",
        secure=request.app.state.settings.public_url.startswith("https://"),
        path=addresses.FEDERATED_LOG_IN_ROUTE,
    )  # fmt: skip
    return response


@router.get(addresses.FEDERATED_LOG_IN_ROUTE + "/callback")
def finish_federated_log_in(
    request: Request, now: Now, code: str = "", state: str = ""
) -> RedirectResponse:
    """Come back from the identity provider: logged in, or with one's account there linked."""
    pending = Pending.read(request.cookies.get(PENDING_COOKIE, ""))
    if pending is None:
        raise NotAuthenticated("the answer is not to a log-in that began here")
    provider = _provider(request)
    proven = federation.finish(provider, pending, code, state, now=now)
    with LogInSession(request.app.state.engine) as logins, logins.begin():
        if pending.purpose is Purpose.LINK:
            login = logins.get_one(LoginSession, _own_login(_logged_in(request)))
            actions.link(logins, login.identity_id, provider.issuer, proven.subject, now=now)
            return RedirectResponse(addresses.ACCOUNT_ROUTE, 303)
        if pending.purpose is Purpose.PROVE:
            started = actions.reauthenticate_federated(
                logins, _own_login(_logged_in(request)), provider.issuer, proven.subject,
                proven_at=proven.at, second=proven.second_factor,
            )  # fmt: skip
        else:
            started = actions.log_in_federated(
                logins, provider.issuer, proven.subject, proven_at=proven.at,
                device=_device(request), second=proven.second_factor, now=now,
            )  # fmt: skip
    return _go_on(request, started, pending.back)


def _provider(request: Request) -> Provider:
    settings: Settings = request.app.state.settings
    if settings.oidc_issuer is None:
        raise NotFound("page", request.url.path)
    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        settings.public_url.rstrip("/") + addresses.FEDERATED_LOG_IN_ROUTE + "/callback",
    )


@router.get(addresses.REAUTHENTICATE_ROUTE)
def show_reauthenticate(
    request: Request, logins: LoggingIn, back: str | None = None
) -> HTMLResponse:
    """Show the form by which one proves again who one is."""
    page = _reauthenticate_page(request, logins, within(back or page_before(request)))
    return render_page(request, page)


@router.post(addresses.REAUTHENTICATE_ROUTE)
def reauthenticate(
    request: Request,
    now: Now,
    password: Text,
    code: Text = "",
    back: Annotated[str, Form(max_length=500)] = addresses.HOME_ROUTE,
) -> Response:
    """Prove again who one is, as a signature needs it; the log-in goes on under a new token."""
    login_id = _own_login(_logged_in(request))
    with LogInSession(request.app.state.engine, read_only=True) as logins:
        page = _reauthenticate_page(request, logins, within(back))
    try:
        started = prove(
            request,
            str(login_id),
            lambda logins: actions.reauthenticate(
                logins, login_id, _proof(request, password, code), now=now
            ),
        )
    except NotAuthenticated:
        return render_page(request, replace(page, wrong="refused"), status=401)
    except TooManyRequests as error:
        page = replace(page, wrong="too many", seconds=error.retry_after)
        return render_page(request, page, status=429)
    return _go_on(request, started, page.back)


def _reauthenticate_page(request: Request, logins: LogInSession, back: str) -> ReauthenticatePage:
    login = _login(request, logins)
    account = account_store.of_identity(logins, login.identity_id)
    issuer = request.app.state.settings.oidc_issuer
    return ReauthenticatePage(
        back=back,
        password=account is not None,
        second_factor=account is not None and account.totp_secret is not None,
        federated=issuer is not None and account_store.is_linked(logins, login.identity_id, issuer),
    )


@router.post(addresses.LOG_OUT_ROUTE)
def log_out(
    request: Request, logins: LoggingIn, now: Now, everywhere: Annotated[bool, Form()] = False
) -> RedirectResponse:
    """End the log-in; everywhere, if asked."""
    response = RedirectResponse(addresses.LOG_IN_ROUTE, 303)
    forget(request, response)
    login = account_store.login(logins, digest_of(request.cookies.get(cookie_name(request), "")))
    if login is not None and everywhere:
        actions.end_logins(logins, login.identity_id, now=now)
    elif login is not None:
        actions.end_login(logins, login.identity_id, login.id, now=now)
    return response


# --- Invitations ---------------------------------------------------------------------------------


@router.get(addresses.INVITATION_ROUTE)
def show_invitation(request: Request, now: Now, token: str) -> HTMLResponse:
    """Show an invited person the form that names the account."""
    return render_page(request, _invitation_page(request, token, now))


@router.post(addresses.INVITATION_ROUTE)
def accept_invitation(
    request: Request, now: Now, token: str, name: Text, password: Text, code: Text = ""
) -> Response:
    """Take the invitation; the person is logged in then."""
    page = _invitation_page(request, token, now, name=name)
    about = (page.person.en, page.organization.en)
    try:
        with LogInSession(request.app.state.engine) as logins, logins.begin():
            started = actions.accept(
                logins, token, name=name, proof=_proof(request, password, code), about=about,
                code_required=page.code_required, device=_device(request), now=now,
            )  # fmt: skip
    except InvalidField as error:
        wrong = replace(page, wrong=error.pointer.strip("/"), reason=error.reason)
        return render_page(request, wrong, status=422)
    return _go_on(request, started, addresses.ACCOUNT_ROUTE)


def _invitation_page(
    request: Request, token: str, now: datetime, *, name: str = ""
) -> InvitationPage:
    engine = request.app.state.engine
    with LogInSession(engine, read_only=True) as logins:
        row = account_store.invitation(logins, digest_of(token), now=now)
        found = account_store.memberships(logins, row.identity_id) if row else ()
        account = account_store.of_identity(logins, row.identity_id) if row else None
        known_as = account.name if account else ""
    if row is None:
        raise NotFound("invitation", "of this address: ask for another")
    member = next(one for one in found if one.organization_id == row.organization_id)
    with TenantSession(engine, row.organization_id, read_only=True) as session:
        person = store.get(session, member.person_id)
        role = store.role_of(session, person) if person else None
        if person is None or role is None:
            raise NotFound("invitation", "of this address: ask for another")
        organization = organization_store.own(session)
        names = bilingual(person, "name"), bilingual(organization, "name")
    totp_secret = second_factor.proposed(_totp_key(request), token)
    return InvitationPage(
        person=names[0],
        organization=names[1],
        role=role,
        name=name or known_as,
        code_required=role in permissions.NEEDS_SECOND_FACTOR,
        qr=_picture(totp_secret, names[0].en),
        key=totp_secret,
    )


# --- Account -------------------------------------------------------------------------------------


@router.get(addresses.ACCOUNT_ROUTE)
def show_account(request: Request, session: Reading, actor: Acting, now: Now) -> HTMLResponse:
    """Show who one is here, one's log-ins and keys."""
    return render_page(request, _account_page(request, session, actor, now))


@router.post(addresses.ACCOUNT_ROUTE + "/password")
def change_password(
    request: Request, logins: LoggingIn, actor: Reauthenticated, now: Now, password: Text
) -> Response:
    """Set another password; one's other log-ins end."""
    about = _about(request, actor)
    return _changed(
        request,
        actor,
        now,
        lambda: actions.change_password(logins, _own_login(actor), password, about=about, now=now),
    )


@router.post(addresses.ACCOUNT_ROUTE + "/second-factor")
def confirm_second_factor(
    request: Request, logins: LoggingIn, actor: Reauthenticated, now: Now, code: Text
) -> Response:
    """Confirm the second factor that the page proposed."""
    login_id = _own_login(actor)
    totp_secret = second_factor.proposed(_totp_key(request), str(login_id))
    return _changed(
        request,
        actor,
        now,
        lambda: actions.set_second_factor(
            logins, login_id, totp_secret, _proof(request, "", code), now=now
        ),
    )


@router.post(addresses.ACCOUNT_ROUTE + "/log-ins/{login_id}/end")
def end_log_in(request: Request, logins: LoggingIn, now: Now, login_id: UUID) -> RedirectResponse:
    """End one of one's log-ins."""
    actions.end_login(logins, _login(request, logins).identity_id, login_id, now=now)
    return RedirectResponse(addresses.ACCOUNT_ROUTE, 303)


@router.post(addresses.ACCOUNT_ROUTE + "/organization")
def switch_organization(
    request: Request, logins: LoggingIn, organization_id: Annotated[UUID, Form()]
) -> Response:
    """Go on in another organization of which one is a member."""
    started = actions.switch(logins, _own_login(_logged_in(request)), organization_id)
    return _go_on(request, started, addresses.HOME_ROUTE)


@router.post(addresses.KEYS_ROUTE)
def make_key(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    name: Text,
    expires_on: Annotated[date, Form()],
    scopes: Annotated[list[str], Form()] = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """Make a key in one's own name, and tell it once."""
    ends = datetime.combine(expires_on, datetime.max.time(), tzinfo=LEGAL_TIME)
    try:
        _row, text = key_actions.create(
            session, actor.person_id, name=name, scopes=scopes, expires_at=ends,
            pepper=request.app.state.keys.derived("API keys"), now=now,
        )  # fmt: skip
    except InvalidField as error:
        page = _account_page(request, session, actor, now)
        wrong = replace(page, wrong=error.pointer.strip("/"), reason=error.reason)
        return render_page(request, wrong, status=422)
    return _once(request, ToldOncePage(what="key", text=text, back=addresses.ACCOUNT_ROUTE))


@router.post(addresses.KEYS_ROUTE + "/{key_id}/revocation")
def revoke_key(session: Transaction, actor: Acting, now: Now, key_id: UUID) -> RedirectResponse:
    """End a key at once: one's own, or, for whoever manages people, anybody's."""
    row = store.api_key(session, key_id)
    if row is not None and row.person_id != actor.person_id:
        actor.require(permissions.needed("POST", "people"))
    key_actions.revoke(session, key_id, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.ACCOUNT_ROUTE, 303)


# --- People and roles ----------------------------------------------------------------------------


@router.get(addresses.PEOPLE_ROUTE)
def show_people(request: Request, session: Reading, actor: Acting, now: Now) -> HTMLResponse:
    """Show the people, their roles and authorisations, and what each role may change."""
    return render_page(request, _people_page(session, actor, now))


@router.post(addresses.PEOPLE_ROUTE)
def invite_person(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    name_zh: Text,
    name_en: Text,
    role: Text,
) -> Response:
    """Invite somebody, and tell the address of the invitation once."""
    try:
        invited = actions.invite(
            session, role=role, authorised={}, actor_id=actor.person_id, now=now,
            name_zh=name_zh, name_en=name_en,
        )  # fmt: skip
    except InvalidField as error:
        page = replace(_people_page(session, actor, now), wrong="role", reason=error.reason)
        return render_page(request, page, status=422)
    return _once(request, _invited(request, invited))


@router.post(addresses.PEOPLE_ROUTE + "/{person_id}/invitations")
def invite_person_again(
    request: Request, session: Transaction, actor: Acting, now: Now, person_id: UUID
) -> Response:
    """Invite a member once more, and tell the address once."""
    invited = actions.invite_again(session, person_id, actor_id=actor.person_id, now=now)
    return _once(request, _invited(request, invited))


@router.post(addresses.PEOPLE_ROUTE + "/{person_id}/roles")
def change_role(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    person_id: UUID,
    role: Text = "",
) -> Response:
    """Give a person another role; an empty one ends the membership."""
    try:
        actions.change_role(session, person_id, role or None, actor_id=actor.person_id, now=now)
    except InvalidField as error:
        page = replace(_people_page(session, actor, now), wrong="role", reason=error.reason)
        return render_page(request, page, status=422)
    return RedirectResponse(addresses.PEOPLE_ROUTE, 303)


@router.post(addresses.PEOPLE_ROUTE + "/{person_id}/authorisations")
def authorise_person(
    session: Transaction,
    actor: Acting,
    now: Now,
    person_id: UUID,
    procedure_code: Text,
    valid_until: Annotated[date, Form()],
) -> RedirectResponse:
    """Authorise a person to work by a procedure until a date."""
    actions.authorise(
        session, person_id, procedure_code, valid_until, actor_id=actor.person_id, now=now
    )
    return RedirectResponse(addresses.PEOPLE_ROUTE, 303)


def _people_page(session: TenantSession, actor: Actor, now: datetime) -> PeoplePage:
    roles, today = store.roles(session), now.astimezone(LEGAL_TIME).date()
    authorised = store.authorisations(session)
    return PeoplePage(
        people=[
            PersonRow(
                id=person.id,
                name=bilingual(person, "name"),
                role=roles[person.id],
                authorisations=[
                    (row.procedure_code, row.valid_until, row.valid_until >= today)
                    for row in authorised
                    if row.person_id == person.id
                ],
            )
            for person in store.of_organization(session)
        ],
        roles=tuple(permissions.ROLES),
        resources=permissions.RESOURCES,
        may_change=frozenset(
            (role, resource)
            for role, resources in permissions.ROLES.items()
            for resource in resources
        ),
        may_manage=permissions.needed("POST", "people") in actor.allowed,
        me=actor.person_id,
    )


def _account_page(
    request: Request, session: TenantSession, actor: Actor, now: datetime
) -> AccountPage:
    person = store.get(session, actor.person_id)
    if person is None:
        raise NotFound("person", actor.person_id)
    people = {row.id: bilingual(row, "name") for row in store.of_organization(session)}
    organizations = {
        row.id: bilingual(row, "name") for row in organization_store.all_of_them(session)
    }
    name, has_second, log_ins, elsewhere = None, actor.second_factor, [], []
    if actor.login_id is not None:
        with LogInSession(request.app.state.engine, read_only=True) as logins:
            account = account_store.of_identity(logins, person.identity_id)
            name = account.name if account else None
            has_second = account is not None and account.totp_secret is not None
            log_ins = [_row(row, actor.login_id)
                       for row in account_store.logins(logins, person.identity_id)]  # fmt: skip
            elsewhere = [
                (row.organization_id, organizations[row.organization_id])
                for row in account_store.memberships(logins, person.identity_id)
                if row.organization_id != actor.organization_id
            ]
    totp_secret = second_factor.proposed(_totp_key(request), str(actor.login_id))
    manages = permissions.needed("POST", "people") in actor.allowed
    return AccountPage(
        person=people[person.id],
        role=actor.role,
        logged_in=actor.login_id is not None,
        name=name,
        has_second_factor=has_second,
        needs_second_factor=actor.role in permissions.NEEDS_SECOND_FACTOR,
        qr=_picture(totp_secret, name or people[person.id].en),
        key=totp_secret,
        log_ins=log_ins,
        organizations=elsewhere,
        keys=[
            _key(row, people, now)
            for row in store.api_keys(session)
            if manages or row.person_id == actor.person_id
        ],
        may_make_keys=permissions.needed("POST", "keys") in actor.allowed,
        may_read_books=permissions.needed("GET", "regulated-books") in actor.allowed,
        scopes=[scope for scope in permissions.SCOPES if scope in actor.allowed],
        expires_on=(now + A_MONTH).astimezone(LEGAL_TIME).date(),
        federated=request.app.state.settings.oidc_issuer is not None,
    )


def _row(row: LoginSession, current: UUID) -> LogInRow:
    return LogInRow(
        id=row.id,
        device=row.device,
        started_at=row.started_at,
        seen_at=row.seen_at,
        current=row.id == current,
    )


def _key(row: ApiKey, people: dict[UUID, Bilingual], now: datetime) -> KeyRow:
    ended = "expired" if row.expires_at <= now else "in force"
    return KeyRow(
        id=row.id,
        name=row.name,
        person=people[row.person_id],
        scopes=row.scopes,
        expires_at=row.expires_at,
        used_at=row.used_at,
        state="revoked" if row.revoked_at else ended,
    )


# --- Small things --------------------------------------------------------------------------------


def within(back: str) -> str:
    """Return an address of ours, whatever was sent."""
    elsewhere = not back.startswith("/") or back.startswith(("//", "/\\", addresses.LOG_IN_ROUTE))
    return addresses.HOME_ROUTE if elsewhere else back


def _go_on(request: Request, started: LoggedIn, back: str) -> RedirectResponse:
    response = RedirectResponse(back, 303)
    remember(request, response, started)
    return response


def _once(request: Request, page: ToldOncePage) -> HTMLResponse:
    response = render_page(request, page, status=201)
    response.headers["Cache-Control"] = "no-store"
    return response


def _invited(request: Request, invited: actions.Invited) -> ToldOncePage:
    base = request.app.state.settings.public_url.rstrip("/")
    text = f"{base}/invitations/{invited.token}"
    return ToldOncePage(what="invitation", text=text, back=addresses.PEOPLE_ROUTE)


def _changed(request: Request, actor: Actor, now: datetime, act: Change) -> Response:
    """Change the account and show it; what was wrong with a field is shown beside it."""
    try:
        act()
    except InvalidField as error:
        with TenantSession(request.app.state.engine, actor.organization_id, read_only=True) as book:
            page = _account_page(request, book, actor, now)
        wrong = replace(page, wrong=error.pointer.strip("/"), reason=error.reason)
        return render_page(request, wrong, status=422)
    return RedirectResponse(addresses.ACCOUNT_ROUTE, 303)


def _logged_in(request: Request) -> Actor:
    actor = actor_of(request)
    if actor is None or actor.login_id is None:
        raise NotAuthenticated("log in first")
    return actor


def _own_login(actor: Actor) -> UUID:
    if actor.login_id is None:
        raise NotAuthenticated("log in first")
    return actor.login_id


def _login(request: Request, logins: LogInSession) -> LoginSession:
    login = logins.get(LoginSession, _own_login(_logged_in(request)))
    if login is None:
        raise NotAuthenticated("log in first")
    return login


def _about(request: Request, actor: Actor) -> tuple[str, ...]:
    with TenantSession(request.app.state.engine, actor.organization_id, read_only=True) as session:
        person = store.get(session, actor.person_id)
        organization = organization_store.own(session)
        return (person.name_en if person else "", organization.name_en, organization.code)


def _proof(request: Request, password: str, code: str) -> Proof:
    return Proof(password=password, code=code, secret=_totp_key(request))


def _totp_key(request: Request) -> bytes:
    key: bytes = request.app.state.keys.derived("second factors")
    return key


def _device(request: Request) -> str:
    return request.headers.get("user-agent", "")[:200]


def _picture(totp_secret: str, name: str) -> str:
    return segno.make(second_factor.address_of(totp_secret, name)).svg_data_uri(
        scale=4, light="#fff"
    )
