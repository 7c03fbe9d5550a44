"""The certificates of a book on one page, as the demonstration's power plant sees them.

It is 21 November 2026. The oracle of where each stands is the public look-up, which reads the
directory and not the book.
"""

import csv
from collections import Counter
from io import StringIO

import pytest

from service.public import look_up
from service.store.certificate_list import STANDINGS
from service.web import addresses
from tests.service.demonstration import demonstration_client, links_of
from tests.service.nation import act_for

PAGE, FILE = addresses.CERTIFICATES_ROUTE, addresses.CERTIFICATES_CSV_ROUTE


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        act_for(client, "TPP")
        client.cookies.set("lang", "en")
        yield client


def rows_of(client, **asked):
    answer = client.get(FILE, params=asked)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))


def numbers_on(page):
    return [link.removeprefix("/c/") for link in links_of(page.text, PAGE) if "/c/" in link]


def test_each_certificate_stands_in_the_book_as_the_public_look_up_says(client, demo):
    state = client.app.state
    rows = rows_of(client)

    said = {row["number"]: row["status"] for row in rows}
    told = {
        number: look_up(state.engine, state.keys, number, on=demo.as_of).standing.standing.value
        for number in said
    }
    assert len(said) > 100
    assert {number: status.replace("_", " ") for number, status in told.items()} == said
    assert len(set(said.values())) == 3  # valid, due soon, expired


def test_the_filters_divide_the_list_and_the_pages_make_it_up(client):
    rows = rows_of(client)
    numbers = Counter(row["number"] for row in rows)

    by_standing = sum((Counter(row["number"] for row in rows_of(client, standing=standing.value))
                       for standing in STANDINGS), Counter())  # fmt: skip
    by_issuer = {whose: rows_of(client, issuer=whose) for whose in ("own", "others")}
    of_2025 = rows_of(client, first="2025-01-01", last="2025-12-31")
    first, second = client.get(PAGE), client.get(PAGE, params={"page": 2})

    assert by_standing == numbers
    assert all(row["number"].startswith("TPP-") for row in by_issuer["own"])
    assert not any(row["number"].startswith("TPP-") for row in by_issuer["others"])
    assert len(by_issuer["own"]) + len(by_issuer["others"]) == len(rows)
    assert [row for row in rows if row["issued_on"].startswith("2025")] == of_2025
    assert numbers_on(first) + numbers_on(second) == [
        row["number"] for row in rows[: 2 * len(numbers_on(first))]
    ]


def test_the_newest_come_first_and_a_column_turns_round(client):
    newest = [row["issued_on"] for row in rows_of(client)]
    until = [row["valid_until"] for row in rows_of(client, sort="until", descending="0")]

    assert newest == sorted(newest, reverse=True)
    ends = [day for day in until if day]
    assert until == sorted(ends) + [""] * (len(until) - len(ends))


def test_one_instrument_is_found_by_its_serial_number_and_nobody_elses_book_is_read(client):
    gauge = rows_of(client, q="0083105")
    act_for(client, "STL")
    theirs = rows_of(client)

    assert {row["name_en"] for row in gauge} == {"Bourdon gauge (auxiliary steam header)"}
    assert len(gauge) == 8
    assert theirs
    assert not any(row["number"].startswith("TPP-") for row in theirs)


def test_a_filter_that_nothing_fits_says_so_in_both_languages(client):
    english = client.get(PAGE, params={"q": "no such thing"}).text
    client.cookies.set("lang", "zh")
    chinese = client.get(PAGE, params={"q": "no such thing"}).text

    assert "No certificate fits this filter." in english
    assert "没有符合条件的证书。" in chinese
    for day in ("yesterday", "0001-01-01", "9999-12-31"):
        assert client.get(PAGE, params={"first": day}).status_code == 422
