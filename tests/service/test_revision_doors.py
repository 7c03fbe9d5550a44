"""Certificates are amended, withdrawn, bundled and taken in by API, page and command.

The story's certificate of the power plant is amended by three of its people; then it is bundled
and taken into the steel works' book.
"""

import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from certificates.errors import DccUnreadable
from service.actions import items
from service.auth import ACTING_COOKIE
from service.cli import app as command_line
from service.demo.world import identifier, moment
from service.exchange.bundles import bundled_dcc, zipped
from service.store import calibrations as calibration_store
from service.store import documents as document_store
from service.store import items as item_store
from service.store import people as people_store
from service.tenancy import TenantSession
from tests.service.books import ACTOR

JSON = {"accept": "application/json"}
WHY = {"reason_zh": "出厂编号抄录错误", "reason_en": "serial number misread"}


def act_as(client, story, meaning):
    person = story.signatories[meaning]
    client.cookies.set(ACTING_COOKIE, f"{person.organization_id}.{person.id}")


# --- The API


def test_three_people_amend_a_certificate_by_api(plant):
    client, story = plant
    number = story.certificate.number
    address = f"/v1/certificates/{number}/amendments"
    act_as(client, story, "calibrated")

    proposed = client.post(
        address, json=WHY | {"corrections": {"item.serial_number": "0083106"}}, headers=JSON
    )
    id_ = proposed.json()["id"]
    answers = []
    for meaning in ("calibrated", "checked", "approved"):
        act_as(client, story, meaning)
        signed = client.post(f"{address}/{id_}/signatures", json={"meaning": meaning}, headers=JSON)
        assert signed.status_code == 201, signed.text
        answers.append(signed.json())
    client.cookies.clear()

    assert proposed.status_code == 201, proposed.text
    assert proposed.json()["changes"] == [
        {"field": "item.serial_number", "before": "0083105", "after": "0083106"}
    ]
    assert [answer["missing"] for answer in answers] == [
        ["checked", "approved"], ["approved"], [],
    ]  # fmt: skip
    issued = answers[-1]["issued_number"]
    old = client.get(f"/v1/certificates/{number}/status").json()
    new = client.get(f"/v1/certificates/{issued}", headers=JSON).json()
    assert (old["status"], old["replaced_by"]) == ("amended", issued)
    assert new["item"]["serial_number"] == "0083106"
    assert new["amends"]["number"] == number
    found = client.get("/v1/certificates", params={"serial_number": "0083106"}).json()
    assert [row["number"] for row in found] == [issued]
    xml = client.get(f"/v1/certificates/{issued}", headers={"accept": "application/xml"}).text
    assert "<dcc:typeOfChange>substituted</dcc:typeOfChange>" in xml
    assert f"<dcc:replacedUniqueIdentifier>{number}<" in xml


def test_the_old_file_is_told_as_replaced(plant):
    client, story = plant

    page = client.post("/authenticate", files={"file": ("a.pdf", story.files["pdf"])}).text

    assert "Authentic, but: Amended" in page
    assert "Replaced by" in page


def test_what_was_amended_is_not_amended_again(plant):
    client, story = plant
    address = f"/v1/certificates/{story.certificate.number}"

    again = client.post(
        address + "/amendments", json=WHY | {"corrections": {"item.name_en": "x"}}, headers=JSON
    )
    both = client.post(address + "/amendments", json=WHY, headers=JSON)
    theirs = client.post(
        "/v1/certificates/STL-2026-00016/withdrawal", json={"reason": "x"}, headers=JSON
    )

    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-amended")
    assert both.status_code == 422
    assert theirs.status_code == 404


def test_a_certificate_on_paper_is_withdrawn_and_another_voided(plant):
    client, _ = plant
    reason = {"reason": "the standard was out of tolerance"}

    withdrawn = client.post("/v1/certificates/TPP-2026-00011/withdrawal", json=reason, headers=JSON)
    voided = client.post("/v1/certificates/TPP-2026-00012/voiding", json=reason, headers=JSON)
    twice = client.post("/v1/certificates/TPP-2026-00011/voiding", json=reason, headers=JSON)

    assert (withdrawn.status_code, withdrawn.json()["status"]) == (201, "withdrawn")
    assert (voided.status_code, voided.json()["status"]) == (201, "voided")
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/already-withdrawn")
    assert client.get("/v1/certificates/TPP-2026-00012/status").json()["status"] == "voided"


# --- The page


def test_the_page_proposes_what_was_changed_and_shows_what_is_wrong(plant):
    client, story = plant
    issued = client.get(f"/v1/certificates/{story.certificate.number}/status").json()["replaced_by"]
    act_as(client, story, "calibrated")

    page = client.get(f"/c/{issued}").text
    nothing = client.post(
        f"/revisions/{issued}/amendments", data=WHY | {"item.serial_number": "0083106"}
    )
    proposed = client.post(
        f"/revisions/{issued}/amendments", data=WHY | {"item.type_designation": "Y-100"}
    )
    shown = client.get(f"/revisions/{issued}").text
    no_reason = client.post(f"/revisions/{issued}", data={"action": "void", "reason": " "})
    client.cookies.clear()

    assert f'href="/revisions/{issued}"' in page
    assert nothing.status_code == 422
    assert "nothing differs" in nothing.text
    assert proposed.status_code == 303
    assert "type Y-150 → Y-100" in shown
    assert "Sign: Approved by" in shown
    assert no_reason.status_code == 422


# --- The bundle


def test_a_bundle_carries_every_file_the_chain_and_the_seals(plant):
    client, story = plant
    number = story.certificate.number
    address = f"/v1/certificates/{number}/bundle"

    first, again = client.get(address), client.get(address)

    with ZipFile(BytesIO(first.content)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert first.headers["content-type"] == "application/zip"
    assert first.content == again.content
    assert {name: held[name] for name in held if name.startswith(number)} == {
        f"{number}.{form}": document for form, document in story.files.items()
    }
    assert b"BEGIN CERTIFICATE" in held["seals.pem"]
    assert json.loads(held["chain.json"])["unbroken"] is True
    assert b"suyuan authenticate" in held["README.txt"]
    assert client.get("/v1/certificates/STL-2026-00016/bundle").status_code == 404


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": b"x"},
        {"a.xml": b"x", "b.xml": b"y"},
        {"a.xml": b"0" * 40 * 2**20},
        {f"{n}.txt": b"" for n in range(60)} | {"a.xml": b"x"},
    ],
    ids=["none", "two", "large", "many"],
)
def test_what_is_no_bundle_is_refused(files):
    with pytest.raises(DccUnreadable):
        bundled_dcc(zipped(files))


def test_a_torn_bundle_is_refused():
    with pytest.raises(DccUnreadable):
        bundled_dcc(zipped({"a.xml": b"x"})[:40])


# --- Commands


@pytest.fixture
def at_the_machine(plant, tmp_path, monkeypatch):
    """The operator's terminal, on the plant's database."""
    client, story = plant
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUYUAN_DATABASE_URL", client.app.state.settings.database_url)
    (tmp_path / "suyuan.lookup-key").write_text(client.app.state.keys.secret.hex())
    return SimpleNamespace(client=client, story=story, folder=tmp_path)


def run(*arguments):
    return CliRunner().invoke(command_line, arguments)


def test_a_bundle_is_taken_in_by_another_organization(at_the_machine):
    client, story = at_the_machine.client, at_the_machine.story
    number = story.certificate.number
    file = Path("bundle.zip")
    file.write_bytes(client.get(f"/v1/certificates/{number}/bundle").content)
    engine = client.app.state.engine
    with TenantSession(engine, identifier("STL"), read_only=True) as session:
        person = str(people_store.of_organization(session)[0].id)
    with TenantSession(engine, identifier("TPP"), read_only=True) as session:
        gauge = item_store.get(session, identifier("TPP.PG.05"))
        facts = gauge.model_dump(exclude={"organization_id", "id", "recorded_at", "customer_id"})
    with TenantSession(engine, identifier("STL")) as session, session.begin():
        items.register(session, actor_id=ACTOR, now=moment("2026-11-21", 19), **facts)

    arguments = ("certificate", "import", "bundle.zip", "--organization", "STL", "--as", person)
    dry, taken = run(*arguments, "--dry-run"), run(*arguments, "--recognized")
    again = run(*arguments)

    assert dry.exit_code == 0, dry.output
    assert taken.exit_code == 0, taken.output
    assert again.exit_code == 1
    with TenantSession(engine, identifier("STL"), read_only=True) as session:
        row = calibration_store.get(session, UUID(taken.stdout.strip().splitlines()[-1]))
        document = document_store.document_of(session, row.id)
        results = calibration_store.results(session, row.id)
        assert (row.certificate_number, row.source) == (number, "external")
        assert document is not None
        assert document.content == file.read_bytes()
        assert [str(result.estimate) for result in results] == [
            result.estimate for result in story.content.results
        ]


def test_an_amendment_is_proposed_at_the_terminal(at_the_machine):
    number = at_the_machine.client.get(
        f"/v1/certificates/{at_the_machine.story.certificate.number}/status"
    ).json()["replaced_by"]
    why = ("--reason-zh", "笔误", "--reason-en", "slip of the pen")
    person = str(at_the_machine.story.signatories["checked"].id)
    typed = number.lower().replace("-", " ")

    proposed = run("certificate", "amend", typed, "--set", "item.name_en=gauge", *why,
                   "--as", person)  # fmt: skip
    wrong = run("certificate", "amend", typed, "--set", "results=x", *why, "--as", person)
    neither = run("certificate", "amend", typed, *why)

    assert proposed.exit_code == 0, proposed.output
    assert UUID(proposed.stdout.strip().splitlines()[0])
    assert wrong.exit_code == 1
    assert neither.exit_code == 2
