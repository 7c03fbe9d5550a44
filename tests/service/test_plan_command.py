"""`suyuan plan` in the power plant's book: said, made, shown, explained, accepted, taken along."""

import json

import pytest
from icalendar import Calendar
from typer.testing import CliRunner

from service.cli import app
from tests.service.planning import SETTINGS

BOOK = ["--book", "TPP"]


@pytest.fixture
def run(demo, database, monkeypatch):
    """Run a command in the demonstration's database, on its day."""
    monkeypatch.setenv("SUYUAN_DATABASE_URL", database.application)
    monkeypatch.setenv("SUYUAN_DEMONSTRATION_TODAY", "2026-11-21")

    def run_(*words, code=0):
        result = CliRunner().invoke(app, ["plan", *words])
        assert result.exit_code == code, result.output + str(result.exception)
        return result

    return run_


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "laboratory.json"
    path.write_text(json.dumps(SETTINGS), "utf-8")
    return str(path)


def test_from_the_hours_to_the_calendar(run, settings):
    run("settings", settings, *BOOK, "--reason", "the year 2027")
    made = run("make", *BOOK, "--lang", "en")
    plan_id = made.stdout.strip()
    shown = json.loads(run("show", *BOOK, "--json").stdout)
    first = next(row for row in shown["placements"] if row["week_on"])
    why = run("explain", first["serial_number"], *BOOK, "--lang", "en").stdout
    accepted = run("accept", *BOOK).stdout.strip()
    table = run("export", *BOOK).stdout
    calendar = Calendar.from_ical(run("export", *BOOK, "--form", "ics").stdout)

    assert shown["id"] == plan_id == accepted
    assert "call-off list" in made.stderr
    assert first["week_on"] in why
    assert "chosen" in why
    assert len(table.strip().splitlines()) == shown["items"] + 1
    assert len(calendar.walk("VEVENT")) == shown["checked"]["trips"]


def test_without_hours_nothing_is_planned(run):
    with pytest.raises(AssertionError, match="say first what the laboratory can do"):
        run("make", *BOOK)


def test_a_file_that_cannot_be_is_refused_with_the_place(run, tmp_path):
    path = tmp_path / "laboratory.json"
    path.write_text(json.dumps(SETTINGS | {"weeks": 0}), "utf-8")

    refused = run("settings", str(path), *BOOK, "--reason", "x", code=2)

    assert "/weeks" in refused.stderr


def test_what_finds_no_week_is_a_finding(run, settings, tmp_path):
    path = tmp_path / "nobody.json"
    path.write_text(json.dumps(SETTINGS | {"persons": []}), "utf-8")
    run("settings", str(path), *BOOK, "--reason", "all are ill")

    made = run("make", *BOOK, code=3)
    shown = run("show", *BOOK, code=3)

    assert made.stdout.strip()
    assert "persons_hours" in shown.stderr
