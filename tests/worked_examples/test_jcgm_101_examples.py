"""JCGM 101:2008, clause 9: the guide's own comparisons of the law of propagation with Monte Carlo.

Ends of intervals are those of adaptive runs, which the guide prints to the digits of its tolerance.
"""

from math import sqrt

import pytest

from procedures.budget import evaluate
from procedures.models import compile_model
from procedures.monte_carlo import compare, numerical_tolerance, simulate
from procedures.quantities import (
    Correlation,
    CurvilinearTrapezoidal,
    InputQuantity,
    Normal,
    Rectangular,
    StudentT,
    UShaped,
)

SUM = compile_model("X1 + X2 + X3 + X4", ["X1", "X2", "X3", "X4"])


def drawn(**distributions):
    return [InputQuantity.distributed(name, shape) for name, shape in distributions.items()]


def run(model, inputs, **more):
    return simulate(model, inputs, seed=101, rule="fixed", trials=1_000_000, **more)


def test_9_2_2_four_standard_normals():
    result = run(SUM, drawn(**{name: Normal(0, 1) for name in SUM.names}))

    assert result.standard_uncertainty == pytest.approx(2.00, abs=0.01)
    assert result.symmetric.high == pytest.approx(3.92, abs=0.02)


def test_9_2_3_four_rectangles_of_the_same_width():
    inputs = drawn(**{name: Rectangular.about(0, sqrt(3)) for name in SUM.names})

    result = run(SUM, inputs)

    assert result.standard_uncertainty == pytest.approx(2.00, abs=0.01)
    assert (result.symmetric.low, result.symmetric.high) == pytest.approx((-3.88, 3.88), abs=0.02)
    budget = evaluate(SUM, inputs)
    interval = budget.coverage_interval(0.95)
    assert interval.high == pytest.approx(3.92, abs=0.005)
    delta = numerical_tolerance(2.0, significant_digits=2)
    assert compare(interval.low, interval.high, result, tolerance=delta).agrees  # 0.04 < 0.05


def test_9_2_4_one_rectangle_ten_times_as_wide():
    inputs = drawn(
        X1=Rectangular.about(0, sqrt(3)),
        X2=Rectangular.about(0, sqrt(3)),
        X3=Rectangular.about(0, sqrt(3)),
        X4=Rectangular.about(0, 10 * sqrt(3)),
    )

    result = run(SUM, inputs)
    budget = evaluate(SUM, inputs, method="auto")

    # 10.1, ±17.0 by Monte Carlo; ±19.9 by the law of propagation, which is not validated
    assert result.standard_uncertainty == pytest.approx(10.15, abs=0.06)
    assert (result.symmetric.low, result.symmetric.high) == pytest.approx((-17.0, 17.0), abs=0.06)
    assert evaluate(SUM, inputs).coverage_interval(0.95).high == pytest.approx(19.9, abs=0.05)
    assert budget.method == "monte_carlo"
    assert budget.comparison is not None
    assert not budget.comparison.agrees


# 9.3: δm = (m_Rc + δm_Rc)(1 + (ρ_a − 1.2 kg/m³)(1/ρ_W − 1/ρ_R)) − 100 g, in milligrams.
MASS = compile_model(
    "(m_Rc + dm_Rc) * (1 + (rho_a - 1.2) * (1 / rho_W - 1 / rho_R)) - 100000",
    ["m_Rc", "dm_Rc", "rho_a", "rho_W", "rho_R"],
)
MASS_INPUTS = drawn(
    m_Rc=Normal(100_000.000, 0.050),
    dm_Rc=Normal(1.234, 0.020),
    rho_a=Rectangular(1.10, 1.30),
    rho_W=Rectangular(7000, 9000),
    rho_R=Rectangular(7950, 8050),
)


def test_9_3_mass_calibration_by_monte_carlo():
    result = run(MASS, MASS_INPUTS)

    assert result.estimate == pytest.approx(1.2341, abs=0.0005)
    assert result.standard_uncertainty == pytest.approx(0.0754, abs=0.0005)
    shortest = (result.shortest.low, result.shortest.high)
    assert shortest == pytest.approx((1.0834, 1.3825), abs=0.004)


def test_9_3_first_order_is_too_small_and_second_order_is_not():
    first = evaluate(MASS, MASS_INPUTS)
    second = evaluate(MASS, MASS_INPUTS, method="second_order")
    chosen = evaluate(MASS, MASS_INPUTS, method="auto")

    assert first.combined_standard_uncertainty == pytest.approx(0.0539, abs=0.00005)
    interval = first.coverage_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((1.1285, 1.3395), abs=0.0001)
    # The guide's 0.0750; ours, which knows that the densities are rectangles, is nearer to 0.0754.
    assert second.combined_standard_uncertainty == pytest.approx(0.0750, abs=0.0005)
    assert chosen.method != "first_order"


@pytest.mark.parametrize(
    ("x1", "first_order", "second_order", "monte_carlo", "shortest_high"),
    [  # 9.4, table 6, r = 0, in units of 1e-6; the guide's ends are of 95 %
        (0.000, 0, 50, 50, 150),
        (0.010, 100, 112, 112, 367),
        (0.050, 500, 502, 502, 3543),
    ],
)
def test_9_4_comparison_loss(x1, first_order, second_order, monte_carlo, shortest_high):
    model = compile_model("X1**2 + X2**2", ["X1", "X2"])
    inputs = drawn(X1=Normal(x1, 0.005), X2=Normal(0, 0.005))

    first = evaluate(model, inputs)
    second = evaluate(model, inputs, method="second_order")
    result = run(model, inputs)

    if first_order:
        assert first.combined_standard_uncertainty * 1e6 == pytest.approx(first_order, abs=0.5)
    else:  # the guide prints 0; we do not
        assert first.method == "second_order"
    assert second.combined_standard_uncertainty * 1e6 == pytest.approx(second_order, abs=0.6)
    assert result.standard_uncertainty is not None
    assert result.standard_uncertainty * 1e6 == pytest.approx(monte_carlo, abs=1)
    assert result.shortest.high * 1e6 == pytest.approx(shortest_high, rel=0.01)


def test_9_4_comparison_loss_of_correlated_components():
    # Table 7, r = 0.9, x1 = 0.050: 505e-6.
    model = compile_model("X1**2 + X2**2", ["X1", "X2"])
    inputs = drawn(X1=Normal(0.05, 0.005), X2=Normal(0, 0.005))
    pair = [Correlation("X1", "X2", 0.9)]

    result = run(model, inputs, correlations=pair)
    second = evaluate(model, inputs, correlations=pair, method="second_order")

    assert result.standard_uncertainty == pytest.approx(505e-6, abs=2e-6)
    assert second.combined_standard_uncertainty == pytest.approx(504.5e-6, abs=1e-6)


def test_9_5_gauge_block():
    # 9.5.4: by Monte Carlo 838 nm, u = 36 nm, 99 % interval [745, 932] nm.
    model = compile_model(
        "L_S + D + d1 + d2 - L_S * (da * (th0 + Dl) + a_S * dth) - 50000000",
        ["L_S", "D", "d1", "d2", "a_S", "th0", "Dl", "da", "dth"],
    )
    inputs = drawn(
        L_S=StudentT(50_000_623, 25, 18),
        D=StudentT(215, 6, 24),
        d1=StudentT(0, 4, 5),
        d2=StudentT(0, 7, 8),
        a_S=Rectangular(9.5e-6, 13.5e-6),
        th0=Normal(-0.1, 0.2),
        Dl=UShaped(-0.5, 0.5),
        da=CurvilinearTrapezoidal(-1e-6, 1e-6, 0.1e-6),
        dth=CurvilinearTrapezoidal(-0.05, 0.05, 0.025),
    )

    result = run(model, inputs, coverage_probability=0.99)

    assert result.estimate == pytest.approx(838, abs=0.5)
    assert result.standard_uncertainty == pytest.approx(36, abs=0.5)
    assert result.shortest.low == pytest.approx(745, abs=1.5)
    assert result.shortest.high == pytest.approx(932, abs=1.5)
