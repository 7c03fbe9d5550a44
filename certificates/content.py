"""What a certificate says, and what each kind of certificate must and must not carry.

Source: ISO/IEC 17025:2017, 7.8.2, 7.8.4, 7.8.6; ILAC-P14:09/2020, 5; for reference materials
ISO 33401:2024. Every number is the text that is reported: digits are kept, nothing is calculated.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

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
from certificates.plain import BEFORE, from_plain, join_path, to_plain
from procedures.conformity import Verdict

FIRST_FORM, NEWEST_FORM = (
    "1",
    "2",
)  # of these rules; a certificate is read by those it was issued by


# Of fields that older certificates had not: what they are read with.
_NONE_BEFORE, _EMPTY_BEFORE, _NOTHING_BEFORE = {BEFORE: None}, {BEFORE: ""}, {BEFORE: ()}


class CertificateKind(StrEnum):
    """The document that is issued."""

    CALIBRATION_CERTIFICATE = "calibration_certificate"
    VERIFICATION_CERTIFICATE = "verification_certificate"
    VERIFICATION_REJECTION = "verification_rejection"
    REFERENCE_MATERIAL_CERTIFICATE = "reference_material_certificate"
    VERIFICATION_RECORD = "verification_record"


class Stage(StrEnum):
    """Whether a result was found before, or left after, an adjustment or repair."""

    AS_FOUND = "as_found"
    AS_LEFT = "as_left"


class ValueStatus(StrEnum):
    """What a property value of a reference material is worth."""

    CERTIFIED = "certified"
    INDICATIVE = "indicative"


class PlaceOfPerformance(StrEnum):
    """Where the work was done (ISO/IEC 17025:2017, 7.8.2.1 c)."""

    LABORATORY = "laboratory"
    LABORATORY_BRANCH = "laboratory_branch"
    CUSTOMER = "customer"
    CUSTOMER_BRANCH = "customer_branch"
    OTHER = "other"


class Meaning(StrEnum):
    """What a signature means."""

    CALIBRATED = "calibrated"
    CHECKED = "checked"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A laboratory or a customer, with the numbers of its authorisations."""

    name_zh: str
    name_en: str
    address: str
    authorisations: tuple[str, ...] = ()
    contact: str = ""
    country_code: str = "CN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDescription:
    """The item, told so that no other can be meant; empty text where the maker gave none."""

    name_zh: str
    name_en: str
    type_designation: str
    manufacturer_zh: str
    manufacturer_en: str
    serial_number: str
    asset_number: str
    range_text: str
    accuracy_text: str
    condition_zh: str = ""
    condition_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A procedure and its edition; `unverified` names the fields that no source confirms."""

    code: str
    edition: str
    title_zh: str
    title_en: str
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An environmental condition; `value` is digits, with ± digits where a spread is stated."""

    name_zh: str
    name_en: str
    value: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardUsed:
    """A reference standard, and the certificate that was in force when it was used."""

    name_zh: str
    name_en: str
    serial_number: str
    range_text: str
    accuracy_text: str
    certificate_number: str
    valid_until: date | None
    laboratory_zh: str
    laboratory_en: str
    certificate_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One result: an estimate, and an expanded uncertainty never without its k.

    `coverage_probability` lies in (0, 1); None where a verification states only k. `limit` is
    digits with ±, ≤ or ≥ before them, or two digits with ~ between them. `nominal_unit` and
    `expanded_uncertainty_unit` are given only where they differ from `unit`; the latter may then
    be % (a relative expanded uncertainty). `capability` is the accredited expanded uncertainty
    (CMC) at this value, in the unit of U; None where the value is outside any accreditation.
    `evaluated_uncertainty` is what the budget gave where U was raised from it to the capability.
    """

    measurand_zh: str
    measurand_en: str
    unit: str
    estimate: str
    nominal: str | None = None
    expanded_uncertainty: str | None = None
    coverage_factor: str | None = None
    coverage_probability: str | None = None
    limit: str | None = None
    verdict: Verdict | None = None
    stage: Stage | None = None
    nominal_unit: str | None = None
    expanded_uncertainty_unit: str | None = None
    value_status: ValueStatus | None = None
    capability: str | None = None
    evaluated_uncertainty: str | None = field(default=None, metadata=_NONE_BEFORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedItem:
    """An item of a verification: what was found, against what, and the verdict."""

    name_zh: str
    name_en: str
    value: str
    limit: str
    unit: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """One line of the uncertainty budget; `share` is percent of the combined variance."""

    source_zh: str
    source_en: str
    evaluation: str
    distribution: str
    standard_uncertainty: str
    sensitivity_coefficient: str
    contribution: str
    share: str
    unit: str = ""
    contribution_unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """Who signed, for what, when (an aware moment).

    `person_id` is one human's within the laboratory, whatever accounts or names he or she has.
    """

    meaning: Meaning
    person_id: str
    name_zh: str
    name_en: str
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformity:
    """The statement of conformity: the verdict, the specification and the decision rule."""

    verdict: Verdict
    decision_rule_zh: str
    decision_rule_en: str
    specification: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a person states on a certificate, in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalWork:
    """Results that another laboratory provided: which, and who (17025:2017, 7.8.2.1 p)."""

    provider_zh: str
    provider_en: str
    results_zh: str
    results_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """An opinion or interpretation, and on what it is based; who approves releases it.

    Source: ISO/IEC 17025:2017, 7.8.7.
    """

    text_zh: str
    text_en: str
    basis_zh: str
    basis_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialStatements:
    """What only a reference-material certificate says (ISO 33401:2024; ISO Guide 31:2015, 5).

    `description` is of the material; `commutability` is said where it is known.
    """

    batch: str
    version: str
    intended_use_zh: str
    intended_use_en: str
    minimum_sample_size: str
    storage_zh: str
    storage_en: str
    handling_zh: str
    handling_en: str
    description_zh: str = field(default="", metadata=_EMPTY_BEFORE)
    description_en: str = field(default="", metadata=_EMPTY_BEFORE)
    commutability_zh: str = field(default="", metadata=_EMPTY_BEFORE)
    commutability_en: str = field(default="", metadata=_EMPTY_BEFORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendedText:
    """A field that says otherwise than before, by its path; no texts where it holds many."""

    field: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """The certificate that this one replaces, why, and what is changed (17025:2017, 7.8.8)."""

    number: str
    reason_zh: str
    reason_en: str
    changes: tuple[AmendedText, ...] = ()
    certificate_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateContent:
    """Everything one certificate says; it cannot be built incomplete.

    Attributes:
        received_on: told where the item's stay before the work is critical, or on record.
        accreditations: the accreditations under which results were measured; those results say
            their capability, the others are told to be outside.
        standard_assessments: the certificates that measurement standards were assessed by
            (计量标准考核证书).
        deviations: additions to, deviations or exclusions from the method.
        sampling: by which plan and method the item was sampled.
        external_work: which results came from other laboratories.
        form: of these rules, as the certificate was issued by them.

    Raises a ContentError that names the field: FieldMissing, FieldForbidden, FieldMalformed,
    TooManySignificantDigits, DigitsDisagree, VerdictContradictsKind or SignatoriesIncomplete.
    Source: ISO/IEC 17025:2017, 7.8.2.1, 7.8.4.1, 7.8.4.3, 7.8.6.2; ILAC-P14:09/2020, 5.
    """

    number: str
    kind: CertificateKind
    issued_on: date
    performed_on: date
    place: PlaceOfPerformance
    place_zh: str
    place_en: str
    laboratory: Party
    customer: Party | None
    item: ItemDescription
    methods: tuple[Method, ...]
    environment: tuple[Condition, ...]
    standards: tuple[StandardUsed, ...]
    results: tuple[ResultRow, ...]
    traceability_statement_zh: str
    traceability_statement_en: str
    signatories: tuple[Signatory, ...]
    original_record_number: str
    demonstration: bool
    received_on: date | None = None
    valid_until: date | None = None
    due_date_agreed: bool = False
    checked_items: tuple[CheckedItem, ...] = ()
    budget: tuple[BudgetLine, ...] = ()
    budget_caption_zh: str = ""
    budget_caption_en: str = ""
    conformity: Conformity | None = None
    material: MaterialStatements | None = None
    amends: Amendment | None = None
    verification_url: str | None = None
    accreditations: tuple[str, ...] = field(default=(), metadata=_NOTHING_BEFORE)
    standard_assessments: tuple[str, ...] = field(default=(), metadata=_NOTHING_BEFORE)
    deviations: Remark | None = field(default=None, metadata=_NONE_BEFORE)
    sampling: Remark | None = field(default=None, metadata=_NONE_BEFORE)
    external_work: tuple[ExternalWork, ...] = field(default=(), metadata=_NOTHING_BEFORE)
    opinion: Opinion | None = field(default=None, metadata=_NONE_BEFORE)
    form: str = field(default=NEWEST_FORM, metadata={BEFORE: FIRST_FORM})

    def __post_init__(self) -> None:
        _refuse_unprintable_text(self)
        _require_what_the_kind_carries(self)
        _refuse_what_the_kind_excludes(self)
        _check_verdicts(self)
        _check_dates(self)
        _check_digits(self)
        _check_signatories(self)

    def as_mapping(self) -> dict[str, Any]:
        """Return the content as nested text, lists and truth values: JSON holds it, no float in it.

        `from_mapping` gives the equal content back.
        """
        mapping: dict[str, Any] = to_plain(self)
        return mapping

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the content that `as_mapping` wrote.

        Raises FieldMalformed for a missing, unknown or wrongly typed entry, and whatever the
        content itself refuses.
        """
        content: Self = from_plain(cls, mapping, "")
        return content


# --- What each kind carries ---------------------------------------------------------------------

_VERIFICATIONS = frozenset(
    {
        CertificateKind.VERIFICATION_CERTIFICATE,
        CertificateKind.VERIFICATION_REJECTION,
        CertificateKind.VERIFICATION_RECORD,
    }
)
_FOR_A_CUSTOMER = frozenset(
    {
        CertificateKind.CALIBRATION_CERTIFICATE,
        CertificateKind.VERIFICATION_CERTIFICATE,
        CertificateKind.VERIFICATION_REJECTION,
    }
)
_MATERIAL = CertificateKind.REFERENCE_MATERIAL_CERTIFICATE

_ALWAYS = (
    "number",
    "place_zh",
    "place_en",
    "laboratory.name_zh",
    "laboratory.name_en",
    "laboratory.address",
    "laboratory.country_code",
    "item.name_zh",
    "item.name_en",
    "traceability_statement_zh",
    "traceability_statement_en",
)
_ON_EVERY_MEASUREMENT = (
    "item.serial_number",
    "methods",
    "environment",
    "standards",
    "original_record_number",
)
_FOR_THE_CUSTOMER = ("customer", "customer.name_zh", "customer.name_en")
_WITH_A_VERDICT = (
    "conformity",
    "conformity.decision_rule_zh",
    "conformity.decision_rule_en",
    "conformity.specification",
)
_ON_A_MATERIAL = (
    "results",
    "valid_until",
    "material",
    *(
        f"material.{field.name}"
        for field in fields(MaterialStatements)
        if BEFORE not in field.metadata
    ),
)
_SINCE_THE_SECOND_FORM: Mapping[CertificateKind, tuple[str, ...]] = {
    CertificateKind.VERIFICATION_CERTIFICATE: ("laboratory.contact",),
    CertificateKind.VERIFICATION_REJECTION: ("laboratory.contact",),
    CertificateKind.REFERENCE_MATERIAL_CERTIFICATE: (
        "material.description_zh",
        "material.description_en",
    ),
}


def required_fields(kind: CertificateKind, form: str = NEWEST_FORM) -> tuple[str, ...]:
    """Return the paths of the fields that a certificate of this kind must carry."""
    required = list(_ALWAYS)
    if kind is not _MATERIAL:
        required += _ON_EVERY_MEASUREMENT
    if kind in _FOR_A_CUSTOMER:
        required += _FOR_THE_CUSTOMER
    if kind in _VERIFICATIONS:
        required += _WITH_A_VERDICT
    if kind is CertificateKind.VERIFICATION_CERTIFICATE:
        required += ["laboratory.authorisations", "valid_until"]
    if kind is CertificateKind.VERIFICATION_REJECTION:
        required += ["laboratory.authorisations"]
    if kind is CertificateKind.CALIBRATION_CERTIFICATE:
        required += ["results"]
    if kind is _MATERIAL:
        required += _ON_A_MATERIAL
    if form != FIRST_FORM:
        required += _SINCE_THE_SECOND_FORM.get(kind, ())
    return tuple(required)


def _require_what_the_kind_carries(content: CertificateContent) -> None:
    required = required_fields(content.kind, content.form)
    if content.conformity is not None:
        required = (*required, *_WITH_A_VERDICT)
    for path in required:
        if _is_empty(_at(content, path)):
            raise FieldMissing(path, content.kind)
    customer = content.customer
    if customer and content.form != FIRST_FORM and not (customer.contact or customer.address):
        raise FieldMissing("customer.contact", content.kind)
    for path, text in _statements_of_persons(content):
        if _is_empty(text):
            raise FieldMissing(path, content.kind)
    if not (content.results or content.checked_items):
        raise FieldMissing("checked_items", content.kind)
    if content.kind not in _VERIFICATIONS:
        _require_uncertainties(content)


def _statements_of_persons(content: CertificateContent) -> Iterator[tuple[str, str]]:
    """Yield every text of what persons state, with its path: each is said in both languages."""
    for name in ("deviations", "sampling", "external_work", "opinion"):
        yield from _texts(getattr(content, name), name)


def _require_uncertainties(content: CertificateContent) -> None:
    """Refuse a result without its uncertainty; an indicative value of a material may lack it."""
    is_material = content.kind is _MATERIAL
    for index, row in enumerate(content.results):
        if is_material and row.value_status is None:
            raise FieldMissing(f"results[{index}].value_status", content.kind)
        if row.expanded_uncertainty is None and row.value_status is not ValueStatus.INDICATIVE:
            raise FieldMissing(f"results[{index}].expanded_uncertainty", content.kind)


def _refuse_what_the_kind_excludes(content: CertificateContent) -> None:
    kind = content.kind
    if kind is CertificateKind.VERIFICATION_REJECTION and content.valid_until is not None:
        raise FieldForbidden("valid_until", kind)
    if (
        kind is CertificateKind.CALIBRATION_CERTIFICATE
        and content.valid_until is not None
        and not content.due_date_agreed
    ):
        raise FieldForbidden("valid_until", kind, "no due date unless the customer agreed to it")
    if kind is _MATERIAL and content.customer is not None:
        raise FieldForbidden("customer", kind)
    if kind is not _MATERIAL and content.material is not None:
        raise FieldForbidden("material", kind)
    if content.accreditations and all(row.capability is None for row in content.results):
        raise FieldForbidden("accreditations", kind, "no result is within a registered capability")


# --- Verdicts -------------------------------------------------------------------------------------


def failed_fields(content: CertificateContent) -> tuple[str, ...]:
    """Return the paths of the results and checked items that failed, as left."""
    results = (
        f"results[{index}].verdict"
        for index, row in enumerate(content.results)
        if row.verdict is Verdict.FAIL and row.stage is not Stage.AS_FOUND
    )
    checked = (
        f"checked_items[{index}].verdict"
        for index, item in enumerate(content.checked_items)
        if item.verdict is Verdict.FAIL
    )
    return (*results, *checked)


def _check_verdicts(content: CertificateContent) -> None:
    kind, conformity, failed = content.kind, content.conformity, failed_fields(content)
    if conformity is not None and conformity.verdict is Verdict.PASS and failed:
        raise VerdictContradictsKind(failed[0], "it failed, the whole cannot pass")
    if conformity is None:
        return
    if kind is CertificateKind.VERIFICATION_CERTIFICATE and conformity.verdict is not Verdict.PASS:
        reason = f"a {kind} cannot say {conformity.verdict}"
        raise VerdictContradictsKind("conformity.verdict", reason)
    if kind is CertificateKind.VERIFICATION_REJECTION:
        if conformity.verdict is not Verdict.FAIL:
            reason = f"a {kind} cannot say {conformity.verdict}"
            raise VerdictContradictsKind("conformity.verdict", reason)
        if not failed:
            raise VerdictContradictsKind("checked_items", "a rejection names what failed")


# --- Dates, digits, persons -----------------------------------------------------------------------


def _check_dates(content: CertificateContent) -> None:
    if content.received_on is not None and content.received_on > content.performed_on:
        raise FieldMalformed("received_on", "the item was received after the work was done")
    if content.issued_on < content.performed_on:
        raise FieldMalformed("issued_on", "issued before the work was done")
    if content.valid_until is not None and content.valid_until <= content.performed_on:
        raise FieldMalformed("valid_until", "not after the day of the work")
    for index, standard in enumerate(content.standards):
        if standard.valid_until is not None and standard.valid_until < content.performed_on:
            raise FieldMalformed(f"standards[{index}].valid_until", "expired when it was used")


_UNSIGNED = r"\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?"
_DIGITS = rf"[+-]?{_UNSIGNED}"
_NUMBER = re.compile(_DIGITS, re.ASCII)
_LIMIT = re.compile(rf"± ?{_UNSIGNED}|[≤≥] ?{_DIGITS}|{_DIGITS} ?~ ?{_DIGITS}", re.ASCII)
_COVERAGE_FACTOR = re.compile(r"[1-9]\d{0,3}(?:\.\d{1,9})?", re.ASCII)
_PROBABILITY = re.compile(r"0\.(?=0*[1-9])\d{1,15}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def significant_digits(text: str) -> int:
    """Return how many significant digits a reported number has.

    Zeros that end a whole number do not count: nobody can tell whether they were measured.

    >>> [significant_digits(text) for text in ("0.0070", "0.010", "120", "1.25")]
    [2, 2, 2, 3]
    """
    digits = re.split("[eE]", text.lstrip("+-"))[0]
    if "." not in digits:
        digits = digits.rstrip("0")
    return len(digits.replace(".", "").lstrip("0"))


def _check_digits(content: CertificateContent) -> None:
    for index, row in enumerate(content.results):
        _check_row(row, f"results[{index}]", content.kind)
    for path, digest in _digests(content):
        if digest is not None and not _SHA256.fullmatch(digest):
            raise FieldMalformed(path, "not a SHA-256 in 64 lower-case hexadecimal digits")
    for name, party in (("laboratory", content.laboratory), ("customer", content.customer)):
        if party is not None and not _COUNTRY.fullmatch(party.country_code):
            raise FieldMalformed(f"{name}.country_code", "not two capital letters (ISO 3166-1)")


def _digests(content: CertificateContent) -> Iterator[tuple[str, str | None]]:
    for index, standard in enumerate(content.standards):
        yield f"standards[{index}].certificate_sha256", standard.certificate_sha256
    if content.amends is not None:
        yield "amends.certificate_sha256", content.amends.certificate_sha256


def _check_row(row: ResultRow, path: str, kind: CertificateKind) -> None:
    for name in ("measurand_zh", "measurand_en"):
        if _is_empty(getattr(row, name)):
            raise FieldMissing(f"{path}.{name}", kind)
    for name in (
        "estimate",
        "nominal",
        "expanded_uncertainty",
        "coverage_factor",
        "coverage_probability",
        "capability",
        "evaluated_uncertainty",
    ):
        text = getattr(row, name)
        if text is not None and not _NUMBER.fullmatch(text):
            raise FieldMalformed(f"{path}.{name}", f"{text!r} is not a decimal number")
    if row.limit is not None and not _LIMIT.fullmatch(row.limit):
        raise FieldMalformed(f"{path}.limit", f"{row.limit!r} is not digits with ±, ≤, ≥ or ~")
    _check_uncertainty(row, path, kind)


_BESIDE_AN_UNCERTAINTY = (
    "coverage_factor",
    "coverage_probability",
    "expanded_uncertainty_unit",
    "capability",
    "evaluated_uncertainty",
)


def _check_uncertainty(row: ResultRow, path: str, kind: CertificateKind) -> None:
    """Let U, k and p stand together only, U with two digits at most."""
    if row.expanded_uncertainty is None:
        for name in _BESIDE_AN_UNCERTAINTY:
            if getattr(row, name) is not None:
                raise FieldMalformed(f"{path}.{name}", "stated without an expanded uncertainty")
        return
    _check_coverage(row, path, kind)
    if row.expanded_uncertainty_unit not in {None, row.unit, "%"}:
        raise FieldMalformed(f"{path}.expanded_uncertainty_unit", "neither the unit's own nor %")
    if significant_digits(row.expanded_uncertainty) > 2:
        raise TooManySignificantDigits(f"{path}.expanded_uncertainty", row.expanded_uncertainty)
    if row.capability is not None and Decimal(row.expanded_uncertainty) < Decimal(row.capability):
        raise BelowCapability(
            f"{path}.expanded_uncertainty", row.expanded_uncertainty, row.capability
        )
    is_absolute = row.expanded_uncertainty_unit in {None, row.unit}
    if is_absolute and kind not in _VERIFICATIONS and not _end_alike(row):
        raise DigitsDisagree(f"{path}.estimate", row.estimate, row.expanded_uncertainty)


def _check_coverage(row: ResultRow, path: str, kind: CertificateKind) -> None:
    """Let k ≥ 1 stand beside U, and p beside k; a verification may leave p out."""
    if row.coverage_factor is None:
        raise FieldMissing(f"{path}.coverage_factor", kind)
    if Decimal(str(row.expanded_uncertainty)) <= 0:
        raise FieldMalformed(f"{path}.expanded_uncertainty", "not greater than zero")
    if not _COVERAGE_FACTOR.fullmatch(row.coverage_factor):
        raise FieldMalformed(f"{path}.coverage_factor", "not a plain decimal of 1 or more")
    if row.coverage_probability is None:
        if kind not in _VERIFICATIONS:
            raise FieldMissing(f"{path}.coverage_probability", kind)
    elif not _PROBABILITY.fullmatch(row.coverage_probability):
        raise FieldMalformed(f"{path}.coverage_probability", "not a decimal between 0 and 1")


def _end_alike(row: ResultRow) -> bool:
    texts = (row.estimate, str(row.expanded_uncertainty))
    first, second = (Decimal(text).as_tuple().exponent for text in texts)
    return first == second


_PERSON_ID = re.compile("[0-9a-f]{32}")


def _check_signatories(content: CertificateContent) -> None:
    meanings = sorted(signatory.meaning for signatory in content.signatories)
    if meanings != sorted(Meaning) and not _two_may_sign(content.kind, meanings):
        raise SignatoriesIncomplete("signatories", "calibrated, checked and approved, once each")
    for name in ("name_zh", "name_en"):
        names = [getattr(signatory, name).strip() for signatory in content.signatories]
        if "" in names:
            raise FieldMissing(f"signatories[{names.index('')}].{name}", content.kind)
    for name in ("name_zh", "person_id"):
        told = {getattr(signatory, name).strip() for signatory in content.signatories}
        if len(told) != len(meanings):
            raise SignatoriesIncomplete(
                "signatories", "three different persons sign, or two where nobody checks"
            )
    for index, signatory in enumerate(content.signatories):
        _check_signatory(signatory, f"signatories[{index}]")
    moments = {signatory.meaning: signatory.signed_at for signatory in content.signatories}
    in_turn = [moments[meaning] for meaning in Meaning if meaning in moments]
    if in_turn != sorted(in_turn):
        raise FieldMalformed("signatories", "checked or approved before the work was signed")


def _two_may_sign(kind: CertificateKind, meanings: list[Meaning]) -> bool:
    return kind is CertificateKind.CALIBRATION_CERTIFICATE and meanings == sorted(
        (Meaning.CALIBRATED, Meaning.APPROVED)
    )


def _check_signatory(signatory: Signatory, path: str) -> None:
    if not _PERSON_ID.fullmatch(signatory.person_id):
        raise FieldMalformed(f"{path}.person_id", "32 hexadecimal digits")
    if signatory.signed_at.tzinfo is None:
        raise FieldMalformed(f"{path}.signed_at", "a moment without a time zone")


# --- Text -----------------------------------------------------------------------------------------

# Not characters of XML 1.0 (section 2.2), or turned into others by every XML parser (CR), or
# able to show digits in another order than they are written (the bidirectional controls).
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028-\u202e\u2066-\u2069\ufeff]"
)


def _refuse_unprintable_text(content: CertificateContent) -> None:
    for path, text in _texts(content, ""):
        found = _UNPRINTABLE.search(text)
        if found:
            raise ForbiddenCharacter(path, found.group())
        if text != text.strip():
            raise FieldMalformed(path, "white space at the beginning or the end")


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text in the content, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, tuple):
        for index, member in enumerate(value):
            yield from _texts(member, f"{path}[{index}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name), join_path(path, field.name))


def _at(content: CertificateContent, path: str) -> object:
    value: object = content
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def _is_empty(value: object) -> bool:
    return value is None or value == () or (isinstance(value, str) and not value.strip())
