"""Reading organizations and what they are authorised to do; both are known to all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlmodel import Session, col, select

from service.tables.organizations import Authorisation, Organization
from service.tenancy import TenantSession
from traceability.graph import Link


def all_of_them(session: TenantSession) -> Sequence[Organization]:
    """Return every organization, by code."""
    return session.exec(select(Organization).order_by(col(Organization.code))).all()


def with_what_they_hold(
    session: Session,
) -> list[tuple[Organization, Sequence[Authorisation]]]:
    """Return every organization by code, with its authorisations in order; of any session."""
    rows = session.exec(select(Organization).order_by(col(Organization.code))).all()
    held = session.exec(
        select(Authorisation).order_by(col(Authorisation.number), col(Authorisation.valid_from))
    ).all()
    return [(row, [one for one in held if one.holder_id == row.id]) for row in rows]


def own(session: TenantSession) -> Organization:
    """Return the organization whose book it is."""
    return session.get_one(Organization, session.organization_id)


def authorisations(
    session: TenantSession, holder_id: UUID, *, procedure_code: str, on: date
) -> Sequence[Authorisation]:
    """Return what authorised an organization for a procedure on a day."""
    row = Authorisation
    rows = session.exec(
        select(row)
        .where(row.holder_id == holder_id, row.valid_from <= on, row.valid_until >= on)
        .order_by(col(row.number))
    )
    return [found for found in rows if procedure_code in found.scope]


def with_authorisation(session: TenantSession, links: Iterable[Link]) -> list[Link]:
    """Return links that say whether their laboratory was authorised for the work on that day.

    A laboratory is known by the names that its certificates carry. It was not authorised where
    its authorisation for the procedure had lapsed. Where none for it is on record by then,
    nobody knows: records may not reach back so far, and not all work needs one.
    """
    scopes: defaultdict[tuple[str, str], list[Authorisation]] = defaultdict(list)
    holders: defaultdict[tuple[str, str], set[UUID]] = defaultdict(set)
    for row, name_zh, name_en in session.exec(
        select(Authorisation, Organization.name_zh, Organization.name_en).join(
            Organization, col(Organization.id) == Authorisation.holder_id
        )
    ):
        scopes[name_zh, name_en].append(row)
        holders[name_zh, name_en].add(row.holder_id)
    return [
        link if authorised is None else replace(link, laboratory_authorised=authorised)
        for link in links
        for name in [(link.laboratory_zh, link.laboratory_en)]
        for authorised in [_authorised(link, scopes[name]) if len(holders[name]) == 1 else None]
    ]


def with_confirmed_ends(
    session: TenantSession, links: Iterable[Link], told_by: Mapping[UUID, UUID]
) -> list[Link]:
    """Return links whose end another organization told as ends only where it is recognized.

    A laboratory says of a calibration that a chain may end there: that it realizes a unit, or was
    made by somebody recognized. That is believed where both who says so and the laboratory named
    are recognized here: as a national institute, or by an authorisation on record for that day, of
    the laboratory named for that work. Otherwise it stays as a claim that ends no chain.

    Args:
        told_by: who told of calibrations that are said to end a chain, by calibration.
    """
    organizations = session.exec(select(Organization)).all()
    rows = session.exec(select(Authorisation)).all()
    institutes = {row.id for row in organizations if row.kind == "national_institute"}

    def scopes(holder_id: UUID, on: date) -> list[list[str]]:
        held = (row for row in rows if row.holder_id == holder_id)
        return [row.scope for row in held if row.valid_from <= on <= row.valid_until]

    def is_confirmed(link: Link) -> bool:
        teller, on = told_by[link.calibration_id], link.performed_on
        name = link.laboratory_zh, link.laboratory_en
        named = [row.id for row in organizations if (row.name_zh, row.name_en) == name]
        if len(named) != 1 or not (teller in institutes or scopes(teller, on)):
            return False
        return named[0] in institutes or any(
            link.procedure_code in scope for scope in scopes(named[0], on)
        )

    return [
        link
        if link.calibration_id not in told_by or is_confirmed(link)
        else replace(link, terminal_reason=None, claimed_terminal_reason=link.terminal_reason)
        for link in links
    ]


def _authorised(link: Link, rows: Iterable[Authorisation]) -> bool | None:
    begun = [
        row
        for row in rows
        if link.procedure_code in row.scope and row.valid_from <= link.performed_on
    ]
    if not begun:
        return None
    return any(row.valid_until >= link.performed_on for row in begun)
