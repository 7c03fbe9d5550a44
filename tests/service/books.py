"""What the tests of the books share: items, works, signatures and certificates of a small world.

Everything is written by the actions that a user would call; only the values are made up.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, func
from sqlmodel import Session, SQLModel, select
from uuid_utils.compat import uuid7

from certificates.content import (
    CertificateContent,
    CertificateKind,
    Condition,
    ItemDescription,
    Meaning,
    Method,
    Party,
    PlaceOfPerformance,
    ResultRow,
    Signatory,
    StandardUsed,
)
from procedures.budget import UncertaintyBudget, evaluate
from procedures.models import compile_model
from procedures.quantities import InputQuantity
from service.actions import calibrations, certificates, items
from service.actions.calibrations import Result, Use, Work
from service.lookup import LookupKeys
from service.tables.calibrations import Calibration
from service.tables.certificates import Certificate
from service.tables.items import Item
from service.tables.people import Person
from service.tenancy import TenantSession
from tests.seals import SEALS
from traceability.graph import MeasuringInterval, UncertaintyStatement

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
KEYS = LookupKeys(b"a secret of the tests")
ACTOR = UUID(int=1)
PROCEDURE = "JJG 52"
RECORDS = count(1)
READ = {"0.00": "0.00", "1.00": "1.01"}  # as read, by nominal value, in MPa


def register(session: TenantSession, name: str, **facts: Any) -> Item:
    """Enter a pressure gauge into the ledger."""
    said: dict[str, Any] = {
        "kind": "measuring_instrument",
        "name_zh": f"{name} 压力表",
        "name_en": name,
        "manufacturer_zh": "示例仪表厂",
        "manufacturer_en": "Gauge Works (example)",
        "type_designation": "Y-150",
        "serial_number": f"SN {name}",
        "quantity": "pressure",
        "range_lower": 0.0,
        "range_upper": 1.6,
        "range_unit": "MPa",
        "accuracy_text": "1.6",
        "location": [],
    }
    return items.register(session, actor_id=ACTOR, now=NOW, **said | facts)


def result(**said: Any) -> Result:
    """Return one error of indication at 1.00 MPa, (0.010 ± 0.020) MPa, k = 2."""
    known: dict[str, Any] = {
        "measurand": "error_of_indication",
        "unit": "MPa",
        "nominal": Decimal("1.00"),
        "estimate": Decimal("0.010"),
        "expanded_uncertainty": Decimal("0.020"),
        "coverage_factor": 2.0,
        "coverage_probability": 0.95,
    }
    return Result(**known | said)


def budget_of_one() -> UncertaintyBudget:
    """Return the budget of a quantity read directly: 0.010 MPa, u = 0.010 MPa."""
    read = InputQuantity(symbol="x", estimate=0.01, standard_uncertainty=0.01, unit="MPa")
    return evaluate(compile_model("x", ["x"]), [read], unit="MPa")


def use(**said: Any) -> Use:
    """Return the use of a reference at 1 MPa, which contributes u = 0.004 MPa."""
    known: dict[str, Any] = {
        "method_zh": "直接比较法",
        "method_en": "direct comparison",
        "at_value": 1.0,
        "at_unit": "MPa",
        "user_value": 1.0,
        "user_unit": "MPa",
        "standard_uncertainty": 0.004,
        "contributed_standard_uncertainty": 0.004,
        "sensitivity_coefficient": -1.0,
    }
    return Use(**known | said)


def work(item_id: UUID, performed_on: date, *uses: Use, **said: Any) -> Work:
    """Return the calibration of a gauge from 0 to 1.6 MPa, with one result."""
    known: dict[str, Any] = {
        "id": uuid7(),
        "kind": "calibration",
        "valid_until": date(2027, 12, 31),
        "procedure_code": PROCEDURE,
        "place": "laboratory",
        "record_number": f"R-{next(RECORDS):05d}",
        "readings": {"points": READ},
        "interval": MeasuringInterval(lower=0.0, upper=1.6, unit="MPa"),
        "uncertainty": UncertaintyStatement(
            model="absolute", coefficient=0.02, coverage_factor=2.0, unit="MPa"
        ),
        "results": (result(),),
    }
    return Work(item_id=item_id, performed_on=performed_on, uses=uses, **known | said)


def calibrate(
    session: TenantSession,
    name: str,
    performed_on: date,
    *uses: Use,
    now: datetime = NOW,
    item_id: UUID | None = None,
    **said: Any,
) -> Calibration:
    """Record a calibration of a new item, or of one in the ledger."""
    item_id = item_id or register(session, name).id
    done = work(item_id, performed_on, *uses, **said)
    return calibrations.record(session, done, performed_by=ACTOR, now=now)


def sign_three_times(
    session: TenantSession, calibration_id: UUID, people: Mapping[str, Person]
) -> None:
    """Let one person calibrate, another check and a third approve."""
    for meaning, person in people.items():
        certificates.sign(
            session, calibration_id, meaning=meaning, person=person, authenticated_at=NOW, now=NOW
        )


def issue(
    session: TenantSession, calibration_id: UUID, people: Mapping[str, Person], **said: Any
) -> Certificate:
    """Issue the certificate of a calibration, as a small content and a page of one line."""
    known: dict[str, Any] = {
        "compose": lambda number: content_of(number, people),
        "render": lambda content, _signer, _now: {"html": f"<p>{content.number}</p>".encode()},
        "actor_id": people["approved"].id,
        "keys": KEYS,
        "seals": SEALS,
        "now": NOW,
    }
    return certificates.issue(session, calibration_id, **known | said)


def content_of(number: str, people: Mapping[str, Person]) -> CertificateContent:
    """Return a small calibration certificate that its kind accepts."""
    laboratory = Party(name_zh="LAB 机构", name_en="Lab", address="1 Example Road")
    return CertificateContent(
        number=number,
        kind=CertificateKind.CALIBRATION_CERTIFICATE,
        issued_on=NOW.date(),
        performed_on=date(2026, 2, 1),
        place=PlaceOfPerformance.LABORATORY,
        place_zh="压力室",
        place_en="pressure room",
        laboratory=laboratory,
        customer=laboratory,
        item=ItemDescription(
            name_zh="压力表",
            name_en="gauge",
            type_designation="Y-150",
            manufacturer_zh="示例仪表厂",
            manufacturer_en="Gauge Works (example)",
            serial_number="SN meter",
            asset_number="",
            range_text="(0 ~ 1.6) MPa",
            accuracy_text="1.6",
        ),
        methods=(
            Method(code=PROCEDURE, edition="2013", title_zh="检定规程", title_en="regulation"),
        ),
        environment=(Condition(name_zh="温度", name_en="temperature", value="20.6", unit="°C"),),
        standards=(
            StandardUsed(
                name_zh="标准压力表",
                name_en="reference gauge",
                serial_number="SN working",
                range_text="(0 ~ 1.6) MPa",
                accuracy_text="0.4",
                certificate_number="LAB-2025-00001-A",
                valid_until=date(2027, 12, 31),
                laboratory_zh="LAB 机构",
                laboratory_en="Lab",
            ),
        ),
        results=(
            ResultRow(
                measurand_zh="示值误差",
                measurand_en="Error of indication",
                unit="MPa",
                nominal="1.00",
                estimate="0.010",
                expanded_uncertainty="0.020",
                coverage_factor="2",
                coverage_probability="0.95",
            ),
        ),
        traceability_statement_zh="溯源至国家计量基准。",
        traceability_statement_en="Traceable to national standards.",
        signatories=tuple(
            Signatory(
                meaning=Meaning(meaning),
                person_id=person.identity_id.hex,
                name_zh=person.name_zh,
                name_en=person.name_en,
                signed_at=NOW,
            )
            for meaning, person in people.items()
        ),
        original_record_number="R-00001",
        demonstration=True,
    )


def count_rows(owner: Engine) -> dict[str, int]:
    """Return how many rows each table holds, seen by the owner, past every wall."""
    with Session(owner) as session:
        return {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in SQLModel.metadata.sorted_tables
        }


def refusing(owner: Engine, act: Callable[[], Any], error: type[BaseException]) -> Any:
    """Let an act be refused; return the error after seeing that no table gained or lost a row."""
    before = count_rows(owner)
    try:
        act()
    except error as refused:
        assert count_rows(owner) == before
        return refused
    raise AssertionError(f"nothing refused it, {error.__name__} was expected")
