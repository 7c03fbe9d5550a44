"""What a certificate of each kind must say and must not say (ISO/IEC 17025:2017, 7.8).

The demonstration world's certificates stand; every test takes one thing away, adds one thing or
contradicts one thing, and the refusal names the field.
"""

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates.content import (
    CertificateContent,
    CertificateKind,
    CheckedItem,
    Stage,
    significant_digits,
)
from certificates.errors import (
    BelowCapability,
    DigitsDisagree,
    FieldForbidden,
    FieldMalformed,
    FieldMissing,
    ForbiddenCharacter,
    SignatoriesIncomplete,
    TooManySignificantDigits,
    VerdictContradictsKind,
)
from certificates.seal import canonical_bytes
from procedures.conformity import Verdict


def changed(content, path, value):
    """Return the content with one field changed, nested as `laboratory.address` is."""
    name, _, rest = path.partition(".")
    return replace(
        content, **{name: changed(getattr(content, name), rest, value) if rest else value}
    )


def with_row(content, **changes):
    """Return the content with its first result changed."""
    first, *others = content.results
    return replace(content, results=(replace(first, **changes), *others))


# --- What must be there ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "nothing"),
    [
        ("number", ""),
        ("laboratory.name_zh", " ".strip()),
        ("laboratory.address", ""),
        ("item.name_en", ""),
        ("traceability_statement_zh", ""),
    ],
)
def test_no_certificate_leaves_out_what_all_must_carry(certificate, path, nothing):
    with pytest.raises(FieldMissing) as refusal:
        changed(certificate, path, nothing)

    assert refusal.value.field == path
    assert refusal.value.kind == certificate.kind


@pytest.mark.parametrize(
    ("path", "nothing"),
    [
        ("item.serial_number", ""),
        ("methods", ()),
        ("environment", ()),
        ("standards", ()),
        ("original_record_number", ""),
    ],
)
@pytest.mark.parametrize("kind", ["verification", "rejection", "record", "calibration"])
def test_a_measurement_is_reported_with_its_item_method_conditions_and_standards(
    request, kind, path, nothing
):
    with pytest.raises(FieldMissing) as refusal:
        changed(request.getfixturevalue(kind), path, nothing)

    assert refusal.value.field == path


@pytest.mark.parametrize("kind", ["verification", "rejection", "calibration"])
def test_a_certificate_for_a_customer_names_the_customer(request, kind):
    with pytest.raises(FieldMissing, match="customer"):
        replace(request.getfixturevalue(kind), customer=None)


@pytest.mark.parametrize("kind", ["verification", "rejection"])
def test_a_verification_for_others_names_the_authorisation(request, kind):
    with pytest.raises(FieldMissing, match=r"laboratory\.authorisations"):
        changed(request.getfixturevalue(kind), "laboratory.authorisations", ())


@pytest.mark.parametrize("kind", ["verification", "rejection", "record"])
def test_a_verification_states_conformity_and_its_decision_rule(request, kind):
    content = request.getfixturevalue(kind)

    with pytest.raises(FieldMissing, match="conformity"):
        replace(content, conformity=None)
    with pytest.raises(FieldMissing, match="decision_rule_en"):
        changed(content, "conformity.decision_rule_en", "")


def test_a_calibration_result_without_uncertainty_is_refused(calibration):
    with pytest.raises(FieldMissing) as refusal:
        with_row(
            calibration, expanded_uncertainty=None, coverage_factor=None, coverage_probability=None
        )

    assert refusal.value.field == "results[0].expanded_uncertainty"


def test_a_certified_value_needs_its_uncertainty_and_an_indicative_one_does_not(material):
    assert material.results[1].expanded_uncertainty is None

    with pytest.raises(FieldMissing, match=r"results\[0\]\.expanded_uncertainty"):
        with_row(
            material, expanded_uncertainty=None, coverage_factor=None, coverage_probability=None
        )
    with pytest.raises(FieldMissing, match=r"results\[0\]\.value_status"):
        with_row(material, value_status=None)
    with pytest.raises(FieldMissing, match=r"material\.minimum_sample_size"):
        changed(material, "material.minimum_sample_size", "")
    with pytest.raises(FieldMissing, match="valid_until"):
        replace(material, valid_until=None)


# --- Verdicts and due dates -----------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.PASS])
def test_a_verification_certificate_can_only_say_pass(verification, verdict):
    with pytest.raises(VerdictContradictsKind, match=r"conformity\.verdict"):
        changed(verification, "conformity.verdict", verdict)


def test_a_failed_result_can_never_become_a_verification_certificate(verification):
    with pytest.raises(VerdictContradictsKind) as refusal:
        with_row(verification, verdict=Verdict.FAIL)

    assert refusal.value.field == "results[0].verdict"


def test_a_failed_checked_item_can_never_become_a_verification_certificate(verification):
    items = tuple(replace(item, verdict=Verdict.FAIL) for item in verification.checked_items)

    with pytest.raises(VerdictContradictsKind, match=r"checked_items\[0\]"):
        replace(verification, checked_items=items)


def test_what_failed_before_adjustment_may_stand_on_a_certificate_of_what_passed_after(
    verification,
):
    as_found = with_row(verification, verdict=Verdict.FAIL, stage=Stage.AS_FOUND)

    assert as_found.conformity.verdict is Verdict.PASS


def test_a_verification_certificate_says_until_when_it_is_valid(verification):
    with pytest.raises(FieldMissing, match="valid_until"):
        replace(verification, valid_until=None)


def test_a_rejection_never_says_until_when(rejection):
    with pytest.raises(FieldForbidden) as refusal:
        replace(rejection, valid_until=date(2027, 5, 20))

    assert refusal.value.field == "valid_until"


def test_a_rejection_says_fail_and_names_what_failed(rejection, verification):
    with pytest.raises(VerdictContradictsKind, match=r"conformity\.verdict"):
        changed(rejection, "conformity.verdict", Verdict.UNDETERMINED)
    with pytest.raises(VerdictContradictsKind, match="names what failed"):
        replace(rejection, results=verification.results)


def test_a_calibration_certificate_shows_a_due_date_only_if_it_was_agreed(calibration):
    with pytest.raises(FieldForbidden, match="unless the customer agreed"):
        replace(calibration, valid_until=date(2027, 11, 20))

    agreed = replace(calibration, valid_until=date(2027, 11, 20), due_date_agreed=True)
    assert agreed.valid_until == date(2027, 11, 20)


def test_only_a_reference_material_says_what_a_material_says(verification, material):
    with pytest.raises(FieldForbidden, match="material"):
        replace(verification, material=material.material)
    with pytest.raises(FieldForbidden, match="customer"):
        replace(material, customer=verification.customer)


# --- Digits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "digits"),
    [("0.0070", 2), ("0.070", 2), ("7", 1), ("12", 2), ("120", 2), ("1.20", 3), ("1.2E+3", 2)],
)
def test_significant_digits_are_counted_as_written(text, digits):
    assert significant_digits(text) == digits


def test_an_expanded_uncertainty_of_three_digits_is_refused(calibration):
    with pytest.raises(TooManySignificantDigits) as refusal:
        with_row(calibration, expanded_uncertainty="0.000631", estimate="0.000730")

    assert refusal.value.field == "results[0].expanded_uncertainty"
    assert refusal.value.text == "0.000631"


@pytest.mark.parametrize("estimate", ["0.0007", "0.000730", "0"])
def test_a_calibrated_value_ends_at_the_last_digit_of_its_uncertainty(calibration, estimate):
    with pytest.raises(DigitsDisagree, match=r"results\[0\]\.estimate"):
        with_row(calibration, estimate=estimate)


@pytest.mark.parametrize(
    "not_a_number", ["NaN", "inf", "-Infinity", "", "1,5", "0x1F", "１.5", "1.", ".5"]
)
@pytest.mark.parametrize("field", ["estimate", "nominal", "expanded_uncertainty"])
def test_what_is_not_a_decimal_number_is_refused_by_name(calibration, field, not_a_number):
    with pytest.raises(FieldMalformed) as refusal:
        with_row(calibration, **{field: not_a_number})

    assert refusal.value.field == f"results[0].{field}"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("expanded_uncertainty", "-0.00063"),
        ("expanded_uncertainty", "0.00000"),
        ("coverage_factor", "0.5"),
        ("coverage_factor", "2E0"),
        ("coverage_probability", "95"),
        ("coverage_probability", "1"),
        ("coverage_probability", "0.0"),
        ("expanded_uncertainty_unit", "kPa"),
        ("limit", "0.0256"),
        ("limit", "±-0.0256"),
        ("limit", "about 0.0256"),
    ],
)
def test_an_impossible_uncertainty_or_limit_is_refused_by_name(calibration, field, text):
    with pytest.raises(FieldMalformed) as refusal:
        with_row(calibration, **{field: text})

    assert refusal.value.field == f"results[0].{field}"


@pytest.mark.parametrize("limit", ["±0.0256", "± 0.0256", "≤ 0.0128", "≥0", "-0.5 ~ 1.0", "±2E-3"])
def test_a_limit_is_written_as_the_standards_write_it(verification, limit):
    assert with_row(verification, limit=limit).results[0].limit == limit


def test_an_uncertainty_never_stands_without_its_coverage_factor(verification, calibration):
    with pytest.raises(FieldMissing, match=r"results\[0\]\.coverage_factor"):
        with_row(verification, coverage_factor=None)
    with pytest.raises(FieldMissing, match=r"results\[0\]\.coverage_probability"):
        with_row(calibration, coverage_probability=None)
    with pytest.raises(FieldMalformed, match="without an expanded uncertainty"):
        with_row(verification, expanded_uncertainty=None)


@pytest.mark.parametrize("capability", ["0.00064", "0.001", "1E-3"])
def test_an_uncertainty_below_the_accredited_capability_is_refused(calibration, capability):
    with pytest.raises(BelowCapability) as refusal:
        with_row(calibration, capability=capability)

    assert refusal.value.field == "results[0].expanded_uncertainty"
    assert (refusal.value.expanded_uncertainty, refusal.value.capability) == ("0.00063", capability)


def test_an_uncertainty_equal_to_the_capability_stands(calibration):
    assert with_row(calibration, capability="0.00063").results[0].capability == "0.00063"


# --- Persons, dates, texts ------------------------------------------------------------------------


def test_of_a_calibration_two_may_sign_where_nobody_checks(verification, calibration):
    calibrated, _, approved = calibration.signatories
    same = replace(approved, name_zh=calibrated.name_zh)

    two = replace(calibration, signatories=(calibrated, approved))

    assert [signatory.meaning for signatory in two.signatories] == ["calibrated", "approved"]
    with pytest.raises(SignatoriesIncomplete, match="once each"):
        replace(verification, signatories=(calibrated, approved))
    with pytest.raises(SignatoriesIncomplete, match="three different persons"):
        replace(calibration, signatories=(calibrated, same))


def test_three_different_persons_sign(certificate):
    calibrated, checked, approved = certificate.signatories

    with pytest.raises(SignatoriesIncomplete, match="three different persons"):
        replace(
            certificate,
            signatories=(
                calibrated,
                replace(checked, name_zh=calibrated.name_zh),
                approved,
            ),
        )
    with pytest.raises(SignatoriesIncomplete, match="once each"):
        replace(certificate, signatories=(calibrated, checked))
    with pytest.raises(SignatoriesIncomplete, match="once each"):
        replace(
            certificate, signatories=(calibrated, checked, replace(approved, meaning="checked"))
        )


def test_nobody_checks_or_approves_before_the_work_is_signed(verification):
    calibrated, checked, approved = verification.signatories
    hasty = replace(approved, signed_at=calibrated.signed_at)

    with pytest.raises(FieldMalformed, match="signatories: checked or approved before"):
        replace(verification, signatories=(calibrated, checked, hasty))


def test_a_signature_without_a_time_zone_is_refused(verification):
    calibrated, *others = verification.signatories
    naive = replace(calibrated, signed_at=datetime(2026, 11, 21, 9, 0))  # noqa: DTZ001 — that is it

    with pytest.raises(FieldMalformed, match=r"signatories\[0\]\.signed_at"):
        replace(verification, signatories=(naive, *others))


@pytest.mark.parametrize(
    ("field", "on"),
    [
        ("received_on", date(2026, 11, 22)),
        ("issued_on", date(2026, 11, 20)),
        ("valid_until", date(2026, 11, 21)),
    ],
)
def test_dates_in_an_impossible_order_are_refused(verification, field, on):
    with pytest.raises(FieldMalformed) as refusal:
        replace(verification, **{field: on})

    assert refusal.value.field == field


def test_a_standard_that_had_expired_when_it_was_used_is_refused(verification):
    expired = replace(verification.standards[0], valid_until=date(2026, 11, 20))

    with pytest.raises(FieldMalformed, match=r"standards\[0\]\.valid_until"):
        replace(verification, standards=(expired,))


@pytest.mark.parametrize(
    "letter", ["\x00", "\x0b", "\x1b", "\r", "\ud800", "\ufffe", "\u202e", "\x85"]
)
def test_a_character_that_no_document_can_carry_is_refused_with_its_field(verification, letter):
    with pytest.raises(ForbiddenCharacter) as refusal:
        changed(verification, "item.name_zh", f"压力表{letter}1")

    assert refusal.value.field == "item.name_zh"
    assert refusal.value.character == letter


def test_rare_chinese_characters_stand(verification):
    assert changed(verification, "item.name_zh", "㐀𠮷压力表").item.name_zh == "㐀𠮷压力表"


# --- To plain values and back ---------------------------------------------------------------------


def test_the_mapping_gives_the_equal_content_back(certificate):
    mapping = certificate.as_mapping()

    assert CertificateContent.from_mapping(mapping) == certificate
    assert canonical_bytes(mapping)


printable = st.text(min_size=1, max_size=20).filter(
    lambda text: text == text.strip() and text.isprintable()
)
number = st.decimals(-(10**6), 10**6, places=3).map(str)


@given(name=printable, rule=printable, limit=printable, value=number, passed=st.booleans())
def test_whatever_a_certificate_says_survives_the_mapping(
    verification, name, rule, limit, value, passed
):
    item = CheckedItem(
        name_zh=name, name_en=name, value=value, limit=limit, unit="MPa", verdict=Verdict.PASS
    )
    content = replace(
        verification,
        demonstration=passed,
        checked_items=(item,),
        conformity=replace(verification.conformity, decision_rule_zh=rule),
        results=tuple(replace(row, estimate=value) for row in verification.results),
    )

    assert CertificateContent.from_mapping(content.as_mapping()) == content


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("kind", "diploma"),
        ("issued_on", "2026-02-30"),
        ("issued_on", 20261121),
        ("demonstration", "no"),
        ("results", {}),
        ("laboratory", "PROV"),
        ("number", None),
    ],
)
def test_a_mapping_of_wrong_types_is_refused_by_name(verification, path, value):
    mapping = verification.as_mapping() | {path: value}

    with pytest.raises(FieldMalformed) as refusal:
        CertificateContent.from_mapping(mapping)

    assert refusal.value.field == path


def test_a_mapping_with_a_field_too_many_or_too_few_is_refused_by_name(verification):
    mapping = verification.as_mapping()
    mapping["item"]["colour"] = "red"
    with pytest.raises(FieldMalformed, match=r"item\.colour: no such field"):
        CertificateContent.from_mapping(mapping)

    mapping = verification.as_mapping()
    del mapping["signatories"][1]["signed_at"]
    with pytest.raises(FieldMalformed, match=r"signatories\[1\]\.signed_at: the field is missing"):
        CertificateContent.from_mapping(mapping)


def test_a_stored_failure_does_not_come_back_as_a_verification_certificate(rejection):
    mapping = rejection.as_mapping() | {
        "kind": CertificateKind.VERIFICATION_CERTIFICATE.value,
        "valid_until": "2027-05-20",
    }

    with pytest.raises(VerdictContradictsKind):
        CertificateContent.from_mapping(mapping)
