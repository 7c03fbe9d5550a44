"""The life of a lot by three doors: the API, the command line and a page, all with one answer.

400 electricity meters were looked at after 2, 4, 6 and 8 years; 24 had failed.
"""

import json

import pytest
from typer.testing import CliRunner

from service.cli import app as command_line
from service.exchange.lot_request import EXAMPLES, LotRequest, answer
from tests.service.demonstration import demonstration_client

METERS = EXAMPLES["electricity_meters"]["value"]
NOTHING_FAILED = EXAMPLES["nothing_failed"]["value"]


@pytest.fixture
def doors(demo, database, keys, tmp_path):
    with demonstration_client(demo, database, keys, tmp_path, accept="application/json") as client:
        yield client


@pytest.fixture
def run(tmp_path):
    """Ask the command about a lot in a file."""

    def run(content, *said):
        path = tmp_path / "lot.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return CliRunner().invoke(command_line, ["interval", "--lot", str(path), *said])

    return run


def test_the_doors_give_one_answer(doors, run):
    told = doors.post("/v1/lots", json=METERS).json()
    ran = run(METERS, "--json")

    assert (told["status"], told["failures"]) == ("watch", 24)
    assert json.loads(ran.stdout) == told
    assert ran.exit_code == 3  # a finding: the lot cannot simply be kept
    page = doors.get("/lots", headers={"accept": "text/html"}).text
    assert told["sentences"][0]["zh"] in page or told["sentences"][0]["en"] in page


def test_where_nothing_failed_there_is_a_limit_and_no_estimate(doors):
    told = doors.post("/v1/lots", json=NOTHING_FAILED).json()

    assert (told["scale"], told["shape"], told["reason"]) == (None, None, "no_failures")
    assert told["at_next_age"]["estimate"] is None
    assert 0 < told["at_next_age"]["low"] < told["at_next_age"]["high"] == 1
    assert told["constant_rate"]["estimate"] is None


def test_a_lot_that_wears_out_is_told_no_constant_rate():
    told = answer(LotRequest.model_validate(METERS))

    assert told.p_exponential is not None
    assert told.p_exponential < 0.05
    assert told.constant_rate is None


def test_the_replacement_never_comes_after_the_latest_age_allowed():
    told = answer(LotRequest.model_validate(METERS | {"latest": 5}))

    assert told.replacement.age == 5
    assert told.replacement.is_limited_by_latest


def test_the_limits_hold_the_estimate_and_fall_with_age():
    curve = answer(LotRequest.model_validate(METERS)).curve

    assert all(point.low <= (point.estimate or 0) <= point.high for point in curve)
    lows = [point.low for point in curve]
    assert lows == sorted(lows, reverse=True)


def with_row(**changes):
    return METERS | {"rows": [{"after": 2, "by": 4, "count": 3} | changes]}


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        (with_row(by=1), "/rows/0/by"),
        (with_row(count=0), "/rows/0/count"),
        (with_row(after=-1), "/rows/0/after"),
        (with_row(after=0, by=None), "/rows/0/after"),
        (METERS | {"rows": []}, "/rows"),
        (METERS | {"target_reliability": 95}, "/target_reliability"),
        (METERS | {"next_age": 0}, "/next_age"),
        (METERS | {"lives": 9}, "/lives"),
    ],
)
def test_what_cannot_be_is_refused_and_pointed_at(doors, said, pointer):
    response = doors.post("/v1/lots", json=said)

    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_not_a_number_is_no_age(doors):
    content = json.dumps(METERS).replace('"next_age": 9', '"next_age": NaN')

    response = doors.post("/v1/lots", content=content, headers={"content-type": "application/json"})

    assert response.status_code == 422


@pytest.mark.parametrize("content", ["", "no json", "[]", json.dumps(with_row(by=1))])
def test_a_file_that_cannot_be_read_says_why(run, content):
    ran = run(content)

    assert ran.exit_code not in (0, 3)


@pytest.mark.parametrize("rows", ["1 2", "a b c", "2 1 3", "0 - 4", "nan - 4", "1 - 1.5"])
def test_a_page_that_cannot_be_asked_keeps_what_was_typed(doors, rows):
    response = doors.get("/lots", params={"rows": rows}, headers={"accept": "text/html"})

    assert response.status_code == 422
    assert f">{rows}</textarea>" in response.text
