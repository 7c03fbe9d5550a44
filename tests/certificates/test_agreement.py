"""One certificate, three forms: the numbers of the paper, the page and the XML are the same."""

import io
from html.parser import HTMLParser

from lxml import etree
from pypdf import PdfReader

from certificates.dcc import write_dcc
from certificates.html import render_html

SI = "{https://ptb.de/si}"


class Cells(HTMLParser):
    """The table rows of a page, each cell's text without spaces."""

    def __init__(self, html):
        super().__init__()
        self.rows, self._inside = [], False
        self.feed(html)

    def handle_starttag(self, tag, _attrs):
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self._inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag == "td":
            self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.rows[-1][-1] += "".join(data.split())


def numbers_in(xml, *names):
    """Return the numbers in all D-SI elements of these names."""
    elements = xml.iter(*(f"{SI}{name}" for name in names))
    return [number for element in elements for number in element.text.split()]


def test_every_result_reads_the_same_in_pdf_html_and_xml(certificate, typesetter):
    pdf = typesetter.render(certificate)
    paper = "".join("".join(p.extract_text().split()) for p in PdfReader(io.BytesIO(pdf)).pages)
    rows = ["".join(row) for row in Cells(render_html(certificate, stylesheet_href="x")).rows]
    xml = etree.fromstring(write_dcc(certificate))
    listed = numbers_in(xml, "valueXMLList")
    uncertainties = numbers_in(xml, "valueExpandedMUXMLList")

    for row in certificate.results:
        line = "".join(
            "".join(text.split())
            for text in (row.nominal, row.estimate, row.expanded_uncertainty, row.limit)
            if text is not None
        )
        assert line in paper
        assert any(line in cells for cells in rows)
        assert row.estimate in listed
        assert row.nominal is None or row.nominal in listed
        assert row.expanded_uncertainty is None or row.expanded_uncertainty in uncertainties
    assert certificate.results


def test_no_form_holds_a_number_that_the_content_does_not(verification):
    said = str(verification.as_mapping())

    xml = etree.fromstring(write_dcc(verification))

    numbers = numbers_in(xml, "valueXMLList", "value", "valueExpandedMUXMLList")
    assert len(numbers) > 20
    assert all(number.removeprefix("-") in said for number in numbers)
