"""The planning problems of `tests/data/planner_cases.json`, whose best plans are known."""

import json
from pathlib import Path
from typing import Any

from traceability.planning.problem import DueItem, Person, PlanningProblem, Prices

FILE = Path(__file__).parents[2] / "data" / "planner_cases.json"


def read_cases() -> dict[str, dict[str, Any]]:
    """Return the cases by name, as they stand in the file."""
    return {case["name"]: case for case in json.loads(FILE.read_text("utf-8"))["cases"]}


def problem_of(case: dict[str, Any], **changed: Any) -> PlanningProblem:
    """Return the problem that a case states."""
    return PlanningProblem(
        weeks=case["weeks"],
        items=tuple(
            DueItem(is_mandatory=row.pop("legal"), **row)
            for row in (dict(item) for item in case["items"])
        ),
        capacity_hours={name: tuple(hours) for name, hours in case["capacity_hours"].items()},
        persons=tuple(
            Person(
                name=row["name"],
                disciplines=frozenset(row["disciplines"]),
                hours=tuple(row["hours"]),
            )
            for row in case["persons"]
        ),
        shutdown_weeks={
            name: frozenset(site["shutdown_weeks"]) for name, site in case["sites"].items()
        },
        prices=Prices(**case["costs"]),
        **changed,
    )
