"""What is sealed and logged is authentic; whatever was changed, swapped or forged is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import pytest

from certificates.authentication import Check, Form, authenticate, form_of, unchanged_since
from certificates.dcc import write_dcc
from certificates.errors import LogError, SealError
from certificates.log import Checkpoint, LogEntry, LoggedEvent, MerkleLog
from certificates.log_files import ConsistencyFile, InclusionFile, origin_of, sign_checkpoint
from certificates.seal import canonical_bytes, sha256_hex
from certificates.xades import seal_xml
from service.rendering import render
from tests.proofs import how_many
from tests.seals import new_signer

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
ORIGIN = origin_of("TPP", "0190")
FORMS = list(Form)


def issue(content, signer, *, now=NOW, before=7):
    """Return the files of a certificate by form, and its proof in a log of eight."""
    told = canonical_bytes(content.as_mapping())
    files = {**render(content, signer, now, schemas=None), "json": told}
    entry = LogEntry(
        number=content.number,
        event=LoggedEvent.ISSUED,
        occurred_at=now,
        content_sha256=sha256_hex(told),
        dcc_sha256=sha256_hex(files["xml"]),
        pdf_sha256=sha256_hex(files["pdf"]),
        html_sha256=sha256_hex(files["html"]),
    )
    log = MerkleLog([bytes([n]) * 32 for n in range(before)])
    index = log.append(entry.leaf())
    note = sign_checkpoint(Checkpoint(ORIGIN, log.size, log.root()), signer)
    return files, InclusionFile(entry, index, log.inclusion_proof(index), note)


@pytest.fixture(scope="module")
def issued(verification, signer):
    return issue(verification, signer)


def refused(document, signer, proof):
    """Return the checks that a file does not pass; nothing may be raised or told of it."""
    found = authenticate(document, trusted=[signer.certificate], proof=proof)
    assert not found.is_authentic
    return {failure.check for failure in found.failures}


# --- The genuine ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_authentic_and_says_what_was_certified(verification, signer, issued, form):
    files, proof = issued

    found = authenticate(
        files[form], trusted=[new_signer().certificate, signer.certificate], proof=proof
    )

    assert found.failures == ()
    assert (found.form, found.entry) == (form, proof.entry)
    assert found.checkpoint is not None
    assert found.checkpoint.size == 8
    if form is Form.HTML:
        assert found.says is None
        return
    assert found.says is not None
    assert found.says.number == verification.number
    assert [row.value for row in found.says.results()] == [
        row.estimate for row in verification.results
    ]
    if form in (Form.PDF, Form.XML):
        assert (found.sealed_by, found.sealed_at) == (signer.certificate, NOW)


def test_five_hundred_genuine_certificates_are_authentic(every_kind, signer):
    """Every kind in turn, each another number, moment and place in the log."""
    told = Random(6)  # noqa: S311 (the same in every run)
    tried = 0
    for n in range(how_many(20, full=500)):
        content = replace(every_kind[n % len(every_kind)], number=f"TPP-2026-{n:05d}-X")
        now = NOW + timedelta(seconds=told.randrange(10**7))
        files, proof = issue(content, signer, now=now, before=told.randrange(20))
        for form in FORMS:
            found = authenticate(files[form], trusted=[signer.certificate], proof=proof)
            assert found.failures == ()
        tried += 1
    assert tried >= 20


# --- The changed ----------------------------------------------------------------------------------


def mutations(document, told):
    """Yield a file changed in one of many ways, for ever; never the file itself."""
    while True:
        place, other = told.randrange(len(document)), told.randrange(len(document))
        before, here, behind = document[:place], document[place], document[place + 1 :]
        mutated = told.choice(
            (
                before + bytes([here ^ 1 << told.randrange(8)]) + behind,
                before + bytes([told.randrange(256)]) + behind,
                before + behind,
                before + document[place : place + 1] * 2 + behind,
                before + told.choice((b" ", b"\n", b"\0", b"%", b"<!---->")) + document[place:],
                document[: min(place, other)] + document[max(place, other) :],
                before,
                document + told.choice((b" ", b"\n", b"\0", document[place:])),
                _swapped(document, place, other),
            )
        )
        if mutated != document:
            yield mutated


def _swapped(document, one, other):
    changed = bytearray(document)
    changed[one], changed[other] = changed[other], changed[one]
    return bytes(changed)


@pytest.mark.parametrize("with_proof", [True, False])
def test_two_thousand_mutations_are_refused(signer, issued, with_proof):
    """Without a proof the seal alone must notice: on the PDF and the XML."""
    files, proof = issued
    forms = FORMS if with_proof else (Form.PDF, Form.XML)
    told, tried = Random(6), 0  # noqa: S311
    for form in forms:
        mutated = mutations(files[form], told)
        for _ in range(how_many(2000, full=50000) // len(forms)):
            failed = refused(next(mutated), signer, proof if with_proof else None)
            assert with_proof or Check.SEAL in failed
            tried += 1
    assert tried >= 2000


def test_every_byte_of_the_seal_on_the_xml_counts(signer, issued):
    files, _ = issued
    start = files["xml"].index(b"<ds:Signature ")
    for place in range(start, len(files["xml"])):
        changed = bytearray(files["xml"])
        changed[place] ^= 1
        assert Check.SEAL in refused(bytes(changed), signer, None)


def test_every_byte_of_the_seal_behind_the_pdf_counts(signer, issued):
    files, _ = issued
    start = files["pdf"].rindex(b"%%EOF\n", 0, -6)
    for place in range(start, len(files["pdf"]), how_many(7, full=1)):
        changed = bytearray(files["pdf"])
        changed[place] ^= 1
        assert Check.SEAL in refused(bytes(changed), signer, None)


# --- The swapped and the forged -------------------------------------------------------------------


def test_the_proof_of_another_certificate_proves_nothing(verification, signer, issued):
    files, _ = issued
    _, other = issue(replace(verification, number="TPP-2026-00124-B"), signer)

    for form in FORMS:
        assert Check.DIGEST in refused(files[form], signer, other)


def test_a_certificate_without_a_proof_is_not_shown_to_be_logged(signer, issued):
    files, _ = issued

    for form in FORMS:
        assert refused(files[form], signer, None) == {Check.LOG}


def test_the_key_of_another_organization_seals_nothing_of_ours(verification, signer):
    files, proof = issue(verification, new_signer("OTH"))

    for form in FORMS:
        failed = refused(files[form], signer, proof)
        assert failed == {Check.SEAL if form in (Form.PDF, Form.XML) else Check.LOG}


def test_an_issuer_logs_only_numbers_of_its_own(verification, signer):
    files, proof = issue(replace(verification, number="OTH-2026-00123-D"), signer)

    assert Check.LOG in refused(files["xml"], signer, proof)


def test_two_persons_are_not_three(verification, signer):
    """A laboratory that seals what two have signed is found out by whoever reads it."""
    document = write_dcc(verification)
    first, second, third = (who.person_id for who in verification.signatories)
    doubled = document.replace(f"person-{third}".encode(), f"person-{first}".encode())
    no_role = document.replace(b"<dcc:role>checked</dcc:role>", b"<dcc:role>approved</dcc:role>")
    nobody = document.replace(f"person-{second}".encode(), b"")
    for told in (doubled, no_role, nobody):
        assert told != document
        assert Check.PERSONS in refused(seal_xml(told, signer, now=NOW), signer, None)


def test_where_nobody_checks_two_persons_are_enough_for_a_calibration(
    verification, calibration, signer
):
    first, _, third = calibration.signatories
    content = replace(calibration, number="TPP-2026-00016-Y", signatories=(first, third))
    files, proof = issue(content, signer)

    for form in FORMS:
        found = authenticate(files[form], trusted=[signer.certificate], proof=proof)
        assert found.failures == ()
    before, checked, behind = write_dcc(verification).split(b"</dcc:respPerson>", 2)
    assert b"<dcc:role>checked</dcc:role>" in checked
    two = seal_xml(before + b"</dcc:respPerson>" + behind, signer, now=NOW)
    assert Check.PERSONS in refused(two, signer, None)


@pytest.mark.parametrize("file", [b"", b"body { color: red }", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_is_refused(signer, file):
    assert form_of(file) is None
    assert refused(file, signer, None) == {Check.SEAL}


# --- Since a checkpoint ---------------------------------------------------------------------------


@cache
def leaves():
    return [bytes([n]) * 32 for n in range(30)]


def seen(log, size):
    return Checkpoint(ORIGIN, size, log.root(size))


def test_a_log_that_grew_is_told_from_one_that_was_cut_or_changed(signer):
    log, trusted = MerkleLog(leaves()), [signer.certificate]
    old = seen(log, 12)

    def since(grown, proofs=None):
        note = sign_checkpoint(seen(grown, grown.size), signer)
        hashes = grown.consistency_proof(12) if grown.size >= 12 else ()
        proofs = [ConsistencyFile(12, hashes, note)] if proofs is None else proofs
        return unchanged_since(
            old, trusted=trusted, checkpoints=[seen(grown, grown.size)], proofs=proofs
        )

    assert since(log).size == 30
    assert since(MerkleLog(leaves()[:12]), proofs=[]).size == 12
    for forged in (leaves()[:11], leaves()[1:], [*leaves()[:5], b"x" * 32, *leaves()[6:]],
                   [*leaves()[:11], b"x" * 32]):  # fmt: skip
        with pytest.raises((LogError, SealError)):
            since(MerkleLog(forged))
    with pytest.raises(LogError, match="no proof at hand"):
        since(log, proofs=[])
