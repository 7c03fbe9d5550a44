"""A certificate laid out as headed blocks: the one content of the paper and of the screen.

The renderers print these blocks and decide nothing; so the numbers of PDF and HTML cannot differ.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TypeVar

from certificates import wording
from certificates.content import (
    CertificateContent,
    CertificateKind,
    CheckedItem,
    ResultRow,
    Signatory,
)
from certificates.wording import Bilingual, KindWording
from procedures.conformity import Verdict

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A labelled entry; `secondary` is the same in English, or empty where there is one text."""

    label: Bilingual
    text: str
    secondary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table's column: its head, the unit of its numbers, and its width beside the others."""

    head: Bilingual
    unit: str = ""
    numeric: bool = False
    width: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A captioned table; a cell is one text, or two in the two languages."""

    caption: Bilingual
    columns: tuple[Column, ...]
    rows: tuple[tuple[Bilingual, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature: what for, by whom, when."""

    label: Bilingual
    name: Bilingual
    signed_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The blocks of a certificate in their order."""

    number: str
    title: Bilingual
    laboratory: Bilingual
    laboratory_lines: tuple[Line, ...]
    cover: tuple[Line, ...]
    conclusion: Line | None
    failed: bool
    dates: tuple[Line, ...]
    signatures: tuple[Signature, ...]
    seal: Bilingual
    particulars: tuple[Line, ...]
    tables: tuple[Table, ...]
    statements: tuple[Bilingual, ...]
    mark: Bilingual | None
    end_mark: Bilingual
    verification_url: str | None


def lay_out(content: CertificateContent) -> Layout:
    """Return the blocks of one certificate."""
    words = wording.kind_wording(content.kind)
    return Layout(
        number=content.number,
        title=words.title,
        laboratory=Bilingual(content.laboratory.name_zh, content.laboratory.name_en),
        laboratory_lines=_laboratory_lines(content),
        cover=_cover(content, words),
        conclusion=_conclusion(content),
        failed=content.conformity is not None and content.conformity.verdict is Verdict.FAIL,
        dates=_dates(content, words),
        signatures=tuple(_signature(signatory, content) for signatory in _in_order(content)),
        seal=words.seal,
        particulars=_particulars(content, words),
        tables=_tables(content, words),
        statements=wording.statements(content),
        mark=wording.DEMONSTRATION_MARK if content.demonstration else None,
        end_mark=wording.END_MARK,
        verification_url=content.verification_url,
    )


# --- Lines ----------------------------------------------------------------------------------------


def _laboratory_lines(content: CertificateContent) -> tuple[Line, ...]:
    laboratory = content.laboratory
    return _filled(
        Line(
            label=Bilingual("授权(认可)证书号", "Authorisation No."),
            text="  ".join(laboratory.authorisations),
        ),
        _line("认可证书号", "Accreditation No.", "  ".join(content.accreditations)),
        _line(
            "计量标准考核证书号",
            "Assessment of the standard No.",
            "  ".join(content.standard_assessments),
        ),
        Line(label=Bilingual("地址", "Address"), text=laboratory.address),
        Line(label=Bilingual("联系方式", "Contact"), text=laboratory.contact),
    )


def _cover(content: CertificateContent, words: KindWording) -> tuple[Line, ...]:
    customer, item = content.customer, content.item
    lines = [
        Line(label=words.item, text=item.name_zh, secondary=item.name_en),
        _line("型号/规格", "Type / specification", item.type_designation),
        _line("出厂编号", "Serial No.", item.serial_number),
        _line("资产编号", "Asset No.", item.asset_number),
        _line("制造单位", "Manufacturer", item.manufacturer_zh, item.manufacturer_en),
        _line("测量范围", "Measuring range", item.range_text),
        _line("准确度", "Accuracy", item.accuracy_text),
    ]
    if customer is not None:
        lines.insert(
            0, Line(label=words.customer, text=customer.name_zh, secondary=customer.name_en)
        )
    if content.material is not None:
        lines += [
            _line("批号", "Batch No.", content.material.batch),
            _line("证书版本", "Version of certificate", content.material.version),
        ]
    lines += [Line(label=words.method, text=zh, secondary=en) for zh, en in _methods(content)]
    return _filled(*lines)


def _methods(content: CertificateContent) -> Iterable[Bilingual]:
    for method in content.methods:
        code = f"{method.code}-{method.edition}" if method.edition else method.code
        remark = wording.unverified_wording(method.unverified)
        departs = wording.departure_wording(method.edition)  # in Chinese the edition says so
        english = (method.title_en, departs.en, remark.en)
        yield Bilingual(
            f"{code}《{method.title_zh}》{remark.zh}", " ".join(text for text in english if text)
        )


def _conclusion(content: CertificateContent) -> Line | None:
    if content.conformity is None:
        return None
    verdict = wording.verdict_wording(content.conformity.verdict)
    return _line("结论", "Conclusion", verdict.zh, verdict.en)


def _dates(content: CertificateContent, words: KindWording) -> tuple[Line, ...]:
    return tuple(
        Line(label=label, text=_date_zh(on), secondary=on.isoformat())
        for label, on in (
            (Bilingual("接收日期", "Date received"), content.received_on),
            (words.performed_on, content.performed_on),
            (Bilingual("签发日期", "Date of issue"), content.issued_on),
            (words.valid_until, content.valid_until),
        )
        if on is not None
    )


def _particulars(content: CertificateContent, words: KindWording) -> tuple[Line, ...]:
    customer, material, item = content.customer, content.material, content.item
    zh, en = _place(content)
    environment = [
        (condition, _measured(condition.value, condition.unit)) for condition in content.environment
    ]
    lines = [
        Line(label=words.place, text=zh, secondary=en),
        _line(
            "环境条件",
            "Environmental conditions",
            "，".join(f"{condition.name_zh} {value}" for condition, value in environment),
            ", ".join(f"{condition.name_en} {value}" for condition, value in environment),
        ),
        _line("器具状态", "Condition of the item", item.condition_zh, item.condition_en),
        _line("原始记录号", "Original record No.", content.original_record_number),
    ]
    if customer is not None:
        lines.append(_line("客户地址", "Customer's address", customer.address))
        lines.append(_line("客户联系方式", "Customer's contact", customer.contact))
    if material is not None:
        lines += [
            _line("描述", "Description", material.description_zh, material.description_en),
            _line("预期用途", "Intended use", material.intended_use_zh, material.intended_use_en),
            _line("最小取样量", "Minimum sample size", material.minimum_sample_size),
            _line("贮存条件", "Storage", material.storage_zh, material.storage_en),
            _line("使用说明", "Instructions for use", material.handling_zh, material.handling_en),
            _line("互换性", "Commutability", material.commutability_zh, material.commutability_en),
        ]
    return _filled(*lines)


def _place(content: CertificateContent) -> Bilingual:
    """Return the place by its name, and by its kind where that says more."""
    kind = wording.place_wording(content.place)
    if content.place_zh == kind.zh:
        return kind
    return Bilingual(f"{content.place_zh}({kind.zh})", f"{content.place_en} ({kind.en})")


def _in_order(content: CertificateContent) -> list[Signatory]:
    order = ("calibrated", "checked", "approved")
    return sorted(content.signatories, key=lambda signatory: order.index(signatory.meaning))


def _signature(signatory: Signatory, content: CertificateContent) -> Signature:
    return Signature(
        label=wording.signed_by(signatory.meaning, content.kind),
        name=Bilingual(signatory.name_zh, signatory.name_en),
        signed_at=_moment(signatory.signed_at),
    )


# --- Tables ---------------------------------------------------------------------------------------


def _tables(content: CertificateContent, words: KindWording) -> tuple[Table, ...]:
    tables: list[Table] = []
    if content.standards:
        tables.append(_standards(content, words))
    if content.checked_items:
        tables.append(_checked_items(content.checked_items))
    if content.kind is CertificateKind.REFERENCE_MATERIAL_CERTIFICATE:
        tables.append(_property_values(content.results, words))
    else:
        tables += [
            _result_table(tuple(rows), words) for _, rows in groupby(content.results, key=_table_of)
        ]
    if content.budget:
        tables.append(_budget(content))
    return tuple(tables)


def _standards(content: CertificateContent, words: KindWording) -> Table:
    return _table(
        words.standards,
        content.standards,
        (
            (5, "名称", "Name", lambda row: Bilingual(row.name_zh, row.name_en)),
            (3, "编号", "Serial No.", lambda row: _same(row.serial_number)),
            (3, "测量范围", "Measuring range", lambda row: _same(row.range_text)),
            (3, "准确度/不确定度", "Accuracy / uncertainty", lambda row: _same(row.accuracy_text)),
            (
                4,
                "溯源机构",
                "Traceable to",
                lambda row: Bilingual(row.laboratory_zh, row.laboratory_en),
            ),
            (4, "证书编号", "Certificate No.", lambda row: _same(row.certificate_number)),
            (3, "有效期至", "Valid until", lambda row: _date_or_not_stated(row.valid_until)),
        ),
    )


def _checked_items(items: Sequence[CheckedItem]) -> Table:
    return _table(
        Bilingual("检定项目", "Items verified"),
        items,
        (
            (3, "项目", "Item", lambda row: Bilingual(row.name_zh, row.name_en)),
            (2, "技术要求", "Requirement", lambda row: _same(_measured(row.limit, row.unit))),
            (2, "检定结果", "Result", lambda row: _same(_measured(row.value, row.unit))),
            (1, "结论", "Conclusion", lambda row: wording.verdict_wording(row.verdict)),
        ),
    )


def _table_of(row: ResultRow) -> tuple[object, ...]:
    """Return what the rows of one table have in common."""
    return (
        row.measurand_zh,
        row.measurand_en,
        row.unit,
        row.nominal_unit,
        row.expanded_uncertainty_unit,
        row.stage,
    )


def _result_table(rows: tuple[ResultRow, ...], words: KindWording) -> Table:
    first = rows[0]
    factors = {row.coverage_factor for row in rows if row.expanded_uncertainty is not None}
    k = factors.pop() if len(factors) == 1 else None
    columns: list[tuple[Column, Callable[[ResultRow], Bilingual]]] = [
        (
            _numbers("标称值", "Nominal value", first.nominal_unit or first.unit),
            lambda row: _same(row.nominal),
        ),
        (_numbers("测得值", "Measured value", first.unit), lambda row: _same(row.estimate)),
        (
            _numbers(
                f"扩展不确定度 U{f' (k = {k})' if k else ''}",
                "Expanded uncertainty",
                first.expanded_uncertainty_unit or first.unit,
            ),
            lambda row: _same(row.expanded_uncertainty),
        ),
        (
            _numbers("包含因子 k", "Coverage factor", ""),
            lambda row: _same(None if k else row.coverage_factor),
        ),
        (_numbers("允许值", "Limit", first.unit), lambda row: _same(row.limit)),
        (
            Column(head=Bilingual("结论", "Conclusion")),
            lambda row: wording.verdict_wording(row.verdict) if row.verdict else _EMPTY,
        ),
    ]
    kept = [(column, cell) for column, cell in columns if any(cell(row) != _EMPTY for row in rows)]
    return Table(
        caption=_result_caption(first, words),
        columns=tuple(column for column, _ in kept),
        rows=tuple(tuple(_or_not_stated(cell(row)) for _, cell in kept) for row in rows),
    )


def _property_values(rows: Sequence[ResultRow], words: KindWording) -> Table:
    return _table(
        words.results,
        rows,
        (
            (5, "特性", "Property", lambda row: Bilingual(row.measurand_zh, row.measurand_en)),
            (2, "特性值", "Value", lambda row: _same(row.estimate)),
            (3, "扩展不确定度 U", "Expanded uncertainty", _relative_or_absolute_uncertainty),
            (2, "单位", "Unit", lambda row: _same(row.unit)),
            (2, "包含因子 k", "Coverage factor", lambda row: _same(row.coverage_factor)),
            (3, "类别", "Status", _value_status),
        ),
    )


def _relative_or_absolute_uncertainty(row: ResultRow) -> Bilingual:
    if row.expanded_uncertainty is None or row.expanded_uncertainty_unit in {None, row.unit}:
        return _same(row.expanded_uncertainty)
    return _same(f"{row.expanded_uncertainty} {row.expanded_uncertainty_unit}")


def _value_status(row: ResultRow) -> Bilingual:
    return wording.value_status_wording(row.value_status) if row.value_status else _EMPTY


def _result_caption(row: ResultRow, words: KindWording) -> Bilingual:
    zh, en = row.measurand_zh, row.measurand_en
    if row.stage is not None:
        stage = wording.stage_wording(row.stage)
        zh, en = f"{zh}({stage.zh})", f"{en} ({stage.en})"
    return Bilingual(f"{words.results.zh}：{zh}", f"{words.results.en}: {en}")


def _budget(content: CertificateContent) -> Table:
    caption = Bilingual("不确定度评定", "Uncertainty budget")
    if content.budget_caption_zh:
        caption = Bilingual(
            f"{caption.zh}：{content.budget_caption_zh}",
            f"{caption.en}: {content.budget_caption_en}",
        )
    return _table(
        caption,
        content.budget,
        (
            (5, "来源", "Source", lambda row: Bilingual(row.source_zh, row.source_en)),
            (1, "评定", "Type", lambda row: _same(row.evaluation)),
            (3, "分布", "Distribution", lambda row: wording.distribution_wording(row.distribution)),
            (
                3,
                "标准不确定度 u(x)",
                "Standard uncertainty",
                lambda row: _same(_measured(row.standard_uncertainty, row.unit)),
            ),
            (
                3,
                "灵敏系数 c",
                "Sensitivity coefficient",
                lambda row: _same(row.sensitivity_coefficient),
            ),
            (
                3,
                "分量 |c|u(x)",
                "Contribution",
                lambda row: _same(_measured(row.contribution, row.contribution_unit)),
            ),
            (2, "占比 %", "Share %", lambda row: _same(row.share)),
        ),
    )


def _table(
    caption: Bilingual,
    rows: Sequence[Row],
    columns: Sequence[tuple[int, str, str, Callable[[Row], Bilingual]]],
) -> Table:
    return Table(
        caption=caption,
        columns=tuple(Column(head=Bilingual(zh, en), width=width) for width, zh, en, _ in columns),
        rows=tuple(tuple(_or_not_stated(cell(row)) for *_, cell in columns) for row in rows),
    )


# --- Texts ----------------------------------------------------------------------------------------

_EMPTY = Bilingual("", "")


def _line(zh: str, en: str, text: str, secondary: str = "") -> Line:
    return Line(label=Bilingual(zh, en), text=text, secondary=secondary)


def _filled(*lines: Line) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.text)


def _numbers(zh: str, en: str, unit: str) -> Column:
    return Column(head=Bilingual(zh, en), unit=unit, numeric=True)


def _same(text: str | None) -> Bilingual:
    return Bilingual(text or "", "")


def _or_not_stated(cell: Bilingual) -> Bilingual:
    return cell if cell.zh or cell.en else Bilingual("—", "")


def _measured(value: str, unit: str) -> str:
    return f"{value} {unit}".strip()


def _date_zh(on: date) -> str:
    return f"{on.year}年{on.month:02d}月{on.day:02d}日"


def _date_or_not_stated(on: date | None) -> Bilingual:
    return _same(on.isoformat()) if on else wording.NOT_STATED


def _moment(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="minutes")
