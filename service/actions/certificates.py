"""Signing results, issuing certificates, and carrying over those of the time before."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, update
from uuid_utils.compat import uuid7

from certificates.content import CertificateContent, CertificateKind, ItemDescription, Meaning
from certificates.errors import SignatoriesIncomplete
from certificates.log import LoggedEvent
from certificates.numbers import format_number
from certificates.seal import canonical_bytes, digest, sha256_hex
from certificates.signer import Signer
from service import audit, outbox
from service.actions import notices
from service.actions.log import log_event
from service.clock import day_of
from service.errors import (
    AlreadyThere,
    InvalidField,
    NotAuthorised,
    NotFound,
    NotIssuable,
    ReauthenticationRequired,
)
from service.lookup import LookupKeys
from service.seals import Seals
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.store import people as people_store
from service.store import work_orders as work_order_store
from service.tables.calibrations import Calibration, OriginalRecord
from service.tables.certificates import (
    PROOF_LASTS,
    Certificate,
    CertificateCalibration,
    CertificateFile,
    CertificateSigning,
    CertificateStatus,
    NumberCounter,
    Signature,
)
from service.tables.items import Item
from service.tables.organizations import Organization
from service.tables.people import Person
from service.tables.published import CertificateEntry
from service.tenancy import TenantSession
from traceability.graph import build_graph, require_unbroken

OWN_NUMBER = re.compile(
    r"(?P<code>[A-Z0-9]+)-(?P<year>(19|20)\d{2})-(?P<sequence>\d{5,9})(-(?P<check>[0-9A-Z]))?",
    re.ASCII,
)
CONTENT_FORM = "json"
PROOF_FORM = "proof"
Compose = Callable[[str], CertificateContent]
Render = Callable[[CertificateContent, Signer, datetime], Mapping[str, bytes]]


def sign(
    session: TenantSession,
    calibration_id: UUID,
    *,
    meaning: str,
    person: Person,
    authenticated_at: datetime | None,
    now: datetime,
    method: str = "session",
) -> Signature:
    """Sign the original record of a calibration as calibrated, checked or approved.

    Who calibrated must be authorised for the procedure; to check and to approve it is enough to
    be a person of the organization, but who approves a record with an opinion on it releases the
    opinion, and must be authorised too (ISO/IEC 17025:2017, 7.8.7.1). The signature is of the
    digest of the record as it is: a record measured anew is another one, which nobody has signed.

    Args:
        authenticated_at: when the person last proved who it is; None if never.

    Raises:
        ReauthenticationRequired: that was more than 300 s ago, or never.
        InvalidField: a signature has no such meaning.
        NotFound: there is no such calibration, or no original record of it.
        NotAuthorised: the person is not of the organization, is not authorised for the procedure
            on the day of the work, or has signed this calibration already: three humans sign.
    """
    row = calibration_store.get(session, calibration_id)
    record = _record(session, calibration_id)
    if meaning == Meaning.APPROVED and "opinion_zh" in record.content["readings"].get(
        "remarks", {}
    ):
        _require_authorised(session, person, row)
    return enter_signature(
        session, calibration_id, record.sha256, [row], meaning=meaning, person=person,
        authenticated_at=authenticated_at, now=now, method=method, action="calibration",
    )  # fmt: skip


def enter_signature(
    session: TenantSession,
    subject_id: UUID,
    sha256: str,
    work: Sequence[Calibration],
    *,
    meaning: str,
    person: Person,
    authenticated_at: datetime | None,
    now: datetime,
    method: str,
    action: str,
) -> Signature:
    """Write a person's signature of what a digest names; one human signs a subject once.

    Args:
        work: the calibrations that it is about, for which who signs as calibrated is authorised.
        action: what the audit line calls the subject.

    Raises: as `sign`.
    """
    if meaning not in set(Meaning):
        raise InvalidField("/meaning", f"{meaning!r} is not one of {', '.join(Meaning)}")
    require_fresh(authenticated_at, now=now)
    _require_member(session, person)
    if meaning == Meaning.CALIBRATED:
        for row in work:
            _require_authorised(session, person, row)
    signature = Signature(
        organization_id=session.organization_id,
        subject_id=subject_id,
        subject_sha256=sha256,
        meaning=meaning,
        person_id=person.id,
        identity_id=person.identity_id,
        signed_at=now,
        method=method,
        reauthenticated_at=authenticated_at,
    )
    session.add(signature)
    name = person.name_en  # which the session forgets if the keys refuse the row
    try:
        session.flush()
    except IntegrityError as error:
        raise NotAuthorised(
            f"{action} {subject_id} is signed as {meaning} already, or {name} "
            "has signed it in another role: three persons sign"
        ) from error
    audit.record(
        session, f"{action}.{meaning}", subject_id, actor_id=person.id, now=now,
        said={"sha256": sha256},
    )  # fmt: skip
    return signature


def require_fresh(authenticated_at: datetime | None, *, now: datetime) -> None:
    """Refuse to sign for somebody whose last proof of identity is more than 300 s old.

    Raises:
        ReauthenticationRequired: it is, or is none yet, or there is none, as of a machine.

    Source: 21 CFR 11.200 asks for such a proof at each signing.
    """
    if authenticated_at is None:
        raise ReauthenticationRequired("a machine does not sign: log in as a person")
    if not authenticated_at <= now <= authenticated_at + PROOF_LASTS:
        raise ReauthenticationRequired(
            "prove your identity again: the last proof is older than "
            f"{PROOF_LASTS.total_seconds():.0f} s"
        )


def meanings_needed(session: TenantSession, row: Calibration) -> tuple[Meaning, ...]:
    """Return who must sign a calibration: three persons, of a verification always.

    Of a calibration nobody need check it where the organization's policy has two signatories.
    """
    policy = work_order_store.policy(session)
    two = policy is not None and policy.signatories == 2 and row.kind == "calibration"
    return tuple(meaning for meaning in Meaning if not (two and meaning is Meaning.CHECKED))


def issue(
    session: TenantSession,
    calibration_id: UUID,
    *,
    compose: Compose,
    render: Render,
    actor_id: UUID,
    keys: LookupKeys,
    seals: Seals,
    now: datetime,
) -> Certificate:
    """Issue the certificate of a calibration whose chain is unbroken and which three signed.

    Who was sent one that was voided is sent the one in its place.

    Number, content, sealed files, directory entry, log leaf with its signed checkpoint, proof,
    audit line and outbox are one transaction: a process that dies leaves neither half a
    certificate nor a gap in the numbers or in the log. The number's year is that of China's legal
    day, as is the day in the directory.

    Args:
        compose: gives the content of the certificate under a number; its kind is the certificate's.
        render: gives the bytes of each form of a content but JSON, which is the content itself,
            sealed by a signer at a moment.
        seals: the keys, one of which is the organization's.

    Raises:
        NotFound: there is no such calibration.
        AlreadyThere: the calibration has a certificate.
        NotIssuable: the organization did not make the calibration, it has ended, its record as it
            is now lacks one of the three signatures, or content or forms are not of this number.
        TraceabilityBroken: the chain has breaks; nothing is written.
        SealMissing: the organization has no key to seal with.
        ContentError: the content lacks what its kind must carry, such as a signature.
    """
    session.lock_book()
    row = calibration_store.get(session, calibration_id)
    known = store.of_calibration(session, calibration_id)
    last = store.status(session, known.id) if known else None
    if last is not None and last.status != LoggedEvent.VOIDED:
        raise AlreadyThere(f"calibration {calibration_id} has a certificate")
    certificate = certify(
        session, row, compose=compose, render=render, actor_id=actor_id, keys=keys, seals=seals,
        now=now,
    )  # fmt: skip
    if last is not None:
        notices.tell_ended(
            session, {}, {last.certificate_id: certificate.number}, reason=last.reason or "",
            actor_id=actor_id, now=now,
        )  # fmt: skip
    return certificate


def certify(
    session: TenantSession,
    row: Calibration,
    *,
    compose: Compose,
    render: Render,
    actor_id: UUID,
    keys: LookupKeys,
    seals: Seals,
    now: datetime,
    amends_id: UUID | None = None,
    signed_id: UUID | None = None,
) -> Certificate:
    """Issue a certificate of a calibration, in the place of `amends_id` if there is one.

    The book is locked. Args and errors: as `issue`.

    Args:
        signed_id: what its persons signed, where that is not the calibration.
    """
    _require_issuable(session, row)
    links = calibration_store.ancestry(session, row.id, known_at=now)
    require_unbroken(build_graph(links), row.id)
    code = session.get_one(Organization, session.organization_id).code
    signer = seals.signer(code)

    # 1 number and content
    number = next_number(session, day_of(now).year)
    content = compose(number)
    if content.number != number:
        raise NotIssuable(f"the content is of {content.number}, the certificate is {number}")
    needed = meanings_needed(session, row)
    _require_signatories(content, needed)
    told = canonical_bytes(content.as_mapping())

    # 2 the certificate and its sealed files
    certificate = _save(
        session,
        row,
        number=number,
        kind=content.kind.value,
        item=content.item,
        valid_until=content.valid_until,
        sha256=sha256_hex(told),
        amends_id=amends_id,
        keys=keys,
        now=now,
    )
    _keep_signing(session, certificate, signed_id or row.id, signatories=len(needed))
    forms = render(content, signer, now)
    if {CONTENT_FORM, PROOF_FORM} & forms.keys():
        raise NotIssuable(f"the content of {number} is its own {CONTENT_FORM} form")
    _keep_files(session, certificate, {CONTENT_FORM: told, **forms})

    # 3 the log, and the proof beside the files
    proof = log_event(session, certificate, LoggedEvent.ISSUED, seals=seals, now=now)
    _keep_files(session, certificate, {PROOF_FORM: proof.text().encode()})
    enter_files(session, certificate.id, keys=keys)

    # 4 who did it, and whom it concerns
    audit.record(
        session, "certificate.issued", certificate.id, actor_id=actor_id, now=now,
        said={"number": number, "sha256": certificate.content_sha256},
    )  # fmt: skip
    told_outside = {"certificate_id": str(certificate.id), "number": number}
    outbox.announce(session, "certificate.issued", told_outside, now=now)
    return certificate


def _keep_signing(
    session: TenantSession, certificate: Certificate, subject_id: UUID, *, signatories: int
) -> None:
    """Write which humans signed what a certificate tells of, where the database compares them."""
    signed = {row.meaning: row.identity_id for row, _ in store.signatures(session, subject_id)}
    session.insert(
        CertificateSigning,
        [
            {
                "certificate_id": certificate.id,
                "subject_id": subject_id,
                "signatories": signatories,
                **{f"{meaning}_by": signed.get(meaning) for meaning in Meaning},
            }
        ],
    )


def _keep_files(
    session: TenantSession, certificate: Certificate, forms: Mapping[str, bytes]
) -> None:
    session.insert(
        CertificateFile,
        [
            {
                "certificate_id": certificate.id,
                "form": form,
                "sha256": sha256_hex(document),
                "content": document,
            }
            for form, document in forms.items()
        ],
    )


def enter_files(session: TenantSession, certificate_id: UUID, *, keys: LookupKeys) -> None:
    """Let everyone who has a file of a certificate find it by the file's digest."""
    entry = store.entries(session, certificate_id)[0].model_dump()
    session.insert(
        CertificateEntry,
        [
            entry | {"lookup_key": keys.of_file(sha256)}
            for sha256 in store.digests(session, certificate_id).values()
        ],
    )


def carry_over(
    session: TenantSession,
    calibration_id: UUID,
    *,
    number: str,
    kind: str,
    signatories: Mapping[str, Person],
    keys: LookupKeys,
    now: datetime,
) -> Certificate:
    """Enter a certificate that was issued on paper, before this service, under its own number.

    What happened then is not judged here: the audit tells whether its chain was broken. The
    counter of its year moves up to the number, so that none is given twice.

    Args:
        number: CODE-YYYY-NNNNN of the organization's own code, with its check character or without.
        kind: of `CertificateKind`.
        signatories: who had signed, by meaning.
        now: when it was issued.

    Raises:
        NotFound: there is no such calibration, or no original record of it.
        InvalidField: the number is no number of the organization's, or the kind is none.
        AlreadyThere: the number is taken, in either spelling.
    """
    session.lock_book()
    row = calibration_store.get(session, calibration_id)
    record = _record(session, calibration_id)
    if kind not in set(CertificateKind):
        raise InvalidField("/kind", f"{kind!r} is not one of {', '.join(CertificateKind)}")
    year, sequence = _own_number(session, number)
    session.insert(
        Signature,
        [
            {
                "id": uuid7(),
                "subject_id": row.id,
                "subject_sha256": record.sha256,
                "meaning": meaning,
                "person_id": person.id,
                "identity_id": person.identity_id,
                "signed_at": now,
                "method": "paper",
            }
            for meaning, person in signatories.items()
        ],
    )
    _count_up_to(session, year, sequence)
    certificate = _save(
        session,
        row,
        number=number,
        kind=kind,
        item=session.get_one(Item, (session.organization_id, row.item_id)),
        valid_until=row.valid_until,
        sha256=record.sha256,
        keys=keys,
        now=now,
    )
    _keep_signing(session, certificate, row.id, signatories=len(signatories))
    audit.record(
        session, "certificate.carried_over", certificate.id,
        actor_id=signatories["approved"].id, now=now,
        said={"number": number, "sha256": certificate.content_sha256},
    )  # fmt: skip
    return certificate


def next_number(session: TenantSession, year: int) -> str:
    """Count the organization's certificates of a year one further; return the number."""
    session.lock_book()
    code = session.get_one(Organization, session.organization_id).code
    counter = NumberCounter
    counted = session.exec(
        update(counter)
        .where(col(counter.issuer_code) == code, col(counter.year) == year)
        .values(last=counter.last + 1)
        .returning(col(counter.last))
    ).scalar_one_or_none()
    if counted is None:
        session.insert(counter, [{"issuer_code": code, "year": year, "last": 1}])
        counted = 1
    return format_number(code, year, counted)


def _own_number(session: TenantSession, number: str) -> tuple[int, int]:
    """Return the year and the sequence of a number that the organization may still carry over."""
    code = session.get_one(Organization, session.organization_id).code
    found = OWN_NUMBER.fullmatch(number)
    if found is None or found["code"] != code:
        raise InvalidField("/number", f"{number!r} is not of the form {code}-YYYY-NNNNN")
    year, sequence = int(found["year"]), int(found["sequence"])
    if not sequence:
        raise InvalidField("/number", f"the sequence of {number} is out of range: it begins at 1")
    checked = format_number(code, year, sequence)
    if found["check"] and number != checked:
        raise InvalidField("/number", f"the check character of {number} does not belong to it")
    if store.is_there(session, None, checked, checked.rpartition("-")[0]):
        raise AlreadyThere(f"certificate {number} is in the book already")
    return year, sequence


def _count_up_to(session: TenantSession, year: int, sequence: int) -> None:
    """Move the counter of a year up to a sequence; the book is locked."""
    code = session.get_one(Organization, session.organization_id).code
    key = (session.organization_id, code, year)
    row = session.get(NumberCounter, key, populate_existing=True)
    if row is None:
        row = NumberCounter(
            organization_id=session.organization_id, issuer_code=code, year=year, last=0
        )
    row.last = max(row.last, sequence)
    session.add(row)
    session.flush()


def _save(
    session: TenantSession,
    row: Calibration,
    *,
    number: str,
    kind: str,
    item: Item | ItemDescription,
    valid_until: date | None,
    sha256: str,
    keys: LookupKeys,
    now: datetime,
    amends_id: UUID | None = None,
) -> Certificate:
    """Write the certificate, its status, what it tells of, and its entries in the directory."""
    organization = session.get_one(Organization, session.organization_id)
    certificate = Certificate(
        organization_id=organization.id,
        issuer_id=organization.id,
        number=number,
        kind=kind,
        issued_at=now,
        content_sha256=sha256,
        amends_id=amends_id,
    )
    session.add(certificate)
    session.flush()
    is_it = {"certificate_id": certificate.id}
    session.insert(CertificateStatus, [is_it | {"recorded_at": now, "status": "issued"}])
    session.insert(CertificateCalibration, [is_it | {"calibration_id": row.id}])
    entry: dict[str, Any] = is_it | {
        "recorded_at": now,
        "issuer_code": organization.code,
        "number": number,
        "kind": kind,
        "status": "issued",
        "issued_on": day_of(now),
        "valid_until": valid_until,
        "item_name_zh": item.name_zh,
        "item_name_en": item.name_en,
        "manufacturer_zh": item.manufacturer_zh,
        "manufacturer_en": item.manufacturer_en,
        "type_designation": item.type_designation,
        "content_sha256": sha256,
        "is_demonstration": row.is_demonstration,
    }
    both = (keys.of_number(number), keys.of_serial_number(item.serial_number))
    session.insert(CertificateEntry, [entry | {"lookup_key": key} for key in both])
    return certificate


def _record(session: TenantSession, calibration_id: UUID) -> OriginalRecord:
    record = calibration_store.original_record(session, calibration_id)
    if record is None:
        raise NotFound("original record of calibration", calibration_id)
    return record


def _require_issuable(session: TenantSession, row: Calibration) -> None:
    if row.source != "made":
        raise NotIssuable(f"calibration {row.id} is {row.source}, not made here")
    if calibration_store.supersession(session, row.id) is not None:
        raise NotIssuable(f"calibration {row.id} has ended")
    sha256 = digest(_record(session, row.id).content)
    signed = {
        signature.meaning
        for signature, _ in store.signatures(session, row.id)
        if signature.subject_sha256 == sha256
    }
    needed = meanings_needed(session, row)
    if missing := [meaning for meaning in needed if meaning not in signed]:
        raise NotIssuable(f"calibration {row.id} is not signed as {', '.join(missing)}")


def _require_signatories(content: CertificateContent, needed: Iterable[Meaning]) -> None:
    named = {signatory.meaning for signatory in content.signatories}
    if missing := [meaning.value for meaning in needed if meaning not in named]:
        raise SignatoriesIncomplete("signatories", f"nobody {', '.join(missing)}")


def _require_member(session: TenantSession, person: Person) -> None:
    member = people_store.get(session, person.id)
    if member is None or member.identity_id != person.identity_id:
        raise NotAuthorised(f"{person.name_en} is no person of this organization")


def _require_authorised(session: TenantSession, person: Person, row: Calibration) -> None:
    until = people_store.authorised_until(session, person.id, row.procedure_code or "")
    if until is None or until < row.performed_on:
        raise NotAuthorised(
            f"{person.name_en} is not authorised for {row.procedure_code} on {row.performed_on}"
        )
