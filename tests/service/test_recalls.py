"""A recall from the day the standard is found wrong to the day the last item is settled.

LAB finds its working standard out of tolerance. It verified ENT's meter with it (see `story`), a
gauge of its own, and one of which no result is on record.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select
from uuid_utils.compat import uuid7

from service import affected, recalls
from service.actions import notices
from service.actions import recalls as actions
from service.actions.notice_documents import OutOfToleranceNotice, read_notice
from service.affected import Fault
from service.errors import AlreadyThere, InvalidField, NotFound, NotTheSenders
from service.store import calibrations as calibration_store
from service.store import notices as notice_store
from service.tables.operations import Outbox
from tests.service import books
from tests.service.books import ACTOR, calibrate, use
from traceability.errors import InvalidValue
from traceability.impact import DriftAssumption

FOUND = datetime(2026, 3, 10, 8, tzinfo=books.NOW.tzinfo)
AFTER = FOUND + timedelta(days=10)
FAULT = Fault(
    last_good_on=date(2026, 1, 1),
    found_on=date(2026, 3, 10),
    as_found=((0.0, 0.0), (1.6, 0.016)),
    unit="MPa",
)
LIMIT = Decimal("0.016")
DONE: dict[str, Any] = {"actor_id": ACTOR, "now": AFTER}


@pytest.fixture
def fault(open_as, names, story):
    """The recall as LAB opened it, and the gauges that it affects besides ENT's meter."""
    with open_as("LAB") as session, session.begin():
        made = use(reference_id=story.working)
        gauge = calibrate(
            session, "own gauge", date(2026, 2, 3), made,
            results=(books.result(maximum_permissible_error=LIMIT),),
        )  # fmt: skip
        silent = calibrate(session, "silent", date(2026, 2, 4), made, results=())
        told = SimpleNamespace(
            own=gauge.item_id, silent=silent.item_id, gauge=gauge.id, meter=story.meter
        )
        told.recall = actions.open_recall(
            session, story.working, FAULT,
            assumption=DriftAssumption.STEP_AT_START, actor_id=ACTOR, now=FOUND,
        ).id  # fmt: skip
    return told


def progress(open_as, fault) -> recalls.RecallProgress:
    with open_as("LAB", read_only=True) as session:
        return recalls.progress(session, fault.recall)


def act(open_as, what, fault, *arguments, **said):
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        return what(session, fault.recall, *arguments, **DONE | said)


def reference(open_as, story, item_id: UUID, performed_on: date, used: UUID | None = None) -> UUID:
    """Calibrate an item anew, from the institute's reference where nothing else is said."""
    with open_as("LAB") as session, session.begin():
        return calibrate(
            session, "", performed_on, use(reference_id=used or story.reference),
            item_id=item_id, now=AFTER,
        ).id  # fmt: skip


def test_a_recall_keeps_what_it_found_with_numbers(open_as, fault, story):
    """At 1 MPa the standard gave 0.010 MPa too much: 0.010 becomes 0.020, beyond 0.016."""
    found = progress(open_as, fault)

    items = {one.item.id: one for one in found.items}
    assert items.keys() == {story.lab_item, fault.own, fault.silent}
    (case,) = items[fault.own].cases
    assert (case.value, case.error) == (1.0, 0.010)
    assert case.shift == pytest.approx(0.010)
    assert case.corrected_error == pytest.approx(0.020)
    assert (case.recorded_verdict, case.corrected_verdict) == ("conforming", "nonconforming")
    assert case.probability_of_nonconformity == pytest.approx(0.655, abs=1e-3)
    assert (items[fault.silent].cases, items[fault.silent].is_judged) == ((), False)
    assert (found.results, found.overturned, found.closed, found.closed_at) == (3, 1, 0, None)


def test_before_it_is_opened_nothing_is_written(open_as, owner, story):
    """The same question, asked what if, leaves no row."""
    before = books.count_rows(owner)
    with open_as("LAB", read_only=True) as session:
        found = affected.recall(
            session, story.working, FAULT, assumption=DriftAssumption.LINEAR,
            on=FOUND.date(), known_at=FOUND,
        )  # fmt: skip

    assert {case.result.calibration_id for case in found.recall.affected} == {story.meter}
    assert books.count_rows(owner) == before


def test_each_customer_gets_one_letter_of_its_own_results(open_as, names, fault, story):
    sent = act(open_as, actions.send_letters, fault)

    assert [letter.organization_id for letter in sent] == [names.ENT]
    with open_as("ENT") as session:
        ((row, _receipt),) = notice_store.received(session, limit=9)
        said = read_notice(row.version, row.content)
    assert isinstance(said, OutOfToleranceNotice)
    assert {one.calibration_id for one in said.affected} == {story.meter}
    assert {one.certificate_number for one in said.affected} == {story.number}
    assert [one.corrected_error for one in said.affected] == [pytest.approx(0.020)] * 2
    assert (said.recall_id, said.assumption) == (fault.recall, "step_at_start")
    assert "2 of your results, of which 0 conformed" in said.message_en
    assert "共2个结果受其影响" in said.message_zh


def test_what_was_told_is_not_told_again_and_what_is_new_is(open_as, names, fault, story):
    act(open_as, actions.send_letters, fault)
    assert act(open_as, actions.send_letters, fault) == []

    with open_as("LAB") as session, session.begin():
        item = books.register(session, "late", customer_id=names.ENT).id
        late = calibrate(
            session, "", date(2026, 2, 5), use(reference_id=story.working), item_id=item, now=AFTER
        ).id
    assert act(open_as, actions.extend, fault) == 1
    (letter,) = act(open_as, actions.send_letters, fault)

    told = {one["calibration_id"] for one in letter.content["affected"]}
    assert told == {str(late)}


def test_the_customer_takes_the_letter_in_and_no_record_changes(open_as, fault, story):
    act(open_as, actions.send_letters, fault)

    with open_as("ENT") as session, session.begin():
        ((row, _),) = notice_store.received(session, limit=9)
        notices.take_in(session, row.id, actor_id=ACTOR, now=AFTER)

    with open_as("ENT") as session:
        assert notice_store.count(session) == (1, 0)
        assert calibration_store.supersession(session, story.meter) is None


def test_a_letter_about_what_another_told_us_is_refused(open_as, owner, names, fault, story):
    """OTH sends ENT the letter that LAB would send."""
    act(open_as, actions.send_letters, fault)
    with open_as("ENT") as session:
        content = dict(notice_store.received(session, limit=9)[0][0].content)
    with open_as("OTH") as session, session.begin():
        sent = notices.send(
            session, names.ENT, content, subject_ids={uuid7()}, actor_id=ACTOR, now=AFTER
        ).id

    def take_in() -> None:
        with open_as("ENT") as session, session.begin():
            notices.take_in(session, sent, actor_id=ACTOR, now=AFTER)

    books.refusing(owner, take_in, NotTheSenders)


# --- Settling


def test_an_item_is_settled_by_its_new_calibration(open_as, fault, story):
    again = reference(open_as, story, fault.own, date(2026, 3, 12))

    closing = act(open_as, actions.close_item, fault, fault.own)

    assert (closing.calibration_id, closing.statement) == (again, None)
    assert progress(open_as, fault).closed == 1


def test_a_new_calibration_with_the_same_fault_settles_nothing(open_as, owner, fault, story):
    """It was made with the gauge that the recall affects."""
    reference(open_as, story, fault.silent, date(2026, 3, 12), fault.gauge)

    def close() -> None:
        act(open_as, actions.close_item, fault, fault.silent)

    refused = books.refusing(owner, close, InvalidField)
    assert refused.pointer == "/item_id"


def test_what_was_settled_elsewhere_is_settled_by_a_statement(open_as, fault, story):
    said = "scrapped, as the customer writes on 2026-03-15"

    closing = act(open_as, actions.close_item, fault, story.lab_item, statement=said)

    assert (closing.calibration_id, closing.statement) == (None, said)


def test_a_recall_is_closed_when_its_last_item_is_and_says_so(open_as, fault, story):
    for item_id in (fault.own, fault.silent):
        reference(open_as, story, item_id, date(2026, 3, 12))
    settled = act(open_as, actions.close_calibrated_anew, fault)
    assert progress(open_as, fault).closed_at is None

    act(open_as, actions.close_item, fault, story.lab_item, statement="verified by another")

    assert {closing.item_id for closing in settled} == {fault.own, fault.silent}
    assert progress(open_as, fault).closed_at == AFTER
    with open_as("LAB") as session:
        events = session.exec(select(Outbox.event, Outbox.content)).all()
    told = [event for event, said in events if said.get("recall_id") == str(fault.recall)]
    assert sorted(told) == ["recall.closed", "recall.opened"]


def test_an_item_is_settled_once(open_as, owner, fault, story):
    act(open_as, actions.close_item, fault, story.lab_item, statement="scrapped")

    def again() -> None:
        act(open_as, actions.close_item, fault, story.lab_item, statement="found again")

    books.refusing(owner, again, AlreadyThere)


@pytest.mark.parametrize(
    ("item", "said", "error"),
    [
        ("working_item", {"statement": "x"}, NotFound),
        ("lab_item", {"statement": "  "}, InvalidField),
        ("lab_item", {}, InvalidField),
    ],
)
def test_what_cannot_be_settled_is_refused(open_as, owner, fault, story, item, said, error):
    def close() -> None:
        act(open_as, actions.close_item, fault, getattr(story, item), **said)

    books.refusing(owner, close, error)


# --- Opening


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"unit": None}, InvalidField),
        ({"unit": "kPa"}, InvalidField),
        ({"found_on": date(2026, 1, 1)}, InvalidValue),
        ({"as_found": ()}, InvalidValue),
        ({"as_found": ((1.0, 0.1), (0.0, 0.1))}, InvalidValue),
        ({"as_found": ((0.0, float("nan")),)}, InvalidValue),
    ],
)
def test_a_fault_that_cannot_be_opens_no_recall(open_as, owner, story, change, error):
    known = {name: getattr(FAULT, name) for name in Fault.__dataclass_fields__}

    def open_() -> None:
        with open_as("LAB") as session, session.begin():
            actions.open_recall(
                session, story.working, Fault(**known | change),
                assumption=DriftAssumption.LINEAR, **DONE,
            )  # fmt: skip

    books.refusing(owner, open_, error)


def test_a_standard_that_only_the_layer_holds_is_recalled_in_the_own_book(open_as, story):
    """NIM's national standard was wrong: LAB asks what that made of its own results."""
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        row = actions.open_recall(
            session, story.published,
            Fault(last_good_on=date(2025, 1, 1), found_on=date(2026, 3, 10),
                  as_found=((0.0, 0.01), (1.6, 0.01)), unit="MPa"),
            assumption=DriftAssumption.STEP_AT_START, **DONE,
        )  # fmt: skip
        found = recalls.progress(session, row.id)

    assert (row.calibration_id, row.published_id) == (None, story.published)
    assert story.lab_item in {one.item.id for one in found.items}
    assert max(one.steps for one in found.items) == 3


def test_a_recall_that_affects_nothing_is_closed_as_it_is_opened(open_as, story):
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        row = actions.open_recall(
            session, story.meter, FAULT, assumption=DriftAssumption.LINEAR, **DONE
        )
        found = recalls.progress(session, row.id)

    assert (found.items, found.closed_at) == ((), AFTER)


def test_another_book_has_no_such_recall(open_as, fault):
    with open_as("ENT") as session, pytest.raises(NotFound):
        recalls.progress(session, fault.recall)


def test_a_meter_delivered_to_nobody_on_the_platform_still_stands_on_the_list(
    open_as, names, fault, story
):
    """Its customer is known by the ledger, so the letter goes there."""
    with open_as("LAB") as session, session.begin():
        item = books.register(session, "undelivered", customer_id=names.OTH).id
        meter = calibrate(
            session, "", date(2026, 2, 6), use(reference_id=story.working), item_id=item
        ).id
        row = actions.open_recall(
            session, story.working, FAULT, assumption=DriftAssumption.WORST_CASE, **DONE
        )
        sent = actions.send_letters(session, row.id, **DONE)
        told = {letter.organization_id: letter.content for letter in sent}

    assert told.keys() == {names.ENT, names.OTH}
    assert {one["calibration_id"] for one in told[names.OTH]["affected"]} == {str(meter)}
