"""Reading certificates of one book, with their files, status and signatures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, or_, select

from service.errors import NotFound
from service.tables.certificates import (
    Certificate,
    CertificateCalibration,
    CertificateFile,
    CertificateStatus,
    ProposedAmendment,
    Signature,
)
from service.tables.people import Person
from service.tables.published import CertificateEntry
from service.tenancy import TenantSession


@dataclass(frozen=True, slots=True)
class Listed:
    """A certificate as a list tells it; `status` is what became of it last."""

    id: UUID
    number: str
    kind: str
    issued_at: datetime
    status: str
    content_sha256: str


def get(session: TenantSession, certificate_id: UUID) -> Certificate:
    """Return one certificate of the book.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(Certificate, (session.organization_id, certificate_id))
    if row is None:
        raise NotFound("certificate", certificate_id)
    return row


def by_number(session: TenantSession, number: str) -> Certificate:
    """Return the certificate of this number that the book holds.

    Raises:
        NotFound: the book holds none.
    """
    row = session.exec(select(Certificate).where(Certificate.number == number)).first()
    if row is None:
        raise NotFound("certificate", number)
    return row


def page(session: TenantSession, *, after: UUID | None, limit: int) -> list[Listed]:
    """Return so many certificates of the book after the one of an id, by id."""
    statement = select(Certificate).order_by(col(Certificate.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(Certificate.id) > after)
    rows = session.exec(statement).all()
    status = CertificateStatus
    became = dict(
        session.exec(
            select(status.certificate_id, status.status)
            .where(col(status.certificate_id).in_([row.id for row in rows]))
            .order_by(col(status.recorded_at))
        ).all()
    )
    return [Listed(row.id, row.number, row.kind, row.issued_at, became[row.id], row.content_sha256)
            for row in rows]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate of the book, what became of it last, and the calibrations it tells of."""

    certificate: Certificate
    status: CertificateStatus
    calibration_ids: Sequence[UUID]


def page_with_ends(
    session: TenantSession,
    *,
    after: UUID | None,
    limit: int,
    updated_since: datetime | None = None,
) -> Sequence[Held]:
    """Return so many certificates of the book after the one of an id, by id."""
    said, link = CertificateStatus, CertificateCalibration
    statement = select(Certificate).order_by(col(Certificate.id)).limit(limit)
    if after is not None:
        statement = statement.where(col(Certificate.id) > after)
    if updated_since is not None:
        changed = select(said.certificate_id).where(col(said.recorded_at) >= updated_since)
        statement = statement.where(col(Certificate.id).in_(changed))
    found = session.exec(statement).all()
    ids = [row.id for row in found]
    told = session.exec(
        select(said).where(col(said.certificate_id).in_(ids)).order_by(col(said.recorded_at))
    )
    newest = {row.certificate_id: row for row in told}
    tells_of: dict[UUID, list[UUID]] = {id_: [] for id_ in ids}
    for row in session.exec(
        select(link).where(col(link.certificate_id).in_(ids)).order_by(col(link.calibration_id))
    ):
        tells_of[row.certificate_id].append(row.calibration_id)
    return [Held(row, newest[row.id], tells_of[row.id]) for row in found]


def is_there(session: TenantSession, certificate_id: UUID | None, *numbers: str) -> bool:
    """Return whether the book holds a certificate of this id, or of one of these numbers."""
    held = or_(Certificate.id == certificate_id, col(Certificate.number).in_(numbers))
    return session.exec(select(Certificate.id).where(held).limit(1)).first() is not None


def of_calibration(session: TenantSession, calibration_id: UUID) -> Certificate | None:
    """Return the newest certificate that tells of a calibration; None if there is none."""
    link = CertificateCalibration
    return session.exec(
        select(Certificate)
        .join(link, col(link.certificate_id) == Certificate.id)
        .where(link.calibration_id == calibration_id)
        .order_by(col(Certificate.issued_at).desc(), col(Certificate.id).desc())
        .limit(1)
    ).first()


def calibrations_of(session: TenantSession, certificate_id: UUID) -> Sequence[UUID]:
    """Return the calibrations that a certificate tells of."""
    link = CertificateCalibration
    return session.exec(
        select(link.calibration_id)
        .where(link.certificate_id == certificate_id)
        .order_by(col(link.calibration_id))
    ).all()


def files(session: TenantSession, certificate_id: UUID) -> Sequence[CertificateFile]:
    """Return every form of a certificate that the book holds."""
    file = CertificateFile
    return session.exec(
        select(file).where(file.certificate_id == certificate_id).order_by(col(file.form))
    ).all()


def file(session: TenantSession, certificate_id: UUID, form: str) -> CertificateFile | None:
    """Return one form of a certificate; None where the book does not hold it."""
    return session.get(CertificateFile, (session.organization_id, certificate_id, form))


def digests(session: TenantSession, certificate_id: UUID) -> Mapping[str, str]:
    """Return the SHA-256 of each form of a certificate that the book holds."""
    file = CertificateFile
    rows = session.exec(select(file.form, file.sha256).where(file.certificate_id == certificate_id))
    return dict(rows.all())


def status(session: TenantSession, certificate_id: UUID) -> CertificateStatus:
    """Return what became of a certificate last."""
    row = CertificateStatus
    return session.exec(
        select(row)
        .where(row.certificate_id == certificate_id)
        .order_by(col(row.recorded_at).desc())
        .limit(1)
    ).one()


def amendment_of(session: TenantSession, certificate_id: UUID) -> Certificate | None:
    """Return the certificate that amends one; None if none does."""
    return session.exec(select(Certificate).where(Certificate.amends_id == certificate_id)).first()


def proposed_amendment(session: TenantSession, amendment_id: UUID) -> ProposedAmendment:
    """Return one proposed amendment of the book.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(ProposedAmendment, (session.organization_id, amendment_id))
    if row is None:
        raise NotFound("amendment", amendment_id)
    return row


def proposed_amendments(
    session: TenantSession, certificate_id: UUID
) -> Sequence[ProposedAmendment]:
    """Return what was proposed to be said instead of a certificate, the newest first."""
    row = ProposedAmendment
    return session.exec(
        select(row)
        .where(row.certificate_id == certificate_id)
        .order_by(col(row.proposed_at).desc(), col(row.id).desc())
    ).all()


def entries(session: TenantSession, certificate_id: UUID) -> Sequence[CertificateEntry]:
    """Return what the organization last told the directory of a certificate, one a look-up key."""
    row = CertificateEntry
    rows = session.exec(
        select(row)
        .where(row.certificate_id == certificate_id, row.issuer_id == session.organization_id)
        .order_by(col(row.recorded_at))
    )
    return list({entry.lookup_key: entry for entry in rows}.values())


def signatures(session: TenantSession, subject_id: UUID) -> Sequence[tuple[Signature, Person]]:
    """Return who signed a subject, in the order of signing."""
    return session.exec(
        select(Signature, Person)
        .join(Person, col(Person.id) == Signature.person_id)
        .where(Signature.subject_id == subject_id)
        .order_by(col(Signature.signed_at), col(Signature.meaning))
    ).all()
