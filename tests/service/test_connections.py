"""Webhooks, calendars and ledgers elsewhere, through the API of the demonstration.

It is 21 November 2026, and the power plant's keeper of the ledger connects its systems.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar
from sqlmodel import col, select

from service.auth import ACTING_COOKIE
from service.demo.world import identifier
from service.errors import Unreachable, UnreadableFile
from service.jobs.pulls import read_answer
from service.jobs.worker import Worker
from service.network import Answer, Network
from service.store import items as item_store
from service.tables.operations import Job
from service.tenancy import TenantSession
from tests.service.demonstration import demonstration_client

URL = "https://erp.example.com/ledger.json"


class Elsewhere(Network):
    """Stands for the plant's own asset system."""

    def __init__(self):
        super().__init__()
        self.content, self.status, self.asked = b'{"items": []}', 200, []

    def send(self, method, url, *, headers, **_how):
        self.asked.append((method, url, headers))
        if self.status == 0:
            raise Unreachable("no connection")
        return Answer(self.status, self.content)


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        client.app.state.network = Elsewhere()  # type: ignore[attr-defined]
        keeper = f"{identifier('TPP')}.{identifier('person:TPP:4')}"
        client.cookies.set(ACTING_COOKIE, keeper)
        yield client


def working(client, *, later=timedelta(0)):
    state = client.app.state
    worker = Worker(
        state.engine, state.keys, clock=lambda: state.clock() + later, network=state.network
    )
    return worker.work_for(identifier("TPP"))


def plant(client, **values):
    return TenantSession(client.app.state.engine, identifier("TPP"), **values)


def test_a_webhook_shows_its_secret_once_and_tells_what_it_was_told(client):
    made = client.post("/v1/webhooks", json={"url": "https://a.example/", "events": ["*"]})
    address = f"/v1/webhooks/{made.json()['id']}"

    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in client.get(address).json()
    assert client.post(f"{address}/tests").status_code == 201
    working(client)
    (message,) = client.get(f"{address}/messages").json()
    assert (message["event"], message["state"]) == ("webhook.tested", "delivered")
    rotated = client.post(f"{address}/rotations").json()
    assert rotated["secret"] != made.json()["secret"]
    assert rotated["former_secret_until"] is not None
    replayed = client.post(f"{address}/messages/{message['id']}/replays")
    assert replayed.json()["state"] == "waiting"
    assert client.delete(address).json()["disabled_reason"] == "disabled here"
    assert client.get(f"{address}/messages", params={"state": "dead"}).json()
    assert client.put(f"{address}/activity").json()["disabled_at"] is None
    assert [row["id"] for row in client.get("/v1/webhooks").json()] == [made.json()["id"]]


def test_what_a_webhook_was_told_comes_in_pages_the_newest_first(client):
    made = client.post("/v1/webhooks", json={"url": "https://a.example/", "events": ["*"]})
    address = f"/v1/webhooks/{made.json()['id']}"
    for _ in range(3):
        client.post(f"{address}/tests")
    working(client)

    pages, next_ = [], f"{address}/messages?limit=2"
    while next_:
        answer = client.get(next_)
        pages.append([row["id"] for row in answer.json()])
        next_ = answer.links.get("next", {}).get("url")
    lines = client.get(f"{address}/messages", headers={"accept": "application/x-ndjson"})

    assert [len(page) for page in pages] == [2, 1]
    told = [id_ for page in pages for id_ in page]
    assert told == sorted(told, reverse=True)
    assert [json.loads(line)["id"] for line in lines.text.splitlines()] == told
    assert client.get(f"{address}/messages?limit=201").status_code == 400


def test_an_address_inside_is_refused_with_a_pointer(client):
    answer = client.post("/v1/webhooks", json={"url": "https://10.0.0.1/", "events": ["*"]})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/url"


def test_a_calendar_tells_what_is_due_by_day_and_area(client):
    made = client.post("/v1/calendar-feeds", json={}).json()
    path = made["address"].removeprefix("http://127.0.0.1:8000")

    answer = client.get(path, params={"lang": "en"})
    read = Calendar.from_ical(answer.content)
    events = read.walk("VEVENT")

    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    with plant(client, read_only=True) as session:
        today = client.app.state.clock().date()
        due = item_store.due_between(session, today - timedelta(90), today + timedelta(400))
    assert len(events) == len({(day, area) for day, area, *_ in due}) > 3
    assert len({str(event["uid"]) for event in events}) == len(events)
    assert Calendar.from_ical(client.get(path, params={"lang": "en"}).content) == read
    some_area = due[0][1]
    part = client.post("/v1/calendar-feeds", json={"area": some_area}).json()
    narrowed = client.get(part["address"].removeprefix("http://127.0.0.1:8000"))
    assert 0 < narrowed.text.count("BEGIN:VEVENT") <= len(events)
    assert client.delete(f"/v1/calendar-feeds/{made['id']}").status_code == 204
    assert client.get(path).status_code == 404
    assert len(client.get("/v1/calendar-feeds").json()) == 1


@pytest.mark.parametrize("token", ["a", "A" * 64, "ä", "%00", "x" * 500])
def test_a_calendar_of_a_guessed_address_is_not_there(client, token):
    assert client.get(f"/calendar/{token}.ics").status_code == 404


def test_a_ledger_elsewhere_is_read_signed_and_taken_in_again_and_again(client):
    elsewhere = client.app.state.network
    elsewhere.content = json.dumps(
        {"items": [{"asset_number": "ERP-1", "name_zh": "压力表", "period_months": 12}]}
    ).encode()
    made = client.post("/v1/ledger-pulls", json={"url": URL, "every_minutes": 60})

    assert working(client) == 1  # the ledger is read
    (method, url, headers), *_ = elsewhere.asked
    assert (method, url) == ("GET", URL)
    assert headers["webhook-signature"].startswith("v1,")
    (pull,) = client.get("/v1/ledger-pulls").json()
    assert pull["last_answer"].startswith("1 created, 0 updated")
    assert working(client) == 1  # and the event that it was is handed on
    assert working(client) == 0  # not before its time
    working(client, later=timedelta(minutes=61))
    (pull,) = client.get("/v1/ledger-pulls").json()
    assert pull["last_answer"].startswith("0 created, 0 updated, 1 unchanged")
    assert client.delete(f"/v1/ledger-pulls/{made.json()['id']}").status_code == 204
    working(client, later=timedelta(minutes=200))
    assert len(elsewhere.asked) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[" * 100_000, "the answer is not JSON"),
        (b"{}", "was agreed"),
        (b'{"items": 3}', "was agreed"),
        (b'{"items": [1]}', "/items/0 is no object"),
        (b'{"items": [{}, {"a": 1.5}]}', "/items/1/a"),
        (b'{"items": [{"a": NaN}]}', "/items/0/a"),
    ],
)
def test_an_answer_that_is_not_as_agreed_is_refused_with_where(content, told):
    with pytest.raises(UnreadableFile, match=told):
        read_answer(content)


def test_a_ledger_elsewhere_that_cannot_be_read_is_tried_again_and_then_told_of(client):
    client.app.state.network.status = 0
    client.post("/v1/ledger-pulls", json={"url": URL, "every_minutes": 10_000})

    for step in range(6):
        working(client, later=timedelta(hours=10 * step))

    (pull,) = client.get("/v1/ledger-pulls").json()
    assert pull["last_answer"] == "no connection"
    with plant(client, read_only=True) as session:
        states = [job.state for job in session.exec(select(Job).order_by(col(Job.due_at)))]
    assert states == ["failed", "waiting"]


def test_a_job_of_an_unknown_kind_fails_and_keeps_nobody_waiting(client):
    now = datetime(2026, 11, 1, tzinfo=UTC)
    with plant(client) as session, session.begin():
        session.add(
            Job(
                organization_id=session.organization_id, kind="dance", content={}, state="waiting",
                due_at=now, created_by=identifier("person:TPP:1"), created_at=now,
            )
        )  # fmt: skip

    for step in range(6):
        working(client, later=timedelta(hours=10 * step))

    with plant(client, read_only=True) as session:
        job = session.exec(select(Job)).one()
        assert (job.state, job.attempts, job.failure) == ("failed", 5, "no worker does dance")
