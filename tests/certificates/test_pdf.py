"""The paper: PDF/A-3a and PDF/UA-1 with the digital certificate attached, everywhere alike."""

import io
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from certificates.dcc import write_dcc
from certificates.errors import RenderingFailed
from certificates.pdf.typeset import page_source
from certificates.seal import canonical_bytes


def read(pdf):
    return PdfReader(io.BytesIO(pdf))


def text_of(pdf):
    """Return the letters of all pages, without the spaces and line ends of the layout."""
    return "".join("".join(page.extract_text().split()) for page in read(pdf).pages)


def test_the_page_says_its_kind_its_parties_and_its_item(certificate, typesetter):
    text = text_of(typesetter.render(certificate))

    for said in (
        certificate.number,
        certificate.laboratory.name_zh,
        certificate.item.name_zh,
        certificate.item.serial_number,
        certificate.traceability_statement_zh,
        *(signatory.name_zh for signatory in certificate.signatories),
        *(standard.certificate_number for standard in certificate.standards),
    ):
        assert "".join(said.split()) in text


@pytest.mark.parametrize(
    ("kind", "zh", "en"),
    [
        ("calibration", "校准证书", "CalibrationCertificate"),
        ("verification", "检定证书", "VerificationCertificate"),
        ("rejection", "检定结果通知书", "NoticeofVerificationResult"),
        ("material", "标准物质证书", "ReferenceMaterialCertificate"),
        ("record", "检定记录(内部)", "InternalVerificationRecord"),
    ],
)
def test_each_kind_bears_its_own_title(request, typesetter, kind, zh, en):
    pdf = typesetter.render(request.getfixturevalue(kind))

    text = text_of(pdf)

    assert zh in text
    assert en in text
    assert read(pdf).metadata["/Title"].startswith(zh)


def test_a_rejection_shows_no_validity_and_names_what_failed(rejection, typesetter):
    text = text_of(typesetter.render(rejection))

    assert "有效期至2027年" not in text
    assert "不合格Fail" in text
    assert "0.80.030.0070±0.0256不合格Fail" in text


def test_a_calibration_certificate_shows_no_verdict_and_no_due_date(calibration, typesetter):
    text = text_of(typesetter.render(calibration))

    assert "合格" not in text
    assert "复校" not in text


def test_every_page_bears_the_number_the_page_count_and_the_demonstration_mark(
    certificate, typesetter
):
    pages = read(typesetter.render(certificate)).pages

    for here, page in enumerate(pages, start=1):
        text = "".join(page.extract_text().split())
        assert certificate.number in text
        assert f"第{here}页共{len(pages)}页" in text
        assert "DEMONSTRATION—NOTAREALCERTIFICATE" in text
    assert "以下空白" in pages[-1].extract_text()
    assert len(pages) >= 2


def test_a_real_certificate_bears_no_demonstration_mark(verification, typesetter):
    text = text_of(typesetter.render(replace(verification, demonstration=False)))

    assert "DEMONSTRATION" not in text
    assert "演示" not in text


def test_the_file_declares_pdf_a_3a_and_pdf_ua_1(verification, typesetter):
    root = read(typesetter.render(verification)).root_object

    xmp = root["/Metadata"].get_data().decode()

    assert re.search(r"<pdfaid:part>3</pdfaid:part>", xmp)
    assert re.search(r"<pdfaid:conformance>A</pdfaid:conformance>", xmp)
    assert re.search(r"<pdfuaid:part>1</pdfuaid:part>", xmp)
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"].startswith("zh")


def test_the_attached_digital_certificate_is_the_issued_one_byte_for_byte(certificate, typesetter):
    dcc = write_dcc(certificate)

    attachments = read(typesetter.render(certificate, dcc=dcc)).attachments

    assert attachments == {f"{certificate.number}.xml": [dcc]}


def test_the_same_certificate_gives_the_same_bytes_in_another_process(
    verification, typesetter, font_folder, tmp_path
):
    pdf = typesetter.render(verification, dcc=write_dcc(verification))
    stored = tmp_path / "content.json"
    stored.write_bytes(canonical_bytes(verification.as_mapping()))

    again = subprocess.run(  # noqa: S603 — our own code in another process, zone and locale
        [sys.executable, "-c", RENDER_AGAIN, str(stored), font_folder],
        env={"TZ": "America/St_Johns", "LANG": "C", "PYTHONHASHSEED": "4711"},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )

    assert again.stdout.decode().strip() == sha256(pdf).hexdigest()


def test_threads_that_share_a_typesetter_get_the_same_bytes(verification, calibration, typesetter):
    contents = [verification, calibration] * 4
    expected = [typesetter.render(content) for content in (verification, calibration)] * 4

    with ThreadPoolExecutor(4) as pool:
        rendered = list(pool.map(typesetter.render, contents))

    assert rendered == expected


RENDER_AGAIN = """
import hashlib, json, pathlib, sys
from certificates.content import CertificateContent
from certificates.dcc import write_dcc
from certificates.pdf import Typesetter

mapping = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
content = CertificateContent.from_mapping(mapping)
pdf = Typesetter(sys.argv[2]).render(content, dcc=write_dcc(content))
print(hashlib.sha256(pdf).hexdigest())
"""


def test_rare_characters_of_names_are_printed(calibration, typesetter):
    assert "㐀𠮷祥" in text_of(typesetter.render(calibration))


def test_a_letter_that_no_font_here_has_is_refused_rather_than_left_blank(verification, typesetter):
    item = replace(verification.item, name_zh="压力表 \N{EGYPTIAN HIEROGLYPH A001}")

    with pytest.raises(RenderingFailed):
        typesetter.render(replace(verification, item=item))


def test_a_word_longer_than_its_line_is_broken_and_stays_one_word(verification, typesetter):
    serial_number = "S/N:" + "0123456789" * 12

    text = text_of(
        typesetter.render(
            replace(verification, item=replace(verification.item, serial_number=serial_number))
        )
    )

    assert serial_number in text


def test_a_long_table_runs_over_pages_and_repeats_its_head(calibration, typesetter):
    rows = tuple(
        replace(calibration.results[0], nominal=f"{number}.5") for number in range(100, 220)
    )

    pages = read(typesetter.render(replace(calibration, results=rows))).pages

    heads = ["".join(page.extract_text().split()).count("标称值") for page in pages]
    text = "".join("".join(page.extract_text().split()) for page in pages)
    assert sum(heads) >= 3
    assert max(heads) == 1
    assert all(f"{number}.50.000730.00063" in text for number in range(100, 220))


# --- Hostile texts --------------------------------------------------------------------------------

HOSTILE = [
    '#panic("out")',
    "#import sys: inputs",
    '#read("/etc/passwd")',
    "$ sum_(i=1)^n $",
    "*bold* _emphasis_ `raw` ```raw```",
    "<label> @reference",
    "= heading",
    "+ list - list / term: x",
    "] [ } { ) (",
    '" \\" \\u{41} \\',
    "// comment /* comment */",
    "<<font_family>> <% raise %> <# #>",
    "{{ 7 * 7 }} {% raise %}",
    "-- --- ... ~ '",
    "<script>alert(1)</script>",
    "&lt; &amp; ]]>",
]


def everywhere(content, text):
    """Return the content with the text in every place that takes one."""
    return replace(
        content,
        item=replace(content.item, name_zh=text, type_designation=text),
        laboratory=replace(content.laboratory, name_en=text, address=text),
        traceability_statement_zh=text,
        standards=tuple(replace(standard, name_zh=text) for standard in content.standards),
        results=tuple(replace(row, measurand_zh=text, unit=text) for row in content.results),
        environment=tuple(replace(each, value=text) for each in content.environment),
        checked_items=tuple(replace(item, value=text) for item in content.checked_items),
        conformity=replace(content.conformity, decision_rule_zh=text),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_printed_as_it_was_written(verification, typesetter, text):
    page = text_of(typesetter.render(everywhere(verification, text)))

    assert page.count("".join(text.split())) >= 10


MARKUP = st.text("#$*_`<>@[]{}()\\/\"'=+-~.:;,|^&%!? \n0aπ压", min_size=1, max_size=30).filter(
    lambda text: text == text.strip()
)


@settings(max_examples=15, deadline=None)
@given(text=MARKUP)
def test_no_markup_breaks_out_of_its_field(verification, typesetter, text):
    page = text_of(typesetter.render(everywhere(verification, text)))

    assert page.count("".join(text.split())) >= 10


def test_the_typst_source_holds_no_certificates_data(verification):
    source = page_source().decode()

    assert verification.number not in source
    assert "Noto Sans CJK SC" in source
    assert "<<" not in source
