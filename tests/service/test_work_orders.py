"""The laboratory's day, on both engines: from the order to the certificate, and what is refused.

LAB has a gauge of ENT's on its bench on 1 March 2026. Three persons work there, all authorised
for JJG 52 until the end of the year.
"""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import Session, col, select

from procedures.worksheet import Course, Limitation
from service.actions import (
    certificates,
    order_exchange,
    organizations,
    signing_off,
    work_orders,
    worksheets,
)
from service.errors import (
    AlreadyThere,
    InvalidField,
    NoCapacity,
    NotAuthorised,
    NotFound,
    NotTheSenders,
    ReauthenticationRequired,
    ServiceError,
    StaleVersion,
    StandardNotUsable,
    StepOutOfOrder,
    WorksheetIncomplete,
)
from service.store import calibrations as calibration_store
from service.store import certificates as certificate_store
from service.store import work_orders as store
from service.tables.exchange import Delivery
from service.tables.items import Item
from service.tables.operations import Outbox
from service.tables.people import Person
from service.work_order_states import ENDED, IN_THE_LABORATORY, State, order_state, require_next
from tests.seals import SEALS
from tests.service import books, workshop
from tests.service.books import KEYS, NOW
from tests.service.workshop import ROWS, TODAY, read_at, sheet

PIXEL = b"\x89PNG\r\n\x1a\n" + bytes(16)


@pytest.fixture
def bench(open_as, owner, names, story) -> SimpleNamespace:
    workshop.authorise(owner, names.LAB)
    return workshop.bench(open_as, names, story)


@pytest.fixture
def lab(open_as):
    """Work in LAB's book, in one transaction."""

    @contextmanager
    def open_():
        with open_as("LAB") as session, session.begin():
            session.expire_on_commit = False
            yield session

    return open_


def kept(open_as, line_id):
    """Return how many revisions of a worksheet are kept, and where its item stands."""
    with open_as("LAB", read_only=True) as session:
        revisions = store.worksheet_revisions(session, line_id)
        return len(revisions), store.last_step(session, line_id).state


# --- The states


def test_every_state_is_reached_and_only_the_three_last_are_ends():
    reached = {State.REQUESTED}.union(*IN_THE_LABORATORY.values())

    assert reached == set(State)
    assert {state for state, after in IN_THE_LABORATORY.items() if not after} == ENDED


def test_a_step_out_of_order_says_what_may_follow():
    with pytest.raises(StepOutOfOrder, match="is measured: assigned, checked may follow") as found:
        require_next(State.MEASURED, State.ISSUED)

    assert found.value.allowed == ("assigned", "checked")


def test_an_order_is_as_far_as_its_item_that_is_least_far():
    assert order_state([State.ISSUED, State.RECEIVED, State.CANCELLED]) is State.RECEIVED
    assert order_state([State.DECLINED, State.DECLINED]) is State.DECLINED


# --- The whole day


def test_from_order_to_certificate(lab, bench, open_as, names):
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
        row = workshop.submit(session, bench.people, bench.line_id)
        workshop.sign_off(session, bench.people, bench.line_id, State.CHECKED, State.APPROVED)
        certificate = books_issue(session, bench)
        work_orders.give_back(
            session, bench.line_id, handed_to="ENT", person=bench.people["checked"], now=NOW
        )

        assert workshop.states_of(session, bench.line_id) == [
            "requested", "accepted", "received", "assigned", "measured", "checked", "approved",
            "issued", "returned",
        ]  # fmt: skip
        assert certificate.kind == "verification_certificate"
        record = calibration_store.original_record(session, row.id)
        signed = certificate_store.signatures(session, row.id)
        edges = calibration_store.references(session, row.id)

    assert record is not None
    point = record.content["readings"]["points"][2]
    assert point["up_after_tapping"] == "0.81"
    assert point["nominal"] == "0.8"
    assert point["standard"]["calibration_id"] == str(bench.standard.id)
    assert point["standard"]["valid_until"] == "2027-12-31"
    assert {s.meaning: s.reauthenticated_at for s, _ in signed} == dict.fromkeys(
        ("calibrated", "checked", "approved"), NOW
    )
    assert {s.subject_sha256 for s, _ in signed} == {record.sha256}
    assert [edge.reference_id for edge in edges] == [bench.standard.id]
    assert edges[0].ratio == pytest.approx(0.00125 / 0.0256)
    with open_as("ENT", read_only=True) as session:
        sent = session.exec(select(Delivery).where(Delivery.kind == "calibration")).all()
        assert len(sent) == 2  # the story's meter, and this gauge
    with lab() as session:
        told = session.exec(select(Outbox.event).order_by(col(Outbox.due_at), col(Outbox.id))).all()
        assert "work_order.measured" in told
        assert "work_order.returned" in told


def books_issue(session, bench):
    return signing_off.issue(
        session, bench.line_id, render=lambda *_: {"html": b"<p>page</p>"}, url=None,
        person=bench.people["approved"], keys=KEYS, seals=SEALS, now=NOW,
    )  # fmt: skip


def test_an_order_of_several_items_is_under_way_until_its_last_one_is_back(lab, bench, names):
    keeper = bench.people["checked"]
    with lab() as session:
        two = [workshop.gauge(session, f"g{i}", customer_id=names.ENT) for i in range(2)]
        order = work_orders.request(
            session, [workshop.asked(item) for item in two], requested_by=keeper, now=NOW
        )
        first, second = store.lines(session, order.id)
        work_orders.cancel(session, first.id, reason="sold", person=keeper, now=NOW)
        assert order_state(r.state for r in store.of_order(session, order.id)) == (State.REQUESTED)
        assert order.number == "LAB-WO-2026-00002"
        with pytest.raises(AlreadyThere, match="is requested in LAB-WO-2026-00002"):
            work_orders.request(session, [workshop.asked(two[1])], requested_by=keeper, now=NOW)
        assert store.last_step(session, second.id).state == "requested"


def test_an_order_that_cannot_be_is_refused_with_a_pointer(lab, bench, owner, names):
    keeper = bench.people["checked"]
    with lab() as session:
        own = workshop.gauge(session, "own")
        theirs = workshop.gauge(session, "theirs", customer_id=names.ENT)

    def refused(asked, **said):
        def act():
            with lab() as session:
                work_orders.request(session, asked, requested_by=keeper, now=NOW, **said)

        return books.refusing(owner, act, ServiceError)

    once = [workshop.asked(own)]
    assert refused([]).pointer == "/items"
    assert refused(once * 2).pointer == "/items/1/item_id"
    assert refused([*once, workshop.asked(theirs)]).pointer == "/items"
    assert refused([replace(once[0], procedure_code=" ")]).pointer == "/items/0/procedure_code"
    assert refused(once, due_on=date(2026, 2, 28)).pointer == "/due_on"
    assert refused([workshop.asked(theirs)], laboratory_id=names.NIM).pointer == "/laboratory_id"
    assert "organization" in str(refused(once, laboratory_id=books.ACTOR))


def test_an_item_comes_in_with_its_condition_and_photos(lab, bench, owner):
    keeper = bench.people["checked"]
    with lab() as session:
        item = workshop.gauge(session, "photographed")
        order = work_orders.request(session, [workshop.asked(item)], requested_by=keeper, now=NOW)
        work_orders.accept(session, order.id, person=keeper, now=NOW)
        (line,) = store.lines(session, order.id)
        line_id = line.id

    def receive(condition="glass cracked", photos=()):
        with lab() as session:
            work_orders.receive(
                session, line_id, condition=condition, photos=photos, person=keeper, now=NOW
            )

    assert books.refusing(owner, lambda: receive(condition=" "), InvalidField).pointer == (
        "/condition"
    )
    not_a_photo = books.refusing(owner, lambda: receive(photos=[PIXEL, b"<svg>"]), InvalidField)
    assert not_a_photo.pointer == "/photos/1"
    receive(photos=[PIXEL, PIXEL, b"\xff\xd8\xff" + bytes(9)])

    with lab() as session:
        assert [row.media_type for row in store.photos(session, line_id)] == [
            "image/png",
            "image/jpeg",
        ]
        assert store.last_step(session, line_id).said["condition"] == "glass cracked"


# --- Who may do the work


def test_nobody_is_assigned_who_is_not_authorised_on_that_day(lab, bench, owner):
    keeper, worker = bench.people["checked"], bench.people["calibrated"]

    def assign(planned_on):
        with lab() as session:
            work_orders.assign(
                session, bench.line_id, worker.id, planned_on=planned_on, assigned_by=keeper,
                now=NOW,
            )  # fmt: skip

    refused = books.refusing(owner, lambda: assign(date(2027, 1, 1)), NotAuthorised)

    assert "authorised for JJG 52 until 2026-12-31, not on 2027-01-01" in str(refused)
    assign(date(2026, 12, 31))


def test_nobody_is_given_more_items_a_day_than_the_policy_says(lab, bench, owner):
    keeper, worker = bench.people["checked"], bench.people["calibrated"]
    with lab() as session:
        work_orders.set_policy(
            session, signatories=3, items_a_day=2, reason="small bench", person=keeper, now=NOW
        )
        workshop.on_the_bench(session, bench.people, workshop.gauge(session, "second"))

    def third():
        with lab() as session:
            workshop.on_the_bench(session, bench.people, workshop.gauge(session, "third"))

    refused = books.refusing(owner, third, NoCapacity)
    assert "has 2 items on 2026-03-01" in str(refused)
    with lab() as session:
        assert store.given(session, worker.id, TODAY) == 2


def test_what_is_measured_still_counts_for_its_day_and_what_is_passed_on_does_not(lab, bench):
    """One item measured, a second passed on to who checks: the worker was given one for the day."""
    keeper, worker = bench.people["checked"], bench.people["calibrated"]
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
        workshop.submit(session, bench.people, bench.line_id)
        second = workshop.on_the_bench(session, bench.people, workshop.gauge(session, "second"))
        assert store.given(session, worker.id, TODAY) == 2

        work_orders.assign(
            session, second, keeper.id, planned_on=TODAY, assigned_by=keeper, now=NOW
        )

        assert store.loads(session, TODAY) == {worker.id: 1, keeper.id: 1}


def test_a_person_without_authorisation_neither_writes_nor_submits(lab, bench, owner, open_as):
    with Session(owner) as session, session.begin():
        human = organizations.create_identity(session, now=NOW)
    with lab() as session:
        apprentice = organizations.add_person(
            session, human, name_zh="学徒", name_en="apprentice", role="metrologist",
            authorised={}, actor_id=books.ACTOR, now=NOW,
        )  # fmt: skip
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))

    def write():
        with lab() as session:
            worksheets.save(session, bench.line_id, sheet(""), after=1, person=apprentice, now=NOW)

    def hand_in(person):
        with lab() as session:
            workshop.submit(session, bench.people, bench.line_id, person=person)

    assert "apprentice is not authorised for JJG 52" in str(
        books.refusing(owner, write, NotAuthorised)
    )
    others = books.refusing(owner, lambda: hand_in(bench.people["checked"]), NotAuthorised)
    assert "not assigned to checked person" in str(others)
    assert kept(open_as, bench.line_id) == (1, "assigned")


def test_who_was_authorised_until_yesterday_does_not_submit_today(lab, bench, owner, open_as):
    next_year = datetime(2027, 1, 4, 8, tzinfo=UTC)
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))

    def late():
        with lab() as session:
            workshop.submit(
                session, bench.people, bench.line_id, now=next_year, authenticated_at=next_year
            )

    books.refusing(owner, late, NotAuthorised)
    assert kept(open_as, bench.line_id) == (1, "assigned")


# --- The worksheet


def test_a_stale_worksheet_is_refused_and_both_are_kept(lab, bench, owner, open_as):
    first, second = sheet(bench.standard.id), sheet(bench.standard.id, adjustment="mine")
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, first)

    def late():
        with lab() as session:
            workshop.save(session, bench.people, bench.line_id, second)

    refused = books.refusing(owner, late, StaleVersion)
    assert refused.current == "1"

    def submit_old():
        with lab() as session:
            workshop.submit(session, bench.people, bench.line_id, revision=2)

    books.refusing(owner, submit_old, StaleVersion)
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, second, after=1)
        told = [row.content["adjustment"] for row in
                store.worksheet_revisions(session, bench.line_id)]  # fmt: skip
    assert told == ["", "mine"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "environment out of limits": ({"environment": {"temperature": "27", "humidity": "48",
                                                   "rest_time": "2"}}, "/environment/temperature"),
    "environment not recorded": ({"environment": {"temperature": "20", "rest_time": "2"}},
                                 "/environment/humidity"),
    "a reading that is no number": ({"rows": read_at(1, up_after_tapping="o.41")},
                                    "/rows/1/up_after_tapping"),
    "a reading left out": ({"rows": read_at(3, down_after_tapping="")},
                           "/rows/3/down_after_tapping"),
    "ten times too much": ({"rows": read_at(2, up_after_tapping="8.1")},
                           "/rows/2/up_after_tapping"),
    "digits exchanged": ({"rows": read_at(2, up_after_tapping="0.18")},
                         "/rows/2/up_after_tapping"),
    "no class": ({"accuracy_class": ""}, "/accuracy_class"),
    "not read to the upper limit": ({"rows": ROWS[:4]}, "/rows"),
    "adjusted, without a word of how": ({"course": Course.ADJUSTED, "as_found": ROWS},
                                        "/adjustment"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_a_worksheet_is_kept_but_not_taken_while_something_stands_against_it(
    lab, bench, owner, open_as, why
):
    changes, pointer = REFUSED[why]
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id, **changes))

    def hand_in():
        with lab() as session:
            workshop.submit(session, bench.people, bench.line_id)

    refused = books.refusing(owner, hand_in, WorksheetIncomplete)

    assert [found for found, _ in refused.problems] == [pointer]
    assert kept(open_as, bench.line_id) == (1, "assigned")


def test_an_expired_standard_is_not_used_but_may_be_on_the_bench_itself(
    lab, bench, owner, open_as, names
):
    with lab() as session:
        expired = workshop.module(session, bench.story.reference, valid_until=date(2026, 2, 28))
        workshop.save(session, bench.people, bench.line_id, sheet(expired.id))
        standard = session.get_one(Item, (names.LAB, expired.item_id))
        own_line = workshop.on_the_bench(session, bench.people, standard)

    def hand_in():
        with lab() as session:
            workshop.submit(session, bench.people, bench.line_id)

    refused = books.refusing(owner, hand_in, StandardNotUsable)

    assert refused.reasons == ("expired",)
    assert kept(open_as, bench.line_id) == (1, "assigned")
    assert kept(open_as, own_line) == (0, "assigned")


def test_a_standard_calibrated_anew_meanwhile_holds_no_longer_for_what_was_read(
    lab, bench, owner, open_as
):
    """The certificate version is frozen into each reading when it is saved."""
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
        newer = books.calibrate(
            session, "", TODAY, books.use(reference_id=bench.story.reference),
            item_id=bench.standard.item_id,
        )  # fmt: skip
        only_chosen = sheet(newer.id)
        workshop.save(session, bench.people, bench.line_id, only_chosen, after=1)

    def hand_in():
        with lab() as session:
            workshop.submit(session, bench.people, bench.line_id)

    assert books.refusing(owner, hand_in, StandardNotUsable).reasons == ("superseded",)
    read_again = tuple(
        replace(row, readings={name: f"{text} " for name, text in row.readings.items()})
        for row in ROWS
    )
    with lab() as session:
        workshop.save(
            session, bench.people, bench.line_id, sheet(newer.id, rows=read_again), after=2
        )
        row = workshop.submit(session, bench.people, bench.line_id)
        edges = calibration_store.references(session, row.id)

    assert [edge.reference_id for edge in edges] == [newer.id]


def test_an_item_out_of_tolerance_as_found_is_adjusted_and_both_are_told(lab, bench):
    found = read_at(2, up_after_tapping="0.84", down_after_tapping="0.84")
    with lab() as session:
        adjusted = sheet(
            bench.standard.id, course=Course.ADJUSTED, as_found=found, adjustment="zero"
        )
        workshop.save(session, bench.people, bench.line_id, adjusted)
        row = workshop.submit(session, bench.people, bench.line_id)
        results = calibration_store.results(session, row.id)
        said = store.last_step(session, bench.line_id).said

    assert row.is_adjusted
    assert [result.stage for result in results] == ["as_found"] * 10 + ["as_left"] * 10
    assert {
        str(r.estimate) for r in results if r.stage == "as_found" and str(r.nominal) == "0.8"
    } == {"0.04"}
    assert (said["verdict"], said["as_found"]) == ("pass", "fail")


def test_of_a_new_item_nothing_is_as_found(lab, bench):
    with lab() as session:
        line_id = workshop.on_the_bench(
            session, bench.people, workshop.gauge(session, "new"), is_initial=True
        )
        new = sheet(bench.standard.id, course=Course.INITIAL, no_as_found="never in use")
        workshop.save(session, bench.people, line_id, new)
        row = workshop.submit(session, bench.people, line_id)
        record = calibration_store.original_record(session, row.id)
        said = store.last_step(session, line_id).said

    assert said["as_found"] is None
    assert record is not None
    assert record.content["readings"]["no_as_found"] == "never in use"


def test_an_item_for_limited_use_is_certified_for_that_part_alone(lab, bench):
    high = read_at(4, up_after_tapping="1.66", down_after_tapping="1.66")
    to_1_2 = Limitation(lower="0", upper="1.2", reason="over its limit at 1.6 MPa")
    with lab() as session:
        limited = sheet(bench.standard.id, rows=high, limitation=to_1_2)
        workshop.save(session, bench.people, bench.line_id, limited)
        row = workshop.submit(session, bench.people, bench.line_id)
        record = calibration_store.original_record(session, row.id)
        workshop.sign_off(session, bench.people, bench.line_id, State.CHECKED, State.APPROVED)
        told = {}

        def keep(content, *_told):
            told["specification"] = content.conformity.specification
            return {"html": b"<p>page</p>"}

        signing_off.issue(
            session, bench.line_id, render=keep, url=None, person=bench.people["approved"],
            keys=KEYS, seals=SEALS, now=NOW,
        )  # fmt: skip

    assert row.interval_upper == 1.2
    assert record is not None
    assert record.content["readings"]["points"][4]["up_after_tapping"] == "1.66"
    assert "限用 / limited to (0 ~ 1.2) MPa: over its limit" in told["specification"]


# --- Three persons


def test_nobody_signs_twice_and_nothing_is_lost(lab, bench, owner, open_as):
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
        row = workshop.submit(session, bench.people, bench.line_id)

    def check(person, authenticated_at=NOW):
        with lab() as session:
            signing_off.sign_off(
                session, bench.line_id, State.CHECKED, person=person,
                authenticated_at=authenticated_at, now=NOW,
            )  # fmt: skip

    twice = books.refusing(owner, lambda: check(bench.people["calibrated"]), NotAuthorised)
    assert "three persons sign" in str(twice)
    old = NOW - timedelta(seconds=301)
    books.refusing(owner, lambda: check(bench.people["checked"], old), ReauthenticationRequired)
    books.refusing(owner, lambda: check(bench.people["checked"], None), ReauthenticationRequired)
    assert kept(open_as, bench.line_id) == (1, "measured")
    check(bench.people["checked"], NOW - timedelta(seconds=300))
    with lab() as session:
        assert len(certificate_store.signatures(session, row.id)) == 2


def test_who_submits_proves_who_he_is(lab, bench, owner, open_as):
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))

    def hand_in():
        with lab() as session:
            workshop.submit(
                session, bench.people, bench.line_id, authenticated_at=NOW - timedelta(hours=1)
            )

    books.refusing(owner, hand_in, ReauthenticationRequired)
    assert kept(open_as, bench.line_id) == (1, "assigned")


def test_an_edit_voids_the_signatures_that_were_there(lab, bench, owner):
    with lab() as session:
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
        first = workshop.submit(session, bench.people, bench.line_id)
        workshop.sign_off(session, bench.people, bench.line_id, State.CHECKED)
        signing_off.send_back(
            session, bench.line_id, reason="read 0.8 again", person=bench.people["approved"],
            now=NOW,
        )  # fmt: skip
        again = sheet(bench.standard.id, rows=read_at(2, up_before_tapping="0.81"))
        workshop.save(session, bench.people, bench.line_id, again, after=1)
        second = workshop.submit(session, bench.people, bench.line_id)
        signed = {row.id: [s.meaning for s, _ in certificate_store.signatures(session, row.id)]
                  for row in (first, second)}  # fmt: skip
        ended = calibration_store.supersession(session, first.id)
        number = calibration_store.original_record(session, second.id)

    assert signed == {first.id: ["calibrated", "checked"], second.id: ["calibrated"]}
    assert ended is not None
    assert ended.successor_id == second.id
    assert number is not None
    assert number.number == "LAB-WO-2026-00001-1-R2"

    def approve():
        with lab() as session:
            workshop.sign_off(session, bench.people, bench.line_id, State.APPROVED)

    books.refusing(owner, approve, StepOutOfOrder)


def test_a_verification_is_signed_by_three_whatever_the_policy(lab, bench, owner):
    with lab() as session:
        work_orders.set_policy(
            session, signatories=2, items_a_day=None, reason="two of us",
            person=bench.people["approved"], now=NOW,
        )  # fmt: skip
        workshop.save(session, bench.people, bench.line_id, sheet(bench.standard.id))
        row = workshop.submit(session, bench.people, bench.line_id)
        assert row.kind == "verification"

    def approve():
        with lab() as session:
            workshop.sign_off(session, bench.people, bench.line_id, State.APPROVED)

    books.refusing(owner, approve, StepOutOfOrder)


def test_of_a_calibration_two_persons_are_enough_where_the_policy_says_so(lab, bench, owner):
    """Until it says so, a calibration is signed by three as well."""

    def approve():
        with lab() as session:
            workshop.sign_off(session, bench.people, bench.line_id, State.APPROVED)

    with lab() as session:
        row = books.calibrate(
            session, "", TODAY, books.use(reference_id=bench.standard.id), item_id=bench.item.id
        )
        work_orders.take_step(
            session, store.line(session, bench.line_id), State.MEASURED,
            person=bench.people["calibrated"], now=NOW, calibration_id=row.id,
        )  # fmt: skip
        certificates.sign(
            session, row.id, meaning="calibrated", person=bench.people["calibrated"],
            authenticated_at=NOW, now=NOW,
        )  # fmt: skip
    books.refusing(owner, approve, StepOutOfOrder)
    with lab() as session:
        work_orders.set_policy(
            session, signatories=2, items_a_day=None, reason="two of us",
            person=bench.people["approved"], now=NOW,
        )  # fmt: skip
    approve()
    with lab() as session:
        two = {meaning: bench.people[meaning] for meaning in ("calibrated", "approved")}
        certificate = books.issue(session, row.id, two)
        assert certificate.kind == "calibration_certificate"


def test_what_was_measured_by_no_edition_of_ours_gets_no_certificate_here(lab, bench, owner):
    with lab() as session:
        row = books.calibrate(
            session, "", TODAY, books.use(reference_id=bench.standard.id), item_id=bench.item.id
        )
        line = store.line(session, bench.line_id)
        work_orders.take_step(
            session, line, State.MEASURED, person=bench.people["calibrated"], now=NOW,
            calibration_id=row.id,
        )  # fmt: skip
        books.sign_three_times(session, row.id, bench.people)
        for state in (State.CHECKED, State.APPROVED):
            work_orders.take_step(session, line, state, person=bench.people[state], now=NOW)

    def issue():
        with lab() as session:
            books_issue(session, bench)

    assert "procedure edition" in str(books.refusing(owner, issue, NotFound))


# --- Between organizations


@pytest.fixture
def theirs(open_as, owner, names) -> SimpleNamespace:
    """A gauge in ENT's own book, and who keeps that book."""
    workshop.authorise(owner, names.LAB)
    with Session(owner) as session, session.begin():
        human = organizations.create_identity(session, now=NOW)
    with open_as("ENT") as session, session.begin():
        session.expire_on_commit = False
        keeper: Person = organizations.add_person(
            session, human, name_zh="台账员", name_en="keeper", role="ledger_keeper",
            authorised={}, actor_id=books.ACTOR, now=NOW,
        )  # fmt: skip
        item = workshop.gauge(session, "ours")
        order = order_exchange.place(
            session, [workshop.asked(item)], laboratory_id=names.LAB, requested_by=keeper, now=NOW,
            remarks="please hurry",
        )  # fmt: skip
    return SimpleNamespace(keeper=keeper, item=item, order=order)


def inbox_of(session, kind):
    return session.exec(select(Delivery).where(Delivery.kind == kind)).all()[-1]


def test_an_order_its_answer_and_its_result_travel_as_documents(open_as, story, theirs, names):
    with open_as("LAB") as session, session.begin():
        delivery = inbox_of(session, "order")
        order = order_exchange.take_in(
            session, delivery.id, person=story.people["checked"], now=NOW
        )
        item = session.get_one(Item, (names.LAB, theirs.item.id))
        assert (order.id, order.customer_number) == (theirs.order.id, theirs.order.number)
        assert (item.customer_id, item.serial_number) == (names.ENT, "SN ours")
        order_exchange.answer(
            session, order.id, accepts=True, person=story.people["checked"], now=NOW
        )
        standard = workshop.module(session, story.reference)
        (line,) = store.lines(session, order.id)
        work_orders.receive(
            session, line.id, condition="sound", person=story.people["checked"], now=NOW
        )
        work_orders.assign(
            session, line.id, story.people["calibrated"].id, planned_on=TODAY,
            assigned_by=story.people["checked"], now=NOW,
        )  # fmt: skip
        workshop.save(session, story.people, line.id, sheet(standard.id))
        workshop.submit(session, story.people, line.id)
        workshop.sign_off(session, story.people, line.id, State.CHECKED, State.APPROVED)
        books_issue(session, SimpleNamespace(line_id=line.id, people=story.people))
        line_id = line.id
        with pytest.raises(AlreadyThere):
            order_exchange.take_in(session, delivery.id, person=story.people["checked"], now=NOW)
    with open_as("ENT") as session, session.begin():
        order_exchange.take_in(
            session, inbox_of(session, "acceptance").id, person=theirs.keeper, now=NOW
        )
        newest = max(
            session.exec(select(Delivery).where(Delivery.kind == "calibration")).all(),
            key=lambda row: row.id,
        )
        order_exchange.take_in_result(session, newest.id, line_id, person=theirs.keeper, now=NOW)
        work_orders.give_back(session, line_id, handed_to="keeper", person=theirs.keeper, now=NOW)
        assert workshop.states_of(session, line_id) == [
            "requested", "accepted", "issued", "returned",
        ]  # fmt: skip


def test_an_order_may_be_declined_with_a_reason(open_as, story, theirs):
    with open_as("LAB") as session, session.begin():
        order = order_exchange.take_in(
            session, inbox_of(session, "order").id, person=story.people["checked"], now=NOW
        )
        with pytest.raises(InvalidField, match="/reason"):
            order_exchange.answer(
                session, order.id, accepts=False, person=story.people["checked"], now=NOW
            )
        order_exchange.answer(
            session, order.id, accepts=False, reason="no bench free",
            person=story.people["checked"], now=NOW,
        )  # fmt: skip
    with open_as("ENT") as session, session.begin():
        order_exchange.take_in(
            session, inbox_of(session, "acceptance").id, person=theirs.keeper, now=NOW
        )
        (line,) = store.lines(session, theirs.order.id)
        step = store.last_step(session, line.id)
        assert (step.state, step.said["reason"]) == ("declined", "no bench free")


def test_what_a_stranger_sends_changes_nothing(open_as, owner, story, theirs, names):
    """OTH answers an order that ENT placed with LAB, and sends an order of LAB's own meter."""
    with open_as("OTH") as session, session.begin():
        said = {"order_id": str(theirs.order.id), "number": "1", "decision": "accepted",
                "reason": ""}  # fmt: skip
        forged = Delivery(organization_id=names.ENT, sender_id=names.OTH, kind="acceptance",
                          version=1, content=said, sent_at=NOW)  # fmt: skip
        broken = Delivery(organization_id=names.ENT, sender_id=names.OTH, kind="acceptance",
                          version=1, content=said | {"decision": "maybe"}, sent_at=NOW)  # fmt: skip
        session.add_all([forged, broken])
        session.flush()
        forged_id, broken_id = forged.id, broken.id

    def take_in(id_):
        with open_as("ENT") as session, session.begin():
            order_exchange.take_in(session, id_, person=theirs.keeper, now=NOW)

    books.refusing(owner, lambda: take_in(forged_id), NotTheSenders)
    refused = books.refusing(owner, lambda: take_in(broken_id), InvalidField)
    assert refused.pointer == "/content/decision"
