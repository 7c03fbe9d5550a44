"""Readings of one instrument from a CSV file: what they were taken under, then one row a point.

docs/procedures.md explains the file by an example. It has two parts, parted by an empty line: what
is told once (`what,name,value`), and the readings under a heading of their own.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from math import isfinite
from typing import Any

from procedures.edition import MAIN_TEST, ProcedureEdition
from procedures.method import PointReadings, ReferenceStandard
from service.errors import InvalidField

TOLD_ONCE = ("class", "parameter", "environment", "standard", "option", "inspection")
FIGURES_OF_STANDARD = ("maximum_permissible_error", "expanded_uncertainty")
ANSWERS = {"yes": True, "no": False, "是": True, "否": False}
LARGEST_FILE = 4_000_000  # characters


@dataclass(slots=True)
class Told:
    """Everything that `procedures.method.evaluate_readings` asks for but the edition."""

    accuracy_class: str = ""
    parameters: dict[str, float] = field(default_factory=dict)
    environment: dict[str, float] = field(default_factory=dict)
    standard: dict[str, float] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    inspections: dict[str, bool] = field(default_factory=dict)
    points: list[PointReadings] = field(default_factory=list)

    def arguments(self) -> dict[str, Any]:
        """Return them as the arguments of `evaluate_readings`."""
        return {
            "accuracy_class": self.accuracy_class,
            "points": self.points,
            "environment": self.environment,
            "standard": ReferenceStandard(**self.standard),
            "options": self.options,
            "inspections": self.inspections,
            **self.parameters,
        }


def read(text: str, edition: ProcedureEdition) -> Told:
    """Read a file of readings for an edition; every error points at the line and the column.

    Raises:
        InvalidField: with a pointer such as `/lines/7/up_after_tapping`.
    """
    if len(text) > LARGEST_FILE:
        raise InvalidField("/", f"the file has more than {LARGEST_FILE} characters")
    lines = _lines(text.removeprefix("\N{BYTE ORDER MARK}"))
    told = Told()
    for number, cells in _until_empty(lines):
        if number > 1 or cells[0] != "what":
            _tell(told, number, cells)
    heading = next(lines, None)
    if heading is None:
        raise InvalidField("/lines", "an empty line and then the readings are missing")
    told.points = _points(heading, list(lines), edition)
    return told


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every line with its number and its cells, without blanks around them."""
    reader = csv.reader(StringIO(text))
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InvalidField(f"/lines/{reader.line_num}", f"is not CSV: {error}") from error


def _until_empty(lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for number, cells in lines:
        if not any(cells):
            return
        yield number, cells


def _tell(told: Told, number: int, cells: Sequence[str]) -> None:
    what, name, value = (*cells, "", "", "")[:3]
    here = f"/lines/{number}"
    match what:
        case "class":
            told.accuracy_class = value or name
        case "parameter":
            told.parameters[name] = _number(value, f"{here}/value")
        case "environment":
            told.environment[name] = _number(value, f"{here}/value")
        case "standard" if name in FIGURES_OF_STANDARD:
            told.standard[name] = _number(value, f"{here}/value")
        case "standard":
            raise InvalidField(f"{here}/name", f"must be one of {', '.join(FIGURES_OF_STANDARD)}")
        case "option":
            told.options[name] = value
        case "inspection" if value.lower() in ANSWERS:
            told.inspections[name] = ANSWERS[value.lower()]
        case "inspection":
            raise InvalidField(f"{here}/value", f"must be yes or no, got {value!r}")
        case _:
            raise InvalidField(f"{here}/what", f"must be one of {', '.join(TOLD_ONCE)}")


def _number(text: str, pointer: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InvalidField(pointer, f"must be a number, got {text!r}") from None
    if not isfinite(number):
        raise InvalidField(pointer, f"must be a finite number, got {text!r}")
    return number


@dataclass(slots=True)
class _Point:
    """A point on its way: every further row of it is one more repeat."""

    nominal: float
    test: str
    conditions: Mapping[str, float | str]
    readings: dict[str, list[float]]


def _points(
    heading: tuple[int, list[str]],
    rows: list[tuple[int, list[str]]],
    edition: ProcedureEdition,
) -> list[PointReadings]:
    columns = heading[1]
    _require_columns(heading, edition)
    points: dict[object, _Point] = {}
    for number, cells in rows:
        if any(cells):
            if len(cells) > len(columns):
                raise InvalidField(f"/lines/{number}", "has more cells than the heading")
            row = dict(zip(columns, [*cells, *([""] * len(columns))], strict=False))
            _take(points, number, row, edition)
    return [
        PointReadings(
            nominal=point.nominal,
            test=point.test,
            conditions=point.conditions,
            readings={symbol: _as_read(values) for symbol, values in point.readings.items()},
        )
        for point in points.values()
    ]


def _as_read(values: list[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else values


def _require_columns(heading: tuple[int, list[str]], edition: ProcedureEdition) -> None:
    number, columns = heading
    known = {"test", "nominal", *(reading.symbol for reading in edition.readings)}
    known |= {condition.name for test in edition.tests for condition in test.conditions}
    for place, column in enumerate(columns):
        if column not in known:
            raise InvalidField(
                f"/lines/{number}/{column or place}", f"is not a column of {edition.name}"
            )
        if columns.index(column) != place:
            raise InvalidField(f"/lines/{number}/{column}", "stands twice")


def _take(
    points: dict[object, _Point], number: int, row: dict[str, str], edition: ProcedureEdition
) -> None:
    here = f"/lines/{number}"
    name = row.get("test") or MAIN_TEST
    test = next((known for known in edition.tests if known.name == name), None)
    if test is None:
        raise InvalidField(f"{here}/test", f"{edition.name} has no test {name!r}")
    nominal = 0.0
    if not test.is_done_once:
        nominal = _number(row.get("nominal", ""), f"{here}/nominal")
    conditions: dict[str, float | str] = {
        condition.name: row.get(condition.name, "")
        if condition.choices
        else _number(row.get(condition.name, ""), f"{here}/{condition.name}")
        for condition in test.conditions
    }
    symbols = [reading.symbol for reading in edition.readings if reading.test == name]
    for column, cell in row.items():
        is_asked = column in ("test", "nominal", *conditions, *symbols)
        if cell and not is_asked:
            raise InvalidField(f"{here}/{column}", f"is not read in the test {name!r}")
    place = (name, nominal, tuple(sorted(conditions.items())))
    point = points.setdefault(
        place, _Point(nominal=nominal, test=name, conditions=conditions, readings={})
    )
    for symbol in symbols:
        if row.get(symbol):
            read = _number(row[symbol], f"{here}/{symbol}")
            point.readings.setdefault(symbol, []).append(read)
