"""Global risks of a process and the guard bands made from them, in units of a tolerance of ±1."""

import json
from math import inf, nan, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.conformity import (
    AcceptanceInterval,
    Interval,
    ToleranceInterval,
    conformance_probability,
    guarded_acceptance,
    simple_acceptance,
)
from procedures.errors import InvalidInput
from procedures.risks import (
    DEFINITIONS,
    GlobalRisks,
    Process,
    global_risks,
    guard_band_for_conformance,
    guard_band_for_false_acceptance,
    guard_band_method_6,
    guard_band_of_uncertainty,
    guard_band_root_sum_square,
    guard_band_rp_10,
    ratio_of_tolerance_to_accuracy,
    ratio_of_tolerance_to_uncertainty,
    risk_at_acceptance_limit,
)

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors.json").read_text("utf-8"))[
    "vectors"
]
TOLERANCE = ToleranceInterval(lower=-1, upper=1)
ALL_OF_IT = simple_acceptance().acceptance_interval(TOLERANCE)


def vectors_of(kind):
    return [vector for vector in VECTORS if vector["kind"] == kind]


def test_the_published_risk_of_a_four_to_one_measurement_is_met_to_eight_decimals():
    process = Process.centred(TOLERANCE, in_tolerance_probability=0.8)

    risks = global_risks(
        process, process.standard_deviation / 4, tolerance=TOLERANCE, acceptance=ALL_OF_IT
    )

    assert risks.false_acceptance == pytest.approx(0.0285583037, abs=1e-8)  # NCSLI RP-19
    assert risks.conditional_false_acceptance == pytest.approx(0.0363227145, abs=1e-8)


def test_every_published_global_risk_is_reproduced():
    vectors = vectors_of("conformity_global")

    assert len(vectors) == 4
    for vector in vectors:
        tolerance = ToleranceInterval(lower=vector["tolerance"][0], upper=vector["tolerance"][1])
        process = Process(
            mean=vector["process"]["mean"], standard_deviation=vector["process"]["sd"]
        )
        risks = global_risks(
            process,
            vector["measurement_sd"],
            tolerance=tolerance,
            acceptance=simple_acceptance().acceptance_interval(tolerance),
        )
        expected = vector["expected"]
        assert risks.false_acceptance == pytest.approx(expected["PFA"]["value"], rel=1e-12)
        assert risks.false_rejection == pytest.approx(expected["PFR"]["value"], rel=1e-12)
        conditional = expected["conditional_PFA"]["value"]
        assert risks.conditional_false_acceptance == pytest.approx(conditional, rel=1e-12)
        accepted = expected["accepted_fraction"]["value"]
        assert risks.accepted_fraction == pytest.approx(accepted, rel=1e-12)


def test_drawn_items_are_wrongly_accepted_as_often_as_calculated():
    process = Process(mean=0.3, standard_deviation=0.6)
    acceptance = guarded_acceptance(0.1).acceptance_interval(TOLERANCE)
    generator = np.random.default_rng(20261121)
    true = generator.normal(process.mean, process.standard_deviation, 1_000_000)
    measured = true + generator.normal(0, 0.25, true.size)
    accepted = (measured >= -0.9) & (measured <= 0.9)
    good = np.abs(true) <= 1

    risks = global_risks(process, 0.25, tolerance=TOLERANCE, acceptance=acceptance)

    assert risks.false_acceptance == pytest.approx(np.mean(accepted & ~good), abs=5e-4)
    assert risks.false_rejection == pytest.approx(np.mean(~accepted & good), abs=1e-3)
    assert risks.in_tolerance_probability == pytest.approx(np.mean(good), abs=1e-3)


@pytest.mark.parametrize(
    ("standard_deviation", "u"), [(1.0, 1e-6), (1e-6, 1.0), (1.0, 0.0), (1.0, 1e6)]
)
def test_the_risks_hold_where_one_distribution_is_a_needle_beside_the_other(standard_deviation, u):
    risks = global_risks(
        Process(mean=0, standard_deviation=standard_deviation),
        u,
        tolerance=TOLERANCE,
        acceptance=AcceptanceInterval(lower=-1.5, upper=1.5),
    )

    # A measured value is normal with both variances.
    measured = conformance_probability(
        0, sqrt(standard_deviation**2 + u**2), ToleranceInterval(lower=-1.5, upper=1.5)
    )
    assert risks.accepted_fraction == pytest.approx(measured, rel=1e-9)


def test_a_one_sided_tolerance_has_one_sided_risks():
    upper = ToleranceInterval(upper=1)

    risks = global_risks(
        Process(mean=0, standard_deviation=1),
        0.5,
        tolerance=upper,
        acceptance=simple_acceptance().acceptance_interval(upper),
    )

    assert risks.in_tolerance_probability == pytest.approx(0.8413447460685429, rel=1e-12)
    assert 0 < risks.false_acceptance < 1 - risks.in_tolerance_probability


def test_a_process_that_cannot_be_negative_is_cut_off_at_zero():
    possible = Interval(lower=0)
    limit = ToleranceInterval(upper=1)

    risks = global_risks(
        Process(mean=0, standard_deviation=1, possible=possible),
        0.0,
        tolerance=limit,
        acceptance=simple_acceptance().acceptance_interval(limit),
    )

    assert risks.in_tolerance_probability == pytest.approx(0.6826894921370859, rel=1e-12)


def test_where_nothing_is_accepted_the_conditional_risk_is_unknown_and_not_zero():
    nothing = guarded_acceptance(2).acceptance_interval(TOLERANCE)

    risks = global_risks(
        Process(mean=0, standard_deviation=0.5), 0.1, tolerance=TOLERANCE, acceptance=nothing
    )

    assert risks.accepted_fraction == 0
    assert risks.conditional_false_acceptance is None
    assert risks.conditional_false_rejection == risks.false_rejection


def test_every_risk_has_its_definition():
    risks = {name for name in dir(GlobalRisks) if not name.startswith("_")}

    assert risks <= set(DEFINITIONS)


def test_the_guard_band_for_two_percent_is_the_published_one():
    (vector,) = vectors_of("guard_band")
    process = Process(mean=0, standard_deviation=vector["process"]["sd"])

    guard_band = guard_band_for_false_acceptance(
        process, vector["measurement_sd"], tolerance=TOLERANCE, target=vector["target_PFA"]
    )

    assert guard_band.width == pytest.approx(vector["expected"]["w"]["value"], rel=1e-10)
    acceptance = guard_band.rule().acceptance_interval(TOLERANCE)
    risks = global_risks(
        process, vector["measurement_sd"], tolerance=TOLERANCE, acceptance=acceptance
    )
    assert risks.false_acceptance == pytest.approx(0.02, rel=1e-12)


def test_no_guard_band_is_wanted_where_the_risk_is_small_without():
    process = Process.centred(TOLERANCE, in_tolerance_probability=0.99)

    assert guard_band_for_false_acceptance(process, 0.05, tolerance=TOLERANCE).width == 0


def test_acceptance_limits_from_tur_are_the_published_ones():
    (vector,) = vectors_of("guard_band_tur")

    assert len(vector["expected"]["items"]) == 5
    for item in vector["expected"]["items"]:
        U = 1 / item["TUR"]
        assert ratio_of_tolerance_to_uncertainty(TOLERANCE, U) == pytest.approx(item["TUR"])
        left = {
            "method6": 1 - guard_band_method_6(U, tolerance=TOLERANCE).width,
            "rss": 1 - guard_band_root_sum_square(U, tolerance=TOLERANCE).width,
            "rp10": 1 - guard_band_rp_10(U, tolerance=TOLERANCE).width,
            "test95": 1 - guard_band_of_uncertainty(U).width,
        }
        assert left == {method: pytest.approx(item[method]["value"], rel=1e-9) for method in left}


def test_method_6_asks_for_no_guard_band_from_a_tur_of_about_five_on():
    assert guard_band_method_6(1 / 4.5, tolerance=TOLERANCE).width > 0
    assert guard_band_method_6(1 / 5, tolerance=TOLERANCE).width == 0


@given(probability=st.floats(0.1, 0.999))
def test_method_6_keeps_two_percent_whatever_the_process(probability):
    process = Process.centred(TOLERANCE, in_tolerance_probability=probability)
    U = 0.5
    acceptance = guard_band_method_6(U, tolerance=TOLERANCE).rule().acceptance_interval(TOLERANCE)

    risks = global_risks(process, U / 2, tolerance=TOLERANCE, acceptance=acceptance)

    assert risks.false_acceptance <= 0.0201


def test_the_table_of_ilac_g8_is_reproduced():
    (vector,) = [v for v in vectors_of("conformity_specific") if "ILAC" in v["id"]]

    assert len(vector["expected"]["items"]) == 5
    for item in vector["expected"]["items"]:
        assert risk_at_acceptance_limit(item["r"]) == pytest.approx(item["risk"]["value"], rel=1e-9)


def test_a_guard_band_of_1_64_u_leaves_95_percent_conformance_at_the_limit():
    guard_band = guard_band_for_conformance(0.1, 0.95)

    assert guard_band.width == pytest.approx(0.16448536, abs=1e-8)
    assert conformance_probability(1 - guard_band.width, 0.1, TOLERANCE) == pytest.approx(0.95)


def test_the_accuracy_ratio_leaves_everything_but_the_standard_aside():
    gauge = ToleranceInterval.of_maximum_permissible_error(0.0256)

    assert ratio_of_tolerance_to_accuracy(gauge, 0.00125) == pytest.approx(20.48)
    assert ratio_of_tolerance_to_uncertainty(gauge, 0.006946) == pytest.approx(3.686, abs=5e-4)


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        pytest.param(
            lambda: Process(mean=0, standard_deviation=0), "standard_deviation", id="no spread"
        ),
        pytest.param(lambda: Process(mean=nan, standard_deviation=1), "mean", id="mean unknown"),
        pytest.param(
            lambda: Process(mean=0, standard_deviation=1, possible=Interval(lower=50)),
            "possible",
            id="impossible process",
        ),
        pytest.param(
            lambda: Process.centred(TOLERANCE, in_tolerance_probability=1),
            "in_tolerance_probability",
            id="certain process",
        ),
        pytest.param(
            lambda: Process.centred(ToleranceInterval(upper=1), in_tolerance_probability=0.9),
            "tolerance",
            id="one-sided process",
        ),
        pytest.param(lambda: guard_band_of_uncertainty(-1), "expanded_uncertainty", id="U < 0"),
        pytest.param(
            lambda: guard_band_root_sum_square(2, tolerance=TOLERANCE),
            "expanded_uncertainty",
            id="TUR below 1",
        ),
        pytest.param(
            lambda: guard_band_rp_10(0, tolerance=TOLERANCE), "expanded_uncertainty", id="U = 0"
        ),
        pytest.param(
            lambda: guard_band_method_6(0.1, tolerance=ToleranceInterval(lower=0)),
            "tolerance",
            id="one-sided TUR",
        ),
        pytest.param(
            lambda: guard_band_for_conformance(0.1, 95),
            "conformance_probability_wanted",
            id="percent",
        ),
        pytest.param(
            lambda: guard_band_for_false_acceptance(
                Process(mean=0, standard_deviation=1), 0.1, tolerance=TOLERANCE, target=0
            ),
            "target",
            id="no risk at all",
        ),
        pytest.param(
            lambda: global_risks(
                Process(mean=0, standard_deviation=1),
                inf,
                tolerance=TOLERANCE,
                acceptance=ALL_OF_IT,
            ),
            "standard_uncertainty",
            id="u infinite",
        ),
        pytest.param(lambda: risk_at_acceptance_limit(nan), "ratio", id="ratio unknown"),
        pytest.param(
            lambda: risk_at_acceptance_limit(1, coverage_factor=0), "coverage_factor", id="k = 0"
        ),
    ],
)
def test_a_question_of_risk_that_makes_no_sense_is_refused_by_field(ask, field):
    with pytest.raises(InvalidInput) as refused:
        ask()

    assert refused.value.field == field


@given(
    mean=st.floats(-2, 2),
    standard_deviation=st.floats(0.01, 5),
    u=st.floats(0.0, 5),
    guard_band=st.floats(0.0, 0.9),
)
def test_risks_are_probabilities_that_add_up(mean, standard_deviation, u, guard_band):
    process = Process(mean=mean, standard_deviation=standard_deviation)
    acceptance = guarded_acceptance(guard_band).acceptance_interval(TOLERANCE)

    risks = global_risks(process, u, tolerance=TOLERANCE, acceptance=acceptance)

    in_tolerance = conformance_probability(mean, standard_deviation, TOLERANCE)
    assert risks.in_tolerance_probability == pytest.approx(in_tolerance, abs=1e-9)
    assert 0 <= risks.false_acceptance <= 1 - in_tolerance + 1e-9
    assert 0 <= risks.false_rejection <= in_tolerance + 1e-9


@pytest.mark.parametrize(
    "guard_band", [guard_band_method_6, guard_band_root_sum_square, guard_band_rp_10]
)
@pytest.mark.parametrize(
    ("tolerance", "expanded_uncertainty", "field"),
    [
        (ToleranceInterval(lower=3, upper=3), 0.1, "tolerance"),
        (ToleranceInterval(lower=-1e-320, upper=1e-320), 1e10, "tolerance"),
        (TOLERANCE, 0, "expanded_uncertainty"),
        (ToleranceInterval(upper=1), 0.1, "tolerance"),
    ],
    ids=["no width", "no width beside U", "no uncertainty", "one limit"],
)
def test_a_ratio_that_is_none_makes_no_guard_band(
    guard_band, tolerance, expanded_uncertainty, field
):
    with pytest.raises(InvalidInput) as error:
        guard_band(expanded_uncertainty, tolerance=tolerance)

    assert error.value.field == field


def test_the_widest_tolerance_of_floats_has_a_half_width():
    assert ToleranceInterval(lower=-1.7e308, upper=1.7e308).half_width == 1.7e308


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda: Process(mean=0, standard_deviation=1e-250), "standard_deviation"),
        (lambda: guard_band_of_uncertainty(1.7e308, ratio=2), "width"),
        (lambda: ratio_of_tolerance_to_uncertainty(TOLERANCE, 5e-324), "expanded_uncertainty"),
    ],
    ids=["needle", "guard band too wide", "uncertainty next to none"],
)
def test_numbers_that_would_overflow_are_refused_by_their_field(ask, field):
    with pytest.raises(InvalidInput) as error:
        ask()

    assert error.value.field == field
