"""A plant asks how long its instruments may run: by histories it brings, and from its own book.

The belt weigher TPP.BELT.01 drifts; the truck scale TPP.TRUCK.01 is under mandatory verification,
twelve months by JJG 539. Both were calibrated once a year.
"""

import json
import shutil

import pytest
import typer
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from service.api import intervals
from service.commands.interval import interval
from service.demo import database as database_of_demo
from service.demo.world import identifier
from service.problems import add_problem_handlers
from service.web import addresses
from tests.service.demonstration import demonstration_client
from tests.service.nation import act_for, doors_of_the_network

BELT, TRUCK = identifier("TPP.BELT.01"), identifier("TPP.TRUCK.01")
DRIFTING = [
    {"on": "2021-03-01", "as_found": 0.002},
    {"on": "2022-03-05", "as_found": 0.011},
    {"on": "2023-02-20", "as_found": 0.021},
    {"on": "2024-03-11", "as_found": 0.031, "as_left": 0.0, "adjusted": True},
    {"on": "2025-03-01", "as_found": 0.009},
]


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with doors_of_the_network(demo, database, keys, tmp_path) as client:
        act_for(client, "TPP")
        yield client


@pytest.fixture(scope="module")
def api():
    app = FastAPI()
    app.include_router(intervals.router, prefix="/v1")
    add_problem_handlers(app)
    with TestClient(app) as client:
        yield client


def history(records, **changes):
    return {"tolerance": 0.04, "standard_uncertainty": 0.001, "records": records} | changes


def asked(api, *items, **changes):
    return api.post("/v1/intervals", json={"items": list(items)} | changes)


# ── Histories that come with the question ────────────────────────────────────────────────────


def test_an_item_that_drifts_is_told_how_long_it_may_run(api):
    (told,) = asked(api, history(DRIFTING)).json()["items"]

    # left at 0, then 0.009 a year: the limit is some three and a half years off
    assert told["ground"] == "statistics"
    assert told["proposal"]["cautious_months"] <= told["months"] <= told["proposal"]["months"]
    assert 24 <= told["proposal"]["months"] <= 42
    probabilities = [point["probability"] for point in told["curve"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(point["low"] <= point["probability"] <= point["high"] for point in told["curve"])
    assert all(sentence["zh"] and sentence["en"] for sentence in told["sentences"])


def test_a_mandatory_period_is_never_lengthened(api):
    legal = {"is_mandatory": True, "legal_months": 12, "current_months": 12}

    (free,) = asked(api, history(DRIFTING), target_reliability=0.6).json()["items"]
    (capped,) = asked(api, history(DRIFTING, **legal), target_reliability=0.6).json()["items"]

    assert free["months"] > 12
    assert (capped["months"], capped["ground"]) == (12, "legal_cap")
    assert capped["proposal"] == free["proposal"]
    assert "never extended" in capped["sentences"][0]["en"]


def test_costs_make_a_curve_with_its_least_inside(api):
    costs = {"calibration": 300, "out_of_tolerance": 20_000}

    (told,) = asked(api, history(DRIFTING), costs=costs).json()["items"]

    per_year = [point["cost_per_year"] for point in told["curve"]]
    assert per_year[0] is None
    assert min(per_year[1:]) < per_year[1]
    assert min(per_year[1:]) < per_year[-1]


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "no_history"),
        ([{"on": "2025-03-01", "as_found": 0.01}], "too_few_calibrations"),
        ([*DRIFTING, {"on": "2026-03-01", "as_found": 0.05, "adjusted": True}], "as_left_unknown"),
        ([{"on": f"202{i}-03-01", "within": True} for i in range(5)], "no_values"),
    ],
)
def test_what_a_history_does_not_tell_is_answered_and_the_period_in_force_stays(
    api, records, reason
):
    (told,) = asked(api, history(records, legal_months=24, current_months=12)).json()["items"]

    assert told["proposal"]["reason"] == reason
    assert (told["months"], told["ground"]) == (12, "kept")
    assert told["curve"] == []
    (nothing,) = asked(api, history(records)).json()["items"]
    assert nothing["months"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"items": []}, "/items"),
        ({"items": [history(DRIFTING, tolerance=0)]}, "/items/0/tolerance"),
        ({"items": [history(DRIFTING)], "target_reliability": 95}, "/target_reliability"),
        ({"items": [history(DRIFTING[::-1])]}, "/items/0/records/1/on"),
        ({"items": [history([{"on": "2025-03-01", "as_left": 1}])]}, "/items/0/records/0/as_left"),
        (
            {"items": [history([{"on": "2025-03-01", "as_found": 1, "within": True}])]},
            "/items/0/records/0/within",
        ),
        (
            {"items": [history([{"on": "2025-03-01", "as_found": 1e9}])]},
            "/items/0/records/0/as_found",
        ),
        ({"items": [history(DRIFTING, legal_months=0)]}, "/items/0/legal_months"),
    ],
)
def test_a_question_that_cannot_be_asked_is_pointed_at(api, body, pointer):
    refused = api.post("/v1/intervals", json=body)

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]


# ── Items of the own book ────────────────────────────────────────────────────────────────────


def interval_of(doors, item_id, **params):
    return doors.get(f"/v1/items/{item_id}/interval", params=params).json()


def test_an_item_of_the_book_is_told_from_its_own_calibrations(doors):
    told = interval_of(doors, BELT)

    assert told["calibrations"] >= 5
    assert told["statement"]["growth"] == "grows"
    assert (told["at"], told["unit"]) == ("20", "t")
    assert 1 <= told["months"] <= told["proposal"]["months"]
    assert interval_of(doors, BELT, target_reliability=0.5)["months"] > told["months"]


def test_a_truck_scale_keeps_to_its_legal_year(doors):
    told = interval_of(doors, TRUCK, target_reliability=0.3)

    assert told["is_mandatory"]
    assert told["proposal"]["advised_months"] > told["months"]
    assert told["months"] == told["legal_months"] == 12


def test_what_was_not_known_yet_is_not_told(doors):
    now, then = interval_of(doors, BELT), interval_of(doors, BELT, on="2024-12-31")
    before = interval_of(doors, BELT, on="2000-01-01")

    assert then["calibrations"] < now["calibrations"]
    assert (before["proposal"]["reason"], before["months"]) == ("no_history", 12)


def test_an_item_of_another_book_is_not_there(doors):
    assert doors.get(f"/v1/items/{identifier('CEM.BELT.03')}/interval").status_code == 404
    assert doors.get(f"/v1/items/{BELT}/interval?target_reliability=1").status_code == 422


@pytest.fixture
def pages(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="text/html") as client:
        act_for(client, "TPP")
        yield client


def test_the_page_of_an_item_says_it_in_words_and_draws_it(pages):
    in_english, in_chinese = (
        pages.get(addresses.item(BELT), params={"lang": lang}).text for lang in ("en", "zh")
    )

    assert "How long it may run" in in_english
    assert "The errors grow with time" in in_english
    assert "可用多久" in in_chinese
    assert 'class="chart forecast"' in in_chinese


# ── At the command line ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def at_the_command_line(tmp_path, monkeypatch, templates):
    """The command, run where a demonstration has been."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUYUAN_DATABASE_URL", raising=False)
    there = tmp_path / database_of_demo.FOLDER
    there.mkdir()
    shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)
    app = typer.Typer()
    app.command()(interval)
    return lambda *words: CliRunner().invoke(app, words)


def test_the_command_prints_words_and_a_table(at_the_command_line):
    in_english = at_the_command_line("2017685", "--on", "2026-11-21", "--lang", "en")
    in_chinese = at_the_command_line("2017685", "--on", "2026-11-21", "--lang", "zh")

    assert in_english.exit_code == 0
    assert "Go by" in in_english.stdout
    assert "█" in in_english.stdout
    assert "建议间隔" in in_chinese.stdout


def test_the_command_prints_json_and_refuses_what_is_none(at_the_command_line):
    told = at_the_command_line("2017685", "--on", "2026-11-21", "--json")

    (answer,) = json.loads(told.stdout)
    assert answer["item_id"] == str(BELT)
    assert at_the_command_line("2017685", "--target", "95").exit_code == 2
    assert at_the_command_line("no such number").exit_code == 1
    assert at_the_command_line("2017685", "--on", "2000-01-01").exit_code in (0, 3)
