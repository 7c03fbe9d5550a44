"""What may be recorded: each refusal names the field it is about (RFC 6901)."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any, Protocol

from service.errors import InvalidField
from traceability.graph import UncertaintyStatement

MODELS = ("absolute", "relative")

# field: (lowest, whether the lowest itself is allowed, highest, both in the field's unit)
ANY = (float("-inf"), True, float("inf"))
FROM_ZERO = (0.0, True, float("inf"))
ABOVE_ZERO = (0.0, False, float("inf"))
RESULT_FIELDS = {
    "nominal": ANY,
    "estimate": ANY,
    "expanded_uncertainty": ABOVE_ZERO,
    "coverage_factor": ABOVE_ZERO,
    "coverage_probability": (0.0, False, 1.0),
    "standard_uncertainty": FROM_ZERO,
    "degrees_of_freedom": (1.0, True, float("inf")),
    "maximum_permissible_error": ABOVE_ZERO,
}
USE_FIELDS = {
    "at_value": ANY,
    "user_value": ANY,
    "conversion_factor": ANY,
    "sensitivity_coefficient": ANY,
    "ratio": FROM_ZERO,
    "ratio_limit": ABOVE_ZERO,
    "standard_uncertainty": FROM_ZERO,
    "contributed_standard_uncertainty": FROM_ZERO,
}
ITEM_FIELDS = {
    "range_lower": ANY,
    "range_upper": ANY,
    "maximum_permissible_error_coefficient": ABOVE_ZERO,
    "expanded_uncertainty_coefficient": ABOVE_ZERO,
}


RANGE = ("range_lower", "range_upper", "range_unit")


class WorkLike(Protocol):
    """What is checked of a calibration before it is recorded."""

    @property
    def performed_on(self) -> date: ...
    @property
    def valid_until(self) -> date | None: ...
    @property
    def interval(self) -> Any: ...
    @property
    def uncertainty(self) -> UncertaintyStatement | None: ...
    @property
    def uses(self) -> Any: ...
    @property
    def results(self) -> Any: ...


def require_admissible(work: WorkLike) -> None:
    """Refuse a calibration with a number, a date or a reference that no record may carry.

    Raises:
        InvalidField: naming the first such field.
    """
    if work.valid_until is not None and work.valid_until < work.performed_on:
        raise InvalidField("/valid_until", f"{work.valid_until} is before {work.performed_on}")
    _require_stated_uncertainty(work)
    for index, result in enumerate(work.results):
        _require_in_range(f"/results/{index}", _values(result, RESULT_FIELDS), RESULT_FIELDS)
        if result.expanded_uncertainty is not None and result.coverage_factor is None:
            raise InvalidField(f"/results/{index}/coverage_factor", "U is told only with its k")
    for index, use in enumerate(work.uses):
        _require_in_range(f"/uses/{index}", _values(use, USE_FIELDS), USE_FIELDS)
        if (use.reference_id is None) == (use.published_id is None):
            raise InvalidField(
                f"/uses/{index}/reference_id",
                "name one reference: of the own book, or a published one",
            )
        if use.user_value == 0 and work.uncertainty and work.uncertainty.model == "relative":
            raise InvalidField(f"/uses/{index}/user_value", "a relative U says nothing at 0")


def require_admissible_item(facts: Mapping[str, Any]) -> None:
    """Refuse an item whose range, permissible error or uncertainty cannot be.

    Raises:
        InvalidField: naming the first such field.
    """
    _require_in_range("", {name: facts.get(name) for name in ITEM_FIELDS}, ITEM_FIELDS)
    told = [name for name in RANGE if facts.get(name) is not None]
    if told and len(told) < len(RANGE):
        missing = next(name for name in RANGE if name not in told)
        raise InvalidField(f"/{missing}", "a range has two ends and a unit, or is not known")
    if told and facts["range_lower"] > facts["range_upper"]:
        raise InvalidField("/range_lower", "the range begins above its end")
    for quantity in ("maximum_permissible_error", "expanded_uncertainty"):
        model, coefficient = (facts.get(f"{quantity}_{part}") for part in ("model", "coefficient"))
        if model not in (None, *MODELS):
            raise InvalidField(f"/{quantity}_model", f"{model!r} is neither absolute nor relative")
        if (model is None) != (coefficient is None):
            raise InvalidField(f"/{quantity}_coefficient", "model and coefficient go together")


def _require_stated_uncertainty(work: WorkLike) -> None:
    stated = work.uncertainty
    if stated is None:
        return
    if work.interval is None:
        raise InvalidField("/interval", "U is stated over an interval: give it, with its unit")
    if stated.unit != work.interval.unit:
        raise InvalidField(
            "/uncertainty", f"U in {stated.unit}, but the interval is in {work.interval.unit}"
        )
    if not stated.coefficient > 0:
        raise InvalidField("/uncertainty/coefficient", f"{stated.coefficient} is not above 0")


def _values(row: Any, fields: Mapping[str, Any]) -> dict[str, float | Decimal | None]:
    return {name: getattr(row, name) for name in fields}


def _require_in_range(
    pointer: str,
    values: Mapping[str, float | Decimal | None],
    fields: Mapping[str, tuple[float, bool, float]],
) -> None:
    for name, reason in _objections(values, fields):
        raise InvalidField(f"{pointer}/{name}", reason)


def _objections(
    values: Mapping[str, float | Decimal | None], fields: Mapping[str, tuple[float, bool, float]]
) -> Iterator[tuple[str, str]]:
    for name, (lowest, includes_lowest, highest) in fields.items():
        value = values[name]
        if value is None:
            continue
        if not isfinite(value):
            yield name, f"{value} is not a finite number"
        elif value < lowest or (value == lowest and not includes_lowest):
            yield name, f"{value} is not {'from' if includes_lowest else 'above'} {lowest:g} up"
        elif value >= highest:
            yield name, f"{value} is not below {highest:g}"
