"""The digits of a reported result: GB/T 8170-2008, JCGM 100:2008 7.2, EA-4/02 6.3."""

import json
from decimal import Decimal
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.errors import InvalidInput
from procedures.rounding import (
    align,
    group_digits,
    report,
    round_to_step,
    round_uncertainty,
    shorthand,
    without_binary_noise,
)


@pytest.mark.parametrize(
    ("value", "step", "rounded"),
    [
        ("12.1498", "0.1", "12.1"),
        ("1.050", "0.1", "1.0"),
        ("0.35", "0.1", "0.4"),
        ("2500", "1000", "2000"),
        ("0.0325", "0.001", "0.032"),
        ("15.4546", "1", "15"),
        ("60.25", "0.5", "60.0"),
        ("60.38", "0.5", "60.5"),
        ("-60.75", "0.5", "-61.0"),
        ("842", "20", "840"),
        ("-930", "20", "-920"),
        ("0.334", "0.05", "0.35"),
        ("0.149", "0.02", "0.14"),
    ],
)
def test_a_value_goes_to_the_nearest_multiple_and_ties_to_the_even_one(value, step, rounded):
    assert format(round_to_step(value, step), "f") == rounded


def test_every_published_example_of_gbt_8170_is_reproduced(shared_dir):
    examples = json.loads((shared_dir / "data" / "worked_examples.json").read_text("utf-8"))

    assert len(examples["gbt8170"]) == 22
    for example in examples["gbt8170"]:
        rounded = round_to_step(example["x"], example["interval"])
        assert format(rounded, "f") == example["result"], example


def test_digits_are_kept_and_ten_point_zero_zero_is_not_ten():
    assert str(round_to_step("10", "0.01")) == "10.00"
    assert str(report(3, 0.1, unit="g", coverage_factor=2)) == "(3.00 ± 0.10) g, k = 2"


def test_a_float_counts_with_the_digits_it_holds():
    assert 0.1 + 0.2 + 0.05 != 0.35

    assert round_to_step(0.1 + 0.2 + 0.05, "0.1") == Decimal("0.4")


def test_a_result_rounded_to_nothing_is_not_minus_zero():
    assert str(round_to_step("-0.04", "0.1")) == "0.0"


@pytest.mark.parametrize(
    ("uncertainty", "rounded"),
    [(0.006946, "0.0069"), (0.0996, "0.10"), (0.28052, "0.28"), (9.96, "10"), (1234.0, "1.2E+3")],
)
def test_an_uncertainty_keeps_two_significant_digits(uncertainty, rounded):
    assert str(round_uncertainty(uncertainty)) == rounded


def test_one_digit_is_rounded_up_where_rounding_down_would_take_more_than_five_percent():
    assert round_uncertainty(0.14, significant_digits=1) == Decimal("0.2")
    assert round_uncertainty(0.82, significant_digits=1) == Decimal("0.8")


def test_the_forms_of_the_guide_are_printed_digit_for_digit():
    in_full = report(
        100.02147,
        0.0007917550069793717,
        unit="g",
        coverage_factor=2.262157162798205,
        coverage_probability=0.95,
    )

    assert shorthand(100.02147, 0.00035, unit="g") == "100.021 47(35) g"
    assert str(in_full) == "(100.021 47 ± 0.000 79) g, k = 2.26, 95 %"


@pytest.mark.parametrize(
    ("value", "u", "written"),
    [
        (-5.9, 1.5, "-5.9(1.5) A"),
        (1234.5, 12.3, "1234(12) A"),
        (1e-7, 2e-9, "0.000 000 100 0(20) A"),
        (5.0, 0.0, "5(0) A"),
    ],
)
def test_a_standard_uncertainty_stands_in_parentheses(value, u, written):
    assert shorthand(value, u, unit="A") == written


def test_the_value_is_aligned_to_the_last_digit_of_its_uncertainty():
    assert str(align(0.02, Decimal("0.0069"))) == "0.0200"
    assert format(align(12345.6, Decimal("1.2E+2")), "f") == "12350"


def test_a_zero_uncertainty_is_answered_with_the_value_as_it_stands():
    result = report(0.5, 0, unit="mm", coverage_factor=2)

    assert (result.value, result.expanded_uncertainty) == (Decimal("0.5"), Decimal(0))


def test_digits_are_grouped_in_threes_on_both_sides_of_the_point():
    assert group_digits(Decimal("-12345.00079")) == "-12 345.000 79"
    assert group_digits(Decimal("1234.5678")) == "1234.5678"


def test_a_difference_of_readings_at_the_limit_is_the_limit():
    assert 4.16 - 4 > 0.16

    assert without_binary_noise(4.16 - 4, scale=4.16) == 0.16


@pytest.mark.parametrize(
    ("value", "step", "field"),
    [(nan, 1, "value"), ("twelve", 1, "value"), (1, 0, "step"), (1, "-0.1", "step")],
)
def test_what_has_no_rounded_form_is_refused_by_name(value, step, field):
    with pytest.raises(InvalidInput) as refused:
        round_to_step(value, step)

    assert refused.value.field == field


@pytest.mark.parametrize("uncertainty", [-0.1, inf, nan])
def test_an_uncertainty_is_finite_and_not_negative(uncertainty):
    with pytest.raises(InvalidInput, match="uncertainty"):
        round_uncertainty(uncertainty)


def test_a_percentage_is_not_a_coverage_probability():
    with pytest.raises(InvalidInput, match="coverage_probability"):
        report(1, 0.1, unit="g", coverage_factor=2, coverage_probability=95)
    with pytest.raises(InvalidInput, match="coverage_factor"):
        report(1, 0.1, unit="g", coverage_factor=0)


@given(
    value=st.decimals(-(10**9), 10**9, places=7),
    step=st.sampled_from(["0.001", "0.02", "0.05", "0.1", "0.5", "1", "20", "500"]),
)
def test_rounding_moves_by_half_a_step_at_most_and_only_once(value, step):
    rounded = round_to_step(value, step)

    assert abs(rounded - value) <= Decimal(step) / 2
    assert round_to_step(rounded, step) == rounded


@given(st.floats(1e-12, 1e12))
def test_a_reported_uncertainty_is_never_more_than_five_percent_too_small(uncertainty):
    two, one = (
        round_uncertainty(uncertainty),
        round_uncertainty(uncertainty, significant_digits=1),
    )

    assert len(two.as_tuple().digits) == 2
    assert len(one.as_tuple().digits) == 1
    assert float(two) >= 0.95 * uncertainty
    assert float(one) >= 0.95 * uncertainty
