"""The ledger and what is handed in for it: the list, a file dropped, shown, decided, confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service.actions.composition import range_text
from service.auth import Acting, Reading, Transaction
from service.clock import Now, Today, day_of
from service.errors import InvalidField, UnreadableFile
from service.exchange import ledger_files, ledger_import
from service.exchange.ledger_columns import BY_NAME, LAYOUTS
from service.exchange.ledger_files import MEDIA_TYPES
from service.exchange.ledger_files import Form as FileForm
from service.exchange.ledger_import import Settings
from service.exchange.ledger_plan import KEY_COLUMNS, SKIP, Outcome
from service.sites import stretches_of
from service.store import items as item_store
from service.store import jobs as job_store
from service.store import ledger as store
from service.tables.exchange import LedgerImport
from service.tenancy import TenantSession
from service.uploads import Upload, read_upload
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.loading import ROWS_A_PAGE, bilingual
from service.web.sites import site_choices
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

SHOWN = 200  # rows of an import on its page; the file of refused rows has all
IMPORTS_SHOWN = 20
LEVELS = ("用能单位", "主要次级用能单位", "主要用能设备", "其他")
STATES = ("in_use", "limited", "sealed", "out_of_service")

PLAIN = {"q": "", "site": "", "status": "", "level": "", "sort": "asset", "descending": False,
         "page": 1}  # fmt: skip

Sort = Literal["asset", "name", "serial", "due"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFilter:
    """What of the ledger is asked for, and in which order; `site` is an id, or "" for all."""

    text: str = ""
    site: str = ""
    status: str = ""
    level: str = ""
    sort: str = "asset"
    descending: bool = False
    page: int = 1

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.text or self.status or self.level)

    def address(self, **changes: Any) -> str:
        """Return the address of the same with something else; the same column turns round."""
        said = {"q": self.text, "site": self.site, "status": self.status, "level": self.level,
                "sort": self.sort, "descending": self.descending,
                "page": 1} | changes  # fmt: skip
        if "sort" in changes:
            said["descending"] = changes["sort"] == self.sort and not self.descending
        told = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in said.items()
            if value != PLAIN[name]
        }
        return addresses.LEDGER_ROUTE + (f"?{urlencode(told)}" if told else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One item of the ledger."""

    item_id: UUID
    name: Bilingual
    manufacturer: Bilingual
    asset_number: str | None
    serial_number: str
    type_designation: str
    range: str
    accuracy: str
    location: str
    state: str
    due_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """One page of the ledger."""

    filter: LedgerFilter
    rows: tuple[LedgerRow, ...]
    matching: int
    pages: int
    sites: tuple[tuple[str, Bilingual], ...]
    layouts: tuple[str, ...] = tuple(LAYOUTS)
    states: tuple[str, ...] = STATES
    levels: tuple[str, ...] = LEVELS


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """A ledger that was handed in."""

    import_id: UUID
    file_name: str
    state: str
    counts: Mapping[str, int]
    created_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportsPage:
    """Where a ledger is handed in; `refused` is why the last one could not be read."""

    rows: tuple[ImportRow, ...]
    layouts: tuple[str, ...] = tuple(LAYOUTS)
    keys: tuple[str, ...] = tuple(KEY_COLUMNS)
    refused: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An item that a row may be."""

    item_id: UUID
    name: Bilingual
    asset_number: str | None
    serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRow:
    """What is to be said of a row; of one in conflict, between what a person decides."""

    row: int
    outcome: Outcome
    code: str
    column: Bilingual | None
    candidates: tuple[Candidate, ...]
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPage:
    """A ledger that was handed in: what it does, or did, row by row where that needs saying."""

    import_id: UUID
    file_name: str
    state: str
    match_by: str
    layout: str | None
    all_or_nothing: bool
    ignored: tuple[str, ...]
    at_no_site: int | None
    counts: Mapping[str, int]
    rows: tuple[ToldRow, ...]
    rows_in_all: int
    has_file: bool
    progress: int | None
    total: int | None
    failure: str | None
    decided: int


TEMPLATES[LedgerPage] = "ledger.html"
TEMPLATES[ImportsPage] = "imports.html"
TEMPLATES[ImportPage] = "import.html"


def _asked(
    q: Annotated[str, Query(max_length=100)] = "",
    site: UUID | Literal[""] = "",
    status: Literal["", "in_use", "limited", "sealed", "out_of_service"] = "",
    level: Annotated[str, Query(max_length=20)] = "",
    sort: Sort = "asset",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    *,
    descending: bool = False,
) -> LedgerFilter:
    return LedgerFilter(
        text=q.strip(), site=str(site), status=status, level=level, sort=sort,
        descending=descending, page=page,
    )  # fmt: skip


@router.get(addresses.LEDGER_ROUTE)
def show_ledger(
    request: Request,
    session: Reading,
    today: Today,
    asked: Annotated[LedgerFilter, Depends(_asked)],
) -> HTMLResponse:
    """Show the own items, filtered and in the order asked for."""
    rows, matching = item_store.listed(
        session, text=asked.text, status=asked.status, level=asked.level, sort=asked.sort,
        stretches=stretches_of(session, UUID(asked.site), on=today) if asked.site else None,
        descending=asked.descending, offset=(asked.page - 1) * ROWS_A_PAGE, limit=ROWS_A_PAGE,
    )  # fmt: skip
    page = LedgerPage(
        filter=asked,
        rows=tuple(
            LedgerRow(
                item_id=item.id,
                name=bilingual(item, "name"),
                manufacturer=bilingual(item, "manufacturer"),
                asset_number=item.asset_number,
                serial_number=item.serial_number,
                type_designation=item.type_designation,
                range=item.range_text or range_text(item),
                accuracy=item.accuracy_text,
                location=" / ".join(item.location),
                state=item.status,
                due_on=due_on,
            )
            for item, due_on in rows
        ),
        matching=matching,
        pages=max(1, -(-matching // ROWS_A_PAGE)),
        sites=tuple(site_choices(session, on=today)),
    )
    return render_page(request, page)


@router.get(addresses.LEDGER_FILE_ROUTE)
def download_ledger(
    session: Reading, today: Today, layout: str = "generic-zh", form: FileForm = "xlsx"
) -> Response:
    """Send the ledger in a layout."""
    if layout not in LAYOUTS:
        raise InvalidField("/layout", f"one of {', '.join(LAYOUTS)}")
    content = ledger_files.write_ledger(
        store.held(session), store.in_force(session), layout=LAYOUTS[layout], form=form
    )
    return _file(content, form, f"ledger-{layout}-{today}")


def _file(content: bytes, form: FileForm, name: str) -> Response:
    return Response(
        content,
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


@router.get(addresses.IMPORTS_ROUTE)
def show_imports(request: Request, session: Reading) -> HTMLResponse:
    """Show where a ledger is handed in, and those that were."""
    return render_page(request, _imports_page(session))


@router.post(addresses.IMPORTS_ROUTE)
def hand_in(
    request: Request,
    upload: Annotated[Upload, Depends(read_upload)],
    session: Transaction,
    actor: Acting,
    now: Now,
) -> Response:
    """Take a file and show what it would do."""
    try:
        row, _ = ledger_import.preview(
            session, upload.content, file_name=upload.name, settings=_settings(upload.fields),
            actor_id=actor.person_id, now=now,
        )  # fmt: skip
    except UnreadableFile as error:
        page = _imports_page(session, refused=error.code, detail=str(error))
        return render_page(request, page, status=422)
    return RedirectResponse(addresses.import_(row.id), 303)


def _settings(fields: Mapping[str, str]) -> Settings:
    match_by = fields.get("match_by") or None
    if match_by not in (None, *KEY_COLUMNS):
        raise InvalidField("/match_by", f"one of {', '.join(KEY_COLUMNS)}")
    return Settings(
        layout=fields.get("layout") or None,
        match_by=match_by,
        all_or_nothing="all_or_nothing" in fields,
    )


def _imports_page(
    session: TenantSession, *, refused: str | None = None, detail: str = ""
) -> ImportsPage:
    return ImportsPage(
        rows=tuple(
            ImportRow(
                import_id=row.id,
                file_name=row.file_name,
                state=row.state,
                counts=row.counts,
                created_on=day_of(row.created_at),
            )
            for row in store.imports(session, limit=IMPORTS_SHOWN)
        ),
        refused=refused,
        detail=detail,
    )


@router.get(addresses.IMPORT_ROUTE)
def show_import(request: Request, session: Reading, import_id: UUID) -> HTMLResponse:
    """Show what a ledger does, or did."""
    return render_page(request, _import_page(session, ledger_import.get(session, import_id)))


@router.get(addresses.REFUSED_ROWS_ROUTE)
def download_refused(session: Reading, import_id: UUID) -> Response:
    """Send the rows that are not written, with the reasons."""
    written = ledger_import.refused(ledger_import.get(session, import_id))
    if written is None:
        return RedirectResponse(addresses.import_(import_id), 303)
    content, form = written
    return _file(content, form, f"refused-{str(import_id)[-6:]}")


async def _chosen(request: Request) -> dict[str, str]:
    form = await request.form(max_files=0, max_fields=SHOWN + 10)
    return {name.removeprefix("row-"): str(word) for name, word in form.items()
            if name.startswith("row-") and word}  # fmt: skip


@router.post(addresses.IMPORT_DECISIONS_ROUTE)
def decide(
    chosen: Annotated[dict[str, str], Depends(_chosen)], session: Transaction, import_id: UUID
) -> RedirectResponse:
    """Take what a person decided of the rows in conflict."""
    ledger_import.decide(session, import_id, chosen)
    return RedirectResponse(addresses.import_(import_id), 303)


@router.post(addresses.IMPORT_CONFIRMATION_ROUTE)
def confirm(session: Transaction, actor: Acting, now: Now, import_id: UUID) -> RedirectResponse:
    """Write what was shown."""
    ledger_import.confirm(session, import_id, actor_id=actor.person_id, now=now)
    return RedirectResponse(addresses.import_(import_id), 303)


def _import_page(session: TenantSession, row: LedgerImport) -> ImportPage:
    job = job_store.of_import(session, row.id)
    shown: Sequence[Mapping[str, Any]] = row.answers[:SHOWN]
    items = item_store.by_ids(
        session, {UUID(id_) for answer in shown for id_ in answer["candidates"]}
    )
    return ImportPage(
        import_id=row.id,
        file_name=row.file_name,
        state=row.state,
        match_by=row.settings["match_by"],
        layout=row.settings["layout"],
        all_or_nothing=row.settings["all_or_nothing"],
        ignored=tuple(row.settings.get("ignored", ())),
        at_no_site=row.settings.get("at_no_site"),
        counts=row.counts,
        rows=tuple(
            ToldRow(
                row=answer["row"],
                outcome=Outcome(answer["outcome"]),
                code=answer["code"],
                column=_column(answer["column"]),
                candidates=tuple(
                    Candidate(
                        item_id=item.id,
                        name=bilingual(item, "name"),
                        asset_number=item.asset_number,
                        serial_number=item.serial_number,
                    )
                    for id_ in answer["candidates"]
                    if (item := items.get(UUID(id_)))
                ),
                decision=row.decisions.get(str(answer["row"]), ""),
            )
            for answer in shown
        ),
        rows_in_all=len(row.answers),
        has_file=bool(row.answers) and row.file_name != ledger_import.ITEMS_FILE,
        progress=job.progress if job else None,
        total=job.total if job else None,
        failure=job.failure if job else None,
        decided=sum(word not in ("", SKIP) for word in row.decisions.values()),
    )


def _column(name: str | None) -> Bilingual | None:
    return Bilingual(zh=BY_NAME[name].zh, en=BY_NAME[name].en) if name else None
