"""How fast the measurement core is, beside GTC and suncal run here and now on the same machine.

    uv run --with suncal python benchmarks/uncertainty.py

JCGM 100:2008, H.1 with nine inputs. Each figure is the median of five runs, in which all contenders
take turns, with the fastest and the slowest in brackets; ratios are those of the medians. Times are
processor times of this process, which other programs on the machine disturb less than the clock on
the wall; only of Monte Carlo, which has two threads, the wall's are given as well. GTC is in
the `oracles` group. suncal is under the GPL: it is run where it happens to be installed, as the
command above does for this one run, and nothing of the project imports it. The k of whole ν are
remembered by our program, and each run asks for the same one, as repeated budgets do.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import sqrt
from os import getloadavg
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


RUNS = 5


@dataclass(frozen=True)
class Contender:
    """Something to time: what one call does, and how many calls make one run."""

    work: Callable[[], object]
    calls: int = 1

    def run(self, clock: Callable[[], float]) -> float:
        started = clock()
        for _ in range(self.calls):
            self.work()
        return (clock() - started) / self.calls


@dataclass(frozen=True)
class Times:
    """The seconds that one call took in each run."""

    runs: list[float]

    @property
    def median(self) -> float:
        return median(self.runs)

    def __str__(self) -> str:
        scale, unit = next(
            (s, u)
            for s, u in ((1e6, "µs"), (1e3, "ms"), (1.0, "s"))
            if self.median * s < 1000 or u == "s"
        )
        low, high = min(self.runs) * scale, max(self.runs) * scale
        return f"{self.median * scale:.3g} {unit} [{low:.3g}, {high:.3g}]"


def interleaved(
    clock: Callable[[], float] = time.process_time, **contenders: Contender | None
) -> dict[str, Times]:
    """The times of several contenders, one run of each in turn, after a call to warm up."""
    present = {name: each for name, each in contenders.items() if each is not None}
    for each in present.values():
        each.work()
    runs = [{name: each.run(clock) for name, each in present.items()} for _ in range(RUNS)]
    return {name: Times([run[name] for run in runs]) for name in present}


def peer(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        print(f"  {name} is not installed: not compared")
        return None


def compared(what: str, times: dict[str, Times], ours: str, theirs: str, wanted: str) -> None:
    print(f"  {what}: {times[ours]}", end="")
    if theirs in times:
        ratio = times[theirs].median / times[ours].median
        print(f"; {theirs} {times[theirs]}: {ratio:.1f}×   wanted {wanted}")
    else:
        print(f"; {theirs} absent   wanted {wanted}")


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
        """y, u, ν and the 95 % interval: suncal finds the last two when asked for it."""
        result = model.monte_carlo(samples=trials) if trials else model.calculate_gum()
        return result.expanded()

    return run


def one_budget(gtc: ModuleType | None, suncal: Callable[[int], object] | None) -> None:
    propagation = Propagation(MODEL, NU)

    def kernel() -> float:
        _, _, nu = propagation.one(ESTIMATES, UNCERTAINTIES)
        return coverage_factor(0.99, nu)

    def of_gtc_with_k() -> float:
        _, _, nu = of_gtc(gtc)
        return float(gtc.reporting.k_factor(nu, 99))

    times = interleaved(
        kernel=Contender(kernel, 5000),
        full=Contender(lambda: evaluate(MODEL, INPUTS), 1000),
        GTC=Contender(of_gtc_with_k, 300) if gtc else None,
        GTC_without_k=Contender(partial(of_gtc, gtc), 300) if gtc else None,
        suncal=Contender(lambda: suncal(0), 3) if suncal else None,
    )
    print("one budget")
    compared("y, u, ν, k", times, "kernel", "GTC", "≥ 30×")
    compared("y, u, ν, k", times, "kernel", "suncal", "≥ 2000×")
    compared("full result with its table", times, "full", "GTC_without_k", "≥ 5×")


def many_budgets(gtc: ModuleType | None) -> None:
    generator = np.random.default_rng(1)
    propagation = Propagation(MODEL, NU)
    x = [v * (1 + 1e-6 * generator.standard_normal(ROWS)) for v in ESTIMATES]
    u = [v * (1 + 0.01 * generator.random(ROWS)) for v in UNCERTAINTIES]
    fixed = [np.float64(v) for v in UNCERTAINTIES]
    value = MODEL.on_arrays("y")

    def loop() -> None:
        for _ in range(ROWS):
            of_gtc(gtc)

    times = interleaved(
        y_alone=Contender(lambda: value(*x), 20),
        varied=Contender(lambda: propagation.many(x, u), 10),
        same=Contender(lambda: propagation.many(x, fixed), 10),
        GTC_loop=Contender(loop) if gtc else None,
    )
    print(f"{ROWS} budgets in one call; y alone over arrays: {times['y_alone']}")
    for what, ours in (("every estimate and u different", "varied"), ("u the same", "same")):
        compared(what, times, ours, "GTC_loop", "≥ 2000×")
        floor = times[ours].median / times["y_alone"].median
        print(f"    times y alone: {floor:.1f}   wanted ≤ 10")


def trials(suncal: Callable[[int], object] | None) -> None:
    sampler = Sampler(MODEL, INPUTS)
    blocks = range(TRIALS // FIXED_BLOCK + 1)

    def draws() -> None:
        for block in blocks:
            sampler.draw(1, block, FIXED_BLOCK)

    contenders = {
        "bare_draws": Contender(draws),
        "ours": Contender(lambda: simulate(MODEL, INPUTS, seed=1, rule="fixed", trials=TRIALS)),
        "suncal": Contender(lambda: suncal(TRIALS)) if suncal else None,
    }
    print(f"Monte Carlo, {TRIALS} trials with both intervals")
    for what, clock in (("wall", time.perf_counter), ("processor", time.process_time)):
        times = interleaved(clock, **contenders)
        compared(f"{what} time", times, "ours", "suncal", "≥ 2.5×")
        floor = times["ours"].median / times["bare_draws"].median
        print(f"    times the bare draws, {times['bare_draws']}: {floor:.2f}   wanted ≤ 1.6")


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

    times = interleaved(time.perf_counter, load=Contender(load), nothing=Contender(nothing))
    took = times["load"].median - times["nothing"].median
    print(f"import procedures.budget: {took:.2f} s beyond Python's start   wanted < 0.5 s")


def main() -> None:
    gtc, package = peer("GTC"), peer("suncal")
    suncal = None if package is None else of_suncal(package)
    print(f"load of the machine: {getloadavg()[0]:.1f}")
    one_budget(gtc, suncal)
    many_budgets(gtc)
    trials(suncal)
    stated_tolerance()
    start()


if __name__ == "__main__":
    main()
