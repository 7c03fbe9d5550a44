"""One model, many measurements: the same y, u and ν as one budget at a time."""

import numpy as np
import pytest

from procedures.budget import evaluate
from procedures.errors import InvalidInput, ModelUndefined, QuantityUnknown
from procedures.models import compile_model
from procedures.propagation import Propagation
from procedures.quantities import InputQuantity


def quantity(symbol, estimate, u, nu=float("inf")):
    return InputQuantity(
        symbol=symbol, estimate=estimate, standard_uncertainty=u, degrees_of_freedom=nu
    )


def test_many_measurements_of_one_model_have_the_same_budgets_one_by_one():
    model = compile_model("V / I * cos(phi)", ["V", "I", "phi"])
    nu = {"V": 9, "phi": 4}
    propagation = Propagation(model, nu)
    rows = [(5.0 + i / 1000, 0.02, 1.0 + i / 5000) for i in range(20000)]
    u = (0.003, 1e-5, 0.001)

    y, combined, effective = propagation.many(list(np.array(rows).T), u)

    for i in (0, 16383, 16384, 19999):
        inputs = [
            quantity(name, x, ux, nu.get(name, float("inf")))
            for name, x, ux in zip(model.names, rows[i], u, strict=True)
        ]
        budget = evaluate(model, inputs)
        expected = (
            budget.estimate,
            budget.combined_standard_uncertainty,
            budget.effective_degrees_of_freedom,
        )
        assert (y[i], combined[i], effective[i]) == pytest.approx(expected, rel=1e-12)
        assert propagation.one(rows[i], u) == pytest.approx(expected, rel=1e-12)


def test_a_propagation_names_what_it_cannot_take():
    model = compile_model("1 / x", ["x"])

    with pytest.raises(QuantityUnknown, match="'z'"):
        Propagation(model, {"z": 4})
    with pytest.raises(InvalidInput, match=r"x\.degrees_of_freedom"):
        Propagation(model, {"x": 0.5})
    with pytest.raises(ModelUndefined):
        Propagation(model).one([0.0], [0.1])
    assert Propagation(model).one([2.0], [0.0]) == (0.5, 0.0, float("inf"))


def test_a_propagation_does_not_give_out_zero_for_unknown():
    square = Propagation(compile_model("x**2", ["x"]))

    with pytest.raises(ModelUndefined, match="no uncertainty in first order"):
        square.one([0.0], [3.0])
    y, u, nu = square.many([np.array([0.0, 1.0, 0.0])], [np.array([3.0, 3.0, 0.0])])
    assert y.tolist() == [0, 1, 0]
    assert np.isnan(u[0])
    assert u[1:].tolist() == [6, 0]
    assert nu[2] == float("inf")


@pytest.mark.parametrize("u", [1e-100, 1e100])
def test_a_propagation_does_not_invent_degrees_of_freedom_out_of_range(u):
    propagation = Propagation(compile_model("a + b", ["a", "b"]), {"a": 4})

    with pytest.raises(ModelUndefined, match="fourth power"):
        propagation.one([0.0, 0.0], [u, u])
    _, combined, nu = propagation.many([0.0, 0.0], [u, u])
    assert combined[0] == pytest.approx(u * 2**0.5)
    assert np.isnan(nu[0])
