"""A mistake on a certificate: another takes its place, or it is taken back (17025, 7.8.8)."""

from dataclasses import replace
from datetime import date

import pytest

from certificates.content import CertificateContent
from certificates.errors import (
    AlreadyAmended,
    AlreadyWithdrawn,
    FieldForbidden,
    FieldMalformed,
    FieldMissing,
    NothingChanged,
    VerdictContradictsKind,
)
from certificates.log import LoggedEvent
from certificates.revisions import (
    Change,
    Standing,
    amend,
    changed_fields,
    correct,
    standing_on,
)
from certificates.wording import amendment_statement, statements
from procedures.conformity import Verdict

NUMBER = "TPP-2026-00124-B"


@pytest.fixture
def corrected(verification) -> CertificateContent:
    """The type designation was mistyped."""
    content: CertificateContent = replace(
        verification, item=replace(verification.item, type_designation="Y-100")
    )
    return content


def amended(original, corrected, **changes):
    facts = {
        "number": NUMBER,
        "issued_on": date(2026, 11, 25),
        "signatories": original.signatories,
        "reason_zh": "型号更正",
        "reason_en": "type designation corrected",
        "original_sha256": "ab" * 32,
    }
    return amend(original, corrected, **{**facts, **changes})


def test_the_amendment_has_its_own_number_and_names_the_old_one_and_the_reason(
    verification, corrected
):
    amendment = amended(verification, corrected)

    assert amendment.number == NUMBER
    assert amendment.amends.number == verification.number
    assert amendment.amends.certificate_sha256 == "ab" * 32
    assert amendment.item.type_designation == "Y-100"
    said = " ".join(statement.zh for statement in statements(amendment))
    assert f"取代证书 {verification.number}" in said
    assert "型号更正" in said


def test_what_was_changed_is_identified(verification, corrected):
    amendment = amended(verification, corrected)

    assert changed_fields(verification, amendment) == ("item.type_designation",)


def test_the_certificate_itself_identifies_the_change(verification, corrected):
    amendment = amended(verification, corrected)
    last = statements(amendment)[-1 if amendment.verification_url is None else -2]

    assert "更改内容：型号/规格 Y-150 → Y-100。" in last.zh
    assert "Changed: type Y-150 → Y-100." in last.en


def test_many_changed_results_are_named_once(verification):
    corrected = replace(
        verification,
        results=tuple(replace(row, coverage_factor="2.1") for row in verification.results),
    )

    said = amendment_statement(amended(verification, corrected).amends)

    assert said.zh.endswith("更改内容：测量结果。")
    assert said.en.endswith("Changed: results.")


# --- What is corrected without a new record -------------------------------------------------------


def test_a_text_beside_the_record_is_put_right(verification):
    corrected = correct(
        verification, {"item.serial_number": "0083106", "customer.address": "2 Example Road"}
    )

    assert changed_fields(verification, corrected) == (
        "customer.address",
        "item.serial_number",
    )


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("results[0].estimate", FieldForbidden),
        ("performed_on", FieldForbidden),
        ("valid_until", FieldForbidden),
        ("conformity.verdict", FieldForbidden),
        ("number", FieldForbidden),
        ("signatories", FieldForbidden),
        ("item.colour", FieldMalformed),
    ],
)
def test_what_the_record_says_is_not_put_right_on_the_certificate(verification, path, refusal):
    with pytest.raises(refusal) as refused:
        correct(verification, {path: "0.00"})

    assert refused.value.field == path


def test_a_correction_that_the_content_refuses_is_refused(verification):
    with pytest.raises(FieldMissing):
        correct(verification, {"item.serial_number": ""})


def test_each_changed_digit_is_identified(verification):
    first, *others = verification.results
    corrected = replace(verification, results=(replace(first, estimate="0.01"), *others))

    assert changed_fields(verification, corrected) == ("results[0].estimate",)
    assert changed_fields(verification, replace(verification, results=tuple(others))) == (
        "results",
    )


def test_an_amendment_that_changes_nothing_is_refused(verification):
    with pytest.raises(NothingChanged) as refusal:
        amended(verification, verification)

    assert refusal.value.number == verification.number


@pytest.mark.parametrize(
    ("changes", "refusal", "field"),
    [
        ({"number": "TPP-2026-00123-D"}, FieldMalformed, "number"),
        ({"issued_on": date(2026, 11, 20)}, FieldMalformed, "issued_on"),
        ({"reason_zh": " "}, FieldMissing, "amends.reason_zh"),
        ({"reason_en": ""}, FieldMissing, "amends.reason_en"),
        ({"signatories": ()}, Exception, "signatories"),
    ],
)
def test_an_amendment_without_its_own_number_day_or_reason_is_refused(
    verification, corrected, changes, refusal, field
):
    with pytest.raises(refusal) as refused:
        amended(verification, corrected, **changes)

    assert refused.value.field == field


def test_a_certificate_that_was_taken_back_is_not_amended(verification, corrected):
    for taken_back in (WITHDRAWN, VOIDED):
        with pytest.raises(AlreadyWithdrawn):
            amended(verification, corrected, changes=(taken_back,))


def test_of_a_chain_of_amendments_the_newest_is_amended(verification, corrected):
    with pytest.raises(AlreadyAmended) as refused:
        amended(verification, corrected, changes=(AMENDED,))

    assert refused.value.replaced_by == NUMBER


def test_an_amendment_cannot_turn_a_failure_into_a_verification_certificate(verification):
    failed = tuple(replace(row, verdict=Verdict.FAIL) for row in verification.results)

    with pytest.raises(VerdictContradictsKind):
        amended(verification, replace(verification, results=failed))


# --- Where it stands ------------------------------------------------------------------------------

AMENDED = Change(became=LoggedEvent.AMENDED, on=date(2026, 11, 25), replaced_by=NUMBER)
WITHDRAWN = Change(became=LoggedEvent.WITHDRAWN, on=date(2027, 1, 10))
VOIDED = Change(became=LoggedEvent.VOIDED, on=date(2027, 1, 10))


def verified(on, *changes):
    """Say where the certificate stands that was issued on 21 November until 20 May."""
    return standing_on(
        on, issued_on=date(2026, 11, 21), valid_until=date(2027, 5, 20), changes=changes
    )


@pytest.mark.parametrize(
    ("on", "standing"),
    [
        (date(2026, 11, 20), Standing.NOT_YET_ISSUED),
        (date(2026, 11, 21), Standing.VALID),
        (date(2027, 4, 19), Standing.VALID),
        (date(2027, 4, 20), Standing.DUE_SOON),
        (date(2027, 5, 20), Standing.DUE_SOON),
        (date(2027, 5, 21), Standing.EXPIRED),
    ],
)
def test_a_certificate_holds_from_its_first_to_its_last_day(on, standing):
    assert verified(on).standing is standing


def test_a_calibration_certificate_without_due_date_does_not_expire():
    found = standing_on(date(2099, 1, 1), issued_on=date(2026, 11, 21), valid_until=None)

    assert found.standing is Standing.VALID


def test_the_original_is_amended_from_the_day_the_new_one_is_issued():
    before = verified(date(2026, 11, 24), AMENDED)
    after = verified(date(2026, 11, 25), AMENDED)

    assert before.standing is Standing.VALID
    assert (after.standing, after.replaced_by, after.since) == (
        Standing.AMENDED,
        NUMBER,
        date(2026, 11, 25),
    )


@pytest.mark.parametrize(
    ("taken_back", "standing"), [(WITHDRAWN, Standing.WITHDRAWN), (VOIDED, Standing.VOIDED)]
)
def test_taking_back_is_told_from_its_day_on_whatever_else_happened(taken_back, standing):
    days = (date(2027, 1, 9), date(2027, 1, 10), date(2028, 1, 1))

    found = [verified(day, AMENDED, taken_back) for day in days]

    assert [each.standing for each in found] == [Standing.AMENDED, standing, standing]
    assert [each.replaced_by for each in found] == [NUMBER, None, None]
