"""A route that signs asks for a proof of identity that is at most 300 s old."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service import auth
from service.auth import Actor, Reauthenticated
from service.problems import add_problem_handlers

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ME = UUID(int=1)


@pytest.fixture
def ask(monkeypatch):
    """Sign as somebody whose identity was proven so many seconds ago; None for a machine."""
    app = FastAPI()
    app.state.clock = lambda: NOW
    add_problem_handlers(app)

    @app.post("/account/signatures", tags=["account"])  # whatever one's role
    def sign(actor: Reauthenticated) -> UUID:
        return actor.person_id

    def ask_(seconds):
        proven = None if seconds is None else NOW - timedelta(seconds=seconds)
        monkeypatch.setattr(auth, "actor_of", lambda _request: Actor(ME, ME, proven))
        return TestClient(app).post("/account/signatures")

    return ask_


@pytest.mark.parametrize("seconds", [0, 300])
def test_a_fresh_proof_signs(ask, seconds):
    assert ask(seconds).json() == str(ME)


@pytest.mark.parametrize("seconds", [301, None], ids=["an older one", "a machine's"])
def test_no_other_proof_signs(ask, seconds):
    answer = ask(seconds)

    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/reauthentication-required"
