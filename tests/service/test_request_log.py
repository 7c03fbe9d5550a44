"""Every answer carries a request id, and each request is one line of the log."""

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service import log


@pytest.fixture
def client(capsys):
    log.configure()
    app = FastAPI()
    app.add_middleware(log.RequestLog)

    @app.get("/answer")
    def answer() -> str:
        return "yes"

    with TestClient(app) as client:
        yield client


def test_a_callers_plain_id_comes_back(client):
    assert client.get("/answer", headers={"X-Request-ID": "night-run-7"}).headers[
        "X-Request-ID"
    ] == "night-run-7"  # fmt: skip


@pytest.mark.parametrize("given", ["two words", "a" * 65, "a;b", ""])
def test_any_other_id_is_replaced(client, given):
    answered = client.get("/answer", headers={"X-Request-ID": given}).headers["X-Request-ID"]

    assert answered != given
    assert len(answered) == 36


def test_a_path_with_a_line_break_is_still_one_line(client, capsys):
    client.get("/answer%0A%7B%22forged%22%3A1%7D")

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    told = json.loads(lines[0])
    assert told["status"] == 404
    assert "\n" in told["path"]
