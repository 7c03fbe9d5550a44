"""Appending to the transparency log: every event of a certificate, in the event's transaction."""

from datetime import datetime

from certificates.log import Checkpoint, LogEntry, LoggedEvent, nodes_completed
from certificates.log_files import InclusionFile, origin_of, sign_checkpoint
from certificates.signer import SealCertificate
from service.errors import NotTheSenders
from service.seals import Seals
from service.store import certificates as certificate_store
from service.store import log as store
from service.tables.certificates import Certificate
from service.tables.log import LogLeaf, LogNode, SealRecord
from service.tables.organizations import Organization
from service.tenancy import TenantSession


def log_event(
    session: TenantSession,
    certificate: Certificate,
    event: LoggedEvent,
    *,
    seals: Seals,
    now: datetime,
    replaced_by: str | None = None,
) -> InclusionFile:
    """Append an event of a certificate to its issuer's log; return the proof that it stands there.

    The entry names the certificate's files, which are kept before, by their digests; the checkpoint
    over it is signed by the issuer's newest key.

    Args:
        replaced_by: the number of the certificate that amends this one.

    Raises:
        NotTheSenders: another organization issued it.
        SealMissing: the organization has no key to sign with.
    """
    if certificate.issuer_id != session.organization_id:
        raise NotTheSenders(f"certificate {certificate.number} was issued by another")
    session.lock_book()
    organization = session.get_one(Organization, session.organization_id)
    signer = seals.signer(organization.code)
    _record_seal(session, signer.certificate, now=now)
    files = certificate_store.digests(session, certificate.id)
    entry = LogEntry(
        number=certificate.number,
        event=event,
        occurred_at=now,
        content_sha256=certificate.content_sha256,
        dcc_sha256=files.get("xml"),
        pdf_sha256=files.get("pdf"),
        html_sha256=files.get("html"),
        replaced_by=replaced_by,
    )
    head, leaf = store.head(session), entry.leaf()
    grown = head.appended(leaf)
    checkpoint = Checkpoint(origin_of(organization.code, organization.id), grown.size, grown.root())
    note = sign_checkpoint(checkpoint, signer)
    row = {
        "position": head.size,
        "number": entry.number,
        "entry": entry.text().decode(),
        "checkpoint": note,
    }
    session.insert(LogLeaf, [row])
    session.insert(
        LogNode,
        [
            {"level": level, "position": position, "sha256": node.hex()}
            for level, position, node in nodes_completed(head, leaf)
        ],
    )
    return InclusionFile(entry, head.size, tuple(reversed(head.peaks)), note)


def _record_seal(session: TenantSession, certificate: SealCertificate, *, now: datetime) -> None:
    """Keep the certificate of a seal at its first use, so that anyone can ask for it later."""
    if not store.knows_seal(session, certificate.sha256):
        row = {"sha256": certificate.sha256, "recorded_at": now, "certificate": certificate.pem}
        session.insert(SealRecord, [row])
