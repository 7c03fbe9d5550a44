"""Every kind of certificate is issued through the API, and each keeps its own rules.

The power plant's people sign; the gauge was measured against the pressure module of March.
"""

import base64
import json
from datetime import date
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from lxml import etree
from pypdf import PdfReader
from sqlmodel import select

from certificates.seal import canonical_bytes
from certificates.signer import read_certificates
from service.actions import certificates
from service.actions.calibrations import Statement
from service.demo.world import identifier, moment
from service.store import calibrations as calibration_store
from service.store import certificates as store
from service.tables.log import LogLeaf
from service.tables.operations import IdempotencyKey
from service.tenancy import TenantSession
from tests.certificates.test_agreement import Cells, numbers_in
from tests.service import books

MODULE_IN_MARCH = identifier("ev:TPP.PRES.M25:2026-03-17")
NOW = moment("2026-11-21", 17)
JSON = {"accept": "application/json"}
READINGS = {"points": books.READ, "environment": {"temperature": "20.1", "humidity": "50"}}
MATERIAL = {
    "batch": "2026-01", "version": "1", "intended_use_zh": "校准", "intended_use_en": "calibration",
    "minimum_sample_size": "0.5 g", "storage_zh": "干燥", "storage_en": "dry",
    "handling_zh": "轻放", "handling_en": "with care",
    "description_zh": "粉末", "description_en": "powder",
}  # fmt: skip
PASSED = Statement(
    decision_rule="simple_acceptance", basis="JJG 52-2013", verdict="pass", checks=()
)
FAILED_CHECK = {
    "name_zh": "示值误差", "name_en": "error", "value": "0.05", "limit": "±0.02", "unit": "MPa",
    "verdict": "fail",
}  # fmt: skip
FAILED = Statement(
    decision_rule="simple_acceptance", basis="JJG 52-2013", verdict="fail", checks=(FAILED_CHECK,)
)


def signed(plant, **said: Any) -> UUID:
    """Record work on an item of the plant, and let three people sign it."""
    client, story = plant
    with TenantSession(client.app.state.engine, identifier("TPP")) as session, session.begin():
        row = books.calibrate(
            session, "kinds", date(2026, 11, 20), books.use(reference_id=MODULE_IN_MARCH),
            now=NOW, readings=READINGS, **said,
        )  # fmt: skip
        for meaning, person in story.signatories.items():
            certificates.sign(
                session, row.id, meaning=meaning, person=person, authenticated_at=NOW, now=NOW
            )
        return row.id


def issue(plant, calibration_id: UUID, **said: Any) -> Any:
    client, _ = plant
    asked = {"calibration_id": str(calibration_id)} | said
    return client.post("/v1/certificates", json=asked, headers=JSON)


def told(plant, answer) -> Any:
    assert answer.status_code == 201, answer.text
    client, _ = plant
    return client.get(f"/v1/certificates/{answer.json()['number']}", headers=JSON).json()


def test_a_calibration_certificate_tells_a_due_date_only_where_it_is_agreed(plant):
    kind = {"kind": "calibration_certificate"}

    silent = told(plant, issue(plant, signed(plant), **kind))
    agreed = told(plant, issue(plant, signed(plant), **kind, due_date_agreed=True))

    assert silent["kind"] == agreed["kind"] == "calibration_certificate"
    assert silent["valid_until"] is None
    assert agreed["valid_until"] == "2027-12-31"
    client, _ = plant
    status = client.get(f"/v1/certificates/{silent['number']}/status").json()
    assert status["valid_until"] is None


def test_a_passed_verification_leads_to_its_certificate(plant):
    content = told(plant, issue(plant, signed(plant, kind="verification", statement=PASSED)))

    assert content["kind"] == "verification_certificate"
    assert content["conformity"]["verdict"] == "pass"
    assert content["valid_until"] == "2027-12-31"


def test_a_failed_verification_leads_to_a_notice_without_a_period_and_to_nothing_else(plant):
    id_ = signed(plant, kind="verification", statement=FAILED)

    wrong = issue(plant, id_, kind="verification_certificate")
    content = told(plant, issue(plant, id_))

    assert wrong.status_code == 409
    assert wrong.json()["type"] == "/problems/certificate-incomplete"
    assert content["kind"] == "verification_rejection"
    assert content["valid_until"] is None
    assert content["checked_items"][0]["verdict"] == "fail"


def test_a_certificate_asked_for_again_under_its_key_is_the_one_that_was_issued(plant):
    """Number, seals, leaf and the answer under the key stand in one transaction."""
    client, _ = plant
    asked = {"calibration_id": str(signed(plant)), "kind": "calibration_certificate"}
    under_key = JSON | {"idempotency-key": "issue-once"}

    first = client.post("/v1/certificates", json=asked, headers=under_key)
    again = client.post("/v1/certificates", json=asked, headers=under_key)
    otherwise = client.post("/v1/certificates", json=asked, headers=JSON)

    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert again.json() == first.json()
    assert otherwise.status_code == 409
    with TenantSession(client.app.state.engine, identifier("TPP"), read_only=True) as session:
        leaves = session.exec(select(LogLeaf).where(LogLeaf.number == first.json()["number"])).all()
        kept = session.exec(select(IdempotencyKey.key)).all()
    assert len(leaves) == 1
    assert "issue-once" in kept


def test_a_certificate_that_cannot_be_issued_leaves_nothing_under_its_key(plant):
    client, _ = plant
    asked = {"calibration_id": str(signed(plant, kind="verification", statement=FAILED)),
             "kind": "verification_certificate"}  # fmt: skip

    refused = client.post(
        "/v1/certificates", json=asked, headers=JSON | {"idempotency-key": "in-vain"}
    )

    assert refused.status_code == 409
    with TenantSession(client.app.state.engine, identifier("TPP"), read_only=True) as session:
        assert "in-vain" not in session.exec(select(IdempotencyKey.key)).all()


def test_an_internal_verification_is_recorded(plant):
    id_ = signed(plant, kind="verification", statement=PASSED)

    content = told(plant, issue(plant, id_, kind="verification_record"))

    assert content["kind"] == "verification_record"


def test_a_reference_material_is_certified_with_its_statements(plant):
    client, _ = plant
    kind = "reference_material_certificate"
    id_ = signed(plant, kind="certification", results=(books.result(measurand="value"),))

    without = issue(plant, id_, kind=kind)
    content = told(plant, issue(plant, id_, kind=kind, material=MATERIAL))
    address = f"/v1/certificates/{content['number']}/drmd"
    hidden = client.get(address, headers=JSON)
    client.app.state.settings.offer_drmd = True
    offered = client.get(address, headers=JSON)
    client.app.state.settings.offer_drmd = False

    assert without.status_code == 409
    assert without.json()["errors"][0]["pointer"] == "/material"
    assert content["customer"] is None
    assert content["material"]["batch"] == "2026-01"
    assert {row["value_status"] for row in content["results"]} == {"certified"}
    assert hidden.status_code == 406
    assert b"digitalReferenceMaterialDocument" in offered.content


def test_only_a_reference_material_carries_its_statements(plant):
    refused = issue(plant, signed(plant), kind="calibration_certificate", material=MATERIAL)

    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == "/material"


@pytest.mark.parametrize("said", [{"kind": "test_report"}, {"material": {}}, {"more": 1}])
def test_what_is_no_request_is_refused(plant, said):
    assert issue(plant, MODULE_IN_MARCH, **said).status_code == 422


def test_every_kind_carries_the_mark_of_a_demonstration(plant):
    client, story = plant

    assert story.content.demonstration
    with TenantSession(client.app.state.engine, identifier("TPP"), read_only=True) as session:
        page = store.file(session, story.certificate.id, "html")
    assert page is not None
    assert "DEMONSTRATION" in page.content.decode()


# --- The signed status


def test_a_status_is_signed_by_its_issuers_seal_and_cannot_be_changed(plant):
    client, story = plant
    seals = read_certificates(client.get("/v1/logs/TPP/seals").content)

    told_ = client.get(f"/v1/certificates/{story.certificate.number}/status?on=2027-01-01").json()
    signature = told_.pop("signature")

    (seal,) = [seal for seal in seals if seal.sha256 == signature["seal_sha256"]]
    value = base64.b64decode(signature["value"])
    plain = json.dumps(told_, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert plain == canonical_bytes(told_)
    assert seal.verifies(value, plain)
    assert not seal.verifies(value, canonical_bytes(told_ | {"status": "withdrawn"}))
    assert not seal.verifies(value, canonical_bytes(told_ | {"stated_at": "2027-01-01T00:00:00Z"}))


def test_what_nobody_issued_nobody_signs(plant):
    client, _ = plant

    told_ = client.get("/v1/certificates/TPP-2026-99999-X/status").json()

    assert (told_["status"], told_["signature"]) == ("unknown", None)


def test_the_numbers_in_every_form_are_those_of_the_book(plant):
    """Each row of results: the database, the content, the PDF, the page and the digital one."""
    client, story = plant
    with TenantSession(client.app.state.engine, identifier("TPP"), read_only=True) as session:
        book = [
            tuple(map(str, (row.nominal, row.estimate, row.expanded_uncertainty)))
            for row in calibration_store.results(session, story.calibration.id)
        ]
    pages = PdfReader(BytesIO(story.files["pdf"])).pages
    paper = "".join("".join(page.extract_text().split()) for page in pages)
    page = ["".join(row) for row in Cells(story.files["html"].decode()).rows]
    xml = etree.fromstring(story.files["xml"])

    said = [(row.nominal, row.estimate, row.expanded_uncertainty) for row in story.content.results]
    listed = numbers_in(xml, "valueXMLList")
    uncertainties = numbers_in(xml, "valueExpandedMUXMLList")

    assert len(book) == 10
    assert book == said
    for nominal, estimate, uncertainty in book:
        assert nominal + estimate + uncertainty in paper
        assert any(nominal + estimate + uncertainty in cells for cells in page)
        assert {nominal, estimate} <= set(listed)
        assert uncertainty in uncertainties
