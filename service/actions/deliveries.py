"""Sending and taking in what one organization tells another: documents, never rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service import audit
from service.actions import due
from service.actions.documents import (
    VERSION,
    CalibrationDocument,
    ToldCalibration,
    ToldCertificate,
    ToldReference,
    read_document,
)
from service.actions.verdicts import judge_when_written
from service.errors import AlreadyThere, InvalidField, NotFound, NotTheSenders
from service.store import calibrations as store
from service.store import certificates as certificate_store
from service.store import items as item_store
from service.tables.calibrations import (
    Calibration,
    CalibrationFacts,
    CalibrationReference,
    CalibrationResult,
    ConformityStatementRecord,
    ReferenceFacts,
    ResultInfluence,
)
from service.tables.certificates import (
    Certificate,
    CertificateCalibration,
    CertificateFile,
    CertificateStatus,
)
from service.tables.exchange import Delivery, DeliveryReceipt, Dispatch
from service.tables.organizations import Organization
from service.tables.published import PublishedCalibration
from service.tenancy import TenantSession

CALIBRATION = tuple(name for name in CalibrationFacts.model_fields if name != "recorded_at")
EDGE = tuple(ReferenceFacts.model_fields)
RESULT = (
    "id",
    "position",
    "stage",
    "measurand",
    "detail_zh",
    "detail_en",
    "unit",
    "nominal",
    "estimate",
    "expanded_uncertainty",
    "maximum_permissible_error",
    "coverage_factor",
    "coverage_probability",
    "standard_uncertainty",
    "degrees_of_freedom",
)
STATEMENT = ("decision_rule", "basis", "verdict", "checks", "stated_at")
CERTIFICATE = ("id", "number", "kind", "issued_at", "content_sha256", "amends_id")


def deliver(
    session: TenantSession,
    calibration_id: UUID,
    customer_id: UUID,
    *,
    actor_id: UUID,
    now: datetime,
) -> Delivery:
    """Send a customer its calibration with a frozen copy of what the certificate names.

    Only its maker tells a calibration: a certificate speaks in the name of who issued it.

    Raises:
        NotFound: the book has no such calibration, or there is no such customer.
        InvalidField: the customer is the organization itself.
        NotTheSenders: the organization did not make the calibration itself.
    """
    row = store.get(session, calibration_id)
    if row.source != "made":
        raise NotTheSenders(f"calibration {row.id} is {row.source}: only its maker sends it")
    if customer_id == session.organization_id:
        raise InvalidField("/customer_id", "the organization itself, which has it already")
    if session.get(Organization, customer_id) is None:
        raise NotFound("organization", customer_id)
    content = _document(session, row)
    delivery = Delivery(
        organization_id=customer_id,
        sender_id=session.organization_id,
        kind="calibration",
        version=VERSION,
        content=content,
        sent_at=now,
    )
    session.add(delivery)
    session.flush()
    note_dispatch(session, delivery, _subjects(content))
    audit.record(
        session, "calibration.delivered", row.id, actor_id=actor_id, now=now,
        said={"customer_id": str(customer_id)},
    )  # fmt: skip
    return delivery


def take_in(
    session: TenantSession, delivery_id: UUID, item_id: UUID, *, actor_id: UUID, now: datetime
) -> Calibration:
    """Write a delivered calibration into the recipient's book, under the id its maker gave it.

    What it cites may be in the book already, told by whomever, if it says the same. So may the
    calibration itself, told by the sender, if it comes with a certificate issued since: then the
    certificate is written, and what was measured stays as it is.

    Raises:
        NotFound: the inbox has no such calibration, the ledger no such item, or a reference is
            not published.
        InvalidField: the document cannot be read, its certificate has another's number, or the
            calibration is in the book as another item's.
        NotTheSenders: the calibration or what it cites is in the book otherwise, it is there with
            this certificate, or the certificate amends one that the sender did not issue.
        AlreadyThere: a result or the certificate is in the book already.
    """
    delivery = session.get(Delivery, (session.organization_id, delivery_id))
    if delivery is None or delivery.kind != "calibration":
        raise NotFound("delivery", delivery_id)
    said = read_document(delivery.version, delivery.content)
    item_store.get(session, item_id)
    row = session.get(Calibration, (session.organization_id, said.id))
    if row is None:
        row = _write_told(session, delivery.sender_id, said, item_id=item_id, now=now)
    else:
        _require_recertified(session, delivery.sender_id, row, said)
        if row.item_id != item_id:
            raise InvalidField("/item_id", f"calibration {row.id} is of another item of the ledger")
    if said.certificate is not None:
        _require_certificate_new(session, delivery.sender_id, said.certificate)
        _write_certificate(session, row.id, delivery.sender_id, said.certificate)
    note_receipt(session, delivery, now=now)
    due.refresh(session, item_id)
    audit.record(
        session, "calibration.received", row.id, actor_id=actor_id, now=now,
        said={"delivery_id": str(delivery_id)},
    )  # fmt: skip
    return row


def _write_told(
    session: TenantSession,
    sender_id: UUID,
    said: CalibrationDocument,
    *,
    item_id: UUID,
    now: datetime,
) -> Calibration:
    """Write a calibration that the book does not hold, and what it cites."""
    for result in said.results:
        if session.get(CalibrationResult, (session.organization_id, result.id)):
            raise AlreadyThere(f"result {result.id} is in the book already")
    for behind in said.cited:
        write_cited(session, sender_id, behind, now=now)
    row = _write(session, sender_id, said, source="received", item_id=item_id, now=now)
    _write_results(session, said)
    written = (*(behind.id for behind in said.cited), row.id)
    judge_when_written(session, written, now=now)
    return row


def note_dispatch(session: TenantSession, delivery: Delivery, subject_ids: Iterable[UUID]) -> None:
    """Note in the own book of whom a delivery told of which calibrations and certificates."""
    session.insert(
        Dispatch,
        [
            {
                "delivery_id": delivery.id,
                "subject_id": subject_id,
                "recipient_id": delivery.organization_id,
                "kind": delivery.kind,
                "sent_at": delivery.sent_at,
            }
            for subject_id in subject_ids
        ],
    )


def note_receipt(session: TenantSession, delivery: Delivery, *, now: datetime) -> None:
    """Note in the own book that a delivery was taken in."""
    session.insert(DeliveryReceipt, [{"delivery_id": delivery.id, "taken_in_at": now}])


def _subjects(content: Mapping[str, Any]) -> set[UUID]:
    """Return every calibration that a document tells of, and its certificate."""
    certificate = content["certificate"]
    parts = (content, *content["cited"], *([certificate] if certificate else []))
    return {UUID(part["id"]) for part in parts}


def _document(session: TenantSession, row: Calibration) -> dict[str, Any]:
    results = store.results(session, row.id)
    return told(session, row) | {
        "cited": list(cited(session, row, set())),
        "results": [_plain(result, RESULT) for result in results],
        "influences": [
            [str(component.result_id), str(component.influence_id), component.component]
            for component in store.influences(session, [result.id for result in results])
        ],
        "statements": [
            _plain(statement, STATEMENT)
            for statement in store.conformity_statements(session, row.id)
        ],
        "certificate": _certificate(session, row.id),
    }


def told(session: TenantSession, row: Calibration) -> dict[str, Any]:
    """Return the facts of a calibration and its edges: to published ones, or to cited ones."""
    edges = []
    for edge in store.references(session, row.id):
        published = edge.published_id or _published_as(session, edge.reference_id)
        target = {"published_id": str(published)} if published else {
            "reference_id": str(edge.reference_id)
        }  # fmt: skip
        edges.append(_plain(edge, ("position", *EDGE)) | target)
    return _plain(row, ("id", *CALIBRATION)) | {"references": edges}


def cited(session: TenantSession, row: Calibration, seen: set[UUID]) -> Iterator[dict[str, Any]]:
    """Yield what stands unpublished behind a calibration, the farthest first."""
    for edge in store.references(session, row.id):
        id_ = edge.reference_id
        if id_ is None or id_ in seen or _published_as(session, id_):
            continue
        seen.add(id_)
        behind = store.get(session, id_)
        yield from cited(session, behind, seen)
        yield told(session, behind)


def _published_as(session: TenantSession, calibration_id: UUID | None) -> UUID | None:
    publication = calibration_id and store.publication(session, calibration_id)
    return publication.published_id if publication else None


def _certificate(session: TenantSession, calibration_id: UUID) -> dict[str, Any] | None:
    certificate = certificate_store.of_calibration(session, calibration_id)
    if certificate is None:
        return None
    files = certificate_store.files(session, certificate.id)
    return _plain(certificate, CERTIFICATE) | {
        "files": [
            {"form": file.form, "sha256": file.sha256, "content": file.content.hex()}
            for file in files
        ]
    }


def _require_recertified(
    session: TenantSession, sender_id: UUID, known: Calibration, said: CalibrationDocument
) -> None:
    """Refuse a calibration of the book that another told, that is told otherwise, or again."""
    certificate = said.certificate
    if (
        known.received_from_id != sender_id
        or known.source != "received"
        or certificate is None
        or certificate_store.is_there(session, certificate.id)
    ):
        raise NotTheSenders(f"calibration {said.id} was told by another, or received already")
    results = [_columns(result, RESULT) for result in store.results(session, known.id)]
    told = sorted(said.results, key=lambda result: result.position)
    if not _says_the_same(session, known, said) or results != [_columns(r, RESULT) for r in told]:
        raise NotTheSenders(f"calibration {said.id} is in the book with other facts or results")


def _require_certificate_new(
    session: TenantSession, sender_id: UUID, certificate: ToldCertificate
) -> None:
    """Refuse a certificate that the book holds, or one that is not the sender's to issue."""
    code = session.get_one(Organization, sender_id).code
    if not certificate.number.startswith(f"{code}-"):
        raise InvalidField(
            "/content/certificate/number", f"{certificate.number} is not a number of {code}"
        )
    if certificate_store.is_there(session, certificate.id, certificate.number):
        raise AlreadyThere(f"certificate {certificate.number} is in the book already")
    amended = _amended(session, certificate)
    if amended is not None and amended.issuer_id != sender_id:
        raise NotTheSenders(f"certificate {amended.number} was issued by another")


def _amended(session: TenantSession, certificate: ToldCertificate) -> Certificate | None:
    """Return the certificate that another amends; None where the book was never told of it."""
    if certificate.amends_id is None:
        return None
    return session.get(Certificate, (session.organization_id, certificate.amends_id))


def write_cited(
    session: TenantSession, sender_id: UUID, said: ToldCalibration, *, now: datetime
) -> None:
    """Write what a document cites; what the book knows already stays, if it says the same."""
    known = session.get(Calibration, (session.organization_id, said.id))
    if known is None:
        _write(session, sender_id, said, source="cited", now=now)
    elif not _says_the_same(session, known, said):
        raise NotTheSenders(f"calibration {said.id} was told with other facts by another")


def _says_the_same(session: TenantSession, known: Calibration, said: ToldCalibration) -> bool:
    edges = store.references(session, known.id)
    others = sorted(said.references, key=lambda edge: edge.position)
    return _columns(known, CALIBRATION) == _columns(said, CALIBRATION) and [
        (_columns(edge, ("position", *EDGE)), _target(session, edge)) for edge in edges
    ] == [(_columns(edge, ("position", *EDGE)), _target(session, edge)) for edge in others]


def _target(session: TenantSession, edge: CalibrationReference | ToldReference) -> UUID | None:
    """Return the calibration an edge leads to, published by then or not yet."""
    if edge.published_id is None:
        return edge.reference_id
    return _published(session, edge.published_id).calibration_id


def _published(session: TenantSession, published_id: UUID) -> PublishedCalibration:
    row = session.get(PublishedCalibration, published_id)
    if row is None:
        raise NotFound("published calibration", published_id)
    return row


def _write(
    session: TenantSession,
    sender_id: UUID,
    said: ToldCalibration,
    *,
    source: str,
    item_id: UUID | None = None,
    now: datetime,
) -> Calibration:
    for edge in said.references:
        if edge.published_id is not None:
            _published(session, edge.published_id)
    row = Calibration(
        organization_id=session.organization_id,
        id=said.id,
        source=source,
        item_id=item_id,
        received_from_id=sender_id,
        recorded_at=now,
        **_columns(said, CALIBRATION),
    )
    session.add(row)
    session.flush()
    names = ("position", "reference_id", "published_id", *EDGE)
    session.insert(
        CalibrationReference,
        [_columns(edge, names) | {"calibration_id": said.id} for edge in said.references],
    )
    return row


def _write_results(session: TenantSession, said: CalibrationDocument) -> None:
    session.insert(
        CalibrationResult,
        [_columns(result, RESULT) | {"calibration_id": said.id} for result in said.results],
    )
    session.insert(
        ResultInfluence,
        [
            {"result_id": result, "influence_id": influence, "component": component}
            for result, influence, component in said.influences
        ],
    )
    session.insert(
        ConformityStatementRecord,
        [
            _columns(statement, STATEMENT) | {"id": uuid7(), "calibration_id": said.id}
            for statement in said.statements
        ],
    )


def _write_certificate(
    session: TenantSession, calibration_id: UUID, issuer_id: UUID, said: ToldCertificate
) -> None:
    amended = _amended(session, said)
    row = {"issuer_id": issuer_id, "amends_id": amended and amended.id}
    session.insert(Certificate, [_columns(said, CERTIFICATE) | row])
    is_it = {"certificate_id": said.id}
    session.insert(CertificateStatus, [is_it | {"recorded_at": said.issued_at, "status": "issued"}])
    session.insert(CertificateCalibration, [is_it | {"calibration_id": calibration_id}])
    session.insert(
        CertificateFile,
        [
            is_it
            | {
                "form": file.form,
                "sha256": file.sha256,
                "content": bytes.fromhex(file.content),
            }
            for file in said.files
        ],
    )


def _columns(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _plain(row: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return some columns as JSON holds them."""
    return {name: _json(getattr(row, name)) for name in names}


def _json(value: Any) -> Any:
    if isinstance(value, date):  # a datetime is a date
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal) else value
