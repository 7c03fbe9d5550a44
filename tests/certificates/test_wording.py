"""What certificates say in their own words, in both languages."""

from dataclasses import replace
from datetime import date

import pytest

from certificates import wording
from certificates.content import CertificateKind
from certificates.layout import lay_out
from procedures.conformity import Verdict


def test_every_kind_has_its_title_and_its_general_statements():
    titles = {wording.kind_wording(kind).title.zh for kind in CertificateKind}

    assert titles == {
        "校准证书",
        "检定证书",
        "检定结果通知书",
        "标准物质证书",
        "检定记录(内部)",
    }
    for kind in CertificateKind:
        only, whole = wording.general_statements(kind)
        assert only.zh != whole.zh
        assert "except in full" in whole.en


def test_every_verdict_has_words_of_its_own():
    words = {wording.verdict_wording(verdict) for verdict in Verdict}

    assert len(words) == len(Verdict)


@pytest.mark.parametrize(
    ("probability", "percent"),
    [("0.95", "95 %"), ("0.9545", "95.45 %"), ("0.950", "95 %"), ("0.99", "99 %"), ("0.5", "50 %")],
)
def test_a_probability_is_said_in_percent(probability, percent):
    assert wording.percent(probability) == percent


def test_the_uncertainty_statement_names_every_probability_that_occurs():
    said = wording.uncertainty_statement(["0.95", "0.99", "0.95", None])

    assert said.zh.endswith("包含概率约为 95 %、99 %。")
    assert said.en.endswith("approximately 95 %, 99 %.")
    assert "包含概率" not in wording.uncertainty_statement([None]).zh


def test_what_no_source_confirms_is_said_beside_the_method():
    said = wording.unverified_wording(("edition", "parameters.repeatability", "parameters.k_T"))

    assert said.zh == "(版本、参数“重复性”、参数“k_T”未核实)"
    assert said.en == "(edition, parameter repeatability, parameter k_T unverified)"
    assert wording.unverified_wording(()) == ("", "")


def test_a_distribution_of_ours_is_named_in_both_languages_and_anothers_as_it_is():
    assert wording.distribution_wording("rectangular") == ("均匀", "rectangular")
    assert wording.distribution_wording("curvilinear trapezoid").zh == "curvilinear trapezoid"


def test_the_conclusion_is_said_with_its_rule_and_specification(verification):
    said = wording.conformity_statement(verification.conformity)

    assert said.zh == (
        "结论：合格。技术要求：JJG 52-2013, 1.6级。"
        "判定规则：按 JJG 52 直接比较最大允许误差(简单接受)。"
    )


def test_the_signatures_stand_in_the_order_of_the_work(certificate):
    labels = [signature.label.zh for signature in lay_out(certificate).signatures]

    assert labels[1:] == ["核验员", "批准人"]
    assert labels[0] in {"校准员", "检定员", "定值"}


def test_a_calibration_certificate_with_an_agreed_date_says_that_it_was_agreed(calibration):
    agreed = replace(calibration, valid_until=date(2027, 11, 20), due_date_agreed=True)

    assert wording.AGREED_DUE_DATE in wording.statements(agreed)
    assert wording.AGREED_DUE_DATE not in wording.statements(calibration)
    assert "约定复校日期" in [line.label.zh for line in lay_out(agreed).dates]
