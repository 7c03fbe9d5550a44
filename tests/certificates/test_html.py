"""The page: the same content for screen and printer, safe under a strict security policy."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates.html import render_fragment, render_html, stylesheet

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Collects elements, attributes and text, and that every element is closed in its turn."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "".join("".join(self.texts).split())


def page_of(content) -> Page:
    return Page(render_html(content, stylesheet_href="/static/certificate.css"))


def test_the_page_is_whole_and_in_both_languages(certificate):
    page = page_of(certificate)

    assert page.open == []
    assert page.elements.count("h1") == 1
    assert page.elements[:2] == ["html", "head"]
    for said in (
        certificate.number,
        certificate.item.name_zh,
        certificate.item.name_en,
        certificate.traceability_statement_zh,
        certificate.traceability_statement_en,
        *(signatory.name_en for signatory in certificate.signatories),
        "以下空白",
        "DEMONSTRATION",
    ):
        assert "".join(said.split()) in page.text


def test_the_page_carries_neither_script_nor_style_of_its_own(certificate):
    page = page_of(certificate)

    assert not {"script", "style", "iframe", "object"} & set(page.elements)
    names = {name for name, _ in page.attributes}
    assert "style" not in names
    assert not any(name.startswith("on") for name in names)
    assert ("href", "/static/certificate.css") in page.attributes
    links = [value for name, value in page.attributes if name in {"src", "href"}]
    assert links == ["/static/certificate.css"]


def test_the_fragment_is_one_article_to_stand_in_another_page(verification):
    fragment = render_fragment(verification)

    page = Page(str(fragment))

    assert page.elements[0] == "article"
    assert page.elements.count("article") == 1
    assert "html" not in page.elements
    assert str(fragment) in render_html(verification, stylesheet_href="/x.css")


def test_the_stylesheet_is_good_for_a4_paper_and_asks_nothing_from_elsewhere():
    text = stylesheet()

    assert "@media print" in text
    assert "A4" in text
    assert "url(" not in text
    assert "@import" not in text


def test_every_heading_of_a_table_says_its_column(verification):
    page = page_of(verification)

    assert page.elements.count("th") == page.attributes.count(("scope", "col"))
    assert page.elements.count("th") > 10


def test_without_an_address_there_is_no_code(verification):
    page = page_of(replace(verification, verification_url=None))

    assert "svg" in page_of(verification).elements
    assert "svg" not in page.elements


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "{{ 7 * 7 }}",
        "</article></body>",
        "&lt;b&gt; &amp;",
        "javascript:alert(1)",
    ],
)
def test_a_hostile_text_is_shown_as_it_was_written(verification, text):
    content = replace(
        verification,
        number=text,
        item=replace(verification.item, name_zh=text, serial_number=text),
        traceability_statement_en=text,
        verification_url=f"https://suyuan.example/{text}",
        results=tuple(replace(row, measurand_zh=text, unit=text) for row in verification.results),
    )

    page = page_of(content)

    assert page.open == []
    assert page.elements.count("h1") == 1
    assert not {"script", "img"} & set(page.elements)
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert page.text.count("".join(text.split())) >= 5


@given(st.text(min_size=1).filter(lambda text: text == text.strip() and text.isprintable()))
def test_whatever_a_field_says_the_page_says(verification, text):
    content = replace(verification, item=replace(verification.item, name_en=text))

    assert "".join(text.split()) in page_of(content).text
