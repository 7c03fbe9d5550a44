"""Where a certificate stands, and whether a file is the issued one: asked by anyone."""

from base64 import b64encode
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from sqlmodel import SQLModel

from certificates.content import CertificateContent, CertificateKind, Stage, ValueStatus
from certificates.revisions import Standing
from certificates.seal import canonical_bytes
from procedures.conformity import Verdict as Conformity
from service import public
from service.api.given import Day
from service.clock import Now, Today
from service.errors import SealMissing
from service.public import Answer, Finding
from service.seals import Seals
from service.throttle import LOOK_UPS, UPLOADS, throttled
from service.uploads import read_upload

router = APIRouter(prefix="/certificates", tags=["certificates"])

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    },
                }
            }
        },
    }
}


class PaperResult(SQLModel):
    """A result as the paper says it, its digits as printed."""

    measurand_zh: str
    measurand_en: str
    unit: str
    nominal: str | None
    nominal_unit: str | None
    estimate: str
    expanded_uncertainty: str | None
    expanded_uncertainty_unit: str | None
    coverage_factor: str | None
    coverage_probability: str | None
    limit: str | None
    verdict: Conformity | None
    stage: Stage | None
    value_status: ValueStatus | None


class Paper(SQLModel):
    """What to compare with the paper; only for who gave the code that the paper carries."""

    serial_number: str
    performed_on: date
    original_record_number: str
    results: list[PaperResult]


class StatusSignature(SQLModel):
    """The issuer's signature (ECDSA P-256 with SHA-256, DER in base64) of a status.

    What is signed is the answer without `signature`, as JSON with sorted keys and no spaces, in
    UTF-8; `seal_sha256` names the certificate among `/v1/logs/{code}/seals`.
    """

    seal_sha256: str
    value: str


class StatusAnswer(SQLModel):
    """Where a certificate stands on a day, as its issuer told it; all but `number` may be unknown.

    `status` is one of unknown, not_yet_issued, valid, due_soon, expired, amended, withdrawn,
    voided; `since` the day from which it is so, of an expired one the last day on which it held.
    """

    number: str
    status: Standing
    on: date
    stated_at: datetime
    since: date | None = None
    replaced_by: str | None = None
    kind: CertificateKind | None = None
    issuer_zh: str | None = None
    issuer_en: str | None = None
    issued_on: date | None = None
    valid_until: date | None = None
    item_name_zh: str | None = None
    item_name_en: str | None = None
    manufacturer_zh: str | None = None
    manufacturer_en: str | None = None
    type_designation: str | None = None
    content_sha256: str | None = None
    is_demonstration: bool | None = None
    code_is_right: bool | None = None
    paper: Paper | None = None
    signature: StatusSignature | None = None


class AuthenticationAnswer(SQLModel):
    """What a file is: issued, altered (it names a certificate, and is none of its files), unknown.

    `certificate` is where the certificate stands today that the file is, or claims to be.
    """

    sha256: str
    finding: Finding
    certificate: StatusAnswer | None = None


DIRECTORY = (
    "kind",
    "issuer_zh",
    "issuer_en",
    "issued_on",
    "valid_until",
    "item_name_zh",
    "item_name_en",
    "manufacturer_zh",
    "manufacturer_en",
    "type_designation",
    "content_sha256",
    "is_demonstration",
)


@router.get("/{number}/status", dependencies=[throttled("look-up", LOOK_UPS)])
def get_certificate_status(
    request: Request,
    today: Today,
    now: Now,
    number: str,
    on: Day | None = None,
    code: Annotated[str, Query(max_length=40)] = "",
) -> StatusAnswer:
    """Tell where a certificate stands on a day, today unless `on` says otherwise.

    The answer is signed by the issuer's seal, with the moment at which it was given, so that it
    can be kept and shown; what nobody issued here, nobody signs.
    The number is taken however it was typed. With the `code` of the paper's QR code come the
    results to compare; a code of another certificate is told as wrong.
    """
    state = request.app.state
    answer = public.look_up(state.engine, state.keys, number, on=on or today, code=code)
    return signed_status(answer, state.seals, stated_at=now)


@router.post("/authentications", openapi_extra=FORM, dependencies=[throttled("upload", UPLOADS)])
async def authenticate_certificate(
    request: Request, today: Today, now: Now
) -> AuthenticationAnswer:
    """Say whether a file, or the file of a SHA-256, is one that was issued here, and how it stands.

    Send a form with `file` (PDF, XML, HTML or JSON) or with `sha256`; nothing of it is kept.
    """
    upload = await read_upload(request)
    state = request.app.state
    digest = upload.fields.get("sha256", "")
    verdict = await run_in_threadpool(
        public.judge, state.engine, state.keys, upload.content, digest, on=today
    )
    answer = verdict.answer
    return AuthenticationAnswer(
        sha256=verdict.sha256,
        finding=verdict.finding,
        certificate=status_answer(answer, stated_at=now) if answer else None,
    )


def status_answer(answer: Answer, *, stated_at: datetime) -> StatusAnswer:
    """Return what is told of a number."""
    standing, entry = answer.standing, answer.entry
    told = {name: getattr(entry, name) for name in DIRECTORY} if entry else {}
    return StatusAnswer(
        number=answer.number,
        status=standing.standing,
        on=standing.on,
        stated_at=stated_at,
        since=standing.since,
        replaced_by=standing.replaced_by,
        code_is_right=answer.code_is_right,
        paper=_paper(answer.paper) if answer.paper else None,
        **told,
    )


def signed_status(known: Answer, seals: Seals, *, stated_at: datetime) -> StatusAnswer:
    """Return what is told of a number, with its issuer's signature, if that has a key here."""
    answer = status_answer(known, stated_at=stated_at)
    if answer.issuer_zh is None:
        return answer
    try:
        signer = seals.signer(answer.number.partition("-")[0])
    except SealMissing:
        return answer
    said = answer.model_dump(mode="json", exclude={"signature"})
    value = b64encode(signer.sign(canonical_bytes(said))).decode()
    signature = StatusSignature(seal_sha256=signer.certificate.sha256, value=value)
    return answer.model_copy(update={"signature": signature})


def _paper(content: CertificateContent) -> Paper:
    return Paper(
        serial_number=content.item.serial_number,
        performed_on=content.performed_on,
        original_record_number=content.original_record_number,
        results=[
            PaperResult(**{name: getattr(row, name) for name in PaperResult.model_fields})
            for row in content.results
        ],
    )
