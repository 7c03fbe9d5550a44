"""The pages of procedures: the list of editions, and one edition with its marks of confidence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from procedures.edition import (
    Bilingual,
    Check,
    Confidence,
    InForce,
    LimitSegment,
    PointCondition,
    ProcedureEdition,
    RequiredPoint,
    TestPoints,
)
from procedures.method_views import (
    IN_FORCE,
    KINDS,
    MARKS,
    RULES,
    Vocabulary,
    case_text,
    field_title,
    interval_text,
    segment_case,
    vocabulary,
)
from service.catalogue import BuiltIn, built_in_editions, edition_named, in_order
from service.clock import Today
from service.exchange.special import REQUESTS
from service.store import procedures as store
from service.tenancy import TenantSession
from service.web.frame import TEMPLATES, render_page
from service.web.pages import BookIfAny

router = APIRouter(include_in_schema=False)

EVALUATIONS_ROUTE = "/evaluations"
PROCEDURES_ROUTE = "/procedures"
PROCEDURE_ROUTE = "/procedures/{code}/{edition}"
PROCEDURE_TEXT_ROUTE = "/procedures/{code}/{edition}/edition.toml"  # declared before the page's
LOOKS = {
    InForce.YES: "ok",
    InForce.ENDED: "stop",
    InForce.NOT_YET: "soon",
    InForce.UNKNOWN: "plain",
}
MARK_LOOKS = {Confidence.SOURCE: "ok", Confidence.KNOWN: "none", Confidence.UNSURE: "soon"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureRow:
    """One edition in the list."""

    name: str
    title: Bilingual
    kind: Bilingual
    is_own: bool
    standing: Bilingual
    look: str
    unverified: int
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProceduresPage:
    """The editions that may be worked by, the catalogue's and the organization's own."""

    asked: str
    rows: tuple[ProcedureRow, ...]
    may_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """A limit, for what it holds, and whether it is less sure than the others."""

    case: Bilingual
    expression: str | None
    is_lower_bound: bool
    is_unsure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """A requirement: how its values are made, and their limits."""

    title: Bilingual
    values: tuple[tuple[Bilingual, str], ...]
    sense: str
    unit: str
    limits: tuple[LimitRow, ...]
    is_unsure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRow:
    """One test: its points, readings and what is derived from them."""

    title: Bilingual
    rule: Bilingual
    unit: str
    points: tuple[Bilingual, ...]
    conditions: tuple[tuple[Bilingual, Bilingual], ...]
    readings: tuple[tuple[Bilingual, str, str, str | None], ...]
    derived: tuple[tuple[str, str], ...]
    checks: tuple[CheckRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    """How sure one field is."""

    field: Bilingual
    mark: Bilingual
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedurePage:
    """One edition: what it is, its limits, tests, conditions, model, and how sure each is."""

    edition: ProcedureEdition
    kind: Bilingual
    standing: Bilingual
    look: str
    is_own: bool
    deviations: Bilingual | None
    limits: tuple[LimitRow, ...]
    tests: tuple[TestRow, ...]
    environment: tuple[tuple[Bilingual, str, tuple[tuple[Bilingual, str], ...]], ...]
    periods: tuple[tuple[Bilingual, int], ...]
    rule: Bilingual
    marks: tuple[MarkRow, ...]
    text_address: str
    write_address: str
    may_write: bool
    replaced_by_address: str | None
    evaluations: tuple[tuple[str, Bilingual], ...]


TEMPLATES[ProceduresPage] = "procedures.html"
TEMPLATES[ProcedurePage] = "procedure.html"


def procedure(code: str, edition: str) -> str:
    """Return the address of an edition's page."""
    return f"/procedures/{quote(code, safe='')}/{quote(edition, safe='')}"


@router.get(PROCEDURES_ROUTE)
def show_procedures(
    request: Request,
    session: BookIfAny,
    today: Today,
    q: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Show every edition, or those whose code or title has some words in it."""
    known = _known(session)
    asked = q.strip()
    rows = sorted((row for row in known if _has(row.edition, asked)), key=in_order)
    view = ProceduresPage(
        asked=asked,
        rows=tuple(_row(row, today) for row in rows),
        may_write=session is not None,
    )
    return render_page(request, view)


@router.get(PROCEDURE_TEXT_ROUTE)
def download_procedure(session: BookIfAny, code: str, edition: str) -> Response:
    """Send an edition's own text, to start another from."""
    kept = _kept(session, code, edition)
    return Response(
        kept.text,
        media_type="application/toml",
        headers={"Content-Disposition": 'attachment; filename="edition.toml"'},
    )


@router.get(PROCEDURE_ROUTE)
def show_procedure(
    request: Request, session: BookIfAny, today: Today, code: str, edition: str
) -> HTMLResponse:
    """Show one edition with its limits, tests and marks of confidence."""
    kept = _kept(session, code, edition)
    view = procedure_page(kept, on=today, may_write=session is not None)
    return render_page(request, view)


def _known(session: TenantSession | None) -> tuple[BuiltIn, ...]:
    return built_in_editions() if session is None else store.all_of_them(session)


def _kept(session: TenantSession | None, code: str, edition: str) -> BuiltIn:
    return edition_named(code, edition) if session is None else store.get(session, code, edition)


def _has(edition: ProcedureEdition, words: str) -> bool:
    told = f"{edition.name} {edition.title.zh} {edition.title.en}".lower()
    return all(word in told for word in words.lower().split())


def _row(kept: BuiltIn, on: date) -> ProcedureRow:
    edition, standing = kept.edition, kept.edition.in_force(on)
    return ProcedureRow(
        name=edition.name,
        title=edition.title,
        kind=KINDS[edition.kind],
        is_own=kept not in built_in_editions(),
        standing=IN_FORCE[standing],
        look=LOOKS[standing],
        unverified=len(edition.unverified),
        address=procedure(edition.code, edition.edition),
    )


def procedure_page(kept: BuiltIn, *, on: date, may_write: bool = False) -> ProcedurePage:
    """Return what the page of an edition shows on a day."""
    edition = kept.edition
    standing = edition.in_force(on)
    replacing = [
        row.edition for row in built_in_editions() if row.edition.name == edition.replaced_by
    ]
    known = vocabulary(edition)
    return ProcedurePage(
        edition=edition,
        kind=KINDS[edition.kind],
        standing=IN_FORCE[standing],
        look=LOOKS[standing],
        is_own=kept not in built_in_editions(),
        deviations=_listed([field_title(name) for name in edition.deviations]),
        limits=_limits(edition.maximum_permissible_error, known),
        tests=tuple(_test(edition, test, known) for test in edition.tests),
        environment=tuple(_environment(edition)),
        periods=tuple(
            (case.when or case_text(case, known), case.months) for case in edition.period_cases
        ),
        rule=RULES[edition.conformity.rule],
        marks=tuple(_marks(edition)),
        text_address=f"{procedure(edition.code, edition.edition)}/edition.toml",
        write_address="/procedures/write?"
        + urlencode({"code": edition.code, "edition": edition.edition}),
        may_write=may_write,
        replaced_by_address=procedure(replacing[0].code, replacing[0].edition)
        if replacing
        else None,
        evaluations=tuple(
            (f"{EVALUATIONS_ROUTE}/{kind}", Bilingual(zh=asked.TITLE.zh, en=asked.TITLE.en))
            for kind, asked in REQUESTS.items()
            if edition.name in asked.PROCEDURES
        ),
    )


def _listed(titles: list[Bilingual]) -> Bilingual | None:
    if not titles:
        return None
    return Bilingual(
        zh="、".join(title.zh for title in titles), en=", ".join(title.en for title in titles)
    )


def _limits(segments: Iterable[LimitSegment], known: Vocabulary) -> tuple[LimitRow, ...]:
    return tuple(
        LimitRow(
            case=segment_case(segment, known),
            expression=segment.expression,
            is_lower_bound=segment.is_lower_bound,
            is_unsure=segment.mark is Confidence.UNSURE,
        )
        for segment in segments
    )


def _test(edition: ProcedureEdition, test: TestPoints, known: Vocabulary) -> TestRow:
    return TestRow(
        title=test.title,
        rule=test.rule,
        unit=test.unit,
        points=tuple(_point(row, test, known) for row in test.required),
        conditions=tuple((row.title, _choices(row, known)) for row in test.conditions),
        readings=tuple(
            (row.label, row.symbol, row.unit, row.repeats)
            for row in edition.readings
            if row.test == test.name
        ),
        derived=tuple(
            (row.symbol, row.expression) for row in edition.derived if row.test == test.name
        ),
        checks=tuple(
            _check(edition, row, known) for row in edition.checks if row.test == test.name
        ),
    )


def _choices(row: PointCondition, known: Vocabulary) -> Bilingual:
    if row.unit is not None:
        return Bilingual(zh=row.unit, en=row.unit)
    words = [known.word(row.name, word) for word in row.choices]
    return Bilingual(
        zh="、".join(word.zh for word in words), en=", ".join(word.en for word in words)
    )


def _point(row: RequiredPoint, test: TestPoints, known: Vocabulary) -> Bilingual:
    at, case = f"{row.at} {test.unit}", case_text(row, known)
    words = [known.word(name, word) for name, word in row.conditions.items()]
    zh = [at, *(word.zh for word in words), *([case.zh] if case.zh else [])]
    en = [at, *(word.en for word in words), *([case.en] if case.en else [])]
    return Bilingual(zh=" · ".join(zh), en=" · ".join(en))


def _check(edition: ProcedureEdition, row: Check, known: Vocabulary) -> CheckRow:
    return CheckRow(
        title=row.title,
        values=tuple(
            (edition.label_of(row.name, name), expression)
            for name, expression in row.values.items()
        ),
        sense=row.sense,
        unit=row.unit or edition.measurand.unit,
        limits=_limits(row.limits, known),
        is_unsure=row.mark is Confidence.UNSURE,
    )


def _environment(
    edition: ProcedureEdition,
) -> Iterator[tuple[Bilingual, str, tuple[tuple[Bilingual, str], ...]]]:
    known = vocabulary(edition)
    for row in edition.environment:
        is_open = row.lowest is None and row.highest is None
        allowed = "" if is_open else interval_text(row.lowest, row.highest, row.unit)
        cases = tuple(
            (
                case_text(case, known),
                interval_text(case.lowest, case.highest, row.unit),
            )
            for case in row.cases
        )
        yield row.title, allowed, cases


def _marks(edition: ProcedureEdition) -> Iterator[MarkRow]:
    for field, mark in edition.marks.items():
        yield MarkRow(field=field_title(field), mark=MARKS[mark], look=MARK_LOOKS[mark])
    for field in edition.unverified:
        if field not in edition.marks:
            unsure = Confidence.UNSURE
            yield MarkRow(field=field_title(field), mark=MARKS[unsure], look=MARK_LOOKS[unsure])
