"""A procedure edition and a result by it, as JSON."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import Any

from procedures.edition import ProcedureEdition
from procedures.method import CheckValue, MethodResult
from procedures.method_views import objection_sentence


def edition_mapping(edition: ProcedureEdition) -> dict[str, Any]:
    """Return an edition with everything it says, its name and what is unverified in it."""
    told: dict[str, Any] = _plain(edition)
    return {"name": edition.name, "unverified": list(edition.unverified), **told}


def result_mapping(edition: ProcedureEdition, result: MethodResult) -> dict[str, Any]:
    """Return what was found and decided, with the budget of the decisive value."""
    return {
        "procedure": result.procedure,
        "accuracy_class": result.accuracy_class,
        "unit": result.unit,
        "verdict": result.verdict.value if result.states_conformity else None,
        "wording": _plain(result.wording),
        "certificate": result.certificate and result.certificate.value,
        "period_months": result.period_months,
        "expanded_uncertainty": result.expanded_uncertainty,
        "coverage_factor": result.coverage_factor,
        "decisive": _value(result.decisive),
        "objections": [
            {**_plain(row), "sentence": _plain(objection_sentence(edition, row))}
            for row in result.objections
        ],
        "checks": [
            {
                "name": row.name,
                "title": _plain(row.title),
                "verdict": row.verdict.value,
                "worst": _value(row.worst),
            }
            for row in result.checks
        ],
        "inspections": _plain(result.inspections),
        "ratio": _plain(result.ratio),
        "points": [
            {
                "test": point.test,
                "nominal": point.nominal,
                "conditions": dict(point.conditions),
                "maximum_permissible_error": point.maximum_permissible_error,
                "values": [_value(value) for value in point.values],
            }
            for point in result.points
        ],
        "unverified": list(edition.unverified),
    }


def _value(value: CheckValue) -> dict[str, Any]:
    return {
        "check": value.check,
        "name": value.name,
        "value": str(value.reported),
        "limit": value.limit,
        "sense": value.sense,
        "unit": value.unit,
        "is_within_limit": None if value.limit is None else value.is_within_limit,
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; an infinite number is null."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date | Decimal):
        return str(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if is_dataclass(value):
        return {part.name.rstrip("_"): _plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value
