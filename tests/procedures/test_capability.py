"""The smallest U that an accreditation covers, over a range and in any unit of its quantity.

A laboratory is accredited for pressures from 0 to 1 MPa with U = 0.5 kPa, and from 1 to 6 MPa with
0.05 % of the value.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.capability import Capability, capability_at
from procedures.errors import InvalidInput
from procedures.rounding import round_uncertainty

LOW = Capability(lower=0, upper=1, unit="MPa", expression="0.5", uncertainty_unit="kPa")
HIGH = Capability(lower=1, upper=6, unit="MPa", expression="0.05", uncertainty_unit="%")
BOTH = (LOW, HIGH)


@pytest.mark.parametrize(
    ("value", "unit", "capability"),
    [
        (0.4, "MPa", 0.0005),
        (400, "kPa", 0.5),
        (6, "MPa", 0.003),
        (1, "MPa", 0.0005),  # both say 0.5 kPa there
        (6.001, "MPa", None),
        (-0.1, "MPa", None),
        (20, "°C", None),
    ],
)
def test_the_capability_is_that_of_the_range_which_covers_the_value(value, unit, capability):
    found = capability_at(BOTH, value, unit)

    assert found == (capability if capability is None else pytest.approx(capability, rel=1e-12))


def test_where_two_ranges_cover_a_value_the_greater_u_counts():
    worse = Capability(lower=0, upper=6, unit="MPa", expression="1", uncertainty_unit="kPa")

    assert capability_at((*BOTH, worse), 0.4, "MPa") == pytest.approx(0.001)


def test_an_expression_is_in_the_measured_value():
    linear = Capability(
        lower=-10, upper=10, unit="V", expression="1e-4 + 2e-5*abs(value)", uncertainty_unit="V"
    )

    assert capability_at([linear], -5, "V") == pytest.approx(0.0002)


def test_a_temperature_is_shifted_and_its_uncertainty_is_not():
    bath = Capability(lower=0, upper=100, unit="°C", expression="0.02", uncertainty_unit="K")

    assert capability_at([bath], 293.15, "K") == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"upper": -1}, "upper"),
        ({"upper": float("nan")}, "upper"),
        ({"unit": "furlong"}, "unit"),
        ({"uncertainty_unit": "°C"}, "uncertainty_unit"),
        ({"expression": "0.5*pressure"}, "expression"),
        ({"expression": "0.5 +"}, "expression"),
        ({"expression": "1/value"}, "expression"),
        ({"expression": "-0.5"}, "expression"),
        ({"expression": "0"}, "expression"),
        ({"expression": "0.5 - value"}, "expression"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_field(wrong, field):
    told = {"lower": 0, "upper": 1, "unit": "MPa", "expression": "0.5", "uncertainty_unit": "kPa"}

    with pytest.raises(InvalidInput) as refusal:
        Capability(**told | wrong)

    assert refusal.value.field == field


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_a_rounded_u_is_never_below_the_capability_it_keeps(evaluated, capability):
    u = max(evaluated, capability)

    rounded = round_uncertainty(u, at_least=capability)

    assert float(rounded) >= capability * (1 - 1e-12)  # a float's last digits are no digits
