"""The digital certificate: DCC 3.3.0 XML, valid by PTB's schema, with the chain inside it."""

from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from certificates.content import Amendment, Condition, ExternalWork, Opinion, Remark, Stage
from certificates.dcc import d_si_unit, write_dcc
from certificates.errors import UnknownUnit
from procedures.conformity import Verdict

NAMES = {"dcc": "https://ptb.de/dcc", "si": "https://ptb.de/si"}


@pytest.fixture(scope="module")
def schema(dcc_schemas) -> etree.XMLSchema:
    """DCC 3.3.0, its imports resolved in the same folder."""
    return etree.XMLSchema(etree.parse(dcc_schemas / "dcc/v3.3.0/dcc.xsd"))


def found(xml, path):
    """Return the texts of the elements at a path."""
    return [element.text for element in etree.fromstring(xml).iterfind(f".{path}", NAMES)]


# --- Schema ---------------------------------------------------------------------------------------


def test_every_kind_is_valid_by_the_schema(certificate, schema):
    schema.assertValid(etree.fromstring(write_dcc(certificate)))


def variants(verification, calibration):
    """Yield certificates with the rarer things: stages, relative U, one-sided limits, changes."""
    first, *_ = verification.results
    yield replace(
        verification,
        results=(
            replace(first, stage=Stage.AS_FOUND, verdict=Verdict.FAIL, estimate="0.05"),
            replace(first, stage=Stage.AS_LEFT),
            replace(first, verdict=Verdict.UNDETERMINED, limit="≤ 0.0256"),
            replace(first, verdict=None, limit="-0.01 ~ 0.02"),
            replace(first, coverage_probability=None),
            replace(
                first, expanded_uncertainty=None, coverage_factor=None, coverage_probability=None
            ),
            replace(first, expanded_uncertainty="0.5", expanded_uncertainty_unit="%"),
            replace(first, nominal=None, limit=None, verdict=None, unit=""),
        ),
        environment=(Condition(name_zh="温度", name_en="", value="20.2 ± 0.3", unit="°C"),),
        standards=(replace(verification.standards[0], valid_until=None, certificate_sha256=None),),
        amends=Amendment(
            number="TPP-2026-00122-7", reason_zh="型号更正", reason_en="type corrected"
        ),
        received_on=None,
    )
    yield replace(
        calibration,
        valid_until=date(2027, 11, 20),
        due_date_agreed=True,
        amends=Amendment(
            number="X", reason_zh="补充", reason_en="supplement", certificate_sha256="ab" * 32
        ),
        verification_url=None,
        customer=replace(calibration.customer, address=""),
        accreditations=("CNAS L0000",),
        standard_assessments=("〔2026〕示例量标字001号",),
        results=(
            replace(first_of(calibration), capability="0.00063", evaluated_uncertainty="0.00051"),
            *calibration.results[1:],
        ),
        deviations=Remark(zh="未测零点", en="zero was not measured"),
        sampling=Remark(zh="按客户要求", en="as the customer asked"),
        external_work=(
            ExternalWork(
                provider_zh="甲", provider_en="A", results_zh="2.5 MPa 点", results_en="at 2.5 MPa"
            ),
        ),
        opinion=Opinion(text_zh="稳定", text_en="stable", basis_zh="五年", basis_en="five years"),
    )


def first_of(content):
    return content.results[0]


def test_the_rarer_statements_are_valid_by_the_schema(verification, calibration, schema):
    checked = 0
    for content in variants(verification, calibration):
        schema.assertValid(etree.fromstring(write_dcc(content)))
        checked += 1
    assert checked == 2


@settings(max_examples=50, deadline=None)
@given(
    text=st.text(min_size=1).filter(lambda text: text == text.strip() and text.isprintable()),
    estimate=st.decimals(-(10**9), 10**9, places=4).map(lambda number: f"{number:f}"),
)
def test_whatever_the_texts_and_digits_are_the_document_stays_valid(
    verification, schema, text, estimate
):
    content = replace(
        verification,
        item=replace(verification.item, name_zh=text, type_designation=text, serial_number=text),
        original_record_number=text,
        results=tuple(
            replace(row, measurand_en=text, estimate=estimate) for row in verification.results
        ),
        checked_items=tuple(
            replace(item, value=text, limit=text, unit=text) for item in verification.checked_items
        ),
    )

    xml = write_dcc(content)

    schema.assertValid(etree.fromstring(xml))
    assert found(xml, "//dcc:coreData/dcc:identifications//dcc:value") == [text]


# --- What it says ---------------------------------------------------------------------------------


def test_the_digits_of_the_results_are_those_of_the_certificate(calibration):
    xml = write_dcc(calibration)

    errors, uncertainty = "0.00073 0.00076 0.00065 0.00073 0.00069", "0.00063"
    assert found(xml, "//dcc:quantity[@refType='basic_nominalValue']//si:valueXMLList") == [
        "0.5 1.0 1.5 2.0 2.5"
    ]
    assert found(xml, "//dcc:quantity[@refType='basic_measuredValue']//si:valueXMLList") == [errors]
    assert found(xml, "//si:valueExpandedMUXMLList") == [" ".join([uncertainty] * 5)]
    assert found(xml, "//si:coverageFactorXMLList") == ["2 2 2 2 2"]
    assert found(xml, "//si:coverageProbabilityXMLList") == ["0.95 0.95 0.95 0.95 0.95"]
    assert set(found(xml, "//si:unitXMLList")) == {r"\mega\pascal"}


def test_the_standard_is_named_with_its_certificate_and_the_hash_of_it(verification):
    xml = write_dcc(verification)

    certificate = "//dcc:measuringEquipment/dcc:certificate"
    assert found(xml, f"{certificate}/dcc:referralID") == ["PROV-2026-00016"]
    assert found(xml, f"{certificate}/dcc:procedure") == ["SHA256"]
    assert found(xml, f"{certificate}/dcc:value") == ["5e" * 32]
    assert found(xml, f"{certificate}/dcc:inValidityRange") == ["true"]


def test_a_standard_whose_certificate_is_paper_has_no_hash(verification):
    paper = replace(verification.standards[0], certificate_sha256=None)

    xml = write_dcc(replace(verification, standards=(paper,)))

    certificate = "//dcc:measuringEquipment/dcc:certificate"
    assert found(xml, f"{certificate}/dcc:procedure") == ["analogue"]
    assert found(xml, f"{certificate}/dcc:value") == ["analogue"]


def test_the_verdicts_and_the_limits_are_machine_readable(rejection):
    xml = write_dcc(rejection)

    assert found(xml, "//dcc:statement[@refType='basic_conformity']/dcc:conformity") == ["fail"]
    assert found(xml, "//dcc:conformityXMLList") == [
        "pass pass pass pass pass",
        "pass pass fail pass pass",
    ]
    lower, upper = (
        found(xml, f"//dcc:quantity[@refType='basic_toleranceLimit{side}']//si:valueXMLList")
        for side in ("Lower", "Upper")
    )
    assert lower == ["-0.0256 -0.0256 -0.0256 -0.0256 -0.040"] * 2
    assert upper == ["0.0256 0.0256 0.0256 0.0256 0.040"] * 2
    assert found(xml, "//dcc:statement[@refType='basic_recalibration']") == []


def test_three_persons_and_the_moment_they_signed_stand_inside(verification):
    xml = write_dcc(verification)

    assert found(xml, "//dcc:respPerson/dcc:role") == ["calibrated", "checked", "approved"]
    assert found(xml, "//dcc:respPerson[dcc:mainSigner='true']/dcc:role") == ["approved"]
    assert found(xml, "//dcc:respPerson/dcc:description/dcc:content")[0] == (
        "2026-11-21T09:30:00+00:00"
    )


def test_an_amended_certificate_names_the_one_it_replaces(verification, calibration):
    content, *_ = variants(verification, calibration)

    xml = write_dcc(content)

    assert found(xml, "//dcc:reportAmendedSubstituted/dcc:replacedUniqueIdentifier") == [
        "TPP-2026-00122-7"
    ]
    zh, en = found(xml, "//dcc:previousReport/dcc:description/dcc:content")
    assert "更改原因：型号更正。" in zh
    assert "Reason for the change: type corrected." in en


def test_a_demonstration_says_so_and_a_real_certificate_does_not(verification):
    mark = "//dcc:statement[@refType='suyuan_demonstration']//dcc:content"

    assert found(write_dcc(verification), mark) == [
        "演示",
        "DEMONSTRATION — NOT A REAL CERTIFICATE",
    ]
    assert found(write_dcc(replace(verification, demonstration=False)), mark) == []


def test_what_stands_before_and_after_adjustment_is_told_apart(verification, calibration):
    content, *_ = variants(verification, calibration)

    assert found(write_dcc(content), "//dcc:influenceCondition/dcc:status") == [
        "beforeAdjustment",
        "afterAdjustment",
    ]


def test_a_relative_uncertainty_keeps_its_percent_and_its_coverage_factor(
    verification, calibration
):
    content, *_ = variants(verification, calibration)

    xml = write_dcc(content)

    apart = "//dcc:metaData[@refType='suyuan_expandedUncertainty']//dcc:quantity"
    assert found(xml, f"{apart}[@refType='basic_uncertainty']//si:valueXMLList") == [
        "0.0070",
        "0.5",
    ]
    assert found(xml, f"{apart}[@refType='basic_uncertainty']//si:unitXMLList") == [
        r"\mega\pascal",
        r"\percent",
    ]
    assert found(xml, f"{apart}[@refType='suyuan_coverageFactor']//si:valueXMLList") == ["2", "2"]


def test_results_within_the_accredited_scope_say_so(calibration, schema):
    within, *others = calibration.results
    rows = (replace(within, capability="0.00050"), *others)

    xml = write_dcc(replace(calibration, results=rows))

    schema.assertValid(etree.fromstring(xml))
    assert found(xml, "//dcc:metaData[@refType='basic_isInCMC']/dcc:valid") == ["true"]
    assert found(
        xml, "//dcc:result//dcc:quantity[@refType='basic_nominalValue']//si:valueXMLList"
    ) == [
        "0.5",
        "1.0 1.5 2.0 2.5",
    ]


def test_the_same_content_gives_the_same_bytes(certificate):
    assert sha256(write_dcc(certificate)).digest() == sha256(write_dcc(certificate)).digest()


@pytest.mark.parametrize(
    "text", ["<dcc:x/>", "&amp; ]]> <!-- -->", "]]>", "㐀𠮷", "a\u0301 \u200d"]
)
def test_a_hostile_text_reads_back_as_it_was_written(verification, text):
    xml = write_dcc(replace(verification, item=replace(verification.item, name_zh=text)))

    assert found(xml, "//dcc:item/dcc:name/dcc:content[@lang='zh']") == [text]


# --- Units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "d_si"),
    [
        ("", r"\one"),
        ("1", r"\one"),
        ("%", r"\percent"),
        ("%RH", r"\percent"),
        ("MPa", r"\mega\pascal"),
        ("°C", r"\degreecelsius"),
        ("℃", r"\degreecelsius"),
        ("Ω", r"\ohm"),
        ("μm", r"\micro\metre"),
        ("µmol/mol", r"\micro\mole\per\mole"),
        ("m³/h", r"\metre\tothe{3}\per\hour"),
        ("m^3/h", r"\metre\tothe{3}\per\hour"),
        ("W/(m²·K)", r"\watt\per\metre\tothe{2}\kelvin"),
        ("1/K", r"\one\per\kelvin"),
        ("K⁻¹", r"\kelvin\tothe{-1}"),
        ("kg", r"\kilogram"),
        ("g", r"\gram"),
        ("mol", r"\mole"),
        ("min", r"\minute"),
        ("dB", r"\deci\bel"),
        ("t/h", r"\tonne\per\hour"),
        ("MJ/kg", r"\mega\joule\per\kilogram"),
    ],
)
def test_a_unit_has_its_d_si_form(unit, d_si):
    assert d_si_unit(unit) == d_si


@pytest.mark.parametrize("unit", ["级", "GJ/10^4 Nm3", "m//s", "m/", "furlong", "kkg"])
def test_a_unit_without_d_si_form_is_refused_by_name(unit):
    with pytest.raises(UnknownUnit) as refusal:
        d_si_unit(unit)

    assert refusal.value.unit == unit


def test_a_result_in_an_unknown_unit_makes_no_document(calibration):
    results = tuple(replace(row, unit="级") for row in calibration.results)

    with pytest.raises(UnknownUnit, match="级"):
        write_dcc(replace(calibration, results=results))
