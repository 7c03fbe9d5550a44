"""The demonstration on a port of this machine, and the Chromium that looks at it."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import uvicorn

from service.demo.story import leave_open, say_hours
from service.demo.world import read_world
from tests.conftest import KEYS
from tests.service.demonstration import demonstration_client, live_recalls, live_story
from tests.service.planning import made

QUIET = [  # Chromium asks nobody but the page's own host
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def site(templates: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The demonstration with story, plan and two recalls lived: `address`, `story`, their ids.

    `document` is the id of the story's certificate, received as another laboratory's.
    """
    folder = tmp_path_factory.mktemp("site")
    path = Path(shutil.copyfile(templates("sqlite", "demo"), folder / "suyuan.db"))
    database = SimpleNamespace(application=f"sqlite:///{path}")
    world = read_world()
    with demonstration_client(world, database, KEYS, folder, accept="text/html") as client:
        story = live_story(world, client)
        engine = client.app.state.engine  # type: ignore[attr-defined]  # TestClient calls it a function
        say_hours(world, engine, today=world.as_of)
        plan = made(client)["id"]
        recall, notice = live_recalls(client)
        files = {"file": ("certificate.xml", story.files["xml"])}
        document = client.post("/v1/received-documents", files=files).json()["id"]
        line = leave_open(world, engine, today=world.as_of)
        with serving(client.app) as address:
            yield SimpleNamespace(
                address=address, story=story, recall=recall, notice=notice, document=document,
                line=line, plan=plan, engine=engine,
            )  # fmt: skip


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an application on a free port of loopback; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # requests wait until it is answered
        config = uvicorn.Config(app, log_config=None, access_log=False, ws="none")
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by playwright."""
    try:
        playwright_api = import_module("playwright.sync_api")
    except ImportError:
        _without("the `browser` packages are not installed")
    program = shutil.which("chromium")
    if program is None:
        _without("no `chromium` on the PATH")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


def _without(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
