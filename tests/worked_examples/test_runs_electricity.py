"""JJG 596, 313 and 314: meters and instrument transformers, from readings to the verdict.

The limits are those of the classes in `procedures.json`; the readings are made for the test.
"""

import json
from decimal import Decimal

import pytest

from procedures.conformity import Verdict
from procedures.method import CertificateKind
from tests.worked_examples.runs import EDITIONS, passes, point, run, verdicts, without_error

METER = {"accuracy_class": "0.2S", "i_n": 1.5, "i_max": 6.0}
CHOICES = {"connection": "through_transformers", "phases": "three", "clock": "present"}


def meter_points(gamma=0.05, **choices):
    """A meter that is wrong by one figure at every point, and its clock by 0.2 s a day."""
    return without_error(
        "JJG 596-2012",
        **METER,
        options=CHOICES | choices,
        readings=lambda row: (
            {"gamma": [gamma, gamma + 0.02]} if row.test == "main" else {"daily_error": 0.2}
        ),
    )


def meter_run(points, **changed):
    told = METER | {"options": CHOICES, "influence": 0.01}
    standard = {"maximum_permissible_error": 0.05}
    return run("JJG 596-2012", points=points, standard=standard, **(told | changed))


def test_a_meter_of_class_0_2s_passes_and_is_valid_for_six_years():
    result = meter_run(meter_points())

    assert passes(result)
    assert result.certificate is CertificateKind.VERIFICATION_CERTIFICATE
    assert result.period_months == 72
    assert result.ratio is not None
    assert (result.ratio.value, result.ratio.holds) == (0.25, True)
    assert result.wording is not None
    assert result.wording.zh == "检定结论: 符合 0.2S 级"


def test_the_mean_of_two_readings_is_rounded_to_a_tenth_of_the_class_and_then_judged():
    result = meter_run(meter_points(gamma=0.19))

    value = result.points[0].value("error")
    assert value.reported == Decimal("0.20")
    assert (value.value, value.limit) == (0.2, 0.2)
    assert verdicts(result)["error"] is Verdict.PASS


def test_the_limit_widens_at_low_current_at_reactive_load_and_for_one_loaded_phase():
    result = meter_run(meter_points())

    limits = {
        (row.nominal, row.conditions["power_factor"], row.conditions["load"]):
            row.maximum_permissible_error
        for row in result.points
        if row.test == "main"
    }  # fmt: skip
    assert limits[0.015, "1", "balanced"] == 0.4
    assert limits[0.075, "1", "balanced"] == 0.2
    assert limits[6.0, "0.5L", "balanced"] == 0.3
    assert limits[1.5, "1", "unbalanced"] == 0.3


def test_the_uncertainty_is_that_of_the_bench_the_readings_and_the_rounding():
    result = meter_run(meter_points())

    shares = {row.symbol: row.standard_uncertainty for row in result.budget.contributions}
    assert shares["d_bench"] == pytest.approx(0.05 / 3**0.5)
    assert shares["g"] == pytest.approx(0.02 / 2**0.5 / 2**0.5)
    assert shares["d_round"] == pytest.approx(0.01 / 3**0.5)
    assert result.expanded_uncertainty == pytest.approx(
        2 * (0.05**2 / 3 + 0.01**2 + 0.01**2 / 3 + 0.01**2 / 3) ** 0.5
    )


def test_a_clock_that_gains_more_than_half_a_second_a_day_fails_the_meter():
    points = [row for row in meter_points() if row.test == "main"]

    result = meter_run([*points, point(test="clock", daily_error=0.51)])

    assert result.verdict is Verdict.FAIL
    assert result.certificate is CertificateKind.NOTICE_OF_VERIFICATION_RESULT
    assert result.wording is not None
    assert result.wording.zh == "检定结论: 不合格; 不合格项: 时钟日计时误差"


def test_a_meter_that_creeps_fails_and_one_nobody_looked_at_is_not_judged():
    inspections = {"starting": True, "creep": False, "constant": True}

    assert meter_run(meter_points(), inspections=inspections).verdict is Verdict.FAIL
    open_ = meter_run(meter_points(), inspections={"starting": True, "creep": True})
    assert open_.verdict is Verdict.UNDETERMINED
    assert [row.field for row in open_.objections] == ["inspections.constant"]


def test_one_reading_where_two_are_wanted_decides_nothing():
    points = meter_points()
    points[0] = point(points[0].nominal, conditions=points[0].conditions, gamma=0.05)

    result = meter_run(points)

    assert result.verdict is Verdict.UNDETERMINED
    (objection,) = result.objections
    assert (objection.field, objection.actual, objection.lowest) == ("readings.gamma", 1.0, 2.0)


def test_meters_of_classes_1_and_2_are_valid_for_eight_years_and_have_no_clock_unless_told():
    choices = {"connection": "direct", "phases": "single", "clock": "absent"}
    told = {"accuracy_class": "1", "i_n": 5.0, "i_max": 60.0, "options": choices}
    points = without_error("JJG 596-2012", **told, readings=lambda _row: {"gamma": [0.4, 0.4]})

    result = run(
        "JJG 596-2012", points=points, influence=0.05,
        standard={"maximum_permissible_error": 0.2}, **told,
    )  # fmt: skip

    assert passes(result)
    assert result.period_months == 96
    assert {row.test for row in result.points} == {"main"}


def transformer_points(name, accuracy_class, *, share):
    """A transformer whose errors are a share of the limit at every planned point."""
    limits = {
        (row["cls"], at): (f, d)
        for row in facts(name)
        for at, f, d in zip(row["points_pct"], row["f"], row["d"], strict=True)
    }
    return without_error(
        name,
        accuracy_class=accuracy_class,
        readings=lambda row: {
            "ratio_error": share * limits[accuracy_class, row.nominal][0],
            "phase_displacement": -share * limits[accuracy_class, row.nominal][1],
        },
    )


def facts(name):
    return FACTS[name]


FACTS = {
    "JJG 313-2010": [
        {"cls": "0.2S", "points_pct": [1, 5, 20, 100, 120],
         "f": [0.75, 0.35, 0.2, 0.2, 0.2], "d": [30, 15, 10, 10, 10]},
        {"cls": "0.5S", "points_pct": [1, 5, 20, 100, 120],
         "f": [1.5, 0.75, 0.5, 0.5, 0.5], "d": [90, 45, 30, 30, 30]},
        {"cls": "0.1", "points_pct": [5, 20, 100, 120],
         "f": [0.4, 0.2, 0.1, 0.1], "d": [15, 8, 5, 5]},
        {"cls": "0.2", "points_pct": [5, 20, 100, 120],
         "f": [0.75, 0.35, 0.2, 0.2], "d": [30, 15, 10, 10]},
        {"cls": "0.5", "points_pct": [5, 20, 100, 120],
         "f": [1.5, 0.75, 0.5, 0.5], "d": [90, 45, 30, 30]},
    ],
    "JJG 314-2010": [
        {"cls": cls, "points_pct": [80, 100, 120], "f": [f] * 3, "d": [d] * 3}
        for cls, f, d in (("0.1", 0.1, 5), ("0.2", 0.2, 10), ("0.5", 0.5, 20))
    ],
}  # fmt: skip
CLASSES = [(name, row["cls"]) for name, rows in FACTS.items() for row in rows]


def transformer_run(name, accuracy_class, points):
    return run(
        name,
        accuracy_class=accuracy_class,
        points=points,
        standard={"maximum_permissible_error": 0.02 if accuracy_class == "0.1" else 0.04},
    )


def test_the_tables_above_are_those_of_the_facts(shared_dir):
    collected = json.loads((shared_dir / "data" / "procedures.json").read_text("utf-8"))

    for name, rows in FACTS.items():
        code = EDITIONS[name].code
        (found,) = [row for row in collected["procedures"] if row["code"] == code]
        assert found["classes"] == rows


@pytest.mark.parametrize(("name", "accuracy_class"), CLASSES)
def test_a_transformer_just_within_its_limits_passes_and_beyond_them_fails(name, accuracy_class):
    within = transformer_run(
        name, accuracy_class, transformer_points(name, accuracy_class, share=0.97)
    )
    beyond = transformer_run(
        name, accuracy_class, transformer_points(name, accuracy_class, share=1.2)
    )

    assert passes(within)
    assert beyond.verdict is Verdict.FAIL
    assert {check.name for check in beyond.failed_checks} == {"ratio_error", "phase_displacement"}


def test_ratio_and_phase_are_each_rounded_to_their_own_interval_and_unit():
    points = transformer_points("JJG 313-2010", "0.2S", share=0.33)

    first = transformer_run("JJG 313-2010", "0.2S", points).points[0]

    assert str(first.value("f").reported) == "0.24"  # 0.2475 to 0.02
    assert str(first.value("delta").reported) == "-10"  # 9.9 to 1
    assert (first.value("f").unit, first.value("delta").unit) == ("%", "′")


def test_a_limit_between_two_multiples_of_the_rounding_interval_is_kept_by_the_lower_one_only():
    points = transformer_points("JJG 313-2010", "0.2S", share=1.0)  # 0.35 % rounds to 0.36 %

    result = transformer_run("JJG 313-2010", "0.2S", points)

    assert [check.name for check in result.failed_checks] == ["ratio_error"]
    assert str(result.checks[0].worst.reported) == "0.36"


def test_at_a_point_without_a_limit_nothing_is_decided():
    points = [
        *transformer_points("JJG 314-2010", "0.2", share=0.5),
        point(50.0, conditions={"burden": "rated"}, ratio_error=0.0, phase_displacement=0.0),
    ]

    result = transformer_run("JJG 314-2010", "0.2", points)

    assert result.verdict is Verdict.UNDETERMINED
    assert [row.field for row in result.objections] == [
        "checks.ratio_error.limit",
        "checks.phase_displacement.limit",
    ]
