"""What became of a result reaches whoever holds it: withdrawn, replaced, made with a bad standard.

NIM calibrated LAB's reference; LAB made its unpublished working standard with it, and ENT's meter
with that (see `story`).
"""

from copy import deepcopy
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select
from uuid_utils.compat import uuid7

from service.actions import calibrations, deliveries, notices, revisions
from service.actions.notice_documents import EndNotice, read_notice
from service.answers import chain
from service.errors import AlreadyThere, InvalidField, NotFound, NotTheSenders
from service.store import calibrations as store
from service.store import certificates as certificate_store
from service.store import notices as notice_store
from service.tables.exchange import Delivery
from tests.seals import SEALS
from tests.service import books
from tests.service.amending import amend_text
from tests.service.books import ACTOR, NOW, calibrate, use
from traceability.graph import Flaw

LATER = NOW + timedelta(days=30)
MUCH_LATER = LATER + timedelta(days=30)
WITHDRAWN: dict[str, Any] = {"reason": "found out of order", "actor_id": ACTOR, "now": LATER}


def inbox(session: Any) -> list[UUID]:
    """Return the notices that wait, the oldest first."""
    received = notice_store.received(session, limit=100)
    return [row.id for row, receipt in reversed(received) if receipt is None]


def take_in_all(open_as: Any, code: str) -> int:
    """Let an organization take in every notice of its inbox; return how many."""
    with open_as(code) as session, session.begin():
        waiting = inbox(session)
        for id_ in waiting:
            notices.take_in(session, id_, actor_id=ACTOR, now=MUCH_LATER)
    return len(waiting)


def flaws(
    open_as: Any, code: str, calibration_id: UUID, *, known_at: Any = MUCH_LATER
) -> set[Flaw]:
    with open_as(code) as session:
        found = chain(session, calibration_id, on=None, known_at=known_at)
    return {found_break.flaw for found_break in found.breaks}


def successor(session: Any, calibration_id: UUID) -> UUID | None:
    end = store.supersession(session, calibration_id)
    assert end is not None
    return end.successor_id


def test_an_unpublished_withdrawal_reaches_the_copy_of_whoever_cites_it(open_as, story):
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, **WITHDRAWN)
    assert flaws(open_as, "ENT", story.meter) == set()

    assert take_in_all(open_as, "ENT") == 1

    assert flaws(open_as, "ENT", story.meter) == {Flaw.WITHDRAWN_AFTER_USE}
    assert flaws(open_as, "LAB", story.meter) == {Flaw.WITHDRAWN_AFTER_USE}


def test_the_copy_ended_when_the_notice_was_taken_in_and_was_whole_before(open_as, story):
    """What the book did not know it does not say of the past."""
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, **WITHDRAWN)
    take_in_all(open_as, "ENT")

    before = MUCH_LATER - timedelta(seconds=1)
    assert flaws(open_as, "ENT", story.meter, known_at=before) == set()


def test_who_holds_nothing_of_it_is_told_nothing(open_as, story):
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, **WITHDRAWN)

    for code in ("NIM", "OTH"):
        with open_as(code) as session:
            assert notice_store.count(session) == (0, 0)


def test_a_withdrawn_certificate_is_withdrawn_in_its_holders_book_too(open_as, story):
    with open_as("LAB") as session, session.begin():
        revisions.withdraw(session, story.certificate, seals=SEALS, **WITHDRAWN)

    take_in_all(open_as, "ENT")

    with open_as("ENT") as session:
        status = certificate_store.status(session, story.certificate)
        assert (status.status, status.reason) == ("withdrawn", WITHDRAWN["reason"])
        assert successor(session, story.meter) is None


def test_an_amended_certificate_names_the_one_that_replaces_it(open_as, story):
    number = amend_text(open_as, story)

    take_in_all(open_as, "ENT")

    with open_as("ENT") as session:
        assert certificate_store.status(session, story.certificate).status == "amended"
        ((notice, receipt),) = notice_store.received(session, limit=9)
        said = read_notice(notice.version, notice.content)
        assert receipt is not None
        assert receipt.taken_in_at == MUCH_LATER
        assert isinstance(said, EndNotice)
        assert said.certificates[0].amended_by == number
        assert said.message_en.startswith(f"Certificate {story.number} has been replaced")
        assert said.message_zh.startswith(f"证书{story.number}已由新的结果代替")


def test_what_replaces_a_result_is_taken_in_before_the_notice(open_as, owner, names, story):
    with open_as("LAB") as session, session.begin():
        corrected = calibrate(
            session, "", date(2026, 2, 1), use(reference_id=story.working),
            item_id=story.lab_item, now=LATER,
        ).id  # fmt: skip
        sent = deliveries.deliver(session, corrected, names.ENT, actor_id=ACTOR, now=LATER).id
        calibrations.end(session, story.meter, successor_id=corrected, **WITHDRAWN)

    refused = books.refusing(owner, lambda: take_in_all(open_as, "ENT"), InvalidField)
    with open_as("ENT") as session, session.begin():
        deliveries.take_in(session, sent, story.item, actor_id=ACTOR, now=LATER)
    take_in_all(open_as, "ENT")

    assert (refused.pointer, str(corrected) in refused.reason) == ("/content/calibrations", True)
    with open_as("ENT") as session:
        assert successor(session, story.meter) == corrected


def test_what_replaces_a_cited_standard_is_cited_by_the_notice_itself(open_as, story):
    """The customer is never sent the laboratory's own standard."""
    with open_as("LAB") as session, session.begin():
        corrected = calibrate(
            session, "", date(2025, 6, 1), use(reference_id=story.reference),
            item_id=story.working_item, now=LATER,
        ).id  # fmt: skip
        calibrations.end(session, story.working, successor_id=corrected, **WITHDRAWN)

    take_in_all(open_as, "ENT")

    with open_as("ENT") as session:
        assert successor(session, story.working) == corrected
        assert store.get(session, corrected).source == "cited"
        assert chain(session, story.meter, on=None, known_at=MUCH_LATER).unbroken


def test_an_end_travels_on_to_whoever_was_told_by_the_holder(open_as, names, recognized):
    """NIM's unpublished standard is behind LAB's working standard, and so behind ENT's meter."""
    with open_as("NIM") as session, session.begin():
        standard = calibrate(session, "S", date(2025, 1, 1), terminal_reason="x").id
        sent = deliveries.deliver(session, standard, names.LAB, actor_id=ACTOR, now=NOW).id
    with open_as("LAB") as session, session.begin():
        item = books.register(session, "S").id
        deliveries.take_in(session, sent, item, actor_id=ACTOR, now=NOW)
        meter = calibrate(session, "M", date(2026, 1, 1), use(reference_id=standard)).id
        sent = deliveries.deliver(session, meter, names.ENT, actor_id=ACTOR, now=NOW).id
    with open_as("ENT") as session, session.begin():
        item = books.register(session, "M").id
        deliveries.take_in(session, sent, item, actor_id=ACTOR, now=NOW)
    with open_as("NIM") as session, session.begin():
        calibrations.end(session, standard, **WITHDRAWN)

    taken_in = [take_in_all(open_as, code) for code in ("ENT", "LAB", "ENT")]

    assert taken_in == [0, 1, 1]
    assert flaws(open_as, "ENT", meter) == {Flaw.WITHDRAWN_AFTER_USE}


def test_what_a_holder_published_ends_for_everyone_when_it_is_told(open_as, story):
    """LAB published the reference that NIM calibrated for it; OTH rests on that."""
    with open_as("OTH") as session, session.begin():
        mine = calibrate(
            session, "x", date(2026, 2, 1), use(published_id=story.published_reference)
        ).id
    with open_as("NIM") as session, session.begin():
        calibrations.end(session, story.reference, **WITHDRAWN)
    assert flaws(open_as, "OTH", mine) == set()

    take_in_all(open_as, "LAB")

    assert flaws(open_as, "OTH", mine) == {Flaw.WITHDRAWN_AFTER_USE}


# --- What is not believed


def sent_by(open_as: Any, names: Any, code: str, content: dict[str, Any]) -> UUID:
    """Put a notice into ENT's inbox, past what the sender's own service would refuse."""
    with open_as(code) as session, session.begin():
        delivery = Delivery(
            organization_id=names.ENT, sender_id=session.organization_id, kind="notice",
            version=1, content=content, sent_at=LATER,
        )  # fmt: skip
        session.add(delivery)
        session.flush()
        return delivery.id


def genuine(open_as: Any, story: Any) -> dict[str, Any]:
    """Return the content of LAB's notice that the meter's certificate is withdrawn."""
    with open_as("LAB") as session, session.begin():
        revisions.withdraw(session, story.certificate, seals=SEALS, **WITHDRAWN)
    with open_as("ENT") as session:
        ((notice, _receipt),) = notice_store.received(session, limit=9)
        return deepcopy(notice.content)


def refuse(open_as: Any, owner: Any, notice_id: UUID, error: type[Exception]) -> Any:
    def take_in() -> None:
        with open_as("ENT") as session, session.begin():
            notices.take_in(session, notice_id, actor_id=ACTOR, now=MUCH_LATER)

    return books.refusing(owner, take_in, error)


def test_only_who_told_us_a_result_can_end_it(open_as, owner, names, story):
    """OTH repeats LAB's words to the letter."""
    content = genuine(open_as, story)
    forged = sent_by(open_as, names, "OTH", content)
    without_certificate = sent_by(open_as, names, "OTH", content | {"certificates": []})

    for notice in (forged, without_certificate):
        refuse(open_as, owner, notice, NotTheSenders)


def test_a_certificate_of_another_number_is_not_the_one_told(open_as, owner, names, story):
    content = genuine(open_as, story)
    content["certificates"][0]["number"] = "LAB-2026-00099"

    refuse(open_as, owner, sent_by(open_as, names, "LAB", content), NotTheSenders)


def test_a_calibration_that_nobody_told_us_cannot_end(open_as, owner, names, story):
    content = genuine(open_as, story)
    content["calibrations"][0]["calibration_id"] = str(uuid7())

    refuse(open_as, owner, sent_by(open_as, names, "LAB", content), NotTheSenders)


def test_a_notice_is_taken_in_once(open_as, owner, story):
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, **WITHDRAWN)
    with open_as("ENT") as session:
        (waiting,) = inbox(session)
    take_in_all(open_as, "ENT")

    refuse(open_as, owner, waiting, AlreadyThere)


def test_a_delivered_calibration_is_no_notice(open_as, owner, story):
    refuse(open_as, owner, story.delivery, NotFound)


def test_a_notice_of_anothers_inbox_is_not_there(open_as, owner, story):
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, **WITHDRAWN)
    with open_as("ENT") as session:
        (waiting,) = inbox(session)

    def take_in() -> None:
        with open_as("OTH") as session, session.begin():
            notices.take_in(session, waiting, actor_id=ACTOR, now=MUCH_LATER)

    books.refusing(owner, take_in, NotFound)


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "no such kind": ({"kind": "rumour"}, "/content/kind"),
    "a field is unknown": ({"x": 1}, "/content/x"),
    "nothing ended": ({"calibrations": [], "certificates": []}, "/content"),
    "no words": ({"message_zh": ""}, "/content/message_zh"),
    "words without end": ({"message_en": "x" * 4001}, "/content/message_en"),
    "withdrawn with a successor": (
        {"certificates": [{"certificate_id": str(uuid7()), "number": "X", "amended_by": "Y"}]},
        "/content",
    ),
    "replaced by nothing": ({"kind": "amended"}, "/content"),
    "an id is none": (
        {"calibrations": [{"calibration_id": "meter", "successor_id": None}]},
        "/content/calibrations/0/calibration_id",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_notice_that_cannot_be_is_refused_by_its_field(case):
    change, pointer = MALFORMED[case]
    said = {
        "kind": "withdrawn",
        "message_zh": "撤销",
        "message_en": "withdrawn",
        "reason": "x",
        "calibrations": [{"calibration_id": str(uuid7()), "successor_id": None}],
        "certificates": [],
        "cited": [],
    }
    assert read_notice(1, said).kind == "withdrawn"

    with pytest.raises(InvalidField) as refused:
        read_notice(1, said | change)

    assert refused.value.pointer == pointer


def test_a_notice_of_another_version_is_refused():
    with pytest.raises(InvalidField) as refused:
        read_notice(2, {})

    assert refused.value.pointer == "/version"


def test_what_could_not_be_read_is_not_sent(open_as, owner, names, story):
    def send() -> None:
        with open_as("LAB") as session, session.begin():
            notices.send(
                session, names.ENT, {"kind": "withdrawn"}, subject_ids=set(), actor_id=ACTOR,
                now=LATER,
            )  # fmt: skip

    books.refusing(owner, send, InvalidField)


def test_no_book_sees_what_another_was_sent(open_as, story):
    with open_as("LAB") as session, session.begin():
        calibrations.end(session, story.working, **WITHDRAWN)

    with open_as("LAB") as session:
        assert session.exec(select(Delivery).where(Delivery.kind == "notice")).all() == []
