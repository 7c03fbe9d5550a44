"""Sending and taking in what one organization tells another: documents, never rows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service import audit
from service.errors import NotFound, NotTheSenders
from service.store import calibrations as store
from service.store import certificates as certificate_store
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
from service.tables.exchange import Delivery
from service.tenancy import TenantSession

VERSION = 1
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
DIGITS = ("nominal", "estimate", "expanded_uncertainty", "maximum_permissible_error")


def deliver(
    session: TenantSession,
    calibration_id: UUID,
    customer_id: UUID,
    *,
    actor_id: UUID,
    now: datetime,
) -> Delivery:
    """Send a customer its calibration with a frozen copy of what the certificate names.

    Raises:
        NotFound: the book has no such calibration.
    """
    row = store.get(session, calibration_id)
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
    audit.record(
        session, "calibration.delivered", row.id, actor_id=actor_id, now=now,
        said={"customer_id": str(customer_id)},
    )  # fmt: skip
    return delivery


def take_in(
    session: TenantSession, delivery_id: UUID, item_id: UUID, *, actor_id: UUID, now: datetime
) -> Calibration:
    """Write a delivered calibration into the recipient's book, under the id its maker gave it.

    Raises:
        NotFound: the inbox has no such calibration.
        NotTheSenders: the document speaks of a calibration that another organization told us.
    """
    delivery = session.get(Delivery, (session.organization_id, delivery_id))
    if delivery is None or delivery.kind != "calibration":
        raise NotFound("delivery", delivery_id)
    said = delivery.content
    for cited in said["cited"]:
        _write(session, delivery, cited, source="cited", now=now)
    row = _write(session, delivery, said, source="received", item_id=item_id, now=now)
    _write_results(session, row.id, said)
    _write_certificate(session, row.id, delivery.sender_id, said["certificate"])
    audit.record(
        session, "calibration.received", row.id, actor_id=actor_id, now=now,
        said={"delivery_id": str(delivery_id)},
    )  # fmt: skip
    return row


def _document(session: TenantSession, row: Calibration) -> dict[str, Any]:
    results = store.results(session, row.id)
    return _told(session, row) | {
        "cited": list(_cited(session, row, set())),
        "results": [_plain(result, RESULT) for result in results],
        "influences": [
            [str(component.result_id), str(component.influence_id), component.component]
            for component in store.influences(session, [result.id for result in results])
        ],
        "statements": [
            _plain(statement, ("decision_rule", "basis", "verdict", "checks", "stated_at"))
            for statement in store.conformity_statements(session, row.id)
        ],
        "certificate": _certificate(session, row.id),
    }


def _told(session: TenantSession, row: Calibration) -> dict[str, Any]:
    """Return the facts of a calibration and its edges: to published ones, or to cited ones."""
    edges = []
    for edge in store.references(session, row.id):
        published = edge.published_id or _published_as(session, edge.reference_id)
        target = {"published_id": str(published)} if published else {
            "reference_id": str(edge.reference_id)
        }  # fmt: skip
        edges.append(_plain(edge, ("position", *EDGE)) | target)
    return _plain(row, ("id", *CALIBRATION)) | {"references": edges}


def _cited(session: TenantSession, row: Calibration, seen: set[UUID]) -> Iterator[dict[str, Any]]:
    """Yield what stands unpublished behind a calibration, the farthest first."""
    for edge in store.references(session, row.id):
        id_ = edge.reference_id
        if id_ is None or id_ in seen or _published_as(session, id_):
            continue
        seen.add(id_)
        behind = store.get(session, id_)
        yield from _cited(session, behind, seen)
        yield _told(session, behind)


def _published_as(session: TenantSession, calibration_id: UUID | None) -> UUID | None:
    publication = calibration_id and store.publication(session, calibration_id)
    return publication.published_id if publication else None


def _certificate(session: TenantSession, calibration_id: UUID) -> dict[str, Any] | None:
    certificate = certificate_store.of_calibration(session, calibration_id)
    if certificate is None:
        return None
    files = certificate_store.files(session, certificate.id)
    return _plain(certificate, ("id", "number", "kind", "issued_at", "content_sha256")) | {
        "files": [
            {"form": file.form, "sha256": file.sha256, "content": file.content.hex()}
            for file in files
        ]
    }


def _write(
    session: TenantSession,
    delivery: Delivery,
    said: Mapping[str, Any],
    *,
    source: str,
    item_id: UUID | None = None,
    now: datetime,
) -> Calibration:
    key = (session.organization_id, UUID(said["id"]))
    known = session.get(Calibration, key)
    if known and (known.received_from_id != delivery.sender_id or source == "received"):
        raise NotTheSenders(f"calibration {key[1]} was told by another, or received already")
    if known:
        return known
    facts = {name: said[name] for name in CALIBRATION}
    row = Calibration(
        organization_id=key[0],
        id=key[1],
        source=source,
        item_id=item_id,
        received_from_id=delivery.sender_id,
        recorded_at=now,
        **facts | _dates(said, "performed_on", "valid_until"),
    )
    session.add(row)
    session.flush()
    _write_references(session, said)
    return row


def _write_references(session: TenantSession, said: Mapping[str, Any]) -> None:
    session.insert(
        CalibrationReference,
        [
            {name: edge[name] for name in ("position", *EDGE)}
            | {
                "calibration_id": UUID(said["id"]),
                "reference_id": _uuid(edge.get("reference_id")),
                "published_id": _uuid(edge.get("published_id")),
            }
            for edge in said["references"]
        ],
    )


def _write_results(session: TenantSession, calibration_id: UUID, said: Mapping[str, Any]) -> None:
    session.insert(
        CalibrationResult,
        [
            {name: result[name] for name in RESULT}
            | {name: result[name] and Decimal(result[name]) for name in DIGITS}
            | {"id": UUID(result["id"]), "calibration_id": calibration_id}
            for result in said["results"]
        ],
    )
    session.insert(
        ResultInfluence,
        [
            {"result_id": UUID(result), "influence_id": UUID(influence), "component": component}
            for result, influence, component in said["influences"]
        ],
    )
    session.insert(
        ConformityStatementRecord,
        [
            statement
            | {
                "id": uuid7(),
                "calibration_id": calibration_id,
                "stated_at": datetime.fromisoformat(statement["stated_at"]),
            }
            for statement in said["statements"]
        ],
    )


def _write_certificate(
    session: TenantSession, calibration_id: UUID, issuer_id: UUID, said: Mapping[str, Any] | None
) -> None:
    if said is None:
        return
    certificate_id, issued_at = UUID(said["id"]), datetime.fromisoformat(said["issued_at"])
    session.insert(
        Certificate,
        [
            {name: said[name] for name in ("number", "kind", "content_sha256")}
            | {"id": certificate_id, "issuer_id": issuer_id, "issued_at": issued_at}
        ],
    )
    session.insert(
        CertificateStatus,
        [{"certificate_id": certificate_id, "recorded_at": issued_at, "status": "issued"}],
    )
    session.insert(
        CertificateCalibration,
        [{"certificate_id": certificate_id, "calibration_id": calibration_id}],
    )
    session.insert(
        CertificateFile,
        [
            {
                "certificate_id": certificate_id,
                "form": file["form"],
                "sha256": file["sha256"],
                "content": bytes.fromhex(file["content"]),
            }
            for file in said["files"]
        ],
    )


def _plain(row: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return some columns as JSON holds them."""
    return {name: _json(getattr(row, name)) for name in names}


def _json(value: Any) -> Any:
    if isinstance(value, date):  # a datetime is a date
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal) else value


def _dates(said: Mapping[str, Any], *names: str) -> dict[str, date | None]:
    return {name: said[name] and date.fromisoformat(said[name]) for name in names}


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
