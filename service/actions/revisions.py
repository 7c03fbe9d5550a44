"""What becomes of an issued certificate: withdrawn, voided, or replaced by one that amends it.

Nothing is edited or taken away. Each is a new fact, told to the directory, to the log and to
everyone who was sent the certificate. Source: ISO/IEC 17025:2017, 7.8.8.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from certificates import revisions
from certificates.content import CertificateContent, Meaning
from certificates.log import LoggedEvent
from certificates.revisions import Change
from certificates.seal import digest
from service import audit, outbox
from service.actions import notices
from service.actions.certificates import (
    Compose,
    Render,
    certify,
    enter_signature,
    meanings_needed,
)
from service.actions.composition import signatories, with_address
from service.actions.endings import write_end
from service.actions.log import log_event
from service.clock import day_of
from service.errors import FormNotThere, InvalidField, NotIssuable, NotTheSenders
from service.lookup import LookupKeys
from service.seals import Seals
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.tables.certificates import (
    Certificate,
    CertificateStatus,
    ProposedAmendment,
    Signature,
)
from service.tables.people import Person
from service.tables.published import CertificateEntry
from service.tenancy import TenantSession


def withdraw(
    session: TenantSession,
    certificate_id: UUID,
    *,
    reason: str,
    actor_id: UUID,
    seals: Seals,
    now: datetime,
) -> None:
    """Withdraw a certificate for everyone: its results are not to be relied on.

    The calibrations that it tells of stand no longer either, and its holders are sent a notice.

    Raises:
        NotFound: the book has no such certificate.
        NotTheSenders: another organization issued it.
        AlreadyWithdrawn: it is withdrawn or voided already.
        InvalidField: no reason is given.
        SealMissing: the organization has no key to sign the log with.
    """
    certificate = _own(session, certificate_id)
    _take_back(session, certificate, LoggedEvent.WITHDRAWN, reason=reason, seals=seals, now=now)
    standing = [
        id_
        for id_ in store.calibrations_of(session, certificate_id)
        if calibration_store.supersession(session, id_) is None
    ]
    for id_ in standing:
        write_end(session, id_, successor_id=None, reason=reason, now=now)
    _tell_outside(
        session, certificate, LoggedEvent.WITHDRAWN, {"reason": reason}, actor_id=actor_id, now=now
    )
    notices.tell_ended(
        session, dict.fromkeys(standing), {certificate_id: None},
        reason=reason, actor_id=actor_id, now=now,
    )  # fmt: skip


def void(
    session: TenantSession,
    certificate_id: UUID,
    *,
    reason: str,
    actor_id: UUID,
    seals: Seals,
    now: datetime,
) -> None:
    """Void a certificate that was issued in error; it keeps its number, which is not used again.

    What was measured stands: the calibration may be given another certificate.

    Raises: as `withdraw`.
    """
    certificate = _own(session, certificate_id)
    _take_back(session, certificate, LoggedEvent.VOIDED, reason=reason, seals=seals, now=now)
    _tell_outside(
        session, certificate, LoggedEvent.VOIDED, {"reason": reason}, actor_id=actor_id, now=now
    )
    notices.tell_ended(
        session, {}, {certificate_id: None}, reason=reason, actor_id=actor_id, now=now
    )


def propose(
    session: TenantSession,
    certificate_id: UUID,
    *,
    corrections: Mapping[str, str],
    reason_zh: str,
    reason_en: str,
    person: Person,
    now: datetime,
) -> ProposedAmendment:
    """Write down what a certificate is to say instead, for three persons to sign.

    Only what stands beside the record is corrected so; a wrong record is made anew, and amended
    by `amend_by_successor`.

    Args:
        corrections: the right text by the path of its field, such as `item.serial_number`.

    Raises:
        NotFound: the book has no such certificate.
        NotTheSenders: another organization issued it.
        FormNotThere: it was issued on paper, and its text is not here.
        AlreadyWithdrawn, AlreadyAmended: it does not stand.
        InvalidField: a reason is missing.
        NothingChanged: it says so already.
        ContentError: a field is not corrected without a new record, or refuses the text.
    """
    certificate = _own(session, certificate_id)
    _require_reasons(reason_zh, reason_en)
    revisions.require_amendable(certificate.number, _changes(session, certificate))
    original = content_of(session, certificate)
    corrected = revisions.correct(original, corrections)
    revisions.require_changed(original, corrected)
    content = corrected.as_mapping()
    proposal = ProposedAmendment(
        organization_id=session.organization_id,
        certificate_id=certificate.id,
        content=content,
        reason_zh=reason_zh,
        reason_en=reason_en,
        sha256=digest({"content": content, "reason_zh": reason_zh, "reason_en": reason_en}),
        proposed_by=person.id,
        proposed_at=now,
    )
    session.add(proposal)
    session.flush()
    audit.record(
        session, "amendment.proposed", proposal.id, actor_id=person.id, now=now,
        said={"number": certificate.number, "sha256": proposal.sha256},
    )  # fmt: skip
    return proposal


def sign_amendment(
    session: TenantSession,
    amendment_id: UUID,
    *,
    meaning: str,
    person: Person,
    authenticated_at: datetime | None,
    now: datetime,
    method: str = "session",
) -> Signature:
    """Sign a proposed amendment, as calibrated, checked or approved: three persons sign.

    Who signs as calibrated answers for the work as before, and is authorised for its procedure.

    Raises:
        InvalidField: a signature has no such meaning.
        NotFound: there is no such proposal.
        NotAuthorised: as for the signatures of a calibration.
    """
    proposal = store.proposed_amendment(session, amendment_id)
    work = [
        calibration_store.get(session, id_)
        for id_ in store.calibrations_of(session, proposal.certificate_id)
    ]
    return enter_signature(
        session, proposal.id, proposal.sha256, work, meaning=meaning, person=person,
        authenticated_at=authenticated_at, now=now, method=method, action="amendment",
    )  # fmt: skip


def missing_signatures(session: TenantSession, proposal: ProposedAmendment) -> list[Meaning]:
    """Return as what a proposed amendment must still be signed."""
    signed = {
        signature.meaning
        for signature, _ in store.signatures(session, proposal.id)
        if signature.subject_sha256 == proposal.sha256
    }
    calibration_id = store.calibrations_of(session, proposal.certificate_id)[0]
    needed = meanings_needed(session, calibration_store.get(session, calibration_id))
    return [meaning for meaning in needed if meaning.value not in signed]


def sign_and_issue(
    session: TenantSession,
    proposal: ProposedAmendment,
    *,
    meaning: str,
    person: Person,
    authenticated_at: datetime | None,
    url: str | None,
    render: Render,
    keys: LookupKeys,
    seals: Seals,
    now: datetime,
) -> Certificate | None:
    """Sign an amendment; if nobody else must sign, issue it and return its certificate.

    Raises: as `sign_amendment` and `amend`.
    """
    sign_amendment(
        session, proposal.id, meaning=meaning, person=person, authenticated_at=authenticated_at,
        now=now,
    )  # fmt: skip
    if missing_signatures(session, proposal):
        return None
    return amend(
        session, proposal.id, url=url, render=render, actor_id=person.id, keys=keys, seals=seals,
        now=now,
    )  # fmt: skip


def amend(
    session: TenantSession,
    amendment_id: UUID,
    *,
    url: str | None,
    render: Render,
    actor_id: UUID,
    keys: LookupKeys,
    seals: Seals,
    now: datetime,
) -> Certificate:
    """Issue the certificate that takes the place of another, as proposed and signed by three.

    Args:
        url: where certificates can be looked up; "{number}" stands for the number.

    Raises:
        NotFound: there is no such proposal.
        NotIssuable: one of the three signatures is missing.
        AlreadyWithdrawn, AlreadyAmended: the certificate does not stand any more.
        SealMissing, ContentError: as for issuing.
    """
    session.lock_book()
    proposal = store.proposed_amendment(session, amendment_id)
    certificate = _own(session, proposal.certificate_id)
    calibration_id = store.calibrations_of(session, certificate.id)[0]
    if missing := missing_signatures(session, proposal):
        raise NotIssuable(f"amendment {proposal.id} is not signed as {', '.join(missing)}")
    original = content_of(session, certificate)
    changes = _changes(session, certificate)

    def compose(number: str) -> CertificateContent:
        amended = revisions.amend(
            original,
            CertificateContent.from_mapping(proposal.content),
            number=number,
            issued_on=day_of(now),
            signatories=signatories(session, proposal.id),
            reason_zh=proposal.reason_zh,
            reason_en=proposal.reason_en,
            original_sha256=store.digests(session, certificate.id).get("xml"),
            changes=changes,
        )
        return with_address(amended, url)

    return _replace(
        session, certificate, calibration_id, signed_id=proposal.id, compose=compose, render=render,
        reason=_both(proposal.reason_zh, proposal.reason_en),
        actor_id=actor_id, keys=keys, seals=seals, now=now,
    )  # fmt: skip


def amend_by_successor(
    session: TenantSession,
    certificate_id: UUID,
    successor_id: UUID,
    *,
    reason_zh: str,
    reason_en: str,
    compose: Compose,
    url: str | None,
    render: Render,
    actor_id: UUID,
    keys: LookupKeys,
    seals: Seals,
    now: datetime,
) -> Certificate:
    """Issue the certificate of a new record of the work in the place of one whose record was wrong.

    The new calibration is signed by three as every other, and supersedes the old one.

    Args:
        compose: gives the content of the new calibration's certificate under a number.

    Raises:
        NotFound: the book has no such certificate or calibration.
        NotTheSenders: another organization issued it.
        InvalidField: a reason is missing, or the successor is of another item.
        AlreadyWithdrawn, AlreadyAmended, NothingChanged: as for an amendment.
        NotIssuable, TraceabilityBroken, SealMissing, ContentError: as for issuing.
    """
    session.lock_book()
    certificate = _own(session, certificate_id)
    _require_reasons(reason_zh, reason_en)
    original, changes = content_of(session, certificate), _changes(session, certificate)
    told = store.calibrations_of(session, certificate_id)
    successor = calibration_store.get(session, successor_id)
    if calibration_store.get(session, told[0]).item_id != successor.item_id:
        raise InvalidField("/calibration_id", "the calibration of another item")

    def amended(number: str) -> CertificateContent:
        corrected = compose(number)
        content = revisions.amend(
            original,
            corrected,
            number=number,
            issued_on=day_of(now),
            signatories=corrected.signatories,
            reason_zh=reason_zh,
            reason_en=reason_en,
            original_sha256=store.digests(session, certificate.id).get("xml"),
            changes=changes,
        )
        return with_address(content, url)

    return _replace(
        session, certificate, successor_id, signed_id=successor_id, compose=amended, render=render,
        reason=_both(reason_zh, reason_en),
        actor_id=actor_id, keys=keys, seals=seals, now=now,
    )  # fmt: skip


def content_of(session: TenantSession, certificate: Certificate) -> CertificateContent:
    """Return what a certificate of the book says.

    Raises:
        FormNotThere: it was issued on paper, and its text is not here.
    """
    file = store.file(session, certificate.id, "json")
    if file is None:
        raise FormNotThere(certificate.number, "json")
    return CertificateContent.from_mapping(json.loads(file.content))


def _replace(
    session: TenantSession,
    certificate: Certificate,
    calibration_id: UUID,
    *,
    signed_id: UUID,
    compose: Compose,
    render: Render,
    reason: str,
    actor_id: UUID,
    keys: LookupKeys,
    seals: Seals,
    now: datetime,
) -> Certificate:
    """Issue the new certificate, then let the old one stand as amended by it, for everyone."""
    row = calibration_store.get(session, calibration_id)
    new = certify(
        session, row, compose=compose, render=render, keys=keys, seals=seals, now=now,
        amends_id=certificate.id, signed_id=signed_id, actor_id=actor_id,
    )  # fmt: skip
    _set(
        session, certificate, LoggedEvent.AMENDED, reason=reason, seals=seals, now=now,
        replaced_by=new.number,
    )  # fmt: skip
    superseded = [
        id_
        for id_ in store.calibrations_of(session, certificate.id)
        if id_ != calibration_id and calibration_store.supersession(session, id_) is None
    ]
    for id_ in superseded:
        write_end(session, id_, successor_id=calibration_id, reason=reason, now=now)
    _tell_outside(
        session, certificate, LoggedEvent.AMENDED, {"replaced_by": new.number, "reason": reason},
        actor_id=actor_id, now=now,
    )  # fmt: skip
    notices.tell_ended(
        session, dict.fromkeys(superseded, calibration_id), {certificate.id: new.number},
        reason=reason, actor_id=actor_id, now=now,
    )  # fmt: skip
    return new


def _take_back(
    session: TenantSession,
    certificate: Certificate,
    event: LoggedEvent,
    *,
    reason: str,
    seals: Seals,
    now: datetime,
) -> None:
    if not reason.strip():
        raise InvalidField("/reason", "its holders are told why")
    revisions.require_standing(certificate.number, _changes(session, certificate))
    _set(session, certificate, event, reason=reason, seals=seals, now=now)


def _set(
    session: TenantSession,
    certificate: Certificate,
    event: LoggedEvent,
    *,
    reason: str,
    seals: Seals,
    now: datetime,
    replaced_by: str | None = None,
) -> None:
    """Write what became of a certificate in the book, the directory and the log."""
    # A demonstration's clock stands still; the newest status must be told from the one before.
    last = store.status(session, certificate.id).recorded_at
    recorded_at = max(now, last + timedelta(microseconds=1))
    said = {"recorded_at": recorded_at, "status": event.value}
    session.insert(CertificateStatus, [said | {"certificate_id": certificate.id, "reason": reason}])
    session.insert(
        CertificateEntry,
        [
            entry.model_dump() | said | {"replaced_by": replaced_by}
            for entry in store.entries(session, certificate.id)
        ],
    )
    log_event(session, certificate, event, seals=seals, now=recorded_at, replaced_by=replaced_by)


def _tell_outside(
    session: TenantSession,
    certificate: Certificate,
    event: LoggedEvent,
    said: Mapping[str, str],
    *,
    actor_id: UUID,
    now: datetime,
) -> None:
    """Write the audit line and the event of the outbox."""
    name = f"certificate.{event}"
    audit.record(
        session, name, certificate.id, actor_id=actor_id, now=now,
        said={"number": certificate.number, **said},
    )  # fmt: skip
    content = {"certificate_id": str(certificate.id), "number": certificate.number}
    outbox.announce(session, name, content, now=now)


def _own(session: TenantSession, certificate_id: UUID) -> Certificate:
    certificate = store.get(session, certificate_id)
    if certificate.issuer_id != session.organization_id:
        raise NotTheSenders(f"certificate {certificate.number} was issued by another")
    return certificate


def _changes(session: TenantSession, certificate: Certificate) -> tuple[Change, ...]:
    """Return what became of a certificate so far."""
    status = store.status(session, certificate.id)
    if status.status == LoggedEvent.ISSUED:
        return ()
    amendment = store.amendment_of(session, certificate.id)
    return (
        Change(
            became=LoggedEvent(status.status),
            on=day_of(status.recorded_at),
            replaced_by=amendment.number if amendment else None,
        ),
    )


def _require_reasons(reason_zh: str, reason_en: str) -> None:
    for name, reason in (("reason_zh", reason_zh), ("reason_en", reason_en)):
        if not reason.strip():
            raise InvalidField(f"/{name}", "the certificate says why it was amended")


def _both(reason_zh: str, reason_en: str) -> str:
    return reason_zh if reason_zh == reason_en else f"{reason_zh} / {reason_en}"
