"""Numbers with units: converted where asked, refused where they are mixed."""

from dataclasses import replace

import pytest

from procedures.errors import QuantityUnknown, UnitMismatch
from procedures.models import compile_model
from procedures.units import convert, convert_difference, parse_unit, require_unit, unit_of_output


@pytest.mark.parametrize(
    ("unit", "factor", "dimension"),
    [
        ("m³/h", 1 / 3600, "m^3 s^-1"),
        ("kJ/(kg·K)", 1e3, "m^2 s^-2 K^-1"),
        ("µmol/mol", 1e-6, "1"),
        ("μmol/mol", 1e-6, "1"),  # the Greek letter, not the sign
        ("kg/m^3", 1, "m^-3 kg"),
        ("MPa", 1e6, "m^-1 kg s^-2"),
        ("m/s²", 1, "m s^-2"),
        ("W·h", 3600, "m^2 kg s^-2"),
        ("kWh", 3.6e6, "m^2 kg s^-2"),
        ("1/°C", 1, "K^-1"),
        ("%RH", 0.01, "1"),
        ("", 1, "1"),
        ("t", 1000, "kg"),
        ("min", 60, "s"),
        ("mm", 1e-3, "m"),
        ("cd", 1, "cd"),
        ("Pa", 1, "m^-1 kg s^-2"),
        ("ppm", 1e-6, "1"),
        ("m⁻¹", 1, "m^-1"),
    ],
)
def test_a_unit_is_a_factor_and_a_dimension(unit, factor, dimension):
    parsed = parse_unit(unit)

    assert parsed.factor == pytest.approx(factor, rel=1e-12)
    assert parsed.dimension_text == dimension


@pytest.mark.parametrize(
    "unit",
    ["furlong", "m//s", "m/s/s", "/", "m^", "m^^2", "kkg", "x" * 101, "m/", "mm³³³", "µ", "k"],
)
def test_what_is_not_a_unit_is_named(unit):
    with pytest.raises(UnitMismatch, match="unit"):
        parse_unit(unit)


def test_a_temperature_is_shifted_and_a_difference_is_not():
    assert convert(20, "°C", "K") == 293.15
    assert convert(293.15, "K", "degC") == pytest.approx(20)
    assert convert_difference(20, "°C", "K") == 20
    assert convert(1, "kWh", "MJ") == pytest.approx(3.6)
    assert convert(760, "mmHg", "kPa") == pytest.approx(101.325, abs=0.001)


def test_a_length_is_not_a_time():
    with pytest.raises(UnitMismatch, match=r"m \(m\) is not s \(s\)"):
        convert(1, "m", "s")


END_GAUGE = compile_model(
    "l_S + d - l_S * (da * theta + a * dt)", ["l_S", "d", "da", "theta", "a", "dt"]
)
END_GAUGE_UNITS = {"l_S": "nm", "d": "nm", "da": "1/K", "theta": "K", "a": "1/K", "dt": "K"}


def test_the_model_of_the_end_gauge_gives_nanometres():
    found = unit_of_output(END_GAUGE, END_GAUGE_UNITS)

    assert replace(found, text="nm") == parse_unit("nm")


def test_millimetres_are_not_added_to_metres_without_conversion():
    with pytest.raises(UnitMismatch, match="y: the model takes nm and mm together without"):
        require_unit(END_GAUGE, END_GAUGE_UNITS | {"d": "mm"}, "nm")
    with pytest.raises(UnitMismatch, match=r"nm \(m\) and V"):
        require_unit(END_GAUGE, END_GAUGE_UNITS | {"d": "V"}, "nm")


@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        ("mm", r"y\.unit: mm, but the model gives 1e-06 of it"),
        ("V", "the model gives m$"),
        ("furlong", "not a unit"),
    ],
)
def test_the_stated_unit_of_the_result_is_checked(unit, reason):
    with pytest.raises(UnitMismatch, match=reason):
        require_unit(END_GAUGE, END_GAUGE_UNITS, unit)


@pytest.mark.parametrize(
    ("expression", "units", "expected"),
    [
        ("x * (1 + z * (y - 20))", {"x": "Ω", "y": "°C", "z": "1/K"}, "Ω"),
        ("x - y", {"x": "°C", "y": "°C", "z": "1"}, "K"),
        ("x + z", {"x": "°C", "y": "°C", "z": "K"}, "°C"),
        ("z + x", {"x": "°C", "y": "°C", "z": "K"}, "°C"),
        ("x + 273.15", {"x": "°C", "y": "1", "z": "1"}, "°C"),
        ("sqrt(x**2 + y**2)", {"x": "V", "y": "V", "z": "1"}, "V"),
        ("hypot(x, y) * cos(z)", {"x": "V", "y": "V", "z": "rad"}, "V"),
        ("atan2(y, x)", {"x": "V", "y": "V", "z": "1"}, "1"),
        ("x**1.5 / y**0.5", {"x": "m", "y": "m", "z": "1"}, "m"),
        ("exp(x / y) * z", {"x": "J", "y": "J", "z": "kg"}, "kg"),
        ("-x", {"x": "V", "y": "1", "z": "1"}, "V"),
        ("max(x, y, 0)", {"x": "V", "y": "V", "z": "1"}, "V"),
        ("2 * pi", {"x": "V", "y": "1", "z": "1"}, "1"),
        ("x * y", {"x": "kV", "y": "A", "z": "1"}, "kW"),
    ],
)
def test_a_formula_gives_the_unit(expression, units, expected):
    model = compile_model(expression, ["x", "y", "z"])

    assert replace(unit_of_output(model, units), text=expected) == parse_unit(expected)
    require_unit(model, units, expected)


@pytest.mark.parametrize(
    ("expression", "units", "reason"),
    [
        ("x + y", {"x": "°C", "y": "°C"}, "two Celsius temperatures added"),
        ("x - y", {"x": "K", "y": "°C"}, "taken away from a difference"),
        ("x * y", {"x": "°C", "y": "1/K"}, "a Celsius temperature; take a difference"),
        ("sin(x)", {"x": "°", "y": "1"}, "sin of °, which is not a plain number"),
        ("log(x)", {"x": "Pa", "y": "1"}, "log of Pa"),
        ("2**x", {"x": "s", "y": "1"}, "pow of s"),
        ("x + y", {"x": "%", "y": "1"}, "% and 1 together without conversion"),
        ("max(x, y)", {"x": "m", "y": "s"}, r"m \(m\) and s"),
    ],
)
def test_a_formula_that_mixes_units_is_refused(expression, units, reason):
    with pytest.raises(UnitMismatch, match=reason):
        unit_of_output(compile_model(expression, ["x", "y"]), units)


def test_every_input_needs_a_unit():
    with pytest.raises(QuantityUnknown, match="'y'"):
        unit_of_output(compile_model("x * y", ["x", "y"]), {"x": "m"})
