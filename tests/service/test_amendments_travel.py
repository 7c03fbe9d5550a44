"""What LAB amends reaches ENT's book: the new certificate beside the old one, each with its files.

LAB issued the certificate of ENT's meter on 1 March 2026 and amended it a month later. ENT takes
in the notice, and with it the certificate that takes the old one's place.
"""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select
from uuid_utils.compat import uuid7

from service.actions import deliveries, notices, revisions
from service.actions.notice_documents import EndNotice, read_notice
from service.answers import chain
from service.errors import InvalidField, NotTheSenders
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.store import notices as notice_store
from service.tables.certificates import Certificate
from service.tables.exchange import Delivery
from tests.seals import SEALS
from tests.service import books
from tests.service.amending import LATER, amend_by, amend_text, successor
from tests.service.books import ACTOR


def take_in_notices(open_as: Any, code: str = "ENT") -> int:
    """Take in every notice that waits, the oldest first; return how many."""
    with open_as(code) as session, session.begin():
        received = notice_store.received(session, limit=100)
        waiting = [row.id for row, receipt in reversed(received) if receipt is None]
        for id_ in waiting:
            notices.take_in(session, id_, actor_id=ACTOR, now=LATER)
    return len(waiting)


def files_of(open_as: Any, code: str, number: str) -> dict[str, bytes]:
    with open_as(code) as session:
        certificate = store.by_number(session, number)
        return {file.form: file.content for file in store.files(session, certificate.id)}


def statuses(open_as: Any, code: str) -> dict[str, tuple[str, UUID | None]]:
    """Return what became of each certificate of a book, and which one it amends, by number."""
    with open_as(code) as session:
        return {
            row.number: (store.status(session, row.id).status, row.amends_id)
            for row in session.exec(select(Certificate)).all()
        }


def test_a_corrected_text_arrives_as_a_second_certificate_of_the_same_calibration(open_as, story):
    number = amend_text(open_as, story)

    assert take_in_notices(open_as) == 1

    expected = {story.number: ("amended", None), number: ("issued", story.certificate)}
    assert statuses(open_as, "LAB") == statuses(open_as, "ENT") == expected
    for one in (story.number, number):
        assert files_of(open_as, "ENT", one) == files_of(open_as, "LAB", one)
    assert (
        files_of(open_as, "ENT", number)["json"] != files_of(open_as, "ENT", story.number)["json"]
    )
    with open_as("ENT") as session:
        newest = store.of_calibration(session, story.meter)
        assert newest is not None
        assert newest.number == number
        assert calibration_store.supersession(session, story.meter) is None
        content = revisions.content_of(session, newest)
        assert content.amends is not None
        assert content.amends.number == story.number
        assert chain(session, story.meter, on=None, known_at=LATER).unbroken


def test_a_record_made_anew_arrives_with_its_calibration_and_supersedes_the_old(open_as, story):
    new = successor(open_as, story, results=(books.result(estimate=Decimal("0.012")),))
    number = amend_by(open_as, story, new)

    assert take_in_notices(open_as) == 1

    with open_as("ENT") as session:
        end = calibration_store.supersession(session, story.meter)
        row = calibration_store.get(session, new)
        assert end is not None
        assert end.successor_id == new
        assert (row.source, row.item_id) == ("received", story.item)
        assert [str(r.estimate) for r in calibration_store.results(session, new)] == ["0.012"]
        assert list(store.calibrations_of(session, store.by_number(session, number).id)) == [new]
    assert statuses(open_as, "ENT")[number] == ("issued", story.certificate)
    assert files_of(open_as, "ENT", number) == files_of(open_as, "LAB", number)


def test_what_becomes_of_the_amended_certificate_reaches_its_holder_too(open_as, story):
    """Amended twice, then withdrawn: each is told to who was told of the one before."""
    first = amend_text(open_as, story)
    with open_as("LAB") as session:
        story.certificate = store.by_number(session, first).id
    second = amend_text(open_as, story, corrections={"item.type_designation": "Y-100"})
    with open_as("LAB") as session, session.begin():
        revisions.withdraw(
            session, store.by_number(session, second).id, reason="drifted", actor_id=ACTOR,
            seals=SEALS, now=LATER,
        )  # fmt: skip

    assert take_in_notices(open_as) == 3

    assert {number: said for number, (said, _) in statuses(open_as, "ENT").items()} == {
        story.number: "amended", first: "amended", second: "withdrawn",
    }  # fmt: skip
    with open_as("ENT") as session:
        end = calibration_store.supersession(session, story.meter)
        assert end is not None
        assert end.successor_id is None


def test_notices_are_taken_in_in_their_order(open_as, owner, story):
    first = amend_text(open_as, story)
    with open_as("LAB") as session:
        story.certificate = store.by_number(session, first).id
    amend_text(open_as, story, corrections={"item.type_designation": "Y-100"})

    def newest_first():
        with open_as("ENT") as session, session.begin():
            newest, _ = notice_store.received(session, limit=1)[0]
            notices.take_in(session, newest.id, actor_id=ACTOR, now=LATER)

    refused = books.refusing(owner, newest_first, InvalidField)

    assert refused.reason == f"take in first what brings {first}"
    assert take_in_notices(open_as) == 2


def test_what_is_issued_in_the_place_of_a_voided_one_reaches_its_holder(open_as, story):
    with open_as("LAB") as session, session.begin():
        revisions.void(
            session, story.certificate, reason="another customer's name", actor_id=ACTOR,
            seals=SEALS, now=LATER,
        )  # fmt: skip
        number = books.issue(session, story.meter, story.people, now=LATER).number

    assert take_in_notices(open_as) == 2

    assert statuses(open_as, "ENT") == {
        story.number: ("withdrawn", None), number: ("issued", None),
    }  # fmt: skip
    assert files_of(open_as, "ENT", number) == files_of(open_as, "LAB", number)


def test_who_first_hears_of_an_amended_certificate_gets_it_alone(open_as, names, story):
    number = amend_text(open_as, story)
    with open_as("LAB") as session, session.begin():
        sent = deliveries.deliver(session, story.meter, names.OTH, actor_id=ACTOR, now=LATER).id

    with open_as("OTH") as session, session.begin():
        item = books.register(session, "meter").id
        deliveries.take_in(session, sent, item, actor_id=ACTOR, now=LATER)

    assert statuses(open_as, "OTH") == {number: ("issued", None)}


def test_an_amendment_taken_in_by_itself_is_not_taken_in_again(open_as, story):
    amend_text(open_as, story)
    with open_as("ENT") as session, session.begin():
        ((notice, _),) = notice_store.received(session, limit=9)
        said = read_notice(notice.version, notice.content)
        assert isinstance(said, EndNotice)
        sent = said.certificates[0].delivery_id
        assert sent is not None
        deliveries.take_in(session, sent, story.item, actor_id=ACTOR, now=LATER)

    assert take_in_notices(open_as) == 1

    assert sorted(said for said, _ in statuses(open_as, "ENT").values()) == ["amended", "issued"]


# --- What is not believed


def forged(open_as: Any, story: Any, change: Any, *, code: str = "LAB") -> UUID:
    """Send ENT the meter's calibration once more, changed, past what LAB would send."""
    with open_as("ENT") as session:
        content = dict(session.get_one(Delivery, (session.organization_id, story.delivery)).content)
        recipient = session.organization_id
    certificate = content["certificate"] | {
        "id": str(uuid7()), "number": f"{code}-2026-00099-0",
        "amends_id": str(story.certificate),
    }  # fmt: skip
    content |= {"certificate": certificate}
    change(content)
    with open_as(code) as session, session.begin():
        sent = Delivery(
            organization_id=recipient, sender_id=session.organization_id, kind="calibration",
            version=1, content=content, sent_at=LATER,
        )  # fmt: skip
        session.add(sent)
        session.flush()
        return sent.id


def other_results(content: dict[str, Any]) -> None:
    content["results"] = [result | {"estimate": "9.999"} for result in content["results"]]


def other_facts(content: dict[str, Any]) -> None:
    content["valid_until"] = "2030-01-01"


def no_certificate(content: dict[str, Any]) -> None:
    content["certificate"] = None


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("LAB", other_results),
        ("LAB", other_facts),
        ("LAB", no_certificate),
        ("OTH", lambda _content: None),
    ],
    ids=["results", "facts", "nothing new", "another sender"],
)
def test_a_calibration_of_the_book_is_not_rewritten(open_as, owner, story, code, change):
    sent = forged(open_as, story, change, code=code)

    def take_in():
        with open_as("ENT") as session, session.begin():
            deliveries.take_in(session, sent, story.item, actor_id=ACTOR, now=LATER)

    books.refusing(owner, take_in, NotTheSenders)


def test_a_certificate_is_taken_in_for_the_item_that_it_is_of(open_as, owner, story):
    sent = forged(open_as, story, lambda _content: None)
    with open_as("ENT") as session, session.begin():
        other = books.register(session, "other").id

    def take_in():
        with open_as("ENT") as session, session.begin():
            deliveries.take_in(session, sent, other, actor_id=ACTOR, now=LATER)

    assert books.refusing(owner, take_in, InvalidField).pointer == "/item_id"


def test_nobody_amends_what_another_issued(open_as, owner, names, story):
    """OTH tells ENT a calibration of its own, whose certificate calls itself LAB's successor."""
    with open_as("OTH") as session, session.begin():
        mine = books.calibrate(session, "mine", date(2026, 1, 1)).id
        honest = deliveries.deliver(session, mine, names.ENT, actor_id=ACTOR, now=LATER)
        certificate = {
            "id": str(uuid7()), "number": "OTH-2026-00001-0", "files": [],
            "kind": "calibration_certificate", "issued_at": LATER.isoformat(),
            "content_sha256": "0" * 64, "amends_id": str(story.certificate),
        }  # fmt: skip
        sent = Delivery(
            organization_id=names.ENT, sender_id=names.OTH, kind="calibration", version=1,
            content=honest.content | {"certificate": certificate}, sent_at=LATER,
        )  # fmt: skip
        session.add(sent)
        session.flush()
        sent_id = sent.id

    def take_in():
        with open_as("ENT") as session, session.begin():
            item = books.register(session, "mine").id
            deliveries.take_in(session, sent_id, item, actor_id=ACTOR, now=LATER)

    books.refusing(owner, take_in, NotTheSenders)
