"""A small world in four books: an institute, a laboratory, its customer and a stranger."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from service.actions import calibrations, deliveries, organizations
from service.demo.story import Story
from service.demo.world import read_world
from service.tables.organizations import Authorisation, Organization
from service.tables.people import Person
from service.tenancy import TenantSession
from tests.conftest import ENGINES
from tests.engines import application_url, fresh_database
from tests.service import books, entering
from tests.service.books import ACTOR, KEYS, NOW, PROCEDURE
from tests.service.demonstration import demonstration_client, live_story

ROLES = {"calibrated": "metrologist", "checked": "checker", "approved": "approver"}
OpenAs = Callable[..., TenantSession]


@pytest.fixture
def people(owner: Engine, open_as: OpenAs) -> dict[str, Person]:
    """Who calibrates, checks and approves in the laboratory, by what they sign."""
    with Session(owner) as session, session.begin():
        humans = [organizations.create_identity(session, now=NOW) for _ in range(3)]
    members = {}
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        for meaning, human in zip(("calibrated", "checked", "approved"), humans, strict=True):
            members[meaning] = organizations.add_person(
                session,
                human,
                name_zh=f"{meaning} 人员",
                name_en=f"{meaning} person",
                role=ROLES[meaning],
                authorised={PROCEDURE: date(2026, 12, 31)},
                actor_id=ACTOR,
                now=NOW,
            )
    return members


@pytest.fixture
def story(open_as: OpenAs, names: SimpleNamespace, people: dict[str, Person]) -> SimpleNamespace:
    """A meter of ENT's, from the national standard to a certificate in its owner's book.

    NIM publishes its national standard and calibrates LAB's reference standard with it. LAB
    publishes that one, keeps its working standard to itself, and calibrates ENT's meter with it.
    """
    told = SimpleNamespace(people=people)
    with open_as("NIM") as session, session.begin():
        national = books.calibrate(
            session, "national", date(2025, 1, 10), terminal_reason="national standard"
        )
        told.national = national.id
        told.published = calibrations.publish(session, national.id, actor_id=ACTOR, now=NOW).id
        item = books.register(session, "reference", customer_id=names.LAB)
        reference = books.calibrate(
            session, "", date(2025, 3, 10), books.use(reference_id=national.id), item_id=item.id
        )
        told.reference = reference.id
        sent = deliveries.deliver(session, reference.id, names.LAB, actor_id=ACTOR, now=NOW).id
    with open_as("LAB") as session, session.begin():
        item = books.register(session, "reference")
        deliveries.take_in(session, sent, item.id, actor_id=ACTOR, now=NOW)
        told.published_reference = calibrations.publish(
            session, told.reference, actor_id=ACTOR, now=NOW
        ).id
        working = books.calibrate(
            session, "CANARY-W", date(2025, 6, 1), books.use(reference_id=told.reference)
        )
        told.working, told.working_item = working.id, working.item_id
        told.lab_item = books.register(session, "meter", customer_id=names.ENT).id
        meter = books.calibrate(
            session,
            "",
            date(2026, 2, 1),
            books.use(reference_id=working.id),
            item_id=told.lab_item,
            results=(books.result(budget=books.budget_of_one()), books.result()),
        )
        told.meter = meter.id
        books.sign_three_times(session, meter.id, people)
        certificate = books.issue(session, meter.id, people)
        told.certificate, told.number = certificate.id, certificate.number
        told.delivery = deliveries.deliver(session, meter.id, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("ENT") as session, session.begin():
        told.item = books.register(session, "meter").id
        deliveries.take_in(session, told.delivery, told.item, actor_id=ACTOR, now=NOW)
    return told


@pytest.fixture
def recognized(owner: Engine, names: SimpleNamespace) -> None:
    """NIM is a national institute, and LAB accredited for the gauges' procedure."""
    with Session(owner) as session, session.begin():
        session.get_one(Organization, names.NIM).kind = "national_institute"
        session.add(
            Authorisation(
                holder_id=names.LAB,
                number="L0001",
                kind_zh="实验室认可",
                scope=[PROCEDURE],
                valid_from=date(2024, 1, 1),
                valid_until=date(2027, 12, 31),
            )
        )


@pytest.fixture(scope="module", params=ENGINES)
def plant(
    request: pytest.FixtureRequest,
    templates: Any,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[tuple[TestClient, Story]]:
    """The demonstration after its story, and the story: shared by a module, to be read."""
    folder = tmp_path_factory.mktemp("plant")
    template = templates(request.param, "demo")
    if request.param == "sqlite":
        path = shutil.copyfile(template, folder / "suyuan.db")
        yield from _lived(f"sqlite:///{path}", folder)
    else:
        server, name = template
        with fresh_database(server, f"plant_{worker_id}", template=name) as url:
            yield from _lived(application_url(url), folder)


def _lived(url: str, folder: Any) -> Iterator[tuple[TestClient, Story]]:
    world, database = read_world(), SimpleNamespace(application=url)
    with demonstration_client(world, database, KEYS, folder, accept="text/html") as client:
        yield client, live_story(world, client)


@pytest.fixture
def clock():
    """The morning of a working day."""
    return entering.Clock(datetime(2026, 3, 2, 8, tzinfo=UTC))


@pytest.fixture
def app(database, tmp_path, clock, names):
    """The service, with nobody in it yet."""
    with entering.application(database.application, tmp_path, clock) as app:
        yield app


@pytest.fixture
def browser(app):
    """Open browsers with no cookies."""
    return lambda: entering.browser(app)


@pytest.fixture
def invite(app, names):
    """Invite somebody of a role into LAB; return the path of the invitation."""
    return lambda role: entering.invitation(app, names.LAB, role)


@pytest.fixture
def enter(app, names):
    """Let a person of a role into LAB, or another organization, under a log-in name."""
    return lambda role, name, code="LAB": entering.entered(app, getattr(names, code), role, name)
