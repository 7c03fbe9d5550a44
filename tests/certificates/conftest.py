"""Certificates as the demonstration world issues them, to be changed by each test."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import noto_cjk_sans_otc
import pytest

from certificates.content import (
    BudgetLine,
    CertificateContent,
    CertificateKind,
    CheckedItem,
    Condition,
    Conformity,
    ItemDescription,
    MaterialStatements,
    Meaning,
    Method,
    Party,
    PlaceOfPerformance,
    ResultRow,
    Signatory,
    StandardUsed,
    ValueStatus,
)
from certificates.pdf import Typesetter
from certificates.signer import KeySigner
from procedures.conformity import Verdict
from tests.seals import new_signer

PLANT = Party(
    name_zh="示例火力发电厂(2×660 MW)",
    name_en="Example thermal power plant (2x660 MW)",
    address="示例省示例市滨江路 8 号 8 Binjiang Road, Example City",
    authorisations=("(TPP)示例计授〔2023〕017号",),
    contact="0000-0000000 metrology@tpp.example",
)
PROVINCE = Party(
    name_zh="示例省计量科学研究院",
    name_en="Example Provincial Institute of Metrology",
    address="示例省示例市计量路 100 号 100 Jiliang Road, Example City",
    authorisations=("(省)示例法计〔2023〕PROV01号",),
    contact="0000-0000001 office@prov.example",
)
GAUGE = ItemDescription(
    name_zh="一般压力表（辅汽联箱）",
    name_en="Bourdon gauge (auxiliary steam header)",
    type_designation="Y-150",
    manufacturer_zh="示例红旗仪表厂",
    manufacturer_en="Hongqi Gauge Works (example)",
    serial_number="0083105",
    asset_number="TPP-2021-0123",
    range_text="(0~1.6) MPa",
    accuracy_text="1.6级",
    condition_zh="完好",
    condition_en="good",
)
MODULE = StandardUsed(
    name_zh="0.05级数字压力模块(0~2.5 MPa)",
    name_en="Digital pressure module 0.05, 0-2.5 MPa",
    serial_number="KS25-0417",
    range_text="(0~2.5) MPa",
    accuracy_text="0.05级",
    certificate_number="PROV-2026-00016",
    valid_until=date(2027, 3, 16),
    laboratory_zh="示例省计量科学研究院",
    laboratory_en="Example Provincial Institute of Metrology",
    certificate_sha256="5e" * 32,
)
RISING = {"0": "0.00", "0.4": "0.01", "0.8": "0.01", "1.2": "0.01", "1.6": "0.01"}
FALLING = {"0": "0.00", "0.4": "0.01", "0.8": "0.02", "1.2": "0.02", "1.6": "0.01"}


def _errors_of_indication(readings, zh, en):
    return tuple(
        ResultRow(
            measurand_zh=f"示值误差({zh})",
            measurand_en=f"Error of indication ({en})",
            nominal=nominal,
            unit="MPa",
            estimate=error,
            expanded_uncertainty="0.0070",
            coverage_factor="2",
            coverage_probability="0.95",
            limit="±0.040" if nominal == "1.6" else "±0.0256",
            verdict=Verdict.PASS,
        )
        for nominal, error in readings.items()
    )


def _signed_by(*names):
    people = zip(Meaning, names, range(9, 12), strict=True)
    return tuple(
        Signatory(
            meaning=meaning,
            person_id=f"{hour:032x}",
            name_zh=zh,
            name_en=en,
            signed_at=datetime(2026, 11, 21, hour, 30, tzinfo=UTC),
        )
        for meaning, (zh, en), hour in people
    )


@pytest.fixture(scope="session")
def verification() -> CertificateContent:
    """The story's 检定证书: a pressure gauge of the power plant by JJG 52."""
    return pressure_gauge()


def pressure_gauge() -> CertificateContent:
    """Return the certificate of the story."""
    return CertificateContent(
        number="TPP-2026-00123-D",
        kind=CertificateKind.VERIFICATION_CERTIFICATE,
        issued_on=date(2026, 11, 21),
        performed_on=date(2026, 11, 21),
        received_on=date(2026, 11, 20),
        valid_until=date(2027, 5, 20),
        place=PlaceOfPerformance.LABORATORY,
        place_zh="压力标准室",
        place_en="Pressure standards room",
        laboratory=PLANT,
        customer=replace(PLANT, authorisations=()),
        item=GAUGE,
        methods=(
            Method(
                code="JJG 52",
                edition="2013",
                title_zh="弹性元件式一般压力表、压力真空表和真空表检定规程",
                title_en="Verification regulation of elastic element pressure gauges",
                unverified=("title_en",),
            ),
        ),
        environment=(
            Condition(name_zh="温度", name_en="temperature", value="20.6", unit="°C"),
            Condition(name_zh="相对湿度", name_en="relative humidity", value="48", unit="%"),
        ),
        standards=(MODULE,),
        results=(
            *_errors_of_indication(RISING, "升压", "rising"),
            *_errors_of_indication(FALLING, "降压", "falling"),
        ),
        checked_items=(
            CheckedItem(
                name_zh="外观",
                name_en="Appearance",
                value="符合要求 conforms",
                limit="JJG 52",
                unit="",
                verdict=Verdict.PASS,
            ),
            CheckedItem(
                name_zh="回程误差",
                name_en="Hysteresis",
                value="0.01",
                limit="≤ 0.0256",
                unit="MPa",
                verdict=Verdict.PASS,
            ),
            CheckedItem(
                name_zh="轻敲位移",
                name_en="Displacement by tapping",
                value="0.01",
                limit="≤ 0.0128",
                unit="MPa",
                verdict=Verdict.PASS,
            ),
        ),
        budget=(
            BudgetLine(
                source_zh="读数(分度值的1/5)",
                source_en="Reading (1/5 of a division)",
                evaluation="B",
                distribution="rectangular",
                standard_uncertainty="0.0029",
                unit="MPa",
                sensitivity_coefficient="1",
                contribution="0.0029",
                contribution_unit="MPa",
                share="69.1",
            ),
            BudgetLine(
                source_zh="重复性",
                source_en="Repeatability",
                evaluation="A",
                distribution="t",
                standard_uncertainty="0.0012",
                unit="MPa",
                sensitivity_coefficient="1",
                contribution="0.0012",
                contribution_unit="MPa",
                share="11.9",
            ),
        ),
        budget_caption_zh="0.8 MPa 点",
        budget_caption_en="at 0.8 MPa",
        conformity=Conformity(
            verdict=Verdict.PASS,
            decision_rule_zh="按 JJG 52 直接比较最大允许误差(简单接受)",
            decision_rule_en="comparison with the maximum permissible error (simple acceptance)",
            specification="JJG 52-2013, 1.6级",
        ),
        traceability_statement_zh="量值经示例省计量科学研究院溯源至国家压力基准。",
        traceability_statement_en=(
            "Traceable to the national standard of pressure through the Example Provincial "
            "Institute of Metrology."
        ),
        signatories=_signed_by(
            ("李子涵", "Zihan Li"), ("周慧敏", "Huimin Zhou"), ("林世杰", "Shijie Lin")
        ),
        original_record_number="R-2026-0417",
        demonstration=True,
        verification_url="https://suyuan.example/c/TPP-2026-00123-D?d=4f9a1c",
    )


@pytest.fixture(scope="session")
def rejection(verification: CertificateContent) -> CertificateContent:
    """The failing variant of the story: one reading more makes it a 检定结果通知书."""
    assert verification.conformity is not None
    results = tuple(
        replace(row, estimate="0.03", verdict=Verdict.FAIL)
        if row.nominal == "0.8" and "falling" in row.measurand_en
        else row
        for row in verification.results
    )
    return replace(
        verification,
        kind=CertificateKind.VERIFICATION_REJECTION,
        valid_until=None,
        results=results,
        conformity=replace(verification.conformity, verdict=Verdict.FAIL),
    )


@pytest.fixture(scope="session")
def record(verification: CertificateContent) -> CertificateContent:
    """The same work, kept as an internal record only."""
    return replace(verification, kind=CertificateKind.VERIFICATION_RECORD, customer=None)


@pytest.fixture(scope="session")
def calibration(verification: CertificateContent) -> CertificateContent:
    """A 校准证书 of the plant's pressure module: values, no verdict, no due date."""
    errors = {
        "0.5": "0.00073",
        "1.0": "0.00076",
        "1.5": "0.00065",
        "2.0": "0.00073",
        "2.5": "0.00069",
    }
    return replace(
        verification,
        number="PROV-2026-00016-Y",
        kind=CertificateKind.CALIBRATION_CERTIFICATE,
        valid_until=None,
        conformity=None,
        checked_items=(),
        laboratory=PROVINCE,
        customer=PLANT,
        item=replace(
            GAUGE,
            name_zh="数字压力模块",
            name_en="Digital pressure module",
            type_designation="KS-25",
            serial_number="KS25-0417",
            asset_number="TPP-2019-0276",
            range_text="(0~2.5) MPa",
            accuracy_text="0.05级",
        ),
        results=tuple(
            ResultRow(
                measurand_zh="示值误差",
                measurand_en="Error of indication",
                nominal=nominal,
                unit="MPa",
                estimate=error,
                expanded_uncertainty="0.00063",
                coverage_factor="2",
                coverage_probability="0.95",
            )
            for nominal, error in errors.items()
        ),
        signatories=_signed_by(("高宇", "Yu Gao"), ("何静", "Jing He"), ("㐀𠮷祥", "Jixiang Qiu")),
    )


@pytest.fixture(scope="session")
def material(verification: CertificateContent) -> CertificateContent:
    """A 标准物质证书: a coal sample with its certified net calorific value."""
    return replace(
        verification,
        number="NIM-2026-00007-C",
        kind=CertificateKind.REFERENCE_MATERIAL_CERTIFICATE,
        customer=None,
        received_on=None,
        valid_until=date(2030, 12, 31),
        conformity=None,
        checked_items=(),
        environment=(),
        standards=(),
        budget=(),
        laboratory=PROVINCE,
        item=replace(
            GAUGE,
            name_zh="煤标准物质",
            name_en="Coal reference material",
            type_designation="",
            manufacturer_zh="",
            manufacturer_en="",
            serial_number="",
            asset_number="",
            range_text="",
            accuracy_text="",
        ),
        results=(
            ResultRow(
                measurand_zh="干燥基高位发热量",
                measurand_en="Gross calorific value, dry basis",
                unit="MJ/kg",
                estimate="26.71",
                expanded_uncertainty="0.12",
                coverage_factor="2",
                coverage_probability="0.95",
                value_status=ValueStatus.CERTIFIED,
            ),
            ResultRow(
                measurand_zh="灰分",
                measurand_en="Ash",
                unit="%",
                estimate="9.8",
                value_status=ValueStatus.INDICATIVE,
            ),
        ),
        material=MaterialStatements(
            batch="2026-03",
            version="1",
            intended_use_zh="校准量热仪",
            intended_use_en="Calibration of calorimeters",
            minimum_sample_size="1.0 g",
            storage_zh="避光、干燥、密封",
            storage_en="dark, dry, sealed",
            handling_zh="使用前摇匀",
            handling_en="shake before use",
            description_zh="60 g 烟煤粉，瓶装",
            description_en="60 g of bituminous coal powder in a bottle",
        ),
    )


@pytest.fixture(
    scope="session", params=["verification", "rejection", "record", "calibration", "material"]
)
def certificate(request) -> CertificateContent:
    """Each kind of certificate in turn."""
    content: CertificateContent = request.getfixturevalue(request.param)
    return content


@pytest.fixture(scope="session")
def font_folder() -> str:
    """The folder of the CJK font's package."""
    return str(Path(noto_cjk_sans_otc.__file__).parent)


@pytest.fixture(scope="session")
def typesetter(font_folder) -> Typesetter:
    return Typesetter(font_folder)


@pytest.fixture(scope="session")
def signer() -> KeySigner:
    """The seal of the power plant."""
    return new_signer()


@pytest.fixture(scope="session")
def every_kind(verification, rejection, record, calibration, material) -> list[CertificateContent]:
    """One certificate of each kind."""
    return [verification, rejection, record, calibration, material]
