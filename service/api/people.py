"""The organization's people: what each may do, and until when by which procedure."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service import permissions
from service.actions import accounts as actions
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.store import people as store
from service.tables.people import Person, PersonAuthorisation
from service.tenancy import TenantSession

router = APIRouter(prefix="/people", tags=["people"])

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Strict(SQLModel):
    """A part of a request: an unknown field is an error, not noise."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type


class AuthorisationIn(Strict):
    """That a person may work by a procedure until a date, that day included."""

    procedure_code: Annotated[str, Field(min_length=1, max_length=100, examples=["JJG 52-2013"])]
    valid_until: date


class InvitationIn(Strict):
    """Somebody to be invited, and as what."""

    name_zh: Annotated[Name, Field(examples=["王芳"])]
    name_en: Annotated[Name, Field(examples=["Fang Wang"])]
    role: Annotated[str, Field(examples=["checker"])]
    authorisations: list[AuthorisationIn] = []


class RoleIn(Strict):
    """Another role; null when the person leaves."""

    role: Annotated[str | None, Field(examples=["approver"])]


class AuthorisationAnswer(SQLModel):
    """What a person is authorised for."""

    procedure_code: str
    valid_until: date


class PersonAnswer(SQLModel):
    """A person of the organization; `role` is null for one who has left."""

    id: UUID
    name_zh: str
    name_en: str
    role: str | None
    authorisations: list[AuthorisationAnswer]


class InvitedAnswer(SQLModel):
    """An invitation: its address is told once and holds for seven days."""

    person_id: UUID
    address: str


@router.get("")
def list_people(session: Reading) -> list[PersonAnswer]:
    """Return the people of the own organization, in the order in which they joined."""
    roles, authorised = store.roles(session), store.authorisations(session)
    return [
        _answer(person, roles[person.id], authorised) for person in store.of_organization(session)
    ]


@router.post("", status_code=201)
def invite_person(
    request: Request,
    response: Response,
    session: Transaction,
    actor: Acting,
    now: Now,
    said: InvitationIn,
) -> InvitedAnswer:
    """Make somebody a member of the organization and invite him or her to log in."""
    invited = actions.invite(
        session,
        role=said.role,
        authorised={row.procedure_code: row.valid_until for row in said.authorisations},
        actor_id=actor.person_id,
        now=now,
        name_zh=said.name_zh,
        name_en=said.name_en,
    )
    return _invited(request, response, invited)


@router.post("/{person_id}/invitations", status_code=201)
def invite_person_again(
    request: Request,
    response: Response,
    session: Transaction,
    actor: Acting,
    now: Now,
    person_id: UUID,
) -> InvitedAnswer:
    """Invite a member once more: to log in for the first time, or to set a new password."""
    invited = actions.invite_again(session, person_id, actor_id=actor.person_id, now=now)
    return _invited(request, response, invited)


@router.post("/{person_id}/roles", status_code=201)
def change_role(
    session: Transaction, actor: Acting, now: Now, person_id: UUID, said: RoleIn
) -> PersonAnswer:
    """Give a person another role; null ends the membership, with its keys and log-ins."""
    actions.change_role(session, person_id, said.role, actor_id=actor.person_id, now=now)
    return _of(session, person_id)


@router.post("/{person_id}/authorisations", status_code=201)
def authorise_person(
    session: Transaction, actor: Acting, now: Now, person_id: UUID, said: AuthorisationIn
) -> PersonAnswer:
    """Authorise a person to work by a procedure until a date (ISO/IEC 17025:2017, 6.2.6)."""
    actions.authorise(
        session, person_id, said.procedure_code, said.valid_until, actor_id=actor.person_id, now=now
    )
    return _of(session, person_id)


roles_router = APIRouter(prefix="/roles", tags=["people"])


class RoleAnswer(SQLModel):
    """A role and the resources it may change; everybody reads the own book."""

    role: str
    changes: list[str]
    needs_second_factor: bool


@roles_router.get("")
def list_roles() -> list[RoleAnswer]:
    """Return who may do what."""
    return [
        RoleAnswer(
            role=role,
            changes=sorted(resources),
            needs_second_factor=role in permissions.NEEDS_SECOND_FACTOR,
        )
        for role, resources in permissions.ROLES.items()
    ]


def _of(session: TenantSession, person_id: UUID) -> PersonAnswer:
    person = store.get(session, person_id)
    assert person is not None  # noqa: S101  (the action found it)
    return _answer(person, store.role_of(session, person), store.authorisations(session))


def _answer(
    person: Person, role: str | None, authorised: Sequence[PersonAuthorisation]
) -> PersonAnswer:
    return PersonAnswer(
        id=person.id,
        name_zh=person.name_zh,
        name_en=person.name_en,
        role=role,
        authorisations=[
            AuthorisationAnswer.model_validate(row, from_attributes=True)
            for row in authorised
            if row.person_id == person.id
        ],
    )


def _invited(request: Request, response: Response, invited: actions.Invited) -> InvitedAnswer:
    response.headers["Cache-Control"] = "no-store"
    base = request.app.state.settings.public_url.rstrip("/")
    return InvitedAnswer(person_id=invited.person_id, address=f"{base}/invitations/{invited.token}")
