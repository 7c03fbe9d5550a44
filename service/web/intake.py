"""Pages of intake: drop a certificate's file, look at what it says, choose the item, confirm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from certificates.errors import DccUnreadable
from certificates.intake import number as reported_number
from certificates.wording import Bilingual as Both
from procedures.conformity import Verdict
from service.actions import calibrations, intake, items
from service.actions.intake import Confirmed
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.errors import AlreadyThere, InvalidField, TooLarge
from service.exchange import certificate_files
from service.exchange.certificate_files import Choice, Preview
from service.store import documents as store
from service.store import items as item_store
from service.tables.items import Item
from service.tenancy import TenantSession
from service.uploads import LARGEST_FILE, Upload, read_upload
from service.web import addresses
from service.web.frame import TEMPLATES, render_page
from service.web.views import Bilingual

router = APIRouter(include_in_schema=False)

NEW_ITEM = "new"
PAPER_ROWS = 12
SHOWN_ERRORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePage:
    """Where a file is dropped; `error` is the name of what was wrong with the last one."""

    largest: int
    error: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenResult:
    """A result as it would be recorded, its digits as reported."""

    name: Bilingual
    is_error: bool
    nominal: str
    estimate: str
    uncertainty: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenStandard:
    """A standard that the certificate names; `is_known` if its calibration is here."""

    name: Bilingual
    certificate_number: str
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedItem:
    """An item of the ledger that the certificate may be of."""

    item_id: UUID
    name: Bilingual
    manufacturer: Bilingual
    type_designation: str
    serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePreviewPage:
    """What a received certificate says, and the choice of the item that it is of.

    Attributes:
        schema_errors: None where no schema of the certificate's version is here.
        said_item: the item as the certificate tells it.
        without_k: how many expanded uncertainties state no coverage factor.
        left_out: how many other numbers were not taken over.
        entered: the calibrations that were entered from it already.
    """

    document_id: UUID
    file_name: str
    sha256: str
    schema_version: str
    is_signed: bool
    schema_errors: tuple[str, ...] | None
    number: str
    replaces: str
    laboratory: Bilingual
    performed_on: date | None
    valid_until: date | None
    procedures: tuple[str, ...]
    verdict: Verdict | None
    said_item: OfferedItem | None
    items: tuple[OfferedItem, ...]
    results: tuple[SeenResult, ...]
    standards: tuple[SeenStandard, ...]
    without_k: int
    left_out: int
    problems: tuple[str, ...]
    entered: tuple[UUID, ...]
    coverage_factor: str = ""
    asked: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPage:
    """The form for a certificate on paper, with what was typed before it was refused."""

    said: Mapping[str, str]
    rows: int = PAPER_ROWS
    pointer: str = ""
    error: str = ""


TEMPLATES[IntakePage] = "intake.html"
TEMPLATES[IntakePreviewPage] = "intake_preview.html"
TEMPLATES[PaperPage] = "intake_paper.html"


@router.get(addresses.INTAKE_ROUTE)
def ask_for_certificate(request: Request, _actor: Acting) -> HTMLResponse:
    """Show where a certificate's file is dropped."""
    return _render(request, IntakePage(largest=LARGEST_FILE))


@router.post(addresses.INTAKE_ROUTE)
async def receive_certificate(
    request: Request, session: Transaction, actor: Acting, now: Now
) -> Response:
    """Keep the file that was dropped, and lead to what it says."""
    try:
        upload = await read_upload(request)
        document_id = await run_in_threadpool(_receive, session, actor.person_id, upload, now)
    except (DccUnreadable, InvalidField, TooLarge) as error:
        page = IntakePage(largest=LARGEST_FILE, error=type(error).__name__, detail=str(error))
        status = 413 if isinstance(error, TooLarge) else 422
        return await run_in_threadpool(_render, request, page, status=status)
    return RedirectResponse(addresses.intake(document_id), 303)


def _receive(session: TenantSession, person_id: UUID, upload: Upload, now: Any) -> UUID:
    return certificate_files.receive(
        session, upload.content, name=upload.name, person_id=person_id, now=now
    ).id


@router.get(addresses.PAPER_ROUTE)
def ask_for_paper(request: Request, _actor: Acting) -> HTMLResponse:
    """Show the form for a certificate on paper."""
    return _render(request, PaperPage(said={}))


@router.post(addresses.PAPER_ROUTE)
async def enter_paper(request: Request, session: Transaction, actor: Acting, now: Now) -> Response:
    """Enter a certificate that was typed from paper; show what was wrong with it otherwise."""
    said = {k: v.strip() for k, v in (await request.form()).items() if isinstance(v, str)}
    try:
        with session.begin_nested():
            item_id = await run_in_threadpool(_enter_paper, session, said, actor.person_id, now)
    except (InvalidField, AlreadyThere) as error:
        pointer = error.pointer if isinstance(error, InvalidField) else "/number"
        page = PaperPage(said=said, pointer=pointer, error=str(error))
        return await run_in_threadpool(_render, request, page, status=422)
    return RedirectResponse(addresses.item(item_id), 303)


@router.get(addresses.INTAKE_PREVIEW_ROUTE)
def preview_certificate(
    request: Request,
    session: Reading,
    document_id: UUID,
    k: Annotated[str, Query(max_length=10)] = "",
    q: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Show what a received certificate says, and the items that it may be of."""
    return _render(request, _preview_page(request, session, document_id, k=k, q=q))


@router.post(addresses.INTAKE_PREVIEW_ROUTE)
def confirm_certificate(
    request: Request,
    session: Transaction,
    actor: Acting,
    now: Now,
    document_id: UUID,
    item: Annotated[str, Form(max_length=40)] = "",
    kind: Annotated[
        str, Form(pattern="^(calibration|verification|certification)$")
    ] = "calibration",
    k: Annotated[str, Form(max_length=10)] = "",
    performed_on: Annotated[str, Form(max_length=10)] = "",
    valid_until: Annotated[str, Form(max_length=10)] = "",
    item_kind: Annotated[str, Form(max_length=40)] = "measuring_instrument",
    quantity: Annotated[str, Form(max_length=60)] = "",
    *,
    recognized: Annotated[bool, Form()] = False,
) -> Response:
    """Enter the calibration that the certificate tells of, and lead to the item's page."""
    document = store.get(session, document_id)
    seen = certificate_files.preview(session, document, schemas=None, coverage_factor=_k(k))
    try:
        with session.begin_nested():
            if item == NEW_ITEM:
                item_id = _register(session, seen, item_kind, quantity, actor.person_id, now)
            else:
                item_id = _id(item)
            choice = Choice(
                item_id=item_id,
                kind=kind,
                recognized=recognized,
                performed_on=_day(performed_on, "/performed_on"),
                valid_until=_day(valid_until, "/valid_until"),
            )
            intake.enter(
                session, certificate_files.confirmed(seen, choice), document=document,
                entered_by=actor.person_id, now=now,
            )  # fmt: skip
    except (InvalidField, AlreadyThere) as error:
        page = _preview_page(request, session, document_id, k=k, error=str(error))
        return _render(request, page, status=422)
    return RedirectResponse(addresses.item(item_id), 303)


def _preview_page(
    request: Request,
    session: TenantSession,
    document_id: UUID,
    *,
    k: str = "",
    q: str = "",
    error: str = "",
) -> IntakePreviewPage:
    document = store.get(session, document_id)
    seen = certificate_files.preview(
        session,
        document,
        schemas=request.app.state.settings.dcc_schema_dir,
        coverage_factor=_k(k),
    )
    sought = item_store.by_serial_number(session, q.strip()) if q.strip() else ()
    offered = {item.id: _offered(item) for item in (*sought, *seen.items)}
    recovered, errors = seen.recovered, seen.file.schema_errors
    counted = dict(recovered.left_out)
    without_k = counted.pop(intake.WITHOUT_K, 0)
    return IntakePreviewPage(
        document_id=document.id,
        file_name=document.name,
        sha256=document.sha256,
        schema_version=seen.file.certificate.schema_version,
        is_signed=seen.file.certificate.is_signed,
        schema_errors=None if errors is None else errors[:SHOWN_ERRORS],
        number=recovered.number,
        replaces=recovered.replaces,
        laboratory=_both(recovered.laboratory),
        performed_on=recovered.performed_on,
        valid_until=recovered.valid_until,
        procedures=recovered.procedures,
        verdict=recovered.verdict,
        said_item=_said_item(seen),
        items=tuple(offered.values()),
        results=tuple(_seen_results(seen)),
        standards=tuple(
            SeenStandard(
                name=_both(standard.named.name),
                certificate_number=standard.named.certificate_number,
                is_known=standard.is_known,
            )
            for standard in seen.standards
        ),
        without_k=without_k,
        left_out=sum(counted.values()),
        problems=recovered.problems,
        entered=seen.entered,
        coverage_factor=k,
        asked=q,
        error=error,
    )


def _seen_results(seen: Preview) -> list[SeenResult]:
    return [
        SeenResult(
            name=_both(row.name),
            is_error=row.is_error,
            nominal=f"{row.nominal} {row.unit}" if row.nominal is not None else "",
            estimate=f"{row.estimate} {row.unit}".strip(),
            uncertainty=f"{row.expanded_uncertainty} {row.unit} (k = {row.coverage_factor})"
            if row.expanded_uncertainty is not None
            else "",
            verdict=row.verdict,
        )
        for row in seen.recovered.results
    ]


def _said_item(seen: Preview) -> OfferedItem | None:
    for item in seen.recovered.items:
        return OfferedItem(
            item_id=seen.document.id,
            name=_both(item.name),
            manufacturer=_both(item.manufacturer),
            type_designation=item.type_designation,
            serial_number=next(iter(item.serial_numbers), ""),
        )
    return None


def _offered(item: Item) -> OfferedItem:
    return OfferedItem(
        item_id=item.id,
        name=Bilingual(zh=item.name_zh, en=item.name_en),
        manufacturer=Bilingual(zh=item.manufacturer_zh, en=item.manufacturer_en),
        type_designation=item.type_designation,
        serial_number=item.serial_number,
    )


def _register(
    session: TenantSession,
    seen: Preview,
    kind: str,
    quantity: str,
    person_id: UUID,
    now: Any,
) -> UUID:
    """Enter the item as the certificate tells it; what it leaves open is empty."""
    if not seen.recovered.items:
        raise InvalidField("/item", "the certificate describes no item")
    said = seen.recovered.items[0]
    interval, _ = intake.stated_over(intake.results_of(seen.recovered))
    if interval is None:
        raise InvalidField("/results", "a calibration gives at least one result")
    row = items.register(
        session,
        actor_id=person_id,
        now=now,
        kind=kind,
        name_zh=said.name.zh or said.name.en,
        name_en=said.name.en or said.name.zh,
        manufacturer_zh=said.manufacturer.zh,
        manufacturer_en=said.manufacturer.en,
        type_designation=said.type_designation,
        serial_number=next(iter(said.serial_numbers), ""),
        asset_number=said.asset_number or None,
        quantity=quantity.strip(),
        range_lower=interval.lower,
        range_upper=interval.upper,
        range_unit=interval.unit,
        accuracy_text="",
        location=[],
        is_demonstration=seen.recovered.is_demonstration,
    )
    return row.id


def _enter_paper(
    session: TenantSession, said: Mapping[str, str], person_id: UUID, now: Any
) -> UUID:
    found = item_store.by_serial_number(session, said.get("serial_number", ""))
    if len(found) != 1:
        raise InvalidField("/serial_number", f"{len(found)} items of the ledger carry it")
    performed_on = _day(said.get("performed_on", ""), "/performed_on")
    if performed_on is None:
        raise InvalidField("/performed_on", "the day of the work")
    name = said.get("laboratory", "")
    kind = said.get("kind", "calibration")
    if kind not in ("calibration", "verification", "certification"):
        raise InvalidField("/kind", f"{kind} is no kind of event")
    intake.enter(
        session,
        Confirmed(
            item_id=found[0].id,
            kind=kind,
            number=said.get("number", ""),
            laboratory=Both(name, name),
            performed_on=performed_on,
            valid_until=_day(said.get("valid_until", ""), "/valid_until"),
            procedure_code=said.get("procedure_code") or None,
            results=_typed_results(said),
            recognized="recognized" in said,
        ),
        document=None,
        entered_by=person_id,
        now=now,
    )
    return found[0].id


def _typed_results(said: Mapping[str, str]) -> tuple[calibrations.Result, ...]:
    """Return the rows in which a result was typed; k and its p stand once for all."""
    k, p = _number(said, "k"), _number(said, "p")
    rows = []
    for index in range(PAPER_ROWS):
        estimate = _number(said, f"estimate_{index}")
        if estimate is None:
            continue
        nominal = _number(said, f"nominal_{index}")
        expanded = _number(said, f"expanded_{index}")
        freedom = _number(said, f"freedom_{index}")
        is_error = said.get("measurand") == "error_of_indication" and nominal is not None
        rows.append(
            calibrations.Result(
                measurand="error_of_indication" if is_error else "value",
                unit=said.get("unit", ""),
                nominal=estimate if nominal is None else nominal,
                estimate=estimate,
                expanded_uncertainty=expanded,
                coverage_factor=float(k) if k is not None and expanded is not None else None,
                coverage_probability=float(p) if p is not None and expanded is not None else None,
                degrees_of_freedom=float(freedom) if freedom is not None else None,
            )
        )
    return tuple(rows)


def _number(said: Mapping[str, str], name: str) -> Decimal | None:
    text = said.get(name, "").replace("\N{MINUS SIGN}", "-").replace(" ", "")
    if not text:
        return None
    value = reported_number(text)
    if value is None:
        raise InvalidField(f"/{name}", f"{text} is no number")
    return value


def _day(text: str, pointer: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidField(pointer, f"{text} is no day") from error


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidField("/item", "choose the item that the certificate is of") from error


def _k(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip() or "NaN")
    except InvalidOperation:
        return None
    return value if value.is_finite() and 1 <= value <= 10 else None


def _both(text: Both) -> Bilingual:
    return Bilingual(zh=text.zh, en=text.en)


def _render(request: Request, page: Any, *, status: int = 200) -> HTMLResponse:
    return render_page(request, page, status=status)
