"""Signing off: checked, approved or sent back, and issued, each step with its signature."""

from datetime import datetime
from typing import Any
from uuid import UUID

from certificates.content import CertificateKind, Meaning
from procedures.method import CertificateKind as EditionsCertificate
from procedures.method import ProcedureEdition
from service.actions import certificates, deliveries, work_orders
from service.actions.certificates import Render
from service.actions.composition import Composition
from service.catalogue import compared_with_catalogue, edition_in_force
from service.errors import InvalidField, NotFound, NotIssuable
from service.lookup import LookupKeys
from service.seals import Seals
from service.store import calibrations as calibration_store
from service.store import work_orders as store
from service.tables.calibrations import Calibration, ProcedureEditionRecord
from service.tables.certificates import Certificate, Signature
from service.tables.people import Person
from service.tables.work_orders import WorkOrderLine
from service.tenancy import TenantSession
from service.work_order_states import State, require_next

KINDS = {
    EditionsCertificate.VERIFICATION_CERTIFICATE: CertificateKind.VERIFICATION_CERTIFICATE,
    EditionsCertificate.NOTICE_OF_VERIFICATION_RESULT: CertificateKind.VERIFICATION_REJECTION,
    EditionsCertificate.CALIBRATION_CERTIFICATE: CertificateKind.CALIBRATION_CERTIFICATE,
}
MEANINGS = {State.CHECKED: Meaning.CHECKED, State.APPROVED: Meaning.APPROVED}


def sign_off(
    session: TenantSession,
    line_id: UUID,
    state: State,
    *,
    person: Person,
    authenticated_at: datetime | None,
    now: datetime,
) -> Signature:
    """Sign what was measured of an item as checked or as approved.

    Raises:
        NotFound: the book has no such item of an order.
        InvalidField: the state is neither.
        ReauthenticationRequired: the last proof of identity is more than 300 s old.
        NotAuthorised: the person has signed it already, in another role: three humans sign.
        StepOutOfOrder: it is not the turn of this signature.
    """
    if state not in MEANINGS:
        raise InvalidField("/state", f"{state} is not signed")
    line, row = _measured(session, line_id)
    signature = certificates.sign(
        session, row.id, meaning=MEANINGS[state], person=person,
        authenticated_at=authenticated_at, now=now,
    )  # fmt: skip
    work_orders.take_step(
        session, line, state, person=person, now=now, said={"sha256": signature.subject_sha256}
    )
    return signature


def send_back(
    session: TenantSession, line_id: UUID, *, reason: str, person: Person, now: datetime
) -> None:
    """Send an item back to whoever measured it, before a certificate tells of it.

    The record and its signatures stay as they are. Measured anew it is another record, which
    nobody has signed, and which ends the former.

    Raises:
        NotFound: the book has no such item of an order.
        InvalidField: no reason is given.
        StepOutOfOrder: nothing is measured, or its certificate is issued.
    """
    if not reason.strip():
        raise InvalidField("/reason", "whoever measures anew is told why")
    line, _ = _measured(session, line_id)
    assigned = [step for step in store.steps(session, line_id) if step.state == State.ASSIGNED][-1]
    work_orders.take_step(
        session,
        line,
        State.ASSIGNED,
        person=person,
        now=now,
        assigned_to_id=assigned.assigned_to_id,
        planned_on=assigned.planned_on,
        said={"sent_back": reason.strip()},
    )


def issue(
    session: TenantSession,
    line_id: UUID,
    *,
    render: Render,
    url: str | None,
    person: Person,
    keys: LookupKeys,
    seals: Seals,
    now: datetime,
) -> Certificate:
    """Issue the certificate of what was measured and approved, of the kind its verdict leads to.

    A customer who keeps a book here is sent it.

    Raises:
        NotFound: the book has no such item of an order.
        StepOutOfOrder: it is not approved.
        NotIssuable: the verdict is open, or as `certificates.issue` refuses.
        TraceabilityBroken, ContentError: as there.
    """
    line, row = _measured(session, line_id)
    require_next(State(store.last_step(session, line_id).state), State.ISSUED)
    edition = edition_used(session, row)
    certificate = certificates.issue(
        session,
        row.id,
        compose=Composition(
            session=session,
            row=row,
            edition=edition,
            kind=_kind(session, line_id),
            url=url,
            now=now,
        ),
        render=render,
        actor_id=person.id,
        keys=keys,
        seals=seals,
        now=now,
    )
    work_orders.take_step(
        session,
        line,
        State.ISSUED,
        person=person,
        now=now,
        calibration_id=row.id,
        said={"certificate_number": certificate.number},
    )
    customer_id = store.get(session, line.work_order_id).customer_id
    if customer_id != session.organization_id:
        deliveries.deliver(session, row.id, customer_id, actor_id=person.id, now=now)
    return certificate


def composition_of(
    session: TenantSession,
    row: Calibration,
    *,
    url: str | None,
    now: datetime,
    kind: CertificateKind | None = None,
    **more: Any,
) -> Composition:
    """Return what gives the content of a calibration's certificate.

    By the edition that the book keeps of the work, else the one in force on its day; a reference
    material may be certified by none. The kind is what the verdict leads to, unless it is given.

    Raises:
        NotFound: there is no such edition.
        InvalidField: neither an edition nor anybody says the kind.
        NotIssuable: no kind is given, and the verdict is open.
    """
    edition: ProcedureEdition | None = None
    try:
        edition = (
            edition_used(session, row)
            if row.procedure_edition_id
            else edition_in_force(row.procedure_code or "", on=row.performed_on).edition
        )
    except NotFound:
        if kind is not CertificateKind.REFERENCE_MATERIAL_CERTIFICATE:
            raise
    if kind is None:
        if edition is None:
            raise InvalidField("/kind", "the kind of the certificate")
        kind = kind_of(session, row, edition)
    return Composition(
        session=session, row=row, edition=edition, kind=kind, url=url, now=now, **more
    )


def _measured(session: TenantSession, line_id: UUID) -> tuple[WorkOrderLine, Calibration]:
    """Return an item of an order and what was last measured of it.

    Raises:
        NotFound: the book has no such item.
        StepOutOfOrder: nothing is measured yet.
    """
    line = store.line(session, line_id)
    step = store.measured(session, line_id)
    if step is None or step.calibration_id is None:
        require_next(State(store.last_step(session, line_id).state), State.CHECKED)
        raise NotFound("measurement of an item of a work order", line_id)
    return line, calibration_store.get(session, step.calibration_id)


def edition_used(session: TenantSession, row: Calibration) -> ProcedureEdition:
    """Return the edition by which a calibration was made, from the text that the book keeps."""
    key = (session.organization_id, row.procedure_edition_id)
    kept = session.get(ProcedureEditionRecord, key) if row.procedure_edition_id else None
    if kept is None:
        raise NotFound("procedure edition of calibration", row.id)
    name = f"{kept.code}-{kept.edition}"
    return compared_with_catalogue(kept.content.encode(), name=name).edition


def _kind(session: TenantSession, line_id: UUID) -> CertificateKind:
    """Return the kind of certificate that the verdict led to when it was measured.

    Raises:
        NotIssuable: the verdict is open.
    """
    step = store.measured(session, line_id)
    told = step.said.get("certificate") if step else None
    if told is None:
        raise NotIssuable("the verdict is open: nothing leads to a certificate")
    return KINDS[EditionsCertificate(told)]


def kind_of(session: TenantSession, row: Calibration, edition: ProcedureEdition) -> CertificateKind:
    """Return the kind of certificate that the verdict on a calibration leads to.

    Raises:
        NotIssuable: the verdict is open.
    """
    statements = calibration_store.conformity_statements(session, row.id)
    for verdict, kind in edition.certificates.items():
        if any(said.verdict == verdict.value for said in statements):
            return KINDS[kind]
    raise NotIssuable(
        f"the verdict on calibration {row.id} is open: nothing leads to a certificate"
    )
