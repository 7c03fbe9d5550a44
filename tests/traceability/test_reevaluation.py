"""A standard's certificate is replaced: what its users would have, with the new uncertainty.

u of the standard is 3, of the working standard 5 (3 from it, 4 its own), of the meter 13 (5 from
the working standard, 12 its own), all in kPa; the meter's second reference is another's.
"""

from dataclasses import replace
from datetime import date
from math import sqrt
from typing import Any
from uuid import UUID

import pytest

from traceability.errors import UnknownCalibration
from traceability.graph import Link, Reference, UncertaintyStatement
from traceability.reevaluation import reevaluate

STANDARD, WORKING, METER, OTHER, SUCCESSOR = (UUID(int=n) for n in range(1, 6))


def stated(u: float, unit: str = "kPa") -> UncertaintyStatement:
    return UncertaintyStatement(model="absolute", coefficient=2 * u, coverage_factor=2, unit=unit)


def link(id_: UUID, u: float, *uses: Reference) -> Link:
    return Link(
        calibration_id=id_,
        performed_on=date(2026, 1, id_.int),
        uncertainty=stated(u),
        references=uses,
        terminal_reason=None if uses else "national standard",
    )


def use(id_: UUID, contributed: float | None, **said) -> Reference:
    known: dict[str, Any] = {
        "at_value": 100.0,
        "at_unit": "kPa",
        "user_value": 100.0,
        "user_unit": "kPa",
    }
    return Reference(
        position=id_.int, reference_id=id_, contributed_standard_uncertainty=contributed,
        **known | said,
    )  # fmt: skip


LINKS = [
    link(STANDARD, 3.0),
    link(WORKING, 5.0, use(STANDARD, 3.0, basis="U", ratio=0.3, ratio_limit=1 / 3)),
    link(OTHER, 1.0),
    link(METER, 13.0, use(WORKING, 5.0), use(OTHER, 0.0)),
]


def after(u: float, links=LINKS):
    found = reevaluate(links, STANDARD, link(SUCCESSOR, u))
    return {one.link.calibration_id: one.after for one in found}


def test_a_contribution_grows_with_its_reference_and_the_own_part_stays():
    """Twice the u: 6 and 4 make √52; that contributes 5·√52/5 beside 12."""
    assert after(6.0) == {
        WORKING: pytest.approx(sqrt(52)), METER: pytest.approx(sqrt(52 + 144)),
    }  # fmt: skip


def test_with_the_same_uncertainty_nothing_changes():
    assert after(3.0) == {WORKING: pytest.approx(5.0), METER: pytest.approx(13.0)}


def test_a_smaller_uncertainty_helps_but_leaves_the_own_part():
    assert after(0.0) == {WORKING: pytest.approx(4.0), METER: pytest.approx(sqrt(16 + 144))}


def test_what_is_not_on_record_stays_unknown_all_the_way_down():
    unknown = [*LINKS]
    unknown[1] = link(WORKING, 5.0, use(STANDARD, None))

    assert after(6.0, unknown) == {WORKING: None, METER: None}


def test_another_unit_makes_it_unknown():
    successor = replace(link(SUCCESSOR, 6.0), uncertainty=stated(6.0, "bar"))

    found = reevaluate(LINKS, STANDARD, successor)

    assert [one.after for one in found] == [None, None]


@pytest.mark.parametrize(("u", "exceeded"), [(3.3, False), (3.4, True)])
def test_a_ratio_that_counts_by_u_is_judged_by_its_rule(u, exceeded):
    """0.3 · 3.3/3 = 0.33 is within a third, 0.34 is not."""
    first, _meter = reevaluate(LINKS, STANDARD, link(SUCCESSOR, u))

    assert (first.link.calibration_id, first.ratio_exceeded) == (WORKING, exceeded)


def test_a_calibration_that_is_not_there_is_refused():
    with pytest.raises(UnknownCalibration):
        reevaluate(LINKS[1:], STANDARD, link(SUCCESSOR, 6.0))
