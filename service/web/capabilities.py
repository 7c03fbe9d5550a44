"""The register of accredited capabilities as a page: listed, entered, corrected and ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service import permissions
from service.actions import capabilities as actions
from service.actions.capabilities import Scope
from service.auth import Acting, Actor, Reading, Transaction
from service.clock import Now, Today
from service.errors import InvalidField
from service.store import capabilities as store
from service.store import items as item_store
from service.tables.capabilities import MeasurementCapability
from service.tenancy import TenantSession
from service.web import addresses
from service.web import typed as typed_as
from service.web.frame import TEMPLATES, render_page
from service.web.reasons import Told, told_problem

router = APIRouter(include_in_schema=False)

TEXTS = ("quantity", "procedure_code", "unit", "expression", "uncertainty_unit", "accreditation",
         "note")  # fmt: skip
Text = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilitiesPage:
    """The lines of the register, those that hold today first.

    Attributes:
        typed: what was typed into the form, so that nothing is lost by a refusal.
        wrong: the name of the field that was refused, and why.
        quantities: what the ledger's items measure.
    """

    held: tuple[MeasurementCapability, ...]
    others: tuple[MeasurementCapability, ...]
    quantities: tuple[str, ...]
    may_change: bool
    today: date
    typed: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[str, Told] | None = None


TEMPLATES[CapabilitiesPage] = "capabilities.html"


@router.get(addresses.CAPABILITIES_ROUTE)
def show_capabilities(
    request: Request, session: Reading, actor: Acting, today: Today
) -> HTMLResponse:
    """Show what the organization is accredited for."""
    return _page(request, session, actor, today)


@router.post(addresses.CAPABILITIES_ROUTE)
def add_capability(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    today: Today,
    *,
    quantity: Text = "",
    procedure_code: Text = "",
    lower: Text = "",
    upper: Text = "",
    unit: Text = "",
    expression: Text = "",
    uncertainty_unit: Text = "",
    accreditation: Text = "",
    valid_from: Text = "",
    valid_until: Text = "",
    note: Text = "",
) -> Response:
    """Enter a line of the register."""
    typed = {
        "quantity": quantity, "procedure_code": procedure_code, "lower": lower, "upper": upper,
        "unit": unit, "expression": expression, "uncertainty_unit": uncertainty_unit,
        "accreditation": accreditation, "valid_from": valid_from, "valid_until": valid_until,
        "note": note,
    }  # fmt: skip
    try:
        actions.add(session, _scope(typed), actor_id=actor.person_id, now=now)
    except InvalidField as error:
        return _page(request, session, actor, today, typed=typed, error=error)
    return RedirectResponse(addresses.CAPABILITIES_ROUTE, 303)


@router.post(addresses.CAPABILITIES_ROUTE + "/{capability_id}/end")
def end_capability(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    today: Today,
    capability_id: UUID,
    *,
    last_on: Text = "",
    reason: Text = "",
) -> Response:
    """End a line of the register."""
    try:
        actions.end(
            session, capability_id, last_on=typed_as.day("last_on", last_on) or today,
            reason=reason, actor_id=actor.person_id, now=now,
        )  # fmt: skip
    except InvalidField as error:
        return _page(request, session, actor, today, error=error)
    return RedirectResponse(addresses.CAPABILITIES_ROUTE, 303)


def _page(
    request: Request,
    session: TenantSession,
    actor: Actor,
    today: date,
    *,
    typed: Mapping[str, str] | None = None,
    error: InvalidField | None = None,
) -> HTMLResponse:
    rows = store.in_register(session)
    held = tuple(row for row in rows if _holds(row, today))
    page = CapabilitiesPage(
        held=held,
        others=tuple(row for row in rows if row not in held),
        quantities=tuple(item_store.quantities(session)),
        may_change=permissions.needed("POST", "capabilities") in actor.allowed,
        today=today,
        typed=typed or {},
        wrong=(error.pointer.removeprefix("/"), told_problem(error.reason)) if error else None,
    )
    return render_page(request, page, status=422 if error else 200)


def _holds(row: MeasurementCapability, on: date) -> bool:
    return row.valid_from <= on and (row.valid_until is None or on <= row.valid_until)


def _scope(typed: Mapping[str, str]) -> Scope:
    """Return the line that was typed.

    Raises:
        InvalidField: a number or a day is none.
    """
    lower, upper = (
        typed_as.present(name, typed_as.number(name, typed[name])) for name in ("lower", "upper")
    )
    return Scope(
        **{name: typed[name] for name in TEXTS},
        lower=lower,
        upper=upper,
        valid_from=typed_as.present("valid_from", typed_as.day("valid_from", typed["valid_from"])),
        valid_until=typed_as.day("valid_until", typed["valid_until"]),
    )
