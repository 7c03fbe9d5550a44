"""What an edition may say beyond JJG 52, and how the strict reader points at what is wrong."""

from datetime import date
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procedures.conformity import Verdict
from procedures.edition import InForce, compared_with
from procedures.errors import InvalidInput
from procedures.method import (
    CertificateKind,
    EditionUnreadable,
    PointReadings,
    ReferenceStandard,
    evaluate_readings,
    load_catalogue,
    planned_points,
    read_edition,
)
from tests.proofs import how_many

CATALOGUE = files("procedures") / "catalogue"
FLOW = """
code = "LAB-F 01"
edition = "2026"
kind = "verification"
title = { zh = "流量计", en = "Flowmeters" }
in_force_from = 2026-01-01
measurand = { unit = "%", name = { zh = "误差", en = "error" } }
period = { months = 24, cases = [{ months = 12, classes = ["0.2"] }] }
measuring_interval = { lowest = "q_min", highest = "q_max" }
classes = [
  { name = "0.2", figures = { mpe_percent = 0.2, least = 6 } },
  { name = "1", figures = { mpe_percent = 1.0, least = 3 } },
]
[parameters]
q_min = { unit = "m³/h", title = { zh = "最小", en = "least flow" } }
q_max = { unit = "m³/h", title = { zh = "最大", en = "largest flow" } }
[parameters.q_t]
unit = "m³/h"
title = { zh = "分界", en = "transition" }
default = "0.2 * q_max"
mark = "K"
[options.purpose]
title = { zh = "种类", en = "purpose" }
default = "initial"
[options.purpose.choices]
initial = { zh = "首次", en = "initial", figures = { factor = 1 } }
in_use = { zh = "使用中", en = "in use", figures = { factor = 2 } }
[[maximum_permissible_error]]
below = "q_t"
expression = "2 * mpe_percent * factor"
[[maximum_permissible_error]]
expression = "mpe_percent * factor"
[test_points]
rule = { zh = "三点", en = "three points" }
unit = "m³/h"
within = "0.05 * q_max"
required = ["q_max", { at = "0.5 * q_max", classes = ["0.2"] }, "q_min"]
[[readings]]
symbol = "q"
unit = "m³"
repeats = "least"
label = { zh = "示值", en = "indication" }
[[readings]]
symbol = "q_ref"
unit = "m³"
repeats = "least"
label = { zh = "标准值", en = "standard" }
[[derived]]
symbol = "e"
expression = "(q - q_ref) / q_ref * 100"
[[summaries]]
symbol = "largest"
of = "abs(e)"
take = "max"
[[checks]]
name = "error"
title = { zh = "误差", en = "error" }
values = { error = "e" }
limit = "mpe"
reported = true
[[checks]]
name = "repeatability"
title = { zh = "重复性", en = "repeatability" }
values = { repeatability = "s_of_e" }
limit = "mpe / 3"
reported = true
[[checks]]
name = "meter"
title = { zh = "表误差", en = "error of the meter" }
values = { error_of_meter = "largest" }
sense = "none"
reported = true
[model]
expression = "d - d_s"
judges = "error"
coverage_factor = 2
[[contributors]]
symbol = "d"
estimate = "e"
evaluation = "A"
distribution = "normal"
standard_uncertainty = "s_of_e / sqrt(n_of_e)"
degrees_of_freedom = "n_of_e - 1"
source = { zh = "重复性", en = "repeatability" }
[[contributors]]
symbol = "d_s"
evaluation = "B"
distribution = "normal"
standard_uncertainty = "standard_U / 2"
source = { zh = "装置", en = "facility" }
[ratio]
basis = "U/MPE"
maximum = 0.25
cases = [{ classes = ["0.2"], maximum = 0.5 }]
[rounding]
step = "0.01"
judged = "calculated"
[conformity]
rule = "simple_acceptance"
reason = { zh = "检定", en = "verification" }
[certificates]
pass = "verification_certificate"
fail = "notice_of_verification_result"
[marks]
edition = "K"
title = "K"
measurand = "K"
measuring_interval = "K"
period = "K"
classes = "K"
maximum_permissible_error = "K"
test_points = "K"
readings = "K"
checks = "K"
ratio = "K"
model = "K"
contributors = "K"
rounding = "K"
conformity = "K"
certificates = "K"
"""
METER = read_edition(FLOW, name="flow.toml")


def readings(errors, *, flows=(10.0, 100.0), repeats=3):
    """Readings of a meter whose errors at the flows are those, in %, without any spread."""
    return [
        PointReadings(
            nominal=flow,
            readings={"q": [10.0 * (1 + error / 100)] * repeats, "q_ref": [10.0] * repeats},
        )
        for flow, error in zip(flows, errors, strict=True)
    ]


def judged(points, *, edition=METER, accuracy_class="1", standard_U=0.2, **changed):
    return evaluate_readings(
        edition,
        accuracy_class=accuracy_class,
        points=points,
        environment={},
        standard=ReferenceStandard(expanded_uncertainty=standard_U),
        **({"q_min": 10.0, "q_max": 100.0} | changed),
    )


def test_limits_follow_class_option_and_flow():
    result = judged(readings([1.9, 0.9]))

    assert result.verdict is Verdict.PASS
    assert [row.maximum_permissible_error for row in result.points] == [2.0, 1.0]
    in_use = judged(readings([3.9, 1.9]), options={"purpose": "in_use"})
    assert (in_use.verdict, in_use.decisive.limit) == (Verdict.PASS, 4.0)


def test_a_value_that_is_only_reported_decides_nothing():
    result = judged(readings([1.9, 0.9]))

    assert [check.name for check in result.checks] == ["error", "repeatability"]
    assert [row.value("error_of_meter").value for row in result.points] == [1.9, 1.9]
    assert result.points[0].value("error_of_meter").limit is None


def test_the_period_is_that_of_the_class():
    assert judged(readings([0.0, 0.0])).period_months == 24
    precise = judged(readings([0.0, 0.0], repeats=6), accuracy_class="0.2", standard_U=0.1)
    assert precise.period_months == 12
    assert precise.valid_until(date(2026, 11, 28)) == date(2027, 11, 27)


def test_the_ratio_and_the_points_are_those_of_the_class():
    points = readings([0.0] * 2, repeats=6)

    result = judged(points, accuracy_class="0.2", standard_U=0.1)

    assert result.ratio is not None
    assert (result.ratio.value, result.ratio.maximum) == (0.5, 0.5)
    assert [(row.field, row.nominal) for row in result.objections] == [("test_points", 50.0)]
    assert judged(readings([0.0] * 2)).objections == ()


def test_a_required_point_may_lie_a_little_off():
    result = judged(readings([0.0, 0.0], flows=(10.0, 96.0)))

    assert result.objections == ()
    (missed,) = judged(readings([0.0, 0.0], flows=(10.0, 94.0))).objections
    assert (missed.field, missed.lowest, missed.highest) == ("test_points", 95.0, 105.0)


def test_a_point_outside_the_measuring_interval_decides_nothing():
    (objection,) = judged(readings([0.0] * 3, flows=(10.0, 100.0, 101.0))).objections

    assert (objection.field, objection.actual) == ("measuring_interval", 101.0)


def test_too_few_repeats_are_told_once_for_each_point_and_reading():
    result = judged(readings([0.0, 0.0], repeats=2))

    assert result.verdict is Verdict.UNDETERMINED
    assert {(row.field, row.nominal, row.actual, row.lowest) for row in result.objections} == {
        (f"readings.{symbol}", flow, 2.0, 3.0)
        for symbol in ("q", "q_ref")
        for flow in (10.0, 100.0)
    }


def test_points_with_different_numbers_of_repeats_are_judged_together():
    points = [*readings([0.0], flows=[10.0], repeats=5), *readings([0.5], flows=[100.0])]

    result = judged(points)

    assert result.verdict is Verdict.PASS
    assert [row.value("error").value for row in result.points] == [0.0, 0.5]


def test_what_is_to_be_measured_is_planned_from_the_edition():
    plan = planned_points(METER, accuracy_class="0.2", q_min=10.0, q_max=100.0)

    assert [(row.nominal, row.repeats) for row in plan] == [
        (100.0, {"q": 6, "q_ref": 6}),
        (50.0, {"q": 6, "q_ref": 6}),
        (10.0, {"q": 6, "q_ref": 6}),
    ]


def test_an_unknown_limit_is_judged_by_nobody():
    edition = read_edition(FLOW.replace('limit = "mpe / 3"', 'limit = "unknown"'), name="changed")

    result = judged(readings([0.5, 0.5]), edition=edition)

    assert result.verdict is Verdict.UNDETERMINED
    assert [row.field for row in result.objections] == ["checks.repeatability.limit"]
    assert {check.name: check.verdict for check in result.checks} == {
        "error": Verdict.PASS,
        "repeatability": Verdict.UNDETERMINED,
    }


def test_a_limit_known_only_from_below_passes_what_keeps_it_and_fails_nothing():
    text = FLOW.replace(
        'expression = "2 * mpe_percent * factor"',
        'expression = "mpe_percent"\nis_lower_bound = true',
    )
    edition = read_edition(text, name="changed")

    kept = judged(readings([0.9, 0.9]), edition=edition)
    exceeded = judged(readings([1.1, 0.9]), edition=edition)

    assert kept.verdict is Verdict.PASS
    assert exceeded.verdict is Verdict.UNDETERMINED
    assert [row.field for row in exceeded.objections] == ["checks.error.limit"]


def test_without_a_statement_of_conformity_a_calibration_leads_to_its_certificate():
    text = FLOW.replace('rule = "simple_acceptance"', 'rule = "no_statement"')
    text = text.replace('kind = "verification"', 'kind = "in_situ"').replace(
        'pass = "verification_certificate"\nfail = "notice_of_verification_result"',
        'without_statement = "calibration_certificate"',
    )
    edition = read_edition(text, name="changed")

    result = judged(readings([5.0, 5.0]), edition=edition)

    assert (result.verdict, result.states_conformity) == (Verdict.UNDETERMINED, False)
    assert result.certificate is CertificateKind.CALIBRATION_CERTIFICATE
    assert judged(readings([5.0], flows=[10.0]), edition=edition).certificate is None


def test_whoever_widens_a_limit_leaves_the_regulation_and_cannot_verify_by_it():
    mine = read_edition(FLOW.replace("mpe_percent = 1.0", "mpe_percent = 1.5"), name="mine")

    changed = compared_with(mine, METER)

    assert changed.deviations == ("classes",)
    assert changed.name == "LAB-F 01-2026 (非规程)"
    result = judged(readings([2.5, 1.4]), edition=changed)
    assert result.verdict is Verdict.PASS
    assert result.certificate is CertificateKind.CALIBRATION_CERTIFICATE


def test_other_words_and_another_confidence_are_no_deviation():
    text = FLOW.replace('en = "indication"', 'en = "reading"').replace(
        'period = "K"', 'period = "S"'
    )

    assert compared_with(read_edition(text, name="mine"), METER).deviations == ()


def test_a_replaced_edition_refuses_new_use_after_its_last_day_but_still_judges_old_readings():
    text = (CATALOGUE / "jjg_52_1999.toml").read_text(encoding="utf-8")
    old = read_edition(text, name="jjg_52_1999.toml")

    assert old.in_force(date(2013, 12, 26)) is InForce.YES
    assert old.in_force(date(2013, 12, 27)) is InForce.ENDED
    assert old.replaced_by == "JJG 52-2013"
    result = evaluate_readings(
        old,
        accuracy_class="1.6",
        points=[
            PointReadings(
                nominal=at, readings=dict.fromkeys((row.symbol for row in old.readings), at)
            )
            for at in (0.0, 1.6)
        ],
        environment={"temperature": 20.0, "humidity": 50.0, "rest_time": 2.0},
        standard=ReferenceStandard(maximum_permissible_error=0.001),
        span=1.6,
        division=0.05,
    )
    assert (result.procedure, result.verdict) == ("JJG 52-1999", Verdict.PASS)


def test_an_edition_whose_first_day_nobody_knows_is_in_force_from_the_day_it_surely_was():
    edition = next(row for row in load_catalogue() if row.name == "JJG 229-2010")

    assert edition.in_force(date(2011, 12, 30)) is InForce.UNKNOWN
    assert edition.in_force(date(2011, 12, 31)) is InForce.YES
    assert "in_force_from" in edition.unverified


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('classes = ["0.2"] }] }', 'classes = ["0.25"] }] }', "period.cases[0].classes"),
        ('repeats = "least"', 'repeats = "many"', "readings[0].repeats"),
        ('expression = "(q - q_ref)', 'expression = "(q - q_z)', "derived[0].expression"),
        ('symbol = "e"', 'symbol = "q_ref"', "derived[0].symbol"),
        ('symbol = "largest"', 'symbol = "max_of_e"', "summaries[0].symbol"),
        ('take = "max"', 'take = "most"', "summaries[0].take"),
        ('take = "max"', 'take = "at"', "summaries[0].at"),
        ('sense = "none"', 'sense = "about"', "checks[2].sense"),
        ('default = "initial"', 'default = "later"', "options.purpose.default"),
        ("figures = { factor = 2 }", "figures = { fact = 2 }", "options.purpose.choices.in_use"),
        ('highest = "q_max"', 'highest = "q_top"', "measuring_interval.highest"),
        ('within = "0.05', 'within = "about', "test_points.within"),
        ('unit = "m³"', 'unit = "m³"\ntest = "later"', "readings[0].test"),
        ("estimate", "estimated", "contributors[0].estimated"),
        ('degrees_of_freedom = "n_of_e', 'degrees_of_freedom = "n', "contributors[0].degrees"),
        ('classes = "K"\n', "", "marks.classes"),
        ('pass = "verif', 'passed = "verif', "certificates.passed"),
        ("[ratio]", "[wording]\npass = { zh = '{klass}', en = '' }\n[ratio]", "wording.pass"),
        ("[ratio]", "[further_tests.x]\ntitle = 1\n[ratio]", "further_tests.x.rule"),
        ("values = { repeat", 'values = { error = "e", repeat', "checks[1].values.error"),
        ("standard_U / 2", "e_x / 2", "contributors[1].standard_uncertainty"),
        ('estimate = "e"', 'estimate = "indication"', "model.indications"),
    ],
)
def test_what_is_wrong_is_pointed_at_by_its_key(old, new, field):
    assert old in FLOW

    with pytest.raises(EditionUnreadable) as refused:
        read_edition(FLOW.replace(old, new, 1), name="mine.toml")

    assert str(refused.value).startswith(f"mine.toml: {field}")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"options": {"purpose": "later"}}, "options.purpose"),
        ({"options": {"colour": "red"}}, "options.colour"),
        ({"inspections": {"creep": True}}, "inspections.creep"),
        ({"points": [PointReadings(nominal=1.0, test="x", readings={})]}, "points[0].test"),
        (
            {"points": [PointReadings(nominal=1.0, conditions={"load": 1.0}, readings={})]},
            "points[0].conditions.load",
        ),
        (
            {"points": [PointReadings(nominal=1.0, readings={"q": [1.0] * 3, "q_ref": [1.0] * 2})]},
            "points[0].readings.q_ref",
        ),
        (
            {"points": [PointReadings(nominal=1.0, readings={"q": [], "q_ref": [1.0]})]},
            "points[0].readings.q",
        ),
        (
            {
                "points": [
                    PointReadings(nominal=1.0, readings={"q": [1.0], "q_ref": [float("nan")]})
                ]
            },
            "points[0].readings.q_ref",
        ),
    ],
)
def test_what_cannot_be_used_is_named(changed, field):
    told = {"points": readings([0.0, 0.0])} | changed

    with pytest.raises(InvalidInput) as refused:
        judged(**told)

    assert refused.value.field == field


def said(zh):
    return f"[wording]\npass = {{ zh = '{zh}', en = 'x' }}\n[ratio]"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("maximum = 0.25", "maximum = 1" + "0" * 400, "ratio.maximum"),
        ("months = 24", "months = 1" + "0" * 4400, ""),
        ('title = { zh = "流量计"', 'title = { zh = "流\\u0000量计"', "title.zh"),
        ("[ratio]", "[wording]\npass = { zh = '{failed:>9999999}', en = '' }\n[ratio]", "wording"),
        (
            "[ratio]",
            "[wording]\npass = { zh = '{failed.__class__}', en = 'x' }\n[ratio]",
            "wording",
        ),
        ("[ratio]", "x = " + "[" * 5000 + "\n[ratio]", ""),
    ],
    ids=["too large", "too many digits", "control", "endless", "attribute", "nested"],
)
def test_hostile_texts_are_refused_like_any_other(old, new, field):
    with pytest.raises(EditionUnreadable) as refused:
        read_edition(FLOW.replace(old, new, 1), name="mine.toml")

    assert refused.value.field.startswith(field)
    assert len(str(refused.value)) < 400


SNIPPETS = st.sampled_from(
    ['"', "{", "}", "[", "]", "=", "nan", "-1", "1e999", "0", '"x"', "\n", "e"]
)


@settings(max_examples=how_many(150, full=5000), deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(FLOW) - 1), SNIPPETS), min_size=1, max_size=3))
def test_whatever_is_written_is_read_or_refused_with_its_place(changes):
    text = FLOW
    for place, snippet in changes:
        text = text[:place] + snippet + text[place + 1 :]

    assert name_or_refusal(text)


def name_or_refusal(text):
    try:
        return read_edition(text, name="mine.toml").name
    except EditionUnreadable as refused:
        return str(refused)


def test_an_error_of_something_by_nothing_is_pointed_at_its_point():
    points = readings([0.0, 0.0])
    points[1] = PointReadings(nominal=100.0, readings={"q": [1.0] * 3, "q_ref": [0.0] * 3})

    with pytest.raises(InvalidInput, match="has no value there"):
        judged(points)
