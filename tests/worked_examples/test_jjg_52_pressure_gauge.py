"""JJG 52-2013: a 1.6-grade gauge of 0 to 1.6 MPa against a 0.05-grade module of 0 to 2.5 MPa.

The readings are those of the demonstration's story. With the module of 1.6 MPa of the other
published budget of this gauge, U is 0.006856 MPa instead of 0.006946 MPa.
"""

import json
from datetime import date
from decimal import Decimal

import pytest

from procedures.conformity import Verdict
from procedures.method import (
    CertificateKind,
    PointReadings,
    ReferenceStandard,
    evaluate_readings,
    load_catalogue,
)

JJG_52 = next(edition for edition in load_catalogue() if edition.name == "JJG 52-2013")
SYMBOLS = ("up_before_tapping", "up_after_tapping", "down_before_tapping", "down_after_tapping")
READINGS = {  # MPa
    0.0: (0.0, 0.0, 0.0, 0.0),
    0.4: (0.41, 0.41, 0.41, 0.41),
    0.8: (0.82, 0.81, 0.82, 0.82),
    1.2: (1.21, 1.21, 1.22, 1.22),
    1.6: (1.61, 1.61, 1.61, 1.61),
}
ENVIRONMENT = {"temperature": 20.6, "humidity": 48.0, "rest_time": 2.0}
MODULE_2_5_MPA = ReferenceStandard(maximum_permissible_error=0.0005 * 2.5)
REPEATABILITY = 0.0012  # MPa


def verified(readings=READINGS, *, standard=MODULE_2_5_MPA, environment=ENVIRONMENT):
    return evaluate_readings(
        JJG_52,
        accuracy_class="1.6",
        points=[
            PointReadings(nominal=nominal, readings=dict(zip(SYMBOLS, row, strict=True)))
            for nominal, row in readings.items()
        ],
        environment=environment,
        standard=standard,
        span=1.6,
        division=0.05,
        repeatability=REPEATABILITY,
    )


def test_the_gauge_passes_with_a_verification_certificate_for_half_a_year():
    result = verified()

    assert result.verdict is Verdict.PASS
    assert result.failed_checks == ()
    assert result.objections == ()
    assert result.certificate is CertificateKind.VERIFICATION_CERTIFICATE
    assert result.certificate.heading.zh == "检定证书"
    assert JJG_52.valid_until(date(2026, 11, 21)) == date(2027, 5, 20)


def test_the_budget_of_the_error_of_indication_is_the_published_one():
    budget = verified().budget

    components = {row.symbol: row.standard_uncertainty for row in budget.contributions}
    assert components == {
        "p_std": pytest.approx(0.000721688, abs=5e-10),
        "d_rep": pytest.approx(0.0012, abs=5e-10),
        "p_ind": pytest.approx(0.002886751, abs=5e-10),
        "d_t": pytest.approx(0.001306395, abs=5e-10),
        "d_h": pytest.approx(0.000243295, abs=5e-10),
    }
    assert budget.estimate == pytest.approx(0.02, abs=1e-12)
    assert budget.combined_standard_uncertainty == pytest.approx(0.003473, abs=5e-7)


def test_expanded_uncertainty_is_a_little_over_a_quarter_of_the_limit():
    result = verified()

    assert result.expanded_uncertainty == pytest.approx(0.006946, abs=5e-7)
    assert result.uncertainty_ratio == pytest.approx(0.2713, abs=5e-5)


def test_a_module_of_1_6_mpa_gives_the_uncertainty_of_the_other_published_budget():
    result = verified(standard=ReferenceStandard(maximum_permissible_error=0.0005 * 1.6))

    assert result.budget.combined_standard_uncertainty == pytest.approx(0.003428195733, abs=1e-12)
    assert result.expanded_uncertainty == pytest.approx(0.006856391467, abs=1e-12)


def test_with_a_guard_band_of_u_nothing_would_be_decided():
    result = verified()

    assert result.decisive.value == 0.02
    assert result.guarded_verdict is Verdict.UNDETERMINED  # 0.02 > 0.0256 - 0.00695


def test_every_error_hysteresis_and_displacement_is_reported_to_a_fifth_of_the_division():
    result = verified()

    at_0_8 = result.points[2]
    assert at_0_8.value("error_up").reported == Decimal("0.01")
    assert at_0_8.value("error_down").reported == Decimal("0.02")
    assert at_0_8.value("hysteresis").reported == Decimal("0.01")
    assert at_0_8.value("tapping_up").reported == Decimal("0.01")
    assert str(at_0_8.value("tapping_down").reported) == "0.00"


def test_the_limits_are_those_of_the_class_and_wider_from_90_percent_on():
    result = verified()

    limits = {check.name: check.worst.limit for check in result.checks}
    assert limits == {
        "error_of_indication": 0.0256,
        "hysteresis": 0.0256,
        "tapping_displacement": 0.0128,
    }
    assert [point.maximum_permissible_error for point in result.points] == [
        *(0.0256, 0.0256, 0.0256, 0.0256),
        0.04,
    ]


def test_the_module_is_twenty_times_better_than_the_gauge():
    ratio = verified().ratio

    assert ratio is not None
    assert round(ratio.value, 4) == 0.0488
    assert ratio.maximum == 0.25
    assert ratio.holds


def test_one_reading_higher_the_gauge_fails_by_its_error_of_indication_alone():
    result = verified(READINGS | {0.8: (0.82, 0.81, 0.82, 0.83)})

    assert result.verdict is Verdict.FAIL
    assert [check.title.zh for check in result.failed_checks] == ["示值误差"]
    assert result.certificate is CertificateKind.NOTICE_OF_VERIFICATION_RESULT
    assert result.certificate.heading.zh == "检定结果通知书"
    hysteresis = result.points[2].value("hysteresis")
    assert (hysteresis.value, hysteresis.limit) == (0.02, 0.0256)


@pytest.mark.parametrize(
    ("error", "simple", "guarded"),
    [
        (0.012, Verdict.PASS, Verdict.PASS),
        (0.02, Verdict.PASS, Verdict.UNDETERMINED),
        (0.024, Verdict.PASS, Verdict.UNDETERMINED),
        (0.03, Verdict.FAIL, Verdict.UNDETERMINED),
        (0.034, Verdict.FAIL, Verdict.FAIL),
    ],
)
def test_simple_and_guarded_acceptance_decide_as_published(error, simple, guarded):
    without_error = {nominal: (nominal,) * 4 for nominal in READINGS}

    result = verified(without_error | {0.8: (0.8 + error,) * 4})

    assert (result.verdict, result.guarded_verdict) == (simple, guarded)


def test_the_story_of_the_demonstration_is_reproduced_to_every_figure(shared_dir):
    story = json.loads((shared_dir / "data" / "demo_nation.json").read_text("utf-8"))["story"]
    expected = story["expected"]

    result = verified(
        {point["nominal_MPa"]: [point[symbol] for symbol in SYMBOLS] for point in story["points"]}
    )

    for point, published in zip(result.points, story["points"], strict=True):
        assert point.maximum_permissible_error == published["mpe_MPa"]
        for value in point.values:
            assert value.value == published[value.name]
    components = [row.standard_uncertainty for row in result.budget.contributions]
    assert components == pytest.approx(list(expected["budget_MPa"].values()), abs=1e-9)
    assert result.verdict == expected["verdict"]
    assert result.guarded_verdict == expected["verdict_guarded"]
    valid_until = JJG_52.valid_until(date.fromisoformat(story["performed_on"]))
    assert valid_until == date.fromisoformat(expected["valid_until"])
