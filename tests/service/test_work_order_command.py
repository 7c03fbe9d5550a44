"""`suyuan work-order` on the demonstration: what is on the benches, and a sheet from a file."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from service import clock
from service.cli import app
from service.database import open_engine
from service.demo import database as database_of_demo
from service.demo.story import leave_open, live
from service.demo.world import moment, read_world
from tests.conftest import KEYS
from tests.seals import SEALS

HALF_READ = "TPP-WO-2026-00002/2"
IN_TPP = ("--organization", "TPP")
READINGS = """\
nominal,up_before_tapping,up_after_tapping,down_before_tapping,down_after_tapping
0.8,0.82,0.81,0.82,0.82
1.2,1.21,1.21,1.22,1.22
1.6,1.61,1.61,1.61,1.61
"""


@pytest.fixture
def demonstration(tmp_path, monkeypatch, templates):
    """A folder in which a demonstration has been, on its own day."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("SUYUAN_DATABASE_URL", raising=False)
    there = tmp_path / database_of_demo.FOLDER
    there.mkdir()
    path = shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)
    (there / "lookup-key").write_text(KEYS.secret.hex())
    world, engine = read_world(), open_engine(f"sqlite:///{path}")
    live(
        world, engine, keys=KEYS, seals=SEALS, today=world.as_of, url="http://127.0.0.1/c/{number}"
    )
    leave_open(world, engine, today=world.as_of)
    engine.dispose()
    monkeypatch.setattr(clock, "now", lambda: moment(world.as_of, 18))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["work-order", *arguments])


def test_the_benches_are_listed_and_a_sheet_is_filled_from_a_file(demonstration):
    (demonstration / "readings.csv").write_text(READINGS, "utf-8")

    listed = run("list", *IN_TPP, "--state", "assigned", "--json")
    before = run("show", HALF_READ, *IN_TPP, "--json")
    filled = run("fill", HALF_READ, "readings.csv", *IN_TPP, "--as", "李子涵")
    after = run("show", HALF_READ, *IN_TPP)

    assert [row["number"] for row in json.loads(listed.stdout)] == [HALF_READ]
    assert before.exit_code == 3
    told = json.loads(before.stdout)
    assert (told["revision"], told["verdict"]) == (1, "undetermined")
    assert "/rows/2/up_after_tapping" in {row["pointer"] for row in told["problems"]}
    assert filled.exit_code == 0, filled.output
    assert "saved as revision 2: pass" in filled.stdout
    assert after.exit_code == 0
    assert "1.61" in after.stdout


def test_who_is_not_authorised_fills_nothing_in(demonstration):
    (demonstration / "readings.csv").write_text(READINGS, "utf-8")

    keeper = run("fill", HALF_READ, "readings.csv", *IN_TPP, "--as", "Yulan Zheng")
    nobody = run("fill", HALF_READ, "readings.csv", *IN_TPP, "--as", "Nobody")
    nothing = run("show", "TPP-WO-2026-00009", *IN_TPP)

    assert keeper.exit_code == 1
    assert "not authorised" in str(keeper.exception)
    assert nobody.exit_code == nothing.exit_code == 2
    assert json.loads(run("show", HALF_READ, *IN_TPP, "--json").stdout)["revision"] == 1


def step(*arguments):
    """Let a command take a step as the plant's metrologist; return what it tells of the item."""
    done = run(*arguments, *IN_TPP, "--as", "李子涵", "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_order_is_placed_moved_to_the_bench_and_each_step_says_what_may_follow(demonstration):
    (demonstration / "front.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(16))

    (placed,) = step("new", "0001093", "--procedure", "JJG 52", "--due-on", "2026-12-01")
    number = placed["number"]
    (accepted,) = step("accept", number)
    received = step("receive", number, "--condition", "完好", "--photo", "front.png")
    assigned = step("assign", number, "--to", "Zihan Li", "--on", "2026-11-23")
    back = step("return", number, "--handed-to", "周强")

    assert (placed["state"], placed["next"]) == ("requested", ["accept", "decline", "cancel"])
    assert (accepted["state"], accepted["next"]) == ("accepted", ["receive", "cancel"])
    assert (received["state"], received["next"]) == ("received", ["assign", "return"])
    assert (assigned["state"], assigned["assigned_to"]) == ("assigned", "Zihan Li")
    assert "fill, then submit on its page" in assigned["next"]
    assert (back["state"], back["next"]) == ("returned", [])


def test_what_cannot_be_is_refused_with_the_reason_and_nothing_changes(demonstration):
    (placed,) = step("new", "0001093", "--procedure", "JJG 52")
    number = placed["number"]
    as_li = (*IN_TPP, "--as", "李子涵")

    too_early = run("receive", number, "--condition", "完好", *as_li)
    nobody = run("accept", number, *IN_TPP, "--as", "无名氏")
    no_reason = run("decline", number, "--reason", " ", *as_li)
    again = run("new", "0001093", "--procedure", "JJG 52", *as_li)
    unknown = run("new", "no such number", *as_li)

    assert (too_early.exit_code, type(too_early.exception).__name__) == (1, "StepOutOfOrder")
    assert nobody.exit_code == unknown.exit_code == 2
    assert "/reason: is missing" in str(no_reason.exception)
    assert type(again.exception).__name__ == "AlreadyThere"
    (row,) = [row for row in json.loads(run("list", *IN_TPP, "--json").stdout)
              if row["number"] == number]  # fmt: skip
    assert row["state"] == "requested"


def test_an_order_goes_to_another_laboratory_and_its_answer_comes_back(demonstration):
    in_city = ("--organization", "CITY", "--as", "唐俊杰")
    (placed,) = step("new", "0001093", "--procedure", "JJG 52", "--laboratory", "CITY")

    (waiting,) = json.loads(run("inbox", "--organization", "CITY", "--json").stdout)
    taken = run("take-in", waiting["id"], *in_city)
    declined = run("decline", "CITY-WO-2026-00001", "--reason", "no bench free", *in_city)
    (answer,) = json.loads(run("inbox", *IN_TPP, "--json").stdout)
    (told,) = step("take-in", answer["id"])

    assert (waiting["kind"], waiting["number"]) == ("order", placed["number"])
    assert "requested" in taken.stdout
    assert "declined\tnext: nothing" in declined.stdout
    assert answer["kind"] == "acceptance"
    assert told["state"] == "declined"


def test_a_remark_for_the_certificate_is_written_in_both_languages(demonstration):
    half = run("remark", HALF_READ, "deviations_zh=未测零点", *IN_TPP, "--as", "李子涵")
    whole = run("remark", HALF_READ, "deviations_en=no zero", *IN_TPP, "--as", "李子涵")
    shown = json.loads(run("show", HALF_READ, *IN_TPP, "--json").stdout)

    assert half.exit_code == 3
    assert "/remarks/deviations_en\tis missing" in half.stdout
    assert "/remarks" not in whole.stdout
    assert shown["sheet"]["remarks"] == {"deviations_zh": "未测零点", "deviations_en": "no zero"}
