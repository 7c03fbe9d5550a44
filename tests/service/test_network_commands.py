"""The operator recalls a standard over all books, and keeps the nation's network in a file."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from service.commands.recall import recall
from service.commands.snapshot import snapshot
from service.demo import database as database_of_demo
from service.demo.world import identifier, read_world
from tests.service.nation import PISTON, names_of, resting_on

FAULT = ("--last-good-on", "2026-06-30", "--found-on", "2026-11-21")
POINTS = ("--as-found", "0=0.001", "--as-found", "60=0.001")
PISTON_CERTIFICATE = "NIM-2025-00011"


@pytest.fixture
def demonstration(tmp_path, monkeypatch, templates):
    """A folder in which a demonstration has been."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUYUAN_DATABASE_URL", raising=False)
    there = tmp_path / database_of_demo.FOLDER
    there.mkdir()
    shutil.copyfile(templates("sqlite", "demo"), there / database_of_demo.NAME)
    return tmp_path


def run(command, *arguments):
    app = command
    if not isinstance(command, typer.Typer):
        app = typer.Typer()
        app.command()(command)
    return CliRunner().invoke(app, arguments)


def test_a_recall_reaches_every_book_and_says_so_by_its_exit(demonstration):
    world = read_world()
    answer = run(recall, "what-if", PISTON_CERTIFICATE, *FAULT, *POINTS, "--json")

    said = json.loads(answer.stdout)
    names = names_of(world)
    reached = resting_on(world, PISTON, after="2026-06-30", until="2026-11-21")
    assert answer.exit_code == 3
    assert {names[row["id"]] for row in said["calibrations"]} == reached
    assert {row["customer_id"] for row in said["affected"]} == {  # as their laboratories have it
        None, str(identifier("CEM")), str(identifier("TPP")),
    }  # fmt: skip
    assert "7 calibrations, 21 results affected, 3 overturned, 21 open" in answer.stderr


def test_each_affected_result_is_a_line(demonstration):
    answer = run(recall, "what-if", PISTON_CERTIFICATE, *FAULT, *POINTS, "--on", "2026-11-21")

    lines = answer.stdout.splitlines()
    assert len(lines) == 21
    assert all(line.count("\t") == 5 and " -> " in line for line in lines)


def test_a_fault_that_touches_nothing_ends_well(demonstration):
    days = ("--last-good-on", "2026-11-20", "--found-on", "2026-11-21")

    answer = run(recall, "what-if", PISTON_CERTIFICATE, *days, *POINTS)

    assert (answer.exit_code, answer.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*FAULT, "--as-found", "ten"), "10=-0.002"),
        ((*FAULT, *POINTS, "--assumption", "luck"), "worst_case"),
        (POINTS, "--last-good-on"),
        (FAULT, "--as-found"),
    ],
)
def test_wrong_usage_is_told(demonstration, arguments, told):
    answer = run(recall, "what-if", PISTON_CERTIFICATE, *arguments)

    assert answer.exit_code == 2
    assert told in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("NIM-1999-00001", *FAULT, *POINTS), "no calibration NIM-1999-00001"),
        ((PISTON_CERTIFICATE, *FAULT, *POINTS, "--unit", "kPa"), "calibrated in MPa"),
        ((PISTON_CERTIFICATE, *FAULT, "--as-found", "nan=0"), "finite"),
    ],
)
def test_what_cannot_be_answered_is_one_clear_error(demonstration, arguments, told):
    answer = run(recall, "what-if", *arguments)

    assert answer.exit_code == 1
    assert told in str(answer.exception)


IN_THE_PROVINCE = ("--book", "PROV")
AS_A_METROLOGIST = (*IN_THE_PROVINCE, "--person", "Sufang Cheng")


def test_a_recall_is_opened_told_settled_and_closed_by_command(demonstration):
    opened = run(
        recall, "open", PISTON_CERTIFICATE, *AS_A_METROLOGIST, *FAULT, *POINTS, "--unit", "MPa"
    )
    id_ = opened.stdout.strip()
    listed = run(recall, "list", *IN_THE_PROVINCE)
    sent = run(recall, "letters", id_, *AS_A_METROLOGIST)
    again = run(recall, "letters", id_, *AS_A_METROLOGIST)
    shown = run(recall, "show", id_, *IN_THE_PROVINCE)

    assert opened.exit_code == shown.exit_code == 3
    assert "9 results affected, 3 overturned, 0 of 3 items settled" in opened.stderr
    assert listed.stdout.startswith(f"{id_}\tPiston gauge standard 0.02\t2026-11-21\t0/3\topen")
    assert [line.split("\t")[1] for line in sent.stdout.splitlines()] == ["CEM", "TPP"]
    assert "0 letters" in again.stderr
    items = [line.split("\t")[0] for line in shown.stdout.splitlines()]
    assert len(items) == 3
    for item in items:
        closed = run(
            recall, "close", id_, *AS_A_METROLOGIST, "--item", item, "--statement", "scrapped"
        )
    assert closed.exit_code == 0
    assert "3 of 3 items settled" in closed.stderr
    done = run(recall, "show", id_, *IN_THE_PROVINCE, "--json")
    assert done.exit_code == 0
    assert {row["closing"]["statement"] for row in json.loads(done.stdout)["affected"]} == {
        "scrapped"
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("list", "--book", "NOBODY"), "no organization NOBODY"),
        (("letters", str(identifier("x")), "--book", "PROV", "--person", "Nemo"), "0 people"),
        (("close", str(identifier("x")), *AS_A_METROLOGIST, "--statement", "x"), "which item"),
    ],
)
def test_a_recall_by_nobody_is_wrong_usage(demonstration, arguments, told):
    answer = run(recall, *arguments)

    assert answer.exit_code == 2
    assert told in answer.stderr


def test_a_snapshot_is_written_and_read_without_the_books(demonstration):
    written = run(snapshot, "nation.network", "--on", "2026-11-21", "--json")
    shutil.rmtree(demonstration / database_of_demo.FOLDER)
    read = run(snapshot, "nation.network", "--read", "--on", "2026-12-31", "--json")

    assert written.exit_code == read.exit_code == 0
    first, later = json.loads(written.stdout), json.loads(read.stdout)
    assert (first["calibrations"], first["items"], first["calibrated"]) == (574, 276, 276)
    waiting = {item["id"] for item in read_world().data["items"]
               if item["status"]["state"] in ("sealed", "out_of_service")}  # fmt: skip
    assert (first["expired"], first["broken"]) == (len(waiting), 0)
    assert later["expired"] > first["expired"]
    assert later["watermark"] == first["watermark"]


def test_a_snapshot_is_updated_to_what_a_new_one_tells(demonstration):
    early = run(snapshot, "nation.network", "--known-at", "2026-01-15", "--json")
    updated = run(snapshot, "nation.network", "--update", "--on", "2026-11-21", "--json")
    missing = run(snapshot, "none.network", "--update")

    assert (early.exit_code, updated.exit_code, missing.exit_code) == (0, 0, 2)
    first, later = json.loads(early.stdout), json.loads(updated.stdout)
    assert first["calibrations"] < later["calibrations"] == 574
    assert (later["calibrated"], later["broken"]) == (276, 0)


def test_a_file_that_is_no_snapshot_is_refused(demonstration):
    Path("torn.network").write_bytes(b"SUYUANNW")

    torn = run(snapshot, "torn.network", "--read")
    missing = run(snapshot, "nowhere/nation.network")

    assert torn.exit_code == 1
    assert "8 bytes" in str(torn.exception)
    assert missing.exit_code == 2
    assert "No such file" in missing.stderr
