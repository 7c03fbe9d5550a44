"""Issuing certificates, and what becomes of them: withdrawn, voided, amended; and the bundle."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response, status
from pydantic import ConfigDict, Field, model_validator
from sqlmodel import SQLModel

from certificates.content import CertificateContent, CertificateKind, MaterialStatements, Meaning
from certificates.dcc.drmd import write_drmd
from certificates.revisions import amended_texts
from service import answers
from service.actions import certificates, revisions, signing_off
from service.auth import Acting, Reading, Reauthenticated, Transaction
from service.clock import Now
from service.dcc_schemas import held_against
from service.errors import FormNotThere, NotFound
from service.exchange.bundles import bundle
from service.settings import Settings
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.store import log as log_store
from service.tables.certificates import Certificate, ProposedAmendment
from service.tables.people import Person
from service.tenancy import TenantSession

router = APIRouter(prefix="/certificates", tags=["certificates"])

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Asked(SQLModel):
    """A request; fields that we do not know are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)  # type: ignore[assignment]


class MaterialAsked(Asked):
    """What only the certificate of a reference material says (ISO 33401:2024)."""

    batch: Text
    version: Text
    intended_use_zh: Text
    intended_use_en: Text
    minimum_sample_size: Text
    storage_zh: Text
    storage_en: Text
    handling_zh: Text
    handling_en: Text
    description_zh: Text
    description_en: Text
    commutability_zh: Annotated[str, Field(max_length=2000)] = ""
    commutability_en: Annotated[str, Field(max_length=2000)] = ""


class IssueAsked(Asked):
    """Of what a certificate is issued.

    `kind` is the one that the verdict leads to where it is left out; `due_date_agreed` says that
    the customer agreed to a due date on a calibration certificate.
    """

    calibration_id: UUID
    kind: CertificateKind | None = None
    due_date_agreed: bool = False
    material: MaterialAsked | None = None


class IssuedAnswer(SQLModel):
    """A certificate that was issued.

    `dcc_schema` is the version of PTB's schema that its XML was held against before it was sealed;
    null: no schema is at hand, and nobody here knows whether it is valid.
    """

    number: str
    kind: CertificateKind
    content_sha256: str
    dcc_schema: str | None


class ReasonAsked(Asked):
    """Why a certificate is taken back, as its holders are told."""

    reason: Text


class StandingAnswer(SQLModel):
    """What became of a certificate."""

    number: str
    status: str
    reason: str | None
    recorded_at: datetime


class AmendmentAsked(Asked):
    """Either texts to be put right, or the calibration that was made anew; and why."""

    reason_zh: Text
    reason_en: Text
    corrections: dict[str, str] = Field(default={}, max_length=50)
    calibration_id: UUID | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "AmendmentAsked":
        if bool(self.corrections) == (self.calibration_id is not None):
            raise ValueError("either corrections, or the calibration that was made anew")
        return self


class SignatureAsked(Asked):
    """As what one signs."""

    meaning: Literal["calibrated", "checked", "approved"]


class ChangeTold(SQLModel):
    """A field that is to say otherwise."""

    field: str
    before: str
    after: str


class AmendmentAnswer(SQLModel):
    """An amendment: what changes and why, who signed, who must still, its number once issued."""

    id: UUID | None
    amends: str
    reason_zh: str
    reason_en: str
    changes: list[ChangeTold]
    signed: list[Meaning]
    missing: list[Meaning]
    issued_number: str | None = None


@router.post("", status_code=status.HTTP_201_CREATED)
def issue_certificate(
    request: Request, session: Transaction, actor: Acting, now: Now, asked: IssueAsked
) -> IssuedAnswer:
    """Issue the certificate of a calibration that three persons signed and whose chain is unbroken.

    Number, files, seals, log, directory and outbox are one transaction.
    """
    row = calibration_store.get(session, asked.calibration_id)
    certificate = certificates.issue(
        session,
        row.id,
        compose=signing_off.composition_of(
            session,
            row,
            url=url_of(request),
            now=now,
            kind=asked.kind,
            due_date_agreed=asked.due_date_agreed,
            material=MaterialStatements(**asked.material.model_dump()) if asked.material else None,
        ),
        render=request.app.state.render,
        actor_id=actor.person_id,
        keys=request.app.state.keys,
        seals=request.app.state.seals,
        now=now,
    )
    return _issued(request, certificate)


@router.post("/{number}/withdrawal", status_code=status.HTTP_201_CREATED)
def withdraw_certificate(
    request: Request, session: Transaction, actor: Acting, now: Now, number: str, asked: ReasonAsked
) -> StandingAnswer:
    """Withdraw a certificate for everyone: its results are not to be relied on (17025, 7.8.8).

    Its calibrations stand no longer, and whoever was sent it is sent a notice.
    """
    certificate = store.by_number(session, number)
    revisions.withdraw(
        session, certificate.id, reason=asked.reason, actor_id=actor.person_id,
        seals=request.app.state.seals, now=now,
    )  # fmt: skip
    return _standing(session, certificate)


@router.post("/{number}/voiding", status_code=status.HTTP_201_CREATED)
def void_certificate(
    request: Request, session: Transaction, actor: Acting, now: Now, number: str, asked: ReasonAsked
) -> StandingAnswer:
    """Void a certificate that was issued in error; its number is kept and never used again."""
    certificate = store.by_number(session, number)
    revisions.void(
        session, certificate.id, reason=asked.reason, actor_id=actor.person_id,
        seals=request.app.state.seals, now=now,
    )  # fmt: skip
    return _standing(session, certificate)


@router.post("/{number}/amendments", status_code=status.HTTP_201_CREATED)
def amend_certificate(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    number: str,
    asked: AmendmentAsked,
) -> AmendmentAnswer:
    """Propose what a certificate is to say instead; or issue that of the record made anew.

    Corrections are of texts that stand beside the record, by their path (`item.serial_number`);
    three persons sign them, and with the last signature the new certificate is issued. With
    `calibration_id` the new record is signed already, and the certificate is issued at once.
    """
    certificate = store.by_number(session, number)
    if asked.calibration_id is not None:
        row = calibration_store.get(session, asked.calibration_id)
        new = revisions.amend_by_successor(
            session,
            certificate.id,
            row.id,
            reason_zh=asked.reason_zh,
            reason_en=asked.reason_en,
            compose=signing_off.composition_of(session, row, url=None, now=now),
            url=url_of(request),
            render=request.app.state.render,
            actor_id=actor.person_id,
            keys=request.app.state.keys,
            seals=request.app.state.seals,
            now=now,
        )
        return _amended(session, new, number)
    person = session.get_one(Person, (session.organization_id, actor.person_id))
    proposal = revisions.propose(
        session, certificate.id, corrections=asked.corrections, reason_zh=asked.reason_zh,
        reason_en=asked.reason_en, person=person, now=now,
    )  # fmt: skip
    return amendment_answer(session, proposal)


@router.get("/{number}/amendments")
def list_amendments(session: Reading, number: str) -> list[AmendmentAnswer]:
    """List what was proposed to be said instead of a certificate, the newest first."""
    certificate = store.by_number(session, number)
    return [
        amendment_answer(session, proposal)
        for proposal in store.proposed_amendments(session, certificate.id)
    ]


@router.post("/{number}/amendments/{amendment_id}/signatures", status_code=201)
def sign_amendment(
    request: Request,
    session: Transaction,
    actor: Reauthenticated,
    now: Now,
    number: str,
    amendment_id: UUID,
    asked: SignatureAsked,
) -> AmendmentAnswer:
    """Sign a proposed amendment; the last of the signatures issues the new certificate."""
    certificate = store.by_number(session, number)
    proposal = store.proposed_amendment(session, amendment_id)
    if proposal.certificate_id != certificate.id:
        raise NotFound("amendment", amendment_id)
    issued = revisions.sign_and_issue(
        session,
        proposal,
        meaning=asked.meaning,
        person=session.get_one(Person, (session.organization_id, actor.person_id)),
        authenticated_at=actor.authenticated_at,
        url=url_of(request),
        render=request.app.state.render,
        keys=request.app.state.keys,
        seals=request.app.state.seals,
        now=now,
    )
    answer = amendment_answer(session, proposal)
    return answer.model_copy(update={"issued_number": issued.number}) if issued else answer


@router.get(
    "/{number}/bundle",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)
def get_certificate_bundle(request: Request, session: Reading, now: Now, number: str) -> Response:
    """Return everything that another installation needs of a certificate, as a zip.

    Its files as issued with the proof, the chain behind it, and the certificates of the issuer's
    seals; `suyuan certificate import` takes it in.
    """
    certificate = store.by_number(session, number)
    calibration_id = store.calibrations_of(session, certificate.id)[0]
    content = bundle(
        session,
        certificate,
        chain=answers.chain(session, calibration_id, on=None, known_at=now),
        seals=tuple(log_store.seals(request.app.state.engine, certificate.issuer_id)),
    )
    name = f"{certificate.number}.zip"
    return Response(
        content,
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{ascii_name(name)}"'},
    )


@router.get(
    "/{number}/drmd",
    response_class=Response,
    responses={200: {"content": {"application/xml": {}}}},
)
def get_reference_material_document(request: Request, session: Reading, number: str) -> Response:
    """Return a reference-material certificate as a Digital Reference Material Document (0.3.0).

    Its schema is still a draft in a namespace of examples: it is told only where the operator
    offers it (`SUYUAN_OFFER_DRMD`), unsealed, beside the certificate itself.
    """
    certificate = store.by_number(session, number)
    settings: Settings = request.app.state.settings
    if not settings.offer_drmd:
        raise FormNotThere(certificate.number, "drmd")
    return Response(
        write_drmd(revisions.content_of(session, certificate)), media_type="application/xml"
    )


def ascii_name(name: str) -> str:
    """Return a file's name as it may stand in a header."""
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\/' else "_" for c in name)


def url_of(request: Request) -> str:
    """Return where certificates are looked up; "{number}" stands for the number."""
    settings: Settings = request.app.state.settings
    return settings.public_url.rstrip("/") + "/c/{number}"


def amendment_answer(session: TenantSession, proposal: ProposedAmendment) -> AmendmentAnswer:
    """Return what is told of a proposed amendment."""
    certificate = store.get(session, proposal.certificate_id)
    original = revisions.content_of(session, certificate)
    changes = amended_texts(original, CertificateContent.from_mapping(proposal.content))
    missing = revisions.missing_signatures(session, proposal)
    amendment = None if missing else store.amendment_of(session, certificate.id)
    return AmendmentAnswer(
        id=proposal.id,
        amends=certificate.number,
        reason_zh=proposal.reason_zh,
        reason_en=proposal.reason_en,
        changes=[
            ChangeTold(field=change.field, before=change.before, after=change.after)
            for change in changes
        ],
        signed=[Meaning(s.meaning) for s, _ in store.signatures(session, proposal.id)],
        missing=missing,
        issued_number=amendment.number if amendment else None,
    )


def _amended(session: TenantSession, new: Certificate, number: str) -> AmendmentAnswer:
    content = revisions.content_of(session, new)
    amends = content.amends
    if amends is None:
        raise NotFound("amendment", number)
    return AmendmentAnswer(
        id=None,
        amends=number,
        reason_zh=amends.reason_zh,
        reason_en=amends.reason_en,
        changes=[
            ChangeTold(field=change.field, before=change.before, after=change.after)
            for change in amends.changes
        ],
        signed=[signatory.meaning for signatory in content.signatories],
        missing=[],
        issued_number=new.number,
    )


def _issued(request: Request, certificate: Certificate) -> IssuedAnswer:
    return IssuedAnswer(
        number=certificate.number,
        kind=CertificateKind(certificate.kind),
        content_sha256=certificate.content_sha256,
        dcc_schema=held_against(request.app.state.settings.dcc_schema_dir),
    )


def _standing(session: TenantSession, certificate: Certificate) -> StandingAnswer:
    said = store.status(session, certificate.id)
    return StandingAnswer(
        number=certificate.number,
        status=said.status,
        reason=said.reason,
        recorded_at=said.recorded_at,
    )
