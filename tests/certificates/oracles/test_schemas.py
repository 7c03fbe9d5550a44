"""PTB's schema and Schematron on every kind, with every hostile text, unsealed and sealed."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from certificates.dcc import write_dcc
from certificates.xades import seal_xml
from tests.certificates.variations import variations

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def schematron(need):
    need(packages=("dcclib", "saxonche"))
    from dcclib.validation.schematron import SchematronValidator  # noqa: PLC0415

    return SchematronValidator.for_dcc()


def test_ptbs_schematron_finds_nothing_wrong(schematron, every_kind):
    """On the unsealed document: it calls elements of any signature empty."""
    for content in variations(every_kind):
        judged = schematron.validate_str(write_dcc(content).decode())
        assert judged.is_valid, [vars(each) for each in judged.failed_assertions]


def test_the_schematron_would_find_something(schematron, verification):
    broken = write_dcc(verification).decode().replace("<dcc:release>v", "<dcc:release>")

    assert not schematron.validate_str(broken).is_valid


def test_sealed_and_unsealed_are_valid_by_the_schema(dcc_schemas, every_kind, signer):
    schema = etree.XMLSchema(etree.parse(dcc_schemas / "dcc/v3.3.0/dcc.xsd"))
    seen = 0
    for content in variations(every_kind):
        document = write_dcc(content)
        schema.assertValid(etree.fromstring(document))
        schema.assertValid(etree.fromstring(seal_xml(document, signer, now=NOW)))
        seen += 1
    assert seen == len(every_kind) * 13
