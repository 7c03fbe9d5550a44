"""Special evaluations: computations that no procedure edition can say; answered, never stored."""

from typing import Annotated, Any

from fastapi import APIRouter, Body

from service.exchange.special import file
from service.exchange.special.answer import EvaluationReport
from service.exchange.special.calorimetry import HeatCapacityIn
from service.exchange.special.emission_monitors import EmissionMonitorsIn
from service.exchange.special.flow_traverse import FlowTraverseIn
from service.exchange.special.in_situ import InLineComparisonIn, RemoteRecordIn
from service.exchange.special.method_bias import BeltWeigherMethodsIn, EmissionBalanceIn

router = APIRouter(prefix="/evaluations", tags=["evaluations"])


def _example(kind: str) -> Any:
    """Return the body with the example of an evaluation, synthetic data."""
    asked = file.read(kind, file.example(kind).encode())
    value = asked.model_dump(mode="json", exclude_unset=True)
    return Body(openapi_examples={"example": {"summary": asked.TITLE.en, "value": value}})


@router.post("/emission-monitors")
def evaluate_emission_monitors(
    said: Annotated[EmissionMonitorsIn, _example("emission-monitors")],
) -> EvaluationReport:
    """Evaluate emission monitors (CEMS) tested by one programme, and rank them.

    Errors of indication, response time, drift of zero and span, linearity, error of flow and
    relative accuracy of each, judged by the limits of the request; a characteristic without a
    limit, or a limit without a test, decides nothing. They are ranked by the largest share of a
    limit that each uses up; equal ones share a rank, one with an open characteristic has none.
    Nothing is stored, no log-in is needed.
    """
    return said.evaluate().report


@router.post("/belt-weigher-methods")
def evaluate_belt_weigher_methods(
    said: Annotated[BeltWeigherMethodsIn, _example("belt-weigher-methods")],
) -> EvaluationReport:
    """Compare the methods by which one belt weigher was calibrated: material, chains, weights.

    The mean error of each with U, and its bias against one of them with U, E_n and ζ; a method
    with |E_n| > 1 is biased. Nothing is stored, no log-in is needed.
    """
    return said.evaluate().report


@router.post("/emission-balance")
def evaluate_emission_balance(
    said: Annotated[EmissionBalanceIn, _example("emission-balance")],
) -> EvaluationReport:
    """Compare emissions measured in the stack with those calculated from the fuel.

    The difference of each period and of the total, in t of CO2, with U and ζ; the total is judged:
    |ζ| ≤ 2 agrees, |ζ| ≥ 3 does not. The part of u that is common to all periods does not average
    out. Nothing is stored, no log-in is needed.
    """
    return said.evaluate().report


@router.post("/heat-capacity")
def evaluate_heat_capacity(
    said: Annotated[HeatCapacityIn, _example("heat-capacity")],
) -> EvaluationReport:
    """Evaluate the heat capacity of a bomb calorimeter from runs with benzoic acid.

    Five runs within a relative standard deviation of 0.20 % are accepted; otherwise a sixth is
    needed, and six that scatter more are rejected. Nothing is stored, no log-in is needed.
    """
    return said.evaluate().report


@router.post("/flow-traverse")
def evaluate_flow_traverse(
    said: Annotated[FlowTraverseIn, _example("flow-traverse")],
) -> EvaluationReport:
    """Evaluate the flow in a duct from a grid of velocities or pressure differences.

    Mean velocity, flow with U and what each source adds. With a meter: its error, passed where
    |error| + U ≤ MPE. With several traverses: E_n of each against the pilot's, or against their
    weighted mean. Nothing is stored, no log-in is needed.
    """
    return said.evaluate().report


@router.post("/in-line-comparison")
def evaluate_in_line_comparison(
    said: Annotated[InLineComparisonIn, _example("in-line-comparison")],
) -> EvaluationReport:
    """Evaluate an in-line calibration: an instrument against a reference in series with it.

    The error with U and what each term adds: repeatability of correlated samples, the reference,
    the synchronisation of the two clocks, the drift during the run and the process conditions.
    Nothing is stored, no log-in is needed.
    """
    return said.evaluate().report


@router.post("/remote-record")
def evaluate_remote_record(
    said: Annotated[RemoteRecordIn, _example("remote-record")],
) -> EvaluationReport:
    """Say whether the record of a remote calibration may be signed, and u with the journey.

    The transfer standard must be identified, valid, sealed and checked after its return, the
    environment told, and the readings those of their digest. Asked without a digest, the answer
    has the one that binds them. Nothing is stored, no log-in is needed.
    """
    return said.evaluate().report
