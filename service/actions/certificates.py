"""Signing results, issuing certificates, and carrying over those of the time before."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, update
from uuid_utils.compat import uuid7

from certificates.content import CertificateContent
from certificates.numbers import format_number
from certificates.seal import canonical_bytes, sha256_hex
from service import audit
from service.errors import AlreadyThere, NotAuthorised, NotFound
from service.lookup import LookupKeys
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.store import people as people_store
from service.tables.calibrations import Calibration
from service.tables.certificates import (
    Certificate,
    CertificateCalibration,
    CertificateFile,
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

OWN_NUMBER = re.compile(r"[A-Z0-9]+-(?P<year>\d{4})-(?P<sequence>\d+)(-[0-9A-Z])?", re.ASCII)
Compose = Callable[[str], CertificateContent]
Render = Callable[[CertificateContent], Mapping[str, bytes]]


def sign(
    session: TenantSession,
    calibration_id: UUID,
    *,
    meaning: str,
    person: Person,
    now: datetime,
    method: str = "session",
) -> Signature:
    """Sign the original record of a calibration as calibrated, checked or approved.

    Raises:
        NotFound: there is no such calibration, or no original record of it.
        NotAuthorised: the person is not authorised for the procedure on the day of the work, or
            has signed this calibration already: three humans sign.
    """
    row = calibration_store.get(session, calibration_id)
    record = calibration_store.original_record(session, calibration_id)
    if record is None:
        raise NotFound("original record of calibration", calibration_id)
    if meaning == "calibrated":
        _require_authorised(session, person, row)
    signature = Signature(
        organization_id=session.organization_id,
        subject_id=calibration_id,
        subject_sha256=record.sha256,
        meaning=meaning,
        person_id=person.id,
        identity_id=person.identity_id,
        signed_at=now,
        method=method,
    )
    session.add(signature)
    try:
        session.flush()
    except IntegrityError as error:
        raise NotAuthorised(
            f"calibration {calibration_id} is signed as {meaning} already, or {person.name_en} "
            "has signed it in another role: three persons sign"
        ) from error
    audit.record(
        session, f"calibration.{meaning}", calibration_id, actor_id=person.id, now=now,
        said={"sha256": record.sha256},
    )  # fmt: skip
    return signature


def issue(
    session: TenantSession,
    calibration_id: UUID,
    *,
    compose: Compose,
    render: Render,
    kind: str,
    actor_id: UUID,
    keys: LookupKeys,
    now: datetime,
) -> Certificate:
    """Issue the certificate of a calibration whose chain is unbroken and which three signed.

    Number, content, files, directory entry and audit line are one transaction: a process that
    dies leaves neither half a certificate nor a gap in the numbers.

    Args:
        compose: gives the content of the certificate under a number.
        render: gives the bytes of each form of a content.

    Raises:
        NotFound: there is no such calibration.
        AlreadyThere: the calibration has a certificate.
        TraceabilityBroken: the chain has breaks; nothing is written.
        ContentError: the content lacks what its kind must carry, such as a signature.
    """
    row = calibration_store.get(session, calibration_id)
    if store.of_calibration(session, calibration_id) is not None:
        raise AlreadyThere(f"calibration {calibration_id} has a certificate")
    links = calibration_store.ancestry(session, calibration_id, known_at=now)
    require_unbroken(build_graph(links), calibration_id)
    number = next_number(session, now.year)
    content = compose(number)
    told = canonical_bytes(content.as_mapping())
    certificate = _save(
        session, row, number=number, kind=kind, sha256=sha256_hex(told), keys=keys, now=now
    )
    forms = {"json": told, **render(content)}
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
    audit.record(
        session, "certificate.issued", certificate.id, actor_id=actor_id, now=now,
        said={"number": number, "sha256": certificate.content_sha256},
    )  # fmt: skip
    return certificate


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
        signatories: who had signed, by meaning.
        now: when it was issued.

    Raises:
        NotFound: there is no such calibration.
    """
    row = calibration_store.get(session, calibration_id)
    record = calibration_store.original_record(session, calibration_id)
    if record is None:
        raise NotFound("original record of calibration", calibration_id)
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
    if found := OWN_NUMBER.fullmatch(number):
        _count_up_to(session, int(found["year"]), int(found["sequence"]))
    certificate = _save(
        session, row, number=number, kind=kind, sha256=record.sha256, keys=keys, now=now
    )
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


def _count_up_to(session: TenantSession, year: int, sequence: int) -> None:
    code = session.get_one(Organization, session.organization_id).code
    row = session.get(NumberCounter, (session.organization_id, code, year))
    if row is None:
        session.add(
            NumberCounter(
                organization_id=session.organization_id,
                issuer_code=code,
                year=year,
                last=sequence,
            )
        )
    elif row.last < sequence:
        row.last = sequence


def _save(
    session: TenantSession,
    row: Calibration,
    *,
    number: str,
    kind: str,
    sha256: str,
    keys: LookupKeys,
    now: datetime,
) -> Certificate:
    """Write the certificate, its status, what it tells of, and its entries in the directory."""
    organization = session.get_one(Organization, session.organization_id)
    item = session.get_one(Item, (session.organization_id, row.item_id))
    certificate = Certificate(
        organization_id=organization.id,
        issuer_id=organization.id,
        number=number,
        kind=kind,
        issued_at=now,
        content_sha256=sha256,
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
        "issued_on": now.date(),
        "valid_until": row.valid_until,
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


def _require_authorised(session: TenantSession, person: Person, row: Calibration) -> None:
    until = people_store.authorised_until(session, person.id, row.procedure_code or "")
    if until is None or until < row.performed_on:
        raise NotAuthorised(
            f"{person.name_en} is not authorised for {row.procedure_code} on {row.performed_on}"
        )
