"""Two ways to measure the same thing: belt weigher methods, and emissions by stack and fuel."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final

from pydantic import Field

from procedures import method_bias
from procedures.conformity import Verdict
from procedures.errors import InvalidInput
from procedures.method_bias import Bias, Measured, MethodErrors
from service.errors import InvalidField
from service.exchange.budget_answer import Said
from service.exchange.budget_request import NotNegative, Number, Positive, Share, Strict
from service.exchange.special.answer import Evaluated, EvaluationFigure, Mark, worst
from service.exchange.special.asked import (
    MOST_RUNS,
    VERDICT_OF_PERFORMANCE,
    Name,
    SpecialRequest,
    plot,
    pointing_at,
    require_once,
)

MOST_PERIODS: Final = 400


# ── Belt weighers ─────────────────────────────────────────────────────────────────────────────────


UNBIASED: Final = Said(
    zh="各方法之间无显著偏差: |E_n| ≤ 1", en="no method is biased: every |E_n| ≤ 1"
)
BIASED: Final = Said(zh="有方法存在显著偏差: |E_n| > 1", en="a method is biased: its |E_n| > 1")


class WeighingMethodIn(Strict):
    """The errors of the weigher found by one method, in %."""

    name: Annotated[Name, Field(description="`material`, `chain`, `weights` or another one")]
    errors: Annotated[list[Number], Field(min_length=2, max_length=MOST_RUNS)]
    reference_standard_uncertainty: Annotated[
        NotNegative, Field(description="u of the method's reference, in %")
    ]


class BeltWeigherMethodsIn(SpecialRequest):
    """One belt weigher calibrated by several methods: the bias of each against one of them."""

    KIND: ClassVar[str] = "belt-weigher-methods"
    TITLE: ClassVar[Said] = Said(
        zh="皮带秤不同溯源方法的比较", en="Calibration methods compared on one belt weigher"
    )
    PROCEDURES: ClassVar[tuple[str, ...]] = ("SUYUAN BW-2026", "JJG 195-2019")

    against: Name = "material"
    methods: Annotated[list[WeighingMethodIn], Field(min_length=2, max_length=20)]

    def evaluate(self) -> Evaluated:
        """Return the mean error of every method, and the bias against one of them."""
        require_once([row.name for row in self.methods], "methods")
        if self.against not in (row.name for row in self.methods):
            raise InvalidField("/against", f"{self.against!r} is not among the methods")
        methods = [
            MethodErrors(
                method=row.name,
                errors=row.errors,
                reference_standard_uncertainty=row.reference_standard_uncertainty,
            )
            for row in self.methods
        ]
        with pointing_at(""):
            means = {row.method: row.result() for row in methods}
            biases = method_bias.compare_methods(methods, against=self.against)
        figures = [
            EvaluationFigure(
                subject=name,
                quantity="error",
                label=Said(zh="平均误差", en="mean error"),
                value=mean.value,
                unit="%",
                expanded_uncertainty=2 * mean.standard_uncertainty,
            )
            for name, mean in means.items()
        ]
        label = Said(zh=f"相对于 {self.against} 的偏差", en=f"bias against {self.against}")
        for name, bias in biases.items():
            kept = Verdict.FAIL if bias.is_significant else Verdict.PASS
            figures += _of_bias(name, bias, "%", label=label, verdict=kept)
        verdict = worst(row.verdict for row in figures)
        return self.answered(
            verdict=verdict,
            conclusion=UNBIASED if verdict is Verdict.PASS else BIASED,
            figures=figures,
            plot=plot(
                Said(zh="平均误差及其 U", en="Mean error with U"),
                "%",
                [
                    Mark(
                        label=name,
                        value=mean.value,
                        expanded_uncertainty=2 * mean.standard_uncertainty,
                        is_beyond=name in biases and biases[name].is_significant,
                    )
                    for name, mean in means.items()
                ],
            ),
        )


def _of_bias(
    subject: str, bias: Bias, unit: str, *, label: Said, verdict: Verdict | None
) -> list[EvaluationFigure]:
    """Return a difference with its U, E_n with the verdict, and ζ."""
    return [
        EvaluationFigure(
            subject=subject,
            quantity="difference",
            label=label,
            value=bias.difference,
            unit=unit,
            expanded_uncertainty=bias.expanded_uncertainty,
        ),
        EvaluationFigure(
            subject=subject,
            quantity="normalized_error",
            label=Said(zh="E_n", en="E_n"),
            value=bias.normalized_error,
            unit="1",
            limit=1.0,
            verdict=verdict,
        ),
        EvaluationFigure(
            subject=subject,
            quantity="zeta",
            label=Said(zh="ζ", en="ζ"),
            value=bias.zeta.value,
            unit="1",
        ),
    ]


# ── Emissions: in the stack and by the fuel ───────────────────────────────────────────────────────


TOTALS: Final = {
    Verdict.PASS: Said(zh="总量一致: |ζ| ≤ 2", en="the totals agree: |ζ| ≤ 2"),
    Verdict.UNDETERMINED: Said(
        zh="总量有疑问: 2 < |ζ| < 3", en="the totals are questionable: 2 < |ζ| < 3"
    ),
    Verdict.FAIL: Said(zh="总量不一致: |ζ| ≥ 3", en="the totals contradict each other: |ζ| ≥ 3"),
}


class StackEmissionIn(Strict):
    """CO2 measured in the stack over a period: its mass in t, or what it follows from."""

    mass: Annotated[Positive | None, Field(description="t of CO2")] = None
    volume_fraction: Annotated[Positive | None, Field(description="of CO2 in the dry gas")] = None
    dry_flow: Annotated[Positive | None, Field(description="m³/h at 0 °C and 101.325 kPa")] = None
    hours: Positive | None = None

    def measured(self, relative: "RelativeUncertaintyIn") -> Measured:
        """Return the mass with its uncertainty."""
        if self.mass is not None:
            return relative.of(self.mass)
        if self.volume_fraction is None or self.dry_flow is None or self.hours is None:
            raise InvalidInput("mass", "give it, or volume_fraction, dry_flow and hours")
        return method_bias.stack_emission(
            self.volume_fraction,
            self.dry_flow * self.hours,
            relative_standard_uncertainty=relative.relative_standard_uncertainty,
            common_share=relative.common_share,
        ).times(0.001)


class FuelEmissionIn(Strict):
    """CO2 calculated from the fuel of a period: its mass in t, or what it follows from."""

    mass: Annotated[Positive | None, Field(description="t of CO2")] = None
    fuel: Annotated[Positive | None, Field(description="t burnt")] = None
    net_calorific_value: Annotated[Positive | None, Field(description="GJ/t")] = None
    carbon_content: Annotated[Positive | None, Field(description="t of carbon per GJ")] = None
    oxidation: Annotated[Positive | None, Field(description="at most 1")] = None

    def measured(self, relative: "RelativeUncertaintyIn") -> Measured:
        """Return the mass with its uncertainty."""
        if self.mass is not None:
            return relative.of(self.mass)
        figures = (self.fuel, self.net_calorific_value, self.carbon_content, self.oxidation)
        fuel, net_calorific_value, carbon_content, oxidation = figures
        if (
            fuel is None
            or net_calorific_value is None
            or carbon_content is None
            or oxidation is None
        ):
            raise InvalidInput(
                "mass", "give it, or fuel, net_calorific_value, carbon_content and oxidation"
            )
        return method_bias.fuel_emission(
            fuel,
            net_calorific_value=net_calorific_value,
            carbon_content=carbon_content,
            oxidation=oxidation,
            relative_standard_uncertainty=relative.relative_standard_uncertainty,
            common_share=relative.common_share,
        )


class RelativeUncertaintyIn(Strict):
    """The uncertainty of one way, and how much of it is the same in every period.

    A certificate used all year is one error, not twelve: common_share is 1 unless told.
    """

    relative_standard_uncertainty: NotNegative
    common_share: Share = 1.0

    def of(self, mass: float) -> Measured:
        """Return a stated mass with this uncertainty."""
        u = mass * self.relative_standard_uncertainty
        return Measured(value=mass, standard_uncertainty=u, common=u * self.common_share)


class ComparedPeriodIn(Strict):
    """One period, measured directly and calculated from the fuel."""

    name: Name
    direct: StackEmissionIn
    fuel: FuelEmissionIn


class EmissionBalanceIn(SpecialRequest):
    """CO2 measured in the stack against CO2 by the fuel: the difference over periods, and ζ."""

    KIND: ClassVar[str] = "emission-balance"
    TITLE: ClassVar[Said] = Said(
        zh="碳排放直测法与核算法比对", en="Emissions measured directly against the fuel balance"
    )

    direct: RelativeUncertaintyIn
    fuel: RelativeUncertaintyIn
    periods: Annotated[list[ComparedPeriodIn], Field(min_length=1, max_length=MOST_PERIODS)]

    def evaluate(self) -> Evaluated:
        """Return the difference of every period and of the total; ζ of the total is judged."""
        require_once([row.name for row in self.periods], "periods")
        direct, fuel = [], []
        for place, period in enumerate(self.periods):
            with pointing_at(f"/periods/{place}/direct"):
                direct.append(period.direct.measured(self.direct))
            with pointing_at(f"/periods/{place}/fuel"):
                fuel.append(period.fuel.measured(self.fuel))
        with pointing_at("/direct"):
            series = method_bias.compare_series(direct, fuel)
        verdict = VERDICT_OF_PERFORMANCE[series.performance]
        names = [row.name for row in self.periods]
        figures = [
            figure
            for name, first, second, bias in zip(names, direct, fuel, series.periods, strict=True)
            for figure in _of_period(name, first, second, bias)
        ]
        totals = method_bias.total(direct), method_bias.total(fuel)
        figures += _of_period("Σ", *totals, series.overall, verdict=verdict)
        return self.answered(
            verdict=verdict,
            conclusion=TOTALS[verdict],
            figures=figures,
            plot=plot(
                Said(zh="直测减核算, 及其 U", en="Direct less fuel balance, with U"),
                "t",
                [
                    Mark(
                        label=name,
                        value=bias.difference,
                        expanded_uncertainty=bias.expanded_uncertainty,
                        is_beyond=bias.is_significant,
                    )
                    for name, bias in zip(names, series.periods, strict=True)
                ],
            ),
        )


def _of_period(
    name: str, direct: Measured, fuel: Measured, bias: Bias, *, verdict: Verdict | None = None
) -> Iterator[EvaluationFigure]:
    for quantity, label, mass in (
        ("direct", Said(zh="直测", en="measured directly"), direct),
        ("fuel", Said(zh="核算", en="by the fuel"), fuel),
    ):
        yield EvaluationFigure(
            subject=name,
            quantity=quantity,
            label=label,
            value=mass.value,
            unit="t",
            expanded_uncertainty=2 * mass.standard_uncertainty,
        )
    label = Said(zh="直测减核算", en="direct less fuel")
    difference, _, zeta = _of_bias(name, bias, "t", label=label, verdict=None)
    yield difference
    yield zeta.model_copy(update={"limit": 2.0, "verdict": verdict})
