"""Rules that change one interval: the worked figures of JJF 1139, and what the rules promise."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.errors import InvalidInput
from procedures.interval_rules import (
    Change,
    calendar_interval,
    control_chart,
    fixed_step,
    in_service_checks,
    incremental,
    resting_reliability,
    staircase,
)
from procedures.intervals import FoundAfter, NoInterval, exponential_reliability, interval_test
from procedures.reliability_models import Model, compare_models

JJF_1139 = [(6, 60, 59), (12, 80, 75), (18, 40, 35), (24, 30, 24)]  # months, calibrations, good


def found_after(*rows):
    return [FoundAfter(interval=t, calibrations=n, in_tolerance=x) for t, n, x in rows]


def compared(*rows):
    return compare_models(found_after(*rows))


def stepped(error):
    return staircase(12, error=error, maximum_permissible_error=0.5, extension=1.5, reduction=0.5)


@pytest.mark.parametrize(
    ("error", "length", "change"),
    [
        (0.0, 18, Change.EXTENDED),
        (-0.4, 18, Change.EXTENDED),
        (0.45, 12, Change.KEPT),
        (0.5, 12, Change.KEPT),
        (-0.51, 6, Change.REDUCED),
    ],
)
def test_the_staircase_goes_up_well_inside_and_down_outside(error, length, change):
    assert (stepped(error).length, stepped(error).change) == (length, change)


def test_fixed_steps_come_to_rest_where_up_and_down_cancel():
    assert fixed_step(12, found_in_tolerance=True).length == pytest.approx(13.2)
    assert fixed_step(12, found_in_tolerance=False).length == pytest.approx(5.4)
    r = resting_reliability()
    assert r == pytest.approx(0.8933673376185993, rel=1e-12)
    assert 1.1**r * 0.45 ** (1 - r) == pytest.approx(1)


def test_the_incremental_response_of_jjf_1139_comes_out():
    found = incremental(
        12, found_in_tolerance=[True, True, False, True, True], target_reliability=0.9
    )

    assert list(found) == pytest.approx([12.6, 13.23, 10.25325, 10.381415625, 10.511183320312501])


@given(st.lists(st.booleans(), max_size=40), st.floats(0.5, 0.99))
def test_an_incremental_interval_stays_positive(found, target):
    assert all(
        one > 0 for one in incremental(12, found_in_tolerance=found, target_reliability=target)
    )


def test_a_control_chart_shows_what_left_it():
    errors = [0.01, -0.01, 0.02, 0.0, -0.02, 0.01, 0.3]

    chart = control_chart(range(7), errors, maximum_permissible_error=0.5)

    assert chart.out_of_control == (6,)


def test_a_control_chart_of_a_line_lasts_until_the_line_is_at_the_limit():
    chart = control_chart([0, 1, 2, 3], [0, 0.01, 0.02, 0.03], maximum_permissible_error=0.5)

    assert chart.drift == pytest.approx(0.01)
    assert chart.length == pytest.approx((0.5 - 2 * 0.01 / 1.128) / 0.01)
    assert control_chart([0, 1, 2], [1, -1, 1], maximum_permissible_error=0.5).length is None


def test_hours_of_use_become_days():
    assert calendar_interval(500, hours_per_day=4) == 125
    assert calendar_interval(500, hours_per_day=0) is None


def test_an_item_is_due_as_soon_as_a_check_in_service_fails():
    held = in_service_checks([0.1, -0.3, 0.2], limit=0.4)
    failed = in_service_checks([0.1, -0.5, 0.9], limit=0.4)

    assert not held.is_due
    assert held.largest_share == pytest.approx(0.75)
    assert (failed.is_due, failed.failed) == (True, 1)


# ── Models of the reliability ────────────────────────────────────────────────────────────────


def test_the_models_of_jjf_1139_come_out():
    models = {one.model: one for one in compared(*JJF_1139).models}

    # the shared figures were found by a search that stopped early: 4 digits of λ hold
    exponential, weibull = models[Model.EXPONENTIAL], models[Model.WEIBULL]
    assert exponential.rate == pytest.approx(0.006521914401944636, rel=2e-4)
    assert exponential.interval(target_reliability=0.9).length == pytest.approx(16.1548, rel=2e-4)
    assert weibull.rate == pytest.approx(0.0185073852601523, rel=1e-4)
    assert weibull.shape == pytest.approx(1.8349427599320638, rel=1e-4)
    assert weibull.interval(target_reliability=0.9).length == pytest.approx(15.8503, rel=1e-4)


def test_the_exponential_is_that_of_the_other_way_to_find_it():
    history = found_after(*JJF_1139)
    (exponential,) = (one for one in compared(*JJF_1139).models if one.model is Model.EXPONENTIAL)
    other = exponential_reliability(history)

    assert exponential.rate == pytest.approx(other.failure_rate, rel=1e-6)
    assert exponential.negative_log_likelihood == pytest.approx(other.negative_log_likelihood)


@pytest.mark.parametrize("model", Model)
def test_a_model_that_made_the_fractions_is_found_again(model):
    shape = {Model.EXPONENTIAL: 1.0, Model.WEIBULL: 2.5, Model.MIXED_EXPONENTIAL: 0.7}[model]
    made = {
        Model.EXPONENTIAL: lambda t: 2.718281828 ** (-0.05 * t),
        Model.WEIBULL: lambda t: 2.718281828 ** (-((0.05 * t) ** shape)),
        Model.MIXED_EXPONENTIAL: lambda t: (1 + 0.05 * t) ** -shape,
    }[model]
    n = 10**6
    rows = [(t, n, round(n * made(t))) for t in (2, 5, 10, 20, 40)]

    best = compared(*rows).best

    assert best.model is model
    assert best.rate == pytest.approx(0.05, rel=0.01)
    assert best.shape == pytest.approx(shape, rel=0.01)
    length = best.interval(target_reliability=0.8).length
    assert best.reliability(length) == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize(
    ("good", "reason"),
    [(5, NoInterval.NEVER_OUT_OF_TOLERANCE), (0, NoInterval.NEVER_IN_TOLERANCE)],
)
def test_a_history_of_one_kind_has_no_model_and_says_why(good, reason):
    found = compared((1, 5, good), (2, 5, good))

    assert found.best is None
    assert found.reason is reason


@pytest.mark.parametrize("n", [1, 2, 10, 50])
@pytest.mark.parametrize("target", [0.5, 0.8, 0.95])
def test_a3_stays_inside_its_own_range_at_the_ends(n, target):
    for good in {0, min(1, n), n - 1, n}:
        tested = interval_test(
            [True] * good + [False] * (n - good),
            current_interval=12,
            target_reliability=target,
            confidence=0.9,
        )

        assert 12 * 10**-target <= tested.interval <= 12 * 10 ** (1 - target)
        assert 0 <= tested.reliability_low <= good / n <= tested.reliability_high <= 1
        assert (tested.interval - 12) * (good / n - target) >= 0


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda: stepped(nan), "error"),
        (lambda: fixed_step(0, found_in_tolerance=True), "current_interval"),
        (lambda: fixed_step(1, found_in_tolerance=True, decrease=1), "decrease"),
        (
            lambda: list(incremental(12, found_in_tolerance=[True], target_reliability=90)),
            "target_reliability",
        ),
        (lambda: control_chart([0, 1], [0, 0], maximum_permissible_error=1), "errors"),
        (lambda: control_chart([0, 1, 1], [0, 0, 0], maximum_permissible_error=1), "times"),
        (lambda: control_chart([0, 1, inf], [0, 0, 0], maximum_permissible_error=1), "times[2]"),
        (lambda: calendar_interval(10, hours_per_day=25), "hours_per_day"),
        pytest.param(lambda: in_service_checks([], limit=1), "errors", id="no checks"),
        (lambda: compare_models([]), "history"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_field(ask, field):
    with pytest.raises(InvalidInput) as error:
        ask()

    assert error.value.field == field
