"""Many meters at once: every figure is that of judging each of them alone."""

from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procedures.batch import BatchPoint, evaluate_batch
from procedures.conformity import Verdict
from procedures.errors import InvalidInput
from procedures.method import (
    PointReadings,
    ReferenceStandard,
    evaluate_readings,
    load_catalogue,
    planned_points,
    read_edition,
)
from procedures.rounding import (
    freed_of_binary_noise,
    nearest_multiples,
    round_to_step,
    without_binary_noise,
)
from tests.proofs import how_many
from tests.worked_examples.runs import comfortable

EDITIONS = {edition.name: edition for edition in load_catalogue()}
METER: dict[str, Any] = {
    "accuracy_class": "0.2S", "i_n": 1.5, "i_max": 6.0,
    "options": {"connection": "through_transformers", "phases": "three", "clock": "present"},
}  # fmt: skip
GAUGE = (files("procedures") / "catalogue" / "jjg_52_2013.toml").read_text(encoding="utf-8")
BENCH = ReferenceStandard(maximum_permissible_error=0.05)


def meter_batch(seed, count=40):
    """Meters of random errors: points, readings and inspections."""
    random = np.random.default_rng(seed)
    plan = planned_points(EDITIONS["JJG 596-2012"], **METER)
    points = [BatchPoint(nominal=p.nominal, test=p.test, conditions=p.conditions) for p in plan]
    main = sum(p.test == "main" for p in plan)
    readings = {
        "gamma": random.normal(0.05, 0.08, (count, main, 2)).round(3),
        "daily_error": random.normal(0, 0.25, (count, 1)).round(3),
    }
    inspections = {
        row.name: random.random(count) > 0.05 for row in EDITIONS["JJG 596-2012"].inspections
    }
    return points, readings, inspections


def alone(edition, points, readings, instrument, **told):
    """Judge one instrument of a batch by itself."""
    tests = {row.symbol: row.test for row in edition.readings}
    places: dict[str, int] = {}
    rows = []
    for point in points:
        place = places.get(point.test, 0)
        places[point.test] = place + 1
        rows.append(
            PointReadings(
                nominal=point.nominal,
                test=point.test,
                conditions=point.conditions,
                readings={
                    symbol: values[instrument, place].tolist()
                    for symbol, values in readings.items()
                    if tests[symbol] == point.test
                },
            )
        )
    return evaluate_readings(edition, points=rows, environment=comfortable(edition), **told)


def require_equal(edition, points, readings, inspections=None, **told):
    """Judge a batch, and each of its instruments alone: the same."""
    batch = evaluate_batch(
        edition, points=points, readings=readings, environment=comfortable(edition),
        inspections=inspections, **told,
    )  # fmt: skip
    for i in range(len(batch.codes)):
        met = {name: bool(values[i]) for name, values in (inspections or {}).items()}
        one = alone(edition, points, readings, i, inspections=met, **told)
        assert batch.verdict(i) is one.verdict
        assert batch.expanded_uncertainties[i] == pytest.approx(one.expanded_uncertainty, rel=1e-9)
        found = {
            (value.name, point.test, point.nominal, str(point.conditions)): value.value
            for point in one.points
            for value in point.values
        }
        judged = [float(value) for values in batch.values for value in values.judged[i].tolist()]
        assert sorted(judged) == sorted(found.values())
    return batch


@settings(max_examples=how_many(3, full=60), deadline=None)
@given(st.integers(0, 2**32))
def test_meters_judged_together_and_alone_are_judged_alike(seed):
    points, readings, inspections = meter_batch(seed, count=15)

    require_equal(
        EDITIONS["JJG 596-2012"], points, readings, inspections,
        standard=BENCH, influence=0.01, **METER,
    )  # fmt: skip


def test_pressure_gauges_and_weights_are_judged_alike_too():
    random = np.random.default_rng(7)
    gauge = EDITIONS["JJG 52-2013"]
    nominals = np.array([0.0, 0.4, 0.8, 1.2, 1.6])
    readings = {
        row.symbol: (nominals + random.normal(0, 0.004, (30, 5))).round(3) for row in gauge.readings
    }
    weights = EDITIONS["JJG 99-2022"]
    found = {row.symbol: np.full((30, 1), 1.2) for row in weights.readings}
    found["difference"] = random.normal(3.0, 1.5, (30, 1, 3)).round(2)

    gauges = require_equal(
        gauge, [BatchPoint(nominal=float(p)) for p in nominals], readings, accuracy_class="1.6",
        standard=ReferenceStandard(maximum_permissible_error=0.00125), span=1.6, division=0.05,
    )  # fmt: skip
    ones = require_equal(
        weights, [BatchPoint(nominal=1000.0)], found, accuracy_class="F1",
        standard=ReferenceStandard(expanded_uncertainty=0.5), balance_s=0.3, balance_d=0.1,
        buoyancy=0.1, magnetism=0.0,
    )  # fmt: skip

    for batch in (gauges, ones):
        assert min(batch.count(Verdict.PASS), batch.count(Verdict.FAIL)) > 0


def test_near_a_limit_jjf_1094_leaves_the_same_gauges_open():
    text = GAUGE.replace('rule = "simple_acceptance"', 'rule = "jjf_1094"')
    edition = read_edition(text, name="changed")
    errors = np.linspace(0.0, 0.05, 21)[:, np.newaxis] * np.array([0.0, 1.0, 0.0])
    readings = {row.symbol: np.array([0.0, 0.8, 1.6]) + errors.round(4) for row in edition.readings}

    batch = require_equal(
        edition, [BatchPoint(nominal=p) for p in (0.0, 0.8, 1.6)], readings,
        accuracy_class="1.6", standard=ReferenceStandard(maximum_permissible_error=0.00125),
        span=1.6, division=0.05, repeatability=0.005,
    )  # fmt: skip

    assert {batch.verdict(i) for i in range(21)} == {
        Verdict.PASS, Verdict.UNDETERMINED, Verdict.FAIL,
    }  # fmt: skip


def test_what_holds_for_none_is_an_objection_to_all():
    points, readings, _ = meter_batch(1)

    batch = evaluate_batch(
        EDITIONS["JJG 596-2012"], points=points[:-1], readings={"gamma": readings["gamma"]},
        environment={"temperature": 40.0, "humidity": 50.0}, standard=BENCH, influence=0.01,
        **METER,
    )  # fmt: skip

    assert batch.count(Verdict.UNDETERMINED) == 40
    assert {row.field for row in batch.objections} == {
        "environment.temperature", "further_tests.clock", "inspections.starting",
        "inspections.creep", "inspections.constant",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"gamma": np.zeros((40, 3, 2))}, "readings.gamma"),
        ({"gamma": np.full((40, 13, 2), np.nan)}, "readings.gamma"),
        ({"colour": np.zeros((40, 1))}, "readings.colour"),
        ({"daily_error": np.zeros((39, 1))}, "readings"),
    ],
)
def test_arrays_that_do_not_fit_are_named(changed, field):
    points, readings, inspections = meter_batch(1)

    with pytest.raises(InvalidInput) as refused:
        evaluate_batch(
            EDITIONS["JJG 596-2012"], points=points, readings=readings | changed,
            environment=comfortable(EDITIONS["JJG 596-2012"]), standard=BENCH,
            inspections=inspections, influence=0.01, **METER,
        )  # fmt: skip

    assert refused.value.field == field


STEPS = st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 0.001])


@given(st.integers(-(10**7), 10**7), st.integers(0, 6), STEPS)
def test_an_array_is_rounded_as_decimals_are(digits, places, step):
    value = digits / 10**places

    (rounded,) = nearest_multiples(np.array([value]), step).tolist()

    assert rounded == float(round_to_step(value, step))


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e9))
def test_an_array_is_freed_of_noise_as_a_number_is(value, scale):
    (freed,) = freed_of_binary_noise(np.array([value]), np.array([scale])).tolist()

    assert freed == pytest.approx(without_binary_noise(value, scale=scale), rel=1e-15, abs=0)
