"""LAB amends a certificate by its doors; ENT takes the notice in by its own, and holds both.

Both organizations keep their books in one service, whose people are chosen by cookie.
"""

import json
import shutil
from datetime import date
from io import BytesIO
from uuid import UUID
from zipfile import ZipFile

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session

from service.actions import organizations
from service.app import create_app
from service.auth import ACTING_COOKIE
from service.rendering import renderer
from service.settings import Settings
from service.store import calibrations as calibration_store
from service.store import documents as document_store
from tests.seals import SEALS
from tests.service import books
from tests.service.books import ACTOR, KEYS, NOW

WHY = {"reason_zh": "出厂编号抄录错误", "reason_en": "serial number misread"}
TYPES = {
    "application/json": "json", "application/pdf": "pdf", "application/xml": "xml",
    "text/html": "html", "text/plain": "proof",
}  # fmt: skip


@pytest.fixture
def client(database, tmp_path, story, names):
    """The service as everyone reaches it, on 1 July 2026."""
    settings = Settings(
        database_url=database.application,
        lookup_key_file=tmp_path / "lookup-key",
        demonstration_person=story.people["approved"].id,
        demonstration_organization=names.LAB,
        demonstration_today=date(2026, 7, 1),
    )
    app = create_app(settings)
    app.state.keys, app.state.seals = KEYS, SEALS
    yield TestClient(app, headers={"accept": "application/json"}, follow_redirects=False)
    app.state.engine.dispose()


@pytest.fixture
def keepers(owner, open_as):
    """Who keeps the books of ENT and of OTH."""
    with Session(owner) as session, session.begin():
        humans = {code: organizations.create_identity(session, now=NOW) for code in ("ENT", "OTH")}
    found = {}
    for code, human in humans.items():
        with open_as(code) as session, session.begin():
            session.expire_on_commit = False
            found[code] = organizations.add_person(
                session, human, name_zh="管理员", name_en="Keeper", role="administrator",
                authorised={}, actor_id=ACTOR, now=NOW,
            )  # fmt: skip
    return found


@pytest.fixture
def acting(client, story, keepers):
    """Let somebody act: who signs in LAB by what they sign, who keeps a book by its code."""

    def choose(name):
        person = {**story.people, **keepers}[name]
        client.cookies.set(ACTING_COOKIE, f"{person.organization_id}.{person.id}")
        return client

    return choose


def amend(acting, number, corrections) -> str:
    """Let three of LAB's people amend a certificate; return the number in its place."""
    address = f"/v1/certificates/{number}/amendments"
    proposed = acting("calibrated").post(address, json=WHY | {"corrections": corrections})
    assert proposed.status_code == 201, proposed.text
    for meaning in ("calibrated", "checked", "approved"):
        signed = acting(meaning).post(
            f"{address}/{proposed.json()['id']}/signatures", json={"meaning": meaning}
        )
        assert signed.status_code == 201, signed.text
    issued: str = signed.json()["issued_number"]
    return issued


@pytest.fixture
def amended(acting, story):
    """The number of the certificate that is in the place of the one that ENT was sent."""
    return amend(acting, story.number, {"item.serial_number": "SN motor"})


def take_in(client) -> list[str]:
    """Take in what waits, the oldest first; return what kinds of notices they were."""
    waiting = [row for row in client.get("/v1/notices").json() if row["taken_in_at"] is None]
    for row in reversed(waiting):
        answer = client.post(f"/v1/notices/{row['id']}/receipt")
        assert answer.status_code == 201, answer.text
    return [row["content"]["kind"] for row in reversed(waiting)]


def files(client, number) -> dict[str, bytes]:
    """Return every form of a certificate that the book holds."""
    answers = {
        form: client.get(f"/v1/certificates/{number}", headers={"accept": media_type})
        for media_type, form in TYPES.items()
    }
    return {form: a.content for form, a in answers.items() if a.status_code == 200}


def test_the_holder_has_both_certificates_with_every_file(acting, story, amended):
    issued = {number: files(acting("approved"), number) for number in (story.number, amended)}

    kinds = take_in(acting("ENT"))

    held = {number: files(acting("ENT"), number) for number in (story.number, amended)}
    assert kinds == ["amended"]
    assert held == issued
    assert issued[amended].keys() == set(TYPES.values())
    assert json.loads(held[amended]["json"])["amends"]["number"] == story.number


def test_the_holders_pages_lead_from_one_to_the_other(acting, story, amended):
    client = acting("ENT")
    page = {"accept": "text/html", "accept-language": "en"}
    (notice,) = client.get("/v1/notices").json()
    before = client.get(f"/notices/{notice['id']}", headers=page).text
    assert client.post(f"/notices/{notice['id']}/receipt").status_code == 303

    old = client.get(f"/c/{story.number}", headers=page).text
    new = client.get(f"/c/{amended}", headers=page).text

    assert "comes with it, with all its files" in before
    assert f'Replaced by <a class="code" href="/c/{amended}">' in before
    assert f'Replaced by <a class="code" href="/c/{amended}">' in old
    assert f'In the place of <a class="code" href="/c/{story.number}">' in new
    assert f'href="/c/{amended}/certificate.pdf"' in new


def test_a_withdrawal_of_the_amended_one_reaches_the_holder(acting, story, amended):
    withdrawn = acting("approved").post(
        f"/v1/certificates/{amended}/withdrawal", json={"reason": "the standard drifted"}
    )
    assert withdrawn.status_code == 201, withdrawn.text

    kinds = take_in(acting("ENT"))

    page = acting("ENT").get(f"/c/{amended}", headers={"accept": "text/html"}).text
    assert kinds == ["amended", "withdrawn"]
    assert "the standard drifted" in page
    assert files(acting("ENT"), amended).keys() == set(TYPES.values())


def test_who_holds_neither_finds_neither(acting, amended):
    client = acting("OTH")

    assert client.get(f"/v1/certificates/{amended}").status_code == 404
    assert client.get("/v1/notices").json() == []


def bundle(client, number):
    answer = client.get(f"/v1/certificates/{number}/bundle")
    assert answer.status_code == 200, answer.text
    return answer.content


def files_in(zipped: bytes, number: str) -> dict[str, bytes]:
    """Return the forms of the certificate in its bundle."""
    with ZipFile(BytesIO(zipped)) as archive:
        return {
            name.rpartition(".")[2]: archive.read(name)
            for name in archive.namelist()
            if name.startswith(number)
        }


def test_bundles_go_into_another_book_and_the_amended_certificate_supersedes_the_other(
    acting, open_as, amended
):
    """Amended twice: LAB's and ENT's bundles hold the same files, and OTH enters one after the
    other as certificates from elsewhere."""
    again = amend(acting, amended, {"item.type_designation": "Y-100"})
    take_in(acting("ENT"))
    bundles = {number: bundle(acting("ENT"), number) for number in (amended, again)}
    for number, zipped in bundles.items():
        assert files_in(zipped, number) == files(acting("approved"), number)
        assert files_in(zipped, number) == files_in(bundle(acting("approved"), number), number)
    with open_as("OTH") as session, session.begin():
        item = books.register(session, "meter", serial_number="SN motor").id

    client, entered, seen = acting("OTH"), {}, {}
    for number, zipped in bundles.items():
        received = client.post("/v1/received-documents", files={"file": (f"{number}.zip", zipped)})
        seen[number] = received.json()
        answer = client.post(
            f"/v1/received-documents/{received.json()['id']}/calibrations",
            json={"item_id": str(item), "recognized": True},
        )
        assert answer.status_code == 201, answer.text
        entered[number] = UUID(answer.json()["calibration_id"])

    assert seen[again]["replaces"] == amended
    with open_as("OTH") as session:
        end = calibration_store.supersession(session, entered[amended])
        assert end is not None
        assert end.successor_id == entered[again]
        assert calibration_store.supersession(session, entered[again]) is None
        for number, zipped in bundles.items():
            document = document_store.document_of(session, entered[number])
            assert document is not None
            assert document.content == zipped
            said = json.loads(files_in(zipped, number)["json"])
            assert [
                (str(row.estimate), str(row.expanded_uncertainty), row.coverage_factor)
                for row in calibration_store.results(session, entered[number])
            ] == [
                (row["estimate"], row["expanded_uncertainty"], float(row["coverage_factor"]))
                for row in said["results"]
            ]


def test_an_amendment_that_the_schema_refuses_is_not_issued_and_says_where(
    acting, story, dcc_schemas, tmp_path
):
    """The last signature would issue it: it is not given, and the old certificate stands."""
    shutil.copytree(dcc_schemas, tmp_path / "xsd", copy_function=shutil.copyfile)
    path = tmp_path / "xsd/dcc/v3.3.0/dcc.xsd"
    path.write_text(path.read_text("utf-8").replace(r"3\.3\.0", r"9\.9\.9"), "utf-8")
    acting("approved").app.state.render = renderer(tmp_path / "xsd")

    with pytest.raises(AssertionError, match="certificate-not-valid") as refused:
        amend(acting, story.number, {"item.serial_number": "SN motor"})

    assert '"pointer":"/xml"' in str(refused.value)
    (proposal,) = acting("approved").get(f"/v1/certificates/{story.number}/amendments").json()
    assert (proposal["missing"], proposal["issued_number"]) == (["approved"], None)
    assert client_status(acting("approved"), story.number) == "valid"
    acting("approved").app.state.render = renderer(dcc_schemas)
    signed = acting("approved").post(
        f"/v1/certificates/{story.number}/amendments/{proposal['id']}/signatures",
        json={"meaning": "approved"},
    )
    assert signed.json()["issued_number"] is not None, signed.text


def client_status(client, number):
    return client.get(f"/v1/certificates/{number}/status").json()["status"]
