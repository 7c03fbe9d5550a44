"""A plant takes in what another laboratory measured for it, from its inbox, by page.

ENT ordered the calibration of its gauge from LAB, which accepted, measured and sent the result.
It is March 2026; both engines.
"""

import json
from datetime import date
from types import SimpleNamespace

import pytest
from sqlmodel import Session, select

from service.actions import deliveries, order_exchange, organizations
from service.store import work_orders as store
from service.tables.calibrations import Calibration
from service.tables.exchange import Delivery
from service.web.work_orders import INBOX_ROUTE, serial_number_of
from tests.service import books, entering, workshop
from tests.service.books import ACTOR, NOW


@pytest.fixture
def ordered(open_as, owner, names, story):
    """ENT's order with LAB, accepted, and the delivered result of its gauge."""
    with Session(owner) as session, session.begin():
        human = organizations.create_identity(session, now=NOW)
    with open_as("ENT") as session, session.begin():
        session.expire_on_commit = False
        keeper = organizations.add_person(
            session, human, name_zh="台账员", name_en="keeper", role="ledger_keeper",
            authorised={}, actor_id=ACTOR, now=NOW,
        )  # fmt: skip
        item = workshop.gauge(session, "ours")
        order = order_exchange.place(
            session, [workshop.asked(item)], laboratory_id=names.LAB, requested_by=keeper, now=NOW
        )
        (line,) = store.lines(session, order.id)
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        person = story.people["checked"]
        sent = session.exec(select(Delivery).where(Delivery.kind == "order")).one()
        order_exchange.take_in(session, sent.id, person=person, now=NOW)
        order_exchange.answer(session, order.id, accepts=True, person=person, now=NOW)
        row = books.calibrate(
            session, "", date(2026, 2, 1), books.use(reference_id=story.working), item_id=item.id
        )
        books.sign_three_times(session, row.id, story.people)
        number = books.issue(session, row.id, story.people).number
        delivery_id = deliveries.deliver(session, row.id, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("ENT") as session, session.begin():
        answer = session.exec(select(Delivery).where(Delivery.kind == "acceptance")).one()
        order_exchange.take_in(session, answer.id, person=keeper, now=NOW)
    return SimpleNamespace(
        order=order, line_id=line.id, item=item, result=row.id, number=number, delivery=delivery_id
    )


@pytest.fixture
def client(app, names, ordered):
    with entering.entered(app, names.ENT, "ledger_keeper", "keeper.of.ent") as client:
        client.headers["accept"] = "text/html"
        yield client


def take_in(client, ordered, of):
    return client.post(f"{INBOX_ROUTE}/{ordered.delivery}/result", data={"of": of})


def test_the_result_stands_in_the_inbox_with_the_ordered_item_and_is_taken_in_as_its(
    client, ordered, open_as
):
    listed = client.get("/work-orders", params={"lang": "en"}).text
    inbox = client.get(INBOX_ROUTE).text
    taken = take_in(client, ordered, f"line:{ordered.line_id}")
    order = client.get(taken.headers["location"]).text

    assert ordered.number in inbox
    assert f'value="line:{ordered.line_id}"' in inbox
    assert f"SN ours · ours · {ordered.order.number}" in inbox
    assert INBOX_ROUTE in listed
    assert taken.status_code == 303
    assert ordered.number in order
    with open_as("ENT") as session:
        assert workshop.states_of(session, ordered.line_id)[-1] == "issued"
    assert ordered.number not in client.get(INBOX_ROUTE).text


def test_a_result_may_be_taken_in_as_of_an_item_of_the_ledger(client, ordered, open_as, names):
    taken = take_in(client, ordered, f"item:{ordered.item.id}")

    assert taken.headers["location"].endswith(str(ordered.item.id))
    with open_as("ENT") as session:
        row = session.get_one(Calibration, (names.ENT, ordered.result))
        assert (row.source, row.item_id) == ("received", ordered.item.id)
        assert workshop.states_of(session, ordered.line_id)[-1] == "accepted"


@pytest.mark.parametrize("of", ["", "line:nothing", "line:01990000-0000-7000-8000-000000000000"])
def test_without_an_item_nothing_is_taken_in_and_the_page_says_why(client, ordered, open_as, of):
    refused = take_in(client, ordered, of)

    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert ordered.number in refused.text
    with open_as("ENT") as session:
        assert store.count_results_waiting(session) == 1


def test_taken_in_twice_it_is_refused_and_stays_as_it_was(client, ordered):
    take_in(client, ordered, f"line:{ordered.line_id}")

    assert take_in(client, ordered, f"line:{ordered.line_id}").status_code == 422


def test_the_api_lists_the_waiting_result_with_what_it_is_of(client, ordered):
    rows = client.get("/v1/work-orders/inbox", headers={"accept": "application/json"}).json()

    (result,) = [row for row in rows if row["kind"] == "calibration"]
    assert result["id"] == str(ordered.delivery)
    assert result["content"]["certificate_number"] == ordered.number
    assert "certificate" not in result["content"]  # its files are large


def test_the_serial_number_is_read_from_the_certificate_and_never_required():
    content = {"item": {"serial_number": "0083105"}}
    told = {"form": "json", "content": json.dumps(content).encode().hex()}

    assert serial_number_of({"certificate": {"files": [told]}}) == "0083105"
    for foreign in ({}, {"certificate": None}, {"certificate": {"files": [{"form": "pdf"}]}},
                    {"certificate": {"files": [told | {"content": "zz"}]}}):  # fmt: skip
        assert serial_number_of(foreign) == ""
