"""A worksheet: what a procedure edition asks to be read, what was read, and what comes of it.

Numbers are text as they were written until they are judged, so that their digits, and even what
is no number, are kept. Nothing is passed by default: a sheet that is not whole has no verdict.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from procedures.checks import Suspicion, suspect
from procedures.conformity import Verdict
from procedures.errors import InvalidInput, ProcedureError
from procedures.method import (
    FROM_GOOD_TO_BAD,
    MethodResult,
    Objection,
    PointReadings,
    ProcedureEdition,
    ReferenceStandard,
    evaluate_readings,
)

MOST_POINTS = 200
LONGEST = 40  # characters of one number as written
PERMISSIBLE_ERRORS_OF_A_SLIP = Decimal(3)


class Course(StrEnum):
    """What was done to the item: measured, adjusted in between, or measured for the first time.

    An item that was adjusted is read twice, as found and as left; of a new one nothing is as found.
    """

    MEASURED = "measured"
    ADJUSTED = "adjusted"
    INITIAL = "initial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One test point: its nominal value and its readings by symbol, as written.

    Attributes:
        standard: a name of the standard that it was read against; empty where nobody said.
    """

    nominal: str
    readings: Mapping[str, str]
    standard: str = ""


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
        confirmed: readings that were suspected and read again, by pointer, as written.
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
    confirmed: Mapping[str, str] = field(default_factory=dict)


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
    earlier: Mapping[str, Mapping[str, Sequence[Decimal]]] | None = None,
) -> Judged:
    """Evaluate what is on a sheet so far, and say what stands against submitting it.

    Args:
        standard: the one in use, the worst of several; None where none is chosen yet.
        earlier: readings of earlier times by nominal value as a number's text and by symbol.
    """
    problems = [*_problems_of_course(sheet)]
    parameters, wrong = _numbers("/parameters", sheet.parameters)
    environment, wrong_environment = _numbers("/environment", sheet.environment)
    problems += wrong + wrong_environment
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
                options={},
                inspections={},
                **parameters,
            )
        except ProcedureError as error:
            problems.append(Problem(pointer=_pointer(error), reason=str(error)))
            continue
        if sheet.limitation is not None:
            result = _limited(edition, result, sheet.limitation)
        results[name] = result
        suspicions |= _suspicions(name, sheet, rows, result, earlier or {})
    of_use = results["rows"]
    if of_use is not None:
        problems += _told(of_use.objections)
    for pointer, suspicion in suspicions.items():
        problems.append(Problem(pointer=pointer, reason=_as_sentence(suspicion)))
    return Judged(
        result=of_use,
        as_found=results["as_found"],
        suspicions=suspicions,
        problems=tuple(dict.fromkeys(problems)),
    )


def _problems_of_course(sheet: Sheet) -> Iterator[Problem]:
    if sheet.course is Course.ADJUSTED and not sheet.adjustment.strip():
        yield Problem(pointer="/adjustment", reason="say what was adjusted")
    if sheet.course is Course.INITIAL and not sheet.no_as_found.strip():
        yield Problem(pointer="/no_as_found", reason="say why nothing is as found")
    if sheet.limitation is not None and not sheet.limitation.reason.strip():
        yield Problem(pointer="/limitation/reason", reason="say why its use is limited")


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
    for index, row in enumerate(rows):
        pointer = f"/{name}/{index}"
        cells = {reading.symbol: row.readings.get(reading.symbol, "")
                 for reading in edition.readings}  # fmt: skip
        nominal, wrong = _numbers(pointer, {"nominal": row.nominal})
        numbers, wrong_readings = _numbers(pointer, cells)
        empty = [symbol for symbol, text in cells.items() if not text.strip()]
        problems += wrong + wrong_readings
        problems += [
            Problem(pointer=f"{pointer}/{symbol}", reason="is not read") for symbol in empty
        ]
        if not row.nominal.strip():
            problems.append(Problem(pointer=f"{pointer}/nominal", reason="is missing"))
        elif nominal and len(numbers) == len(cells):
            point = PointReadings(nominal=nominal["nominal"], readings=numbers)
            if any(point.nominal == earlier.nominal for _, earlier in whole):
                problems.append(Problem(pointer=f"{pointer}/nominal", reason="stands twice"))
            else:
                whole.append((index, point))
    return whole, problems


def _within(
    rows: list[tuple[int, PointReadings]], limitation: Limitation | None
) -> tuple[list[tuple[int, PointReadings]], list[Problem]]:
    """Return the rows within the limits of use, and what is wrong with those limits."""
    if limitation is None:
        return rows, []
    bounds, problems = _bounds(limitation)
    if bounds is None:
        return rows, problems
    kept = [row for row in rows if bounds[0] <= row[1].nominal <= bounds[1]]
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
    for objection in objections:
        pointer = "/" + objection.field.replace(".", "/")
        if objection.field == "test_points":
            yield Problem(pointer="/rows", reason=f"{objection.lowest:g} must be among the points")
        elif objection.actual is None:
            yield Problem(pointer=pointer, reason="is not recorded")
        else:
            limits = " to ".join(
                f"{limit:g}" for limit in (objection.lowest, objection.highest) if limit is not None
            )
            yield Problem(
                pointer="/standard" if objection.field == "ratio" else pointer,
                reason=f"{objection.actual:g} is out of limits: {limits}",
            )


def _suspicions(
    name: str,
    sheet: Sheet,
    rows: Sequence[tuple[int, PointReadings]],
    result: MethodResult,
    earlier: Mapping[str, Mapping[str, Sequence[Decimal]]],
) -> dict[str, Suspicion]:
    limits = {
        point.nominal: point.maximum_permissible_error
        for point in result.points
        if point.maximum_permissible_error is not None
    }
    if not limits:
        return {}
    widest = max(limits.values())
    written = getattr(sheet, name)
    found = {}
    for index, point in rows:
        before = earlier.get(str(plain(point.nominal)), {})
        for symbol, text in written[index].readings.items():
            pointer = f"/{name}/{index}/{symbol}"
            if symbol not in point.readings or sheet.confirmed.get(pointer) == text:
                continue
            suspicion = suspect(
                read_number(text),
                nominal=Decimal(repr(point.nominal)),
                earlier=before.get(symbol, ()),
                tolerance=PERMISSIBLE_ERRORS_OF_A_SLIP
                * Decimal(repr(limits.get(point.nominal, widest))),
            )
            if suspicion is not None:
                found[pointer] = suspicion
    return found


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
        return "/" + place.replace("points/", "rows/", 1)
    return "/accuracy_class"
