"""Procedure editions as data: the strict reader, the period, and what readings may be judged."""

import json
from datetime import date
from importlib.resources import files

import pytest

from procedures.conformity import Verdict
from procedures.edition import UnknownAccuracyClass
from procedures.errors import InvalidInput
from procedures.method import (
    Confidence,
    EditionUnreadable,
    PointReadings,
    ReferenceStandard,
    evaluate_readings,
    last_valid_day,
    load_catalogue,
    read_edition,
)

TEXT = (files("procedures") / "catalogue" / "jjg_52_2013.toml").read_text(encoding="utf-8")
JJG_52 = read_edition(TEXT, name="jjg_52_2013.toml")
SYMBOLS = [reading.symbol for reading in JJG_52.readings]
MODULE = ReferenceStandard(maximum_permissible_error=0.00125)
ENVIRONMENT = {"temperature": 20.6, "humidity": 48.0, "rest_time": 2.0}


def without_error(*nominals):
    return [
        PointReadings(nominal=nominal, readings=dict.fromkeys(SYMBOLS, nominal))
        for nominal in nominals
    ]


def judged(points=None, *, edition=JJG_52, **changed):
    arguments = {
        "accuracy_class": "1.6",
        "points": points or without_error(0.0, 0.8, 1.6),
        "environment": ENVIRONMENT,
        "standard": MODULE,
        "span": 1.6,
        "division": 0.05,
    }
    return evaluate_readings(edition, **(arguments | changed))


def test_the_edition_says_what_it_is_in_both_languages():
    assert JJG_52.name == "JJG 52-2013"
    assert JJG_52.title.zh == "弹性元件式一般压力表、压力真空表和真空表"
    assert JJG_52.replaces == ("JJG 52-1999", "JJG 573-2003")
    assert [reading.label.zh for reading in JJG_52.readings][:2] == ["升压 轻敲前", "升压 轻敲后"]
    assert JJG_52.period_months == 6


def test_it_agrees_with_the_facts_collected_of_it(shared_dir):
    catalogue = json.loads((shared_dir / "data" / "procedures.json").read_text("utf-8"))
    facts = next(row for row in catalogue["procedures"] if row["code"] == "JJG 52")

    for row in facts["classes"]:
        figures = JJG_52.accuracy_class(row["cls"]).figures
        assert figures == {"mpe_percent": row["mpe"], "mpe_percent_90_100": row["mpe_90_100"]}
    assert JJG_52.ratio is not None
    assert (JJG_52.ratio.basis, JJG_52.ratio.maximum) == ("MPE/MPE", facts["ratio_rule"]["max"])
    assert JJG_52.title.zh == facts["title_zh"]
    shared = set(JJG_52.marks) & set(facts["conf"])
    assert {field: JJG_52.marks[field] for field in shared if field != "title"} == {
        field: facts["conf"][field] for field in shared
    }
    assert len(shared) >= 8


def test_a_default_nobody_has_confirmed_is_shown_as_unverified():
    assert JJG_52.unverified == ("parameters.repeatability",)

    doubtful = read_edition(TEXT.replace('period = "S"', 'period = "U"'), name="changed")
    assert doubtful.unverified == ("period", "parameters.repeatability")
    assert doubtful.marks["period"] is Confidence.UNSURE


def test_an_edition_is_in_force_from_its_day_on():
    assert not JJG_52.is_in_force(date(2013, 12, 26))
    assert JJG_52.is_in_force(date(2013, 12, 27))

    replaced = read_edition("in_force_until = 2026-06-30\n" + TEXT, name="changed")
    assert replaced.is_in_force(date(2026, 6, 30))
    assert not replaced.is_in_force(date(2026, 7, 1))


def test_the_old_spelling_of_a_class_is_understood():
    assert JJG_52.accuracy_class("1.5") is JJG_52.accuracy_class("1.6")

    with pytest.raises(UnknownAccuracyClass, match=r"0\.4.*1, 1\.6, 2\.5, 4"):
        JJG_52.accuracy_class("0.4")


def test_the_catalogue_holds_each_edition_once():
    names = [edition.name for edition in load_catalogue()]

    assert "JJG 52-2013" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('edition = "2013"', "edition = 2013", "edition"),
        ('edition = "2013"', "", "edition"),
        ('kind = "verification"', 'kind = "inspection"', "kind"),
        ('code = "JJG 52"', 'code = " "', "code"),
        ("issued_on = 2013-06-27", 'issued_on = "2013-06-27"', "issued_on"),
        ("months = 6", "months = 0", "period.months"),
        ("months = 6", "months = 6.5", "period.months"),
        ("months = 6", "months = 6\nyears = 1", "period.years"),
        ("[period]", "colour = 1\n[period]", "measurand.colour"),
        ("maximum = 0.25", "maximum = -1", "ratio.maximum"),
        ("maximum = 0.25", "maximum = nan", "ratio.maximum"),
        ('basis = "MPE/MPE"', 'basis = "TUR"', "ratio.basis"),
        ("mpe_percent = 2.5", "mpe_procent = 2.5", "classes[2].figures"),
        ('name = "4"', 'name = "1.5"', "classes[3].name"),
        ('limit = "mpe / 2"', 'limit = "mpe / two"', "checks[2].limit"),
        ('limit = "mpe / 2"', "limit = \"__import__('os')\"", "checks[2].limit"),
        ('default = "span"', 'default = "repeatability"', "parameters.upper.default"),
        ('below = "0.9 * upper"', "", "maximum_permissible_error[0].below"),
        ('"upper"]', '"top"]', "test_points.required[1]"),
        ('symbol = "up_before_tapping"', 'symbol = "nominal"', "readings[0].symbol"),
        ('symbol = "up_before_tapping"', 'symbol = "升压"', "readings[0].symbol"),
        ('judges = "error_of_indication"', 'judges = "hysteresis"', "model.indications"),
        ("p_ind - p_std + d_rep", "p_ind - p_ref + d_rep", "model.expression"),
        ('half_width = "division / 10"', 'standard_uncertainty = "division"', "contributors[2]"),
        ('distribution = "triangular"', 'distribution = "round"', "contributors[3].distribution"),
        ("reported = true", 'reported = "yes"', "checks[0].reported"),
        ("lowest = 2\n", "", "environment.rest_time"),
        ('rule = "simple_acceptance"', 'rule = "generous"', "conformity.rule"),
        ('pass = "verification_certificate"', 'pass = "medal"', "certificates.pass"),
        ('ratio = "S"', "", "marks.ratio"),
        ("[parameters.span]", "[parameters.points]", "parameters.points"),
    ],
)
def test_what_is_wrong_in_an_edition_is_pointed_at(old, new, field):
    assert old in TEXT

    with pytest.raises(EditionUnreadable) as refused:
        read_edition(TEXT.replace(old, new, 1), name="mine.toml")

    assert refused.value.field.startswith(field)
    assert str(refused.value).startswith(f"mine.toml: {field}")


def test_a_text_that_is_not_toml_is_refused_with_its_line():
    with pytest.raises(EditionUnreadable, match=r"mine\.toml: is not TOML: .*line 1"):
        read_edition("code = JJG 52", name="mine.toml")


def test_a_gauge_in_an_overheated_room_is_neither_passed_nor_failed():
    result = judged(environment=ENVIRONMENT | {"temperature": 27.5})

    assert result.verdict is Verdict.UNDETERMINED
    assert result.certificate is None
    (objection,) = result.objections
    assert (objection.field, objection.actual, objection.highest) == (
        "environment.temperature",
        27.5,
        25.0,
    )


def test_a_condition_nobody_recorded_is_an_objection_not_a_pass():
    result = judged(environment={"temperature": 20.6, "humidity": 48.0})

    assert result.verdict is Verdict.UNDETERMINED
    assert [(o.field, o.actual) for o in result.objections] == [("environment.rest_time", None)]


def test_a_standard_that_is_not_four_times_better_decides_nothing():
    result = judged(standard=ReferenceStandard(maximum_permissible_error=0.0128))

    assert result.verdict is Verdict.UNDETERMINED
    (objection,) = result.objections
    assert (objection.field, objection.actual, objection.highest) == ("ratio", 0.5, 0.25)


def test_readings_that_stop_short_of_the_upper_limit_decide_nothing():
    result = judged(without_error(0.0, 0.8))

    assert result.verdict is Verdict.UNDETERMINED
    assert [(o.field, o.lowest) for o in result.objections] == [("test_points", 1.6)]


def test_an_error_of_exactly_the_limit_passes_although_binary_arithmetic_says_more():
    points = without_error(0.0, 10.0)
    at_limit = PointReadings(nominal=4.0, readings=dict.fromkeys(SYMBOLS, 4.16))
    assert 4.16 - 4.0 > 0.16

    result = judged([*points, at_limit], span=10.0, division=0.2)

    assert result.decisive.value == result.decisive.limit == 0.16
    assert result.verdict is Verdict.PASS


def test_the_wider_limit_holds_from_ninety_percent_of_the_upper_limit_on():
    result = judged(without_error(0.0, 1.43, 1.44, 1.6))

    assert [point.maximum_permissible_error for point in result.points] == [
        *(0.0256, 0.0256),
        *(0.04, 0.04),
    ]


def test_a_pressure_vacuum_gauge_is_judged_by_its_span_and_upper_limit():
    result = judged(without_error(-0.1, 0.6, 1.5), upper=1.5)

    assert result.verdict is Verdict.PASS
    assert [point.maximum_permissible_error for point in result.points] == [0.0256, 0.0256, 0.04]


def test_an_edition_by_jjf_1094_is_undetermined_near_the_limit_once_u_is_large():
    text = TEXT.replace('rule = "simple_acceptance"', 'rule = "jjf_1094"')
    edition = read_edition(text, name="changed")
    points = [
        *without_error(0.0, 1.6),
        PointReadings(nominal=0.8, readings=dict.fromkeys(SYMBOLS, 0.82)),
    ]

    precise = judged(points, edition=edition)
    coarse = judged(points, edition=edition, repeatability=0.005)

    assert precise.verdict is Verdict.PASS
    assert coarse.uncertainty_ratio > 1 / 3
    assert coarse.verdict is Verdict.UNDETERMINED
    assert coarse.certificate is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"span": float("nan")}, "parameters.span"),
        ({"weight": 1.0}, "parameters.weight"),
        ({"environment": ENVIRONMENT | {"noise": 1.0}}, "environment.noise"),
        ({"environment": ENVIRONMENT | {"humidity": float("inf")}}, "environment.humidity"),
        ({"standard": ReferenceStandard(expanded_uncertainty=0.0006)}, "standard"),
    ],
)
def test_a_figure_that_cannot_be_used_is_named(changed, field):
    with pytest.raises(InvalidInput) as refused:
        judged(**changed)

    assert refused.value.field == field


def test_a_missing_reading_is_named_and_never_taken_for_zero():
    points = without_error(0.0, 0.8, 1.6)
    incomplete = dict(points[1].readings)
    del incomplete["down_after_tapping"]

    with pytest.raises(InvalidInput) as refused:
        judged([points[0], PointReadings(nominal=0.8, readings=incomplete), points[2]])

    assert refused.value.field == "points[1].readings.down_after_tapping"


def test_a_point_that_stands_twice_is_pointed_at():
    with pytest.raises(InvalidInput, match=r"points\[2\]\.nominal: 0\.8 stands twice"):
        judged(without_error(0.0, 0.8, 0.8, 1.6))


def test_a_negative_span_is_refused_and_not_judged_by_a_negative_limit():
    with pytest.raises(InvalidInput, match="maximum_permissible_error"):
        judged(span=-1.6, upper=1.6)


def test_a_missing_division_is_asked_for_by_its_title():
    with pytest.raises(InvalidInput, match=r"parameters\.division: is missing \(scale interval\)"):
        evaluate_readings(
            JJG_52,
            accuracy_class="1.6",
            points=without_error(0.0, 1.6),
            environment=ENVIRONMENT,
            standard=MODULE,
            span=1.6,
        )


@pytest.mark.parametrize(
    ("performed_on", "months", "last_day"),
    [
        (date(2026, 11, 21), 6, date(2027, 5, 20)),
        (date(2025, 1, 31), 1, date(2025, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2023, 3, 1), 12, date(2024, 2, 29)),
        (date(2025, 12, 31), 2, date(2026, 2, 28)),
        (date(2025, 1, 1), 12, date(2025, 12, 31)),
    ],
)
def test_a_result_is_valid_until_the_day_before_the_same_day_of_the_month(
    performed_on, months, last_day
):
    assert last_valid_day(performed_on, months) == last_day


def test_every_published_due_date_is_reproduced(shared_dir):
    cases = json.loads((shared_dir / "data" / "duedate_cases.json").read_text("utf-8"))

    assert len(cases) == 17
    for case in cases:
        last_day = last_valid_day(date.fromisoformat(case["anchor"]), case["months"])
        assert last_day == date.fromisoformat(case["valid_to"]), case


@pytest.mark.parametrize("months", [0, -6, 12 * 9000])
def test_a_period_that_is_none_is_refused(months):
    with pytest.raises(InvalidInput):
        last_valid_day(date(2026, 11, 21), months)
