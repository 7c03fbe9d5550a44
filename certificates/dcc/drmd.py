"""Writes a reference-material certificate as a Digital Reference Material Document.

The schema (0.3.0, of QI-Digital) still stands in a namespace that says it is an example: callers
offer the document only where somebody asked for it.
"""

from lxml import etree

from certificates import wording
from certificates.content import CertificateContent, CertificateKind, ResultRow, ValueStatus
from certificates.dcc.elements import (
    Element,
    add,
    add_contact,
    add_persons,
    add_si,
    add_text,
    add_value,
)
from certificates.dcc.names import DCC, SI
from certificates.dcc.units import d_si_unit
from certificates.errors import FieldForbidden
from certificates.wording import Bilingual

DRMD = "https://example.org/drmd"
DRMD_VERSION = "0.3.0"


def write_drmd(content: CertificateContent) -> bytes:
    """Return the certificate of a reference material as XML in UTF-8.

    Raises FieldForbidden for another kind, UnknownUnit for a unit without a D-SI form.
    """
    material = content.material
    if content.kind is not CertificateKind.REFERENCE_MATERIAL_CERTIFICATE or material is None:
        raise FieldForbidden("material", content.kind, "no reference material document of it")
    root = etree.Element(
        f"{{{DRMD}}}digitalReferenceMaterialDocument",
        {"schemaVersion": DRMD_VERSION},
        nsmap={"drmd": DRMD, "dcc": DCC, "si": SI},
    )
    administrative = _add(root, "administrativeData")
    _core_data(_add(administrative, "coreData"), content, material.version)
    _producer(_add(administrative, "referenceMaterialProducer"), content)
    add_persons(_add(administrative, "respPersons"), content)
    _material(_add(_add(root, "materials"), "material"), content)
    properties = _add(root, "materialPropertiesList")
    for row in content.results:
        _property(_add(properties, "materialProperties"), row, content)
    _statements(_add(root, "statements"), content)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _core_data(parent: Element, content: CertificateContent, version: str) -> None:
    _add(parent, "titleOfTheDocument", "referenceMaterialCertificate")
    _add(parent, "uniqueIdentifier", content.number)
    _identifiers(parent, "document", ("certificate version", version))
    validity = _add(parent, "validity")
    if content.valid_until is not None:
        _add(validity, "specificTime", content.valid_until.isoformat())


def _producer(parent: Element, content: CertificateContent) -> None:
    laboratory = content.laboratory
    _say(parent, "name", Bilingual(laboratory.name_zh, laboratory.name_en))
    add_contact(_add(parent, "contact"), laboratory)


def _material(parent: Element, content: CertificateContent) -> None:
    material = content.material
    if material is None:
        return
    _say(parent, "name", Bilingual(content.item.name_zh, content.item.name_en))
    if material.description_zh:
        described = Bilingual(material.description_zh, material.description_en)
        _say(parent, "description", described)
    number, _, unit = material.minimum_sample_size.partition(" ")
    add_value(add(_add(parent, "minimumSampleSize"), "itemQuantity"), number, unit)
    _identifiers(parent, "material", ("batch", material.batch))


def _property(parent: Element, row: ResultRow, content: CertificateContent) -> None:
    parent.set("isCertified", "true" if row.value_status is ValueStatus.CERTIFIED else "false")
    name = Bilingual(row.measurand_zh, row.measurand_en)
    _say(parent, "name", name)
    if content.methods:
        procedures = _add(parent, "procedures")
        for method in content.methods:
            used = add(procedures, "usedMethod")
            add_text(used, "name", Bilingual(method.title_zh or method.code, method.title_en))
            add(used, "norm", f"{method.code}-{method.edition}" if method.edition else method.code)
    result = _add(_add(parent, "results"), "result")
    status = row.value_status or ValueStatus.INDICATIVE
    _say(result, "name", wording.value_status_wording(status))
    quantity = _add(_add(result, "data"), "quantity")
    add_text(quantity, "name", name)
    if row.expanded_uncertainty_unit not in {None, row.unit}:
        relative = f"U = {row.expanded_uncertainty} {row.expanded_uncertainty_unit}, "
        add_text(quantity, "description", Bilingual(f"{relative}k = {row.coverage_factor}", ""))
    _value(add_si(quantity, "real"), row)


def _value(real: Element, row: ResultRow) -> None:
    add_si(real, "value", row.estimate)
    add_si(real, "unit", d_si_unit(row.unit))
    if row.expanded_uncertainty is None or row.expanded_uncertainty_unit not in {None, row.unit}:
        return
    expanded = add_si(add_si(real, "measurementUncertaintyUnivariate"), "expandedMU")
    add_si(expanded, "valueExpandedMU", row.expanded_uncertainty)
    add_si(expanded, "coverageFactor", row.coverage_factor)
    add_si(expanded, "coverageProbability", row.coverage_probability)


def _statements(parent: Element, content: CertificateContent) -> None:
    material = content.material
    if material is None:
        return
    _say(parent, "intendedUse", Bilingual(material.intended_use_zh, material.intended_use_en))
    if material.commutability_zh:
        commutability = Bilingual(material.commutability_zh, material.commutability_en)
        _say(parent, "commutability", commutability)
    _say(parent, "storageInformation", Bilingual(material.storage_zh, material.storage_en))
    handling = Bilingual(material.handling_zh, material.handling_en)
    _say(parent, "instructionsForHandlingAndUse", handling)
    traceability = Bilingual(content.traceability_statement_zh, content.traceability_statement_en)
    _say(parent, "metrologicalTraceability", traceability)
    special = (said for _, said in wording.special_statements(content))
    for said in (*wording.general_statements(content.kind), *special):
        _say(parent, "statement", said)
    if content.demonstration:
        _say(parent, "statement", wording.DEMONSTRATION_MARK)


def _identifiers(parent: Element, of: str, *given: tuple[str, str]) -> None:
    identifiers = _add(parent, f"{of}Identifiers")
    for scheme, value in given:
        identifier = _add(identifiers, f"{of}Identifier")
        _add(identifier, "scheme", scheme)
        _add(identifier, "value", value)


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    return add(parent, name, text, namespace=DRMD)


def _say(parent: Element, name: str, said: Bilingual) -> None:
    add_text(parent, name, said, namespace=DRMD)
