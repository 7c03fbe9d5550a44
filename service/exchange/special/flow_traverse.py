"""Flow by a traverse of the section: asked, a meter checked by it, laboratories compared."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field

from procedures import flow_traverse
from procedures.conformity import Verdict
from procedures.flow_traverse import Traverse
from service.errors import InvalidField
from service.exchange.budget_answer import Said
from service.exchange.budget_request import NotNegative, Number, Positive, Strict
from service.exchange.special.answer import Evaluated, EvaluationFigure, Mark, Plot, worst
from service.exchange.special.asked import (
    MOST_POINTS,
    VERDICT_OF_PERFORMANCE,
    Name,
    SpecialRequest,
    plot,
    pointing_at,
    require_once,
)

CONCLUSIONS: Final[Mapping[Verdict | None, Said]] = {
    None: Said(zh="给出流量及 U, 未作要求", en="the flow with U; nothing was required"),
    Verdict.PASS: Said(zh="符合要求", en="every requirement is met"),
    Verdict.FAIL: Said(zh="不符合要求", en="a requirement is not met"),
    Verdict.UNDETERMINED: Said(
        zh="|误差| + U 超过最大允许误差, 应进一步核查",
        en="|error| + U exceeds the maximum permissible error: look into the meter",
    ),
}


class TraversePointIn(Strict):
    """One point of the grid: its velocity in m/s, or the pressure difference of the tube there."""

    velocity: Number | None = None
    pressure_difference: Annotated[NotNegative | None, Field(description="Pa")] = None
    share: Annotated[Positive | None, Field(description="of the area; equal if none is given")] = (
        None
    )


class TraverseIn(Strict):
    """One traverse of the section."""

    name: Annotated[Name, Field(description="of the laboratory, or of the run")]
    points: Annotated[list[TraversePointIn], Field(min_length=4, max_length=MOST_POINTS)]
    density: Annotated[
        Positive | None, Field(description="of the gas as it flows, kg/m³; with pressures")
    ] = None
    coefficient: Annotated[Positive | None, Field(description="of the tube; with pressures")] = None


class TraverseUncertaintiesIn(Strict):
    """Relative standard uncertainties that every traverse has."""

    tube: NotNegative
    pressure: NotNegative
    density: NotNegative
    area: NotNegative


class CheckedMeterIn(Strict):
    """A meter in the same duct at the same time, and what it is permitted."""

    flow: Annotated[Positive, Field(description="m³/s")]
    maximum_permissible_error: Annotated[Positive, Field(description="% of the flow")]


class FlowTraverseIn(SpecialRequest):
    """Flow in a duct from a grid of velocities; a meter checked by it; laboratories compared.

    Several traverses are compared with each other: with the `pilot`'s, or with their weighted
    mean. The meter is checked by the first traverse, or by the pilot's.
    """

    KIND: ClassVar[str] = "flow-traverse"
    TITLE: ClassVar[Said] = Said(
        zh="管道流量网格法测量、核查与比对", en="Flow by a traverse: measured, checked, compared"
    )

    area: Annotated[Positive, Field(description="of the section, m²")]
    relative_standard_uncertainties: TraverseUncertaintiesIn
    traverses: Annotated[list[TraverseIn], Field(min_length=1, max_length=20)]
    pilot: Name | None = None
    meter: CheckedMeterIn | None = None

    def evaluate(self) -> Evaluated:
        """Return mean velocity and flow of every traverse, E_n of each, and the meter's error."""
        names = [row.name for row in self.traverses]
        require_once(names, "traverses")
        if self.pilot is not None and self.pilot not in names:
            raise InvalidField("/pilot", f"{self.pilot!r} is not among the traverses")
        found = {row.name: self._traverse(place, row) for place, row in enumerate(self.traverses)}
        figures = [figure for name, row in found.items() for figure in _of_traverse(name, row)]
        if len(found) > 1:
            with pointing_at("/traverses"):
                figures += self._compared(found)
        if self.meter is not None:
            figures += self._checked(self.meter, found[self.pilot or names[0]])
        verdict = worst(row.verdict for row in figures)
        return self.answered(
            verdict=verdict,
            conclusion=CONCLUSIONS[verdict],
            figures=figures,
            plot=self._drawn(found),
        )

    def _traverse(self, place: int, row: TraverseIn) -> Traverse:
        here = f"/traverses/{place}"
        shares = [point.share for point in row.points if point.share is not None]
        if shares and len(shares) < len(row.points):
            raise InvalidField(f"{here}/points", "give the share of every point, or of none")
        velocities = [_velocity(f"{here}/points/{i}", row, p) for i, p in enumerate(row.points)]
        u = self.relative_standard_uncertainties
        with pointing_at(here):
            return flow_traverse.traverse(
                velocities,
                area=self.area,
                shares=shares or None,
                relative_u_of_tube=u.tube,
                relative_u_of_pressure=u.pressure,
                relative_u_of_density=u.density,
                relative_u_of_area=u.area,
            )

    def _compared(self, found: Mapping[str, Traverse]) -> Iterator[EvaluationFigure]:
        reference, degrees = flow_traverse.compare_laboratories(found, pilot=self.pilot)
        yield EvaluationFigure(
            subject=self.pilot or "",
            quantity="reference_flow",
            label=Said(zh="参考流量", en="reference flow"),
            value=reference.value,
            unit="m³/s",
            expanded_uncertainty=2 * reference.standard_uncertainty,
        )
        for row in degrees:
            score = row.normalized_error()
            yield EvaluationFigure(
                subject=row.laboratory,
                quantity="normalized_error",
                label=Said(zh="E_n", en="E_n"),
                value=score.value,
                unit="1",
                limit=1.0,
                verdict=VERDICT_OF_PERFORMANCE[score.performance],
            )

    def _checked(self, meter: CheckedMeterIn, reference: Traverse) -> Iterator[EvaluationFigure]:
        with pointing_at("/meter"):
            check = flow_traverse.check_meter(
                meter.flow,
                reference,
                maximum_permissible_error=meter.maximum_permissible_error,
            )
        yield EvaluationFigure(
            subject="",
            quantity="error_of_meter",
            label=Said(zh="流量计误差", en="error of the meter"),
            value=check.error,
            unit="%",
            expanded_uncertainty=check.expanded_uncertainty,
            limit=check.maximum_permissible_error,
            verdict=check.verdict,
        )

    def _drawn(self, found: Mapping[str, Traverse]) -> Plot | None:
        if len(found) > 1:
            marks = [
                Mark(
                    label=name, value=row.volume_flow, expanded_uncertainty=row.expanded_uncertainty
                )
                for name, row in found.items()
            ]
            return plot(Said(zh="流量及其 U", en="Flow with U"), "m³/s", marks)
        row = self.traverses[0]
        velocities = [_velocity("", row, point) for point in row.points]
        return plot(
            Said(zh="各测点流速", en="Velocity at each point"),
            "m/s",
            [Mark(label=str(i), value=value) for i, value in enumerate(velocities, start=1)],
        )


def _velocity(here: str, row: TraverseIn, point: TraversePointIn) -> float:
    if point.velocity is not None:
        return point.velocity
    if point.pressure_difference is None:
        raise InvalidField(f"{here}/velocity", "give it, or pressure_difference")
    if row.density is None or row.coefficient is None:
        missing = "density" if row.density is None else "coefficient"
        traverse = here.rpartition("/points")[0]
        raise InvalidField(f"{traverse}/{missing}", "is missing: a point gives its pressure")
    return flow_traverse.velocity(
        point.pressure_difference, row.density, coefficient=row.coefficient
    )


CONTRIBUTIONS: Final = {
    "tube": Said(zh="皮托管", en="tube"),
    "pressure": Said(zh="差压", en="pressure difference"),
    "density": Said(zh="气体密度", en="density"),
    "area": Said(zh="截面积", en="area of the section"),
    "profile": Said(zh="流速分布", en="profile of the velocity"),
}


def _of_traverse(name: str, row: Traverse) -> Iterator[EvaluationFigure]:
    yield EvaluationFigure(
        subject=name,
        quantity="mean_velocity",
        label=Said(zh="平均流速", en="mean velocity"),
        value=row.mean_velocity,
        unit="m/s",
    )
    yield EvaluationFigure(
        subject=name,
        quantity="volume_flow",
        label=Said(zh="体积流量", en="volume flow"),
        value=row.volume_flow,
        unit="m³/s",
        expanded_uncertainty=row.expanded_uncertainty,
    )
    for quantity, u in row.contributions.items():
        label = CONTRIBUTIONS[quantity]
        yield EvaluationFigure(
            subject=name,
            quantity=f"u_of_{quantity}",
            label=Said(zh=f"相对标准不确定度: {label.zh}", en=f"relative u: {label.en}"),
            value=u * 100,
            unit="%",
        )
