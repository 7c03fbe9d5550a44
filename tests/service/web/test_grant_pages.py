"""The power plant's book is open to the province's regulator, on paper and on its pages.

It is 21 November 2026; each page is looked at in both languages.
"""

import pytest

from service.auth import ACTING_COOKIE
from service.demo.world import identifier
from service.web import addresses
from tests.service.demonstration import demonstration_client

PLANT = identifier("TPP")
KEEPER, INSPECTOR, SUPERVISOR = "TPP person:TPP:4", "REG person:REG:1", "REG person:REG:3"


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        yield client


def shown(client, who, path, language="en", status=200):
    organization, person = who.split(" ")
    client.cookies.set(ACTING_COOKIE, f"{identifier(organization)}.{identifier(person)}")
    answer = client.get(path, params={"lang": language})
    assert answer.status_code == status, path
    return answer.text


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("Access grants", "In force", "Findings")), ("zh", ("查阅授权", "有效", "审核发现"))],
)
def test_the_plant_sees_to_whom_its_book_is_open(client, language, words):
    page = shown(client, KEEPER, addresses.GRANTS_ROUTE, language)

    assert all(word in page for word in words)
    assert "<form" not in page.split("<main")[1]  # a ledger's keeper opens no book


@pytest.mark.parametrize(("language", "heading"), [("en", "Granted books"), ("zh", "获授权的台账")])
def test_the_inspector_reads_the_open_book_part_by_part(client, language, heading):
    page = shown(client, INSPECTOR, addresses.REGULATED_BOOKS_ROUTE, language)
    parts = {part: addresses.regulated_book(PLANT, part)
             for part in ("items", "calibrations", "certificates", "findings")}  # fmt: skip

    assert f"<h1>{heading}</h1>" in page
    assert all(address in page for address in parts.values())
    assert shown(client, INSPECTOR, parts["items"], language).count('<th scope="row">') > 10
    assert "TPP-2025-00009" in shown(client, INSPECTOR, parts["calibrations"], language)
    assert "GRID-2024-00007" in shown(client, INSPECTOR, parts["certificates"], language)
    shown(client, INSPECTOR, parts["findings"], language)


def test_who_reads_granted_books_finds_them_on_every_page(client):
    link = f'<a href="{addresses.REGULATED_BOOKS_ROUTE}"'

    assert link in shown(client, INSPECTOR, addresses.HOME_ROUTE)
    assert link not in shown(client, KEEPER, addresses.HOME_ROUTE)


def test_the_plant_reads_in_its_audit_log_who_looked(client):
    shown(client, INSPECTOR, addresses.regulated_book(PLANT, "items"))

    page = shown(client, KEEPER, addresses.AUDIT_LOG_ROUTE)

    assert "grant.used" in page
    assert "Haitao Cao" in page


def test_a_long_part_is_read_a_page_at_a_time(client):
    address = addresses.regulated_book(PLANT, "calibrations")
    first = shown(client, INSPECTOR, address)

    further = first.split('rel="next" href="')[1].split('"')[0]
    second = client.get(further).text

    rows = [set(page.split("<tbody>")[1].split("<tr>")[1:]) for page in (first, second)]
    assert rows[0] - rows[1] == rows[0]
    assert 'class="pager"' in first


def test_a_book_that_is_not_open_and_one_that_is_not_there_are_told_alike(client):
    pages = []
    for organization_id in (identifier("CEM"), identifier("nobody")):
        address = addresses.regulated_book(organization_id, "items")
        page = shown(client, INSPECTOR, address, status=404)
        pages.append(page.replace(str(organization_id), ""))

    assert pages[0] == pages[1]


def test_a_regulator_opens_no_book_to_itself(client):
    """The regulator's supervisor, who alone may here, finds nobody but itself to open a book to."""
    page = shown(client, SUPERVISOR, addresses.GRANTS_ROUTE)
    assert "No regulator has an account here." in page
    form = {"grantee_id": str(identifier("REG")), "until": "2026-12-31", "reason": "x",
            "parts": ["items"]}  # fmt: skip

    refused = client.post(addresses.GRANTS_ROUTE, data=form)

    assert refused.status_code == 422
    assert "A book is opened to regulators alone." in refused.text
