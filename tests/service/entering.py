"""People who come in through the door: the application, a browser, an invitation taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.actions import accounts
from service.app import create_app
from service.settings import Settings
from service.tenancy import TenantSession

PASSWORD = "copper lanterns over the frozen quay"  # noqa: S105  (of the tests)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime


@contextmanager
def application(url: str, folder: Path, clock: Clock, **settings: Any) -> Iterator[FastAPI]:
    """Yield the service on a test's database, reached over HTTPS."""
    app = create_app(
        Settings(
            database_url=url,
            lookup_key_file=folder / "key",
            public_url="https://testserver",
            **settings,
        )
    )
    app.state.clock = lambda: clock.now
    yield app
    app.state.engine.dispose()


def browser(app: FastAPI) -> TestClient:
    """Open a browser with no cookies."""
    return TestClient(app, "https://testserver", follow_redirects=False)


def invitation(app: FastAPI, organization_id: UUID, role: str) -> str:
    """Invite Fang Wang into an organization; return the path of the invitation."""
    with TenantSession(app.state.engine, organization_id) as session, session.begin():
        invited = accounts.invite(
            session, role=role, authorised={}, actor_id=None, now=app.state.clock(),
            name_zh="王芳", name_en="Fang Wang",
        )  # fmt: skip
    return f"/invitations/{invited.token}"


def entered(app: FastAPI, organization_id: UUID, role: str, name: str) -> TestClient:
    """Return a browser in which an invited person has taken the invitation."""
    client = browser(app)
    path = invitation(app, organization_id, role)
    answer = client.post(path, data={"name": name, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    return client


def key_of(client: TestClient, *scopes: str, expires_at: str = "2026-06-01T00:00:00Z") -> str:
    """Let a logged-in person make a key; return its text."""
    said = {"name": "of the tests", "scopes": scopes, "expires_at": expires_at}
    answer = client.post("/v1/api-keys", json=said)
    assert answer.status_code == 201, answer.text
    text: str = answer.json()["key"]
    return text
