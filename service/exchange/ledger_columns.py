"""The columns of a ledger: what they are called, in which layouts, and what their cells may say.

Each column reads text and gives a value, by one polars expression: null where the text is not
one. So the rule that refuses a cell and the rule that reads it are the same, and a table of
thousands is read as quickly as it comes.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

Language = Literal["zh", "en"]

NOTHING: Final = ("", "-", "--", "—", "——", "/", "\\", "无", "未知", "不详", "n/a", "na", "null",
                  "none", "unknown")  # fmt: skip  # what people write where they know nothing
LONGEST_TEXT: Final = 200
PLACE_AND_USE: Final = "；"  # between the place and the use, where a layout has one column for both
DAMAGED: Final = r"^(?:\d+(?:\.\d+)?[Ee]\+?\d+|\d{15}0{3,})$"
DATE: Final = (
    r"^(\d{4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*日?(?:[ T]00:00(?::00(?:\.0+)?)?)?$"
)
DENSE_DATE: Final = r"^((?:19|20)\d{2})(\d{2})(\d{2})$"
SERIAL_DATE: Final = r"^[2-7]\d{4}$"  # days since 1899-12-30, as spreadsheets count: 1954 to 2118
MONTHS: Final = r"^(\d{1,3})(?:\.0)?\s*(?:个?月|months?|m|mo)?$"
YEARS: Final = r"^(\d{1,2})\s*(?:年|years?|y|a)$"
NUMBER: Final = r"[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
RANGE: Final = (
    rf"^\(?\s*({NUMBER})\s*\)?\s*(?:~|～|∼|…|\.\.\.|to|至|—|–|-)\s*\(?\s*({NUMBER})\s*\)?"
    r"\s*([^\d\s()~][^()~]*)?$"
)

HALF_WIDTH: Final = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {
    "\u3000": " "
}
UNIT_SIGNS: Final = {"℃": "°C", "℉": "°F", "㎏": "kg", "㎜": "mm", "㎝": "cm", "㎞": "km"}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {
        "in_use": "in_use", "in use": "in_use", "在用": "in_use", "合格": "in_use",
        "使用": "in_use", "正常": "in_use", "active": "in_use",
        "limited": "limited", "限用": "limited", "准用": "limited", "降级": "limited",
        "sealed": "sealed", "封存": "sealed", "stored": "sealed",
        "out_of_service": "out_of_service", "out of service": "out_of_service",
        "停用": "out_of_service", "禁用": "out_of_service", "报废": "out_of_service",
        "scrapped": "out_of_service", "inactive": "out_of_service",
    },
    "kind": {
        "measuring_instrument": "measuring_instrument", "计量器具": "measuring_instrument",
        "工作计量器具": "measuring_instrument", "measuring instrument": "measuring_instrument",
        "measuring_system": "measuring_system", "测量系统": "measuring_system",
        "measuring system": "measuring_system",
        "material_measure": "material_measure", "实物量具": "material_measure",
        "material measure": "material_measure",
        "measurement_standard": "measurement_standard", "计量标准": "measurement_standard",
        "标准器": "measurement_standard", "measurement standard": "measurement_standard",
        "reference_material": "reference_material", "标准物质": "reference_material",
        "reference material": "reference_material",
    },
    "yes": {
        "是": "true", "y": "true", "yes": "true", "true": "true", "1": "true", "√": "true",
        "强检": "true", "强制检定": "true",
        "否": "false", "n": "false", "no": "false", "false": "false", "0": "false", "×": "false",
        "非强检": "false", "非强制检定": "false",
    },
    "energy_level": {
        "用能单位": "用能单位", "进出用能单位": "用能单位", "l1": "用能单位",
        "主要次级用能单位": "主要次级用能单位", "进出主要次级用能单位": "主要次级用能单位",
        "次级用能单位": "主要次级用能单位", "l2": "主要次级用能单位",
        "主要用能设备": "主要用能设备", "l3": "主要用能设备", "其他": "其他", "other": "其他",
    },
    "use": {
        "贸易结算": "trade", "trade": "trade", "内部核算": "internal", "内部": "internal",
        "internal": "internal", "碳核算": "carbon", "carbon": "carbon", "安全防护": "safety",
        "安全": "safety", "safety": "safety", "环境监测": "environment", "环境": "environment",
        "environment": "environment",
    },
}  # fmt: skip
USE_WORDS: Final = {"trade": "贸易结算", "internal": "内部核算", "carbon": "碳核算",
                    "safety": "安全防护", "environment": "环境监测"}  # fmt: skip
STATUS_WORDS: Final = {"in_use": "在用", "limited": "限用", "sealed": "封存",
                       "out_of_service": "停用"}  # fmt: skip


def plain(text: pl.Expr) -> pl.Expr:
    """Return the text in half-width letters, where width carries no meaning; ① stays ①."""
    return text.str.replace_many(HALF_WIDTH).str.strip_chars()


def plain_range(text: pl.Expr) -> pl.Expr:
    """Return a range in half-width letters, with units of one letter written out."""
    return plain(text).str.replace_many(UNIT_SIGNS)


def _text(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.len_chars() <= LONGEST_TEXT).then(text)


def _identifier(text: pl.Expr) -> pl.Expr:
    """Read a number that is a name: refused where a spreadsheet has damaged it."""
    number = plain(text).str.strip_prefix("S/N").str.strip_chars(" :：")
    return pl.when(~number.str.contains(DAMAGED) & (number.str.len_chars() <= LONGEST_TEXT)).then(
        number
    )


def _half_width(text: pl.Expr) -> pl.Expr:
    return _text(plain(text))


def _date(text: pl.Expr) -> pl.Expr:
    said = plain(text)
    written = pl.concat_str(
        said.str.extract(DATE, 1),
        said.str.extract(DATE, 2).str.zfill(2),
        said.str.extract(DATE, 3).str.zfill(2),
    )
    counted = pl.when(said.str.contains(SERIAL_DATE)).then(said).cast(pl.Int64, strict=False)
    return pl.coalesce(
        written.str.to_date("%Y%m%d", strict=False),
        pl.when(said.str.contains(DENSE_DATE)).then(said).str.to_date("%Y%m%d", strict=False),
        pl.date(1899, 12, 30) + pl.duration(days=counted),
    )


def _months(text: pl.Expr) -> pl.Expr:
    said = plain(text).str.to_lowercase()
    said = said.replace({"半年": "6", "一年": "12", "两年": "24", "二年": "24", "三年": "36"})
    months = pl.coalesce(
        said.str.extract(MONTHS, 1).cast(pl.Int64, strict=False),
        12 * said.str.extract(YEARS, 1).cast(pl.Int64, strict=False),
    )
    return pl.when(months.is_between(1, 600)).then(months)


def _word(table: str) -> Callable[[pl.Expr], pl.Expr]:
    def read(text: pl.Expr) -> pl.Expr:
        return plain(text).str.to_lowercase().replace_strict(WORDS[table], default=None)

    return read


def _yes(text: pl.Expr) -> pl.Expr:
    return _word("yes")(text) == "true"


def _use(text: pl.Expr) -> pl.Expr:
    """Read a use: a word that we know, or the text itself."""
    return pl.coalesce(_word("use")(text), _text(text))


def _place(text: pl.Expr) -> pl.Expr:
    return _text(text)


def _range(text: pl.Expr) -> pl.Expr:
    """Read the text of a measuring range; refused only where it begins above its end."""
    said = plain_range(text)
    lower, upper = range_end(said, 1), range_end(said, 2)
    return pl.when(~(lower > upper).fill_null(value=False)).then(_text(text))


def range_end(said: pl.Expr, group: int) -> pl.Expr:
    """Return the lower (1) or the upper (2) end of a range; null where it is no interval."""
    return said.str.extract(RANGE, group).str.replace_all("−", "-").cast(pl.Float64, strict=False)


def range_unit(said: pl.Expr) -> pl.Expr:
    """Return the unit of a range; null where it names none."""
    return said.str.extract(RANGE, 3).str.strip_chars()


UUID_TEXT: Final = r"^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"


def _uuid(text: pl.Expr) -> pl.Expr:
    said = text.str.to_lowercase()
    return pl.when(said.str.contains(UUID_TEXT)).then(said.str.replace_all("-", ""))


NOT_A_DATE = "not a date: 2025-03-01, 2025.3.1, 2025年3月1日 or 20250301"
DAMAGED_NUMBER = (
    "a spreadsheet has damaged this number (an exponent, or digits after the fifteenth lost): "
    "format the column as text and enter it again"
)
TOO_LONG = f"longer than {LONGEST_TEXT} letters"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a ledger.

    Attributes:
        zh, en: its header in our own layout; `also` are other headers that mean it.
        read: the value of a cell that says something; null where the cell says no such value.
        code, reason: what is wrong with a cell that cannot be read.
    """

    name: str
    zh: str
    en: str
    read: Callable[[pl.Expr], pl.Expr]
    code: str
    reason: str
    also: tuple[str, ...] = ()


COLUMNS: Final = tuple(
    Column(*row)
    for row in (
        ("id", "系统编号", "Id", _uuid, "not_an_id", "not an id of an item"),
        ("asset_number", "管理编号", "Asset number", _identifier, "damaged_number",
         DAMAGED_NUMBER, ("用能单位管理编号", "设备编号", "资产编号", "统一编号", "位号", "编号",
                          "tag", "tag number", "asset no", "assetno", "controlnumber",
                          "inventory number", "equnr", "equipment", "asset_number")),
        ("name_zh", "器具名称", "Name (zh)", _text, "too_long", TOO_LONG,
         ("计量器具名称", "名称", "仪器名称", "设备名称", "eqktx", "equipmentname", "name_zh")),
        ("name_en", "英文名称", "Name", _text, "too_long", TOO_LONG,
         ("name (en)", "instrument", "instrument name", "description", "type", "name_en")),
        ("manufacturer_zh", "生产厂家", "Manufacturer (zh)", _text, "too_long", TOO_LONG,
         ("制造厂", "制造单位", "制造商", "厂家", "生产厂", "manufacturer_zh")),
        ("manufacturer_en", "生产厂家英文名", "Manufacturer", _text, "too_long", TOO_LONG,
         ("manufacturer (en)", "maker", "herst", "assetmanufacturername", "manufacturername",
          "manufacturer_en")),
        ("type_designation", "型号规格", "Type designation", _half_width, "too_long", TOO_LONG,
         ("型号", "规格型号", "型号/规格", "型号及规格", "model", "typbz",
          "manufacturerparttypename", "type_designation")),
        ("serial_number", "出厂编号", "Serial number", _identifier, "damaged_number",
         DAMAGED_NUMBER, ("出厂号", "器具编号", "serial no", "serial", "s/n", "sn", "serge",
                          "manufacturerserialnumber", "serialnumber", "serial_number")),
        ("range_text", "测量范围", "Measuring range", _range, "range_upside_down",
         "the range begins above its end", ("量程", "测量区间", "range", "measuring_range")),
        ("accuracy_text", "准确度等级", "Accuracy", _half_width, "too_long", TOO_LONG,
         ("精度等级", "准确度", "精度", "最大允许误差", "不确定度/准确度等级/最大允许误差",
          "accuracy class", "class", "accuracy_text")),
        ("location", "安装使用地点", "Location", _place, "too_long", TOO_LONG,
         ("安装地点", "使用地点", "存放地点", "使用部门", "place", "tplnr", "stort", "msgrp",
          "functional location", "location")),
        ("use", "用途", "Use", _use, "too_long", TOO_LONG, ("器具用途", "purpose")),
        ("location_and_use", "安装使用地点及用途", "Location and use", _text, "too_long", TOO_LONG,
         ("安装/使用地点及用途",)),
        ("energy_level", "能源流向级别", "Energy level", _word("energy_level"), "unknown_word",
         "用能单位, 主要次级用能单位, 主要用能设备 or 其他", ("用能级别", "energy_level")),
        ("kind", "器具类别", "Kind", _word("kind"), "unknown_word",
         "计量器具, 测量系统, 实物量具, 计量标准 or 标准物质", ("类别", "项别")),
        ("quantity", "被测量", "Quantity", _half_width, "too_long", TOO_LONG,
         ("参数", "measurand")),
        ("procedure_code", "检定校准依据", "Procedure", _half_width, "too_long", TOO_LONG,
         ("检定规程", "规程", "依据", "procedure_code")),
        ("period_months", "检定周期", "Interval (months)", _months, "not_a_period",
         "months from 1 to 600, such as 12, 12个月, 1年 or 半年",
         ("检定周期/校准间隔", "校准间隔", "检定校准周期", "周期", "interval", "months",
          "calibration interval", "period_months")),
        ("is_mandatory", "强制检定", "Mandatory", _yes, "unknown_word", "是 or 否, yes or no",
         ("是否强检", "强检", "is_mandatory")),
        ("is_carbon_meter", "碳计量器具", "Carbon meter", _yes, "unknown_word",
         "是 or 否, yes or no", ("是否碳计量器具", "is_carbon_meter")),
        ("status", "状态", "Status", _word("status"), "unknown_word",
         "在用, 限用, 封存 or 停用; in_use, limited, sealed or out_of_service",
         ("使用状态", "管理状态", "器具状态")),
        ("status_since", "状态日期", "Status since", _date, "not_a_date", NOT_A_DATE,
         ("status_since",)),
        ("calibrated_on", "检定日期", "Calibrated on", _date, "not_a_date", NOT_A_DATE,
         ("上次检定日期", "校准日期", "检定/校准日期", "最近检定日期", "lastcalibrationdate",
          "last calibration", "calibrated_on")),
        ("valid_until", "有效期至", "Valid until", _date, "not_a_date", NOT_A_DATE,
         ("有效日期", "到期日期", "下次检定日期", "valid_until", "calibrationduedate",
          "next calibration", "due date")),
        ("certificate_number", "证书编号", "Certificate number", _identifier, "damaged_number",
         DAMAGED_NUMBER, ("检定证书编号", "检定证书", "证书号", "certificate no",
                          "certificate_number")),
        ("laboratory", "检定单位", "Laboratory", _text, "too_long", TOO_LONG,
         ("检定机构", "校准机构", "检定/校准机构", "calibrated by")),
    )
)  # fmt: skip
BY_NAME: Final = {column.name: column for column in COLUMNS}
ERROR_HEADERS: Final = ("错误", "error")  # of the column that we add to refused rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A form that ledgers come and go in.

    Attributes:
        columns: (our column, its header) in their order.
        title: printed above the header.
        fixed: what every row of the form says without a column of its own.
        certified: whether the accuracy class is to be that of the certificate in force; of an item
            whose certificate the book does not hold, the ledger's.
        unverified: what of it was not read in the official text.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    title: str | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    certified: bool = False
    unverified: str | None = None


AUDIT_COLUMNS: Final = (
    ("name_zh", "计量器具名称"), ("type_designation", "型号规格"),
    ("accuracy_text", "准确度等级"), ("range_text", "测量范围"),
    ("manufacturer_zh", "生产厂家"), ("serial_number", "出厂编号"),
    ("asset_number", "用能单位管理编号"), ("location_and_use", "安装使用地点及用途"),
    ("period_months", "检定周期/校准间隔"), ("status", "状态"),
)  # fmt: skip
ORDER_UNVERIFIED = "the columns are those of the table; their order is not verified"


def _audit(name: str, title: str, level: str | None = None) -> Layout:
    return Layout(
        name=name,
        columns=AUDIT_COLUMNS,
        title=title,
        fixed={"energy_level": level} if level else {},
        certified=True,
        unverified=ORDER_UNVERIFIED,
    )


OWN: Final = tuple(column for column in COLUMNS if column.name != "location_and_use")
LAYOUTS: Final = {
    layout.name: layout
    for layout in (
        Layout(name="generic", columns=tuple((c.name, c.en) for c in OWN)),
        Layout(name="generic-zh", columns=tuple((c.name, c.zh) for c in OWN)),
        _audit("b3", "表B.3 能源计量器具一览表"),
        _audit("b4", "表B.4 进出用能单位能源计量器具一览表", "用能单位"),
        _audit("b5", "表B.5 进出主要次级用能单位能源计量器具一览表", "主要次级用能单位"),
        _audit("b6", "表B.6 主要用能设备能源计量器具一览表", "主要用能设备"),
        _audit("b7", "表B.7 其他能源计量器具一览表", "其他"),
        Layout(
            name="sap",
            columns=(
                ("asset_number", "EQUNR"), ("name_zh", "EQKTX"), ("type_designation", "TYPBZ"),
                ("manufacturer_en", "HERST"), ("serial_number", "SERGE"), ("location", "TPLNR"),
            ),
            unverified="the fields are of EQUI and ILOA as we know them; no system was asked",
        ),
    )
}  # fmt: skip


def _unified(header: str) -> str:
    text = unicodedata.normalize("NFKC", header).strip().lower().removesuffix(":").strip()
    return re.sub(r"\s*\*$|[\s　]+", " ", text).strip()


HEADERS: Final = {
    _unified(header): column.name
    for column in COLUMNS
    for header in (column.name, *column.also, column.zh, column.en)
} | {
    _unified(header): name for layout in LAYOUTS.values() for name, header in layout.columns
}  # fmt: skip


def column_named(header: str) -> str | None:
    """Return which of our columns a header means; None if it is none of them."""
    return HEADERS.get(_unified(header)) or HEADERS.get(_unified(header).replace(" ", ""))


def known_columns(header: Sequence[str]) -> int:
    """Return how many of our columns a row of cells names."""
    return len({name for cell in header if len(cell) <= LONGEST_TEXT
                and (name := column_named(cell))})  # fmt: skip
