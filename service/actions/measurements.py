"""From what was measured by a procedure edition to a recorded calibration or verification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from procedures.conformity import Verdict
from procedures.edition import MAIN_TEST
from procedures.method import (
    CheckValue,
    MethodResult,
    PointReadings,
    ProcedureEdition,
    ProcedureKind,
    last_valid_day,
)
from procedures.rounding import round_to_step
from service.actions import calibrations, procedures
from service.actions.calibrations import Result, Statement, Use, Work
from service.actions.figures import (
    compared_interval,
    recorded_uncertainty,
    standard_uncertainty_at,
    told_in,
)
from service.store import calibrations as calibration_store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tables.people import Person
from service.tenancy import TenantSession

PLACES = {ProcedureKind.IN_SITU: "site", ProcedureKind.REMOTE: "remote"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What was read of one instrument, and under which conditions.

    Attributes:
        points: in the unit of the edition's measurand, by the symbols of its readings.
        environment: by the names of the edition's conditions.
        parameters: the edition's parameters, such as span and division.
        options: the choices that the edition asks for, such as the purpose.
        inspections: whether each requirement without a number is met.
    """

    accuracy_class: str
    points: tuple[PointReadings, ...]
    environment: Mapping[str, float]
    parameters: Mapping[str, float]
    options: Mapping[str, str] = field(default_factory=dict)
    inspections: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of an item and judged, and what its original record says.

    Attributes:
        standards: the nominal values that were read against each standard, by its calibration.
        record: the readings and conditions as they are kept.
        as_found: what was found before an adjustment; None where nothing was adjusted.
    """

    result: MethodResult
    standards: Mapping[UUID, tuple[float, ...]]
    record: Mapping[str, Any]
    as_found: MethodResult | None = None


def record_measured(
    session: TenantSession,
    item: Item,
    measured: Measured,
    *,
    edition: ProcedureEdition,
    edition_text: str,
    performed_by: Person,
    record_number: str,
    on: date,
    now: datetime,
) -> Calibration:
    """Record what was measured by an edition of an item, against the standards it was read by."""
    result = measured.result
    stages = {"as_found": measured.as_found, "as_left": result}
    stage_of_use = None if measured.as_found is None else "as_left"
    results = [
        row
        for stage, found in stages.items()
        if found is not None
        for row in _results(edition, found, stage=stage_of_use and stage)
    ]
    main = [point.nominal for point in result.points if point.test == MAIN_TEST]
    compared = compared_interval(edition, item, main)
    work = Work(
        id=uuid7(),
        item_id=item.id,
        kind="verification" if edition.kind is ProcedureKind.VERIFICATION else "calibration",
        performed_on=on,
        valid_until=_valid_until(item, result, on),
        procedure_code=edition.code,
        procedure_edition_id=procedures.id_of_text(session, edition, edition_text),
        place=PLACES.get(edition.kind, "laboratory"),
        record_number=record_number,
        readings=measured.record,
        interval=compared,
        uncertainty=recorded_uncertainty(result, compared),
        uses=tuple(
            _use(session, id_, edition, item, nominals, result)
            for id_, nominals in measured.standards.items()
        ),
        results=tuple(results),
        is_adjusted=measured.as_found is not None,
        is_demonstration=item.is_demonstration,
        statement=_statement(edition, result) if result.states_conformity else None,
    )
    return calibrations.record(session, work, performed_by=performed_by.id, now=now)


def _valid_until(item: Item, result: MethodResult, on: date) -> date | None:
    """Return the last day of validity: of a passed item only, the shorter period counting."""
    if result.verdict is not Verdict.PASS:
        return None
    longest = result.valid_until(on)
    if item.period_months is None:
        return longest
    agreed = last_valid_day(on, item.period_months)
    return agreed if longest is None else min(agreed, longest)


def _use(
    session: TenantSession,
    reference_id: UUID,
    edition: ProcedureEdition,
    item: Item,
    nominals: Sequence[float],
    result: MethodResult,
) -> Use:
    """Return how a standard was used: at the decisive value, else at the upper end of the item.

    It counts by what the edition's budget takes of it, its permissible error or its U.
    """
    compared = None
    if not edition.test_points.is_done_once:
        compared = compared_interval(edition, item, nominals)
    at = unit = u = None
    if compared is not None:
        decisive = told_in(item, result.decisive.nominal, edition.test_points.unit)
        at, unit = decisive or compared.upper, compared.unit
    by_error = any("standard_mpe" in repr(row) for row in edition.contributors)
    if at is not None and not by_error:
        u = standard_uncertainty_at(calibration_store.get(session, reference_id), at)
    return Use(
        reference_id=reference_id,
        method_zh="直接比较法",
        method_en="direct comparison",
        basis="MPE" if by_error else "U",
        ratio_limit=edition.ratio.maximum if edition.ratio else None,
        at_value=at,
        at_unit=unit,
        user_value=at,
        user_unit=unit,
        interval=compared,
        standard_uncertainty=u,
        contributed_standard_uncertainty=u,
        sensitivity_coefficient=-1.0,
    )


def _results(edition: ProcedureEdition, result: MethodResult, *, stage: str | None) -> list[Result]:
    """Return the judged values as reported, with U, and the budget of the decisive one.

    A regulation says to which digits an error is rounded; what is calibrated ends where U does.

    Source: JCGM 100:2008, 7.2.6.
    """
    uncertainty = result.reported_uncertainty
    last_digit = Decimal(1).scaleb(int(uncertainty.as_tuple().exponent))
    is_verified = edition.kind is ProcedureKind.VERIFICATION
    return [
        Result(
            measurand="value" if edition.test_points.is_done_once else "error_of_indication",
            unit=result.unit,
            nominal=Decimal(repr(point.nominal)),
            estimate=value.reported if is_verified else round_to_step(value.value, last_digit),
            expanded_uncertainty=uncertainty,
            coverage_factor=result.coverage_factor,
            coverage_probability=0.95,
            standard_uncertainty=result.budget.combined_standard_uncertainty,
            maximum_permissible_error=None if value.limit is None else _plain(value.limit),
            stage=stage,
            detail_zh=label.zh,
            detail_en=label.en,
            budget=result.budget if value == result.decisive else None,
        )
        for name in edition.check(edition.model.judges).values
        for label in (edition.label_of(edition.model.judges, name),)
        for point in result.points
        for value in point.values
        if value.name == name
    ]


def _statement(edition: ProcedureEdition, result: MethodResult) -> Statement:
    return Statement(
        decision_rule=result.rule.name.value,
        basis=result.rule.reason,
        verdict=result.verdict.value,
        checks=tuple(
            {
                "name_zh": check.title.zh,
                "name_en": check.title.en,
                "value": str(check.worst.reported),
                "limit": _limit_text(edition, check.worst),
                "unit": check.worst.unit,
                "verdict": check.verdict.value,
            }
            for check in result.checks
            if check.reported
        ),
    )


def _limit_text(edition: ProcedureEdition, value: CheckValue) -> str:
    """Return how a limit is written: an error may have either sign, other checks are magnitudes."""
    if value.limit is None:
        return "—"
    if value.sense == "at_least":
        return f"≥ {_plain(value.limit)}"
    sign = "±" if value.check == edition.model.judges else "≤ "
    return f"{sign}{_plain(value.limit)}"


def _plain(value: float) -> Decimal:
    """Return a limit with the digits it is written with, free of binary noise."""
    return round_to_step(value, "0.0000001").normalize()
