"""A certificate is withdrawn, voided or amended; each is a new fact, told to everyone it concerns.

LAB issued the certificate of ENT's meter on 1 March 2026. A month later something was wrong
with it.
"""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from certificates.errors import (
    AlreadyAmended,
    AlreadyWithdrawn,
    FieldForbidden,
    NothingChanged,
)
from certificates.log import LoggedEvent
from certificates.revisions import Standing
from service.actions import revisions
from service.actions.notices import take_in
from service.errors import (
    InvalidField,
    NotAuthorised,
    NotFound,
    NotIssuable,
    NotTheSenders,
    ReauthenticationRequired,
)
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.store import directory
from service.store import log as log_store
from service.store import notices as notice_store
from tests.seals import SEALS
from tests.service import books
from tests.service.amending import LATER, amend, amend_by, propose, sign, successor
from tests.service.books import ACTOR, KEYS


def act(open_as, code: str, action: Any, certificate_id: UUID, **said: Any) -> Any:
    known = {"reason": "the reference drifted", "actor_id": ACTOR, "seals": SEALS, "now": LATER}
    with open_as(code) as session, session.begin():
        return action(session, certificate_id, **known | said)


def found(engine, key: str) -> directory.Entry:
    (entry,) = directory.find(engine, key)
    return entry


def logged(engine, names) -> list[tuple[str, str, str | None]]:
    """Return what LAB's log tells, in order: the number, the event, and what replaces it."""
    entries = [json.loads(entry) for _, entry in log_store.entries(engine, names.LAB)]
    return [(entry["number"], entry["event"], entry["replaced_by"]) for entry in entries]


# --- Taking back


@pytest.mark.parametrize(
    ("action", "status"), [(revisions.withdraw, "withdrawn"), (revisions.void, "voided")]
)
def test_what_is_taken_back_is_told_in_the_book_to_everyone_and_in_the_log(
    engine, names, open_as, story, action, status
):
    act(open_as, "LAB", action, story.certificate)

    with open_as("LAB") as session:
        said = store.status(session, story.certificate)
        assert (said.status, said.reason) == (status, "the reference drifted")
    for key in (KEYS.of_number(story.number), KEYS.of_serial_number("SN meter")):
        entry = found(engine, key)
        assert (entry.number, entry.status) == (story.number, status)
        assert entry.standing(date(2026, 3, 30)).standing is Standing.VALID
        assert entry.standing(date(2026, 3, 31)).standing.value == status
    assert logged(engine, names)[-1] == (story.number, status, None)


@pytest.mark.parametrize("action", [revisions.withdraw, revisions.void])
def test_a_certificate_is_taken_back_once(open_as, owner, story, action):
    act(open_as, "LAB", revisions.withdraw, story.certificate)

    books.refusing(owner, lambda: act(open_as, "LAB", action, story.certificate), AlreadyWithdrawn)


@pytest.mark.parametrize("action", [revisions.withdraw, revisions.void])
def test_taking_back_tells_why(open_as, owner, story, action):
    refused = books.refusing(
        owner, lambda: act(open_as, "LAB", action, story.certificate, reason=" "), InvalidField
    )

    assert refused.pointer == "/reason"


@pytest.mark.parametrize("action", [revisions.withdraw, revisions.void])
def test_who_received_a_certificate_does_not_take_it_back(open_as, owner, story, action):
    books.refusing(owner, lambda: act(open_as, "ENT", action, story.certificate), NotTheSenders)
    books.refusing(owner, lambda: act(open_as, "OTH", action, story.certificate), NotFound)


def test_a_withdrawn_certificates_calibration_ends_and_a_voided_ones_stands(open_as, story):
    act(open_as, "LAB", revisions.void, story.certificate)

    with open_as("LAB") as session:
        assert calibration_store.supersession(session, story.meter) is None


def test_a_void_number_is_kept_and_the_calibration_gets_another(open_as, engine, story):
    act(open_as, "LAB", revisions.void, story.certificate)

    with open_as("LAB") as session, session.begin():
        again = books.issue(session, story.meter, story.people).number

    assert again != story.number
    assert found(engine, KEYS.of_number(story.number)).status == "voided"
    assert found(engine, KEYS.of_number(again)).status == "issued"


# --- Amending a text


def test_a_new_certificate_takes_the_place_of_the_old_one(engine, names, open_as, story):
    proposal = propose(open_as, story)
    sign(open_as, story, proposal)

    number = amend(open_as, story, proposal)

    old, new = found(engine, KEYS.of_number(story.number)), found(engine, KEYS.of_number(number))
    standing = old.standing(date(2026, 4, 1))
    assert (standing.standing, standing.replaced_by) == (Standing.AMENDED, number)
    assert new.standing(date(2026, 4, 1)).standing is Standing.VALID
    assert [
        entry.number for entry in directory.find(engine, KEYS.of_serial_number("SN motor"))
    ] == [number]
    with open_as("LAB") as session:
        certificate = store.by_number(session, number)
        content = revisions.content_of(session, certificate)
        assert certificate.amends_id == story.certificate
        assert store.status(session, story.certificate).status == "amended"
        assert calibration_store.supersession(session, story.meter) is None
    assert content.item.serial_number == "SN motor"
    assert content.amends is not None
    assert content.amends.number == story.number
    assert content.amends.reason_en == "serial number misread"
    assert [(c.field, c.before, c.after) for c in content.amends.changes] == [
        ("item.serial_number", "SN meter", "SN motor")
    ]
    assert content.verification_url is not None
    assert content.verification_url.startswith(f"https://example.org/c/{number}?code=")
    assert logged(engine, names)[-2:] == [
        (number, "issued", None),
        (story.number, "amended", number),
    ]


def test_the_old_file_is_authentic_still_and_told_as_replaced(engine, open_as, story):
    with open_as("LAB") as session:
        sha256 = store.digests(session, story.certificate)["json"]
    proposal = propose(open_as, story)
    sign(open_as, story, proposal)

    number = amend(open_as, story, proposal)

    entry = found(engine, KEYS.of_file(sha256))
    assert entry.number == story.number
    assert entry.standing(date(2026, 4, 1)).replaced_by == number


def test_its_holder_is_sent_a_notice_that_names_the_new_number(open_as, story):
    proposal = propose(open_as, story)
    sign(open_as, story, proposal)
    number = amend(open_as, story, proposal)

    with open_as("ENT") as session, session.begin():
        ((notice, _),) = notice_store.received(session, limit=9)
        assert number in json.dumps(notice.content)
        take_in(session, notice.id, actor_id=ACTOR, now=LATER)

    with open_as("ENT") as session:
        assert store.status(session, story.certificate).status == "amended"


@pytest.mark.parametrize("missing", ["calibrated", "checked", "approved"])
def test_three_persons_sign_an_amendment_before_it_is_issued(open_as, owner, story, missing):
    proposal = propose(open_as, story)
    sign(open_as, story, proposal, *{"calibrated", "checked", "approved"} - {missing})

    refused = books.refusing(owner, lambda: amend(open_as, story, proposal), NotIssuable)

    assert f"not signed as {missing}" in str(refused)


def test_one_person_signs_an_amendment_once_and_with_a_fresh_proof(open_as, owner, story):
    proposal = propose(open_as, story)
    sign(open_as, story, proposal, "calibrated")
    same, stale = story.people["calibrated"], LATER - timedelta(seconds=301)

    books.refusing(
        owner, lambda: sign(open_as, story, proposal, "checked", person=same), NotAuthorised
    )
    books.refusing(
        owner,
        lambda: sign(open_as, story, proposal, "checked", authenticated_at=stale),
        ReauthenticationRequired,
    )


def test_of_two_proposals_one_is_issued(open_as, owner, story):
    first, second = propose(open_as, story), propose(open_as, story, corrections={
        "item.type_designation": "Y-100"})  # fmt: skip
    sign(open_as, story, first)
    sign(open_as, story, second)
    number = amend(open_as, story, first)

    refused = books.refusing(owner, lambda: amend(open_as, story, second), AlreadyAmended)

    assert refused.replaced_by == number


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"corrections": {"results[0].estimate": "0.000"}}, FieldForbidden),
        ({"corrections": {"valid_until": "2030-01-01"}}, FieldForbidden),
        ({"corrections": {"item.serial_number": "SN meter"}}, NothingChanged),
        ({"reason_zh": " "}, InvalidField),
        ({"code": "ENT"}, NotTheSenders),
        ({"code": "OTH"}, NotFound),
    ],
)
def test_what_cannot_be_proposed_is_refused(open_as, owner, story, said, error):
    books.refusing(owner, lambda: propose(open_as, story, **said), error)


def test_what_was_withdrawn_is_not_amended(open_as, owner, story):
    act(open_as, "LAB", revisions.withdraw, story.certificate)

    books.refusing(owner, lambda: propose(open_as, story), AlreadyWithdrawn)


# --- Amending by a new record


def test_a_wrong_record_is_made_anew_and_supersedes_the_old_one(engine, open_as, story):
    new = successor(open_as, story, results=(books.result(),))

    number = amend_by(open_as, story, new)

    with open_as("LAB") as session:
        ended = calibration_store.supersession(session, story.meter)
        content = revisions.content_of(session, store.by_number(session, number))
        told = store.calibrations_of(session, store.by_number(session, number).id)
    assert ended is not None
    assert ended.successor_id == new
    assert list(told) == [new]
    assert content.amends is not None
    assert {change.field for change in content.amends.changes} == {
        "performed_on",
        "results[0].estimate",
    }
    assert found(engine, KEYS.of_number(story.number)).changes[0].became is LoggedEvent.AMENDED


def test_another_items_calibration_is_no_successor(open_as, owner, story):
    with open_as("LAB") as session, session.begin():
        other = books.register(session, "other").id
    new = successor(open_as, story, item_id=other, results=(books.result(),))

    refused = books.refusing(owner, lambda: amend_by(open_as, story, new), InvalidField)

    assert refused.pointer == "/calibration_id"


def test_an_unsigned_successor_gets_no_certificate(open_as, owner, story):
    with open_as("LAB") as session, session.begin():
        new = books.calibrate(
            session, "", date(2026, 2, 2), books.use(reference_id=story.working),
            item_id=story.lab_item,
        ).id  # fmt: skip

    books.refusing(owner, lambda: amend_by(open_as, story, new), NotIssuable)
    with open_as("LAB") as session:
        assert calibration_store.supersession(session, story.meter) is None
