"""A stranger copies every example of docs/procedures.md, and each does what the page says."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from procedures.edition_reader import load_catalogue
from service.catalogue import edition_named
from service.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "procedures.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*) ?(\S*)\n((?:.*\n)*?)^```$", TEXT, re.MULTILINE)
COMMANDS = [text.split("\n", 1) for kind, _, text in BLOCKS if kind == "console"]
FIELD = re.compile(r"^\| (`.*?) \|", re.MULTILINE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files of the page, and those that it tells of by one change."""
    for kind, name, text in BLOCKS:
        if kind in ("toml", "csv"):
            (tmp_path / name).write_text(text, encoding="utf-8")
    mine = (tmp_path / "thermometer.toml").read_text(encoding="utf-8")
    changed(tmp_path / "slip.toml", mine, 'judges = "error"', 'judges = "eror"')
    readings = (tmp_path / "readings.csv").read_text(encoding="utf-8")
    changed(tmp_path / "hot.csv", readings, "temperature,23", "temperature,30")
    regulation = edition_named("JJG 52", "2013").text
    changed(tmp_path / "wider.toml", regulation, "mpe_percent = 1.6,", "mpe_percent = 2.0,")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def changed(path, text, old, new):
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(("typed", "printed"), COMMANDS, ids=lambda text: text.split("\n")[0])
def test_every_command_prints_what_the_page_shows(typed, printed, folder):
    program, *arguments = shlex.split(typed.removeprefix("$ "))

    result = CliRunner().invoke(app, arguments)

    assert program == "suyuan"
    told = result.stdout
    if result.exit_code == 1:
        told += f"suyuan: {result.exception}"
    written = [line.rstrip() for line in told.splitlines() if line.strip()]
    shown = [line for line in printed.splitlines() if line]
    assert [cut_like(*pair) for pair in zip(written, shown, strict=True)] == shown


def cut_like(written, shown):
    """Leave out of a line what the page leaves out."""
    return written[: len(shown) - 1] + "…" if shown.endswith("…") else written


def test_the_page_has_its_examples():
    assert len(COMMANDS) == 5
    assert TEXT.count("\n```") == 2 * len(BLOCKS)


def test_every_field_that_the_catalogue_uses_stands_in_the_table():
    told = {name.split(".")[0].strip("[]") for row in FIELD.findall(TEXT)
            for name in re.findall(r"`([^`]+)`", row)}  # fmt: skip
    used = set()
    for edition in load_catalogue():
        text = edition_named(edition.code, edition.edition).text
        used |= set(re.findall(r"^([a-z_]+)[ .].*=", text, re.MULTILINE)) & TOP
        used |= {name.split(".")[0] for name in re.findall(r"^\[+([a-z_.]+)", text, re.MULTILINE)}

    assert used <= told


TOP = {"code", "edition", "kind", "issued_on", "in_force_from", "in_force_no_later_than",
       "in_force_until", "replaces", "replaced_by", "based_on", "note"}  # fmt: skip
