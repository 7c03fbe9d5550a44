"""JJG 1029, 1030, 1033, 640, 443, 225: meters of flow, fuel and heat, from readings to verdict.

The limits of heat meters are `heat_meter_mpe_pct` of `worked_examples.json`; the others are those
of the classes in `procedures.json`. Readings are made for the test.
"""

import json
from datetime import date

import pytest

from procedures.conformity import Verdict
from procedures.edition import InForce
from tests.worked_examples.runs import EDITIONS, passes, point, run, verdicts

FLOWS = {"q_min": 5.0, "q_max": 100.0}  # m³/h
FACILITY = {"standard": {"expanded_uncertainty": 0.1}, "corrections": 0.03}  # %


def meter_points(errors, *, repeats=6, spread=0.01):
    """Readings of a meter with a mean error in % at each flow rate, and a spread around it."""
    steps = [(step - (repeats - 1) / 2) * spread for step in range(repeats)]
    return [
        point(
            flow,
            volume=[1 + (error + step) / 100 for step in steps],
            reference_volume=[1.0] * repeats,
        )
        for flow, error in errors.items()
    ]


def test_an_ultrasonic_meter_may_err_twice_as_much_below_its_transitional_flow():
    points = meter_points({5.0: 0.9, 20.0: 0.4, 40.0: 0.3, 100.0: -0.3})
    told = {"accuracy_class": "0.5", "q_t": 20.0} | FLOWS | FACILITY

    result = run("JJG 1030-2007", points=points, **told)

    assert passes(result)
    assert [row.maximum_permissible_error for row in result.points] == [1.0, 0.5, 0.5, 0.5]
    assert result.period_months == 24
    assert str(result.points[0].value("error").reported) == "0.90"


def test_an_ultrasonic_meter_that_spreads_more_than_a_fifth_of_its_limit_fails():
    points = meter_points({5.0: 0.0, 20.0: 0.0, 40.0: 0.0, 100.0: 0.0}, spread=0.06)

    result = run(
        "JJG 1030-2007", points=points, accuracy_class="0.5", q_t=20.0, **FLOWS, **FACILITY
    )

    assert [check.name for check in result.failed_checks] == ["repeatability"]
    assert result.points[0].value("repeatability").value == pytest.approx(0.06 * 3.5**0.5)


def test_an_electromagnetic_meter_is_judged_by_its_relative_error_or_by_that_of_full_scale():
    errors = {100.0: 0.4, 75.0: 0.4, 50.0: 0.4, 25.0: 0.4, 10.0: 0.4, 5.0: 0.9}
    told = {"accuracy_class": "0.5", "points": meter_points(errors)} | FLOWS | FACILITY

    relative = run("JJG 1033-2007", **told)
    fiducial = run("JJG 1033-2007", options={"error_form": "fiducial"}, **told)

    assert relative.verdict is Verdict.FAIL
    assert passes(fiducial)
    assert fiducial.points[-1].value("error").value == pytest.approx(0.9 * 5 / 100)


def test_an_electromagnetic_meter_of_class_0_2_wants_six_repeats_and_a_year():
    errors = dict.fromkeys((100.0, 75.0, 50.0, 25.0, 10.0, 5.0), 0.1)
    told = {"accuracy_class": "0.2", "standard": {"expanded_uncertainty": 0.06}} | FLOWS

    whole = run("JJG 1033-2007", points=meter_points(errors), corrections=0.01, **told)
    short = run("JJG 1033-2007", points=meter_points(errors, repeats=5), corrections=0.01, **told)

    assert passes(whole)
    assert whole.period_months == 12
    assert {row.lowest for row in short.objections} == {6.0}


def test_a_vortex_meter_passes_and_its_classes_are_told_as_unverified():
    points = meter_points({5.0: 0.9, 20.0: 0.5, 40.0: 0.5, 100.0: 0.5}, repeats=3)

    result = run("JJG 1029-2007", points=points, accuracy_class="1.0", **FLOWS, **FACILITY)

    assert passes(result)
    assert "classes" in EDITIONS["JJG 1029-2007"].unverified
    assert EDITIONS["JJG 1029-2007"].in_force(date(2008, 6, 1)) is InForce.UNKNOWN


def test_of_a_differential_pressure_meter_the_error_is_judged_and_the_repeatability_cannot_be():
    points = meter_points({5.0: 0.9, 25.0: 0.5, 50.0: 0.5, 75.0: 0.4, 100.0: 0.5}, repeats=3)

    result = run("JJG 640-2016", points=points, accuracy_class="1.0", **FLOWS, **FACILITY)

    assert verdicts(result) == {"error": Verdict.PASS, "repeatability": Verdict.UNDETERMINED}
    assert result.verdict is Verdict.UNDETERMINED
    assert result.certificate is None
    assert [row.field for row in result.objections] == ["checks.repeatability.limit"]


DISPENSER = {
    "q_1": 45.0,
    "q_2": 10.0,
    "beta_liquid": 0.0012,
    "beta_measure": 0.00005,
    "temperature_effect": 0.02,
    "dripping": 0.01,
    "reading_error": 0.01,
}


def dispenser_points(errors=(0.1, 0.12, 0.14), *, nozzle=20.0, measure=20.0):
    return [
        point(
            flow,
            dispensed=[20.0 * (1 + error / 100) for error in errors],
            measured=[20.0] * 3,
            t_dispenser=[nozzle] * 3,
            t_measure=[measure] * 3,
        )
        for flow in (45.0, 10.0)
    ]


def dispenser_run(points):
    told = DISPENSER | {"standard": {"expanded_uncertainty": 0.05}}
    return run("JJG 443-2023 (试行)", points=points, **told)


def test_a_fuel_dispenser_passes_for_half_a_year():
    result = dispenser_run(dispenser_points())

    assert passes(result)
    assert result.period_months == 6
    assert result.points[0].value("error").value == pytest.approx(0.12)
    assert result.points[0].value("repeatability").value == pytest.approx(0.04)


def test_fuel_that_is_warmer_in_the_measure_than_at_the_nozzle_is_corrected():
    result = dispenser_run(dispenser_points(errors=(0.0, 0.0, 0.0), nozzle=25.0, measure=27.0))

    true = 1 + 0.0012 * (25 - 27) + 0.00005 * (27 - 20)
    assert result.points[0].value("error").value == pytest.approx(100 * (1 / true - 1), abs=1e-9)


@pytest.mark.parametrize(
    ("errors", "failed"),
    [((0.31, 0.31, 0.31), ["error"]), ((0.0, 0.05, 0.11), ["repeatability"])],
)
def test_a_fuel_dispenser_fails_by_error_or_by_spread(errors, failed):
    result = dispenser_run(dispenser_points(errors))

    assert [check.name for check in result.failed_checks] == failed


HEAT_METER = {
    "q_p": 2.5, "q_i": 0.05, "delta_theta_min": 3.0, "enthalpy": 0.05, "repeatability": 0.2,
    "standard": {"expanded_uncertainty": 0.5},
}  # fmt: skip


def heat_points(error=1.0):
    return [
        point(
            flow, conditions={"delta_theta": difference}, heat=[1 + error / 100],
            reference_heat=[1.0],
        )
        for flow, difference in ((0.05, 45.0), (0.25, 20.0), (2.5, 3.0))
    ]  # fmt: skip


def test_a_heat_meter_passes_by_the_formula_of_its_class():
    result = run("JJG 225-2024", accuracy_class="2", points=heat_points(), **HEAT_METER)

    assert passes(result)
    assert [row.maximum_permissible_error for row in result.points] == pytest.approx(
        [3 + 4 * 3 / 45 + 0.02 * 50, 3 + 4 * 3 / 20 + 0.02 * 10, 3 + 4 + 0.02]
    )


@pytest.mark.parametrize(
    ("name", "accuracy_class", "q", "difference"),
    [
        ("class2_dT20_dTmin3_qp/q=2", "2", 1.25, 20.0),
        ("class2_dT=dTmin,qp/q=50", "2", 0.05, 3.0),
        ("class3_dT20_qp/q=2", "3", 1.25, 20.0),
    ],
)
def test_the_limit_of_a_heat_meter_is_the_published_one(
    name, accuracy_class, q, difference, shared_dir
):
    published = json.loads((shared_dir / "data" / "worked_examples.json").read_text("utf-8"))
    found = point(q, conditions={"delta_theta": difference}, heat=[1.0], reference_heat=[1.0])

    result = run("JJG 225-2024", accuracy_class=accuracy_class, points=[found], **HEAT_METER)

    limit = result.points[0].maximum_permissible_error
    assert limit == pytest.approx(published["heat_meter_mpe_pct"][name], abs=1e-12)


def test_the_parts_of_a_heat_meter_are_tested_apart_where_that_is_chosen():
    parts = [
        point(2.5, test="flow_sensor", flow_error=2.0),  # 2 + 0.02
        point(3.0, test="calculator", calculator_error=1.6),  # 0.5 + 1
        point(3.0, test="sensor_pair", pair_error=3.5),  # 0.5 + 3
    ]
    told = HEAT_METER | {"options": {"subassemblies": "tested"}}

    result = run("JJG 225-2024", accuracy_class="2", points=[*heat_points(), *parts], **told)

    assert [check.name for check in result.failed_checks] == ["calculator"]
    alone = run("JJG 225-2024", accuracy_class="2", points=heat_points(), **told)
    assert [row.field for row in alone.objections] == [
        f"further_tests.{name}" for name in ("flow_sensor", "calculator", "sensor_pair")
    ]
