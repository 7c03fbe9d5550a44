"""Errors of the packages below, told to HTTP clients as problem details (RFC 9457)."""

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from certificates.errors import (
    AlreadyAmended,
    AlreadyWithdrawn,
    ContentError,
    DccInvalid,
    DccUnreadable,
    EntryUnknown,
    KeyUnusable,
    NothingChanged,
    RenderingFailed,
    SchemaUnknown,
    UnknownUnit,
)
from procedures.errors import InvalidInput, ProcedureError
from service.errors import (
    AlreadyAnswered,
    AlreadyThere,
    FormNotThere,
    InvalidField,
    KeyInFlight,
    KeyUsedOtherwise,
    LedgerRefused,
    LimitTooLarge,
    NoCapacity,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    NotIssuable,
    NotPermitted,
    NotPublishable,
    NotTheSenders,
    ReauthenticationRequired,
    RecallNotOpen,
    SealMissing,
    StaleVersion,
    StandardNotUsable,
    StepOutOfOrder,
    TooLarge,
    TooManyRequests,
    UnreadableFile,
    VersionMissing,
    WorksheetIncomplete,
)
from service.idempotency import told_again
from traceability.errors import (
    ChainTooDeep,
    CycleInTraceability,
    DateOutOfRange,
    InvalidValue,
    LegalPeriodExceeded,
    ReferenceLaterThanUser,
    TraceabilityBroken,
    UnknownCalibration,
)

PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    NotAuthenticated: (401, "not-authenticated"),
    ReauthenticationRequired: (401, "reauthentication-required"),
    NotAuthorised: (403, "not-authorised"),
    NotPermitted: (403, "not-permitted"),
    NotFound: (404, "not-found"),
    UnknownCalibration: (404, "not-found"),
    FormNotThere: (406, "form-not-there"),
    AlreadyAnswered: (409, "already-answered"),
    AlreadyThere: (409, "already-there"),
    KeyInFlight: (409, "key-in-flight"),
    KeyUsedOtherwise: (422, "key-used-otherwise"),
    LimitTooLarge: (400, "limit-too-large"),
    NotPublishable: (409, "not-publishable"),
    NotTheSenders: (409, "not-the-senders"),
    NotIssuable: (409, "not-issuable"),
    SealMissing: (409, "seal-missing"),
    KeyUnusable: (409, "seal-missing"),
    EntryUnknown: (404, "not-found"),
    AlreadyWithdrawn: (409, "already-withdrawn"),
    StepOutOfOrder: (409, "step-out-of-order"),
    RecallNotOpen: (409, "recall-not-open"),
    NoCapacity: (409, "no-capacity"),
    StaleVersion: (412, "stale-version"),
    VersionMissing: (428, "version-missing"),
    StandardNotUsable: (422, "standard-not-usable"),
    WorksheetIncomplete: (422, "worksheet-incomplete"),
    TraceabilityBroken: (409, "traceability-broken"),
    ContentError: (409, "certificate-incomplete"),
    RenderingFailed: (409, "certificate-not-printable"),
    UnknownUnit: (409, "certificate-not-printable"),
    DccInvalid: (409, "certificate-not-valid"),
    SchemaUnknown: (409, "schema-missing"),
    AlreadyAmended: (409, "already-amended"),
    NothingChanged: (409, "nothing-changed"),
    DccUnreadable: (422, "certificate-not-readable"),
    TooLarge: (413, "too-large"),
    TooManyRequests: (429, "too-many-requests"),
    ReferenceLaterThanUser: (422, "reference-later-than-user"),
    CycleInTraceability: (422, "cycle-in-traceability"),
    ChainTooDeep: (409, "chain-too-deep"),
    LegalPeriodExceeded: (409, "legal-period-exceeded"),
    DateOutOfRange: (422, "invalid-field"),
    InvalidField: (422, "invalid-field"),
    LedgerRefused: (422, "ledger-refused"),
    UnreadableFile: (422, "unreadable-file"),
    InvalidInput: (422, "invalid-field"),
    InvalidValue: (422, "invalid-field"),
    ProcedureError: (422, "measurement-not-evaluable"),
}
MEDIA_TYPE = "application/problem+json"


def problem(
    request: Request,
    status: int,
    kind: str,
    detail: str,
    errors: Sequence[dict[str, Any]] = (),
) -> JSONResponse:
    """Return a problem document; `errors` point at the fields that are wrong (RFC 6901)."""
    content = {
        "type": f"/problems/{kind}",
        "title": kind.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": request.url.path,
    }
    if errors:
        content["errors"] = list(errors)
    return JSONResponse(content, status, media_type=MEDIA_TYPE)


def tell(request: Request, error: Exception) -> JSONResponse:
    """Answer with the problem an error stands for."""
    status, kind = next(PROBLEMS[known] for known in type(error).__mro__ if known in PROBLEMS)
    pointers = [{"pointer": pointer, "code": kind, "detail": reason}
                for pointer, reason in _pointers(error)]  # fmt: skip
    if isinstance(error, LedgerRefused):
        pointers = [{"pointer": pointer, "code": code, "detail": reason}
                    for pointer, code, reason in error.problems]  # fmt: skip
    answer = problem(request, status, kind, str(error), pointers)
    if isinstance(error, TooManyRequests):
        answer.headers["Retry-After"] = str(error.retry_after)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def tell_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer a request whose fields are missing or malformed, with a pointer to each."""
    errors = [
        {
            "pointer": "".join(f"/{part}" for part in found["loc"][1:]),
            "in": str(found["loc"][0]),
            "code": found["type"],
            "detail": found["msg"],
        }
        for found in error.errors()
    ]
    return problem(request, 422, "invalid-request", "the request has fields in error", errors)


def tell_unstorable(request: Request, _error: DataError) -> JSONResponse:
    """Answer a request with a text that no column holds: one with U+0000 on PostgreSQL."""
    return problem(request, 422, "invalid-request", "a text or number that cannot be stored")


def tell_http(request: Request, error: HTTPException) -> JSONResponse:
    """Answer what the framework refuses, such as an unknown address."""
    kind = {404: "not-found", 405: "method-not-allowed", 406: "form-not-there"}
    told = kind.get(error.status_code, "refused")
    answer = problem(request, error.status_code, told, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def tell_again(request: Request, error: AlreadyAnswered) -> Response:
    """Give the answer that was given under the same key before; a secret is not told again."""
    return told_again(error) or tell(request, error)


def add_problem_handlers(app: FastAPI) -> None:
    """Register a handler for every error in `PROBLEMS` and for what the framework refuses."""
    for error in PROBLEMS:
        app.add_exception_handler(error, tell)
    app.add_exception_handler(AlreadyAnswered, tell_again)  # type: ignore[arg-type]
    app.add_exception_handler(DataError, tell_unstorable)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, tell_invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, tell_http)  # type: ignore[arg-type]


def _pointers(error: Exception) -> Iterable[tuple[str, str]]:
    if isinstance(error, InvalidField | StandardNotUsable | WorksheetIncomplete):
        yield from error.problems
    elif isinstance(error, DccInvalid):
        yield from (("/xml", line) for line in error.errors)
    elif isinstance(error, UnreadableFile):
        yield "/file", f"{error.code}: {error}"
    elif isinstance(error, InvalidInput | ContentError):
        yield "/" + error.field.replace(".", "/").replace("[", "/").replace("]", ""), error.reason
    elif isinstance(error, InvalidValue | DateOutOfRange):
        yield f"/{error.field}", str(error)
    elif isinstance(error, ReferenceLaterThanUser):
        yield f"/uses/{error.position}/reference_id", str(error)
    elif isinstance(error, CycleInTraceability):
        yield "/uses", str(error)
    elif isinstance(error, TraceabilityBroken):
        for found in error.breaks:
            yield f"/calibrations/{found.calibration_id}", found.flaw.value
