"""JJG 49, 882 and 1148: precision gauge, pressure transmitter, charging spot."""

import pytest

from procedures.conformity import Verdict
from tests.worked_examples.runs import passes, point, run, verdicts

GAUGE = {"span": 1.6, "division": 0.01, "repeatability": 0.0002, "temperature_effect": 0.0002}


def gauge_points(error=0.001, *, cycles=1):
    return [
        point(
            nominal, conditions={"cycle": str(cycle)},
            up_before_tapping=nominal + error, up_after_tapping=nominal + error,
            down_before_tapping=nominal, down_after_tapping=nominal,
        )
        for cycle in range(1, cycles + 1)
        for nominal in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.6)
    ]  # fmt: skip


def gauge_run(points, **changed):
    told = {"accuracy_class": "0.4", "standard": {"maximum_permissible_error": 0.0008}} | GAUGE
    return run("JJG 49-2013", points=points, **(told | changed))


def test_a_precision_gauge_passes_for_a_year_and_is_read_to_a_tenth_of_its_division():
    result = gauge_run(gauge_points())

    assert passes(result)
    assert result.period_months == 12
    assert result.decisive.limit == 0.0064
    assert str(result.points[0].value("error_up").reported) == "0.001"


def test_class_0_25_wants_two_cycles_and_a_room_within_two_degrees():
    told = {"accuracy_class": "0.25", "environment": {"temperature": 22.5, "humidity": 50.0}}

    result = gauge_run(gauge_points(), **told)

    assert {row.field for row in result.objections} == {
        "environment.temperature",
        "test_points.at_least",
    }


TRANSMITTER = {
    "p_low": 0.0, "p_high": 1000.0, "rounding_interval": 0.001, "ammeter": 0.001,
    "temperature_effect": 0.002,
}  # fmt: skip


def transmitter_points(error=0.01, hysteresis=0.02, *, cycles=1):
    outputs = {p: 4 + 0.016 * p + error for p in (0.0, 250.0, 500.0, 750.0, 1000.0)}
    return [
        point(p, up=[output] * cycles, down=[output - hysteresis] * cycles)
        for p, output in outputs.items()
    ]


def transmitter_run(points, accuracy_class="0.5", *, expanded=0.02, **changed):
    told = TRANSMITTER | {"standard": {"expanded_uncertainty": expanded}} | changed
    return run("JJG 882-2019", points=points, accuracy_class=accuracy_class, **told)


def test_a_transmitter_passes_and_its_limits_are_milliamperes():
    result = transmitter_run(transmitter_points())

    assert passes(result)
    limits = {check.name: check.worst.limit for check in result.checks}
    assert limits == {"error": 0.08, "hysteresis": 0.064}  # 0.5 % and 0.4 % of 16 mA
    assert str(result.points[2].value("highest_up").reported) == "0.010"


def test_a_transmitter_of_class_0_1_is_cycled_three_times_at_nine_points():
    result = transmitter_run(transmitter_points(), "0.1", expanded=0.004)

    assert {row.field for row in result.objections} == {
        "readings.up", "readings.down", "test_points.at_least",
    }  # fmt: skip
    assert result.ratio is not None
    assert (result.ratio.value, result.ratio.maximum) == (0.25, pytest.approx(1 / 3))


def test_the_worst_cycle_counts():
    points = [
        point(p, up=[4 + 0.016 * p, 4 + 0.016 * p + off], down=[4 + 0.016 * p] * 2)
        for p, off in ((0.0, 0.0), (250.0, 0.0), (500.0, 0.09), (750.0, 0.0), (1000.0, 0.0))
    ]

    result = transmitter_run(points)

    assert [check.name for check in result.failed_checks] == ["error", "hysteresis"]
    assert (result.decisive.nominal, result.decisive.name) == (500.0, "highest_up")


SPOT = {"i_max": 32.0, "i_min": 6.0, "interface": 0.05, "accuracy_class": "1"}


def spot_points(error=0.3, *, at_i_min=0.3, clock=4.0):
    return [
        *(
            point(i, energy=[1 + e / 100] * 2, reference_energy=[1.0] * 2)
            for i, e in ((32.0, error), (16.0, error), (6.0, at_i_min))
        ),
        point(test="clock", clock_error=clock),
        point(test="resolution", step_of_energy=0.001),
    ]


def spot_run(points, purpose="initial"):
    return run(
        "JJG 1148-2022 (试行)", points=points, options={"purpose": purpose},
        standard={"maximum_permissible_error": 0.2}, **SPOT,
    )  # fmt: skip


def test_a_charging_spot_passes_for_three_years():
    result = spot_run(spot_points())

    assert passes(result)
    assert result.period_months == 36
    assert verdicts(result) == dict.fromkeys(("error", "clock", "resolution"), Verdict.PASS)


@pytest.mark.parametrize(
    ("purpose", "clock", "verdict"),
    [
        ("initial", 5.0, Verdict.PASS),
        ("initial", 6.0, Verdict.FAIL),
        ("subsequent", 180.0, Verdict.PASS),
        ("subsequent", 181.0, Verdict.FAIL),
    ],
)
def test_its_clock_may_be_off_by_five_seconds_at_first_and_three_minutes_later(
    purpose, clock, verdict
):
    assert spot_run(spot_points(clock=clock), purpose).verdict is verdict


def test_at_the_smallest_current_an_error_beyond_the_class_decides_nothing():
    open_ = spot_run(spot_points(at_i_min=1.3))

    assert open_.verdict is Verdict.UNDETERMINED
    assert [row.field for row in open_.objections] == ["checks.error.limit"]
    assert spot_run(spot_points(error=1.3)).verdict is Verdict.FAIL
