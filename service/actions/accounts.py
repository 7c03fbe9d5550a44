"""Accounts: inviting, accepting, logging in, proving one's identity again, logging out."""

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service import audit, passwords, second_factor
from service.actions import organizations
from service.errors import AlreadyThere, InvalidField, NotAuthenticated, NotFound
from service.permissions import ROLES
from service.store import accounts as store
from service.store import people as people_store
from service.tables.accounts import (
    Account,
    FederatedIdentity,
    Invitation,
    LoginSession,
    Membership,
)
from service.tables.people import Identity, Person, PersonAuthorisation, PersonRole
from service.tenancy import LogInSession, TenantSession

INVITED_FOR = timedelta(days=7)
REFUSED = "the name, the password or the code is not right"


@dataclass(frozen=True, slots=True)
class Invited:
    """A person, and the token of the invitation, which is told once."""

    person_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A log-in, and the token of its cookie, which is told once."""

    login: LoginSession
    token: str


def digest_of(token: str) -> str:
    """Return what is kept of a token."""
    return sha256(token.encode()).hexdigest()


def normalized(name: str) -> str:
    """Return a log-in name however it was typed.

    Raises:
        InvalidField: too short, too long, or with a blank or control character in it.
    """
    told = unicodedata.normalize("NFKC", name).strip().casefold()
    if not 3 <= len(told) <= 100 or not told.isprintable() or " " in told:
        raise InvalidField("/name", "3 to 100 characters without blanks")
    return told


# --- People --------------------------------------------------------------------------------------


def invite(
    session: TenantSession,
    *,
    role: str,
    authorised: Mapping[str, date],
    actor_id: UUID | None,
    now: datetime,
    **names: str,
) -> Invited:
    """Make somebody a member of the organization and invite him or her to log in.

    Args:
        role: one of `permissions.ROLES`.
        authorised: until when for which procedure.
        actor_id: who invites; None where the operator invites the first.
        names: name_zh and name_en.
    """
    _require_role(role)
    identity_id = uuid7()
    with session.logging_in() as accounts:
        accounts.add(Identity(id=identity_id, created_at=now))
    person_id = uuid7()
    organizations.add_person(
        session, identity_id, actor_id=actor_id or person_id, now=now, authorised=authorised,
        id=person_id, role=role, **names,
    )  # fmt: skip
    return Invited(person_id, _invitation(session, identity_id, person_id, now))


def invite_again(
    session: TenantSession, person_id: UUID, *, actor_id: UUID | None, now: datetime
) -> Invited:
    """Invite a member once more: to log in for the first time, or with a new password.

    Raises:
        NotFound: the organization has no such person, or had.
    """
    person = _present(session, person_id)
    token = _invitation(session, person.identity_id, person_id, now)
    audit.record(session, "person.invited", person_id, actor_id=actor_id or person_id, now=now)
    return Invited(person_id, token)


def change_role(
    session: TenantSession, person_id: UUID, role: str | None, *, actor_id: UUID, now: datetime
) -> None:
    """Give a person another role; None when he or she leaves, whose keys and log-ins end at once.

    Raises:
        InvalidField: there is no such role, or nobody would be left to administer the book.
    """
    person = _present(session, person_id)
    before = people_store.role_of(session, person)
    if role is not None:
        _require_role(role)
    administrators = {id_ for id_, held in people_store.roles(session).items()
                      if held == "administrator"}  # fmt: skip
    if administrators == {person_id} and role != "administrator":
        raise InvalidField("/role", "the last administrator stays one")
    session.insert(
        PersonRole, [{"id": uuid7(), "person_id": person_id, "role": role, "given_at": now}]
    )
    audit.record(
        session, "person.role_changed", person_id, actor_id=actor_id, now=now,
        said={"before": before or "", "after": role or ""},
    )  # fmt: skip


def authorise(
    session: TenantSession,
    person_id: UUID,
    procedure_code: str,
    valid_until: date,
    *,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Authorise a person to work by a procedure until a date (ISO/IEC 17025:2017, 6.2.6)."""
    _present(session, person_id)
    if not procedure_code.strip():
        raise InvalidField("/procedure_code", "name the procedure")
    session.insert(
        PersonAuthorisation,
        [{"id": uuid7(), "person_id": person_id, "procedure_code": procedure_code.strip(),
          "valid_until": valid_until}],
    )  # fmt: skip
    audit.record(
        session, "person.authorised", person_id, actor_id=actor_id, now=now,
        said={"procedure_code": procedure_code.strip(), "valid_until": valid_until.isoformat()},
    )  # fmt: skip


def _present(session: TenantSession, person_id: UUID) -> Person:
    person = people_store.get(session, person_id)
    if person is None or people_store.role_of(session, person) is None:
        raise NotFound("person", person_id)
    return person


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidField("/role", f"one of {', '.join(ROLES)}")


def _invitation(session: TenantSession, identity_id: UUID, person_id: UUID, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    with session.logging_in() as accounts:
        if store.member(accounts, session.organization_id, person_id) is None:
            accounts.add(
                Membership(identity_id=identity_id, organization_id=session.organization_id,
                           person_id=person_id)
            )  # fmt: skip
        accounts.add(
            Invitation(token_sha256=digest_of(token), identity_id=identity_id,
                       organization_id=session.organization_id, created_at=now,
                       expires_at=now + INVITED_FOR)
        )  # fmt: skip
    return token


# --- Log-ins -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What somebody typed to prove who it is; `secret` is the installation's for second factors."""

    password: str
    code: str = ""
    secret: bytes


def accept(
    accounts: LogInSession,
    token: str,
    *,
    name: str,
    proof: Proof,
    about: tuple[str, ...],
    code_required: bool,
    device: str,
    now: datetime,
) -> LoggedIn:
    """Take an invitation: name the account, set its password and, with a code, a second factor.

    Args:
        about: what a password may not be made of.
        code_required: whether the role asks for a second factor.

    Raises:
        NotFound: the invitation was used, is too old, or never was.
        InvalidField: the name is taken, the password guessable, the code wrong or missing.
    """
    invitation = store.invitation(accounts, digest_of(token), now=now)
    if invitation is None:
        raise NotFound("invitation", "of this address; ask for another")
    account = store.of_identity(accounts, invitation.identity_id)
    holder = store.by_name(accounts, normalized(name))
    if holder is not None and holder is not account:
        raise InvalidField("/name", "taken")
    if account is None:
        account = Account(identity_id=invitation.identity_id, name="", created_at=now)
    account.name = normalized(name)
    if proof.code or code_required:
        _confirm(account, second_factor.proposed(proof.secret, token), proof, now)
    _set_password(account, proof.password, about)
    invitation.used_at = now
    accounts.add(account)
    accounts.flush()
    end_logins(accounts, account.identity_id, now=now)
    return _start(accounts, account, invitation.organization_id, device, now)


def log_in(
    accounts: LogInSession, name: str, proof: Proof, *, device: str, now: datetime
) -> LoggedIn:
    """Log in by name, password and, where there is a second factor, its code.

    Raises:
        NotAuthenticated: one of them is not right; it is not told which.
    """
    try:
        account = store.by_name(accounts, normalized(name))
    except InvalidField:
        account = None
    _prove(account, proof, now)
    if account is None:
        raise NotAuthenticated(REFUSED)
    memberships = store.memberships(accounts, account.identity_id)
    if not memberships:
        raise NotAuthenticated(REFUSED)
    return _start(accounts, account, memberships[0].organization_id, device, now)


def log_in_federated(
    accounts: LogInSession, issuer: str, subject: str, *, proven_at: datetime, device: str,
    second: bool, now: datetime,
) -> LoggedIn:  # fmt: skip
    """Log in whom an identity provider has authenticated.

    Raises:
        NotAuthenticated: nobody here is linked to that subject.
    """
    linked = store.of_subject(accounts, issuer, subject)
    memberships = store.memberships(accounts, linked.identity_id) if linked else ()
    if not linked or not memberships:
        raise NotAuthenticated("nobody here is linked to that account: log in, then link it")
    started = _begin(
        accounts, linked.identity_id, memberships[0], device, now, proven_at=proven_at,
        second=second,
    )  # fmt: skip
    accounts.flush()
    return started


def link(
    accounts: LogInSession, identity_id: UUID, issuer: str, subject: str, *, now: datetime
) -> None:
    """Remember that an identity provider's subject is this human.

    Raises:
        AlreadyThere: it is another's, or this human has one of that provider.
    """
    held = store.of_subject(accounts, issuer, subject)
    if held is not None and held.identity_id != identity_id:
        raise AlreadyThere("that account is linked to somebody else here")
    if held is None:
        accounts.add(
            FederatedIdentity(issuer=issuer, subject=subject, identity_id=identity_id,
                              linked_at=now)
        )  # fmt: skip
        accounts.flush()


def reauthenticate(
    accounts: LogInSession, login_id: UUID, proof: Proof, *, now: datetime
) -> LoggedIn:
    """Prove one's identity again; the log-in gets another token, and the old one ends.

    Raises:
        NotAuthenticated: the password or the code is not right.
    """
    login = _login(accounts, login_id)
    account = store.of_identity(accounts, login.identity_id)
    _prove(account, proof, now)
    if account is None:
        raise NotAuthenticated(REFUSED)
    login.authenticated_at = now
    login.second_factor = account.totp_secret is not None
    return _rotate(accounts, login)


def reauthenticate_federated(
    accounts: LogInSession, login_id: UUID, issuer: str, subject: str, *, proven_at: datetime,
    second: bool,
) -> LoggedIn:  # fmt: skip
    """Take an identity provider's proof of who is logged in; the log-in gets another token.

    Raises:
        NotAuthenticated: it is of somebody else.
    """
    login = _login(accounts, login_id)
    linked = store.of_subject(accounts, issuer, subject)
    if linked is None or linked.identity_id != login.identity_id:
        raise NotAuthenticated("that account is not linked to whoever is logged in here")
    login.authenticated_at = proven_at
    login.second_factor = second
    return _rotate(accounts, login)


def change_password(
    accounts: LogInSession, login_id: UUID, password: str, *, about: tuple[str, ...], now: datetime
) -> None:
    """Set another password; every other log-in of the same human ends."""
    login = _login(accounts, login_id)
    account = _account(accounts, login)
    _set_password(account, password, about)
    end_logins(accounts, login.identity_id, now=now, but=login.id)


def set_second_factor(
    accounts: LogInSession, login_id: UUID, totp_secret: str, proof: Proof, *, now: datetime
) -> None:
    """Confirm a second factor by one of its codes.

    Raises:
        InvalidField: the code is wrong.
    """
    login = _login(accounts, login_id)
    account = _account(accounts, login)
    _confirm(account, totp_secret, proof, now)
    login.second_factor = True
    accounts.flush()


def switch(accounts: LogInSession, login_id: UUID, organization_id: UUID) -> LoggedIn:
    """Go on as the same human in another organization, under another token.

    Raises:
        NotFound: he or she is no member there.
    """
    login = _login(accounts, login_id)
    for membership in store.memberships(accounts, login.identity_id):
        if membership.organization_id == organization_id:
            login.organization_id, login.person_id = organization_id, membership.person_id
            return _rotate(accounts, login)
    raise NotFound("membership", organization_id)


def touch(accounts: LogInSession, login_id: UUID, *, now: datetime) -> None:
    """Remember that a log-in is in use."""
    login = _login(accounts, login_id)
    login.seen_at = now


def end_login(
    accounts: LogInSession, identity_id: UUID, login_id: UUID, *, now: datetime
) -> None:  # fmt: skip
    """End one of a human's log-ins.

    Raises:
        NotFound: it is nobody's, or another's.
    """
    login = accounts.get(LoginSession, login_id)
    if login is None or login.identity_id != identity_id:
        raise NotFound("log-in", login_id)
    login.ended_at = now
    accounts.flush()


def end_logins(
    accounts: LogInSession, identity_id: UUID, *, now: datetime, but: UUID | None = None
) -> None:
    """End all log-ins of a human, but for one."""
    for login in store.logins(accounts, identity_id):
        if login.id != but:
            login.ended_at = now
    accounts.flush()


def _login(accounts: LogInSession, login_id: UUID) -> LoginSession:
    login = accounts.get(LoginSession, login_id)
    if login is None or login.ended_at is not None:
        raise NotAuthenticated("the log-in has ended")
    return login


def _account(accounts: LogInSession, login: LoginSession) -> Account:
    account = store.of_identity(accounts, login.identity_id)
    if account is None:
        raise NotFound("account", "of your own: you log in by an identity provider")
    return account


def _prove(account: Account | None, proof: Proof, now: datetime) -> None:
    """Refuse a wrong password or code; which of them was wrong takes as long and is not told."""
    right = passwords.is_right(proof.password, account.password_hash if account else None)
    if account is None or not right:
        raise NotAuthenticated(REFUSED)
    if account.totp_secret is not None:
        step = second_factor.step_of(
            second_factor.opened(proof.secret, account.totp_secret), proof.code,
            after=account.totp_last_step or 0, now=now,
        )  # fmt: skip
        if step is None:
            raise NotAuthenticated(REFUSED)
        account.totp_last_step = step


def _confirm(account: Account, totp_secret: str, proof: Proof, now: datetime) -> None:
    step = second_factor.step_of(totp_secret, proof.code, after=0, now=now)
    if step is None:
        raise InvalidField("/code", "not the code that the authenticator shows now")
    account.totp_secret = second_factor.sealed(proof.secret, totp_secret)
    account.totp_last_step = step


def _set_password(account: Account, password: str, about: tuple[str, ...]) -> None:
    passwords.require_acceptable(
        password, second_factor=account.totp_secret is not None, about=(*about, account.name)
    )
    account.password_hash = passwords.hashed(password)


def _start(
    accounts: LogInSession, account: Account, organization_id: UUID, device: str, now: datetime
) -> LoggedIn:
    memberships = store.memberships(accounts, account.identity_id)
    membership = next(row for row in memberships if row.organization_id == organization_id)
    started = _begin(
        accounts, account.identity_id, membership, device, now, proven_at=now,
        second=account.totp_secret is not None,
    )  # fmt: skip
    accounts.flush()
    return started


def _begin(
    accounts: LogInSession, identity_id: UUID, membership: Membership, device: str, now: datetime,
    **proven: Any,
) -> LoggedIn:  # fmt: skip
    token = secrets.token_urlsafe(32)
    login = LoginSession(
        token_sha256=digest_of(token),
        identity_id=identity_id,
        organization_id=membership.organization_id,
        person_id=membership.person_id,
        device=device[:200],
        started_at=now,
        authenticated_at=proven["proven_at"],
        second_factor=proven["second"],
        seen_at=now,
    )
    accounts.add(login)
    return LoggedIn(login, token)


def _rotate(accounts: LogInSession, login: LoginSession) -> LoggedIn:
    token = secrets.token_urlsafe(32)
    login.token_sha256 = digest_of(token)
    accounts.flush()
    return LoggedIn(login, token)
