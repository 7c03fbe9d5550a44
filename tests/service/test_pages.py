"""Somebody walks through the pages of the demonstration, on both engines.

It is 21 November 2026. The power plant (TPP) is looked at as its first metrologist; the gauge of
the story carries the serial number 0083105, and 0012847 is on two makers' gauges, one of them the
steel works'.
"""

import csv
from collections import Counter, deque
from io import BytesIO, StringIO

import pytest
from fastapi.testclient import TestClient
from pypdf import PdfReader

from service.actions import calibrations
from service.app import create_app
from service.auth import ACTING_COOKIE
from service.demo.world import identifier, moment
from service.settings import Settings
from service.tenancy import TenantSession
from service.web import addresses
from tests.service.demonstration import demonstration_client, links_of, live_story

GAUGE = identifier("TPP.PG.05")
VERIFIED_IN_JUNE = identifier("ev:TPP.PG.05:2026-06-12")
OF_THE_STEEL_WORKS = identifier("STL.PG.02")
MANY = 100  # pages, enough to reach every kind
OF_A_KIND = 10  # links a page: one list does not crowd out the others


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        yield client


def walk(client: TestClient, language: str) -> dict[str, str]:
    """Return the pages met first when every link from the home page is followed."""
    waiting, seen, pages = deque([addresses.HOME_ROUTE]), {addresses.HOME_ROUTE}, {}
    client.cookies.set("lang", language)
    while waiting and len(seen) - len(waiting) < MANY:
        address = waiting.popleft()
        answer = client.get(address)
        assert answer.status_code == 200, address
        if answer.headers["content-type"].startswith("text/html"):
            pages[address] = answer.text
            met: Counter[str] = Counter()
            new = []
            for link in dict.fromkeys(links_of(answer.text, address)):
                met[kind := link.split("/")[1].split("?")[0]] += 1
                if link not in seen and "lang=" not in link and met[kind] <= OF_A_KIND:
                    new.append(link)
            waiting.extend(new)
            seen.update(new)
    client.cookies.clear()
    return pages


def test_every_link_leads_somewhere_and_every_page_has_one_first_heading(demo, client):
    live_story(demo, client)

    pages = {language: walk(client, language) for language in ("en", "zh")}

    for language, html_language in (("en", "en"), ("zh", "zh-Hans")):
        kinds = {address.split("?")[0].split("/")[1] for address in pages[language]}
        assert kinds >= {
            "",
            "find",
            "c",
            "i",
            "calibrations",
            "due",
            "figures",
            "findings",
            "act-as",
            "api",
        }
        for address, html in pages[language].items():
            assert html.count("<h1") == 1, address
            assert f'<html lang="{html_language}"' in html, address


def test_the_storys_certificate_is_found_by_serial_number_and_kept_in_every_form(demo, client):
    story = live_story(demo, client)
    number = story.certificate.number

    found = client.get("/find", params={"q": "0083105"}).text
    page = client.get(addresses.certificate(number)).text
    home = client.get("/").text

    assert addresses.certificate(number) in found
    assert found.count('href="/c/') == 9
    assert addresses.item(GAUGE) in found
    assert '<article class="certificate"' in page
    assert "Unbroken when used" in page
    assert addresses.chain(story.calibration.id) in page
    assert number in home
    assert "0012847 was given twice" in home
    assert "10 organizations · 276 items · 575 calibrations" in home
    for form, media_type in (
        ("pdf", "application/pdf"),
        ("xml", "application/xml"),
        ("json", "application/json"),
        ("proof", "text/plain; charset=utf-8"),
    ):
        file = client.get(addresses.certificate_file(number, form))
        assert file.status_code == 200
        assert file.headers["content-type"] == media_type
        assert file.headers["content-disposition"] == f'attachment; filename="{number}.{form}"'
        assert file.content == story.files[form]
    pdf = PdfReader(BytesIO(client.get(addresses.certificate_file(number, "pdf")).content))
    assert number in pdf.pages[0].extract_text()

    item = client.get(addresses.item(GAUGE)).text
    assert item.count('class="found"') == 4 * 9  # two charts, each drawn wide and narrow
    assert "at 0.8 MPa" in item
    assert "in 180 days" in item


def test_a_number_may_be_nobodys_two_makers_or_anothers(client):
    nobodys = client.get("/find", params={"q": "0083105X"})
    two_makers = client.get("/find", params={"q": "0012847"}).text
    as_typed = client.get("/find", params={"q": " \uff10083105 "}).text  # a full-width zero
    by_number = client.get("/find", params={"q": "stl-2026-00016"}).text
    nothing_asked = client.get("/find", params={"q": "  "})

    assert nobodys.status_code == 200
    assert "Nothing here carries this number." in nobodys.text
    assert "More than one manufacturer" in two_makers
    assert "TPP-2026-00022" in two_makers
    assert "STL-2026-00016" in two_makers
    assert str(OF_THE_STEEL_WORKS) not in two_makers
    assert as_typed.count('href="/c/') == 8
    assert addresses.item(GAUGE) in as_typed
    assert "STL-2026-00016" in by_number
    assert nothing_asked.headers["location"] == "/"


def test_a_certificate_on_paper_shows_its_entry_and_leads_to_its_chain_and_item(client):
    page = client.get("/c/TPP-2026-00011")

    assert page.status_code == 200
    assert "Only the entry of this certificate is here." in page.text
    assert addresses.chain(VERIFIED_IN_JUNE) in page.text
    assert addresses.item(GAUGE) in page.text
    assert "certificate.pdf" not in page.text
    assert client.get("/c/TPP-2026-00011/certificate.pdf").status_code == 404
    assert client.get("/c/TPP-2026-00011/certificate.exe").status_code == 404


def test_of_anothers_certificate_only_the_public_entry_is_shown(client):
    page = client.get("/c/STL-2026-00016")

    assert page.status_code == 200
    assert "Valid" in page.text
    assert "/calibrations/" not in page.text
    assert "/i/" not in page.text


@pytest.mark.parametrize(
    ("theirs", "nobodys"),
    [
        (addresses.item(OF_THE_STEEL_WORKS), addresses.item(identifier("nobody"))),
        (
            addresses.chain(identifier("ev:STL.PG.02:2026-10-05")),
            addresses.chain(identifier("nobody")),
        ),
        ("/c/STL-2026-00016/certificate.json", "/c/NOBODY-2026-00001/certificate.json"),
    ],
)
def test_what_is_anothers_answers_as_what_does_not_exist(client, theirs, nobodys):
    answers = client.get(theirs), client.get(nobodys)

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text


def test_the_chain_is_told_on_a_day_and_drawn_with_the_levels_of_the_ledger(client):
    address = addresses.chain(VERIFIED_IN_JUNE)

    today = client.get(address)
    later = client.get(address, params={"on": "2027-09-01"}).text
    drawing = client.get(f"{address}.svg", params={"on": "2027-09-01"})
    unreadable = client.get(address, params={"on": "soon"})

    assert today.status_code == 200
    assert "Working measuring instrument" in today.text
    assert "NIM-2010-00001" in today.text
    assert "4 links not valid" in later
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert drawing.text.startswith("<svg")
    assert unreadable.status_code == 422
    assert "<h1>The request cannot be read</h1>" in unreadable.text
    assert ">on<" in unreadable.text


def test_the_due_list_filters_sorts_turns_pages_and_is_a_file(client):
    def listed(**asked):
        page = client.get("/due", params=asked)
        assert page.status_code == 200
        return [link for link in links_of(page.text, "/due") if link.startswith("/i/")]

    first, second = listed(), listed(page=2)
    rows = list(csv.DictReader(StringIO(client.get("/due.csv").content.decode("utf-8-sig"))))
    soon = list(csv.DictReader(
        StringIO(client.get("/due.csv?status=within+30+days").content.decode("utf-8-sig"))
    ))  # fmt: skip

    assert len(first) == 50
    assert len(second) == len(rows) - 50 == 35
    assert not set(first) & set(second)
    assert listed(page=99) == second
    assert [row["due_on"] for row in rows] == sorted(row["due_on"] for row in rows)
    assert len(listed(status="within 30 days")) == len(soon) == 5
    assert {int(row["days_left"]) <= 30 for row in soon} == {True}
    assert listed(q="0083105") == [addresses.item(GAUGE)]
    assert listed(q="no such thing") == []
    assert listed(sort="serial", descending=1) == listed(sort="serial", descending=1, page=1)
    assert listed(sort="serial")[0] != listed(sort="serial", descending=1)[0]
    assert client.get("/due", params={"status": "whenever"}).status_code == 422
    assert client.get("/due", params={"page": 0}).status_code == 422


def test_a_withdrawn_standard_is_found_in_every_book_and_linked_in_the_own(demo, client):
    """The calibration of the piston gauge that many chains of the province rest on is withdrawn."""
    clean = client.get("/findings").text
    piston_gauge = next(row for row in demo.data["events"] if row["certificate_number"]
                   == "NIM-2025-00011")  # fmt: skip
    state = client.app.state
    with (
        TenantSession(state.engine, identifier(piston_gauge["receiver"])) as session,
        session.begin(),
    ):
        calibrations.end(
            session, identifier(piston_gauge["id"]), reason="a mistake",
            actor_id=identifier("person:NIM:1"), now=moment(demo.as_of, 9),
        )  # fmt: skip

    found = client.get("/findings").text

    assert "No findings" in clean
    assert "276 items · 574 calibrations and verifications · 572 references" in clean
    assert "Reference withdrawn after use" in found
    sentences = found.split('<ol class="findings">')[1].split("<li>")[1:]
    linked = ["/calibrations/" in sentence for sentence in sentences]
    assert 0 < sum(linked) < len(linked)
    chains = [link for link in links_of(found, "/findings") if link.startswith("/calibrations/")]
    assert {client.get(link).status_code for link in chains} == {200}


def test_the_demonstration_is_looked_at_as_somebody_else(client):
    chooser = client.get("/act-as", headers={"referer": "http://testserver/due"}).text
    steel_worker = str(identifier("person:STL:1"))

    answer = client.post("/act-as", data={"person_id": steel_worker, "back": "/due"})

    assert chooser.count('name="person_id"') == 36
    assert chooser.count('aria-current="true"') == 1
    assert 'name="back" value="/due"' in chooser
    assert answer.status_code == 303
    assert answer.headers["location"] == "/due"
    assert "steel works" in client.get("/due").text
    assert client.get(addresses.item(OF_THE_STEEL_WORKS)).status_code == 200
    assert client.get(addresses.item(GAUGE)).status_code == 404


@pytest.mark.parametrize(
    "back", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/i/x"]
)
def test_a_change_of_person_leads_nowhere_but_to_pages_that_all_may_open(client, back):
    who = {"person_id": str(identifier("person:NIM:1")), "back": back}

    assert client.post("/act-as", data=who).headers["location"] == "/"


def test_nobody_becomes_a_person_who_is_not_there(client):
    unknown = client.post("/act-as", data={"person_id": str(identifier("person:TPP:99"))})
    nowhere = f"{identifier('TPP')}.{identifier('person:STL:1')}"  # of another organization
    client.cookies.set(ACTING_COOKIE, nowhere)

    assert unknown.status_code == 404
    assert client.get(addresses.item(GAUGE)).status_code == 200  # as who is there by default


def test_without_a_demonstration_only_what_is_public_is_shown(demo, database, keys, tmp_path):
    settings = Settings(database_url=database.application, lookup_key_file=tmp_path / "lookup-key")
    app = create_app(settings)
    app.state.keys = keys
    client = TestClient(app, headers={"accept": "text/html"}, follow_redirects=False)

    shown = {
        address: client.get(address).status_code
        for address in ("/", "/find?q=0083105", "/c/TPP-2026-00011", "/due", "/findings",
                        addresses.item(GAUGE), "/c/TPP-2026-00011/certificate.pdf", "/act-as")
    }  # fmt: skip
    entry = client.get("/c/TPP-2026-00011").text
    app.state.engine.dispose()

    assert list(shown.values()) == [200, 200, 200, 401, 401, 401, 401, 404]
    assert str(VERIFIED_IN_JUNE) not in entry
    assert "Demonstration</b>" not in entry
