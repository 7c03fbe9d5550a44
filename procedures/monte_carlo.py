"""Propagation of distributions by a Monte Carlo method (JCGM 101:2008).

Every block of trials has its own random stream, seeded by the run's seed and the block's number,
so that a run is repeated bit for bit however its blocks are shared out among threads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil, factorial, floor, hypot, inf, isfinite, pi, sqrt
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from procedures.coverage import special_functions
from procedures.differentiation import keep_freed_memory
from procedures.errors import InvalidInput, ModelUndefined
from procedures.fields import require_positive, require_probability
from procedures.models import MeasurementModel
from procedures.quantities import (
    Correlation,
    CurvilinearTrapezoidal,
    Distribution,
    Ensemble,
    Exponential,
    Gamma,
    InputQuantity,
    Normal,
    Rectangular,
    StudentT,
    Trapezoidal,
    Triangular,
    UShaped,
    correlation_matrix,
    in_order,
    lower_factor,
    with_shared_influences,
)

FloatArray = NDArray[np.float64]
Rule = Literal["stein", "jcgm101", "fixed"]
Progress = Callable[[int, int], None]
Drawn = TypeVar("Drawn")

FIRST_STAGE_BLOCKS: Final = 20
FIXED_BLOCK: Final = 16384
CONFIDENCE: Final = 0.99
TOO_MANY: Final = 1e9
MOST_TRIALS: Final = 5_000_000
THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class HowManyTrials:
    """How many trials an evaluation makes, where it makes any.

    Attributes:
        rule: "stein" or "jcgm101", until a tolerance is met; "fixed", a given number.
        significant_digits: 1 or 2, of u(y), that the tolerance δ leaves standing.
        trials: M of the rule "fixed", 1000 … 100 000 000; None of the others.
    """

    rule: Rule = "stein"
    significant_digits: int = 2
    trials: int | None = None

    def __post_init__(self) -> None:
        if self.significant_digits not in {1, 2}:
            raise InvalidInput("significant_digits", f"must be 1 or 2: {self.significant_digits!r}")
        _check_rule(self.rule, self.trials)


@dataclass(frozen=True, slots=True)
class Interval:
    """A coverage interval, both ends in the unit of the output quantity."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarloResult:
    """What M trials say of an output quantity.

    Attributes:
        output: its name.
        estimate: the mean, or None where an input has none (t with ν ≤ 1).
        standard_uncertainty: the standard deviation, or None where an input has none (ν ≤ 2).
        median: the middle of the trials.
        coverage_probability: p of both intervals.
        symmetric: the probabilistically symmetric coverage interval.
        shortest: the shortest coverage interval.
        trials: M.
        rule: how M was found.
        seed: with which the same numbers come out again.
        tolerance: δ, in the unit of Y; None where M was given.
        tolerance_reached: whether every reported number is within δ, at 99 % confidence for the
            rule "stein"; always False for a given M, of which nothing was asked.
    """

    output: str
    estimate: float | None
    standard_uncertainty: float | None
    median: float
    coverage_probability: float
    symmetric: Interval
    shortest: Interval
    trials: int
    rule: Rule
    seed: int
    tolerance: float | None
    tolerance_reached: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """First order against Monte Carlo (JCGM 101:2008, clause 8): a verdict, with its numbers.

    Attributes:
        low_difference: |y − U_p − y_low|, in the unit of Y.
        high_difference: |y + U_p − y_high|.
        tolerance: δ, which neither may exceed.
        agrees: whether the first-order interval is validated.
    """

    low_difference: float
    high_difference: float
    tolerance: float
    agrees: bool

    @property
    def largest_difference(self) -> float:
        """The larger of the two differences, in the unit of Y."""
        return max(self.low_difference, self.high_difference)


def numerical_tolerance(standard_uncertainty: float, *, significant_digits: int = 2) -> float:
    """Return δ, half a unit of the last of the digits regarded as meaningful in u(y).

    Args:
        standard_uncertainty: u(y) > 0.
        significant_digits: how many are regarded as meaningful, 1 or 2 as a rule.

    Raises:
        InvalidInput: u(y) is not a number > 0, or so small that no float is half its last digit.

    Source: JCGM 101:2008, 7.9.2.

    >>> numerical_tolerance(0.00035, significant_digits=2)
    5e-06
    """
    u = require_positive("standard_uncertainty", standard_uncertainty)
    exponent = int(f"{u:.{significant_digits - 1}e}".partition("e")[2])  # of 0.0996 that of 0.10
    tolerance = float(f"5e{exponent - significant_digits}")
    if not tolerance:
        raise InvalidInput("standard_uncertainty", f"is too small to have a tolerance, got {u}")
    return tolerance


def compare(low: float, high: float, result: MonteCarloResult, *, tolerance: float) -> Comparison:
    """Return how a first-order coverage interval compares with that of a Monte Carlo run.

    Source: JCGM 101:2008, 8.1.
    """
    low_difference = abs(low - result.symmetric.low)
    high_difference = abs(high - result.symmetric.high)
    agrees = max(low_difference, high_difference) <= tolerance
    return Comparison(low_difference, high_difference, tolerance, agrees)


def simulate(
    model: MeasurementModel,
    inputs: Iterable[InputQuantity],
    *,
    seed: int,
    correlations: Iterable[Correlation] = (),
    ensembles: Iterable[Ensemble] = (),
    output: str | None = None,
    coverage_probability: float = 0.95,
    rule: Rule = "stein",
    trials: int | None = None,
    tolerance: float | None = None,
    significant_digits: int = 2,
    most_trials: int = MOST_TRIALS,
    progress: Progress | None = None,
) -> MonteCarloResult:
    """Propagate the distributions of the input quantities through a measurement model.

    The rule "stein" takes twenty blocks, sees how much they scatter, and adds as many as bring the
    mean, u and both ends of the symmetric interval within δ of their true values at 99 %
    confidence. The rule "jcgm101" is the one printed in 7.9, which stops too early too often.
    Correlated inputs are drawn by a normal copula; an ensemble's by one multivariate t.

    Args:
        model: Y = f(X_1, …, X_N).
        inputs: one quantity for each name of the model.
        seed: of the random streams, ≥ 0.
        correlations: of pairs of inputs.
        ensembles: inputs that were observed simultaneously, with their common ν.
        output: which output quantity, where the model has several.
        coverage_probability: p, in (0, 1).
        rule: how many trials; "fixed" takes `trials`.
        trials: M ≥ 1000, for the rule "fixed" only.
        tolerance: δ > 0 in the unit of Y; by default that of the digits of u(y).
        significant_digits: of u(y), for that default.
        most_trials: where to stop in any case; the result then says the tolerance is not reached.
        progress: told the number of trials done and planned, after each block.

    Raises:
        ModelUndefined: the model has no value at some of the trials.
        InvalidInput: an argument lies outside its range.

    Source: JCGM 101:2008, clause 7; G. Wübbeler, P. M. Harris, M. G. Cox and C. Elster,
    Metrologia 47 (2010) 317–324 (two-stage procedure).
    """
    _check_arguments(coverage_probability, seed, rule, trials, tolerance)
    name = model.output_named(output)
    sampler = Sampler(model, inputs, correlations, ensembles)
    if trials is not None:
        return _fixed(sampler, name, coverage_probability, seed, trials, progress)
    run = _Run(sampler, name, coverage_probability, seed, significant_digits, most_trials, progress)
    if rule == "stein":
        delta, reached = _two_stages(run, tolerance)
    else:
        delta, reached = _as_jcgm101(run, tolerance)
    return run.result(rule, delta, reached=reached)


def _two_stages(run: "_Run", tolerance: float | None) -> tuple[float, bool]:
    run.extend_to(FIRST_STAGE_BLOCKS)
    delta = run.tolerance() if tolerance is None else tolerance
    quantile = (1 + CONFIDENCE ** (1 / 4)) / 2  # four numbers are to hold together
    t = float(special_functions().stdtrit(FIRST_STAGE_BLOCKS - 1, quantile))
    wanted = t * run.scatter() / delta if delta else 0.0
    needed = floor(min(wanted, TOO_MANY) ** 2) + 1
    run.extend_to(min(max(needed, FIRST_STAGE_BLOCKS), run.most_blocks))
    return delta, needed <= run.most_blocks


def _as_jcgm101(run: "_Run", tolerance: float | None) -> tuple[float, bool]:
    run.extend_to(2)
    while True:
        delta = run.tolerance() if tolerance is None else tolerance
        if 2 * run.scatter() / sqrt(run.blocks) <= delta:
            return delta, True
        if run.blocks >= run.most_blocks:
            return delta, False
        run.extend_to(run.blocks + 1)


def _check_arguments(
    p: float, seed: int, rule: str, trials: int | None, tolerance: float | None
) -> None:
    require_probability("coverage_probability", p)
    if type(seed) is not int or seed < 0:
        raise InvalidInput("seed", f"must be a whole number ≥ 0, got {seed!r}")
    _check_rule(rule, trials)
    if tolerance is not None:
        require_positive("tolerance", tolerance)


def _check_rule(rule: str, trials: int | None) -> None:
    if rule not in {"stein", "jcgm101", "fixed"}:
        raise InvalidInput("rule", f"must be stein, jcgm101 or fixed, got {rule!r}")
    if (rule == "fixed") != (trials is not None):
        raise InvalidInput("trials", "are given with the rule fixed, and only with it")
    if trials is not None and not 1000 <= trials <= 100_000_000:
        raise InvalidInput("trials", f"must lie in 1000 … 100 000 000, got {trials}")


class _Run:
    """The blocks of one adaptive run and what is known from them."""

    def __init__(
        self,
        sampler: "Sampler",
        output: str,
        p: float,
        seed: int,
        significant_digits: int,
        most_trials: int,
        progress: Progress | None,
    ) -> None:
        self._sampler = sampler
        self._digits = significant_digits
        self._output = output
        self._p = p
        self._seed = seed
        self._progress = progress
        self._size = max(10_000, ceil(100 / (1 - p)))
        self.most_blocks = max(FIRST_STAGE_BLOCKS, most_trials // self._size)
        self._trials: list[FloatArray] = []
        self._numbers: list[tuple[float, float, float, float]] = []

    @property
    def blocks(self) -> int:
        return len(self._trials)

    def extend_to(self, blocks: int) -> None:
        """Draw blocks until there are so many."""
        for trials in _in_threads(self._block, range(self.blocks, blocks)):
            self._trials.append(trials)
            with np.errstate(over="ignore", invalid="ignore"):
                mean = float(trials.mean())
                variance = float(np.square(trials - mean).sum()) / (len(trials) - 1)
            _require_calculable(trials, mean, variance, self._output)
            self._numbers.append((mean, variance, *_symmetric(trials, self._p)))
            if self._progress is not None:
                self._progress(self.blocks * self._size, blocks * self._size)

    def _block(self, block: int) -> FloatArray:
        values = self._sampler.output_trials(self._output, self._seed, block, self._size)
        values.sort()
        _require_finite_trials(values, self._output)
        return values

    def scatter(self) -> float:
        """Return the largest scatter, over blocks, of the numbers that are to be reported."""
        table = np.array(self._numbers)
        table[:, 1] = np.sqrt(table[:, 1])
        exist = [self._sampler.moments >= 1, self._sampler.moments >= 2, True, True]
        return float(np.std(table, axis=0, ddof=1)[exist].max())

    def tolerance(self) -> float:
        """Return δ of the digits of u(y), or of half the interval where u(y) does not exist."""
        table = np.array(self._numbers).mean(axis=0)
        exists = self._sampler.moments >= 2
        u = sqrt(table[1]) if exists else float(table[3] - table[2]) / 2
        return numerical_tolerance(u, significant_digits=self._digits) if u else 0.0

    def result(self, rule: Rule, tolerance: float, *, reached: bool) -> MonteCarloResult:
        """Return the means of the blocks' numbers; the shortest interval is that of all trials."""
        mean, variance, low, high = (float(x) for x in np.array(self._numbers).mean(axis=0))
        trials = np.concatenate(self._trials)
        trials.sort()
        return MonteCarloResult(
            output=self._output,
            estimate=mean if self._sampler.moments >= 1 else None,
            standard_uncertainty=sqrt(variance) if self._sampler.moments >= 2 else None,
            median=float(trials[len(trials) // 2]),
            coverage_probability=self._p,
            symmetric=Interval(low, high),
            shortest=Interval(*_shortest(trials, self._p)),
            trials=len(trials),
            rule=rule,
            seed=self._seed,
            tolerance=tolerance,
            tolerance_reached=reached,
        )


def _fixed(
    sampler: "Sampler", output: str, p: float, seed: int, trials: int, progress: Progress | None
) -> MonteCarloResult:
    (ordered,) = fixed_trials(sampler, [output], seed, trials, progress)
    ordered.sort()
    _require_finite_trials(ordered, output)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(ordered.mean()), float(ordered.std(ddof=1))
    _require_calculable(ordered, mean, deviation * deviation, output)
    return MonteCarloResult(
        output=output,
        estimate=mean if sampler.moments >= 1 else None,
        standard_uncertainty=deviation if sampler.moments >= 2 else None,
        median=float(ordered[trials // 2]),
        coverage_probability=p,
        symmetric=Interval(*_symmetric(ordered, p)),
        shortest=Interval(*_shortest(ordered, p)),
        trials=trials,
        rule="fixed",
        seed=seed,
        tolerance=None,
        tolerance_reached=False,
    )


def fixed_trials(
    sampler: "Sampler", outputs: Sequence[str], seed: int, trials: int, progress: Progress | None
) -> FloatArray:
    """Return M trials of several outputs, drawn together, unchecked; shape (m, M)."""
    values = np.empty((len(outputs), trials))

    def fill(block: int) -> int:
        part = values[:, block * FIXED_BLOCK : (block + 1) * FIXED_BLOCK]
        size = int(part.shape[1])
        arguments = sampler.draw(seed, block, size)
        with np.errstate(all="ignore"):
            for row, output in zip(part, outputs, strict=True):
                row[:] = sampler.model.on_arrays(output)(*arguments)
        return size

    done = 0
    for drawn in _in_threads(fill, range(ceil(trials / FIXED_BLOCK))):
        done += drawn
        if progress is not None:
            progress(done, trials)
    return values


def fixed_outputs(
    sampler: "Sampler",
    outputs: Sequence[str],
    seed: int,
    trials: int,
    progress: Progress | None = None,
) -> FloatArray:
    """Return M trials of several outputs, drawn together; shape (m, M).

    Raises:
        ModelUndefined: an output has no finite value in some of them.
    """
    values = fixed_trials(sampler, outputs, seed, trials, progress)
    for row, output in zip(values, outputs, strict=True):
        if not np.isfinite(row).all():
            _require_finite_trials(np.sort(row), output)
    return values


def _require_finite_trials(ordered: FloatArray, output: str) -> None:
    if not (isfinite(ordered[0]) and isfinite(ordered[-1])):  # NaN is sorted to the end
        wrong = int(np.count_nonzero(~np.isfinite(ordered)))
        reason = f"the model has no finite value in {wrong} of {len(ordered)} trials"
        raise ModelUndefined(output, reason)


def _require_calculable(ordered: FloatArray, mean: float, variance: float, output: str) -> None:
    """Refuse trials whose squares leave the range of a float: their u would be 0, or NaN."""
    differ = ordered[0] != ordered[-1]
    if not abs(mean) < 1e300 or (differ and not 1e-290 < variance < 1e290):
        reason = f"its trials, {ordered[0]:g} to {ordered[-1]:g}, leave the range of a float"
        raise ModelUndefined(output, reason)


def _in_threads(work: Callable[[int], Drawn], blocks: range) -> Iterator[Drawn]:
    if len(blocks) == 1:
        yield work(blocks[0])
        return
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(work, blocks)


def _symmetric(ordered: FloatArray, p: float) -> tuple[float, float]:
    """Return the symmetric interval of ordered trials (JCGM 101:2008, 7.7.2)."""
    covered = min(floor(p * len(ordered) + 0.5), len(ordered) - 1)
    first = (len(ordered) - covered + 1) // 2
    return float(ordered[first - 1]), float(ordered[first + covered - 1])


def _shortest(ordered: FloatArray, p: float) -> tuple[float, float]:
    """Return the shortest interval of ordered trials (JCGM 101:2008, 7.7.4).

    Of intervals whose lengths the trials cannot tell apart, it is the middle one: of a nearly flat
    distribution the shortest would else lie anywhere.
    """
    total = len(ordered)
    covered = min(floor(p * total + 0.5), total - 1)
    lengths = ordered[covered:] - ordered[: total - covered]
    first = int(lengths.argmin())
    noise = hypot(_scatter_of(ordered, first), _scatter_of(ordered, first + covered))
    alike = np.flatnonzero(lengths <= lengths[first] + 2 * noise)
    first = int(alike[len(alike) // 2])
    return float(ordered[first]), float(ordered[first + covered])


def _scatter_of(ordered: FloatArray, position: int) -> float:
    """Return the standard deviation of an order statistic, from the trials around it."""
    total = len(ordered)
    away = round(sqrt(position * (1 - position / total)))
    around = ordered[[max(position - away, 0), min(position + away, total - 1)]]
    return float(around[1] - around[0]) / 2


# ── Drawing from the distributions of the inputs ─────────────────────────────────────────────


class Sampler:
    """Draws the input quantities of a model, independent, correlated or from an ensemble."""

    def __init__(
        self,
        model: MeasurementModel,
        inputs: Iterable[InputQuantity],
        correlations: Iterable[Correlation] = (),
        ensembles: Iterable[Ensemble] = (),
    ) -> None:
        keep_freed_memory()
        quantities = in_order(model.names, inputs)
        stated, groups = with_shared_influences(quantities, correlations, ensembles)
        matrix = correlation_matrix(model.names, stated)
        nu_of = {s: group.degrees_of_freedom for group in groups for s in group.symbols}
        self.model = model
        self.distributions = [_drawn(q, nu_of.get(q.symbol)) for q in quantities]
        self._joint = [
            _Joint(model.names, members, matrix, groups, self.distributions)
            for members in _connected(model.names, stated, groups)
        ]
        jointly = {i for joint in self._joint for i in joint.members}
        self._alone = [i for i in range(len(quantities)) if i not in jointly]

    @property
    def moments(self) -> int:
        """How many of mean and standard deviation exist for every input: 0, 1 or 2."""
        nus = [d.degrees_of_freedom for d in self.distributions if isinstance(d, StudentT)]
        smallest = min(nus, default=inf)
        return int(smallest > 1) + int(smallest > 2)

    def output_trials(self, output: str, seed: int, block: int, size: int) -> FloatArray:
        """Return one block of trials of an output, unchecked; shape (size,)."""
        arguments = self.draw(seed, block, size)
        with np.errstate(all="ignore"):
            values = self.model.on_arrays(output)(*arguments)
        return np.array(np.broadcast_to(values, (size,)), dtype=np.float64)

    def draw(self, seed: int, block: int, size: int) -> list[FloatArray | float]:
        """Return one block of trials of each input, in the order of the model's names."""
        stream = np.random.SeedSequence(seed, spawn_key=(block,))
        generator = np.random.Generator(np.random.SFC64(stream))
        drawn: list[FloatArray | float] = [0.0] * len(self.distributions)
        with np.errstate(over="ignore"):  # the trials are judged by what the model makes of them
            for i in self._alone:
                drawn[i] = _draw(self.distributions[i], generator, size)
            for joint in self._joint:
                for i, values in zip(joint.members, joint.draw(generator, size), strict=True):
                    drawn[i] = values
        return drawn


class _Joint:
    """Inputs that are drawn together: correlated, or of one ensemble."""

    def __init__(
        self,
        names: Sequence[str],
        members: Sequence[int],
        matrix: FloatArray,
        ensembles: Sequence[Ensemble],
        distributions: Sequence[Distribution],
    ) -> None:
        self.members = members
        self._lower = lower_factor(matrix[np.ix_(members, members)])
        self._distributions = [distributions[i] for i in members]
        symbols = [names[i] for i in members]
        self._ensembles = [
            (ensemble.degrees_of_freedom, [symbols.index(s) for s in ensemble.symbols])
            for ensemble in ensembles
            if set(ensemble.symbols) <= set(symbols)
        ]
        for symbol, distribution in zip(symbols, self._distributions, strict=True):
            if isinstance(distribution, CurvilinearTrapezoidal):
                reason = "a curvilinear trapezoid cannot be drawn correlated"
                raise InvalidInput(f"{symbol}.distribution", reason)

    def draw(self, generator: np.random.Generator, size: int) -> list[FloatArray]:
        normal = self._lower @ generator.standard_normal((len(self.members), size))
        drawn = [
            _quantile(distribution, z)
            for distribution, z in zip(self._distributions, normal, strict=True)
        ]
        for nu, positions in self._ensembles:
            stretch = np.sqrt(nu / generator.chisquare(nu, size))
            for i in positions:
                distribution = self._distributions[i]
                if isinstance(distribution, StudentT):
                    drawn[i] = distribution.location + distribution.scale * stretch * normal[i]
        return drawn


def _drawn(quantity: InputQuantity, nu_of_ensemble: float | None) -> Distribution:
    """Return what an input is drawn from (JCGM 101:2008, 6.4.7 and 6.4.9)."""
    if quantity.distribution is not None:
        return quantity.distribution
    x, u = quantity.estimate, quantity.standard_uncertainty
    nu = quantity.degrees_of_freedom if nu_of_ensemble is None else nu_of_ensemble
    return StudentT(x, u, nu) if u and isfinite(nu) else Normal(x, u)


def _connected(
    names: Sequence[str], correlations: Iterable[Correlation], ensembles: Iterable[Ensemble]
) -> list[list[int]]:
    """Return the groups of two or more inputs that are correlated or of one ensemble."""
    group = {name: {name} for name in names}
    links = [(c.first, c.second) for c in correlations if c.coefficient]
    links += [(e.symbols[0], symbol) for e in ensembles for symbol in e.symbols]
    for first, second in links:
        if group[first] is not group[second]:
            merged = group[first] | group[second]
            for name in merged:
                group[name] = merged
    position = {name: i for i, name in enumerate(names)}
    distinct = {id(members): members for members in group.values() if len(members) > 1}
    return [sorted(position[name] for name in members) for members in distinct.values()]


def _draw(
    distribution: Distribution, generator: np.random.Generator, size: int
) -> FloatArray | float:
    """Return independent draws (JCGM 101:2008, 6.4); the number itself, where it is certain."""
    if not distribution.standard_uncertainty:
        return distribution.expectation
    x, u = distribution.expectation, distribution.standard_uncertainty
    match distribution:
        case Normal():
            drawn = _scaled(generator.standard_normal(size), u, x)
        case StudentT(scale=scale, degrees_of_freedom=nu):
            drawn = _scaled(_standard_t(nu, generator, size), scale, x)
        case Rectangular(low=low, high=high):
            drawn = _scaled(generator.random(size), high - low, low)
        case CurvilinearTrapezoidal(low=low, high=high, inexactness=d):
            lower = _scaled(generator.random(size), 2 * d, low - d)
            drawn = lower + (low + high - 2 * lower) * generator.random(size)
        case UShaped(half_width=half_width):
            drawn = _scaled(_cosines(generator, size), half_width, x)
        case Exponential():
            drawn = _scaled(generator.standard_exponential(size), x, 0.0)
        case Gamma(shape=shape, scale=scale):
            drawn = _scaled(generator.standard_gamma(shape, size), scale, 0.0)
        case Triangular() | Trapezoidal():
            top = distribution.top_ratio if isinstance(distribution, Trapezoidal) else 0.0
            wide = _scaled(generator.random(size), (1 + top) * distribution.half_width, 0.0)
            narrow = _scaled(generator.random(size), (1 - top) * distribution.half_width, 0.0)
            drawn = distribution.low + wide + narrow
        case _:
            raise TypeError(distribution)
    return drawn


def _scaled(values: FloatArray, scale: float, shift: float) -> FloatArray:
    """Scale and shift draws where they lie, which spares a third of the time of drawing."""
    values *= scale
    if shift:
        values += shift
    return values


def _standard_t(nu: float, generator: np.random.Generator, size: int) -> FloatArray:
    """Return t-distributed draws by the polar method of R. W. Bailey, Math. Comp. 62 (1994) 779.

    Its −ln U is drawn as it is distributed. Beyond 1e8 degrees of freedom it is normal.
    """
    if nu > 1e8:
        return generator.standard_normal(size)
    radius = generator.standard_exponential(size)
    radius *= 2 / nu
    np.exp(radius, out=radius)
    radius -= 1
    radius *= nu
    np.sqrt(radius, out=radius)
    radius *= _cosines(generator, size)
    return radius


# Taylor coefficients of sin(πx); on half a turn its error stays below 1e-9.
_SINE: Final = [(-1) ** k * pi ** (2 * k + 1) / factorial(2 * k + 1) for k in range(7)]


def _cosines(generator: np.random.Generator, size: int) -> FloatArray:
    """Return cosines of uniformly distributed angles, in a third of the time of `np.cos`."""
    x = generator.random(size)
    x -= 0.5
    square = x * x
    sine: FloatArray = _SINE[-1] * square
    for coefficient in _SINE[-2:0:-1]:
        sine += coefficient
        sine *= square
    sine += _SINE[0]
    sine *= x
    return sine


def _quantile(distribution: Distribution, z: FloatArray) -> FloatArray:
    """Return the values whose probabilities are those of standard normal z: the normal copula."""
    special = special_functions()
    values: Any
    match distribution:
        case Normal(mean=mean, standard_deviation=sd):
            values = mean + sd * z
        case StudentT(location=location, scale=scale, degrees_of_freedom=nu):
            values = location + scale * special.stdtrit(nu, special.ndtr(z))
        case Exponential(mean=mean):
            values = -mean * special.log_ndtr(-z)
        case Gamma(shape=shape, scale=scale):
            values = scale * special.gammaincinv(shape, special.ndtr(z))
        case Rectangular(low=low, high=high):
            values = low + (high - low) * special.ndtr(z)
        case UShaped():
            standard = np.sin(pi * (special.ndtr(z) - 0.5))
            values = distribution.expectation + distribution.half_width * standard
        case Triangular() | Trapezoidal():
            top = distribution.top_ratio if isinstance(distribution, Trapezoidal) else 0.0
            standard = _trapezoid_quantile(top, z)
            values = distribution.expectation + distribution.half_width * standard
        case _:
            raise TypeError(distribution)
    return np.asarray(values, dtype=np.float64)


def _trapezoid_quantile(top: float, z: FloatArray) -> FloatArray:
    """Return the quantiles of the trapezoid on ±1, from the nearer end."""
    tail: FloatArray = special_functions().ndtr(-np.abs(z))
    on_top = (1 + top) * (0.5 - tail)
    if top < 1:
        on_slope = 1 - np.sqrt(2 * (1 - top * top) * tail)
        on_top = np.where(tail < (1 - top) / (1 + top) / 2, on_slope, on_top)
    return np.copysign(on_top, z)
