"""Is the auxiliary steam gauge TPP.PG.05 fit to measure 0.8 MPa with u = 5 kPa on a day?"""

from dataclasses import replace
from datetime import date
from math import hypot
from typing import Any

import pytest

from traceability.errors import InvalidValue
from traceability.fitness import Unfitness, fitness

TODAY = date(2026, 11, 21)


def ask(nation, **changes):
    question: dict[str, Any] = {
        "at": 0.8,
        "unit": "MPa",
        "required_standard_uncertainty": 0.005,
        "on": TODAY,
    }
    return fitness(nation.links, nation.id_of("TPP.PG.05"), **(question | changes))


def test_a_gauge_within_its_need_is_fit(demo_nation):
    answer = ask(demo_nation)

    assert answer.fit
    assert answer.calibration_id == demo_nation.id_of("ev:TPP.PG.05:2026-06-12")
    assert answer.calibrated_standard_uncertainty == 0.0035
    assert answer.predicted_standard_uncertainty is None


def test_drift_since_the_calibration_may_make_it_unfit(demo_nation):
    answer = ask(demo_nation, drift_standard_uncertainty_per_year=0.01)

    years = (TODAY - date(2026, 6, 12)).days / 365.25
    assert answer.predicted_standard_uncertainty == pytest.approx(hypot(0.0035, 0.01 * years))
    assert answer.reasons == (Unfitness.UNCERTAINTY_TOO_LARGE,)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"on": date(2026, 12, 12)}, Unfitness.EXPIRED),
        ({"on": date(2010, 1, 1)}, Unfitness.NOT_CALIBRATED),
        ({"at": 2.0}, Unfitness.RANGE_NOT_COVERED),
        ({"required_standard_uncertainty": 0.003}, Unfitness.UNCERTAINTY_TOO_LARGE),
        ({"state": "sealed"}, Unfitness.OUT_OF_SERVICE),
    ],
)
def test_a_reason_is_named_for_what_stands_against_it(demo_nation, changes, reason):
    assert ask(demo_nation, **changes).reasons == (reason,)


def test_it_is_fit_on_its_last_day(demo_nation):
    assert ask(demo_nation, on=date(2026, 12, 11)).fit


def test_in_another_unit_neither_interval_nor_uncertainty_is_known(demo_nation):
    assert ask(demo_nation, unit="bar", at=8.0).reasons == (
        Unfitness.UNIT_MISMATCH,
        Unfitness.UNCERTAINTY_UNKNOWN,
    )


def test_a_broken_chain_makes_it_unfit_and_shows_the_breaks(demo_nation):
    links = [replace(link, terminal_reason=None) for link in demo_nation.links]

    answer = fitness(
        links,
        demo_nation.id_of("TPP.PG.05"),
        at=0.8,
        unit="MPa",
        required_standard_uncertainty=0.005,
        on=TODAY,
    )

    assert answer.reasons == (Unfitness.CHAIN_BROKEN,)
    assert len(answer.breaks) == 1


@pytest.mark.parametrize(
    "field", ["at", "required_standard_uncertainty", "drift_standard_uncertainty_per_year"]
)
def test_a_number_that_is_none_is_refused_by_name(demo_nation, field):
    with pytest.raises(InvalidValue, match=field):
        ask(demo_nation, **{field: float("nan")})
