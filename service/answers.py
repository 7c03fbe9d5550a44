"""Answers to questions about traceability: load, decide, return; nothing is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Engine

from certificates.numbers import normalize_serial_number
from service.actions.calibrations import permissible_error
from service.actions.standards import candidates_of
from service.store import calibrations as calibration_store
from service.store import directory
from service.store import items as item_store
from service.tables.items import Item
from service.tenancy import TenantSession
from traceability.audit import Finding, ItemStatus, audit
from traceability.chain import TraceabilityChain, trace
from traceability.graph import Basis, MeasuringInterval
from traceability.standards import Proposal, propose_standards


def chain(
    session: TenantSession, calibration_id: UUID, *, on: date | None, known_at: datetime
) -> TraceabilityChain:
    """Return the chain behind a calibration, as known at a moment.

    Raises:
        NotFound: the book has no such calibration, or had none by then.
    """
    links = calibration_store.ancestry(session, calibration_id, known_at=known_at)
    return trace(links, calibration_id, on=on)


def audit_book(session: TenantSession, *, on: date, known_at: datetime) -> tuple[Finding, ...]:
    """Return every finding of one organization's book and of the reference layer behind it.

    A calibration of the reference layer is told by its holder's id of it.
    """
    links = calibration_store.book(session, known_at=known_at)
    items = [ItemStatus(item_id=item.id, state=item.status) for item in item_store.own(session)]
    ids = calibration_store.published_ids(session)
    return tuple(dict.fromkeys(_in_holders_ids(audit(links, items, on=on), ids)))


def audit_books(
    engine: Engine,
    organization_ids: Iterable[UUID],
    *,
    on: date,
    known_at: datetime,
    progress: Callable[[int], None] = lambda _count: None,
) -> tuple[Finding, ...]:
    """Return the findings of many books, each read in its own session and each told once."""
    found: dict[Finding, None] = {}
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as session:
            found |= dict.fromkeys(audit_book(session, on=on, known_at=known_at))
        progress(1)
    return tuple(found)


def eligible_standards(
    session: TenantSession,
    item_id: UUID,
    *,
    interval: MeasuringInterval | None,
    basis: Basis,
    ratio_limit: float | None,
    on: date,
    known_at: datetime,
) -> tuple[Proposal, ...]:
    """Return the organization's standards of the item's quantity, the best eligible one first.

    Raises:
        NotFound: the ledger has no such item.
    """
    item = item_store.get(session, item_id)
    candidates = candidates_of(session, quantity=item.quantity, on=on, known_at=known_at)
    return propose_standards(
        candidates,
        interval=interval,
        on=on,
        user_mpe=permissible_error(item),
        ratio_limit=ratio_limit,
        basis=basis,
    )


def _in_holders_ids(findings: Iterable[Finding], ids: Mapping[UUID, UUID]) -> Iterator[Finding]:
    for finding in findings:
        yield replace(
            finding,
            calibration_id=finding.calibration_id and ids.get(
                finding.calibration_id, finding.calibration_id
            ),
            reference_id=finding.reference_id and ids.get(
                finding.reference_id, finding.reference_id
            ),
        )  # fmt: skip


def find_items(engine: Engine, serial_number: str) -> list[tuple[UUID, Item]]:
    """Return every item with this serial number and the organization that keeps it.

    The operator's look over all books, each read in its own session. Width, case, spaces and
    dashes of the number do not count.
    """
    wanted = normalize_serial_number(serial_number)
    found = []
    for organization_id in directory.organization_ids(engine):
        with TenantSession(engine, organization_id, read_only=True) as session:
            found += [
                (organization_id, item)
                for item in item_store.own(session)
                if normalize_serial_number(item.serial_number) == wanted
            ]
    return found


def newest_chain(
    session: TenantSession, item_id: UUID, *, on: date | None, known_at: datetime
) -> TraceabilityChain | None:
    """Return the chain of the newest calibration of an item; None if it was never calibrated."""
    newest = next(
        (row for row in calibration_store.of_item(session, item_id)
         if row.recorded_at <= known_at and (on is None or row.performed_on <= on)),
        None,
    )  # fmt: skip
    if newest is None:
        return None
    return chain(session, newest.id, on=on, known_at=known_at)


def names_of(engine: Engine, organization_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return a short name for each item and each calibration of many books, for a terminal."""
    names: dict[UUID, str] = {}
    for organization_id in organization_ids:
        with TenantSession(engine, organization_id, read_only=True) as session:
            names |= {
                item.id: f"{item.name_en} {item.serial_number}" for item in item_store.own(session)
            }
            names |= calibration_store.names(session)
    return names
