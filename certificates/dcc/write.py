"""Writes a certificate as DCC XML, schema 3.3.0 with D-SI 2.2.1.

refTypes that begin with basic_ are PTB's vocabulary; ours begin with suyuan_.
Source: https://ptb.de/dcc/v3.3.0/ (schema), D-SI 2.2.1.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TypeVar

from lxml import etree

from certificates import wording
from certificates.content import (
    BudgetLine,
    CertificateContent,
    CheckedItem,
    Condition,
    Method,
    ResultRow,
    StandardUsed,
)
from certificates.dcc.elements import (
    Element,
    add,
    add_contact,
    add_persons,
    add_si,
    add_text,
    add_value,
)
from certificates.dcc.names import (
    CONFORMITIES,
    DCC,
    FILE_HASH,
    NO_HASH,
    NOT_STATED,
    PERFORMANCE_LOCATIONS,
    SI,
    STATUSES,
    XSI,
)
from certificates.dcc.units import d_si_unit
from certificates.wording import Bilingual

SCHEMA_VERSION = "3.3.0"
_WRITER_RELEASE = "v1.0"  # of this form of ours, not of the product: old bytes must come again
_NO_CUSTOMER = Bilingual("无特定客户", "no particular customer")

Part = TypeVar("Part")


def write_dcc(content: CertificateContent) -> bytes:
    """Return the certificate as XML in UTF-8: the same bytes for the same content.

    Raises UnknownUnit if a result's unit has no D-SI form.
    """
    root = etree.Element(
        f"{{{DCC}}}digitalCalibrationCertificate",
        {
            f"{{{XSI}}}schemaLocation": f"{DCC} {DCC}/v{SCHEMA_VERSION}/dcc.xsd",
            "schemaVersion": SCHEMA_VERSION,
        },
        nsmap={"dcc": DCC, "si": SI, "xsi": XSI},
    )
    _administrative_data(add(root, "administrativeData"), content)
    measurement = add(add(root, "measurementResults"), "measurementResult")
    _measurement_result(measurement, content)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


# --- Administrative data --------------------------------------------------------------------------


def _administrative_data(parent: Element, content: CertificateContent) -> None:
    software = add(add(parent, "dccSoftware"), "software")
    add_text(software, "name", Bilingual("溯源", "Suyuan"))
    add(software, "release", _WRITER_RELEASE)
    _core_data(add(parent, "coreData"), content)
    _item(add(add(parent, "items"), "item"), content)
    _laboratory(add(parent, "calibrationLaboratory"), content)
    add_persons(add(parent, "respPersons"), content)
    _customer(add(parent, "customer"), content)
    _statements(add(parent, "statements"), content)


def _core_data(parent: Element, content: CertificateContent) -> None:
    add(parent, "countryCodeISO3166_1", content.laboratory.country_code)
    add(parent, "usedLangCodeISO639_1", "zh")
    add(parent, "usedLangCodeISO639_1", "en")
    add(parent, "mandatoryLangCodeISO639_1", "zh")
    add(parent, "uniqueIdentifier", content.number)
    _identifications(
        parent,
        (
            "calibrationLaboratory",
            content.original_record_number,
            Bilingual("原始记录号", "Original record No."),
            "suyuan_originalRecordNumber",
        ),
    )
    if content.received_on is not None:
        add(parent, "receiptDate", content.received_on.isoformat())
    add(parent, "beginPerformanceDate", content.performed_on.isoformat())
    add(parent, "endPerformanceDate", content.performed_on.isoformat())
    add(parent, "performanceLocation", PERFORMANCE_LOCATIONS[content.place])
    add(parent, "issueDate", content.issued_on.isoformat())
    if content.amends is not None:
        change = add(parent, "reportAmendedSubstituted")
        add(change, "typeOfChange", "substituted")
        add(change, "replacedUniqueIdentifier", content.amends.number)
        previous = add(parent, "previousReport")
        add_text(previous, "referral", Bilingual("被取代的证书", "Replaced certificate"))
        _hash(previous, content.amends.number, content.amends.certificate_sha256)
        add_text(previous, "description", wording.amendment_statement(content.amends))


def _item(parent: Element, content: CertificateContent) -> None:
    item = content.item
    add_text(parent, "name", Bilingual(item.name_zh, item.name_en))
    if item.condition_zh or item.condition_en:
        add_text(parent, "description", Bilingual(item.condition_zh, item.condition_en))
    if item.manufacturer_zh or item.manufacturer_en:
        manufacturer = add(parent, "manufacturer")
        add_text(manufacturer, "name", Bilingual(item.manufacturer_zh, item.manufacturer_en))
    if item.type_designation:
        add(parent, "model", item.type_designation)
    batch = content.material.batch if content.material else ""
    _identifications(
        parent,
        (
            "manufacturer",
            item.serial_number,
            Bilingual("出厂编号", "Serial No."),
            "basic_serialNumber",
        ),
        ("customer", item.asset_number, Bilingual("资产编号", "Asset No."), "suyuan_assetNumber"),
        ("manufacturer", batch, Bilingual("批号", "Batch No."), "suyuan_batchNumber"),
    )
    quantities = [
        (Bilingual("测量范围", "Measuring range"), item.range_text, "basic_measurementRange"),
        (Bilingual("准确度", "Accuracy"), item.accuracy_text, "suyuan_accuracy"),
    ]
    _texts_as_quantities(parent, "itemQuantities", "itemQuantity", quantities)


def _laboratory(parent: Element, content: CertificateContent) -> None:
    codes = (*content.laboratory.authorisations, *content.accreditations)
    if codes:
        add(parent, "calibrationLaboratoryCode", "; ".join(codes))
    add_contact(add(parent, "contact"), content.laboratory)


def _customer(parent: Element, content: CertificateContent) -> None:
    if content.customer is not None:
        add_contact(parent, content.customer)
        return
    add_text(parent, "name", _NO_CUSTOMER)
    add(add(parent, "location"), "countryCode", content.laboratory.country_code)


def _statements(parent: Element, content: CertificateContent) -> None:
    title = wording.kind_wording(content.kind).title
    if content.demonstration:
        _statement(parent, "suyuan_demonstration", wording.DEMONSTRATION_MARK)
    _statement(parent, f"suyuan_document suyuan_{content.kind}", title)
    place = Bilingual(content.place_zh, content.place_en)
    _statement(parent, "suyuan_placeOfPerformance", place)
    for said in wording.general_statements(content.kind):
        _statement(parent, "suyuan_general", said)
    stated = [row for row in content.results if row.expanded_uncertainty is not None]
    if stated:
        probabilities = (row.coverage_probability for row in stated)
        _statement(parent, "suyuan_uncertainty", wording.uncertainty_statement(probabilities))
    _statement(
        parent,
        "suyuan_traceability",
        Bilingual(content.traceability_statement_zh, content.traceability_statement_en),
    )
    for name, said in wording.special_statements(content):
        _statement(parent, f"suyuan_{name}", said)
    for number in content.standard_assessments:
        _statement(parent, "suyuan_standardAssessment", Bilingual(number, ""))
    _conformity_statement(parent, content)
    _validity_statement(parent, content)
    _material_statements(parent, content)
    if content.verification_url is not None:
        statement = add(parent, "statement", refType="suyuan_authentication")
        add_text(statement, "name", Bilingual("查验", "Authentication"))
        add(statement, "link", content.verification_url)


def _statement(parent: Element, ref_type: str, said: Bilingual) -> None:
    add_text(add(parent, "statement", refType=ref_type), "declaration", said)


def _conformity_statement(parent: Element, content: CertificateContent) -> None:
    conformity = content.conformity
    if conformity is None:
        return
    statement = add(parent, "statement", refType="basic_conformity")
    add_text(statement, "name", Bilingual("符合性声明与判定规则", "Conformity and decision rule"))
    add(statement, "norm", conformity.specification)
    rule = Bilingual(conformity.decision_rule_zh, conformity.decision_rule_en)
    add_text(statement, "declaration", rule)
    add(statement, "conformity", CONFORMITIES[conformity.verdict])


def _validity_statement(parent: Element, content: CertificateContent) -> None:
    if content.valid_until is None:
        return
    statement = add(parent, "statement", refType="basic_recalibration")
    add_text(statement, "declaration", wording.kind_wording(content.kind).valid_until)
    add(statement, "date", content.valid_until.isoformat())


def _material_statements(parent: Element, content: CertificateContent) -> None:
    material = content.material
    if material is None:
        return
    for ref_type, zh, en in (
        ("version", material.version, ""),
        ("description", material.description_zh, material.description_en),
        ("intendedUse", material.intended_use_zh, material.intended_use_en),
        ("minimumSampleSize", material.minimum_sample_size, ""),
        ("storage", material.storage_zh, material.storage_en),
        ("handling", material.handling_zh, material.handling_en),
        ("commutability", material.commutability_zh, material.commutability_en),
    ):
        if zh:
            _statement(parent, f"suyuan_{ref_type}", Bilingual(zh, en))


# --- Measurement results --------------------------------------------------------------------------


def _measurement_result(parent: Element, content: CertificateContent) -> None:
    words = wording.kind_wording(content.kind)
    add_text(parent, "name", words.results)
    _each(parent, "usedMethods", "usedMethod", content.methods, _method)
    if not content.methods:
        method = add(add(parent, "usedMethods"), "usedMethod", refType=NOT_STATED)
        add_text(method, "name", wording.NOT_STATED)
    _each(parent, "measuringEquipments", "measuringEquipment", content.standards, _standard)
    _each(parent, "influenceConditions", "influenceCondition", content.environment, _condition)
    if not content.environment:
        conditions = add(parent, "influenceConditions")
        condition = add(conditions, "influenceCondition", refType=NOT_STATED)
        add_text(condition, "name", Bilingual("环境条件", "Environmental conditions"))
        add_text(add(condition, "data"), "text", wording.NOT_STATED)
    results = add(parent, "results")
    for _, rows in groupby(content.results, key=_list_of):
        _result(add(results, "result", refType="suyuan_result"), list(rows))
    if content.checked_items:
        result = add(results, "result", refType="suyuan_checkedItems")
        add_text(result, "name", Bilingual("检定项目", "Items verified"))
        data = add(result, "data")
        for item in content.checked_items:
            _checked_item(add(data, "quantity"), item)
    if content.budget:
        _budget(add(results, "result", refType="suyuan_uncertaintyBudget"), content)


def _method(parent: Element, method: Method) -> None:
    add_text(parent, "name", Bilingual(method.title_zh or method.code, method.title_en))
    departs = wording.departure_wording(method.edition)
    unsure = wording.unverified_wording(method.unverified)
    if departs.en or unsure.en:
        remark = Bilingual(f"{departs.zh}{unsure.zh}", f"{departs.en} {unsure.en}".strip())
        add_text(parent, "description", remark)
    add(parent, "norm", f"{method.code}-{method.edition}" if method.edition else method.code)


def _standard(parent: Element, standard: StandardUsed) -> None:
    parent.set("refType", "basic_standardUsed")
    add_text(parent, "name", Bilingual(standard.name_zh, standard.name_en))
    certificate = add(parent, "certificate")
    add_text(certificate, "referral", Bilingual(standard.laboratory_zh, standard.laboratory_en))
    _hash(certificate, standard.certificate_number, standard.certificate_sha256)
    if standard.valid_until is not None:
        validity = add(certificate, "description")
        add_text(validity, "name", Bilingual("有效期至", "Valid until"))
        add(validity, "content", standard.valid_until.isoformat())
        add(certificate, "inValidityRange", "true")
    _identifications(
        parent,
        (
            "manufacturer",
            standard.serial_number,
            Bilingual("出厂编号", "Serial No."),
            "basic_serialNumber",
        ),
    )
    quantities = [
        (Bilingual("测量范围", "Measuring range"), standard.range_text, "basic_measurementRange"),
        (Bilingual("准确度", "Accuracy"), standard.accuracy_text, "suyuan_accuracy"),
    ]
    _texts_as_quantities(
        parent, "measuringEquipmentQuantities", "measuringEquipmentQuantity", quantities
    )


def _condition(parent: Element, condition: Condition) -> None:
    add_text(parent, "name", Bilingual(condition.name_zh, condition.name_en))
    add_value(add(add(parent, "data"), "quantity"), condition.value, condition.unit)


def _list_of(row: ResultRow) -> tuple[object, ...]:
    """Return what the rows of one list have in common: all but the numbers."""
    return (
        row.measurand_zh,
        row.measurand_en,
        row.unit,
        row.nominal_unit,
        row.expanded_uncertainty_unit,
        row.stage,
        row.value_status,
        row.nominal is None,
        row.expanded_uncertainty is None,
        row.coverage_probability is None,
        _limits(row.limit)[0] is None,
        _limits(row.limit)[1] is None,
        row.verdict is None,
        row.capability is None,
    )


def _result(parent: Element, rows: Sequence[ResultRow]) -> None:
    first = rows[0]
    name = Bilingual(first.measurand_zh, first.measurand_en)
    add_text(parent, "name", name)
    table = add(add(parent, "data"), "list", refType="basic_tableIndex0")
    if first.nominal is not None:
        nominal = add(table, "quantity", refType="basic_nominalValue")
        add_text(nominal, "name", Bilingual("标称值", "Nominal value"))
        unit = first.nominal_unit if first.nominal_unit is not None else first.unit
        _numbers(nominal, (str(row.nominal) for row in rows), unit)
    status = f" suyuan_{first.value_status}" if first.value_status else ""
    measured = add(table, "quantity", refType=f"basic_measuredValue{status}")
    add_text(measured, "name", name)
    numbers = _numbers(measured, (row.estimate for row in rows), first.unit)
    stated_beside = _is_stated_beside(first)
    if first.expanded_uncertainty is not None and stated_beside:
        _expanded_uncertainty(numbers, rows)
    stated_apart = first.expanded_uncertainty is not None and not stated_beside
    if stated_apart or _is_judged(first) or first.capability is not None:
        meta_data = add(measured, "measurementMetaData")
        if stated_apart:
            _uncertainty_apart(add(meta_data, "metaData"), rows)
        if _is_judged(first):
            _judgement(add(meta_data, "metaData", refType="basic_conformity"), rows)
        if first.capability is not None:
            add(add(meta_data, "metaData", refType="basic_isInCMC"), "valid", "true")
    if first.stage is not None:
        _stage(table, first)


def _is_stated_beside(row: ResultRow) -> bool:
    """Say whether D-SI takes U beside the value: in the same unit, and with k and p."""
    return row.coverage_probability is not None and row.expanded_uncertainty_unit in {
        None,
        row.unit,
    }


def _is_judged(row: ResultRow) -> bool:
    return row.limit is not None or row.verdict is not None


def _expanded_uncertainty(numbers: Element, rows: Sequence[ResultRow]) -> None:
    statement = add_si(numbers, "measurementUncertaintyUnivariateXMLList")
    expanded = add_si(statement, "expandedMUXMLList")
    add_si(expanded, "valueExpandedMUXMLList", _joined(row.expanded_uncertainty for row in rows))
    add_si(expanded, "coverageFactorXMLList", _joined(row.coverage_factor for row in rows))
    add_si(
        expanded, "coverageProbabilityXMLList", _joined(row.coverage_probability for row in rows)
    )


def _uncertainty_apart(parent: Element, rows: Sequence[ResultRow]) -> None:
    """Write an expanded uncertainty that D-SI does not take beside the value."""
    first = rows[0]
    parent.set("refType", "suyuan_expandedUncertainty")
    unit = first.expanded_uncertainty_unit
    table = add(add(parent, "data"), "list")
    column = add(table, "quantity", refType="basic_uncertainty")
    add_text(column, "name", Bilingual("扩展不确定度 U", "Expanded uncertainty U"))
    u_unit = first.unit if unit is None else unit
    _numbers(column, (str(row.expanded_uncertainty) for row in rows), u_unit)
    column = add(table, "quantity", refType="suyuan_coverageFactor")
    add_text(column, "name", Bilingual("包含因子 k", "Coverage factor k"))
    _numbers(column, (str(row.coverage_factor) for row in rows), "")
    if first.coverage_probability is not None:
        column = add(table, "quantity", refType="suyuan_coverageProbability")
        add_text(column, "name", Bilingual("包含概率 p", "Coverage probability p"))
        _numbers(column, (str(row.coverage_probability) for row in rows), "")


def _judgement(parent: Element, rows: Sequence[ResultRow]) -> None:
    add_text(parent, "name", Bilingual("符合性", "Conformity"))
    verdicts = [row.verdict for row in rows if row.verdict is not None]
    if verdicts:
        add(parent, "conformityXMLList", " ".join(CONFORMITIES[verdict] for verdict in verdicts))
    limits = [_limits(row.limit) for row in rows]
    lower = [limit for limit, _ in limits if limit is not None]
    upper = [limit for _, limit in limits if limit is not None]
    if not (lower or upper):
        return
    table = add(add(parent, "data"), "list")
    for ref_type, zh, en, column in (
        ("basic_toleranceLimitLower", "允许值下限", "Lower tolerance limit", lower),
        ("basic_toleranceLimitUpper", "允许值上限", "Upper tolerance limit", upper),
    ):
        if column:
            quantity = add(table, "quantity", refType=ref_type)
            add_text(quantity, "name", Bilingual(zh, en))
            _numbers(quantity, column, rows[0].unit)


def _limits(limit: str | None) -> tuple[str | None, str | None]:
    """Return the lower and the upper limit that a limit's text stands for."""
    if limit is None:
        return None, None
    sign, digits = limit[0], limit[1:].strip()
    if sign == "±":
        return f"-{digits}", digits
    if sign == "≤":
        return None, digits
    if sign == "≥":
        return digits, None
    lower, upper = limit.split("~")
    return lower.strip(), upper.strip()


def _stage(table: Element, row: ResultRow) -> None:
    if row.stage is None:
        return
    said = wording.stage_wording(row.stage)
    conditions = add(table, "influenceConditions")
    condition = add(conditions, "influenceCondition", refType="basic_adjustment")
    add_text(condition, "name", said)
    add(condition, "status", STATUSES[row.stage])
    add_text(add(condition, "data"), "text", said)


def _checked_item(parent: Element, item: CheckedItem) -> None:
    add_text(parent, "name", Bilingual(item.name_zh, item.name_en))
    add_value(parent, item.value, item.unit)
    meta_data = add(add(parent, "measurementMetaData"), "metaData", refType="basic_conformity")
    if item.limit:
        add_text(meta_data, "declaration", Bilingual(item.limit, ""))
    add(meta_data, "conformity", CONFORMITIES[item.verdict])


def _budget(parent: Element, content: CertificateContent) -> None:
    add_text(parent, "name", Bilingual("不确定度评定", "Uncertainty budget"))
    if content.budget_caption_zh or content.budget_caption_en:
        caption = Bilingual(content.budget_caption_zh, content.budget_caption_en)
        add_text(parent, "description", caption)
    data = add(parent, "data")
    for line in content.budget:
        _budget_line(add(data, "list"), line)


def _budget_line(parent: Element, line: BudgetLine) -> None:
    add_text(parent, "name", Bilingual(line.source_zh, line.source_en))
    for ref_type, zh, en, value, unit in (
        ("evaluation", "评定", "Type of evaluation", line.evaluation, ""),
        ("distribution", "分布", "Distribution", line.distribution, ""),
        (
            "standardUncertainty",
            "标准不确定度",
            "Standard uncertainty",
            line.standard_uncertainty,
            line.unit,
        ),
        (
            "sensitivityCoefficient",
            "灵敏系数",
            "Sensitivity coefficient",
            line.sensitivity_coefficient,
            None,
        ),
        ("contribution", "分量", "Contribution", line.contribution, line.contribution_unit),
        ("share", "占比", "Share of the variance", line.share, "%"),
    ):
        if value:
            quantity = add(parent, "quantity", refType=f"suyuan_{ref_type}")
            add_text(quantity, "name", Bilingual(zh, en))
            add_value(quantity, value, unit)


# --- Pieces ---------------------------------------------------------------------------------------


def _each(
    parent: Element,
    list_name: str,
    name: str,
    parts: Sequence[Part],
    write: Callable[[Element, Part], None],
) -> None:
    if parts:
        members = add(parent, list_name)
        for part in parts:
            write(add(members, name), part)


def _hash(parent: Element, number: str, sha256: str | None) -> None:
    add(parent, "referralID", number or wording.NOT_STATED.en)
    add(parent, "procedure", FILE_HASH if sha256 else NO_HASH)
    add(parent, "value", sha256 or NO_HASH)


def _identifications(parent: Element, *given: tuple[str, str, Bilingual, str]) -> None:
    filled = [each for each in given if each[1]]
    if not filled:
        return
    identifications = add(parent, "identifications")
    for issuer, value, name, ref_type in filled:
        identification = add(identifications, "identification", refType=ref_type)
        add(identification, "issuer", issuer)
        add(identification, "value", value)
        add_text(identification, "name", name)


def _texts_as_quantities(
    parent: Element, list_name: str, name: str, given: Iterable[tuple[Bilingual, str, str]]
) -> None:
    filled = [each for each in given if each[1]]
    if not filled:
        return
    quantities = add(parent, list_name)
    for label, text, ref_type in filled:
        quantity = add(quantities, name, refType=ref_type)
        add_text(quantity, "name", label)
        add_text(quantity, "noQuantity", Bilingual(text, ""))


def _numbers(parent: Element, values: Iterable[str], unit: str) -> Element:
    numbers = add_si(parent, "realListXMLList")
    add_si(numbers, "valueXMLList", " ".join(values))
    add_si(numbers, "unitXMLList", d_si_unit(unit))
    return numbers


def _joined(values: Iterable[str | None]) -> str:
    return " ".join(str(value) for value in values)
