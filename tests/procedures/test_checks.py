"""Slips of the pen: a gauge of 1.6 MPa, class 1.6, is read at 0.8 MPa; thrice its MPE is 0.077."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from procedures.checks import Slip, suspect
from procedures.errors import InvalidInput

TOLERANCE = Decimal("0.0768")


def of(read, nominal="0.8", earlier=()):
    return suspect(
        Decimal(read),
        nominal=Decimal(nominal),
        earlier=[Decimal(text) for text in earlier],
        tolerance=TOLERANCE,
    )


@pytest.mark.parametrize("read", ["0.81", "0.8", "0.874", "0.73"])
def test_what_may_well_be_right_is_taken_as_it_is(read):
    assert of(read) is None


@pytest.mark.parametrize(
    ("read", "slip", "meant"),
    [
        ("8.1", Slip.DECIMAL_POINT, "0.81"),
        ("0.081", Slip.DECIMAL_POINT, "0.81"),
        ("81", Slip.DECIMAL_POINT, "0.81"),
        ("-0.81", Slip.SIGN, "0.81"),
        ("0.18", Slip.TRANSPOSITION, "0.81"),
        ("8.01", Slip.DECIMAL_POINT, "0.801"),
        ("0.66", Slip.OUTLIER, None),
    ],
)
def test_a_slip_is_named_with_what_may_have_been_meant(read, slip, meant):
    found = of(read)

    assert found is not None
    assert (found.slip, found.meant) == (slip, None if meant is None else Decimal(meant))
    assert found.expected == Decimal("0.8")


def test_the_zero_before_the_point_is_a_digit_too():
    found = of("2.1", nominal="1.2")

    assert found is not None
    assert found.slip is Slip.TRANSPOSITION
    assert found.meant == Decimal("1.2")


def test_an_item_that_has_always_read_so_is_not_suspected():
    """Its error is large, but it was as large the last two times."""
    assert of("0.95") is not None
    assert of("0.95", earlier=["0.94", "0.96"]) is None


def test_a_repaired_item_may_read_the_nominal_value_again():
    assert of("0.80", earlier=["0.95", "0.95"]) is None


def test_a_tolerance_below_zero_is_no_question():
    with pytest.raises(InvalidInput, match="tolerance"):
        suspect(Decimal(1), nominal=Decimal(1), earlier=[], tolerance=Decimal(-1))


@given(
    hundredths=st.integers(-300, 300),
    nominal=st.integers(1, 160),
    tolerance=st.integers(0, 40),
)
def test_a_suspicion_is_always_outside_and_its_correction_always_inside(
    hundredths, nominal, tolerance
):
    read, at, within = (Decimal(value) / 100 for value in (hundredths, nominal, tolerance))

    found = suspect(read, nominal=at, earlier=[], tolerance=within)

    assert (found is None) == (abs(read - at) <= within)
    if found is not None and found.meant is not None:
        assert abs(found.meant - at) <= within
        assert found.meant != read


@given(hundredths=st.integers(10, 160), places=st.sampled_from([1, -1, 2, -2, 3, -3]))
def test_a_moved_decimal_point_is_always_found(hundredths, places):
    true = Decimal(hundredths) / 100
    read = true.scaleb(places)
    tolerance = true / 20
    assume(abs(read - true) > tolerance)

    found = suspect(read, nominal=true, earlier=[], tolerance=tolerance)

    assert found is not None
    assert found.slip is Slip.DECIMAL_POINT
    assert found.meant == true
