"""The worksheet as a page: drawn from the edition, judged while it is typed, saved in revisions.

It works without a script, by its buttons; with one it is judged as it is typed, filled by pasting,
and kept in the browser while the connection is lost.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.datastructures import FormData, UploadFile

from procedures.conformity import Verdict
from procedures.edition import MAIN_TEST, ProcedureEdition, TestPoints
from procedures.errors import InvalidInput
from procedures.method import CheckValue, MethodResult
from procedures.worksheet import (
    LANGUAGES,
    REMARKS,
    Column,
    Course,
    Judged,
    Limitation,
    Row,
    Sheet,
    columns,
    read_number,
)
from service import worksheets
from service.actions import worksheets as actions
from service.auth import Acting, Actor, Reading
from service.clock import Now
from service.errors import ReauthenticationRequired, ServiceError, StaleVersion, UnreadableFile
from service.exchange.sheet_file import read_sheet_file, with_readings
from service.store import people as people_store
from service.tenancy import TenantSession
from service.web import addresses
from service.web.frame import TEMPLATES, render_fragment, render_page
from service.web.loading import bilingual
from service.web.reasons import Told, told, told_problem
from service.web.views import Bilingual, ExpandedUncertainty
from service.worksheets import Opened
from traceability.errors import TraceabilityError
from traceability.standards import Proposal

router = APIRouter(include_in_schema=False)

WORKSHEET_ROUTE = "/work-orders/lines/{line_id}/worksheet"
JUDGED_ROUTE = "/work-orders/lines/{line_id}/worksheet/judged"
MOST_FIELDS = 20_000
NOT_READ = "is not read"
NOTHING = Bilingual(zh="", en="")
REMARK_TITLES = {
    "deviations": (
        "对方法的增补、偏离或删减",
        "Additions to, deviations or exclusions from the method",
    ),
    "sampling": ("抽样计划和方法", "Sampling plan and method"),
    "external_results": ("外部提供的结果", "Results from an external provider"),
    "external_provider": ("外部提供者", "External provider"),
    "opinion": ("意见和解释", "Opinion or interpretation"),
    "opinion_basis": ("意见和解释的依据", "Basis of the opinion"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field beside the readings: a parameter, a condition of the environment, an inspection.

    Attributes:
        hint: its limits or its default, as text.
        unverified: whether the edition marks what stands behind it as unsure.
    """

    name: str
    label: Bilingual
    value: str
    unit: str = ""
    hint: str = ""
    choices: tuple[tuple[str, Bilingual], ...] = ()
    unverified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A judged value at a point, as reported."""

    label: Bilingual
    reported: Decimal
    limit: float | None
    is_within_limit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of the table: its fields, and what was calculated of it."""

    name: str
    nominal: str
    cells: tuple[tuple[Column, str], ...]
    conditions: tuple[Field, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The readings of one test at one stage."""

    stage: str
    test: TestPoints
    is_main: bool
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """A standard that may be chosen, or why it may not."""

    id: UUID
    name: Bilingual
    certificate_number: str | None
    valid_until: date | None
    ratio: float | None
    ratio_limit: float | None
    test_uncertainty_ratio: float | None
    reasons: tuple[str, ...]
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspected:
    """A reading that looks like a slip; `name` is that of its field, `confirm` how it stands."""

    name: str
    label: Bilingual
    confirm: str
    read: Decimal
    expected: Decimal
    meant: Decimal | None
    slip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What stands against submitting: of which field, how that is called, and why."""

    name: str
    label: Bilingual
    reason: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPart:
    """What the sheet comes to so far.

    Attributes:
        verdict: undetermined while anything stands against it.
        unread: the names of the fields that are still empty.
        confirmed: what was read again, as the form repeats it.
        is_raised: whether U is the accredited capability, above what the budget gives.
        outside: the points that the accredited capability does not cover, with their unit.
    """

    verdict: Verdict
    uncertainty: ExpandedUncertainty | None
    as_found: Verdict | None
    unread: tuple[str, ...]
    problems: tuple[Against, ...]
    suspected: tuple[Suspected, ...]
    confirmed: tuple[str, ...]
    tables: tuple[Table, ...]
    is_raised: bool = False
    outside: str = ""

    @property
    def bad(self) -> str:
        """The names of the fields in question, as the script reads them."""
        names = [problem.name for problem in self.problems]
        names += [suspected.name for suspected in self.suspected]
        return " ".join(dict.fromkeys(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksheetPage:
    """The worksheet of one item of a work order.

    Attributes:
        wrong: why it was not saved or not taken, the last time.
        stale: who saved another revision meanwhile; what was typed is still on the page.
    """

    opened: Opened
    item: Bilingual
    edition: ProcedureEdition
    sheet: Sheet
    version: int
    fields: Mapping[str, tuple[Field, ...]]
    standards: tuple[Standard, ...]
    judged: JudgedPart
    wrong: Told | None = None
    stale: bool = False
    saved: bool = False

    @property
    def address(self) -> str:
        """Where the page is, and where it is sent."""
        return addresses.worksheet(self.opened.line.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFragment:
    """Only what the sheet comes to, for the script."""

    judged: JudgedPart


TEMPLATES[WorksheetPage] = "worksheet.html"
TEMPLATES[JudgedFragment] = "worksheet_judged.html"


async def _form(request: Request) -> AsyncIterator[FormData]:
    """Yield what a form sent, and close its file afterwards."""
    async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
        yield form


Form = Annotated[FormData, Depends(_form)]


@router.get(WORKSHEET_ROUTE)
def show_worksheet(
    request: Request, session: Reading, now: Now, line_id: UUID, saved: bool = False
) -> HTMLResponse:
    """Show the worksheet of one item, as it was saved or filled in anew."""
    opened = worksheets.open_worksheet(session, line_id, now=now)
    page = worksheet_page(opened, opened.sheet, opened.judged, version=opened.revision)
    return render_page(request, replace(page, saved=saved))


@router.post(JUDGED_ROUTE)
def judge_worksheet(
    request: Request, session: Reading, now: Now, line_id: UUID, form: Form
) -> HTMLResponse:
    """Send what the typed sheet comes to; nothing is kept."""
    opened = worksheets.open_worksheet(session, line_id, now=now)
    sheet, _ = read_form(form)
    judged = worksheets.evaluate(session, line_id, sheet, now=now)
    return render_fragment(request, JudgedFragment(judged=_judged(opened.edition, sheet, judged)))


@router.post(WORKSHEET_ROUTE)
def act_on_worksheet(
    request: Request, actor: Acting, now: Now, line_id: UUID, form: Form
) -> Response:
    """Save the sheet, and with the button that says so submit it; what was typed is never lost."""
    engine = request.app.state.engine
    with TenantSession(engine, actor.organization_id, read_only=True) as session:
        opened = worksheets.open_worksheet(session, line_id, now=now)
    sheet, version = read_form(form)
    act = str(form.get("act", "save"))
    wrong: Exception | None = None
    try:
        sheet = _changed(act, sheet, form, opened.edition)
        version = _save(request, actor, line_id, sheet, after=version, now=now)
        if act == "submit":
            _submit(request, actor, line_id, version=version, now=now)
            return RedirectResponse(addresses.work_order(opened.order.id), 303)
    except ReauthenticationRequired:
        raise
    except (ServiceError, TraceabilityError, InvalidInput) as error:
        wrong = error
    if request.headers.get("accept") == "application/json":
        said = {"version": version, "stale": isinstance(wrong, StaleVersion)}
        return JSONResponse(said, 200 if wrong is None else 412)
    if wrong is None:
        return RedirectResponse(f"{addresses.worksheet(line_id)}?saved=true", 303)
    return _shown_again(request, actor, line_id, sheet, version, wrong, now=now)


def _save(
    request: Request, actor: Actor, line_id: UUID, sheet: Sheet, *, after: int, now: datetime
) -> int:
    engine = request.app.state.engine
    with TenantSession(engine, actor.organization_id) as session, session.begin():
        person = people_store.acting(session, actor.person_id)
        saved = actions.save(session, line_id, sheet, after=after, person=person, now=now)
        return saved.revision


def _submit(request: Request, actor: Actor, line_id: UUID, *, version: int, now: datetime) -> None:
    engine = request.app.state.engine
    with TenantSession(engine, actor.organization_id) as session, session.begin():
        actions.submit(
            session,
            line_id,
            revision=version,
            person=people_store.acting(session, actor.person_id),
            authenticated_at=actor.authenticated_at,
            now=now,
        )


def _shown_again(
    request: Request,
    actor: Actor,
    line_id: UUID,
    sheet: Sheet,
    version: int,
    wrong: Exception,
    *,
    now: datetime,
) -> HTMLResponse:
    """Show what was typed, with the reason why it was not saved or not taken."""
    stale = isinstance(wrong, StaleVersion)
    with TenantSession(request.app.state.engine, actor.organization_id, read_only=True) as session:
        opened = worksheets.open_worksheet(session, line_id, now=now)
        judged = worksheets.evaluate(session, line_id, sheet, now=now)
        page = worksheet_page(opened, sheet, judged, version=opened.revision if stale else version)
        return render_page(
            request,
            replace(page, wrong=told(wrong), stale=stale),
            status=412 if stale else 422,
        )


def _changed(act: str, sheet: Sheet, form: FormData, edition: ProcedureEdition) -> Sheet:
    """Return the sheet with what a button does to it besides saving."""
    if act == "add":
        empty = {column.key: "" for column in columns(edition, MAIN_TEST, _keys(sheet))}
        conditions = {c.name: "" for c in edition.test_points.conditions}
        row = Row(nominal="", readings=empty, conditions=conditions)
        return replace(sheet, rows=(*sheet.rows, row))
    if act == "adjust":
        blank = tuple(replace(r, readings=dict.fromkeys(r.readings, "")) for r in sheet.rows)
        return replace(
            sheet, course=Course.ADJUSTED, as_found=sheet.as_found or sheet.rows, rows=blank
        )
    if act == "paste":
        pasted = str(form.get("paste", "")).strip("\r\n")
        file = form.get("file")
        content = file.file.read() if isinstance(file, UploadFile) and file.size else b""
        if not content and pasted:
            content = _with_heading(pasted, sheet, edition).encode()
        if not content:
            raise UnreadableFile("empty", "there is neither a file nor anything pasted")
        return with_readings(sheet, read_sheet_file(content, edition))
    return sheet


def _keys(sheet: Sheet) -> Iterable[str]:
    return {key for row in sheet.rows if row.test == MAIN_TEST for key in row.readings}


def _with_heading(pasted: str, sheet: Sheet, edition: ProcedureEdition) -> str:
    """Return pasted cells under a heading; numbers alone are taken in the order of the columns."""
    lines = pasted.splitlines()
    keys = [column.key for column in columns(edition, MAIN_TEST, _keys(sheet))]
    main = [row for row in sheet.rows if row.test == MAIN_TEST]
    try:
        read_number(lines[0].split("\t")[0])
    except InvalidInput:
        return pasted
    if len(lines[0].split("\t")) > len(keys):
        return "\n".join(("\t".join(("nominal", *keys)), *lines))
    told = [f"{row.nominal}\t{line}" for row, line in zip(main, lines, strict=False)]
    return "\n".join(("\t".join(("nominal", *keys)), *told))


# --- The form ------------------------------------------------------------------------------------


def read_form(form: FormData) -> tuple[Sheet, int]:
    """Return the sheet that a form holds, and the revision that it is of."""
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    confirmed = dict(
        value.split("=", 1)
        for name, value in form.multi_items()
        if name == "confirm" and isinstance(value, str) and "=" in value
    )
    course = fields.get("course", Course.MEASURED.value)
    limited = "limited" in fields
    version = fields.get("version", "0")
    return Sheet(
        accuracy_class=fields.get("accuracy_class", ""),
        parameters=_under(fields, "p."),
        environment=_under(fields, "e."),
        options=_under(fields, "o."),
        inspections=_under(fields, "i."),
        standard=fields.get("standard", ""),
        course=Course(course) if course in set(Course) else Course.MEASURED,
        rows=tuple(_rows(fields, "rows.")),
        as_found=tuple(_rows(fields, "as_found.")),
        adjustment=fields.get("adjustment", ""),
        no_as_found=fields.get("no_as_found", ""),
        limitation=Limitation(
            lower=fields.get("l.lower", ""),
            upper=fields.get("l.upper", ""),
            reason=fields.get("l.reason", ""),
        )
        if limited
        else None,
        confirmed=confirmed,
        remarks=_under(fields, "m."),
    ), int(version) if version.isascii() and version.isdigit() else 0


def _under(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in fields.items()
        if name.startswith(prefix)
    }


def _rows(fields: Mapping[str, str], prefix: str) -> Iterator[Row]:
    """Yield the rows of a stage; one whose every field is empty is left out."""
    told: dict[int, dict[str, str]] = {}
    for name, value in _under(fields, prefix).items():
        index, _, rest = name.partition(".")
        if index.isascii() and index.isdigit():
            told.setdefault(int(index), {})[rest] = value
    for _, parts in sorted(told.items()):
        readings, conditions = _under(parts, "r."), _under(parts, "c.")
        test, nominal = parts.get("test", MAIN_TEST), parts.get("nominal", "").strip()
        if test != MAIN_TEST or nominal or any(text.strip() for text in readings.values()):
            yield Row(nominal=nominal, readings=readings, test=test, conditions=conditions)


def name_of(pointer: str, sheet: Sheet) -> str:
    """Return the name of the form's field that a pointer of a sheet is about.

    >>> sheet = Sheet(accuracy_class="", parameters={}, environment={}, rows=())
    >>> name_of("/environment/temperature", sheet), name_of("/rows/2/up#2", sheet)
    ('e.temperature', 'rows.2.r.up#2')
    """
    parts = pointer.strip("/").split("/")
    short = {"parameters": "p", "environment": "e", "options": "o", "inspections": "i",
             "limitation": "l", "remarks": "m"}  # fmt: skip
    if parts[0] in ("rows", "as_found"):
        match parts:
            case [stage, index, "conditions", name]:
                return f"{stage}.{index}.c.{name}"
            case [stage, index, ("nominal" | "test") as name]:
                return f"{stage}.{index}.{name}"
            case [stage, index, *rest] if rest:
                return f"{stage}.{index}.r.{rest[-1]}"
            case _:
                return f"{parts[0]}.0.nominal" if getattr(sheet, parts[0]) else "add"
    return ".".join((short.get(parts[0], parts[0]), *parts[1:]))


# --- What the page shows -------------------------------------------------------------------------


def worksheet_page(opened: Opened, sheet: Sheet, judged: Judged, *, version: int) -> WorksheetPage:
    """Return the page of a sheet: the saved one, or what was typed."""
    edition = opened.edition
    return WorksheetPage(
        opened=opened,
        item=bilingual(opened.item, "name"),
        edition=edition,
        sheet=sheet,
        version=version,
        fields={
            "parameters": tuple(_parameters(edition, sheet)),
            "options": tuple(_options(edition, sheet)),
            "environment": tuple(_environment(edition, sheet)),
            "inspections": tuple(_inspections(edition, sheet)),
            "remarks": tuple(_remarks(sheet)),
        },
        standards=tuple(_standards(opened.proposals, sheet)),
        judged=_judged(edition, sheet, judged),
    )


def _parameters(edition: ProcedureEdition, sheet: Sheet) -> Iterator[Field]:
    for row in edition.parameters:
        yield Field(
            name=f"p.{row.symbol}",
            label=_as_view(row.title),
            value=sheet.parameters.get(row.symbol, ""),
            unit=row.unit,
            hint=row.default or "",
            unverified=f"parameters.{row.symbol}" in edition.unverified,
        )


def _options(edition: ProcedureEdition, sheet: Sheet) -> Iterator[Field]:
    for row in edition.options:
        yield Field(
            name=f"o.{row.name}",
            label=_as_view(row.title),
            value=sheet.options.get(row.name, "") or row.default or "",
            choices=tuple((word, _as_view(text)) for word, text in row.choices.items()),
        )


def _environment(edition: ProcedureEdition, sheet: Sheet) -> Iterator[Field]:
    for row in edition.recorded_conditions:
        lowest, highest = row.bounds(sheet.accuracy_class, sheet.options)
        limits = [f"≥ {lowest:g}"] if lowest is not None else []
        limits += [f"≤ {highest:g}"] if highest is not None else []
        yield Field(
            name=f"e.{row.name}",
            label=_as_view(row.title),
            value=sheet.environment.get(row.name, ""),
            unit=row.unit,
            hint=", ".join(limits),
        )


def _inspections(edition: ProcedureEdition, sheet: Sheet) -> Iterator[Field]:
    for row in edition.inspections:
        yield Field(
            name=f"i.{row.name}",
            label=_as_view(row.title),
            value=sheet.inspections.get(row.name, ""),
        )


def _standards(proposals: Sequence[Proposal], sheet: Sheet) -> Iterator[Standard]:
    for proposal in proposals:
        link = proposal.candidate.link
        yield Standard(
            id=link.calibration_id,
            name=bilingual(link, "item_name"),
            certificate_number=link.certificate_number,
            valid_until=link.valid_until,
            ratio=proposal.ratio,
            ratio_limit=proposal.ratio_limit,
            test_uncertainty_ratio=proposal.test_uncertainty_ratio,
            reasons=tuple(reason.value for reason in proposal.reasons),
            is_chosen=str(link.calibration_id) == sheet.standard,
        )


def _judged(edition: ProcedureEdition, sheet: Sheet, judged: Judged) -> JudgedPart:
    result = judged.result
    suspected = tuple(
        Suspected(
            name=name_of(pointer, sheet),
            label=_label(edition, sheet, pointer),
            confirm=f"{pointer}={_written(sheet, pointer)}",
            read=found.read,
            expected=found.expected,
            meant=found.meant,
            slip=found.slip.value,
        )
        for pointer, found in judged.suspicions.items()
    )
    return JudgedPart(
        verdict=judged.verdict,
        uncertainty=_uncertainty(result) if result else None,
        as_found=judged.as_found.verdict if judged.as_found else None,
        unread=tuple(
            name_of(problem.pointer, sheet)
            for problem in judged.problems
            if problem.reason == NOT_READ
        ),
        problems=tuple(
            Against(
                name=name_of(problem.pointer, sheet),
                label=_label(edition, sheet, problem.pointer),
                reason=told_problem(problem.reason),
            )
            for problem in judged.problems
            if problem.pointer not in judged.suspicions and problem.reason != NOT_READ
        ),
        suspected=suspected,
        confirmed=tuple(
            f"{pointer}={text}"
            for pointer, text in sheet.confirmed.items()
            if pointer not in judged.suspicions
        ),
        tables=tuple(_tables(edition, sheet, judged)),
        is_raised=result is not None and result.is_raised,
        outside=_outside(result) if result else "",
    )


def _outside(result: MethodResult) -> str:
    points = ", ".join(f"{nominal:g}" for nominal in result.outside)
    return f"{points} {result.unit}" if points else ""


def _label(edition: ProcedureEdition, sheet: Sheet, pointer: str) -> Bilingual:
    """Return how a field is called: by the edition's own words for it, at its point."""
    kind, *rest = pointer.strip("/").split("/")
    if kind == "remarks" and rest:
        return _remark(rest[0])
    titles = {
        "parameters": {row.symbol: row.title for row in edition.parameters},
        "environment": {row.name: row.title for row in edition.recorded_conditions},
        "options": {row.name: row.title for row in edition.options},
        "inspections": {row.name: row.title for row in edition.inspections},
    }
    if kind in titles and rest and rest[0] in titles[kind]:
        return _as_view(titles[kind][rest[0]])
    if kind not in ("rows", "as_found") or len(rest) < 2:
        return NOTHING
    rows: tuple[Row, ...] = getattr(sheet, kind)
    labels = {row.symbol: row.label for row in edition.readings}
    symbol, _, repeat = rest[-1].partition("#")
    nominal = rows[int(rest[0])].nominal
    if symbol not in labels:
        return Bilingual(zh=nominal, en=nominal)
    at = f"{nominal} · " if nominal else ""
    again = f" {repeat}" if repeat else ""
    return Bilingual(zh=f"{at}{labels[symbol].zh}{again}", en=f"{at}{labels[symbol].en}{again}")


def _remark(name: str) -> Bilingual:
    """Return how a remark is called; its language is told in the reader's."""
    remark, _, language = name.rpartition("_")
    zh, en = REMARK_TITLES.get(remark, (name, name))
    written_zh, written_en = {"zh": ("中文", "Chinese")}.get(language, ("英文", "English"))
    return Bilingual(zh=f"{zh}({written_zh})", en=f"{en} ({written_en})")


def _remarks(sheet: Sheet) -> Iterator[Field]:
    for name in REMARKS:
        for language in LANGUAGES:
            key = f"{name}_{language}"
            yield Field(name=f"m.{key}", label=_remark(key), value=sheet.remarks.get(key, ""))


def _written(sheet: Sheet, pointer: str) -> str:
    stage, index, key = pointer.strip("/").split("/")
    rows: tuple[Row, ...] = getattr(sheet, stage)
    return rows[int(index)].readings[key]


def _uncertainty(result: MethodResult) -> ExpandedUncertainty:
    return ExpandedUncertainty(
        value=result.reported_uncertainty,
        unit=result.unit,
        coverage_factor=Decimal(f"{result.coverage_factor:g}"),
    )


def _tables(edition: ProcedureEdition, sheet: Sheet, judged: Judged) -> Iterator[Table]:
    stages = {"rows": judged.result}
    if sheet.course is Course.ADJUSTED:
        stages = {"as_found": judged.as_found, "rows": judged.result}
    for stage, result in stages.items():
        rows: tuple[Row, ...] = getattr(sheet, stage)
        for test in edition.tests:
            own = [(index, row) for index, row in enumerate(rows) if row.test == test.name]
            if not own:
                continue
            keys = {key for _, row in own for key in row.readings}
            drawn = tuple(columns(edition, test.name, keys))
            yield Table(
                stage=stage,
                test=test,
                is_main=test.name == MAIN_TEST,
                columns=drawn,
                lines=tuple(
                    _line(edition, f"{stage}.{index}", test, row, drawn, result)
                    for index, row in own
                ),
            )


def _line(
    edition: ProcedureEdition,
    name: str,
    test: TestPoints,
    row: Row,
    drawn: Sequence[Column],
    result: MethodResult | None,
) -> Line:
    return Line(
        name=name,
        nominal=row.nominal,
        cells=tuple((column, row.readings.get(column.key, "")) for column in drawn),
        conditions=tuple(
            Field(
                name=f"{name}.c.{condition.name}",
                label=_as_view(condition.title),
                value=row.conditions.get(condition.name, ""),
                unit=condition.unit or "",
                choices=tuple((word, Bilingual(zh=word, en=word)) for word in condition.choices),
            )
            for condition in test.conditions
        ),
        values=tuple(_values(edition, row, result)),
    )


def _values(edition: ProcedureEdition, row: Row, result: MethodResult | None) -> Iterator[Value]:
    """Yield what was calculated at a point: of the check that decides, and whatever is beyond."""
    try:
        nominal = float(read_number(row.nominal)) if row.nominal.strip() else 0.0
    except InvalidInput:
        return
    for point in result.points if result else ():
        given = {name: str(value) for name, value in point.conditions.items()}
        if (point.test, point.nominal) != (row.test, nominal) or any(
            given.get(name) not in (text.strip(), None) for name, text in row.conditions.items()
        ):
            continue
        yield from (_value(edition, value) for value in point.values if _is_told(edition, value))


def _is_told(edition: ProcedureEdition, value: CheckValue) -> bool:
    return value.check == edition.model.judges or not value.is_within_limit


def _value(edition: ProcedureEdition, value: CheckValue) -> Value:
    return Value(
        label=_as_view(edition.label_of(value.check, value.name)),
        reported=value.reported,
        limit=value.limit,
        is_within_limit=value.is_within_limit,
    )


def _as_view(text: object) -> Bilingual:
    """Return a text of an edition as pages say it."""
    return Bilingual(zh=text.zh, en=text.en)  # type: ignore[attr-defined]  # of procedures.edition
