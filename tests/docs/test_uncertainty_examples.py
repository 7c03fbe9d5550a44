"""A stranger copies every example of docs/uncertainty.md, and each does what the page says."""

import doctest
import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from service.api import conformity_statements, uncertainty_budgets
from service.commands.budget import budget
from service.problems import add_problem_handlers

PAGE = Path(__file__).parents[2] / "docs" / "uncertainty.md"
BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
BLOCKS = [(kind, text) for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


def blocks(start):
    return [(kind.removeprefix(start), text) for kind, text in BLOCKS if kind.startswith(start)]


REQUESTS = [
    (asked.removeprefix("json POST "), question, int(told.removeprefix("json ")), answer)
    for (asked, question), (told, answer) in pairwise(BLOCKS)
    if asked.startswith("json POST ")
]
COMMANDS = [text.split("\n", 1) for _, text in blocks("console")]


@pytest.fixture(scope="module")
def api():
    app = FastAPI()
    for module in (uncertainty_budgets, conformity_statements):
        app.include_router(module.router, prefix="/v1")
    add_problem_handlers(app)
    with TestClient(app) as client:
        yield client


def test_every_block_of_the_page_is_of_a_kind_that_is_run_here():
    kinds = [kind for kind, _ in BLOCKS]
    answers = [kind for kind in kinds if re.fullmatch(r"json \d{3}", kind)]

    assert PAGE.read_text(encoding="utf-8").count("\n```") == 2 * len(BLOCKS)
    assert len(answers) == len(REQUESTS) >= 5
    assert len(COMMANDS) >= 5
    for kind in kinds:
        assert re.fullmatch(r"toml \w+\.toml|console|json POST \S+|json \d{3}|python", kind), kind


@pytest.mark.parametrize(("typed", "printed"), COMMANDS, ids=lambda text: text.split("\n")[0])
def test_every_command_prints_what_the_page_shows(typed, printed, tmp_path, monkeypatch):
    for name, text in blocks("toml "):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(typed.removeprefix("$ "))

    stdout, stderr = run(arguments)

    assert program == "suyuan"
    written = [line.rstrip() for line in (stdout + stderr).splitlines() if line.strip()]
    shown = [line for line in printed.splitlines() if line]
    assert [cut_like(*pair) for pair in zip(written, shown, strict=True)] == shown


def cut_like(written, shown):
    """Leave out of a line what the page leaves out: a hash is of no interest to a reader."""
    return written[: len(shown) - 1] + "…" if shown.endswith("…") else written


def run(arguments):
    """Run `suyuan budget …`; return what it and its entry point write on stdout and stderr."""
    app = typer.Typer()
    app.command("budget")(budget)
    app.callback()(lambda: None)
    result = CliRunner().invoke(app, arguments)
    if result.exception is None:
        return result.stdout, result.stderr
    return result.stdout, f"suyuan: {result.exception}"


@pytest.mark.parametrize(("path", "question", "status", "shown"), REQUESTS)
def test_every_request_is_answered_as_the_page_shows(api, path, question, status, shown):
    response = api.post(path, content=question, headers={"content-type": "application/json"})

    assert response.status_code == status, response.text
    assert_shown(json.loads(shown, parse_float=str), response.json())


def assert_shown(shown, actual):
    """Compare what a page shows of an answer: a part, with numbers to the digits shown."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert_shown(value, actual[name])
    elif isinstance(shown, list):
        assert len(shown) == len(actual)
        for one, other in zip(shown, actual, strict=True):
            assert_shown(one, other)
    elif isinstance(shown, str) and isinstance(actual, float):
        half_a_digit = 0.5 * 10.0 ** -len(shown.partition(".")[2])
        assert actual == pytest.approx(float(shown), abs=1.001 * half_a_digit)
    else:
        assert shown == actual


@pytest.mark.parametrize("code", [text for _, text in blocks("python")])
def test_every_line_of_python_says_what_the_page_shows(code):
    lesson = doctest.DocTestParser().get_doctest(code, {}, "docs/uncertainty.md", None, None)
    told: list[str] = []

    found = doctest.DocTestRunner().run(lesson, out=told.append)

    assert found.attempted >= 4
    assert found.failed == 0, "".join(told)
