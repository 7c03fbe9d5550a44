"""Emission monitors tested by one programme: asked, judged by its limits, and ranked."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, ClassVar, Final

from pydantic import Field

from procedures import emission_monitors
from procedures.conformity import Verdict
from procedures.emission_monitors import Characteristic, MonitorEvaluation, MonitorTest
from procedures.errors import InvalidInput
from service.exchange.budget_answer import Said
from service.exchange.budget_request import NotNegative, Number, Positive, Strict
from service.exchange.special.answer import Evaluated, EvaluationFigure, Mark, Plot, worst
from service.exchange.special.asked import (
    MOST_POINTS,
    MOST_RUNS,
    Name,
    SpecialRequest,
    plot,
    pointing_at,
    require_once,
)

MOST_MONITORS: Final = 50


CONCLUSIONS: Final = {
    Verdict.PASS: Said(zh="所有仪器均符合给定限值", en="every monitor keeps every limit given"),
    Verdict.FAIL: Said(zh="有仪器超出给定限值", en="a monitor does not keep a limit given"),
    Verdict.UNDETERMINED: Said(
        zh="未超出限值, 但有项目未测或未给限值, 不作结论",
        en="no limit is exceeded, but a characteristic was not tested or has no limit",
    ),
}


class StandardGasIn(Strict):
    """Indications of one standard gas."""

    concentration: NotNegative
    indications: Annotated[list[Number], Field(min_length=1, max_length=MOST_RUNS)]


class BeforeAfterIn(Strict):
    """An indication before and after the period of the drift."""

    before: Number
    after: Number


class MonitorPairIn(Strict):
    """Two values taken together: the monitor's and the reference method's."""

    monitor: Number
    reference: Number


class MonitorIn(Strict):
    """What was measured of one monitor, concentrations in one unit; leave out what was not."""

    name: Name
    full_scale: Positive
    gases: list[StandardGasIn] = Field(default_factory=list, max_length=20)
    response_times: list[NotNegative] = Field(default_factory=list, max_length=MOST_RUNS)
    zero: BeforeAfterIn | None = None
    span: BeforeAfterIn | None = None
    flows: list[MonitorPairIn] = Field(default_factory=list, max_length=MOST_RUNS)
    pairs: list[MonitorPairIn] = Field(default_factory=list, max_length=MOST_POINTS)

    def test(self) -> MonitorTest:
        """Return it as the science takes it."""
        gases = {row.concentration: row.indications for row in self.gases}
        if len(gases) < len(self.gases):
            raise InvalidInput("gases", "a concentration stands twice")
        return MonitorTest(
            name=self.name,
            full_scale=self.full_scale,
            gases=gases,
            response_times=self.response_times,
            zero=_both(self.zero),
            span=_both(self.span),
            flows=[(row.monitor, row.reference) for row in self.flows],
            pairs=[(row.monitor, row.reference) for row in self.pairs],
        )


class MonitorLimitsIn(Strict):
    """The limits of the test programme, of |value|; one that is not given is unknown."""

    indication_error: Annotated[NotNegative | None, Field(description="% of the gas")] = None
    response_time: Annotated[NotNegative | None, Field(description="s")] = None
    zero_drift: Annotated[NotNegative | None, Field(description="% of full scale")] = None
    span_drift: Annotated[NotNegative | None, Field(description="% of full scale")] = None
    linearity: Annotated[NotNegative | None, Field(description="% of full scale")] = None
    flow_error: Annotated[NotNegative | None, Field(description="% of the reference")] = None
    relative_accuracy: Annotated[NotNegative | None, Field(description="%")] = None


def _both(drift: BeforeAfterIn | None) -> tuple[float, float] | None:
    return None if drift is None else (drift.before, drift.after)


CHARACTERISTICS: Final[Mapping[Characteristic, tuple[Said, str]]] = {
    Characteristic.INDICATION_ERROR: (Said(zh="示值误差", en="error of indication"), "%"),
    Characteristic.RESPONSE_TIME: (Said(zh="响应时间", en="response time"), "s"),
    Characteristic.ZERO_DRIFT: (Said(zh="零点漂移", en="drift of zero"), "%"),
    Characteristic.SPAN_DRIFT: (Said(zh="量程漂移", en="drift of span"), "%"),
    Characteristic.LINEARITY: (Said(zh="线性误差", en="linearity"), "%"),
    Characteristic.FLOW_ERROR: (Said(zh="流速(流量)误差", en="error of flow"), "%"),
    Characteristic.RELATIVE_ACCURACY: (Said(zh="相对准确度", en="relative accuracy"), "%"),
}


class EmissionMonitorsIn(SpecialRequest):
    """Emission monitors tested by one programme: judged by its limits, and ranked."""

    KIND: ClassVar[str] = "emission-monitors"
    TITLE: ClassVar[Said] = Said(
        zh="烟气排放连续监测系统性能评价与排序", en="Emission monitors (CEMS) evaluated and ranked"
    )
    PROCEDURES: ClassVar[tuple[str, ...]] = ("JJF 1585-2016",)

    limits: MonitorLimitsIn = MonitorLimitsIn()
    monitors: Annotated[list[MonitorIn], Field(min_length=1, max_length=MOST_MONITORS)]

    def evaluate(self) -> Evaluated:
        """Return the figures of every monitor, the best first."""
        require_once([row.name for row in self.monitors], "monitors")
        limits = {Characteristic(name): limit for name, limit in self.limits if limit is not None}
        evaluations = []
        for place, monitor in enumerate(self.monitors):
            with pointing_at(f"/monitors/{place}"):
                evaluations.append(emission_monitors.evaluate_monitor(monitor.test(), limits))
        places = emission_monitors.rank(evaluations)
        figures = [
            figure for place in places for figure in _of_monitor(place.evaluation, place.rank)
        ]
        verdict = worst(row.verdict for row in evaluations) or Verdict.UNDETERMINED
        return self.answered(
            verdict=verdict,
            conclusion=CONCLUSIONS[verdict],
            figures=figures,
            plot=_drawn([place.evaluation for place in places]),
        )


def _of_monitor(evaluation: MonitorEvaluation, rank: int | None) -> Iterator[EvaluationFigure]:
    yield EvaluationFigure(
        subject=evaluation.name,
        quantity="rank",
        label=Said(zh="排序", en="rank"),
        value=rank,
        unit="1",
        verdict=evaluation.verdict,
    )
    score = evaluation.score
    yield EvaluationFigure(
        subject=evaluation.name,
        quantity="largest_share_of_limit",
        label=Said(zh="占用限值的最大比例", en="largest share of a limit"),
        value=None if score is None or not isfinite(score) else score,
        unit="1",
    )
    for finding in evaluation.findings:
        label, unit = CHARACTERISTICS[finding.characteristic]
        yield EvaluationFigure(
            subject=evaluation.name,
            quantity=finding.characteristic.value,
            label=label,
            value=finding.value,
            unit=unit,
            limit=finding.limit,
            verdict=finding.verdict,
        )


def _drawn(evaluations: list[MonitorEvaluation]) -> Plot | None:
    marks = [
        Mark(label=row.name, value=row.score, is_beyond=row.verdict is Verdict.FAIL)
        for row in evaluations
        if row.score is not None and isfinite(row.score)
    ]
    title = Said(zh="占用限值的最大比例", en="Largest share of a limit")
    return plot(title, "1", marks, limits=(None, 1.0))
