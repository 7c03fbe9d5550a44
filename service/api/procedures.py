"""Procedure editions: the catalogue's and an organization's own."""

from datetime import date
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from procedures.edition import InForce, ProcedureKind
from service.actions import procedures as actions
from service.api.given import Day
from service.auth import Acting, Reading, Transaction
from service.catalogue import LARGEST_TEXT, BuiltIn, built_in_editions
from service.clock import Now, Today
from service.exchange.procedure_answer import edition_mapping
from service.store import procedures as store

router = APIRouter(prefix="/procedures", tags=["procedures"])


class ProcedureSummary(SQLModel):
    """One edition in a list.

    `name` marks one that departs from the regulation it is based on (非规程); `deviations` names
    the fields. `unverified` names what nobody has checked against the regulation.
    """

    code: str
    edition: str
    name: str
    kind: ProcedureKind
    title_zh: str
    title_en: str
    is_own: bool
    in_force: InForce
    in_force_from: date | None
    in_force_until: date | None
    replaced_by: str | None
    based_on: str | None
    deviations: list[str]
    unverified: list[str]

    @classmethod
    def of(cls, kept: BuiltIn, *, on: date) -> Self:
        """Return an edition as it stands on a day."""
        edition = kept.edition
        return cls(
            code=edition.code,
            edition=edition.edition,
            name=edition.name,
            kind=edition.kind,
            title_zh=edition.title.zh,
            title_en=edition.title.en,
            is_own=kept not in built_in_editions(),
            in_force=edition.in_force(on),
            in_force_from=edition.in_force_from,
            in_force_until=edition.in_force_until,
            replaced_by=edition.replaced_by,
            based_on=edition.based_on,
            deviations=list(edition.deviations),
            unverified=list(edition.unverified),
        )


class ProcedureAnswer(ProcedureSummary):
    """One edition with everything it says, and its text."""

    content: dict[str, Any]
    toml: str

    @classmethod
    def of(cls, kept: BuiltIn, *, on: date) -> Self:
        """Return an edition with its content and text."""
        summary = ProcedureSummary.of(kept, on=on).model_dump()
        return cls(**summary, content=edition_mapping(kept.edition), toml=kept.text)


class ProcedureIn(SQLModel):
    """An edition of one's own, as TOML; docs/procedures.md explains every field."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type

    toml: Annotated[str, Field(min_length=1, max_length=LARGEST_TEXT)]


@router.get("")
def list_procedures(
    session: Reading,
    today: Today,
    on: Annotated[Day | None, Query(description="only those in force on this day")] = None,
) -> list[ProcedureSummary]:
    """List every edition: the catalogue's, then the organization's own."""
    rows = store.all_of_them(session)
    if on is not None:
        rows = tuple(row for row in rows if row.edition.is_in_force(on))
    return [ProcedureSummary.of(row, on=on or today) for row in rows]


@router.get("/{code}")
def get_procedure(session: Reading, today: Today, code: str) -> list[ProcedureSummary]:
    """List the editions of one code, the newest first; replaced ones explain results of old."""
    return [ProcedureSummary.of(row, on=today) for row in store.of_code(session, code)]


@router.get("/{code}/{edition}")
def get_procedure_edition(
    session: Reading, today: Today, code: str, edition: str
) -> ProcedureAnswer:
    """Return one edition with its limits, points, readings, checks, model and text."""
    return ProcedureAnswer.of(store.get(session, code, edition), on=today)


@router.post("", status_code=201)
def keep_procedure(
    session: Transaction, actor: Acting, now: Now, today: Today, asked: ProcedureIn
) -> ProcedureAnswer:
    """Keep an edition of the organization's own, read strictly; the answer says what it is.

    A kept edition is never changed: a change is a new edition. One that is based on a regulation
    and departs from it is shown as 非规程.
    """
    kept = actions.keep(session, asked.toml, actor_id=actor.person_id, now=now)
    return ProcedureAnswer.of(kept, on=today)
