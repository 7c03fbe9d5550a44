"""Worksheets: saved in revisions, of which none is lost, and submitted once they are whole."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from certificates.seal import digest
from procedures.edition import MAIN_TEST
from procedures.errors import InvalidInput
from procedures.method import MethodResult, ProcedureEdition
from procedures.worksheet import (
    MOST_POINTS,
    Course,
    Earlier,
    Judged,
    Limitation,
    Problem,
    Row,
    Sheet,
    judge,
    place_of,
    read_number,
    remarks_of,
)
from service.actions import calibrations, certificates, figures, measurements, work_orders
from service.actions.capabilities import capability_of
from service.actions.measurements import Measured
from service.actions.out_of_tolerance import suggest_recall
from service.actions.standards import require_usable
from service.clock import day_of
from service.errors import (
    InvalidField,
    NotAuthorised,
    NotFound,
    StaleVersion,
    StandardNotUsable,
    WorksheetIncomplete,
)
from service.store import calibrations as calibration_store
from service.store import capabilities as capability_store
from service.store import certificates as certificate_store
from service.store import items as item_store
from service.store import procedures as procedure_store
from service.store import work_orders as store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tables.people import Person
from service.tables.work_orders import WorkOrderLine, WorkOrderStep, WorksheetRevision
from service.tenancy import TenantSession
from service.work_order_states import State, require_next
from traceability.graph import Basis, MeasuringInterval

LONGEST_TEXT = 2000  # characters of a field
ABOUT_A_POINT = ("nominal", "test", "conditions", "standard")  # beside its readings, in a record


def save(
    session: TenantSession,
    line_id: UUID,
    sheet: Sheet,
    *,
    after: int,
    person: Person,
    now: datetime,
) -> WorksheetRevision:
    """Keep a worksheet as its next revision, whatever is missing in it.

    A row keeps the standard against which it was read; what is new or changed was read against
    the one that is in use now.

    Args:
        after: the revision that was read; 0 for the first.

    Raises:
        NotFound: the book has no such item of an order.
        StepOutOfOrder: the item is not being measured.
        NotAuthorised: the person is not authorised for the procedure today.
        StaleVersion: somebody saved another revision since.
        InvalidField: more rows, or a longer text, than a worksheet has.
    """
    line = store.line(session, line_id)
    require_next(State(store.last_step(session, line_id).state), State.MEASURED)
    work_orders.require_authorised(session, person, line.procedure_code, on=day_of(now))
    _require_size(sheet)
    session.lock_book()
    newest = store.worksheet(session, line_id)
    current = newest.revision if newest else 0
    if after != current:
        raise StaleVersion("worksheet", str(after), str(current))
    before = as_sheet(newest.content) if newest else None
    content = as_content(_with_standards(sheet, before))
    row = WorksheetRevision(
        organization_id=session.organization_id,
        line_id=line_id,
        revision=current + 1,
        person_id=person.id,
        content=content,
        sha256=digest(content),
        saved_at=now,
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise StaleVersion("worksheet", str(after), str(current + 1)) from error
    return row


def submit(
    session: TenantSession,
    line_id: UUID,
    *,
    revision: int,
    person: Person,
    authenticated_at: datetime | None,
    now: datetime,
) -> Calibration:
    """Record what a worksheet says as a calibration, and sign it as the one who calibrated.

    Raises:
        NotFound: there is no such item or worksheet, or no edition of its procedure is in force.
        StaleVersion: another revision is the newest.
        ReauthenticationRequired: the last proof of identity is more than 300 s old.
        NotAuthorised: the item is another person's, or the person is not authorised today.
        StandardNotUsable: a standard that was read against may not be used today.
        WorksheetIncomplete: with all that stands against it.
        StepOutOfOrder: the item is not being measured.
    """
    # 1 who submits what
    certificates.require_fresh(authenticated_at, now=now)
    line, today = store.line(session, line_id), day_of(now)
    require_next(State(store.last_step(session, line_id).state), State.MEASURED)
    saved = _newest(session, line_id, revision)
    _require_own(session, line, person)
    work_orders.require_authorised(session, person, line.procedure_code, on=today)

    # 2 what is on the sheet, and against which standards it was read
    item = item_store.get(session, line.item_id)
    sheet = as_sheet(saved.content)
    built_in = procedure_store.in_force(session, line.procedure_code, on=today)
    _require_standards(session, item, sheet, built_in.edition, now=now)
    assessed = assess(session, item, sheet, built_in.edition, on=today)
    result = _require_whole(assessed)

    # 3 the record; what was measured before, and sent back, is superseded by it
    earlier_ids = _measured_before(session, line_id)
    previous = newest_before(session, item, but_not=earlier_ids)
    measured = Measured(
        result=result,
        standards=_nominals_by_standard(sheet),
        record=_record(session, sheet, built_in.edition, saved),
        as_found=assessed.as_found,
    )
    row = measurements.record_measured(
        session, item, measured, edition=built_in.edition, edition_text=built_in.text,
        performed_by=person, record_number=_record_number(session, line), on=today, now=now,
    )  # fmt: skip
    for earlier_id in earlier_ids[-1:]:
        _supersede(session, earlier_id, row, actor=person, now=now)

    # 4 what an item out of tolerance asks for
    found = None if sheet.course is Course.INITIAL else assessed.as_found or result
    recall = suggest_recall(
        session, item, row, found, previous, earlier_ids, edition=built_in.edition,
        actor_id=person.id, now=now,
    )  # fmt: skip

    # 5 the step, and the first signature
    said = {
        "revision": saved.revision,
        "verdict": result.verdict.value,
        "as_found": found and found.verdict.value,
        "recall": recall,
        "certificate": result.certificate and result.certificate.value,
    }
    work_orders.take_step(
        session, line, State.MEASURED, person=person, now=now, calibration_id=row.id, said=said
    )
    certificates.sign(
        session, row.id, meaning="calibrated", person=person,
        authenticated_at=authenticated_at, now=now,
    )  # fmt: skip
    return row


def assess(
    session: TenantSession, item: Item, sheet: Sheet, edition: ProcedureEdition, *, on: date
) -> Judged:
    """Judge a worksheet as it stands on a day; nothing is written."""
    ids = _standards_of(sheet)
    standard = None
    problems = []
    if ids:
        try:
            standard = figures.standard_in_use(
                session, dict.fromkeys(ids, ()) | _nominals_by_standard(sheet), edition
            )
        except (InvalidField, NotFound) as error:
            problems.append(Problem(pointer="/standard", reason=str(error)))
    judged = judge(
        edition,
        sheet,
        standard,
        earlier=earlier_readings(session, item, edition.code),
        capabilities=[
            capability_of(row)
            for row in capability_store.in_force(
                session, quantity=item.quantity, procedure_code=edition.code, on=on
            )
        ],
    )
    told = [problem for problem in judged.problems if not (problems and
            problem.pointer == "/standard")]  # fmt: skip
    return replace(judged, problems=(*problems, *told))


def earlier_readings(session: TenantSession, item: Item, procedure_code: str) -> Earlier:
    """Return what was read of the item, else of its type, by nominal value and symbol."""
    records = store.records_of_type(session, item, procedure_code)
    own = [readings for item_id, readings in records if item_id == item.id]
    found: dict[str, dict[str, list[Decimal]]] = {}
    for readings in own or [readings for _, readings in records]:
        for point in readings["points"]:
            row = row_of(point)
            at = found.setdefault(place_of(row), {})
            for key, text in row.readings.items():
                at.setdefault(key.partition("#")[0], []).append(Decimal(text))
    return found


def row_of(point: Mapping[str, Any]) -> Row:
    """Return the row that a point of an original record was written on."""
    told = {name: value for name, value in point.items() if name not in ABOUT_A_POINT}
    return Row(
        nominal=point["nominal"],
        readings=told,
        test=point.get("test", MAIN_TEST),
        conditions=point.get("conditions", {}),
    )


def newest_before(
    session: TenantSession, item: Item, *, but_not: Collection[UUID] = ()
) -> Calibration | None:
    """Return the calibration that the item relied on, valid or not; None if it had none.

    Args:
        but_not: those that were sent back, on which nothing relied.
    """
    for row in calibration_store.of_item(session, item.id):
        if row.id not in but_not and calibration_store.supersession(session, row.id) is None:
            return row
    return None


def interval_of(sheet: Sheet, item: Item, edition: ProcedureEdition) -> MeasuringInterval | None:
    """Return the interval in which a sheet compares; None where it names no value above zero."""
    main = [row for row in (*sheet.as_found, *sheet.rows) if row.test == MAIN_TEST]
    nominals = [value for value in map(_nominal, main) if value]
    return figures.compared_interval(edition, item, nominals) if nominals else None


def ratio_rule(edition: ProcedureEdition) -> tuple[Basis, float | None]:
    """Return by which statement of the standard an edition's ratio goes, and its most."""
    if edition.ratio is None:
        return "U", None
    return ("MPE" if edition.ratio.basis == "MPE/MPE" else "U"), edition.ratio.maximum


def as_content(sheet: Sheet) -> dict[str, Any]:
    """Return a worksheet as JSON holds it."""
    return asdict(sheet) | {"course": sheet.course.value}


def as_sheet(content: Mapping[str, Any]) -> Sheet:
    """Return the worksheet that `as_content` was given."""
    told = dict(content)
    limitation = told.pop("limitation")
    course = Course(told.pop("course"))
    rows, as_found = (tuple(Row(**row) for row in told.pop(name)) for name in ("rows", "as_found"))
    return Sheet(
        rows=rows,
        as_found=as_found,
        course=course,
        limitation=Limitation(**limitation) if limitation else None,
        **told,
    )


def _require_size(sheet: Sheet) -> None:
    for name in ("rows", "as_found"):
        if len(getattr(sheet, name)) > MOST_POINTS:
            raise InvalidField(f"/{name}", f"a worksheet has at most {MOST_POINTS} points")
    for pointer, text in _texts("", as_content(sheet)):
        if len(text) > LONGEST_TEXT:
            raise InvalidField(pointer, f"longer than {LONGEST_TEXT} characters")


def _texts(pointer: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield f"{pointer}/{name}", name
            yield from _texts(f"{pointer}/{name}", part)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _texts(f"{pointer}/{index}", part)


def _with_standards(sheet: Sheet, before: Sheet | None) -> Sheet:
    """Return a sheet in which each row that was read names the standard it was read against."""

    def frozen(rows: tuple[Row, ...], known: tuple[Row, ...]) -> tuple[Row, ...]:
        before_ = {_read(row): row.standard for row in known}
        return tuple(
            replace(row, standard=before_.get(_read(row)) or sheet.standard)
            if any(text.strip() for text in row.readings.values())
            else replace(row, standard="")
            for row in rows
        )

    return replace(
        sheet,
        rows=frozen(sheet.rows, before.rows if before else ()),
        as_found=frozen(sheet.as_found, before.as_found if before else ()),
    )


def _read(row: Row) -> tuple[str, tuple[tuple[str, str], ...]]:
    return place_of(row), tuple(sorted(row.readings.items()))


def _newest(session: TenantSession, line_id: UUID, revision: int) -> WorksheetRevision:
    newest = store.worksheet(session, line_id)
    if newest is None:
        raise NotFound("worksheet", line_id)
    if newest.revision != revision:
        raise StaleVersion("worksheet", str(revision), str(newest.revision))
    return newest


def _measurements(session: TenantSession, line_id: UUID) -> list[WorkOrderStep]:
    return [step for step in store.steps(session, line_id) if step.state == State.MEASURED]


def _measured_before(session: TenantSession, line_id: UUID) -> list[UUID]:
    """Return the calibrations of what was measured before, and sent back."""
    steps = _measurements(session, line_id)
    return [step.calibration_id for step in steps if step.calibration_id]


def _record_number(session: TenantSession, line: WorkOrderLine) -> str:
    order = store.get(session, line.work_order_id)
    return f"{order.number}-{line.position + 1}-R{len(_measurements(session, line.id)) + 1}"


def _require_whole(assessed: Judged) -> MethodResult:
    if assessed.problems or assessed.result is None:
        raise WorksheetIncomplete([(problem.pointer, problem.reason)
                                   for problem in assessed.problems])  # fmt: skip
    return assessed.result


def _require_own(session: TenantSession, line: WorkOrderLine, person: Person) -> None:
    if store.last_step(session, line.id).assigned_to_id != person.id:
        raise NotAuthorised(f"the item is not assigned to {person.name_en}")


def _standards_of(sheet: Sheet) -> list[UUID]:
    """Return the calibrations that were read against; the one in use while nothing is read.

    Raises:
        InvalidField: what names a standard is no id.
    """
    names = [row.standard for row in _rows_used(sheet) if row.standard] or [sheet.standard]
    try:
        return [UUID(name) for name in dict.fromkeys(names) if name]
    except ValueError:
        raise InvalidField("/standard", "is no id of a calibration") from None


def _rows_used(sheet: Sheet) -> tuple[Row, ...]:
    return (*sheet.rows, *(sheet.as_found if sheet.course is Course.ADJUSTED else ()))


def _nominals_by_standard(sheet: Sheet) -> dict[UUID, tuple[float, ...]]:
    found: dict[UUID, dict[float, None]] = {}
    for row in _rows_used(sheet):
        if not row.standard:
            continue
        nominal = _nominal(row) if row.test == MAIN_TEST else 0.0
        if nominal is not None:
            found.setdefault(UUID(row.standard), {})[nominal] = None
    return {id_: tuple(nominals) for id_, nominals in found.items()}


def _nominal(row: Row) -> float | None:
    try:
        return float(read_number(row.nominal))
    except InvalidInput:
        return None


def _require_standards(
    session: TenantSession, item: Item, sheet: Sheet, edition: ProcedureEdition, *, now: datetime
) -> None:
    """Refuse a sheet that was read against a standard which may not be used today."""
    basis, ratio_limit = ratio_rule(edition)
    by_standard = _nominals_by_standard(sheet)
    refused = []
    for id_, nominals in by_standard.items():
        if not any(nominals) and not edition.test_points.is_done_once:
            continue
        try:
            require_usable(
                session,
                id_,
                item,
                interval=figures.compared_interval(edition, item, nominals)
                if any(nominals)
                else None,
                basis=basis,
                ratio_limit=ratio_limit,
                on=day_of(now),
                known_at=now,
                pointer="/standard",
            )
        except StandardNotUsable as error:
            refused.append(error)
    if refused:
        raise refused[0]


def _record(
    session: TenantSession, sheet: Sheet, edition: ProcedureEdition, saved: WorksheetRevision
) -> dict[str, Any]:
    """Return the original record: the readings as written, each with its standard's certificate."""
    told = {id_: _certificate_of(session, id_) for id_ in _standards_of(sheet)}
    return {
        "procedure_edition": edition.name,
        "worksheet_revision": saved.revision,
        "worksheet_sha256": saved.sha256,
        "accuracy_class": sheet.accuracy_class,
        "course": sheet.course.value,
        "points": [_point(row, told) for row in sheet.rows],
        "as_found": [_point(row, told) for row in sheet.as_found]
        if sheet.course is Course.ADJUSTED
        else [],
        "adjustment": sheet.adjustment,
        "no_as_found": sheet.no_as_found if sheet.course is Course.INITIAL else "",
        "limitation": asdict(sheet.limitation) if sheet.limitation else None,
        "options": dict(sheet.options),
        "inspections": dict(sheet.inspections),
        "confirmed": dict(sheet.confirmed),
        "remarks": remarks_of(sheet.remarks),
        "environment": _digits(sheet.environment),
        "parameters": _digits(sheet.parameters),
    }


def _point(row: Row, told: Mapping[UUID, Mapping[str, str | None]]) -> dict[str, Any]:
    """Return a row as the record keeps it: each reading with its digits, and its standard."""
    about: dict[str, Any] = {} if row.test == MAIN_TEST else {"test": row.test}
    if row.conditions:
        about["conditions"] = dict(row.conditions)
    return {
        "nominal": str(read_number(row.nominal)) if row.nominal.strip() else "",
        **about,
        **_digits(row.readings),
        "standard": told[UUID(row.standard)] if row.standard else None,
    }


def _digits(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: str(read_number(text)) for name, text in texts.items() if text.strip()}


def _certificate_of(session: TenantSession, calibration_id: UUID) -> dict[str, str | None]:
    """Return the version of a standard's certificate: its number, and the digest of its content."""
    row = calibration_store.get(session, calibration_id)
    certificate = certificate_store.of_calibration(session, calibration_id)
    return {
        "calibration_id": str(calibration_id),
        "certificate_number": certificate.number if certificate else row.certificate_number,
        "certificate_sha256": certificate.content_sha256 if certificate else None,
        "valid_until": row.valid_until.isoformat() if row.valid_until else None,
    }


def _supersede(
    session: TenantSession, earlier_id: UUID, row: Calibration, *, actor: Person, now: datetime
) -> None:
    if calibration_store.supersession(session, earlier_id) is None:
        calibrations.end(
            session, earlier_id, successor_id=row.id, reason="measured anew",
            actor_id=actor.id, now=now,
        )  # fmt: skip
