"""The life of lots of electricity meters: published-form goldens, censoring, and honest bands."""

import itertools
from math import exp, log

import numpy as np
import pytest

from procedures.errors import InvalidInput
from procedures.lots import (
    AtAge,
    LotStatus,
    NoLife,
    drift_crossing,
    evaluate_status,
    exponential_rate,
    fit_life,
    nonconforming_share,
)
from tests.proofs import how_many

CHECKS = (2, 4, 6, 8)  # ages in years at which the meters are looked at


def lot(generator, *, shape, instruments, failures):
    """Return a lot of which so many are expected to have failed at its last check, and η."""
    scale = CHECKS[-1] / (-log(1 - failures / instruments)) ** (1 / shape)
    lives = scale * generator.weibull(shape, instruments)
    edges = (0, *CHECKS)
    counts = [int(((a < lives) & (lives <= b)).sum()) for a, b in itertools.pairwise(edges)]
    rows = [
        AtAge(after=a, by=b, count=count)
        for a, b, count in zip(edges, edges[1:], counts, strict=False)
        if count
    ]
    return [*rows, AtAge(after=CHECKS[-1], count=instruments - sum(counts))], scale


def life_of(rows):
    return fit_life(rows)


def rate_of(failures, exposure):
    return exponential_rate(failures, exposure)


def test_the_golden_of_a_constant_rate_comes_out():
    rate = rate_of(3, 1200)

    assert rate.estimate == pytest.approx(0.0025)
    assert (rate.low, rate.high) == pytest.approx((0.000681, 0.006461), abs=5e-7)


def test_no_failure_has_an_upper_limit_and_no_estimate():
    rate = rate_of(0, 1200)
    life = life_of([AtAge(after=12, count=100)])
    at = life.reliability(10)

    assert (rate.estimate, rate.low) == (None, 0)
    assert rate.high == pytest.approx(-log(0.1) / 1200)
    assert (life.reason, life.scale) == (NoLife.NO_FAILURES, None)
    assert (at.estimate, at.high) == (None, 1)
    assert at.low == pytest.approx(exp(log(0.1) / 1200 * 10))


def test_ages_known_closely_give_the_share_that_failed():
    rows = [AtAge(after=t - 1e-4, by=t + 1e-4) for t in (3.0, 5.0, 9.0)]
    rows += [AtAge(after=10, count=20)]

    life = life_of(rows)

    assert life.shape * log(10 / life.scale) == pytest.approx(log(-log(1 - 3 / 23)), abs=0.05)
    assert life.p_exponential > 0.1


def test_wear_out_is_told_from_a_constant_rate():
    generator = np.random.default_rng(2)
    worn, _ = lot(generator, shape=4, instruments=1000, failures=60)
    constant, _ = lot(generator, shape=1, instruments=1000, failures=60)

    assert life_of(worn).p_exponential < 0.01
    assert life_of(constant).p_exponential > 0.01
    assert life_of(worn).shape == pytest.approx(4, rel=0.3)


def test_a_reliability_far_beyond_the_oldest_age_is_marked():
    life = life_of(lot(np.random.default_rng(3), shape=2, instruments=200, failures=20)[0])

    assert not life.reliability(12).is_extrapolated
    assert life.reliability(12.1).is_extrapolated


def test_a_lot_is_replaced_before_its_lower_limit_falls_below_the_target():
    life = life_of(lot(np.random.default_rng(3), shape=3, instruments=400, failures=20)[0])

    planned = life.replacement_age(0.95, latest=16)

    assert planned.age < planned.best_estimate < 16
    assert life.reliability(planned.age).low == pytest.approx(0.95, abs=1e-3)
    assert life.reliability(planned.best_estimate).estimate == pytest.approx(0.95, abs=1e-6)
    assert life.replacement_age(0.95, latest=5).age == 5
    assert life.replacement_age(0.95, latest=5).is_limited_by_latest


def test_the_status_of_a_lot_is_to_keep_to_watch_or_to_replace():
    life = life_of(lot(np.random.default_rng(3), shape=3, instruments=400, failures=20)[0])
    none_seen = life_of([AtAge(after=8, count=400)])

    def status(of, age):
        return evaluate_status(of, next_age=age, target_reliability=0.95).status

    planned = life.replacement_age(0.95, latest=16)
    assert status(life, planned.age - 0.1) is LotStatus.KEEP
    assert status(life, (planned.age + planned.best_estimate) / 2) is LotStatus.WATCH
    assert status(life, planned.best_estimate + 0.1) is LotStatus.REPLACE
    assert status(none_seen, 10) is LotStatus.KEEP
    assert status(none_seen, 20) is LotStatus.WATCH


def test_the_error_that_drifts_meets_its_limit_where_the_worked_example_says():
    crossing = drift_crossing([0, 12, 24, 36], [0.05, 0.09, 0.12, 0.17], limit=0.3)

    assert crossing.slope == pytest.approx(0.00325)
    assert crossing.expected == pytest.approx(77.23076923076924)
    assert crossing.cautious == pytest.approx(66.01544450098673)


def test_an_error_that_does_not_move_never_meets_its_limit():
    assert drift_crossing([0, 1, 2, 3], [0.1, 0.1, 0.1, 0.1], limit=0.3).expected is None


def test_the_share_of_a_sample_has_limits_at_both_ends():
    assert nonconforming_share(0, 50)[0] == 0
    assert nonconforming_share(0, 50)[1] == pytest.approx(1 - 0.05 ** (1 / 50))
    assert nonconforming_share(50, 50)[0] == pytest.approx(0.05 ** (1 / 50))
    assert nonconforming_share(50, 50)[1] == 1


def test_the_band_of_a_lot_holds_the_truth_as_often_as_it_says():
    seeds, held, made = how_many(15, full=200), 0, 0
    for shape, instruments, failures in ((1, 400, 23), (2.5, 400, 25), (2.5, 60, 4), (4, 1000, 10)):
        for seed in range(seeds):
            generator = np.random.default_rng([seed, instruments, failures])
            rows, scale = lot(generator, shape=shape, instruments=instruments, failures=failures)
            life = life_of(rows)
            if life.scale is None:
                continue  # no failure seen: only a one-sided limit
            at, made = life.reliability(10), made + 1
            held += at.low <= exp(-((10 / scale) ** shape)) <= at.high

    room = 3 * (0.9 * 0.1 / made) ** 0.5 if seeds < 200 else 0.0
    assert 0.86 - room <= held / made <= 0.94 + room


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda: life_of([]), "rows"),
        pytest.param(lambda: AtAge(after=-1), "after", id="younger than new"),
        pytest.param(lambda: AtAge(after=0), "after", id="never seen again"),
        (lambda: AtAge(after=3, by=3), "by"),
        (lambda: AtAge(after=3, count=0), "count"),
        (lambda: rate_of(-1, 10), "failures"),
        (lambda: rate_of(1, 0), "exposure"),
        (lambda: life_of([AtAge(after=1)]).reliability(0), "age"),
        (lambda: drift_crossing([0, 1], [0, 1], limit=1), "errors"),
        (lambda: drift_crossing([1, 1, 1], [0, 1, 2], limit=1), "ages"),
        (lambda: nonconforming_share(3, 2), "nonconforming"),
    ],
)
def test_what_is_no_lot_is_refused_by_its_field(ask, field):
    with pytest.raises(InvalidInput) as error:
        ask()

    assert error.value.field == field


def test_a_lot_that_failed_before_its_first_check_has_no_life_and_says_so():
    life = life_of([AtAge(after=0, by=2, count=5)])

    assert life.reason is NoLife.ONLY_FAILURES_AT_ONCE
    assert life.reliability(1).estimate is None
