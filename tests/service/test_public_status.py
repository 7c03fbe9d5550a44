"""Anyone asks where a certificate stands, and whether a file is the issued one; nobody logs in.

LAB issued ENT's meter a certificate on 1 March 2026. The certificate of the demonstration's gauge
carries the code that its QR code tells.
"""

import json
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from pypdf import PdfReader, PdfWriter
from sqlalchemy import event

from certificates.seal import sha256_hex
from service.actions import revisions
from service.app import create_app
from service.demo.world import identifier
from service.settings import Settings
from service.store import certificates as store
from service.tenancy import TenantSession
from service.throttle import LOOK_UPS
from tests.seals import SEALS
from tests.service.books import ACTOR, KEYS

LATER = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.fixture
def anyone(database, tmp_path):
    """Somebody without a log-in, on 1 July 2026."""
    settings = Settings(
        database_url=database.application,
        lookup_key_file=tmp_path / "lookup-key",
        demonstration_today=date(2026, 7, 1),
    )
    app = create_app(settings)
    app.state.keys = KEYS
    yield TestClient(app)
    app.state.engine.dispose()


def status(client, number, **asked):
    answer = client.get(f"/v1/certificates/{number}/status", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- Where it stands


def test_a_number_is_told_without_a_log_in_and_never_its_customer(anyone, story):
    told = status(anyone, story.number)

    assert told["status"] == "valid"
    assert told["number"] == story.number
    assert told["issuer_en"] == "Lab"
    assert "Ent" not in json.dumps(told)
    assert "SN meter" not in json.dumps(told)
    assert told["paper"] is None


def test_it_stood_otherwise_on_another_day(anyone, open_as, story):
    with open_as("LAB") as session, session.begin():
        revisions.withdraw(
            session, story.certificate, reason="the standard was out of tolerance",
            actor_id=ACTOR, seals=SEALS, now=LATER,
        )  # fmt: skip

    days = ("2026-02-28", "2026-03-01", "2026-05-31", "2026-06-01", "2028-01-01")
    told = [status(anyone, story.number, on=day)["status"] for day in days]

    assert told == ["not_yet_issued", "valid", "valid", "withdrawn", "withdrawn"]
    assert status(anyone, story.number)["since"] == "2026-06-01"


def test_an_unknown_number_is_told_as_unknown(anyone, story):
    told = status(anyone, "LAB-2026-99999-A")
    page = anyone.get("/c/LAB-2026-99999-A", headers={"accept": "text/html"})

    assert told["status"] == "unknown"
    assert told["issuer_en"] is None
    assert page.status_code == 404
    assert "No certificate of this number was issued here." in page.text


def test_a_number_is_found_as_people_type_it(anyone, story):
    typed = story.number.replace("-", " ").replace("0", "O").lower().replace("lab", "ｌab")

    assert status(anyone, typed)["number"] == story.number
    assert status(anyone, "1" + story.number[1:])["number"] == story.number  # 1 for L


def test_of_a_foreign_book_no_more_is_told_than_of_none(plant):
    """Not yours and not there: the same answer, after the same questions to the database."""
    client, _ = plant
    theirs, nobodys = "STL-2026-00016", "STL-2026-99999"

    one, asked_of_one = answered(client, f"/v1/certificates/{theirs}")
    other, asked_of_other = answered(client, f"/v1/certificates/{nobodys}")

    assert one.status_code == other.status_code == 404
    assert one.json().keys() == other.json().keys()
    assert one.text.replace(theirs, "") == other.text.replace(nobodys, "")
    assert asked_of_one == asked_of_other != []


def answered(client, address):
    """Return the answer of an address, and the statements that were run for it."""
    statements = []

    def remember(_connection, _cursor, statement, *_):
        statements.append(statement)

    engine = client.app.state.engine
    event.listen(engine, "before_cursor_execute", remember)
    try:
        return client.get(address, headers={"accept": "application/json"}), statements
    finally:
        event.remove(engine, "before_cursor_execute", remember)


# --- Who holds the paper


def test_the_code_of_the_qr_code_shows_the_results_to_compare(plant):
    client, story = plant
    address = story.content.verification_url
    number, _, code = address.rpartition("/c/")[2].partition("?code=")

    page = client.get(address.removeprefix("http://testserver")).text
    told = status(client, number, code=f"{code[:6]}-{code[6:].upper()}")
    without, wrong = status(client, number), status(client, number, code="0123456789ab")

    assert len(code) == 12
    pages = PdfReader(BytesIO(story.files["pdf"])).pages
    assert code in "".join(page.extract_text() for page in pages).replace("\n", "")
    assert told["code_is_right"] is True
    assert [row["estimate"] for row in told["paper"]["results"]] == [
        row.estimate for row in story.content.results
    ]
    assert told["paper"]["serial_number"] == "0083105"
    assert (without["code_is_right"], without["paper"]) == (None, None)
    assert (wrong["code_is_right"], wrong["paper"]) == (False, None)
    assert '<article class="certificate"' in page


def test_a_code_copied_from_another_paper_is_told(plant, tmp_path):
    client, story = plant
    code = story.content.verification_url.rpartition("=")[2]
    url = client.app.state.settings.database_url
    app = create_app(Settings(database_url=url, lookup_key_file=tmp_path / "key"))
    app.state.keys = KEYS
    anyone = TestClient(app, headers={"accept": "text/html"})

    genuine = anyone.get(f"/c/{story.certificate.number}?code={code}").text
    forged = anyone.get(f"/c/{story.certificate.number}?code={code[::-1]}").text
    app.state.engine.dispose()

    assert "What the paper must say" in genuine
    assert story.content.results[0].estimate in genuine
    assert story.content.customer.name_en not in genuine.replace(
        story.content.laboratory.name_en, ""
    )
    assert "The code does not belong to this certificate." in forged
    assert "What the paper must say" not in forged


# --- Who holds a file


def send(client, address="/v1/certificates/authentications", **form):
    return client.post(address, **form, headers={"accept": "application/json"})


def judge(client, document):
    answer = send(client, files={"file": ("certificate", document)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_issued_file_is_recognized_by_its_bytes_or_its_digest(plant):
    client, story = plant

    for form, document in story.files.items():
        told = judge(client, document)
        by_digest = send(client, data={"sha256": sha256_hex(document).upper()}).json()

        assert told["finding"] == "issued", form
        assert told["certificate"]["number"] == story.certificate.number
        assert told["certificate"]["status"] == "valid"
        assert by_digest["finding"] == "issued"


def test_an_altered_file_says_whose_number_it_carries(plant):
    client, story = plant
    xml = story.files["xml"].replace(b"0083105", b"0083106")
    saved_anew = BytesIO()
    PdfWriter(clone_from=PdfReader(BytesIO(story.files["pdf"]))).write(saved_anew)
    content = json.dumps(json.loads(story.files["json"]), indent=1).encode()

    for document in (xml, saved_anew.getvalue(), content):
        told = judge(client, document)

        assert told["finding"] == "altered"
        assert told["certificate"]["number"] == story.certificate.number


def test_what_is_not_ours_is_not_known(plant):
    client, _ = plant

    for document in (b"%PDF-1.7 nothing", b"{" * 100_000, b"\x00", b"<a/>", b"hello"):
        assert judge(client, document) | {"sha256": ""} == {
            "sha256": "", "finding": "unknown", "certificate": None,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "refused"),
    [
        ({}, 422),
        ({"data": {"sha256": "abc"}}, 422),
        ({"content": b"no form"}, 422),
        ({"files": {"file": ("big", b"x" * (33 * 2**20))}}, 413),
        ({"files": [("file", ("a", b"1")), ("file", ("b", b"2"))]}, 422),
    ],
    ids=["nothing", "no digest", "no form", "too large", "two files"],
)
def test_what_cannot_be_judged_is_refused(plant, form, refused):
    client, _ = plant

    assert send(client, **form).status_code == refused
    assert send(client, "/authenticate", **form).status_code == refused


# The last that asks of the plant: it withdraws the certificate.
def test_a_withdrawn_certificates_file_is_authentic_still(plant):
    client, story = plant
    with TenantSession(client.app.state.engine, identifier("TPP")) as session, session.begin():
        revisions.withdraw(
            session, story.certificate.id, reason="misread", actor_id=ACTOR, seals=SEALS,
            now=store.status(session, story.certificate.id).recorded_at + timedelta(hours=1),
        )  # fmt: skip

    told = judge(client, story.files["pdf"])
    page = client.post("/authenticate", files={"file": ("x.pdf", story.files["pdf"])}).text

    assert (told["finding"], told["certificate"]["status"]) == ("issued", "withdrawn")
    assert "Authentic, but: Withdrawn" in page


# --- How often


def test_who_asks_without_end_is_made_to_wait(anyone, story):
    most = LOOK_UPS.amount
    address = f"/v1/certificates/{story.number}/status"

    answers = [anyone.get(address) for _ in range(most + 1)]
    page = anyone.get(f"/c/{story.number}", headers={"accept": "text/html"})
    refused = answers[-1]

    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert refused.status_code == page.status_code == 429
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert 0 < int(refused.headers["retry-after"]) <= 60
