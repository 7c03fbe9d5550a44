"""Three persons sign, a certificate is issued under the next number, and it is found again."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event
from types import SimpleNamespace
from uuid import UUID, uuid5

import pytest

from certificates.content import CertificateContent
from certificates.errors import ContentError, SignatoriesIncomplete
from certificates.numbers import parse_number
from certificates.seal import sha256_hex
from service.actions import calibrations, certificates, organizations
from service.errors import AlreadyThere, NotAuthorised, NotFound
from service.store import certificates as store
from service.store import directory
from service.store.calibrations import original_record
from service.tables.certificates import NumberCounter
from service.tables.people import Person
from service.tenancy import TenantSession
from tests.service import books
from tests.service.books import ACTOR, KEYS, NOW, calibrate, use
from traceability.errors import TraceabilityBroken

ROOT = Path(__file__).parents[2]
NEXT_YEAR = datetime(2027, 1, 4, 8, tzinfo=UTC)


@pytest.fixture
def meters(open_as, story):
    """Four more meters, calibrated and signed by three persons, without certificates yet."""
    with open_as("LAB") as session, session.begin():
        ids = []
        for number in range(4):
            row = calibrate(
                session, f"meter {number}", date(2026, 2, 1), use(reference_id=story.working)
            )
            books.sign_three_times(session, row.id, story.people)
            ids.append(row.id)
    return ids


def sequence(number: str) -> int:
    return parse_number(number).sequence


# --- Signing


def test_three_persons_sign_the_original_record(open_as, story):
    with open_as("LAB") as session:
        record = original_record(session, story.meter)
        signed = store.signatures(session, story.meter)

    assert record is not None
    assert {signature.meaning: person.name_en for signature, person in signed} == {
        "calibrated": "calibrated person",
        "checked": "checked person",
        "approved": "approved person",
    }
    assert {signature.subject_sha256 for signature, _ in signed} == {record.sha256}


def test_the_same_human_does_not_sign_twice(open_as, owner, people):
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1)).id
        certificates.sign(session, id_, meaning="calibrated", person=people["calibrated"], now=NOW)

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(session, id_, meaning="checked", person=people["calibrated"], now=NOW)

    assert "three persons sign" in str(books.refusing(owner, sign, NotAuthorised))


def test_a_second_account_is_no_second_human(open_as, owner, people):
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        id_ = calibrate(session, "gauge", date(2026, 2, 1)).id
        certificates.sign(session, id_, meaning="calibrated", person=people["calibrated"], now=NOW)
        other_account = organizations.add_person(
            session, people["calibrated"].identity_id, name_zh="别名", name_en="alias",
            role="checked", authorised={}, actor_id=ACTOR, now=NOW,
        )  # fmt: skip

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(session, id_, meaning="checked", person=other_account, now=NOW)

    books.refusing(owner, sign, NotAuthorised)


def test_nobody_signs_as_another_human_than_the_account_is_of(open_as, owner, people):
    """The signature's key holds the person to the identity, so a made-up one does not stand."""
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1)).id
    liar = Person(
        organization_id=people["checked"].organization_id,
        id=people["checked"].id,
        identity_id=people["approved"].identity_id,
        name_zh="某人",
        name_en="somebody",
        role="checked",
    )

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(session, id_, meaning="checked", person=liar, now=NOW)

    books.refusing(owner, sign, NotAuthorised)


@pytest.mark.parametrize(
    ("procedure", "performed_on"),
    [("JJG 443", date(2026, 2, 1)), (books.PROCEDURE, date(2027, 1, 1))],
    ids=["another procedure", "after it ended"],
)
def test_who_is_not_authorised_for_the_work_does_not_sign_it(
    open_as, owner, people, procedure, performed_on
):
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", performed_on, procedure_code=procedure).id

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(
                session, id_, meaning="calibrated", person=people["calibrated"], now=NOW
            )

    refused = books.refusing(owner, sign, NotAuthorised)
    assert f"calibrated person is not authorised for {procedure} on {performed_on}" in str(refused)


def test_the_last_day_of_an_authorisation_counts(open_as, people):
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 12, 31)).id

        signed = certificates.sign(
            session, id_, meaning="calibrated", person=people["calibrated"], now=NOW
        )

        assert signed.subject_id == id_


def test_what_another_laboratory_made_is_not_ours_to_sign(open_as, owner, story):
    """LAB received it: the original record is NIM's."""

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(
                session, story.reference, meaning="checked", person=story.people["checked"],
                now=NOW,
            )  # fmt: skip

    books.refusing(owner, sign, NotFound)


# --- Issuing


def test_a_certificate_keeps_its_content_and_every_form_with_its_digest(open_as, story):
    with open_as("LAB") as session:
        certificate = store.by_number(session, story.number)
        files = {file.form: file for file in store.files(session, certificate.id)}

        assert files.keys() == {"json", "html"}
        assert all(file.sha256 == sha256_hex(file.content) for file in files.values())
        assert certificate.content_sha256 == files["json"].sha256
        assert story.number in files["html"].content.decode()
        assert store.status(session, certificate.id).status == "issued"
        assert store.calibrations_of(session, certificate.id) == [story.meter]


def test_it_is_found_by_number_and_by_serial_number_however_typed(engine, names, story):
    number = story.number.lower().replace("-", " – ")
    found = [
        directory.find(engine, key)
        for key in (KEYS.of_number(number), KEYS.of_serial_number("sn meter"))
    ]

    assert [[entry.number for entry in entries] for entries in found] == [[story.number]] * 2
    assert found[0][0].issuer_id == names.LAB
    assert found[0][0].manufacturer_en == "Gauge Works (example)"


def test_an_unknown_serial_number_finds_nothing(engine, story):
    assert directory.find(engine, KEYS.of_serial_number("no such")) == []


def test_two_makers_with_one_serial_number_are_both_told(engine, open_as, story):
    with open_as("LAB") as session, session.begin():
        item = books.register(
            session, "twin", serial_number="SN meter", manufacturer_en="Other Works"
        ).id
        id_ = calibrate(
            session, "", date(2026, 2, 1), use(reference_id=story.working), item_id=item
        ).id
        books.sign_three_times(session, id_, story.people)
        books.issue(session, id_, story.people)

    found = directory.find(engine, KEYS.of_serial_number("SN meter"))

    assert {entry.manufacturer_en for entry in found} == {"Other Works", "Gauge Works (example)"}


def test_another_installations_secret_finds_nothing(engine, story):
    other = type(KEYS)(b"another secret")

    assert directory.find(engine, other.of_number(story.number)) == []


def refuse_to_issue(open_as, owner, story, calibration_id, error, **said):
    """Issue in vain; nothing is written and the next certificate has the next number."""

    def issue():
        with open_as("LAB") as session, session.begin():
            books.issue(session, calibration_id, story.people, **said)

    refused = books.refusing(owner, issue, error)
    assert next_number(open_as, story) == sequence(story.number) + 1
    return refused


def next_number(open_as, story) -> int:
    """Issue one more certificate; return which of the year it is."""
    with open_as("LAB") as session, session.begin():
        row = calibrate(session, "next", date(2026, 2, 1), use(reference_id=story.working))
        books.sign_three_times(session, row.id, story.people)
        return sequence(books.issue(session, row.id, story.people).number)


def test_a_broken_chain_gets_no_certificate_and_uses_no_number(open_as, owner, story):
    """The gauge rests on nothing."""
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1)).id
        books.sign_three_times(session, id_, story.people)

    refused = refuse_to_issue(open_as, owner, story, id_, TraceabilityBroken)

    assert [found.flaw for found in refused.breaks] == ["no_path_to_root"]


def test_an_expired_standard_gets_no_certificate(open_as, owner, story):
    with open_as("LAB") as session, session.begin():
        standard = calibrate(
            session, "old", date(2025, 6, 1), use(reference_id=story.reference),
            valid_until=date(2026, 1, 31),
        )  # fmt: skip
        id_ = calibrate(session, "gauge", date(2026, 2, 1), use(reference_id=standard.id)).id
        books.sign_three_times(session, id_, story.people)

    refused = refuse_to_issue(open_as, owner, story, id_, TraceabilityBroken)

    assert [found.flaw for found in refused.breaks] == ["reference_not_valid_when_used"]


def test_a_withdrawn_standard_far_up_gets_no_certificate(open_as, owner, story, meters):
    with open_as("NIM") as session, session.begin():
        calibrations.end(session, story.national, reason="drift", actor_id=ACTOR, now=NOW)

    def issue():
        with open_as("LAB") as session, session.begin():
            books.issue(session, meters[0], story.people)

    refused = books.refusing(owner, issue, TraceabilityBroken)

    assert [found.flaw for found in refused.breaks] == ["withdrawn_after_use"]


def test_a_content_without_three_signatories_is_refused(open_as, owner, story, meters):
    two = {meaning: person for meaning, person in story.people.items() if meaning != "checked"}

    refuse_to_issue(
        open_as, owner, story, meters[0], SignatoriesIncomplete,
        compose=lambda number: books.content_of(number, two),
    )  # fmt: skip


def test_a_page_that_cannot_be_made_leaves_no_half_certificate(open_as, owner, story, meters):
    def render(_content: CertificateContent):
        raise ContentError("item.name_zh", "no glyph for a letter")

    refuse_to_issue(open_as, owner, story, meters[0], ContentError, render=render)


def test_a_calibration_has_one_certificate(open_as, owner, story):
    refuse_to_issue(open_as, owner, story, story.meter, AlreadyThere)


def test_an_unknown_calibration_gets_no_certificate(open_as, owner, story):
    refuse_to_issue(open_as, owner, story, uuid5(UUID(int=0), "nobody's"), NotFound)


# --- Numbers


def test_numbers_count_on_without_a_gap_and_begin_anew_each_year(open_as, story, meters):
    numbers = []
    for index, id_ in enumerate(meters):
        with open_as("LAB") as session, session.begin():
            now = NOW if index < 2 else NEXT_YEAR
            numbers.append(books.issue(session, id_, story.people, now=now).number)

    assert [number.rsplit("-", 1)[0] for number in (story.number, *numbers)] == [
        "LAB-2026-00001",
        "LAB-2026-00002",
        "LAB-2026-00003",
        "LAB-2027-00001",
        "LAB-2027-00002",
    ]


def test_a_transaction_that_fails_after_its_number_leaves_no_gap(open_as, owner, story, meters):
    def fail():
        with open_as("LAB") as session, session.begin():
            books.issue(session, meters[0], story.people)
            raise KeyboardInterrupt

    books.refusing(owner, fail, KeyboardInterrupt)

    assert next_number(open_as, story) == sequence(story.number) + 1


def test_a_killed_process_leaves_no_half_certificate_and_no_gap(
    database, open_as, owner, names, story, meters
):
    before = books.count_rows(owner)

    died = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-m", "tests.service.issue_and_die", database.application,
         str(names.LAB), str(meters[0])],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (died.returncode, died.stderr) == (9, "")
    assert books.count_rows(owner) == before
    with open_as("LAB") as session, session.begin():
        issued = books.issue(session, meters[0], story.people).number
    assert issued == died.stdout
    assert sequence(issued) == sequence(story.number) + 1


def test_two_threads_at_once_give_consecutive_numbers(engine, names, story, meters):
    def issue(id_: UUID) -> str:
        with TenantSession(engine, names.LAB) as session, session.begin():
            return books.issue(session, id_, story.people).number

    with ThreadPoolExecutor(2) as threads:
        numbers = list(threads.map(issue, meters))

    first = sequence(story.number) + 1
    assert sorted(map(sequence, numbers)) == list(range(first, first + len(meters)))


def test_two_threads_that_open_a_year_together_give_its_first_two_numbers(
    engine, names, story, meters
):
    """Neither finds a counter of the year; the second waits until the first has made one."""
    together = Barrier(2)

    def compose(number: str) -> CertificateContent:
        with suppress(BrokenBarrierError):
            together.wait(timeout=0.5)
        return books.content_of(number, story.people)

    def issue(id_: UUID) -> str:
        with TenantSession(engine, names.LAB) as session, session.begin():
            return books.issue(session, id_, story.people, compose=compose, now=NEXT_YEAR).number

    with ThreadPoolExecutor(2) as threads:
        numbers = list(threads.map(issue, meters[:2]))

    assert sorted(map(sequence, numbers)) == [1, 2]


def test_who_wrote_before_issuing_and_who_did_not_never_wait_for_each_other(
    engine, names, story, meters
):
    """One has its number and must audit; the other has audited and wants a number."""
    has_number, has_audited = Event(), Event()

    def compose(number: str) -> CertificateContent:
        has_number.set()
        has_audited.wait(timeout=0.5)
        return books.content_of(number, story.people)

    def only_issues() -> str:
        with TenantSession(engine, names.LAB) as session, session.begin():
            return books.issue(session, meters[0], story.people, compose=compose).number

    def writes_and_issues() -> str:
        has_number.wait(timeout=5)
        with TenantSession(engine, names.LAB) as session, session.begin():
            books.register(session, "another")
            has_audited.set()
            return books.issue(session, meters[1], story.people).number

    with ThreadPoolExecutor(2) as threads:
        issued = [threads.submit(work).result for work in (only_issues, writes_and_issues)]
        numbers = [result(timeout=30) for result in issued]

    first = sequence(story.number) + 1
    assert sorted(map(sequence, numbers)) == [first, first + 1]


# --- Of the time before


def carry_over(session: TenantSession, story: SimpleNamespace, number: str, now=NOW):
    row = calibrate(session, number, date(2026, 2, 1))
    return certificates.carry_over(
        session, row.id, number=number, kind="calibration_certificate",
        signatories=story.people, keys=KEYS, now=now,
    )  # fmt: skip


def test_numbers_count_on_from_those_that_were_carried_over(open_as, engine, story):
    with open_as("LAB") as session, session.begin():
        carry_over(session, story, "LAB-2026-00041")
        carry_over(session, story, "LAB-2026-00007")  # an earlier one does not count back
        last = session.get_one(NumberCounter, (session.organization_id, "LAB", 2026)).last

    assert last == 41
    assert next_number(open_as, story) == 42
    assert len(directory.find(engine, KEYS.of_number("lab-2026-00041"))) == 1


def test_what_is_carried_over_is_signed_as_on_paper_and_in_its_own_year(open_as, story):
    before = datetime(2019, 5, 6, 8, tzinfo=UTC)
    with open_as("LAB") as session, session.begin():
        certificate = carry_over(session, story, "LAB-2019-00003", now=before)
        (subject,) = store.calibrations_of(session, certificate.id)

        signed = store.signatures(session, subject)
        assert {signature.method for signature, _ in signed} == {"paper"}
        assert certificate.issued_at == before
        assert session.get(NumberCounter, (session.organization_id, "LAB", 2019)) is not None
    assert next_number(open_as, story) == sequence(story.number) + 1


def test_the_newest_certificate_of_a_calibration_is_told(open_as, story):
    with open_as("LAB") as session, session.begin():
        certificate = carry_over(session, story, "LAB-2026-00041", now=NOW - timedelta(days=1))
        (subject,) = store.calibrations_of(session, certificate.id)

        found = store.of_calibration(session, subject)
        assert found is not None
        assert found.number == "LAB-2026-00041"


def test_a_number_the_book_does_not_hold_is_not_found(open_as, story):
    with open_as("OTH") as session, pytest.raises(NotFound, match=story.number):
        store.by_number(session, story.number)
