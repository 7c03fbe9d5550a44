"""A stranger copies every example of docs/special-evaluations.md, and each does what it says."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.exchange.special import REQUESTS, file

PAGE = Path(__file__).parents[2] / "docs" / "special-evaluations.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*) ?(\S*)\n((?:.*\n)*?)^```$", TEXT, re.MULTILINE)
COMMANDS = [text.split("\n", 1) for kind, _, text in BLOCKS if kind == "console"]
FILES = {name: text for kind, name, text in BLOCKS if kind == "csv"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    slip = FILES["heat-capacity.csv"].replace("1.0012,2.6520", "1.0012,2.65z0")
    (tmp_path / "slip.csv").write_text(slip, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("typed", "printed"), COMMANDS, ids=lambda text: text.split("\n")[0])
def test_every_command_prints_what_the_page_shows(typed, printed, folder):
    program, *arguments = shlex.split(typed.removeprefix("$ "))

    result = CliRunner().invoke(app, arguments)

    told = result.stdout
    if result.exit_code == 1:
        told += f"suyuan: {result.exception}"
    assert program == "suyuan"
    written = [line.rstrip() for line in told.splitlines() if line.strip()]
    assert written == [line for line in printed.splitlines() if line]


def test_every_evaluation_has_its_example_and_it_is_the_one_that_ships():
    assert {f"{kind}.csv": file.example(kind) for kind in REQUESTS} == FILES
    assert len(COMMANDS) == len(REQUESTS) + 1
