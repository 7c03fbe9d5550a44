"""Uncertainty budgets: evaluated and answered, never stored."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body

from service.exchange.budget_answer import BudgetAnswer, BudgetsAnswer, bounded, evaluated
from service.exchange.budget_request import BudgetRequest

router = APIRouter(prefix="/uncertainty-budgets", tags=["uncertainty"])

EXAMPLES: Final[dict[str, Any]] = {
    "end_gauge": {
        "summary": "An end gauge compared with a standard (JCGM 100:2008, H.1)",
        "value": {
            "output": "l",
            "expression": "l_S + d - l_S * (delta_alpha * theta + alpha_S * delta_theta)",
            "unit": "nm",
            "coverage_probability": 0.99,
            "inputs": [
                {
                    "symbol": "l_S",
                    "unit": "nm",
                    "source": "certificate of the standard",
                    "certificate": {
                        "estimate": 50000623,
                        "expanded_uncertainty": 75,
                        "coverage_factor": 3,
                        "degrees_of_freedom": 18,
                    },
                },
                {
                    "symbol": "d",
                    "unit": "nm",
                    "source": "five comparisons and the comparator",
                    "value": {
                        "estimate": 215,
                        "standard_uncertainty": 9.7,
                        "degrees_of_freedom": 25.6,
                        "evaluation": "A",
                    },
                },
                {
                    "symbol": "delta_alpha",
                    "unit": "1/K",
                    "rectangular": {
                        "estimate": 0,
                        "half_width": 1e-6,
                        "degrees_of_freedom": 50,
                    },
                },
                {
                    "symbol": "theta",
                    "unit": "K",
                    "value": {"estimate": -0.1, "standard_uncertainty": 0.41},
                },
                {
                    "symbol": "alpha_S",
                    "unit": "1/K",
                    "rectangular": {"estimate": 11.5e-6, "half_width": 2e-6},
                },
                {
                    "symbol": "delta_theta",
                    "unit": "K",
                    "rectangular": {
                        "estimate": 0,
                        "half_width": 0.05,
                        "degrees_of_freedom": 2,
                    },
                },
            ],
        },
    },
    "simultaneous": {
        "summary": "A resistance from readings of V, I and φ taken together (H.2)",
        "value": {
            "output": "R",
            "expression": "V / I * cos(phi)",
            "unit": "Ω",
            "simultaneous_observations": [
                {
                    "series": {
                        "V": [5.007, 4.994, 5.005, 4.990, 4.999],
                        "I": [0.019663, 0.019639, 0.019640, 0.019685, 0.019678],
                        "phi": [1.0456, 1.0438, 1.0468, 1.0428, 1.0433],
                    },
                    "units": {"V": "V", "I": "A", "phi": "rad"},
                    "source": "five simultaneous readings",
                }
            ],
        },
    },
    "impedance": {
        "summary": "Two results of the same readings, with their correlation (H.2)",
        "value": {
            "outputs": [
                {"symbol": "R", "expression": "V / I * cos(phi)", "unit": "Ω"},
                {"symbol": "X", "expression": "V / I * sin(phi)", "unit": "Ω"},
            ],
            "simultaneous_observations": [
                {
                    "series": {
                        "V": [5.007, 4.994, 5.005, 4.990, 4.999],
                        "I": [0.019663, 0.019639, 0.019640, 0.019685, 0.019678],
                        "phi": [1.0456, 1.0438, 1.0468, 1.0428, 1.0433],
                    },
                    "units": {"V": "V", "I": "A", "phi": "rad"},
                }
            ],
        },
    },
    "complex": {
        "summary": "A complex quantity: the reflection coefficient of a load",
        "value": {
            "output": "Gamma",
            "expression": "(Z - Z_0) / (Z + Z_0)",
            "complex": ["Z"],
            "inputs": [
                {
                    "symbol": "Z_re",
                    "unit": "Ω",
                    "value": {"estimate": 48.0, "standard_uncertainty": 0.5},
                },
                {
                    "symbol": "Z_im",
                    "unit": "Ω",
                    "value": {"estimate": 3.0, "standard_uncertainty": 0.5},
                },
                {
                    "symbol": "Z_0",
                    "unit": "Ω",
                    "value": {"estimate": 50.0, "standard_uncertainty": 0.1},
                },
            ],
        },
    },
    "curved": {
        "summary": "A model that first order cannot answer: Monte Carlo is taken, and it says why",
        "value": {
            "expression": "x ** 2",
            "inputs": [{"symbol": "x", "value": {"estimate": 0, "standard_uncertainty": 0.1}}],
        },
    },
}


@router.post("")
def evaluate_uncertainty_budget(
    said: Annotated[BudgetRequest, Body(openapi_examples=EXAMPLES)],
) -> BudgetAnswer | BudgetsAnswer:
    """Evaluate an uncertainty budget (JCGM 100, JCGM 101); nothing is stored, no log-in is needed.

    The method `auto` takes the simplest that is good enough: first order, second order, or Monte
    Carlo, and the remarks say why. What cannot be known is null, never 0. Several `outputs`, or a
    model of `complex` quantities, are answered by a budget for each and their covariance.

    Limits: 10 outputs, 100 input quantities, 10 000 observations of each, an expression of 4000
    characters, at most 3 000 000 Monte Carlo trials a run, and 2·10⁹ in work: for each output,
    trials times the characters of the expression and 10 for each input, 500 for a correlated one.
    `suyuan budget` has no such bound.
    """
    return evaluated(said, progress=bounded(said)).answer
