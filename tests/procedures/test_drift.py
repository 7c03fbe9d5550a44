"""Drift, noise and jumps told apart: the filter against dense matrices, and published-form cases.

Errors in tolerances, times in years; the planted histories are those of `planted_drift`.
"""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from procedures.drift import (
    Found,
    Growth,
    History,
    Unanswered,
    analyse,
    undo_adjustments,
)
from procedures.drift_filter import Laws, run
from procedures.errors import InvalidInput
from tests.procedures.planted_drift import LAWS, Law, known, planted, series_of

CASES = json.loads((Path(__file__).parents[1] / "data" / "interval_cases.json").read_text("utf-8"))
FAMILIES = {one["family"]: one for one in CASES["families"]}


def history(*rows, u=0.1, tolerance=1.0):
    """Return a history of (years, as found) or (years, as found, as left)."""
    records = tuple(
        Found(
            years=row[0],
            as_found=row[1],
            as_left=row[2] if len(row) > 2 else None,
            is_adjusted=len(row) > 2,
        )
        for row in rows
    )
    return History(records=records, tolerance=tolerance, standard_uncertainty=u)


def history_of_case(case):
    return History(
        records=tuple(
            Found(
                years=one["t_years"],
                as_found=one["as_found"],
                as_left=None if one["as_left"] == one["as_found"] else one["as_left"],
                is_adjusted=one["as_left"] != one["as_found"],
            )
            for one in case["events"]
        ),
        tolerance=case["tolerance"],
        standard_uncertainty=case["stated_u"],
    )


def law_of_case(law):
    return Law(
        noise=law["noise_sd"],
        step=law["step_sd_per_cycle"],
        walk=law["walk_sd_per_sqrt_year"],
        mean=law["mean_drift"],
        spread=law["drift_spread"],
        jumps=law["jumps_per_year"],
    )


def analysed(*family, refined=True):
    return analyse(family, generator=np.random.default_rng(8), refined=refined)


def one_law(step, walk, spread):
    return Laws(
        noise=np.ones(1),
        step=np.array([step]),
        walk=np.array([walk]),
        spread=np.array([spread]),
    )


def quiet(n=6, *, u=0.05, seed=1):
    noise = np.random.default_rng(seed).normal(0, u, n)
    return history(*((float(k), float(e)) for k, e in enumerate(noise)), u=u)


# ── The filter ───────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0.2, 3), st.floats(-1, 1)), min_size=1, max_size=6),
    st.tuples(*(st.floats(0.02, 0.4) for _ in range(4))),
    st.floats(-0.3, 0.3),
)
def test_two_differences_in_a_row_share_one_calibration(changes, law, mean):
    noise, step, walk, spread = law
    elapsed, found = (np.array(one) for one in zip(*changes, strict=True))
    years = np.concatenate([[0.0], np.cumsum(elapsed)])
    records = list(zip(years, [0.3, *found], strict=True))
    laws = one_law(step, walk, spread)

    filtered = run(
        [series_of(history(*records, u=noise))],
        laws,
        means=np.array([mean]),
        jumps_per_year=0.0,
    )

    n = len(elapsed)
    covariance = np.diag(walk**2 * elapsed + step**2) + spread**2 * np.outer(elapsed, elapsed)
    covariance += noise**2 * (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))
    off = np.diff([0.3, *found]) - mean * elapsed
    _, log_det = np.linalg.slogdet(2 * np.pi * covariance)
    expected = -0.5 * (log_det + off @ np.linalg.solve(covariance, off))
    assert filtered.log_likelihood[0, 0] == pytest.approx(expected, rel=1e-8, abs=1e-8)
    by_mean = elapsed @ np.linalg.solve(covariance, elapsed)
    assert filtered.information[0, 0] == pytest.approx(by_mean, rel=1e-8)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_with_the_law_known_every_stated_probability_and_interval_comes_out(name):
    law = law_of_case(FAMILIES[name]["law"])
    for case in FAMILIES[name]["histories"]:
        stated = case["truth"]["p_in_tol_if_law_known"]

        found = known(history_of_case(case), law, np.array([float(one) for one in stated]))

        # the truth of the cases keeps both branches of a jump; the filter makes them one
        tolerance = 0.02 if law.jumps and law.walk else 1e-3
        assert found == pytest.approx(list(stated.values()), abs=tolerance), case["id"]


def test_an_adjustment_leaves_no_trace_but_the_noise_of_its_calibration():
    plain = history((0.0, 0.1), (1.0, 0.5), (2.0, 0.9), (3.0, 1.3))
    adjusted = history((0.0, 0.1), (1.0, 0.5, 0.0), (2.0, 0.4), (3.0, 0.8, 0.0))
    laws = one_law(0.05, 0.1, 0.2)

    found = run(
        [series_of(plain), series_of(adjusted)], laws, means=np.zeros(1), jumps_per_year=0.02
    )

    assert found.log_likelihood[0] == pytest.approx(found.log_likelihood[1])
    assert found.level[0] == pytest.approx(found.level[1])


def test_a_record_without_a_value_weighs_as_all_the_values_it_may_stand_for():
    rows = [(0.0, 0.6), (1.0, 0.7), (2.0, None), (3.0, 0.9)]
    laws = one_law(0.1, 0.2, 0.3)
    window = np.linspace(-1, 1, 201)

    def likelihood(value):
        told = history(*((t, value if e is None else e) for t, e in rows))
        found = run([series_of(told)], laws, means=np.zeros(1), jumps_per_year=0.0)
        return float(np.exp(found.log_likelihood[0, 0]))

    # exact but for the form of the distribution: it is cut off, and taken on as a normal one
    of_values = np.trapezoid([likelihood(one) for one in window], window)
    records = [Found(years=t, as_found=e, is_within=e is None or None) for t, e in rows]
    within = undo_adjustments(History(records=tuple(records), tolerance=1.0), 0.1)
    found = run([within], laws, means=np.zeros(1), jumps_per_year=0.0)
    assert np.exp(found.log_likelihood[0, 0]) == pytest.approx(of_values, rel=0.1)


# ── Noise is not drift ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["noise", "noise-short", "step", "step-short", "jump"])
def test_what_does_not_grow_with_time_is_not_called_growth(name):
    family = [history_of_case(one) for one in FAMILIES[name]["histories"]]

    statement = analysed(*family).statement

    assert statement.growth is Growth.NOT_DETECTABLE
    assert statement.unseen_drift > 0


@pytest.mark.parametrize("name", ["drift", "drift0", "driftwalk", "drift-short"])
def test_what_drifts_is_called_growth(name):
    family = [history_of_case(one) for one in FAMILIES[name]["histories"]]

    statement = analysed(*family).statement

    assert statement.growth is Growth.GROWS
    assert statement.smallest_p < 0.01


def test_two_that_drift_are_called_growth_and_a_grid_alone_says_nothing_of_a_family():
    drifting = [history_of_case(FAMILIES["drift0"]["histories"][i]) for i in (0, 2)]
    three = [history_of_case(one) for one in FAMILIES["drift"]["histories"][:3]]

    assert analysed(*drifting).statement.growth is Growth.GROWS
    assert analysed(*three, refined=False).statement is None
    assert analysed(*three).statement.growth is Growth.GROWS


def test_the_mean_drift_of_a_family_is_found_and_so_is_its_jump_rate():
    drifting = [history_of_case(one) for one in FAMILIES["drift"]["histories"]]
    jumping = [history_of_case(one) for one in FAMILIES["jump"]["histories"]]

    assert analysed(*drifting).mean_drift == pytest.approx(0.15, abs=0.06)  # 3 · 0.1/√20
    assert analysed(*jumping).jumps_per_year == pytest.approx(0.08, abs=0.04)


def test_equal_intervals_cannot_tell_a_walk_from_steps_and_the_statement_says_so():
    generator = np.random.default_rng(3)
    family = [
        history(*((float(k), float(e)) for k, e in enumerate(generator.normal(0, 0.3, 8).cumsum())))
        for _ in range(8)
    ]

    statement = analysed(*family).statement

    assert statement.has_equal_intervals
    assert statement.growth is not Growth.GROWS


def test_a_drift_that_would_go_unseen_gets_smaller_with_more_data():
    few, many = analysed(quiet(5)).statement, analysed(quiet(20)).statement

    assert many.unseen_drift < few.unseen_drift / 3


# ── How long an item may run ─────────────────────────────────────────────────────────────────


def test_the_case_of_one_record_without_a_value_lies_between_zero_and_nothing():
    (case,) = CASES["censored"]
    records = [
        Found(years=t, as_found=e, is_within=e is None or None) for t, e, _ in case["events"]
    ]

    def at(kept):
        of = History(records=tuple(kept), tolerance=1.0, standard_uncertainty=case["stated_u"])
        (member,) = analysed(of).members
        return member.in_tolerance([1.0, 2.0, 4.0])

    as_zero = at(
        [one if one.as_found is not None else Found(years=2, as_found=0) for one in records]
    )
    left_out = at([one for one in records if one.as_found is not None])
    found = at(records)

    low, high = np.minimum(as_zero, left_out), np.maximum(as_zero, left_out)
    between = (low <= found) & (found <= high)
    assert (between | (np.abs(found - left_out) <= 0.03)).all()


@settings(max_examples=40)
@given(
    st.lists(st.floats(-0.9, 0.9), min_size=3, max_size=8),
    st.floats(0.8, 0.99),
    st.floats(0.02, 0.3),
)
def test_what_is_said_of_a_history_does_not_contradict_itself(errors, target, u):
    (member,) = analysed(history(*enumerate(errors), u=u)).members
    years = np.arange(0, 121) / 12

    found = member.probability(years)
    proposed = member.interval(target)

    assert ((found.low >= 0) & (found.low <= found.mean) & (found.mean <= found.high)).all()
    assert (found.high <= 1).all()
    if proposed.years is None:
        assert proposed.reason is Unanswered.ALREADY_TOO_UNSURE
        return
    assert proposed.cautious_months <= proposed.months <= 12 * proposed.years + 1e-6
    assert (found.mean[: proposed.months + 1] >= target).all()
    stricter = member.interval((1 + target) / 2)
    assert stricter.years is None or stricter.years <= proposed.years


def test_a_change_of_unit_changes_nothing():
    rows = [(0.0, 0.1), (0.9, 0.3), (2.1, 0.4), (3.0, 0.8, 0.1), (4.2, 0.3)]
    (member,) = analysed(history(*rows)).members
    thousandfold = history(
        *((row[0], *(1000 * e for e in row[1:])) for row in rows), u=100, tolerance=1000
    )
    (other,) = analysed(thousandfold).members

    assert member.in_tolerance([1.0, 3.0]) == pytest.approx(other.in_tolerance([1.0, 3.0]))
    error, deviation = other.expected_error(np.array([1.0]))
    assert error / 1000 == pytest.approx(member.expected_error(np.array([1.0]))[0])
    assert deviation > 0


def test_a_family_too_small_to_know_its_jumps_goes_by_the_cautious_interval():
    alone = analysed(quiet()).members[0].interval(0.95)
    family = analysed(*(quiet(seed=seed) for seed in range(6))).members[0].interval(0.95)

    assert alone.advised_months == alone.cautious_months
    assert family.advised_months == family.months > alone.months


def test_an_interval_at_the_longest_time_asked_about_is_limited_by_it():
    proposed = analysed(*(quiet(seed=seed) for seed in range(6))).members[0]

    assert proposed.interval(0.9, longest_years=2).months == 24
    assert proposed.interval(0.9, longest_years=2).is_limited


def test_a_short_interval_costs_calibrations_and_a_long_one_errors():
    family = [history_of_case(one) for one in FAMILIES["drift"]["histories"]]
    member = analysed(*family).members[0]

    months = [1, 6, 12, 18, 24, 36]
    cost = member.costs(months, calibration=500, out_of_tolerance=20_000)

    assert 0 < np.argmin(cost) < len(months) - 1
    free = member.costs(months, calibration=500, out_of_tolerance=0)
    assert free == pytest.approx([6000 / one for one in months])


def test_an_adjustment_inside_the_noise_is_pointed_out():
    told = history((0.0, 0.05), (1.0, 0.15, 0.0), (2.0, 0.9, 0.0), (3.0, 0.1), u=0.1)

    assert analysed(told).members[0].needless_adjustments == (1,)


# ── Histories that say little, or nothing ────────────────────────────────────────────────────


def records(*made):
    return History(records=tuple(made), tolerance=1.0, standard_uncertainty=0.1)


SILENT = {
    "no history": (records(), Unanswered.NO_HISTORY),
    "one calibration": (history((0, 0.1)), Unanswered.TOO_FEW_CALIBRATIONS),
    "two calibrations": (history((0, 0.1), (1, 0.2)), Unanswered.TOO_FEW_CALIBRATIONS),
    "never a value": (
        records(*(Found(years=t, is_within=True) for t in range(5))),
        Unanswered.NO_VALUES,
    ),
    "adjusted, and nobody wrote to what": (
        records(
            *(Found(years=t, as_found=0.1 * t) for t in range(4)),
            Found(years=4, as_found=0.9, is_adjusted=True),
        ),
        Unanswered.AS_LEFT_UNKNOWN,
    ),
}


@pytest.mark.parametrize(("told", "reason"), SILENT.values(), ids=SILENT)
def test_a_history_that_says_nothing_is_answered_with_the_reason(told, reason):
    (member,) = analysed(told).members

    proposed = member.interval(0.95)
    assert proposed.reason is reason
    assert proposed.months is None


def test_a_newcomer_of_a_family_is_told_what_the_family_knows():
    family = [history_of_case(one) for one in FAMILIES["drift"]["histories"]]
    newcomer = history((0.0, 0.0), u=0.12)

    member = analysed(*family, newcomer, records()).members[-2]

    # m = 0.15 and a spread of 0.1 tolerances a year
    assert 30 <= member.interval(0.95).months <= 42


def test_an_adjustment_without_an_as_found_value_starts_a_new_series():
    drift = [Found(years=t, as_found=0.02 * t) for t in range(4)]
    adjusted = Found(years=4, as_left=0.5, is_adjusted=True)
    after = [Found(years=t, as_found=0.5 + 0.02 * (t - 4)) for t in range(5, 8)]

    (member,) = analysed(records(*drift, adjusted, *after)).members

    level, _ = member.expected_error(np.array([0.0]))
    assert level == pytest.approx(0.55, abs=0.08)
    assert member.interval(0.9).years > 1


def test_a_replacement_starts_anew_and_keeps_what_the_family_knows():
    old = [Found(years=t, as_found=0.2 * t) for t in range(5)]
    new = [Found(years=5, as_found=-0.4, is_replaced=True), Found(years=6, as_found=-0.4)]

    replaced = analysed(records(*old, *new)).members[0]
    jumped = analysed(records(*old, Found(years=5, as_found=-0.4), new[1])).members[0]

    assert replaced.jump_shape < jumped.jump_shape
    assert replaced.expected_error(np.array([0.0]))[0] == pytest.approx(-0.4, abs=0.1)


@pytest.mark.parametrize("first", [Found(years=0, is_within=True), Found(years=0, is_within=False)])
def test_a_history_may_begin_without_a_value(first):
    values = [Found(years=t, as_found=0.1) for t in range(1, 5)]

    (member,) = analysed(records(first, *values)).members

    assert member.interval(0.9).months > 0


def test_out_of_tolerance_without_a_value_is_bad_news():
    values = [Found(years=t, as_found=0.1) for t in range(4)]
    good, bad, unknown = (
        analysed(records(*values, Found(years=4, is_within=within))).members[0].in_tolerance([1.0])
        for within in (True, False, None)
    )

    assert bad < unknown <= good + 0.02
    assert bad < good


def test_a_history_without_a_stated_uncertainty_is_judged_by_its_differences():
    noisy = history_of_case(FAMILIES["noise"]["histories"][1])
    unstated = History(records=noisy.records, tolerance=1.0)

    (with_u,), (without,) = analysed(noisy).members, analysed(unstated).members

    assert without.in_tolerance([3.0]) == pytest.approx(with_u.in_tolerance([3.0]), abs=0.05)


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (analysed, "family"),
        (lambda: history((0, float("nan"))), "as_found"),
        (lambda: history((float("inf"), 0)), "years"),
        (lambda: history((1, 0), (1, 0.1)), "records[1].years"),
        (lambda: history((0, 0), tolerance=0), "tolerance"),
        (lambda: history((0, 0), u=-1), "standard_uncertainty"),
        (lambda: history((0, 1e9)), "records[0].as_found"),
        (lambda: analysed(quiet()).members[0].interval(95), "target_reliability"),
        (lambda: analysed(quiet()).members[0].interval(0.9, longest_years=0), "longest_years"),
        (
            lambda: analysed(quiet()).members[0].costs([0], calibration=1, out_of_tolerance=1),
            "months",
        ),
    ],
)
def test_what_is_not_a_history_is_refused_by_its_field(ask, field):
    with pytest.raises(InvalidInput) as error:
        ask()

    assert error.value.field == field


def test_hostile_histories_are_answered_and_never_crash():
    extremes = (0.0, -1.0, 1e5)
    for errors in product(extremes, repeat=3):
        for u in (1e-9, 10.0):
            (member,) = analysed(history(*enumerate(errors), u=u), refined=False).members
            p = member.probability([0.0, 1.0, 10.0])
            assert np.isfinite([p.mean, p.low, p.high]).all()


def test_the_same_histories_give_the_same_answer():
    generator = np.random.default_rng(4)
    family = [planted(LAWS["driftwalk"], generator) for _ in range(4)]

    one, other = analysed(*family), analysed(*family)

    assert one.statement == other.statement
    assert [m.interval(0.9) for m in one.members] == [m.interval(0.9) for m in other.members]


def test_an_exact_normal_law_without_growth_gives_the_probability_of_its_level():
    (member,) = analysed(quiet(20)).members
    level, deviation = member.expected_error(np.array([0.0]))

    p = member.in_tolerance([0.0])

    assert p == pytest.approx(ndtr((1 - level) / deviation), abs=1e-4)
