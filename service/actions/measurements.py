"""From what was measured by a procedure edition to a recorded calibration or verification."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from procedures.conformity import Verdict
from procedures.method import (
    CheckValue,
    MethodResult,
    PointReadings,
    ProcedureEdition,
    ProcedureKind,
    ReferenceStandard,
    last_valid_day,
)
from procedures.rounding import round_to_step
from service.actions import calibrations, procedures
from service.actions.calibrations import Result, Statement, Use, Work, permissible_error
from service.errors import InvalidField
from service.store import calibrations as calibration_store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tables.people import Person
from service.tenancy import TenantSession
from traceability.graph import MeasuringInterval, UncertaintyStatement

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
        interval=_interval([point.nominal for point in result.points], result.unit),
        uncertainty=UncertaintyStatement(
            model="absolute",
            coefficient=result.expanded_uncertainty,
            coverage_factor=result.coverage_factor,
            unit=result.unit,
        ),
        uses=tuple(
            _use(calibration_store.get(session, id_), edition, nominals, result)
            for id_, nominals in measured.standards.items()
        ),
        results=tuple(results),
        is_adjusted=measured.as_found is not None,
        is_demonstration=item.is_demonstration,
        statement=_statement(edition, result) if result.states_conformity else None,
    )
    return calibrations.record(session, work, performed_by=performed_by.id, now=now)


def standard_in_use(session: TenantSession, calibration_ids: Iterable[UUID]) -> ReferenceStandard:
    """Return what is known of the standards in use: of several, of each figure the worst.

    Raises:
        NotFound: the book has no such calibration.
        InvalidField: a standard has no item with a maximum permissible error.
    """
    rows = [_standard(session, id_) for id_ in calibration_ids]
    expanded = [_expanded_uncertainty(row) for row, _ in rows]
    known = [value for value in expanded if value is not None]
    return ReferenceStandard(
        maximum_permissible_error=max(limit for _, limit in rows),
        expanded_uncertainty=max(known) if len(known) == len(expanded) else None,
    )


def _expanded_uncertainty(row: Calibration) -> float | None:
    """Return U of a standard at the upper end of its calibrated interval; None if unknown."""
    if row.uncertainty_model is None or row.uncertainty_coefficient is None:
        return None
    scale = 1.0 if row.uncertainty_model == "absolute" else abs(row.interval_upper or 0.0)
    return row.uncertainty_coefficient * scale


def _standard(session: TenantSession, calibration_id: UUID) -> tuple[Calibration, float]:
    """Return the calibration of the standard, and the standard's limit at its upper end."""
    row = calibration_store.get(session, calibration_id)
    item = row.item_id and session.get(Item, (session.organization_id, row.item_id))
    limit = permissible_error(item) if item else None
    if not item or limit is None or item.range_upper is None:
        raise InvalidField("/standard", "its maximum permissible error is not known")
    return row, limit.limit_at(item.range_upper)


def _valid_until(item: Item, result: MethodResult, on: date) -> date | None:
    """Return the last day of validity: of a passed item only, the shorter period counting."""
    if result.verdict is not Verdict.PASS:
        return None
    longest = result.valid_until(on)
    if item.period_months is None:
        return longest
    agreed = last_valid_day(on, item.period_months)
    return agreed if longest is None else min(agreed, longest)


def _interval(nominals: Sequence[float], unit: str) -> MeasuringInterval:
    """Return the interval that was compared; at zero the instrument is vented, not compared."""
    compared = [nominal for nominal in nominals if nominal] or [0.0]
    return MeasuringInterval(lower=min(compared), upper=max(compared), unit=unit)


def _use(
    standard: Calibration,
    edition: ProcedureEdition,
    nominals: Sequence[float],
    result: MethodResult,
) -> Use:
    at = result.decisive.nominal
    return Use(
        reference_id=standard.id,
        method_zh="直接比较法",
        method_en="direct comparison",
        basis="MPE",
        ratio_limit=edition.ratio.maximum if edition.ratio else None,
        at_value=at,
        at_unit=result.unit,
        user_value=at,
        user_unit=result.unit,
        interval=_interval(nominals, result.unit),
        sensitivity_coefficient=-1.0,
    )


def _results(edition: ProcedureEdition, result: MethodResult, *, stage: str | None) -> list[Result]:
    """Return the judged values as reported, with U, and the budget of the decisive one."""
    uncertainty = result.reported_uncertainty
    return [
        Result(
            measurand="error_of_indication",
            unit=result.unit,
            nominal=Decimal(repr(point.nominal)),
            estimate=value.reported,
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
