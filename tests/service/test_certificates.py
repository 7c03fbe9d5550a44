"""Three persons sign, a certificate is issued under the next number, and it is found again."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event
from time import sleep
from types import SimpleNamespace
from uuid import UUID, uuid5

import pytest

from certificates.content import CertificateContent, CertificateKind, Conformity
from certificates.errors import ContentError, SignatoriesIncomplete
from certificates.numbers import parse_number
from certificates.seal import sha256_hex
from procedures.conformity import Verdict
from service.actions import calibrations, certificates, organizations
from service.errors import (
    AlreadyThere,
    InvalidField,
    NotAuthorised,
    NotFound,
    NotIssuable,
    SealMissing,
)
from service.seals import Seals
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.store import directory
from service.store import log as log_store
from service.store.calibrations import original_record
from service.tables.certificates import NumberCounter, Signature
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
        certificates.sign(
            session,
            id_,
            meaning="calibrated",
            person=people["calibrated"],
            authenticated_at=NOW,
            now=NOW,
        )

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(
                session,
                id_,
                meaning="checked",
                person=people["calibrated"],
                authenticated_at=NOW,
                now=NOW,
            )

    assert "three persons sign" in str(books.refusing(owner, sign, NotAuthorised))


def test_a_second_account_is_no_second_human(open_as, owner, people):
    with open_as("LAB") as session, session.begin():
        session.expire_on_commit = False
        id_ = calibrate(session, "gauge", date(2026, 2, 1)).id
        certificates.sign(
            session,
            id_,
            meaning="calibrated",
            person=people["calibrated"],
            authenticated_at=NOW,
            now=NOW,
        )
        other_account = organizations.add_person(
            session, people["calibrated"].identity_id, name_zh="别名", name_en="alias",
            role="checked", authorised={}, actor_id=ACTOR, now=NOW,
        )  # fmt: skip

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(
                session, id_, meaning="checked", person=other_account, authenticated_at=NOW, now=NOW
            )

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
            certificates.sign(
                session, id_, meaning="checked", person=liar, authenticated_at=NOW, now=NOW
            )

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
                session,
                id_,
                meaning="calibrated",
                person=people["calibrated"],
                authenticated_at=NOW,
                now=NOW,
            )

    refused = books.refusing(owner, sign, NotAuthorised)
    assert f"calibrated person is not authorised for {procedure} on {performed_on}" in str(refused)


def test_the_last_day_of_an_authorisation_counts(open_as, people):
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 12, 31)).id

        signed = certificates.sign(
            session,
            id_,
            meaning="calibrated",
            person=people["calibrated"],
            authenticated_at=NOW,
            now=NOW,
        )

        assert signed.subject_id == id_


def test_what_another_laboratory_made_is_not_ours_to_sign(open_as, owner, story):
    """LAB received it: the original record is NIM's."""

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(
                session, story.reference, meaning="checked", person=story.people["checked"],
                authenticated_at=NOW, now=NOW,
            )  # fmt: skip

    books.refusing(owner, sign, NotFound)


def test_to_check_and_to_approve_it_is_enough_to_be_of_the_organization(open_as, people):
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1), procedure_code="JJG 443").id

        for meaning in ("checked", "approved"):
            certificates.sign(
                session, id_, meaning=meaning, person=people[meaning], authenticated_at=NOW, now=NOW
            )

        assert len(store.signatures(session, id_)) == 2


def test_a_signature_without_a_known_meaning_is_refused_by_name(open_as, owner, story):
    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(
                session,
                story.working,
                meaning="seen",
                person=story.people["checked"],
                authenticated_at=NOW,
                now=NOW,
            )

    assert books.refusing(owner, sign, InvalidField).pointer == "/meaning"


def test_a_person_of_another_organization_does_not_sign(open_as, owner, names, people):
    """The human is known to the service, and works somewhere else."""
    with open_as("OTH") as session, session.begin():
        session.expire_on_commit = False
        stranger = organizations.add_person(
            session, people["checked"].identity_id, name_zh="外人", name_en="stranger",
            role="checked", authorised={}, actor_id=ACTOR, now=NOW,
        )  # fmt: skip
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1)).id

    def sign():
        with open_as("LAB") as session, session.begin():
            certificates.sign(
                session, id_, meaning="checked", person=stranger, authenticated_at=NOW, now=NOW
            )

    assert "no person of this organization" in str(books.refusing(owner, sign, NotAuthorised))


# --- Issuing


def test_a_certificate_keeps_its_content_and_every_form_with_its_digest(open_as, story):
    with open_as("LAB") as session:
        certificate = store.by_number(session, story.number)
        files = {file.form: file for file in store.files(session, certificate.id)}

        assert files.keys() == {"json", "html", "proof"}
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
    def of_other_works(number):
        content = books.content_of(number, story.people)
        return replace(content, item=replace(content.item, manufacturer_en="Other Works"))

    with open_as("LAB") as session, session.begin():
        item = books.register(
            session, "twin", serial_number="SN meter", manufacturer_en="Other Works"
        ).id
        id_ = calibrate(
            session, "", date(2026, 2, 1), use(reference_id=story.working), item_id=item
        ).id
        books.sign_three_times(session, id_, story.people)
        books.issue(session, id_, story.people, compose=of_other_works)

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
    def render(_content: CertificateContent, _signer, _now):
        raise ContentError("item.name_zh", "no glyph for a letter")

    refuse_to_issue(open_as, owner, story, meters[0], ContentError, render=render)


def test_without_a_key_nothing_is_issued_unsealed(open_as, owner, story, meters, tmp_path):
    refused = refuse_to_issue(
        open_as, owner, story, meters[0], SealMissing, seals=Seals(tmp_path / "keys")
    )

    assert "suyuan key create LAB" in str(refused)


@pytest.mark.parametrize("missing", ["calibrated", "checked", "approved"])
def test_no_certificate_without_each_of_the_three_signatures(open_as, owner, story, missing):
    """The content claims all three, whatever was signed."""
    two = {meaning: person for meaning, person in story.people.items() if meaning != missing}
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1), use(reference_id=story.working)).id
        books.sign_three_times(session, id_, two)

    refused = refuse_to_issue(open_as, owner, story, id_, NotIssuable)

    assert f"not signed as {missing}" in str(refused)


def test_signatures_over_another_record_do_not_count(open_as, owner, story):
    with open_as("LAB") as session, session.begin():
        id_ = calibrate(session, "gauge", date(2026, 2, 1), use(reference_id=story.working)).id
        for meaning, person in story.people.items():
            session.add(
                Signature(
                    organization_id=session.organization_id, subject_id=id_, meaning=meaning,
                    subject_sha256="0" * 64, person_id=person.id, identity_id=person.identity_id,
                    signed_at=NOW, method="session",
                )
            )  # fmt: skip

    refused = refuse_to_issue(open_as, owner, story, id_, NotIssuable)

    assert "calibrated, checked, approved" in str(refused)


@pytest.mark.parametrize("superseded", [False, True], ids=["withdrawn", "superseded"])
def test_a_calibration_that_has_ended_gets_no_certificate(
    open_as, owner, story, meters, superseded
):
    with open_as("LAB") as session, session.begin():
        successor = calibrate(
            session, "", date(2026, 2, 2), use(reference_id=story.working),
            item_id=calibration_store.get(session, meters[0]).item_id,
        )  # fmt: skip
        calibrations.end(
            session, meters[0], successor_id=successor.id if superseded else None,
            reason="misread", actor_id=ACTOR, now=NOW,
        )  # fmt: skip

    assert "has ended" in str(refuse_to_issue(open_as, owner, story, meters[0], NotIssuable))


def test_what_another_laboratory_made_gets_no_certificate_of_ours(open_as, owner, story):
    refused = refuse_to_issue(open_as, owner, story, story.reference, NotIssuable)

    assert "received, not made here" in str(refused)


def test_a_content_under_another_number_is_refused(open_as, owner, story, meters):
    refuse_to_issue(
        open_as, owner, story, meters[0], NotIssuable,
        compose=lambda _number: books.content_of("LAB-1999-00001-A", story.people),
    )  # fmt: skip


def test_no_other_json_stands_beside_the_content(open_as, owner, story, meters):
    refuse_to_issue(
        open_as, owner, story, meters[0], NotIssuable, render=lambda *_: {"json": b"{}"}
    )


def test_the_kind_of_a_certificate_is_its_contents(engine, open_as, story, meters):
    def compose(number: str) -> CertificateContent:
        return replace(
            books.content_of(number, story.people),
            kind=CertificateKind.VERIFICATION_RECORD,
            conformity=Conformity(
                verdict=Verdict.PASS,
                decision_rule_zh="简单接受",
                decision_rule_en="simple acceptance",
                specification=books.PROCEDURE,
            ),
        )

    with open_as("LAB") as session, session.begin():
        issued = books.issue(session, meters[0], story.people, compose=compose)
        number, kind = issued.number, issued.kind

    assert kind == "verification_record"
    assert directory.find(engine, KEYS.of_number(number))[0].kind == "verification_record"


def test_two_threads_issue_one_certificate_of_a_calibration(engine, names, story, meters):
    def issue(_number: int) -> str | None:
        with TenantSession(engine, names.LAB) as session, session.begin():
            with suppress(AlreadyThere):
                return books.issue(session, meters[0], story.people).number
            return None

    with ThreadPoolExecutor(2) as threads:
        numbers = list(threads.map(issue, range(2)))

    assert len([number for number in numbers if number]) == 1


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


def test_number_and_directory_are_dated_in_legal_time(engine, open_as, story, meters):
    """20:00 UTC on 31 December is 4:00 of the new year in China."""
    new_year = datetime(2026, 12, 31, 20, tzinfo=UTC)
    with open_as("LAB") as session, session.begin():
        number = books.issue(session, meters[0], story.people, now=new_year).number

    assert number.startswith("LAB-2027-00001-")
    assert directory.find(engine, KEYS.of_number(number))[0].issued_on == date(2027, 1, 1)


def test_a_transaction_that_fails_after_its_number_leaves_no_gap(open_as, owner, story, meters):
    def fail():
        with open_as("LAB") as session, session.begin():
            books.issue(session, meters[0], story.people)
            raise KeyboardInterrupt

    books.refusing(owner, fail, KeyboardInterrupt)

    assert next_number(open_as, story) == sequence(story.number) + 1


@pytest.mark.parametrize("at", ["the files", "the outbox"])
def test_a_killed_process_leaves_no_half_certificate_and_no_gap(
    database, open_as, owner, names, story, meters, at
):
    """Before its files, or after its leaf stands in the log: not a row of it remains."""
    before = books.count_rows(owner)

    died = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-m", "tests.service.issue_and_die", database.application,
         str(names.LAB), str(meters[0]), at],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (died.returncode, died.stderr) == (9, "")
    assert books.count_rows(owner) == before
    with open_as("LAB") as session, session.begin():
        issued = books.issue(session, meters[0], story.people).number
        assert log_store.head(session).size == 2
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


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("NIM-2026-00001", "of the form LAB-YYYY-NNNNN"),
        ("X1", "of the form LAB-YYYY-NNNNN"),
        ("LAB-2026-00041x", "of the form LAB-YYYY-NNNNN"),
        ("LAB-2026-99999999999", "of the form LAB-YYYY-NNNNN"),
        ("LAB-2026-00041-A", "the check character"),
        ("LAB-2026-00000", "out of range"),
    ],
)
def test_a_number_that_is_none_of_ours_is_not_carried_over(open_as, owner, story, number, reason):
    def carry():
        with open_as("LAB") as session, session.begin():
            carry_over(session, story, number)

    refused = books.refusing(owner, carry, InvalidField)
    assert refused.pointer == "/number"
    assert reason in refused.reason


@pytest.mark.parametrize("with_check_character", [True, False])
def test_a_number_is_not_given_twice_in_either_spelling(
    open_as, owner, story, with_check_character
):
    number = story.number if with_check_character else story.number.rpartition("-")[0]

    def carry():
        with open_as("LAB") as session, session.begin():
            carry_over(session, story, number)

    books.refusing(owner, carry, AlreadyThere)


def test_a_document_of_no_known_kind_is_not_carried_over(open_as, owner, story):
    def carry():
        with open_as("LAB") as session, session.begin():
            row = calibrate(session, "old", date(2026, 2, 1))
            certificates.carry_over(
                session, row.id, number="LAB-2026-00041", kind="letter",
                signatories=story.people, keys=KEYS, now=NOW,
            )  # fmt: skip

    assert books.refusing(owner, carry, InvalidField).pointer == "/kind"


def test_who_issues_waits_for_who_carries_over(engine, names, story, meters):
    """The counter moves up to the old number before the new one is counted."""
    carried = Event()

    def carry() -> None:
        with TenantSession(engine, names.LAB) as session, session.begin():
            carry_over(session, story, "LAB-2026-00041")
            carried.set()
            sleep(0.3)

    def issue() -> str:
        carried.wait(timeout=5)
        with TenantSession(engine, names.LAB) as session, session.begin():
            return books.issue(session, meters[0], story.people).number

    with ThreadPoolExecutor(2) as threads:
        threads.submit(carry)
        number = threads.submit(issue).result(timeout=30)

    assert sequence(number) == 42


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
