"""JJG 195, 672, 700, 1036, JJF 1585 and the two working methods: what carbon accounts rest on."""

import pytest

from procedures.conformity import Verdict
from procedures.method import CertificateKind
from tests.worked_examples.runs import EDITIONS, passes, point, run, verdicts

BELT = {
    "q_max": 1000.0, "division": 0.01, "revolution_load": 2.0, "losses": 0.02, "tension": 0.02,
    "zero_drift": 0.01, "standard": {"maximum_permissible_error": 0.05},
}  # fmt: skip


def belt_points(errors=(0.1, 0.2), *, load=25.0):
    return [
        point(flow, totalized=[load * (1 + error / 100) for error in errors], control=[load] * 2)
        for flow in (1000.0, 600.0, 200.0)
    ]


def test_a_belt_weigher_passes_its_first_verification_within_half_the_limit_of_later_ones():
    initial = run("JJG 195-2019", accuracy_class="0.5", points=belt_points(), **BELT)
    later = run(
        "JJG 195-2019", accuracy_class="0.5", points=belt_points((0.3, 0.4)),
        options={"purpose": "in_service"}, **BELT,
    )  # fmt: skip

    assert passes(initial)
    assert initial.decisive.limit == 0.25
    assert passes(later)
    assert later.decisive.limit == 0.5
    again = run("JJG 195-2019", accuracy_class="0.5", points=belt_points((0.3, 0.4)), **BELT)
    assert [check.name for check in again.failed_checks] == ["error"]


def test_a_belt_test_with_less_than_the_minimum_load_proves_nothing():
    result = run("JJG 195-2019", accuracy_class="0.5", points=belt_points(load=19.0), **BELT)

    assert [check.name for check in result.failed_checks] == ["load"]  # 2 % of 1000 t
    assert result.checks[2].worst.limit == 20.0


CALORIMETER = {
    "calorific_value": 26460.0, "balance": 0.0002, "ignition": 1.0, "cooling": 0.0005,
    "thermometer": 0.0005, "standard": {"expanded_uncertainty": 13.0},
}  # fmt: skip
RUNS = {
    "mass": [1.0] * 5,
    "fuse": [50.0] * 5,
    "rise": [2.6525, 2.6540, 2.6515, 2.6530, 2.6520],
}


def capacity(rise):
    """E = (Q m + q1 + qn)/(H Δt) with qn = 0.0015 Q m."""
    return (26460.0 * 1.0015 + 50.0) / rise


def test_a_calorimeter_passes_by_the_spread_of_its_heat_capacity():
    again = point(test="benzoic_acid", measured_value=26480.0)

    result = run("JJG 672-2018", points=[point(**RUNS), again], **CALORIMETER)

    assert passes(result)
    found = [capacity(rise) for rise in RUNS["rise"]]
    mean = sum(found) / 5
    s = (sum((each - mean) ** 2 for each in found) / 4) ** 0.5
    assert result.points[0].value("heat_capacity").value == pytest.approx(mean, abs=1e-6)
    spread = result.points[0].value("relative_standard_deviation")
    assert spread.value == pytest.approx(100 * s / mean, abs=1e-9)
    assert spread.limit == 0.2
    assert result.budget.estimate == pytest.approx(capacity(sum(RUNS["rise"]) / 5))


def test_a_calorimeter_that_spreads_by_more_than_0_20_percent_fails():
    wide = RUNS | {"rise": [2.6525, 2.6640, 2.6515, 2.6530, 2.6420]}
    again = point(test="benzoic_acid", measured_value=26480.0)

    result = run("JJG 672-2018", points=[point(**wide), again], **CALORIMETER)

    assert [check.name for check in result.failed_checks] == ["repeatability"]


def test_the_heat_capacity_is_calibrated_and_compared_with_the_last_one():
    near = point(test="last", last_capacity=10_020.0)
    far = point(test="last", last_capacity=10_050.0)

    usable = run("SUYUAN HC-2026", points=[point(**RUNS), near], **CALORIMETER)
    changed = run("SUYUAN HC-2026", points=[point(**RUNS), far], **CALORIMETER)

    assert passes(usable)
    assert usable.certificate is CertificateKind.CALIBRATION_CERTIFICATE
    assert usable.period_months == 3
    assert [check.name for check in changed.failed_checks] == ["change"]
    assert "checks.change" in EDITIONS["SUYUAN HC-2026"].unverified


CHROMATOGRAPH = point(
    retention_time=[3.21, 3.22, 3.21, 3.2, 3.21, 3.21], peak_area=[1000, 1010, 990, 1005, 995, 1000]
)


@pytest.mark.parametrize(
    ("detector", "found", "check"),
    [
        ("fid", point(test="fid", noise=1e-13, injected_mass=100, fid_area=2e-10), "fid"),
        ("tcd", point(test="tcd", tcd_sensitivity=900), "tcd"),
        ("ecd", point(test="other", other_limit=4.0), "ecd"),
        ("npd_phosphorus", point(test="other", other_limit=9.0), "npd"),
        ("fpd_phosphorus", point(test="other", other_limit=0.09), "fpd"),
    ],
)
def test_a_chromatograph_is_judged_by_its_detector(detector, found, check):
    result = run(
        "JJG 700-2016", points=[CHROMATOGRAPH, found], options={"detector": detector},
        injection=0.5,
    )  # fmt: skip

    assert passes(result)
    assert check in verdicts(result)
    assert {"fid", "tcd", "ecd", "npd", "fpd"} & set(verdicts(result)) == {check}


def test_a_dull_thermal_conductivity_detector_fails():
    dull = point(test="tcd", tcd_sensitivity=799)

    result = run(
        "JJG 700-2016", points=[CHROMATOGRAPH, dull], options={"detector": "tcd"}, injection=0.5
    )

    assert [check.name for check in result.failed_checks] == ["tcd"]


BALANCE = {"accuracy_class": "Ⅱ", "e": 0.01, "d": 0.001, "max_capacity": 220.0,
           "weights_relative_u": 5e-6}  # fmt: skip


def balance_points(error=0.0):
    def read(load, off):
        shown = round((load + off) / 0.01) * 0.01
        return shown, shown + 0.005 - load - off

    tested = [
        point(load, shown=shown, added=added)
        for load in (0.1, 50.0, 200.0, 220.0)
        for shown, added in [read(load, 0.0 if load == 0.1 else error)]
    ]
    six = [read(200.0, off) for off in (0.0, 0.002, 0.0, 0.002, 0.0, 0.0)]
    corners = [read(100.0, off) for off in (0.0, 0.003, 0.0, -0.003)]
    return [
        *tested,
        point(200.0, test="repeatability", repeated_shown=[row[0] for row in six],
              repeated_added=[row[1] for row in six]),
        *(
            point(100.0, test="eccentricity", conditions={"position": str(place)},
                  eccentric_shown=shown, eccentric_added=added)
            for place, (shown, added) in enumerate(corners, start=1)
        ),
    ]  # fmt: skip


def test_a_balance_of_class_ii_passes_and_its_limit_climbs_at_5000_and_20000_e():
    result = run("JJG 1036-2022", points=balance_points(0.004), **BALANCE)

    assert passes(result)
    limits = {row.nominal: row.maximum_permissible_error for row in result.points}
    assert (limits[50.0], limits[200.0], limits[220.0]) == (0.005, 0.01, 0.015)


def test_a_balance_wrong_by_more_than_half_e_at_5000_e_fails():
    result = run("JJG 1036-2022", points=balance_points(0.006), **BALANCE)

    assert [check.name for check in result.failed_checks] == ["error"]
    assert result.decisive.nominal == 50.0


CEMS = {"full_scale": 200.0, "adsorption": 0.5, "conversion": 0.3,
        "standard": {"expanded_uncertainty": 1.5}}  # fmt: skip
PAIRS = {
    "cems": [101, 99, 103, 98, 102, 100, 104, 97, 100],
    "reference_method": [100, 100, 101, 99, 101, 100, 102, 98, 100],
}


def cems_points(error=1.0, *, seconds=120, span_after=181.0):
    return [
        *(point(c, c=[c * (1 + error / 100)] * 3) for c in (50.0, 110.0, 180.0)),
        point(test="response_time", seconds=[seconds] * 3),
        point(test="drift", zero_before=0.0, zero_after=1.0, span_before=180.0,
              span_after=span_after),
        point(test="relative_accuracy", **PAIRS),
    ]  # fmt: skip


def test_an_emission_monitor_is_calibrated_in_its_four_characteristics():
    result = run("JJF 1585-2016", points=cems_points(), **CEMS)

    assert passes(result)
    assert verdicts(result) == dict.fromkeys(("error", "response_time", "drift"), Verdict.PASS)
    assert result.points[4].value("zero_drift").value == 0.5
    accuracy = result.points[5].value("relative_accuracy")
    d = [a - b for a, b in zip(*PAIRS.values(), strict=True)]
    mean = sum(d) / 9
    s = (sum((each - mean) ** 2 for each in d) / 8) ** 0.5
    expected = (abs(mean) + 2.306004 * s / 3) / (sum(PAIRS["reference_method"]) / 9) * 100
    assert accuracy.value == pytest.approx(expected, abs=1e-6)
    assert accuracy.limit is None


@pytest.mark.parametrize(
    ("changed", "failed"),
    [({"seconds": 201}, "response_time"), ({"span_after": 186.0}, "drift")],
)
def test_an_emission_monitor_fails_by_the_characteristic_that_is_wrong(changed, failed):
    result = run("JJF 1585-2016", points=cems_points(**changed), **CEMS)

    assert [check.name for check in result.failed_checks] == [failed]


def test_an_emission_monitor_near_its_limit_is_undetermined_by_jjf_1094():
    result = run("JJF 1585-2016", points=cems_points(4.8), **(CEMS | {"adsorption": 1.0}))

    assert result.uncertainty_ratio > 1 / 3
    assert result.verdict is Verdict.UNDETERMINED
    assert result.certificate is CertificateKind.CALIBRATION_CERTIFICATE


def test_methods_on_one_belt_weigher_are_reported_without_a_statement():
    points = [
        point(500.0, conditions={"method": method}, totalized=[50 * (1 + e / 100) for e in errors],
              reference=[50.0] * 3)
        for method, errors in (("material", (0.1, 0.12, 0.14)), ("chain", (0.3, 0.31, 0.32)))
    ]  # fmt: skip

    result = run("SUYUAN BW-2026", points=points, division=0.01, reference_half_width=0.1)

    assert (result.states_conformity, result.objections) == (False, ())
    assert result.certificate is CertificateKind.CALIBRATION_CERTIFICATE
    assert [row.value("error").value for row in result.points] == pytest.approx([0.12, 0.31])
