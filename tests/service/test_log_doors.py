"""The log over HTTP: whoever asks, without a log-in, gets what can be checked offline."""

import pytest
from fastapi.testclient import TestClient

from certificates.log import LogEntry, MerkleLog
from certificates.log_files import ConsistencyFile, InclusionFile, open_checkpoint
from certificates.signer import read_certificates
from service.app import create_app
from service.settings import Settings
from tests.conftest import KEYS


@pytest.fixture
def client(database, tmp_path, story):
    settings = Settings(database_url=database.application, lookup_key_file=tmp_path / "lookup-key")
    app = create_app(settings)
    app.state.keys = KEYS
    yield TestClient(app)
    app.state.engine.dispose()


def test_anyone_checks_the_log_from_what_it_tells(client, story):
    trusted = read_certificates(client.get("/v1/logs/LAB/seals").content)
    checkpoint, by = open_checkpoint(client.get("/v1/logs/LAB/checkpoint").text, trusted)
    entries = client.get("/v1/logs/LAB/entries").json()
    proof = client.get(f"/v1/logs/LAB/inclusion-proofs/{story.number}")
    grown = client.get("/v1/logs/LAB/consistency-proof", params={"from_size": 1})

    assert by in trusted
    tree = MerkleLog(LogEntry.parse(row["entry"].encode()).leaf() for row in entries)
    assert (tree.size, tree.root()) == (checkpoint.size, checkpoint.root)
    assert InclusionFile.parse(proof.text).check(trusted) == checkpoint
    assert ConsistencyFile.parse(grown.text).check(checkpoint, trusted) == checkpoint
    assert proof.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_page_of_a_certificate_leads_to_its_proof_and_its_seal(client, story):
    page = client.get(f"/c/{story.number}", headers={"accept": "text/html"}).text

    assert f'href="/v1/logs/LAB/inclusion-proofs/{story.number}"' in page
    assert 'href="/v1/logs/LAB/seals"' in page


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("NOBODY/checkpoint", 404),
        ("%00/checkpoint", 422),
        ("LAB/inclusion-proofs/%00", 422),
        ("ENT/checkpoint", 404),
        ("LAB/inclusion-proofs/LAB-2026-09999-X", 404),
        ("LAB/inclusion-proofs/{number}?event=voided", 404),
        ("LAB/inclusion-proofs/{number}?event=lost", 422),
        ("LAB/consistency-proof?from_size=2", 404),
        ("LAB/consistency-proof?from_size=0", 422),
        ("LAB/entries?limit=1001", 400),
    ],
)
def test_what_is_not_there_is_a_problem_document(client, story, address, status):
    answer = client.get(f"/v1/logs/{address.format(number=story.number)}")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
