"""Every page, in both languages: what is read on it, and what must not be in it.

The pages are those of the small world in conftest.py, on 21 November 2026.
"""

import re
from enum import StrEnum
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from service.web.words import FLAW_TITLES, FLAWS, WORDS
from traceability.graph import Flaw

PAGES = """
    home home-bare none item-without-certificate one many certificate certificate-withdrawn
    certificate-amended certificate-unknown certificate-compared certificate-code-wrong
    authenticate authenticate-refused authenticate-issued authenticate-altered
    authenticate-unknown chain chain-broken chain-later item due due-filtered clean findings
    act-as missing unreadable broken
""".split()  # noqa: SIM905 one name a word
TEMPLATES = files("service.web") / "templates"
WITHOUT_END_TAG = {"meta", "link", "input", "br", "img", "hr"}


class Outline(HTMLParser):
    """Collects from a page what the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in WITHOUT_END_TAG:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if tag == "label":
            self.labelled.add(values["for"] or "")
        if tag in ("input", "select") and values.get("type") != "hidden":
            self.controls.append(values)
        if tag == "a":
            self.links.append(values.get("href") or "")
        if values.get("id"):
            self.ids.append(values["id"] or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Leave self-closing tags of drawings aside."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(params=["en", "zh"])
def language(request):
    return request.param


@pytest.fixture(params=PAGES)
def page(request, get, language):
    return get(request.param, language)


def test_a_page_has_one_first_heading_labelled_controls_and_unique_ids(page):
    outline = Outline(page)

    assert outline.headings.count("h1") == 1
    assert [c for c in outline.controls if c["id"] not in outline.labelled] == []
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.open == []


def test_a_page_needs_nothing_from_elsewhere_and_nothing_inline(page):
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", page)
    assert not re.search(r"<script(?![^>]*\ssrc=\"/)", page)
    assert not re.search(r"(?:href|src|action)=\"(?:https?:)?//", page)


def test_a_page_is_small(page):
    assert len(page.encode()) < 40_000


def test_a_link_within_a_page_leads_somewhere(page):
    outline = Outline(page)

    within = {link[1:] for link in outline.links if link.startswith("#")}

    assert within <= set(outline.ids)


def test_no_template_carries_a_style_a_handler_or_an_address_elsewhere():
    for template in TEMPLATES.iterdir():
        text = template.read_text(encoding="utf-8").replace(
            'xmlns="http://www.w3.org/2000/svg"', ""
        )
        assert not re.search(r"\bstyle=\"|\bon[a-z]+=\"|https?:", text), template.name


def test_nothing_found_is_a_page_that_says_what_to_do_and_escapes_the_question(get):
    html = get("none", "en")

    assert "Nothing here carries this number." in html
    assert "Use the serial number that the manufacturer gave" in html
    assert "&lt;b&gt;X&amp;1" in html
    assert "<b>X" not in html


def test_two_makers_with_one_serial_number_are_told_apart(get):
    html = get("many", "en")

    assert "More than one manufacturer has given this number." in html
    assert "Hongqi Gauge Works (example)" in html
    assert "Bulaike Instruments (example)" in html


def test_one_maker_is_not_warned_of(get):
    assert "More than one manufacturer" not in get("one", "en")


@pytest.mark.parametrize("status", ["Valid, due soon", "Valid<", "Expired", "Withdrawn", "Amended"])
def test_a_certificate_that_was_found_shows_its_status(get, status):
    assert status in get("many", "en")


def test_a_certificate_says_first_whether_it_holds(get):
    html = get("certificate", "en")

    assert "until 11 Dec 2026" in html
    assert "in 20 days" in html
    assert 'href="/c/TPP-2026-00012/certificate.pdf"' in html
    assert '<article class="certificate">' in html


def test_a_withdrawn_certificate_says_why_and_an_amended_one_by_what(get):
    assert "抄录错误" in get("certificate-withdrawn", "zh")
    assert 'href="/c/TPP-2024-00045"' in get("certificate-amended", "en")


def test_an_unbroken_chain_says_so_in_both_readings(get):
    html = get("chain", "en")

    assert ">Unbroken<" in html.replace("</svg>", ">")
    assert "On 21 Nov 2026 every certificate of the chain is in force." in html


def test_a_chain_shows_its_uncertainty_at_each_step_with_its_coverage_factor(get):
    steps = get("chain", "en").split('<ol class="steps">')[1]

    stated = re.findall(r"<i>U</i> = (\S+) \(k", steps.replace("\u202f", "").replace("\u2009", ""))

    assert stated == ["0.0070MPa", "0.0004MPa", "0.00012MPa", "0.00021MPa", "0.00024MPa"]


def test_a_reference_reached_twice_is_told_once(get):
    steps = get("chain", "en").split('<ol class="steps">')[1]

    assert steps.count("National primary piston gauge") == 1
    assert steps.count("shown above") == 1


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "but its certificate NIM-2025-00017 was valid only until 1 Feb 2026."),
        ("en", "piston gauge was used on 17 Mar 2026 for Digital pressure module, class 0.05,"),
        ("zh", "2026年3月17日对数字压力模块 0.05级使用了工作基准活塞式压力计，"),
        ("zh", "而其证书 NIM-2025-00017 的有效期仅至2026年2月1日。"),
    ],
)
def test_a_broken_chain_is_told_in_words_with_its_dates(get, language, sentence):
    assert sentence in get("chain-broken", language)


def test_a_ratio_beyond_its_rule_is_told_with_both_numbers(get):
    assert "is 0.4; the procedure allows 0.25 at most" in get("findings", "en")


def test_on_a_later_day_the_chain_names_each_link_that_no_longer_holds(get):
    html = get("chain-later", "en")

    assert "4 links not valid" in html
    assert "is not valid on 1 Sept 2027" in html


def test_what_expired_after_its_use_breaks_no_chain(get):
    html = get("chain-later", "en")

    assert "broken here" not in html
    assert "was valid until 26 Jun 2027" in html


def test_findings_are_grouped_and_lead_to_the_chain_and_the_item(get):
    html = get("findings", "en")

    assert "Reference not valid when used" in html
    assert "item 2: due on 1 Feb 2026, overdue on 21 Nov 2026." in html
    assert "/calibrations/00000000-0000-0000-0000-000000000003/chain" in html
    assert "/i/00000000-0000-0000-0000-000000000066" in html


def test_a_clean_audit_says_so(get):
    assert "No findings" in get("clean", "en")


def test_an_item_tells_of_an_unverified_procedure_and_of_days_left(get):
    html = get("item", "en")

    assert "unverified" in html
    assert "in 20 days" in html
    assert html.count('class="found"') == 2 * 8


def test_the_due_list_keeps_what_was_asked_in_its_links(get):
    html = get("due-filtered", "en")

    assert "/due.csv?q=gauge&amp;status=overdue&amp;sort=name&amp;descending=1" in html
    assert 'aria-sort="descending"' in html
    assert "46 days overdue" in html


def test_every_flaw_has_a_name_and_a_sentence():
    assert set(FLAW_TITLES) == set(FLAWS) == set(Flaw)


def test_every_value_of_an_enum_has_its_word():
    for words in WORDS.values():
        for key in words:
            if isinstance(key, StrEnum):
                assert set(words) == set(type(key))
