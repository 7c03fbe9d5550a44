"""Special evaluations as files: what is asked as TOML, JSON or CSV, and the answer as CSV.

TOML and JSON hold what the body of the door holds, under the same names. A CSV has two parts,
parted by an empty line: what is told once (`name,value`, dots for what is inside of something),
and a table. docs/special-evaluations.md shows one of each.
"""

import csv
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import StringIO
from math import isfinite
from typing import Any, Final

from pydantic import ValidationError

from service.errors import InvalidField, NotFound, ServiceError
from service.exchange.special import REQUESTS
from service.exchange.special.answer import EvaluationReport
from service.exchange.special.asked import SpecialRequest

MOST_OCTETS: Final = 4_000_000
MOST_FAULTS_TOLD: Final = 20
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet recognizes one
# What stays text, though it may look like a number; everything else is a number.
TEXTS: Final = frozenset({
    "name", "method", "monitor", "test", "against", "pilot", "unit", "on", "at", "symbol",
    "serial_number", "certificate_number", "valid_until", "seal_departure", "seal_arrival",
    "video_sha256", "digest",
})  # fmt: skip

Cells = Mapping[str, Any]


class SpecialFileInvalid(ServiceError):
    """A file does not ask what its evaluation needs; `faults` are (pointer, reason)."""

    def __init__(self, kind: str, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        told = [f"{pointer}: {reason}" if pointer else reason for pointer, reason in faults]
        more = len(told) - MOST_FAULTS_TOLD
        if more > 0:
            told[MOST_FAULTS_TOLD:] = [f"and {more} more"]
        super().__init__("\n  ".join([f"this cannot be evaluated as {kind}", *told]))


def request_named(kind: str) -> type[SpecialRequest]:
    """Return what an evaluation of a kind is asked.

    Raises:
        NotFound: there is no such evaluation.
    """
    if kind not in REQUESTS:
        raise NotFound("special evaluation", f"{kind}; there are {', '.join(REQUESTS)}")
    return REQUESTS[kind]


@cache
def example(kind: str) -> str:
    """Return a file that can be evaluated, with synthetic data, as CSV."""
    name = f"{request_named(kind).KIND}.csv"
    return (files("service.exchange.special") / "examples" / name).read_text(encoding="utf-8")


def read(kind: str, content: bytes) -> SpecialRequest:
    """Return what a file asks; the text shows by itself whether it is JSON, TOML or CSV.

    Raises:
        NotFound: there is no such evaluation.
        SpecialFileInvalid: pointing at the line, or at the field, of each fault.
    """
    asked = request_named(kind)
    if len(content) > MOST_OCTETS:
        raise SpecialFileInvalid(kind, [("", f"larger than {MOST_OCTETS} octets")])
    try:
        return asked.model_validate(_said(kind, _decoded(content)))
    except ValidationError as error:
        faults = [
            ("/" + "/".join(str(part) for part in found["loc"]), found["msg"])
            for found in error.errors(include_input=False, include_url=False)
        ]
        raise SpecialFileInvalid(kind, faults) from error
    except InvalidField as error:
        raise SpecialFileInvalid(kind, error.problems) from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise SpecialFileInvalid(kind, [("", str(error))]) from error


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def _said(kind: str, text: str) -> Any:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if first.startswith("{"):
        return json.loads(text)
    if first.startswith(("#", "[")) or "=" in first.partition(",")[0]:
        return tomllib.loads(text)
    return _from_csv(kind, text)


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns that the table of an evaluation may have, and what its rows make together."""

    columns: tuple[str, ...]
    made: Callable[[Sequence[Cells]], Mapping[str, Any]]


def _from_csv(kind: str, text: str) -> dict[str, Any]:
    table = TABLES[kind]
    lines = list(_lines(text))
    end = next((place for place, (_, cells) in enumerate(lines) if not any(cells)), None)
    head = lines[:end] if end is not None else []
    body = [(number, cells) for number, cells in lines[len(head) :] if any(cells)]
    if not body:
        raise InvalidField("/lines", "an empty line and then the table are missing")
    said: dict[str, Any] = {}
    for number, cells in head:
        if cells != ["name", "value"]:
            _tell_once(said, number, cells)
    return {**said, **table.made(list(_rows(body, table.columns)))}


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every line with its number and its cells, parted by commas or, as copied, by tabs."""
    reader = csv.reader(StringIO(text), delimiter="\t" if "\t" in text else ",")
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InvalidField(f"/lines/{reader.line_num}", f"is not CSV: {error}") from error


def _tell_once(said: dict[str, Any], number: int, cells: Sequence[str]) -> None:
    name, value = (*cells, "", "")[:2]
    if any(cells[2:]):
        raise InvalidField(f"/lines/{number}", "is not a name and a value")
    _place(said, name, _value(name, value, f"/lines/{number}/value"), f"/lines/{number}/name")


def _rows(body: Sequence[tuple[int, Sequence[str]]], columns: Sequence[str]) -> Iterator[Cells]:
    number, heading = body[0]
    for place, name in enumerate(heading):
        if name not in columns:
            known = ", ".join(columns)
            raise InvalidField(f"/lines/{number}/{place}", f"{name!r} is not one of {known}")
        if name in heading[:place]:
            raise InvalidField(f"/lines/{number}/{place}", f"{name!r} stands twice")
    for number, cells in body[1:]:
        if any(cells[len(heading) :]):
            raise InvalidField(f"/lines/{number}", "has more cells than the heading")
        row = dict(zip(heading, cells, strict=False))
        yield {
            name: _value(name, cell, f"/lines/{number}/{name}")
            for name, cell in row.items()
            if cell
        }


def _value(name: str, cell: str, pointer: str) -> float | str:
    if name.rpartition(".")[2] in TEXTS:
        return cell
    try:
        number = float(cell)
    except ValueError:
        raise InvalidField(pointer, f"must be a number, got {cell!r}") from None
    if not isfinite(number):
        raise InvalidField(pointer, f"must be a finite number, got {cell!r}")
    return number


def _place(said: dict[str, Any], name: str, value: Any, pointer: str) -> None:
    """Put a value where its name with dots says, once."""
    *outer, last = name.split(".")
    for part in outer:
        said = said.setdefault(part, {})
        if not isinstance(said, dict):
            raise InvalidField(pointer, f"{part!r} is a value already")
    if last in said:
        raise InvalidField(pointer, f"{name!r} stands twice")
    said[last] = value


def _nested(rows: Sequence[Cells]) -> list[dict[str, Any]]:
    nested = []
    for row in rows:
        one: dict[str, Any] = {}
        for name, value in row.items():
            _place(one, name, value, f"/{name}")
        nested.append(one)
    return nested


def _monitors(rows: Sequence[Cells]) -> Mapping[str, Any]:
    monitors: dict[str, dict[str, Any]] = {}
    for row in rows:
        name, value = row.get("monitor", ""), row.get("value")
        one = monitors.setdefault(name, {"name": name})
        match row.get("test"):
            case "full_scale":
                _place(one, "full_scale", value, f"/monitors/{name}/full_scale")
            case "gas":
                gases = one.setdefault("gases", {})
                gases.setdefault(row.get("reference"), []).append(value)
            case "response_time":
                one.setdefault("response_times", []).append(value)
            case "zero" | "span" as test:
                ends = one.setdefault(test, {})
                end = "after" if "before" in ends else "before"
                _place(ends, end, value, f"/monitors/{name}/{test}")
            case "flow" | "pair" as test:
                pair = {"monitor": value, "reference": row.get("reference")}
                one.setdefault(f"{test}s", []).append(pair)
            case other:
                raise InvalidField(
                    f"/monitors/{name}/test",
                    f"{other!r} is not one of full_scale, gas, response_time, zero, span, flow, "
                    "pair",
                )
    for one in monitors.values():
        one["gases"] = [
            {"concentration": concentration, "indications": indications}
            for concentration, indications in one.get("gases", {}).items()
        ]
    return {"monitors": list(monitors.values())}


def _methods(rows: Sequence[Cells]) -> Mapping[str, Any]:
    methods: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = row.get("method", "")
        one = methods.setdefault(name, {"name": name, "errors": []})
        one["errors"].append(row.get("error"))
        if "reference_standard_uncertainty" in row:
            one["reference_standard_uncertainty"] = row["reference_standard_uncertainty"]
    return {"methods": list(methods.values())}


def _traverses(rows: Sequence[Cells]) -> Mapping[str, Any]:
    traverses: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = row.get("name", "")
        one = traverses.setdefault(name, {"name": name, "points": []})
        once = {key: row[key] for key in ("density", "coefficient") if key in row}
        one.update(once)
        point = {key: value for key, value in row.items() if key not in ("name", *once)}
        one["points"].append(point)
    return {"traverses": list(traverses.values())}


TABLES: Final[Mapping[str, _Table]] = {
    "emission-monitors": _Table(("monitor", "test", "reference", "value"), _monitors),
    "belt-weigher-methods": _Table(("method", "error", "reference_standard_uncertainty"), _methods),
    "emission-balance": _Table(
        (
            "name",
            "direct.mass",
            "direct.volume_fraction",
            "direct.dry_flow",
            "direct.hours",
            "fuel.mass",
            "fuel.fuel",
            "fuel.net_calorific_value",
            "fuel.carbon_content",
            "fuel.oxidation",
        ),
        lambda rows: {"periods": _nested(rows)},
    ),
    "heat-capacity": _Table(
        ("capacity", "mass", "rise", "fuse"), lambda rows: {"runs": _nested(rows)}
    ),
    "flow-traverse": _Table(
        ("name", "velocity", "pressure_difference", "share", "density", "coefficient"), _traverses
    ),
    "in-line-comparison": _Table(
        ("seconds", "instrument", "reference"), lambda rows: {"samples": _nested(rows)}
    ),
    "remote-record": _Table(
        ("at", "symbol", "nominal", "value"), lambda rows: {"readings": _nested(rows)}
    ),
}


def as_csv(report: EvaluationReport) -> str:
    """Return the figures of an answer for a spreadsheet, and its conclusion in the last row."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["subject", "quantity", "label_zh", "label_en", "value", "unit",
         "expanded_uncertainty", "limit", "verdict"]
    )  # fmt: skip
    for row in report.figures:
        told = (row.subject, row.quantity, row.label.zh, row.label.en)
        writer.writerow(
            [*map(_cell, told), row.value, _cell(row.unit), row.expanded_uncertainty, row.limit,
             row.verdict and row.verdict.value]
        )  # fmt: skip
    said = (report.kind, "conclusion", report.conclusion.zh, report.conclusion.en)
    verdict = report.verdict and report.verdict.value
    writer.writerow([*map(_cell, said), None, None, None, None, verdict])
    return text.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
