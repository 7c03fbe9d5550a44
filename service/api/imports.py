"""Ledgers that are handed in: shown first, written once somebody says so."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service.api.paging import FORMS, Asked, answered, at_most
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.errors import FormNotThere, InvalidField
from service.exchange import ledger_import
from service.exchange.ledger_files import MEDIA_TYPES
from service.exchange.ledger_import import Settings
from service.exchange.ledger_plan import KEY_COLUMNS, MatchBy, Outcome
from service.store import jobs as job_store
from service.store import ledger as store
from service.tables.exchange import LedgerImport
from service.tables.operations import Job
from service.uploads import Upload, read_upload

router = APIRouter(prefix="/imports", tags=["ledger"])

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "layout": {"type": "string", "examples": ["b3", "sap"]},
                        "match_by": {"type": "string", "enum": sorted(KEY_COLUMNS)},
                        "all_or_nothing": {"type": "string", "enum": ["true", "false"]},
                    },
                }
            }
        },
    }
}

FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}}
}

Uploaded = Annotated[Upload, Depends(read_upload)]


class RowAnswer(SQLModel):
    """What is to be said of one row; `row` counts as the file does, from 1."""

    row: int
    outcome: Outcome
    code: str
    reason: str
    column: str | None
    candidates: list[UUID]


class Counts(SQLModel):
    """Rows by what becomes of them; together, all rows of the file."""

    created: int
    updated: int
    unchanged: int
    conflict: int
    rejected: int


class ImportSummary(SQLModel):
    """A ledger that was handed in, and how far it is.

    `at_no_site` of its accepted rows stand at no known site; null where no site is known.
    """

    id: UUID
    file_name: str
    sha256: str
    state: Literal["previewed", "queued", "applied", "refused"]
    layout: str | None
    match_by: MatchBy
    all_or_nothing: bool
    ignored_columns: list[str]
    at_no_site: int | None
    counts: Counts
    created_at: datetime
    applied_at: datetime | None


class ImportAnswer(ImportSummary):
    """A ledger that was handed in, with the rows that are not simply written.

    `answers` are those of one page; `progress` of `total` rows are written where a job writes
    them, `failure` says why it could not.
    """

    answers: list[RowAnswer]
    answers_in_all: int
    progress: int | None = None
    total: int | None = None
    failure: str | None = None


class Decisions(SQLModel):
    """What a person decides of rows in conflict: an item's id, `new` or `skip`, by row."""

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]

    decisions: Annotated[dict[Annotated[str, Field(pattern=r"^\d{1,7}$")], str],
                         Field(max_length=5000, examples=[{"17": "new"}])]  # fmt: skip


@router.post("", status_code=201, openapi_extra=FORM)
def preview_import(
    upload: Uploaded, session: Transaction, actor: Acting, now: Now, response: Response
) -> ImportAnswer:
    """Hand in a ledger as CSV or XLSX and see what it would do; nothing of it is written yet.

    Columns are known by their Chinese or English headers, or by a layout: see `/v1/ledger`.
    """
    row, _ = ledger_import.preview(
        session,
        upload.content,
        file_name=upload.name,
        settings=settings_of(upload.fields),
        actor_id=actor.person_id,
        now=now,
    )
    response.headers["Location"] = f"/v1/imports/{row.id}"
    return import_answer(row, None)


@router.get("", response_model=list[ImportSummary], responses=FORMS)
def list_imports(request: Request, session: Reading, page: Asked) -> Response:
    """Return the ledgers that were handed in, the newest first, a page at a time."""

    def rows(before: UUID | None, limit: int) -> list[ImportSummary]:
        found = store.imports(session, before=before, limit=limit)
        return [ImportSummary(**_summary(row)) for row in found]

    return answered(request, session, page, rows, ImportSummary)


@router.get("/{import_id}")
def get_import(
    session: Reading,
    import_id: UUID,
    limit: Annotated[int, at_most(1000, 100)],
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> ImportAnswer:
    """Return a ledger that was handed in, how far it is, and what is to be said of its rows."""
    row = ledger_import.get(session, import_id)
    return import_answer(row, job_store.of_import(session, row.id), offset=offset, limit=limit)


@router.put("/{import_id}/decisions")
def decide_import(session: Transaction, import_id: UUID, body: Decisions) -> ImportAnswer:
    """Decide of rows in conflict which item each is: an item's id, `new`, or `skip`."""
    return import_answer(ledger_import.decide(session, import_id, body.decisions), None)


@router.put("/{import_id}/confirmation", responses={202: {"model": ImportAnswer}})
def confirm_import(
    session: Transaction, actor: Acting, now: Now, response: Response, import_id: UUID
) -> ImportAnswer:
    """Write what was shown; a ledger of more than 5,000 rows by a job (202, then look again)."""
    row = ledger_import.confirm(session, import_id, actor_id=actor.person_id, now=now)
    session.flush()
    if row.state == "queued":
        response.status_code = 202
        response.headers["Location"] = f"/v1/imports/{row.id}"
    return import_answer(row, job_store.of_import(session, row.id))


@router.get("/{import_id}/refused-rows", response_class=Response, responses=FILES)
def get_refused_rows(session: Reading, import_id: UUID) -> Response:
    """Return the rows that are not written, as the same kind of file with the reasons beside."""
    return refused_file(ledger_import.get(session, import_id))


def refused_file(row: LedgerImport) -> Response:
    """Return the refused rows of an import as a file."""
    written = ledger_import.refused(row)
    if written is None:
        raise FormNotThere(str(row.id), "file of refused rows", kind="import")
    content, form = written
    name = f"refused-{row.created_at:%Y%m%d}-{str(row.id)[-6:]}.{form}"
    return Response(
        content,
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def settings_of(fields: dict[str, str]) -> Settings:
    """Return how a ledger is to be taken, from a form's fields.

    Raises:
        InvalidField: a word that there is not.
    """
    match_by = fields.get("match_by") or None
    if match_by not in (None, *KEY_COLUMNS):
        raise InvalidField("/match_by", f"one of {', '.join(KEY_COLUMNS)}")
    whole = fields.get("all_or_nothing") or "false"
    if whole not in ("true", "false"):
        raise InvalidField("/all_or_nothing", "true or false")
    return Settings(
        layout=fields.get("layout") or None,
        match_by=match_by,
        all_or_nothing=whole == "true",
    )


def import_answer(
    row: LedgerImport, job: Job | None, *, offset: int = 0, limit: int = 100
) -> ImportAnswer:
    """Return an import with one page of what is to be said of its rows."""
    return ImportAnswer(
        **_summary(row),
        answers=[RowAnswer(**answer) for answer in row.answers[offset : offset + limit]],
        answers_in_all=len(row.answers),
        progress=job.progress if job else None,
        total=job.total if job else None,
        failure=job.failure if job else None,
    )


def _summary(row: LedgerImport) -> dict[str, Any]:
    return {
        **row.model_dump(include={"id", "file_name", "sha256", "state", "created_at",
                                  "applied_at"}),
        "layout": row.settings["layout"],
        "match_by": row.settings["match_by"],
        "all_or_nothing": row.settings["all_or_nothing"],
        "ignored_columns": row.settings.get("ignored", []),
        "at_no_site": row.settings.get("at_no_site"),
        "counts": Counts(**row.counts),
    }  # fmt: skip
