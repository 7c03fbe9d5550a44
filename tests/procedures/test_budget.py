"""The budget of one result: its rows, what they come to, and what is said when that is unknown."""

import json
import subprocess
import sys
from math import inf, nan, sqrt
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.budget import evaluate
from procedures.errors import (
    CorrelationsImpossible,
    DegreesOfFreedomUnknown,
    InvalidInput,
    ModelUndefined,
    QuantityUnknown,
)
from procedures.models import compile_model
from procedures.quantities import Correlation, Ensemble, InputQuantity


def quantity(symbol, estimate, u, nu=inf, **more):
    return InputQuantity(
        symbol=symbol, estimate=estimate, standard_uncertainty=u, degrees_of_freedom=nu, **more
    )


def budget_of(expression, *inputs, **more):
    return evaluate(compile_model(expression, [x.symbol for x in inputs]), inputs, **more)


def test_rows_carry_their_sensitivity_and_share():
    budget = budget_of("2 * a - b", quantity("a", 1, 0.3), quantity("b", 2, 0.8))

    assert budget.estimate == 0
    assert budget.combined_standard_uncertainty == pytest.approx(1.0)
    assert [row.sensitivity_coefficient for row in budget.contributions] == [2, -1]
    assert [row.standard_uncertainty for row in budget.contributions] == [0.6, 0.8]
    assert [row.share for row in budget.contributions] == pytest.approx([0.36, 0.64])
    assert budget.contribution("b").component == -0.8


def test_a_zero_estimate_has_no_relative_uncertainty():
    assert budget_of("a", quantity("a", 0, 1)).relative_standard_uncertainty is None
    assert budget_of("a", quantity("a", -2, 1)).relative_standard_uncertainty == 0.5


def test_a_known_constant_has_no_uncertainty_and_no_shares():
    budget = budget_of("2 * a", quantity("a", 3, 0))

    assert budget.combined_standard_uncertainty == 0
    assert budget.contribution("a").share is None
    assert budget.effective_degrees_of_freedom == inf


def test_inputs_come_in_any_order():
    model = compile_model("a / b", ["a", "b"])
    a, b = quantity("a", 1, 0.1), quantity("b", 2, 0.1)

    assert evaluate(model, [b, a]) == evaluate(model, [a, b])


def test_a_missing_a_foreign_and_a_doubled_input_are_named():
    model = compile_model("a / b", ["a", "b"])
    a, b, c = (quantity(symbol, 1, 0.1) for symbol in "abc")

    with pytest.raises(QuantityUnknown, match="'b' is not among the input quantities given: a"):
        evaluate(model, [a])
    with pytest.raises(QuantityUnknown, match="'c' is not among the inputs of the model"):
        evaluate(model, [a, b, c])
    with pytest.raises(InvalidInput, match="'a' stands twice"):
        evaluate(model, [a, a])


def test_a_model_without_a_value_at_the_estimates_has_no_budget():
    with pytest.raises(ModelUndefined, match="y: the model has no finite value"):
        budget_of("1 / a", quantity("a", 0, 0.1))


def test_ten_resistors_calibrated_against_one_add_linearly():
    # JCGM 100:2008, 5.2.2, example: u = 1 Ω, not √10 × 0.1 Ω.
    resistors = [quantity(f"R{i}", 1000, 0.1) for i in range(10)]
    pairs = [
        Correlation(f"R{i}", f"R{j}", 1, reason="one standard resistor")
        for i in range(10)
        for j in range(i)
    ]

    together = budget_of("+".join(x.symbol for x in resistors), *resistors, correlations=pairs)
    apart = budget_of("+".join(x.symbol for x in resistors), *resistors)

    assert together.combined_standard_uncertainty == pytest.approx(1.0, rel=1e-12)
    assert apart.combined_standard_uncertainty == pytest.approx(0.32, abs=0.005)
    assert sum(row.share for row in together.contributions) == pytest.approx(1)


def test_the_difference_of_two_fully_correlated_quantities_is_exact():
    budget = budget_of(
        "a - b",
        quantity("a", 10, 0.3),
        quantity("b", 9, 0.3),
        correlations=[Correlation("a", "b", 1)],
    )

    assert budget.combined_standard_uncertainty == 0


def test_one_elementary_influence_in_two_inputs_is_full_correlation():
    shared = UUID(int=1)
    a = quantity("a", 10, 0.3, 8, influence_id=shared)
    b = quantity("b", 9, 0.4, 8, influence_id=shared)

    total = budget_of("a + b", a, b)

    assert total.combined_standard_uncertainty == pytest.approx(0.7)
    assert total.effective_degrees_of_freedom == pytest.approx(8)
    assert total.correlations[0].reason == "one elementary influence"
    assert total.influence_components == {shared: pytest.approx(0.7)}
    assert budget_of("a - b", a, b).influence_components == {shared: pytest.approx(-0.1)}


def test_one_elementary_influence_cannot_be_stated_as_half_correlated():
    shared = UUID(int=1)
    inputs = [quantity(s, 1, 0.1, influence_id=shared) for s in "ab"]

    with pytest.raises(InvalidInput, match="both are one elementary influence"):
        budget_of("a + b", *inputs, correlations=[Correlation("a", "b", 0.5)])


def test_contradicting_correlations_have_no_budget():
    inputs = [quantity(s, 1, 0.1) for s in "abc"]
    pairs = [Correlation("a", "b", 0.9), Correlation("b", "c", 0.9), Correlation("a", "c", -0.9)]

    with pytest.raises(CorrelationsImpossible, match="a, b, c contradict each other"):
        budget_of("a + b + c", *inputs, correlations=pairs)


def test_finite_degrees_of_freedom_correlated_outside_an_ensemble_are_unknown():
    inputs = [quantity("a", 1, 0.1, 5), quantity("b", 1, 0.1)]

    budget = budget_of("a + b", *inputs, correlations=[Correlation("a", "b", 0.5)])

    assert budget.effective_degrees_of_freedom is None
    assert budget.expanded_uncertainty(2) == pytest.approx(2 * sqrt(0.03))
    with pytest.raises(DegreesOfFreedomUnknown, match="ensemble of simultaneous observations"):
        budget.coverage_factor(0.95)


def test_a_correlation_that_does_not_act_leaves_the_degrees_of_freedom_known():
    inputs = [quantity("a", 1, 0.1, 5), quantity("b", 1, 0.1)]

    budget = budget_of("a + 0 * b", *inputs, correlations=[Correlation("a", "b", 0.5)])

    assert budget.effective_degrees_of_freedom == pytest.approx(5)


def test_an_ensemble_counts_its_observations_once():
    inputs = [quantity("a", 1, 0.1), quantity("b", 1, 0.2), quantity("c", 1, 0.3, 7)]
    pairs = [Correlation("a", "b", 0.5)]

    budget = budget_of(
        "a + b + c", *inputs, correlations=pairs, ensembles=[Ensemble(("a", "b"), 4)]
    )

    together = 0.1**2 + 0.2**2 + 2 * 0.5 * 0.1 * 0.2
    nu = (together + 0.09) ** 2 / (together**2 / 4 + 0.09**2 / 7)
    assert budget.effective_degrees_of_freedom == pytest.approx(nu)


def test_an_ensemble_does_not_contradict_its_members():
    inputs = [quantity("a", 1, 0.1, 3), quantity("b", 1, 0.2)]

    with pytest.raises(
        InvalidInput, match=r"a\.degrees_of_freedom: 3\.0, but its ensemble has 4\.0"
    ):
        budget_of("a + b", *inputs, ensembles=[Ensemble(("a", "b"), 4)])
    with pytest.raises(InvalidInput, match="'b' stands in two ensembles"):
        budget_of("a + b", *inputs, ensembles=[Ensemble(("b",), 4), Ensemble(("b",), 4)])
    with pytest.raises(QuantityUnknown, match="'z'"):
        budget_of("a + b", *inputs, ensembles=[Ensemble(("z",), 4)])


@pytest.mark.parametrize("k", [0, -2, nan, inf])
def test_a_coverage_factor_is_a_positive_number(k):
    with pytest.raises(InvalidInput, match="coverage_factor"):
        budget_of("a", quantity("a", 1, 0.1)).expanded_uncertainty(k)


def test_the_content_is_json_and_its_hash_tells_contents_apart():
    first = budget_of("a * b", quantity("a", 2, 0.1, 9), quantity("b", 3, 0.2), unit="W")
    again = budget_of("a * b", quantity("a", 2, 0.1, 9), quantity("b", 3, 0.2), unit="W")
    other = budget_of("a * b", quantity("a", 2, 0.1, 8), quantity("b", 3, 0.2), unit="W")

    content = json.loads(json.dumps(first.as_mapping(), allow_nan=False))

    assert content["estimate"] == 6
    assert content["inputs"][1]["degrees_of_freedom"] == "infinite"
    assert first.content_hash == again.content_hash != other.content_hash


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(0.01, 9)), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_inputs_does_not_matter(values, random):
    inputs = [quantity(f"x{i}", x, u, 4) for i, (x, u) in enumerate(values)]
    model = compile_model(
        "+".join(f"x{i}**2" for i in range(len(values))), [x.symbol for x in inputs]
    )
    shuffled = random.sample(inputs, len(inputs))

    assert evaluate(model, shuffled) == evaluate(model, inputs)


def test_a_program_that_makes_budgets_starts_without_statistics_packages():
    loaded = "import sys, procedures.budget; print('scipy' in sys.modules, 'sympy' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True)  # noqa: S603 our own text

    assert answer.stdout.split() == [b"False", b"False"]
