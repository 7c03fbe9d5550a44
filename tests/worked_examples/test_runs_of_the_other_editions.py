"""One run each of JJG 597, 842, 875, 996, 1037, 1038, 1085, 1149, 1189.3 and JJF 1183, 1637.

Readings are made for the test; the limits are those of the classes in `procedures.json`.
"""

import pytest

from procedures.conformity import Verdict
from procedures.method import CertificateKind
from tests.worked_examples.runs import passes, point, run, verdicts, without_error

STANDARD = {"standard": {"expanded_uncertainty": 0.005}}


def test_a_meter_bench_of_class_0_05_is_judged_at_unity_power_factor_only():
    spread = [0.02 + 0.001 * (step % 3) for step in range(10)]
    points = [
        point(5.0, conditions={"power_factor": factor}, gamma=spread)
        for factor in ("1", "0.5L", "0.8C")
    ]

    result = run(
        "JJG 597-2005", accuracy_class="0.05", points=points, i_n=5.0, other=0.001, **STANDARD
    )

    assert [str(row.value("error").reported) for row in result.points] == ["0.020"] * 3
    assert result.points[0].value("error").limit == 0.05
    assert result.verdict is Verdict.UNDETERMINED
    assert [row.field for row in result.objections] == ["checks.error.limit"]  # at 0.5L and 0.8C
    assert verdicts(result)["repeatability"] is Verdict.PASS


def test_a_reference_meter_passes_within_what_is_surely_allowed():
    points = without_error(
        "JJG 1085-2013", accuracy_class="0.1", i_n=5.0,
        readings=lambda _row: {"gamma": [0.08, 0.08]},
    )  # fmt: skip
    told = {"accuracy_class": "0.1", "i_n": 5.0, "other": 0.001} | STANDARD

    result = run("JJG 1085-2013", points=points, **told)
    beyond = [*points[:-1], point(5.0, conditions={"power_factor": "0.5L"}, gamma=[0.17, 0.17])]

    assert passes(result)
    assert result.points[-1].value("error").limit == pytest.approx(0.15)
    assert run("JJG 1085-2013", points=beyond, **told).verdict is Verdict.UNDETERMINED


def test_a_direct_current_meter_passes_for_three_years():
    points = [point(i, gamma=[0.3, 0.31]) for i in (0.05, 5.0, 6.0)]

    result = run(
        "JJG 842-2017", accuracy_class="0.5", points=points, i_n=5.0, other=0.01,
        standard={"expanded_uncertainty": 0.1},
    )  # fmt: skip

    assert passes(result)
    assert result.period_months == 36


def test_a_direct_current_charger_passes_at_each_voltage():
    points = [point(100.0, conditions={"voltage": v}, gamma=[0.4, 0.5]) for v in (300.0, 750.0)]
    told = {"accuracy_class": "1", "i_n": 100.0, "other": 0.02}

    good = {"maximum_permissible_error": 0.2}
    result = run("JJG 1149-2022 (试行)", points=points, standard=good, **told)

    assert passes(result)
    assert [str(row.value("error").reported) for row in result.points] == ["0.4", "0.4"]  # 0.45


def test_a_power_current_transformer_in_service_has_the_limits_of_jjg_313_for_ten_years():
    points = without_error(
        "JJG 1189.3-2022", accuracy_class="0.2S",
        readings=lambda _row: {"ratio_error": 0.15, "phase_displacement": 8.0},
    )  # fmt: skip

    result = run(
        "JJG 1189.3-2022", accuracy_class="0.2S", points=points, field_u=0.005,
        standard={"maximum_permissible_error": 0.04},
    )  # fmt: skip

    assert passes(result)
    assert result.period_months == 120
    assert {row.maximum_permissible_error for row in result.points} == {0.2, 0.35, 0.75}


def digital_gauge(accuracy_class, points, **changed):
    told = {
        "span": 10.0, "resolution": 0.001, "stability": 0.001,
        "standard": {"maximum_permissible_error": 0.002},
    } | changed  # fmt: skip
    return run("JJG 875-2019", accuracy_class=accuracy_class, points=points, **told)


def test_a_digital_gauge_of_class_0_1_needs_a_standard_three_times_better():
    points = [point(p, up=[p + 0.004], down=[p + 0.003]) for p in (0.0, 2.5, 5.0, 7.5, 10.0)]

    result = digital_gauge("0.1", points)
    coarse = digital_gauge("0.1", points, standard={"maximum_permissible_error": 0.005})

    assert passes(result)
    assert result.decisive.limit == 0.01
    assert [row.field for row in coarse.objections] == ["ratio"]


def test_a_digital_gauge_of_class_0_05_may_have_one_only_twice_as_good_but_needs_ten_points():
    points = [point(float(p), up=[p] * 2, down=[p] * 2) for p in range(1, 11)]

    result = digital_gauge("0.05", points, standard={"maximum_permissible_error": 0.0025})

    assert passes(result)
    assert result.ratio is not None
    assert (result.ratio.value, result.ratio.maximum) == (0.5, 0.5)
    assert digital_gauge("0.05", points[1:]).verdict is Verdict.UNDETERMINED


def turbine(fluid, flows, error):
    points = [
        point(flow, volume=[1 + error / 100] * 6, reference_volume=[1.0] * 6) for flow in flows
    ]
    return run(
        "JJG 1037-2008", accuracy_class="0.5", points=points, options={"fluid": fluid}, q_min=5.0,
        q_max=100.0, q_t=20.0, corrections=0.02, standard={"expanded_uncertainty": 0.15},
    )  # fmt: skip


def test_a_turbine_meter_may_err_twice_as_much_on_gas_below_its_transitional_flow():
    liquid = turbine("liquid", (5.0, 30.0, 40.0, 100.0), 0.6)
    gas = turbine("gas", (5.0, 7.0, 25.0, 40.0, 70.0, 100.0), 0.4)

    assert liquid.verdict is Verdict.FAIL
    assert passes(gas)
    assert [row.maximum_permissible_error for row in gas.points] == [1.0, 1.0, *[0.5] * 4]
    assert gas.period_months == 12


def test_a_coriolis_meter_may_spread_by_half_of_its_limit():
    errors = (0.0, 0.1, 0.2)
    points = [
        point(q, mass=[1 + e / 100 for e in errors], reference_mass=[1.0] * 3)
        for q in (100.0, 50.0, 20.0, 5.0)
    ]

    result = run(
        "JJG 1038-2008", accuracy_class="0.25", points=points, q_min=5.0, q_max=100.0,
        corrections=0.01, standard={"expanded_uncertainty": 0.05},
    )  # fmt: skip

    assert passes(result)
    assert result.points[0].value("repeatability").value == pytest.approx(0.1)
    assert result.points[0].value("repeatability").limit == 0.125


def test_a_gas_dispenser_passes_for_half_a_year():
    points = [point(20.0, dispensed=[10.05, 10.06, 10.07], reference=[10.0] * 3)]

    result = run(
        "JJG 996-2012", points=points, q_max=20.0, buoyancy=0.05, residue=0.05,
        standard={"expanded_uncertainty": 0.2},
    )  # fmt: skip

    assert passes(result)
    assert result.period_months == 6
    assert result.points[0].value("repeatability").value == pytest.approx(0.2)


def test_a_temperature_transmitter_is_calibrated_in_milliamperes():
    points = [
        point(t, output=[4 + 0.16 * t + 0.02, 4 + 0.16 * t + 0.022])
        for t in (0.0, 25.0, 50.0, 75.0, 100.0)
    ]

    result = run(
        "JJF 1183-2007", accuracy_class="0.5", points=points, t_low=0.0, t_high=100.0,
        ammeter=0.001, cold_junction=0.002, standard={"expanded_uncertainty": 0.01},
    )  # fmt: skip

    assert passes(result)
    assert result.certificate is CertificateKind.CALIBRATION_CERTIFICATE
    assert str(result.points[0].value("error").reported) == "0.021"
    assert result.decisive.limit == 0.08


@pytest.mark.parametrize(
    ("accuracy_class", "type_", "t", "limit"),
    [
        ("1", "k", 300.0, 1.5),
        ("1", "k", 600.0, 2.4),
        ("2", "n", 300.0, 2.5),
        ("2", "n", 1000.0, 7.5),
        ("1", "t", 100.0, 0.5),
        ("2", "j", 300.0, None),
    ],
)
def test_the_limit_of_a_thermocouple_goes_with_its_type_and_temperature(
    accuracy_class, type_, t, limit
):
    found = point(
        t, e_test=[12.21] * 4, e_standard=[2.32] * 4, e_table=12.209, s_test=0.0415,
        e_certificate=2.3205, s_standard=0.0091,
    )  # fmt: skip

    result = run(
        "JJF 1637-2017", accuracy_class=accuracy_class, points=[found], options={"type": type_},
        meter=0.05, furnace=0.1, reference_junction=0.05, leads=0.1,
        standard={"expanded_uncertainty": 0.2},
    )  # fmt: skip

    deviation = (12.21 - 12.209) / 0.0415 + (2.3205 - 2.32) / 0.0091
    assert result.decisive.value == pytest.approx(deviation, abs=1e-9)
    assert result.decisive.limit == limit
    assert result.verdict is (Verdict.PASS if limit else Verdict.UNDETERMINED)
