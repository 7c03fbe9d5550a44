"""Three emission monitors go through one test programme and are ranked.

Readings are synthetic; the limits are those of the programme of the test, not of a standard.
"""

from math import inf
from typing import Any

import pytest

from procedures.conformity import Verdict
from procedures.emission_monitors import (
    Characteristic,
    MonitorTest,
    drift,
    evaluate_monitor,
    indication_error,
    linearity,
    rank,
    relative_accuracy,
    response_time,
)
from procedures.errors import InvalidInput

LIMITS = {
    Characteristic.INDICATION_ERROR: 5.0,
    Characteristic.RESPONSE_TIME: 200.0,
    Characteristic.ZERO_DRIFT: 2.5,
    Characteristic.SPAN_DRIFT: 2.5,
    Characteristic.LINEARITY: 2.0,
    Characteristic.FLOW_ERROR: 10.0,
    Characteristic.RELATIVE_ACCURACY: 15.0,
}
REFERENCE = (12.9, 13.1, 13.4, 13.0, 12.8, 13.2, 13.3, 13.1, 12.7)  # % vol CO2


def monitor(name, *, gain=1.0, seconds=120.0, **changed):
    told: dict[str, Any] = {
        "gases": {5.0: [5.0 * gain] * 3, 11.0: [11.0 * gain] * 3, 18.0: [18.0 * gain] * 3},
        "full_scale": 20.0,
        "response_times": [seconds, seconds + 2, seconds - 1],
        "zero": (0.0, 0.1),
        "span": (18.0, 18.2),
        "flows": [(10.3, 10.0), (15.2, 15.0)],
        "pairs": [(value * gain + 0.05, value) for value in REFERENCE],
    }
    return MonitorTest(name=name, **(told | changed))


def test_a_good_monitor_keeps_every_limit_and_its_figures_are_those_of_the_readings():
    found = evaluate_monitor(monitor("A", gain=1.01), LIMITS)

    assert found.verdict is Verdict.PASS
    values = {row.characteristic.value: row.value for row in found.findings}
    assert values == {
        "indication_error": pytest.approx(1.0),
        "response_time": 122.0,
        "zero_drift": pytest.approx(0.5),
        "span_drift": pytest.approx(1.0),
        "linearity": pytest.approx(0.0, abs=1e-9),
        "flow_error": pytest.approx(3.0),
        "relative_accuracy": pytest.approx(1.40, abs=0.02),
    }
    assert found.score == pytest.approx(122 / 200)


def test_relative_accuracy_is_mean_difference_and_confidence_over_the_mean_reference():
    pairs = [(10.2, 10.0), (10.1, 10.0), (10.3, 10.0)] * 3

    found = relative_accuracy(pairs)

    s = (6 * 0.1**2 / 8) ** 0.5
    assert found.mean_difference == pytest.approx(0.2)
    assert found.confidence_coefficient == pytest.approx(2.306004 * s / 3, abs=1e-6)
    assert found.value == pytest.approx(100 * (0.2 + 2.306004 * s / 3) / 10, abs=1e-5)


def test_the_response_time_ends_where_nine_tenths_of_the_change_are_passed():
    times = [0.0, 20.0, 40.0, 60.0, 80.0]

    assert response_time(times, [0.0, 0.0, 8.0, 10.0, 10.0], start=5.0) == 45.0
    assert response_time(times, [10.0, 10.0, 2.0, 0.0, 0.0], start=5.0) == 45.0


def test_the_linearity_is_the_largest_distance_from_the_own_line():
    gases = {0.0: [0.0], 10.0: [10.6], 20.0: [20.0]}

    assert linearity(gases, full_scale=20.0) == pytest.approx(2.0)  # 0.4 of 20 in the middle


def test_monitors_are_ranked_by_the_limit_they_come_closest_to():
    slow = evaluate_monitor(monitor("slow", seconds=180.0), LIMITS)
    good = evaluate_monitor(monitor("good"), LIMITS)
    wrong = evaluate_monitor(monitor("wrong", gain=1.2), LIMITS)
    open_ = evaluate_monitor(monitor("open", pairs=()), LIMITS)

    places = rank([wrong, open_, slow, good])

    assert [(row.evaluation.name, row.rank) for row in places] == [
        ("good", 1), ("slow", 2), ("wrong", 3), ("open", None),
    ]  # fmt: skip
    assert [row.evaluation.verdict for row in places] == [
        *(Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED)
    ]


def test_equal_monitors_share_a_rank():
    twins = [evaluate_monitor(monitor(name), LIMITS) for name in ("A", "B")]
    slower = evaluate_monitor(monitor("C", seconds=150.0), LIMITS)

    assert [row.rank for row in rank([*twins, slower])] == [1, 1, 3]


def test_a_characteristic_without_a_limit_is_told_and_not_judged():
    without = {key: limit for key, limit in LIMITS.items() if key != "relative_accuracy"}

    found = evaluate_monitor(monitor("A"), without)

    finding = found.finding(Characteristic.RELATIVE_ACCURACY)
    assert finding.value is not None
    assert (finding.verdict, found.score) == (Verdict.UNDETERMINED, None)


def test_a_limit_of_nothing_is_used_up_by_anything():
    found = evaluate_monitor(monitor("A"), LIMITS | {Characteristic.ZERO_DRIFT: 0.0})

    assert (found.score, found.verdict) == (inf, Verdict.FAIL)
    assert rank([found])[0].rank == 1


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda: relative_accuracy([(1.0, 1.0)] * 8), "pairs"),
        (lambda: indication_error([1.0], 0.0), "concentration"),
        (lambda: linearity({1.0: [1.0], 2.0: [2.0]}, full_scale=10.0), "gases"),
        (lambda: response_time([0.0, 0.0], [0.0, 1.0], start=0.0), "times"),
        (lambda: response_time([0.0, 1.0], [1.0, 1.0], start=0.0), "indications"),
        (lambda: drift(0.0, float("nan"), full_scale=1.0), "after"),
        (lambda: evaluate_monitor(monitor("A"), {Characteristic.LINEARITY: -1.0}),
         "limits.linearity"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(ask, field):
    with pytest.raises(InvalidInput) as refused:
        ask()

    assert refused.value.field == field


def test_a_monitor_of_which_nothing_is_known_is_not_passed():
    nothing = MonitorTest(name="A", full_scale=20.0, gases={})

    assert evaluate_monitor(nothing, {}).verdict is Verdict.UNDETERMINED


def test_a_figure_exactly_at_its_limit_is_freed_of_binary_noise():
    assert (0.315 - 0.3) / 0.3 * 100 > 5

    assert indication_error([0.315], 0.3) == 5.0
    assert drift(18.0, 18.2, full_scale=20.0) == 1.0
