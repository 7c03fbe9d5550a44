"""The plant looks at what rests on the province's piston gauge, and on its own module."""

import csv
import re
from io import StringIO
from typing import Any

import pytest

from service.demo.world import identifier
from service.web import impact
from service.web.impact import impact_of_calibration
from tests.service.demonstration import demonstration_client, links_of
from tests.service.nation import PISTON, act_for, resting_on

MODULE = identifier("ev:TPP.PRES.M25:2026-03-17")


@pytest.fixture
def client(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        app: Any = client.app
        app.include_router(impact.router)
        yield client


def test_the_ladder_counts_each_level_by_status(client):
    act_for(client, "NIM")
    national = identifier("ev:N.PRES.2:2024-04-04")

    page = client.get(impact_of_calibration(national), params={"lang": "en"}).text

    table = page.split("<tbody>")[1].split("</tbody>")[0]
    rows = [re.findall(r'num(?: dim)?">(\d+)<', row) for row in table.split("<tr>")[1:]]
    assert rows == [["1", "1", "1", "0", "0", "0"], ["2", "1", "1", "0", "0", "0"]]
    assert "<svg width=" in table


def test_every_item_is_listed_once_with_links_that_open(client, demo):
    page = client.get(impact_of_calibration(MODULE), params={"lang": "en"}).text

    gauges = {id_.split(":")[1] for id_ in resting_on(demo, "ev:TPP.PRES.M25:2026-03-17")}
    shown = [link for link in links_of(page, "/") if link.startswith("/i/")]
    assert sorted(shown) == sorted(f"/i/{identifier(gauge)}" for gauge in gauges)
    assert "6 rely on it on this day" in page
    for link in links_of(page, "/"):
        if link.startswith(("/i/", "/calibrations/", "/c/")):
            assert client.get(link).status_code == 200, link


def test_what_only_others_publish_is_named_but_not_linked(client, demo):
    chain = client.get(
        f"/v1/calibrations/{identifier('ev:TPP.PRES.D:2026-01-19')}/traceability-chain",
        headers={"accept": "application/json"},
    ).json()
    piston = chain["result"]["steps"][0]["calibration_id"]

    page = client.get(impact_of_calibration(piston), params={"lang": "en"}).text

    assert page.count('<span class="tag">published</span>') == 1
    links = {link for link in links_of(page, "/") if "/chain?" in link}
    assert len(links) == 17
    assert {client.get(link).status_code for link in links} == {200}


def test_a_day_before_shows_what_had_been_made_by_then(client):
    page = client.get(impact_of_calibration(MODULE), params={"on": "2026-03-17", "lang": "zh"}).text

    assert "截至当日，没有以其为标准的检定或校准。" in page
    assert "受其影响的器具" not in page


def test_the_list_is_a_table_for_a_spreadsheet(client, demo):
    answer = client.get(f"/calibrations/{MODULE}/impact.csv")

    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="impact-2026-11-21.csv"' in answer.headers["content-disposition"]
    assert len(rows) == len(resting_on(demo, "ev:TPP.PRES.M25:2026-03-17"))
    assert {row["steps_below"] for row in rows} == {"1"}
    assert {row["status"] for row in rows} == {"valid"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_keeps_the_rules_of_every_page(client, language):
    act_for(client, "PROV")
    page = client.get(impact_of_calibration(identifier(PISTON)), params={"lang": language}).text

    assert page.count("<h1>") == 1
    assert len(page.encode()) < 40_000
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert ("What rests on it" in page) is (language == "en")


def test_a_foreign_calibration_has_no_page(client):
    foreign = identifier("ev:CEM.PRES.D:2026-08-26")

    assert client.get(impact_of_calibration(foreign)).status_code == 404
    assert client.get(f"/calibrations/{foreign}/impact.csv").status_code == 404
