"""Reading organizations and what they are authorised to do; both are known to all."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlmodel import col, select

from service.tables.organizations import Authorisation, Organization
from service.tenancy import TenantSession
from traceability.graph import Link


def all_of_them(session: TenantSession) -> Sequence[Organization]:
    """Return every organization, by code."""
    return session.exec(select(Organization).order_by(col(Organization.code))).all()


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


def _authorised(link: Link, rows: Iterable[Authorisation]) -> bool | None:
    begun = [
        row
        for row in rows
        if link.procedure_code in row.scope and row.valid_from <= link.performed_on
    ]
    if not begun:
        return None
    return any(row.valid_until >= link.performed_on for row in begun)
