"""Calibration intervals from as-found histories: published ones, and those that support none.

The drift history is that of NASA-HDBK-8739.19-5, table 7-2: a value left at 10.03 with u = 0.28,
to lie within 9 to 11.
"""

from math import exp, inf, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.conformity import ToleranceInterval
from procedures.curves import CurveNotFound
from procedures.errors import InvalidInput
from procedures.intervals import (
    CalibrationInterval,
    FoundAfter,
    NoInterval,
    exponential_reliability,
    fit_drift,
    interval_test,
)

DAYS = [70, 86, 104, 135, 167, 173]
DEVIATIONS = [0.1, 0.11, 0.251, 0.299, 0.403, 0.615]
BOTH = ToleranceInterval(lower=9, upper=11)


def a3_of(found, *, interval=365, target=0.95, confidence=0.5):
    return interval_test(
        found, current_interval=interval, target_reliability=target, confidence=confidence
    )


def drift_until(tolerance, *, order=2, initial_value=10.03, u=0.28, days=DAYS, found=DEVIATIONS):
    return fit_drift(days, found, order=order).interval_for_tolerance(
        tolerance, reliability=0.9, initial_value=initial_value, initial_standard_uncertainty=u
    )


def found_after(*rows):
    return [FoundAfter(interval=t, calibrations=n, in_tolerance=x) for t, n, x in rows]


# ── In tolerance or not, after equal intervals ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("failures", "interval", "expected", "rejection", "low", "high"),
    [  # 2019 NCSLI Symposium tutorial, assets 1 to 3, of 20 calibrations each
        (5, 365, 231, 0.9949, 0.6516, 0.8286),
        (6, 365, 205, 0.9993, 0.6000, 0.7843),
        (4, 730, 523, 0.9682, 0.7041, 0.8716),
    ],
)
def test_the_intervals_of_the_tutorial_come_out(failures, interval, expected, rejection, low, high):
    result = a3_of([False] * failures + [True] * (20 - failures), interval=interval)

    assert round(result.interval) == expected
    assert result.rejection_confidence == pytest.approx(rejection, abs=5e-5)
    assert result.reliability_low == pytest.approx(low, abs=5e-5)
    assert result.reliability_high == pytest.approx(high, abs=5e-5)


def test_a_target_that_is_not_rejected_leaves_the_interval_alone():
    result = a3_of([True] * 9 + [False], target=0.95, confidence=0.9)

    assert not result.is_rejected
    assert result.interval == 365


def test_an_instrument_that_is_always_good_may_wait_longer():
    result = a3_of([True] * 60, target=0.9, confidence=0.9)

    assert result.is_rejected
    assert result.reliability_high == 1
    assert 365 < result.interval < 365 * 10**0.1


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_the_reliability_lies_between_its_limits_and_the_order_does_not_matter(found, confidence):
    result = a3_of(found, confidence=confidence)

    assert (
        0 <= result.reliability_low <= result.observed_reliability <= result.reliability_high <= 1
    )
    assert 0 <= result.rejection_confidence <= 1
    assert result == a3_of(found[::-1], confidence=confidence)


# ── In tolerance or not, after different intervals ───────────────────────────────────────────


def test_the_rate_of_one_interval_is_that_of_its_fraction():
    model = exponential_reliability(found_after((12, 40, 30)))

    assert model.failure_rate == pytest.approx(-log(0.75) / 12, rel=1e-12)
    assert model.interval(target_reliability=0.75).length == pytest.approx(12, rel=1e-12)
    assert model.interval(target_reliability=0.5).is_extrapolated


def test_a_rate_that_generated_the_fractions_is_found_again():
    rows = [(t, 10**6, round(10**6 * exp(-0.02 * t))) for t in (5, 10, 20, 40, 80)]

    assert exponential_reliability(found_after(*rows)).failure_rate == pytest.approx(0.02, rel=1e-5)


@pytest.mark.parametrize(
    ("in_tolerance", "reason"),
    [(5, NoInterval.NEVER_OUT_OF_TOLERANCE), (0, NoInterval.NEVER_IN_TOLERANCE)],
)
def test_a_history_without_both_kinds_has_no_rate_and_says_why(in_tolerance, reason):
    model = exponential_reliability(found_after((1, 5, in_tolerance), (2, 5, in_tolerance)))

    assert model.failure_rate is None
    assert model.interval(target_reliability=0.9) == CalibrationInterval(reason=reason)


@given(
    st.lists(
        st.tuples(st.floats(0.1, 100), st.integers(1, 50), st.integers(0, 50)),
        min_size=1,
        max_size=8,
    )
)
def test_no_other_rate_is_more_likely(rows):
    rows = [(t, n, min(x, n)) for t, n, x in rows]
    model = exponential_reliability(found_after(*rows))

    if model.failure_rate is None:
        return
    for factor in (0.99, 1.01):
        rate = factor * model.failure_rate
        other = sum(
            x * rate * t - ((n - x) * log(1 - exp(-rate * t)) if n > x else 0) for t, n, x in rows
        )
        assert model.negative_log_likelihood <= other + 1e-9 * abs(other)


# ── Deviations measured, after different intervals ───────────────────────────────────────────


def test_the_value_expected_at_the_end_of_the_interval_is_the_printed_one():
    drift = fit_drift(DAYS, DEVIATIONS, order=2)

    assert 10.03 + drift.deviation(140.09) == pytest.approx(10.38, abs=0.005)  # table 7-4
    assert 10.03 + drift.deviation(327.15) == pytest.approx(11.87, abs=0.005)  # table 7-7


def test_an_interval_longer_than_any_observed_is_marked():
    drift = fit_drift(DAYS, DEVIATIONS, order=2)

    until = drift.interval_for_uncertainty(0.5, initial_standard_uncertainty=0.28)

    assert until.is_extrapolated
    assert not drift_until(BOTH).is_extrapolated


def test_a_value_left_too_near_its_limit_has_no_interval():
    # table 7-6 prints 153.04 d for 9.03, where the drift brings it back into tolerance
    until = drift_until(ToleranceInterval(lower=9), initial_value=9.03)

    assert until == CalibrationInterval(reason=NoInterval.EXCEEDED_AT_ONCE)


def test_an_uncertainty_that_is_too_large_already_has_no_interval():
    drift = fit_drift(DAYS, DEVIATIONS, order=2)

    until = drift.interval_for_uncertainty(0.2, initial_standard_uncertainty=0.28)

    assert until == CalibrationInterval(reason=NoInterval.EXCEEDED_AT_ONCE)


def test_a_value_that_drifts_away_from_its_only_limit_never_reaches_it():
    until = drift_until(ToleranceInterval(lower=9))

    assert until == CalibrationInterval(reason=NoInterval.NEVER_EXCEEDED)


@pytest.mark.parametrize(("found", "expected"), [([1, 2, 3], 2), ([-1, -2, -3], 3)])
def test_a_drift_without_scatter_reaches_the_limit_where_a_ruler_says(found, expected):
    limits = ToleranceInterval(lower=-3, upper=2)

    until = drift_until(limits, order=1, initial_value=0, u=0, days=[1, 2, 3], found=found)

    assert until.length == pytest.approx(expected, rel=1e-9)


@given(
    st.lists(st.floats(-0.3, 0.3), min_size=4, max_size=8),
    st.floats(0, 0.2),
    st.integers(1, 2),
)
def test_the_value_is_in_tolerance_until_the_interval_ends_and_not_after(found, u, order):
    days = range(30, 30 * len(found) + 1, 30)
    drift = fit_drift(days, found, order=order)

    until = drift.interval_for_uncertainty(0.5, initial_standard_uncertainty=u)

    if until.length is None:
        return
    at = [
        drift.standard_uncertainty(t * until.length, initial_standard_uncertainty=u)
        for t in (0.0, 0.3, 0.7, 0.999, 1.001)
    ]
    assert max(at[:-1]) <= 0.5 < at[-1]


# ── Questions that are none ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        pytest.param(lambda: a3_of([]), "found_in_tolerance", id="no calibrations"),
        pytest.param(lambda: a3_of([True], interval=0), "current_interval", id="no interval"),
        pytest.param(lambda: a3_of([True], target=1), "target_reliability", id="certainty"),
        pytest.param(lambda: a3_of([True], confidence=95), "confidence", id="percent"),
        pytest.param(lambda: exponential_reliability([]), "history", id="no history"),
        pytest.param(
            lambda: exponential_reliability(found_after((1e-9, 3, 1), (1e9, 3, 1))),
            "history",
            id="intervals 18 decades apart",
        ),
        pytest.param(lambda: found_after((nan, 3, 1)), "interval", id="interval unknown"),
        pytest.param(lambda: found_after((1, 0, 0)), "calibrations", id="none after it"),
        pytest.param(lambda: found_after((1, 3, 4)), "in_tolerance", id="four of three"),
        pytest.param(
            lambda: exponential_reliability(found_after((1, 3, 1))).interval(target_reliability=95),
            "target_reliability",
            id="reliability in percent",
        ),
        pytest.param(lambda: fit_drift([0, 1, 2], [0, 1, 2]), "elapsed[0]", id="no time"),
        pytest.param(lambda: fit_drift([1, 2], [0, 1, 2]), "y", id="one deviation too many"),
        pytest.param(lambda: fit_drift([1, 2], [0, 1], order=2), "x", id="too few"),
        pytest.param(lambda: fit_drift([1, 2], [0, 1], order=0), "order", id="order 0"),
        pytest.param(lambda: drift_until(BOTH, initial_value=inf), "initial_value", id="infinite"),
        pytest.param(
            lambda: drift_until(BOTH, u=-1), "initial_standard_uncertainty", id="u negative"
        ),
    ],
)
def test_what_is_not_a_history_is_refused_by_its_field(ask, field):
    with pytest.raises(InvalidInput) as error:
        ask()

    assert error.value.field == field


def test_times_that_are_all_alike_do_not_tell_a_curvature():
    with pytest.raises(CurveNotFound):
        fit_drift([30, 30, 30], [1, 2, 3], order=2)
