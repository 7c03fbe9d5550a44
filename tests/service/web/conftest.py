"""One view of every page, as a small world of a plant, a province and a nation makes them.

A pressure gauge of the plant was verified with the plant's pressure module, that with the
province's piston gauge, that with the national standard. The piston gauge is used twice.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from markupsafe import Markup

from certificates.content import CertificateKind
from procedures.conformity import Verdict
from service.store.due import DueStatus, due_status
from service.web import add_pages, render_drawing, render_page
from service.web.due import DueFilter, DuePage, DueRow
from service.web.i18n import language_of
from service.web.telling import chain_page, findings_page
from service.web.views import (
    ActAsPage,
    AuthenticationPage,
    Bilingual,
    CertificateFile,
    CertificatePage,
    CertificateRow,
    CertificateStatus,
    DemoOrganization,
    DemoPerson,
    ErrorPage,
    EventRow,
    ExpandedUncertainty,
    FoundItem,
    Frame,
    HomePage,
    ItemPage,
    LookupPage,
    MeasuringInterval,
    Page,
    PaperRow,
    UnknownCertificatePage,
)
from service.web.viz import DriftPoint, draw_drift, draw_weeks
from traceability import graph
from traceability.audit import ItemStatus, audit
from traceability.chain import trace
from traceability.drawing import Language
from traceability.graph import Link, Reference, UncertaintyStatement
from traceability.schedule import Activity, Rule

TODAY = date(2026, 11, 21)
NATIONAL, PISTON, MODULE, BAROMETER, GAUGE = (UUID(int=n) for n in range(1, 6))
GAUGE_ITEM = UUID(int=105)
MAKER = Bilingual(zh="示例红旗仪表厂", en="Hongqi Gauge Works (example)")
PLANT = Bilingual(zh="示例火力发电厂(2×660 MW)", en="Example thermal power plant (2x660 MW)")
PROVINCE = Bilingual(zh="示例省计量科学研究院", en="Example Provincial Institute of Metrology")
NATION = Bilingual(zh="中国计量科学研究院", en="National Institute of Metrology, China")
GAUGE_NAME = Bilingual(zh="一般压力表(给水泵出口)", en="Bourdon gauge (feedwater pump outlet)")
LEVELS = {
    NATIONAL: Bilingual(zh="国家计量基准", en="National primary standard"),
    PISTON: Bilingual(zh="社会公用计量标准(省级最高)", en="Provincial public standard"),
    GAUGE: Bilingual(zh="工作计量器具", en="Working measuring instrument"),
}


def _link(
    calibration_id: UUID,
    name: Bilingual,
    made_by: Bilingual,
    performed_on: date,
    valid_until: date | None,
    *,
    relative_u: float,
    upper: float = 10.0,
    references: tuple[Reference, ...] = (),
    number: str | None = None,
    terminal_reason: str | None = None,
) -> Link:
    return Link(
        calibration_id=calibration_id,
        item_id=UUID(int=calibration_id.int + 100),
        item_name_zh=name.zh,
        item_name_en=name.en,
        laboratory_zh=made_by.zh,
        laboratory_en=made_by.en,
        certificate_number=number,
        performed_on=performed_on,
        valid_until=valid_until,
        kind="verification",
        procedure_code="JJG 52",
        interval=graph.MeasuringInterval(lower=0.0, upper=upper, unit="MPa"),
        uncertainty=UncertaintyStatement(
            model="relative", coefficient=relative_u, coverage_factor=2.0, unit="MPa"
        ),
        references=references,
        terminal_reason=terminal_reason,
    )


def _uses(position: int, reference_id: UUID, at: float, ratio: float | None = None) -> Reference:
    return Reference(
        position=position,
        reference_id=reference_id,
        method_zh="直接比较法",
        method_en="direct comparison",
        at_value=at,
        at_unit="MPa",
        user_value=at,
        user_unit="MPa",
        ratio=ratio,
        ratio_limit=0.25 if ratio else None,
        contributed_standard_uncertainty=at * 1e-5,
    )


def world(*, piston_valid_until: date = date(2027, 6, 26), ratio: float = 0.05) -> list[Link]:
    """Return the calibrations of the small world; the arguments break it."""
    names = {
        NATIONAL: Bilingual(zh="国家压力基准活塞压力计", en="National primary piston gauge"),
        PISTON: Bilingual(zh="工作基准活塞式压力计", en="Working-standard piston gauge"),
        MODULE: Bilingual(zh="数字压力模块 0.05级", en="Digital pressure module, class 0.05"),
        BAROMETER: Bilingual(zh="数字气压计", en="Digital barometer"),
    }
    return [
        _link(
            NATIONAL,
            names[NATIONAL],
            NATION,
            date(2010, 3, 2),
            None,
            relative_u=2.1e-5,
            number="NIM-2010-00001",
            terminal_reason="si_realisation",
        ),
        _link(
            PISTON,
            names[PISTON],
            NATION,
            date(2025, 6, 27),
            piston_valid_until,
            relative_u=5e-5,
            number="NIM-2025-00017",
            references=(_uses(0, NATIONAL, 10.0),),
        ),
        _link(
            MODULE,
            names[MODULE],
            PROVINCE,
            date(2026, 3, 17),
            date(2027, 3, 16),
            relative_u=5e-4,
            number="PROV-2026-00031",
            references=(_uses(0, PISTON, 2.5),),
        ),
        _link(
            BAROMETER,
            names[BAROMETER],
            PROVINCE,
            date(2026, 1, 9),
            date(2026, 12, 8),
            relative_u=3e-4,
            number="PROV-2026-00004",
            references=(_uses(0, PISTON, 0.1),),
        ),
        _link(
            GAUGE,
            GAUGE_NAME,
            PLANT,
            date(2026, 6, 12),
            date(2026, 12, 11),
            relative_u=0.0087,
            upper=1.6,
            number="TPP-2026-00012",
            references=(_uses(0, MODULE, 0.8, ratio), _uses(1, BAROMETER, 0.8)),
        ),
    ]


def chain_view(links: list[Link], language: Language, on: date = TODAY) -> Page:
    """Return the page of the gauge's chain."""
    chain = trace(links, GAUGE, on=on)
    return chain_page(chain, on=on, language=language, levels=LEVELS)


def findings_view(links: list[Link]) -> Page:
    """Return the audit's page of the same calibrations."""
    names = {UUID(int=n + 100): Bilingual(zh=f"器具 {n}", en=f"item {n}") for n in range(1, 6)}
    found = audit(links, [ItemStatus(item_id=item_id) for item_id in names], on=TODAY)
    return findings_page(found, links, names, on=TODAY)


def _row(
    number: str,
    maker: Bilingual,
    status: CertificateStatus,
    *,
    kind: CertificateKind = CertificateKind.VERIFICATION_CERTIFICATE,
    valid_until: date | None = date(2026, 12, 11),
) -> CertificateRow:
    return CertificateRow(
        number=number,
        kind=kind,
        item_name=GAUGE_NAME,
        manufacturer=maker,
        type_designation="Y-150",
        serial_number="0012847",
        issuer=PLANT,
        issued_on=date(2026, 6, 12),
        valid_until=valid_until,
        status=status,
        calibration_id=GAUGE,
        item_id=GAUGE_ITEM,
    )


OTHER_MAKER = Bilingual(zh="示例布莱克仪表厂", en="Bulaike Instruments (example)")
ROWS = (
    _row("TPP-2026-00012", MAKER, CertificateStatus.DUE_SOON),
    _row("CEM-2026-00031", OTHER_MAKER, CertificateStatus.VALID, valid_until=None),
    _row("TPP-2025-00009", MAKER, CertificateStatus.EXPIRED, valid_until=date(2025, 12, 18)),
    _row(
        "TPP-2025-00002",
        MAKER,
        CertificateStatus.WITHDRAWN,
        kind=CertificateKind.CALIBRATION_CERTIFICATE,
    ),
    _row(
        "TPP-2024-00044",
        MAKER,
        CertificateStatus.AMENDED,
        kind=CertificateKind.VERIFICATION_REJECTION,
    ),
)


def _found(maker: Bilingual) -> FoundItem:
    return FoundItem(
        name=GAUGE_NAME,
        manufacturer=maker,
        type_designation="Y-150",
        serial_number="0012847",
        holder=PLANT,
        item_id=GAUGE_ITEM,
    )


def _points() -> list[DriftPoint]:
    found = [
        ("2023-02-09", "0.000", None),
        ("2023-07-28", "0.004", None),
        ("2024-01-23", "0.011", None),
        ("2024-07-12", "0.019", None),
        ("2025-01-06", "0.027", "0.002"),
        ("2025-06-25", "0.006", None),
        ("2025-12-19", "0.010", None),
        ("2026-06-12", "0.012", None),
    ]
    return [
        DriftPoint(
            on=date.fromisoformat(day),
            error=Decimal(error),
            expanded_uncertainty=Decimal("0.007"),
            coverage_factor=Decimal(2),
            as_left=Decimal(left) if left else None,
            conforming=Decimal(error) <= Decimal("0.0256"),
        )
        for day, error, left in found
    ]


def _event(day: str, number: str, verdict: Verdict | None, *, adjusted: bool = False) -> EventRow:
    return EventRow(
        calibration_id=GAUGE,
        kind="verification" if verdict else "calibration",
        performed_on=date.fromisoformat(day),
        valid_until=date(2026, 12, 11),
        laboratory=PLANT,
        certificate_number=number,
        procedure="JJG 52",
        verdict=verdict,
        adjusted=adjusted,
        expanded_uncertainty=ExpandedUncertainty(
            value=Decimal("0.0070"), unit="MPa", coverage_factor=Decimal(2)
        ),
    )


def item_view() -> ItemPage:
    """Return the page of the gauge."""
    limit, due_on = Decimal("0.0256"), date(2026, 12, 11)
    return ItemPage(
        item_id=GAUGE_ITEM,
        name=GAUGE_NAME,
        manufacturer=MAKER,
        type_designation="Y-150",
        serial_number="0012847",
        asset_number="TPP-2022-0098",
        holder=PLANT,
        location="生产现场 · 2号给水泵",
        level=LEVELS[GAUGE],
        state="in_use",
        on=TODAY,
        due_on=due_on,
        period_months=6,
        events=(
            _event("2026-06-12", "TPP-2026-00012", Verdict.PASS),
            _event("2025-12-19", "TPP-2025-00031", Verdict.PASS),
            _event("2025-06-25", "TPP-2025-00009", None),
            _event("2025-01-06", "TPP-2025-00002", Verdict.FAIL, adjusted=True),
        ),
        measuring_interval=MeasuringInterval(lower=Decimal(0), upper=Decimal("1.6"), unit="MPa"),
        accuracy="1.6级",
        procedure="JJG 52",
        procedure_verified=False,
        drift=draw_drift(_points(), today=TODAY, limit=limit, due_on=due_on),
        drift_narrow=draw_drift(
            _points(), today=TODAY, limit=limit, due_on=due_on, width=352, height=260
        ),
        drift_unit="MPa",
        drift_at="0.8 MPa",
    )


def due_view(asked: DueFilter | None = None) -> DuePage:
    """Return the due list of the plant."""
    days = [date(2026, 10, 6), date(2026, 11, 21), date(2026, 12, 11), date(2027, 1, 15), None]
    rows = tuple(
        DueRow(
            item_id=UUID(int=200 + n),
            name=GAUGE_NAME,
            serial_number=f"00128{n:02}",
            asset_number=f"TPP-2022-00{n:02}",
            location="生产现场",
            activity=Activity.VERIFICATION,
            is_mandatory=True,
            is_carbon_meter=n == 1,
            due_on=day,
            status=due_status(TODAY, day),
            days_left=None if day is None else (day - TODAY).days,
            rule=None if day is None else Rule.PROCEDURE,
            source="" if day is None else "JJG 52-2013",
            months=None if day is None else 6,
            anchor_on=date(2026, 6, 12),
            last_performed_on=date(2026, 6, 12),
            is_ordered=n == 2,
        )
        for n, day in enumerate(days * 3)
    )
    counts = {status: sum(row.status == status for row in rows) for status in DueStatus}
    weeks = [(date(2026, 11, 16) + timedelta(weeks=n), {"verification": n % 4, "maintenance": 1})
             for n in range(13)]  # fmt: skip
    return DuePage(
        on=TODAY,
        rows=rows,
        counts=counts,
        filter=asked or DueFilter(),
        matching=len(rows),
        sites=((str(UUID(int=8)), Bilingual(zh="示例电厂", en="Example plant")),),
        areas=("生产现场", "锅炉房"),
        owners=((str(UUID(int=7)), Bilingual(zh="王工", en="Wang")),),
        weeks=draw_weeks(weeks, capacity=3, width=920, height=210),
        weeks_narrow=draw_weeks(weeks[:6], capacity=3, width=352, height=180),
        capacity=3,
        hours=338.0,
        pages=3,
    )


def act_as_view() -> ActAsPage:
    """Return the choice of people."""
    people = [
        (UUID(int=301), "王丽华", "Lihua Wang", "metrologist"),
        (UUID(int=302), "赵敏", "Min Zhao", "checker"),
        (UUID(int=303), "陈刚", "Gang Chen", "approver"),
    ]
    organizations = [(NATION, "national_institute"), (PROVINCE, "regional_institute")]
    return ActAsPage(
        back="/due",
        organizations=tuple(
            DemoOrganization(
                name=name,
                kind=kind,
                people=tuple(
                    DemoPerson(
                        person_id=id_,
                        name=Bilingual(zh=zh, en=en),
                        role=role,
                        current=kind == "regional_institute" and role == "checker",
                    )
                    for id_, zh, en, role in people
                ),
            )
            for name, kind in [*organizations, (PLANT, "enterprise")]
        ),
    )


def certificate_view(document: Markup | None = None) -> CertificatePage:
    """Return the page of the gauge's certificate."""
    return CertificatePage(
        today=TODAY,
        row=ROWS[0],
        on=TODAY,
        document=document
        or Markup('<article class="certificate"><h1>检定证书</h1><p>0.8 MPa</p></article>'),
        files=(
            CertificateFile(format="pdf", size=184_332, sha256="ab" * 32),
            CertificateFile(format="xml", size=20_110, sha256="cd" * 32),
            CertificateFile(format="json", size=9_120),
        ),
        chain_unbroken=True,
    )


def all_views(language: Language) -> dict[str, Page | DuePage]:
    """Return a view of every page, by a name for it."""
    whole, expired = world(), world(piston_valid_until=date(2026, 2, 1), ratio=0.4)
    return {
        "home": HomePage(
            on=TODAY,
            example_serial_number="0012848",
            shared_serial_number="0012847",
            example_certificate_number="TPP-2026-00012",
            example_calibration_id=GAUGE,
            example_item_id=GAUGE_ITEM,
            organizations=10,
            items=276,
            events=574,
        ),
        "home-bare": HomePage(on=TODAY),
        "none": LookupPage(query="<b>X&1", on=TODAY, certificates=()),
        "item-without-certificate": LookupPage(
            query="0012847", on=TODAY, certificates=(), items=(_found(MAKER),)
        ),
        "one": LookupPage(query="0012847", on=TODAY, certificates=ROWS[:1], items=(_found(MAKER),)),
        "many": LookupPage(
            query="0012847",
            on=TODAY,
            certificates=ROWS,
            items=(_found(MAKER), _found(OTHER_MAKER)),
        ),
        "certificate": certificate_view(),
        "certificate-withdrawn": CertificatePage(
            today=TODAY,
            row=ROWS[3],
            on=TODAY,
            document=None,
            withdrawal_reason="抄录错误",
            chain_unbroken=False,
        ),
        "certificate-amended": CertificatePage(
            today=TODAY, row=ROWS[4], on=TODAY, document=None, replaced_by="TPP-2024-00045"
        ),
        "certificate-unknown": UnknownCertificatePage(number="TPP-2026-99999-X"),
        "certificate-compared": replace(
            certificate_view(),
            document=None,
            asked="TPP-2O26-OOO12",
            code="0123456789ab",
            code_is_right=True,
            paper=(
                PaperRow(
                    measurand=Bilingual(zh="示值误差", en="Error of indication"),
                    nominal="0.80 MPa",
                    estimate="0.012 MPa",
                    uncertainty="0.0070 MPa (k = 2)",
                    verdict=Verdict.PASS,
                ),
            ),
        ),
        "certificate-code-wrong": CertificatePage(
            today=TODAY, row=ROWS[0], on=TODAY, document=None, code="ab", code_is_right=False
        ),
        "authenticate": AuthenticationPage(on=TODAY, largest=32 * 2**20),
        "authenticate-refused": AuthenticationPage(on=TODAY, largest=32 * 2**20, error="TooLarge"),
        **{
            f"authenticate-{finding}": AuthenticationPage(
                on=TODAY, largest=32 * 2**20, finding=finding, sha256="ab" * 32, row=row
            )
            for finding, row in (("issued", ROWS[0]), ("altered", ROWS[1]), ("unknown", None))
        },
        "chain": chain_view(whole, language),
        "chain-broken": chain_view(expired, language),
        "chain-later": chain_view(whole, language, date(2027, 9, 1)),
        "item": item_view(),
        "due": due_view(),
        "due-filtered": due_view(
            DueFilter(text="gauge", status=DueStatus.OVERDUE, sort="name", descending=True, page=2)
        ),
        "clean": findings_view([link for link in whole if link.calibration_id != BAROMETER][:3]),
        "findings": findings_view(expired),
        "act-as": act_as_view(),
        "missing": ErrorPage(status=404),
        "unreadable": ErrorPage(status=422, details=(("on", "a date is expected"),)),
        "broken": ErrorPage(status=500),
    }


def _frame_of(_request: Request) -> Frame:
    return Frame(
        today=TODAY,
        organization=PLANT,
        person=Bilingual(zh="李敏", en="Min Li"),
        demonstration=True,
    )


def build_app() -> FastAPI:
    """Return an application that shows every sample view at /sample/{name}."""
    app = FastAPI(title="suyuan", docs_url=None, redoc_url=None)

    @app.get("/sample/{name}")
    def sample(request: Request, name: str) -> object:
        return render_page(request, all_views(language_of(request))[name])

    @app.get("/sample-drawing")
    def drawing(request: Request) -> object:
        view = all_views("zh")["chain"]
        return render_drawing(request, view)  # type: ignore[arg-type]  # the view of that name

    @app.get("/sample-number")
    def number(on: date) -> date:
        return on

    @app.get("/sample-crash")
    def crash() -> None:
        raise RuntimeError("a bolt is loose")

    add_pages(app, frame_of=_frame_of)
    return app


@pytest.fixture(scope="session")
def client() -> TestClient:
    """A browser's client of the sample application; it does not follow redirects."""
    return TestClient(
        build_app(),
        headers={"accept": "text/html"},
        follow_redirects=False,
        raise_server_exceptions=False,
    )


@pytest.fixture
def get(client: TestClient) -> Callable[..., str]:
    """Fetch a page by the name of its sample and its language, and return its HTML."""

    def fetch(name: str, language: str) -> str:
        answer = client.get(f"/sample/{name}", params={"lang": language})
        client.cookies.clear()
        assert answer.status_code == 200, answer.text
        return answer.text

    return fetch
