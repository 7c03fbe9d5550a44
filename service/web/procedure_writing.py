"""The page on which a metrologist writes a procedure: check it, try it on readings, keep it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from procedures.conformity import Verdict
from procedures.edition import Bilingual
from procedures.edition_reader import EditionUnreadable
from procedures.errors import ProcedureError
from procedures.method import MethodResult, evaluate_readings
from procedures.method_views import limit_text, objection_sentence
from procedures.rounding import plain, round_uncertainty
from service.actions import procedures as actions
from service.auth import Acting, Transaction
from service.catalogue import LARGEST_TEXT, BuiltIn, compared_with_catalogue
from service.clock import Now, Today
from service.errors import AlreadyThere, InvalidField
from service.exchange import readings_file
from service.store import procedures as store
from service.tenancy import TenantSession
from service.web.frame import TEMPLATES, render_page
from service.web.pages import BookIfAny
from service.web.procedures import ProcedurePage, procedure, procedure_page

router = APIRouter(include_in_schema=False)

WRITE_ROUTE = "/procedures/write"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedValue:
    """One value found, and whether it keeps its limit; None where there is none to keep."""

    label: Bilingual
    point: str
    value: str
    limit: str
    unit: str
    is_kept: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What an edition says of some readings; nothing of it is recorded."""

    values: tuple[TriedValue, ...]
    expanded_uncertainty: str
    unit: str
    verdict: Verdict | None
    objections: tuple[Bilingual, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteProcedurePage:
    """A text that becomes an edition, what was wrong with it, and what it says.

    Attributes:
        error, readings_error: in the words of the reader; "" where nothing is wrong.
        seen: the edition, once it can be read.
        tried: what it says of the readings, if there were any.
    """

    toml: str
    readings: str = ""
    error: str = ""
    readings_error: str = ""
    seen: ProcedurePage | None = None
    tried: Tried | None = None


TEMPLATES[WriteProcedurePage] = "procedure_writing.html"


@router.get(WRITE_ROUTE)
def write_procedure(
    request: Request,
    session: BookIfAny,
    _actor: Acting,
    code: Annotated[str, Query(max_length=100)] = "",
    edition: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Show an empty page, or one that starts from the text of an edition."""
    text = ""
    if session is not None and code:
        text = store.get(session, code, edition).text
    return render_page(request, WriteProcedurePage(toml=text))


@router.post(WRITE_ROUTE)
def check_procedure(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    today: Today,
    toml: Annotated[str, Form(max_length=LARGEST_TEXT)] = "",
    readings: Annotated[str, Form(max_length=LARGEST_TEXT)] = "",
    keep: Annotated[str, Form(max_length=1)] = "",
) -> Response:
    """Say what is wrong with a text, or what it is and says of readings; keep it if asked to."""
    page = WriteProcedurePage(toml=_lines(toml), readings=_lines(readings))
    try:
        read = compared_with_catalogue(page.toml.encode(), name="TOML")
        if keep:
            return _kept(session, read, actor_id=actor.person_id, now=now)
    except (EditionUnreadable, InvalidField, AlreadyThere) as error:
        said = str(error).removeprefix("TOML: ").removeprefix("/toml: ")
        return render_page(request, replace(page, error=said), status=422)
    page = replace(page, seen=procedure_page(read, on=today))
    if not readings.strip():
        return render_page(request, page)
    try:
        return render_page(request, replace(page, tried=_tried(read, page.readings)))
    except (ProcedureError, InvalidField) as error:
        return render_page(request, replace(page, readings_error=str(error)), status=422)


def _lines(text: str) -> str:
    """Return a text as a form sends it, with the line ends of a file."""
    return text.replace("\r\n", "\n")


def _kept(session: TenantSession, read: BuiltIn, *, actor_id: UUID, now: datetime) -> Response:
    kept = actions.keep(session, read.text, actor_id=actor_id, now=now).edition
    return RedirectResponse(procedure(kept.code, kept.edition), 303)


def _tried(read: BuiltIn, readings: str) -> Tried:
    edition = read.edition
    result = evaluate_readings(edition, **readings_file.read(readings, edition).arguments())
    return Tried(
        values=tuple(_values(read, result)),
        expanded_uncertainty=plain(round_uncertainty(result.expanded_uncertainty)),
        unit=result.unit,
        verdict=result.verdict if result.states_conformity else None,
        objections=tuple(objection_sentence(edition, row) for row in result.objections),
    )


def _values(read: BuiltIn, result: MethodResult) -> list[TriedValue]:
    return [
        TriedValue(
            label=read.edition.label_of(value.check, value.name),
            point=" ".join([f"{point.nominal:g}", *map(str, point.conditions.values())]),
            value=str(value.reported),
            limit=limit_text(value),
            unit=value.unit,
            is_kept=None if value.limit is None else value.is_within_limit,
        )
        for point in result.points
        for value in point.values
    ]
