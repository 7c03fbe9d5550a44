"""Telling the holders of calibrations and certificates what became of them, and being told.

A notice travels as a document into the inbox of each holder. Taking it in ends the holder's copy
as the sender ended its own, and tells on whoever holds it from there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from certificates.notice_wording import ended_wording
from certificates.wording import Bilingual
from service import audit
from service.actions import deliveries
from service.actions.documents import VERSION, ToldCalibration
from service.actions.endings import write_end
from service.actions.notice_documents import (
    EndNotice,
    OutOfToleranceNotice,
    ToldEnd,
    ToldStatus,
    read_notice,
)
from service.errors import AlreadyThere, InvalidField, NotTheSenders
from service.store import calibrations as calibration_store
from service.store import certificates as certificate_store
from service.store import notices as store
from service.tables.calibrations import Calibration
from service.tables.certificates import Certificate, CertificateStatus
from service.tables.exchange import Delivery, DeliveryReceipt
from service.tenancy import TenantSession

Successors = Mapping[UUID, UUID | None]


def tell_ended(
    session: TenantSession,
    calibrations: Successors,
    certificates: Mapping[UUID, str | None] | None = None,
    *,
    reason: str,
    actor_id: UUID,
    now: datetime,
) -> list[Delivery]:
    """Send whoever was told of calibrations or certificates the notice that they ended.

    Called by what ends them, in its transaction. Nobody is told of what it does not hold. Who
    holds a certificate that is amended is sent the one that amends it, with its calibration.

    Args:
        calibrations: the successor of each, None of all where they are withdrawn.
        certificates: the number of the certificate that amends each, None of all likewise.
        reason: as the end was recorded.
    """
    certificates = certificates or {}
    holders = store.holders(session, (*calibrations, *certificates))
    if not holders:
        return []
    subject = _subject(session, calibrations, certificates)
    return [
        send(
            session,
            holder_id,
            _end_notice(
                session,
                subject,
                {id_: calibrations[id_] for id_ in calibrations if id_ in held},
                [
                    _status(session, id_, certificates[id_], holder_id, actor_id=actor_id, now=now)
                    for id_ in certificates
                    if id_ in held
                ],
                reason=reason,
            ),
            subject_ids=held,
            actor_id=actor_id,
            now=now,
        )
        for holder_id, held in sorted(holders.items())
    ]


def send(
    session: TenantSession,
    recipient_id: UUID,
    content: dict[str, Any],
    *,
    subject_ids: set[UUID],
    actor_id: UUID,
    now: datetime,
) -> Delivery:
    """Send one notice; what this service could not read itself is not sent.

    Raises:
        InvalidField: the content is no notice.
    """
    kind = read_notice(VERSION, content).kind
    delivery = Delivery(
        organization_id=recipient_id,
        sender_id=session.organization_id,
        kind="notice",
        version=VERSION,
        content=content,
        sent_at=now,
    )
    session.add(delivery)
    session.flush()
    deliveries.note_dispatch(session, delivery, subject_ids)
    audit.record(
        session, f"notice.{kind}", delivery.id, actor_id=actor_id, now=now,
        said={"recipient_id": str(recipient_id)},
    )  # fmt: skip
    return delivery


def take_in(
    session: TenantSession, delivery_id: UUID, *, actor_id: UUID, now: datetime
) -> EndNotice | OutOfToleranceNotice:
    """Take a notice into the book: what the sender ended has ended here too, from now on.

    A certificate that amends another is taken in with it. What has ended already stays as it is.
    A notice of an out-of-tolerance standard changes no record: whoever takes it in has been told.

    Raises:
        NotFound: the inbox has no such notice, or a successor rests on what is not published.
        AlreadyThere: it was taken in already.
        InvalidField: the document cannot be read, what ends or a successor is not in the book yet,
            or what is to amend a certificate does not come.
        NotTheSenders: it speaks of what this sender did not tell the organization.
        NotPublishable: the calibration is published, and its successor is not.
    """
    delivery, receipt = store.get(session, delivery_id)
    if receipt is not None:
        raise AlreadyThere(f"notice {delivery_id} was taken in already")
    said = read_notice(delivery.version, delivery.content)
    if isinstance(said, EndNotice):
        _end_copies(session, delivery.sender_id, said, actor_id=actor_id, now=now)
    else:
        for calibration_id in {one.calibration_id for one in (*said.affected, *said.unjudged)}:
            _told_by(session, delivery.sender_id, calibration_id)
    deliveries.note_receipt(session, delivery, now=now)
    audit.record(
        session, "notice.received", delivery_id, actor_id=actor_id, now=now,
        said={"kind": said.kind, "sender_id": str(delivery.sender_id)},
    )  # fmt: skip
    return said


def _end_copies(
    session: TenantSession, sender_id: UUID, said: EndNotice, *, actor_id: UUID, now: datetime
) -> None:
    issued = [_issued_by(session, sender_id, status) for status in said.certificates]
    rows = [_told_by(session, sender_id, end.calibration_id) for end in said.calibrations]
    for certificate, status in zip(issued, said.certificates, strict=True):
        if status.delivery_id is not None:
            _take_in_amendment(session, sender_id, certificate, status, actor_id=actor_id, now=now)
    ended = {}
    for row, end in zip(rows, said.calibrations, strict=True):
        if calibration_store.supersession(session, row.id) is None:
            _require_successor(session, sender_id, row, end, said.cited, now=now)
            write_end(session, row.id, successor_id=end.successor_id, reason=said.reason, now=now)
            ended[row.id] = end.successor_id
    changed = {}
    for certificate, status in zip(issued, said.certificates, strict=True):
        if _set_status(session, certificate, said, now=now):
            changed[certificate.id] = status.amended_by
    tell_ended(session, ended, changed, reason=said.reason, actor_id=actor_id, now=now)


def _take_in_amendment(
    session: TenantSession,
    sender_id: UUID,
    certificate: Certificate,
    said: ToldStatus,
    *,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Take in the certificate that amends one of the book, for the same item; once is enough."""
    key = (session.organization_id, said.delivery_id)
    delivery = session.get(Delivery, key)
    if delivery is None or delivery.sender_id != sender_id:
        raise NotTheSenders(f"what amends {certificate.number} was not sent us by the sender")
    (told, *_) = certificate_store.calibrations_of(session, certificate.id)
    item_id = calibration_store.get(session, told).item_id
    if item_id is not None and session.get(DeliveryReceipt, key) is None:
        deliveries.take_in(session, delivery.id, item_id, actor_id=actor_id, now=now)
    if not certificate_store.is_there(session, None, said.amended_by or ""):
        raise InvalidField("/content/certificates", f"the delivery brings no {said.amended_by}")


def _told_by(session: TenantSession, sender_id: UUID, calibration_id: UUID) -> Calibration:
    row = session.get(Calibration, (session.organization_id, calibration_id))
    if row is None or row.received_from_id != sender_id:
        raise NotTheSenders(f"calibration {calibration_id} was not told us by the sender")
    return row


def _issued_by(session: TenantSession, sender_id: UUID, said: ToldStatus) -> Certificate:
    row = session.get(Certificate, (session.organization_id, said.certificate_id))
    if row is None:
        raise InvalidField("/content/certificates", f"take in first what brings {said.number}")
    if (row.issuer_id, row.number) != (sender_id, said.number):
        raise NotTheSenders(f"certificate {said.number} was not told us by the sender")
    return row


def _require_successor(
    session: TenantSession,
    sender_id: UUID,
    row: Calibration,
    end: ToldEnd,
    cited: Sequence[ToldCalibration],
    *,
    now: datetime,
) -> None:
    """Let the book hold the successor: of what it only cites, it cites the successor as well."""
    if end.successor_id is None:
        return
    if row.source == "cited":
        for behind in cited:
            deliveries.write_cited(session, sender_id, behind, now=now)
    if session.get(Calibration, (session.organization_id, end.successor_id)) is None:
        raise InvalidField(
            "/content/calibrations",
            f"take in first what replaces {row.id}: calibration {end.successor_id}",
        )


def _set_status(
    session: TenantSession, certificate: Certificate, said: EndNotice, *, now: datetime
) -> bool:
    """Write what became of a certificate; return whether it was not known yet."""
    last = certificate_store.status(session, certificate.id)
    if last.status == said.kind or last.status in ("withdrawn", "voided"):
        return False
    # A demonstration's clock stands still; the newest status must be told from the one before.
    recorded_at = max(now, last.recorded_at + timedelta(microseconds=1))
    row = {"certificate_id": certificate.id, "recorded_at": recorded_at}
    session.insert(CertificateStatus, [row | {"status": said.kind, "reason": said.reason}])
    return True


def _end_notice(
    session: TenantSession,
    subject: Bilingual,
    calibrations: Successors,
    certificates: Sequence[dict[str, Any]],
    *,
    reason: str,
) -> dict[str, Any]:
    successors = [id_ for id_ in calibrations.values() if id_ is not None]
    is_replaced = bool(successors or any(told["amended_by"] for told in certificates))
    message = ended_wording(subject, is_replaced=is_replaced, reason=reason)
    return {
        "kind": "amended" if is_replaced else "withdrawn",
        "message_zh": message.zh,
        "message_en": message.en,
        "reason": reason,
        "calibrations": [
            {"calibration_id": str(id_), "successor_id": successor_id and str(successor_id)}
            for id_, successor_id in calibrations.items()
        ],
        "certificates": certificates,
        "cited": _cited(session, successors),
    }


def _status(
    session: TenantSession,
    certificate_id: UUID,
    amended_by: str | None,
    holder_id: UUID,
    *,
    actor_id: UUID,
    now: datetime,
) -> dict[str, Any]:
    """Return what is told of a certificate; send its holder the one that amends it."""
    delivery_id = None
    if amended_by is not None:
        new = certificate_store.by_number(session, amended_by)
        calibration_id = certificate_store.calibrations_of(session, new.id)[0]
        sent = deliveries.deliver(session, calibration_id, holder_id, actor_id=actor_id, now=now)
        delivery_id = str(sent.id)
    return {
        "certificate_id": str(certificate_id),
        "number": certificate_store.get(session, certificate_id).number,
        "amended_by": amended_by,
        "delivery_id": delivery_id,
    }


def _cited(session: TenantSession, calibration_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    seen: set[UUID] = set()
    facts = []
    for id_ in calibration_ids:
        row = calibration_store.get(session, id_)
        facts += [*deliveries.cited(session, row, seen), deliveries.told(session, row)]
    return facts


def _subject(
    session: TenantSession, calibrations: Successors, certificates: Mapping[UUID, str | None]
) -> Bilingual:
    """Return what ended as a reader knows it: certificates by number, else items by name."""
    if certificates:
        numbers = [certificate_store.get(session, id_).number for id_ in certificates]
        return Bilingual(f"证书{'、'.join(numbers)}", f"Certificate {', '.join(numbers)}")
    names = [_named(calibration_store.get(session, id_)) for id_ in calibrations]
    return Bilingual("、".join(name.zh for name in names), ", ".join(name.en for name in names))


def _named(row: Calibration) -> Bilingual:
    number = f" ({row.certificate_number})" if row.certificate_number else ""
    return Bilingual(
        f"{row.item_name_zh}{number}{row.performed_on}的校准或检定",
        f"The calibration of {row.item_name_en}{number} performed on {row.performed_on}",
    )
