"""Figures of an item, its standards and its edition, told in one another's units.

An edition counts its nominal values in one unit and its errors in another; an item and a standard
have the units of their measuring intervals. What is compared is compared in the item's unit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from procedures.errors import UnitMismatch
from procedures.method import MethodResult, ProcedureEdition, ReferenceStandard
from procedures.units import convert, convert_difference
from service.actions.calibrations import permissible_error
from service.errors import InvalidField
from service.store import calibrations as calibration_store
from service.tables.calibrations import Calibration
from service.tables.items import Item
from service.tenancy import TenantSession
from traceability.graph import MeasuringInterval, UncertaintyStatement


def compared_interval(
    edition: ProcedureEdition, item: Item, nominals: Iterable[float]
) -> MeasuringInterval | None:
    """Return in which interval an item is compared, in the unit of its own measuring interval.

    At zero an instrument is vented, not compared. Where the nominal values of the edition are no
    values of the item, such as the amperes at which a meter of watts is read, or where there are
    none, it is the item's own interval; None where that is not known.
    """
    unit = edition.test_points.unit
    values = [told_in(item, nominal, unit) for nominal in nominals if nominal and unit]
    known = [value for value in values if value is not None]
    if known:
        own = item.range_unit or unit
        return MeasuringInterval(lower=min(known), upper=max(known), unit=own)
    if item.range_lower is None or item.range_upper is None or item.range_unit is None:
        return None
    return MeasuringInterval(lower=item.range_lower, upper=item.range_upper, unit=item.range_unit)


def told_in(item: Item, value: float, unit: str) -> float | None:
    """Return a nominal value in the unit of an item's own interval; None if it is none of it."""
    return _converted(value, unit, item.range_unit or unit)


def standard_in_use(
    session: TenantSession,
    standards: Mapping[UUID, tuple[float, ...]],
    edition: ProcedureEdition,
) -> ReferenceStandard:
    """Return what is known of the standards in use, in the unit of the edition's measurand.

    Of several standards it is the worst of each figure, and so it is of the nominal values that one
    served at, where the measurand is in percent.

    Args:
        standards: the nominal values that were read against each, by its calibration.

    Raises:
        NotFound: the book has no such calibration.
        InvalidField: neither U nor a maximum permissible error of a standard is known.
    """
    limits, expanded = [], []
    for id_, nominals in standards.items():
        row = calibration_store.get(session, id_)
        standard = row.item_id and session.get(Item, (session.organization_id, row.item_id))
        limits.append(_permissible(standard, edition, nominals) if standard else None)
        expanded.append(_expanded(row, edition, nominals))
        if limits[-1] is None and expanded[-1] is None:
            raise InvalidField("/standard", "neither its permissible error nor its U is known")
    return ReferenceStandard(
        maximum_permissible_error=_worst(limits), expanded_uncertainty=_worst(expanded)
    )


def errors_found(
    result: MethodResult, edition: ProcedureEdition, unit: str
) -> tuple[tuple[tuple[float, float], ...], float] | None:
    """Return the decisive errors at their values, and u, in a unit; None if they are not of it."""
    of_nominal = edition.test_points.unit or result.unit
    points, us = [], []
    u = result.budget.combined_standard_uncertainty
    for nominal, error in result.decisive_values():
        value = _converted(nominal, of_nominal, unit)
        told = [_difference(figure, result.unit, unit, at=value) for figure in (error, u)]
        if value is None or told[0] is None or told[1] is None:
            return None
        points.append((value, told[0]))
        us.append(told[1])
    return tuple(points), max(us)


def recorded_uncertainty(
    result: MethodResult, compared: MeasuringInterval | None
) -> UncertaintyStatement | None:
    """Return U in the unit of the interval, None if it is of another quantity.

    A percentage is of the value, as in every edition of the catalogue.
    """
    if compared is None:
        return None
    is_relative = result.unit == "%" != compared.unit
    coefficient = (
        result.expanded_uncertainty / 100
        if is_relative
        else _difference(result.expanded_uncertainty, result.unit, compared.unit, at=None)
    )
    if coefficient is None:
        return None
    return UncertaintyStatement(
        model="relative" if is_relative else "absolute",
        coefficient=coefficient,
        coverage_factor=result.coverage_factor,
        unit=compared.unit,
    )


def standard_uncertainty_at(row: Calibration, value: float) -> float | None:
    """Return u of a calibration at a value, in the unit of its interval; None if unknown."""
    expanded = _expanded_at(row, value)
    return None if expanded is None else expanded / (row.coverage_factor or 1.0)


def _permissible(
    standard: Item, edition: ProcedureEdition, nominals: Sequence[float]
) -> float | None:
    limit = permissible_error(standard)
    if limit is None or standard.range_upper is None:
        return None
    return _in_measurand(limit.limit_at, standard.range_upper, limit.unit, edition, nominals)


def _expanded(
    row: Calibration, edition: ProcedureEdition, nominals: Sequence[float]
) -> float | None:
    """Return U of a standard at the upper end of its calibrated interval; None if unknown."""
    upper, unit = row.interval_upper or 0.0, row.interval_unit
    if row.uncertainty_coefficient is None or unit is None:
        return None
    return _in_measurand(
        lambda value: _expanded_at(row, value) or 0.0, upper, unit, edition, nominals
    )


def _expanded_at(row: Calibration, value: float) -> float | None:
    """Return U of a calibration at a value, in the unit of its interval; None if unknown."""
    if row.uncertainty_coefficient is None:
        return None
    scale = 1.0 if row.uncertainty_model == "absolute" else abs(value)
    return row.uncertainty_coefficient * scale


def _in_measurand(
    figure: Callable[[float], float],
    upper: float,
    unit: str,
    edition: ProcedureEdition,
    nominals: Sequence[float],
) -> float:
    """Return a figure of a standard in the unit of the measurand: a percentage is of the value.

    It is taken at the upper end of its interval, for a percentage at the worst of the values where
    it served. Of another quantity it stands as it is, for a contributor that asks for it.
    """
    wanted = edition.measurand.unit
    if wanted == "%" != unit:
        values = [_converted(nominal, edition.test_points.unit, unit) for nominal in nominals]
        served = [value for value in values if value] or [upper]
        shares = (100.0 * figure(value) / abs(value) for value in served if value)
        return max(shares, default=figure(upper))
    told = _difference(figure(upper), unit, wanted, at=None)
    return figure(upper) if told is None else told


def _difference(figure: float, unit: str, wanted: str, *, at: float | None) -> float | None:
    """Return an error or an uncertainty in another unit; a percentage is of the value."""
    if unit == wanted:
        return figure
    if unit == "%":
        return None if at is None else figure / 100 * abs(at)
    try:
        return convert_difference(figure, unit, wanted)
    except UnitMismatch:
        return None


def _converted(value: float, unit: str, wanted: str) -> float | None:
    if unit == wanted:
        return value
    try:
        return convert(value, unit, wanted)
    except UnitMismatch:
        return None


def _worst(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return max(known) if len(known) == len(figures) else None
