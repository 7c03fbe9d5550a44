"""The story of one pressure gauge: due, ordered, read, judged, signed, certified, found again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from certificates.content import CertificateContent, CertificateKind
from certificates.html import stylesheet
from certificates.signer import SealCertificate
from procedures.method import MethodResult, PointReadings, ProcedureEdition
from procedures.worksheet import Row, Sheet
from service.actions import (
    calibrations,
    certificates,
    environment,
    plans,
    signing_off,
    work_orders,
    worksheets,
)
from service.actions.composition import Composition
from service.actions.measurements import Readings
from service.actions.work_orders import Asked
from service.answers import chain, eligible_standards
from service.catalogue import edition_in_force
from service.demo.loader import MEANINGS, work_of
from service.demo.world import World, identifier, moment
from service.lookup import LookupKeys
from service.planning_settings import (
    Discipline,
    PlanningSettings,
    Site,
    Window,
    Worker,
    monday_of,
)
from service.rendering import renderer
from service.seals import Seals
from service.store import certificates as certificate_store
from service.store import directory
from service.store import due as due_store
from service.store import items as item_store
from service.store import work_orders as work_order_store
from service.store.directory import Entry
from service.tables.calibrations import Calibration
from service.tables.certificates import Certificate
from service.tables.items import Item
from service.tables.people import Person
from service.tables.work_orders import WorkOrder
from service.tenancy import TenantSession
from service.work_order_states import State
from service.worksheets import PLACE, open_worksheet
from traceability.chain import TraceabilityChain
from traceability.errors import TraceabilityBroken
from traceability.graph import MeasuringInterval
from traceability.standards import Proposal

SYMBOLS = ("up_before_tapping", "up_after_tapping", "down_before_tapping", "down_after_tapping")
REPEATABILITY = 0.0012  # MPa, of the worked example
SEAL_FILE = "seal.pem"  # by which the files are authenticated
DUE_WITHIN = timedelta(days=30)
# Of the plant's laboratory: name, quantity, hours a week, hours an item, fee of one item.
DISCIPLINES = (
    ("压力 / pressure", "pressure", 10, 2, 120),
    ("温度 / temperature", "temperature", 8, 2, 200),
    ("皮带秤 / belt weighers", "mass_flow", 8, 4, 600),
)
HOURS_A_WEEK = {"calibrated": 16, "checked": 12}  # of who does so in the story
OVERHAUL_IN = timedelta(weeks=14)
EXAMPLE = "示例 / example"


class NoEligibleStandard(RuntimeError):
    """No standard of the laboratory may be used for the gauge on that day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened, for whoever tells it."""

    due: Sequence[tuple[Item, date]]
    order: WorkOrder
    proposals: tuple[Proposal, ...]
    edition: ProcedureEdition
    readings: Readings
    result: MethodResult
    calibration: Calibration
    signatories: dict[str, Person]
    certificate: Certificate
    content: CertificateContent
    files: dict[str, bytes]
    seal: SealCertificate
    chain: TraceabilityChain
    found: Sequence[Entry]


def live(
    world: World,
    engine: Engine,
    *,
    keys: LookupKeys,
    seals: Seals,
    today: date,
    url: str,
    schemas: Path | None = None,
) -> Story:
    """Let the story happen on a day, in one transaction of the power plant's book.

    Args:
        url: where certificates are looked up; "{number}" stands for the number.
        schemas: PTB's schemas, against which the certificate is held.

    Raises:
        NoEligibleStandard: none may be used on that day.
        ServiceError, TraceabilityError, ProcedureError: a step was refused; nothing is written.
    """
    told = world.data["story"]
    plant = next(row["org"] for row in world.data["items"] if row["id"] == told["item"])
    with TenantSession(engine, identifier(plant)) as session, session.begin():
        session.expire_on_commit = False
        story = _live(
            world, session, render=renderer(schemas), keys=keys, seals=seals, today=today, url=url
        )
    serial_number = story["content"].item.serial_number
    return Story(**story, found=directory.find(engine, keys.of_serial_number(serial_number)))


def _live(
    world: World,
    session: TenantSession,
    *,
    render: certificates.Render,
    keys: LookupKeys,
    seals: Seals,
    today: date,
    url: str,
) -> dict[str, Any]:
    told = world.data["story"]
    built_in = edition_in_force(told["procedure"], on=today)
    edition = built_in.edition
    people = _people(world, session)
    readings = _readings(told)

    # 1 what is due, 2 the work order
    due = [(found.item, found.row.due_on) for found in due_store.due(session, on=today)
           if found.row.due_on and found.row.due_on <= today + DUE_WITHIN]  # fmt: skip
    item, metrologist = item_store.get(session, identifier(told["item"])), people["calibrated"]
    asked = Asked(item_id=item.id, procedure_code=edition.code)
    order = _order(session, asked, date.fromisoformat(told["due"]), people, today)
    (line,) = work_order_store.lines(session, order.id)

    # 3 the standards, 4 to 6 readings, budget and verdict
    proposals = _proposals(session, item, edition, readings, today)
    sheet = _sheet(readings, proposals[0].candidate.link.calibration_id)
    saved = worksheets.save(
        session, line.id, sheet, after=0, person=metrologist, now=moment(today, 10)
    )
    result = worksheets.assess(
        session, item, worksheets.as_sheet(saved.content), edition, on=today
    ).result
    calibration = worksheets.submit(
        session, line.id, revision=saved.revision, person=metrologist,
        authenticated_at=moment(today, 10), now=moment(today, 10),
    )  # fmt: skip

    # 7 the two other signatures, 8 the certificate, 9 its chain
    for hour, state in ((11, State.CHECKED), (12, State.APPROVED)):
        signing_off.sign_off(
            session, line.id, state, person=people[state],
            authenticated_at=moment(today, hour), now=moment(today, hour),
        )  # fmt: skip
    certificate = signing_off.issue(
        session, line.id, render=render, url=url, person=people["approved"], keys=keys,
        seals=seals, now=moment(today, 14),
    )  # fmt: skip
    files = {file.form: file.content
             for file in certificate_store.files(session, certificate.id)}  # fmt: skip
    return {
        "due": due,
        "order": order,
        "proposals": proposals,
        "edition": edition,
        "readings": readings,
        "result": result,
        "calibration": calibration,
        "signatories": people,
        "certificate": certificate,
        "content": CertificateContent.from_mapping(json.loads(files["json"])),
        "files": files,
        "seal": seals.signer(certificate.number.partition("-")[0]).certificate,
        "chain": chain(session, calibration.id, on=None, known_at=moment(today, 15)),
    }


def _order(
    session: TenantSession, asked: Asked, due_on: date, people: Mapping[str, Person], today: date
) -> WorkOrder:
    """Return an order of one item that is accepted, received and given to the metrologist."""
    keeper, metrologist, now = people["checked"], people["calibrated"], moment(today, 9)
    order = work_orders.request(
        session, [asked], due_on=due_on, requested_by=metrologist, now=now
    )  # fmt: skip
    (line,) = work_order_store.lines(session, order.id)
    work_orders.accept(session, order.id, person=keeper, now=now)
    work_orders.receive(session, line.id, condition="外观完好 / sound", person=keeper, now=now)
    work_orders.assign(
        session, line.id, metrologist.id, planned_on=today, assigned_by=keeper, now=now
    )
    return order


def _proposals(
    session: TenantSession, item: Item, edition: ProcedureEdition, readings: Readings, today: date
) -> tuple[Proposal, ...]:
    compared = [point.nominal for point in readings.points if point.nominal]
    proposals = eligible_standards(
        session,
        item.id,
        interval=MeasuringInterval(
            lower=min(compared), upper=max(compared), unit=edition.measurand.unit
        ),
        basis="MPE",
        ratio_limit=edition.ratio.maximum if edition.ratio else None,
        on=today,
        known_at=moment(today, 9),
    )
    if not proposals or not proposals[0].eligible:
        raise NoEligibleStandard(f"no standard may be used for {item.name_en} on {today}")
    return proposals


def _issued(
    session: TenantSession,
    calibration: Calibration,
    edition: ProcedureEdition,
    kind: CertificateKind,
    *,
    actor: Person,
    keys: LookupKeys,
    seals: Seals,
    url: str | None,
    now: datetime,
) -> Certificate:
    return certificates.issue(
        session,
        calibration.id,
        compose=Composition(
            session=session, row=calibration, edition=edition, kind=kind, url=url, now=now
        ),
        render=renderer(None),
        actor_id=actor.id,
        keys=keys,
        seals=seals,
        now=now,
    )


def leave_open(world: World, engine: Engine, *, today: date) -> UUID:
    """Leave a work order of two gauges open in the plant's book; return the worksheet's line.

    One gauge is on the bench, read up to a reading that looks like a slip; the other just came in.
    """
    told = world.data["story"]
    items = {row["id"]: row for row in world.data["items"]}
    item = items[told["item"]]
    beside = [id_ for id_, row in items.items() if id_ != item["id"] and
              (row["org"], row["procedure"]) == (item["org"], told["procedure"])]  # fmt: skip
    morning = moment(today, 15)
    with TenantSession(engine, identifier(item["org"])) as session, session.begin():
        session.expire_on_commit = False
        people = _people(world, session)
        keeper, metrologist = people["checked"], people["calibrated"]
        order = work_orders.request(
            session,
            [Asked(item_id=identifier(id_), procedure_code=told["procedure"])
             for id_ in beside[-2:]],
            due_on=today + DUE_WITHIN, requested_by=keeper, now=morning,
        )  # fmt: skip
        work_orders.accept(session, order.id, person=keeper, now=morning)
        other, bench = work_order_store.lines(session, order.id)
        for line in (other, bench):
            work_orders.receive(
                session, line.id, condition="外观完好 / sound", person=keeper, now=morning
            )
        work_orders.assign(
            session, bench.id, metrologist.id, planned_on=today, assigned_by=keeper, now=morning
        )
        for condition, value, unit in (("temperature", 20.6, "°C"), ("humidity", 48.0, "%")):
            environment.record(
                session, place=PLACE, condition=condition, value=value, unit=unit,
                read_at=morning, person=metrologist, now=morning,
            )  # fmt: skip
        later = moment(today, 17)
        filled_in = open_worksheet(session, bench.id, now=later).sheet
        worksheets.save(
            session, bench.id, _half_read(filled_in, told), after=0, person=metrologist, now=later
        )
        return bench.id


def _half_read(sheet: Sheet, told: Mapping[str, Any]) -> Sheet:
    """Return a sheet with its first rows read, and a decimal point moved in the third."""
    rows = list(sheet.rows)
    for index, point in enumerate(told["points"][:3]):
        readings = {symbol: f"{point[symbol]:.2f}" for symbol in SYMBOLS}
        if index == 2:
            readings |= {"up_after_tapping": "8.1", "down_before_tapping": "",
                         "down_after_tapping": ""}  # fmt: skip
        rows[index] = replace(rows[index], readings=readings)
    return replace(sheet, rows=tuple(rows))


def say_hours(world: World, engine: Engine, *, today: date) -> None:
    """Let the plant's laboratory say what it can do in a week, so that a plan can be made."""
    plant = next(row["org"] for row in world.data["items"]
                 if row["id"] == world.data["story"]["item"])  # fmt: skip
    first = monday_of(today) + OVERHAUL_IN
    overhaul = Window(first=first, last=first + timedelta(days=13), reason=EXAMPLE)
    with TenantSession(engine, identifier(plant)) as session, session.begin():
        people = _people(world, session)
        settings = PlanningSettings(
            weeks=26,
            disciplines=tuple(
                Discipline(
                    name=name,
                    quantities=(quantity,),
                    hours_per_week=week,
                    hours_per_item=item,
                    fee=fee,
                )
                for name, quantity, week, item, fee in DISCIPLINES
            ),
            persons=tuple(
                Worker(
                    person_id=people[meaning].id,
                    disciplines=tuple(name for name, *_ in DISCIPLINES),
                    hours_per_week=hours,
                )
                for meaning, hours in HOURS_A_WEEK.items()
            ),
            sites=(Site(name="生产现场", downtime_cost=200, shutdowns=(overhaul,)),),
        )
        plans.say_settings(
            session, settings, reason=EXAMPLE, actor_id=people["checked"].id, now=moment(today, 17)
        )


def attempt(
    world: World, engine: Engine, *, keys: LookupKeys, seals: Seals
) -> TraceabilityBroken | None:
    """Try what a planted fault tries to certify; return the refusal, None if nothing is tried.

    What was measured is kept, the certificate and its number are not.
    """
    if world.fault is None or "attempt" not in world.fault:
        return None
    event = world.fault["attempt"]["event"]
    now = moment(event["performed_on"])
    events = {row["id"]: row for row in world.data["events"]}
    with TenantSession(engine, identifier(event["maker"])) as session, session.begin():
        item = item_store.get(session, identifier(event["item"]))
        people = _signatories(session, event)
        work = work_of(
            event | {"certificate_number": f"{event['maker']}-ATTEMPT"},
            item,
            events=events,
            published={},
        )
        work = replace(work, certificate_number=None)
        row = calibrations.record(session, work, performed_by=people["calibrated"].id, now=now)
        for meaning, person in people.items():
            certificates.sign(
                session, row.id, meaning=meaning, person=person, authenticated_at=now, now=now
            )
        edition = edition_in_force(event["procedure"], on=row.performed_on).edition
        try:
            _issued(
                session, row, edition, CertificateKind.VERIFICATION_CERTIFICATE,
                actor=people["approved"], keys=keys, seals=seals, url=None, now=now,
            )  # fmt: skip
        except TraceabilityBroken as refusal:
            return refusal
    return None


def _people(world: World, session: TenantSession) -> dict[str, Person]:
    """Return who calibrates, checks and approves at the plant, as in its events before."""
    item = world.data["story"]["item"]
    return _signatories(
        session, next(row for row in reversed(world.data["events"]) if row["item"] == item)
    )


def _signatories(session: TenantSession, event: Mapping[str, Any]) -> dict[str, Person]:
    return {
        meaning: session.get_one(Person, (session.organization_id, identifier(event[key])))
        for meaning, key in MEANINGS.items()
    }


def _readings(told: dict[str, Any]) -> Readings:
    environment = told["environment"]
    return Readings(
        accuracy_class=told["class_"],
        points=tuple(
            PointReadings(
                nominal=float(point["nominal_MPa"]),
                readings={symbol: float(point[symbol]) for symbol in SYMBOLS},
            )
            for point in told["points"]
        ),
        environment={
            "temperature": environment["temperature_C"],
            "humidity": environment["humidity_percent"],
            "rest_time": environment["rest_h"],
        },
        parameters={
            "span": told["span_MPa"],
            "division": told["division_MPa"],
            "repeatability": REPEATABILITY,
        },
    )


def _sheet(readings: Readings, standard: UUID) -> Sheet:
    """Return the worksheet on which the readings of the story are written."""
    return Sheet(
        accuracy_class=readings.accuracy_class,
        parameters={name: f"{value:g}" for name, value in readings.parameters.items()},
        environment={name: f"{value:g}" for name, value in readings.environment.items()},
        rows=tuple(
            Row(
                nominal=f"{point.nominal:g}",
                readings={symbol: f"{value:.2f}" for symbol, value in point.readings.items()},
            )
            for point in readings.points
        ),
        standard=str(standard),
    )


def write_files(story: Story, folder: Path) -> list[Path]:
    """Write the certificate's files and its seal's certificate into a folder; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {f"{story.certificate.number}.{form}": document
                 for form, document in story.files.items()}  # fmt: skip
    documents[SEAL_FILE] = story.seal.pem.encode()
    documents["certificate.css"] = stylesheet().encode()
    for name, document in documents.items():
        (folder / name).write_bytes(document)
    return [folder / name for name in documents]
