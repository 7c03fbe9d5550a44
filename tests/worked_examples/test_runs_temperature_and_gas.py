"""JJG 229 and 968: a resistance thermometer and a flue gas analyzer, from readings to the verdict.

The tolerances are `prt_mpe_C` of `worked_examples.json`, R(t) of platinum is that of IEC 60751.
"""

import json
from typing import Any

import pytest

from procedures.conformity import Verdict
from tests.worked_examples.runs import passes, point, run, verdicts

THERMOMETER = {"bridge_percent": 0.02, "bath": 0.01, "self_heating": 0.005}


def thermometer_run(accuracy_class, resistances, **changed):
    points = [
        point(nominal, r=[resistance] * 4, bath_deviation=[0.0, 0.01, -0.01, 0.0])
        for nominal, resistance in resistances.items()
    ]
    told = {"standard": {"expanded_uncertainty": 0.01}} | THERMOMETER | changed
    return run("JJG 229-2010", accuracy_class=accuracy_class, points=points, **told)


def test_a_thermometer_of_class_b_passes_and_its_deviations_are_in_degrees():
    result = thermometer_run("B", {0.0: 100.039, 100.0: 138.58})

    assert passes(result)
    values = [row.value("deviation_in_temperature") for row in result.points]
    assert [str(value.reported) for value in values] == ["0.10", "0.20"]  # 0.3908, 0.3793 Ω/°C


@pytest.mark.parametrize(
    ("accuracy_class", "at", "name"),
    [
        ("AA", 100, "AA_100"),
        ("A", 100, "A_100"),
        ("B", 100, "B_100"),
        ("C", 100, "C_100"),
        ("B", 0, "B_0"),
        ("Cu", 100, "Cu_100"),
    ],
)
def test_the_tolerance_is_a_plus_b_t(accuracy_class, at, name, shared_dir):
    published = json.loads((shared_dir / "data" / "worked_examples.json").read_text("utf-8"))

    result = thermometer_run(accuracy_class, {0.0: 100.0, 100.0: 138.5055})

    limits = {row.nominal: row.maximum_permissible_error for row in result.points}
    assert limits[float(at)] == pytest.approx(published["prt_mpe_C"][name], abs=1e-12)


def test_below_zero_platinum_follows_its_own_polynomial():
    result = thermometer_run("B", {-50.0: 80.306282, 0.0: 100.0, 100.0: 138.5055})

    assert result.points[0].values[0].reported == 0  # R(-50 °C) = 80.306 Ω


def test_class_aa_needs_the_ends_of_its_range_too():
    told = {"t_highest": 200.0, "t_lowest": -20.0}

    result = thermometer_run("AA", {0.0: 100.0, 100.0: 138.5055}, **told)

    assert result.verdict is Verdict.UNDETERMINED
    assert [row.nominal for row in result.objections] == [200.0, -20.0]


CONCENTRATIONS = (100.0, 250.0, 400.0)  # µmol/mol, of 500


def analyzer_points(relative_error=1.0, **changed):
    others: dict[str, Any] = {
        "repeatability": {"repeated": [250, 251, 250, 251, 250, 251]},
        "response_time": {"seconds": 45},
        "stability": {"within_an_hour": [250, 252, 251]},
        "insulation": {"megohms": 100},
    } | changed
    nominals = {"repeatability": 250.0, "stability": 250.0}
    return [
        *(point(c, x=[c * (1 + relative_error / 100)] * 3) for c in CONCENTRATIONS),
        *(
            point(nominals.get(test, 0.0), test=test, **readings)
            for test, readings in others.items()
        ),
    ]


def analyzer_run(points, **changed):
    told = {"full_scale": 500.0, "resolution": 1.0, "dilution": 0.5}
    return run(
        "JJG 968-2002", points=points, standard={"expanded_uncertainty": 2.0}, **(told | changed)
    )


def test_an_analyzer_passes_all_of_its_five_requirements():
    result = analyzer_run(analyzer_points())

    assert passes(result)
    assert list(verdicts(result)) == [
        "error", "repeatability", "response_time", "stability", "insulation",
    ]  # fmt: skip
    assert result.wording is not None
    assert result.wording.zh == "检定结论: 合格"
    assert str(result.points[3].values[0].reported) == "0.2"  # s = 0.548 of 250.5


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"repeatability": {"repeated": [240, 260, 250, 240, 260, 250]}}, "repeatability"),
        ({"response_time": {"seconds": 91}}, "response_time"),
        ({"stability": {"within_an_hour": [250, 263]}}, "stability"),
        ({"insulation": {"megohms": 19}}, "insulation"),
    ],
)
def test_each_requirement_fails_by_its_own_name(changed, failed):
    result = analyzer_run(analyzer_points(**changed))

    assert result.verdict is Verdict.FAIL
    assert [check.name for check in result.failed_checks] == [failed]


def test_an_error_of_five_percent_passes_and_a_little_more_fails():
    assert analyzer_run(analyzer_points(5.0)).verdict is Verdict.PASS
    assert analyzer_run(analyzer_points(5.01)).verdict is Verdict.FAIL


def test_a_test_that_was_not_done_is_named_and_nothing_decided():
    points = [row for row in analyzer_points() if row.test != "insulation"]

    result = analyzer_run(points)

    assert result.verdict is Verdict.UNDETERMINED
    assert [row.field for row in result.objections] == ["further_tests.insulation"]
