"""A mistake on a certificate: another takes its place, or it is taken back (17025, 7.8.8)."""

from dataclasses import replace
from datetime import date

import pytest

from certificates.content import CertificateContent
from certificates.errors import (
    AlreadyWithdrawn,
    FieldMalformed,
    FieldMissing,
    NothingChanged,
    VerdictContradictsKind,
)
from certificates.revisions import Standing, Withdrawal, amend, changed_fields, standing_on
from certificates.wording import statements
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


@pytest.fixture
def withdrawal(verification) -> Withdrawal:
    return Withdrawal(
        number=verification.number,
        withdrawn_on=date(2027, 1, 10),
        reason_zh="标准器失准",
        reason_en="the standard was found out of tolerance",
    )


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


def test_a_withdrawn_certificate_is_not_amended(verification, corrected, withdrawal):
    with pytest.raises(AlreadyWithdrawn):
        amended(verification, corrected, withdrawal=withdrawal)


def test_an_amendment_cannot_turn_a_failure_into_a_verification_certificate(verification):
    failed = tuple(replace(row, verdict=Verdict.FAIL) for row in verification.results)

    with pytest.raises(VerdictContradictsKind):
        amended(verification, replace(verification, results=failed))


def test_a_withdrawal_says_why():
    with pytest.raises(FieldMissing, match="reason_en"):
        Withdrawal(number="X", withdrawn_on=date(2027, 1, 1), reason_zh="误发", reason_en="")


# --- Where it stands ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "standing"),
    [
        (date(2026, 11, 20), Standing.NOT_YET_ISSUED),
        (date(2026, 11, 21), Standing.IN_FORCE),
        (date(2027, 5, 20), Standing.IN_FORCE),
        (date(2027, 5, 21), Standing.EXPIRED),
    ],
)
def test_a_certificate_is_in_force_from_its_first_to_its_last_day(verification, on, standing):
    assert standing_on(verification, on).standing is standing


def test_a_calibration_certificate_without_due_date_does_not_expire(calibration):
    assert standing_on(calibration, date(2099, 1, 1)).standing is Standing.IN_FORCE


def test_the_original_is_amended_from_the_day_the_new_one_is_issued(verification, corrected):
    amendment = amended(verification, corrected)

    before = standing_on(verification, date(2026, 11, 24), amendments=(amendment,))
    after = standing_on(verification, date(2026, 11, 25), amendments=(amendment,))

    assert before.standing is Standing.IN_FORCE
    assert (after.standing, after.replaced_by, after.since) == (
        Standing.AMENDED,
        NUMBER,
        date(2026, 11, 25),
    )
    assert standing_on(amendment, date(2026, 11, 25)).standing is Standing.IN_FORCE


def test_an_amendment_of_another_certificate_does_not_count(calibration, verification, corrected):
    amendment = amended(verification, corrected)

    standing = standing_on(calibration, date(2026, 12, 1), amendments=(amendment,))

    assert standing.standing is Standing.IN_FORCE


def test_withdrawal_is_told_from_its_day_on_whatever_else_happened(
    verification, corrected, withdrawal
):
    amendment = amended(verification, corrected)

    days = (date(2027, 1, 9), date(2027, 1, 10), date(2028, 1, 1))
    standings = [
        standing_on(verification, day, amendments=(amendment,), withdrawal=withdrawal).standing
        for day in days
    ]

    assert standings == [Standing.AMENDED, Standing.WITHDRAWN, Standing.WITHDRAWN]
