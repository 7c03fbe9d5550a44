"""What a certificate must say, field by field and kind by kind.

The table is that of the design (ISO/IEC 17025:2017, 7.8; ILAC-P14:09/2020; JJF 1069, JJF 1071; ISO
33401:2024). For every field and kind: where it must stand, no certificate can be built without it;
where it must or may, the paper, the page and the digital document say it, in both languages; where
it must not, it is refused.
"""

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from html import unescape

import pytest
from lxml import etree
from pypdf import PdfReader

from certificates import wording
from certificates.content import (
    CertificateContent,
    CertificateKind,
    ExternalWork,
    Meaning,
    Opinion,
    Remark,
    Stage,
)
from certificates.dcc import write_dcc, write_drmd
from certificates.errors import ContentError
from certificates.html import render_html, stylesheet
from procedures.conformity import Verdict

KINDS = {
    "C": CertificateKind.CALIBRATION_CERTIFICATE,
    "V": CertificateKind.VERIFICATION_CERTIFICATE,
    "R": CertificateKind.VERIFICATION_REJECTION,
    "M": CertificateKind.REFERENCE_MATERIAL_CERTIFICATE,
    "I": CertificateKind.VERIFICATION_RECORD,
}
FIXTURES = {"C": "calibration", "V": "verification", "R": "rejection", "M": "material",
            "I": "record"}  # fmt: skip
Said = Callable[[CertificateContent], Iterable[str]]
Without = Callable[[CertificateContent], object]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A field of the table.

    Attributes:
        must, may: the kinds that must say it, and that say it where it is relevant.
        without: tries to build the certificate without it; None where it is no field, but a
            sentence of every certificate.
        said: its texts on paper and page, in both languages.
        in_xml: its texts in the digital document; None as on paper, no text where the document
            has no place for it.
    """

    name: str
    must: str
    may: str = ""
    without: Without | None = None
    said: Said
    in_xml: Said | None = None


def emptied(path: str) -> Without:
    """Return what says nothing where a field stands."""

    def build(content):
        return changed(content, path, lambda value: None if not isinstance(value, str | tuple)
                       else type(value)())  # fmt: skip

    return build


def omitted(path: str) -> Without:
    """Return what leaves a field out: it must be said, if only that there is nothing to say."""

    def build(content):
        owner, _, name = path.rpartition(".")
        part = getattr(content, owner) if owner else content
        return type(part)(**{f.name: getattr(part, f.name) for f in fields(part) if f.name != name})

    return build


def of_every_row(**nothing) -> Without:
    return lambda content: replace(
        content, results=tuple(replace(row, **nothing) for row in content.results)
    )


def changed(content, path, change):
    name, _, rest = path.partition(".")
    value = getattr(content, name)
    return replace(content, **{name: changed(value, rest, change) if rest else change(value)})


def nobody_approves(content):
    rest = tuple(row for row in content.signatories if row.meaning is not Meaning.APPROVED)
    return replace(content, signatories=rest)


def only_two_sign(content):
    rest = tuple(row for row in content.signatories if row.meaning is not Meaning.CHECKED)
    return replace(content, signatories=rest)


def on_the_day(name: str) -> Said:
    return lambda c: [f"{getattr(c, name):%Y年%m月%d日}", getattr(c, name).isoformat()]


def in_iso(name: str) -> Said:
    return lambda c: [getattr(c, name).isoformat()]


def texts(*paths: str) -> Said:
    """Return the texts at some paths; those that are empty are not printed."""

    def said(content):
        for path in paths:
            value = content
            for name in path.split("."):
                value = getattr(value, name)
            yield from value if isinstance(value, tuple) else [value] if value else []

    return said


def each(part: str, *names: str) -> Said:
    return lambda c: [
        str(getattr(row, name)) for row in getattr(c, part) for name in names if getattr(row, name)
    ]


def verdict_of(content: CertificateContent) -> Verdict:
    assert content.conformity is not None
    return content.conformity.verdict


def words(name: str) -> Said:
    return lambda c: getattr(wording.kind_wording(c.kind), name)


def nothing(_content) -> list[str]:
    return []


ALL = "CVRMI"
MEASURED = "CVRI"
TABLE = (
    # the document
    Line(name="title", must=ALL, without=omitted("kind"), said=words("title")),
    Line(name="number", must=ALL, without=emptied("number"), said=texts("number")),
    Line(name="end mark", must=ALL, said=lambda _: wording.END_MARK, in_xml=nothing),
    Line(name="place for the seal", must=ALL, said=words("seal"), in_xml=nothing),
    # who, for whom
    Line(name="laboratory", must=ALL, without=emptied("laboratory.name_zh"),
         said=texts("laboratory.name_zh", "laboratory.name_en")),
    Line(name="address of the laboratory", must=ALL, without=emptied("laboratory.address"),
         said=texts("laboratory.address")),
    Line(name="place of performance", must=ALL, without=emptied("place_en"),
         said=texts("place_zh", "place_en")),
    Line(name="kind of place", must=ALL, without=omitted("place"),
         said=lambda c: wording.place_wording(c.place),
         in_xml=lambda c: [c.place.split("_")[0]]),
    Line(name="authorisation", must="VR", may="CI", without=emptied("laboratory.authorisations"),
         said=texts("laboratory.authorisations")),
    Line(name="telephone, post code, e-mail", must="VR", may="CMI",
         without=emptied("laboratory.contact"), said=texts("laboratory.contact")),
    Line(name="accreditation", must="", may="C", said=texts("accreditations")),
    Line(name="customer", must="CVR", without=emptied("customer"),
         said=texts("customer.name_zh", "customer.name_en")),
    Line(name="contact of the customer", must="CVR",
         without=lambda c: replace(
             c, customer=c.customer and replace(c.customer, address="", contact="")),
         said=texts("customer.address", "customer.contact")),
    # the item
    Line(name="item", must=ALL, without=emptied("item.name_zh"),
         said=texts("item.name_zh", "item.name_en")),
    Line(name="item in English", must=ALL, without=emptied("item.name_en"),
         said=texts("item.name_en")),
    Line(name="model", must=MEASURED, without=omitted("item.type_designation"),
         said=texts("item.type_designation")),
    Line(name="maker", must=MEASURED, without=omitted("item.manufacturer_zh"),
         said=texts("item.manufacturer_zh", "item.manufacturer_en")),
    Line(name="serial number", must=MEASURED, without=emptied("item.serial_number"),
         said=texts("item.serial_number")),
    Line(name="asset number", must="", may=MEASURED, said=texts("item.asset_number")),
    Line(name="condition of the item", must="", may=MEASURED,
         said=texts("item.condition_zh", "item.condition_en")),
    # when
    Line(name="date received", must="", may=MEASURED, said=on_the_day("received_on"),
         in_xml=in_iso("received_on")),
    Line(name="date performed", must=ALL, without=omitted("performed_on"),
         said=on_the_day("performed_on"), in_xml=in_iso("performed_on")),
    Line(name="date of issue", must=ALL, without=omitted("issued_on"),
         said=on_the_day("issued_on"), in_xml=in_iso("issued_on")),
    Line(name="valid until", must="VM", without=emptied("valid_until"),
         said=on_the_day("valid_until"), in_xml=in_iso("valid_until")),
    # how
    Line(name="method", must=MEASURED, may="M", without=emptied("methods"),
         said=each("methods", "code", "edition", "title_zh", "title_en")),
    Line(name="standards used", must=MEASURED, without=emptied("standards"),
         said=each("standards", "name_zh", "name_en", "serial_number", "range_text",
                   "accuracy_text", "certificate_number", "valid_until")),
    Line(name="assessment of the standard", must="", may=MEASURED,
         said=texts("standard_assessments")),
    Line(name="environment", must=MEASURED, without=emptied("environment"),
         said=each("environment", "name_zh", "name_en", "value")),
    Line(name="original record", must=MEASURED, may="M",
         without=emptied("original_record_number"), said=texts("original_record_number")),
    Line(name="deviations from the method", must="", may=ALL,
         said=texts("deviations.zh", "deviations.en")),
    Line(name="sampling", must="", may=ALL, said=texts("sampling.zh", "sampling.en")),
    Line(name="external providers", must="", may=ALL,
         said=each("external_work", "provider_zh", "provider_en", "results_zh", "results_en")),
    # what came of it
    Line(name="results", must="CM", may="VRI", without=emptied("results"),
         said=each("results", "estimate", "measurand_zh", "measurand_en")),
    Line(name="unit", must=ALL, without=lambda c: type(c.results[0])(
             measurand_zh="量", measurand_en="quantity", estimate="1"),  # type: ignore[call-arg]
         said=each("results", "unit"),
         in_xml=lambda c: [r"\mega\pascal" if c.material is None else r"\mega\joule"]),
    Line(name="expanded uncertainty", must="CM", may="VRI",
         without=of_every_row(expanded_uncertainty=None, coverage_factor=None,
                              coverage_probability=None),
         said=each("results", "expanded_uncertainty")),
    Line(name="coverage factor", must=ALL, without=of_every_row(coverage_factor=None),
         said=each("results", "coverage_factor")),
    Line(name="coverage probability", must="CM", may="VRI",
         without=of_every_row(coverage_probability=None),
         said=lambda c: {wording.percent(row.coverage_probability) for row in c.results
                         if row.coverage_probability}),
    Line(name="certified or indicative", must="M", without=of_every_row(value_status=None),
         said=lambda c: [t for row in c.results
                         if row.value_status
                         for t in wording.value_status_wording(row.value_status)],
         in_xml=nothing),
    Line(name="before and after adjustment", must="", may=MEASURED,
         said=lambda _: [t for stage in Stage for t in wording.stage_wording(stage)]),
    Line(name="traceability", must=ALL, without=emptied("traceability_statement_en"),
         said=texts("traceability_statement_zh", "traceability_statement_en")),
    Line(name="conclusion", must="VRI", without=emptied("conformity"),
         said=lambda c: wording.verdict_wording(verdict_of(c)),
         in_xml=lambda c: ["fail" if verdict_of(c) is Verdict.FAIL else "pass"]),
    Line(name="specification", must="VRI", without=emptied("conformity.specification"),
         said=texts("conformity.specification")),
    Line(name="decision rule", must="VRI", without=emptied("conformity.decision_rule_en"),
         said=texts("conformity.decision_rule_zh", "conformity.decision_rule_en")),
    Line(name="opinion", must="", may=ALL,
         said=texts("opinion.text_zh", "opinion.text_en", "opinion.basis_zh", "opinion.basis_en")),
    # who answers for it
    Line(name="who approved", must=ALL, without=nobody_approves,
         said=each("signatories", "name_zh", "name_en")),
    Line(name="three signatures", must="VRMI", may="C", without=only_two_sign,
         said=lambda c: wording.signed_by(Meaning.CHECKED, c.kind), in_xml=nothing),
    Line(name="relates only to the item", must=ALL,
         said=lambda c: wording.general_statements(c.kind)[0]),
    Line(name="reproduced only in full", must=ALL,
         said=lambda c: wording.general_statements(c.kind)[1]),
    # of a reference material
    Line(name="batch", must="M", without=emptied("material.batch"), said=texts("material.batch")),
    Line(name="version", must="M", without=emptied("material.version"),
         said=texts("material.version")),
    Line(name="description", must="M", without=emptied("material.description_en"),
         said=texts("material.description_zh", "material.description_en")),
    Line(name="intended use", must="M", without=emptied("material.intended_use_zh"),
         said=texts("material.intended_use_zh", "material.intended_use_en")),
    Line(name="minimum sample size", must="M", without=emptied("material.minimum_sample_size"),
         said=texts("material.minimum_sample_size")),
    Line(name="storage", must="M", without=emptied("material.storage_zh"),
         said=texts("material.storage_zh", "material.storage_en")),
    Line(name="handling", must="M", without=emptied("material.handling_en"),
         said=texts("material.handling_zh", "material.handling_en")),
    Line(name="commutability", must="", may="M",
         said=texts("material.commutability_zh", "material.commutability_en")),
)  # fmt: skip


@pytest.fixture(scope="module")
def certificates(request):
    """One certificate of each kind that says all that its kind may say."""
    return {
        letter: with_all(request.getfixturevalue(name), letter) for letter, name in FIXTURES.items()
    }


def with_all(content: CertificateContent, letter: str) -> CertificateContent:
    """Return a certificate that says what only some say, each text unlike all others."""
    content = replace(
        content,
        deviations=Remark(zh="未在零点读数", en="zero was not read"),
        sampling=Remark(zh="每批抽三件", en="three of each batch"),
        external_work=(
            ExternalWork(
                provider_zh="乙实验室",
                provider_en="Laboratory B",
                results_zh="温度系数",
                results_en="the temperature coefficient",
            ),
        ),
        opinion=Opinion(
            text_zh="漂移正常",
            text_en="the drift is usual",
            basis_zh="历年结果",
            basis_en="the results of earlier years",
        ),
    )
    if letter == "M":
        assert content.material is not None
        stated = replace(content.material, commutability_zh="与油样互换",
                         commutability_en="commutable with oil samples")  # fmt: skip
        return replace(content, material=stated)
    content = replace(
        content,
        received_on=date(2026, 11, 20),
        standard_assessments=("〔2025〕示例量标省字001号",),
        results=(
            replace(content.results[0], stage=Stage.AS_FOUND),
            *(replace(row, stage=Stage.AS_LEFT) for row in content.results),
        ),
    )
    return accredited(content) if letter == "C" else content


def accredited(content: CertificateContent) -> CertificateContent:
    """Return what an accredited laboratory's certificate says: its last value is outside."""
    *inside, outside = content.results
    return replace(
        content,
        accreditations=("示例CNAS L7001",),
        results=(*(replace(row, capability="0.00060") for row in inside), outside),
    )


def without_spaces(text: str) -> str:
    return "".join(text.split())


@pytest.fixture(scope="module")
def forms(certificates, typesetter):
    """The letters of each form of each certificate, spaces left out."""

    def paper(content):
        pages = PdfReader(io.BytesIO(typesetter.render(content))).pages
        return "".join(without_spaces(page.extract_text()) for page in pages)

    def page(content):
        html = render_html(content, stylesheet_href="x")
        return without_spaces(unescape(re.sub("<[^>]*>", "", html)))

    def document(content):
        written = [write_dcc(content), *([write_drmd(content)] if content.material else [])]
        told = (etree.tostring(etree.fromstring(xml), method="text", encoding="unicode")
                for xml in written)  # fmt: skip
        return without_spaces("".join(told))

    return {
        letter: {"paper": paper(content), "page": page(content), "document": document(content)}
        for letter, content in certificates.items()
    }


def rows(letters: Callable[[Line], str]):
    return [
        pytest.param(line, letter, id=f"{line.name}-{letter}")
        for line in TABLE
        for letter in letters(line)
    ]


@pytest.mark.parametrize(("line", "letter"), rows(lambda line: line.must if line.without else ""))
def test_no_certificate_can_be_built_without_what_its_kind_must_say(certificates, line, letter):
    content = certificates[letter]
    assert content.kind is KINDS[letter]

    with pytest.raises((ContentError, TypeError)):
        line.without(content)


@pytest.mark.parametrize(("line", "letter"), rows(lambda line: line.must + line.may))
def test_paper_page_and_document_say_it_in_both_languages(certificates, forms, line, letter):
    content, told = certificates[letter], forms[letter]
    on_paper = [without_spaces(text) for text in line.said(content)]
    in_xml = on_paper if line.in_xml is None else line.in_xml(content)

    assert [text for text in on_paper if text not in told["paper"]] == []
    assert [text for text in on_paper if text not in told["page"]] == []
    assert [text for text in map(without_spaces, in_xml) if text not in told["document"]] == []
    assert on_paper or line.name in {"model", "maker"}


def test_every_page_bears_the_number_and_how_many_there_are(certificates, typesetter):
    for content in certificates.values():
        pages = PdfReader(io.BytesIO(typesetter.render(content))).pages
        letters = [without_spaces(page.extract_text()) for page in pages]

        for place, text in enumerate(letters, start=1):
            assert text.count(content.number) >= 1
            assert f"第{place}页共{len(letters)}页" in text
            assert f"Page{place}of{len(letters)}" in text
        assert wording.END_MARK.zh in letters[-1]
        assert not any(wording.END_MARK.zh in text for text in letters[:-1])


def test_the_printed_page_counts_its_pages_too():
    assert "counter(page)" in stylesheet()
    assert "counter(pages)" in stylesheet()


@pytest.mark.parametrize(
    ("letter", "forbidden"),
    [
        ("R", {"valid_until": date(2027, 5, 20)}),
        ("C", {"valid_until": date(2027, 5, 20)}),
        ("M", {"customer": ...}),
        ("V", {"accreditations": ("CNAS L0000",)}),
    ],
)
def test_no_certificate_says_what_its_kind_must_not(certificates, letter, forbidden):
    content = certificates[letter]
    told = {name: content.laboratory if value is ... else value
            for name, value in forbidden.items()}  # fmt: skip

    with pytest.raises(ContentError, match="must not carry it"):
        replace(content, **told)


@pytest.mark.parametrize("name", ["deviations", "sampling", "opinion"])
def test_what_a_person_states_is_said_in_both_languages(certificates, name):
    content = certificates["C"]
    stated = getattr(content, name)
    for field in fields(stated):
        with pytest.raises(ContentError, match=rf"{name}\.{field.name}"):
            replace(content, **{name: replace(stated, **{field.name: ""})})


def test_an_opinion_is_marked_as_one_and_names_who_released_it(certificates, forms):
    approver = certificates["C"].signatories[-1]

    assert "意见和解释(非测量结果)" in forms["C"]["paper"]
    assert f"由{approver.name_zh}授权发布" in forms["C"]["page"]
    assert without_spaces(f"Released by {approver.name_en}") in forms["C"]["document"]


def test_a_result_outside_the_accreditation_is_named(certificates, forms):
    outside = certificates["C"].results[-1]
    said = without_spaces(
        f"Outside the scope of accreditation: {outside.measurand_en} at {outside.nominal} MPa."
    )

    for form in ("paper", "page", "document"):
        assert said in forms["C"][form]


def test_a_certificate_of_before_is_read_as_it_was_issued(certificates):
    """What later rules ask for is not asked of it, and its digest stays what it was."""
    old = certificates["M"].as_mapping()
    for name in ("form", "deviations", "sampling", "external_work", "opinion"):
        del old[name]
    for name in ("description", "commutability"):
        for language in ("zh", "en"):
            del old["material"][f"{name}_{language}"]

    content = CertificateContent.from_mapping(old)

    assert content.material is not None
    assert content.material.description_zh == ""
    assert content.as_mapping() == old
    with pytest.raises(ContentError, match="description_zh"):
        CertificateContent.from_mapping(old | {"form": "2"})
