"""Calibrated, checked, approved by three humans, whose proofs are fresh: the database says so too.

In the story three of LAB's people signed ENT's meter. Here rows are offered that no action writes,
past every action; each is refused on both engines by a check of the table.
"""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import func, select
from uuid_utils.compat import uuid7

from certificates.content import Meaning
from service.actions import certificates
from service.errors import ReauthenticationRequired
from service.store import certificates as store
from service.tables.certificates import Certificate, CertificateSigning, Signature
from tests.service import books
from tests.service.books import NOW


def humans(session, story):
    """Return who signed the meter, as columns of a row."""
    signed = store.signatures(session, story.meter)
    return {f"{row.meaning}_by": row.identity_id for row, _ in signed}


def offer(session, story, **changes):
    """Insert the signing of a certificate that nobody issued."""
    id_ = uuid7()
    certificate = {"id": id_, "issuer_id": session.organization_id, "number": str(id_),
                   "kind": "x", "issued_at": NOW, "content_sha256": ""}  # fmt: skip
    session.insert(Certificate, [certificate])
    row = {"certificate_id": id_, "subject_id": story.meter, "signatories": 3}
    session.insert(CertificateSigning, [row | humans(session, story) | changes])


def test_a_certificate_keeps_which_three_humans_signed_it(open_as, story):
    with open_as("LAB", read_only=True) as session:
        row = session.get(CertificateSigning, (session.organization_id, story.certificate))
        told = humans(session, story)

    assert (row.subject_id, row.signatories) == (story.meter, 3)
    assert {name: getattr(row, name) for name in told} == told
    assert len(set(told.values())) == 3


def test_what_was_issued_on_paper_keeps_them_too(open_as, story):
    with open_as("LAB") as session, session.begin():
        row = books.calibrate(session, "paper", NOW.date())
        kept = certificates.carry_over(
            session, row.id, number="LAB-2026-00041", kind="calibration_certificate",
            signatories=story.people, keys=books.KEYS, now=NOW,
        )  # fmt: skip
        (signing,) = session.exec(
            select(CertificateSigning).where(CertificateSigning.certificate_id == kept.id)
        ).all()

        assert signing.approved_by == story.people["approved"].identity_id


PAIRS = [("calibrated", "checked"), ("checked", "approved"), ("approved", "calibrated")]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_no_row_names_one_human_twice(open_as, story, first, second):
    with open_as("LAB", read_only=True) as session:
        same = humans(session, story)[f"{first}_by"]

    with (
        pytest.raises(IntegrityError, match="ck_certificate_signing_distinct_persons"),
        open_as("LAB") as session,
        session.begin(),
    ):
        offer(session, story, **{f"{second}_by": same})


def test_nobody_checks_only_where_two_sign(open_as, story):
    with open_as("LAB") as session, session.begin():
        offer(session, story, signatories=2, checked_by=None)

    with (
        pytest.raises(IntegrityError, match="ck_certificate_signing_signatories"),
        open_as("LAB") as session,
        session.begin(),
    ):
        offer(session, story, checked_by=None)


def test_no_row_names_a_human_who_did_not_sign(open_as, story):
    with pytest.raises(IntegrityError), open_as("LAB") as session, session.begin():
        offer(session, story, checked_by=uuid7())


# --- How old the proof of identity may be


def sign(session, story, before):
    person = story.people["calibrated"]
    session.insert(
        Signature,
        [{"id": uuid7(), "subject_id": uuid7(), "subject_sha256": "", "meaning": "calibrated",
          "person_id": person.id, "identity_id": person.identity_id, "signed_at": NOW,
          "method": "session", "reauthenticated_at": NOW - before}],
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [0, 299.999, 300])
def test_a_signature_follows_its_proof_within_300_s(open_as, story, seconds):
    with open_as("LAB") as session, session.begin():
        before = session.exec(select(func.count()).select_from(Signature)).one()
        sign(session, story, timedelta(seconds=seconds))

    with open_as("LAB") as session:
        assert session.exec(select(func.count()).select_from(Signature)).one() == before + 1


@pytest.mark.parametrize("seconds", [300.001, 301, 86_400, -1], ids=str)
def test_an_older_proof_or_one_of_the_future_is_refused_by_the_table(open_as, story, seconds):
    with (
        pytest.raises(IntegrityError, match="ck_signature_proof"),
        open_as("LAB") as session,
        session.begin(),
    ):
        sign(session, story, timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [301, -1], ids=str)
def test_the_action_refuses_it_before_the_table_does(open_as, owner, story, seconds):
    def act():
        with open_as("LAB") as session, session.begin():
            row = books.calibrate(session, "gauge", NOW.date())
            certificates.sign(
                session, row.id, meaning=Meaning.CHECKED, person=story.people["checked"],
                authenticated_at=NOW - timedelta(seconds=seconds), now=NOW,
            )  # fmt: skip

    refused = books.refusing(owner, act, ReauthenticationRequired)

    assert "older than 300 s" in str(refused)
