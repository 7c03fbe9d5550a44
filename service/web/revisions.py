"""The page on which an issuer's people withdraw, void or amend a certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from certificates.content import CertificateContent, Meaning
from certificates.errors import CertificateError
from certificates.revisions import amended_texts
from certificates.wording import FIELDS, changed_wording
from service.actions import revisions
from service.auth import Acting, Reading, Reauthenticated, Transaction
from service.clock import Now
from service.errors import FormNotThere, InvalidField, NotAuthorised, ServiceError
from service.store import certificates as store
from service.tables.certificates import Certificate, ProposedAmendment
from service.tables.people import Person
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

CORRECTABLE = (
    "item.serial_number",
    "item.asset_number",
    "item.type_designation",
    "item.name_zh",
    "item.name_en",
    "item.manufacturer_zh",
    "item.manufacturer_en",
    "item.range_text",
    "item.accuracy_text",
    "customer.name_zh",
    "customer.name_en",
    "customer.address",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correctable:
    """A text that may be put right, as it stands."""

    path: str
    label: Bilingual
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldProposal:
    """A proposed amendment, who signed it, and as what it must still be signed."""

    amendment_id: UUID
    reason: Bilingual
    changes: tuple[Bilingual, ...]
    signed: tuple[tuple[Meaning, Bilingual], ...]
    missing: tuple[Meaning, ...]
    proposed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionPage:
    """A certificate that stands or not, what may be put right on it, and what was proposed.

    Attributes:
        stands: whether it may be taken back or amended.
        texts: none where its text is on paper only.
    """

    number: str
    status: str
    stands: bool
    texts: tuple[Correctable, ...]
    proposals: tuple[ToldProposal, ...]
    said: Mapping[str, str]
    error: str = ""


TEMPLATES[RevisionPage] = "certificate_revision.html"


@router.get(addresses.REVISION_ROUTE)
def show_revision(request: Request, session: Reading, number: str) -> HTMLResponse:
    """Show what may become of a certificate of the own book, and what was proposed."""
    return _show(request, session, store.by_number(session, number))


@router.post(addresses.REVISION_ROUTE)
def take_back(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    number: str,
    action: Annotated[str, Form(pattern="^(withdraw|void)$")],
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Withdraw or void a certificate."""
    certificate = store.by_number(session, number)
    act = revisions.withdraw if action == "withdraw" else revisions.void
    try:
        act(
            session, certificate.id, reason=reason, actor_id=actor.person_id,
            seals=request.app.state.seals, now=now,
        )  # fmt: skip
    except (InvalidField, CertificateError) as error:
        return _show(request, session, certificate, error=error, said={"reason": reason})
    return RedirectResponse(addresses.certificate(certificate.number), 303)


@router.post(addresses.AMENDMENT_ROUTE)
async def propose_amendment(
    request: Request, session: Transaction, actor: Acting, now: Now, number: str
) -> Response:
    """Propose the texts that were changed on the page."""
    said = {k: v.strip() for k, v in (await request.form()).items() if isinstance(v, str)}
    certificate = store.by_number(session, number)
    try:
        revisions.propose(
            session,
            certificate.id,
            corrections=_corrections(session, certificate, said),
            reason_zh=said.get("reason_zh", ""),
            reason_en=said.get("reason_en", ""),
            person=session.get_one(Person, (session.organization_id, actor.person_id)),
            now=now,
        )
    except (InvalidField, CertificateError, FormNotThere) as error:
        return _show(request, session, certificate, error=error, said=said)
    return RedirectResponse(addresses.revision(certificate.number), 303)


@router.post(addresses.AMENDMENT_SIGNATURE_ROUTE)
def sign_amendment(
    request: Request,
    session: Transaction,
    actor: Reauthenticated,
    now: Now,
    number: str,
    amendment_id: UUID,
    meaning: Annotated[str, Form(max_length=20)],
) -> Response:
    """Sign an amendment; the last signature issues it and leads to the new certificate."""
    certificate = store.by_number(session, number)
    proposal = store.proposed_amendment(session, amendment_id)
    try:
        with session.begin_nested():
            issued = revisions.sign_and_issue(
                session,
                proposal,
                meaning=meaning,
                person=session.get_one(Person, (session.organization_id, actor.person_id)),
                authenticated_at=actor.authenticated_at,
                url=request.app.state.settings.public_url.rstrip("/") + "/c/{number}",
                render=request.app.state.render,
                keys=request.app.state.keys,
                seals=request.app.state.seals,
                now=now,
            )
    except (NotAuthorised, CertificateError) as error:
        return _show(request, session, certificate, error=error)
    leads_to = addresses.certificate(issued.number) if issued else addresses.revision(number)
    return RedirectResponse(leads_to, 303)


def _corrections(
    session: TenantSession, certificate: Certificate, said: Mapping[str, str]
) -> dict[str, str]:
    """Return the texts of the page that differ from what the certificate says."""
    return {
        text.path: said[text.path]
        for text in _texts(session, certificate)
        if said.get(text.path, text.text) != text.text
    }


def _show(
    request: Request,
    session: TenantSession,
    certificate: Certificate,
    *,
    error: ServiceError | CertificateError | None = None,
    said: Mapping[str, str] | None = None,
) -> HTMLResponse:
    status = store.status(session, certificate.id).status
    page = RevisionPage(
        number=certificate.number,
        status=status,
        stands=status == "issued" and certificate.issuer_id == session.organization_id,
        texts=tuple(_texts(session, certificate)),
        proposals=tuple(
            _told(session, certificate, proposal)
            for proposal in store.proposed_amendments(session, certificate.id)
        ),
        said=said or {},
        error=str(error) if error else "",
    )
    return render_page(request, page, status=422 if error else 200)


def _texts(session: TenantSession, certificate: Certificate) -> list[Correctable]:
    try:
        told = revisions.content_of(session, certificate).as_mapping()
    except FormNotThere:
        return []
    found = []
    for path in CORRECTABLE:
        owner, name = path.split(".")
        if told[owner] is not None:
            zh, en = FIELDS[path]
            found.append(
                Correctable(path=path, label=Bilingual(zh=zh, en=en), text=told[owner][name])
            )
    return found


def _told(
    session: TenantSession, certificate: Certificate, proposal: ProposedAmendment
) -> ToldProposal:
    changes = amended_texts(
        revisions.content_of(session, certificate),
        CertificateContent.from_mapping(proposal.content),
    )
    return ToldProposal(
        amendment_id=proposal.id,
        reason=Bilingual(zh=proposal.reason_zh, en=proposal.reason_en),
        changes=tuple(Bilingual(zh=zh, en=en) for zh, en in map(changed_wording, changes)),
        signed=tuple(
            (Meaning(signature.meaning), Bilingual(zh=person.name_zh, en=person.name_en))
            for signature, person in store.signatures(session, proposal.id)
        ),
        missing=tuple(revisions.missing_signatures(session, proposal)),
        proposed_at=proposal.proposed_at,
    )
