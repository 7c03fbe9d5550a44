"""The story of one gauge, on both engines: from readings to a certificate found by its serial."""

import json
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlmodel import col, select

from certificates.authentication import Form, authenticate
from certificates.content import CertificateContent
from certificates.log_files import InclusionFile
from procedures.conformity import Verdict
from service.answers import chain
from service.demo.story import attempt, live, write_files
from service.demo.world import identifier, moment, read_world
from service.store import calibrations as calibration_store
from service.store import certificates as certificate_store
from service.tables.calibrations import Calibration
from service.tables.certificates import Certificate
from service.tables.work_orders import WorkOrderStep
from service.tenancy import TenantSession

URL = "http://127.0.0.1:8000/c/{number}"


@pytest.fixture
def story(demo, engine, keys, seals):
    return live(demo, engine, keys=keys, seals=seals, today=demo.as_of, url=URL)


def test_the_story_ends_as_the_data_expect(demo, engine, story, tmp_path):
    """One database, one story: what it says is asked for in many ways."""
    expected = demo.data["story"]["expected"]
    result = story.result
    gauge, due_on = next(row for row in story.due if row[0].id == story.calibration.item_id)
    assert (gauge.serial_number, str(due_on)) == ("0083105", "2026-12-11")  # as it was before
    assert result.verdict is Verdict.PASS
    assert result.guarded_verdict is Verdict.UNDETERMINED
    assert result.expanded_uncertainty == pytest.approx(expected["U_k2_MPa"], abs=1e-6)
    assert story.calibration.valid_until.isoformat() == expected["valid_until"]

    best, *others = story.proposals
    assert best.eligible
    assert best.ratio == pytest.approx(demo.data["story"]["ratio"]["value"], rel=1e-3)
    assert [proposal.eligible for proposal in others] == [False]

    walked, step = [], story.chain.result
    while step:
        walked.append(step.link.item_id)
        step = step.steps[0] if step.steps else None
    assert walked == [identifier(name) for name in demo.data["story"]["chain"]]
    assert story.chain.breaks == ()

    assert story.certificate.number == "TPP-2026-00026-F"
    assert story.found[0].number == story.certificate.number
    assert len(story.found) == 9

    assert_the_forms_agree(story)
    assert {path.suffix for path in write_files(story, tmp_path)} == {
        ".pdf", ".html", ".xml", ".json", ".proof", ".pem", ".css",
    }  # fmt: skip

    with TenantSession(engine, identifier("TPP"), read_only=True) as session:
        assert_what_is_sealed_is_on_record(session, story)
        states = session.exec(
            select(WorkOrderStep.state).order_by(col(WorkOrderStep.position))
        ).all()
        signed = certificate_store.signatures(session, story.calibration.id)
        known_before = moment(demo.as_of, 9)
        assert states == [
            "requested", "accepted", "received", "assigned", "measured", "checked", "approved",
            "issued",
        ]  # fmt: skip
        assert len({person.identity_id for _, person in signed}) == 3
        newest = chain(session, story.calibration.id, on=None, known_at=moment(demo.as_of, 23))
        assert newest.result.link is not None
        assert newest.result.link.certificate_number == story.certificate.number
        with pytest.raises(LookupError):
            chain(session, story.calibration.id, on=None, known_at=known_before)


def assert_the_forms_agree(story):
    """The numbers of the content stand in the PDF, the HTML and the XML alike."""
    content = CertificateContent.from_mapping(json.loads(story.files["json"]))
    pdf = "".join(page.extract_text() for page in PdfReader(BytesIO(story.files["pdf"])).pages)
    html, xml = story.files["html"].decode(), story.files["xml"].decode()
    for form in (pdf, html, xml):
        assert content.number in form
        assert content.item.serial_number in form
        for row in content.results:
            assert row.estimate in form
            assert row.expanded_uncertainty in form


def assert_what_is_sealed_is_on_record(session, story):
    """The numbers of the sealed PDF and XML are those of the database, which names three humans."""
    rows = calibration_store.results(session, story.calibration.id)
    proof = InclusionFile.parse(story.files["proof"].decode())
    humans = {person.identity_id for _, person in
              certificate_store.signatures(session, story.calibration.id)}  # fmt: skip
    assert len(humans) == 3
    for form in Form:
        found = authenticate(story.files[form], trusted=[story.seal], proof=proof)
        assert found.failures == ()
        if found.says is not None:
            assert [(row.value, row.expanded_uncertainty) for row in found.says.results()] == [
                (f"{row.estimate:f}", f"{row.expanded_uncertainty:f}") for row in rows
            ]
            assert len({who.description for who in found.says.persons}) == 3


def test_a_gauge_over_its_limit_gets_a_notice_and_no_date(demo, engine, keys, seals):
    told = {**demo.data["story"], "points": [dict(p) for p in demo.data["story"]["points"]]}
    told["points"][2]["down_after_tapping"] = 0.83
    failing = type(demo)({**demo.data, "story": told}, None)

    story = live(failing, engine, keys=keys, seals=seals, today=demo.as_of, url=URL)

    assert story.result.verdict is Verdict.FAIL
    assert story.content.kind == "verification_rejection"
    assert story.content.valid_until is None
    assert [check.title.zh for check in story.result.failed_checks] == ["示值误差"]


def test_fault_f8_an_expired_standard_gives_no_certificate(demo, engine, keys, seals):
    """The steel works' standard of 2025 has expired: the chain is broken, so nothing is issued."""
    world = read_world("F8")
    assert world.fault is not None
    expected = world.fault["expect_refusal"]

    refusal = attempt(world, engine, keys=keys, seals=seals)

    assert refusal is not None
    assert [(found.flaw.value, *found.subjects) for found in refusal.breaks] == [
        (expected["type"], *map(identifier, expected["ids"]))
    ]
    with TenantSession(engine, identifier("STL"), read_only=True) as session:
        made = session.exec(select(Certificate).where(Certificate.issuer_id == identifier("STL")))
        recorded = session.get(Calibration, (identifier("STL"), identifier(expected["ids"][0])))
        assert all(row.number.count("-") == 2 for row in made.all())  # only those carried over
        assert recorded is not None
