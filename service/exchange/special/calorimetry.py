"""The heat capacity of a bomb calorimeter from its runs: asked, and whether it may be used."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from procedures import calorimetry
from procedures.calorimetry import HeatCapacityState
from procedures.conformity import Verdict
from service.errors import InvalidField
from service.exchange.budget_answer import Said
from service.exchange.budget_request import NotNegative, Positive, Strict
from service.exchange.special.answer import Evaluated, EvaluationFigure, Mark
from service.exchange.special.asked import MOST_RUNS, SpecialRequest, plot, pointing_at

VERDICTS: Final = {
    HeatCapacityState.ACCEPTED: Verdict.PASS,
    HeatCapacityState.MORE_RUNS: Verdict.UNDETERMINED,
    HeatCapacityState.REJECTED: Verdict.FAIL,
}
CONCLUSIONS: Final = {
    HeatCapacityState.ACCEPTED: Said(zh="平均热容量可用", en="the mean heat capacity may be used"),
    HeatCapacityState.MORE_RUNS: Said(
        zh="尚需再做: 五次的相对标准偏差不超过 0.20 %, 否则补做第六次",
        en="more runs are needed: five within 0.20 %, or a sixth",
    ),
    HeatCapacityState.REJECTED: Said(
        zh="六次仍离散过大, 应查明原因后重做",
        en="six runs scatter too much: find the cause and start again",
    ),
}


class CalorimeterRunIn(Strict):
    """One run with benzoic acid: its heat capacity, or what it follows from."""

    capacity: Annotated[Positive | None, Field(description="J/K")] = None
    mass: Annotated[Positive | None, Field(description="of the benzoic acid, g")] = None
    rise: Annotated[
        Positive | None, Field(description="corrected, in degrees of the thermometer")
    ] = None
    fuse: Annotated[NotNegative | None, Field(description="heat of the ignition wire, J")] = None


class HeatCapacityIn(SpecialRequest):
    """The heat capacity of a bomb calorimeter: five runs within 0.20 %, or a sixth."""

    KIND: ClassVar[str] = "heat-capacity"
    TITLE: ClassVar[Said] = Said(zh="量热仪热容量标定", en="Heat capacity of a bomb calorimeter")
    PROCEDURES: ClassVar[tuple[str, ...]] = ("JJG 672-2018", "SUYUAN HC-2026")

    calorific_value: Annotated[
        Positive | None, Field(description="of the benzoic acid, J/g; where runs give masses")
    ] = None
    degree: Annotated[Positive, Field(description="kelvins of a degree of the thermometer")] = 1.0
    runs: Annotated[list[CalorimeterRunIn], Field(min_length=1, max_length=MOST_RUNS)]

    def evaluate(self) -> Evaluated:
        """Return the heat capacity of every run, their mean and scatter, and what follows."""
        capacities = [self._of_run(place, run) for place, run in enumerate(self.runs)]
        with pointing_at(""):
            found = calorimetry.judge_heat_capacity(capacities)
        verdict = VERDICTS[found.state]
        figures = [
            EvaluationFigure(
                subject=str(number),
                quantity="run",
                label=Said(zh=f"第 {number} 次", en=f"run {number}"),
                value=capacity,
                unit="J/K",
            )
            for number, capacity in enumerate(capacities, start=1)
        ]
        figures += [
            EvaluationFigure(
                subject="",
                quantity="heat_capacity",
                label=Said(zh="平均热容量", en="mean heat capacity"),
                value=found.mean,
                unit="J/K",
            ),
            EvaluationFigure(
                subject="",
                quantity="relative_standard_deviation",
                label=Said(zh="相对标准偏差", en="relative standard deviation"),
                value=found.relative_standard_deviation,
                unit="%",
                limit=calorimetry.LARGEST_SPREAD,
                verdict=verdict,
            ),
        ]
        return self.answered(
            verdict=verdict,
            conclusion=CONCLUSIONS[found.state],
            figures=figures,
            plot=plot(
                Said(zh="各次热容量", en="Heat capacity of each run"),
                "J/K",
                [
                    Mark(label=str(number), value=capacity)
                    for number, capacity in enumerate(capacities, start=1)
                ],
            ),
        )

    def _of_run(self, place: int, run: CalorimeterRunIn) -> float:
        if run.capacity is not None:
            return run.capacity
        here = f"/runs/{place}"
        if run.mass is None or run.rise is None or run.fuse is None:
            raise InvalidField(f"{here}/capacity", "give it, or mass, rise and fuse")
        if self.calorific_value is None:
            raise InvalidField("/calorific_value", "is missing: the runs give masses")
        with pointing_at(here):
            return calorimetry.heat_capacity_of_run(
                run.mass,
                run.rise,
                calorific_value=self.calorific_value,
                fuse=run.fuse,
                degree=self.degree,
            )
