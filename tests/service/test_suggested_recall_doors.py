"""The plant's pressure module was found out of tolerance on the bench: what the doors say of it.

Nothing is measured here: a step is entered that says what measuring the module says.
"""

from datetime import date
from types import SimpleNamespace

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner

from service import clock
from service.actions import recalls, work_orders
from service.affected import Fault
from service.auth import ACTING_COOKIE
from service.commands.recall import recall as command
from service.demo.story import leave_open
from service.demo.world import identifier, moment
from service.store import people as people_store
from service.store import work_orders as work_order_store
from service.tables.calibrations import Calibration
from service.tenancy import TenantSession
from service.web import addresses
from service.work_order_states import State
from tests.service.demonstration import demonstration_client, live_story

PLANT, MODULE = identifier("TPP"), identifier("ev:TPP.PRES.M25:2026-03-17")
IN_ENGLISH, IN_CHINESE = {"lang": "en"}, {"lang": "zh"}
FAULT = Fault(
    last_good_on=date(2026, 3, 17),
    found_on=date(2026, 11, 21),
    as_found=((0.0, 0.01), (2.5, 0.01)),
    unit="MPa",
)


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        live_story(demo, client)
        yield client


@pytest.fixture
def book(demo, client):
    """Return a way to work in the plant's book, with a line on the bench and who acts."""
    line_id = leave_open(demo, client.app.state.engine, today=demo.as_of)
    return SimpleNamespace(
        line_id=line_id, now=moment(demo.as_of, 17), person_id=identifier("person:TPP:1"),
        open=lambda: TenantSession(client.app.state.engine, PLANT),
    )  # fmt: skip


def measured_with(book, told):
    """Enter that the line was measured, with what that said of a recall; return the order's id."""
    with book.open() as session, session.begin():
        person = people_store.acting(session, book.person_id)
        line = work_order_store.line(session, book.line_id)
        made = session.exec(select(Calibration.id).where(col(Calibration.source) == "made")).first()
        work_orders.take_step(
            session, line, State.MEASURED, person=person, now=book.now, calibration_id=made,
            said={"verdict": "fail", "as_found": "fail", "recall": told},
        )  # fmt: skip
        return line.work_order_id


@pytest.fixture
def recall(book):
    """The id of the recall that the measurement suggested, and of its order."""
    with book.open() as session, session.begin():
        made = session.exec(select(Calibration.id).where(col(Calibration.source) == "made")).first()
        id_ = recalls.suggest(
            session, MODULE, FAULT, found_by_id=made, actor_id=book.person_id, now=book.now
        ).id
    order_id = measured_with(book, {"recall_id": str(id_)})
    return SimpleNamespace(id=id_, order_id=order_id, there=addresses.recall(id_))


def test_the_order_and_the_list_lead_to_what_waits_to_be_confirmed(client, recall):
    order = client.get(addresses.work_order(recall.order_id), params=IN_ENGLISH).text
    listed = client.get("/recalls", params=IN_CHINESE).text
    page = client.get(recall.there, params=IN_ENGLISH).text

    assert f'href="{recall.there}"' in order
    assert "to be confirmed" in order
    assert "待确认" in listed
    assert "Nobody is told before a person confirms the recall." in page
    assert "Send the letters" not in page
    assert "as_found=0%3D0.01+2.5%3D0.01" in page


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"none": "nothing_rests"}, "there is nothing to recall"),
        (
            {"none": "other_unit", "calibration_id": str(MODULE)},
            "what rests on it could not be calculated",
        ),
    ],
)
def test_the_order_says_why_no_recall_was_opened(client, book, told, says):
    order_id = measured_with(book, told)

    page = client.get(addresses.work_order(order_id), params=IN_ENGLISH).text

    assert says in page
    assert ("/impact" in page) == ("calibration_id" in told)


def test_it_is_confirmed_by_its_page_and_then_told(client, recall):
    confirmed = client.post(f"{recall.there}/decision", data={"confirms": "true"})
    page = client.get(recall.there, params=IN_ENGLISH).text

    assert (confirmed.status_code, confirmed.headers["location"]) == (303, recall.there)
    assert "Send the letters" in page
    assert "Confirm the recall" not in page
    assert client.post(f"{recall.there}/letters").status_code == 303


def test_it_is_dropped_by_its_page_with_a_reason(client, recall):
    assert client.post(f"{recall.there}/decision").status_code == 422
    dropped = client.post(f"{recall.there}/decision", data={"reason": "the <b>wrong</b> hose"})
    page = client.get(recall.there, params=IN_ENGLISH).text

    assert dropped.status_code == 303
    assert "the &lt;b&gt;wrong&lt;/b&gt; hose" in page
    assert "Send the letters" not in page
    assert "dropped" in client.get("/recalls", params=IN_ENGLISH).text


def test_the_api_tells_where_it_stands_and_takes_the_decision_once(client, recall):
    def ask(path="", said=None):
        address, headers = f"/v1/recalls/{recall.id}{path}", {"accept": "application/json"}
        if said is None:
            return client.get(address, headers=headers)
        return client.post(address, json=said, headers=headers)

    before = ask().json()
    early = ask("/letters", {})
    wordless = ask("/decision", {"confirms": False})
    decided = ask("/decision", {"confirms": True})
    again = ask("/decision", {"confirms": False, "reason": "late"})

    assert (before["status"], before["decision"], before["closed_at"]) == ("suggested", None, None)
    assert before["found_by_id"]
    assert (early.status_code, early.json()["type"]) == (409, "/problems/recall-not-open")
    assert wordless.json()["errors"][0]["pointer"] == "/reason"
    assert (decided.status_code, decided.json()["status"]) == (201, "open")
    assert decided.json()["decision"]["person_id"] == str(identifier("person:TPP:1"))
    assert again.status_code == 409
    assert [row["status"] for row in client.get("/v1/recalls").json()] == ["open"]


def test_in_another_book_there_is_no_such_recall(client, recall):
    client.cookies.set(ACTING_COOKIE, f"{identifier('CEM')}.{identifier('person:CEM:1')}")

    foreign = client.post(f"{recall.there}/decision", data={"confirms": "true"})

    assert foreign.status_code == 404


def test_it_is_confirmed_or_dropped_by_command(client, recall, database, monkeypatch, book):
    monkeypatch.setenv("SUYUAN_DATABASE_URL", database.application)
    monkeypatch.setattr(clock, "now", lambda: book.now)
    here = ("--book", "TPP", "--person", str(book.person_id))

    def run(*arguments):
        return CliRunner().invoke(command, arguments)

    shown = run("show", str(recall.id), "--book", "TPP")
    dropped = run("drop", str(recall.id), *here, "--reason", "a leak")
    after = run("show", str(recall.id), "--book", "TPP")
    late = run("confirm", str(recall.id), *here)

    assert (shown.exit_code, dropped.exit_code, after.exit_code) == (3, 0, 0)
    assert "items settled: suggested" in shown.stderr
    assert "items settled: dropped" in dropped.stderr
    assert "dropped already" in str(late.exception)
