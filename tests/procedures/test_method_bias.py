"""Two ways to measure the same: a belt weigher by three methods, emissions in stack and by fuel.

The mass in the stack is `cems` of `worked_examples.json`, the fuel balance is `power_carbon`.
"""

import json

import pytest

from procedures.comparisons import Performance
from procedures.errors import InvalidInput
from procedures.method_bias import (
    Measured,
    MethodErrors,
    bias_between,
    compare_methods,
    compare_series,
    fuel_emission,
    stack_emission,
    total,
)

CEMS_U = 0.031091263510296053  # concentration 2 % and flow 5 %, rectangular


def belt(method, errors, u):
    return MethodErrors(method=method, errors=errors, reference_standard_uncertainty=u)


MATERIAL = belt("material", (0.10, 0.16, 0.13), 0.03)


def test_a_chain_that_agrees_with_the_material_test_has_no_significant_bias():
    (bias,) = compare_methods([MATERIAL, belt("chain", (0.20, 0.22, 0.24), 0.05)]).values()

    u_material = (0.03**2 / 3 + 0.03**2) ** 0.5
    u_chain = (0.02**2 / 3 + 0.05**2) ** 0.5
    assert bias.difference == pytest.approx(0.09)
    assert bias.expanded_uncertainty == pytest.approx(2 * (u_material**2 + u_chain**2) ** 0.5)
    assert not bias.is_significant


def test_hung_weights_that_never_touch_the_belt_show_their_bias():
    biases = compare_methods(
        [MATERIAL, belt("chain", (0.20, 0.22, 0.24), 0.05), belt("weights", (0.5, 0.5, 0.5), 0.02)]
    )

    assert {name: bias.is_significant for name, bias in biases.items()} == {
        "chain": False,
        "weights": True,
    }
    assert biases["weights"].zeta.performance is Performance.UNSATISFACTORY


def test_the_stack_and_the_fuel_of_the_published_examples(shared_dir):
    published = json.loads((shared_dir / "data" / "worked_examples.json").read_text("utf-8"))
    power = published["power_carbon"]

    stack = stack_emission(0.132, 1.9e6, relative_standard_uncertainty=CEMS_U)
    fuel = fuel_emission(
        power["FC_t"],
        net_calorific_value=power["NCV_GJ_t"],
        carbon_content=power["CC_tC_GJ"],
        oxidation=power["OF"],
        relative_standard_uncertainty=power["u_rel"],
    )

    assert stack.value == pytest.approx(published["cems"]["kgCO2_h"], rel=1e-12)
    assert stack.standard_uncertainty == pytest.approx(stack.value * published["cems"]["u_rel"])
    assert fuel.value == pytest.approx(power["E_tCO2"], rel=1e-12)
    assert 2 * fuel.standard_uncertainty == pytest.approx(power["U_tCO2"], rel=1e-9)


@pytest.mark.parametrize(
    ("by_fuel", "zeta", "performance"),
    [
        (480.0, 0.78, Performance.SATISFACTORY),
        (455.0, 2.38, Performance.QUESTIONABLE),
        (440.0, 3.33, Performance.UNSATISFACTORY),
    ],
)
def test_492_4_tonnes_an_hour_are_compared_with_what_the_fuel_gives(by_fuel, zeta, performance):
    stack = stack_emission(0.132, 1.9e6, relative_standard_uncertainty=CEMS_U)
    tonnes = Measured(value=stack.value / 1000, standard_uncertainty=stack.value * CEMS_U / 1000)
    fuel = Measured(value=by_fuel, standard_uncertainty=0.0081315 * by_fuel)

    bias = bias_between(tonnes, fuel)

    assert bias.zeta.value == pytest.approx(zeta, abs=0.01)
    assert bias.zeta.performance is performance


def test_what_one_certificate_brings_into_every_month_does_not_average_out():
    months = [Measured(value=100.0, standard_uncertainty=5.0, common=3.0)] * 12

    year = total(months)

    assert year.value == 1200.0
    assert year.standard_uncertainty == pytest.approx((36.0**2 + 12 * 16.0) ** 0.5)
    independent = total([Measured(value=100.0, standard_uncertainty=5.0)] * 12)
    assert independent.standard_uncertainty == pytest.approx(5 * 12**0.5)


def test_a_bias_hidden_in_every_month_shows_over_the_year():
    stack = [Measured(value=103.0, standard_uncertainty=3.0, common=0.3)] * 12
    fuel = [Measured(value=100.0, standard_uncertainty=1.0, common=0.3)] * 12

    series = compare_series(stack, fuel)

    assert {bias.zeta.performance for bias in series.periods} == {Performance.SATISFACTORY}
    assert series.performance is Performance.UNSATISFACTORY


@pytest.mark.parametrize(
    "ask",
    [
        lambda: compare_methods([belt("chain", (0.1, 0.2), 0.1)]),
        lambda: compare_methods([MATERIAL, MATERIAL]),
        lambda: compare_methods([belt("material", (0.1,), 0.1)]),
        lambda: compare_series([], []),
        lambda: bias_between(Measured(value=1.0, standard_uncertainty=0.0),
                             Measured(value=1.0, standard_uncertainty=0.0)),
        lambda: Measured(value=1.0, standard_uncertainty=1.0, common=2.0),
        lambda: stack_emission(13.2, 1.0, relative_standard_uncertainty=0.1),
    ],
    ids=("nothing to compare with", "twice", "one run", "no periods", "no uncertainty", "common",
         "percent"),
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(ask):
    with pytest.raises(InvalidInput):
        ask()
