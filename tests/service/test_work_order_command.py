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
