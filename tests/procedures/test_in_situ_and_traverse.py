"""Measuring where the process is: a bomb's runs, a duct's grid, a series, a distant place."""

from dataclasses import replace
from datetime import UTC, date, datetime
from math import pi, sin, sqrt
from typing import Any

import pytest

from procedures.calorimetry import HeatCapacityState, heat_capacity_of_run, judge_heat_capacity
from procedures.conformity import Verdict
from procedures.errors import InvalidInput
from procedures.flow_traverse import (
    check_meter,
    differential_pressure_uncertainty,
    traverse,
    velocity,
)
from procedures.in_situ import (
    Condition,
    RemoteFlaw,
    RemoteReading,
    RemoteRecord,
    Series,
    TransferStandard,
    compare_in_line,
    digest_of,
    flaws_of,
    remote_standard_uncertainty,
)

# ── The heat capacity ────────────────────────────────────────────────────────────────────────


def test_five_runs_within_a_fifth_of_a_percent_are_accepted():
    found = judge_heat_capacity([10_000, 10_020, 9_990, 10_010, 9_980])

    assert found.state is HeatCapacityState.ACCEPTED
    assert found.mean == 10_000
    assert found.relative_standard_deviation == pytest.approx(sqrt(1000 / 4) / 100)


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ([10_000] * 4, HeatCapacityState.MORE_RUNS),
        ([10_000, 10_000, 10_000, 10_000, 10_060], HeatCapacityState.MORE_RUNS),
        ([10_000, 10_000, 10_000, 10_000, 10_045, 10_010], HeatCapacityState.ACCEPTED),
        ([10_000, 10_000, 10_000, 10_000, 10_060, 10_000], HeatCapacityState.REJECTED),
        ([10_000], HeatCapacityState.MORE_RUNS),
    ],
)
def test_a_sixth_run_is_wanted_where_five_spread_too_much(runs, state):
    assert judge_heat_capacity(runs).state is state


def test_a_run_counts_the_wire_and_the_nitric_acid():
    found = heat_capacity_of_run(1.0012, 2.6, calorific_value=26_460, fuse=52.0)

    assert found == pytest.approx((26_460 * 1.0012 * 1.0015 + 52) / 2.6)


# ── The grid of a duct ───────────────────────────────────────────────────────────────────────

FIGURES: dict[str, Any] = {
    "relative_u_of_tube": 0.01,
    "relative_u_of_pressure": 0.02,
    "relative_u_of_density": 0.01,
    "relative_u_of_area": 0.005,
}
GRID = (9.0, 11.0, 10.0, 10.0, 9.0, 11.0, 10.0, 10.0)


def test_a_traverse_gives_mean_velocity_flow_and_uncertainty():
    found = traverse(GRID, area=12.0, **FIGURES)

    assert (found.mean_velocity, found.volume_flow) == (10.0, 120.0)
    profile = sqrt(4 / 7) / 10 / sqrt(8)
    assert found.contributions["profile"] == pytest.approx(profile)
    assert found.relative_standard_uncertainty == pytest.approx(
        sqrt(0.01**2 + 0.01**2 + 0.005**2 + 0.005**2 + profile**2)
    )


def test_points_count_by_the_area_they_stand_for():
    found = traverse([8.0, 8.0, 12.0, 12.0], area=1.0, shares=[0.4, 0.4, 0.1, 0.1], **FIGURES)

    assert found.mean_velocity == pytest.approx(8.8)


@pytest.mark.parametrize(
    ("flow", "mpe", "verdict", "is_flagged"),
    [
        (120.0, 7.0, Verdict.PASS, False),
        (123.0, 7.0, Verdict.UNDETERMINED, True),
        (138.0, 7.0, Verdict.FAIL, True),
        (120.0, 2.0, Verdict.UNDETERMINED, True),
    ],
)
def test_a_meter_is_flagged_when_error_and_uncertainty_exceed_its_limit(
    flow, mpe, verdict, is_flagged
):
    found = check_meter(flow, traverse(GRID, area=12.0, **FIGURES), maximum_permissible_error=mpe)

    assert found.error == pytest.approx((flow / 120 - 1) * 100)
    assert (found.verdict, found.is_flagged) == (verdict, is_flagged)


def test_the_velocity_of_a_pitot_tube_goes_with_the_root_of_the_pressure():
    assert velocity(50.0, 1.0, coefficient=1.0) == 10.0
    assert velocity(200.0, 1.0, coefficient=1.0) == 20.0


def test_the_coefficient_method_weights_the_diameters_by_beta():
    found = differential_pressure_uncertainty(
        0.6, u_coefficient=0.003, u_expansibility=0.0, u_pipe=0.002, u_bore=0.0005,
        u_pressure=0.002, u_density=0.003,
    )  # fmt: skip

    rest = 1 - 0.6**4
    assert found == pytest.approx(
        sqrt(
            0.003**2 + (2 * 0.6**4 / rest * 0.002) ** 2 + (2 / rest * 0.0005) ** 2
            + 0.001**2 + 0.0015**2
        )
    )  # fmt: skip


# ── In line ──────────────────────────────────────────────────────────────────────────────────


def process(seconds):
    return 100 + 10 * sin(2 * pi * seconds / 600)


def series(error=0.0, *, delay=0.0, count=120, drift=0.0):
    seconds = [5.0 * i for i in range(count)]
    values = [process(t - delay) + error + drift * t / seconds[-1] for t in seconds]
    return Series(seconds=seconds, values=values)


def compared(instrument, **changed):
    told = {"reference_standard_uncertainty": 0.05, "time_half_width": 0.0}
    return compare_in_line(instrument, series(), unit="m³/h", **(told | changed))


def test_series_that_are_simultaneous_give_the_error_alone():
    found = compared(series(0.5))

    assert found.error == pytest.approx(0.5)
    assert found.expanded_uncertainty == pytest.approx(0.1, rel=1e-6)


def test_clocks_that_may_differ_add_the_slope_of_the_process():
    found = compared(series(0.5), time_half_width=2.0)

    slope = 10 * 2 * pi / 600 / sqrt(2)  # of a sine, as a root mean square
    u = {row.symbol: row.standard_uncertainty for row in found.budget.contributions}
    assert u["synchronisation"] == pytest.approx(slope * 2 / sqrt(3), rel=0.01)


def test_a_known_delay_is_taken_out():
    late = compared(series(0.5, delay=20.0))
    aligned = compared(series(0.5, delay=20.0), delay=20.0)

    assert aligned.error == pytest.approx(0.5, abs=0.01)
    assert aligned.expanded_uncertainty < late.expanded_uncertainty


def test_process_conditions_and_drift_are_terms_of_their_own():
    found = compared(
        series(0.5, drift=0.3), conditions=[Condition(name="vibration", half_width=0.2)]
    )

    u = {row.symbol: row.standard_uncertainty for row in found.budget.contributions}
    assert u["vibration"] == pytest.approx(0.2 / sqrt(3))
    assert found.drift == pytest.approx(0.3, rel=0.02)
    assert u["drift"] == pytest.approx(0.15 / sqrt(3), rel=0.02)


def test_series_without_enough_in_common_are_refused():
    with pytest.raises(InvalidInput, match="10 samples"):
        compared(series(count=9))


# ── At a distance ────────────────────────────────────────────────────────────────────────────

STANDARD = TransferStandard(
    serial_number="T-7",
    certificate_number="C-2026-1",
    valid_until=date(2027, 3, 1),
    seal_departure="8841",
    seal_arrival="8841",
    before=0.010,
    after=0.016,
)
READINGS = tuple(
    RemoteReading(
        at=datetime(2026, 11, 28, 9, minute, tzinfo=UTC), symbol="shown", nominal=50.0, value=50.1
    )
    for minute in range(3)
)
VIDEO = "ab" * 32


def record(*, standard=STANDARD, readings=READINGS, **changed):
    told = {
        "standard": standard,
        "readings": readings,
        "environment": {"temperature": 21.0},
        "video_sha256": VIDEO,
        "digest": digest_of(readings, standard=standard, video_sha256=VIDEO),
    }
    return RemoteRecord(**(told | changed))


def flaws(**changed):
    return flaws_of(record(**changed), on=date(2026, 11, 28))


def test_a_whole_remote_record_may_be_signed():
    assert flaws() == ()


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"standard": replace(STANDARD, valid_until=date(2026, 11, 27))},
         RemoteFlaw.STANDARD_NOT_VALID),
        ({"standard": replace(STANDARD, serial_number="")}, RemoteFlaw.STANDARD_UNIDENTIFIED),
        ({"standard": replace(STANDARD, seal_arrival="8842")}, RemoteFlaw.SEAL_BROKEN),
        ({"standard": replace(STANDARD, after=None)}, RemoteFlaw.TRANSFER_NOT_CLOSED),
        ({"environment": {}}, RemoteFlaw.ENVIRONMENT_MISSING),
        ({"readings": ()}, RemoteFlaw.NO_READINGS),
        ({"digest": "0" * 64}, RemoteFlaw.READINGS_CHANGED),
    ],
)  # fmt: skip
def test_what_a_remote_record_lacks_is_named(changed, flaw):
    assert flaws(**changed) == (flaw,)


def test_an_audit_that_replays_the_record_notices_a_reading_that_was_changed():
    whole = record()
    better = replace(whole.readings[1], value=50.0)

    changed = replace(whole, readings=(whole.readings[0], better, whole.readings[2]))

    assert flaws_of(changed, on=date(2026, 11, 28)) == (RemoteFlaw.READINGS_CHANGED,)


def test_the_journey_and_the_place_add_to_the_uncertainty():
    found = remote_standard_uncertainty(
        0.004, STANDARD, conditions=[Condition(name="mains", half_width=0.002)]
    )

    assert found == pytest.approx(sqrt(0.004**2 + 0.003**2 / 3 + 0.002**2 / 3))
    with pytest.raises(InvalidInput, match="the journey is not closed"):
        remote_standard_uncertainty(0.004, replace(STANDARD, after=None))
