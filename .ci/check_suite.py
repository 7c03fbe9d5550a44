#!/usr/bin/env python3
"""Judges a run of the suite by its JUnit report: what passed, on which engine, and what skipped.

    check_suite.py REPORT [NEED …]

`tests/skips.txt` lists the tests that may skip and what each needs; NEED names what this run lacks.
The last line counts; the exit status is 1 when something failed, or skipped without leave.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

SKIPS = Path(__file__).parents[1] / "tests" / "skips.txt"


def main(report: str, *lacking: str) -> int:
    """Judge one report; return the exit status."""
    names: dict[str, list[str]] = {"passed": [], "failed": [], "skipped": []}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 (pytest's own report)
        names[outcome_of(case)].append(f"{case.get('classname')}.{case.get('name')}".lstrip("."))
    on_postgresql = sum("postgresql" in name.partition("[")[2] for name in names["passed"])

    complaints = list(complain(names, lacking))
    for complaint in complaints:
        sys.stdout.write(f"{complaint}\n")
    counts = ", ".join(f"{len(found)} {outcome}" for outcome, found in names.items())
    sys.stdout.write(f"{counts}; {on_postgresql} passed on PostgreSQL\n")
    return 1 if complaints else 0


def outcome_of(case: ET.Element) -> str:
    """Return passed, failed (errors too) or skipped (expected failures too)."""
    children = {child.tag for child in case}
    if children & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in children else "passed"


def complain(names: dict[str, list[str]], lacking: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with a run, one sentence each."""
    listed = list(read_skips())
    if not names["passed"]:
        yield "nothing passed"
    for name in names["failed"]:
        yield f"failed: {name}"
    for name in names["skipped"]:
        if not any(need in lacking and within(name, place) for need, place in listed):
            yield f"skipped, but tests/skips.txt does not allow it here: {name}"


def read_skips() -> Iterator[tuple[str, str]]:
    """Yield (need, dotted name) for each line of the list."""
    for line in SKIPS.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            need, place = line.split()
            yield need, place.rstrip("/").replace(".py", "").replace("::", ".").replace("/", ".")


def within(name: str, place: str) -> bool:
    """Tell whether a test is the place named, or in it."""
    return name == place or name.startswith((f"{place}.", f"{place}["))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
