"""A worksheet: what a procedure edition asks to be read, what was read, and what comes of it.

Numbers are text as they were written until they are judged, so that their digits, and even what
is no number, are kept. Nothing is passed by default: a sheet that is not whole has no verdict.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from statistics import median
from typing import Any

from procedures.capability import Capability
from procedures.checks import Suspicion, suspect
from procedures.conformity import Verdict
from procedures.edition import MAIN_TEST, Reading, TestPoints
from procedures.errors import InvalidInput, ProcedureError
from procedures.method import (
    FROM_GOOD_TO_BAD,
    MethodResult,
    Objection,
    PointReadings,
    ProcedureEdition,
    ReferenceStandard,
    evaluate_readings,
    planned_points,
)

MOST_POINTS = 200
LONGEST = 40  # characters of one number as written
FEWEST_POINTS = 3  # of a main test, below which some are proposed
PERMISSIBLE_ERRORS_OF_A_SLIP = Decimal(3)
PART_OF_A_SLIP = Decimal("0.2")  # of the usual reading, where nothing is permitted or known
Earlier = Mapping[str, Mapping[str, Sequence[Decimal]]]
# What a person states for the certificate, in both languages; the second half goes with the first.
REMARKS = ("deviations", "sampling", "external_results", "external_provider", "opinion",
           "opinion_basis")  # fmt: skip
TOGETHER = (("external_results", "external_provider"), ("opinion", "opinion_basis"))
LANGUAGES = ("zh", "en")


class Course(StrEnum):
    """What was done to the item: measured, adjusted in between, or measured for the first time.

    An item that was adjusted is read twice, as found and as left; of a new one nothing is as found.
    """

    MEASURED = "measured"
    ADJUSTED = "adjusted"
    INITIAL = "initial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One point of a test: its nominal value and its readings, as written.

    Attributes:
        nominal: empty where the test has none.
        readings: by symbol; further repeats of `up` are `up#2`, `up#3`, ….
        standard: a name of the standard that it was read against; empty where nobody said.
        test: `main`, or the name of a further test.
        conditions: what else the point is measured at, as written.
    """

    nominal: str
    readings: Mapping[str, str]
    standard: str = ""
    test: str = MAIN_TEST
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limitation:
    """That an item is judged for a part of its measuring interval only (限用), and why."""

    lower: str
    upper: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What was written on a worksheet.

    Attributes:
        rows: the readings that decide on use: the only ones, or those as left.
        standard: a name of the standard in use; empty where none is chosen yet.
        as_found: the readings before an adjustment; empty otherwise.
        adjustment: what was adjusted, and how.
        no_as_found: why nothing was found of a new item.
        options, inspections: what was chosen, and whether each requirement without a number is
            met: `met`, `not_met`, or empty where nobody has looked.
        confirmed: readings that were suspected and read again, by pointer, as written.
        remarks: what the certificate is to state besides, by a name of `REMARKS` and a language,
            as in `deviations_zh`.
    """

    accuracy_class: str
    parameters: Mapping[str, str]
    environment: Mapping[str, str]
    rows: tuple[Row, ...]
    standard: str = ""
    course: Course = Course.MEASURED
    as_found: tuple[Row, ...] = ()
    adjustment: str = ""
    no_as_found: str = ""
    limitation: Limitation | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    inspections: Mapping[str, str] = field(default_factory=dict)
    confirmed: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a test's table: a reading, or one repeat of it, counted from 1."""

    key: str
    reading: Reading
    repeat: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a sheet cannot be submitted, and which field says so (RFC 6901)."""

    pointer: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a sheet comes to so far.

    Attributes:
        result: of the rows that are whole; None while none is, or where they cannot be evaluated.
        as_found: the same of the readings before an adjustment.
        suspicions: readings that look like slips, by pointer, those confirmed left out.
        problems: what stands against submitting it; empty where nothing does.
    """

    result: MethodResult | None
    as_found: MethodResult | None
    suspicions: Mapping[str, Suspicion]
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> Verdict:
        """What is known of conformity: undetermined as long as anything is missing."""
        if self.problems or self.result is None:
            return Verdict.UNDETERMINED
        return self.result.verdict


def read_number(text: str) -> Decimal:
    """Return a number as it was written, full-width digits too.

    Raises:
        InvalidInput: it is none, or longer than anybody writes; a comma is asked to be a point.

    >>> read_number("0.80")
    Decimal('0.80')
    """
    written = unicodedata.normalize("NFKC", text).strip().replace("\u2212", "-")
    if "," in written:
        raise InvalidInput("number", f"{text!r}: write the decimal sign as a point")
    try:
        number = Decimal(written)
    except InvalidOperation:
        raise InvalidInput("number", f"{text[:LONGEST]!r} is not a number") from None
    if not number.is_finite() or len(written) > LONGEST or abs(number.adjusted()) > LONGEST:
        raise InvalidInput("number", f"{text[:LONGEST]!r} is not a number that can be read")
    return number


def columns(edition: ProcedureEdition, test: str, keys: Iterable[str] = ()) -> list[Column]:
    """Return the columns of a test: each reading as often as it is repeated.

    Args:
        keys: of readings that are on the sheet, which say how often.
    """
    often = Counter(key.partition("#")[0] for key in set(keys))
    return [
        Column(
            key=key_of(reading.symbol, repeat),
            reading=reading,
            repeat=None if reading.repeats is None else repeat,
        )
        for reading in edition.readings
        if reading.test == test
        for repeat in range(1, 1 + (max(1, often[reading.symbol]) if reading.repeats else 1))
    ]


def key_of(symbol: str, repeat: int) -> str:
    """Return under which name a repeat of a reading stands, counted from 1.

    >>> key_of("up", 1), key_of("up", 3)
    ('up', 'up#3')
    """
    return symbol if repeat == 1 else f"{symbol}#{repeat}"


def plan_rows(
    edition: ProcedureEdition,
    *,
    accuracy_class: str,
    options: Mapping[str, str],
    parameters: Mapping[str, float],
    lower: float | None,
    upper: float | None,
) -> tuple[Row, ...]:
    """Return the empty rows that an edition wants, as far as the figures are known.

    Where its rule leaves the points of the main test to whoever measures, five evenly spaced ones
    are there to begin with.
    """
    try:
        planned = planned_points(
            edition, accuracy_class=accuracy_class, options=options, **_floats(parameters)
        )
    except ProcedureError:
        planned = ()
    rows = [
        Row(
            nominal="" if _test(edition, point.test).is_done_once else str(plain(point.nominal)),
            readings={
                key_of(symbol, repeat): ""
                for symbol, repeats in point.repeats.items()
                for repeat in range(1, 1 + max(1, repeats))
            },
            test=point.test,
            conditions=dict(point.conditions),
        )
        for point in planned
    ]
    if edition.test_points.is_done_once or lower is None or upper is None:
        return tuple(rows)
    main = [row for row in rows if row.test == MAIN_TEST]
    others = [row for row in rows if row.test != MAIN_TEST]
    if len({row.nominal for row in main}) < FEWEST_POINTS and not edition.test_points.conditions:
        known = {row.nominal for row in main}
        empty = {column.key: "" for column in columns(edition, MAIN_TEST)}
        like = main[0].readings if main else empty
        main += [Row(nominal=nominal, readings=like)
                 for nominal in propose_points(lower=lower, upper=upper)
                 if nominal not in known]  # fmt: skip
        main.sort(key=lambda row: read_number(row.nominal))
    return (*main, *others)


def _floats(parameters: Mapping[str, float]) -> dict[str, Any]:
    """Return parameters as keyword arguments, which a type checker takes for any of them."""
    return dict(parameters)


def _test(edition: ProcedureEdition, name: str) -> TestPoints:
    return next(test for test in edition.tests if test.name == name)


def propose_points(*, lower: float, upper: float) -> list[str]:
    """Return five evenly spaced nominal values to begin with, in the unit of the interval.

    A person changes them as the rule of the edition asks.

    >>> propose_points(lower=0, upper=1.6)
    ['0', '0.4', '0.8', '1.2', '1.6']
    """
    spaced = (plain(lower + (upper - lower) * part / 4) for part in range(5))
    return list(map(str, dict.fromkeys(spaced)))


def plain(value: float) -> Decimal:
    """Return a calculated number in the fewest digits that say the same to 9 significant ones."""
    number = Decimal(f"{value:.9g}").normalize()
    return number if number.as_tuple().exponent < 0 else number.quantize(Decimal(1))  # type: ignore[operator]  # of a finite number


def judge(
    edition: ProcedureEdition,
    sheet: Sheet,
    standard: ReferenceStandard | None,
    *,
    earlier: Earlier | None = None,
    capabilities: Sequence[Capability] = (),
) -> Judged:
    """Evaluate what is on a sheet so far, and say what stands against submitting it.

    Args:
        standard: the one in use, the worst of several; None where none is chosen yet.
        earlier: readings of earlier times by `place_of` their row, and by symbol.
        capabilities: what the laboratory is accredited for.
    """
    problems = [*_problems_of_course(sheet), *_problems_of_remarks(sheet.remarks)]
    parameters, wrong = _numbers("/parameters", sheet.parameters)
    environment, wrong_environment = _numbers("/environment", sheet.environment)
    problems += wrong + wrong_environment
    if not edition.environment:
        problems += _problems_of_common_conditions(edition, environment)
        environment = {}
    if standard is None:
        problems.append(Problem(pointer="/standard", reason="no standard is chosen"))
    results: dict[str, MethodResult | None] = {"rows": None, "as_found": None}
    suspicions: dict[str, Suspicion] = {}
    for name in ("as_found", "rows") if sheet.course is Course.ADJUSTED else ("rows",):
        rows, wrong = _points(edition, name, getattr(sheet, name))
        problems += wrong
        rows, wrong = _within(rows, sheet.limitation)
        problems += wrong
        if standard is None or not rows:
            continue
        try:
            result = evaluate_readings(
                edition,
                accuracy_class=sheet.accuracy_class,
                points=[row for _, row in rows],
                environment=environment,
                standard=standard,
                options={name: word for name, word in sheet.options.items() if word},
                inspections={
                    name: word == "met" for name, word in sheet.inspections.items() if word
                },
                capabilities=capabilities,
                **_floats(parameters),
            )
        except ProcedureError as error:
            problems.append(Problem(pointer=_pointer(error), reason=str(error)))
            continue
        if sheet.limitation is not None:
            result = _limited(edition, result, sheet.limitation)
        results[name] = result
        suspicions |= _suspicions(edition, name, sheet, result, earlier or {})
    of_use = results["rows"]
    if of_use is not None:
        is_whole = not any(problem.pointer.startswith("/rows/") for problem in problems)
        problems += [problem for problem in _told(of_use.objections)
                     if is_whole or problem.pointer != "/rows"]  # fmt: skip
    for pointer, suspicion in suspicions.items():
        problems.append(Problem(pointer=pointer, reason=_as_sentence(suspicion)))
    return Judged(
        result=of_use,
        as_found=results["as_found"],
        suspicions=suspicions,
        problems=tuple(dict.fromkeys(problems)),
    )


def _problems_of_common_conditions(
    edition: ProcedureEdition, environment: Mapping[str, float]
) -> Iterator[Problem]:
    for condition in edition.recorded_conditions:
        if condition.name not in environment:
            yield Problem(pointer=f"/environment/{condition.name}", reason="is not recorded")


def _problems_of_course(sheet: Sheet) -> Iterator[Problem]:
    if sheet.course is Course.ADJUSTED and not sheet.adjustment.strip():
        yield Problem(pointer="/adjustment", reason="say what was adjusted")
    if sheet.course is Course.INITIAL and not sheet.no_as_found.strip():
        yield Problem(pointer="/no_as_found", reason="say why nothing is as found")
    if sheet.limitation is not None and not sheet.limitation.reason.strip():
        yield Problem(pointer="/limitation/reason", reason="say why its use is limited")


def remarks_of(written: Mapping[str, str]) -> dict[str, str]:
    """Return the remarks that say something, on one line each.

    >>> remarks_of({"deviations_zh": " 第 5 点  未测 ", "deviations_en": ""})
    {'deviations_zh': '第 5 点 未测'}
    """
    told = {name: " ".join(text.split()) for name, text in written.items()}
    return {name: text for name, text in told.items() if text}


def _problems_of_remarks(written: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is missing beside a remark: its other language, or what goes with it."""
    known = {f"{name}_{language}" for name in REMARKS for language in LANGUAGES}
    for name in written.keys() - known:
        yield Problem(pointer=f"/remarks/{name}", reason="there is no such remark")
    told = remarks_of(written)
    for name, text in told.items():
        if not text.isprintable():
            yield Problem(pointer=f"/remarks/{name}", reason="holds what cannot be printed")
    groups = [(name,) for name in REMARKS if not any(name in pair for pair in TOGETHER)]
    for group in (*groups, *TOGETHER):
        fields = [f"{name}_{language}" for name in group for language in LANGUAGES]
        if told.keys() & set(fields):
            for name in fields:
                if name not in told:
                    yield Problem(pointer=f"/remarks/{name}", reason="is missing")


def _numbers(pointer: str, texts: Mapping[str, str]) -> tuple[dict[str, float], list[Problem]]:
    """Return the numbers of texts that are not empty, and what is none."""
    found, problems = {}, []
    for name, text in texts.items():
        if text.strip():
            try:
                found[name] = float(read_number(text))
            except InvalidInput as error:
                problems.append(Problem(pointer=f"{pointer}/{name}", reason=error.reason))
    return found, problems


def _points(
    edition: ProcedureEdition, name: str, rows: Sequence[Row]
) -> tuple[list[tuple[int, PointReadings]], list[Problem]]:
    """Return the rows that are whole, each with its place, and what the others lack."""
    whole: list[tuple[int, PointReadings]] = []
    problems: list[Problem] = []
    if not rows:
        problems.append(Problem(pointer=f"/{name}", reason="nothing is read"))
    tests = {test.name: test for test in edition.tests}
    for index, row in enumerate(rows):
        pointer = f"/{name}/{index}"
        if row.test not in tests:
            problems.append(Problem(pointer=f"{pointer}/test", reason="the edition has none such"))
            continue
        point, wrong = _point(edition, tests[row.test], row, pointer)
        problems += wrong
        if point is None:
            continue
        if any(_place(point) == _place(earlier) for _, earlier in whole):
            problems.append(Problem(pointer=f"{pointer}/nominal", reason="stands twice"))
        else:
            whole.append((index, point))
    return whole, problems


def _point(
    edition: ProcedureEdition, test: TestPoints, row: Row, pointer: str
) -> tuple[PointReadings | None, list[Problem]]:
    """Return what was read in a row that is whole, else None and what it lacks."""
    problems = []
    readings: dict[str, float | list[float]] = {}
    for reading in (reading for reading in edition.readings if reading.test == test.name):
        cells = {column.key: row.readings.get(column.key, "")
                 for column in columns(edition, test.name, row.readings)
                 if column.reading is reading}  # fmt: skip
        numbers, wrong = _numbers(pointer, cells)
        problems += wrong
        problems += [Problem(pointer=f"{pointer}/{key}", reason="is not read")
                     for key, text in cells.items() if not text.strip()]  # fmt: skip
        values = list(numbers.values())
        readings[reading.symbol] = values if reading.repeats is not None else sum(values)
    conditions, wrong = _conditions(test, row, pointer)
    problems += wrong
    nominal, wrong = _numbers(pointer, {"nominal": row.nominal})
    problems += wrong
    if not nominal and not wrong and not test.is_done_once:
        problems.append(Problem(pointer=f"{pointer}/nominal", reason="is missing"))
    if problems:
        return None, problems
    return PointReadings(
        nominal=nominal.get("nominal", 0.0),
        readings=readings,
        test=test.name,
        conditions=conditions,
    ), []


def _conditions(
    test: TestPoints, row: Row, pointer: str
) -> tuple[dict[str, float | str], list[Problem]]:
    found: dict[str, float | str] = {}
    problems = []
    for condition in test.conditions:
        text = row.conditions.get(condition.name, "").strip()
        place = f"{pointer}/conditions"
        if condition.unit is None:
            found[condition.name] = text
            if text not in condition.choices:
                reason = f"is one of {', '.join(condition.choices)}"
                problems.append(Problem(pointer=f"{place}/{condition.name}", reason=reason))
            continue
        numbers, wrong = _numbers(place, {condition.name: text})
        problems += wrong
        found |= numbers
        if not text:
            problems.append(Problem(pointer=f"{place}/{condition.name}", reason="is missing"))
    return found, problems


def _place(point: PointReadings) -> tuple[str, float, tuple[tuple[str, float | str], ...]]:
    return point.test, point.nominal, tuple(sorted(point.conditions.items()))


def _within(
    rows: list[tuple[int, PointReadings]], limitation: Limitation | None
) -> tuple[list[tuple[int, PointReadings]], list[Problem]]:
    """Return the rows within the limits of use, and what is wrong with those limits."""
    if limitation is None:
        return rows, []
    bounds, problems = _bounds(limitation)
    if bounds is None:
        return rows, problems
    kept = [
        row for row in rows if row[1].test != MAIN_TEST or bounds[0] <= row[1].nominal <= bounds[1]
    ]
    if rows and not kept:
        problems.append(Problem(pointer="/limitation", reason="no point is read within it"))
    return kept, problems


def _bounds(limitation: Limitation) -> tuple[tuple[float, float] | None, list[Problem]]:
    ends = {"lower": limitation.lower, "upper": limitation.upper}
    bounds, problems = _numbers("/limitation", ends)
    problems += [Problem(pointer=f"/limitation/{name}", reason="is missing")
                 for name, text in ends.items() if not text.strip()]  # fmt: skip
    return ((bounds["lower"], bounds["upper"]) if len(bounds) == 2 else None), problems


def _limited(
    edition: ProcedureEdition, result: MethodResult, limitation: Limitation
) -> MethodResult:
    """Return a result for a part of the interval, in which points outside are not missed."""
    bounds, _ = _bounds(limitation)
    objections = tuple(
        objection
        for objection in result.objections
        if bounds is None
        or objection.field != "test_points"
        or objection.lowest is None
        or bounds[0] <= objection.lowest <= bounds[1]
    )
    if objections:
        return replace(result, objections=objections)
    verdict = max((check.verdict for check in result.checks), key=FROM_GOOD_TO_BAD.index)
    return replace(
        result, objections=(), verdict=verdict, certificate=edition.certificates.get(verdict)
    )


def _told(objections: Iterable[Objection]) -> Iterator[Problem]:
    """Yield what a person can mend; a figure that the edition does not know only leaves it open."""
    for objection in objections:
        kind, _, name = objection.field.partition(".")
        if kind == "checks":
            continue
        pointer = "/" + objection.field.replace(".", "/")
        if kind in ("test_points", "measuring_interval", "readings", "further_tests"):
            yield Problem(pointer="/rows", reason=_of_points(kind, name, objection))
        elif kind == "inspections":
            yield Problem(pointer=pointer, reason="nobody has looked")
        elif objection.actual is None:
            yield Problem(pointer=pointer, reason="is not recorded")
        else:
            yield Problem(
                pointer="/standard" if kind == "ratio" else pointer,
                reason=f"{objection.actual:g} is out of limits: {_limits(objection)}",
            )


def _of_points(kind: str, name: str, objection: Objection) -> str:
    at = "" if objection.nominal is None else f" at {objection.nominal:g}"
    match kind, name:
        case "test_points", "":
            return f"{objection.lowest:g} must be among the points"
        case "further_tests", _:
            missing = "" if objection.lowest is None else f" at {objection.lowest:g}"
            return f"{name} is not done{missing or at}"
        case "readings", _:
            return f"{name} is repeated too seldom{at}: {_limits(objection)} times"
        case _:
            told = "" if objection.actual is None else f"{objection.actual:g} "
            return f"{told}is out of what the edition asks: {_limits(objection)}"


def _limits(objection: Objection) -> str:
    lowest, highest = objection.lowest, objection.highest
    if lowest is None:
        return f"{highest:g} at most" if highest is not None else "none known"
    return f"{lowest:g} at least" if highest is None else f"{lowest:g} to {highest:g}"


def _suspicions(
    edition: ProcedureEdition, name: str, sheet: Sheet, result: MethodResult, earlier: Earlier
) -> dict[str, Suspicion]:
    """Return the readings that look like slips: against the item's past, and its nominal value.

    A row need not be whole; what is permitted at a point that is not judged yet is the most of
    what is permitted at the others of its test.
    """
    limits = {
        (point.test, point.nominal): point.maximum_permissible_error
        for point in result.points
        if point.maximum_permissible_error
    }
    tests = {test.name: test for test in edition.tests}
    rows: Sequence[Row] = getattr(sheet, name)
    found: dict[str, Suspicion] = {}
    for index, row in enumerate(rows):
        nominal, _ = _numbers("", {"nominal": row.nominal})
        if row.test not in tests or (row.nominal.strip() and not nominal):
            continue
        test, at = tests[row.test], nominal.get("nominal", 0.0)
        widest = max((limit for (of, _), limit in limits.items() if of == row.test), default=None)
        permitted = limits.get((row.test, at), widest)
        before = earlier.get(place_of(row), {})
        for column in columns(edition, row.test, row.readings):
            text = row.readings.get(column.key, "")
            pointer = f"/{name}/{index}/{column.key}"
            history = before.get(column.reading.symbol, ())
            is_like = column.reading.unit == test.unit == edition.measurand.unit
            if sheet.confirmed.get(pointer) != text:
                suspicion = _suspicion(text, at, permitted if is_like else None, history)
                if suspicion is not None:
                    found[pointer] = suspicion
    return found


def _suspicion(
    text: str, nominal: float, permitted: float | None, history: Sequence[Decimal]
) -> Suspicion | None:
    """Return what is suspected of one reading; nothing where nothing says what to expect."""
    try:
        read = read_number(text)
    except InvalidInput:
        return None
    if permitted is not None:
        at = Decimal(repr(nominal))
        tolerance = PERMISSIBLE_ERRORS_OF_A_SLIP * Decimal(repr(permitted))
    elif history:
        at = median(history)
        tolerance = abs(at) * PART_OF_A_SLIP
    else:
        return None
    return suspect(read, nominal=at, earlier=history, tolerance=tolerance)


def place_of(row: Row) -> str:
    """Return under which name earlier readings of a point are kept: its test, value, conditions."""
    conditions = ",".join(f"{name}={text.strip()}" for name, text in sorted(row.conditions.items()))
    try:
        nominal = str(plain(float(read_number(row.nominal)))) if row.nominal.strip() else ""
    except InvalidInput:
        nominal = row.nominal
    return f"{row.test}@{nominal};{conditions}"


def _as_sentence(suspicion: Suspicion) -> str:
    meant = "" if suspicion.meant is None else f", perhaps {suspicion.meant} was meant"
    return (
        f"{suspicion.read} is far from {suspicion.expected} ({suspicion.slip.value}){meant}: "
        "read it again, and correct or confirm it"
    )


def _pointer(error: ProcedureError) -> str:
    """Return the field of a sheet that an error of the evaluation is about."""
    if isinstance(error, InvalidInput):
        place = error.field.replace(".", "/").replace("[", "/").replace("]", "")
        return "/" + place.replace("points", "rows", 1)
    return "/accuracy_class"
