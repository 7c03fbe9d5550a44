"""A laboratory writes its measurement model as one line of text.

The line may come from anyone, so it is a formula or it is refused; what is accepted gives a value
and every first derivative, for one measurement or for an array of them.
"""

import math
import pickle

import numpy as np
import pytest

from procedures.errors import InvalidInput, ModelRefused, ModelUndefined, QuantityUnknown
from procedures.models import FUNCTIONS, compile_model


def test_a_power_is_voltage_times_current():
    model = compile_model("V * I * cos(phi)", ["V", "I", "phi"])

    assert model.evaluate({"V": 230.0, "I": 2.0, "phi": 0.0}) == 460.0


def test_the_gradient_names_every_input_even_one_that_does_not_occur():
    model = compile_model("V / I", ["V", "I", "phi"])

    assert model.gradient({"V": 6.0, "I": 2.0, "phi": 1.0}) == {"V": 0.5, "I": -1.5, "phi": 0.0}


def test_one_function_serves_floats_and_arrays_alike():
    model = compile_model("sqrt(re**2 + im**2) + log(1 + re**2) * pi", ["re", "im"])
    re, im = np.array([0.3, 1.0, -2.0]), np.array([0.1, 0.0, 4.0])

    values = model.evaluate({"re": re, "im": im})
    slopes = model.gradient({"re": re, "im": im})

    for i in range(3):
        one = {"re": float(re[i]), "im": float(im[i])}
        assert values[i] == pytest.approx(model.evaluate(one), rel=1e-15)
        assert slopes["re"][i] == pytest.approx(model.gradient(one)["re"], rel=1e-15)
        assert slopes["im"][i] == pytest.approx(model.gradient(one)["im"], rel=1e-15)


def test_an_output_that_is_constant_still_has_the_shape_of_its_inputs():
    model = compile_model("2 * 3", ["x"])

    assert model.evaluate({"x": np.zeros(4)}).tolist() == [6.0] * 4


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_the_derivative_that_differences_show(function):
    two = function in {"min", "max", "atan2", "hypot"}
    model = compile_model(f"{function}(x, z)" if two else f"{function}(x)", ["x", "z"])
    x, z, h = 0.37, 0.81, 1e-5

    for name, step in {"x": {"x": h}, "z": {"z": h}}.items():
        up = {"x": x + step.get("x", 0), "z": z + step.get("z", 0)}
        down = {"x": x - step.get("x", 0), "z": z - step.get("z", 0)}
        difference = (model.evaluate(up) - model.evaluate(down)) / (2 * h)
        assert model.gradient({"x": x, "z": z})[name] == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("exponent", ["-3", "-2", "-1", "0", "0.5", "1", "2", "3", "4", "5", "z"])
def test_every_power_has_the_derivative_that_differences_show(exponent):
    model = compile_model(f"x ** {exponent}", ["x", "z"])
    h = 1e-5

    up, down = (model.evaluate({"x": 1.7 + step, "z": 2.5}) for step in (h, -h))
    slope = model.gradient({"x": 1.7, "z": 2.5})["x"]

    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-8, abs=1e-10)


def test_a_negative_base_takes_whole_powers_only():
    assert compile_model("x ** 3", ["x"]).evaluate({"x": -2.0}) == -8.0
    assert compile_model("x ** 7", ["x"]).evaluate({"x": -1.0}) == -1.0
    with pytest.raises(ModelUndefined):
        compile_model("x ** 0.5", ["x"]).evaluate({"x": -2.0})


@pytest.mark.parametrize(
    ("expression", "at"), [("abs(x)", 0.0), ("sqrt(x)", 0.0), ("max(x, 0)", 0.0), ("1 / x", 0.0)]
)
def test_a_derivative_that_does_not_exist_is_not_called_zero(expression, at):
    slope = compile_model(expression, ["x"]).gradient({"x": at})["x"]

    assert not math.isfinite(slope)


def test_a_logarithm_of_nothing_is_undefined_not_minus_infinity():
    with pytest.raises(ModelUndefined, match="no finite value"):
        compile_model("log(x)", ["x"]).evaluate({"x": 0.0})


def test_an_array_marks_the_elements_without_a_value():
    values = compile_model("log(x)", ["x"]).evaluate({"x": np.array([-1.0, 1.0])})

    assert np.isnan(values[0])
    assert values[1] == 0


def test_several_outputs_share_their_inputs():
    model = compile_model({"R": "V / I * cos(phi)", "Z": "V / I"}, ["V", "I", "phi"])

    assert model.outputs == ("R", "Z")
    assert model.evaluate({"V": 6.0, "I": 2.0, "phi": 0.0}, output="Z") == 3.0
    with pytest.raises(InvalidInput, match="name one of R, Z"):
        model.evaluate({"V": 6.0, "I": 2.0, "phi": 0.0})
    with pytest.raises(QuantityUnknown, match="'X' is not among the output quantities: R, Z"):
        model.evaluate({"V": 6.0, "I": 2.0, "phi": 0.0}, output="X")


def test_a_model_can_be_written_over_several_lines_and_in_greek():
    model = compile_model("\n  l_S + d\n  - l_S * α * θ\n", ["l_S", "d", "α", "θ"])

    assert model.evaluate({"l_S": 50.0, "d": 0.5, "α": 0.01, "θ": 2.0}) == 49.5


def test_a_missing_and_a_foreign_quantity_are_named():
    model = compile_model("a + b", ["a", "b"])

    with pytest.raises(QuantityUnknown, match="'b' is not among the values given: a"):
        model.evaluate({"a": 1.0})
    with pytest.raises(QuantityUnknown, match="'c' is not among the inputs of the model: a, b"):
        model.evaluate({"a": 1.0, "b": 1.0, "c": 1.0})


def test_the_same_text_is_compiled_once():
    assert compile_model("a * b", ["a", "b"]) is compile_model("a * b", ["a", "b"])
    assert compile_model("a * b", ["a", "b"]) != compile_model("a * b", ["b", "a"])


def test_the_digest_tells_models_apart_and_nothing_else():
    first = compile_model("a * b", ["a", "b"])

    assert first.digest == pickle.loads(pickle.dumps(first)).digest  # noqa: S301 our own bytes
    assert first.digest != compile_model("a * b ", ["a", "b"]).digest


def test_the_refusal_points_into_the_text():
    with pytest.raises(ModelRefused) as refusal:
        compile_model("P * eff(T)", ["P", "T"])

    assert refusal.value.position == 4
    assert str(refusal.value) == "'eff' is not a function of models, at character 5: 'eff(T)'"


def test_the_pointer_counts_characters_not_bytes_and_leading_blanks_too():
    with pytest.raises(ModelRefused) as refusal:
        compile_model("  θ + unknown", ["θ"])

    assert refusal.value.excerpt == "unknown"


@pytest.mark.parametrize(
    "name", ["", "2x", "x.y", "lambda", "sin", "pi", "ｘ", "x y", "о", "a" * 101, "ν"]
)
def test_a_name_that_could_be_misread_is_refused(name):
    with pytest.raises(InvalidInput, match="names"):
        compile_model("1 + 1", [name])


def test_names_stand_once_and_there_is_at_least_one():
    with pytest.raises(InvalidInput, match="'x' stands twice"):
        compile_model("x", ["x", "x"])
    with pytest.raises(InvalidInput, match="1 to 1000 inputs"):
        compile_model("1", [])


def test_a_sum_of_four_hundred_sources_is_a_model():
    names = [f"E{i}" for i in range(400)]

    model = compile_model("+".join(names), names)

    assert model.evaluate(dict.fromkeys(names, 0.5)) == 200
    assert set(model.gradient(dict.fromkeys(names, 0.5)).values()) == {1.0}


@pytest.mark.parametrize(
    ("expression", "names"),
    [(3, ["x"]), (None, ["x"]), ({"y": ["x"]}, ["x"]), ("x", [["x"]]), ("x", [3]), ({}, ["x"])],
    ids=str,
)
def test_what_is_not_even_text_is_refused_all_the_same(expression, names):
    with pytest.raises(InvalidInput):
        compile_model(expression, names)


def test_many_outputs_have_a_limit_together():
    with pytest.raises(InvalidInput, match="20000 characters together"):
        compile_model({f"y{i}": "x+" * 1000 + "x" for i in range(11)}, ["x"])
