"""The sentences and labels of certificates, Chinese and English.

Every text that a certificate says on its own, whoever it is for, stands here; renderers add none.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from certificates.content import (
    AmendedText,
    Amendment,
    CertificateContent,
    CertificateKind,
    Conformity,
    ExternalWork,
    Meaning,
    Opinion,
    PlaceOfPerformance,
    ResultRow,
    Stage,
    ValueStatus,
)
from procedures.conformity import Verdict
from procedures.edition import NOT_BY_REGULATION


class Bilingual(NamedTuple):
    """One text in the two languages of every certificate."""

    zh: str
    en: str


DEMONSTRATION_MARK = Bilingual("演示", "DEMONSTRATION — NOT A REAL CERTIFICATE")
END_MARK = Bilingual("以下空白", "End of certificate")
NOT_STATED = Bilingual("未给出", "not stated")


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWording:
    """What differs between the kinds: the title and the labels that name the work."""

    title: Bilingual
    customer: Bilingual
    item: Bilingual
    method: Bilingual
    performed_on: Bilingual
    place: Bilingual
    valid_until: Bilingual
    standards: Bilingual
    results: Bilingual
    seal: Bilingual
    performed_by: Bilingual


_CALIBRATION = KindWording(
    title=Bilingual("校准证书", "Calibration Certificate"),
    customer=Bilingual("委托方", "Customer"),
    item=Bilingual("计量器具名称", "Name of instrument"),
    method=Bilingual("校准依据", "Calibration method"),
    performed_on=Bilingual("校准日期", "Date of calibration"),
    place=Bilingual("校准地点", "Place of calibration"),
    valid_until=Bilingual("约定复校日期", "Recalibration due, as agreed"),
    standards=Bilingual("校准所用的计量标准", "Measurement standards used"),
    results=Bilingual("校准结果", "Results of calibration"),
    seal=Bilingual("校准专用章", "Calibration seal"),
    performed_by=Bilingual("校准员", "Calibrated by"),
)
_VERIFICATION = KindWording(
    title=Bilingual("检定证书", "Verification Certificate"),
    customer=Bilingual("送检单位", "Applicant"),
    item=Bilingual("计量器具名称", "Name of instrument"),
    method=Bilingual("检定依据", "Verification regulation"),
    performed_on=Bilingual("检定日期", "Date of verification"),
    place=Bilingual("检定地点", "Place of verification"),
    valid_until=Bilingual("有效期至", "Valid until"),
    standards=Bilingual("检定所用的计量标准", "Measurement standards used"),
    results=Bilingual("检定结果", "Results of verification"),
    seal=Bilingual("检定专用章", "Verification seal"),
    performed_by=Bilingual("检定员", "Verified by"),
)
_MATERIAL = KindWording(
    title=Bilingual("标准物质证书", "Reference Material Certificate"),
    customer=Bilingual("委托方", "Customer"),
    item=Bilingual("标准物质名称", "Name of reference material"),
    method=Bilingual("定值依据", "Method of characterization"),
    performed_on=Bilingual("定值日期", "Date of certification"),
    place=Bilingual("定值地点", "Place of certification"),
    valid_until=Bilingual("有效期至", "Valid until"),
    standards=Bilingual("定值所用的计量标准", "Measurement standards used"),
    results=Bilingual("特性值", "Property values"),
    seal=Bilingual("单位公章", "Seal of the producer"),
    performed_by=Bilingual("定值", "Characterized by"),
)

_KINDS = {
    CertificateKind.CALIBRATION_CERTIFICATE: _CALIBRATION,
    CertificateKind.VERIFICATION_CERTIFICATE: _VERIFICATION,
    CertificateKind.VERIFICATION_REJECTION: replace(
        _VERIFICATION, title=Bilingual("检定结果通知书", "Notice of Verification Result")
    ),
    CertificateKind.REFERENCE_MATERIAL_CERTIFICATE: _MATERIAL,
    CertificateKind.VERIFICATION_RECORD: replace(
        _VERIFICATION, title=Bilingual("检定记录(内部)", "Internal Verification Record")
    ),
}

_VERDICTS = {
    Verdict.PASS: Bilingual("合格", "Pass"),
    Verdict.CONDITIONAL_PASS: Bilingual("有条件合格", "Conditional pass"),
    Verdict.UNDETERMINED: Bilingual("不能判定", "Undetermined"),
    Verdict.CONDITIONAL_FAIL: Bilingual("有条件不合格", "Conditional fail"),
    Verdict.FAIL: Bilingual("不合格", "Fail"),
}
_STAGES = {
    Stage.AS_FOUND: Bilingual("调修前", "as found"),
    Stage.AS_LEFT: Bilingual("调修后", "as left"),
}
_VALUE_STATUSES = {
    ValueStatus.CERTIFIED: Bilingual("标准值(认定值)", "certified"),
    ValueStatus.INDICATIVE: Bilingual("参考值", "indicative"),
}
_PLACES = {
    PlaceOfPerformance.LABORATORY: Bilingual("实验室内", "in the laboratory"),
    PlaceOfPerformance.LABORATORY_BRANCH: Bilingual("实验室分部", "at a branch of the laboratory"),
    PlaceOfPerformance.CUSTOMER: Bilingual("客户现场", "at the customer's site"),
    PlaceOfPerformance.CUSTOMER_BRANCH: Bilingual("客户分部现场", "at a branch of the customer"),
    PlaceOfPerformance.OTHER: Bilingual("其他地点", "elsewhere"),
}
_SIGNED_BY = {
    Meaning.CHECKED: Bilingual("核验员", "Checked by"),
    Meaning.APPROVED: Bilingual("批准人", "Approved by"),
}
_DOCUMENTS = {
    CertificateKind.VERIFICATION_REJECTION: Bilingual("本通知书", "This notice"),
    CertificateKind.VERIFICATION_RECORD: Bilingual("本记录", "This record"),
}
_FIELDS_OF_A_METHOD = {
    "code": Bilingual("编号", "code"),
    "edition": Bilingual("版本", "edition"),
    "title": Bilingual("名称", "title"),
    "title_zh": Bilingual("中文名称", "Chinese title"),
    "title_en": Bilingual("英文名称", "English title"),
    "measurand": Bilingual("被测量", "measurand"),
    "period": Bilingual("检定周期", "period"),
    "classes": Bilingual("准确度等级", "accuracy classes"),
    "maximum_permissible_error": Bilingual("最大允许误差", "maximum permissible error"),
    "test_points": Bilingual("检定点", "test points"),
    "readings": Bilingual("读数方法", "readings"),
    "checks": Bilingual("检定项目", "items verified"),
    "environment": Bilingual("环境条件", "environmental conditions"),
    "ratio": Bilingual("标准器与被检器具的误差比", "ratio of errors"),
    "model": Bilingual("测量模型", "measurement model"),
    "contributors": Bilingual("不确定度来源", "sources of uncertainty"),
    "rounding": Bilingual("修约", "rounding"),
    "conformity": Bilingual("判定规则", "decision rule"),
    "certificates": Bilingual("证书种类", "kinds of certificate"),
    "repeatability": Bilingual("重复性", "repeatability"),
}
_DISTRIBUTIONS = {
    "normal": Bilingual("正态", "normal"),
    "rectangular": Bilingual("均匀", "rectangular"),
    "triangular": Bilingual("三角", "triangular"),
    "trapezoidal": Bilingual("梯形", "trapezoidal"),
    "u_shaped": Bilingual("反正弦", "arcsine"),
    "t": Bilingual("t 分布", "t-distribution"),
}


def kind_wording(kind: CertificateKind) -> KindWording:
    """Return the title and labels of one kind of certificate."""
    return _KINDS[kind]


def verdict_wording(verdict: Verdict) -> Bilingual:
    """Return how a verdict is said."""
    return _VERDICTS[verdict]


def stage_wording(stage: Stage) -> Bilingual:
    """Return how "before" and "after adjustment or repair" are said."""
    return _STAGES[stage]


def value_status_wording(status: ValueStatus) -> Bilingual:
    """Return what a property value is called that is certified or only indicative."""
    return _VALUE_STATUSES[status]


def place_wording(place: PlaceOfPerformance) -> Bilingual:
    """Return how the kind of place is said."""
    return _PLACES[place]


def signed_by(meaning: Meaning, kind: CertificateKind) -> Bilingual:
    """Return what the person is called who signs with this meaning."""
    return _SIGNED_BY.get(meaning, _KINDS[kind].performed_by)


def distribution_wording(distribution: str) -> Bilingual:
    """Return how a probability distribution is called; a name of somebody else's as it is."""
    return _DISTRIBUTIONS.get(distribution, Bilingual(distribution, ""))


def departure_wording(edition: str) -> Bilingual:
    """Return the remark that an edition departs from its regulation; empty where it does not."""
    if NOT_BY_REGULATION not in edition:
        return Bilingual("", "")
    return Bilingual(f"({NOT_BY_REGULATION})", "(departs from the regulation)")


def unverified_wording(fields: Iterable[str]) -> Bilingual:
    """Return the remark that no source confirms these fields of a method; empty for no field.

    A parameter is named as `parameters.` and its symbol.
    """
    named = [_field_of_a_method(name) for name in fields]
    if not named:
        return Bilingual("", "")
    return Bilingual(
        f"({'、'.join(text.zh for text in named)}未核实)",
        f"({', '.join(text.en for text in named)} unverified)",
    )


def _field_of_a_method(name: str) -> Bilingual:
    kind, _, symbol = name.rpartition(".")
    known = _FIELDS_OF_A_METHOD.get(symbol, Bilingual(symbol, symbol))
    if kind != "parameters":
        return known
    return Bilingual(f"参数“{known.zh}”", f"parameter {known.en}")


def percent(probability: str) -> str:
    """Return a probability in (0, 1) as percent, without trailing zeros.

    >>> percent("0.95"), percent("0.9545")
    ('95 %', '95.45 %')
    """
    return f"{(Decimal(probability) * 100).normalize():f} %"


def statements(content: CertificateContent) -> tuple[Bilingual, ...]:
    """Return the numbered statements of a certificate, in their order on the page."""
    said = [*general_statements(content.kind)]
    stated = [row for row in content.results if row.expanded_uncertainty is not None]
    if stated:
        said.append(uncertainty_statement(row.coverage_probability for row in stated))
    if content.conformity is not None:
        said.append(conformity_statement(content.conformity))
    said.append(Bilingual(content.traceability_statement_zh, content.traceability_statement_en))
    said += (statement for _, statement in special_statements(content))
    if content.kind is CertificateKind.CALIBRATION_CERTIFICATE and content.valid_until is not None:
        said.append(AGREED_DUE_DATE)
    if content.amends is not None:
        said.append(amendment_statement(content.amends))
    if content.verification_url is not None:
        said.append(authentication_statement(content.verification_url))
    return tuple(said)


def special_statements(content: CertificateContent) -> Iterator[tuple[str, Bilingual]]:
    """Yield what only some certificates state, each under a name: persons' statements and scope.

    Source: ISO/IEC 17025:2017, 7.8.2.1 n, p, 7.8.5, 7.8.7; ILAC-P14:09/2020, 5.
    """
    if content.deviations is not None:
        yield (
            "deviations",
            _headed(DEVIATIONS, Bilingual(content.deviations.zh, content.deviations.en)),
        )
    if content.sampling is not None:
        yield "sampling", _headed(SAMPLING, Bilingual(content.sampling.zh, content.sampling.en))
    for work in content.external_work:
        yield "externalProvider", external_work_statement(work)
    if content.opinion is not None:
        yield "opinion", opinion_statement(content, content.opinion)
    yield from scope_statements(content)


DEVIATIONS = Bilingual(
    "对方法的增补、偏离或删减", "Additions to, deviations or exclusions from the method"
)
SAMPLING = Bilingual("抽样", "Sampling")


def external_work_statement(work: ExternalWork) -> Bilingual:
    """Return which results another laboratory provided (ISO/IEC 17025:2017, 7.8.2.1 p)."""
    return Bilingual(
        f"外部提供者的结果：{_without_full_stop(work.results_zh)}由{work.provider_zh}提供。",
        f"Results from an external provider: {_without_full_stop(work.results_en)}, "
        f"provided by {work.provider_en}.",
    )


def opinion_statement(content: CertificateContent, opinion: Opinion) -> Bilingual:
    """Return an opinion, marked as one, with its basis and who released it (7.8.7)."""
    approver = next(who for who in content.signatories if who.meaning is Meaning.APPROVED)
    return Bilingual(
        f"意见和解释(非测量结果)：{_without_full_stop(opinion.text_zh)}。"
        f"依据：{_without_full_stop(opinion.basis_zh)}。由{approver.name_zh}授权发布。",
        f"Opinion or interpretation (not a result of measurement): "
        f"{_without_full_stop(opinion.text_en)}. Basis: {_without_full_stop(opinion.basis_en)}. "
        f"Released by {approver.name_en}.",
    )


def scope_statements(content: CertificateContent) -> Iterator[tuple[str, Bilingual]]:
    """Yield which U were raised to the accredited capability, and which results are outside it.

    Source: ILAC-P14:09/2020, 5: no smaller U is reported than the CMC.
    """
    raised = [row for row in content.results if row.evaluated_uncertainty is not None]
    if raised:
        told = ", ".join(
            dict.fromkeys(
                f"{row.evaluated_uncertainty} {_unit_of_u(row)}".strip() for row in raised
            )
        )
        yield (
            "capability",
            Bilingual(
                f"按不确定度评定得到的 U = {told} 小于获认可的校准和测量能力(CMC)，故以 CMC 报告"
                "(ILAC-P14:09/2020)。",
                f"The evaluated U = {told} is smaller than the accredited calibration and "
                "measurement capability (CMC); U is therefore reported at the CMC "
                "(ILAC-P14:09/2020).",
            ),
        )
    outside = dict.fromkeys(_named(row) for row in content.results if row.capability is None)
    if content.accreditations and outside:
        yield (
            "outsideScope",
            Bilingual(
                f"以下结果不在认可范围内：{'；'.join(row.zh for row in outside)}。",
                f"Outside the scope of accreditation: {'; '.join(row.en for row in outside)}.",
            ),
        )


def _named(row: ResultRow) -> Bilingual:
    """Return a result as a sentence names it, with its nominal value where it has one."""
    if row.nominal is None:
        return Bilingual(row.measurand_zh, row.measurand_en)
    at = f"{row.nominal} {row.nominal_unit or row.unit}".strip()
    return Bilingual(f"{row.measurand_zh} {at}", f"{row.measurand_en} at {at}")


def _unit_of_u(row: ResultRow) -> str:
    return row.unit if row.expanded_uncertainty_unit is None else row.expanded_uncertainty_unit


def _headed(heading: Bilingual, said: Bilingual) -> Bilingual:
    return Bilingual(
        f"{heading.zh}：{_without_full_stop(said.zh)}。",
        f"{heading.en}: {_without_full_stop(said.en)}.",
    )


AGREED_DUE_DATE = Bilingual(
    "复校日期系应客户要求并经双方约定。",
    "The date of the next calibration is stated as agreed with the customer.",
)


def general_statements(kind: CertificateKind) -> tuple[Bilingual, ...]:
    """Return what every certificate of this kind says.

    Source: ISO/IEC 17025:2017, 7.8.2.1 l and the note to 7.8.2.1.
    """
    document = _DOCUMENTS.get(kind, Bilingual("本证书", "This certificate"))
    whole = Bilingual(
        f"未经本机构书面批准，不得部分复制{document.zh}(全文复制除外)。",
        f"{document.en} shall not be reproduced, except in full, without the written approval of "
        "the issuing body.",
    )
    if kind is CertificateKind.REFERENCE_MATERIAL_CERTIFICATE:
        material = Bilingual(
            "本证书的特性值仅对所述批号、在规定的贮存和使用条件下有效。",
            "The property values hold for the stated batch only, stored and used as stated.",
        )
        return (material, whole)
    is_calibration = kind is CertificateKind.CALIBRATION_CERTIFICATE
    only = Bilingual(
        f"{document.zh}的结果仅对所{'校准' if is_calibration else '检定'}的计量器具有效。",
        f"The results relate only to the item {'calibrated' if is_calibration else 'verified'}.",
    )
    return (only, whole)


def uncertainty_statement(probabilities: Iterable[str | None]) -> Bilingual:
    """Return what the stated U and k mean, with the coverage probabilities that occur.

    Source: JCGM 100:2008, 7.2.3; ILAC-P14:09/2020, 5.4.
    """
    stated = sorted({percent(text) for text in probabilities if text is not None})
    zh = "扩展不确定度 U 为合成标准不确定度与包含因子 k 的乘积"
    en = (
        "The expanded uncertainty U is the combined standard uncertainty multiplied by the "
        "coverage factor k"
    )
    if not stated:
        return Bilingual(f"{zh}。", f"{en}.")
    return Bilingual(
        f"{zh}，包含概率约为 {'、'.join(stated)}。",
        f"{en}; the coverage probability is approximately {', '.join(stated)}.",
    )


def conformity_statement(conformity: Conformity) -> Bilingual:
    """Return the verdict with its specification and decision rule (ISO/IEC 17025, 7.8.6.2)."""
    verdict = verdict_wording(conformity.verdict)
    return Bilingual(
        f"结论：{verdict.zh}。技术要求：{conformity.specification}。"
        f"判定规则：{_without_full_stop(conformity.decision_rule_zh)}。",
        f"Conclusion: {verdict.en}. Specification: {conformity.specification}. "
        f"Decision rule: {_without_full_stop(conformity.decision_rule_en)}.",
    )


def amendment_statement(amends: Amendment) -> Bilingual:
    """Return which certificate this one replaces, why, and what is changed (17025:2017, 7.8.8)."""
    changes = dict(changed_wording(change) for change in amends.changes)  # each said once
    said_zh, said_en = changes.keys(), changes.values()
    return Bilingual(
        f"本证书取代证书 {amends.number}，原证书自本证书签发之日起作废。"
        f"更改原因：{_without_full_stop(amends.reason_zh)}。"
        + (f"更改内容：{'；'.join(said_zh)}。" if said_zh else ""),
        f"This certificate replaces certificate {amends.number}, which is no longer in force. "
        f"Reason for the change: {_without_full_stop(amends.reason_en)}."
        + (f" Changed: {'; '.join(said_en)}." if said_en else ""),
    )


def changed_wording(change: AmendedText) -> tuple[str, str]:
    """Return what is changed, with the texts before and after where the field holds one."""
    label = FIELDS.get(change.field) or FIELDS.get(re.split(r"[.[]", change.field)[0])
    zh, en = label or (change.field, change.field)
    if not (change.before or change.after):
        return zh, en
    before, after = change.before or "—", change.after or "—"
    return f"{zh} {before} → {after}", f"{en} {before} → {after}"


FIELDS = {
    "item": ("器具信息", "item"),
    "item.name_zh": ("器具名称", "name of the item (zh)"),
    "item.name_en": ("器具名称(英文)", "name of the item"),
    "item.type_designation": ("型号/规格", "type"),
    "item.serial_number": ("出厂编号", "serial number"),
    "item.asset_number": ("资产编号", "asset number"),
    "item.manufacturer_zh": ("制造单位", "manufacturer (zh)"),
    "item.manufacturer_en": ("制造单位(英文)", "manufacturer"),
    "item.range_text": ("测量范围", "measuring range"),
    "item.accuracy_text": ("准确度", "accuracy"),
    "customer": ("客户信息", "customer"),
    "customer.name_zh": ("客户名称", "customer (zh)"),
    "customer.name_en": ("客户名称(英文)", "customer"),
    "customer.address": ("客户地址", "customer's address"),
    "laboratory": ("实验室信息", "laboratory"),
    "place": ("地点", "place"),
    "place_zh": ("地点", "place (zh)"),
    "place_en": ("地点(英文)", "place"),
    "performed_on": ("检定/校准日期", "date of the work"),
    "valid_until": ("有效期", "end of validity"),
    "original_record_number": ("原始记录号", "original record"),
    "methods": ("依据", "method"),
    "environment": ("环境条件", "environmental conditions"),
    "standards": ("所用计量标准", "standards used"),
    "results": ("测量结果", "results"),
    "checked_items": ("检定项目", "items verified"),
    "budget": ("不确定度评定", "uncertainty budget"),
    "conformity": ("结论", "conclusion"),
    "accreditations": ("认可", "accreditation"),
    "standard_assessments": ("计量标准考核证书", "assessment of the standard"),
    "deviations": ("对方法的偏离", "deviations from the method"),
    "sampling": ("抽样", "sampling"),
    "external_work": ("外部提供者的结果", "results from external providers"),
    "opinion": ("意见和解释", "opinion"),
}
"""What a field of a certificate is called, by its path or the first part of it."""


def authentication_statement(url: str) -> Bilingual:
    """Return where the certificate and its present status can be authenticated."""
    return Bilingual(
        f"本证书的真伪和当前状态可扫描二维码或访问 {url} 查验。",
        f"Authenticity and present status: scan the code or see {url}",
    )


def _without_full_stop(text: str) -> str:
    return text.rstrip("。.")
