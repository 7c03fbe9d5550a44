"""Our budgets against three oracles: `uncertainties`, GTC and mpmath with 50 digits.

Random formulas over random quantities, value and every derivative and u to 1e-12 relative.
"""

from math import inf, isinf

import GTC
import mpmath
import pytest
import uncertainties
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from uncertainties import umath

from procedures.budget import evaluate
from procedures.models import compile_model
from procedures.multivariate import (
    ComplexQuantity,
    degrees_of_freedom_of_pair,
    evaluate_complex,
)
from procedures.quantities import Correlation, Ensemble, InputQuantity

NAMES = ("a", "b", "c")
PLAIN = ("sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "log10")
TIGHT = 1e-12

positive = st.floats(0.3, 3.0)
uncertainty = st.floats(0.001, 0.1)
estimates = st.tuples(positive, positive, positive)
standard_uncertainties = st.tuples(uncertainty, uncertainty, uncertainty)


@st.composite
def formulas(draw: st.DrawFn, depth: int = 4) -> str:
    """Formulas that stay finite and smooth near values between 0.3 and 3."""
    kind = draw(st.sampled_from(["name", "number", "binary", "binary", "function", "power"]))
    if depth == 0 or kind in {"name", "number"}:
        number = st.floats(0.5, 2.0).map(lambda x: f"{x:.3g}")
        return draw(st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), number))
    inner = draw(formulas(depth - 1))
    positive = f"(({inner})**2 + 0.5)"  # where a logarithm, a root or a divisor is asked for
    if kind == "function":
        function = draw(st.sampled_from(PLAIN))
        return f"{function}({positive if function in {'sqrt', 'log', 'log10'} else inner})"
    if kind == "power":
        exponent = draw(st.sampled_from(["2", "3", "-1", "0.5", "1.7"]))
        return f"(({inner if exponent in {'2', '3'} else positive})**{exponent})"
    operator = draw(st.sampled_from(["+", "-", "*", "/"]))
    other = draw(formulas(depth - 1))
    return f"({other} {operator} {positive if operator == '/' else inner})"


def quantities(x, u, nu=(inf, inf, inf)):
    return [
        InputQuantity(symbol=n, estimate=xi, standard_uncertainty=ui, degrees_of_freedom=ni)
        for n, xi, ui, ni in zip(NAMES, x, u, nu, strict=True)
    ]


def exactly(formula, values):
    """Value and derivatives with 50 digits; None where the formula has none, or is ill-behaved."""
    mpmath.mp.dps = 50
    known = {name: getattr(mpmath, name) for name in PLAIN}

    def f(*arguments):
        return eval(formula, {"__builtins__": {}} | known, dict(zip(NAMES, arguments, strict=True)))  # noqa: S307 our own formula

    try:
        point = [mpmath.mpf(x) for x in values]
        y = f(*point)
        slopes = [
            mpmath.diff(f, tuple(point), tuple(int(i == j) for j in range(3))) for i in range(3)
        ]
    except (ZeroDivisionError, ValueError, TypeError, OverflowError):
        return None
    numbers = [y, *slopes]
    if any(isinstance(n, mpmath.mpc) or not mpmath.isfinite(n) for n in numbers):
        return None
    return (y, slopes) if max(abs(n) for n in numbers) < 1e6 else None


def condition(formula, x):
    """How much the formula itself magnifies rounding, judged by moving its inputs a little."""
    moved = exactly(formula, [value * (1 + 2e-16) for value in x])
    exact = exactly(formula, x)
    if moved is None or exact is None:
        return inf
    pairs = zip([moved[0], *moved[1]], [exact[0], *exact[1]], strict=True)
    return float(max(abs(m - e) for m, e in pairs))


@settings(deadline=None, max_examples=150)
@given(formulas(), estimates)
def test_value_and_derivatives_are_those_of_fifty_digits(formula, x):
    exact = exactly(formula, x)
    assume(exact is not None)
    y, slopes = exact
    noise = 50 * condition(formula, x)
    assume(noise < 1e-9)
    model = compile_model(formula, NAMES)

    got = model.value_and_gradient(x, "y")

    scale = max(1, abs(float(y)))
    assert got[0] == pytest.approx(float(y), rel=TIGHT, abs=TIGHT * scale + noise)
    for ours, theirs in zip(got[1:], slopes, strict=True):
        assert ours == pytest.approx(float(theirs), rel=TIGHT, abs=TIGHT * scale + noise)


@settings(deadline=None, max_examples=100)
@given(formulas(), estimates, standard_uncertainties)
def test_combined_standard_uncertainty_is_that_of_uncertainties(formula, x, u):
    assume(exactly(formula, x) is not None and condition(formula, x) < 1e-14)
    variables = {n: uncertainties.ufloat(xi, ui) for n, xi, ui in zip(NAMES, x, u, strict=True)}
    names = {name: getattr(umath, name) for name in PLAIN}
    theirs = eval(formula, {"__builtins__": {}} | names, variables)  # noqa: S307 our own formula
    assume(isinstance(theirs, uncertainties.UFloat))

    budget = evaluate(compile_model(formula, NAMES), quantities(x, u))

    expected = theirs.std_dev
    if budget.method == "first_order":
        assert budget.combined_standard_uncertainty == pytest.approx(expected, rel=TIGHT, abs=1e-14)


@settings(deadline=None, max_examples=100)
@given(
    formulas(),
    estimates,
    standard_uncertainties,
    st.tuples(st.integers(2, 60), st.integers(2, 60), st.just(inf)),
)
def test_uncertainty_and_degrees_of_freedom_are_those_of_gtc(formula, x, u, nu):
    assume(exactly(formula, x) is not None and condition(formula, x) < 1e-14)
    variables = {n: GTC.ureal(*item) for n, *item in zip(NAMES, x, u, nu, strict=True)}
    names = {name: getattr(GTC, name) for name in PLAIN}
    theirs = eval(formula, {"__builtins__": {}} | names, variables)  # noqa: S307 our own formula
    assume(hasattr(theirs, "u") and theirs.u > 1e-9)

    budget = evaluate(compile_model(formula, NAMES), quantities(x, u, nu))

    assert budget.combined_standard_uncertainty == pytest.approx(theirs.u, rel=TIGHT, abs=1e-14)
    if isinf(theirs.df):
        # GTC calls ν beyond 1e6 infinite
        assert (budget.effective_degrees_of_freedom or 0) > 1e6
    else:
        assert budget.effective_degrees_of_freedom == pytest.approx(theirs.df, rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(estimates, standard_uncertainties, st.floats(-0.9, 0.9), st.integers(2, 40))
def test_correlated_observations_of_one_ensemble_are_those_of_gtc(x, u, r, nu):
    a, b = GTC.multiple_ureal(x[:2], u[:2], nu, label_seq=["a", "b"])
    GTC.set_correlation(r, a, b)
    theirs = a * b / GTC.ureal(x[2], u[2], 7)

    budget = evaluate(
        compile_model("a * b / c", NAMES),
        quantities(x, u, (inf, inf, 7)),
        correlations=[Correlation("a", "b", r)],
        ensembles=[Ensemble(("a", "b"), nu)],
    )

    assert budget.combined_standard_uncertainty == pytest.approx(theirs.u, rel=TIGHT)
    assert budget.effective_degrees_of_freedom == pytest.approx(theirs.df, rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(
    st.complex_numbers(min_magnitude=0.3, max_magnitude=3),
    st.complex_numbers(min_magnitude=0.3, max_magnitude=3),
    st.sampled_from(
        ["z * w", "z / w", "z + w**2", "exp(z) - w", "z**-2 * w", "(z - w) / (z * w + 2)"]
    ),
)
def test_complex_quantities_have_the_covariance_of_gtc(z, w, formula):
    covariance = ((0.0004, 0.0001), (0.0001, 0.0009))
    theirs = eval(  # noqa: S307 our own formula
        formula,
        {"__builtins__": {}, "exp": GTC.exp},
        {
            "z": GTC.ucomplex(z, (0.0004, 0.0001, 0.0001, 0.0009)),
            "w": GTC.ucomplex(w, (0.0004, 0.0001, 0.0001, 0.0009)),
        },
    )

    result = evaluate_complex(
        formula,
        [
            ComplexQuantity(symbol="z", estimate=z, covariance=covariance),
            ComplexQuantity(symbol="w", estimate=w, covariance=covariance),
        ],
    )

    assert complex(*result.estimates) == pytest.approx(theirs.x, rel=1e-9, abs=1e-12)
    v = theirs.v
    ours = [entry for row in result.covariance for entry in row]
    size = max(v.rr, v.ii)
    assert ours == pytest.approx([v.rr, v.ri, v.ir, v.ii], rel=1e-8, abs=1e-10 * size)


@settings(deadline=None, max_examples=30)
@given(
    st.complex_numbers(min_magnitude=0.3, max_magnitude=3),
    st.complex_numbers(min_magnitude=0.3, max_magnitude=3),
    st.tuples(st.integers(3, 40), st.integers(3, 40)),
    st.sampled_from(["z * w", "z / w", "z + w**2", "z**-2 * w"]),
)
def test_complex_degrees_of_freedom_are_those_of_gtc(z, w, nu, formula):
    v = (0.0004, 0.0001, 0.0001, 0.0009)
    theirs = eval(  # noqa: S307 our own formula
        formula,
        {"__builtins__": {}},
        {"z": GTC.ucomplex(z, v, df=nu[0]), "w": GTC.ucomplex(w, v, df=nu[1])},
    )

    result = evaluate_complex(
        formula,
        [
            ComplexQuantity(
                symbol=symbol,
                estimate=x,
                covariance=((v[0], v[1]), (v[2], v[3])),
                degrees_of_freedom=n,
            )
            for symbol, x, n in (("z", z, nu[0]), ("w", w, nu[1]))
        ],
    )

    assert degrees_of_freedom_of_pair(result, "y") == pytest.approx(theirs.df, rel=1e-8)
