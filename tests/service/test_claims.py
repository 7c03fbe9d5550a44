"""What a sender says of where its chain ends is believed as far as it is recognized here.

LAB calibrates ENT's meter against a standard that, it says, realizes the unit, and sends that. What
authorities let a laboratory do, the operator has put on record, or not.
"""

from datetime import date
from io import StringIO

import pytest
from rich.console import Console
from sqlalchemy import update
from sqlmodel import Session, col

from service import answers
from service.actions import calibrations, deliveries
from service.demo.telling import Teller, chain_tree
from service.errors import NotPublishable
from service.store import calibrations as store
from service.store import verdicts
from service.tables.calibrations import Calibration
from service.tables.organizations import Authorisation, Organization
from tests.service import books
from tests.service.books import ACTOR, NOW, PROCEDURE

CLAIM = "si_realisation"


@pytest.fixture
def recognize(owner, names):
    """Put on record what an authority lets an organization do."""

    def record(code, *scope, until=date(2027, 1, 1)):
        with Session(owner) as session, session.begin():
            session.add(
                Authorisation(
                    holder_id=getattr(names, code), number="L0001", kind_zh="实验室认可",
                    scope=list(scope), valid_from=date(2024, 1, 1), valid_until=until,
                )
            )  # fmt: skip

    return record


@pytest.fixture
def send(open_as, names):
    """LAB sends ENT the meter's calibration; return the ids of it, the standard, the delivery."""

    def send_():
        with open_as("LAB") as session, session.begin():
            standard = books.calibrate(session, "S", date(2025, 1, 1), terminal_reason=CLAIM)
            meter = books.calibrate(
                session, "meter", date(2025, 2, 1), books.use(reference_id=standard.id)
            )
            sent = deliveries.deliver(session, meter.id, names.ENT, actor_id=ACTOR, now=NOW)
            return meter.id, standard.id, sent.id

    return send_


@pytest.fixture
def take(open_as):
    def take_(delivery_id):
        with open_as("ENT") as session, session.begin():
            item = books.register(session, "meter")
            deliveries.take_in(session, delivery_id, item.id, actor_id=ACTOR, now=NOW)

    return take_


def chain_of(open_as, calibration_id):
    with open_as("ENT") as session:
        chain = answers.chain(session, calibration_id, on=None, known_at=NOW)
        (judged,) = verdicts.newest(session, [calibration_id]).values()
        end = next(link for link in store.ancestry(session, calibration_id, known_at=NOW)
                   if not link.references)  # fmt: skip
    return chain, judged, end


def test_the_end_that_an_unrecognized_sender_claims_ends_no_chain(open_as, send, take):
    meter, _, delivery = send()
    take(delivery)

    chain, judged, end = chain_of(open_as, meter)

    assert (end.terminal_reason, end.claimed_terminal_reason) == (None, CLAIM)
    assert [found.flaw.value for found in chain.breaks] == ["no_path_to_root"]
    assert not judged.is_unbroken
    told = chain.ends[0].as_mapping()
    assert told["terminal_reason"] is None
    assert told["claimed_terminal_reason"] == CLAIM
    console = Console(record=True, width=100, file=StringIO())
    console.print(chain_tree(Teller(console, "en"), chain.result))
    assert "claimed end, not confirmed: " in console.export_text()


def test_what_was_said_stays_as_it_was_said(open_as, send, take):
    _, standard, delivery = send()
    take(delivery)

    with open_as("ENT") as session:
        row = session.get_one(Calibration, (session.organization_id, standard))
        assert row.terminal_reason == CLAIM


def test_the_end_is_one_where_the_laboratory_is_recognized_for_the_work(
    open_as, send, take, recognize
):
    recognize("LAB", PROCEDURE)
    meter, _, delivery = send()
    take(delivery)

    chain, judged, end = chain_of(open_as, meter)

    assert (end.terminal_reason, end.claimed_terminal_reason) == (CLAIM, None)
    assert chain.breaks == ()
    assert judged.is_unbroken


@pytest.mark.parametrize(
    ("scope", "until"),
    [("JJG 49", date(2027, 1, 1)), (PROCEDURE, date(2024, 12, 31))],
    ids=["for other work", "no longer on that day"],
)
def test_recognition_is_for_the_work_and_the_day(open_as, send, take, recognize, scope, until):
    recognize("LAB", scope, until=until)
    meter, _, delivery = send()
    take(delivery)

    assert chain_of(open_as, meter)[2].claimed_terminal_reason == CLAIM


def test_recognition_put_on_record_later_confirms_the_claim(open_as, send, take, recognize):
    meter, _, delivery = send()
    take(delivery)
    recognize("LAB", PROCEDURE)

    chain, _, end = chain_of(open_as, meter)

    assert end.terminal_reason == CLAIM
    assert chain.breaks == ()


def test_a_national_institute_is_recognized_by_its_kind(owner, names, open_as, send, take):
    with Session(owner) as session, session.begin():
        is_it = col(Organization.id) == names.LAB
        session.execute(update(Organization).where(is_it).values(kind="national_institute"))
    meter, _, delivery = send()
    take(delivery)

    assert chain_of(open_as, meter)[2].terminal_reason == CLAIM


def test_the_own_book_ends_its_chains_by_its_own_word(open_as, send):
    """And answers for it: nobody else believes it for that."""
    meter, _, _ = send()

    with open_as("LAB") as session:
        assert answers.chain(session, meter, on=None, known_at=NOW).breaks == ()


def test_who_was_told_a_claim_does_not_publish_it_as_a_fact(open_as, names, recognize):
    with open_as("LAB") as session, session.begin():
        standard = books.calibrate(session, "S", date(2025, 1, 1), terminal_reason=CLAIM)
        sent = deliveries.deliver(session, standard.id, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("ENT") as session, session.begin():
        item = books.register(session, "S")
        told = deliveries.take_in(session, sent, item.id, actor_id=ACTOR, now=NOW).id

    with open_as("ENT") as session, pytest.raises(NotPublishable):
        calibrations.publish(session, told, actor_id=ACTOR, now=NOW)
    recognize("LAB", PROCEDURE)
    with open_as("ENT") as session, session.begin():
        assert calibrations.publish(session, told, actor_id=ACTOR, now=NOW).terminal_reason == CLAIM


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "claimed, not confirmed: Realizes the unit"), ("zh", "对方声称，未经确认：")],
)
def test_the_page_of_the_chain_shows_the_claim(enter, send, take, language, words):
    meter, _, delivery = send()
    take(delivery)
    viewer = enter("viewer", "zhou", "ENT")

    page = viewer.get(
        f"/calibrations/{meter}/chain", params={"lang": language}, headers={"accept": "text/html"}
    )

    assert page.status_code == 200
    assert words in page.text
