"""Loading the demonstration world from the roots down, by the actions a user would call.

Every event is a certificate of the time before this service: recorded by its maker, carried
over under its own number, published if its standard is, delivered to its owner and taken in there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from service.actions import (
    calibrations,
    capabilities,
    certificates,
    deliveries,
    grants,
    items,
    organizations,
    sites,
)
from service.actions.calibrations import Result, Statement, Use, Work
from service.actions.capabilities import Scope
from service.demo.world import BEGINNING, World, identifier, moment
from service.lookup import LookupKeys
from service.tables.items import Item
from service.tables.people import Person
from service.tenancy import PARTS, TenantSession
from traceability.graph import MeasuringInterval, UncertaintyStatement

MEANINGS = {"calibrated": "performed_by", "checked": "checked_by", "approved": "approved_by"}
CERTIFICATE_KIND = {
    "verification": "verification_certificate",
    "calibration": "calibration_certificate",
    "certification": "reference_material_certificate",
}
# Of the laboratories with an accreditation, by its number: quantity, procedure, range, U.
CAPABILITIES = {
    "PROV": (
        "示例CNAS L7001",
        (
            ("pressure", "JJG 875", 0.04, 2.5, "MPa", "0.0006"),
            ("pressure", "JJG 875", 2.5, 6.0, "MPa", "0.0006*value"),
            ("temperature", "JJG 160", 0.0, 419.527, "°C", "0.012"),
            ("dc_current", "JJF 1472", 1.0, 24.0, "mA", "0.0012"),
        ),
    ),
    "CITY": ("示例CNAS L7102", (("temperature", "JJF 1637", 300.0, 1100.0, "°C", "1.6"),)),
}
# Where the world's items stand: address in both languages, then code, place as they write it and
# its English. No address is invented for what is real.
SITES = {
    "NIM": ("", "", (("NIM-1", "中国计量科学研究院", "National Institute of Metrology, China"),)),
    "PROV": (
        "示例省会市示例路1号",
        "1 Example Road, Example Capital",
        (("PROV-1", "示例省计量科学研究院", "Example Provincial Institute of Metrology"),),
    ),
    "CITY": (
        "示例市示例路2号",
        "2 Example Road, Example City",
        (("CITY-1", "示例市计量检定测试所", "Example City Metrology Institute"),),
    ),
    "TPP": (
        "示例市示例路3号",
        "3 Example Road, Example City",
        (
            ("TPP-1", "示例火力发电厂", "Example thermal power plant"),
            ("TPP-2", "生产现场", "Production area"),
            ("TPP-3", "500 kV 升压站", "500 kV switchyard"),
            ("TPP-4", "标准室", "Standards room"),
        ),
    ),
    "CEM": (
        "示例市示例路4号",
        "4 Example Road, Example City",
        (("CEM-1", "示例水泥厂", "Example cement plant"),),
    ),
    "STL": (
        "示例市示例路5号",
        "5 Example Road, Example City",
        (("STL-1", "示例钢铁联合企业", "Example integrated steel works"),),
    ),
}
Progress = Callable[[int], None]
Events = Mapping[str, Mapping[str, Any]]


class NeverReady(RuntimeError):
    """Some steps wait for one another: the world refers to what nobody records."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing an organization does about one event: make it, or take it in."""

    organization: str
    verb: str
    event: Mapping[str, Any]


@dataclass(slots=True)
class Loader:
    """What is known while the world is being loaded."""

    world: World
    engine: Engine
    keys: LookupKeys
    items: dict[str, Mapping[str, Any]]
    events: Events
    strangers: set[str]
    people: dict[str, Person] = field(default_factory=dict)
    registered: dict[tuple[str, str], Item] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    delivered: dict[str, UUID] = field(default_factory=dict)
    published: dict[str, UUID] = field(default_factory=dict)


def load(
    world: World, owner: Engine, engine: Engine, *, keys: LookupKeys, progress: Progress
) -> None:
    """Load the world into a migrated, empty database.

    Args:
        owner: the engine that creates organizations; `engine` is the application's.
        keys: of the certificate directory.
        progress: told how many events were recorded in each stride.
    """
    events = {row["id"]: row for row in world.data["events"]}
    loader = Loader(
        world=world,
        engine=engine,
        keys=keys,
        items={row["id"]: row for row in world.data["items"]},
        events=events,
        strangers=_strangers(events),
    )
    _create_organizations(loader, owner)
    waiting = _steps_by_organization(loader)
    while any(waiting.values()):
        done = sum(_stride(loader, code, steps, progress) for code, steps in waiting.items())
        if not done:
            raise NeverReady(str({code: steps[0].event["id"] for code, steps in waiting.items()}))
    _open_a_book(loader)


def _open_a_book(loader: Loader) -> None:
    """Let the demonstration's regulator read the power plant's book."""
    now = moment(loader.world.as_of)
    with TenantSession(loader.engine, identifier("TPP")) as session, session.begin():
        grants.give(
            session, identifier("REG"), parts=list(PARTS),
            reason="示例监督检查 / example inspection",
            expires_at=now + timedelta(days=365), actor_id=identifier("person:TPP:4"), now=now,
        )  # fmt: skip


def _create_organizations(loader: Loader, owner: Engine) -> None:
    rows = loader.world.data
    with Session(owner) as session, session.begin():
        for row in rows["organizations"]:
            organizations.create_organization(
                session,
                id=identifier(row["code"]),
                code=row["code"],
                name_zh=row["name_zh"],
                name_en=row["name_en"],
                kind=row["kind"],
                address="演示数据,无地址 / demonstration, no address",
                contact="演示数据,无电话 / demonstration, no telephone",
                is_demonstration=True,
                authorisations=[_authorisation(told) for told in row["authorisations"]],
            )
        for row in rows["people"]:
            organizations.create_identity(
                session, now=BEGINNING, identity_id=identifier(f"identity:{row['id']}")
            )
    for row in rows["organizations"]:
        with TenantSession(loader.engine, identifier(row["code"])) as session, session.begin():
            session.expire_on_commit = False
            for person in rows["people"]:
                if person["org"] == row["code"]:
                    loader.people[person["id"]] = _add_person(session, person)
            _register_capabilities(loader, session, row)
            _enter_sites(loader, session, row["code"])


def _authorisation(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": told["number"],
        "kind_zh": told["kind_zh"],
        "scope": told["scope"],
        "valid_from": date.fromisoformat(told["valid_from"]),
        "valid_until": date.fromisoformat(told["expires"]),
    }


def _register_capabilities(
    loader: Loader, session: TenantSession, organization: Mapping[str, Any]
) -> None:
    """Enter what an accredited laboratory of the world may claim, in its first person's name."""
    number, lines = CAPABILITIES.get(organization["code"], ("", ()))
    for told in organization["authorisations"]:
        if told["number"] == number:
            for quantity, code, lower, upper, unit, expression in lines:
                capabilities.add(
                    session,
                    Scope(
                        quantity=quantity,
                        procedure_code=code,
                        lower=lower,
                        upper=upper,
                        unit=unit,
                        expression=expression,
                        accreditation=number,
                        valid_from=date.fromisoformat(told["valid_from"]),
                        valid_until=date.fromisoformat(told["expires"]),
                        note="示例 / example",
                    ),
                    is_demonstration=True,
                    actor_id=loader.people[f"person:{organization['code']}:1"].id,
                    now=BEGINNING,
                )


def _enter_sites(loader: Loader, session: TenantSession, code: str) -> None:
    """Enter the sites of an organization, in its first person's name."""
    address_zh, address_en, named = SITES.get(code, ("", "", ()))
    for site_code, name_zh, name_en in named:
        sites.add(
            session,
            code=site_code,
            name_zh=name_zh,
            name_en=name_en,
            address_zh=address_zh,
            address_en=address_en,
            is_demonstration=True,
            actor_id=loader.people[f"person:{code}:1"].id,
            now=BEGINNING,
        )


def _add_person(session: TenantSession, row: Mapping[str, Any]) -> Person:
    until = date.fromisoformat(row["authorised_until"])
    person_id = identifier(row["id"])
    return organizations.add_person(
        session,
        identifier(f"identity:{row['id']}"),
        id=person_id,
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        role=row["role"],
        authorised=dict.fromkeys(row["authorised_procedures"], until),
        actor_id=person_id,
        now=BEGINNING,
    )


def _steps_by_organization(loader: Loader) -> dict[str, list[Step]]:
    """Return what each organization has to do, in the order of days."""
    waiting: defaultdict[str, list[Step]] = defaultdict(list)
    for event in sorted(loader.events.values(), key=lambda row: row["performed_on"]):
        waiting[event["maker"]].append(Step(event["maker"], "make", event))
        if event["receiver"] != event["maker"]:
            waiting[event["receiver"]].append(Step(event["receiver"], "take_in", event))
    return dict(waiting)


def _stride(loader: Loader, code: str, steps: list[Step], progress: Progress) -> int:
    """Let one organization do what it can in one transaction, until it must wait for another."""
    ready = next((i for i, step in enumerate(steps) if not _is_ready(loader, step, steps[:i])),
                 len(steps))  # fmt: skip
    if not ready:
        return 0
    with TenantSession(loader.engine, identifier(code)) as session, session.begin():
        session.expire_on_commit = False
        for step in steps[:ready]:
            (_make if step.verb == "make" else _take_in)(loader, session, step)
    progress(sum(step.verb == "make" for step in steps[:ready]))
    del steps[:ready]
    return ready


def _is_ready(loader: Loader, step: Step, before: list[Step]) -> bool:
    event = step.event
    if step.verb == "take_in":
        return event["id"] in loader.delivered
    mine = {earlier.event["id"] for earlier in before}
    return all(
        reference["event"] in mine
        or (
            reference["event"] in loader.made
            and (
                _is_own(loader.events, step.organization, reference)
                or reference["event"] in loader.published
            )
        )
        for reference in event["references"]
    )


def _is_own(events: Events, organization: str, reference: Mapping[str, Any]) -> bool:
    """Whether the maker's book holds the reference: it made it, or received it."""
    return organization in _holders(events[reference["event"]])


def _make(loader: Loader, session: TenantSession, step: Step) -> None:
    event, now = step.event, moment(step.event["performed_on"])
    signatories = {meaning: loader.people[event[key]] for meaning, key in MEANINGS.items()}
    performed_by = signatories["calibrated"].id
    item = _registered(loader, session, step, now=now, actor_id=performed_by)
    work = work_of(event, item, events=loader.events, published=loader.published)
    calibrations.record(session, work, performed_by=performed_by, now=now)
    certificates.carry_over(
        session,
        work.id,
        number=event["certificate_number"],
        kind=CERTIFICATE_KIND[event["kind"]],
        signatories=signatories,
        keys=loader.keys,
        now=now,
    )
    loader.made.add(event["id"])
    approved_by = signatories["approved"].id
    if event["receiver"] == event["maker"]:
        _publish(loader, session, step, actor_id=approved_by, now=now)
    else:
        delivery = deliveries.deliver(
            session, work.id, identifier(event["receiver"]), actor_id=approved_by, now=now
        )
        loader.delivered[event["id"]] = delivery.id


def _take_in(loader: Loader, session: TenantSession, step: Step) -> None:
    event, now = step.event, moment(step.event["performed_on"], 18)
    keeper = next(
        p for id_, p in loader.people.items() if id_.startswith(f"person:{step.organization}:")
    )
    item = _registered(loader, session, step, now=now, actor_id=keeper.id)
    deliveries.take_in(session, loader.delivered[event["id"]], item.id, actor_id=keeper.id, now=now)
    _publish(loader, session, step, actor_id=keeper.id, now=now)


def _publish(
    loader: Loader, session: TenantSession, step: Step, *, actor_id: UUID, now: datetime
) -> None:
    """Publish the calibration of a published standard, or of one that a stranger refers to."""
    event = step.event
    if loader.items[event["item"]]["published"] or event["id"] in loader.strangers:
        published = calibrations.publish(
            session, identifier(event["id"]), actor_id=actor_id, now=now
        )
        loader.published[event["id"]] = published.id


def _strangers(events: Events) -> set[str]:
    """Return the events that makers refer to whose books do not hold them (fault F5)."""
    return {
        reference["event"]
        for event in events.values()
        for reference in event["references"]
        if event["maker"] not in _holders(events[reference["event"]])
    }


def _holders(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return whose books hold an event: its maker's, and the one's that received it."""
    return event["maker"], event["receiver"]


def _registered(
    loader: Loader, session: TenantSession, step: Step, *, now: datetime, actor_id: UUID
) -> Item:
    """Return the item in the organization's ledger; enter it where it is seen first."""
    key = (step.organization, step.event["item"])
    if key not in loader.registered:
        row = loader.items[step.event["item"]]
        customer = None if row["org"] == step.organization else identifier(row["org"])
        loader.registered[key] = items.register(
            session, actor_id=actor_id, now=now, customer_id=customer, **_item_columns(row)
        )
    return loader.registered[key]


def _item_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    mpe, uncertainty = row["mpe"] or {}, row["U"] or {}
    return {
        "id": identifier(row["id"]),
        "standard_rank": row["rank"],
        "level_zh": row["level"],
        "range_lower": row["measuring_range"]["min"],
        "range_upper": row["measuring_range"]["max"],
        "range_unit": row["measuring_range"]["unit"],
        "maximum_permissible_error_model": mpe.get("model"),
        "maximum_permissible_error_coefficient": mpe.get("coefficient"),
        "expanded_uncertainty_model": uncertainty.get("model"),
        "expanded_uncertainty_coefficient": uncertainty.get("coefficient"),
        "is_mandatory": row["mandatory"],
        "is_published": row["published"],
        "is_carbon_meter": row["carbon_meter"],
        "procedure_code": row["procedure"],
        "status": row["status"]["state"],
        "status_since": date.fromisoformat(row["status"]["since"]),
        "confidence": row["conf"],
        "is_demonstration": True,
        **{name: row[name] for name in ITEM_COLUMNS},
    }


ITEM_COLUMNS = (
    "kind",
    "name_zh",
    "name_en",
    "manufacturer_zh",
    "manufacturer_en",
    "type_designation",
    "serial_number",
    "asset_number",
    "quantity",
    "accuracy_text",
    "location",
    "use",
    "energy_level",
    "period_months",
)


def work_of(
    event: Mapping[str, Any], item: Item, *, events: Events, published: Mapping[str, UUID]
) -> Work:
    """Return what the maker of an event enters into its book.

    Args:
        events: every event of the world, by id.
        published: under which id of the reference layer an event stands, if it does.
    """
    verdicts = {result.get("verdict") for result in event["results"]}
    return Work(
        id=identifier(event["id"]),
        item_id=item.id,
        kind=event["kind"],
        track=event["track"],
        performed_on=date.fromisoformat(event["performed_on"]),
        valid_until=event["valid_until"] and date.fromisoformat(event["valid_until"]),
        procedure_code=event["procedure"],
        place=event["place"],
        record_number=f"{event['certificate_number']}-R",
        certificate_number=event["certificate_number"],
        readings={},
        interval=_interval(event["calibrated_range"]),
        uncertainty=_uncertainty(event, item),
        uses=tuple(
            _use(
                reference,
                is_own=_is_own(events, event["maker"], reference),
                published_id=published.get(reference["event"]),
            )
            for reference in event["references"]
        ),
        results=tuple(_results(event)),
        terminal_reason=event["terminal_reason"],
        is_adjusted=event["adjusted"],
        is_demonstration=True,
        statement=Statement(
            decision_rule=event["decision"]["rule"],
            basis=event["decision"]["basis"],
            verdict="pass",
        )
        if verdicts == {"pass"}
        else None,
    )


def _interval(row: Mapping[str, Any]) -> MeasuringInterval:
    return MeasuringInterval(lower=row["min"], upper=row["max"], unit=row["unit"])


def _uncertainty(event: Mapping[str, Any], item: Item) -> UncertaintyStatement:
    """Return U over the interval: the item's on its main track, else the largest reported."""
    unit = event["calibrated_range"]["unit"]
    if event["track"] == "main" and item.expanded_uncertainty_model is not None:
        return UncertaintyStatement(
            model=item.expanded_uncertainty_model,  # type: ignore[arg-type]  # a checked column
            coefficient=item.expanded_uncertainty_coefficient or 0.0,
            coverage_factor=2,
            unit=unit,
        )
    largest = max(result["U"] for result in event["results"])
    return UncertaintyStatement(model="absolute", coefficient=largest, coverage_factor=2, unit=unit)


def _use(row: Mapping[str, Any], *, is_own: bool, published_id: UUID | None) -> Use:
    via = row["via"] or {}
    return Use(
        reference_id=identifier(row["event"]) if is_own else None,
        published_id=None if is_own else published_id,
        method_zh=row["method_zh"],
        method_en=row["method_en"],
        basis=row["basis"],
        ratio=row["ratio"],
        ratio_limit=row["rule_max"],
        at_value=row["at"]["value"],
        at_unit=row["at"]["unit"],
        user_value=row["child_point"],
        user_unit=row["child_unit"],
        conversion_factor=via.get("factor"),
        conversion_model=via.get("model_zh"),
        extension=row["extends"],
        interval=_interval(row["calibrated_range"]),
        standard_uncertainty=row["u_reference"],
        contributed_standard_uncertainty=row["u_in_child"],
    )


def _results(event: Mapping[str, Any]) -> Iterator[Result]:
    for row in event["results"]:
        measurand = "error_of_indication" if "error" in row else "value"
        told: dict[str, Any] = {
            "measurand": measurand,
            "unit": row["unit"],
            "nominal": _digits(row["nominal"]),
            "expanded_uncertainty": _digits(row["U"]),
            "coverage_factor": float(row["k"]),
            "maximum_permissible_error": _digits(row["mpe"]) if row.get("mpe") else None,
        }
        if "as_found_error" in row:
            yield Result(**told, estimate=_digits(row["as_found_error"]), stage="as_found")
        estimate = _digits(row["error"] if "error" in row else row["value"])
        yield Result(**told, estimate=estimate, stage="as_left" if event["adjusted"] else None)


def _digits(number: float) -> Decimal:
    return Decimal(repr(number))
