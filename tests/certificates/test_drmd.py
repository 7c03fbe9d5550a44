"""A reference material's certificate as a Digital Reference Material Document."""

from dataclasses import replace

import pytest
from lxml import etree

from certificates.content import ValueStatus
from certificates.dcc import write_drmd
from certificates.errors import FieldForbidden, UnknownUnit

NAMES = {"drmd": "https://example.org/drmd", "dcc": "https://ptb.de/dcc", "si": "https://ptb.de/si"}


def found(xml, path):
    """Return the texts of the elements at a path."""
    return [element.text for element in etree.fromstring(xml).iterfind(f".{path}", NAMES)]


def test_certified_and_indicative_values_are_told_apart_with_their_digits(material):
    root = etree.fromstring(write_drmd(material))

    properties = root.findall(".//drmd:materialProperties", NAMES)

    assert [each.get("isCertified") for each in properties] == ["true", "false"]
    certified, indicative = (next(each.iterfind(".//si:real", NAMES)) for each in properties)
    assert certified.findtext("si:value", namespaces=NAMES) == "26.71"
    assert certified.findtext("si:unit", namespaces=NAMES) == r"\mega\joule\per\kilogram"
    assert certified.findtext(".//si:valueExpandedMU", namespaces=NAMES) == "0.12"
    assert certified.findtext(".//si:coverageFactor", namespaces=NAMES) == "2"
    assert certified.findtext(".//si:coverageProbability", namespaces=NAMES) == "0.95"
    assert indicative.findtext("si:value", namespaces=NAMES) == "9.8"
    assert indicative.find(".//si:expandedMU", NAMES) is None


def test_what_a_user_must_know_stands_in_its_place(material):
    xml = write_drmd(material)

    assert found(xml, "//drmd:titleOfTheDocument") == ["referenceMaterialCertificate"]
    assert found(xml, "//drmd:uniqueIdentifier") == [material.number]
    assert found(xml, "//drmd:validity/drmd:specificTime") == ["2030-12-31"]
    assert found(xml, "//drmd:minimumSampleSize//si:value") == ["1.0"]
    assert found(xml, "//drmd:minimumSampleSize//si:unit") == [r"\gram"]
    assert found(xml, "//drmd:materialIdentifier/drmd:value") == ["2026-03"]
    assert found(xml, "//drmd:intendedUse/dcc:content") == [
        "校准量热仪",
        "Calibration of calorimeters",
    ]
    assert found(xml, "//drmd:storageInformation/dcc:content")[1] == "dark, dry, sealed"
    assert "演示" in found(xml, "//drmd:statement/dcc:content")


def test_a_sample_size_that_is_no_number_stays_a_text(material):
    words = replace(material, material=replace(material.material, minimum_sample_size="one bottle"))

    assert found(write_drmd(words), "//drmd:minimumSampleSize//dcc:content") == ["one bottle"]


def test_a_relative_uncertainty_is_said_and_not_taken_for_an_absolute_one(material):
    relative = replace(
        material.results[0], expanded_uncertainty="0.5", expanded_uncertainty_unit="%"
    )

    xml = write_drmd(replace(material, results=(relative,)))

    assert found(xml, "//si:valueExpandedMU") == []
    assert found(xml, "//drmd:quantity/dcc:description/dcc:content") == ["U = 0.5 %, k = 2"]


def test_only_a_reference_material_has_such_a_document(verification):
    with pytest.raises(FieldForbidden, match="no reference material document"):
        write_drmd(verification)


def test_a_value_in_an_unknown_unit_makes_no_document(material):
    row = replace(material.results[1], unit="级", value_status=ValueStatus.INDICATIVE)

    with pytest.raises(UnknownUnit, match="级"):
        write_drmd(replace(material, results=(row,)))
