"""What is asked of an uncertainty budget: the one form of a request's body and of a budget file.

The forms of knowledge about an input quantity stand here, each with how it becomes an
`InputQuantity`; the science itself is in `procedures`.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from procedures import quantities
from procedures.errors import (
    CorrelationsImpossible,
    InvalidInput,
    ModelRefused,
    ModelUndefined,
    QuantityUnknown,
    UnitMismatch,
)
from procedures.models import (
    MOST_CHARACTERS,
    MeasurementModel,
    compile_complex_model,
    compile_model,
)
from procedures.monte_carlo import HowManyTrials
from procedures.observations import (
    PooledStandardDeviation,
    autocorrelated_observations,
    one_way_anova,
    repeated_observations,
    simultaneous_observations,
)
from procedures.quantities import Correlation, Distribution, Ensemble, InputQuantity
from procedures.units import require_unit
from service.errors import InvalidField

MOST_INPUTS: Final = 100
MOST_OBSERVATIONS: Final = 10_000
MOST_GROUPS: Final = 1_000
MOST_CORRELATIONS: Final = 5_000
MOST_OUTPUTS: Final = 10
MOST_FIXED_TRIALS: Final = 10_000_000
SMALLEST_COVERAGE_PROBABILITY: Final = 0.5
LARGEST_COVERAGE_PROBABILITY: Final = 0.999
LARGEST_COVERAGE_FACTOR: Final = 100.0
LARGEST_NUMBER: Final = 1e60  # its fourth power is still a float

Number = Annotated[
    float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)
]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=LARGEST_NUMBER)]
NotNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=LARGEST_NUMBER)]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
CoverageFactor = Annotated[Positive, Field(le=LARGEST_COVERAGE_FACTOR)]
DegreesOfFreedom = Annotated[
    float,
    Field(
        strict=True,
        allow_inf_nan=False,
        ge=1,
        le=1e15,
        description="Leave it out for infinite ones.",
    ),
]
Symbol = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="Letters, digits and _, Greek letters unlike Latin ones: `l_S`, `θ`.",
    ),
]
Text = Annotated[str, Field(max_length=500)]
Unit = Annotated[str, Field(min_length=1, max_length=50, description='"1" for a number.')]
Expression = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description=(
            "The model f(X_1, …, X_N): numbers, the inputs' symbols, pi, + - * / **, "
            "parentheses, and abs min max sqrt exp expm1 log log10 log1p sin cos tan asin "
            "acos atan atan2 sinh cosh tanh hypot. Angles in radians; log is natural."
        ),
    ),
]
Observations = Annotated[list[Number], Field(min_length=2, max_length=MOST_OBSERVATIONS)]


class Strict(BaseModel):
    """A part of a request: an unknown field is an error, and NaN or infinity never enters."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


# ── What may be known of an input quantity ───────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Label:
    """What every form of knowledge is joined with: symbol, unit, source, influence."""

    symbol: str
    unit: str
    source: str
    influence_id: UUID | None


class Value(Strict):
    """An estimate whose standard uncertainty is known already."""

    estimate: Number
    standard_uncertainty: NotNegative
    degrees_of_freedom: DegreesOfFreedom | None = None
    evaluation: Literal["A", "B"] = "B"

    def quantity(self, label: Label) -> InputQuantity:
        """Return it as an input quantity."""
        return InputQuantity(
            symbol=label.symbol,
            estimate=self.estimate,
            standard_uncertainty=self.standard_uncertainty,
            degrees_of_freedom=_or_infinite(self.degrees_of_freedom),
            evaluation=self.evaluation,
            unit=label.unit,
            source=label.source,
            influence_id=label.influence_id,
        )


class Certificate(Strict):
    """A value with U and k, as a calibration certificate states it (JCGM 100:2008, 4.3.3)."""

    estimate: Number
    expanded_uncertainty: NotNegative
    coverage_factor: CoverageFactor = 2.0
    degrees_of_freedom: DegreesOfFreedom | None = None

    def quantity(self, label: Label) -> InputQuantity:
        """Return it as an input quantity."""
        return InputQuantity.from_certificate(
            label.symbol,
            self.estimate,
            expanded_uncertainty=self.expanded_uncertainty,
            coverage_factor=self.coverage_factor,
            degrees_of_freedom=_or_infinite(self.degrees_of_freedom),
            unit=label.unit,
            source=label.source,
            influence_id=label.influence_id,
        )


class Repeated(Strict):
    """Repeated observations of one quantity: their mean, s/√n and n − 1 (4.2)."""

    values: Observations
    autocorrelated: Annotated[
        bool, Field(description="Neighbours resemble each other; needs at least 10 values.")
    ] = False

    def quantity(self, label: Label) -> InputQuantity:
        """Return their mean as an input quantity of Type A."""
        read = autocorrelated_observations if self.autocorrelated else repeated_observations
        return _labelled(read(self.values).as_input(label.symbol), label)


class Pooled(Strict):
    """Few observations, and a standard deviation known from many earlier ones (4.2.4)."""

    values: Annotated[list[Number], Field(min_length=1, max_length=MOST_OBSERVATIONS)]
    standard_deviation: Annotated[NotNegative, Field(description="Of one observation.")]
    degrees_of_freedom: Annotated[DegreesOfFreedom, Field(description="Of that deviation.")]

    def quantity(self, label: Label) -> InputQuantity:
        """Return the mean of the few, with the uncertainty of the many, as Type A."""
        pool = PooledStandardDeviation(
            standard_deviation=self.standard_deviation, degrees_of_freedom=self.degrees_of_freedom
        )
        count = len(self.values)
        mean = repeated_observations(self.values).mean if count > 1 else self.values[0]
        return InputQuantity(
            symbol=label.symbol,
            estimate=mean,
            standard_uncertainty=pool.of_mean(count),
            degrees_of_freedom=self.degrees_of_freedom,
            evaluation="A",
            unit=label.unit,
            source=label.source,
            influence_id=label.influence_id,
        )


class Grouped(Strict):
    """Observations in groups, by day or by bottle: one-way analysis of variance (H.5)."""

    values: Annotated[
        list[Annotated[list[Number], Field(min_length=1, max_length=MOST_OBSERVATIONS)]],
        Field(min_length=2, max_length=MOST_GROUPS),
    ]

    def quantity(self, label: Label) -> InputQuantity:
        """Return the mean of all of them as an input quantity of Type A."""
        return _labelled(one_way_anova(self.values).mean_of_all().as_input(label.symbol), label)


class _Distributed(Strict):
    """A form of knowledge that is a probability distribution."""

    def quantity(self, label: Label) -> InputQuantity:
        """Return it as an input quantity of Type B."""
        return InputQuantity.distributed(
            label.symbol,
            self.distribution(),
            degrees_of_freedom=_or_infinite(getattr(self, "degrees_of_freedom", None)),
            unit=label.unit,
            source=label.source,
            influence_id=label.influence_id,
        )

    def distribution(self) -> Distribution:
        """Return the distribution."""
        raise NotImplementedError


class _HalfWidth(_Distributed):
    """Between estimate − half_width and estimate + half_width."""

    estimate: Number
    half_width: NotNegative
    degrees_of_freedom: DegreesOfFreedom | None = None


class Rectangular(_HalfWidth):
    """Only the limits ±a are known: u = a/√3 (JCGM 100:2008, 4.3.7)."""

    def distribution(self) -> Distribution:
        """Return the rectangular distribution."""
        return quantities.Rectangular.about(self.estimate, self.half_width)


class Triangular(_HalfWidth):
    """Values near the middle are likelier: u = a/√6 (JCGM 100:2008, 4.3.9)."""

    def distribution(self) -> Distribution:
        """Return the triangular distribution."""
        return quantities.Triangular.about(self.estimate, self.half_width)


class UShaped(_HalfWidth):
    """A sinusoidal variation: u = a/√2 (JCGM 101:2008, 6.4.6)."""

    def distribution(self) -> Distribution:
        """Return the arcsine distribution."""
        return quantities.UShaped.about(self.estimate, self.half_width)


class Trapezoidal(_HalfWidth):
    """A flat top of `top_ratio` times the base: u = a√((1 + β²)/6) (JCGM 100:2008, 4.3.9)."""

    top_ratio: Share

    def distribution(self) -> Distribution:
        """Return the trapezoidal distribution."""
        return quantities.Trapezoidal.about(
            self.estimate, self.half_width, top_ratio=self.top_ratio
        )


class CurvilinearTrapezoidal(_HalfWidth):
    """Limits known only within ±`inexactness` themselves (JCGM 101:2008, 6.4.3)."""

    inexactness: NotNegative

    def distribution(self) -> Distribution:
        """Return the curvilinear trapezoidal distribution."""
        return quantities.CurvilinearTrapezoidal.about(
            self.estimate, self.half_width, inexactness=self.inexactness
        )


class StudentT(_Distributed):
    """Student's t with its own scale; u = scale·√(ν/(ν − 2)), so ν > 2 (JCGM 101:2008, 6.4.9)."""

    estimate: Number
    scale: NotNegative
    degrees_of_freedom: Annotated[float, Field(strict=True, allow_inf_nan=False, gt=2, le=1e15)]

    def distribution(self) -> Distribution:
        """Return the scaled and shifted t-distribution."""
        return quantities.StudentT(self.estimate, self.scale, self.degrees_of_freedom)


class Exponential(_Distributed):
    """A quantity ≥ 0 of which only the best estimate is known (JCGM 101:2008, 6.4.10)."""

    mean: Positive

    def distribution(self) -> Distribution:
        """Return the exponential distribution."""
        return quantities.Exponential(self.mean)


class Gamma(_Distributed):
    """The gamma distribution (JCGM 101:2008, 6.4.11)."""

    shape: Positive
    scale: Positive

    def distribution(self) -> Distribution:
        """Return the gamma distribution."""
        return quantities.Gamma(self.shape, self.scale)


class Counts(_Distributed):
    """A number of events counted, none included (JCGM 101:2008, 6.4.11)."""

    observed: Annotated[int, Field(strict=True, ge=0, le=10**15)]

    def distribution(self) -> Distribution:
        """Return what the count says of the expected number."""
        return quantities.Gamma.of_counts(self.observed)


class Resolution(_Distributed):
    """An indication read to a step of the device: ± half a step (JCGM 100:2008, F.2.2.1)."""

    indication: Number
    step: NotNegative

    def distribution(self) -> Distribution:
        """Return the rectangular distribution of half a step to each side."""
        return quantities.resolution(self.indication, step=self.step)


Knowledge = Value | Certificate | Repeated | Pooled | Grouped | _Distributed


class InputRequest(Strict):
    """An input quantity X_i: its symbol, and exactly one thing that is known of it."""

    symbol: Symbol
    unit: Unit = "1"
    source: Text = ""
    influence_id: Annotated[
        UUID | None, Field(description="Inputs with one id are one influence: fully correlated.")
    ] = None
    value: Value | None = None
    certificate: Certificate | None = None
    observations: Repeated | None = None
    pooled: Pooled | None = None
    groups: Grouped | None = None
    rectangular: Rectangular | None = None
    triangular: Triangular | None = None
    u_shaped: UShaped | None = None
    trapezoidal: Trapezoidal | None = None
    curvilinear_trapezoidal: CurvilinearTrapezoidal | None = None
    t: StudentT | None = None
    exponential: Exponential | None = None
    gamma: Gamma | None = None
    counts: Counts | None = None
    resolution: Resolution | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in KNOWLEDGE if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            message = f"give exactly one of {', '.join(KNOWLEDGE)}; found {found}"
            raise ValueError(message)
        return self

    @property
    def given_as(self) -> str:
        """The field that says what is known."""
        return next(name for name in KNOWLEDGE if getattr(self, name) is not None)

    def quantity(self) -> InputQuantity:
        """Return the input quantity.

        Raises:
            InvalidInput: what is known cannot be so.
        """
        knowledge: Knowledge = getattr(self, self.given_as)
        label = Label(self.symbol, self.unit, self.source, self.influence_id)
        return knowledge.quantity(label)


KNOWLEDGE: Final = tuple(
    name
    for name in InputRequest.model_fields
    if name not in {"symbol", "unit", "source", "influence_id"}
)


class SimultaneousRequest(Strict):
    """Quantities that were observed together: their means, correlations and common ν.

    The i-th values of all series were taken together (JCGM 100:2008, 5.2.3 and H.2).
    """

    series: Annotated[dict[Symbol, Observations], Field(min_length=1, max_length=MOST_INPUTS)]
    units: dict[Symbol, Unit] = {}
    source: Text = ""


class CorrelationRequest(Strict):
    """The correlation coefficient r of two inputs, and why they are correlated."""

    first: Symbol
    second: Symbol
    coefficient: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1, le=1)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class EnsembleRequest(Strict):
    """Inputs estimated from one series of simultaneous observations, with its ν."""

    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=MOST_INPUTS)]
    degrees_of_freedom: DegreesOfFreedom


class MonteCarloRequest(Strict):
    """How many trials a Monte Carlo evaluation makes, where the method needs one."""

    rule: Annotated[
        Literal["stein", "jcgm101", "fixed"],
        Field(
            description=(
                "stein: two stages, within the tolerance at 99 % confidence; jcgm101: as printed "
                "in JCGM 101:2008, 7.9, which stops too early too often; fixed: `trials` of them."
            )
        ),
    ] = "stein"
    significant_digits: Annotated[
        Literal[1, 2], Field(description="Of u, that the tolerance leaves standing.")
    ] = 2
    trials: Annotated[
        int | None, Field(strict=True, ge=1000, le=MOST_FIXED_TRIALS, description="Of `fixed`.")
    ] = None

    @model_validator(mode="after")
    def _trials_of_fixed(self) -> Self:
        if (self.rule == "fixed") != (self.trials is not None):
            raise ValueError("trials are given with the rule fixed, and only with it")
        return self

    @property
    def how_many(self) -> HowManyTrials:
        """It as a value of the science."""
        return HowManyTrials(self.rule, self.significant_digits, self.trials)


class OutputRequest(Strict):
    """One of several output quantities."""

    symbol: Symbol
    expression: Expression
    unit: Unit = "1"


# ── The budget ───────────────────────────────────────────────────────────────────────────────


class BudgetRequest(Strict):
    """A measurement model and what is known of its input quantities."""

    output: Annotated[Symbol, Field(description="The name of Y.")] = "y"
    expression: Expression | None = None
    unit: Annotated[Unit, Field(description="The unit of Y.")] = "1"
    outputs: Annotated[
        list[OutputRequest],
        Field(
            max_length=MOST_OUTPUTS,
            description="Several output quantities of the same inputs, instead of one expression.",
        ),
    ] = []
    complex: Annotated[
        list[Symbol],
        Field(
            max_length=MOST_INPUTS,
            description=(
                "The complex quantities z of the formulas; their parts are the inputs z_re and "
                "z_im. Formulas then have i, + - * /, whole powers, and exp log sqrt abs arg conj "
                "real imag, and each output Y comes as Y_re and Y_im."
            ),
        ),
    ] = []
    inputs: Annotated[list[InputRequest], Field(max_length=MOST_INPUTS)] = []
    simultaneous_observations: Annotated[list[SimultaneousRequest], Field(max_length=20)] = []
    correlations: Annotated[list[CorrelationRequest], Field(max_length=MOST_CORRELATIONS)] = []
    ensembles: Annotated[list[EnsembleRequest], Field(max_length=MOST_INPUTS)] = []
    units: Annotated[
        Literal["checked", "as_written"],
        Field(
            description=(
                "checked: where an input states a unit, all must agree with the model in dimension "
                "and size. as_written: they are labels, for numerical-value equations."
            )
        ),
    ] = "checked"
    method: Annotated[
        Literal["auto", "first_order", "second_order", "monte_carlo"],
        Field(description="auto takes the simplest that is good enough, and says why."),
    ] = "auto"
    coverage_probability: Annotated[
        float,
        Field(
            strict=True,
            ge=SMALLEST_COVERAGE_PROBABILITY,
            le=LARGEST_COVERAGE_PROBABILITY,
            description="p of the coverage interval, and of k where no coverage_factor is given.",
        ),
    ] = 0.95
    coverage_factor: Annotated[
        CoverageFactor | None,
        Field(description="A stated k, usually 2; U = k u_c is then given without p."),
    ] = None
    compare_with_monte_carlo: Annotated[
        bool,
        Field(description="Validate also where the method needs no trials (JCGM 101, clause 8)."),
    ] = False
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63, description="Of the trials.")] = 1
    monte_carlo: MonteCarloRequest = MonteCarloRequest()

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.expression is None) == (not self.outputs):
            raise ValueError("give either an expression or outputs")
        if self.outputs and {"output", "unit"} & self.model_fields_set:
            raise ValueError("output and unit stand within each of the outputs")
        return self

    @property
    def models(self) -> list[OutputRequest]:
        """The output quantities asked for: one, or those of `outputs`."""
        if self.expression is None:
            return self.outputs
        return [OutputRequest(symbol=self.output, expression=self.expression, unit=self.unit)]

    @property
    def has_one_result(self) -> bool:
        """Whether one real quantity is asked for, so that one budget answers."""
        return self.expression is not None and not self.complex

    def pointer_to_model(self, field: str, output: str) -> str:
        """Return the pointer to a field of the output quantity that has, or whose part has, a name.

        Where none has it, that of the first.
        """
        if self.expression is not None:
            return f"/{'output' if field == 'symbol' else field}"
        names = [model.symbol for model in self.outputs]
        base = output if output in names else output.removesuffix("_re").removesuffix("_im")
        return f"/outputs/{names.index(base) if base in names else 0}/{field}"


@dataclass(frozen=True, slots=True)
class Question:
    """A budget request as the values of the science; `units` are those of the model's outputs."""

    model: MeasurementModel
    inputs: tuple[InputQuantity, ...]
    correlations: tuple[Correlation, ...]
    ensembles: tuple[Ensemble, ...]
    units: dict[str, str]
    units_checked: bool


def question_of(request: BudgetRequest) -> Question:
    """Return what is asked as a model, inputs, correlations and ensembles.

    Raises:
        InvalidField: something cannot be so; points at the field of the request.
    """
    inputs, correlations, ensembles = _stated(request)
    for place, series in enumerate(request.simultaneous_observations):
        where = f"/simultaneous_observations/{place}"
        with _pointing_at(where):
            together = simultaneous_observations(series.series, units=series.units)
        if unknown := next((name for name in series.units if name not in series.series), None):
            raise InvalidField(f"{where}/units/{unknown}", "there is no series of this name")
        inputs += [replace(found, source=series.source) for found in together.inputs]
        correlations += together.correlations
        ensembles.append(together.ensemble)
    _require_inputs_usable(request, inputs)
    _require_outputs_distinct(request)
    with pointing_into(request):
        model = _model(request, [x.symbol for x in inputs])
        units = _units_of_outputs(request, model)
        units_of_inputs = {x.symbol: x.unit for x in inputs}
        units_checked = request.units == "checked" and set(units_of_inputs.values()) != {"1"}
        if units_checked:
            for output, unit in units.items():
                if not model.is_constant(output):  # as the imaginary part of a real result is
                    require_unit(model, units_of_inputs, unit, output=output)
    return Question(
        model, tuple(inputs), tuple(correlations), tuple(ensembles), units, units_checked
    )


def _model(request: BudgetRequest, symbols: list[str]) -> MeasurementModel:
    expressions = {model.symbol: model.expression for model in request.models}
    if not request.complex:
        return compile_model(expressions, symbols)
    parts: set[str] = set()
    for place, name in enumerate(request.complex):
        if name in request.complex[:place]:
            raise InvalidField(f"/complex/{place}", f"{name!r} stands twice")
        for part in (f"{name}_re", f"{name}_im"):
            if part not in symbols:
                raise InvalidField(f"/complex/{place}", f"there is no input {part}")
            parts.add(part)
    plain = [symbol for symbol in symbols if symbol not in parts]
    return compile_complex_model(expressions, request.complex, real=plain)


def _units_of_outputs(request: BudgetRequest, model: MeasurementModel) -> dict[str, str]:
    parts = ("_re", "_im") if request.complex else ("",)
    units = {f"{asked.symbol}{part}": asked.unit for asked in request.models for part in parts}
    return {output: units[output] for output in model.outputs}


def _require_outputs_distinct(request: BudgetRequest) -> None:
    seen = set()
    for place, asked in enumerate(request.outputs):
        if asked.symbol in seen:
            raise InvalidField(f"/outputs/{place}/symbol", f"{asked.symbol!r} stands twice")
        seen.add(asked.symbol)


@contextmanager
def pointing_into(request: BudgetRequest) -> Iterator[None]:
    """Turn an error of the science into one that points at a field of the request.

    Raises:
        InvalidField: instead of the error inside, which is its cause.
    """
    try:
        yield
    except ModelRefused as error:
        output = next((m.symbol for m in request.models if m.expression == error.expression), "")
        raise InvalidField(request.pointer_to_model("expression", output), str(error)) from error
    except ModelUndefined as error:
        place = request.pointer_to_model("expression", error.output)
        raise InvalidField(place, str(error)) from error
    except CorrelationsImpossible as error:
        raise InvalidField("/correlations", str(error)) from error
    except QuantityUnknown as error:
        raise InvalidField(_place_of_symbol(request, error.symbol), str(error)) from error
    except UnitMismatch as error:
        reason = f'{error.reason}; units = "as_written" takes units as labels'
        raise InvalidField(_place_of_unit(request, error.field), reason) from error
    except InvalidInput as error:
        raise InvalidField(_place_of_field(request, error), error.reason) from error
    except InvalidField:
        raise
    except (ArithmeticError, ValueError) as error:  # a float's range was left on the way
        reason = "the numbers are too large or too small to calculate with"
        raise InvalidField(request.pointer_to_model("expression", ""), reason) from error


def _stated(
    request: BudgetRequest,
) -> tuple[list[InputQuantity], list[Correlation], list[Ensemble]]:
    inputs = []
    for place, said in enumerate(request.inputs):
        knowledge = type(getattr(said, said.given_as))
        with _pointing_at(f"/inputs/{place}/{said.given_as}", fields=knowledge.model_fields):
            inputs.append(said.quantity())
    correlations = []
    for place, pair in enumerate(request.correlations):
        with _pointing_at(f"/correlations/{place}"):
            correlations.append(Correlation(pair.first, pair.second, pair.coefficient, pair.reason))
    ensembles = []
    for place, group in enumerate(request.ensembles):
        with _pointing_at(f"/ensembles/{place}/symbols"):
            ensembles.append(Ensemble(tuple(group.symbols), group.degrees_of_freedom))
    return inputs, correlations, ensembles


@contextmanager
def _pointing_at(where: str, *, fields: Container[str] = ()) -> Iterator[None]:
    """Point at a part of the request, and at the field of it that an error names."""
    try:
        yield
    except InvalidInput as error:
        field = error.field.rpartition(".")[2]
        field = "values" if field in {"observations", "groups"} else field
        raise InvalidField(
            f"{where}/{field}" if field in fields else where, error.reason
        ) from error


def _require_inputs_usable(request: BudgetRequest, inputs: list[InputQuantity]) -> None:
    if not inputs:
        raise InvalidField("/inputs", "a model needs at least one input quantity")
    if len(inputs) > MOST_INPUTS:
        raise InvalidField("/simultaneous_observations", f"more than {MOST_INPUTS} inputs in all")
    seen = set()
    for x in inputs:
        if x.symbol in seen:
            place = _place_of_symbol(request, x.symbol, last=True)
            raise InvalidField(place, f"{x.symbol!r} stands twice")
        seen.add(x.symbol)


def _place_of_symbol(request: BudgetRequest, symbol: str, *, last: bool = False) -> str:
    """Return where a request names a symbol: in what uses it first, then where it is given."""
    used = [
        *(
            (f"/correlations/{i}/{end}", getattr(pair, end))
            for i, pair in enumerate(request.correlations)
            for end in ("first", "second")
        ),
        *(
            (f"/ensembles/{i}/symbols/{j}", name)
            for i, group in enumerate(request.ensembles)
            for j, name in enumerate(group.symbols)
        ),
    ]
    given = [
        *((f"/inputs/{i}/symbol", x.symbol) for i, x in enumerate(request.inputs)),
        *(
            (f"/simultaneous_observations/{i}/series/{name}", name)
            for i, together in enumerate(request.simultaneous_observations)
            for name in together.series
        ),
    ]
    places = [place for place, name in (given if last else used + given) if name == symbol]
    if not places:
        return request.pointer_to_model("symbol", symbol)
    return places[-1] if last else places[0]


def _place_of_unit(request: BudgetRequest, field: str) -> str:
    """Return the pointer to a unit, or to the model that disagrees with the units."""
    symbol = field.removesuffix(".unit")
    if field == symbol:  # a model's own name: what it adds does not agree
        return request.pointer_to_model("expression", symbol)
    for place, said in enumerate(request.inputs):
        if said.symbol == symbol:
            return f"/inputs/{place}/unit"
    for place, together in enumerate(request.simultaneous_observations):
        if symbol in together.series:
            return f"/simultaneous_observations/{place}/units/{symbol}"
    return request.pointer_to_model("unit", symbol)


def _place_of_field(request: BudgetRequest, error: InvalidInput) -> str:
    """Return the pointer to what an error of the evaluation names."""
    if error.field == "names":  # the reason quotes the name that cannot be used
        symbols = [x.symbol for x in request.inputs]
        symbols += [name for s in request.simultaneous_observations for name in s.series]
        symbols += [model.symbol for model in request.models]
        bad = next((name for name in symbols if repr(name)[:40] in error.reason), "")
        return _place_of_symbol(request, bad, last=True)
    for place, pair in enumerate(request.correlations):
        if error.field == f"r({pair.first}, {pair.second})":
            return f"/correlations/{place}"
    symbol, _, field = error.field.partition(".")
    for place, said in enumerate(request.inputs):
        if said.symbol == symbol:
            return f"/inputs/{place}/{said.given_as}" + (
                "/degrees_of_freedom" if field == "degrees_of_freedom" else ""
            )
    if error.field == "expression":
        return request.pointer_to_model("expression", "")
    known = BudgetRequest.model_fields
    return f"/{error.field}" if error.field in known else "/inputs"


def _labelled(quantity: InputQuantity, label: Label) -> InputQuantity:
    return replace(quantity, unit=label.unit, source=label.source, influence_id=label.influence_id)


def _or_infinite(degrees_of_freedom: float | None) -> float:
    return inf if degrees_of_freedom is None else degrees_of_freedom
