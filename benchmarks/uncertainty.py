"""How fast the measurement core is, beside GTC and suncal run here and now on the same machine.

    python benchmarks/uncertainty.py

JCGM 100:2008, H.1 with nine inputs; medians of several runs. GTC is in the `oracles` group. suncal
is compared where it happens to be installed; nothing of the project imports it.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from math import sqrt
from statistics import median
from types import ModuleType

import numpy as np

from procedures.budget import evaluate
from procedures.coverage import coverage_factor
from procedures.models import compile_model
from procedures.monte_carlo import FIXED_BLOCK, Sampler, numerical_tolerance, simulate
from procedures.propagation import Propagation
from procedures.quantities import InputQuantity, Rectangular, UShaped

EXPRESSION = "l_S + d0 + d1 + d2 - l_S * (d_alpha * (theta_bar + Delta) + alpha_S * d_theta)"
NORMAL = {
    "l_S": (50000623.0, 25.0, 18),
    "d0": (215.0, 5.8, 24),
    "d1": (0.0, 3.9, 5),
    "d2": (0.0, 6.7, 8),
    "theta_bar": (-0.1, 0.2, float("inf")),
}
INPUTS = [
    *(
        InputQuantity(symbol=s, estimate=x, standard_uncertainty=u, degrees_of_freedom=nu)
        for s, (x, u, nu) in NORMAL.items()
    ),
    InputQuantity.distributed("alpha_S", Rectangular.about(11.5e-6, 2e-6)),
    InputQuantity.distributed("d_alpha", Rectangular.about(0, 1e-6), degrees_of_freedom=50),
    InputQuantity.distributed("Delta", UShaped.about(0, 0.5)),
    InputQuantity.distributed("d_theta", Rectangular.about(0, 0.05), degrees_of_freedom=2),
]
MODEL = compile_model(EXPRESSION, [x.symbol for x in INPUTS])
NU = {x.symbol: x.degrees_of_freedom for x in INPUTS}
ESTIMATES = [x.estimate for x in INPUTS]
UNCERTAINTIES = [x.standard_uncertainty for x in INPUTS]
ROWS = 10_000
TRIALS = 1_000_000


def seconds(work: Callable[[], object], *, number: int, runs: int = 7) -> float:
    """The median time of one call."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        for _ in range(number):
            work()
        times.append((time.perf_counter() - started) / number)
    return median(times)


def peer(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        print(f"  {name} is not installed: not compared")
        return None


def ratio(what: str, theirs: float | None, ours: float, wanted: str) -> None:
    shown = "       —" if theirs is None else f"{theirs / ours:8.1f}×"
    print(f"  {what:<58}{ours * 1e6:14.2f} µs {shown}   wanted {wanted}")


def of_gtc(gtc: ModuleType) -> tuple[float, float, float]:
    x = {
        q.symbol: gtc.ureal(q.estimate, q.standard_uncertainty, q.degrees_of_freedom)
        for q in INPUTS
    }
    warm = x["d_alpha"] * (x["theta_bar"] + x["Delta"]) + x["alpha_S"] * x["d_theta"]
    y = x["l_S"] + x["d0"] + x["d1"] + x["d2"] - x["l_S"] * warm
    return y.x, y.u, y.df


def of_suncal(suncal: ModuleType) -> Callable[[int], object]:
    model = suncal.Model("y = " + EXPRESSION.replace("Delta", "Delt"))
    for q in INPUTS:
        name = q.symbol.replace("Delta", "Delt")
        variable = model.var(name).measure(q.estimate)
        kind = "uniform" if isinstance(q.distribution, Rectangular) else "arcsine"
        if q.distribution is None:
            variable.typeb(dist="normal", std=q.standard_uncertainty, df=q.degrees_of_freedom)
        else:
            half_width = float(getattr(q.distribution, "half_width", 0.0))
            variable.typeb(dist=kind, a=half_width, df=q.degrees_of_freedom)

    def run(trials: int) -> object:
        return model.monte_carlo(samples=trials) if trials else model.calculate_gum()

    return run


def one_budget(gtc: ModuleType | None, suncal: Callable[[int], object] | None) -> None:
    propagation = Propagation(MODEL, NU)

    def ours() -> float:
        _, _, nu = propagation.one(ESTIMATES, UNCERTAINTIES)
        return coverage_factor(0.99, nu)

    def theirs() -> float:
        _, _, nu = of_gtc(gtc)
        return float(gtc.reporting.k_factor(nu, 99))

    fast = seconds(ours, number=5000)
    full = seconds(lambda: evaluate(MODEL, INPUTS), number=1000)
    print("one budget")
    gtc_time = None if gtc is None else seconds(theirs, number=300)
    plain = None if gtc is None else seconds(partial(of_gtc, gtc), number=300)
    suncal_time = None if suncal is None else seconds(lambda: suncal(0), number=3, runs=3)
    ratio("y, u, ν, k against GTC", gtc_time, fast, "≥ 30×")
    ratio("y, u, ν, k against suncal", suncal_time, fast, "≥ 2000×")
    ratio("full result with its table against GTC's y, u, ν", plain, full, "≥ 5×")


def many_budgets(gtc: ModuleType | None) -> None:
    generator = np.random.default_rng(1)
    propagation = Propagation(MODEL, NU)
    x = [v * (1 + 1e-6 * generator.standard_normal(ROWS)) for v in ESTIMATES]
    u = [v * (1 + 0.01 * generator.random(ROWS)) for v in UNCERTAINTIES]
    fixed = [np.float64(v) for v in UNCERTAINTIES]
    value = MODEL.on_arrays("y")
    floor = seconds(lambda: value(*x), number=20, runs=15)
    varied = seconds(lambda: propagation.many(x, u), number=10, runs=15)
    same = seconds(lambda: propagation.many(x, fixed), number=10, runs=15)
    loop = None if gtc is None else seconds(partial(of_gtc, gtc), number=1000) * ROWS
    print(f"{ROWS} budgets in one call")
    ratio("every estimate and u different, against a GTC loop", loop, varied, "≥ 2000×")
    ratio("every estimate different, against a GTC loop", loop, same, "≥ 2000×")
    print(f"  times y alone over arrays: {varied / floor:.1f} and {same / floor:.1f}   wanted ≤ 10")


def trials(suncal: Callable[[int], object] | None) -> None:
    sampler = Sampler(MODEL, INPUTS)
    blocks = range(TRIALS // FIXED_BLOCK + 1)

    def draws() -> None:
        for block in blocks:
            sampler.draw(1, block, FIXED_BLOCK)

    bare = seconds(draws, number=1, runs=5)
    ours = seconds(
        lambda: simulate(MODEL, INPUTS, seed=1, rule="fixed", trials=TRIALS), number=1, runs=5
    )
    theirs = None if suncal is None else seconds(lambda: suncal(TRIALS), number=1, runs=3)
    print(f"Monte Carlo, {TRIALS} trials with both intervals")
    ratio("against suncal", theirs, ours, "≥ 2.5×")
    print(f"  times the bare draws in one thread: {ours / bare:.2f}   wanted ≤ 1.6")


def stated_tolerance() -> None:
    model = compile_model("X1 + X2 + X3 + X4", ["X1", "X2", "X3", "X4"])
    inputs = [InputQuantity.distributed(s, Rectangular.about(0, sqrt(3))) for s in model.names]
    exact, delta = 2 * sqrt(3) * (2 - 0.6**0.25), numerical_tolerance(2.0)
    print("JCGM 101:2008, 9.2.3: runs of 400 with every number within δ = 0.05")
    for rule in ("stein", "jcgm101"):
        met = 0
        for seed in range(400):
            r = simulate(model, inputs, seed=seed, rule=rule, tolerance=delta)
            numbers = (r.estimate, r.standard_uncertainty, r.symmetric.low, r.symmetric.high)
            truth = (0.0, 2.0, -exact, exact)
            met += all(abs(n - t) <= delta for n, t in zip(numbers, truth, strict=True))
        print(f"  rule {rule}: {met} of 400" + ("   wanted ≥ 396" if rule == "stein" else ""))


def start() -> None:
    def load() -> None:
        subprocess.run([sys.executable, "-c", "import procedures.budget"], check=True)

    def nothing() -> None:
        subprocess.run([sys.executable, "-c", ""], check=True)

    took = seconds(load, number=1, runs=5) - seconds(nothing, number=1, runs=5)
    print(f"import procedures.budget: {took:.2f} s   wanted < 0.5 s")


def main() -> None:
    gtc, package = peer("GTC"), peer("suncal")
    suncal = None if package is None else of_suncal(package)
    one_budget(gtc, suncal)
    many_budgets(gtc)
    trials(suncal)
    stated_tolerance()
    start()


if __name__ == "__main__":
    main()
