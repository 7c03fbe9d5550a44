"""How a run by a catalogue edition is told in a test."""

from procedures.conformity import Verdict
from procedures.method import (
    MethodResult,
    PointReadings,
    ReferenceStandard,
    evaluate_readings,
    load_catalogue,
    planned_points,
)

EDITIONS = {edition.name: edition for edition in load_catalogue()}


def point(nominal=0.0, *, test="main", conditions=None, **readings):
    return PointReadings(nominal=nominal, test=test, conditions=conditions or {}, readings=readings)


def run(name, *, points, standard=None, **told) -> MethodResult:
    """Judge readings by an edition; conditions are those in the middle of what it allows."""
    edition = EDITIONS[name]
    told.setdefault("accuracy_class", "")
    told.setdefault("environment", comfortable(edition))
    told.setdefault("inspections", {row.name: True for row in edition.inspections})
    return evaluate_readings(
        edition, points=points, standard=ReferenceStandard(**(standard or {})), **told
    )


def comfortable(edition):
    """Return an environment that every class of an edition allows."""
    return {row.name: _middle(row) for row in edition.environment}


def _middle(condition):
    cases = [condition, *condition.cases]
    lows = [case.lowest for case in cases if case.lowest is not None]
    highs = [case.highest for case in cases if case.highest is not None]
    if lows and highs:
        return (max(lows) + min(highs)) / 2
    return max(lows) if lows else min(highs) / 2


def without_error(name, *, readings, **told):
    """Return the planned points of an edition, each with the readings that a function gives it."""
    plan = planned_points(EDITIONS[name], **told)
    return [
        point(row.nominal, test=row.test, conditions=dict(row.conditions), **readings(row))
        for row in plan
    ]


def verdicts(result):
    return {check.name: check.verdict for check in result.checks}


def passes(result):
    assert result.objections == ()
    return result.verdict is Verdict.PASS
