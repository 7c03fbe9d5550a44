"""Reading received files, and what was entered from them."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import col, or_, select

from service.errors import NotFound
from service.tables.calibrations import Calibration, CalibrationSupersession, Publication
from service.tables.certificates import Certificate, CertificateCalibration
from service.tables.documents import CalibrationDocument, ReceivedDocument
from service.tables.published import PublishedCalibration
from service.tenancy import TenantSession


def get(session: TenantSession, document_id: UUID) -> ReceivedDocument:
    """Return one received file of the book.

    Raises:
        NotFound: the book has none of this id.
    """
    row = session.get(ReceivedDocument, (session.organization_id, document_id))
    if row is None:
        raise NotFound("document", document_id)
    return row


def by_digest(session: TenantSession, sha256: str) -> ReceivedDocument | None:
    """Return the received file of a digest; None if the book has none."""
    return session.exec(
        select(ReceivedDocument).where(ReceivedDocument.sha256 == sha256)
    ).one_or_none()


def calibrations_from(session: TenantSession, document_id: UUID) -> Sequence[UUID]:
    """Return the calibrations that were entered from a file."""
    link = CalibrationDocument
    return session.exec(
        select(link.calibration_id)
        .where(link.document_id == document_id)
        .order_by(col(link.calibration_id))
    ).all()


def document_of(session: TenantSession, calibration_id: UUID) -> ReceivedDocument | None:
    """Return the file that a calibration was entered from; None if there is none."""
    link = CalibrationDocument
    return session.exec(
        select(ReceivedDocument)
        .join(link, col(link.document_id) == ReceivedDocument.id)
        .where(link.calibration_id == calibration_id)
    ).first()


def is_entered(session: TenantSession, item_id: UUID, certificate_number: str) -> bool:
    """Return whether the book has a calibration of an item by a certificate of this number."""
    row = Calibration
    statement = select(row.id).where(
        row.item_id == item_id, row.certificate_number == certificate_number
    )
    return session.exec(statement.limit(1)).first() is not None


def standing_external(
    session: TenantSession, item_id: UUID | None, certificate_number: str
) -> Sequence[UUID]:
    """Return the unpublished calibrations of an item that stand by an entered certificate."""
    row, end, published = Calibration, CalibrationSupersession, Publication
    return session.exec(
        select(row.id)
        .outerjoin(end, col(end.calibration_id) == row.id)
        .outerjoin(published, col(published.calibration_id) == row.id)
        .where(
            row.item_id == item_id,
            row.source == "external",
            row.certificate_number == certificate_number,
            col(end.calibration_id).is_(None),
            col(published.calibration_id).is_(None),
        )
    ).all()


def calibration_by_certificate(
    session: TenantSession, number: str, *, on: date
) -> Calibration | PublishedCalibration | None:
    """Return the calibration that a certificate tells of: of the book, else a published one.

    Only one performed by a day can have served on it; of several the newest.
    """
    if not number:
        return None
    issued = (
        select(CertificateCalibration.calibration_id)
        .join(Certificate, col(Certificate.id) == CertificateCalibration.certificate_id)
        .where(Certificate.number == number)
    )
    ids = session.exec(issued).all()
    named = or_(Calibration.certificate_number == number, col(Calibration.id).in_(ids))
    own = session.exec(
        select(Calibration)
        .where(named, Calibration.performed_on <= on)
        .order_by(col(Calibration.performed_on).desc())
    ).first()
    if own is not None:
        return own
    published = PublishedCalibration
    return session.exec(
        select(published)
        .where(published.certificate_number == number, published.performed_on <= on)
        .order_by(col(published.performed_on).desc())
    ).first()
