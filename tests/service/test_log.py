"""Each issuer's log: a leaf for each event of a certificate, in the transaction of the event."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session

from certificates.errors import EntryUnknown
from certificates.log import LogEntry, LoggedEvent, MerkleLog
from certificates.log_files import InclusionFile, open_checkpoint, origin_of
from service.actions.log import log_event
from service.errors import NotFound, NotTheSenders
from service.store import certificates as certificate_store
from service.store import log as store
from tests.seals import SEALS, SealsInMemory
from tests.service import books
from tests.service.books import NOW, calibrate, use

LATER = NOW + timedelta(days=1)


@pytest.fixture
def issued(open_as, story):
    """Three more certificates of LAB's, by their numbers; the story's own is the first."""
    numbers = [story.number]
    for name in ("a", "b", "c"):
        with open_as("LAB") as session, session.begin():
            row = calibrate(session, name, date(2026, 2, 1), use(reference_id=story.working))
            books.sign_three_times(session, row.id, story.people)
            numbers.append(books.issue(session, row.id, story.people).number)
    return numbers


def kept_proof(open_as, number):
    with open_as("LAB", read_only=True) as session:
        certificate = certificate_store.by_number(session, number)
        file = certificate_store.file(session, certificate.id, "proof")
        assert file is not None
        return InclusionFile.parse(file.content.decode())


def test_every_certificate_has_its_leaf_and_its_proof(engine, open_as, names, issued):
    lab = store.issuer(engine, "LAB")
    trusted = store.seals(engine, lab.id)

    assert lab.id == names.LAB
    assert len(trusted) == 1
    for position, number in enumerate(issued):
        proof = kept_proof(open_as, number)
        assert proof.index == position
        assert (proof.entry.number, proof.entry.event) == (number, LoggedEvent.ISSUED)
        assert proof.check(trusted).size == position + 1

        (newest,) = store.inclusion(engine, lab.id, number)
        assert newest.entry == proof.entry
        checkpoint = newest.check(trusted)
        assert (checkpoint.size, checkpoint.origin) == (len(issued), origin_of("LAB", lab.id))


def test_the_entry_names_the_files_by_their_digests(open_as, story):
    entry = kept_proof(open_as, story.number).entry
    with open_as("LAB", read_only=True) as session:
        digests = certificate_store.digests(session, story.certificate)

    assert digests["json"] == entry.content_sha256
    assert digests["html"] == entry.html_sha256
    assert entry.occurred_at == NOW


def test_the_log_only_grows(engine, names, issued):
    trusted = store.seals(engine, names.LAB)
    tree = MerkleLog(
        LogEntry.parse(entry.encode()).leaf() for _, entry in store.entries(engine, names.LAB)
    )
    now, _ = open_checkpoint(store.checkpoint(engine, names.LAB), trusted)

    assert (now.size, now.root) == (len(issued), tree.root())
    for old_size in range(1, len(issued) + 1):
        proof = store.consistency(engine, names.LAB, old_size)
        assert proof.hashes == tree.consistency_proof(old_size)
    for size in (0, len(issued) + 1):
        with pytest.raises(EntryUnknown):
            store.consistency(engine, names.LAB, size)


def test_each_issuer_has_a_log_of_its_own(engine, open_as, names, story):
    """The customer's book holds a copy of the certificate, the customer's log does not."""
    with pytest.raises(EntryUnknown, match="empty"):
        store.checkpoint(engine, names.ENT)
    assert store.inclusion(engine, names.ENT, story.number) == []
    with pytest.raises(NotFound):
        store.issuer(engine, "NOBODY")


def test_what_another_organization_issued_is_not_in_our_log(open_as, owner, story):
    def log_it():
        with open_as("ENT") as session, session.begin():
            certificate = certificate_store.by_number(session, story.number)
            log_event(session, certificate, LoggedEvent.VOIDED, seals=SEALS, now=LATER)

    books.refusing(owner, log_it, NotTheSenders)


def test_what_becomes_of_a_certificate_is_one_more_leaf(engine, open_as, names, story):
    with open_as("LAB") as session, session.begin():
        certificate = certificate_store.by_number(session, story.number)
        proof = log_event(
            session, certificate, LoggedEvent.AMENDED, seals=SEALS, now=LATER,
            replaced_by="LAB-2026-00002-X",
        )  # fmt: skip

    trusted = store.seals(engine, names.LAB)
    assert proof.check(trusted).size == 2
    told = [found.entry for found in store.inclusion(engine, names.LAB, story.number)]
    assert [(entry.event, entry.replaced_by) for entry in told] == [
        ("issued", None),
        ("amended", "LAB-2026-00002-X"),
    ]
    assert told[0].content_sha256 == told[1].content_sha256


def test_after_a_change_of_keys_both_are_on_record(engine, open_as, names, story):
    """Who trusts the old key alone reads the old proof, and must ask for the new key."""
    new = SealsInMemory()
    with open_as("LAB") as session, session.begin():
        certificate = certificate_store.by_number(session, story.number)
        log_event(session, certificate, LoggedEvent.WITHDRAWN, seals=new, now=LATER)

    first, second = store.seals(engine, names.LAB)
    assert first == SEALS.signer("LAB").certificate
    assert second == new.signer("LAB").certificate
    assert kept_proof(open_as, story.number).check([first]).size == 1
    assert open_checkpoint(store.checkpoint(engine, names.LAB), [first, second])[1] == second


@pytest.mark.parametrize("table", ["log_leaf", "log_node", "seal_record"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET issuer_id = issuer_id"])
def test_the_log_is_append_only_in_the_database(owner, story, table, change):
    with Session(owner) as session, pytest.raises(DatabaseError, match="append-only"):
        session.execute(text(change.format(table)))
